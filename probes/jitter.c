/*
 * What the measuring threads the host carries (measure.h) found on every measured CPU: the
 * histogram of the tick and the figures people read first. Wakeup latencies and the gaps of a
 * polling thread are different quantities: each has metrics of its own, and only those of the
 * running engine are set.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/measure.h"
#include "core/probe.h"
#include "probes/cpus.h"

enum {
	WAKEUP_WINDOW,
	WAKEUP_SAMPLES,
	WAKEUP_MIN_NS,
	WAKEUP_P50_NS,
	WAKEUP_P99_NS,
	WAKEUP_P99_9_NS,
	WAKEUP_MAX_NS,
	WAKEUP_WORST_NS,
	WAKEUP_OVERRUNS,
	WAKEUP_POLICY,
	WAKEUP_WHY,
	NOISE_WINDOW,
	NOISE_GAPS,
	NOISE_NS,
	SPUN_NS,
	NOISE_PERCENT,
	NOISE_MAX_NS,
	NOISE_WORST_NS,
	MEASURE_TIME_NS,
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
	[WAKEUP_MIN_NS] = {.name = "wakeup_min_ns",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_NS,
			   .help = "shortest wakeup latency of the last tick"},
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
	[WAKEUP_P99_9_NS] =
		{.name = "wakeup_p99_9_ns",
		 .type = METRIC_GAUGE,
		 .unit = UNIT_NS,
		 .help = "wakeup latency that 0.1 % of the last tick's wakeups exceeded"},
	[WAKEUP_MAX_NS] = {.name = "wakeup_max_ns",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_NS,
			   .help = "longest wakeup latency of the last tick",
			   .title = "WAKE max"},
	[WAKEUP_WORST_NS] = {.name = "wakeup_worst_ns",
			     .type = METRIC_GAUGE,
			     .unit = UNIT_NS,
			     .help = "longest wakeup latency since measuring started"},
	[WAKEUP_OVERRUNS] = {.name = "wakeup_overruns",
			     .type = METRIC_COUNTER,
			     .unit = UNIT_COUNT,
			     .help = "measuring periods slept through by being a whole one late"},
	[WAKEUP_POLICY] = {.name = "wakeup_policy",
			   .type = METRIC_TEXT,
			   .unit = UNIT_NONE,
			   .help = "scheduling policy and priority the measuring thread runs with"},
	[WAKEUP_WHY] = {.name = "wakeup_why",
			.type = METRIC_TEXT,
			.unit = UNIT_NONE,
			.help = "why this CPU is not measured, or not with the policy asked for"},
	[NOISE_WINDOW] = {.name = "noise_window",
			  .type = METRIC_HISTOGRAM,
			  .unit = UNIT_NS,
			  .help = "lengths of the gaps in the last tick's polling"},
	[NOISE_GAPS] = {.name = "noise_gaps",
			.type = METRIC_COUNTER,
			.unit = UNIT_COUNT,
			.help = "gaps in polling, from the threshold on"},
	[NOISE_NS] = {.name = "noise_ns",
		      .type = METRIC_COUNTER,
		      .unit = UNIT_NS,
		      .help = "time taken from the polling thread by gaps"},
	[SPUN_NS] = {.name = "spun_ns",
		     .type = METRIC_COUNTER,
		     .unit = UNIT_NS,
		     .help = "time the polling thread wanted the CPU"},
	[NOISE_PERCENT] = {.name = "noise_percent",
			   .type = METRIC_GAUGE,
			   .unit = UNIT_PERCENT,
			   .help = "share of the last tick's polling that gaps took"},
	[NOISE_MAX_NS] = {.name = "noise_max_ns",
			  .type = METRIC_GAUGE,
			  .unit = UNIT_NS,
			  .help = "longest gap in the last tick's polling"},
	[NOISE_WORST_NS] = {.name = "noise_worst_ns",
			    .type = METRIC_GAUGE,
			    .unit = UNIT_NS,
			    .help = "longest gap in polling since measuring started"},
	[MEASURE_TIME_NS] = {.name = "measure_time_ns",
			     .type = METRIC_COUNTER,
			     .unit = UNIT_NS,
			     .help = "CPU time that measuring this CPU took from it"},
};

enum { HOST_ENGINE, HOST_INTERVAL_NS, HOST_LEFT_OUT, HOST_NOTE };

static const struct metric host_metrics[] = {
	[HOST_ENGINE] = {.name = "measure_engine",
			 .type = METRIC_TEXT,
			 .unit = UNIT_NONE,
			 .help = "what measures: wakeup, spin"},
	[HOST_INTERVAL_NS] = {.name = "measure_interval_ns",
			      .type = METRIC_GAUGE,
			      .unit = UNIT_NS,
			      .help = "time between two measurements on a CPU"},
	[HOST_LEFT_OUT] = {.name = "measure_left_out",
			   .type = METRIC_CPUSET,
			   .unit = UNIT_NONE,
			   .help = "CPUs not measured because others' real-time tasks or vCPUs are "
				   "bound to them"},
	[HOST_NOTE] = {.name = "measure_note",
		       .type = METRIC_TEXT,
		       .unit = UNIT_NONE,
		       .help = "what else a reader of the measurements must know"},
};

enum { SET_CPU, SET_HOST };

static const struct metric_set sets[] = {
	[SET_CPU] = {.kind = "cpu", .metrics = cpu_metrics, .n_metrics = ARRAY_SIZE(cpu_metrics)},
	[SET_HOST] = {.kind = "host",
		      .metrics = host_metrics,
		      .n_metrics = ARRAY_SIZE(host_metrics)},
};

/* What one CPU's polling had counted at the last run. */
struct noise_before {
	uint64_t spun_ns, noise_ns;
};

struct jitter {
	struct cpus cpus;
	uint64_t started_ns;	     /* of the measuring that `before` belongs to */
	struct noise_before *before; /* by CPU, as many as were needed */
	unsigned n_before;
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

static void put_wakeups(struct sample *out, struct sample_row *row, const struct histogram *window)
{
	uint64_t ns;

	sample_histogram(out, row, WAKEUP_WINDOW, window);
	if (histogram_quantile(window, 0.5, &ns))
		sample_u64(row, WAKEUP_P50_NS, ns);
	if (histogram_quantile(window, 0.99, &ns))
		sample_u64(row, WAKEUP_P99_NS, ns);
	if (histogram_quantile(window, 0.999, &ns))
		sample_u64(row, WAKEUP_P99_9_NS, ns);
	if (!window->total)
		return;
	sample_u64(row, WAKEUP_MIN_NS, window->min_ns);
	sample_u64(row, WAKEUP_MAX_NS, window->max_ns);
}

static void put_noise(struct sample *out, struct sample_row *row, const struct histogram *window,
		      const struct measure_cpu *info, struct noise_before *before)
{
	uint64_t spun_ns = info->spun_ns - before->spun_ns;
	uint64_t noise_ns = info->noise_ns - before->noise_ns;

	sample_histogram(out, row, NOISE_WINDOW, window);
	if (window->total)
		sample_u64(row, NOISE_MAX_NS, window->max_ns);
	if (spun_ns)
		sample_f64(row, NOISE_PERCENT, 100.0 * (double)noise_ns / (double)spun_ns);
	*before = (struct noise_before){info->spun_ns, info->noise_ns};
}

static struct noise_before *before_of(struct jitter *jitter, unsigned cpu)
{
	if (cpu >= jitter->n_before) {
		jitter->before = xrealloc(jitter->before, (cpu + 1) * sizeof(*jitter->before));
		for (unsigned i = jitter->n_before; i <= cpu; i++)
			jitter->before[i] = (struct noise_before){0};
		jitter->n_before = cpu + 1;
	}
	return &jitter->before[cpu];
}

/* Counters and extremes since the start. */
static void put_totals(struct sample_row *row, const struct measure *measure,
		       const struct measure_cpu *info, bool is_spinning)
{
	uint64_t worst_ns;

	sample_u64(row, MEASURE_TIME_NS, info->cpu_time_ns);
	if (measure_max_ns(measure, info->cpu, &worst_ns))
		sample_u64(row, is_spinning ? NOISE_WORST_NS : WAKEUP_WORST_NS, worst_ns);
	sample_u64(row, WAKEUP_OVERRUNS, info->overruns);
	if (!is_spinning) {
		sample_u64(row, WAKEUP_SAMPLES, measure_samples(measure, info->cpu));
		return;
	}
	sample_u64(row, NOISE_GAPS, info->gaps);
	sample_u64(row, NOISE_NS, info->noise_ns);
	sample_u64(row, SPUN_NS, info->spun_ns);
}

static void put_cpu(struct jitter *jitter, struct sample *out, struct host *host,
		    struct measure *measure, unsigned cpu)
{
	bool is_spinning = measure_engine(measure)->spin_ns > 0;
	struct measure_cpu info;
	struct histogram window;

	if (!measure_cpu_info(measure, cpu, &info) ||
	    !measure_window(measure, cpu, host_now_ns(host), &window))
		return;

	struct sample_row *row = sample_row(out, SET_CPU, NULL, NULL, "cpu:%u", cpu);
	const char *why = measure_why(measure, cpu);

	if (why)
		sample_text(out, row, WAKEUP_WHY, why);
	if (info.error == -EBUSY)
		return; /* left out: absent, not zero */
	/* The tick in which a thread ended still has its last samples. */
	if (!info.is_running && !window.total)
		sample_errno(row, is_spinning ? NOISE_WINDOW : WAKEUP_WINDOW, info.error);
	else if (is_spinning)
		put_noise(out, row, &window, &info, before_of(jitter, cpu));
	else
		put_wakeups(out, row, &window);
	put_totals(row, measure, &info, is_spinning);
	if (info.is_running)
		put_policy(out, row, &info);
	/* A CPU that went is the topology's news. */
	if (why && info.error != -ENODEV && !out->error)
		sample_errorf(out, "cpu %u: %s%s", cpu, why,
			      info.error == -EPERM ? " (RLIMIT_RTPRIO or CAP_SYS_NICE)" : "");
}

static void put_host(struct sample *out, const struct measure *measure)
{
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");
	const char *note = measure_note(measure);
	struct cpuset left_out;

	measure_left_out(measure, &left_out);
	sample_text(out, row, HOST_ENGINE, measure_engine(measure)->name);
	sample_u64(row, HOST_INTERVAL_NS, measure_interval_ns(measure));
	sample_cpus(out, row, HOST_LEFT_OUT, &left_out);
	if (note)
		sample_text(out, row, HOST_NOTE, note);
}

/* Counting starts anew with every start. */
static void forget_before(struct jitter *jitter, const struct measure *measure)
{
	if (jitter->started_ns == measure_started_ns(measure))
		return;
	jitter->started_ns = measure_started_ns(measure);
	jitter->n_before = 0;
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
	forget_before(jitter, measure);
	measure_cpus(measure, &cpus);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1))
		put_cpu(jitter, out, host, measure, cpu);
	put_host(out, measure);
	return 0;
}

static void jitter_close(void *state)
{
	struct jitter *jitter = state;

	cpus_done(&jitter->cpus);
	free(jitter->before);
}

const struct probe probe_jitter = {
	.name = "jitter",
	.summary = "wakeup latency or OS noise per CPU, from the measuring threads",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct jitter),
	.sample = jitter_sample,
	.close = jitter_close,
};
