#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/parse.h"

#define UNTOUCHED 4711

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"7", 0, 7},
		{"007", 0, 7},
		{"18446744073709551615", 0, UINT64_MAX},
		{"000000000000000000000000000001", 0, 1},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"99999999999999999999x", -EINVAL, 0},
		{"", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1\n", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"\xd9\xa1", -EINVAL, 0}, /* an Arabic digit */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_u64(cases[i].text, &value);

		if (r != cases[i].result || value != (r ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' gives %d, %llu", cases[i].text, r,
				 (unsigned long long)value);
	}
}

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"-18446744073709551616", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"--1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"- 1", -EINVAL, 0},
		{"-1\n", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t value = UNTOUCHED;
		int r = parse_i64(cases[i].text, &value);

		if (r != cases[i].result || value != (r ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' gives %d, %lld", cases[i].text, r, (long long)value);
	}
}

static void test_hex(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"ff", 0, 255},
		{"0xFf", 0, 255},
		{"0X1", 0, 1},
		{"ffffffffffffffff", 0, UINT64_MAX},
		{"00000000000000000001", 0, 1},
		{"10000000000000000", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"x1", -EINVAL, 0},
		{"g", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1\n", -EINVAL, 0},
		{"0x0x1", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_hex_u64(cases[i].text, &value);

		if (r != cases[i].result || value != (r ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' gives %d, %llx", cases[i].text, r,
				 (unsigned long long)value);
	}
}

static void test_f64(void **state)
{
	static const struct {
		const char *text;
		int result;
		double value;
	} cases[] = {
		{"0", 0, 0},
		{"3.16", 0, 3.16},
		{"-3.5", 0, -3.5},
		{"0.00", 0, 0},
		{"100.00", 0, 100},
		{"0.1234567891234", 0, 0.123456789},
		{"12345678901234567890123", -ERANGE, 0},
		{"", -EINVAL, 0},
		{".", -EINVAL, 0},
		{".5", -EINVAL, 0},
		{"5.", -EINVAL, 0},
		{"1.2.3", -EINVAL, 0},
		{"1,5", -EINVAL, 0},
		{"1e5", -EINVAL, 0},
		{"nan", -EINVAL, 0},
		{"inf", -EINVAL, 0},
		{"0x1p3", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"1.-5", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double value = UNTOUCHED;
		int r = parse_f64(cases[i].text, &value);
		double off = value - (r ? UNTOUCHED : cases[i].value);

		if (r != cases[i].result || off > 1e-12 || off < -1e-12)
			fail_msg("'%s' gives %d, %.15g", cases[i].text, r, value);
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t ns;
	} cases[] = {
		{"10s", 0, 10 * NSEC_PER_SEC},
		{"1ms", 0, NSEC_PER_MSEC},
		{"200us", 0, 200 * NSEC_PER_USEC},
		{"50ns", 0, 50},
		{"2min", 0, 120 * NSEC_PER_SEC},
		{"1h", 0, 3600 * NSEC_PER_SEC},
		{"5", 0, 5 * NSEC_PER_SEC},
		{"1.5", 0, 3 * NSEC_PER_SEC / 2},
		{"1.5ms", 0, 1500 * NSEC_PER_USEC},
		{"0.1s", 0, 100 * NSEC_PER_MSEC},
		{"0", 0, 0},
		{"0.000000001", 0, 1},
		{"1.9ns", 0, 1},
		{"0.999999999h", 0, 3599999996400},
		{"18446744073709551615ns", 0, UINT64_MAX},
		{"18446744073709551616ns", -ERANGE, 0},
		{"18446744073.709551615", 0, UINT64_MAX},
		{"18446744073.709551616", -ERANGE, 0},
		{"18446744074s", -ERANGE, 0},
		{"5124096h", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1m", -EINVAL, 0}, /* minutes or milli? */
		{"1 s", -EINVAL, 0},
		{" 1s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"+1s", -EINVAL, 0},
		{"1.s", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"1.0000000001", -EINVAL, 0},
		{"1s1", -EINVAL, 0},
		{"1ss", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = UNTOUCHED;
		int r = parse_duration_ns(cases[i].text, &ns);

		if (r != cases[i].result || ns != (r ? UNTOUCHED : cases[i].ns))
			fail_msg("'%s' gives %d, %llu", cases[i].text, r, (unsigned long long)ns);
	}
}

static void test_scan(void **state)
{
	struct scan scan = {.at = " 41:  12\t0 18446744073709551615 IO-APIC 2-edge\n\nlast 7"};
	const char *word;
	size_t len;
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(scan_u64(&scan, &n), -EINVAL); /* "41:" is no number */
	assert_int_equal(n, UNTOUCHED);
	assert_int_equal(scan_word(&scan, &word, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(word, "41:", 3);
	assert_int_equal(scan_u64(&scan, &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(scan_u64(&scan, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(scan_u64(&scan, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(scan_u64(&scan, &n), -EINVAL);
	assert_int_equal(scan_word(&scan, &word, &len), 0);
	assert_memory_equal(word, "IO-APIC", len);
	assert_int_equal(scan_u64(&scan, &n), -EINVAL); /* "2-edge" is left for scan_word() */
	assert_int_equal(scan_word(&scan, &word, &len), 0);
	assert_int_equal(len, 6);
	assert_int_equal(scan_word(&scan, &word, &len), -ENODATA);
	assert_int_equal(scan_u64(&scan, &n), -ENODATA);
	assert_true(scan_next_line(&scan));
	assert_int_equal(scan_u64(&scan, &n), -ENODATA);
	assert_true(scan_next_line(&scan));
	assert_int_equal(scan_word(&scan, &word, &len), 0);
	assert_memory_equal(word, "last", 4);
	assert_int_equal(scan_u64(&scan, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(scan_u64(&scan, &n), -ENODATA);
	assert_false(scan_next_line(&scan));
	assert_false(scan_next_line(&scan));
	assert_int_equal(*scan.at, '\0');
}

static void test_scan_edges(void **state)
{
	struct scan scan = {.at = ""};
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(scan_u64(&scan, &n), -ENODATA);
	assert_false(scan_next_line(&scan));
	scan.at = "18446744073709551616 1";
	assert_int_equal(scan_u64(&scan, &n), -ERANGE);
	assert_int_equal(n, UNTOUCHED);
	scan.at = "00000000000000000000000005";
	assert_int_equal(scan_u64(&scan, &n), 0);
	assert_int_equal(n, 5);
	scan.at = "-1";
	assert_int_equal(scan_u64(&scan, &n), -EINVAL);
	scan.at = "1\r\n";
	assert_int_equal(scan_u64(&scan, &n), -EINVAL);
	scan.at = "x\n";
	assert_false(scan_next_line(&scan)); /* behind the last newline the text is over */
	assert_int_equal(*scan.at, '\0');
}

static void check_pair(const char *line, const char *key, const char *value)
{
	struct key_value kv;

	assert_int_equal(parse_key_value(line, strlen(line), ':', &kv), 0);
	assert_int_equal(kv.key_len, strlen(key));
	assert_memory_equal(kv.key, key, kv.key_len);
	assert_int_equal(kv.value_len, strlen(value));
	assert_memory_equal(kv.value, value, kv.value_len);
}

static void test_key_value(void **state)
{
	struct key_value kv;

	(void)state;
	check_pair("MemTotal:       16384 kB", "MemTotal", "16384 kB");
	check_pair("model name\t: A: B", "model name", "A: B");
	check_pair("key:", "key", "");
	check_pair("  key :  v  ", "key", "v");
	assert_int_equal(parse_key_value("no separator", 12, ':', &kv), -EINVAL);
	assert_int_equal(parse_key_value(":v", 2, ':', &kv), -EINVAL);
	assert_int_equal(parse_key_value("  :v", 4, ':', &kv), -EINVAL);
	assert_int_equal(parse_key_value("", 0, ':', &kv), -EINVAL);
	/* Nothing behind len is looked at. */
	assert_int_equal(parse_key_value("key:v", 3, ':', &kv), -EINVAL);
	assert_int_equal(parse_key_value("key:value", 5, ':', &kv), 0);
	assert_int_equal(kv.value_len, 1);
}

static int kb(const char *value, uint64_t *ret)
{
	return parse_kb(value, strlen(value), ret);
}

static void test_kb(void **state)
{
	uint64_t bytes = UNTOUCHED;

	(void)state;
	assert_int_equal(kb("16 kB", &bytes), 0);
	assert_int_equal(bytes, 16384);
	assert_int_equal(kb("16", &bytes), 0);
	assert_int_equal(bytes, 16);
	bytes = UNTOUCHED;
	assert_int_equal(kb("18014398509481984 kB", &bytes), -ERANGE);
	assert_int_equal(kb("", &bytes), -EINVAL);
	assert_int_equal(kb(" kB", &bytes), -EINVAL);
	assert_int_equal(kb("kB", &bytes), -EINVAL);
	assert_int_equal(kb("1kB", &bytes), -EINVAL);
	assert_int_equal(kb("1 KB", &bytes), -EINVAL);
	assert_int_equal(kb("1 MB", &bytes), -EINVAL);
	assert_int_equal(kb("-1 kB", &bytes), -EINVAL);
	assert_int_equal(kb("1 kB ", &bytes), -EINVAL);
	assert_int_equal(kb("111111111111111111111111111111", &bytes), -EINVAL);
	assert_int_equal(parse_kb("1\0002", 3, &bytes), -EINVAL);
	assert_int_equal(bytes, UNTOUCHED);
	assert_int_equal(parse_kb("123456", 3, &bytes), 0);
	assert_int_equal(bytes, 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),	   cmocka_unit_test(test_i64),
		cmocka_unit_test(test_hex),	   cmocka_unit_test(test_f64),
		cmocka_unit_test(test_duration),   cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_edges), cmocka_unit_test(test_key_value),
		cmocka_unit_test(test_kb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
