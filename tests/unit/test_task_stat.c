/* One line of proc/PID/stat: names that look like fields, short lines, signed fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/task_stat.h"

#define AFTER_NAME                                                                                 \
	" S 17 1 1 0 -1 4194560 107 55 0 1 5 3 5 2 20 0 13 0 5400 5306 2 18446744073709551615 1 1" \
	" 0 0 0 0 0 4096 1256 0 0 0 -1 11 50 2 0 0 0 0 0"

static bool has_name(const struct task_stat *stat, const char *name)
{
	return stat->comm_len == strlen(name) && !memcmp(stat->comm, name, stat->comm_len);
}

static void a_whole_line(void **state)
{
	struct task_stat stat;

	(void)state;
	assert_int_equal(task_stat_parse("4242 (CPU 0/KVM)" AFTER_NAME "\n", &stat), 0);
	assert_true(has_name(&stat, "CPU 0/KVM"));
	assert_int_equal(stat.state, 'S');
	assert_true(stat.is_whole);
	assert_int_equal(stat.fields[TASK_STAT_PARENT], 17);
	assert_int_equal(stat.fields[TASK_STAT_FLAGS], 4194560);
	assert_int_equal(stat.fields[TASK_STAT_USER_TICKS], 5);
	assert_int_equal(stat.fields[TASK_STAT_SYSTEM_TICKS], 3);
	assert_int_equal(stat.fields[TASK_STAT_START], 5400);
	assert_int_equal(stat.fields[TASK_STAT_CPU], 11);
	assert_int_equal(stat.fields[TASK_STAT_PRIORITY], 50);
	assert_int_equal(stat.fields[TASK_STAT_POLICY], 2);
	/* -1 is no plain number: it is there, but not as one. */
	assert_false(task_stat_has(&stat, (enum task_stat_field)8));
	assert_true(task_stat_has(&stat, TASK_STAT_POLICY));
}

static void names_that_look_like_fields(void **state)
{
	static const char *const names[] = {"",	      ")",     "a) S 1 2 3 (b", "(((",
					    "x\ny z", ") R 9", "\x1b[31m\xff"};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(freep) char *text = xasprintf("1 (%s)%s", names[i], AFTER_NAME);
		struct task_stat stat;

		assert_int_equal(task_stat_parse(text, &stat), 0);
		assert_true(has_name(&stat, names[i]));
		assert_int_equal(stat.fields[TASK_STAT_PARENT], 17);
		assert_int_equal(stat.fields[TASK_STAT_POLICY], 2);
	}
}

/* Cut after every single byte: never more than is there. */
static void cut_lines(void **state)
{
	static const char whole[] = "4242 (a b)" AFTER_NAME;

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		_cleanup_(freep) char *text = xasprintf("%.*s", (int)len, whole);
		struct task_stat stat;
		int r = task_stat_parse(text, &stat);

		assert_int_equal(r, len < strlen("4242 (a b)") ? -EINVAL : 0);
		if (r < 0)
			continue;
		assert_true(has_name(&stat, "a b"));
		/* The policy, field 41, is followed by five more. */
		assert_int_equal(stat.is_whole, len >= sizeof(whole) - 1 - strlen(" 0 0 0 0 0"));
		assert_int_equal(task_stat_has(&stat, TASK_STAT_START),
				 len >= (size_t)(strstr(whole, " 5400") - whole) + 2);
	}
}

static void no_lines(void **state)
{
	static const char *const texts[] = {"", "12", "12 (x", "12 x)", ")(", "\n"};
	struct task_stat stat;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(task_stat_parse(texts[i], &stat), -EINVAL);
	assert_int_equal(task_stat_parse("1 (x) S 18446744073709551616 1", &stat), 0);
	assert_false(task_stat_has(&stat, TASK_STAT_PARENT));
	assert_int_equal(stat.fields[TASK_STAT_PARENT], 0);
}

static void policies(void **state)
{
	(void)state;
	assert_string_equal(task_policy_name(0), "other");
	assert_string_equal(task_policy_name(1), "fifo");
	assert_string_equal(task_policy_name(6), "deadline");
	assert_null(task_policy_name(4)); /* SCHED_ISO, never merged */
	assert_null(task_policy_name(8));
	assert_null(task_policy_name(UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_line), cmocka_unit_test(names_that_look_like_fields),
		cmocka_unit_test(cut_lines),	cmocka_unit_test(no_lines),
		cmocka_unit_test(policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
