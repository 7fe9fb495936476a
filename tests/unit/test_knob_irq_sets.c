/* Many interrupts at once on a fake host: which are moved where, which are left, what is refused.
 */
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

#define PCI "devices/pci0000:00/0000:00:03.0"

struct fixture {
	struct host *host;
	struct plan plan;
	struct change_report report;
	char why[512];
};

static void add_irq(struct fixture *f, unsigned irq, const char *actions, const char *cpus)
{
	char path[96], text[64];

	(void)snprintf(path, sizeof(path), "proc/irq/%u/smp_affinity_list", irq);
	(void)snprintf(text, sizeof(text), "%s\n", cpus);
	host_fake_file(f->host, path, text);
	(void)snprintf(path, sizeof(path), "sys/kernel/irq/%u/actions", irq);
	(void)snprintf(text, sizeof(text), "%s\n", actions);
	host_fake_file(f->host, path, text);
	(void)snprintf(path, sizeof(path), "sys/" PCI "/msi_irqs/%u", irq);
	if (irq < 50)
		host_fake_file(f->host, path, "msix\n");
}

static void add_tx(struct fixture *f, unsigned queue)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "sys/class/net/eth0/queues/tx-%u/xps_cpus", queue);
	host_fake_file(f->host, path, "0\n");
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	plan_init(&f->plan);
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(f->host, "sys/devices/system/node/node1/cpulist", "2-3\n");
	host_fake_file(f->host, "proc/irq/default_smp_affinity", "f\n");
	add_irq(f, 40, "eth0-TxRx-0", "0-3");
	add_irq(f, 41, "eth0-TxRx-1", "0-3");
	add_irq(f, 42, "eth0-TxRx-2", "2");
	add_irq(f, 43, "eth0", "0-3"); /* link changes */
	add_irq(f, 60, "nvme0q1", "3");
	add_irq(f, 61, "", "0-3"); /* nobody handles it */
	add_irq(f, 62, "i8042", "0-1");
	*state = f;
	return err;
}

/* The way from the interface to its vectors. */
static void add_nic(struct fixture *f)
{
	host_fake_link(f->host, "sys/class/net/eth0", "../../" PCI "/net/eth0");
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

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static const char *wish(struct fixture *f, const char *object)
{
	for (unsigned i = 0; i < f->plan.n_steps; i++) {
		if (!strcmp(f->plan.steps[i].object, object))
			return f->plan.steps[i].new_value;
	}
	return "left";
}

static void test_off(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_irq_off, "all", "2-3"), 0);
	assert_string_equal(f->plan.steps[0].object, "host"); /* newcomers first */
	assert_string_equal(wish(f, "host"), "3");
	assert_string_equal(wish(f, "irq:40"), "0-1");
	assert_string_equal(wish(f, "irq:42"), "0-1"); /* it had no other */
	assert_string_equal(wish(f, "irq:60"), "left");
	assert_string_equal(wish(f, "irq:61"), "left");
	assert_string_equal(wish(f, "irq:62"), "left"); /* was not there */
	assert_int_equal(f->plan.n_steps, 5);
	assert_non_null(strstr(f->why, "60 nvme0q1"));
	assert_true(cpuset_has(&f->plan.affected, 2));
}

/* One that cannot be moved does not keep the others where they are. */
static void test_off_refused(void **state)
{
	struct fixture *f = *state;
	char text[32];

	assert_int_equal(plan(f, &knob_irq_off, "all", "3"), 0);
	host_fake_write_becomes(f->host, 3, NULL, EIO); /* irq:41, behind the default and irq:40 */
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(f->report.steps[2].result, CHANGE_REFUSED);
	assert_non_null(strstr(f->report.steps[2].why, "cannot be moved"));
	assert_true(host_readf(f->host, text, sizeof(text), "proc/irq/41/smp_affinity_list") > 0);
	assert_string_equal(text, "0-3");
	assert_true(host_readf(f->host, text, sizeof(text), "proc/irq/43/smp_affinity_list") > 0);
	assert_string_equal(text, "0-2");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_true(host_readf(f->host, text, sizeof(text), "proc/irq/43/smp_affinity_list") > 0);
	assert_string_equal(text, "0-3");
}

static void test_off_wrong(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_irq_off, "all", "0-3"), -EINVAL);
	assert_non_null(strstr(f->why, "no online CPU would be left"));
	assert_int_equal(plan(f, &knob_irq_off, "all", ""), -EINVAL);
	assert_int_equal(plan(f, &knob_irq_off, "all", "x"), -EINVAL);
	assert_non_null(strstr(f->why, "such as 2-3"));
	assert_int_equal(plan(f, &knob_irq_off, "cpu:3", "3"), -EINVAL);
	assert_int_equal(f->plan.n_steps, 0);
}

static void test_off_targets(void **state)
{
	struct fixture *f = *state;
	struct knob_targets targets = {.arena = arena_new(0)};

	assert_int_equal(knob_irq_off.targets(f->host, &targets), 0);
	assert_int_equal(targets.n_targets, 1);
	assert_string_equal(targets.targets[0].value, "");
	add_irq(f, 40, "eth0-TxRx-0", "0");
	add_irq(f, 41, "eth0-TxRx-1", "0");
	add_irq(f, 43, "eth0", "0");
	targets.n_targets = 0;
	assert_int_equal(knob_irq_off.targets(f->host, &targets), 0);
	assert_string_equal(targets.targets[0].value, ""); /* 2: irq 42, 3: irq 60, 1: irq 62 */
	add_irq(f, 60, "nvme0q1", "2");
	targets.n_targets = 0;
	assert_int_equal(knob_irq_off.targets(f->host, &targets), 0);
	assert_string_equal(targets.targets[0].value, "3");
	arena_free(targets.arena);
}

static void test_nic_all(void **state)
{
	struct fixture *f = *state;

	add_nic(f);
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "1"), 0);
	assert_int_equal(f->plan.n_steps, 4);
	assert_string_equal(wish(f, "irq:43"), "1");
	assert_string_equal(wish(f, "irq:62"), "left");
}

static void test_nic_one_per_cpu(void **state)
{
	struct fixture *f = *state;

	add_nic(f);
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "one-per-cpu:0,2"), 0);
	assert_string_equal(wish(f, "irq:40"), "0");
	assert_string_equal(wish(f, "irq:41"), "2");
	assert_string_equal(wish(f, "irq:42"), "0"); /* around again */
	assert_string_equal(wish(f, "irq:43"), "left");
}

static void test_nic_wrong(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "1"), -ENOENT);
	assert_non_null(strstr(f->why, "no interrupts of its own"));
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "9"), -EINVAL);
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "spred"), -EINVAL);
	assert_non_null(strstr(f->why, "one-per-cpu:LIST"));
	assert_int_equal(plan(f, &knob_nic_irqs, "eth0", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0/x", "1"), -EINVAL);
	assert_int_equal(f->plan.n_steps, 0);
}

/* The CPUs of its node, and XPS to match. */
static void test_nic_spread(void **state)
{
	struct fixture *f = *state;

	host_fake_file(f->host, "sys/class/net/eth0/device/numa_node", "1\n");
	host_fake_file(f->host, "sys/class/net/eth0/ifindex", "2\n");
	for (unsigned irq = 40; irq < 44; irq++) {
		char path[96];

		(void)snprintf(path, sizeof(path), "sys/class/net/eth0/device/msi_irqs/%u", irq);
		host_fake_file(f->host, path, "msix\n");
	}
	add_tx(f, 0);
	add_tx(f, 1);
	assert_int_equal(plan(f, &knob_nic_irqs, "nic:eth0", "spread"), 0);
	assert_string_equal(wish(f, "irq:40"), "2");
	assert_string_equal(wish(f, "irq:41"), "3");
	assert_string_equal(wish(f, "queue:eth0/tx-0"), "4");
	assert_string_equal(wish(f, "queue:eth0/tx-1"), "8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nic_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nic_one_per_cpu, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nic_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nic_spread, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
