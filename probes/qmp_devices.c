/* Devices in QMP's answers: PCI, disks, character devices, receive filters. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "probes/qmp_internal.h"

#define CHARDEVS_MAX 256u
#define BLOCKS_MAX 512u
#define PCI_MAX 1024u
#define RX_FILTERS_MAX 256u

static int read_chardev(void *item, struct json_object *from)
{
	struct qmp_chardev *chardev = item;

	if (!json_object_is_type(qmp_member(from, "label"), json_type_string))
		return -EPROTO;
	qmp_member_text(from, "label", chardev->label, sizeof(chardev->label));
	qmp_member_text(from, "filename", chardev->filename, sizeof(chardev->filename));
	chardev->is_open = qmp_member_is_true(from, "frontend-open");
	return 0;
}

int qmp_read_chardevs(struct qmp_machine *machine, struct json_object *value)
{
	return QMP_READ_LIST(machine->chardevs, CHARDEVS_MAX, value, read_chardev);
}

static int read_block(void *item, struct json_object *from)
{
	struct qmp_block *block = item;
	struct json_object *medium = qmp_member(from, "inserted");

	/* "": made with -blockdev; its qdev names it then. */
	if (!json_object_is_type(qmp_member(from, "device"), json_type_string))
		return -EPROTO;
	qmp_member_text(from, "device", block->device, sizeof(block->device));
	qmp_member_text(from, "qdev", block->qdev, sizeof(block->qdev));
	qmp_member_text(from, "io-status", block->io_status, sizeof(block->io_status));
	block->has_medium = json_object_is_type(medium, json_type_object);
	qmp_member_text(medium, "node-name", block->node, sizeof(block->node));
	qmp_member_text(medium, "drv", block->driver, sizeof(block->driver));
	qmp_member_text(medium, "file", block->file, sizeof(block->file));
	block->is_read_only = qmp_member_is_true(medium, "ro");
	block->is_direct = qmp_member_is_true(qmp_member(medium, "cache"), "direct");
	block->size_bytes = qmp_member_number(qmp_member(medium, "image"), "virtual-size");
	return 0;
}

int qmp_read_blocks(struct qmp_machine *machine, struct json_object *value)
{
	return QMP_READ_LIST(machine->blocks, BLOCKS_MAX, value, read_block);
}

static int read_rx_filter(void *item, struct json_object *from)
{
	struct qmp_rx_filter *filter = item;

	if (!json_object_is_type(qmp_member(from, "name"), json_type_string))
		return -EPROTO;
	qmp_member_text(from, "name", filter->name, sizeof(filter->name));
	qmp_member_text(from, "main-mac", filter->mac, sizeof(filter->mac));
	filter->is_promiscuous = qmp_member_is_true(from, "promiscuous");
	return 0;
}

int qmp_read_rx_filters(struct qmp_machine *machine, struct json_object *value)
{
	return QMP_READ_LIST(machine->rx_filters, RX_FILTERS_MAX, value, read_rx_filter);
}

/* --- PCI: buses below bridges below buses --- */

struct pci_list {
	struct qmp_pci *at;
	unsigned n, size;
	bool is_cut, is_partial;
};

static int read_function(struct qmp_pci *pci, struct json_object *from)
{
	struct json_object *id = qmp_member(from, "id"), *class = qmp_member(from, "class_info");

	if (qmp_member_u32(from, "bus", &pci->bus) < 0 ||
	    qmp_member_u32(from, "slot", &pci->slot) < 0 ||
	    qmp_member_u32(from, "function", &pci->function) < 0 ||
	    qmp_member_u32(id, "vendor", &pci->vendor) < 0 ||
	    qmp_member_u32(id, "device", &pci->device) < 0 ||
	    qmp_member_u32(class, "class", &pci->class) < 0)
		return -EPROTO;
	pci->irq = qmp_member_number(from, "irq");
	qmp_member_text(from, "qdev_id", pci->id, sizeof(pci->id));
	qmp_member_text(class, "desc", pci->desc, sizeof(pci->desc));
	return 0;
}

static struct qmp_pci *add_function(struct pci_list *list)
{
	if (list->n == PCI_MAX) {
		list->is_cut = true;
		return NULL;
	}
	if (list->n == list->size) {
		list->size = list->size ? 2 * list->size : 16;
		list->at = xrealloc(list->at, list->size * sizeof(*list->at));
	}
	list->at[list->n] = (struct qmp_pci){0};
	return &list->at[list->n++];
}

/* QEMU lists nothing behind a bridge whose secondary bus the firmware has not numbered. */
static bool has_bus(struct json_object *bridge)
{
	struct qmp_number bus = qmp_member_number(qmp_member(bridge, "bus"), "secondary");

	return !bus.is_set || bus.value != 0;
}

/* As deep as json_limits let it be. */
static int read_functions(struct pci_list *list, struct json_object *devices)
{
	if (!json_object_is_type(devices, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *from = json_object_array_get_idx(devices, i);
		struct json_object *bridge = qmp_member(from, "pci_bridge");
		struct json_object *below = qmp_member(bridge, "devices");
		struct qmp_pci *pci = add_function(list);
		int r = pci ? read_function(pci, from) : 0;

		list->is_partial |= bridge && !has_bus(bridge);
		if (r == 0 && below)
			r = read_functions(list, below);
		if (r < 0)
			return r;
	}
	return 0;
}

int qmp_read_pci(struct qmp_machine *machine, struct json_object *value)
{
	struct pci_list list = {0};
	int r = json_object_is_type(value, json_type_array) ? 0 : -EPROTO;

	for (size_t i = 0; r == 0 && i < json_object_array_length(value); i++)
		r = read_functions(&list,
				   qmp_member(json_object_array_get_idx(value, i), "devices"));
	if (r < 0) {
		free(list.at);
		return r;
	}
	free(machine->pci.at);
	machine->pci.at = list.at;
	machine->pci.n = list.n;
	machine->pci.is_cut = list.is_cut;
	machine->is_pci_partial = list.is_partial;
	return 0;
}
