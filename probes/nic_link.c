/* Links from rtnetlink. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/nic_internal.h"

struct list {
	struct nic_links links;
	unsigned room;
};

static bool get_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (!attr || nla_len(attr) < (int)sizeof(*ret))
		return false;
	*ret = nla_get_u32(attr);
	return true;
}

static bool get_u8(const struct nlattr *attr, uint8_t *ret)
{
	if (!attr || nla_len(attr) < 1)
		return false;
	*ret = nla_get_u8(attr);
	return true;
}

/* Up to the NUL or the end, whichever is first. */
static void get_text(const struct nlattr *attr, char *buf, size_t size)
{
	if (!attr || nla_len(attr) < 1)
		return;
	(void)snprintf(buf, size, "%.*s", nla_len(attr), (const char *)nla_data(attr));
}

/* Addresses have up to 32 bytes (InfiniBand 20). */
static void get_mac(const struct nlattr *attr, char *buf, size_t size)
{
	const unsigned char *bytes = attr ? nla_data(attr) : NULL;
	size_t n = 0;

	for (int i = 0; attr && i < nla_len(attr) && n + 3 < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%02x", i ? ":" : "", bytes[i]);
}

static void get_stats(const struct nlattr *attr, struct nic_link *link)
{
	struct rtnl_link_stats64 stats = {0};
	const size_t needed = offsetof(struct rtnl_link_stats64, rx_missed_errors) + 8;

	/* It grew over time: shorter and longer ones are fine as far as they go. */
	if (!attr || (size_t)nla_len(attr) < needed)
		return;
	memcpy(&stats, nla_data(attr),
	       (size_t)nla_len(attr) < sizeof(stats) ? (size_t)nla_len(attr) : sizeof(stats));
	link->has_stats = true;
	link->stats[NIC_STAT_RX_PACKETS] = stats.rx_packets;
	link->stats[NIC_STAT_TX_PACKETS] = stats.tx_packets;
	link->stats[NIC_STAT_RX_BYTES] = stats.rx_bytes;
	link->stats[NIC_STAT_TX_BYTES] = stats.tx_bytes;
	link->stats[NIC_STAT_RX_DROPS] = stats.rx_dropped;
	link->stats[NIC_STAT_TX_DROPS] = stats.tx_dropped;
	link->stats[NIC_STAT_RX_ERRORS] = stats.rx_errors;
	link->stats[NIC_STAT_TX_ERRORS] = stats.tx_errors;
	link->stats[NIC_STAT_RX_MISSED] = stats.rx_missed_errors;
}

static void get_kind(struct nlattr *attr, struct nic_link *link)
{
	struct nlattr *info[IFLA_INFO_MAX + 1];

	if (attr && nla_parse_nested(info, IFLA_INFO_MAX, attr, NULL) == 0)
		get_text(info[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
}

static void get_xdp(struct nlattr *attr, struct nic_link *link)
{
	struct nlattr *xdp[IFLA_XDP_MAX + 1];

	if (attr && nla_parse_nested(xdp, IFLA_XDP_MAX, attr, NULL) == 0)
		(void)get_u8(xdp[IFLA_XDP_ATTACHED], &link->xdp);
}

int nic_link_parse(const struct host_netlink_message *message, struct nic_link *ret)
{
	const struct ifinfomsg *info = message->header;
	struct nlattr *attrs[IFLA_MAX + 1];
	struct nic_link link = {0};
	uint8_t carrier;

	if (message->command != RTM_NEWLINK ||
	    nla_parse(attrs, IFLA_MAX, message->attributes, message->attributes_len, NULL) < 0)
		return -EBADMSG;
	get_text(attrs[IFLA_IFNAME], link.name, sizeof(link.name));
	if (info->ifi_index <= 0 || !link.name[0] || strchr(link.name, '/'))
		return -EBADMSG;
	link.ifindex = (uint32_t)info->ifi_index;
	link.has_state = get_u8(attrs[IFLA_OPERSTATE], &link.state);
	link.has_mtu = get_u32(attrs[IFLA_MTU], &link.mtu);
	link.has_carrier = get_u8(attrs[IFLA_CARRIER], &carrier);
	link.carrier = link.has_carrier && carrier;
	link.has_carrier_changes = get_u32(attrs[IFLA_CARRIER_CHANGES], &link.carrier_changes);
	link.has_queues = get_u32(attrs[IFLA_NUM_RX_QUEUES], &link.queues_rx) &&
			  get_u32(attrs[IFLA_NUM_TX_QUEUES], &link.queues_tx);
	(void)get_u32(attrs[IFLA_MASTER], &link.master);
	(void)get_u32(attrs[IFLA_LINK], &link.lower);
	link.has_lower_netns = get_u32(attrs[IFLA_LINK_NETNSID], &link.lower_netns);
	if (!link.has_lower_netns && link.lower == link.ifindex)
		link.lower = 0; /* tunnels name themselves */
	get_mac(attrs[IFLA_ADDRESS], link.mac, sizeof(link.mac));
	get_text(attrs[IFLA_IFALIAS], link.alias, sizeof(link.alias));
	get_stats(attrs[IFLA_STATS64], &link);
	get_kind(attrs[IFLA_LINKINFO], &link);
	get_xdp(attrs[IFLA_XDP], &link);
	*ret = link;
	return 0;
}

static int take(void *data, const struct host_netlink_message *message)
{
	struct list *list = data;

	if (list->links.n == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		list->links.at = xrealloc(list->links.at, list->room * sizeof(*list->links.at));
	}

	int r = nic_link_parse(message, &list->links.at[list->links.n]);
	list->links.n += r == 0;
	return r;
}

int nic_links_dump(struct host *host, const char *name, uint32_t ext_mask, host_netlink_fn *fn,
		   void *data)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "route",
		.name = name,
		.command = RTM_GETLINK,
		.is_dump = true,
		.header = &header,
		.header_len = sizeof(header),
		.attributes = attributes,
	};
	int r = -ENOMEM;

	if (attributes && nla_put_u32(attributes, IFLA_EXT_MASK, ext_mask) == 0)
		r = host_netlink(host, &request, fn, data);
	nlmsg_free(attributes);
	return r;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct nic_link *)a)->ifindex,
		 y = ((const struct nic_link *)b)->ifindex;

	return x < y ? -1 : x > y;
}

int nic_links(struct host *host, struct nic_links *ret)
{
	struct list list = {0};
	int r = nic_links_dump(host, "getlink", 0, take, &list);

	if (r < 0) {
		nic_links_done(&list.links);
		return r;
	}
	if (list.links.n)
		qsort(list.links.at, list.links.n, sizeof(*list.links.at), compare);
	*ret = list.links;
	return r;
}

void nic_links_done(struct nic_links *links)
{
	free(links->at);
	*links = (struct nic_links){0};
}

const struct nic_link *nic_links_find(const struct nic_links *links, uint32_t ifindex)
{
	struct nic_link key = {.ifindex = ifindex};

	return links->n ? bsearch(&key, links->at, links->n, sizeof(key), compare) : NULL;
}

/* As sysfs says it. */
const char *nic_state_text(uint8_t state)
{
	static const char *const names[] = {"unknown", "notpresent", "down", "lowerlayerdown",
					    "testing", "dormant",    "up"};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}
