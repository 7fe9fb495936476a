/*
 * Private to probes/: which CPUs this host has, whatever list files it lacks. In this order: the
 * kernel's list file, the cpuN directories (with cpuN/online), the cpuN lines of proc/stat, the
 * processor lines of proc/cpuinfo; a synthetic host's description. -ENOENT when nothing says.
 */
#ifndef JT_PROBES_CPUS_H
#define JT_PROBES_CPUS_H

#include "core/host.h"

/* Cheap enough for every tick: the list file stays open. Zeroed memory is ready for use. */
struct cpus {
	struct host_file *list;
	struct cpuset *fallback; /* of a host that does not change */
	int list_error;		 /* why the list file was not used (negative errno), 0: it was */
};
int cpus_online(struct cpus *cpus, struct host *host, struct cpuset *ret) _must_check_;
void cpus_done(struct cpus *cpus);

/* Present: the CPUs that have an entity, online or not. Always includes the online ones. */
int cpus_present(struct host *host, const struct cpuset *online, struct cpuset *ret) _must_check_;
int cpus_possible(struct host *host, struct cpuset *ret) _must_check_;

/* A kernel list that may say "(null)" or nothing for the empty set (nohz_full without nohz_full=
 * prints that since it exists; kernel/time/tick-sched.c). */
int cpus_read_list(struct host *host, const char *path, struct cpuset *ret) _must_check_;

#endif
