/*
 * The set of the isolate knob in version 2: a partition of its own directly below the root
 * (Documentation/admin-guide/cgroup-v2.rst, cpuset.cpus.partition). It needs no parent partition
 * there, and the kernel itself takes its CPUs from everybody else, systemd's slices included.
 *
 * Undone in reverse: member before its CPUs go, cpuset.cpus.exclusive after member, then the
 * directory, then the controller.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "probes/knob_isolate_internal.h"

#define PLACE_PATH(isolate) ((isolate)->place.directory)

static int object_of(const struct isolate *isolate, const char *group, const char *file, char *buf,
		     size_t size)
{
	return cgroup_object(&isolate->place, group, file, buf, size);
}

/* A neighbour directly below the root that claims some of the CPUs for itself. */
static int check_sibling(struct isolate *isolate, const char *name, bool has_exclusive)
{
	struct cpuset cpus, common;
	char list[128], clean[128];

	if (host_read_cpulistf(isolate->host, &cpus, "%s/%s/cpuset.cpus", PLACE_PATH(isolate),
			       name) ||
	    cpuset_is_empty(&cpus))
		return 0;
	common = cpus;
	cpuset_and(&common, &isolate->wanted);
	if (cpuset_is_empty(&common))
		return 0;
	(void)text_sanitise(name, strlen(name), clean, sizeof(clean));
	if (cpuset_format_list(&common, list, sizeof(list)) < 0)
		(void)snprintf(list, sizeof(list), "some");
	/* With cpuset.cpus.exclusive lists may overlap, but none may lie within the exclusive one
	 * (validate_change()). */
	if (has_exclusive && !cpuset_is_subset(&cpus, &isolate->wanted))
		return 0;

	bool is_unit = strstr(name, ".slice") || strstr(name, ".scope") || strstr(name, ".service");

	if (is_unit)
		return isolate_refuse(
			isolate, -EBUSY,
			"the systemd unit %s has CPU %s in its list: take them out first "
			"(systemctl set-property --runtime %s AllowedCPUs=...)",
			clean, list, clean);
	return isolate_refuse(isolate, -EBUSY,
			      "the group /%s has CPU %s in its cpuset.cpus: take them out of there "
			      "first, or choose others",
			      clean, list);
}

static int check_siblings(struct isolate *isolate, bool has_exclusive)
{
	struct host_dirs dirs = {0};
	int err = host_list_dirsf(isolate->host, &dirs, "%s", PLACE_PATH(isolate));

	if (err)
		return isolate_refuse(isolate, err, "/%s cannot be listed: %s", PLACE_PATH(isolate),
				      strerror(-err));
	for (size_t i = 0; i < dirs.n && !err; i++) {
		if (strcmp(dirs.at[i].name, ISOLATE_GROUP) != 0)
			err = check_sibling(isolate, dirs.at[i].name, has_exclusive);
	}
	host_dirs_done(&dirs);
	return err;
}

/* The controller for the root's children. systemd writes this file of the root too and may take
 * away again what no unit needs. */
static int plan_controller(struct isolate *isolate)
{
	char object[128];
	unsigned before = isolate->plan->n_steps;
	int err = object_of(isolate, "", "cpuset", object, sizeof(object));

	if (!err)
		err = isolate_must(isolate, &step_class_cgroup_controller, object, "on");
	if (err)
		return err;
	if (isolate->plan->n_steps > before &&
	    strcmp(isolate->plan->steps[before].old_value, "on") != 0 &&
	    host_existsf(isolate->host, "run/systemd/system"))
		isolate_note(isolate,
			     "systemd may switch the cpuset controller off again at its next "
			     "daemon-reload, unless a unit has AllowedCPUs=");
	return 0;
}

static int plan_partition(struct isolate *isolate, bool has_exclusive)
{
	char list[PLAN_VALUE_MAX], directory[128], cpus[128], exclusive[128];
	int err = cpuset_format_list(&isolate->wanted, list, sizeof(list));

	err = err < 0 ? err : 0;
	if (!err)
		err = object_of(isolate, ISOLATE_GROUP, NULL, directory, sizeof(directory));
	if (!err)
		err = object_of(isolate, ISOLATE_GROUP, "cpuset.cpus", cpus, sizeof(cpus));
	if (!err)
		err = object_of(isolate, ISOLATE_GROUP, "cpuset.cpus.exclusive", exclusive,
				sizeof(exclusive));
	if (err)
		return isolate_refuse(isolate, err, "the list of CPUs is too long");

	err = isolate_must(isolate, &step_class_cgroup, directory, "present");
	if (!err)
		err = isolate_later(isolate, &step_class_cgroup_cpus, cpus, "", list);
	if (!err && has_exclusive)
		err = isolate_later(isolate, &step_class_cgroup_cpus, exclusive, "", list);
	if (!err)
		err = isolate_later(isolate, &step_class_cgroup_partition, directory, "member",
				    isolate->is_balanced ? "root" : "isolated");
	return err;
}

static int plan_process(struct isolate *isolate)
{
	char object[64];

	(void)snprintf(object, sizeof(object), "%s/%u", isolate->place.name, isolate->pid);
	if (host_existsf(isolate->host, "run/systemd/system"))
		isolate_note(isolate,
			     "process %u leaves its systemd unit's group: a unit without any "
			     "process left counts as ended",
			     isolate->pid);
	return isolate_must(isolate, &step_class_task_cgroup, object, "/" ISOLATE_GROUP);
}

int isolate_plan_v2(struct isolate *isolate)
{
	/* Both came with Linux 6.7; the root has the one without the controller being on. */
	bool has_exclusive =
		host_existsf(isolate->host, "%s/cpuset.cpus.isolated", PLACE_PATH(isolate));
	struct cpuset present;
	int err = 0;

	if (isolate_present(isolate->host, &isolate->place, &present) ||
	    cpuset_is_empty(&present)) {
		err = check_siblings(isolate, has_exclusive);
		if (!err)
			err = plan_controller(isolate);
		if (!err)
			err = plan_partition(isolate, has_exclusive);
	}
	if (!err && isolate->pid)
		err = plan_process(isolate);
	return err;
}
