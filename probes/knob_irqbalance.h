/*
 * Private to probes/: telling irqbalance which CPUs to leave alone, over its control socket
 * (irqbalance(1), "API"): "settings cpus LIST" replaces the whole list at its next look, 10 s apart
 * as it comes, and lasts until it ends. "settings cpus NULL" goes back to what its environment, or
 * isolcpus= and nohz_full=, say.
 */
#ifndef JT_PROBES_KNOB_IRQBALANCE_H
#define JT_PROBES_KNOB_IRQBALANCE_H

#include "core/cpuset.h"
#include "core/step.h"

extern const struct step_class step_class_irqbalance_banned; /* "irqbalance:PID", a CPU list */

/* The one that runs, as the object of the class, and its list. -ENOENT: none runs; else why says
 * in words why it could not be asked. */
int irqbalance_find(struct host *host, char *object, size_t size, struct cpuset *ret_banned,
		    char *why, size_t why_size) _must_check_;

#endif
