/*
 * Step classes on the scratch host for what is no plain file: a directory that is made, a file in
 * it that is written later, a thread's affinity, a CPU mask.
 */
#ifndef JT_TESTS_CRASH_CRASH_CLASSES_H
#define JT_TESTS_CRASH_CRASH_CLASSES_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/plan.h"

static int scratch_path(const char *object, char *buf, size_t size)
{
	int len = snprintf(buf, size, "%s", object);

	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

/* Read and not asked for: a passing error is not absence. */
static int file_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char text[64];
	ssize_t len = host_read(host, object, text, sizeof(text));

	(void)size;
	buf[0] = '\0';
	return len < 0 ? (int)len : 0;
}

static const struct step_class class_file = {
	.name = "file", .compare = STEP_TEXT, .path = scratch_path, .identity = file_identity};
static const struct step_class class_mask = {
	.name = "mask", .compare = STEP_CPUMASK, .path = scratch_path, .identity = file_identity};

static int always_there(struct host *host, const char *object, char *buf, size_t size)
{
	(void)host;
	(void)object;
	(void)size;
	buf[0] = '\0';
	return 0;
}

static ssize_t group_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct host_names names;
	int err = host_listf(host, &names, "%s", object);

	if (err && err != -ENOENT)
		return err;
	if (!err)
		host_names_done(&names);
	return snprintf(buf, size, "%s", err ? "absent" : "present");
}

static int group_write(struct host *host, const char *object, const char *value)
{
	return strcmp(value, "present") ? host_remove_directory(host, object)
					: host_make_directory(host, object);
}

static const struct step_class class_group = {.name = "group",
					      .compare = STEP_WORD,
					      .path = scratch_path,
					      .identity = always_there,
					      .read = group_read,
					      .write = group_write};

/* The only thread there is. */
#define THREAD 7

static int thread_path(const char *object, char *buf, size_t size)
{
	return strcmp(object, "thread") ? -EINVAL : scratch_path("thread 7: affinity", buf, size);
}

static int thread_identity(struct host *host, const char *object, char *buf, size_t size)
{
	(void)object;
	ssize_t len = host_read(host, "start/7", buf, size);
	return len < 0 ? (int)len : 0;
}

static ssize_t thread_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset set;
	int err = host_get_affinity(host, THREAD, &set);

	(void)object;
	return err ? err : cpuset_format_list(&set, buf, size);
}

static int thread_write(struct host *host, const char *object, const char *value)
{
	struct cpuset set;
	int err = cpuset_parse_list(value, &set);

	(void)object;
	return err ? err : host_write_affinity(host, THREAD, &set);
}

static const struct step_class class_thread = {.name = "thread",
					       .compare = STEP_CPULIST,
					       .flags = STEP_NOT_A_FILE | STEP_MAY_END,
					       .path = thread_path,
					       .identity = thread_identity,
					       .read = thread_read,
					       .write = thread_write};

/* Appends a step of each. */
static inline int add_scratch_steps(struct plan *plan, struct host *host, char *why, size_t size)
{
	int err = plan_add(plan, host, &class_group, "cg/mine", "present", why, size);

	if (!err)
		err = plan_add_later(plan, &class_file, "cg/mine/cpus", "", "1", why, size);
	if (!err)
		err = plan_add(plan, host, &class_thread, "thread", "1", why, size);
	if (!err)
		err = plan_add(plan, host, &class_mask, "rps_cpus", "1", why, size);
	return err;
}

#endif
