/*
 * Measuring: one thread per measured CPU counts latencies into its own histogram_live.
 *
 * The wakeup engine (measuring.md section 1): pinned, mlocked thread, SCHED_FIFO where permitted,
 * absolute clock_nanosleep(CLOCK_MONOTONIC), latency = now - wanted. Threads never allocate, log,
 * lock or exit while they measure. They start after the guard was forked and never delay threaded
 * interrupts: default priority is 2. The spin engine (engine_spin.c) polls for a part of each
 * interval on CPUs the user named, and counts what was taken from it.
 *
 * A CPU on which a real-time task or a pinned vCPU thread may run is left out unless is_forced;
 * measure_left_out() and measure_why() say so (measure_choice.h says how they are recognised).
 *
 * Calling sequence: measure_start(), host_attach_measure(), read any time from any thread,
 * measure_sync_online() when CPUs come and go, measure_stop(). measure_start() may be called from
 * any thread that has a host of its own: it looks at every task of the machine, which takes a while
 * on a large one (about 10 us a task). No other function uses the host.
 */
#ifndef JT_CORE_MEASURE_H
#define JT_CORE_MEASURE_H

#include "core/cpuset.h"
#include "core/engine.h"

struct host;
struct measure;

struct measure_options {
	struct cpuset cpus; /* wanted; empty: every online CPU this process may use */
	/* What this process may use, as it was started; empty: what the calling thread may use now.
	 * For callers whose threads have been moved out of the way. */
	struct cpuset allowed;
	uint64_t interval_ns; /* 100 us to 1 s; 0: the engine's own (wakeup: 1 ms) */
	/* Of a spinning engine: how long it polls in each interval, at most 80 % of it and
	 * ENGINE_LONGEST_RUN_NS; 0: the engine's own, or a quarter of the interval when that is
	 * too long for it. */
	uint64_t spin_ns;
	/* Of a spinning engine: gaps from this length on count; 0: the engine's own. */
	uint64_t threshold_ns;
	/* 1 to 99 for FIFO and RR; 0: the engine's own (wakeup: 2). */
	unsigned priority;
	/* FIFO and RR fall back to OTHER when not permitted: see measure_cpu. */
	enum measure_policy policy;
	/* Measure CPUs with real-time or pinned vCPU tasks as well (only with named cpus), and
	 * start real-time threads although the kernel would not throttle them. */
	bool is_forced;
};

/* What one CPU's thread really runs as. */
struct measure_cpu {
	unsigned cpu;
	bool is_running;
	bool is_locked; /* its memory cannot be paged out (RLIMIT_MEMLOCK was large enough) */
	enum measure_policy policy;
	unsigned priority;
	int error; /* negative errno: why it does not run (-ENODEV: the CPU is gone or the thread
		      was moved off it; -ETIME: it ran away and was ended; -EBUSY: left out), or
		      why not with the wanted policy (-EPERM; -ECANCELED: real-time throttling is
		      off) */
	uint64_t overruns; /* periods skipped because the thread was a whole interval late or more:
			      the lateness is one sample of its full length, never hidden */
	uint64_t cpu_time_ns; /* what measuring cost this CPU so far */
	/* Of a spinning engine, since the start: noise share = noise_ns / spun_ns. */
	uint64_t spun_ns, noise_ns, gaps;
};

/* -EINVAL options out of range; -EOPNOTSUPP not the live machine, or a reference (engine.h);
 * -EDESTADDRREQ the engine needs named CPUs and there are none; -EPERM etc. only when not a single
 * thread could be started. When every CPU is left out it succeeds without a thread, so that
 * measure_left_out() and measure_why() can be asked. CPUs that are outside this process's
 * affinity (isolated ones by default) are measured only when named. */
int measure_start(struct host *host, const struct engine *engine,
		  const struct measure_options *options, struct measure **ret) _must_check_;
/* Joins the threads, which takes up to one interval; NULL is fine. Detach it from the host first.
 */
void measure_stop(struct measure *measure);
/* Starts threads on CPUs that came online, lets those end whose CPU went, and starts a thread again
 * that had lost its CPU. Cheap when nothing changed, never waits. One calling thread at a time. */
void measure_sync_online(struct measure *measure, const struct cpuset *online);
const struct engine *measure_engine(const struct measure *measure);
uint64_t measure_started_ns(const struct measure *measure); /* CLOCK_MONOTONIC: its identity */
uint64_t measure_interval_ns(const struct measure *measure);
/* The options with the defaults filled in. */
const struct measure_options *measure_get_options(const struct measure *measure);
/* CPUs that would have been measured but for the tasks on them. */
void measure_left_out(const struct measure *measure, struct cpuset *ret);
/* Why a CPU is left out ("CPU 3/KVM 4242 (vCPU, SCHED_FIFO 1) is bound to 3"), does not run or runs
 * with another policy; NULL: nothing to say. Lives as long as the measure; any thread. Names of
 * tasks in it are sanitised. */
const char *measure_why(const struct measure *measure, unsigned cpu);
/* What a reader must know about all CPUs (real-time threads although throttling is off, tasks that
 * could not be looked at); NULL: nothing. Lives as long as the measure. */
const char *measure_note(const struct measure *measure);
/* Every CPU a thread was started or tried on, and those left out (-EBUSY): ask measure_cpu_info()
 * which of them run. */
void measure_cpus(const struct measure *measure, struct cpuset *ret);
bool measure_cpu_info(const struct measure *measure, unsigned cpu, struct measure_cpu *ret);
/* Cumulative counts of one CPU since the start. False: not measured. */
bool measure_read(const struct measure *measure, unsigned cpu, struct histogram *ret);
/* How many samples that is; 0 when not measured. */
uint64_t measure_samples(const struct measure *measure, unsigned cpu);
/* The largest of them, exact. False: none yet. */
bool measure_max_ns(const struct measure *measure, unsigned cpu, uint64_t *ret);
/* The window since the last call for this CPU, with start, end and exact min and max: for the one
 * ticking reader. */
bool measure_window(struct measure *measure, unsigned cpu, uint64_t now_ns, struct histogram *ret);

#endif
