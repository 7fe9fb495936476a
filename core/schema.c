#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema_internal.h"

/* FNV-1a: keys and metric names are a dozen bytes, nothing beats a loop there. */
uint32_t key_hash(const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	/* Keys differ in their last digits: bring those down into the bits a mask keeps. */
	return hash ^ (hash >> 15);
}

static struct schema_kind *kind_of_name(struct schema *schema, const char *name)
{
	for (unsigned i = 0; i < schema->n_kinds; i++) {
		if (strcmp(schema->kinds[i].kind.name, name) == 0)
			return &schema->kinds[i];
	}
	assert(schema->n_kinds < SCHEMA_MAX_KINDS);

	struct schema_kind *kind = &schema->kinds[schema->n_kinds];

	kind->kind.name = name;
	kind->kind.index = schema->n_kinds++;
	return kind;
}

static uint16_t *indices_of(const struct metric_set *set, bool (*is_wanted)(enum metric_type),
			    unsigned *ret_n)
{
	uint16_t *list = xcalloc(set->n_metrics, sizeof(*list));

	*ret_n = 0;
	for (unsigned i = 0; i < set->n_metrics; i++) {
		if (is_wanted(set->metrics[i].type))
			list[(*ret_n)++] = (uint16_t)i;
	}
	return list;
}

static bool is_counter(enum metric_type type)
{
	return type == METRIC_COUNTER;
}

static bool is_text(enum metric_type type)
{
	return type == METRIC_TEXT || type == METRIC_CPUSET;
}

static bool is_histogram(enum metric_type type)
{
	return type == METRIC_HISTOGRAM;
}

static bool is_per_cpu(enum metric_type type)
{
	return type == METRIC_PER_CPU;
}

/* A counter's name gives its rate's name, its unit the rate's scale: they must say the same. */
static bool is_named_well(const struct metric *metric)
{
	size_t len = strlen(metric->name);
	bool is_ns = len > 3 && strcmp(metric->name + len - 3, "_ns") == 0;

	return metric->type != METRIC_COUNTER || is_ns == (metric->unit == UNIT_NS);
}

/* Where the metrics of a set begin in its kind. The very same array in two probes is one. */
static unsigned place_metrics(const struct schema *schema, struct schema_kind *kind,
			      const struct metric_set *set, bool *ret_is_shared)
{
	unsigned base = kind->kind.n_metrics, n = base + set->n_metrics;

	for (unsigned i = 0; i < kind->n_columns; i++) {
		struct schema_column *other = &kind->columns[i];

		if (schema->probes[other->probe]->sets[other->set].metrics != set->metrics)
			continue;
		assert(other->n == set->n_metrics);
		*ret_is_shared = other->is_shared = true;
		return other->base;
	}
	assert(n < UINT16_MAX);
	kind->metrics = xrealloc(kind->metrics, n * sizeof(*kind->metrics));
	for (unsigned i = 0; i < set->n_metrics; i++) {
		assert(is_named_well(&set->metrics[i]));
		kind->metrics[base + i] = &set->metrics[i];
	}
	kind->kind.n_metrics = n;
	kind->kind.metrics = kind->metrics;
	return base;
}

static void add_set(struct schema *schema, unsigned probe, unsigned set_index)
{
	const struct metric_set *set = &schema->probes[probe]->sets[set_index];
	struct schema_kind *kind = kind_of_name(schema, set->kind);
	bool is_shared = false;
	unsigned base = place_metrics(schema, kind, set, &is_shared);

	kind->columns = xrealloc(kind->columns, (kind->n_columns + 1) * sizeof(*kind->columns));

	struct schema_column *column = &kind->columns[kind->n_columns++];

	*column = (struct schema_column){
		.probe = probe,
		.set = set_index,
		.base = base,
		.n = set->n_metrics,
		.is_shared = is_shared,
		.is_addition = schema->probes[probe]->flags & PROBE_ADDS,
	};
	column->counters = indices_of(set, is_counter, &column->n_counters);
	column->texts = indices_of(set, is_text, &column->n_texts);
	column->histograms = indices_of(set, is_histogram, &column->n_histograms);
	column->vectors = indices_of(set, is_per_cpu, &column->n_vectors);
}

static void index_metrics(struct schema_kind *kind)
{
	unsigned size = 4;

	while (size < 2 * kind->kind.n_metrics)
		size *= 2;
	kind->by_name = xcalloc(size, sizeof(*kind->by_name));
	kind->mask = size - 1;
	for (unsigned i = 0; i < kind->kind.n_metrics; i++) {
		unsigned at = key_hash(kind->metrics[i]->name) & kind->mask;

		/* Two probes that claim one metric of one kind: a bug of ours, found at start. */
		assert(kind_metric(&kind->kind, kind->metrics[i]->name) < 0);
		while (kind->by_name[at])
			at = (at + 1) & kind->mask;
		kind->by_name[at] = (uint16_t)(i + 1);
	}
}

struct schema *schema_new(const struct probe *const *probes, unsigned n_probes)
{
	struct schema *schema = xcalloc(1, sizeof(*schema));

	assert(n_probes <= SCHEMA_MAX_PROBES);
	schema->probes = probes;
	schema->n_probes = n_probes;
	schema->kinds = xcalloc(SCHEMA_MAX_KINDS, sizeof(*schema->kinds));
	for (unsigned p = 0; p < n_probes; p++) {
		for (unsigned s = 0; s < probes[p]->n_sets; s++)
			add_set(schema, p, s);
	}
	for (unsigned k = 0; k < schema->n_kinds; k++)
		index_metrics(&schema->kinds[k]);
	return schema;
}

static void free_columns(struct schema_kind *kind)
{
	for (unsigned i = 0; i < kind->n_columns; i++) {
		free(kind->columns[i].counters);
		free(kind->columns[i].texts);
		free(kind->columns[i].histograms);
		free(kind->columns[i].vectors);
	}
	free(kind->columns);
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (unsigned k = 0; k < schema->n_kinds; k++) {
		free_columns(&schema->kinds[k]);
		free(schema->kinds[k].metrics);
		free(schema->kinds[k].by_name);
	}
	free(schema->kinds);
	free(schema);
}

unsigned schema_n_kinds(const struct schema *schema)
{
	return schema->n_kinds;
}

const struct kind *schema_kind_at(const struct schema *schema, unsigned index)
{
	assert(index < schema->n_kinds);
	return &schema->kinds[index].kind;
}

const struct kind *schema_kind(const struct schema *schema, const char *name)
{
	for (unsigned i = 0; i < schema->n_kinds; i++) {
		if (strcmp(schema->kinds[i].kind.name, name) == 0)
			return &schema->kinds[i].kind;
	}
	return NULL;
}

int kind_metric(const struct kind *kind, const char *name)
{
	const struct schema_kind *full = (const struct schema_kind *)kind;

	for (unsigned at = key_hash(name) & full->mask; full->by_name[at];
	     at = (at + 1) & full->mask) {
		unsigned i = full->by_name[at] - 1u;

		if (kind->metrics[i]->name == name || strcmp(kind->metrics[i]->name, name) == 0)
			return (int)i;
	}
	return -1;
}
