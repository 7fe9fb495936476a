/*
 * The chain queue -> interrupt -> CPU -> what that CPU is for: every flag raised by what it stands
 * for and by nothing else, and no flag where something is unknown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/probe.h"
#include "tui/chain.h"

enum { SET_HOST, SET_CPU, SET_NIC, SET_IRQ, SET_QUEUE, SET_VM, SET_VCPU, SETS };
enum { CPU_ISOLATED, CPU_NOHZ, CPU_NODE };
enum { NIC_NODE, NIC_RING, NIC_RING_MAX, NIC_ADAPTIVE, NIC_MISSED };
enum { IRQ_EFFECTIVE, IRQ_PENDING };
enum { Q_DIRECTION, Q_PACKETS, Q_DROPS, Q_IRQ, Q_CPUS };

static const struct metric host_metrics[] = {{"cpus_online", METRIC_CPUSET, UNIT_NONE, "", NULL}};
static const struct metric cpu_metrics[] = {
	{"isolated", METRIC_BOOL, UNIT_NONE, "", NULL},
	{"nohz_full", METRIC_BOOL, UNIT_NONE, "", NULL},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
};
static const struct metric nic_metrics[] = {
	{"node_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
	{"ring_rx", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	{"ring_rx_max", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	{"adaptive_rx", METRIC_BOOL, UNIT_NONE, "", NULL},
	{"rx_missed", METRIC_COUNTER, UNIT_COUNT, "", NULL},
};
static const struct metric irq_metrics[] = {
	{"effective", METRIC_CPUSET, UNIT_NONE, "", NULL},
	{"pending", METRIC_BOOL, UNIT_NONE, "", NULL},
};
static const struct metric queue_metrics[] = {
	{"direction", METRIC_TEXT, UNIT_NONE, "", NULL},
	{"packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	{"drops", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	{"irq", METRIC_GAUGE, UNIT_NONE, "", NULL},
	{"irq_cpus", METRIC_CPUSET, UNIT_NONE, "", NULL},
};
static const struct metric vcpu_metrics[] = {{"affinity", METRIC_CPUSET, UNIT_NONE, "", NULL}};

static const struct metric_set sets[SETS] = {
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
	[SET_NIC] = {"nic", nic_metrics, ARRAY_SIZE(nic_metrics)},
	[SET_IRQ] = {"irq", irq_metrics, ARRAY_SIZE(irq_metrics)},
	[SET_QUEUE] = {"queue", queue_metrics, ARRAY_SIZE(queue_metrics)},
	[SET_VM] = {"vm", vcpu_metrics, ARRAY_SIZE(vcpu_metrics)},
	[SET_VCPU] = {"vcpu", vcpu_metrics, ARRAY_SIZE(vcpu_metrics)},
};
static const struct probe probe = {.name = "x", .summary = "x", .sets = sets, .n_sets = SETS};

/* One queue pair and what it hangs on; zero is harmless everywhere. */
struct machine_of {
	bool is_isolated, is_nohz, is_adaptive, is_pending, has_second_queue, has_vcpu, has_no_cpus;
	unsigned cpu_node, ring, packets_hz, drops_hz, missed_hz;
};

struct world {
	struct schema *schema;
	const struct snapshot *snap;
	struct chains *chains;
};

static void put_queue(struct sample *s, const struct machine_of *m, const char *name, unsigned irq,
		      unsigned tick)
{
	struct sample_row *row = sample_row(s, SET_QUEUE, "nic:eth0", name, "queue:eth0/%s", name);

	sample_text(s, row, Q_DIRECTION, name[0] == 'r' ? "rx" : "tx");
	sample_u64(row, Q_PACKETS, (uint64_t)tick * m->packets_hz);
	if (!m->missed_hz) /* else nobody counts drops per queue */
		sample_u64(row, Q_DROPS, (uint64_t)tick * m->drops_hz);
	if (m->has_no_cpus)
		return;
	sample_u64(row, Q_IRQ, irq);
	sample_text(s, row, Q_CPUS, "7"); /* older than what the irq probe says */
}

static const struct snapshot *take(const struct schema *schema, const struct snapshot *prev,
				   const struct machine_of *m, unsigned tick)
{
	struct sample *s = sample_new(&probe);
	struct sample_row *row;
	const struct snapshot *snap;

	s->time_ns = tick * NSEC_PER_SEC;
	sample_text(s, sample_row(s, SET_HOST, NULL, NULL, "host"), 0, "0-7");
	for (unsigned c = 0; c < 4; c++) {
		row = sample_row(s, SET_CPU, NULL, NULL, "cpu:%u", c);
		sample_bool(row, CPU_ISOLATED, c == 3 && m->is_isolated);
		sample_bool(row, CPU_NOHZ, c == 3 && m->is_nohz);
		sample_u64(row, CPU_NODE, c == 3 ? m->cpu_node : 0);
	}
	row = sample_row(s, SET_NIC, "host", "eth0", "nic:eth0");
	sample_u64(row, NIC_NODE, 0);
	sample_u64(row, NIC_RING, m->ring ? m->ring : 4096);
	sample_u64(row, NIC_RING_MAX, 4096);
	sample_bool(row, NIC_ADAPTIVE, m->is_adaptive);
	sample_u64(row, NIC_MISSED, (uint64_t)tick * m->missed_hz);
	for (unsigned irq = 41; irq <= 42; irq++) {
		row = sample_row(s, SET_IRQ, "host", "x", "irq:%u", irq);
		sample_text(s, row, IRQ_EFFECTIVE, "3");
		sample_bool(row, IRQ_PENDING, m->is_pending);
	}
	put_queue(s, m, "rx-0", 41, tick);
	if (m->has_second_queue)
		put_queue(s, m, "rx-1", 42, tick);
	put_queue(s, m, "tx-0", 41, tick);
	(void)sample_row(s, SET_VM, NULL, "web", "vm:77");
	sample_text(s, sample_row(s, SET_VCPU, "vm:77", NULL, "vcpu:77/2"), 0,
		    m->has_vcpu ? "3" : "0-7");
	sample_finish(s, 0);
	snap = snapshot_build(schema, prev, &s, 1, s->time_ns, s->time_ns);
	sample_free(s);
	return snap;
}

static void world_init(struct world *w, const struct machine_of *m)
{
	static const struct probe *const probes[] = {&probe};
	const struct snapshot *first;

	w->schema = schema_new(probes, 1);
	first = take(w->schema, NULL, m, 1);
	w->snap = take(w->schema, first, m, 2);
	snapshot_unref(first);
	w->chains = chains_new(w->snap);
}

static void world_done(struct world *w)
{
	chains_free(w->chains);
	snapshot_unref(w->snap);
	schema_free(w->schema);
}

static const struct chain *rx(const struct world *w)
{
	return chains_find(w->chains, w->snap, snapshot_find(w->snap, "queue:eth0/rx-0"));
}

static void check(const struct machine_of *m, unsigned flags)
{
	struct world w;

	world_init(&w, m);
	if (rx(&w)->flags != flags) {
		char text[64];

		print_error("flags: %s\n", chain_words(rx(&w)->flags, text, sizeof(text)));
	}
	assert_int_equal(rx(&w)->flags, flags);
	assert_int_equal(chains_flags_below(w.chains, snapshot_find(w.snap, "nic:eth0")) & flags,
			 flags);
	world_done(&w);
}

static void test_flags(void **state)
{
	(void)state;
	check(&(struct machine_of){0}, 0);
	check(&(struct machine_of){.is_isolated = true}, 1u << CHAIN_ISOLATED);
	check(&(struct machine_of){.is_nohz = true}, 1u << CHAIN_NOHZ);
	check(&(struct machine_of){.has_vcpu = true}, 1u << CHAIN_VCPU);
	check(&(struct machine_of){.cpu_node = 1}, 1u << CHAIN_NODE);
	check(&(struct machine_of){.is_pending = true}, 1u << CHAIN_PENDING);
	check(&(struct machine_of){.is_adaptive = true}, 1u << CHAIN_ADAPTIVE);
	/* Losses with the largest ring are not the ring's; a small ring without losses is large
	 * enough. */
	check(&(struct machine_of){.drops_hz = 5}, 0);
	check(&(struct machine_of){.ring = 512}, 0);
	check(&(struct machine_of){.ring = 512, .drops_hz = 5}, 1u << CHAIN_RING);
	check(&(struct machine_of){.ring = 512, .missed_hz = 5}, 1u << CHAIN_RING);
}

static void test_whose_vcpu(void **state)
{
	struct world w;
	char text[200];

	(void)state;
	world_init(&w, &(struct machine_of){.has_vcpu = true});
	assert_string_equal(chain_sentence(rx(&w), CHAIN_VCPU, text, sizeof(text)),
			    "a pinned vCPU runs on CPU 3: every interrupt takes it away (web/2)");
	world_done(&w);
}

/* The two queues of one interrupt do not share a CPU with each other; two interrupts do, when both
 * are busy. */
static void test_sharing(void **state)
{
	(void)state;
	check(&(struct machine_of){.packets_hz = 5000}, 0);
	check(&(struct machine_of){.packets_hz = 5000, .has_second_queue = true},
	      1u << CHAIN_SHARED);
	check(&(struct machine_of){.packets_hz = 10, .has_second_queue = true}, 0);
}

static void test_join(void **state)
{
	static const struct machine_of bad = {.is_isolated = true, .cpu_node = 1};
	static const struct machine_of unknown = {
		.is_isolated = true, .cpu_node = 1, .has_no_cpus = true};
	char text[160];
	struct world w;

	(void)state;
	world_init(&w, &bad);
	assert_string_equal(rx(&w)->irq->key, "irq:41");
	assert_string_equal(rx(&w)->parent->key, "nic:eth0");
	assert_string_equal(rx(&w)->cpus, "3"); /* of the interrupt, not the queue's older "7" */
	assert_int_equal(rx(&w)->cpu, 3);
	assert_string_equal(chain_words(rx(&w)->flags, text, sizeof(text)), "isol node");
	assert_non_null(strstr(chain_sentence(rx(&w), CHAIN_ISOLATED, text, sizeof(text)),
			       "CPU 3 is isolated"));
	assert_null(chains_find(w.chains, w.snap, snapshot_find(w.snap, "nic:eth0")));
	world_done(&w);
	world_init(&w, &unknown);
	assert_int_equal(rx(&w)->cpu, -1);
	assert_null(rx(&w)->irq);
	assert_int_equal(rx(&w)->flags, 0);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_whose_vcpu),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
