/*
 * What confounds a measurement: the settings and the company in which it was made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/host.h"
#include "core/parse.h"
#include "core/text.h"
#include "tui/cmd_probe_internal.h"

#define CPU_DIR "sys/devices/system/cpu/cpu%u"
#define DMA_LATENCY "/dev/cpu_dma_latency"
#define MSR_SMI_COUNT 0x34 /* Intel SDM volume 4: MSR_SMI_COUNT, 32 bits */

/* A one-line file that is shown; "" when it is not there. */
static void read_word(struct host *host, char *buf, size_t size, const char *path)
{
	char text[128];
	ssize_t len = host_read(host, path, text, sizeof(text));

	buf[0] = '\0';
	if (len > 0)
		(void)text_sanitise(text, (size_t)len, buf, size);
}

/* --- steal and load --- */

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guest time is part of
 * user already (proc(5)). */
static bool read_steal(struct host *host, struct probe_steal *ret)
{
	struct host_file *file = NULL;
	const char *text, *word;
	struct probe_steal steal = {0};
	size_t len;
	unsigned n = 0;

	if (host_file_readf(host, &file, &text, "proc/stat") < 0) {
		host_file_close(file);
		return false;
	}

	struct scan scan = {text};

	if (!scan_word(&scan, &word, &len) && len == 3 && !memcmp(word, "cpu", 3)) {
		uint64_t ticks;
		for (; n < 8 && !scan_u64(&scan, &ticks); n++) {
			steal.all += ticks;
			steal.stolen = ticks; /* the eighth stays */
		}
	}
	host_file_close(file);
	if (n < 8)
		return false;
	*ret = steal;
	return true;
}

static double steal_share(const struct probe_steal *before, const struct probe_steal *after)
{
	if (after->all <= before->all || after->stolen < before->stolen)
		return after->all == before->all ? 0 : -1;
	return (double)(after->stolen - before->stolen) / (double)(after->all - before->all);
}

static double read_load(struct host *host)
{
	char text[128];
	double load;

	if (host_read(host, "proc/loadavg", text, sizeof(text)) < 0)
		return -1;
	text[strcspn(text, " ")] = '\0';
	return parse_f64(text, &load) ? -1 : load;
}

/* --- the kernel --- */

/* "none voluntary (full) lazy" */
static bool bracketed(const char *text, char *buf, size_t size)
{
	const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;

	if (!close)
		return false;
	(void)text_sanitise(open + 1, (size_t)(close - open - 1), buf, size);
	return true;
}

static void read_preemption(struct host *host, char *buf, size_t size)
{
	/* The longest first: each contains the next. */
	static const char *const models[] = {"PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT_LAZY",
					     "PREEMPT"};
	char text[512];

	buf[0] = '\0';
	if (host_read(host, "sys/kernel/debug/sched/preempt", text, sizeof(text)) > 0 &&
	    bracketed(text, buf, size))
		return;
	if (host_read(host, "proc/version", text, sizeof(text)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(models) && !buf[0]; i++) {
		if (strstr(text, models[i]))
			(void)snprintf(buf, size, "%s", models[i]);
	}
	if (!buf[0])
		(void)snprintf(buf, size, "none or voluntary");
}

/* --- who keeps CPUs out of deep idle states --- */

static bool holds_dma_latency(struct host *host, const char *pid, bool *is_denied)
{
	struct host_names fds;
	bool is_held = false;
	int err = host_listf(host, &fds, "proc/%s/fd", pid);

	if (err) {
		*is_denied |= errno_is_denied(-err);
		return false;
	}
	for (size_t i = 0; i < fds.n && !is_held; i++) {
		char target[sizeof(DMA_LATENCY) + 1];

		is_held = host_readlinkf(host, target, sizeof(target), "proc/%s/fd/%s", pid,
					 fds.names[i]) > 0 &&
			  !strcmp(target, DMA_LATENCY);
	}
	host_names_done(&fds);
	return is_held;
}

static void find_holders(struct host *host, struct probe_facts *facts)
{
	struct host_names names;
	bool is_denied = false;

	if (host_listf(host, &names, "proc"))
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t pid;

		if (parse_u64(names.names[i], &pid) ||
		    !holds_dma_latency(host, names.names[i], &is_denied))
			continue;
		if (facts->n_holders < PROBE_HOLDERS) {
			char path[64];

			(void)snprintf(path, sizeof(path), "proc/%s/comm", names.names[i]);
			facts->holders[facts->n_holders].pid = pid;
			read_word(host, facts->holders[facts->n_holders].command,
				  sizeof(facts->holders[0].command), path);
		}
		facts->n_holders++;
	}
	facts->are_holders_known = facts->n_holders || !is_denied;
	host_names_done(&names);
}

/* --- each CPU --- */

static bool read_idle_state(struct host *host, unsigned cpu, unsigned i,
			    struct probe_idle_state *ret)
{
	char path[128];
	uint64_t disable;

	(void)snprintf(path, sizeof(path), CPU_DIR "/cpuidle/state%u/name", cpu, i);
	read_word(host, ret->name, sizeof(ret->name), path);
	if (!ret->name[0] ||
	    host_read_u64f(host, &ret->exit_latency_us, CPU_DIR "/cpuidle/state%u/latency", cpu,
			   i) ||
	    host_read_u64f(host, &disable, CPU_DIR "/cpuidle/state%u/disable", cpu, i))
		return false;
	ret->is_allowed = !disable;
	return true;
}

/* Read only; needs the msr module and root, and only Intel has it. */
static bool read_smi(struct host *host, unsigned cpu, uint64_t *ret)
{
	_cleanup_(fd_closep) int fd = -1;
	uint64_t value;

	if (host_stream_openf(host, &fd, "dev/cpu/%u/msr", cpu) ||
	    pread(fd, &value, sizeof(value), MSR_SMI_COUNT) != sizeof(value))
		return false;
	*ret = value & UINT32_MAX;
	return true;
}

static void read_cpu(struct host *host, unsigned cpu, struct probe_cpu_facts *ret)
{
	char path[128];

	ret->cpu = cpu;
	(void)snprintf(path, sizeof(path), CPU_DIR "/cpufreq/scaling_governor", cpu);
	read_word(host, ret->governor, sizeof(ret->governor), path);
	(void)snprintf(path, sizeof(path), CPU_DIR "/power/pm_qos_resume_latency_us", cpu);
	read_word(host, ret->resume_latency, sizeof(ret->resume_latency), path);
	while (ret->n_idle_states < PROBE_IDLE_STATES &&
	       read_idle_state(host, cpu, ret->n_idle_states,
			       &ret->idle_states[ret->n_idle_states]))
		ret->n_idle_states++;
	ret->has_smi = read_smi(host, cpu, &ret->smi);
}

void probe_facts_begin(struct host *host, const struct cpuset *cpus, struct probe_facts *ret)
{
	read_preemption(host, ret->preemption, sizeof(ret->preemption));
	ret->has_rt_throttling =
		!host_read_i64f(host, &ret->rt_runtime_us, "proc/sys/kernel/sched_rt_runtime_us") &&
		!host_read_i64f(host, &ret->rt_period_us, "proc/sys/kernel/sched_rt_period_us");
	find_holders(host, ret);
	ret->cpus = xcalloc(cpuset_count(cpus) + 1, sizeof(*ret->cpus));
	for (unsigned cpu = cpuset_next(cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(cpus, cpu + 1))
		read_cpu(host, cpu, &ret->cpus[ret->n_cpus++]);
	ret->has_steal = read_steal(host, &ret->steal);
}

const struct probe_cpu_facts *probe_facts_cpu(const struct probe_facts *facts, unsigned cpu)
{
	for (unsigned i = 0; i < facts->n_cpus; i++) {
		if (facts->cpus[i].cpu == cpu)
			return &facts->cpus[i];
	}
	return NULL;
}

void probe_facts_end(struct host *host, struct probe_facts *facts)
{
	struct probe_steal after;

	facts->load_1 = read_load(host);
	facts->steal_share = facts->has_steal && read_steal(host, &after)
				     ? steal_share(&facts->steal, &after)
				     : -1;
	for (unsigned i = 0; i < facts->n_cpus; i++) {
		struct probe_cpu_facts *cpu = &facts->cpus[i];
		uint64_t smi;

		cpu->has_smi = cpu->has_smi && read_smi(host, cpu->cpu, &smi);
		if (cpu->has_smi)
			cpu->smi = (smi - cpu->smi) & UINT32_MAX;
	}
}
