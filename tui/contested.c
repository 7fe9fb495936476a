#include "tui/contested.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool contested_is_superseded(const struct guard_status *status,
			     const struct guard_transaction *mine, const struct plan_step *step)
{
	if (plan_find(mine->plan, step->class, step->object) != step)
		return true;
	for (size_t i = 0; i < status->n_transactions; i++) {
		const struct guard_transaction *other = &status->transactions[i];

		/* Residue has been taken back. */
		if (other->id > mine->id && other->plan && other->state != TRANSACTION_RESIDUE &&
		    plan_find(other->plan, step->class, step->object))
			return true;
	}
	return false;
}

/* 1: still the object that the step meant. */
static int is_same(struct host *host, const struct plan_step *step)
{
	char identity[PLAN_OBJECT_MAX];
	int err = 0;

	if (!step->class->identity || step->is_later)
		return 1;
	err = step->class->identity(host, step->object, identity, sizeof(identity));
	return err ? err : !strcmp(identity, step->identity);
}

bool contested_step(struct host *host, const struct guard_status *status,
		    const struct guard_transaction *mine, const struct plan_step *step, char *now,
		    size_t size)
{
	return mine->state == TRANSACTION_KEPT && mine->plan &&
	       !(step->class->flags & (STEP_COUNTED | STEP_RESTORED)) &&
	       !contested_is_superseded(status, mine, step) &&
	       !step_present(host, step, now, size) && strcmp(now, step->new_value) != 0 &&
	       is_same(host, step) == 1;
}

bool contested_residue(struct host *host, const struct plan_step *step, char *why, size_t size)
{
	char now[PLAN_VALUE_MAX];
	int same = is_same(host, step);
	int err = same == 1 ? step_present(host, step, now, sizeof(now)) : 0;

	if (step->class->flags & STEP_HELD) /* it went with the guard */
		return false;
	if (errno_is_absent(-err) || (same < 0 && errno_is_absent(-same))) {
		if (step->is_later || step->class->flags & STEP_MAY_END)
			return false;
		(void)snprintf(why, size, "%s has gone: there is nothing to put back",
			       step->object);
	} else if (same == 0) {
		(void)snprintf(why, size, "%s is another one by now: there is nothing to put back",
			       step->object);
	} else if (err || same < 0) {
		(void)snprintf(why, size, "%s cannot be read: %s", step->object,
			       strerror(err ? -err : -same));
	} else if (!strcmp(now, step->old_value)) {
		return false;
	} else {
		(void)snprintf(why, size, "%s is %.200s, was %.200s before (we set %.200s)",
			       step->object, now, step->old_value, step->new_value);
	}
	return true;
}

bool contested_owner(struct host *host, const struct knob *const *knobs,
		     const struct plan_step *step, char *buf, size_t size)
{
	/* A step belongs to the knob of its class's name where there is one of that name: several
	 * knobs use the same classes. */
	for (; *knobs; knobs++) {
		if (!strcmp((*knobs)->name, step->class->name))
			return (*knobs)->owner &&
			       (*knobs)->owner(host, step->object, buf, size) == 1;
	}
	return false;
}
