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

void view_show_knobs(const char *key, struct ui_request *ret)
{
	const char *dot = strchr(key, '.'), *slash = strchr(key, '/');

	ret->type = UI_KNOBS;
	/* The thread of a machine is named PID.START/TID, as a target PID/TID. */
	if (strncmp(key, "thread:", 7) == 0 && dot && slash && dot < slash)
		snprintf(ret->key, sizeof(ret->key), "%.*s%s", (int)(dot - key), key, slash);
	else
		snprintf(ret->key, sizeof(ret->key), "%s", key);
}

void view_edit_cpus(const char *knob, const char *target, const char *now, struct ui_request *ret)
{
	ret->type = UI_CPUS;
	ret->knob = knob;
	snprintf(ret->target, sizeof(ret->target), "%s", target);
	snprintf(ret->value, sizeof(ret->value), "%s", now);
}

/* What `isolate` has set now. */
static void read_isolated(const struct knob_list *list, struct cpuset *ret)
{
	cpuset_zero(ret);
	for (unsigned i = 0; list && i < list->n_items; i++) {
		const struct knob_list_item *item = &list->items[i];

		for (unsigned t = 0;
		     strcmp(item->knob->name, "isolate") == 0 && t < item->targets.n_targets; t++) {
			const struct knob_target *target = &item->targets.targets[t];

			if (strcmp(target->key, "cpus") == 0 && target->value &&
			    cpuset_parse_list(target->value, ret) < 0)
				cpuset_zero(ret);
		}
	}
}

/* Those that are all isolated already are released, else they join those that are. */
static void isolate(const struct frame *frame, unsigned cpu, struct ui_request *ret)
{
	struct cpuset wanted = frame->tags->cpus, now;

	if (cpuset_is_empty(&wanted))
		cpuset_add(&wanted, cpu);
	read_isolated(frame->knobs, &now);
	if (cpuset_is_subset(&wanted, &now))
		cpuset_andnot(&now, &wanted);
	else
		cpuset_or(&now, &wanted);
	ret->type = UI_SET;
	ret->knob = "isolate";
	snprintf(ret->target, sizeof(ret->target), "cpus");
	if (cpuset_format_list(&now, ret->value, sizeof(ret->value)) < 0) {
		ret->type = UI_MESSAGE;
		snprintf(ret->text, sizeof(ret->text),
			 "the list of CPUs would be too long: set the knob isolate");
	}
}

bool view_cpu_command(const struct frame *frame, unsigned cpu, enum command command,
		      struct ui_request *ret)
{
	char key[32];

	if (command == COMMAND_TAG) {
		if (cpuset_has(&frame->tags->cpus, cpu))
			cpuset_remove(&frame->tags->cpus, cpu);
		else
			cpuset_add(&frame->tags->cpus, cpu);
	} else if (command == COMMAND_ISOLATE) {
		isolate(frame, cpu, ret);
	} else if (command == COMMAND_KNOBS) {
		snprintf(key, sizeof(key), "cpu:%u", cpu);
		view_show_knobs(key, ret);
	} else {
		return false;
	}
	return true;
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
