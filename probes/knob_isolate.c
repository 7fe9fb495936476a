/*
 * CPUs for one purpose only: nothing else is scheduled on them and as little as possible interrupts
 * them (Documentation/admin-guide/cgroup-v2.rst, cpusets.rst; the order of things:
 * knob_isolate_internal.h). One plan, every step of it shown.
 *
 *   isolate@cpus=2-3       everything: the set, interrupts, kernel work; the scheduler does not
 *                          balance within the set
 *   isolate@cpus/root=2-3  the same, balanced within the set
 *   isolate@cpus/set=2-3   the set only
 *   isolate@cpus/rest=2-3  interrupts and kernel work only
 *   isolate@pid:N=2-3      everything, and process N moves into the set
 *   isolate@cpus=          releases: tasks back to where sets begin, the sets removed. Interrupts
 *                          and masks are given back by `jittertop undo` of the change that took
 *                          them: only that knows what they were.
 *
 * Setting the list that is set already plans what has come up since: new tasks, new interrupts.
 *
 * In the lab (whole machines only): 6.1 and 6.12 with systemd: isolate@cpus=1 beside a busy
 * container; `stress-ng` in system.slice must leave CPU 1 within a second, kswapd0's mask must be
 * back after the undo, `cpuset.cpus.partition` must read "isolated"; the same with isolcpus=1
 * (cpus/root must be refused), with AllowedCPUs=0-1 on system.slice on 6.1 (refused in words), with
 * a SCHED_DEADLINE task (EBUSY), and cgroup v1 booted by systemd.unified_cgroup_hierarchy=0. kill
 * -9 of everything between any two steps; afterwards /sys/fs/cgroup holds no jittertop-*.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/cpus.h"
#include "probes/knob_isolate_internal.h"
#include "probes/knob_thread.h"

/* --- words --- */

int isolate_refuse(struct isolate *isolate, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(isolate->why, isolate->why_size, fmt, ap);
	va_end(ap);
	return err;
}

void isolate_note(struct isolate *isolate, const char *fmt, ...)
{
	size_t len = strlen(isolate->notes);
	va_list ap;

	if (len + 3 > sizeof(isolate->notes))
		return;
	if (len) {
		memcpy(isolate->notes + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(isolate->notes + len, sizeof(isolate->notes) - len, fmt, ap);
	va_end(ap);
}

void isolate_count_add(struct isolate_count *count, const char *name)
{
	size_t len = strlen(count->names);

	/* As many names as fit, whole ones only. */
	if (count->n < 3 && len + strlen(name) + 3 < sizeof(count->names))
		(void)snprintf(count->names + len, sizeof(count->names) - len, "%s%s",
			       len ? ", " : "", name);
	count->n++;
}

void isolate_count_text(const struct isolate_count *count, const char *what, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%u %s%s (%s%s)", count->n, what, count->n == 1 ? "" : "s",
		       count->names, count->n > 3 ? ", ..." : "");
}

bool isolate_without(const struct isolate *isolate, const struct cpuset *set, char *buf,
		     size_t size)
{
	struct cpuset rest = *set;

	cpuset_andnot(&rest, &isolate->wanted);
	if (cpuset_equal(&rest, set))
		return false;
	if (cpuset_format_list(&rest, buf, size) < 0)
		*buf = '\0';
	return true;
}

/* --- steps --- */

int isolate_must(struct isolate *isolate, const struct step_class *class, const char *object,
		 const char *value)
{
	return plan_add(isolate->plan, isolate->host, class, object, value, isolate->why,
			isolate->why_size);
}

int isolate_try(struct isolate *isolate, const struct step_class *class, const char *object,
		const char *value)
{
	struct plan *plan = isolate->plan;
	char why[256] = "";
	int err = plan_add(plan, isolate->host, class, object, value, why, sizeof(why));

	if (err == -E2BIG)
		return isolate_refuse(isolate, err, "%s", why);
	if (err && !errno_is_absent(-err))
		isolate_note(isolate, "%s", why);
	if (!err)
		plan->steps[plan->n_steps - 1].is_optional = true;
	return 0;
}

int isolate_later(struct isolate *isolate, const struct step_class *class, const char *object,
		  const char *expected, const char *value)
{
	return plan_add_later(isolate->plan, class, object, expected, value, isolate->why,
			      isolate->why_size);
}

/* --- a thread's own mask, remembered while its group changes under it --- */

static int affinity_path(const char *object, char *buf, size_t size)
{
	return step_class_thread_affinity.path(object, buf, size);
}

static int affinity_identity(struct host *host, const char *object, char *buf, size_t size)
{
	return step_class_thread_affinity.identity(host, object, buf, size);
}

static ssize_t affinity_read(struct host *host, const char *object, char *buf, size_t size)
{
	return step_class_thread_affinity.read(host, object, buf, size);
}

static int affinity_write(struct host *host, const char *object, const char *value)
{
	return step_class_thread_affinity.write(host, object, value);
}

static const char *affinity_explain(int err)
{
	return step_class_thread_affinity.explain ? step_class_thread_affinity.explain(err) : NULL;
}

/* All that its group allows: what a change of the group leaves behind, and nobody's choice. */
static bool affinity_is_left_over(struct host *host, const char *object, const char *value)
{
	struct cpuset now, allowed;
	pid_t pid, tid;

	return !thread_object_parse(object, &pid, &tid) && !cpuset_parse_list(value, &now) &&
	       !thread_read_allowed(host, pid, tid, &allowed) && cpuset_equal(&now, &allowed);
}

const struct step_class step_class_task_affinity = {
	.name = "task_affinity",
	.compare = STEP_CPULIST,
	.flags = STEP_NOT_A_FILE | STEP_MAY_END,
	.path = affinity_path,
	.identity = affinity_identity,
	.read = affinity_read,
	.write = affinity_write,
	.is_left_over = affinity_is_left_over,
	.explain = affinity_explain,
};

/* --- the knob --- */

int isolate_present(struct host *host, const struct cgroup_place *place, struct cpuset *ret)
{
	return host_read_cpulistf(host, ret, "%s/" ISOLATE_GROUP "/%s", place->directory,
				  place->is_bare ? "cpus" : "cpuset.cpus");
}

static int parse_target(struct isolate *isolate, const char *target)
{
	static const struct {
		const char *name;
		unsigned parts;
		bool is_balanced;
	} targets[] = {
		{"cpus", ISOLATE_SET | ISOLATE_REST, false},
		{"cpus/root", ISOLATE_SET | ISOLATE_REST, true},
		{"cpus/set", ISOLATE_SET, false},
		{"cpus/rest", ISOLATE_REST, false},
	};
	uint64_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (strcmp(targets[i].name, target) != 0)
			continue;
		isolate->parts = targets[i].parts;
		isolate->is_balanced = targets[i].is_balanced;
		return 0;
	}
	if (strncmp(target, "pid:", 4) != 0 || parse_u64(target + 4, &pid) || pid == 0 ||
	    pid > INT32_MAX)
		return isolate_refuse(isolate, -EINVAL,
				      "%.64s: no such target: cpus, cpus/root, cpus/set, cpus/rest "
				      "or pid:N",
				      target);
	isolate->parts = ISOLATE_SET | ISOLATE_REST;
	isolate->pid = (unsigned)pid;
	if (!host_existsf(isolate->host, "proc/%u/stat", isolate->pid))
		return isolate_refuse(isolate, -ENOENT, "process %u: there is none", isolate->pid);
	return 0;
}

static void read_host(struct isolate *isolate)
{
	struct host *host = isolate->host;
	char text[1024];
	struct scan scan = {text};
	uint64_t pid;

	if (cpus_read_list(host, "sys/devices/system/cpu/isolated", &isolate->isolcpus))
		cpuset_zero(&isolate->isolcpus);
	if (cpus_read_list(host, "sys/devices/system/cpu/nohz_full", &isolate->nohz_full))
		cpuset_zero(&isolate->nohz_full);
	isolate->keep = isolate->online;
	cpuset_andnot(&isolate->keep, &isolate->wanted);
	if (host_read(host, "proc/self/stat", text, sizeof(text)) > 0 && !scan_u64(&scan, &pid))
		isolate->own_pid = (unsigned)pid;
}

static int read_online(struct host *host, struct cpuset *ret)
{
	struct cpus cpus = {0};
	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

/* The set is there already: with the same CPUs the plan is for what came up since. */
static int check_present(struct isolate *isolate)
{
	struct cpuset present;
	char list[128];

	if (isolate_present(isolate->host, &isolate->place, &present) ||
	    cpuset_is_empty(&present) || cpuset_equal(&present, &isolate->wanted))
		return 0;
	if (cpuset_format_list(&present, list, sizeof(list)) < 0)
		(void)snprintf(list, sizeof(list), "others");
	return isolate_refuse(isolate, -EBUSY,
			      "CPU %s are isolated already: undo that change or release them "
			      "(isolate@cpus=) first",
			      list);
}

static int plan_parts(struct isolate *isolate)
{
	int err = 0;

	if (isolate->parts & ISOLATE_REST)
		err = isolate_plan_rest(isolate);
	if (!err)
		err = isolate_plan_threads(isolate);
	if (!err && isolate->parts & ISOLATE_SET)
		err = isolate->place.is_v2 ? isolate_plan_v2(isolate) : isolate_plan_v1(isolate);
	return err;
}

static int plan_isolation(struct isolate *isolate, const char *value)
{
	int err = cpuset_parse_list(value, &isolate->wanted);

	if (err)
		return isolate_refuse(isolate, -EINVAL, "\"%.64s\" is not a CPU list such as 2-3,8",
				      value);
	err = read_online(isolate->host, &isolate->online);
	if (err)
		return isolate_refuse(isolate, err, "the online CPUs cannot be read: %s",
				      strerror(-err));
	read_host(isolate);
	if (isolate->parts & ISOLATE_SET) {
		err = cgroup_place_find(isolate->host, CGROUP_CPUSET, &isolate->place, isolate->why,
					isolate->why_size);
		if (!err && !cpuset_is_empty(&isolate->wanted))
			err = check_present(isolate);
	}
	if (!err && cpuset_is_empty(&isolate->wanted))
		return isolate->parts & ISOLATE_SET && !isolate->pid
			       ? isolate_release(isolate)
			       : isolate_refuse(isolate, -EINVAL,
						"name CPUs, or release all with isolate@cpus=");
	if (!err)
		err = isolate_check(isolate);
	if (!err)
		err = plan_parts(isolate);
	if (err)
		return err;
	isolate->plan->affected = isolate->wanted;
	plan_title_add(isolate->plan, "isolate CPU %.48s", value);
	return 0;
}

static int isolate_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			char *why, size_t why_size)
{
	_cleanup_(freep) struct isolate *isolate = xcalloc(1, sizeof(*isolate));

	isolate->host = host;
	isolate->plan = ret;
	isolate->why = why;
	isolate->why_size = why_size;

	int err = parse_target(isolate, target);

	if (!err)
		err = plan_isolation(isolate, value);
	if (!err)
		(void)snprintf(why, why_size, "%s", isolate->notes);
	return err;
}

static int isolate_targets(struct host *host, struct knob_targets *ret)
{
	static const char *const names[][2] = {
		{"cpus", "all of it: the set, interrupts, kernel work"},
		{"cpus/root", "the same, balanced within the set"},
		{"cpus/set", "the set only"},
		{"cpus/rest", "interrupts and kernel work only"},
	};
	struct cgroup_place place;
	struct cpuset online, present;
	char why[256] = "", now[PLAN_VALUE_MAX] = "", choices[192], list[128] = "";
	bool has_set = !cgroup_place_find(host, CGROUP_CPUSET, &place, why, sizeof(why));

	if (!read_online(host, &online))
		(void)cpuset_format_list(&online, list, sizeof(list));
	if (has_set && !isolate_present(host, &place, &present))
		(void)cpuset_format_list(&present, now, sizeof(now));
	(void)snprintf(choices, sizeof(choices), "CPU list of %s, empty: release", list);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		knob_targets_add(ret, names[i][0], names[i][1], now, choices,
				 has_set || i == ARRAY_SIZE(names) - 1 ? NULL : why);
	return 0;
}

const struct knob knob_isolate = {
	.name = "isolate",
	.family = "isolation",
	.summary = "CPUs kept free of everything but the tasks put into their set",
	.cost = "Everybody else has fewer CPUs; tasks in the set are not balanced over its CPUs "
		"(cpus/root: they are). Undone step by step; per-CPU kernel threads and managed "
		"interrupts stay.",
	.risk = KNOB_PARTIAL,
	.targets = isolate_targets,
	.plan = isolate_plan,
};
