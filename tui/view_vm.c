/*
 * The vm view: a tree of virtual machines with their vCPUs, other threads and devices, and what
 * costs the vCPUs their time; below, the selected row in full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_vm_internal.h"

/* More machines than that stay closed until somebody opens them. */
#define AUTO_VMS 4

static bool is_shown(void *arg, const struct entity *e)
{
	const struct vm_view *state = arg;
	const char *kind;

	if (state->has_emulated || !vm_is_kind(e, "vmdevice"))
		return true;
	kind = entity_text(e, "device_kind");
	return kind && strcmp(kind, "emulated") != 0;
}

static bool opens(void *arg, const struct entity *e, unsigned n_children)
{
	const struct vm_view *state = arg;
	const struct snapshot_table *vms = snapshot_table(state->frame->snap, "vm");

	return vm_is_kind(e, "vm") && vms && vms->n_entities <= AUTO_VMS && n_children <= 64;
}

static const struct tree_ops ops = {
	.kinds = "vm vcpu thread vmdevice",
	.columns = vm_columns,
	.n_columns = VM_COLUMNS,
	.empty = "no virtual machine (QEMU process) on this host",
	.is_shown = is_shown,
	.opens = opens,
	.order = vm_order,
	.cell = vm_cell,
	.name = vm_name,
};

static void vm_init(const struct view *view, void *arg)
{
	struct vm_view *state = arg;

	(void)view;
	tree_init(&state->tree);
}

static void vm_done(void *arg)
{
	tree_done(&((struct vm_view *)arg)->tree);
}

static bool prepare(struct vm_view *state, const struct frame *frame)
{
	if (!frame->snap || !frame->machine)
		return false;
	state->frame = frame;
	tree_build(&state->tree, &ops, state, frame->snap);
	return true;
}

static void vm_draw(const struct view *view, void *arg, const struct frame *frame,
		    const struct pane *pane)
{
	struct vm_view *state = arg;
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
	area = pane_sub(pane, 0, pane->height - details, pane->width, details);
	vm_details(state, tree_row(&state->tree)->entity, &area);
}

static void say(struct ui_request *ret, const char *text)
{
	ret->type = UI_MESSAGE;
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}

/* A number cut off would lead elsewhere: such a key leads nowhere. */
static void go(struct ui_request *ret, const char *prefix, const char *key)
{
	ret->type = UI_GOTO;
	if ((size_t)snprintf(ret->key, sizeof(ret->key), "%s%s", prefix, key) >= sizeof(ret->key))
		say(ret, "its name is too long to go to");
}

static void follow(const struct frame *frame, const struct entity *e, struct ui_request *ret)
{
	const struct entity *device;
	const char *cgroup;
	uint64_t cpu;
	char text[24];

	if (vm_is_kind(e, "vm")) {
		cgroup = entity_text(e, "cgroup");
		if (cgroup && *cgroup)
			go(ret, "container:", cgroup);
		else
			say(ret, "the control group of this machine is not known");
	} else if (vm_is_kind(e, "vmdevice")) {
		device = guests_device(frame->snap, e);
		if (device)
			go(ret, "", device->key);
		else
			say(ret, "this device has no PCI address of a VF or an interface here");
	} else if (entity_u64(e, "cpu", &cpu)) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)cpu);
		go(ret, "cpu:", text);
	} else {
		say(ret, "on which CPU it ran last is not known");
	}
}

static void edit_cpus(const struct entity *e, struct ui_request *ret)
{
	const char *now = entity_text(e, "affinity");
	struct ui_request thread = {0};

	if (vm_is_kind(e, "vm")) {
		view_edit_cpus("vm_pin", e->key, "", ret);
	} else if (vm_is_kind(e, "vcpu")) {
		view_edit_cpus("vcpu_affinity", e->key, "", ret);
	} else if (vm_is_kind(e, "thread")) {
		view_show_knobs(e->key, &thread);
		view_edit_cpus("thread_affinity", thread.key, now ? now : "", ret);
	} else {
		say(ret, "a device runs nowhere: choose the machine, a vCPU or a thread");
	}
}

static bool vm_command(const struct view *view, void *arg, const struct frame *frame,
		       enum command command, struct ui_request *ret)
{
	struct vm_view *state = arg;
	const struct tree_row *row;

	(void)view;
	if (!prepare(state, frame))
		return false;
	row = tree_row(&state->tree);
	if (command == COMMAND_OWN) {
		state->has_emulated = !state->has_emulated;
		tree_outdate(&state->tree);
		return true;
	}
	if (tree_command(&state->tree, &ops, command))
		return true;
	if (!row || (command != COMMAND_OPEN && command != COMMAND_FOLLOW &&
		     command != COMMAND_AFFINITY && command != COMMAND_KNOBS))
		return false;
	if (command == COMMAND_AFFINITY)
		edit_cpus(row->entity, ret);
	else if (command == COMMAND_KNOBS)
		view_show_knobs(row->entity->key, ret);
	else if (command == COMMAND_OPEN && row->n_children)
		tree_toggle(&state->tree, row->entity->key);
	else
		follow(frame, row->entity, ret);
	return true;
}

static bool vm_search(const struct view *view, void *arg, const struct frame *frame,
		      const char *needle, int direction)
{
	struct vm_view *state = arg;

	(void)view;
	return prepare(state, frame) &&
	       tree_search(&state->tree, &ops, state, frame->snap, needle, direction);
}

static bool vm_select(const struct view *view, void *arg, const struct frame *frame,
		      const char *key)
{
	struct vm_view *state = arg;

	(void)view;
	return prepare(state, frame) && tree_show(&state->tree, &ops, state, frame->snap, key);
}

static void vm_click(const struct view *view, void *arg, const struct frame *frame, int x, int y)
{
	(void)view;
	(void)frame;
	(void)x;
	tree_click(&((struct vm_view *)arg)->tree, y);
}

extern const struct view view_vm;

const struct view view_vm = {
	.name = "vm",
	.key = '5',
	.summary = "virtual machines: threads, CPUs, memory, devices",
	.kinds = "vm vcpu thread vmdevice cpu host node nic vf queue irq",
	.hints = {COMMAND_OPEN, COMMAND_FOLLOW, COMMAND_AFFINITY, COMMAND_KNOBS, COMMAND_TREE,
		  COMMAND_OWN, COMMAND_SEARCH, COMMAND_SORT_RIGHT},
	.state_size = sizeof(struct vm_view),
	.init = vm_init,
	.draw = vm_draw,
	.command = vm_command,
	.search = vm_search,
	.click = vm_click,
	.selects = "vm vcpu thread vmdevice",
	.select = vm_select,
	.done = vm_done,
};
