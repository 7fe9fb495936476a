/* The lower pane of the vm view: what is known of the selected row, and its flags in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_vm_internal.h"

/* Fields without a value would only take room. */
static void add(struct flow *flow, const struct entity *e, const char *label, const char *metric)
{
	char text[400];
	enum role role = entity_format(e, metric, text, sizeof(text));

	if (role != ROLE_VALUE_ABSENT && text[0])
		flow_field(flow, label, role, "%s", text);
}

/* "nic0 vfio 0000:3b:02.0 vfio-pci" */
static void add_device(struct flow *flow, const struct entity *e)
{
	static const char *const metrics[] = {"device_kind", "model", "pci_address", "driver",
					      "backend"};
	char text[200];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", vm_entity_name(e));

	for (unsigned i = 0; i < ARRAY_SIZE(metrics); i++) {
		const char *value = entity_text(e, metrics[i]);

		if (value && *value && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", value);
	}
	flow_field(flow, entity_text(e, "type") ? entity_text(e, "type") : "device", ROLE_VALUE,
		   "%s", text);
}

static void add_devices(struct flow *flow, const struct frame *frame, const struct entity *vm)
{
	const struct snapshot_table *devices = snapshot_table(frame->snap, "vmdevice");

	for (unsigned i = 0; devices && i < devices->n_entities; i++) {
		if (devices->entities[i].parent == vm)
			add_device(flow, &devices->entities[i]);
	}
}

static void machine_fields(struct flow *flow, const struct frame *frame, const struct entity *e)
{
	add(flow, e, "pid", "pid");
	add(flow, e, "state", "state");
	add(flow, e, "accel", "accel");
	add(flow, e, "qemu", "qemu_version");
	add(flow, e, "monitor", "monitor");
	add(flow, e, "libvirt", "libvirt");
	add(flow, e, "vcpus", "vcpus");
	add(flow, e, "memory", "memory_bytes");
	add(flow, e, "backend", "memory_backend");
	add(flow, e, "page", "memory_page_bytes");
	add(flow, e, "policy", "memory_policy");
	add(flow, e, "lies on node", "memory_nodes");
	add(flow, e, "thp", "memory_thp_bytes");
	add(flow, e, "hugetlb", "memory_hugetlb_bytes");
	add(flow, e, "balloon", "balloon_bytes");
	add(flow, e, "poll ok", "halt_poll_success_ns");
	add(flow, e, "poll lost", "halt_poll_fail_ns");
	add(flow, e, "cgroup", "cgroup");
	add(flow, e, "machine", "machine");
	add(flow, e, "uuid", "uuid");
	add_devices(flow, frame, e);
}

static void thread_fields(struct flow *flow, const struct entity *e)
{
	char sched[48];

	add(flow, e, "role", "role");
	add(flow, e, "tid", "tid");
	add(flow, e, "comm", "comm");
	add(flow, e, "ran on cpu", "cpu");
	add(flow, e, "affinity", "affinity");
	add(flow, e, "pinned", "pinned");
	vm_sched(e, sched, sizeof(sched));
	if (sched[0])
		flow_field(flow, "sched", ROLE_VALUE, "%s", sched);
	add(flow, e, "cpu", "cpu_ns");
	add(flow, e, "waited", "run_delay_ns");
	add(flow, e, "switches", "switches");
	add(flow, e, "involuntary", "involuntary_switches");
	add(flow, e, "exits", "exits");
	add(flow, e, "reasons", "exit_reasons");
	add(flow, e, "poll ok", "halt_poll_success_ns");
	add(flow, e, "poll lost", "halt_poll_fail_ns");
}

/* VMs' devices: every metric that has a value. */
static void all_fields(struct flow *flow, const struct entity *e)
{
	for (unsigned i = 0; i < e->kind->n_metrics; i++)
		add(flow, e, e->kind->metrics[i]->name, e->kind->metrics[i]->name);
}

static void add_leads(struct flow *flow, const struct frame *frame, const struct entity *e)
{
	if (vm_is_kind(e, "vm"))
		flow_field(flow, "", ROLE_DIM, "%s",
			   entity_text(e, "cgroup") ? "f: its cgroup" : "");
	else if (vm_is_kind(e, "vmdevice"))
		flow_field(flow, "", ROLE_DIM, "%s",
			   guests_device(frame->snap, e) ? "f: its VF or interface" : "");
	else
		flow_field(flow, "", ROLE_DIM, "f: its CPU");
}

static int draw_flag(const struct guest_vm *vm, const struct guest_vcpu *vcpu, enum guest_flag flag,
		     unsigned others, const struct pane *pane, int y)
{
	char text[200];
	int x = pane_text(pane, 0, y, ROLE_WARNING, guest_word(flag));

	if (vcpu && others)
		x = pane_printf(pane, x + 1, y, ROLE_TEXT,
				"vcpu %s and %u more:", vm_part(vcpu->vcpu), others);
	(void)pane_text(pane, x + 1, y, ROLE_TEXT,
			guest_sentence(vm, vcpu, flag, text, sizeof(text)));
	return y + 1;
}

/* One line per flag, of a machine with the first of its vCPUs that has it. */
static void draw_flags(const struct frame *frame, const struct entity *e, const struct pane *pane,
		       int y)
{
	const struct guests *guests = frame->machine->guests;
	const struct guest_vm *vm =
		guests_vm(guests, vm_is_kind(e, "vm") || !e->parent ? e : e->parent);

	for (unsigned i = 0; i < GUEST_FLAGS && y < pane->height; i++) {
		const struct guest_vcpu *first = NULL;
		unsigned n = 0;

		for (unsigned k = 0; k < guests->n_vcpus; k++) {
			const struct guest_vcpu *v = &guests->vcpus[k];

			if (!(v->flags & 1u << i) || (v->vcpu != e && v->vcpu->parent != e))
				continue;
			first = first ? first : v;
			n++;
		}
		if (first || (vm && vm->vm == e && vm->flags & 1u << i))
			y = draw_flag(vm, first, (enum guest_flag)i, n ? n - 1 : 0, pane, y);
	}
}

void vm_details(const struct vm_view *state, const struct entity *e, const struct pane *pane)
{
	const struct guests *guests = state->frame->machine->guests;
	const struct guest_vcpu *vcpu = guests_vcpu(guests, e);
	const struct guest_vm *vm = guests_vm(guests, e);
	unsigned flags = vcpu ? vcpu->flags : vm ? vm->flags | vm->flags_below : 0;
	int n_flags = __builtin_popcount(flags), rest = pane->height - n_flags;
	struct flow flow = {.pane = pane, .indent = 2, .max_lines = rest > 2 ? rest : 2};
	struct table_cell name = {.role = ROLE_STRONG};

	vm_name(NULL, e, &name);
	if (!vm_is_kind(e, "vm") && e->parent)
		flow_field(&flow, "", ROLE_STRONG, "%.80s of %.80s", name.text,
			   vm_entity_name(e->parent));
	else
		flow_field(&flow, "", ROLE_STRONG, "%.120s", name.text);
	if (vm_is_kind(e, "vm"))
		machine_fields(&flow, state->frame, e);
	else if (vm_is_kind(e, "vmdevice"))
		all_fields(&flow, e);
	else
		thread_fields(&flow, e);
	add_leads(&flow, state->frame, e);
	draw_flags(state->frame, e, pane, flow_lines(&flow));
}
