/*
 * Probes that only add to what others list (PROBE_ADDS): their rows give values and keep nothing
 * alive, whatever their place among the probes.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/snapshot.h"

enum { EXTRA, TREE, N_PROBES };

static const struct metric tree_metrics[] = {{"online", METRIC_BOOL, UNIT_NONE, "", NULL}};
static const struct metric extra_metrics[] = {{"extra", METRIC_COUNTER, UNIT_COUNT, "", NULL}};
static const struct metric_set tree_sets[] = {{"cpu", tree_metrics, 1}};
static const struct metric_set extra_sets[] = {{"cpu", extra_metrics, 1}};
static const struct probe tree = {.name = "tree", .sets = tree_sets, .n_sets = 1};
static const struct probe extra = {.name = "extra",
				   .sets = extra_sets,
				   .n_sets = 1,
				   .flags = PROBE_ADDS,
				   .period_ns = 5 * NSEC_PER_SEC};
static const struct probe *const probes[N_PROBES] = {&extra, &tree};

struct fixture {
	struct schema *schema;
	struct sample *samples[N_PROBES];
	const struct snapshot *snap;
	uint64_t now_ns;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->schema = schema_new(probes, N_PROBES);
	for (unsigned i = 0; i < N_PROBES; i++)
		f->samples[i] = sample_new(probes[i]);
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

static void run_tree(struct fixture *f, unsigned cpus)
{
	struct sample *sample = begin(f, TREE);

	for (unsigned c = 0; c < cpus; c++)
		sample_bool(sample_row(sample, 0, NULL, NULL, "cpu:%u", c), 0, true);
	sample_finish(sample, 0);
}

static void run_extra(struct fixture *f, unsigned cpus, uint64_t count)
{
	struct sample *sample = begin(f, EXTRA);

	for (unsigned c = 0; c < cpus; c++)
		sample_u64(sample_row(sample, 0, NULL, NULL, "cpu:%u", c), 0, count + c);
	sample_finish(sample, 0);
}

static void fail_run(struct fixture *f, unsigned probe, int err)
{
	sample_finish(begin(f, probe), err);
}

static void build(struct fixture *f)
{
	const struct snapshot *prev = f->snap;

	f->snap = snapshot_build(f->schema, prev, f->samples, N_PROBES, f->now_ns, 7);
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
	return entity;
}

static int state_of(const struct fixture *f, const char *key, const char *metric)
{
	return entity_value(find(f, key), metric)->state;
}

static double rate(const struct fixture *f, const char *key)
{
	return entity_rate(find(f, key), "extra");
}

static unsigned n_cpus(const struct fixture *f)
{
	return snapshot_table(f->snap, "cpu")->n_entities;
}

static void additions_keep_nothing_alive(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	run_tree(f, 4);
	run_extra(f, 6, 10);
	build(f);
	assert_int_equal(n_cpus(f), 4);
	assert_true(entity_u64(find(f, "cpu:3"), "extra", &number));
	assert_int_equal(number, 13);

	/* Two CPUs go; what was said of them is known for a while longer. */
	tick(f, NSEC_PER_SEC);
	run_tree(f, 2);
	build(f);
	assert_int_equal(n_cpus(f), 2);
	assert_null(snapshot_find(f->snap, "cpu:2"));

	/* Back again, and the rate with it: the others never doubted that it is the same. */
	tick(f, NSEC_PER_SEC);
	run_tree(f, 3);
	run_extra(f, 3, 20);
	build(f);
	assert_true(fabs(rate(f, "cpu:1") - 5) < 1e-9);
	assert_true(isnan(rate(f, "cpu:2")));

	/* Failing, they are carried, and keep nothing alive either. */
	tick(f, NSEC_PER_SEC);
	run_tree(f, 2);
	fail_run(f, EXTRA, -EIO);
	build(f);
	assert_int_equal(n_cpus(f), 2);
	assert_int_equal(state_of(f, "cpu:1", "extra"), VALUE_STALE);

	/* Those who list say there is none: then there is none. */
	run_tree(f, 0);
	build(f);
	assert_int_equal(n_cpus(f), 0);
}

static void additions_stand_for_themselves_where_nobody_lists(void **state)
{
	struct fixture *f = *state;

	fail_run(f, TREE, -EACCES);
	run_extra(f, 2, 10);
	build(f);
	assert_int_equal(n_cpus(f), 2);
	assert_int_equal(state_of(f, "cpu:0", "online"), VALUE_DENIED);
	assert_int_equal(state_of(f, "cpu:0", "extra"), VALUE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(additions_keep_nothing_alive),
		TEST(additions_stand_for_themselves_where_nobody_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
