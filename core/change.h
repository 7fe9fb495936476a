/*
 * Executes and undoes plans: the only writer of host state; runs only in the guard process (and in
 * the sleeper and `restore` once they hold the lock). Rules: safety.md section 3.
 */
#ifndef JT_CORE_CHANGE_H
#define JT_CORE_CHANGE_H

#include "core/plan.h"

enum change_result {
	CHANGE_EXACT,	/* the host shows what was wished (or, undoing, the old value) */
	CHANGE_PARTIAL, /* counted things: fewer than wished */
	CHANGE_PENDING, /* accepted, not yet effective */
	CHANGE_REFUSED, /* the host keeps another value, or said no */
	CHANGE_FOREIGN, /* undo only: another agent's value, left alone: residue */
	CHANGE_GONE,	/* undo only: the object has gone or is another one now */
	CHANGE_NOTHING, /* undo only: held the old value already */
	CHANGE_NOT_RUN,
};

struct change_step_report {
	enum change_result result;
	int error;		/* negative errno of a refusal, 0 */
	bool is_written;	/* applying tried a write (undoing: did, or may have) */
	const char *kept_value; /* what the host shows now; "": unknown; the report's, never NULL */
	char why[256];		/* in words; "" when exact */
};

/* Owns its steps: {0}, filled by the functions below (what it had is freed), then
 * change_report_done() (which _cleanup_ takes, too). Never copied by assignment. */
struct change_report {
	unsigned n_steps;
	struct change_step_report *steps;
};
void change_report_done(struct change_report *report);	 /* {0} and twice are fine */
void change_report_freep(struct change_report **report); /* of one on the heap */
void change_report_copy(struct change_report *report, const struct change_report *from);
/* n_steps empty ones (CHANGE_NOT_RUN) instead of what it had; and a step's kept_value. */
void change_report_begin(struct change_report *report, unsigned n_steps);
void change_step_report_keep(struct change_step_report *step, const char *value);

/* Called before and after each step so that the guard can report progress; may be NULL. Applying,
 * a value other than 0 stops (-ECANCELED: the steps done so far are undone); undoing, it is
 * ignored.
 */
typedef int change_progress_fn(void *arg, unsigned step, const char *text);

/* Preflight of every step, nothing is written: identity, range, old value unchanged,
 * format(parse(old)) == old. */
int change_check(struct host *host, const struct plan *plan, struct change_report *ret);
/* Applies all steps in order. The undo file must be on disk. On a failing step the earlier ones are
 * undone and the failing step's errno is returned; ret says which. A partial counted step is not a
 * failure. */
int change_apply(struct host *host, const struct plan *plan, change_progress_fn *progress,
		 void *arg, struct change_report *ret) _must_check_;
/* Undoes in reverse order; every step is tried. 0: host is as before; 1: residue is left, ret says
 * which. */
int change_undo(struct host *host, const struct plan *plan, change_progress_fn *progress, void *arg,
		struct change_report *ret) _must_check_;
/* The same where it is known what change_apply() came to (applied, of the same plan): what it never
 * wrote is not touched, whatever is shown there by now. */
int change_undo_applied(struct host *host, const struct plan *plan,
			const struct change_report *applied, change_progress_fn *progress,
			void *arg, struct change_report *ret) _must_check_;

const char *change_result_name(enum change_result result); /* "exact", "partial", ... */

#endif
