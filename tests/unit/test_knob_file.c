/* Knobs that are plain files: names, targets, plans and refusals, on fake hosts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "probes/knob_file.h"

static int check_even(struct host *host, const struct knob_file_parts *parts, const char *value,
		      char *why, size_t why_size)
{
	(void)host;
	if (strchr("02468", value[strlen(value) - 1]))
		return 0;
	(void)snprintf(why, why_size, "queue %s of %s: %s is odd: say an even number",
		       parts->text[1], parts->text[0], value);
	return -EINVAL;
}

KNOB_FILE_DEFINE(t_number, "test", KNOB_FREE, STEP_U64, 0, "a number", "free", .key = "host",
		 .path = "proc/sys/vm/number", .max = 200, .unit = "s", .hint = "0: never",
		 .absent = "this kernel has none (CONFIG_NUMBER)");
KNOB_FILE_DEFINE(t_word, "test", KNOB_FREE, STEP_WORD, 0, "a choice", "free", .key = "host",
		 .path = "sys/kernel/mm/choice");
KNOB_FILE_DEFINE(t_governor, "test", KNOB_FREE, STEP_WORD, 0, "a governor", "free",
		 .key = "policy:#", .path = "sys/devices/system/cpu/cpufreq/policy#/governor",
		 .choices_path = "sys/devices/system/cpu/cpufreq/policy#/available",
		 .affects = KNOB_FILE_CPU_FILE,
		 .affects_path = "sys/devices/system/cpu/cpufreq/policy#/affected_cpus",
		 .has_all = true);
KNOB_FILE_DEFINE(t_idle, "test", KNOB_FREE, STEP_U64, 0, "a state", "free", .key = "cstate:#/#",
		 .path = "sys/devices/system/cpu/cpu#/cpuidle/state#/disable", .words = "0|1",
		 .affects = KNOB_FILE_THIS_CPU, .has_all = true);
KNOB_FILE_DEFINE(t_queue, "test", KNOB_FREE, STEP_U64, 0, "a queue", "free", .key = "queue:*/rx-#",
		 .path = "sys/class/net/*/queues/rx-#/rps_flow_cnt",
		 .identity_path = "sys/class/net/*/ifindex", .check = check_even);
KNOB_FILE_DEFINE(t_cpus, "test", KNOB_FREE, STEP_CPULIST, 0, "CPUs", "free", .key = "host",
		 .path = "proc/sys/kernel/cpus", .affects = KNOB_FILE_OLD_OR_NEW);
KNOB_FILE_DEFINE(t_debug, "test", KNOB_FREE, STEP_WORD, 0, "in debugfs", "free", .key = "host",
		 .path = "sys/kernel/debug/sched/preempt",
		 .errors = (const struct knob_file_error[]){{EINVAL, "no such mode"}, {0, NULL}});
KNOB_FILE_DEFINE(t_fixed, "test", KNOB_FREE, STEP_WORD, 0, "read only", "free", .key = "host",
		 .path = "sys/module/kvm/fixed", .read_only = "set when the module is loaded");
KNOB_FILE_DEFINE(t_mask, "test", KNOB_FREE, STEP_U64, 0, "two faces", "free", .key = "host",
		 .path = "sys/two/shown", .read_path = "sys/two/requested");

KNOB_FILE_DEFINE(t_cpumask, "test", KNOB_FREE, STEP_CPUMASK, 0, "CPUs", "free", .key = "host",
		 .path = "sys/mask", .affects = KNOB_FILE_OLD_OR_NEW);
KNOB_FILE_DEFINE(t_signed, "test", KNOB_FREE, STEP_I64, 0, "signed", "free", .key = "host",
		 .path = "sys/signed", .min = -1, .max = 1000, .unit = "us",
		 .hint = "-1: no limit");

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	char why[512];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	plan_done(&f->plan);
	*state = f;
	int err = host_open_fake(&f->host);
	if (!err)
		host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	if (!err)
		host_fake_file(f->host, "sys/devices/system/cpu/possible", "0-7\n");
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	host_close(f->host);
	arena_free(f->arena);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static const struct knob_target *list(struct fixture *f, const struct knob *knob)
{
	f->targets = (struct knob_targets){.arena = f->arena};
	assert_int_equal(knob->targets(f->host, &f->targets), 0);
	assert_true(f->targets.n_targets > 0);
	return f->targets.targets;
}

static void set(struct fixture *f, const char *text, const char *fmt, ...) _printf_(3, 4);
static void set(struct fixture *f, const char *text, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	host_fake_file(f->host, path, text);
}

static void assert_path(const struct step_class *class, const char *object, const char *wanted)
{
	char path[256] = "";
	int err = class->path(object, path, sizeof(path));

	if (!wanted) {
		assert_int_equal(err, -EINVAL);
		return;
	}
	assert_int_equal(err, 0);
	assert_string_equal(path, wanted);
}

static void test_paths(void **state)
{
	(void)state;
	assert_path(&step_class_t_number, "host", "proc/sys/vm/number");
	assert_path(&step_class_t_idle, "cstate:12/3",
		    "sys/devices/system/cpu/cpu12/cpuidle/state3/disable");
	assert_path(&step_class_t_queue, "queue:eth0.100/rx-0",
		    "sys/class/net/eth0.100/queues/rx-0/rps_flow_cnt");
	assert_path(&step_class_t_queue, "queue:\xc3\xa9th/rx-4095",
		    "sys/class/net/\xc3\xa9th/queues/rx-4095/rps_flow_cnt");
}

/* What a forged undo file may try. */
static void test_forged_objects(void **state)
{
	static const char *const globals[] = {"", "hos", "host ", "host/x", "hosts", "../host"};
	static const char *const idles[] = {
		"cstate:1",
		"cstate:1/",
		"cstate:/1",
		"cstate:01/1",
		"cstate:1/1/1",
		"cstate:+1/1",
		"cstate:-1/1",
		"cstate:1/ 1",
		"cstate:1/*",
		"cstate:*/1",
		"cstate:../1",
		"cpu:1/1",
		"cstate:1/1x",
		"cstate:1//1",
		"cstate:99999999/1",
		"cstate:#/1",
		"cstate:0x1/1",
		"cstate:1\n/1",
		"cstate:99999999999999999999999999/1",
		"cstate:000000000000000000000000000000000000000000000000000000000000000000000/1",
	};
	static const char *const queues[] = {
		"queue:../rx-0",  "queue:./rx-0",    "queue:/rx-0",	"queue:a/b/rx-0",
		"queue:a b/rx-0", "queue:a/rx-00",   "queue:a/tx-0",	"queue:a/rx-0/../rx-1",
		"queue:a\n/rx-0", "queue:\x1b/rx-0", "queue:*/rx-0",	"queue:a/rx-*",
		"queue:a?/rx-0",  "queue:a/rx-",     "queue:\xff/rx-0", "queue:a/rx-0\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		assert_path(&step_class_t_number, globals[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(idles); i++)
		assert_path(&step_class_t_idle, idles[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++)
		assert_path(&step_class_t_queue, queues[i], NULL);
	_cleanup_(freep) char *name = xasprintf("queue:%064d/rx-0", 1);
	assert_path(&step_class_t_queue, name, NULL);
}

static void test_global(void **state)
{
	struct fixture *f = *state;
	const struct knob_target *t = list(f, &knob_t_number);

	assert_int_equal(f->targets.n_targets, 1);
	assert_string_equal(t->key, "host");
	assert_null(t->value);
	assert_string_equal(t->locked, "this kernel has none (CONFIG_NUMBER)");
	assert_int_equal(plan(f, &knob_t_number, "host", "3"), -ENOENT);
	assert_non_null(strstr(f->why, "CONFIG_NUMBER"));

	set(f, "60\n", "proc/sys/vm/number");
	t = list(f, &knob_t_number);
	assert_string_equal(t->value, "60");
	assert_string_equal(t->name, "/proc/sys/vm/number");
	assert_string_equal(t->choices, "0 to 200 s, 0: never");
	assert_null(t->locked);
	assert_int_equal(plan(f, &knob_t_number, "host", "201"), -ERANGE);
	assert_non_null(strstr(f->why, "0 to 200 s"));
	assert_int_equal(plan(f, &knob_t_number, "host", "x"), -EINVAL);
	assert_int_equal(plan(f, &knob_t_number, "vm", "1"), -EINVAL);
	assert_non_null(strstr(f->why, "jittertop knobs t_number"));
	assert_int_equal(f->plan.n_steps, 0);
	assert_int_equal(plan(f, &knob_t_number, "host", "10"), 0);
	assert_string_equal(f->plan.title, "t_number 60 -> 10");
	assert_int_equal(cpuset_count(&f->plan.affected), 4);

	host_fake_error(f->host, "proc/sys/vm/number", EACCES);
	t = list(f, &knob_t_number);
	assert_null(t->value);
	assert_non_null(strstr(t->locked, "it takes root"));
}

static void test_choice(void **state)
{
	struct fixture *f = *state;

	set(f, "always [madvise] never\n", "sys/kernel/mm/choice");
	const struct knob_target *t = list(f, &knob_t_word);
	assert_string_equal(t->value, "madvise");
	assert_string_equal(t->choices, "always|madvise|never");
	assert_int_equal(plan(f, &knob_t_word, "host", "alway"), -EINVAL);
	assert_non_null(strstr(f->why, "always|madvise|never"));
	assert_int_equal(plan(f, &knob_t_word, "host", "never"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "madvise");
}

static void test_debugfs(void **state)
{
	struct fixture *f = *state;
	const struct knob_target *t = list(f, &knob_t_debug);

	assert_non_null(strstr(t->locked, "not mounted"));
	set(f, "none (voluntary) full\n", "sys/kernel/debug/sched/preempt");
	t = list(f, &knob_t_debug);
	assert_string_equal(t->value, "voluntary");
	assert_string_equal(t->choices, "none|voluntary|full");
	assert_int_equal(plan(f, &knob_t_debug, "host", "full"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "voluntary");
	assert_string_equal(step_class_t_debug.explain(EINVAL), "no such mode");
	assert_non_null(strstr(step_class_t_debug.explain(EROFS), "container"));

	host_fake_error(f->host, "sys/kernel/debug/sched/preempt", EPERM);
	set(f, "none [integrity] confidentiality\n", "sys/kernel/security/lockdown");
	t = list(f, &knob_t_debug);
	assert_non_null(strstr(t->locked, "lockdown (integrity"));
	host_fake_error(f->host, "sys/kernel/debug/sched/preempt", 0);
	host_fake_remove(f->host, "sys/kernel/debug/sched/preempt");
	set(f, "1\n", "sys/kernel/debug/other");
	t = list(f, &knob_t_debug);
	assert_string_equal(t->locked, "this kernel has none");
}

static void add_policies(struct fixture *f)
{
	for (unsigned i = 0; i < 3; i++) {
		set(f, i == 2 ? "performance\n" : "powersave\n",
		    "sys/devices/system/cpu/cpufreq/policy%u/governor", i * 4);
		set(f, "performance powersave\n",
		    "sys/devices/system/cpu/cpufreq/policy%u/available", i * 4);
		set(f, i == 1 ? "1 2\n" : "3\n",
		    "sys/devices/system/cpu/cpufreq/policy%u/affected_cpus", i * 4);
	}
	set(f, "1\n", "sys/devices/system/cpu/cpufreq/boost");
	set(f, "x\n", "sys/devices/system/cpu/cpufreq/policy/governor");
}

static void test_per_policy(void **state)
{
	struct fixture *f = *state;
	const struct knob_target *t = list(f, &knob_t_governor);

	assert_string_equal(t->key, "policy:*");
	assert_string_equal(t->locked, "this kernel has none");
	assert_int_equal(plan(f, &knob_t_governor, "policy:*", "performance"), -ENOENT);
	assert_non_null(strstr(f->why, "this kernel has none"));

	add_policies(f);
	t = list(f, &knob_t_governor);
	assert_int_equal(f->targets.n_targets, 4);
	assert_string_equal(t[0].key, "policy:*");
	assert_string_equal(t[0].value, "(mixed)");
	assert_string_equal(t[1].key, "policy:0");
	assert_string_equal(t[3].key, "policy:8");
	assert_string_equal(t[3].choices, "performance|powersave");
	assert_int_equal(plan(f, &knob_t_governor, "policy:4", "performance"), 0);
	assert_int_equal(f->plan.n_steps, 1);
	assert_int_equal(cpuset_count(&f->plan.affected), 2);
	assert_true(cpuset_has(&f->plan.affected, 1));

	plan_done(&f->plan);
	assert_int_equal(plan(f, &knob_t_governor, "policy:*", "performance"), 0);
	assert_int_equal(f->plan.n_steps, 3);
	assert_string_equal(f->plan.steps[2].object, "policy:8");
	assert_string_equal(f->plan.title, "t_governor policy:* -> performance");
	assert_int_equal(cpuset_count(&f->plan.affected), 3);
	plan_done(&f->plan);
	assert_int_equal(plan(f, &knob_t_governor, "policy:1-7", "performance"), 0);
	assert_int_equal(f->plan.n_steps, 1);
	plan_done(&f->plan);
	assert_int_equal(plan(f, &knob_t_governor, "policy:1-3", "performance"), -ENOENT);
	assert_int_equal(plan(f, &knob_t_governor, "policy:*", "fast"), -EINVAL);
}

static void add_states(struct fixture *f)
{
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		for (unsigned s = 0; s < 2; s++)
			set(f, "0\n", "sys/devices/system/cpu/cpu%u/cpuidle/state%u/disable", cpu,
			    s);
	}
}

static void test_two_parts(void **state)
{
	struct fixture *f = *state;

	add_states(f);
	const struct knob_target *t = list(f, &knob_t_idle);
	assert_int_equal(f->targets.n_targets, 7);
	assert_string_equal(t[0].key, "cstate:*/*");
	assert_string_equal(t[0].value, "0");
	assert_string_equal(t[2].key, "cstate:0/1");
	assert_int_equal(plan(f, &knob_t_idle, "cstate:*/1", "1"), 0);
	assert_int_equal(f->plan.n_steps, 3);
	plan_done(&f->plan);
	assert_int_equal(plan(f, &knob_t_idle, "cstate:1-2,9/*", "1"), 0);
	assert_int_equal(f->plan.n_steps, 4);
	assert_int_equal(cpuset_count(&f->plan.affected), 2);
	plan_done(&f->plan);
	assert_int_equal(plan(f, &knob_t_idle, "cstate:*", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_t_idle, "cstate:2/0", "2"), -EINVAL);
	assert_non_null(strstr(f->why, "0|1"));
}

static void test_queue(void **state)
{
	struct fixture *f = *state;
	_cleanup_(change_report_freep) struct change_report *report = xcalloc(1, sizeof(*report));

	set(f, "0\n", "sys/class/net/eth0/queues/rx-0/rps_flow_cnt");
	set(f, "0\n", "sys/class/net/eth0/queues/rx-1/rps_flow_cnt");
	set(f, "0\n", "sys/class/net/eth0/queues/tx-0/rps_flow_cnt");
	set(f, "0\n", "sys/class/net/evil\x1b/queues/rx-0/rps_flow_cnt");
	set(f, "2\n", "sys/class/net/eth0/ifindex");
	assert_string_equal(list(f, &knob_t_queue)[0].key, "queue:eth0/rx-0");
	assert_int_equal(f->targets.n_targets, 2);
	assert_int_equal(plan(f, &knob_t_queue, "queue:eth0/rx-0", "3"), -EINVAL);
	assert_string_equal(f->why, "queue 0 of eth0: 3 is odd: say an even number");
	assert_int_equal(plan(f, &knob_t_queue, "queue:e*/rx-1", "4"), 0);
	assert_int_equal(f->plan.n_steps, 1);
	assert_string_equal(f->plan.steps[0].identity, "2");
	/* Another interface of that name. */
	set(f, "7\n", "sys/class/net/eth0/ifindex");
	assert_int_equal(change_check(f->host, &f->plan, report), -ESTALE);
	host_fake_error(f->host, "sys/class/net/eth0/queues/rx-1/rps_flow_cnt", EIO);
	assert_int_equal(change_check(f->host, &f->plan, report), -EIO);
}

static void test_cpu_list(void **state)
{
	struct fixture *f = *state;

	set(f, "0-3\n", "proc/sys/kernel/cpus");
	assert_string_equal(list(f, &knob_t_cpus)[0].choices, "CPU list of 0-7");
	assert_int_equal(plan(f, &knob_t_cpus, "host", ""), -EINVAL);
	assert_int_equal(plan(f, &knob_t_cpus, "host", "8"), -EINVAL);
	assert_non_null(strstr(f->why, "0-7"));
	assert_int_equal(plan(f, &knob_t_cpus, "host", "6,5"), 0);
	assert_string_equal(f->plan.steps[0].new_value, "5-6");
	assert_int_equal(cpuset_count(&f->plan.affected), 6);
}

static void test_cpu_mask(void **state)
{
	struct fixture *f = *state;

	set(f, "00000000,000000f0\n", "sys/mask");
	const struct knob_target *t = list(f, &knob_t_cpumask);
	assert_string_equal(t->value, "f0");
	assert_string_equal(t->name, "CPUs 4-7");
	assert_string_equal(t->choices, "CPU mask, or list:LIST, of 0-7");
	assert_int_equal(plan(f, &knob_t_cpumask, "host", "100"), -EINVAL);
	assert_non_null(strstr(f->why, "0-7"));
	assert_int_equal(plan(f, &knob_t_cpumask, "host", "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_t_cpumask, "host", "list:x"), -EINVAL);
	assert_int_equal(plan(f, &knob_t_cpumask, "host", "list:1,3"), 0);
	assert_string_equal(f->plan.steps[0].new_value, "a");
	assert_int_equal(cpuset_count(&f->plan.affected), 6);
}

static void test_signed(void **state)
{
	struct fixture *f = *state;

	set(f, "950\n", "sys/signed");
	assert_string_equal(list(f, &knob_t_signed)->choices, "-1 to 1000 us, -1: no limit");
	assert_int_equal(plan(f, &knob_t_signed, "host", "-2"), -ERANGE);
	assert_int_equal(plan(f, &knob_t_signed, "host", "-1"), 0);
	assert_string_equal(f->plan.title, "t_signed 950 -> -1");
}

static void test_locked(void **state)
{
	struct fixture *f = *state;

	set(f, "Y\n", "sys/module/kvm/fixed");
	const struct knob_target *t = list(f, &knob_t_fixed);
	assert_string_equal(t->value, "Y");
	assert_string_equal(t->locked, "set when the module is loaded");
	assert_int_equal(plan(f, &knob_t_fixed, "host", "N"), -EPERM);
	assert_non_null(strstr(f->why, "module is loaded"));
	/* A file that only shows on this kernel. */
	set(f, "60\n", "proc/sys/vm/number");
	assert_null(list(f, &knob_t_number)->locked);
	set(f, "", "fake/read-only/proc/sys/vm/number");
	assert_string_equal(list(f, &knob_t_number)->locked, "this kernel only shows it");
	assert_int_equal(plan(f, &knob_t_number, "host", "10"), -EPERM);
	assert_non_null(strstr(f->why, "only shows"));
}

/* The value that a write means is in another file, on kernels that have it. */
static void test_read_path(void **state)
{
	struct fixture *f = *state;
	char text[64];

	set(f, "1\n", "sys/two/shown");
	assert_true(step_class_t_mask.read(f->host, "host", text, sizeof(text)) > 0);
	assert_string_equal(text, "1");
	set(f, "3\n", "sys/two/requested");
	assert_true(step_class_t_mask.read(f->host, "host", text, sizeof(text)) > 0);
	assert_string_equal(text, "3");
	host_fake_error(f->host, "sys/two/requested", EIO);
	assert_int_equal(step_class_t_mask.read(f->host, "host", text, sizeof(text)), -EIO);
}

static void test_apply_undo(void **state)
{
	struct fixture *f = *state;
	_cleanup_(change_report_freep) struct change_report *report = xcalloc(1, sizeof(*report));
	char text[64];

	add_states(f);
	assert_int_equal(plan(f, &knob_t_idle, "cstate:*/0", "1"), 0);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, report), 0);
	assert_true(host_read(f->host, "sys/devices/system/cpu/cpu2/cpuidle/state0/disable", text,
			      sizeof(text)) > 0);
	assert_string_equal(text, "1");
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, report), 0);
	assert_true(host_read(f->host, "sys/devices/system/cpu/cpu2/cpuidle/state0/disable", text,
			      sizeof(text)) > 0);
	assert_string_equal(text, "0");
	host_fake_write_becomes(f->host, 2, NULL, EROFS);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, report), -EROFS);
	assert_non_null(strstr(report->steps[1].why, "container"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_forged_objects),
		cmocka_unit_test_setup_teardown(test_global, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_choice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_debugfs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_per_policy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cpu_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cpu_mask, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_locked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_apply_undo, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
