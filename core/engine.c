/*
 * The list of engines.
 */
#include "core/engine.h"

#include <string.h>

#include "core/reference.h"

static const struct engine *const engines[] = {
	&engine_wakeup, &engine_spin, &engine_cyclictest, &engine_oslat, &engine_timerlat,
};

const struct engine *engine_at(unsigned i)
{
	return i < ARRAY_SIZE(engines) ? engines[i] : NULL;
}

const struct engine *engine_by_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		if (!strcmp(engines[i]->name, name))
			return engines[i];
	}
	return NULL;
}
