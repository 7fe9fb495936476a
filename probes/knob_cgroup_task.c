/* Which control group a task is in, as something that is changed: knob_cgroup.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/knob_cgroup.h"

struct member {
	const struct cgroup_place *place;
	unsigned pid, tid;
	bool is_thread;
};

static bool take_number(const char *text, size_t len, unsigned *ret)
{
	char digits[12];
	uint64_t number;

	if (len == 0 || len >= sizeof(digits) || text[0] == '0')
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_u64(digits, &number) || number > INT32_MAX)
		return false;
	*ret = (unsigned)number;
	return true;
}

static int task_object(const char *object, struct member *ret)
{
	size_t len = strcspn(object, "/");

	*ret = (struct member){.place = cgroup_place_named(object, len)};
	if (!ret->place || object[len] != '/')
		return -EINVAL;

	const char *pid = object + len + 1;

	len = strcspn(pid, "/");
	if (!take_number(pid, len, &ret->pid))
		return -EINVAL;
	ret->tid = ret->pid;
	if (!pid[len])
		return 0;
	ret->is_thread = true;
	/* Threads of version 2 stay with their process, but for threaded groups. */
	return !ret->place->is_v2 && take_number(pid + len + 1, strlen(pid + len + 1), &ret->tid)
		       ? 0
		       : -EINVAL;
}

static int task_path(const char *object, char *buf, size_t size)
{
	struct member at;
	int err = task_object(object, &at);

	if (err)
		return err;

	int n = at.is_thread
			? snprintf(buf, size, "thread %u of %u: group in %s", at.tid, at.pid,
				   at.place->name)
			: snprintf(buf, size, "process %u: group in %s", at.pid, at.place->name);

	return n < 0 || (size_t)n >= size ? -ENOSPC : 0;
}

static int task_start(struct host *host, const struct member *at, uint64_t *ret)
{
	char text[1024];
	struct task_stat stat;
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%u/task/%u/stat", at->pid, at->tid);
	int err = n < 0 ? (int)n : task_stat_parse(text, &stat);

	if (err)
		return err == -ESRCH ? -ENOENT : err;
	if (!task_stat_has(&stat, TASK_STAT_START))
		return -EINVAL;
	if (stat.state == 'Z' || stat.state == 'X')
		return -ENOENT;
	*ret = stat.fields[TASK_STAT_START];
	return 0;
}

static int task_identity(struct host *host, const char *object, char *buf, size_t size)
{
	struct member at;
	uint64_t start = 0;
	int err = task_object(object, &at);

	if (!err)
		err = task_start(host, &at, &start);
	if (err)
		return err;
	return snprintf(buf, size, "start-%llu", (unsigned long long)start) < (int)size ? 0
											: -ENOSPC;
}

static ssize_t task_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct member at;
	int err = task_object(object, &at);

	if (!err)
		err = cgroup_of_task(host, at.place, at.pid, at.tid, buf, size);
	return err == -ESRCH ? -ENOENT : err ? err : (ssize_t)strlen(buf);
}

static int task_write(struct host *host, const char *object, const char *value)
{
	char name[CGROUP_OBJECT_MAX], path[CGROUP_OBJECT_MAX], id[24];
	struct cgroup_object group;
	struct member at;
	int err = task_object(object, &at);

	if (err || value[0] != '/')
		return -EINVAL;
	err = cgroup_object(at.place, value + 1, NULL, name, sizeof(name));
	if (!err)
		err = cgroup_object_parse_group(name, &group);
	if (!err)
		err = cgroup_object_directory(&group, path, sizeof(path));
	if (err)
		return err;

	const char *file = at.is_thread ? "/tasks" : "/cgroup.procs";

	if (strlen(path) + strlen(file) >= sizeof(path))
		return -ENAMETOOLONG;
	(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s", file);
	(void)snprintf(id, sizeof(id), "%u", at.tid);
	err = host_write(host, path, id);
	/* Of the two that may be missing only the task may end by itself. */
	return err == -ESRCH ? -ENOENT : err == -ENOENT ? -EIO : err;
}

static int task_check(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	(void)host;
	why[0] = '\0';
	if (value[0] == '/' && strlen(value) < CGROUP_PATH_MAX && !strstr(value, "/../"))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.64s\" is not the path of a group, such as /a/b",
		       object, value);
	return -EINVAL;
}

static const char *task_explain(int err)
{
	switch (err) {
	case ENOENT:
		return "the task has ended";
	case EINVAL:
		return "a kernel thread that is bound to its CPU cannot be moved";
	case ENOSPC:
		return "the group has no CPU or no memory node to run on";
	case EBUSY:
		return "the group has groups below it with controllers: only those may have tasks "
		       "(or SCHED_DEADLINE's promise would be broken)";
	case EOPNOTSUPP:
		return "the group is threaded, or below one that is";
	case EIO:
		return "the group has gone";
	case EACCES:
	case EPERM:
		return "only root may move others' tasks";
	case EROFS:
		return "control groups are mounted read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_task_cgroup = {
	.name = "task_cgroup",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE | STEP_MAY_END,
	.path = task_path,
	.identity = task_identity,
	.read = task_read,
	.write = task_write,
	.check = task_check,
	.explain = task_explain,
};
