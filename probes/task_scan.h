/*
 * Private to probes/: every thread of the host with what decides where it may run, read once from
 * proc (proc_pid_stat(5), proc_pid_status(5)) without keeping anything: for plans and for lists of
 * what is left on a CPU, not for every tick.
 */
#ifndef JT_PROBES_TASK_SCAN_H
#define JT_PROBES_TASK_SCAN_H

#include <stdbool.h>

#include "core/cpuset.h"
#include "core/host.h"
#include "core/task_stat.h"

#define TASK_NO_SETAFFINITY UINT64_C(0x04000000) /* PF_NO_SETAFFINITY, include/linux/sched.h */

struct task_seen {
	unsigned pid, tid;
	char state;
	uint64_t flags;
	unsigned policy, priority;
	unsigned cpu;	/* where it ran last */
	uint64_t ticks; /* clock ticks it has run */
	char comm[64];	/* sanitised */
	struct cpuset allowed;
};
static inline bool task_is_kernel(const struct task_seen *task)
{
	return task->flags & TASK_KTHREAD;
}

/* visit returns 0 to go on; anything else ends the scan and is returned. Threads that end meanwhile
 * are left out, zombies too. -errno: proc cannot be listed. */
typedef int task_scan_fn(void *arg, const struct task_seen *task);
int task_scan(struct host *host, task_scan_fn *visit, void *arg);
/* The threads of one process only. -ENOENT: gone. */
int task_scan_process(struct host *host, unsigned pid, task_scan_fn *visit, void *arg);

#endif
