/*
 * The interrupts without a number: the CPU's own (timer, rescheduling, function calls, machine
 * checks ...), from the named rows of /proc/interrupts. A probe of its own because on large
 * machines the kernel takes milliseconds for that file: it is read when somebody looks.
 */
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "probes/irq_internal.h"
#include "probes/read.h"

#define PERIOD_NS (2 * NSEC_PER_SEC)
#define INTERRUPTS "proc/interrupts"

enum arch_metric { ARCH_COUNT, ARCH_PER_CPU, ARCH_DESCRIPTION };
static const struct metric metrics[] = {
	[ARCH_COUNT] = {"count", METRIC_COUNTER, UNIT_COUNT, "Since boot, all CPUs", "count"},
	[ARCH_PER_CPU] = {"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "By CPU", "top cpus"},
	[ARCH_DESCRIPTION] = {"description", METRIC_TEXT, UNIT_NONE, "What the kernel calls it",
			      "description"},
};

static const struct metric_set sets[] = {{"irq_arch", metrics, ARRAY_SIZE(metrics)}};

struct arch_state {
	struct host_file *interrupts;
	struct columns columns;
	struct cpuset cpus; /* of the last run's columns */
	uint32_t scope;
	uint64_t *counts;
	struct per_cpu_cell *cells;
};

static int open_state(void *data, struct host *host)
{
	struct arch_state *state = data;

	(void)host;
	state->counts = xcalloc(CPUSET_MAX, sizeof(*state->counts));
	state->cells = xcalloc(CPUSET_MAX, sizeof(*state->cells));
	return 0;
}

/* True: other CPUs than the last time. */
static bool note_columns(struct arch_state *state)
{
	struct cpuset cpus;

	cpuset_zero(&cpus);
	for (unsigned i = 0; i < state->columns.n; i++)
		cpuset_add(&cpus, state->columns.cpus[i]);
	if (cpuset_equal(&cpus, &state->cpus))
		return false;
	state->cpus = cpus;
	state->scope++;
	return true;
}

static void emit_cells(struct arch_state *state, struct sample *out, struct sample_row *row)
{
	const struct columns *columns = &state->columns;
	struct irq irq = {.cells = state->cells, .cells_room = CPUSET_MAX};

	irq_set_cells(&irq, columns->cpus, state->counts, columns->n, columns->is_sorted);
	sample_per_cpu(out, row, ARCH_PER_CPU, state->scope, irq.cells, irq.n_cells);
}

static void emit(struct arch_state *state, struct sample *out, const struct irq_row *from,
		 bool is_restarted)
{
	const char *tail = from->tail + strspn(from->tail, " \t");
	_cleanup_(freep) char *description = xasprintf("%.*s", (int)strcspn(tail, "\n"), tail);
	_cleanup_(freep) char *label = xasprintf("%.*s", (int)from->label_len, from->label);
	struct sample_row *row = sample_row(out, 0, "host", label, "irq_arch:%s", label);

	sample_u64(row, ARCH_COUNT, from->sum);
	if (is_restarted && from->type == IRQ_ROW_ARCH)
		sample_restart(row, ARCH_COUNT);
	if (from->type == IRQ_ROW_ARCH)
		emit_cells(state, out, row);
	if (read_trim(description)[0])
		sample_text(out, row, ARCH_DESCRIPTION, description);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct arch_state *state = data;
	const char *text;
	ssize_t n = host_file_readf(host, &state->interrupts, &text, INTERRUPTS);
	struct scan scan = {n < 0 ? "" : text};
	int r = n < 0 ? (int)n : columns_read(&state->columns, &scan);

	if (r < 0)
		return read_fail(out, r, INTERRUPTS);

	bool is_restarted = note_columns(state);

	while (scan_next_line(&scan)) {
		struct irq_row row;

		irq_read_row(&scan, &state->columns, state->counts, true, &row);
		if ((row.type == IRQ_ROW_ARCH || row.type == IRQ_ROW_TOTAL) && !row.is_bad)
			emit(state, out, &row, is_restarted);
		else if (row.is_bad && !out->error)
			sample_errorf(out, INTERRUPTS ": %.*s: not understood", (int)row.label_len,
				      row.label);
	}
	return 0;
}

static void close_state(void *data)
{
	struct arch_state *state = data;

	host_file_close(state->interrupts);
	columns_done(&state->columns);
	free(state->counts);
	free(state->cells);
}

const struct probe probe_irq_arch = {
	.name = "irq_arch",
	.summary = "Interrupts of the CPUs themselves: timer, rescheduling, function calls ...",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = PERIOD_NS,
	.state_size = sizeof(struct arch_state),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
