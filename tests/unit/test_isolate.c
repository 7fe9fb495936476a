/* The isolate knob on fake hosts of both versions: the plan, refusals in words, apply and undo to
 * the byte, newcomers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_unix.h"
#include "probes/knob_irqbalance.h"
#include "probes/knob_isolate_internal.h"
#include "tests/unit/fake_cgroup.h"

extern const struct knob knob_isolate;

struct fixture {
	struct host *host;
	struct fake_cgroups cgroups;
	struct plan plan;
	struct change_report report;
	char why[512];
};

#define KTHREAD 0x00200000ul
#define BOUND 0x04200000ul

static struct fixture *open_fixture(bool is_v2, bool has_exclusive)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct host *host;

	assert_int_equal(host_open_fake(&host), 0);
	f->host = host;
	fake_cgroups_start(&f->cgroups, host, is_v2, has_exclusive);
	fake_task_add(&f->cgroups, 1, 1, "init", "0-3", "/");
	struct fake_task *task = fake_task_add(&f->cgroups, 20, 20, "kswapd0", "0-3", "/");
	task->flags = KTHREAD;
	fake_task_publish(&f->cgroups, task);
	task = fake_task_add(&f->cgroups, 21, 21, "ksoftirqd/2", "2", "/");
	task->flags = BOUND;
	fake_task_publish(&f->cgroups, task);
	fake_task_add(&f->cgroups, 100, 100, "server", "0-3", "/");
	fake_task_add(&f->cgroups, 100, 101, "worker", "0-1", "/");
	host_fake_file(host, "proc/self/stat", "999 (jittertop) S 1 1\n");
	host_fake_file(host, "proc/irq/default_smp_affinity", "f\n");
	host_fake_file(host, "proc/irq/30/smp_affinity_list", "0-3\n");
	host_fake_file(host, "proc/irq/30/effective_affinity_list", "0\n");
	host_fake_file(host, "sys/kernel/irq/30/actions", "eth0-0\n");
	host_fake_file(host, "proc/irq/31/smp_affinity_list", "2\n");
	host_fake_file(host, "proc/irq/31/effective_affinity_list", "0\n");
	host_fake_file(host, "sys/kernel/irq/31/actions", "eth0-1\n");
	host_fake_file(host, "proc/irq/32/smp_affinity_list", "2-3\n");
	host_fake_file(host, "sys/kernel/irq/32/actions", "nvme0q3\n");
	host_fake_file(host, "proc/irq/33/smp_affinity_list", "0-3\n");
	host_fake_file(host, "sys/kernel/irq/33/actions", "");
	host_fake_file(host, "sys/devices/virtual/workqueue/cpumask", "f\n");
	host_fake_file(host, "sys/class/net/eth0/queues/rx-0/rps_cpus", "c\n");
	host_fake_file(host, "sys/class/net/eth0/ifindex", "2\n");
	host_fake_file(host, "proc/sys/kernel/watchdog_cpumask", "0-3\n");
	plan_init(&f->plan);
	return f;
}

static void close_fixture(struct fixture *f)
{
	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	free(f);
}

static int plan(struct fixture *f, const char *target, const char *value)
{
	plan_done(&f->plan);
	plan_init(&f->plan);
	f->why[0] = '\0';
	return knob_isolate.plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static void must_plan(struct fixture *f, const char *target, const char *value)
{
	if (plan(f, target, value))
		fail_msg("%s=%s: %s", target, value, f->why);
}

/* Every file below path with what it holds. */
static void dump(struct host *host, const char *path, FILE *out)
{
	struct host_names names = {0};

	if (host_listf(host, &names, "%s", path))
		return;
	for (size_t i = 0; i < names.n; i++) {
		char below[512], text[4096];

		(void)snprintf(below, sizeof(below), "%s/%s", path, names.names[i]);
		ssize_t n = host_read(host, below, text, sizeof(text));
		if (n >= 0)
			(void)fprintf(out, "%s=%s\n", below, text);
		else
			(void)fprintf(out, "%s/\n", below);
		dump(host, below, out);
	}
	host_names_done(&names);
}

static char *dump_all(struct host *host)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	dump(host, "sys", out);
	dump(host, "proc", out);
	dump(host, "fake/thread", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void expect(struct fixture *f, const char *path, const char *wanted)
{
	char text[256];

	if (host_readf(f->host, text, sizeof(text), "%s", path) < 0)
		fail_msg("%s is missing", path);
	if (strcmp(text, wanted) != 0)
		fail_msg("%s: %s, not %s", path, text, wanted);
}

static void apply(struct fixture *f)
{
	if (!change_apply(f->host, &f->plan, NULL, NULL, &f->report))
		return;
	for (unsigned i = 0; i < f->report.n_steps; i++) {
		if (f->report.steps[i].result == CHANGE_REFUSED)
			fail_msg("%s: %s", f->plan.steps[i].object, f->report.steps[i].why);
	}
	fail();
}

static void undo(struct fixture *f)
{
	if (!change_undo(f->host, &f->plan, NULL, NULL, &f->report))
		return;
	for (unsigned i = 0; i < f->report.n_steps; i++) {
		if (f->report.steps[i].why[0])
			print_message("%s: %s\n", f->plan.steps[i].object, f->report.steps[i].why);
	}
	fail();
}

static void expect_rest(struct fixture *f)
{
	expect(f, "proc/irq/default_smp_affinity", "3");
	expect(f, "proc/irq/30/smp_affinity_list", "0-1");
	expect(f, "proc/irq/31/smp_affinity_list", "0-1"); /* its node's that are left */
	expect(f, "proc/irq/32/smp_affinity_list", "2-3"); /* managed: left alone */
	expect(f, "sys/class/net/eth0/queues/rx-0/rps_cpus", "0");
	expect(f, "proc/sys/kernel/watchdog_cpumask", "0-1");
	expect(f, "fake/thread/20/affinity", "0-1");
	expect(f, "fake/thread/21/affinity", "2");
	assert_non_null(strstr(f->why, "nvme0q3"));
	assert_non_null(strstr(f->why, "1 kernel thread (ksoftirqd/2)"));
}

static void test_v2(void **state)
{
	(void)state;
	for (int has_exclusive = 0; has_exclusive <= 1; has_exclusive++) {
		struct fixture *f = open_fixture(true, has_exclusive);
		char *before = dump_all(f->host);

		must_plan(f, "cpus", "2-3");
		apply(f);
		expect_rest(f);
		expect(f, "sys/fs/cgroup/jittertop-isolated/cpuset.cpus", "2-3");
		expect(f, "sys/fs/cgroup/jittertop-isolated/cpuset.cpus.partition", "isolated");
		assert_int_equal(host_existsf(f->host, "sys/fs/cgroup/jittertop-isolated/"
						       "cpuset.cpus.exclusive"),
				 has_exclusive);
		if (has_exclusive)
			expect(f, "sys/fs/cgroup/jittertop-isolated/cpuset.cpus.exclusive", "2-3");
		expect(f, "sys/fs/cgroup/cgroup.subtree_control", "cpu memory cpuset");
		expect(f, "sys/devices/virtual/workqueue/cpumask", "3");
		undo(f);
		char *after = dump_all(f->host);
		assert_string_equal(before, after);
		free(before);
		free(after);
		close_fixture(f);
	}
}

/* Kernels before 6.2 forget threads' own masks when a partition is made or dissolved. */
static int forgetful_write(void *arg, struct host *host, const char *path, const char *text)
{
	struct fixture *f = arg;

	for (unsigned i = 0; fake_ends(path, "cpuset.cpus.partition") && i < f->cgroups.n_tasks;
	     i++) {
		struct fake_task *task = &f->cgroups.tasks[i];

		if (task->flags == BOUND)
			continue;
		(void)snprintf(task->allowed, sizeof(task->allowed), "%s",
			       strcmp(text, "member") ? "0-1" : "0-3");
		fake_task_publish(&f->cgroups, task);
	}
	return fake_cgroup_write(&f->cgroups, host, path, text);
}

static void test_forgetful(void **state)
{
	struct fixture *f = open_fixture(true, false);
	struct fake_task *worker = &f->cgroups.tasks[f->cgroups.n_tasks - 1];

	(void)state;
	(void)snprintf(worker->allowed, sizeof(worker->allowed), "0");
	fake_task_publish(&f->cgroups, worker);
	host_fake_on_write(f->host, forgetful_write, f);
	must_plan(f, "cpus", "2-3");
	apply(f);
	expect(f, "fake/thread/101/affinity", "0-1");
	undo(f);
	expect(f, "fake/thread/101/affinity", "0");
	close_fixture(f);
}

static void test_v1(void **state)
{
	struct fixture *f = open_fixture(false, false);
	char object[] = "sys/fs/cgroup/cpuset/docker/1/cpuset.cpus";

	(void)state;
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/docker/cpuset.cpus", "0-3\n");
	host_fake_file(f->host, object, "1-2\n");
	fake_task_add(&f->cgroups, 200, 200, "inside", "1-2", "/docker/1");
	char *before = dump_all(f->host);
	must_plan(f, "cpus", "2-3");
	apply(f);
	expect_rest(f);
	expect(f, object, "1");
	expect(f, "sys/fs/cgroup/cpuset/docker/cpuset.cpus", "0-1");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-isolated/cpuset.cpus", "2-3");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-isolated/cpuset.mems", "0");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-isolated/cpuset.cpu_exclusive", "1");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-isolated/cpuset.sched_load_balance", "0");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-others/cpuset.cpus", "0-1");
	expect(f, "sys/fs/cgroup/cpuset/jittertop-others/tasks", "1\n100\n101");
	expect(f, "sys/fs/cgroup/cpuset/tasks", "20\n21");
	expect(f, "sys/fs/cgroup/cpuset/cpuset.sched_load_balance", "0");

	/* One that came up in the root meanwhile: the same again plans nothing but that. */
	struct plan first;
	plan_init(&first);
	plan_move(&first, &f->plan);
	fake_task_add(&f->cgroups, 300, 300, "late", "0-3", "/");
	must_plan(f, "cpus", "2-3");
	unsigned n = 0;
	for (unsigned i = 0; i < f->plan.n_steps; i++) {
		const struct plan_step *step = &f->plan.steps[i];

		if (step_values_equal(step->class, step->old_value, step->new_value) == 1)
			continue;
		assert_string_equal(step->object, "cpuset/300");
		n++;
	}
	assert_int_equal(n, 1);
	apply(f);
	undo(f);
	plan_move(&f->plan, &first);

	/* A child of a task that was moved is in its set: it goes to the root as the set goes. */
	fake_task_add(&f->cgroups, 301, 301, "child", "0-1", "/jittertop-others");
	undo(f);
	expect(f, "sys/fs/cgroup/cpuset/tasks", "1\n20\n21\n100\n101\n300\n301");
	for (unsigned i = 0; i < 2; i++) {
		f->cgroups.n_tasks--;
		fake_group_lists(&f->cgroups, "/");
		host_fake_remove(f->host, i ? "proc/300" : "proc/301");
		host_fake_remove(f->host, i ? "fake/thread/300" : "fake/thread/301");
	}
	char *after = dump_all(f->host);
	assert_string_equal(before, after);
	free(before);
	free(after);
	close_fixture(f);
}

static void test_process(void **state)
{
	(void)state;
	for (int is_v2 = 0; is_v2 <= 1; is_v2++) {
		struct fixture *f = open_fixture(is_v2, true);
		struct fake_task *task = fake_task_add(&f->cgroups, 400, 400, "dpdk", "2-3", "/");

		task->policy = 1;
		task->priority = 80;
		fake_task_publish(&f->cgroups, task);
		/* For itself it may have them, for nobody else may it be driven away. */
		assert_int_equal(plan(f, "cpus", "2-3"), -EBUSY);
		assert_non_null(strstr(f->why, "dpdk 400"));
		must_plan(f, "pid:400", "2-3");
		apply(f);
		expect(f, "proc/400/cgroup",
		       is_v2 ? "0::/jittertop-isolated" : "3:cpuset:/jittertop-isolated\n0::/");
		undo(f);
		expect(f, "proc/400/cgroup", is_v2 ? "0::/" : "3:cpuset:/\n0::/");
		close_fixture(f);
	}
}

static void refused(struct fixture *f, const char *target, const char *value, int err,
		    const char *words)
{
	int got = plan(f, target, value);

	if (got != err || !strstr(f->why, words))
		fail_msg("%s=%s: %d, %s", target, value, got, f->why);
}

static void test_refusals(void **state)
{
	struct fixture *f = open_fixture(true, false);

	(void)state;
	refused(f, "cpus", "0-3", -EINVAL, "all there are");
	refused(f, "cpus", "4", -EINVAL, "not online");
	refused(f, "cpus", "x", -EINVAL, "not a CPU list");
	refused(f, "cpus", "", -ENOENT, "nothing is isolated");
	refused(f, "cpus/rest", "", -EINVAL, "name CPUs");
	refused(f, "cpu:2", "2", -EINVAL, "no such target");
	refused(f, "pid:12345", "2", -ENOENT, "12345");
	host_fake_file(f->host, "sys/devices/system/cpu/isolated", "0-1\n");
	refused(f, "cpus", "2-3", -EINVAL, "isolcpus=");
	host_fake_file(f->host, "sys/devices/system/cpu/isolated", "\n");
	host_fake_file(f->host, "var/lib/kubelet/cpu_manager_state",
		       "{\"policyName\":\"static\",\"defaultCpuSet\":\"0-3\"}");
	refused(f, "cpus", "2-3", -EBUSY, "kubelet");
	host_fake_remove(f->host, "var/lib/kubelet/cpu_manager_state");
	/* 6.1: lists of neighbours must not overlap. */
	host_fake_file(f->host, "sys/fs/cgroup/system.slice/cpuset.cpus", "0-3\n");
	refused(f, "cpus", "2-3", -EBUSY, "AllowedCPUs");
	host_fake_file(f->host, "sys/fs/cgroup/system.slice/cpuset.cpus", "\n");
	host_fake_file(f->host, "sys/fs/cgroup/mine/cpuset.cpus", "3\n");
	refused(f, "cpus", "2-3", -EBUSY, "/mine");
	host_fake_remove(f->host, "sys/fs/cgroup/mine");
	/* Another one's partition. */
	host_fake_file(f->host, "sys/fs/cgroup/cgroup.subtree_control", "cpuset\n");
	host_fake_file(f->host, "sys/fs/cgroup/other/cpuset.cpus.partition", "isolated\n");
	host_fake_file(f->host, "sys/fs/cgroup/other/cpuset.cpus.effective", "3\n");
	refused(f, "cpus", "2-3", -EBUSY, "partition other");
	host_fake_remove(f->host, "sys/fs/cgroup/other");
	must_plan(f, "cpus", "2-3");
	apply(f);
	refused(f, "cpus", "1-3", -EBUSY, "2-3 are isolated already");
	close_fixture(f);

	f = open_fixture(false, false);
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/rt/cpuset.cpus", "3\n");
	refused(f, "cpus", "2-3", -EBUSY, "none left");
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/rt/cpuset.cpus", "1-3\n");
	host_fake_file(f->host, "sys/fs/cgroup/cpuset/rt/cpuset.cpu_exclusive", "1\n");
	refused(f, "cpus", "2-3", -EBUSY, "cpu_exclusive");
	close_fixture(f);
}

static void test_notes(void **state)
{
	struct fixture *f = open_fixture(true, true);

	(void)state;
	host_fake_file(f->host, "sys/devices/system/node/node1/cpulist", "2-3\n");
	fake_task_add(&f->cgroups, 500, 500, "pinned", "3", "/");
	fake_task_add(&f->cgroups, 501, 501, "deadline", "0-3", "/")->policy = 6;
	fake_task_publish(&f->cgroups, &f->cgroups.tasks[f->cgroups.n_tasks - 1]);
	host_fake_file(f->host, "run/systemd/system/x", "");
	must_plan(f, "cpus", "2-3");
	if (!strstr(f->why, "1 thread (pinned 500)") || !strstr(f->why, "SCHED_DEADLINE") ||
	    !strstr(f->why, "node 1 keeps no CPU"))
		fail_msg("%s", f->why);
	/* An overlap is fine where cpuset.cpus.exclusive is there, a list inside ours is not. */
	host_fake_file(f->host, "sys/fs/cgroup/system.slice/cpuset.cpus", "0-3\n");
	must_plan(f, "cpus", "2-3");
	host_fake_file(f->host, "sys/fs/cgroup/system.slice/cpuset.cpus", "3\n");
	refused(f, "cpus", "2-3", -EBUSY, "system.slice");
	close_fixture(f);
}

/* An interrupt that turns out to be managed does not stop the rest. */
static int stubborn_write(void *arg, struct host *host, const char *path, const char *text)
{
	struct fixture *f = arg;

	return strstr(path, "proc/irq/30/") ? -EIO
					    : fake_cgroup_write(&f->cgroups, host, path, text);
}

static void test_stubborn(void **state)
{
	struct fixture *f = open_fixture(true, true);
	unsigned n_refused = 0;

	(void)state;
	char *before = dump_all(f->host);
	host_fake_on_write(f->host, stubborn_write, f);
	must_plan(f, "cpus", "2-3");
	apply(f);
	for (unsigned i = 0; i < f->report.n_steps; i++)
		n_refused += f->report.steps[i].result == CHANGE_REFUSED;
	assert_int_equal(n_refused, 1);
	expect(f, "sys/fs/cgroup/jittertop-isolated/cpuset.cpus.partition", "isolated");
	undo(f);
	char *after = dump_all(f->host);
	assert_string_equal(before, after);
	free(before);
	free(after);
	close_fixture(f);
}

/* A partition that the kernel refuses: all of it is taken back. */
static void test_invalid(void **state)
{
	struct fixture *f = open_fixture(true, true);

	(void)state;
	char *before = dump_all(f->host);
	f->cgroups.reason = "partition config conflicts with housekeeping setup";
	must_plan(f, "cpus/root", "2-3");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), -EIO);
	char *after = dump_all(f->host);
	assert_string_equal(before, after);
	free(before);
	free(after);
	close_fixture(f);
}

static void test_release(void **state)
{
	(void)state;
	for (int is_v2 = 0; is_v2 <= 1; is_v2++) {
		struct fixture *f = open_fixture(is_v2, true);

		must_plan(f, "cpus/set", "2-3");
		apply(f);
		must_plan(f, "cpus", "");
		apply(f);
		assert_false(host_existsf(f->host, "%s/jittertop-isolated", f->cgroups.directory));
		assert_false(host_existsf(f->host, "%s/jittertop-others", f->cgroups.directory));
		if (!is_v2)
			expect(f, "sys/fs/cgroup/cpuset/cpuset.sched_load_balance", "1");
		/* And back: the sets are there again as they were. */
		undo(f);
		expect(f,
		       is_v2 ? "sys/fs/cgroup/jittertop-isolated/cpuset.cpus"
			     : "sys/fs/cgroup/cpuset/jittertop-isolated/cpuset.cpus",
		       "2-3");
		close_fixture(f);
	}
}

static void test_irqbalance(void **state)
{
	struct fixture *f = open_fixture(true, true);

	(void)state;
	host_fake_file(f->host, "run/irqbalance/irqbalance77.sock", "");
	host_fake_file(f->host, "proc/77/stat",
		       "77 (irqbalance) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7700\n");
	host_fake_unix(f->host, "run/irqbalance/irqbalance77.sock", "setup",
		       "SLEEP 10 BANNED 00000001", 0);
	host_fake_unix(f->host, "run/irqbalance/irqbalance77.sock", "settings cpus 0,2-3", "", 0);
	must_plan(f, "cpus/rest", "2-3");
	assert_string_equal(f->plan.steps[0].object, "irqbalance:77");
	assert_string_equal(f->plan.steps[0].old_value, "0");
	assert_string_equal(f->plan.steps[0].new_value, "0,2-3");
	apply(f);
	assert_int_equal(f->report.steps[0].result, CHANGE_PENDING);
	close_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2),	 cmocka_unit_test(test_forgetful),
		cmocka_unit_test(test_v1),	 cmocka_unit_test(test_process),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_notes),
		cmocka_unit_test(test_stubborn), cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_release),	 cmocka_unit_test(test_irqbalance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
