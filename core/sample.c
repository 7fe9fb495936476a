#include "core/sample.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/histogram.h"
#include "core/probe.h"
#include "core/text.h"

#define FIRST_ROOM 16u

struct sample *sample_new(const struct probe *probe)
{
	struct sample *sample = xcalloc(1, sizeof(*sample));

	sample->probe = probe;
	sample->arena = arena_new(0);
	sample->tables = xcalloc(probe->n_sets, sizeof(*sample->tables));
	return sample;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	for (unsigned i = 0; i < sample->probe->n_sets; i++)
		free(sample->tables[i].rows);
	free(sample->tables);
	arena_free(sample->arena);
	free(sample);
}

void sample_reset(struct sample *sample)
{
	arena_reset(sample->arena);
	for (unsigned i = 0; i < sample->probe->n_sets; i++)
		sample->tables[i].n_rows = 0;
	sample->time_ns = 0;
	sample->cost_ns = 0;
	sample->is_thorough = false;
	sample->status = SAMPLE_NONE;
	sample->error = NULL;
}

static enum sample_status status_of(int result)
{
	if (result >= 0)
		return SAMPLE_OK;
	if (errno_is_absent(-result))
		return SAMPLE_ABSENT;
	if (errno_is_denied(-result))
		return SAMPLE_DENIED;
	return SAMPLE_FAULT;
}

void sample_finish(struct sample *sample, int result)
{
	sample->status = status_of(result);
	if (result < 0 && !sample->error) {
		const char *words = strerrordesc_np(-result);

		sample_errorf(sample, "%s: %s", sample->probe->name,
			      words ? words : "unknown error");
	}
}

/* Most text is clean: then this is one pass and one copy. */
static const char *keep_text(struct sample *sample, const char *text, size_t len)
{
	if (text_is_clean(text, len))
		return arena_strndup(sample->arena, text, len);

	size_t size = 6 * len + 1; /* the longest escape, \uNNNN, for one byte or more */
	char *clean = arena_alloc(sample->arena, size);

	(void)text_sanitise(text, len, clean, size);
	return clean;
}

static const char *_printf_(2, 0) keep_format(struct sample *sample, const char *fmt, va_list ap)
{
	char buf[256];
	va_list again;

	va_copy(again, ap);
	int len = vsnprintf(buf, sizeof(buf), fmt, ap);
	const char *kept;

	assert(len >= 0);
	if ((size_t)len < sizeof(buf)) {
		kept = keep_text(sample, buf, (size_t)len);
	} else {
		char *longer = arena_alloc(sample->arena, (size_t)len + 1);

		(void)vsnprintf(longer, (size_t)len + 1, fmt, again);
		kept = keep_text(sample, longer, (size_t)len);
	}
	va_end(again);
	return kept;
}

static struct sample_row *append_row(struct sample_table *table)
{
	if (table->n_rows == table->room) {
		table->room = table->room ? 2 * table->room : FIRST_ROOM;
		table->rows = xrealloc(table->rows, table->room * sizeof(*table->rows));
	}
	return &table->rows[table->n_rows++];
}

struct sample_row *sample_row(struct sample *sample, unsigned set, const char *parent,
			      const char *name, const char *key_format, ...)
{
	va_list ap;

	assert(set < sample->probe->n_sets);

	struct sample_row *row = append_row(&sample->tables[set]);
	unsigned n_values = sample->probe->sets[set].n_metrics;

	va_start(ap, key_format);
	row->key = keep_format(sample, key_format, ap);
	va_end(ap);
	row->name = name ? keep_text(sample, name, strlen(name)) : NULL;
	row->parent = parent ? keep_text(sample, parent, strlen(parent)) : NULL;
	row->identity = 0;
	row->n_values = n_values;
	row->values = arena_alloc(sample->arena, n_values * sizeof(*row->values));
	return row;
}

static struct value *value_at(struct sample_row *row, unsigned metric, enum value_state state)
{
	assert(metric < row->n_values);

	struct value *value = &row->values[metric];

	*value = (struct value){.state = (uint8_t)state};
	return value;
}

void sample_u64(struct sample_row *row, unsigned metric, uint64_t number)
{
	value_at(row, metric, VALUE_OK)->u64 = number;
}

void sample_f64(struct sample_row *row, unsigned metric, double number)
{
	/* A quotient of garbage must not become a number on the screen or in JSON. */
	struct value *value = value_at(row, metric, isfinite(number) ? VALUE_OK : VALUE_FAULT);

	value->is_float = 1;
	value->f64 = isfinite(number) ? number : 0;
}

void sample_bool(struct sample_row *row, unsigned metric, bool is_true)
{
	value_at(row, metric, VALUE_OK)->u64 = is_true;
}

void sample_text(struct sample *sample, struct sample_row *row, unsigned metric, const char *text)
{
	value_at(row, metric, VALUE_OK)->text = keep_text(sample, text, strlen(text));
}

void sample_cpus(struct sample *sample, struct sample_row *row, unsigned metric,
		 const struct cpuset *cpus)
{
	char buf[CPUSET_TEXT_MAX];
	int len = cpuset_format_list(cpus, buf, sizeof(buf));

	assert(len >= 0);
	value_at(row, metric, VALUE_OK)->text = arena_strndup(sample->arena, buf, (size_t)len);
}

void sample_histogram(struct sample *sample, struct sample_row *row, unsigned metric,
		      const struct histogram *window)
{
	value_at(row, metric, VALUE_OK)->histogram = histogram_pack(window, sample->arena);
}

void sample_per_cpu(struct sample *sample, struct sample_row *row, unsigned metric, uint32_t scope,
		    const struct per_cpu_cell *cells, unsigned n)
{
	struct per_cpu *vector =
		arena_alloc(sample->arena, sizeof(*vector) + n * sizeof(vector->cells[0]));

	vector->n = n;
	vector->scope = scope;
	for (unsigned i = 0; i < n; i++) {
		assert(i == 0 || cells[i - 1].cpu < cells[i].cpu);
		vector->cells[i] = cells[i];
		vector->cells[i].rate = (double)NAN;
	}
	value_at(row, metric, VALUE_OK)->per_cpu = vector;
}

void sample_restart(struct sample_row *row, unsigned metric)
{
	assert(metric < row->n_values);
	row->values[metric].is_restarted = 1;
}

void sample_read_at(struct sample *sample, struct sample_row *row, unsigned metric,
		    uint64_t read_ns)
{
	int64_t age_ms = (int64_t)(sample->time_ns - read_ns) / (int64_t)NSEC_PER_MSEC;

	assert(metric < row->n_values);
	row->values[metric].age_ms = (int32_t)(age_ms > INT32_MAX   ? INT32_MAX
					       : age_ms < INT32_MIN ? INT32_MIN
								    : age_ms);
}

void sample_errno(struct sample_row *row, unsigned metric, int err)
{
	enum value_state state = VALUE_FAULT;

	if (err < 0)
		err = -err;
	if (errno_is_absent(err))
		state = VALUE_ABSENT;
	else if (errno_is_denied(err))
		state = VALUE_DENIED;
	(void)value_at(row, metric, state);
}

void sample_errorf(struct sample *sample, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sample->error = keep_format(sample, fmt, ap);
	va_end(ap);
}
