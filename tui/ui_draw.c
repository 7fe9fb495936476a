/* Puts a frame together: header, tabs, view, worst CPU, strip, bottom bar, dialog on top. */
#include <stdio.h>

#include "tui/ui_internal.h"
#include "tui/worst.h"

/* With less air where that lets all names stand; a narrow screen names only the view it shows, the
 * others keep their key. */
int ui_tab_text(const struct ui *ui, unsigned i, int width, char *buf, size_t size)
{
	const struct view *view = view_registry[i];
	int names = 1, n = (int)view_count;

	for (unsigned v = 0; v < view_count; v++)
		names += text_columns(view_registry[v]->name);
	if (names + 4 * n <= width || (names + 3 * n > width && i == ui->view))
		snprintf(buf, size, " %c %s ", view->key, view->name);
	else if (names + 3 * n <= width)
		snprintf(buf, size, "%c %s ", view->key, view->name);
	else
		snprintf(buf, size, " %c ", view->key);
	return text_columns(buf);
}

static void draw_tabs(const struct ui *ui, const struct pane *pane)
{
	char text[64];
	int x = 1;

	for (unsigned i = 0; i < view_count; i++) {
		(void)ui_tab_text(ui, i, pane->width, text, sizeof(text));
		x = pane_text(pane, x, 0, i == ui->view ? ROLE_TAB_ACTIVE : ROLE_TAB, text);
	}
}

static int draw_hint(const struct pane *pane, int x, enum command command)
{
	const struct binding *b = binding_of(command);
	uint32_t key = b->keys[0];
	char name[16];

	/* Prefer the F-key: that is what the bar is known for. */
	for (const uint32_t *k = b->keys; *k; k++) {
		if (*k >= KEYCODE_F1 && *k <= KEYCODE_F12)
			key = *k;
	}
	x = pane_text(pane, x, 0, ROLE_KEY, key_label(key, name, sizeof(name)));
	return pane_text(pane, x, 0, ROLE_KEY_LABEL, b->label) + 1;
}

/* With the blank behind it. */
static int hint_width(const struct pane *pane, enum command command)
{
	const struct pane nowhere = pane_sub(pane, 0, 0, 0, 0);

	return command ? draw_hint(&nowhere, 0, command) : 0;
}

static bool has_hint(const struct view *view, enum command command)
{
	for (unsigned i = 0; i < ARRAY_SIZE(view->hints); i++) {
		if (view->hints[i] == command)
			return true;
	}
	return false;
}

static void draw_bottom(const struct ui *ui, const struct frame *frame, const struct pane *pane)
{
	const struct view *view = view_registry[ui->view];
	enum command keep = COMMAND_NONE, undo = COMMAND_NONE;
	int x, tail;

	if (ui->mode == MODE_SEARCH || ui->mode == MODE_FILTER) {
		x = pane_text(pane, 0, 0, ROLE_LABEL,
			      ui->mode == MODE_SEARCH ? "search: " : "filter: ");
		input_draw(&ui->needle, pane, x, 0, pane->width - x < 40 ? pane->width - x : 40);
		if (ui->message[0])
			(void)pane_text(pane, x + 42, 0, ui->message_role, ui->message);
		return;
	}
	if (ui->message[0]) {
		pane_text_in(pane, 0, 0, pane->width, ui->message_role, ui->message);
		return;
	}
	if (!has_hint(view, COMMAND_UNDO) && session_open_trial(frame->session))
		keep = COMMAND_KEEP;
	if (!has_hint(view, COMMAND_UNDO) && session_undoable(frame->session))
		undo = COMMAND_UNDO;
	/* What does not fit whole is left out: first the view's own. */
	tail = hint_width(pane, keep) + hint_width(pane, undo) + hint_width(pane, COMMAND_QUIT) - 1;
	x = draw_hint(pane, 0, COMMAND_HELP);
	for (unsigned i = 0; i < ARRAY_SIZE(view->hints) && view->hints[i]; i++) {
		if (x + hint_width(pane, view->hints[i]) + tail <= pane->width)
			x = draw_hint(pane, x, view->hints[i]);
	}
	tail = hint_width(pane, COMMAND_QUIT) - 1;
	if (keep && x + hint_width(pane, keep) + tail <= pane->width)
		x = draw_hint(pane, x, keep);
	if (undo && x + hint_width(pane, undo) + tail <= pane->width)
		x = draw_hint(pane, x, undo);
	(void)draw_hint(pane, x, COMMAND_QUIT);
}

/* Lines of the parts; small screens lose the rule, then the strip's second line, the worst CPU, the
 * tabs. */
struct parts {
	int header, tabs, worst, rule, strip, bottom;
};

static struct parts share_height(int width, int height)
{
	struct parts p = {.header = height >= 3, .bottom = height >= 4, .tabs = height >= 6};

	p.strip = height >= 5 ? (width < 150 && height >= 14 ? 2 : 1) : 0;
	p.rule = height >= 18;
	p.worst = height >= 12;
	return p;
}

static void draw_dialog(struct ui *ui, const struct frame *frame, const struct pane *all)
{
	switch (ui->mode) {
	case MODE_NORMAL:
	case MODE_SEARCH:
	case MODE_FILTER:
		return;
	case MODE_HELP:
		help_draw(ui, all);
		return;
	case MODE_EDIT:
	case MODE_PLANNING:
		edit_draw(ui, frame, all);
		return;
	case MODE_PREVIEW:
		preview_draw(ui, all);
		return;
	case MODE_MEASURE:
		measure_dialog_draw(ui, frame, all);
		return;
	case MODE_CHECK:
		check_dialog_draw(ui, frame, all);
		return;
	}
}

void ui_draw(struct ui *ui, const struct frame *shown, struct surface *surface)
{
	struct frame own = *shown, *frame = &own;
	struct pane all = surface_pane(surface), part;
	struct parts p = share_height(all.width, all.height);
	int bottom = all.height - p.bottom, strip = bottom - p.strip, rule = strip - p.rule,
	    worst = rule - p.worst;
	const struct view *view = view_registry[ui->view];

	own.tags = &ui->tags;
	ui_arrive(ui, frame);
	surface_clear(surface);
	part = pane_sub(&all, 0, 0, all.width, p.header);
	header_draw(frame, &part);
	ui->tabs_pane = pane_sub(&all, 0, p.header, all.width, p.tabs);
	draw_tabs(ui, &ui->tabs_pane);
	ui->view_pane = pane_sub(&all, 0, p.header + p.tabs, all.width, worst - p.header - p.tabs);
	if (frame->snap)
		view->draw(view, ui->states[ui->view], frame, &ui->view_pane);
	else
		(void)pane_text(&ui->view_pane, 0, 0, ROLE_DIM, "reading the machine ...");
	part = pane_sub(&all, 0, worst, all.width, p.worst);
	worst_draw(frame, &part);
	part = pane_sub(&all, 0, rule, all.width, p.rule);
	widget_rule(&part, 0, "");
	part = pane_sub(&all, 0, strip, all.width, p.strip);
	strip_draw(frame, &part);
	part = pane_sub(&all, 0, bottom, all.width, p.bottom);
	draw_bottom(ui, frame, &part);
	draw_dialog(ui, frame, &all);
}
