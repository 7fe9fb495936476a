/* Where the hierarchies of control groups are mounted, from proc/self/mountinfo. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cgroup.h"

static const char *const controller_words[] = {
	[CGROUP_CPU] = "cpu",	      [CGROUP_CPUACCT] = "cpuacct",	 [CGROUP_CPUSET] = "cpuset",
	[CGROUP_MEMORY] = "memory",   [CGROUP_HUGETLB] = "hugetlb",	 [CGROUP_PIDS] = "pids",
	[CGROUP_FREEZER] = "freezer", [CGROUP_SYSTEMD] = "name=systemd",
};

/* Blanks, tabs, newlines and backslashes are three octal digits (fs/seq_file.c, mangle_path). */
static char *unescape_octal(const char *text, size_t len)
{
	char *out = xcalloc(1, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned value = 0, digits = 0;

		while (text[i] == '\\' && digits < 3 && i + 1 + digits < len &&
		       text[i + 1 + digits] >= '0' && text[i + 1 + digits] <= '7')
			value = value * 8 + (unsigned)(text[i + 1 + digits++] - '0');
		if (digits == 3 && value && value < 256) {
			out[n++] = (char)value;
			i += 3;
		} else {
			out[n++] = text[i];
		}
	}
	return out;
}

static unsigned controllers_of(const char *options, size_t len)
{
	unsigned set = 0;

	for (size_t at = 0; at < len;) {
		size_t n = 0;

		while (at + n < len && options[at + n] != ',')
			n++;
		for (unsigned i = 0; i < ARRAY_SIZE(controller_words); i++) {
			if (strlen(controller_words[i]) == n &&
			    !memcmp(controller_words[i], options + at, n))
				set |= 1u << i;
		}
		at += n + 1;
	}
	return set;
}

struct mount_line {
	const char *root, *point, *type, *options;
	size_t root_len, point_len, type_len, options_len;
};

/* "31 23 0:28 ROOT POINT rw,relatime shared:9 - TYPE SOURCE OPTIONS" */
static bool parse_mountinfo(const char *line, struct mount_line *ret)
{
	struct scan scan = {line};
	const char *word;
	size_t len;

	for (unsigned i = 0; i < 3; i++) {
		if (scan_word(&scan, &word, &len) < 0)
			return false;
	}
	if (scan_word(&scan, &ret->root, &ret->root_len) < 0 ||
	    scan_word(&scan, &ret->point, &ret->point_len) < 0)
		return false;
	do {
		if (scan_word(&scan, &word, &len) < 0)
			return false;
	} while (len != 1 || *word != '-');
	return scan_word(&scan, &ret->type, &ret->type_len) == 0 &&
	       scan_word(&scan, &word, &len) == 0 &&
	       scan_word(&scan, &ret->options, &ret->options_len) == 0;
}

/* "SOURCE POINT TYPE OPTIONS 0 0" */
static bool parse_mounts(const char *line, struct mount_line *ret)
{
	struct scan scan = {line};
	const char *word;
	size_t len;

	*ret = (struct mount_line){.root = "/", .root_len = 1};
	return scan_word(&scan, &word, &len) == 0 &&
	       scan_word(&scan, &ret->point, &ret->point_len) == 0 &&
	       scan_word(&scan, &ret->type, &ret->type_len) == 0 &&
	       scan_word(&scan, &ret->options, &ret->options_len) == 0;
}

/* Higher is better: the whole hierarchy before a part of it, then the usual place. */
static unsigned rank(const struct cgroup_hierarchy *hierarchy)
{
	static const char usual[] = "sys/fs/cgroup";

	return (*hierarchy->root ? 0u : 2u) +
	       (strncmp(hierarchy->mount, usual, sizeof(usual) - 1) ? 0u : 1u);
}

static void hierarchy_done(struct cgroup_hierarchy *hierarchy)
{
	free(hierarchy->mount);
	free(hierarchy->root);
	*hierarchy = (struct cgroup_hierarchy){0};
}

/* Takes it over. */
static void add_hierarchy(struct cgroup_mounts *mounts, struct cgroup_hierarchy hierarchy)
{
	for (unsigned i = 0; i < mounts->n; i++) {
		/* A controller is in one hierarchy: the same ones are the same hierarchy. */
		if (!(mounts->at[i].controllers & hierarchy.controllers))
			continue;
		if (rank(&hierarchy) > rank(&mounts->at[i])) {
			hierarchy_done(&mounts->at[i]);
			mounts->at[i] = hierarchy;
		} else {
			hierarchy_done(&hierarchy);
		}
		return;
	}
	if (mounts->n == CGROUP_HIERARCHIES_MAX) {
		hierarchy_done(&hierarchy);
		return;
	}
	mounts->at[mounts->n++] = hierarchy;
}

static void take_line(struct cgroup_mounts *mounts, const struct mount_line *line)
{
	bool is_v2 = line->type_len == 7 && !memcmp(line->type, "cgroup2", 7);
	bool is_v1 = line->type_len == 6 && !memcmp(line->type, "cgroup", 6);
	unsigned controllers = is_v2   ? 1u << CGROUP_UNIFIED
			       : is_v1 ? controllers_of(line->options, line->options_len)
				       : 0;

	if (!controllers || line->point_len < 2 || *line->point != '/')
		return;

	_cleanup_(freep) char *root = unescape_octal(line->root, line->root_len);
	/* "/..": mounted from outside our cgroup namespace, so that we do not know which. */
	const char *kept = *root == '/' && strncmp(root, "/..", 3) ? root + 1 : "";

	add_hierarchy(mounts, (struct cgroup_hierarchy){
				      .mount = unescape_octal(line->point + 1, line->point_len - 1),
				      .root = xstrdup(kept),
				      .controllers = controllers,
			      });
}

void cgroup_mounts_parse(const char *text, struct cgroup_mounts *ret)
{
	struct scan scan = {text};

	*ret = (struct cgroup_mounts){0};
	do {
		struct mount_line line;

		if (*scan.at >= '0' && *scan.at <= '9' ? parse_mountinfo(scan.at, &line)
						       : parse_mounts(scan.at, &line))
			take_line(ret, &line);
	} while (scan_next_line(&scan));
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		ret->by_controller[c] = -1;
		for (unsigned i = 0; i < ret->n; i++) {
			if (ret->at[i].controllers & 1u << c)
				ret->by_controller[c] = (int)i;
		}
	}
}

int cgroup_mounts_read(struct host *host, struct cgroup_mounts *ret)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "proc/self/mountinfo");

	if (n < 0) {
		host_file_close(file);
		file = NULL;
		n = host_file_readf(host, &file, &text, "proc/mounts");
	}
	if (n >= 0)
		cgroup_mounts_parse(text, ret);
	host_file_close(file);
	return n < 0 ? (int)n : 0;
}

void cgroup_mounts_done(struct cgroup_mounts *mounts)
{
	for (unsigned i = 0; i < mounts->n; i++)
		hierarchy_done(&mounts->at[i]);
	mounts->n = 0;
}

bool cgroup_directory(const struct cgroup_hierarchy *hierarchy, const char *path, char *buf,
		      size_t size)
{
	size_t len = strlen(hierarchy->root);

	if (strncmp(path, hierarchy->root, len) || (len && path[len] && path[len] != '/'))
		return false;
	path += len;
	path += *path == '/';

	int n = snprintf(buf, size, "%s%s%s", hierarchy->mount, *path ? "/" : "", path);

	return n > 0 && (size_t)n < size;
}
