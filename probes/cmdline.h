/*
 * Private to probes/: the kernel command line (lib/cmdline.c): blanks separate parameters, double
 * quotes keep blanks, "--" ends them, '-' and '_' are the same in names, the last of several wins.
 */
#ifndef JT_PROBES_CMDLINE_H
#define JT_PROBES_CMDLINE_H

#include "core/cpuset.h"

/* The next parameter: its name and value into the buffers (both cut to their size), "" without
 * value. False at the end. */
bool cmdline_next(const char **at, char *name, size_t name_size, char *value, size_t value_size);
/* The value of the last parameter of that name. False: not given. */
bool cmdline_value(const char *text, const char *name, char *value, size_t size);

/* "nohz,domain,managed_irq,2-5,8": flags and list apart (kernel/sched/isolation.c). -EINVAL when
 * the list is none. "N" is the last possible CPU, "all" every one (lib/bitmap.c). */
int cmdline_isolcpus(const char *value, unsigned n_cpus, char *flags, size_t size,
		     struct cpuset *ret) _must_check_;
int cmdline_cpus(const char *value, unsigned n_cpus, struct cpuset *ret) _must_check_;

#endif
