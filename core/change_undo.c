/* Taking back: the rules of safety.md section 3. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/change_internal.h"
#include "core/host_write.h"
#include "core/plan_internal.h"

#define UNDO_ATTEMPTS 4

struct undo {
	struct host *host;
	const struct plan *plan;
	/* What applying came to, where it is known; NULL: nothing is, the instance that did it
	 * died.
	 */
	const struct change_report *applied;
};

/* The value is one our write may have left: the new one or, of counted things, one between. */
static bool is_ours(const struct plan_step *step, const char *now, const char *ours_too)
{
	if (!strcmp(now, step->new_value) || (ours_too && !strcmp(now, ours_too)))
		return true;
	if (!(step->class->flags & STEP_COUNTED))
		return false;
	uint64_t from = change_count(step->old_value), wish = change_count(step->new_value);
	uint64_t value = change_count(now), low = from < wish ? from : wish;

	return value >= low && value <= (from < wish ? wish : from);
}

/*
 * A shrink of counted things that are in use may show the old count although the kernel has the new
 * one in mind and drops them as they are released: the old value is written even when it is shown
 * already. A class that reads the count a write means (step_class.read, huge pages) does not need
 * it; for one that cannot, nothing else would put the count back.
 */
static bool may_lie_in_wait(const struct plan_step *step)
{
	if (step->class->flags & STEP_DEFERRED)
		return strcmp(step->old_value, step->new_value) != 0;
	return step->class->flags & STEP_COUNTED &&
	       change_count(step->new_value) < change_count(step->old_value);
}

static enum change_result judge_undo(struct host *host, const struct plan_step *step,
				     struct change_step_report *report)
{
	char all[PLAN_VALUE_MAX];

	/* Accepted; what is shown is not what was accepted last. */
	bool is_deferred =
		step->class->flags & STEP_DEFERRED && !strcmp(report->kept_value, step->new_value);

	if (is_deferred || !strcmp(report->kept_value, step->old_value)) {
		(void)change_step_say(report, CHANGE_EXACT, 0, "%s", "");
		/* The count is back but some of ours are in use still. */
		if (step->class->flags & STEP_COUNTED && step->class->effective &&
		    !step->class->effective(host, step->object, all, sizeof(all)) &&
		    change_count(all) > change_count(step->old_value))
			(void)change_step_say(
				report, CHANGE_PENDING, 0,
				"%llu more still in use: they go when they are released",
				(unsigned long long)(change_count(all) -
						     change_count(step->old_value)));
	} else if (step->class->flags & STEP_COUNTED && !step->class->effective &&
		   change_count(report->kept_value) > change_count(step->old_value)) {
		(void)change_step_say(report, CHANGE_PENDING, 0,
				      "%llu more still in use: they go when they are released",
				      (unsigned long long)(change_count(report->kept_value) -
							   change_count(step->old_value)));
	} else if (step->class->flags & STEP_COUNTED &&
		   change_count(report->kept_value) > change_count(step->old_value)) {
		/* Those in use count in effective() only: the write did not do what it should. */
		(void)change_step_say(report, CHANGE_PARTIAL, 0,
				      "%.48s are left although %.48s was written back",
				      report->kept_value, step->old_value);
	} else if (step->class->flags & STEP_COUNTED) {
		(void)change_step_say(report, CHANGE_PARTIAL, 0, "only %.48s of %.48s came back",
				      report->kept_value, step->old_value);
	} else {
		(void)change_step_say(report, CHANGE_REFUSED, -EIO,
				      "%.64s shows %.48s although %.48s was written back",
				      step->object, report->kept_value, step->old_value);
	}
	return report->result;
}

/*
 * A step for later shows neither the value it was to find nor the one it was to set: somebody
 * else's value, or its turn never came (the guard died before). Steps run in order, so its turn has
 * not come when a step before it has its old value still.
 */
static bool was_reached(struct host *host, const struct plan *plan, const struct plan_step *step)
{
	char now[PLAN_VALUE_MAX];

	for (const struct plan_step *before = plan->steps; before < step; before++) {
		if (!before->is_later && !before->is_optional &&
		    !(before->class->flags & (STEP_OPTIONAL | STEP_DEFERRED)) &&
		    strcmp(before->old_value, before->new_value) != 0 &&
		    !step_read(host, before->class, before->object, now, sizeof(now)) &&
		    !strcmp(now, before->old_value))
			return false;
	}
	return true;
}

/* 0: the object is there, kept_value is what it has. 1: nothing is to be done, or can be. */
static int look(const struct undo *undo, const struct plan_step *step,
		struct change_step_report *report)
{
	int err = change_check_identity(undo->host, step, report);

	if (!err) {
		err = change_step_read(undo->host, step, report);
		if (err == -EILSEQ)
			err = 0;
		if (err)
			(void)change_step_say(report, CHANGE_REFUSED, err,
					      "%.64s cannot be read: %s", step->object,
					      strerror(-err));
	}
	if (!err)
		return 0;
	/* What made it is undone after this, or was never done. */
	if (step->is_later && errno_is_absent(-err)) {
		(void)change_step_say(report, CHANGE_NOTHING, 0, "%s", "");
		return 1;
	}
	return change_has_ended(step, err, report) || report->result == CHANGE_GONE ? 1 : err;
}

/* 1: the value is not ours to take back. */
static int judge_present(const struct undo *undo, const struct plan_step *step,
			 const char *ours_too, struct change_step_report *report)
{
	bool is_old = !strcmp(report->kept_value, step->old_value);

	if ((is_old && !may_lie_in_wait(step)) ||
	    (step->is_later && !is_ours(step, report->kept_value, ours_too) &&
	     !was_reached(undo->host, undo->plan, step))) {
		(void)change_step_say(report, CHANGE_NOTHING, 0, "%s", "");
		return 1;
	}
	if (is_old || step->class->flags & STEP_RESTORED ||
	    is_ours(step, report->kept_value, ours_too) ||
	    (step->class->is_left_over &&
	     step->class->is_left_over(undo->host, step->object, report->kept_value)))
		return 0;
	(void)change_step_say(report, CHANGE_FOREIGN, 0,
			      "%.64s has %.48s now, set by somebody else: left alone", step->object,
			      report->kept_value);
	return 1;
}

/* Whatever is shown meanwhile and afterwards is the others': ours goes. */
static bool let_go(const struct undo *undo, const struct plan_step *step,
		   struct change_step_report *report)
{
	/* It went with the guard that held it. */
	if (!host_is_holding(undo->host)) {
		(void)change_step_say(report, CHANGE_NOTHING, 0, "%s", "");
		return true;
	}
	int err = change_write(undo->host, step, "");
	(void)!change_step_read(undo->host, step, report);
	if (err)
		(void)change_step_say(report, CHANGE_REFUSED, err, "%.64s: %s", step->object,
				      step_explain(step->class, err));
	else
		(void)change_step_say(report, CHANGE_EXACT, 0, "%s", "");
	return !err;
}

/* One attempt. True: settled, whatever the result. */
static bool try_undo_step(const struct undo *undo, const struct plan_step *step,
			  const char *ours_too, struct change_step_report *report)
{
	if (step->class->flags & STEP_HELD)
		return let_go(undo, step, report);
	int err = look(undo, step, report);
	if (err)
		return err > 0;
	if (judge_present(undo, step, ours_too, report))
		return true;
	err = change_write(undo->host, step, step->old_value);
	if (err)
		change_step_refused(undo->host, step, err, report);
	int read_err = change_step_read(undo->host, step, report);
	if (!err && read_err && read_err != -EILSEQ) {
		err = read_err;
		change_step_refused(undo->host, step, err, report);
	}
	if (err)
		return change_has_ended(step, err, report);
	/* Only what came back in part is tried again: a host that takes the value and shows another
	 * one is not fought. */
	return judge_undo(undo->host, step, report) != CHANGE_PARTIAL;
}

static void undo_step(const struct undo *undo, const struct plan_step *step, const char *ours_too,
		      struct change_step_report *report)
{
	for (unsigned attempt = 0; attempt < UNDO_ATTEMPTS; attempt++) {
		if (attempt > 0)
			change_sleep((UINT64_C(5) << (2 * attempt)) * NSEC_PER_MSEC);
		if (try_undo_step(undo, step, ours_too, report))
			return;
	}
}

/* Known: neither it was written nor, of what a later step destroys, anything after it. */
static bool is_untouched(const struct undo *undo, unsigned at)
{
	const struct change_report *applied = undo->applied;
	bool is_saved = undo->plan->steps[at].class->flags & STEP_RESTORED;

	if (!applied || applied->n_steps != undo->plan->n_steps)
		return false;
	for (unsigned i = at; i < (is_saved ? applied->n_steps : at + 1); i++) {
		if (applied->steps[i].is_written)
			return false;
	}
	return true;
}

/* What a failed step left is ours whatever it is: it was read right after our write. */
static const char *left_by_failure(const struct undo *undo, unsigned at)
{
	const struct change_step_report *step =
		undo->applied && at < undo->applied->n_steps ? &undo->applied->steps[at] : NULL;

	return step && step->is_written && step->error && step->kept_value[0] ? step->kept_value
									      : NULL;
}

/* Steps [0, n) in reverse order. True: all are as before. */
static bool undo_steps(const struct undo *undo, unsigned n, change_progress_fn *progress, void *arg,
		       struct change_report *report)
{
	char path[STEP_PATH_MAX];
	bool is_clean = true;

	for (unsigned i = n; i-- > 0;) {
		const struct plan_step *step = &undo->plan->steps[i];
		struct change_step_report *mine = &report->steps[i];

		change_step_path(step, path, sizeof(path));
		if (progress)
			(void)progress(arg, i, path);
		mine->is_written = !undo->applied || i >= undo->applied->n_steps ||
				   undo->applied->steps[i].is_written;
		if (is_untouched(undo, i))
			(void)change_step_say(mine, CHANGE_NOTHING, 0, "%s", "");
		else
			undo_step(undo, step, left_by_failure(undo, i), mine);
		if (mine->result != CHANGE_EXACT && mine->result != CHANGE_NOTHING)
			is_clean = false;
		if (progress)
			(void)progress(arg, i, mine->why);
	}
	return is_clean;
}

int change_undo(struct host *host, const struct plan *plan, change_progress_fn *progress, void *arg,
		struct change_report *ret)
{
	return change_undo_applied(host, plan, NULL, progress, arg, ret);
}

int change_undo_applied(struct host *host, const struct plan *plan,
			const struct change_report *applied, change_progress_fn *progress,
			void *arg, struct change_report *ret)
{
	const struct undo undo = {.host = host, .plan = plan, .applied = applied};

	change_report_begin(ret, plan->n_steps);
	return undo_steps(&undo, plan->n_steps, progress, arg, ret) ? 0 : 1;
}

void change_roll_back(struct host *host, const struct plan *plan, unsigned failed,
		      struct change_report *report)
{
	struct change_report undone = {0};
	const struct undo undo = {.host = host, .plan = plan, .applied = report};

	change_report_begin(&undone, plan->n_steps);
	(void)undo_steps(&undo, failed + 1, NULL, NULL, &undone);
	for (unsigned i = 0; i <= failed; i++) {
		struct change_step_report *step = &report->steps[i];
		const struct change_step_report *back = &undone.steps[i];

		/* What the failed step left stays known as ours, should it be looked at again. */
		if (back->kept_value[0] && back->result != CHANGE_FOREIGN)
			change_step_report_keep(step, back->kept_value);
		if (i == failed)
			break;
		if (back->result == CHANGE_EXACT || back->result == CHANGE_NOTHING)
			(void)change_step_say(step, CHANGE_NOT_RUN, 0, "taken back");
		else
			(void)change_step_say(step, back->result, back->error, "%s", back->why);
	}
	change_report_done(&undone);
}
