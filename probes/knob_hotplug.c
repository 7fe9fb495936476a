/*
 * CPUs taken offline and brought back, one by one or all second threads of the cores
 * (Documentation/core-api/cpu_hotplug.rst, Documentation/ABI/testing/sysfs-devices-system-cpu).
 *
 * A CPU that goes takes settings with it that do not come back with it: they are saved before
 * (hotplug_save.c). What nobody could put back is a reason to refuse: threads that may run on
 * that CPU alone (the kernel would let them run anywhere, for good). What else is lost is said with
 * the knob: tracer threads, and timers that have moved.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probes/hotplug.h"
#include "probes/knob_file.h"
#include "probes/read.h"
#include "probes/saved.h"

#define SYS_CPU "sys/devices/system/cpu"

static const struct knob_file_error hotplug_errors[] = {
	{EBUSY, "the kernel keeps it: it is the last CPU of its kind (housekeeping), carries "
		"SCHED_DEADLINE tasks, or hotplug is switched off at the moment"},
	{EOPNOTSUPP, "this (virtual) machine cannot take CPUs offline"},
	{EPERM, "only root may; or this CPU cannot go offline"},
	{ENODEV, "the CPUs here have one thread per core"},
	{EINVAL, "the kernel does not know this value"},
	{0, NULL},
};

/* CPUs that an earlier step of the plan takes offline. */
static void planned_offline(const struct plan *plan, struct cpuset *ret)
{
	cpuset_zero(ret);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		unsigned cpu;

		if (!strcmp(plan->steps[i].class->name, "cpu_online") &&
		    !strcmp(plan->steps[i].new_value, "0") &&
		    read_numbered(plan->steps[i].object, "cpu:", &cpu) && cpu < CPUSET_MAX)
			cpuset_add(ret, cpu);
	}
}

static int online_before(struct host *host, const struct knob_file_parts *parts, const char *value,
			 struct plan *ret, char *why, size_t why_size)
{
	struct cpuset going, cpus;
	unsigned cpu;
	int err = 0;

	if (!read_numbered(parts->text[0], "", &cpu) || cpu >= CPUSET_MAX)
		return -EINVAL;
	cpuset_zero(&cpus);
	cpuset_add(&cpus, cpu);
	if (!strcmp(value, "0")) {
		planned_offline(ret, &going);
		cpuset_or(&going, &cpus);
		err = hotplug_refuse(host, &going, why, why_size);
	}
	return err ? err : hotplug_save(host, &cpus, ret, why, why_size);
}

KNOB_FILE_DEFINE(cpu_online, "power", KNOB_PARTIAL, STEP_U64, STEP_SLOW,
		 "a CPU in use (1) or taken offline (0)",
		 "0: its interrupts, timers and threads go elsewhere, its sibling has the core "
		 "alone. Undone by "
		 "bringing it back, then interrupt affinities, cpusets, partitions, frequency and "
		 "idle settings as "
		 "they were; timers that moved and threads of tracers stay where they are.",
		 .key = "cpu:#", .path = SYS_CPU "/cpu#/online", .words = "0|1",
		 .absent = "there is no such CPU, or the kernel has no switch for it (CPU 0; "
			   "CONFIG_HOTPLUG_CPU)",
		 .errors = hotplug_errors, .affects = KNOB_FILE_ALL_CPUS,
		 .plan_before = online_before);

/* --- second threads --- */

/* CPUs that are not the first of their core. Offline ones have no topology: all that are. */
static void second_threads(struct host *host, struct cpuset *ret)
{
	struct cpuset present, siblings;

	cpuset_zero(ret);
	if (host_read_cpulistf(host, &present, SYS_CPU "/present"))
		return;
	for (unsigned c = cpuset_next(&present, 0); c < CPUSET_MAX;
	     c = cpuset_next(&present, c + 1)) {
		int err = host_read_cpulistf(host, &siblings,
					     SYS_CPU "/cpu%u/topology/thread_siblings_list", c);

		if (err || cpuset_next(&siblings, 0) != c)
			cpuset_add(ret, c);
	}
}

static int smt_before(struct host *host, const struct knob_file_parts *parts, const char *value,
		      struct plan *ret, char *why, size_t why_size)
{
	struct cpuset seconds, online, going;

	(void)parts;
	second_threads(host, &seconds);
	going = seconds;
	if (!host_read_cpulistf(host, &online, SYS_CPU "/online"))
		cpuset_and(&going, &online);
	int err = strcmp(value, "off") ? 0 : hotplug_refuse(host, &going, why, why_size);
	/* Also those that are offline by hand: "on" brings every one back. */
	for (unsigned c = cpuset_next(&seconds, 0); c < CPUSET_MAX && !err;
	     c = cpuset_next(&seconds, c + 1))
		err = saved_addf(ret, host, SAVED_ONLINE, why, why_size, "cpu:%u", c);
	return err ? err : hotplug_save(host, &going, ret, why, why_size);
}

static const char *why_fixed(const char *state)
{
	if (!strcmp(state, "notsupported"))
		return "the CPUs here have one thread per core, or the host hides the others";
	if (!strcmp(state, "notimplemented"))
		return "this kernel cannot switch threads of a core on this architecture";
	if (!strcmp(state, "forceoff"))
		return "switched off for good (nosmt=force, or forceoff was written): only booting "
		       "anew "
		       "brings it back";
	return NULL;
}

static int check_smt(struct host *host, const struct knob_file_parts *parts, const char *value,
		     char *why, size_t why_size)
{
	char state[32];

	(void)parts;
	(void)value;
	if (host_readf(host, state, sizeof(state), SYS_CPU "/smt/control") < 0)
		return 0;
	const char *fixed = why_fixed(read_trim(state));
	if (!fixed)
		return 0;
	(void)snprintf(why, why_size, "host: %s: %s", state, fixed);
	return !strcmp(state, "forceoff") ? -EPERM : -ENODEV;
}

/* forceoff is left out on purpose: no undo brings it back. */
KNOB_FILE_CLASS(smt, STEP_WORD, STEP_SLOW, .key = "host", .path = SYS_CPU "/smt/control",
		.words = "on|off",
		.absent = "this kernel has no switch for threads of a core (CONFIG_HOTPLUG_SMT)",
		.errors = hotplug_errors, .affects = KNOB_FILE_ALL_CPUS, .check = check_smt,
		.plan_before = smt_before);

static int smt_targets(struct host *host, struct knob_targets *ret)
{
	int err = knob_file_targets(&smt_file, host, ret);

	for (unsigned i = 0; i < ret->n_targets; i++) {
		struct knob_target *target = &ret->targets[i];

		if (target->value && !target->locked)
			target->locked = why_fixed(target->value);
	}
	return err;
}

static int smt_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	return knob_file_plan(&smt_file, host, target, value, ret, why, why_size);
}

const struct knob knob_smt = {
	.name = "smt",
	.family = "power",
	.summary = "the second threads of all cores (SMT, Hyper-Threading)",
	.cost = "off: half the CPUs go, the others have their cores alone: steadier latency, less "
		"throughput. "
		"Undone as cpu_online is, for all of them.",
	.risk = KNOB_PARTIAL,
	.targets = smt_targets,
	.plan = smt_plan,
};
