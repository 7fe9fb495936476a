/* The rings of the history: columns of histograms, points of numbers, spreads of counters by CPU.
 */
#include "core/history_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* One tick of a counter by CPU: the CPUs on which it moved. */
struct spread {
	uint32_t n, room;
	bool is_known; /* else it was not read in that tick */
	struct spread_cell {
		uint32_t cpu;
		float rate;
	} cells[];
};

/* --- packed columns --- */

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

/* --- life --- */

void ring_init(struct ring *ring, enum metric_type type, unsigned depth)
{
	ring->type = type;
	if (type == METRIC_PER_CPU)
		ring->spreads = xcalloc(depth, sizeof(struct spread *));
	else if (type != METRIC_HISTOGRAM)
		ring->points = xcalloc(depth, sizeof(float));
}

/* With the first window: most CPUs have those of one engine only. */
static ssize_t init_windows(struct ring *ring, unsigned depth)
{
	if (ring->windows)
		return 0;
	ring->windows = xcalloc(depth, sizeof(struct packed *));
	ring->total = xcalloc(1, sizeof(struct histogram));
	histogram_zero(ring->total);
	return (ssize_t)(depth * sizeof(struct packed *) + sizeof(*ring->total));
}

void ring_done(struct ring *ring, unsigned depth)
{
	for (unsigned i = 0; ring->windows && i < depth; i++)
		free(ring->windows[i]);
	for (unsigned i = 0; ring->spreads && i < depth; i++)
		free(ring->spreads[i]);
	free(ring->windows);
	free(ring->spreads);
	free(ring->points);
	free(ring->total);
}

static size_t spread_bytes(uint32_t room)
{
	return sizeof(struct spread) + room * sizeof(struct spread_cell);
}

size_t ring_bytes(const struct ring *ring, unsigned depth)
{
	size_t bytes = ring->points ? depth * sizeof(*ring->points) : 0;

	if (ring->windows)
		bytes += depth * sizeof(struct packed *) + sizeof(*ring->total);
	for (unsigned i = 0; ring->windows && i < depth; i++) {
		if (ring->windows[i])
			bytes += sizeof(struct packed) + ring->windows[i]->room;
	}
	bytes += ring->spreads ? depth * sizeof(struct spread *) : 0;
	for (unsigned i = 0; ring->spreads && i < depth; i++) {
		if (ring->spreads[i])
			bytes += spread_bytes(ring->spreads[i]->room);
	}
	return bytes;
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

static ssize_t store(struct packed **slot, const struct histogram_column *column)
{
	ssize_t grown = 0;
	uint8_t bytes[PACKED_MAX];
	size_t len = pack(column, bytes);
	uint64_t p99_ns;

	if (!*slot || (*slot)->room < len) {
		size_t room = (len + PACKED_ROUND - 1) / PACKED_ROUND * PACKED_ROUND;

		grown = (ssize_t)(sizeof(**slot) + room) -
			(ssize_t)(*slot ? sizeof(**slot) + (*slot)->room : 0);
		*slot = xrealloc(*slot, sizeof(**slot) + room);
		(*slot)->room = (uint16_t)room;
	}
	(*slot)->start_ns = column->start_ns;
	(*slot)->end_ns = column->end_ns;
	(*slot)->p99_ns = histogram_column_quantile(column, 0.99, &p99_ns) ? (float)p99_ns : 0;
	(*slot)->len = (uint16_t)len;
	memcpy((*slot)->bytes, bytes, len);
	return grown;
}

/* A column takes windows until it is about a second long: a faster refresh must not shorten the
 * time the ring reaches back. */
static bool takes_more(const struct ring_time *time, const struct packed *column,
		       const struct histogram_column *window)
{
	return column->end_ns - column->start_ns < HISTORY_COLUMN_NS &&
	       window->end_ns - column->start_ns < 2 * HISTORY_COLUMN_NS &&
	       !(column->start_ns < time->cut_ns && window->end_ns > time->cut_ns);
}

static void add_to_total(struct histogram *total, const struct histogram_column *window)
{
	if (!total->end_ns)
		total->start_ns = window->start_ns;
	total->end_ns = window->end_ns;
	histogram_add_column(total, window);
}

static ssize_t feed_window(struct ring *ring, unsigned depth, const struct ring_time *time,
			   const struct value *value)
{
	if (value->state != VALUE_OK || !value->histogram)
		return 0;

	const struct histogram_column *window = value->histogram;
	ssize_t grown = init_windows(ring, depth);
	struct packed **last = ring->n ? &ring->windows[(ring->next + depth - 1) % depth] : NULL;

	/* The probe did not run since: its window is here already. */
	if (last && window->end_ns <= (*last)->end_ns)
		return 0;
	add_to_total(ring->total, window);
	if (last && takes_more(time, *last, window)) {
		union wide_column before, both;

		unpack(*last, &before);
		merge(&before.column, window, &both);
		return grown + store(last, &both.column);
	}

	grown += store(&ring->windows[ring->next], window);
	ring->next = (ring->next + 1) % depth;
	if (ring->n < depth)
		ring->n++;
	return grown;
}

/* The first tick since the last one fed that the ring still shows. */
static uint64_t first_gap(const struct ring_time *time, unsigned depth)
{
	return time->tick - time->last_tick > depth ? time->tick - depth + 1 : time->last_tick + 1;
}

static void feed_point(struct ring *ring, unsigned depth, const struct ring_time *time, float point)
{
	for (uint64_t gap = first_gap(time, depth); gap < time->tick; gap++)
		ring->points[gap % depth] = NAN;
	ring->points[time->tick % depth] = point;
}

static ssize_t feed_spread(struct ring *ring, unsigned depth, const struct ring_time *time,
			   const struct value *value)
{
	const struct per_cpu *vector = value->state == VALUE_OK ? value->per_cpu : NULL;
	struct spread **slot = &ring->spreads[time->tick % depth];
	bool is_known = vector != NULL;
	ssize_t grown = 0;
	uint32_t n = 0;

	for (uint64_t gap = first_gap(time, depth); gap < time->tick; gap++) {
		if (ring->spreads[gap % depth])
			ring->spreads[gap % depth]->is_known = false;
	}
	for (uint32_t i = 0; vector && i < vector->n; i++) {
		n += vector->cells[i].rate > 0;
		is_known = is_known && !isnan(vector->cells[i].rate);
	}
	if (!*slot || (*slot)->room < n) {
		grown = (ssize_t)spread_bytes(n) -
			(ssize_t)(*slot ? spread_bytes((*slot)->room) : 0);
		*slot = xrealloc(*slot, spread_bytes(n));
		(*slot)->room = n;
	}
	(*slot)->n = 0;
	(*slot)->is_known = is_known;
	for (uint32_t i = 0; vector && i < vector->n; i++) {
		const struct per_cpu_cell *cell = &vector->cells[i];

		if (cell->rate > 0)
			(*slot)->cells[(*slot)->n++] =
				(struct spread_cell){cell->cpu, (float)cell->rate};
	}
	return grown;
}

ssize_t ring_feed(struct ring *ring, unsigned depth, const struct ring_time *time,
		  const struct entity *entity, unsigned metric)
{
	if (ring->type == METRIC_HISTOGRAM)
		return feed_window(ring, depth, time, &entity->values[metric]);
	if (ring->spreads)
		return feed_spread(ring, depth, time, &entity->values[metric]);
	feed_point(ring, depth, time, point_of(entity, metric));
	return 0;
}

/* --- reading --- */

static float spread_rate(const struct spread *spread, unsigned cpu)
{
	uint32_t low = 0, high = spread->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (spread->cells[middle].cpu < cpu)
			low = middle + 1;
		else
			high = middle;
	}
	return low < spread->n && spread->cells[low].cpu == cpu ? spread->cells[low].rate : 0;
}

float ring_cpu_rate(const struct ring *ring, unsigned depth, uint64_t tick, unsigned cpu)
{
	const struct spread *spread = ring->spreads[tick % depth];

	return spread && spread->is_known ? spread_rate(spread, cpu) : NAN;
}

unsigned ring_columns(const struct ring *ring, unsigned depth, uint64_t from_ns,
		      struct history_column *ret, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 1; ring->windows && i <= ring->n && n < max; i++) {
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

unsigned ring_sum(const struct ring *ring, unsigned depth, uint64_t from_ns, uint64_t to_ns,
		  struct histogram *sum, uint64_t *ret_covered_ns)
{
	unsigned n = 0;

	/* Newest first, each older than the one before: usually the last few are asked for. */
	for (unsigned i = 1; ring->windows && i <= ring->n; i++) {
		const struct packed *packed = ring->windows[(ring->next + depth - i) % depth];
		union wide_column wide;

		if (packed->start_ns < from_ns)
			break;
		if (packed->end_ns > to_ns)
			continue;
		unpack(packed, &wide);
		histogram_add_column(sum, &wide.column);
		*ret_covered_ns += packed->end_ns - packed->start_ns;
		n++;
	}
	return n;
}
