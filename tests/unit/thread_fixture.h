/* Threads of a fake host: what /proc and the doors of core/host_write.h say of them. */
#ifndef JT_TESTS_UNIT_THREAD_FIXTURE_H
#define JT_TESTS_UNIT_THREAD_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "core/host.h"

struct fake_thread {
	int pid, tid;
	unsigned long long start;
	const char *comm;
	unsigned flags; /* PF_* */
	unsigned policy, priority;
	int nice;
	unsigned reset_on_fork;
	const char *cpus;   /* NULL: "0-3" */
	const char *cgroup; /* NULL: none */
};

__attribute__((unused)) static void fake_thread(struct host *host, struct fake_thread thread)
{
	char path[96], text[512];
	const char *cpus = thread.cpus ? thread.cpus : "0-3";

	(void)snprintf(path, sizeof(path), "proc/%d/task/%d/stat", thread.pid, thread.tid);
	(void)snprintf(text, sizeof(text),
		       "%d (%s) S 1 1 1 0 -1 %u 0 0 0 0 5 6 0 0 %d %d 1 0 %llu 0 0 "
		       "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 %u %u 0 0 0 0 0 0 0 0 0 "
		       "0 0\n",
		       thread.tid, thread.comm, thread.flags,
		       thread.priority ? -1 - (int)thread.priority : 20 + thread.nice, thread.nice,
		       thread.start, thread.priority, thread.policy);
	host_fake_file(host, path, text);
	if (thread.tid == thread.pid) {
		(void)snprintf(path, sizeof(path), "proc/%d/stat", thread.pid);
		host_fake_file(host, path, text);
	}
	(void)snprintf(path, sizeof(path), "proc/%d/task/%d/status", thread.pid, thread.tid);
	(void)snprintf(text, sizeof(text),
		       "Name:\t%s\nTgid:\t%d\nCpus_allowed_list:\t%s\n"
		       "voluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t1\n",
		       thread.comm, thread.pid, cpus);
	host_fake_file(host, path, text);
	if (thread.cgroup) {
		(void)snprintf(path, sizeof(path), "proc/%d/task/%d/cgroup", thread.pid,
			       thread.tid);
		host_fake_file(host, path, thread.cgroup);
	}
	(void)snprintf(path, sizeof(path), "fake/thread/%d/affinity", thread.tid);
	host_fake_file(host, path, cpus);
	(void)snprintf(path, sizeof(path), "fake/thread/%d/schedule", thread.tid);
	/* The kernel gives no nice value of real-time threads (sched_getattr(2)). */
	(void)snprintf(text, sizeof(text), "%u %u %d %u", thread.policy, thread.priority,
		       thread.priority ? 0 : thread.nice, thread.reset_on_fork);
	host_fake_file(host, path, text);
}

/* It ends. */
__attribute__((unused)) static void fake_thread_ends(struct host *host, int pid, int tid)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "proc/%d/task/%d", pid, tid);
	host_fake_remove(host, path);
	(void)snprintf(path, sizeof(path), "fake/thread/%d", tid);
	host_fake_remove(host, path);
}

#endif
