#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/experiment.h"

#define SECOND NSEC_PER_SEC
#define TICK (SECOND / 2)
#define START (100 * SECOND) /* of the history */

/* A probe of the test's own, whose windows say what the test wants. */
static const struct metric cpu_metrics[] = {
	{.name = "wakeup_window", .type = METRIC_HISTOGRAM, .unit = UNIT_NS, .help = "test"},
};
static const struct metric_set sets[] = {{.kind = "cpu", .metrics = cpu_metrics, .n_metrics = 1}};

static int sample_nothing(void *state, struct host *host, struct sample *out)
{
	(void)state;
	(void)host;
	(void)out;
	return 0;
}

static const struct probe probe = {
	.name = "test", .summary = "test", .sets = sets, .n_sets = 1, .sample = sample_nothing};

struct fixture {
	const struct probe *probes[1];
	struct schema *schema;
	struct history *history;
	const struct snapshot *last;
	uint64_t now_ns;
};

static int set_up(void **state)
{
	static const struct history_metric metrics[] = {{"cpu", "wakeup_window", 400}};
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->probes[0] = &probe;
	f->schema = schema_new(f->probes, 1);
	f->history = history_new(metrics, 1);
	f->now_ns = START;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->last);
	history_free(f->history);
	schema_free(f->schema);
	freep(state);
	return 0;
}

/* One tick: on every CPU n samples from low to high, evenly. */
struct tick {
	unsigned n_cpus, n;
	uint64_t low_ns, high_ns;
};

static void feed(struct fixture *f, const struct tick *tick)
{
	struct sample *sample = sample_new(&probe);
	struct histogram window;

	sample->time_ns = f->now_ns + TICK;
	for (unsigned cpu = 0; cpu < tick->n_cpus; cpu++) {
		histogram_zero(&window);
		window.start_ns = f->now_ns;
		window.end_ns = f->now_ns + TICK;
		for (unsigned i = 0; i < tick->n; i++)
			histogram_count(&window, tick->low_ns + (tick->high_ns - tick->low_ns) * i /
									tick->n);

		struct sample_row *row = sample_row(sample, 0, NULL, NULL, "cpu:%u", cpu);

		sample_histogram(sample, row, 0, &window);
	}
	sample_finish(sample, 0);
	f->now_ns += TICK;

	const struct snapshot *snap = snapshot_build(f->schema, f->last, &sample, 1, f->now_ns, 0);

	history_feed(f->history, snap);
	snapshot_unref(f->last);
	f->last = snap;
	sample_free(sample);
}

static void feed_seconds(struct fixture *f, double seconds, const struct tick *tick)
{
	for (uint64_t end_ns = f->now_ns + (uint64_t)(seconds * 1e9); f->now_ns < end_ns;)
		feed(f, tick);
}

static struct experiment on_cpus(unsigned n)
{
	struct experiment experiment = {0};

	for (unsigned cpu = 0; cpu < n; cpu++)
		cpuset_add(&experiment.cpus, cpu);
	return experiment;
}

static void assert_near(uint64_t ns, double want_ns)
{
	if ((double)ns < want_ns * 0.968 || (double)ns > want_ns * 1.032)
		fail_msg("%llu is not about %g", (unsigned long long)ns, want_ns);
}

static const struct tick slow = {.n_cpus = 2, .n = 500, .low_ns = 10000, .high_ns = 110000};
static const struct tick fast = {.n_cpus = 2, .n = 500, .low_ns = 5000, .high_ns = 55000};
static const struct tick wild = {.n_cpus = 2, .n = 500, .low_ns = 5000000, .high_ns = 9000000};

static void test_before_and_after(void **state)
{
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed_seconds(f, 20, &slow);
	experiment.apply_start_ns = f->now_ns;
	feed_seconds(f, 1, &wild); /* applying and settling: in neither window */
	experiment.apply_end_ns = f->now_ns - EXPERIMENT_SETTLE_NS;
	feed_seconds(f, 4, &fast);
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);

	assert_int_equal(result.before.covered_ns, 10 * SECOND);
	assert_int_equal(result.before.samples, 2 * 20 * 500);
	assert_true(result.before.has_p50 && result.before.has_p99 && result.before.has_p99_9);
	assert_near(result.before.p50_ns, 60000);
	assert_near(result.before.p99_ns, 109000);
	assert_int_equal(result.before.max_ns, 109800);

	assert_int_equal(result.after.covered_ns, 4 * SECOND);
	assert_int_equal(result.after.samples, 2 * 8 * 500);
	assert_near(result.after.p50_ns, 30000);
	assert_near(result.after.p99_ns, 54500);
	assert_int_equal(result.after.max_ns, 54900);
	assert_false(result.after.has_p99_9); /* 8 of 8,000 samples above are too few */

	assert_int_equal(result.discarded_ns, SECOND);
	assert_int_equal(result.verdict, EXPERIMENT_NOT_JUDGED);
}

static void test_windows_on_the_edge_count_for_neither(void **state)
{
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed_seconds(f, 5, &slow);
	feed(f, &wild); /* begins before the change, ends in it */
	experiment.apply_start_ns = f->now_ns - TICK / 2;
	experiment.apply_end_ns = f->now_ns - TICK / 2 + 1000;
	feed(f, &wild); /* settling ends in it */
	feed_seconds(f, 2, &fast);
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.max_ns, 109800);
	assert_int_equal(result.before.covered_ns, 5 * SECOND); /* less than 10 s were measured */
	assert_int_equal(result.after.max_ns, 54900);
	assert_int_equal(result.after.covered_ns, 2 * SECOND);
	assert_int_equal(result.discarded_ns, EXPERIMENT_SETTLE_NS + 1000);
}

static void test_ends_when_taken_back(void **state)
{
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed_seconds(f, 2, &slow);
	experiment.apply_start_ns = f->now_ns;
	experiment.apply_end_ns = f->now_ns;
	feed(f, &wild);
	feed_seconds(f, 3, &fast);
	experiment.end_ns = f->now_ns;
	history_cut(f->history, f->now_ns); /* as the dashboard does at every event of the guard */
	feed_seconds(f, 5, &wild);
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	/* The column in which settling ended is for neither side: history keeps whole seconds. */
	assert_int_equal(result.after.covered_ns, 2 * SECOND + TICK);
	assert_int_equal(result.after.max_ns, 54900);
}

static void test_only_affected_cpus(void **state)
{
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(1);
	struct experiment_result result;

	cpuset_add(&experiment.cpus, 4000); /* never measured */
	feed_seconds(f, 4, &slow);
	experiment.apply_start_ns = f->now_ns;
	experiment.apply_end_ns = f->now_ns;
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.samples, 8 * 500);
	experiment = on_cpus(0);
	experiment.apply_start_ns = experiment.apply_end_ns = f->now_ns;
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.samples, 0);
	assert_int_equal(result.before.covered_ns, 0);
}

static void test_covered_time_is_not_added_up(void **state)
{
	static const struct tick one_cpu = {.n_cpus = 1, .n = 5, .low_ns = 1000, .high_ns = 9000};
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed_seconds(f, 1, &slow);
	feed_seconds(f, 2, &one_cpu); /* the other one is offline */
	experiment.apply_start_ns = experiment.apply_end_ns = f->now_ns;
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.covered_ns, 3 * SECOND);
}

static void test_while_it_is_applied(void **state)
{
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed_seconds(f, 3, &slow);
	experiment.apply_start_ns = f->now_ns;
	feed_seconds(f, 2, &wild);
	memset(&result, 0xff, sizeof(result));
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.covered_ns, 3 * SECOND);
	assert_int_equal(result.after.samples, 0);
	assert_int_equal(result.after.max_ns, 0);
	assert_false(result.after.has_p50);
	assert_int_equal(result.discarded_ns, 2 * SECOND);

	/* Applied, but not settled yet. */
	experiment.apply_end_ns = f->now_ns - EXPERIMENT_SETTLE_NS / 2;
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.after.samples, 0);
	assert_int_equal(result.discarded_ns, 2 * SECOND);
}

static void test_few_samples_have_no_quantiles(void **state)
{
	static const struct tick few = {.n_cpus = 2, .n = 4, .low_ns = 1000, .high_ns = 9000};
	struct fixture *f = *state;
	struct experiment experiment = on_cpus(2);
	struct experiment_result result;

	feed(f, &few);
	feed(f, &few);
	experiment.apply_start_ns = experiment.apply_end_ns = f->now_ns;
	experiment_evaluate(&experiment, f->history, "wakeup_window", f->now_ns, &result);
	assert_int_equal(result.before.samples, 16);
	assert_false(result.before.has_p50);
	assert_false(result.before.has_p99);
	assert_int_equal(result.before.max_ns, 7000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_before_and_after, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_windows_on_the_edge_count_for_neither, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_ends_when_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_affected_cpus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_covered_time_is_not_added_up, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_while_it_is_applied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_few_samples_have_no_quantiles, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
