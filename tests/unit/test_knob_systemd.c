/* Settings of systemd's units: their plans, what is written, read back, undone and refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "probes/knob_systemd.h"
#include "probes/probes.h"

#define UNIT "cron.service"
#define GROUP "system.slice/" UNIT
#define TARGET "container:/" GROUP
#define BUS "fake/bus/" UNIT "/"
#define KERNEL "sys/fs/cgroup/" GROUP "/"

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report report;
	unsigned n_sets;
	int refusal;
	char why[512];
};

/* systemd: writes the group's file; a list that is cleared stays there (its issue 43846). */
static int on_request(void *arg, struct host *host, const char *kind, const char *name,
		      const void *bytes, size_t len)
{
	struct fixture *f = arg;
	char value[256], text[300];

	assert_string_equal(kind, "bus");
	if (f->refusal)
		return f->refusal;
	(void)snprintf(value, sizeof(value), "%.*s", (int)len, (const char *)bytes);
	f->n_sets++;
	if (!strcmp(name, UNIT "/AllowedCPUs") && *value)
		host_fake_file(host, KERNEL "cpuset.cpus", value);
	if (!strcmp(name, UNIT "/CPUWeight"))
		host_fake_file(host, KERNEL "cpu.weight", strcmp(value, "unset") ? value : "100");
	if (!strcmp(name, UNIT "/CPUQuotaPerSecUSec")) {
		(void)snprintf(text, sizeof(text), "%d 100000", atoi(value) / 10);
		host_fake_file(host, KERNEL "cpu.max",
			       strcmp(value, "infinity") ? text : "max 100000");
	}
	return 0;
}

static int set_up(void **state)
{
	static const char *const files[][2] = {
		{"sys/devices/system/cpu/online", "0-3\n"},
		{"sys/devices/system/node/online", "0-1\n"},
		{"proc/self/mountinfo", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
		{"sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n"},
		{KERNEL "cpuset.cpus", "\n"},
		{KERNEL "cpuset.mems", "\n"},
		{KERNEL "cpu.max", "max 100000\n"},
		{KERNEL "cpu.weight", "100\n"},
		{KERNEL "cpu.stat", "usage_usec 1\n"},
		{BUS "AllowedCPUs", ""},
		{BUS "AllowedMemoryNodes", ""},
		{BUS "CPUQuotaPerSecUSec", "infinity"},
		{BUS "CPUWeight", "unset"},
		{BUS "ControlGroup", "/" GROUP},
		{BUS "InvocationID", "00ff"},
	};
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	plan_init(&f->plan);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		host_fake_file(f->host, files[i][0], files[i][1]);
	host_fake_on_request(f->host, on_request, f);
	*state = f;
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	change_report_done(&f->report);
	plan_done(&f->plan);
	host_close(f->host);
	arena_free(f->arena);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *value)
{
	plan_done(&f->plan);
	plan_init(&f->plan);
	f->why[0] = '\0';
	return knob->plan(f->host, TARGET, value, &f->plan, f->why, sizeof(f->why));
}

static void assert_file(struct fixture *f, const char *path, const char *want)
{
	char text[256];

	assert_true(host_read(f->host, path, text, sizeof(text)) >= 0);
	assert_string_equal(text, want);
}

static int apply(struct fixture *f)
{
	return change_apply(f->host, &f->plan, NULL, NULL, &f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, &f->report);
}

static void test_cpus(void **state)
{
	struct fixture *f = *state;
	char text[256];

	assert_int_equal(plan(f, &knob_container_cpus, "3,1-2"), 0);
	assert_int_equal(f->plan.n_steps, 1);
	assert_string_equal(f->plan.steps[0].object, "unit:" UNIT "/AllowedCPUs");
	assert_string_equal(f->plan.steps[0].identity, "invocation-00ff");
	assert_string_equal(f->plan.steps[0].old_value, "");
	assert_string_equal(f->plan.steps[0].new_value, "1-3");
	assert_int_equal(plan_step_path(&f->plan.steps[0], text, sizeof(text)), 0);
	assert_string_equal(text, "systemd unit " UNIT ": AllowedCPUs");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_file(f, BUS "AllowedCPUs", "1-3");
	assert_file(f, KERNEL "cpuset.cpus", "1-3");
	/* Taken out of the kernel's file too, which systemd does not do. */
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_file(f, BUS "AllowedCPUs", "");
	assert_file(f, KERNEL "cpuset.cpus", "");
	assert_int_equal(f->n_sets, 2);
}

/* The answer came, the kernel's file says something else: not called done. */
static void test_not_arrived(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_mems, "1"), 0);
	assert_int_equal(apply(f), 0); /* this systemd leaves cpuset.mems alone */
	assert_int_equal(f->report.steps[0].result, CHANGE_PENDING);
	assert_int_equal(undo(f), 0);
	assert_file(f, BUS "AllowedMemoryNodes", "");
}

static void test_numbers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_cpu_max, "50000 100000"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "infinity");
	assert_string_equal(f->plan.steps[0].new_value, "500000");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_file(f, KERNEL "cpu.max", "50000 100000");
	assert_int_equal(undo(f), 0);
	assert_file(f, KERNEL "cpu.max", "max 100000");
	assert_int_equal(plan(f, &knob_container_weight, "50"), 0);
	assert_int_equal(apply(f), 0);
	assert_file(f, BUS "CPUWeight", "50");
	assert_int_equal(undo(f), 0);
	assert_file(f, BUS "CPUWeight", "unset");
	assert_file(f, KERNEL "cpu.weight", "100");
	assert_int_equal(plan(f, &knob_container_weight, "100"), 0);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
}

static void test_refused(void **state)
{
	static const char *const quotas[] = {
		"",	    "x", "50000", "999 100000", "50000 0", "50000 200000", "1000001 3000",
		"50000 1 1"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(quotas); i++)
		assert_int_equal(plan(f, &knob_container_cpu_max, quotas[i]), -EINVAL);
	assert_int_equal(plan(f, &knob_container_weight, "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_container_weight, "10001"), -EINVAL);
	assert_int_equal(plan(f, &knob_container_cpus, "x"), -EINVAL);
	assert_int_equal(plan(f, &knob_container_cpus, "9"), -EINVAL);
	assert_non_null(strstr(f->why, "online"));
	/* Somebody wrote past systemd. */
	host_fake_file(f->host, KERNEL "cpuset.cpus", "2\n");
	assert_int_equal(plan(f, &knob_container_cpus, "1"), -EBUSY);
	assert_non_null(strstr(f->why, "cpuset.cpus holds \"2\""));
	host_fake_file(f->host, KERNEL "cpuset.cpus", "\n");
	/* Another manager's unit of the same name. */
	host_fake_file(f->host, BUS "ControlGroup", "/user.slice/" UNIT);
	assert_int_equal(plan(f, &knob_container_cpus, "1"), -EPERM);
	assert_non_null(strstr(f->why, "another systemd"));
	host_fake_file(f->host, BUS "ControlGroup", "/" GROUP);
	assert_int_equal(plan(f, &knob_container_cpus, "1"), 0);
	f->refusal = -EACCES;
	assert_int_equal(apply(f), -EACCES);
	assert_non_null(strstr(f->report.steps[0].why, "root only"));
	assert_int_equal(f->n_sets, 0);
}

/* Started anew, the unit has forgotten what was set; changed by another, it is left alone. */
static void test_meanwhile(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_cpus, "1"), 0);
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, BUS "AllowedCPUs", "3");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_FOREIGN);
	host_fake_file(f->host, BUS "InvocationID", "0100");
	(void)!undo(f);
	assert_int_equal(f->report.steps[0].result, CHANGE_GONE);
	assert_int_equal(f->n_sets, 1);
}

static void test_no_bus(void **state)
{
	struct fixture *f = *state;
	const struct knob_target *found = NULL;

	assert_int_equal(knob_container_cpus.targets(f->host, &f->targets), 0);
	for (unsigned i = 0; i < f->targets.n_targets; i++) {
		if (!strcmp(f->targets.targets[i].key, TARGET))
			found = &f->targets.targets[i];
	}
	assert_non_null(found);
	assert_null(found->locked);
	host_fake_remove(f->host, "fake/bus");
	assert_int_equal(plan(f, &knob_container_cpus, "1"), -EPERM);
	assert_non_null(strstr(f->why, "systemctl set-property --runtime " UNIT " AllowedCPUs="));
	assert_non_null(strstr(f->why, "systemd's bus is not there"));
}

static void test_shell(void **state)
{
	static const char *const cases[][3] = {
		{"unit:a.slice/AllowedCPUs", "1-3",
		 "systemctl set-property --runtime -- 'a.slice' 'AllowedCPUs=1-3'"},
		{"unit:a.slice/CPUQuotaPerSecUSec", "1250500",
		 "systemctl set-property --runtime -- 'a.slice' 'CPUQuota=125.05%'"},
		{"unit:a.slice/CPUQuotaPerSecUSec", "infinity",
		 "systemctl set-property --runtime -- 'a.slice' 'CPUQuota='"},
		{"unit:a.slice/CPUWeight", "unset",
		 "systemctl set-property --runtime -- 'a.slice' 'CPUWeight='"},
	};
	static const char *const bad[] = {"a.slice/AllowedCPUs",       "unit:a.slice",
					  "unit:a.slice/ControlGroup", "unit:a'b.slice/CPUWeight",
					  "unit:a.slice/CPUWeight/",   "unit:/CPUWeight"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			step_class_systemd_unit.shell(cases[i][0], cases[i][1], text, sizeof(text)),
			0);
		assert_string_equal(text, cases[i][2]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(step_class_systemd_unit.path(bad[i], text, sizeof(text)), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cpus),
		TEST(test_not_arrived),
		TEST(test_numbers),
		TEST(test_refused),
		TEST(test_meanwhile),
		TEST(test_no_bus),
		cmocka_unit_test(test_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
