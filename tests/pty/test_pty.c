/*
 * The real program in a pty: it starts, takes keys, survives a storm of resizes, ends on signals
 * and on a lost terminal, and leaves the terminal as it was. Output is read by a terminal emulator.
 * It runs with --read-only --no-measure: nothing on the host is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/pty/program.h"

/* Such that nothing on the host is touched. */
static void start_quiet(struct session *s, const char *term, const char *const *options)
{
	const char *all[11] = {"--read-only", "--no-measure"};

	for (unsigned i = 0; options && options[i] && i < 8; i++)
		all[2 + i] = options[i];
	start(s, term, all);
}

static void assert_restored(const struct session *s)
{
	struct termios after;

	assert_false(emulator_in_alternate_screen(s->emulator));
	assert_true(emulator_cursor_is_visible(s->emulator));
	assert_int_equal(tcgetattr(s->slave, &after), 0);
	assert_int_equal(after.c_lflag, s->before.c_lflag);
	assert_int_equal(after.c_iflag, s->before.c_iflag);
	assert_int_equal(after.c_oflag, s->before.c_oflag);
}

static void test_keys_and_quit(void **state)
{
	struct session s;
	uint64_t ms;
	int status;

	(void)state;
	start_quiet(&s, "xterm-256color", NULL);
	expect(&s, "jittertop");
	expect(&s, "node 0");
	assert_true(emulator_in_alternate_screen(s.emulator));
	type(&s, "?");
	expect(&s, "any other key closes");
	type(&s, "x");
	type(&s, "7");
	expect(&s, "available");
	type(&s, "\t");
	expect(&s, "knob, target");
	type(&s, "8");
	expect(&s, "irq_off");
	type(&s, "/irq_off\re");
	expect(&s, "nothing can be changed: started with --read-only");
	type(&s, "2");
	expect(&s, "not measured (--no-measure)");
	type(&s, "3/nosuchthing\r");
	expect(&s, "is in no row");
	type(&s, "q");
	status = wait_end(&s, &ms);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_restored(&s);
	finish(&s);
}

static void test_signal(void **state)
{
	int signal = (int)(intptr_t)*state;
	struct session s;
	uint64_t ms;
	int status;

	start_quiet(&s, "xterm-256color", NULL);
	expect(&s, "node 0");
	assert_int_equal(kill(s.pid, signal), 0);
	status = wait_end(&s, &ms);
	assert_true(signal == SIGQUIT ? WIFSIGNALED(status) : WIFEXITED(status));
	assert_restored(&s);
	finish(&s);
}

static void test_resize_storm(void **state)
{
	struct session s;
	uint64_t ms;

	(void)state;
	start_quiet(&s, "xterm-256color", NULL);
	expect(&s, "node 0");
	for (unsigned i = 0; i < 300; i++) {
		struct winsize size = {.ws_col = (unsigned short)(1 + i * 37 % 200),
				       .ws_row = (unsigned short)(1 + i * 13 % 60)};

		(void)ioctl(s.master, TIOCSWINSZ, &size);
		(void)pump(&s, i % 20 == 0 ? 5 : 0);
	}
	emulator_resize(s.emulator, 100, 30);
	(void)ioctl(s.master, TIOCSWINSZ, &(struct winsize){.ws_col = 100, .ws_row = 30});
	type(&s, "\f");
	expect(&s, "node 0");
	expect(&s, "F10Quit");
	type(&s, "q");
	(void)wait_end(&s, &ms);
	assert_restored(&s);
	finish(&s);
}

/* CPU time of the process so far in clock ticks. */
static unsigned long cpu_ticks(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/stat", (int)pid);
	unsigned long user = 0, system = 0;
	char text[1024] = "", *at;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	(void)!fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	at = strrchr(text, ')');
	if (at)
		(void)sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			     &system);
	return user + system;
}

/* The other side goes away without a word: close of the master is SIGHUP and EIO. */
static void test_lost_terminal(void **state)
{
	bool is_hup_ignored = *state != NULL;
	struct session s;
	uint64_t ms;
	unsigned long ticks;

	/* nohup and the like: only EIO is left to tell. */
	if (is_hup_ignored)
		(void)signal(SIGHUP, SIG_IGN);
	start_quiet(&s, "xterm-256color", NULL);
	(void)signal(SIGHUP, SIG_DFL);
	expect(&s, "node 0");
	ticks = cpu_ticks(s.pid);
	(void)close(s.slave);
	(void)close(s.master);
	s.master = -1;
	s.slave = -1;
	(void)wait_end(&s, &ms);
	/* The promise is one second; it includes the exit, so sanitizers are inside too. */
	assert_true(ms < 1000);
	(void)ticks;
	emulator_free(s.emulator);
}

/* A terminal that takes no bytes (Ctrl-S, a dead link) must not keep SIGTERM from ending us. */
static void test_stalled_terminal(void **state)
{
	struct session s;
	uint64_t ms;
	int status;

	(void)state;
	start_quiet(&s, "xterm-256color", NULL);
	expect(&s, "node 0");
	(void)tcflow(s.slave, TCOOFF);
	type(&s, "37890");
	(void)poll(NULL, 0, 300);
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	status = wait_end(&s, &ms);
	assert_true(WIFEXITED(status));
	(void)tcflow(s.slave, TCOON);
	finish(&s);
}

/* Nothing changed and nothing typed: at most the few figures that moved are sent. */
static void test_paused_sends_nothing(void **state)
{
	struct session s;
	size_t before;
	uint64_t ms;

	(void)state;
	start_quiet(&s, "xterm-256color", NULL);
	expect(&s, "node 0");
	type(&s, "Z");
	expect(&s, "PAUSED");
	for (unsigned i = 0; i < 10; i++)
		(void)pump(&s, 30);
	before = s.bytes;
	for (uint64_t end = now_ms() + 2500; now_ms() < end;)
		(void)pump(&s, 50);
	/* The memory and CPU figures stand still; our own share of the CPU may move a digit. */
	assert_true(s.bytes - before < 200);
	type(&s, "q");
	(void)wait_end(&s, &ms);
	finish(&s);
}

static void test_bad_terminal(void **state)
{
	const char *term = *state;
	struct session s;
	uint64_t ms;
	int status;

	start_quiet(&s, term, NULL);
	status = wait_end(&s, &ms);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(emulator_shows(s.emulator, "jittertop: terminal: "));
	finish(&s);
}

static void test_not_a_terminal(void **state)
{
	_cleanup_(freep) char *command = xasprintf("'%s' --read-only 2>&1 </dev/null", program());
	FILE *f = popen(command, "re");
	char text[512] = "";
	int status;

	(void)state;
	assert_non_null(f);
	(void)!fread(text, 1, sizeof(text) - 1, f);
	status = pclose(f);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(text, "jittertop snapshot"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void test_bad_option(void **state)
{
	static const char *const bad[][3] = {
		{"--delay", "x"}, {"--view", "nosuch"}, {"--nosuch", NULL}, {"--theme", NULL}};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct session s;
		uint64_t ms;
		int status;

		start_quiet(&s, "xterm-256color", bad[i]);
		status = wait_end(&s, &ms);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 2);
		assert_false(emulator_in_alternate_screen(s.emulator));
		finish(&s);
	}
}

int main(void)
{
	union {
		const char *in;
		void *out;
	} unknown = {"nosuchterminal"}, dumb = {"dumb"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_and_quit),
		cmocka_unit_test_prestate(test_signal, (void *)(intptr_t)SIGTERM),
		cmocka_unit_test_prestate(test_signal, (void *)(intptr_t)SIGHUP),
		cmocka_unit_test_prestate(test_signal, (void *)(intptr_t)SIGINT),
		cmocka_unit_test_prestate(test_signal, (void *)(intptr_t)SIGQUIT),
		cmocka_unit_test(test_resize_storm),
		cmocka_unit_test(test_lost_terminal),
		cmocka_unit_test_prestate(test_lost_terminal, dumb.out),
		cmocka_unit_test(test_stalled_terminal),
		cmocka_unit_test(test_paused_sends_nothing),
		cmocka_unit_test_prestate(test_bad_terminal, unknown.out),
		cmocka_unit_test_prestate(test_bad_terminal, dumb.out),
		cmocka_unit_test(test_not_a_terminal),
		cmocka_unit_test(test_bad_option),
	};

	if (access(program(), X_OK) != 0) {
		print_message("skip: %s cannot be run (JITTERTOP names the program)\n", program());
		return 77;
	}
	(void)setenv("TZ", "UTC", 1);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* SIGQUIT leaves none behind */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
