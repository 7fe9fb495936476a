/*
 * Private to measure*.c: what a measuring thread owns (measure_block) and what the owner of the
 * threads keeps about it (measure_slot).
 */
#ifndef JT_CORE_MEASURE_INTERNAL_H
#define JT_CORE_MEASURE_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "core/measure.h"

/*
 * Everything a thread reads or writes while it measures, in pages of its own. Mapped zeroed and
 * first written by the thread itself, so that it lies on the thread's node.
 */
struct measure_block {
	struct histogram_live live;
	atomic_uint_fast64_t overruns;
	struct engine_noise noise;
	atomic_bool stop; /* the owner's; everything else is the thread's */
	atomic_bool is_settled, is_locked;
};

struct measure_slot {
	/* Set before the thread starts. */
	struct measure_block *block;
	const struct engine *engine;
	uint64_t base_ns, interval_ns, spin_ns, threshold_ns;
	unsigned cpu;
	/* The owner's. */
	pthread_t thread;
	bool has_thread;	 /* to be joined */
	bool is_given_up;	 /* could not be started: not again before the CPU went and came */
	struct histogram before; /* the copy at the start of the window */
	uint64_t window_start_ns;
	/* Read by any thread. */
	atomic_bool is_running;
	atomic_int policy, error;
	atomic_uint priority;
};

/* What pthread_create() runs: settles (memory in place and locked, name, timer slack), then the
 * engine. */
void *measure_thread(void *slot);
/* Keeps the few pages of code in memory that every thread runs. */
void measure_lock_code(const struct engine *engine);

/* Sleeps until an instant of CLOCK_MONOTONIC; 0, or a negative errno (-EINTR: *stop was set). */
int measure_sleep_until(uint64_t until_ns, const atomic_bool *stop);

/* The live machine's clock (through the vDSO), without a host handle in the loop. */
static inline uint64_t measure_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

#endif
