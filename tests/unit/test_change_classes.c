/* Step classes that write themselves, objects made by an earlier step, threads that end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "core/parse.h"

/* --- "group": absent or present, a directory --- */

static int group_path(const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "cg/%s", object) < 0 ? -EINVAL : 0;
}

static int group_identity(struct host *host, const char *object, char *buf, size_t size)
{
	(void)host;
	(void)object;
	(void)size;
	buf[0] = '\0';
	return 0;
}

static ssize_t group_read(struct host *host, const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "%s",
			host_existsf(host, "cg/%s", object) ? "present" : "absent");
}

static int group_write(struct host *host, const char *object, const char *value)
{
	char path[128];

	(void)group_path(object, path, sizeof(path));
	return strcmp(value, "present") ? host_remove_directory(host, path)
					: host_make_directory(host, path);
}

static const struct step_class group = {.name = "group",
					.compare = STEP_WORD,
					.path = group_path,
					.identity = group_identity,
					.read = group_read,
					.write = group_write};

/* --- a file in it --- */

static int file_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char text[64];
	ssize_t len = host_readf(host, text, sizeof(text), "cg/%s", object);

	(void)size;
	buf[0] = '\0';
	return len < 0 ? (int)len : 0;
}

static const struct step_class file = {
	.name = "file", .compare = STEP_TEXT, .path = group_path, .identity = file_identity};

/* --- a thread's affinity --- */

static int thread_path(const char *object, char *buf, size_t size)
{
	uint64_t tid;

	if (strncmp(object, "thread:", 7) != 0 || parse_u64(object + 7, &tid))
		return -EINVAL;
	return snprintf(buf, size, "thread %llu: CPU affinity", (unsigned long long)tid) < 0
		       ? -EINVAL
		       : 0;
}

static pid_t tid_of(const char *object)
{
	uint64_t tid = 0;

	(void)!parse_u64(object + 7, &tid);
	return (pid_t)tid;
}

static int thread_identity(struct host *host, const char *object, char *buf, size_t size)
{
	ssize_t len = host_readf(host, buf, size, "start/%d", (int)tid_of(object));

	return len < 0 ? (int)len : 0;
}

static ssize_t thread_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset set;
	int err = host_get_affinity(host, tid_of(object), &set);

	return err ? err : cpuset_format_list(&set, buf, size);
}

static int thread_write(struct host *host, const char *object, const char *value)
{
	struct cpuset set;
	int err = cpuset_parse_list(value, &set);

	return err ? err : host_write_affinity(host, tid_of(object), &set);
}

static const struct step_class thread = {.name = "thread",
					 .compare = STEP_CPULIST,
					 .flags = STEP_NOT_A_FILE | STEP_MAY_END,
					 .path = thread_path,
					 .identity = thread_identity,
					 .read = thread_read,
					 .write = thread_write};

struct fixture {
	struct host *host;
	struct plan plan;
	struct change_report report;
	char why[256];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	plan_done(&f->plan);
	host_fake_file(f->host, "cg/cpus", "0-3\n");
	host_fake_file(f->host, "fake/template/cpus", "\n");
	host_fake_file(f->host, "fake/template/cgroup.procs", "");
	host_fake_file(f->host, "fake/thread/7/affinity", "0-3\n");
	host_fake_file(f->host, "fake/thread/7/schedule", "0 0 0 0\n");
	host_fake_file(f->host, "start/7", "1000\n");
	*state = f;
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	free(f);
	return 0;
}

static void later(struct fixture *f, const struct step_class *class, const char *object,
		  const char *expected, const char *wish)
{
	if (plan_add_later(&f->plan, class, object, expected, wish, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

static void add(struct fixture *f, const struct step_class *class, const char *object,
		const char *wish)
{
	if (plan_add(&f->plan, f->host, class, object, wish, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

static int apply(struct fixture *f)
{
	int err = change_check(f->host, &f->plan, &f->report);

	return err ? err : change_apply(f->host, &f->plan, NULL, NULL, &f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, &f->report);
}

static void expect(struct fixture *f, const char *path, const char *value)
{
	char text[64];

	assert_true(host_read(f->host, path, text, sizeof(text)) >= 0);
	assert_string_equal(text, value);
}

static void test_made_later(void **state)
{
	struct fixture *f = *state;

	add(f, &group, "mine", "present");
	later(f, &file, "mine/cpus", "", " 2-3 ");
	later(f, &file, "mine/cpus", "2-3", "2");
	assert_int_equal(apply(f), 0);
	expect(f, "cg/mine/cpus", "2");
	assert_int_equal(undo(f), 0);
	assert_false(host_existsf(f->host, "cg/mine"));
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[1].result, CHANGE_NOTHING);
}

/* Dead after k of the steps: whatever was done is taken back, nothing is residue. */
static void test_dead_after(void **state)
{
	struct fixture *f = *state;

	add(f, &group, "mine", "present");
	later(f, &file, "mine/cpus", "", "2-3");
	add(f, &file, "cpus", "0");
	later(f, &file, "cpus", "0", "1");
	unsigned n = f->plan.n_steps;
	for (f->plan.n_steps = 0; f->plan.n_steps <= n; f->plan.n_steps++) {
		unsigned done = f->plan.n_steps;

		assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
		f->plan.n_steps = n;
		assert_int_equal(undo(f), 0);
		expect(f, "cg/cpus", "0-3");
		assert_false(host_existsf(f->host, "cg/mine"));
		f->plan.n_steps = done;
	}
	f->plan.n_steps = n;
}

/* A later step whose turn has come and that shows a third value: somebody else's. */
static void test_later_foreign(void **state)
{
	struct fixture *f = *state;

	add(f, &file, "cpus", "0");
	later(f, &file, "cpus", "0", "1");
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, "cg/cpus", "5\n");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[1].result, CHANGE_FOREIGN);
	expect(f, "cg/cpus", "5");
}

/* What the template says is not what was expected: everything goes back. */
static void test_later_surprised(void **state)
{
	struct fixture *f = *state;

	add(f, &group, "mine", "present");
	later(f, &file, "mine/cpus", "7", "2-3");
	assert_int_equal(apply(f), -ESTALE);
	assert_non_null(strstr(f->report.steps[1].why, "at its turn"));
	assert_false(host_existsf(f->host, "cg/mine"));
}

/* Somebody's task is in it: the kernel says busy, we say so and leave it. */
static void test_populated(void **state)
{
	struct fixture *f = *state;

	add(f, &group, "mine", "present");
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, "cg/mine/cgroup.procs", "7\n");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_REFUSED);
	assert_int_equal(f->report.steps[0].error, -EBUSY);
}

static void test_thread(void **state)
{
	struct fixture *f = *state;
	char text[64];

	add(f, &thread, "thread:7", "1");
	assert_int_equal(plan_step_path(&f->plan.steps[0], text, sizeof(text)), 0);
	assert_string_equal(text, "thread 7: CPU affinity");
	assert_int_equal(apply(f), 0);
	expect(f, "fake/thread/7/affinity", "1");
	assert_int_equal(undo(f), 0);
	expect(f, "fake/thread/7/affinity", "0-3");
}

/* It ended, or its number is another thread's: neither a failure nor residue, and not written. */
static void test_thread_ends(void **state)
{
	struct fixture *f = *state;

	add(f, &thread, "thread:7", "1");
	add(f, &file, "cpus", "0");
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, "start/7", "2000\n");
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	assert_non_null(strstr(f->report.steps[0].why, "ended"));
	expect(f, "fake/thread/7/affinity", "1");
	expect(f, "cg/cpus", "0-3");

	host_fake_remove(f->host, "start/7");
	host_fake_remove(f->host, "fake/thread/7");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	expect(f, "cg/cpus", "0");
	assert_int_equal(undo(f), 0);
}

static void test_schedule(void **state)
{
	struct fixture *f = *state;
	struct host_schedule schedule = {.policy = 1, .priority = 50}, now;

	assert_int_equal(host_write_schedule(f->host, 7, &schedule), 0);
	expect(f, "fake/thread/7/schedule", "1 50 0 0");
	assert_int_equal(host_read_schedule(f->host, 7, &now), 0);
	assert_int_equal(now.policy, 1);
	assert_int_equal(now.priority, 50);
	assert_int_equal(host_read_schedule(f->host, 8, &now), -ESRCH);
	schedule.policy = 6;
	assert_int_equal(host_write_schedule(f->host, 7, &schedule), -EOPNOTSUPP);
}

static void test_latency(void **state)
{
	struct fixture *f = *state;
	int32_t us;

	assert_int_equal(host_read_latency(f->host, &us), -ENOENT);
	host_fake_file(f->host, "dev/cpu_dma_latency@0", "100\n");
	assert_int_equal(host_hold_latency(f->host, 200), 0);
	assert_int_equal(host_read_latency(f->host, &us), 0);
	assert_int_equal(us, 100);
	assert_int_equal(host_hold_latency(f->host, 3), 0);
	assert_int_equal(host_read_latency(f->host, &us), 0);
	assert_int_equal(us, 3);
	assert_int_equal(host_hold_latency(f->host, -1), 0);
	assert_int_equal(host_read_latency(f->host, &us), 0);
	assert_int_equal(us, 100);
}

/* Somebody else moved the thread since the preview: that is no end of it, and is said. */
static void test_thread_changed(void **state)
{
	struct fixture *f = *state;

	add(f, &thread, "thread:7", "1");
	host_fake_file(f->host, "fake/thread/7/affinity", "2\n");
	assert_int_equal(change_check(f->host, &f->plan, &f->report), -ESTALE);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), -ESTALE);
	assert_int_equal(f->report.steps[0].result, CHANGE_REFUSED);
	assert_non_null(strstr(f->report.steps[0].why, "changed by somebody else"));
}

/* A live host that was not armed refuses at every door, before it looks at anything. */
static void test_not_armed(void **state)
{
	struct host *host;
	struct cpuset cpus;
	uint32_t command = 0;

	(void)state;
	cpuset_zero(&cpus);
	assert_int_equal(host_open_live(&host), 0);
	assert_int_equal(host_write(host, "proc/self/comm", "x"), -EPERM);
	assert_int_equal(host_make_directory(host, "sys/fs/cgroup/x"), -EPERM);
	assert_int_equal(host_remove_directory(host, "sys/fs/cgroup/x"), -EPERM);
	assert_int_equal(host_write_affinity(host, 0, &cpus), -EPERM);
	assert_int_equal(host_write_schedule(host, 0, &(struct host_schedule){0}), -EPERM);
	assert_int_equal(host_write_netlink(host, NULL), -EPERM);
	assert_int_equal(host_write_ioctl_ethtool(host, "lo", &command, sizeof(command)), -EPERM);
	assert_int_equal(host_write_unix(host, "run/x", NULL, "", NULL, 0), -EPERM);
	assert_int_equal(host_hold_latency(host, 0), -EPERM);
	host_arm(host);
	/* Armed, a directory of any other file system than the listed ones is still no object. */
	assert_int_equal(host_make_directory(host, "tmp/jittertop-not-made"), -EPERM);
	host_close(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_made_later),	    TEST(test_dead_after), TEST(test_later_foreign),
		TEST(test_later_surprised), TEST(test_populated),  TEST(test_thread),
		TEST(test_thread_ends),	    TEST(test_schedule),   TEST(test_latency),
		TEST(test_thread_changed),  TEST(test_not_armed),
	};

	return _cmocka_run_group_tests("change_classes", tests, ARRAY_SIZE(tests), NULL, NULL);
}
