/*
 * The files of control groups as step classes: knob_cgroup.h. Which errno means what:
 * kernel/cgroup/cpuset.c, kernel/sched/core.c (cpu_cfs_*), kernel/cgroup/cgroup.c.
 */
#include "probes/knob_cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"

enum rule_kind { RULE_LIST, RULE_RANGE, RULE_MAX, RULE_QUOTA };

/* What may be set, and nothing else: names in an undo file lead nowhere else. */
static const struct rule {
	const char *file;
	bool is_v2;
	enum rule_kind kind;
	uint64_t min, max;
	const char *wanted; /* in words */
} rules[] = {
	{"cpuset.cpus", true, RULE_LIST, 0, 0, NULL},
	{"cpuset.mems", true, RULE_LIST, 0, 0, NULL},
	{"cpuset.cpus.exclusive", true, RULE_LIST, 0, 0, NULL},
	{"cpu.max", true, RULE_MAX, 1000, 1000000,
	 "\"max\" or the microseconds of a period, and the period: \"50000 100000\""},
	{"cpu.max.burst", true, RULE_RANGE, 0, UINT64_MAX, "a number of microseconds"},
	{"cpu.weight", true, RULE_RANGE, 1, 10000, "1 to 10000"},
	{"cpu.idle", true, RULE_RANGE, 0, 1, "0 or 1"},
	{"cpuset.cpus", false, RULE_LIST, 0, 0, NULL},
	{"cpuset.mems", false, RULE_LIST, 0, 0, NULL},
	{"cpus", false, RULE_LIST, 0, 0, NULL},
	{"mems", false, RULE_LIST, 0, 0, NULL},
	{"cpuset.cpu_exclusive", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"cpuset.sched_load_balance", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"cpuset.memory_migrate", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"cpu_exclusive", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"sched_load_balance", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"memory_migrate", false, RULE_RANGE, 0, 1, "0 or 1"},
	{"cpu.cfs_quota_us", false, RULE_QUOTA, 1000, UINT64_MAX,
	 "-1 (no limit) or 1000 microseconds or more"},
	{"cpu.cfs_period_us", false, RULE_RANGE, 1000, 1000000, "1000 to 1000000 microseconds"},
	{"cpu.shares", false, RULE_RANGE, 2, 262144, "2 to 262144"},
};

static const struct rule *rule_of(const char *object, struct cgroup_object *ret)
{
	if (cgroup_object_parse(object, ret))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].is_v2 == ret->place.is_v2 && !strcmp(rules[i].file, ret->file))
			return &rules[i];
	}
	return NULL;
}

static int path_below(const struct cgroup_object *object, const char *file, char *buf, size_t size)
{
	int err = cgroup_object_directory(object, buf, size);
	size_t len = err ? 0 : strlen(buf);

	if (err)
		return err;

	int n = snprintf(buf + len, size - len, "/%s", file);

	return n < 0 || (size_t)n >= size - len ? -ENAMETOOLONG : 0;
}

static int path_of_kind(const char *object, bool is_list, char *buf, size_t size)
{
	struct cgroup_object at;
	const struct rule *rule = rule_of(object, &at);

	if (!rule || (rule->kind == RULE_LIST) != is_list)
		return -EINVAL;
	return path_below(&at, at.file, buf, size);
}

static int cpus_path(const char *object, char *buf, size_t size)
{
	return path_of_kind(object, true, buf, size);
}

static int file_path(const char *object, char *buf, size_t size)
{
	return path_of_kind(object, false, buf, size);
}

/* --- identity: the inode, by which a group that was made anew under the same name is known --- */

static int group_identity(struct host *host, const struct cgroup_object *object, char *buf,
			  size_t size)
{
	char directory[CGROUP_OBJECT_MAX];
	struct host_dirs dirs = {0};
	int err = cgroup_object_directory(object, directory, sizeof(directory));
	/* Ours and the root are known by their names. */
	bool is_known = !*object->group || cgroup_is_own(object->group);

	if (!err)
		err = host_list_dirsf(host, &dirs, "%s", directory);
	host_dirs_done(&dirs);
	if (err)
		return err;
	if (is_known)
		return snprintf(buf, size, "named") < (int)size ? 0 : -ENOSPC;

	char *slash = strrchr(directory, '/');

	*slash = '\0';
	err = host_list_dirsf(host, &dirs, "%s", directory);
	if (err)
		return err;
	err = -ENOENT;
	for (size_t i = 0; i < dirs.n && err == -ENOENT; i++) {
		if (!strcmp(dirs.at[i].name, slash + 1))
			err = snprintf(buf, size, "inode-%llu",
				       (unsigned long long)dirs.at[i].inode) < (int)size
				      ? 0
				      : -ENOSPC;
	}
	host_dirs_done(&dirs);
	return err;
}

static int file_identity(struct host *host, const char *object, char *buf, size_t size)
{
	struct cgroup_object at;

	if (cgroup_object_parse(object, &at))
		return -EINVAL;
	return group_identity(host, &at, buf, size);
}

/* --- tasks left inside --- */

#define EMPTY_ROUNDS 8u

/* Everything in the group goes to its parent: tasks that were put there, and their children. Only
 * for own groups, before what they have is taken away. */
static int evacuate(struct host *host, const struct cgroup_object *object)
{
	const char *list = object->place.is_v2 ? "cgroup.procs" : "tasks";
	char directory[CGROUP_OBJECT_MAX], target[CGROUP_OBJECT_MAX];
	int err = cgroup_object_directory(object, directory, sizeof(directory));
	const char *slash = err ? NULL : strrchr(directory, '/');

	if (err)
		return err;
	if (snprintf(target, sizeof(target), "%.*s/%s", (int)(slash - directory), directory,
		     list) >= (int)sizeof(target))
		return -ENAMETOOLONG;
	for (unsigned round = 0; round < EMPTY_ROUNDS; round++) {
		struct host_file *file = NULL;
		const char *text;
		ssize_t n = host_file_readf(host, &file, &text, "%s/%s", directory, list);
		struct scan scan = {text};
		uint64_t number;
		unsigned n_found = 0;

		if (n < 0) {
			host_file_close(file);
			return errno_is_absent((int)-n) ? 0 : (int)n;
		}
		do {
			char id[24];

			if (scan_u64(&scan, &number) < 0)
				continue;
			n_found++;
			(void)snprintf(id, sizeof(id), "%llu", (unsigned long long)number);
			err = host_write(host, target, id);
			if (err == -ESRCH)
				err = 0;
		} while (!err && scan_next_line(&scan));
		host_file_close(file);
		if (err || !n_found)
			return err;
	}
	return -EBUSY;
}

/* --- CPU and node lists --- */

static int cpus_write(struct host *host, const char *object, const char *value)
{
	struct cgroup_object at;
	char path[CGROUP_OBJECT_MAX];
	int err = cpus_path(object, path, sizeof(path));

	if (!err)
		err = cgroup_object_parse(object, &at);
	/* Version 1 takes no CPU away from a set with tasks in it (ENOSPC). */
	if (!err && !*value && !at.place.is_v2 && cgroup_is_own(at.group))
		err = evacuate(host, &at);
	return err ? err : host_write(host, path, value);
}

static int cpus_check(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	struct cgroup_object at;
	struct cpuset wish, there;
	char list[128] = "";

	why[0] = '\0';
	if (!rule_of(object, &at) || cpuset_parse_list(value, &wish))
		return -EINVAL;
	bool is_nodes = strstr(at.file, "mems") != NULL;
	if (cpuset_is_empty(&wish) ||
	    host_read_cpulistf(host, &there, "%s",
			       is_nodes ? "sys/devices/system/node/online"
					: "sys/devices/system/cpu/online"))
		return 0;
	struct cpuset missing = wish;
	cpuset_andnot(&missing, &there);
	if (cpuset_is_empty(&missing))
		return 0;
	(void)cpuset_format_list(&missing, list, sizeof(list));
	(void)snprintf(why, why_size, "%s: %s %s is not online: choose among those that are",
		       object, is_nodes ? "node" : "CPU", list);
	/* Version 1 refuses what does not exist; version 2 remembers it for later. */
	return at.place.is_v2 ? 0 : -EINVAL;
}

static const char *cpus_explain(int err)
{
	switch (err) {
	case EINVAL:
		return "the list overlaps another group's exclusive CPUs or names one that does "
		       "not exist: see `jittertop snapshot` for who has them";
	case EBUSY:
		return "tasks with SCHED_DEADLINE have been promised more time than the rest could "
		       "give: leave more CPUs or end them, or the group still has children with "
		       "these CPUs";
	case ENOSPC:
		return "tasks are in the group and would have no CPU or no memory node left";
	case EACCES:
		return "the list must lie inside the parent group's, and hold its children's";
	case ENODEV:
		return "the group is being removed";
	case EPERM:
		return "only root may change control groups";
	case EROFS:
		return "control groups are mounted read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_cgroup_cpus = {
	.name = "cgroup_cpus",
	.compare = STEP_CPULIST,
	.path = cpus_path,
	.identity = file_identity,
	.write = cpus_write,
	.check = cpus_check,
	.explain = cpus_explain,
};

/* --- numbers and lines --- */

/* "max 100000", "50000 100000", "max": a lone first number leaves the period as it is, which
 * reads back as something else: both are wanted. */
static bool is_cpu_max(const struct rule *rule, const char *value)
{
	struct scan scan = {value};
	const char *word;
	size_t len;
	uint64_t quota = rule->min, period;

	if (!strncmp(value, "max ", 4)) {
		if (scan_word(&scan, &word, &len) < 0)
			return false;
	} else if (scan_u64(&scan, &quota) < 0) {
		return false;
	}
	return scan_u64(&scan, &period) == 0 && quota >= rule->min && period >= rule->min &&
	       period <= rule->max && scan_word(&scan, &word, &len) == -ENODATA;
}

static bool follows(const struct rule *rule, const char *value)
{
	uint64_t number;
	int64_t signed_number;

	switch (rule->kind) {
	case RULE_LIST:
		return true;
	case RULE_RANGE:
		return !parse_u64(value, &number) && number >= rule->min && number <= rule->max;
	case RULE_MAX:
		return is_cpu_max(rule, value);
	case RULE_QUOTA:
		return !parse_i64(value, &signed_number) &&
		       (signed_number == -1 || signed_number >= (int64_t)rule->min);
	}
	return false;
}

static int file_check(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	struct cgroup_object at;
	const struct rule *rule = rule_of(object, &at);

	(void)host;
	why[0] = '\0';
	if (!rule)
		return -EINVAL;
	if (follows(rule, value))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.64s\" is not %s", object, value, rule->wanted);
	return -EINVAL;
}

static const char *file_explain(int err)
{
	switch (err) {
	case EINVAL:
		return "out of range, below what the parent group allows, or (exclusive CPUs) "
		       "overlapping another group's";
	case ERANGE:
		return "out of range";
	case EBUSY:
		return "tasks with SCHED_DEADLINE have been promised more than the rest could give";
	case EACCES:
		return "the parent group is not exclusive itself";
	default:
		return cpus_explain(err);
	}
}

const struct step_class step_class_cgroup_file = {
	.name = "cgroup_file",
	.compare = STEP_TEXT,
	.path = file_path,
	.identity = file_identity,
	.check = file_check,
	.explain = file_explain,
};

/* --- the group itself --- */

static int group_path(const char *object, char *buf, size_t size)
{
	struct cgroup_object at;

	if (cgroup_object_parse_group(object, &at) || !cgroup_is_own(at.group))
		return -EINVAL;
	return cgroup_object_directory(&at, buf, size);
}

static int own_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[CGROUP_OBJECT_MAX];

	(void)host;
	if (group_path(object, path, sizeof(path)))
		return -EINVAL;
	return snprintf(buf, size, "named") < (int)size ? 0 : -ENOSPC;
}

static ssize_t group_read(struct host *host, const char *object, char *buf, size_t size)
{
	char path[CGROUP_OBJECT_MAX];
	struct host_dirs dirs = {0};
	int err = group_path(object, path, sizeof(path));

	if (err)
		return err;
	err = host_list_dirsf(host, &dirs, "%s", path);
	host_dirs_done(&dirs);
	if (err && err != -ENOENT)
		return err;
	return snprintf(buf, size, "%s", err ? "absent" : "present");
}

static int group_write(struct host *host, const char *object, const char *value)
{
	struct cgroup_object at;
	char path[CGROUP_OBJECT_MAX];
	int err = group_path(object, path, sizeof(path));

	if (!err)
		err = cgroup_object_parse_group(object, &at);
	if (err)
		return err;
	if (!strcmp(value, "present"))
		return host_make_directory(host, path);
	if (strcmp(value, "absent") != 0)
		return -EINVAL;
	err = evacuate(host, &at);
	return err ? err : host_remove_directory(host, path);
}

static int group_check(struct host *host, const char *object, const char *value, char *why,
		       size_t why_size)
{
	(void)host;
	why[0] = '\0';
	if (!strcmp(value, "present") || !strcmp(value, "absent"))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.32s\" is not present or absent", object, value);
	return -EINVAL;
}

static const char *group_explain(int err)
{
	switch (err) {
	case EBUSY:
	case ENOTEMPTY:
		return "the group still has tasks or groups inside: move or end them, then "
		       "`jittertop "
		       "restore`";
	case EAGAIN:
		return "the parent group allows no more groups below it (cgroup.max.descendants, "
		       "cgroup.max.depth)";
	case EACCES:
	case EPERM:
		return "only root may make control groups here";
	case EROFS:
		return "control groups are mounted read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_cgroup = {
	.name = "cgroup",
	.compare = STEP_WORD,
	.path = group_path,
	.identity = own_identity,
	.read = group_read,
	.write = group_write,
	.check = group_check,
	.explain = group_explain,
};
