/*
 * jittertop snapshot [--json] [-d SECONDS]: one complete snapshot. Every probe runs twice, a moment
 * apart, so that counters have rates.
 */
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>

#include "core/parse.h"
#include "core/sampler.h"
#include "core/snapshot_json.h"
#include "tui/cmd.h"
#include "tui/format.h"
#include "tui/surface.h"

#define DEFAULT_DELAY_NS (250 * NSEC_PER_MSEC)
#define MIN_DELAY_NS (100 * NSEC_PER_MSEC)
#define MAX_DELAY_NS (3600 * NSEC_PER_SEC)
#define CELL_MAX 4096 /* a kernel command line; what is longer is cut */

struct options {
	bool is_json;
	uint64_t delay_ns;
};

static int parse_delay(const char *text, struct options *ret)
{
	uint64_t delay_ns;

	if (!text[0])
		return cmd_usage("snapshot", "-d needs a value: say -d 2 or --delay 200ms");
	if (parse_duration_ns(text, &delay_ns) < 0 || delay_ns < MIN_DELAY_NS ||
	    delay_ns > MAX_DELAY_NS)
		return cmd_usage("snapshot", "--delay %s: say 0.1 to 3600 seconds (or 200ms, 1min)",
				 text);
	ret->delay_ns = delay_ns;
	return EXIT_DONE;
}

/* The text of an option that takes one: "-d1", "-d 1", "--delay=1", "--delay 1". NULL: not it. */
static const char *delay_text(const struct context *context, int *i)
{
	const char *word = context->argv[*i];

	if (strncmp(word, "--delay=", 8) == 0)
		return word + 8;
	if (strncmp(word, "-d", 2) == 0 && word[2])
		return word + 2;
	if (strcmp(word, "-d") != 0 && strcmp(word, "--delay") != 0)
		return NULL;
	return *i + 1 < context->argc ? context->argv[++*i] : "";
}

static int parse_words(const struct context *context, struct options *ret)
{
	for (int i = 1; i < context->argc; i++) { /* argv[0] is the command */
		const char *word = context->argv[i];
		const char *delay = delay_text(context, &i);

		if (delay) {
			int status = parse_delay(delay, ret);

			if (status != EXIT_DONE)
				return status;
		} else if (strcmp(word, "--json") == 0) {
			ret->is_json = true;
		} else {
			return cmd_usage("snapshot",
					 "%s: unknown; it takes --json and -d/--delay SECONDS",
					 word);
		}
	}
	return EXIT_DONE;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

static const struct snapshot *take(const struct context *context, uint64_t delay_ns)
{
	struct sampler *sampler =
		sampler_new(context->host, context->schema, context->registry->probes,
			    context->registry->n_probes);
	const struct snapshot *snap = sampler_run_once(sampler, true);

	/* A captured or synthetic machine stands still: a second look shows nothing new. */
	if (host_is_this_machine(context->host)) {
		snapshot_unref(snap);
		sleep_ns(delay_ns);
		snap = sampler_run_once(sampler, true);
	}
	sampler_free(sampler);
	return snap;
}

/* --- text --- */

/* Blanks are printed when something follows them, so that no line ends in blanks. */
static void print_cell(const char *text, int width, bool is_right, int *blanks)
{
	int pad = width - text_columns(text);

	if (pad < 0)
		pad = 0;
	printf("%*s%s", *blanks + (is_right ? pad : 0), "", text);
	*blanks = 2 + (is_right ? 0 : pad);
}

static bool is_number(const struct metric *metric)
{
	return metric->type != METRIC_TEXT && metric->type != METRIC_CPUSET;
}

static const char *cell(const struct entity *entity, unsigned m, char *buf, size_t size)
{
	(void)format_metric(entity->kind->metrics[m], &entity->values[m], entity->rates[m], buf,
			    size);
	return buf;
}

/* Zero: no entity of this table has it, so it is no column. */
static int column_width(const struct snapshot_table *table, unsigned m)
{
	const struct metric *metric = table->kind->metrics[m];
	bool is_there = false;
	int width = metric->title ? text_columns(metric->title) : 0;

	for (unsigned i = 0; i < table->n_entities && metric->title; i++) {
		char buf[CELL_MAX];
		int cells = text_columns(cell(&table->entities[i], m, buf, sizeof(buf)));

		is_there |= table->entities[i].values[m].state != VALUE_ABSENT;
		width = cells > width ? cells : width;
	}
	return is_there ? width : 0;
}

static void print_header(const struct snapshot_table *table, const int *widths, int key_width,
			 int name_width)
{
	int blanks = 0;

	print_cell("key", key_width, false, &blanks);
	if (name_width)
		print_cell("name", name_width, false, &blanks);
	for (unsigned m = 0; m < table->kind->n_metrics; m++) {
		const struct metric *metric = table->kind->metrics[m];

		if (widths[m])
			print_cell(metric->title, widths[m], is_number(metric), &blanks);
	}
	putchar('\n');
}

static void print_row(const struct entity *entity, const int *widths, int key_width, int name_width)
{
	int blanks = 0;

	print_cell(entity->key, key_width, false, &blanks);
	if (name_width)
		print_cell(entity->name, name_width, false, &blanks);
	for (unsigned m = 0; m < entity->kind->n_metrics; m++) {
		char buf[CELL_MAX];

		if (widths[m])
			print_cell(cell(entity, m, buf, sizeof(buf)), widths[m],
				   is_number(entity->kind->metrics[m]), &blanks);
	}
	putchar('\n');
}

static void print_table(const struct snapshot_table *table)
{
	_cleanup_(freep) int *widths = xcalloc(table->kind->n_metrics, sizeof(*widths));
	int key_width = 3, name_width = 0;

	for (unsigned m = 0; m < table->kind->n_metrics; m++)
		widths[m] = column_width(table, m);
	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *entity = &table->entities[i];
		int key = text_columns(entity->key), name = text_columns(entity->name);

		key_width = key > key_width ? key : key_width;
		if (strcmp(entity->key, entity->name) != 0)
			name_width = name > name_width ? name : name_width;
	}
	printf("\n%s: %u\n", table->kind->name, table->n_entities);
	print_header(table, widths, key_width, name_width);
	for (unsigned i = 0; i < table->n_entities; i++)
		print_row(&table->entities[i], widths, key_width, name_width);
}

/* A kind with one member of its own name (the host) reads better downwards. */
static bool is_single(const struct snapshot_table *table)
{
	return table->n_entities == 1 && strcmp(table->entities[0].key, table->kind->name) == 0;
}

static void print_single(const struct entity *entity)
{
	int width = 0, blanks;

	printf("\n%s\n", entity->kind->name);
	for (unsigned m = 0; m < entity->kind->n_metrics; m++) {
		int cells = text_columns(entity->kind->metrics[m]->name);

		width = cells > width ? cells : width;
	}
	for (unsigned m = 0; m < entity->kind->n_metrics; m++) {
		char buf[CELL_MAX];

		if (entity->values[m].state == VALUE_ABSENT)
			continue;
		blanks = 0;
		print_cell(entity->kind->metrics[m]->name, width, false, &blanks);
		(void)cell(entity, m, buf, sizeof(buf));
		if (buf[0])
			print_cell(buf, 0, false, &blanks);
		putchar('\n');
	}
}

static const char *status_text(enum sample_status status)
{
	switch (status) {
	case SAMPLE_NONE:
		return "did not run";
	case SAMPLE_OK:
		return "in part";
	case SAMPLE_ABSENT:
		return "absent";
	case SAMPLE_DENIED:
		return "denied";
	case SAMPLE_FAULT:
		return "fault";
	}
	return "";
}

static void print_probes(const struct snapshot *snap)
{
	bool is_first = true;

	for (unsigned i = 0; i < snap->n_probes; i++) {
		const struct probe_status *status = &snap->probes[i];

		if (status->status == SAMPLE_OK && !status->error)
			continue;
		printf("%s%s: %s%s%s\n", is_first ? "\nprobes\n" : "", status->probe->name,
		       status_text(status->status), status->error ? ": " : "",
		       status->error ? status->error : "");
		is_first = false;
	}
}

static void print_snapshot(const struct snapshot *snap)
{
	char when[64] = "";
	time_t seconds = (time_t)(snap->wall_ns / NSEC_PER_SEC);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
	printf("jittertop snapshot, %s\n", when);
	for (unsigned k = 0; k < schema_n_kinds(snap->schema); k++) {
		if (is_single(&snap->tables[k]))
			print_single(&snap->tables[k].entities[0]);
	}
	for (unsigned k = 0; k < schema_n_kinds(snap->schema); k++) {
		if (snap->tables[k].n_entities && !is_single(&snap->tables[k]))
			print_table(&snap->tables[k]);
	}
	print_probes(snap);
}

int cmd_snapshot(struct context *context)
{
	struct options options = {.delay_ns = DEFAULT_DELAY_NS};
	int status = parse_words(context, &options);

	if (status != EXIT_DONE)
		return status;

	_cleanup_(snapshot_unrefp) const struct snapshot *snap = take(context, options.delay_ns);

	if (!options.is_json) {
		print_snapshot(snap);
		return EXIT_DONE; /* main flushes */
	}

	int result = snapshot_write_json(snap, context->host, stdout);

	if (result == 0)
		return EXIT_DONE;
	/* Said once, here: main's flush must not find the rest and say it again. */
	__fpurge(stdout);
	clearerr(stdout);
	return cmd_error("output", "cannot write: %s", strerror(-result));
}
