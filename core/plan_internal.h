/*
 * Reading a step's present state: what core/plan.c and core/change.c share.
 */
#ifndef JT_CORE_PLAN_INTERNAL_H
#define JT_CORE_PLAN_INTERNAL_H

#include "core/plan.h"

/* The value the host shows now, normalised. -EILSEQ: it would not be written back as it was read
 * (format(parse(old)) != old), buf holds the normalised form all the same. */
int step_read(struct host *host, const struct step_class *class, const char *object, char *buf,
	      size_t size) _must_check_;
/* What a negative errno means for this class, in words. */
const char *step_explain(const struct step_class *class, int err);

#endif
