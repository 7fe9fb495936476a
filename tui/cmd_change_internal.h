/*
 * What set, undo, keep, restore, status and knobs share: printing transactions as text and JSON.
 */
#ifndef JT_TUI_CMD_CHANGE_INTERNAL_H
#define JT_TUI_CMD_CHANGE_INTERNAL_H

#include "tui/cmd.h"

struct json_object;

/* The steps as JSON; report may be NULL (nothing was tried). */
struct json_object *change_steps_json(const struct plan *plan, const struct change_report *report);
/* The steps as text, one a line: file, old, new and what came of it. */
void change_print_steps(const struct plan *plan, const struct change_report *report);
/* Prints the object and a newline, frees it, flushes. An exit status. */
int change_print_json(struct json_object *take_object);
/* EXIT_DONE, EXIT_PARTIAL when something counted came in part, by what apply said. */
int change_apply_status(const struct guard_event *event);
/* "95 s" */
void change_format_seconds(uint64_t ns, char *buf, size_t size);

/* Outcomes of undo, keep and restore, as they come. */
struct outcomes {
	bool is_json;
	struct json_object *list; /* made with the first */
	unsigned n;
};
void outcomes_add(void *outcomes, const struct guard_event *event); /* a guard_outcome_fn */
/* The one object of JSON; nothing as text. An exit status. */
int outcomes_finish(struct outcomes *outcomes);

#endif
