/*
 * Which CPUs a task may use, and what counts as pinned: the one rule for vCPUs in the views, for
 * the lcores of DPDK and for the choice of the CPUs that are measured.
 *
 * Pinned: it may not use all CPUs that ordinary tasks may use. Those are what PID 1 may use, not
 * all that are online: with isolcpus or systemd's CPUAffinity every daemon is kept off some CPUs,
 * and none of them was pinned by anybody. A cpuset (libvirt's machine.slice on half of the host)
 * counts as pinning.
 */
#ifndef JT_CORE_TASK_CPUS_H
#define JT_CORE_TASK_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpuset.h"

struct host;

/* Of the text of proc/PID/status (proc_pid_status(5)): its line Cpus_allowed_list. -EINVAL: has
 * none, or no list; *ret is untouched then. */
int task_cpus_parse(const char *status, struct cpuset *ret) _must_check_;
/* Of one thread. -ENOENT and -ESRCH: it is gone. */
int task_cpus_read(struct host *host, uint64_t pid, uint64_t tid, struct cpuset *ret) _must_check_;
/* What ordinary tasks may use, of the online CPUs; all of these where PID 1 cannot be read. */
void task_cpus_ordinary(struct host *host, const struct cpuset *online, struct cpuset *ret);
bool task_cpus_is_pinned(const struct cpuset *ordinary, const struct cpuset *allowed);

#endif
