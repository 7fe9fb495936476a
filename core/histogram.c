#include "core/histogram.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SUB_BUCKETS (1u << HISTOGRAM_SUB_BITS)
#define LINEAR_SHIFT (HISTOGRAM_LINEAR_BITS - HISTOGRAM_SUB_BITS)
#define OVERFLOW_BUCKET (HISTOGRAM_BUCKETS - 1)
#define MIN_SAMPLES_ABOVE 10
/* An undisturbed copy takes about a microsecond and the writer a few nanoseconds per sample: more
 * than one retry means that the writer was preempted while it counted. */
#define COPY_TRIES 16

/* The last regular bucket holds 10 s - 1 ns: octave 33, sub-bucket 5. */
_Static_assert((HISTOGRAM_MAX_NS - 1) >> 33 == 1, "octave of the last bucket");
_Static_assert(SUB_BUCKETS + (33 - HISTOGRAM_LINEAR_BITS) * SUB_BUCKETS +
			       (((HISTOGRAM_MAX_NS - 1) >> (33 - HISTOGRAM_SUB_BITS)) -
				SUB_BUCKETS) +
			       1 ==
		       HISTOGRAM_BUCKETS - 1,
	       "10 s fills all buckets but the overflow one");

unsigned histogram_bucket(uint64_t ns)
{
	if (ns < (1u << HISTOGRAM_LINEAR_BITS))
		return (unsigned)(ns >> LINEAR_SHIFT);
	if (ns >= HISTOGRAM_MAX_NS)
		return OVERFLOW_BUCKET;

	unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
	unsigned sub = (unsigned)(ns >> (octave - HISTOGRAM_SUB_BITS)) & (SUB_BUCKETS - 1);

	return (octave - HISTOGRAM_LINEAR_BITS + 1) * SUB_BUCKETS + sub;
}

uint64_t histogram_bucket_from(unsigned bucket)
{
	assert(bucket < HISTOGRAM_BUCKETS);
	if (bucket < SUB_BUCKETS)
		return (uint64_t)bucket << LINEAR_SHIFT;
	if (bucket == OVERFLOW_BUCKET)
		return HISTOGRAM_MAX_NS;

	unsigned octave = bucket / SUB_BUCKETS - 1 + HISTOGRAM_LINEAR_BITS;
	uint64_t sub = bucket % SUB_BUCKETS;

	return (SUB_BUCKETS + sub) << (octave - HISTOGRAM_SUB_BITS);
}

uint64_t histogram_bucket_to(unsigned bucket)
{
	return bucket == OVERFLOW_BUCKET ? UINT64_MAX : histogram_bucket_from(bucket + 1);
}

void histogram_zero(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min_ns = UINT64_MAX;
}

static void widen(struct histogram *h, uint64_t min_ns, uint64_t max_ns)
{
	if (min_ns < h->min_ns)
		h->min_ns = min_ns;
	if (max_ns > h->max_ns)
		h->max_ns = max_ns;
}

void histogram_count(struct histogram *h, uint64_t ns)
{
	h->counts[histogram_bucket(ns)]++;
	h->total++;
	h->sum_ns += ns;
	widen(h, ns, ns);
}

void histogram_add(struct histogram *sum, const struct histogram *h)
{
	if (!h->total)
		return;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum->counts[i] += h->counts[i];
	sum->total += h->total;
	sum->sum_ns += h->sum_ns;
	widen(sum, h->min_ns, h->max_ns);
}

void histogram_add_column(struct histogram *sum, const struct histogram_column *column)
{
	uint64_t total = 0;

	if (!column->n)
		return;
	for (unsigned i = 0; i < column->n; i++) {
		assert(column->cells[i].bucket < HISTOGRAM_BUCKETS);
		sum->counts[column->cells[i].bucket] += column->cells[i].count;
		total += column->cells[i].count;
	}
	sum->total += total;
	sum->sum_ns += column->sum_ns;
	widen(sum, column->min_ns, column->max_ns);
}

static unsigned first_bucket(const struct histogram *h)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (h->counts[i])
			return i;
	}
	return HISTOGRAM_BUCKETS;
}

static unsigned last_bucket(const struct histogram *h)
{
	for (unsigned i = HISTOGRAM_BUCKETS; i > 0; i--) {
		if (h->counts[i - 1])
			return i - 1;
	}
	return HISTOGRAM_BUCKETS;
}

void histogram_difference(const struct histogram *now, const struct histogram *before,
			  struct histogram *ret_window)
{
	uint64_t total = 0;

	histogram_zero(ret_window);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		/* Modulo 2^32: that is where the live counts wrap. */
		ret_window->counts[i] = (uint32_t)(now->counts[i] - before->counts[i]);
		total += ret_window->counts[i];
	}
	ret_window->total = total;
	ret_window->sum_ns = now->sum_ns - before->sum_ns;
	if (!total)
		return;

	/* An extreme that is new since before lies in the outermost bucket: then this is exact. */
	uint64_t low = histogram_bucket_from(first_bucket(ret_window));
	uint64_t high = histogram_bucket_to(last_bucket(ret_window)) - 1;

	ret_window->min_ns = now->min_ns > low ? now->min_ns : low;
	ret_window->max_ns = now->max_ns < high ? now->max_ns : high;
}

struct histogram_column *histogram_pack(const struct histogram *h, struct arena *arena)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->counts[i] != 0;

	struct histogram_column *column =
		arena_alloc(arena, sizeof(*column) + n * sizeof(column->cells[0]));

	column->start_ns = h->start_ns;
	column->end_ns = h->end_ns;
	column->min_ns = h->min_ns;
	column->max_ns = h->max_ns;
	column->sum_ns = h->sum_ns;
	column->total = (uint32_t)h->total;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		column->cells[column->n].bucket = (uint16_t)i;
		column->cells[column->n].count = (uint32_t)h->counts[i];
		column->n++;
	}
	return column;
}

static uint64_t bucket_value(uint64_t min_ns, uint64_t max_ns, unsigned bucket)
{
	if (bucket == OVERFLOW_BUCKET)
		return max_ns;

	uint64_t from = histogram_bucket_from(bucket);
	uint64_t value = from + (histogram_bucket_to(bucket) - from) / 2;

	if (value < min_ns)
		return min_ns;
	return value > max_ns ? max_ns : value;
}

/* The place of the sample in question, from 1. False: too few lie above it. */
static bool quantile_rank(uint64_t total, double q, uint64_t *ret)
{
	/* 0.07 * 100 is a little more than 7: do not let rounding ask for one sample more. */
	double exact = q * (double)total;
	uint64_t rank = (uint64_t)ceil(exact - exact * 1e-14);

	if (rank < 1)
		rank = 1;
	if (rank > total || total - rank < MIN_SAMPLES_ABOVE)
		return false;
	*ret = rank;
	return true;
}

bool histogram_quantile(const struct histogram *h, double q, uint64_t *ret_ns)
{
	uint64_t rank, seen = 0;

	assert(q > 0 && q <= 1);
	if (!h->total)
		return false;
	if (q == 1) {
		*ret_ns = h->max_ns;
		return true;
	}
	if (!quantile_rank(h->total, q, &rank))
		return false;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->counts[i];
		if (seen >= rank) {
			*ret_ns = bucket_value(h->min_ns, h->max_ns, i);
			return true;
		}
	}
	return false;
}

void histogram_quantiles(const struct histogram *h, const double *quantiles, unsigned n,
			 uint64_t *ret_ns)
{
	uint64_t rank, seen = 0;
	unsigned bucket = 0;

	for (unsigned i = 0; i < n; i++) {
		assert(quantiles[i] > 0 && quantiles[i] < 1);
		ret_ns[i] = 0;
		if (!h->total || !quantile_rank(h->total, quantiles[i], &rank))
			continue;
		for (; bucket < HISTOGRAM_BUCKETS && seen + h->counts[bucket] < rank; bucket++)
			seen += h->counts[bucket];
		if (bucket < HISTOGRAM_BUCKETS)
			ret_ns[i] = bucket_value(h->min_ns, h->max_ns, bucket);
	}
}

uint64_t histogram_nth_largest(const struct histogram *h, uint64_t n)
{
	uint64_t seen = 0;

	for (unsigned i = HISTOGRAM_BUCKETS; i-- > 0;) {
		seen += h->counts[i];
		if (seen >= n)
			return bucket_value(h->min_ns, h->max_ns, i);
	}
	return 0;
}

bool histogram_column_quantile(const struct histogram_column *column, double q, uint64_t *ret_ns)
{
	uint64_t rank, seen = 0;

	assert(q > 0 && q < 1);
	if (!quantile_rank(column->total, q, &rank))
		return false;
	for (uint32_t i = 0; i < column->n; i++) {
		seen += column->cells[i].count;
		if (seen >= rank) {
			*ret_ns = bucket_value(column->min_ns, column->max_ns,
					       column->cells[i].bucket);
			return true;
		}
	}
	return false;
}

/* Stores, not atomic_init(): readers may already look. */
void histogram_live_init(struct histogram_live *live)
{
	atomic_store_explicit(&live->sum_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&live->min_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&live->max_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&live->window_min_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&live->window_max_ns, 0, memory_order_relaxed);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		atomic_store_explicit(&live->counts[i], 0, memory_order_relaxed);
	atomic_store_explicit(&live->seq, 0, memory_order_release);
}

static uint64_t peek(const atomic_uint_fast64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/*
 * A sequence lock without fences (thread sanitizers do not understand those): every data store is a
 * release store, so none can pass the store that made seq odd, and every data load of the reader is
 * an acquire load, so none can sink below its second look at seq. On x86 all of these are plain
 * moves.
 *
 * Window min and max race with the reader's exchange on purpose: when the writer finds its sample
 * inside the range that the reader is just taking away, that range still covers it, and the reader
 * sees by seq that it has to look again.
 */
void histogram_live_count(struct histogram_live *live, uint64_t ns)
{
	/* Odd: the thread before was ended in the middle of a sample (measure_watch.h). */
	uint64_t seq = peek(&live->seq) & ~UINT64_C(1);
	atomic_uint_least32_t *count = &live->counts[histogram_bucket(ns)];

	atomic_store_explicit(&live->seq, seq + 1, memory_order_relaxed);
	if (ns < peek(&live->window_min_ns))
		atomic_store_explicit(&live->window_min_ns, ns, memory_order_release);
	if (ns > peek(&live->window_max_ns))
		atomic_store_explicit(&live->window_max_ns, ns, memory_order_release);
	if (ns < peek(&live->min_ns))
		atomic_store_explicit(&live->min_ns, ns, memory_order_release);
	if (ns > peek(&live->max_ns))
		atomic_store_explicit(&live->max_ns, ns, memory_order_release);
	atomic_store_explicit(&live->sum_ns, peek(&live->sum_ns) + ns, memory_order_release);
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_release);
	atomic_store_explicit(&live->seq, seq + 2, memory_order_release);
}

uint64_t histogram_live_samples(const struct histogram_live *live)
{
	return peek(&live->seq) / 2;
}

static uint64_t copy_once(const struct histogram_live *live, struct histogram *ret)
{
	uint64_t seq = atomic_load_explicit(&live->seq, memory_order_acquire);
	uint64_t total = 0;

	ret->start_ns = ret->end_ns = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		ret->counts[i] = atomic_load_explicit(&live->counts[i], memory_order_acquire);
		total += ret->counts[i];
	}
	ret->total = total;
	ret->sum_ns = atomic_load_explicit(&live->sum_ns, memory_order_acquire);
	ret->min_ns = atomic_load_explicit(&live->min_ns, memory_order_acquire);
	ret->max_ns = atomic_load_explicit(&live->max_ns, memory_order_acquire);
	if (!total)
		ret->min_ns = UINT64_MAX; /* memory the writer has not initialised yet */
	return seq;
}

static bool is_undisturbed(const struct histogram_live *live, uint64_t seq)
{
	return !(seq & 1) && peek(&live->seq) == seq;
}

void histogram_live_copy(const struct histogram_live *live, struct histogram *ret)
{
	for (unsigned i = 0; i < COPY_TRIES; i++) {
		uint64_t seq = copy_once(live, ret);
		if (is_undisturbed(live, seq))
			return;
	}
}

void histogram_live_window(struct histogram_live *live, struct histogram *ret, uint64_t *ret_min_ns,
			   uint64_t *ret_max_ns)
{
	uint64_t min_ns = UINT64_MAX, max_ns = 0;

	*ret_min_ns = min_ns;
	*ret_max_ns = max_ns;
	/* Until its writer has touched it, the block must stay untouched: the first write decides
	 * on which NUMA node it lies, and an exchange is a write. */
	if (!atomic_load_explicit(&live->seq, memory_order_acquire)) {
		histogram_zero(ret);
		return;
	}

	/* What an earlier try took away stays in min and max: its samples are in every later copy,
	 * too. */
	for (unsigned i = 0; i < COPY_TRIES; i++) {
		uint64_t seq = copy_once(live, ret);
		uint64_t low = atomic_exchange_explicit(&live->window_min_ns, UINT64_MAX,
							memory_order_acq_rel);
		uint64_t high =
			atomic_exchange_explicit(&live->window_max_ns, 0, memory_order_acq_rel);

		min_ns = low < min_ns ? low : min_ns;
		max_ns = high > max_ns ? high : max_ns;
		if (is_undisturbed(live, seq))
			break;
	}
	*ret_min_ns = ret->total ? min_ns : UINT64_MAX;
	*ret_max_ns = max_ns;
}
