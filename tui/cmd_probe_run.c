/*
 * jittertop probe with threads of ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/text.h"
#include "tui/cmd_probe_internal.h"

/* The first wakeup of a thread is up to an interval away and not counted: with these on top, 10 s
 * at 1 kHz are the 10,000 samples that p99.9 needs. */
#define WARM_UP_INTERVALS 2

static char *clean(const char *text)
{
	char buf[256];

	if (!text)
		return NULL;
	(void)text_sanitise(text, strlen(text), buf, sizeof(buf));
	return xstrdup(buf);
}

/* Why a CPU was not measured, or not as wanted; NULL when all is well. */
static const char *cpu_error(const struct measure_cpu *info)
{
	if (!info->error)
		return NULL;
	if (info->is_running)
		return "no permission for real-time priority: measured as an ordinary task";
	if (info->error == -ENODEV)
		return "not online, or taken away while it was measured";
	if (info->error == -EINVAL)
		return "not in the cpuset of this process";
	return strerror(-info->error);
}

static void collect(const struct measure *measure, struct probe_result *ret)
{
	const struct measure_options *options = measure_get_options(measure);
	struct cpuset cpus;
	unsigned n = 0;

	measure_cpus(measure, &cpus);
	ret->n_cpus = cpuset_count(&cpus);
	ret->cpus = xcalloc(ret->n_cpus + 1, sizeof(*ret->cpus));
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1), n++) {
		struct probe_cpu *mine = &ret->cpus[n];
		const char *why = measure_why(measure, cpu);

		mine->info.cpu = cpu;
		histogram_zero(&mine->histogram);
		(void)measure_cpu_info(measure, cpu, &mine->info);
		(void)measure_read(measure, cpu, &mine->histogram);
		mine->why = clean(why && mine->info.error ? why : cpu_error(&mine->info));
		mine->has_overruns = true;
	}
	ret->engine = measure_engine(measure);
	ret->interval_ns = measure_interval_ns(measure);
	if (ret->engine->spin_ns) {
		ret->spin_ns = options->spin_ns;
		ret->threshold_ns = options->threshold_ns;
	}
}

static uint64_t find_worst(const struct measure *measure, unsigned *ret_cpu)
{
	struct cpuset cpus;
	uint64_t worst_ns = 0;
	struct histogram h;

	measure_cpus(measure, &cpus);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1)) {
		if (measure_read(measure, cpu, &h) && h.total && h.max_ns > worst_ns) {
			worst_ns = h.max_ns;
			*ret_cpu = cpu;
		}
	}
	return worst_ns;
}

/* The signal that ended it early, or zero. */
static int wait_for_end(struct probe_wait *wait, const struct host *host,
			const struct measure *measure, uint64_t duration_ns)
{
	uint64_t start_ns = host_now_ns(host), end_ns = start_ns + duration_ns, now_ns;

	while ((now_ns = host_now_ns(host)) < end_ns) {
		unsigned cpu = 0;
		/* The histograms are read only where somebody looks. */
		uint64_t worst_ns = wait->is_terminal ? find_worst(measure, &cpu) : 0;

		probe_wait_show(wait, now_ns, now_ns - start_ns, duration_ns, worst_ns, cpu);

		/* A first ^C ends the measurement, what there is gets printed. */
		int number = probe_wait_for(wait, -1, now_ns, end_ns);
		if (number > 0)
			return number;
	}
	return 0;
}

static const char *start_error(int err)
{
	switch (-err) {
	case ENODEV:
		return "none of these CPUs is online";
	case EINVAL:
		return "none of these CPUs is in this process's cpuset, or an option is out of "
		       "range";
	case EDESTADDRREQ:
		return "this engine takes much of a CPU: name the CPUs with -c";
	case EBUSY:
		return "real-time or pinned vCPU tasks run on every one of these CPUs: name them "
		       "with -c and add --force to measure all the same";
	default:
		return strerror(-err);
	}
}

/* Isolated CPUs are outside the affinity a process starts with: measuring them disturbs whoever
 * they are kept for, so it takes a word. CPUs that others work on take two. */
static void warn_left_out(struct host *host, const struct measure *measure,
			  const struct probe_options *options)
{
	struct cpuset online, measured, left_out;
	char list[256];

	measure_left_out(measure, &left_out);
	for (unsigned cpu = cpuset_next(&left_out, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&left_out, cpu + 1)) {
		const char *why = measure_why(measure, cpu);

		(void)cmd_error(PROBE, "cpu %u is not measured: %s: -c %u --force does", cpu,
				why ? why : "it is used", cpu);
	}
	if (!cpuset_is_empty(&options->measure.cpus) ||
	    host_read_cpulistf(host, &online, "sys/devices/system/cpu/online"))
		return;
	measure_cpus(measure, &measured);
	cpuset_andnot(&online, &measured);
	cpuset_andnot(&online, &left_out);
	if (!cpuset_is_empty(&online) && cpuset_format_list(&online, list, sizeof(list)) > 0)
		(void)cmd_error(PROBE,
				"cpus %s are outside this process's affinity (isolated?) and were "
				"not measured: name them with -c",
				list);
}

int probe_run_threads(struct context *context, const struct probe_options *options,
		      struct probe_result *ret)
{
	struct host *host = context->host;
	struct measure *measure;
	struct probe_wait wait;
	struct cpuset cpus = options->measure.cpus;
	int err = probe_wait_open(&wait, options->engine->name);

	if (err)
		return cmd_error(PROBE, "%s", strerror(-err));

	if (cpuset_is_empty(&cpus))
		(void)!host_read_cpulistf(host, &cpus, "sys/devices/system/cpu/online");
	probe_facts_begin(host, &cpus, &ret->facts);

	uint64_t start_ns = host_now_ns(host);
	err = measure_start(host, options->engine, &options->measure, &measure);
	if (!err) {
		uint64_t warm_up_ns = WARM_UP_INTERVALS * measure_interval_ns(measure);

		ret->ended_by =
			wait_for_end(&wait, host, measure, options->duration_ns + warm_up_ns);
		uint64_t elapsed_ns = host_now_ns(host) - start_ns;
		ret->duration_ns = elapsed_ns > warm_up_ns ? elapsed_ns - warm_up_ns : 0;
		collect(measure, ret);
		probe_facts_end(host, &ret->facts);
	}
	probe_wait_close(&wait);
	if (err)
		return cmd_error(PROBE, "cannot measure: %s", start_error(err));
	warn_left_out(host, measure, options);
	measure_stop(measure);
	return EXIT_DONE;
}
