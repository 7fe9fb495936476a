/*
 * The set of the isolate knob in version 1 (Documentation/admin-guide/cgroup-v1/cpusets.rst): an
 * exclusive cpuset for the wanted CPUs without load balancing; one for everything else, into which
 * the user's tasks of the root move one step each; other sets lose these CPUs, children before
 * parents; and the root stops balancing over all. Kernel threads stay in the root: their masks
 * change (knob_isolate_rest.c), and those bound to a CPU could not be moved anyway.
 *
 * A task that is born of one not yet moved stays in the root: setting the same list again plans
 * the newcomers only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/knob_isolate_internal.h"
#include "probes/task_scan.h"

#define DEPTH_MAX 16
#define SETS_MAX 1024

static void file_name(const struct isolate *isolate, const char *file, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s", isolate->place.is_bare ? "" : "cpuset.", file);
}

/* PLACE:/GROUP:cpuset.FILE */
static int set_object(const struct isolate *isolate, const char *group, const char *file, char *buf,
		      size_t size)
{
	char name[64];

	file_name(isolate, file, name, sizeof(name));
	return cgroup_object(&isolate->place, group, name, buf, size);
}

/* --- other sets --- */

static int shrink_one(struct isolate *isolate, const char *group)
{
	char object[CGROUP_OBJECT_MAX], name[64], clean[128], list[PLAN_VALUE_MAX];
	struct cpuset cpus;
	uint64_t is_exclusive = 0;

	file_name(isolate, "cpus", name, sizeof(name));
	if (host_read_cpulistf(isolate->host, &cpus, "%s/%s/%s", isolate->place.directory, group,
			       name) ||
	    !isolate_without(isolate, &cpus, list, sizeof(list)))
		return 0;
	(void)text_sanitise(group, strlen(group), clean, sizeof(clean));
	if (!*list)
		return isolate_refuse(isolate, -EBUSY,
				      "the cpuset /%s has none but these CPUs and would have none "
				      "left: choose others or change it first",
				      clean);
	file_name(isolate, "cpu_exclusive", name, sizeof(name));
	(void)!host_read_u64f(isolate->host, &is_exclusive, "%s/%s/%s", isolate->place.directory,
			      group, name);
	if (is_exclusive)
		return isolate_refuse(isolate, -EBUSY,
				      "the cpuset /%s has these CPUs for itself (cpu_exclusive): "
				      "choose others or change it first",
				      clean);
	if (set_object(isolate, group, "cpus", object, sizeof(object)))
		return isolate_refuse(isolate, -ENAMETOOLONG, "the cpuset /%s: too long a name",
				      clean);
	return isolate_must(isolate, &step_class_cgroup_cpus, object, list);
}

/* Children first: a set must lie inside its parent at every moment. */
static int shrink_below(struct isolate *isolate, const char *group, unsigned depth,
			unsigned *n_seen)
{
	struct host_dirs dirs = {0};
	char child[CGROUP_PATH_MAX];
	int err = host_list_dirsf(isolate->host, &dirs, "%s%s%s", isolate->place.directory,
				  *group ? "/" : "", group);

	if (err == -ENOENT)
		return 0;
	if (err)
		return isolate_refuse(isolate, err, "the cpusets cannot be listed: %s",
				      strerror(-err));
	for (size_t i = 0; i < dirs.n && !err; i++) {
		int n = snprintf(child, sizeof(child), "%s%s%s", group, *group ? "/" : "",
				 dirs.at[i].name);

		if (cgroup_is_own(dirs.at[i].name))
			continue;
		if (n < 0 || (size_t)n >= sizeof(child) || depth >= DEPTH_MAX ||
		    ++*n_seen > SETS_MAX)
			err = isolate_refuse(
				isolate, -E2BIG,
				"too many cpusets, or too deep: only %u are changed in "
				"one plan",
				SETS_MAX);
		if (!err)
			err = shrink_below(isolate, child, depth + 1, n_seen);
		if (!err)
			err = shrink_one(isolate, child);
	}
	host_dirs_done(&dirs);
	return err;
}

/* --- own sets --- */

/* What a new set has to begin with: nothing, or its parent's lists (cgroup.clone_children). */
struct newborn {
	char cpus[PLAN_VALUE_MAX], mems[PLAN_VALUE_MAX];
	char root_mems[PLAN_VALUE_MAX];
};

static int read_list(struct isolate *isolate, const char *file, char *buf, size_t size)
{
	struct cpuset set;
	char name[64];

	file_name(isolate, file, name, sizeof(name));

	int err = host_read_cpulistf(isolate->host, &set, "%s/%s", isolate->place.directory, name);
	int n = err ? err : cpuset_format_list(&set, buf, size);

	return n < 0 ? isolate_refuse(isolate, n, "/%s/%s cannot be read: %s",
				      isolate->place.directory, name, strerror(-n))
		     : 0;
}

static int read_newborn(struct isolate *isolate, struct newborn *ret)
{
	uint64_t clones = 0;
	int err = read_list(isolate, "mems", ret->root_mems, sizeof(ret->root_mems));

	*ret->cpus = *ret->mems = '\0';
	(void)!host_read_u64f(isolate->host, &clones, "%s/cgroup.clone_children",
			      isolate->place.directory);
	if (err || !clones)
		return err;
	memcpy(ret->mems, ret->root_mems, sizeof(ret->mems));
	return read_list(isolate, "cpus", ret->cpus, sizeof(ret->cpus));
}

static int later(struct isolate *isolate, const struct step_class *class, const char *group,
		 const char *file, const char *expected, const char *value)
{
	char object[128];
	int err = set_object(isolate, group, file, object, sizeof(object));

	if (err || !strcmp(expected, value))
		return err;
	return isolate_later(isolate, class, object, expected, value);
}

static int plan_set(struct isolate *isolate, const char *group, const struct cpuset *cpus,
		    const struct newborn *newborn)
{
	char list[PLAN_VALUE_MAX], object[128];

	if (cpuset_format_list(cpus, list, sizeof(list)) < 0 ||
	    cgroup_object(&isolate->place, group, NULL, object, sizeof(object)))
		return isolate_refuse(isolate, -E2BIG, "the list of CPUs is too long");

	int err = isolate_must(isolate, &step_class_cgroup, object, "present");

	if (!err)
		err = later(isolate, &step_class_cgroup_cpus, group, "cpus", newborn->cpus, list);
	if (!err)
		err = later(isolate, &step_class_cgroup_cpus, group, "mems", newborn->mems,
			    newborn->root_mems);
	return err;
}

static int plan_sets(struct isolate *isolate)
{
	struct newborn newborn;
	unsigned n_seen = 0;
	int err = read_newborn(isolate, &newborn);

	if (!err)
		err = shrink_below(isolate, "", 0, &n_seen);
	if (!err)
		err = plan_set(isolate, ISOLATE_OTHERS, &isolate->keep, &newborn);
	if (!err)
		err = plan_set(isolate, ISOLATE_GROUP, &isolate->wanted, &newborn);
	if (!err)
		err = later(isolate, &step_class_cgroup_file, ISOLATE_GROUP, "cpu_exclusive", "0",
			    "1");
	if (!err && !isolate->is_balanced)
		err = later(isolate, &step_class_cgroup_file, ISOLATE_GROUP, "sched_load_balance",
			    "1", "0");
	return err;
}

/* --- tasks of the root --- */

struct moving {
	struct isolate *isolate;
	unsigned *tids; /* in the root, ascending */
	size_t n_tids;
	unsigned pid; /* at the moment */
	unsigned n_threads, n_in_root, n_stay;
	bool is_kernel;
};

static int compare_numbers(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

static bool is_in_root(const struct moving *moving, unsigned tid)
{
	return moving->n_tids &&
	       bsearch(&tid, moving->tids, moving->n_tids, sizeof(tid), compare_numbers) != NULL;
}

/* What measures these CPUs for jittertop stays in the root, where it may. */
static bool stays(const struct moving *moving, const struct task_seen *task)
{
	return moving->pid == moving->isolate->own_pid &&
	       cpuset_is_subset(&task->allowed, &moving->isolate->wanted);
}

static int count_thread(void *arg, const struct task_seen *task)
{
	struct moving *moving = arg;

	moving->is_kernel |= task_is_kernel(task);
	moving->n_threads++;
	moving->n_in_root += is_in_root(moving, task->tid);
	moving->n_stay += stays(moving, task);
	return 0;
}

static int move(struct moving *moving, unsigned tid)
{
	struct isolate *isolate = moving->isolate;
	bool is_chosen = moving->pid == isolate->pid;
	char object[64];

	if (tid)
		(void)snprintf(object, sizeof(object), "%s/%u/%u", isolate->place.name, moving->pid,
			       tid);
	else
		(void)snprintf(object, sizeof(object), "%s/%u", isolate->place.name, moving->pid);
	return isolate_try(isolate, &step_class_task_cgroup, object,
			   is_chosen ? "/" ISOLATE_GROUP : "/" ISOLATE_OTHERS);
}

static int move_thread(void *arg, const struct task_seen *task)
{
	struct moving *moving = arg;

	return is_in_root(moving, task->tid) && !stays(moving, task) ? move(moving, task->tid) : 0;
}

/* A process whole, when all its threads are in the root: that takes along what it forks or
 * starts meanwhile. */
static int move_process(struct moving *moving, unsigned pid)
{
	struct host *host = moving->isolate->host;

	moving->pid = pid;
	moving->n_threads = moving->n_in_root = moving->n_stay = 0;
	moving->is_kernel = false;

	int err = task_scan_process(host, pid, count_thread, moving);

	if (err || moving->is_kernel || !moving->n_in_root)
		return err == -ENOENT ? 0 : err;
	if (moving->n_in_root == moving->n_threads && !moving->n_stay)
		return move(moving, 0);
	err = task_scan_process(host, pid, move_thread, moving);
	return err == -ENOENT ? 0 : err;
}

static int read_numbers(struct isolate *isolate, const char *file, unsigned **ret, size_t *ret_n)
{
	struct host_file *kept = NULL;
	const char *text;
	size_t room = 0, n = 0;
	unsigned *numbers = NULL;
	ssize_t len = host_file_readf(isolate->host, &kept, &text, "%s/%s",
				      isolate->place.directory, file);

	if (len < 0) {
		host_file_close(kept);
		return isolate_refuse(isolate, (int)len, "/%s/%s cannot be read: %s",
				      isolate->place.directory, file, strerror((int)-len));
	}
	struct scan scan = {text};
	do {
		uint64_t number;

		if (scan_u64(&scan, &number) || number > INT32_MAX || number == 0)
			continue;
		if (n == room) {
			room = room ? 2 * room : 256;
			numbers = xrealloc(numbers, room * sizeof(*numbers));
		}
		numbers[n++] = (unsigned)number;
	} while (scan_next_line(&scan));
	host_file_close(kept);
	if (n)
		qsort(numbers, n, sizeof(*numbers), compare_numbers);
	*ret = numbers;
	*ret_n = n;
	return 0;
}

static int plan_tasks(struct isolate *isolate)
{
	struct moving moving = {.isolate = isolate};
	unsigned *pids = NULL;
	size_t n_pids = 0;
	int err = read_numbers(isolate, "tasks", &moving.tids, &moving.n_tids);

	if (!err)
		err = read_numbers(isolate, "cgroup.procs", &pids, &n_pids);
	for (size_t i = 0; i < n_pids && !err; i++)
		err = move_process(&moving, pids[i]);
	free(moving.tids);
	free(pids);
	return err;
}

/* The chosen process, wherever it is. One in the root is moved with the others. */
static int plan_process(struct isolate *isolate)
{
	char object[64], group[CGROUP_PATH_MAX];

	if (!isolate->pid || (!cgroup_of_task(isolate->host, &isolate->place, isolate->pid,
					      isolate->pid, group, sizeof(group)) &&
			      !strcmp(group, "/")))
		return 0;
	(void)snprintf(object, sizeof(object), "%s/%u", isolate->place.name, isolate->pid);
	return isolate_must(isolate, &step_class_task_cgroup, object, "/" ISOLATE_GROUP);
}

int isolate_plan_v1(struct isolate *isolate)
{
	struct cpuset present;
	char object[128];
	int err = 0;

	if (isolate_present(isolate->host, &isolate->place, &present) || cpuset_is_empty(&present))
		err = plan_sets(isolate);
	if (!err)
		err = plan_tasks(isolate);
	if (!err)
		err = plan_process(isolate);
	if (!err)
		err = set_object(isolate, "", "sched_load_balance", object, sizeof(object));
	if (!err)
		err = isolate_must(isolate, &step_class_cgroup_file, object, "0");
	return err;
}
