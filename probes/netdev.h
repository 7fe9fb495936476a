/*
 * Private to probes/: the "netdev" generic netlink family (Linux 6.7 and newer): queues, NAPI
 * instances and per-queue statistics of every interface of the network namespace, one dump each.
 *
 * Calling sequence: netdev_queues(host, &list), use list.at[0..list.n), netdev_queues_done(). The
 * lists are in the kernel's order: by ifindex. Errors as core/host_netlink.h says, -ENOENT or
 * -EOPNOTSUPP where the kernel is too old; words by host_netlink_why(). Drivers need not know all
 * of it: an interface that is up without queues here, or a queue without NAPI, is usual (qstats:
 * only drivers that have the operation). {0} lists are fine for the _done() functions.
 */
#ifndef JT_PROBES_NETDEV_H
#define JT_PROBES_NETDEV_H

#include "core/host_netlink.h"

struct netdev_queue {
	uint32_t ifindex, index; /* rx-INDEX or tx-INDEX */
	bool is_tx;
	bool has_napi, has_xsk; /* xsk: an AF_XDP socket is bound to it */
	uint32_t napi_id;
};

/* How one is polled; what its kernel can set, it shows (6.13; threaded: 6.17). */
enum netdev_napi_param {
	NETDEV_NAPI_DEFER,   /* empty polls before the interrupt is switched on again */
	NETDEV_NAPI_FLUSH,   /* gro-flush-timeout, ns */
	NETDEV_NAPI_SUSPEND, /* irq-suspend-timeout, ns */
	NETDEV_NAPI_THREADED,
	NETDEV_NAPI_PARAMS
};

struct netdev_napi {
	uint32_t ifindex, id;
	bool has_irq, has_pid, has_params[NETDEV_NAPI_PARAMS];
	uint32_t irq;
	uint32_t pid; /* of its thread, threaded NAPI only */
	uint64_t params[NETDEV_NAPI_PARAMS];
};

enum netdev_stat {
	NETDEV_PACKETS,
	NETDEV_BYTES,
	NETDEV_DROPS,	   /* rx: hw drops; tx: hw drops */
	NETDEV_ERRORS,	   /* hw drop errors */
	NETDEV_OVERRUNS,   /* rx: no descriptor was free: ring too small */
	NETDEV_ALLOC_FAIL, /* rx: no memory for a packet */
	NETDEV_STOPS,	   /* tx: the queue was full and stopped */
	NETDEV_STATS
};

struct netdev_qstats {
	uint32_t ifindex, index;
	bool is_tx;
	uint32_t has; /* bit set over enum netdev_stat */
	uint64_t stats[NETDEV_STATS];
};

struct netdev_queues {
	struct netdev_queue *at;
	size_t n;
};
struct netdev_napis {
	struct netdev_napi *at;
	size_t n;
};
struct netdev_qstats_list {
	struct netdev_qstats *at;
	size_t n;
};

int netdev_queues(struct host *host, struct netdev_queues *ret) _must_check_;
int netdev_napis(struct host *host, struct netdev_napis *ret) _must_check_;
/* By queue (scope queue). */
int netdev_qstats(struct host *host, struct netdev_qstats_list *ret) _must_check_;
void netdev_queues_done(struct netdev_queues *list);
void netdev_napis_done(struct netdev_napis *list);
void netdev_qstats_done(struct netdev_qstats_list *list);

#endif
