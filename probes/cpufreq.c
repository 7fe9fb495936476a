/*
 * Frequency and governor per CPU. Reading scaling_cur_freq may interrupt the CPU (x86 before linux
 * 5.18 asks it for its counters by IPI), so CPUs set apart by isolcpus or nohz_full are not asked
 * and show none, and the period is long.
 */
#include <errno.h>

#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"

enum cpu_metric { CPU_FREQ, CPU_MIN, CPU_MAX, CPU_GOVERNOR, CPU_DRIVER };
static const struct metric cpu_metrics[] = {
	{"freq_hz", METRIC_GAUGE, UNIT_HZ, "Frequency now; isolated CPUs are not disturbed for it",
	 "freq"},
	{"min_freq_hz", METRIC_GAUGE, UNIT_HZ, "Lowest frequency the governor may choose", "min"},
	{"max_freq_hz", METRIC_GAUGE, UNIT_HZ, "Highest frequency the governor may choose", "max"},
	{"governor", METRIC_TEXT, UNIT_NONE, "Frequency governor", "governor"},
	{"driver", METRIC_TEXT, UNIT_NONE, "Frequency driver", NULL},
};

static const struct metric_set sets[] = {{"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)}};

struct cpufreq_state {
	struct cpus cpus;
};

static void set_khz(struct host *host, struct sample *out, struct sample_row *row, unsigned metric,
		    unsigned cpu, const char *name)
{
	uint64_t khz;
	int r = host_read_u64f(host, &khz, SYS_CPU "/cpu%u/cpufreq/%s", cpu, name);

	if (r == 0 && khz < UINT64_MAX / 1000) {
		sample_u64(row, metric, khz * 1000);
		return;
	}
	r = r < 0 ? r : -ERANGE;
	read_notef(out, r, SYS_CPU "/cpu%u/cpufreq/%s", cpu, name);
	sample_errno(row, metric, r);
}

static void read_cpu(struct host *host, struct sample *out, unsigned cpu, bool is_quiet)
{
	struct sample_row *row = sample_row(out, 0, NULL, NULL, "cpu:%u", cpu);

	if (!is_quiet)
		set_khz(host, out, row, CPU_FREQ, cpu, "scaling_cur_freq");
	set_khz(host, out, row, CPU_MIN, cpu, "scaling_min_freq");
	set_khz(host, out, row, CPU_MAX, cpu, "scaling_max_freq");
	read_textf(host, out, row, CPU_GOVERNOR, SYS_CPU "/cpu%u/cpufreq/scaling_governor", cpu);
	read_textf(host, out, row, CPU_DRIVER, SYS_CPU "/cpu%u/cpufreq/scaling_driver", cpu);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct cpufreq_state *state = data;
	struct cpuset online, quiet, more;
	unsigned n = 0;
	int r = cpus_online(&state->cpus, host, &online);

	if (r < 0)
		return read_fail(out, r, SYS_CPU);
	if (cpus_read_list(host, SYS_CPU "/isolated", &quiet) < 0)
		cpuset_zero(&quiet);
	if (cpus_read_list(host, SYS_CPU "/nohz_full", &more) == 0)
		cpuset_or(&quiet, &more);
	/* No cpufreq on the first CPUs: none anywhere. Two, because the first may be special. */
	for (unsigned c = cpuset_next(&online, 0), asked = 0; c < CPUSET_MAX;
	     c = cpuset_next(&online, c + 1), asked++) {
		if (!host_existsf(host, SYS_CPU "/cpu%u/cpufreq/scaling_driver", c) &&
		    !host_existsf(host, SYS_CPU "/cpu%u/cpufreq/scaling_cur_freq", c)) {
			if (!n && asked == 1)
				break;
			continue;
		}
		n++;
		read_cpu(host, out, c, cpuset_has(&quiet, c));
	}
	return n ? 0 : read_fail(out, -ENOENT, SYS_CPU "/cpuN/cpufreq");
}

static void close_state(void *data)
{
	struct cpufreq_state *state = data;

	cpus_done(&state->cpus);
}

const struct probe probe_cpufreq = {
	.name = "cpufreq",
	.summary = "Frequency and governor per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ADDS,
	.period_ns = 5 * NSEC_PER_SEC,
	.state_size = sizeof(struct cpufreq_state),
	.sample = sample,
	.close = close_state,
};
