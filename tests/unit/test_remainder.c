/* What is left on isolated CPUs, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/fake_cgroup.h"
#include "tests/unit/probe_fixture.h"

extern const struct probe probe_remainder;

static void test_names(void **state)
{
	struct fixture f;
	struct fake_cgroups cgroups;

	(void)state;
	fixture_fake(&f, &probe_remainder);
	fake_cgroups_start(&cgroups, f.host, true, false);
	fake_task_add(&cgroups, 1, 1, "init", "0-1", "/");
	struct fake_task *task = fake_task_add(&cgroups, 21, 21, "ksoftirqd/2", "2", "/");
	task->flags = 0x04200000;
	fake_task_publish(&cgroups, task);
	fake_task_add(&cgroups, 30, 30, "stray", "1-3", "/");
	fake_task_add(&cgroups, 40, 40, "guest", "2", "/");
	host_fake_file(f.host, "proc/interrupts",
		       "  CPU0 CPU1 CPU2 CPU3\n"
		       " 30: 5 0 7 0 PCI-MSI 3-edge eth0-0\n"
		       " 31: 0 0 0 4 PCI-MSI 4-edge nvme0q3\n"
		       " 32: 9 9 0 0 PCI-MSI 5-edge eth0-1\n"
		       "LOC: 1 1 2 3 Local timer interrupts\n"
		       "ERR: 0\n");
	host_fake_file(f.host, "proc/softirqs",
		       "  CPU0 CPU1 CPU2 CPU3\n HI: 1 1 0 0\n RCU: 1 1 1 1\n");
	host_fake_file(f.host, "proc/cmdline", "quiet rcu_nocbs=2-3\n");

	/* Nothing is isolated: nothing is left to say. */
	fixture_run(&f);
	assert_null(snapshot_find(f.snap, "remainder:task:21"));

	host_fake_file(f.host, "sys/devices/system/cpu/isolated", "2-3\n");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "remainder:task:21", "what"), "kernel thread");
	assert_string_equal(fixture_text(&f, "remainder:task:21", "cpus"), "2");
	assert_string_equal(fixture_text(&f, "remainder:task:30", "cpus"), "2-3");
	assert_null(snapshot_find(f.snap, "remainder:task:1"));
	assert_null(snapshot_find(f.snap, "remainder:task:40")); /* what they are kept for */
	assert_string_equal(fixture_text(&f, "remainder:irq:30", "cpus"), "2");
	assert_string_equal(fixture_text(&f, "remainder:irq:31", "remedy"),
			    "isolcpus=managed_irq at boot");
	assert_null(snapshot_find(f.snap, "remainder:irq:32"));
	assert_string_equal(fixture_text(&f, "remainder:irq:LOC", "remedy"), "nohz_full= at boot");
	assert_null(snapshot_find(f.snap, "remainder:irq:ERR"));
	assert_string_equal(fixture_text(&f, "remainder:softirq:RCU", "cpus"), "2-3");
	assert_null(snapshot_find(f.snap, "remainder:softirq:HI"));
	assert_non_null(snapshot_find(f.snap, "remainder:boot:nohz_full"));
	assert_non_null(snapshot_find(f.snap, "remainder:boot:irqaffinity"));
	assert_non_null(snapshot_find(f.snap, "remainder:boot:isolcpus"));
	assert_null(snapshot_find(f.snap, "remainder:boot:rcu_nocbs")); /* given already */
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
