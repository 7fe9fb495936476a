/*
 * Every topology archive of the shared captures through the topology probe, counted and compared
 * with topology/EXPECTED.tsv: what the raw files say without any policy. Each difference stands
 * below with its reason; one that is not there fails, and so does one that no longer occurs.
 *
 * Counting rule (INDEX.md): cpu_dirs and online by sys/devices/system/cpu; packages by distinct
 * core_siblings sets, because ids repeat or are -1 on some machines; dies by distinct (package,
 * die_id); cores by distinct thread_siblings sets among online CPUs; nodes by nodeN folders. Ours
 * count the entities that are "known": a package, die or core that jittertop only assumes, so that
 * every CPU has a place in the tree, is not counted, nor the one node of a kernel without NUMA.
 */
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/parse.h"
#include "tests/captures/unpack.h"
#include "tests/unit/probe_fixture.h"

enum column { CPUS, ONLINE, PACKAGES, DIES, CORES, NODES, COLUMNS };
static const struct {
	const char *name;
	unsigned place; /* in a line of EXPECTED.tsv, from 0 */
} columns[COLUMNS] = {
	[CPUS] = {"cpu_dirs", 2},
	[ONLINE] = {"online", 3},
	[PACKAGES] = {"core_siblings_sets", 5},
	[DIES] = {"dies", 6},
	[CORES] = {"cores_by_siblings", 7},
	[NODES] = {"node_dirs", 8},
};

static const struct {
	const char *name;
	enum column column;
	unsigned expected, ours;
	const char *reason;
} differences[] = {
	{"1alpha", CPUS, 0, 1, "no sys/ at all: the CPU is taken from proc/"},
	{"1alpha", ONLINE, 0, 1, "no sys/ at all: the CPU is taken from proc/"},
	{"32ppc-4n4c2c", CORES, 32, 0,
	 "topology/ is empty: the file counts each CPU as its own core, jittertop assumes that too "
	 "but does not call it known (hwloc of Debian 12 refuses the tree)"},
	{"40intel64-4n10c+pci-conflicts", PACKAGES, 4, 3,
	 "the 4th package's map was made to contradict its nodes on purpose; hwloc drops the "
	 "package, "
	 "its CPUs stay"},
	{"64amd64-4p2n4ca2co", CORES, 32, 64,
	 "Bulldozer: thread_siblings pairs the halves of a module, core_id says two cores; we "
	 "follow "
	 "core_id like hwloc and lstopo, and show the pair as siblings"},
	{"64amd64-4s2n4ca2co", CORES, 32, 64, "Bulldozer, as above"},
	{"rv64-linux", DIES, 1, 0, "die_id reads -1: the kernel knows no dies"},
	{"sparc64-UltraSparc-T1", CPUS, 32, 24,
	 "CPUs 24-31 have folders but are not in the present list: they cannot be switched on"},
};
static bool has_occurred[ARRAY_SIZE(differences)];

static unsigned n_failed;

/* "| `name` ... | `root` |" */
static void find_root(const char *index, const char *name, char *buf, size_t size)
{
	_cleanup_(freep) char *first = xasprintf("| `%s` |", name);
	const char *line = strstr(index, first);
	size_t len = line ? strcspn(line, "\n") : 0;

	(void)snprintf(buf, size, ".");
	if (!line)
		return;
	const char *close = memrchr(line, '`', len);
	const char *open = close ? memrchr(line, '`', (size_t)(close - line)) : NULL;

	if (open)
		(void)snprintf(buf, size, "%.*s", (int)(close - open - 1), open + 1);
}

static bool find_archive(const char *source, const char *name, char *buf, size_t size)
{
	char folder[PATH_MAX], pattern[2 * PATH_MAX];
	glob_t found;

	if (!captures_folder(folder, sizeof(folder)))
		return false;
	if (!strcmp(source, "nto"))
		(void)snprintf(pattern, sizeof(pattern), "%s/host/%s.t*", folder, name);
	else
		(void)snprintf(pattern, sizeof(pattern), "%s/topology/%s/%s.tar.*", folder, source,
			       name);
	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	(void)snprintf(buf, size, "%s", found.gl_pathv[0] + strlen(folder) + 1);
	globfree(&found);
	return true;
}

static void count(const struct fixture *f, unsigned ours[COLUMNS])
{
	static const char *const kinds[COLUMNS] = {"cpu", "cpu", "package", "die", "core", "node"};

	for (unsigned c = 0; c < COLUMNS; c++) {
		const struct snapshot_table *table = snapshot_table(f->snap, kinds[c]);
		const char *metric = c == ONLINE ? "online" : c == CPUS ? NULL : "known";

		ours[c] = 0;
		for (unsigned i = 0; i < table->n_entities; i++) {
			uint64_t is_true = 0;

			if (!metric)
				is_true = 1;
			else
				(void)entity_u64(&table->entities[i], metric, &is_true);
			ours[c] += is_true != 0;
		}
	}
}

static void compare(const char *name, enum column c, unsigned expected, unsigned ours)
{
	for (unsigned i = 0; i < ARRAY_SIZE(differences); i++) {
		if (strcmp(differences[i].name, name) || differences[i].column != c)
			continue;
		has_occurred[i] = true;
		if (differences[i].expected != expected || differences[i].ours != ours) {
			printf("%s: %s: the files say %u, jittertop %u: not the explained "
			       "difference\n",
			       name, columns[c].name, expected, ours);
			n_failed++;
		}
		return;
	}
	if (expected != ours) {
		printf("%s: %s: the files say %u, jittertop %u\n", name, columns[c].name, expected,
		       ours);
		n_failed++;
	}
}

/* Every CPU hangs on the host by parents that exist, and no key occurs twice. */
static void check_tree(const struct fixture *f, const char *name)
{
	const struct snapshot_table *cpus = snapshot_table(f->snap, "cpu");
	static const char *const kinds[] = {"package", "die", "core", "node", "cache", "cpu"};

	for (unsigned i = 0; i < cpus->n_entities; i++) {
		const struct entity *at = &cpus->entities[i];
		unsigned depth = 0;

		for (; at->parent && depth < 16; depth++)
			at = at->parent;
		if (strcmp(at->key, "host")) {
			printf("%s: %s does not lead to the host\n", name, cpus->entities[i].key);
			n_failed++;
		}
	}
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		const struct snapshot_table *table = snapshot_table(f->snap, kinds[k]);

		for (unsigned i = 0; i < table->n_entities; i++) {
			if (snapshot_find(f->snap, table->entities[i].key) == &table->entities[i])
				continue;
			printf("%s: %s occurs twice\n", name, table->entities[i].key);
			n_failed++;
		}
	}
}

static void run_probe(const char *name, const char *dir, const char *root, const unsigned *expected)
{
	const struct probe *const probes[] = {&probe_topology};
	char path[2 * PATH_MAX];
	unsigned ours[COLUMNS];
	struct host *host = NULL;
	struct fixture f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, root);
	if (host_open_captured(path, &host) < 0) {
		printf("%s: %s cannot be opened\n", name, root);
		n_failed++;
		return;
	}
	fixture_init(&f, host, probes, ARRAY_SIZE(probes));
	fixture_run(&f);
	count(&f, ours);
	for (enum column c = 0; c < COLUMNS; c++)
		compare(name, c, expected[c], ours[c]);
	check_tree(&f, name);
	fixture_done(&f);
}

static void run_line(char *line, const char *index)
{
	char *fields[16], *rest = line, archive[PATH_MAX], root[256], dir[PATH_MAX], *full;
	unsigned expected[COLUMNS], n = 0;
	uint64_t number;

	while (n < ARRAY_SIZE(fields) && (fields[n] = strsep(&rest, "\t")))
		n++;
	assert_true(n >= 9);
	for (enum column c = 0; c < COLUMNS; c++) {
		assert_int_equal(parse_u64(fields[columns[c].place], &number), 0);
		expected[c] = (unsigned)number;
	}
	if (!find_archive(fields[0], fields[1], archive, sizeof(archive)) ||
	    !captures_unpack(archive, dir, sizeof(dir))) {
		printf("%s: no archive\n", fields[1]);
		n_failed++;
		return;
	}
	full = xasprintf("%s/%s", fields[0], fields[1]);
	find_root(index, fields[1], root, sizeof(root));
	if (!strcmp(root, "."))
		find_root(index, full, root, sizeof(root));
	run_probe(fields[1], dir, root, expected);
	free(full);
	captures_remove(dir);
}

static void test_every_archive(void **state)
{
	char folder[PATH_MAX];
	unsigned n = 0;

	(void)state;
	if (!captures_folder(folder, sizeof(folder)))
		skip();
	_cleanup_(freep) char *expected = captures_read("topology/EXPECTED.tsv");
	_cleanup_(freep) char *index = captures_read("INDEX.md");

	assert_non_null(expected);
	assert_non_null(index);
	char *rest = expected, *line = strsep(&rest, "\n"); /* the header */

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		run_line(line, index);
		n++;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(differences); i++) {
		if (has_occurred[i])
			continue;
		printf("%s: %s: explained (%s), but it does not occur\n", differences[i].name,
		       columns[differences[i].column].name, differences[i].reason);
		n_failed++;
	}
	printf("%u archives, %zu explained differences\n", n, ARRAY_SIZE(differences));
	assert_true(n > 50);
	assert_int_equal(n_failed, 0);
}

static void test_description(void **state)
{
	const struct probe *const probes[] = {&probe_topology, &probe_isolation};
	struct host *host = NULL;
	struct fixture f;

	(void)state;
	assert_int_equal(host_open_synthetic("pack:8 numa:2 l3:4 core:8 pu:2", &host), 0);
	fixture_init(&f, host, probes, ARRAY_SIZE(probes));
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "package"), 8);
	assert_int_equal(fixture_count(&f, "die"), 8);
	assert_int_equal(fixture_count(&f, "node"), 16);
	assert_int_equal(fixture_count(&f, "cache"), 64);
	assert_int_equal(fixture_count(&f, "core"), 512);
	assert_int_equal(fixture_count(&f, "cpu"), 1024);
	assert_int_equal(fixture_u64(&f, "cpu:1023", "online"), 1);
	assert_int_equal(fixture_u64(&f, "cpu:1023", "isolated"), 0);
	assert_int_equal(fixture_u64(&f, "cpu:1023", "node_id"), 15);
	assert_string_equal(fixture_text(&f, "cpu:1023", "siblings"), "1022-1023");
	check_tree(&f, "synthetic");
	assert_int_equal(n_failed, 0);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_archive),
		cmocka_unit_test(test_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
