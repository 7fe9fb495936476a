#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/history.h"

enum { M_LOAD, M_COUNT, M_NAME, M_WINDOW };
#define SERIES_DEPTH 5u
#define WINDOW_DEPTH 8u

static const struct metric metrics[] = {
	[M_LOAD] = {.name = "load", .type = METRIC_GAUGE},
	[M_COUNT] = {.name = "count", .type = METRIC_COUNTER},
	[M_NAME] = {.name = "driver", .type = METRIC_TEXT},
	[M_WINDOW] = {.name = "window", .type = METRIC_HISTOGRAM},
};
static const struct metric_set sets[] = {
	{.kind = "cpu", .metrics = metrics, .n_metrics = ARRAY_SIZE(metrics)}};
static const struct probe probe = {.name = "cpu", .sets = sets, .n_sets = 1};
static const struct probe *const probes[] = {&probe};

static const struct history_metric kept[] = {
	{.kind = "cpu", .metric = "load", .depth = SERIES_DEPTH},
	{.kind = "cpu", .metric = "count", .depth = SERIES_DEPTH},
	{.kind = "cpu", .metric = "window", .depth = WINDOW_DEPTH},
	{.kind = "cpu", .metric = "no_such_metric", .depth = 3},
	{.kind = "vm", .metric = "load", .depth = 3},
};

struct fixture {
	struct schema *schema;
	struct sample *sample;
	const struct snapshot *snap;
	struct history *history;
	uint64_t now_ns;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->schema = schema_new(probes, 1);
	f->sample = sample_new(&probe);
	f->history = history_new(kept, ARRAY_SIZE(kept));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	history_free(f->history);
	snapshot_unref(f->snap);
	sample_free(f->sample);
	schema_free(f->schema);
	freep(state);
	return 0;
}

static void begin(struct fixture *f)
{
	f->now_ns += NSEC_PER_SEC;
	sample_reset(f->sample);
	f->sample->time_ns = f->now_ns;
}

static void add_cpu(struct fixture *f, unsigned cpu, double load, uint64_t count)
{
	struct sample_row *row = sample_row(f->sample, 0, NULL, NULL, "cpu:%u", cpu);
	struct histogram window;

	histogram_zero(&window);
	window.start_ns = f->now_ns - NSEC_PER_SEC;
	window.end_ns = f->now_ns;
	histogram_count(&window, 1000 * f->now_ns / NSEC_PER_SEC);
	sample_f64(row, M_LOAD, load);
	sample_u64(row, M_COUNT, count);
	sample_histogram(f->sample, row, M_WINDOW, &window);
}

static void feed(struct fixture *f)
{
	const struct snapshot *prev = f->snap;

	f->snap = snapshot_build(f->schema, prev, &f->sample, 1, f->now_ns, 0);
	snapshot_unref(prev);
	history_feed(f->history, f->snap);
}

/* One tick with CPUs from to to - 1; load is the tick's number plus cpu / 10. */
static void tick(struct fixture *f, unsigned from, unsigned to)
{
	begin(f);
	for (unsigned c = from; c < to; c++)
		add_cpu(f, c, (double)f->now_ns / 1e9 + c / 10.0, 7 * f->now_ns / NSEC_PER_SEC);
	sample_finish(f->sample, 0);
	feed(f);
}

static void assert_series(const struct fixture *f, const char *key, const char *metric,
			  const float *wanted, unsigned n)
{
	float points[2 * SERIES_DEPTH];

	assert_int_equal(history_series(f->history, key, metric, points, ARRAY_SIZE(points)), n);
	for (unsigned i = 0; i < n; i++) {
		if (isnan(wanted[i]))
			assert_true(isnan(points[i]));
		else
			assert_true(fabsf(points[i] - wanted[i]) < 1e-4f);
	}
}

static void series_grow_then_roll(void **state)
{
	struct fixture *f = *state;
	float points[2];

	assert_int_equal(history_series(f->history, "cpu:0", "load", points, 2), 0);
	tick(f, 0, 2);
	assert_series(f, "cpu:1", "load", (const float[]){1.1f}, 1);
	tick(f, 0, 2);
	tick(f, 0, 2);
	assert_series(f, "cpu:1", "load", (const float[]){1.1f, 2.1f, 3.1f}, 3);
	for (unsigned i = 0; i < 4; i++)
		tick(f, 0, 2);
	assert_series(f, "cpu:1", "load", (const float[]){3.1f, 4.1f, 5.1f, 6.1f, 7.1f}, 5);
	/* Fewer asked for: the newest. */
	assert_int_equal(history_series(f->history, "cpu:1", "load", points, 2), 2);
	assert_true(fabsf(points[0] - 6.1f) < 1e-4f && fabsf(points[1] - 7.1f) < 1e-4f);
}

static void counters_are_kept_as_rates(void **state)
{
	struct fixture *f = *state;

	tick(f, 0, 1);
	tick(f, 0, 1);
	tick(f, 0, 1);
	assert_series(f, "cpu:0", "count", (const float[]){NAN, 7, 7}, 3);
}

static void what_is_not_kept_has_no_series(void **state)
{
	struct fixture *f = *state;
	float point;

	tick(f, 0, 1);
	assert_int_equal(history_series(f->history, "cpu:0", "driver", &point, 1), 0);
	assert_int_equal(history_series(f->history, "cpu:0", "window", &point, 1), 0);
	assert_int_equal(history_series(f->history, "cpu:0", "no_such_metric", &point, 1), 0);
	assert_int_equal(history_series(f->history, "cpu:1", "load", &point, 1), 0);
}

static void absence_is_a_gap(void **state)
{
	struct fixture *f = *state;

	tick(f, 0, 3);
	tick(f, 1, 3); /* CPU 0 away, everybody else moves up a place */
	assert_series(f, "cpu:0", "load", (const float[]){1.0f, NAN}, 2);
	tick(f, 1, 3);
	tick(f, 0, 3);
	assert_series(f, "cpu:0", "load", (const float[]){1.0f, NAN, NAN, 4.0f}, 4);
	assert_series(f, "cpu:2", "load", (const float[]){1.2f, 2.2f, 3.2f, 4.2f}, 4);
}

static void stale_values_are_gaps(void **state)
{
	struct fixture *f = *state;

	tick(f, 0, 1);
	begin(f);
	sample_finish(f->sample, -EIO);
	feed(f);
	tick(f, 0, 1);
	assert_int_equal(history_histogram(f->history, "cpu:0", "window", 0, UINT64_MAX,
					   &(struct histogram){.min_ns = UINT64_MAX}, NULL),
			 2);
	assert_series(f, "cpu:0", "load", (const float[]){1.0f, NAN, 3.0f}, 3);
	assert_series(f, "cpu:0", "count", (const float[]){NAN, NAN, NAN}, 3);
}

static void the_gone_are_forgotten(void **state)
{
	struct fixture *f = *state;
	float point;

	tick(f, 0, 1);

	size_t one = history_bytes(f->history);

	tick(f, 0, 2);
	assert_true(history_bytes(f->history) > one);
	/* The deepest ring of the kind is WINDOW_DEPTH ticks. */
	for (unsigned i = 0; i < WINDOW_DEPTH; i++)
		tick(f, 0, 1);
	assert_true(history_series(f->history, "cpu:1", "load", &point, 1) == 1);
	assert_true(isnan(point));
	tick(f, 0, 1);
	assert_int_equal(history_series(f->history, "cpu:1", "load", &point, 1), 0);
	tick(f, 0, 2); /* back: a new life */
	assert_series(f, "cpu:1", "load", (const float[]){12.1f}, 1);
	assert_int_equal(history_series(f->history, "cpu:0", "load", &point, 1), 1);
}

static void windows_are_summed_inside_the_bounds_only(void **state)
{
	struct fixture *f = *state;
	struct histogram sum;
	uint64_t covered_ns = 1;

	for (unsigned i = 0; i < 6; i++)
		tick(f, 0, 1);
	histogram_zero(&sum);
	/* Windows end at 1 .. 6 s; [1.5 s, 5 s] holds those of 3, 4 and 5 s whole. */
	assert_int_equal(history_histogram(f->history, "cpu:0", "window", 1500 * NSEC_PER_MSEC,
					   5 * NSEC_PER_SEC, &sum, &covered_ns),
			 3);
	assert_int_equal(covered_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(sum.total, 3);
	assert_int_equal(sum.sum_ns, 3000 + 4000 + 5000);
	assert_int_equal(sum.counts[histogram_bucket(4000)], 1);
	assert_int_equal(sum.counts[histogram_bucket(6000)], 0);
	assert_int_equal(sum.min_ns, 3000);
	assert_int_equal(sum.max_ns, 5000);
	/* It adds. */
	assert_int_equal(history_histogram(f->history, "cpu:0", "window", 0, NSEC_PER_SEC, &sum,
					   &covered_ns),
			 1);
	assert_int_equal(sum.total, 4);
	assert_int_equal(sum.min_ns, 1000);
	assert_int_equal(covered_ns, NSEC_PER_SEC);
	assert_int_equal(
		history_histogram(f->history, "cpu:9", "window", 0, UINT64_MAX, &sum, &covered_ns),
		0);
	assert_int_equal(covered_ns, 0);
	assert_int_equal(history_histogram(f->history, "cpu:0", "load", 0, UINT64_MAX, &sum, NULL),
			 0);
	assert_int_equal(sum.total, 4);
}

static void a_window_seen_twice_counts_once(void **state)
{
	struct fixture *f = *state;
	struct histogram sum;

	tick(f, 0, 1);
	feed(f); /* the probe did not run again */
	feed(f);
	histogram_zero(&sum);
	assert_int_equal(
		history_histogram(f->history, "cpu:0", "window", 0, UINT64_MAX, &sum, NULL), 1);
	assert_int_equal(sum.total, 1);
}

static void old_windows_leave(void **state)
{
	struct fixture *f = *state;
	struct histogram sum;

	for (unsigned i = 0; i < 3 * WINDOW_DEPTH + 1; i++)
		tick(f, 0, 1);
	histogram_zero(&sum);
	assert_int_equal(
		history_histogram(f->history, "cpu:0", "window", 0, UINT64_MAX, &sum, NULL),
		WINDOW_DEPTH);
	assert_int_equal(sum.min_ns, 1000 * (2 * WINDOW_DEPTH + 2));
	assert_int_equal(sum.max_ns, 1000 * (3 * WINDOW_DEPTH + 1));
}

/* Every bucket and counts of all sizes survive packing. */
static void wide_windows_survive(void **state)
{
	struct fixture *f = *state;
	struct histogram *window = xcalloc(1, sizeof(*window)), *sum = xcalloc(1, sizeof(*sum));

	histogram_zero(window);
	histogram_zero(sum);
	window->start_ns = 1;
	window->end_ns = UINT64_MAX - 1;
	window->min_ns = 0;
	window->max_ns = UINT64_MAX;
	window->sum_ns = UINT64_MAX / 3;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		window->counts[i] = 1u << (i % 20);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		window->total += window->counts[i];
	begin(f);
	sample_histogram(f->sample, sample_row(f->sample, 0, NULL, NULL, "cpu:0"), M_WINDOW,
			 window);
	sample_finish(f->sample, 0);
	feed(f);
	assert_int_equal(history_histogram(f->history, "cpu:0", "window", 0, UINT64_MAX, sum, NULL),
			 1);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		assert_int_equal(sum->counts[i], window->counts[i]);
	assert_true(sum->total == window->total);
	assert_true(sum->sum_ns == window->sum_ns);
	assert_true(sum->min_ns == 0 && sum->max_ns == UINT64_MAX);
	freep(&window);
	freep(&sum);
}

static void memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	size_t full = 0;

	for (unsigned i = 0; i < 6 * WINDOW_DEPTH; i++) {
		tick(f, i % 3, 300 + i % 3);
		if (i == 2 * WINDOW_DEPTH)
			full = history_bytes(f->history);
	}
	assert_true(full > 300 * 2 * SERIES_DEPTH * sizeof(float));
	assert_true(history_bytes(f->history) <= full + full / 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(series_grow_then_roll),
		TEST(counters_are_kept_as_rates),
		TEST(what_is_not_kept_has_no_series),
		TEST(absence_is_a_gap),
		TEST(stale_values_are_gaps),
		TEST(the_gone_are_forgotten),
		TEST(windows_are_summed_inside_the_bounds_only),
		TEST(a_window_seen_twice_counts_once),
		TEST(old_windows_leave),
		TEST(wide_windows_survive),
		TEST(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
