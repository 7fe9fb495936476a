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
	if (!ui->is_preview_read) {
		ui_message(ui, ROLE_TEXT, "read on first: Down or PgDn");
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

/* In lines, or steps. False: not one of these keys. */
static bool scroll(struct ui *ui, uint32_t key)
{
	unsigned page = ui->preview_page > 1 ? ui->preview_page - 1 : 1, top = ui->preview_top;

	if (key == KEYCODE_UP || key == KEYCODE_WHEEL_UP)
		top -= top > 0;
	else if (key == KEYCODE_DOWN || key == KEYCODE_WHEEL_DOWN)
		top++;
	else if (key == KEYCODE_PAGE_UP)
		top -= top < page ? top : page;
	else if (key == KEYCODE_PAGE_DOWN)
		top += page;
	else if (key == KEYCODE_HOME)
		top = 0;
	else if (key == KEYCODE_END)
		top = 3 * PLAN_MAX_STEPS;
	else
		return false;
	ui->preview_top = top; /* drawing knows the end */
	return true;
}

/* Another choice of the same knob. */
static bool step_value(struct ui *ui, uint32_t key, struct ui_action *ret)
{
	enum command command = command_of_key(key);

	if (command == COMMAND_MORE || command == COMMAND_TAG)
		return edit_step(ui, 1, ret);
	return command == COMMAND_LESS && edit_step(ui, -1, ret);
}

void preview_key(struct ui *ui, const struct key *key, struct ui_action *ret)
{
	if (key->code == KEYCODE_ESC || (key->code == 'q' && !is_disruptive(ui))) {
		ui->mode = MODE_NORMAL;
		ui_message(ui, ROLE_TEXT, "dropped: nothing was written");
	} else if (key->code == KEYCODE_ENTER) {
		apply(ui, ret);
	} else if (scroll(ui, key->code)) {
		return;
	} else if (is_disruptive(ui)) {
		(void)input_key(&ui->confirm, key->code);
	} else {
		(void)step_value(ui, key->code, ret);
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

/* --- the parts --- */

static int draw_step(const struct plan_step *step, const struct pane *in, int y)
{
	char path[256];
	int x;

	if (plan_step_path(step, path, sizeof(path)) < 0)
		snprintf(path, sizeof(path), "%s %s", step->class->name, step->object);
	pane_text_in(in, 0, y, in->width, ROLE_DIALOG, path);
	x = pane_text(in, 2, y + 1, ROLE_OLD, step->old_value[0] ? step->old_value : "(empty)");
	x = pane_text(in, x, y + 1, ROLE_DIALOG, " -> ");
	x = pane_text(in, x, y + 1, ROLE_NEW, step->new_value[0] ? step->new_value : "(empty)");
	if (step->is_optional)
		(void)pane_text(in, x, y + 1, ROLE_DIALOG, "  where the kernel lets it");
	return y + 2;
}

/* Steps of one class. value: what all of them get; NULL: not the same. */
struct group {
	const struct step_class *class;
	unsigned n;
	const char *value;
};

#define MAX_GROUPS 24

/* Those beyond MAX_GROUPS count to the last one. */
static unsigned make_groups(const struct plan *plan, struct group *ret)
{
	unsigned n = 0, at;

	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		for (at = 0; at < n && ret[at].class != step->class; at++)
			;
		if (at == n && n == MAX_GROUPS)
			at = MAX_GROUPS - 1;
		else if (at == n)
			ret[n++] = (struct group){step->class, 0, step->new_value};
		ret[at].n++;
		if (ret[at].value && strcmp(ret[at].value, step->new_value) != 0)
			ret[at].value = NULL;
	}
	return n;
}

static int draw_groups(const struct plan *plan, const struct pane *in, int y)
{
	struct group groups[MAX_GROUPS];
	unsigned n = make_groups(plan, groups);
	char line[256];

	for (unsigned i = 0; i < n; i++) {
		const struct group *g = &groups[i];

		snprintf(line, sizeof(line), "%5u  %s%s%.100s", g->n, g->class->name,
			 g->value ? " -> " : " -> each its own value",
			 !g->value     ? ""
			 : g->value[0] ? g->value
				       : "(empty)");
		pane_text_in(in, 0, y++, in->width, ROLE_DIALOG, line);
	}
	return y;
}

/* Class, effect, cost, notes, the trial; returns the line after them. */
static int draw_words(const struct ui *ui, const struct pane *in, int y)
{
	const struct plan *plan = ui->plan;
	const struct knob *knob = ui->edit.knob;
	char scope[32], line[128];

	snprintf(line, sizeof(line), "class   %s", risk_text(knob->risk));
	y += widget_paragraph(in, y, ROLE_DIALOG, line, in->width);
	if (cpuset_format_list(&plan->affected, scope, sizeof(scope)) < 0)
		snprintf(scope, sizeof(scope), "%u cpus", cpuset_count(&plan->affected));
	snprintf(line, sizeof(line), "effect  is compared on cpus %s", scope[0] ? scope : "all");
	y += widget_paragraph(in, y, ROLE_DIALOG, line, in->width);
	y += widget_paragraph(in, y, ROLE_DIALOG, knob->cost, in->width);
	y += widget_paragraph(in, y, ROLE_WARNING, ui->note, in->width);
	return y + widget_paragraph(in, y, ROLE_DIALOG,
				    "A trial: taken back after 120 s without a key, on quit, or if "
				    "we die.",
				    in->width);
}

static void draw_confirm(const struct ui *ui, const struct pane *in, int y)
{
	int x = pane_printf(in, 0, y, ROLE_DIALOG_TITLE, "type %.40s: ", ui->edit.target);

	input_draw(&ui->confirm, in, x, y, in->width - x);
}

static unsigned limit_top(struct ui *ui, unsigned n, unsigned page)
{
	ui->preview_page = page ? page : 1;
	ui->preview_n = n;
	if (n <= page)
		ui->preview_top = 0;
	else if (ui->preview_top > n - page)
		ui->preview_top = n - page;
	return ui->preview_top;
}

/* --- three shapes: all steps, a window on them, a window on everything --- */

static void draw_all_steps(const struct ui *ui, const struct pane *in)
{
	int y = 0;

	for (unsigned i = 0; i < ui->plan->n_steps; i++)
		y = draw_step(&ui->plan->steps[i], in, y);
	(void)draw_words(ui, in, y + 1);
}

static void draw_window(struct ui *ui, const struct pane *in, int room, int n_groups)
{
	unsigned n = ui->plan->n_steps, page = (unsigned)room / 2, top = limit_top(ui, n, page);
	int y = draw_groups(ui->plan, in, 0);

	(void)pane_printf(in, 0, y, ROLE_DIALOG_TITLE,
			  "steps %u to %u of %u, in this order (Up Down PgUp PgDn)", top + 1,
			  top + page < n ? top + page : n, n);
	y = n_groups + 1;
	for (unsigned i = top; i < n && i < top + page; i++)
		y = draw_step(&ui->plan->steps[i], in, y);
	(void)draw_words(ui, in, n_groups + 1 + room);
}

/* What must have been seen comes first, the steps after it. */
static void draw_scrolled(struct ui *ui, const struct pane *in, int head)
{
	unsigned n = (unsigned)head + 2 * ui->plan->n_steps;
	unsigned top = limit_top(ui, n, (unsigned)in->height);
	struct surface surface;
	struct pane all;

	surface_init(&surface, in->width, head, in->surface->is_ascii);
	all = surface_pane(&surface);
	pane_fill(&all, ROLE_DIALOG);
	(void)draw_words(ui, &all, draw_groups(ui->plan, &all, 0));
	for (int y = 0; y < in->height; y++) {
		int line = (int)top + y;

		for (int x = 0; line < head && x < in->width; x++) {
			const struct cell *cell = &surface.cells[line * surface.width + x];

			pane_put(in, x, y, cell->character ? cell->character : ' ',
				 (enum role)cell->role);
		}
	}
	for (unsigned i = 0; i < ui->plan->n_steps; i++) {
		int y = head + 2 * (int)i - (int)top;

		if (y > -2 && y < in->height)
			(void)draw_step(&ui->plan->steps[i], in, y);
	}
	surface_done(&surface);
	ui->is_preview_read |= (int)top + in->height >= head;
}

static void draw_body(struct ui *ui, const struct pane *in, int words)
{
	struct group groups[MAX_GROUPS];
	int n_groups = (int)make_groups(ui->plan, groups), steps = 2 * (int)ui->plan->n_steps;
	int room = in->height - words - n_groups - 1;

	if (steps + 1 + words <= in->height) {
		ui->is_preview_read = true;
		draw_all_steps(ui, in);
	} else if (room >= 2) {
		ui->is_preview_read = true;
		draw_window(ui, in, room - room % 2, n_groups);
	} else {
		draw_scrolled(ui, in, n_groups + words);
	}
}

/* How far one has read, where the keys leave room. */
static void draw_place(const struct ui *ui, const struct pane *in, int y, int after)
{
	unsigned end = ui->preview_top + ui->preview_page;
	char text[48];

	if (ui->preview_n <= ui->preview_page)
		return;
	snprintf(text, sizeof(text), "%u of %u", end < ui->preview_n ? end : ui->preview_n,
		 ui->preview_n);
	if (after + 1 + text_columns(text) <= in->width)
		(void)pane_text(in, in->width - text_columns(text), y, ROLE_DIALOG, text);
}

void preview_draw(struct ui *ui, const struct pane *pane)
{
	const struct plan *plan = ui->plan;
	const struct pane measure = {.surface = pane->surface,
				     .width = (pane->width < 76 ? pane->width : 76) - 4};
	int width = pane->width < 76 ? pane->width : 76;
	int words = measure.width > 0 ? draw_words(ui, &measure, 0) : 0;
	int tail = 1 + is_disruptive(ui),
	    steps = 2 * (int)(plan->n_steps < 100 ? plan->n_steps : 100);
	char title[PLAN_TITLE_MAX + 16];
	const char *keys;
	struct pane in, body;

	ui->preview_n = 0;
	snprintf(title, sizeof(title), "preview: %s", plan->title);
	in = widget_box(pane, width, steps + 1 + words + tail + 2, title);
	body = pane_sub(&in, 0, 0, in.width, in.height - tail);
	/* Nobody applies what they could not read. */
	ui->is_preview_whole = in.width >= 30 && body.height >= 3;
	if (ui->is_preview_whole)
		draw_body(ui, &body, words);
	if (is_disruptive(ui))
		draw_confirm(ui, &in, in.height - 2);
	keys = !ui->is_preview_whole  ? "too small: Esc drop"
	       : !ui->is_preview_read ? "Down PgDn read on   Esc drop"
	       : choice_count(ui->edit.choices) && !is_disruptive(ui) && in.width >= 60
		       ? "Enter apply as a trial   F7 F8 another value   Esc drop"
		       : "Enter apply as a trial   Esc drop";
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE, keys);
	draw_place(ui, &in, in.height - 1, text_columns(keys));
}
