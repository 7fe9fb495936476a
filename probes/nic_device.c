/* What is behind an interface, from sysfs and the drvinfo ioctl; and the list of those known. */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_ethtool.h"
#include "probes/nic_internal.h"
#include "probes/read.h"

/* --- the list --- */

static void free_device(struct nic_device *device)
{
	host_file_close(device->state_file);
	free(device);
}

static unsigned position(const struct nic_devices *devices, uint32_t ifindex, const char *name,
			 bool *ret_is_there)
{
	unsigned low = 0, high = devices->n;

	*ret_is_there = false;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		const struct nic_device *device = devices->at[mid];
		int order = device->ifindex < ifindex	? -1
			    : device->ifindex > ifindex ? 1
							: strcmp(device->name, name);

		if (order == 0) {
			*ret_is_there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct nic_device *nic_devices_find(const struct nic_devices *devices, uint32_t ifindex,
				    const char *name)
{
	bool is_there;
	unsigned i = position(devices, ifindex, name, &is_there);

	return is_there ? devices->at[i] : NULL;
}

struct nic_device *nic_devices_get(struct nic_devices *devices, uint32_t ifindex, const char *name)
{
	bool is_there;
	unsigned i = position(devices, ifindex, name, &is_there);

	if (is_there)
		return devices->at[i];
	if (devices->n == devices->room) {
		devices->room = devices->room ? 2 * devices->room : 16;
		devices->at = xrealloc(devices->at, devices->room * sizeof(struct nic_device *));
	}
	memmove(&devices->at[i + 1], &devices->at[i],
		(devices->n - i) * sizeof(struct nic_device *));
	devices->n++;

	struct nic_device *device = xcalloc(1, sizeof(*device));
	device->ifindex = ifindex;
	(void)snprintf(device->name, sizeof(device->name), "%s", name);
	devices->at[i] = device;
	return device;
}

void nic_devices_sweep(struct nic_devices *devices)
{
	unsigned n = 0;

	for (unsigned i = 0; i < devices->n; i++) {
		struct nic_device *device = devices->at[i];

		if (!device->is_listed) {
			free_device(device);
			continue;
		}
		device->is_listed = false;
		devices->at[n++] = device;
	}
	devices->n = n;
}

void nic_devices_done(struct nic_devices *devices)
{
	for (unsigned i = 0; i < devices->n; i++)
		free_device(devices->at[i]);
	free(devices->at);
	*devices = (struct nic_devices){0};
}

/* --- one device --- */

bool nic_is_pci_address(const char *text)
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
static void find_pci(struct nic_device *device, char *path)
{
	char *rest = NULL;

	for (char *part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (nic_is_pci_address(part))
			(void)snprintf(device->pci, sizeof(device->pci), "%s", part);
	}
}

static void read_links(struct nic_device *device, struct host *host)
{
	char link[1024];

	device->driver[0] = device->pci[0] = '\0';
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s", device->name) > 0)
		find_pci(device, link);
	device->has_device =
		host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device", device->name) > 0;
	if (!device->pci[0] && device->has_device)
		find_pci(device, link);
	if (host_readlinkf(host, link, sizeof(link), SYS_NET "/%s/device/driver", device->name) >
	    0) {
		const char *slash = strrchr(link, '/');

		(void)snprintf(device->driver, sizeof(device->driver), "%.63s",
			       slash ? slash + 1 : link);
	}
}

static void read_node(struct nic_device *device, struct host *host)
{
	int r = host_read_i64f(host, &device->node, SYS_NET "/%s/device/numa_node", device->name);

	device->node_error = r < 0 && !errno_is_absent(-r) ? r : 0;
	if (r < 0)
		device->node = -1;
	if (device->node < 0 && device->pci[0] && /* virtio: the PCI device is one further up */
	    host_read_i64f(host, &device->node, "sys/bus/pci/devices/%s/numa_node", device->pci) <
		    0)
		device->node = -1;
}

static unsigned count_queues(const struct host_names *names, const char *prefix)
{
	unsigned n = 0, number;

	for (size_t i = 0; i < names->n; i++)
		n += (unsigned)read_numbered(names->names[i], prefix, &number);
	return n;
}

static void read_queues(struct nic_device *device, struct host *host)
{
	struct host_names names = {0};

	device->queues_rx = device->queues_tx = 0;
	if (host_listf(host, &names, SYS_NET "/%s/queues", device->name) < 0)
		return;
	device->queues_rx = count_queues(&names, "rx-");
	device->queues_tx = count_queues(&names, "tx-");
	host_names_done(&names);
}

static void copy_text(char *to, const char *from, size_t size)
{
	(void)snprintf(to, NIC_TEXT_SIZE, "%.*s", (int)strnlen(from, size), from);
}

static void read_drvinfo(struct nic_device *device, struct host *host)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	device->version[0] = device->firmware[0] = device->bus[0] = '\0';
	if (host_ethtool_get(host, device->name, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (!device->driver[0])
		copy_text(device->driver, info.driver, sizeof(info.driver));
	copy_text(device->version, info.version, sizeof(info.version));
	copy_text(device->firmware, info.fw_version, sizeof(info.fw_version));
	copy_text(device->bus, info.bus_info, sizeof(info.bus_info));
}

/* What the link's message would have said. */
static void read_instead(struct nic_device *device, struct host *host)
{
	ssize_t n = host_readf(host, device->mac, sizeof(device->mac), SYS_NET "/%s/address",
			       device->name);

	device->mac_error = n < 0 ? (int)n : 0;
	device->mtu_error = host_read_u64f(host, &device->mtu, SYS_NET "/%s/mtu", device->name);
}

void nic_device_read(struct nic_device *device, struct host *host, bool has_link)
{
	ssize_t n;

	read_links(device, host);
	read_node(device, host);
	read_queues(device, host);
	if (has_link)
		read_drvinfo(device, host);
	else
		read_instead(device, host);
	/* EINVAL while the link is down, -1 when the driver does not know. */
	if (host_read_i64f(host, &device->speed_mbit, SYS_NET "/%s/speed", device->name) < 0)
		device->speed_mbit = -1;
	n = host_readf(host, device->duplex, sizeof(device->duplex), SYS_NET "/%s/duplex",
		       device->name);
	if (n < 0 || !strcmp(device->duplex, "unknown"))
		device->duplex[0] = '\0';
}
