/* Affinity and policy of threads: classes, knobs on any thread, kernel threads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "probes/probes.h"
#include "tests/unit/thread_fixture.h"

#define KTHREAD 0x00200040u
#define BOUND 0x04200040u

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report report;
	char why[512];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	plan_done(&f->plan);
	*state = f;
	int err = host_open_fake(&f->host);
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(f->host, "sys/devices/system/cpu/possible", "0-7\n");
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	change_report_done(&f->report);
	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	arena_free(f->arena);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static void assert_file(struct fixture *f, const char *path, const char *want)
{
	char text[128];

	assert_true(host_read(f->host, path, text, sizeof(text)) >= 0);
	assert_string_equal(text, want);
}

static void test_affinity(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host,
		    (struct fake_thread){.pid = 100, .tid = 101, .start = 77, .comm = "a b"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/101", "2,1"), 0);
	assert_string_equal(f->why, "");
	assert_string_equal(f->plan.steps[0].old_value, "0-3");
	assert_string_equal(f->plan.steps[0].new_value, "1-2");
	assert_string_equal(f->plan.steps[0].identity, "start=77");
	assert_string_equal(f->plan.title, "thread 101 -> cpu 1-2");
	assert_int_equal(cpuset_count(&f->plan.affected), 4);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_file(f, "fake/thread/101/affinity", "1-2");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	/* All it may use is "not pinned", offline CPUs included. */
	assert_file(f, "fake/thread/101/affinity", "0-7");
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
}

static void test_affinity_was_pinned(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){
				     .pid = 100, .tid = 100, .start = 7, .comm = "x", .cpus = "3"});
	assert_int_equal(plan(f, &knob_thread_affinity, "task:100.7", "0"), 0);
	assert_string_equal(f->plan.steps[0].object, "thread:100/100");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/100/affinity", "3");
}

static const char mountinfo[] =
	"30 1 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n"
	"31 30 0:27 / /sys/fs/cgroup/cpuset rw shared:5 - cgroup cgroup rw,cpuset\n";

/* What its control group does not allow the kernel would cut off without a word. */
static void test_affinity_cpuset(void **state)
{
	struct fixture *f = *state;

	host_fake_file(f->host, "proc/self/mountinfo", mountinfo);
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3\n");
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/box/cpuset.effective_cpus", "0-1\n");
	fake_thread(f->host, (struct fake_thread){.pid = 100,
						  .tid = 100,
						  .start = 7,
						  .comm = "boxed",
						  .cpus = "0-1",
						  .cgroup = "5:cpu:/y\n4:cpuset:/box\n"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "1-2"), -EINVAL);
	assert_non_null(strstr(f->why, "CPU 0-1 only"));
	assert_non_null(strstr(f->why, "boxed"));
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "1"), 0);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/100/affinity", "1");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 1);
	/* The fake host does not cut as the kernel does: what was written is "not pinned". */
	assert_file(f, "fake/thread/100/affinity", "0-7");
}

static void test_affinity_refused(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 9,
						  .tid = 9,
						  .start = 1,
						  .comm = "ksoftirqd/0",
						  .flags = BOUND,
						  .cpus = "0"});
	fake_thread(f->host, (struct fake_thread){.pid = 100, .tid = 100, .start = 7, .comm = "x"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:9/9", "1"), -EINVAL);
	assert_non_null(strstr(f->why, "ksoftirqd/0"));
	assert_non_null(strstr(f->why, "lets nobody move it"));
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "5"), -EINVAL);
	assert_non_null(strstr(f->why, "CPU 5 is not online"));
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", ""), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/101", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/0", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:0100/100", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:../100", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "task:100", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_affinity, "irq:100/100", "1"), -EINVAL);
	/* Its number has another owner now. */
	assert_int_equal(plan(f, &knob_thread_affinity, "task:100.6", "1"), -ESTALE);
	assert_non_null(strstr(f->why, "has gone"));
	assert_int_equal(f->plan.n_steps, 0);
}

/* Ended during the trial: nothing to take back. Its number given away: left alone. */
static void test_ended(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 100, .tid = 100, .start = 7, .comm = "x"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "1"), 0);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	fake_thread(f->host, (struct fake_thread){
				     .pid = 100, .tid = 100, .start = 8, .comm = "x", .cpus = "1"});
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	assert_file(f, "fake/thread/100/affinity", "1");
	fake_thread_ends(f->host, 100, 100);
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	assert_non_null(strstr(f->report.steps[0].why, "has ended"));
	/* Nor is it a reason to take the rest back. */
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
}

/* A name is no identity: threads change theirs. */
static void test_renamed(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 100, .tid = 100, .start = 7, .comm = "x"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "1"), 0);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	fake_thread(f->host, (struct fake_thread){
				     .pid = 100, .tid = 100, .start = 7, .comm = "y", .cpus = "1"});
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/100/affinity", "0-7");
}

static void test_policy(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 100,
						  .tid = 101,
						  .start = 7,
						  .comm = "x",
						  .policy = 1,
						  .priority = 10,
						  .nice = -5,
						  .reset_on_fork = 1});
	assert_int_equal(plan(f, &knob_thread_policy, "thread:100/101", "other:0"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "fifo:10");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	/* Nice value and reset-on-fork stay. */
	assert_file(f, "fake/thread/101/schedule", "0 0 -5 1");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/101/schedule", "1 10 -5 1");
}

static void test_policy_refused(void **state)
{
	static const char *const wrong[] = {"fifo",   "fifo:0", "fifo:100", "fifo:01", "other:1",
					    "best:1", "",	"fifo:-1",  "rr:",     "deadline:0",
					    "ext:0",  ":1",	"fifo:1 "};
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 100, .tid = 100, .start = 7, .comm = "x"});
	for (size_t i = 0; i + 1 < ARRAY_SIZE(wrong); i++)
		assert_int_equal(plan(f, &knob_thread_policy, "thread:100/100", wrong[i]), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_policy, "thread:100/100", "fifo:99"), 0);
	assert_non_null(strstr(f->why, "migration")); /* a warning */
	fake_thread(f->host,
		    (struct fake_thread){
			    .pid = 200, .tid = 200, .start = 7, .comm = "edf", .policy = 6});
	assert_int_equal(plan(f, &knob_thread_policy, "thread:200/200", "fifo:1"), -EBUSY);
	assert_non_null(strstr(f->why, "SCHED_DEADLINE"));
	assert_int_equal(f->plan.n_steps, 1);
}

/* Every errno of the two calls is said in words. */
static void test_explain(void **state)
{
	static const int errors[] = {EINVAL, EPERM, ESRCH, EBUSY, EROFS, ENOENT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		assert_non_null(step_class_thread_affinity.explain(errors[i]));
		assert_non_null(step_class_thread_policy.explain(errors[i]));
	}
	assert_non_null(strstr(step_class_thread_policy.explain(EPERM), "RT_GROUP_SCHED"));
	assert_null(step_class_thread_affinity.explain(EXDEV));
}

/* The kernel says no: said in words, the earlier step taken back. */
static void test_denied(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){
				     .pid = 100, .tid = 100, .start = 7, .comm = "x", .cpus = "3"});
	assert_int_equal(plan(f, &knob_thread_affinity, "thread:100/100", "1"), 0);
	assert_int_equal(plan(f, &knob_thread_policy, "thread:100/100", "fifo:1"), 0);
	host_fake_write_becomes(f->host, 2, NULL, EPERM);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), -EPERM);
	assert_non_null(strstr(f->report.steps[1].why, "CAP_SYS_NICE"));
	assert_file(f, "fake/thread/100/affinity", "3");
}

static void test_listed(void **state)
{
	struct fixture *f = *state;

	fake_thread(f->host, (struct fake_thread){.pid = 9,
						  .tid = 9,
						  .start = 1,
						  .comm = "rcuc/0",
						  .flags = BOUND,
						  .policy = 1,
						  .priority = 4});
	fake_thread(f->host, (struct fake_thread){.pid = 100, .tid = 100, .start = 7, .comm = "x"});
	fake_thread(f->host, (struct fake_thread){.pid = 100,
						  .tid = 104,
						  .start = 7,
						  .comm = "evil\x1b[2J",
						  .policy = 2,
						  .priority = 3});
	assert_int_equal(knob_thread_policy.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 1);
	assert_string_equal(f->targets.targets[0].key, "thread:100/104");
	assert_string_equal(f->targets.targets[0].value, "rr:3");
	assert_null(strchr(f->targets.targets[0].name, '\x1b'));
}

static void add_kernel_threads(struct fixture *f)
{
	static const struct fake_thread threads[] = {
		{2, 2, 0, "kthreadd", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{9, 9, 1, "ksoftirqd/0", BOUND, 0, 0, 0, 0, "0", NULL},
		{10, 10, 1, "ksoftirqd/1", BOUND, 1, 2, 0, 0, "1", NULL},
		{11, 11, 1, "migration/1", BOUND, 1, 99, 0, 0, "1", NULL},
		{12, 12, 1, "rcuop/0", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{13, 13, 1, "rcuop/1", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{14, 14, 1, "irq/9-odd name", KTHREAD, 1, 50, 0, 0, "2", NULL},
		{15, 15, 1, "twin", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{16, 16, 1, "twin", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{17, 17, 1, "vhost-100", KTHREAD, 0, 0, 0, 0, NULL, NULL},
		{100, 100, 7, "qemu", 0, 1, 1, 0, 0, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		fake_thread(f->host, threads[i]);
}

static const struct knob_target *find(struct fixture *f, const char *key)
{
	for (unsigned i = 0; i < f->targets.n_targets; i++) {
		if (!strcmp(f->targets.targets[i].key, key))
			return &f->targets.targets[i];
	}
	return NULL;
}

static void test_kernel_targets(void **state)
{
	struct fixture *f = *state;

	add_kernel_threads(f);
	assert_int_equal(knob_kthread_priority.targets(f->host, &f->targets), 0);
	assert_string_equal(find(f, "kthread:ksoftirqd/*")->value, "mixed");
	assert_string_equal(find(f, "kthread:ksoftirqd/1")->value, "fifo:2");
	assert_null(find(f, "kthread:migration/1"));
	assert_string_equal(find(f, "thread:14/14")->value, "fifo:50");
	f->targets.n_targets = 0;
	assert_int_equal(knob_kthread_affinity.targets(f->host, &f->targets), 0);
	assert_null(find(f, "kthread:ksoftirqd/0"));
	assert_non_null(find(f, "kthread:*"));
	assert_non_null(find(f, "thread:15/15"));
	assert_null(find(f, "kthread:twin"));
	assert_null(find(f, "thread:100/100"));
}

static void test_kernel_groups(void **state)
{
	struct fixture *f = *state;

	add_kernel_threads(f);
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:ksoftirqd/*", "fifo:3"), 0);
	assert_int_equal(f->plan.n_steps, 2);
	assert_string_equal(f->plan.title, "kthread:ksoftirqd/* -> fifo:3");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/9/schedule", "1 3 0 0");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_file(f, "fake/thread/9/schedule", "0 0 0 0");
	assert_file(f, "fake/thread/10/schedule", "1 2 0 0");
	/* All but those that serve an interrupt or a machine. */
	assert_int_equal(plan(f, &knob_kthread_affinity, "kthread:*", "0"), 0);
	assert_int_equal(f->plan.n_steps, 2 + 5);
	assert_int_equal(plan(f, &knob_kthread_affinity, "thread:14/14", "0"), 0);
	assert_non_null(strstr(f->why, "irq_affinity"));
}

static void test_kernel_refused(void **state)
{
	struct fixture *f = *state;

	add_kernel_threads(f);
	assert_int_equal(plan(f, &knob_kthread_affinity, "kthread:ksoftirqd/0", "1"), -EINVAL);
	assert_non_null(strstr(f->why, "lets nobody move it"));
	assert_int_equal(plan(f, &knob_kthread_affinity, "kthread:ksoftirqd/*", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:migration/1", "fifo:1"), -EINVAL);
	assert_int_equal(plan(f, &knob_thread_policy, "thread:11/11", "fifo:1"), -EPERM);
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:none/*", "fifo:1"), -ENOENT);
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:twin", "fifo:1"), -ENOENT);
	assert_int_equal(plan(f, &knob_kthread_priority, "thread:100/100", "fifo:1"), -ENOENT);
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:", "fifo:1"), -ENOENT);
	assert_int_equal(f->plan.n_steps, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_affinity),	    TEST(test_affinity_was_pinned),
		TEST(test_affinity_cpuset), TEST(test_affinity_refused),
		TEST(test_ended),	    TEST(test_renamed),
		TEST(test_policy),	    TEST(test_policy_refused),
		TEST(test_explain),	    TEST(test_denied),
		TEST(test_listed),	    TEST(test_kernel_targets),
		TEST(test_kernel_groups),   TEST(test_kernel_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
