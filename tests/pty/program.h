/*
 * The real program in a pty, its output read by a terminal emulator: what the tests in this folder
 * share. Failures are cmocka's.
 */
#ifndef JT_TESTS_PTY_PROGRAM_H
#define JT_TESTS_PTY_PROGRAM_H

#include <sys/types.h>
#include <termios.h>

#include "core/util.h"
#include "tests/screens/emulator.h"

/* Generous: sanitizers on a loaded machine. What is asserted to be quick says so itself. */
#define PATIENCE_MS 20000

struct session {
	pid_t pid;
	int master, slave; /* we keep the slave open: its settings can be read after the end */
	struct emulator *emulator;
	struct termios before;
	size_t bytes;
};

/* $JITTERTOP, or ./jittertop. */
const char *program(void);
uint64_t now_ms(void);
/* options: NULL-terminated, at most 10. 80 columns, 24 rows. */
void start(struct session *s, const char *term, const char *const *options);
/* Feeds what comes within ms; false at end of file. */
bool pump(struct session *s, int ms);
void expect(struct session *s, const char *text);
void type(struct session *s, const char *keys);
/* Waits for the end; returns the wait status and, in *ret_ms, how long it took. */
int wait_end(struct session *s, uint64_t *ret_ms);
void finish(struct session *s);

#endif
