/*
 * Private to probes/: tables of the kernel with one column per CPU (/proc/softirqs,
 * /proc/interrupts). The header names the CPUs; a column's place says nothing: CPUs go offline.
 */
#ifndef JT_PROBES_COLUMNS_H
#define JT_PROBES_COLUMNS_H

#include <stdbool.h>

#include "core/parse.h"

struct columns {
	unsigned *cpus; /* by column */
	unsigned n, room;
	bool is_sorted; /* the usual case */
};

/* "  CPU0  CPU2": leaves the scan at the end of that line. -EINVAL unless the line is only that,
 * each CPU once. */
int columns_read(struct columns *columns, struct scan *scan) _must_check_;
void columns_done(struct columns *columns);

#endif
