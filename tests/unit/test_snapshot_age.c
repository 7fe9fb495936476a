/*
 * Counters that were read some time before their sample: a peer that is asked more rarely than its
 * probe runs. Their rate goes from reading to reading and stands in between.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/probe.h"
#include "core/snapshot.h"

static const struct metric metrics[] = {
	{"exits", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	{"poll_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	{"live", METRIC_COUNTER, UNIT_COUNT, "", NULL},
};
static const struct metric_set sets[] = {{"vm", metrics, ARRAY_SIZE(metrics)}};
static const struct probe probe = {.name = "x", .summary = "x", .sets = sets, .n_sets = 1};
static const struct probe *const probes[] = {&probe};

struct run {
	uint64_t at_ms, read_ms, count;
};

static const struct snapshot *step(struct schema *schema, struct sample *sample,
				   const struct snapshot *prev, const struct run *run)
{
	struct sample *samples[] = {sample};
	struct sample_row *row;
	const struct snapshot *snap;

	sample_reset(sample);
	sample->time_ns = run->at_ms * NSEC_PER_MSEC;
	row = sample_row(sample, 0, NULL, NULL, "vm:1");
	sample_u64(row, 0, run->count);
	sample_read_at(sample, row, 0, run->read_ms * NSEC_PER_MSEC);
	sample_u64(row, 1, run->count * NSEC_PER_MSEC);
	sample_read_at(sample, row, 1, run->read_ms * NSEC_PER_MSEC);
	sample_u64(row, 2, run->at_ms);
	sample_finish(sample, 0);
	snap = snapshot_build(schema, prev, samples, 1, sample->time_ns, 1);
	snapshot_unref(prev);
	return snap;
}

static void rates_go_from_reading_to_reading(void **state)
{
	/* Asked every 10 s, a little after the run began. */
	static const struct {
		struct run run;
		double rate;
	} steps[] = {
		{{100000, 100004, 5000}, (double)NAN},
		{{101000, 100004, 5000}, (double)NAN},
		{{102000, 100004, 5000}, (double)NAN},
		{{110000, 110004, 15000}, 1000},
		{{111001, 110004, 15000}, 1000},
		{{119000, 110004, 15000}, 1000},
		{{120000, 120004, 15000}, 0},
		{{121000, 120004, 15000}, 0},
		{{130000, 130014, 15000 + 10010}, 1000},
		{{131000, 130999, 25010 + 985}, 1000},
	};
	struct schema *schema = schema_new(probes, 1);
	struct sample *sample = sample_new(&probe);
	const struct snapshot *snap = NULL;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct entity *vm;

		snap = step(schema, sample, snap, &steps[i].run);
		vm = snapshot_find(snap, "vm:1");
		if (isnan(steps[i].rate)) {
			assert_true(isnan(entity_rate(vm, "exits")));
		} else {
			assert_float_equal(entity_rate(vm, "exits"), steps[i].rate, 0.01);
			assert_float_equal(entity_rate(vm, "poll_ns"), steps[i].rate / 1000,
					   0.00001);
		}
		if (i)
			assert_float_equal(entity_rate(vm, "live"), 1000, 0.01);
	}
	snapshot_unref(snap);
	sample_free(sample);
	schema_free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_go_from_reading_to_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
