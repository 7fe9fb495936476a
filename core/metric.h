/*
 * A metric describes one value of one kind of entity; the text in it is what the generic table, the
 * help and the JSON show. Const data, declared by the probe that fills it.
 *
 * A value is never a bare number: absent, denied, stale and zero are different states everywhere.
 */
#ifndef JT_CORE_METRIC_H
#define JT_CORE_METRIC_H

#include <stdbool.h>

#include "core/util.h"

enum metric_type {
	METRIC_GAUGE,	  /* a number as it is now */
	METRIC_COUNTER,	  /* grows; its rate is what people read. Going backwards gives no rate */
	METRIC_TEXT,	  /* sanitised UTF-8 */
	METRIC_CPUSET,	  /* canonical CPU or node list ("0-3,8"), as text */
	METRIC_BOOL,	  /* 0 or 1 */
	METRIC_HISTOGRAM, /* struct histogram_column of the last window */
	METRIC_PER_CPU,	  /* struct per_cpu: a counter per CPU */
};

enum unit { UNIT_NONE, UNIT_COUNT, UNIT_NS, UNIT_BYTES, UNIT_HZ, UNIT_PERCENT };

struct metric {
	/* snake_case with the unit in it (user_ns, size_bytes, freq_hz): also the JSON field. */
	const char *name;
	enum metric_type type;
	enum unit unit;
	const char *help;  /* one line */
	const char *title; /* column header, at most 10 cells; NULL: not a column of the generic
			      table */
};

enum value_state {
	VALUE_ABSENT, /* this host does not have it, or the probe did not set it (zeroed memory) */
	VALUE_OK,
	VALUE_DENIED, /* exists, we may not read it */
	VALUE_FAULT,  /* could not be read or understood: the probe's error says why */
	VALUE_STALE,  /* the last good value of a probe that failed since */
};

struct histogram_column;

/* Sorted by CPU; a CPU that counted nothing may be left out. The kernel's own counters of this sort
 * are 32 bits wide: one that wrapped is a counter that went backwards, without a rate. */
struct per_cpu_cell {
	uint32_t cpu;
	uint64_t count;
	double rate; /* per second, filled in by snapshot_build(); NAN: none */
};

struct per_cpu {
	uint32_t n;
	/* Names the set of CPUs the vector speaks of: a CPU without a cell in the previous vector
	 * counted 0 there when the scopes are equal, and is unknown when they are not (hotplug). */
	uint32_t scope;
	struct per_cpu_cell cells[];
};

struct value {
	uint8_t state; /* enum value_state */
	uint8_t is_float;
	uint8_t is_restarted; /* counts another thing than before: no rate this time */
	int32_t age_ms; /* how long before its sample's time_ns it was read (negative: after) */
	union {
		uint64_t u64;
		double f64;
		const char *text; /* METRIC_TEXT, METRIC_CPUSET */
		const struct histogram_column *histogram;
		const struct per_cpu *per_cpu;
	};
};

/* The JSON name of a counter's rate: x_ns -> x_share (ns per ns, 0 to 1 and more), x_bytes ->
 * x_bytes_per_s, x_pages etc. -> x_hz. Writes into buf and returns it. */
const char *metric_rate_name(const struct metric *metric, char *buf, size_t size);
/* The CPU's cell, or NULL. vector may be NULL. */
const struct per_cpu_cell *per_cpu_cell(const struct per_cpu *vector, unsigned cpu);

#endif
