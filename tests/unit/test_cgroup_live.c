/*
 * A cpuset of this machine, version 1, as far as it hurts nobody: a group of our own that is not
 * exclusive, a child of our own in it. Skipped where there is no such hierarchy to write to.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "core/task_cpus.h"
#include "probes/knob_cgroup.h"

static pid_t child;

static void stop_child(void)
{
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	child = 0;
}

static void start_child(void)
{
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
}

struct fixture {
	struct host *host;
	struct cgroup_place place;
	struct plan plan;
	struct change_report report;
	char group[64], why[512];
};

static void add(struct fixture *f, const struct step_class *class, const char *file,
		const char *old, const char *value)
{
	char object[256];

	assert_int_equal(cgroup_object(&f->place, f->group, file, object, sizeof(object)), 0);
	int err = old ? plan_add_later(&f->plan, class, object, old, value, f->why, sizeof(f->why))
		      : plan_add(&f->plan, f->host, class, object, value, f->why, sizeof(f->why));
	if (err)
		fail_msg("%s", f->why);
}

static void expect_cpus(struct fixture *f, const struct cpuset *wanted)
{
	struct cpuset now;

	assert_int_equal(task_cpus_read(f->host, (uint64_t)child, (uint64_t)child, &now), 0);
	assert_true(cpuset_equal(&now, wanted));
}

static void test_set(void **state)
{
	struct fixture f = {0};
	struct cpuset before, one;
	char mems[64], list[16], object[64], group[CGROUP_PATH_MAX], now[CGROUP_PATH_MAX], name[80];
	unsigned last = 0;

	(void)state;
	assert_int_equal(host_open_live(&f.host), 0);
	if (geteuid() != 0 ||
	    cgroup_place_find(f.host, CGROUP_CPUSET, &f.place, f.why, sizeof(f.why)) ||
	    f.place.is_v2 || f.place.is_bare) {
		print_message("no cpuset hierarchy of version 1 to write to\n");
		host_close(f.host);
		skip();
	}
	host_arm(f.host);
	start_child();
	(void)snprintf(f.group, sizeof(f.group), "jittertop-test-%d", (int)getpid());
	(void)snprintf(name, sizeof(name), "/%s", f.group);
	(void)snprintf(object, sizeof(object), "%s/%d", f.place.name, (int)child);
	assert_int_equal(cgroup_of_task(f.host, &f.place, (unsigned)child, (unsigned)child, group,
					sizeof(group)),
			 0);
	assert_int_equal(task_cpus_read(f.host, (uint64_t)child, (uint64_t)child, &before), 0);
	for (unsigned c = cpuset_next(&before, 0); c < CPUSET_MAX; c = cpuset_next(&before, c + 1))
		last = c;
	cpuset_zero(&one);
	cpuset_add(&one, last);
	(void)snprintf(list, sizeof(list), "%u", last);
	assert_true(host_readf(f.host, mems, sizeof(mems), "%s/cpuset.mems", f.place.directory) >
		    0);

	plan_init(&f.plan);
	add(&f, &step_class_cgroup, NULL, NULL, "present");
	add(&f, &step_class_cgroup_cpus, "cpuset.cpus", "", list);
	add(&f, &step_class_cgroup_cpus, "cpuset.mems", "", mems);
	if (plan_add(&f.plan, f.host, &step_class_task_cgroup, object, name, f.why, sizeof(f.why)))
		fail_msg("%s", f.why);
	int err = change_apply(f.host, &f.plan, NULL, NULL, &f.report);
	if (!err)
		expect_cpus(&f, &one);
	int undone = change_undo(f.host, &f.plan, NULL, NULL, &f.report);
	assert_int_equal(err, 0);
	assert_int_equal(undone, 0);
	assert_false(host_existsf(f.host, "%s/%s", f.place.directory, f.group));
	expect_cpus(&f, &before);
	assert_int_equal(cgroup_of_task(f.host, &f.place, (unsigned)child, (unsigned)child, now,
					sizeof(now)),
			 0);
	assert_string_equal(now, group);

	/* A set without memory nodes admits nobody, in words. */
	plan_done(&f.plan);
	plan_init(&f.plan);
	add(&f, &step_class_cgroup, NULL, NULL, "present");
	add(&f, &step_class_cgroup_cpus, "cpuset.cpus", "", list);
	if (plan_add(&f.plan, f.host, &step_class_task_cgroup, object, name, f.why, sizeof(f.why)))
		fail_msg("%s", f.why);
	assert_int_equal(change_apply(f.host, &f.plan, NULL, NULL, &f.report), -ENOSPC);
	assert_non_null(strstr(f.report.steps[2].why, "no memory node"));
	assert_false(host_existsf(f.host, "%s/%s", f.place.directory, f.group));
	expect_cpus(&f, &before);

	stop_child();
	plan_done(&f.plan);
	change_report_done(&f.report);
	host_close(f.host);
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	stop_child();
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/cpuset/jittertop-test-%d",
		       (int)getpid());
	(void)rmdir(path); /* after a failure */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_set, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
