/* The lower parts of the jitter view: heatmap, histogram of the selected CPUs, what moved. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_jitter_internal.h"
#include "tui/worst.h"

#define COLUMNS_MAX 1024u /* of the history, per CPU; more than it keeps */
#define MARKS_MAX 32u

static const unsigned zooms_s[] = {1, 2, 5, 15};

int jitter_part_least(enum jitter_part part)
{
	return part == PART_HEATMAP ? 3 : part == PART_HISTOGRAM ? 6 : 2;
}

int jitter_part_wants(const struct jitter_view *state, enum jitter_part part)
{
	switch (part) {
	case PART_HEATMAP:
		return (int)state->n_rows + 2;
	case PART_HISTOGRAM:
		return 18;
	case PART_CULPRITS:
		return 3 + (int)CULPRIT_MAX;
	case JITTER_PARTS:
		break;
	}
	return 0;
}

void jitter_zoom(struct jitter_view *state)
{
	state->zoom = (state->zoom + 1) % ARRAY_SIZE(zooms_s);
}

/* A quarter of the picture; coming back to now it follows again. */
void jitter_scroll(struct jitter_view *state, const struct frame *frame, int direction)
{
	uint64_t now_s = frame->snap->time_ns / NSEC_PER_SEC;
	uint64_t step_s = (uint64_t)(state->n_slots / 4 + 1) * zooms_s[state->zoom];
	uint64_t at_s = state->held_s ? state->held_s : now_s;

	if (direction < 0)
		at_s = at_s > step_s && now_s - at_s + step_s < 900 ? at_s - step_s : at_s;
	else
		at_s += step_s;
	state->held_s = at_s >= now_s ? 0 : at_s;
}

/* --- heatmap --- */

struct heat {
	struct jitter_view *state;
	const struct frame *frame;
	struct heatmap map;
	unsigned per_row;		 /* CPUs */
	const struct machine_cpu **cpus; /* by number */
};

static int compare_numbers(const void *pa, const void *pb)
{
	unsigned a = (*(const struct machine_cpu *const *)pa)->number;
	unsigned b = (*(const struct machine_cpu *const *)pb)->number;

	return a < b ? -1 : a > b;
}

static void sort_cpus(struct heat *heat)
{
	const struct machine *m = heat->frame->machine;

	heat->cpus = xcalloc(m->n_cpus, sizeof(const struct machine_cpu *));
	for (unsigned i = 0; i < m->n_cpus; i++)
		heat->cpus[i] = &m->cpus[i];
	qsort(heat->cpus, m->n_cpus, sizeof(const struct machine_cpu *), compare_numbers);
}

static uint64_t value_of(const struct jitter_view *state, const struct history_column *column)
{
	if (column->max_ns == 0) /* no samples in it */
		return HEATMAP_NOTHING;
	if (state->figure == FIGURE_MAX)
		return column->max_ns;
	return column->p99_ns ? column->p99_ns : HEATMAP_FEW;
}

static void fill_heatmap(struct heat *heat)
{
	_cleanup_(freep) struct history_column *columns = xcalloc(COLUMNS_MAX, sizeof(*columns));
	const struct frame *frame = heat->frame;
	const struct heatmap *map = &heat->map;
	uint64_t first_s =
		(map->last_slot + 1 -
		 (map->n_slots <= map->last_slot + 1 ? map->n_slots : map->last_slot + 1)) *
		map->slot_s;
	uint64_t from_ns = first_s > 1 ? (first_s - 1) * NSEC_PER_SEC : 0;

	for (unsigned i = 0; i < frame->machine->n_cpus && frame->history; i++) {
		unsigned n = history_columns(frame->history, heat->cpus[i]->entity->key,
					     frame->machine->window_metric, from_ns, columns,
					     COLUMNS_MAX);

		for (unsigned k = 0; k < n; k++)
			heatmap_add(&heat->map, i / heat->per_row, columns[k].start_ns,
				    columns[k].end_ns, value_of(heat->state, &columns[k]));
	}
}

static int label_width(const struct frame *frame, unsigned per_row)
{
	unsigned n = frame->machine->largest_number;
	int digits = n >= 1000 ? 4 : n >= 100 ? 3 : n >= 10 ? 2 : 1;

	return (per_row > 1 ? 2 * digits + 1 : digits + 3) + 1;
}

static void draw_labels(const struct heat *heat, const struct pane *pane, int width)
{
	unsigned n = heat->frame->machine->n_cpus;

	for (unsigned row = 0; row < heat->map.n_rows; row++) {
		unsigned first = row * heat->per_row, last = first + heat->per_row - 1;
		char text[32];
		bool is_here = false;

		last = last < n ? last : n - 1;
		for (unsigned i = first; i <= last; i++)
			is_here = is_here || heat->cpus[i]->number == heat->state->cursor_number;
		if (heat->per_row > 1)
			snprintf(text, sizeof(text), "%u-%u", heat->cpus[first]->number,
				 heat->cpus[last]->number);
		else
			snprintf(text, sizeof(text), "%c%u",
				 cpuset_has(heat->state->tags, heat->cpus[first]->number) ? '*'
											  : ' ',
				 heat->cpus[first]->number);
		pane_text_right(pane, 0, (int)row + 1, width - 1,
				is_here ? ROLE_TABLE_CURSOR : ROLE_LABEL, text);
	}
}

static void draw_heat_heading(const struct heat *heat, const struct pane *pane)
{
	struct flow flow = {.pane = pane, .max_lines = 1};
	unsigned n = 0;

	flow_field(&flow, "", ROLE_STRONG, "heatmap");
	flow_field(&flow, "", ROLE_LABEL, "%s per %u s (y z)",
		   heat->state->figure == FIGURE_MAX ? "max" : "p99", heat->map.slot_s);
	if (heat->per_row > 1)
		flow_field(&flow, "", ROLE_WARNING, "%u cpus a row, the worst of them",
			   heat->per_row);
	if (heat->state->held_s)
		flow_field(&flow, "", ROLE_WARNING, "scrolled back: right returns");
	/* The thresholds of the levels: what a glyph means. */
	static const char *const below[] = {"<10us", "<20",  "<50",   "<100",
					    "<300",  "<1ms", "<10ms", ""};

	for (unsigned level = 0; level < MACHINE_HEAT_LEVELS; level++)
		n += 2 + (unsigned)text_columns(below[level]);
	if (flow.x + (int)n > pane->width + 1)
		return;
	for (unsigned level = 0; level < MACHINE_HEAT_LEVELS; level++) {
		enum role role = (enum role)(ROLE_HEAT_0 + level);

		pane_put(pane, flow.x, 0, heatmap_glyph(pane, level), role);
		flow.x = 1 + pane_text(pane, flow.x + 1, 0, ROLE_DIM, below[level]);
	}
}

/* When changes of this session were made. */
static unsigned change_times(const struct frame *frame, uint64_t *ret_ns, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < frame->session->n_changes; i++) {
		const struct experiment *e = &frame->session->changes[i].experiment;

		if (e->apply_start_ns && n < max)
			ret_ns[n++] = e->apply_start_ns;
		if (e->end_ns && n < max)
			ret_ns[n++] = e->end_ns;
	}
	return n;
}

static void draw_heatmap(struct jitter_view *state, const struct frame *frame,
			 const struct pane *pane)
{
	struct heat heat = {.state = state, .frame = frame};
	unsigned n_cpus = frame->machine->n_cpus, rows = (unsigned)pane->height - 2;
	uint64_t now_s = frame->snap->time_ns / NSEC_PER_SEC, marks[MARKS_MAX];
	int width;

	heat.per_row = heatmap_group(n_cpus, rows);
	width = label_width(frame, heat.per_row);
	if (pane->width < width + 4)
		return;
	state->n_slots = (unsigned)(pane->width - width);
	heatmap_init(&heat.map, (n_cpus + heat.per_row - 1) / heat.per_row, state->n_slots,
		     frame->snap->time_ns, zooms_s[state->zoom],
		     state->held_s && state->held_s < now_s ? now_s - state->held_s : 0);
	sort_cpus(&heat);
	fill_heatmap(&heat);
	draw_heat_heading(&heat, pane);
	draw_labels(&heat, pane, width);
	widget_heatmap(pane, width, 1, &heat.map, heat_level);
	widget_heatmap_axis(pane, width, 1 + (int)heat.map.n_rows, &heat.map, marks,
			    change_times(frame, marks, MARKS_MAX));
	heatmap_done(&heat.map);
	free(heat.cpus);
}

/* --- histogram --- */

static bool is_selected(const struct jitter_view *state, const struct machine_cpu *cpu)
{
	return cpuset_is_empty(state->tags) ? cpu->number == state->cursor_number
					    : cpuset_has(state->tags, cpu->number);
}

/* "cpu 3", "cpus 1-3,7", "12 cpus". */
static void name_selection(const struct jitter_view *state, char *buf, size_t size)
{
	if (cpuset_is_empty(state->tags))
		snprintf(buf, size, "cpu %u", state->cursor_number);
	else if (cpuset_format_list(state->tags, buf + 5, size - 5) > 0 && strlen(buf + 5) < 20)
		memcpy(buf, cpuset_count(state->tags) > 1 ? "cpus " : "cpu  ", 5);
	else
		snprintf(buf, size, "%u cpus", cpuset_count(state->tags));
}

static void draw_histogram(struct jitter_view *state, const struct frame *frame,
			   const struct pane *pane)
{
	struct pane plot = pane_sub(pane, 0, 1, pane->width, -1);
	struct flow flow = {.pane = pane, .max_lines = 1};
	struct machine_latency l;
	struct histogram sum;
	char name[64], text[24];

	histogram_zero(&sum);
	for (unsigned i = 0; i < frame->machine->n_cpus; i++) {
		if (is_selected(state, &frame->machine->cpus[i]))
			jitter_sum(state, frame, &frame->machine->cpus[i], &sum);
	}
	machine_latency_set(&l, &sum);
	name_selection(state, name, sizeof(name));
	flow_field(&flow, "", ROLE_STRONG, "histogram");
	flow_field(&flow, "", ROLE_VALUE, "%s, %s:", name, jitter_window_name(state->window));
	flow.x--;
	flow_field(&flow, "", ROLE_VALUE, "%s samples",
		   format_count((double)l.samples, text, sizeof(text)));

	const struct histogram_mark marks[] = {
		{"p50", l.has_p50 ? l.p50_ns : 0},
		{"p99", l.has_p99 ? l.p99_ns : 0},
		{"p99.9", l.has_p99_9 ? l.p99_9_ns : 0},
		{"max", l.max_ns},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(marks); i++) {
		if (marks[i].ns)
			flow_field(&flow, marks[i].label,
				   (enum role)(ROLE_HEAT_0 + heat_level(marks[i].ns)), "%s",
				   format_ns(marks[i].ns, text, sizeof(text)));
	}
	widget_histogram(&plot, &sum, marks, ARRAY_SIZE(marks), heat_level);
}

/* --- what moved --- */

static void rate_text(const struct culprit *c, double rate, char *buf, size_t size)
{
	char text[24];

	if (c->is_share)
		snprintf(buf, size, "%.0f%%", rate * 100);
	else
		snprintf(buf, size, "%s/s", format_count(rate, text, sizeof(text)));
}

static void draw_culprits(struct jitter_view *state, const struct frame *frame,
			  const struct pane *pane)
{
	struct culprits found = {.verdict = CULPRIT_UNKNOWN};
	struct flow flow = {.pane = pane, .max_lines = 1};
	char text[128], threshold[24];
	int y = 1;

	if (frame->history)
		culprit_of_cpu(frame->history, frame->snap, frame->machine->max_metric,
			       state->cursor_number, &found);
	flow_field(&flow, "", ROLE_STRONG, "what moved on cpu %u", state->cursor_number);
	if (found.n_spikes)
		flow_field(&flow, "", ROLE_LABEL, "in %u of %u ticks with a %s over %s",
			   found.n_spikes, found.n_ticks, jitter_is_spin(frame) ? "gap" : "wakeup",
			   format_ns(found.threshold_ns, threshold, sizeof(threshold)));
	if (found.verdict != CULPRIT_FOUND) {
		(void)widget_paragraph(
			&(struct pane){pane->surface, pane->x, pane->y + 1, pane->width,
				       pane->height - 1},
			0, ROLE_DIM, culprit_verdict_text(&found, text, sizeof(text)), pane->width);
		return;
	}
	for (unsigned i = 0; i < found.n && y < pane->height; i++, y++) {
		const struct culprit *c = &found.list[i];
		char then[24], else_rate[24];

		pane_text_in(pane, 1, y, 32, ROLE_WARNING, c->name);
		(void)pane_printf(pane, 34, y, ROLE_VALUE, "%3.0f%%  ", c->share * 100);
		rate_text(c, c->spike_rate, then, sizeof(then));
		rate_text(c, c->quiet_rate, else_rate, sizeof(else_rate));
		(void)pane_printf(pane, 41, y, ROLE_LABEL, "%s in spikes, else %s", then,
				  else_rate);
	}
	if (y < pane->height)
		pane_text_in(
			pane, 1, y, pane->width - 1, ROLE_DIM,
			"% of the spikes it moved with; counters that moved, no proof of cause");
}

void jitter_part_draw(struct jitter_view *state, const struct frame *frame, enum jitter_part part,
		      const struct pane *pane)
{
	if (pane->height < 2)
		return;
	switch (part) {
	case PART_HEATMAP:
		if (pane->height >= 3)
			draw_heatmap(state, frame, pane);
		return;
	case PART_HISTOGRAM:
		draw_histogram(state, frame, pane);
		return;
	case PART_CULPRITS:
		draw_culprits(state, frame, pane);
		return;
	case JITTER_PARTS:
		return;
	}
}
