/*
 * The host view: the machine on one screen. Few CPUs: a line each with bars and trend; many: a map
 * of cells. Below: the selected CPU, pressure, the kernel line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "tui/view_host_internal.h"

enum role host_heat(const struct frame *frame, const struct machine_cpu *cpu, char *ret_glyph)
{
	unsigned level;

	if (!cpu->is_online) {
		*ret_glyph = 'x';
		return ROLE_OFFLINE;
	}
	if (frame->why_not_measured) {
		level = heat_level_share(cpu->busy);
		*ret_glyph = isnan(cpu->busy) ? '-' : heat_glyph(level);
		return isnan(cpu->busy) ? ROLE_HEAT_NONE : (enum role)(ROLE_HEAT_0 + level);
	}
	if (!cpu->latency.has_p99) {
		*ret_glyph = cpu->latency.samples ? '?' : '-';
		return ROLE_HEAT_NONE;
	}
	level = heat_level(cpu->latency.p99_ns);
	*ret_glyph = heat_glyph(level);
	return (enum role)(ROLE_HEAT_0 + level);
}

char host_mark(const struct machine_cpu *cpu)
{
	bool is_shielded = cpu->is_isolated || cpu->is_nohz_full;

	if (cpu->has_vcpu)
		return is_shielded ? 'V' : 'v';
	return cpu->is_isolated ? 'i' : cpu->is_nohz_full ? 'n' : ' ';
}

void host_place(struct host_view *state, unsigned cpu, int x, int y, int width)
{
	if (cpu >= state->room) {
		state->room = cpu + 64;
		state->places = xrealloc(state->places, state->room * sizeof(*state->places));
	}
	state->places[cpu] = (struct host_place){x, y, width};
	if (cpu >= state->n_places)
		state->n_places = cpu + 1;
}

static void host_done(void *arg)
{
	free(((struct host_view *)arg)->places);
}

/* The cursor means a CPU, not a position: CPUs come and go. */
static void find_cursor(struct host_view *state, const struct machine *m)
{
	int at = state->has_cursor ? machine_find(m, state->cursor_number) : 0;

	state->cursor = at >= 0 ? (unsigned)at : 0;
	if (state->cursor < m->n_cpus) {
		state->cursor_number = m->cpus[state->cursor].number;
		state->has_cursor = true;
	}
}

/* Lines below the CPUs, by height: selected CPU, kernel, pressure, legend. */
struct below {
	int detail, kernel, pressure, legend;
};

static struct below share_lines(int height, int width, int cpu_lines)
{
	struct below b = {0};
	int spare = height - (cpu_lines < height / 2 ? cpu_lines : height / 2);
	int detail_want = width >= 150 ? 2 : width >= 78 ? 4 : 5;

	b.legend = spare > 4;
	b.detail = spare >= 7 ? (spare - 5 < detail_want ? spare - 5 : detail_want) : spare > 2;
	b.kernel = spare >= 6 ? (spare >= 14 ? 4 : spare >= 9 ? 2 : 1) : 0;
	b.pressure = spare >= 8;
	return b;
}

static int lines_below(const struct below *b)
{
	return b->detail + b->kernel + b->pressure + b->legend;
}

/* The CPUs come first: a line each where that is possible at all, else at least a cell each. The
 * rest makes way step by step. */
static int room_for_cpus(const struct pane *pane, const struct machine *m, int row_lines,
			 struct below *b)
{
	int least = (int)(m->n_cpus + m->n_cpus / 8 + 4 * m->n_nodes) / (pane->width + 1) + 1;
	int spare;

	if (row_lines <= pane->height - 4)
		least = row_lines;
	const struct {
		int *lines, to;
	} steps[] = {
		{&b->kernel, 2}, {&b->detail, 3},   {&b->kernel, 1}, {&b->detail, 2},
		{&b->kernel, 0}, {&b->pressure, 0}, {&b->detail, 1},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		spare = pane->height - lines_below(b) - least;
		if (spare < 0 && *steps[i].lines > steps[i].to) {
			int give = *steps[i].lines - steps[i].to;

			*steps[i].lines -= give < -spare ? give : -spare;
		}
	}
	return pane->height - lines_below(b);
}

static int draw_below(const struct host_view *state, const struct frame *frame,
		      const struct pane *pane, int y, const struct below *b)
{
	if (b->detail)
		y += host_detail_lines(frame, state->cursor, pane, y, b->detail);
	if (b->pressure)
		y += host_pressure_lines(frame, pane, y, b->pressure);
	if (b->kernel)
		y += host_kernel_lines(frame, pane, y, b->kernel);
	return y;
}

static void host_draw(const struct view *view, void *arg, const struct frame *frame,
		      const struct pane *pane)
{
	struct host_view *state = arg;
	const struct machine *m = frame->machine;
	int lines, room, y;
	bool is_glyphs = false, is_rows;
	struct below below;
	struct pane area;

	(void)view;
	if (!m || m->n_cpus == 0) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "no cpu found on this host");
		return;
	}
	find_cursor(state, m);
	lines = host_rows_lines(frame, pane->width);
	below = share_lines(pane->height, pane->width, lines);
	room = room_for_cpus(pane, m, lines, &below);
	is_rows = lines <= room;
	area = pane_sub(pane, 0, 0, pane->width, is_rows ? lines : room);
	state->n_places = 0;
	if (is_rows) {
		state->top = 0;
		host_rows_draw(state, frame, &area);
		y = lines;
	} else {
		y = host_map_draw(state, frame, &area, &is_glyphs);
	}
	if (below.legend)
		host_legend_line(frame, pane, y++, is_glyphs);
	/* A blank line where there is room for one. */
	y += pane->height - y > below.detail + below.kernel + below.pressure;
	(void)draw_below(state, frame, pane, y, &below);
}

static int distance(int a, int b)
{
	return a > b ? a - b : b - a;
}

/* The CPU of the next line up or down whose cell is nearest in x. */
static unsigned vertical_neighbour(const struct host_view *state, int direction)
{
	const struct host_place *from = &state->places[state->cursor];
	unsigned best = state->cursor;
	int best_dy = 1 << 20, best_dx = 1 << 20;

	for (unsigned i = 0; i < state->n_places; i++) {
		int dy = (state->places[i].y - from->y) * direction;
		int dx = distance(state->places[i].x, from->x);

		if (dy <= 0 || dy > best_dy || (dy == best_dy && dx >= best_dx))
			continue;
		best_dy = dy;
		best_dx = dx;
		best = i;
	}
	return best;
}

/* To what runs on the CPU: its vCPUs one after another, with every call the next. */
static void follow(struct host_view *state, const struct machine *m, struct ui_request *ret)
{
	unsigned cpu = m->cpus[state->cursor].number;
	const struct guest_vcpu *vcpu;

	if (state->followed != cpu)
		state->n_followed = 0;
	state->followed = cpu;
	vcpu = guests_on_cpu(m->guests, cpu, state->n_followed++);
	if (!vcpu) {
		vcpu = guests_on_cpu(m->guests, cpu, 0);
		state->n_followed = 1;
	}
	ret->type = vcpu ? UI_GOTO : UI_MESSAGE;
	if (vcpu)
		snprintf(ret->key, sizeof(ret->key), "%s", vcpu->vcpu->key);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "no vCPU is pinned to CPU %u or ran there last", cpu);
}

static bool host_command(const struct view *view, void *arg, const struct frame *frame,
			 enum command command, struct ui_request *ret)
{
	struct host_view *state = arg;
	unsigned n = frame->machine ? frame->machine->n_cpus : 0, to;

	(void)view;
	if (n == 0)
		return false;
	find_cursor(state, frame->machine);
	if (command == COMMAND_FOLLOW) {
		follow(state, frame->machine, ret);
		return true;
	}
	if (view_cpu_command(frame, frame->machine->cpus[state->cursor].number, command, ret)) {
		if (command != COMMAND_TAG)
			return true;
		command = COMMAND_RIGHT; /* Space goes on to the next */
	}
	to = state->cursor;
	if (state->n_places != n) /* not drawn yet: positions are unknown */
		return false;
	if (command == COMMAND_UP || command == COMMAND_DOWN) {
		to = vertical_neighbour(state, command == COMMAND_UP ? -1 : 1);
	} else if (command == COMMAND_PAGE_UP || command == COMMAND_PAGE_DOWN) {
		for (int i = 0; i < (state->page > 1 ? state->page : 8); i++) {
			state->cursor = to;
			to = vertical_neighbour(state, command == COMMAND_PAGE_UP ? -1 : 1);
		}
	} else if (command == COMMAND_LEFT) {
		to -= to > 0;
	} else if (command == COMMAND_RIGHT) {
		to += to + 1 < n;
	} else if (command == COMMAND_FIRST) {
		to = 0;
	} else if (command == COMMAND_LAST) {
		to = n - 1;
	} else {
		return false;
	}
	state->cursor = to;
	state->cursor_number = frame->machine->cpus[to].number;
	return true;
}

static void host_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	struct host_view *state = arg;

	(void)view;
	for (unsigned i = 0; frame->machine && i < state->n_places && i < frame->machine->n_cpus;
	     i++) {
		const struct host_place *p = &state->places[i];

		if (p->y - state->top != y || x < p->x || x >= p->x + p->width)
			continue;
		state->cursor = i;
		state->cursor_number = frame->machine->cpus[i].number;
		state->has_cursor = true;
	}
}

static bool host_select(const struct view *view, void *arg, const struct frame *frame,
			const char *key)
{
	struct host_view *state = arg;
	uint64_t number;

	(void)view;
	if (parse_u64(key + strcspn(key, ":") + 1, &number) < 0)
		return false;
	for (unsigned i = 0; frame->machine && i < frame->machine->n_cpus; i++) {
		if (frame->machine->cpus[i].number != number)
			continue;
		state->cursor = i;
		state->cursor_number = (unsigned)number;
		state->has_cursor = true;
		return true;
	}
	return false;
}

extern const struct view view_host;

const struct view view_host = {
	.name = "host",
	.key = '1',
	.summary = "the machine: nodes, CPUs, latency now",
	.kinds = "host node cpu hugepool nic vm vcpu",
	.hints = {COMMAND_TAG, COMMAND_ISOLATE, COMMAND_KNOBS, COMMAND_FOLLOW, COMMAND_PAUSE,
		  COMMAND_FASTER, COMMAND_SLOWER, COMMAND_THEME},
	.state_size = sizeof(struct host_view),
	.draw = host_draw,
	.command = host_command,
	.click = host_click,
	.selects = "cpu",
	.select = host_select,
	.done = host_done,
};
