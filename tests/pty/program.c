#include "tests/pty/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const char *program(void)
{
	const char *path = getenv("JITTERTOP");

	return path && path[0] ? path : "./jittertop";
}

static void run_child(int slave, char *const *argv, const char *term)
{
	(void)setsid();
	(void)ioctl(slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(slave, fd);
	(void)setenv("TERM", term, 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	execv(program(), argv);
	_exit(127);
}

void start(struct session *s, const char *term, const char *const *options)
{
	struct winsize size = {.ws_col = 80, .ws_row = 24};
	const char *argv[12] = {"jittertop"};
	union {
		const char **in;
		char *const *out;
	} words = {.in = argv};

	for (unsigned i = 0; options && options[i] && i < 10; i++)
		argv[1 + i] = options[i];
	*s = (struct session){0};
	assert_int_equal(openpty(&s->master, &s->slave, NULL, NULL, &size), 0);
	(void)fcntl(s->master, F_SETFD, FD_CLOEXEC);
	(void)tcgetattr(s->slave, &s->before);
	s->emulator = emulator_new(80, 24);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		run_child(s->slave, words.out, term);
}

bool pump(struct session *s, int ms)
{
	struct pollfd p = {.fd = s->master, .events = POLLIN};
	char buf[8192];
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(s->master, buf, sizeof(buf));
	if (n <= 0)
		return false;
	s->bytes += (size_t)n;
	emulator_feed(s->emulator, buf, (size_t)n);
	return true;
}

void expect(struct session *s, const char *text)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (!emulator_shows(s->emulator, text) && now_ms() < end) {
		if (!pump(s, 50))
			break;
	}
	if (!emulator_shows(s->emulator, text)) {
		_cleanup_(freep) char *screen = emulator_text(s->emulator);

		fail_msg("\"%s\" never appeared; the screen:\n%s", text, screen);
	}
}

void type(struct session *s, const char *keys)
{
	assert_int_equal(write(s->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

int wait_end(struct session *s, uint64_t *ret_ms)
{
	uint64_t begin = now_ms();
	int status = 0;
	pid_t r;

	while ((r = waitpid(s->pid, &status, WNOHANG)) == 0 && now_ms() < begin + PATIENCE_MS) {
		if (s->master >= 0)
			(void)pump(s, 10);
		else
			(void)poll(NULL, 0, 10);
	}
	if (r == 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
		fail_msg("did not end within %d ms", PATIENCE_MS);
	}
	*ret_ms = now_ms() - begin;
	while (s->master >= 0 && poll(&(struct pollfd){s->master, POLLIN, 0}, 1, 0) > 0) {
		if (!pump(s, 0))
			break;
	}
	return status;
}

void finish(struct session *s)
{
	if (s->master >= 0)
		(void)close(s->master);
	(void)close(s->slave);
	emulator_free(s->emulator);
}
