/*
 * The container view: containers and pods in the slices that hold them, with the control groups
 * that use CPU or are flagged; 'o' shows all. 'd' adds the tasks of the selected one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpuset.h"
#include "core/parse.h"
#include "tui/view_container_internal.h"

/* Share of one CPU from which on a control group of no engine is worth a row. */
#define BUSY_SHARE 0.02
#define MAX_SEEN 4096

/* Two control groups of a host do not meet in 64 bits. */
static uint64_t hash_of(const char *key)
{
	return text_hash(key, strlen(key));
}

static unsigned seen_at(const struct container_view *state, uint64_t hash)
{
	unsigned low = 0, high = state->n_seen;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (state->seen[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool was_seen(struct container_view *state, const struct entity *e)
{
	unsigned at = seen_at(state, hash_of(e->key));

	return at < state->n_seen && state->seen[at] == hash_of(e->key);
}

static void see(struct container_view *state, const struct entity *e)
{
	uint64_t hash = hash_of(e->key);
	unsigned at = seen_at(state, hash);

	if (at < state->n_seen && state->seen[at] == hash)
		return;
	/* Where control groups come and go all day: forget rather than grow without end. */
	if (state->n_seen == MAX_SEEN)
		state->n_seen = at = 0;
	if (state->n_seen == state->seen_room) {
		state->seen_room = state->seen_room ? 2 * state->seen_room : 64;
		state->seen = xrealloc(state->seen, state->seen_room * sizeof(*state->seen));
	}
	memmove(state->seen + at + 1, state->seen + at,
		(state->n_seen - at) * sizeof(*state->seen));
	state->seen[at] = hash;
	state->n_seen++;
}

/* Its share is the whole host's, and all groups would stand indented below it. */
static bool is_root(const struct entity *e)
{
	return !e->parent && strcmp(e->key, "container:/") == 0;
}

static bool is_worth_a_row(struct container_view *state, const struct entity *e)
{
	if (container_is_real(e))
		return true;
	if (!is_root(e) && (entity_rate(e, "cpu_ns") >= BUSY_SHARE || container_flags(e)))
		see(state, e);
	return was_seen(state, e);
}

/* What is worth a row, and the slices that hold it. */
static void mark_shown(struct container_view *state, const struct snapshot *snap)
{
	const struct snapshot_table *table = snapshot_table(snap, "container");
	unsigned n = table ? table->n_entities : 0;

	if (state->shown_of == snap && state->shown_seq == snap->seq)
		return;
	free(state->shown);
	state->shown = xcalloc(n + 1, sizeof(*state->shown));
	state->shown_of = snap;
	state->shown_seq = snap->seq;
	state->n_hidden = n;
	for (unsigned i = 0; i < n; i++) {
		const struct entity *e = &table->entities[i];

		if (!state->has_all && !is_worth_a_row(state, e))
			continue;
		/* With all that holds it, up to one that is marked with its own. */
		for (; e && e->kind == table->kind && !state->shown[e - table->entities];
		     e = e->parent) {
			if (is_root(e) && e != &table->entities[i])
				break;
			state->shown[e - table->entities] = true;
			state->n_hidden--;
		}
	}
}

static bool is_shown(void *arg, const struct entity *e)
{
	const struct container_view *state = arg;
	const struct snapshot_table *table = snapshot_table(state->frame->snap, "container");

	if (container_is_task(e))
		return state->tasks_of && e->parent && strcmp(e->parent->key, state->tasks_of) == 0;
	return table && state->shown[e - table->entities];
}

static bool opens(void *arg, const struct entity *e, unsigned n_children)
{
	(void)arg;
	(void)e;
	(void)n_children;
	return true;
}

static const struct tree_ops ops = {
	.kinds = "container task",
	.columns = container_columns,
	.n_columns = CONTAINER_COLUMNS,
	.empty = "no container runs here and no control group is busy; o shows all control groups",
	.is_shown = is_shown,
	.opens = opens,
	.order = container_order,
	.cell = container_cell,
	.name = container_name,
};

static void container_init(const struct view *view, void *arg)
{
	struct container_view *state = arg;

	(void)view;
	tree_init(&state->tree);
}

static void container_done(void *arg)
{
	struct container_view *state = arg;

	tree_done(&state->tree);
	free(state->tasks_of);
	free(state->seen);
	free(state->shown);
}

static bool prepare(struct container_view *state, const struct frame *frame)
{
	if (!frame->snap)
		return false;
	state->frame = frame;
	mark_shown(state, frame->snap);
	tree_build(&state->tree, &ops, state, frame->snap);
	return true;
}

static void draw_hidden(const struct container_view *state, const struct pane *pane, int y)
{
	char text[64];

	if (state->n_hidden == 0)
		return;
	snprintf(text, sizeof(text), " %u idle control groups hidden (o) ", state->n_hidden);
	(void)pane_text(pane, pane->width - text_columns(text) - 2, y, ROLE_DIM, text);
}

static void container_draw(const struct view *view, void *arg, const struct frame *frame,
			   const struct pane *pane)
{
	struct container_view *state = arg;
	struct pane area;
	int details;

	(void)view;
	if (!prepare(state, frame))
		return;
	details = tree_details_height(&state->tree, pane->height, 14);
	area = pane_sub(pane, 0, 0, pane->width, pane->height - details - (details > 0));
	tree_draw(&state->tree, &ops, state, &area);
	if (details <= 0)
		return;
	widget_rule(pane, pane->height - details - 1, "selected");
	if (pane->width >= 60)
		draw_hidden(state, pane, pane->height - details - 1);
	area = pane_sub(pane, 0, pane->height - details, pane->width, details);
	container_details(state, tree_row(&state->tree)->entity, &area);
}

static void say(struct ui_request *ret, const char *text)
{
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}

static void outdate(struct container_view *state)
{
	state->shown_of = NULL;
	tree_outdate(&state->tree);
}

static void toggle_tasks(struct container_view *state, const struct entity *e)
{
	const struct entity *of = container_is_task(e) ? e->parent : e;
	bool is_off = of && state->tasks_of && strcmp(state->tasks_of, of->key) == 0;

	free(state->tasks_of);
	state->tasks_of = of && !is_off ? xstrdup(of->key) : NULL;
	outdate(state);
}

/* The machine that runs in this control group, or below it. */
static const struct entity *machine_in(const struct frame *frame, const struct entity *e)
{
	const struct snapshot_table *vms = snapshot_table(frame->snap, "vm");
	const char *path = strchr(e->key, ':') ? strchr(e->key, ':') + 1 : e->key;
	size_t length = strlen(path);

	for (unsigned i = 0; vms && i < vms->n_entities; i++) {
		const char *cgroup = entity_text(&vms->entities[i], "cgroup");

		if (cgroup && strncmp(cgroup, path, length) == 0 &&
		    (cgroup[length] == 0 || cgroup[length] == '/'))
			return &vms->entities[i];
	}
	return NULL;
}

static bool first_cpu(const struct entity *e, unsigned *ret)
{
	const char *text = entity_text(e, "cpuset_effective");
	struct cpuset set;

	if (!text || cpuset_parse_list(text, &set) < 0 || cpuset_is_empty(&set))
		return false;
	*ret = cpuset_next(&set, 0);
	return true;
}

/* A task leads to its CPU, a control group to the machine in it, else to the first of its CPUs. */
static void follow(const struct frame *frame, const struct entity *e, struct ui_request *ret)
{
	const struct entity *vm = container_is_task(e) ? NULL : machine_in(frame, e);
	unsigned cpu = 0;
	uint64_t ran_on;

	ret->type = UI_GOTO;
	if (vm)
		snprintf(ret->key, sizeof(ret->key), "%s", vm->key);
	else if (container_is_task(e) && entity_u64(e, "cpu", &ran_on))
		snprintf(ret->key, sizeof(ret->key), "cpu:%llu", (unsigned long long)ran_on);
	else if (first_cpu(e, &cpu))
		snprintf(ret->key, sizeof(ret->key), "cpu:%u", cpu);
	else
		say(ret, "no machine runs in it, and its CPUs are not known");
}

static bool container_command(const struct view *view, void *arg, const struct frame *frame,
			      enum command command, struct ui_request *ret)
{
	struct container_view *state = arg;
	const struct tree_row *row;

	(void)view;
	if (!prepare(state, frame))
		return false;
	row = tree_row(&state->tree);
	if (command == COMMAND_OWN) {
		state->has_all = !state->has_all;
		outdate(state);
		return true;
	}
	if (tree_command(&state->tree, &ops, command))
		return true;
	if (!row)
		return false;
	if (command == COMMAND_TASKS && !schema_kind(frame->snap->schema, "task"))
		say(ret, "tasks are not read here");
	else if (command == COMMAND_TASKS ||
		 (command == COMMAND_OPEN && !row->n_children && !container_is_task(row->entity)))
		toggle_tasks(state, row->entity);
	else if (command == COMMAND_AFFINITY && !container_is_task(row->entity))
		view_edit_cpus("container_cpus", row->entity->key, "", ret);
	else if (command == COMMAND_AFFINITY)
		say(ret, "choose the container: a sets the CPUs it may use");
	else if (command == COMMAND_KNOBS)
		view_show_knobs(row->entity->key, ret);
	else if (command == COMMAND_OPEN && row->n_children)
		tree_toggle(&state->tree, row->entity->key);
	else if (command == COMMAND_FOLLOW || command == COMMAND_OPEN)
		follow(frame, row->entity, ret);
	else
		return false;
	return true;
}

static bool container_search(const struct view *view, void *arg, const struct frame *frame,
			     const char *needle, int direction)
{
	struct container_view *state = arg;

	(void)view;
	return prepare(state, frame) &&
	       tree_search(&state->tree, &ops, state, frame->snap, needle, direction);
}

/* The group, or the nearest one that holds it: engines and libvirt make groups within theirs. */
static const struct entity *find_group(const struct snapshot *snap, const char *key)
{
	char path[UI_KEY_MAX];
	const struct entity *e;
	char *slash;

	snprintf(path, sizeof(path), "%s", key);
	while (!(e = snapshot_find(snap, path)) && (slash = strrchr(path, '/')) && slash[1])
		slash[slash > path && slash[-1] == ':'] = 0; /* "container:/" is the last */
	return e && strcmp(e->kind->name, "container") == 0 ? e : NULL;
}

/* One that is hidden is shown for it, as if it had been busy. */
static bool container_select(const struct view *view, void *arg, const struct frame *frame,
			     const char *key)
{
	struct container_view *state = arg;
	const struct entity *e;

	(void)view;
	if (!prepare(state, frame))
		return false;
	e = find_group(frame->snap, key);
	if (!e)
		return false;
	see(state, e);
	outdate(state);
	return prepare(state, frame) && tree_show(&state->tree, &ops, state, frame->snap, e->key);
}

static void container_click(const struct view *view, void *arg, const struct frame *frame, int x,
			    int y)
{
	(void)view;
	(void)frame;
	(void)x;
	tree_click(&((struct container_view *)arg)->tree, y);
}

/* Tasks cost a walk through /proc: only while somebody looks at them. */
static const char *container_wants(const struct view *view, const void *arg)
{
	const struct container_view *state = arg;

	(void)view;
	return state->tasks_of ? "container vm host task" : "container vm host";
}

extern const struct view view_container;

const struct view view_container = {
	.name = "container",
	.key = '6',
	.summary = "containers, pods, cgroups: CPU, throttling, memory",
	.kinds = "*",
	.hints = {COMMAND_OPEN, COMMAND_FOLLOW, COMMAND_AFFINITY, COMMAND_KNOBS, COMMAND_TASKS,
		  COMMAND_OWN, COMMAND_TREE, COMMAND_SEARCH},
	.state_size = sizeof(struct container_view),
	.init = container_init,
	.draw = container_draw,
	.command = container_command,
	.search = container_search,
	.click = container_click,
	.selects = "container",
	.select = container_select,
	.wants = container_wants,
	.done = container_done,
};
