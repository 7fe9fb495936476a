/* The knobs view: every target of every knob, its value, and why it is locked when it is. */
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

struct knobs_view {
	struct table_state table;
};

static const struct table_column columns[] = {
	{.title = "knob", .min_width = 10, .max_width = 16},
	{.title = "target", .min_width = 8, .max_width = 24},
	{.title = "value", .min_width = 8, .max_width = 24},
	{.title = "name", .min_width = 8, .max_width = 28, .priority = 2},
	{.title = "class", .min_width = 7, .max_width = 10, .priority = 3},
	{.title = "choices, or why it is locked", .min_width = 16, .max_width = 100, .priority = 1},
};

static unsigned count_rows(const struct knob_list *list)
{
	unsigned n = 0;

	for (unsigned i = 0; list && i < list->n_items; i++)
		n += list->items[i].targets.n_targets ? list->items[i].targets.n_targets : 1;
	return n;
}

/* *ret_target is NULL for a knob that has none. */
static const struct knob_list_item *row_at(const struct knob_list *list, unsigned row,
					   const struct knob_target **ret_target)
{
	for (unsigned i = 0; list && i < list->n_items; i++) {
		const struct knob_list_item *item = &list->items[i];
		unsigned n = item->targets.n_targets ? item->targets.n_targets : 1;

		if (row < n) {
			*ret_target = item->targets.n_targets ? &item->targets.targets[row] : NULL;
			return item;
		}
		row -= n;
	}
	*ret_target = NULL;
	return NULL;
}

struct source {
	const struct frame *frame;
};

static void last_cell(const struct frame *frame, const struct knob_list_item *item,
		      const struct knob_target *target, struct table_cell *ret)
{
	const char *why = !target ? item->error ? strerror(-item->error) : "none on this machine"
			  : target->locked ? target->locked
					   : frame->why_no_change;

	ret->role = why ? ROLE_DIM : ROLE_VALUE;
	snprintf(ret->text, sizeof(ret->text), "%s%s", why ? "locked: " : "",
		 why		   ? why
		 : target->choices ? target->choices
				   : "");
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct frame *frame = ((const struct source *)arg)->frame;
	const struct knob_target *t;
	const struct knob_list_item *item = row_at(frame->knobs, row, &t);
	const char *text = "-";

	if (!item)
		return;
	switch (column) {
	case 0:
		text = item->knob->name;
		break;
	case 1:
		text = t ? t->key : "-";
		ret->role = ROLE_STRONG;
		break;
	case 2:
		text = t && t->value ? t->value[0] ? t->value : "\"\"" : "-";
		ret->role = t && t->value ? ROLE_VALUE : ROLE_VALUE_ABSENT;
		break;
	case 3:
		text = t && t->name ? t->name : "";
		break;
	case 4:
		text = knob_risk_name(item->knob->risk);
		break;
	case 5:
		last_cell(frame, item, t, ret);
		return;
	}
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}

static void knobs_draw(const struct view *view, void *arg, const struct frame *frame,
		       const struct pane *pane)
{
	struct knobs_view *state = arg;
	struct source source = {frame};
	struct table table = {columns, ARRAY_SIZE(columns), count_rows(frame->knobs), cell,
			      &source, "no knobs"};
	const struct knob_target *target;
	const struct knob_list_item *item;
	int below = pane->height >= 12 ? 4 : pane->height >= 8 ? 3 : 0;
	struct pane area = pane_sub(pane, 0, 0, pane->width, pane->height - below);

	(void)view;
	if (!frame->knobs) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "listing the knobs ...");
		return;
	}
	state->table.sort_column = -1;
	table_draw(&area, &table, &state->table);
	item = row_at(frame->knobs, state->table.cursor, &target);
	if (!item || below == 0)
		return;
	widget_rule(pane, pane->height - below, item->knob->name);
	area = pane_sub(pane, 0, pane->height - below + 1, pane->width, below - 1);
	(void)pane_text(&area, 0, 0, ROLE_TEXT, item->knob->summary);
	(void)widget_paragraph(&area, 1, ROLE_DIM, item->knob->cost, area.width);
}

static bool knobs_command(const struct view *view, void *arg, const struct frame *frame,
			  enum command command, struct ui_request *ret)
{
	struct knobs_view *state = arg;
	const struct knob_target *target;
	const struct knob_list_item *item;

	(void)view;
	if (table_command(&state->table, count_rows(frame->knobs), command))
		return true;
	if (command != COMMAND_OPEN && command != COMMAND_EDIT)
		return false;
	item = row_at(frame->knobs, state->table.cursor, &target);
	if (item && !target) {
		ret->type = UI_MESSAGE;
		snprintf(ret->text, sizeof(ret->text), "%s has nothing here that could be changed",
			 item->knob->name);
	}
	if (!item || !target)
		return true;
	ret->type = UI_EDIT;
	ret->knob = item->knob->name;
	snprintf(ret->target, sizeof(ret->target), "%s", target->key);
	return true;
}

static bool knobs_search(const struct view *view, void *arg, const struct frame *frame,
			 const char *needle, int direction)
{
	struct knobs_view *state = arg;
	struct source source = {frame};
	unsigned n = count_rows(frame->knobs), step = direction < 0 ? n - 1 : 1;
	unsigned at = state->table.cursor + (direction ? step : 0);

	(void)view;
	for (unsigned i = 0; i < n; i++, at += step) {
		for (unsigned c = 0; c < ARRAY_SIZE(columns); c++) {
			struct table_cell text = {.role = ROLE_VALUE};

			cell(&source, at % n, c, &text);
			if (!text_contains(text.text, needle))
				continue;
			state->table.cursor = at % n;
			return true;
		}
	}
	return false;
}

static void knobs_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct knobs_view *state = arg;

	(void)view;
	(void)frame;
	(void)x;
	if (y >= 1)
		state->table.cursor = state->table.top + (unsigned)(y - 1);
}

extern const struct view view_knobs;

const struct view view_knobs = {
	.name = "knobs",
	.key = '8',
	.summary = "every knob: target, value, choices, why it is locked",
	.kinds = "",
	.hints = {COMMAND_SEARCH, COMMAND_EDIT},
	.state_size = sizeof(struct knobs_view),
	.draw = knobs_draw,
	.command = knobs_command,
	.search = knobs_search,
	.click = knobs_click,
};
