/* /proc/meminfo, node meminfo, numa_maps and status of a holder of huge pages. */
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/meminfo", "sys/devices/system/node/node0/meminfo",
					    "proc/7/status", "proc/7/numa_maps",
					    "sys/kernel/mm/transparent_hugepage/enabled"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));

	host_fake_file(host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "2");
	host_fake_file(host, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1");
	probe_run(&probe_memory, host);
	probe_run(&probe_hugeholder, host);
	/* A status that names some, so that the maps are read whatever the input is. */
	host_fake_file(host, "proc/7/status", "Name:\ta\nHugetlbPages:\t2048 kB");
	probe_run(&probe_hugeholder, host);
	host_close(host);
	return 0;
}
