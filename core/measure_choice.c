#include "core/measure_choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/parse.h"
#include "core/task_cpus.h"
#include "core/task_stat.h"
#include "core/text.h"

/* Policies as /proc/PID/stat numbers them: include/uapi/linux/sched.h. */
enum { POLICY_FIFO = 1, POLICY_RR = 2, POLICY_DEADLINE = 6 };

struct task {
	uint64_t pid, tid;
	uint64_t flags, priority, policy;
	char comm[64];
};

struct scan_state {
	struct host *host;
	const struct cpuset *online;
	struct cpuset ordinary;		/* online CPUs that ordinary tasks may use */
	struct measure_reason **by_cpu; /* CPUSET_MAX pointers */
};

static int parse_stat(const char *text, struct task *ret)
{
	struct task_stat stat;

	if (task_stat_parse(text, &stat) || !stat.is_whole ||
	    !task_stat_has(&stat, TASK_STAT_FLAGS) || !task_stat_has(&stat, TASK_STAT_PRIORITY) ||
	    !task_stat_has(&stat, TASK_STAT_POLICY))
		return -EINVAL;
	ret->flags = stat.fields[TASK_STAT_FLAGS];
	ret->priority = stat.fields[TASK_STAT_PRIORITY];
	ret->policy = stat.fields[TASK_STAT_POLICY];
	(void)text_sanitise(stat.comm, stat.comm_len, ret->comm, sizeof(ret->comm));
	return 0;
}

static int read_task(struct host *host, uint64_t pid, uint64_t tid, struct task *ret)
{
	char text[1024];
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%llu/task/%llu/stat",
			       (unsigned long long)pid, (unsigned long long)tid);

	if (n < 0)
		return (int)n;
	ret->pid = pid;
	ret->tid = tid;
	return parse_stat(text, ret);
}

static bool is_realtime(const struct task *task)
{
	return task->policy == POLICY_FIFO || task->policy == POLICY_RR ||
	       task->policy == POLICY_DEADLINE;
}

/* Another jittertop's threads: two that measure disturb nobody but each other. */
static bool is_measuring(const char *comm)
{
	return starts_with(comm, "jt-wake/") || starts_with(comm, "jt-spin/") ||
	       !strcmp(comm, "jt-watch");
}

static bool has_vcpu_name(const char *comm)
{
	size_t len = strlen(comm);

	if (starts_with(comm, "CPU ") && len > 4 && !strcmp(comm + len - 4, "/KVM"))
		return true;
	return starts_with(comm, "vcpu") || starts_with(comm, "fc_vcpu") ||
	       starts_with(comm, "crosvm_vcpu");
}

/* libvirt and Proxmox start it under these names; comm is cut after 15 characters. */
static bool is_qemu(const char *comm)
{
	return starts_with(comm, "qemu-system") || starts_with(comm, "qemu-kvm") ||
	       !strcmp(comm, "kvm");
}

static const char *kind_of(const struct task *task, char *buf, size_t size)
{
	switch (task->policy) {
	case POLICY_FIFO:
		(void)snprintf(buf, size, "SCHED_FIFO %u", (unsigned)task->priority);
		return buf;
	case POLICY_RR:
		(void)snprintf(buf, size, "SCHED_RR %u", (unsigned)task->priority);
		return buf;
	case POLICY_DEADLINE:
		return "SCHED_DEADLINE";
	}
	return "not real-time";
}

static void note_cpu(struct scan_state *state, unsigned cpu, const struct task *task, bool is_vcpu,
		     const struct cpuset *bound)
{
	struct measure_reason *reason = state->by_cpu[cpu];
	char list[40], kind[32];

	if (reason) {
		reason->n_tasks++;
		return;
	}
	if (cpuset_format_list(bound, list, sizeof(list)) < 0)
		(void)snprintf(list, sizeof(list), "%u CPUs", cpuset_count(bound));
	reason = state->by_cpu[cpu] = xcalloc(1, sizeof(*reason));
	reason->cpu = cpu;
	reason->n_tasks = 1;
	(void)snprintf(reason->text, sizeof(reason->text), "%s %llu (%s, %s) is bound to %s",
		       task->comm, (unsigned long long)task->tid,
		       is_vcpu ? "vCPU" : "real-time task", kind_of(task, kind, sizeof(kind)),
		       list);
}

/* One CPU, or threads of one core: then nothing but the task itself decides where it runs. */
static bool is_within_core(const struct scan_state *state, const struct cpuset *allowed)
{
	unsigned first = cpuset_next(allowed, 0);
	struct cpuset siblings;

	if (first < CPUSET_MAX && cpuset_count(allowed) == 1)
		return true;
	return first < CPUSET_MAX &&
	       !host_read_cpulistf(state->host, &siblings,
				   "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
				   first) &&
	       cpuset_is_subset(allowed, &siblings);
}

static bool is_bound(const struct scan_state *state, const struct cpuset *allowed, bool is_realtime)
{
	if (!task_cpus_is_pinned(&state->ordinary, allowed))
		return false;
	if (is_within_core(state, allowed))
		return true;
	/* A VM that floats in its NUMA node, as libvirt places it, owns no CPU. */
	if (!is_realtime)
		return false;
	/* Isolated CPUs: somebody gave them to this task. */
	if (!cpuset_is_subset(allowed, &state->ordinary))
		return true;
	return cpuset_count(allowed) * 2 <= cpuset_count(&state->ordinary);
}

/* A task that counts: which CPUs are its own? */
static void look_at(struct scan_state *state, const struct task *task, bool is_vcpu)
{
	struct cpuset allowed;

	if (task_cpus_read(state->host, task->pid, task->tid, &allowed) < 0)
		return;
	cpuset_and(&allowed, state->online);
	if (!is_bound(state, &allowed, is_realtime(task)))
		return;
	for (unsigned cpu = cpuset_next(&allowed, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&allowed, cpu + 1))
		note_cpu(state, cpu, task, is_vcpu, &allowed);
}

/* Two passes over a qemu's threads: whether it names its vCPUs decides what the others are. */
static void look_at_process(struct scan_state *state, const struct task *leader)
{
	struct host_names tids = {0};
	bool has_named_vcpus = false;

	if (host_listf(state->host, &tids, "proc/%llu/task", (unsigned long long)leader->pid) < 0)
		return;

	struct task *tasks = xcalloc(tids.n ? tids.n : 1, sizeof(*tasks));
	size_t n = 0;

	for (size_t i = 0; i < tids.n; i++) {
		uint64_t tid;

		if (parse_u64(tids.names[i], &tid))
			continue;
		if (tid == leader->tid)
			tasks[n] = *leader;
		else if (read_task(state->host, leader->pid, tid, &tasks[n]))
			continue;
		has_named_vcpus |= has_vcpu_name(tasks[n].comm);
		n++;
	}

	bool is_guessing = !has_named_vcpus && is_qemu(leader->comm);

	for (size_t i = 0; i < n; i++) {
		bool is_vcpu = is_guessing || has_vcpu_name(tasks[i].comm);

		if (is_vcpu || (is_realtime(&tasks[i]) && !is_measuring(tasks[i].comm)))
			look_at(state, &tasks[i], is_vcpu);
	}
	free(tasks);
	host_names_done(&tids);
}

static void gather(struct scan_state *state, struct measure_taken *ret)
{
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		struct measure_reason *reason = state->by_cpu[cpu];

		if (!reason)
			continue;
		if (reason->n_tasks > 1) {
			size_t len = strlen(reason->text);

			(void)snprintf(reason->text + len, sizeof(reason->text) - len, ", %u more",
				       reason->n_tasks - 1);
		}
		cpuset_add(&ret->cpus, cpu);
		ret->reasons = xrealloc(ret->reasons, (ret->n_reasons + 1) * sizeof(*ret->reasons));
		ret->reasons[ret->n_reasons++] = *reason;
		free(reason);
	}
}

int measure_find_taken(struct host *host, const struct cpuset *online, pid_t self,
		       struct measure_taken *ret)
{
	struct scan_state state = {.host = host, .online = online};
	struct host_names pids;
	int result = host_listf(host, &pids, "proc");

	if (result < 0)
		return result;
	task_cpus_ordinary(host, online, &state.ordinary);
	state.by_cpu = xcalloc(CPUSET_MAX, sizeof(struct measure_reason *));
	for (size_t i = 0; i < pids.n; i++) {
		struct task leader;
		uint64_t pid;

		/* The kernel's own threads are not looked into: what is bound to a CPU there
		 * (migration, ksoftirqd, threaded interrupts) has precedence over our priority. */
		if (parse_u64(pids.names[i], &pid) || pid == (uint64_t)self ||
		    read_task(host, pid, pid, &leader) || leader.flags & TASK_KTHREAD)
			continue;
		look_at_process(&state, &leader);
	}
	host_names_done(&pids);
	*ret = (struct measure_taken){0};
	gather(&state, ret);
	free(state.by_cpu);
	return 0;
}

void measure_taken_done(struct measure_taken *taken)
{
	free(taken->reasons);
	*taken = (struct measure_taken){0};
}

const struct measure_reason *measure_taken_why(const struct measure_taken *taken, unsigned cpu)
{
	for (unsigned i = 0; i < taken->n_reasons; i++) {
		if (taken->reasons[i].cpu == cpu)
			return &taken->reasons[i];
	}
	return NULL;
}
