/*
 * Counters of queues, from the first that has them: the netdev family's qstats (one dump for all
 * interfaces), the driver's statistics by name, and for a direction with one queue the interface's
 * own in sysfs.
 */
#include <string.h>

#include "core/host_ethtool.h"
#include "probes/queue_internal.h"
#include "probes/read.h"

/* By enum queue_counter: what of qstats it is. */
static const enum netdev_stat netdev_stats[QUEUE_COUNTERS] = {
	[QUEUE_PACKETS] = NETDEV_PACKETS,
	[QUEUE_BYTES] = NETDEV_BYTES,
	[QUEUE_DROPS] = NETDEV_DROPS,
	[QUEUE_ERRORS] = NETDEV_ERRORS,
};
static const char *const sysfs_names[QUEUE_COUNTERS] = {
	[QUEUE_PACKETS] = "packets",
	[QUEUE_BYTES] = "bytes",
	[QUEUE_DROPS] = "dropped",
	[QUEUE_ERRORS] = "errors",
};

static void take_qstats(struct queue_nic *nic, const struct netdev_qstats_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct netdev_qstats *q = &list->at[i];
		struct queue *queue;

		if (q->ifindex != nic->ifindex)
			continue;
		queue = queue_find(nic, q->is_tx ? QUEUE_TX : QUEUE_RX, q->index);
		/* Without packets it is not of much use: the driver's names may say more. */
		if (!queue || !(q->has & 1u << NETDEV_PACKETS))
			continue;
		queue->sources = SOURCE_QSTATS;
		for (unsigned c = 0; c < QUEUE_COUNTERS; c++) {
			queue->has[c] = q->has & 1u << netdev_stats[c];
			queue->counters[c] = q->stats[netdev_stats[c]];
		}
	}
}

static bool lacks_counters(const struct queue_nic *nic)
{
	for (unsigned i = 0; i < nic->n; i++) {
		if (!nic->queues[i].sources || !nic->queues[i].has[QUEUE_DROPS])
			return true;
	}
	return false;
}

/* Returns how many queues it knew something new of. */
static unsigned take_driver_stats(struct queue_nic *nic)
{
	unsigned n_used = 0;

	for (unsigned i = 0; i < nic->n; i++) {
		struct queue *queue = &nic->queues[i];
		bool is_rx = queue->direction == QUEUE_RX;
		const struct queue_counters *counters = is_rx ? nic->stats.rx : nic->stats.tx;
		bool is_used = false;

		if (queue->index >= (is_rx ? nic->stats.n_rx : nic->stats.n_tx))
			continue;
		counters += queue->index;
		for (unsigned c = 0; c < QUEUE_COUNTERS; c++) {
			if (queue->has[c] || !counters->has[c])
				continue;
			queue->has[c] = is_used = true;
			queue->counters[c] = counters->values[c];
		}
		queue->sources |= is_used ? SOURCE_ETHTOOL : 0;
		n_used += is_used;
	}
	return n_used;
}

static void read_driver_stats(struct queue_nic *nic, struct host *host, struct sample *out)
{
	struct host_ethtool_stats stats = {0};
	int r = host_ethtool_stats(host, nic->name, &stats);

	queue_stats_clear(&nic->stats);
	if (r < 0) {
		/* The interface may have gone since it was listed. */
		nic->is_stats_useless = errno_is_absent(-r);
		read_notef(out, r, "ethtool -S %s", nic->name);
		return;
	}
	for (size_t i = 0; i < stats.n; i++)
		(void)queue_stats_take(&nic->stats, nic->driver, stats.stats[i].name,
				       stats.stats[i].value);
	host_ethtool_stats_done(&stats);
	/* Some drivers ask their firmware for these: not again before the next identity. */
	nic->is_stats_useless = take_driver_stats(nic) == 0;
}

/* veth counts by queue only what NAPI polled; without XDP that is what its peer sends with
 * segmentation offload off (drivers/net/veth.c, veth_skb_is_eligible_for_gro). Where a good part is
 * missing, no number is better than one that is too small. */
static void drop_partial(struct queue_nic *nic, struct host *host)
{
	uint64_t counted = 0, total;

	if (strcmp(nic->driver, "veth") ||
	    host_read_u64f(host, &total, SYS_NET "/%s/statistics/rx_packets", nic->name) < 0)
		return;
	for (unsigned i = 0; i < nic->n_rx; i++)
		counted += nic->queues[i].has[QUEUE_PACKETS]
				   ? nic->queues[i].counters[QUEUE_PACKETS]
				   : 0;
	if (counted >= total - total / 10)
		return;
	for (unsigned i = 0; i < nic->n_rx; i++)
		nic->queues[i].has[QUEUE_PACKETS] = nic->queues[i].has[QUEUE_BYTES] = false;
}

/* The only queue of its direction: what it counts is what the interface counts. */
static void read_sysfs(struct queue_nic *nic, struct host *host, struct queue *queue)
{
	const char *direction = queue->direction == QUEUE_RX ? "rx" : "tx";

	for (unsigned c = 0; c < QUEUE_COUNTERS; c++) {
		if (queue->has[c] ||
		    host_read_u64f(host, &queue->counters[c], SYS_NET "/%s/statistics/%s_%s",
				   nic->name, direction, sysfs_names[c]) < 0)
			continue;
		queue->has[c] = true;
		queue->sources |= SOURCE_SYSFS;
	}
}

void queue_read_counters(struct queue_nic *nic, struct host *host,
			 const struct queue_netdev *netdev, struct sample *out)
{
	unsigned n_tx = nic->n - nic->n_rx;

	for (unsigned i = 0; i < nic->n; i++) {
		memset(nic->queues[i].has, 0, sizeof(nic->queues[i].has));
		nic->queues[i].sources = 0;
	}
	take_qstats(nic, &netdev->qstats);
	if (!nic->is_stats_useless && lacks_counters(nic))
		read_driver_stats(nic, host, out);
	drop_partial(nic, host);
	for (unsigned i = 0; i < nic->n; i++) {
		if ((nic->queues[i].direction == QUEUE_RX ? nic->n_rx : n_tx) == 1)
			read_sysfs(nic, host, &nic->queues[i]);
	}
}
