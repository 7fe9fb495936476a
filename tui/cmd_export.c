/*
 * jittertop export [--format sh|systemd|tuned|cmdline|json]: the changes in force, trials and kept
 * ones, as something that outlives jittertop. It prints; whoever wants the file puts it there
 * (safety.md section 4: /etc is not ours).
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/cmd_change_internal.h"
#include "tui/cmd_export.h"

enum format { FORMAT_SH, FORMAT_SYSTEMD, FORMAT_TUNED, FORMAT_CMDLINE, FORMAT_JSON };

static int parse_words(const struct context *context, enum format *ret)
{
	static const char *const names[] = {
		[FORMAT_SH] = "sh",	  [FORMAT_SYSTEMD] = "systemd",
		[FORMAT_TUNED] = "tuned", [FORMAT_CMDLINE] = "cmdline",
		[FORMAT_JSON] = "json",
	};
	static const char option[] = "--format";

	*ret = FORMAT_SH;
	for (int i = 1; i < context->argc; i++) {
		const char *word = context->argv[i], *name = NULL;
		size_t at = 0;

		if (!strcmp(word, "--json"))
			name = "json";
		else if (!strcmp(word, option))
			name = i + 1 < context->argc ? context->argv[++i] : "";
		else if (!strncmp(word, option, strlen(option)) && word[strlen(option)] == '=')
			name = word + strlen(option) + 1;
		if (!name)
			return cmd_usage("export", "%s: unknown; it takes --format FORMAT", word);
		while (at < ARRAY_SIZE(names) && strcmp(names[at], name) != 0)
			at++;
		if (at == ARRAY_SIZE(names))
			return cmd_usage("export",
					 "--format %s: say sh, systemd, tuned, cmdline or json",
					 name);
		*ret = (enum format)at;
	}
	return EXIT_DONE;
}

static void add_step(struct export_list *list, const struct plan_step *step)
{
	struct export_step *mine = NULL;

	for (size_t i = 0; i < list->n_steps && !mine; i++) {
		struct export_step *other = &list->steps[i];

		if (other->class == step->class && !strcmp(other->object, step->object))
			mine = other;
	}
	if (!mine) {
		list->steps = xrealloc(list->steps, (list->n_steps + 1) * sizeof(*list->steps));
		mine = &list->steps[list->n_steps++];
		*mine = (struct export_step){.class = step->class,
					     .object = step->object,
					     .identity = step->identity,
					     .old_value = step->old_value};
		if ((step->class->flags & STEP_NOT_A_FILE) ||
		    plan_step_path(step, mine->path, sizeof(mine->path)))
			mine->path[0] = '\0';
	}
	mine->new_value = step->new_value;
}

/* Transactions come in ascending order; what was set and set back again is nothing. */
static void collect(const struct guard_status *status, struct export_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < status->n_transactions; i++) {
		const struct guard_transaction *transaction = &status->transactions[i];

		if (!transaction->plan || (transaction->state != TRANSACTION_TRIAL &&
					   transaction->state != TRANSACTION_KEPT))
			continue;
		for (unsigned k = 0; k < transaction->plan->n_steps; k++)
			add_step(list, &transaction->plan->steps[k]);
	}
	for (size_t i = 0; i < list->n_steps; i++) {
		const struct export_step *step = &list->steps[i];

		if (step_values_equal(step->class, step->old_value, step->new_value) != 1)
			list->steps[n++] = *step;
	}
	list->n_steps = n;
}

static int print_json(const struct export_list *list)
{
	struct json_object *object = json_object_new_object();
	struct json_object *steps = json_object_new_array();

	for (size_t i = 0; i < list->n_steps; i++) {
		const struct export_step *step = &list->steps[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "class", json_object_new_string(step->class->name));
		json_object_object_add(one, "object", json_object_new_string(step->object));
		json_object_object_add(one, "identity", json_object_new_string(step->identity));
		json_object_object_add(one, "path",
				       step->path[0] ? json_object_new_string(step->path) : NULL);
		json_object_object_add(one, "old", json_object_new_string(step->old_value));
		json_object_object_add(one, "new", json_object_new_string(step->new_value));
		json_object_array_add(steps, one);
	}
	json_object_object_add(object, "version", json_object_new_int(1));
	json_object_object_add(object, "steps", steps);
	return change_print_json(object);
}

/* The machine's name, clean enough for a comment of a script. */
static void read_hostname(struct host *host, char *buf, size_t size)
{
	char text[256];
	ssize_t len = host_read(host, "proc/sys/kernel/hostname", text, sizeof(text));

	text_sanitise(text, len < 0 ? 0 : (size_t)len, buf, size);
	for (char *c = buf; *c; c++) {
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '\\')
			*c = '_';
	}
}

static int print(const struct context *context, enum format format, const struct export_list *list)
{
	char hostname[128];

	if (format == FORMAT_JSON)
		return print_json(list);
	if (list->n_steps == 0)
		return cmd_error("export", "nothing is changed: there is no trial and no kept "
					   "change: see `jittertop status`");
	read_hostname(context->host, hostname, sizeof(hostname));
	switch (format) {
	case FORMAT_SH:
		export_sh(list, hostname);
		break;
	case FORMAT_SYSTEMD:
		export_systemd(list, hostname);
		break;
	case FORMAT_TUNED:
		export_tuned(list, hostname);
		break;
	case FORMAT_CMDLINE:
		(void)export_cmdline(list);
		break;
	case FORMAT_JSON:
		break;
	}
	return cmd_flush();
}

int cmd_export(struct context *context)
{
	struct guard_status guard;
	struct export_list list = {0};
	enum format format;
	int status = parse_words(context, &format);

	if (status != EXIT_DONE)
		return status;
	int err = guard_status_read(&context->guard, &guard);
	if (err)
		return cmd_error("export", "the changes in force cannot be read: %s",
				 strerror(-err));
	collect(&guard, &list);
	status = print(context, format, &list);
	free(list.steps);
	guard_status_done(&guard);
	return status;
}
