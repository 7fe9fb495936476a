/*
 * Measuring: one thread per measured CPU counts latencies into its own histogram_live.
 *
 * An engine is a const struct. The wakeup engine (measuring.md section 1): pinned, mlocked thread,
 * SCHED_FIFO where permitted, absolute clock_nanosleep(CLOCK_MONOTONIC), latency = now - wanted.
 * Threads never allocate, log, lock or exit while they measure. They start after the guard was
 * forked and never delay threaded interrupts: default priority is 2.
 *
 * Calling sequence: measure_start(), host_attach_measure(), read any time from any thread,
 * measure_sync_online() when CPUs come and go, measure_stop().
 */
#ifndef JT_CORE_MEASURE_H
#define JT_CORE_MEASURE_H

#include "core/cpuset.h"
#include "core/histogram.h"

struct host;
struct measure;

enum measure_policy { MEASURE_FIFO, MEASURE_RR, MEASURE_OTHER };

struct measure_options {
	struct cpuset cpus;   /* wanted; empty: every online CPU this process may use */
	uint64_t interval_ns; /* 100 us to 1 s; 0: 1 ms */
	unsigned priority;    /* 1 to 99 for FIFO and RR; 0: the default, 2 */
	enum measure_policy
		policy; /* FIFO falls back to OTHER when not permitted: see measure_cpu */
};

/* What one CPU's thread really runs as. */
struct measure_cpu {
	unsigned cpu;
	bool is_running;
	bool is_locked; /* its memory cannot be paged out (RLIMIT_MEMLOCK was large enough) */
	enum measure_policy policy;
	unsigned priority;
	int error; /* negative errno: why it does not run (-ENODEV: the CPU is gone or the thread
		      was moved off it), or why not with the wanted policy (-EPERM) */
	uint64_t overruns; /* periods skipped because the thread was a whole interval late or more:
			      the lateness is one sample of its full length, never hidden */
};

/* What an engine's body gets: its own CPU, block and first instant. */
struct engine_thread {
	struct histogram_live *live;
	atomic_uint_fast64_t *overruns;
	const atomic_bool *stop;
	uint64_t first_ns, interval_ns; /* CLOCK_MONOTONIC */
	unsigned cpu;
};

struct engine {
	const char *name; /* "wakeup" */
	const char *summary;
	/* The body of one thread: measures until *stop (0), or until it finds itself on another CPU
	 * (-ENODEV). */
	int (*run)(const struct engine_thread *thread);
};
extern const struct engine engine_wakeup;

/* -EINVAL options out of range; -EOPNOTSUPP not the live machine; -EPERM etc. only when not a
 * single thread could be started. CPUs that are outside this process's affinity (isolated ones by
 * default) are measured only when named. */
int measure_start(struct host *host, const struct engine *engine,
		  const struct measure_options *options, struct measure **ret) _must_check_;
/* Joins the threads, which takes up to one interval; NULL is fine. Detach it from the host first.
 */
void measure_stop(struct measure *measure);
/* Starts threads on CPUs that came online, lets those end whose CPU went, and starts a thread again
 * that had lost its CPU. Cheap when nothing changed, never waits. One calling thread at a time. */
void measure_sync_online(struct measure *measure, const struct cpuset *online);
const struct engine *measure_engine(const struct measure *measure);
uint64_t measure_interval_ns(const struct measure *measure);
/* Every CPU a thread was started or tried on: ask measure_cpu_info() which of them run. */
void measure_cpus(const struct measure *measure, struct cpuset *ret);
bool measure_cpu_info(const struct measure *measure, unsigned cpu, struct measure_cpu *ret);
/* Cumulative counts of one CPU since the start. False: not measured. */
bool measure_read(const struct measure *measure, unsigned cpu, struct histogram *ret);
/* How many samples that is; 0 when not measured. */
uint64_t measure_samples(const struct measure *measure, unsigned cpu);
/* The window since the last call for this CPU, with start, end and exact min and max: for the one
 * ticking reader. */
bool measure_window(struct measure *measure, unsigned cpu, uint64_t now_ns, struct histogram *ret);

#endif
