/*
 * Shared by the parts of the jitter view: view_jitter.c (layout, keys), view_jitter_table.c (a row
 * per CPU) and view_jitter_parts.c (heatmap, histogram, what moved).
 */
#ifndef JT_TUI_VIEW_JITTER_INTERNAL_H
#define JT_TUI_VIEW_JITTER_INTERNAL_H

#include "core/cpuset.h"
#include "tui/view.h"

enum jitter_window { WINDOW_10S, WINDOW_1MIN, WINDOW_15MIN, WINDOW_RESET, JITTER_WINDOWS };
enum jitter_part { PART_HEATMAP, PART_HISTOGRAM, PART_CULPRITS, JITTER_PARTS };
enum jitter_figure { FIGURE_MAX, FIGURE_P99, JITTER_FIGURES };

/* Figures of the longer windows, remembered: a thousand CPUs times fifteen minutes is too much to
 * sum up for every frame. */
struct jitter_figures {
	uint64_t seq; /* of the snapshot they were made from; 0: never */
	struct machine_latency latency;
};

struct jitter_row {
	const struct machine_cpu *cpu;
	double order;
};

struct jitter_view {
	struct table_state table;
	unsigned cursor_number; /* the CPU the cursor means: survives sorting and hotplug */
	bool has_cursor;
	enum jitter_window window;
	enum jitter_part part; /* the one that is drawn first */
	enum jitter_figure figure;
	unsigned zoom;	     /* index of the seconds per slot */
	uint64_t held_s;     /* the heatmap ends at this second since boot; 0: now */
	unsigned n_slots;    /* of the heatmap last drawn */
	struct cpuset *tags; /* the ui's, since the last jitter_prepare() */
	int table_y;	     /* of the last draw, for clicks */
	struct jitter_row *rows;
	unsigned n_rows, room;
	struct jitter_figures *figures; /* by CPU number */
	unsigned n_figures, next_figures;
};

/* --- view_jitter_table.c --- */
/* Rows in order, the cursor on its CPU. False: nothing to show. */
bool jitter_prepare(struct jitter_view *state, const struct frame *frame);
void jitter_table_draw(struct jitter_view *state, const struct frame *frame,
		       const struct pane *pane);
/* The figures are gaps in polling, not wakeup latencies. */
bool jitter_is_spin(const struct frame *frame);
unsigned jitter_n_columns(const struct frame *frame);
/* Numbers sort largest first. */
bool jitter_is_number(unsigned column);
bool jitter_row_contains(struct jitter_view *state, const struct frame *frame, unsigned row,
			 const char *needle);
void jitter_remember_cursor(struct jitter_view *state);
const char *jitter_window_name(enum jitter_window window);
/* Adds the window of one CPU. */
void jitter_sum(const struct jitter_view *state, const struct frame *frame,
		const struct machine_cpu *cpu, struct histogram *sum);

/* --- view_jitter_parts.c --- */
/* The heading of a part is its first line; each needs at least jitter_part_least lines. */
int jitter_part_least(enum jitter_part part);
int jitter_part_wants(const struct jitter_view *state, enum jitter_part part);
void jitter_part_draw(struct jitter_view *state, const struct frame *frame, enum jitter_part part,
		      const struct pane *pane);
void jitter_scroll(struct jitter_view *state, const struct frame *frame, int direction);
void jitter_zoom(struct jitter_view *state);

#endif
