/* Soft interrupts per CPU and kind (/proc/softirqs), one read per run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "probes/columns.h"
#include "probes/read.h"

#define PATH "proc/softirqs"

enum cpu_metric { CPU_TOTAL, CPU_FIRST_KIND, CPU_METRICS = 11 };
static const struct metric cpu_metrics[CPU_METRICS] = {
	{"softirqs", METRIC_COUNTER, UNIT_COUNT, "Soft interrupts of all kinds", "softirqs"},
	{"softirq_hi", METRIC_COUNTER, UNIT_COUNT, "High priority tasklets", NULL},
	{"softirq_timer", METRIC_COUNTER, UNIT_COUNT, "Timers", "timer"},
	{"softirq_net_tx", METRIC_COUNTER, UNIT_COUNT, "Network, sending", "net tx"},
	{"softirq_net_rx", METRIC_COUNTER, UNIT_COUNT, "Network, receiving", "net rx"},
	{"softirq_block", METRIC_COUNTER, UNIT_COUNT, "Block devices", "block"},
	{"softirq_irq_poll", METRIC_COUNTER, UNIT_COUNT, "Polled block devices", NULL},
	{"softirq_tasklet", METRIC_COUNTER, UNIT_COUNT, "Tasklets", "tasklet"},
	{"softirq_sched", METRIC_COUNTER, UNIT_COUNT, "Load balancing", "sched"},
	{"softirq_hrtimer", METRIC_COUNTER, UNIT_COUNT, "High resolution timers", "hrtimer"},
	{"softirq_rcu", METRIC_COUNTER, UNIT_COUNT, "RCU callbacks", "rcu"},
};

static const struct metric_set sets[] = {{"cpu", cpu_metrics, CPU_METRICS}};

/* As kernel/softirq.c names them, and the old name of IRQ_POLL (before linux 4.5). */
static const struct {
	const char *name;
	unsigned metric;
} kinds[] = {
	{"HI", 1},	{"TIMER", 2},	 {"NET_TX", 3},	      {"NET_RX", 4},
	{"BLOCK", 5},	{"IRQ_POLL", 6}, {"TASKLET", 7},      {"SCHED", 8},
	{"HRTIMER", 9}, {"RCU", 10},	 {"BLOCK_IOPOLL", 6},
};

struct softirq_state {
	struct host_file *file;
	struct columns columns;
	uint64_t *counts; /* [column][metric] */
	unsigned room;	  /* columns */
};

static unsigned kind_metric(const char *word, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, word, len))
			return kinds[i].metric;
	}
	return 0; /* a kind of a newer kernel: part of the total only */
}

/* The whole row or nothing: a cut row must not count for some CPUs only. */
static int row_check(struct scan scan, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t value;

		if (scan_u64(&scan, &value) < 0)
			return -EINVAL;
	}
	return 0;
}

static int parse_row(struct softirq_state *state, struct scan *scan, uint32_t *seen)
{
	const char *word;
	size_t len;

	if (scan_word(scan, &word, &len) < 0)
		return 0; /* an empty line */
	if (word[len - 1] != ':' || row_check(*scan, state->columns.n) < 0)
		return -EINVAL;

	unsigned metric = kind_metric(word, len - 1);

	for (unsigned i = 0; i < state->columns.n; i++) {
		uint64_t *counts = state->counts + (size_t)i * CPU_METRICS, value;

		if (scan_u64(scan, &value) < 0)
			return -EINVAL;
		counts[CPU_TOTAL] += value;
		if (metric)
			counts[metric] = value;
	}
	*seen |= 1u << metric;
	return 0;
}

static void emit(const struct softirq_state *state, struct sample *out, uint32_t seen)
{
	for (unsigned i = 0; i < state->columns.n; i++) {
		const uint64_t *counts = state->counts + (size_t)i * CPU_METRICS;
		struct sample_row *row =
			sample_row(out, 0, NULL, NULL, "cpu:%u", state->columns.cpus[i]);

		sample_u64(row, CPU_TOTAL, counts[CPU_TOTAL]);
		for (unsigned m = CPU_FIRST_KIND; m < CPU_METRICS; m++) {
			if (seen & 1u << m)
				sample_u64(row, m, counts[m]);
		}
	}
}

static int parse(struct softirq_state *state, struct sample *out, const char *text)
{
	struct scan scan = {text};
	uint32_t seen = 0;
	int r = columns_read(&state->columns, &scan);

	if (r < 0)
		return r;
	if (state->columns.n > state->room) {
		state->room = state->columns.n;
		state->counts =
			xrealloc(state->counts, state->room * CPU_METRICS * sizeof(*state->counts));
	}
	memset(state->counts, 0, state->columns.n * CPU_METRICS * sizeof(*state->counts));
	while (scan_next_line(&scan)) {
		if (parse_row(state, &scan, &seen) < 0 && !out->error)
			sample_errorf(out, PATH ": a line was not understood");
	}
	if (!seen)
		return -EINVAL;
	emit(state, out, seen);
	return 0;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct softirq_state *state = data;
	const char *text;
	ssize_t n = host_file_readf(host, &state->file, &text, PATH);
	int r = n < 0 ? (int)n : parse(state, out, text);

	return r < 0 ? read_fail(out, r, PATH) : 0;
}

static void close_state(void *data)
{
	struct softirq_state *state = data;

	host_file_close(state->file);
	columns_done(&state->columns);
	free(state->counts);
}

const struct probe probe_softirq = {
	.name = "softirq",
	.summary = "Soft interrupts per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct softirq_state),
	.sample = sample,
	.close = close_state,
};
