/*
 * The terminal: the only file that calls curses. Takes surfaces, gives keys.
 *
 * Calling sequence: term_check() before anything is started, term_open(), then term_flush() per
 * frame and term_key() until it returns 0 whenever the terminal is readable, term_close(). A fatal
 * signal (SIGSEGV, SIGABRT, ...) in between restores the terminal and is then raised again. One
 * terminal per process.
 */
#ifndef JT_TUI_TERM_H
#define JT_TUI_TERM_H

#include "tui/keys.h"
#include "tui/surface.h"

struct terminal;

/* 0, or -ENOTTY and the like with why in words: not a terminal, unknown TERM, too dumb. */
int term_check(char *why, size_t why_size) _must_check_;
int term_open(bool has_mouse, struct terminal **ret, char *why, size_t why_size) _must_check_;
/* Leaves the alternate screen, shows the cursor, restores the line settings; NULL is fine. Does not
 * block on a terminal that takes nothing. */
void term_close(struct terminal *term);
int term_fd(const struct terminal *term); /* for reading keys */
bool term_is_utf8(void);		  /* the locale's character set: after setlocale() */
void term_set_theme(struct terminal *term, const struct theme *theme);
/* Asks the terminal for its size now. Call it before drawing after SIGWINCH. */
void term_resize(struct terminal *term, int *ret_width, int *ret_height);
/* Sends what differs from what is on screen; nothing when nothing does. -EAGAIN: the terminal takes
 * no bytes now (a stalled line): draw again later. */
int term_flush(struct terminal *term, const struct surface *surface);
/* SIGINT, SIGTERM or SIGHUP came while a frame was being sent; they are unblocked only there, so
 * that a stalled line cannot keep the program alive. */
bool term_was_ended(const struct terminal *term);
void term_redraw(struct terminal *term); /* the next flush sends everything */
/* 1: *ret is a key, 0: none waits. */
int term_key(struct terminal *term, struct key *ret);
/* True when the other side is gone: the terminal is readable, yet there is nothing to read. */
bool term_is_gone(const struct terminal *term);
void term_set_mouse(struct terminal *term, bool is_on);
/* Around a stop by job control (Ctrl-Z). */
void term_suspend(struct terminal *term);
void term_resume(struct terminal *term);

#endif
