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

	if (!irq->has_identity || irq->tail_hash != tail_hash)
		irq_read_identity(irq, host, tail, len);
	irq->tail_hash = tail_hash;
	irq->is_seen = true;
	irq->is_stale |= count != irq->last_count;
	irq->last_count = irq->count = count;
}

static int parse_row(struct irq_table *table, struct host *host, const struct columns *columns,
		     struct irq_sums *sums, struct scan *scan)
{
	const char *word;
	size_t len;
	unsigned number;
	uint64_t sum;

	if (scan_word(scan, &word, &len) < 0)
		return 0; /* an empty line */
	if (word[len - 1] != ':')
		return -EINVAL;
	if (is_host_total(word, len - 1))
		return 0;

	struct scan first = *scan;

	if (check_columns(scan, columns->n, &sum) < 0)
		return -EINVAL;
	if (!irq_number(word, len - 1, &number)) {
		add_columns(first, columns, sums->local);
		return 0;
	}
	add_columns(first, columns, sums->device);
	take_irq(table, host, number, sum, scan->at);
	return 0;
}

int irq_parse_text(struct irq_table *table, struct host *host, struct columns *columns,
		   struct irq_sums *sums, const char *text, unsigned *ret_bad)
{
	struct scan scan = {text};
	int r = columns_read(columns, &scan);

	if (r < 0)
		return r;
	*ret_bad = 0;
	for (unsigned i = 0; i < columns->n; i++) {
		sums->device[columns->cpus[i]] = sums->local[columns->cpus[i]] = 0;
		cpuset_add(&sums->cpus, columns->cpus[i]);
	}
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->is_seen = false;
	while (scan_next_line(&scan))
		*ret_bad += parse_row(table, host, columns, sums, &scan) < 0;
	sums->has_device = sums->has_local = true;
	return 0;
}
