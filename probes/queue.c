/*
 * Queues of network interfaces: what passes through each, who polls it (NAPI), which interrupt
 * starts the polling and on which CPUs. What a queue is (its interrupt's name, steering masks) is
 * read when the interface's queues change and every 10 s; counters and where the interrupt goes
 * every run.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_ethtool.h"
#include "core/probe.h"
#include "probes/queue_internal.h"
#include "probes/queue_rows.h"
#include "probes/read.h"

#define IDENTITY_PERIOD_NS (10 * NSEC_PER_SEC)

static const struct metric_set sets[] = {{"queue", queue_row_metrics, QUEUE_ROW_COUNT}};

/* By enum queue_counter. */
static const unsigned counter_metrics[QUEUE_COUNTERS] = {
	[QUEUE_PACKETS] = QUEUE_ROW_PACKETS,
	[QUEUE_BYTES] = QUEUE_ROW_BYTES,
	[QUEUE_DROPS] = QUEUE_ROW_DROPS,
	[QUEUE_ERRORS] = QUEUE_ROW_ERRORS,
};

struct queue_state {
	struct queue_nic *nics;
	unsigned n;
};

struct queue *queue_find(struct queue_nic *nic, enum queue_direction direction, unsigned index)
{
	unsigned low = direction == QUEUE_RX ? 0 : nic->n_rx;
	unsigned high = direction == QUEUE_RX ? nic->n_rx : nic->n;

	/* Usually all indices from 0 are there. */
	if (low + index < high && nic->queues[low + index].index == index)
		return &nic->queues[low + index];
	for (unsigned i = low; i < high; i++) {
		if (nic->queues[i].index == index)
			return &nic->queues[i];
	}
	return NULL;
}

static void free_queues(struct queue_nic *nic)
{
	for (unsigned i = 0; i < nic->n; i++)
		free(nic->queues[i].steering);
	free(nic->queues);
	nic->queues = NULL;
	nic->n = nic->n_rx = 0;
}

static void close_nic(struct queue_nic *nic)
{
	free_queues(nic);
	queue_stats_done(&nic->stats);
	free(nic->name);
}

static unsigned take_names(const struct host_names *names, const char *prefix,
			   enum queue_direction direction, struct queue *to)
{
	unsigned n = 0, index;

	for (size_t i = 0; i < names->n; i++) {
		if (!read_numbered(names->names[i], prefix, &index) || index >= QUEUE_MAX)
			continue;
		to[n++] = (struct queue){
			.direction = direction, .index = index, .irq = -1, .named_irq = -1};
	}
	return n;
}

/* True: other queues than before. */
static bool list_queues(struct queue_nic *nic, struct host *host)
{
	struct host_names names = {0};
	struct queue *queues;
	unsigned n, n_rx;
	bool is_same;

	if (host_listf(host, &names, SYS_NET "/%s/queues", nic->name) < 0) {
		free_queues(nic);
		return false;
	}
	queues = xcalloc(names.n + 1, sizeof(*queues));
	n_rx = take_names(&names, "rx-", QUEUE_RX, queues);
	n = n_rx + take_names(&names, "tx-", QUEUE_TX, queues + n_rx);
	host_names_done(&names);
	is_same = n == nic->n && n_rx == nic->n_rx;
	for (unsigned i = 0; i < n && is_same; i++)
		is_same = queues[i].index == nic->queues[i].index;
	if (is_same) {
		free(queues);
		return false;
	}
	free_queues(nic);
	nic->queues = queues;
	nic->n = n;
	nic->n_rx = n_rx;
	return true;
}

/* "../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0" is below the device's folder. */
static void find_device(struct queue_nic *nic, struct host *host)
{
	char link[480];
	char *end;

	nic->device[0] = nic->device_dir[0] = '\0';
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device", nic->name) > 0) {
		const char *slash = strrchr(link, '/');

		(void)snprintf(nic->device, sizeof(nic->device), "%.63s", slash ? slash + 1 : link);
		(void)snprintf(nic->device_dir, sizeof(nic->device_dir), SYS_NET "/%.40s/device",
			       nic->name);
	}
	if (!nic->device[0] ||
	    host_readlinkf(host, link, sizeof(link), SYS_NET "/%s", nic->name) <= 0)
		return;
	end = strstr(link, "/net/");
	if (end && !strncmp(link, "../../devices/", 14)) {
		*end = '\0';
		(void)snprintf(nic->device_dir, sizeof(nic->device_dir), "sys/%s", link + 6);
	}
}

static void find_driver(struct queue_nic *nic, struct host *host)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	char link[480];

	nic->driver[0] = '\0';
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device/driver", nic->name) > 0) {
		const char *slash = strrchr(link, '/');

		(void)snprintf(nic->driver, sizeof(nic->driver), "%.63s", slash ? slash + 1 : link);
	} else if (host_ethtool_get(host, nic->name, &info, sizeof(info)) >= 0) {
		(void)snprintf(nic->driver, sizeof(nic->driver), "%.31s", info.driver);
	}
}

static void read_steering(struct queue_nic *nic, struct queue *queue, struct host *host)
{
	bool is_rx = queue->direction == QUEUE_RX;
	struct cpuset set;
	char buf[4096];
	ssize_t n = host_readf(host, buf, sizeof(buf), SYS_NET "/%s/queues/%s-%u/%s", nic->name,
			       is_rx ? "rx" : "tx", queue->index, is_rx ? "rps_cpus" : "xps_cpus");
	int r = n < 0 ? (int)n : cpuset_parse_mask(buf, &set);

	free(queue->steering);
	queue->steering = NULL;
	queue->steering_error = r;
	if (r == 0 && !cpuset_is_empty(&set)) {
		queue->steering = xcalloc(1, sizeof(set));
		*queue->steering = set;
	}
}

static void read_identity(struct queue_nic *nic, struct host *host, struct queue_irqs **all)
{
	if (host_read_u64f(host, &nic->ifindex, SYS_NET "/%s/ifindex", nic->name) < 0)
		nic->ifindex = 0;
	nic->is_stats_useless = false;
	find_device(nic, host);
	find_driver(nic, host);
	for (unsigned i = 0; i < nic->n; i++) {
		nic->queues[i].named_irq = -1;
		read_steering(nic, &nic->queues[i], host);
	}
	queue_read_irqs(nic, host, all);
}

/* What the kernel says of NAPI comes before what names suggest. */
static void take_napis(struct queue_nic *nic, const struct queue_netdev *netdev)
{
	for (unsigned i = 0; i < nic->n; i++) {
		nic->queues[i].has_napi = false;
		nic->queues[i].irq = nic->queues[i].named_irq;
		nic->queues[i].how = nic->queues[i].named_how;
	}
	for (size_t i = 0; i < netdev->queues.n; i++) {
		const struct netdev_queue *q = &netdev->queues.at[i];
		struct queue *queue;

		if (q->ifindex != nic->ifindex || !q->has_napi ||
		    !(queue = queue_find(nic, q->is_tx ? QUEUE_TX : QUEUE_RX, q->index)))
			continue;
		queue->has_napi = true;
		queue->napi_id = q->napi_id;
		for (size_t k = 0; k < netdev->napis.n; k++) {
			const struct netdev_napi *napi = &netdev->napis.at[k];

			if (napi->id != q->napi_id || napi->ifindex != q->ifindex || !napi->has_irq)
				continue;
			queue->irq = napi->irq;
			queue->how = "napi-get";
		}
	}
}

/* An error that is not "the kernel does not have it" is said once, in the kernel's words. */
static int note_netdev(struct host *host, struct sample *out, int r)
{
	if (r < 0 && !errno_is_absent(-r) && !out->error)
		sample_errorf(out, "%s", host_netlink_why(host));
	return r;
}

static void read_netdev(struct host *host, struct queue_netdev *netdev, struct sample *out)
{
	/* No queues: no such family, so the other two need not be tried. */
	if (note_netdev(host, out, netdev_queues(host, &netdev->queues)) < 0)
		return;
	(void)note_netdev(host, out, netdev_napis(host, &netdev->napis));
	(void)note_netdev(host, out, netdev_qstats(host, &netdev->qstats));
}

static void netdev_done(struct queue_netdev *netdev)
{
	netdev_queues_done(&netdev->queues);
	netdev_napis_done(&netdev->napis);
	netdev_qstats_done(&netdev->qstats);
}

/* The list of an interrupt, effective where the kernel keeps that. */
static void emit_irq_cpus(struct host *host, struct sample *out, struct sample_row *row,
			  unsigned irq)
{
	static const char *const files[] = {"effective_affinity_list", "smp_affinity_list"};
	char buf[4096];
	ssize_t n = -ENOENT;
	struct cpuset set;

	/* Older kernels have only the one; an interrupt that is not set up is nowhere yet. */
	for (unsigned i = 0; i < ARRAY_SIZE(files) && (n == 0 || n == -ENOENT); i++)
		n = host_readf(host, buf, sizeof(buf), "proc/irq/%u/%s", irq, files[i]);
	if (n < 0)
		sample_errno(row, QUEUE_ROW_IRQ_CPUS, (int)n);
	else if (cpuset_parse_list(buf, &set) == 0)
		sample_cpus(out, row, QUEUE_ROW_IRQ_CPUS, &set);
	else
		sample_errno(row, QUEUE_ROW_IRQ_CPUS, -EINVAL);
	if (n < 0)
		read_notef(out, (int)n, "proc/irq/%u/%s", irq, files[0]);
}

static void emit_steering(const struct queue *queue, struct sample *out, struct sample_row *row)
{
	unsigned metric = queue->direction == QUEUE_RX ? QUEUE_ROW_RPS_CPUS : QUEUE_ROW_XPS_CPUS;

	if (queue->steering_error)
		sample_errno(row, metric, queue->steering_error);
	else if (queue->steering)
		sample_cpus(out, row, metric, queue->steering);
	else
		sample_text(out, row, metric, "");
}

static const char *const source_names[] = {
	[SOURCE_QSTATS] = "qstats",
	[SOURCE_ETHTOOL] = "ethtool -S",
	[SOURCE_QSTATS | SOURCE_ETHTOOL] = "qstats, ethtool -S",
	[SOURCE_SYSFS] = "sysfs",
	[SOURCE_QSTATS | SOURCE_SYSFS] = "qstats, sysfs",
	[SOURCE_ETHTOOL | SOURCE_SYSFS] = "ethtool -S, sysfs",
	[SOURCE_QSTATS | SOURCE_ETHTOOL | SOURCE_SYSFS] = "qstats, ethtool -S, sysfs",
};

static void emit(const struct queue_nic *nic, const struct queue *queue, struct host *host,
		 struct sample *out)
{
	const char *direction = queue->direction == QUEUE_RX ? "rx" : "tx";
	char parent[64], name[24];
	struct sample_row *row;

	(void)snprintf(parent, sizeof(parent), "nic:%.40s", nic->name);
	(void)snprintf(name, sizeof(name), "%s-%u", direction, queue->index);
	row = sample_row(out, 0, parent, name, "queue:%s/%s", nic->name, name);
	row->identity = nic->ifindex; /* a name that is used again starts without rates */
	for (unsigned c = 0; c < QUEUE_COUNTERS; c++) {
		if (queue->has[c])
			sample_u64(row, counter_metrics[c], queue->counters[c]);
	}
	sample_text(out, row, QUEUE_ROW_DIRECTION, direction);
	sample_u64(row, QUEUE_ROW_INDEX, queue->index);
	if (queue->has_napi)
		sample_u64(row, QUEUE_ROW_NAPI_ID, queue->napi_id);
	if (queue->irq >= 0) {
		sample_u64(row, QUEUE_ROW_IRQ, (uint64_t)queue->irq);
		sample_text(out, row, QUEUE_ROW_HOW, queue->how);
		emit_irq_cpus(host, out, row, (unsigned)queue->irq);
	}
	emit_steering(queue, out, row);
	if (queue->sources)
		sample_text(out, row, QUEUE_ROW_SOURCE, source_names[queue->sources]);
}

/* Interfaces that stayed keep what is known of them. */
static void take_list(struct queue_state *state, const struct host_names *names)
{
	struct queue_nic *nics = xcalloc(names->n + 1, sizeof(*nics));
	unsigned n = 0, hint = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->names[i], "bonding_masters")) /* a file */
			continue;
		/* Both lists have the same order: usually the next one. */
		for (unsigned k = 0; k < state->n && !nics[n].name; k++) {
			struct queue_nic *old = &state->nics[(hint + k) % state->n];

			if (!old->name || strcmp(old->name, names->names[i]))
				continue;
			nics[n] = *old;
			*old = (struct queue_nic){0};
			hint += k + 1;
		}
		if (!nics[n].name)
			nics[n].name = xstrdup(names->names[i]);
		n++;
	}
	for (unsigned i = 0; i < state->n; i++)
		close_nic(&state->nics[i]);
	free(state->nics);
	state->nics = nics;
	state->n = n;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct queue_state *state = data;
	struct queue_netdev netdev = {0};
	struct queue_irqs *all = NULL;
	struct host_names names = {0};
	int r = host_listf(host, &names, SYS_NET);

	if (r < 0)
		return read_fail(out, r, SYS_NET);
	take_list(state, &names);
	host_names_done(&names);
	read_netdev(host, &netdev, out);
	for (unsigned i = 0; i < state->n; i++) {
		struct queue_nic *nic = &state->nics[i];
		bool is_new = list_queues(nic, host) || !nic->read_ns || out->is_thorough;

		if (is_new || out->time_ns - nic->read_ns >= IDENTITY_PERIOD_NS) {
			read_identity(nic, host, &all);
			nic->read_ns = out->time_ns ? out->time_ns : 1;
		}
		take_napis(nic, &netdev);
		queue_read_counters(nic, host, &netdev, out);
		for (unsigned q = 0; q < nic->n; q++)
			emit(nic, &nic->queues[q], host, out);
	}
	queue_irqs_free(all);
	netdev_done(&netdev);
	return 0;
}

static void close_state(void *data)
{
	struct queue_state *state = data;

	for (unsigned i = 0; i < state->n; i++)
		close_nic(&state->nics[i]);
	free(state->nics);
}

const struct probe probe_queue = {
	.name = "queue",
	.summary = "Queues of network interfaces, their interrupts and counters",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	/* An ethtool ioctl waits while another one reconfigures the interface. */
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = NSEC_PER_SEC,
	.state_size = sizeof(struct queue_state),
	.sample = sample,
	.close = close_state,
};
