/* The columns of the interrupt table, their cells and their order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_irq_internal.h"

enum column {
	COLUMN_IRQ,
	COLUMN_ACTION,
	COLUMN_RATE,
	COLUMN_EFFECTIVE,
	COLUMN_REQUESTED,
	COLUMN_PENDING,
	COLUMN_TOP,
	COLUMN_THREAD,
	COLUMN_NODE,
	COLUMN_MANAGED,
	COLUMN_CHIP,
	COLUMN_TYPE,
	COLUMNS
};

static const struct {
	struct table_column column;
	const char *metric; /* NULL: made here */
} columns[COLUMNS] = {
	[COLUMN_IRQ] = {{.title = "irq", .min_width = 4, .max_width = 6, .is_right = true}, NULL},
	[COLUMN_ACTION] = {{.title = "action", .min_width = 16, .max_width = 30, .priority = 1},
			   NULL},
	[COLUMN_RATE] = {{.title = "rate", .min_width = 7, .max_width = 9, .is_right = true},
			 "count"},
	[COLUMN_EFFECTIVE] =
		{{.title = "effective", .min_width = 9, .max_width = 16, .priority = 2},
		 "effective"},
	[COLUMN_REQUESTED] =
		{{.title = "requested", .min_width = 9, .max_width = 16, .priority = 3},
		 "affinity"},
	[COLUMN_PENDING] = {{.title = "pending", .min_width = 7, .max_width = 7, .priority = 4},
			    "pending"},
	[COLUMN_TOP] = {{.title = "top cpus", .min_width = 10, .max_width = 28, .priority = 5},
			"per_cpu"},
	[COLUMN_THREAD] = {{.title = "thread", .min_width = 7, .max_width = 11, .priority = 6},
			   NULL},
	[COLUMN_NODE] =
		{{.title = "node", .min_width = 4, .max_width = 4, .priority = 7, .is_right = true},
		 "node_id"},
	[COLUMN_MANAGED] = {{.title = "managed", .min_width = 7, .max_width = 7, .priority = 8},
			    "managed"},
	[COLUMN_CHIP] = {{.title = "chip", .min_width = 10, .max_width = 26, .priority = 9},
			 "chip"},
	[COLUMN_TYPE] = {{.title = "type", .min_width = 5, .max_width = 8, .priority = 10}, "type"},
};

_Static_assert(COLUMN_RATE == IRQ_COLUMN_RATE, "named in view_irq_internal.h");

unsigned irq_n_columns(void)
{
	return COLUMNS;
}

bool irq_column_descends(unsigned column)
{
	return column == COLUMN_RATE || column == COLUMN_TOP || column == COLUMN_PENDING ||
	       column == COLUMN_THREAD;
}

void irq_columns(const struct irq_view *state, struct table_column *ret_columns)
{
	for (unsigned i = 0; i < COLUMNS; i++) {
		ret_columns[i] = columns[i].column;
		ret_columns[i].is_sort = state->table.sort_column == (int)i;
	}
}

bool irq_is_arch(const struct entity *irq)
{
	return strcmp(irq->kind->name, "irq_arch") == 0;
}

bool irq_is_shielded(const struct machine_cpu *cpu)
{
	return cpu && (cpu->is_isolated || cpu->is_nohz_full);
}

const struct machine_cpu *irq_cpu(const struct frame *frame, unsigned number)
{
	int i = frame->machine ? machine_find(frame->machine, number) : -1;

	return i >= 0 ? &frame->machine->cpus[i] : NULL;
}

bool irq_cpus(const struct entity *irq, const char *metric, struct cpuset *ret)
{
	const char *text = entity_text(irq, metric);

	return text && cpuset_parse_list(text, ret) == 0;
}

/* Delivered to a CPU that should be left alone. */
static bool hits_shielded(const struct frame *frame, const struct entity *irq)
{
	struct cpuset cpus;

	if (!irq_cpus(irq, "effective", &cpus))
		return false;
	for (unsigned c = cpuset_next(&cpus, 0); c < CPUSET_MAX; c = cpuset_next(&cpus, c + 1)) {
		if (irq_is_shielded(irq_cpu(frame, c)))
			return true;
	}
	return false;
}

static const char *identity(const struct entity *irq)
{
	const char *colon = strchr(irq->key, ':');

	return colon ? colon + 1 : irq->key;
}

static const char *action(const struct entity *irq)
{
	const char *description = entity_text(irq, "description");

	if (irq_is_arch(irq))
		return description ? description : "";
	return strcmp(irq->name, irq->key) != 0 ? irq->name : "";
}

static void thread_cell(const struct entity *irq, struct table_cell *ret)
{
	const char *policy = entity_text(irq, "thread_policy");
	uint64_t threads, priority;

	if (!entity_u64(irq, "threads", &threads) || (threads && !policy)) {
		ret->role = entity_format(irq, "threads", ret->text, sizeof(ret->text));
	} else if (threads == 0) {
		ret->text[0] = 0;
	} else if (entity_u64(irq, "thread_priority", &priority) && priority) {
		snprintf(ret->text, sizeof(ret->text), "%s %u%s", policy, (unsigned)priority,
			 threads > 1 ? " +" : "");
	} else {
		snprintf(ret->text, sizeof(ret->text), "%s%s", policy, threads > 1 ? " +" : "");
	}
}

static void mark_cell(const struct frame *frame, const struct entity *irq, unsigned column,
		      struct table_cell *ret)
{
	uint64_t pending;
	size_t len = strlen(ret->text);

	if (column == COLUMN_PENDING && entity_u64(irq, "pending", &pending)) {
		snprintf(ret->text, sizeof(ret->text), "%s", pending ? "yes" : "");
		ret->role = pending ? ROLE_WARNING : ROLE_VALUE;
	} else if (column == COLUMN_EFFECTIVE && hits_shielded(frame, irq)) {
		snprintf(ret->text + len, sizeof(ret->text) - len, "!");
		ret->role = ROLE_WARNING;
	} else if (column == COLUMN_MANAGED && strcmp(ret->text, "unknown") == 0) {
		snprintf(ret->text, sizeof(ret->text), "?");
		ret->role = ROLE_VALUE_ABSENT;
	}
}

void irq_cell(const struct frame *frame, const struct entity *irq, unsigned column,
	      struct table_cell *ret)
{
	ret->role = ROLE_VALUE;
	if (columns[column].metric) {
		ret->role =
			entity_format(irq, columns[column].metric, ret->text, sizeof(ret->text));
		/* The CPUs' own have no affinity: nothing is missing there. */
		if (irq_is_arch(irq) && kind_metric(irq->kind, columns[column].metric) < 0)
			ret->text[0] = 0;
		else
			mark_cell(frame, irq, column, ret);
	} else if (column == COLUMN_IRQ) {
		snprintf(ret->text, sizeof(ret->text), "%s", identity(irq));
		ret->role = ROLE_STRONG;
	} else if (column == COLUMN_ACTION) {
		snprintf(ret->text, sizeof(ret->text), "%s", action(irq));
	} else if (irq_is_arch(irq)) {
		ret->text[0] = 0;
	} else {
		thread_cell(irq, ret);
	}
}

static double number_of(const struct entity *irq, unsigned column)
{
	const char *metric = column == COLUMN_THREAD ? "thread_priority" : columns[column].metric;
	int m = metric ? kind_metric(irq->kind, metric) : -1;

	return m < 0 ? (double)NAN
		     : metric_order(irq->kind->metrics[m], &irq->values[m], irq->rates[m]);
}

static const char *text_of(const struct entity *irq, unsigned column)
{
	const char *text = column == COLUMN_ACTION  ? action(irq)
			   : columns[column].metric ? entity_text(irq, columns[column].metric)
						    : "";

	return text ? text : "";
}

static bool is_numeric(unsigned column)
{
	return irq_column_descends(column) || column == COLUMN_NODE;
}

static int compare_cells(const struct entity *a, const struct entity *b, unsigned column)
{
	double x, y;

	if (!is_numeric(column))
		return natural_compare(text_of(a, column), text_of(b, column));
	x = number_of(a, column);
	y = number_of(b, column);
	if (isnan(x) || isnan(y))
		return 0;
	return x < y ? -1 : x > y;
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct entity *a = *(const struct entity *const *)pa;
	const struct entity *b = *(const struct entity *const *)pb;
	const struct irq_view *state = arg;
	unsigned column = (unsigned)state->table.sort_column;
	int sign = state->table.is_descending ? -1 : 1, r;

	if (column == COLUMN_IRQ)
		return natural_compare(a->key, b->key) * sign;
	/* What has no number comes last, whatever the order. */
	if (is_numeric(column) && isnan(number_of(a, column)) != isnan(number_of(b, column)))
		return isnan(number_of(a, column)) ? 1 : -1;
	r = compare_cells(a, b, column);
	return r ? r * sign : natural_compare(a->key, b->key);
}

void irq_sort(struct irq_view *state)
{
	unsigned n_irqs = state->n_rows - state->n_arch;

	if (n_irqs)
		qsort_r(state->rows, n_irqs, sizeof(*state->rows), compare_rows, state);
	if (state->n_arch)
		qsort_r(state->rows + n_irqs, state->n_arch, sizeof(*state->rows), compare_rows,
			state);
}
