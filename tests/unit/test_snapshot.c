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
#include "core/snapshot.h"

/*
 * Three probes on two kinds. "tree" lists cores and CPUs, "times" adds counters to CPUs, "late"
 * adds a gauge and a text to CPUs and runs every five seconds.
 */
enum { TREE, TIMES, LATE, N_PROBES };
enum { CORES, CPUS };		   /* sets of tree */
enum { T_USER, T_COUNT, T_FLOAT }; /* metrics of times */
enum { L_FREQ, L_TEXT, L_WINDOW };

static const struct metric core_metrics[] = {{"size_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL}};
static const struct metric cpu_metrics[] = {
	{"online", METRIC_BOOL, UNIT_NONE, "", NULL},
	{"package_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
};
static const struct metric times_metrics[] = {
	{"user_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	{"switches", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	{"energy", METRIC_COUNTER, UNIT_NONE, "", NULL},
};
static const struct metric late_metrics[] = {
	{"freq_hz", METRIC_GAUGE, UNIT_HZ, "", NULL},
	{"governor", METRIC_TEXT, UNIT_NONE, "", NULL},
	{"window", METRIC_HISTOGRAM, UNIT_NONE, "", NULL},
};
static const struct metric_set tree_sets[] = {
	[CORES] = {"core", core_metrics, 1},
	[CPUS] = {"cpu", cpu_metrics, 2},
};
static const struct metric_set times_sets[] = {{"cpu", times_metrics, 3}};
static const struct metric_set late_sets[] = {{"cpu", late_metrics, 3}};

static const struct probe tree = {.name = "tree", .sets = tree_sets, .n_sets = 2};
static const struct probe times = {.name = "times", .sets = times_sets, .n_sets = 1};
static const struct probe late = {
	.name = "late", .sets = late_sets, .n_sets = 1, .period_ns = 5 * NSEC_PER_SEC};
static const struct probe *const probes[N_PROBES] = {&tree, &times, &late};

struct fixture {
	struct schema *schema;
	struct sample *samples[N_PROBES];
	struct sample *given[N_PROBES]; /* what snapshot_build() gets */
	const struct snapshot *snap;
	uint64_t now_ns;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->schema = schema_new(probes, N_PROBES);
	for (unsigned i = 0; i < N_PROBES; i++) {
		f->samples[i] = sample_new(probes[i]);
		f->given[i] = f->samples[i];
	}
	f->now_ns = 100 * NSEC_PER_SEC;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->snap);
	for (unsigned i = 0; i < N_PROBES; i++)
		sample_free(f->samples[i]);
	schema_free(f->schema);
	freep(state);
	return 0;
}

static struct sample *begin(struct fixture *f, unsigned probe)
{
	sample_reset(f->samples[probe]);
	f->samples[probe]->time_ns = f->now_ns;
	return f->samples[probe];
}

/* CPUs from to to - 1, two per core, each its core's child. */
static void run_tree(struct fixture *f, unsigned from, unsigned to)
{
	struct sample *sample = begin(f, TREE);

	for (unsigned c = from; c < to; c++) {
		char core[32];

		(void)snprintf(core, sizeof(core), "core:%u", c / 2);
		if (c % 2 == 0 || c == from)
			sample_u64(sample_row(sample, CORES, NULL, NULL, "%s", core), 0, c);
		sample_bool(sample_row(sample, CPUS, core, NULL, "cpu:%u", c), 0, true);
	}
	sample_finish(sample, 0);
}

static void add_times(struct fixture *f, unsigned cpu, uint64_t count)
{
	struct sample_row *row = sample_row(f->samples[TIMES], 0, NULL, NULL, "cpu:%u", cpu);

	sample_u64(row, T_USER, count * NSEC_PER_MSEC);
	sample_u64(row, T_COUNT, count);
	sample_f64(row, T_FLOAT, (double)count / 2);
}

static void run_times(struct fixture *f, unsigned from, unsigned to, uint64_t count)
{
	struct sample *sample = begin(f, TIMES);

	for (unsigned c = from; c < to; c++)
		add_times(f, c, count + c);
	sample_finish(sample, 0);
}

static void run_late(struct fixture *f, unsigned cpus, const char *governor)
{
	struct sample *sample = begin(f, LATE);
	struct histogram window;

	histogram_zero(&window);
	histogram_count(&window, 5000);
	for (unsigned c = 0; c < cpus; c++) {
		struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:%u", c);

		sample_u64(row, L_FREQ, 1000 + c);
		sample_text(sample, row, L_TEXT, governor);
		sample_histogram(sample, row, L_WINDOW, &window);
	}
	sample_finish(sample, 0);
}

static void fail_run(struct fixture *f, unsigned probe, int err)
{
	/* Rows of a failed run must not count. */
	(void)sample_row(begin(f, probe), 0, NULL, NULL, "cpu:99");
	sample_finish(f->samples[probe], err);
}

static void build(struct fixture *f)
{
	const struct snapshot *prev = f->snap;

	f->snap = snapshot_build(f->schema, prev, f->given, N_PROBES, f->now_ns, 7);
	snapshot_unref(prev);
}

static void tick(struct fixture *f, uint64_t ns)
{
	f->now_ns += ns;
}

static const struct entity *find(const struct fixture *f, const char *key)
{
	const struct entity *entity = snapshot_find(f->snap, key);

	assert_non_null(entity);
	assert_string_equal(entity->key, key);
	return entity;
}

static int state_of(const struct fixture *f, const char *key, const char *metric)
{
	return entity_value(find(f, key), metric)->state;
}

static double rate(const struct fixture *f, const char *key, const char *metric)
{
	return entity_rate(find(f, key), metric);
}

static bool is_rate(const struct fixture *f, const char *key, const char *metric, double wanted)
{
	return fabs(rate(f, key, metric) - wanted) < 1e-9 * (1 + fabs(wanted));
}

#define assert_rate(f, key, metric, wanted) assert_true(is_rate(f, key, metric, wanted))
#define assert_no_rate(f, key, metric) assert_true(isnan(rate(f, key, metric)))

/* --- joining --- */

static void columns_of_all_probes_meet_in_one_entity(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	run_tree(f, 0, 4);
	run_times(f, 0, 4, 10);
	run_late(f, 2, "performance");
	build(f);
	assert_int_equal(f->snap->seq, 1);
	assert_int_equal(f->snap->wall_ns, 7);
	assert_int_equal(snapshot_table(f->snap, "core")->n_entities, 2);
	assert_int_equal(snapshot_table(f->snap, "cpu")->n_entities, 4);
	assert_null(snapshot_table(f->snap, "vm"));
	assert_null(snapshot_find(f->snap, "cpu:4"));
	assert_null(snapshot_find(f->snap, ""));

	const struct entity *cpu = find(f, "cpu:1");

	assert_string_equal(cpu->name, "cpu:1");
	assert_ptr_equal(cpu->parent, find(f, "core:0"));
	assert_null(cpu->parent->parent);
	assert_true(entity_u64(cpu, "switches", &number));
	assert_int_equal(number, 11);
	assert_true(entity_u64(cpu, "energy", &number)); /* 5.5 */
	assert_int_equal(number, 5);
	assert_string_equal(entity_text(cpu, "governor"), "performance");
	assert_int_equal(entity_value(cpu, "window")->histogram->total, 1);
	assert_int_equal(entity_value(find(f, "cpu:3"), "governor")->state, VALUE_ABSENT);
	assert_null(entity_text(find(f, "cpu:3"), "governor"));
}

static void questions_without_answer(void **state)
{
	struct fixture *f = *state;
	uint64_t number = 42;

	run_tree(f, 0, 2);
	sample_f64(&f->samples[TREE]->tables[CPUS].rows[1], 1, -1);
	run_late(f, 2, "x");
	build(f);

	const struct entity *cpu = find(f, "cpu:0");

	assert_int_equal(entity_value(NULL, "online")->state, VALUE_ABSENT);
	assert_int_equal(entity_value(cpu, "no_such_metric")->state, VALUE_ABSENT);
	assert_false(entity_u64(NULL, "online", &number));
	assert_false(entity_u64(cpu, "package_id", &number));		   /* not set */
	assert_false(entity_u64(find(f, "cpu:1"), "package_id", &number)); /* -1 */
	assert_false(entity_u64(cpu, "governor", &number));		   /* text */
	assert_null(entity_text(cpu, "freq_hz"));			   /* a number */
	assert_null(entity_text(NULL, "governor"));
	assert_true(isnan(entity_rate(NULL, "switches")));
	assert_true(isnan(entity_rate(cpu, "no_such_metric")));
	assert_int_equal(number, 42);
	assert_int_equal(f->snap->probes[TIMES].status, SAMPLE_NONE);
	snapshot_unref(NULL);
}

static void first_probe_decides_order_and_later_ones_append(void **state)
{
	struct fixture *f = *state;
	static const unsigned order[] = {3, 1, 7, 2};

	(void)begin(f, TIMES);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		add_times(f, order[i], 1);
	sample_finish(f->samples[TIMES], 0);
	run_tree(f, 1, 4);
	build(f);

	const struct snapshot_table *table = snapshot_table(f->snap, "cpu");
	static const char *const wanted[] = {"cpu:1", "cpu:2", "cpu:3", "cpu:7"};

	assert_int_equal(table->n_entities, ARRAY_SIZE(wanted));
	for (unsigned i = 0; i < table->n_entities; i++)
		assert_string_equal(table->entities[i].key, wanted[i]);
	assert_int_equal(state_of(f, "cpu:7", "online"), VALUE_ABSENT);
	assert_null(find(f, "cpu:7")->parent);
}

static void first_name_and_parent_given_count(void **state)
{
	struct fixture *f = *state;

	(void)sample_row(begin(f, TREE), CORES, NULL, NULL, "core:0");
	(void)sample_row(f->samples[TREE], CORES, NULL, NULL, "core:1");
	(void)sample_row(f->samples[TREE], CPUS, NULL, NULL, "cpu:0");
	sample_finish(f->samples[TREE], 0);
	(void)sample_row(begin(f, TIMES), 0, "core:1", "first", "cpu:0");
	sample_finish(f->samples[TIMES], 0);
	(void)sample_row(begin(f, LATE), 0, "core:0", "second", "cpu:0");
	sample_finish(f->samples[LATE], 0);
	build(f);
	assert_string_equal(find(f, "cpu:0")->name, "first");
	assert_string_equal(find(f, "cpu:0")->parent->key, "core:1");
}

static void one_key_twice_is_one_entity(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	(void)begin(f, TIMES);
	add_times(f, 0, 1);
	add_times(f, 0, 2);
	add_times(f, 1, 3);
	sample_finish(f->samples[TIMES], 0);
	build(f);
	assert_int_equal(snapshot_table(f->snap, "cpu")->n_entities, 2);
	assert_true(entity_u64(find(f, "cpu:0"), "switches", &number));
	assert_int_equal(number, 2);
}

static void loops_of_parents_are_cut(void **state)
{
	struct fixture *f = *state;

	(void)sample_row(begin(f, TREE), CORES, "core:1", NULL, "core:0");
	(void)sample_row(f->samples[TREE], CORES, "core:0", NULL, "core:1");
	(void)sample_row(f->samples[TREE], CORES, "core:2", NULL, "core:2");
	(void)sample_row(f->samples[TREE], CPUS, "core:1", NULL, "cpu:0");
	(void)sample_row(f->samples[TREE], CPUS, "nobody:1", NULL, "cpu:1");
	sample_finish(f->samples[TREE], 0);
	build(f);
	for (unsigned k = 0; k < schema_n_kinds(f->schema); k++) {
		for (unsigned i = 0; i < f->snap->tables[k].n_entities; i++) {
			const struct entity *up = &f->snap->tables[k].entities[i];
			unsigned n = 0;

			for (; up && n < 10; n++)
				up = up->parent;
			assert_null(up);
		}
	}
	assert_null(find(f, "cpu:1")->parent);
}

static void thousands_join_through_many_ticks(void **state)
{
	struct fixture *f = *state;

	/* Grows past every first guess, then shrinks, shifted each time. */
	static const unsigned to[] = {3, 3000, 2900, 100, 3100};

	for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
		uint64_t number;

		tick(f, NSEC_PER_SEC);
		run_tree(f, i, to[i]);
		run_times(f, i, to[i], 1000 * i);
		build(f);
		assert_int_equal(snapshot_table(f->snap, "cpu")->n_entities, to[i] - i);
		for (unsigned c = i; c < to[i]; c++) {
			char key[16];

			(void)snprintf(key, sizeof(key), "cpu:%u", c);
			assert_true(entity_u64(find(f, key), "switches", &number));
			assert_int_equal(number, 1000 * i + c);
			if (i > 0 && c < to[i - 1])
				assert_rate(f, key, "switches", 1000);
			else
				assert_no_rate(f, key, "switches");
		}
	}
	assert_int_equal(f->snap->seq, ARRAY_SIZE(to));
}

/* --- rates --- */

static void rates_come_from_the_samples_own_times(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 2);
	run_times(f, 0, 2, 100);
	build(f);
	assert_no_rate(f, "cpu:0", "switches");
	tick(f, 2 * NSEC_PER_SEC);
	run_tree(f, 0, 2);
	run_times(f, 0, 2, 300);
	tick(f, NSEC_PER_SEC); /* a slow probe after it: no matter */
	build(f);
	assert_rate(f, "cpu:0", "switches", 100);
	assert_rate(f, "cpu:0", "user_ns", 0.1); /* 200 ms in 2 s: a share */
	assert_rate(f, "cpu:1", "energy", 50);	 /* counters may be floats */
	assert_no_rate(f, "cpu:0", "online");
}

static void a_probe_that_did_not_run_keeps_values_and_rates(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	run_tree(f, 0, 2);
	run_times(f, 0, 2, 100);
	build(f);
	tick(f, NSEC_PER_SEC);
	run_tree(f, 0, 2);
	run_times(f, 0, 2, 150);
	build(f);
	for (unsigned i = 0; i < 20; i++) {
		tick(f, NSEC_PER_SEC);
		run_tree(f, 0, 2);
		build(f);
		assert_int_equal(state_of(f, "cpu:0", "switches"), VALUE_OK);
		assert_true(entity_u64(find(f, "cpu:0"), "switches", &number));
		assert_int_equal(number, 150);
		assert_rate(f, "cpu:0", "switches", 50);
	}
	run_times(f, 0, 2, 150);
	build(f);
	assert_rate(f, "cpu:0", "switches", 0);
}

static void counters_going_back_have_no_rate(void **state)
{
	struct fixture *f = *state;

	run_times(f, 0, 2, 100);
	build(f);
	tick(f, NSEC_PER_SEC);
	(void)begin(f, TIMES);
	add_times(f, 0, 99);
	add_times(f, 1, 101);
	sample_finish(f->samples[TIMES], 0);
	build(f);
	assert_no_rate(f, "cpu:0", "switches");
	assert_no_rate(f, "cpu:0", "energy");
	assert_rate(f, "cpu:1", "switches", 0);
}

static void things_that_come_back_start_without_rates(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 4);
	run_times(f, 0, 4, 100);
	build(f);
	/* CPU 1 goes offline: the tree still lists it, its times are gone. */
	tick(f, NSEC_PER_SEC);
	(void)begin(f, TIMES);
	add_times(f, 0, 200);
	add_times(f, 2, 202);
	sample_finish(f->samples[TIMES], 0);
	build(f);
	assert_rate(f, "cpu:2", "switches", 100);
	assert_int_equal(state_of(f, "cpu:1", "switches"), VALUE_ABSENT);
	assert_no_rate(f, "cpu:1", "switches");
	tick(f, NSEC_PER_SEC);
	run_times(f, 0, 4, 300);
	build(f);
	assert_no_rate(f, "cpu:1", "switches");
	assert_no_rate(f, "cpu:3", "switches");
	assert_rate(f, "cpu:2", "switches", 100);
	tick(f, NSEC_PER_SEC);
	run_times(f, 0, 4, 400);
	build(f);
	assert_rate(f, "cpu:1", "switches", 100);
}

static void another_name_is_another_thing(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"disk", "disk", "net", "net"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct sample_row *row = sample_row(begin(f, TIMES), 0, NULL, names[i], "cpu:0");

		sample_u64(row, T_COUNT, 10 * i);
		sample_finish(f->samples[TIMES], 0);
		build(f);
		if (i == 1 || i == 3)
			assert_rate(f, "cpu:0", "switches", 10);
		else
			assert_no_rate(f, "cpu:0", "switches");
		tick(f, NSEC_PER_SEC);
	}
}

/* A value, then the whole probe cannot be read once: no rate with it nor right after it. */
static void rates_need_two_good_values(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 7; i++) {
		run_times(f, 0, 1, 100 * i);
		if (i == 1)
			sample_errno(&f->samples[TIMES]->tables[0].rows[0], T_COUNT, EIO);
		if (i == 4)
			fail_run(f, TIMES, -EIO);
		build(f);
		if (i == 3 || i == 6)
			assert_rate(f, "cpu:0", "switches", 100);
		else
			assert_no_rate(f, "cpu:0", "switches");
		tick(f, NSEC_PER_SEC);
	}
}

/* --- failures --- */

static void a_failing_probe_leaves_stale_values(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	run_tree(f, 0, 2);
	run_times(f, 0, 3, 100); /* it alone knows cpu:2 */
	build(f);
	for (unsigned i = 1; i <= 10; i++) {
		tick(f, NSEC_PER_SEC);
		run_tree(f, 0, 2);
		fail_run(f, TIMES, -EIO);
		build(f);
		assert_int_equal(state_of(f, "cpu:0", "switches"), VALUE_STALE);
		assert_true(entity_u64(find(f, "cpu:1"), "switches", &number));
		assert_int_equal(number, 101);
		assert_no_rate(f, "cpu:0", "switches");
		assert_int_equal(state_of(f, "cpu:0", "online"), VALUE_OK);
		assert_int_equal(state_of(f, "cpu:2", "switches"), VALUE_STALE);
		assert_null(snapshot_find(f->snap, "cpu:99"));
		assert_int_equal(f->snap->probes[TIMES].status, SAMPLE_FAULT);
		assert_non_null(f->snap->probes[TIMES].error);
	}
	tick(f, 1); /* now it has been away for too long */
	build(f);
	assert_int_equal(state_of(f, "cpu:0", "switches"), VALUE_FAULT);
	assert_null(snapshot_find(f->snap, "cpu:2"));
	/* It works again: the first tick has no rates, the second has. */
	for (unsigned i = 0; i < 2; i++) {
		tick(f, NSEC_PER_SEC);
		run_times(f, 0, 3, 500 + 10 * i);
		build(f);
		assert_int_equal(state_of(f, "cpu:0", "switches"), VALUE_OK);
		if (i)
			assert_rate(f, "cpu:0", "switches", 10);
		else
			assert_no_rate(f, "cpu:0", "switches");
	}
}

static void slow_probes_stay_stale_for_their_period_more(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 2);
	run_late(f, 2, "powersave");
	build(f);
	tick(f, 15 * NSEC_PER_SEC); /* 10 s and its period */
	fail_run(f, LATE, -EACCES);
	build(f);
	assert_int_equal(state_of(f, "cpu:0", "freq_hz"), VALUE_STALE);
	assert_string_equal(entity_text(find(f, "cpu:0"), "governor"), "powersave");
	assert_int_equal(entity_value(find(f, "cpu:0"), "window")->histogram->total, 1);
	tick(f, 1);
	build(f);
	assert_int_equal(state_of(f, "cpu:0", "freq_hz"), VALUE_DENIED);
	assert_null(entity_text(find(f, "cpu:0"), "governor"));
}

static void failing_from_the_start_says_how(void **state)
{
	static const struct {
		int err;
		enum value_state state;
		enum sample_status status;
	} rows[] = {
		{-ENOENT, VALUE_ABSENT, SAMPLE_ABSENT},
		{-EACCES, VALUE_DENIED, SAMPLE_DENIED},
		{-EIO, VALUE_FAULT, SAMPLE_FAULT},
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		tick(f, NSEC_PER_SEC);
		run_tree(f, 0, 2);
		fail_run(f, TIMES, rows[i].err);
		build(f);
		assert_int_equal(state_of(f, "cpu:1", "switches"), rows[i].state);
		assert_int_equal(f->snap->probes[TIMES].status, rows[i].status);
		assert_int_equal(snapshot_table(f->snap, "cpu")->n_entities, 2);
		assert_no_rate(f, "cpu:1", "switches");
	}
}

static void stale_entities_keep_their_place_in_the_tree(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 4);
	run_times(f, 0, 4, 1);
	build(f);
	tick(f, NSEC_PER_SEC);
	fail_run(f, TREE, -EIO);
	run_times(f, 0, 5, 2);
	build(f);

	const struct snapshot_table *table = snapshot_table(f->snap, "cpu");

	assert_int_equal(table->n_entities, 5);
	assert_string_equal(table->entities[0].key, "cpu:0");
	assert_string_equal(table->entities[4].key, "cpu:4");
	assert_string_equal(find(f, "cpu:3")->parent->key, "core:1");
	assert_int_equal(state_of(f, "cpu:3", "online"), VALUE_STALE);
	assert_rate(f, "cpu:3", "switches", 1);
}

static void probes_not_asked_for_leave_nothing(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 2);
	run_times(f, 0, 3, 100);
	build(f);
	tick(f, NSEC_PER_SEC);
	f->given[TIMES] = NULL;
	build(f);
	assert_int_equal(state_of(f, "cpu:0", "switches"), VALUE_ABSENT);
	assert_null(snapshot_find(f->snap, "cpu:2"));
	assert_int_equal(f->snap->probes[TIMES].status, SAMPLE_NONE);
	assert_ptr_equal(f->snap->probes[TIMES].probe, &times);
	tick(f, NSEC_PER_SEC);
	f->given[TIMES] = f->samples[TIMES];
	run_times(f, 0, 2, 200);
	build(f);
	assert_no_rate(f, "cpu:0", "switches");
}

static void status_rows_tell_time_cost_and_error(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 1);
	f->samples[TREE]->cost_ns = 4711;
	sample_errorf(f->samples[TREE], "partly");
	sample_finish(f->samples[TREE], 0);
	build(f);
	assert_int_equal(f->snap->n_probes, N_PROBES);

	const struct probe_status *status = &f->snap->probes[TREE];

	assert_ptr_equal(status->probe, &tree);
	assert_int_equal(status->status, SAMPLE_OK);
	assert_string_equal(status->error, "partly");
	assert_int_equal(status->cost_ns, 4711);
	assert_true(status->time_ns == f->now_ns);
	assert_true(f->snap->self_cpu_ns > 0);
}

/* --- life --- */

static void snapshots_outlive_samples_and_predecessors(void **state)
{
	struct fixture *f = *state;

	run_tree(f, 0, 2);
	run_late(f, 2, "ondemand");
	build(f);

	const struct snapshot *held = snapshot_ref(f->snap);

	for (unsigned i = 0; i < 3; i++) {
		tick(f, NSEC_PER_SEC);
		run_tree(f, 1, 2);
		run_late(f, 0, "");
		build(f);
	}

	const struct entity *cpu = snapshot_find(held, "cpu:0");

	assert_string_equal(entity_text(cpu, "governor"), "ondemand");
	assert_string_equal(cpu->parent->key, "core:0");
	assert_int_equal(entity_value(cpu, "window")->histogram->total, 1);
	assert_null(snapshot_find(f->snap, "cpu:0"));
	snapshot_unref(held);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(columns_of_all_probes_meet_in_one_entity),
		TEST(questions_without_answer),
		TEST(first_probe_decides_order_and_later_ones_append),
		TEST(first_name_and_parent_given_count),
		TEST(one_key_twice_is_one_entity),
		TEST(loops_of_parents_are_cut),
		TEST(thousands_join_through_many_ticks),
		TEST(rates_come_from_the_samples_own_times),
		TEST(a_probe_that_did_not_run_keeps_values_and_rates),
		TEST(counters_going_back_have_no_rate),
		TEST(things_that_come_back_start_without_rates),
		TEST(another_name_is_another_thing),
		TEST(rates_need_two_good_values),
		TEST(a_failing_probe_leaves_stale_values),
		TEST(slow_probes_stay_stale_for_their_period_more),
		TEST(failing_from_the_start_says_how),
		TEST(stale_entities_keep_their_place_in_the_tree),
		TEST(probes_not_asked_for_leave_nothing),
		TEST(status_rows_tell_time_cost_and_error),
		TEST(snapshots_outlive_samples_and_predecessors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
