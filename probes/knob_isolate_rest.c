/*
 * What else runs on CPUs or interrupts them, beside the tasks that a set keeps away: irqbalance's
 * choices, interrupts, unbound workqueues, RPS, the watchdog, kernel threads
 * (Documentation/admin-guide/kernel-per-CPU-kthreads.rst, kernel/workqueue.c).
 *
 * The default for new interrupts is set before all present ones move, so that a newcomer in
 * between comes up right.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/knob_file.h"
#include "probes/knob_irq.h"
#include "probes/knob_irqbalance.h"
#include "probes/knob_isolate_internal.h"
#include "probes/task_scan.h"

/* Written: what is wished; since 6.7 the file shows it without the isolated CPUs and
 * cpumask_requested as it was written. */
KNOB_FILE_CLASS(isolate_workqueue, STEP_CPUMASK, 0, .key = "host",
		.path = "sys/devices/virtual/workqueue/cpumask",
		.read_path = "sys/devices/virtual/workqueue/cpumask_requested",
		.affects = KNOB_FILE_OLD_OR_NEW);
/* Of other knobs. */
extern const struct step_class step_class_default_smp_affinity; /* "host" */
extern const struct step_class step_class_rps_cpus;		/* "queue:NETDEV/rx-N" */
extern const struct step_class step_class_watchdog_cpumask;	/* "host" */

/* --- masks in one file --- */

/* The hexadecimal mask of a file without the wanted CPUs; false: it has none of them. */
static bool mask_without(struct isolate *isolate, const char *path, char *buf, size_t size)
{
	char text[4096];
	struct cpuset set, rest;
	ssize_t n = host_read(isolate->host, path, text, sizeof(text));

	if (n < 0 || cpuset_parse_mask(text, &set))
		return false;
	rest = set;
	cpuset_andnot(&rest, &isolate->wanted);
	return !cpuset_equal(&rest, &set) && cpuset_format_mask(&rest, 32, buf, size) > 0;
}

static int plan_default_irq(struct isolate *isolate)
{
	char mask[PLAN_VALUE_MAX];

	if (!mask_without(isolate, "proc/irq/default_smp_affinity", mask, sizeof(mask)))
		return 0;
	return isolate_try(isolate, &step_class_default_smp_affinity, "host", mask);
}

static int plan_workqueues(struct isolate *isolate)
{
	static const char dir[] = "sys/devices/virtual/workqueue";
	char path[64], mask[PLAN_VALUE_MAX];
	bool is_kernels = host_existsf(isolate->host, "%s/cpumask_isolated", dir);

	/* The kernel takes isolated partitions out by itself then. */
	if (is_kernels && isolate->place.is_v2 && !isolate->is_balanced &&
	    isolate->parts & ISOLATE_SET)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", dir,
		       is_kernels ? "cpumask_requested" : "cpumask");
	if (!mask_without(isolate, path, mask, sizeof(mask)))
		return 0;
	if (!strspn(mask, "123456789abcdef") && !strpbrk(mask, "123456789abcdef")) {
		isolate_note(isolate, "unbound workqueues run on these CPUs only and stay there");
		return 0;
	}
	return isolate_try(isolate, &step_class_isolate_workqueue, "host", mask);
}

static int plan_watchdog(struct isolate *isolate)
{
	char list[PLAN_VALUE_MAX];
	struct cpuset set;

	if (host_read_cpulistf(isolate->host, &set, "proc/sys/kernel/watchdog_cpumask") ||
	    !isolate_without(isolate, &set, list, sizeof(list)) || !*list)
		return 0;
	return isolate_try(isolate, &step_class_watchdog_cpumask, "host", list);
}

/* --- interrupts --- */

struct irq_counts {
	struct isolate_count managed;
};

/* Where it goes: what is left of its list, else the CPUs of its node, else all that are kept. */
static void irq_target(struct isolate *isolate, unsigned irq, const struct cpuset *now, char *buf,
		       size_t size)
{
	struct cpuset node_cpus;
	int64_t node;

	if (isolate_without(isolate, now, buf, size) && *buf)
		return;
	if (!host_read_i64f(isolate->host, &node, "proc/irq/%u/node", irq) && node >= 0 &&
	    !host_read_cpulistf(isolate->host, &node_cpus, "sys/devices/system/node/node%u/cpulist",
				(unsigned)node)) {
		cpuset_and(&node_cpus, &isolate->keep);
		if (!cpuset_is_empty(&node_cpus) && cpuset_format_list(&node_cpus, buf, size) > 0)
			return;
	}
	(void)cpuset_format_list(&isolate->keep, buf, size);
}

static int plan_irq(struct isolate *isolate, unsigned irq, struct irq_counts *counts)
{
	char actions[1024], name[64], object[32], list[PLAN_VALUE_MAX];
	struct cpuset now, common;
	ssize_t n = host_readf(isolate->host, actions, sizeof(actions), "sys/kernel/irq/%u/actions",
			       irq);

	/* Nobody handles it: it never comes. */
	if (n == 0 || host_read_cpulistf(isolate->host, &now, "proc/irq/%u/smp_affinity_list", irq))
		return 0;
	common = now;
	cpuset_and(&common, &isolate->wanted);
	if (cpuset_is_empty(&common))
		return 0;
	if (n > 0 && irq_is_probably_managed(actions)) {
		(void)text_sanitise(actions, (size_t)n, name, sizeof(name));
		isolate_count_add(&counts->managed, name);
		return 0;
	}
	irq_target(isolate, irq, &now, list, sizeof(list));
	(void)snprintf(object, sizeof(object), "irq:%u", irq);
	return isolate_try(isolate, &step_class_irq_affinity, object, list);
}

static int plan_irqs(struct isolate *isolate)
{
	struct irq_counts counts = {0};
	struct host_names names = {0};
	char text[256];
	int err = host_listf(isolate->host, &names, "proc/irq");

	if (err) {
		isolate_note(isolate, "interrupts cannot be listed: %s", strerror(-err));
		return 0;
	}
	for (size_t i = 0; i < names.n && !err; i++) {
		uint64_t irq;

		if (!parse_u64(names.names[i], &irq) && irq <= 10000000)
			err = plan_irq(isolate, (unsigned)irq, &counts);
	}
	host_names_done(&names);
	if (counts.managed.n) {
		isolate_count_text(&counts.managed, "interrupt", text, sizeof(text));
		isolate_note(isolate,
			     "%s managed by the kernel: such an interrupt comes only if a task on "
			     "its CPU uses the device",
			     text);
	}
	return err;
}

/* --- packets steered by software --- */

static int plan_rps_of(struct isolate *isolate, const char *netdev)
{
	struct host_names names = {0};
	char path[256], object[128], mask[PLAN_VALUE_MAX];
	int err = 0;

	if (host_listf(isolate->host, &names, "sys/class/net/%s/queues", netdev))
		return 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		if (strncmp(names.names[i], "rx-", 3) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "sys/class/net/%s/queues/%s/rps_cpus", netdev,
			       names.names[i]);
		(void)snprintf(object, sizeof(object), "queue:%s/%s", netdev, names.names[i]);
		if (mask_without(isolate, path, mask, sizeof(mask)))
			err = isolate_try(isolate, &step_class_rps_cpus, object, mask);
	}
	host_names_done(&names);
	return err;
}

static int plan_rps(struct isolate *isolate)
{
	struct host_names names = {0};
	int err = 0;

	if (host_listf(isolate->host, &names, "sys/class/net"))
		return 0;
	for (size_t i = 0; i < names.n && !err; i++)
		err = plan_rps_of(isolate, names.names[i]);
	host_names_done(&names);
	return err;
}

/* --- irqbalance --- */

static int plan_irqbalance(struct isolate *isolate)
{
	char object[64], list[PLAN_VALUE_MAX], why[160] = "";
	struct cpuset banned;
	int err = irqbalance_find(isolate->host, object, sizeof(object), &banned, why, sizeof(why));

	if (err == -ENOENT)
		return 0;
	if (err) {
		isolate_note(isolate,
			     "irqbalance runs and cannot be told (%s): it may move "
			     "interrupts back",
			     why);
		return 0;
	}
	cpuset_or(&banned, &isolate->wanted);
	if (cpuset_format_list(&banned, list, sizeof(list)) < 0)
		return 0;
	return isolate_try(isolate, &step_class_irqbalance_banned, object, list);
}

/* --- threads --- */

struct thread_counts {
	struct isolate *isolate;
	struct isolate_count bound;
};

/* Kernel threads leave; masks that users chose are remembered only, because kernels before 6.2
 * forget them when a control group changes (user_cpus_ptr, kernel/sched/core.c). */
static int plan_thread(void *arg, const struct task_seen *task)
{
	struct thread_counts *counts = arg;
	struct isolate *isolate = counts->isolate;
	char object[64], list[PLAN_VALUE_MAX], name[96];
	struct cpuset now = task->allowed;
	bool is_kernel = task_is_kernel(task), is_set = isolate->parts & ISOLATE_SET;

	cpuset_and(&now, &isolate->online);
	if (!is_kernel &&
	    (!is_set || cpuset_equal(&now, &isolate->online) || task->pid == isolate->own_pid))
		return 0;
	if (is_kernel && !isolate_without(isolate, &now, list, sizeof(list)))
		return 0;
	if (is_kernel && (task->flags & TASK_NO_SETAFFINITY || !*list)) {
		(void)snprintf(name, sizeof(name), "%s", task->comm);
		isolate_count_add(&counts->bound, name);
		return 0;
	}
	/* A thread of an interrupt goes where the interrupt goes. */
	if (is_kernel && !strncmp(task->comm, "irq/", 4))
		return 0;
	if (!is_kernel && cpuset_format_list(&now, list, sizeof(list)) < 0)
		return 0;
	(void)snprintf(object, sizeof(object), "thread:%u/%u", task->pid, task->tid);
	return isolate_try(isolate, &step_class_task_affinity, object, list);
}

int isolate_plan_threads(struct isolate *isolate)
{
	struct thread_counts counts = {.isolate = isolate};
	char text[256];
	int err = task_scan(isolate->host, plan_thread, &counts);

	if (err)
		return isolate_refuse(isolate, err, "the tasks cannot be listed: %s",
				      strerror(-err));
	if (counts.bound.n) {
		isolate_count_text(&counts.bound, "kernel thread", text, sizeof(text));
		isolate_note(isolate, "%s bound to these CPUs and stay", text);
	}
	return 0;
}

int isolate_plan_rest(struct isolate *isolate)
{
	int err = plan_irqbalance(isolate);

	if (!err)
		err = plan_default_irq(isolate);
	if (!err)
		err = plan_irqs(isolate);
	if (!err)
		err = plan_workqueues(isolate);
	if (!err)
		err = plan_rps(isolate);
	if (!err)
		err = plan_watchdog(isolate);
	return err;
}
