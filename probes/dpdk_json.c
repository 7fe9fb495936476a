#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "probes/dpdk_internal.h"

/* --- values out of a message --- */

static void put_json(struct json_object **json)
{
	(void)json_object_put(*json);
}

/* {"/command": VALUE}. The caller puts *ret_root. */
static int open_reply(const char *reply, size_t len, const char *command,
		      struct json_object **ret_root, struct json_object **ret_value)
{
	int r = json_limits_parse(reply, len, ret_root);

	if (r < 0)
		return r;
	if (!json_object_is_type(*ret_root, json_type_object) ||
	    !json_object_object_get_ex(*ret_root, command, ret_value))
		return -EPROTO;
	return *ret_value ? 0 : -ENODATA;
}

static int open_object(const char *reply, size_t len, const char *command,
		       struct json_object **ret_root, struct json_object **ret_value)
{
	int r = open_reply(reply, len, command, ret_root, ret_value);

	return r == 0 && !json_object_is_type(*ret_value, json_type_object) ? -EPROTO : r;
}

static struct dpdk_number number_of(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_int))
		return (struct dpdk_number){0};
	/* Negative: DPDK's "any node" and the like; nothing counts below zero. */
	if (json_object_get_int64(value) < 0)
		return (struct dpdk_number){0};
	return (struct dpdk_number){.is_set = true, .value = json_object_get_uint64(value)};
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, key, &value);
	return value;
}

static struct dpdk_number member_number(struct json_object *object, const char *key)
{
	return number_of(member(object, key));
}

static void member_text(struct json_object *object, const char *key, char *buf, size_t size)
{
	struct json_object *value = member(object, key);

	if (json_object_is_type(value, json_type_string))
		(void)snprintf(buf, size, "%s", json_object_get_string(value));
}

/* --- greeting, lists --- */

int dpdk_parse_greeting(const char *reply, size_t len, struct dpdk_greeting *ret)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	int r = json_limits_parse(reply, len, &root);

	*ret = (struct dpdk_greeting){0};
	if (r < 0)
		return r;
	if (!json_object_is_type(root, json_type_object) ||
	    !json_object_is_type(member(root, "version"), json_type_string) ||
	    !member_number(root, "max_output_len").is_set)
		return -EPROTO;
	member_text(root, "version", ret->version, sizeof(ret->version));
	ret->pid = member_number(root, "pid");
	return 0;
}

int dpdk_parse_ids(const char *reply, size_t len, const char *command, struct dpdk_ids *ret)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *list;
	int r = open_reply(reply, len, command, &root, &list);

	ret->n = 0;
	ret->is_cut = false;
	if (r < 0)
		return r;
	if (!json_object_is_type(list, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct dpdk_number id = number_of(json_object_array_get_idx(list, i));

		if (!id.is_set || id.value > UINT16_MAX)
			return -EPROTO;
		ret->is_cut = ret->n == ARRAY_SIZE(ret->at);
		if (ret->is_cut)
			break;
		ret->at[ret->n++] = (uint32_t)id.value;
	}
	return 0;
}

/* --- ports --- */

void dpdk_port_done(struct dpdk_port *port)
{
	free(port->queues[DPDK_RX]);
	free(port->queues[DPDK_TX]);
	*port = (struct dpdk_port){0};
}

static int take_queues(struct dpdk_port *port, enum dpdk_direction direction,
		       struct dpdk_number count)
{
	if (count.value > DPDK_QUEUES_MAX)
		return -EPROTO;
	free(port->queues[direction]);
	port->n_queues[direction] = (unsigned)count.value;
	port->queues[direction] = xcalloc(count.value, sizeof(struct dpdk_queue));
	return 0;
}

int dpdk_parse_port(const char *reply, size_t len, struct dpdk_port *port)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *info;
	int r = open_object(reply, len, "/ethdev/info", &root, &info);

	if (r < 0)
		return r;
	member_text(info, "name", port->name, sizeof(port->name));
	member_text(info, "mac_addr", port->mac, sizeof(port->mac));
	port->mtu = member_number(info, "mtu");
	port->node = member_number(info, "numa_node");
	port->is_started = member_number(info, "dev_started");
	r = take_queues(port, DPDK_RX, member_number(info, "nb_rx_queues"));
	return r < 0 ? r : take_queues(port, DPDK_TX, member_number(info, "nb_tx_queues"));
}

int dpdk_parse_link(const char *reply, size_t len, struct dpdk_port *port)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *link;
	int r = open_object(reply, len, "/ethdev/link_status", &root, &link);

	if (r < 0)
		return r;
	member_text(link, "status", port->link, sizeof(port->link));
	port->speed_mbit = member_number(link, "speed");
	return 0;
}

static void take_array(struct dpdk_port *port, enum dpdk_direction direction,
		       enum dpdk_counter counter, struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list) && i < port->n_queues[direction];
	     i++) {
		struct dpdk_queue *queue = &port->queues[direction][i];
		struct dpdk_number n = number_of(json_object_array_get_idx(list, i));

		if (!n.is_set)
			continue;
		queue->counters[counter] = n;
		queue->source = "stats";
	}
}

int dpdk_parse_stats(const char *reply, size_t len, struct dpdk_port *port)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *stats;
	int r = open_object(reply, len, "/ethdev/stats", &root, &stats);

	if (r < 0)
		return r;
	port->rx_packets = member_number(stats, "ipackets");
	port->tx_packets = member_number(stats, "opackets");
	port->rx_bytes = member_number(stats, "ibytes");
	port->tx_bytes = member_number(stats, "obytes");
	port->rx_missed = member_number(stats, "imissed");
	port->rx_errors = member_number(stats, "ierrors");
	port->tx_errors = member_number(stats, "oerrors");
	port->rx_no_buffers = member_number(stats, "rx_nombuf");
	take_array(port, DPDK_RX, DPDK_PACKETS, member(stats, "q_ipackets"));
	take_array(port, DPDK_RX, DPDK_BYTES, member(stats, "q_ibytes"));
	take_array(port, DPDK_RX, DPDK_ERRORS, member(stats, "q_errors"));
	take_array(port, DPDK_TX, DPDK_PACKETS, member(stats, "q_opackets"));
	take_array(port, DPDK_TX, DPDK_BYTES, member(stats, "q_obytes"));
	return 0;
}

/* What follows "rx_q0_" (before DPDK 21.02: "rx_q0"): ethdev's own words first, then those of the
 * drivers that count for themselves (virtio, vhost: good_*; ena: cnt; vmxnet3: drop_total). */
static int counter_of(const char *word)
{
	static const struct {
		const char *word;
		enum dpdk_counter counter;
	} words[] = {
		{"packets", DPDK_PACKETS},   {"bytes", DPDK_BYTES},
		{"errors", DPDK_ERRORS},     {"good_packets", DPDK_PACKETS},
		{"good_bytes", DPDK_BYTES},  {"cnt", DPDK_PACKETS},
		{"drops", DPDK_DROPS},	     {"dropped", DPDK_DROPS},
		{"drop_total", DPDK_DROPS},  {"missed", DPDK_DROPS},
		{"missed_pkts", DPDK_DROPS}, {"dropped_packets", DPDK_DROPS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i].word))
			return (int)words[i].counter;
	}
	return -1;
}

/* "rx_q12_packets": 12 and "packets". False: not of that form. */
static bool split_name(const char *name, const char *prefix, unsigned *ret_index,
		       const char **ret_word)
{
	unsigned index = 0, n = 0;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	name += strlen(prefix);
	for (; *name >= '0' && *name <= '9' && n < 5; name++, n++)
		index = index * 10 + (unsigned)(*name - '0');
	if (!n)
		return false;
	*ret_index = index;
	*ret_word = name + (*name == '_');
	return true;
}

static void take_xstat(struct dpdk_port *port, enum dpdk_direction direction, unsigned index,
		       const char *word, struct dpdk_number value)
{
	int counter = counter_of(word);

	if (index >= port->n_queues[direction] || counter < 0 || !value.is_set)
		return;

	struct dpdk_queue *queue = &port->queues[direction][index];

	queue->counters[counter] = value;
	queue->source = "xstats";
}

int dpdk_parse_xstats(const char *reply, size_t len, struct dpdk_port *port)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *xstats;
	int r = open_object(reply, len, "/ethdev/xstats", &root, &xstats);

	if (r < 0)
		return r;
	json_object_object_foreach(xstats, name, value)
	{
		unsigned index;
		const char *word;

		if (split_name(name, "rx_q", &index, &word))
			take_xstat(port, DPDK_RX, index, word, number_of(value));
		else if (split_name(name, "tx_q", &index, &word))
			take_xstat(port, DPDK_TX, index, word, number_of(value));
	}
	return 0;
}

/* --- lcores --- */

static int take_cpus(struct json_object *list, struct dpdk_lcore *lcore)
{
	if (!json_object_is_type(list, json_type_array))
		return 0;
	if (!lcore->cpus)
		lcore->cpus = xcalloc(1, sizeof(*lcore->cpus));
	cpuset_zero(lcore->cpus);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct dpdk_number cpu = number_of(json_object_array_get_idx(list, i));

		if (!cpu.is_set || cpu.value >= CPUSET_MAX)
			return -EPROTO;
		cpuset_add(lcore->cpus, (unsigned)cpu.value);
	}
	return 0;
}

int dpdk_parse_lcore(const char *reply, size_t len, struct dpdk_lcore *lcore)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *info;
	int r = open_object(reply, len, "/eal/lcore/info", &root, &info);

	if (r < 0)
		return r;
	member_text(info, "role", lcore->role, sizeof(lcore->role));
	lcore->node = member_number(info, "socket");
	lcore->busy_cycles = member_number(info, "busy_cycles");
	lcore->total_cycles = member_number(info, "total_cycles");
	return take_cpus(member(info, "cpuset"), lcore);
}

int dpdk_parse_usage(const char *reply, size_t len, struct dpdk_lcore *lcores, unsigned n)
{
	_cleanup_(put_json) struct json_object *root = NULL;
	struct json_object *usage;
	int r = open_object(reply, len, "/eal/lcore/usage", &root, &usage);

	if (r < 0)
		return r;

	struct json_object *ids = member(usage, "lcore_ids");
	struct json_object *busy = member(usage, "busy_cycles");
	struct json_object *total = member(usage, "total_cycles");

	if (!json_object_is_type(ids, json_type_array) ||
	    !json_object_is_type(busy, json_type_array) ||
	    !json_object_is_type(total, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		struct dpdk_number id = number_of(json_object_array_get_idx(ids, i));

		for (unsigned k = 0; id.is_set && k < n; k++) {
			if (!lcores[k].has_id || lcores[k].id != id.value)
				continue;
			/* An index past the end of the others gives NULL: not set. */
			lcores[k].busy_cycles = number_of(json_object_array_get_idx(busy, i));
			lcores[k].total_cycles = number_of(json_object_array_get_idx(total, i));
		}
	}
	return 0;
}
