/*
 * The devices of a machine: those of its command line, joined with what its monitor lists now. A
 * device that was plugged in later is known to the monitor alone; one that was unplugged still
 * stands on the command line.
 *
 * The monitor says what a device is to the guest, hardly what it is on the host: a network
 * interface that was plugged in has no backend here, and a device passed through is found by its
 * vendor and device number among those whose VFIO group the process holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/vm_internal.h"

#define VIRTIO_VENDOR 0x1af4u
#define CLASS_BRIDGE 0x06u
#define CLASS_NIC 0x02u
#define CLASS_DISK 0x01u

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%.*s", (int)size - 1, from);
}
#define COPY(to, from) copy(to, sizeof(to), from)

/* Device numbers of virtio: 0x1000 and on for transitional ones (by order), 0x1040 and the type
 * for modern ones (Virtual I/O Device (VIRTIO) 1.2, 4.1.2.1 and 5). */
static bool sort_virtio(unsigned number, struct vm_device *device)
{
	static const struct {
		unsigned old, modern;
		enum vm_device_type type;
		enum vm_device_kind kind;
		const char *model;
	} known[] = {
		{0x1000, 0x1041, VM_NIC, VM_VIRTIO, "virtio-net-pci"},
		{0x1001, 0x1042, VM_DISK, VM_VIRTIO, "virtio-blk-pci"},
		{0x1002, 0x1045, VM_BALLOON, VM_VIRTIO, "virtio-balloon-pci"},
		{0x1004, 0x1048, VM_SCSI, VM_VIRTIO, "virtio-scsi-pci"},
		{0x1009, 0x1049, VM_FS, VM_VIRTIO, "virtio-9p-pci"},
		{0x1012, 0x1053, VM_VSOCK, VM_VHOST, "vhost-vsock-pci"},
		{0x105a, 0x105a, VM_FS, VM_VHOST_USER, "vhost-user-fs-pci"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (number != known[i].old && number != known[i].modern)
			continue;
		device->type = known[i].type;
		device->kind = known[i].kind;
		COPY(device->driver, known[i].model);
		return true;
	}
	return false;
}

static bool is_number(struct host *host, const char *address, const char *file, unsigned wanted)
{
	char text[32];
	uint64_t number;

	return host_readf(host, text, sizeof(text), "sys/bus/pci/devices/%s/%s", address, file) >
		       0 &&
	       parse_hex_u64(text, &number) == 0 && number == wanted;
}

static bool is_claimed(const struct vm *vm, const char *address)
{
	for (unsigned i = 0; i < vm->n_devices; i++) {
		if (!strcmp(vm->devices[i].address, address))
			return true;
	}
	return false;
}

/* The address on the host; false: not passed through, or not to be told. */
static bool find_passed(struct vm *vm, struct host *host, const struct qmp_pci *pci,
			struct vm_device *device)
{
	bool is_found = false;

	for (unsigned g = 0; g < vm->n_vfio_groups && !is_found; g++) {
		struct host_names names = {0};

		if (host_listf(host, &names, "sys/kernel/iommu_groups/%u/devices",
			       vm->vfio_groups[g]) < 0)
			continue;
		for (size_t i = 0; i < names.n && !is_found; i++) {
			const char *address = names.names[i];

			if (strlen(address) >= sizeof(device->address) || is_claimed(vm, address) ||
			    !is_number(host, address, "vendor", pci->vendor) ||
			    !is_number(host, address, "device", pci->device))
				continue;
			COPY(device->address, address);
			COPY(device->backend, address);
			is_found = true;
		}
		host_names_done(&names);
	}
	return is_found;
}

/* False: of no interest (bridges, consoles, USB). */
static bool sort_pci(struct vm *vm, struct host *host, const struct qmp_pci *pci,
		     struct vm_device *device)
{
	unsigned class = pci->class >> 8;

	if (class == CLASS_BRIDGE)
		return false;
	if (find_passed(vm, host, pci, device)) {
		device->type = VM_PASSED;
		device->kind = VM_VFIO;
		COPY(device->driver, "vfio-pci");
		return true;
	}
	if (pci->vendor == VIRTIO_VENDOR)
		return sort_virtio(pci->device, device);
	if (class != CLASS_NIC && class != CLASS_DISK)
		return false;
	device->type = class == CLASS_NIC ? VM_NIC : VM_DISK;
	device->kind = VM_EMULATED;
	(void)snprintf(device->driver, sizeof(device->driver), "pci %04x:%04x", pci->vendor,
		       pci->device);
	return true;
}

/* --- lists --- */

static struct vm_device *find_device(struct vm *vm, const char *id)
{
	for (unsigned i = 0; i < vm->n_devices; i++) {
		if (!strcmp(vm->devices[i].id, id))
			return &vm->devices[i];
	}
	return NULL;
}

static void add_device(struct vm *vm, const struct vm_device *device)
{
	if (vm->n_devices == VM_DEVICES_MAX)
		return;
	vm->devices = xrealloc(vm->devices, (vm->n_devices + 1) * sizeof(*vm->devices));
	vm->devices[vm->n_devices++] = *device;
}

/* "/machine/peripheral/ID/virtio-backend", or the id alone of a device without a path. */
static void id_of_block(const struct qmp_block *block, char *buf, size_t size)
{
	static const char before[] = "/peripheral/";
	const char *at = strstr(block->qdev, before);

	buf[0] = '\0';
	if (at)
		at += sizeof(before) - 1;
	else if (!strchr(block->qdev, '/'))
		at = block->qdev;
	if (at)
		(void)snprintf(buf, size, "%.*s", (int)strcspn(at, "/"), at);
}

static bool ends(const char *text, const char *with)
{
	size_t len = strlen(text), n = strlen(with);

	return len >= n && !strcmp(text + len - n, with);
}

/* Whether the monitor would list it, if it were there: only devices on PCI that have an id, and
 * only when the guest's firmware has numbered all bridges, for QEMU does not look behind others. */
static bool is_unplugged(const struct qmp_machine *qmp, const struct vm_device *device)
{
	if (qmp->answers[QMP_PCI].state != QMP_ANSWERED || qmp->pci.is_cut || qmp->is_pci_partial ||
	    device->id[0] == '#' || !ends(device->driver, "-pci"))
		return false;
	for (unsigned i = 0; i < qmp->pci.n; i++) {
		if (!strcmp(qmp->pci.at[i].id, device->id))
			return false;
	}
	return true;
}

static void add_pci(struct vm *vm, struct host *host)
{
	for (unsigned i = 0; i < vm->qmp->pci.n; i++) {
		const struct qmp_pci *pci = &vm->qmp->pci.at[i];
		struct vm_device device = {.is_plugged = true};

		if (!pci->id[0] || find_device(vm, pci->id) || !sort_pci(vm, host, pci, &device))
			continue;
		COPY(device.id, pci->id);
		add_device(vm, &device);
	}
}

static void add_blocks(struct vm *vm)
{
	for (unsigned i = 0; i < vm->qmp->blocks.n; i++) {
		const struct qmp_block *block = &vm->qmp->blocks.at[i];
		struct vm_device fresh = {
			.type = VM_DISK, .kind = VM_UNKNOWN_KIND, .is_plugged = true};
		struct vm_device *device;

		id_of_block(block, fresh.id, sizeof(fresh.id));
		if (!fresh.id[0])
			continue;
		device = find_device(vm, fresh.id);
		if (!device) {
			add_device(vm, &fresh);
			device = find_device(vm, fresh.id);
		}
		if (device && device->is_plugged && device->type == VM_DISK)
			COPY(device->backend, block->file);
	}
}

void vm_join_devices(struct vm *vm, struct host *host)
{
	const struct qmp_machine *qmp = vm->qmp;
	uint64_t pci_ns = qmp ? qmp->answers[QMP_PCI].asked_ns : 0;
	uint64_t block_ns = qmp ? qmp->answers[QMP_BLOCK].asked_ns : 0;

	if (vm->are_devices_joined && pci_ns == vm->pci_ns && block_ns == vm->block_ns)
		return;
	vm->are_devices_joined = true;
	vm->pci_ns = pci_ns;
	vm->block_ns = block_ns;
	vm->n_devices = 0;
	for (unsigned i = 0; i < vm->config.n_devices; i++) {
		if (!qmp || !is_unplugged(qmp, &vm->config.devices[i]))
			add_device(vm, &vm->config.devices[i]);
	}
	if (qmp) {
		add_pci(vm, host);
		add_blocks(vm);
	}
}
