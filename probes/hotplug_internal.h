/* Private to probes/hotplug_*.c. */
#ifndef JT_PROBES_HOTPLUG_INTERNAL_H
#define JT_PROBES_HOTPLUG_INTERNAL_H

#include "core/host.h"

#define HOTPLUG_CPUSET_MOUNT "sys/fs/cgroup/cpuset" /* version 1 */
#define HOTPLUG_V2_MOUNT "sys/fs/cgroup"

/* Every group below path ("": the root, which is left out itself), children before their parents;
 * fn gets its path from the mount on, with a slash in front. Something other than 0 ends it. */
typedef int hotplug_group_fn(void *arg, const char *path);
int hotplug_each_group(struct host *host, const char *mount, const char *path, unsigned depth,
		       hotplug_group_fn *fn, void *arg);

#endif
