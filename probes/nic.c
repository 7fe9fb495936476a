/*
 * Network interfaces and the devices behind them, from sysfs. What a device is (driver, PCI
 * address, node) is read when the interface appears and again every 10 s; its state every run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "probes/read.h"

#define SYS_NET "sys/class/net"
#define IDENTITY_PERIOD_NS (10 * NSEC_PER_SEC)

enum nic_metric {
	NIC_STATE,
	NIC_DRIVER,
	NIC_PCI,
	NIC_NODE,
	NIC_MTU,
	NIC_SPEED,
	NIC_MAC,
	NIC_RX,
	NIC_TX
};
static const struct metric nic_metrics[] = {
	{"state", METRIC_TEXT, UNIT_NONE, "operstate: up, down, unknown ...", "state"},
	{"driver", METRIC_TEXT, UNIT_NONE, "Driver of the device", "driver"},
	{"pci_address", METRIC_TEXT, UNIT_NONE, "PCI address of the device", "PCI"},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node of the device; -1: none", "node"},
	{"mtu", METRIC_GAUGE, UNIT_NONE, "Largest packet", "mtu"},
	{"speed_bits_per_s", METRIC_GAUGE, UNIT_NONE, "Link speed", "speed"},
	{"mac", METRIC_TEXT, UNIT_NONE, "Hardware address", NULL},
	{"queues_rx", METRIC_GAUGE, UNIT_COUNT, "Receive queues", "rx"},
	{"queues_tx", METRIC_GAUGE, UNIT_COUNT, "Transmit queues", "tx"},
};

static const struct metric_set sets[] = {{"nic", nic_metrics, ARRAY_SIZE(nic_metrics)}};

struct nic {
	char *name;
	struct host_file *state;
	uint64_t read_ns; /* identity; 0: never */
	char driver[64], pci[64], mac[96];
	int64_t node, speed_mbit; /* speed: -1 not readable */
	uint64_t mtu;
	int mac_error, mtu_error,
		node_error; /* negative errno: they say denied or fault, not nothing */
	unsigned rx, tx;
};

struct nic_state {
	struct nic *nics;
	unsigned n;
};

static void close_nic(struct nic *nic)
{
	free(nic->name);
	host_file_close(nic->state);
}

static bool is_pci_address(const char *text)
{
	unsigned n = 0;

	for (; *text; text++, n++) {
		bool is_separator = n == 4 || n == 7 || n == 10;
		bool is_hex = strchr("0123456789abcdef", *text) != NULL;

		if (is_separator ? *text != (n == 10 ? '.' : ':') : !is_hex)
			return false;
	}
	return n == 12;
}

/* The last PCI address in "../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0". The class link
 * is the whole path; captures that hold directories instead have the device link only. */
static void find_pci(struct nic *nic, char *path)
{
	char *rest = NULL;

	for (char *part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (is_pci_address(part))
			(void)snprintf(nic->pci, sizeof(nic->pci), "%s", part);
	}
}

static unsigned count_queues(const struct host_names *names, const char *prefix)
{
	unsigned n = 0, number;

	for (size_t i = 0; i < names->n; i++)
		n += (unsigned)read_numbered(names->names[i], prefix, &number);
	return n;
}

/* speed: EINVAL while the link is down, -1 when the driver does not know. */
static int64_t number_of(struct host *host, const char *name, const char *what)
{
	int64_t value;

	return host_read_i64f(host, &value, SYS_NET "/%s/%s", name, what) < 0 ? -1 : value;
}

static void read_node(struct nic *nic, struct host *host)
{
	int r = host_read_i64f(host, &nic->node, SYS_NET "/%s/device/numa_node", nic->name);

	nic->node_error = r < 0 && !errno_is_absent(-r) ? r : 0;
	if (r < 0)
		nic->node = -1;
	if (nic->node < 0 && nic->pci[0] && /* virtio: the PCI device is one further up */
	    host_read_i64f(host, &nic->node, "sys/bus/pci/devices/%s/numa_node", nic->pci) < 0)
		nic->node = -1;
}

static void read_identity(struct nic *nic, struct host *host)
{
	struct host_names names = {0};
	char link[1024];

	nic->driver[0] = nic->pci[0] = nic->mac[0] = '\0';
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s", nic->name) > 0)
		find_pci(nic, link);
	if (!nic->pci[0] &&
	    host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device", nic->name) > 0)
		find_pci(nic, link);
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device/driver", nic->name) > 0) {
		const char *slash = strrchr(link, '/');

		(void)snprintf(nic->driver, sizeof(nic->driver), "%.63s", slash ? slash + 1 : link);
	}
	read_node(nic, host);
	ssize_t n = host_readf(host, nic->mac, sizeof(nic->mac), SYS_NET "/%s/address", nic->name);
	nic->mac_error = n < 0 ? (int)n : 0;
	nic->mtu_error = host_read_u64f(host, &nic->mtu, SYS_NET "/%s/mtu", nic->name);
	nic->speed_mbit = number_of(host, nic->name, "speed");
	nic->rx = nic->tx = 0;
	if (host_listf(host, &names, SYS_NET "/%s/queues", nic->name) == 0) {
		nic->rx = count_queues(&names, "rx-");
		nic->tx = count_queues(&names, "tx-");
		host_names_done(&names);
	}
}

static void emit_node(const struct nic *nic, struct sample_row *row, struct sample *out)
{
	if (nic->node_error)
		read_notef(out, nic->node_error, SYS_NET "/%s/device/numa_node", nic->name);
	if (nic->node >= 0 && nic->pci[0])
		sample_u64(row, NIC_NODE, (uint64_t)nic->node);
	else if (nic->node_error)
		sample_errno(row, NIC_NODE, nic->node_error);
	else if (nic->pci[0])
		sample_f64(row, NIC_NODE, -1);
}

static void emit(struct nic *nic, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, 0, "host", nic->name, "nic:%s", nic->name);
	const char *text;
	ssize_t n = host_file_readf(host, &nic->state, &text, SYS_NET "/%s/operstate", nic->name);

	if (n < 0) {
		read_notef(out, (int)n, SYS_NET "/%s/operstate", nic->name);
		sample_errno(row, NIC_STATE, (int)n);
	} else {
		sample_text(out, row, NIC_STATE, text);
	}
	if (nic->driver[0])
		sample_text(out, row, NIC_DRIVER, nic->driver);
	if (nic->pci[0])
		sample_text(out, row, NIC_PCI, nic->pci);
	emit_node(nic, row, out);
	if (nic->mtu_error) {
		read_notef(out, nic->mtu_error, SYS_NET "/%s/mtu", nic->name);
		sample_errno(row, NIC_MTU, nic->mtu_error);
	} else {
		sample_u64(row, NIC_MTU, nic->mtu);
	}
	if (nic->speed_mbit > 0)
		sample_u64(row, NIC_SPEED, (uint64_t)nic->speed_mbit * 1000000);
	if (nic->mac_error) {
		read_notef(out, nic->mac_error, SYS_NET "/%s/address", nic->name);
		sample_errno(row, NIC_MAC, nic->mac_error);
	} else if (nic->mac[0]) {
		sample_text(out, row, NIC_MAC, nic->mac);
	}
	if (nic->rx || nic->tx) {
		sample_u64(row, NIC_RX, nic->rx);
		sample_u64(row, NIC_TX, nic->tx);
	}
}

/* The same list as before keeps its open files; otherwise those of interfaces that stayed. */
static void take_list(struct nic_state *state, const struct host_names *names)
{
	struct nic *nics = xcalloc(names->n, sizeof(*nics));
	unsigned n = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->names[i], "bonding_masters")) /* a file, not an interface */
			continue;
		for (unsigned j = 0; j < state->n; j++) {
			if (state->nics[j].name && !strcmp(state->nics[j].name, names->names[i])) {
				nics[n] = state->nics[j];
				state->nics[j] = (struct nic){0};
				break;
			}
		}
		if (!nics[n].name)
			nics[n].name = xstrdup(names->names[i]);
		n++;
	}
	for (unsigned j = 0; j < state->n; j++)
		close_nic(&state->nics[j]);
	free(state->nics);
	state->nics = nics;
	state->n = n;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct nic_state *state = data;
	struct host_names names = {0};
	int r = host_listf(host, &names, SYS_NET);

	if (r < 0)
		return read_fail(out, r, SYS_NET);
	take_list(state, &names);
	host_names_done(&names);
	for (unsigned i = 0; i < state->n; i++) {
		struct nic *nic = &state->nics[i];

		if (!nic->read_ns || out->time_ns - nic->read_ns >= IDENTITY_PERIOD_NS) {
			read_identity(nic, host);
			nic->read_ns = out->time_ns ? out->time_ns : 1;
		}
		emit(nic, host, out);
	}
	return 0;
}

static void close_state(void *data)
{
	struct nic_state *state = data;

	for (unsigned i = 0; i < state->n; i++)
		close_nic(&state->nics[i]);
	free(state->nics);
}

const struct probe probe_nic = {
	.name = "nic",
	.summary = "Network interfaces and their devices",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct nic_state),
	.sample = sample,
	.close = close_state,
};
