/*
 * Netlink replies as the kernel's messages: links and VFs, ethtool's and the netdev family's. The
 * first byte says whether the input is a whole stream of messages, or the attributes of one
 * well-formed message, which reaches the parsers at once.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "probes/netdev.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

#define INPUT_MAX 8192u

static void put_all(struct host *host, const void *bytes, size_t len)
{
	static const char *const ethtool[] = {"strset-get",   "rings-get",    "channels-get",
					      "coalesce-get", "features-get", "privflags-get"};
	static const char *const netdev[] = {"queue-get", "napi-get", "qstats-get"};

	for (unsigned i = 0; i < ARRAY_SIZE(ethtool); i++)
		host_fake_netlink(host, "ethtool", ethtool[i], i ? NULL : "features", bytes, len);
	for (unsigned i = 0; i < ARRAY_SIZE(netdev); i++)
		host_fake_netlink(host, "netdev", netdev[i], NULL, bytes, len);
	host_fake_netlink(host, "ethtool", "rss-get", "eth0", bytes, len);
}

/* One message with data as attributes, and the end of the dump. */
static size_t wrap(char *out, const uint8_t *data, size_t size, uint16_t type, const void *header,
		   size_t header_len)
{
	struct nlmsghdr message = {.nlmsg_type = type};
	struct {
		struct nlmsghdr header;
		int err;
	} done = {.header = {.nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE}};
	size_t len = NLMSG_HDRLEN;

	memcpy(out + len, header, header_len);
	len += NLMSG_ALIGN(header_len);
	memcpy(out + len, data, size);
	len += size;
	message.nlmsg_len = (uint32_t)len;
	memcpy(out, &message, sizeof(message));
	len = NLMSG_ALIGN(len);
	memcpy(out + len, &done, sizeof(done));
	return len + sizeof(done);
}

static void read_netdev(struct host *host)
{
	struct netdev_queues queues = {0};
	struct netdev_napis napis = {0};
	struct netdev_qstats_list stats = {0};

	if (netdev_queues(host, &queues) < 0)
		assert(*host_netlink_why(host) && !queues.at);
	if (netdev_napis(host, &napis) < 0)
		assert(*host_netlink_why(host) && !napis.at);
	if (netdev_qstats(host, &stats) < 0)
		assert(*host_netlink_why(host) && !stats.at);
	netdev_queues_done(&queues);
	netdev_napis_done(&napis);
	netdev_qstats_done(&stats);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ifinfomsg info = {.ifi_index = 4};
	struct genlmsghdr generic = {.cmd = 1};
	struct host *host = probe_host(data, 0, NULL, 0);
	char *buf = xcalloc(1, INPUT_MAX + 256);
	bool is_stream = size && data[0] & 1;

	size = size > INPUT_MAX ? INPUT_MAX : size;
	if (size) {
		data++;
		size--;
	}
	/* The device that replies are about, for their details. */
	host_fake_link(host, "sys/class/net/eth0/device", "../../../0000:00:03.0");

	size_t len = is_stream ? size : wrap(buf, data, size, RTM_NEWLINK, &info, sizeof(info));
	const void *bytes = is_stream ? (const void *)data : buf;
	host_fake_netlink(host, "route", "getlink-vf", NULL, bytes, len);
	host_fake_netlink(host, "route", "getlink", NULL, bytes, len);
	probe_run(&probe_vf, host);
	probe_run(&probe_nic, host);

	/* IFLA_IFNAME "eth0": a link that is always understood. */
	static const uint8_t eth0[] = {9, 0, 3, 0, 'e', 't', 'h', '0', 0, 0, 0, 0};
	len = wrap(buf, eth0, sizeof(eth0), RTM_NEWLINK, &info, sizeof(info));
	host_fake_netlink(host, "route", "getlink", NULL, buf, len);
	len = is_stream ? size : wrap(buf, data, size, 30, &generic, sizeof(generic));
	put_all(host, is_stream ? (const void *)data : buf, len);
	probe_run(&probe_nic, host);
	read_netdev(host);
	host_close(host);
	free(buf);
	return 0;
}
