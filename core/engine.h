/*
 * A measuring engine: one way to find out how long a task on a CPU is kept from running.
 *
 * An engine is one const struct with either a body for threads of ours (run: measure.h starts one
 * per CPU) or a program or tracer that is run for a bounded time (reference: core/reference.h).
 * Engines are found by name; engine_at() lists them in the order people should read them, our
 * default first.
 *
 * A body measures into its engine_thread until *stop. It must not allocate, lock, log or make any
 * system call but the sleep, and must sleep at least once in ENGINE_LONGEST_RUN_NS of its own CPU
 * time: one that does not is taken for a runaway and ended (measure_watch.c).
 */
#ifndef JT_CORE_ENGINE_H
#define JT_CORE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/histogram.h"
#include "core/util.h"

struct reference_engine; /* core/reference.h */

/* No body of ours needs the CPU longer than this between two sleeps. */
#define ENGINE_LONGEST_RUN_NS (50 * NSEC_PER_MSEC)

enum measure_policy {
	MEASURE_DEFAULT, /* the engine's own */
	MEASURE_FIFO,
	MEASURE_RR,
	MEASURE_OTHER,
};

/* What a polling thread counts; the lengths of its gaps are in the histogram. Cumulative, written
 * by the thread only, read by anyone. */
struct engine_noise {
	atomic_uint_fast64_t spun_ns;  /* wall time during which it polled, gaps included */
	atomic_uint_fast64_t noise_ns; /* of that: time in gaps */
	atomic_uint_fast64_t gaps;
};

/* What an engine's body gets: its own CPU, block and first instant. */
struct engine_thread {
	struct histogram_live *live;
	atomic_uint_fast64_t *overruns;
	struct engine_noise *noise;
	const atomic_bool *stop;
	uint64_t first_ns, interval_ns; /* CLOCK_MONOTONIC */
	uint64_t spin_ns, threshold_ns; /* see measure_options; 0 where the engine does not spin */
	unsigned cpu;
};

struct engine {
	const char *name; /* "wakeup" */
	const char *summary;
	/* The body of one thread: measures until *stop (0), or until it finds itself on another CPU
	 * (-ENODEV). NULL: a reference. */
	int (*run)(const struct engine_thread *thread);
	/* NULL: threads of ours. */
	const struct reference_engine *reference;
	/* The rest is for threads of ours. */
	enum measure_policy policy; /* where the user did not choose; never MEASURE_DEFAULT */
	unsigned priority;	    /* likewise, for FIFO and RR */
	uint64_t interval_ns;	    /* likewise */
	/* Where the user did not choose; 0: the engine does not spin. Then its histogram holds gaps
	 * of a polling loop, not wakeup latencies, and measure_cpu.spun_ns and noise_ns say the
	 * share. */
	uint64_t spin_ns, threshold_ns;
	/* Takes so much of a CPU that it runs on CPUs the user named only. */
	bool needs_named_cpus;
};

extern const struct engine engine_wakeup, engine_spin;

/* NULL: there is none of that name. */
const struct engine *engine_by_name(const char *name);
/* NULL: i is past the last one. */
const struct engine *engine_at(unsigned i);

#endif
