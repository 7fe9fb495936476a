#include "core/change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/plan_internal.h"

#define LAG_NS NSEC_PER_SEC
#define LAG_POLL_NS (20 * NSEC_PER_MSEC)
#define UNDO_ATTEMPTS 4

static void sleep_ns(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	(void)nanosleep(&ts, NULL);
}

const char *change_result_name(enum change_result result)
{
	switch (result) {
	case CHANGE_EXACT:
		return "exact";
	case CHANGE_PARTIAL:
		return "partial";
	case CHANGE_PENDING:
		return "pending";
	case CHANGE_REFUSED:
		return "refused";
	case CHANGE_FOREIGN:
		return "foreign";
	case CHANGE_GONE:
		return "gone";
	case CHANGE_NOTHING:
		return "nothing";
	case CHANGE_NOT_RUN:
		return "not_run";
	}
	return "?";
}

static void report_init(struct change_report *report, const struct plan *plan)
{
	memset(report, 0, sizeof(*report));
	report->n_steps = plan->n_steps;
	for (unsigned i = 0; i < plan->n_steps; i++)
		report->steps[i].result = CHANGE_NOT_RUN;
}

static _printf_(4, 5) int report_step(struct change_step_report *report, enum change_result result,
				      int err, const char *fmt, ...)
{
	va_list ap;

	report->result = result;
	report->error = err;
	va_start(ap, fmt);
	(void)vsnprintf(report->why, sizeof(report->why), fmt, ap);
	va_end(ap);
	return err;
}

static void path_of(const struct plan_step *step, char *buf, size_t size)
{
	if (plan_step_path(step, buf, size))
		(void)snprintf(buf, size, "%s", step->object);
}

/* --- preflight --- */

/* 0: the object is there and is the one the plan was made for. */
static int check_identity(struct host *host, const struct plan_step *step,
			  struct change_step_report *report)
{
	char now[PLAN_OBJECT_MAX];
	int err = step->class->identity(host, step->object, now, sizeof(now));

	if (err)
		return report_step(report, errno_is_absent(-err) ? CHANGE_GONE : CHANGE_REFUSED,
				   err, "%.64s: %s", step->object,
				   errno_is_absent(-err) ? "has gone" : strerror(-err));
	if (!step->is_later && strcmp(now, step->identity) != 0)
		return report_step(report, CHANGE_GONE, -ESTALE,
				   "%.64s is another object now: %.64s, not %.64s", step->object,
				   now, step->identity);
	return 0;
}

/* The one write of a step. */
static int write_value(struct host *host, const struct plan_step *step, const char *value)
{
	char path[512];

	if (step->class->write)
		return step->class->write(host, step->object, value);
	int err = step->class->path(step->object, path, sizeof(path));
	return err ? err : host_write(host, path, value);
}

/* 0: the object still has the old value. kept_value holds what it has. */
static int check_old_value(struct host *host, const struct plan_step *step,
			   struct change_step_report *report)
{
	int err = step_read(host, step->class, step->object, report->kept_value,
			    sizeof(report->kept_value));

	if (err)
		return report_step(report, CHANGE_REFUSED, err, "%.64s: %s", step->object,
				   err == -EILSEQ ? "cannot be put back exactly as it is"
						  : strerror(-err));
	if (strcmp(report->kept_value, step->old_value) != 0)
		return report_step(report, CHANGE_REFUSED, -ESTALE,
				   step->is_later
					   ? "%.64s has %.48s at its turn, not %.48s: somebody "
					     "else changes it too: look again"
					   : "%.64s was changed by somebody else since the "
					     "preview: %.48s, not %.48s: look again",
				   step->object, report->kept_value, step->old_value);
	return 0;
}

/* True: err says that the object ended by itself, which it may. The report says so. */
static bool has_ended(const struct plan_step *step, int err, struct change_step_report *report)
{
	if (!(step->class->flags & STEP_MAY_END) || (err != -ESTALE && !errno_is_absent(-err)))
		return false;
	(void)report_step(report, CHANGE_NOTHING, 0, "%.64s has ended", step->object);
	return true;
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
	int err = check_identity(host, step, report);

	if (err && has_ended(step, err, report))
		return 0;
	if (!err)
		err = check_old_value(host, step, report);
	if (err && has_ended(step, err, report))
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

	report_init(ret, plan);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		int err = check_step(host, &plan->steps[i], &ret->steps[i]);

		if (err && !first)
			first = err;
	}
	return first;
}

/* --- applying --- */

static uint64_t counted(const char *text)
{
	uint64_t value = 0;

	(void)!parse_u64(text, &value);
	return value;
}

/* Counted things: what the host shows is neither wished nor an error. */
static int judge_count(const struct plan_step *step, struct change_step_report *report)
{
	uint64_t from = counted(step->old_value), wish = counted(step->new_value);
	uint64_t now = counted(report->kept_value);

	if (wish < from && now > wish && now <= from) {
		(void)report_step(report, CHANGE_PENDING, 0,
				  "%llu still in use: they go when they are released",
				  (unsigned long long)(now - wish));
		return 0;
	}
	if (wish > from && now > from && now < wish) {
		(void)report_step(report, CHANGE_PARTIAL, 0, "%llu of %llu could be had",
				  (unsigned long long)(now - from),
				  (unsigned long long)(wish - from));
		return 0;
	}
	if (wish > from && now == from)
		return report_step(report, CHANGE_REFUSED, -ENOMEM,
				   "not one could be had: memory is full or fragmented: free some "
				   "or ask for less");
	return report_step(report, CHANGE_REFUSED, -EIO, "the host shows %.48s after the write",
			   report->kept_value);
}

static int judge(const struct plan_step *step, struct change_step_report *report)
{
	char path[512];

	if (!strcmp(report->kept_value, step->new_value)) {
		report->result = CHANGE_EXACT;
		return 0;
	}
	if (step->class->flags & STEP_COUNTED)
		return judge_count(step, report);
	path_of(step, path, sizeof(path));
	return report_step(report, CHANGE_REFUSED, -EIO,
			   "%.96s took the write but shows %.48s, not %.48s", path,
			   report->kept_value, step->new_value);
}

static int write_step(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	char path[512];

	path_of(step, path, sizeof(path));
	int write_err = write_value(host, step, step->new_value);
	/* Read back even what was refused: some interfaces do part of it first. */
	int err = step_read(host, step->class, step->object, report->kept_value,
			    sizeof(report->kept_value));
	if (write_err)
		return report_step(report, CHANGE_REFUSED, write_err, "%.96s: %s", path,
				   step_explain(step->class, write_err));
	if (err && err != -EILSEQ)
		return report_step(report, CHANGE_REFUSED, err,
				   "%.96s cannot be read back after the write: %s", path,
				   strerror(-err));
	return judge(step, report);
}

static int apply_step(struct host *host, const struct plan_step *step,
		      struct change_step_report *report)
{
	int err = check_identity(host, step, report);

	if (!err)
		err = check_old_value(host, step, report);
	if (!err && step->is_later)
		err = check_wish(host, step, report);
	if (!err && strcmp(step->old_value, step->new_value) != 0)
		err = write_step(host, step, report);
	else if (!err)
		report->result = CHANGE_EXACT;
	/* By its number another thread could have been meant since: then it is that one's. */
	if (!err && step->class->flags & STEP_MAY_END)
		err = check_identity(host, step, report);
	return err && has_ended(step, err, report) ? 0 : err;
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
				(void)report_step(mine, CHANGE_EXACT, 0, "%s", "");
				continue;
			}
			(void)report_step(
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
		sleep_ns(LAG_POLL_NS);
	}
}

struct undo {
	struct host *host;
	const struct plan *plan;
	/* What the last of n steps may show as well: read right after our write. NULL: nothing. */
	const char *ours_too;
};

static bool undo_steps(const struct undo *undo, unsigned n, change_progress_fn *progress, void *arg,
		       struct change_report *report);

/* The steps [0, failed] back; the report keeps what was said about the failed one. */
static void roll_back(struct host *host, const struct plan *plan, unsigned failed,
		      struct change_report *report)
{
	struct change_report undone;
	struct change_step_report *mine = &report->steps[failed];
	/* What this step left is ours whatever it is: it was read right after our write. */
	const char *ours_too = mine->kept_value[0] ? mine->kept_value : NULL;

	if (mine->error == -ESTALE || mine->result == CHANGE_GONE)
		ours_too = NULL;
	report_init(&undone, plan);
	const struct undo undo = {.host = host, .plan = plan, .ours_too = ours_too};
	(void)undo_steps(&undo, failed + 1, NULL, NULL, &undone);
	for (unsigned i = 0; i <= failed; i++) {
		struct change_step_report *step = &report->steps[i];

		if (undone.steps[i].kept_value[0])
			memcpy(step->kept_value, undone.steps[i].kept_value,
			       sizeof(step->kept_value));
		if (i < failed) {
			step->result = CHANGE_NOT_RUN;
			(void)snprintf(step->why, sizeof(step->why), "taken back");
		}
		if (undone.steps[i].result != CHANGE_EXACT &&
		    undone.steps[i].result != CHANGE_NOTHING && i < failed)
			*step = undone.steps[i];
	}
}

int change_apply(struct host *host, const struct plan *plan, change_progress_fn *progress,
		 void *arg, struct change_report *ret)
{
	char path[512];

	report_init(ret, plan);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		struct change_step_report *mine = &ret->steps[i];
		int err = 0;

		path_of(&plan->steps[i], path, sizeof(path));
		if (progress && progress(arg, i, path))
			err = report_step(mine, CHANGE_REFUSED, -ECANCELED, "cancelled");
		if (!err)
			err = apply_step(host, &plan->steps[i], mine);
		if (!err && progress && progress(arg, i, mine->why))
			err = report_step(mine, CHANGE_REFUSED, -ECANCELED, "cancelled");
		if (err) {
			roll_back(host, plan, i, ret);
			return err;
		}
	}
	settle(host, plan, ret);
	return 0;
}

/* --- undoing --- */

/* The value is one our write may have left: the new one or, of counted things, one between. */
static bool is_ours(const struct plan_step *step, const char *now, const char *ours_too)
{
	if (!strcmp(now, step->new_value) || (ours_too && !strcmp(now, ours_too)))
		return true;
	if (!(step->class->flags & STEP_COUNTED))
		return false;
	uint64_t from = counted(step->old_value), wish = counted(step->new_value);
	uint64_t value = counted(now), low = from < wish ? from : wish;

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
	return step->class->flags & STEP_COUNTED &&
	       counted(step->new_value) < counted(step->old_value);
}

static enum change_result judge_undo(struct host *host, const struct plan_step *step,
				     struct change_step_report *report)
{
	char all[PLAN_VALUE_MAX];

	if (!strcmp(report->kept_value, step->old_value)) {
		(void)report_step(report, CHANGE_EXACT, 0, "%s", "");
		/* The count is back but some of ours are in use still. */
		if (step->class->flags & STEP_COUNTED && step->class->effective &&
		    !step->class->effective(host, step->object, all, sizeof(all)) &&
		    counted(all) > counted(step->old_value))
			(void)report_step(
				report, CHANGE_PENDING, 0,
				"%llu more still in use: they go when they are released",
				(unsigned long long)(counted(all) - counted(step->old_value)));
	} else if (step->class->flags & STEP_COUNTED &&
		   counted(report->kept_value) > counted(step->old_value)) {
		(void)report_step(report, CHANGE_PENDING, 0,
				  "%llu more still in use: they go when they are released",
				  (unsigned long long)(counted(report->kept_value) -
						       counted(step->old_value)));
	} else if (step->class->flags & STEP_COUNTED) {
		(void)report_step(report, CHANGE_PARTIAL, 0, "only %.48s of %.48s came back",
				  report->kept_value, step->old_value);
	} else {
		(void)report_step(report, CHANGE_REFUSED, -EIO,
				  "%.64s shows %.48s although %.48s was written back", step->object,
				  report->kept_value, step->old_value);
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
		if (!before->is_later && strcmp(before->old_value, before->new_value) != 0 &&
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
	int err = check_identity(undo->host, step, report);

	if (!err) {
		err = step_read(undo->host, step->class, step->object, report->kept_value,
				sizeof(report->kept_value));
		if (err == -EILSEQ)
			err = 0;
		if (err)
			(void)report_step(report, CHANGE_REFUSED, err, "%.64s cannot be read: %s",
					  step->object, strerror(-err));
	}
	if (!err)
		return 0;
	/* What made it is undone after this, or was never done. */
	if (step->is_later && errno_is_absent(-err)) {
		(void)report_step(report, CHANGE_NOTHING, 0, "%s", "");
		return 1;
	}
	return has_ended(step, err, report) || report->result == CHANGE_GONE ? 1 : err;
}

/* 1: the value is not ours to take back. */
static int judge_present(const struct undo *undo, const struct plan_step *step,
			 const char *ours_too, struct change_step_report *report)
{
	if ((!strcmp(report->kept_value, step->old_value) && !may_lie_in_wait(step)) ||
	    (step->is_later && !is_ours(step, report->kept_value, ours_too) &&
	     !was_reached(undo->host, undo->plan, step))) {
		(void)report_step(report, CHANGE_NOTHING, 0, "%s", "");
		return 1;
	}
	if (step->class->flags & STEP_RESTORED || is_ours(step, report->kept_value, ours_too))
		return 0;
	(void)report_step(report, CHANGE_FOREIGN, 0,
			  "%.64s has %.48s now, set by somebody else: left alone", step->object,
			  report->kept_value);
	return 1;
}

/* One attempt. True: settled, whatever the result. */
static bool try_undo_step(const struct undo *undo, const struct plan_step *step,
			  const char *ours_too, struct change_step_report *report)
{
	char path[512];
	int err = look(undo, step, report);

	if (err)
		return err > 0;
	if (judge_present(undo, step, ours_too, report))
		return true;
	path_of(step, path, sizeof(path));
	err = write_value(undo->host, step, step->old_value);
	int read_err = step_read(undo->host, step->class, step->object, report->kept_value,
				 sizeof(report->kept_value));
	err = err ? err : read_err == -EILSEQ ? 0 : read_err;
	if (err && has_ended(step, err, report))
		return true;
	if (err) {
		(void)report_step(report, CHANGE_REFUSED, err, "%.96s: %s", path,
				  step_explain(step->class, err));
		return false;
	}
	/* Only what came back in part is tried again: a host that takes the value and shows another
	 * one is not fought. */
	return judge_undo(undo->host, step, report) != CHANGE_PARTIAL;
}

static void undo_step(const struct undo *undo, const struct plan_step *step, const char *ours_too,
		      struct change_step_report *report)
{
	for (unsigned attempt = 0; attempt < UNDO_ATTEMPTS; attempt++) {
		if (attempt > 0)
			sleep_ns((UINT64_C(5) << (2 * attempt)) * NSEC_PER_MSEC);
		if (try_undo_step(undo, step, ours_too, report))
			return;
	}
}

/* Steps [0, n) in reverse order. True: all are as before. */
static bool undo_steps(const struct undo *undo, unsigned n, change_progress_fn *progress, void *arg,
		       struct change_report *report)
{
	char path[512];
	bool is_clean = true;

	for (unsigned i = n; i-- > 0;) {
		const struct plan_step *step = &undo->plan->steps[i];
		struct change_step_report *mine = &report->steps[i];

		path_of(step, path, sizeof(path));
		if (progress)
			(void)progress(arg, i, path);
		undo_step(undo, step, i == n - 1 ? undo->ours_too : NULL, mine);
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
	const struct undo undo = {.host = host, .plan = plan};

	report_init(ret, plan);
	return undo_steps(&undo, plan->n_steps, progress, arg, ret) ? 0 : 1;
}
