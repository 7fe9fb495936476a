/* The columns of the vm view: what a machine, one of its threads or a device shows in each. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_vm_internal.h"

enum {
	COL_NAME,
	COL_STATE,
	COL_BUSY,
	COL_CPU,
	COL_PINS,
	COL_EXITS,
	COL_MEMORY,
	COL_FLAGS,
	COL_WAIT,
	COL_SCHED,
	COL_PAGE,
	COL_NODES,
	COL_SWITCHES,
	COL_INVOLUNTARY,
	COL_POLL,
	COL_VCPUS,
	COL_MONITOR,

};

const struct table_column vm_columns[VM_COLUMNS] = {
	[COL_NAME] = {.title = "machine", .min_width = 16, .max_width = 34},
	[COL_STATE] = {.title = "state", .min_width = 8, .max_width = 12, .priority = 3},
	[COL_BUSY] = {.title = "cpu%", .min_width = 4, .max_width = 6, .is_right = true},
	[COL_CPU] =
		{.title = "on", .min_width = 3, .max_width = 5, .priority = 2, .is_right = true},
	[COL_PINS] = {.title = "pins", .min_width = 5, .max_width = 14, .priority = 1},
	[COL_EXITS] = {.title = "exits/s",
		       .min_width = 7,
		       .max_width = 8,
		       .priority = 4,
		       .is_right = true},
	[COL_MEMORY] = {.title = "memory",
			.min_width = 7,
			.max_width = 9,
			.priority = 5,
			.is_right = true},
	[COL_FLAGS] = {.title = "flags", .min_width = 12, .max_width = 30, .priority = 1},
	[COL_WAIT] =
		{.title = "wait%", .min_width = 5, .max_width = 6, .priority = 6, .is_right = true},
	[COL_SCHED] = {.title = "sched", .min_width = 6, .max_width = 10, .priority = 7},
	[COL_PAGE] =
		{.title = "page", .min_width = 5, .max_width = 8, .priority = 8, .is_right = true},
	[COL_NODES] = {.title = "on nodes", .min_width = 5, .max_width = 10, .priority = 9},
	[COL_SWITCHES] = {.title = "switch/s",
			  .min_width = 8,
			  .max_width = 8,
			  .priority = 11,
			  .is_right = true},
	[COL_INVOLUNTARY] = {.title = "taken/s",
			     .min_width = 7,
			     .max_width = 8,
			     .priority = 10,
			     .is_right = true},
	[COL_POLL] = {.title = "poll%",
		      .min_width = 5,
		      .max_width = 6,
		      .priority = 12,
		      .is_right = true},
	[COL_VCPUS] = {.title = "vcpus",
		       .min_width = 5,
		       .max_width = 5,
		       .priority = 13,
		       .is_right = true},
	[COL_MONITOR] = {.title = "monitor", .min_width = 7, .max_width = 30, .priority = 14},
};

bool vm_is_kind(const struct entity *e, const char *kind)
{
	return strcmp(e->kind->name, kind) == 0;
}

const char *vm_part(const struct entity *e)
{
	const char *colon = strchr(e->key, ':'), *id = colon ? colon + 1 : e->key;
	const char *slash = strchr(id, '/');

	return slash ? slash + 1 : id;
}

const char *vm_entity_name(const struct entity *e)
{
	/* Without a name of its own an entity has its key for one. */
	return e->name && *e->name && strcmp(e->name, e->key) != 0 ? e->name : vm_part(e);
}

const char *vm_sched(const struct entity *e, char *buf, size_t size)
{
	const char *policy = entity_text(e, "policy");
	uint64_t priority;

	snprintf(buf, size, "%s", policy ? policy : "");
	/* Only real-time policies have one that says something. */
	if (policy && (strcmp(policy, "fifo") == 0 || strcmp(policy, "rr") == 0) &&
	    entity_u64(e, "priority", &priority))
		snprintf(buf, size, "%s %llu", policy, (unsigned long long)priority);
	return buf;
}

/* A vCPU by its number, other threads by the name they gave themselves. */
void vm_name(void *arg, const struct entity *e, struct table_cell *ret)
{
	const char *comm = entity_text(e, "comm");

	(void)arg;
	if (vm_is_kind(e, "vcpu"))
		snprintf(ret->text, sizeof(ret->text), "vcpu %s", vm_part(e));
	else if (vm_is_kind(e, "thread"))
		snprintf(ret->text, sizeof(ret->text), "%s", comm && *comm ? comm : vm_part(e));
	else
		snprintf(ret->text, sizeof(ret->text), "%s", vm_entity_name(e));
	if (vm_is_kind(e, "vm"))
		ret->role = ROLE_STRONG;
}

static void absent(struct table_cell *ret)
{
	snprintf(ret->text, sizeof(ret->text), "-");
	ret->role = ROLE_VALUE_ABSENT;
}

static void text_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	ret->role = entity_format(e, metric, ret->text, sizeof(ret->text));
	if (!ret->text[0])
		absent(ret);
}

/* A value that is denied or stale says so, a rate that is not there yet is "-". */
static void share_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	double share = entity_rate(e, metric);

	if (isnan(share))
		text_cell(e, metric, ret);
	else
		snprintf(ret->text, sizeof(ret->text), "%.*f", share > 0 && share < 0.0995 ? 1 : 0,
			 share * 100);
}

static void rate_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	double rate = entity_rate(e, metric);

	if (isnan(rate))
		text_cell(e, metric, ret);
	else
		format_count(rate, ret->text, sizeof(ret->text));
}

/* What the halt polling of the host's KVM burns for this machine. */
static double poll_share(const struct entity *e)
{
	double good = entity_rate(e, "halt_poll_success_ns");
	double bad = entity_rate(e, "halt_poll_fail_ns");

	return isnan(good) ? bad : isnan(bad) ? good : good + bad;
}

static unsigned flags_of(const struct vm_view *state, const struct entity *e)
{
	const struct guests *guests = state->frame->machine->guests;
	const struct guest_vcpu *vcpu = guests_vcpu(guests, e);
	const struct guest_vm *vm = guests_vm(guests, e);

	return vcpu ? vcpu->flags : vm ? vm->flags | vm->flags_below : 0;
}

static void flags_cell(const struct vm_view *state, const struct entity *e, struct table_cell *ret)
{
	const unsigned mild = 1u << GUEST_UNPINNED | 1u << GUEST_PAGES;
	unsigned flags = flags_of(state, e);

	guest_words(flags, ret->text, sizeof(ret->text));
	ret->role = flags & ~mild ? ROLE_WARNING : ROLE_VALUE;
}

/* Of a machine how many of its vCPUs are pinned, of a thread to what. */
static void pins_cell(const struct vm_view *state, const struct entity *e, struct table_cell *ret)
{
	const struct guest_vm *vm = guests_vm(state->frame->machine->guests, e);

	if (vm && vm->n_vcpus)
		snprintf(ret->text, sizeof(ret->text), "%u of %u", vm->n_pinned, vm->n_vcpus);
	else
		text_cell(e, "affinity", ret);
}

static void state_cell(const struct entity *e, struct table_cell *ret)
{
	const char *state;

	text_cell(e,
		  vm_is_kind(e, "vm")	      ? "state"
		  : vm_is_kind(e, "vmdevice") ? "device_kind"
					      : "role",
		  ret);
	state = entity_text(e, "state");
	if (state && vm_is_kind(e, "vm") && strcmp(state, "running") != 0)
		ret->role = ROLE_WARNING;
}

static void monitor_cell(const struct entity *e, struct table_cell *ret)
{
	const char *monitor = entity_text(e, "monitor");

	text_cell(e, "monitor", ret);
	if (monitor && strcmp(monitor, "ok") != 0)
		ret->role = ROLE_DIM;
}

/* The columns only machines have. False: not one of them. */
static bool machine_cell(const struct entity *e, unsigned column, struct table_cell *ret)
{
	double poll = poll_share(e);

	if (column == COL_MEMORY)
		text_cell(e, "memory_bytes", ret);
	else if (column == COL_PAGE)
		text_cell(e, "memory_page_bytes", ret);
	else if (column == COL_NODES)
		text_cell(e, "memory_nodes", ret);
	else if (column == COL_VCPUS)
		text_cell(e, "vcpus", ret);
	else if (column == COL_MONITOR)
		monitor_cell(e, ret);
	else if (column == COL_POLL && isnan(poll))
		absent(ret);
	else if (column == COL_POLL)
		snprintf(ret->text, sizeof(ret->text), "%.*f", poll < 0.0995 && poll > 0 ? 1 : 0,
			 poll * 100);
	else
		return false;
	return true;
}

/* The columns only threads have. */
static void thread_cell(const struct entity *e, unsigned column, struct table_cell *ret)
{
	if (column == COL_CPU) {
		text_cell(e, "cpu", ret);
	} else if (column == COL_SCHED) {
		vm_sched(e, ret->text, sizeof(ret->text));
		if (!ret->text[0])
			text_cell(e, "policy", ret);
	} else if (column == COL_SWITCHES) {
		rate_cell(e, "switches", ret);
	} else if (column == COL_INVOLUNTARY) {
		rate_cell(e, "involuntary_switches", ret);
	}
}

void vm_cell(void *arg, const struct entity *e, unsigned column, struct table_cell *ret)
{
	const struct vm_view *state = arg;
	bool is_vm = vm_is_kind(e, "vm"), is_device = vm_is_kind(e, "vmdevice");

	ret->text[0] = 0;
	if (column == COL_STATE)
		state_cell(e, ret);
	else if (is_device)
		return;
	else if (column == COL_BUSY)
		share_cell(e, "cpu_ns", ret);
	else if (column == COL_WAIT)
		share_cell(e, "run_delay_ns", ret);
	else if (column == COL_EXITS && !vm_is_kind(e, "thread"))
		rate_cell(e, "exits", ret);
	else if (column == COL_PINS)
		pins_cell(state, e, ret);
	else if (column == COL_FLAGS)
		flags_cell(state, e, ret);
	else if (is_vm)
		(void)machine_cell(e, column, ret);
	else
		thread_cell(e, column, ret);
}

static double number_of(const struct entity *e, const char *metric)
{
	uint64_t value;

	return entity_u64(e, metric, &value) ? (double)value : NAN;
}

void vm_order(void *arg, const struct entity *e, unsigned column, struct tree_key *ret)
{
	static const char *const rates[VM_COLUMNS] = {
		[COL_BUSY] = "cpu_ns",
		[COL_WAIT] = "run_delay_ns",
		[COL_EXITS] = "exits",
		[COL_SWITCHES] = "switches",
		[COL_INVOLUNTARY] = "involuntary_switches",
	};
	static const char *const numbers[VM_COLUMNS] = {
		[COL_CPU] = "cpu",
		[COL_MEMORY] = "memory_bytes",
		[COL_PAGE] = "memory_page_bytes",
		[COL_VCPUS] = "vcpus",
	};
	static const char *const texts[VM_COLUMNS] = {
		[COL_PINS] = "affinity",
		[COL_SCHED] = "policy",
		[COL_NODES] = "memory_nodes",
		[COL_MONITOR] = "monitor",
	};
	const struct vm_view *state = arg;

	if (rates[column])
		ret->number = entity_rate(e, rates[column]);
	else if (numbers[column])
		ret->number = number_of(e, numbers[column]);
	else if (texts[column])
		ret->text = entity_text(e, texts[column]);
	else if (column == COL_POLL)
		ret->number = poll_share(e);
	else if (column == COL_FLAGS) /* flagged ones first */
		ret->number = -(double)flags_of(state, e);
	else if (column == COL_STATE)
		ret->text = entity_text(e, vm_is_kind(e, "vm")	       ? "state"
					   : vm_is_kind(e, "vmdevice") ? "device_kind"
								       : "role");
	else
		ret->text = vm_entity_name(e);
}
