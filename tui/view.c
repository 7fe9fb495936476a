#include "tui/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VIEW(name) extern const struct view view_##name;
#include "tui/views.def"
#undef VIEW

const struct view *const view_registry[] = {
#define VIEW(name) &view_##name,
#include "tui/views.def"
#undef VIEW
};
const unsigned view_count = ARRAY_SIZE(view_registry);

/* Kinds whose entities a knob sets. from/to: prefixes exchanged to get the knob's target. */
static const struct {
	const char *kind, *knob, *from, *to;
} knob_links[] = {
	{"irq", "irq_affinity", "irq:", "irq:"},
	{"hugepool", "hugepages", "hugepool:", "node:"},
};

int view_by_name(const char *name)
{
	for (unsigned i = 0; i < view_count; i++) {
		if (strcmp(view_registry[i]->name, name) == 0)
			return (int)i;
	}
	return -1;
}

int view_by_key(uint32_t key)
{
	for (unsigned i = 0; i < view_count; i++) {
		if ((unsigned char)view_registry[i]->key == key)
			return (int)i;
	}
	return -1;
}

static bool has_word(const char *words, const char *word, size_t n)
{
	while (*words) {
		size_t length = strcspn(words, " ");

		if (length == n && strncmp(words, word, n) == 0)
			return true;
		words += length + (words[length] == ' ');
	}
	return false;
}

int view_by_entity(const char *key)
{
	int any = -1;

	for (unsigned i = 0; i < view_count; i++) {
		const char *selects = view_registry[i]->selects;

		if (!selects)
			continue;
		if (has_word(selects, key, strcspn(key, ":")))
			return (int)i;
		if (any < 0 && strcmp(selects, "*") == 0)
			any = (int)i;
	}
	return any;
}

bool view_knob_of(const struct entity *entity, const char **ret_knob, char *ret_target, size_t size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(knob_links); i++) {
		size_t n = strlen(knob_links[i].from);

		if (strcmp(entity->kind->name, knob_links[i].kind) != 0 ||
		    strncmp(entity->key, knob_links[i].from, n) != 0)
			continue;
		*ret_knob = knob_links[i].knob;
		snprintf(ret_target, size, "%s%s", knob_links[i].to, entity->key + n);
		return true;
	}
	return false;
}

bool table_command(struct table_state *state, unsigned n_rows, enum command command)
{
	unsigned last = n_rows ? n_rows - 1 : 0, page = state->page ? state->page : 1;

	if (state->cursor > last)
		state->cursor = last;
	if (command == COMMAND_UP)
		state->cursor -= state->cursor > 0;
	else if (command == COMMAND_DOWN)
		state->cursor += state->cursor < last;
	else if (command == COMMAND_PAGE_UP)
		state->cursor -= state->cursor < page ? state->cursor : page;
	else if (command == COMMAND_PAGE_DOWN)
		state->cursor = last - state->cursor < page ? last : state->cursor + page;
	else if (command == COMMAND_FIRST)
		state->cursor = 0;
	else if (command == COMMAND_LAST)
		state->cursor = last;
	else
		return false;
	return true;
}

bool text_contains(const char *text, const char *needle)
{
	size_t n = strlen(needle);

	for (; *text; text++) {
		if (strncasecmp(text, needle, n) == 0)
			return true;
	}
	return n == 0;
}

unsigned view_max_series(const struct frame *frame, const char *key, float *ret_points,
			 unsigned max)
{
	struct history_column columns[256];
	unsigned n;

	if (!frame->history || !frame->machine)
		return 0;
	n = history_columns(frame->history, key, frame->machine->window_metric, 0, columns,
			    max < ARRAY_SIZE(columns) ? max : ARRAY_SIZE(columns));
	for (unsigned i = 0; i < n; i++)
		ret_points[n - 1 - i] = columns[i].max_ns ? (float)columns[i].max_ns : NAN;
	return n;
}

enum role entity_format(const struct entity *entity, const char *metric, char *buf, size_t size)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	if (i < 0) {
		snprintf(buf, size, "-");
		return ROLE_VALUE_ABSENT;
	}
	return format_metric(entity->kind->metrics[i], &entity->values[i], entity->rates[i], buf,
			     size);
}
