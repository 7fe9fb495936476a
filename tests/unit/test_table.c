/* The table widget, the formats of values, and the key table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/format.h"
#include "tui/keys.h"
#include "tui/view.h"
#include "tui/widget.h"

static const struct table_column columns[] = {
	{.title = "name", .min_width = 6, .max_width = 12},
	{.title = "rate", .min_width = 6, .max_width = 8, .priority = 1, .is_right = true},
	{.title = "chip", .min_width = 4, .max_width = 20, .priority = 3},
	{.title = "node", .min_width = 4, .max_width = 4, .priority = 2},
};

static void layout(int width, int *ret)
{
	static const int wants[] = {20, 7, 10, 2};

	table_layout(columns, ARRAY_SIZE(columns), wants, width, ret);
}

static void test_columns_drop_by_priority(void **state)
{
	int w[4];

	(void)state;
	layout(100, w);
	assert_int_equal(w[0], 12); /* grown to its maximum, not to its wish */
	assert_int_equal(w[1], 7);
	assert_int_equal(w[2], 10);
	assert_int_equal(w[3], 4);
	layout(23, w); /* all minimal: 6 + 6 + 4 + 4 and three gaps */
	assert_int_equal(w[2], 4);
	layout(22, w); /* the highest number goes first ... */
	assert_int_equal(w[2], 0);
	assert_true(w[3] > 0);
	layout(17, w); /* ... then the next ... */
	assert_int_equal(w[3], 0);
	assert_true(w[1] > 0);
	layout(3, w); /* ... and 0 stays, whatever the width */
	assert_int_equal(w[1], 0);
	assert_int_equal(w[0], 6);
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	(void)arg;
	snprintf(ret->text, sizeof(ret->text), "r%uc%u", row, column);
}

static void test_cursor_stays_visible(void **state)
{
	const struct table table = {columns, ARRAY_SIZE(columns), 100, cell, NULL, NULL};
	struct table_state s = {.sort_column = -1};
	struct surface surface;
	struct pane pane;

	(void)state;
	surface_init(&surface, 40, 11, false);
	pane = surface_pane(&surface);
	table_draw(&pane, &table, &s);
	assert_int_equal(s.page, 10);
	assert_true(table_command(&s, 100, COMMAND_PAGE_DOWN));
	assert_int_equal(s.cursor, 10);
	table_draw(&pane, &table, &s);
	assert_int_equal(s.top, 1);
	assert_true(table_command(&s, 100, COMMAND_LAST));
	table_draw(&pane, &table, &s);
	assert_int_equal(s.top, 90);
	assert_true(table_command(&s, 100, COMMAND_DOWN));
	assert_int_equal(s.cursor, 99);
	/* The rows shrink under the cursor. */
	const struct table small = {columns, ARRAY_SIZE(columns), 3, cell, NULL, NULL};

	table_draw(&pane, &small, &s);
	assert_int_equal(s.cursor, 2);
	assert_int_equal(s.top, 0);
	const struct table none = {columns, ARRAY_SIZE(columns), 0, cell, NULL, "nothing"};

	table_draw(&pane, &none, &s);
	assert_int_equal(s.cursor, 0);
	assert_true(table_command(&s, 0, COMMAND_UP));
	assert_true(table_command(&s, 0, COMMAND_LAST));
	assert_int_equal(s.cursor, 0);
	surface_done(&surface);
}

static void expect(const struct metric *m, const struct value *v, double rate, const char *want,
		   enum role role)
{
	char text[64];

	assert_int_equal(format_metric(m, v, rate, text, sizeof(text)), role);
	assert_string_equal(text, want);
}

/* Absent, denied, faulty, stale and zero all look different. */
static void test_states_look_different(void **state)
{
	static const struct metric gauge = {
		.name = "x_bytes", .type = METRIC_GAUGE, .unit = UNIT_BYTES};
	static const struct metric share = {
		.name = "user_ns", .type = METRIC_COUNTER, .unit = UNIT_NS};
	static const struct metric count = {
		.name = "irqs", .type = METRIC_COUNTER, .unit = UNIT_COUNT};
	struct value v = {.state = VALUE_OK};

	(void)state;
	expect(&gauge, &v, NAN, "0 B", ROLE_VALUE);
	expect(&share, &v, 0.123, "12%", ROLE_VALUE);
	expect(&share, &v, NAN, "-", ROLE_VALUE_ABSENT);
	expect(&count, &v, 0, "0/s", ROLE_VALUE);
	expect(&count, &v, 0.4, "0.4/s", ROLE_VALUE);
	expect(&count, &v, 12345, "12.3k/s", ROLE_VALUE);
	v.state = VALUE_ABSENT;
	expect(&gauge, &v, NAN, "-", ROLE_VALUE_ABSENT);
	v.state = VALUE_DENIED;
	expect(&gauge, &v, NAN, "denied", ROLE_VALUE_DENIED);
	v.state = VALUE_FAULT;
	expect(&gauge, &v, NAN, "error", ROLE_VALUE_FAULT);
	v.state = VALUE_STALE;
	v.u64 = 1536;
	expect(&gauge, &v, NAN, "~1.5 KiB", ROLE_VALUE_STALE);
}

static void test_units(void **state)
{
	static const struct {
		uint64_t ns;
		const char *want;
	} times[] = {{0, "0 ns"},	 {999, "999 ns"},     {1000, "1.0 us"},
		     {9949, "9.9 us"},	 {9960, "10 us"},     {999400, "999 us"},
		     {999600, "1.0 ms"}, {12345678, "12 ms"}, {2500000000, "2.5 s"}};
	char text[32];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++)
		assert_string_equal(format_ns(times[i].ns, text, sizeof(text)), times[i].want);
	assert_string_equal(format_bytes(1023, text, sizeof(text)), "1023 B");
	assert_string_equal(format_bytes(UINT64_C(32) << 30, text, sizeof(text)), "32 GiB");
	assert_string_equal(format_bytes(UINT64_C(8160437862), text, sizeof(text)), "7.6 GiB");
	assert_string_equal(format_count(9999, text, sizeof(text)), "9999");
	assert_string_equal(format_count(1234567, text, sizeof(text)), "1.2M");
	assert_string_equal(format_duration(97 * NSEC_PER_SEC, text, sizeof(text)), "97 s");
	assert_string_equal(format_duration(90 * 60 * NSEC_PER_SEC, text, sizeof(text)), "1h30m");
}

/* One key, one command; every binding has a help text; no writing key moves anything elsewhere. */
static void test_keys(void **state)
{
	(void)state;
	for (unsigned i = 1; i < COMMAND_COUNT; i++) {
		const struct binding *b = binding_of((enum command)i);

		assert_int_equal(b->command, i);
		assert_true(b->help[0] && b->label[0] && b->group[0]);
		assert_true(b->keys[0] != 0);
		for (const uint32_t *k = b->keys; *k; k++)
			assert_int_equal(command_of_key(*k), i);
	}
	assert_int_equal(command_of_key('X'), COMMAND_NONE);
	assert_int_equal(command_of_key(KEYCODE_F9), COMMAND_NONE);
}

static void test_views(void **state)
{
	(void)state;
	for (unsigned i = 0; i < view_count; i++) {
		const struct view *v = view_registry[i];

		assert_int_equal(view_by_name(v->name), i);
		assert_int_equal(view_by_key((unsigned char)v->key), i);
		assert_non_null(v->summary);
		assert_non_null(v->draw);
		assert_non_null(v->command);
	}
	assert_int_equal(view_by_name("nosuch"), -1);
	assert_int_equal(view_by_entity("irq:41"), view_by_name("irq"));
	assert_int_equal(view_by_entity("cpu:3"), view_by_name("host"));
	assert_int_equal(view_by_entity("cpufreq:3"), view_by_name("table"));
	assert_int_equal(view_by_entity("nosuch"), view_by_name("table"));
	assert_true(text_contains("Eth0-RX", "th0-rx"));
	assert_false(text_contains("abc", "abcd"));
	assert_true(text_contains("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_drop_by_priority),
		cmocka_unit_test(test_cursor_stays_visible),
		cmocka_unit_test(test_states_look_different),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_views),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
