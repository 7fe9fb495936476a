/*
 * Private to cmd_probe*.c: what one run of `jittertop probe` was asked for and found.
 */
#ifndef JT_TUI_CMD_PROBE_INTERNAL_H
#define JT_TUI_CMD_PROBE_INTERNAL_H

#include "core/measure.h"

struct probe_cpu {
	struct measure_cpu info; /* as it was just before the end */
	struct histogram histogram;
};

struct probe_result {
	const struct engine *engine;
	uint64_t interval_ns, duration_ns;
	int ended_by;		/* the signal that ended it early, or zero */
	struct probe_cpu *cpus; /* measured or asked for, by number */
	unsigned n_cpus;
	/* Confounders; negative: not readable. */
	double load_1, steal_share;
};

/* What all running threads have in common; false: they differ (or none runs). */
bool probe_common_policy(const struct probe_result *result, enum measure_policy *ret_policy,
			 unsigned *ret_priority);
const char *probe_policy_name(enum measure_policy policy); /* "fifo" */
/* Why a CPU was not measured, or not as wanted; NULL when all is well. */
const char *probe_cpu_error(const struct measure_cpu *info);

void probe_print_text(const struct probe_result *result);
void probe_print_json(const struct probe_result *result); /* architecture.md section 7 */

#endif
