/*
 * vCPUs joined with CPUs, cores, nodes, interrupts, devices and each other: every flag raised by
 * what it stands for and by nothing else, and none where something is unknown.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/probe.h"
#include "tui/guests.h"

enum {
	SET_HOST,
	SET_CORE,
	SET_CPU,
	SET_NIC,
	SET_VF,
	SET_QUEUE,
	SET_IRQ,
	SET_VM,
	SET_VCPU,
	SET_DEVICE,
	SETS
};

static const struct metric host_metrics[] = {{"cpus_online", METRIC_CPUSET, UNIT_NONE, "", NULL}};
static const struct metric core_metrics[] = {{"cpus", METRIC_CPUSET, UNIT_NONE, "", NULL}};
static const struct metric cpu_metrics[] = {{"node_id", METRIC_GAUGE, UNIT_NONE, "", NULL}};
static const struct metric nic_metrics[] = {{"node_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
					    {"pci_address", METRIC_TEXT, UNIT_NONE, "", NULL}};
static const struct metric vf_metrics[] = {{"pci_address", METRIC_TEXT, UNIT_NONE, "", NULL}};
static const struct metric queue_metrics[] = {{"irq", METRIC_GAUGE, UNIT_NONE, "", NULL}};
static const struct metric irq_metrics[] = {{"count", METRIC_COUNTER, UNIT_COUNT, "", NULL},
					    {"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "", NULL},
					    {"effective", METRIC_CPUSET, UNIT_NONE, "", NULL}};
enum { VM_NODES, VM_PAGE };
static const struct metric vm_metrics[] = {
	{"memory_nodes", METRIC_CPUSET, UNIT_NONE, "", NULL},
	{"memory_page_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL}};
enum { V_AFFINITY, V_CPU, V_PINNED, V_FLAGS };
static const struct metric vcpu_metrics[] = {{"affinity", METRIC_CPUSET, UNIT_NONE, "", NULL},
					     {"cpu", METRIC_GAUGE, UNIT_NONE, "", NULL},
					     {"pinned", METRIC_BOOL, UNIT_NONE, "", NULL},
					     {"flags", METRIC_TEXT, UNIT_NONE, "", NULL}};
static const struct metric device_metrics[] = {{"pci_address", METRIC_TEXT, UNIT_NONE, "", NULL}};

static const struct metric_set sets[SETS] = {
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
	[SET_CORE] = {"core", core_metrics, ARRAY_SIZE(core_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
	[SET_NIC] = {"nic", nic_metrics, ARRAY_SIZE(nic_metrics)},
	[SET_VF] = {"vf", vf_metrics, ARRAY_SIZE(vf_metrics)},
	[SET_QUEUE] = {"queue", queue_metrics, ARRAY_SIZE(queue_metrics)},
	[SET_IRQ] = {"irq", irq_metrics, ARRAY_SIZE(irq_metrics)},
	[SET_VM] = {"vm", vm_metrics, ARRAY_SIZE(vm_metrics)},
	[SET_VCPU] = {"vcpu", vcpu_metrics, ARRAY_SIZE(vcpu_metrics)},
	[SET_DEVICE] = {"vmdevice", device_metrics, ARRAY_SIZE(device_metrics)},
};
static const struct probe probe = {.name = "x", .summary = "x", .sets = sets, .n_sets = SETS};

/* Eight CPUs: core k has CPUs k and k + 4; cores 0-1 on node 0, 2-3 on node 1. Zero is harmless. */
struct scene_of {
	const char
		*pins[4];  /* of vCPUs 0 and 1 of the first machine and of the second; NULL: none */
	const char *nodes; /* of the memory; NULL: unknown */
	const char *device_pci; /* given to the first machine */
	const char *said;	/* flags of all vCPUs as the probe has them; NULL: not judged */
	unsigned irq_cpu, irq_hz, page;
	bool is_counted_per_cpu, has_no_cores, has_no_online, is_said_pinned;
};

static void put_cpus(struct sample *s, const struct scene_of *o)
{
	struct sample_row *row = sample_row(s, SET_HOST, NULL, NULL, "host");
	char parent[16];

	if (!o->has_no_online)
		sample_text(s, row, 0, "0-7");
	for (unsigned k = 0; k < 4 && !o->has_no_cores; k++)
		(void)sample_row(s, SET_CORE, "host", NULL, "core:0.%u", k);
	for (unsigned c = 0; c < 8; c++) {
		snprintf(parent, sizeof(parent), "core:0.%u", c % 4);
		row = sample_row(s, SET_CPU, parent, NULL, "cpu:%u", c);
		sample_u64(row, 0, c % 4 / 2);
	}
}

static void put_network(struct sample *s, const struct scene_of *o, unsigned tick)
{
	struct per_cpu_cell cell = {.cpu = o->irq_cpu, .count = (uint64_t)tick * o->irq_hz};
	struct sample_row *row = sample_row(s, SET_NIC, "host", "eth1", "nic:eth1");
	char cpu[16];

	sample_u64(row, 0, 1);
	sample_text(s, row, 1, "0000:af:00.0");
	row = sample_row(s, SET_VF, "nic:eth1", NULL, "vf:eth1/1");
	sample_text(s, row, 0, "0000:af:02.1");
	sample_u64(sample_row(s, SET_QUEUE, "nic:eth1", NULL, "queue:eth1/rx-0"), 0, 41);
	row = sample_row(s, SET_IRQ, "host", "eth1-rx-0", "irq:41");
	snprintf(cpu, sizeof(cpu), "%u", o->irq_cpu);
	sample_u64(row, 0, cell.count);
	sample_text(s, row, 2, cpu);
	if (o->is_counted_per_cpu)
		sample_per_cpu(s, row, 1, 1, &cell, 1);
}

static void put_guests(struct sample *s, const struct scene_of *o)
{
	struct sample_row *row;

	for (unsigned vm = 0; vm < 2; vm++) {
		char parent[16];

		row = sample_row(s, SET_VM, NULL, vm ? "two" : "one", "vm:%u.7", vm + 1);
		if (o->nodes)
			sample_text(s, row, VM_NODES, o->nodes);
		if (o->page)
			sample_u64(row, VM_PAGE, o->page);
		snprintf(parent, sizeof(parent), "vm:%u.7", vm + 1);
		for (unsigned v = 0; v < 2; v++) {
			if (!o->pins[2 * vm + v])
				continue;
			row = sample_row(s, SET_VCPU, parent, NULL, "vcpu:%u.7/%u", vm + 1, v);
			sample_text(s, row, V_AFFINITY, o->pins[2 * vm + v]);
			sample_u64(row, V_CPU, 6);
			if (o->said)
				sample_text(s, row, V_FLAGS, o->said);
			if (o->is_said_pinned)
				sample_bool(row, V_PINNED, true);
		}
	}
	if (!o->device_pci)
		return;
	row = sample_row(s, SET_DEVICE, "vm:1.7", "net0", "vmdevice:1.7/net0");
	sample_text(s, row, 0, o->device_pci);
}

struct world {
	struct schema *schema;
	const struct snapshot *snap;
	struct guests *guests;
};

static void world_init(struct world *w, const struct scene_of *o)
{
	static const struct probe *const probes[] = {&probe};
	const struct snapshot *prev = NULL;

	w->schema = schema_new(probes, 1);
	for (unsigned tick = 1; tick <= 2; tick++) {
		struct sample *s = sample_new(&probe);

		s->time_ns = tick * NSEC_PER_SEC;
		put_cpus(s, o);
		put_network(s, o, tick);
		put_guests(s, o);
		sample_finish(s, 0);
		w->snap = snapshot_build(w->schema, prev, &s, 1, s->time_ns, s->time_ns);
		snapshot_unref(prev);
		prev = w->snap;
		sample_free(s);
	}
	w->guests = guests_new(w->snap);
}

static void world_done(struct world *w)
{
	guests_free(w->guests);
	snapshot_unref(w->snap);
	schema_free(w->schema);
}

static const struct guest_vcpu *vcpu_of(const struct world *w, const char *key)
{
	return guests_vcpu(w->guests, snapshot_find(w->snap, key));
}

/* The flags of the first machine's first vCPU. */
static void check(const struct scene_of *o, unsigned flags)
{
	struct world w;

	world_init(&w, o);
	assert_int_equal(vcpu_of(&w, "vcpu:1.7/0")->flags, flags);
	world_done(&w);
}

#define FLAG(name) (1u << GUEST_##name)

static void test_pins(void **state)
{
	(void)state;
	check(&(struct scene_of){.pins = {"0-7"}}, FLAG(UNPINNED));
	check(&(struct scene_of){.pins = {"0-15"}}, FLAG(UNPINNED));
	check(&(struct scene_of){.pins = {"0-6"}}, 0);
	check(&(struct scene_of){.pins = {"2"}}, 0);
	/* What is not known raises nothing. */
	check(&(struct scene_of){.pins = {""}}, 0);
	check(&(struct scene_of){.pins = {"0-7"}, .has_no_online = true}, 0);
	check(&(struct scene_of){.pins = {"0-7"}, .is_said_pinned = true}, 0);
}

static void test_company(void **state)
{
	struct world w;
	char text[160];

	(void)state;
	/* Of the same machine and of another. */
	check(&(struct scene_of){.pins = {"2", "2"}}, FLAG(SHARED));
	check(&(struct scene_of){.pins = {"2", NULL, "2"}}, FLAG(SHARED));
	check(&(struct scene_of){.pins = {"2", "6"}}, FLAG(SIBLING));
	check(&(struct scene_of){.pins = {"2", "2", "6"}}, FLAG(SHARED) | FLAG(SIBLING));
	check(&(struct scene_of){.pins = {"6", "2", "2", "2"}}, FLAG(SIBLING));
	check(&(struct scene_of){.pins = {"2,6", "2,6"}}, FLAG(SIBLING));
	check(&(struct scene_of){.pins = {"2", "3", "7", "1"}}, 0);
	check(&(struct scene_of){.pins = {"2", "0-6"}}, 0);
	check(&(struct scene_of){.pins = {"2", "0-7"}}, 0);
	check(&(struct scene_of){.pins = {"2", "6"}, .has_no_cores = true}, 0);
	world_init(&w, &(struct scene_of){.pins = {"2", NULL, "6"}});
	guest_sentence(NULL, vcpu_of(&w, "vcpu:1.7/0"), GUEST_SIBLING, text, sizeof(text));
	assert_string_equal(text, "vCPU 0 of two is on CPU 6, the other thread of this core");
	world_done(&w);
}

/* A guest that knows of threads: the probe has read its -smp. */
static void test_the_probe_judges(void **state)
{
	struct world w;
	char text[160];

	(void)state;
	check(&(struct scene_of){.pins = {"2", "6"}, .said = ""}, 0);
	check(&(struct scene_of){.pins = {"2", "2"}, .said = "siblings"}, FLAG(SIBLING));
	check(&(struct scene_of){.pins = {"2"}, .nodes = "0", .said = "vf-node"}, FLAG(DEVICE));
	check(&(struct scene_of){.pins = {"2"}, .nodes = "0", .said = "node"}, FLAG(NODE));
	check(&(struct scene_of){.pins = {"0-7"}, .said = "unpinned"}, FLAG(UNPINNED));
	check(&(struct scene_of){.pins = {"2"}, .irq_cpu = 2, .irq_hz = 500, .said = ""},
	      FLAG(IRQ));
	world_init(&w, &(struct scene_of){.pins = {"2"}, .said = "shared"});
	guest_sentence(NULL, vcpu_of(&w, "vcpu:1.7/0"), GUEST_SHARED, text, sizeof(text));
	assert_string_equal(text, "another vCPU is pinned to the same CPU: they take turns");
	world_done(&w);
}

static void test_nodes(void **state)
{
	struct world w;

	(void)state;
	check(&(struct scene_of){.pins = {"2"}, .nodes = "0"}, FLAG(NODE));
	check(&(struct scene_of){.pins = {"2"}, .nodes = "1"}, 0);
	check(&(struct scene_of){.pins = {"2"}, .nodes = "0-1"}, 0);
	check(&(struct scene_of){.pins = {"1-2"}, .nodes = "0"}, FLAG(NODE));
	check(&(struct scene_of){.pins = {"2"}, .nodes = "7"}, 0); /* a node without CPUs */
	check(&(struct scene_of){.pins = {"0-7"}, .nodes = "0"}, FLAG(UNPINNED));
	/* The VF is on node 1, the physical device as well. */
	check(&(struct scene_of){.pins = {"1"}, .device_pci = "0000:af:02.1"}, FLAG(DEVICE));
	check(&(struct scene_of){.pins = {"1"}, .device_pci = "0000:af:00.0"}, FLAG(DEVICE));
	check(&(struct scene_of){.pins = {"2"}, .device_pci = "0000:af:02.1"}, 0);
	check(&(struct scene_of){.pins = {"1"}, .device_pci = "0000:00:01.0"}, 0);
	/* It is the first machine's: the other's vCPU does not care. */
	world_init(&w, &(struct scene_of){.pins = {"2", NULL, "1"}, .device_pci = "0000:af:02.1"});
	assert_int_equal(vcpu_of(&w, "vcpu:2.7/0")->flags, 0);
	world_done(&w);
}

static void test_interrupts(void **state)
{
	(void)state;
	for (int is_counted = 0; is_counted < 2; is_counted++) {
		struct scene_of o = {.pins = {"2"},
				     .irq_cpu = 2,
				     .irq_hz = 500,
				     .is_counted_per_cpu = is_counted};

		check(&o, FLAG(IRQ));
		o.irq_hz = 2;
		check(&o, 0);
		o.irq_hz = 500;
		o.irq_cpu = 6;
		check(&o, 0);
		o.pins[0] = "0-6";
		check(&o, FLAG(IRQ));
	}
}

static void test_machine(void **state)
{
	const struct scene_of o = {.pins = {"2", "0-7", "3", "6"}, .page = 4096};
	const struct guest_vm *vm;
	struct cpuset pinned;
	char text[64];
	struct world w;

	(void)state;
	world_init(&w, &o);
	vm = guests_vm(w.guests, snapshot_find(w.snap, "vm:1.7"));
	assert_int_equal(vm->n_vcpus, 2);
	assert_int_equal(vm->n_pinned, 1);
	assert_int_equal(vm->flags, FLAG(PAGES));
	assert_int_equal(vm->flags_below, FLAG(UNPINNED) | FLAG(SIBLING));
	guest_words(vm->flags | vm->flags_below, text, sizeof(text));
	assert_string_equal(text, "unpin smt 4k");
	guests_pinned_cpus(w.guests, &pinned);
	assert_true(cpuset_format_list(&pinned, text, sizeof(text)) > 0);
	assert_string_equal(text, "2-3,6");
	/* On CPU 6: first the one pinned there, then those that ran there last. */
	assert_ptr_equal(guests_on_cpu(w.guests, 6, 0), vcpu_of(&w, "vcpu:2.7/1"));
	assert_ptr_equal(guests_on_cpu(w.guests, 6, 1), vcpu_of(&w, "vcpu:1.7/0"));
	assert_ptr_equal(guests_on_cpu(w.guests, 6, 3), vcpu_of(&w, "vcpu:2.7/0"));
	assert_null(guests_on_cpu(w.guests, 6, 4));
	assert_null(guests_on_cpu(w.guests, 5, 0));
	assert_null(guests_vcpu(w.guests, vm->vm));
	world_done(&w);

	world_init(&w, &(struct scene_of){.pins = {"2"}, .page = 2u << 20});
	assert_int_equal(guests_vm(w.guests, snapshot_find(w.snap, "vm:1.7"))->flags, 0);
	world_done(&w);
}

static void test_device(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct scene_of){.pins = {"2"}, .device_pci = "0000:af:02.1"});
	assert_ptr_equal(guests_device(w.snap, snapshot_find(w.snap, "vmdevice:1.7/net0")),
			 snapshot_find(w.snap, "vf:eth1/1"));
	assert_null(guests_device(w.snap, snapshot_find(w.snap, "vm:1.7")));
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_company),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_the_probe_judges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
