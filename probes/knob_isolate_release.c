/* Dissolving the sets of the isolate knob without the change that made them: after it was kept, or
 * when its undo file has gone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probes/knob_isolate_internal.h"

static bool is_there(struct isolate *isolate, const char *group)
{
	return host_existsf(isolate->host, "%s/%s", isolate->place.directory, group);
}

/* Taking the directory away sends what is inside to the root first (step_class_cgroup). */
static int remove_group(struct isolate *isolate, const char *group)
{
	char object[128];
	int err = cgroup_object(&isolate->place, group, NULL, object, sizeof(object));

	return err ? err : isolate_must(isolate, &step_class_cgroup, object, "absent");
}

/* A file of a group; absent is fine. Steps that change nothing are left out by who applies. */
static int set_file(struct isolate *isolate, const struct step_class *class, const char *group,
		    const char *file, const char *value)
{
	char object[128], name[64];

	(void)snprintf(name, sizeof(name), "%s%s", isolate->place.is_bare ? "" : "cpuset.", file);

	int err = cgroup_object(&isolate->place, group, name, object, sizeof(object));

	if (!err)
		err = isolate_must(isolate, class, object, value);
	return errno_is_absent(-err) ? 0 : err;
}

static int release_v2(struct isolate *isolate)
{
	char object[128];
	int err = cgroup_object(&isolate->place, ISOLATE_GROUP, NULL, object, sizeof(object));

	if (!err)
		err = isolate_must(isolate, &step_class_cgroup_partition, object, "member");
	if (!err)
		err = set_file(isolate, &step_class_cgroup_cpus, ISOLATE_GROUP, "cpus.exclusive",
			       "");
	if (!err)
		err = set_file(isolate, &step_class_cgroup_cpus, ISOLATE_GROUP, "cpus", "");
	return err ? err : remove_group(isolate, ISOLATE_GROUP);
}

/* Emptied of tasks first, then of what it has, so that undoing finds every value again. */
static int dissolve_v1(struct isolate *isolate, const char *group)
{
	int err = set_file(isolate, &step_class_cgroup_file, group, "cpu_exclusive", "0");

	if (!err)
		err = set_file(isolate, &step_class_cgroup_file, group, "sched_load_balance", "1");
	if (!err)
		err = set_file(isolate, &step_class_cgroup_cpus, group, "cpus", "");
	if (!err)
		err = set_file(isolate, &step_class_cgroup_cpus, group, "mems", "");
	return err ? err : remove_group(isolate, group);
}

static int release_v1(struct isolate *isolate)
{
	int err = set_file(isolate, &step_class_cgroup_file, "", "sched_load_balance", "1");

	if (!err && is_there(isolate, ISOLATE_GROUP))
		err = dissolve_v1(isolate, ISOLATE_GROUP);
	if (!err && is_there(isolate, ISOLATE_OTHERS))
		err = dissolve_v1(isolate, ISOLATE_OTHERS);
	return err;
}

int isolate_release(struct isolate *isolate)
{
	struct cpuset present;

	if (!is_there(isolate, ISOLATE_GROUP) && !is_there(isolate, ISOLATE_OTHERS))
		return isolate_refuse(isolate, -ENOENT,
				      "nothing is isolated here by jittertop: there is nothing to "
				      "release");
	if (!isolate_present(isolate->host, &isolate->place, &present))
		isolate->plan->affected = present;

	int err = isolate->place.is_v2 ? release_v2(isolate) : release_v1(isolate);

	if (err)
		return err;
	plan_title_add(isolate->plan, "release isolated CPUs");
	isolate_note(isolate,
		     "interrupts, workqueues and masks stay as they are: `jittertop undo` of "
		     "the change that isolated gives those back");
	return 0;
}
