/* The rows of knob_memory.c, knob_scheduler.c and knob_kvm.c: on a host like Linux 6.12's, and on
 * one that has nothing. */
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

struct fixture {
	struct host *host;
	struct arena *arena;
	struct plan plan;
	char why[512];
};

static const struct knob *const knobs[] = {
	&knob_thp_enabled,
	&knob_thp_defrag,
	&knob_thp_shmem_enabled,
	&knob_khugepaged_defrag,
	&knob_thp_size,
	&knob_ksm_run,
	&knob_ksm_merge_across_nodes,
	&knob_numa_balancing,
	&knob_swappiness,
	&knob_stat_interval,
	&knob_zone_reclaim_mode,
	&knob_compaction_proactiveness,
	&knob_watermark_boost_factor,
	&knob_overcommit_memory,
	&knob_dirty_writeback_centisecs,
	&knob_dirty_expire_centisecs,
	&knob_hugepages_overcommit,
	&knob_sched_rt_runtime_us,
	&knob_sched_rt_period_us,
	&knob_fair_server_runtime,
	&knob_sched_preempt,
	&knob_sched_base_slice_ns,
	&knob_sched_migration_cost_ns,
	&knob_sched_nr_migrate,
	&knob_sched_autogroup,
	&knob_timer_migration,
	&knob_rcu_normal,
	&knob_rcu_expedited,
	&knob_watchdog,
	&knob_nmi_watchdog,
	&knob_soft_watchdog,
	&knob_watchdog_thresh,
	&knob_watchdog_cpumask,
	&knob_hung_task_timeout_secs,
	&knob_mce_check_interval,
	&knob_mce_ignore_ce,
	&knob_printk,
	&knob_workqueue_cpumask,
	&knob_workqueue_queue_cpumask,
	&knob_default_smp_affinity,
	&knob_clocksource,
	&knob_kvm_halt_poll_ns,
	&knob_kvm_halt_poll_ns_grow,
	&knob_kvm_halt_poll_ns_grow_start,
	&knob_kvm_halt_poll_ns_shrink,
	&knob_kvm_nx_huge_pages,
	&knob_kvm_pi_inject_timer,
	&knob_net_busy_poll,
	&knob_net_busy_read,
	&knob_netdev_budget,
	&knob_netdev_budget_usecs,
	&knob_net_dev_weight,
	&knob_rps_sock_flow_entries,
	&knob_net_rps_default_mask,
};

#define SYSCTL "proc/sys/"
#define THP "sys/kernel/mm/transparent_hugepage/"
#define SCHED "sys/kernel/debug/sched/"
#define KVM "sys/module/kvm/parameters/"
#define WORKQUEUE "sys/devices/virtual/workqueue/"
#define CLOCK "sys/devices/system/clocksource/clocksource0/"

/* A file, and a value it takes besides its own. */
static const struct {
	const struct knob *knob;
	const char *target, *path, *text, *wish;
} rows[] = {
	{&knob_thp_enabled, "host", THP "enabled", "always [madvise] never\n", "never"},
	{&knob_thp_defrag, "host", THP "defrag", "always defer defer+madvise [madvise] never\n",
	 "defer+madvise"},
	{&knob_thp_shmem_enabled, "host", THP "shmem_enabled",
	 "always within_size advise [never] deny force\n", "advise"},
	{&knob_khugepaged_defrag, "host", THP "khugepaged/defrag", "1\n", "0"},
	{&knob_thp_size, "thp:64kB", THP "hugepages-64kB/enabled",
	 "always inherit madvise [never]\n", "inherit"},
	{&knob_ksm_run, "host", "sys/kernel/mm/ksm/run", "1\n", "2"},
	{&knob_ksm_merge_across_nodes, "host", "sys/kernel/mm/ksm/merge_across_nodes", "1\n", "0"},
	{&knob_numa_balancing, "host", SYSCTL "kernel/numa_balancing", "1\n", "0"},
	{&knob_swappiness, "host", SYSCTL "vm/swappiness", "60\n", "10"},
	{&knob_stat_interval, "host", SYSCTL "vm/stat_interval", "1\n", "120"},
	{&knob_zone_reclaim_mode, "host", SYSCTL "vm/zone_reclaim_mode", "0\n", "1"},
	{&knob_compaction_proactiveness, "host", SYSCTL "vm/compaction_proactiveness", "20\n", "0"},
	{&knob_watermark_boost_factor, "host", SYSCTL "vm/watermark_boost_factor", "15000\n", "0"},
	{&knob_overcommit_memory, "host", SYSCTL "vm/overcommit_memory", "0\n", "1"},
	{&knob_dirty_writeback_centisecs, "host", SYSCTL "vm/dirty_writeback_centisecs", "500\n",
	 "6000"},
	{&knob_dirty_expire_centisecs, "host", SYSCTL "vm/dirty_expire_centisecs", "3000\n",
	 "6000"},
	{&knob_hugepages_overcommit, "all/2048kB",
	 "sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "0\n", "16"},
	{&knob_sched_rt_runtime_us, "host", SYSCTL "kernel/sched_rt_runtime_us", "950000\n", "-1"},
	{&knob_sched_rt_period_us, "host", SYSCTL "kernel/sched_rt_period_us", "1000000\n",
	 "2000000"},
	{&knob_fair_server_runtime, "cpu:1", SCHED "fair_server/cpu1/runtime", "50000000\n", "0"},
	{&knob_sched_preempt, "host", SCHED "preempt", "none (voluntary) full\n", "full"},
	{&knob_sched_base_slice_ns, "host", SCHED "base_slice_ns", "3000000\n", "1000000"},
	{&knob_sched_migration_cost_ns, "host", SCHED "migration_cost_ns", "500000\n", "5000000"},
	{&knob_sched_nr_migrate, "host", SCHED "nr_migrate", "32\n", "8"},
	{&knob_sched_autogroup, "host", SYSCTL "kernel/sched_autogroup_enabled", "1\n", "0"},
	{&knob_timer_migration, "host", SYSCTL "kernel/timer_migration", "1\n", "0"},
	{&knob_rcu_normal, "host", "sys/kernel/rcu_normal", "0\n", "1"},
	{&knob_rcu_expedited, "host", "sys/kernel/rcu_expedited", "0\n", "1"},
	{&knob_watchdog, "host", SYSCTL "kernel/watchdog", "1\n", "0"},
	{&knob_nmi_watchdog, "host", SYSCTL "kernel/nmi_watchdog", "1\n", "0"},
	{&knob_soft_watchdog, "host", SYSCTL "kernel/soft_watchdog", "1\n", "0"},
	{&knob_watchdog_thresh, "host", SYSCTL "kernel/watchdog_thresh", "10\n", "60"},
	{&knob_watchdog_cpumask, "host", SYSCTL "kernel/watchdog_cpumask", "0-3\n", "0"},
	{&knob_hung_task_timeout_secs, "host", SYSCTL "kernel/hung_task_timeout_secs", "120\n",
	 "0"},
	{&knob_mce_check_interval, "host",
	 "sys/devices/system/machinecheck/machinecheck0/check_interval", "300\n", "0"},
	{&knob_mce_ignore_ce, "host", "sys/devices/system/machinecheck/machinecheck0/ignore_ce",
	 "0\n", "1"},
	{&knob_printk, "host", SYSCTL "kernel/printk", "4\t4\t1\t7\n", "1 4 1 7"},
	{&knob_workqueue_cpumask, "host", WORKQUEUE "cpumask", "f\n", "1"},
	{&knob_workqueue_queue_cpumask, "workqueue:writeback", WORKQUEUE "writeback/cpumask", "f\n",
	 "list:0-1"},
	{&knob_default_smp_affinity, "host", "proc/irq/default_smp_affinity", "f\n", "1"},
	{&knob_clocksource, "host", CLOCK "current_clocksource", "tsc\n", "hpet"},
	{&knob_kvm_halt_poll_ns, "host", KVM "halt_poll_ns", "200000\n", "0"},
	{&knob_kvm_halt_poll_ns_grow, "host", KVM "halt_poll_ns_grow", "2\n", "0"},
	{&knob_kvm_halt_poll_ns_grow_start, "host", KVM "halt_poll_ns_grow_start", "10000\n",
	 "50000"},
	{&knob_kvm_halt_poll_ns_shrink, "host", KVM "halt_poll_ns_shrink", "0\n", "2"},
	{&knob_kvm_nx_huge_pages, "host", KVM "nx_huge_pages", "Y\n", "N"},
	{&knob_kvm_pi_inject_timer, "host", KVM "pi_inject_timer", "-1\n", "1"},
	{&knob_net_busy_poll, "host", SYSCTL "net/core/busy_poll", "0\n", "50"},
	{&knob_net_busy_read, "host", SYSCTL "net/core/busy_read", "0\n", "50"},
	{&knob_netdev_budget, "host", SYSCTL "net/core/netdev_budget", "300\n", "600"},
	{&knob_netdev_budget_usecs, "host", SYSCTL "net/core/netdev_budget_usecs", "8000\n",
	 "2000"},
	{&knob_net_dev_weight, "host", SYSCTL "net/core/dev_weight", "64\n", "16"},
	{&knob_rps_sock_flow_entries, "host", SYSCTL "net/core/rps_sock_flow_entries", "0\n",
	 "32768"},
	{&knob_net_rps_default_mask, "host", SYSCTL "net/core/rps_default_mask", "0\n", "3"},
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	*state = f;
	f->arena = arena_new(0);
	plan_init(&f->plan);
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		host_fake_file(f->host, rows[i].path, rows[i].text);
	host_fake_file(f->host, CLOCK "available_clocksource", "tsc hpet acpi_pm \n");
	host_fake_file(f->host, SCHED "fair_server/cpu1/period", "1000000000\n");
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(f->host, "sys/devices/system/cpu/possible", "0-3\n");
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	arena_free(f->arena);
	host_close(f->host);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static void read_file(struct fixture *f, const char *path, char *buf, size_t size)
{
	assert_true(host_read(f->host, path, buf, size) >= 0);
}

/* Every one: listed, planned, applied, undone. A choice file of the fake host shows what was
 * written, without its brackets: enough to see the word arrive and the old one come back. */
static void test_each(void **state)
{
	struct fixture *f = *state;
	char before[128], after[128];

	assert_int_equal(ARRAY_SIZE(rows), ARRAY_SIZE(knobs));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(change_report_done) struct change_report report = {0};
		struct knob_targets targets = {.arena = f->arena};

		assert_ptr_equal(rows[i].knob, knobs[i]);
		assert_int_equal(rows[i].knob->targets(f->host, &targets), 0);
		assert_int_equal(targets.n_targets, 1);
		assert_string_equal(targets.targets[0].key, rows[i].target);
		assert_null(targets.targets[0].locked);
		assert_true(targets.targets[0].choices[0] != '\0');
		plan_done(&f->plan);
		if (plan(f, rows[i].knob, rows[i].target, rows[i].wish))
			fail_msg("%s: %s", rows[i].path, f->why);
		char path[256];
		assert_int_equal(plan_step_path(&f->plan.steps[0], path, sizeof(path)), 0);
		assert_string_equal(path + 1, rows[i].path);
		assert_false(cpuset_is_empty(&f->plan.affected));
		assert_false(plan_changes_nothing(&f->plan));
		assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &report), 0);
		read_file(f, rows[i].path, after, sizeof(after));
		assert_string_equal(after, f->plan.steps[0].new_value);
		assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &report), 0);
		read_file(f, rows[i].path, before, sizeof(before));
		assert_string_equal(before, f->plan.steps[0].old_value);
	}
}

static void test_nothing_there(void **state)
{
	struct fixture *f = *state;
	struct host *empty = NULL;

	assert_int_equal(host_open_fake(&empty), 0);
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		struct knob_targets targets = {.arena = f->arena};

		assert_int_equal(knobs[i]->targets(empty, &targets), 0);
		assert_int_equal(targets.n_targets, 1);
		assert_non_null(targets.targets[0].locked);
		assert_true(strlen(targets.targets[0].locked) > 20);
		assert_int_equal(knobs[i]->plan(empty, rows[i].target, rows[i].wish, &f->plan,
						f->why, sizeof(f->why)),
				 -ENOENT);
		assert_non_null(strstr(f->why, targets.targets[0].locked));
	}
	host_close(empty);
}

static void test_rt_dangers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(knob_sched_rt_runtime_us.risk, KNOB_DISRUPTIVE);
	assert_int_equal(knob_fair_server_runtime.risk, KNOB_DISRUPTIVE);
	assert_int_equal(plan(f, &knob_sched_rt_runtime_us, "host", "1000001"), -ERANGE);
	assert_non_null(strstr(f->why, "1000000 us"));
	assert_int_equal(plan(f, &knob_sched_rt_runtime_us, "host", "-1"), 0);
	assert_non_null(strstr(f->why, "keeps its CPU for good"));
	assert_non_null(strstr(f->why, "fair_server_runtime"));
	assert_int_equal(plan(f, &knob_fair_server_runtime, "cpu:1", "1000000001"), -ERANGE);
	assert_int_equal(plan(f, &knob_fair_server_runtime, "cpu:1", "0"), 0);
	assert_non_null(strstr(f->why, "CPU 1 keeps it for good"));
	assert_non_null(strstr(step_class_sched_rt_runtime_us.explain(EBUSY), "DEADLINE"));
	assert_non_null(strstr(step_class_sched_rt_runtime_us.explain(EINVAL), "RT_GROUP"));
	plan_done(&f->plan);
	/* Without debugfs nothing is said of a server that may not be there. */
	host_fake_remove(f->host, SCHED "fair_server");
	assert_int_equal(plan(f, &knob_sched_rt_runtime_us, "host", "1000000"), 0);
	assert_null(strstr(f->why, "fair_server"));
}

static void test_ksm_traps(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_ksm_run, "host", "3"), -EINVAL);
	host_fake_file(f->host, "sys/kernel/mm/ksm/pages_sharing", "5000\n");
	host_fake_file(f->host, "sys/kernel/mm/ksm/pages_shared", "100\n");
	assert_int_equal(plan(f, &knob_ksm_run, "host", "2"), 0);
	assert_non_null(strstr(f->why, "5000 pages"));
	assert_int_equal(plan(f, &knob_ksm_merge_across_nodes, "host", "0"), 0);
	assert_non_null(strstr(f->why, "ksm_run"));
	assert_non_null(strstr(step_class_ksm_run.explain(ENOMEM), "run is 0"));
	assert_non_null(strstr(step_class_ksm_merge_across_nodes.explain(EBUSY), "ksm_run to 2"));
}

/* ENOMEM of unmerging leaves run at 0: what was there before comes back. */
static void test_ksm_nomem(void **state)
{
	struct fixture *f = *state;
	_cleanup_(change_report_done) struct change_report report = {0};
	char text[32];

	assert_int_equal(plan(f, &knob_ksm_run, "host", "2"), 0);
	host_fake_write_becomes(f->host, 1, NULL, ENOMEM);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &report), -ENOMEM);
	assert_non_null(strstr(report.steps[0].why, "unmerge"));
	read_file(f, "sys/kernel/mm/ksm/run", text, sizeof(text));
	assert_string_equal(text, "1");
}

/* Since cpumask_requested is there, that is what a write means and what comes back. */
static void test_workqueue_requested(void **state)
{
	struct fixture *f = *state;

	host_fake_file(f->host, WORKQUEUE "cpumask_requested", "f\n");
	host_fake_file(f->host, WORKQUEUE "cpumask_isolated", "8\n");
	host_fake_file(f->host, WORKQUEUE "cpumask", "7\n");
	assert_int_equal(plan(f, &knob_workqueue_cpumask, "host", "list:0"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "f");
	char path[256];
	assert_int_equal(plan_step_path(&f->plan.steps[0], path, sizeof(path)), 0);
	assert_string_equal(path, "/" WORKQUEUE "cpumask");
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_printk, "host", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_printk, "host", "1 4 1 7 9"), -EINVAL);
	assert_int_equal(plan(f, &knob_printk, "host", "1 4 1 x"), -EINVAL);
	assert_int_equal(plan(f, &knob_rps_sock_flow_entries, "host", "1000"), -EINVAL);
	assert_non_null(strstr(f->why, "say 1024"));
	assert_int_equal(plan(f, &knob_watchdog_cpumask, "host", "4"), -EINVAL);
	assert_int_equal(plan(f, &knob_stat_interval, "host", "0"), -ERANGE);
	assert_int_equal(plan(f, &knob_clocksource, "host", "jiffies"), -EINVAL);
	assert_non_null(strstr(step_class_nmi_watchdog.explain(524), "performance counter"));
	assert_non_null(strstr(step_class_hugepages_overcommit.explain(EINVAL), "on demand"));
	assert_int_equal(f->plan.n_steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rt_dangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ksm_traps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ksm_nomem, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_workqueue_requested, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
