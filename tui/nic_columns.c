/* The columns of the nic view: what an interface, a DPDK port, a VF or a queue shows in each. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_nic_internal.h"

enum column {
	COL_NAME,
	COL_STATE,
	COL_SPEED,
	COL_PACKETS,
	COL_BYTES,
	COL_DROPS,
	COL_NAPI,
	COL_IRQ,
	COL_CPU,
	COL_FLAGS,
	COL_DRIVER,
	COL_NODE,
	COL_ERRORS,
	COL_SOURCE
};

static const struct table_column columns[NIC_COLUMNS] = {
	[COL_NAME] = {.title = "interface", .min_width = 11, .max_width = 24},
	[COL_STATE] = {.title = "state", .min_width = 7, .max_width = 8, .priority = 4},
	[COL_SPEED] =
		{.title = "speed", .min_width = 5, .max_width = 6, .priority = 6, .is_right = true},
	[COL_PACKETS] = {.title = "pkt/s", .min_width = 6, .max_width = 8, .is_right = true},
	[COL_BYTES] = {.title = "bytes/s",
		       .min_width = 8,
		       .max_width = 9,
		       .priority = 3,
		       .is_right = true},
	[COL_DROPS] = {.title = "drop/s",
		       .min_width = 6,
		       .max_width = 8,
		       .priority = 2,
		       .is_right = true},
	[COL_NAPI] =
		{.title = "napi", .min_width = 4, .max_width = 6, .priority = 7, .is_right = true},
	[COL_IRQ] =
		{.title = "irq", .min_width = 4, .max_width = 6, .priority = 5, .is_right = true},
	[COL_CPU] = {.title = "cpu", .min_width = 4, .max_width = 9, .priority = 1},
	[COL_FLAGS] = {.title = "flags", .min_width = 16, .max_width = 30, .priority = 1},
	[COL_DRIVER] = {.title = "driver", .min_width = 8, .max_width = 12, .priority = 8},
	[COL_NODE] =
		{.title = "node", .min_width = 4, .max_width = 4, .priority = 9, .is_right = true},
	[COL_ERRORS] = {.title = "error/s",
			.min_width = 7,
			.max_width = 8,
			.priority = 10,
			.is_right = true},
	[COL_SOURCE] = {.title = "counted by", .min_width = 10, .max_width = 26, .priority = 11},
};

bool nic_column_descends(unsigned column)
{
	return columns[column].is_right && column != COL_IRQ && column != COL_NAPI;
}

static bool is_kind(const struct entity *e, const char *kind)
{
	return strcmp(e->kind->name, kind) == 0;
}

static bool is_dpdk(const struct entity *e)
{
	return is_kind(e, "dpdk") || is_kind(e, "dpdk_port");
}

/* NAN and a number is the number: a half that nobody counts. */
static double plus(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

static double queues_rate(const struct nic_view *state, const struct entity *parent,
			  const char *metric)
{
	double sum = NAN;
	unsigned n;
	const struct entity *const *queues = children_of(state->chains->queues, parent, &n);

	for (unsigned i = 0; i < n; i++)
		sum = plus(sum, entity_rate(queues[i], metric));
	return sum;
}

/* Of the whole interface both directions; where it does not count, the sum of its queues. */
static double rate(const struct nic_view *state, const struct entity *e, const char *metric)
{
	char rx[32], tx[32];
	double value;

	if (is_kind(e, "queue"))
		return entity_rate(e, metric);
	snprintf(rx, sizeof(rx), "rx_%s", metric);
	snprintf(tx, sizeof(tx), "tx_%s", metric);
	value = plus(entity_rate(e, rx), entity_rate(e, tx));
	if (strcmp(metric, "drops") == 0)
		value = plus(value, entity_rate(e, "rx_missed"));
	return isnan(value) ? queues_rate(state, e, metric) : value;
}

/* A process has ports that count, its lcores nothing. */
static bool counts(const struct entity *e)
{
	return !is_kind(e, "dpdk") && !is_kind(e, "lcore");
}

static const char *metric_of(unsigned column)
{
	return column == COL_PACKETS ? "packets"
	       : column == COL_BYTES ? "bytes"
	       : column == COL_DROPS ? "drops"
				     : "errors";
}

static const struct chain *chain_of(const struct nic_view *state, const struct frame *frame,
				    const struct entity *e)
{
	return chains_find(state->chains, frame->snap, e);
}

static unsigned flags_of(const struct nic_view *state, const struct frame *frame,
			 const struct entity *e)
{
	const struct chain *chain = chain_of(state, frame, e);

	return chain ? chain->flags : chains_flags_below(state->chains, e);
}

static void absent(struct table_cell *ret)
{
	snprintf(ret->text, sizeof(ret->text), "-");
	ret->role = ROLE_VALUE_ABSENT;
}

static void rate_cell(double value, unsigned column, struct table_cell *ret)
{
	if (isnan(value)) {
		absent(ret);
		return;
	}
	if (column == COL_BYTES)
		format_bytes((uint64_t)value, ret->text, sizeof(ret->text));
	else
		format_count(value, ret->text, sizeof(ret->text));
	if ((column == COL_DROPS || column == COL_ERRORS) && value > 0)
		ret->role = ROLE_WARNING;
}

static void speed_cell(const struct entity *e, struct table_cell *ret)
{
	uint64_t bits;

	if (!entity_u64(e, "speed_bits_per_s", &bits))
		absent(ret);
	else if (bits >= 1000000000)
		snprintf(ret->text, sizeof(ret->text), "%gG", (double)(bits / 100000000) / 10);
	else
		snprintf(ret->text, sizeof(ret->text), "%gM", (double)bits / 1e6);
}

static void name_cell(const struct nic_row *row, struct table_cell *ret)
{
	const struct entity *e = row->entity;
	const char *id = strchr(e->key, ':') ? strchr(e->key, ':') + 1 : e->key;
	const char *name = e->name ? e->name : id;

	if (row->is_child) {
		/* "queue:dpdk/PREFIX/0/rx-1", "vf:eth0/3": what follows the parent's name */
		const char *slash = strrchr(id, '/');

		snprintf(ret->text, sizeof(ret->text), "   %s%s",
			 is_kind(e, "vf")      ? "vf "
			 : is_kind(e, "lcore") ? "lcore "
					       : "",
			 slash ? slash + 1 : id);
	} else {
		snprintf(ret->text, sizeof(ret->text), "%s %s%s",
			 !row->has_children ? " "
			 : row->is_open	    ? "-"
					    : "+",
			 is_dpdk(e) ? "dpdk " : "", is_dpdk(e) ? id : name);
		ret->role = ROLE_STRONG;
	}
}

/* Names differ in their ends ("enp129s0f1np1"): they are whole before others get any room. */
static int name_width(const struct nic_view *state)
{
	int widest = columns[COL_NAME].min_width;

	for (unsigned i = 0; i < state->n_rows; i++) {
		struct table_cell cell = {.role = ROLE_VALUE};
		int n;

		name_cell(&state->rows[i], &cell);
		n = text_columns(cell.text);
		widest = n > widest ? n : widest;
	}
	return widest < columns[COL_NAME].max_width ? widest : columns[COL_NAME].max_width;
}

void nic_columns(const struct nic_view *state, struct table_column *ret)
{
	int sorted = state->table.sort_column;

	memcpy(ret, columns, sizeof(columns));
	ret[COL_NAME].min_width = name_width(state);
	if (sorted >= 0 && sorted < NIC_COLUMNS)
		ret[sorted].is_sort = true;
}

static void text_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	ret->role = entity_format(e, metric, ret->text, sizeof(ret->text));
	if (!ret->text[0])
		absent(ret);
}

static void state_cell(const struct entity *e, struct table_cell *ret)
{
	if (is_kind(e, "queue"))
		ret->text[0] = 0;
	else
		text_cell(e,
			  is_kind(e, "vf")	    ? "link_state"
			  : is_kind(e, "dpdk_port") ? "link"
			  : is_kind(e, "lcore")	    ? "role"
						    : "state",
			  ret);
}

static void flags_cell(unsigned flags, struct table_cell *ret)
{
	/* What costs latency on a CPU that should be quiet stands out. */
	const unsigned bad = 1u << CHAIN_ISOLATED | 1u << CHAIN_NOHZ | 1u << CHAIN_VCPU |
			     1u << CHAIN_NODE | 1u << CHAIN_RING;

	chain_words(flags, ret->text, sizeof(ret->text));
	ret->role = flags & bad ? ROLE_WARNING : ROLE_VALUE;
}

/* Interfaces have no one CPU: their queues have, and the threads that poll for DPDK. */
static void queue_cell(const struct entity *e, const struct chain *chain, unsigned column,
		       struct table_cell *ret)
{
	if (!chain) {
		ret->text[0] = 0;
		if (column == COL_CPU && is_kind(e, "lcore"))
			text_cell(e, "cpus", ret);
		return;
	}
	if (column == COL_NAPI)
		text_cell(chain->queue, "napi_id", ret);
	else if (column == COL_IRQ)
		text_cell(chain->queue, "irq", ret);
	else if (column == COL_SOURCE)
		text_cell(chain->queue, "source", ret);
	else if (chain->cpus)
		snprintf(ret->text, sizeof(ret->text), "%s", chain->cpus);
	else
		absent(ret);
}

void nic_cell(const struct nic_view *state, const struct frame *frame, const struct nic_row *row,
	      unsigned column, struct table_cell *ret)
{
	const struct entity *e = row->entity;

	switch ((enum column)column) {
	case COL_NAME:
		name_cell(row, ret);
		return;
	case COL_STATE:
		state_cell(e, ret);
		return;
	case COL_SPEED:
		if (!row->is_child && counts(e))
			speed_cell(e, ret);
		return;
	case COL_PACKETS:
	case COL_BYTES:
	case COL_DROPS:
	case COL_ERRORS:
		if (counts(e))
			rate_cell(rate(state, e, metric_of(column)), column, ret);
		return;
	case COL_NAPI:
	case COL_IRQ:
	case COL_CPU:
	case COL_SOURCE:
		queue_cell(e, chain_of(state, frame, e), column, ret);
		return;
	case COL_FLAGS:
		flags_cell(flags_of(state, frame, e), ret);
		return;
	case COL_DRIVER:
		if (!is_kind(e, "queue") && !is_kind(e, "lcore"))
			text_cell(e,
				  is_kind(e, "dpdk_port") ? "device"
				  : is_kind(e, "dpdk")	  ? "comm"
							  : "driver",
				  ret);
		return;
	case COL_NODE:
		if (!row->is_child && counts(e))
			text_cell(e, "node_id", ret);
		return;
	}
}

static int compare_text(const struct nic_view *state, const struct frame *frame,
			const struct entity *a, const struct entity *b, unsigned column)
{
	struct nic_row ra = {.entity = a}, rb = {.entity = b};
	struct table_cell ca = {.role = ROLE_VALUE}, cb = {.role = ROLE_VALUE};

	nic_cell(state, frame, &ra, column, &ca);
	nic_cell(state, frame, &rb, column, &cb);
	return natural_compare(ca.text, cb.text);
}

int nic_compare(const struct nic_view *state, const struct frame *frame, const struct entity *a,
		const struct entity *b, int column)
{
	double x, y;
	uint64_t u = 0, v = 0;

	switch ((enum column)column) {
	case COL_PACKETS:
	case COL_BYTES:
	case COL_DROPS:
	case COL_ERRORS:
		x = rate(state, a, metric_of((unsigned)column));
		y = rate(state, b, metric_of((unsigned)column));
		x = isnan(x) ? -1 : x;
		y = isnan(y) ? -1 : y;
		return x < y ? -1 : x > y;
	case COL_SPEED:
		(void)entity_u64(a, "speed_bits_per_s", &u);
		(void)entity_u64(b, "speed_bits_per_s", &v);
		return u < v ? -1 : u > v;
	case COL_FLAGS:
		u = flags_of(state, frame, a);
		v = flags_of(state, frame, b);
		return u < v ? 1 : u > v ? -1 : 0; /* flagged ones first */
	case COL_NAME:
	case COL_STATE:
	case COL_NAPI:
	case COL_IRQ:
	case COL_CPU:
	case COL_DRIVER:
	case COL_NODE:
	case COL_SOURCE:
		return compare_text(state, frame, a, b, (unsigned)column);
	}
	return 0;
}
