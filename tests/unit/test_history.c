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

enum { M_LOAD, M_COUNT, M_NAME, M_WINDOW, M_PER_CPU };
#define SERIES_DEPTH 5u
#define WINDOW_DEPTH 8u

static const struct metric metrics[] = {
	[M_LOAD] = {.name = "load", .type = METRIC_GAUGE},
	[M_COUNT] = {.name = "count", .type = METRIC_COUNTER},
	[M_NAME] = {.name = "driver", .type = METRIC_TEXT},
	[M_WINDOW] = {.name = "window", .type = METRIC_HISTOGRAM},
	[M_PER_CPU] = {.name = "per_cpu", .type = METRIC_PER_CPU},
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
	{.kind = "cpu", .metric = "per_cpu", .depth = SERIES_DEPTH},
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

/* One window of 1000 samples: the slowest takes max_ns. */
static void feed_window(struct fixture *f, uint64_t period_ns, uint64_t max_ns)
{
	struct histogram window;

	histogram_zero(&window);
	window.start_ns = f->now_ns;
	f->now_ns += period_ns;
	window.end_ns = f->now_ns;
	for (unsigned i = 0; i < 999; i++)
		histogram_count(&window, 5000 + i % 7 * 1000);
	histogram_count(&window, max_ns);
	sample_reset(f->sample);
	f->sample->time_ns = f->now_ns;
	sample_histogram(f->sample, sample_row(f->sample, 0, NULL, NULL, "cpu:0"), M_WINDOW,
			 &window);
	sample_finish(f->sample, 0);
	feed(f);
}

/* Whatever the refresh rate, the ring reaches back its depth in seconds, nearly. */
static void a_fast_refresh_shortens_nothing(void **state)
{
	static const uint64_t periods_ms[] = {100, 130, 250, 500, 700, 949, 1000};
	struct fixture *f = *state;
	struct history_column columns[WINDOW_DEPTH + 1];

	for (unsigned p = 0; p < ARRAY_SIZE(periods_ms); p++) {
		uint64_t period_ns = periods_ms[p] * NSEC_PER_MSEC;
		unsigned n = (unsigned)(4 * WINDOW_DEPTH * NSEC_PER_SEC / period_ns);
		struct histogram sum;
		uint64_t covered_ns;

		for (unsigned i = 0; i < n; i++)
			feed_window(f, period_ns, 40000 + i);
		histogram_zero(&sum);
		assert_int_equal(history_histogram(f->history, "cpu:0", "window", 0, UINT64_MAX,
						   &sum, &covered_ns),
				 WINDOW_DEPTH);
		/* The newest column may be as short as one window. */
		assert_true(covered_ns >= (WINDOW_DEPTH - 1) * HISTORY_COLUMN_NS + period_ns);
		assert_int_equal(sum.total, covered_ns / period_ns * 1000);
		assert_int_equal(sum.max_ns, 40000 + n - 1);
		assert_int_equal(history_columns(f->history, "cpu:0", "window", 0, columns,
						 ARRAY_SIZE(columns)),
				 WINDOW_DEPTH);
		assert_int_equal(columns[0].end_ns, f->now_ns);
		for (unsigned i = 1; i < WINDOW_DEPTH; i++) {
			assert_int_equal(columns[i].end_ns, columns[i - 1].start_ns);
			assert_true(columns[i].end_ns - columns[i].start_ns >= HISTORY_COLUMN_NS);
		}
	}
}

static void columns_tell_max_and_p99(void **state)
{
	struct fixture *f = *state;
	struct history_column columns[4];

	feed_window(f, NSEC_PER_SEC, 70000);
	feed_window(f, NSEC_PER_SEC, 90000);
	tick(f, 0, 1); /* one sample: no p99 */
	assert_int_equal(history_columns(f->history, "cpu:0", "window", 0, columns, 4), 3);
	assert_int_equal(columns[0].max_ns, 3000);
	assert_int_equal(columns[0].p99_ns, 0);
	assert_int_equal(columns[1].max_ns, 90000);
	assert_in_range(columns[1].p99_ns, 10800, 11200);
	assert_int_equal(columns[2].max_ns, 70000);
	assert_int_equal(history_columns(f->history, "cpu:0", "window", 0, columns, 2), 2);
	assert_int_equal(columns[1].max_ns, 90000);
	assert_int_equal(history_columns(f->history, "cpu:0", "window", NSEC_PER_SEC, columns, 4),
			 2);
	assert_int_equal(history_columns(f->history, "cpu:0", "load", 0, columns, 4), 0);
	assert_int_equal(history_columns(f->history, "cpu:9", "window", 0, columns, 4), 0);
}

/* A column with both sides of a change in it would be of use to neither. */
static void a_change_cuts_columns(void **state)
{
	struct fixture *f = *state;
	struct history_column columns[8];

	for (unsigned i = 0; i < 4; i++)
		feed_window(f, 100 * NSEC_PER_MSEC, 20000);
	history_cut(f->history, f->now_ns + 50 * NSEC_PER_MSEC);
	feed_window(f, 100 * NSEC_PER_MSEC, 500000); /* the change */
	for (unsigned i = 0; i < 5; i++)
		feed_window(f, 100 * NSEC_PER_MSEC, 30000);
	assert_int_equal(history_columns(f->history, "cpu:0", "window", 0, columns, 8), 3);
	assert_int_equal(columns[0].max_ns, 30000);
	assert_int_equal(columns[0].end_ns - columns[0].start_ns, 500 * NSEC_PER_MSEC);
	assert_int_equal(columns[1].max_ns, 500000);
	assert_int_equal(columns[1].end_ns - columns[1].start_ns, 100 * NSEC_PER_MSEC);
	assert_int_equal(columns[2].max_ns, 20000);
}

static void totals_run_since_the_reset(void **state)
{
	struct fixture *f = *state;
	const struct histogram *total;

	assert_null(history_total(f->history, "cpu:0", "window"));
	for (unsigned i = 0; i < 3 * WINDOW_DEPTH; i++)
		feed_window(f, NSEC_PER_SEC, i == 1 ? 800000 : 20000);
	total = history_total(f->history, "cpu:0", "window");
	assert_int_equal(total->total, 3 * WINDOW_DEPTH * 1000);
	assert_int_equal(total->max_ns, 800000); /* long gone from the ring */
	assert_int_equal(total->end_ns - total->start_ns, 3 * WINDOW_DEPTH * NSEC_PER_SEC);
	assert_int_equal(history_reset_ns(f->history), 0);
	history_reset(f->history, f->now_ns);
	assert_int_equal(history_reset_ns(f->history), f->now_ns);
	assert_int_equal(history_total(f->history, "cpu:0", "window")->total, 0);
	feed_window(f, NSEC_PER_SEC, 20000);
	feed(f); /* seen twice, counts once */
	total = history_total(f->history, "cpu:0", "window");
	assert_int_equal(total->total, 1000);
	assert_int_equal(total->max_ns, 20000);
	assert_null(history_total(f->history, "cpu:0", "load"));
	assert_null(history_total(f->history, "cpu:9", "window"));
}

/* CPU 2 and, from tick 3 on, CPU 70 count; CPU 5 stands still. */
static void spread(struct fixture *f, uint64_t two, uint64_t seventy)
{
	const struct per_cpu_cell cells[] = {
		{.cpu = 2, .count = two}, {.cpu = 5, .count = 9}, {.cpu = 70, .count = seventy}};

	begin(f);
	sample_per_cpu(f->sample, sample_row(f->sample, 0, NULL, NULL, "irq:7"), M_PER_CPU, 1,
		       cells, ARRAY_SIZE(cells));
	sample_finish(f->sample, 0);
	feed(f);
}

static void counters_by_cpu_are_kept(void **state)
{
	struct fixture *f = *state;
	float points[2 * SERIES_DEPTH];
	size_t few, bytes;

	spread(f, 10, 0);
	assert_int_equal(history_cpu_series(f->history, "irq:7", "per_cpu", 2, points, 9), 1);
	assert_true(isnan(points[0])); /* no rate yet */
	spread(f, 30, 0);
	few = history_bytes(f->history);
	spread(f, 60, 5);
	begin(f);
	sample_finish(f->sample, -EIO); /* not read */
	feed(f);
	assert_int_equal(history_cpu_series(f->history, "irq:7", "per_cpu", 2, points, 9), 4);
	assert_true(isnan(points[0]) && points[1] == 20 && points[2] == 30 && isnan(points[3]));
	assert_int_equal(history_cpu_series(f->history, "irq:7", "per_cpu", 70, points, 9), 4);
	assert_true(isnan(points[0]) && points[1] == 0 && points[2] == 5 && isnan(points[3]));
	assert_int_equal(history_cpu_series(f->history, "irq:7", "per_cpu", 5, points, 1), 1);
	assert_true(history_bytes(f->history) > few);
	for (unsigned i = 0; i < 2 * SERIES_DEPTH; i++)
		spread(f, 100 + i, 100 + i);
	bytes = history_bytes(f->history);
	for (unsigned i = 0; i < 2 * SERIES_DEPTH; i++)
		spread(f, 200 + i, 200 + i);
	assert_int_equal(history_bytes(f->history), bytes);
	assert_int_equal(history_cpu_series(f->history, "irq:7", "per_cpu", 5, points, 99),
			 SERIES_DEPTH);
	assert_true(points[0] == 0);
	assert_int_equal(history_series(f->history, "irq:7", "per_cpu", points, 9), 0);
	assert_int_equal(history_cpu_series(f->history, "irq:7", "load", 2, points, 9), 0);
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
		TEST(a_fast_refresh_shortens_nothing),
		TEST(columns_tell_max_and_p99),
		TEST(a_change_cuts_columns),
		TEST(totals_run_since_the_reset),
		TEST(counters_by_cpu_are_kept),
		TEST(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
