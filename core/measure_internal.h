/*
 * Private to measure*.c: what a measuring thread owns (measure_block) and what the owner of the
 * threads keeps about it (measure_slot).
 */
#ifndef JT_CORE_MEASURE_INTERNAL_H
#define JT_CORE_MEASURE_INTERNAL_H

#include <pthread.h>
#include <setjmp.h>
#include <time.h>

#include "core/measure.h"
#include "core/measure_choice.h"

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
	bool is_left_out; /* never gets a thread */
	/* The owner's. */
	pthread_t thread;
	bool has_thread;	 /* to be joined */
	bool is_given_up;	 /* could not be started: not again before the CPU went and came */
	unsigned n_runaways;	 /* how often its thread was ended */
	uint64_t retry_ns;	 /* not started again before */
	struct histogram before; /* the copy at the start of the window */
	uint64_t window_start_ns;
	/* Read by any thread. */
	atomic_bool is_running;
	atomic_int policy, error;
	atomic_uint priority;
	atomic_int tid;			  /* 0: outside the engine's body */
	atomic_uint_fast64_t cpu_time_ns; /* of threads that have ended */
	/* The thread's: where a runaway body is left to. */
	sigjmp_buf escape;
	/* The watch's. */
	int watched_tid;
	uint64_t watched_cpu_ns, hot_ns;
};

/* All slots, by CPU number; appear once, stay until the end. Written by the synchronising thread.
 */
struct measure_slots {
	_Atomic(struct measure_slot *) by_cpu[CPUSET_MAX];
	_Atomic uint64_t has[CPUSET_WORDS]; /* which of them there are, as a cpuset */
};

static inline struct measure_slot *measure_slot_of(const struct measure_slots *slots, unsigned cpu)
{
	if (cpu >= CPUSET_MAX)
		return NULL;
	return atomic_load_explicit(&slots->by_cpu[cpu], memory_order_acquire);
}

static inline void measure_slots_cpus(const struct measure_slots *slots, struct cpuset *ret)
{
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		ret->bits[i] = atomic_load(&slots->has[i]);
}

/* What was decided before the first thread (measure_setup.c). */
struct measure_setup {
	const struct engine *engine;
	struct measure_options options; /* defaults filled in */
	struct cpuset online;
	/* CPUs that may get a thread when they are or come online. */
	struct cpuset eligible;
	struct measure_taken taken; /* would have been eligible */
	bool is_unthrottled;	    /* real-time throttling is off */
	char note[MEASURE_WHY_MAX]; /* what a reader must know; "": nothing */
};
/* Errors: see measure_start(). The caller frees setup.taken. */
int measure_prepare(struct host *host, const struct engine *engine,
		    const struct measure_options *options, struct measure_setup *ret) _must_check_;

/* What a thread of ours is created with: pinned to cpus, all signals blocked. 0 or a negative
 * errno.
 */
struct measure_spawn {
	const struct cpuset *cpus;
	enum measure_policy policy;
	unsigned priority;
	void *(*run)(void *arg);
	void *arg;
};
int measure_spawn(const struct measure_spawn *spawn, pthread_t *ret) _must_check_;

/* CPU time of one thread of this process; false: it has ended. */
bool measure_thread_time_ns(int tid, uint64_t *ret);

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
