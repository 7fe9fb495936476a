/* What the probes say of the small made-up machine, and of changes to it: hotplug, interrupts that
 * come, go and change hands, partitions, a large machine. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_machine.h"
#include "tests/unit/probe_fixture.h"

static void start(struct fixture *f, const struct probe *probe)
{
	fixture_fake(f, probe);
	fake_machine_put(f->host);
	fixture_run(f);
}

static void tick(struct fixture *f, uint64_t seconds)
{
	host_fake_clock(f->host, seconds * NSEC_PER_SEC);
	fixture_run(f);
}

static char path_text[128];

static _printf_(1, 2) const char *fixture_path(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path_text, sizeof(path_text), fmt, ap);
	va_end(ap);
	return path_text;
}

static void fixture_put_interrupts(struct fixture *f, unsigned n)
{
	char text[16384] = "   CPU0 CPU1\n";
	size_t len = strlen(text);

	for (unsigned irq = 0; irq < n; irq++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u: 1 0 MSI %u-edge dev\n",
					irq, irq);
	host_fake_file(f->host, "proc/interrupts", text);
}

static void test_topology(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_topology);
	assert_int_equal(fixture_count(&f, "cpu"), 4);
	assert_int_equal(fixture_u64(&f, "cpu:2", "online"), 1);
	assert_int_equal(fixture_u64(&f, "cpu:3", "online"), 0);
	assert_string_equal(fixture_text(&f, "cpu:1", "siblings"), "0-1");
	assert_string_equal(fixture_text(&f, "core:0.0", "cpus"), "0-1");
	assert_string_equal(snapshot_find(f.snap, "cpu:2")->parent->key, "core:0.1");
	assert_string_equal(snapshot_find(f.snap, "core:0.1")->parent->parent->key, "package:0");
	assert_int_equal(fixture_u64(&f, "die:0.0", "known"), 0);
	assert_int_equal(fixture_u64(&f, "node:2", "has_cpus"), 0);
	assert_string_equal(fixture_text(&f, "node:2", "distances"), "20 10");
	assert_string_equal(fixture_text(&f, "host", "cpus_possible"), "0-7");
	assert_int_equal(fixture_u64(&f, "cpu:2", "node_id"), 0);
	fixture_done(&f);
}

static void test_hotplug(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_topology);
	host_fake_file(f.host, CPU_DIR "/online", "0,2-3");
	tick(&f, 2);
	assert_int_equal(fixture_u64(&f, "cpu:1", "online"), 0);
	assert_int_equal(fixture_u64(&f, "cpu:3", "online"), 1);
	assert_string_equal(fixture_text(&f, "host", "cpus_online"), "0,2-3");
	assert_string_equal(snapshot_find(f.snap, "cpu:1")->parent->key, "host");
	/* Without list files: the cpuN directories and their online files. */
	host_fake_remove(f.host, CPU_DIR "/online");
	host_fake_remove(f.host, CPU_DIR "/present");
	tick(&f, 3);
	assert_string_equal(fixture_text(&f, "host", "cpus_online"), "0-2");
	assert_int_equal(fixture_count(&f, "cpu"), 4);
	fixture_done(&f);
}

/* No CPU 0, no node 0, package ids -1, core ids that repeat. */
static void test_odd_ids(void **state)
{
	static const unsigned cpus[] = {3, 5, 700};
	struct fixture f;
	char path[128];

	(void)state;
	fixture_fake(&f, &probe_topology);
	host_fake_file(f.host, NODE_DIR "/node7/cpulist", "3,5,700");
	host_fake_file(f.host, CPU_DIR "/online", "3,5,700");
	for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
		char self[16];

		(void)snprintf(self, sizeof(self), "%u", cpus[i]);
		(void)snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/physical_package_id",
			       cpus[i]);
		host_fake_file(f.host, path, "-1");
		(void)snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/core_id", cpus[i]);
		host_fake_file(f.host, path, "0");
		(void)snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/thread_siblings_list",
			       cpus[i]);
		host_fake_file(f.host, path, self);
		(void)snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/core_siblings_list",
			       cpus[i]);
		host_fake_file(f.host, path, i < 2 ? "3,5" : "700");
	}
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "package"), 2);
	assert_int_equal(fixture_count(&f, "core"), 3);
	assert_true(fixture_f64(&f, "cpu:700", "package_id") == -1);
	assert_string_equal(fixture_text(&f, "package:1", "cpus"), "700");
	assert_string_equal(fixture_text(&f, "core:0.1", "cpus"), "5");
	assert_int_equal(fixture_u64(&f, "cpu:5", "node_id"), 7);
	fixture_done(&f);
}

static void test_cpu(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_cpu);
	assert_int_equal(fixture_u64(&f, "cpu:0", "user_ns"), NSEC_PER_SEC);
	assert_int_equal(fixture_u64(&f, "cpu:0", "guest_nice_ns"), 9 * 10 * NSEC_PER_MSEC);
	assert_int_equal(fixture_u64(&f, "host", "interrupts"), 66);
	assert_int_equal(fixture_u64(&f, "host", "running"), 2);
	assert_true(fixture_f64(&f, "host", "load_5") == 0.25);
	assert_int_equal(fixture_u64(&f, "host", "uptime_ns"), UINT64_C(100250000000));
	/* An old kernel has fewer fields, and this one lost CPU 1. */
	host_fake_file(f.host, "proc/stat",
		       "cpu0 200 1 50 3000\ncpu2 300 0 150 2900 0\nintr 76\nctxt 1500");
	tick(&f, 2);
	assert_null(snapshot_find(f.snap, "cpu:1"));
	assert_int_equal(fixture_state(&f, "cpu:0", "steal_ns"), VALUE_ABSENT);
	assert_true(fabs(entity_rate(snapshot_find(f.snap, "cpu:0"), "user_ns") - 1.0) < 1e-9);
	/* Idle time may go backwards (nohz): then there is no rate. */
	assert_true(isnan(entity_rate(snapshot_find(f.snap, "cpu:2"), "idle_ns")));
	assert_true(fabs(entity_rate(snapshot_find(f.snap, "host"), "interrupts") - 10) < 1e-9);
	assert_int_equal(fixture_state(&f, "host", "forks"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_schedstat_and_softirq(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_schedstat);
	assert_int_equal(fixture_u64(&f, "cpu:1", "run_time_ns"), 2000);
	assert_int_equal(fixture_u64(&f, "cpu:1", "run_delay_ns"), 300);
	assert_int_equal(fixture_u64(&f, "cpu:1", "switches"), 40);
	host_fake_file(f.host, "proc/schedstat", "version 9\ncpu0 1 2 3");
	tick(&f, 2);
	assert_int_equal(fixture_status(&f), SAMPLE_ABSENT);
	assert_string_equal(fixture_error(&f), "proc/schedstat: version 9 is not known");
	fixture_done(&f);
	start(&f, &probe_softirq);
	/* By the header, not by the column. */
	host_fake_file(f.host, "proc/softirqs", "   CPU1  CPU5\n HI: 1 2\n RCU: 10 20\n NEW: 7 7");
	tick(&f, 2);
	assert_null(snapshot_find(f.snap, "cpu:0"));
	assert_int_equal(fixture_u64(&f, "cpu:5", "softirq_rcu"), 20);
	assert_int_equal(fixture_u64(&f, "cpu:5", "softirqs"), 29);
	assert_int_equal(fixture_state(&f, "cpu:5", "softirq_timer"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_irq(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	assert_int_equal(fixture_count(&f, "irq"), 3);
	assert_string_equal(snapshot_find(f.snap, "irq:9")->name, "acpi");
	assert_string_equal(fixture_text(&f, "irq:9", "type"), "fasteoi");
	assert_string_equal(fixture_text(&f, "irq:10", "chip"), "PCI-MSIX-0000:00:03.0");
	assert_int_equal(fixture_u64(&f, "irq:10", "hwirq"), 1);
	assert_int_equal(fixture_u64(&f, "irq:10", "pending"), 1);
	assert_int_equal(fixture_u64(&f, "irq:9", "pending"), 0);
	assert_string_equal(fixture_text(&f, "irq:11", "affinity"), "2"); /* from the mask */
	assert_int_equal(fixture_state(&f, "irq:11", "effective"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "cpu:1", "irqs"), 22);
	assert_int_equal(fixture_u64(&f, "cpu:1", "local_irqs"), 80);
	assert_string_equal(fixture_text(&f, "host", "default_irq_affinity"), "0-3");
	/* A change shows at the next run; number 10 goes to another device, 11 goes away, CPU 1
	 * too. */
	host_fake_file(f.host, "proc/irq/9/smp_affinity_list", "2");
	host_fake_file(f.host, "proc/interrupts",
		       "   CPU0  CPU2\n  9: 12 0  IO-APIC 9-fasteoi acpi\n"
		       " 10: 1 2  PCI-MSIX-0000:00:04.0 1-edge      nvme0q1\nLOC: 71 91 Local");
	tick(&f, 20);
	assert_string_equal(fixture_text(&f, "irq:9", "affinity"), "2");
	assert_int_equal(fixture_u64(&f, "irq:9", "pending"), 1);
	assert_string_equal(snapshot_find(f.snap, "irq:10")->name, "nvme0q1");
	assert_null(snapshot_find(f.snap, "irq:11"));
	assert_null(snapshot_find(f.snap, "cpu:1"));
	assert_int_equal(fixture_u64(&f, "cpu:2", "irqs"), 2);
	fixture_done(&f);
}

/* The other way of counting, from 65 possible CPUs on. */
static void test_irq_large(void **state)
{
	char counts[1024] = "11", many[1024] = "1";
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_irq);
	for (unsigned i = 1; i < 100; i++) {
		strcat(counts, i == 70 ? ",22" : ",0");
		strcat(many, ",1");
	}
	host_fake_file(f.host, CPU_DIR "/possible", "0-99");
	host_fake_file(f.host, CPU_DIR "/online", "0-99");
	host_fake_file(f.host, "sys/kernel/irq/4/actions", "eth0-rx");
	host_fake_file(f.host, "sys/kernel/irq/4/chip_name", "PCI-MSIX");
	host_fake_file(f.host, "sys/kernel/irq/4/hwirq", "9");
	host_fake_file(f.host, "sys/kernel/irq/4/per_cpu_count", counts);
	host_fake_file(f.host, "sys/kernel/irq/6/actions", "spread");
	host_fake_file(f.host, "sys/kernel/irq/6/per_cpu_count", many);
	host_fake_file(f.host, "proc/irq/4/smp_affinity_list", "0-99");
	host_fake_file(f.host, "proc/irq/4/effective_affinity_list", "70");
	host_fake_file(f.host, "proc/irq/6/effective_affinity_list", "0-99");
	host_fake_file(f.host, "proc/stat", "cpu 1\nintr 133 0 0 0 0 33 0 100 0");
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_int_equal(fixture_u64(&f, "irq:4", "count"), 33);
	assert_int_equal(fixture_u64(&f, "cpu:0", "irqs"), 12);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 23);
	assert_int_equal(fixture_state(&f, "cpu:70", "local_irqs"), VALUE_ABSENT);
	/* Ten more of the one, at CPU 70; three more of the other, at CPU 0. */
	many[0] = '4';
	host_fake_file(f.host, "sys/kernel/irq/6/per_cpu_count", many);
	host_fake_file(f.host, "proc/stat", "cpu 1\nintr 146 0 0 0 0 43 0 103 0");
	tick(&f, 2);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 33);
	assert_int_equal(fixture_u64(&f, "cpu:0", "irqs"), 15);
	assert_string_equal(fixture_text(&f, "irq:4", "effective"), "70");
	fixture_done(&f);
}

/* Hundreds of interrupts: a plain tick reads the affinities of a share of them, the tick after a
 * change (a kick) all, so that the screen shows the truth at once. */
static void test_irq_many(void **state)
{
	struct fixture f;
	unsigned n_shown = 0;

	(void)state;
	fixture_fake(&f, &probe_irq);
	for (unsigned irq = 0; irq < 300; irq++) {
		host_fake_file(f.host, fixture_path("sys/kernel/irq/%u/actions", irq), "dev");
		host_fake_file(f.host, fixture_path("proc/irq/%u/smp_affinity_list", irq), "0-1");
	}
	host_fake_file(f.host, CPU_DIR "/possible", "0-1");
	host_fake_file(f.host, CPU_DIR "/online", "0-1");
	fixture_put_interrupts(&f, 300);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "irq"), 300);
	for (unsigned irq = 0; irq < 300; irq++)
		host_fake_file(f.host, fixture_path("proc/irq/%u/smp_affinity_list", irq), "1");
	host_fake_clock(f.host, 2 * NSEC_PER_SEC);
	snapshot_unref(f.snap);
	f.snap = sampler_run_once(f.sampler, false);
	for (unsigned irq = 0; irq < 300; irq++)
		n_shown += !strcmp(fixture_text(&f, fixture_path("irq:%u", irq), "affinity"), "1");
	assert_in_range(n_shown, 1, 299);
	tick(&f, 3);
	for (unsigned irq = 0; irq < 300; irq++)
		assert_string_equal(fixture_text(&f, fixture_path("irq:%u", irq), "affinity"), "1");
	fixture_done(&f);
}

static void test_memory(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_memory);
	assert_int_equal(fixture_u64(&f, "host", "memory_available_bytes"), 1500 * 1024);
	assert_int_equal(fixture_u64(&f, "node:0", "memory_free_bytes"), 400 * 1024);
	assert_int_equal(fixture_u64(&f, "node:2", "memory_total_bytes"), 500 * 1024);
	assert_string_equal(fixture_text(&f, "host", "thp_enabled"), "madvise");
	assert_string_equal(fixture_text(&f, "host", "numa_balancing"), "1");
	assert_int_equal(fixture_u64(&f, "host", "ksm_pages_sharing"), 17);
	fixture_done(&f);
	start(&f, &probe_hugepages);
	assert_int_equal(fixture_u64(&f, "hugepool:all/2048kB", "reserved_pages"), 1);
	assert_int_equal(fixture_u64(&f, "hugepool:0/2048kB", "free_pages"), 6);
	assert_int_equal(fixture_state(&f, "hugepool:0/2048kB", "reserved_pages"), VALUE_ABSENT);
	fixture_done(&f);
	start(&f, &probe_hugeholder);
	assert_string_equal(snapshot_find(f.snap, "hugeholder:42")->name, "qemu");
	assert_int_equal(fixture_u64(&f, "hugeholder:42", "total_bytes"), 4096 * 1024);
	assert_int_equal(fixture_u64(&f, "hugeholder:42", "in_2048kb_pages_bytes"), 4 << 20);
	assert_string_equal(fixture_text(&f, "hugeholder:42", "nodes"), "0:4");
	/* Nothing held: the processes are not looked at. */
	host_fake_file(f.host, HUGE_DIR "/free_hugepages", "8");
	host_fake_error(f.host, "proc/42/status", EIO);
	tick(&f, 10);
	assert_int_equal(fixture_count(&f, "hugeholder"), 0);
	assert_string_equal(fixture_error(&f), "");
	fixture_done(&f);
}

static void test_pressure(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_pressure);
	assert_true(fixture_f64(&f, "host", "pressure_cpu_some_avg10_percent") == 1.5);
	assert_int_equal(fixture_u64(&f, "host", "pressure_cpu_some_ns"), NSEC_PER_MSEC);
	assert_int_equal(fixture_state(&f, "host", "pressure_irq_some_ns"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "host", "pressure_irq_full_ns"), 7000);
	/* psi=0: the files are there and say EOPNOTSUPP. */
	host_fake_error(f.host, "proc/pressure/cpu", EOPNOTSUPP);
	host_fake_error(f.host, "proc/pressure/irq", EOPNOTSUPP);
	tick(&f, 2);
	assert_int_equal(fixture_status(&f), SAMPLE_ABSENT);
	fixture_done(&f);
}

static void test_kernel(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_kernel);
	assert_string_equal(fixture_text(&f, "host", "kernel_release"), "6.1.0-rt");
	assert_string_equal(fixture_text(&f, "host", "preemption"), "PREEMPT_RT");
	assert_string_equal(fixture_text(&f, "host", "isolcpus_flags"), "nohz,domain");
	assert_string_equal(fixture_text(&f, "host", "irqaffinity"), "0-1");
	assert_string_equal(fixture_text(&f, "host", "boot_hugepages"),
			    "hugepagesz=1G hugepages=2");
	assert_string_equal(fixture_text(&f, "host", "lockdown"), "integrity");
	assert_string_equal(fixture_text(&f, "host", "clocksources"), "tsc hpet");
	host_fake_file(f.host, "proc/version",
		       "Linux version 6.8.0 (x) #1 SMP PREEMPT_DYNAMIC Mon");
	host_fake_file(f.host, "sys/kernel/debug/sched/preempt", "none voluntary (full) lazy");
	tick(&f, 10);
	assert_string_equal(fixture_text(&f, "host", "preemption"), "PREEMPT_DYNAMIC (full)");
	/* Lockdown closes debugfs; the command line still says what was asked for. */
	host_fake_error(f.host, "sys/kernel/debug/sched/preempt", EPERM);
	host_fake_file(f.host, "proc/cmdline", "preempt=voluntary mitigations=off");
	tick(&f, 20);
	assert_string_equal(fixture_text(&f, "host", "preemption"), "PREEMPT_DYNAMIC (voluntary)");
	assert_string_equal(fixture_text(&f, "host", "mitigations"), "off");
	assert_string_equal(fixture_text(&f, "host", "irqaffinity"), "");
	fixture_done(&f);
}

static void test_isolation(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_isolation);
	assert_string_equal(fixture_text(&f, "cpu:2", "isolation"), "isolcpus");
	assert_string_equal(fixture_text(&f, "cpu:1", "isolation"), "partition rt.slice");
	assert_int_equal(fixture_u64(&f, "cpu:1", "isolated"), 1);
	assert_int_equal(fixture_u64(&f, "cpu:0", "housekeeping"), 1);
	assert_int_equal(fixture_u64(&f, "cpu:1", "housekeeping"), 0);
	assert_int_equal(fixture_u64(&f, "cpu:3", "housekeeping"), 0); /* offline */
	assert_string_equal(fixture_text(&f, "host", "nohz_full"), "");
	/* No list files: the command line, whose isolcpus has nohz. rcu_nocbs follows. */
	host_fake_remove(f.host, CPU_DIR "/isolated");
	host_fake_remove(f.host, CPU_DIR "/nohz_full");
	host_fake_file(f.host, "proc/cmdline", "\"a=isolcpus=1 2\" isolcpus=nohz,managed_irq,2-N");
	tick(&f, 10);
	assert_string_equal(fixture_text(&f, "host", "nohz_full"), "2-7");
	assert_string_equal(fixture_text(&f, "host", "rcu_nocbs"), "2-7");
	assert_string_equal(fixture_text(&f, "host", "isolcpus"), "");
	fixture_done(&f);
}

/* cgroup v1: the root does not balance, one set does, one does not. */
static void test_isolation_v1(void **state)
{
#define V1 "sys/fs/cgroup/cpuset"
	struct fixture f;

	(void)state;
	start(&f, &probe_isolation);
	host_fake_file(f.host, CPU_DIR "/isolated", "");
	host_fake_file(f.host, "proc/mounts",
		       "cgroup /elsewhere cgroup rw,cpuset 0 0\n"
		       "cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset,cpu 0 0");
	host_fake_file(f.host, V1 "/cpuset.cpus", "0-2");
	host_fake_file(f.host, V1 "/cpuset.sched_load_balance", "0");
	host_fake_file(f.host, V1 "/system/cpuset.cpus", "0");
	host_fake_file(f.host, V1 "/system/cpuset.sched_load_balance", "1");
	host_fake_file(f.host, V1 "/rt/cpuset.cpus", "1");
	host_fake_file(f.host, V1 "/rt/cpuset.sched_load_balance", "0");
	tick(&f, 10);
	assert_string_equal(fixture_text(&f, "cpu:0", "isolation"), "");
	assert_string_equal(fixture_text(&f, "cpu:1", "isolation"),
			    "cpuset rt (no load balancing)");
	assert_string_equal(fixture_text(&f, "cpu:2", "isolation"), "cpuset / (no load balancing)");
	host_fake_file(f.host, V1 "/cpuset.sched_load_balance", "1");
	tick(&f, 20);
	assert_string_equal(fixture_text(&f, "cpu:1", "isolation"), "");
	fixture_done(&f);
}

static void test_devices(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_nic);
	assert_string_equal(fixture_text(&f, "nic:eth0", "driver"), "igb");
	assert_string_equal(fixture_text(&f, "nic:eth0", "state"), "up");
	assert_int_equal(fixture_u64(&f, "nic:eth0", "mtu"), 1500);
	host_fake_remove(f.host, "sys/class/net/eth0");
	host_fake_file(f.host, "sys/class/net/eth1/operstate", "down");
	tick(&f, 20);
	assert_null(snapshot_find(f.snap, "nic:eth0"));
	assert_string_equal(fixture_text(&f, "nic:eth1", "state"), "down");
	fixture_done(&f);
	start(&f, &probe_cpufreq);
	assert_int_equal(fixture_u64(&f, "cpu:0", "freq_hz"), UINT64_C(2400000000));
	/* CPU 2 is isolated: not disturbed. */
	assert_int_equal(fixture_state(&f, "cpu:2", "freq_hz"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "cpu:0", "governor"), "schedutil");
	fixture_done(&f);
	start(&f, &probe_cpuidle);
	assert_int_equal(fixture_u64(&f, "cstate:0/0", "time_ns"), 12000);
	assert_string_equal(snapshot_find(f.snap, "cstate:0/0")->name, "POLL");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_hotplug),
		cmocka_unit_test(test_odd_ids),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_schedstat_and_softirq),
		cmocka_unit_test(test_irq),
		cmocka_unit_test(test_irq_large),
		cmocka_unit_test(test_irq_many),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_isolation_v1),
		cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
