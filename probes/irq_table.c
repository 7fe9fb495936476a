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

static int compare_cells(const void *a, const void *b)
{
	const struct per_cpu_cell *x = a, *y = b;

	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

void irq_set_cells(struct irq *irq, const unsigned *cpus, const uint64_t *counts, unsigned n,
		   bool is_sorted)
{
	irq->n_cells = 0;
	irq->has_cells = true;
	for (unsigned i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		if (irq->n_cells == irq->cells_room) {
			irq->cells_room = irq->cells_room ? 2 * irq->cells_room : 2;
			irq->cells = xrealloc(irq->cells, irq->cells_room * sizeof(*irq->cells));
		}
		irq->cells[irq->n_cells++] =
			(struct per_cpu_cell){.cpu = cpus[i], .count = counts[i]};
	}
	if (!is_sorted && irq->n_cells > 1)
		qsort(irq->cells, irq->n_cells, sizeof(*irq->cells), compare_cells);
}

static void irq_free(struct irq *irq)
{
	list_done(&irq->affinity);
	list_done(&irq->effective);
	free(irq->chip);
	free(irq->type);
	free(irq->actions);
	free(irq->cells);
	free(irq->hint);
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

static void fact_path(unsigned irq, enum irq_fact fact, char *buf, size_t size)
{
	static const char *const names[IRQ_FACTS] = {
		[IRQ_FACT_ACTIONS] = "actions", [IRQ_FACT_CHIP] = "chip_name",
		[IRQ_FACT_TYPE] = "type",	[IRQ_FACT_HWIRQ] = "hwirq",
		[IRQ_FACT_NODE] = "node",
	};

	(void)snprintf(buf, size, "%s/%u/%s", fact == IRQ_FACT_NODE ? PROC_IRQ : SYS_IRQ, irq,
		       names[fact]);
}

bool irq_is_faulty(const struct irq *irq)
{
	for (unsigned fact = 0; fact < IRQ_FACTS; fact++) {
		if (irq->fact_errors[fact])
			return true;
	}
	return false;
}

void irq_note_facts(const struct irq *irq, struct sample *out)
{
	for (unsigned fact = 0; fact < IRQ_FACTS; fact++) {
		char path[64];

		if (!irq->fact_errors[fact])
			continue;
		fact_path(irq->number, (enum irq_fact)fact, path, sizeof(path));
		read_note(out, irq->fact_errors[fact], path);
	}
}

/* False: absent or not readable, which is kept. */
static bool read_fact(struct irq *irq, struct host *host, enum irq_fact fact, char *text,
		      size_t size)
{
	char path[64];

	fact_path(irq->number, fact, path, sizeof(path));

	ssize_t n = host_read(host, path, text, size);

	irq->fact_errors[fact] = n < 0 && !errno_is_absent((int)-n) ? (int)n : 0;
	if (n < 0)
		return false;
	read_trim(text);
	if (!strcmp(text, "(null)"))
		text[0] = '\0';
	return true;
}

static bool is_printable(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static bool is_letters(const char *text)
{
	for (; *text; text++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *text))
			return false;
	}
	return true;
}

static void read_string(struct irq *irq, struct host *host, enum irq_fact fact,
			bool (*is_valid)(const char *text), char **string)
{
	char text[1024];

	set_string(string, "", 0);
	if (!read_fact(irq, host, fact, text, sizeof(text)))
		return;
	if (is_valid(text))
		set_string(string, text, strlen(text));
	else
		irq->fact_errors[fact] = -EINVAL;
}

/* -1 unless the file holds a number from 0 to max. */
static bool read_number(struct irq *irq, struct host *host, enum irq_fact fact, int64_t max,
			int64_t *ret)
{
	char text[64];
	int64_t number;
	uint64_t large;

	*ret = -1;
	/* Empty: an interrupt without a domain has no hwirq (kernel/irq/irqdesc.c). */
	if (!read_fact(irq, host, fact, text, sizeof(text)) || !text[0])
		return false;
	if (parse_i64(text, &number) < 0) {
		if (parse_u64(text, &large) < 0)
			irq->fact_errors[fact] = -EINVAL;
		return false; /* a 64-bit "none" is no fault */
	}
	if (number > max) {
		irq->fact_errors[fact] = -ERANGE;
		return false;
	}
	*ret = number < 0 ? -1 : number;
	return true;
}

static void read_facts(struct irq *irq, struct host *host, const char *tail, size_t len)
{
	char actions[1024];

	irq->hwirq = -1;
	irq->has_identity = true;
	memset(irq->fact_errors, 0, sizeof(irq->fact_errors));
	if (read_fact(irq, host, IRQ_FACT_ACTIONS, actions, sizeof(actions))) {
		set_string(&irq->actions, actions, strlen(actions));
		read_string(irq, host, IRQ_FACT_CHIP, is_printable, &irq->chip);
		read_string(irq, host, IRQ_FACT_TYPE, is_letters, &irq->type);
		(void)read_number(irq, host, IRQ_FACT_HWIRQ, INT64_MAX, &irq->hwirq);
	} else if (tail) {
		identity_from_tail(irq, tail, len);
	}
	irq->has_node = read_number(irq, host, IRQ_FACT_NODE, CPUSET_MAX, &irq->node);
}

static bool differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

void irq_read_identity(struct irq *irq, struct host *host, const char *tail, size_t len)
{
	_cleanup_(freep) char *actions = irq->actions, *chip = irq->chip;
	int64_t hwirq = irq->hwirq;
	bool is_comparable = irq->has_identity && !irq_is_faulty(irq);

	irq->actions = irq->chip = NULL;
	if (!is_comparable) {
		read_facts(irq, host, tail, len);
		return;
	}
	read_facts(irq, host, tail, len);
	if (!irq_is_faulty(irq) &&
	    (differs(actions, irq->actions) || differs(chip, irq->chip) || hwirq != irq->hwirq)) {
		irq->is_new = true;
		irq->has_rare = false;
		irq->is_stale = true;
	}
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
	list->n_changes++;
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
