/*
 * The table view: any kind of entity, its columns from the metrics that have a title; left and
 * right choose the kind.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view.h"

struct table_view {
	struct table_state table;
	unsigned kind; /* index into the schema; the table view only */
	bool has_kind;
	char kind_name[32];
	char cursor_key[64]; /* the cursor stays with its entity, not with its row */
	const struct entity **rows;
	unsigned n_rows, room;
};

struct table_source {
	const struct kind *kind;
	const struct entity *const *rows;
	/* By column: metric index; column 0 is the entity itself. */
	int metrics[TABLE_MAX_COLUMNS];
	struct table_column columns[TABLE_MAX_COLUMNS];
	unsigned n_columns;
};

static void table_init(const struct view *view, void *arg)
{
	struct table_view *state = arg;

	(void)view;
	state->table.sort_column = -1;
	snprintf(state->kind_name, sizeof(state->kind_name), "cpu");
}

static void table_done(void *arg)
{
	free(((struct table_view *)arg)->rows);
}

static const struct kind *find_kind(struct table_view *state, const struct snapshot *snap)
{
	const struct kind *kind = schema_kind(snap->schema, state->kind_name);

	if (kind) {
		state->kind = kind->index;
		state->has_kind = true;
	}
	return kind;
}

static bool is_numeric(const struct metric *metric)
{
	return metric->type == METRIC_GAUGE || metric->type == METRIC_COUNTER ||
	       metric->type == METRIC_HISTOGRAM;
}

static void build_columns(struct table_source *source, const struct table_state *state)
{
	source->columns[0] = (struct table_column){.title = source->kind->name,
						   .min_width = 6,
						   .max_width = 30,
						   .is_sort = state->sort_column == 0};
	source->n_columns = 1;
	for (unsigned i = 0; i < source->kind->n_metrics; i++) {
		const struct metric *m = source->kind->metrics[i];
		unsigned n = source->n_columns;

		if (!m->title || n == TABLE_MAX_COLUMNS)
			continue;
		source->metrics[n] = (int)i;
		/* Probes list what matters first: later columns are dropped first. */
		source->columns[n] = (struct table_column){
			.title = m->title,
			.min_width = is_numeric(m) ? 6 : 3,
			.max_width = is_numeric(m) ? 12 : 40,
			.priority = n,
			.is_right = is_numeric(m),
			.is_sort = state->sort_column == (int)n,
		};
		source->n_columns++;
	}
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct table_source *source = arg;
	const struct entity *e = source->rows[row];

	if (column > 0) {
		int m = source->metrics[column];

		ret->role = format_metric(source->kind->metrics[m], &e->values[m], e->rates[m],
					  ret->text, sizeof(ret->text));
		return;
	}
	/* "irq:41" in a table of irqs is 41; a name for people follows. */
	const char *colon = strchr(e->key, ':');
	const char *id = colon ? colon + 1 : e->key;
	bool has_name = e->name && e->name[0] && strcmp(e->name, e->key) && strcmp(e->name, id);

	snprintf(ret->text, sizeof(ret->text), "%s%s%s", id, has_name ? " " : "",
		 has_name ? e->name : "");
	ret->role = ROLE_STRONG;
}

struct sort_order {
	const struct table_source *source;
	int column;
	bool is_descending;
};

static int compare_cells(const struct sort_order *order, const struct entity *a,
			 const struct entity *b)
{
	int m = order->source->metrics[order->column];
	const struct metric *metric = order->source->kind->metrics[m];
	double x, y;

	if (metric->type == METRIC_TEXT || metric->type == METRIC_CPUSET) {
		const struct value *u = &a->values[m], *v = &b->values[m];
		const char *s = u->state == VALUE_OK && u->text ? u->text : "";
		const char *t = v->state == VALUE_OK && v->text ? v->text : "";

		return natural_compare(s, t);
	}
	x = metric_order(metric, &a->values[m], a->rates[m]);
	y = metric_order(metric, &b->values[m], b->rates[m]);
	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return x < y ? -1 : x > y;
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct entity *a = *(const struct entity *const *)pa;
	const struct entity *b = *(const struct entity *const *)pb;
	const struct sort_order *order = arg;
	int r = order->column > 0 ? compare_cells(order, a, b) : 0;

	if (r == 0)
		return natural_compare(a->key, b->key) *
		       (order->column <= 0 && order->is_descending ? -1 : 1);
	return order->is_descending ? -r : r;
}

static void collect_rows(struct table_view *state, const struct snapshot_table *table)
{
	if (table->n_entities > state->room) {
		state->room = table->n_entities;
		state->rows = xrealloc(state->rows, state->room * sizeof(*state->rows));
	}
	for (unsigned i = 0; i < table->n_entities; i++)
		state->rows[i] = &table->entities[i];
	state->n_rows = table->n_entities;
}

/* Rows in order, the cursor on the entity it was on. */
static bool prepare(struct table_view *state, const struct frame *frame,
		    struct table_source *source)
{
	struct sort_order order = {source, state->table.sort_column, state->table.is_descending};

	*source = (struct table_source){0};
	state->n_rows = 0;
	if (!frame->snap || !(source->kind = find_kind(state, frame->snap)))
		return false;
	collect_rows(state, &frame->snap->tables[source->kind->index]);
	build_columns(source, &state->table);
	if (state->n_rows)
		qsort_r(state->rows, state->n_rows, sizeof(*state->rows), compare_rows, &order);
	source->rows = state->rows;
	for (unsigned i = 0; i < state->n_rows && state->cursor_key[0]; i++) {
		if (strcmp(state->rows[i]->key, state->cursor_key) == 0)
			state->table.cursor = i;
	}
	if (state->table.cursor >= state->n_rows)
		state->table.cursor = state->n_rows ? state->n_rows - 1 : 0;
	return true;
}

static void remember_cursor(struct table_view *state)
{
	if (state->table.cursor < state->n_rows)
		snprintf(state->cursor_key, sizeof(state->cursor_key), "%s",
			 state->rows[state->table.cursor]->key);
}

/* What the probes of this kind have to say when there is nothing to show. */
static const char *empty_reason(const struct frame *frame, const struct kind *kind)
{
	for (unsigned i = 0; i < frame->snap->n_probes; i++) {
		const struct probe_status *p = &frame->snap->probes[i];

		for (unsigned k = 0; k < p->probe->n_sets; k++) {
			if (strcmp(p->probe->sets[k].kind, kind->name) == 0 && p->error)
				return p->error;
		}
	}
	return "none on this machine";
}

static void draw_kinds(const struct table_view *state, const struct frame *frame,
		       const struct pane *pane)
{
	unsigned n = schema_n_kinds(frame->snap->schema);
	int x = pane_text(pane, 0, 0, ROLE_LABEL, "kind (left right): ");

	for (unsigned i = 0; i < n; i++) {
		const char *name = schema_kind_at(frame->snap->schema, i)->name;
		bool is_it = state->has_kind && i == state->kind;

		x = pane_printf(pane, x, 0, is_it ? ROLE_TAB_ACTIVE : ROLE_TAB, " %s ", name);
	}
}

static void table_draw_view(const struct view *view, void *arg, const struct frame *frame,
			    const struct pane *pane)
{
	struct table_view *state = arg;
	struct table_source source;
	struct pane area = pane_sub(pane, 0, 1, -1, -1);
	struct table table;

	(void)view;
	if (!prepare(state, frame, &source)) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "no such kind of entity here");
		return;
	}
	draw_kinds(state, frame, pane);
	table = (struct table){source.columns, source.n_columns, state->n_rows,
			       cell,	       &source,		 empty_reason(frame, source.kind)};
	if (state->table.layout_for != (int)source.kind->index + 1) {
		memset(state->table.widths, 0, sizeof(state->table.widths));
		state->table.layout_for = (int)source.kind->index + 1;
	}
	table_draw(&area, &table, &state->table);
	remember_cursor(state);
}

static void change_kind(struct table_view *state, const struct frame *frame, int step)
{
	unsigned n = schema_n_kinds(frame->snap->schema);

	if (n == 0)
		return;
	state->kind = (state->kind + n + (unsigned)step) % n;
	snprintf(state->kind_name, sizeof(state->kind_name), "%s",
		 schema_kind_at(frame->snap->schema, state->kind)->name);
	state->table = (struct table_state){.sort_column = -1};
	state->cursor_key[0] = 0;
}

static void sort_command(struct table_view *state, const struct table_source *source,
			 enum command command)
{
	int n = (int)source->n_columns, at = state->table.sort_column;

	if (command == COMMAND_INVERT) {
		state->table.is_descending = !state->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	state->table.sort_column = at >= n ? 0 : at < 0 ? n - 1 : at;
	/* Numbers are most useful largest first, names the other way round. */
	state->table.is_descending = source->columns[state->table.sort_column].is_right;
}

static void edit_row(const struct table_view *state, struct ui_request *ret)
{
	const struct entity *e = state->rows[state->table.cursor];

	if (view_knob_of(e, &ret->knob, ret->target, sizeof(ret->target))) {
		ret->type = UI_EDIT;
		return;
	}
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%.100s: no knob sets this kind of thing yet",
		 e->name ? e->name : e->key);
}

static bool table_view_command(const struct view *view, void *arg, const struct frame *frame,
			       enum command command, struct ui_request *ret)
{
	struct table_view *state = arg;
	struct table_source source;

	(void)view;
	if (!prepare(state, frame, &source))
		return false;
	if (table_command(&state->table, state->n_rows, command)) {
		remember_cursor(state);
		return true;
	}
	if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
	    command == COMMAND_INVERT) {
		sort_command(state, &source, command);
		return true;
	}
	if (command == COMMAND_LEFT || command == COMMAND_RIGHT) {
		change_kind(state, frame, command == COMMAND_LEFT ? -1 : 1);
		return true;
	}
	if (command == COMMAND_KNOBS && state->n_rows > 0) {
		view_show_knobs(state->rows[state->table.cursor]->key, ret);
		return true;
	}
	if ((command == COMMAND_OPEN || command == COMMAND_EDIT) && state->n_rows > 0) {
		edit_row(state, ret);
		return true;
	}
	return false;
}

static bool row_contains(const struct table_source *source, unsigned row, const char *needle)
{
	for (unsigned i = 0; i < source->n_columns; i++) {
		struct table_cell text = {.role = ROLE_VALUE};

		cell((void *)(uintptr_t)source, row, i, &text);
		if (text_contains(text.text, needle))
			return true;
	}
	return false;
}

static bool table_search(const struct view *view, void *arg, const struct frame *frame,
			 const char *needle, int direction)
{
	struct table_view *state = arg;
	struct table_source source;
	unsigned step, at;

	(void)view;
	if (!prepare(state, frame, &source) || state->n_rows == 0)
		return false;
	step = direction < 0 ? state->n_rows - 1 : 1;
	at = state->table.cursor + (direction ? step : 0);
	for (unsigned i = 0; i < state->n_rows; i++, at += step) {
		if (!row_contains(&source, at % state->n_rows, needle))
			continue;
		state->table.cursor = at % state->n_rows;
		remember_cursor(state);
		return true;
	}
	return false;
}

/* A click on a row selects it; one on the header sorts by that column. */
static void table_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct table_view *state = arg;
	unsigned row;

	(void)view;
	(void)frame;
	(void)x;
	y -= 2;
	if (y < 0)
		return;
	row = state->table.top + (unsigned)y;
	if (row < state->n_rows) {
		state->table.cursor = row;
		state->cursor_key[0] = 0; /* rows of the frame on screen may be gone by now */
	}
}

/* The table view shows whatever kind the key is of. */
static bool table_select(const struct view *view, void *arg, const struct frame *frame,
			 const char *key)
{
	struct table_view *state = arg;
	const struct entity *entity = frame->snap ? snapshot_find(frame->snap, key) : NULL;

	(void)view;
	if (!entity)
		return false;
	if (strcmp(state->kind_name, entity->kind->name) != 0) {
		snprintf(state->kind_name, sizeof(state->kind_name), "%s", entity->kind->name);
		state->table = (struct table_state){.sort_column = -1};
	}
	snprintf(state->cursor_key, sizeof(state->cursor_key), "%s", key);
	return true;
}

static const char *table_wants(const struct view *view, const void *arg)
{
	(void)view;
	return ((const struct table_view *)arg)->kind_name;
}

extern const struct view view_table;

const struct view view_table = {
	.name = "table",
	.key = '0',
	.summary = "any kind of thing as a table",
	.selects = "*",
	.hints = {COMMAND_SEARCH, COMMAND_SORT_RIGHT, COMMAND_INVERT, COMMAND_EDIT},
	.state_size = sizeof(struct table_view),
	.init = table_init,
	.draw = table_draw_view,
	.command = table_view_command,
	.search = table_search,
	.click = table_click,
	.wants = table_wants,
	.done = table_done,
	.kinds = "*",
	.select = table_select,
};
