/*
 * A machine whose power settings behave as the kernel's do: 4 CPUs, 2 cores of 2 threads (0,2 and
 * 1,3), intel_pstate with HWP, 3 idle states, PM QoS per CPU, one interrupt that only CPU 3 gets,
 * cpusets of version 1. What a write does besides is what kernels do at their worst: the governor
 * performance overwrites the energy preference, a CPU that comes back has defaults only.
 */
#ifndef JT_TESTS_UNIT_FAKE_POWER_H
#define JT_TESTS_UNIT_FAKE_POWER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_write.h"

#define POWER_CPU "sys/devices/system/cpu"
#define POWER_CPUS 4u
#define POWER_STATES 3u

struct fake_power {
	bool is_offline[POWER_CPUS];
	bool is_turbo_locked; /* by the firmware */
	int refuse_err;	      /* what refuse_path answers to a write; 0: nothing */
	const char *refuse_path;
};

__attribute__((unused, format(printf, 3, 4))) static void
power_put(struct host *host, const char *text, const char *fmt, ...)
{
	char path[256], line[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	(void)snprintf(line, sizeof(line), "%s\n", text);
	host_fake_file(host, path, line);
}

static void power_get(struct host *host, char *buf, size_t size, const char *path)
{
	if (host_read(host, path, buf, size) < 0)
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* A CPU as it is when it comes up. */
static void power_cpu_defaults(struct host *host, unsigned cpu)
{
	static const char *const latencies[] = {"0", "2", "133"};
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", cpu);
	power_put(host, number, POWER_CPU "/cpufreq/policy%u/affected_cpus", cpu);
	power_put(host, "powersave", POWER_CPU "/cpufreq/policy%u/scaling_governor", cpu);
	power_put(host, "balance_performance",
		  POWER_CPU "/cpufreq/policy%u/energy_performance_preference", cpu);
	power_put(host, "800000", POWER_CPU "/cpufreq/policy%u/scaling_min_freq", cpu);
	power_put(host, "3600000", POWER_CPU "/cpufreq/policy%u/scaling_max_freq", cpu);
	power_put(host, "6", POWER_CPU "/cpu%u/power/energy_perf_bias", cpu);
	power_put(host, "0", POWER_CPU "/cpu%u/power/pm_qos_resume_latency_us", cpu);
	for (unsigned i = 0; i < POWER_STATES; i++) {
		power_put(host, "0", POWER_CPU "/cpu%u/cpuidle/state%u/disable", cpu, i);
		power_put(host, latencies[i], POWER_CPU "/cpu%u/cpuidle/state%u/latency", cpu, i);
		power_put(host, "enabled", POWER_CPU "/cpu%u/cpuidle/state%u/default_status", cpu,
			  i);
	}
}

static void power_online_list(const struct fake_power *power, struct host *host)
{
	struct cpuset online;
	char list[64];

	cpuset_zero(&online);
	for (unsigned c = 0; c < POWER_CPUS; c++) {
		if (!power->is_offline[c])
			cpuset_add(&online, c);
	}
	(void)cpuset_format_list(&online, list, sizeof(list));
	power_put(host, list, POWER_CPU "/online");
}

static void power_remove_cpu(struct host *host, const char *path, unsigned cpu,
			     const char *when_empty)
{
	struct cpuset set;
	char list[64];

	if (host_read_cpulistf(host, &set, "%s", path) || !cpuset_has(&set, cpu))
		return;
	cpuset_remove(&set, cpu);
	(void)cpuset_format_list(&set, list, sizeof(list));
	power_put(host, list[0] ? list : when_empty, "%s", path);
}

static void power_switch_cpu(struct fake_power *power, struct host *host, unsigned cpu, bool is_on)
{
	char text[64];

	if (power->is_offline[cpu] != is_on)
		return;
	power->is_offline[cpu] = !is_on;
	power_online_list(power, host);
	power_put(host, is_on ? "1" : "0", POWER_CPU "/cpu%u/online", cpu);
	if (is_on) {
		(void)snprintf(text, sizeof(text), "%u,%u", cpu % 2, cpu % 2 + 2);
		power_put(host, text, POWER_CPU "/cpu%u/topology/thread_siblings_list", cpu);
		power_cpu_defaults(host, cpu);
		return;
	}
	(void)snprintf(text, sizeof(text), POWER_CPU "/cpu%u/topology", cpu);
	host_fake_remove(host, text);
	(void)snprintf(text, sizeof(text), POWER_CPU "/cpufreq/policy%u", cpu);
	host_fake_remove(host, text);
	power_remove_cpu(host, "proc/irq/40/smp_affinity_list", cpu, "0-2");
	power_remove_cpu(host, "sys/fs/cgroup/cpuset/a/cpuset.cpus", cpu, "");
	power_remove_cpu(host, "sys/fs/cgroup/cpuset/a/b/cpuset.cpus", cpu, "");
}

static int power_governor(struct host *host, unsigned policy, const char *value)
{
	if (strcmp(value, "performance") != 0 && strcmp(value, "powersave") != 0)
		return -EINVAL;
	if (!strcmp(value, "performance"))
		power_put(host, "performance",
			  POWER_CPU "/cpufreq/policy%u/energy_performance_preference", policy);
	return 0;
}

static int power_epp(struct host *host, unsigned policy, const char *value)
{
	char path[128], governor[32];

	(void)snprintf(path, sizeof(path), POWER_CPU "/cpufreq/policy%u/scaling_governor", policy);
	power_get(host, governor, sizeof(governor), path);
	return !strcmp(governor, "performance") && strcmp(value, "performance") != 0 ? -EBUSY : 0;
}

/* A group of version 1 has no CPU that its parent has not. */
static int power_cpuset_b(struct host *host, const char *value)
{
	struct cpuset parent, wish;

	if (host_read_cpulistf(host, &parent, "sys/fs/cgroup/cpuset/a/cpuset.cpus") ||
	    cpuset_parse_list(value, &wish))
		return -EINVAL;
	return cpuset_is_subset(&wish, &parent) ? 0 : -EACCES;
}

/* With the kernel's default governor (CONFIG_CPU_FREQ_DEFAULT_GOV_PERFORMANCE). */
static void power_remake_policy(struct host *host, unsigned policy)
{
	power_cpu_defaults(host, policy);
	power_put(host, "performance", POWER_CPU "/cpufreq/policy%u/scaling_governor", policy);
	power_put(host, "performance", POWER_CPU "/cpufreq/policy%u/energy_performance_preference",
		  policy);
}

static int power_write(void *arg, struct host *host, const char *path, const char *text)
{
	struct fake_power *power = arg;
	unsigned n;
	char file[64];

	if (power->refuse_err && strstr(path, power->refuse_path))
		return -power->refuse_err;
	if (sscanf(path, POWER_CPU "/cpufreq/policy%u/%63s", &n, file) == 2) {
		if (!strcmp(file, "scaling_governor"))
			return power_governor(host, n, text);
		if (!strcmp(file, "energy_performance_preference"))
			return power_epp(host, n, text);
	}
	if (sscanf(path, POWER_CPU "/cpu%u/%63s", &n, file) == 2 && !strcmp(file, "online")) {
		power_switch_cpu(power, host, n, text[0] == '1');
		return 1;
	}
	if (!strcmp(path, POWER_CPU "/smt/control")) {
		/* on: every one, those too that were offline by hand */
		for (n = 2; n < POWER_CPUS; n++)
			power_switch_cpu(power, host, n, !strcmp(text, "on"));
		return 0;
	}
	if (!strcmp(path, POWER_CPU "/intel_pstate/status")) {
		for (n = 0; n < POWER_CPUS; n++)
			power_remake_policy(host, n);
		return 0;
	}
	if (!strcmp(path, POWER_CPU "/intel_pstate/no_turbo") && power->is_turbo_locked)
		return -EPERM;
	if (!strcmp(path, "sys/fs/cgroup/cpuset/a/b/cpuset.cpus"))
		return power_cpuset_b(host, text);
	return 0;
}

__attribute__((unused)) static void power_set_up(struct fake_power *power, struct host *host)
{
	for (unsigned c = 0; c < POWER_CPUS; c++) {
		power->is_offline[c] = true;
		power_switch_cpu(power, host, c, true);
		power_put(host, "performance powersave",
			  POWER_CPU "/cpufreq/policy%u/scaling_available_governors", c);
		power_put(host, "default performance balance_performance balance_power power",
			  POWER_CPU "/cpufreq/policy%u/energy_performance_available_preferences",
			  c);
		power_put(host, "800000", POWER_CPU "/cpufreq/policy%u/cpuinfo_min_freq", c);
		power_put(host, "3600000", POWER_CPU "/cpufreq/policy%u/cpuinfo_max_freq", c);
	}
	/* CPU 0 cannot go. */
	host_fake_remove(host, POWER_CPU "/cpu0/online");
	power_put(host, "0-3", POWER_CPU "/present");
	power_put(host, "", POWER_CPU "/isolated");
	power_put(host, "on", POWER_CPU "/smt/control");
	power_put(host, "menu", POWER_CPU "/cpuidle/current_governor");
	power_put(host, "ladder menu teo", POWER_CPU "/cpuidle/available_governors");
	power_put(host, "active", POWER_CPU "/intel_pstate/status");
	power_put(host, "0", POWER_CPU "/intel_pstate/no_turbo");
	power_put(host, "25", POWER_CPU "/intel_pstate/min_perf_pct");
	power_put(host, "100", POWER_CPU "/intel_pstate/max_perf_pct");
	power_put(host, "3", "proc/irq/40/smp_affinity_list");
	power_put(host, "0-3", "proc/irq/41/smp_affinity_list");
	power_put(host, "eth0", "sys/kernel/irq/40/actions");
	power_put(host, "eth1", "sys/kernel/irq/41/actions");
	power_put(host, "0-3", "sys/fs/cgroup/cpuset/cpuset.cpus");
	power_put(host, "2-3", "sys/fs/cgroup/cpuset/a/cpuset.cpus");
	power_put(host, "3", "sys/fs/cgroup/cpuset/a/b/cpuset.cpus");
	host_fake_file(host, "sys/fs/cgroup/cpuset/a/tasks", "");
	host_fake_file(host, "sys/fs/cgroup/cpuset/a/b/tasks", "");
	host_fake_on_write(host, power_write, power);
}

#endif
