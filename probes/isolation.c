/*
 * How far each CPU is kept free of others' work: isolcpus, nohz_full, rcu_nocbs, cpuset partitions.
 * housekeeping: online and neither isolated nor without tick.
 */
#include <errno.h>
#include <string.h>

#include "core/probe.h"
#include "probes/cmdline.h"
#include "probes/cpus.h"
#include "probes/isolation_internal.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"
#define WALK_PERIOD_NS (5 * NSEC_PER_SEC)

enum set { SET_HOST, SET_CPU };

enum host_metric { HOST_ISOLCPUS, HOST_NOHZ_FULL, HOST_RCU_NOCBS };
static const struct metric host_metrics[] = {
	{"isolcpus", METRIC_CPUSET, UNIT_NONE, "CPUs outside the scheduler's domains since boot",
	 NULL},
	{"nohz_full", METRIC_CPUSET, UNIT_NONE, "CPUs without a tick while one task runs", NULL},
	{"rcu_nocbs", METRIC_CPUSET, UNIT_NONE, "CPUs whose RCU callbacks run elsewhere", NULL},
};

enum cpu_metric { CPU_ISOLATED, CPU_ISOLATION, CPU_NOHZ_FULL, CPU_RCU_NOCBS, CPU_HOUSEKEEPING };
static const struct metric cpu_metrics[] = {
	{"isolated", METRIC_BOOL, UNIT_NONE, "Kept out of load balancing", "isolated"},
	{"isolation", METRIC_TEXT, UNIT_NONE, "By what: isolcpus, partition NAME, cpuset NAME",
	 "by"},
	{"nohz_full", METRIC_BOOL, UNIT_NONE, "No tick while one task runs", "nohz"},
	{"rcu_nocbs", METRIC_BOOL, UNIT_NONE, "RCU callbacks run elsewhere", "nocb"},
	{"housekeeping", METRIC_BOOL, UNIT_NONE, "Online and not set apart", "house"},
};

static const struct metric_set sets[] = {
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
};

struct isolation_state {
	struct cpus cpus;
	struct isolation_groups groups;
	uint64_t walked_ns;
};

struct boot_sets {
	struct cpuset isolcpus, nohz_full, rcu_nocbs;
};

static unsigned count_possible(struct host *host, const struct cpuset *present)
{
	struct cpuset possible;
	unsigned n = 0;

	if (cpus_possible(host, &possible) < 0)
		possible = *present;
	for (unsigned c = cpuset_next(&possible, 0); c < CPUSET_MAX;
	     c = cpuset_next(&possible, c + 1))
		n = c + 1;
	return n;
}

/* isolcpus= without flags means domain; nohz makes nohz_full of them (kernel/sched/isolation.c). */
static void from_command_line(const char *text, unsigned n_cpus, struct boot_sets *ret)
{
	char value[2048], flags[256];
	struct cpuset set;

	cpuset_zero(&ret->isolcpus);
	cpuset_zero(&ret->nohz_full);
	cpuset_zero(&ret->rcu_nocbs);
	if (cmdline_value(text, "isolcpus", value, sizeof(value)) &&
	    cmdline_isolcpus(value, n_cpus, flags, sizeof(flags), &set) == 0) {
		if (!flags[0] || strstr(flags, "domain"))
			ret->isolcpus = set;
		if (strstr(flags, "nohz"))
			ret->nohz_full = set;
	}
	if (cmdline_value(text, "nohz_full", value, sizeof(value)) &&
	    cmdline_cpus(value, n_cpus, &set) == 0)
		cpuset_or(&ret->nohz_full, &set);
	if (cmdline_value(text, "rcu_nocbs", value, sizeof(value)) &&
	    cmdline_cpus(value, n_cpus, &set) == 0)
		ret->rcu_nocbs = set;
}

/* The kernel's word where it has one, the command line otherwise. What was asked for on the command
 * line but not done (no CONFIG_NO_HZ_FULL: no such file) does not appear in either. */
static void read_boot_sets(struct host *host, struct sample *out, const struct cpuset *present,
			   struct boot_sets *ret)
{
	char command_line[8192];
	struct cpuset set;

	if (host_read(host, "proc/cmdline", command_line, sizeof(command_line)) < 0)
		command_line[0] = '\0';
	from_command_line(command_line, count_possible(host, present), ret);

	int r = cpus_read_list(host, SYS_CPU "/isolated", &set);

	read_note(out, r, SYS_CPU "/isolated");
	if (r == 0)
		ret->isolcpus = set;
	r = cpus_read_list(host, SYS_CPU "/nohz_full", &set);
	read_note(out, r, SYS_CPU "/nohz_full");
	if (r == 0)
		ret->nohz_full = set;
	cpuset_or(&ret->rcu_nocbs, &ret->nohz_full); /* implied */
}

static void emit_cpu(struct sample *out, unsigned cpu, const struct boot_sets *boot, bool is_online,
		     const struct isolation_groups *groups)
{
	struct sample_row *row = sample_row(out, SET_CPU, NULL, NULL, "cpu:%u", cpu);
	bool is_isolated = cpuset_has(&boot->isolcpus, cpu);
	bool is_nohz = cpuset_has(&boot->nohz_full, cpu);
	const char *by = is_isolated ? "isolcpus" : "";

	for (unsigned i = 0; i < groups->n; i++) {
		if (!cpuset_has(&groups->at[i]->cpus, cpu))
			continue;
		by = groups->at[i]->text;
		is_isolated |= groups->at[i]->is_isolated;
		break;
	}
	sample_bool(row, CPU_ISOLATED, is_isolated);
	sample_text(out, row, CPU_ISOLATION, by);
	sample_bool(row, CPU_NOHZ_FULL, is_nohz);
	sample_bool(row, CPU_RCU_NOCBS, cpuset_has(&boot->rcu_nocbs, cpu));
	sample_bool(row, CPU_HOUSEKEEPING, is_online && !is_isolated && !is_nohz);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct isolation_state *state = data;
	struct cpuset online, present;
	struct boot_sets boot;
	int r = cpus_online(&state->cpus, host, &online);

	if (r == 0)
		r = cpus_present(host, &online, &present);
	if (r < 0)
		return read_fail(out, r, SYS_CPU);
	if (!state->walked_ns || out->time_ns - state->walked_ns >= WALK_PERIOD_NS) {
		isolation_walk(&state->groups, host);
		state->walked_ns = out->time_ns ? out->time_ns : 1;
	}
	read_boot_sets(host, out, &present, &boot);
	if (state->groups.error)
		read_note(out, state->groups.error, state->groups.error_path);

	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");

	sample_cpus(out, row, HOST_ISOLCPUS, &boot.isolcpus);
	sample_cpus(out, row, HOST_NOHZ_FULL, &boot.nohz_full);
	sample_cpus(out, row, HOST_RCU_NOCBS, &boot.rcu_nocbs);
	for (unsigned c = cpuset_next(&present, 0); c < CPUSET_MAX;
	     c = cpuset_next(&present, c + 1))
		emit_cpu(out, c, &boot, cpuset_has(&online, c), &state->groups);
	return 0;
}

static void close_state(void *data)
{
	struct isolation_state *state = data;

	cpus_done(&state->cpus);
	isolation_groups_done(&state->groups);
}

const struct probe probe_isolation = {
	.name = "isolation",
	.summary = "How far each CPU is kept free of others' work",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct isolation_state),
	.sample = sample,
	.close = close_state,
};
