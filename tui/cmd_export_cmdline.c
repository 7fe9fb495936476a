/*
 * Settings as words of the kernel command line (Documentation/admin-guide/kernel-parameters.txt),
 * as far as there are any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "tui/cmd.h"
#include "tui/cmd_export.h"

/* Files with a parameter of their own; NAME=VALUE means the same. */
static const struct {
	const char *path, *name;
} parameters[] = {
	{"/proc/irq/default_smp_affinity", "irqaffinity"},
	{"/proc/sys/kernel/nmi_watchdog", "nmi_watchdog"},
	{"/proc/sys/kernel/watchdog_thresh", "watchdog_thresh"},
	{"/sys/kernel/mm/transparent_hugepage/enabled", "transparent_hugepage"},
	{"/sys/kernel/debug/sched/preempt", "preempt"},
	{"/sys/kernel/rcu_normal", "rcupdate.rcu_normal"},
	{"/sys/kernel/rcu_expedited", "rcupdate.rcu_expedited"},
	{"/sys/devices/virtual/workqueue/cpumask", "workqueue.unbound_cpus"},
};

/* What the parameter takes: a CPU list where the file has a mask. */
static const char *value_of(const struct export_step *step, char *buf, size_t size)
{
	struct cpuset set;

	if (step->class->compare == STEP_CPUMASK && !cpuset_parse_mask(step->new_value, &set) &&
	    cpuset_format_list(&set, buf, size) >= 0)
		return buf;
	return step->new_value;
}

/* proc/sys/net/core/busy_poll -> sysctl.net.core.busy_poll=50 (since 5.8) */
static bool sysctl_word(const struct export_step *step, char *buf, size_t size)
{
	char name[sizeof(step->path)];

	if (!export_sysctl_name(step, name, sizeof(name)) || strpbrk(step->new_value, " \t"))
		return false;
	int n = snprintf(buf, size, "sysctl.%s=%s", name, step->new_value);
	return n > 0 && (size_t)n < size;
}

/* sys/module/kvm/parameters/halt_poll_ns -> kvm.halt_poll_ns=0 */
static bool module_word(const struct export_step *step, char *buf, size_t size)
{
	static const char modules[] = "/sys/module/", parameter[] = "/parameters/";

	if (!starts_with(step->path, modules))
		return false;
	const char *name = step->path + strlen(modules);
	const char *end = strstr(name, parameter);
	if (!end)
		return false;
	int n = snprintf(buf, size, "%.*s.%s=%s", (int)(end - name), name, end + strlen(parameter),
			 step->new_value);
	return n > 0 && (size_t)n < size;
}

static bool parameter_word(const struct export_step *step, char *buf, size_t size)
{
	char list[PLAN_VALUE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (strcmp(step->path, parameters[i].path) != 0)
			continue;
		int n = snprintf(buf, size, "%s=%s", parameters[i].name,
				 value_of(step, list, sizeof(list)));
		return n > 0 && (size_t)n < size;
	}
	return sysctl_word(step, buf, size) || module_word(step, buf, size);
}

/* --- huge pages: all nodes of one size are one parameter --- */

/* "node:0/2048kB" */
static bool parse_pool(const struct export_step *step, unsigned *ret_node, unsigned long *ret_kb)
{
	static const char node[] = "node:", unit[] = "kB";
	char text[PLAN_OBJECT_MAX];
	uint64_t number, kb;

	if (strcmp(step->class->name, "hugepages") != 0 || !starts_with(step->object, node))
		return false;
	(void)snprintf(text, sizeof(text), "%s", step->object + strlen(node));
	char *slash = strchr(text, '/');
	size_t len = slash ? strlen(slash) : 0;
	if (len <= strlen(unit) || strcmp(slash + len - strlen(unit), unit) != 0)
		return false;
	*slash = slash[len - strlen(unit)] = '\0';
	if (parse_u64(text, &number) || parse_u64(slash + 1, &kb))
		return false;
	*ret_node = (unsigned)number;
	*ret_kb = (unsigned long)kb;
	return true;
}

/* True when list->steps[first] is the first of its size. */
static bool is_first_pool(const struct export_list *list, size_t first, unsigned long kb)
{
	unsigned node;
	unsigned long other;

	for (size_t i = 0; i < first; i++) {
		if (parse_pool(&list->steps[i], &node, &other) && other == kb)
			return false;
	}
	return true;
}

/* "hugepagesz=2M hugepages=0:512,1:256" */
static void print_pools(const struct export_list *list, size_t first, unsigned long kb)
{
	bool is_next = false;

	printf("hugepagesz=%lu%c hugepages=", kb >= 1048576 ? kb / 1048576 : kb / 1024,
	       kb >= 1048576 ? 'G' : 'M');
	for (size_t i = first; i < list->n_steps; i++) {
		unsigned node;
		unsigned long other;

		if (!parse_pool(&list->steps[i], &node, &other) || other != kb)
			continue;
		printf("%s%u:%s", is_next ? "," : "", node, list->steps[i].new_value);
		is_next = true;
	}
}

/* --- isolation --- */

/* The CPUs that a cgroup of ours takes for itself. */
static const char *isolated_cpus(const struct export_step *step)
{
	return strstr(step->object, "jittertop") && strstr(step->object, "isolated") &&
			       strstr(step->object, ":cpuset.cpus") &&
			       step->class->compare == STEP_CPULIST
		       ? step->new_value
		       : NULL;
}

size_t export_cmdline(const struct export_list *list)
{
	const char *separator = "", *isolated = NULL;
	size_t n_without = 0;

	for (size_t i = 0; i < list->n_steps; i++) {
		const struct export_step *step = &list->steps[i];
		char word[PLAN_VALUE_MAX + 512];
		unsigned long kb;
		unsigned node;

		if (isolated_cpus(step)) {
			isolated = isolated_cpus(step);
		} else if (parse_pool(step, &node, &kb)) {
			if (!is_first_pool(list, i, kb))
				continue;
			printf("%s", separator);
			print_pools(list, i, kb);
			separator = " ";
		} else if (parameter_word(step, word, sizeof(word))) {
			printf("%s%s", separator, word);
			separator = " ";
		} else {
			n_without++;
			(void)cmd_error("note", "%s %s: the kernel command line has no word for it",
					step->class->name, step->object);
		}
	}
	if (isolated)
		printf("%snohz_full=%s rcu_nocbs=%s isolcpus=managed_irq,domain,%s", separator,
		       isolated, isolated, isolated);
	printf("\n");
	return n_without;
}
