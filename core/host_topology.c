/* hwloc for each kind of host. Where a captured tree is read, see host_confine.c. */
#include <ctype.h>
#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_internal.h"
#include "core/parse.h"

#define DESCRIPTION_MAX 4096u
#define DESCRIPTION_OBJECTS_MAX (8 * (uint64_t)CPUSET_MAX)

/*
 * What hwloc would do beyond reading sysfs: talk to GPU libraries and X servers, run CPUID on every
 * CPU by moving this process around, read the configuration space of every PCI device. None of it
 * is ours to do on a machine whose latency is being measured: a configuration read is an exit in a
 * guest (1 ms each, seen here), wakes a sleeping device elsewhere, and there may be hundreds of
 * VFs. So I/O is filtered out below; where a NIC sits is in class/net/NAME/device/numa_node. An
 * unknown component is no error.
 */
static const char *const heavy_components[] = {
	"pci", "x86", "opencl", "cuda", "nvml", "rsmi", "levelzero", "gl",
};

int host_topology_new(struct hwloc_topology **ret)
{
	hwloc_topology_t topology;

	if (hwloc_topology_init(&topology) < 0)
		return -ENOMEM;

	/* Groups cannot be kept without structure. */
	if (hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL) < 0 ||
	    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_GROUP,
					   HWLOC_TYPE_FILTER_KEEP_STRUCTURE) < 0 ||
	    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE) <
		    0 ||
	    hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL) < 0 ||
	    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
	    hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) < 0) {
		int r = -errno;

		hwloc_topology_destroy(topology);
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(heavy_components); i++)
		(void)hwloc_topology_set_components(
			topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, heavy_components[i]);
	*ret = topology;
	return 0;
}

static int load(hwloc_topology_t topology, struct hwloc_topology **ret)
{
	if (hwloc_topology_load(topology) < 0) {
		int r = errno ? -errno : -EIO;

		hwloc_topology_destroy(topology);
		return r;
	}
	*ret = topology;
	return 0;
}

int host_topology_live(struct host *host, struct hwloc_topology **ret)
{
	hwloc_topology_t topology;
	int r = host_topology_new(&topology);

	(void)host;
	return r < 0 ? r : load(topology, ret);
}

int host_topology_xml(struct host *host, struct hwloc_topology **ret)
{
	hwloc_topology_t topology;

	if (host->topology_error < 0)
		return host->topology_error;

	int r = host_topology_new(&topology);
	if (r < 0)
		return r;
	/* The length counts the NUL. */
	if (hwloc_topology_set_xmlbuffer(topology, host->topology_xml,
					 (int)host->topology_xml_len) < 0) {
		hwloc_topology_destroy(topology);
		return -EINVAL;
	}
	return load(topology, ret);
}

/* Behind the attributes that begin here: to the first ')', as hwloc reads them. */
static const char *skip_attributes(const char *at)
{
	return at + strcspn(at, ")");
}

static const char *skip_memory(const char *at)
{
	while (*at && *at != ']')
		at = *at == '(' ? skip_attributes(at) : at + 1;
	return at;
}

/*
 * Every count of a description ("pack:2 l3:4(size=1MB) 8 [numa] pu:2") multiplies the objects of
 * the levels below it, and hwloc builds whatever it is asked for: minutes and gigabytes for a slip
 * of the keyboard. A zero is left to hwloc, which refuses it.
 */
int host_topology_check_size(const char *description)
{
	uint64_t product = 1, objects = 1;
	char before = ' ';

	if (strnlen(description, DESCRIPTION_MAX + 1) > DESCRIPTION_MAX)
		return -ERANGE;
	for (const char *at = description; *at; before = *at, at += *at != '\0') {
		char *end;

		if (*at == '(')
			at = skip_attributes(at);
		else if (*at == '[')
			at = skip_memory(at);
		if (!isdigit((unsigned char)*at) || isalnum((unsigned char)before))
			continue; /* "l3:2": the 3 is part of a name */

		/* Base 0 and the value at overflow are hwloc's too. */
		unsigned long long count = strtoull(at, &end, 0);

		at = end - 1;
		if (count > CPUSET_MAX)
			return -E2BIG;
		product *= count ? count : 1;
		objects += product;
		if (product > CPUSET_MAX)
			return -E2BIG;
		if (objects > DESCRIPTION_OBJECTS_MAX)
			return -ERANGE;
	}
	return 0;
}

int host_topology_synthetic(struct host *host, struct hwloc_topology **ret)
{
	hwloc_topology_t topology;
	int r = host_topology_new(&topology);

	if (r < 0)
		return r;
	if (hwloc_topology_set_synthetic(topology, host->synthetic) < 0) {
		hwloc_topology_destroy(topology);
		return -EINVAL;
	}
	return load(topology, ret);
}

int host_topology_none(struct host *host, struct hwloc_topology **ret)
{
	(void)host;
	(void)ret;
	return -ENODATA;
}

/* The n-th number of the distance file belongs to the n-th online node (drivers/base/node.c,
 * node_read_distance): ids may have holes. */
static int column_of_node(struct host *host, unsigned node, unsigned *ret)
{
	struct cpuset online;
	unsigned column = 0;
	int r = host_read_cpulistf(host, &online, "sys/devices/system/node/online");

	if (r < 0) {
		struct host_names names;
		unsigned id;

		r = host_listf(host, &names, "sys/devices/system/node");
		if (r < 0)
			return r;
		cpuset_zero(&online);
		for (size_t i = 0; i < names.n; i++) {
			uint64_t n;

			if (!strncmp(names.names[i], "node", 4) &&
			    parse_u64(names.names[i] + 4, &n) == 0 && n < CPUSET_MAX) {
				id = (unsigned)n;
				cpuset_add(&online, id);
			}
		}
		host_names_done(&names);
	}
	if (!cpuset_has(&online, node))
		return -ENOENT;
	for (unsigned n = cpuset_next(&online, 0); n < node; n = cpuset_next(&online, n + 1))
		column++;
	*ret = column;
	return 0;
}

static int distance_from_file(struct host *host, unsigned from, unsigned to, unsigned *ret)
{
	_cleanup_(freep) char *text = xcalloc(1, 8192);
	unsigned column;
	uint64_t distance;
	int r = column_of_node(host, to, &column);

	if (r < 0)
		return r;

	ssize_t n = host_readf(host, text, 8192, "sys/devices/system/node/node%u/distance", from);
	if (n < 0)
		return (int)n;

	struct scan scan = {.at = text};
	for (unsigned i = 0; i <= column; i++) {
		r = scan_u64(&scan, &distance);
		if (r < 0)
			return r == -ENODATA ? -ENOENT : r;
	}
	if (distance > UINT_MAX)
		return -ERANGE;
	*ret = (unsigned)distance;
	return 0;
}

int host_node_distance(struct host *host, unsigned from, unsigned to, unsigned *ret)
{
	if (host->kind == HOST_LIVE && from <= INT_MAX && to <= INT_MAX && numa_available() >= 0) {
		int distance = numa_distance((int)from, (int)to);

		if (distance > 0) {
			*ret = (unsigned)distance;
			return 0;
		}
	}
	return distance_from_file(host, from, to, ret);
}
