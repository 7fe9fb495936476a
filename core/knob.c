#include "core/knob.h"

#include <string.h>

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
