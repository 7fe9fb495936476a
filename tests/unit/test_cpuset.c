#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/cpuset.h"

static char text[CPUSET_TEXT_MAX];

static void check_list(const char *in, const char *canonical)
{
	struct cpuset set;
	int r = cpuset_parse_list(in, &set);

	if (r < 0)
		fail_msg("'%s' is refused: %d", in, r);
	assert_int_equal(cpuset_format_list(&set, text, sizeof(text)), strlen(canonical));
	assert_string_equal(text, canonical);
}

static void test_list(void **state)
{
	(void)state;
	check_list("", "");
	check_list("0", "0");
	check_list("0-3,8", "0-3,8");
	check_list("8,0-3", "0-3,8");
	check_list("1,2,3", "1-3");
	check_list("5-5", "5");
	check_list("3,3,3", "3");
	check_list("0-1,1-4", "0-4");
	check_list("63,64", "63-64");
	check_list("0-127", "0-127");
	check_list("60-200", "60-200");
	check_list("007", "7");
	check_list("8191", "8191");
	check_list("0-8191", "0-8191");
	check_list("0-31:2/4", "0-1,4-5,8-9,12-13,16-17,20-21,24-25,28-29");
	check_list("0-8191:1/8192", "0");
	check_list("0-3:4/4", "0-3");
	check_list("0-4:2/3", "0-1,3-4");
	check_list("5-5:1/1", "5");
	check_list("0-6:2/3", "0-1,3-4,6");
}

static void test_list_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{"1-", -EINVAL},
		{"-1", -EINVAL},
		{"-", -EINVAL},
		{"3-1", -EINVAL},
		{"0-3:0/4", -EINVAL},
		{"0-3:2/0", -EINVAL},
		{"0-3:5/4", -EINVAL},
		{"0-3:2", -EINVAL},
		{"0-3:2/", -EINVAL},
		{"0-3:", -EINVAL},
		{"3:1/2", -EINVAL},
		{" 1", -EINVAL},
		{"1 ", -EINVAL},
		{"1,", -EINVAL},
		{",1", -EINVAL},
		{",", -EINVAL},
		{"1,,2", -EINVAL},
		{"1\n", -EINVAL},
		{"\n", -EINVAL},
		{"0-1-2", -EINVAL},
		{"+1", -EINVAL},
		{"0x1", -EINVAL},
		{"a", -EINVAL},
		{"(null)", -EINVAL},
		{"all", -EINVAL},
		{"0-N", -EINVAL},
		{"1;2", -EINVAL},
		{"1.5", -EINVAL},
		{"8192", -ERANGE},
		{"0-8192", -ERANGE},
		{"4294967296", -ERANGE}, /* 0 in 32 bits */
		{"18446744073709551616", -ERANGE},
		{"99999999999999999999999999999", -ERANGE},
		{"0-3:1/8193", -ERANGE},
		{"0-3:1/4294967297", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpuset set, before;

		memset(&set, 0x5a, sizeof(set));
		before = set;
		int r = cpuset_parse_list(cases[i].text, &set);
		if (r != cases[i].err)
			fail_msg("'%s' gives %d, not %d", cases[i].text, r, cases[i].err);
		assert_memory_equal(&set, &before, sizeof(set)); /* untouched */
	}
}

static void check_mask(const char *in, const char *list)
{
	struct cpuset set;
	int r = cpuset_parse_mask(in, &set);

	if (r < 0)
		fail_msg("'%s' is refused: %d", in, r);
	assert_true(cpuset_format_list(&set, text, sizeof(text)) >= 0);
	assert_string_equal(text, list);
}

static void test_mask(void **state)
{
	(void)state;
	check_mask("", "");
	check_mask("0", "");
	check_mask("1", "0");
	check_mask("f", "0-3");
	check_mask("F", "0-3");
	check_mask("ff,ffffffff", "0-39");
	check_mask("00000001,00000000", "32");
	check_mask("1,0", "32"); /* a group is 32 bits, short or not */
	check_mask("00000000,00000000,00000003", "0-1");
	check_mask("8000000000000000", "63");
	check_mask("100000000000000000", "68");
}

static void test_mask_wide(void **state)
{
	_cleanup_(freep) char *mask = xcalloc(1, 3000);

	(void)state;
	/* 8192 bits, the highest set; one digit more is too many unless it is 0. */
	mask[0] = '8';
	memset(mask + 1, '0', 2047);
	check_mask(mask, "8191");
	memmove(mask + 1, mask, 2048);
	mask[0] = '0';
	check_mask(mask, "8191");
	mask[0] = '1';

	struct cpuset set;
	assert_int_equal(cpuset_parse_mask(mask, &set), -ERANGE);
}

static void test_mask_refused(void **state)
{
	static const char *const cases[] = {
		",",  "1,", ",1",  "1,,1", "g",		  "0x1",
		" 1", "1 ", "1\n", "-1",   "123456789,0", "0,123456789",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpuset set, before;

		memset(&set, 0x5a, sizeof(set));
		before = set;
		if (cpuset_parse_mask(cases[i], &set) != -EINVAL)
			fail_msg("'%s' is taken", cases[i]);
		assert_memory_equal(&set, &before, sizeof(set));
	}
}

static void test_format_mask(void **state)
{
	struct cpuset set;
	char buf[64];

	(void)state;
	assert_int_equal(cpuset_parse_list("0-1,32", &set), 0);
	assert_int_equal(cpuset_format_mask(&set, 33, buf, sizeof(buf)), 10);
	assert_string_equal(buf, "1,00000003");
	assert_int_equal(cpuset_format_mask(&set, 64, buf, sizeof(buf)), 17);
	assert_string_equal(buf, "00000001,00000003");
	assert_int_equal(cpuset_format_mask(&set, 64, buf, 18), 17);
	assert_int_equal(cpuset_format_mask(&set, 64, buf, 17), -ENOSPC);
	assert_string_equal(buf, "");
	assert_int_equal(cpuset_format_mask(&set, 32, buf, sizeof(buf)), -ERANGE);
	assert_int_equal(cpuset_format_mask(&set, 0, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(cpuset_format_mask(&set, CPUSET_MAX + 1, buf, sizeof(buf)), -EINVAL);
	cpuset_zero(&set);
	assert_int_equal(cpuset_format_mask(&set, 2, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "0");
}

static void test_format_list_room(void **state)
{
	struct cpuset set;
	char buf[8];

	(void)state;
	assert_int_equal(cpuset_parse_list("0-3,8", &set), 0);
	assert_int_equal(cpuset_format_list(&set, buf, 6), 5);
	assert_string_equal(buf, "0-3,8");
	assert_int_equal(cpuset_format_list(&set, buf, 5), -ENOSPC);
	assert_string_equal(buf, "");
	assert_int_equal(cpuset_format_list(&set, buf, 0), -ENOSPC);
	cpuset_zero(&set);
	assert_int_equal(cpuset_format_list(&set, buf, 1), 0);
	assert_string_equal(buf, "");
	assert_int_equal(cpuset_format_list(&set, buf, 0), -ENOSPC);

	/* The longest list there is fits CPUSET_TEXT_MAX. */
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu += 2)
		cpuset_add(&set, cpu);
	assert_true(cpuset_format_list(&set, text, sizeof(text)) > 0);
}

static void test_membership(void **state)
{
	struct cpuset set;

	(void)state;
	cpuset_zero(&set);
	assert_true(cpuset_is_empty(&set));
	assert_int_equal(cpuset_next(&set, 0), CPUSET_MAX);
	cpuset_add(&set, 0);
	cpuset_add(&set, 63);
	cpuset_add(&set, 64);
	cpuset_add(&set, CPUSET_MAX - 1);
	assert_int_equal(cpuset_count(&set), 4);
	assert_false(cpuset_is_empty(&set));
	assert_true(cpuset_has(&set, 64));
	assert_false(cpuset_has(&set, 65));
	assert_false(cpuset_has(&set, CPUSET_MAX));
	assert_int_equal(cpuset_next(&set, 0), 0);
	assert_int_equal(cpuset_next(&set, 1), 63);
	assert_int_equal(cpuset_next(&set, 64), 64);
	assert_int_equal(cpuset_next(&set, 65), CPUSET_MAX - 1);
	assert_int_equal(cpuset_next(&set, CPUSET_MAX), CPUSET_MAX);
	assert_int_equal(cpuset_next(&set, UINT32_MAX), CPUSET_MAX);
	cpuset_remove(&set, 63);
	cpuset_remove(&set, 63);
	assert_int_equal(cpuset_count(&set), 3);
}

static void test_algebra(void **state)
{
	struct cpuset a, b, c;

	(void)state;
	assert_int_equal(cpuset_parse_list("0-10,100", &a), 0);
	assert_int_equal(cpuset_parse_list("5-20", &b), 0);
	c = a;
	cpuset_and(&c, &b);
	cpuset_format_list(&c, text, sizeof(text));
	assert_string_equal(text, "5-10");
	assert_true(cpuset_is_subset(&c, &a));
	assert_true(cpuset_is_subset(&c, &b));
	assert_false(cpuset_is_subset(&a, &b));
	c = a;
	cpuset_or(&c, &b);
	cpuset_format_list(&c, text, sizeof(text));
	assert_string_equal(text, "0-20,100");
	c = a;
	cpuset_andnot(&c, &b);
	cpuset_format_list(&c, text, sizeof(text));
	assert_string_equal(text, "0-4,100");
	assert_false(cpuset_equal(&a, &b));
	assert_true(cpuset_equal(&a, &a));
}

/* Random sets survive both forms. A fixed seed: the same sets at every run. */
static void test_round_trips(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct cpuset set, back;

		cpuset_zero(&set);
		for (int i = 0; i < 50; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			for (unsigned cpu = seed % 8100; cpu < seed % 8100 + seed / 8192 % 90;
			     cpu++)
				cpuset_add(&set, cpu);
		}
		assert_true(cpuset_format_list(&set, text, sizeof(text)) > 0);
		assert_int_equal(cpuset_parse_list(text, &back), 0);
		assert_true(cpuset_equal(&set, &back));
		assert_true(cpuset_format_mask(&set, CPUSET_MAX, text, sizeof(text)) > 0);
		assert_int_equal(cpuset_parse_mask(text, &back), 0);
		assert_true(cpuset_equal(&set, &back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_refused),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_mask_wide),
		cmocka_unit_test(test_mask_refused),
		cmocka_unit_test(test_format_mask),
		cmocka_unit_test(test_format_list_room),
		cmocka_unit_test(test_membership),
		cmocka_unit_test(test_algebra),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
