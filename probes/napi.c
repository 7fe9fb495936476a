/* How an interface is polled: threads, deferred interrupts, delayed flushes (sysfs). */
#include "core/probe.h"
#include "probes/read.h"

#define SYS_NET "sys/class/net"

enum nic_metric { NIC_THREADED, NIC_FLUSH, NIC_DEFER };
static const struct metric nic_metrics[] = {
	{"napi_threaded", METRIC_GAUGE, UNIT_NONE,
	 "1: polled by threads (napi/IFNAME-ID) that a scheduler can place; 0: in softirqs", NULL},
	{"gro_flush_timeout_ns", METRIC_GAUGE, UNIT_NS,
	 "How long received packets may wait to be merged; 0: not beyond the poll", NULL},
	{"napi_defer_hard_irqs", METRIC_GAUGE, UNIT_COUNT,
	 "Empty polls before the interrupt is switched on again", NULL},
};

static const struct metric_set sets[] = {{"nic", nic_metrics, ARRAY_SIZE(nic_metrics)}};

static int sample(void *data, struct host *host, struct sample *out)
{
	static const char *const files[] = {
		[NIC_THREADED] = "threaded",
		[NIC_FLUSH] = "gro_flush_timeout",
		[NIC_DEFER] = "napi_defer_hard_irqs",
	};
	struct host_names names = {0};
	int r = host_listf(host, &names, SYS_NET);

	(void)data;
	if (r < 0)
		return read_fail(out, r, SYS_NET);
	for (size_t i = 0; i < names.n; i++) {
		struct sample_row *row;

		/* A file (bonding_masters), or gone since it was listed: the nic probe decides. */
		if (!host_existsf(host, SYS_NET "/%s/operstate", names.names[i]))
			continue;
		row = sample_row(out, 0, "host", names.names[i], "nic:%s", names.names[i]);
		for (unsigned m = 0; m < ARRAY_SIZE(files); m++)
			read_u64f(host, out, row, m, SYS_NET "/%s/%s", names.names[i], files[m]);
	}
	host_names_done(&names);
	return 0;
}

const struct probe probe_napi = {
	.name = "napi",
	.summary = "How network interfaces are polled",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ADDS,
	.period_ns = 5 * NSEC_PER_SEC,
	.sample = sample,
};
