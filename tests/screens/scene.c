#include "tests/screens/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/screens/scene_guests.h"
#include "tests/screens/scene_metrics.h"

#define TICKS 40
#define START_NS (1000 * NSEC_PER_SEC)
#define GIB (UINT64_C(1) << 30)

static const struct probe scene_probe = {
	.name = "scene", .summary = "a hand-made machine", .sets = sets, .n_sets = SETS};

static void add_host(struct sample *s, const struct scene_options *o)
{
	struct sample_row *row = sample_row(s, SET_HOST, NULL, NULL, "host");

	sample_text(s, row, HOST_NAME, "host7");
	sample_text(s, row, HOST_RELEASE, "6.12.95-rt");
	sample_text(s, row, HOST_PREEMPTION, "PREEMPT_RT");
	sample_u64(row, HOST_MEMORY, o->packages * o->nodes * 32 * GIB);
	sample_u64(row, HOST_AVAILABLE, 30 * GIB);
	sample_u64(row, HOST_UPTIME, 12 * 86400 * NSEC_PER_SEC);
	sample_text(s, row, HOST_ISOLCPUS, "2-3");
	sample_errno(row, HOST_LOCKDOWN, 13); /* denied */
	sample_text(s, row, HOST_CLOCKSOURCE, "tsc");
	sample_f64(row, HOST_PRESSURE, 1.25);
	if (o->is_spinning)
		sample_text(s, row, HOST_ENGINE, "spin");
	if (o->has_guests)
		sample_text(s, row, HOST_ONLINE, "0-4,6-15");
}

static void add_node(struct sample *s, unsigned node)
{
	struct sample_row *row = sample_row(s, SET_NODE, "host", NULL, "node:%u", node);
	char parent[16];

	sample_u64(row, NODE_TOTAL, 32 * GIB);
	sample_u64(row, NODE_FREE, (20 + node) * GIB);
	sample_text(s, row, NODE_DISTANCES, node ? "21 10" : "10 21");
	snprintf(parent, sizeof(parent), "node:%u", node);
	row = sample_row(s, SET_POOL, parent, NULL, "hugepool:%u/2048kB", node);
	sample_u64(row, POOL_SIZE, 2 << 20);
	sample_u64(row, POOL_TOTAL, 512);
	sample_u64(row, POOL_FREE, 500 - node);
	sample_u64(row, POOL_RESERVED, 0);
	sample_errno(row, POOL_SURPLUS, 13); /* denied */
}

/* Every third tick the last of four CPUs is shot at, the second one when there are two. */
static unsigned victim(const struct scene_options *o)
{
	return o->packages * o->nodes * o->l3s * o->cores * o->threads > 3 ? 3 : 1;
}

static unsigned shots(unsigned tick)
{
	return tick / 3;
}

static void count_many(struct histogram *h, uint64_t ns, unsigned n)
{
	struct histogram one;

	histogram_zero(&one);
	histogram_count(&one, ns);
	one.total = n;
	one.counts[histogram_bucket(ns)] = n;
	one.sum_ns = n * ns;
	histogram_add(h, &one);
}

/* cpu n is a bit noisier than n - 1. */
static void add_latency(struct sample *s, struct sample_row *row, const struct scene_options *o,
			unsigned cpu, unsigned tick)
{
	_cleanup_(freep) struct histogram *h = xcalloc(1, sizeof(*h));
	uint64_t usual = (4 + cpu % 13 * 3) * NSEC_PER_USEC;
	bool is_shot = cpu == victim(o) && shots(tick) > shots(tick - 1);

	histogram_zero(h);
	for (unsigned i = 0; i < 7; i++)
		count_many(h, usual + i * 500, is_shot ? 138 : 143);
	count_many(h, usual + tick % 5 * 4000, 7);
	if (is_shot)
		count_many(h, 412 * NSEC_PER_USEC, 35);
	h->start_ns = START_NS + (tick - 1) * NSEC_PER_SEC;
	h->end_ns = START_NS + tick * NSEC_PER_SEC;
	sample_histogram(s, row, CPU_WINDOW, h);
	sample_u64(row, CPU_P99, is_shot ? 412 * NSEC_PER_USEC : usual + tick % 4 * 8000);
	sample_u64(row, CPU_MAX, h->max_ns);
}

/* 250 ms of polling: a tick every 4 ms and now and then something long. */
static void add_noise(struct sample *s, struct sample_row *row, unsigned tick)
{
	_cleanup_(freep) struct histogram *h = xcalloc(1, sizeof(*h));

	histogram_zero(h);
	count_many(h, 2300, 63);
	if (tick % 4 == 0)
		count_many(h, 640 * NSEC_PER_USEC, 2);
	h->start_ns = START_NS + (tick - 1) * NSEC_PER_SEC;
	h->end_ns = START_NS + tick * NSEC_PER_SEC;
	sample_histogram(s, row, CPU_NOISE_WINDOW, h);
	sample_u64(row, CPU_NOISE_MAX, h->max_ns);
	sample_u64(row, CPU_NOISE_WORST, 640 * NSEC_PER_USEC);
	sample_f64(row, CPU_NOISE_PERCENT, tick % 4 ? 0.058 : 0.57);
	sample_u64(row, CPU_NOISE_GAPS, tick * 63 + tick / 4 * 2);
}

static unsigned count_cpus(const struct scene_options *o)
{
	return o->packages * o->nodes * o->l3s * o->cores * o->threads;
}

struct place {
	unsigned package, node, l3, core, thread;
};

static void add_cpu(struct sample *s, const struct scene_options *o, const struct place *p,
		    unsigned cpu, unsigned tick)
{
	struct sample_row *row;
	char parent[32];
	uint64_t t = (uint64_t)tick * NSEC_PER_SEC / 100; /* a hundredth of the time so far */

	snprintf(parent, sizeof(parent), "core:%u.%u", p->package, p->core);
	row = sample_row(s, SET_CPU, parent, NULL, "cpu:%u", cpu);
	sample_bool(row, CPU_ONLINE, cpu != 5);
	sample_u64(row, CPU_PACKAGE, p->package);
	sample_u64(row, CPU_NODE, p->node);
	sample_u64(row, CPU_L3, p->l3);
	sample_u64(row, CPU_CORE, p->core);
	sample_bool(row, CPU_ISOLATED, cpu == 2 || cpu == 3);
	if (cpu == 5)
		return;
	sample_u64(row, CPU_USER, t * (o->is_hogged && cpu == 0 ? 990 : 10 + cpu % 5 * 7));
	sample_u64(row, CPU_SYSTEM, t * 6);
	sample_u64(row, CPU_SOFTIRQ, t * (cpu == victim(o) ? 20 : 1));
	sample_u64(row, CPU_STEAL, t * (cpu % 2));
	sample_u64(row, CPU_IDLE, t * 50);
	sample_u64(row, CPU_SWITCHES, tick * (1200 + cpu));
	sample_u64(row, CPU_IRQS, tick * 40 + (cpu == victim(o) ? shots(tick) * 12000 : 0));
	sample_u64(row, CPU_NET_RX, tick * 10 + (cpu == victim(o) ? shots(tick) * 9000 : 0));
	if (o->has_network) {
		sample_u64(row, CPU_SOFTNET, tick * (cpu == 3 ? 31000 : 12));
		sample_u64(row, CPU_SOFTNET_DROPS, 0);
		sample_u64(row, CPU_SOFTNET_SQUEEZED, tick * (cpu == 3 ? 21 : 0));
	}
	if (o->is_spinning && cpu == count_cpus(o) - 1)
		add_noise(s, row, tick);
	else if (o->is_measured && !o->is_spinning)
		add_latency(s, row, o, cpu, tick);
}

static void add_cpus(struct sample *s, const struct scene_options *o, unsigned tick)
{
	unsigned cores = o->cores, n_cores = o->packages * o->nodes * o->l3s * cores;

	for (unsigned i = 0; i < o->packages; i++)
		(void)sample_row(s, SET_PACKAGE, "host", NULL, "package:%u", i);
	for (unsigned c = 0; c < n_cores; c++) {
		struct place p = {.core = c, .l3 = c / cores};

		p.node = p.l3 / o->l3s;
		p.package = p.node / o->nodes;
		(void)sample_row(s, SET_CORE, "host", NULL, "core:%u.%u", p.package, c);
		for (unsigned t = 0; t < o->threads; t++)
			add_cpu(s, o, &p, c + t * n_cores, tick);
	}
}

static void add_irq_thread(struct sample *s, struct sample_row *row, bool is_threaded)
{
	sample_u64(row, IRQ_THREADS, is_threaded);
	if (!is_threaded)
		return;
	sample_u64(row, IRQ_THREAD_PID, 50);
	sample_text(s, row, IRQ_POLICY, "fifo");
	sample_u64(row, IRQ_PRIORITY, 50);
}

/* All at the victim, one of them is what it is shot with; the last one comes a little to the next
 * CPU too. */
static void add_irq_cpus(struct sample *s, struct sample_row *row, const struct scene_options *o,
			 unsigned i, unsigned tick)
{
	const struct per_cpu_cell cells[] = {
		{.cpu = victim(o), .count = tick * i * i * 300 + (i == 2 ? shots(tick) * 9000 : 0)},
		{.cpu = victim(o) + 1, .count = i == 3 ? tick : 0}};

	sample_u64(row, IRQ_COUNT, cells[0].count + cells[1].count);
	sample_per_cpu(s, row, IRQ_PER_CPU, 1, cells, 2);
	sample_bool(row, IRQ_PENDING, i == 2);
	sample_text(s, row, IRQ_MANAGED, i == 1 ? "yes" : i == 2 ? "no" : "unknown");
	sample_u64(row, IRQ_NODE, 0);
	add_irq_thread(s, row, i == 0);
}

static void add_arch(struct sample *s, unsigned tick)
{
	const struct per_cpu_cell cells[] = {{.cpu = 0, .count = tick * 250},
					     {.cpu = 3, .count = tick * 1000}};
	struct sample_row *row = sample_row(s, SET_ARCH, "host", "LOC", "irq_arch:LOC");

	sample_u64(row, ARCH_COUNT, tick * 1250);
	sample_per_cpu(s, row, ARCH_PER_CPU, 1, cells, 2);
	sample_text(s, row, ARCH_DESCRIPTION, "Local timer interrupts");
	row = sample_row(s, SET_ARCH, "host", "ERR", "irq_arch:ERR");
	sample_u64(row, ARCH_COUNT, 0);
}

static void add_devices(struct sample *s, const struct scene_options *o, unsigned tick)
{
	static const char *const names[] = {"acpi", "nvme0q1", "eth0-rx-1", "eth0-tx-1"};
	struct sample_row *row;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		row = sample_row(s, SET_IRQ, "host", names[i], "irq:%u", i == 0 ? 9 : 39 + i);
		sample_text(s, row, IRQ_AFFINITY, i == 0 ? "0-7" : i == 2 ? "0-1" : "3");
		sample_text(s, row, IRQ_EFFECTIVE, "3");
		add_irq_cpus(s, row, o, i, tick);
		sample_text(s, row, IRQ_CHIP, i == 0 ? "IR-IO-APIC" : "IR-PCI-MSIX-0000:3b:00.0");
	}
	add_arch(s, tick);
	row = sample_row(s, SET_NIC, "host", "eth0", "nic:eth0");
	sample_text(s, row, NIC_DRIVER, "ice");
	sample_u64(row, NIC_NODE, 0);
	sample_u64(row, NIC_SPEED, UINT64_C(10000000000));
}

/* queue:eth0/rx-1 on irq 41 of CPU 3, which is isolated; -1: no interrupt known. */
static void add_queue(struct sample *s, const char *parent, const char *name, int irq,
		      const char *cpus, uint64_t packets, uint64_t drops)
{
	struct sample_row *row = sample_row(s, SET_QUEUE, parent, name, "queue:%s/%s",
					    strchr(parent, ':') + 1, name);

	sample_text(s, row, QUEUE_DIRECTION, name[0] == 'r' ? "rx" : "tx");
	sample_u64(row, QUEUE_PACKETS, packets);
	sample_u64(row, QUEUE_BYTES, packets * 800);
	sample_u64(row, QUEUE_DROPS, drops);
	if (name[0] == 'r')
		sample_text(s, row, QUEUE_RPS, "");
	if (irq < 0)
		return;
	sample_u64(row, QUEUE_NAPI, 8192 + (unsigned)irq);
	sample_u64(row, QUEUE_IRQ, (unsigned)irq);
	sample_text(s, row, QUEUE_CPUS, cpus);
	sample_text(s, row, QUEUE_HOW, "napi-get");
	sample_text(s, row, QUEUE_SOURCE, "qstats");
}

static void add_interface(struct sample *s, const char *name, unsigned node, unsigned tick)
{
	struct sample_row *row = sample_row(s, SET_NIC, "host", name, "nic:%s", name);

	sample_text(s, row, NIC_DRIVER, "ice");
	sample_u64(row, NIC_NODE, node);
	sample_u64(row, NIC_SPEED, node ? UINT64_C(25000000000) : UINT64_C(10000000000));
	sample_text(s, row, NIC_STATE, node ? "down" : "up");
	sample_text(s, row, NIC_PCI, node ? "0000:af:00.0" : "0000:3b:00.0");
	sample_u64(row, NIC_RX_PACKETS, tick * (node ? 0 : 31000));
	sample_u64(row, NIC_TX_PACKETS, tick * (node ? 0 : 9000));
	sample_u64(row, NIC_RX_BYTES, tick * (node ? 0 : UINT64_C(24000000)));
	sample_u64(row, NIC_RX_MISSED, tick * (node ? 0 : 17));
	sample_u64(row, NIC_RING, 512);
	sample_u64(row, NIC_RING_MAX, 4096);
	sample_bool(row, NIC_ADAPTIVE, node == 0);
	sample_u64(row, NIC_COALESCE, 50000);
	sample_text(s, row, NIC_FEATURES, "rx-checksum tx-checksum tso gro");
}

static void add_network(struct sample *s, unsigned tick)
{
	struct sample_row *row;

	add_interface(s, "eth0", 0, tick);
	add_queue(s, "nic:eth0", "rx-0", 43, "1", tick * 1000, 0);
	add_queue(s, "nic:eth0", "rx-1", 41, "3", tick * 30000, tick * 17);
	add_queue(s, "nic:eth0", "tx-0", -1, NULL, tick * 10, 0);
	add_queue(s, "nic:eth0", "tx-1", 42, "3", tick * 9000, 0);
	row = sample_row(s, SET_VF, "nic:eth0", NULL, "vf:eth0/0");
	sample_text(s, row, VF_MAC, "02:00:00:00:00:10");
	sample_text(s, row, VF_LINK, "auto");
	sample_text(s, row, VF_DRIVER, "vfio-pci");
	add_interface(s, "eth1", 1, tick);
	add_queue(s, "nic:eth1", "rx-0", 50, "1", 0, 0);
	add_queue(s, "nic:eth1", "tx-0", 50, "1", 0, 0);
	row = sample_row(s, SET_NIC, "host", "lo", "nic:lo");
	sample_text(s, row, NIC_STATE, "unknown");
	sample_u64(row, NIC_RX_PACKETS, 58);
	add_queue(s, "nic:lo", "rx-0", -1, NULL, 58, 0);
	add_queue(s, "nic:lo", "tx-0", -1, NULL, 58, 0);
	row = sample_row(s, SET_DPDK, "host", "vswitchd", "dpdk:rte");
	sample_text(s, row, DPDK_STATE, "ok");
	for (unsigned i = 6; i < 8; i++) {
		row = sample_row(s, SET_LCORE, "dpdk:rte", NULL, "lcore:rte/%u", i);
		sample_text(s, row, LCORE_ROLE, "worker");
		sample_text(s, row, LCORE_CPUS, i == 6 ? "6" : "7");
	}
	row = sample_row(s, SET_PORT, "dpdk:rte", NULL, "dpdk_port:rte/0");
	sample_text(s, row, PORT_DEVICE, "net_null0");
	sample_text(s, row, PORT_LINK, "UP");
	sample_u64(row, PORT_RX, tick * UINT64_C(14000000));
	sample_u64(row, PORT_TX, tick * UINT64_C(14000000));
	sample_u64(row, PORT_MISSED, 0);
	row = sample_row(s, SET_QUEUE, "dpdk_port:rte/0", NULL, "queue:dpdk/rte/0/rx-0");
	sample_text(s, row, QUEUE_DIRECTION, "rx");
	sample_u64(row, QUEUE_PACKETS, tick * UINT64_C(14000000));
}

static const struct snapshot *take(struct scene *scene, const struct scene_options *o,
				   const struct snapshot *prev, unsigned tick)
{
	struct sample *sample = sample_new(&scene_probe);
	struct sample *guests = o->has_guests ? sample_new(&scene_guests_probe) : NULL;
	struct sample *samples[] = {sample, guests};
	uint64_t now = START_NS + tick * NSEC_PER_SEC;
	struct snapshot *snap;

	sample->time_ns = now;
	add_host(sample, o);
	for (unsigned n = 0; n < o->packages * o->nodes; n++)
		add_node(sample, n);
	add_cpus(sample, o, tick);
	add_devices(sample, o, tick);
	if (o->has_network)
		add_network(sample, tick);
	sample_finish(sample, 0);
	if (guests) {
		guests->time_ns = now;
		scene_guests_fill(guests, tick, o->n_more_guests);
		sample_finish(guests, 0);
	}
	/* 12:34 in UTC, whatever TZ: the tests set it. */
	snap = snapshot_build(scene->schema, prev, samples, o->has_guests ? 2 : 1, now,
			      (12 * 3600 + 34 * 60 + tick) * NSEC_PER_SEC);
	sample_free(sample);
	sample_free(guests);
	return snap;
}

void scene_init(struct scene *scene, const struct scene_options *options)
{
	static const struct probe *const probes[] = {&scene_probe, &scene_guests_probe};
	static const struct history_metric metrics[] = {
		{"cpu", "wakeup_window", 900},
		{"cpu", "noise_window", 900},
		{"cpu", "idle_ns", 60},
		CULPRIT_HISTORY,
	};

	*scene = (struct scene){.schema = schema_new(probes, options->has_guests ? 2 : 1)};
	scene->history = history_new(metrics, ARRAY_SIZE(metrics));
	for (unsigned tick = 1; tick <= TICKS; tick++) {
		const struct snapshot *prev = scene->snap;

		scene->snap = take(scene, options, prev, tick);
		history_feed(scene->history, scene->snap);
		snapshot_unref(prev);
	}
	session_init(&scene->session, GUARD_READY, "");
	scene->machine = machine_new(scene->snap, options->is_measured ? scene->history : NULL);
	scene_add_knobs(scene);
	if (options->is_spinning)
		scene_add_spinning(scene);
	else
		scene_add_measuring(scene, options->is_measured);
	scene->frame = (struct frame){
		.snap = scene->snap,
		.machine = scene->machine,
		.history = scene->history,
		.session = &scene->session,
		.knobs = &scene->knobs,
		.measuring = &scene->measuring,
		.now_ns = scene->snap->time_ns,
		.boottime_ns = scene->snap->time_ns,
		.self_share = 0.004,
		.self_wakeups_hz = 16004,
		.period_ns = NSEC_PER_SEC,
		.source = "",
		.why_not_measured = options->is_measured ? NULL : "not measured (--no-measure)",
	};
}

void scene_done(struct scene *scene)
{
	machine_free(scene->machine);
	snapshot_unref(scene->snap);
	history_free(scene->history);
	schema_free(scene->schema);
	session_done(&scene->session);
	free(scene->check);
	free(scene->knobs.items);
	arena_free(scene->arena);
}
