#include "core/history.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/history_internal.h"
#include "core/schema_internal.h"

#define FIRST_SLOTS 64u

/* One entity's rings. */
struct past {
	char *key;
	uint32_t hash;
	unsigned group;
	uint64_t first_tick, last_tick; /* seen first and last */
	struct ring *rings;		/* by metric of the group */
};

/* What is kept of one kind. */
struct group {
	const char *kind;
	struct history_metric *metrics;
	int *indices; /* into the kind's metrics; -1: no such metric */
	unsigned n_metrics;
	unsigned depth;	      /* of the deepest ring */
	struct past **recent; /* by place in the last snapshot's table: next time it is the same */
	unsigned n_recent;
};

struct history {
	struct group *groups;
	unsigned n_groups;
	const struct schema *schema; /* indices are of this one */
	struct past **slots;	     /* open addressing by key */
	unsigned mask, n_pasts;
	uint64_t tick; /* from 1 */
	uint64_t cut_ns, reset_ns;
	size_t bytes;
};

/* --- groups --- */

static struct group *group_of_kind(struct history *history, const char *kind)
{
	for (unsigned i = 0; i < history->n_groups; i++) {
		if (strcmp(history->groups[i].kind, kind) == 0)
			return &history->groups[i];
	}

	struct group *group = &history->groups[history->n_groups++];

	group->kind = kind;
	return group;
}

struct history *history_new(const struct history_metric *metrics, unsigned n_metrics)
{
	struct history *history = xcalloc(1, sizeof(*history));

	history->groups = xcalloc(n_metrics, sizeof(*history->groups));
	for (unsigned i = 0; i < n_metrics; i++) {
		struct group *group = group_of_kind(history, metrics[i].kind);
		unsigned n = group->n_metrics + 1;

		assert(metrics[i].depth > 0);
		group->metrics = xrealloc(group->metrics, n * sizeof(*group->metrics));
		group->indices = xrealloc(group->indices, n * sizeof(*group->indices));
		group->metrics[n - 1] = metrics[i];
		group->indices[n - 1] = -1;
		group->n_metrics = n;
		if (group->depth < metrics[i].depth)
			group->depth = metrics[i].depth;
	}
	history->slots = xcalloc(FIRST_SLOTS, sizeof(struct past *));
	history->mask = FIRST_SLOTS - 1;
	history->bytes = sizeof(*history) + n_metrics * sizeof(*history->groups) +
			 FIRST_SLOTS * sizeof(struct past *);
	return history;
}

static void resolve(struct history *history, const struct schema *schema)
{
	if (history->schema == schema)
		return;
	assert(!history->schema); /* rings are shaped by the metrics' types */
	history->schema = schema;
	for (unsigned g = 0; g < history->n_groups; g++) {
		struct group *group = &history->groups[g];
		const struct kind *kind = schema_kind(schema, group->kind);

		for (unsigned i = 0; kind && i < group->n_metrics; i++)
			group->indices[i] = kind_metric(kind, group->metrics[i].metric);
	}
}

/* --- entities --- */

static struct past *find_past(const struct history *history, uint32_t hash, const char *key)
{
	for (unsigned at = hash & history->mask; history->slots[at];
	     at = (at + 1) & history->mask) {
		if (history->slots[at]->hash == hash && strcmp(history->slots[at]->key, key) == 0)
			return history->slots[at];
	}
	return NULL;
}

static void put_past(struct history *history, struct past *past)
{
	unsigned at = past->hash & history->mask;

	while (history->slots[at])
		at = (at + 1) & history->mask;
	history->slots[at] = past;
}

static void grow_slots(struct history *history)
{
	struct past **old = history->slots;
	unsigned n_old = history->mask + 1;

	history->slots = xcalloc((size_t)n_old * 2, sizeof(struct past *));
	history->mask = n_old * 2 - 1;
	history->bytes += n_old * sizeof(struct past *);
	for (unsigned i = 0; i < n_old; i++) {
		if (old[i])
			put_past(history, old[i]);
	}
	free(old);
}

static size_t past_bytes(const struct group *group, const struct past *past)
{
	size_t bytes =
		sizeof(*past) + strlen(past->key) + 1 + group->n_metrics * sizeof(*past->rings);

	for (unsigned i = 0; i < group->n_metrics; i++)
		bytes += ring_bytes(&past->rings[i], group->metrics[i].depth);
	return bytes;
}

static struct past *new_past(struct history *history, unsigned g, const struct entity *entity,
			     uint32_t hash)
{
	const struct group *group = &history->groups[g];
	struct past *past = xcalloc(1, sizeof(*past));

	past->key = xstrdup(entity->key);
	past->hash = hash;
	past->group = g;
	past->first_tick = history->tick;
	past->last_tick = history->tick;
	past->rings = xcalloc(group->n_metrics, sizeof(*past->rings));
	for (unsigned i = 0; i < group->n_metrics; i++) {
		if (group->indices[i] >= 0)
			ring_init(&past->rings[i], entity->kind->metrics[group->indices[i]]->type,
				  group->metrics[i].depth);
	}
	if (2 * (history->n_pasts + 1) > history->mask)
		grow_slots(history);
	put_past(history, past);
	history->n_pasts++;
	history->bytes += past_bytes(group, past);
	return past;
}

static void free_past(struct history *history, struct past *past)
{
	const struct group *group = &history->groups[past->group];

	history->bytes -= past_bytes(group, past);
	for (unsigned i = 0; i < group->n_metrics; i++)
		ring_done(&past->rings[i], group->metrics[i].depth);
	free(past->rings);
	free(past->key);
	free(past);
}

/* Everybody who has been away for longer than the rings are deep. Rare, so the table is made anew.
 */
static void forget(struct history *history)
{
	struct past **old = history->slots;
	unsigned n = history->mask + 1;

	history->slots = xcalloc(n, sizeof(struct past *));
	for (unsigned i = 0; i < n; i++) {
		struct past *past = old[i];

		if (!past)
			continue;
		if (history->tick - past->last_tick <= history->groups[past->group].depth) {
			put_past(history, past);
			continue;
		}
		free_past(history, past);
		history->n_pasts--;
	}
	free(old);
	for (unsigned g = 0; g < history->n_groups; g++) {
		for (unsigned i = 0; i < history->groups[g].n_recent; i++)
			history->groups[g].recent[i] = NULL;
	}
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (unsigned i = 0; i <= history->mask; i++) {
		if (history->slots[i])
			free_past(history, history->slots[i]);
	}
	for (unsigned g = 0; g < history->n_groups; g++) {
		free(history->groups[g].metrics);
		free(history->groups[g].indices);
		free(history->groups[g].recent);
	}
	free(history->groups);
	free(history->slots);
	free(history);
}

/* --- feeding --- */

static void feed_entity(struct history *history, struct past *past, const struct entity *entity)
{
	const struct group *group = &history->groups[past->group];
	const struct ring_time time = {history->tick, past->last_tick, history->cut_ns};

	for (unsigned i = 0; i < group->n_metrics; i++) {
		if (group->indices[i] >= 0)
			history->bytes +=
				(size_t)ring_feed(&past->rings[i], group->metrics[i].depth, &time,
						  entity, (unsigned)group->indices[i]);
	}
	past->last_tick = history->tick;
}

static void keep_places(struct history *history, struct group *group, unsigned n)
{
	if (n <= group->n_recent)
		return;
	group->recent = xrealloc(group->recent, n * sizeof(struct past *));
	memset(group->recent + group->n_recent, 0, (n - group->n_recent) * sizeof(struct past *));
	history->bytes += (n - group->n_recent) * sizeof(struct past *);
	group->n_recent = n;
}

static unsigned feed_group(struct history *history, unsigned g, const struct snapshot_table *table)
{
	struct group *group = &history->groups[g];

	keep_places(history, group, table->n_entities);
	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *entity = &table->entities[i];
		struct past *past = group->recent[i];

		if (!past || strcmp(past->key, entity->key) != 0) {
			uint32_t hash = key_hash(entity->key);

			past = find_past(history, hash, entity->key);
			if (!past)
				past = new_past(history, g, entity, hash);
			group->recent[i] = past;
		}
		feed_entity(history, past, entity);
	}
	return table->n_entities;
}

void history_feed(struct history *history, const struct snapshot *snap)
{
	unsigned n_fed = 0;

	resolve(history, snap->schema);
	history->tick++;
	for (unsigned g = 0; g < history->n_groups; g++) {
		const struct snapshot_table *table = snapshot_table(snap, history->groups[g].kind);

		if (table)
			n_fed += feed_group(history, g, table);
	}
	if (n_fed < history->n_pasts)
		forget(history);
}

/* --- reading --- */

static const struct ring *find_ring(const struct history *history, const char *key,
				    const char *metric, const struct past **ret_past,
				    unsigned *ret_depth)
{
	const struct past *past = find_past(history, key_hash(key), key);

	if (!past)
		return NULL;

	const struct group *group = &history->groups[past->group];

	for (unsigned i = 0; i < group->n_metrics; i++) {
		if (strcmp(group->metrics[i].metric, metric) != 0)
			continue;
		*ret_past = past;
		*ret_depth = group->metrics[i].depth;
		return &past->rings[i];
	}
	return NULL;
}

/* The ticks a ring can tell of, at most max of the newest. */
static uint64_t known_ticks(const struct history *history, const struct past *past, unsigned depth,
			    unsigned max)
{
	uint64_t n = history->tick - past->first_tick + 1;

	n = n > depth ? depth : n;
	return n > max ? max : n;
}

unsigned history_series(const struct history *history, const char *key, const char *metric,
			float *ret_points, unsigned max)
{
	const struct past *past;
	unsigned depth;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	if (!ring || !ring->points)
		return 0;

	uint64_t n = known_ticks(history, past, depth, max);

	for (uint64_t i = 0; i < n; i++) {
		uint64_t tick = history->tick - n + 1 + i;

		ret_points[i] = tick <= past->last_tick ? ring->points[tick % depth] : NAN;
	}
	return (unsigned)n;
}

unsigned history_cpu_series(const struct history *history, const char *key, const char *metric,
			    unsigned cpu, float *ret_points, unsigned max)
{
	const struct past *past;
	unsigned depth;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	if (!ring || !ring->spreads)
		return 0;

	uint64_t n = known_ticks(history, past, depth, max);

	for (uint64_t i = 0; i < n; i++) {
		uint64_t tick = history->tick - n + 1 + i;

		ret_points[i] =
			tick <= past->last_tick ? ring_cpu_rate(ring, depth, tick, cpu) : NAN;
	}
	return (unsigned)n;
}

unsigned history_columns(const struct history *history, const char *key, const char *metric,
			 uint64_t from_ns, struct history_column *ret, unsigned max)
{
	const struct past *past;
	unsigned depth;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	return ring ? ring_columns(ring, depth, from_ns, ret, max) : 0;
}

unsigned history_histogram(const struct history *history, const char *key, const char *metric,
			   uint64_t from_ns, uint64_t to_ns, struct histogram *sum,
			   uint64_t *ret_covered_ns)
{
	const struct past *past;
	unsigned depth, n = 0;
	uint64_t covered_ns = 0;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	if (ring)
		n = ring_sum(ring, depth, from_ns, to_ns, sum, &covered_ns);
	if (ret_covered_ns)
		*ret_covered_ns = covered_ns;
	return n;
}

const struct histogram *history_total(const struct history *history, const char *key,
				      const char *metric)
{
	const struct past *past;
	unsigned depth;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	return ring ? ring->total : NULL;
}

void history_reset(struct history *history, uint64_t now_ns)
{
	history->reset_ns = now_ns;
	for (unsigned i = 0; i <= history->mask; i++) {
		const struct past *past = history->slots[i];

		for (unsigned m = 0; past && m < history->groups[past->group].n_metrics; m++) {
			if (past->rings[m].total)
				histogram_zero(past->rings[m].total);
		}
	}
}

uint64_t history_reset_ns(const struct history *history)
{
	return history->reset_ns;
}

void history_cut(struct history *history, uint64_t now_ns)
{
	history->cut_ns = now_ns;
}

size_t history_bytes(const struct history *history)
{
	return history->bytes;
}
