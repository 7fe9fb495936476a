/* Shared by the parts of the host view: view_host.c, host_map.c, host_rows.c and host_lines.c. */
#ifndef JT_TUI_VIEW_HOST_INTERNAL_H
#define JT_TUI_VIEW_HOST_INTERNAL_H

#include "tui/view.h"

/* Where a CPU was drawn, relative to the area of the CPUs, scrolling not taken off. */
struct host_place {
	int x, y, width;
};

struct host_view {
	unsigned cursor;	/* index into machine.cpus of the last frame */
	unsigned cursor_number; /* the CPU it means: survives hotplug */
	bool has_cursor;
	int top;		       /* first line shown of the CPU area */
	int page;		       /* its height */
	unsigned followed, n_followed; /* the CPU whose vCPUs were gone to, and how many */
	struct host_place *places;
	unsigned n_places, room;
};

/* --- host_rows.c: a line with bars per CPU --- */
int host_rows_lines(const struct frame *frame, int width);
/* Scrolls nothing: only used when all lines fit. */
void host_rows_draw(struct host_view *state, const struct frame *frame, const struct pane *pane);
/* --- host_map.c: cells, as large as they fit --- */
/* Returns the lines used. */
int host_map_draw(struct host_view *state, const struct frame *frame, const struct pane *pane,
		  bool *ret_is_glyphs);
/* --- host_lines.c: the lines around the CPUs. Each returns the lines used, at most max. --- */
void host_node_line(const struct frame *frame, const struct machine_node *node,
		    const struct pane *pane, int x, int y, int width);
int host_detail_lines(const struct frame *frame, unsigned cpu, const struct pane *pane, int y,
		      int max);
int host_kernel_lines(const struct frame *frame, const struct pane *pane, int y, int max);
int host_pressure_lines(const struct frame *frame, const struct pane *pane, int y, int max);
void host_legend_line(const struct frame *frame, const struct pane *pane, int y, bool has_glyphs);

/* What a cell of a CPU shows: role and glyph by its p99, or by its busy share when latency is not
 * measured. */
enum role host_heat(const struct frame *frame, const struct machine_cpu *cpu, char *ret_glyph);
char host_mark(const struct machine_cpu *cpu); /* 'i' isolated, 'n' nohz_full, 'v' pinned vCPU, 'V'
						  it and one of these; or ' ' */
void host_place(struct host_view *state, unsigned cpu, int x, int y, int width);

#endif
