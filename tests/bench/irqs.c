/*
 * irqs DIR CPUS MOVING TICKS: what interrupts cost. DIR is a capture of make-capture.sh with that
 * many CPUs; of its interrupts MOVING fire between two ticks. A tick is the probe's run and the
 * snapshot of it; a frame is the digest and the irq view (table and matrix) on 160x50.
 *
 * Prints CPU times. Instructions: callgrind --toggle-collect=measured_tick or measured_frame,
 * divided by TICKS (tests/bench/run.sh).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/sampler.h"
#include "probes/probes.h"
#include "tui/ui.h"

#define FIRST_IRQ 24u
#define CELL 11u /* columns of a count in the made-up proc/interrupts, behind "  24:" */
#define WARM_UP 3u

struct bench {
	const char *dir;
	unsigned n_cpus, n_moving;
	struct sampler *sampler;
	const struct snapshot *snap;
	struct ui ui;
	struct surface surface;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static char *load(const struct bench *b, const char *name, size_t *ret_len)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", b->dir, name);
	FILE *file = fopen(path, "re");
	char *text;
	long size;

	if (!file || fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0) {
		fprintf(stderr, "irqs: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	rewind(file);
	text = xcalloc(1, (size_t)size + 1);
	*ret_len = fread(text, 1, (size_t)size, file);
	(void)fclose(file);
	return text;
}

/* In place: the program keeps the file open, as it does with the kernel's. */
static void store(const struct bench *b, const char *name, const char *text, size_t len)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", b->dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, text, len, 0) != (ssize_t)len || ftruncate(fd, (off_t)len) < 0) {
		fprintf(stderr, "irqs: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	(void)close(fd);
}

/* One more at the CPU the interrupt is delivered to: its number modulo the CPUs. */
static void move_rows(const struct bench *b)
{
	size_t len;
	_cleanup_(freep) char *text = load(b, "proc/interrupts", &len);
	char *line = strchr(text, '\n');

	for (unsigned i = 0; line && i < b->n_moving; i++) {
		char *cell = line + 1 + 5 + (size_t)((FIRST_IRQ + i) % b->n_cpus) * CELL, keep;
		unsigned long count = strtoul(cell, NULL, 10) + 1;

		keep = cell[CELL];
		(void)snprintf(cell, CELL + 1, " %10lu", count);
		cell[CELL] = keep;
		line = strchr(line + 1, '\n');
	}
	store(b, "proc/interrupts", text, len);
}

static void move_totals(const struct bench *b)
{
	size_t len, at;
	_cleanup_(freep) char *text = load(b, "proc/stat", &len);
	_cleanup_(freep) char *out = xcalloc(1, 2 * len + 64);
	char *from = strstr(text, "\nintr ");

	if (!from)
		exit(1);
	from += strlen("\nintr ");
	at = (size_t)(from - text);
	memcpy(out, text, at);
	at += (size_t)sprintf(out + at, "%lu", strtoul(from, &from, 10));
	for (unsigned number = 0; *from == ' '; number++) {
		unsigned long count = strtoul(from, &from, 10);

		count += number >= FIRST_IRQ && number < FIRST_IRQ + b->n_moving;
		at += (size_t)sprintf(out + at, " %lu", count);
	}
	strcpy(out + at, from);
	store(b, "proc/stat", out, at + strlen(from));
}

/* Not static: callgrind looks for them by name. */
void measured_tick(struct bench *b);
void measured_frame(struct bench *b);

__attribute__((noinline)) void measured_tick(struct bench *b)
{
	const struct snapshot *before = b->snap;

	b->snap = sampler_run_once(b->sampler, false);
	snapshot_unref(before);
}

__attribute__((noinline)) void measured_frame(struct bench *b)
{
	struct session session;
	struct machine *machine = machine_new(b->snap, NULL);

	session_init(&session, GUARD_READY, "");

	const struct frame frame = {.snap = b->snap,
				    .machine = machine,
				    .session = &session,
				    .source = "",
				    .period_ns = NSEC_PER_SEC};

	ui_draw(&b->ui, &frame, &b->surface);
	session_done(&session);
	machine_free(machine);
}

static void run(struct bench *b, unsigned n_ticks)
{
	uint64_t tick_ns = 0, frame_ns = 0, cells = 0;

	for (unsigned i = 0; i < WARM_UP + n_ticks; i++) {
		uint64_t start_ns;

		if (b->n_cpus <= 64)
			move_rows(b);
		else
			move_totals(b);
		if (i < WARM_UP) { /* first reads, first allocations */
			const struct snapshot *before = b->snap;

			b->snap = sampler_run_once(b->sampler, false);
			snapshot_unref(before);
			continue;
		}
		start_ns = cpu_ns();
		measured_tick(b);
		tick_ns += cpu_ns() - start_ns;
		start_ns = cpu_ns();
		measured_frame(b);
		frame_ns += cpu_ns() - start_ns;
	}

	const struct snapshot_table *irqs = snapshot_table(b->snap, "irq");
	unsigned n_rates = 0;

	for (unsigned i = 0; i < irqs->n_entities; i++) {
		const struct per_cpu *vector = entity_per_cpu(&irqs->entities[i], "per_cpu");

		cells += vector ? vector->n : 0;
		n_rates += entity_rate(&irqs->entities[i], "count") > 0;
	}
	if (n_rates != b->n_moving) {
		fprintf(stderr, "irqs: %u interrupts have a rate, %u should\n", n_rates,
			b->n_moving);
		exit(1);
	}
	printf("irqs=%u cells=%lu tick_ms=%.3f frame_ms=%.3f\n", irqs->n_entities,
	       (unsigned long)cells, (double)tick_ns / 1e6 / n_ticks,
	       (double)frame_ns / 1e6 / n_ticks);
}

int main(int argc, char **argv)
{
	static const struct probe *const probes[] = {&probe_irq};
	struct bench b = {0};
	struct host *host = NULL;
	unsigned n_ticks;

	if (argc != 5 || !(n_ticks = (unsigned)strtoul(argv[4], NULL, 10))) {
		fputs("usage: irqs DIR CPUS MOVING TICKS\n", stderr);
		return 2;
	}
	b.dir = argv[1];
	b.n_cpus = (unsigned)strtoul(argv[2], NULL, 10);
	b.n_moving = (unsigned)strtoul(argv[3], NULL, 10);

	int r = b.n_cpus ? host_open_scratch(b.dir, &host) : -EINVAL;

	if (r < 0) {
		fprintf(stderr, "irqs: %s: %s\n", b.dir, strerror(-r));
		return 1;
	}

	struct schema *schema = schema_new(probes, 1);

	b.sampler = sampler_new(host, schema, probes, 1);
	ui_init(&b.ui);
	ui_select_view(&b.ui, (unsigned)view_by_name("irq"));
	surface_init(&b.surface, 160, 50, false);
	run(&b, n_ticks);
	surface_done(&b.surface);
	ui_done(&b.ui);
	snapshot_unref(b.snap);
	sampler_free(b.sampler);
	schema_free(schema);
	host_close(host);
	return 0;
}
