/* The memory view: memory of host and nodes, huge page pools, who holds them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view.h"

struct memory_view {
	struct table_state table;
	int table_y; /* of the last draw, for clicks */
};

static void add(struct flow *flow, const struct entity *entity, const char *label,
		const char *metric)
{
	char text[128];
	enum role role = entity_format(entity, metric, text, sizeof(text));

	flow_field(flow, label, role, "%s", text[0] ? text : "-");
}

static int draw_host(const struct frame *frame, const struct pane *pane)
{
	const struct entity *host = snapshot_find(frame->snap, "host");
	struct flow flow = {.pane = pane, .indent = 7, .max_lines = 2};

	flow_field(&flow, "", ROLE_STRONG, "host");
	flow.x = 7;
	add(&flow, host, "total", "memory_total_bytes");
	add(&flow, host, "available", "memory_available_bytes");
	add(&flow, host, "free", "memory_free_bytes");
	add(&flow, host, "thp", "thp_enabled");
	add(&flow, host, "defrag", "thp_defrag");
	add(&flow, host, "ksm", "ksm_run");
	add(&flow, host, "numa balancing", "numa_balancing");
	return flow_lines(&flow);
}

static int draw_nodes(const struct frame *frame, const struct pane *pane, int y, int max)
{
	const struct snapshot_table *nodes = snapshot_table(frame->snap, "node");
	int n = nodes ? (int)nodes->n_entities : 0, shown = n <= max ? n : max - 1;

	for (int i = 0; i < shown; i++) {
		const struct entity *e = &nodes->entities[i];
		struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = 1};

		flow_field(&flow, "", ROLE_STRONG, "node %s", strchr(e->key, ':') + 1);
		flow.x = flow.x < 7 ? 7 : flow.x;
		add(&flow, e, "total", "memory_total_bytes");
		add(&flow, e, "free", "memory_free_bytes");
		add(&flow, e, "cpus", "cpus");
		if (n > 1)
			add(&flow, e, "dist", "distances");
		y++;
	}
	if (shown < n && max > 0) {
		(void)pane_printf(pane, 0, y, ROLE_DIM, "... %d more nodes: view 0, kind node",
				  n - (shown > 0 ? shown : 0));
		shown++;
	}
	return shown > 0 ? shown : 0;
}

static const struct table_column columns[] = {
	{.title = "pool", .min_width = 10, .max_width = 24},
	{.title = "page size", .min_width = 9, .max_width = 9, .priority = 4, .is_right = true},
	{.title = "total", .min_width = 7, .max_width = 9, .is_right = true},
	{.title = "free", .min_width = 7, .max_width = 9, .priority = 1, .is_right = true},
	{.title = "reserved", .min_width = 8, .max_width = 9, .priority = 2, .is_right = true},
	{.title = "surplus", .min_width = 7, .max_width = 9, .priority = 3, .is_right = true},
	{.title = "memory", .min_width = 8, .max_width = 10, .priority = 5, .is_right = true},
};

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	static const char *const metrics[] = {NULL,	    "page_size_bytes", "total_pages",
					      "free_pages", "reserved_pages",  "surplus_pages"};
	const struct snapshot_table *pools = arg;
	const struct entity *e = &pools->entities[row];
	uint64_t size, total;

	if (column == 0) {
		snprintf(ret->text, sizeof(ret->text), "%s", strchr(e->key, ':') + 1);
		ret->role = ROLE_STRONG;
	} else if (column < ARRAY_SIZE(metrics)) {
		ret->role = entity_format(e, metrics[column], ret->text, sizeof(ret->text));
	} else if (entity_u64(e, "page_size_bytes", &size) &&
		   entity_u64(e, "total_pages", &total)) {
		format_bytes(size * total, ret->text, sizeof(ret->text));
	} else {
		snprintf(ret->text, sizeof(ret->text), "-");
		ret->role = ROLE_VALUE_ABSENT;
	}
}

static int draw_holders(const struct frame *frame, const struct pane *pane, int y)
{
	const struct snapshot_table *holders = snapshot_table(frame->snap, "hugeholder");
	unsigned n = holders ? holders->n_entities : 0;

	if (n == 0) {
		(void)pane_text(pane, 0, y, ROLE_DIM, "no process holds huge pages");
		return y + 1;
	}
	(void)pane_text(pane, 0, y++, ROLE_LABEL, "held by");
	for (unsigned i = 0; i < n && y < pane->height; i++, y++) {
		const struct entity *e = &holders->entities[i];
		struct flow flow = {.pane = pane, .x = 2, .y = y, .first_y = y, .max_lines = 1};

		flow_field(&flow, "", ROLE_STRONG, "%s", e->name ? e->name : "");
		flow_field(&flow, "", ROLE_VALUE, "%s", strchr(e->key, ':') + 1);
		for (unsigned k = 0; k < e->kind->n_metrics; k++) {
			const struct metric *m = e->kind->metrics[k];

			if (m->title && e->values[k].state != VALUE_ABSENT)
				add(&flow, e, m->title, m->name);
		}
	}
	return y;
}

static void memory_draw(const struct view *view, void *arg, const struct frame *frame,
			const struct pane *pane)
{
	struct memory_view *state = arg;
	const struct snapshot_table *pools = snapshot_table(frame->snap, "hugepool");
	struct table table = {columns,
			      ARRAY_SIZE(columns),
			      pools ? pools->n_entities : 0,
			      cell,
			      (void *)(uintptr_t)pools,
			      "this kernel has no huge page pools (or they cannot be read)"};
	int y, rows;
	struct pane area;

	(void)view;
	y = draw_host(frame, pane);
	y += draw_nodes(frame, pane, y, pane->height / 3);
	y += pane->height >= 16;
	rows = (int)table.n_rows + 1 + (table.n_rows == 0);
	if (rows > pane->height - y - 3)
		rows = pane->height - y - 3 > 2 ? pane->height - y - 3 : pane->height - y;
	area = pane_sub(pane, 0, y, pane->width, rows);
	state->table_y = y;
	state->table.sort_column = -1;
	table_draw(&area, &table, &state->table);
	(void)draw_holders(frame, pane, y + rows + (pane->height >= 16));
}

static bool memory_command(const struct view *view, void *arg, const struct frame *frame,
			   enum command command, struct ui_request *ret)
{
	struct memory_view *state = arg;
	const struct snapshot_table *pools =
		frame->snap ? snapshot_table(frame->snap, "hugepool") : NULL;
	unsigned n = pools ? pools->n_entities : 0;

	(void)view;
	if (table_command(&state->table, n, command))
		return true;
	if (n == 0)
		return false;
	const struct entity *e = &pools->entities[state->table.cursor];

	if (command == COMMAND_KNOBS) {
		view_show_knobs(e->key, ret);
		return true;
	}
	if (command != COMMAND_OPEN && command != COMMAND_EDIT)
		return false;

	if (strncmp(e->key, "hugepool:all/", 13) == 0) {
		ret->type = UI_MESSAGE;
		snprintf(ret->text, sizeof(ret->text),
			 "the sum of all nodes is not set as one: choose the row of a node");
	} else if (view_knob_of(e, &ret->knob, ret->target, sizeof(ret->target))) {
		ret->type = UI_EDIT;
	}
	return true;
}

static void memory_click(const struct view *view, void *arg, const struct frame *frame, int x,
			 int y)
{
	struct memory_view *state = arg;

	(void)view;
	(void)frame;
	(void)x;
	/* table_draw() brings a cursor beyond the last row back. */
	if (y > state->table_y)
		state->table.cursor = state->table.top + (unsigned)(y - state->table_y - 1);
}

extern const struct view view_memory;

const struct view view_memory = {
	.name = "memory",
	.key = '7',
	.summary = "memory and huge pages per node, who holds them",
	.kinds = "host node hugepool hugeholder",
	.hints = {COMMAND_EDIT, COMMAND_PAUSE},
	.state_size = sizeof(struct memory_view),
	.draw = memory_draw,
	.command = memory_command,
	.click = memory_click,
};
