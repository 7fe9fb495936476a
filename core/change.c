#include "core/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/change_internal.h"
#include "core/plan_internal.h"

#define LAG_NS NSEC_PER_SEC
#define LAG_POLL_NS (20 * NSEC_PER_MSEC)

/* --- preflight --- */

/* 0: the object still has the old value. kept_value holds what it has. */
static int check_old_value(struct host *host, const struct plan_step *step,
			   struct change_step_report *report)
{
	int err = change_step_read(host, step, report);

	if (err)
		return change_step_say(report, CHANGE_REFUSED, err, "%.64s: %s", step->object,
				       err == -EILSEQ ? "cannot be put back exactly as it is"
						      : strerror(-err));
	if (strcmp(report->kept_value, step->old_value) != 0)
		return change_step_say(report, CHANGE_REFUSED, -ESTALE,
				       step->is_later
					       ? "%.64s has %.48s at its turn, not %.48s: somebody "
						 "else changes it too: look again"
					       : "%.64s was changed by somebody else since the "
						 "preview: %.48s, not %.48s: look again",
				       step->object, report->kept_value, step->old_value);
	return 0;
}

static int check_wish(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	if (!step->class->check)
		return 0;
	int err = step->class->check(host, step->object, step->new_value, report->why,
				     sizeof(report->why));
	if (err) {
		report->result = CHANGE_REFUSED;
		report->error = err;
		return err;
	}
	report->why[0] = '\0'; /* a warning: it was shown with the preview */
	return 0;
}

static int check_step(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	if (step->is_later)
		return 0;
	int err = change_check_identity(host, step, report);

	if (err && change_has_ended(step, err, report))
		return 0;
	if (!err)
		err = check_old_value(host, step, report);
	if (err && change_has_ended(step, err, report))
		return 0;
	if (err) {
		report->result = CHANGE_REFUSED;
		return err;
	}
	return check_wish(host, step, report);
}

int change_check(struct host *host, const struct plan *plan, struct change_report *ret)
{
	int first = 0;

	change_report_begin(ret, plan->n_steps);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		int err = check_step(host, &plan->steps[i], &ret->steps[i]);

		if (err && !first && !plan->steps[i].is_optional)
			first = err;
	}
	return first;
}

/* --- applying --- */

/* Counted things: what the host shows is neither wished nor an error. */
static int judge_count(const struct plan_step *step, struct change_step_report *report)
{
	uint64_t from = change_count(step->old_value), wish = change_count(step->new_value);
	uint64_t now = change_count(report->kept_value);

	if (wish < from && now > wish && now <= from) {
		(void)change_step_say(report, CHANGE_PENDING, 0,
				      "%llu still in use: they go when they are released",
				      (unsigned long long)(now - wish));
		return 0;
	}
	if (wish > from && now > from && now < wish) {
		(void)change_step_say(report, CHANGE_PARTIAL, 0, "%llu of %llu could be had",
				      (unsigned long long)(now - from),
				      (unsigned long long)(wish - from));
		return 0;
	}
	if (wish > from && now == from)
		return change_step_say(
			report, CHANGE_REFUSED, -ENOMEM,
			"not one could be had: memory is full or fragmented: free some "
			"or ask for less");
	return change_step_say(report, CHANGE_REFUSED, -EIO, "the host shows %.48s after the write",
			       report->kept_value);
}

static int judge(const struct plan_step *step, struct change_step_report *report)
{
	char path[STEP_PATH_MAX];

	if (!strcmp(report->kept_value, step->new_value)) {
		report->result = CHANGE_EXACT;
		return 0;
	}
	if (step->class->flags & STEP_COUNTED)
		return judge_count(step, report);
	if (step->class->flags & STEP_DEFERRED && !strcmp(report->kept_value, step->old_value)) {
		(void)change_step_say(report, CHANGE_PENDING, 0,
				      "%.64s: accepted, shows when it is looked at next",
				      step->object);
		return 0;
	}
	change_step_path(step, path, sizeof(path));

	const char *meaning =
		step->class->explain_value ? step->class->explain_value(report->kept_value) : NULL;

	if (meaning)
		return change_step_say(report, CHANGE_REFUSED, -EIO, "%.64s shows \"%.64s\": %s",
				       path, report->kept_value, meaning);
	return change_step_say(report, CHANGE_REFUSED, -EIO,
			       "%.96s took the write but shows %.48s, not %.48s", path,
			       report->kept_value, step->new_value);
}

static int write_step(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	char path[STEP_PATH_MAX];

	change_step_path(step, path, sizeof(path));
	report->is_written = true;
	int write_err = change_write(host, step, step->new_value);
	if (write_err)
		change_step_refused(host, step, write_err, report);
	/* Read back even what was refused: some interfaces do part of it first. */
	int err = change_step_read(host, step, report);
	if (write_err)
		return write_err;
	if (err && err != -EILSEQ)
		return change_step_say(report, CHANGE_REFUSED, err,
				       "%.96s cannot be read back after the write: %s", path,
				       strerror(-err));
	return judge(step, report);
}

/* Nothing came of it, and nothing else depends on it: the change goes on, the report keeps why. */
static bool may_be_left_out(const struct plan_step *step, const struct change_step_report *report)
{
	return (step->is_optional || step->class->flags & STEP_OPTIONAL) &&
	       !strcmp(report->kept_value, step->old_value);
}

static int apply_step(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	int err = change_check_identity(host, step, report);

	if (!err)
		err = check_old_value(host, step, report);
	if (!err && step->is_later)
		err = check_wish(host, step, report);
	if (err && step->is_optional)
		return 0; /* nothing was written */
	if (!err && strcmp(step->old_value, step->new_value) != 0) {
		err = write_step(host, step, report);
		if (err && may_be_left_out(step, report))
			return 0;
	} else if (!err) {
		report->result = CHANGE_EXACT;
	}
	/* By its number another thread could have been meant since: then it is that one's. */
	if (!err && step->class->flags & STEP_MAY_END)
		err = change_check_identity(host, step, report);
	return err && change_has_ended(step, err, report) ? 0 : err;
}

/* A set of CPUs in the class's form. */
static int parse_set(const struct step_class *class, const char *text, struct cpuset *ret)
{
	return class->compare == STEP_CPUMASK ? cpuset_parse_mask(text, ret)
					      : cpuset_parse_list(text, ret);
}

static bool has_arrived(struct host *host, const struct plan_step *step)
{
	char now[PLAN_VALUE_MAX];
	struct cpuset effective, wish;

	/* No such file, or unreadable: nothing to wait for. */
	if (step->class->effective(host, step->object, now, sizeof(now)))
		return true;
	if (step->class->compare != STEP_CPULIST && step->class->compare != STEP_CPUMASK)
		return step_values_equal(step->class, now, step->new_value) == 1;
	if (parse_set(step->class, now, &effective) ||
	    parse_set(step->class, step->new_value, &wish))
		return true;
	return cpuset_is_subset(&effective, &wish) && !cpuset_is_empty(&effective);
}

/* Waits for lagging steps, all of them together, at most LAG_NS. */
static void settle(struct host *host, const struct plan *plan, struct change_report *report)
{
	for (uint64_t waited = 0;; waited += LAG_POLL_NS) {
		unsigned n_waiting = 0;

		for (unsigned i = 0; i < plan->n_steps; i++) {
			const struct plan_step *step = &plan->steps[i];
			struct change_step_report *mine = &report->steps[i];

			if (!(step->class->flags & STEP_LAGGING) || !step->class->effective ||
			    (mine->result != CHANGE_EXACT && mine->result != CHANGE_PENDING))
				continue;
			if (has_arrived(host, step)) {
				(void)change_step_say(mine, CHANGE_EXACT, 0, "%s", "");
				continue;
			}
			(void)change_step_say(
				mine, CHANGE_PENDING, 0,
				step->class->flags & STEP_COUNTED
					? "%.64s: accepted: some are still in use and go "
					  "when they are released"
					: "accepted: takes effect when %.64s is used next",
				step->object);
			n_waiting++;
		}
		if (n_waiting == 0 || waited >= LAG_NS)
			return;
		change_sleep(LAG_POLL_NS);
	}
}

int change_apply(struct host *host, const struct plan *plan, change_progress_fn *progress,
		 void *arg, struct change_report *ret)
{
	char path[STEP_PATH_MAX];

	change_report_begin(ret, plan->n_steps);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		struct change_step_report *mine = &ret->steps[i];
		int err = 0;

		change_step_path(&plan->steps[i], path, sizeof(path));
		if (progress && progress(arg, i, path))
			err = change_step_say(mine, CHANGE_REFUSED, -ECANCELED, "cancelled");
		if (!err)
			err = apply_step(host, &plan->steps[i], mine);
		if (!err && progress && progress(arg, i, mine->why))
			err = change_step_say(mine, CHANGE_REFUSED, -ECANCELED, "cancelled");
		if (err) {
			change_roll_back(host, plan, i, ret);
			return err;
		}
	}
	settle(host, plan, ret);
	return 0;
}
