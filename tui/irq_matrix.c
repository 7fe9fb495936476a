/*
 * Interrupts by CPUs, a column per CPU in the order of nodes and L3 groups, a rule between nodes.
 * A cell says how many digits the rate has (1: below 10/s, 3: below 1,000/s), so that it reads
 * without colour, or why there is none.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_irq_internal.h"

struct cells {
	const struct machine *machine;
	unsigned first; /* index into machine.cpus */
	int width;
	int pitch; /* columns per CPU */
};

#define MAX_PITCH 3

static int width_at(const struct machine *machine, int pitch)
{
	int rules = machine->n_nodes > 1 ? (int)machine->n_nodes - 1 : 0;

	return (int)machine->n_cpus * pitch - (pitch - 1) + rules;
}

static int pitch_of(const struct machine *machine, int width)
{
	int pitch = MAX_PITCH;

	while (pitch > 1 && width_at(machine, pitch) > width)
		pitch--;
	return pitch;
}

int irq_matrix_width(const struct machine *machine, int width)
{
	return machine && machine->n_cpus ? width_at(machine, pitch_of(machine, width)) : 0;
}

/* A rule comes before this CPU: it is the first of its node. */
static bool has_rule(const struct cells *cells, unsigned i)
{
	return i > cells->first && cells->machine->cpus[i].node != cells->machine->cpus[i - 1].node;
}

/* Column of each CPU from cells->first on; the number of CPUs that fit is returned. */
static unsigned place(const struct cells *cells, int *ret_x, unsigned room)
{
	unsigned n = 0;
	int x = 0;

	for (unsigned i = cells->first; i < cells->machine->n_cpus && n < room; i++) {
		x += has_rule(cells, i);
		if (x >= cells->width)
			break;
		ret_x[n++] = x;
		x += cells->pitch;
	}
	return n;
}

#define MAX_PLACES 512

/* Columns that follow the selected CPU off the screen. */
static void scroll(struct irq_view *state, struct cells *cells)
{
	int xs[MAX_PLACES], at = state->has_cpu ? machine_find(cells->machine, state->cpu) : -1;

	if (width_at(cells->machine, cells->pitch) <= cells->width)
		state->first_cell = 0;
	else if (at >= 0 && (unsigned)at < state->first_cell)
		state->first_cell = (unsigned)at;
	if (state->first_cell >= cells->machine->n_cpus)
		state->first_cell = 0;
	cells->first = state->first_cell;
	while (at >= 0 && cells->width > 0 &&
	       (unsigned)at >= cells->first + place(cells, xs, MAX_PLACES))
		cells->first++;
	state->first_cell = cells->first;
}

/* 0: below 1/s. */
static unsigned digits_of(double rate)
{
	unsigned n = 0;

	for (; rate >= 0.95 && n < 9; rate /= 10)
		n++;
	return n;
}

static void rate_cell(const struct machine_cpu *cpu, double rate, char *ret_glyph,
		      enum role *ret_role)
{
	unsigned digits = digits_of(rate);

	*ret_glyph = digits ? (char)('0' + digits) : '+';
	*ret_role = (enum role)(ROLE_HEAT_0 + (digits < 7 ? digits : 7));
	if (irq_is_shielded(cpu)) {
		*ret_glyph = '!';
		*ret_role = ROLE_ERROR;
	}
}

/* What is not known is '?'; a CPU without interrupts says whether there could be any. */
static enum role matrix_cell(const struct machine_cpu *cpu, const struct per_cpu *vector,
			     const struct cpuset *allowed, char *ret_glyph)
{
	const struct per_cpu_cell *cell = per_cpu_cell(vector, cpu->number);
	enum role role = ROLE_HEAT_NONE;

	*ret_glyph = ' ';
	if (!cpu->is_online) {
		*ret_glyph = 'o';
		return ROLE_OFFLINE;
	}
	if (cell && cell->rate > 0) {
		rate_cell(cpu, cell->rate, ret_glyph, &role);
		return role;
	}
	if (!vector || (cell && isnan(cell->rate)))
		*ret_glyph = '?';
	else if (!allowed || !cpuset_has(allowed, cpu->number))
		return role;
	else if (irq_is_shielded(cpu))
		*ret_glyph = 'i', role = ROLE_MARK;
	else
		*ret_glyph = '.';
	return role;
}

static void draw_heads(const struct irq_view *state, const struct cells *cells, const int *xs,
		       unsigned n, const struct pane *pane)
{
	int free_from = 0;

	pane_highlight(pane, 1, ROLE_TABLE_HEADER);
	for (unsigned k = 0; k < n; k++) {
		const struct machine_cpu *cpu = &cells->machine->cpus[cells->first + k];
		bool is_it = state->has_cpu && cpu->number == state->cpu;
		char number[16], mark = ' ';
		int length = snprintf(number, sizeof(number), "%u", cpu->number);

		if (!cpu->is_online)
			mark = 'o';
		else if (cpu->has_vcpu)
			mark = irq_is_shielded(cpu) ? 'V' : 'v';
		else if (irq_is_shielded(cpu))
			mark = cpu->is_isolated ? 'i' : 'n';
		pane_put(pane, xs[k], 0, is_it ? '*' : (unsigned char)mark,
			 is_it ? ROLE_STRONG : ROLE_MARK);
		/* The first of a node, and what else has room. */
		if (xs[k] < free_from || xs[k] + length > cells->width ||
		    (!has_rule(cells, cells->first + k) && k % 8 && !is_it && n > 16))
			continue;
		(void)pane_text(pane, xs[k], 1, is_it ? ROLE_TABLE_SORT : ROLE_TABLE_HEADER,
				number);
		free_from = xs[k] + length + 1;
	}
}

static void draw_row(const struct cells *cells, const int *xs, unsigned n, const struct entity *irq,
		     const struct pane *pane, int y)
{
	static const struct per_cpu none = {0};
	const struct per_cpu *vector = entity_per_cpu(irq, "per_cpu");
	struct cpuset allowed;
	bool is_known = irq_cpus(irq, "affinity", &allowed);

	/* The CPUs' own come wherever they come; some have one count for the whole host. */
	if (irq_is_arch(irq) && !vector)
		vector = &none;
	for (unsigned k = 0; k < n; k++) {
		char glyph;
		enum role role = matrix_cell(&cells->machine->cpus[cells->first + k], vector,
					     is_known ? &allowed : NULL, &glyph);

		if (has_rule(cells, cells->first + k))
			pane_put(pane, xs[k] - 1, y, 0x2502, ROLE_RULE);
		pane_put(pane, xs[k], y, (unsigned char)glyph, role);
	}
}

void irq_matrix_draw(struct irq_view *state, const struct frame *frame, const struct pane *pane)
{
	struct cells cells = {.machine = frame->machine, .width = pane->width};
	int xs[MAX_PLACES];
	unsigned n;

	if (!frame->machine || !frame->machine->n_cpus || pane->width <= 0)
		return;
	cells.pitch = pitch_of(frame->machine, pane->width);
	scroll(state, &cells);
	n = place(&cells, xs, MAX_PLACES);
	draw_heads(state, &cells, xs, n, pane);
	for (int y = 2; y < pane->height; y++) {
		unsigned row = state->table.top + (unsigned)(y - 2);

		if (row >= state->n_rows)
			break;
		draw_row(&cells, xs, n, state->rows[row], pane, y);
		if (row == state->table.cursor)
			pane_highlight(pane, y, ROLE_TABLE_CURSOR);
	}
	if (cells.first + n < cells.machine->n_cpus)
		pane_put(pane, pane->width - 1, 0, '>', ROLE_STRONG);
	if (cells.first > 0)
		pane_put(pane, 0, 0, '<', ROLE_STRONG);
}

void irq_matrix_legend(const struct frame *frame, const struct pane *pane, int y)
{
	bool has_vcpus = frame->machine && frame->machine->n_with_vcpu;

	/* Only what there is: both do not fit in 80 columns. */
	(void)pane_text(pane, 0, y, ROLE_DIM,
			has_vcpus ? "1-9 digits of rate  + <1/s  . allowed  i isolated  v V pinned "
				    "vCPU  ! hit"
				  : "1-9 digits of rate  + <1/s  . allowed  i isolated  ! hit "
				    "though isolated  "
				    "o off");
}
