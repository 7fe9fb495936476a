/*
 * The watch over the measuring threads: one that does not sleep is ended within 200 ms.
 *
 * A thread of its own looks at every measuring thread's CPU clock 20 times a second. One that used
 * more than it may for 80 ms on end is first made SCHED_IDLE (from then on it harms nobody, even if
 * it cannot be ended, say in the kernel) and then sent a signal, whose handler jumps out of the
 * engine's body. A body holds no lock and allocates nothing, so it can be left anywhere.
 *
 * The watch runs above the measuring threads (FIFO, their priority plus one, where permitted) and
 * off the measured CPUs where there are others, so that a runaway real-time thread cannot keep it
 * from running even on a machine of one CPU. Should all that fail, RLIMIT_RTTIME ends the process
 * after 1 s (children inherit it: whoever starts real-time programs raises it for them), and the
 * kernel's real-time throttling leaves 5 % to others.
 *
 * Why not a CPU-time timer per thread: an armed one keeps the tick going on nohz_full CPUs whenever
 * the thread runs, and disturbs what is measured. Reading the clock of a sleeping thread takes no
 * lock.
 *
 * Calling sequence: watch_start() before the first measuring thread, watch_stop() after the last
 * was joined. Slots may appear any time, not go.
 */
#ifndef JT_CORE_MEASURE_WATCH_H
#define JT_CORE_MEASURE_WATCH_H

#include <signal.h>

#include "core/measure_internal.h"

struct watch;

struct watch_options {
	const struct measure_slots *slots;
	const struct cpuset *measured, *allowed;
	unsigned priority;	/* of the measuring threads; 0: not real-time */
	unsigned allowed_share; /* percent of a CPU a thread may use */
};

/* What a runaway thread gets, directed at it alone: a signal nobody else uses and that is ignored
 * where there is no handler. */
#define WATCH_SIGNAL SIGURG

/* 0 or a negative errno: then nothing may be started. */
int watch_start(const struct watch_options *options, struct watch **ret) _must_check_;
void watch_stop(struct watch *watch); /* NULL is fine */

#endif
