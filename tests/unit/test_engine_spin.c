#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/measure.h"

static void nap_ms(unsigned ms)
{
	struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&nap, &nap))
		;
}

static uint64_t clock_of(clockid_t clock)
{
	struct timespec now;

	assert_int_equal(clock_gettime(clock, &now), 0);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int open_host(void **state)
{
	struct host *host;

	if (host_open_live(&host))
		return -1;
	*state = host;
	return 0;
}

static int close_host(void **state)
{
	host_close(*state);
	return 0;
}

static unsigned last_cpu(struct host *host)
{
	struct cpuset cpus;
	unsigned last = 0;

	assert_int_equal(host_get_affinity(host, 0, &cpus), 0);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1))
		last = cpu;
	return last;
}

static void test_is_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(engine_by_name("spin"), &engine_spin);
	assert_ptr_equal(engine_by_name("wakeup"), &engine_wakeup);
	assert_null(engine_by_name("spi"));
	assert_null(engine_by_name(""));
	/* The default comes first. */
	assert_ptr_equal(engine_at(0), &engine_wakeup);
	for (unsigned i = 0; engine_at(i); i++) {
		const struct engine *engine = engine_at(i);

		assert_ptr_equal(engine_by_name(engine->name), engine);
		/* One of the two, never both. */
		assert_true(!engine->run == !!engine->reference);
		if (engine->run)
			assert_true(engine->policy != MEASURE_DEFAULT && engine->interval_ns);
	}
}

static void test_needs_named_cpus(void **state)
{
	struct measure_options options = {.is_forced = true};
	struct measure *measure = NULL;

	assert_int_equal(measure_start(*state, &engine_spin, &options, &measure), -EDESTADDRREQ);
	assert_null(measure);
}

static int try(struct host *host, const struct measure_options *options,
	       struct measure_options *ret)
{
	struct measure *measure = NULL;
	int result = measure_start(host, &engine_spin, options, &measure);

	if (!result)
		*ret = *measure_get_options(measure);
	measure_stop(measure);
	return result;
}

static void test_options(void **state)
{
	struct measure_options options = {.is_forced = true}, used;

	cpuset_add(&options.cpus, last_cpu(*state));
	assert_int_equal(try(*state, &options, &used), 0);
	assert_int_equal(used.interval_ns, 20 * NSEC_PER_MSEC);
	assert_int_equal(used.spin_ns, 5 * NSEC_PER_MSEC);
	assert_int_equal(used.threshold_ns, NSEC_PER_USEC);
	assert_int_equal(used.policy, MEASURE_OTHER);
	/* A shorter interval than the default can fill. */
	options.interval_ns = 4 * NSEC_PER_MSEC;
	assert_int_equal(try(*state, &options, &used), 0);
	assert_int_equal(used.spin_ns, NSEC_PER_MSEC);
	/* At most 80 %, and at most 50 ms at a time. */
	options.spin_ns = 3300 * NSEC_PER_USEC;
	assert_int_equal(try(*state, &options, &used), -EINVAL);
	options.spin_ns = 3200 * NSEC_PER_USEC;
	assert_int_equal(try(*state, &options, &used), 0);
	options.interval_ns = NSEC_PER_SEC;
	options.spin_ns = 50 * NSEC_PER_MSEC;
	assert_int_equal(try(*state, &options, &used), 0);
	options.spin_ns++;
	assert_int_equal(try(*state, &options, &used), -EINVAL);
	/* The other engine does not spin, whatever is asked. */
	options.interval_ns = 0;

	struct measure *measure;

	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	assert_int_equal(measure_get_options(measure)->spin_ns, 0);
	measure_stop(measure);
}

/* Polls for 300 ms and checks that the figures fit each other. */
static void test_figures_fit(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure_options options = {.is_forced = true};
	struct measure *measure;
	struct measure_cpu info;
	struct histogram h;

	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(*state, &engine_spin, &options, &measure), 0);
	for (unsigned i = 0; i < 6000; i++) {
		assert_true(measure_cpu_info(measure, cpu, &info));
		if (info.spun_ns >= 100 * NSEC_PER_MSEC)
			break;
		nap_ms(5);
	}
	assert_true(info.spun_ns >= 100 * NSEC_PER_MSEC);
	assert_true(info.is_running);
	assert_int_equal(info.policy, MEASURE_OTHER);
	assert_true(info.noise_ns < info.spun_ns);
	/* It is asked in between two polls or during one: never more than counted later. */
	assert_true(measure_read(measure, cpu, &h));
	assert_true(h.total >= info.gaps);
	assert_true(h.sum_ns >= info.noise_ns);
	if (h.total)
		assert_true(h.min_ns >= NSEC_PER_USEC);
	print_message("%.3f %% noise, %llu gaps in %.0f ms, largest %.1f us\n",
		      100.0 * (double)info.noise_ns / (double)info.spun_ns,
		      (unsigned long long)info.gaps, (double)info.spun_ns / 1e6,
		      h.total ? (double)h.max_ns / 1e3 : 0);
	measure_stop(measure);
}

/* --- a known disturbance: a real-time task takes the CPU for 3 ms of CPU time, again and again ---
 */

struct bully {
	pthread_t thread;
	atomic_bool stop;
	atomic_uint n;
};

#define BURST_NS (3 * NSEC_PER_MSEC)

static void *bully_run(void *arg)
{
	struct bully *bully = arg;

	while (!atomic_load(&bully->stop)) {
		uint64_t from = clock_of(CLOCK_THREAD_CPUTIME_ID);

		while (clock_of(CLOCK_THREAD_CPUTIME_ID) - from < BURST_NS)
			;
		atomic_fetch_add(&bully->n, 1);
		nap_ms(12); /* no multiple of the interval: some bursts meet a poll */
	}
	return NULL;
}

static bool start_bully(struct bully *bully, unsigned cpu)
{
	struct sched_param param = {.sched_priority = 3};
	struct cpuset cpus = {0};
	pthread_attr_t attr;

	cpuset_add(&cpus, cpu);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(
		pthread_attr_setaffinity_np(&attr, sizeof(cpus.bits), (const cpu_set_t *)cpus.bits),
		0);
	assert_int_equal(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
	assert_int_equal(pthread_attr_setschedpolicy(&attr, SCHED_FIFO), 0);
	assert_int_equal(pthread_attr_setschedparam(&attr, &param), 0);

	bool is_started = !pthread_create(&bully->thread, &attr, bully_run, bully);

	(void)pthread_attr_destroy(&attr);
	return is_started;
}

static uint64_t gaps_from(const struct histogram *h, uint64_t from_ns)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram_bucket_from(i) >= from_ns)
			n += h->counts[i];
	}
	return n;
}

static void test_a_known_disturbance_is_seen(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure_options options = {
		.policy = MEASURE_FIFO,
		.priority = 1,
		.interval_ns = 10 * NSEC_PER_MSEC,
		.spin_ns = 5 * NSEC_PER_MSEC,
		.is_forced = true,
	};
	struct bully bully = {0};
	struct measure *measure;
	struct measure_cpu info;
	struct histogram h;

	if (!start_bully(&bully, cpu)) {
		print_message("skipped: no real-time tasks here\n");
		skip();
	}
	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(*state, &engine_spin, &options, &measure), 0);
	for (unsigned i = 0; i < 3000; i++) {
		nap_ms(10);
		assert_true(measure_read(measure, cpu, &h));
		if (gaps_from(&h, BURST_NS) >= 5)
			break;
	}
	atomic_store(&bully.stop, true);
	assert_int_equal(pthread_join(bully.thread, NULL), 0);
	/* Whole bursts in their full length, and no more of them than there were (the machine of
	 * the tests may stand still, too, hence the slack). */
	assert_true(gaps_from(&h, BURST_NS) >= 5);
	assert_true(h.max_ns >= BURST_NS);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_true(info.noise_ns >= 4 * BURST_NS);
	assert_true(info.noise_ns <= info.spun_ns);
	measure_stop(measure);
}

/* A threshold above everything: nothing is noise. */
static void test_threshold(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure_options options = {.threshold_ns = NSEC_PER_SEC, .is_forced = true};
	struct measure *measure;
	struct measure_cpu info = {0};
	struct histogram h;

	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(*state, &engine_spin, &options, &measure), 0);
	for (unsigned i = 0; i < 6000 && info.spun_ns < 20 * NSEC_PER_MSEC; i++) {
		nap_ms(5);
		assert_true(measure_cpu_info(measure, cpu, &info));
	}
	assert_true(info.spun_ns >= 20 * NSEC_PER_MSEC);
	assert_int_equal(info.gaps, 0);
	assert_int_equal(info.noise_ns, 0);
	assert_true(measure_read(measure, cpu, &h));
	assert_int_equal(h.total, 0);
	measure_stop(measure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_found_by_name),
		cmocka_unit_test(test_needs_named_cpus),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_figures_fit),
		cmocka_unit_test(test_a_known_disturbance_is_seen),
		cmocka_unit_test(test_threshold),
	};

	(void)alarm(300);
	return cmocka_run_group_tests(tests, open_host, close_host);
}
