/*
 * Measuring in the real program, by its keys: started, changed, stopped, checked against
 * cyclictest. What runs is asked from /proc by the pid we started; --read-only: nothing is written
 * to the host.
 */
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/cpuset.h"
#include "tests/pty/program.h"

#define CTRL_U "\025"
#define ESC "\033"

static char *read_proc(const char *path)
{
	char *text = xcalloc(1, 8192);
	FILE *f = fopen(path, "re");

	if (f) {
		(void)!fread(text, 1, 8191, f);
		(void)fclose(f);
	}
	return text;
}

/* Threads of the program whose name begins so; their CPUs are added to *ret_cpus (may be NULL). */
static unsigned count_threads(pid_t pid, const char *name, struct cpuset *ret_cpus)
{
	_cleanup_(freep) char *dir = xasprintf("/proc/%d/task", (int)pid);
	DIR *d = opendir(dir);
	struct dirent *entry;
	unsigned n = 0;

	while (d && (entry = readdir(d))) {
		_cleanup_(freep) char *path = xasprintf("%s/%s/status", dir, entry->d_name);
		_cleanup_(freep) char *status = read_proc(path), *list = NULL;
		_cleanup_(freep) struct cpuset *cpus = xcalloc(1, sizeof(*cpus));
		char *at;

		if (entry->d_name[0] == '.' || strncmp(status, "Name:\t", 6) != 0 ||
		    strncmp(status + 6, name, strlen(name)) != 0)
			continue;
		/* A sanitizer's own thread has the program's name, too. */
		if (strcmp(name, "jittertop") == 0 && atoi(entry->d_name) != pid)
			continue;
		n++;
		at = strstr(status, "Cpus_allowed_list:\t");
		assert_non_null(at);
		list = xasprintf("%.*s", (int)strcspn(at + 19, "\n"), at + 19);
		assert_int_equal(cpuset_parse_list(list, cpus), 0);
		if (ret_cpus)
			cpuset_or(ret_cpus, cpus);
	}
	if (d)
		(void)closedir(d);
	return n;
}

/* Children of the program, any name. */
static unsigned count_children(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
	_cleanup_(freep) char *text = read_proc(path);
	unsigned n = 0;

	for (char *at = text; (at = strchr(at, ' ')); at++)
		n++;
	return n;
}

static void await_threads(struct session *s, const char *name, bool are_wanted)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while ((count_threads(s->pid, name, NULL) > 0) != are_wanted) {
		assert_true(now_ms() < end);
		(void)pump(s, 50);
	}
}

static void quit(struct session *s)
{
	uint64_t ms;
	int status;

	type(s, "q");
	status = wait_end(s, &ms);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0); /* a sanitizer's finding is another status */
	finish(s);
}

/* From the first field of the dialog. */
#define TO_INTERVAL "\t\t"
#define INTERVAL_TO_STOP "\t\t\t\t\t"

static void test_change_and_stop(void **state)
{
	static const char *const options[] = {"--read-only", NULL};
	struct session s;

	(void)state;
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	type(&s, "m");
	expect(&s, "every 1.0 ms");
	assert_true(count_threads(s.pid, "jt-wake", NULL) > 0);
	type(&s, TO_INTERVAL CTRL_U "2500us\r");
	expect(&s, "every 2.5 ms");
	type(&s, CTRL_U "20us\r");
	expect(&s, "interval: \"20us\" is not");
	type(&s, INTERVAL_TO_STOP "\r");
	expect(&s, "not measured: stopped");
	await_threads(&s, "jt-wake", false);
	type(&s, ESC);
	expect(&s, "F10Quit");
	type(&s, "m" TO_INTERVAL);
	expect(&s, "2500us"); /* chosen last */
	type(&s, CTRL_U "1ms\r");
	expect(&s, "every 1.0 ms");
	await_threads(&s, "jt-wake", true);
	type(&s, ESC);
	expect(&s, "F10Quit");
	quit(&s);
}

/* One of the measuring threads; 0: there is none. */
static int measuring_tid(pid_t pid)
{
	_cleanup_(freep) char *dir = xasprintf("/proc/%d/task", (int)pid);
	DIR *d = opendir(dir);
	struct dirent *entry;
	int tid = 0;

	while (d && (entry = readdir(d))) {
		_cleanup_(freep) char *path = xasprintf("%s/%s/comm", dir, entry->d_name);
		_cleanup_(freep) char *comm = read_proc(path);

		if (strncmp(comm, "jt-wake/", 8) == 0)
			tid = atoi(entry->d_name);
	}
	if (d)
		(void)closedir(d);
	return tid;
}

/* Ctrl-Z: no thread measures while the program stands still, or that would be the worst latency.
 * Nobody could continue the program of this test, so the kernel does not stop it; but its threads
 * must have ended, and others have started after that. */
static void test_suspended(void **state)
{
	static const char *const options[] = {"--read-only", "--view", "jitter", NULL};
	struct session s;
	uint64_t end = now_ms() + PATIENCE_MS;
	int before, after;

	(void)state;
	start(&s, "xterm-256color", options);
	expect(&s, "every 1.0 ms");
	await_threads(&s, "jt-wake", true);
	before = measuring_tid(s.pid);
	assert_int_equal(kill(s.pid, SIGTSTP), 0);
	do {
		assert_true(now_ms() < end);
		(void)pump(&s, 50);
		after = measuring_tid(s.pid);
	} while (after == before || after == 0);
	expect(&s, "every 1.0 ms");
	quit(&s);
}

/* Twenty times: threads come and go while the sampler reads them. For the thread sanitizer. */
static void test_start_and_stop_again_and_again(void **state)
{
	static const char *const options[] = {"--read-only", "-d", "0.1", NULL};
	struct session s;

	(void)state;
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	type(&s, "m");
	for (unsigned i = 0; i < 20; i++) {
		expect(&s, "wakeup on cpu");
		type(&s, i ? "\t\r" : TO_INTERVAL INTERVAL_TO_STOP "\r");
		expect(&s, "not measured: stopped");
		type(&s, ESC "[Z\r"); /* back to start */
	}
	expect(&s, "wakeup on cpu");
	/* Orders faster than they can be carried out: the last one counts. */
	for (unsigned i = 0; i < 10; i++)
		type(&s, "\t\r" ESC "[Z\r");
	type(&s, "\t\r");
	expect(&s, "not measured: stopped");
	await_threads(&s, "jt-wake", false);
	type(&s, ESC);
	expect(&s, "F10Quit");
	quit(&s);
}

/* The last CPU of those we may use; *ret: all of them. */
static unsigned last_cpu(struct cpuset *ret)
{
	cpu_set_t set;
	unsigned last = 0;

	CPU_ZERO(&set);
	cpuset_zero(ret);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		cpuset_add(ret, cpu);
		last = cpu;
	}
	return last;
}

static void test_keeps_off_measured_cpus(void **state)
{
	static const char *const options[] = {"--read-only", "--no-measure", NULL};
	struct cpuset all, own = {0}, measuring = {0};
	unsigned last = last_cpu(&all);
	struct session s;
	char text[64];

	(void)state;
	if (cpuset_count(&all) < 2)
		skip();
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	assert_int_equal(count_threads(s.pid, "jt-wake", NULL), 0);
	snprintf(text, sizeof(text), "m%u\r", last);
	type(&s, text);
	snprintf(text, sizeof(text), "wakeup on cpu %u every", last);
	expect(&s, text);
	expect(&s, "this program itself keeps to cpu");
	assert_int_equal(count_threads(s.pid, "jt-wake", &measuring), 1);
	assert_int_equal(cpuset_count(&measuring), 1);
	assert_true(cpuset_has(&measuring, last));
	assert_int_equal(count_threads(s.pid, "jittertop", &own), 1);
	assert_true(count_threads(s.pid, "jt-s", &own) >= 1); /* the sampler's */
	assert_false(cpuset_has(&own, last));
	/* Every CPU: there is no other left, and it says so. */
	type(&s, CTRL_U "\r");
	expect(&s, "no other CPU left");
	/* Back again when nothing is measured. */
	type(&s, TO_INTERVAL INTERVAL_TO_STOP "\r");
	expect(&s, "not measured: stopped");
	cpuset_zero(&own);
	(void)count_threads(s.pid, "jittertop", &own);
	(void)count_threads(s.pid, "jt-s", &own);
	assert_true(cpuset_has(&own, last));
	type(&s, ESC);
	expect(&s, "F10Quit");
	quit(&s);
}

static void test_other_machines(void **state)
{
	static const char *const options[] = {"--topology", "pack:1 core:2 pu:1", NULL};
	struct session s;

	(void)state;
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	type(&s, "m");
	expect(&s, "this is not the live machine");
	type(&s, "\r");
	assert_int_equal(count_threads(s.pid, "jt-wake", NULL), 0);
	type(&s, ESC);
	expect(&s, "F10Quit");
	type(&s, "C");
	expect(&s, "no check here");
	quit(&s);
}

static bool has_cyclictest(void)
{
	return access("/usr/bin/cyclictest", X_OK) == 0;
}

static void test_check_to_the_end(void **state)
{
	static const char *const options[] = {"--read-only", NULL};
	struct cpuset all;
	struct session s;
	char text[64];

	(void)state;
	if (!has_cyclictest())
		skip();
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	type(&s, "m");
	expect(&s, "every 1.0 ms");
	type(&s, ESC);
	expect(&s, "F10Quit");
	snprintf(text, sizeof(text), "C" CTRL_U "%u\r", last_cpu(&all));
	type(&s, text);
	expect(&s, "2 of 2: cyclictest runs");
	assert_int_equal(count_children(s.pid), 1);
	expect(&s, "Kolmogorov-Smirnov distance 0.");
	assert_int_equal(count_children(s.pid), 0);
	assert_true(emulator_shows(s.emulator, "cyclictest"));
	type(&s, ESC);
	expect(&s, "F10Quit");
	type(&s, "m"); /* and ours again as before */
	expect(&s, "every 1.0 ms, ");
	await_threads(&s, "jt-wake", true);
	type(&s, ESC);
	expect(&s, "F10Quit");
	quit(&s);
}

static void test_check_cancelled(void **state)
{
	static const char *const options[] = {"--read-only", NULL};
	struct cpuset all;
	struct session s;
	char text[64];

	(void)state;
	if (!has_cyclictest())
		skip();
	start(&s, "xterm-256color", options);
	expect(&s, "node 0");
	snprintf(text, sizeof(text), "C" CTRL_U "%u\r", last_cpu(&all));
	type(&s, text);
	expect(&s, "2 of 2: cyclictest runs");
	assert_int_equal(count_children(s.pid), 1);
	type(&s, ESC);
	expect(&s, "the check was cancelled");
	assert_int_equal(count_children(s.pid), 0);
	await_threads(&s, "jt-wake", true);
	/* And quitting in the midst of one leaves no child: the program reaps it before it ends. */
	type(&s, text);
	expect(&s, "2 of 2: cyclictest runs");
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	uint64_t ms;
	int status = wait_end(&s, &ms);
	assert_true(WIFEXITED(status));
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change_and_stop),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_start_and_stop_again_and_again),
		cmocka_unit_test(test_keeps_off_measured_cpus),
		cmocka_unit_test(test_other_machines),
		cmocka_unit_test(test_check_to_the_end),
		cmocka_unit_test(test_check_cancelled),
	};

	if (access(program(), X_OK) != 0) {
		print_message("skip: %s cannot be run (JITTERTOP names the program)\n", program());
		return 77;
	}
	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
