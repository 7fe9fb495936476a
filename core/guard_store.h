/*
 * The run directory as its one writer uses it: the lock, the undo files, and applying and taking
 * back through them. Used by the guard, the sleeper and the outside commands, each only while it
 * holds the lock.
 */
#ifndef JT_CORE_GUARD_STORE_H
#define JT_CORE_GUARD_STORE_H

#include "core/guard.h"

struct guard_store {
	int dirfd, lock_fd;
	const struct guard_options *options;
	struct host *host; /* the one that is written; owned */
	char boot_id[40];
	bool is_read_only; /* the directory: values are put back, but no file can be written */
	uint64_t last_id;  /* the highest transaction id ever given, from the lock file */
};

/* Opens the run directory; may_create makes it when it is missing. It must be a directory of ours
 * that nobody else may write. why says what is wrong with it. */
int guard_store_open(struct guard_store *store, const struct guard_options *options,
		     bool may_create, char *why, size_t why_size) _must_check_;
void guard_store_close(struct guard_store *store); /* releases the lock */
/* An id no transaction had since the run directory was made, so that `keep 7` never means another
 * transaction than the 7 that was shown. Needs the lock. */
int guard_store_next_id(struct guard_store *store, uint64_t *ret) _must_check_;
/* -EBUSY: somebody holds it after patience_ms; *ret_holder: who, for information (0: unknown). */
int guard_store_lock(struct guard_store *store, unsigned patience_ms,
		     pid_t *ret_holder) _must_check_;
/* Is the lock held? Takes nothing for longer than the question. */
bool guard_store_is_locked(const struct guard_store *store, pid_t *ret_holder);
/* After the lock: opens the host and learns the boot. */
int guard_store_prepare(struct guard_store *store, char *why, size_t why_size) _must_check_;
int guard_open_host(const struct guard_options *options, struct host **ret) _must_check_;

/* Undoes what a dead instance left, newest first; kept files of this boot stay. 1: residue. */
int guard_store_recover(struct guard_store *store, guard_outcome_fn *fn, void *arg) _must_check_;
/* One transaction with its undo file: fills ret (an event that was {0} or filled before:id, state,
 * times, plan, report, text). *ret_has_file: it is a trial now, or a write failed on the way back:
 * the file stays. */
void guard_store_apply(struct guard_store *store, const struct undo_header *header,
		       const struct plan *plan, change_progress_fn *progress, void *arg,
		       struct guard_event *ret, bool *ret_has_file);
/* *ret_has_file: a write failed, the file stays for another attempt. What is left otherwise is
 * remembered as residue-N.undo; undoing that one ends with it. applied: change_undo_applied(); NULL
 * or empty: not known. */
void guard_store_undo(struct guard_store *store, const struct undo_header *header,
		      const struct plan *plan, const struct change_report *applied,
		      change_progress_fn *progress, void *arg, struct guard_event *ret,
		      bool *ret_has_file);
/* undo_read() that rides out passing errors. */
int guard_store_read(struct guard_store *store, uint64_t id, enum undo_kind kind,
		     struct undo_header *ret_header, struct plan *ret_plan) _must_check_;

/* A line for the system log; never blocks. */
void guard_log(const struct guard_options *options, const char *fmt, ...) _printf_(2, 3);
uint64_t guard_boottime_ns(void);
uint64_t guard_monotonic_ns(void);

#endif
