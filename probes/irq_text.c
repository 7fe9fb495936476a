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
static int check_columns(struct scan *scan, unsigned n, uint64_t *ret_sum)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t value;
		int r = scan_u64(scan, &value);

		if (r < 0)
			return r;
		sum += value;
	}
	*ret_sum = sum;
	return 0;
}

static void add_columns(struct scan scan, const struct columns *columns, uint64_t *sums)
{
	for (unsigned i = 0; i < columns->n; i++) {
		uint64_t value = 0;

		if (scan_u64(&scan, &value) < 0)
			return;
		sums[columns->cpus[i]] += value;
	}
}

static uint64_t hash(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void take_irq(struct irq_table *table, struct host *host, unsigned number, uint64_t count,
		     const char *tail)
{
	struct irq *irq = irq_get(table, number);
	size_t len = strcspn(tail, "\n");
	uint64_t tail_hash = hash(tail, len);

	if (!irq->has_identity || irq->tail_hash != tail_hash || irq_is_faulty(irq))
		irq_read_identity(irq, host, tail, len);
	irq->tail_hash = tail_hash;
	irq->is_seen = true;
	irq->is_stale |= count != irq->last_count;
	irq->last_count = irq->count = count;
}

/* Sums of a table whose rows are not all there would be confidently wrong. */
struct rows {
	bool has_named; /* they come last (arch_show_interrupts): without any the text is cut */
	bool has_local;
	bool is_device_bad, is_local_bad;
};

static int parse_row(struct irq_table *table, struct host *host, const struct columns *columns,
		     struct irq_sums *sums, struct scan *scan, struct rows *rows)
{
	const char *word;
	size_t len;
	unsigned number;
	uint64_t sum;

	if (scan_word(scan, &word, &len) < 0)
		return 0; /* an empty line */
	if (word[len - 1] != ':') {
		rows->is_device_bad = rows->is_local_bad = true;
		return -EINVAL;
	}
	if (is_host_total(word, len - 1)) {
		rows->has_named = true;
		return 0;
	}

	struct scan first = *scan;
	bool is_device = irq_number(word, len - 1, &number);

	rows->has_named |= !is_device;
	rows->has_local |= !is_device;
	if (check_columns(scan, columns->n, &sum) < 0) {
		*(is_device ? &rows->is_device_bad : &rows->is_local_bad) = true;
		return -EINVAL;
	}
	if (!is_device) {
		add_columns(first, columns, sums->local);
		return 0;
	}
	add_columns(first, columns, sums->device);
	take_irq(table, host, number, sum, scan->at);
	return 0;
}

int irq_parse_text(struct irq_table *table, struct host *host, struct columns *columns,
		   struct irq_sums *sums, const char *text, struct irq_text_faults *ret)
{
	struct scan scan = {text};
	struct rows rows = {0};
	unsigned bad = 0;
	int r = columns_read(columns, &scan);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < columns->n; i++) {
		sums->device[columns->cpus[i]] = sums->local[columns->cpus[i]] = 0;
		cpuset_add(&sums->cpus, columns->cpus[i]);
	}
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->is_seen = false;
	while (scan_next_line(&scan))
		bad += parse_row(table, host, columns, sums, &scan, &rows) < 0;
	sums->has_device = rows.has_named && !rows.is_device_bad;
	sums->has_local = rows.has_local && !rows.is_local_bad;
	*ret = (struct irq_text_faults){.n_bad = bad, .is_cut = !rows.has_named};
	return 0;
}
