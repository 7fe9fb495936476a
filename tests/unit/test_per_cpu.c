/* METRIC_PER_CPU from the sample to JSON and to the text of a table. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/snapshot_json.h"
#include "tui/format.h"

enum { M_TOTAL, M_CPUS };

static const struct metric metrics[] = {
	[M_TOTAL] = {"count", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[M_CPUS] = {"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "", NULL},
};
static const struct metric_set sets[] = {{"irq", metrics, ARRAY_SIZE(metrics)}};
static const struct probe probe = {.name = "irq", .sets = sets, .n_sets = 1};
static const struct probe *const probes[] = {&probe};

struct fixture {
	struct schema *schema;
	struct sample *sample;
	const struct snapshot *snap;
	uint64_t now_ns;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->schema = schema_new(probes, 1);
	f->sample = sample_new(&probe);
	f->now_ns = 100 * NSEC_PER_SEC;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->snap);
	sample_free(f->sample);
	schema_free(f->schema);
	freep(state);
	return 0;
}

static void begin(struct fixture *f)
{
	f->now_ns += 2 * NSEC_PER_SEC;
	sample_reset(f->sample);
	f->sample->time_ns = f->now_ns;
}

/* One interrupt: n pairs of CPU and count. */
static struct sample_row *add(struct fixture *f, const char *key, uint32_t scope, unsigned n,
			      const uint64_t (*pairs)[2])
{
	struct per_cpu_cell cells[8];
	struct sample_row *row = sample_row(f->sample, 0, NULL, "eth0", "%s", key);

	for (unsigned i = 0; i < n; i++)
		cells[i] = (struct per_cpu_cell){(uint32_t)pairs[i][0], pairs[i][1], 77};
	sample_per_cpu(f->sample, row, M_CPUS, scope, cells, n);
	return row;
}

static void build(struct fixture *f)
{
	const struct snapshot *prev = f->snap;

	f->snap = snapshot_build(f->schema, prev, &f->sample, 1, f->now_ns, 7);
	snapshot_unref(prev);
}

static void finish(struct fixture *f)
{
	sample_finish(f->sample, 0);
	build(f);
}

static const struct per_cpu *vector(const struct fixture *f, const char *key)
{
	return entity_per_cpu(snapshot_find(f->snap, key), "per_cpu");
}

static double rate(const struct fixture *f, const char *key, unsigned cpu)
{
	const struct per_cpu_cell *cell = per_cpu_cell(vector(f, key), cpu);

	assert_non_null(cell);
	return cell->rate;
}

static void cells_are_found_by_cpu(void **state)
{
	struct fixture *f = *state;
	const uint64_t counts[][2] = {{0, 1}, {2, 5}, {7, 9}, {8191, 1}};

	begin(f);
	(void)add(f, "irq:1", 1, 4, counts);
	(void)add(f, "irq:2", 1, 0, counts);
	finish(f);
	for (unsigned i = 0; i < 4; i++) {
		const struct per_cpu_cell *cell =
			per_cpu_cell(vector(f, "irq:1"), (unsigned)counts[i][0]);

		assert_non_null(cell);
		assert_int_equal(cell->count, counts[i][1]);
		assert_true(isnan(cell->rate)); /* never what the probe left there */
	}
	assert_null(per_cpu_cell(vector(f, "irq:1"), 1));
	assert_null(per_cpu_cell(vector(f, "irq:1"), 8190));
	assert_int_equal(vector(f, "irq:2")->n, 0);
	assert_null(per_cpu_cell(vector(f, "irq:2"), 0));
	assert_null(per_cpu_cell(NULL, 0));
	assert_null(entity_per_cpu(NULL, "per_cpu"));
	assert_null(entity_per_cpu(snapshot_find(f->snap, "irq:1"), "count"));
	assert_null(entity_per_cpu(snapshot_find(f->snap, "irq:1"), "nosuch"));
}

/* A CPU and an interrupt that come and go move no rate to another. */
static void rates_are_joined_by_entity_and_cpu(void **state)
{
	struct fixture *f = *state;
	const uint64_t one[][2] = {{0, 100}, {2, 200}, {9, 50}};
	const uint64_t two[][2] = {{0, 110}, {1, 30}, {9, 50}};

	begin(f);
	(void)add(f, "irq:1", 1, 3, one);
	(void)add(f, "irq:5", 1, 3, one);
	finish(f);
	begin(f);
	(void)add(f, "irq:4", 1, 3, two);
	(void)add(f, "irq:5", 1, 3, two);
	finish(f);
	assert_true(rate(f, "irq:5", 0) == 5);	/* 10 in 2 s */
	assert_true(rate(f, "irq:5", 1) == 15); /* same scope: it was 0 */
	assert_true(rate(f, "irq:5", 9) == 0);
	assert_true(isnan(rate(f, "irq:4", 0)));
	assert_null(snapshot_find(f->snap, "irq:1"));
}

static void another_scope_leaves_new_cpus_without_rate(void **state)
{
	struct fixture *f = *state;
	const uint64_t one[][2] = {{0, 100}}, two[][2] = {{0, 120}, {8, 4000000000}};

	begin(f);
	(void)add(f, "irq:1", 1, 1, one);
	finish(f);
	begin(f);
	(void)add(f, "irq:1", 2, 2, two); /* CPU 8 came online with what it had counted */
	finish(f);
	assert_true(rate(f, "irq:1", 0) == 10);
	assert_true(isnan(rate(f, "irq:1", 8)));
}

static void counters_that_wrap_have_no_rate(void **state)
{
	struct fixture *f = *state;
	const uint64_t one[][2] = {{0, UINT32_MAX - 1}, {1, 7}}, two[][2] = {{0, 3}, {1, 9}};

	begin(f);
	(void)add(f, "irq:1", 1, 2, one);
	finish(f);
	begin(f);
	(void)add(f, "irq:1", 1, 2, two);
	finish(f);
	assert_true(isnan(rate(f, "irq:1", 0)));
	assert_true(rate(f, "irq:1", 1) == 1);
}

static void restarted_values_have_no_rate_once(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		const uint64_t counts[][2] = {{3, 100 + 20 * i}};
		struct sample_row *row;

		begin(f);
		row = add(f, "irq:1", 1, 1, counts);
		sample_u64(row, M_TOTAL, 20 * i);
		if (i == 2) {
			sample_restart(row, M_TOTAL);
			sample_restart(row, M_CPUS);
		}
		finish(f);

		double total = entity_rate(snapshot_find(f->snap, "irq:1"), "count");

		if (i == 0 || i == 2) {
			assert_true(isnan(total) && isnan(rate(f, "irq:1", 3)));
			continue;
		}
		assert_true(total == 10 && rate(f, "irq:1", 3) == 10);
		build(f); /* the probe did not run again: what it said stands */
		assert_true(rate(f, "irq:1", 3) == 10);
	}
}

static void failures_leave_stale_cells_without_rates(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		const uint64_t counts[][2] = {{3, 100 + 20 * i}};

		begin(f);
		(void)add(f, "irq:1", 1, 1, counts);
		finish(f);
	}
	assert_true(rate(f, "irq:1", 3) == 10);
	begin(f);
	sample_finish(f->sample, -EIO);
	build(f);
	assert_int_equal(entity_value(snapshot_find(f->snap, "irq:1"), "per_cpu")->state,
			 VALUE_STALE);
	assert_int_equal(per_cpu_cell(vector(f, "irq:1"), 3)->count, 120);
	assert_true(isnan(rate(f, "irq:1", 3)));
}

static void json_names_cpus(void **state)
{
	struct fixture *f = *state;
	const uint64_t one[][2] = {{0, 100}, {12, UINT32_MAX}}, two[][2] = {{0, 103}, {12, 0}};
	_cleanup_(freep) char *text = NULL;
	size_t size;
	struct host *host;

	assert_int_equal(host_open_fake(&host), 0);
	begin(f);
	(void)add(f, "irq:1", 1, 2, one);
	finish(f);
	begin(f);
	(void)add(f, "irq:1", 1, 2, two);
	finish(f);

	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(snapshot_write_json(f->snap, host, out), 0);
	(void)fclose(out);
	host_close(host);
	assert_non_null(strstr(text, "\"values\":{\"per_cpu\":{\"0\":103,\"12\":0}},"
				     "\"rates\":{\"per_cpu_hz\":{\"0\":1.5}}"));
}

static void expect_text(const struct per_cpu *cells, const char *wanted, double order)
{
	const struct value value = {.state = VALUE_OK, .per_cpu = cells};
	char text[64];

	(void)format_metric(&metrics[M_CPUS], &value, (double)NAN, text, sizeof(text));
	assert_string_equal(text, wanted);

	double got = metric_order(&metrics[M_CPUS], &value, (double)NAN);

	assert_true(isnan(order) ? isnan(got) : got == order);
}

static void tables_show_the_busiest(void **state)
{
	const double rates[] = {12, 0.5, 40000, 12, 3, NAN, 0};
	struct per_cpu *cells = xcalloc(1, sizeof(*cells) + 7 * sizeof(cells->cells[0]));

	(void)state;
	expect_text(cells, "0/s", 0);
	for (unsigned i = 0; i < 7; i++)
		cells->cells[i] = (struct per_cpu_cell){i * 3, 1000, rates[6 - i]};
	cells->n = 1;
	expect_text(cells, "0/s", 0);
	cells->n = 2;
	expect_text(cells, "0/s", 0);
	cells->n = 4;
	expect_text(cells, "9:12/s 6:3/s", 12);
	cells->n = 7;
	expect_text(cells, "12:40.0k/s 9:12/s 18:12/s +2", 40000);
	cells->cells[0].rate = cells->cells[1].rate = (double)NAN;
	cells->n = 2;
	expect_text(cells, "-", (double)NAN);
	cells->cells[0].rate = 0.3;
	expect_text(cells, "0:<1/s", 0.3);
	free(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cells_are_found_by_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(rates_are_joined_by_entity_and_cpu, setup,
						teardown),
		cmocka_unit_test_setup_teardown(another_scope_leaves_new_cpus_without_rate, setup,
						teardown),
		cmocka_unit_test_setup_teardown(counters_that_wrap_have_no_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(restarted_values_have_no_rate_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(failures_leave_stale_cells_without_rates, setup,
						teardown),
		cmocka_unit_test_setup_teardown(json_names_cpus, setup, teardown),
		cmocka_unit_test(tables_show_the_busiest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
