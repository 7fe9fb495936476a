#include "probes/isolation_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define PATH_SIZE 1024
#define MAX_DEPTH 8
#define MAX_VISITS 512

struct walk {
	struct isolation_groups *groups;
	struct host *host;
	size_t mount_len; /* what of a path is the mount point, slash included */
	unsigned visits;
	bool has_prefix; /* v1: cpuset.cpus, or cpus with the noprefix mount option */
	struct cpuset balanced;
};

static const struct group_kind {
	const char *word, *suffix;
	bool is_isolated;
} isolated_partition = {"partition", "", true}, root_partition = {"partition", " (root)", false},
  unbalanced_cpuset = {"cpuset", " (no load balancing)", true};

void isolation_groups_done(struct isolation_groups *groups)
{
	free(groups->at);
	arena_free(groups->arena);
	*groups = (struct isolation_groups){0};
}

static void add_group(struct walk *walk, const char *dir, const struct group_kind *kind,
		      const struct cpuset *cpus)
{
	struct isolation_groups *groups = walk->groups;
	struct isolation_group *group = arena_alloc(groups->arena, sizeof(*group));
	const char *name = strlen(dir) > walk->mount_len ? dir + walk->mount_len : "/";

	if (groups->n == groups->room) {
		groups->room = groups->room ? 2 * groups->room : 8;
		groups->at = xrealloc(groups->at, groups->room * sizeof(struct isolation_group *));
	}
	group->text = arena_printf(groups->arena, "%s %s%s", kind->word, name, kind->suffix);
	group->is_isolated = kind->is_isolated;
	group->cpus = *cpus;
	groups->at[groups->n++] = group;
}

static ssize_t read_group(struct walk *walk, const char *dir, const char *name, char *buf,
			  size_t size)
{
	ssize_t n = host_readf(walk->host, buf, size, "%s/%s", dir, name);

	if (n < 0 && !errno_is_absent((int)-n) && !walk->groups->error) {
		walk->groups->error = (int)n;
		walk->groups->error_path = arena_printf(walk->groups->arena, "%s/%s", dir, name);
	}
	return n;
}

static int read_group_cpus(struct walk *walk, const char *dir, const char *name, struct cpuset *ret)
{
	_cleanup_(freep) char *text = xcalloc(1, CPUSET_TEXT_MAX);
	ssize_t n = read_group(walk, dir, name, text, CPUSET_TEXT_MAX);

	return n < 0 ? (int)n : cpuset_parse_list(read_trim(text), ret);
}

/* Calls visit for every child directory; visit says whether to go below it. */
static void walk_below(struct walk *walk, const char *dir, unsigned depth,
		       bool (*visit)(struct walk *walk, const char *dir))
{
	struct host_names names = {0};
	char path[PATH_SIZE];

	if (depth > MAX_DEPTH || host_listf(walk->host, &names, "%s", dir) < 0)
		return;
	for (size_t i = 0; i < names.n && walk->visits < MAX_VISITS; i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir, names.names[i]);

		/* Control files have a dot behind their controller's name, groups may have one
		 * anywhere: only the visit can tell. It asks for one file and stops. */
		if (n < 0 || (size_t)n >= sizeof(path) || !strncmp(names.names[i], "cgroup.", 7) ||
		    !strncmp(names.names[i], "cpuset.", 7) ||
		    !strncmp(names.names[i], "memory.", 7))
			continue;
		if (visit(walk, path))
			walk_below(walk, path, depth + 1, visit);
	}
	host_names_done(&names);
}

/* "isolated", "root", "member", "isolated invalid (reason)" */
static bool visit_partition(struct walk *walk, const char *dir)
{
	struct cpuset cpus;
	char state[256];

	if (read_group(walk, dir, "cpuset.cpus.partition", state, sizeof(state)) < 0)
		return false; /* no cpuset controller here, so none below */
	walk->visits++;
	read_trim(state);

	bool is_isolated = !strcmp(state, "isolated");

	if ((is_isolated || !strcmp(state, "root")) &&
	    read_group_cpus(walk, dir, "cpuset.cpus.effective", &cpus) == 0 &&
	    !cpuset_is_empty(&cpus))
		add_group(walk, dir, is_isolated ? &isolated_partition : &root_partition, &cpus);
	return true;
}

static void walk_v2(struct walk *walk, const char *mount)
{
	struct cpuset isolated;
	char controllers[512];

	if (read_group(walk, mount, "cgroup.subtree_control", controllers, sizeof(controllers)) <=
		    0 ||
	    !strstr(controllers, "cpuset"))
		return;
	/* Since linux 6.7 the root says whether there is anything to find. */
	if (read_group_cpus(walk, mount, "cpuset.cpus.isolated", &isolated) == 0 &&
	    cpuset_is_empty(&isolated))
		return;
	walk_below(walk, mount, 1, visit_partition);
}

static int read_v1(struct walk *walk, const char *dir, const char *name, struct cpuset *ret_cpus,
		   uint64_t *ret)
{
	char file[64], text[32];

	(void)snprintf(file, sizeof(file), "%s%s", walk->has_prefix ? "cpuset." : "", name);
	if (ret_cpus)
		return read_group_cpus(walk, dir, file, ret_cpus);

	ssize_t n = read_group(walk, dir, file, text, sizeof(text));

	return n < 0 ? (int)n : parse_u64(text, ret);
}

/* Sets that balance keep their CPUs out of the isolated ones, and so does all below them. */
static bool visit_cpuset(struct walk *walk, const char *dir)
{
	struct cpuset cpus;
	uint64_t is_balanced;

	if (read_v1(walk, dir, "sched_load_balance", NULL, &is_balanced) < 0 ||
	    read_v1(walk, dir, "cpus", &cpus, NULL) < 0)
		return false;
	walk->visits++;
	if (is_balanced) {
		cpuset_or(&walk->balanced, &cpus);
		return false;
	}
	if (!cpuset_is_empty(&cpus))
		add_group(walk, dir, &unbalanced_cpuset, &cpus);
	return true;
}

static void walk_v1(struct walk *walk, const char *mount)
{
	unsigned first = walk->groups->n;
	uint64_t is_balanced;
	struct cpuset all;

	walk->has_prefix = host_existsf(walk->host, "%s/cpuset.cpus", mount);
	if (read_v1(walk, mount, "sched_load_balance", NULL, &is_balanced) < 0 || is_balanced ||
	    read_v1(walk, mount, "cpus", &all, NULL) < 0)
		return;
	cpuset_zero(&walk->balanced);
	walk_below(walk, mount, 1, visit_cpuset);
	/* The root comes last: what no other set names. */
	add_group(walk, mount, &unbalanced_cpuset, &all);
	for (unsigned i = first; i < walk->groups->n; i++)
		cpuset_andnot(&walk->groups->at[i]->cpus, &walk->balanced);
}

static bool has_word(const char *words, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; at < words + len;) {
		size_t span = strcspn(at, ", \n");

		if (span == n && !memcmp(at, word, n))
			return true;
		at += span + 1;
	}
	return false;
}

bool isolation_mount(const char *mounts, bool is_v2, char *buf, size_t size)
{
	bool is_found = false;
	struct scan scan = {mounts};

	do {
		const char *device, *point, *type, *options;
		size_t n, n_point, n_type, n_options;

		if (scan_word(&scan, &device, &n) < 0 || scan_word(&scan, &point, &n_point) < 0 ||
		    scan_word(&scan, &type, &n_type) < 0 ||
		    scan_word(&scan, &options, &n_options) < 0 || n_point < 2 || n_point > size)
			continue;
		const char *wanted = is_v2 ? "cgroup2" : "cgroup";

		if (n_type != strlen(wanted) || memcmp(type, wanted, n_type) ||
		    (!is_v2 && !has_word(options, n_options, "cpuset")))
			continue;
		bool is_usual = !strncmp(point, "/sys/fs/cgroup", 14);

		if (is_found && !is_usual)
			continue;
		memcpy(buf, point + 1, n_point - 1);
		buf[n_point - 1] = '\0';
		is_found = true;
		if (is_usual)
			return true;
	} while (scan_next_line(&scan));
	return is_found;
}

void isolation_walk(struct isolation_groups *groups, struct host *host)
{
	struct host_file *file = NULL;
	char mount[PATH_SIZE];
	const char *mounts;

	isolation_groups_done(groups);
	groups->arena = arena_new(0);
	if (host_file_readf(host, &file, &mounts, "proc/mounts") >= 0 ||
	    host_file_readf(host, &file, &mounts, "proc/self/mounts") >= 0) {
		for (int is_v2 = 0; is_v2 <= 1; is_v2++) {
			struct walk walk = {.groups = groups, .host = host};

			if (!isolation_mount(mounts, is_v2, mount, sizeof(mount)))
				continue;
			walk.mount_len = strlen(mount) + 1;
			if (is_v2)
				walk_v2(&walk, mount);
			else
				walk_v1(&walk, mount);
		}
	}
	host_file_close(file);
}
