/*
 * Switches, run time and waiting per CPU from /proc/schedstat (CONFIG_SCHEDSTATS). The file also
 * holds every scheduling domain of every CPU, megabytes on large machines, hence the period.
 * Format: Documentation/scheduler/sched-stats.rst. The cpu lines have kept their nine fields from
 * version 14 to 17; the domain lines, which changed, are not read.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define PATH "proc/schedstat"

enum cpu_metric { CPU_RUN_TIME, CPU_RUN_DELAY, CPU_SWITCHES };
static const struct metric cpu_metrics[] = {
	{"run_time_ns", METRIC_COUNTER, UNIT_NS, "Time tasks ran", NULL},
	{"run_delay_ns", METRIC_COUNTER, UNIT_NS, "Time ready tasks waited for this CPU", "wait"},
	{"switches", METRIC_COUNTER, UNIT_COUNT, "Time slices given", "switches"},
};

static const struct metric_set sets[] = {{"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)}};

struct schedstat_state {
	struct host_file *file;
};

/* Fields 7 to 9 of 9. */
static int cpu_line(struct sample *out, struct scan *scan)
{
	uint64_t fields[10];

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (scan_u64(scan, &fields[i]) < 0)
			return -EINVAL;
	}
	if (fields[0] >= CPUSET_MAX)
		return -EINVAL;

	struct sample_row *row = sample_row(out, 0, NULL, NULL, "cpu:%u", (unsigned)fields[0]);

	sample_u64(row, CPU_RUN_TIME, fields[7]);
	sample_u64(row, CPU_RUN_DELAY, fields[8]);
	sample_u64(row, CPU_SWITCHES, fields[9]);
	return 0;
}

static int parse(struct sample *out, const char *text)
{
	struct scan scan = {text};
	uint64_t version = 0;

	if (!strncmp(scan.at, "version ", 8)) {
		scan.at += 8;
		if (scan_u64(&scan, &version) < 0)
			version = 0;
	}
	if (version < 14) {
		sample_errorf(out, PATH ": version %u is not known", (unsigned)version);
		return version ? -EOPNOTSUPP : -EINVAL;
	}
	while (scan_next_line(&scan)) {
		if (strncmp(scan.at, "cpu", 3) || !isdigit((unsigned char)scan.at[3]))
			continue;
		scan.at += 3;
		if (cpu_line(out, &scan) < 0 && !out->error)
			sample_errorf(out, PATH ": a line was not understood");
	}
	return 0;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct schedstat_state *state = data;
	const char *text;
	ssize_t n = host_file_readf(host, &state->file, &text, PATH);

	return n < 0 ? read_fail(out, (int)n, PATH) : parse(out, text);
}

static void close_state(void *data)
{
	struct schedstat_state *state = data;

	host_file_close(state->file);
}

const struct probe probe_schedstat = {
	.name = "schedstat",
	.summary = "Switches and run queue delay per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ADDS,
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct schedstat_state),
	.sample = sample,
	.close = close_state,
};
