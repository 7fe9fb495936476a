/*
 * Which interrupt serves which queue, where the kernel does not say (napi-get, linux 6.7, and only
 * for drivers that tell): by the name under which the driver asked for the interrupt. These names
 * are made in the drivers; each row says where. The interrupts of a device are in its msi_irqs
 * folder; devices without one (platform, old PCI) are found among all interrupts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/queue_internal.h"
#include "probes/read.h"

#define SYS_IRQ "sys/kernel/irq"
#define PROC_IRQ "proc/irq"

/* '%': the interface's name, '$': its device's name (PCI address, virtio2), '#': the index. */
static const struct {
	const char *pattern;
	enum queue_serves serves;
} patterns[] = {
	/* intel/{igb,igc,ixgbe,ixgbevf,fm10k}, wangxun, broadcom/bnxt */
	{"%-TxRx-#", SERVES_BOTH},
	{"%-rx-#", SERVES_RX}, /* vmxnet3 too */
	{"%-tx-#", SERVES_TX},
	/* intel/{i40e,ice,iavf,idpf}: driver in front */
	{"i40e-%-TxRx-#", SERVES_BOTH},
	{"i40e-%-rx-#", SERVES_RX},
	{"i40e-%-tx-#", SERVES_TX},
	{"ice-%-TxRx-#", SERVES_BOTH},
	{"ice-%-rx-#", SERVES_RX},
	{"ice-%-tx-#", SERVES_TX},
	{"iavf-%-TxRx-#", SERVES_BOTH},
	{"iavf-%-rx-#", SERVES_RX},
	{"iavf-%-tx-#", SERVES_TX},
	{"idpf-%-TxRx-#", SERVES_BOTH},
	/* amazon/ena/ena_netdev.c */
	{"%-Tx-Rx-#", SERVES_BOTH},
	/* vmxnet3, netronome/nfp, marvell/octeontx2 */
	{"%-rxtx-#", SERVES_BOTH},
	/* qlogic/qede, broadcom/bnx2x */
	{"%-fp-#", SERVES_BOTH},
	/* stmicro/stmmac */
	{"%:rx-#", SERVES_RX},
	{"%:tx-#", SERVES_TX},
	/* xen-netfront */
	{"%-q#-rx", SERVES_RX},
	{"%-q#-tx", SERVES_TX},
	/* emulex/benet, marvell/octeon_ep */
	{"%-q#", SERVES_BOTH},
	/* virtio_net through virtio/virtio_pci_common.c: one each, or one for all */
	{"$-input.#", SERVES_RX},
	{"$-output.#", SERVES_TX},
	{"$-virtqueues", SERVES_ALL},
	/* mellanox/mlx5/core/pci_irq.c, mellanox/mlx4/eq.c */
	{"mlx5_comp#@pci:$", SERVES_BOTH},
	{"mlx4-#@$", SERVES_BOTH},
	/* google/gve/gve_main.c: the lower half of the blocks transmits */
	{"gve-ntfy-blk#@pci:$", SERVES_HALVES},
	{"%-ntfy-block.#", SERVES_HALVES},
	/* hisilicon/hns3 */
	{"hns3-$-TxRx-#", SERVES_BOTH},
	/* sfc, old mlx4 and mlx5 */
	{"%-#", SERVES_BOTH},
};

struct names {
	const char *ifname, *device; /* ifname NULL: any */
};

static bool fits(const char *pattern, const char *text, const struct names *names, unsigned *index);

/* Any interface name: no colon, at most 15 bytes (IFNAMSIZ). */
static bool fits_any(const char *pattern, const char *text, const struct names *names,
		     unsigned *index)
{
	for (unsigned n = 1; n <= 15 && text[n - 1] && text[n - 1] != ':' && text[n - 1] != '@';
	     n++) {
		if (fits(pattern, text + n, names, index))
			return true;
	}
	return false;
}

static bool fits(const char *pattern, const char *text, const struct names *names, unsigned *index)
{
	for (; *pattern; pattern++) {
		const char *literal = *pattern == '%'	? names->ifname
				      : *pattern == '$' ? names->device
							: NULL;

		if (*pattern == '%' && !literal)
			return fits_any(pattern + 1, text, names, index);
		if (literal) {
			size_t len = strlen(literal);

			if (!len || strncmp(text, literal, len))
				return false;
			text += len;
		} else if (*pattern == '#') {
			size_t n = strspn(text, "0123456789");

			if (n == 0 || n > 4)
				return false;
			*index = (unsigned)strtoul(text, NULL, 10);
			text += n;
		} else if (*pattern != *text++) {
			return false;
		}
	}
	return !*text;
}

enum queue_serves queue_action(const char *action, const char *ifname, const char *device,
			       bool is_own, unsigned *ret_index)
{
	for (unsigned pass = 0; pass < (is_own ? 2u : 1u); pass++) {
		struct names names = {pass ? NULL : ifname, device};

		for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
			*ret_index = 0;
			if (fits(patterns[i].pattern, action, &names, ret_index))
				return patterns[i].serves;
		}
	}
	return SERVES_NONE;
}

struct irq_action {
	unsigned irq;
	char action[64]; /* of several the first */
};

struct queue_irqs {
	struct irq_action *at;
	size_t n;
};

void queue_irqs_free(struct queue_irqs *irqs)
{
	if (irqs)
		free(irqs->at);
	free(irqs);
}

/* Kernels without sys/kernel/irq (before linux 4.9) show an action as a folder of proc/irq/N. */
static bool action_folder(struct host *host, unsigned irq, char *buf, size_t size)
{
	static const char *const files[] = {"affinity_hint", "effective_affinity", "node",
					    "smp_affinity", "spurious"};
	struct host_names names = {0};
	bool is_found = false;

	if (host_listf(host, &names, PROC_IRQ "/%u", irq) < 0)
		return false;
	for (size_t i = 0; i < names.n && !is_found; i++) {
		is_found = true;
		for (unsigned f = 0; f < ARRAY_SIZE(files); f++)
			is_found &= strncmp(names.names[i], files[f], strlen(files[f])) != 0;
		if (is_found)
			(void)snprintf(buf, size, "%s", names.names[i]);
	}
	host_names_done(&names);
	return is_found;
}

static void add_irq(struct queue_irqs *irqs, struct host *host, unsigned irq)
{
	struct irq_action *a = &irqs->at[irqs->n];
	char buf[256];
	ssize_t n = host_readf(host, buf, sizeof(buf), SYS_IRQ "/%u/actions", irq);

	a->irq = irq;
	if (n > 0) {
		buf[strcspn(buf, ",")] = '\0';
		(void)snprintf(a->action, sizeof(a->action), "%.63s", buf);
	} else if (n == 0 || !action_folder(host, irq, a->action, sizeof(a->action))) {
		return; /* nobody asked for it */
	}
	irqs->n++;
}

static struct queue_irqs *list_irqs(struct host *host, const char *folder)
{
	struct host_names names = {0};
	struct queue_irqs *irqs;

	if (host_listf(host, &names, "%s", folder) < 0)
		return NULL;
	irqs = xcalloc(1, sizeof(*irqs));
	irqs->at = xcalloc(names.n + 1, sizeof(*irqs->at));
	for (size_t i = 0; i < names.n; i++) {
		unsigned irq;

		if (read_numbered(names.names[i], "", &irq))
			add_irq(irqs, host, irq);
	}
	host_names_done(&names);
	return irqs;
}

/* The folder of the device, or that of the PCI device a virtio device sits on. */
static struct queue_irqs *own_irqs(const struct queue_nic *nic, struct host *host)
{
	char folder[sizeof(nic->device_dir) + 16];
	struct queue_irqs *irqs;
	char *slash;

	if (!nic->device_dir[0])
		return NULL;
	(void)snprintf(folder, sizeof(folder), "%s/msi_irqs", nic->device_dir);
	irqs = list_irqs(host, folder);
	if (irqs || !(slash = strrchr(nic->device_dir, '/')))
		return irqs;
	(void)snprintf(folder, sizeof(folder), "%.*s/msi_irqs", (int)(slash - nic->device_dir),
		       nic->device_dir);
	return list_irqs(host, folder);
}

static void set_irq(struct queue_nic *nic, enum queue_direction direction, unsigned index,
		    unsigned irq, const char *how)
{
	struct queue *queue = queue_find(nic, direction, index);

	if (queue && queue->named_irq < 0) {
		queue->named_irq = irq;
		queue->named_how = how;
	}
}

static void set_all(struct queue_nic *nic, unsigned irq, const char *how)
{
	for (unsigned i = 0; i < nic->n; i++)
		set_irq(nic, nic->queues[i].direction, nic->queues[i].index, irq, how);
}

static unsigned count_halves(const struct queue_nic *nic, const struct queue_irqs *irqs,
			     bool is_own)
{
	unsigned n = 0, index;

	for (size_t i = 0; i < irqs->n; i++)
		n += queue_action(irqs->at[i].action, nic->name, nic->device, is_own, &index) ==
		     SERVES_HALVES;
	return n;
}

/* False: it serves no queue. */
static bool by_name(struct queue_nic *nic, const struct irq_action *a, bool is_own, unsigned halves)
{
	static const char how[] = "action name";
	unsigned index;

	switch (queue_action(a->action, nic->name, nic->device, is_own, &index)) {
	case SERVES_NONE:
		return false;
	case SERVES_RX:
		set_irq(nic, QUEUE_RX, index, a->irq, how);
		break;
	case SERVES_TX:
		set_irq(nic, QUEUE_TX, index, a->irq, how);
		break;
	case SERVES_BOTH:
		set_irq(nic, QUEUE_RX, index, a->irq, how);
		set_irq(nic, QUEUE_TX, index, a->irq, how);
		break;
	case SERVES_ALL:
		set_all(nic, a->irq, how);
		break;
	case SERVES_HALVES:
		if (index < halves / 2)
			set_irq(nic, QUEUE_TX, index, a->irq, how);
		else
			set_irq(nic, QUEUE_RX, index - halves / 2, a->irq, how);
		break;
	}
	return true;
}

/* Interrupts that have only the interface's name: one serves all queues; as many as there are
 * queue pairs serve one each, in their order. Any other number says nothing. */
static void by_order(struct queue_nic *nic, const struct queue_irqs *irqs, bool is_own)
{
	unsigned n_tx = nic->n - nic->n_rx, n = 0, at = 0;
	unsigned pairs = nic->n_rx > n_tx ? nic->n_rx : n_tx;
	const char *how = is_own ? "msi_irqs" : "action name";

	for (size_t i = 0; i < irqs->n; i++)
		n += !strcmp(irqs->at[i].action, nic->name);
	for (size_t i = 0; i < irqs->n; i++) {
		if (n == 0 && irqs->n == 1 && is_own)
			set_all(nic, irqs->at[i].irq, how);
		if (strcmp(irqs->at[i].action, nic->name))
			continue;
		if (n == 1) {
			set_all(nic, irqs->at[i].irq, how);
		} else if (n == pairs) {
			set_irq(nic, QUEUE_RX, at, irqs->at[i].irq, how);
			set_irq(nic, QUEUE_TX, at++, irqs->at[i].irq, how);
		}
	}
}

static void assign(struct queue_nic *nic, const struct queue_irqs *irqs, bool is_own)
{
	unsigned halves = count_halves(nic, irqs, is_own), n = 0;

	for (size_t i = 0; i < irqs->n; i++)
		n += by_name(nic, &irqs->at[i], is_own, halves);
	if (n == 0)
		by_order(nic, irqs, is_own);
}

void queue_read_irqs(struct queue_nic *nic, struct host *host, struct queue_irqs **all)
{
	struct queue_irqs *own;

	if (!nic->device[0])
		return; /* a virtual interface has none */
	own = own_irqs(nic, host);
	if (own && own->n) {
		assign(nic, own, true);
	} else {
		if (!*all)
			*all = list_irqs(host, SYS_IRQ);
		if (!*all)
			*all = list_irqs(host, PROC_IRQ);
		if (*all)
			assign(nic, *all, false);
	}
	queue_irqs_free(own);
}
