/*
 * What core/change.c (checking and applying), core/change_undo.c (taking back) and
 * core/change_step.c (one step, its report) share.
 */
#ifndef JT_CORE_CHANGE_INTERNAL_H
#define JT_CORE_CHANGE_INTERNAL_H

#include "core/change.h"

/* Fills the report; returns err. */
int change_step_say(struct change_step_report *report, enum change_result result, int err,
		    const char *fmt, ...) _printf_(4, 5);
/* The path, or the object's name where it has none. */
void change_step_path(const struct plan_step *step, char *buf, size_t size);
/* 0: the object is there and is the one the plan was made for. */
int change_check_identity(struct host *host, const struct plan_step *step,
			  struct change_step_report *report) _must_check_;
/* step_read() into kept_value, which stays as it is when reading fails. */
int change_step_read(struct host *host, const struct plan_step *step,
		     struct change_step_report *report) _must_check_;
/* The one write of a step. */
int change_write(struct host *host, const struct plan_step *step, const char *value) _must_check_;
/* A write that was refused with err, in words: the class's, and the kernel's own. */
void change_step_refused(const struct host *host, const struct plan_step *step, int err,
			 struct change_step_report *report);
/* True: err says that the object ended by itself, which it may. The report says so. */
bool change_has_ended(const struct plan_step *step, int err, struct change_step_report *report);
uint64_t change_count(const char *text); /* of a counted thing */
void change_sleep(uint64_t ns);

/* Takes back the steps [0, failed] of an apply; report keeps what was said about the failed one. */
void change_roll_back(struct host *host, const struct plan *plan, unsigned failed,
		      struct change_report *report);

#endif
