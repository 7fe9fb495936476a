#include "tui/guests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"

#define MAX_NODES 64
/* Below this a page is no huge one anywhere (arm64 has base pages of 64 KiB). */
#define HUGE_FROM (UINT64_C(1) << 20)

static const char *const words[GUEST_FLAGS] = {
	[GUEST_UNPINNED] = "unpin", [GUEST_SHARED] = "share", [GUEST_SIBLING] = "smt",
	[GUEST_NODE] = "node",	    [GUEST_DEVICE] = "vf",    [GUEST_IRQ] = "irq",
	[GUEST_PAGES] = "4k",
};

/* Two vCPUs that differ in the CPU they are pinned to, so that everyone finds one that is not
 * itself; indices, -1: none. */
struct pair {
	int one, two;
};

struct place {
	const struct guests *guests;
	const struct snapshot *snap;
	struct cpuset online;
	struct cpuset *node_cpus; /* by node, MAX_NODES of them */
	struct cpuset some_node;  /* CPUs whose node is known */
	struct cpuset irq_cpus;
	const struct entity **irq_at; /* by CPU: the busiest network interrupt there */
	double *irq_hz;
	struct pair *at_cpu, *at_core; /* by CPU; by the core's lowest CPU */
	int *core_of;		       /* by CPU: the lowest CPU of its core; -1: unknown */
	struct device {
		const struct entity *device;
		int node;
		int next; /* of the same VM, -1: none */
	} * devices;
	int *first_device; /* by VM */
};

static bool get_cpus(const struct entity *entity, const char *metric, struct cpuset *ret)
{
	const char *text = entity_text(entity, metric);

	return text && *text && cpuset_parse_list(text, ret) == 0;
}

static int whole(const struct entity *entity, const char *metric)
{
	const struct value *v = entity_value(entity, metric);
	uint64_t value;

	if (v->is_float || !entity_u64(entity, metric, &value) || value > INT32_MAX)
		return -1;
	return (int)value;
}

/* --- what is known of the machine --- */

static void place_cpus(struct place *p)
{
	const struct snapshot_table *cpus = snapshot_table(p->snap, "cpu");
	const struct snapshot_table *cores = snapshot_table(p->snap, "core");
	unsigned n_cores = cores ? cores->n_entities : 0;
	int *lowest = xcalloc(n_cores + 1, sizeof(*lowest));

	for (unsigned i = 0; i < CPUSET_MAX; i++)
		p->core_of[i] = -1;
	for (unsigned i = 0; i < n_cores; i++)
		lowest[i] = -1;
	for (unsigned i = 0; cpus && i < cpus->n_entities; i++) {
		const struct entity *e = &cpus->entities[i];
		int node = whole(e, "node_id");
		uint64_t cpu;

		if (parse_u64(e->key + strcspn(e->key, ":") + 1, &cpu) < 0 || cpu >= CPUSET_MAX)
			continue;
		if (node >= 0 && node < MAX_NODES) {
			cpuset_add(&p->node_cpus[node], (unsigned)cpu);
			cpuset_add(&p->some_node, (unsigned)cpu);
		}
		if (e->parent && cores && e->parent->kind == cores->kind) {
			int *core = &lowest[e->parent - cores->entities];

			*core = *core < 0 ? (int)cpu : *core;
			p->core_of[cpu] = *core;
		}
	}
	free(lowest);
}

static void note_irq(struct place *p, const struct entity *irq, unsigned cpu, double hz)
{
	/* NAN is not: what is not counted raises nothing. */
	if (cpu >= CPUSET_MAX || !(hz >= GUEST_IRQ_HZ) || hz <= p->irq_hz[cpu])
		return;
	p->irq_hz[cpu] = hz;
	p->irq_at[cpu] = irq;
	cpuset_add(&p->irq_cpus, cpu);
}

/* Interrupts of network queues, where they really came; without counts per CPU, where the one CPU
 * they may go to is. */
static void place_irqs(struct place *p)
{
	const struct snapshot_table *queues = snapshot_table(p->snap, "queue");
	struct cpuset set;

	for (unsigned i = 0; queues && i < queues->n_entities; i++) {
		const struct entity *irq;
		const struct per_cpu *vector;
		char key[32];
		uint64_t number;

		if (!entity_u64(&queues->entities[i], "irq", &number))
			continue;
		snprintf(key, sizeof(key), "irq:%llu", (unsigned long long)number);
		irq = snapshot_find(p->snap, key);
		vector = entity_per_cpu(irq, "per_cpu");
		for (unsigned k = 0; vector && k < vector->n; k++)
			note_irq(p, irq, vector->cells[k].cpu, vector->cells[k].rate);
		if (!vector && irq && get_cpus(irq, "effective", &set) && cpuset_count(&set) == 1)
			note_irq(p, irq, cpuset_next(&set, 0), entity_rate(irq, "count"));
	}
}

struct address {
	const char *text;
	const struct entity *entity;
};

static int compare_addresses(const void *a, const void *b)
{
	return strcmp(((const struct address *)a)->text, ((const struct address *)b)->text);
}

static unsigned add_addresses(const struct snapshot_table *table, struct address *at)
{
	unsigned n = 0;

	for (unsigned i = 0; table && i < table->n_entities; i++) {
		const char *text = entity_text(&table->entities[i], "pci_address");

		if (text && *text)
			at[n++] = (struct address){text, &table->entities[i]};
	}
	return n;
}

static int node_of_device(const struct entity *device, const struct address *addresses, unsigned n)
{
	const char *text = entity_text(device, "pci_address");
	struct address wanted = {text, NULL};
	const struct address *at;
	int node = whole(device, "node_id");

	if (node >= 0 || !text)
		return node;
	at = bsearch(&wanted, addresses, n, sizeof(*addresses), compare_addresses);
	for (const struct entity *e = at ? at->entity : NULL; e && node < 0; e = e->parent)
		node = whole(e, "node_id");
	return node;
}

static const struct guest_vm *find_vm(const struct guests *guests, const struct entity *entity)
{
	return entity ? guests_vm(guests, entity) : NULL;
}

/* Devices of the VMs by VM, with the node where the host has them. */
static void place_devices(struct place *p)
{
	const struct snapshot_table *devices = snapshot_table(p->snap, "vmdevice");
	const struct snapshot_table *vfs = snapshot_table(p->snap, "vf");
	const struct snapshot_table *nics = snapshot_table(p->snap, "nic");
	unsigned n = devices ? devices->n_entities : 0, n_addresses;
	struct address *addresses =
		xcalloc((vfs ? vfs->n_entities : 0) + (nics ? nics->n_entities : 0) + 1,
			sizeof(*addresses));

	n_addresses = add_addresses(vfs, addresses);
	n_addresses += add_addresses(nics, addresses + n_addresses);
	qsort(addresses, n_addresses, sizeof(*addresses), compare_addresses);
	p->devices = xcalloc(n + 1, sizeof(*p->devices));
	p->first_device = xcalloc(p->guests->n_vms + 1, sizeof(*p->first_device));
	for (unsigned i = 0; i < p->guests->n_vms; i++)
		p->first_device[i] = -1;
	for (unsigned i = 0; i < n; i++) {
		const struct entity *e = &devices->entities[i];
		const struct guest_vm *vm = find_vm(p->guests, e->parent);
		int node = node_of_device(e, addresses, n_addresses);

		if (!vm || node < 0 || node >= MAX_NODES || cpuset_is_empty(&p->node_cpus[node]))
			continue;
		p->devices[i] = (struct device){e, node, p->first_device[vm - p->guests->vms]};
		p->first_device[vm - p->guests->vms] = (int)i;
	}
	free(addresses);
}

static struct place *place_new(const struct guests *guests, const struct snapshot *snap)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->guests = guests;
	p->snap = snap;
	p->node_cpus = xcalloc(MAX_NODES, sizeof(*p->node_cpus));
	p->irq_at = xcalloc(CPUSET_MAX, sizeof(*p->irq_at));
	p->irq_hz = xcalloc(CPUSET_MAX, sizeof(*p->irq_hz));
	p->at_cpu = xcalloc(CPUSET_MAX, sizeof(*p->at_cpu));
	p->at_core = xcalloc(CPUSET_MAX, sizeof(*p->at_core));
	p->core_of = xcalloc(CPUSET_MAX, sizeof(*p->core_of));
	for (unsigned i = 0; i < CPUSET_MAX; i++)
		p->at_cpu[i] = p->at_core[i] = (struct pair){-1, -1};
	place_cpus(p);
	place_irqs(p);
	place_devices(p);
	return p;
}

static void place_free(struct place *p)
{
	free(p->node_cpus);
	free(p->irq_at);
	free(p->irq_hz);
	free(p->at_cpu);
	free(p->at_core);
	free(p->core_of);
	free(p->devices);
	free(p->first_device);
	free(p);
}

/* --- vCPUs --- */

/* As the vm probe writes them: what it judged is not judged again, only whom it is about. NULL: it
 * cannot know, for another probe counts interrupts. */
static const char *const probe_words[GUEST_FLAGS] = {
	[GUEST_UNPINNED] = "unpinned", [GUEST_SHARED] = "shared",  [GUEST_SIBLING] = "siblings",
	[GUEST_NODE] = "node",	       [GUEST_DEVICE] = "vf-node", [GUEST_PAGES] = "pages",
};

/* A whole word of the list. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (n == len && !memcmp(at, word, n))
			return true;
		at += n;
	}
	return false;
}

/* Whether the probe judged otherwise. */
static bool is_denied(const struct entity *entity, enum guest_flag flag)
{
	const char *said = entity_text(entity, "flags");

	return said && probe_words[flag] && !has_word(said, probe_words[flag]);
}

static void raise_flag(struct guest_vcpu *v, enum guest_flag flag, int cpu,
		       const struct entity *other)
{
	if (v->flags & 1u << flag || is_denied(v->vcpu, flag))
		return;
	v->flags |= 1u << flag;
	v->at_cpu[flag] = cpu;
	v->other[flag] = other;
}

/* The core all CPUs of the set belong to, by its lowest CPU; -1: several, or unknown. */
static int core_of_set(const struct place *p, const struct cpuset *set)
{
	unsigned c = cpuset_next(set, 0);
	int core = c < CPUSET_MAX ? p->core_of[c] : -1;

	/* Ends at the first CPU of another core: sets of whole nodes cost nothing. */
	for (; c < CPUSET_MAX; c = cpuset_next(set, c + 1)) {
		if (p->core_of[c] != core)
			return -1;
	}
	return core;
}

/* By number; two vCPUs of one core differ unless both are pinned to the same thread of it. */
static bool differ(const struct guests *guests, int a, int b)
{
	int x = guests->vcpus[a].home_cpu, y = guests->vcpus[b].home_cpu;

	return a != b && (x < 0 || y < 0 || x != y);
}

static void enter_vcpu(struct place *p, struct guests *guests, unsigned i, const struct cpuset *set)
{
	struct guest_vcpu *v = &guests->vcpus[i];
	int core = core_of_set(p, set);
	struct pair *pair;

	if (cpuset_count(set) == 1) {
		v->home_cpu = (int)cpuset_next(set, 0);
		pair = &p->at_cpu[v->home_cpu];
		*(pair->one < 0 ? &pair->one : &pair->two) = (int)i;
	}
	if (core < 0)
		return;
	pair = &p->at_core[core];
	if (pair->one < 0)
		pair->one = (int)i;
	else if (pair->two < 0 && differ(guests, pair->one, (int)i))
		pair->two = (int)i;
}

/* Whether it has CPUs of its own: an affinity that leaves out some online CPU. The probe may know
 * better. False as well when nothing is known: *ret_known. */
static bool is_pinned(const struct place *p, const struct entity *vcpu, const struct cpuset *set,
		      bool *ret_known)
{
	uint64_t value;

	*ret_known = true;
	if (entity_u64(vcpu, "pinned", &value))
		return value;
	*ret_known = !cpuset_is_empty(set) && !cpuset_is_empty(&p->online);
	return *ret_known && !cpuset_is_subset(&p->online, set);
}

static void collect_vcpus(struct place *p, struct guests *guests)
{
	struct cpuset set;

	for (unsigned i = 0; i < guests->n_vcpus; i++) {
		struct guest_vcpu *v = &guests->vcpus[i];
		const struct guest_vm *found;
		struct guest_vm *vm = NULL;
		bool is_known;

		v->vcpu = &guests->first_vcpu[i];
		v->cpu = whole(v->vcpu, "cpu");
		v->home_cpu = -1;
		for (unsigned k = 0; k < GUEST_FLAGS; k++)
			v->at_cpu[k] = -1;
		found = find_vm(guests, v->vcpu->parent);
		vm = found ? &guests->vms[found - guests->vms] : NULL;
		if (!get_cpus(v->vcpu, "affinity", &set))
			cpuset_zero(&set);
		v->is_pinned = is_pinned(p, v->vcpu, &set, &is_known);
		if (v->is_pinned && !cpuset_is_empty(&set))
			enter_vcpu(p, guests, i, &set);
		else if (is_known && !v->is_pinned)
			raise_flag(v, GUEST_UNPINNED, -1, NULL);
		if (vm) {
			vm->n_vcpus++;
			vm->n_pinned += v->is_pinned;
		}
	}
}

static void judge_company(const struct place *p, struct guests *guests, unsigned i, int core)
{
	struct guest_vcpu *v = &guests->vcpus[i];
	const struct pair *pair;
	int other = -1;

	if (v->home_cpu >= 0) {
		pair = &p->at_cpu[v->home_cpu];
		other = pair->one == (int)i ? pair->two : pair->one;
		if (other >= 0)
			raise_flag(v, GUEST_SHARED, v->home_cpu, guests->vcpus[other].vcpu);
	}
	if (core < 0)
		return;
	pair = &p->at_core[core];
	other = pair->one >= 0 && differ(guests, pair->one, (int)i)   ? pair->one
		: pair->two >= 0 && differ(guests, pair->two, (int)i) ? pair->two
								      : -1;
	if (other >= 0)
		raise_flag(v, GUEST_SIBLING, guests->vcpus[other].home_cpu,
			   guests->vcpus[other].vcpu);
}

/* CPUs of the set that are known to be on other nodes than these; -1: none. */
static int stray_cpu(const struct place *p, const struct cpuset *set, const struct cpuset *near)
{
	struct cpuset rest = *set;

	if (cpuset_is_empty(near))
		return -1;
	cpuset_and(&rest, &p->some_node);
	cpuset_andnot(&rest, near);
	return cpuset_is_empty(&rest) ? -1 : (int)cpuset_next(&rest, 0);
}

static void judge_memory(const struct place *p, struct guest_vcpu *v, const struct guest_vm *vm,
			 const struct cpuset *set)
{
	struct cpuset nodes, near;
	int cpu;

	if (!get_cpus(vm->vm, "memory_nodes", &nodes))
		return;
	cpuset_zero(&near);
	for (unsigned n = cpuset_next(&nodes, 0); n < MAX_NODES; n = cpuset_next(&nodes, n + 1))
		cpuset_or(&near, &p->node_cpus[n]);
	cpu = stray_cpu(p, set, &near);
	if (cpu >= 0)
		raise_flag(v, GUEST_NODE, cpu, vm->vm);
}

static void judge_place(const struct place *p, struct guests *guests, struct guest_vcpu *v,
			const struct cpuset *set)
{
	const struct guest_vm *vm = find_vm(guests, v->vcpu->parent);
	struct cpuset rest = *set;
	int device = vm ? p->first_device[vm - guests->vms] : -1;

	if (vm)
		judge_memory(p, v, vm, set);
	for (; device >= 0; device = p->devices[device].next) {
		int cpu = stray_cpu(p, set, &p->node_cpus[p->devices[device].node]);

		if (cpu >= 0)
			raise_flag(v, GUEST_DEVICE, cpu, p->devices[device].device);
	}
	cpuset_and(&rest, &p->irq_cpus);
	if (!cpuset_is_empty(&rest))
		raise_flag(v, GUEST_IRQ, (int)cpuset_next(&rest, 0),
			   p->irq_at[cpuset_next(&rest, 0)]);
}

/* What the probe sees and nothing here explains (a node that no cpu row names) stands as well. */
static void take_over(struct guest_vcpu *v)
{
	const char *said = entity_text(v->vcpu, "flags");

	for (unsigned i = 0; said && i < GUEST_FLAGS; i++) {
		if (probe_words[i] && has_word(said, probe_words[i]))
			v->flags |= 1u << i;
	}
}

static void judge_vcpus(const struct place *p, struct guests *guests)
{
	struct cpuset set;

	for (unsigned i = 0; i < guests->n_vcpus; i++) {
		struct guest_vcpu *v = &guests->vcpus[i];
		const struct guest_vm *vm;

		if (v->is_pinned && get_cpus(v->vcpu, "affinity", &set)) {
			judge_company(p, guests, i, core_of_set(p, &set));
			judge_place(p, guests, v, &set);
		}
		take_over(v);
		vm = find_vm(guests, v->vcpu->parent);
		if (vm)
			guests->vms[vm - guests->vms].flags_below |= v->flags;
	}
}

static void judge_vms(struct guests *guests)
{
	for (unsigned i = 0; i < guests->n_vms; i++) {
		struct guest_vm *vm = &guests->vms[i];
		const char *flags;
		uint64_t page;

		/* The probe knows what of it is in transparent huge pages all the same. */
		flags = entity_text(vm->vm, "flags");
		if (flags ? has_word(flags, probe_words[GUEST_PAGES])
			  : entity_u64(vm->vm, "memory_page_bytes", &page) && page &&
				    page < HUGE_FROM)
			vm->flags |= 1u << GUEST_PAGES;
	}
}

struct guests *guests_new(const struct snapshot *snap)
{
	const struct snapshot_table *vcpus = snapshot_table(snap, "vcpu");
	const struct snapshot_table *vms = snapshot_table(snap, "vm");
	struct guests *guests = xcalloc(1, sizeof(*guests));
	struct place *p;

	guests->n_vcpus = vcpus ? vcpus->n_entities : 0;
	guests->n_vms = vms ? vms->n_entities : 0;
	if (guests->n_vcpus + guests->n_vms == 0)
		return guests;
	guests->first_vcpu = vcpus ? vcpus->entities : NULL;
	guests->first_vm = vms ? vms->entities : NULL;
	guests->vcpus = xcalloc(guests->n_vcpus + 1, sizeof(*guests->vcpus));
	guests->vms = xcalloc(guests->n_vms + 1, sizeof(*guests->vms));
	for (unsigned i = 0; i < guests->n_vms; i++)
		guests->vms[i].vm = &guests->first_vm[i];
	p = place_new(guests, snap);
	if (!get_cpus(snapshot_find(snap, "host"), "cpus_online", &p->online))
		cpuset_zero(&p->online);
	collect_vcpus(p, guests);
	judge_vcpus(p, guests);
	judge_vms(guests);
	place_free(p);
	return guests;
}

void guests_free(struct guests *guests)
{
	if (!guests)
		return;
	free(guests->vcpus);
	free(guests->vms);
	free(guests);
}

const struct guest_vcpu *guests_vcpu(const struct guests *guests, const struct entity *entity)
{
	if (guests->n_vcpus == 0 || entity->kind != guests->first_vcpu->kind)
		return NULL;
	return &guests->vcpus[entity - guests->first_vcpu];
}

const struct guest_vm *guests_vm(const struct guests *guests, const struct entity *entity)
{
	if (guests->n_vms == 0 || entity->kind != guests->first_vm->kind)
		return NULL;
	return &guests->vms[entity - guests->first_vm];
}

const struct guest_vcpu *guests_on_cpu(const struct guests *guests, unsigned cpu, unsigned n)
{
	/* Pinned ones first: those are there to stay. */
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < guests->n_vcpus; i++) {
			const struct guest_vcpu *v = &guests->vcpus[i];
			bool is_home = v->home_cpu == (int)cpu;

			if (pass == 0 ? !is_home : is_home || v->cpu != (int)cpu)
				continue;
			if (n-- == 0)
				return v;
		}
	}
	return NULL;
}

void guests_pinned_cpus(const struct guests *guests, struct cpuset *ret)
{
	struct cpuset set;

	cpuset_zero(ret);
	for (unsigned i = 0; i < guests->n_vcpus; i++) {
		if (guests->vcpus[i].is_pinned && get_cpus(guests->vcpus[i].vcpu, "affinity", &set))
			cpuset_or(ret, &set);
	}
}

const struct entity *guests_device(const struct snapshot *snap, const struct entity *device)
{
	static const char *const kinds[] = {"vf", "nic"};
	const char *address = entity_text(device, "pci_address");

	for (unsigned k = 0; address && *address && k < ARRAY_SIZE(kinds); k++) {
		const struct snapshot_table *table = snapshot_table(snap, kinds[k]);

		for (unsigned i = 0; table && i < table->n_entities; i++) {
			const char *text = entity_text(&table->entities[i], "pci_address");

			if (text && strcmp(text, address) == 0)
				return &table->entities[i];
		}
	}
	return NULL;
}

/* --- words --- */

const char *guest_word(enum guest_flag flag)
{
	return words[flag];
}

const char *guest_words(unsigned flags, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < GUEST_FLAGS; i++) {
		if (flags & 1u << i && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", words[i]);
	}
	return buf;
}

/* "web-1/3": the machine and the number of the vCPU. */
static const char *vcpu_name(const struct entity *vcpu, char *buf, size_t size)
{
	const char *slash = vcpu ? strrchr(vcpu->key, '/') : NULL;
	const struct entity *vm = vcpu ? vcpu->parent : NULL;

	snprintf(buf, size, "vCPU %s of %s", slash ? slash + 1 : "?",
		 vm && vm->name ? vm->name
		 : vm		? vm->key
				: "another machine");
	return buf;
}

static const char *name_of(const struct entity *entity)
{
	return entity ? entity->name ? entity->name : entity->key : "?";
}

/* Where the probe knows more than the rows here. */
static const char *unexplained(enum guest_flag flag)
{
	switch (flag) {
	case GUEST_SHARED:
		return "another vCPU is pinned to the same CPU: they take turns";
	case GUEST_SIBLING:
		return "another vCPU is pinned to the other thread of its core";
	case GUEST_NODE:
		return "may run on another node than the memory";
	case GUEST_DEVICE:
		return "may run on another node than a device given to it";
	default:
		return "";
	}
}

const char *guest_sentence(const struct guest_vm *vm, const struct guest_vcpu *vcpu,
			   enum guest_flag flag, char *buf, size_t size)
{
	int cpu = vcpu ? vcpu->at_cpu[flag] : -1;
	const struct entity *other = vcpu ? vcpu->other[flag] : NULL;
	const char *nodes = vm ? entity_text(vm->vm, "memory_nodes") : NULL;
	char name[128];

	if (vcpu && cpu < 0 && !other && flag != GUEST_UNPINNED && flag != GUEST_PAGES) {
		snprintf(buf, size, "%s", unexplained(flag));
		return buf;
	}
	switch (flag) {
	case GUEST_UNPINNED:
		snprintf(buf, size,
			 "may run on every CPU: it is moved, and shares with all others");
		break;
	case GUEST_SHARED:
		snprintf(buf, size, "%s is pinned to CPU %d too: they take turns",
			 vcpu_name(other, name, sizeof(name)), cpu);
		break;
	case GUEST_SIBLING:
		if (cpu >= 0)
			snprintf(buf, size, "%s is on CPU %d, the other thread of this core",
				 vcpu_name(other, name, sizeof(name)), cpu);
		else
			snprintf(buf, size, "%s is on the same core's threads",
				 vcpu_name(other, name, sizeof(name)));
		break;
	case GUEST_NODE:
		snprintf(buf, size, "CPU %d is on another node than the memory (node %s)", cpu,
			 nodes ? nodes : "?");
		break;
	case GUEST_DEVICE:
		snprintf(buf, size, "CPU %d is on another node than the device %s", cpu,
			 other && entity_text(other, "pci_address")
				 ? entity_text(other, "pci_address")
				 : name_of(other));
		break;
	case GUEST_IRQ:
		snprintf(buf, size, "network interrupts (%s) come to CPU %d: each takes it away",
			 name_of(other), cpu);
		break;
	case GUEST_PAGES:
		snprintf(buf, size,
			 "the memory is not in huge pages: more TLB misses, slower exits");
		break;
	case GUEST_FLAGS:
		buf[0] = 0;
		break;
	}
	return buf;
}
