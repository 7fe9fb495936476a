/*
 * The netlink and ethtool doors: what a reply is made of, every way in which it can be bad as a
 * reason in words, recorded and replayed, and this machine's own loopback.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host_ethtool.h"
#include "core/host_netlink.h"
#include "probes/netdev.h"
#include "tests/unit/netlink_fixture.h"
#include "tests/unit/tree.h"

static int setup(void **state)
{
	struct host *host;

	tree_check(host_open_fake(&host) == 0, "host_open_fake");
	*state = host;
	return 0;
}

static int teardown(void **state)
{
	host_close(*state);
	return 0;
}

static int count_message(void *data, const struct host_netlink_message *message)
{
	assert_int_equal(message->command, 3);
	++*(unsigned *)data;
	return 0;
}

static int ask(struct host *host, unsigned *ret_n)
{
	struct host_netlink_request request = {
		.family = "netdev", .name = "test", .command = 3, .is_dump = true};

	*ret_n = 0;
	return host_netlink(host, &request, count_message, ret_n);
}

static void answer(struct host *host, struct stream *stream)
{
	host_fake_netlink(host, "netdev", "test", NULL, stream->bytes, stream->len);
	*stream = (struct stream){0};
}

static void test_good(void **state)
{
	struct host *host = *state;
	struct stream stream = {0};
	unsigned n;

	stream_genl(&stream, 3, 0, NULL);
	stream_genl(&stream, 3, 0, NULL);
	stream_done(&stream, 0, NULL);
	answer(host, &stream);
	assert_int_equal(ask(host, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(host_netlink_why(host), "");
}

/* Something came or went while the kernel listed: all that came is delivered, and said. */
static void test_disturbed(void **state)
{
	struct host *host = *state;
	struct stream stream = {0};
	unsigned n;

	stream_genl(&stream, 3, NLM_F_DUMP_INTR, NULL);
	stream_done(&stream, 0, NULL);
	answer(host, &stream);
	assert_int_equal(ask(host, &n), 1);
	assert_int_equal(n, 1);
}

static void assert_fails(struct host *host, int err, const char *why)
{
	unsigned n;

	assert_int_equal(ask(host, &n), err);
	assert_int_equal(n, 0); /* no half of a dump */
	assert_string_equal(host_netlink_why(host), why);
}

static void test_errors_in_words(void **state)
{
	struct host *host = *state;
	struct stream stream = {0};

	assert_fails(host, -ENOENT, "netlink netdev test: not in this capture");

	stream_genl(&stream, 3, 0, NULL);
	stream_error(&stream, -EOPNOTSUPP, "device does not support it");
	answer(host, &stream);
	assert_fails(host, -EOPNOTSUPP,
		     "netlink netdev test: Operation not supported: device does not support it");

	stream_error(&stream, -EPERM, NULL);
	answer(host, &stream);
	assert_fails(host, -EPERM, "netlink netdev test: Operation not permitted");

	stream_done(&stream, -EINVAL, "Unknown device");
	answer(host, &stream);
	assert_fails(host, -EINVAL, "netlink netdev test: Invalid argument: Unknown device");

	stream_overrun(&stream);
	answer(host, &stream);
	assert_fails(host, -ENOBUFS,
		     "netlink netdev test: the kernel dropped a part of the answer");
}

static void test_bad_replies(void **state)
{
	struct host *host = *state;
	struct stream stream = {0};

	stream_genl(&stream, 3, 0, NULL); /* no end */
	answer(host, &stream);
	assert_fails(host, -EBADMSG, "netlink netdev test: the answer has no end");

	answer(host, &stream); /* nothing at all */
	assert_fails(host, -EBADMSG, "netlink netdev test: the answer has no end");

	stream_genl(&stream, 3, 0, NULL);
	stream_done(&stream, 0, NULL);
	stream.len -= 6; /* inside of the last message */
	answer(host, &stream);
	assert_fails(host, -EMSGSIZE, "netlink netdev test: the answer was cut off");

	stream_error(&stream, 22, NULL); /* errors are negative */
	answer(host, &stream);
	assert_fails(host, -EBADMSG, "netlink netdev test: the answer makes no sense");

	host_fake_file(host, "netlink/netdev/test", "0g");
	assert_fails(host, -EINVAL,
		     "netlink netdev test: netlink/netdev/test: no hexadecimal digits");

	host_fake_error(host, "netlink/netdev/test", EACCES);
	assert_fails(host, -EACCES, "netlink netdev test: Permission denied");
}

/* --- the netdev family --- */

static void test_netdev(void **state)
{
	struct host *host = *state;
	struct stream stream = {0};
	struct netdev_queues queues = {0};
	struct netdev_napis napis = {0};
	struct netdev_qstats_list stats = {0};

	stream_genl_u32(&stream, 10, (uint32_t[]){1, 0, 2, 7, 3, 0, 4, 99, 0});
	stream_genl_u32(&stream, 10, (uint32_t[]){1, 3, 2, 7, 3, 1, 0});
	stream_genl_u32(&stream, 10, (uint32_t[]){1, 3, 2, 7, 3, 5, 0}); /* a type of the future */
	stream_done(&stream, 0, NULL);
	host_fake_netlink(host, "netdev", "queue-get", NULL, stream.bytes, stream.len);
	assert_int_equal(netdev_queues(host, &queues), 0);
	assert_int_equal(queues.n, 2);
	assert_true(!queues.at[0].is_tx && queues.at[0].has_napi && queues.at[0].napi_id == 99);
	assert_true(queues.at[1].is_tx && !queues.at[1].has_napi && queues.at[1].index == 3);
	netdev_queues_done(&queues);

	stream = (struct stream){0};
	stream_genl_u32(&stream, 11, (uint32_t[]){1, 7, 2, 99, 3, 24, 5, 2, 6, 20000, 0});
	stream_done(&stream, 0, NULL);
	host_fake_netlink(host, "netdev", "napi-get", NULL, stream.bytes, stream.len);
	assert_int_equal(netdev_napis(host, &napis), 0);
	assert_int_equal(napis.n, 1);
	assert_true(napis.at[0].has_irq && napis.at[0].irq == 24 && !napis.at[0].has_pid);
	assert_true(napis.at[0].params[NETDEV_NAPI_DEFER] == 2 &&
		    napis.at[0].params[NETDEV_NAPI_FLUSH] == 20000);
	netdev_napis_done(&napis);

	stream = (struct stream){0};
	stream_genl_u32(&stream, 12, (uint32_t[]){1, 7, 2, 0, 3, 1, 8, 1000, 14, 5, 0});
	stream_genl_u32(&stream, 12, (uint32_t[]){1, 7, 8, 4000, 0}); /* a sum: no queue */
	stream_done(&stream, 0, NULL);
	host_fake_netlink(host, "netdev", "qstats-get", NULL, stream.bytes, stream.len);
	assert_int_equal(netdev_qstats(host, &stats), 0);
	assert_int_equal(stats.n, 1);
	assert_int_equal(stats.at[0].has, 1u << NETDEV_PACKETS | 1u << NETDEV_OVERRUNS);
	assert_int_equal(stats.at[0].stats[NETDEV_PACKETS], 1000);
	assert_int_equal(stats.at[0].stats[NETDEV_OVERRUNS], 5);
	netdev_qstats_done(&stats);

	stream = (struct stream){0};
	stream_genl_u32(&stream, 10, (uint32_t[]){1, 0, 0}); /* which interface? */
	stream_done(&stream, 0, NULL);
	host_fake_netlink(host, "netdev", "queue-get", NULL, stream.bytes, stream.len);
	assert_int_equal(netdev_queues(host, &queues), -EBADMSG);
	assert_string_equal(host_netlink_why(host),
			    "netlink netdev queue-get: the answer makes no sense");
}

/* --- ethtool --- */

static void test_ethtool_text(void **state)
{
	struct host *host = *state;
	struct host_ethtool_stats stats = {0};

	assert_int_equal(host_ethtool_stats(host, "eth0", &stats), -ENOENT);
	host_fake_file(host, "ethtool/stats@eth0",
		       "NIC statistics:\n     rx_packets: 12\n     [3]: rx_bytes: 4000\n");
	assert_int_equal(host_ethtool_stats(host, "eth0", &stats), 0);
	assert_int_equal(stats.n, 2);
	assert_string_equal(stats.stats[1].name, "[3]: rx_bytes");
	assert_int_equal(stats.stats[1].value, 4000);
	host_ethtool_stats_done(&stats);

	static const char *const bad[] = {"rx", "rx: -1", ": 3", "rx: 1 2",
					  "a name that is longer than a string of ethtool: 1"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		host_fake_file(host, "ethtool/stats@eth0", bad[i]);
		assert_int_equal(host_ethtool_stats(host, "eth0", &stats), -EINVAL);
	}
}

static void test_ethtool_reads_only(void **state)
{
	struct ethtool_ringparam set = {.cmd = ETHTOOL_SRINGPARAM};
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct host *host = *state;

	assert_int_equal(host_ethtool_get(host, "eth0", &set, sizeof(set)), -EROFS);
	assert_int_equal(host_ethtool_get(host, "eth0", &info, sizeof(info)), -ENOENT);
	host_fake_file(host, "ethtool/drvinfo@eth0", "030000006162");
	assert_int_equal(host_ethtool_get(host, "eth0", &info, sizeof(info)), 6);
	assert_memory_equal(info.driver, "ab", 2);
	host_fake_file(host, "ethtool/drvinfo@eth0", "0x");
	assert_int_equal(host_ethtool_get(host, "eth0", &info, sizeof(info)), -EINVAL);
}

/* --- this machine --- */

static int find_lo(void *data, const struct host_netlink_message *message)
{
	const struct ifinfomsg *info = message->header;
	const struct nlattr *name =
		nla_find(message->attributes, message->attributes_len, IFLA_IFNAME);

	assert_int_equal(message->command, RTM_NEWLINK);
	if (name && info->ifi_flags & IFF_LOOPBACK)
		*(bool *)data = !strcmp(nla_data(name), "lo");
	return 0;
}

static int dump_links(struct host *host, bool *ret_has_lo)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
	struct host_netlink_request request = {
		.family = "route",
		.name = "getlink",
		.command = RTM_GETLINK,
		.is_dump = true,
		.header = &header,
		.header_len = sizeof(header),
	};

	*ret_has_lo = false;
	return host_netlink(host, &request, find_lo, ret_has_lo);
}

static int ignore(void *data, const struct host_netlink_message *message)
{
	(void)data;
	(void)message;
	return 0;
}

static void test_live(void **state)
{
	struct tree *tree = tree_new();
	char *dir = tree_path(tree, "capture");
	struct host *host, *copy;
	bool has_lo;
	(void)state;

	assert_int_equal(host_open_live(&host), 0);
	assert_int_equal(host_record(host, dir), 0);
	int r = dump_links(host, &has_lo);
	if (r < 0) {
		print_message("no netlink here: %s\n", host_netlink_why(host));
		skip();
	}
	assert_true(has_lo);

	struct host_netlink_request nobody = {.family = "jittertop", .name = "x", .command = 1};
	assert_int_equal(host_netlink(host, &nobody, ignore, NULL), -EPERM);
	nobody.name = "x-get";
	assert_int_equal(host_netlink(host, &nobody, ignore, NULL), -ENOENT);
	assert_string_equal(host_netlink_why(host),
			    "netlink jittertop x-get: this kernel has no such family");

	struct nl_msg *attributes = nlmsg_alloc();
	struct nlattr *header = nla_nest_start(attributes, ETHTOOL_A_RINGS_HEADER);
	assert_int_equal(nla_put_string(attributes, ETHTOOL_A_HEADER_DEV_NAME, "no-such-device"),
			 0);
	nla_nest_end(attributes, header);
	struct host_netlink_request rings = {.family = "ethtool",
					     .name = "rings-get",
					     .command = ETHTOOL_MSG_RINGS_GET,
					     .device = "no-such-device",
					     .attributes = attributes};
	assert_int_equal(host_netlink(host, &rings, ignore, NULL), -ENODEV);
	assert_string_equal(
		host_netlink_why(host),
		"netlink ethtool rings-get no-such-device: No such device: no device matches name");

	/* The same from the recording, the kernel's words included. */
	assert_int_equal(host_open_captured(dir, &copy), 0);
	assert_int_equal(dump_links(copy, &has_lo), 0);
	assert_true(has_lo);
	assert_int_equal(host_netlink(copy, &rings, ignore, NULL), -ENODEV);
	assert_string_equal(
		host_netlink_why(copy),
		"netlink ethtool rings-get no-such-device: No such device: no device matches name");
	assert_int_equal(host_netlink(copy, &nobody, ignore, NULL), -ENOENT);
	nlmsg_free(attributes);
	host_close(copy);
	host_close(host);
	free(dir);
	tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disturbed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_in_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_netdev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ethtool_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ethtool_reads_only, setup, teardown),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
