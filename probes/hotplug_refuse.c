#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_cpus.h"
#include "core/task_stat.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/hotplug.h"
#include "probes/hotplug_internal.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"
#define NAMED_MAX 3u

/* --- a housekeeping CPU must stay --- */

static int refuse_last(struct host *host, const struct cpuset *going, char *why, size_t why_size)
{
	struct cpus cpus = {0};
	struct cpuset left, quiet;
	char list[128] = "";
	int err = cpus_online(&cpus, host, &left);

	cpus_done(&cpus);
	if (err)
		return 0; /* the kernel knows */
	cpuset_andnot(&left, going);
	if (!cpus_read_list(host, SYS_CPU "/isolated", &quiet))
		cpuset_andnot(&left, &quiet);
	if (!cpus_read_list(host, SYS_CPU "/nohz_full", &quiet))
		cpuset_andnot(&left, &quiet);
	if (!cpuset_is_empty(&left))
		return 0;
	(void)cpuset_format_list(going, list, sizeof(list));
	(void)snprintf(
		why, why_size,
		"cpu:%s: without it no CPU is left that is neither isolated nor nohz_full, and "
		"somebody must do the housekeeping: leave one of these",
		list);
	return -EBUSY;
}

/* --- cpusets of version 1 --- */

struct emptied {
	struct host *host;
	const struct cpuset *going;
	char *why;
	size_t why_size;
};

/* The kernel would move its tasks to the parent, and nobody back. */
static int refuse_emptied(void *arg, const char *path)
{
	struct emptied *emptied = arg;
	char name[256], tasks[64];
	struct cpuset cpus;

	if (host_read_cpulistf(emptied->host, &cpus, HOTPLUG_CPUSET_MOUNT "%s/cpuset.cpus", path) ||
	    cpuset_is_empty(&cpus) || !cpuset_is_subset(&cpus, emptied->going))
		return 0;
	ssize_t len = host_readf(emptied->host, tasks, sizeof(tasks),
				 HOTPLUG_CPUSET_MOUNT "%s/tasks", path);
	if (len == 0 || (len < 0 && len != -EFBIG))
		return 0;
	(void)text_sanitise(path, strlen(path), name, sizeof(name));
	(void)snprintf(
		emptied->why, emptied->why_size,
		"the cpuset %s has no other CPU and tasks in it, which the kernel would move "
		"out for good: give it another CPU first",
		name);
	return -EBUSY;
}

/* --- threads that may run nowhere else --- */

struct pinned {
	struct host *host;
	const struct cpuset *going;
	char self[24]; /* our own process: its measuring threads follow by themselves */
	unsigned n, n_named;
	char names[NAMED_MAX][96];
	bool is_guest_or_rt[NAMED_MAX];
};

static bool may_run_elsewhere(struct host *host, uint64_t pid, uint64_t tid,
			      const struct cpuset *going)
{
	struct cpuset allowed;

	return task_cpus_read(host, pid, tid, &allowed) || !cpuset_is_subset(&allowed, going);
}

/* Guests' CPUs and real-time threads push others out of the few that are named. */
static void note_thread(struct pinned *pinned, const char *tid, const struct task_stat *stat)
{
	char comm[64];
	unsigned at = pinned->n_named;
	bool is_rt = stat->fields[TASK_STAT_POLICY] == 1 || stat->fields[TASK_STAT_POLICY] == 2;
	bool is_guest_or_rt = is_rt || (stat->comm_len > 4 && !memcmp(stat->comm, "CPU ", 4));

	pinned->n++;
	if (at == NAMED_MAX) {
		for (at = 0; at < NAMED_MAX && pinned->is_guest_or_rt[at]; at++)
			;
		if (at == NAMED_MAX || !is_guest_or_rt)
			return;
	} else {
		pinned->n_named++;
	}
	(void)text_sanitise(stat->comm, stat->comm_len, comm, sizeof(comm));
	(void)snprintf(pinned->names[at], sizeof(pinned->names[at]), "%.50s (thread %.20s%s)", comm,
		       tid, is_rt ? ", real-time" : "");
	pinned->is_guest_or_rt[at] = is_guest_or_rt;
}

static void look_at_process(struct pinned *pinned, const char *pid, uint64_t number)
{
	struct host_names tids;
	uint64_t tid;
	struct task_stat stat;
	char text[1024];

	/* Kernel threads of a CPU park with it (kernel/smpboot.c); others of theirs can be moved.
	 */
	if (host_readf(pinned->host, text, sizeof(text), "proc/%s/stat", pid) < 0 ||
	    task_stat_parse(text, &stat) || stat.fields[TASK_STAT_FLAGS] & TASK_KTHREAD ||
	    host_listf(pinned->host, &tids, "proc/%s/task", pid))
		return;
	for (size_t i = 0; i < tids.n; i++) {
		if (parse_u64(tids.names[i], &tid) ||
		    may_run_elsewhere(pinned->host, number, tid, pinned->going) ||
		    host_readf(pinned->host, text, sizeof(text), "proc/%s/task/%s/stat", pid,
			       tids.names[i]) < 0 ||
		    task_stat_parse(text, &stat))
			continue;
		note_thread(pinned, tids.names[i], &stat);
	}
	host_names_done(&tids);
}

static int refuse_pinned(struct host *host, const struct cpuset *going, char *why, size_t why_size)
{
	struct pinned pinned = {.host = host, .going = going};
	struct host_names pids;
	char list[128] = "", names[320] = "";
	uint64_t number;

	if (host_listf(host, &pids, "proc"))
		return 0;
	if (host_readlinkf(host, pinned.self, sizeof(pinned.self), "proc/self") < 0)
		pinned.self[0] = '\0';
	for (size_t i = 0; i < pids.n; i++) {
		if (!parse_u64(pids.names[i], &number) && strcmp(pids.names[i], pinned.self) != 0)
			look_at_process(&pinned, pids.names[i], number);
	}
	host_names_done(&pids);
	if (pinned.n == 0)
		return 0;
	for (unsigned i = 0; i < pinned.n_named; i++) {
		size_t len = strlen(names);

		(void)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
			       pinned.names[i]);
	}
	(void)cpuset_format_list(going, list, sizeof(list));
	(void)snprintf(
		why, why_size,
		"cpu:%s: %u thread%s may run there alone: %s%s: they would lose that for good: let "
		"them run elsewhere first (knob thread_affinity, or end them)",
		list, pinned.n, pinned.n == 1 ? "" : "s", names,
		pinned.n > pinned.n_named ? " ..." : "");
	return -EBUSY;
}

int hotplug_refuse(struct host *host, const struct cpuset *going, char *why, size_t why_size)
{
	struct emptied emptied = {host, going, why, why_size};

	if (cpuset_is_empty(going))
		return 0;
	int err = refuse_last(host, going, why, why_size);
	if (!err)
		err = hotplug_each_group(host, HOTPLUG_CPUSET_MOUNT, "", 0, refuse_emptied,
					 &emptied);
	return err ? err : refuse_pinned(host, going, why, why_size);
}
