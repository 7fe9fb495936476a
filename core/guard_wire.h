/*
 * The messages between program, guard, sleeper and root's other commands: one SOCK_SEQPACKET
 * datagram each, a fixed head, then text, plan (in the undo file's form) and report. Both ends are
 * the same binary on the same machine, yet the parsers are strict: the control socket outlives the
 * binary that made it.
 */
#ifndef JT_CORE_GUARD_WIRE_H
#define JT_CORE_GUARD_WIRE_H

#include "core/guard.h"

/* Head, text, the longest plan and the longest report. */
#define WIRE_MAX (UNDO_FILE_MAX + 80u * 1024)

enum wire_type {
	WIRE_APPLY = 1,
	WIRE_KEEP,
	WIRE_UNDO, /* id 0: the newest trial, without one the newest kept */
	WIRE_UNDO_ALL,
	WIRE_CANCEL,
	WIRE_TOUCH,
	WIRE_DETACH,
	WIRE_CLOSE,
	WIRE_LIST, /* every open trial as an event, then done */
};

struct wire_request {
	enum wire_type type;
	uint64_t request;
	uint64_t id;
	uint64_t revert_after_ns;
	bool with_kept;
};

/* plan: of WIRE_APPLY only, otherwise NULL. -EFBIG: the plan is too long to be sent. */
int wire_send_request(int fd, const struct wire_request *request,
		      const struct plan *plan) _must_check_;
/* -EBADMSG. ret_plan is filled for WIRE_APPLY only. */
int wire_parse_request(const char *bytes, size_t len, const struct step_class *const *classes,
		       struct wire_request *ret, struct plan *ret_plan) _must_check_;

/* A request has been dealt with: result 0, 1 (residue) or a negative errno, with its reason. */
struct wire_done {
	uint64_t request;
	int result;
	char text[256];
};

/* Never block: -EAGAIN when the reader does not read. */
int wire_send_event(int fd, const struct guard_event *event) _must_check_;
int wire_send_done(int fd, const struct wire_done *done) _must_check_;
/* 1: an event; 2: a done; -EBADMSG. */
int wire_parse_reply(const char *bytes, size_t len, const struct step_class *const *classes,
		     struct guard_event *ret_event, struct wire_done *ret_done) _must_check_;

/* Room for the largest message where the kernel lets us. */
void wire_grow_buffers(int fd);

/* Guard to sleeper. */
enum wire_sleeper_type {
	WIRE_SLEEPER_GO = 1,   /* the guard holds the lock */
	WIRE_SLEEPER_DEADLINE, /* CLOCK_BOOTTIME; 0: none */
	WIRE_SLEEPER_BYE,      /* nothing is open any more: exit */
};
struct wire_sleeper {
	uint32_t type;
	uint32_t reserved;
	uint64_t deadline_boottime_ns;
};

#endif
