/*
 * Latency histogram: log-linear, 32 sub-buckets per power of two (relative error about 3 %), from 0
 * to 10 s, an overflow bucket and the exact minimum and maximum: no sample is ever lost.
 *
 * Three forms: struct histogram_live (one writing thread, any readers, C11 atomics, cumulative),
 * struct histogram (plain counts: a copy, a window or a sum) and struct histogram_column (sparse
 * and compact: one window of one CPU in a snapshot). A window is the difference of two copies; its
 * min and max are then those of its buckets unless the exact ones are known.
 */
#ifndef JT_CORE_HISTOGRAM_H
#define JT_CORE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/arena.h"

#define HISTOGRAM_SUB_BITS 5 /* 32 sub-buckets per octave */
#define HISTOGRAM_MAX_NS (10 * NSEC_PER_SEC)
/* Values below 2^HISTOGRAM_LINEAR_BITS ns share linear buckets of 2^(LINEAR_BITS-SUB_BITS) ns. */
#define HISTOGRAM_LINEAR_BITS 7 /* below 128 ns: buckets of 4 ns */
/* 32 linear ones, octaves 7 to 32 with 32 each, the first 6 of octave 33 (the sixth is cut at 10
 * s), and one overflow bucket, the last. Asserted in histogram.c. */
#define HISTOGRAM_BUCKETS (32 + (33 - HISTOGRAM_LINEAR_BITS) * 32 + 6 + 1)

struct histogram {
	uint64_t total; /* always the sum of counts */
	uint64_t sum_ns;
	uint64_t min_ns, max_ns;   /* UINT64_MAX and 0 when empty */
	uint64_t start_ns, end_ns; /* of a window, CLOCK_MONOTONIC; 0 and 0: not known */
	uint64_t counts[HISTOGRAM_BUCKETS];
};

/* Plain loads and stores by the one writer (no locked instruction), bracketed by seq so that a
 * reader can tell an undisturbed copy. Counts wrap at 2^32 (49 days at 1 kHz in one bucket);
 * differences of copies come out right nevertheless. */
struct histogram_live {
	/* Odd while a sample is being counted; twice the number of samples otherwise. */
	_Alignas(64) atomic_uint_fast64_t seq;
	atomic_uint_fast64_t sum_ns;
	atomic_uint_fast64_t min_ns, max_ns;
	/* Min and max since the last histogram_live_window(), exchanged by the one reader that
	 * takes windows. */
	atomic_uint_fast64_t window_min_ns, window_max_ns;
	atomic_uint_least32_t counts[HISTOGRAM_BUCKETS];
};

struct histogram_column {
	uint64_t start_ns, end_ns; /* the window, CLOCK_MONOTONIC */
	uint64_t min_ns, max_ns, sum_ns;
	uint32_t total;
	uint32_t n;
	struct {
		uint16_t bucket;
		uint16_t unused;
		uint32_t count;
	} cells[];
};

unsigned histogram_bucket(uint64_t ns);
uint64_t histogram_bucket_from(unsigned bucket); /* lowest value of the bucket */
uint64_t
histogram_bucket_to(unsigned bucket); /* lowest value of the next one; UINT64_MAX for overflow */

void histogram_zero(struct histogram *h);
void histogram_count(struct histogram *h, uint64_t ns);
void histogram_add(struct histogram *sum, const struct histogram *h);
void histogram_add_column(struct histogram *sum, const struct histogram_column *column);
/* window = now - before, two copies of one live histogram; before may be all zero. Counts that
 * wrapped (2^32) come out right. Min and max are exact where they moved between the copies, else
 * those of the window's outermost buckets. */
void histogram_difference(const struct histogram *now, const struct histogram *before,
			  struct histogram *ret_window);
/* An empty one has n = 0, min_ns = UINT64_MAX, max_ns = 0. */
struct histogram_column *histogram_pack(const struct histogram *h, struct arena *arena);
/* The value below which a share q of the samples lies (0 < q <= 1; bucket middle, clamped to min
 * and max; within 1.6 % from 128 ns on; max in the overflow bucket). False, and nothing written,
 * unless at least 10 samples lie above it (q == 1 gives max; needs one sample). */
bool histogram_quantile(const struct histogram *h, double q, uint64_t *ret_ns);
/* Several at once, ascending; 0: too few samples above it. One pass: for a thousand CPUs. */
void histogram_quantiles(const struct histogram *h, const double *quantiles, unsigned n,
			 uint64_t *ret_ns);
/* The value that at least n samples reach (bucket middle, clamped); 0: fewer than n samples. No
 * quantile of anything: a rank among this very set. */
uint64_t histogram_nth_largest(const struct histogram *h, uint64_t n);
bool histogram_column_quantile(const struct histogram_column *column, double q, uint64_t *ret_ns);

void histogram_live_init(struct histogram_live *live);
void histogram_live_count(struct histogram_live *live, uint64_t ns); /* the one writer */
/* A copy in which total is the sum of counts, always. Sum, min and max belong to the same samples
 * unless the writer was interrupted while it counted one; then that one may be in some of them and
 * not yet in the others. All zero memory reads as an empty histogram. */
void histogram_live_copy(const struct histogram_live *live, struct histogram *ret);
uint64_t histogram_live_samples(const struct histogram_live *live); /* counted so far */
/* The same as histogram_live_copy(), and takes the exact min and max of the samples since the last
 * call (UINT64_MAX and 0: none): for one reader. */
void histogram_live_window(struct histogram_live *live, struct histogram *ret, uint64_t *ret_min_ns,
			   uint64_t *ret_max_ns);

#endif
