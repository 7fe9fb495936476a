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

static double place(double ns, uint64_t low_ns, uint64_t high_ns, unsigned n)
{
	double at = n * log(fmax(ns, 1) / (double)low_ns) / log((double)high_ns / (double)low_ns);

	return fmin(fmax(at, 0), n - 1e-6);
}

void check_bins(const struct histogram *h, uint64_t resolution_ns, uint64_t low_ns,
		uint64_t high_ns, unsigned n, double *ret_counts)
{
	for (unsigned i = 0; i < n; i++)
		ret_counts[i] = 0;
	for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
		uint64_t from = histogram_bucket_from(b), to = histogram_bucket_to(b);

		if (h->counts[b] == 0)
			continue;
		if (to - from < resolution_ns) {
			from = (to - 1) / resolution_ns * resolution_ns;
			to = from + resolution_ns;
		}

		double first = place((double)from, low_ns, high_ns, n);
		double last = fmax(place((double)to, low_ns, high_ns, n), first + 1e-9);

		for (unsigned i = (unsigned)first; i < n && i < last; i++)
			ret_counts[i] += (double)h->counts[b] *
					 (fmin(last, i + 1) - fmax(first, i)) / (last - first);
	}
	/* Beyond the end of the scale is at its end. */
	ret_counts[n - 1] += (double)h->counts[HISTOGRAM_BUCKETS - 1];
}

double check_distance_by_chance(uint64_t n_ours, uint64_t n_theirs)
{
	if (!n_ours || !n_theirs)
		return NAN;
	return 1.358 * sqrt(1.0 / (double)n_ours + 1.0 / (double)n_theirs);
}
