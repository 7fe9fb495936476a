#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "tui/cmd_change_internal.h"

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

/* "error" says why a step failed; what is worth knowing of one that did not (pending, partial) is
 * its "note". */
static void add_outcome(struct json_object *object, const struct change_step_report *report)
{
	bool is_known = report && report->kept_value[0];
	bool is_said = report && report->why[0];
	bool is_failed =
		report && (report->result == CHANGE_REFUSED || report->result == CHANGE_FOREIGN ||
			   report->result == CHANGE_GONE || report->result == CHANGE_NOT_RUN);

	json_object_object_add(object, "kept",
			       is_known ? json_object_new_string(report->kept_value) : NULL);
	json_object_object_add(object, "result",
			       report ? json_object_new_string(change_result_name(report->result))
				      : NULL);
	json_object_object_add(object, "error",
			       is_said && is_failed ? json_object_new_string(report->why) : NULL);
	json_object_object_add(object, "note",
			       is_said && !is_failed ? json_object_new_string(report->why) : NULL);
}

struct json_object *change_steps_json(const struct plan *plan, const struct change_report *report)
{
	struct json_object *steps = json_object_new_array();

	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		struct json_object *object = json_object_new_object();
		char path[512];

		add_text(object, "class", step->class->name);
		add_text(object, "object", step->object);
		if (!plan_step_path(step, path, sizeof(path)))
			add_text(object, "path", path);
		add_text(object, "old", step->old_value);
		add_text(object, "new", step->new_value);
		add_outcome(object, report && i < report->n_steps ? &report->steps[i] : NULL);
		json_object_array_add(steps, object);
	}
	return steps;
}

void change_print_steps(const struct plan *plan, const struct change_report *report)
{
	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		const struct change_step_report *mine =
			report && i < report->n_steps ? &report->steps[i] : NULL;
		char path[512];

		if (plan_step_path(step, path, sizeof(path)))
			(void)snprintf(path, sizeof(path), "%s", step->object);
		printf("  %s: %s -> %s", path, step->old_value, step->new_value);
		if (mine && mine->kept_value[0] && strcmp(mine->kept_value, step->new_value) != 0)
			printf(", shows %s", mine->kept_value);
		if (mine && mine->result != CHANGE_EXACT && mine->result != CHANGE_NOTHING)
			printf(" (%s%s%s)", change_result_name(mine->result),
			       mine->why[0] ? ": " : "", mine->why);
		printf("\n");
	}
}

int change_print_json(struct json_object *take_object)
{
	printf("%s\n",
	       json_object_to_json_string_ext(take_object, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(take_object);
	return cmd_flush();
}

int change_apply_status(const struct guard_event *event)
{
	for (unsigned i = 0; i < event->report.n_steps; i++) {
		enum change_result result = event->report.steps[i].result;
		bool is_counted = event->plan.steps[i].class->flags & STEP_COUNTED;

		if (result == CHANGE_PARTIAL || (result == CHANGE_PENDING && is_counted))
			return EXIT_PARTIAL;
	}
	return EXIT_DONE;
}

void change_format_seconds(uint64_t ns, char *buf, size_t size)
{
	uint64_t ms = ns / NSEC_PER_MSEC;

	if (ms < 10000)
		(void)snprintf(buf, size, "%llu.%llu s", (unsigned long long)(ms / 1000),
			       (unsigned long long)(ms % 1000 / 100));
	else
		(void)snprintf(buf, size, "%llu s", (unsigned long long)((ms + 500) / 1000));
}

void outcomes_add(void *arg, const struct guard_event *event)
{
	struct outcomes *outcomes = arg;

	outcomes->n++;
	if (!outcomes->is_json) {
		printf("transaction %llu: %s%s%s%s%s\n", (unsigned long long)event->id,
		       transaction_state_name(event->transaction), event->plan.title[0] ? ": " : "",
		       event->plan.title, event->text[0] ? ": " : "", event->text);
		if (event->transaction == TRANSACTION_RESIDUE)
			change_print_steps(&event->plan, &event->report);
		return;
	}
	if (!outcomes->list)
		outcomes->list = json_object_new_array();
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "transaction", json_object_new_uint64(event->id));
	add_text(object, "state", transaction_state_name(event->transaction));
	add_text(object, "title", event->plan.title);
	bool is_failed = event->transaction == TRANSACTION_REFUSED ||
			 event->transaction == TRANSACTION_RESIDUE;
	json_object_object_add(object, "error",
			       event->text[0] && is_failed ? json_object_new_string(event->text)
							   : NULL);
	json_object_object_add(object, "steps", change_steps_json(&event->plan, &event->report));
	json_object_array_add(outcomes->list, object);
}

int outcomes_finish(struct outcomes *outcomes)
{
	if (!outcomes->is_json)
		return cmd_flush();
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "version", json_object_new_int(1));
	json_object_object_add(object, "transactions",
			       outcomes->list ? outcomes->list : json_object_new_array());
	outcomes->list = NULL;
	return change_print_json(object);
}
