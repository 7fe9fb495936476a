/*
 * jittertop knobs [PATTERN] [--json]: every knob with its targets. PATTERN (shell style, or a part
 * of the name) is matched with KNOB, KNOB@TARGET and the target's name.
 */
#include <fnmatch.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tui/cmd_change_internal.h"

static bool matches(const char *pattern, const char *text)
{
	return strstr(text, pattern) || fnmatch(pattern, text, 0) == 0;
}

static bool is_wanted(const char *pattern, const struct knob *knob,
		      const struct knob_target *target)
{
	if (!pattern || matches(pattern, knob->name) || matches(pattern, knob->family))
		return true;
	if (!target)
		return false;
	_cleanup_(freep) char *full = xasprintf("%s@%s", knob->name, target->key);
	return matches(pattern, full) || matches(pattern, target->name);
}

/* Why the target cannot be changed: its own reason, or ours. */
static const char *locked_reason(const struct context *context, const struct knob_target *target)
{
	if (target->locked || !context->is_read_only)
		return target->locked;
	return context->why_read_only ? context->why_read_only : "read only";
}

/* Who else writes it; NULL: nobody known. */
static const char *owner_of(const struct context *context, const struct knob *knob,
			    const struct knob_target *target, char *buf, size_t size)
{
	return knob->owner && knob->owner(context->host, target->key, buf, size) == 1 ? buf : NULL;
}

static struct json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *knob_json(const struct context *context, const struct knob *knob,
				     const struct knob_targets *targets, const char *pattern)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < targets->n_targets; i++) {
		const struct knob_target *target = &targets->targets[i];
		struct json_object *one;
		char owner[512];

		if (!is_wanted(pattern, knob, target))
			continue;
		one = json_object_new_object();
		json_object_object_add(one, "key", json_object_new_string(target->key));
		json_object_object_add(one, "name", json_object_new_string(target->name));
		json_object_object_add(one, "value", text_or_null(target->value));
		json_object_object_add(one, "choices", json_object_new_string(target->choices));
		json_object_object_add(one, "locked", text_or_null(locked_reason(context, target)));
		json_object_object_add(
			one, "owner",
			text_or_null(owner_of(context, knob, target, owner, sizeof(owner))));
		json_object_array_add(list, one);
	}
	json_object_object_add(object, "name", json_object_new_string(knob->name));
	json_object_object_add(object, "family", json_object_new_string(knob->family));
	json_object_object_add(object, "summary", json_object_new_string(knob->summary));
	json_object_object_add(object, "class", json_object_new_string(knob_risk_name(knob->risk)));
	json_object_object_add(object, "boot_only", json_object_new_boolean(knob->is_boot_only));
	json_object_object_add(object, "cost", json_object_new_string(knob->cost));
	json_object_object_add(object, "targets", list);
	return object;
}

static void print_knob(const struct context *context, const struct knob *knob,
		       const struct knob_targets *targets, const char *pattern)
{
	printf("%s: %s (%s)\n  %s\n", knob->name, knob->summary,
	       knob->is_boot_only ? "kernel command line only" : knob_risk_name(knob->risk),
	       knob->cost);
	for (unsigned i = 0; i < targets->n_targets; i++) {
		const struct knob_target *target = &targets->targets[i];
		const char *locked = locked_reason(context, target);
		char owner[512];

		if (!is_wanted(pattern, knob, target))
			continue;
		const char *who = owner_of(context, knob, target, owner, sizeof(owner));
		printf("  %s@%s = %s  [%s] %s", knob->name, target->key,
		       target->value ? target->value : "?", target->choices, target->name);
		if (locked)
			printf("  locked: %s", locked);
		if (who)
			printf("  also written: %s", who);
		printf("\n");
	}
}

/* Is the knob, or one of its targets, asked for? */
static bool is_any_wanted(const char *pattern, const struct knob *knob,
			  const struct knob_targets *targets)
{
	if (is_wanted(pattern, knob, NULL))
		return true;
	for (unsigned i = 0; i < targets->n_targets; i++) {
		if (is_wanted(pattern, knob, &targets->targets[i]))
			return true;
	}
	return false;
}

static unsigned show_knobs(const struct context *context, const char *pattern,
			   struct json_object *list)
{
	struct arena *arena = arena_new(0);
	unsigned n = 0;

	for (const struct knob *const *at = context->registry->knobs; *at; at++) {
		struct knob_targets targets = {.arena = arena};

		(void)knob_list(*at, context->host, &targets);
		if (!is_any_wanted(pattern, *at, &targets))
			continue;
		n++;
		if (list)
			json_object_array_add(list, knob_json(context, *at, &targets, pattern));
		else
			print_knob(context, *at, &targets, pattern);
	}
	arena_free(arena);
	return n;
}

int cmd_knobs(struct context *context)
{
	const char *pattern = NULL;
	bool is_json = false;

	for (int i = 1; i < context->argc; i++) {
		const char *word = context->argv[i];

		if (!strcmp(word, "--json"))
			is_json = true;
		else if (word[0] == '-' || pattern)
			return cmd_usage("knobs", "%s: unknown; it takes a PATTERN and --json",
					 word);
		else
			pattern = word;
	}

	struct json_object *list = is_json ? json_object_new_array() : NULL;
	unsigned n = show_knobs(context, pattern, list);
	if (is_json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "version", json_object_new_int(1));
		json_object_object_add(object, "knobs", list);
		return change_print_json(object);
	}
	if (n == 0)
		return cmd_error("knobs", "nothing matches %s: `jittertop knobs` lists all",
				 pattern ? pattern : "");
	return cmd_flush();
}
