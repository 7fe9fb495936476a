/*
 * The only call that changes the host. It is reachable from core/change.c alone (make check looks
 * at the symbols) and runs only in the guard process.
 *
 * One open(O_WRONLY) that follows no link in the last part, one write(2) of the whole text, no
 * newline added beyond the one given. Returns 0, -EROFS on a captured or synthetic host, -EIO on a
 * short write, or what the kernel said. A scratch host's file is replaced at one system call
 * (rename), so that it never shows a half-written value, as no knob does.
 */
#ifndef JT_CORE_HOST_WRITE_H
#define JT_CORE_HOST_WRITE_H

#include "core/host.h"

int host_write(struct host *host, const char *path, const char *text) _must_check_;
/* Fake hosts: what the nth write from now (1: the next) does instead: a knob that lies. NULL text:
 * refused with err. */
void host_fake_write_becomes(struct host *host, unsigned nth_write, const char *text, int err);
/* Fake hosts that behave: called with every write to a file that is there, before it is done. 0: it
 * is done; 1: the callback did what there was to do (host_fake_file()); negative errno: refused. */
typedef int host_fake_write_fn(void *arg, struct host *host, const char *path, const char *text);
void host_fake_on_write(struct host *host, host_fake_write_fn *fn, void *arg);

#endif
