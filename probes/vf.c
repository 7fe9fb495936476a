/*
 * Virtual functions of SR-IOV interfaces: how the physical function sets them up, and who uses
 * them. Asked for apart from the links and less often: some drivers ask the firmware for every one.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/nic_internal.h"
#include "probes/read.h"

#define PCI_DEVICES "sys/bus/pci/devices"
/* Whoever holds a VFIO group is looked for in at most so many open files of the host. */
#define FILES_MAX 50000u
#define MAC_LEN 6u

enum vf_metric {
	VF_MAC,
	VF_VLAN,
	VF_QOS,
	VF_TRUST,
	VF_SPOOFCHK,
	VF_LINK_STATE,
	VF_MIN_RATE,
	VF_MAX_RATE,
	VF_PCI,
	VF_DRIVER,
	VF_USER,
	VF_FIRST_STAT
};
enum vf_stat {
	STAT_RX_PACKETS,
	STAT_TX_PACKETS,
	STAT_RX_BYTES,
	STAT_TX_BYTES,
	STAT_RX_DROPS,
	STAT_TX_DROPS,
	STATS
};

static const struct metric vf_metrics[VF_FIRST_STAT + STATS] = {
	[VF_MAC] = {"mac", METRIC_TEXT, UNIT_NONE, "Hardware address", "mac"},
	[VF_VLAN] = {"vlan", METRIC_GAUGE, UNIT_NONE, "VLAN set by the host; 0: none", "vlan"},
	[VF_QOS] = {"qos", METRIC_GAUGE, UNIT_NONE, "Priority in that VLAN", NULL},
	[VF_TRUST] = {"trust", METRIC_BOOL, UNIT_NONE, "May change its address and be promiscuous",
		      "trust"},
	[VF_SPOOFCHK] = {"spoofchk", METRIC_BOOL, UNIT_NONE,
			 "Packets from other addresses are dropped", "spoofchk"},
	[VF_LINK_STATE] = {"link_state", METRIC_TEXT, UNIT_NONE,
			   "auto (as the port), enable, disable", "link"},
	[VF_MIN_RATE] = {"min_rate_bits_per_s", METRIC_GAUGE, UNIT_NONE, "Guaranteed rate; 0: none",
			 NULL},
	[VF_MAX_RATE] = {"max_rate_bits_per_s", METRIC_GAUGE, UNIT_NONE, "Rate limit; 0: none",
			 NULL},
	[VF_PCI] = {"pci_address", METRIC_TEXT, UNIT_NONE, "PCI address", "PCI"},
	[VF_DRIVER] = {"driver", METRIC_TEXT, UNIT_NONE, "Driver; absent: unbound", "driver"},
	[VF_USER] = {"user", METRIC_TEXT, UNIT_NONE,
		     "Interface of this network namespace, process (VFIO), or unbound", "user"},
	[VF_FIRST_STAT + STAT_RX_PACKETS] = {"rx_packets", METRIC_COUNTER, UNIT_COUNT,
					     "Packets received", "rx p"},
	[VF_FIRST_STAT + STAT_TX_PACKETS] = {"tx_packets", METRIC_COUNTER, UNIT_COUNT,
					     "Packets sent", "tx p"},
	[VF_FIRST_STAT +
		STAT_RX_BYTES] = {"rx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes received", NULL},
	[VF_FIRST_STAT +
		STAT_TX_BYTES] = {"tx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes sent", NULL},
	[VF_FIRST_STAT + STAT_RX_DROPS] = {"rx_drops", METRIC_COUNTER, UNIT_COUNT,
					   "Received packets dropped", "rx drop"},
	[VF_FIRST_STAT + STAT_TX_DROPS] = {"tx_drops", METRIC_COUNTER, UNIT_COUNT,
					   "Packets to send that were dropped", "tx drop"},
};

static const struct metric_set sets[] = {{"vf", vf_metrics, ARRAY_SIZE(vf_metrics)}};

/* One attribute a statistic. */
static const uint8_t stat_attributes[STATS] = {
	IFLA_VF_STATS_RX_PACKETS, IFLA_VF_STATS_TX_PACKETS, IFLA_VF_STATS_RX_BYTES,
	IFLA_VF_STATS_TX_BYTES,	  IFLA_VF_STATS_RX_DROPPED, IFLA_VF_STATS_TX_DROPPED,
};

struct vf {
	char pf[IFNAMSIZ];
	uint32_t pf_ifindex, number;
	bool has_mac, has_vlan, has_trust, has_spoofchk, has_link_state, has_rate;
	unsigned char mac[MAC_LEN];
	uint32_t vlan, qos, trust, spoofchk, link_state, min_rate, max_rate;
	uint64_t stats[STATS];
	bool has_stat[STATS];
};

struct vfs {
	struct vf *at;
	size_t n, room;
};

/* --- from netlink --- */

static bool get_struct(const struct nlattr *attr, void *out, size_t size)
{
	if (!attr || (size_t)nla_len(attr) < size)
		return false;
	memcpy(out, nla_data(attr), size);
	return true;
}

static void take_stats(struct nlattr *attr, struct vf *vf)
{
	struct nlattr *stats[IFLA_VF_STATS_MAX + 1];

	if (!attr || nla_parse_nested(stats, IFLA_VF_STATS_MAX, attr, NULL) < 0)
		return;
	for (unsigned i = 0; i < STATS; i++)
		vf->has_stat[i] =
			get_struct(stats[stat_attributes[i]], &vf->stats[i], sizeof(vf->stats[i]));
}

static int take_vf(struct nlattr *entry, struct vf *vf)
{
	struct nlattr *attrs[IFLA_VF_MAX + 1];
	struct ifla_vf_mac mac;
	struct ifla_vf_vlan vlan;
	struct ifla_vf_rate rate;
	struct ifla_vf_spoofchk spoofchk; /* and trust and link state: number, setting */

	if (nla_parse_nested(attrs, IFLA_VF_MAX, entry, NULL) < 0 ||
	    !get_struct(attrs[IFLA_VF_MAC], &mac, sizeof(mac)))
		return -EBADMSG;
	vf->number = mac.vf;
	memcpy(vf->mac, mac.mac, MAC_LEN);
	vf->has_vlan = get_struct(attrs[IFLA_VF_VLAN], &vlan, sizeof(vlan));
	if (vf->has_vlan) {
		vf->vlan = vlan.vlan;
		vf->qos = vlan.qos;
	}
	vf->has_rate = get_struct(attrs[IFLA_VF_RATE], &rate, sizeof(rate));
	if (vf->has_rate) {
		vf->min_rate = rate.min_tx_rate;
		vf->max_rate = rate.max_tx_rate;
	}
	vf->has_spoofchk = get_struct(attrs[IFLA_VF_SPOOFCHK], &spoofchk, sizeof(spoofchk));
	vf->spoofchk = vf->has_spoofchk ? spoofchk.setting : 0;
	vf->has_trust = get_struct(attrs[IFLA_VF_TRUST], &spoofchk, sizeof(spoofchk));
	vf->trust = vf->has_trust ? spoofchk.setting : 0;
	vf->has_link_state = get_struct(attrs[IFLA_VF_LINK_STATE], &spoofchk, sizeof(spoofchk));
	vf->link_state = vf->has_link_state ? spoofchk.setting : 0;
	/* What the driver cannot say is all ones. */
	vf->has_spoofchk &= vf->spoofchk != UINT32_MAX;
	vf->has_trust &= vf->trust != UINT32_MAX;
	take_stats(attrs[IFLA_VF_STATS], vf);
	return 0;
}

static int take_link(void *data, const struct host_netlink_message *message)
{
	struct nlattr *list =
		nla_find(message->attributes, message->attributes_len, IFLA_VFINFO_LIST);
	struct vfs *vfs = data;
	struct nic_link link;
	struct nlattr *entry;
	int rest, r = nic_link_parse(message, &link);

	if (r < 0 || !list)
		return r;
	nla_for_each_nested(entry, list, rest)
	{
		struct vf vf = {.pf_ifindex = link.ifindex};

		(void)snprintf(vf.pf, sizeof(vf.pf), "%s", link.name);
		r = take_vf(entry, &vf);
		if (r < 0)
			return r;
		if (vfs->n == vfs->room) {
			vfs->room = vfs->room ? 2 * vfs->room : 16;
			vfs->at = xrealloc(vfs->at, vfs->room * sizeof(*vfs->at));
		}
		vfs->at[vfs->n++] = vf;
	}
	return 0;
}

/* --- who uses them --- */

/* The last part of a link, or false. */
static bool last_part(struct host *host, char *buf, size_t size, const char *pci, const char *what)
{
	char link[1024];

	if (host_readlinkf(host, link, sizeof(link), PCI_DEVICES "/%s/%s", pci, what) <= 0)
		return false;

	const char *slash = strrchr(link, '/');
	(void)snprintf(buf, size, "%.*s", (int)size - 1, slash ? slash + 1 : link);
	return true;
}

/* The processes that have VFIO groups open, looked up once a run and only when there are any. */
struct holders {
	struct holder {
		char group[16];
		uint64_t pid;
	} * at;
	size_t n;
	unsigned n_files;
	bool is_read, is_denied;
};

static void read_holder(struct holders *holders, struct host *host, uint64_t pid)
{
	static const char prefix[] = "/dev/vfio/";
	struct host_names files = {0};
	int r = host_listf(host, &files, "proc/%llu/fd", (unsigned long long)pid);

	if (r < 0) {
		holders->is_denied |= errno_is_denied(-r) != 0;
		return;
	}
	for (size_t i = 0; i < files.n && holders->n_files < FILES_MAX; i++) {
		char target[64];
		ssize_t n = host_readlinkf(host, target, sizeof(target), "proc/%llu/fd/%s",
					   (unsigned long long)pid, files.names[i]);

		holders->n_files++;
		if (n <= 0 || strncmp(target, prefix, sizeof(prefix) - 1) != 0 ||
		    !strcmp(target, "/dev/vfio/vfio"))
			continue;
		holders->at = xrealloc(holders->at, (holders->n + 1) * sizeof(*holders->at));
		holders->at[holders->n].pid = pid;
		(void)snprintf(holders->at[holders->n].group, sizeof(holders->at->group), "%.15s",
			       target + sizeof(prefix) - 1);
		holders->n++;
	}
	host_names_done(&files);
}

static void read_holders(struct holders *holders, struct host *host)
{
	struct host_names names = {0};

	holders->is_read = true;
	if (host_listf(host, &names, "proc") < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t pid;

		if (parse_u64(names.names[i], &pid) == 0)
			read_holder(holders, host, pid);
	}
	host_names_done(&names);
}

static void vfio_user(struct holders *holders, struct host *host, const char *pci, char *buf,
		      size_t size)
{
	char group[16], comm[64];

	if (!holders->is_read)
		read_holders(holders, host);
	(void)snprintf(buf, size, "vfio, %s", holders->is_denied ? "process denied" : "no process");
	if (!last_part(host, group, sizeof(group), pci, "iommu_group"))
		return;
	for (size_t i = 0; i < holders->n; i++) {
		unsigned long long pid = holders->at[i].pid;

		if (strcmp(holders->at[i].group, group) != 0)
			continue;
		if (host_readf(host, comm, sizeof(comm), "proc/%llu/comm", pid) < 0)
			comm[0] = '\0';
		(void)snprintf(buf, size, "vfio, process %llu%s%s", pid, comm[0] ? " " : "", comm);
		return;
	}
}

static void emit_user(struct host *host, const char *pci, struct holders *holders,
		      struct sample_row *row, struct sample *out)
{
	struct host_names names = {0};
	char driver[64], user[160];

	if (!last_part(host, driver, sizeof(driver), pci, "driver")) {
		sample_text(out, row, VF_USER, "unbound");
		return;
	}
	sample_text(out, row, VF_DRIVER, driver);
	if (!strcmp(driver, "vfio-pci") || strstr(driver, "-vfio-pci")) {
		vfio_user(holders, host, pci, user, sizeof(user));
		sample_text(out, row, VF_USER, user);
		return;
	}
	/* The directory shows the interfaces of our own network namespace only. */
	if (host_listf(host, &names, PCI_DEVICES "/%s/net", pci) == 0 && names.n)
		sample_text(out, row, VF_USER, names.names[0]);
	else
		sample_text(out, row, VF_USER, "another network namespace");
	host_names_done(&names);
}

/* --- emitting --- */

static const char *link_state_text(uint32_t state)
{
	static const char *const names[] = {"auto", "enable", "disable"};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

static void emit_settings(const struct vf *vf, struct sample_row *row, struct sample *out)
{
	char mac[3 * MAC_LEN];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vf->mac[0], vf->mac[1],
		       vf->mac[2], vf->mac[3], vf->mac[4], vf->mac[5]);
	sample_text(out, row, VF_MAC, mac);
	if (vf->has_vlan) {
		sample_u64(row, VF_VLAN, vf->vlan);
		sample_u64(row, VF_QOS, vf->qos);
	}
	if (vf->has_trust)
		sample_bool(row, VF_TRUST, vf->trust != 0);
	if (vf->has_spoofchk)
		sample_bool(row, VF_SPOOFCHK, vf->spoofchk != 0);
	if (vf->has_link_state)
		sample_text(out, row, VF_LINK_STATE, link_state_text(vf->link_state));
	if (vf->has_rate) { /* Mbit/s */
		sample_u64(row, VF_MIN_RATE, vf->min_rate * UINT64_C(1000000));
		sample_u64(row, VF_MAX_RATE, vf->max_rate * UINT64_C(1000000));
	}
	for (unsigned i = 0; i < STATS; i++) {
		if (vf->has_stat[i])
			sample_u64(row, VF_FIRST_STAT + i, vf->stats[i]);
	}
}

static void emit(const struct vf *vf, struct host *host, struct holders *holders,
		 struct sample *out)
{
	char name[64], parent[32], link[1024];

	(void)snprintf(name, sizeof(name), "%s vf %u", vf->pf, vf->number);
	(void)snprintf(parent, sizeof(parent), "nic:%s", vf->pf);

	struct sample_row *row = sample_row(out, 0, parent, name, "vf:%s/%u", vf->pf, vf->number);

	row->identity = vf->pf_ifindex;
	emit_settings(vf, row, out);

	ssize_t n = host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device/virtfn%u", vf->pf,
				   vf->number);
	const char *slash = n > 0 ? strrchr(link, '/') : NULL;
	const char *pci = slash ? slash + 1 : link;
	if (n <= 0 || !nic_is_pci_address(pci))
		return;
	sample_text(out, row, VF_PCI, pci);
	emit_user(host, pci, holders, row, out);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct holders holders = {0};
	struct vfs vfs = {0};
	int r = nic_links_dump(host, "getlink-vf", RTEXT_FILTER_VF, take_link, &vfs);

	(void)data;
	if (r < 0)
		sample_errorf(out, "%s", host_netlink_why(host));
	for (size_t i = 0; i < vfs.n && r >= 0; i++)
		emit(&vfs.at[i], host, &holders, out);
	free(vfs.at);
	free(holders.at);
	return r < 0 ? r : 0;
}

const struct probe probe_vf = {
	.name = "vf",
	.summary = "Virtual functions of network devices and who uses them",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_SLOW,
	.period_ns = 5 * NSEC_PER_SEC,
	.sample = sample,
};
