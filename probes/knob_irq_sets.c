/*
 * Many interrupts at once: all of a NIC, one queue per CPU, all off a set of CPUs. Each is a step
 * that may be refused without taking the others back (STEP_OPTIONAL): whether an interrupt can be
 * moved only a write tells (Documentation/core-api/irq/irq-affinity.rst).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/knob_irq.h"
#include "probes/knob_nic_internal.h"
#include "probes/queue_internal.h"

extern const struct step_class step_class_default_smp_affinity; /* "host" */
extern const struct step_class step_class_xps_cpus;		/* "queue:IFNAME/tx-N" */

/* --- what both need --- */

struct moving {
	struct host *host;
	struct plan *plan;
	char *why;
	size_t why_size;
	unsigned n_moved, n_left;
	char left[160]; /* those left where they are, as many as there is room for */
};

/* In the kernel's form; a mask without padding is one with it. */
static int format_mask(const struct cpuset *set, char *buf, size_t size)
{
	unsigned n_bits = 1;

	for (unsigned c = cpuset_next(set, 0); c < CPUSET_MAX; c = cpuset_next(set, c + 1))
		n_bits = c + 1;
	return cpuset_format_mask(set, n_bits, buf, size);
}

static int read_online(struct host *host, struct cpuset *ret)
{
	struct cpus cpus = {0};
	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

static bool read_actions(struct host *host, unsigned irq, char *buf, size_t size)
{
	char text[256];
	ssize_t n = host_readf(host, text, sizeof(text), "sys/kernel/irq/%u/actions", irq);

	buf[0] = '\0';
	if (n > 0)
		(void)text_sanitise(text, (size_t)n, buf, size);
	return n > 0;
}

static void leave(struct moving *m, unsigned irq, const char *actions)
{
	size_t len = strlen(m->left);

	m->n_left++;
	(void)snprintf(m->left + len, sizeof(m->left) - len, "%s%u %.24s", len ? ", " : "", irq,
		       actions);
}

static int move(struct moving *m, unsigned irq, const struct cpuset *cpus)
{
	char object[32], list[PLAN_VALUE_MAX], warning[256];
	struct cpuset before;

	(void)snprintf(object, sizeof(object), "irq:%u", irq);
	if (cpuset_format_list(cpus, list, sizeof(list)) < 0)
		return -ENOSPC;
	int err = plan_add(m->plan, m->host, &step_class_irq_move, object, list, warning,
			   sizeof(warning));
	/* It went since it was listed. */
	if (errno_is_absent(-err))
		return 0;
	if (err) {
		(void)snprintf(m->why, m->why_size, "%s", warning);
		return err;
	}
	m->n_moved++;
	cpuset_or(&m->plan->affected, cpus);
	if (!host_read_cpulistf(m->host, &before, "proc/irq/%u/effective_affinity_list", irq))
		cpuset_or(&m->plan->affected, &before);
	return 0;
}

static void say_left(const struct moving *m)
{
	if (m->n_left)
		nic_why_add(m->why, m->why_size,
			    "left where they are, managed by their drivers: %s%s", m->left,
			    strlen(m->left) + 1 == sizeof(m->left) ? "..." : "");
	nic_why_add(m->why, m->why_size,
		    "an interrupt that the kernel refuses to move is reported and left out");
}

/* --- off a set of CPUs --- */

static int irq_number(const char *name, unsigned *ret)
{
	uint64_t number;

	if (parse_u64(name, &number) || number > 10000000)
		return -EINVAL;
	*ret = (unsigned)number;
	return 0;
}

static int move_off(struct moving *m, unsigned irq, const struct cpuset *off,
		    const struct cpuset *rest)
{
	struct cpuset now, hit;
	char actions[256];

	if (!read_actions(m->host, irq, actions, sizeof(actions)) ||
	    host_read_cpulistf(m->host, &now, "proc/irq/%u/smp_affinity_list", irq))
		return 0;
	hit = now;
	cpuset_and(&hit, off);
	if (cpuset_is_empty(&hit))
		return 0;
	if (irq_is_probably_managed(actions)) {
		leave(m, irq, actions);
		return 0;
	}
	cpuset_and(&now, rest);
	return move(m, irq, cpuset_is_empty(&now) ? rest : &now);
}

static int set_default(struct moving *m, const struct cpuset *off, const struct cpuset *rest)
{
	char text[PLAN_VALUE_MAX];
	struct cpuset mask;

	if (host_read(m->host, "proc/irq/default_smp_affinity", text, sizeof(text)) < 0 ||
	    cpuset_parse_mask(text, &mask))
		return 0;
	cpuset_andnot(&mask, off);
	if (cpuset_is_empty(&mask))
		mask = *rest;
	if (format_mask(&mask, text, sizeof(text)) < 0)
		return -ENOSPC;
	return plan_add(m->plan, m->host, &step_class_default_smp_affinity, "host", text, m->why,
			m->why_size);
}

static int off_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	struct moving m = {.host = host, .plan = ret, .why = why, .why_size = why_size};
	struct cpuset off, rest;
	struct host_names names;

	if (why_size)
		why[0] = '\0';
	if (strcmp(target, "all") != 0) {
		(void)snprintf(why, why_size, "%s: the only target is \"all\"", target);
		return -EINVAL;
	}
	if (cpuset_parse_list(value, &off) || cpuset_is_empty(&off)) {
		(void)snprintf(why, why_size,
			       "all: \"%.64s\" is not a list of the CPUs to be freed, such as 2-3",
			       value);
		return -EINVAL;
	}
	int err = read_online(host, &rest);
	if (!err) {
		cpuset_andnot(&rest, &off);
		if (cpuset_is_empty(&rest)) {
			(void)snprintf(why, why_size,
				       "all: no online CPU would be left for interrupts: leave one "
				       "out");
			return -EINVAL;
		}
		/* The default first, so that those made meanwhile do not come back. */
		err = set_default(&m, &off, &rest);
	}
	if (!err)
		err = host_listf(host, &names, "proc/irq");
	if (err) {
		if (!why[0])
			(void)snprintf(why, why_size, "all: %s", strerror(-err));
		return err;
	}
	for (size_t i = 0; i < names.n && !err; i++) {
		unsigned irq;

		if (!irq_number(names.names[i], &irq))
			err = move_off(&m, irq, &off, &rest);
	}
	host_names_done(&names);
	if (err)
		return err;
	cpuset_or(&ret->affected, &off);
	plan_title_add(ret, "%u interrupts off cpu %.48s", m.n_moved, value);
	say_left(&m);
	return 0;
}

static int off_targets(struct host *host, struct knob_targets *ret)
{
	struct cpuset unused, now;
	struct host_names names;
	char value[PLAN_VALUE_MAX], actions[256];
	unsigned n = 0;
	int err = host_listf(host, &names, "proc/irq");

	if (!err && read_online(host, &unused))
		cpuset_zero(&unused);
	for (size_t i = 0; !err && i < names.n; i++) {
		unsigned irq;

		if (!irq_number(names.names[i], &irq) &&
		    read_actions(host, irq, actions, sizeof(actions)) &&
		    !host_read_cpulistf(host, &now, "proc/irq/%u/smp_affinity_list", irq)) {
			cpuset_andnot(&unused, &now);
			n++;
		}
	}
	if (!err)
		host_names_done(&names);
	/* None at all: of a captured machine they were not saved. */
	bool is_known = !err && n > 0 && cpuset_format_list(&unused, value, sizeof(value)) >= 0;
	knob_targets_add(ret, "all", "CPUs that no interrupt may be delivered to",
			 is_known ? value : NULL, "CPU list to be kept free",
			 is_known ? NULL : "the interrupts cannot be listed");
	return 0;
}

const struct knob knob_irq_off = {
	.name = "irq_off",
	.family = "irq",
	.summary = "all interrupts off a set of CPUs, and those made later too",
	.cost = "The other CPUs get them. Managed and per-CPU interrupts stay and are named. "
		"Undone "
		"one by one.",
	.risk = KNOB_FREE,
	.targets = off_targets,
	.plan = off_plan,
};

/* --- all of a NIC --- */

static unsigned nth_cpu(const struct cpuset *cpus, unsigned n)
{
	unsigned cpu = cpuset_next(cpus, 0);

	for (n %= cpuset_count(cpus); n > 0; n--)
		cpu = cpuset_next(cpus, cpu + 1);
	return cpu;
}

/* The online CPUs of the interface's node, all where it has none. */
static int near_cpus(struct host *host, const char *ifname, struct cpuset *ret)
{
	struct cpuset node;
	int64_t number;
	int err = read_online(host, ret);

	if (!err && !host_read_i64f(host, &number, KNOB_NIC_SYS "/%s/device/numa_node", ifname) &&
	    number >= 0 &&
	    !host_read_cpulistf(host, &node, "sys/devices/system/node/node%lld/cpulist",
				(long long)number)) {
		cpuset_and(&node, ret);
		if (!cpuset_is_empty(&node))
			*ret = node;
	}
	return err;
}

/* "spread", "one-per-cpu:LIST", "LIST". */
static int parse_wish(struct host *host, const char *ifname, const char *target, const char *value,
		      struct cpuset *ret, bool *ret_is_spread, char *why, size_t why_size)
{
	static const char each[] = "one-per-cpu:";
	struct cpuset online;
	int err;

	*ret_is_spread = true;
	if (!strcmp(value, "spread")) {
		err = near_cpus(host, ifname, ret);
	} else {
		*ret_is_spread = !strncmp(value, each, strlen(each));
		err = cpuset_parse_list(*ret_is_spread ? value + strlen(each) : value, ret);
	}
	if (!err && !read_online(host, &online))
		cpuset_and(ret, &online);
	if (!err && !cpuset_is_empty(ret))
		return 0;
	(void)snprintf(why, why_size,
		       "%s: \"%.64s\" names no online CPU: a CPU list, \"spread\" or "
		       "\"one-per-cpu:LIST\"",
		       target, value);
	return err ? err : -EINVAL;
}

static int add_xps(struct moving *m, const char *ifname, const struct cpuset *cpus)
{
	struct host_names names;
	int err = 0;

	if (host_listf(m->host, &names, KNOB_NIC_SYS "/%s/queues", ifname) < 0)
		return 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		char object[PLAN_OBJECT_MAX], mask[PLAN_VALUE_MAX], now[PLAN_VALUE_MAX];
		struct cpuset one;
		uint64_t index;

		/* Single-queue devices have nothing to choose: unreadable. */
		if (strncmp(names.names[i], "tx-", 3) != 0 ||
		    parse_u64(names.names[i] + 3, &index) || index > QUEUE_MAX ||
		    host_readf(m->host, now, sizeof(now), KNOB_NIC_SYS "/%s/queues/%s/xps_cpus",
			       ifname, names.names[i]) < 0)
			continue;
		cpuset_zero(&one);
		cpuset_add(&one, nth_cpu(cpus, (unsigned)index));
		(void)snprintf(object, sizeof(object), "queue:%s/%s", ifname, names.names[i]);
		err = format_mask(&one, mask, sizeof(mask)) < 0
			      ? -ENOSPC
			      : plan_add(m->plan, m->host, &step_class_xps_cpus, object, mask,
					 m->why, m->why_size);
	}
	host_names_done(&names);
	return err;
}

struct nic_names {
	const char *ifname;
	char device[64];
};

static int move_one(struct moving *m, const struct nic_names *nic, unsigned irq,
		    const struct cpuset *cpus, bool is_spread)
{
	char actions[256];
	struct cpuset one;
	unsigned index;

	if (!read_actions(m->host, irq, actions, sizeof(actions)))
		return 0; /* nobody handles it: it never comes */
	if (!is_spread)
		return move(m, irq, cpus);
	switch (queue_action(actions, nic->ifname, nic->device, true, &index)) {
	case SERVES_RX:
	case SERVES_TX:
	case SERVES_BOTH:
		cpuset_zero(&one);
		cpuset_add(&one, nth_cpu(cpus, index));
		return move(m, irq, &one);
	default: /* of the device, no queue's */
		return 0;
	}
}

static int nic_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	struct moving m = {.host = host, .plan = ret, .why = why, .why_size = why_size};
	struct nic_names nic = {0};
	struct nic_object object;
	struct host_names names;
	struct cpuset cpus;
	bool is_spread;
	char link[256];
	int err = nic_object_parse(target, "nic:", &object);

	if (why_size)
		why[0] = '\0';
	if (err || object.part[0]) {
		(void)snprintf(why, why_size, "%.64s: name an interface, such as nic:eth0", target);
		return -EINVAL;
	}
	err = parse_wish(host, object.ifname, target, value, &cpus, &is_spread, why, why_size);
	if (err)
		return err;
	nic.ifname = object.ifname;
	ssize_t n =
		host_readlinkf(host, link, sizeof(link), KNOB_NIC_SYS "/%s/device", object.ifname);
	const char *slash = n > 0 ? strrchr(link, '/') : NULL;
	(void)snprintf(nic.device, sizeof(nic.device), "%s", slash ? slash + 1 : "");

	err = nic_irqs(host, object.ifname, &names);
	if (err) {
		(void)snprintf(why, why_size, "%s: it has no interrupts of its own (%s)", target,
			       strerror(-err));
		return err;
	}
	for (size_t i = 0; i < names.n && !err; i++) {
		unsigned irq;

		if (!irq_number(names.names[i], &irq))
			err = move_one(&m, &nic, irq, &cpus, is_spread);
	}
	host_names_done(&names);
	if (!err && m.n_moved == 0) {
		(void)snprintf(why, why_size,
			       "%s: none of its interrupts is known to serve a queue: give a CPU "
			       "list for all of them",
			       target);
		err = -ENOENT;
	}
	if (!err && is_spread)
		err = add_xps(&m, object.ifname, &cpus);
	if (err)
		return err;
	plan_title_add(ret, "%u interrupts of %.20s -> %.48s", m.n_moved, target, value);
	say_left(&m);
	nic_warn(host, object.ifname, why, why_size, NULL);
	return 0;
}

struct listing {
	struct knob_targets *targets;
	struct ssh_path ssh;
};

static void list_nic(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	char key[PLAN_OBJECT_MAX], name[256], value[PLAN_VALUE_MAX] = "";
	struct host_names names;
	struct cpuset all, one;
	bool has_any = false;

	(void)snprintf(key, sizeof(key), "nic:%s", ifname);
	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	cpuset_zero(&all);
	if (nic_irqs(host, ifname, &names) >= 0) {
		for (size_t i = 0; i < names.n; i++) {
			if (host_read_cpulistf(host, &one, "proc/irq/%s/smp_affinity_list",
					       names.names[i]))
				continue;
			cpuset_or(&all, &one);
			has_any = true;
		}
		host_names_done(&names);
	}
	if (has_any && cpuset_format_list(&all, value, sizeof(value)) < 0)
		has_any = false;
	knob_targets_add(listing->targets, key, name, has_any ? value : NULL,
			 "CPU list, spread, one-per-cpu:LIST",
			 has_any ? NULL : "it has no interrupts of its own");
}

static int nic_targets(struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.targets = ret};

	ssh_path_read(host, &listing.ssh);
	return nic_each(host, list_nic, &listing);
}

const struct knob knob_nic_irqs = {
	.name = "nic_irqs",
	.family = "irq",
	.summary = "all interrupts of a NIC: onto some CPUs, or each queue onto a CPU of its own",
	.cost = "\"spread\" takes the CPUs of the NIC's node and sets XPS to match. Interrupts "
		"that "
		"are shared or managed stay. Undone one by one.",
	.risk = KNOB_FREE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = nic_targets,
	.plan = nic_plan,
};
