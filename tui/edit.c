/*
 * The dialog in which the value of a knob is chosen: from a list of words, in the check list of
 * CPUs, or typed. It asks for a plan; nothing is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui_internal.h"

static const struct knob_target *find_target(const struct knob_list *list, const char *knob,
					     const char *key, const struct knob **ret_knob)
{
	for (unsigned i = 0; i < list->n_items; i++) {
		const struct knob_list_item *item = &list->items[i];

		if (strcmp(item->knob->name, knob) != 0)
			continue;
		*ret_knob = item->knob;
		for (unsigned t = 0; t < item->targets.n_targets; t++) {
			if (strcmp(item->targets.targets[t].key, key) == 0)
				return &item->targets.targets[t];
		}
	}
	return NULL;
}

/* NULL: a message says why not. */
static const struct knob_target *may_change(struct ui *ui, const struct frame *frame,
					    const char *knob, const char *key,
					    const struct knob **ret_knob)
{
	const struct knob_target *t = find_target(frame->knobs, knob, key, ret_knob);

	if (!t && !*ret_knob)
		ui_message(ui, ROLE_WARNING, "this program has no knob %s", knob);
	else if (!t)
		ui_message(ui, ROLE_WARNING, "the knob %s has no target %.120s here", knob, key);
	else if ((*ret_knob)->is_boot_only)
		ui_message(ui, ROLE_WARNING, "%s is set at boot only: kernel command line %.120s",
			   knob, t->choices ? t->choices : "");
	else if (t->locked || !t->value)
		ui_message(ui, ROLE_WARNING, "%.60s is locked: %.180s", key,
			   t->locked ? t->locked : "its value cannot be read");
	else
		return t;
	return NULL;
}

void edit_done(struct ui *ui)
{
	for (unsigned i = 0; i < ui->edit.n_more; i++)
		free(ui->edit.more[i]);
	free(ui->edit.more);
	ui->edit.more = NULL;
	ui->edit.n_more = 0;
}

/* --- opening --- */

static bool takes_cpus(const char *choices)
{
	return strncmp(choices, "CPU list", 8) == 0;
}

/* Where there is more to say than a list ("all", "vcpus:LIST"), only who asked for CPUs gets it. */
static bool takes_only_cpus(const char *choices)
{
	const char *comma = strstr(choices, ", ");

	return takes_cpus(choices) && (!comma || strncmp(comma, ", empty", 7) == 0);
}

static void open_cpus(struct ui_edit *edit)
{
	_cleanup_(freep) struct cpuset *set = xcalloc(1, sizeof(*set));
	char title[sizeof(edit->cpus.title)], list[PLAN_VALUE_MAX] = "";
	const char *empty = strstr(edit->choices, "empty: ");
	int r = edit->is_mask ? cpuset_parse_mask(edit->old_value, set)
			      : cpuset_parse_list(edit->old_value, set);

	if (r < 0 || cpuset_format_list(set, list, sizeof(list)) < 0)
		list[0] = 0;
	if (edit->n_more)
		snprintf(title, sizeof(title), "%s: %u together", edit->knob->name,
			 edit->n_more + 1);
	else
		snprintf(title, sizeof(title), "%s %.40s %.30s", edit->knob->name, edit->target,
			 edit->name);
	edit->type = EDIT_CPUS;
	cpulist_open(&edit->cpus, title, empty ? empty + 7 : edit->is_mask ? "none" : "", list);
}

/* False: a list of CPUs was asked for, but the knob takes none. */
static bool open_type(struct ui *ui, const struct ui_request *request)
{
	struct ui_edit *edit = &ui->edit;
	const char *choices = edit->choices;

	edit->is_mask = strncmp(choices, "CPU mask", 8) == 0 && strstr(choices, "list:LIST");
	if (request->type == UI_CPUS && !takes_cpus(choices) && !edit->is_mask) {
		ui_message(ui, ROLE_TEXT, "%s takes no list of CPUs: e edits its value",
			   edit->knob->name);
		return false;
	}
	if (request->type == UI_CPUS || takes_only_cpus(choices)) {
		open_cpus(edit);
	} else if (choice_count(choices)) {
		int at = choice_find(choices, edit->old_value);

		edit->type = EDIT_WORDS;
		edit->at = at < 0 ? 0 : (unsigned)at;
	} else {
		edit->type = EDIT_LINE;
		input_set(&edit->input, edit->old_value);
	}
	return true;
}

static const char *edited_value(const struct ui_edit *edit, char *buf, size_t size)
{
	if (edit->type == EDIT_WORDS)
		return choice_at(edit->choices, edit->at, buf, size);
	if (edit->type == EDIT_LINE)
		snprintf(buf, size, "%s", edit->input.text);
	else
		snprintf(buf, size, "%s%.4000s", edit->is_mask ? "list:" : "",
			 edit->cpus.input.text);
	return buf;
}

static void ask_plan(struct ui *ui, struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;

	edit->error[0] = 0;
	ui->mode = MODE_PLANNING;
	ret->type = ACTION_PLAN;
	ret->knob = edit->knob;
	snprintf(ret->target, sizeof(ret->target), "%s", edit->target);
	ret->more = (const char *const *)edit->more;
	ret->n_more = edit->n_more;
	(void)edited_value(edit, ret->value, sizeof(ret->value));
}

bool edit_step(struct ui *ui, int step, struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;
	unsigned n = edit->type == EDIT_WORDS ? choice_count(edit->choices) : 0;
	int old = choice_find(edit->choices, edit->old_value);

	if (n == 0)
		return false;
	/* From a value that is none of them to the first, or the last. */
	if (old < 0 && ui->mode != MODE_PREVIEW)
		edit->at = step > 0 ? n - 1 : 0;
	edit->at = (edit->at + n + (unsigned)step) % n;
	/* Past the value there is: that would be no change. */
	if ((int)edit->at == old && n > 1)
		edit->at = (edit->at + n + (unsigned)step) % n;
	ask_plan(ui, ret);
	return true;
}

static void set_value(struct ui *ui, const struct ui_request *request, struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;
	int at = choice_find(edit->choices, request->value);

	if (edit->type == EDIT_CPUS) {
		input_set(&edit->cpus.input, request->value);
	} else if (edit->type == EDIT_WORDS && at >= 0) {
		edit->at = (unsigned)at;
	} else {
		edit->type = EDIT_LINE;
		input_set(&edit->input, request->value);
	}
	ask_plan(ui, ret);
}

static void take_targets(struct ui_edit *edit, const struct ui_request *request)
{
	snprintf(edit->target, sizeof(edit->target), "%s", request->target);
	edit->more = xcalloc(request->n_more + 1, sizeof(*edit->more));
	for (unsigned i = 0; i < request->n_more; i++)
		edit->more[edit->n_more++] = xstrdup(request->more[i]);
}

void edit_open(struct ui *ui, const struct frame *frame, const struct ui_request *request,
	       struct ui_action *ret)
{
	const struct knob_target *t;
	struct ui_edit *edit = &ui->edit;
	const struct knob *knob = NULL;
	struct knob_target unlisted;

	if (frame->why_no_change) {
		ui_message(ui, ROLE_WARNING, "nothing can be changed: %s", frame->why_no_change);
		return;
	}
	if (!frame->knobs) {
		ui_message(ui, ROLE_WARNING, "the knobs are being listed: try again in a moment");
		return;
	}
	for (unsigned i = 0; i < request->n_more; i++) {
		if (!may_change(ui, frame, request->knob, request->more[i], &knob))
			return;
	}
	t = may_change(ui, frame, request->knob, request->target, &knob);
	/* Threads are planned by any id, but not all of the host are listed. */
	if (!t && request->type == UI_CPUS && request->value[0] &&
	    !find_target(frame->knobs, request->knob, request->target, &knob) && knob) {
		ui->message[0] = 0;
		unlisted = (struct knob_target){
			.key = request->target, .value = request->value, .choices = "CPU list"};
		t = &unlisted;
	}
	if (!t)
		return;
	if (knob->risk == KNOB_DISRUPTIVE && request->n_more) {
		ui_message(ui, ROLE_WARNING, "%s is disruptive: one target at a time", knob->name);
		return;
	}
	edit_done(ui);
	*edit = (struct ui_edit){.knob = knob};
	take_targets(edit, request);
	snprintf(edit->name, sizeof(edit->name), "%s", t->name ? t->name : "");
	snprintf(edit->old_value, sizeof(edit->old_value), "%s", t->value);
	snprintf(edit->choices, sizeof(edit->choices), "%s", t->choices ? t->choices : "");
	if (!open_type(ui, request))
		return;
	if (request->type == UI_SET)
		set_value(ui, request, ret);
	else if (request->type != UI_STEP)
		ui->mode = MODE_EDIT;
	else if (!edit_step(ui, request->step, ret))
		ui_message(ui, ROLE_TEXT, "the values of %s are no list of words: e edits them",
			   knob->name);
}

/* --- keys --- */

void edit_refused(struct ui *ui, const char *why)
{
	ui->mode = MODE_EDIT;
	snprintf(ui->edit.error, sizeof(ui->edit.error), "%s", why);
	snprintf(ui->edit.cpus.error, sizeof(ui->edit.cpus.error), "%s", why);
}

static void take_value(struct ui *ui, struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;
	char value[PLAN_VALUE_MAX];

	if (edit->n_more == 0 &&
	    strcmp(edited_value(edit, value, sizeof(value)), edit->old_value) == 0)
		edit_refused(ui, "already so: another value, or Esc");
	else
		ask_plan(ui, ret);
}

static void words_key(struct ui_edit *edit, uint32_t key)
{
	struct table_state state = {.cursor = edit->at, .page = 8};
	enum command command = key == KEYCODE_WHEEL_UP	   ? COMMAND_UP
			       : key == KEYCODE_WHEEL_DOWN ? COMMAND_DOWN
							   : command_of_key(key);

	if (command == COMMAND_TAG || command == COMMAND_MORE)
		command = COMMAND_DOWN;
	else if (command == COMMAND_LESS)
		command = COMMAND_UP;
	if (table_command(&state, choice_count(edit->choices), command))
		edit->error[0] = 0;
	edit->at = state.cursor;
}

void edit_key(struct ui *ui, const struct frame *frame, const struct key *key,
	      struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;

	if (key->code == KEYCODE_ESC) {
		ui->mode = MODE_NORMAL;
		return;
	}
	/* While the plan is being made the text must not change under it. */
	if (ui->mode == MODE_PLANNING)
		return;
	if (edit->type == EDIT_CPUS) {
		if (cpulist_key(&edit->cpus, frame->machine, key->code) == CPULIST_TAKEN)
			take_value(ui, ret);
	} else if (key->code == KEYCODE_ENTER) {
		take_value(ui, ret);
	} else if (edit->type == EDIT_WORDS) {
		words_key(edit, key->code);
	} else if (input_key(&edit->input, key->code)) {
		edit->error[0] = 0;
	}
}

/* --- drawing --- */

static void draw_words(struct ui_edit *edit, const struct pane *pane)
{
	unsigned n = choice_count(edit->choices),
		 page = pane->height > 0 ? (unsigned)pane->height : 1;

	if (edit->top > edit->at)
		edit->top = edit->at;
	if (edit->at >= edit->top + page)
		edit->top = edit->at - page + 1;
	for (unsigned y = 0; y < page && edit->top + y < n; y++) {
		unsigned i = edit->top + y;
		enum role role = i == edit->at ? ROLE_TABLE_CURSOR : ROLE_DIALOG;
		char word[128];

		(void)choice_at(edit->choices, i, word, sizeof(word));
		if (i == edit->at)
			pane_highlight(pane, (int)y, role);
		/* The cursor must be seen without colour, too. */
		(void)pane_printf(pane, 0, (int)y, role, "%c %s%s", i == edit->at ? '>' : ' ', word,
				  strcmp(word, edit->old_value) == 0 ? "  (now)" : "");
	}
}

static void draw_line(struct ui_edit *edit, const struct pane *in)
{
	struct pane area = pane_sub(in, 8, 2, -1, 2);

	(void)pane_text(in, 0, 1, ROLE_DIALOG, "new");
	input_draw(&edit->input, in, 8, 1, in->width - 8);
	(void)widget_paragraph(&area, 0, ROLE_DIALOG, edit->choices, area.width);
}

void edit_draw(struct ui *ui, const struct frame *frame, const struct pane *pane)
{
	struct ui_edit *edit = &ui->edit;
	int width = pane->width < 70 ? pane->width : 70;
	const char *below = ui->mode == MODE_PLANNING ? "checking ..." : edit->error;
	int n_below = below[0] ? widget_paragraph(NULL, 0, ROLE_TEXT, below, width - 4) : 0;
	int body = edit->type == EDIT_WORDS ? (int)choice_count(edit->choices) : 4;
	char title[PLAN_OBJECT_MAX + 160];
	struct pane in, area;

	if (edit->type == EDIT_CPUS) {
		if (ui->mode == MODE_PLANNING)
			snprintf(edit->cpus.error, sizeof(edit->cpus.error), "checking ...");
		cpulist_draw(&edit->cpus, frame->machine, pane);
		return;
	}
	snprintf(title, sizeof(title), "%s %s %.60s", edit->knob->name, edit->target, edit->name);
	in = widget_box(pane, width, body + 4 + n_below, title);
	(void)widget_field(&in, 0, 0, "now    ", ROLE_DIALOG,
			   edit->old_value[0] ? edit->old_value : "(empty)");
	area = pane_sub(&in, 0, 1, in.width, in.height - 2 - n_below);
	if (edit->type == EDIT_WORDS)
		draw_words(edit, &area);
	else
		draw_line(edit, &in);
	area = pane_sub(&in, 0, in.height - 1 - n_below, in.width, n_below);
	(void)widget_paragraph(&area, 0, edit->error[0] ? ROLE_DIALOG_ERROR : ROLE_DIALOG, below,
			       in.width);
	(void)pane_text(&in, 0, in.height - 1, ROLE_DIALOG,
			in.width < 48 ? "Enter preview   Esc cancel"
				      : "Enter preview (writes nothing yet)   Esc cancel");
}
