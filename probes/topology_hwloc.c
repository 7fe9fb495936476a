/* What hwloc says: packages, dies, cores, caches, kinds of core. NUMA nodes are listed from sysfs
 * where it has them: hwloc leaves out nodes with neither CPUs nor memory, and gives a memory-only
 * node the CPUs around it, where jittertop means the kernel's own cpulist. */
#include <errno.h>
#include <hwloc.h>
#include <string.h>

#include "probes/read.h"
#include "probes/topology_internal.h"

static void topology_destroyp(struct hwloc_topology **topology)
{
	if (*topology)
		hwloc_topology_destroy(*topology);
}

static void to_cpuset(hwloc_const_bitmap_t bitmap, struct cpuset *ret)
{
	cpuset_zero(ret);
	for (int c = hwloc_bitmap_first(bitmap); c >= 0 && c < (int)CPUSET_MAX;
	     c = hwloc_bitmap_next(bitmap, c))
		cpuset_add(ret, (unsigned)c);
}

static void take_group(struct topo_cpu *cpu, enum topo_level level, hwloc_obj_t obj)
{
	if (!obj)
		return;
	cpu->group[level] = (int)obj->logical_index;
	/* The kernel's -1 comes back as hwloc's "unknown index", -5 as 4294967291. */
	cpu->os[level] = topo_id(obj->os_index);
}

static void take_pu(struct topo *topo, hwloc_topology_t hw, hwloc_obj_t pu)
{
	struct topo_cpu *cpu = topo_cpu(topo, pu->os_index);

	if (!cpu || !cpu->is_online)
		return;
	cpu->is_placed = true;
	take_group(cpu, TOPO_PACKAGE, hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_PACKAGE, pu));
	take_group(cpu, TOPO_DIE, hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_DIE, pu));
	take_group(cpu, TOPO_CORE, hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_CORE, pu));

	hwloc_obj_t l3 = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_L3CACHE, pu);

	if (l3)
		cpu->l3_id = l3->logical_index;
}

static void take_cpus(struct topo *topo, hwloc_topology_t hw)
{
	hwloc_obj_t pu = NULL;

	if (!topo->n_cpus) { /* a description: it is its own list of CPUs, all online */
		struct cpuset set;

		to_cpuset(hwloc_topology_get_topology_cpuset(hw), &set);
		topo_set_cpus(topo, &set, &set);
	}
	while ((pu = hwloc_get_next_obj_by_type(hw, HWLOC_OBJ_PU, pu)))
		take_pu(topo, hw, pu);
	/* A CPU that hwloc does not show although it is online (contradictory maps) keeps a place.
	 */
	for (unsigned i = 0; i < topo->n_cpus; i++)
		topo->cpus[i].is_placed |= topo->cpus[i].is_online;
}

static void name_kinds(struct topo *topo, hwloc_topology_t hw)
{
	int n = hwloc_cpukinds_get_nr(hw, 0);
	hwloc_bitmap_t bits = hwloc_bitmap_alloc();

	for (int kind = 0; n > 1 && kind < n; kind++) {
		int efficiency = -1;
		const char *name = NULL;

		if (hwloc_cpukinds_get_info(hw, (unsigned)kind, bits, &efficiency, NULL, NULL, 0))
			continue;
		/* Ranked by performance, the slowest first; unranked kinds are only numbered. */
		if (efficiency >= 0 && kind == n - 1)
			name = "performance";
		else if (efficiency >= 0 && kind == 0)
			name = "efficiency";
		else
			name = arena_printf(topo->arena, "kind %d", kind);
		for (int c = hwloc_bitmap_first(bits); c >= 0; c = hwloc_bitmap_next(bits, c)) {
			struct topo_cpu *cpu = topo_cpu(topo, (unsigned)c);

			if (cpu)
				cpu->core_type = name;
		}
	}
	hwloc_bitmap_free(bits);
}

static const char *cache_type(hwloc_obj_t obj, const char **ret_suffix)
{
	*ret_suffix = "";
	switch (obj->attr->cache.type) {
	case HWLOC_OBJ_CACHE_DATA:
		*ret_suffix = "d";
		return "data";
	case HWLOC_OBJ_CACHE_INSTRUCTION:
		*ret_suffix = "i";
		return "instruction";
	case HWLOC_OBJ_CACHE_UNIFIED:
		break;
	}
	return "unified";
}

static void take_cache(struct topo *topo, hwloc_obj_t obj)
{
	struct topo_cache *cache = &topo->caches[topo->n_caches++];
	struct cpuset set;
	const char *suffix;

	to_cpuset(obj->cpuset, &set);
	cache->type = cache_type(obj, &suffix);
	cache->level = obj->attr->cache.depth;
	/* Instruction and data caches are separate types to hwloc, each with its own numbering. */
	cache->key = arena_printf(topo->arena, "cache:L%u%s/%u", cache->level,
				  cache->level == 3 ? "" : suffix, obj->logical_index);
	cache->size_bytes = obj->attr->cache.size;
	cache->cpus = topo_list(topo, &set);
	cache->first_cpu = cpuset_next(&set, 0);
}

static void take_caches(struct topo *topo, hwloc_topology_t hw)
{
	static const hwloc_obj_type_t types[] = {
		HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE,  HWLOC_OBJ_L3CACHE,  HWLOC_OBJ_L2CACHE,
		HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L3ICACHE, HWLOC_OBJ_L2ICACHE, HWLOC_OBJ_L1ICACHE,
	};
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		int count = hwloc_get_nbobjs_by_type(hw, types[i]);

		n += count > 0 ? (unsigned)count : 0;
	}
	topo->caches = arena_alloc(topo->arena, n * sizeof(*topo->caches));
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		hwloc_obj_t obj = NULL;

		while (topo->n_caches < n && (obj = hwloc_get_next_obj_by_type(hw, types[i], obj)))
			take_cache(topo, obj);
	}
}

static void take_nodes(struct topo *topo, hwloc_topology_t hw, struct host *host)
{
	int n = hwloc_get_nbobjs_by_type(hw, HWLOC_OBJ_NUMANODE);
	bool is_described = host_kind(host) == HOST_SYNTHETIC;
	hwloc_obj_t obj = NULL;

	if (topo->n_nodes) /* sysfs listed them already */
		return;
	topo->nodes = arena_alloc(topo->arena, (n > 0 ? (unsigned)n : 0) * sizeof(*topo->nodes));
	while (topo->n_nodes < (unsigned)(n > 0 ? n : 0) &&
	       (obj = hwloc_get_next_obj_by_type(hw, HWLOC_OBJ_NUMANODE, obj))) {
		struct topo_node *node = &topo->nodes[topo->n_nodes++];

		node->id = obj->os_index;
		node->is_known = is_described;
		node->set = arena_alloc(topo->arena, sizeof(*node->set));
		to_cpuset(obj->cpuset, node->set);
	}
}

static void take_model(struct topo *topo, hwloc_topology_t hw)
{
	hwloc_obj_t obj = hwloc_get_obj_by_type(hw, HWLOC_OBJ_PACKAGE, 0);
	const char *model = obj ? hwloc_obj_get_info_by_name(obj, "CPUModel") : NULL;

	if (!model)
		model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(hw), "CPUModel");
	if (model)
		topo->cpu_model = arena_strdup(topo->arena, model);
}

int topo_from_hwloc(struct topo *topo, struct host *host)
{
	_cleanup_(topology_destroyp) struct hwloc_topology *hw = NULL;
	int r = host_topology(host, &hw);

	if (r < 0)
		return r;
	take_cpus(topo, hw);
	name_kinds(topo, hw);
	take_caches(topo, hw);
	topo_sysfs_nodes(topo, host);
	take_nodes(topo, hw, host);
	take_model(topo, hw);
	return 0;
}
