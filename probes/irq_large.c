/*
 * Machines with many CPUs. The first run reads per_cpu_count of every interrupt that ever came, so
 * that the sums start true; later runs add what moved to the CPU the interrupt is delivered to,
 * which on x86 is one. Interrupts delivered to several CPUs are read again, at most MAX_SPREAD a
 * run.
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
static int read_per_cpu(struct irq_large *large, struct host *host, unsigned number,
			uint32_t **ret_counts)
{
	unsigned n_cpus = cpuset_count(&large->possible), n = 0;
	size_t size = (size_t)n_cpus * 11 + 2;
	_cleanup_(freep) char *text = xcalloc(1, size);
	_cleanup_(freep) uint32_t *counts = xcalloc(n_cpus, sizeof(*counts));
	ssize_t length = host_readf(host, text, size, SYS_IRQ "/%u/per_cpu_count", number);

	if (length < 0)
		return (int)length;
	for (char *at = text; *at && n < n_cpus; n++) {
		char *end;

		counts[n] = (uint32_t)strtoul(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return -EINVAL;
		at = end + (*end == ',');
	}
	if (n != n_cpus)
		return -EINVAL;
	*ret_counts = counts;
	counts = NULL;
	return 0;
}

/* last: NULL at the start, when all of it counts. Differences of 32-bit counters may wrap. */
static void add_counts(struct irq_large *large, struct irq_sums *sums, const uint32_t *counts,
		       const uint32_t *last)
{
	unsigned i = 0;

	for (unsigned c = cpuset_next(&large->possible, 0); c < CPUSET_MAX;
	     c = cpuset_next(&large->possible, c + 1), i++)
		sums->device[c] += last ? (uint32_t)(counts[i] - last[i]) : counts[i];
}

static bool single_cpu(const struct irq_list *list, unsigned *ret)
{
	uint64_t cpu;

	if (!list->text || list->error || parse_u64(list->text, &cpu) < 0)
		return false;
	*ret = (unsigned)cpu;
	return cpu < CPUSET_MAX;
}

static void attribute(struct irq_large *large, struct irq *irq, struct host *host,
		      struct irq_sums *sums, struct sample *out, unsigned *spread)
{
	uint32_t *counts = NULL;
	unsigned cpu;

	irq_read_effective(irq, host, out, false);
	if (large->is_started && single_cpu(&irq->effective, &cpu)) {
		sums->device[cpu] += irq->count - irq->last_count;
		free(irq->per_cpu);
		irq->per_cpu = NULL;
		return;
	}
	if (large->is_started && !*spread)
		return; /* its difference stays for a later run: per_cpu is not updated */
	*spread -= *spread > 0;
	if (read_per_cpu(large, host, irq->number, &counts) < 0)
		return;
	if (!large->is_started || irq->per_cpu)
		add_counts(large, sums, counts, irq->per_cpu);
	free(irq->per_cpu);
	irq->per_cpu = NULL;
	if (single_cpu(&irq->effective, &cpu))
		free(counts);
	else
		irq->per_cpu = counts;
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

int irq_read_large(struct irq_large *large, struct irq_table *table, struct host *host,
		   struct irq_sums *sums, struct sample *out)
{
	unsigned spread = MAX_SPREAD;
	const char *text;

	list_irqs(large, table, host, out->time_ns);

	ssize_t n = host_file_readf(host, &large->stat, &text, STAT);
	int r = n < 0 ? (int)n : parse_intr(table, text);

	if (r < 0)
		return read_fail(out, r, STAT);
	sums->cpus = large->possible;
	for (unsigned i = 0; i < table->n; i++) {
		struct irq *irq = table->at[i];

		if (!irq->has_identity)
			irq_read_identity(irq, host, NULL, 0);
		if (irq->count == irq->last_count)
			continue;
		if (irq->count > irq->last_count)
			attribute(large, irq, host, sums, out, &spread);
		irq->last_count = irq->count;
		irq->is_stale = true;
	}
	large->is_started = true;
	sums->has_device = true;
	return 0;
}

void irq_large_done(struct irq_large *large)
{
	host_file_close(large->stat);
}
