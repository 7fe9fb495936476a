/*
 * Kernel threads: the priority of those that do a real-time thread's deferred work (softirqs,
 * timers, RCU callbacks, interrupt handlers), and the place of those that may be moved
 * (Documentation/admin-guide/kernel-per-CPU-kthreads.rst).
 *
 * A target is a thread by its name ("kthread:ksoftirqd/3"), by its number where the name is not
 * unique or holds odd characters ("thread:PID/TID"), a group (the beginning of their names and a
 * star), or all that may be moved and serve nobody in particular ("kthread:*").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "probes/knob_thread.h"

#define PREFIX "kthread:"

static const struct kind {
	const char *prefix;
	bool has_priority; /* worth raising */
	bool is_served;	   /* belongs to an interrupt, a NIC, a machine: not among "all" */
	const char *what;
} kinds[] = {
	{"ksoftirqd/", true, false, "softirqs that could not run at once"},
	{"ktimers/", true, false, "timers (PREEMPT_RT)"},
	{"ktimersd/", true, false, "timers (PREEMPT_RT)"},
	{"rcuc/", true, false, "RCU callbacks"},
	{"rcub/", true, false, "RCU priority boosting"},
	{"rcu_preempt", true, false, "RCU grace periods"},
	{"rcu_sched", true, false, "RCU grace periods"},
	{"rcuog/", true, false, "wakes offloaded RCU callbacks"},
	{"rcuop/", true, false, "offloaded RCU callbacks"},
	{"rcuos/", true, false, "offloaded RCU callbacks"},
	{"irq/", true, true, "interrupt handler"},
	{"napi/", true, true, "polls a NIC's queue"},
	{"vhost-", true, true, "a machine's NIC"},
	{"kvm-pit/", true, true, "a machine's timer"},
	{"kswapd", false, false, "frees memory"},
	{"kcompactd", false, false, "compacts memory"},
	{"khugepaged", false, false, "makes huge pages"},
	{"kthreadd", false, false, "starts kernel threads"},
};

static const struct kind *kind_of(const char *comm)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strncmp(comm, kinds[i].prefix, strlen(kinds[i].prefix)))
			return &kinds[i];
	}
	return NULL;
}

static bool has_priority(const struct thread_facts *facts)
{
	const struct kind *kind = kind_of(facts->comm);

	return kind && kind->has_priority;
}

static bool is_movable(const struct thread_facts *facts)
{
	return !(facts->flags & THREAD_NO_SETAFFINITY);
}

static bool is_served(const struct thread_facts *facts)
{
	const struct kind *kind = kind_of(facts->comm);

	return kind && kind->is_served;
}

/* --- names --- */

static bool is_plain(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_/.:+-[]";

	return name[0] && !name[strspn(name, plain)];
}

static unsigned count_name(const struct thread_list *list, const char *comm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < list->n; i++)
		n += !strcmp(list->at[i].comm, comm);
	return n;
}

static void key_of(const struct thread_list *list, const struct thread_facts *facts, char *buf,
		   size_t size)
{
	if (is_plain(facts->comm) && count_name(list, facts->comm) == 1)
		(void)snprintf(buf, size, PREFIX "%s", facts->comm);
	else
		thread_object(facts->pid, facts->tid, buf, size);
}

/* --- one of the two knobs --- */

struct use {
	const struct step_class *class;
	bool (*is_of_it)(const struct thread_facts *facts);
	const char *none; /* why a thread is not */
};
static const struct use priority_use = {
	.class = &step_class_thread_policy,
	.is_of_it = has_priority,
	.none = "not one whose priority is worth changing: thread_policy@thread:PID/TID does it "
		"all the same",
};
static const struct use affinity_use = {
	.class = &step_class_thread_affinity,
	.is_of_it = is_movable,
	.none = "the kernel binds it of its own and lets nobody move it",
};

static int read_value(struct host *host, const struct use *use, const struct thread_facts *facts,
		      char *buf, size_t size)
{
	char object[64];

	thread_object(facts->pid, facts->tid, object, sizeof(object));
	ssize_t len = use->class->read(host, object, buf, size);
	return len < 0 ? (int)len : 0;
}

/* True: the threads that a group's name stands for. "ksoftirqd/", "" (all). */
static bool is_in(const struct use *use, const struct thread_facts *facts, const char *stem)
{
	if (!use->is_of_it(facts))
		return false;
	return stem[0] ? !strncmp(facts->comm, stem, strlen(stem)) : !is_served(facts);
}

static void add_group(struct host *host, struct knob_targets *ret, const struct use *use,
		      const struct thread_list *list, const char *stem, const char *name,
		      const char *choices)
{
	char key[64], value[PLAN_VALUE_MAX] = "", one[PLAN_VALUE_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < list->n; i++) {
		if (!is_in(use, &list->at[i], stem) ||
		    read_value(host, use, &list->at[i], one, sizeof(one)))
			continue;
		if (n++ == 0)
			memcpy(value, one, sizeof(value));
		else if (strcmp(value, one) != 0)
			(void)snprintf(value, sizeof(value), "mixed");
	}
	if (n < 2)
		return;
	(void)snprintf(key, sizeof(key), PREFIX "%s*", stem);
	(void)snprintf(one, sizeof(one), "%u threads: %s", n, name);
	knob_targets_add(ret, key, one, value, choices, NULL);
}

static void add_one(struct host *host, struct knob_targets *ret, const struct use *use,
		    const struct thread_list *list, const struct thread_facts *facts,
		    const char *choices)
{
	const struct kind *kind = kind_of(facts->comm);
	char key[PLAN_OBJECT_MAX], name[160], value[PLAN_VALUE_MAX];
	int err = read_value(host, use, facts, value, sizeof(value));

	if (err == -ENOENT)
		return;
	key_of(list, facts, key, sizeof(key));
	(void)snprintf(name, sizeof(name), "%s%s%s", facts->comm, kind ? ": " : "",
		       kind ? kind->what : "");
	knob_targets_add(ret, key, name, err ? NULL : value, choices, err ? strerror(-err) : NULL);
}

static int add_targets(struct host *host, struct knob_targets *ret, const struct use *use,
		       const char *choices)
{
	struct thread_list list;
	int err = thread_list(host, THREAD_KERNEL, &list);

	if (err)
		return err;
	if (use == &affinity_use)
		add_group(host, ret, use, &list, "", "all that may be moved", choices);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_group(host, ret, use, &list, kinds[i].prefix, kinds[i].what, choices);
	for (unsigned i = 0; i < list.n; i++) {
		if (use->is_of_it(&list.at[i]))
			add_one(host, ret, use, &list, &list.at[i], choices);
	}
	thread_list_done(&list);
	return 0;
}

/* --- plans --- */

static int plan_group(struct host *host, const struct use *use, const struct thread_list *list,
		      const char *target, const char *stem, const char *value, struct plan *ret,
		      char *why, size_t why_size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < list->n; i++) {
		const struct thread_facts *facts = &list->at[i];

		if (!is_in(use, facts, stem))
			continue;
		int err = thread_plan(ret, host, use->class, facts->pid, facts->tid, value, why,
				      why_size);
		/* Kernel threads come and go. */
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		n++;
	}
	if (n > 0) {
		plan_title_add(ret, "%.40s -> %.40s", target, value);
		why[0] = '\0';
		return 0;
	}
	(void)snprintf(why, why_size, "%.64s: no such kernel thread: see `jittertop knobs`",
		       target);
	return -ENOENT;
}

static const struct thread_facts *find(const struct thread_list *list, const char *target)
{
	char key[PLAN_OBJECT_MAX];

	for (unsigned i = 0; i < list->n; i++) {
		key_of(list, &list->at[i], key, sizeof(key));
		if (!strcmp(key, target))
			return &list->at[i];
		thread_object(list->at[i].pid, list->at[i].tid, key, sizeof(key));
		if (!strcmp(key, target))
			return &list->at[i];
	}
	return NULL;
}

static int plan_one(struct host *host, const struct use *use, const struct thread_list *list,
		    const char *target, const char *value, struct plan *ret, char *why,
		    size_t why_size)
{
	const struct thread_facts *facts = find(list, target);

	if (!facts) {
		(void)snprintf(why, why_size, "%.64s: no such kernel thread: see `jittertop knobs`",
			       target);
		return -ENOENT;
	}
	if (!use->is_of_it(facts)) {
		(void)snprintf(why, why_size, "%.64s: %s", target, use->none);
		return -EINVAL;
	}
	int err = thread_plan(ret, host, use->class, facts->pid, facts->tid, value, why, why_size);
	if (err)
		return err;
	plan_title_add(ret, "%.40s -> %.40s", facts->comm, value);
	if (use == &affinity_use && !strncmp(facts->comm, "irq/", 4))
		(void)snprintf(why, why_size,
			       "%s: goes where its interrupt goes, as soon as that is moved: "
			       "irq_affinity is what lasts",
			       facts->comm);
	return 0;
}

static int plan_use(struct host *host, const struct use *use, const char *target, const char *value,
		    struct plan *ret, char *why, size_t why_size)
{
	struct thread_list list;
	char stem[64];
	size_t len = strlen(target), skip = strlen(PREFIX);
	int err = thread_list(host, THREAD_KERNEL, &list);

	if (err) {
		(void)snprintf(why, why_size, "%.64s: /proc: %s", target, strerror(-err));
		return err;
	}
	if (len > skip && len - skip < sizeof(stem) && !strncmp(target, PREFIX, skip) &&
	    target[len - 1] == '*') {
		(void)snprintf(stem, sizeof(stem), "%.*s", (int)(len - skip - 1), target + skip);
		err = plan_group(host, use, &list, target, stem, value, ret, why, why_size);
	} else {
		err = plan_one(host, use, &list, target, value, ret, why, why_size);
	}
	thread_list_done(&list);
	return err;
}

static int priority_targets(struct host *host, struct knob_targets *ret)
{
	return add_targets(host, ret, &priority_use, THREAD_POLICY_CHOICES);
}

static int priority_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	return plan_use(host, &priority_use, target, value, ret, why, why_size);
}

static int affinity_targets(struct host *host, struct knob_targets *ret)
{
	char choices[160];

	thread_cpu_choices(host, choices, sizeof(choices));
	return add_targets(host, ret, &affinity_use, choices);
}

static int affinity_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	return plan_use(host, &affinity_use, target, value, ret, why, why_size);
}

const struct knob knob_kthread_priority = {
	.name = "kthread_priority",
	.family = "kernel threads",
	.summary = "policy of ksoftirqd, ktimers, rcuc, rcub and interrupt threads",
	.cost = "Above the work that waits for them, real-time threads are not starved by each "
		"other; too high, deferred work delays them. Undone by setting the old policy.",
	.risk = KNOB_FREE,
	.none_key = "kthread:*",
	.none = "no kernel threads are seen here (a container shows none)",
	.targets = priority_targets,
	.plan = priority_plan,
};

const struct knob knob_kthread_affinity = {
	.name = "kthread_affinity",
	.family = "kernel threads",
	.summary = "CPUs of kernel threads that may be moved (rcuo*, kswapd, kcompactd, ...)",
	.cost = "Their work is done elsewhere. Undone by setting the old CPUs. Before kernel 7.0 a "
		"change of cpuset partitions moves them, too.",
	.risk = KNOB_FREE,
	.none_key = "kthread:*",
	.none = "no kernel threads are seen here (a container shows none)",
	.targets = affinity_targets,
	.plan = affinity_plan,
};
