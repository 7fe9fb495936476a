/* The dialog in which the value of a knob is typed. */
#include <stdio.h>
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

void edit_open(struct ui *ui, const struct frame *frame, const char *knob, const char *target)
{
	const struct knob_target *t;
	struct ui_edit *edit = &ui->edit;

	*edit = (struct ui_edit){0};
	if (frame->why_no_change) {
		ui_message(ui, ROLE_WARNING, "nothing can be changed: %s", frame->why_no_change);
		return;
	}
	if (!frame->knobs) {
		ui_message(ui, ROLE_WARNING, "the knobs are being listed: try again in a moment");
		return;
	}
	t = find_target(frame->knobs, knob, target, &edit->knob);
	if (!t) {
		ui_message(ui, ROLE_WARNING, "the knob %s has no target %s", knob, target);
		return;
	}
	if (t->locked || !t->value) {
		ui_message(ui, ROLE_WARNING, "%s is locked: %s", target,
			   t->locked ? t->locked : "its value cannot be read");
		return;
	}
	snprintf(edit->target, sizeof(edit->target), "%s", target);
	snprintf(edit->name, sizeof(edit->name), "%s", t->name ? t->name : "");
	snprintf(edit->old_value, sizeof(edit->old_value), "%s", t->value);
	snprintf(edit->choices, sizeof(edit->choices), "%s", t->choices ? t->choices : "");
	input_set(&edit->input, t->value);
	ui->mode = MODE_EDIT;
}

void edit_key(struct ui *ui, const struct key *key, struct ui_action *ret)
{
	struct ui_edit *edit = &ui->edit;

	if (key->code == KEYCODE_ESC) {
		ui->mode = MODE_NORMAL;
		return;
	}
	/* While the plan is being made the text must not change under it. */
	if (ui->mode == MODE_PLANNING)
		return;
	if (key->code == KEYCODE_ENTER) {
		if (strcmp(edit->input.text, edit->old_value) == 0) {
			snprintf(edit->error, sizeof(edit->error),
				 "already so: type another value, or Esc");
			return;
		}
		ui->mode = MODE_PLANNING;
		ret->type = ACTION_PLAN;
		ret->knob = edit->knob;
		snprintf(ret->target, sizeof(ret->target), "%s", edit->target);
		snprintf(ret->value, sizeof(ret->value), "%s", edit->input.text);
		return;
	}
	if (input_key(&edit->input, key->code))
		edit->error[0] = 0;
}

void edit_draw(const struct ui *ui, const struct pane *pane)
{
	const struct ui_edit *edit = &ui->edit;
	int width = pane->width < 70 ? pane->width : 70;
	int error_lines = widget_paragraph(NULL, 0, ROLE_TEXT, edit->error, width - 4);
	char title[PLAN_OBJECT_MAX + 160];
	struct pane in;
	int y = 0;

	snprintf(title, sizeof(title), "%s %s %.60s", edit->knob->name, edit->target, edit->name);
	in = widget_box(pane, width, 8 + error_lines, title);
	(void)widget_field(&in, 0, y++, "now    ", ROLE_DIALOG, edit->old_value);
	(void)pane_text(&in, 0, y, ROLE_DIALOG, "new");
	input_draw(&edit->input, &in, 8, y++, in.width - 8);
	if (edit->choices[0])
		(void)pane_printf(&in, 8, y, ROLE_DIALOG, "%s", edit->choices);
	y += 2;
	if (ui->mode == MODE_PLANNING)
		(void)pane_text(&in, 0, y++, ROLE_DIALOG, "checking ...");
	else if (edit->error[0])
		y += widget_paragraph(&in, y, ROLE_DIALOG_ERROR, edit->error, in.width);
	(void)pane_text(&in, 0, in.height - 1, ROLE_DIALOG,
			in.width < 48 ? "Enter preview   Esc cancel"
				      : "Enter preview (writes nothing yet)   Esc cancel");
}
