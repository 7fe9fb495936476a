/* /proc/stat and its like: cpu, schedstat, the fallback for lists of CPUs, pressure. */
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/stat", "proc/schedstat", "proc/loadavg",
					    "proc/uptime", "proc/pressure/cpu"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));

	probe_run(&probe_cpu, host);
	probe_run(&probe_schedstat, host);
	probe_run(&probe_topology, host);
	probe_run(&probe_pressure, host);
	host_close(host);
	return 0;
}
