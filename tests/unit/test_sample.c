#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/histogram.h"
#include "core/probe.h"

enum { M_NUMBER, M_FLOAT, M_BOOL, M_TEXT, M_CPUS, M_WINDOW, M_COUNT };

static const struct metric metrics[] = {
	[M_NUMBER] = {.name = "number", .type = METRIC_COUNTER},
	[M_FLOAT] = {.name = "float", .type = METRIC_GAUGE},
	[M_BOOL] = {.name = "is", .type = METRIC_BOOL},
	[M_TEXT] = {.name = "text", .type = METRIC_TEXT},
	[M_CPUS] = {.name = "cpus", .type = METRIC_CPUSET},
	[M_WINDOW] = {.name = "window", .type = METRIC_HISTOGRAM},
};

static const struct metric_set sets[] = {
	{.kind = "cpu", .metrics = metrics, .n_metrics = M_COUNT},
	{.kind = "irq", .metrics = metrics, .n_metrics = 1},
};

static const struct probe probe = {
	.name = "fake",
	.summary = "a fake",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
};

static int setup(void **state)
{
	*state = sample_new(&probe);
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

static void values_start_absent(void **state)
{
	struct sample *sample = *state;
	struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:%u", 7u);

	assert_string_equal(row->key, "cpu:7");
	assert_null(row->name);
	assert_null(row->parent);
	assert_int_equal(row->n_values, M_COUNT);
	for (unsigned i = 0; i < M_COUNT; i++)
		assert_int_equal(row->values[i].state, VALUE_ABSENT);
}

static void values_are_kept(void **state)
{
	struct sample *sample = *state;
	struct sample_row *row = sample_row(sample, 0, "core:1", "CPU", "cpu:%u", 7u);
	struct cpuset cpus;
	struct histogram *window = xcalloc(1, sizeof(*window));

	cpuset_zero(&cpus);
	cpuset_add(&cpus, 0);
	cpuset_add(&cpus, 1);
	cpuset_add(&cpus, 8);
	histogram_zero(window);
	histogram_count(window, 1000);
	sample_u64(row, M_NUMBER, UINT64_MAX);
	sample_f64(row, M_FLOAT, -1);
	sample_bool(row, M_BOOL, true);
	sample_text(sample, row, M_TEXT, "plain");
	sample_cpus(sample, row, M_CPUS, &cpus);
	sample_histogram(sample, row, M_WINDOW, window);
	freep(&window);

	assert_string_equal(row->name, "CPU");
	assert_string_equal(row->parent, "core:1");
	for (unsigned i = 0; i < M_COUNT; i++)
		assert_int_equal(row->values[i].state, VALUE_OK);
	assert_true(row->values[M_NUMBER].u64 == UINT64_MAX);
	assert_int_equal(row->values[M_NUMBER].is_float, 0);
	assert_int_equal(row->values[M_FLOAT].is_float, 1);
	assert_true(row->values[M_FLOAT].f64 == -1.0);
	assert_true(row->values[M_BOOL].u64 == 1);
	assert_string_equal(row->values[M_TEXT].text, "plain");
	assert_string_equal(row->values[M_CPUS].text, "0-1,8");
	assert_int_equal(row->values[M_WINDOW].histogram->total, 1);
}

static void text_is_sanitised_and_copied(void **state)
{
	struct sample *sample = *state;
	char name[] = "eth\x1b[31m", text[] = "a\nb\xff";
	struct sample_row *row = sample_row(sample, 0, name, name, "nic:%s", name);

	sample_text(sample, row, M_TEXT, text);
	memset(name, 'x', sizeof(name) - 1);
	memset(text, 'x', sizeof(text) - 1);
	assert_string_equal(row->key, "nic:eth\\e[31m");
	assert_string_equal(row->name, "eth\\e[31m");
	assert_string_equal(row->parent, "eth\\e[31m");
	assert_string_equal(row->values[M_TEXT].text, "a\\nb\\xff");
}

static void long_dirty_text_is_not_cut(void **state)
{
	struct sample *sample = *state;
	char text[2001];
	struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:0");

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sample_text(sample, row, M_TEXT, text);

	size_t len = strlen(row->values[M_TEXT].text);

	assert_int_equal(len % 2000, 0);
	assert_true(len > 2000);
}

static void long_keys_stay_distinct(void **state)
{
	struct sample *sample = *state;
	char stem[1001];

	memset(stem, 'n', sizeof(stem) - 1);
	stem[sizeof(stem) - 1] = '\0';

	const char *one = sample_row(sample, 0, NULL, NULL, "cpu:%s%u", stem, 1u)->key;
	const char *two = sample_row(sample, 0, NULL, NULL, "cpu:%s%u", stem, 2u)->key;

	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), 4 + 1000 + 1);
}

static void nonsense_numbers_are_faults(void **state)
{
	struct sample *sample = *state;
	struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:0");

	sample_f64(row, M_FLOAT, (double)NAN);
	assert_int_equal(row->values[M_FLOAT].state, VALUE_FAULT);
	sample_f64(row, M_FLOAT, (double)INFINITY);
	assert_int_equal(row->values[M_FLOAT].state, VALUE_FAULT);
	sample_f64(row, M_FLOAT, 1.5);
	assert_int_equal(row->values[M_FLOAT].state, VALUE_OK);
}

static void errnos_become_states(void **state)
{
	static const struct {
		int err;
		enum value_state state;
	} rows[] = {
		{ENOENT, VALUE_ABSENT},	 {-ENOENT, VALUE_ABSENT}, {EOPNOTSUPP, VALUE_ABSENT},
		{-EACCES, VALUE_DENIED}, {EPERM, VALUE_DENIED},	  {-EIO, VALUE_FAULT},
		{EINVAL, VALUE_FAULT},
	};
	struct sample *sample = *state;
	struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:0");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sample_u64(row, M_NUMBER, 1); /* an error replaces a value */
		sample_errno(row, M_NUMBER, rows[i].err);
		assert_int_equal(row->values[M_NUMBER].state, rows[i].state);
	}
}

static void results_become_status(void **state)
{
	struct sample *sample = *state;

	sample_finish(sample, 0);
	assert_int_equal(sample->status, SAMPLE_OK);
	assert_null(sample->error);
	sample_reset(sample);
	sample_finish(sample, -ENODEV);
	assert_int_equal(sample->status, SAMPLE_ABSENT);
	assert_non_null(strstr(sample->error, "fake: "));
	sample_reset(sample);
	assert_null(sample->error);
	sample_errorf(sample, "proc/%s: \t%d", "stat", 5);
	sample_finish(sample, -EACCES);
	assert_int_equal(sample->status, SAMPLE_DENIED);
	assert_string_equal(sample->error, "proc/stat: \\t5");
	sample_reset(sample);
	sample_finish(sample, -EIO);
	assert_int_equal(sample->status, SAMPLE_FAULT);
	sample_reset(sample);
	sample_finish(sample, -99999); /* no such errno */
	assert_int_equal(sample->status, SAMPLE_FAULT);
	assert_non_null(sample->error);
}

static void reset_forgets_rows_and_values(void **state)
{
	struct sample *sample = *state;

	for (unsigned run = 0; run < 3; run++) {
		sample_reset(sample);
		assert_int_equal(sample->tables[0].n_rows, 0);
		for (unsigned i = 0; i < 100; i++) {
			struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:%u", i);

			assert_int_equal(row->values[M_NUMBER].state, VALUE_ABSENT);
			assert_true(row->values[M_NUMBER].u64 == 0);
			sample_u64(row, M_NUMBER, i + 1);
		}
		(void)sample_row(sample, 1, NULL, NULL, "irq:1");
		assert_int_equal(sample->tables[0].n_rows, 100);
		assert_int_equal(sample->tables[1].n_rows, 1);
		for (unsigned i = 0; i < 100; i++) {
			char key[16];

			(void)snprintf(key, sizeof(key), "cpu:%u", i);
			assert_string_equal(sample->tables[0].rows[i].key, key);
			assert_true(sample->tables[0].rows[i].values[M_NUMBER].u64 == i + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_start_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(values_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(text_is_sanitised_and_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(long_dirty_text_is_not_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(long_keys_stay_distinct, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_numbers_are_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(errnos_become_states, setup, teardown),
		cmocka_unit_test_setup_teardown(results_become_status, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_forgets_rows_and_values, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
