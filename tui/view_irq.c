/*
 * The interrupt view: a table, beside it or instead of it a matrix of interrupts by CPUs, and the
 * selected interrupt in two lines.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_irq_internal.h"

#define LEFT_OF_BOTH 100  /* columns the table keeps beside the matrix */
#define LEFT_OF_MATRIX 36 /* columns that name the interrupt before its cells */

static void irq_init(const struct view *view, void *arg)
{
	struct irq_view *state = arg;

	(void)view;
	state->table.sort_column = IRQ_COLUMN_RATE; /* what fires most comes first */
	state->table.is_descending = true;
}

static void forget_tags(struct irq_view *state)
{
	for (unsigned i = 0; i < state->n_tags; i++)
		free(state->tags[i]);
	state->n_tags = 0;
}

static void irq_done(void *arg)
{
	struct irq_view *state = arg;

	forget_tags(state);
	free(state->tags);
	free(state->rows);
}

static int find_tag(const struct irq_view *state, const char *key)
{
	for (unsigned i = 0; i < state->n_tags; i++) {
		if (strcmp(state->tags[i], key) == 0)
			return (int)i;
	}
	return -1;
}

static void toggle_tag(struct irq_view *state, const char *key)
{
	int at = find_tag(state, key);

	if (at >= 0) {
		free(state->tags[at]);
		state->tags[at] = state->tags[--state->n_tags];
		return;
	}
	state->tags = xrealloc(state->tags, (state->n_tags + 1) * sizeof(*state->tags));
	state->tags[state->n_tags++] = xstrdup(key);
}

static unsigned collect(struct irq_view *state, const struct frame *frame, const char *kind)
{
	const struct snapshot_table *table = snapshot_table(frame->snap, kind);
	unsigned n = table ? table->n_entities : 0;

	if (state->n_rows + n > state->room) {
		state->room = state->n_rows + n;
		state->rows = xrealloc(state->rows, state->room * sizeof(*state->rows));
	}
	for (unsigned i = 0; i < n; i++)
		state->rows[state->n_rows++] = &table->entities[i];
	return n;
}

/* Rows in order, the cursor on the interrupt it was on. False: there is nothing. */
static bool prepare(struct irq_view *state, const struct frame *frame)
{
	state->n_rows = state->n_arch = 0;
	if (!frame->snap)
		return false;
	(void)collect(state, frame, "irq");
	if (state->has_arch)
		state->n_arch = collect(state, frame, "irq_arch");
	irq_sort(state);
	for (unsigned i = 0; i < state->n_rows && state->cursor_key[0]; i++) {
		if (strcmp(state->rows[i]->key, state->cursor_key) == 0)
			state->table.cursor = i;
	}
	if (state->table.cursor >= state->n_rows)
		state->table.cursor = state->n_rows ? state->n_rows - 1 : 0;
	return state->n_rows > 0;
}

static void remember_cursor(struct irq_view *state)
{
	state->is_chosen = true;
	if (state->table.cursor < state->n_rows)
		snprintf(state->cursor_key, sizeof(state->cursor_key), "%s",
			 state->rows[state->table.cursor]->key);
}

struct draw {
	const struct irq_view *state;
	const struct frame *frame;
};

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct draw *draw = arg;

	irq_cell(draw->frame, draw->state->rows[row], column, ret);
	if (column == 0 && find_tag(draw->state, draw->state->rows[row]->key) >= 0) {
		_cleanup_(freep) char *text = xstrdup(ret->text);

		snprintf(ret->text, sizeof(ret->text), "*%.250s", text);
		ret->role = ROLE_MARK;
	}
}

static const char *empty_reason(const struct frame *frame)
{
	for (unsigned i = 0; frame->snap && i < frame->snap->n_probes; i++) {
		const struct probe_status *p = &frame->snap->probes[i];

		if (strcmp(p->probe->name, "irq") == 0 && p->error)
			return p->error;
	}
	return "no interrupts on this machine";
}

/* Columns of the table; the matrix takes the rest. */
static int left_width(struct irq_view *state, const struct frame *frame, int width)
{
	int rest = width - LEFT_OF_BOTH - 1;
	int matrix = irq_matrix_width(frame->machine, rest);

	state->is_both = false;
	if (state->shape == IRQ_TABLE || matrix == 0)
		return width;
	if (state->shape == IRQ_MATRIX)
		return width > LEFT_OF_MATRIX + 8 ? LEFT_OF_MATRIX : width;
	if (rest < 8)
		return width;
	state->is_both = true;
	return width - 1 - (matrix < rest ? matrix : rest);
}

static void draw_table(struct irq_view *state, const struct frame *frame, const struct pane *pane)
{
	struct table_column columns[TABLE_MAX_COLUMNS];
	struct draw draw = {state, frame};
	struct table table = {columns, irq_n_columns(), state->n_rows,
			      cell,    &draw,		empty_reason(frame)};

	irq_columns(state, columns);
	if (state->table.layout_for != pane->width + 1) {
		memset(state->table.widths, 0, sizeof(state->table.widths));
		state->table.layout_for = pane->width + 1;
	}
	table_draw(pane, &table, &state->table);
}

static void irq_draw(const struct view *view, void *arg, const struct frame *frame,
		     const struct pane *pane)
{
	struct irq_view *state = arg;
	bool has_rows = prepare(state, frame);
	int left = left_width(state, frame, pane->width);
	bool has_matrix = left < pane->width;
	int summary = pane->height >= 6, marks = has_matrix && pane->height >= 4;
	int legend = has_matrix && pane->height >= 10;
	int detail = has_rows && pane->height >= 12 ? 2 : 0, top = summary + marks;
	struct pane area = pane_sub(pane, 0, top, left, pane->height - top - legend - detail);

	(void)view;
	draw_table(state, frame, &area);
	state->table_y = top;
	if (marks) {
		struct pane cells = pane_sub(pane, left + 1, summary, -1, area.height + 1);

		irq_matrix_draw(state, frame, &cells);
	}
	if (summary)
		irq_summary_line(state, frame, pane, 0);
	if (legend)
		irq_matrix_legend(frame, pane, pane->height - detail - 1);
	if (detail)
		irq_detail_lines(frame, state->rows[state->table.cursor], pane,
				 pane->height - detail);
	if (state->is_chosen)
		remember_cursor(state);
}

static void sort_command(struct irq_view *state, enum command command)
{
	int n = (int)irq_n_columns(), at = state->table.sort_column;

	if (command == COMMAND_INVERT) {
		state->table.is_descending = !state->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	state->table.sort_column = at >= n ? 0 : at < 0 ? n - 1 : at;
	state->table.is_descending = irq_column_descends((unsigned)state->table.sort_column);
}

/* From table (and matrix) to the matrix alone, then to the table alone, then round. */
static void next_shape(struct irq_view *state)
{
	if (state->shape == IRQ_AUTO)
		state->shape = IRQ_MATRIX;
	else if (state->shape == IRQ_MATRIX && state->is_both)
		state->shape = IRQ_TABLE;
	else
		state->shape = state->shape == IRQ_MATRIX ? IRQ_TABLE : IRQ_AUTO;
}

static void move_cpu(struct irq_view *state, const struct machine *machine, int step)
{
	int at = machine && state->has_cpu ? machine_find(machine, state->cpu) : -1;

	if (!machine || !machine->n_cpus)
		return;
	at = at < 0 ? (int)state->first_cell : at + step;
	at = at < 0 ? 0 : at >= (int)machine->n_cpus ? (int)machine->n_cpus - 1 : at;
	state->has_cpu = true;
	state->cpu = machine->cpus[at].number;
}

/* The CPU of the selected column, else the one it fires at most, else the one it is sent to. */
static bool cpu_of(const struct irq_view *state, const struct entity *irq, unsigned *ret)
{
	const struct per_cpu_cell *top[PER_CPU_SHOWN];
	unsigned n_busy, n_known;
	struct cpuset cpus;

	*ret = state->cpu;
	if (state->has_cpu)
		return true;
	if (per_cpu_busiest(entity_per_cpu(irq, "per_cpu"), top, &n_busy, &n_known)) {
		*ret = top[0]->cpu;
		return true;
	}
	if (!irq_cpus(irq, "effective", &cpus) && !irq_cpus(irq, "affinity", &cpus))
		return false;
	*ret = cpuset_next(&cpus, 0);
	return *ret < CPUSET_MAX;
}

static void follow(const struct irq_view *state, struct ui_request *ret)
{
	const struct entity *irq = state->rows[state->table.cursor];
	unsigned cpu;

	if (cpu_of(state, irq, &cpu)) {
		ret->type = UI_GOTO;
		snprintf(ret->key, sizeof(ret->key), "cpu:%u", cpu);
		return;
	}
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%.100s: no CPU is known", irq->key);
}

static void edit_row(const struct irq_view *state, struct ui_request *ret)
{
	const struct entity *irq = state->rows[state->table.cursor];

	if (view_knob_of(irq, &ret->knob, ret->target, sizeof(ret->target))) {
		ret->type = UI_EDIT;
		return;
	}
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%.60s: comes to each CPU, nothing sets where",
		 irq->name);
}

/* Those that are there still, else the one of the row. */
static void edit_tagged(struct irq_view *state, const struct frame *frame, struct ui_request *ret)
{
	for (unsigned i = state->n_tags; i-- > 0;) {
		if (!snapshot_find(frame->snap, state->tags[i]))
			toggle_tag(state, state->tags[i]);
	}
	edit_row(state, ret);
	if (ret->type != UI_EDIT && !state->n_tags)
		return;
	ret->type = UI_CPUS;
	ret->knob = "irq_affinity";
	if (!state->n_tags)
		return;
	snprintf(ret->target, sizeof(ret->target), "%s", state->tags[0]);
	ret->more = (const char *const *)state->tags + 1;
	ret->n_more = state->n_tags - 1;
}

/* Space goes on to the next row. */
static void tag_row(struct irq_view *state, struct ui_request *ret)
{
	const struct entity *irq = state->rows[state->table.cursor];

	if (irq_is_arch(irq)) {
		ret->type = UI_MESSAGE;
		snprintf(ret->text, sizeof(ret->text),
			 "%.60s: comes to each CPU, nothing sets where", irq->name);
		return;
	}
	toggle_tag(state, irq->key);
	(void)table_command(&state->table, state->n_rows, COMMAND_DOWN);
	remember_cursor(state);
}

/* Commands about the selected row. */
static bool row_command(struct irq_view *state, const struct frame *frame, enum command command,
			struct ui_request *ret)
{
	if (state->n_rows && command == COMMAND_TAG) {
		tag_row(state, ret);
		return true;
	}
	if (state->n_rows && command == COMMAND_AFFINITY) {
		edit_tagged(state, frame, ret);
		return true;
	}
	if (state->n_rows && command == COMMAND_KNOBS) {
		view_show_knobs(state->rows[state->table.cursor]->key, ret);
		return true;
	}
	if (command != COMMAND_FOLLOW && command != COMMAND_OPEN && command != COMMAND_EDIT)
		return false;
	if (state->n_rows && command == COMMAND_FOLLOW)
		follow(state, ret);
	else if (state->n_rows)
		edit_row(state, ret);
	return true;
}

static bool irq_command(const struct view *view, void *arg, const struct frame *frame,
			enum command command, struct ui_request *ret)
{
	struct irq_view *state = arg;

	(void)view;
	(void)prepare(state, frame);
	if (table_command(&state->table, state->n_rows, command)) {
		remember_cursor(state);
		return true;
	}
	if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
	    command == COMMAND_INVERT) {
		sort_command(state, command);
	} else if (command == COMMAND_MATRIX) {
		next_shape(state);
	} else if (command == COMMAND_OWN) {
		state->has_arch = !state->has_arch;
	} else if (command == COMMAND_LEFT || command == COMMAND_RIGHT) {
		move_cpu(state, frame->machine, command == COMMAND_LEFT ? -1 : 1);
	} else if (command == COMMAND_BACK && state->has_cpu) {
		state->has_cpu = false;
	} else if (command == COMMAND_BACK && state->n_tags) {
		forget_tags(state);
	} else {
		return row_command(state, frame, command, ret);
	}
	return true;
}

static bool row_contains(const struct frame *frame, const struct entity *irq, const char *needle)
{
	for (unsigned i = 0; i < irq_n_columns(); i++) {
		struct table_cell text = {.role = ROLE_VALUE};

		irq_cell(frame, irq, i, &text);
		if (text_contains(text.text, needle))
			return true;
	}
	return false;
}

static bool irq_search(const struct view *view, void *arg, const struct frame *frame,
		       const char *needle, int direction)
{
	struct irq_view *state = arg;
	unsigned step, at;

	(void)view;
	if (!prepare(state, frame))
		return false;
	step = direction < 0 ? state->n_rows - 1 : 1;
	at = state->table.cursor + (direction ? step : 0);
	for (unsigned i = 0; i < state->n_rows; i++, at += step) {
		if (!row_contains(frame, state->rows[at % state->n_rows], needle))
			continue;
		state->table.cursor = at % state->n_rows;
		remember_cursor(state);
		return true;
	}
	return false;
}

static void irq_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct irq_view *state = arg;
	unsigned row;

	(void)view;
	(void)frame;
	(void)x;
	y -= state->table_y + 1;
	row = state->table.top + (unsigned)(y < 0 ? 0 : y);
	if (y >= 0 && (unsigned)y < state->table.page && row < state->n_rows) {
		state->table.cursor = row;
		state->is_chosen = true;
		state->cursor_key[0] = 0; /* rows of the frame on screen may be gone by now */
	}
}

static bool irq_select(const struct view *view, void *arg, const struct frame *frame,
		       const char *key)
{
	struct irq_view *state = arg;

	(void)view;
	/* The CPUs' own may not have been asked for yet: the cursor goes there when they come. */
	if (strncmp(key, "irq_arch:", 9) == 0)
		state->has_arch = true;
	else if (!frame->snap || !snapshot_find(frame->snap, key))
		return false;
	snprintf(state->cursor_key, sizeof(state->cursor_key), "%s", key);
	state->is_chosen = true;
	return true;
}

static const char *irq_wants(const struct view *view, const void *arg)
{
	(void)view;
	return ((const struct irq_view *)arg)->has_arch ? "irq irq_arch vcpu host"
							: "irq vcpu host";
}

extern const struct view view_irq;

const struct view view_irq = {
	.name = "irq",
	.key = '3',
	.summary = "interrupts: rate, action, affinity; matrix by CPUs",
	.kinds = "*",
	.hints = {COMMAND_SEARCH, COMMAND_SORT_RIGHT, COMMAND_TAG, COMMAND_AFFINITY, COMMAND_KNOBS,
		  COMMAND_MATRIX, COMMAND_OWN, COMMAND_FOLLOW},
	.state_size = sizeof(struct irq_view),
	.init = irq_init,
	.draw = irq_draw,
	.command = irq_command,
	.search = irq_search,
	.click = irq_click,
	.selects = "irq irq_arch",
	.select = irq_select,
	.wants = irq_wants,
	.done = irq_done,
};
