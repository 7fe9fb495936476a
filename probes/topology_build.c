/* From what a source says about each CPU to packages, dies and cores with unique keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cpus.h"
#include "probes/read.h"
#include "probes/topology_internal.h"

#define SYS_CPU "sys/devices/system/cpu"
#define NODE_DISTANCE "sys/devices/system/node/node%u/distance"

void topo_init(struct topo *topo)
{
	*topo = (struct topo){.arena = arena_new(0)};
}

void topo_done(struct topo *topo)
{
	for (unsigned i = 0; i < TOPO_LEVELS; i++)
		free(topo->things[i].at);
	arena_free(topo->arena);
	*topo = (struct topo){0};
}

int64_t topo_id(int64_t id)
{
	return id < 0 || id > INT32_MAX ? -1 : id;
}

const char *topo_list(struct topo *topo, const struct cpuset *set)
{
	char buf[CPUSET_TEXT_MAX];

	if (cpuset_format_list(set, buf, sizeof(buf)) < 0)
		return "";
	return arena_strdup(topo->arena, buf);
}

static int compare_cpu(const void *key, const void *item)
{
	unsigned cpu = *(const unsigned *)key, other = ((const struct topo_cpu *)item)->cpu;

	return cpu < other ? -1 : cpu > other;
}

struct topo_cpu *topo_cpu(struct topo *topo, unsigned cpu)
{
	if (!topo->n_cpus)
		return NULL;
	return bsearch(&cpu, topo->cpus, topo->n_cpus, sizeof(*topo->cpus), compare_cpu);
}

void topo_set_cpus(struct topo *topo, const struct cpuset *present, const struct cpuset *online)
{
	unsigned n = 0;

	topo->cpus = arena_alloc(topo->arena, cpuset_count(present) * sizeof(*topo->cpus));
	for (unsigned c = cpuset_next(present, 0); c < CPUSET_MAX; c = cpuset_next(present, c + 1))
		topo->cpus[n++] = (struct topo_cpu){
			.cpu = c,
			.is_online = cpuset_has(online, c),
			.group = {-1, -1, -1},
			.os = {-1, -1, -1},
			.thing = {-1, -1, -1},
			.node_id = -1,
			.l3_id = -1,
			.capacity = -1,
			.key = arena_printf(topo->arena, "cpu:%u", c),
		};
	topo->n_cpus = n;
	topo->online = topo_list(topo, online);
	topo->present = topo_list(topo, present);
}

static int thing_add(struct topo *topo, enum topo_level level, bool is_known, int64_t os)
{
	struct topo_things *things = &topo->things[level];

	if (things->n == things->room) {
		things->room = things->room ? 2 * things->room : 16;
		things->at = xrealloc(things->at, things->room * sizeof(*things->at));
	}
	things->at[things->n] = (struct topo_thing){
		.os = os,
		.is_known = is_known,
		.set = arena_alloc(topo->arena, sizeof(struct cpuset)),
	};
	return (int)things->n++;
}

/* By group number; groups are numbered without large gaps, so this stays small. */
struct group_map {
	int *thing;
	unsigned n;
};

static int *map_at(struct group_map *map, unsigned group)
{
	if (group >= map->n) {
		unsigned n = 2 * group + 16;

		map->thing = xrealloc(map->thing, n * sizeof(*map->thing));
		memset(map->thing + map->n, -1, (n - map->n) * sizeof(*map->thing));
		map->n = n;
	}
	return &map->thing[group];
}

/* An unknown package is one package for all such CPUs, an unknown die is the package's only one, an
 * unknown core is the CPU's own. */
static int thing_of(struct topo *topo, struct group_map *maps, const struct topo_cpu *cpu,
		    enum topo_level level)
{
	struct group_map *map = &maps[level];
	int *slot;

	if (cpu->group[level] >= 0) {
		slot = map_at(map, (unsigned)cpu->group[level]);
		if (*slot < 0)
			*slot = thing_add(topo, level, true, cpu->os[level]);
		return *slot;
	}
	map = &maps[TOPO_LEVELS + level];
	switch (level) {
	case TOPO_PACKAGE:
		slot = map_at(map, 0);
		break;
	case TOPO_DIE:
		slot = map_at(map, (unsigned)cpu->thing[TOPO_PACKAGE]);
		break;
	case TOPO_CORE:
	case TOPO_LEVELS:
		return thing_add(topo, level, false, cpu->os[level]);
	}
	if (*slot < 0)
		*slot = thing_add(topo, level, false, -1);
	return *slot;
}

static void build_things(struct topo *topo)
{
	struct group_map maps[2 * TOPO_LEVELS] = {0};

	for (unsigned i = 0; i < topo->n_cpus; i++) {
		struct topo_cpu *cpu = &topo->cpus[i];

		if (!cpu->is_placed)
			continue;
		for (enum topo_level level = 0; level < TOPO_LEVELS; level++) {
			cpu->thing[level] = thing_of(topo, maps, cpu, level);
			cpuset_add(topo->things[level].at[cpu->thing[level]].set, cpu->cpu);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++)
		free(maps[i].thing);
}

/* The kernel's ids are what people know and they survive hotplug, so they make the keys, unless one
 * is missing or two things of the same package share one (core_id on machines with clusters). */
static bool ids_are_unique(const struct topo_things *things, const int *package_of)
{
	for (unsigned i = 0; i < things->n; i++) {
		if (things->at[i].os < 0)
			return false;
		for (unsigned j = i; j-- > 0;) {
			if (package_of[j] == package_of[i] && things->at[j].os == things->at[i].os)
				return false;
		}
	}
	return true;
}

static void name_level(struct topo *topo, enum topo_level level, const int *package_of)
{
	static const char *const words[TOPO_LEVELS] = {"package", "die", "core"};
	struct topo_things *things = &topo->things[level];
	bool by_os = ids_are_unique(things, package_of);
	_cleanup_(freep) unsigned *next = xcalloc(topo->things[TOPO_PACKAGE].n, sizeof(*next));

	for (unsigned i = 0; i < things->n; i++) {
		struct topo_thing *thing = &things->at[i];
		long long id = by_os ? thing->os : (long long)next[package_of[i]]++;

		thing->cpus = topo_list(topo, thing->set);
		if (level == TOPO_PACKAGE) {
			thing->parent = "host";
			id = by_os ? thing->os : i;
			thing->key = arena_printf(topo->arena, "package:%lld", id);
			continue;
		}
		const char *package = topo->things[TOPO_PACKAGE].at[package_of[i]].key;

		thing->package_os = topo->things[TOPO_PACKAGE].at[package_of[i]].os;
		thing->key = arena_printf(topo->arena, "%s:%s.%lld", words[level],
					  package + strlen("package:"), id);
		thing->parent = package;
	}
}

static void name_things(struct topo *topo)
{
	for (enum topo_level level = 0; level < TOPO_LEVELS; level++) {
		struct topo_things *things = &topo->things[level];
		_cleanup_(freep) int *package_of = xcalloc(things->n, sizeof(*package_of));

		for (unsigned i = 0; i < topo->n_cpus; i++) {
			const struct topo_cpu *cpu = &topo->cpus[i];

			if (cpu->is_placed && level != TOPO_PACKAGE)
				package_of[cpu->thing[level]] = cpu->thing[TOPO_PACKAGE];
		}
		name_level(topo, level, package_of);
	}
	for (unsigned i = 0; i < topo->n_cpus; i++) {
		struct topo_cpu *cpu = &topo->cpus[i];

		cpu->parent = "host";
		if (!cpu->is_placed)
			continue;
		struct topo_thing *core = &topo->things[TOPO_CORE].at[cpu->thing[TOPO_CORE]];

		core->parent = topo->things[TOPO_DIE].at[cpu->thing[TOPO_DIE]].key;
		cpu->parent = core->key;
	}
}

/* hwloc drops dies that equal their packages; whether the kernel reports them is in die_id. */
static void find_lone_dies(struct topo *topo, struct host *host)
{
	int asked = -2;
	int64_t id = -1;

	for (unsigned i = 0; i < topo->n_cpus; i++) {
		struct topo_cpu *cpu = &topo->cpus[i];

		if (!cpu->is_placed || cpu->group[TOPO_DIE] >= 0 || cpu->group[TOPO_PACKAGE] < 0)
			continue;
		if (cpu->group[TOPO_PACKAGE] != asked) {
			asked = cpu->group[TOPO_PACKAGE];
			if (host_read_i64f(host, &id, SYS_CPU "/cpu%u/topology/die_id", cpu->cpu) <
			    0)
				id = -1;
			id = topo_id(id);
		}
		if (id < 0)
			continue;
		/* Far from the numbers of dies that hwloc kept in other packages. */
		cpu->group[TOPO_DIE] = (int)topo->n_cpus + cpu->group[TOPO_PACKAGE];
		cpu->os[TOPO_DIE] = id;
	}
}

/* The kernel's own view of SMT, which is what its scheduler balances over. It differs from hwloc's
 * cores on AMD's Bulldozer family, whose modules are two cores to hwloc. */
static void read_siblings(struct topo *topo, struct host *host)
{
	struct cpuset set;

	for (unsigned i = 0; i < topo->n_cpus; i++) {
		struct topo_cpu *cpu = &topo->cpus[i];
		char mask[CPUSET_MAX / 32 * 9 + 2];

		if (!cpu->is_online)
			continue;
		int r = host_read_cpulistf(
			host, &set, SYS_CPU "/cpu%u/topology/thread_siblings_list", cpu->cpu);
		if (r < 0 && host_readf(host, mask, sizeof(mask),
					SYS_CPU "/cpu%u/topology/thread_siblings", cpu->cpu) > 0)
			r = cpuset_parse_mask(mask, &set);
		if (r == 0)
			cpu->siblings = topo_list(topo, &set);
		else if (cpu->thing[TOPO_CORE] >= 0)
			cpu->siblings = topo->things[TOPO_CORE].at[cpu->thing[TOPO_CORE]].cpus;
	}
}

/* Absence is no fault. The first one is kept. */
static _printf_(3, 4) void note(struct topo *topo, int err, const char *fmt, ...)
{
	char path[160];
	va_list ap;

	if (topo->note || errno_is_absent(-err))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	topo->note = arena_printf(topo->arena, "%s: %s", path, read_reason(err));
}

/* hwloc makes kinds of core from the same files and takes garbage for a number. */
static void forget_core_types(struct topo *topo)
{
	for (unsigned i = 0; i < topo->n_cpus; i++)
		topo->cpus[i].core_type = NULL;
}

static void read_capacities(struct topo *topo, struct host *host)
{
	bool is_faulty = false;

	for (unsigned i = 0; i < topo->n_cpus; i++) {
		int64_t capacity;
		unsigned cpu = topo->cpus[i].cpu;
		int r = host_read_i64f(host, &capacity, SYS_CPU "/cpu%u/cpu_capacity", cpu);

		if (r == 0 && (capacity < 0 || capacity > INT32_MAX))
			r = -ERANGE;
		if (r == 0) {
			topo->cpus[i].capacity = capacity;
			continue;
		}
		if (i == 0 && errno_is_absent(-r))
			return; /* no CPU has it: one question, not a thousand */
		is_faulty |= !errno_is_absent(-r);
		note(topo, r, SYS_CPU "/cpu%u/cpu_capacity", cpu);
	}
	if (is_faulty)
		forget_core_types(topo);
}

/* The package that holds all of the set, or NULL. */
static const char *package_around(struct topo *topo, const struct cpuset *set)
{
	for (unsigned i = 0; i < topo->things[TOPO_PACKAGE].n; i++) {
		if (!cpuset_is_empty(set) &&
		    cpuset_is_subset(set, topo->things[TOPO_PACKAGE].at[i].set))
			return topo->things[TOPO_PACKAGE].at[i].key;
	}
	return NULL;
}

/* One number for every node. */
static int check_distances(const char *text, unsigned n)
{
	struct scan scan = {text};
	uint64_t distance;

	for (unsigned i = 0; i < n; i++) {
		if (scan_u64(&scan, &distance) < 0)
			return -EINVAL;
		if (distance > INT32_MAX)
			return -ERANGE;
	}
	return scan_u64(&scan, &distance) == -ENODATA && !*scan.at ? 0 : -EINVAL;
}

/* The kernel's line is already in the order of the nodes. Reading it here rather than by libnuma
 * alone makes it part of a recording. */
static const char *distances(struct topo *topo, struct host *host, unsigned from)
{
	_cleanup_(freep) char *text = xcalloc(topo->n_nodes + 1, 12);
	size_t size = ((size_t)topo->n_nodes + 1) * 12, used = 0;

	ssize_t n = host_readf(host, text, size, NODE_DISTANCE, from);
	int r = n < 0 ? (int)n : check_distances(read_trim(text), topo->n_nodes);

	if (r == 0)
		return arena_strdup(topo->arena, text);
	if (!errno_is_absent(-r)) {
		note(topo, r, NODE_DISTANCE, from);
		return NULL;
	}
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		unsigned distance;

		if (host_node_distance(host, from, topo->nodes[i].id, &distance) < 0)
			return NULL;
		used += (size_t)snprintf(text + used, size - used, "%s%u", i ? " " : "", distance);
	}
	return arena_strdup(topo->arena, text);
}

static void finish_nodes(struct topo *topo, struct host *host)
{
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		struct topo_node *node = &topo->nodes[i];
		const char *package = package_around(topo, node->set);

		node->key = arena_printf(topo->arena, "node:%u", node->id);
		node->cpus = topo_list(topo, node->set);
		node->has_cpus = !cpuset_is_empty(node->set);
		if (package)
			node->parent = package;
		else if (!node->parent)
			node->parent = "host";
		node->distances = distances(topo, host, node->id);
		for (unsigned c = cpuset_next(node->set, 0); c < CPUSET_MAX;
		     c = cpuset_next(node->set, c + 1)) {
			struct topo_cpu *cpu = topo_cpu(topo, c);

			if (cpu && cpu->node_id < 0)
				cpu->node_id = node->id;
		}
	}
}

static void finish_caches(struct topo *topo)
{
	for (unsigned i = 0; i < topo->n_caches; i++) {
		const struct topo_cpu *cpu = topo_cpu(topo, topo->caches[i].first_cpu);

		topo->caches[i].parent =
			cpu && cpu->is_placed
				? topo->things[TOPO_PACKAGE].at[cpu->thing[TOPO_PACKAGE]].key
				: "host";
	}
}

int topo_load(struct topo *topo, struct host *host, const struct cpuset *online,
	      const char **ret_note)
{
	struct cpuset present, possible;
	int r;

	*ret_note = NULL;
	if (!cpuset_is_empty(online)) {
		r = cpus_present(host, online, &present);
		if (r < 0)
			return r;
		topo_set_cpus(topo, &present, online);
	}
	r = topo_from_hwloc(topo, host);
	if (r < 0 && !cpuset_is_empty(online)) {
		if (r != -ENODATA) /* a fake host has no hwloc by design */
			*ret_note = arena_printf(
				topo->arena,
				"hwloc: %s: packages and cores from sysfs, caches unknown",
				read_reason(r));
		r = topo_from_sysfs(topo, host);
	}
	if (r < 0)
		return r;
	find_lone_dies(topo, host);
	build_things(topo);
	name_things(topo);
	read_siblings(topo, host);
	read_capacities(topo, host);
	finish_nodes(topo, host);
	finish_caches(topo);
	topo->possible = topo->present;
	if (cpus_possible(host, &possible) == 0)
		topo->possible = topo_list(topo, &possible);
	if (!*ret_note)
		*ret_note = topo->note;
	return 0;
}
