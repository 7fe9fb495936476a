/*
 * Private to the NIC and VF probes (nic.c, nic_link.c, nic_device.c, nic_ethtool.c, vf.c): what is
 * known of one network interface, and from where.
 *
 * A link is what one rtnetlink dump says now. A device is what was found out about it besides,
 * from sysfs and ethtool, and is kept between runs under its identity: ifindex and name together,
 * since both are used again.
 */
#ifndef JT_PROBES_NIC_INTERNAL_H
#define JT_PROBES_NIC_INTERNAL_H

#include <net/if.h>

#include "core/host_netlink.h"
#include "core/sample.h"

#define SYS_NET "sys/class/net"
#define NIC_TEXT_SIZE 64u

/* --- links --- */

enum nic_stat {
	NIC_STAT_RX_PACKETS,
	NIC_STAT_TX_PACKETS,
	NIC_STAT_RX_BYTES,
	NIC_STAT_TX_BYTES,
	NIC_STAT_RX_DROPS,
	NIC_STAT_TX_DROPS,
	NIC_STAT_RX_ERRORS,
	NIC_STAT_TX_ERRORS,
	NIC_STAT_RX_MISSED, /* the device had no buffer left */
	NIC_STATS
};

struct nic_link {
	uint32_t ifindex; /* 0: from sysfs, only the name is known */
	char name[IFNAMSIZ];
	char kind[NIC_TEXT_SIZE]; /* "veth", "bridge", "vlan", ...; "": a device or the loopback */
	char mac[3 * 32], alias[256];
	bool has_state, has_mtu, has_carrier, has_stats, has_carrier_changes, has_queues;
	uint8_t state; /* IF_OPER_* */
	bool carrier;
	uint32_t mtu, carrier_changes, queues_rx, queues_tx;
	uint32_t master, lower; /* ifindex; 0: none */
	bool has_lower_netns;	/* lower is in another namespace */
	uint32_t lower_netns;
	uint8_t xdp; /* XDP_ATTACHED_* */
	uint64_t stats[NIC_STATS];
};

struct nic_links {
	struct nic_link *at; /* sorted by ifindex */
	unsigned n;
};

/* All links in one dump. 0, 1 (disturbed, see host_netlink.h) or a negative errno. */
int nic_links(struct host *host, struct nic_links *ret);
void nic_links_done(struct nic_links *links);
const struct nic_link *nic_links_find(const struct nic_links *links,
				      uint32_t ifindex); /* NULL: none */
/* One message of such a dump. -EBADMSG. */
int nic_link_parse(const struct host_netlink_message *message, struct nic_link *ret);
/* The dump itself, for those who want more of it. ext_mask: RTEXT_FILTER_*. */
int nic_links_dump(struct host *host, const char *name, uint32_t ext_mask, host_netlink_fn *fn,
		   void *data);
const char *nic_state_text(uint8_t state);

/* --- devices --- */

/* Numbers that ethtool tells, in the order of the probe's metrics from RING_RX on. */
enum nic_detail {
	DETAIL_RING_RX,
	DETAIL_RING_RX_MAX,
	DETAIL_RING_TX,
	DETAIL_RING_TX_MAX,
	DETAIL_CHANNELS_RX,
	DETAIL_CHANNELS_RX_MAX,
	DETAIL_CHANNELS_TX,
	DETAIL_CHANNELS_TX_MAX,
	DETAIL_CHANNELS_COMBINED,
	DETAIL_CHANNELS_COMBINED_MAX,
	DETAIL_COALESCE_RX_NS,
	DETAIL_COALESCE_RX_FRAMES,
	DETAIL_COALESCE_TX_NS,
	DETAIL_COALESCE_TX_FRAMES,
	DETAIL_ADAPTIVE_RX, /* 0 or 1 */
	DETAIL_ADAPTIVE_TX,
	DETAIL_RSS_ENTRIES, /* of the indirection table */
	DETAIL_RSS_QUEUES,  /* different queues in it */
	DETAIL_RSS_KEY,	    /* 0 or 1: there is a hash key */
	NIC_DETAILS
};

struct nic_device {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_listed; /* by the run that goes on */

	/* From sysfs and the drvinfo ioctl. */
	uint64_t read_ns; /* 0: never */
	bool has_device;  /* something in sysfs is behind it */
	char driver[NIC_TEXT_SIZE], pci[NIC_TEXT_SIZE], duplex[16];
	char version[NIC_TEXT_SIZE], firmware[NIC_TEXT_SIZE], bus[NIC_TEXT_SIZE];
	int64_t node, speed_mbit; /* speed: -1 not readable */
	unsigned queues_rx, queues_tx;
	int node_error; /* negative errno: denied or fault, not nothing */
	/* Hosts without netlink only. */
	struct host_file *state_file;
	char mac[96];
	uint64_t mtu;
	int mac_error, mtu_error;

	/* From ethtool netlink. */
	uint64_t details[NIC_DETAILS];
	bool has_detail[NIC_DETAILS];
	int detail_errors[NIC_DETAILS]; /* negative errno; 0: none */
	bool has_features, has_private_flags;
	char features[256], private_flags[256]; /* names of those that are on */
};

struct nic_devices {
	struct nic_device **at; /* sorted by ifindex, then name */
	unsigned n, room;
};

/* The one of this identity, new if need be. */
struct nic_device *nic_devices_get(struct nic_devices *devices, uint32_t ifindex, const char *name);
struct nic_device *nic_devices_find(const struct nic_devices *devices, uint32_t ifindex,
				    const char *name); /* NULL: none */
/* Forgets those that are not listed, and the others' listing. */
void nic_devices_sweep(struct nic_devices *devices);
void nic_devices_done(struct nic_devices *devices);
bool nic_is_pci_address(const char *text);
void nic_device_read(struct nic_device *device, struct host *host, bool has_link);

/* Fills the details of all devices anew. The first failure that is not an absence is noted in out
 * in words; the values carry its errno. */
void nic_ethtool_read(struct nic_devices *devices, struct host *host, struct sample *out);

#endif
