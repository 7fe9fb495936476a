/*
 * References: measuring programs and tracers that people trust already (cyclictest and oslat of
 * rt-tests, the kernel's timerlat tracer), run for a bounded time beside our own engines.
 *
 * Calling sequence: reference_options_init(), fill in, reference_plan() (what the guard must set
 * for the time of the run: nothing but for tracers; apply it as a trial, undo it after
 * reference_free()), reference_start(), then reference_step() whenever reference_fd() is readable
 * until reference_is_done(), reference_result(), reference_free(). Nothing blocks but the free,
 * which kills what still runs and reaps it.
 *
 * A program runs as a child: execv of an absolute path that only root can have written, clean
 * environment, no shell, own process group, its output in memory files of bounded size. It dies
 * with us (PR_SET_PDEATHSIG), gets SIGINT when its time is over and SIGKILL when that does not
 * help, by pidfd. reference_start() is called from a thread that lives as long as the run: the
 * child dies with the thread that started it.
 *
 * The caller owns the reference; the result belongs to it. What a run could not do is a text in the
 * result (error), never a figure.
 */
#ifndef JT_CORE_REFERENCE_H
#define JT_CORE_REFERENCE_H

#include "core/engine.h"
#include "core/plan.h"

struct reference;

struct reference_options {
	struct cpuset cpus; /* to be measured: at least one, all online */
	/* Rounded up to what the reference understands (cyclictest, oslat: seconds). */
	uint64_t duration_ns;
	uint64_t interval_ns;	    /* cyclictest, timerlat; 0: 1 ms. oslat never sleeps */
	enum measure_policy policy; /* MEASURE_DEFAULT: the engine's */
	unsigned priority;	    /* 1 to 99 for FIFO and RR; 0: the engine's */
	/* True: /dev/cpu_dma_latency is left alone. False: cyclictest holds it at 0 during the run,
	 * which is its own default and keeps CPUs out of deep idle states. */
	bool keeps_idle_states;
	/* Real-time priority although the kernel would not throttle it. */
	bool is_forced;
	/* Where the reference's own threads that do not measure may run besides cpus; empty: the
	 * calling thread's affinity. */
	struct cpuset allowed;
};

struct reference_cpu {
	unsigned cpu;
	/* Wakeup latency; oslat: lengths of the passes of its loop. Values above what the reference
	 * tells apart are counted at limit_ns, but for the largest, which is exact. */
	struct histogram histogram;
	uint64_t above; /* how many of them: quantiles that reach there are "at least" */
	uint64_t lost;	/* samples the reference itself says it lost (timerlat) */
};

struct reference_result {
	const struct engine *engine;
	uint64_t interval_ns; /* 0: the reference has none */
	uint64_t duration_ns; /* of the measuring, as asked for or until it was ended */
	enum measure_policy policy;
	unsigned priority;
	bool holds_dma_latency; /* /dev/cpu_dma_latency was held at 0 for the run */
	uint64_t resolution_ns; /* of the values it gave */
	uint64_t limit_ns;	/* from here on they were not told apart; 0: no limit */
	const char *command;	/* as run, words separated by blanks; tracers: what was set */
	const char *version;	/* "rt-tests 2.40"; "" */
	const char *error;	/* NULL: all is well; otherwise in words, and n_cpus may be 0 */
	const struct reference_cpu *cpus; /* by number */
	unsigned n_cpus;
};

/* 10 s, every default, idle states kept; cpus empty. */
void reference_options_init(struct reference_options *options);
/* Is the engine there? 0, or a negative errno with the reason in words ("... is not installed:
 * install rt-tests"). Cheap; reads through the host. */
int reference_check(struct host *host, const struct engine *engine, char *why,
		    size_t why_size) _must_check_;
/* What must be set on the host for the time of the run: no steps for programs. classes: where the
 * step classes are looked up (NULL-terminated: registry->classes). -EBUSY: somebody else is
 * tracing. */
int reference_plan(struct host *host, const struct engine *engine,
		   const struct reference_options *options, const struct step_class *const *classes,
		   struct plan *ret, char *why, size_t why_size) _must_check_;
/* -EINVAL options out of range, -ENOENT not installed, -EPERM refused (why says: a spinning
 * reference would take every CPU; the program is not root's), -EOPNOTSUPP not this machine or no
 * reference; others from the kernel. */
int reference_start(struct host *host, const struct engine *engine,
		    const struct reference_options *options, struct reference **ret, char *why,
		    size_t why_size) _must_check_;
/* To poll for reading; the same fd until the free. */
int reference_fd(const struct reference *reference);
/* Looks after the run; never blocks. */
void reference_step(struct reference *reference);
/* Ends it early: what was measured until now becomes the result. */
void reference_stop(struct reference *reference);
bool reference_is_done(const struct reference *reference);
/* How long it has run and will run at most, for a progress line. */
void reference_progress(const struct reference *reference, uint64_t *ret_elapsed_ns,
			uint64_t *ret_total_ns);
/* The largest latency so far; false: not known before the end. */
bool reference_worst(const struct reference *reference, unsigned *ret_cpu, uint64_t *ret_ns);
/* NULL before it is done. */
const struct reference_result *reference_result(const struct reference *reference);
/* Kills and reaps; NULL is fine. */
void reference_free(struct reference *reference);

extern const struct engine engine_cyclictest, engine_oslat, engine_timerlat;

#endif
