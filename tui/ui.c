#include "tui/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui_internal.h"

/* Snapshots until an entity that a jump leads to must have been read. */
#define PENDING_SNAPSHOTS 5

void ui_init(struct ui *ui)
{
	*ui = (struct ui){.message_role = ROLE_TEXT};
	ui->states = xcalloc(view_count, sizeof(*ui->states));
	for (unsigned i = 0; i < view_count; i++) {
		ui->states[i] = xcalloc(1, view_registry[i]->state_size);
		if (view_registry[i]->init)
			view_registry[i]->init(view_registry[i], ui->states[i]);
	}
}

void ui_done(struct ui *ui)
{
	for (unsigned i = 0; i < view_count; i++) {
		if (view_registry[i]->done)
			view_registry[i]->done(ui->states[i]);
		free(ui->states[i]);
	}
	free(ui->states);
	plan_free(ui->plan);
	edit_done(ui);
	*ui = (struct ui){0};
}

void ui_message(struct ui *ui, enum role role, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(ui->message, sizeof(ui->message), fmt, ap);
	va_end(ap);
	ui->message_role = role;
}

void ui_select_view(struct ui *ui, unsigned view)
{
	ui->view = view;
	ui->back = 0;
}

const char *ui_kinds(const struct ui *ui)
{
	const struct view *view = view_registry[ui->view];

	if (strcmp(view->kinds, "*") == 0)
		return view->wants(view, ui->states[ui->view]);
	return view->kinds;
}

void ui_planned(struct ui *ui, int result, const struct plan *plan, const char *why)
{
	if (ui->mode != MODE_PLANNING) /* Esc in the meantime */
		return;
	if (result < 0) {
		edit_refused(ui, why[0] ? why : strerror(-result));
		return;
	}
	if (plan_changes_nothing(plan)) { /* "0,1" where it shows "0-1" */
		edit_refused(ui, "already so: another value, or Esc");
		return;
	}
	plan_free(ui->plan);
	ui->plan = plan_new();
	plan_copy(ui->plan, plan);
	snprintf(ui->note, sizeof(ui->note), "%s", why);
	input_set(&ui->confirm, "");
	ui->is_preview_read = false;
	ui->preview_top = 0;
	ui->mode = MODE_PREVIEW;
}

void ui_refused(struct ui *ui, const char *why)
{
	if (ui->mode == MODE_MEASURE)
		snprintf(ui->measure.error, sizeof(ui->measure.error), "%s", why);
	else
		ui_message(ui, ROLE_WARNING, "%s", why);
}

static void select_by_key(struct ui *ui, uint32_t key)
{
	int view = view_by_key(key);

	if (view >= 0)
		ui_select_view(ui, (unsigned)view);
	else
		ui_message(ui, ROLE_TEXT, "there is no view %c", (char)key);
}

static void search(struct ui *ui, const struct frame *frame, int direction)
{
	const struct view *view = view_registry[ui->view];

	if (!view->search)
		ui_message(ui, ROLE_TEXT, "there is nothing to search in this view");
	else if (!ui->needle.text[0])
		ui_message(ui, ROLE_TEXT, "no search text yet: / asks for one");
	else if (!view->search(view, ui->states[ui->view], frame, ui->needle.text, direction))
		ui_message(ui, ROLE_WARNING, "\"%s\" is in no row", ui->needle.text);
}

static void search_key(struct ui *ui, const struct frame *frame, uint32_t key)
{
	if (key == KEYCODE_ESC || key == KEYCODE_ENTER) {
		ui->mode = MODE_NORMAL;
		if (key == KEYCODE_ENTER && ui->needle.text[0])
			search(ui, frame, 0);
	} else if (input_key(&ui->needle, key) && ui->needle.text[0]) {
		search(ui, frame, 0);
	}
}

static void open_search(struct ui *ui)
{
	if (!view_registry[ui->view]->search) {
		ui_message(ui, ROLE_TEXT, "there is nothing to search in this view");
		return;
	}
	input_set(&ui->needle, "");
	ui->mode = MODE_SEARCH;
}

static void filter_key(struct ui *ui, uint32_t key)
{
	const struct view *view = view_registry[ui->view];
	void *state = ui->states[ui->view];

	if (key == KEYCODE_ESC || key == KEYCODE_ENTER)
		ui->mode = MODE_NORMAL;
	if (key == KEYCODE_ESC)
		(void)view->filter(view, state, "");
	else if (key != KEYCODE_ENTER && input_key(&ui->needle, key))
		(void)view->filter(view, state, ui->needle.text);
}

static void open_filter(struct ui *ui)
{
	const struct view *view = view_registry[ui->view];

	if (!view->filter) {
		ui_message(ui, ROLE_TEXT, "this view has no filter: / searches");
		return;
	}
	input_set(&ui->needle, view->filter(view, ui->states[ui->view], NULL));
	ui->mode = MODE_FILTER;
}

static void open_help(struct ui *ui)
{
	ui->help_top = 0;
	ui->mode = MODE_HELP;
}

/* True: nobody is there any more who could keep or take back; it says so. */
static bool is_guard_lost(struct ui *ui, const struct frame *frame)
{
	if (frame->session->guard != GUARD_LOST)
		return false;
	ui_message(ui, ROLE_ERROR, "%s",
		   frame->session->guard_text[0] ? frame->session->guard_text
						 : "the guard died: see `jittertop status`");
	return true;
}

static void keep(struct ui *ui, const struct frame *frame, struct ui_action *ret)
{
	const struct session_change *c = session_open_trial(frame->session);

	if (is_guard_lost(ui, frame))
		return;
	if (!c) {
		ui_message(ui, ROLE_TEXT, "there is no trial to keep");
		return;
	}
	ret->type = ACTION_KEEP;
	ret->id = c->id;
}

static void undo(struct ui *ui, const struct frame *frame, bool is_all, struct ui_action *ret)
{
	const struct session_change *c = session_undoable(frame->session);

	if (is_guard_lost(ui, frame))
		return;
	if (!c) {
		ui_message(ui, ROLE_TEXT, "there is no change of this session to take back");
		return;
	}
	ret->type = is_all ? ACTION_UNDO_ALL : ACTION_UNDO;
	ret->id = c->id;
}

/* Commands that mean the same in every view. False: not one of them. */
static bool common_command(struct ui *ui, const struct frame *frame, enum command command,
			   uint32_t key, struct ui_action *ret)
{
	static const enum ui_action_type actions[COMMAND_COUNT] = {
		[COMMAND_QUIT] = ACTION_QUIT,	  [COMMAND_PAUSE] = ACTION_PAUSE,
		[COMMAND_FASTER] = ACTION_FASTER, [COMMAND_SLOWER] = ACTION_SLOWER,
		[COMMAND_THEME] = ACTION_THEME,	  [COMMAND_REDRAW] = ACTION_REDRAW,
		[COMMAND_MOUSE] = ACTION_MOUSE,
	};

	if (actions[command] != ACTION_NONE)
		ret->type = actions[command];
	else if (command == COMMAND_HELP)
		open_help(ui);
	else if (command == COMMAND_VIEW)
		select_by_key(ui, key);
	else if (command == COMMAND_NEXT_VIEW)
		ui_select_view(ui, (ui->view + 1) % view_count);
	else if (command == COMMAND_PREVIOUS_VIEW)
		ui_select_view(ui, (ui->view + view_count - 1) % view_count);
	else if (command == COMMAND_MEASURE)
		measure_dialog_open(ui, frame);
	else if (command == COMMAND_CHECK)
		check_dialog_open(ui, frame);
	else if (command == COMMAND_SEARCH)
		open_search(ui);
	else if (command == COMMAND_FILTER)
		open_filter(ui);
	else if (command == COMMAND_SEARCH_NEXT || command == COMMAND_SEARCH_PREVIOUS)
		search(ui, frame, command == COMMAND_SEARCH_NEXT ? 1 : -1);
	else if (command == COMMAND_KEEP)
		keep(ui, frame, ret);
	else if (command == COMMAND_UNDO || command == COMMAND_UNDO_ALL)
		undo(ui, frame, command == COMMAND_UNDO_ALL, ret);
	else
		return false;
	return true;
}

/* False: the entity is not there. */
static bool jump_now(struct ui *ui, const struct frame *frame, unsigned to, const char *key)
{
	const struct view *view = view_registry[to];

	if (!frame->snap || !view->select(view, ui->states[to], frame, key))
		return false;
	if (to == ui->view)
		return true;
	ui->back = ui->view + 1;
	ui->view = to;
	ui_message(ui, ROLE_TEXT, "%.90s; Esc goes back to %s", key,
		   view_registry[ui->back - 1]->name);
	return true;
}

/* Nothing of that kind is there: it may be one that is read only while a view asks for it. */
static bool is_unread(const struct frame *frame, const char *key)
{
	const struct snapshot_table *table;
	char kind[32];

	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(key, ":"), key);
	table = frame->snap ? snapshot_table(frame->snap, kind) : NULL;
	return table && table->n_entities == 0;
}

static void jump(struct ui *ui, const struct frame *frame, const char *key)
{
	int to = view_by_entity(key);
	unsigned from = ui->view;

	if (to >= 0 && jump_now(ui, frame, (unsigned)to, key))
		return;
	if (to < 0 || (unsigned)to == from || !is_unread(frame, key)) {
		ui_message(ui, ROLE_WARNING, "%.90s: no such thing here", key);
		return;
	}
	ui_select_view(ui, (unsigned)to);
	ui->back = from + 1;
	ui->pending_since = frame->snap->seq;
	snprintf(ui->pending, sizeof(ui->pending), "%s", key);
	ui_message(ui, ROLE_TEXT, "%.90s: being read; Esc goes back to %s", key,
		   view_registry[from]->name);
}

void ui_arrive(struct ui *ui, const struct frame *frame)
{
	const struct view *view = view_registry[ui->view];

	if (!ui->pending[0] || !frame->snap)
		return;
	if (view->select && view->select(view, ui->states[ui->view], frame, ui->pending))
		ui->message[0] = 0;
	else if (frame->snap->seq - ui->pending_since < PENDING_SNAPSHOTS)
		return;
	else
		ui_message(ui, ROLE_WARNING, "%.90s: no such thing here", ui->pending);
	ui->pending[0] = 0;
}

/* The knobs view with those of one entity; Esc comes back. */
static void show_knobs(struct ui *ui, const char *key)
{
	int to = view_by_name("knobs");
	char filter[UI_KEY_MAX + 1];

	if (to < 0)
		return;
	snprintf(filter, sizeof(filter), "@%s", key);
	(void)view_registry[to]->filter(view_registry[to], ui->states[to], filter);
	if ((unsigned)to != ui->view) {
		unsigned from = ui->view;

		ui_select_view(ui, (unsigned)to);
		ui->back = from + 1;
	}
	ui_message(ui, ROLE_TEXT, "knobs of %.90s; Esc shows all", key);
}

static void view_command(struct ui *ui, const struct frame *frame, enum command command,
			 struct ui_action *ret)
{
	const struct view *view = view_registry[ui->view];
	struct ui_request request = {0};

	if (!frame->snap || !view->command(view, ui->states[ui->view], frame, command, &request)) {
		if (command == COMMAND_BACK && ui->back)
			ui_select_view(ui, ui->back - 1);
		return;
	}
	switch (request.type) {
	case UI_NONE:
	case UI_UNDO:
		return;
	case UI_EDIT:
	case UI_CPUS:
	case UI_STEP:
	case UI_SET:
		edit_open(ui, frame, &request, ret);
		return;
	case UI_KNOBS:
		show_knobs(ui, request.key);
		return;
	case UI_MESSAGE:
		ui_message(ui, ROLE_TEXT, "%s", request.text);
		return;
	case UI_GOTO:
		jump(ui, frame, request.key);
		return;
	}
}

static void click(struct ui *ui, const struct frame *frame, int x, int y)
{
	const struct view *view = view_registry[ui->view];
	const struct pane *p = &ui->view_pane;

	if (y == ui->tabs_pane.y) {
		char text[64];
		int at = 1;

		for (unsigned i = 0; i < view_count; i++) {
			int n = ui_tab_text(ui, i, ui->tabs_pane.width, text, sizeof(text));

			if (x >= at && x < at + n) {
				ui_select_view(ui, i);
				return;
			}
			at += n;
		}
	} else if (view->click && frame->snap && x >= p->x && y >= p->y && x < p->x + p->width &&
		   y < p->y + p->height) {
		view->click(view, ui->states[ui->view], frame, x - p->x, y - p->y);
	}
}

static void normal_key(struct ui *ui, const struct frame *frame, const struct key *key,
		       struct ui_action *ret)
{
	enum command command = command_of_key(key->code);

	if (key->code == KEYCODE_MOUSE_CLICK) {
		click(ui, frame, key->x, key->y);
		return;
	}
	if (key->code == KEYCODE_WHEEL_UP || key->code == KEYCODE_WHEEL_DOWN)
		command = key->code == KEYCODE_WHEEL_UP ? COMMAND_UP : COMMAND_DOWN;
	if (command == COMMAND_NONE || common_command(ui, frame, command, key->code, ret))
		return;
	view_command(ui, frame, command, ret);
}

void ui_key(struct ui *ui, const struct frame *shown, const struct key *key, struct ui_action *ret)
{
	struct frame own = *shown, *frame = &own;

	own.tags = &ui->tags;
	*ret = (struct ui_action){0};
	ui->message[0] = 0;
	ui->pending[0] = 0;
	switch (ui->mode) {
	case MODE_NORMAL:
		normal_key(ui, frame, key, ret);
		return;
	case MODE_HELP:
		help_key(ui, key);
		return;
	case MODE_SEARCH:
		search_key(ui, frame, key->code);
		return;
	case MODE_FILTER:
		filter_key(ui, key->code);
		return;
	case MODE_EDIT:
	case MODE_PLANNING:
		edit_key(ui, frame, key, ret);
		return;
	case MODE_PREVIEW:
		preview_key(ui, key, ret);
		return;
	case MODE_MEASURE:
		measure_dialog_key(ui, frame, key, ret);
		return;
	case MODE_CHECK:
		check_dialog_key(ui, frame, key, ret);
		return;
	}
}
