#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/histogram.h"
#include "core/measure.h"
#include "probes/probes.h"

static void nap_ms(unsigned ms)
{
	struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&nap, &nap))
		;
}

static unsigned metric_index(const char *name)
{
	const struct metric_set *set = &probe_jitter.sets[0];

	for (unsigned i = 0; i < set->n_metrics; i++) {
		if (!strcmp(set->metrics[i].name, name))
			return i;
	}
	fail_msg("no metric %s", name);
	return 0;
}

static const struct value *value_of(const struct sample_row *row, const char *name)
{
	return &row->values[metric_index(name)];
}

/* The row of a CPU; NULL: it has none. */
static const struct sample_row *row_of(const struct sample *sample, const char *key)
{
	for (unsigned i = 0; i < sample->tables[0].n_rows; i++) {
		if (!strcmp(sample->tables[0].rows[i].key, key))
			return &sample->tables[0].rows[i];
	}
	return NULL;
}

/* One run of the probe and what it left; the state lives as long as the fixture. */
struct fixture {
	struct host *host;
	void *probe_state;
	struct sample *sample;
	struct measure *measure;
	unsigned cpu;
	char key[32];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct cpuset cpus;

	if (host_open_live(&f->host) || host_get_affinity(f->host, 0, &cpus))
		return -1;
	f->cpu = cpuset_next(&cpus, 0);
	(void)snprintf(f->key, sizeof(f->key), "cpu:%u", f->cpu);
	f->probe_state = xcalloc(1, probe_jitter.state_size);
	f->sample = sample_new(&probe_jitter);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	host_attach_measure(f->host, NULL);
	measure_stop(f->measure);
	probe_jitter.close(f->probe_state);
	freep(&f->probe_state);
	sample_free(f->sample);
	host_close(f->host);
	freep(state);
	return 0;
}

static int run_probe(struct fixture *f)
{
	sample_reset(f->sample);

	int result = probe_jitter.sample(f->probe_state, f->host, f->sample);

	sample_finish(f->sample, result);
	return result;
}

static void start(struct fixture *f, const struct engine *engine)
{
	/* Whatever else runs on the machine of the tests. */
	struct measure_options options = {.is_forced = true};

	cpuset_add(&options.cpus, f->cpu);
	assert_int_equal(measure_start(f->host, engine, &options, &f->measure), 0);
	host_attach_measure(f->host, f->measure);
}

static void wait_for_samples(const struct fixture *f, uint64_t n)
{
	for (unsigned i = 0; i < 3000 && measure_samples(f->measure, f->cpu) < n; i++)
		nap_ms(10);
	assert_true(measure_samples(f->measure, f->cpu) >= n);
}

static void test_not_measuring_is_absent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_probe(f), -EOPNOTSUPP);
	assert_int_equal(f->sample->status, SAMPLE_ABSENT);
	assert_non_null(f->sample->error);
	assert_non_null(strstr(f->sample->error, "not measuring"));
	assert_int_equal(f->sample->tables[0].n_rows, 0);
}

/* 2,000 samples from 1 to 2,000 us, then rest: the figures of the tick are known. */
static int ramp_run(const struct engine_thread *thread)
{
	for (unsigned i = 1; i <= 2000; i++)
		histogram_live_count(thread->live, i * 1000);
	while (!atomic_load(thread->stop))
		nap_ms(1);
	return 0;
}

static const struct engine ramp = {.name = "ramp",
				   .summary = "",
				   .run = ramp_run,
				   .policy = MEASURE_FIFO,
				   .priority = 2,
				   .interval_ns = NSEC_PER_MSEC};

static void assert_near(const struct value *value, double want)
{
	assert_int_equal(value->state, VALUE_OK);
	if ((double)value->u64 < want * 0.968 || (double)value->u64 > want * 1.032)
		fail_msg("%llu is not about %g", (unsigned long long)value->u64, want);
}

static void check_host(const struct fixture *f, const char *engine)
{
	const struct metric_set *set = &probe_jitter.sets[1];

	assert_string_equal(set->kind, "host");
	assert_int_equal(f->sample->tables[1].n_rows, 1);

	const struct sample_row *row = &f->sample->tables[1].rows[0];

	assert_string_equal(row->key, "host");
	for (unsigned i = 0; i < set->n_metrics; i++) {
		if (!strcmp(set->metrics[i].name, "measure_engine"))
			assert_string_equal(row->values[i].text, engine);
		if (!strcmp(set->metrics[i].name, "measure_interval_ns"))
			assert_int_equal(row->values[i].u64, NSEC_PER_MSEC);
		if (!strcmp(set->metrics[i].name, "measure_left_out"))
			assert_string_equal(row->values[i].text, "");
		if (!strcmp(set->metrics[i].name, "measure_note"))
			assert_int_equal(row->values[i].state, VALUE_ABSENT);
	}
}

static void test_figures_of_the_tick(void **state)
{
	struct fixture *f = *state;

	start(f, &ramp);
	wait_for_samples(f, 2000);
	assert_int_equal(run_probe(f), 0);
	assert_int_equal(f->sample->tables[0].n_rows, 1);

	const struct sample_row *row = row_of(f->sample, f->key);

	assert_non_null(row);
	assert_near(value_of(row, "wakeup_p50_ns"), 1000000);
	assert_near(value_of(row, "wakeup_p99_ns"), 1980000);
	assert_int_equal(value_of(row, "wakeup_max_ns")->u64, 2000000);
	assert_int_equal(value_of(row, "wakeup_min_ns")->u64, 1000);
	assert_int_equal(value_of(row, "wakeup_worst_ns")->u64, 2000000);
	assert_int_equal(value_of(row, "wakeup_samples")->u64, 2000);
	/* Two samples lie above it: too few. */
	assert_int_equal(value_of(row, "wakeup_p99_9_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "noise_window")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "spun_ns")->state, VALUE_ABSENT);
	check_host(f, "ramp");

	const struct value *window = value_of(row, "wakeup_window");

	assert_int_equal(window->state, VALUE_OK);
	assert_int_equal(window->histogram->total, 2000);
	assert_int_equal(window->histogram->min_ns, 1000);
	assert_true(window->histogram->end_ns > window->histogram->start_ns);

	uint64_t end_ns = window->histogram->end_ns;

	/* A tick without samples: an empty window that follows on, no figures, the counter stays.
	 */
	assert_int_equal(run_probe(f), 0);
	row = row_of(f->sample, f->key);
	assert_non_null(row);
	window = value_of(row, "wakeup_window");
	assert_int_equal(window->state, VALUE_OK);
	assert_int_equal(window->histogram->total, 0);
	assert_int_equal(window->histogram->start_ns, end_ns);
	assert_int_equal(value_of(row, "wakeup_p50_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_p99_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_max_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_min_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_worst_ns")->u64, 2000000);
	assert_int_equal(value_of(row, "wakeup_samples")->u64, 2000);
}

/* 20,000 samples, so that p99.9 has ten above it. */
static int long_ramp_run(const struct engine_thread *thread)
{
	for (unsigned i = 1; i <= 20000; i++)
		histogram_live_count(thread->live, i * 100);
	while (!atomic_load(thread->stop))
		nap_ms(1);
	return 0;
}

static const struct engine long_ramp = {.name = "long_ramp",
					.summary = "",
					.run = long_ramp_run,
					.policy = MEASURE_FIFO,
					.priority = 2,
					.interval_ns = NSEC_PER_MSEC};

static void test_p99_9(void **state)
{
	struct fixture *f = *state;

	start(f, &long_ramp);
	wait_for_samples(f, 20000);
	assert_int_equal(run_probe(f), 0);
	assert_near(value_of(row_of(f->sample, f->key), "wakeup_p99_9_ns"), 1998000);
}

/* Polls as told: what is counted in two ticks is known. */
static int noisy_run(const struct engine_thread *thread)
{
	for (unsigned i = 0; i < 4; i++) {
		histogram_live_count(thread->live, 2000);
		atomic_fetch_add(&thread->noise->gaps, 1);
		atomic_fetch_add(&thread->noise->noise_ns, 2000);
		atomic_fetch_add(&thread->noise->spun_ns, 100000);
	}
	while (!atomic_load(thread->stop))
		nap_ms(1);
	return 0;
}

static const struct engine noisy = {.name = "noisy",
				    .summary = "",
				    .run = noisy_run,
				    .policy = MEASURE_OTHER,
				    .interval_ns = NSEC_PER_MSEC,
				    .spin_ns = 100 * NSEC_PER_USEC,
				    .threshold_ns = NSEC_PER_USEC,
				    .needs_named_cpus = true};

static void wait_for_spinning(const struct fixture *f, uint64_t spun_ns)
{
	struct measure_cpu info = {0};

	for (unsigned i = 0; i < 3000 && info.spun_ns < spun_ns; i++) {
		nap_ms(1);
		assert_true(measure_cpu_info(f->measure, f->cpu, &info));
	}
	assert_true(info.spun_ns >= spun_ns);
}

static void test_noise_of_the_tick(void **state)
{
	struct fixture *f = *state;

	start(f, &noisy);
	wait_for_spinning(f, 400000);
	assert_int_equal(run_probe(f), 0);
	check_host(f, "noisy");

	const struct sample_row *row = row_of(f->sample, f->key);

	assert_non_null(row);
	assert_int_equal(value_of(row, "wakeup_window")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_p99_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_samples")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "noise_window")->histogram->total, 4);
	assert_int_equal(value_of(row, "noise_gaps")->u64, 4);
	assert_int_equal(value_of(row, "noise_ns")->u64, 8000);
	assert_int_equal(value_of(row, "spun_ns")->u64, 400000);
	assert_int_equal(value_of(row, "noise_max_ns")->u64, 2000);
	assert_int_equal(value_of(row, "noise_worst_ns")->u64, 2000);
	assert_true(value_of(row, "noise_percent")->is_float);
	assert_float_equal(value_of(row, "noise_percent")->f64, 2.0, 1e-9);
	/* A tick in which it did not poll: no share, the counters stay. */
	assert_int_equal(run_probe(f), 0);
	row = row_of(f->sample, f->key);
	assert_int_equal(value_of(row, "noise_percent")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "noise_max_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "noise_ns")->u64, 8000);
	/* Another start counts from zero, and so do the shares. */
	host_attach_measure(f->host, NULL);
	measure_stop(f->measure);
	start(f, &noisy);
	wait_for_spinning(f, 400000);
	assert_int_equal(run_probe(f), 0);
	row = row_of(f->sample, f->key);
	assert_float_equal(value_of(row, "noise_percent")->f64, 2.0, 1e-9);
}

static int lost_run(const struct engine_thread *thread)
{
	(void)thread;
	return -ENODEV;
}

static const struct engine lost = {.name = "lost",
				   .summary = "",
				   .run = lost_run,
				   .policy = MEASURE_FIFO,
				   .priority = 2,
				   .interval_ns = NSEC_PER_MSEC};

static void test_a_lost_cpu_has_no_figures(void **state)
{
	struct fixture *f = *state;
	struct measure_cpu info = {.is_running = true};

	start(f, &lost);
	for (unsigned i = 0; i < 3000 && info.is_running; i++) {
		assert_true(measure_cpu_info(f->measure, f->cpu, &info));
		nap_ms(1);
	}
	assert_false(info.is_running);
	/* The probe starts it again, since the CPU is online; it ends again. */
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(run_probe(f), 0);
		nap_ms(1);
	}

	const struct sample_row *row = row_of(f->sample, f->key);

	assert_non_null(row);
	assert_int_equal(value_of(row, "wakeup_p50_ns")->state, VALUE_ABSENT);
	assert_int_equal(value_of(row, "wakeup_samples")->u64, 0);
}

static void test_live(void **state)
{
	struct fixture *f = *state;
	struct measure_cpu info;

	start(f, &engine_wakeup);
	wait_for_samples(f, 40);
	assert_int_equal(run_probe(f), 0);
	assert_int_equal(f->sample->status, SAMPLE_OK);

	const struct sample_row *row = row_of(f->sample, f->key);

	assert_non_null(row);
	assert_true(value_of(row, "wakeup_p50_ns")->state == VALUE_OK);
	assert_true(value_of(row, "wakeup_max_ns")->u64 >= value_of(row, "wakeup_p50_ns")->u64);
	assert_true(value_of(row, "wakeup_samples")->u64 >= 40);
	assert_true(measure_cpu_info(f->measure, f->cpu, &info));
	assert_string_equal(value_of(row, "wakeup_policy")->text,
			    info.policy == MEASURE_FIFO ? "fifo 2" : "other");
	/* Without permission the probe says so, and goes on. */
	assert_int_equal(!!f->sample->error, !!info.error);
	assert_int_equal(value_of(row, "wakeup_why")->state, info.error ? VALUE_OK : VALUE_ABSENT);
	assert_true(value_of(row, "measure_time_ns")->u64 > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_measuring_is_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_figures_of_the_tick, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_p99_9, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noise_of_the_tick, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_lost_cpu_has_no_figures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_live, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
