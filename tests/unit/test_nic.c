/*
 * The NIC and VF probes on netlink replies: what becomes of a link, of ethtool's details, of VFs;
 * what a bad reply leaves; and that a rate never crosses from one interface to another of the same
 * name.
 */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/host_netlink.h"
#include "tests/unit/netlink_fixture.h"
#include "tests/unit/probe_fixture.h"

extern const struct probe probe_nic, probe_vf;

static struct nl_msg *begin_link(int ifindex, const char *name)
{
	struct ifinfomsg info = {.ifi_index = ifindex};
	struct nl_msg *msg = stream_message(RTM_NEWLINK, 0, &info, sizeof(info));

	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, name), 0);
	return msg;
}

static void put_stats(struct nl_msg *msg, uint64_t packets)
{
	struct rtnl_link_stats64 stats = {.rx_packets = packets, .tx_dropped = 3};

	assert_int_equal(nla_put(msg, IFLA_STATS64, sizeof(stats), &stats), 0);
}

static void put_kind(struct nl_msg *msg, const char *kind)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

	assert_int_equal(nla_put_string(msg, IFLA_INFO_KIND, kind), 0);
	nla_nest_end(msg, info);
}

static void give_links(struct host *host, struct stream *stream)
{
	stream_done(stream, 0, NULL);
	host_fake_netlink(host, "route", "getlink", NULL, stream->bytes, stream->len);
	*stream = (struct stream){0};
}

static void one_link(struct host *host, int ifindex, uint64_t packets)
{
	struct stream stream = {0};
	struct nl_msg *msg = begin_link(ifindex, "veth0");

	put_stats(msg, packets);
	stream_add(&stream, msg);
	give_links(host, &stream);
}

static void tick(struct fixture *f, uint64_t seconds)
{
	host_fake_clock(f->host, seconds * NSEC_PER_SEC);
	fixture_run(f);
}

static void test_links(void **state)
{
	struct stream stream = {0};
	struct fixture f;
	struct nl_msg *msg;
	(void)state;

	fixture_fake(&f, &probe_nic);
	msg = begin_link(9, "br0");
	put_kind(msg, "bridge");
	stream_add(&stream, msg);
	msg = begin_link(2, "eth0");
	put_stats(msg, 100);
	assert_int_equal(nla_put_u32(msg, IFLA_MTU, 9000), 0);
	assert_int_equal(nla_put_u8(msg, IFLA_OPERSTATE, 6), 0);
	assert_int_equal(nla_put_u8(msg, IFLA_CARRIER, 1), 0);
	assert_int_equal(nla_put_u32(msg, IFLA_MASTER, 9), 0);
	assert_int_equal(nla_put(msg, IFLA_ADDRESS, 6, "\x02\x00\x00\x00\x00\xfe"), 0);
	assert_int_equal(nla_put_string(msg, IFLA_IFALIAS, "up\x1b[31m"), 0);
	stream_add(&stream, msg);
	msg = begin_link(3, "eth0.7");
	put_kind(msg, "vlan");
	assert_int_equal(nla_put_u32(msg, IFLA_LINK, 2), 0);
	stream_add(&stream, msg);
	msg = begin_link(5, "veth0");
	assert_int_equal(nla_put_u32(msg, IFLA_LINK, 2), 0); /* not our number 2 */
	assert_int_equal(nla_put_s32(msg, IFLA_LINK_NETNSID, 0), 0);
	stream_add(&stream, msg);
	give_links(f.host, &stream);
	tick(&f, 1);

	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "nic"), 4);
	assert_string_equal(fixture_text(&f, "nic:eth0", "state"), "up");
	assert_string_equal(fixture_text(&f, "nic:eth0", "mac"), "02:00:00:00:00:fe");
	assert_string_equal(fixture_text(&f, "nic:eth0", "master"), "br0");
	assert_string_equal(fixture_text(&f, "nic:eth0", "alias"), "up\\e[31m");
	assert_int_equal(fixture_u64(&f, "nic:eth0", "mtu"), 9000);
	assert_int_equal(fixture_u64(&f, "nic:eth0", "carrier"), 1);
	assert_int_equal(fixture_u64(&f, "nic:eth0", "rx_packets"), 100);
	assert_int_equal(fixture_u64(&f, "nic:eth0", "tx_drops"), 3);
	assert_int_equal(fixture_state(&f, "nic:eth0", "nic_kind"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "nic:br0", "nic_kind"), "bridge");
	assert_int_equal(fixture_u64(&f, "nic:br0", "ports"), 1);
	assert_int_equal(fixture_state(&f, "nic:br0", "rx_packets"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "nic:eth0.7", "lower"), "eth0");
	assert_string_equal(fixture_text(&f, "nic:veth0", "lower"),
			    "number 2 in another namespace");
	fixture_done(&f);
}

static double rate(const struct fixture *f)
{
	return entity_rate(snapshot_find(f->snap, "nic:veth0"), "rx_packets");
}

/* The name is used again at once: the new interface has more packets than the old one had, and no
 * rate from that. */
static void test_identity(void **state)
{
	struct fixture f;
	(void)state;

	fixture_fake(&f, &probe_nic);
	one_link(f.host, 7, 100);
	tick(&f, 1);
	one_link(f.host, 7, 300);
	tick(&f, 2);
	assert_true(fabs(rate(&f) - 200) < 0.001);
	one_link(f.host, 8, 900);
	tick(&f, 3);
	assert_int_equal(fixture_u64(&f, "nic:veth0", "rx_packets"), 900);
	assert_true(isnan(rate(&f)));
	one_link(f.host, 8, 901);
	tick(&f, 4);
	assert_true(fabs(rate(&f) - 1) < 0.001);
	fixture_done(&f);
}

/* A bad reply: sysfs serves, and the probe says why it is less than usual. */
static void test_bad_reply(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"1400", "netlink route getlink: the answer was cut off"},
		{"", "netlink route getlink: the answer has no end"},
	};
	struct stream stream = {0};
	struct fixture f;
	(void)state;

	fixture_fake(&f, &probe_nic);
	host_fake_file(f.host, "sys/class/net/eth0/operstate", "up");
	tick(&f, 1);
	assert_string_equal(fixture_error(&f), ""); /* no netlink in a capture is no error */
	assert_string_equal(fixture_text(&f, "nic:eth0", "state"), "up");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		host_fake_file(f.host, "netlink/route/getlink", cases[i].text);
		tick(&f, 2 + i);
		assert_string_equal(fixture_error(&f), cases[i].why);
		assert_string_equal(fixture_text(&f, "nic:eth0", "state"), "up");
	}

	stream_error(&stream, -EPERM, "not for you");
	host_fake_netlink(f.host, "route", "getlink", NULL, stream.bytes, stream.len);
	tick(&f, 9);
	assert_string_equal(fixture_error(&f),
			    "netlink route getlink: Operation not permitted: not for you");

	/* A link without a name, or with one that would lead elsewhere. */
	static const char *const names[] = {"", "../x"};
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		stream = (struct stream){0};
		stream_add(&stream, begin_link(4, names[i]));
		give_links(f.host, &stream);
		tick(&f, 10 + i);
		assert_string_equal(fixture_error(&f),
				    "netlink route getlink: the answer makes no sense");
	}
	fixture_done(&f);
}

static struct nl_msg *about(int ifindex, const char *name)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *header = nla_nest_start(msg, 1);

	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_HEADER_DEV_INDEX, (uint32_t)ifindex), 0);
	assert_int_equal(nla_put_string(msg, ETHTOOL_A_HEADER_DEV_NAME, name), 0);
	nla_nest_end(msg, header);
	return msg;
}

static void give(struct host *host, struct stream *stream, const char *name, const char *device)
{
	stream_done(stream, 0, NULL);
	host_fake_netlink(host, "ethtool", name, device, stream->bytes, stream->len);
	*stream = (struct stream){0};
}

static void give_feature_names(struct host *host)
{
	static const char *const names[] = {"tx-checksum-ip-generic", "rx-gro", "rx-hashing"};
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *sets = nla_nest_start(msg, ETHTOOL_A_STRSET_STRINGSETS);
	struct nlattr *set = nla_nest_start(msg, ETHTOOL_A_STRINGSETS_STRINGSET);
	struct nlattr *strings = nla_nest_start(msg, ETHTOOL_A_STRINGSET_STRINGS);
	struct stream stream = {0};

	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct nlattr *string = nla_nest_start(msg, 1);

		assert_int_equal(nla_put_u32(msg, ETHTOOL_A_STRING_INDEX, i + 31), 0);
		assert_int_equal(nla_put_string(msg, ETHTOOL_A_STRING_VALUE, names[i]), 0);
		nla_nest_end(msg, string);
	}
	nla_nest_end(msg, strings);
	nla_nest_end(msg, set);
	nla_nest_end(msg, sets);
	stream_genl(&stream, 1, 0, msg);
	give(host, &stream, "strset-get", "features");
}

static void give_features(struct host *host)
{
	uint32_t bits[] = {0, 1u << 1}; /* bit 33: rx-hashing */
	struct nl_msg *msg = about(7, "veth0");
	struct nlattr *set = nla_nest_start(msg, ETHTOOL_A_FEATURES_ACTIVE);
	struct stream stream = {0};

	assert_int_equal(nla_put(msg, ETHTOOL_A_BITSET_VALUE, sizeof(bits), bits), 0);
	nla_nest_end(msg, set);
	stream_genl(&stream, 1, 0, msg);
	give(host, &stream, "features-get", NULL);
}

static void test_details(void **state)
{
	struct stream stream = {0};
	struct fixture f;
	struct nl_msg *msg;
	(void)state;

	fixture_fake(&f, &probe_nic);
	one_link(f.host, 7, 1);
	give_feature_names(f.host);
	give_features(f.host);
	msg = about(7, "veth0");
	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_RINGS_RX, 256), 0);
	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_RINGS_RX_MAX, 4096), 0);
	stream_genl(&stream, 1, 0, msg);
	msg = about(6, "veth0"); /* the one before */
	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_RINGS_TX, 1), 0);
	stream_genl(&stream, 1, 0, msg);
	give(f.host, &stream, "rings-get", NULL);
	msg = about(7, "veth0");
	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_COALESCE_RX_USECS, 30), 0);
	assert_int_equal(nla_put_u8(msg, ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, 1), 0);
	stream_genl(&stream, 1, 0, msg);
	give(f.host, &stream, "coalesce-get", NULL);
	/* The dump of channels fails: asked one by one, and that says why. */
	stream_error(&stream, -EIO, "firmware is gone");
	host_fake_netlink(f.host, "ethtool", "channels-get", NULL, stream.bytes, stream.len);
	host_fake_netlink(f.host, "ethtool", "channels-get", "veth0", stream.bytes, stream.len);
	tick(&f, 1);

	assert_int_equal(fixture_u64(&f, "nic:veth0", "ring_rx"), 256);
	assert_int_equal(fixture_u64(&f, "nic:veth0", "ring_rx_max"), 4096);
	assert_int_equal(fixture_state(&f, "nic:veth0", "ring_tx"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "nic:veth0", "coalesce_rx_ns"), 30000);
	assert_int_equal(fixture_u64(&f, "nic:veth0", "adaptive_rx"), 1);
	assert_string_equal(fixture_text(&f, "nic:veth0", "features"), "rxhash");
	assert_int_equal(fixture_state(&f, "nic:veth0", "channels_combined"), VALUE_FAULT);
	assert_string_equal(
		fixture_error(&f),
		"netlink ethtool channels-get veth0: Input/output error: firmware is gone");
	fixture_done(&f);
}

/* What a recording holds of one ioctl: the bytes of its struct. */
static void give_ioctl(struct host *host, const char *name, const void *bytes, size_t size)
{
	char path[64], hex[512];

	assert_true(2 * size < sizeof(hex));
	for (size_t i = 0; i < size; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
	(void)snprintf(path, sizeof(path), "ethtool/%s@veth0", name);
	host_fake_file(host, path, hex);
}

static void give_ioctls(struct host *host)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM,
					 .rx_pending = 512,
					 .rx_max_pending = 4096,
					 .tx_pending = 256,
					 .tx_max_pending = 2048};
	struct ethtool_channels channels = {
		.cmd = ETHTOOL_GCHANNELS, .combined_count = 4, .max_combined = 8};
	struct ethtool_coalesce coalesce = {.cmd = ETHTOOL_GCOALESCE,
					    .rx_coalesce_usecs = 50,
					    .tx_max_coalesced_frames = 32,
					    .use_adaptive_rx_coalesce = 1};
	/* The header, then the table: eight entries to three queues, and a key. */
	uint32_t rss[6 + 8 + 1] = {ETHTOOL_GRSSH, 0, 8, 4};
	static const uint32_t queues[] = {0, 1, 2, 0, 1, 2, 0, 1};

	_Static_assert(sizeof(struct ethtool_rxfh) == 6 * sizeof(uint32_t), "layout");
	memcpy(rss + 6, queues, sizeof(queues));
	give_ioctl(host, "ringparam", &ring, sizeof(ring));
	give_ioctl(host, "channels", &channels, sizeof(channels));
	give_ioctl(host, "coalesce", &coalesce, sizeof(coalesce));
	give_ioctl(host, "rss", rss, sizeof(rss));
}

static void check_ioctls(const struct fixture *f)
{
	assert_string_equal(fixture_error(f), "");
	assert_int_equal(fixture_u64(f, "nic:veth0", "ring_rx"), 512);
	assert_int_equal(fixture_u64(f, "nic:veth0", "ring_rx_max"), 4096);
	assert_int_equal(fixture_u64(f, "nic:veth0", "ring_tx"), 256);
	assert_int_equal(fixture_u64(f, "nic:veth0", "ring_tx_max"), 2048);
	assert_int_equal(fixture_u64(f, "nic:veth0", "channels_combined"), 4);
	assert_int_equal(fixture_u64(f, "nic:veth0", "channels_combined_max"), 8);
	assert_int_equal(fixture_u64(f, "nic:veth0", "channels_rx"), 0);
	assert_int_equal(fixture_u64(f, "nic:veth0", "coalesce_rx_ns"), 50000);
	assert_int_equal(fixture_u64(f, "nic:veth0", "coalesce_tx_frames"), 32);
	assert_int_equal(fixture_u64(f, "nic:veth0", "adaptive_rx"), 1);
	assert_int_equal(fixture_u64(f, "nic:veth0", "adaptive_tx"), 0);
	assert_int_equal(fixture_u64(f, "nic:veth0", "rss_entries"), 8);
	assert_int_equal(fixture_u64(f, "nic:veth0", "rss_queues"), 3);
	assert_int_equal(fixture_u64(f, "nic:veth0", "rss_key"), 1);
}

/* Before Linux 5.6 there is no family "ethtool"; after it, its commands came one by one. */
static void test_old_kernels(void **state)
{
	static const char *const commands[] = {"rings-get", "channels-get", "coalesce-get",
					       "features-get", "privflags-get"};
	struct stream stream = {0};
	struct fixture f;
	(void)state;

	fixture_fake(&f, &probe_nic);
	one_link(f.host, 7, 1);
	host_fake_link(f.host, "sys/class/net/veth0/device", "../../../virtio0");
	give_ioctls(f.host);
	tick(&f, 1);
	check_ioctls(&f);
	fixture_done(&f);

	fixture_fake(&f, &probe_nic);
	one_link(f.host, 7, 1);
	host_fake_link(f.host, "sys/class/net/veth0/device", "../../../virtio0");
	give_ioctls(f.host);
	stream_error(&stream, -EOPNOTSUPP, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		host_fake_netlink(f.host, "ethtool", commands[i], NULL, stream.bytes, stream.len);
	tick(&f, 1);
	check_ioctls(&f);
	fixture_done(&f);
}

/* --- VFs --- */

static void put_vf(struct nl_msg *msg, uint32_t number, bool is_trusted)
{
	struct nlattr *entry = nla_nest_start(msg, IFLA_VF_INFO), *stats;
	struct ifla_vf_mac mac = {.vf = number, .mac = {2, 0, 0, 0, 0, (unsigned char)number}};
	struct ifla_vf_vlan vlan = {.vf = number, .vlan = 100, .qos = 3};
	struct ifla_vf_rate vf_rate = {.vf = number, .max_tx_rate = 500};
	struct ifla_vf_spoofchk spoofchk = {.vf = number, .setting = UINT32_MAX};
	struct ifla_vf_trust trust = {.vf = number, .setting = is_trusted};
	struct ifla_vf_link_state link_state = {.vf = number, .link_state = 1};

	assert_int_equal(nla_put(msg, IFLA_VF_MAC, sizeof(mac), &mac), 0);
	assert_int_equal(nla_put(msg, IFLA_VF_VLAN, sizeof(vlan), &vlan), 0);
	assert_int_equal(nla_put(msg, IFLA_VF_RATE, sizeof(vf_rate), &vf_rate), 0);
	assert_int_equal(nla_put(msg, IFLA_VF_SPOOFCHK, sizeof(spoofchk), &spoofchk), 0);
	assert_int_equal(nla_put(msg, IFLA_VF_TRUST, sizeof(trust), &trust), 0);
	assert_int_equal(nla_put(msg, IFLA_VF_LINK_STATE, sizeof(link_state), &link_state), 0);
	stats = nla_nest_start(msg, IFLA_VF_STATS);
	assert_int_equal(nla_put_u64(msg, IFLA_VF_STATS_RX_PACKETS, 1000 + number), 0);
	nla_nest_end(msg, stats);
	nla_nest_end(msg, entry);
}

static void put_vf_devices(struct host *host)
{
	static const char *const pci[] = {"0000:3b:02.0", "0000:3b:02.1", "0000:3b:02.2"};
	char path[128], target[128];

	for (unsigned i = 0; i < ARRAY_SIZE(pci); i++) {
		(void)snprintf(path, sizeof(path), "sys/class/net/eth0/device/virtfn%u", i);
		(void)snprintf(target, sizeof(target), "../%s", pci[i]);
		host_fake_link(host, path, target);
	}
	host_fake_link(host, "sys/bus/pci/devices/0000:3b:02.0/driver",
		       "../../../bus/pci/drivers/vfio-pci");
	host_fake_link(host, "sys/bus/pci/devices/0000:3b:02.0/iommu_group",
		       "../../../kernel/iommu_groups/41");
	host_fake_link(host, "sys/bus/pci/devices/0000:3b:02.1/driver",
		       "../../../bus/pci/drivers/iavf");
	host_fake_file(host, "sys/bus/pci/devices/0000:3b:02.1/net/eth0v1/mtu", "1500");
	host_fake_link(host, "proc/77/fd/5", "/dev/vfio/vfio");
	host_fake_link(host, "proc/77/fd/6", "/dev/vfio/41");
	host_fake_file(host, "proc/77/comm", "qemu-kvm");
}

static void test_vfs(void **state)
{
	struct stream stream = {0};
	struct fixture f;
	(void)state;

	fixture_fake(&f, &probe_vf);
	put_vf_devices(f.host);
	struct nl_msg *msg = begin_link(2, "eth0");
	struct nlattr *list = nla_nest_start(msg, IFLA_VFINFO_LIST);
	for (uint32_t i = 0; i < 3; i++)
		put_vf(msg, i, i == 1);
	nla_nest_end(msg, list);
	stream_add(&stream, msg);
	stream_done(&stream, 0, NULL);
	host_fake_netlink(f.host, "route", "getlink-vf", NULL, stream.bytes, stream.len);
	tick(&f, 1);

	assert_int_equal(fixture_count(&f, "vf"), 3);
	assert_string_equal(fixture_text(&f, "vf:eth0/1", "mac"), "02:00:00:00:00:01");
	assert_int_equal(fixture_u64(&f, "vf:eth0/1", "vlan"), 100);
	assert_int_equal(fixture_u64(&f, "vf:eth0/1", "qos"), 3);
	assert_int_equal(fixture_u64(&f, "vf:eth0/1", "trust"), 1);
	assert_int_equal(fixture_u64(&f, "vf:eth0/0", "trust"), 0);
	assert_int_equal(fixture_state(&f, "vf:eth0/0", "spoofchk"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "vf:eth0/0", "link_state"), "enable");
	assert_int_equal(fixture_u64(&f, "vf:eth0/0", "max_rate_bits_per_s"), 500000000);
	assert_int_equal(fixture_u64(&f, "vf:eth0/2", "rx_packets"), 1002);
	assert_int_equal(fixture_state(&f, "vf:eth0/2", "tx_packets"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "vf:eth0/0", "user"), "vfio, process 77 qemu-kvm");
	assert_string_equal(fixture_text(&f, "vf:eth0/1", "user"), "eth0v1");
	assert_string_equal(fixture_text(&f, "vf:eth0/2", "user"), "unbound");
	assert_string_equal(fixture_text(&f, "vf:eth0/2", "pci_address"), "0000:3b:02.2");

	/* Whose files we may not see. */
	host_fake_error(f.host, "proc/77/fd", EACCES);
	tick(&f, 10);
	assert_string_equal(fixture_text(&f, "vf:eth0/0", "user"), "vfio, process denied");

	stream = (struct stream){0};
	stream_error(&stream, -EPERM, NULL);
	host_fake_netlink(f.host, "route", "getlink-vf", NULL, stream.bytes, stream.len);
	tick(&f, 20);
	assert_int_equal(fixture_status(&f), SAMPLE_DENIED);
	assert_string_equal(fixture_error(&f), "netlink route getlink-vf: Operation not permitted");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),	    cmocka_unit_test(test_identity),
		cmocka_unit_test(test_bad_reply),   cmocka_unit_test(test_details),
		cmocka_unit_test(test_old_kernels), cmocka_unit_test(test_vfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
