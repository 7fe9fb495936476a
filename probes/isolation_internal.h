/*
 * Private to the isolation probe: CPUs that control groups keep away from the scheduler's load
 * balancing. v2: cpuset partitions; v1: cpusets without sched_load_balance. Both walks are bounded,
 * because a host may have thousands of groups, and start with one cheap read that mostly ends them.
 */
#ifndef JT_PROBES_ISOLATION_INTERNAL_H
#define JT_PROBES_ISOLATION_INTERNAL_H

#include "core/arena.h"
#include "core/host.h"

struct isolation_group {
	const char *text; /* "partition NAME": what the cpu's isolation metric says */
	bool is_isolated; /* false: a partition of type root, balanced within itself */
	struct cpuset cpus;
};

struct isolation_groups {
	struct arena *arena; /* the texts and the groups */
	struct isolation_group **at;
	unsigned n, room;
	int error; /* the first that is not absence, 0: none */
	const char *error_path;
};

void isolation_walk(struct isolation_groups *groups, struct host *host);
void isolation_groups_done(struct isolation_groups *groups);

/* The mount point (no leading slash) of the v2 hierarchy, or of the v1 one with cpuset. False: not
 * mounted. The mount below sys/fs/cgroup wins where there are several. */
bool isolation_mount(const char *mounts, bool is_v2, char *buf, size_t size);

#endif
