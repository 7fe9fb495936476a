/*
 * The messages between program, guard, sleeper and root's other commands: one SOCK_SEQPACKET
 * datagram each, a fixed head, then text, plan (in the undo file's form) and report. What is longer
 * than a datagram should be is sent as the head alone and a sealed memfd that holds the rest. Both
 * ends are the same binary on the same machine, yet the parsers are strict: the control socket
 * outlives the binary that made it.
 */
#ifndef JT_CORE_GUARD_WIRE_H
#define JT_CORE_GUARD_WIRE_H

#include "core/guard.h"

/* Head, text, the longest plan and a report of as many steps as it can have. */
#define WIRE_MAX (UNDO_FILE_MAX + 20u * 1024 * 1024)
/* One datagram. */
#define WIRE_DIRECT_MAX (64u * 1024)

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
/* One whole message, as the parsers take it; flags: MSG_DONTWAIT or 0. Its length, 0: the other end
 * is closed, -EBADMSG: a datagram that is none of ours (and is consumed), or another negative
 * errno. *ret_bytes is the caller's to free, also after a failure (NULL). */
ssize_t wire_receive(int fd, int flags, char **ret_bytes) _must_check_;
/* -EBADMSG. ret_plan is filled (what it had is freed) for WIRE_APPLY only. */
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
/* 1: an event (what ret_event had is freed); 2: a done; -EBADMSG. */
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
