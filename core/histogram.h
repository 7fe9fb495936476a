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
/* Linear part 32, octaves 7..33 (2^34 ns > 10 s) 32 each, one overflow bucket. */
#define HISTOGRAM_BUCKETS (32 + (34 - HISTOGRAM_LINEAR_BITS) * 32 + 1)

struct histogram {
	uint64_t total;
	uint64_t sum_ns;
	uint64_t min_ns, max_ns; /* UINT64_MAX and 0 when empty */
	uint32_t counts[HISTOGRAM_BUCKETS];
};

struct histogram_live {
	_Alignas(64) atomic_uint_fast64_t total;
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
/* window = now - before. Counts that wrapped (2^32) come out right. */
void histogram_difference(const struct histogram *now, const struct histogram *before,
			  struct histogram *ret_window);
struct histogram_column *histogram_pack(const struct histogram *h, struct arena *arena);
/* The value below which a share q of the samples lies (0 < q <= 1; bucket middle, clamped to min
 * and max). False, and nothing written, unless at least 10 samples lie above it (q == 1 gives max;
 * needs one sample). */
bool histogram_quantile(const struct histogram *h, double q, uint64_t *ret_ns);

void histogram_live_init(struct histogram_live *live);
void histogram_live_count(struct histogram_live *live, uint64_t ns); /* the one writer */
void histogram_live_copy(const struct histogram_live *live, struct histogram *ret);

#endif
