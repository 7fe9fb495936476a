/*
 * The CPUs an interrupt may be delivered to: /proc/irq/N/smp_affinity_list
 * (Documentation/core-api/irq/irq-affinity.rst). Named "irq:N", known again by chip, hardware
 * number and actions: the number alone is given to another device after a driver was reloaded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/knob.h"
#include "core/parse.h"
#include "core/step.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/knob_irq.h"

#define IRQ_TEXT_MAX 1024

static int irq_number(const char *object, unsigned *ret)
{
	static const char prefix[] = "irq:";
	uint64_t number;

	if (strncmp(object, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	const char *digits = object + strlen(prefix);
	if (parse_u64(digits, &number) || number > 10000000 || (digits[0] == '0' && digits[1]))
		return -EINVAL;
	*ret = (unsigned)number;
	return 0;
}

static int irq_path(const char *object, char *buf, size_t size)
{
	unsigned irq;
	int err = irq_number(object, &irq);

	if (err)
		return err;
	int len = snprintf(buf, size, "proc/irq/%u/smp_affinity_list", irq);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

/* One file of /sys/kernel/irq/N, clean and without blanks; "" when it is missing. */
static int irq_word(struct host *host, unsigned irq, const char *file, char *buf, size_t size)
{
	char text[IRQ_TEXT_MAX];
	ssize_t len = host_readf(host, text, sizeof(text), "sys/kernel/irq/%u/%s", irq, file);

	buf[0] = '\0';
	if (len < 0)
		return errno_is_absent((int)-len) ? 0 : (int)len;
	(void)text_sanitise(text, (size_t)len, buf, size);
	for (char *c = buf; *c; c++) {
		if (*c == ' ')
			*c = '_';
	}
	return 0;
}

static int irq_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char chip[48], hwirq[24], actions[64], present[PLAN_VALUE_MAX];
	unsigned irq;
	int err = irq_number(object, &irq);

	if (err)
		return err;
	/* Read and not asked for: a passing error is not absence, and what is taken for absent is
	 * never taken back. */
	ssize_t len =
		host_readf(host, present, sizeof(present), "proc/irq/%u/smp_affinity_list", irq);
	if (len < 0)
		return (int)len;
	err = irq_word(host, irq, "chip_name", chip, sizeof(chip));
	if (!err)
		err = irq_word(host, irq, "hwirq", hwirq, sizeof(hwirq));
	if (!err)
		err = irq_word(host, irq, "actions", actions, sizeof(actions));
	if (err)
		return err;
	int written = snprintf(buf, size, "%s/%s/%s", chip, hwirq, actions);
	return written < 0 || (size_t)written >= size ? -ENOSPC : 0;
}

static int irq_effective(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset set;
	unsigned irq;
	int err = irq_number(object, &irq);

	if (!err)
		err = host_read_cpulistf(host, &set, "proc/irq/%u/effective_affinity_list", irq);
	if (err)
		return err;
	int len = cpuset_format_list(&set, buf, size);
	return len < 0 ? len : 0;
}

static int read_online(struct host *host, struct cpuset *ret)
{
	struct cpus cpus = {0};
	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

static int irq_check(struct host *host, const char *object, const char *value, char *why,
		     size_t why_size)
{
	char list[256] = "";
	struct cpuset wish, online, usable;
	int err = cpuset_parse_list(value, &wish);

	if (err || cpuset_is_empty(&wish)) {
		(void)snprintf(why, why_size, "%s: an interrupt needs at least one CPU", object);
		return -EINVAL;
	}
	if (read_online(host, &online))
		return 0;
	usable = wish;
	cpuset_and(&usable, &online);
	(void)cpuset_format_list(&online, list, sizeof(list));
	if (cpuset_is_empty(&usable)) {
		(void)snprintf(why, why_size,
			       "%s: none of the CPUs %.64s is online: choose among %.64s", object,
			       value, list);
		return -EINVAL;
	}
	cpuset_andnot(&wish, &online);
	if (!cpuset_is_empty(&wish) && cpuset_format_list(&wish, list, sizeof(list)) > 0)
		(void)snprintf(why, why_size,
			       "%s: CPU %.64s is offline or does not exist: the kernel may refuse "
			       "the whole list",
			       object, list);
	return 0;
}

/* irqbalance's activate.c sorts the same errnos into transient and permanent ones. */
static const char *irq_explain(int err)
{
	switch (err) {
	case EIO:
	case EPERM:
		return "this interrupt is managed by the kernel or bound to its CPU and cannot be "
		       "moved";
	case ENOSPC:
		return "no interrupt vector is free on the CPUs asked for: add CPUs or move other "
		       "interrupts away";
	case EBUSY:
		return "a move of this interrupt is in progress: try again";
	case EINVAL:
		return "none of the CPUs asked for is online";
	case EOVERFLOW:
	case ERANGE:
		return "the list names a CPU that does not exist";
	case ENOENT:
		return "the interrupt has gone";
	case EACCES:
		return "only root may move interrupts";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

/* The number is given to another device after a driver was loaded anew, the actions tell. */
static int irq_shell_guard(const char *object, const char *identity, char *buf, size_t size)
{
	const char *actions = strrchr(identity, '/');
	unsigned irq;
	int err = irq_number(object, &irq);

	if (err || !actions || strchr(actions, '\''))
		return err ? err : -EOPNOTSUPP;
	int len = snprintf(buf, size, "[ \"$(tr ' ' _ </sys/kernel/irq/%u/actions)\" = '%s' ]", irq,
			   actions + 1);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

const struct step_class step_class_irq_affinity = {
	.name = "irq_affinity",
	.compare = STEP_CPULIST,
	.flags = STEP_LAGGING,
	.path = irq_path,
	.identity = irq_identity,
	.effective = irq_effective,
	.check = irq_check,
	.explain = irq_explain,
	.shell_guard = irq_shell_guard,
};

const struct step_class step_class_irq_move = {
	.name = "irq_move",
	.compare = STEP_CPULIST,
	.flags = STEP_LAGGING | STEP_OPTIONAL,
	.path = irq_path,
	.identity = irq_identity,
	.effective = irq_effective,
	.check = irq_check,
	.explain = irq_explain,
	.shell_guard = irq_shell_guard,
};

bool irq_is_probably_managed(const char *actions)
{
	static const char *const drivers[] = {"nvme", "mpt3sas", "megasas", "megaraid", "virtscsi"};

	if (strstr(actions, "-req.")) /* virtio-blk */
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (!strncmp(actions, drivers[i], strlen(drivers[i])))
			return true;
	}
	return false;
}

static void add_target(struct host *host, struct knob_targets *ret, unsigned irq, const char *cpus)
{
	char key[32], actions[IRQ_TEXT_MAX], name[256], value[PLAN_VALUE_MAX], choices[192];
	ssize_t len = host_readf(host, actions, sizeof(actions), "sys/kernel/irq/%u/actions", irq);

	if (len == 0)
		return; /* nobody handles it: it never comes */
	(void)snprintf(key, sizeof(key), "irq:%u", irq);
	(void)text_sanitise(len > 0 ? actions : "", len > 0 ? (size_t)len : 0, name, sizeof(name));
	(void)snprintf(choices, sizeof(choices), "CPU list of %.64s%s", cpus,
		       irq_is_probably_managed(name)
			       ? " (probably managed by its driver: the kernel may refuse)"
			       : "");

	struct cpuset set;
	int err = host_read_cpulistf(host, &set, "proc/irq/%u/smp_affinity_list", irq);
	if (!err && cpuset_format_list(&set, value, sizeof(value)) < 0)
		err = -EFBIG;
	if (err && errno_is_absent(-err))
		return;
	knob_targets_add(ret, key, name, err ? NULL : value, choices, err ? strerror(-err) : NULL);
}

static int irq_targets(struct host *host, struct knob_targets *ret)
{
	struct host_names names;
	struct cpuset online;
	char cpus[256] = "";
	int err = host_listf(host, &names, "proc/irq");

	if (err)
		return err;
	if (!read_online(host, &online))
		(void)cpuset_format_list(&online, cpus, sizeof(cpus));
	for (size_t i = 0; i < names.n; i++) {
		uint64_t irq;

		if (!parse_u64(names.names[i], &irq) && irq <= 10000000)
			add_target(host, ret, (unsigned)irq, cpus);
	}
	host_names_done(&names);
	return 0;
}

static int irq_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	unsigned irq;
	int err = plan_add(ret, host, &step_class_irq_affinity, target, value, why, why_size);

	if (err)
		return err;
	const struct plan_step *step = &ret->steps[ret->n_steps - 1];
	struct cpuset before, after;

	(void)!irq_number(target, &irq);
	if (!host_read_cpulistf(host, &before, "proc/irq/%u/effective_affinity_list", irq) ||
	    !cpuset_parse_list(step->old_value, &before))
		cpuset_or(&ret->affected, &before);
	if (!cpuset_parse_list(step->new_value, &after))
		cpuset_or(&ret->affected, &after);
	if (!read_online(host, &after))
		cpuset_and(&ret->affected, &after);
	plan_title_add(ret, "irq %u -> cpu %.48s", irq, step->new_value);
	return 0;
}

const struct knob knob_irq_affinity = {
	.name = "irq_affinity",
	.family = "irq",
	.summary = "CPUs an interrupt may be delivered to",
	.cost = "Free; some interrupts move only when they fire next. Undone by writing the old "
		"list "
		"back.",
	.risk = KNOB_FREE,
	.targets = irq_targets,
	.plan = irq_plan,
};
