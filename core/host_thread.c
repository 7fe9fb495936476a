/*
 * Affinity and scheduling policy of threads: reading, and the doors of host_write.h. Fake and
 * scratch hosts have them as files (host_write.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/host_internal.h"
#include "core/host_write.h"
#include "core/parse.h"

/* The first form of struct sched_attr (linux/sched/types.h, which cannot be included with sched.h
 * of every libc): later kernels take it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static bool is_emulated(const struct host *host)
{
	return host->kind == HOST_FAKE || host->kind == HOST_SCRATCH;
}

static void emulated_path(char *path, pid_t tid, const char *what)
{
	(void)snprintf(path, HOST_PATH_MAX, "fake/thread/%d/%s", (int)tid, what);
}

/* --- reading --- */

int host_get_affinity(struct host *host, pid_t tid, struct cpuset *ret)
{
	struct cpuset set;

	if (is_emulated(host)) {
		int err = host_read_cpulistf(host, ret, "fake/thread/%d/affinity", (int)tid);

		return errno_is_absent(-err) ? -ESRCH : err;
	}
	if (!host_is_this_machine(host))
		return -EROFS;
	cpuset_zero(&set);
	if (sched_getaffinity(tid, sizeof(set.bits), (cpu_set_t *)set.bits) < 0)
		return -errno;
	*ret = set;
	return 0;
}

static bool has_more_to_set(int policy)
{
	return policy < 0 || policy >= SCHED_DEADLINE;
}

static int parse_schedule(char *text, struct host_schedule *ret)
{
	int64_t values[4];
	char *rest = text;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const char *word = strsep(&rest, " ");

		if (!word || parse_i64(word, &values[i]) || values[i] < INT32_MIN ||
		    values[i] > INT32_MAX)
			return -EINVAL;
	}
	*ret = (struct host_schedule){.policy = (int)values[0],
				      .priority = (int)values[1],
				      .nice = (int)values[2],
				      .flags = (uint64_t)values[3]};
	return has_more_to_set(ret->policy) ? -EOPNOTSUPP : 0;
}

int host_read_schedule(struct host *host, pid_t tid, struct host_schedule *ret)
{
	struct attributes attr = {0};

	if (is_emulated(host)) {
		char text[128];
		ssize_t len =
			host_readf(host, text, sizeof(text), "fake/thread/%d/schedule", (int)tid);

		if (len < 0)
			return errno_is_absent((int)-len) ? -ESRCH : (int)len;
		return parse_schedule(text, ret);
	}
	if (!host_is_this_machine(host))
		return -EROFS;
	/* glibc has no wrapper before 2.41. */
	if (syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0) < 0)
		return -errno;
	if (has_more_to_set((int)attr.policy))
		return -EOPNOTSUPP;
	*ret = (struct host_schedule){.policy = (int)attr.policy,
				      .priority = (int)attr.priority,
				      .nice = attr.nice,
				      .flags = attr.flags};
	return 0;
}

/* --- writing --- */

int host_set_affinity(struct host *host, pid_t tid, const struct cpuset *cpus)
{
	if (!host_is_this_machine(host))
		return -EROFS;
	/* The kernel's mask is an array of unsigned long, as ours is where long has 64 bits. */
	if (sched_setaffinity(tid, sizeof(cpus->bits), (const cpu_set_t *)cpus->bits) < 0)
		return -errno;
	return 0;
}

/*
 * The number of a thread that ended is given to another one some day. Directory and thread are
 * bound to each other: when the thread has gone nothing is found in its directory any more, whoever
 * has the number then (fs/proc/base.c, get_proc_task()).
 */
static int hold_thread(const struct host *host, pid_t tid)
{
	char path[HOST_PATH_MAX];

	(void)snprintf(path, sizeof(path), "proc/%d", (int)tid);
	int fd = tid > 0 ? host_dir_open_path(host, path, O_PATH | O_DIRECTORY) : -ESRCH;
	return fd == -ENOENT ? -ESRCH : fd;
}

static int check_held(int dirfd)
{
	_cleanup_(fd_closep) int fd = openat(dirfd, "stat", O_RDONLY | O_CLOEXEC);

	return fd < 0 && (errno == ENOENT || errno == ESRCH) ? -ESRCH : 0;
}

/* text into the file of a fake or scratch host. */
static int write_emulated(struct host *host, pid_t tid, const char *what, const char *text)
{
	char path[HOST_PATH_MAX];

	emulated_path(path, tid, what);
	int err = host_write(host, path, text);
	return errno_is_absent(-err) ? -ESRCH : err;
}

int host_write_affinity(struct host *host, pid_t tid, const struct cpuset *cpus)
{
	int err = host_check_armed(host);

	if (err)
		return err;
	if (is_emulated(host)) {
		_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);

		(void)cpuset_format_list(cpus, list, CPUSET_TEXT_MAX);
		return cpuset_is_empty(cpus) ? -EINVAL
					     : write_emulated(host, tid, "affinity", list);
	}
	_cleanup_(fd_closep) int held = hold_thread(host, tid);
	if (held < 0)
		return held;
	err = host_set_affinity(host, tid, cpus);
	return err ? err : check_held(held);
}

int host_write_schedule(struct host *host, pid_t tid, const struct host_schedule *schedule)
{
	struct attributes attr = {
		.size = sizeof(attr),
		.policy = (uint32_t)schedule->policy,
		.priority = (uint32_t)schedule->priority,
		.nice = schedule->nice,
		.flags = schedule->flags,
	};
	int err = host_check_armed(host);

	if (err)
		return err;
	if (has_more_to_set(schedule->policy))
		return -EOPNOTSUPP;
	if (is_emulated(host)) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%d %d %d %llu", schedule->policy,
			       schedule->priority, schedule->nice,
			       (unsigned long long)schedule->flags);
		return write_emulated(host, tid, "schedule", text);
	}
	_cleanup_(fd_closep) int held = hold_thread(host, tid);
	if (held < 0)
		return held;
	if (syscall(SYS_sched_setattr, tid, &attr, 0) < 0)
		return -errno;
	return check_held(held);
}
