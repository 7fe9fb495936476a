#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/snapshot_internal.h"

static const struct value absent_value = {.state = VALUE_ABSENT};

const struct snapshot *snapshot_ref(const struct snapshot *snap)
{
	/* The count is the one thing that changes in a built snapshot. */
	struct snapshot_full *full = (struct snapshot_full *)(uintptr_t)snap;

	atomic_fetch_add_explicit(&full->refs, 1, memory_order_relaxed);
	return snap;
}

void snapshot_unref(const struct snapshot *snap)
{
	struct snapshot_full *full = (struct snapshot_full *)(uintptr_t)snap;

	if (!full)
		return;
	/* Release what this thread read, acquire what the others did, before it is freed. */
	if (atomic_fetch_sub_explicit(&full->refs, 1, memory_order_acq_rel) == 1)
		arena_free(full->arena);
}

void snapshot_unrefp(const struct snapshot **snap)
{
	snapshot_unref(*snap);
}

const struct snapshot_table *snapshot_table(const struct snapshot *snap, const char *kind)
{
	const struct kind *found = schema_kind(snap->schema, kind);

	return found ? &snap->tables[found->index] : NULL;
}

const struct entity *snapshot_find(const struct snapshot *snap, const char *key)
{
	const struct key_index *index = &snapshot_full(snap)->index;
	uint32_t hash = key_hash(key);

	for (uint32_t at = hash & index->mask; index->slots[at].ref; at = (at + 1) & index->mask) {
		const struct slot *slot = &index->slots[at];

		if (slot->hash != hash)
			continue;

		const struct entity *entity =
			&snap->tables[slot_kind(slot)].entities[slot_entity(slot)];

		if (strcmp(entity->key, key) == 0)
			return entity;
	}
	return NULL;
}

const struct value *entity_value(const struct entity *entity, const char *metric)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	return i >= 0 ? &entity->values[i] : &absent_value;
}

static bool is_readable(const struct value *value)
{
	return value->state == VALUE_OK || value->state == VALUE_STALE;
}

bool entity_u64(const struct entity *entity, const char *metric, uint64_t *ret)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	if (i < 0 || !is_readable(&entity->values[i]))
		return false;

	const struct value *value = &entity->values[i];

	switch (entity->kind->metrics[i]->type) {
	case METRIC_TEXT:
	case METRIC_CPUSET:
	case METRIC_HISTOGRAM:
	case METRIC_PER_CPU:
		return false;
	case METRIC_GAUGE:
	case METRIC_COUNTER:
	case METRIC_BOOL:
		break;
	}
	if (value->is_float && (value->f64 < 0 || value->f64 >= 0x1p64))
		return false; /* "package -1" is no unsigned number */
	*ret = value->is_float ? (uint64_t)value->f64 : value->u64;
	return true;
}

const char *entity_text(const struct entity *entity, const char *metric)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	if (i < 0 || !is_readable(&entity->values[i]))
		return NULL;

	enum metric_type type = entity->kind->metrics[i]->type;

	return type == METRIC_TEXT || type == METRIC_CPUSET ? entity->values[i].text : NULL;
}

double entity_rate(const struct entity *entity, const char *metric)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	return i >= 0 ? entity->rates[i] : (double)NAN;
}

const struct per_cpu *entity_per_cpu(const struct entity *entity, const char *metric)
{
	int i = entity ? kind_metric(entity->kind, metric) : -1;

	if (i < 0 || entity->kind->metrics[i]->type != METRIC_PER_CPU ||
	    !is_readable(&entity->values[i]))
		return NULL;
	return entity->values[i].per_cpu;
}
