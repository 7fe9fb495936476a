/*
 * Per-queue counter names: of every driver in the table by the names in its source, and the ethtool
 * -S texts of the shared captures (INDEX.md section 9), whose every counter is assigned or listed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "core/parse.h"
#include "probes/queue_names.h"
#include "tests/captures/unpack.h"

struct expected {
	const char *driver, *name;
	enum queue_name_result result;
	enum queue_direction direction;
	unsigned index;
	enum queue_counter counter;
};

#define Q(driver, name, direction, index, counter)                                                 \
	{                                                                                          \
		driver, name, QUEUE_NAME_QUEUE, QUEUE_##direction, index, QUEUE_##counter          \
	}
#define NOT(driver, name, result)                                                                  \
	{                                                                                          \
		driver, name, QUEUE_NAME_##result, QUEUE_RX, 0, QUEUE_OTHER                        \
	}

static const struct expected names[] = {
	Q("virtio_net", "rx_queue_0_packets", RX, 0, PACKETS),
	Q("virtio_net", "tx_queue_11_bytes", TX, 11, BYTES),
	Q("virtio_net", "rx_queue_3_drops", RX, 3, DROPS),
	Q("virtio_net", "rx_queue_3_xdp_drops", RX, 3, OTHER),
	Q("virtio_net", "rx0_drops", RX, 0, DROPS),
	Q("virtio_net", "tx0_tx_timeouts", TX, 0, ERRORS),
	NOT("virtio_net", "rx_drops", TOTAL),
	Q("ixgbe", "tx_queue_63_packets", TX, 63, PACKETS),
	NOT("ixgbe", "tx_pb_0_pxon", TOTAL),
	NOT("ixgbevf", "xdp_queue_0_packets", TOTAL),
	Q("i40e", "rx-128.packets", RX, 128, PACKETS),
	Q("i40e", "tx-47.tx_bytes", TX, 47, BYTES),
	NOT("i40e", "veb.tc_7_rx_bytes", TOTAL),
	NOT("i40e", "port.rx_priority_0_xon_2_xoff", TOTAL),
	Q("iavf", "tx-3.bytes", TX, 3, BYTES),
	Q("ice", "rx_queue_255_bytes", RX, 255, BYTES),
	Q("igb", "rx_queue_1_csum_err", RX, 1, ERRORS),
	Q("igb", "rx_queue_1_alloc_failed", RX, 1, ERRORS),
	Q("igb", "tx_queue_1_restart", TX, 1, OTHER),
	NOT("igb", "os2bmc_rx_by_bmc", TOTAL),
	Q("igc", "rx_queue_2_drops", RX, 2, DROPS),
	Q("mlx4_en", "rx7_packets", RX, 7, PACKETS),
	Q("mlx4_en", "rx7_dropped", RX, 7, DROPS),
	Q("mlx4_en", "rx7_xdp_drop", RX, 7, OTHER),
	NOT("mlx4_en", "rx_prio_0_packets", TOTAL),
	Q("mlx5_core", "rx31_bytes", RX, 31, BYTES),
	Q("mlx5_core", "rx31_lro_packets", RX, 31, OTHER),
	Q("mlx5_core", "rx31_mcast_packets", RX, 31, OTHER), /* part of rx31_packets */
	Q("mlx5_core", "rx31_xsk_packets", RX, 31, OTHER),
	Q("mlx5_core", "rx31_buff_alloc_err", RX, 31, ERRORS),
	Q("mlx5_core", "tx0_dropped", TX, 0, DROPS),
	Q("mlx5_core", "ch4_events", PAIR, 4, OTHER),
	NOT("mlx5_core", "rx_64_bytes_phy", TOTAL),
	NOT("mlx5_core", "rx_65_to_127_bytes_phy", TOTAL),
	NOT("mlx5_core", "rx_prio3_bytes", TOTAL),
	Q("bnxt_en", "[7]: rx_ucast_packets", RX, 7, PACKETS),
	Q("bnxt_en", "[7]: rx_mcast_bytes", RX, 7, BYTES),
	Q("bnxt_en", "[7]: tx_discards", TX, 7, DROPS),
	Q("bnxt_en", "[7]: rx_l4_csum_errors", RX, 7, ERRORS),
	Q("bnxt_en", "[7]: tpa_packets", RX, 7, OTHER), /* among the others already */
	Q("bnxt_en", "[7]: rx_tpa_bytes", RX, 7, OTHER),
	Q("bnxt_en", "[7]: missed_irqs", PAIR, 7, OTHER),
	NOT("bnxt_en", "rx_bytes_pri3", TOTAL),
	NOT("bnxt_en", "rx_128b_255b_frames", TOTAL),
	Q("bnx2x", "[2]: rx_bytes", RX, 2, BYTES),
	NOT("bnx2x", "[fcoe]: rx_bytes", TOTAL),
	Q("ena", "queue_1_tx_cnt", TX, 1, PACKETS),
	Q("ena", "queue_1_rx_bytes", RX, 1, BYTES),
	Q("ena", "queue_1_rx_rx_copybreak_pkt", RX, 1, OTHER),
	Q("ena", "queue_1_rx_bad_desc_num", RX, 1, ERRORS),
	NOT("ena", "queue_9_xdp_tx_cnt", TOTAL),
	Q("gve", "rx_bytes[15]", RX, 15, BYTES),
	Q("gve", "rx_queue_drop_cnt[15]", RX, 15, DROPS),
	Q("gve", "tx_completed_desc[0]", TX, 0, OTHER),
	Q("hv_netvsc", "rx_queue_0_xdp_drop", RX, 0, OTHER),
	Q("hv_netvsc", "tx_queue_5_packets", TX, 5, PACKETS),
	NOT("hv_netvsc", "cpu3_rx_packets", TOTAL),
	Q("be2net", "rxq0: rx_pkts", RX, 0, PACKETS),
	Q("be2net", "rxq0: rx_mcast_pkts", RX, 0, OTHER), /* part of rx_pkts */
	Q("be2net", "rxq0: rx_drops_no_frags", RX, 0, DROPS),
	Q("be2net", "txq3: tx_bytes", TX, 3, BYTES),
	Q("nfp", "rxq_2_pkts", RX, 2, PACKETS),
	Q("nfp", "rvec_2_tx_busy", TX, 2, OTHER),
	Q("qede", "4: rcv_pkts", RX, 4, PACKETS),
	Q("qede", "4: rx_alloc_errors", RX, 4, ERRORS),
	Q("qede", "4: xmit_pkts", TX, 4, PACKETS),
	Q("qede", "4_0: xmit_pkts", TX, 4, PACKETS),
	NOT("qede", "4_1: xmit_pkts", UNKNOWN),
	NOT("qede", "4 [XDP]: xmit_pkts", TOTAL),
	Q("sfc", "tx-0.tx_packets", TX, 0, PACKETS),
	NOT("sfc", "tx-xdp-cpu-3.tx_packets", TOTAL),
	Q("veth", "rx_queue_1_xdp_packets", RX, 1, PACKETS),
	Q("veth", "rx_queue_1_xdp_drops", RX, 1, OTHER),
	NOT("veth", "peer_ifindex", TOTAL),
	Q("atlantic", "Queue[3] InPackets", RX, 3, PACKETS),
	Q("atlantic", "Queue[3] InJumboPackets", RX, 3, OTHER),
	Q("atlantic", "Queue[3] OutPackets", TX, 3, PACKETS),
	Q("atlantic", "Queue[3] Restarts", TX, 3, OTHER),
	Q("atlantic", "Queue[3] SkbAllocFails", RX, 3, ERRORS),
	NOT("atlantic", "TC1 Queue[3] InPackets", UNKNOWN),
	Q("stmmac", "q0_tx_pkt_n", TX, 0, PACKETS),
	Q("stmmac", "q1_rx_irq_n", RX, 1, OTHER),
	Q("mana", "rx_3_packets", RX, 3, PACKETS),
	Q("ionic", "tx_3_dma_map_err", TX, 3, ERRORS),
	NOT("other", "rx_3_packets", UNKNOWN),
	NOT("tg3", "rx_octets", TOTAL),
	NOT("x", "rx99999_packets", UNKNOWN),
	NOT("x", "rx4096_packets", UNKNOWN),
	NOT(NULL, "", TOTAL),
};

static void test_drivers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const struct expected *e = &names[i];
		struct queue_name got = {0};
		enum queue_name_result r = queue_name_parse(e->driver, e->name, NULL, &got);

		if (r != e->result ||
		    (r == QUEUE_NAME_QUEUE && (got.direction != e->direction ||
					       got.index != e->index || got.counter != e->counter)))
			print_error("%s \"%s\": result %d, direction %d, index %u, counter %d\n",
				    e->driver ? e->driver : "", e->name, (int)r, (int)got.direction,
				    got.index, (int)got.counter);
		assert_int_equal(r, e->result);
		if (r != QUEUE_NAME_QUEUE)
			continue;
		assert_int_equal(got.direction, e->direction);
		assert_int_equal(got.index, e->index);
		assert_int_equal(got.counter, e->counter);
	}
}

/* vmxnet3 gives the number of the queue as the value of a counter before those of the queue. */
static void test_sections(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{"Tx Queue#", 1},
		{"  TSO pkts tx", 9},
		{"  ucast pkts tx", 100},
		{"  mcast pkts tx", 20},
		{"  ucast bytes tx", 6000},
		{"  pkts tx discard", 2},
		{"  drv dropped tx total", 3},
		{"     too many frags", 3},
		{"Rx Queue#", 0},
		{"  ucast pkts rx", 7},
		{"  pkts rx OOB", 1},
		{"  pkts rx err", 4},
		{"tx timeout count", 5},
		{"  ucast pkts rx", 1000}, /* of no queue */
		{"Rx Queue#", 3},
		{"ucast pkts rx", 8}, /* indentation lost on the way */
	};
	struct queue_stats stats = {0};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		(void)queue_stats_take(&stats, "vmxnet3", lines[i].name, lines[i].value);
	assert_int_equal(stats.n_tx, 2);
	assert_false(stats.tx[0].is_known);
	assert_true(stats.tx[1].is_known);
	assert_int_equal(stats.tx[1].values[QUEUE_PACKETS], 120);
	assert_int_equal(stats.tx[1].values[QUEUE_BYTES], 6000);
	assert_int_equal(stats.tx[1].values[QUEUE_DROPS], 5);
	assert_false(stats.tx[1].has[QUEUE_ERRORS]);
	assert_int_equal(stats.n_rx, 4);
	assert_int_equal(stats.rx[3].values[QUEUE_PACKETS], 8);
	assert_int_equal(stats.rx[0].values[QUEUE_PACKETS], 7);
	assert_int_equal(stats.rx[0].values[QUEUE_DROPS], 1);
	assert_int_equal(stats.rx[0].values[QUEUE_ERRORS], 4);
	assert_int_equal(stats.n_total, 2);
	assert_int_equal(stats.n_unknown, 0);
	queue_stats_clear(&stats);
	assert_int_equal(stats.n_tx, 0);
	assert_false(stats.tx[1].is_known);
	queue_stats_done(&stats);
}

/* Lines "     name: value"; leading blanks and tabs belong to ethtool. Prints what has a number and
 * is not understood. */
static void read_text(const char *captured, const char *driver, struct queue_stats *stats)
{
	_cleanup_(freep) char *text = captures_read(captured);
	char *rest = NULL;

	assert_non_null(text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strrchr(line, ':');
		uint64_t value;

		if (line[0] == '#' || !colon || colon[1] != ' ')
			continue;
		*colon = '\0';
		assert_int_equal(parse_u64(colon + 2, &value), 0);
		line += strspn(line, " \t");
		if (queue_stats_take(stats, driver, line, value) == QUEUE_NAME_UNKNOWN)
			print_message("%s: not understood: %s\n", captured, line);
	}
	print_message("%s: %u of queues (%u rx, %u tx), %u of the device, %u not understood\n",
		      captured, stats->n_queue, stats->n_rx, stats->n_tx, stats->n_total,
		      stats->n_unknown);
}

/* PerQueue[i].RxBytes, TxBytes of what the publishing project expects; null: it does not know. */
static void check_published(const char *captured, const struct queue_stats *stats)
{
	_cleanup_(freep) char *text = captures_read(captured);
	struct json_object *root, *list, *rx, *tx;

	assert_non_null(text);
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_true(json_object_object_get_ex(root, "PerQueue", &list));
	assert_int_equal(json_object_array_length(list), stats->n_rx);
	assert_int_equal(json_object_array_length(list), stats->n_tx);
	for (unsigned i = 0; i < stats->n_rx; i++) {
		struct json_object *queue = json_object_array_get_idx(list, i);

		assert_true(json_object_object_get_ex(queue, "RxBytes", &rx));
		assert_true(json_object_object_get_ex(queue, "TxBytes", &tx));
		if (rx)
			assert_int_equal(stats->rx[i].values[QUEUE_BYTES],
					 json_object_get_uint64(rx));
		if (tx)
			assert_int_equal(stats->tx[i].values[QUEUE_BYTES],
					 json_object_get_uint64(tx));
	}
	json_object_put(root);
}

static const struct capture {
	const char *text, *driver, *expected;
	unsigned n_names, n_queue, n_rx, n_tx;
} captures[] = {
	/* INDEX.md section 9: counters; per-queue ones by our own count with grep */
	{"nic/go-bnxt_en.ethtool-S.txt", "bnxt_en", "nic/go-bnxt_en.expected.json", 397, 192, 8, 8},
	{"nic/go-i40e-129q.ethtool-S.txt", "i40e", "nic/go-i40e-129q.expected.json", 677, 516, 129,
	 129},
	{"nic/go-i40e-48q.ethtool-S.txt", "i40e", "nic/go-i40e-48q.expected.json", 308, 192, 48,
	 48},
	{"nic/go-igb.ethtool-S.txt", "igb", "nic/go-igb.expected.json", 115, 64, 8, 8},
	{"nic/datadog-ena-2q.ethtool-S.txt", "ena", NULL, 65, 56, 2, 2},
	{"nic/datadog-virtio_net-8q.ethtool-S.txt", "virtio_net", NULL, 104, 104, 8, 8},
	{"nic/insights-igb-4q.ethtool-S.txt", "igb", NULL, 82, 32, 4, 4},
};

static void test_captures(void **state)
{
	char folder[256];

	(void)state;
	if (!captures_folder(folder, sizeof(folder)))
		skip();
	for (unsigned i = 0; i < ARRAY_SIZE(captures); i++) {
		const struct capture *c = &captures[i];
		struct queue_stats stats = {0}, nameless = {0};

		read_text(c->text, c->driver, &stats);
		assert_int_equal(stats.n_queue + stats.n_total + stats.n_unknown, c->n_names);
		assert_int_equal(stats.n_queue, c->n_queue);
		assert_int_equal(stats.n_unknown, 0);
		assert_int_equal(stats.n_rx, c->n_rx);
		assert_int_equal(stats.n_tx, c->n_tx);
		if (c->expected)
			check_published(c->expected, &stats);
		/* None of these needs the driver to be known. */
		read_text(c->text, NULL, &nameless);
		assert_int_equal(nameless.n_queue, c->n_queue);
		queue_stats_done(&stats);
		queue_stats_done(&nameless);
	}
}

/* Single values that INDEX.md names. */
static void test_capture_values(void **state)
{
	struct queue_stats stats = {0};
	char folder[256];
	uint64_t packets = 0;

	(void)state;
	if (!captures_folder(folder, sizeof(folder)))
		skip();
	read_text("nic/datadog-virtio_net-8q.ethtool-S.txt", "virtio_net", &stats);
	assert_int_equal(stats.rx[4].values[QUEUE_PACKETS], 3607658361u);
	assert_int_equal(stats.tx[7].values[QUEUE_BYTES], 712418609150u);
	queue_stats_clear(&stats);
	read_text("nic/datadog-ena-2q.ethtool-S.txt", "ena", &stats);
	assert_int_equal(stats.tx[0].values[QUEUE_PACKETS], 17841);
	assert_int_equal(stats.rx[0].values[QUEUE_PACKETS], 18967);
	assert_int_equal(stats.rx[1].values[QUEUE_BYTES], 429894172);
	queue_stats_clear(&stats);
	read_text("nic/insights-igb-4q.ethtool-S.txt", "igb", &stats);
	assert_int_equal(stats.rx[0].values[QUEUE_PACKETS], 912398);
	assert_int_equal(stats.tx[1].values[QUEUE_PACKETS], 935473);
	queue_stats_clear(&stats);
	/* Packets by kind of address add up: ucast + mcast + bcast of ring 0. */
	read_text("nic/go-bnxt_en.ethtool-S.txt", "bnxt_en", &stats);
	assert_int_equal(stats.rx[0].values[QUEUE_PACKETS], UINT64_C(276347403) + 1829492 + 30964);
	queue_stats_clear(&stats);
	/* The rings' packets are the device's. */
	read_text("nic/go-i40e-48q.ethtool-S.txt", "i40e", &stats);
	for (unsigned i = 0; i < stats.n_rx; i++)
		packets += stats.rx[i].values[QUEUE_PACKETS];
	assert_int_equal(packets, UINT64_C(2946091121154));
	queue_stats_done(&stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drivers),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_captures),
		cmocka_unit_test(test_capture_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
