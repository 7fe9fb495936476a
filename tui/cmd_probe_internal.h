/*
 * Private to cmd_probe*.c: what one run of `jittertop probe` was asked for and found.
 * cmd_probe.c parses and judges, cmd_probe_run.c measures with threads of ours,
 * cmd_probe_reference.c runs a reference, cmd_probe_host.c looks at what confounds,
 * cmd_probe_wait.c waits and shows the progress, cmd_probe_print.c prints.
 */
#ifndef JT_TUI_CMD_PROBE_INTERNAL_H
#define JT_TUI_CMD_PROBE_INTERNAL_H

#include <signal.h>

#include "core/measure.h"
#include "tui/cmd.h"

#define PROBE "probe"

struct probe_options {
	const struct engine *engine;
	struct measure_options measure;
	uint64_t duration_ns;
	uint64_t fail_above_ns; /* 0: no threshold */
	bool is_json;
};

/* --- what confounds --- */

#define PROBE_IDLE_STATES 16u
#define PROBE_HOLDERS 8u

struct probe_idle_state {
	char name[32];
	uint64_t exit_latency_us;
	bool is_allowed;
};

struct probe_cpu_facts {
	unsigned cpu;
	char governor[32];	 /* "": no cpufreq, or not readable */
	char resume_latency[16]; /* pm_qos_resume_latency_us: "0" no limit, "n/a" no idling */
	unsigned n_idle_states;	 /* 0: no cpuidle, or not readable */
	struct probe_idle_state idle_states[PROBE_IDLE_STATES];
	bool has_smi;
	uint64_t smi; /* count so far, then: of the run */
};

struct probe_steal {
	uint64_t stolen, all; /* clock ticks of the whole machine since boot */
};

struct probe_facts {
	double load_1, steal_share; /* negative: not readable */
	bool has_steal;
	struct probe_steal steal; /* when the run began */
	char preemption[32];	  /* "full", "PREEMPT_DYNAMIC", "PREEMPT_RT"; "": not known */
	bool has_rt_throttling;
	int64_t rt_runtime_us, rt_period_us; /* -1: not throttled */
	/* Who has /dev/cpu_dma_latency open, when the run began. */
	bool are_holders_known; /* every process could be looked at, or one was found */
	unsigned n_holders;	/* all, but only the first are kept */
	struct {
		uint64_t pid;
		char command[32];
	} holders[PROBE_HOLDERS];
	struct probe_cpu_facts *cpus;
	unsigned n_cpus;
};

/* --- the result --- */

struct probe_cpu {
	struct measure_cpu info; /* as it was just before the end */
	char *why;		 /* NULL, or why it was not measured, or not as wanted */
	struct histogram histogram;
	bool has_overruns;
	uint64_t above, lost; /* of references: see reference_cpu */
};

struct probe_result {
	const struct engine *engine;
	uint64_t interval_ns, duration_ns; /* interval 0: it has none */
	uint64_t spin_ns, threshold_ns;	   /* 0: it does not spin */
	uint64_t resolution_ns, limit_ns;  /* of references; else 0 */
	int ended_by;			   /* the signal that ended it early, or zero */
	bool is_residue;		   /* what was set for the run did not all come back */
	char *command, *version, *error;   /* of references; NULL */
	bool holds_dma_latency;		   /* the reference held it */
	struct probe_cpu *cpus;		   /* measured or asked for, by number */
	unsigned n_cpus;
	struct probe_facts facts;
};

/* Threads of ours. An exit status; EXIT_DONE: the result can be printed. */
int probe_run_threads(struct context *context, const struct probe_options *options,
		      struct probe_result *ret);
int probe_run_reference(struct context *context, const struct probe_options *options,
			struct probe_result *ret);
void probe_result_done(struct probe_result *result);

/* What confounds: before a run, of the CPUs that may be measured (looking costs time: it must not
 * be measured), and after it. */
void probe_facts_begin(struct host *host, const struct cpuset *cpus, struct probe_facts *ret);
void probe_facts_end(struct host *host, struct probe_facts *facts);
/* NULL: nothing is known of it. */
const struct probe_cpu_facts *probe_facts_cpu(const struct probe_facts *facts, unsigned cpu);

/* --- waiting --- */

struct probe_wait {
	const char *name;  /* of the engine */
	int signal_fd;	   /* SIGINT, SIGTERM, SIGHUP unless ignored: blocked while it is open */
	bool is_terminal;  /* progress is shown */
	bool is_shown;	   /* there is a line to erase */
	uint64_t shown_ns; /* when */
	sigset_t saved_mask;
};
int probe_wait_open(struct probe_wait *wait, const char *name);
void probe_wait_close(struct probe_wait *wait); /* erases the line; the signals are as before */
/* Until fd (-1: none) is readable, a signal comes or until_ns (CLOCK_MONOTONIC) has come, but at
 * most a second where progress is shown. The signal, or zero. */
int probe_wait_for(struct probe_wait *wait, int fd, uint64_t now_ns, uint64_t until_ns);
/* One line on a terminal, at most once a second. worst_ns 0: not known. */
void probe_wait_show(struct probe_wait *wait, uint64_t now_ns, uint64_t elapsed_ns,
		     uint64_t total_ns, uint64_t worst_ns, unsigned worst_cpu);

/* --- printing --- */

/* What all running threads have in common; false: they differ (or none runs). */
bool probe_common_policy(const struct probe_result *result, enum measure_policy *ret_policy,
			 unsigned *ret_priority);
const char *probe_policy_name(enum measure_policy policy); /* "fifo" */
void probe_print_text(const struct probe_result *result);
void probe_print_json(const struct probe_result *result); /* architecture.md section 7 */

#endif
