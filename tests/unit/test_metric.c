#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/metric.h"

static void rate_names_follow_the_unit_in_the_name(void **state)
{
	static const struct {
		const char *name, *rate;
	} rows[] = {
		{"user_ns", "user_share"},
		{"read_bytes", "read_bytes_per_s"},
		{"free_pages", "free_pages_hz"},
		{"switches", "switches_hz"},
		/* The suffix alone is no unit, nor is one in the middle. */
		{"_ns", "_ns_hz"},
		{"ns", "ns_hz"},
		{"user_ns_total", "user_ns_total_hz"},
		{"bytes", "bytes_hz"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct metric metric = {.name = rows[i].name, .type = METRIC_COUNTER};
		char buf[64];

		assert_ptr_equal(metric_rate_name(&metric, buf, sizeof(buf)), buf);
		assert_string_equal(buf, rows[i].rate);
	}
}

static void rate_name_stays_in_its_buffer(void **state)
{
	const struct metric metric = {.name = "user_ns", .type = METRIC_COUNTER};
	char buf[16];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	(void)metric_rate_name(&metric, buf, 6);
	assert_string_equal(buf, "user_");
	assert_int_equal(buf[6], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_names_follow_the_unit_in_the_name),
		cmocka_unit_test(rate_name_stays_in_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
