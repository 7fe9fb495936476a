/* Control groups as something that is changed: names, values, refusals, on fake hosts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "probes/knob_cgroup.h"
#include "tests/unit/fake_cgroup.h"

struct fixture {
	struct host *host;
	struct fake_cgroups cgroups;
	struct plan plan;
	struct change_report report;
	char why[512];
};

static struct fixture *open_fixture(bool is_v2)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	assert_int_equal(host_open_fake(&f->host), 0);
	fake_cgroups_start(&f->cgroups, f->host, is_v2, true);
	plan_done(&f->plan);
	return f;
}

static void close_fixture(struct fixture *f)
{
	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	free(f);
}

static void expect(struct fixture *f, const char *path, const char *wanted)
{
	char text[256];

	assert_true(host_readf(f->host, text, sizeof(text), "%s", path) >= 0);
	assert_string_equal(text, wanted);
}

static void expect_path(const struct step_class *class, const char *object, const char *wanted)
{
	char path[512];
	int err = class->path(object, path, sizeof(path));

	if (!wanted) {
		if (err != -EINVAL)
			fail_msg("%s: %s is taken for an object", class->name, object);
		return;
	}
	assert_int_equal(err, 0);
	assert_string_equal(path, wanted);
}

/* Names lead to listed files in listed places only, whatever an undo file says. */
static void test_names(void **state)
{
	(void)state;
	expect_path(&step_class_cgroup_cpus, "v2:/a/b:c:cpuset.cpus",
		    "sys/fs/cgroup/a/b:c/cpuset.cpus");
	expect_path(&step_class_cgroup_cpus, "cpuset:/:cpuset.cpus",
		    "sys/fs/cgroup/cpuset/cpuset.cpus");
	expect_path(&step_class_cgroup_cpus, "dev-cpuset:/a:cpus", "dev/cpuset/a/cpus");
	expect_path(&step_class_cgroup_file, "v2:/system.slice/a.service:cpu.max",
		    "sys/fs/cgroup/system.slice/a.service/cpu.max");
	expect_path(&step_class_cgroup_file, "cpu,cpuacct:/docker/1:cpu.shares",
		    "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.shares");
	expect_path(&step_class_cgroup, "v2:/jittertop-x", "sys/fs/cgroup/jittertop-x");
	expect_path(&step_class_cgroup, "v2:/jittertop-x/y", "sys/fs/cgroup/jittertop-x/y");
	expect_path(&step_class_cgroup_partition, "v2:/a", "sys/fs/cgroup/a/cpuset.cpus.partition");
	expect_path(&step_class_cgroup_controller, "v2:/:cpuset",
		    "sys/fs/cgroup/cgroup.subtree_control");
	expect_path(&step_class_task_cgroup, "cpuset/12/13", "thread 13 of 12: group in cpuset");

	static const struct {
		const struct step_class *class;
		const char *object;
	} none[] = {
		{&step_class_cgroup_cpus, "v3:/a:cpuset.cpus"},
		{&step_class_cgroup_cpus, "v2:a:cpuset.cpus"},
		{&step_class_cgroup_cpus, "v2:/a/../b:cpuset.cpus"},
		{&step_class_cgroup_cpus, "v2:/a//b:cpuset.cpus"},
		{&step_class_cgroup_cpus, "v2:/a/:cpuset.cpus"},
		{&step_class_cgroup_cpus, "v2:/a:cgroup.kill"},
		{&step_class_cgroup_cpus, "v2:/a:cpu.max"},
		{&step_class_cgroup_cpus, "cpuset:/a:cpuset.cpus.exclusive"},
		{&step_class_cgroup_cpus, "v2:/a:b/cpuset.cpus"},
		{&step_class_cgroup_file, "v2:/a:cpuset.cpus"},
		{&step_class_cgroup_file, "v2:/a:cgroup.freeze"},
		{&step_class_cgroup_file, "v2:/a:cpu.shares"},
		{&step_class_cgroup, "v2:/"},
		{&step_class_cgroup, "v2:/system.slice"},
		{&step_class_cgroup, "v2:/jittertop-"},
		{&step_class_cgroup, "v2:/jittertop-x/../y"},
		{&step_class_cgroup_partition, "v2:/"},
		{&step_class_cgroup_partition, "cpuset:/a"},
		{&step_class_cgroup_controller, "v2:/:memory"},
		{&step_class_task_cgroup, "cpuset/0"},
		{&step_class_task_cgroup, "v2/12/13"},
		{&step_class_task_cgroup, "cpuset/12/"},
		{&step_class_task_cgroup, "cpuset/x"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		expect_path(none[i].class, none[i].object, NULL);
}

static void test_values(void **state)
{
	static const struct {
		const char *object, *value;
		bool is_good;
	} cases[] = {
		{"v2:/a:cpu.max", "max 100000", true},	   {"v2:/a:cpu.max", "50000 100000", true},
		{"v2:/a:cpu.max", "50000", false},	   {"v2:/a:cpu.max", "500 100000", false},
		{"v2:/a:cpu.max", "max 100000 1", false},  {"v2:/a:cpu.weight", "10000", true},
		{"v2:/a:cpu.weight", "0", false},	   {"v2:/a:cpu.weight", "10001", false},
		{"cpu:/a:cpu.cfs_quota_us", "-1", true},   {"cpu:/a:cpu.cfs_quota_us", "-2", false},
		{"cpu:/a:cpu.cfs_quota_us", "999", false}, {"cpu:/a:cpu.shares", "2", true},
		{"cpu:/a:cpu.shares", "1", false},
	};
	struct fixture *f = open_fixture(true);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = step_class_cgroup_file.check(f->host, cases[i].object, cases[i].value,
						       f->why, sizeof(f->why));

		if ((err == 0) != cases[i].is_good)
			fail_msg("%s %s: %d %s", cases[i].object, cases[i].value, err, f->why);
		assert_true(err == 0 || strstr(f->why, cases[i].value));
	}
	close_fixture(f);
}

static void must(struct fixture *f, const struct step_class *class, const char *object,
		 const char *value)
{
	if (plan_add(&f->plan, f->host, class, object, value, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

static void later(struct fixture *f, const struct step_class *class, const char *object,
		  const char *old, const char *value)
{
	if (plan_add_later(&f->plan, class, object, old, value, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

static void plan_partition(struct fixture *f)
{
	must(f, &step_class_cgroup_controller, "v2:/:cpuset", "on");
	must(f, &step_class_cgroup, "v2:/jittertop-x", "present");
	later(f, &step_class_cgroup_cpus, "v2:/jittertop-x:cpuset.cpus", "", "2-3");
	later(f, &step_class_cgroup_cpus, "v2:/jittertop-x:cpuset.cpus.exclusive", "", "2-3");
	later(f, &step_class_cgroup_partition, "v2:/jittertop-x", "member", "isolated");
	must(f, &step_class_task_cgroup, "v2/100", "/jittertop-x");
}

/* A partition from nothing and back to nothing, with a task of ours in it and one of the user's
 * that came later. */
static void test_partition(void **state)
{
	struct fixture *f = open_fixture(true);

	(void)state;
	fake_task_add(&f->cgroups, 100, 100, "mine", "0-3", "/");
	plan_partition(f);
	if (change_apply(f->host, &f->plan, NULL, NULL, &f->report))
		for (unsigned i = 0; i < f->report.n_steps; i++)
			print_message("%u: %s\n", i, f->report.steps[i].why);
	expect(f, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory cpuset");
	expect(f, "sys/fs/cgroup/jittertop-x/cpuset.cpus", "2-3");
	expect(f, "sys/fs/cgroup/jittertop-x/cpuset.cpus.partition", "isolated");
	expect(f, "sys/fs/cgroup/jittertop-x/cgroup.procs", "100");
	expect(f, "proc/100/task/100/cgroup", "0::/jittertop-x");

	fake_task_add(&f->cgroups, 101, 101, "late", "0-3", "/jittertop-x");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_false(host_existsf(f->host, "sys/fs/cgroup/jittertop-x"));
	expect(f, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory");
	expect(f, "proc/100/task/100/cgroup", "0::/");
	expect(f, "proc/101/task/101/cgroup", "0::/");
	/* Again: nothing is left to do, and nothing is in the way. */
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	close_fixture(f);
}

/* Somebody else began to use the controller: it stays on, and that is said. */
static void test_controller_in_use(void **state)
{
	struct fixture *f = open_fixture(true);

	(void)state;
	must(f, &step_class_cgroup_controller, "v2:/:cpuset", "on");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	host_fake_file(f->host, "sys/fs/cgroup/system.slice/cpuset.cpus", "0-1\n");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 1);
	assert_non_null(strstr(f->report.steps[0].why, "stays as it is"));
	expect(f, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory cpuset");
	close_fixture(f);
}

/* The write succeeds, the state says no: everything is taken back and the words are ours. */
static void test_reasons(void **state)
{
	static const struct {
		const char *kernel, *words;
	} cases[] = {
		{"Invalid cpu list in cpuset.cpus", "another partition has them"},
		{"Invalid cpu list in cpuset.cpus.exclusive", "another partition has them"},
		{"Parent is an invalid partition root", "has become invalid"},
		{"Parent is not a partition root", "no remote partitions"},
		{"Cpu list in cpuset.cpus not exclusive", "AllowedCPUs="},
		{"Parent unable to distribute cpu downstream", "choose fewer CPUs"},
		{"No cpu available due to hotplug", "offline"},
		{"cpuset.cpus is empty", "has no CPUs"},
		{"cpuset.cpus and cpuset.cpus.exclusive are empty", "has no CPUs"},
		{"partition config conflicts with housekeeping setup", "isolcpus="},
		{"Enable partition not permitted", "does not allow"},
		{"Have remote partition underneath", "remote partition"},
		{"Something new", "cgroup-v2.rst"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = open_fixture(true);

		fake_task_add(&f->cgroups, 100, 100, "mine", "0-3", "/");
		f->cgroups.reason = cases[i].kernel;
		plan_partition(f);
		assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), -EIO);
		const struct change_step_report *step = &f->report.steps[4];
		if (!strstr(step->why, cases[i].words) || !strstr(step->why, "isolated invalid"))
			fail_msg("%s: %s", cases[i].kernel, step->why);
		assert_false(host_existsf(f->host, "sys/fs/cgroup/jittertop-x"));
		expect(f, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory");
		close_fixture(f);
	}
}

/* Version 1: threads move one by one, and a set is emptied before its CPUs go. */
static void test_v1(void **state)
{
	struct fixture *f = open_fixture(false);

	(void)state;
	fake_task_add(&f->cgroups, 100, 100, "mine", "0-3", "/");
	fake_task_add(&f->cgroups, 100, 101, "mine2", "0-3", "/");
	must(f, &step_class_cgroup, "cpuset:/jittertop-x", "present");
	later(f, &step_class_cgroup_cpus, "cpuset:/jittertop-x:cpuset.cpus", "", "2-3");
	later(f, &step_class_cgroup_cpus, "cpuset:/jittertop-x:cpuset.mems", "", "0");
	later(f, &step_class_cgroup_file, "cpuset:/jittertop-x:cpuset.cpu_exclusive", "0", "1");
	must(f, &step_class_task_cgroup, "cpuset/100/101", "/jittertop-x");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	expect(f, "sys/fs/cgroup/cpuset/jittertop-x/tasks", "101");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-x/cpuset.cpu_exclusive", "1");

	fake_task_add(&f->cgroups, 102, 102, "late", "2-3", "/jittertop-x");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_false(host_existsf(f->host, "sys/fs/cgroup/cpuset/jittertop-x"));
	expect(f, "sys/fs/cgroup/cpuset/tasks", "100\n101\n102");
	close_fixture(f);
}

/* A task that ends between plan and turn is no fault; one that may not move is, in words. */
static void test_tasks(void **state)
{
	struct fixture *f = open_fixture(false);

	(void)state;
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/a/tasks", "");
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/a/cgroup.procs", "");
	fake_task_add(&f->cgroups, 100, 100, "mine", "0-3", "/");
	must(f, &step_class_task_cgroup, "cpuset/100", "/a");
	host_fake_remove(f->host, "proc/100");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);

	plan_done(&f->plan);
	fake_task_add(&f->cgroups, 7, 7, "migration/0", "0", "/")->flags = 0x04200000;
	must(f, &step_class_task_cgroup, "cpuset/7", "/a");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), -EINVAL);
	assert_non_null(strstr(f->report.steps[0].why, "bound to its CPU"));
	close_fixture(f);
}

static void test_explained(void **state)
{
	static const struct {
		const struct step_class *class;
		int err;
		const char *words;
	} cases[] = {
		{&step_class_cgroup_cpus, EINVAL, "exclusive"},
		{&step_class_cgroup_cpus, EBUSY, "SCHED_DEADLINE"},
		{&step_class_cgroup_cpus, ENOSPC, "no CPU"},
		{&step_class_cgroup_cpus, EACCES, "parent"},
		{&step_class_cgroup_cpus, ENODEV, "removed"},
		{&step_class_cgroup_file, ERANGE, "range"},
		{&step_class_cgroup_partition, EINVAL, "word"},
		{&step_class_cgroup_partition, EBUSY, "SCHED_DEADLINE"},
		{&step_class_cgroup_controller, EBUSY, "controller"},
		{&step_class_cgroup, EBUSY, "still has"},
		{&step_class_task_cgroup, ENOSPC, "no memory node"},
		{&step_class_task_cgroup, EINVAL, "bound"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i].class->explain(cases[i].err);

		assert_non_null(text);
		if (!strstr(text, cases[i].words))
			fail_msg("%s %d: %s", cases[i].class->name, cases[i].err, text);
		assert_non_null(cases[i].class->explain(EROFS));
	}
}

static void test_places(void **state)
{
	struct fixture *f = open_fixture(true);
	struct cgroup_place place;

	(void)state;
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPUSET, &place, f->why, sizeof(f->why)),
			 0);
	assert_string_equal(place.name, "v2");
	host_fake_file(f->host, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPUSET, &place, f->why, sizeof(f->why)),
			 -ENOENT);
	assert_non_null(strstr(f->why, "cpuset controller"));
	/* Both versions at once, and the old file system with short names. */
	host_fake_file(f->host, "proc/self/mountinfo",
		       "31 23 0:28 / /dev/cpuset rw - cgroup none rw,cpuset,noprefix\n"
		       "32 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup c rw,cpu,cpuacct\n"
		       "33 23 0:30 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n");
	host_fake_file(f->host, "dev/cpuset/cpus", "0-3\n");
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPUSET, &place, f->why, sizeof(f->why)),
			 0);
	assert_string_equal(place.name, "dev-cpuset");
	assert_true(place.is_bare);
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPU, &place, f->why, sizeof(f->why)), 0);
	assert_string_equal(place.name, "cpu,cpuacct");
	/* Somewhere else, and only a part of it. */
	host_fake_file(f->host, "proc/self/mountinfo",
		       "31 23 0:28 / /mnt/x rw - cgroup none rw,cpuset\n");
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPUSET, &place, f->why, sizeof(f->why)),
			 -EXDEV);
	assert_non_null(strstr(f->why, "/mnt/x"));
	host_fake_file(f->host, "proc/self/mountinfo",
		       "31 23 0:28 /docker/1 /sys/fs/cgroup/cpuset rw - cgroup none rw,cpuset\n");
	assert_int_equal(cgroup_place_find(f->host, CGROUP_CPUSET, &place, f->why, sizeof(f->why)),
			 -EXDEV);
	assert_non_null(strstr(f->why, "container"));
	close_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_values),
		cmocka_unit_test(test_partition), cmocka_unit_test(test_controller_in_use),
		cmocka_unit_test(test_reasons),	  cmocka_unit_test(test_v1),
		cmocka_unit_test(test_tasks),	  cmocka_unit_test(test_explained),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
