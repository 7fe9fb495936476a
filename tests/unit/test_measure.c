#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/measure.h"
#include "core/parse.h"

static void nap_ms(unsigned ms)
{
	struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&nap, &nap))
		;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
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

/* The lowest CPU this test may run on. */
static unsigned first_cpu(struct host *host)
{
	struct cpuset cpus;

	assert_int_equal(host_get_affinity(host, 0, &cpus), 0);
	return cpuset_next(&cpus, 0);
}

static struct measure_options on_cpu(unsigned cpu)
{
	/* Whatever else runs on the machine of the tests. */
	struct measure_options options = {.is_forced = true};

	cpuset_add(&options.cpus, cpu);
	return options;
}

/* Waits until there are n samples; the limit is for a machine that hangs, not a speed. */
static void wait_for_samples(const struct measure *measure, unsigned cpu, uint64_t n)
{
	for (unsigned i = 0; i < 3000 && measure_samples(measure, cpu) < n; i++)
		nap_ms(10);
	assert_true(measure_samples(measure, cpu) >= n);
}

static void wait_until_ended(const struct measure *measure, unsigned cpu)
{
	struct measure_cpu info;

	for (unsigned i = 0; i < 3000; i++) {
		assert_true(measure_cpu_info(measure, cpu, &info));
		if (!info.is_running)
			return;
		nap_ms(10);
	}
	fail_msg("the thread of cpu %u goes on", cpu);
}

/* The thread named jt-wake/CPU of this process; 0: none. */
static pid_t find_thread(unsigned cpu)
{
	char want[32];
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	pid_t found = 0;

	assert_non_null(tasks);
	(void)snprintf(want, sizeof(want), "jt-wake/%u\n", cpu);
	while ((entry = readdir(tasks))) {
		char path[320], comm[32] = "";
		uint64_t tid;

		if (parse_u64(entry->d_name, &tid))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);

		FILE *file = fopen(path, "r");

		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && !strcmp(comm, want))
			found = (pid_t)tid;
		(void)fclose(file);
	}
	(void)closedir(tasks);
	return found;
}

static void test_options_out_of_range(void **state)
{
	struct measure_options options = {.interval_ns = 99 * NSEC_PER_USEC};
	struct measure *measure = NULL;

	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), -EINVAL);
	options.interval_ns = NSEC_PER_SEC + 1;
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), -EINVAL);
	options.interval_ns = 0;
	options.priority = 100;
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), -EINVAL);
	assert_null(measure);
	measure_stop(NULL);
}

static void test_only_on_this_machine(void **state)
{
	struct measure_options options = {0};
	struct measure *measure = NULL;
	struct host *fake;

	(void)state;
	assert_int_equal(host_open_fake(&fake), 0);
	assert_int_equal(measure_start(fake, &engine_wakeup, &options, &measure), -EOPNOTSUPP);
	assert_null(measure);
	host_close(fake);
}

static void test_a_cpu_that_is_not_there(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(CPUSET_MAX - 1);
	struct measure *measure = NULL;
	struct measure_cpu info;
	struct cpuset cpus;

	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), -ENODEV);
	assert_null(measure);

	cpuset_add(&options.cpus, cpu);
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	measure_cpus(measure, &cpus);
	assert_int_equal(cpuset_count(&cpus), 2);
	assert_true(measure_cpu_info(measure, CPUSET_MAX - 1, &info));
	assert_false(info.is_running);
	assert_int_equal(info.error, -ENODEV);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_true(info.is_running);
	assert_false(measure_cpu_info(measure, CPUSET_MAX - 2, &info));
	assert_false(measure_cpu_info(measure, CPUSET_MAX, &info));
	measure_stop(measure);
}

/* All that this process may use, but for those another real-time task is bound to (there may be
 * some on the machine of the tests). */
static void test_all_usable_cpus_by_default(void **state)
{
	struct measure_options options = {0};
	struct measure *measure;
	struct measure_cpu info;
	struct cpuset usable, cpus, left_out;

	assert_int_equal(host_get_affinity(*state, 0, &usable), 0);
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	assert_ptr_equal(measure_engine(measure), &engine_wakeup);
	assert_int_equal(measure_interval_ns(measure), NSEC_PER_MSEC);
	measure_cpus(measure, &cpus);
	assert_true(cpuset_equal(&cpus, &usable));
	measure_left_out(measure, &left_out);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1)) {
		if (!cpuset_has(&left_out, cpu)) {
			wait_for_samples(measure, cpu, 20);
			continue;
		}
		assert_true(measure_cpu_info(measure, cpu, &info));
		assert_false(info.is_running);
		assert_int_equal(info.error, -EBUSY);
		assert_non_null(strstr(measure_why(measure, cpu), "is bound to"));
	}
	measure_stop(measure);
}

/* In a child, so that it is another process: a real-time task on one CPU. */
static pid_t start_bound_task(unsigned cpu)
{
	struct sched_param param = {.sched_priority = 1};
	struct cpuset cpus = {0};
	int ready[2];
	char byte;

	cpuset_add(&cpus, cpu);
	assert_int_equal(pipe(ready), 0);
	(void)fflush(NULL);

	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		if (sched_setaffinity(0, sizeof(cpus.bits), (const cpu_set_t *)cpus.bits) ||
		    sched_setscheduler(0, SCHED_FIFO, &param))
			_exit(1);
		(void)write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);

	bool is_ready = read(ready[0], &byte, 1) == 1;

	(void)close(ready[0]);
	if (is_ready)
		return child;
	(void)waitpid(child, NULL, 0);
	return 0;
}

static void test_a_taken_cpu_needs_a_yes(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(cpu);
	struct cpuset left_out, online = options.cpus;
	struct measure *measure;
	struct measure_cpu info;
	char want[64];
	pid_t child = start_bound_task(cpu);

	if (!child) {
		print_message("skipped: no real-time tasks here\n");
		skip();
	}
	options.is_forced = false;
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	measure_left_out(measure, &left_out);
	assert_true(cpuset_equal(&left_out, &options.cpus));
	measure_sync_online(measure, &online);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_false(info.is_running);
	assert_int_equal(info.error, -EBUSY);
	(void)snprintf(want, sizeof(want), " %d (real-time task, SCHED_FIFO 1)", (int)child);
	assert_non_null(measure_why(measure, cpu));
	/* Another one may be there, too: then it is one of two. */
	if (!strstr(measure_why(measure, cpu), want))
		assert_non_null(strstr(measure_why(measure, cpu), " more"));
	measure_stop(measure);
	options.is_forced = true;
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	wait_for_samples(measure, cpu, 5);
	measure_left_out(measure, &left_out);
	assert_true(cpuset_is_empty(&left_out));
	measure_stop(measure);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void check_signals_blocked(pid_t tid)
{
	char path[64], line[256];
	unsigned long long blocked = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);

	FILE *file = fopen(path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "SigBlk:", 7))
			blocked = strtoull(line + 7, NULL, 16);
	}
	(void)fclose(file);
	assert_true(blocked & 1ull << (SIGINT - 1));
	assert_true(blocked & 1ull << (SIGTERM - 1));
	assert_true(blocked & 1ull << (SIGWINCH - 1));
}

static void test_thread_is_what_it_says(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(cpu);
	struct measure *measure;
	struct measure_cpu info;
	struct cpuset cpus;

	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	wait_for_samples(measure, cpu, 1);

	pid_t tid = find_thread(cpu);
	struct sched_param param;

	assert_true(tid > 0);
	assert_int_equal(host_get_affinity(*state, tid, &cpus), 0);
	assert_int_equal(cpuset_count(&cpus), 1);
	assert_true(cpuset_has(&cpus, cpu));
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_int_equal(info.cpu, cpu);
	assert_int_equal(sched_getparam(tid, &param), 0);
	assert_int_equal(info.priority, param.sched_priority);
	if (info.policy == MEASURE_FIFO) {
		assert_int_equal(sched_getscheduler(tid), SCHED_FIFO);
		assert_int_equal(info.priority, 2);
		assert_int_equal(info.error, 0);
	} else {
		assert_int_equal(sched_getscheduler(tid), SCHED_OTHER);
		assert_int_equal(info.error, -EPERM);
	}
	check_signals_blocked(tid);
	measure_stop(measure);
	assert_int_equal(find_thread(cpu), 0);
}

static void test_policy_other(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(cpu);
	struct measure *measure;
	struct measure_cpu info;

	options.policy = MEASURE_OTHER;
	options.priority = 7; /* means nothing there */
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	wait_for_samples(measure, cpu, 1);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_int_equal(info.policy, MEASURE_OTHER);
	assert_int_equal(info.priority, 0);
	assert_int_equal(info.error, 0);
	measure_stop(measure);
}

/* In a child that may not: 0 when it measured as SCHED_OTHER and says why. */
static int measure_without_permission(void)
{
	struct rlimit none = {0, 0};
	struct measure_options options = {0};
	struct measure *measure;
	struct measure_cpu info;
	struct host *host;

	if (setrlimit(RLIMIT_RTPRIO, &none) || setgid(65534) || setuid(65534))
		return 10;
	if (host_open_live(&host))
		return 11;
	if (host_get_affinity(host, 0, &options.cpus))
		return 16;
	options.is_forced = true;
	if (measure_start(host, &engine_wakeup, &options, &measure))
		return 12;

	unsigned cpu = cpuset_next(&options.cpus, 0);

	for (unsigned i = 0; i < 1000 && !measure_samples(measure, cpu); i++)
		nap_ms(10);
	if (!measure_samples(measure, cpu) || !measure_cpu_info(measure, cpu, &info))
		return 13;
	if (!info.is_running || info.policy != MEASURE_OTHER || info.priority)
		return 14;
	if (info.error != -EPERM)
		return 15;
	measure_stop(measure);
	host_close(host);
	return 0;
}

static void test_falls_back_without_permission(void **state)
{
	int status;

	(void)state;
	if (geteuid()) {
		print_message("skipped: needs root to become somebody else\n");
		skip();
	}
	(void)fflush(NULL);

	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(measure_without_permission());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_windows_add_up(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(cpu);
	struct histogram window, sum, all;
	struct measure *measure;
	uint64_t end_ns = 0, before_ns = clock_ns();

	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	histogram_zero(&sum);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t now_ns = clock_ns() + 1;

		assert_true(measure_window(measure, cpu, now_ns, &window));
		if (end_ns)
			assert_int_equal(window.start_ns, end_ns);
		else
			assert_true(window.start_ns >= before_ns && window.start_ns <= now_ns);
		end_ns = now_ns;
		assert_int_equal(window.end_ns, now_ns);
		histogram_add(&sum, &window);
		nap_ms(20);
	}
	wait_for_samples(measure, cpu, 50);
	assert_true(measure_window(measure, cpu, clock_ns(), &window));
	assert_true(measure_read(measure, cpu, &all));
	histogram_add(&sum, &window);
	assert_true(sum.total >= 50);
	assert_true(all.total >= sum.total);
	assert_int_equal(all.min_ns <= sum.min_ns, 1);
	assert_false(measure_window(measure, CPUSET_MAX - 1, clock_ns(), &window));
	assert_false(measure_read(measure, CPUSET_MAX - 1, &all));
	assert_int_equal(measure_samples(measure, CPUSET_MAX - 1), 0);
	measure_stop(measure);
}

/* --- an engine that counts what it is told to --- */

static int scripted_run(const struct engine_thread *thread)
{
	static const uint64_t lives[][3] = {{5000, 70000, 900}, {1234, 1234, 1234}};
	unsigned life = histogram_live_samples(thread->live) > 0;

	for (unsigned i = 0; i < 3; i++)
		histogram_live_count(thread->live, lives[life][i]);
	return -ENODEV;
}

static const struct engine scripted = {.name = "scripted",
				       .summary = "",
				       .run = scripted_run,
				       .policy = MEASURE_FIFO,
				       .priority = 2,
				       .interval_ns = NSEC_PER_MSEC};

/* A thread that lost its CPU is started again, and goes on counting in the same block. */
static void test_lost_cpu_is_measured_again(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct measure_options options = on_cpu(cpu);
	struct measure *measure;
	struct measure_cpu info;
	struct histogram h;
	struct cpuset none = {0}, online = options.cpus;

	assert_int_equal(measure_start(*state, &scripted, &options, &measure), 0);
	wait_until_ended(measure, cpu);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_int_equal(info.error, -ENODEV);
	assert_true(measure_window(measure, cpu, clock_ns(), &h));
	assert_int_equal(h.total, 3);
	assert_int_equal(h.min_ns, 900);
	assert_int_equal(h.max_ns, 70000);
	measure_sync_online(measure, &none); /* it went: nothing to start */
	nap_ms(20);
	assert_int_equal(measure_samples(measure, cpu), 3);
	for (unsigned i = 0; i < 3000 && measure_samples(measure, cpu) < 6; i++) {
		measure_sync_online(measure, &online);
		nap_ms(1);
	}
	wait_until_ended(measure, cpu);
	assert_true(measure_window(measure, cpu, clock_ns(), &h));
	assert_true(h.total >= 3);
	/* Neither is an extreme of all samples, both are exact in the window. */
	assert_int_equal(h.min_ns, 1234);
	assert_int_equal(h.max_ns, 1234);
	measure_stop(measure);
}

/* What hotplug does to a pinned thread, without taking a CPU away from the machine. */
static void test_thread_moved_off_its_cpu(void **state)
{
	struct measure_options options;
	struct measure *measure;
	struct measure_cpu info;
	struct cpuset usable, other = {0}, online;

	assert_int_equal(host_get_affinity(*state, 0, &usable), 0);
	if (cpuset_count(&usable) < 2) {
		print_message("skipped: needs two CPUs\n");
		skip();
	}

	unsigned cpu = cpuset_next(&usable, 0);

	options = on_cpu(cpu);
	online = usable;
	cpuset_add(&other, cpuset_next(&usable, cpu + 1));
	assert_int_equal(measure_start(*state, &engine_wakeup, &options, &measure), 0);
	wait_for_samples(measure, cpu, 5);
	assert_int_equal(host_set_affinity(*state, find_thread(cpu), &other), 0);
	wait_until_ended(measure, cpu);
	assert_true(measure_cpu_info(measure, cpu, &info));
	assert_int_equal(info.error, -ENODEV);

	uint64_t before = measure_samples(measure, cpu);

	for (unsigned i = 0; i < 1000 && !info.is_running; i++) {
		measure_sync_online(measure, &online);
		nap_ms(1);
		assert_true(measure_cpu_info(measure, cpu, &info));
	}
	wait_for_samples(measure, cpu, before + 5);
	measure_stop(measure);
}

/* --- the loop itself --- */

struct loop {
	struct engine_thread thread;
	atomic_bool stop;
	atomic_uint_fast64_t overruns;
	struct histogram_live live;
	int result;
};

static struct loop *new_loop(unsigned cpu, uint64_t interval_ns, uint64_t first_ns)
{
	struct loop *loop = aligned_alloc(64, (sizeof(*loop) + 63) / 64 * 64);

	assert_non_null(loop);
	memset(loop, 0, sizeof(*loop));
	histogram_live_init(&loop->live);
	loop->thread = (struct engine_thread){
		.live = &loop->live,
		.overruns = &loop->overruns,
		.stop = &loop->stop,
		.cpu = cpu,
		.interval_ns = interval_ns,
		.first_ns = first_ns,
	};
	return loop;
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(loop->thread.cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return NULL;
	loop->result = engine_wakeup.run(&loop->thread);
	return NULL;
}

/* Until it has counted a few samples, one of them at least that long. */
static void wait_for_loop(const struct loop *loop, uint64_t max_ns)
{
	struct histogram h;

	for (unsigned i = 0; i < 3000; i++) {
		histogram_live_copy(&loop->live, &h);
		if (h.total >= 5 && h.max_ns >= max_ns)
			return;
		nap_ms(10);
	}
	fail_msg("the loop counts nothing");
}

static void test_wrong_cpu_is_noticed(void **state)
{
	struct loop *loop = new_loop(CPUSET_MAX - 1, NSEC_PER_MSEC, clock_ns());

	(void)state;
	assert_int_equal(engine_wakeup.run(&loop->thread), -ENODEV);
	assert_int_equal(histogram_live_samples(&loop->live), 0);
	free(loop);
}

static void stall_handler(int signal)
{
	int saved = errno;

	(void)signal;
	nap_ms(60);
	errno = saved;
}

/* A stall of 60 ms at 1 kHz is one sample of its whole length, the periods it swallowed are
 * overruns, and there is no burst of catching up. */
static void test_stall_is_one_long_sample(void **state)
{
	unsigned cpu = first_cpu(*state);
	struct loop *loop = new_loop(cpu, NSEC_PER_MSEC, clock_ns() + NSEC_PER_MSEC);
	struct sigaction action = {.sa_handler = stall_handler}, before;
	struct histogram h;
	pthread_t thread;

	if (cpu >= CPU_SETSIZE)
		skip();
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);

	uint64_t start_ns = clock_ns();

	assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
	wait_for_loop(loop, 0);
	assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
	wait_for_loop(loop, 50 * NSEC_PER_MSEC);
	atomic_store(&loop->stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);

	uint64_t periods = (clock_ns() - start_ns) / NSEC_PER_MSEC;

	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	assert_int_equal(loop->result, 0);
	histogram_live_copy(&loop->live, &h);
	assert_true(atomic_load(&loop->overruns) >= 50);
	/* Every period is a sample or an overrun, none is both. */
	assert_true(h.total + atomic_load(&loop->overruns) <= periods + 1);
	free(loop);
}

/* A first instant that lies in the past (a late start) is not made up for. */
static void test_late_start_is_not_a_latency(void **state)
{
	unsigned cpu = first_cpu(*state);
	uint64_t start_ns = clock_ns();
	struct loop *loop = new_loop(cpu, NSEC_PER_MSEC, start_ns - NSEC_PER_SEC);
	pthread_t thread;

	if (cpu >= CPU_SETSIZE)
		skip();
	assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
	wait_for_loop(loop, 0);
	atomic_store(&loop->stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);

	uint64_t periods = (clock_ns() - start_ns) / NSEC_PER_MSEC;

	assert_true(histogram_live_samples(&loop->live) + atomic_load(&loop->overruns) <=
		    periods + 1);
	free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_out_of_range),
		cmocka_unit_test(test_only_on_this_machine),
		cmocka_unit_test(test_a_cpu_that_is_not_there),
		cmocka_unit_test(test_all_usable_cpus_by_default),
		cmocka_unit_test(test_a_taken_cpu_needs_a_yes),
		cmocka_unit_test(test_thread_is_what_it_says),
		cmocka_unit_test(test_policy_other),
		cmocka_unit_test(test_falls_back_without_permission),
		cmocka_unit_test(test_windows_add_up),
		cmocka_unit_test(test_lost_cpu_is_measured_again),
		cmocka_unit_test(test_thread_moved_off_its_cpu),
		cmocka_unit_test(test_wrong_cpu_is_noticed),
		cmocka_unit_test(test_stall_is_one_long_sample),
		cmocka_unit_test(test_late_start_is_not_a_latency),
	};

	(void)alarm(300); /* a loop that does not end is a failure, not a hang */
	return cmocka_run_group_tests(tests, open_host, close_host);
}
