/* Which CPUs a task may use, and whether it is pinned. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/task_cpus.h"

static void lines(void **state)
{
	static const struct {
		const char *status, *list; /* NULL: none */
	} cases[] = {
		{"Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8\nMems:\t0\n", "0-3,8"},
		{"Cpus_allowed_list:\t5", "5"},
		{"Cpus_allowed_list:   5-6\n", "5-6"},
		{"Name:\tx Cpus_allowed_list:\t9\nCpus_allowed_list:\t1\n", "1"},
		{"Name:\tx\nCpus_allowed:\tff\n", NULL},
		{"Name:\tx\nCpus_allowed_list:\tx\n", NULL},
		{"Name:\tx\nCpus_allowed_list:\t0-3 4\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpuset set;
		char text[64];

		cpuset_zero(&set);
		cpuset_add(&set, 77);
		assert_int_equal(task_cpus_parse(cases[i].status, &set) == 0, !!cases[i].list);
		assert_true(cpuset_format_list(&set, text, sizeof(text)) > 0);
		assert_string_equal(text, cases[i].list ? cases[i].list : "77");
	}
}

static void files(void **state)
{
	struct host *host;
	struct cpuset set;

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	host_fake_file(host, "proc/7/task/8/status", "Name:\tx\nCpus_allowed_list:\t2\n");
	host_fake_file(host, "proc/7/task/9/status", "Name:\tx\n");
	assert_int_equal(task_cpus_read(host, 7, 8, &set), 0);
	assert_true(cpuset_has(&set, 2));
	assert_int_equal(task_cpus_read(host, 7, 9, &set), -EINVAL);
	assert_int_equal(task_cpus_read(host, 7, 10, &set), -ENOENT);
	host_close(host);
}

/* With CPUs 2-3 isolated a daemon is on 0-1, and nobody pinned it. */
static void pinned(void **state)
{
	static const struct {
		const char *init, *allowed;
		bool is_pinned;
	} cases[] = {
		{"0-3", "0-3", false},	{"0-3", "0-1", true}, {"0-1", "0-1", false},
		{"0-1", "0-3", false},	{"0-1", "2-3", true}, {"0-1", "0,2-3", true},
		{"0-63", "0-3", false}, {NULL, "0-2", true},  {NULL, "0-3", false},
		{"8-9", "0-3", false}, /* none of them online: it says nothing */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpuset online, ordinary, allowed;
		struct host *host;

		assert_int_equal(host_open_fake(&host), 0);
		if (cases[i].init) {
			_cleanup_(freep) char *text =
				xasprintf("Name:\tx\nCpus_allowed_list:\t%s\n", cases[i].init);

			host_fake_file(host, "proc/1/task/1/status", text);
		}
		assert_int_equal(cpuset_parse_list("0-3", &online), 0);
		assert_int_equal(cpuset_parse_list(cases[i].allowed, &allowed), 0);
		task_cpus_ordinary(host, &online, &ordinary);
		assert_int_equal(task_cpus_is_pinned(&ordinary, &allowed), cases[i].is_pinned);
		host_close(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(files),
		cmocka_unit_test(pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
