/*
 * jittertop status | undo [ID|--all] | keep ID | restore, each with --json.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/parse.h"
#include "tui/cmd_change_internal.h"
#include "tui/contested.h"

struct words {
	bool is_json, is_all, has_id;
	uint64_t id;
};

/* Exit status. */
static int parse_words(const struct context *context, bool may_id, bool may_all, struct words *ret)
{
	const char *what = context->argv[0];

	for (int i = 1; i < context->argc; i++) {
		const char *word = context->argv[i];

		if (!strcmp(word, "--json")) {
			ret->is_json = true;
		} else if (may_all && !strcmp(word, "--all")) {
			ret->is_all = true;
		} else if (may_id && !ret->has_id && !parse_u64(word, &ret->id) && ret->id > 0) {
			ret->has_id = true;
		} else {
			return cmd_usage(what, "%s: unknown; it takes %s%s--json", word,
					 may_id ? "a transaction's number (see `jittertop "
						  "status`), "
						: "",
					 may_all ? "--all, " : "");
		}
	}
	if (ret->is_all && ret->has_id)
		return cmd_usage(what, "say a number or --all, not both");
	return EXIT_DONE;
}

/* What a command of the guard returned, as exit status, with its message. */
static int finish(const char *what, struct outcomes *outcomes, int result, const char *why)
{
	int status = outcomes_finish(outcomes);

	if (result < 0)
		return cmd_error(what, "%s", why[0] ? why : strerror(-result));
	if (result > 0) {
		(void)cmd_error(what,
				"not everything is as it was: `jittertop status` lists what is "
				"left and what to do");
		return EXIT_PARTIAL;
	}
	return status;
}

static int refuse_read_only(const struct context *context)
{
	return cmd_error(context->argv[0], "%s",
			 context->why_read_only ? context->why_read_only : "read only");
}

int cmd_undo(struct context *context)
{
	struct words words = {0};
	char why[256] = "";
	int status = parse_words(context, true, true, &words);

	if (status != EXIT_DONE)
		return status;
	if (context->is_read_only)
		return refuse_read_only(context);
	struct outcomes outcomes = {.is_json = words.is_json};
	int result = guard_command_undo(&context->guard, words.id, words.is_all, outcomes_add,
					&outcomes, why, sizeof(why));
	if (result >= 0 && outcomes.n == 0 && !words.is_json)
		printf("nothing to undo\n");
	return finish("undo", &outcomes, result, why);
}

int cmd_keep(struct context *context)
{
	struct words words = {0};
	char why[256] = "";
	int status = parse_words(context, true, false, &words);

	if (status != EXIT_DONE)
		return status;
	if (!words.has_id)
		return cmd_usage("keep", "say which transaction: `jittertop status` lists them");
	if (context->is_read_only)
		return refuse_read_only(context);
	struct outcomes outcomes = {.is_json = words.is_json};
	int result = guard_command_keep(&context->guard, words.id, outcomes_add, &outcomes, why,
					sizeof(why));
	return finish("keep", &outcomes, result, why);
}

int cmd_restore(struct context *context)
{
	struct words words = {0};
	char why[256] = "";
	int status = parse_words(context, false, false, &words);

	if (status != EXIT_DONE)
		return status;
	if (context->is_read_only)
		return refuse_read_only(context);
	struct outcomes outcomes = {.is_json = words.is_json};
	int result =
		guard_command_restore(&context->guard, outcomes_add, &outcomes, why, sizeof(why));
	if (result == 0 && outcomes.n == 0 && !words.is_json)
		printf("nothing was left to restore\n");
	return finish("restore", &outcomes, result, why);
}

/* --- status --- */

/* 0: no deadline, or past. */
static uint64_t remaining_ns(const struct context *context,
			     const struct guard_transaction *transaction)
{
	uint64_t now = host_boottime_ns(context->host);

	return transaction->deadline_boottime_ns > now ? transaction->deadline_boottime_ns - now
						       : 0;
}

static void format_set_at(const struct guard_transaction *mine, char *buf, size_t size)
{
	time_t at = (time_t)mine->set_wall_s;
	struct tm tm;

	if (!mine->set_wall_s || !localtime_r(&at, &tm) || !strftime(buf, size, "%F %T", &tm))
		(void)snprintf(buf, size, "?");
}

static void print_contested(const struct context *context, const struct guard_status *status,
			    const struct guard_transaction *mine)
{
	char now[PLAN_VALUE_MAX], owner[512], at[32];

	format_set_at(mine, at, sizeof(at));
	for (unsigned i = 0; i < mine->plan->n_steps; i++) {
		const struct plan_step *step = &mine->plan->steps[i];

		if (!contested_step(context->host, status, mine, step, now, sizeof(now)))
			continue;
		bool has_owner = contested_owner(context->host, context->registry->knobs, step,
						 owner, sizeof(owner));
		printf("  contested: %s is %s now, set by us to %s at %s; %s%s\n", step->object,
		       now, step->new_value, at, has_owner ? "likely " : "",
		       has_owner ? owner : "who changed it is not known");
	}
}

static struct json_object *contested_json(const struct context *context,
					  const struct guard_status *status,
					  const struct guard_transaction *mine)
{
	struct json_object *list = json_object_new_array();
	char now[PLAN_VALUE_MAX], owner[512];

	for (unsigned i = 0; i < mine->plan->n_steps; i++) {
		const struct plan_step *step = &mine->plan->steps[i];

		if (!contested_step(context->host, status, mine, step, now, sizeof(now)))
			continue;
		bool has_owner = contested_owner(context->host, context->registry->knobs, step,
						 owner, sizeof(owner));
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "object", json_object_new_string(step->object));
		json_object_object_add(one, "set", json_object_new_string(step->new_value));
		json_object_object_add(one, "now", json_object_new_string(now));
		json_object_object_add(one, "owner",
				       has_owner ? json_object_new_string(owner) : NULL);
		json_object_array_add(list, one);
	}
	return list;
}

static void print_residue(const struct context *context, const struct guard_transaction *mine)
{
	char why[1024];
	bool is_left = false;

	for (unsigned i = 0; i < mine->plan->n_steps; i++) {
		if (!contested_residue(context->host, &mine->plan->steps[i], why, sizeof(why)))
			continue;
		is_left = true;
		printf("  not taken back: %s\n", why);
	}
	if (is_left)
		printf("  put back by hand what you want back, then say `jittertop undo %llu`: it "
		       "tries again and forgets what belongs to others\n",
		       (unsigned long long)mine->id);
	else
		printf("  all is as before by now: `jittertop undo %llu` ends it\n",
		       (unsigned long long)mine->id);
}

static struct json_object *residue_json(const struct context *context,
					const struct guard_transaction *mine)
{
	struct json_object *list = json_object_new_array();
	char why[1024];

	for (unsigned i = 0; mine->state == TRANSACTION_RESIDUE && i < mine->plan->n_steps; i++) {
		const struct plan_step *step = &mine->plan->steps[i];

		if (!contested_residue(context->host, step, why, sizeof(why)))
			continue;
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "object", json_object_new_string(step->object));
		json_object_object_add(one, "old", json_object_new_string(step->old_value));
		json_object_object_add(one, "set", json_object_new_string(step->new_value));
		json_object_object_add(one, "why", json_object_new_string(why));
		json_object_array_add(list, one);
	}
	return list;
}

/* UTC; NULL: unknown. */
static struct json_object *set_at_json(const struct guard_transaction *mine)
{
	time_t at = (time_t)mine->set_wall_s;
	char text[32];
	struct tm tm;

	if (!mine->set_wall_s || !gmtime_r(&at, &tm) ||
	    !strftime(text, sizeof(text), "%FT%TZ", &tm))
		return NULL;
	return json_object_new_string(text);
}

static void print_transaction(const struct context *context, const struct guard_status *status,
			      const struct guard_transaction *transaction)
{
	char left[32];

	printf("transaction %llu: ", (unsigned long long)transaction->id);
	if (!transaction->plan) {
		printf("its undo file is damaged: read it, put the values back by hand and remove "
		       "it\n");
		return;
	}
	printf("%s: %s", transaction_state_name(transaction->state), transaction->plan->title);
	if (transaction->state == TRANSACTION_TRIAL && !status->is_locked) {
		printf(", left by a dead instance: `jittertop restore` takes it back");
	} else if (transaction->state == TRANSACTION_TRIAL) {
		change_format_seconds(remaining_ns(context, transaction), left, sizeof(left));
		printf(", taken back in %s", left);
	}
	printf(" (by %s, pid %d)\n", transaction->header->who_user,
	       (int)transaction->header->who_pid);
	change_print_steps(transaction->plan, NULL);
	if (transaction->state == TRANSACTION_RESIDUE)
		print_residue(context, transaction);
	print_contested(context, status, transaction);
}

static int print_status(const struct context *context, const struct guard_status *status)
{
	if (status->is_locked)
		printf("in charge: pid %d%s\n", (int)status->holder,
		       status->is_silent ? " (does not answer: is it stopped?)" : "");
	else
		printf("in charge: nobody\n");
	for (size_t i = 0; i < status->n_transactions; i++)
		print_transaction(context, status, &status->transactions[i]);
	if (status->n_transactions == 0)
		printf("nothing is changed\n");
	return cmd_flush();
}

static struct json_object *transaction_json(const struct context *context,
					    const struct guard_status *status,
					    const struct guard_transaction *transaction)
{
	struct json_object *object = json_object_new_object();
	bool has_deadline =
		transaction->state == TRANSACTION_TRIAL && transaction->deadline_boottime_ns;

	json_object_object_add(object, "transaction", json_object_new_uint64(transaction->id));
	json_object_object_add(
		object, "state",
		json_object_new_string(transaction->plan
					       ? transaction_state_name(transaction->state)
					       : "damaged"));
	json_object_object_add(
		object, "reverts_in_ns",
		has_deadline ? json_object_new_uint64(remaining_ns(context, transaction)) : NULL);
	if (!transaction->plan)
		return object;
	json_object_object_add(object, "title", json_object_new_string(transaction->plan->title));
	json_object_object_add(object, "user",
			       json_object_new_string(transaction->header->who_user));
	json_object_object_add(object, "pid", json_object_new_int(transaction->header->who_pid));
	json_object_object_add(object, "steps", change_steps_json(transaction->plan, NULL));
	json_object_object_add(object, "set_at", set_at_json(transaction));
	json_object_object_add(object, "contested", contested_json(context, status, transaction));
	json_object_object_add(object, "residue", residue_json(context, transaction));
	return object;
}

static int print_status_json(const struct context *context, const struct guard_status *status)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < status->n_transactions; i++)
		json_object_array_add(list,
				      transaction_json(context, status, &status->transactions[i]));
	json_object_object_add(object, "version", json_object_new_int(1));
	json_object_object_add(object, "is_locked", json_object_new_boolean(status->is_locked));
	json_object_object_add(object, "holder_pid",
			       status->holder ? json_object_new_int(status->holder) : NULL);
	json_object_object_add(object, "transactions", list);
	return change_print_json(object);
}

int cmd_status(struct context *context)
{
	struct guard_status status;
	struct words words = {0};
	int result = parse_words(context, false, false, &words);

	if (result != EXIT_DONE)
		return result;
	int err = guard_status_read(&context->guard, &status);
	if (err)
		return cmd_error("status", "%s",
				 errno_is_denied(-err) ? "only root may look: use sudo"
						       : strerror(-err));
	result = words.is_json ? print_status_json(context, &status)
			       : print_status(context, &status);
	guard_status_done(&status);
	return result;
}
