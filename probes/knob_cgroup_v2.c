/*
 * Version 2 only: cpuset.cpus.partition, which says no by what it shows and not by an error, and
 * the controllers a group hands to its children: knob_cgroup.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "probes/knob_cgroup.h"

/* --- reasons --- */

static const struct reason {
	const char *words; /* some of the kernel's, in small letters */
	const char *meaning;
} reasons[] = {
	{"parent is an invalid partition",
	 "the group above it is a partition that has become invalid: make that one valid first"},
	{"parent is not a partition",
	 "the group above it is no partition and this kernel has no remote partitions "
	 "(cpuset.cpus.exclusive): make the group directly below the root"},
	{"not exclusive",
	 "another group beside it has some of these CPUs in its cpuset.cpus: change that list (a "
	 "systemd unit's: AllowedCPUs=) or choose other CPUs"},
	{"unable to distribute",
	 "the group above it has no CPU left to give, or would keep none for its own tasks: choose "
	 "fewer CPUs"},
	{"hotplug", "all its CPUs are offline: bring one online, then set it again (an invalid "
		    "partition does not heal by itself)"},
	{"housekeeping",
	 "these CPUs are set apart on the kernel command line (isolcpus=, nohz_full=): only the "
	 "type \"isolated\" may have them, and only whole: choose CPUs outside, or change the "
	 "command line"},
	{"not permitted", "the kernel does not allow this group to be a partition (a threaded or "
			  "delegated group)"},
	{"remote partition underneath",
	 "a group below it is a remote partition: set that one to member first"},
	{"are empty", "it has no CPUs: cpuset.cpus must be set first"},
	{"is empty", "it has no CPUs: cpuset.cpus must be set first"},
	{"invalid cpu list",
	 "none of these CPUs is to be had from the group above, or another partition has them"},
};

/* Where wanted (small letters) begins in text, whatever the case; NULL. */
static const char *find_words(const char *text, const char *wanted)
{
	for (; *text; text++) {
		size_t n = 0;

		while (wanted[n] &&
		       (text[n] | (text[n] >= 'A' && text[n] <= 'Z' ? 32 : 0)) == wanted[n])
			n++;
		if (!wanted[n])
			return text;
	}
	return NULL;
}

const char *cgroup_partition_reason(const char *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (find_words(state, reasons[i].words))
			return reasons[i].meaning;
	}
	return "the kernel does not say why in words known here: see its "
	       "Documentation/admin-guide/cgroup-v2.rst, cpuset.cpus.partition";
}

/* --- the partition file --- */

static int partition_path(const char *object, char *buf, size_t size)
{
	struct cgroup_object at;
	int err = cgroup_object_parse_group(object, &at);

	if (err || !at.place.is_v2 || !*at.group)
		return -EINVAL;
	err = cgroup_object_directory(&at, buf, size);

	size_t len = err ? 0 : strlen(buf);
	int n = err ? err : snprintf(buf + len, size - len, "/cpuset.cpus.partition");

	return n < 0 ? n : (size_t)n >= size - len ? -ENAMETOOLONG : 0;
}

static int partition_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[CGROUP_OBJECT_MAX], file[CGROUP_OBJECT_MAX + 32];

	if (partition_path(object, path, sizeof(path)))
		return -EINVAL;
	/* The same rule as for its list of CPUs. */
	(void)snprintf(file, sizeof(file), "%s:cpuset.cpus", object);
	return step_class_cgroup_cpus.identity(host, file, buf, size);
}

static int partition_check(struct host *host, const char *object, const char *value, char *why,
			   size_t why_size)
{
	(void)host;
	why[0] = '\0';
	if (!strcmp(value, "member") || !strcmp(value, "root") || !strcmp(value, "isolated"))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.48s\" is not member, root or isolated", object,
		       value);
	return -EINVAL;
}

static const char *partition_explain(int err)
{
	switch (err) {
	case EINVAL:
		return "this kernel does not know the word (isolated partitions: Linux 6.1)";
	case EBUSY:
		return "tasks with SCHED_DEADLINE have been promised more time than the remaining "
		       "CPUs could give: end them or choose fewer CPUs";
	case ENODEV:
		return "the group is being removed";
	case EACCES:
	case EPERM:
		return "only root may make partitions";
	case EROFS:
		return "control groups are mounted read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_cgroup_partition = {
	.name = "cgroup_partition",
	.compare = STEP_TEXT,
	.path = partition_path,
	.identity = partition_identity,
	.check = partition_check,
	.explain = partition_explain,
	.explain_value = cgroup_partition_reason,
};

/* --- cgroup.subtree_control: one controller of it --- */

static int controller_object(const char *object, struct cgroup_object *ret)
{
	int err = cgroup_object_parse(object, ret);

	return err || !ret->place.is_v2 ||
			       (strcmp(ret->file, "cpuset") != 0 && strcmp(ret->file, "cpu") != 0)
		       ? -EINVAL
		       : 0;
}

static int controller_path(const char *object, char *buf, size_t size)
{
	struct cgroup_object at;
	int err = controller_object(object, &at);

	if (!err)
		err = cgroup_object_directory(&at, buf, size);

	size_t len = err ? 0 : strlen(buf);
	int n = err ? err : snprintf(buf + len, size - len, "/cgroup.subtree_control");

	return n < 0 ? n : (size_t)n >= size - len ? -ENAMETOOLONG : 0;
}

static int controller_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char file[CGROUP_OBJECT_MAX + 32];
	struct cgroup_object at;

	if (controller_object(object, &at))
		return -EINVAL;

	int err = cgroup_object(&at.place, at.group, "cpuset.cpus", file, sizeof(file));

	return err ? err : step_class_cgroup_cpus.identity(host, file, buf, size);
}

static ssize_t controller_read(struct host *host, const char *object, char *buf, size_t size)
{
	char path[CGROUP_OBJECT_MAX], text[512];
	struct cgroup_object at;
	struct scan scan = {text};
	const char *word;
	size_t len;
	bool is_on = false;
	int err = controller_path(object, path, sizeof(path));

	if (!err)
		err = controller_object(object, &at);
	if (err)
		return err;

	ssize_t n = host_read(host, path, text, sizeof(text));

	if (n < 0)
		return n;
	while (scan_word(&scan, &word, &len) == 0)
		is_on |= strlen(at.file) == len && !memcmp(word, at.file, len);
	return snprintf(buf, size, "%s", is_on ? "on" : "off");
}

/* Switching it off takes the children's lists without a word: true when one of them has some, by
 * whoever came meanwhile. */
static bool is_used(struct host *host, const struct cgroup_object *object)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char directory[CGROUP_OBJECT_MAX];
	struct host_dirs dirs = {0};
	struct cpuset set;
	bool is_found = false;

	if (strcmp(object->file, "cpuset") != 0 ||
	    cgroup_object_directory(object, directory, sizeof(directory)) ||
	    host_list_dirsf(host, &dirs, "%s", directory))
		return false;
	for (size_t i = 0; i < dirs.n * ARRAY_SIZE(files) && !is_found; i++)
		is_found = !host_read_cpulistf(host, &set, "%s/%s/%s", directory,
					       dirs.at[i / ARRAY_SIZE(files)].name,
					       files[i % ARRAY_SIZE(files)]) &&
			   !cpuset_is_empty(&set);
	host_dirs_done(&dirs);
	return is_found;
}

static int controller_write(struct host *host, const char *object, const char *value)
{
	char path[CGROUP_OBJECT_MAX], text[80];
	struct cgroup_object at;
	int err = controller_path(object, path, sizeof(path));

	if (!err)
		err = controller_object(object, &at);
	if (err)
		return err;
	if (strcmp(value, "on") != 0 && is_used(host, &at))
		return -EBUSY;
	(void)snprintf(text, sizeof(text), "%c%s", !strcmp(value, "on") ? '+' : '-', at.file);
	return host_write(host, path, text);
}

static int controller_check(struct host *host, const char *object, const char *value, char *why,
			    size_t why_size)
{
	(void)host;
	why[0] = '\0';
	if (!strcmp(value, "on") || !strcmp(value, "off"))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.32s\" is not on or off", object, value);
	return -EINVAL;
}

static const char *controller_explain(int err)
{
	switch (err) {
	case EBUSY:
		return "groups below use the controller, or tasks are in this group itself: the "
		       "controller stays as it is";
	case ENOENT:
		return "the group above does not hand this controller down";
	case EOPNOTSUPP:
		return "a threaded group cannot have this controller";
	case EACCES:
	case EPERM:
		return "only root may do this";
	case EROFS:
		return "control groups are mounted read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_cgroup_controller = {
	.name = "cgroup_controller",
	.compare = STEP_WORD,
	.path = controller_path,
	.identity = controller_identity,
	.read = controller_read,
	.write = controller_write,
	.check = controller_check,
	.explain = controller_explain,
};
