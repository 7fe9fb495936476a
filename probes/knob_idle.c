/*
 * Idle states: which of them a CPU may enter, one by one or all that take longer to leave than a
 * latency, and which governor chooses (Documentation/admin-guide/pm/cpuidle.rst).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cpus.h"
#include "probes/knob_file.h"
#include "probes/owner.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"
#define MAX_STATES 16u
/* Switched off by the driver or on the command line: no user brings it back (drivers/cpuidle). */
#define STATE_DEFAULT "default_status"

static const char no_cpuidle[] = "the CPUs have no idle states to choose from here (in a virtual "
				 "machine: the host's business)";

static bool is_ladder(struct host *host)
{
	char governor[32];
	ssize_t len =
		host_readf(host, governor, sizeof(governor), SYS_CPU "/cpuidle/current_governor");

	if (len < 0)
		len = host_readf(host, governor, sizeof(governor),
				 SYS_CPU "/cpuidle/current_governor_ro");
	return len >= 0 && !strcmp(read_trim(governor), "ladder");
}

/* The ladder climbs one state at a time and stops at one that is off (governors/ladder.c). */
static int check_state(struct host *host, const struct knob_file_parts *parts, const char *value,
		       char *why, size_t why_size)
{
	char status[32];
	ssize_t len = host_readf(host, status, sizeof(status),
				 SYS_CPU "/cpu%s/cpuidle/state%s/" STATE_DEFAULT, parts->text[0],
				 parts->text[1]);

	if (!strcmp(value, "0") && len >= 0 && !strcmp(read_trim(status), "disabled"))
		(void)snprintf(
			why, why_size,
			"cstate:%s/%s: the driver has switched it off by default: with 0 it may be "
			"entered",
			parts->text[0], parts->text[1]);
	if (!strcmp(value, "1") && is_ladder(host))
		(void)snprintf(
			why, why_size,
			"cstate:%s/%s: the idle governor is ladder, which then enters none of the "
			"deeper states either",
			parts->text[0], parts->text[1]);
	return 0;
}

static const struct knob_file_error idle_errors[] = {
	{EPERM, "only root (CAP_SYS_ADMIN) may switch idle states"},
	{EINVAL, "it is 0 (may be entered) or 1 (switched off)"},
	{0, NULL},
};

KNOB_FILE_DEFINE(
	idle_state, "power", KNOB_FREE, STEP_U64, 0,
	"an idle state of a CPU switched off (1) or on (0)",
	"1: no wake-up takes as long as this state's latency; more power, and less turbo for the "
	"neighbours. Undone by writing the old value.",
	.key = "cstate:#/#", .path = SYS_CPU "/cpu#/cpuidle/state#/disable", .words = "0|1",
	.has_all = true, .owners = OWNER_BIT(OWNER_TUNED), .absent = no_cpuidle,
	.errors = idle_errors, .affects = KNOB_FILE_THIS_CPU, .check = check_state);

static const struct knob_file_error governor_errors[] = {
	{EINVAL, "this kernel has no such idle governor"},
	{0, NULL},
};

KNOB_FILE_DEFINE(idle_governor, "power", KNOB_FREE, STEP_WORD, 0,
		 "who chooses the idle states of all CPUs",
		 "Free. Undone by writing the old governor.", .key = "host",
		 .path = SYS_CPU "/cpuidle/current_governor",
		 .choices_path = SYS_CPU "/cpuidle/available_governors",
		 .absent = "no idle states, or a kernel before 5.8 that was not booted with "
			   "cpuidle_sysfs_switch",
		 .errors = governor_errors);

/* --- all states deeper than a latency: cpupower idle-set -D, on some CPUs or on all --- */

struct state {
	unsigned number;
	uint64_t latency_us;
	bool is_off;
};

/* How many states the CPU has. */
static unsigned read_states(struct host *host, unsigned cpu, struct state *states)
{
	unsigned n = 0;

	for (; n < MAX_STATES; n++) {
		uint64_t off;

		if (host_read_u64f(host, &states[n].latency_us,
				   SYS_CPU "/cpu%u/cpuidle/state%u/latency", cpu, n) ||
		    host_read_u64f(host, &off, SYS_CPU "/cpu%u/cpuidle/state%u/disable", cpu, n))
			break;
		states[n].number = n;
		states[n].is_off = off != 0;
	}
	return n;
}

/* The longest of those that are on. */
static uint64_t deepest_us(const struct state *states, unsigned n)
{
	uint64_t deepest = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!states[i].is_off && states[i].latency_us > deepest)
			deepest = states[i].latency_us;
	}
	return deepest;
}

static void add_target(struct knob_targets *ret, const char *key, const char *name, uint64_t now_us,
		       bool is_mixed, const struct state *states, unsigned n)
{
	char value[24] = "(mixed)", choices[256] = "us:";

	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(choices);

		(void)snprintf(choices + len, sizeof(choices) - len, "%s%llu", i ? "|" : " ",
			       (unsigned long long)states[i].latency_us);
	}
	if (!is_mixed)
		(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)now_us);
	knob_targets_add(ret, key, name, value, choices, NULL);
}

static int read_online(struct host *host, struct cpuset *ret)
{
	struct cpus cpus = {0};
	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

struct cpu_states {
	unsigned cpu, n;
	struct state states[MAX_STATES];
};

/* Each file is read once: there are four a state, and 1,024 CPUs have ten thousand of them. */
static unsigned read_all_states(struct host *host, const struct cpuset *online,
				struct cpu_states *all)
{
	unsigned n = 0;

	for (unsigned c = cpuset_next(online, 0); c < CPUSET_MAX; c = cpuset_next(online, c + 1)) {
		all[n].cpu = c;
		all[n].n = read_states(host, c, all[n].states);
		n += all[n].n > 0;
	}
	return n;
}

static bool is_mixed(const struct cpu_states *all, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		if (deepest_us(all[i].states, all[i].n) != deepest_us(all[0].states, all[0].n))
			return true;
	}
	return false;
}

static int idle_latency_targets(struct host *host, struct knob_targets *ret)
{
	struct cpuset online;
	int err = read_online(host, &online);

	if (err)
		return errno_is_absent(-err) ? 0 : err;
	/* One more: room for a CPU that turns out to have none. */
	_cleanup_(freep) struct cpu_states *all = xcalloc(cpuset_count(&online) + 1, sizeof(*all));
	unsigned n = read_all_states(host, &online, all);

	/* All of them first, as the CPU with the first row has it. */
	if (n > 1)
		add_target(ret, "cpu:*", "idle states of all CPUs",
			   deepest_us(all[0].states, all[0].n), is_mixed(all, n), all[0].states,
			   all[0].n);
	for (unsigned i = 0; i < n; i++) {
		char key[32], name[64];

		(void)snprintf(key, sizeof(key), "cpu:%u", all[i].cpu);
		(void)snprintf(name, sizeof(name), "idle states of CPU %u", all[i].cpu);
		add_target(ret, key, name, deepest_us(all[i].states, all[i].n), false,
			   all[i].states, all[i].n);
	}
	if (n == 0)
		knob_targets_add(ret, "cpu:*", "idle states", NULL, "us", no_cpuidle);
	return 0;
}

static int parse_target(struct host *host, const char *target, struct cpuset *ret)
{
	static const char prefix[] = "cpu:";

	if (strncmp(target, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	if (!strcmp(target + strlen(prefix), "*"))
		return read_online(host, ret);
	return cpuset_parse_list(target + strlen(prefix), ret);
}

/* Steps for the states of one CPU whose switch is not as wished. */
static int plan_cpu(struct host *host, unsigned cpu, uint64_t limit_us, struct plan *ret, char *why,
		    size_t why_size)
{
	struct state states[MAX_STATES];
	unsigned n = read_states(host, cpu, states);

	if (n == 0) {
		(void)snprintf(why, why_size,
			       "cpu:%u: it is offline or has no idle states: "
			       "`jittertop knobs idle_latency` lists those that have",
			       cpu);
		return -ENOENT;
	}
	for (unsigned i = 0; i < n; i++) {
		bool is_wanted_off = states[i].latency_us > limit_us;
		char object[48];

		(void)snprintf(object, sizeof(object), "cstate:%u/%u", cpu, states[i].number);
		int err = plan_add(ret, host, &step_class_idle_state, object,
				   is_wanted_off ? "1" : "0", why, why_size);
		if (err)
			return err;
	}
	cpuset_add(&ret->affected, cpu);
	return 0;
}

static int idle_latency_plan(struct host *host, const char *target, const char *value,
			     struct plan *ret, char *why, size_t why_size)
{
	struct cpuset cpus;
	uint64_t limit_us;
	int err = parse_target(host, target, &cpus);

	if (err || cpuset_is_empty(&cpus)) {
		(void)snprintf(why, why_size, "%.64s: not a CPU: cpu:3, cpu:2-5,7 or cpu:*",
			       target);
		return err ? err : -EINVAL;
	}
	if (parse_u64(value, &limit_us)) {
		(void)snprintf(
			why, why_size,
			"%.64s: \"%.64s\" is not a number of microseconds: states that take longer "
			"to leave are switched off",
			target, value);
		return -EINVAL;
	}
	for (unsigned c = cpuset_next(&cpus, 0); c < CPUSET_MAX && !err;
	     c = cpuset_next(&cpus, c + 1))
		err = plan_cpu(host, c, limit_us, ret, why, why_size);
	if (!err)
		plan_title_add(ret, "%.40s: idle states up to %llu us", target,
			       (unsigned long long)limit_us);
	return err;
}

const struct knob knob_idle_latency = {
	.name = "idle_latency",
	.family = "power",
	.summary =
		"longest time to leave an idle state: deeper ones are switched off, the others on",
	.cost = "Less: faster wake-ups, more power, and less turbo for the neighbours. Undone by "
		"switching "
		"every state back.",
	.risk = KNOB_FREE,
	.targets = idle_latency_targets,
	.plan = idle_latency_plan,
};
