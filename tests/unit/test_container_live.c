/*
 * Real control groups of this machine, made and removed by the test: what is written to them is
 * what the probe reads, and when 50 a second come and go no row outlives its group, nothing is
 * joined with what had the path before, and nothing is left behind. environment: JT_CHURN_SECONDS,
 * how long they come and go (default 5)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/cgroup.h"
#include "tests/unit/probe_fixture.h"

struct live {
	struct fixture f;
	struct cgroup_mounts mounts;
	char base[64]; /* our group, of which all others are children */
};

#define ALIVE 10u /* groups at any time */

/* Group i is called i % (3 * ALIVE): names come back, as other groups. */
static void name_of(unsigned i, char *buf, size_t size)
{
	(void)snprintf(buf, size, "g%u", i % (3 * ALIVE));
}

static char *directory(const struct live *live, unsigned hierarchy, const char *name)
{
	return xasprintf("/%s/%s%s%s", live->mounts.at[hierarchy].mount, live->base,
			 *name ? "/" : "", name);
}

/* In every hierarchy. The number of them in which there is one now. */
static unsigned make(const struct live *live, const char *name)
{
	unsigned n = 0;

	for (unsigned h = 0; h < live->mounts.n; h++) {
		_cleanup_(freep) char *dir = directory(live, h, name);

		n += mkdir(dir, 0755) == 0 || errno == EEXIST;
	}
	return n;
}

static void drop(const struct live *live, const char *name)
{
	for (unsigned h = 0; h < live->mounts.n; h++) {
		_cleanup_(freep) char *dir = directory(live, h, name);

		/* Processes that were killed may take their time to leave. */
		for (unsigned i = 0; i < 200 && rmdir(dir) < 0 && errno == EBUSY; i++)
			(void)usleep(10000);
	}
}

static bool put(const struct live *live, enum cgroup_controller controller, const char *name,
		const char *file, const char *text)
{
	int where = live->mounts.by_controller[controller];

	if (where < 0)
		return false;

	_cleanup_(freep) char *dir = directory(live, (unsigned)where, name);
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, file);
	_cleanup_(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static int setup(void **state)
{
	struct live *live = xcalloc(1, sizeof(*live));
	const struct probe *probe = &probe_container;
	struct host *host = NULL;

	*state = live;
	if (host_open_live(&host) < 0)
		return -1;
	fixture_init(&live->f, host, &probe, 1);
	(void)snprintf(live->base, sizeof(live->base), "jt-test-%d", (int)getpid());
	(void)!cgroup_mounts_read(host, &live->mounts);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"a", "set", "cold"};
	struct live *live = *state;
	char name[16];

	/* Where a test failed half-way. */
	for (unsigned i = 0; i < 3 * ALIVE; i++) {
		name_of(i, name, sizeof(name));
		drop(live, name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		drop(live, names[i]);
	drop(live, "");
	cgroup_mounts_done(&live->mounts);
	fixture_done(&live->f);
	free(live);
	return 0;
}

static bool cannot(const struct live *live)
{
	if (geteuid() != 0 || !live->mounts.n || !make(live, "")) {
		print_message(
			"skipped: making control groups needs root and a mounted hierarchy\n");
		return true;
	}
	return false;
}

static bool cannot_v1(const struct live *live)
{
	if (cannot(live))
		return true;
	if (live->mounts.by_controller[CGROUP_CPU] < 0 ||
	    live->mounts.by_controller[CGROUP_CPUACCT] < 0) {
		print_message("skipped: no CPU controller of version 1 here\n");
		return true;
	}
	return false;
}

static const char *key_of(const struct live *live, const char *name, char *buf, size_t size)
{
	(void)snprintf(buf, size, "container:/%s%s%s", live->base, *name ? "/" : "", name);
	return buf;
}

/* A child that does nothing, or nothing but that. */
static pid_t child(bool is_busy)
{
	pid_t pid = fork();

	while (pid == 0 && is_busy)
		;
	while (pid == 0)
		(void)pause();
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static uint64_t read_number(const struct live *live, enum cgroup_controller controller,
			    const char *name, const char *file)
{
	uint64_t value = 0;
	int where = live->mounts.by_controller[controller];

	assert_int_equal(host_read_u64f(live->f.host, &value, "%s/%s/%s/%s",
					live->mounts.at[where].mount, live->base, name, file),
			 0);
	return value;
}

static void test_values(void **state)
{
	struct live *live = *state;
	char key[128], pid_text[16];
	struct fixture *f = &live->f;

	if (cannot_v1(live))
		skip();
	(void)make(live, "a");
	(void)key_of(live, "a", key, sizeof(key));
	assert_true(put(live, CGROUP_CPU, "a", "cpu.cfs_quota_us", "20000"));
	assert_true(put(live, CGROUP_CPU, "a", "cpu.shares", "333"));
	(void)put(live, CGROUP_MEMORY, "a", "memory.limit_in_bytes", "67108864");
	(void)put(live, CGROUP_PIDS, "a", "pids.max", "17");

	pid_t pid = child(true);

	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	for (unsigned c = 0; c < CGROUP_UNIFIED; c++)
		(void)put(live, (enum cgroup_controller)c, "a", "cgroup.procs", pid_text);
	(void)usleep(300000);

	uint64_t before = read_number(live, CGROUP_CPUACCT, "a", "cpuacct.usage");

	fixture_run(f);

	uint64_t after = read_number(live, CGROUP_CPUACCT, "a", "cpuacct.usage");
	uint64_t cpu_ns = fixture_u64(f, key, "cpu_ns");

	end(pid);
	assert_true(before <= cpu_ns && cpu_ns <= after);
	assert_string_equal(fixture_text(f, key, "cpu_max"), "20000 100000");
	assert_true(fabs(fixture_f64(f, key, "cpu_quota") - 0.2) < 1e-9);
	assert_int_equal(fixture_u64(f, key, "cpu_shares"), 333);
	if (live->mounts.by_controller[CGROUP_MEMORY] >= 0)
		assert_int_equal(fixture_u64(f, key, "memory_max_bytes"), 67108864);
	if (live->mounts.by_controller[CGROUP_PIDS] >= 0) {
		assert_int_equal(fixture_u64(f, key, "pids_max"), 17);
		assert_int_equal(fixture_u64(f, key, "pids"), 1);
	}
	assert_int_equal(fixture_u64(f, key, "pid"), pid);
	assert_int_equal(fixture_u64(f, key, "tasks"), 1);
	assert_string_equal(fixture_text(f, key, "namespaces"), "none");
	drop(live, "a");
	fixture_run(f);
	assert_null(snapshot_find(f->snap, key));
	assert_non_null(snapshot_find(f->snap, key_of(live, "", key, sizeof(key))));
}

/* Every bit of what the kernel calls a cpuset with no CPUs left in it. */
static void test_cpuset(void **state)
{
	struct live *live = *state;
	char key[128];
	struct fixture *f = &live->f;

	if (cannot(live))
		skip();
	if (live->mounts.by_controller[CGROUP_CPUSET] < 0 || !make(live, "set")) {
		print_message("skipped: no cpusets of version 1 here\n");
		skip();
	}
	(void)key_of(live, "set", key, sizeof(key));
	fixture_run(f);
	assert_string_equal(fixture_text(f, key, "cpuset_cpus"), "");
	assert_non_null(strstr(fixture_text(f, key, "flags"), "cpuset-empty"));
	assert_true(put(live, CGROUP_CPUSET, "", "cpuset.cpus", "0"));
	assert_true(put(live, CGROUP_CPUSET, "", "cpuset.mems", "0"));
	assert_true(put(live, CGROUP_CPUSET, "set", "cpuset.cpus", "0"));
	assert_true(put(live, CGROUP_CPUSET, "set", "cpuset.mems", "0"));
	fixture_run(f);
	assert_string_equal(fixture_text(f, key, "cpuset_cpus"), "0");
	assert_string_equal(fixture_text(f, key, "cpuset_effective"), "0");
	assert_string_equal(fixture_text(f, key, "mems_effective"), "0");
	assert_null(strstr(fixture_text(f, key, "flags"), "cpuset"));
	drop(live, "set");
}

static void test_paused(void **state)
{
	struct live *live = *state;
	char key[128], pid_text[16];

	if (cannot(live))
		skip();
	if (live->mounts.by_controller[CGROUP_FREEZER] < 0) {
		print_message("skipped: no freezer of version 1 here\n");
		skip();
	}
	(void)make(live, "cold");

	pid_t pid = child(false);

	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	assert_true(put(live, CGROUP_FREEZER, "cold", "cgroup.procs", pid_text));
	assert_true(put(live, CGROUP_FREEZER, "cold", "freezer.state", "FROZEN"));
	for (unsigned i = 0; i < 100; i++) {
		fixture_run(&live->f);
		if (!strcmp(fixture_text(&live->f, key_of(live, "cold", key, sizeof(key)), "state"),
			    "paused"))
			break;
		(void)usleep(10000); /* FREEZING */
	}
	(void)put(live, CGROUP_FREEZER, "cold", "freezer.state", "THAWED");
	end(pid);
	drop(live, "cold");
	assert_string_equal(fixture_text(&live->f, key, "state"), "paused");
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Exactly the groups of [from, to) are there, and their rows say so. */
static void assert_alive(struct live *live, unsigned from, unsigned to)
{
	char name[16], key[128];
	unsigned n = 0;
	const struct snapshot_table *table = snapshot_table(live->f.snap, "container");

	for (unsigned i = from; i < to; i++) {
		const struct entity *entity;

		name_of(i, name, sizeof(name));
		entity = snapshot_find(live->f.snap, key_of(live, name, key, sizeof(key)));
		if (!entity)
			fail_msg("group %u (%s) has no row", i, name);
	}
	(void)key_of(live, "g", key, sizeof(key));
	for (unsigned i = 0; i < table->n_entities; i++)
		n += !strncmp(table->entities[i].key, key, strlen(key));
	if (n != to - from)
		fail_msg("%u rows for %u groups", n, to - from);
}

/* By name: which group had it last, and its identity. */
struct seen {
	unsigned group;
	uint64_t identity; /* 0: none yet */
};

/* An identity is a group's: the same from run to run, another one when the name comes back. */
static void watch_identities(struct live *live, struct seen *seen, unsigned from, unsigned to)
{
	char name[16], key[128];

	for (unsigned i = from; i < to; i++) {
		struct seen *last = &seen[i % (3 * ALIVE)];

		name_of(i, name, sizeof(name));

		uint64_t identity =
			snapshot_find(live->f.snap, key_of(live, name, key, sizeof(key)))->identity;

		assert_int_not_equal(identity, 0);
		if (last->identity && last->group == i)
			assert_int_equal(last->identity, identity);
		else
			assert_int_not_equal(last->identity, identity);
		*last = (struct seen){i, identity};
	}
}

static void test_churn(void **state)
{
	struct live *live = *state;
	const char *seconds = getenv("JT_CHURN_SECONDS");
	double end_at = now() + (seconds ? strtod(seconds, NULL) : 5.0);
	struct seen seen[3 * ALIVE] = {0};
	unsigned made = 0, dropped = 0, files;
	char name[16];

	if (cannot(live))
		skip();
	fixture_run(&live->f);
	files = open_files();
	while (now() < end_at) {
		name_of(made++, name, sizeof(name));
		assert_true(make(live, name) > 0);
		if (made - dropped > ALIVE) {
			name_of(dropped++, name, sizeof(name));
			drop(live, name);
		}
		snapshot_unref(live->f.snap);
		live->f.snap = sampler_run_once(live->f.sampler, made % 3 == 0);
		assert_int_equal(fixture_status(&live->f), SAMPLE_OK);
		/* The probe has its own period: only thorough runs are of this moment. */
		if (made % 3 == 0) {
			assert_alive(live, dropped, made);
			watch_identities(live, seen, dropped, made);
		}
		(void)usleep(10000);
	}
	while (dropped < made) {
		name_of(dropped++, name, sizeof(name));
		drop(live, name);
	}
	fixture_run(&live->f);
	assert_alive(live, 0, 0);
	assert_int_equal(open_files(), files);
	print_message("%u groups came and went\n", made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpuset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
