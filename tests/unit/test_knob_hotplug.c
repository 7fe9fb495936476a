/* CPUs taken offline and brought back on a machine that behaves (fake_power.h). */
#include "tests/unit/power_fixture.h"

#define POLICY POWER_CPU "/cpufreq/policy%u/"
#define CPUSET "sys/fs/cgroup/cpuset/"

/* A user's thread; its list of CPUs. */
static void put_thread(struct fixture *f, unsigned pid, unsigned tid, const char *comm,
		       const char *cpus, unsigned policy, unsigned flags)
{
	char text[256];

	(void)snprintf(
		text, sizeof(text),
		"%u (%s) S 1 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 17 3 50 %u 0 0",
		tid, comm, flags, policy);
	power_put(f->host, text, "proc/%u/task/%u/stat", pid, tid);
	if (pid == tid)
		power_put(f->host, text, "proc/%u/stat", pid);
	(void)snprintf(text, sizeof(text), "Name:\t%s\nCpus_allowed_list:\t%s", comm, cpus);
	power_put(f->host, text, "proc/%u/task/%u/status", pid, tid);
}

static void customise(struct fixture *f)
{
	power_put(f->host, "performance", POLICY "scaling_governor", 3u);
	power_put(f->host, "performance", POLICY "energy_performance_preference", 3u);
	power_put(f->host, "2000000", POLICY "scaling_max_freq", 3u);
	power_put(f->host, "0", POWER_CPU "/cpu3/power/energy_perf_bias");
	power_put(f->host, "n/a", POWER_CPU "/cpu3/power/pm_qos_resume_latency_us");
	power_put(f->host, "1", POWER_CPU "/cpu3/cpuidle/state2/disable");
}

static void expect_customised(struct fixture *f)
{
	expect(f, "performance", POLICY "scaling_governor", 3u);
	expect(f, "performance", POLICY "energy_performance_preference", 3u);
	expect(f, "2000000", POLICY "scaling_max_freq", 3u);
	expect(f, "0", POWER_CPU "/cpu3/power/energy_perf_bias");
	expect(f, "n/a", POWER_CPU "/cpu3/power/pm_qos_resume_latency_us");
	expect(f, "1", POWER_CPU "/cpu3/cpuidle/state2/disable");
	expect(f, "3", "proc/irq/40/smp_affinity_list");
	expect(f, "2-3", CPUSET "a/cpuset.cpus");
	expect(f, "3", CPUSET "a/b/cpuset.cpus");
}

/* Everything the CPU takes along is back when it is. */
static void test_offline(void **state)
{
	struct fixture *f = *state;

	customise(f);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), 0);
	apply(f);
	expect(f, "0-2", POWER_CPU "/online");
	expect(f, "0-2", "proc/irq/40/smp_affinity_list");
	expect(f, "2", CPUSET "a/cpuset.cpus");
	expect(f, "", CPUSET "a/b/cpuset.cpus");
	expect(f, "", POLICY "scaling_governor", 3u);
	undo(f);
	expect(f, "0-3", POWER_CPU "/online");
	expect_customised(f);
	/* Died after any step: the next instance's undo. */
	undo(f);
	expect_customised(f);
}

/* The kernel refuses at last: nothing was touched. */
static void test_offline_refused_by_kernel(void **state)
{
	static const struct {
		int err;
		const char *why;
	} cases[] = {{EBUSY, "last CPU"}, {EOPNOTSUPP, "virtual"}, {EPERM, "root"}};
	struct fixture *f = *state;

	customise(f);
	f->power.refuse_path = "/online";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), 0);
		f->power.refuse_err = cases[i].err;
		if (!strstr(apply_refused(f, -cases[i].err), cases[i].why))
			fail_msg("%s", cases[i].why);
		expect_customised(f);
	}
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_cpu_online, "cpu:0", "0"), -ENOENT);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:9", "0"), -ENOENT);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "2"), -EINVAL);
	/* The last one that is neither isolated nor nohz_full. */
	power_put(f->host, "0,2", POWER_CPU "/isolated");
	power_put(f->host, "3", POWER_CPU "/nohz_full");
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:1", "0"), -EBUSY);
	assert_why(f, "housekeeping");
	power_put(f->host, "(null)", POWER_CPU "/nohz_full");
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:1", "0"), 0);
	/* Two of one change count together. */
	assert_int_equal(add(f, &knob_cpu_online, "cpu:3", "0"), -EBUSY);
	assert_why(f, "housekeeping");
}

static void test_tasks_of_cpuset(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "4711", CPUSET "a/b/tasks");
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), -EBUSY);
	assert_why(f, "cpuset /a/b");
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:2", "0"), 0);
}

static void test_pinned(void **state)
{
	struct fixture *f = *state;

	put_thread(f, 50, 50, "kworker/3:1", "3", 0, 0x00200000); /* goes by itself */
	put_thread(f, 60, 60, "anywhere", "0-3", 0, 0);
	host_fake_link(f->host, "proc/self", "70");
	put_thread(f, 70, 70, "jittertop", "3", 1, 0);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), 0);
	for (unsigned i = 0; i < 3; i++)
		put_thread(f, 80, 80 + i, "worker", "3", 0, 0);
	put_thread(f, 90, 90, "qemu", "0-3", 0, 0);
	put_thread(f, 90, 91, "CPU 0/KVM", "3", 0, 0);
	put_thread(f, 95, 95, "evil\x1b[2J", "3", 1, 0);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), -EBUSY);
	assert_why(f, "5 threads");
	assert_why(f, "CPU 0/KVM (thread 91)");
	assert_why(f, "(thread 95, real-time)");
	assert_null(strchr(f->why, '\x1b'));
	assert_int_equal(f->plan.n_steps, 0);
}

/* SMT off and on again, with a CPU that was offline by hand before: it stays so. */
static void test_smt(void **state)
{
	struct fixture *f = *state;

	customise(f);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:2", "0"), 0);
	apply(f);
	assert_int_equal(plan(f, &knob_smt, "host", "off"), 0);
	apply(f);
	expect(f, "0-1", POWER_CPU "/online");
	undo(f);
	expect(f, "0-1,3", POWER_CPU "/online");
	expect(f, "performance", POLICY "scaling_governor", 3u);
	expect(f, "n/a", POWER_CPU "/cpu3/power/pm_qos_resume_latency_us");
	expect(f, "3", CPUSET "a/b/cpuset.cpus");
}

static void test_smt_fixed(void **state)
{
	static const struct {
		const char *state, *why;
		int err;
	} cases[] = {{"notsupported", "one thread per core", -ENODEV},
		     {"notimplemented", "this kernel", -ENODEV},
		     {"forceoff", "booting anew", -EPERM}};
	struct fixture *f = *state;

	/* Never offered: no undo brings it back. */
	assert_null(strstr(find_target(f, &knob_smt, "host")->choices, "forceoff"));
	assert_int_equal(plan(f, &knob_smt, "host", "forceoff"), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		power_put(f->host, cases[i].state, POWER_CPU "/smt/control");
		const struct knob_target *target = find_target(f, &knob_smt, "host");
		assert_non_null(target->locked);
		assert_non_null(strstr(target->locked, cases[i].why));
		assert_int_equal(plan(f, &knob_smt, "host", "off"), cases[i].err);
		assert_why(f, cases[i].why);
	}
}

/* A partition that loses its CPUs stays invalid: it is made one again. */
static void test_partition(void **state)
{
	static const char file[] = "sys/fs/cgroup/rt/cpuset.cpus.partition";
	struct fixture *f = *state;

	power_put(f->host, "cpuset cpu", "sys/fs/cgroup/cgroup.controllers");
	power_put(f->host, "3", "sys/fs/cgroup/rt/cpuset.cpus.effective");
	power_put(f->host, "isolated", file);
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), 0);
	apply(f);
	power_put(f->host, "isolated invalid (No cpu available due to hotplug)", file);
	undo(f);
	expect(f, "isolated", file);
}

/* virtio_net sets its queues and interrupts anew when any CPU comes or goes. */
static void test_virtio(void **state)
{
	static const char xps[] = "sys/class/net/eth0/queues/tx-0/xps_cpus";
	struct fixture *f = *state;

	power_put(f->host, "5", "sys/class/net/eth0/ifindex");
	power_put(f->host, "2", xps);
	power_put(f->host, "0", "sys/class/net/eth0/queues/tx-1/xps_cpus");
	host_fake_link(f->host, "sys/class/net/eth0/device/driver",
		       "../../../../bus/virtio/drivers/virtio_net");
	power_put(f->host, "virtio0-input.0", "sys/kernel/irq/41/actions");
	assert_int_equal(plan(f, &knob_cpu_online, "cpu:3", "0"), 0);
	apply(f);
	power_put(f->host, "f", xps);
	power_put(f->host, "1", "proc/irq/41/smp_affinity_list");
	undo(f);
	expect(f, "2", xps);
	expect(f, "0-3", "proc/irq/41/smp_affinity_list");
	/* Another interface of that name by then: left alone, and said. */
	apply(f);
	power_put(f->host, "6", "sys/class/net/eth0/ifindex");
	power_put(f->host, "f", xps);
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, f->report), 1);
	expect(f, "f", xps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offline),   TEST(test_offline_refused_by_kernel),
		TEST(test_refused),   TEST(test_tasks_of_cpuset),
		TEST(test_pinned),    TEST(test_smt),
		TEST(test_smt_fixed), TEST(test_partition),
		TEST(test_virtio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
