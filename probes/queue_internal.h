/*
 * Private to the queue probe: interfaces and their queues as it knows them between runs. queue.c
 * lists them and gives the rows, queue_counters.c finds their counters, queue_irq.c their
 * interrupts.
 */
#ifndef JT_PROBES_QUEUE_INTERNAL_H
#define JT_PROBES_QUEUE_INTERNAL_H

#include "core/host.h"
#include "core/sample.h"
#include "probes/netdev.h"
#include "probes/queue_names.h"

#define SYS_NET "sys/class/net"

enum queue_source { SOURCE_QSTATS = 1, SOURCE_ETHTOOL = 2, SOURCE_SYSFS = 4 };

struct queue {
	enum queue_direction direction; /* QUEUE_RX or QUEUE_TX */
	unsigned index;
	bool has_napi;
	uint32_t napi_id;
	int64_t irq;	       /* -1: unknown */
	const char *how;       /* static: where irq came from */
	int64_t named_irq;     /* as its action name says; -1: unknown */
	const char *named_how; /* static */
	bool has[QUEUE_COUNTERS];
	uint64_t counters[QUEUE_COUNTERS];
	unsigned sources;	 /* bit set over enum queue_source: where the counters came from */
	struct cpuset *steering; /* rps_cpus or xps_cpus; NULL: empty or unreadable */
	int steering_error;	 /* negative errno of its file */
};

struct queue_nic {
	char *name;
	bool is_listed; /* in this run */
	uint64_t read_ns;
	uint64_t ifindex; /* 0: unknown */
	char driver[64];
	char device[64];      /* "0000:3b:00.0", "virtio2"; "": none */
	char device_dir[512]; /* its folder below sys, "": unknown */
	struct queue *queues; /* rx by index, then tx by index */
	unsigned n, n_rx;
	bool is_stats_useless; /* ethtool -S: none, or nothing that qstats do not say */
	struct queue_stats stats;
};

/* What the netdev family says of all interfaces, once per run. */
struct queue_netdev {
	struct netdev_queues queues;
	struct netdev_napis napis;
	struct netdev_qstats_list qstats;
};

struct queue *queue_find(struct queue_nic *nic, enum queue_direction direction, unsigned index);

/* Every counter of every queue, from the first source that has it. */
void queue_read_counters(struct queue_nic *nic, struct host *host,
			 const struct queue_netdev *netdev, struct sample *out);

/* Sets named_irq of the queues that are -1. *all: every interrupt of the host, read when needed. */
struct queue_irqs;
void queue_read_irqs(struct queue_nic *nic, struct host *host, struct queue_irqs **all);
void queue_irqs_free(struct queue_irqs *irqs);

/* One action name of an interrupt: which queue does it serve? For tests. */
enum queue_serves { SERVES_NONE, SERVES_RX, SERVES_TX, SERVES_BOTH, SERVES_ALL, SERVES_HALVES };
/* device: of the NIC, "" none. is_own: the interrupt belongs to the device, so that the name in the
 * action may be one that the interface had when it was opened. */
enum queue_serves queue_action(const char *action, const char *ifname, const char *device,
			       bool is_own, unsigned *ret_index);

#endif
