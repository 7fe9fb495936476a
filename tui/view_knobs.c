/*
 * The knobs view: every target of every knob in its family, its value, and why it is locked when it
 * is. Below the table all there is to say about the selected one.
 */
#include <stdio.h>
#include <string.h>

#include "tui/knob_tree.h"

struct knobs_view {
	struct knob_tree tree;
	int table_y; /* of the last draw, for clicks */
};

static const struct table_column columns[KNOB_COLUMNS] = {
	{.title = "knob, target", .min_width = 16, .max_width = 36},
	{.title = "value", .min_width = 10, .max_width = 28},
	{.title = "name", .min_width = 14, .max_width = 28, .priority = 3},
	{.title = "class", .min_width = 7, .max_width = 10, .priority = 2},
	{.title = "owner", .min_width = 10, .max_width = 20, .priority = 4},
	{.title = "choices, or why locked", .min_width = 16, .max_width = 120, .priority = 1},
};

static void knobs_init(const struct view *view, void *arg)
{
	struct knobs_view *state = arg;

	(void)view;
	knob_tree_init(&state->tree);
}

static void knobs_done(void *arg)
{
	knob_tree_done(&((struct knobs_view *)arg)->tree);
}

/* --- the table --- */

struct cells {
	struct knob_tree *tree;
	const struct frame *frame;
};

static void name_cell(const struct cells *cells, const struct knob_row *row, struct table_cell *ret)
{
	const struct knob_list_item *item = &cells->frame->knobs->items[row->item];
	const struct knob_target *target = knob_tree_target(cells->frame->knobs, row);
	char mark = row->n == 0 ? ' ' : row->is_open ? '-' : '+';

	switch (row->type) {
	case KNOB_ROW_FAMILY:
		snprintf(ret->text, sizeof(ret->text), "%c %s", mark, knob_tree_family(item->knob));
		ret->role = ROLE_LABEL;
		return;
	case KNOB_ROW_KNOB:
	case KNOB_ROW_ONE:
		snprintf(ret->text, sizeof(ret->text), "  %c %s", mark, item->knob->name);
		ret->role = ROLE_STRONG;
		return;
	case KNOB_ROW_TARGET:
		snprintf(ret->text, sizeof(ret->text), "      %.240s", target->key);
		return;
	}
}

static void value_cell(const struct cells *cells, const struct knob_row *row,
		       struct table_cell *ret)
{
	const struct knob_target *target = knob_tree_target(cells->frame->knobs, row);
	const char *text = target ? target->value
				  : knob_tree_summary(cells->tree, cells->frame->knobs, row->item);

	if (row->type == KNOB_ROW_FAMILY)
		return;
	ret->role = target && text ? ROLE_VALUE : !target ? ROLE_DIM : ROLE_VALUE_ABSENT;
	snprintf(ret->text, sizeof(ret->text), "%.250s",
		 !text		      ? "-"
		 : !text[0] && target ? "\"\""
				      : text);
}

/* Why nothing can be done with the row, or what can. */
static void last_cell(const struct cells *cells, const struct knob_row *row, struct table_cell *ret)
{
	const struct frame *frame = cells->frame;
	const struct knob_list_item *item = &frame->knobs->items[row->item];
	const struct knob_target *target = knob_tree_target(frame->knobs, row);
	const char *choices = target && target->choices ? target->choices : "";
	const char *why = target ? target->locked : NULL;

	if (!target && !item->targets.n_targets)
		why = item->error ? strerror(-item->error) : "none on this machine";
	ret->role = ROLE_DIM;
	if (row->type == KNOB_ROW_FAMILY)
		return;
	if (why)
		snprintf(ret->text, sizeof(ret->text), "locked: %.240s", why);
	else if (item->knob->is_boot_only && target)
		snprintf(ret->text, sizeof(ret->text), "kernel command line: %.220s", choices);
	else if (!target)
		snprintf(ret->text, sizeof(ret->text), "%.250s", item->knob->summary);
	else if (frame->why_no_change)
		snprintf(ret->text, sizeof(ret->text), "locked: %.240s", frame->why_no_change);
	else
		ret->role = ROLE_VALUE, snprintf(ret->text, sizeof(ret->text), "%.250s", choices);
}

static void owner_cell(const struct knob_list_item *item, struct table_cell *ret)
{
	const char *owner = item->owner ? item->owner : "";

	/* Its name; the rest is below. */
	snprintf(ret->text, sizeof(ret->text), "%.*s", (int)strcspn(owner, " :;"), owner);
	ret->role = ROLE_WARNING;
}

static void cell(void *arg, unsigned at, unsigned column, struct table_cell *ret)
{
	const struct cells *cells = arg;
	const struct knob_row *row = &cells->tree->rows[at];
	const struct knob_list_item *item = &cells->frame->knobs->items[row->item];
	const struct knob_target *target = knob_tree_target(cells->frame->knobs, row);

	switch ((enum knob_column)column) {
	case KNOB_COLUMN_NAME:
		name_cell(cells, row, ret);
		return;
	case KNOB_COLUMN_VALUE:
		value_cell(cells, row, ret);
		return;
	case KNOB_COLUMN_LABEL:
		if (row->type == KNOB_ROW_FAMILY)
			snprintf(ret->text, sizeof(ret->text), "%u knob%s", row->n,
				 row->n == 1 ? "" : "s");
		else if (target)
			snprintf(ret->text, sizeof(ret->text), "%.250s",
				 target->name ? target->name : "");
		else
			snprintf(ret->text, sizeof(ret->text), "%u targets", row->n);
		ret->role = target ? ROLE_VALUE : ROLE_DIM;
		return;
	case KNOB_COLUMN_CLASS:
		if (row->type == KNOB_ROW_KNOB || row->type == KNOB_ROW_ONE)
			snprintf(ret->text, sizeof(ret->text), "%s",
				 item->knob->is_boot_only ? "boot"
							  : knob_risk_name(item->knob->risk));
		return;
	case KNOB_COLUMN_OWNER:
		if (row->type != KNOB_ROW_FAMILY)
			owner_cell(item, ret);
		return;
	case KNOB_COLUMN_CHOICES:
	case KNOB_COLUMNS:
		last_cell(cells, row, ret);
		return;
	}
}

/* --- the selected row --- */

struct details {
	const struct pane *pane;
	int y;
};

static void say(struct details *d, enum role role, const char *label, const char *text)
{
	_cleanup_(freep) char *all = xasprintf("%s%s", label, text ? text : "");

	if (text && text[0] && d->y < d->pane->height)
		d->y += widget_paragraph(d->pane, d->y, role, all, d->pane->width);
}

static void draw_details(const struct cells *cells, const struct knob_row *row,
			 const struct pane *pane)
{
	const struct frame *frame = cells->frame;
	const struct knob_list_item *item = &frame->knobs->items[row->item];
	const struct knob_target *t = knob_tree_target(frame->knobs, row);
	struct details d = {.pane = pane};

	if (row->type == KNOB_ROW_FAMILY) {
		say(&d, ROLE_DIM, "", "Enter, Left and Right close and open it; t all of them.");
		return;
	}
	say(&d, ROLE_TEXT, "", item->knob->summary);
	if (t && t->locked)
		say(&d, ROLE_WARNING, "locked: ", t->locked);
	else if (frame->why_no_change)
		say(&d, ROLE_WARNING, "locked: ", frame->why_no_change);
	if (t && !t->locked)
		say(&d, ROLE_TEXT,
		    item->knob->is_boot_only ? "kernel command line: " : "choices: ", t->choices);
	/* What the columns cut off. */
	if (t && t->value && strlen(t->value) > 20)
		say(&d, ROLE_TEXT, "now: ", t->value);
	say(&d, ROLE_WARNING, "also written: ", item->owner);
	say(&d, ROLE_DIM,
	    item->knob->is_boot_only ? "gives: " : "cost and undo: ", item->knob->cost);
	if (t && t->name && pane->width < 120)
		say(&d, ROLE_DIM, "name: ", t->name);
}

static int details_height(int height)
{
	return height >= 30 ? 9 : height >= 14 ? 6 : height >= 11 ? 4 : height >= 8 ? 3 : 0;
}

static void draw_rule(const struct cells *cells, const struct knob_row *row,
		      const struct pane *pane, int y)
{
	const struct knob_list *list = cells->frame->knobs;
	const struct knob_target *t = knob_tree_target(list, row);
	const char *name = row->type == KNOB_ROW_FAMILY
				   ? knob_tree_family(list->items[row->item].knob)
				   : list->items[row->item].knob->name;
	_cleanup_(freep) char *label = t ? xasprintf("%s@%.120s", name, t->key) : xstrdup(name);
	char place[48];

	widget_rule(pane, y, label);
	snprintf(place, sizeof(place), " %u of %u ", cells->tree->table.cursor + 1,
		 cells->tree->n_rows);
	if (pane->width >= text_columns(label) + text_columns(place) + 10)
		(void)pane_text(pane, pane->width - text_columns(place) - 2, y, ROLE_RULE, place);
}

static void draw_table(struct knobs_view *state, struct cells *cells, const struct pane *pane)
{
	struct table_column shown[KNOB_COLUMNS];
	struct table table = {shown,
			      KNOB_COLUMNS,
			      state->tree.n_rows,
			      cell,
			      cells,
			      state->tree.filter[0] ? "no knob and no target has all of these "
						      "words; \\ edits the filter, Esc drops it"
						    : "no knobs"};

	memcpy(shown, columns, sizeof(shown));
	/* Names before anything that says more about them. */
	if (pane->width >= 72)
		shown[KNOB_COLUMN_NAME].min_width = 28;
	if (state->tree.table.sort_column >= 0)
		shown[state->tree.table.sort_column].is_sort = true;
	if (state->tree.table.layout_for != pane->width + 1) {
		memset(state->tree.table.widths, 0, sizeof(state->tree.table.widths));
		state->tree.table.layout_for = pane->width + 1;
	}
	table_draw(pane, &table, &state->tree.table);
}

static void knobs_draw(const struct view *view, void *arg, const struct frame *frame,
		       const struct pane *pane)
{
	struct knobs_view *state = arg;
	struct cells cells = {&state->tree, frame};
	int below = details_height(pane->height), top = 0;
	const struct knob_row *row;
	struct pane area;

	(void)view;
	if (!frame->knobs) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "listing the knobs ...");
		return;
	}
	knob_tree_build(&state->tree, frame->knobs);
	if (state->tree.filter[0] && pane->height >= 4) {
		(void)pane_printf(pane, 0, top++, ROLE_MARK, "only: %s  (\\ edits, Esc shows all)",
				  state->tree.filter);
	}
	area = pane_sub(pane, 0, top, pane->width, pane->height - below - top);
	state->table_y = top;
	draw_table(state, &cells, &area);
	row = knob_tree_row(&state->tree);
	if (!row || below == 0)
		return;
	draw_rule(&cells, row, pane, pane->height - below);
	area = pane_sub(pane, 0, pane->height - below + 1, pane->width, below - 1);
	draw_details(&cells, row, &area);
}

/* --- keys --- */

static void message(struct ui_request *ret, const char *fmt, ...) _printf_(2, 3);

static void message(struct ui_request *ret, const char *fmt, ...)
{
	va_list ap;

	ret->type = UI_MESSAGE;
	va_start(ap, fmt);
	(void)vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
	va_end(ap);
}

/* The target that stands for all of a knob's: "policy:*". */
static const struct knob_target *target_of_all(const struct knob_list_item *item)
{
	for (unsigned i = 0; i < item->targets.n_targets; i++) {
		const char *star = strchr(item->targets.targets[i].key, '*');

		if (star && !item->targets.targets[i].locked)
			return &item->targets.targets[i];
	}
	return NULL;
}

static void change(const struct knob_list *list, const struct knob_row *row,
		   enum ui_request_type type, int step, struct ui_request *ret)
{
	const struct knob_list_item *item = &list->items[row->item];
	const struct knob_target *t = knob_tree_target(list, row);

	if (row->type == KNOB_ROW_FAMILY) {
		message(ret, "%s is a family: choose a knob in it", knob_tree_family(item->knob));
		return;
	}
	if (!t && !item->targets.n_targets) {
		message(ret, "%s has nothing here that could be changed%s%s", item->knob->name,
			item->error ? ": " : "", item->error ? strerror(-item->error) : "");
		return;
	}
	t = t ? t : target_of_all(item);
	if (!t) {
		message(ret, "%s has %u targets: Enter opens them, choose one", item->knob->name,
			item->targets.n_targets);
		return;
	}
	ret->type = type;
	ret->knob = item->knob->name;
	ret->step = step;
	snprintf(ret->target, sizeof(ret->target), "%s", t->key);
}

/* The entity a target belongs to: itself, or the CPU of a policy, the interface of a queue. */
static void follow(const struct frame *frame, const struct knob_row *row, struct ui_request *ret)
{
	static const struct {
		const char *target, *entity;
	} places[] = {
		{"policy:", "cpu:"},	{"cstate:", "cpu:"},	   {"cpu:", "cpu:"},
		{"node:", "hugepool:"}, {"napi:", "nic:"},	   {"queue:", "nic:"},
		{"nic:", "nic:"},	{"cgroup:", "container:"},
	};
	const struct knob_target *t = knob_tree_target(frame->knobs, row);

	if (!t || strchr(t->key, '*')) {
		message(ret, "choose a target: where it is shown is where this leads");
		return;
	}
	ret->type = UI_GOTO;
	snprintf(ret->key, sizeof(ret->key), "%s", t->key);
	if (frame->snap && snapshot_find(frame->snap, t->key))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i].target);
		bool has_tail = strcmp(places[i].entity, "hugepool:") != 0 &&
				strcmp(places[i].entity, "container:") != 0;

		if (strncmp(t->key, places[i].target, n) != 0)
			continue;
		snprintf(ret->key, sizeof(ret->key), "%s%.*s", places[i].entity,
			 (int)(has_tail ? strcspn(t->key + n, "/") : strlen(t->key + n)),
			 t->key + n);
		return;
	}
	if (view_by_entity(t->key) < 0 || !strchr(t->key, ':'))
		message(ret, "%.100s: it is shown in no other view", t->key);
}

static void open_row(struct knobs_view *state, const struct knob_list *list,
		     const struct knob_row *row, struct ui_request *ret)
{
	if (row->type == KNOB_ROW_FAMILY || (row->type == KNOB_ROW_KNOB && row->n))
		knob_tree_toggle(&state->tree, list, row);
	else
		change(list, row, UI_EDIT, 0, ret);
}

static bool knobs_command(const struct view *view, void *arg, const struct frame *frame,
			  enum command command, struct ui_request *ret)
{
	struct knobs_view *state = arg;
	const struct knob_list *list = frame->knobs;
	const struct knob_row *row;

	(void)view;
	if (command == COMMAND_BACK && state->tree.filter[0]) {
		knob_tree_set_filter(&state->tree, "");
		return true;
	}
	if (!list)
		return false;
	if (knob_tree_command(&state->tree, list, command))
		return true;
	row = knob_tree_row(&state->tree);
	if (!row)
		return false;
	if (command == COMMAND_OPEN)
		open_row(state, list, row, ret);
	else if (command == COMMAND_EDIT)
		change(list, row, UI_EDIT, 0, ret);
	else if (command == COMMAND_AFFINITY)
		change(list, row, UI_CPUS, 0, ret);
	else if (command == COMMAND_TAG || command == COMMAND_MORE)
		change(list, row, UI_STEP, 1, ret);
	else if (command == COMMAND_LESS)
		change(list, row, UI_STEP, -1, ret);
	else if (command == COMMAND_FOLLOW)
		follow(frame, row, ret);
	else
		return false;
	return true;
}

static bool knobs_search(const struct view *view, void *arg, const struct frame *frame,
			 const char *needle, int direction)
{
	struct knobs_view *state = arg;

	(void)view;
	return frame->knobs && knob_tree_search(&state->tree, frame->knobs, needle, direction);
}

static void knobs_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct knobs_view *state = arg;

	(void)view;
	(void)x;
	if (frame->knobs)
		knob_tree_click(&state->tree, frame->knobs, y - state->table_y);
}

static const char *knobs_filter(const struct view *view, void *arg, const char *filter)
{
	struct knobs_view *state = arg;

	(void)view;
	if (filter)
		knob_tree_set_filter(&state->tree, filter);
	return state->tree.filter;
}

extern const struct view view_knobs;

const struct view view_knobs = {
	.name = "knobs",
	.key = '8',
	.summary = "every knob: target, value, choices, why it is locked",
	.kinds = "",
	.hints = {COMMAND_SEARCH, COMMAND_FILTER, COMMAND_TREE, COMMAND_LESS, COMMAND_MORE,
		  COMMAND_EDIT, COMMAND_FOLLOW},
	.state_size = sizeof(struct knobs_view),
	.init = knobs_init,
	.draw = knobs_draw,
	.command = knobs_command,
	.search = knobs_search,
	.click = knobs_click,
	.filter = knobs_filter,
	.done = knobs_done,
};
