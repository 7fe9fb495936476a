/*
 * Stateless drawing helpers on panes. The table widget keeps what must outlive a frame (cursor,
 * first row, sort order, column widths) in the caller's struct table_state.
 */
#ifndef JT_TUI_WIDGET_H
#define JT_TUI_WIDGET_H

#include "core/histogram.h"
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

/* --- heatmap: rows x time --- */
/* Cells stand for whole seconds of time, counted from boot, so that a picture scrolls by whole
 * cells and keeps its grouping while it does. */
struct heatmap {
	unsigned n_rows, n_slots; /* the newest slot is the last */
	unsigned slot_s;	  /* seconds of a slot */
	uint64_t now_ns;
	uint64_t last_slot; /* slots since boot of the last one */
	uint64_t *values;   /* ns by row and slot; HEATMAP_* */
};
#define HEATMAP_NOTHING 0 /* blank */
#define HEATMAP_FEW 1	  /* samples, too few for the figure: '?' */

/* back_s: how far before now the picture ends. */
void heatmap_init(struct heatmap *map, unsigned n_rows, unsigned n_slots, uint64_t now_ns,
		  unsigned slot_s, uint64_t back_s);
void heatmap_done(struct heatmap *map);
/* Spreads the value over the slots of the time it covers; the largest of several counts. */
void heatmap_add(struct heatmap *map, unsigned row, uint64_t start_ns, uint64_t end_ns,
		 uint64_t value_ns);
/* -1: outside. */
int heatmap_slot(const struct heatmap *map, uint64_t time_ns);
/* How many items share a row when n_items must do with n_rows. */
unsigned heatmap_group(unsigned n_items, unsigned n_rows);
/* Cells at (x, y), one column per slot. level_of: 0 to 7. */
void widget_heatmap(const struct pane *pane, int x, int y, const struct heatmap *map,
		    unsigned (*level_of)(uint64_t ns));
uint32_t heatmap_glyph(const struct pane *pane, unsigned level);
/* How long ago: "-2m", "now", under the cells; '^' at the slots of marks_ns (CLOCK_MONOTONIC). */
void widget_heatmap_axis(const struct pane *pane, int x, int y, const struct heatmap *map,
			 const uint64_t *marks_ns, unsigned n_marks);

/* --- histogram: log latency, log counts --- */
struct histogram_mark {
	const char *label; /* "p99" */
	uint64_t ns;	   /* 0: not drawn */
};
/* The span an axis shows: whole 1, 2, 5 steps around the samples. False: no samples. */
bool histogram_span(const struct histogram *h, uint64_t *ret_low_ns, uint64_t *ret_high_ns);
/* Shares out the counts over n bins of equal width on the logarithmic axis from low to high. */
void histogram_bins(const struct histogram *h, uint64_t low_ns, uint64_t high_ns, unsigned n,
		    double *ret_counts);
/* 0 for nothing, 1 to max for the logarithm of count up to top: one sample is visible. */
int histogram_height(double count, double top, int max);
/* The whole pane: bars with counts at the left, marks, latencies below. Braille, or ASCII. */
void widget_histogram(const struct pane *pane, const struct histogram *h,
		      const struct histogram_mark *marks, unsigned n_marks,
		      unsigned (*level_of)(uint64_t ns));

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
