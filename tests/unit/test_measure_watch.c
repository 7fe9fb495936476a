#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/measure.h"

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif
#ifndef HAS_TSAN
#define HAS_TSAN 0
#endif

static void nap_ms(unsigned ms)
{
	struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&nap, &nap))
		;
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

/* --- bodies that misbehave --- */

static int greedy_run(const struct engine_thread *thread)
{
	struct timespec now;

	/* Looks at *stop never, and counts on, so that the jump may come in the middle of a sample.
	 */
	while (thread->interval_ns) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		histogram_live_count(thread->live, (uint64_t)now.tv_nsec % 1000);
	}
	return 0;
}

static int deaf_run(const struct engine_thread *thread)
{
	while (thread->interval_ns)
		__asm__ volatile("" ::: "memory");
	return 0;
}

/* Asks for a sleep each time, and never gets one. */
static int restless_run(const struct engine_thread *thread)
{
	struct timespec past = {.tv_sec = 1}, now;

	while (thread->interval_ns) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL);
		/* TSan delivers signals at calls it knows, such as this one. */
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	}
	return 0;
}

static const struct engine greedy = {
	.name = "greedy",
	.summary = "",
	.run = greedy_run,
	.policy = MEASURE_FIFO,
	.priority = 2,
	.interval_ns = NSEC_PER_MSEC,
};

static const struct engine deaf = {
	.name = "deaf",
	.summary = "",
	.run = deaf_run,
	.policy = MEASURE_FIFO,
	.priority = 2,
	.interval_ns = NSEC_PER_MSEC,
};

static const struct engine restless = {
	.name = "restless",
	.summary = "",
	.run = restless_run,
	.policy = MEASURE_FIFO,
	.priority = 2,
	.interval_ns = NSEC_PER_MSEC,
};

/* --- an ordinary task on the same CPU --- */

struct neighbour {
	pthread_t thread;
	atomic_bool stop;
	atomic_ulong n;
};

static void *live_on(void *arg)
{
	struct neighbour *neighbour = arg;

	while (!atomic_load(&neighbour->stop)) {
		atomic_fetch_add(&neighbour->n, 1);
		nap_ms(1);
	}
	return NULL;
}

static void start_neighbour(struct neighbour *neighbour, unsigned cpu)
{
	struct cpuset cpus = {0};
	pthread_attr_t attr;

	cpuset_add(&cpus, cpu);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(
		pthread_attr_setaffinity_np(&attr, sizeof(cpus.bits), (const cpu_set_t *)cpus.bits),
		0);
	assert_int_equal(pthread_create(&neighbour->thread, &attr, live_on, neighbour), 0);
	(void)pthread_attr_destroy(&attr);
}

static struct measure *start(struct host *host, const struct engine *engine, unsigned cpu)
{
	struct measure_options options = {.is_forced = true};
	struct measure *measure;

	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(host, engine, &options, &measure), 0);
	return measure;
}

/* The limit is for a machine that hangs. */
static void wait_until_ended(const struct measure *measure, unsigned cpu, struct measure_cpu *ret)
{
	for (unsigned i = 0; i < 6000; i++) {
		assert_true(measure_cpu_info(measure, cpu, ret));
		if (!ret->is_running)
			return;
		nap_ms(5);
	}
	fail_msg("the runaway on cpu %u goes on", cpu);
}

static void check_is_ended(struct host *host, const struct engine *engine)
{
	unsigned cpu = last_cpu(host);
	struct neighbour neighbour = {0};
	struct measure_cpu info;
	struct cpuset online = {0};

	start_neighbour(&neighbour, cpu);

	struct measure *measure = start(host, engine, cpu);

	wait_until_ended(measure, cpu, &info);
	assert_int_equal(info.error, -ETIME);
	assert_non_null(strstr(measure_why(measure, cpu), "did not sleep"));
	print_message("%s was ended after %.0f ms of CPU time\n", engine->name,
		      (double)info.cpu_time_ns / 1e6);
	/* It did run away, and was ended before the kernel would have ended all of us (SIGXCPU at
	 * 1 s). */
	assert_true(info.cpu_time_ns >= 20 * NSEC_PER_MSEC);
	assert_true(info.cpu_time_ns < NSEC_PER_SEC);

	unsigned long n = atomic_load(&neighbour.n);

	for (unsigned i = 0; i < 3000 && atomic_load(&neighbour.n) < n + 3; i++)
		nap_ms(5);
	assert_true(atomic_load(&neighbour.n) >= n + 3);
	/* Not started again at once. */
	cpuset_add(&online, cpu);
	measure_sync_online(measure, &online);
	measure_sync_online(measure, &online);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_false(info.is_running);
	atomic_store(&neighbour.stop, true);
	assert_int_equal(pthread_join(neighbour.thread, NULL), 0);
	measure_stop(measure);
}

static void test_greedy(void **state)
{
	check_is_ended(*state, &greedy);
}

static void test_deaf(void **state)
{
	if (HAS_TSAN) {
		print_message("skipped: TSan delivers signals at calls it knows only\n");
		skip();
	}
	check_is_ended(*state, &deaf);
}

static void test_restless(void **state)
{
	check_is_ended(*state, &restless);
}

/* The watch goes on until the last thread was joined. */
static void test_stop_with_a_runaway(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure *measure = start(*state, &greedy, cpu);

	measure_stop(measure);
}

/* A copy taken after a sample was left half counted is whole, and later threads count on. */
static void test_histogram_survives(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure *measure = start(*state, &greedy, cpu);
	struct measure_cpu info;
	struct histogram h;
	uint64_t sum = 0;

	wait_until_ended(measure, cpu, &info);
	assert_true(measure_read(measure, cpu, &h));
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += h.counts[i];
	assert_true(h.total > 0);
	assert_int_equal(h.total, sum);
	measure_stop(measure);
}

/* An honest body that uses as much as it may is left alone. */
static void test_spinning_is_allowed(void **state)
{
	unsigned cpu = last_cpu(*state);
	struct measure_options options = {
		.policy = MEASURE_FIFO,
		.interval_ns = 10 * NSEC_PER_MSEC,
		.spin_ns = 8 * NSEC_PER_MSEC,
		.is_forced = true,
	};
	struct measure *measure;
	struct measure_cpu info;

	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(*state, &engine_spin, &options, &measure), 0);
	for (unsigned i = 0; i < 3000; i++) {
		assert_true(measure_cpu_info(measure, cpu, &info));
		if (info.spun_ns >= 600 * NSEC_PER_MSEC)
			break;
		nap_ms(5);
	}
	assert_true(info.is_running);
	assert_true(info.spun_ns >= 600 * NSEC_PER_MSEC);
	assert_true(info.cpu_time_ns > 0);
	measure_stop(measure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_greedy, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_deaf, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_restless, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_stop_with_a_runaway, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_histogram_survives, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_spinning_is_allowed, open_host, close_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
