/* What the isolate knob looks at before it plans: what would not work is refused in words, what
 * works less well than asked is a note. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/isolation_internal.h"
#include "probes/knob_isolate_internal.h"
#include "probes/task_scan.h"

#define SYS_CPU "sys/devices/system/cpu"

static void list_text(const struct cpuset *set, char *buf, size_t size)
{
	if (cpuset_format_list(set, buf, size) < 0)
		(void)snprintf(buf, size, "%u CPUs", cpuset_count(set));
}

/* Enough must remain: one CPU at least that is not set apart by the command line either. */
static int check_rest(struct isolate *isolate)
{
	struct cpuset missing = isolate->wanted, remaining = isolate->online;
	char list[128], there[128];

	list_text(&isolate->wanted, list, sizeof(list));
	list_text(&isolate->online, there, sizeof(there));
	if (cpuset_is_empty(&isolate->wanted))
		return isolate_refuse(isolate, -EINVAL, "no CPU is named: choose some of %s",
				      there);
	cpuset_andnot(&missing, &isolate->online);
	if (!cpuset_is_empty(&missing)) {
		list_text(&missing, list, sizeof(list));
		return isolate_refuse(isolate, -EINVAL, "CPU %s is not online: choose some of %s",
				      list, there);
	}
	cpuset_andnot(&remaining, &isolate->wanted);
	if (cpuset_is_empty(&remaining))
		return isolate_refuse(isolate, -EINVAL,
				      "CPU %s are all there are: one at least must be left for the "
				      "system itself",
				      list);
	cpuset_andnot(&remaining, &isolate->isolcpus);
	cpuset_andnot(&remaining, &isolate->nohz_full);
	if (cpuset_is_empty(&remaining))
		return isolate_refuse(isolate, -EINVAL,
				      "without CPU %s only those are left that isolcpus= or "
				      "nohz_full= set apart at boot: leave one for the system",
				      list);
	return 0;
}

static void note_nodes(struct isolate *isolate)
{
	struct host_names names = {0};

	if (host_listf(isolate->host, &names, "sys/devices/system/node"))
		return;
	for (size_t i = 0; i < names.n; i++) {
		struct cpuset cpus;
		uint64_t node;

		if (strncmp(names.names[i], "node", 4) != 0 ||
		    parse_u64(names.names[i] + 4, &node) ||
		    host_read_cpulistf(isolate->host, &cpus, "sys/devices/system/node/%s/cpulist",
				       names.names[i]))
			continue;
		cpuset_and(&cpus, &isolate->online);
		if (!cpuset_is_empty(&cpus) && cpuset_is_subset(&cpus, &isolate->wanted))
			isolate_note(isolate,
				     "node %llu keeps no CPU for kernel work and interrupts: they "
				     "cross to another node",
				     (unsigned long long)node);
	}
	host_names_done(&names);
}

/* Others' partitions and unbalanced sets. */
static int check_groups(struct isolate *isolate)
{
	struct isolation_groups groups = {0};
	struct cpuset present;
	int err = 0;

	/* Ours: the plan is for what came up since. */
	if (!isolate_present(isolate->host, &isolate->place, &present) &&
	    cpuset_equal(&present, &isolate->wanted))
		return 0;
	isolation_walk(&groups, isolate->host);
	for (unsigned i = 0; i < groups.n && !err; i++) {
		struct cpuset common = groups.at[i]->cpus;
		char list[128], name[160];

		cpuset_and(&common, &isolate->wanted);
		if (cpuset_is_empty(&common) || strstr(groups.at[i]->text, CGROUP_OWN))
			continue;
		list_text(&common, list, sizeof(list));
		(void)text_sanitise(groups.at[i]->text, strlen(groups.at[i]->text), name,
				    sizeof(name));
		err = isolate_refuse(isolate, -EBUSY,
				     "CPU %s belongs to %s already: choose others, or dissolve "
				     "that one first",
				     list, name);
	}
	isolation_groups_done(&groups);
	return err;
}

/* pkg/kubelet/cm/cpumanager/state: {"policyName":"static",...} */
static int check_kubelet(struct isolate *isolate)
{
	char text[4096];
	ssize_t n =
		host_read(isolate->host, "var/lib/kubelet/cpu_manager_state", text, sizeof(text));

	/* A state too long to read is one that hands out CPUs. */
	if (n != -EFBIG && (n < 0 || !strstr(text, "\"policyName\":\"static\"")))
		return 0;
	return isolate_refuse(isolate, -EBUSY,
			      "the kubelet hands out whole CPUs itself (CPU manager policy static) "
			      "and would undo this: keep CPUs from it with reservedSystemCPUs, or "
			      "give them to a pod");
}

static void check_isolcpus(struct isolate *isolate)
{
	struct cpuset common = isolate->wanted;
	char list[128];

	cpuset_and(&common, &isolate->isolcpus);
	if (cpuset_is_empty(&common))
		return;
	list_text(&common, list, sizeof(list));
	isolate_note(isolate, "CPU %s is isolated since boot already (isolcpus=)", list);
}

/* --- tasks --- */

struct task_check {
	struct isolate *isolate;
	struct isolate_count rt, bound, deadline, own;
};

static int check_task(void *arg, const struct task_seen *task)
{
	struct task_check *check = arg;
	struct isolate *isolate = check->isolate;
	bool is_bound = cpuset_is_subset(&task->allowed, &isolate->wanted);
	char name[96];

	(void)snprintf(name, sizeof(name), "%s %u", task->comm, task->tid);
	if (task->policy == 6)
		isolate_count_add(&check->deadline, name);
	if (!is_bound || task_is_kernel(task) || task->pid == isolate->pid)
		return 0;
	if (task->pid == isolate->own_pid)
		isolate_count_add(&check->own, name);
	else if (task->policy == 1 || task->policy == 2)
		isolate_count_add(&check->rt, name);
	else
		isolate_count_add(&check->bound, name);
	return 0;
}

static int check_tasks(struct isolate *isolate)
{
	struct task_check check = {.isolate = isolate};
	char text[256];
	int err = task_scan(isolate->host, check_task, &check);

	if (err)
		return isolate_refuse(isolate, err, "the tasks cannot be listed: %s",
				      strerror(-err));
	if (check.rt.n) {
		isolate_count_text(&check.rt, "real-time thread", text, sizeof(text));
		return isolate_refuse(isolate, -EBUSY,
				      "%s bound to these CPUs would be driven away: isolate them "
				      "for that process "
				      "(target pid:N), bind it elsewhere first, or choose others",
				      text);
	}
	if (check.bound.n) {
		isolate_count_text(&check.bound, "thread", text, sizeof(text));
		isolate_note(isolate, "%s bound to these CPUs must run elsewhere", text);
	}
	if (check.deadline.n) {
		isolate_count_text(&check.deadline, "SCHED_DEADLINE thread", text, sizeof(text));
		isolate_note(isolate,
			     "%s: the kernel refuses (EBUSY) if the other CPUs cannot keep their "
			     "promise",
			     text);
	}
	if (check.own.n && isolate->place.is_v2)
		isolate_note(isolate,
			     "jittertop's own measuring of these CPUs ends: a partition admits its "
			     "own tasks only (measure from within it)");
	return 0;
}

int isolate_check(struct isolate *isolate)
{
	int err = check_rest(isolate);

	if (!err && isolate->parts & ISOLATE_SET)
		err = check_kubelet(isolate);
	if (!err && isolate->parts & ISOLATE_SET)
		err = check_groups(isolate);
	if (!err && isolate->parts & ISOLATE_SET)
		err = check_tasks(isolate);
	if (!err) {
		note_nodes(isolate);
		check_isolcpus(isolate);
	}
	return err;
}
