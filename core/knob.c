#include "core/knob.h"

#include <string.h>

#include "core/util.h"

const char *knob_risk_name(enum knob_risk risk)
{
	switch (risk) {
	case KNOB_FREE:
		return "free";
	case KNOB_PARTIAL:
		return "partial";
	case KNOB_DISRUPTIVE:
		return "disruptive";
	}
	return "?";
}

/* Doubles the array inside the arena whenever n is a power of two; the old one goes with the arena.
 */
void knob_targets_add(struct knob_targets *targets, const char *key, const char *name,
		      const char *value, const char *choices, const char *locked)
{
	unsigned n = targets->n_targets;
	struct arena *arena = targets->arena;

	if ((n & (n - 1)) == 0) {
		size_t room = n ? 2 * (size_t)n : 1;
		struct knob_target *grown = arena_alloc(arena, room * sizeof(*grown));

		if (n)
			memcpy(grown, targets->targets, n * sizeof(*grown));
		targets->targets = grown;
	}
	targets->targets[n] = (struct knob_target){
		.key = arena_strdup(arena, key),
		.name = name ? arena_strdup(arena, name) : "",
		.value = value ? arena_strdup(arena, value) : NULL,
		.choices = choices ? arena_strdup(arena, choices) : "",
		.locked = locked ? arena_strdup(arena, locked) : NULL,
	};
	targets->n_targets++;
}

/* A file that is not in a capture may be one that nobody saved. */
static void tell_captured(struct knob_targets *targets, unsigned from)
{
	for (unsigned i = from; i < targets->n_targets; i++) {
		struct knob_target *target = &targets->targets[i];

		if (!target->value && target->locked)
			target->locked = arena_printf(targets->arena,
						      "not in this capture, which may mean: %s",
						      target->locked);
	}
}

int knob_list(const struct knob *knob, struct host *host, struct knob_targets *ret)
{
	unsigned from = ret->n_targets;
	int err = knob->targets(host, ret);
	bool is_absent = !err || errno_is_absent(-err);
	const char *why = !is_absent   ? strerror(-err)
			  : knob->none ? knob->none
				       : "this host has nothing that it is for";

	if (ret->n_targets == from)
		knob_targets_add(ret, knob->none_key ? knob->none_key : "*", knob->summary, NULL,
				 NULL, why);
	if (!host_is_this_machine(host) && host_kind(host) != HOST_FAKE && !knob->is_boot_only)
		tell_captured(ret, from);
	return err;
}
