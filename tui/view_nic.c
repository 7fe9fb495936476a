/*
 * The nic view: a tree of interfaces and DPDK ports with their queues and VFs, each queue with its
 * NAPI instance, interrupt, CPU and what is wrong with that; below, the selected row in full. 'p'
 * shows the network stack's work per CPU instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpuset.h"
#include "tui/view_nic_internal.h"

/* More queues than that stay closed until somebody opens them. */
#define AUTO_QUEUES 16

static void nic_init(const struct view *view, void *arg)
{
	struct nic_view *state = arg;

	(void)view;
	state->table.sort_column = -1;
}

static void nic_done(void *arg)
{
	struct nic_view *state = arg;

	free(state->rows);
	free(state->toggled);
	chains_free(state->chains);
	children_free(state->vfs);
	children_free(state->lcores);
}

/* A virtual interface with a queue each way says nothing more when opened. */
static bool opens_by_itself(const struct entity *root, unsigned n_children)
{
	bool is_device =
		entity_text(root, "pci_address") || strncmp(root->kind->name, "dpdk", 4) == 0;

	return n_children <= AUTO_QUEUES && (is_device || n_children > 2);
}

static int find_toggled(const struct nic_view *state, const char *key)
{
	for (unsigned i = 0; i < state->n_toggled; i++) {
		if (strcmp(state->toggled[i], key) == 0)
			return (int)i;
	}
	return -1;
}

static bool is_open(const struct nic_view *state, const struct entity *root, unsigned n_children)
{
	bool as_usual = state->tree == NIC_TREE_OPEN ||
			(state->tree == NIC_TREE_AUTO && opens_by_itself(root, n_children));

	return as_usual != (find_toggled(state, root->key) >= 0);
}

static void toggle(struct nic_view *state, const char *key)
{
	int at = find_toggled(state, key);

	if (at >= 0) {
		memmove(state->toggled[at], state->toggled[--state->n_toggled],
			sizeof(*state->toggled));
		return;
	}
	state->toggled = xrealloc(state->toggled, (state->n_toggled + 1) * sizeof(*state->toggled));
	snprintf(state->toggled[state->n_toggled++], sizeof(*state->toggled), "%s", key);
}

static void add_row(struct nic_view *state, const struct nic_row *row)
{
	if (state->n_rows == state->room) {
		state->room = state->room ? 2 * state->room : 64;
		state->rows = xrealloc(state->rows, state->room * sizeof(*state->rows));
	}
	state->rows[state->n_rows++] = *row;
}

enum { CHILD_QUEUES, CHILD_VFS, CHILD_LCORES, CHILD_KINDS };

struct order {
	const struct nic_view *state;
	const struct frame *frame;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct order *order = arg;
	const struct nic_row *x = a, *y = b;
	int column = order->state->table.sort_column;
	int r = column < 0 ? 0
			   : nic_compare(order->state, order->frame, x->entity, y->entity, column);

	if (order->state->table.is_descending)
		r = -r;
	/* In the order of their tables otherwise; kinds stay together. */
	if (r == 0)
		r = (int)x->entity->kind->index - (int)y->entity->kind->index;
	if (r == 0)
		r = x->entity < y->entity ? -1 : x->entity > y->entity;
	return r;
}

static void sort_rows(const struct nic_view *state, const struct frame *frame, unsigned first)
{
	struct order order = {state, frame};

	if (state->n_rows > first)
		qsort_r(state->rows + first, state->n_rows - first, sizeof(*state->rows), compare,
			&order);
}

/* The kinds of children, in the order they are shown in. */
static const struct entity *const *children_at(const struct nic_view *state, unsigned kind,
					       const struct entity *parent, unsigned *ret_n)
{
	const struct children *const kinds[CHILD_KINDS] = {
		[CHILD_QUEUES] = state->chains->queues,
		[CHILD_VFS] = state->vfs,
		[CHILD_LCORES] = state->lcores,
	};

	return children_of(kinds[kind], parent, ret_n);
}

static unsigned count_children(const struct nic_view *state, const struct entity *parent)
{
	unsigned all = 0, n;

	for (unsigned kind = 0; kind < CHILD_KINDS; kind++) {
		(void)children_at(state, kind, parent, &n);
		all += n;
	}
	return all;
}

static void add_children(struct nic_view *state, const struct frame *frame,
			 const struct entity *parent)
{
	unsigned first = state->n_rows, n;

	for (unsigned kind = 0; kind < CHILD_KINDS; kind++) {
		const struct entity *const *children = children_at(state, kind, parent, &n);

		for (unsigned i = 0; i < n; i++)
			add_row(state, &(struct nic_row){.entity = children[i], .is_child = true});
	}
	sort_rows(state, frame, first);
}

static void add_roots(struct nic_view *state, const struct frame *frame, const char *kind)
{
	const struct snapshot_table *table = snapshot_table(frame->snap, kind);
	unsigned first = state->n_rows;

	for (unsigned i = 0; table && i < table->n_entities; i++)
		add_row(state, &(struct nic_row){.entity = &table->entities[i]});
	sort_rows(state, frame, first);
}

/* Roots in order, then the children put between. */
static void build_rows(struct nic_view *state, const struct frame *frame, bool is_all_open)
{
	struct nic_row *roots;
	unsigned n;

	state->n_rows = 0;
	add_roots(state, frame, "nic");
	add_roots(state, frame, "dpdk");
	add_roots(state, frame, "dpdk_port");
	n = state->n_rows;
	if (n == 0)
		return;
	roots = xcalloc(n, sizeof(*roots));
	memcpy(roots, state->rows, n * sizeof(*roots));
	state->n_rows = 0;
	for (unsigned i = 0; i < n; i++) {
		struct nic_row row = roots[i];
		unsigned children = count_children(state, row.entity);

		row.has_children = children > 0;
		row.is_open = children && (is_all_open || is_open(state, row.entity, children));
		add_row(state, &row);
		if (row.is_open)
			add_children(state, frame, row.entity);
	}
	free(roots);
}

static void refresh_chains(struct nic_view *state, const struct frame *frame)
{
	if (state->chains && state->chains_of == frame->snap &&
	    state->chains_seq == frame->snap->seq)
		return;
	chains_free(state->chains);
	children_free(state->vfs);
	children_free(state->lcores);
	state->chains = chains_new(frame->snap);
	state->vfs = children_new(frame->snap, "vf");
	state->lcores = children_new(frame->snap, "lcore");
	state->chains_of = frame->snap;
	state->chains_seq = frame->snap->seq;
}

static void remember_cursor(struct nic_view *state)
{
	if (state->table.cursor < state->n_rows)
		snprintf(state->cursor_key, sizeof(state->cursor_key), "%s",
			 state->rows[state->table.cursor].entity->key);
}

static bool prepare(struct nic_view *state, const struct frame *frame)
{
	if (!frame->snap)
		return false;
	refresh_chains(state, frame);
	build_rows(state, frame, false);
	for (unsigned i = 0; i < state->n_rows && state->cursor_key[0]; i++) {
		if (strcmp(state->rows[i].entity->key, state->cursor_key) == 0)
			state->table.cursor = i;
	}
	if (state->table.cursor >= state->n_rows)
		state->table.cursor = state->n_rows ? state->n_rows - 1 : 0;
	return true;
}

struct cells {
	const struct nic_view *state;
	const struct frame *frame;
};

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct cells *cells = arg;

	nic_cell(cells->state, cells->frame, &cells->state->rows[row], column, ret);
}

/* What the selected row has to say, in lines of that width: drawn where nobody sees it. */
static int details_lines(const struct nic_view *state, const struct frame *frame, int width,
			 int max_lines)
{
	struct surface unseen;
	struct pane pane;
	int n;

	surface_init(&unseen, width, max_lines, true);
	pane = surface_pane(&unseen);
	n = nic_details(state, frame, &state->rows[state->table.cursor], &pane);
	surface_done(&unseen);
	return n;
}

/* Lines for the selected row: as many as there are besides a useful table. Where that is larger
 * than its place, no more than the row needs. */
static int details_height(const struct nic_view *state, const struct frame *frame,
			  const struct pane *pane)
{
	int height = pane->height, spare = height - 2 - (int)state->n_rows;
	int most = height >= 30 ? 8 : height >= 16 ? 6 : height >= 12 ? 4 : height >= 8 ? 2 : 0;
	int needed;

	if (spare >= most)
		return spare < 12 ? spare : 12;
	needed = most ? details_lines(state, frame, pane->width, most) : 0;
	return needed > spare ? needed : spare > 0 ? spare : 0;
}

static void nic_draw(const struct view *view, void *arg, const struct frame *frame,
		     const struct pane *pane)
{
	struct nic_view *state = arg;
	struct table_column columns[NIC_COLUMNS];
	struct cells cells = {state, frame};
	struct table table;
	struct pane area;
	int details;

	(void)view;
	if (!prepare(state, frame))
		return;
	if (state->is_softnet) {
		nic_softnet_draw(state, frame, pane);
		return;
	}
	nic_columns(state, columns);
	table = (struct table){columns, NIC_COLUMNS, state->n_rows,
			       cell,	&cells,	     "no network interface on this host"};
	details = state->n_rows ? details_height(state, frame, pane) : 0;
	area = pane_sub(pane, 0, 0, pane->width, pane->height - details - (details > 0));
	state->table_y = 0;
	table_draw(&area, &table, &state->table);
	if (details <= 0)
		return;
	widget_rule(pane, pane->height - details - 1, "selected");
	area = pane_sub(pane, 0, pane->height - details, pane->width, details);
	(void)nic_details(state, frame, &state->rows[state->table.cursor], &area);
}

static void sort_command(struct nic_view *state, enum command command)
{
	int at = state->table.sort_column;

	if (command == COMMAND_INVERT) {
		state->table.is_descending = !state->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	/* -1 between the ends: the natural order comes back. */
	state->table.sort_column = at >= NIC_COLUMNS ? -1 : at < -1 ? NIC_COLUMNS - 1 : at;
	state->table.is_descending = state->table.sort_column >= 0 &&
				     nic_column_descends((unsigned)state->table.sort_column);
}

static void go(struct ui_request *ret, const char *fmt, ...) _printf_(2, 3);

static void go(struct ui_request *ret, const char *fmt, ...)
{
	va_list ap;

	ret->type = UI_GOTO;
	va_start(ap, fmt);
	(void)vsnprintf(ret->key, sizeof(ret->key), fmt, ap);
	va_end(ap);
}

static void say(struct ui_request *ret, const char *text)
{
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}

/* The first CPU an lcore may run on; -1: none known. */
static int lcore_cpu(const struct entity *e)
{
	const char *cpus = strcmp(e->kind->name, "lcore") == 0 ? entity_text(e, "cpus") : NULL;
	struct cpuset set;

	return cpus && cpuset_parse_list(cpus, &set) == 0 && !cpuset_is_empty(&set)
		       ? (int)cpuset_next(&set, 0)
		       : -1;
}

/* Enter: branches open and close, a queue and an lcore lead to their CPU. */
static void open_row(struct nic_view *state, const struct nic_row *row, const struct chain *chain,
		     struct ui_request *ret)
{
	if (row->has_children)
		toggle(state, row->entity->key);
	else if (chain && chain->cpu >= 0)
		go(ret, "cpu:%d", chain->cpu);
	else if (chain)
		say(ret, "no CPU is known for this queue: it has no interrupt of its own");
	else if (lcore_cpu(row->entity) >= 0)
		go(ret, "cpu:%d", lcore_cpu(row->entity));
	else
		say(ret, "nothing to open here");
}

static void follow_row(const struct nic_row *row, const struct chain *chain, struct ui_request *ret)
{
	if (chain && chain->irq)
		go(ret, "%s", chain->irq->key);
	else if (chain && chain->cpu >= 0)
		go(ret, "cpu:%d", chain->cpu);
	else if (lcore_cpu(row->entity) >= 0)
		go(ret, "cpu:%d", lcore_cpu(row->entity));
	else
		say(ret, chain ? "no interrupt is known for this queue"
			       : "select a queue: its interrupt is where this leads");
}

static void edit_cpus(const struct nic_row *row, const struct chain *chain, struct ui_request *ret)
{
	if (strcmp(row->entity->kind->name, "nic") == 0)
		view_edit_cpus("nic_irqs", row->entity->key, "", ret);
	else if (chain && chain->irq)
		view_edit_cpus("irq_affinity", chain->irq->key, "", ret);
	else
		say(ret, chain ? "this queue has no interrupt of its own: K shows its knobs"
			       : "choose an interface or a queue: a moves its interrupts");
}

/* Left closes: from a queue, the branch it is in. */
static void branch(struct nic_view *state, bool is_closing)
{
	unsigned at = state->table.cursor;

	while (is_closing && at > 0 && state->rows[at].is_child)
		at--;
	if (state->rows[at].has_children && state->rows[at].is_open == is_closing)
		toggle(state, state->rows[at].entity->key);
	state->table.cursor = at;
	remember_cursor(state);
}

static bool tree_command(struct nic_view *state, const struct frame *frame, enum command command,
			 struct ui_request *ret)
{
	const struct nic_row *row = &state->rows[state->table.cursor];
	const struct chain *chain = chains_find(state->chains, frame->snap, row->entity);

	if (command == COMMAND_OPEN)
		open_row(state, row, chain, ret);
	else if (command == COMMAND_FOLLOW)
		follow_row(row, chain, ret);
	else if (command == COMMAND_LEFT || command == COMMAND_RIGHT)
		branch(state, command == COMMAND_LEFT);
	else if (command == COMMAND_AFFINITY)
		edit_cpus(row, chain, ret);
	else if (command == COMMAND_EDIT || command == COMMAND_KNOBS)
		view_show_knobs(row->entity->key, ret);
	else
		return false;
	return true;
}

static bool softnet_command(struct nic_view *state, const struct frame *frame, enum command command,
			    struct ui_request *ret)
{
	const struct entity *cpu;

	if (table_command(&state->softnet, nic_softnet_rows(frame), command))
		return true;
	cpu = nic_softnet_at(frame, state->softnet.cursor);
	if ((command != COMMAND_FOLLOW && command != COMMAND_OPEN) || !cpu)
		return false;
	go(ret, "%s", cpu->key);
	return true;
}

static bool nic_command(const struct view *view, void *arg, const struct frame *frame,
			enum command command, struct ui_request *ret)
{
	struct nic_view *state = arg;

	(void)view;
	if (!prepare(state, frame))
		return false;
	if (command == COMMAND_PER_CPU) {
		state->is_softnet = !state->is_softnet;
		return true;
	}
	if (state->is_softnet)
		return softnet_command(state, frame, command, ret);
	if (command == COMMAND_TREE) {
		state->tree = state->tree == NIC_TREE_OPEN ? NIC_TREE_CLOSED : NIC_TREE_OPEN;
		state->n_toggled = 0;
		return true;
	}
	if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
	    command == COMMAND_INVERT) {
		sort_command(state, command);
		return true;
	}
	if (table_command(&state->table, state->n_rows, command)) {
		remember_cursor(state);
		return true;
	}
	return state->n_rows > 0 && tree_command(state, frame, command, ret);
}

static bool row_contains(const struct nic_view *state, const struct frame *frame, unsigned row,
			 const char *needle)
{
	if (text_contains(state->rows[row].entity->key, needle))
		return true;
	for (unsigned i = 0; i < NIC_COLUMNS; i++) {
		struct table_cell text = {.role = ROLE_VALUE};

		nic_cell(state, frame, &state->rows[row], i, &text);
		if (text_contains(text.text, needle))
			return true;
	}
	return false;
}

/* Shows an entity, whether its branch is closed or not. */
static bool show(struct nic_view *state, const struct frame *frame, const char *key)
{
	build_rows(state, frame, true);
	for (unsigned i = 0, root = 0; i < state->n_rows; i++) {
		root = state->rows[i].is_child ? root : i;
		if (strcmp(state->rows[i].entity->key, key) != 0)
			continue;
		snprintf(state->cursor_key, sizeof(state->cursor_key), "%s", key);
		if (i != root) {
			char parent[NIC_KEY_MAX];

			snprintf(parent, sizeof(parent), "%s", state->rows[root].entity->key);
			build_rows(state, frame, false);
			for (unsigned k = 0; k < state->n_rows; k++) {
				if (strcmp(state->rows[k].entity->key, parent) == 0 &&
				    !state->rows[k].is_open)
					toggle(state, parent);
			}
		}
		return true;
	}
	return false;
}

static bool nic_search(const struct view *view, void *arg, const struct frame *frame,
		       const char *needle, int direction)
{
	struct nic_view *state = arg;
	unsigned step, at = 0;

	(void)view;
	if (!prepare(state, frame) || state->is_softnet || state->n_rows == 0)
		return false;
	remember_cursor(state);
	build_rows(state, frame, true);
	for (unsigned i = 0; i < state->n_rows; i++) {
		if (strcmp(state->rows[i].entity->key, state->cursor_key) == 0)
			at = i;
	}
	step = direction < 0 ? state->n_rows - 1 : 1;
	at += direction ? step : 0;
	for (unsigned i = 0; i < state->n_rows; i++, at += step) {
		char key[NIC_KEY_MAX];

		if (!row_contains(state, frame, at % state->n_rows, needle))
			continue;
		snprintf(key, sizeof(key), "%s", state->rows[at % state->n_rows].entity->key);
		return show(state, frame, key);
	}
	return false;
}

static bool nic_select(const struct view *view, void *arg, const struct frame *frame,
		       const char *key)
{
	struct nic_view *state = arg;

	(void)view;
	if (!prepare(state, frame) || !show(state, frame, key))
		return false;
	state->is_softnet = false;
	return true;
}

static void nic_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct nic_view *state = arg;
	struct table_state *table = state->is_softnet ? &state->softnet : &state->table;
	unsigned row = table->top + (unsigned)(y - state->table_y - 1);

	(void)view;
	(void)frame;
	(void)x;
	if (y <= state->table_y || y > state->table_y + (int)table->page)
		return;
	table->cursor = row;
	state->cursor_key[0] = 0; /* rows of the frame on screen may be gone by now */
}

extern const struct view view_nic;

const struct view view_nic = {
	.name = "nic",
	.key = '4',
	.summary = "interfaces, queues, their interrupts and CPUs; DPDK",
	.kinds = "nic queue vf irq cpu host vcpu dpdk dpdk_port lcore",
	.hints = {COMMAND_OPEN, COMMAND_FOLLOW, COMMAND_AFFINITY, COMMAND_KNOBS, COMMAND_TREE,
		  COMMAND_PER_CPU, COMMAND_SEARCH, COMMAND_SORT_RIGHT},
	.state_size = sizeof(struct nic_view),
	.init = nic_init,
	.draw = nic_draw,
	.command = nic_command,
	.search = nic_search,
	.click = nic_click,
	.selects = "nic queue vf dpdk dpdk_port lcore",
	.select = nic_select,
	.done = nic_done,
};
