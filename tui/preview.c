/*
 * The preview: what exactly would be written where, what it costs, how it is taken back. Enter
 * starts the trial; nothing was written before.
 */
#include <stdio.h>

#include "tui/ui_internal.h"

void preview_key(struct ui *ui, const struct key *key, struct ui_action *ret)
{
	if (key->code == KEYCODE_ESC || key->code == 'q') {
		ui->mode = MODE_NORMAL;
		ui_message(ui, ROLE_TEXT, "dropped: nothing was written");
	} else if (key->code == KEYCODE_ENTER && !ui->is_preview_whole) {
		ui_message(ui, ROLE_TEXT,
			   "make the terminal larger: what would be written is not all shown");
	} else if (key->code == KEYCODE_ENTER) {
		ui->mode = MODE_NORMAL;
		ret->type = ACTION_APPLY;
		ret->plan = ui->plan;
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
		return "disruptive";
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
	char scope[32], title[PLAN_TITLE_MAX + 16];
	struct pane in;

	if (2 * shown > room - cost_lines)
		shown = room - cost_lines > 2 ? (room - cost_lines) / 2 : 1;
	snprintf(title, sizeof(title), "preview: %s", plan->title);
	in = widget_box(pane, width, 2 * shown + cost_lines + 8, title);
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
	pane_text_in(&in, 0, in.height - 2, in.width, ROLE_DIALOG,
		     "A trial: taken back after 120 s without a key, on quit, or if we die.");
	(void)pane_text(&in, 0, in.height - 1, ROLE_DIALOG_TITLE,
			ui->is_preview_whole ? "Enter apply as a trial   Esc drop"
					     : "too small: Esc drop");
}
