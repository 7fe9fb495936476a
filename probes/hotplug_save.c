#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/hotplug.h"
#include "probes/hotplug_internal.h"
#include "probes/read.h"
#include "probes/saved.h"

#define SYS_CPU "sys/devices/system/cpu"
#define MAX_STATES 16u
#define GROUP_DEPTH_MAX 24u

struct saving {
	struct host *host;
	const struct cpuset *cpus;
	struct plan *plan;
	char *why;
	size_t why_size;
};

/* --- control groups --- */

int hotplug_each_group(struct host *host, const char *mount, const char *path, unsigned depth,
		       hotplug_group_fn *fn, void *arg)
{
	struct host_dirs dirs;
	char below[512];
	int err = 0;

	if (depth > GROUP_DEPTH_MAX || host_list_dirsf(host, &dirs, "%s%s", mount, path))
		return 0;
	for (size_t i = 0; i < dirs.n && !err; i++) {
		int len = snprintf(below, sizeof(below), "%s/%s", path, dirs.at[i].name);

		if (len < 0 || (size_t)len >= sizeof(below))
			continue;
		err = hotplug_each_group(host, mount, below, depth + 1, fn, arg);
		if (!err)
			err = fn(arg, below);
	}
	host_dirs_done(&dirs);
	return err;
}

/* Version 1 takes the CPU out of cpuset.cpus and never puts it back. */
static int save_cpuset(void *arg, const char *path)
{
	struct saving *saving = arg;
	struct cpuset cpus;

	if (host_read_cpulistf(saving->host, &cpus, HOTPLUG_CPUSET_MOUNT "%s/cpuset.cpus", path))
		return 0;
	cpuset_and(&cpus, saving->cpus);
	if (cpuset_is_empty(&cpus))
		return 0;
	return saved_addf(saving->plan, saving->host, SAVED_CPUSET, saving->why, saving->why_size,
			  "%s", path + 1);
}

/* A partition that loses all its CPUs stays invalid when they come back (cgroup-v2.rst). */
static int save_partition(void *arg, const char *path)
{
	struct saving *saving = arg;
	struct cpuset cpus;
	char state[256];

	if (host_readf(saving->host, state, sizeof(state),
		       HOTPLUG_V2_MOUNT "%s/cpuset.cpus.partition", path) < 0)
		return 0;
	read_trim(state);
	if ((strcmp(state, "root") != 0 && strcmp(state, "isolated") != 0) ||
	    host_read_cpulistf(saving->host, &cpus, HOTPLUG_V2_MOUNT "%s/cpuset.cpus.effective",
			       path))
		return 0;
	cpuset_and(&cpus, saving->cpus);
	if (cpuset_is_empty(&cpus))
		return 0;
	return saved_addf(saving->plan, saving->host, SAVED_PARTITION, saving->why,
			  saving->why_size, "%s", path + 1);
}

/* --- interrupts, transmit queues --- */

/* The kernel gives an interrupt that has no CPU left the mask of all, for good; virtio_net sets its
 * interrupts and queues anew whenever a CPU comes or goes (drivers/net/virtio_net.c). */
static int save_irq(struct saving *saving, const char *name, const struct cpuset *online)
{
	struct cpuset set;
	char actions[512] = "";
	uint64_t irq;

	if (parse_u64(name, &irq) ||
	    host_read_cpulistf(saving->host, &set, "proc/irq/%s/smp_affinity_list", name) ||
	    host_readf(saving->host, actions, sizeof(actions), "sys/kernel/irq/%s/actions", name) ==
		    0)
		return 0;
	if (!strstr(actions, "virtio")) {
		if (cpuset_is_subset(online, &set))
			return 0;
		cpuset_and(&set, saving->cpus);
		if (cpuset_is_empty(&set))
			return 0;
	}
	return saved_addf(saving->plan, saving->host, SAVED_IRQ, saving->why, saving->why_size,
			  "irq:%s", name);
}

static int save_irqs(struct saving *saving)
{
	struct host_names names;
	struct cpuset online;
	int err = host_listf(saving->host, &names, "proc/irq");

	if (err)
		return 0;
	if (host_read_cpulistf(saving->host, &online, SYS_CPU "/online"))
		cpuset_zero(&online);
	for (size_t i = 0; i < names.n && !err; i++)
		err = save_irq(saving, names.names[i], &online);
	host_names_done(&names);
	return err;
}

static int save_queues(struct saving *saving, const char *interface)
{
	struct host_names queues;
	struct cpuset set;
	char driver[256] = "", mask[4096];
	int err = host_listf(saving->host, &queues, "sys/class/net/%s/queues", interface);

	if (err)
		return 0;
	(void)host_readlinkf(saving->host, driver, sizeof(driver), "sys/class/net/%s/device/driver",
			     interface);
	for (size_t i = 0; i < queues.n && !err; i++) {
		if (strncmp(queues.names[i], "tx-", 3) != 0 ||
		    host_readf(saving->host, mask, sizeof(mask),
			       "sys/class/net/%s/queues/%s/xps_cpus", interface,
			       queues.names[i]) < 0 ||
		    cpuset_parse_mask(read_trim(mask), &set))
			continue;
		if (!strstr(driver, "virtio_net"))
			cpuset_and(&set, saving->cpus);
		if (!cpuset_is_empty(&set))
			err = saved_addf(saving->plan, saving->host, SAVED_XPS, saving->why,
					 saving->why_size, "%s/%s", interface, queues.names[i]);
	}
	host_names_done(&queues);
	return err;
}

static int save_interfaces(struct saving *saving)
{
	struct host_names names;
	int err = host_listf(saving->host, &names, "sys/class/net");

	if (err)
		return 0;
	for (size_t i = 0; i < names.n && !err; i++)
		err = save_queues(saving, names.names[i]);
	host_names_done(&names);
	return err;
}

/* --- frequency and idle settings --- */

/* What has its default comes back with it. */
static int save_cpu(struct saving *saving, unsigned cpu)
{
	char latency[32];
	uint64_t off;
	int err = saved_addf(saving->plan, saving->host, SAVED_EPB, saving->why, saving->why_size,
			     "cpu:%u", cpu);

	if (!err &&
	    host_readf(saving->host, latency, sizeof(latency),
		       SYS_CPU "/cpu%u/power/pm_qos_resume_latency_us", cpu) > 0 &&
	    strcmp(read_trim(latency), "0") != 0)
		err = saved_addf(saving->plan, saving->host, SAVED_RESUME_LATENCY, saving->why,
				 saving->why_size, "cpu:%u", cpu);
	for (unsigned i = 0; i < MAX_STATES && !err; i++) {
		if (host_read_u64f(saving->host, &off, SYS_CPU "/cpu%u/cpuidle/state%u/disable",
				   cpu, i))
			break;
		if (off)
			err = saved_addf(saving->plan, saving->host, SAVED_IDLE_STATE, saving->why,
					 saving->why_size, "cstate:%u/%u", cpu, i);
	}
	return err;
}

/* Numbers with blanks between; false: some that stay, or none. */
static bool loses_all(struct saving *saving, const char *policy)
{
	char text[4096];
	uint64_t cpu;
	unsigned n = 0;

	if (host_readf(saving->host, text, sizeof(text), SYS_CPU "/cpufreq/%s/affected_cpus",
		       policy) < 0)
		return false;
	for (struct scan scan = {text}; !scan_u64(&scan, &cpu); n++) {
		if (cpu >= CPUSET_MAX || !cpuset_has(saving->cpus, (unsigned)cpu))
			return false;
	}
	return n > 0;
}

static int save_policies(struct saving *saving)
{
	struct host_names names;
	int err = host_listf(saving->host, &names, SYS_CPU "/cpufreq");

	if (err)
		return 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		unsigned number;

		if (read_numbered(names.names[i], "policy", &number) &&
		    loses_all(saving, names.names[i]))
			err = saved_add_policy(saving->plan, saving->host, number, saving->why,
					       saving->why_size);
	}
	host_names_done(&names);
	return err;
}

/* Children before parents among the groups: undone in reverse, a parent has its CPUs back first. */
int hotplug_save(struct host *host, const struct cpuset *cpus, struct plan *ret, char *why,
		 size_t why_size)
{
	struct saving saving = {host, cpus, ret, why, why_size};
	int err = hotplug_each_group(host, HOTPLUG_CPUSET_MOUNT, "", 0, save_cpuset, &saving);

	/* Hybrid set-ups have a directory of mounts there. */
	if (!err && host_existsf(host, HOTPLUG_V2_MOUNT "/cgroup.controllers"))
		err = hotplug_each_group(host, HOTPLUG_V2_MOUNT, "", 0, save_partition, &saving);
	if (!err)
		err = save_irqs(&saving);
	if (!err)
		err = save_interfaces(&saving);
	for (unsigned c = cpuset_next(cpus, 0); c < CPUSET_MAX && !err;
	     c = cpuset_next(cpus, c + 1))
		err = save_cpu(&saving, c);
	return err ? err : save_policies(&saving);
}
