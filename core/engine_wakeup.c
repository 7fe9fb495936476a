/*
 * The wakeup engine: sleep until an absolute instant, see how late it is.
 *
 * A thread that wakes later than a whole interval counts that lateness once, in full length, and
 * goes on with the next instant that lies ahead; the instants it slept through are overruns. So one
 * stall of 50 ms at 1 kHz is one sample of 50 ms and 49 overruns, not 50 samples (which would say
 * what 50 tasks saw, one per instant) and not 50 samples of microseconds in a catch-up burst.
 * Shares of samples thus understate long stalls, the maximum never: overruns are shown beside them.
 */
#include <errno.h>
#include <sched.h>

#include "core/measure_internal.h"

static int wakeup_run(const struct engine_thread *thread)
{
	uint64_t wanted = thread->first_ns;
	/* The first wakeup brings code and data into the caches; it is not counted. */
	bool is_warm = false;

	while (!atomic_load_explicit(thread->stop, memory_order_relaxed)) {
		int result = measure_sleep_until(wanted, thread->stop);
		uint64_t now = measure_now_ns();

		/* The kernel moves a pinned thread when its CPU goes offline; what was measured
		 * there is not this CPU's. */
		if (sched_getcpu() != (int)thread->cpu)
			return -ENODEV;
		if (result == -EINTR)
			return 0;
		if (result)
			return result;
		if (is_warm)
			histogram_live_count(thread->live, now > wanted ? now - wanted : 0);
		wanted += thread->interval_ns;
		if (now >= wanted) {
			uint64_t missed = (now - wanted) / thread->interval_ns + 1;

			wanted += missed * thread->interval_ns;
			if (is_warm)
				atomic_store_explicit(thread->overruns,
						      atomic_load_explicit(thread->overruns,
									   memory_order_relaxed) +
							      missed,
						      memory_order_relaxed);
		}
		is_warm = true;
	}
	return 0;
}

const struct engine engine_wakeup = {
	.name = "wakeup",
	.summary = "a real-time task sleeps until t: how late does it run?",
	.run = wakeup_run,
	.policy = MEASURE_FIFO,
	.priority = 2, /* below threaded interrupts and all that matters, above ordinary tasks */
	.interval_ns = NSEC_PER_MSEC,
};
