/*
 * History: fixed rings per (entity, metric) for sparklines, heatmaps and effect windows, whatever
 * is on screen. Fed by the consumer's thread from each snapshot it takes; memory is bounded by
 * history_options and reported by history_bytes().
 *
 * Counters are kept as rates, gauges as they are, histogram columns as sparse windows, each with
 * its snapshot's time. An entity that is gone for longer than the ring is forgotten.
 */
#ifndef JT_CORE_HISTORY_H
#define JT_CORE_HISTORY_H

#include "core/histogram.h"
#include "core/snapshot.h"

struct history;

struct history_metric {
	const char *kind, *metric;
	unsigned depth; /* points kept */
};

struct history *history_new(const struct history_metric *metrics, unsigned n_metrics);
void history_free(struct history *history);
void history_feed(struct history *history, const struct snapshot *snap);
/* Copies at most max points, oldest first, NAN for gaps; returns how many. */
unsigned history_series(const struct history *history, const char *key, const char *metric,
			float *ret_points, unsigned max);
/* Adds to *sum every column of the entity whose window [start, end] lies wholly in [from_ns,
 * to_ns]. Returns the number of columns; *ret_covered_ns (may be NULL) is the time they span. */
unsigned history_histogram(const struct history *history, const char *key, const char *metric,
			   uint64_t from_ns, uint64_t to_ns, struct histogram *sum,
			   uint64_t *ret_covered_ns);
size_t history_bytes(const struct history *history);

#endif
