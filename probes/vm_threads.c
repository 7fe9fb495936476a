/*
 * The threads of a machine: three small files each. What a thread is for is said by its name
 * (debug-threads=on), by QMP, and for vCPUs by KVM's debugfs and by the system call they wait in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_cpus.h"
#include "probes/vm_internal.h"

#define KVM_RUN 0xae80u /* _IO(KVMIO, 0x80) */

void vm_threads_done(struct vm *vm)
{
	for (unsigned i = 0; i < vm->n_threads; i++)
		free(vm->threads[i].affinity);
	free(vm->threads);
	vm->threads = NULL;
	vm->n_threads = 0;
}

/* --- names --- */

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* "CPU 3/KVM", "CPU 0/TCG": the number; -1: another name. */
static int vcpu_of(const char *comm)
{
	uint64_t index;
	struct scan scan = {comm + 4};

	if (begins(comm, "ALL CPUs/")) /* one thread for all, TCG without multi-threading */
		return 0;
	if (!begins(comm, "CPU ") || comm[4] < '0' || comm[4] > '9')
		return -1;

	char number[16];

	(void)snprintf(number, sizeof(number), "%.*s", (int)strcspn(scan.at, "/"), scan.at);
	return strchr(comm, '/') && parse_u64(number, &index) == 0 && index < 65536 ? (int)index
										    : -1;
}

static void name_role(const struct vm *vm, struct vm_thread *thread)
{
	static const struct {
		const char *prefix;
		enum vm_role role;
	} names[] = {
		{"vhost-", VM_VHOST_THREAD}, {"IO ", VM_IOTHREAD},
		{"worker", VM_WORKER},	     {"qemu-worker", VM_WORKER},
		{"vnc_worker", VM_WORKER},   {"SPICE Worker", VM_WORKER},
		{"iou-", VM_WORKER},	     {"mon_iothread", VM_MONITOR},
		{"IO mon_", VM_MONITOR},     {"migration", VM_MIGRATION},
		{"mig/", VM_MIGRATION},	     {"live_migration", VM_MIGRATION},
		{"multifd", VM_MIGRATION},   {"return path", VM_MIGRATION},
	};

	thread->index = vcpu_of(thread->comm);
	thread->how = "name";
	thread->role = thread->index >= 0 ? VM_VCPU : VM_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(names) && thread->index < 0; i++) {
		if (begins(thread->comm, names[i].prefix))
			thread->role = names[i].role;
	}
	if (begins(thread->comm, "IO mon_"))
		thread->role = VM_MONITOR;
	if (thread->role == VM_IOTHREAD)
		(void)snprintf(thread->label, sizeof(thread->label), "%s", thread->comm + 3);
	if (thread->tid == vm->pid)
		thread->role = VM_EMULATOR;
	/* Every thread has the name of the process: nobody named them. */
	else if (thread->role == VM_OTHER && !strcmp(thread->comm, vm->comm))
		thread->role = VM_UNNAMED;
}

/* --- files --- */

static bool status_number(const char *text, const char *key, uint64_t *ret)
{
	const char *line = strstr(text, key);

	if (!line)
		return false;

	struct scan scan = {line + strlen(key)};

	return scan_u64(&scan, ret) == 0;
}

/* "NSpid:	1234	12": the last one is the innermost. */
static pid_t innermost_pid(const char *text, pid_t tid)
{
	static const char key[] = "\nNSpid:";
	const char *line = strstr(text, key);
	struct scan scan = {line ? line + sizeof(key) - 1 : ""};
	uint64_t n;

	while (scan_u64(&scan, &n) == 0)
		tid = n && n <= INT32_MAX ? (pid_t)n : tid;
	return tid;
}

static void read_status(struct vm *vm, struct host *host, struct vm_thread *thread, pid_t process)
{
	char text[16384];

	(void)vm;
	thread->ns_tid = thread->tid;
	if (host_readf(host, text, sizeof(text), "proc/%d/task/%d/status", (int)process,
		       (int)thread->tid) < 0)
		return;
	thread->has_status =
		status_number(text, "\nvoluntary_ctxt_switches:", &thread->switches) &&
		status_number(text, "\nnonvoluntary_ctxt_switches:", &thread->involuntary);
	thread->ns_tid = innermost_pid(text, thread->tid);

	struct cpuset *set = xcalloc(1, sizeof(*set));

	if (task_cpus_parse(text, set) < 0)
		free(set);
	else
		thread->affinity = set;
}

/* "cpu_ns delay_ns slices": what the scheduler counts, where it was built to. */
static void read_schedstat(struct host *host, struct vm_thread *thread, pid_t process)
{
	char text[96];
	struct scan scan = {text};

	thread->cpu_ns = thread->stat.cpu_ticks * (NSEC_PER_SEC / 100); /* USER_HZ */
	if (host_readf(host, text, sizeof(text), "proc/%d/task/%d/schedstat", (int)process,
		       (int)thread->tid) < 0)
		return;

	uint64_t cpu_ns, delay_ns;

	if (scan_u64(&scan, &cpu_ns) < 0 || scan_u64(&scan, &delay_ns) < 0)
		return;
	thread->has_schedstat = true;
	thread->cpu_ns = cpu_ns;
	thread->run_delay_ns = delay_ns;
}

static bool read_thread(struct vm *vm, struct host *host, pid_t process, pid_t tid,
			struct vm_thread *ret)
{
	char text[1024];

	*ret = (struct vm_thread){.tid = tid, .index = -1};
	if (host_readf(host, text, sizeof(text), "proc/%d/task/%d/stat", (int)process, (int)tid) <
		    0 ||
	    vm_parse_stat(text, &ret->stat) < 0)
		return false;
	memcpy(ret->comm, ret->stat.comm, sizeof(ret->comm));
	name_role(vm, ret);
	read_status(vm, host, ret, process);
	read_schedstat(host, ret, process);
	return true;
}

/* --- roles that names do not give --- */

static void ask_qmp(const struct vm *vm, struct vm_thread *thread)
{
	const struct qmp_machine *qmp = vm->qmp;

	for (unsigned i = 0; qmp && i < qmp->cpus.n; i++) {
		if (qmp->cpus.at[i].tid != thread->ns_tid)
			continue;
		if (thread->role != VM_VCPU)
			thread->how = "qmp";
		thread->role = VM_VCPU;
		thread->index = (int)qmp->cpus.at[i].index;
	}
	for (unsigned i = 0; qmp && i < qmp->iothreads.n; i++) {
		if (qmp->iothreads.at[i].tid != thread->ns_tid)
			continue;
		if (thread->role != VM_IOTHREAD)
			thread->how = "qmp";
		thread->role = VM_IOTHREAD;
		(void)snprintf(thread->label, sizeof(thread->label), "%s", qmp->iothreads.at[i].id);
	}
}

/* debugfs since 5.18: kvm/PID-FD/vcpuN/pid. */
static void ask_debugfs(struct vm *vm, struct host *host)
{
	for (unsigned cpu = 0; vm->kvm_fd >= 0 && cpu < 4096; cpu++) {
		uint64_t tid;

		if (host_read_u64f(host, &tid, "sys/kernel/debug/kvm/%d-%d/vcpu%u/pid",
				   (int)vm->pid, vm->kvm_fd, cpu) < 0)
			return;
		for (unsigned i = 0; i < vm->n_threads; i++) {
			struct vm_thread *thread = &vm->threads[i];

			if (thread->role != VM_UNNAMED || (uint64_t)thread->tid != tid)
				continue;
			thread->role = VM_VCPU;
			thread->index = (int)cpu;
			thread->how = "kvm";
		}
	}
}

/* "16 0x1c 0xae80 ...": a thread that waits in KVM_RUN on a descriptor that is "kvm-vcpu:1". */
static void ask_syscall(const struct vm *vm, struct host *host, struct vm_thread *thread)
{
	char text[256], words[3][24] = {"", "", ""}, target[64];
	uint64_t fd, request, index;
	struct scan scan = {text};

	if (host_readf(host, text, sizeof(text), "proc/%d/task/%d/syscall", (int)vm->pid,
		       (int)thread->tid) < 0)
		return;
	for (unsigned i = 0; i < 3; i++) {
		const char *word;
		size_t len;

		if (scan_word(&scan, &word, &len) < 0 || len >= sizeof(words[i]))
			return;
		(void)snprintf(words[i], sizeof(words[i]), "%.*s", (int)len, word);
	}
	if (parse_hex_u64(words[1], &fd) < 0 || parse_hex_u64(words[2], &request) < 0 ||
	    request != KVM_RUN ||
	    host_readlinkf(host, target, sizeof(target), "proc/%d/fd/%llu", (int)vm->pid,
			   (unsigned long long)fd) < 0 ||
	    !begins(target, "anon_inode:kvm-vcpu"))
		return;
	thread->role = VM_VCPU;
	thread->how = "kvm";
	if (target[19] == ':' && parse_u64(target + 20, &index) == 0 && index < 65536)
		thread->index = (int)index;
}

/* A vCPU that runs its guest shows no system call: what was found once stays with the thread. */
static void remember(struct vm_thread *thread, const struct vm_thread *before, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (before[i].tid != thread->tid || before[i].stat.start != thread->stat.start ||
		    before[i].role == VM_UNNAMED)
			continue;
		thread->role = before[i].role;
		thread->index = before[i].index;
		thread->how = before[i].how;
		memcpy(thread->label, before[i].label, sizeof(thread->label));
	}
}

static void find_roles(struct vm *vm, struct host *host, const struct vm_thread *before,
		       unsigned n_before)
{
	bool has_unnamed = false, has_names = false;

	for (unsigned i = 0; i < vm->n_threads; i++)
		has_names |= vm->threads[i].index >= 0;
	for (unsigned i = 0; i < vm->n_threads; i++) {
		struct vm_thread *thread = &vm->threads[i];

		/* Where vCPUs have names, one without is none: RCU's, made before the naming. */
		if (has_names && thread->role == VM_UNNAMED)
			thread->role = VM_OTHER;
		ask_qmp(vm, thread);
		if (thread->role == VM_UNNAMED)
			remember(thread, before, n_before);
		has_unnamed |= thread->role == VM_UNNAMED;
	}
	if (!has_unnamed)
		return;
	ask_debugfs(vm, host);
	for (unsigned i = 0; i < vm->n_threads; i++) {
		if (vm->threads[i].role == VM_UNNAMED)
			ask_syscall(vm, host, &vm->threads[i]);
	}
}

static void add(struct vm *vm, struct host *host, pid_t process, pid_t tid)
{
	struct vm_thread *thread = &vm->threads[vm->n_threads];

	if (vm->n_threads < VM_THREADS_MAX && read_thread(vm, host, process, tid, thread))
		vm->n_threads++;
	else
		free(thread->affinity);
}

int vm_read_threads(struct vm *vm, struct host *host, const struct vm_state *state)
{
	struct vm before = *vm;
	struct host_names tids = {0};

	vm->threads = NULL;
	vm->n_threads = 0;

	int r = host_listf(host, &tids, "proc/%d/task", (int)vm->pid);

	vm->threads = xcalloc(tids.n + state->n_kthreads + 1, sizeof(*vm->threads));
	for (size_t i = 0; r == 0 && i < tids.n && i < VM_THREADS_MAX; i++) {
		uint64_t tid;

		if (parse_u64(tids.names[i], &tid) == 0 && tid && tid <= INT32_MAX)
			add(vm, host, vm->pid, (pid_t)tid);
	}
	for (unsigned i = 0; i < state->n_kthreads; i++) {
		if (state->kthreads[i].owner == vm->pid)
			add(vm, host, state->kthreads[i].tid, state->kthreads[i].tid);
	}
	host_names_done(&tids);
	find_roles(vm, host, before.threads, before.n_threads);

	for (unsigned i = 0; i < before.n_threads; i++)
		free(before.threads[i].affinity);
	free(before.threads);
	/* Its process may have ended while it was read, and another one have its number. (Numbers
	 * start again at the top: the first thread need not have the lowest.) */
	for (unsigned i = 0; i < vm->n_threads; i++) {
		if (vm->threads[i].tid == vm->pid)
			return vm->threads[i].stat.start == vm->start ? 0 : -ESRCH;
	}
	return -ESRCH;
}
