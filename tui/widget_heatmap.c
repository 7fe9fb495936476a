#include <stdio.h>
#include <stdlib.h>

#include "tui/widget.h"

#define LABEL_ROOM 8 /* columns between the labels of the axis */

static uint64_t round_s(uint64_t ns)
{
	return (ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}

/* Ages are rounded, not times: columns that end with the ticks are then one to a second, wherever
 * within a second the ticks are. */
static uint64_t second_of(const struct heatmap *map, uint64_t time_ns)
{
	uint64_t now_s = round_s(map->now_ns);
	uint64_t age_s = time_ns < map->now_ns ? round_s(map->now_ns - time_ns) : 0;

	return age_s < now_s ? now_s - age_s : 0;
}

void heatmap_init(struct heatmap *map, unsigned n_rows, unsigned n_slots, uint64_t now_ns,
		  unsigned slot_s, uint64_t back_s)
{
	uint64_t now_s = round_s(now_ns);

	*map = (struct heatmap){
		.n_rows = n_rows, .n_slots = n_slots, .slot_s = slot_s, .now_ns = now_ns};
	map->last_slot = (now_s - (back_s < now_s ? back_s : now_s)) / slot_s;
	map->values = xcalloc((size_t)n_rows * n_slots + 1, sizeof(*map->values));
}

void heatmap_done(struct heatmap *map)
{
	free(map->values);
	*map = (struct heatmap){0};
}

static int slot_of_second(const struct heatmap *map, uint64_t second)
{
	uint64_t slot = second / map->slot_s;

	if (slot > map->last_slot || map->last_slot - slot >= map->n_slots)
		return -1;
	return (int)(map->n_slots - 1 - (unsigned)(map->last_slot - slot));
}

int heatmap_slot(const struct heatmap *map, uint64_t time_ns)
{
	return slot_of_second(map, second_of(map, time_ns));
}

void heatmap_add(struct heatmap *map, unsigned row, uint64_t start_ns, uint64_t end_ns,
		 uint64_t value_ns)
{
	uint64_t last = second_of(map, end_ns);
	uint64_t n = end_ns > start_ns ? round_s(end_ns - start_ns) : 0;

	for (uint64_t i = 0; i < (n ? n : 1) && i <= last; i++) {
		int slot = slot_of_second(map, last - i);
		uint64_t *cell;

		if (slot < 0)
			continue;
		cell = &map->values[row * map->n_slots + (unsigned)slot];
		if (*cell < value_ns)
			*cell = value_ns;
	}
}

unsigned heatmap_group(unsigned n_items, unsigned n_rows)
{
	return n_rows ? (n_items + n_rows - 1) / n_rows : n_items;
}

uint32_t heatmap_glyph(const struct pane *pane, unsigned level)
{
	static const char ascii[] = ".:-=+*#@";

	level = level > 7 ? 7 : level;
	return pane->surface->is_ascii ? (uint32_t)(unsigned char)ascii[level] : 0x2581u + level;
}

void widget_heatmap(const struct pane *pane, int x, int y, const struct heatmap *map,
		    unsigned (*level_of)(uint64_t ns))
{
	for (unsigned row = 0; row < map->n_rows; row++) {
		for (unsigned slot = 0; slot < map->n_slots; slot++) {
			uint64_t value = map->values[row * map->n_slots + slot];
			int at = x + (int)slot, line = y + (int)row;
			unsigned level;

			if (value == HEATMAP_NOTHING)
				continue;
			if (value == HEATMAP_FEW) {
				pane_put(pane, at, line, '?', ROLE_HEAT_NONE);
				continue;
			}
			level = level_of(value);
			pane_put(pane, at, line, heatmap_glyph(pane, level),
				 (enum role)(ROLE_HEAT_0 + level));
		}
	}
}

/* The smallest round time that leaves room between the labels. */
static unsigned label_step(unsigned slot_s)
{
	static const unsigned steps[] = {10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600};

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i] >= slot_s * LABEL_ROOM)
			return steps[i];
	}
	return 7200;
}

void widget_heatmap_axis(const struct pane *pane, int x, int y, const struct heatmap *map,
			 const uint64_t *marks_ns, unsigned n_marks)
{
	unsigned step = label_step(map->slot_s);
	uint64_t span_s = (uint64_t)map->n_slots * map->slot_s;
	uint64_t now_slot = round_s(map->now_ns) / map->slot_s;
	/* Of the left edge. */
	uint64_t most_s = (now_slot - map->last_slot) * map->slot_s + span_s;
	char text[24];
	int n;

	for (uint64_t age_s = step; age_s < most_s; age_s += step) {
		uint64_t slot = age_s / map->slot_s;
		int at;

		if (slot > now_slot || now_slot - slot > map->last_slot)
			continue;
		at = (int)(map->n_slots - 1) - (int)(map->last_slot - (now_slot - slot));
		if (at < 0)
			break;
		n = age_s < 120 || age_s % 60
			    ? snprintf(text, sizeof(text), "|-%us", (unsigned)age_s)
			    : snprintf(text, sizeof(text), "|-%um", (unsigned)(age_s / 60));
		if (at + n < (int)map->n_slots - 3)
			(void)pane_text(pane, x + at, y, ROLE_DIM, text);
	}
	if (map->last_slot >= now_slot)
		pane_text_right(pane, x, y, (int)map->n_slots, ROLE_DIM, "now");
	for (unsigned i = 0; i < n_marks; i++) {
		int at = heatmap_slot(map, marks_ns[i]);

		if (at >= 0)
			pane_put(pane, x + at, y, '^', ROLE_MARK);
	}
}
