#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/snapshot.h"

static const struct metric ids[] = {
	{.name = "package_id", .type = METRIC_GAUGE},
	{.name = "siblings", .type = METRIC_CPUSET},
};
static const struct metric times[] = {
	{.name = "user_ns", .type = METRIC_COUNTER, .unit = UNIT_NS},
	{.name = "idle_ns", .type = METRIC_COUNTER, .unit = UNIT_NS},
};
static const struct metric times_again[] = {
	{.name = "user_ns", .type = METRIC_COUNTER, .unit = UNIT_NS}};
static const struct metric counts[] = {{.name = "count", .type = METRIC_COUNTER}};
static const struct metric misnamed[] = {{.name = "time", .type = METRIC_COUNTER, .unit = UNIT_NS}};

static const struct metric_set topology_sets[] = {
	{.kind = "package", .metrics = ids, .n_metrics = 1},
	{.kind = "cpu", .metrics = ids, .n_metrics = 2},
};
static const struct metric_set cpu_sets[] = {{.kind = "cpu", .metrics = times, .n_metrics = 2}};
static const struct metric_set irq_sets[] = {{.kind = "irq", .metrics = counts, .n_metrics = 1}};
static const struct metric_set misnamed_sets[] = {
	{.kind = "cpu", .metrics = misnamed, .n_metrics = 1}};
static const struct metric_set empty_sets[] = {{.kind = "thing"}};

static const struct probe topology = {.name = "topology", .sets = topology_sets, .n_sets = 2};
static const struct probe cpu = {.name = "cpu", .sets = cpu_sets, .n_sets = 1};
static const struct probe irq = {.name = "irq", .sets = irq_sets, .n_sets = 1};
static const struct metric_set again_sets[] = {
	{.kind = "cpu", .metrics = times_again, .n_metrics = 1}};
static const struct probe cpu_again = {.name = "cpu2", .sets = again_sets, .n_sets = 1};
static const struct probe cpu_too = {.name = "cpu3", .sets = cpu_sets, .n_sets = 1};
static const struct probe bad_name = {.name = "bad", .sets = misnamed_sets, .n_sets = 1};
static const struct probe empty = {.name = "empty", .sets = empty_sets, .n_sets = 1};
static const struct probe no_sets = {.name = "none"};

static void kinds_collect_the_metrics_of_all_probes(void **state)
{
	const struct probe *const probes[] = {&topology, &irq, &no_sets, &cpu, &empty};
	struct schema *schema = schema_new(probes, ARRAY_SIZE(probes));

	(void)state;
	assert_int_equal(schema_n_kinds(schema), 4);
	assert_string_equal(schema_kind_at(schema, 0)->name, "package");
	assert_string_equal(schema_kind_at(schema, 2)->name, "irq");

	const struct kind *kind = schema_kind(schema, "cpu");

	assert_non_null(kind);
	assert_int_equal(kind->index, 1);
	assert_ptr_equal(kind, schema_kind_at(schema, 1));
	assert_int_equal(kind->n_metrics, 4);
	assert_ptr_equal(kind->metrics[0], &ids[0]);
	assert_ptr_equal(kind->metrics[3], &times[1]);
	assert_null(schema_kind(schema, "vm"));
	assert_int_equal(kind_metric(schema_kind(schema, "thing"), "user_ns"), -1);
	schema_free(schema);
}

static void metrics_are_found_by_name(void **state)
{
	enum { MANY = 300 };
	static char names[MANY][16];
	static struct metric many[MANY];
	const struct metric_set set = {.kind = "cpu", .metrics = many, .n_metrics = MANY};
	const struct probe probe = {.name = "many", .sets = &set, .n_sets = 1};
	const struct probe *const probes[] = {&probe};

	(void)state;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "metric_%d", i);
		many[i].name = names[i];
	}

	struct schema *schema = schema_new(probes, 1);
	const struct kind *kind = schema_kind_at(schema, 0);

	for (int i = 0; i < MANY; i++) {
		char copy[16];

		(void)snprintf(copy, sizeof(copy), "metric_%d", i);
		assert_int_equal(kind_metric(kind, copy), i);
		assert_int_equal(kind_metric(kind, names[i]), i);
	}
	assert_int_equal(kind_metric(kind, "metric_300"), -1);
	assert_int_equal(kind_metric(kind, ""), -1);
	schema_free(schema);
}

static void free_takes_null(void **state)
{
	(void)state;
	schema_free(NULL);
}

/* True when making this schema dies of an assertion. */
static bool schema_aborts(const struct probe *const *probes, unsigned n)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = {0};

		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		schema_free(schema_new(probes, n));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void bugs_of_probes_are_found_at_start(void **state)
{
	const struct probe *const good[] = {&topology, &cpu};
	const struct probe *const twice[] = {&topology, &cpu, &cpu_again};
	const struct probe *const named[] = {&bad_name};

	(void)state;
	assert_false(schema_aborts(good, 2));
	assert_true(schema_aborts(twice, 3));
	assert_true(schema_aborts(named, 1));
}

/* --- the same array in two probes, each of which lists things of its own --- */

struct shared {
	struct schema *schema;
	struct sample *samples[2];
	const struct snapshot *snap;
	uint64_t now_ns;
};

static void shared_tick(struct shared *shared, uint64_t first, uint64_t second, int second_result)
{
	const struct snapshot *last = shared->snap;
	uint64_t values[] = {first, second};

	shared->now_ns += NSEC_PER_SEC;
	for (unsigned i = 0; i < 2; i++) {
		sample_reset(shared->samples[i]);
		shared->samples[i]->time_ns = shared->now_ns;
		sample_u64(sample_row(shared->samples[i], 0, NULL, NULL, "cpu:%u", i), 1,
			   values[i]);
		sample_finish(shared->samples[i], i ? second_result : 0);
	}
	shared->snap = snapshot_build(shared->schema, last, shared->samples, 2, shared->now_ns, 1);
	snapshot_unref(last);
}

static const struct value *idle_of(const struct shared *shared, const char *key)
{
	return entity_value(snapshot_find(shared->snap, key), "idle_ns");
}

static void one_array_in_two_probes_is_one_set(void **state)
{
	const struct probe *const probes[] = {&cpu, &cpu_too};
	struct shared shared = {.schema = schema_new(probes, 2), .now_ns = NSEC_PER_SEC};

	(void)state;
	shared.samples[0] = sample_new(&cpu);
	shared.samples[1] = sample_new(&cpu_too);
	assert_int_equal(schema_kind(shared.schema, "cpu")->n_metrics, 2);

	/* One fails from the start: what the other lists is none of its business. */
	shared_tick(&shared, 100, 200, -EACCES);
	assert_int_equal(idle_of(&shared, "cpu:0")->state, VALUE_OK);
	assert_null(snapshot_find(shared.snap, "cpu:1"));
	shared_tick(&shared, 300, 500, 0);
	shared_tick(&shared, 400, 900, 0);
	assert_int_equal(idle_of(&shared, "cpu:0")->u64, 400);
	assert_int_equal(idle_of(&shared, "cpu:1")->u64, 900);
	assert_true(entity_rate(snapshot_find(shared.snap, "cpu:0"), "idle_ns") == 1e-7);
	assert_true(entity_rate(snapshot_find(shared.snap, "cpu:1"), "idle_ns") == 4e-7);
	/* It fails later on: only its own are stale. */
	shared_tick(&shared, 500, 0, -EIO);
	assert_int_equal(idle_of(&shared, "cpu:0")->state, VALUE_OK);
	assert_int_equal(idle_of(&shared, "cpu:1")->state, VALUE_STALE);
	assert_int_equal(idle_of(&shared, "cpu:1")->u64, 900);

	snapshot_unref(shared.snap);
	sample_free(shared.samples[0]);
	sample_free(shared.samples[1]);
	schema_free(shared.schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_collect_the_metrics_of_all_probes),
		cmocka_unit_test(metrics_are_found_by_name),
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(bugs_of_probes_are_found_at_start),
		cmocka_unit_test(one_array_in_two_probes_is_one_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
