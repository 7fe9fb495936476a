/*
 * Private to probes/: resource settings of systemd's units, set through systemd
 * (core/host_bus.h) so that its record and the control group agree. Version 2 of control groups.
 *
 * Step class systemd_unit, objects "unit:NAME/PROPERTY" with systemd's names (AllowedCPUs,
 * AllowedMemoryNodes, CPUQuotaPerSecUSec, CPUWeight), values as host_bus.h says. After the write
 * the kernel's own file of the unit's group is looked at, up to a second: systemd writes it a
 * moment later. A list that is taken back is taken out of that file too, as systemd leaves the
 * last one in force there (https://github.com/systemd/systemd/issues/43846).
 */
#ifndef JT_PROBES_KNOB_SYSTEMD_H
#define JT_PROBES_KNOB_SYSTEMD_H

#include "core/host_bus.h"
#include "core/plan.h"

extern const struct step_class step_class_systemd_unit;

/* 0: systemd can be asked; else why not, in words, as a clause. */
int systemd_check(struct host *host, char *why, size_t why_size) _must_check_;
/*
 * Adds a step that gives unit, whose control group is group ("system.slice/cron.service"), what
 * value says in the words of the kernel's file: a list ("" takes it back), "max" or "QUOTA PERIOD",
 * a weight. Refuses in words: a group that is not this unit's, a kernel's file that differs from
 * systemd's record (somebody wrote past it, and undoing could not bring that back).
 */
int systemd_plan(struct host *host, const char *unit, const char *group,
		 enum host_bus_property property, const char *value, struct plan *ret, char *why,
		 size_t why_size) _must_check_;

#endif
