/*
 * Private to probes/: control groups as something that is changed (Documentation/admin-guide/
 * cgroup-v2.rst; version 1: Documentation/admin-guide/cgroup-v1/cpusets.rst).
 *
 * Objects are named PLACE:/GROUP (a group's directory) and PLACE:/GROUP:FILE. A place is one of a
 * compiled-in list of mount points, so that the name alone gives the path: "v2" is /sys/fs/cgroup
 * itself, "unified" the v2 tree beside version 1, "cpuset", "cpu", "cpu,cpuacct" ... the trees of
 * version 1. GROUP is the path from the hierarchy's root, "" for the root: "v2:/:FILE".
 *
 *   step_class_cgroup            PLACE:/GROUP, "present" or "absent". Only groups that jittertop
 *                                names: some part of GROUP begins with CGROUP_OWN. Undone (absent),
 *                                tasks that are left inside go to the parent first.
 *   step_class_cgroup_cpus       PLACE:/GROUP:FILE of the files that hold CPU or node lists
 *   step_class_cgroup_file       ... of the other listed files: numbers and short lines
 *   step_class_cgroup_partition  PLACE:/GROUP (v2): cpuset.cpus.partition
 *   step_class_cgroup_controller PLACE:/GROUP:CONTROLLER (v2): "on" or "off" for its children
 *   step_class_task_cgroup       PLACE/PID, all threads of a process, or PLACE/PID/TID, one thread
 *                                (version 1 only): the value is a group, "/GROUP"
 */
#ifndef JT_PROBES_KNOB_CGROUP_H
#define JT_PROBES_KNOB_CGROUP_H

#include "core/plan.h"
#include "probes/cgroup.h"

#define CGROUP_OWN "jittertop-"
#define CGROUP_OBJECT_MAX 1024u /* bytes of any of these names */

extern const struct step_class step_class_cgroup;
extern const struct step_class step_class_cgroup_cpus;
extern const struct step_class step_class_cgroup_file;
extern const struct step_class step_class_cgroup_partition;
extern const struct step_class step_class_cgroup_controller;
extern const struct step_class step_class_task_cgroup;

struct cgroup_place {
	const char *name;      /* "v2" */
	const char *directory; /* "sys/fs/cgroup" */
	bool is_v2;
	bool is_bare; /* version 1 without "cpuset." in front of the names (mount option noprefix)
		       */
};

/* Where a controller's groups are changed on this host; controller: CGROUP_CPU or CGROUP_CPUSET.
 * -ENOENT: nowhere; -EXDEV: at a mount point that is not listed, or only part of the tree is
 * visible (inside a container). why: in words. */
int cgroup_place_find(struct host *host, enum cgroup_controller controller,
		      struct cgroup_place *ret, char *why, size_t why_size) _must_check_;

/* Object names; -ENAMETOOLONG. group: as in cgroup.h, without the slash in front. file NULL: the
 * directory. */
int cgroup_object(const struct cgroup_place *place, const char *group, const char *file, char *buf,
		  size_t size) _must_check_;
/* The parts of an object of the file classes. -EINVAL: not one. */
struct cgroup_object {
	struct cgroup_place place;
	char group[CGROUP_PATH_MAX];
	char file[64]; /* "" */
};
int cgroup_object_parse(const char *object, struct cgroup_object *ret) _must_check_;
int cgroup_object_parse_group(const char *object,
			      struct cgroup_object *ret) _must_check_; /* PLACE:/GROUP */
int cgroup_object_directory(const struct cgroup_object *object, char *buf,
			    size_t size) _must_check_;
const struct cgroup_place *cgroup_place_named(const char *name, size_t len); /* NULL: none */
bool cgroup_is_own(const char *group);

/* The group a task is in, as proc/PID/task/TID/cgroup says it for this place's hierarchy. */
int cgroup_of_task(struct host *host, const struct cgroup_place *place, unsigned pid, unsigned tid,
		   char *buf, size_t size) _must_check_;

/* "isolated invalid (Cpu list in cpuset.cpus not exclusive)": what the words in parentheses mean
 * and what to do. Never NULL: unknown reasons get a general answer. The words changed from kernel
 * to kernel (kernel/cgroup/cpuset.c, perr_strings): they are matched loosely. */
const char *cgroup_partition_reason(const char *state);

#endif
