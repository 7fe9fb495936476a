/* /proc/net/softnet_stat, with and without a list of online CPUs. */
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/net/softnet_stat",
					    "proc/sys/net/core/netdev_budget"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));

	probe_run(&probe_softnet, host);
	host_fake_file(host, "sys/devices/system/cpu/online", "0-1,3");
	probe_run(&probe_softnet, host);
	host_close(host);
	return 0;
}
