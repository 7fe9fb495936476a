/*
 * Machines with many CPUs. The first run reads per_cpu_count of every interrupt that ever came, so
 * that the counts start true; later runs add what moved to the CPU the interrupt is delivered to,
 * which on x86 is one. Interrupts delivered to several CPUs, or elsewhere than the last time, are
 * read again, at most MAX_SPREAD a run, in turn; one that waits has no counts per CPU in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cpus.h"
#include "probes/irq_internal.h"
#include "probes/read.h"

#define LIST_PERIOD_NS (10 * NSEC_PER_SEC)
#define MAX_SPREAD 32
#define STAT "proc/stat"

/* "0,79592,...": one number per possible CPU, in their order (kernel/irq/irqdesc.c). */
static int read_per_cpu(const struct irq_large *large, struct host *host, unsigned number,
			uint64_t *ret_counts)
{
	size_t size = (size_t)large->n_cpus * 11 + 2;
	_cleanup_(freep) char *text = xcalloc(1, size);
	ssize_t length = host_readf(host, text, size, SYS_IRQ "/%u/per_cpu_count", number);
	unsigned n = 0;

	if (length < 0)
		return (int)length;
	for (char *at = text; *at && n < large->n_cpus; n++) {
		char *end;

		ret_counts[n] = (uint32_t)strtoul(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return -EINVAL;
		at = end + (*end == ',');
	}
	return n == large->n_cpus ? 0 : -EINVAL;
}

static bool single_cpu(const struct irq_list *list, unsigned *ret)
{
	uint64_t cpu;

	if (!list->text || list->error || parse_u64(list->text, &cpu) < 0)
		return false;
	*ret = (unsigned)cpu;
	return cpu < CPUSET_MAX;
}

static uint32_t sum_of_cells(const struct irq *irq)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < irq->n_cells; i++)
		sum += (uint32_t)irq->cells[i].count;
	return sum;
}

/* All that came since went to one CPU. The counts are 32 bits wide in the kernel. */
static void add_to_cell(struct irq *irq, unsigned cpu, uint32_t more)
{
	unsigned i = 0;

	while (i < irq->n_cells && irq->cells[i].cpu < cpu)
		i++;
	if (i == irq->n_cells || irq->cells[i].cpu != cpu) {
		if (irq->n_cells == irq->cells_room) {
			irq->cells_room = irq->cells_room ? 2 * irq->cells_room : 2;
			irq->cells = xrealloc(irq->cells, irq->cells_room * sizeof(*irq->cells));
		}
		memmove(&irq->cells[i + 1], &irq->cells[i],
			(irq->n_cells - i) * sizeof(*irq->cells));
		irq->cells[i] = (struct per_cpu_cell){.cpu = cpu};
		irq->n_cells++;
	}
	irq->cells[i].count = (uint32_t)(irq->cells[i].count + more);
}

/* The sums grow by what the cells grow, whichever way those were learnt. */
static void add_cells(const struct irq *irq, struct irq_sums *sums, uint32_t sign)
{
	for (unsigned i = 0; i < irq->n_cells; i++)
		sums->row[irq->cells[i].cpu] += sign * (uint32_t)irq->cells[i].count;
}

static void take_cells(struct irq_large *large, struct irq *irq, struct irq_sums *sums,
		       const uint64_t *counts)
{
	for (unsigned i = 0; i < large->n_cpus; i++)
		sums->row[large->cpus[i]] = 0;
	if (irq->has_cells)
		add_cells(irq, sums, UINT32_MAX); /* minus */
	irq_set_cells(irq, large->cpus, counts, large->n_cpus, true);
	add_cells(irq, sums, 1);
	for (unsigned i = 0; i < large->n_cpus; i++)
		sums->device[large->cpus[i]] += (uint32_t)sums->row[large->cpus[i]];
}

/* True: it took one of the few reads of all CPUs' counts. */
static bool attribute(struct irq_large *large, struct irq *irq, struct host *host,
		      struct irq_sums *sums, struct sample *out, bool may_read)
{
	uint32_t more = (uint32_t)irq->count - sum_of_cells(irq);
	unsigned cpu;

	irq_read_effective(irq, host, out, false);
	if (irq->has_cells && irq->cells_for == irq->effective.n_changes &&
	    irq->count >= irq->last_count) {
		/* The cells were read a moment after the total, which is still behind them. */
		if (more >= UINT32_MAX / 2)
			return false;
		/* It was delivered to this one CPU the last time too. */
		if (single_cpu(&irq->effective, &cpu)) {
			add_to_cell(irq, cpu, more);
			sums->device[cpu] += more;
			return false;
		}
	}
	if (!may_read) { /* its difference stays for a later run */
		irq->is_late = true;
		return false;
	}

	_cleanup_(freep) uint64_t *counts = xcalloc(large->n_cpus + 1, sizeof(*counts));

	if (read_per_cpu(large, host, irq->number, counts) < 0) {
		irq->is_late = true;
		return true;
	}
	take_cells(large, irq, sums, counts);
	irq->cells_for = irq->effective.n_changes;
	return true;
}

static void list_irqs(struct irq_large *large, struct irq_table *table, struct host *host,
		      uint64_t now_ns)
{
	struct host_names names = {0};

	if (large->listed_ns && now_ns - large->listed_ns < LIST_PERIOD_NS)
		return;
	large->listed_ns = now_ns ? now_ns : 1;
	if (host_listf(host, &names, SYS_IRQ) < 0)
		return;
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->is_seen = false;
	for (size_t i = 0; i < names.n; i++) {
		unsigned number;

		if (!read_numbered(names.names[i], "", &number))
			continue;
		struct irq *irq = irq_get(table, number);

		if (!irq->has_identity)
			irq_read_identity(irq, host, NULL, 0);
		/* Without an action nobody listens: /proc/interrupts leaves those out too. */
		irq->is_seen = irq->actions || irq->count;
	}
	host_names_done(&names);
	irq_forget_unseen(table);
}

/* Positions of known interrupts take their counts; an unknown one that counts is added. */
static int parse_intr(struct irq_table *table, const char *text)
{
	struct scan scan = {text};
	uint64_t total, count;

	while (strncmp(scan.at, "intr ", 5)) {
		if (!scan_next_line(&scan))
			return -EINVAL;
	}
	scan.at += 5;
	if (scan_u64(&scan, &total) < 0)
		return -EINVAL;
	for (unsigned number = 0, i = 0; scan_u64(&scan, &count) == 0; number++) {
		while (i < table->n && table->at[i]->number < number)
			i++;

		struct irq *irq =
			i < table->n && table->at[i]->number == number ? table->at[i] : NULL;

		if (!irq && count)
			irq = irq_get(table, number);
		if (irq) {
			irq->count = count;
			irq->is_seen = true;
		}
	}
	return 0;
}

static void start(struct irq_large *large)
{
	if (large->cpus)
		return;
	large->cpus = xcalloc(cpuset_count(&large->possible) + 1, sizeof(*large->cpus));
	for (unsigned c = cpuset_next(&large->possible, 0); c < CPUSET_MAX;
	     c = cpuset_next(&large->possible, c + 1))
		large->cpus[large->n_cpus++] = c;
}

/* Those that could not be read in full in the last run come first in this one. */
static void attribute_all(struct irq_large *large, struct irq_table *table, struct host *host,
			  struct irq_sums *sums, struct sample *out)
{
	unsigned first = large->next < table->n ? large->next : 0, n_read = 0;

	for (unsigned k = 0; k < table->n; k++) {
		unsigned i = (first + k) % table->n;
		struct irq *irq = table->at[i];
		bool may_read = !large->is_started || n_read < MAX_SPREAD;

		if (irq->count == irq->last_count && irq->has_cells && !irq->is_late)
			continue;
		irq->is_late = false;
		if (irq->count == 0 && !irq->has_cells)
			irq_set_cells(irq, NULL, NULL, 0, true);
		else if (attribute(large, irq, host, sums, out, may_read) && ++n_read == MAX_SPREAD)
			large->next = i + 1;
	}
}

int irq_read_large(struct irq_large *large, struct irq_table *table, struct host *host,
		   struct irq_sums *sums, struct sample *out)
{
	const char *text;

	start(large);
	list_irqs(large, table, host, out->time_ns);

	ssize_t n = host_file_readf(host, &large->stat, &text, STAT);
	int r = n < 0 ? (int)n : parse_intr(table, text);

	if (r < 0)
		return read_fail(out, r, STAT);
	sums->cpus = large->possible;
	for (unsigned i = 0; i < table->n; i++) {
		struct irq *irq = table->at[i];

		/* A count that fell: the number may be another device's. */
		if (!irq->has_identity || irq->count < irq->last_count)
			irq_read_identity(irq, host, NULL, 0);
		irq->is_stale |= irq->count != irq->last_count;
		irq->has_cells &= !irq->is_new;
	}
	attribute_all(large, table, host, sums, out);
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->last_count = table->at[i]->count;
	large->is_started = true;
	sums->has_device = true;
	return 0;
}

void irq_large_done(struct irq_large *large)
{
	host_file_close(large->stat);
	free(large->cpus);
}
