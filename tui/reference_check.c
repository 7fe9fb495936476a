#include "tui/reference_check.h"

#include <math.h>

bool check_is_running(const struct reference_check *check)
{
	return check && check->phase < CHECK_DONE;
}

/* Samples below ns; those of the bucket it falls into are taken for evenly spread. */
static double below(const struct histogram *h, uint64_t ns)
{
	unsigned bucket = histogram_bucket(ns);
	uint64_t from = histogram_bucket_from(bucket), to = histogram_bucket_to(bucket);
	double n = 0;

	for (unsigned i = 0; i < bucket; i++)
		n += (double)h->counts[i];
	return n + (double)h->counts[bucket] * (double)(ns - from) / (double)(to - from);
}

double check_distance(const struct histogram *ours, const struct histogram *theirs,
		      uint64_t resolution_ns)
{
	double largest = 0, n_theirs = 0;

	if (!ours->total || !theirs->total)
		return NAN;
	if (!resolution_ns)
		resolution_ns = 1;
	for (unsigned i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		/* A value of theirs below this edge was below the next multiple before the cut. */
		uint64_t edge = histogram_bucket_to(i);
		uint64_t at = (edge + resolution_ns - 1) / resolution_ns * resolution_ns;

		n_theirs += (double)theirs->counts[i];
		largest = fmax(largest, fabs(below(ours, at) / (double)ours->total -
					     n_theirs / (double)theirs->total));
	}
	return largest;
}

double check_distance_by_chance(uint64_t n_ours, uint64_t n_theirs)
{
	if (!n_ours || !n_theirs)
		return NAN;
	return 1.358 * sqrt(1.0 / (double)n_ours + 1.0 / (double)n_theirs);
}
