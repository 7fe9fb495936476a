/* Idle states per CPU: how long and how often (Documentation/admin-guide/pm/cpuidle.rst). Two files
 * per CPU and state, so on demand only. */
#include <errno.h>
#include <stdio.h>

#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"
#define MAX_STATES 16

enum cstate_metric { CSTATE_TIME, CSTATE_ENTRIES, CSTATE_LATENCY, CSTATE_DISABLED };
static const struct metric cstate_metrics[] = {
	{"time_ns", METRIC_COUNTER, UNIT_NS, "Time spent in the state", "time"},
	{"entries", METRIC_COUNTER, UNIT_COUNT, "Times entered", "entries"},
	{"latency_ns", METRIC_GAUGE, UNIT_NS, "Time to leave it, as the driver states", "latency"},
	{"disabled", METRIC_BOOL, UNIT_NONE, "Switched off", "off"},
};

static const struct metric_set sets[] = {{"cstate", cstate_metrics, ARRAY_SIZE(cstate_metrics)}};

struct cpuidle_state {
	struct cpus cpus;
};

static void set_number(struct host *host, struct sample *out, struct sample_row *row,
		       unsigned metric, const char *dir, const char *name, uint64_t factor)
{
	uint64_t value;
	int r = host_read_u64f(host, &value, "%s/%s", dir, name);

	if (r == 0 && __builtin_mul_overflow(value, factor, &value))
		r = -ERANGE;
	if (r == 0) {
		sample_u64(row, metric, value);
		return;
	}
	read_notef(out, r, "%s/%s", dir, name);
	sample_errno(row, metric, r);
}

/* False: there is no such state. */
static bool read_state(struct host *host, struct sample *out, unsigned cpu, unsigned state)
{
	char dir[96], name[64], parent[32];
	uint64_t disabled;

	(void)snprintf(dir, sizeof(dir), SYS_CPU "/cpu%u/cpuidle/state%u", cpu, state);
	(void)snprintf(parent, sizeof(parent), "cpu:%u", cpu);

	ssize_t n = host_readf(host, name, sizeof(name), "%s/name", dir);

	if (n < 0) {
		read_notef(out, (int)n, "%s/name", dir);
		return false;
	}
	struct sample_row *row = sample_row(out, 0, parent, name, "cstate:%u/%u", cpu, state);

	set_number(host, out, row, CSTATE_TIME, dir, "time", NSEC_PER_USEC);
	set_number(host, out, row, CSTATE_ENTRIES, dir, "usage", 1);
	set_number(host, out, row, CSTATE_LATENCY, dir, "latency", NSEC_PER_USEC);
	/* Bit 0: by the user, bit 1: by the driver. */
	int r = host_read_u64f(host, &disabled, "%s/disable", dir);

	if (r == 0)
		sample_bool(row, CSTATE_DISABLED, disabled != 0);
	else
		sample_errno(row, CSTATE_DISABLED, read_notef(out, r, "%s/disable", dir));
	return true;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct cpuidle_state *state = data;
	struct cpuset online;
	unsigned n = 0, asked = 0;
	int r = cpus_online(&state->cpus, host, &online);

	if (r < 0)
		return read_fail(out, r, SYS_CPU);
	/* None on the first two CPUs: none anywhere. */
	for (unsigned c = cpuset_next(&online, 0); c < CPUSET_MAX && (n || asked < 2);
	     c = cpuset_next(&online, c + 1), asked++) {
		for (unsigned i = 0; i < MAX_STATES && read_state(host, out, c, i); i++)
			n++;
	}
	return n || out->error ? 0 : read_fail(out, -ENOENT, SYS_CPU "/cpuN/cpuidle");
}

static void close_state(void *data)
{
	struct cpuidle_state *state = data;

	cpus_done(&state->cpus);
}

const struct probe probe_cpuidle = {
	.name = "cpuidle",
	.summary = "Idle states per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND,
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct cpuidle_state),
	.sample = sample,
	.close = close_state,
};
