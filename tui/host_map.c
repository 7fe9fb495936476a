/*
 * The CPUs as a map of cells in blocks per node. The largest kind of cell with which everything
 * fits is taken; when nothing fits, the smallest, scrolled to the cursor. Each layout is run once
 * without a pane to measure it and once to draw it, so that both can never disagree.
 */
#include <math.h>
#include <stdio.h>

#include "tui/view_host_internal.h"

enum cell_kind {
	CELL_LATENCY, /* "12  412us i" */
	CELL_NUMBER,  /* "12#i" */
	CELL_PAIR,    /* "#i" */
	CELL_GLYPH,   /* "#" */
};

struct map {
	const struct frame *frame;
	struct host_view *state;
	const struct pane *pane; /* NULL while measuring */
	int top;		 /* lines scrolled off */
	enum cell_kind kind;
	bool has_blocks; /* nodes have a block and a header of their own */
	unsigned columns;
	int number_width, cell_width, gap;
	int cursor_y; /* where the cursor's cell came to lie */
};

struct pen {
	int left, right; /* of the block */
	int x, y;
};

static void set_kind(struct map *map, enum cell_kind kind)
{
	unsigned largest = map->frame->machine->largest_number;
	int digits = largest >= 1000 ? 4 : largest >= 100 ? 3 : largest >= 10 ? 2 : 1;

	map->kind = kind;
	map->number_width = digits;
	switch (kind) {
	case CELL_LATENCY:
		map->cell_width = digits + 8;
		map->gap = 1;
		return;
	case CELL_NUMBER:
		map->cell_width = digits + 2;
		map->gap = 1;
		return;
	case CELL_PAIR:
		map->cell_width = 2;
		map->gap = 0;
		return;
	case CELL_GLYPH:
		map->cell_width = 1;
		map->gap = 0;
		return;
	}
}

static void latency_text(const struct map *map, const struct machine_cpu *cpu, char *buf,
			 size_t size)
{
	if (!cpu->is_online)
		snprintf(buf, size, "x");
	else if (map->frame->why_not_measured && isnan(cpu->busy))
		snprintf(buf, size, "-");
	else if (map->frame->why_not_measured)
		snprintf(buf, size, "%.0f%%", cpu->busy * 100);
	else if (!cpu->latency.has_p99)
		snprintf(buf, size, cpu->latency.samples ? "?" : "-");
	else
		format_ns_short(cpu->latency.p99_ns, buf, size);
}

static void draw_cell(const struct map *map, unsigned index, int x, int y)
{
	const struct machine_cpu *cpu = &map->frame->machine->cpus[index];
	bool is_cursor = map->state->cursor == index;
	char glyph, text[24];
	enum role heat = host_heat(map->frame, cpu, &glyph);
	enum role role = is_cursor ? ROLE_TABLE_CURSOR : heat;
	const struct pane *pane = map->pane;
	bool is_tagged = cpuset_has(&map->frame->tags->cpus, cpu->number);
	char mark = is_tagged ? '*' : host_mark(cpu);

	if (map->kind == CELL_LATENCY || map->kind == CELL_NUMBER)
		x = pane_printf(pane, x, y, is_cursor ? role : ROLE_TEXT, "%*u", map->number_width,
				cpu->number);
	if (map->kind == CELL_LATENCY) {
		latency_text(map, cpu, text, sizeof(text));
		pane_text_right(pane, x, y, 6, role, text);
		x += 6;
	} else {
		bool is_alone = is_tagged && map->kind == CELL_GLYPH;

		pane_put(pane, x++, y, (unsigned char)(is_alone ? '*' : glyph), role);
	}
	if (map->kind != CELL_GLYPH)
		pane_put(pane, x, y, (unsigned char)mark, is_cursor ? role : ROLE_MARK);
}

static void place_cell(struct map *map, struct pen *pen, unsigned index)
{
	if (pen->x + map->cell_width > pen->right && pen->x > pen->left) {
		pen->x = pen->left;
		pen->y++;
	}
	if (map->pane) {
		draw_cell(map, index, pen->x, pen->y - map->top);
		host_place(map->state, index, pen->x, pen->y, map->cell_width);
	}
	if (index == map->state->cursor)
		map->cursor_y = pen->y;
	pen->x += map->cell_width + map->gap;
}

/* A label in front of width columns of cells that should not be torn off it. */
static void place_label(struct map *map, struct pen *pen, const char *text, int width)
{
	int n = text_columns(text);

	if (pen->x + n + width > pen->right && pen->x > pen->left) {
		pen->x = pen->left;
		pen->y++;
	}
	if (map->pane)
		(void)pane_text(map->pane, pen->x, pen->y - map->top, ROLE_LABEL, text);
	pen->x += n;
}

static int group_width(const struct map *map, const struct machine_group *group)
{
	return (int)group->n * (map->cell_width + map->gap) - map->gap;
}

/* SMT siblings stand together in one line, cores a little apart. */
static void begin_core(const struct map *map, struct pen *pen, const struct machine_group *group,
		       unsigned at)
{
	const struct machine_cpu *cpus = &map->frame->machine->cpus[group->first];
	int n = 1;

	while (at + (unsigned)n < group->n && cpus[at + (unsigned)n].core == cpus[at].core)
		n++;
	if (pen->x > pen->left &&
	    pen->x + n * (map->cell_width + map->gap) - map->gap > pen->right) {
		pen->x = pen->left;
		pen->y++;
	} else if (at > 0 && map->kind == CELL_NUMBER) {
		pen->x++;
	}
}

static void place_group(struct map *map, struct pen *pen, const struct machine_group *group,
			bool has_label)
{
	const struct machine_cpu *cpus = map->frame->machine->cpus;
	char label[24];

	/* A group that fits in one line is not torn apart. */
	if (pen->x > pen->left && pen->x + group_width(map, group) > pen->right) {
		pen->x = pen->left;
		pen->y++;
	}
	if (has_label) {
		snprintf(label, sizeof(label), "L3#%d ", group->id);
		place_label(map, pen, label, map->cell_width);
	}
	for (unsigned i = 0; i < group->n; i++) {
		bool is_new_core =
			i == 0 || cpus[group->first + i].core != cpus[group->first + i - 1].core;

		if (is_new_core && map->frame->machine->is_smt)
			begin_core(map, pen, group, i);
		place_cell(map, pen, group->first + i);
	}
	pen->x += map->kind == CELL_PAIR || map->kind == CELL_GLYPH ? 1 : 2;
}

static void place_node(struct map *map, struct pen *pen, const struct machine_node *node)
{
	const struct machine *m = map->frame->machine;

	for (unsigned i = 0; i < node->n_l3; i++) {
		const struct machine_group *group = &m->l3s[node->first_l3 + i];
		bool has_label = node->n_l3 > 1 && group->id != MACHINE_NO_ID &&
				 (map->kind == CELL_LATENCY || map->kind == CELL_NUMBER);

		place_group(map, pen, group, has_label);
	}
}

/* One block: header line and cells. Returns its lines. */
static int place_block(struct map *map, const struct machine_node *node, int x, int y, int width)
{
	struct pen pen = {x + 1, x + width, x + 1, y + 1};

	if (map->pane)
		host_node_line(map->frame, node, map->pane, x, y - map->top, width);
	if (node->cpus.n == 0)
		return 1;
	place_node(map, &pen, node);
	return pen.y + 1 - y;
}

/* Returns the lines of the whole map. */
static int place_all(struct map *map, int width)
{
	const struct machine *m = map->frame->machine;
	struct pen pen = {0, width, 0, 0};
	int y = 0, tallest = 0;

	if (!map->has_blocks) {
		for (unsigned n = 0; n < m->n_nodes; n++) {
			char label[24];

			if (m->nodes[n].cpus.n == 0)
				continue;
			snprintf(label, sizeof(label), "n%d ", m->nodes[n].cpus.id);
			if (m->n_nodes > 1)
				place_label(map, &pen, label,
					    group_width(map, &m->l3s[m->nodes[n].first_l3]));
			place_node(map, &pen, &m->nodes[n]);
		}
		return pen.y + 1;
	}
	int block = (width - 3 * ((int)map->columns - 1)) / (int)map->columns;

	for (unsigned n = 0; n < m->n_nodes; n++) {
		int column = (int)(n % map->columns), lines;

		if (column == 0) {
			y += tallest;
			tallest = 0;
		}
		lines = place_block(map, &m->nodes[n], column * (block + 3), y, block);
		tallest = lines > tallest ? lines : tallest;
	}
	return y + tallest;
}

/* Columns of blocks with which the map is the lowest; the fewest of equals. */
static int best_columns(struct map *map, int width)
{
	unsigned n = map->frame->machine->n_nodes, best = 1;
	int lowest = -1;

	for (unsigned c = 1; c <= n && width / (int)c >= (c == 1 ? 1 : 22); c++) {
		int lines;

		map->columns = c;
		lines = place_all(map, width);
		if (lowest < 0 || lines < lowest) {
			lowest = lines;
			best = c;
		}
	}
	map->columns = best;
	return lowest;
}

/* Sets kind and columns; returns the lines. */
static int choose(struct map *map, int width, int height)
{
	int lines = 0;

	for (int kind = CELL_LATENCY; kind <= CELL_GLYPH; kind++) {
		set_kind(map, (enum cell_kind)kind);
		map->has_blocks = true;
		lines = best_columns(map, width);
		if (lines <= height)
			return lines;
	}
	map->has_blocks = false;
	for (int kind = CELL_PAIR; kind <= CELL_GLYPH; kind++) {
		set_kind(map, (enum cell_kind)kind);
		lines = place_all(map, width);
		if (lines <= height)
			break;
	}
	return lines;
}

int host_map_draw(struct host_view *state, const struct frame *frame, const struct pane *pane,
		  bool *ret_is_glyphs)
{
	struct map map = {.frame = frame, .state = state, .columns = 1};
	int lines = choose(&map, pane->width, pane->height);

	state->page = pane->height;
	if (map.cursor_y < state->top)
		state->top = map.cursor_y;
	if (map.cursor_y >= state->top + pane->height)
		state->top = map.cursor_y - pane->height + 1;
	if (state->top + pane->height > lines)
		state->top = lines > pane->height ? lines - pane->height : 0;
	map.pane = pane;
	map.top = state->top;
	(void)place_all(&map, pane->width);
	*ret_is_glyphs = map.kind != CELL_LATENCY;
	return lines < pane->height ? lines : pane->height;
}
