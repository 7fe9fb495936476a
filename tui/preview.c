/*
 * The preview: what exactly would be written where, what it costs, how it is taken back. Enter
 * starts the trial; nothing was written before.
 */
#include <stdio.h>
#include <string.h>

#include "tui/ui_internal.h"

static bool is_disruptive(const struct ui *ui)
{
	return ui->edit.knob && ui->edit.knob->risk == KNOB_DISRUPTIVE;
}

static void apply(struct ui *ui, struct ui_action *ret)
{
	if (!ui->is_preview_whole) {
		ui_message(ui, ROLE_TEXT,
			   "make the terminal larger: what would be written is not all shown");
		return;
	}
	if (is_disruptive(ui) && strcmp(ui->confirm.text, ui->edit.target) != 0) {
		ui_message(ui, ROLE_WARNING, "disruptive: type %s, then Enter; Esc drops it",
			   ui->edit.target);
		return;
	}
	ui->mode = MODE_NORMAL;
	ret->type = ACTION_APPLY;
	ret->plan = ui->plan;
}

void preview_key(struct ui *ui, const struct key *key, struct ui_action *ret)
{
	if (key->code == KEYCODE_ESC || (key->code == 'q' && !is_disruptive(ui))) {
		ui->mode = MODE_NORMAL;
		ui_message(ui, ROLE_TEXT, "dropped: nothing was written");
	} else if (key->code == KEYCODE_ENTER) {
		apply(ui, ret);
	} else if (is_disruptive(ui)) {
		(void)input_key(&ui->confirm, key->code);
	}
}

static const char *risk_text(enum knob_risk risk)
{
	switch (risk) {
	case KNOB_FREE:
		return "free: taken back exactly";
	case KNOB_PARTIAL:
		return "partial: the kernel may give less than wished, and may not take all back";
	case KNOB_DISRUPTIVE:
		return "disruptive: it may cut connections; taken back all the same";
	}
	return "?";
}

static int draw_step(const struct plan_step *step, const struct pane *in, int y)
{
	char path[256];
	int x;

	if (plan_step_path(step, path, sizeof(path)) < 0)
		snprintf(path, sizeof(path), "%s %s", step->class->name, step->object);
	pane_text_in(in, 0, y, in->width, ROLE_DIALOG, path);
	x = pane_text(in, 2, y + 1, ROLE_OLD, step->old_value[0] ? step->old_value : "(empty)");
	x = pane_text(in, x, y + 1, ROLE_DIALOG, " -> ");
	(void)pane_text(in, x, y + 1, ROLE_NEW, step->new_value[0] ? step->new_value : "(empty)");
	return y + 2;
}

void preview_draw(struct ui *ui, const struct pane *pane)
{
	const struct plan *plan = ui->plan;
	const struct knob *knob = ui->edit.knob;
	int width = pane->width < 76 ? pane->width : 76, y = 0;
	int room = pane->height - 9, shown = (int)plan->n_steps;
	int cost_lines = widget_paragraph(NULL, 0, ROLE_TEXT, knob->cost, width - 4);
	int note_lines =
		ui->note[0] ? widget_paragraph(NULL, 0, ROLE_TEXT, ui->note, width - 4) : 0;
	int confirm_lines = is_disruptive(ui) ? 1 : 0;
	char scope[32], title[PLAN_TITLE_MAX + 16];
	struct pane in;

	room -= note_lines + confirm_lines;
	if (2 * shown > room - cost_lines)
		shown = room - cost_lines > 2 ? (room - cost_lines) / 2 : 1;
	snprintf(title, sizeof(title), "preview: %s", plan->title);
	in = widget_box(pane, width, 2 * shown + cost_lines + note_lines + confirm_lines + 8,
			title);
	/* Nobody applies what they could not read. */
	ui->is_preview_whole = in.height >= 2 * shown + 4 && in.width >= 30;
	for (int i = 0; i < shown; i++)
		y = draw_step(&plan->steps[i], &in, y);
	if (shown < (int)plan->n_steps)
		(void)pane_printf(&in, 0, y, ROLE_DIALOG, "... and %u more",
				  plan->n_steps - (unsigned)shown);
	y++;
	(void)pane_printf(&in, 0, y++, ROLE_DIALOG, "class   %s", risk_text(knob->risk));
	if (cpuset_format_list(&plan->affected, scope, sizeof(scope)) < 0)
		snprintf(scope, sizeof(scope), "%u cpus", cpuset_count(&plan->affected));
	(void)pane_printf(&in, 0, y++, ROLE_DIALOG, "effect  is compared on cpus %s",
			  scope[0] ? scope : "all");
	y += widget_paragraph(&in, y, ROLE_DIALOG, knob->cost, in.width);
	if (note_lines)
		y += widget_paragraph(&in, y, ROLE_WARNING, ui->note, in.width);
	if (confirm_lines) {
		int x = pane_printf(&in, 0, y, ROLE_DIALOG_TITLE, "type %.40s: ", ui->edit.target);

		input_draw(&ui->confirm, &in, x, y, in.width - x);
	}
	pane_text_in(&in, 0, in.height - 2, in.width, ROLE_DIALOG,
		     "A trial: taken back after 120 s without a key, on quit, or if we die.");
	(void)pane_text(&in, 0, in.height - 1, ROLE_DIALOG_TITLE,
			ui->is_preview_whole ? "Enter apply as a trial   Esc drop"
					     : "too small: Esc drop");
}
