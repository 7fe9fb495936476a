/*
 * The life of one measuring thread.
 *
 * Placement: first touch by the pinned thread, with MPOL_LOCAL set for this thread only, so that a
 * policy inherited from numactl does not spread the blocks. numa_alloc_onnode() would need the node
 * of a CPU before the thread runs and rounds to pages just the same.
 *
 * Locking: the block, 20 KiB of stack and the pages of the loop's code. Not mlockall(): it would
 * pin hwloc, curses and every history ring too, with MCL_FUTURE it makes each later malloc of an
 * unprivileged user fail at RLIMIT_MEMLOCK (8 MiB), and MCL_ONFAULT leaves exactly the first touch
 * of a page to the measured loop. Where even these few pages may not be locked, they are at least
 * present when the loop starts, and measure_cpu.is_locked says so.
 */
#include <errno.h>
#include <numaif.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/measure_watch.h"

#define STACK_TOUCHED_BYTES 16384
#define SMALLEST_PAGE_BYTES 4096

static bool lock_pages(uintptr_t from, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = from & ~(page - 1);

	return !mlock((void *)start, from + bytes - start);
}

/* Leaves pages behind that the frames of the loop, called after this returns, will use. */
static __attribute__((noinline)) bool touch_stack(void)
{
	volatile unsigned char deep[STACK_TOUCHED_BYTES];

	for (size_t i = 0; i < sizeof(deep); i += SMALLEST_PAGE_BYTES)
		deep[i] = 0;
	return lock_pages((uintptr_t)deep, sizeof(deep));
}

static void settle(struct measure_block *block, unsigned cpu, bool is_spinning)
{
	char name[16];

	(void)snprintf(name, sizeof(name), is_spinning ? "jt-spin/%u" : "jt-wake/%u", cpu);
	(void)prctl(PR_SET_NAME, name);
	/* Only SCHED_OTHER has slack (50 us by default); real-time sleeps are exact anyway. */
	(void)prctl(PR_SET_TIMERSLACK, 1ul);
	(void)set_mempolicy(MPOL_LOCAL, NULL, 0);
	/* A thread that comes back to a CPU goes on counting where the last one ended. */
	if (!atomic_load(&block->is_settled)) {
		histogram_live_init(&block->live);
		atomic_store(&block->is_settled, true);
	}

	bool is_block_locked = lock_pages((uintptr_t)block, sizeof(*block));
	bool is_stack_locked = touch_stack();

	atomic_store(&block->is_locked, is_block_locked && is_stack_locked);
}

/* Reversed bits: whatever CPUs are measured, neighbours in number are far apart in time, and a CPU
 * keeps its offset when others come and go. */
static uint64_t offset_ns(unsigned cpu, uint64_t interval_ns)
{
	uint64_t reversed = 0;

	for (unsigned bit = 1; bit < CPUSET_MAX; bit <<= 1)
		reversed = reversed << 1 | !!(cpu & bit);
	return interval_ns * reversed / CPUSET_MAX;
}

/* The next instant of this CPU. */
static uint64_t first_ns(const struct measure_slot *slot)
{
	uint64_t phase_ns = slot->base_ns + offset_ns(slot->cpu, slot->interval_ns);
	uint64_t now = measure_now_ns();

	if (now < phase_ns)
		return phase_ns;
	return phase_ns + ((now - phase_ns) / slot->interval_ns + 1) * slot->interval_ns;
}

int measure_sleep_until(uint64_t until_ns, const atomic_bool *stop)
{
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(until_ns % NSEC_PER_SEC),
	};
	int err;

	/* All signals are blocked, but a debugger or the freezer still ends a sleep early. */
	do {
		err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	} while (err == EINTR && !atomic_load_explicit(stop, memory_order_relaxed));
	return -err;
}

bool measure_thread_time_ns(int tid, uint64_t *ret)
{
	/* As glibc makes it of a pthread_t, which must not be used once the thread was joined:
	 * include/linux/posix-timers_types.h, CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED. */
	clockid_t clock = (clockid_t)(~(unsigned)tid << 3 | 6);
	struct timespec time;

	if (clock_gettime(clock, &time))
		return false;
	*ret = (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
	return true;
}

/* The watch's signal is let through for the engine's body only. */
static int run_body(struct measure_slot *slot)
{
	struct engine_thread thread = {
		.live = &slot->block->live,
		.overruns = &slot->block->overruns,
		.noise = &slot->block->noise,
		.stop = &slot->block->stop,
		.first_ns = first_ns(slot),
		.interval_ns = slot->interval_ns,
		.spin_ns = slot->spin_ns,
		.threshold_ns = slot->threshold_ns,
		.cpu = slot->cpu,
	};
	sigset_t watch;

	(void)sigemptyset(&watch);
	(void)sigaddset(&watch, WATCH_SIGNAL);
	/* The jump brings back the mask of now: all blocked. */
	if (sigsetjmp(slot->escape, 1))
		return -ETIME;
	atomic_store(&slot->tid, gettid());
	(void)pthread_sigmask(SIG_UNBLOCK, &watch, NULL);

	int result = slot->engine->run(&thread);

	(void)pthread_sigmask(SIG_BLOCK, &watch, NULL);
	return result;
}

static void leave(struct measure_slot *slot)
{
	uint64_t used_ns;

	if (measure_thread_time_ns(gettid(), &used_ns))
		atomic_fetch_add(&slot->cpu_time_ns, used_ns);
	atomic_store(&slot->tid, 0);
	atomic_store(&slot->is_running, false);
}

void *measure_thread(void *arg)
{
	struct measure_slot *slot = arg;
	/* The creator wrote the thread's descriptor on the first page of this stack, on its own
	 * node: the frames that matter start on the next. */
	volatile unsigned char gap[SMALLEST_PAGE_BYTES];

	gap[0] = 0;
	(void)gap[0];
	settle(slot->block, slot->cpu, slot->spin_ns > 0);

	int result = run_body(slot);

	if (result)
		atomic_store(&slot->error, result);
	leave(slot);
	return NULL;
}

void measure_lock_code(const struct engine *engine)
{
	/* A function that straddles a page border has its second page locked as well; where the
	 * mapping ends before, ENOMEM comes after the first was locked. */
	(void)lock_pages((uintptr_t)engine->run, SMALLEST_PAGE_BYTES);
	(void)lock_pages((uintptr_t)histogram_live_count, SMALLEST_PAGE_BYTES);
	(void)lock_pages((uintptr_t)clock_nanosleep, SMALLEST_PAGE_BYTES);
}
