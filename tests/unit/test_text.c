#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

static void check(const char *in, size_t len, const char *out)
{
	char buf[512];
	size_t n = text_sanitise(in, len, buf, sizeof(buf));

	assert_string_equal(buf, out);
	assert_int_equal(n, strlen(out));
	assert_int_equal(text_is_clean(in, len), len == n && !memcmp(in, out, n));
}

#define CHECK(in, out) check(in, sizeof(in) - 1, out)

static void test_clean_stays(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK("eth0", "eth0");
	CHECK("virtio0-input.0 [x]", "virtio0-input.0 [x]");
	CHECK("back\\slash \\e", "back\\slash \\e");
	CHECK("Stra\xc3\x9f"
	      "e",
	      "Stra\xc3\x9f"
	      "e");
	CHECK("\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac");
	CHECK("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
	CHECK("\xc2\xa0", "\xc2\xa0"); /* a no-break space has a width */
	CHECK("\xef\xbf\xbd", "\xef\xbf\xbd");
}

static void test_controls(void **state)
{
	(void)state;
	CHECK("a\033[31mb", "a\\e[31mb");
	CHECK("a\nb\tc\rd", "a\\nb\\tc\\x0dd");
	CHECK("\x7f\x01\x08", "\\x7f\\x01\\x08");
	CHECK("\xc2\x9b"
	      "31m",
	      "\\x9b31m"); /* C1 CSI as UTF-8 */
	CHECK("\x9b"
	      "31m",
	      "\\x9b31m"); /* and as a bare byte */
	CHECK("a\0b", "a\\x00b");
}

static void test_invalid_utf8(void **state)
{
	(void)state;
	CHECK("\xff\xfe", "\\xff\\xfe");
	CHECK("\xc3", "\\xc3");
	CHECK("\xc3(", "\\xc3(");
	CHECK("\xe6\x97", "\\xe6\\x97");
	CHECK("\xe6\x97z", "\\xe6\\x97z");
	CHECK("\xc0\xaf", "\\xc0\\xaf");		   /* overlong "/" */
	CHECK("\xc1\x9b", "\\xc1\\x9b");		   /* overlong "[" */
	CHECK("\xe0\x80\x9b", "\\xe0\\x80\\x9b");	   /* overlong ESC-like */
	CHECK("\xf0\x80\x80\x8a", "\\xf0\\x80\\x80\\x8a"); /* overlong newline */
	CHECK("\xed\xa0\x80", "\\xed\\xa0\\x80");	   /* a surrogate */
	CHECK("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	CHECK("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
	CHECK("\x80", "\\x80");
	/* The sequence is cut by len, not by what lies behind. */
	check("\xc3\x9f", 1, "\\xc3");
}

static void test_hidden(void **state)
{
	(void)state;
	CHECK("a\xe2\x80\xae"
	      "b",
	      "a\\u202eb"); /* right-to-left override */
	CHECK("\xe2\x80\x8e\xe2\x80\x8f", "\\u200e\\u200f");
	CHECK("\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069");
	CHECK("\xd8\x9c", "\\u061c");
	CHECK("\xe2\x80\x8b\xe2\x80\x8d", "\\u200b\\u200d");
	CHECK("\xe2\x81\xa0", "\\u2060");
	CHECK("\xef\xbb\xbf", "\\ufeff");
	CHECK("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
	CHECK("e\xcc\x81", "e\\u0301");	  /* combining acute */
	CHECK("\xe2\x83\x9d", "\\u20dd"); /* enclosing circle */
	CHECK("\xc2\xad", "\\u00ad");
	CHECK("\xef\xb8\x8f", "\\ufe0f");	  /* variation selector */
	CHECK("\xf3\xa0\x81\x81", "\\U000e0041"); /* tag */
	CHECK("\xe3\x85\xa4", "\\u3164");	  /* Hangul filler */
	CHECK("\xef\xbf\xbf", "\\uffff");
}

/* Every size: what comes out is a prefix made of whole characters and escapes. */
static void test_truncation(void **state)
{
	static const char in[] = "\xc3\x9f\033\xe2\x80\xae"
				 "a\xf0\x9f\x98\x80\xff";
	static const char out[] = "\xc3\x9f\\e\\u202ea\xf0\x9f\x98\x80\\xff";
	static const size_t ends[] = {0, 2, 4, 10, 11, 15, 19};

	(void)state;
	for (size_t size = 1; size < 24; size++) {
		char buf[32];
		size_t expected = 0;

		memset(buf, '#', sizeof(buf));
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
			if (ends[i] < size)
				expected = ends[i];
		}
		assert_int_equal(text_sanitise(in, sizeof(in) - 1, buf, size), expected);
		assert_memory_equal(buf, out, expected);
		assert_int_equal(buf[expected], '\0');
		assert_int_equal(buf[size], '#');
	}

	char buf[1] = {'#'};
	assert_int_equal(text_sanitise("a", 1, buf, 0), 0);
	assert_int_equal(buf[0], '#');
}

/* What came out goes through again unchanged. */
static void test_idempotent(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x10000; c++) {
		char in[2] = {(char)(c >> 8), (char)c}, out[32];
		size_t n = text_sanitise(in, sizeof(in), out, sizeof(out));

		assert_true(text_is_clean(out, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_stays),  cmocka_unit_test(test_controls),
		cmocka_unit_test(test_invalid_utf8), cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_truncation),   cmocka_unit_test(test_idempotent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
