/*
 * What a transaction set or put back, compared with what the host shows now: kept values that
 * somebody changed since, and residue.
 */
#ifndef JT_TUI_CONTESTED_H
#define JT_TUI_CONTESTED_H

#include "core/guard.h"
#include "core/knob.h"

/* The object was changed by us again: by a later step, or a later transaction of status. */
bool contested_is_superseded(const struct guard_status *status,
			     const struct guard_transaction *mine, const struct plan_step *step);
/* A kept value that somebody changed since; now: what is there. False: it is as it was set, cannot
 * be read, or is a count of which fewer came. */
bool contested_step(struct host *host, const struct guard_status *status,
		    const struct guard_transaction *mine, const struct plan_step *step, char *now,
		    size_t size);
/* A step of a residue that is not as it was before: why says what is there, in words. */
bool contested_residue(struct host *host, const struct plan_step *step, char *why, size_t size);
/* Who else writes what the step set, in words; false: nobody known. May be slow. */
bool contested_owner(struct host *host, const struct knob *const *knobs,
		     const struct plan_step *step, char *buf, size_t size);

#endif
