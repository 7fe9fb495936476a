/*
 * What changes rarely about an interrupt and costs a file each: the driver's affinity hint, and
 * whether the kernel manages the affinity. The latter is told by debugfs only
 * (CONFIG_GENERIC_IRQ_DEBUGFS); anywhere else a write would have to be tried, which a probe does
 * not do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/irq_internal.h"
#include "probes/read.h"

#define DEBUG_IRQ "sys/kernel/debug/irq/irqs"
#define SHARE_FEW 4
#define SHARE_MANY 32
#define FEW_IRQS 64

static void read_hint(struct irq *irq, struct host *host)
{
	char mask[CPUSET_MAX / 32 * 9 + 2], text[4096];
	struct cpuset set;
	ssize_t n = host_readf(host, mask, sizeof(mask), PROC_IRQ "/%u/affinity_hint", irq->number);

	free(irq->hint);
	irq->hint = NULL;
	irq->hint_error = n < 0 ? (int)n : cpuset_parse_mask(mask, &set);
	if (irq->hint_error == 0 && cpuset_format_list(&set, text, sizeof(text)) < 0)
		irq->hint_error = -EFBIG;
	if (irq->hint_error == 0)
		irq->hint = xstrdup(text);
}

/* "dstate:   0x..." and below it the names of its bits (kernel/irq/debugfs.c). */
static void read_managed(struct irq *irq, struct host *host)
{
	char text[4096];
	ssize_t n = host_readf(host, text, sizeof(text), DEBUG_IRQ "/%u", irq->number);

	irq->managed = IRQ_MANAGED_UNKNOWN;
	irq->managed_error = n < 0 ? (int)n : 0;
	if (n < 0)
		return;
	if (!strstr(text, "dstate:"))
		irq->managed_error = -EINVAL;
	else
		irq->managed =
			strstr(text, "IRQD_AFFINITY_MANAGED") ? IRQ_MANAGED_YES : IRQ_MANAGED_NO;
}

static void read_rare(struct irq *irq, struct host *host)
{
	irq->has_rare = true;
	read_hint(irq, host);
	read_managed(irq, host);
}

void irq_read_rare(struct irq_table *table, struct host *host, struct sample *out)
{
	unsigned share = table->n <= FEW_IRQS ? SHARE_FEW : SHARE_MANY;

	for (unsigned i = 0; i < table->n; i++) {
		if (!table->at[i]->has_rare || out->is_thorough)
			read_rare(table->at[i], host);
	}
	if (out->is_thorough || !table->n)
		return;
	for (; share; share--) {
		if (table->next_rare >= table->n)
			table->next_rare = 0;
		read_rare(table->at[table->next_rare++], host);
	}
}
