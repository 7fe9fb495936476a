/*
 * Inside the guard process: what guard_process.c (set-up and event loop), guard_stack.c (open
 * transactions and what is to be done next) and guard_job.c (the thread that writes) share.
 *
 * The event loop never writes the host: a job thread does, so that a slow write leaves the loop
 * free to hear the program die or cancel. It is a thread and not a child, because the lock must not
 * be free before the last write has returned. While a job runs the loop leaves the store alone.
 */
#ifndef JT_CORE_GUARD_INTERNAL_H
#define JT_CORE_GUARD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/guard_store.h"
#include "core/guard_wire.h"

#define GUARD_MAX_CLIENTS 8
#define GUARD_MAX_QUEUE 64
#define GUARD_MAX_OPEN 64
/* How long after the deadline the sleeper ends a guard that still holds the lock. */
#define GUARD_GRACE_NS (5 * NSEC_PER_SEC)
/* While a job runs the sleeper is put off in steps of this, at most this often. */
#define GUARD_JOB_PATIENCE_NS (10 * NSEC_PER_SEC)
#define GUARD_JOB_MAX_NS (600 * NSEC_PER_SEC)

/* Who asked: the program, or a client of the control socket. A client's slot may be used again by
 * another one, hence the serial. */
struct guard_origin {
	int slot; /* -1: the program */
	uint64_t serial;
	uint64_t request;
};

/* An open transaction: a trial, or a kept one that is being undone. */
struct guard_entry {
	struct undo_header header;
	struct guard_origin origin;
	uint64_t exact_deadline_ns; /* 0: the stack's */
	bool is_wanted_back;
	bool is_residue; /* a write failed: only a user's undo tries again */
	struct guard_event applied;
};

struct guard_job {
	bool is_apply;
	struct guard_origin origin;
	uint64_t revert_after_ns;
	struct undo_header header;
	struct plan plan;
	struct change_report applied; /* undoing: what applying came to; empty: not known */
	struct guard_store *store;
	atomic_bool is_cancelled;
	atomic_uint step; /* the one at work */
	bool has_file;
	struct guard_event result;
	uint64_t start_ns;
	pthread_t thread;
	bool has_thread;
	int done_fd; /* eventfd, owned; readable when the job is over */
};

struct guard_queued {
	struct guard_origin origin;
	struct wire_request request;
	struct plan plan;
};

struct guard_client {
	int fd; /* -1: free */
	uint64_t serial;
	pid_t pid; /* of whoever connected, for people */
};

struct guard_process {
	const struct guard_options *options;
	struct guard_store store;
	struct host *peek; /* the loop's own view of the host, for progress; may be NULL */
	char who_user[64];
	pid_t who_pid;
	int program_fd, sleeper_fd, listen_fd, timer_fd; /* -1: gone */
	enum guard_state state;
	char state_text[256];
	bool is_detached;
	bool is_closing;			/* the program has gone or said so */
	bool is_sleeper_lost;			/* no further changes */
	uint64_t last_touch_ns, last_notice_ns; /* CLOCK_BOOTTIME */
	uint64_t armed_ns;			/* what the timer is set to, 0: nothing */
	uint64_t told_ns;			/* the deadline the sleeper knows */
	struct guard_client clients[GUARD_MAX_CLIENTS];
	uint64_t next_serial;
	struct guard_entry *entries[GUARD_MAX_OPEN]; /* ascending id */
	unsigned n_entries;
	struct guard_queued *queue[GUARD_MAX_QUEUE];
	unsigned n_queue;
	/* The request whose transactions are being taken back; its done is sent when they are. */
	bool has_current;
	struct guard_origin current;
	int current_result;
	struct guard_job *job; /* NULL: none runs */
};

/* guard_job.c */
int guard_job_start(struct guard_job *job); /* takes nothing; the caller frees after the end */
void guard_job_cancel(struct guard_job *job);
void guard_job_join(struct guard_job *job);
void guard_job_prepare_signals(void);

/* guard_request.c */
void guard_request_do(struct guard_process *guard, struct guard_queued *queued);

/* guard_stack.c */
struct guard_entry *guard_stack_find(const struct guard_process *guard, uint64_t id);
struct guard_entry *guard_stack_newest_trial(const struct guard_process *guard);
/* Takes entry, keeps the order of ids. */
void guard_stack_insert(struct guard_process *guard, struct guard_entry *entry);
void guard_stack_drop(struct guard_process *guard, struct guard_entry *entry);
void guard_entry_free(struct guard_entry *entry);
void guard_queued_free(struct guard_queued *queued);
/* To go back too: every later trial on the same object, or the old value could not be put back
 * under it. */
void guard_stack_want_back(struct guard_process *guard, struct guard_entry *entry);
/* When it goes back: an earlier trial of the same object takes it along; 0: never. */
uint64_t guard_stack_entry_deadline(const struct guard_process *guard,
				    const struct guard_entry *entry);
/* Says no: id of the transaction, 0: none. */
void guard_stack_refuse(struct guard_process *guard, const struct guard_origin *origin, uint64_t id,
			int err, const char *text);
void guard_stack_start_job(struct guard_process *guard, struct guard_job *job);
/* What plan has is taken. */
void guard_stack_request(struct guard_process *guard, const struct guard_origin *origin,
			 const struct wire_request *request, struct plan *plan);
/* The job is over: files its result. */
void guard_stack_job_done(struct guard_process *guard);
/* Starts what is to be done next until a job runs or nothing is left. */
void guard_stack_pump(struct guard_process *guard);
bool guard_stack_is_idle(const struct guard_process *guard); /* nothing open, queued or running */
/* When the first trial is to be taken back; 0: never. */
/* Tells the sleeper until when the guard is expected to be done, where that changed. */
void guard_process_update_sleeper(struct guard_process *guard);
uint64_t guard_stack_deadline(const struct guard_process *guard);
void guard_stack_notice_deadlines(struct guard_process *guard);
void guard_stack_progress(struct guard_process *guard);
void guard_stack_free(struct guard_process *guard);

/* guard_process.c */
struct guard_who {
	pid_t pid;
	char user[64];
};
_Noreturn void guard_process_run(const struct guard_options *options, const struct guard_who *who,
				 int program_fd, int sleeper_fd);
/* To whoever asked alone: nothing of it shows elsewhere. */
void guard_process_answer(struct guard_process *guard, const struct guard_origin *origin,
			  struct guard_event *event);
void guard_process_send(struct guard_process *guard, const struct guard_origin *origin,
			struct guard_event *event);
void guard_process_done(struct guard_process *guard, const struct guard_origin *origin, int result,
			const char *text);
/* What guard and sleeper have in common: own session, no signals, locked memory, realtime, no files
 * but fds[0..n) (at most 4). */
void guard_process_harden(const char *name, const int *fds, unsigned n);

/* guard_sleeper.c */
_Noreturn void guard_sleeper_run(const struct guard_options *options, int guard_fd,
				 int guard_pidfd);

/* guard.c, for guard_command.c. The fd, or a negative errno: no guard listens. */
int guard_connect(const struct guard_options *options);
int guard_send(struct guard *guard, struct wire_request *request,
	       const struct plan *plan) _must_check_;
/* How long guard_wait_done() waits for a guard that says nothing (it may be stopped) before it says
 * -ETIMEDOUT; for ever when this is not called. */
void guard_set_patience(struct guard *guard, unsigned seconds);
/* Blocks until the request is done; -EPIPE: the guard has gone meanwhile. */
int guard_wait_done(struct guard *guard, uint64_t request, guard_outcome_fn *fn, void *arg,
		    struct wire_done *ret) _must_check_;

/* guard_scope.c */
void guard_scope_enter(const char *name);

#endif
