/*
 * The step classes of threads, and the knobs that use them on any thread of a process
 * (sched_setaffinity(2), sched(7)). Kernel threads: knob_kthread.c; machines: knob_vm.c.
 */
#include "probes/knob_thread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/cpus.h"

#define POLICY_DEADLINE 6u /* include/uapi/linux/sched.h */
#define POLICY_EXT 7u

/* For the preview: there is no file. */
static int describe(const char *object, const char *what, char *buf, size_t size)
{
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (err)
		return err;
	int len = snprintf(buf, size, "thread %d of process %d: %s", (int)tid, (int)pid, what);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int thread_identity(struct host *host, const char *object, char *buf, size_t size)
{
	struct thread_facts facts;
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = thread_read(host, pid, tid, &facts);
	if (err)
		return err;
	(void)snprintf(buf, size, "start=%llu", (unsigned long long)facts.start);
	return 0;
}

/* Facts for a check; the reason why there are none. */
static int check_facts(struct host *host, const char *object, struct thread_facts *ret, char *why,
		       size_t why_size)
{
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = thread_read(host, pid, tid, ret);
	if (err)
		(void)snprintf(why, why_size, "%s: %s", object,
			       err == -ENOENT ? "has gone" : strerror(-err));
	return err;
}

/* --- affinity --- */

static int affinity_path(const char *object, char *buf, size_t size)
{
	return describe(object, "CPU affinity", buf, size);
}

static ssize_t affinity_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset cpus;
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = thread_read_affinity(host, pid, tid, &cpus);
	return err ? err : cpuset_format_list(&cpus, buf, size);
}

static int affinity_write(struct host *host, const char *object, const char *value)
{
	struct cpuset cpus, allowed, possible;
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = cpuset_parse_list(value, &cpus);
	if (err)
		return err;
	/* All that it may use: not pinned at all (knob_thread.h says why). */
	if (!thread_read_allowed(host, pid, tid, &allowed) && cpuset_is_subset(&allowed, &cpus) &&
	    !cpus_possible(host, &possible))
		cpuset_or(&cpus, &possible);
	return host_write_affinity(host, tid, &cpus);
}

static void format(const struct cpuset *set, char *buf, size_t size)
{
	if (cpuset_format_list(set, buf, size) < 0)
		(void)snprintf(buf, size, "(a long list)");
}

static int check_cpus(struct host *host, const char *object, const struct thread_facts *facts,
		      const struct cpuset *wish, char *why, size_t why_size)
{
	char list[256];
	struct cpus cpus = {0};
	struct cpuset set, rest = *wish;
	int err = cpus_online(&cpus, host, &set);

	cpus_done(&cpus);
	if (err)
		return 0; /* the kernel will say */
	cpuset_andnot(&rest, &set);
	if (!cpuset_is_empty(&rest)) {
		format(&rest, list, sizeof(list));
		(void)snprintf(why, why_size, "%s: CPU %.128s is not online", object, list);
		return -EINVAL;
	}
	if (thread_read_allowed(host, facts->pid, facts->tid, &set))
		return 0;
	/* The kernel would cut the mask down without a word. */
	rest = *wish;
	cpuset_andnot(&rest, &set);
	if (cpuset_is_empty(&rest))
		return 0;
	format(&set, list, sizeof(list));
	(void)snprintf(
		why, why_size,
		"%s (%s): its control group allows CPU %.128s only: change the group's cpuset "
		"first, or name CPUs of it",
		object, facts->comm, list);
	return -EINVAL;
}

static int affinity_check(struct host *host, const char *object, const char *value, char *why,
			  size_t why_size)
{
	struct thread_facts facts;
	struct cpuset wish;
	int err = check_facts(host, object, &facts, why, why_size);

	if (err)
		return err;
	if (facts.flags & THREAD_NO_SETAFFINITY) {
		(void)snprintf(why, why_size,
			       "%s (%s): the kernel binds this thread of its own and lets nobody "
			       "move it",
			       object, facts.comm);
		return -EINVAL;
	}
	if (cpuset_parse_list(value, &wish) || cpuset_is_empty(&wish)) {
		(void)snprintf(why, why_size, "%s: name at least one CPU", object);
		return -EINVAL;
	}
	return check_cpus(host, object, &facts, &wish, why, why_size);
}

static const char *affinity_explain(int err)
{
	switch (err) {
	case EINVAL:
		return "none of these CPUs is online and allowed by its control group's cpuset, or "
		       "the kernel binds this thread of its own";
	case EPERM:
	case EACCES:
		return "only root, or whoever has CAP_SYS_NICE, may move threads of others";
	case ESRCH:
	case ENOENT:
		return "the thread has gone";
	case EBUSY:
		return "it is a SCHED_DEADLINE thread, and these CPUs are not all of its root "
		       "domain (sched(7))";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_thread_affinity = {
	.name = "thread_affinity",
	.compare = STEP_CPULIST,
	.flags = STEP_NOT_A_FILE | STEP_MAY_END,
	.path = affinity_path,
	.identity = thread_identity,
	.read = affinity_read,
	.write = affinity_write,
	.check = affinity_check,
	.explain = affinity_explain,
};

/* --- policy --- */

static int policy_path(const char *object, char *buf, size_t size)
{
	return describe(object, "scheduling policy", buf, size);
}

/* What the kernel does is what /proc shows; where the two could differ (fake hosts) the door is
 * asked, as it is the one that writes. */
static ssize_t policy_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct host_schedule schedule;
	struct thread_facts facts;
	char text[32];
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = thread_read(host, pid, tid, &facts);
	if (err)
		return err;
	thread_policy_text(facts.policy, facts.priority, text, sizeof(text));
	if (host_kind(host) != HOST_CAPTURED && facts.policy != POLICY_DEADLINE &&
	    facts.policy != POLICY_EXT) {
		err = host_read_schedule(host, tid, &schedule);
		if (err)
			return err == -ESRCH ? -ENOENT : err;
		thread_policy_text((unsigned)schedule.policy, (unsigned)schedule.priority, text,
				   sizeof(text));
	}
	return snprintf(buf, size, "%s", text);
}

/* Policy and priority only: reset-on-fork and the nice value stay what they are. A real-time thread
 * has a nice value, too: the one it will have afterwards (kernel/sched/syscalls.c: static_prio). */
static int policy_write(struct host *host, const char *object, const char *value)
{
	struct host_schedule schedule;
	struct thread_facts facts;
	unsigned policy, priority;
	pid_t pid, tid;
	int err = thread_object_parse(object, &pid, &tid);

	if (!err)
		err = thread_policy_parse(value, &policy, &priority);
	if (!err)
		err = thread_read(host, pid, tid, &facts);
	if (!err)
		err = host_read_schedule(host, tid, &schedule);
	if (err)
		return err;
	schedule.policy = (int)policy;
	schedule.priority = (int)priority;
	schedule.nice = facts.nice;
	return host_write_schedule(host, tid, &schedule);
}

/* "SCHED_FIFO 99" is where the kernel keeps what must never wait. */
static void warn_priority(const char *object, unsigned priority, char *why, size_t why_size)
{
	if (priority > 95)
		(void)snprintf(why, why_size,
			       "%s: priority %u is that of the kernel's own emergency threads "
			       "(migration, watchdog): 1 to 95 is enough for all others",
			       object, priority);
}

static int policy_check(struct host *host, const char *object, const char *value, char *why,
			size_t why_size)
{
	struct thread_facts facts;
	unsigned policy, priority;
	int err = check_facts(host, object, &facts, why, why_size);

	if (err)
		return err;
	if (thread_policy_parse(value, &policy, &priority) || policy == POLICY_DEADLINE ||
	    policy == POLICY_EXT) {
		(void)snprintf(
			why, why_size,
			"%s: \"%.32s\" is no policy to set: fifo:1 to fifo:99, rr:1 to rr:99, "
			"other:0, batch:0 or idle:0",
			object, value);
		return -EINVAL;
	}
	if (facts.policy == POLICY_DEADLINE || facts.policy == POLICY_EXT) {
		(void)snprintf(
			why, why_size,
			"%s (%s): runs under SCHED_%s, whose parameters a policy name does not "
			"hold: it is left alone",
			object, facts.comm, facts.policy == POLICY_DEADLINE ? "DEADLINE" : "EXT");
		return -EBUSY;
	}
	if (!strncmp(facts.comm, "migration/", 10) && facts.pid == facts.tid) {
		(void)snprintf(why, why_size,
			       "%s (%s): the kernel's stopper thread cannot have another policy",
			       object, facts.comm);
		return -EPERM;
	}
	warn_priority(object, priority, why, why_size);
	return 0;
}

static const char *policy_explain(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return "needs CAP_SYS_NICE, and in a control group of the cpu controller, where "
		       "the "
		       "kernel has CONFIG_RT_GROUP_SCHED, real-time runtime: see "
		       "cpu.rt_runtime_us of its group";
	case EBUSY:
		return "the group has not enough real-time bandwidth left";
	case ESRCH:
	case ENOENT:
		return "the thread has gone";
	case EINVAL:
		return "the kernel does not know this policy, or this thread cannot have it";
	case EOPNOTSUPP:
		return "it runs under SCHED_DEADLINE or SCHED_EXT by now: it is left alone";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_thread_policy = {
	.name = "thread_policy",
	.compare = STEP_WORD,
	.flags = STEP_NOT_A_FILE | STEP_MAY_END,
	.path = policy_path,
	.identity = thread_identity,
	.read = policy_read,
	.write = policy_write,
	.check = policy_check,
	.explain = policy_explain,
};
