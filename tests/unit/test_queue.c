/*
 * The queue probe: queues, interrupts by action name for the drivers' naming habits, counters in
 * the order of their sources, interfaces and queues that come and go.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/queue_internal.h"
#include "tests/unit/netlink_fixture.h"
#include "tests/unit/probe_fixture.h"

#define NET "sys/class/net/"
#define DEV "sys/devices/pci0000:00/0000:3b:00.0"

static void put_queue(struct host *host, const char *nic, const char *queue)
{
	_cleanup_(freep) char *path = xasprintf(NET "%s/queues/%s/%s", nic, queue,
						queue[0] == 'r' ? "rps_cpus" : "xps_cpus");

	host_fake_file(host, path, "00000000,00000000");
}

static void put_irq(struct host *host, unsigned irq, const char *action, const char *cpus)
{
	_cleanup_(freep) char *msi = xasprintf(DEV "/msi_irqs/%u", irq);
	_cleanup_(freep) char *actions = xasprintf("sys/kernel/irq/%u/actions", irq);
	_cleanup_(freep) char *list = xasprintf("proc/irq/%u/effective_affinity_list", irq);

	host_fake_file(host, msi, "msix");
	host_fake_file(host, actions, action);
	host_fake_file(host, list, cpus);
}

/* eth0, igb, ifindex 2, two rx and two tx queues. */
static void put_nic(struct host *host)
{
	host_fake_link(host, NET "eth0", "../../devices/pci0000:00/0000:3b:00.0/net/eth0");
	host_fake_file(host, DEV "/net/eth0/ifindex", "2");
	host_fake_link(host, DEV "/net/eth0/device", "../../../0000:3b:00.0");
	host_fake_link(host, DEV "/driver", "../../../../bus/pci/drivers/igb");
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(freep) char *rx = xasprintf(DEV "/net/eth0/queues/rx-%u/rps_cpus", i);
		_cleanup_(freep) char *tx = xasprintf(DEV "/net/eth0/queues/tx-%u/xps_cpus", i);

		host_fake_file(host, rx, "00000000,00000000");
		host_fake_file(host, tx, i ? "00000000,0000000c" : "00000000,00000003");
	}
	put_irq(host, 40, "eth0", "0");
	put_irq(host, 41, "eth0-TxRx-0", "3");
	put_irq(host, 42, "eth0-TxRx-1", "4,6");
	host_fake_file(host, "ethtool/stats@eth0",
		       "NIC statistics:\n     rx_packets: 30\n     rx_queue_0_packets: 10\n"
		       "     rx_queue_0_bytes: 1000\n     rx_queue_0_drops: 1\n"
		       "     rx_queue_1_packets: 20\n     rx_queue_1_bytes: 2000\n"
		       "     rx_queue_1_drops: 2\n     rx_queue_1_csum_err: 4\n"
		       "     tx_queue_0_packets: 5\n     tx_queue_0_bytes: 500");
}

static void test_queues(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "queue"), 4);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "direction"), "rx");
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "index"), 1);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "packets"), 20);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "bytes"), 2000);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "drops"), 2);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "errors"), 4);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "source"), "ethtool -S");
	assert_int_equal(fixture_u64(&f, "queue:eth0/tx-0", "packets"), 5);
	/* tx-1 counted nothing by name: absent, not zero */
	assert_int_equal(fixture_state(&f, "queue:eth0/tx-1", "packets"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "queue:eth0/tx-1", "source"), VALUE_ABSENT);
	/* One interrupt serves a pair. */
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "irq"), 42);
	assert_int_equal(fixture_u64(&f, "queue:eth0/tx-1", "irq"), 42);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "irq_cpus"), "4,6");
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-0", "irq_cpus"), "3");
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "how"), "action name");
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "rps_cpus"), "");
	assert_string_equal(fixture_text(&f, "queue:eth0/tx-1", "xps_cpus"), "2-3");
	assert_int_equal(fixture_state(&f, "queue:eth0/tx-1", "napi_id"), VALUE_ABSENT);
	fixture_done(&f);
}

/* netdev: napi-get names the interrupt whatever the driver called it; qstats come before names. */
static void put_netdev(struct host *host)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));
	struct nl_msg *msg = nlmsg_alloc();

	nla_put_u32(msg, 1, 1);	  /* QUEUE_ID */
	nla_put_u32(msg, 2, 2);	  /* IFINDEX */
	nla_put_u32(msg, 3, 0);	  /* rx */
	nla_put_u32(msg, 4, 700); /* NAPI_ID */
	stream_genl(stream, 10, NLM_F_MULTI, msg);
	stream_done(stream, 0, NULL);
	host_fake_netlink(host, "netdev", "queue-get", NULL, stream->bytes, stream->len);
	*stream = (struct stream){0};
	msg = nlmsg_alloc();
	nla_put_u32(msg, 1, 2);	  /* IFINDEX */
	nla_put_u32(msg, 2, 700); /* ID */
	nla_put_u32(msg, 3, 77);  /* IRQ */
	stream_genl(stream, 11, NLM_F_MULTI, msg);
	stream_done(stream, 0, NULL);
	host_fake_netlink(host, "netdev", "napi-get", NULL, stream->bytes, stream->len);
	*stream = (struct stream){0};
	msg = nlmsg_alloc();
	nla_put_u32(msg, 1, 2); /* IFINDEX */
	nla_put_u32(msg, 2, 0); /* rx */
	nla_put_u32(msg, 3, 1); /* QUEUE_ID */
	nla_put_u64(msg, 8, 12345);
	nla_put_u64(msg, 9, 67890);
	stream_genl(stream, 12, NLM_F_MULTI, msg);
	stream_done(stream, 0, NULL);
	host_fake_netlink(host, "netdev", "qstats-get", NULL, stream->bytes, stream->len);
	free(stream);
}

static void test_netdev(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	put_netdev(f.host);
	host_fake_file(f.host, "proc/irq/77/smp_affinity_list", "0-7"); /* no effective one */
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "napi_id"), 700);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "irq"), 77);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "how"), "napi-get");
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "irq_cpus"), "0-7");
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "packets"), 12345);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "bytes"), 67890);
	/* What qstats leave out, the names may know. */
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "drops"), 2);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "source"), "qstats, ethtool -S");
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-0", "how"), "action name");
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-0", "packets"), 10);
	fixture_done(&f);
}

/* A tap: no device, no statistics by name; its only queues are the interface. */
static void test_single(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_queue(f.host, "tap0", "rx-0");
	put_queue(f.host, "tap0", "tx-0");
	put_queue(f.host, "tap0", "tx-1");
	host_fake_file(f.host, NET "tap0/statistics/rx_packets", "7");
	host_fake_file(f.host, NET "tap0/statistics/rx_bytes", "700");
	host_fake_file(f.host, NET "tap0/statistics/tx_packets", "9");
	host_fake_file(f.host, NET "bonding_masters", "");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "queue"), 3);
	assert_int_equal(fixture_u64(&f, "queue:tap0/rx-0", "packets"), 7);
	assert_string_equal(fixture_text(&f, "queue:tap0/rx-0", "source"), "sysfs");
	assert_int_equal(fixture_state(&f, "queue:tap0/rx-0", "drops"), VALUE_ABSENT);
	/* Two transmit queues: which of them it was, nobody says. */
	assert_int_equal(fixture_state(&f, "queue:tap0/tx-0", "packets"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "queue:tap0/tx-0", "irq"), VALUE_ABSENT);
	fixture_done(&f);
}

/* veth: queues that count less than the interface count nothing. */
static void test_partial(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	host_fake_link(f.host, DEV "/driver", "../../../../bus/pci/drivers/veth");
	host_fake_file(f.host, "ethtool/stats@eth0",
		       "     rx_queue_0_xdp_packets: 60\n     rx_queue_0_drops: 1\n"
		       "     rx_queue_1_xdp_packets: 40\n     rx_queue_1_drops: 2");
	host_fake_file(f.host, DEV "/net/eth0/statistics/rx_packets", "101");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "packets"), 40);
	host_fake_file(f.host, DEV "/net/eth0/statistics/rx_packets", "201");
	fixture_run(&f);
	assert_int_equal(fixture_state(&f, "queue:eth0/rx-1", "packets"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "drops"), 2);
	fixture_done(&f);
}

/* Queues appear and vanish with the channels; no rate moves to another queue. */
static void test_changes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	fixture_run(&f);
	host_fake_clock(f.host, 2 * NSEC_PER_SEC);
	host_fake_remove(f.host, DEV "/net/eth0/queues/rx-0");
	host_fake_file(f.host, "ethtool/stats@eth0",
		       "     rx_queue_1_packets: 25\n     tx_queue_0_packets: 5");
	fixture_run(&f);
	assert_null(snapshot_find(f.snap, "queue:eth0/rx-0"));
	assert_true(entity_rate(snapshot_find(f.snap, "queue:eth0/rx-1"), "packets") == 5);
	assert_true(entity_rate(snapshot_find(f.snap, "queue:eth0/tx-0"), "packets") == 0);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "irq"), 42);
	host_fake_remove(f.host, NET "eth0");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "queue"), 0);
	fixture_done(&f);
}

static void test_errors(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	host_fake_error(f.host, "ethtool/stats@eth0", EPERM);
	host_fake_error(f.host, "proc/irq/42/effective_affinity_list", EACCES);
	host_fake_error(f.host, DEV "/net/eth0/queues/rx-0/rps_cpus", EACCES);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_non_null(strstr(fixture_error(&f), "ethtool -S eth0"));
	assert_int_equal(fixture_state(&f, "queue:eth0/rx-1", "irq_cpus"), VALUE_DENIED);
	assert_int_equal(fixture_state(&f, "queue:eth0/rx-0", "rps_cpus"), VALUE_DENIED);
	assert_int_equal(fixture_state(&f, "queue:eth0/rx-0", "packets"), VALUE_ABSENT);
	fixture_done(&f);
	fixture_fake(&f, &probe_queue);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_ABSENT);
	fixture_done(&f);
}

static const struct action {
	const char *action, *ifname, *device;
	bool is_own;
	enum queue_serves serves;
	unsigned index;
} actions[] = {
	{"eth0-TxRx-3", "eth0", "0000:3b:00.0", true, SERVES_BOTH, 3},
	{"eno3-TxRx-15", "eno3", "0000:1a:00.0", false, SERVES_BOTH, 15},
	{"eth0-TxRx-3", "eth1", "", false, SERVES_NONE, 0},
	{"eth0-TxRx-3", "renamed", "0000:3b:00.0", true, SERVES_BOTH, 3},
	{"eth0-rx-2", "eth0", "", false, SERVES_RX, 2},
	{"eth0-tx-2", "eth0", "", false, SERVES_TX, 2},
	{"eth0-Tx-Rx-7", "eth0", "", true, SERVES_BOTH, 7},
	{"ena-mgmnt@pci:0000:00:05.0", "eth0", "0000:00:05.0", true, SERVES_NONE, 0},
	{"i40e-ens1f0-TxRx-31", "ens1f0", "0000:86:00.0", true, SERVES_BOTH, 31},
	{"i40e-0000:86:00.0:misc", "ens1f0", "0000:86:00.0", true, SERVES_NONE, 0},
	/* flow director, not queue 0 */
	{"i40e-0000:86:00.0:fdir-TxRx-0", "ens1f0", "0000:86:00.0", true, SERVES_NONE, 0},
	{"ice-eth0-TxRx-1", "eth0", "", false, SERVES_BOTH, 1},
	{"virtio2-input.0", "eth0", "virtio2", true, SERVES_RX, 0},
	{"virtio2-output.1", "eth0", "virtio2", true, SERVES_TX, 1},
	{"virtio2-config", "eth0", "virtio2", true, SERVES_NONE, 0},
	{"virtio2-virtqueues", "eth0", "virtio2", true, SERVES_ALL, 0},
	{"virtio3-input.0", "eth0", "virtio2", true, SERVES_NONE, 0},
	{"mlx5_comp12@pci:0000:81:00.1", "ens2", "0000:81:00.1", true, SERVES_BOTH, 12},
	{"mlx5_comp12@pci:0000:81:00.0", "ens2", "0000:81:00.1", true, SERVES_NONE, 0},
	{"mlx5_async0@pci:0000:81:00.1", "ens2", "0000:81:00.1", true, SERVES_NONE, 0},
	{"mlx4-3@0000:05:00.0", "eth4", "0000:05:00.0", true, SERVES_BOTH, 3},
	{"gve-ntfy-blk5@pci:0000:00:04.0", "eth0", "0000:00:04.0", true, SERVES_HALVES, 5},
	{"gve-mgmnt@pci:0000:00:04.0", "eth0", "0000:00:04.0", true, SERVES_NONE, 0},
	{"eth0-rxtx-4", "eth0", "", true, SERVES_BOTH, 4},
	{"eth0-event-8", "eth0", "0000:0b:00.0", false, SERVES_NONE, 0},
	{"eth0-fp-3", "eth0", "", true, SERVES_BOTH, 3},
	{"eth0:rx-1", "eth0", "", true, SERVES_RX, 1},
	{"eth0-q2-tx", "eth0", "vif-0", false, SERVES_TX, 2},
	{"eth0-q2", "eth0", "", true, SERVES_BOTH, 2},
	{"hns3-0000:7d:00.0-TxRx-9", "eth0", "0000:7d:00.0", true, SERVES_BOTH, 9},
	{"eth0-5", "eth0", "", false, SERVES_BOTH, 5},
	{"eth0", "eth0", "", true, SERVES_NONE, 0},
	{"eth0-rx-99999", "eth0", "", false, SERVES_NONE, 0},
	{"", "eth0", "", true, SERVES_NONE, 0},
	{"$-input.0", "", "", true, SERVES_NONE, 0},
};

static void test_actions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
		const struct action *a = &actions[i];
		unsigned index = 0;
		enum queue_serves got =
			queue_action(a->action, a->ifname, a->device, a->is_own, &index);

		if (got != a->serves)
			print_error("\"%s\" of %s: %d\n", a->action, a->ifname, (int)got);
		assert_int_equal(got, a->serves);
		if (got != SERVES_NONE && got != SERVES_ALL)
			assert_int_equal(index, a->index);
	}
}

/* gve: blocks 0 and 1 transmit, 2 and 3 receive. atlantic: only the interface's name, in order. */
static void test_orders(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_queue);
	put_nic(f.host);
	host_fake_remove(f.host, DEV "/msi_irqs");
	for (unsigned i = 0; i < 4; i++) {
		_cleanup_(freep) char *name = xasprintf("gve-ntfy-blk%u@pci:0000:3b:00.0", i);

		put_irq(f.host, 50 + i, name, "1");
	}
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "queue:eth0/tx-0", "irq"), 50);
	assert_int_equal(fixture_u64(&f, "queue:eth0/tx-1", "irq"), 51);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-0", "irq"), 52);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "irq"), 53);
	host_fake_remove(f.host, DEV "/msi_irqs");
	put_irq(f.host, 60, "eth0", "1");
	put_irq(f.host, 61, "eth0", "1");
	host_fake_clock(f.host, 60 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "queue:eth0/rx-1", "irq"), 61);
	assert_string_equal(fixture_text(&f, "queue:eth0/rx-1", "how"), "msi_irqs");
	/* One more than there are queues: which is the odd one, nobody says. */
	put_irq(f.host, 62, "eth0", "1");
	host_fake_clock(f.host, 120 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_int_equal(fixture_state(&f, "queue:eth0/rx-1", "irq"), VALUE_ABSENT);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues),	cmocka_unit_test(test_netdev),
		cmocka_unit_test(test_single),	cmocka_unit_test(test_partial),
		cmocka_unit_test(test_changes), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_actions), cmocka_unit_test(test_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
