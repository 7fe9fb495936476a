/*
 * The rings of core/history.c: one per (entity, metric), shaped by the metric's type. A ring knows
 * neither its depth nor how many ticks have passed: the caller says so. What its memory grows by is
 * returned, so that the history can say what it takes.
 */
#ifndef JT_CORE_HISTORY_INTERNAL_H
#define JT_CORE_HISTORY_INTERNAL_H

#include <sys/types.h>

#include "core/history.h"

struct packed;
struct spread;

struct ring {
	enum metric_type type;
	float *points;		 /* by tick modulo depth; NULL: not of this type */
	struct spread **spreads; /* the same */
	struct packed **windows; /* oldest at next when full; NULL: none came yet */
	unsigned n, next;	 /* windows */
	struct histogram *total; /* with windows: all since the last reset */
};

/* When a ring is fed. */
struct ring_time {
	uint64_t tick, last_tick; /* of this snapshot, of the last one that had the entity */
	uint64_t cut_ns;	  /* of history_cut() */
};

void ring_init(struct ring *ring, enum metric_type type, unsigned depth);
void ring_done(struct ring *ring, unsigned depth);
size_t ring_bytes(const struct ring *ring, unsigned depth);
/* Returns the change in bytes. */
ssize_t ring_feed(struct ring *ring, unsigned depth, const struct ring_time *time,
		  const struct entity *entity, unsigned metric);
/* NAN: not read in that tick. */
float ring_cpu_rate(const struct ring *ring, unsigned depth, uint64_t tick, unsigned cpu);
unsigned ring_columns(const struct ring *ring, unsigned depth, uint64_t from_ns,
		      struct history_column *ret, unsigned max);
unsigned ring_sum(const struct ring *ring, unsigned depth, uint64_t from_ns, uint64_t to_ns,
		  struct histogram *sum, uint64_t *ret_covered_ns);

#endif
