#include "tui/chain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpuset.h"

static const struct {
	const char *word, *sentence; /* %d: the CPU */
} flags[CHAIN_FLAGS] = {
	[CHAIN_ISOLATED] = {"isol", "CPU %d is isolated: the packets of this queue disturb it"},
	[CHAIN_NOHZ] = {"nohz", "CPU %d is nohz_full: the packets of this queue disturb it"},
	[CHAIN_VCPU] = {"vcpu", "a pinned vCPU runs on CPU %d: every interrupt takes it away"},
	[CHAIN_NODE] = {"node", "CPU %d is on another NUMA node than the device"},
	[CHAIN_SHARED] = {"share", "another busy queue's interrupt goes to CPU %d too"},
	[CHAIN_RING] = {"ring", "packets are lost and the ring could be larger"},
	[CHAIN_PENDING] = {"pend", "the interrupt is not yet where it was sent: it moves when it "
				   "fires next"},
	[CHAIN_ADAPTIVE] = {"adapt", "the device changes its coalescing by itself (adaptive)"},
};

/* What is known of each CPU, by number. */
struct cpu_facts {
	bool is_isolated, is_nohz;
	const struct entity *vcpu; /* a pinned one; NULL: none */
	int node;		   /* -1: unknown */
	unsigned n_busy;	   /* interrupts of busy queues */
	int64_t busy_irq;
};

/* Node numbers are whole; -1 (as float) says none. */
static int whole(const struct entity *entity, const char *metric)
{
	uint64_t value;
	const struct value *v = entity_value(entity, metric);

	if (v->is_float || !entity_u64(entity, metric, &value) || value > INT32_MAX)
		return -1;
	return (int)value;
}

static bool is_set(const struct entity *entity, const char *metric)
{
	uint64_t value;

	return entity_u64(entity, metric, &value) && value;
}

static bool get_cpus(const struct entity *entity, const char *metric, struct cpuset *ret)
{
	const char *text = entity_text(entity, metric);

	return text && *text && cpuset_parse_list(text, ret) == 0;
}

static struct cpu_facts *collect_cpus(const struct snapshot *snap)
{
	struct cpu_facts *facts = xcalloc(CPUSET_MAX, sizeof(*facts));
	const struct snapshot_table *cpus = snapshot_table(snap, "cpu");

	for (unsigned i = 0; i < CPUSET_MAX; i++)
		facts[i] = (struct cpu_facts){.node = -1, .busy_irq = -1};
	for (unsigned i = 0; cpus && i < cpus->n_entities; i++) {
		const struct entity *e = &cpus->entities[i];
		unsigned long cpu =
			strtoul(strchr(e->key, ':') ? strchr(e->key, ':') + 1 : "", NULL, 10);

		if (cpu >= CPUSET_MAX)
			continue;
		facts[cpu].is_isolated = is_set(e, "isolated");
		facts[cpu].is_nohz = is_set(e, "nohz_full");
		facts[cpu].node = whole(e, "node_id");
	}
	return facts;
}

/* Threads of vCPUs (kind vcpu) that may run on some CPUs only. */
static void collect_vcpus(const struct snapshot *snap, struct cpu_facts *facts)
{
	const struct snapshot_table *vcpus = snapshot_table(snap, "vcpu");
	const struct entity *host = snapshot_find(snap, "host");
	struct cpuset set, online;

	if (!vcpus || !get_cpus(host, "cpus_online", &online))
		return;
	for (unsigned i = 0; i < vcpus->n_entities; i++) {
		if (!get_cpus(&vcpus->entities[i], "affinity", &set) ||
		    cpuset_is_subset(&online, &set))
			continue;
		for (unsigned c = cpuset_next(&set, 0); c < CPUSET_MAX;
		     c = cpuset_next(&set, c + 1))
			facts[c].vcpu = facts[c].vcpu ? facts[c].vcpu : &vcpus->entities[i];
	}
}

static bool is_busy(const struct chain *chain)
{
	return entity_rate(chain->queue, "packets") >= CHAIN_BUSY_HZ;
}

/* The receive and the transmit queue of one interrupt are one. */
static void count_busy(const struct chain *chain, const struct cpuset *set, struct cpu_facts *facts)
{
	uint64_t irq;

	if (!is_busy(chain) || !entity_u64(chain->queue, "irq", &irq))
		return;
	for (unsigned c = cpuset_next(set, 0); c < CPUSET_MAX; c = cpuset_next(set, c + 1)) {
		if (facts[c].busy_irq == (int64_t)irq)
			continue;
		facts[c].n_busy++;
		facts[c].busy_irq = (int64_t)irq;
	}
}

static void raise_flag(struct chain *chain, enum chain_flag flag, int cpu)
{
	if (chain->flags & 1u << flag)
		return;
	chain->flags |= 1u << flag;
	chain->at_cpu[flag] = cpu;
}

static void judge_cpus(struct chain *chain, const struct cpuset *set, const struct cpu_facts *facts)
{
	int node = whole(chain->parent, "node_id");

	for (unsigned c = cpuset_next(set, 0); c < CPUSET_MAX; c = cpuset_next(set, c + 1)) {
		const struct cpu_facts *f = &facts[c];

		if (f->is_isolated)
			raise_flag(chain, CHAIN_ISOLATED, (int)c);
		if (f->is_nohz)
			raise_flag(chain, CHAIN_NOHZ, (int)c);
		if (f->vcpu && !chain->vcpu)
			chain->vcpu = f->vcpu;
		if (f->vcpu)
			raise_flag(chain, CHAIN_VCPU, (int)c);
		if (node >= 0 && f->node >= 0 && f->node != node)
			raise_flag(chain, CHAIN_NODE, (int)c);
		if (f->n_busy > 1 && is_busy(chain))
			raise_flag(chain, CHAIN_SHARED, (int)c);
	}
}

/* Losses of the queue itself; where nobody counts them, what the device missed. */
static bool loses_packets(const struct chain *chain, bool is_rx)
{
	double rate = entity_rate(chain->queue, "drops");

	if (isnan(rate) && is_rx)
		rate = entity_rate(chain->parent, "rx_missed");
	return rate > 0;
}

static void judge_parent(struct chain *chain)
{
	const char *direction = entity_text(chain->queue, "direction");
	bool is_rx = !direction || strcmp(direction, "rx") == 0;
	uint64_t ring, ring_max;

	if (entity_u64(chain->parent, is_rx ? "ring_rx" : "ring_tx", &ring) &&
	    entity_u64(chain->parent, is_rx ? "ring_rx_max" : "ring_tx_max", &ring_max) &&
	    ring < ring_max && loses_packets(chain, is_rx))
		raise_flag(chain, CHAIN_RING, -1);
	if (is_set(chain->parent, is_rx ? "adaptive_rx" : "adaptive_tx"))
		raise_flag(chain, CHAIN_ADAPTIVE, -1);
	if (is_set(chain->irq, "pending"))
		raise_flag(chain, CHAIN_PENDING, -1);
}

static void join(struct chain *chain, const struct entity *queue, const struct snapshot *snap)
{
	char key[32];
	uint64_t irq;

	*chain = (struct chain){.queue = queue, .parent = queue->parent, .cpu = -1};
	for (unsigned i = 0; i < CHAIN_FLAGS; i++)
		chain->at_cpu[i] = -1;
	if (entity_u64(queue, "irq", &irq)) {
		snprintf(key, sizeof(key), "irq:%llu", (unsigned long long)irq);
		chain->irq = snapshot_find(snap, key);
	}
	/* The interrupt's own probe runs more often. */
	chain->cpus = entity_text(chain->irq, "effective");
	if (!chain->cpus || !*chain->cpus)
		chain->cpus = entity_text(queue, "irq_cpus");
}

struct chains *chains_new(const struct snapshot *snap)
{
	const struct snapshot_table *queues = snapshot_table(snap, "queue");
	struct chains *chains = xcalloc(1, sizeof(*chains));
	struct cpu_facts *facts;
	struct cpuset set;

	chains->queues = children_new(snap, "queue");
	if (!queues || queues->n_entities == 0)
		return chains;
	chains->n = queues->n_entities;
	chains->at = xcalloc(chains->n, sizeof(*chains->at));
	facts = collect_cpus(snap);
	collect_vcpus(snap, facts);
	for (unsigned i = 0; i < chains->n; i++) {
		struct chain *chain = &chains->at[i];

		join(chain, &queues->entities[i], snap);
		if (!chain->cpus || cpuset_parse_list(chain->cpus, &set) < 0 ||
		    cpuset_is_empty(&set))
			continue;
		chain->cpu = (int)cpuset_next(&set, 0);
		chain->n_cpus = cpuset_count(&set);
		count_busy(chain, &set, facts);
	}
	/* Once the busy ones of every CPU are counted. */
	for (unsigned i = 0; i < chains->n; i++) {
		struct chain *chain = &chains->at[i];

		judge_parent(chain);
		if (chain->cpu >= 0 && cpuset_parse_list(chain->cpus, &set) == 0)
			judge_cpus(chain, &set, facts);
	}
	free(facts);
	return chains;
}

void chains_free(struct chains *chains)
{
	if (chains) {
		children_free(chains->queues);
		free(chains->at);
	}
	free(chains);
}

/* queue: of the snapshot that the chains are of. They are in the order of its table. */
static const struct chain *chain_at(const struct chains *chains, const struct entity *queue)
{
	return &chains->at[queue - chains->at[0].queue];
}

const struct chain *chains_find(const struct chains *chains, const struct snapshot *snap,
				const struct entity *queue)
{
	const struct snapshot_table *queues = snapshot_table(snap, "queue");

	if (!queues || queue->kind != queues->kind || chains->n != queues->n_entities)
		return NULL;
	return chain_at(chains, queue);
}

unsigned chains_flags_below(const struct chains *chains, const struct entity *parent)
{
	unsigned all = 0, n;
	const struct entity *const *queues = children_of(chains->queues, parent, &n);

	for (unsigned i = 0; i < n; i++)
		all |= chain_at(chains, queues[i])->flags;
	return all;
}

const char *chain_word(enum chain_flag flag)
{
	return flags[flag].word;
}

const char *chain_words(unsigned set, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < CHAIN_FLAGS; i++) {
		if (set & 1u << i && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "",
					      flags[i].word);
	}
	return buf;
}

/* " (web/0)" of the machine "web" and its vCPU "vcpu:123/0"; "" for other flags. */
static const char *whose(const struct chain *chain, enum chain_flag flag, char *buf, size_t size)
{
	const struct entity *vcpu = flag == CHAIN_VCPU ? chain->vcpu : NULL;
	const char *slash = vcpu ? strrchr(vcpu->key, '/') : NULL;
	const char *vm = vcpu && vcpu->parent ? vcpu->parent->name : NULL;

	buf[0] = 0;
	if (vm && *vm && slash)
		snprintf(buf, size, " (%.40s%s)", vm, slash);
	return buf;
}

const char *chain_sentence(const struct chain *chain, enum chain_flag flag, char *buf, size_t size)
{
	const char *sentence = flags[flag].sentence, *at = strstr(sentence, "%d");
	char name[64];

	if (at)
		snprintf(buf, size, "%.*s%d%s%s", (int)(at - sentence), sentence,
			 chain->at_cpu[flag], at + 2, whose(chain, flag, name, sizeof(name)));
	else
		snprintf(buf, size, "%s", sentence);
	return buf;
}
