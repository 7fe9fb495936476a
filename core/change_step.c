/* One step: its report, its identity, its write. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/change_internal.h"
#include "core/host_write.h"
#include "core/parse.h"
#include "core/plan_internal.h"
#include "core/text.h"

static const char unknown[] = "";

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

/* --- reports --- */

void change_step_report_keep(struct change_step_report *step, const char *value)
{
	char *copy = value[0] ? xstrdup(value) : NULL;

	if (step->kept_value != unknown)
		free((void *)(uintptr_t)step->kept_value);
	step->kept_value = copy ? copy : unknown;
}

void change_report_done(struct change_report *report)
{
	for (unsigned i = 0; i < report->n_steps; i++)
		change_step_report_keep(&report->steps[i], "");
	free(report->steps);
	*report = (struct change_report){0};
}

void change_report_freep(struct change_report **report)
{
	if (*report)
		change_report_done(*report);
	free(*report);
}

void change_report_begin(struct change_report *report, unsigned n_steps)
{
	change_report_done(report);
	if (n_steps == 0)
		return;
	report->n_steps = n_steps;
	report->steps = xcalloc(n_steps, sizeof(*report->steps));
	for (unsigned i = 0; i < n_steps; i++)
		report->steps[i] = (struct change_step_report){.result = CHANGE_NOT_RUN,
							       .kept_value = unknown};
}

void change_report_copy(struct change_report *report, const struct change_report *from)
{
	struct change_report copy = {0};

	change_report_begin(&copy, from->n_steps);
	for (unsigned i = 0; i < from->n_steps; i++) {
		const struct change_step_report *step = &from->steps[i];

		copy.steps[i].result = step->result;
		copy.steps[i].error = step->error;
		copy.steps[i].is_written = step->is_written;
		memcpy(copy.steps[i].why, step->why, sizeof(step->why));
		change_step_report_keep(&copy.steps[i], step->kept_value);
	}
	change_report_done(report);
	*report = copy;
}

int change_step_say(struct change_step_report *report, enum change_result result, int err,
		    const char *fmt, ...)
{
	va_list ap;

	report->result = result;
	report->error = err;
	va_start(ap, fmt);
	(void)vsnprintf(report->why, sizeof(report->why), fmt, ap);
	va_end(ap);
	return err;
}

/* --- one step --- */

void change_sleep(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	(void)nanosleep(&ts, NULL);
}

uint64_t change_count(const char *text)
{
	uint64_t value = 0;

	(void)!parse_u64(text, &value);
	return value;
}

void change_step_path(const struct plan_step *step, char *buf, size_t size)
{
	if (plan_step_path(step, buf, size))
		(void)snprintf(buf, size, "%s", step->object);
}

int change_step_read(struct host *host, const struct plan_step *step,
		     struct change_step_report *report)
{
	char now[PLAN_VALUE_MAX];
	int err = step_read(host, step->class, step->object, now, sizeof(now));

	if (!err || err == -EILSEQ)
		change_step_report_keep(report, now);
	return err;
}

int change_check_identity(struct host *host, const struct plan_step *step,
			  struct change_step_report *report)
{
	char now[PLAN_OBJECT_MAX];
	int err = step->class->identity(host, step->object, now, sizeof(now));

	if (err)
		return change_step_say(report, errno_is_absent(-err) ? CHANGE_GONE : CHANGE_REFUSED,
				       err, "%.64s: %s", step->object,
				       errno_is_absent(-err) ? "has gone" : strerror(-err));
	if (!step->is_later && strcmp(now, step->identity) != 0)
		return change_step_say(report, CHANGE_GONE, -ESTALE,
				       "%.64s is another object now: %.64s, not %.64s",
				       step->object, now, step->identity);
	return 0;
}

int change_write(struct host *host, const struct plan_step *step, const char *value)
{
	char path[STEP_PATH_MAX];

	if (step->class->write)
		return step->class->write(host, step->object, value);
	int err = step->class->path(step->object, path, sizeof(path));
	return err ? err : host_write(host, path, value);
}

void change_step_refused(const struct host *host, const struct plan_step *step, int err,
			 struct change_step_report *report)
{
	char path[STEP_PATH_MAX], clean[128] = "";
	const char *said = step->class->said ? step->class->said(host) : "";

	change_step_path(step, path, sizeof(path));
	(void)text_sanitise(said, strlen(said), clean, sizeof(clean));
	(void)change_step_say(report, CHANGE_REFUSED, err, "%.96s: %s%s%s%s", path,
			      step_explain(step->class, err), clean[0] ? " (" : "", clean,
			      clean[0] ? ")" : "");
}

bool change_has_ended(const struct plan_step *step, int err, struct change_step_report *report)
{
	bool may_end = step->class->flags & STEP_MAY_END;
	bool is_gone = errno_is_absent(-err);
	/* -ESTALE alone would also be a value that somebody else changed: that is no end. */
	bool is_another = err == -ESTALE && report->result == CHANGE_GONE;

	if (!(may_end && (is_another || is_gone)) &&
	    !(step->class->flags & STEP_OPTIONAL && is_gone))
		return false;
	(void)change_step_say(report, CHANGE_NOTHING, 0, "%.64s has ended", step->object);
	return true;
}
