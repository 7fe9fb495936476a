/*
 * A fake host whose control groups behave as the kernel's do, as far as knobs care: tasks move when
 * their number is written, controllers are switched on and off, a partition may turn out invalid.
 */
#ifndef JT_TESTS_UNIT_FAKE_CGROUP_H
#define JT_TESTS_UNIT_FAKE_CGROUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_write.h"

#define FAKE_TASKS 32

struct fake_task {
	unsigned pid, tid;
	unsigned long flags; /* PF_* */
	unsigned policy, priority;
	char comm[32], allowed[64], group[128]; /* "/a" */
};

struct fake_cgroups {
	struct host *host;
	const char *directory; /* "sys/fs/cgroup/cpuset" */
	bool is_v2;
	const char *reason; /* partitions become invalid, for this reason; NULL: they do not */
	struct fake_task tasks[FAKE_TASKS];
	unsigned n_tasks;
};

static inline void fake_filef(struct host *host, const char *content, const char *fmt, ...)
	_printf_(3, 4);
static inline void fake_filef(struct host *host, const char *content, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	host_fake_file(host, path, content);
}

/* Who is in a group now, into its files. */
static inline void fake_group_lists(struct fake_cgroups *cgroups, const char *group)
{
	char procs[1024] = "", tasks[1024] = "";
	const char *below = strcmp(group, "/") ? group : "";

	for (unsigned i = 0; i < cgroups->n_tasks; i++) {
		const struct fake_task *task = &cgroups->tasks[i];

		if (strcmp(task->group, group) != 0)
			continue;
		(void)snprintf(tasks + strlen(tasks), sizeof(tasks) - strlen(tasks), "%u\n",
			       task->tid);
		if (task->tid == task->pid)
			(void)snprintf(procs + strlen(procs), sizeof(procs) - strlen(procs), "%u\n",
				       task->pid);
	}
	fake_filef(cgroups->host, procs, "%s%s/cgroup.procs", cgroups->directory, below);
	if (!cgroups->is_v2)
		fake_filef(cgroups->host, tasks, "%s%s/tasks", cgroups->directory, below);
}

static inline void fake_task_publish(struct fake_cgroups *cgroups, const struct fake_task *task)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"%u (%s) S 1 1 1 0 -1 %lu 0 0 0 0 0 0 0 0 20 0 1 0 %u00 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 17 0 %u %u 0 0 0\n",
		task->tid, task->comm, task->flags, task->tid, task->priority, task->policy);
	fake_filef(cgroups->host, text, "proc/%u/task/%u/stat", task->pid, task->tid);
	if (task->pid == task->tid)
		fake_filef(cgroups->host, text, "proc/%u/stat", task->pid);
	(void)snprintf(text, sizeof(text), "Name:\t%s\nCpus_allowed_list:\t%s\n", task->comm,
		       task->allowed);
	fake_filef(cgroups->host, text, "proc/%u/task/%u/status", task->pid, task->tid);
	fake_filef(cgroups->host, task->allowed, "fake/thread/%u/affinity", task->tid);
	(void)snprintf(text, sizeof(text), cgroups->is_v2 ? "0::%s\n" : "3:cpuset:%s\n0::/\n",
		       task->group);
	fake_filef(cgroups->host, text, "proc/%u/task/%u/cgroup", task->pid, task->tid);
	fake_filef(cgroups->host, text, "proc/%u/cgroup", task->pid);
}

static inline struct fake_task *fake_task_add(struct fake_cgroups *cgroups, unsigned pid,
					      unsigned tid, const char *comm, const char *allowed,
					      const char *group)
{
	struct fake_task *task = &cgroups->tasks[cgroups->n_tasks++];

	*task = (struct fake_task){.pid = pid, .tid = tid};
	(void)snprintf(task->comm, sizeof(task->comm), "%s", comm);
	(void)snprintf(task->allowed, sizeof(task->allowed), "%s", allowed);
	(void)snprintf(task->group, sizeof(task->group), "%s", group);
	fake_task_publish(cgroups, task);
	fake_group_lists(cgroups, group);
	return task;
}

static inline bool fake_ends(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && !strcmp(path + len - n, end);
}

static inline int fake_move(struct fake_cgroups *cgroups, const char *path, const char *text,
			    bool is_process)
{
	char group[128], old[128];
	unsigned id = (unsigned)atoi(text);
	bool is_found = false;

	(void)snprintf(group, sizeof(group), "%s", path + strlen(cgroups->directory));
	*strrchr(group, '/') = '\0';
	if (!*group)
		(void)snprintf(group, sizeof(group), "/");
	for (unsigned i = 0; i < cgroups->n_tasks; i++) {
		struct fake_task *task = &cgroups->tasks[i];

		if ((is_process ? task->pid : task->tid) != id)
			continue;
		if (task->flags & 0x04000000)
			return -EINVAL;
		is_found = true;
		(void)snprintf(old, sizeof(old), "%s", task->group);
		(void)snprintf(task->group, sizeof(task->group), "%s", group);
		fake_task_publish(cgroups, task);
		fake_group_lists(cgroups, old);
		fake_group_lists(cgroups, group);
	}
	return is_found ? 1 : -ESRCH;
}

static inline int fake_controllers(struct host *host, const char *path, const char *text)
{
	char now[128], next[256] = "", *save = NULL;

	if (host_readf(host, now, sizeof(now), "%s", path) < 0)
		return -ENOENT;
	for (char *word = strtok_r(now, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (strcmp(word, text + 1) != 0)
			(void)snprintf(next + strlen(next), sizeof(next) - strlen(next), "%s%s",
				       *next ? " " : "", word);
	}
	if (*text == '+')
		(void)snprintf(next + strlen(next), sizeof(next) - strlen(next), "%s%s",
			       *next ? " " : "", text + 1);
	host_fake_file(host, path, next);
	return 1;
}

static inline int fake_cgroup_write(void *arg, struct host *host, const char *path,
				    const char *text)
{
	struct fake_cgroups *cgroups = arg;

	if (strncmp(path, cgroups->directory, strlen(cgroups->directory)) != 0)
		return 0;
	if (fake_ends(path, "/cgroup.procs"))
		return fake_move(cgroups, path, text, true);
	if (fake_ends(path, "/tasks"))
		return fake_move(cgroups, path, text, false);
	if (fake_ends(path, "/cgroup.subtree_control"))
		return fake_controllers(host, path, text);
	if (fake_ends(path, "/cpuset.cpus.partition") && cgroups->reason &&
	    strcmp(text, "member") != 0) {
		char shown[160];

		(void)snprintf(shown, sizeof(shown), "%s invalid (%s)\n", text, cgroups->reason);
		host_fake_file(host, path, shown);
		return 1;
	}
	return 0;
}

static const char *const fake_v2_files[] = {"cpuset.cpus", "cpuset.cpus.partition",
					    "cpuset.cpus.effective", "cgroup.procs"};
static const char *const fake_v1_files[] = {"cpuset.cpus",	    "cpuset.mems",
					    "cpuset.cpu_exclusive", "cpuset.sched_load_balance",
					    "cgroup.procs",	    "tasks"};

/* What the root has, and what every new group gets. */
static inline void fake_cgroups_start(struct fake_cgroups *cgroups, struct host *host, bool is_v2,
				      bool has_exclusive)
{
	*cgroups = (struct fake_cgroups){
		.host = host,
		.directory = is_v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/cpuset",
		.is_v2 = is_v2,
	};
	host_fake_on_write(host, fake_cgroup_write, cgroups);
	if (is_v2) {
		host_fake_file(host, "proc/self/mountinfo",
			       "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
		host_fake_file(host, "proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
		host_fake_file(host, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n");
		host_fake_file(host, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory\n");
		if (has_exclusive) {
			host_fake_file(host, "sys/fs/cgroup/cpuset.cpus.isolated", "\n");
			host_fake_file(host, "fake/template/cpuset.cpus.exclusive", "\n");
		}
		for (size_t i = 0; i < ARRAY_SIZE(fake_v2_files); i++)
			fake_filef(host, strstr(fake_v2_files[i], "partition") ? "member\n" : "\n",
				   "fake/template/%s", fake_v2_files[i]);
	} else {
		host_fake_file(host, "proc/self/mountinfo",
			       "31 23 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
			       "32 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
		host_fake_file(host, "proc/mounts",
			       "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n"
			       "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
		host_fake_file(host, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
		host_fake_file(host, "sys/fs/cgroup/cpuset/cpuset.cpus", "0-3\n");
		host_fake_file(host, "sys/fs/cgroup/cpuset/cpuset.mems", "0\n");
		host_fake_file(host, "sys/fs/cgroup/cpuset/cpuset.sched_load_balance", "1\n");
		host_fake_file(host, "sys/fs/cgroup/cpuset/cpuset.cpu_exclusive", "1\n");
		for (size_t i = 0; i < ARRAY_SIZE(fake_v1_files); i++) {
			const char *file = fake_v1_files[i];

			fake_filef(host,
				   strstr(file, "balance")     ? "1\n"
				   : strstr(file, "exclusive") ? "0\n"
							       : "",
				   "fake/template/%s", file);
		}
	}
	host_fake_file(host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(host, "sys/devices/system/cpu/possible", "0-3\n");
	host_fake_file(host, "sys/devices/system/node/online", "0\n");
	host_fake_file(host, "sys/devices/system/node/node0/cpulist", "0-3\n");
	fake_group_lists(cgroups, "/");
}

#endif
