/* The table of the jitter view: a row per CPU, the columns people read first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_jitter_internal.h"

#define TREND_MAX 60
/* CPUs whose figures of a long window are made anew per frame, besides those on screen. */
#define FIGURES_PER_FRAME 32u

enum column {
	COLUMN_CPU,
	COLUMN_MIN,
	COLUMN_P50,
	COLUMN_P99,
	COLUMN_P99_9,
	COLUMN_MAX,
	COLUMN_SAMPLES,
	COLUMN_TREND,
	COLUMN_IRQS,
	COLUMN_SOFTIRQS,
	COLUMN_SWITCHES,
	COLUMN_STEAL,
	COLUMN_NOISE, /* from here on with the spin engine only */
	COLUMN_GAPS,
	COLUMN_GAP_MAX,
	COLUMNS
};

static const struct table_column columns[COLUMNS] = {
	[COLUMN_CPU] = {.title = "cpu", .min_width = 5, .max_width = 8},
	[COLUMN_MIN] = {.title = "min", .min_width = 6, .max_width = 7, .priority = 7},
	[COLUMN_P50] = {.title = "p50", .min_width = 6, .max_width = 7, .priority = 4},
	[COLUMN_P99] = {.title = "p99", .min_width = 6, .max_width = 7},
	[COLUMN_P99_9] = {.title = "p99.9", .min_width = 6, .max_width = 7, .priority = 2},
	[COLUMN_MAX] = {.title = "max", .min_width = 6, .max_width = 7, .priority = 1},
	[COLUMN_SAMPLES] = {.title = "samples", .min_width = 7, .max_width = 7, .priority = 8},
	[COLUMN_TREND] = {.title = "max/s", .min_width = 8, .max_width = TREND_MAX, .priority = 5},
	[COLUMN_IRQS] = {.title = "irq/s", .min_width = 5, .max_width = 6, .priority = 6},
	[COLUMN_SOFTIRQS] = {.title = "soft/s", .min_width = 6, .max_width = 6, .priority = 9},
	[COLUMN_SWITCHES] = {.title = "sw/s", .min_width = 5, .max_width = 6, .priority = 9},
	[COLUMN_STEAL] = {.title = "steal", .min_width = 5, .max_width = 5, .priority = 10},
	[COLUMN_NOISE] = {.title = "noise", .min_width = 6, .max_width = 7, .priority = 3},
	[COLUMN_GAPS] = {.title = "gaps/s", .min_width = 6, .max_width = 7, .priority = 3},
	[COLUMN_GAP_MAX] = {.title = "gap max", .min_width = 7, .max_width = 7, .priority = 3},
};

static const struct {
	const char *name;
	uint64_t ns;
} windows[JITTER_WINDOWS] = {
	[WINDOW_10S] = {"10 s", MACHINE_WINDOW_NS},
	[WINDOW_1MIN] = {"1 min", 60 * NSEC_PER_SEC},
	[WINDOW_15MIN] = {"15 min", 900 * NSEC_PER_SEC},
	[WINDOW_RESET] = {"since reset", 0},
};

const char *jitter_window_name(enum jitter_window window)
{
	return windows[window].name;
}

bool jitter_is_spin(const struct frame *frame)
{
	return strcmp(frame->machine->window_metric, "noise_window") == 0;
}

unsigned jitter_n_columns(const struct frame *frame)
{
	return jitter_is_spin(frame) ? COLUMNS : COLUMN_NOISE;
}

bool jitter_is_number(unsigned column)
{
	return column != COLUMN_CPU;
}

/* --- figures --- */

void jitter_sum(const struct jitter_view *state, const struct frame *frame,
		const struct machine_cpu *cpu, struct histogram *sum)
{
	const char *metric = frame->machine->window_metric;
	uint64_t now_ns = frame->snap->time_ns, window_ns = windows[state->window].ns;
	const struct histogram *total;

	if (!frame->history)
		return;
	if (state->window != WINDOW_RESET) {
		(void)history_histogram(frame->history, cpu->entity->key, metric,
					now_ns > window_ns ? now_ns - window_ns : 0, UINT64_MAX,
					sum, NULL);
		return;
	}
	total = history_total(frame->history, cpu->entity->key, metric);
	if (total)
		histogram_add(sum, total);
}

static struct jitter_figures *figures_of(struct jitter_view *state, unsigned number)
{
	if (number >= state->n_figures) {
		unsigned n = number + 64;

		state->figures = xrealloc(state->figures, n * sizeof(*state->figures));
		memset(state->figures + state->n_figures, 0,
		       (n - state->n_figures) * sizeof(*state->figures));
		state->n_figures = n;
	}
	return &state->figures[number];
}

/* is_fresh: of this snapshot; else whatever is remembered. */
static const struct machine_latency *latency_of(struct jitter_view *state,
						const struct frame *frame,
						const struct machine_cpu *cpu, bool is_fresh)
{
	struct jitter_figures *f;
	struct histogram sum;

	if (state->window == WINDOW_10S) /* the digest has them */
		return &cpu->latency;
	f = figures_of(state, cpu->number);
	if (f->seq != frame->snap->seq && (is_fresh || f->seq == 0)) {
		histogram_zero(&sum);
		jitter_sum(state, frame, cpu, &sum);
		machine_latency_set(&f->latency, &sum);
		f->seq = frame->snap->seq;
	}
	return &f->latency;
}

/* In turn: off-screen CPUs take part in the order too, a little late. */
static void refresh_some(struct jitter_view *state, const struct frame *frame)
{
	const struct machine *m = frame->machine;

	for (unsigned i = 0; i < FIGURES_PER_FRAME && i < m->n_cpus; i++) {
		state->next_figures = (state->next_figures + 1) % m->n_cpus;
		(void)latency_of(state, frame, &m->cpus[state->next_figures], true);
	}
}

/* --- rows --- */

static double event_rate(const struct entity *cpu, enum column column)
{
	double device, local;

	if (column != COLUMN_IRQS)
		return entity_rate(cpu, column == COLUMN_SOFTIRQS ? "softirqs" : "switches");
	device = entity_rate(cpu, "irqs");
	local = entity_rate(cpu, "local_irqs");
	return isnan(device) ? local : isnan(local) ? device : device + local;
}

static double number_or_nan(bool has, uint64_t n)
{
	return has ? (double)n : NAN;
}

static double metric_number(const struct entity *entity, const char *metric)
{
	const struct value *v = entity_value(entity, metric);

	if (v->state != VALUE_OK && v->state != VALUE_STALE)
		return NAN;
	return v->is_float ? v->f64 : (double)v->u64;
}

/* What a column is sorted by. */
static double order_of(struct jitter_view *state, const struct frame *frame,
		       const struct machine_cpu *cpu, enum column column)
{
	const struct machine_latency *l = latency_of(state, frame, cpu, false);

	switch (column) {
	case COLUMN_CPU:
		return cpu->number;
	case COLUMN_MIN:
		return number_or_nan(l->samples > 0, l->min_ns);
	case COLUMN_P50:
		return number_or_nan(l->has_p50, l->p50_ns);
	case COLUMN_P99:
		return number_or_nan(l->has_p99, l->p99_ns);
	case COLUMN_P99_9:
		return number_or_nan(l->has_p99_9, l->p99_9_ns);
	case COLUMN_MAX:
		return number_or_nan(l->samples > 0, l->max_ns);
	case COLUMN_SAMPLES:
		return number_or_nan(l->samples > 0, l->samples);
	case COLUMN_TREND: /* what is bad now */
		return number_or_nan(cpu->recent.samples > 0, cpu->recent.max_ns);
	case COLUMN_IRQS:
	case COLUMN_SOFTIRQS:
	case COLUMN_SWITCHES:
		return event_rate(cpu->entity, column);
	case COLUMN_STEAL:
		return cpu->steal;
	case COLUMN_NOISE:
		return metric_number(cpu->entity, "noise_percent");
	case COLUMN_GAPS:
		return entity_rate(cpu->entity, "noise_gaps");
	case COLUMN_GAP_MAX:
		return metric_number(cpu->entity, "noise_worst_ns");
	case COLUMNS:
		break;
	}
	return NAN;
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct jitter_row *a = pa, *b = pb;
	const struct table_state *table = arg;
	bool is_unknown_a = isnan(a->order), is_unknown_b = isnan(b->order);

	if (is_unknown_a != is_unknown_b) /* last, in either direction */
		return is_unknown_a - is_unknown_b;
	if (!is_unknown_a && a->order != b->order) {
		int r = a->order < b->order ? -1 : 1;

		return table->is_descending ? -r : r;
	}
	return a->cpu->number < b->cpu->number ? -1 : a->cpu->number > b->cpu->number;
}

bool jitter_prepare(struct jitter_view *state, const struct frame *frame)
{
	const struct machine *m = frame->machine;

	state->tags = &frame->tags->cpus;
	state->n_rows = 0;
	if (!m || m->n_cpus == 0)
		return false;
	if (m->n_cpus > state->room) {
		state->room = m->n_cpus;
		state->rows = xrealloc(state->rows, state->room * sizeof(*state->rows));
	}
	if (state->window != WINDOW_10S)
		refresh_some(state, frame);
	for (unsigned i = 0; i < m->n_cpus; i++)
		state->rows[i] = (struct jitter_row){
			&m->cpus[i],
			order_of(state, frame, &m->cpus[i], (enum column)state->table.sort_column)};
	state->n_rows = m->n_cpus;
	qsort_r(state->rows, state->n_rows, sizeof(*state->rows), compare_rows, &state->table);
	for (unsigned i = 0; i < state->n_rows && state->has_cursor; i++) {
		if (state->rows[i].cpu->number == state->cursor_number)
			state->table.cursor = i;
	}
	if (state->table.cursor >= state->n_rows)
		state->table.cursor = state->n_rows - 1;
	jitter_remember_cursor(state);
	return true;
}

void jitter_remember_cursor(struct jitter_view *state)
{
	if (state->table.cursor >= state->n_rows)
		return;
	state->cursor_number = state->rows[state->table.cursor].cpu->number;
	state->has_cursor = true;
}

/* --- cells --- */

struct source {
	struct jitter_view *state;
	const struct frame *frame;
};

static void put_ns(struct table_cell *ret, double ns)
{
	if (isnan(ns)) {
		snprintf(ret->text, sizeof(ret->text), "-");
		ret->role = ROLE_VALUE_ABSENT;
		return;
	}
	(void)format_ns(lround(ns) > 0 ? (uint64_t)lround(ns) : 0, ret->text, sizeof(ret->text));
	ret->role = (enum role)(ROLE_HEAT_0 + heat_level((uint64_t)ns));
}

static void put_number(struct table_cell *ret, double n, const char *unit)
{
	char text[24];

	if (isnan(n)) {
		snprintf(ret->text, sizeof(ret->text), "-");
		ret->role = ROLE_VALUE_ABSENT;
	} else if (unit[0]) {
		snprintf(ret->text, sizeof(ret->text), n > 0 && n < 9.95 ? "%.1f%s" : "%.0f%s", n,
			 unit);
	} else {
		snprintf(ret->text, sizeof(ret->text), "%s", format_count(n, text, sizeof(text)));
	}
}

/* Blocks as text: on an ASCII surface they become look-alikes. */
static void put_trend(const struct frame *frame, const struct machine_cpu *cpu,
		      struct table_cell *ret)
{
	float points[TREND_MAX];
	unsigned n = view_max_series(frame, cpu->entity->key, points, TREND_MAX);
	size_t used = 0;

	ret->role = ROLE_SPARK;
	ret->text[0] = 0;
	for (unsigned i = 0; i < n; i++)
		used += isnan(points[i]) ? (ret->text[used] = ' ', ret->text[used + 1] = 0, 1u)
					 : utf8_encode(0x2581u + heat_level((uint64_t)points[i]),
						       ret->text + used);
}

static void put_cpu(const struct source *source, const struct machine_cpu *cpu,
		    struct table_cell *ret)
{
	snprintf(ret->text, sizeof(ret->text), "%c%u%s",
		 cpuset_has(source->state->tags, cpu->number) ? '*' : ' ', cpu->number,
		 !cpu->is_online     ? " off"
		 : cpu->is_isolated  ? "i"
		 : cpu->is_nohz_full ? "n"
				     : "");
	ret->role = cpu->is_online ? ROLE_STRONG : ROLE_OFFLINE;
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct source *source = arg;
	const struct machine_cpu *cpu = source->state->rows[row].cpu;
	double n;

	(void)latency_of(source->state, source->frame, cpu, true);
	n = order_of(source->state, source->frame, cpu, (enum column)column);
	switch ((enum column)column) {
	case COLUMN_CPU:
		put_cpu(source, cpu, ret);
		return;
	case COLUMN_TREND:
		put_trend(source->frame, cpu, ret);
		return;
	case COLUMN_MIN:
	case COLUMN_P50:
	case COLUMN_P99:
	case COLUMN_P99_9:
	case COLUMN_MAX:
	case COLUMN_GAP_MAX:
		put_ns(ret, n);
		return;
	case COLUMN_STEAL:
		put_number(ret, n * 100, "%");
		return;
	case COLUMN_NOISE:
		put_number(ret, n, "%");
		return;
	case COLUMN_SAMPLES:
	case COLUMN_IRQS:
	case COLUMN_SOFTIRQS:
	case COLUMN_SWITCHES:
	case COLUMN_GAPS:
	case COLUMNS:
		put_number(ret, n, "");
		return;
	}
}

/* The trend shows its newest points: as many as fit. */
static void cut_trend(struct table *table, struct table_state *state, int width)
{
	int widths[TABLE_MAX_COLUMNS];

	state->widths[COLUMN_TREND] = TREND_MAX;
	table_layout(table->columns, table->n_columns, state->widths, width, widths);
	state->widths[COLUMN_TREND] = widths[COLUMN_TREND];
}

static void short_cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct source *source = arg;
	int width = source->state->table.widths[COLUMN_TREND];
	int n;
	char *at = ret->text;
	uint32_t c;

	cell(arg, row, column, ret);
	if (column != COLUMN_TREND)
		return;
	for (n = text_columns(ret->text); n > width; n--)
		at += utf8_decode(at, &c);
	memmove(ret->text, at, strlen(at) + 1);
}

void jitter_table_draw(struct jitter_view *state, const struct frame *frame,
		       const struct pane *pane)
{
	struct source source = {state, frame};
	struct table_column marked[COLUMNS];
	struct table table = {marked, jitter_n_columns(frame), state->n_rows, short_cell, &source,
			      NULL};

	memcpy(marked, columns, sizeof(marked));
	for (unsigned i = 0; i < COLUMNS; i++) {
		marked[i].is_right = i != COLUMN_CPU;
		marked[i].is_sort = state->table.sort_column == (int)i;
	}
	if (state->table.layout_for != (int)table.n_columns) {
		memset(state->table.widths, 0, sizeof(state->table.widths));
		state->table.layout_for = (int)table.n_columns;
	}
	cut_trend(&table, &state->table, pane->width);
	table_draw(pane, &table, &state->table);
}

bool jitter_row_contains(struct jitter_view *state, const struct frame *frame, unsigned row,
			 const char *needle)
{
	struct source source = {state, frame};

	for (unsigned i = 0; i < jitter_n_columns(frame); i++) {
		struct table_cell text = {.role = ROLE_VALUE};

		cell(&source, row, i, &text);
		if (text_contains(text.text, needle))
			return true;
	}
	return false;
}
