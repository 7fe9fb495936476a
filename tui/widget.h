/*
 * Stateless drawing helpers on panes. The table widget keeps what must outlive a frame (cursor,
 * first row, sort order, column widths) in the caller's struct table_state.
 */
#ifndef JT_TUI_WIDGET_H
#define JT_TUI_WIDGET_H

#include "tui/surface.h"

/* --- bar: [|||||||||   12%] --- */
struct bar_part {
	double share; /* 0 to 1; NAN counts as 0 */
	enum role role;
	char mark; /* what carries the meaning without colour */
};
/* Draws width columns including the brackets. Parts beyond 1 in sum are cut. */
void widget_bar(const struct pane *pane, int x, int y, int width, const struct bar_part *parts,
		unsigned n_parts);

/* --- sparkline --- */
/* One column per point, the newest at the right edge; NAN is a gap. The scale reaches from 0 to top
 * or the largest point. role_of may be NULL (ROLE_SPARK). */
void widget_spark(const struct pane *pane, int x, int y, int width, const float *points,
		  unsigned n_points, double top, enum role (*role_of)(double value));

/* --- box --- */
/* A dialog frame with a title; returns its inside. Clears what is under it. */
struct pane widget_box(const struct pane *pane, int width, int height, const char *title);
/* A horizontal rule over the whole width, with an optional label. */
void widget_rule(const struct pane *pane, int y, const char *label);

/* --- text --- */
/* "label value" pairs one after another; returns the column after it. */
int widget_field(const struct pane *pane, int x, int y, const char *label, enum role role,
		 const char *value);
/* The same for lines of many fields: a field that does not fit starts the next line. */
struct flow {
	const struct pane *pane;
	int x, y;
	int indent;    /* where continued lines start */
	int max_lines; /* fields beyond are dropped; 0: no limit but the pane */
	int first_y;
};
void flow_field(struct flow *flow, const char *label, enum role role, const char *fmt, ...)
	_printf_(4, 5);
int flow_lines(const struct flow *flow); /* lines used so far */

/* Wraps text at blanks into lines of at most width columns; returns the number of lines (also when
 * pane is NULL: only counts). */
int widget_paragraph(const struct pane *pane, int y, enum role role, const char *text, int width);

/* --- table --- */
struct table_column {
	const char *title;
	int min_width, max_width;
	unsigned priority; /* 0: always shown; the highest number is dropped first */
	bool is_right;
	bool is_sort; /* marked in the header */
};

struct table_cell {
	char text[256];
	enum role role;
};

#define TABLE_MAX_COLUMNS 48

struct table_state {
	unsigned cursor, top;
	unsigned page;	 /* rows visible at the last draw, for PgUp/PgDn */
	int sort_column; /* -1: natural order */
	bool is_descending;
	/* Columns only grow while a table is shown: no wandering from tick to tick. */
	int widths[TABLE_MAX_COLUMNS];
	int layout_for; /* identifies the column set the widths belong to */
};

struct table {
	const struct table_column *columns;
	unsigned n_columns;
	unsigned n_rows;
	void (*cell)(void *arg, unsigned row, unsigned column, struct table_cell *ret);
	void *arg;
	const char *empty; /* shown when there are no rows */
};

/* Widths for a table of width columns: dropped columns get 0. Gaps of one column between. wants:
 * the natural widths. */
void table_layout(const struct table_column *columns, unsigned n_columns, const int *wants,
		  int width, int *ret_widths);
/* Header on the first line, rows below; keeps the cursor visible. */
void table_draw(const struct pane *pane, const struct table *table, struct table_state *state);

#endif
