/*
 * The jitter view: a row per CPU, below it the heatmap CPU x time, the histogram of the selected
 * CPUs and what moved with the spikes of one, as far as the height allows; v chooses which of them
 * comes first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "tui/view_jitter_internal.h"

#define PAIR_LEAST 8 /* lines of histogram and culprits on a wide screen */
#define PAIR_MOST 24

static void jitter_done(void *arg)
{
	struct jitter_view *state = arg;

	free(state->rows);
	free(state->figures);
}

/* "wakeup fifo 2 every 1.0 ms": what a figure says depends on it. */
static void draw_method(const struct frame *frame, struct flow *flow)
{
	const struct measuring *now = frame->measuring;
	char priority[16] = "", interval[24];

	if (!now || now->state != MEASURING_ON) {
		flow_field(flow, "", ROLE_VALUE, "measured");
		flow->x--;
		return;
	}

	const struct measure_options *options = &now->wish.options;

	if (options->policy != MEASURE_OTHER)
		snprintf(priority, sizeof(priority), " %u", options->priority);
	flow_field(flow, now->wish.engine->name, ROLE_VALUE, "%s%s every %s",
		   measuring_policy_name(options->policy), priority,
		   format_ns(options->interval_ns, interval, sizeof(interval)));
	if (now->n_fallen_back)
		flow_field(flow, "", ROLE_WARNING, "(other on %u cpus: no permission)",
			   now->n_fallen_back);
	flow->x--;
}

static void draw_heading(const struct jitter_view *state, const struct frame *frame,
			 const struct pane *pane)
{
	struct flow flow = {.pane = pane, .max_lines = 1};
	const struct machine *m = frame->machine;
	unsigned n_tags = cpuset_count(state->tags);
	char text[24];

	flow_field(&flow, "last", ROLE_STRONG, "%s", jitter_window_name(state->window));
	flow.x--;
	flow_field(&flow, "", ROLE_LABEL, "(w)");
	if (frame->why_not_measured)
		flow_field(&flow, "", ROLE_WARNING, "%s", frame->why_not_measured);
	else {
		draw_method(frame, &flow);
		flow_field(&flow, "on", ROLE_VALUE, "%u of %u cpus%s", m->n_measured, m->n_online,
			   frame->measuring && frame->measuring->is_shared ? " (we run there too)"
									   : "");
	}
	if (n_tags)
		flow_field(&flow, "", ROLE_MARK, "%u tagged (*)", n_tags);
	if (state->window == WINDOW_RESET && frame->history && history_reset_ns(frame->history) &&
	    frame->now_ns > history_reset_ns(frame->history))
		flow_field(&flow, "reset", ROLE_VALUE, "%s ago",
			   format_duration(frame->now_ns - history_reset_ns(frame->history), text,
					   sizeof(text)));
}

/* The table takes what it needs, at most the upper half while something else is to be seen. */
static int table_lines(const struct jitter_view *state, int height)
{
	int wants = (int)state->n_rows + 1, most = height - jitter_part_least(PART_HEATMAP);

	if (height < 7)
		return height;
	if (most > (height + 1) / 2)
		most = (height + 1) / 2;
	return wants < most ? wants : most;
}

/* Histogram and culprits stand side by side where that is possible. */
static void draw_pair(struct jitter_view *state, const struct frame *frame, const struct pane *pane)
{
	int left = pane->width * 11 / 20;
	struct pane a = pane_sub(pane, 0, 0, left - 2, pane->height);
	struct pane b = pane_sub(pane, left, 0, pane->width - left, pane->height);

	jitter_part_draw(state, frame, PART_HISTOGRAM, &a);
	jitter_part_draw(state, frame, PART_CULPRITS, &b);
}

static void draw_wide(struct jitter_view *state, const struct frame *frame, const struct pane *pane)
{
	int heat = jitter_part_wants(state, PART_HEATMAP), most = pane->height - PAIR_LEAST - 1;
	unsigned per_row = heatmap_group(state->n_rows, (unsigned)(heat < most ? heat : most) - 2);
	struct pane upper, lower;

	heat = 2 + (int)heatmap_group(state->n_rows, per_row);
	/* What the heatmap leaves over makes the histogram taller. */
	upper = pane_sub(pane, 0, 0, pane->width, heat);
	lower = pane_sub(pane, 0, heat + 1, pane->width, -1);
	if (lower.height > PAIR_MOST)
		lower.height = PAIR_MOST;
	jitter_part_draw(state, frame, PART_HEATMAP, &upper);
	draw_pair(state, frame, &lower);
}

/* One below the other, the chosen one first, as many as have room. */
static void draw_stacked(struct jitter_view *state, const struct frame *frame,
			 const struct pane *pane)
{
	int y = 0;

	for (unsigned i = 0; i < JITTER_PARTS; i++) {
		enum jitter_part part = (enum jitter_part)((state->part + i) % JITTER_PARTS);
		int lines = jitter_part_wants(state, part), room = pane->height - y;
		struct pane area;

		if (room < jitter_part_least(part))
			continue;
		lines = lines < room ? lines : room;
		area = pane_sub(pane, 0, y, pane->width, lines);
		jitter_part_draw(state, frame, part, &area);
		y += lines;
	}
}

static void jitter_draw(const struct view *view, void *arg, const struct frame *frame,
			const struct pane *pane)
{
	struct jitter_view *state = arg;
	struct pane area = *pane, part;
	int lines;

	(void)view;
	if (!jitter_prepare(state, frame)) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "no cpu found on this host");
		return;
	}
	state->table_y = 0;
	if (pane->height >= 12) {
		draw_heading(state, frame, pane);
		area = pane_sub(pane, 0, 1, pane->width, -1);
		state->table_y = 1;
	}
	lines = table_lines(state, area.height);
	part = pane_sub(&area, 0, 0, area.width, lines);
	jitter_table_draw(state, frame, &part);
	part = pane_sub(&area, 0, lines, area.width, -1);
	if (part.width >= 120 && part.height >= 20)
		draw_wide(state, frame, &part);
	else
		draw_stacked(state, frame, &part);
}

/* --- keys --- */

static void sort_command(struct jitter_view *state, const struct frame *frame, enum command command)
{
	int n = (int)jitter_n_columns(frame), at = state->table.sort_column;

	if (command == COMMAND_INVERT) {
		state->table.is_descending = !state->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	state->table.sort_column = at >= n ? 0 : at < 0 ? n - 1 : at;
	state->table.is_descending = jitter_is_number((unsigned)state->table.sort_column);
}

static void next_window(struct jitter_view *state)
{
	state->window = (enum jitter_window)((state->window + 1) % JITTER_WINDOWS);
	for (unsigned i = 0; i < state->n_figures; i++)
		state->figures[i].seq = 0;
}

static bool jitter_command(const struct view *view, void *arg, const struct frame *frame,
			   enum command command, struct ui_request *ret)
{
	struct jitter_view *state = arg;

	(void)view;
	if (!jitter_prepare(state, frame))
		return false;
	if (table_command(&state->table, state->n_rows, command))
		jitter_remember_cursor(state);
	else if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
		 command == COMMAND_INVERT)
		sort_command(state, frame, command);
	else if (command == COMMAND_LEFT || command == COMMAND_RIGHT)
		jitter_scroll(state, frame, command == COMMAND_LEFT ? -1 : 1);
	else if (view_cpu_command(frame, state->cursor_number, command, ret)) {
		/* Space goes on to the next row. */
		if (command == COMMAND_TAG &&
		    table_command(&state->table, state->n_rows, COMMAND_DOWN))
			jitter_remember_cursor(state);
	} else if (command == COMMAND_WINDOW)
		next_window(state);
	else if (command == COMMAND_PART || command == COMMAND_OPEN)
		state->part = (enum jitter_part)((state->part + 1) % JITTER_PARTS);
	else if (command == COMMAND_FIGURE)
		state->figure = (enum jitter_figure)((state->figure + 1) % JITTER_FIGURES);
	else if (command == COMMAND_ZOOM)
		jitter_zoom(state);
	else
		return false;
	return true;
}

static bool jitter_search(const struct view *view, void *arg, const struct frame *frame,
			  const char *needle, int direction)
{
	struct jitter_view *state = arg;
	unsigned step, at;

	(void)view;
	if (!jitter_prepare(state, frame))
		return false;
	step = direction < 0 ? state->n_rows - 1 : 1;
	at = state->table.cursor + (direction ? step : 0);
	for (unsigned i = 0; i < state->n_rows; i++, at += step) {
		if (!jitter_row_contains(state, frame, at % state->n_rows, needle))
			continue;
		state->table.cursor = at % state->n_rows;
		jitter_remember_cursor(state);
		return true;
	}
	return false;
}

static void jitter_click(const struct view *view, void *arg, const struct frame *frame, int x,
			 int y)
{
	struct jitter_view *state = arg;
	unsigned row;

	(void)view;
	(void)x;
	y -= state->table_y + 1;
	if (!jitter_prepare(state, frame) || y < 0 || y >= (int)state->table.page)
		return;
	row = state->table.top + (unsigned)y;
	if (row < state->n_rows) {
		state->table.cursor = row;
		jitter_remember_cursor(state);
	}
}

static bool jitter_select(const struct view *view, void *arg, const struct frame *frame,
			  const char *key)
{
	struct jitter_view *state = arg;
	uint64_t number;

	(void)view;
	if (!frame->machine || parse_u64(key + strcspn(key, ":") + 1, &number) < 0 ||
	    number >= CPUSET_MAX || machine_find(frame->machine, (unsigned)number) < 0)
		return false;
	state->cursor_number = (unsigned)number;
	state->has_cursor = true;
	return true;
}

extern const struct view view_jitter;

const struct view view_jitter = {
	.name = "jitter",
	.key = '2',
	.summary = "latency of every CPU over time, and what disturbs it",
	.kinds = "cpu irq",
	.hints = {COMMAND_PART, COMMAND_WINDOW, COMMAND_MEASURE, COMMAND_CHECK, COMMAND_TAG,
		  COMMAND_ISOLATE, COMMAND_KNOBS, COMMAND_FIGURE},
	.state_size = sizeof(struct jitter_view),
	.draw = jitter_draw,
	.command = jitter_command,
	.search = jitter_search,
	.click = jitter_click,
	.selects = "cpu",
	.select = jitter_select,
	.done = jitter_done,
};
