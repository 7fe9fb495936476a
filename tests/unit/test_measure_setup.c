#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/measure_internal.h"

struct fixture {
	struct host *host;
	struct measure_options options;
	struct measure_setup setup;
};

#define RUNTIME "proc/sys/kernel/sched_rt_runtime_us"

static void put(struct host *host, unsigned pid, const char *stat_end, const char *allowed)
{
	char path[64], text[256];

	(void)snprintf(path, sizeof(path), "proc/%u/task/%u/stat", pid, pid);
	(void)snprintf(text, sizeof(text),
		       "%u (task) S 1 1 1 0 -1 0 107 55 0 1 5 3 5 2 -5 0 13 0 24 5400 5306 "
		       "18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 %s 0 0\n",
		       pid, stat_end);
	host_fake_file(host, path, text);
	(void)snprintf(path, sizeof(path), "proc/%u/task/%u/status", pid, pid);
	(void)snprintf(text, sizeof(text), "Name:\ttask\nCpus_allowed_list:\t%s\n", allowed);
	host_fake_file(host, path, text);
}

/* Eight CPUs, this process may use 0-5, a real-time task (pid 50) is bound to CPU 3. */
static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	if (host_open_fake(&f->host))
		return -1;
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-7\n");
	host_fake_file(f->host, RUNTIME, "950000\n");
	put(f->host, 1, "0 0", "0-7");
	put(f->host, 50, "40 1", "3");
	if (cpuset_parse_list("0-5", &f->options.allowed))
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	measure_taken_done(&f->setup.taken);
	host_close(f->host);
	freep(state);
	return 0;
}

static int prepare(struct fixture *f, const struct engine *engine)
{
	measure_taken_done(&f->setup.taken);
	return measure_prepare(f->host, engine, &f->options, &f->setup);
}

static void check_cpus(const struct cpuset *cpus, const char *want)
{
	char list[64];

	assert_true(cpuset_format_list(cpus, list, sizeof(list)) >= 0);
	assert_string_equal(list, want);
}

static void test_default_choice(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(prepare(f, &engine_wakeup), 0);
	check_cpus(&f->setup.eligible, "0-2,4-5");
	check_cpus(&f->setup.taken.cpus, "3");
	assert_non_null(strstr(measure_taken_why(&f->setup.taken, 3)->text, "task 50 "));
	assert_string_equal(f->setup.note, "");
	/* A yes without names is none. */
	f->options.is_forced = true;
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	check_cpus(&f->setup.taken.cpus, "3");
}

static void test_named(void **state)
{
	struct fixture *f = *state;

	/* Named CPUs need not be among the allowed ones. */
	assert_int_equal(cpuset_parse_list("3,6", &f->options.cpus), 0);
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	check_cpus(&f->setup.eligible, "6");
	check_cpus(&f->setup.taken.cpus, "3");
	f->options.is_forced = true;
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	check_cpus(&f->setup.eligible, "3,6");
	check_cpus(&f->setup.taken.cpus, "");
}

/* Without a restriction CPUs that come online later are welcome, but for the taken ones. */
static void test_unrestricted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuset_parse_list("0-7", &f->options.allowed), 0);
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	assert_true(cpuset_has(&f->setup.eligible, 8));
	assert_true(cpuset_has(&f->setup.eligible, CPUSET_MAX - 1));
	assert_false(cpuset_has(&f->setup.eligible, 3));
}

static void test_throttling_off(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(prepare(f, &engine_wakeup), 0);
	assert_int_equal(f->setup.options.policy, MEASURE_FIFO);
	assert_int_equal(f->setup.options.priority, 2);
	assert_false(f->setup.is_unthrottled);

	host_fake_file(f->host, RUNTIME, "-1\n");
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	assert_int_equal(f->setup.options.policy, MEASURE_OTHER);
	assert_int_equal(f->setup.options.priority, 0);
	assert_true(f->setup.is_unthrottled);
	assert_string_equal(f->setup.note, "");

	f->options.is_forced = true;
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	assert_int_equal(f->setup.options.policy, MEASURE_FIFO);
	assert_non_null(strstr(f->setup.note, "throttling is off"));
	/* Nothing to say about an ordinary task. */
	f->options.policy = MEASURE_OTHER;
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	assert_false(f->setup.is_unthrottled);
	assert_string_equal(f->setup.note, "");
}

static void test_tasks_not_seen(void **state)
{
	struct fixture *f = *state;

	host_fake_error(f->host, "proc", EACCES);
	assert_int_equal(prepare(f, &engine_wakeup), 0);
	check_cpus(&f->setup.eligible, "0-5");
	assert_non_null(strstr(f->setup.note, "cannot see"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_default_choice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unrestricted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_throttling_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tasks_not_seen, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
