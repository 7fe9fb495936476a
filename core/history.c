#include "core/history.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema_internal.h"

#define FIRST_SLOTS 64u
/* Seven bits a byte: a 64-bit number takes ten, a 32-bit one five, a bucket number two. */
#define VARINT_MAX 10u
#define PACKED_MAX (6 * VARINT_MAX + HISTOGRAM_BUCKETS * (2 + 5))
#define PACKED_ROUND 32u

/* A column in a tenth of its size in a snapshot: a thousand CPUs keep fifteen minutes of them. */
struct packed {
	uint64_t start_ns, end_ns;
	float p99_ns;	    /* 0: too few samples; here so that a heatmap need not unpack */
	uint16_t len, room; /* bytes in use, allocated */
	uint8_t bytes[];    /* min, max and so on */
};

struct ring {
	float *points;		 /* by tick modulo depth; NULL: not of this type */
	struct packed **windows; /* oldest at next when full; NULL: not of this type */
	unsigned n, next;	 /* windows */
	struct histogram *total; /* with windows: all since the last reset */
};

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

/* --- packed windows --- */

static uint8_t *put_varint(uint8_t *at, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = (uint8_t)(number | 0x80);
	*at++ = (uint8_t)number;
	return at;
}

static const uint8_t *get_varint(const uint8_t *at, uint64_t *ret)
{
	unsigned shift = 0;

	*ret = 0;
	for (; *at & 0x80; at++, shift += 7)
		*ret |= (uint64_t)(*at & 0x7f) << shift;
	*ret |= (uint64_t)*at << shift;
	return at + 1;
}

static size_t pack(const struct histogram_column *column, uint8_t *bytes)
{
	uint8_t *at = bytes;
	unsigned last = 0;

	at = put_varint(at, column->min_ns);
	at = put_varint(at, column->max_ns);
	at = put_varint(at, column->sum_ns);
	at = put_varint(at, column->total);
	at = put_varint(at, column->n);
	for (uint32_t i = 0; i < column->n; i++) {
		at = put_varint(at, column->cells[i].bucket - last);
		at = put_varint(at, column->cells[i].count);
		last = column->cells[i].bucket;
	}
	return (size_t)(at - bytes);
}

/* Room for any column, on the stack. */
union wide_column {
	struct histogram_column column;
	unsigned char bytes[sizeof(struct histogram_column) + HISTOGRAM_BUCKETS * 8];
};

static void unpack(const struct packed *packed, union wide_column *wide)
{
	struct histogram_column *column = &wide->column;
	const uint8_t *at = packed->bytes;
	uint64_t number, bucket = 0;

	column->start_ns = packed->start_ns;
	column->end_ns = packed->end_ns;
	at = get_varint(at, &column->min_ns);
	at = get_varint(at, &column->max_ns);
	at = get_varint(at, &column->sum_ns);
	at = get_varint(at, &number);
	column->total = (uint32_t)number;
	at = get_varint(at, &number);
	column->n = (uint32_t)number;
	assert(column->n <= HISTOGRAM_BUCKETS);
	for (uint32_t i = 0; i < column->n; i++) {
		at = get_varint(at, &number);
		bucket += number;
		column->cells[i].bucket = (uint16_t)bucket;
		at = get_varint(at, &number);
		column->cells[i].count = (uint32_t)number;
	}
}

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

	for (unsigned i = 0; i < group->n_metrics; i++) {
		const struct ring *ring = &past->rings[i];
		unsigned depth = group->metrics[i].depth;

		if (ring->points)
			bytes += depth * sizeof(*ring->points);
		if (ring->windows)
			bytes += depth * sizeof(struct packed *) + sizeof(*ring->total);
		for (unsigned w = 0; ring->windows && w < depth; w++) {
			if (ring->windows[w])
				bytes += sizeof(struct packed) + ring->windows[w]->room;
		}
	}
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
		unsigned depth = group->metrics[i].depth;

		if (group->indices[i] < 0)
			continue;
		if (entity->kind->metrics[group->indices[i]]->type == METRIC_HISTOGRAM) {
			past->rings[i].windows = xcalloc(depth, sizeof(struct packed *));
			past->rings[i].total = xcalloc(1, sizeof(struct histogram));
			histogram_zero(past->rings[i].total);
		} else {
			past->rings[i].points = xcalloc(depth, sizeof(float));
		}
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
	for (unsigned i = 0; i < group->n_metrics; i++) {
		struct ring *ring = &past->rings[i];

		for (unsigned w = 0; ring->windows && w < group->metrics[i].depth; w++)
			free(ring->windows[w]);
		free(ring->windows);
		free(ring->points);
		free(ring->total);
	}
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

static float point_of(const struct entity *entity, unsigned m)
{
	const struct value *value = &entity->values[m];

	if (value->state != VALUE_OK)
		return NAN;
	switch (entity->kind->metrics[m]->type) {
	case METRIC_GAUGE:
	case METRIC_BOOL:
		return value->is_float ? (float)value->f64 : (float)value->u64;
	case METRIC_COUNTER:
		return (float)entity->rates[m];
	case METRIC_TEXT:
	case METRIC_CPUSET:
	case METRIC_HISTOGRAM:
	case METRIC_PER_CPU:
		break;
	}
	return NAN;
}

/* The sum of two columns, the later one being newer. Both lists of cells are sorted by bucket. */
static void merge(const struct histogram_column *a, const struct histogram_column *b,
		  union wide_column *ret)
{
	struct histogram_column *sum = &ret->column;
	uint32_t i = 0, j = 0, n = 0;

	sum->start_ns = a->start_ns;
	sum->end_ns = b->end_ns;
	sum->min_ns = a->min_ns < b->min_ns ? a->min_ns : b->min_ns;
	sum->max_ns = a->max_ns > b->max_ns ? a->max_ns : b->max_ns;
	sum->sum_ns = a->sum_ns + b->sum_ns;
	sum->total = a->total + b->total;
	while (i < a->n || j < b->n) {
		unsigned from_a = i < a->n ? a->cells[i].bucket : HISTOGRAM_BUCKETS;
		unsigned from_b = j < b->n ? b->cells[j].bucket : HISTOGRAM_BUCKETS;
		unsigned bucket = from_a < from_b ? from_a : from_b;

		sum->cells[n].bucket = (uint16_t)bucket;
		sum->cells[n].count = 0;
		if (from_a == bucket)
			sum->cells[n].count += a->cells[i++].count;
		if (from_b == bucket)
			sum->cells[n].count += b->cells[j++].count;
		n++;
	}
	sum->n = n;
}

static void store(struct history *history, struct packed **slot,
		  const struct histogram_column *column)
{
	uint8_t bytes[PACKED_MAX];
	size_t len = pack(column, bytes);
	uint64_t p99_ns;

	if (!*slot || (*slot)->room < len) {
		size_t room = (len + PACKED_ROUND - 1) / PACKED_ROUND * PACKED_ROUND;

		history->bytes -= *slot ? sizeof(**slot) + (*slot)->room : 0;
		*slot = xrealloc(*slot, sizeof(**slot) + room);
		(*slot)->room = (uint16_t)room;
		history->bytes += sizeof(**slot) + room;
	}
	(*slot)->start_ns = column->start_ns;
	(*slot)->end_ns = column->end_ns;
	(*slot)->p99_ns = histogram_column_quantile(column, 0.99, &p99_ns) ? (float)p99_ns : 0;
	(*slot)->len = (uint16_t)len;
	memcpy((*slot)->bytes, bytes, len);
}

/* A column takes windows until it is about a second long: a faster refresh must not shorten the
 * time the ring reaches back. */
static bool takes_more(const struct history *history, const struct packed *column,
		       const struct histogram_column *window)
{
	return column->end_ns - column->start_ns < HISTORY_COLUMN_NS &&
	       window->end_ns - column->start_ns < 2 * HISTORY_COLUMN_NS &&
	       !(column->start_ns < history->cut_ns && window->end_ns > history->cut_ns);
}

static void add_to_total(struct histogram *total, const struct histogram_column *window)
{
	if (!total->end_ns)
		total->start_ns = window->start_ns;
	total->end_ns = window->end_ns;
	histogram_add_column(total, window);
}

static void feed_window(struct history *history, struct ring *ring, unsigned depth,
			const struct value *value)
{
	if (value->state != VALUE_OK || !value->histogram)
		return;

	const struct histogram_column *window = value->histogram;
	struct packed **last = ring->n ? &ring->windows[(ring->next + depth - 1) % depth] : NULL;

	/* The probe did not run since: its window is here already. */
	if (last && window->end_ns <= (*last)->end_ns)
		return;
	add_to_total(ring->total, window);
	if (last && takes_more(history, *last, window)) {
		union wide_column before, both;

		unpack(*last, &before);
		merge(&before.column, window, &both);
		store(history, last, &both.column);
		return;
	}
	store(history, &ring->windows[ring->next], window);
	ring->next = (ring->next + 1) % depth;
	if (ring->n < depth)
		ring->n++;
}

static void feed_point(struct ring *ring, unsigned depth, uint64_t last_tick, uint64_t tick,
		       float point)
{
	uint64_t gap = last_tick + 1;

	if (tick - last_tick > depth)
		gap = tick - depth + 1;
	for (; gap < tick; gap++)
		ring->points[gap % depth] = NAN;
	ring->points[tick % depth] = point;
}

static void feed_entity(struct history *history, struct past *past, const struct entity *entity)
{
	const struct group *group = &history->groups[past->group];

	for (unsigned i = 0; i < group->n_metrics; i++) {
		struct ring *ring = &past->rings[i];
		unsigned depth = group->metrics[i].depth;

		if (group->indices[i] < 0)
			continue;

		unsigned m = (unsigned)group->indices[i];

		if (ring->windows)
			feed_window(history, ring, depth, &entity->values[m]);
		else
			feed_point(ring, depth, past->last_tick, history->tick,
				   point_of(entity, m));
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

unsigned history_series(const struct history *history, const char *key, const char *metric,
			float *ret_points, unsigned max)
{
	const struct past *past;
	unsigned depth;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	if (!ring || !ring->points)
		return 0;

	uint64_t n = history->tick - past->first_tick + 1;

	if (n > depth)
		n = depth;
	if (n > max)
		n = max;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t tick = history->tick - n + 1 + i;

		ret_points[i] = tick <= past->last_tick ? ring->points[tick % depth] : NAN;
	}
	return (unsigned)n;
}

unsigned history_columns(const struct history *history, const char *key, const char *metric,
			 uint64_t from_ns, struct history_column *ret, unsigned max)
{
	const struct past *past;
	unsigned depth, n = 0;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	for (unsigned i = 1; ring && ring->windows && i <= ring->n && n < max; i++) {
		const struct packed *packed = ring->windows[(ring->next + depth - i) % depth];
		uint64_t min_ns, max_ns;

		if (packed->end_ns <= from_ns)
			break;
		(void)get_varint(get_varint(packed->bytes, &min_ns), &max_ns);
		ret[n++] = (struct history_column){packed->start_ns, packed->end_ns, max_ns,
						   (uint64_t)packed->p99_ns};
	}
	return n;
}

unsigned history_histogram(const struct history *history, const char *key, const char *metric,
			   uint64_t from_ns, uint64_t to_ns, struct histogram *sum,
			   uint64_t *ret_covered_ns)
{
	const struct past *past;
	unsigned depth, n = 0;
	uint64_t covered_ns = 0;
	const struct ring *ring = find_ring(history, key, metric, &past, &depth);

	/* Newest first, each older than the one before: usually the last few are asked for. */
	for (unsigned i = 1; ring && ring->windows && i <= ring->n; i++) {
		const struct packed *packed = ring->windows[(ring->next + depth - i) % depth];
		union wide_column wide;

		if (packed->start_ns < from_ns)
			break;
		if (packed->end_ns > to_ns)
			continue;
		unpack(packed, &wide);
		histogram_add_column(sum, &wide.column);
		covered_ns += packed->end_ns - packed->start_ns;
		n++;
	}
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
