/*
 * The spin engine: OS noise. A task that polls (DPDK) owns the core: how much is taken from it?
 *
 * Per interval it reads the clock without a pause for spin_ns, then sleeps the rest. Two readings
 * that lie threshold_ns or more apart are a gap: something else ran, or the machine stood still
 * below the kernel. A reading takes some 20 to 60 ns through the vDSO, so the default threshold of
 * 1 us is far above the loop itself and below the shortest interrupt. Where the vDSO has no clock
 * (an unstable TSC), each reading is a system call of under a microsecond: raise the threshold
 * there.
 *
 * A gap is counted in its full length, as sysjitter and oslat do, including one reading.
 *
 * Defaults: 5 ms of every 20 ms as an ordinary task. A quarter of a CPU is far from real-time
 * throttling (95 %) even with FIFO, leaves the work that was put off a time to run, and yet sees a
 * quarter of all events. SCHED_OTHER because DPDK polls so: under FIFO the kernel threads that
 * would interrupt a real polling task wait for our sleep and are never seen, and nothing ordinary
 * on that CPU would run for 5 ms at a time.
 */
#include <errno.h>
#include <sched.h>

#include "core/measure_internal.h"

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Polls for spin_ns of wall time (gaps count: a gap as long as that ends it). */
static void spin(const struct engine_thread *thread)
{
	uint64_t from = measure_now_ns(), last = from, noise_ns = 0, gaps = 0;

	while (last - from < thread->spin_ns) {
		uint64_t now = measure_now_ns(), gap = now - last;

		last = now;
		if (gap < thread->threshold_ns)
			continue;
		histogram_live_count(thread->live, gap);
		noise_ns += gap;
		gaps++;
	}
	add(&thread->noise->noise_ns, noise_ns);
	add(&thread->noise->gaps, gaps);
	add(&thread->noise->spun_ns, last - from);
}

static int spin_run(const struct engine_thread *thread)
{
	uint64_t wanted = thread->first_ns;

	while (!atomic_load_explicit(thread->stop, memory_order_relaxed)) {
		int result = measure_sleep_until(wanted, thread->stop);

		if (sched_getcpu() != (int)thread->cpu)
			return -ENODEV;
		if (result == -EINTR)
			return 0;
		if (result)
			return result;
		spin(thread);
		/* A spin that a long gap drew over the next instant skips it: there is always a
		 * sleep between two of them. */
		wanted += thread->interval_ns;

		uint64_t now = measure_now_ns();

		if (now >= wanted) {
			uint64_t missed = (now - wanted) / thread->interval_ns + 1;

			wanted += missed * thread->interval_ns;
			add(thread->overruns, missed);
		}
	}
	return 0;
}

const struct engine engine_spin = {
	.name = "spin",
	.summary = "a polling task owns the core: how much is taken from it?",
	.run = spin_run,
	.policy = MEASURE_OTHER,
	.priority = 1,
	.interval_ns = 20 * NSEC_PER_MSEC,
	.spin_ns = 5 * NSEC_PER_MSEC,
	.threshold_ns = NSEC_PER_USEC,
	.needs_named_cpus = true,
};
