/*
 * Network interfaces: what they do, from one rtnetlink dump each run; what they are, from sysfs and
 * ethtool, when one appears and now and then; how they are set up, from ethtool's netlink family
 * every 5 s. Where there is no netlink (captures of other tools), sysfs alone.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "probes/nic_internal.h"
#include "probes/read.h"

#define IDENTITY_PERIOD_NS (10 * NSEC_PER_SEC)
#define IDENTITY_SLOW_NS (60 * NSEC_PER_SEC) /* of virtual ones, where there are many */
#define IDENTITY_MANY 64u
#define DETAILS_PERIOD_NS (5 * NSEC_PER_SEC)

enum nic_metric {
	NIC_STATE,
	NIC_KIND,
	NIC_DRIVER,
	NIC_PCI,
	NIC_NODE,
	NIC_MTU,
	NIC_SPEED,
	NIC_DUPLEX,
	NIC_MAC,
	NIC_MASTER,
	NIC_LOWER,
	NIC_PORTS,
	NIC_CARRIER,
	NIC_CARRIER_CHANGES,
	NIC_XDP,
	NIC_ALIAS,
	NIC_RX,
	NIC_TX,
	NIC_RX_ALLOCATED,
	NIC_TX_ALLOCATED,
	NIC_IFINDEX,
	NIC_FIRST_STAT,
	NIC_FIRST_DETAIL = NIC_FIRST_STAT + NIC_STATS,
	NIC_FEATURES = NIC_FIRST_DETAIL + NIC_DETAILS,
	NIC_PRIVATE_FLAGS,
	NIC_VERSION,
	NIC_FIRMWARE,
	NIC_BUS,
	NIC_METRICS
};

/* clang-format off */
static const struct metric nic_metrics[NIC_METRICS] = {
	[NIC_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "operstate: up, down, unknown ...", "state"},
	[NIC_KIND] = {"nic_kind", METRIC_TEXT, UNIT_NONE, "veth, bridge, bond, vlan, tun ...; absent: a device or the loopback", "kind"},
	[NIC_DRIVER] = {"driver", METRIC_TEXT, UNIT_NONE, "Driver of the device", "driver"},
	[NIC_PCI] = {"pci_address", METRIC_TEXT, UNIT_NONE, "PCI address of the device", "PCI"},
	[NIC_NODE] = {"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node of the device; -1: none", "node"},
	[NIC_MTU] = {"mtu", METRIC_GAUGE, UNIT_NONE, "Largest packet", "mtu"},
	[NIC_SPEED] = {"speed_bits_per_s", METRIC_GAUGE, UNIT_NONE, "Link speed", "speed"},
	[NIC_DUPLEX] = {"duplex", METRIC_TEXT, UNIT_NONE, "full or half", NULL},
	[NIC_MAC] = {"mac", METRIC_TEXT, UNIT_NONE, "Hardware address", NULL},
	[NIC_MASTER] = {"master", METRIC_TEXT, UNIT_NONE, "Bridge, bond or team this is a port of", "master"},
	[NIC_LOWER] = {"lower", METRIC_TEXT, UNIT_NONE, "Device below, or the other end of a veth", NULL},
	[NIC_PORTS] = {"ports", METRIC_GAUGE, UNIT_COUNT, "Interfaces this is the master of", NULL},
	[NIC_CARRIER] = {"carrier", METRIC_BOOL, UNIT_NONE, "The link has a carrier", NULL},
	[NIC_CARRIER_CHANGES] = {"carrier_changes", METRIC_COUNTER, UNIT_COUNT, "Times the carrier came or went", NULL},
	[NIC_XDP] = {"xdp", METRIC_TEXT, UNIT_NONE, "XDP program: none, native, generic, offloaded, several", NULL},
	[NIC_ALIAS] = {"alias", METRIC_TEXT, UNIT_NONE, "Text that somebody gave it", NULL},
	[NIC_RX] = {"queues_rx", METRIC_GAUGE, UNIT_COUNT, "Receive queues in use", "rx"},
	[NIC_TX] = {"queues_tx", METRIC_GAUGE, UNIT_COUNT, "Transmit queues in use", "tx"},
	[NIC_RX_ALLOCATED] = {"queues_rx_allocated", METRIC_GAUGE, UNIT_COUNT, "Receive queues there is room for", NULL},
	[NIC_TX_ALLOCATED] = {"queues_tx_allocated", METRIC_GAUGE, UNIT_COUNT, "Transmit queues there is room for", NULL},
	[NIC_IFINDEX] = {"ifindex", METRIC_GAUGE, UNIT_NONE, "Interface number in this network namespace", NULL},

	[NIC_FIRST_STAT + NIC_STAT_RX_PACKETS] = {"rx_packets", METRIC_COUNTER, UNIT_COUNT, "Packets received", "rx p"},
	[NIC_FIRST_STAT + NIC_STAT_TX_PACKETS] = {"tx_packets", METRIC_COUNTER, UNIT_COUNT, "Packets sent", "tx p"},
	[NIC_FIRST_STAT + NIC_STAT_RX_BYTES] = {"rx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes received", NULL},
	[NIC_FIRST_STAT + NIC_STAT_TX_BYTES] = {"tx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes sent", NULL},
	[NIC_FIRST_STAT + NIC_STAT_RX_DROPS] = {"rx_drops", METRIC_COUNTER, UNIT_COUNT, "Received packets dropped by the host", "rx drop"},
	[NIC_FIRST_STAT + NIC_STAT_TX_DROPS] = {"tx_drops", METRIC_COUNTER, UNIT_COUNT, "Packets to send that were dropped", "tx drop"},
	[NIC_FIRST_STAT + NIC_STAT_RX_ERRORS] = {"rx_errors", METRIC_COUNTER, UNIT_COUNT, "Bad packets received", NULL},
	[NIC_FIRST_STAT + NIC_STAT_TX_ERRORS] = {"tx_errors", METRIC_COUNTER, UNIT_COUNT, "Packets that could not be sent", NULL},
	[NIC_FIRST_STAT + NIC_STAT_RX_MISSED] = {"rx_missed", METRIC_COUNTER, UNIT_COUNT, "Packets the device had no buffer for: ring too small or CPU too late", NULL},

	[NIC_FIRST_DETAIL + DETAIL_RING_RX] = {"ring_rx", METRIC_GAUGE, UNIT_COUNT, "Receive ring, descriptors", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RING_RX_MAX] = {"ring_rx_max", METRIC_GAUGE, UNIT_COUNT, "Largest receive ring", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RING_TX] = {"ring_tx", METRIC_GAUGE, UNIT_COUNT, "Transmit ring, descriptors", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RING_TX_MAX] = {"ring_tx_max", METRIC_GAUGE, UNIT_COUNT, "Largest transmit ring", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_RX] = {"channels_rx", METRIC_GAUGE, UNIT_COUNT, "Channels that only receive", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_RX_MAX] = {"channels_rx_max", METRIC_GAUGE, UNIT_COUNT, "Most channels that only receive", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_TX] = {"channels_tx", METRIC_GAUGE, UNIT_COUNT, "Channels that only send", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_TX_MAX] = {"channels_tx_max", METRIC_GAUGE, UNIT_COUNT, "Most channels that only send", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_COMBINED] = {"channels_combined", METRIC_GAUGE, UNIT_COUNT, "Channels that do both", NULL},
	[NIC_FIRST_DETAIL + DETAIL_CHANNELS_COMBINED_MAX] = {"channels_combined_max", METRIC_GAUGE, UNIT_COUNT, "Most channels that do both", NULL},
	[NIC_FIRST_DETAIL + DETAIL_COALESCE_RX_NS] = {"coalesce_rx_ns", METRIC_GAUGE, UNIT_NS, "An interrupt waits so long for more received packets", NULL},
	[NIC_FIRST_DETAIL + DETAIL_COALESCE_RX_FRAMES] = {"coalesce_rx_frames", METRIC_GAUGE, UNIT_COUNT, "or for so many packets", NULL},
	[NIC_FIRST_DETAIL + DETAIL_COALESCE_TX_NS] = {"coalesce_tx_ns", METRIC_GAUGE, UNIT_NS, "An interrupt waits so long for more sent packets", NULL},
	[NIC_FIRST_DETAIL + DETAIL_COALESCE_TX_FRAMES] = {"coalesce_tx_frames", METRIC_GAUGE, UNIT_COUNT, "or for so many packets", NULL},
	[NIC_FIRST_DETAIL + DETAIL_ADAPTIVE_RX] = {"adaptive_rx", METRIC_BOOL, UNIT_NONE, "The device changes its receive coalescing by itself", NULL},
	[NIC_FIRST_DETAIL + DETAIL_ADAPTIVE_TX] = {"adaptive_tx", METRIC_BOOL, UNIT_NONE, "The device changes its transmit coalescing by itself", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RSS_ENTRIES] = {"rss_entries", METRIC_GAUGE, UNIT_COUNT, "Entries of the RSS indirection table", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RSS_QUEUES] = {"rss_queues", METRIC_GAUGE, UNIT_COUNT, "Queues that packets are spread over by RSS", NULL},
	[NIC_FIRST_DETAIL + DETAIL_RSS_KEY] = {"rss_key", METRIC_BOOL, UNIT_NONE, "There is an RSS hash key", NULL},

	[NIC_FEATURES] = {"features", METRIC_TEXT, UNIT_NONE, "Offloads that are on, of those people tune", NULL},
	[NIC_PRIVATE_FLAGS] = {"private_flags", METRIC_TEXT, UNIT_NONE, "The driver's own flags that are on", NULL},
	[NIC_VERSION] = {"driver_version", METRIC_TEXT, UNIT_NONE, "Version of the driver", NULL},
	[NIC_FIRMWARE] = {"firmware", METRIC_TEXT, UNIT_NONE, "Version of the firmware", NULL},
	[NIC_BUS] = {"bus", METRIC_TEXT, UNIT_NONE, "Where the driver says the device is", NULL},
};
/* clang-format on */

static const struct metric_set sets[] = {{"nic", nic_metrics, ARRAY_SIZE(nic_metrics)}};

struct nic_state {
	struct nic_devices devices;
	uint64_t details_ns; /* of the last reading; 0: never */
};

/* --- emitting --- */

static void emit_text(struct sample *out, struct sample_row *row, unsigned metric, const char *text)
{
	if (text[0])
		sample_text(out, row, metric, text);
}

static void emit_node(const struct nic_device *device, struct sample_row *row, struct sample *out)
{
	if (device->node_error)
		read_notef(out, device->node_error, SYS_NET "/%s/device/numa_node", device->name);
	if (device->node >= 0 && device->pci[0])
		sample_u64(row, NIC_NODE, (uint64_t)device->node);
	else if (device->node_error)
		sample_errno(row, NIC_NODE, device->node_error);
	else if (device->pci[0])
		sample_f64(row, NIC_NODE, -1);
}

static void emit_device(const struct nic_device *device, struct sample_row *row, struct sample *out)
{
	emit_text(out, row, NIC_DRIVER, device->driver);
	emit_text(out, row, NIC_PCI, device->pci);
	emit_text(out, row, NIC_DUPLEX, device->duplex);
	emit_text(out, row, NIC_VERSION, device->version);
	emit_text(out, row, NIC_FIRMWARE, device->firmware);
	emit_text(out, row, NIC_BUS, device->bus);
	emit_node(device, row, out);
	if (device->speed_mbit > 0)
		sample_u64(row, NIC_SPEED, (uint64_t)device->speed_mbit * 1000000);
	if (device->queues_rx || device->queues_tx) {
		sample_u64(row, NIC_RX, device->queues_rx);
		sample_u64(row, NIC_TX, device->queues_tx);
	}
}

static void emit_details(const struct nic_device *device, struct sample_row *row,
			 struct sample *out)
{
	for (unsigned i = 0; i < NIC_DETAILS; i++) {
		unsigned metric = NIC_FIRST_DETAIL + i;

		if (device->has_detail[i] && nic_metrics[metric].type == METRIC_BOOL)
			sample_bool(row, metric, device->details[i] != 0);
		else if (device->has_detail[i])
			sample_u64(row, metric, device->details[i]);
		else if (device->detail_errors[i])
			sample_errno(row, metric, device->detail_errors[i]);
	}
	if (device->has_features)
		sample_text(out, row, NIC_FEATURES, device->features);
	if (device->has_private_flags)
		sample_text(out, row, NIC_PRIVATE_FLAGS, device->private_flags);
}

static const char *xdp_text(uint8_t attached)
{
	static const char *const names[] = {"none", "native", "generic", "offloaded", "several"};

	return attached < ARRAY_SIZE(names) ? names[attached] : "?";
}

static void emit_relatives(const struct nic_link *link, const struct nic_links *links,
			   const unsigned *ports, struct sample_row *row, struct sample *out)
{
	const struct nic_link *master = link->master ? nic_links_find(links, link->master) : NULL;
	const struct nic_link *lower = NULL;
	char text[48];

	if (master)
		sample_text(out, row, NIC_MASTER, master->name);
	if (link->lower && !link->has_lower_netns)
		lower = nic_links_find(links, link->lower);
	if (lower) {
		sample_text(out, row, NIC_LOWER, lower->name);
	} else if (link->lower) {
		(void)snprintf(text, sizeof(text), "number %u in another namespace", link->lower);
		sample_text(out, row, NIC_LOWER, text);
	}
	if (ports[link - links->at])
		sample_u64(row, NIC_PORTS, ports[link - links->at]);
}

static void emit_link(const struct nic_link *link, struct sample_row *row, struct sample *out)
{
	sample_u64(row, NIC_IFINDEX, link->ifindex);
	if (link->has_state)
		sample_text(out, row, NIC_STATE, nic_state_text(link->state));
	emit_text(out, row, NIC_KIND, link->kind);
	emit_text(out, row, NIC_MAC, link->mac);
	emit_text(out, row, NIC_ALIAS, link->alias);
	sample_text(out, row, NIC_XDP, xdp_text(link->xdp));
	if (link->has_mtu)
		sample_u64(row, NIC_MTU, link->mtu);
	if (link->has_carrier)
		sample_bool(row, NIC_CARRIER, link->carrier);
	if (link->has_carrier_changes)
		sample_u64(row, NIC_CARRIER_CHANGES, link->carrier_changes);
	if (link->has_queues) {
		sample_u64(row, NIC_RX_ALLOCATED, link->queues_rx);
		sample_u64(row, NIC_TX_ALLOCATED, link->queues_tx);
	}
	for (unsigned i = 0; i < NIC_STATS && link->has_stats; i++)
		sample_u64(row, NIC_FIRST_STAT + i, link->stats[i]);
}

/* --- with netlink --- */

static void refresh(struct nic_state *state, const struct nic_links *links, struct host *host,
		    struct sample *out)
{
	bool is_new = false;

	for (unsigned i = 0; i < links->n; i++) {
		const struct nic_link *link = &links->at[i];
		struct nic_device *device =
			nic_devices_get(&state->devices, link->ifindex, link->name);
		bool is_slow = links->n > IDENTITY_MANY && !device->has_device;
		uint64_t period_ns = is_slow ? IDENTITY_SLOW_NS : IDENTITY_PERIOD_NS;

		device->is_listed = true;
		if (device->read_ns && out->time_ns - device->read_ns < period_ns)
			continue;
		is_new |= !device->read_ns && links->n <= IDENTITY_MANY;
		nic_device_read(device, host, true);
		device->read_ns = out->time_ns ? out->time_ns : 1;
	}
	nic_devices_sweep(&state->devices);
	if (is_new || out->is_thorough || !state->details_ns ||
	    out->time_ns - state->details_ns >= DETAILS_PERIOD_NS) {
		nic_ethtool_read(&state->devices, host, out);
		state->details_ns = out->time_ns ? out->time_ns : 1;
	}
}

static void emit_links(struct nic_state *state, const struct nic_links *links, struct sample *out)
{
	_cleanup_(freep) unsigned *ports = xcalloc(links->n + 1, sizeof(*ports));

	for (unsigned i = 0; i < links->n; i++) {
		const struct nic_link *master =
			links->at[i].master ? nic_links_find(links, links->at[i].master) : NULL;

		if (master)
			ports[master - links->at]++;
	}
	for (unsigned i = 0; i < links->n; i++) {
		const struct nic_link *link = &links->at[i];
		const struct nic_device *device =
			nic_devices_find(&state->devices, link->ifindex, link->name);
		struct sample_row *row =
			sample_row(out, 0, "host", link->name, "nic:%s", link->name);

		row->identity = link->ifindex;
		emit_link(link, row, out);
		emit_relatives(link, links, ports, row, out);
		if (device) {
			emit_device(device, row, out);
			emit_details(device, row, out);
		}
	}
}

/* --- with sysfs alone --- */

static void emit_sysfs(struct nic_device *device, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, 0, "host", device->name, "nic:%s", device->name);
	const char *text;
	ssize_t n = host_file_readf(host, &device->state_file, &text, SYS_NET "/%s/operstate",
				    device->name);

	if (n < 0) {
		read_notef(out, (int)n, SYS_NET "/%s/operstate", device->name);
		sample_errno(row, NIC_STATE, (int)n);
	} else {
		sample_text(out, row, NIC_STATE, text);
	}
	emit_device(device, row, out);
	if (device->mtu_error) {
		read_notef(out, device->mtu_error, SYS_NET "/%s/mtu", device->name);
		sample_errno(row, NIC_MTU, device->mtu_error);
	} else {
		sample_u64(row, NIC_MTU, device->mtu);
	}
	if (device->mac_error) {
		read_notef(out, device->mac_error, SYS_NET "/%s/address", device->name);
		sample_errno(row, NIC_MAC, device->mac_error);
	} else {
		emit_text(out, row, NIC_MAC, device->mac);
	}
}

static int sample_sysfs(struct nic_state *state, struct host *host, struct sample *out)
{
	struct host_names names = {0};
	int r = host_listf(host, &names, SYS_NET);

	if (r < 0)
		return read_fail(out, r, SYS_NET);
	for (size_t i = 0; i < names.n; i++) {
		/* A file, not an interface; and what no interface can be called. */
		if (!strcmp(names.names[i], "bonding_masters") ||
		    strlen(names.names[i]) >= IFNAMSIZ)
			continue;

		struct nic_device *device = nic_devices_get(&state->devices, 0, names.names[i]);
		device->is_listed = true;
		if (!device->read_ns || out->time_ns - device->read_ns >= IDENTITY_PERIOD_NS) {
			nic_device_read(device, host, false);
			device->read_ns = out->time_ns ? out->time_ns : 1;
		}
		emit_sysfs(device, host, out);
	}
	host_names_done(&names);
	nic_devices_sweep(&state->devices);
	return 0;
}

/* --- the probe --- */

static int sample(void *data, struct host *host, struct sample *out)
{
	struct nic_state *state = data;
	struct nic_links links = {0};
	int r = nic_links(host, &links);

	if (r < 0) {
		if (!errno_is_absent(-r))
			sample_errorf(out, "%s", host_netlink_why(host));
		return sample_sysfs(state, host, out);
	}
	refresh(state, &links, host, out);
	emit_links(state, &links, out);
	nic_links_done(&links);
	return 0;
}

static void close_state(void *data)
{
	struct nic_state *state = data;

	nic_devices_done(&state->devices);
}

const struct probe probe_nic = {
	.name = "nic",
	.summary = "Network interfaces and their devices",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_SLOW, /* the kernel answers under a lock that drivers may hold for seconds */
	.state_size = sizeof(struct nic_state),
	.sample = sample,
	.close = close_state,
};
