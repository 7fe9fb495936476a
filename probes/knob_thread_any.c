/*
 * Affinity and policy of any thread. Listed are the real-time threads, since those are what
 * somebody tuned; every other one can be named by its number. Kernel threads and machines have
 * knobs of their own, which know what they are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probes/cpus.h"
#include "probes/knob_thread.h"

void thread_cpu_choices(struct host *host, char *buf, size_t size)
{
	struct cpus cpus = {0};
	struct cpuset online;
	char list[256] = "";

	if (!cpus_online(&cpus, host, &online))
		(void)cpuset_format_list(&online, list, sizeof(list));
	cpus_done(&cpus);
	(void)snprintf(buf, size, "CPU list of %.64s", list);
}

int thread_plan(struct plan *plan, struct host *host, const struct step_class *class, pid_t pid,
		pid_t tid, const char *value, char *why, size_t why_size)
{
	char object[64];
	struct cpuset cpus;

	thread_object(pid, tid, object, sizeof(object));
	if (!thread_read_affinity(host, pid, tid, &cpus))
		cpuset_or(&plan->affected, &cpus);
	int err = plan_add(plan, host, class, object, value, why, why_size);
	if (!err && class == &step_class_thread_affinity && !cpuset_parse_list(value, &cpus))
		cpuset_or(&plan->affected, &cpus);
	return err;
}

static void add_target(struct host *host, struct knob_targets *ret, const struct step_class *class,
		       const struct thread_facts *facts, const char *choices)
{
	char key[64], value[PLAN_VALUE_MAX], why[256];

	thread_object(facts->pid, facts->tid, key, sizeof(key));
	ssize_t len = class->read(host, key, value, sizeof(value));
	if (len == -ENOENT)
		return;
	why[0] = '\0';
	if (len >= 0 && class->check(host, key, value, why, sizeof(why)) >= 0)
		why[0] = '\0'; /* a warning about what it is */
	else if (len < 0)
		(void)snprintf(why, sizeof(why), "%s", strerror((int)-len));
	knob_targets_add(ret, key, facts->comm, len < 0 ? NULL : value, choices,
			 why[0] ? why : NULL);
}

static int add_targets(struct host *host, struct knob_targets *ret, const struct step_class *class,
		       const char *choices)
{
	struct thread_list list;
	int err = thread_list(host, THREAD_REALTIME, &list);

	if (err)
		return err;
	for (unsigned i = 0; i < list.n; i++)
		add_target(host, ret, class, &list.at[i], choices);
	thread_list_done(&list);
	return 0;
}

static int affinity_targets(struct host *host, struct knob_targets *ret)
{
	char choices[160];

	thread_cpu_choices(host, choices, sizeof(choices));
	return add_targets(host, ret, &step_class_thread_affinity, choices);
}

static int policy_targets(struct host *host, struct knob_targets *ret)
{
	return add_targets(host, ret, &step_class_thread_policy, THREAD_POLICY_CHOICES);
}

static int plan_one(struct host *host, const struct step_class *class, const char *target,
		    const char *value, struct plan *ret, char *why, size_t why_size)
{
	char object[64];
	pid_t pid, tid;
	int err = thread_target(host, target, object, sizeof(object), why, why_size);

	if (!err)
		err = thread_object_parse(object, &pid, &tid);
	if (!err)
		err = thread_plan(ret, host, class, pid, tid, value, why, why_size);
	if (!err)
		plan_title_add(ret, "thread %d -> %s%.48s", (int)tid,
			       class->compare == STEP_CPULIST ? "cpu " : "",
			       ret->steps[ret->n_steps - 1].new_value);
	return err;
}

static int affinity_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	return plan_one(host, &step_class_thread_affinity, target, value, ret, why, why_size);
}

static int policy_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		       char *why, size_t why_size)
{
	return plan_one(host, &step_class_thread_policy, target, value, ret, why, why_size);
}

const struct knob knob_thread_affinity = {
	.name = "thread_affinity",
	.family = "threads",
	.summary = "CPUs a thread may run on: thread:PID/TID",
	.cost = "Free. Undone by setting the old CPUs; a thread that had all its control group "
		"allows follows the group again.",
	.risk = KNOB_FREE,
	.none_key = "thread:*",
	.none = "no real-time thread runs here; any other thread may be named: thread:PID/TID",
	.targets = affinity_targets,
	.plan = affinity_plan,
};

const struct knob knob_thread_policy = {
	.name = "thread_policy",
	.family = "threads",
	.summary = "scheduling policy and priority of a thread: thread:PID/TID",
	.cost = "A real-time thread that spins starves everything below it on its CPU. Undone by "
		"setting the old policy; nice value and reset-on-fork stay what they are.",
	.risk = KNOB_FREE,
	.none_key = "thread:*",
	.none = "no real-time thread runs here; any other thread may be named: thread:PID/TID",
	.targets = policy_targets,
	.plan = policy_plan,
};
