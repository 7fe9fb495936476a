/* Heatmap and histogram: what lies where, and the texts around them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/machine.h"
#include "tui/widget.h"

#define S NSEC_PER_SEC

/* --- heatmap --- */

static uint64_t value_at(const struct heatmap *map, unsigned row, unsigned slot)
{
	return map->values[row * map->n_slots + slot];
}

/* Columns that end with ticks of a second fill a slot each, wherever in a second the ticks are and
 * though none of them comes on time. */
static void ticks_fill_slots_without_gaps(void **state)
{
	(void)state;
	for (uint64_t phase_ms = 0; phase_ms < 1000; phase_ms += 37) {
		uint64_t now = 5000 * S + phase_ms * NSEC_PER_MSEC;
		struct heatmap map;

		heatmap_init(&map, 1, 20, now, 1, 0);
		for (uint64_t age = 0; age < 20; age++) {
			uint64_t end = now - age * S - age * 7 % 5 * 20 * NSEC_PER_MSEC;

			heatmap_add(&map, 0, end - S, end, 1000 + age);
		}
		for (unsigned slot = 0; slot < 20; slot++)
			assert_int_equal(value_at(&map, 0, slot), 1000 + 19 - slot);
		heatmap_done(&map);
	}
}

static void slots_take_the_largest(void **state)
{
	struct heatmap map;
	uint64_t now = 600 * S;

	(void)state;
	heatmap_init(&map, 2, 4, now, 5, 0);
	assert_int_equal(heatmap_slot(&map, now), 3); /* seconds 600 to 604, just begun */
	assert_int_equal(heatmap_slot(&map, now - S), 2);
	assert_int_equal(heatmap_slot(&map, now - 15 * S), 0);
	assert_int_equal(heatmap_slot(&map, now - 16 * S), -1);
	heatmap_add(&map, 1, now - 3 * S, now - 2 * S, 700);
	heatmap_add(&map, 1, now - 4 * S, now - 3 * S, 900);
	heatmap_add(&map, 1, now - 5 * S, now - 4 * S, HEATMAP_FEW);
	assert_int_equal(value_at(&map, 1, 2), 900);
	assert_int_equal(value_at(&map, 0, 2), HEATMAP_NOTHING);
	assert_int_equal(value_at(&map, 1, 1), HEATMAP_NOTHING);
	/* A slow refresh: one column of twelve seconds covers slots 0 to 2 of the other row. */
	heatmap_add(&map, 0, now - 13 * S, now - S, 50000);
	assert_int_equal(value_at(&map, 0, 0), 50000);
	assert_int_equal(value_at(&map, 0, 1), 50000);
	assert_int_equal(value_at(&map, 0, 2), 50000);
	assert_int_equal(value_at(&map, 0, 3), HEATMAP_NOTHING);
	/* Nothing is written outside. */
	heatmap_add(&map, 0, 0, now + 100 * S, 1);
	heatmap_add(&map, 1, 0, 10 * S, 1);
	heatmap_done(&map);
}

static void scrolled_back(void **state)
{
	struct heatmap map;
	uint64_t now = 600 * S;

	(void)state;
	heatmap_init(&map, 1, 10, now, 1, 100);
	assert_int_equal(heatmap_slot(&map, now), -1);
	assert_int_equal(heatmap_slot(&map, now - 99 * S), -1);
	assert_int_equal(heatmap_slot(&map, now - 100 * S), 9);
	assert_int_equal(heatmap_slot(&map, now - 109 * S), 0);
	assert_int_equal(heatmap_slot(&map, now - 110 * S), -1);
	heatmap_done(&map);
	heatmap_init(&map, 1, 10, 3 * S, 1, 100); /* before the machine was up */
	assert_int_equal(heatmap_slot(&map, 0), 9);
	heatmap_done(&map);
}

static void groups_hold_everybody(void **state)
{
	(void)state;
	assert_int_equal(heatmap_group(16, 16), 1);
	assert_int_equal(heatmap_group(17, 16), 2);
	assert_int_equal(heatmap_group(1024, 6), 171);
	assert_int_equal(heatmap_group(3, 100), 1);
	assert_int_equal(heatmap_group(5, 0), 5);
	for (unsigned n = 1; n < 300; n++) {
		for (unsigned rows = 1; rows < 40; rows++)
			assert_true(heatmap_group(n, rows) * rows >= n);
	}
}

static void a_heatmap_is_drawn(void **state)
{
	struct surface surface;
	struct pane pane;
	struct heatmap map;
	uint64_t now = 1000 * S, mark = now - 12 * S;
	char *text;

	(void)state;
	surface_init(&surface, 34, 3, true);
	pane = surface_pane(&surface);
	heatmap_init(&map, 2, 30, now, 1, 0);
	heatmap_add(&map, 0, now - S, now, 5000);
	heatmap_add(&map, 0, now - 2 * S, now - S, 20000000);
	heatmap_add(&map, 1, now - 3 * S, now - 2 * S, HEATMAP_FEW);
	widget_heatmap(&pane, 2, 0, &map, heat_level);
	widget_heatmap_axis(&pane, 2, 2, &map, &mark, 1);
	text = surface_row_text(&surface, 0);
	assert_string_equal(text, "                              @.");
	free(text);
	text = surface_row_text(&surface, 1);
	assert_string_equal(text, "                             ?");
	free(text);
	text = surface_row_text(&surface, 2);
	assert_string_equal(text, "           |-20s   ^ |-10s   now");
	free(text);
	heatmap_done(&map);
	surface_done(&surface);
}

/* --- histogram --- */

static void spans_are_round(void **state)
{
	static const struct {
		uint64_t min, max, low, high;
	} cases[] = {
		{13101, 177008, 10000, 200000},
		{4000, 412000, 2000, 500000},
		{20000, 20000, 20000, 100000},
		{100, 9999999999, 100, 10000000000},
		{5, 90, 100, 500},
	};
	uint64_t low, high;
	struct histogram h;

	(void)state;
	histogram_zero(&h);
	assert_false(histogram_span(&h, &low, &high));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		histogram_zero(&h);
		histogram_count(&h, cases[i].min);
		histogram_count(&h, cases[i].max);
		assert_true(histogram_span(&h, &low, &high));
		assert_int_equal(low, cases[i].low);
		assert_int_equal(high, cases[i].high);
	}
}

/* Whatever the width, every sample is in a bin, and in the right one. */
static void bins_lose_nothing(void **state)
{
	struct histogram h;
	double counts[400];

	(void)state;
	histogram_zero(&h);
	for (unsigned i = 0; i < 5000; i++)
		histogram_count(&h, 11000 + i * 30);
	histogram_count(&h, 12 * S); /* in the overflow bucket */
	for (unsigned n = 1; n <= ARRAY_SIZE(counts); n += 13) {
		double sum = 0;

		histogram_bins(&h, 10000, 20 * S, n, counts);
		for (unsigned i = 0; i < n; i++)
			sum += counts[i];
		assert_true(fabs(sum - 5001) < 1e-6);
	}
	histogram_zero(&h);
	histogram_count(&h, 30000);
	histogram_bins(&h, 10000, 1000000, 100, counts); /* 50 bins a decade */
	assert_true(counts[23] > 0.5);			 /* log10(3) * 50 = 23.9 */
	assert_true(counts[20] == 0 && counts[27] == 0);
}

static void heights_are_logarithmic(void **state)
{
	(void)state;
	assert_int_equal(histogram_height(0, 1000, 40), 0);
	assert_int_equal(histogram_height(0.2, 1000, 40), 1);
	assert_int_equal(histogram_height(1, 1000, 40), 1);
	assert_int_equal(histogram_height(1000, 1000, 40), 40);
	assert_int_equal(histogram_height(10, 1000, 40), 14);
	assert_int_equal(histogram_height(100, 1000, 40), 27);
	assert_int_equal(histogram_height(1, 1, 8), 8);
	assert_int_equal(histogram_height(5, 5, 0), 0);
}

static void a_histogram_is_drawn(void **state)
{
	static const char *const wanted[] = {
		"  100 ##",
		"      ##",
		"    1 ##                    ..",
		"      ^p50                max^",
		"      |10us       |50us |100us",
	};
	const struct histogram_mark marks[] = {{"p50", 11000}, {"p99", 0}, {"max", 180000}};
	struct surface surface;
	struct pane pane;
	struct histogram h;

	(void)state;
	histogram_zero(&h);
	for (unsigned i = 0; i < 200; i++)
		histogram_count(&h, i % 2 ? 10100 : 11700);
	histogram_count(&h, 180000);
	surface_init(&surface, 30, 5, true);
	pane = surface_pane(&surface);
	widget_histogram(&pane, &h, marks, ARRAY_SIZE(marks), heat_level);
	for (int y = 0; y < 5; y++) {
		char *text = surface_row_text(&surface, y);

		assert_string_equal(text, wanted[y]);
		free(text);
	}
	surface_done(&surface);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_fill_slots_without_gaps),
		cmocka_unit_test(slots_take_the_largest),
		cmocka_unit_test(scrolled_back),
		cmocka_unit_test(groups_hold_everybody),
		cmocka_unit_test(a_heatmap_is_drawn),
		cmocka_unit_test(spans_are_round),
		cmocka_unit_test(bins_lose_nothing),
		cmocka_unit_test(heights_are_logarithmic),
		cmocka_unit_test(a_histogram_is_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
