/*
 * Private to probes/: settings of one thread, for all knobs that pin threads or set their policy.
 *
 * Step classes thread_affinity (a CPU list) and thread_policy ("other:0", "fifo:50", "rr:10",
 * "batch:0", "idle:0") have objects "thread:PID/TID"; TID alone would do for the kernel, PID says
 * whose it is. The identity is the start time: a number is given to another thread as soon as its
 * owner has gone. The name (comm) is no part of it, since threads change theirs (kworkers do all
 * the time) and what we set stays set.
 *
 * An affinity is what the kernel lets the thread use of the CPUs that are online. One that covers
 * everything its cpuset allows is written as "all CPUs": that is the nearest there is to "never
 * set", which no call brings back (sched_setaffinity remembers the user's mask since 6.2,
 * kernel/sched/core.c), and the thread then follows its cpuset again.
 */
#ifndef JT_PROBES_KNOB_THREAD_H
#define JT_PROBES_KNOB_THREAD_H

#include "core/cpuset.h"
#include "core/knob.h"
#include "core/step.h"

extern const struct step_class step_class_thread_affinity, step_class_thread_policy;

struct thread_facts {
	pid_t pid, tid;
	uint64_t start; /* clock ticks since boot */
	uint64_t flags; /* PF_*, include/linux/sched.h */
	unsigned policy, priority;
	int nice;
	char comm[64]; /* sanitised */
};
#define THREAD_NO_SETAFFINITY UINT64_C(0x04000000) /* PF_NO_SETAFFINITY */

/* "thread:PID/TID" and nothing else. */
int thread_object_parse(const char *object, pid_t *ret_pid, pid_t *ret_tid) _must_check_;
void thread_object(pid_t pid, pid_t tid, char *buf, size_t size);
/* -ENOENT: gone. */
int thread_read(struct host *host, pid_t pid, pid_t tid, struct thread_facts *ret) _must_check_;
/* The online CPUs it may use. Not empty. */
int thread_read_affinity(struct host *host, pid_t pid, pid_t tid, struct cpuset *ret) _must_check_;
/* The online CPUs that its control group allows; all of them where nothing says. */
int thread_read_allowed(struct host *host, pid_t pid, pid_t tid, struct cpuset *ret) _must_check_;
/* Its control group in the hierarchy of a controller ("cpuset"), "" for version 2: a path as in
 * cgroup.h. */
int thread_read_group(struct host *host, pid_t pid, pid_t tid, const char *controller, char *buf,
		      size_t size) _must_check_;

/* Kernel threads, or the real-time threads of processes, by number. */
enum thread_kind { THREAD_KERNEL, THREAD_REALTIME };
struct thread_list {
	struct thread_facts *at;
	unsigned n;
};
int thread_list(struct host *host, enum thread_kind kind, struct thread_list *ret) _must_check_;
void thread_list_done(struct thread_list *list);

/* "fifo:1"; "?" for a policy without a name. */
void thread_policy_text(unsigned policy, unsigned priority, char *buf, size_t size);
/* -EINVAL: no such policy or a priority it does not have; "fifo" alone is no value. */
int thread_policy_parse(const char *text, unsigned *ret_policy,
			unsigned *ret_priority) _must_check_;

/*
 * What people and views call a thread: "thread:PID/TID", "thread:PID.START/TID" as the rows of
 * machines are named, "task:TID.START" as those of containers are. The step's object into buf.
 * -EINVAL, -ENOENT, -ESTALE with the reason in why: no such name, it has gone, or is another one
 * now.
 */
int thread_target(struct host *host, const char *target, char *buf, size_t size, char *why,
		  size_t why_size) _must_check_;

/* One step; the CPUs it touches are added to the plan's. Like plan_add(). */
int thread_plan(struct plan *plan, struct host *host, const struct step_class *class, pid_t pid,
		pid_t tid, const char *value, char *why, size_t why_size) _must_check_;
/* Texts for lists: "CPU list of 0-7", and what may be a policy. */
void thread_cpu_choices(struct host *host, char *buf, size_t size);
#define THREAD_POLICY_CHOICES "fifo:1-99, rr:1-99, other:0, batch:0, idle:0"

#endif
