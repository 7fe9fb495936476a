/*
 * Wakeup latency of every measured CPU, from the measuring threads the host carries (measure.h):
 * the histogram of the tick and the figures people read first.
 */
#include <errno.h>
#include <stdio.h>

#include "core/measure.h"
#include "core/probe.h"
#include "probes/cpus.h"

enum {
	WAKEUP_WINDOW,
	WAKEUP_SAMPLES,
	WAKEUP_P50_NS,
	WAKEUP_P99_NS,
	WAKEUP_MAX_NS,
	WAKEUP_OVERRUNS,
	WAKEUP_POLICY,
};

static const struct metric cpu_metrics[] = {
	[WAKEUP_WINDOW] = {.name = "wakeup_window",
			   .type = METRIC_HISTOGRAM,
			   .unit = UNIT_NS,
			   .help = "wakeup latencies of the last tick"},
	[WAKEUP_SAMPLES] = {.name = "wakeup_samples",
			    .type = METRIC_COUNTER,
			    .unit = UNIT_COUNT,
			    .help = "wakeups measured"},
	[WAKEUP_P50_NS] = {.name = "wakeup_p50_ns",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_NS,
			   .help = "wakeup latency that half of the last tick's wakeups exceeded",
			   .title = "WAKE p50"},
	[WAKEUP_P99_NS] = {.name = "wakeup_p99_ns",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_NS,
			   .help = "wakeup latency that 1 % of the last tick's wakeups exceeded",
			   .title = "WAKE p99"},
	[WAKEUP_MAX_NS] = {.name = "wakeup_max_ns",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_NS,
			   .help = "longest wakeup latency of the last tick",
			   .title = "WAKE max"},
	[WAKEUP_OVERRUNS] = {.name = "wakeup_overruns",
			     .type = METRIC_COUNTER,
			     .unit = UNIT_COUNT,
			     .help = "measuring periods slept through by being a whole one late"},
	[WAKEUP_POLICY] = {.name = "wakeup_policy",
			   .type = METRIC_TEXT,
			   .unit = UNIT_NONE,
			   .help = "scheduling policy and priority the measuring thread runs with"},
};

static const struct metric_set sets[] = {
	{.kind = "cpu", .metrics = cpu_metrics, .n_metrics = ARRAY_SIZE(cpu_metrics)},
};

struct jitter {
	struct cpus cpus;
};

static void put_policy(struct sample *out, struct sample_row *row, const struct measure_cpu *info)
{
	char text[32];

	switch (info->policy) {
	case MEASURE_FIFO:
		(void)snprintf(text, sizeof(text), "fifo %u", info->priority);
		break;
	case MEASURE_RR:
		(void)snprintf(text, sizeof(text), "rr %u", info->priority);
		break;
	case MEASURE_OTHER:
	case MEASURE_DEFAULT:
		(void)snprintf(text, sizeof(text), "other");
		break;
	}
	sample_text(out, row, WAKEUP_POLICY, text);
}

static void put_window(struct sample *out, struct sample_row *row, const struct histogram *window)
{
	uint64_t ns;

	sample_histogram(out, row, WAKEUP_WINDOW, window);
	if (histogram_quantile(window, 0.5, &ns))
		sample_u64(row, WAKEUP_P50_NS, ns);
	if (histogram_quantile(window, 0.99, &ns))
		sample_u64(row, WAKEUP_P99_NS, ns);
	if (window->total)
		sample_u64(row, WAKEUP_MAX_NS, window->max_ns);
}

static void put_cpu(struct sample *out, struct host *host, struct measure *measure, unsigned cpu)
{
	struct measure_cpu info;
	struct histogram window;

	if (!measure_cpu_info(measure, cpu, &info) ||
	    !measure_window(measure, cpu, host_now_ns(host), &window))
		return;

	struct sample_row *row = sample_row(out, 0, NULL, NULL, "cpu:%u", cpu);

	/* The tick in which a thread ended still has its last wakeups. */
	if (info.is_running || window.total)
		put_window(out, row, &window);
	else
		sample_errno(row, WAKEUP_WINDOW, info.error);
	sample_u64(row, WAKEUP_SAMPLES, measure_samples(measure, cpu));
	sample_u64(row, WAKEUP_OVERRUNS, info.overruns);
	if (!info.is_running)
		return;
	put_policy(out, row, &info);
	if (info.error && !out->error)
		sample_errorf(out, "no permission for real-time priority: measuring as an ordinary "
				   "task (RLIMIT_RTPRIO or CAP_SYS_NICE)");
}

static int jitter_sample(void *state, struct host *host, struct sample *out)
{
	struct jitter *jitter = state;
	struct measure *measure = host_measure(host);
	struct cpuset online, cpus;

	if (!measure) {
		sample_errorf(out, "not measuring (--no-measure, or not this machine)");
		return -EOPNOTSUPP;
	}
	if (!cpus_online(&jitter->cpus, host, &online))
		measure_sync_online(measure, &online);
	measure_cpus(measure, &cpus);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1))
		put_cpu(out, host, measure, cpu);
	return 0;
}

static void jitter_close(void *state)
{
	struct jitter *jitter = state;

	cpus_done(&jitter->cpus);
}

const struct probe probe_jitter = {
	.name = "jitter",
	.summary = "wakeup latency per CPU, from the measuring threads",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct jitter),
	.sample = jitter_sample,
	.close = jitter_close,
};
