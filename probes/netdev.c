#include "probes/netdev.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

/* From the kernel's Documentation/netlink/specs/netdev.yaml; linux/netdev.h is younger than the
 * headers of the distributions we build on. The numbers are ABI. */
enum { CMD_QUEUE_GET = 10, CMD_NAPI_GET = 11, CMD_QSTATS_GET = 12 };
enum { QUEUE_ID = 1, QUEUE_IFINDEX, QUEUE_TYPE, QUEUE_NAPI_ID, QUEUE_XSK = 7, QUEUE_MAX = 7 };
enum {
	NAPI_IFINDEX = 1,
	NAPI_ID,
	NAPI_IRQ,
	NAPI_PID,
	NAPI_DEFER_HARD_IRQS, /* from here in the order of enum netdev_napi_param */
	NAPI_GRO_FLUSH_TIMEOUT,
	NAPI_IRQ_SUSPEND_TIMEOUT,
	NAPI_THREADED,
	NAPI_MAX = NAPI_THREADED
};
enum {
	QSTATS_IFINDEX = 1,
	QSTATS_QUEUE_TYPE,
	QSTATS_QUEUE_ID,
	QSTATS_SCOPE,
	QSTATS_RX_PACKETS = 8,
	QSTATS_RX_BYTES,
	QSTATS_TX_PACKETS,
	QSTATS_TX_BYTES,
	QSTATS_RX_ALLOC_FAIL,
	QSTATS_RX_HW_DROPS,
	QSTATS_RX_HW_DROP_OVERRUNS,
	QSTATS_TX_HW_DROPS = 24,
	QSTATS_TX_HW_DROP_ERRORS,
	QSTATS_TX_STOP = 33,
	QSTATS_MAX = 33
};
enum { TYPE_RX = 0, TYPE_TX = 1 };
enum { SCOPE_QUEUE = 1 };

/* Which attribute feeds which figure, by direction. 0: none. */
static const uint8_t stat_attributes[2][NETDEV_STATS] = {
	[TYPE_RX] = {[NETDEV_PACKETS] = QSTATS_RX_PACKETS,
		     [NETDEV_BYTES] = QSTATS_RX_BYTES,
		     [NETDEV_DROPS] = QSTATS_RX_HW_DROPS,
		     [NETDEV_OVERRUNS] = QSTATS_RX_HW_DROP_OVERRUNS,
		     [NETDEV_ALLOC_FAIL] = QSTATS_RX_ALLOC_FAIL},
	[TYPE_TX] = {[NETDEV_PACKETS] = QSTATS_TX_PACKETS,
		     [NETDEV_BYTES] = QSTATS_TX_BYTES,
		     [NETDEV_DROPS] = QSTATS_TX_HW_DROPS,
		     [NETDEV_ERRORS] = QSTATS_TX_HW_DROP_ERRORS,
		     [NETDEV_STOPS] = QSTATS_TX_STOP},
};

struct list {
	char *at;
	size_t n, room, size;
};

static void *list_add(struct list *list)
{
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 32;
		list->at = xrealloc(list->at, list->room * list->size);
	}
	return list->at + list->size * list->n++;
}

/* The kernel's "uint" is 4 or 8 bytes, as the number needs. */
static bool get_uint(const struct nlattr *attr, uint64_t *ret)
{
	if (!attr)
		return false;
	if (nla_len(attr) == (int)sizeof(uint64_t))
		*ret = nla_get_u64(attr);
	else if (nla_len(attr) == (int)sizeof(uint32_t))
		*ret = nla_get_u32(attr);
	else
		return false;
	return true;
}

static bool get_u32(const struct nlattr *attr, uint32_t *ret)
{
	uint64_t value;

	if (!get_uint(attr, &value) || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static int take_queue(void *data, const struct host_netlink_message *message)
{
	struct nlattr *attrs[QUEUE_MAX + 1];
	struct netdev_queue queue = {0};
	uint32_t type;

	if (nla_parse(attrs, QUEUE_MAX, message->attributes, message->attributes_len, NULL) < 0 ||
	    !get_u32(attrs[QUEUE_ID], &queue.index) ||
	    !get_u32(attrs[QUEUE_IFINDEX], &queue.ifindex) || !get_u32(attrs[QUEUE_TYPE], &type))
		return -EBADMSG;
	if (type != TYPE_RX && type != TYPE_TX)
		return 0; /* a kind this program does not know yet */
	queue.is_tx = type == TYPE_TX;
	queue.has_napi = get_u32(attrs[QUEUE_NAPI_ID], &queue.napi_id);
	queue.has_xsk = attrs[QUEUE_XSK] != NULL;
	*(struct netdev_queue *)list_add(data) = queue;
	return 0;
}

static int take_napi(void *data, const struct host_netlink_message *message)
{
	struct nlattr *attrs[NAPI_MAX + 1];
	struct netdev_napi napi = {0};

	if (nla_parse(attrs, NAPI_MAX, message->attributes, message->attributes_len, NULL) < 0 ||
	    !get_u32(attrs[NAPI_ID], &napi.id) || !get_u32(attrs[NAPI_IFINDEX], &napi.ifindex))
		return -EBADMSG;
	napi.has_irq = get_u32(attrs[NAPI_IRQ], &napi.irq);
	napi.has_pid = get_u32(attrs[NAPI_PID], &napi.pid);
	for (unsigned i = 0; i < NETDEV_NAPI_PARAMS; i++)
		napi.has_params[i] = get_uint(attrs[NAPI_DEFER_HARD_IRQS + i], &napi.params[i]);
	*(struct netdev_napi *)list_add(data) = napi;
	return 0;
}

static int take_qstats(void *data, const struct host_netlink_message *message)
{
	struct nlattr *attrs[QSTATS_MAX + 1];
	struct netdev_qstats stats = {0};
	uint32_t type;

	if (nla_parse(attrs, QSTATS_MAX, message->attributes, message->attributes_len, NULL) < 0 ||
	    !get_u32(attrs[QSTATS_IFINDEX], &stats.ifindex))
		return -EBADMSG;
	/* Sums over a device carry no queue: not asked for. */
	if (!get_u32(attrs[QSTATS_QUEUE_ID], &stats.index) ||
	    !get_u32(attrs[QSTATS_QUEUE_TYPE], &type) || (type != TYPE_RX && type != TYPE_TX))
		return 0;
	stats.is_tx = type == TYPE_TX;
	for (unsigned i = 0; i < NETDEV_STATS; i++) {
		uint8_t attr = stat_attributes[type][i];

		if (attr && get_uint(attrs[attr], &stats.stats[i]))
			stats.has |= 1u << i;
	}
	*(struct netdev_qstats *)list_add(data) = stats;
	return 0;
}

static int dump(struct host *host, const char *name, uint16_t command,
		const struct nl_msg *attributes, host_netlink_fn *fn, struct list *list)
{
	struct host_netlink_request request = {
		.family = "netdev",
		.name = name,
		.command = command,
		.is_dump = true,
		.attributes = attributes,
	};
	int r = host_netlink(host, &request, fn, list);

	if (r >= 0)
		return 0; /* disturbed: the next run has what is missing */
	free(list->at);
	*list = (struct list){0};
	return r;
}

int netdev_queues(struct host *host, struct netdev_queues *ret)
{
	struct list list = {.size = sizeof(struct netdev_queue)};
	int r = dump(host, "queue-get", CMD_QUEUE_GET, NULL, take_queue, &list);

	if (r < 0)
		return r;
	*ret = (struct netdev_queues){(void *)list.at, list.n};
	return 0;
}

int netdev_napis(struct host *host, struct netdev_napis *ret)
{
	struct list list = {.size = sizeof(struct netdev_napi)};
	int r = dump(host, "napi-get", CMD_NAPI_GET, NULL, take_napi, &list);

	if (r < 0)
		return r;
	*ret = (struct netdev_napis){(void *)list.at, list.n};
	return 0;
}

int netdev_qstats(struct host *host, struct netdev_qstats_list *ret)
{
	struct list list = {.size = sizeof(struct netdev_qstats)};
	struct nl_msg *attributes = nlmsg_alloc();
	int r = -ENOMEM;

	if (attributes && nla_put_u32(attributes, QSTATS_SCOPE, SCOPE_QUEUE) == 0)
		r = dump(host, "qstats-get", CMD_QSTATS_GET, attributes, take_qstats, &list);
	nlmsg_free(attributes);
	if (r < 0)
		return r;
	*ret = (struct netdev_qstats_list){(void *)list.at, list.n};
	return 0;
}

void netdev_queues_done(struct netdev_queues *list)
{
	free(list->at);
	*list = (struct netdev_queues){0};
}

void netdev_napis_done(struct netdev_napis *list)
{
	free(list->at);
	*list = (struct netdev_napis){0};
}

void netdev_qstats_done(struct netdev_qstats_list *list)
{
	free(list->at);
	*list = (struct netdev_qstats_list){0};
}
