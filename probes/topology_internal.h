/*
 * Private to the topology probe: the machine as plain tables, built once per change of the set of
 * CPUs or nodes (topology_build.c, from what topology_hwloc.c or topology_sysfs.c found) and sent
 * out again at every run (topology.c). All strings live in the arena.
 */
#ifndef JT_PROBES_TOPOLOGY_INTERNAL_H
#define JT_PROBES_TOPOLOGY_INTERNAL_H

#include "core/arena.h"
#include "core/host.h"

/* What a source says about one CPU. Groups are small numbers of the source's choice: equal number,
 * same package; -1: the source does not know. os: the kernel's id, -1 unknown, any value otherwise.
 */
enum topo_level { TOPO_PACKAGE, TOPO_DIE, TOPO_CORE, TOPO_LEVELS };

struct topo_cpu {
	unsigned cpu;
	bool is_online;
	bool is_placed; /* the source knows it; offline CPUs are not placed */
	int group[TOPO_LEVELS];
	int64_t os[TOPO_LEVELS];
	int thing[TOPO_LEVELS];		  /* index into topo.things[], set by the builder */
	int64_t node_id, l3_id, capacity; /* -1: unknown */
	const char *key, *parent, *siblings, *core_type; /* siblings, core_type: NULL unknown */
};

struct topo_thing { /* a package, die or core */
	const char *key, *parent, *cpus;
	int64_t os, package_os;
	/* False: assumed, so that every CPU has a place in the tree although the kernel does not
	 * say (no topology/ directory, no die_id). */
	bool is_known;
	struct cpuset *set;
};

struct topo_things {
	struct topo_thing *at;
	unsigned n, room;
};

struct topo_node {
	unsigned id;
	bool is_known; /* false: a kernel without NUMA; hwloc shows its memory as node 0 */
	bool has_cpus;
	const char *key, *parent, *cpus, *distances; /* distances: NULL unknown */
	struct cpuset *set;
};

struct topo_cache {
	const char *key, *parent, *type, *cpus;
	unsigned level;
	uint64_t size_bytes; /* 0: unknown */
	unsigned first_cpu;
};

struct topo {
	struct arena *arena;
	struct topo_cpu *cpus;
	unsigned n_cpus;
	struct topo_things things[TOPO_LEVELS];
	struct topo_node *nodes;
	unsigned n_nodes;
	struct topo_cache *caches;
	unsigned n_caches;
	const char *cpu_model; /* NULL: unknown */
	const char *online, *present, *possible;
	const char *note; /* NULL, or the first file that was not readable and why */
};

void topo_init(struct topo *topo);
void topo_done(struct topo *topo);

/* The whole of it. online may be empty (synthetic hosts): then every CPU of the description is.
 * *ret_note: NULL, or what could not be read (in the arena). */
int topo_load(struct topo *topo, struct host *host, const struct cpuset *online,
	      const char **ret_note) _must_check_;

/* The two sources. They fill cpus[] (already numbered; hwloc numbers them on a synthetic host),
 * nodes[] without keys, caches[] without parents, cpu_model. */
int topo_from_hwloc(struct topo *topo, struct host *host) _must_check_;
int topo_from_sysfs(struct topo *topo, struct host *host) _must_check_;

/* For the sources. */
/* The kernel prints ids as int: what does not fit is "unknown", like its own -1. */
int64_t topo_id(int64_t id);
void topo_sysfs_nodes(struct topo *topo,
		      struct host *host); /* leaves nodes alone when sysfs has none */
struct topo_cpu *topo_cpu(struct topo *topo, unsigned cpu); /* NULL: none */
void topo_set_cpus(struct topo *topo, const struct cpuset *present, const struct cpuset *online);
const char *topo_list(struct topo *topo, const struct cpuset *set);

#endif
