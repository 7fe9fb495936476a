/* A DPDK process that answers everything with the input; with its own greeting, then with ours. */
#include "core/host_unix.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

#define PATH "run/dpdk/x/dpdk_telemetry.v2"

static void run(const char *text, const char *greeting, const char *ports, const char *info)
{
	static const char *const requests[] = {
		"/ethdev/stats,0", "/ethdev/xstats,0",	"/ethdev/link_status,0",
		"/eal/lcore/list", "/eal/lcore/info,1", "/eal/lcore/usage",
	};
	struct host *host = NULL;

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	host_fake_file(host, PATH, "");
	host_fake_unix(host, PATH, NULL, greeting, 0);
	host_fake_unix(host, PATH, "/ethdev/list", ports, 0);
	host_fake_unix(host, PATH, "/ethdev/info,0", info, 0);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		host_fake_unix(host, PATH, requests[i], text, 0);
	probe_run(&probe_dpdk, host);
	host_close(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char greeting[] = "{\"version\":\"x\",\"pid\":1,\"max_output_len\":9}";
	static const char ports[] = "{\"/ethdev/list\":[0]}";
	static const char info[] = "{\"/ethdev/info\":{\"nb_rx_queues\":2,\"nb_tx_queues\":1}}";
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	run(text, text, text, text);
	run(text, greeting, text, text);
	run(text, greeting, ports, text);
	run(text, greeting, ports, info);
	free(text);
	return 0;
}
