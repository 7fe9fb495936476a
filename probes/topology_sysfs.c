/* NUMA nodes from sysfs, and packages and cores too where hwloc gave nothing. */
#include <errno.h>
#include <string.h>

#include "probes/read.h"
#include "probes/topology_internal.h"

#define SYS_CPU "sys/devices/system/cpu"
#define SYS_NODE "sys/devices/system/node"

/* Before linux 2.6.27 there are masks only. */
static void read_node_cpus(struct host *host, unsigned node, struct cpuset *ret)
{
	char mask[CPUSET_MAX / 32 * 9 + 2];

	if (host_read_cpulistf(host, ret, SYS_NODE "/node%u/cpulist", node) == 0)
		return;
	if (host_readf(host, mask, sizeof(mask), SYS_NODE "/node%u/cpumap", node) < 0 ||
	    cpuset_parse_mask(mask, ret) < 0)
		cpuset_zero(ret);
}

void topo_sysfs_nodes(struct topo *topo, struct host *host)
{
	struct host_names names = {0};

	if (host_listf(host, &names, SYS_NODE) < 0)
		return;
	topo->nodes = arena_alloc(topo->arena, names.n * sizeof(*topo->nodes));
	for (size_t i = 0; i < names.n; i++) {
		struct topo_node *node = &topo->nodes[topo->n_nodes];

		if (!read_numbered(names.names[i], "node", &node->id) || node->id >= CPUSET_MAX)
			continue;
		node->is_known = true;
		node->set = arena_alloc(topo->arena, sizeof(*node->set));
		read_node_cpus(host, node->id, node->set);
		topo->n_nodes++;
	}
	host_names_done(&names);
}

/* The lowest CPU of the set a file names: the same for all its members, so a number for the group.
 */
static int group_from(struct host *host, unsigned cpu, const char *name)
{
	struct cpuset set;

	if (host_read_cpulistf(host, &set, SYS_CPU "/cpu%u/topology/%s", cpu, name) < 0 ||
	    !cpuset_has(&set, cpu))
		return -1;
	return (int)cpuset_next(&set, 0);
}

static int64_t id_from(struct host *host, unsigned cpu, const char *name)
{
	int64_t id;

	return host_read_i64f(host, &id, SYS_CPU "/cpu%u/topology/%s", cpu, name) < 0 ? -1
										      : topo_id(id);
}

int topo_from_sysfs(struct topo *topo, struct host *host)
{
	for (unsigned i = 0; i < topo->n_cpus; i++) {
		struct topo_cpu *cpu = &topo->cpus[i];

		if (!cpu->is_online)
			continue;
		cpu->is_placed = true;
		cpu->group[TOPO_PACKAGE] = group_from(host, cpu->cpu, "core_siblings_list");
		cpu->group[TOPO_DIE] = group_from(host, cpu->cpu, "die_cpus_list");
		cpu->group[TOPO_CORE] = group_from(host, cpu->cpu, "thread_siblings_list");
		cpu->os[TOPO_PACKAGE] = id_from(host, cpu->cpu, "physical_package_id");
		cpu->os[TOPO_DIE] = id_from(host, cpu->cpu, "die_id");
		cpu->os[TOPO_CORE] = id_from(host, cpu->cpu, "core_id");
	}
	topo_sysfs_nodes(topo, host);
	return topo->n_cpus ? 0 : -ENOENT;
}
