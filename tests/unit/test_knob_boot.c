/* What only the kernel command line can set: shown, and refused with the words to add. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/probes.h"

struct fixture {
	struct host *host;
	struct arena *arena;
	char why[512];
};

static struct fixture fixture_open(const char *cmdline)
{
	struct fixture f = {.arena = arena_new(0)};

	assert_int_equal(host_open_fake(&f.host), 0);
	if (cmdline)
		host_fake_file(f.host, "proc/cmdline", cmdline);
	return f;
}

static void fixture_close(struct fixture *f)
{
	arena_free(f->arena);
	host_close(f->host);
}

static const struct knob_target *list(struct fixture *f, const struct knob *knob)
{
	struct knob_targets targets = {.arena = f->arena};

	assert_true(knob->is_boot_only);
	assert_int_equal(knob->targets(f->host, &targets), 0);
	assert_int_equal(targets.n_targets, 1);
	assert_non_null(targets.targets[0].locked);
	return &targets.targets[0];
}

static void test_values(void **state)
{
	struct fixture f = fixture_open("ro isolcpus=domain,2-3 isolcpus=managed_irq,4 nosmt "
					"mitigations=\"auto\x1b\" rcutree.kthread-prio=2\n");

	(void)state;
	host_fake_file(f.host, "sys/devices/system/cpu/isolated", "4\n");
	host_fake_file(f.host, "sys/devices/system/cpu/nohz_full", "(null)\n");
	host_fake_file(f.host, "sys/devices/system/cpu/smt/control", "off\n");
	host_fake_file(f.host, "sys/devices/system/clocksource/clocksource0/current_clocksource",
		       "hpet\n");
	assert_string_equal(list(&f, &knob_boot_isolcpus)->value, "managed_irq,4");
	assert_string_equal(list(&f, &knob_boot_nosmt)->value, "given");
	assert_string_equal(list(&f, &knob_boot_nohz_full)->value, "not given");
	assert_string_equal(list(&f, &knob_boot_tsc)->value, "not given (now hpet)");
	assert_string_equal(list(&f, &knob_boot_mitigations)->value, "auto\\e");
	assert_string_equal(list(&f, &knob_boot_rcutree_kthread_prio)->value, "2");
	assert_string_equal(list(&f, &knob_boot_nohz_full)->choices, "nohz_full=LIST");
	assert_non_null(strstr(list(&f, &knob_boot_nohz_full)->locked, "nohz_full=LIST"));
	fixture_close(&f);
}

static void test_refused(void **state)
{
	struct fixture f = fixture_open("ro\n");
	struct plan plan;

	(void)state;
	plan_init(&plan);
	assert_int_equal(
		knob_boot_isolcpus.plan(f.host, "host", "2-3", &plan, f.why, sizeof(f.why)),
		-EPERM);
	assert_non_null(strstr(f.why, "add isolcpus=managed_irq,domain,2-3 to the kernel"));
	assert_int_equal(
		knob_boot_isolcpus.plan(f.host, "host", "nohz,2", &plan, f.why, sizeof(f.why)),
		-EPERM);
	assert_non_null(strstr(f.why, "add isolcpus=nohz,2 to the kernel"));
	assert_int_equal(knob_boot_nosmt.plan(f.host, "host", "1", &plan, f.why, sizeof(f.why)),
			 -EPERM);
	assert_non_null(strstr(f.why, "add nosmt to"));
	assert_int_equal(knob_boot_nosmt.plan(f.host, "cpu:1", "1", &plan, f.why, sizeof(f.why)),
			 -EINVAL);
	assert_int_equal(plan.n_steps, 0);
	plan_done(&plan);
	fixture_close(&f);
}

/* Without /proc/cmdline the rows are there, their values are not. */
static void test_no_cmdline(void **state)
{
	struct fixture f = fixture_open(NULL);

	(void)state;
	assert_null(list(&f, &knob_boot_isolcpus)->value);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_cmdline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
