/*
 * The guard: the single writer of host state, a process of its own, and its sleeper (safety.md
 * section 1).
 *
 * Calling sequence in the program (dashboard or `jittertop set`): guard_start() before any thread
 * exists, then requests (they only send), and guard_receive() whenever guard_fd() is readable.
 * guard_close() reverts every trial that was not kept (as any death of this process does) unless it
 * was detached.
 *
 * The guard holds the flock on <run dir>/lock, owns the undo files in the same directory, reverts
 * when this process dies, when the deadline passes, or when told to. It also listens on <run
 * dir>/guard.sock for the same requests from root's other commands (status, keep, undo).
 *
 * A transaction is named by its id (the N of the undo file). Several may be open; loss reverts them
 * in reverse order.
 */
#ifndef JT_CORE_GUARD_H
#define JT_CORE_GUARD_H

#include "core/change.h"
#include "core/undo.h"

#define GUARD_DEFAULT_DEADLINE_NS (120 * NSEC_PER_SEC)

struct guard; /* the program's end of it */

struct guard_options {
	const char *run_dir;			 /* NULL: the compiled-in one (/run/jittertop) */
	const struct step_class *const *classes; /* NULL-terminated */
	/* Opens the host the guard writes: called in the guard. NULL: host_open_live. */
	int (*open_host)(void *arg, struct host **ret);
	void *open_host_arg;
	bool is_quiet; /* no recovery message on the log */
};

enum guard_state {
	GUARD_ABSENT,	  /* not privileged, read only, captured root: nothing can be changed */
	GUARD_READY,	  /* holds the lock */
	GUARD_LOCKED,	  /* another instance holds the lock: read only; text says who */
	GUARD_RECOVERING, /* undoing what a dead instance left */
	/* The guard died and the sleeper reverts, or the sleeper died and the guard reverts (then
	 * transaction events still come): no more changes in this session. */
	GUARD_LOST,
};

enum transaction_state {
	TRANSACTION_APPLYING,
	TRANSACTION_TRIAL,
	TRANSACTION_KEPT,
	TRANSACTION_REVERTED,
	TRANSACTION_REFUSED, /* nothing is changed: report says why */
	TRANSACTION_RESIDUE, /* taken back but for some steps: report says which */
};

/* "applying", "trial", "kept", ...: the words of JSON and of the screen. */
const char *transaction_state_name(enum transaction_state state);

enum guard_event_type { GUARD_EVENT_STATE, GUARD_EVENT_PROGRESS, GUARD_EVENT_TRANSACTION };

struct guard_event {
	enum guard_event_type type;
	enum guard_state state; /* GUARD_EVENT_STATE */
	uint64_t request; /* what guard_apply() returned, for its transaction's events; 0: not ours
			   */
	uint64_t id;	  /* transaction */
	enum transaction_state transaction;
	/* Trial: when it is taken back; 0: none. After guard_touch() the TRIAL events of the stack
	 * come again with the new deadline, at most once a second, without plan and report. */
	uint64_t deadline_boottime_ns;
	uint64_t start_ns,
		end_ns; /* CLOCK_MONOTONIC: first write, last read-back of the apply or the undo */
	char text[256]; /* progress, reason, who holds the lock */
	struct plan plan;	     /* as applied: TRANSACTION events */
	struct change_report report; /* of the last apply or undo */
};

/* An event owns its plan and report: {0}, filled by guard_receive() (what it had is freed), then
 * done. Never copied by assignment. */
struct guard_event *guard_event_new(void);
void guard_event_done(struct guard_event *event);
void guard_event_free(struct guard_event *event); /* NULL is fine */
void guard_event_freep(struct guard_event **event);
void guard_event_copy(struct guard_event *event, const struct guard_event *from);

/* Forks guard and sleeper. -EPERM: not root; -EROFS etc: run dir unusable (why in words). */
int guard_start(const struct guard_options *options, struct guard **ret, char *why,
		size_t why_size) _must_check_;
/* Joins the guard that lives already (a detached one: otherwise its program is in charge and
 * applying is refused), as a client: this end's death reverts nothing. -ECONNREFUSED, -ENOENT: none
 * lives. */
int guard_attach(const struct guard_options *options, struct guard **ret, char *why,
		 size_t why_size) _must_check_;
/* To poll; -1 once the guard has gone and guard_receive() has said so. */
int guard_fd(const struct guard *guard);
/* 1: *ret is filled; 0: nothing waits; negative: the guard is gone (once, as GUARD_EVENT_STATE
 * GUARD_LOST first). */
int guard_receive(struct guard *guard, struct guard_event *ret);

/* revert_after_ns: 0: the stack's default (each guard_touch() extends it); otherwise this
 * transaction's own, exactly. */
int guard_apply(struct guard *guard, const struct plan *plan, uint64_t revert_after_ns,
		uint64_t *ret_request) _must_check_;
int guard_keep(struct guard *guard, uint64_t id) _must_check_;
int guard_undo(struct guard *guard, uint64_t id) _must_check_; /* trial or kept */
int guard_undo_all(struct guard *guard, bool with_kept) _must_check_;
int guard_cancel(struct guard *guard)
	_must_check_;		      /* the slow write that runs now; it is then taken back */
int guard_touch(struct guard *guard); /* the user is there: extends the stack's deadline */
/* From now on this process's end does not revert: only the deadlines and `undo` do (jittertop set).
 * Waits for the guard's answer; events that come before it are dropped: the last call but close. */
int guard_detach(struct guard *guard) _must_check_;
void guard_close(
	struct guard *guard); /* waits until trials are reverted (unless detached); NULL is fine */
void guard_pids(const struct guard *guard, pid_t *ret_guard, pid_t *ret_sleeper);

/* Commands of other processes: over <run dir>/guard.sock when an instance lives, otherwise by
 * taking the lock. */
struct guard_status {
	bool is_locked; /* an instance holds the lock */
	bool is_silent; /* and does not answer: it may be stopped */
	pid_t holder;	/* 0: unknown */
	struct guard_transaction {
		uint64_t id;
		/* Trial or kept. Residue: taken back in part only; without plan: a damaged file. */
		enum transaction_state state;
		int64_t set_wall_s; /* seconds since 1970: when it was applied; 0: unknown */
		uint64_t deadline_boottime_ns;
		struct undo_header *header;
		struct plan *plan; /* NULL when damaged */
	} * transactions;
	size_t n_transactions;
};
int guard_status_read(const struct guard_options *options, struct guard_status *ret) _must_check_;
/* The files only, no guard is asked and waited for: deadlines are those of the beginning. */
int guard_status_read_files(const struct guard_options *options,
			    struct guard_status *ret) _must_check_;
void guard_status_done(struct guard_status *status);

/* What an outside command did, one per transaction, newest first. */
typedef void guard_outcome_fn(void *arg, const struct guard_event *event);
int guard_command_undo(const struct guard_options *options, uint64_t id, bool is_all,
		       guard_outcome_fn *fn, void *arg, char *why, size_t why_size) _must_check_;
int guard_command_keep(const struct guard_options *options, uint64_t id, guard_outcome_fn *fn,
		       void *arg, char *why, size_t why_size) _must_check_;
/* Undoes what a dead instance left (trials only). 0: nothing left or all restored, 1: residue,
 * -EBUSY: an instance lives. */
int guard_command_restore(const struct guard_options *options, guard_outcome_fn *fn, void *arg,
			  char *why, size_t why_size) _must_check_;

#endif
