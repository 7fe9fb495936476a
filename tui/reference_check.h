/*
 * A check of our figures against cyclictest, as the screen shows it: ours is what the history holds
 * of the last seconds, theirs is measured right after, on the same CPUs while our threads there are
 * stopped: two measuring threads on one CPU would disturb each other. Plain data;
 * dashboard_check.c carries it out.
 */
#ifndef JT_TUI_REFERENCE_CHECK_H
#define JT_TUI_REFERENCE_CHECK_H

#include "core/cpuset.h"
#include "core/histogram.h"

#define CHECK_DURATION_NS (10 * NSEC_PER_SEC)

enum check_phase {
	CHECK_OURS,	 /* until our figures span the duration */
	CHECK_PAUSING,	 /* our threads are being stopped there */
	CHECK_REFERENCE, /* it runs */
	CHECK_DONE,
	CHECK_FAILED, /* why */
};

struct check_side {
	char name[24];
	char how[160]; /* "fifo 2, every 1 ms, 10 s"; the reference: its version, too */
	struct histogram histogram;
};

struct reference_check {
	enum check_phase phase;
	struct cpuset cpus;
	uint64_t start_ns; /* of the phase */
	struct check_side ours, theirs;
	uint64_t resolution_ns; /* of their values */
	double distance;	/* Kolmogorov-Smirnov; NAN: one side has no samples */
	char command[256];
	char why[256];
	/* What may make the two differ although both are right, one per line. */
	char confounders[512];
};

bool check_is_running(const struct reference_check *check); /* NULL: no */
/* The largest difference of the two shares of samples below any latency. Values of theirs are
 * multiples of resolution_ns, cut off: ours are compared where that makes no difference. NAN: one
 * of them is empty. */
double check_distance(const struct histogram *ours, const struct histogram *theirs,
		      uint64_t resolution_ns);
/* Shares out the counts over n bins of equal width on the logarithmic axis from low to high; values
 * are multiples of resolution_ns, cut off (1: exact), and are spread over what was cut. */
void check_bins(const struct histogram *h, uint64_t resolution_ns, uint64_t low_ns,
		uint64_t high_ns, unsigned n, double *ret_counts);
/* What two samples of one and the same distribution stay below in 95 of 100 cases. Samples of one
 * CPU are not independent, so that a real machine differs from itself by more. */
double check_distance_by_chance(uint64_t n_ours, uint64_t n_theirs);

#endif
