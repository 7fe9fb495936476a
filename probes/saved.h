/*
 * Private to probes/: settings that a change destroys without writing them: a CPU that goes
 * offline, another frequency driver, another governor. They are saved as steps before the one that
 * destroys (STEP_RESTORED, core/step.h), so that undoing writes them back after it.
 *
 * One step class, "saved", for all of them: its objects are "KIND/OBJECT" (enum saved_kind,
 * saved.c has the table). Values are the file's line, written back as it was read.
 */
#ifndef JT_PROBES_SAVED_H
#define JT_PROBES_SAVED_H

#include "core/plan.h"

extern const struct step_class step_class_saved;

enum saved_kind {
	SAVED_GOVERNOR, /* "policy:N" */
	SAVED_EPP,
	SAVED_MIN_FREQ,
	SAVED_MAX_FREQ,
	SAVED_BOOST,
	SAVED_NO_TURBO, /* "intel_pstate" */
	SAVED_MIN_PERF,
	SAVED_MAX_PERF,
	SAVED_EPB,	      /* "cpu:N" */
	SAVED_RESUME_LATENCY, /* "cpu:N" */
	SAVED_IDLE_STATE,     /* "cstate:N/M" */
	SAVED_ONLINE,	      /* "cpu:N" */
	SAVED_IRQ,	      /* "irq:N" */
	SAVED_XPS,	      /* "IFACE/tx-N" */
	SAVED_RPS,	      /* "IFACE/rx-N" */
	SAVED_RPS_FLOWS,
	SAVED_CPUSET,	 /* group of a version 1 hierarchy at sys/fs/cgroup/cpuset: "a/b" */
	SAVED_PARTITION, /* group of version 2 at sys/fs/cgroup: "a/b" */
};

/* Reads the present value and appends the step. 0 too when the plan saves or sets it already, and
 * when the host does not have the object or cannot say its value (-EBUSY: a policy without CPUs):
 * then there is nothing to save. */
int saved_addf(struct plan *plan, struct host *host, enum saved_kind kind, char *why,
	       size_t why_size, const char *fmt, ...) _printf_(6, 7) _must_check_;
/* Governor, limits, boost and preference of a policy, so that undoing writes the governor first and
 * the preference last. */
int saved_add_policy(struct plan *plan, struct host *host, unsigned policy, char *why,
		     size_t why_size) _must_check_;

#endif
