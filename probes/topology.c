/*
 * The tree of the machine: packages, dies, NUMA nodes, caches, cores, CPUs. Loaded when the set of
 * online CPUs or nodes changes (two small reads per run), otherwise sent out from memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/read.h"
#include "probes/topology_internal.h"

enum set { SET_PACKAGE, SET_DIE, SET_NODE, SET_CACHE, SET_CORE, SET_CPU, SET_HOST };

#define KNOWN_HELP                                                                                 \
	"The kernel reports it; false: assumed, so that every CPU has a place in the tree"

enum package_metric { PACKAGE_ID, PACKAGE_CPUS, PACKAGE_KNOWN };
static const struct metric package_metrics[] = {
	{"package_id", METRIC_GAUGE, UNIT_NONE, "physical_package_id; -1: the kernel gives none",
	 "id"},
	{"cpus", METRIC_CPUSET, UNIT_NONE, "Online CPUs", "CPUs"},
	{"known", METRIC_BOOL, UNIT_NONE, KNOWN_HELP, NULL},
};

enum die_metric { DIE_ID, DIE_CPUS, DIE_KNOWN, DIE_PACKAGE_ID };
static const struct metric die_metrics[] = {
	{"die_id", METRIC_GAUGE, UNIT_NONE, "die_id; -1: the kernel gives none", "id"},
	{"cpus", METRIC_CPUSET, UNIT_NONE, "Online CPUs", "CPUs"},
	{"known", METRIC_BOOL, UNIT_NONE, KNOWN_HELP, NULL},
	{"package_id", METRIC_GAUGE, UNIT_NONE, "Of its package", "package"},
};

enum node_metric { NODE_CPUS, NODE_HAS_CPUS, NODE_DISTANCES, NODE_KNOWN };
static const struct metric node_metrics[] = {
	{"cpus", METRIC_CPUSET, UNIT_NONE, "Online CPUs local to the node", "CPUs"},
	{"has_cpus", METRIC_BOOL, UNIT_NONE, "False: memory only", NULL},
	{"distances", METRIC_TEXT, UNIT_NONE, "Relative distance to every node, in node order",
	 "distances"},
	{"known", METRIC_BOOL, UNIT_NONE, KNOWN_HELP, NULL},
};

enum cache_metric { CACHE_LEVEL, CACHE_TYPE, CACHE_SIZE, CACHE_CPUS };
static const struct metric cache_metrics[] = {
	{"level", METRIC_GAUGE, UNIT_NONE, "1 is nearest to the core", "level"},
	{"type", METRIC_TEXT, UNIT_NONE, "unified, data or instruction", "type"},
	{"size_bytes", METRIC_GAUGE, UNIT_BYTES, "Size", "size"},
	{"cpus", METRIC_CPUSET, UNIT_NONE, "CPUs that share it", "CPUs"},
};

enum core_metric { CORE_ID, CORE_CPUS, CORE_KNOWN, CORE_PACKAGE_ID };
static const struct metric core_metrics[] = {
	{"core_id", METRIC_GAUGE, UNIT_NONE, "core_id; -1: the kernel gives none", "id"},
	{"cpus", METRIC_CPUSET, UNIT_NONE, "Online CPUs (hardware threads)", "CPUs"},
	{"known", METRIC_BOOL, UNIT_NONE, KNOWN_HELP, NULL},
	{"package_id", METRIC_GAUGE, UNIT_NONE, "Of its package", "package"},
};

enum cpu_metric {
	CPU_ONLINE,
	CPU_PACKAGE,
	CPU_DIE,
	CPU_CORE,
	CPU_NODE,
	CPU_L3,
	CPU_SIBLINGS,
	CPU_CORE_TYPE,
	CPU_CAPACITY
};
static const struct metric cpu_metrics[] = {
	{"online", METRIC_BOOL, UNIT_NONE, "Running; false: switched off", "online"},
	{"package_id", METRIC_GAUGE, UNIT_NONE, "physical_package_id; -1: unknown", "package"},
	{"die_id", METRIC_GAUGE, UNIT_NONE, "die_id; -1: unknown", "die"},
	{"core_id", METRIC_GAUGE, UNIT_NONE, "core_id; -1: unknown", "core"},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node; -1: none", "node"},
	{"l3_id", METRIC_GAUGE, UNIT_NONE, "N of cache:L3/N; -1: none", "L3"},
	{"siblings", METRIC_CPUSET, UNIT_NONE, "Hardware threads of its core, itself included",
	 "SMT"},
	{"core_type", METRIC_TEXT, UNIT_NONE,
	 "Kind of core where there are several: performance, efficiency, kind N", "type"},
	{"capacity", METRIC_GAUGE, UNIT_NONE, "cpu_capacity: 1024 is the fastest core", NULL},
};

enum host_metric { HOST_ONLINE, HOST_PRESENT, HOST_POSSIBLE, HOST_MODEL };
static const struct metric host_metrics[] = {
	{"cpus_online", METRIC_CPUSET, UNIT_NONE, "CPUs that run", NULL},
	{"cpus_present", METRIC_CPUSET, UNIT_NONE, "CPUs that are there", NULL},
	{"cpus_possible", METRIC_CPUSET, UNIT_NONE, "CPUs that could be added", NULL},
	{"cpu_model", METRIC_TEXT, UNIT_NONE, "Processor name", NULL},
};

static const struct metric_set sets[] = {
	[SET_PACKAGE] = {"package", package_metrics, ARRAY_SIZE(package_metrics)},
	[SET_DIE] = {"die", die_metrics, ARRAY_SIZE(die_metrics)},
	[SET_NODE] = {"node", node_metrics, ARRAY_SIZE(node_metrics)},
	[SET_CACHE] = {"cache", cache_metrics, ARRAY_SIZE(cache_metrics)},
	[SET_CORE] = {"core", core_metrics, ARRAY_SIZE(core_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
};

struct topology_state {
	struct cpus cpus;
	struct host_file *nodes;
	bool is_loaded;
	struct cpuset online;
	uint64_t nodes_hash;
	struct topo topo;
	const char *note; /* what the last load could not read; in topo.arena */
};

static void set_id(struct sample_row *row, unsigned metric, int64_t id)
{
	if (id >= 0)
		sample_u64(row, metric, (uint64_t)id);
	else
		sample_f64(row, metric, (double)id);
}

static void emit_things(struct sample *out, const struct topo *topo, enum topo_level level,
			enum set set)
{
	const struct topo_things *things = &topo->things[level];

	for (unsigned i = 0; i < things->n; i++) {
		const struct topo_thing *thing = &things->at[i];
		struct sample_row *row =
			sample_row(out, set, thing->parent, NULL, "%s", thing->key);

		/* The first three metrics of the three kinds are the same. */
		set_id(row, CORE_ID, thing->os);
		sample_text(out, row, CORE_CPUS, thing->cpus);
		sample_bool(row, CORE_KNOWN, thing->is_known);
		if (level != TOPO_PACKAGE)
			set_id(row, CORE_PACKAGE_ID, thing->package_os);
	}
}

static void emit_nodes(struct sample *out, const struct topo *topo)
{
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		const struct topo_node *node = &topo->nodes[i];
		struct sample_row *row =
			sample_row(out, SET_NODE, node->parent, NULL, "%s", node->key);

		sample_text(out, row, NODE_CPUS, node->cpus);
		sample_bool(row, NODE_HAS_CPUS, node->has_cpus);
		sample_bool(row, NODE_KNOWN, node->is_known);
		if (node->distances)
			sample_text(out, row, NODE_DISTANCES, node->distances);
	}
}

static void emit_caches(struct sample *out, const struct topo *topo)
{
	for (unsigned i = 0; i < topo->n_caches; i++) {
		const struct topo_cache *cache = &topo->caches[i];
		struct sample_row *row =
			sample_row(out, SET_CACHE, cache->parent, NULL, "%s", cache->key);

		sample_u64(row, CACHE_LEVEL, cache->level);
		sample_text(out, row, CACHE_TYPE, cache->type);
		if (cache->size_bytes)
			sample_u64(row, CACHE_SIZE, cache->size_bytes);
		sample_text(out, row, CACHE_CPUS, cache->cpus);
	}
}

static void emit_cpus(struct sample *out, const struct topo *topo)
{
	for (unsigned i = 0; i < topo->n_cpus; i++) {
		const struct topo_cpu *cpu = &topo->cpus[i];
		struct sample_row *row =
			sample_row(out, SET_CPU, cpu->parent, NULL, "%s", cpu->key);

		sample_bool(row, CPU_ONLINE, cpu->is_online);
		set_id(row, CPU_PACKAGE, cpu->os[TOPO_PACKAGE]);
		set_id(row, CPU_DIE, cpu->os[TOPO_DIE]);
		set_id(row, CPU_CORE, cpu->os[TOPO_CORE]);
		set_id(row, CPU_NODE, cpu->node_id);
		set_id(row, CPU_L3, cpu->l3_id);
		if (cpu->siblings)
			sample_text(out, row, CPU_SIBLINGS, cpu->siblings);
		if (cpu->core_type)
			sample_text(out, row, CPU_CORE_TYPE, cpu->core_type);
		if (cpu->capacity >= 0)
			sample_u64(row, CPU_CAPACITY, (uint64_t)cpu->capacity);
	}
}

static void emit(struct sample *out, const struct topo *topo)
{
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");

	sample_text(out, row, HOST_ONLINE, topo->online);
	sample_text(out, row, HOST_PRESENT, topo->present);
	sample_text(out, row, HOST_POSSIBLE, topo->possible);
	if (topo->cpu_model)
		sample_text(out, row, HOST_MODEL, topo->cpu_model);
	emit_things(out, topo, TOPO_PACKAGE, SET_PACKAGE);
	emit_things(out, topo, TOPO_DIE, SET_DIE);
	emit_nodes(out, topo);
	emit_caches(out, topo);
	emit_things(out, topo, TOPO_CORE, SET_CORE);
	emit_cpus(out, topo);
}

static int reload(struct topology_state *state, struct host *host, const struct cpuset *online)
{
	struct topo topo;

	topo_init(&topo);
	const char *note;
	int r = topo_load(&topo, host, online, &note);

	if (r < 0) {
		topo_done(&topo);
		return r;
	}
	topo_done(&state->topo);
	state->topo = topo;
	state->note = note;
	state->online = *online;
	state->is_loaded = true;
	return 0;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct topology_state *state = data;
	struct cpuset online;
	const char *text;
	uint64_t nodes_hash = 0;

	int r = cpus_online(&state->cpus, host, &online);
	if (r < 0) /* a synthetic host has no such files; for others the load says what is wrong */
		cpuset_zero(&online);
	if (host_file_readf(host, &state->nodes, &text, "sys/devices/system/node/online") >= 0)
		nodes_hash = text_hash(text, strlen(text));
	if (!state->is_loaded || !cpuset_equal(&online, &state->online) ||
	    nodes_hash != state->nodes_hash) {
		int loaded = reload(state, host, &online);

		if (loaded < 0)
			return read_fail(out, r < 0 ? r : loaded, "sys/devices/system/cpu");
		state->nodes_hash = nodes_hash;
	}
	read_note(out, state->cpus.list_error, "sys/devices/system/cpu/online");
	if (state->note && !out->error)
		sample_errorf(out, "%s", state->note);
	emit(out, &state->topo);
	return 0;
}

static void close_state(void *data)
{
	struct topology_state *state = data;

	cpus_done(&state->cpus);
	host_file_close(state->nodes);
	topo_done(&state->topo);
}

const struct probe probe_topology = {
	.name = "topology",
	.summary = "Packages, dies, NUMA nodes, caches, cores, CPUs",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	/* Hotplug is seen within a second, also when the screen is refreshed more often. */
	.period_ns = NSEC_PER_SEC / 2,
	.state_size = sizeof(struct topology_state),
	.sample = sample,
	.close = close_state,
};
