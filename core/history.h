/*
 * History: fixed rings per (entity, metric) for sparklines, heatmaps and effect windows, whatever
 * is on screen. Fed by the consumer's thread from each snapshot it takes; memory is bounded by
 * history_options and reported by history_bytes().
 *
 * Counters are kept as rates, gauges as they are, counters by CPU (METRIC_PER_CPU) as the rates
 * that are not zero: one point per snapshot. Histograms are kept as sparse columns of about one
 * second each, however often the screen is refreshed: windows shorter than that are merged into one
 * column, so that `depth` columns always reach back at least 0.95 * depth seconds. Nothing is lost
 * by merging but the edges between. Beside them a cumulative histogram of all windows since the
 * last history_reset(). An entity that is gone for longer than its ring is deep is forgotten.
 */
#ifndef JT_CORE_HISTORY_H
#define JT_CORE_HISTORY_H

#include "core/histogram.h"
#include "core/snapshot.h"

/* A column at least this long takes no further window. */
#define HISTORY_COLUMN_NS (950 * NSEC_PER_MSEC)

struct history;

struct history_metric {
	const char *kind, *metric;
	unsigned depth; /* points or columns kept */
};

/* What is read of a column without unpacking it. */
struct history_column {
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	uint64_t max_ns;	   /* exact; 0 without samples */
	uint64_t p99_ns;	   /* 0: too few samples above it */
};

struct history *history_new(const struct history_metric *metrics, unsigned n_metrics);
void history_free(struct history *history);
void history_feed(struct history *history, const struct snapshot *snap);
/* Windows that end later start a new column: a change is made now, and no column shall hold both
 * sides of it (but the window in which it happens). */
void history_cut(struct history *history, uint64_t now_ns);

/* Copies at most max points, oldest first, NAN for gaps; returns how many. */
unsigned history_series(const struct history *history, const char *key, const char *metric,
			float *ret_points, unsigned max);
/* The same of one CPU of a METRIC_PER_CPU: 0 where it did not move, NAN where it was not read. */
unsigned history_cpu_series(const struct history *history, const char *key, const char *metric,
			    unsigned cpu, float *ret_points, unsigned max);
/* Copies at most max of the newest columns that end after from_ns, newest first. */
unsigned history_columns(const struct history *history, const char *key, const char *metric,
			 uint64_t from_ns, struct history_column *ret, unsigned max);
/* Adds to *sum every column of the entity whose window [start, end] lies wholly in [from_ns,
 * to_ns]. Returns the number of columns; *ret_covered_ns (may be NULL) is the time they span. */
unsigned history_histogram(const struct history *history, const char *key, const char *metric,
			   uint64_t from_ns, uint64_t to_ns, struct histogram *sum,
			   uint64_t *ret_covered_ns);
/* All windows since the last reset, or since the entity appeared; NULL: not kept. Valid until the
 * next history_feed(). */
const struct histogram *history_total(const struct history *history, const char *key,
				      const char *metric);
/* The totals start anew; the rings stay. */
void history_reset(struct history *history, uint64_t now_ns);
uint64_t history_reset_ns(const struct history *history); /* 0: never */
size_t history_bytes(const struct history *history);

#endif
