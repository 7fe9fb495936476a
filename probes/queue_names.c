/*
 * The names were read in the drivers' sources (linux 4.18 to 6.18, drivers/net/); the file stands
 * with each shape. Counters that are part of another one of the same queue (be2net rx_mcast_pkts,
 * mlx5 lro_packets, tpa_packets ...) are not in the word tables: sums would count twice.
 */
#include "probes/queue_names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *text; /* without a leading "rx_" or "tx_" */
	enum queue_counter counter;
};

/* A last '*' stands for any end. */
static const struct word common_words[] = {
	{"packets", QUEUE_PACKETS},
	{"pkts", QUEUE_PACKETS},
	{"frames", QUEUE_PACKETS},	    /* marvell/octeontx2 otx2_queue_stats */
	{"cnt", QUEUE_PACKETS},		    /* amazon/ena ena_stats_rx_strings */
	{"pkt_n", QUEUE_PACKETS},	    /* stmmac_qstats_rx_string */
	{"batched_packets", QUEUE_PACKETS}, /* ibm/ibmvnic: instead of "packets" */
	{"direct_packets", QUEUE_PACKETS},
	{"bytes", QUEUE_BYTES},
	{"octets", QUEUE_BYTES},
	{"drops", QUEUE_DROPS},
	{"drop", QUEUE_DROPS}, /* pensando/ionic txq */
	{"dropped", QUEUE_DROPS},
	{"dropped_packets", QUEUE_DROPS}, /* ibmvnic */
	{"discards", QUEUE_DROPS},
	{"dropped_pkt", QUEUE_DROPS},	 /* google/gve */
	{"queue_drop_cnt", QUEUE_DROPS}, /* google/gve, said by the NIC */
	{"drops_no_skbs", QUEUE_DROPS},	 /* emulex/benet et_rx_stats */
	{"drops_no_frags", QUEUE_DROPS},
	{"errors", QUEUE_ERRORS},
	{"errs", QUEUE_ERRORS},
	{"csum_err", QUEUE_ERRORS}, /* igb */
	{"csum_error", QUEUE_ERRORS},
	{"csum_errors", QUEUE_ERRORS},
	{"bad_csum", QUEUE_ERRORS}, /* ena */
	{"bad_desc_num", QUEUE_ERRORS},
	{"bad_req_id", QUEUE_ERRORS},
	{"alloc_failed", QUEUE_ERRORS}, /* igb */
	{"alloc_err", QUEUE_ERRORS},
	{"alloc_fail", QUEUE_ERRORS},
	{"page_alloc_fail", QUEUE_ERRORS},
	{"skb_alloc_fail", QUEUE_ERRORS},
	{"buff_alloc_err", QUEUE_ERRORS}, /* mlx5 */
	{"dma_map_err", QUEUE_ERRORS},
	{"dma_mapping_err*", QUEUE_ERRORS},
	{"wqe_err", QUEUE_ERRORS},
	{"cqe_err", QUEUE_ERRORS},
	{"compl_err", QUEUE_ERRORS},
	{"post_fail", QUEUE_ERRORS},
	{"packets_with_error", QUEUE_ERRORS}, /* brocade/bna */
	{"allocbuf_failed", QUEUE_ERRORS},
	{"timeouts", QUEUE_ERRORS}, /* virtio_net tx_timeouts */
	{NULL, QUEUE_OTHER},
};

/* broadcom/bnxt bnxt_ring_rx_stats_str and *_tx_*, broadcom/bnx2x bnx2x_q_stats_arr: packets only
 * by kind of address, bnx2x bytes in one. */
static const struct word broadcom_words[] = {
	{"ucast_packets", QUEUE_PACKETS},      {"mcast_packets", QUEUE_PACKETS},
	{"bcast_packets", QUEUE_PACKETS},      {"bytes", QUEUE_BYTES},
	{"ucast_bytes", QUEUE_BYTES},	       {"mcast_bytes", QUEUE_BYTES},
	{"bcast_bytes", QUEUE_BYTES},	       {"discards", QUEUE_DROPS},
	{"oom_discards", QUEUE_DROPS},	       {"phy_ip_err_discards", QUEUE_DROPS},
	{"skb_alloc_discard", QUEUE_DROPS},    {"errors", QUEUE_ERRORS},
	{"l4_csum_errors", QUEUE_ERRORS},      {"buf_errors", QUEUE_ERRORS},
	{"csum_offload_errors", QUEUE_ERRORS}, {NULL, QUEUE_OTHER},
};

/* vmxnet3/vmxnet3_ethtool.c; the direction comes from the section. */
static const struct word vmxnet3_words[] = {
	{"ucast pkts *", QUEUE_PACKETS},     {"mcast pkts *", QUEUE_PACKETS},
	{"bcast pkts *", QUEUE_PACKETS},     {"ucast bytes *", QUEUE_BYTES},
	{"mcast bytes *", QUEUE_BYTES},	     {"bcast bytes *", QUEUE_BYTES},
	{"pkts tx discard", QUEUE_DROPS},    {"pkts rx OOB", QUEUE_DROPS},
	{"drv dropped *", QUEUE_DROPS}, /* the sum of the lines indented more */
	{"pkts tx err", QUEUE_ERRORS},	     {"pkts rx err", QUEUE_ERRORS},
	{"rx buf alloc fail", QUEUE_ERRORS}, {NULL, QUEUE_OTHER},
};

/* qlogic/qede/qede_ethtool.c qede_rqstats_arr, qede_tqstats_arr */
static const struct word qede_words[] = {
	{"rcv_pkts", QUEUE_PACKETS},
	{"xmit_pkts", QUEUE_PACKETS},
	{"hw_errors", QUEUE_ERRORS},
	{"csum_errors", QUEUE_ERRORS},
	{"alloc_errors", QUEUE_ERRORS},
	{"mem_alloc_err", QUEUE_ERRORS},
	{NULL, QUEUE_OTHER},
};

/* aquantia/atlantic/aq_ethtool.c: no bytes per queue */
static const struct word atlantic_words[] = {
	{"Packets", QUEUE_PACKETS},	 {"Errors", QUEUE_ERRORS}, {"AllocFails", QUEUE_ERRORS},
	{"SkbAllocFails", QUEUE_ERRORS}, {NULL, QUEUE_OTHER},
};

/* veth.c veth_rq_stats_desc: what NAPI polled, which may be everything or nothing
 * (queue_counters.c); the xmit side counts XDP only. */
static const struct word veth_words[] = {
	{"xdp_packets", QUEUE_PACKETS},	 {"xdp_bytes", QUEUE_BYTES},	    {"drops", QUEUE_DROPS},
	{"xdp_tx_errors", QUEUE_ERRORS}, {"xdp_xmit_errors", QUEUE_ERRORS}, {NULL, QUEUE_OTHER},
};

enum shape_meaning { MEANS_RX, MEANS_TX, MEANS_PAIR, MEANS_AT, MEANS_NOTHING };

/* '#': the index; '@': "rx" or "tx"; '*' at the end: the word, in the middle: up to what follows.
 */
struct shape {
	const char *pattern;
	enum shape_meaning
		meaning; /* MEANS_AT: as '@' says; MEANS_NOTHING: no queue of the stack */
	const struct word *words;
	const char *drivers; /* blank-separated, NULL: any */
};

/* The first that fits counts. */
static const struct shape shapes[] = {
	/* veth.c */
	{"@_queue_#_*", MEANS_AT, veth_words, "veth"},
	/* intel/{ixgbe,ixgbevf,igb,igc,ice,fm10k}, hyperv/netvsc_drv.c, virtio_net.c before 6.8 */
	{"@_queue_#_*", MEANS_AT, common_words, NULL},
	/* intel/i40e, intel/iavf ("rx-0.packets", before 4.20 "rx-0.rx_packets"), sfc, idpf */
	{"@-#.*", MEANS_AT, common_words, NULL},
	/* emulex/benet, cavium/thunder, marvell/octeontx2 */
	{"@q#: *", MEANS_AT, common_words, NULL},
	/* brocade/bna, broadcom/genet, hisilicon/hns3, huawei/hinic */
	{"@q#_*", MEANS_AT, common_words, NULL},
	/* netronome/nfp device counters, pensando/ionic txq */
	{"@q_#_*", MEANS_AT, common_words, NULL},
	/* mellanox/mlx4/en_ethtool.c, mellanox/mlx5/core/en_stats.h, ibm/ibmvnic, virtio_net.c */
	{"@#_*", MEANS_AT, common_words, NULL},
	/* mellanox/mlx5: of the channel's event queue */
	{"ch#_*", MEANS_PAIR, common_words, "mlx5_core mlx5e_rep"},
	/* microsoft/mana, pensando/ionic. Elsewhere "rx_64_bytes_phy" is a packet size. */
	{"@_#_*", MEANS_AT, common_words, "mana ionic"},
	/* broadcom/bnxt, broadcom/bnx2x; tpa: large receive offload */
	{"[#]: rx_*", MEANS_RX, broadcom_words, NULL},
	{"[#]: tx_*", MEANS_TX, broadcom_words, NULL},
	{"[#]: tpa_*", MEANS_RX, broadcom_words, NULL},
	{"[#]: *", MEANS_PAIR, broadcom_words, NULL},
	/* amazon/ena: XDP transmit queues are behind those of the stack */
	{"queue_#_xdp_tx_*", MEANS_NOTHING, NULL, NULL},
	{"queue_#_@_*", MEANS_AT, common_words, NULL},
	/* ixgbevf */
	{"xdp_queue_#_*", MEANS_NOTHING, NULL, NULL},
	/* google/gve: bytes only, its descriptors are no packets */
	{"@_*[#]", MEANS_AT, common_words, NULL},
	/* stmicro/stmmac, cadence/macb */
	{"q#_@_*", MEANS_AT, common_words, NULL},
	/* aquantia/atlantic; with traffic classes the number is that within the class */
	{"Queue[#] In*", MEANS_RX, atlantic_words, NULL},
	{"Queue[#] Out*", MEANS_TX, atlantic_words, NULL},
	{"Queue[#] Restarts", MEANS_TX, atlantic_words, NULL},
	{"Queue[#] *", MEANS_RX, atlantic_words, NULL},
	{"TC0 Queue[#] In*", MEANS_RX, atlantic_words, NULL},
	{"TC0 Queue[#] Out*", MEANS_TX, atlantic_words, NULL},
	/* netronome/nfp: software counters of the vector */
	{"rvec_#_@_*", MEANS_AT, common_words, NULL},
	/* qlogic/qede: transmit queues as index_class; class 0 has the stack's number */
	{"# [XDP]: *", MEANS_NOTHING, NULL, NULL},
	{"#_0: *", MEANS_TX, qede_words, NULL},
	{"#: xmit_pkts", MEANS_TX, qede_words, NULL},
	{"#: stopped_cnt", MEANS_TX, qede_words, NULL},
	{"#: tx_*", MEANS_TX, qede_words, NULL},
	{"#: *", MEANS_RX, qede_words, NULL},
};

/* Numbers in names that are known not to be queues. */
static const char *const other_numbers[] = {
	"_pri",	   /* bnxt rx_bytes_pri0, pfc_pri0_... */
	"_cos",	   /* bnxt */
	"prio",	   /* mlx5 rx_prio0_bytes, i40e port.tx_priority_0_xon */
	"tc_",	   /* i40e veb.tc_0_tx_packets */
	"_pb_",	   /* ixgbe tx_pb_0_pxon: packet buffers */
	"size_",   /* i40e port.rx_size_64 */
	"b_frame", /* bnxt rx_64b_frames, rx_128b_255b_frames */
	"_to_",	   /* rx_65_to_127_bytes_phy */
	"bytes_phy", "byte_frames", "octets", "os2bmc", /* igb, e1000e */
	"ipv4",	     "ipv6",	    "cpu",		/* netvsc cpu0_rx_packets */
	"l4_",	     "8021q",
};

static size_t count_digits(const char *at)
{
	size_t n = 0;

	while (at[n] >= '0' && at[n] <= '9')
		n++;
	return n;
}

/* Up to five digits; false: no number, or one that is not believed. */
static bool take_index(const char **at, unsigned *ret)
{
	size_t n = count_digits(*at);
	unsigned value = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (unsigned)((*at)[i] - '0');
	*at += n;
	*ret = value;
	return value < QUEUE_MAX;
}

struct match {
	unsigned index;
	enum queue_direction direction;
	const char *word;
	size_t word_len;
};

/* "*" in the middle: up to the next character of the pattern, which must be there. */
static bool take_word(const char **at, char end, struct match *ret)
{
	const char *stop = end ? strrchr(*at, end) : *at + strlen(*at);

	if (!stop || stop == *at)
		return false;
	ret->word = *at;
	ret->word_len = (size_t)(stop - *at);
	*at = stop;
	return true;
}

static bool fits(const char *pattern, const char *name, struct match *ret)
{
	*ret = (struct match){.word = ""};
	for (; *pattern; pattern++) {
		if (*pattern == '#') {
			if (!take_index(&name, &ret->index))
				return false;
		} else if (*pattern == '*') {
			if (!take_word(&name, pattern[1], ret))
				return false;
		} else if (*pattern == '@') {
			if (strncmp(name, "rx", 2) && strncmp(name, "tx", 2))
				return false;
			ret->direction = *name == 't' ? QUEUE_TX : QUEUE_RX;
			name += 2;
		} else if (*pattern != *name++) {
			return false;
		}
	}
	return !*name;
}

static bool is_listed(const char *list, const char *driver)
{
	size_t len = driver ? strlen(driver) : 0;

	for (; len && list; list = strchr(list, ' ')) {
		list += *list == ' ';
		if (!strncmp(list, driver, len) && (!list[len] || list[len] == ' '))
			return true;
	}
	return false;
}

static enum queue_counter counter_of(const struct word *words, const char *word, size_t len)
{
	/* "rx-0.rx_packets", "rxq0: rx_pkts", "queue_0_rx_rx_copybreak_pkt" */
	if (len > 3 && (!strncmp(word, "rx_", 3) || !strncmp(word, "tx_", 3))) {
		word += 3;
		len -= 3;
	}
	for (; words->text; words++) {
		size_t n = strlen(words->text);
		bool is_prefix = words->text[n - 1] == '*';

		n -= is_prefix;
		if (n <= len && !strncmp(word, words->text, n) && (is_prefix || n == len))
			return words->counter;
	}
	return QUEUE_OTHER;
}

/* The driver indents them; text of ethtool -S may have lost that. */
static bool belongs_to_section(const char *driver, const char *name)
{
	return !strncmp(name, "  ", 2) ||
	       (driver && !strcmp(driver, "vmxnet3") && strcmp(name, "Tx Queue#") &&
		strcmp(name, "Rx Queue#") && strcmp(name, "tx timeout count"));
}

static enum queue_name_result in_section(const char *name, const struct queue_name *section,
					 struct queue_name *ret)
{
	/* "     giant hdr" is a part of "  drv dropped tx total" */
	bool is_detail = !strncmp(name, "    ", 4);

	while (*name == ' ')
		name++;
	*ret = *section;
	ret->counter = is_detail ? QUEUE_OTHER : counter_of(vmxnet3_words, name, strlen(name));
	return QUEUE_NAME_QUEUE;
}

static enum queue_name_result without_shape(const char *name)
{
	if (!name[strcspn(name, "0123456789")])
		return QUEUE_NAME_TOTAL;
	for (unsigned i = 0; i < ARRAY_SIZE(other_numbers); i++) {
		if (strstr(name, other_numbers[i]))
			return QUEUE_NAME_TOTAL;
	}
	return QUEUE_NAME_UNKNOWN;
}

enum queue_name_result queue_name_parse(const char *driver, const char *name,
					const struct queue_name *section, struct queue_name *ret)
{
	struct match m;

	if (section && belongs_to_section(driver, name))
		return in_section(name, section, ret);
	if (!strcmp(name, "Tx Queue#") || !strcmp(name, "Rx Queue#")) {
		*ret = (struct queue_name){.direction = *name == 'T' ? QUEUE_TX : QUEUE_RX};
		return QUEUE_NAME_SECTION;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct shape *s = &shapes[i];

		if ((s->drivers && !is_listed(s->drivers, driver)) || !fits(s->pattern, name, &m))
			continue;
		if (s->meaning == MEANS_NOTHING)
			return QUEUE_NAME_TOTAL;
		ret->direction = s->meaning == MEANS_AT	  ? m.direction
				 : s->meaning == MEANS_RX ? QUEUE_RX
				 : s->meaning == MEANS_TX ? QUEUE_TX
							  : QUEUE_PAIR;
		ret->index = m.index;
		/* The pattern of a whole name has no word left: the name is one. */
		if (!m.word_len && strstr(name, ": ")) {
			m.word = strstr(name, ": ") + 2;
			m.word_len = strlen(m.word);
		}
		ret->counter = counter_of(s->words, m.word, m.word_len);
		/* bnxt's tpa_packets are in its other packets already */
		if (strstr(s->pattern, "tpa_"))
			ret->counter = QUEUE_OTHER;
		return QUEUE_NAME_QUEUE;
	}
	return without_shape(name);
}

void queue_stats_clear(struct queue_stats *stats)
{
	for (unsigned i = 0; i < stats->n_rx; i++)
		stats->rx[i] = (struct queue_counters){0};
	for (unsigned i = 0; i < stats->n_tx; i++)
		stats->tx[i] = (struct queue_counters){0};
	stats->n_rx = stats->n_tx = 0;
	stats->n_queue = stats->n_total = stats->n_unknown = 0;
	stats->first_unknown[0] = '\0';
	stats->has_section = false;
}

static struct queue_counters *slot(struct queue_counters **at, unsigned *n, unsigned *room,
				   unsigned index)
{
	if (index >= *room) {
		unsigned more = index + 1 > 2 * *room ? index + 1 : 2 * *room;

		*at = xrealloc(*at, more * sizeof(**at));
		memset(*at + *room, 0, (more - *room) * sizeof(**at));
		*room = more;
	}
	if (index >= *n)
		*n = index + 1;
	return *at + index;
}

static void add(struct queue_stats *stats, const struct queue_name *name, uint64_t value)
{
	struct queue_counters *c;

	if (name->direction == QUEUE_PAIR)
		return; /* none of the four */
	c = name->direction == QUEUE_RX
		    ? slot(&stats->rx, &stats->n_rx, &stats->room_rx, name->index)
		    : slot(&stats->tx, &stats->n_tx, &stats->room_tx, name->index);
	c->is_known = true;
	c->n_names++;
	if (name->counter == QUEUE_OTHER)
		return;
	c->has[name->counter] = true;
	c->values[name->counter] += value;
}

enum queue_name_result queue_stats_take(struct queue_stats *stats, const char *driver,
					const char *name, uint64_t value)
{
	struct queue_name parsed;
	enum queue_name_result r = queue_name_parse(
		driver, name, stats->has_section ? &stats->section : NULL, &parsed);

	if (r == QUEUE_NAME_SECTION && value >= QUEUE_MAX)
		r = QUEUE_NAME_UNKNOWN;
	if (stats->has_section && !belongs_to_section(driver, name))
		stats->has_section = false;
	switch (r) {
	case QUEUE_NAME_TOTAL:
		stats->n_total++;
		break;
	case QUEUE_NAME_QUEUE:
		stats->n_queue++;
		add(stats, &parsed, value);
		break;
	case QUEUE_NAME_SECTION:
		stats->n_queue++;
		stats->section = parsed;
		stats->section.index = (unsigned)value;
		stats->has_section = true;
		break;
	case QUEUE_NAME_UNKNOWN:
		if (!stats->n_unknown++)
			(void)snprintf(stats->first_unknown, sizeof(stats->first_unknown), "%s",
				       name);
		break;
	}
	return r;
}

void queue_stats_done(struct queue_stats *stats)
{
	free(stats->rx);
	free(stats->tx);
	*stats = (struct queue_stats){0};
}
