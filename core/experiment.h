/*
 * The effect of one change: a baseline window (the last 10 s before it, already measured), the time
 * the change and its settling took (discarded, and said so), and the window since, growing until
 * the change is taken back. Pure: works on a history. The judgement (intervals, verdict) is a later
 * addition; until then the verdict is EXPERIMENT_NOT_JUDGED.
 */
#ifndef JT_CORE_EXPERIMENT_H
#define JT_CORE_EXPERIMENT_H

#include "core/cpuset.h"
#include "core/history.h"

#define EXPERIMENT_BASELINE_NS (10 * NSEC_PER_SEC)
#define EXPERIMENT_SETTLE_NS (500 * NSEC_PER_MSEC)

enum experiment_verdict { EXPERIMENT_NOT_JUDGED };

struct experiment {
	struct cpuset cpus;	 /* the affected CPUs: both windows cover these */
	uint64_t apply_start_ns; /* CLOCK_MONOTONIC, just before the first write */
	uint64_t apply_end_ns;	 /* after the last read-back */
	uint64_t end_ns;	 /* when it was taken back; 0: still in force */
};

struct experiment_side {
	uint64_t samples;    /* of all affected CPUs together */
	uint64_t covered_ns; /* measured time, of the CPU that has most of it */
	bool has_p50, has_p99, has_p99_9;
	uint64_t p50_ns, p99_ns, p99_9_ns, max_ns; /* max only when samples > 0 */
};

struct experiment_result {
	struct experiment_side before, after;
	/* Between the windows: the change and its settling. The measured window that straddles an
	 * edge is left out on top, less than a tick at each. */
	uint64_t discarded_ns;
	enum experiment_verdict verdict;
};

/* The figures of a sum of windows; quantiles only where enough samples lie above them. */
void experiment_side_set(struct experiment_side *side, const struct histogram *sum,
			 uint64_t covered_ns);
/* metric: the histogram metric of kind cpu to use ("wakeup_window"). */
void experiment_evaluate(const struct experiment *experiment, const struct history *history,
			 const char *metric, uint64_t now_ns, struct experiment_result *ret);

#endif
