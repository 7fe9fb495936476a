#include "tests/crash/crash_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_VALUES 16
#define TEXT_MAX 256

struct value {
	char path[TEXT_MAX], word[64], old[TEXT_MAX], new[TEXT_MAX];
};

static struct {
	char tree[512], run_dir[512], reset[4096];
	bool is_live;
	struct value values[MAX_VALUES];
	unsigned n_values;
	const char *sets[CRASH_MAX_SETS + 1];
	unsigned n_sets;
} at;

static const struct value scratch_values[] = {
	{"proc/irq/40/smp_affinity_list", "", "0-1", "0"},
	{"sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "", "0", "8"},
	{"fake/thread/7/affinity", "", "0-1", "1"},
	{"rps_cpus", "", "3", "1"},
	{"cg/mine/cpus", "", "-", "1"}, /* in a group that the transaction makes */
};

static const char *const constants[][2] = {
	{"proc/irq/40/effective_affinity_list", "0"},
	{"proc/sys/kernel/random/boot_id", "00000000-1111-2222-3333-444444444444"},
	{"proc/meminfo", "MemTotal:        4000000 kB\nMemFree:         3000000 kB"},
	{"sys/kernel/irq/40/chip_name", "PCI-MSIX-0000:00:04.0"},
	{"sys/kernel/irq/40/hwirq", "0"},
	{"sys/kernel/irq/40/actions", "virtio3-config"},
	{"sys/devices/system/cpu/online", "0-1"},
	{"start/7", "1000"},
	{"fake/template/cpus", ""},
	{"fake/template/cgroup.procs", ""},
	{"cg/cpus", "0-1"},
	{"sys/devices/system/node/node0/cpulist", "0-1"},
	{"sys/devices/system/node/node0/meminfo",
	 "Node 0 MemTotal:        4000000 kB\nNode 0 MemFree:         3000000 kB"},
};

void die(const char *what)
{
	perror(what);
	exit(2);
}

static void put(const char *path, const char *text)
{
	char full[1024];

	(void)snprintf(full, sizeof(full), "%s/%s", at.tree, path);
	for (char *slash = strchr(full + strlen(at.tree) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		die(full);
}

static void open_scratch(const char *dir)
{
	static const char *const sets[] = {"irq_affinity@irq:40=0", "hugepages@node:0/2048kB=8",
					   "test_scratch@all=new"};

	(void)snprintf(at.tree, sizeof(at.tree), "%s/tree", dir);
	(void)mkdir(at.tree, 0700);
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++)
		put(constants[i][0], constants[i][1]);
	for (; at.n_values < sizeof(scratch_values) / sizeof(*scratch_values); at.n_values++)
		at.values[at.n_values] = scratch_values[at.n_values];
	for (; at.n_sets < sizeof(sets) / sizeof(*sets); at.n_sets++)
		at.sets[at.n_sets] = sets[at.n_sets];
}

static void copy(char *to, const char *from, size_t size)
{
	if (!from || strlen(from) >= size)
		die("scene: a part is missing or too long");
	(void)snprintf(to, size, "%s", from);
}

/* strtok() takes empty parts for none: an empty value is one. */
static const char *part(char **rest)
{
	return *rest ? strsep(rest, "\t") : NULL;
}

static void add_value(char *rest)
{
	struct value *value = &at.values[at.n_values++];
	char path[TEXT_MAX];

	if (at.n_values > MAX_VALUES)
		die("scene: too many values");
	copy(path, part(&rest), sizeof(path));
	copy(value->old, part(&rest), sizeof(value->old));
	copy(value->new, part(&rest), sizeof(value->new));
	char *word = strchr(path, '#');
	if (word) {
		*word++ = '\0';
		copy(value->word, word, sizeof(value->word));
	}
	copy(value->path, path, sizeof(value->path));
}

static void open_scene(const char *scene)
{
	char line[8192];
	FILE *file = fopen(scene, "r");

	if (!file)
		die(scene);
	at.is_live = true;
	(void)snprintf(at.tree, sizeof(at.tree), "live");
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		char *rest = line;
		const char *kind = part(&rest);

		if (!strcmp(kind, "value"))
			add_value(rest);
		else if (!strcmp(kind, "reset"))
			copy(at.reset, rest, sizeof(at.reset));
		else if (!strcmp(kind, "set") && at.n_sets < CRASH_MAX_SETS)
			at.sets[at.n_sets++] = strdup(rest);
		else
			die("scene: what is this line?");
	}
	(void)fclose(file);
	if (!at.n_values || !at.n_sets || !at.reset[0])
		die("scene: needs set, value and reset");
}

void crash_host_open(const char *dir, const char *scene)
{
	(void)snprintf(at.run_dir, sizeof(at.run_dir), "%s/run", dir);
	if (scene)
		open_scene(scene);
	else
		open_scratch(dir);
}

const char *crash_host_tree(void)
{
	return at.tree;
}

const char *crash_host_run_dir(void)
{
	return at.run_dir;
}

const char *const *crash_host_sets(void)
{
	return at.sets;
}

/* What a value is now; "-": there is no such file. */
static void show(const struct value *value, char *buf, size_t size)
{
	char full[1024], line[4096];
	size_t len = strlen(value->word);

	(void)snprintf(buf, size, "-");
	if (at.is_live)
		(void)snprintf(full, sizeof(full), "%s", value->path);
	else
		(void)snprintf(full, sizeof(full), "%s/%s", at.tree, value->path);
	FILE *file = fopen(full, "r");
	if (!file)
		return;
	buf[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, value->word, len) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(buf, size, "%.255s", line + len + strspn(line + len, " \t"));
		break;
	}
	(void)fclose(file);
}

static bool all_are(bool is_new)
{
	char now[TEXT_MAX];

	for (unsigned i = 0; i < at.n_values; i++) {
		show(&at.values[i], now, sizeof(now));
		if (strcmp(now, is_new ? at.values[i].new : at.values[i].old) != 0)
			return false;
	}
	return true;
}

bool crash_host_is_old(void)
{
	return all_are(false);
}

bool crash_host_is_new(void)
{
	return all_are(true);
}

bool crash_host_has(const char *path)
{
	for (unsigned i = 0; i < at.n_values; i++) {
		if (!strcmp(at.values[i].path, path))
			return true;
	}
	return false;
}

/* Counts the files that start with prefix, removes all when is_removing. */
static unsigned scan_run_dir(const char *prefix, bool is_removing)
{
	DIR *dir = opendir(at.run_dir);
	unsigned n = 0;

	if (!dir)
		return 0;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			n++;
		if (is_removing)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
	return n;
}

/* The group with its files, which is not there before. */
static void remove_group(void)
{
	static const char *const paths[] = {"cpus", "cgroup.procs", ""};
	char full[1024];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(full, sizeof(full), "%s/cg/mine/%s", at.tree, paths[i]);
		(void)remove(full);
	}
}

unsigned crash_host_count(const char *prefix)
{
	return scan_run_dir(prefix, false);
}

bool crash_host_reset(void)
{
	(void)scan_run_dir("", true);
	if (!at.is_live) {
		remove_group();
		for (unsigned i = 0; i < at.n_values; i++) {
			if (strcmp(at.values[i].old, "-") != 0)
				put(at.values[i].path, at.values[i].old);
		}
		return crash_host_is_old();
	}
	if (crash_host_is_old())
		return true;
	if (system(at.reset))
		(void)fprintf(stderr, "reset: failed: %s\n", at.reset);
	return crash_host_is_old();
}

bool crash_host_is_settled(void)
{
	if (scan_run_dir("trial-", false))
		return false;
	return scan_run_dir("kept-", false) ? crash_host_is_new() : crash_host_is_old();
}

void crash_host_print(void)
{
	char now[TEXT_MAX];

	for (unsigned i = 0; i < at.n_values; i++) {
		const struct value *value = &at.values[i];

		show(value, now, sizeof(now));
		if (strcmp(now, value->old) != 0)
			printf(" %s is \"%s\", was \"%s\";", value->path, now, value->old);
	}
	printf(" %u trial, %u kept\n", scan_run_dir("trial-", false), scan_run_dir("kept-", false));
}
