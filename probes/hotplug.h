/*
 * Private to probes/: what taking CPUs offline destroys: saved as steps (saved.h), or reason enough
 * to refuse.
 */
#ifndef JT_PROBES_HOTPLUG_H
#define JT_PROBES_HOTPLUG_H

#include "core/plan.h"

/* 0, or a reason in words not to take these CPUs offline, all of them at once: no housekeeping CPU
 * would be left (-EBUSY), a cpuset of version 1 with tasks would have none (-EBUSY), or threads may
 * run there alone (-EBUSY), vCPUs and real-time threads named first. */
int hotplug_refuse(struct host *host, const struct cpuset *going, char *why,
		   size_t why_size) _must_check_;
/* Appends a step for each setting that may not survive, so that undoing in reverse order puts them
 * back in the right one. */
int hotplug_save(struct host *host, const struct cpuset *cpus, struct plan *ret, char *why,
		 size_t why_size) _must_check_;

#endif
