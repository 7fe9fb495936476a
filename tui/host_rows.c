/* The CPUs as lines: bar of time shares, latency of the last 10 s, its course, event rates. */
#include <math.h>
#include <stdio.h>

#include "tui/view_host_internal.h"

#define POINTS_MAX 200

struct row_layout {
	int bar, bar_width, busy, p50, p99, max, spark, spark_width, switches, irqs;
};

/* Columns by how much width there is: number and p99 always, then busy, max, p50, bar, rates. */
static struct row_layout layout(int width)
{
	struct row_layout l = {.bar = -1,
			       .busy = -1,
			       .p50 = -1,
			       .max = -1,
			       .spark = -1,
			       .switches = -1,
			       .irqs = -1};
	int x = 6;

	if (width >= 44) {
		l.bar = x;
		l.bar_width = width >= 120 ? 32 : width >= 76 ? 18 : 10;
		x += l.bar_width;
	}
	if (width >= 20) {
		l.busy = x;
		x += 5;
	}
	if (width >= 34) {
		l.p50 = x;
		x += 8;
	}
	l.p99 = x;
	x += 8;
	if (width >= 26) {
		l.max = x;
		x += 8;
	}
	if (width >= 70) {
		l.switches = width - 16;
		l.irqs = width - 8;
		width -= 17;
	}
	if (width - x >= 6) {
		l.spark = x + 1;
		l.spark_width = width - x - 2 < POINTS_MAX ? width - x - 2 : POINTS_MAX;
	}
	return l;
}

static void draw_header(const struct frame *frame, const struct pane *pane, int y)
{
	struct row_layout l = layout(pane->width);

	(void)pane_text(pane, 1, y, ROLE_LABEL, "cpu");
	if (l.bar >= 0)
		(void)pane_text(pane, l.bar + 1, y, ROLE_LABEL,
				l.bar_width >= 32 ? "user system irq guest steal" : "u s irq g st");
	if (l.busy >= 0)
		pane_text_right(pane, l.busy, y, 5, ROLE_LABEL, "busy");
	if (l.p50 >= 0)
		pane_text_right(pane, l.p50, y, 8, ROLE_LABEL, "p50");
	pane_text_right(pane, l.p99, y, 8, ROLE_LABEL, "p99");
	if (l.max >= 0)
		pane_text_right(pane, l.max, y, 8, ROLE_LABEL, "max 10s");
	if (l.spark >= 0)
		pane_text_in(pane, l.spark, y, l.spark_width, ROLE_LABEL,
			     frame->why_not_measured ? "busy"
			     : l.spark_width > 9     ? "max trend"
						     : "trend");
	if (l.switches >= 0) {
		pane_text_right(pane, l.switches, y, 8, ROLE_LABEL, "switch/s");
		pane_text_right(pane, l.irqs, y, 8, ROLE_LABEL, "irq/s");
	}
}

static void draw_ns(const struct pane *pane, int x, int y, bool has, uint64_t ns)
{
	char text[24];

	if (x < 0)
		return;
	if (!has)
		pane_text_right(pane, x, y, 8, ROLE_VALUE_ABSENT, "-");
	else
		pane_text_right(pane, x, y, 8, (enum role)(ROLE_HEAT_0 + heat_level(ns)),
				format_ns(ns, text, sizeof(text)));
}

static void draw_rate(const struct pane *pane, int x, int y, double rate)
{
	char text[24];

	if (x < 0)
		return;
	if (isnan(rate))
		pane_text_right(pane, x, y, 8, ROLE_VALUE_ABSENT, "-");
	else
		pane_text_right(pane, x, y, 8, ROLE_VALUE, format_count(rate, text, sizeof(text)));
}

static enum role role_of_ns(double ns)
{
	return (enum role)(ROLE_HEAT_0 + heat_level((uint64_t)ns));
}

/* The longest wakeup of each second: exact, while a second is too short for a p99. */
static void draw_latency_spark(const struct frame *frame, const struct machine_cpu *cpu,
			       const struct pane *pane, const struct row_layout *l, int y)
{
	float points[POINTS_MAX];
	unsigned n = view_max_series(frame, cpu->entity->key, points, (unsigned)l->spark_width);

	widget_spark(pane, l->spark, y, l->spark_width, points, n, 50e3, role_of_ns);
}

static void draw_busy_spark(const struct frame *frame, const struct machine_cpu *cpu,
			    const struct pane *pane, const struct row_layout *l, int y)
{
	float points[POINTS_MAX];
	unsigned n = history_series(frame->history, cpu->entity->key, "idle_ns", points,
				    (unsigned)l->spark_width);

	for (unsigned i = 0; i < n; i++)
		points[i] = isnan(points[i]) ? NAN : fmaxf(1 - points[i], 0);
	widget_spark(pane, l->spark, y, l->spark_width, points, n, 1, NULL);
}

static void draw_spark(const struct frame *frame, const struct machine_cpu *cpu,
		       const struct pane *pane, const struct row_layout *l, int y)
{
	if (l->spark < 0 || !frame->history)
		return;
	if (frame->why_not_measured)
		draw_busy_spark(frame, cpu, pane, l, y);
	else
		draw_latency_spark(frame, cpu, pane, l, y);
}

static double irq_rate(const struct entity *cpu)
{
	double device = entity_rate(cpu, "irqs"), local = entity_rate(cpu, "local_irqs");

	return isnan(device) ? local : isnan(local) ? device : device + local;
}

static void draw_cpu(const struct frame *frame, const struct machine_cpu *cpu,
		     const struct pane *pane, int y)
{
	struct row_layout l = layout(pane->width);
	const struct machine_latency *latency = &cpu->latency;
	const struct bar_part parts[] = {
		{cpu->user, ROLE_BAR_USER, '|'},
		{cpu->system, ROLE_BAR_SYSTEM, 's'},
		{cpu->irq + cpu->softirq, ROLE_BAR_IRQ, 'i'},
		{cpu->guest, ROLE_BAR_GUEST, 'g'},
		{cpu->steal, ROLE_BAR_STEAL, '!'},
	};

	(void)pane_printf(pane, 0, y, cpu->is_online ? ROLE_STRONG : ROLE_OFFLINE, "%4u",
			  cpu->number);
	pane_put(pane, 4, y, (unsigned char)host_mark(cpu), ROLE_MARK);
	if (cpuset_has(&frame->tags->cpus, cpu->number))
		pane_put(pane, 5, y, '*', ROLE_MARK);
	if (!cpu->is_online) {
		(void)pane_text(pane, 6, y, ROLE_OFFLINE, "offline");
		return;
	}
	if (l.bar >= 0)
		widget_bar(pane, l.bar, y, l.bar_width, parts, ARRAY_SIZE(parts));
	if (l.busy >= 0 && isnan(cpu->busy))
		pane_text_right(pane, l.busy, y, 5, ROLE_VALUE_ABSENT, "-");
	else if (l.busy >= 0)
		(void)pane_printf(pane, l.busy, y, ROLE_VALUE, "%4.0f%%", cpu->busy * 100);
	draw_ns(pane, l.p50, y, latency->has_p50, latency->p50_ns);
	draw_ns(pane, l.p99, y, latency->has_p99, latency->p99_ns);
	draw_ns(pane, l.max, y, latency->samples > 0, latency->max_ns);
	draw_spark(frame, cpu, pane, &l, y);
	draw_rate(pane, l.switches, y, entity_rate(cpu->entity, "switches"));
	draw_rate(pane, l.irqs, y, irq_rate(cpu->entity));
}

/* Two or more columns of rows when the screen is wide. */
static int columns_for(int width)
{
	return width >= 156 ? width / 78 : 1;
}

static int first_column_rows(const struct machine *m, int columns)
{
	/* With several nodes the lines between them need the whole width: one column then. */
	return m->n_nodes > 1 ? (int)m->n_cpus : ((int)m->n_cpus + columns - 1) / columns;
}

static int rows_columns(const struct machine *m, int width)
{
	/* Few CPUs use the width for longer trends rather than stand beside each other. */
	return m->n_nodes > 1 || m->n_cpus <= 24 ? 1 : columns_for(width);
}

int host_rows_lines(const struct frame *frame, int width)
{
	const struct machine *m = frame->machine;

	return 1 + (int)m->n_nodes + first_column_rows(m, rows_columns(m, width));
}

void host_rows_draw(struct host_view *state, const struct frame *frame, const struct pane *pane)
{
	const struct machine *m = frame->machine;
	int columns = rows_columns(m, pane->width), rows = first_column_rows(m, columns);
	int width = pane->width / columns, y = 0;

	for (unsigned n = 0; n < m->n_nodes; n++) {
		const struct machine_group *group = &m->nodes[n].cpus;

		host_node_line(frame, &m->nodes[n], pane, 0, y++, pane->width);
		for (int c = 0; n == 0 && c < columns; c++) {
			struct pane part = pane_sub(pane, c * width, y, width - (columns > 1), 1);

			draw_header(frame, &part, 0);
		}
		y += n == 0;
		for (unsigned i = 0; i < group->n; i++) {
			unsigned cpu = group->first + i;
			int column = columns > 1 ? (int)i / rows : 0;
			int row = y + (columns > 1 ? (int)i % rows : (int)i);
			struct pane part =
				pane_sub(pane, column * width, row, width - (columns > 1), 1);

			draw_cpu(frame, &m->cpus[cpu], &part, 0);
			host_place(state, cpu, column * width, row, width);
			if (state->cursor == cpu)
				pane_highlight(&(struct pane){part.surface, part.x, part.y,
							      part.width < 5 ? part.width : 5,
							      part.height},
					       0, ROLE_TABLE_CURSOR);
		}
		y += columns > 1 ? rows : (int)group->n;
	}
}
