#include "tui/widget.h"

#include <string.h>

static int used_width(const int *widths, unsigned n)
{
	int used = 0;

	for (unsigned i = 0; i < n; i++)
		used += widths[i] > 0 ? widths[i] + 1 : 0;
	return used > 0 ? used - 1 : 0;
}

/* The shown column to give up first: highest priority number, the rightmost of equals; -1: none. */
static int least_wanted(const struct table_column *columns, const int *widths, unsigned n)
{
	int found = -1;

	for (unsigned i = 0; i < n; i++) {
		if (widths[i] == 0 || columns[i].priority == 0)
			continue;
		if (found < 0 || columns[i].priority >= columns[found].priority)
			found = (int)i;
	}
	return found;
}

void table_layout(const struct table_column *columns, unsigned n_columns, const int *wants,
		  int width, int *ret_widths)
{
	int spare, drop;

	for (unsigned i = 0; i < n_columns; i++) {
		int title = text_columns(columns[i].title);

		ret_widths[i] = columns[i].min_width > title ? columns[i].min_width : title;
	}
	while (used_width(ret_widths, n_columns) > width &&
	       (drop = least_wanted(columns, ret_widths, n_columns)) >= 0)
		ret_widths[drop] = 0;
	/* What is left goes to the columns that want more, the leftmost first. */
	spare = width - used_width(ret_widths, n_columns);
	for (unsigned i = 0; i < n_columns && spare > 0; i++) {
		int want = wants[i] < columns[i].max_width ? wants[i] : columns[i].max_width;
		int more = want - ret_widths[i];

		if (ret_widths[i] == 0 || more <= 0)
			continue;
		more = more < spare ? more : spare;
		ret_widths[i] += more;
		spare -= more;
	}
}

static void keep_cursor_visible(const struct table *table, struct table_state *state, int rows)
{
	state->page = rows > 0 ? (unsigned)rows : 1;
	if (table->n_rows == 0) {
		state->cursor = state->top = 0;
		return;
	}
	if (state->cursor >= table->n_rows)
		state->cursor = table->n_rows - 1;
	if (state->cursor < state->top)
		state->top = state->cursor;
	if (state->cursor >= state->top + state->page)
		state->top = state->cursor - state->page + 1;
	if (state->top + state->page > table->n_rows)
		state->top = table->n_rows > state->page ? table->n_rows - state->page : 0;
}

static void grow_widths(const struct table *table, struct table_state *state, unsigned end)
{
	struct table_cell cell;

	for (unsigned row = state->top; row < end; row++) {
		for (unsigned i = 0; i < table->n_columns; i++) {
			int n;

			cell.text[0] = 0;
			table->cell(table->arg, row, i, &cell);
			n = text_columns(cell.text);
			if (n > state->widths[i])
				state->widths[i] = n;
		}
	}
}

static void draw_header(const struct pane *pane, const struct table *table, const int *widths,
			bool is_descending)
{
	int x = 0;

	pane_highlight(pane, 0, ROLE_TABLE_HEADER);
	for (unsigned i = 0; i < table->n_columns; i++) {
		const struct table_column *c = &table->columns[i];
		enum role role = c->is_sort ? ROLE_TABLE_SORT : ROLE_TABLE_HEADER;

		if (widths[i] == 0)
			continue;
		if (c->is_right)
			pane_text_right(pane, x, 0, widths[i], role, c->title);
		else
			pane_text_in(pane, x, 0, widths[i], role, c->title);
		if (c->is_sort) /* in the gap after the column: never covers the title */
			pane_put(pane, x + widths[i], 0, is_descending ? 0x25bc : 0x25b2, role);
		x += widths[i] + 1;
	}
}

static void draw_row(const struct pane *pane, const struct table *table, const int *widths,
		     unsigned row, int y)
{
	int x = 0;

	for (unsigned i = 0; i < table->n_columns; i++) {
		struct table_cell cell = {.role = ROLE_VALUE};

		if (widths[i] == 0)
			continue;
		table->cell(table->arg, row, i, &cell);
		if (table->columns[i].is_right)
			pane_text_right(pane, x, y, widths[i], cell.role, cell.text);
		else
			pane_text_in(pane, x, y, widths[i], cell.role, cell.text);
		x += widths[i] + 1;
	}
}

void table_draw(const struct pane *pane, const struct table *table, struct table_state *state)
{
	int widths[TABLE_MAX_COLUMNS];
	unsigned end;

	keep_cursor_visible(table, state, pane->height - 1);
	end = state->top + state->page < table->n_rows ? state->top + state->page : table->n_rows;
	grow_widths(table, state, end);
	table_layout(table->columns, table->n_columns, state->widths, pane->width, widths);
	draw_header(pane, table, widths, state->is_descending);
	if (table->n_rows == 0 && table->empty)
		(void)widget_paragraph(&(struct pane){pane->surface, pane->x, pane->y + 1,
						      pane->width, pane->height - 1},
				       0, ROLE_DIM, table->empty, pane->width);
	for (unsigned row = state->top; row < end; row++) {
		int y = 1 + (int)(row - state->top);

		draw_row(pane, table, widths, row, y);
		if (row == state->cursor)
			pane_highlight(pane, y, ROLE_TABLE_CURSOR);
	}
}
