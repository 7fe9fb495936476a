#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/irq_internal.h"
#include "probes/read.h"

#define FEW_IRQS 64
/* Per run, besides those that moved: 2,000 interrupts are read once in about 30 s. */
#define MANY_SHARE 32

static unsigned lower_bound(const struct irq_table *table, unsigned number)
{
	unsigned low = 0, high = table->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (table->at[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct irq *irq_find(struct irq_table *table, unsigned number)
{
	unsigned i = lower_bound(table, number);

	return i < table->n && table->at[i]->number == number ? table->at[i] : NULL;
}

struct irq *irq_get(struct irq_table *table, unsigned number)
{
	unsigned i = lower_bound(table, number);

	if (i < table->n && table->at[i]->number == number)
		return table->at[i];
	if (table->n == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->at = xrealloc(table->at, table->room * sizeof(struct irq *));
	}
	memmove(&table->at[i + 1], &table->at[i], (table->n - i) * sizeof(struct irq *));
	table->at[i] = xcalloc(1, sizeof(*table->at[i]));
	table->at[i]->number = number;
	table->at[i]->hwirq = table->at[i]->node = -1;
	table->at[i]->is_stale = true;
	table->n++;
	return table->at[i];
}

static void list_done(struct irq_list *list)
{
	host_file_close(list->file);
	free(list->text);
	free(list->set);
	*list = (struct irq_list){0};
}

static void irq_free(struct irq *irq)
{
	list_done(&irq->affinity);
	list_done(&irq->effective);
	free(irq->chip);
	free(irq->type);
	free(irq->actions);
	free(irq->per_cpu);
	free(irq);
}

void irq_forget_unseen(struct irq_table *table)
{
	unsigned n = 0;

	for (unsigned i = 0; i < table->n; i++) {
		if (table->at[i]->is_seen)
			table->at[n++] = table->at[i];
		else
			irq_free(table->at[i]);
	}
	table->n = n;
}

void irq_table_done(struct irq_table *table)
{
	for (unsigned i = 0; i < table->n; i++)
		irq_free(table->at[i]);
	free(table->at);
	*table = (struct irq_table){0};
}

static void set_string(char **string, const char *text, size_t len)
{
	free(*string);
	*string = len ? xasprintf("%.*s", (int)len, text) : NULL;
}

/* "IO-APIC   5-edge      ACPI:Ged", "GICv3  27 Level     arch_timer", "PCI-MSI-edge      eth0":
 * chip, then number and trigger in one of these forms, then the actions (kernel/irq/proc.c). */
static void identity_from_tail(struct irq *irq, const char *tail, size_t len)
{
	_cleanup_(freep) char *copy = xasprintf("%.*s", (int)len, tail);
	struct scan scan = {copy}, before;
	const char *word;
	size_t n;

	if (scan_word(&scan, &word, &n) < 0)
		return;
	set_string(&irq->chip, word, n);

	const char *dash = memrchr(word, '-', n);

	if (dash && (!strncmp(dash, "-edge", 5) || !strncmp(dash, "-level", 6) ||
		     !strncmp(dash, "-fasteoi", 8)))
		set_string(&irq->type, dash + 1, n - (size_t)(dash + 1 - word));
	before = scan;
	if (scan_word(&scan, &word, &n) == 0 && *word >= '0' && *word <= '9') {
		char *end;

		irq->hwirq = (int64_t)strtoull(word, &end, 10);
		if (*end == '-') {
			set_string(&irq->type, end + 1, n - (size_t)(end + 1 - word));
			before = scan;
		} else if (end == word + n) {
			before = scan;
			if (scan_word(&scan, &word, &n) == 0 &&
			    (!strncasecmp(word, "edge", n) || !strncasecmp(word, "level", n))) {
				set_string(&irq->type, word, n);
				before = scan;
			}
		} else {
			irq->hwirq = -1; /* an action that begins with a digit: "3ware" */
		}
	}
	before.at += strspn(before.at, " \t");
	set_string(&irq->actions, before.at, strlen(before.at));
}

static bool read_string(struct host *host, char **string, unsigned irq, const char *name)
{
	char text[1024];
	ssize_t n = host_readf(host, text, sizeof(text), SYS_IRQ "/%u/%s", irq, name);

	if (n < 0)
		return false;
	read_trim(text);
	if (!strcmp(text, "(null)"))
		text[0] = '\0';
	set_string(string, text, strlen(text));
	return true;
}

void irq_read_identity(struct irq *irq, struct host *host, const char *tail, size_t len)
{
	int64_t number;

	irq->hwirq = irq->node = -1;
	irq->has_identity = true;
	if (read_string(host, &irq->actions, irq->number, "actions")) {
		read_string(host, &irq->chip, irq->number, "chip_name");
		read_string(host, &irq->type, irq->number, "type");
		if (host_read_i64f(host, &number, SYS_IRQ "/%u/hwirq", irq->number) == 0)
			irq->hwirq = number;
	} else if (tail) {
		identity_from_tail(irq, tail, len);
	}
	irq->has_node = host_read_i64f(host, &number, PROC_IRQ "/%u/node", irq->number) == 0;
	if (irq->has_node)
		irq->node = number;
}

/* The kernel never keeps an empty request; nothing may be in effect before an interrupt starts. */
static void list_set(struct irq_list *list, const char *text, bool may_be_empty)
{
	struct cpuset set;

	list->error = 0;
	if (list->text && !strcmp(list->text, text))
		return;
	list->error = cpuset_parse_list(text, &set);
	if (list->error == 0 && !may_be_empty && cpuset_is_empty(&set))
		list->error = -EINVAL;
	if (list->error < 0)
		return;
	free(list->text);
	list->text = xstrdup(text);
	if (!list->set)
		list->set = xcalloc(1, sizeof(*list->set));
	*list->set = set;
}

/* Some captures and old kernels have the mask only. */
static int from_mask(struct irq_list *list, struct host *host, unsigned irq, const char *name,
		     bool may_be_empty)
{
	char mask[CPUSET_MAX / 32 * 9 + 2], text[4096];
	struct cpuset set;
	ssize_t n = host_readf(host, mask, sizeof(mask), PROC_IRQ "/%u/%s", irq, name);

	if (n < 0)
		return (int)n;
	if (cpuset_parse_mask(mask, &set) < 0 || cpuset_format_list(&set, text, sizeof(text)) < 0)
		return -EINVAL;
	list_set(list, text, may_be_empty);
	return list->error;
}

static void read_list(struct irq_list *list, struct host *host, unsigned irq, const char *name,
		      bool is_kept)
{
	bool may_be_empty = !strncmp(name, "effective", 9);
	const char *text;
	char path[64];

	(void)snprintf(path, sizeof(path), PROC_IRQ "/%u/%s_list", irq, name);

	bool was_open = list->file != NULL;
	ssize_t n = host_file_readf(host, &list->file, &text, "%s", path);

	/* The number was freed and given to another device: procfs says EIO on the old file. */
	if (n < 0 && was_open) {
		host_file_close(list->file);
		list->file = NULL;
		n = host_file_readf(host, &list->file, &text, "%s", path);
	}
	if (n >= 0)
		list_set(list, text, may_be_empty);
	else
		list->error = (int)n;
	if (n == -ENOENT)
		list->error = from_mask(list, host, irq, name, may_be_empty);
	if (!is_kept || n < 0) {
		host_file_close(list->file);
		list->file = NULL;
	}
}

static void note_list(const struct irq *irq, const struct irq_list *list, struct sample *out,
		      const char *name)
{
	read_notef(out, list->error, PROC_IRQ "/%u/%s_list", irq->number, name);
}

void irq_read_effective(struct irq *irq, struct host *host, struct sample *out, bool is_kept)
{
	read_list(&irq->effective, host, irq->number, "effective_affinity", is_kept);
	note_list(irq, &irq->effective, out, "effective_affinity");
}

static void read_both(struct irq *irq, struct host *host, struct sample *out, bool is_kept)
{
	read_list(&irq->affinity, host, irq->number, "smp_affinity", is_kept);
	note_list(irq, &irq->affinity, out, "smp_affinity");
	irq_read_effective(irq, host, out, is_kept);
	irq->is_stale = false;
	irq->is_pending = irq->affinity.set && irq->effective.set && !irq->effective.error &&
			  !irq->affinity.error &&
			  !cpuset_is_subset(irq->effective.set, irq->affinity.set);
}

void irq_read_affinities(struct irq_table *table, struct host *host, struct sample *out)
{
	bool is_few = table->n <= FEW_IRQS, is_all = is_few || out->is_thorough;
	unsigned share = MANY_SHARE;

	for (unsigned i = 0; i < table->n; i++) {
		struct irq *irq = table->at[i];

		if (is_all || !irq->affinity.text)
			read_both(irq, host, out, is_few);
	}
	if (is_all)
		return;
	for (unsigned i = 0; i < table->n && share; i++) {
		if (table->at[i]->is_stale) {
			read_both(table->at[i], host, out, false);
			share--;
		}
	}
	for (share = MANY_SHARE; share; share--) {
		if (table->next_affinity >= table->n)
			table->next_affinity = 0;

		struct irq *irq = table->at[table->next_affinity++];

		/* Nothing announces that a number changed hands when there is no text to compare.
		 */
		if (!irq->tail_hash)
			irq_read_identity(irq, host, NULL, 0);
		read_both(irq, host, out, false);
	}
}
