/*
 * jittertop set --measure: the latency of the affected CPUs for a while before the change and for
 * as long after it, measured by this process itself.
 *
 * Calling sequence: effect_open() once the guard is there (its fork comes before any thread),
 * effect_before(), the change, effect_after(), print, effect_close(). The time the change and its
 * settling took is discarded and told. Not judged: one window each says nothing about chance.
 */
#ifndef JT_TUI_CMD_SET_EFFECT_H
#define JT_TUI_CMD_SET_EFFECT_H

#include "core/experiment.h"
#include "tui/cmd.h"

struct json_object;
struct measure;

struct effect {
	struct measure *measure; /* NULL: nothing is measured, everything below is empty */
	struct cpuset cpus;
	uint64_t window_ns, before_end_ns;
	struct experiment_result result;
};

/* Threads on the affected CPUs that this process may use (all when none is named). -errno. */
int effect_open(struct effect *effect, struct host *host, const struct plan *plan,
		uint64_t window_ns) _must_check_;
void effect_before(struct effect *effect, const struct host *host); /* takes window_ns */
void effect_after(struct effect *effect, const struct host *host);  /* settling and window_ns */
void effect_close(struct effect *effect);
/* {} when nothing was measured. */
struct json_object *effect_json(const struct effect *effect);
void effect_print(const struct effect *effect);

#endif
