/* How control groups are named in steps, and where those names lead: knob_cgroup.h. */
#include "probes/knob_cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"

static const struct cgroup_place places[] = {
	{.name = "v2", .directory = "sys/fs/cgroup", .is_v2 = true},
	{.name = "unified", .directory = "sys/fs/cgroup/unified", .is_v2 = true},
	{.name = "cpuset", .directory = "sys/fs/cgroup/cpuset"},
	{.name = "cpu,cpuacct", .directory = "sys/fs/cgroup/cpu,cpuacct"},
	{.name = "cpuacct,cpu", .directory = "sys/fs/cgroup/cpuacct,cpu"},
	{.name = "cpu", .directory = "sys/fs/cgroup/cpu"},
	{.name = "dev-cpuset", .directory = "dev/cpuset"},
};

const struct cgroup_place *cgroup_place_named(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strlen(places[i].name) == len && !memcmp(places[i].name, name, len))
			return &places[i];
	}
	return NULL;
}

/* No empty parts, none that climb. */
static bool is_group(const char *group)
{
	size_t len = strlen(group);

	if (len && (group[0] == '/' || group[len - 1] == '/'))
		return false;
	while (*group) {
		size_t n = strcspn(group, "/");

		if (n == 0 || (n == 1 && group[0] == '.') ||
		    (n == 2 && group[0] == '.' && group[1] == '.'))
			return false;
		group += n;
		group += *group == '/';
	}
	return true;
}

bool cgroup_is_own(const char *group)
{
	while (*group) {
		size_t n = strcspn(group, "/");

		if (n > strlen(CGROUP_OWN) && !strncmp(group, CGROUP_OWN, strlen(CGROUP_OWN)))
			return true;
		group += n;
		group += *group == '/';
	}
	return false;
}

int cgroup_object(const struct cgroup_place *place, const char *group, const char *file, char *buf,
		  size_t size)
{
	int n = snprintf(buf, size, "%s:/%s%s%s", place->name, group, file ? ":" : "",
			 file ? file : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int cgroup_object_parse_group(const char *object, struct cgroup_object *ret)
{
	const char *colon = strchr(object, ':');

	if (!colon || colon[1] != '/')
		return -EINVAL;

	const struct cgroup_place *place = cgroup_place_named(object, (size_t)(colon - object));

	if (!place || strlen(colon + 2) >= sizeof(ret->group) || !is_group(colon + 2))
		return -EINVAL;
	ret->place = *place;
	(void)snprintf(ret->group, sizeof(ret->group), "%s", colon + 2);
	ret->file[0] = '\0';
	return 0;
}

int cgroup_object_parse(const char *object, struct cgroup_object *ret)
{
	const char *colon = strchr(object, ':');

	if (!colon || colon[1] != '/')
		return -EINVAL;

	const struct cgroup_place *place = cgroup_place_named(object, (size_t)(colon - object));
	/* A group's own name may hold colons: the last one counts. */
	const char *group = colon + 2, *end = strrchr(group, ':');
	size_t len = end ? (size_t)(end - group) : 0;

	if (!place || !end || len >= sizeof(ret->group) || strlen(end + 1) >= sizeof(ret->file) ||
	    !end[1] || strchr(end + 1, '/'))
		return -EINVAL;
	ret->place = *place;
	memcpy(ret->group, group, len);
	ret->group[len] = '\0';
	(void)snprintf(ret->file, sizeof(ret->file), "%s", end + 1);
	return is_group(ret->group) ? 0 : -EINVAL;
}

int cgroup_object_directory(const struct cgroup_object *object, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s%s%s", object->place.directory, *object->group ? "/" : "",
			 object->group);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The place of a mount, NULL: none of ours. */
static const struct cgroup_place *place_of(const struct cgroup_hierarchy *hierarchy, bool is_v2)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i].is_v2 == is_v2 && !strcmp(places[i].directory, hierarchy->mount))
			return &places[i];
	}
	return NULL;
}

static bool has_controller(struct host *host, const struct cgroup_hierarchy *unified,
			   const char *wanted)
{
	char text[512];
	struct scan scan = {text};
	const char *word;
	size_t len;

	if (host_readf(host, text, sizeof(text), "%s/cgroup.controllers", unified->mount) < 0)
		return false;
	while (scan_word(&scan, &word, &len) == 0) {
		if (strlen(wanted) == len && !memcmp(word, wanted, len))
			return true;
	}
	return false;
}

int cgroup_place_find(struct host *host, enum cgroup_controller controller,
		      struct cgroup_place *ret, char *why, size_t why_size)
{
	const char *word = controller == CGROUP_CPUSET ? "cpuset" : "cpu";
	struct cgroup_mounts mounts = {0};
	int err = cgroup_mounts_read(host, &mounts);

	if (err) {
		(void)snprintf(why, why_size, "control groups: the mounts cannot be read: %s",
			       strerror(-err));
		return err;
	}

	int at = mounts.by_controller[controller];
	bool is_v2 = at < 0;

	if (is_v2)
		at = mounts.by_controller[CGROUP_UNIFIED];
	if (at < 0 || (is_v2 && !has_controller(host, &mounts.at[at], word))) {
		(void)snprintf(why, why_size,
			       "control groups: the %s controller is not to be had here: the "
			       "kernel lacks it, or it is not mounted",
			       word);
		cgroup_mounts_done(&mounts);
		return -ENOENT;
	}

	const struct cgroup_place *place = place_of(&mounts.at[at], is_v2);

	if (place && !*mounts.at[at].root) {
		*ret = *place;
		/* The mount option noprefix, which the file system type "cpuset" implies. */
		ret->is_bare = controller == CGROUP_CPUSET && !is_v2 &&
			       !host_existsf(host, "%s/cpuset.cpus", place->directory) &&
			       host_existsf(host, "%s/cpus", place->directory);
	} else {
		err = -EXDEV;
		(void)snprintf(why, why_size,
			       place ? "control groups: only a part of the %s tree is visible at "
				       "/%.128s: run on the host, not in a container"
				     : "control groups: the %s tree is mounted at /%.128s: "
				       "jittertop changes it below /sys/fs/cgroup only",
			       word, mounts.at[at].mount);
	}
	cgroup_mounts_done(&mounts);
	return err;
}

/* "4:cpuset:/a", "0::/a": the hierarchy's line (cgroups(7), /proc/PID/cgroup). */
static bool line_is_of(const char *line, const struct cgroup_place *place, const char **ret_path)
{
	const char *names = strchr(line, ':');
	const char *path = names ? strchr(names + 1, ':') : NULL;

	if (!path)
		return false;
	*ret_path = path + 1;
	names++;

	size_t len = (size_t)(path - names);

	if (place->is_v2)
		return len == 0;

	const char *wanted = strstr(place->name, "cpuset") ? "cpuset" : "cpu";

	for (size_t at = 0; at < len;) {
		size_t n = strcspn(names + at, ",:");

		if (n == strlen(wanted) && !memcmp(names + at, wanted, n))
			return true;
		at += n + 1;
	}
	return false;
}

int cgroup_of_task(struct host *host, const struct cgroup_place *place, unsigned pid, unsigned tid,
		   char *buf, size_t size)
{
	char text[8192];
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%u/task/%u/cgroup", pid, tid);
	struct scan scan = {text};

	if (n < 0)
		return (int)n;
	do {
		const char *path;

		if (!line_is_of(scan.at, place, &path))
			continue;

		size_t len = strcspn(path, "\n");

		if (len >= size)
			return -ENOSPC;
		memcpy(buf, path, len);
		buf[len] = '\0';
		return 0;
	} while (scan_next_line(&scan));
	return -ENODATA;
}
