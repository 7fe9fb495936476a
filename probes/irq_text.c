/* /proc/interrupts: numbered rows are devices, named rows the CPU's own (kernel/irq/proc.c,
 * arch_show_interrupts). */
#include <errno.h>
#include <string.h>

#include "probes/irq_internal.h"

/* Rows with one number for the whole host. */
static bool is_host_total(const char *word, size_t len)
{
	static const char *const names[] = {"ERR", "MIS", "Err", "BAD"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], word, len))
			return true;
	}
	return false;
}

static bool irq_number(const char *word, size_t len, unsigned *ret)
{
	unsigned number = 0;

	if (!len || len > 8)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		number = number * 10 + (unsigned)(word[i] - '0');
	}
	*ret = number;
	return true;
}

/* All columns or nothing. Leaves the scan behind them. */
static int read_columns(struct scan *scan, unsigned n, uint64_t *counts, uint64_t *ret_sum)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		int r = scan_u64(scan, &counts[i]);

		if (r < 0)
			return r;
		sum += counts[i];
	}
	*ret_sum = sum;
	return 0;
}

void irq_read_row(struct scan *scan, const struct columns *columns, uint64_t *counts,
		  bool skips_devices, struct irq_row *ret)
{
	struct irq_row *row = ret;
	unsigned n = columns->n;

	*row = (struct irq_row){.type = IRQ_ROW_EMPTY, .tail = ""};
	if (scan_word(scan, &row->label, &row->label_len) < 0)
		return;
	row->type = IRQ_ROW_BAD;

	const char *colon = memchr(row->label, ':', row->label_len);

	if (!colon)
		return;
	/* "IPI0:2768808080": arm64 leaves no blank before ten digits. */
	row->label_len = (size_t)(colon - row->label);
	scan->at = colon + 1;
	row->type = IRQ_ROW_ARCH;
	if (irq_number(row->label, row->label_len, &row->number))
		row->type = IRQ_ROW_DEVICE;
	else if (is_host_total(row->label, row->label_len))
		row->type = IRQ_ROW_TOTAL;
	if (row->type == IRQ_ROW_DEVICE && skips_devices)
		return;
	row->is_bad = read_columns(scan, row->type == IRQ_ROW_TOTAL ? 1 : n, counts, &row->sum) < 0;
	row->tail = scan->at;
}

static bool has_cell_outside(const struct irq *irq, const struct cpuset *cpus)
{
	for (unsigned i = 0; i < irq->n_cells; i++) {
		if (!cpuset_has(cpus, irq->cells[i].cpu))
			return true;
	}
	return false;
}

static void take_irq(struct irq_table *table, struct host *host, const struct columns *columns,
		     const struct irq_sums *sums, const struct irq_row *row)
{
	struct irq *irq = irq_get(table, row->number);
	size_t len = strcspn(row->tail, "\n");
	uint64_t tail_hash = text_hash(row->tail, len);

	if (!irq->has_identity || irq->tail_hash != tail_hash || irq_is_faulty(irq))
		irq_read_identity(irq, host, row->tail, len);
	irq->tail_hash = tail_hash;
	irq->is_seen = true;
	irq->is_stale |= row->sum != irq->last_count;
	irq->last_count = irq->count = row->sum;
	irq->is_rebased = has_cell_outside(irq, &sums->cpus);
	irq_set_cells(irq, columns->cpus, sums->row, columns->n, columns->is_sorted);
	irq->is_rebased |= has_cell_outside(irq, &sums->cpus_before);
}

static void add_counts(const struct columns *columns, const uint64_t *counts, uint64_t *sums)
{
	for (unsigned i = 0; i < columns->n; i++)
		sums[columns->cpus[i]] += counts[i];
}

/* Sums of a table whose rows are not all there would be confidently wrong. */
struct rows {
	bool has_named; /* they come last (arch_show_interrupts): without any the text is cut */
	bool has_local;
	bool is_device_bad, is_local_bad;
	unsigned n_bad;
};

static void take_row(struct irq_table *table, struct host *host, const struct columns *columns,
		     struct irq_sums *sums, const struct irq_row *row, struct rows *rows)
{
	switch (row->type) {
	case IRQ_ROW_EMPTY:
		return;
	case IRQ_ROW_BAD:
		rows->is_device_bad = rows->is_local_bad = true;
		rows->n_bad++;
		return;
	case IRQ_ROW_TOTAL:
		rows->has_named = true;
		return;
	case IRQ_ROW_ARCH:
		rows->has_named = rows->has_local = true;
		rows->is_local_bad |= row->is_bad;
		break;
	case IRQ_ROW_DEVICE:
		rows->is_device_bad |= row->is_bad;
		break;
	}
	rows->n_bad += row->is_bad;
	if (row->is_bad)
		return;
	add_counts(columns, sums->row, row->type == IRQ_ROW_DEVICE ? sums->device : sums->local);
	if (row->type == IRQ_ROW_DEVICE)
		take_irq(table, host, columns, sums, row);
}

int irq_parse_text(struct irq_table *table, struct host *host, struct columns *columns,
		   struct irq_sums *sums, const char *text, struct irq_text_faults *ret)
{
	struct scan scan = {text};
	struct rows rows = {0};
	int r = columns_read(columns, &scan);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < columns->n; i++) {
		sums->device[columns->cpus[i]] = sums->local[columns->cpus[i]] = 0;
		cpuset_add(&sums->cpus, columns->cpus[i]);
	}
	sums->scope += !cpuset_equal(&sums->cpus, &sums->cpus_before);
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->is_seen = false;
	while (scan_next_line(&scan)) {
		struct irq_row row;

		irq_read_row(&scan, columns, sums->row, false, &row);
		take_row(table, host, columns, sums, &row, &rows);
	}
	sums->has_device = rows.has_named && !rows.is_device_bad;
	sums->has_local = rows.has_local && !rows.is_local_bad;
	*ret = (struct irq_text_faults){.n_bad = rows.n_bad, .is_cut = !rows.has_named};
	return 0;
}
