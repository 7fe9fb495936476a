/*
 * Which processes are virtual machines. The stat file of every process is looked at in every run,
 * since nothing else tells that a number has a new owner; a command line is read once per process
 * and name. None of it is recorded: what other programs were started with is nobody's business.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/read.h"
#include "probes/vm_internal.h"

#define SHORT_CMDLINE 16384u

int vm_parse_stat(const char *text, struct vm_stat *ret)
{
	struct task_stat stat;

	if (task_stat_parse(text, &stat) || !stat.is_whole)
		return -EINVAL;
	*ret = (struct vm_stat){
		.state = stat.state,
		.parent = stat.fields[TASK_STAT_PARENT],
		.flags = stat.fields[TASK_STAT_FLAGS],
		.cpu_ticks =
			stat.fields[TASK_STAT_USER_TICKS] + stat.fields[TASK_STAT_SYSTEM_TICKS],
		.start = stat.fields[TASK_STAT_START],
		.cpu = stat.fields[TASK_STAT_CPU],
		.priority = stat.fields[TASK_STAT_PRIORITY],
		.policy = stat.fields[TASK_STAT_POLICY],
	};
	(void)snprintf(ret->comm, sizeof(ret->comm), "%.*s", (int)stat.comm_len, stat.comm);
	return 0;
}

void vm_free(struct vm *vm)
{
	vm_threads_done(vm);
	vm_config_done(&vm->config);
	free(vm->reasons);
	free(vm->devices);
	free(vm);
}

/* --- is it one? --- */

/* Bytes of the command line; the caller frees them. */
static ssize_t read_cmdline(struct host *host, pid_t pid, bool is_peeking, char **ret)
{
	size_t size = SHORT_CMDLINE;

	for (;;) {
		char *bytes = xcalloc(1, size);
		ssize_t n =
			is_peeking
				? host_peek_bytesf(host, bytes, size, "proc/%d/cmdline", (int)pid)
				: host_read_bytesf(host, bytes, size, "proc/%d/cmdline", (int)pid);

		if (n == -EFBIG && size < VM_CMDLINE_MAX) {
			free(bytes);
			size = VM_CMDLINE_MAX;
			continue;
		}
		if (n < 0) {
			free(bytes);
			return n;
		}
		*ret = bytes;
		return n;
	}
}

/*
 * The program is a QEMU by its file's name, which nobody can change without root; where that cannot
 * be read, by the first word. Under any other name it must have QEMU's options and nothing else,
 * -machine or -accel among them: "sudo qemu-system-x86_64 ..." is no machine.
 */
static bool is_machine(struct host *host, pid_t pid, const char *argv0,
		       const struct vm_config *config)
{
	char exe[512];

	if (config->is_not_a_machine || !(config->has_machine || config->n_devices ||
					  config->memory_bytes || vm_is_qemu_name(argv0)))
		return false;

	ssize_t n = host_readlinkf(host, exe, sizeof(exe), "proc/%d/exe", (int)pid);

	if (vm_is_qemu_name(n < 0 ? argv0 : exe))
		return true;
	return config->is_strict && config->has_machine && config->has_arguments;
}

/* NULL: none. *ret_is_sure false: look again (between its name and its command line the kernel lets
 * others look at a process that is becoming another program). */
static struct vm *look_at(struct host *host, pid_t pid, const struct vm_stat *stat,
			  bool *ret_is_sure)
{
	_cleanup_(freep) char *bytes = NULL;
	struct vm_config config;
	ssize_t n = read_cmdline(host, pid, true, &bytes);

	*ret_is_sure = n > 0;
	if (n <= 0)
		return NULL;
	if (vm_config_read(bytes, (size_t)n, &config) < 0 ||
	    !is_machine(host, pid, bytes, &config)) {
		vm_config_done(&config);
		return NULL;
	}
	/* Now for the recording, if there is one. */
	_cleanup_(freep) char *again = NULL;
	char text[1024];
	(void)!read_cmdline(host, pid, false, &again);
	(void)!host_readf(host, text, sizeof(text), "proc/%d/stat", (int)pid);

	struct vm *vm = xcalloc(1, sizeof(*vm));

	vm->pid = pid;
	vm->start = stat->start;
	vm->config = config;
	vm->kvm_fd = -1;
	(void)snprintf(vm->key, sizeof(vm->key), "%d.%llu", (int)pid,
		       (unsigned long long)stat->start);
	return vm;
}

/* --- the lists, both sorted by PID as the directory is --- */

static struct vm_seen *find_seen(const struct vm_state *state, pid_t pid)
{
	size_t low = 0, high = state->n_seen;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (state->seen[mid].pid == pid)
			return &state->seen[mid];
		if (state->seen[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static struct vm *find_vm(const struct vm_state *state, pid_t pid)
{
	size_t low = 0, high = state->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (state->vms[mid]->pid == pid)
			return state->vms[mid];
		if (state->vms[mid]->pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct next {
	struct vm **vms;
	struct vm_seen *seen;
	struct vm_kthread *kthreads;
	unsigned n, n_seen, n_kthreads, room, room_seen, room_kthreads;
};

#define GROW(array, n, room)                                                                       \
	do {                                                                                       \
		if ((n) == (room)) {                                                               \
			(room) = (room) ? 2 * (room) : 64;                                         \
			(array) = xrealloc((array), (room) * sizeof(*(array)));                    \
		}                                                                                  \
	} while (0)

static void note_kthread(struct next *next, pid_t tid, const char *comm)
{
	unsigned owner;

	if (!read_numbered(comm, "vhost-", &owner) || owner > INT32_MAX)
		return;
	GROW(next->kthreads, next->n_kthreads, next->room_kthreads);
	next->kthreads[next->n_kthreads++] = (struct vm_kthread){tid, (pid_t)owner};
}

static void note_other(struct next *next, pid_t pid, const struct vm_stat *stat)
{
	GROW(next->seen, next->n_seen, next->room_seen);

	struct vm_seen *seen = &next->seen[next->n_seen++];

	*seen = (struct vm_seen){.pid = pid, .start = stat->start};
	(void)snprintf(seen->comm, sizeof(seen->comm), "%.15s", stat->comm);
}

static void note_vm(struct vm_state *state, struct next *next, struct vm *vm,
		    const struct vm_stat *stat)
{
	if (next->n == VM_MAX) {
		state->is_cut = true;
		vm->is_listed = false;
		return;
	}
	vm->is_listed = true;
	vm->cpu_ticks = stat->cpu_ticks;
	(void)snprintf(vm->comm, sizeof(vm->comm), "%s", stat->comm);
	GROW(next->vms, next->n, next->room);
	next->vms[next->n++] = vm;
}

static void look_at_process(struct vm_state *state, struct host *host, pid_t pid, struct next *next)
{
	char text[1024];
	struct vm_stat stat;

	if (host_peek_bytesf(host, text, sizeof(text), "proc/%d/stat", (int)pid) < 0 ||
	    vm_parse_stat(text, &stat) < 0 || stat.state == 'Z' || stat.state == 'X')
		return;
	if (stat.flags & TASK_KTHREAD) {
		note_kthread(next, pid, stat.comm);
		return;
	}

	struct vm *vm = find_vm(state, pid);
	const struct vm_seen *seen = find_seen(state, pid);

	if (vm && vm->start != stat.start)
		vm = NULL;
	/* A shell that becomes another program keeps its number and its start, not its name. */
	if (!vm && seen && seen->start == stat.start && !strncmp(seen->comm, stat.comm, 15)) {
		note_other(next, pid, &stat);
		return;
	}
	if (vm) {
		note_vm(state, next, vm, &stat);
		return;
	}

	bool is_sure;

	vm = look_at(host, pid, &stat, &is_sure);
	if (vm) {
		note_vm(state, next, vm, &stat);
		if (!vm->is_listed)
			vm_free(vm);
	} else if (is_sure) {
		note_other(next, pid, &stat);
	}
}

static void take(struct vm_state *state, struct next *next)
{
	for (unsigned i = 0; i < state->n; i++) {
		if (!state->vms[i]->is_listed)
			vm_free(state->vms[i]);
	}
	free(state->vms);
	free(state->seen);
	free(state->kthreads);
	state->vms = next->vms;
	state->n = next->n;
	state->seen = next->seen;
	state->n_seen = next->n_seen;
	state->kthreads = next->kthreads;
	state->n_kthreads = next->n_kthreads;
}

int vm_find(struct vm_state *state, struct host *host, struct sample *out)
{
	struct host_names names = {0};
	struct next next = {0};
	int r = host_listf(host, &names, "proc");

	if (r < 0)
		return read_fail(out, r, "proc");
	for (unsigned i = 0; i < state->n; i++)
		state->vms[i]->is_listed = false;
	state->is_cut = false;
	/* natural_compare() has the numbers in ascending order. */
	for (size_t i = 0; i < names.n; i++) {
		uint64_t pid;

		if (parse_u64(names.names[i], &pid) == 0 && pid && pid <= INT32_MAX)
			look_at_process(state, host, (pid_t)pid, &next);
	}
	host_names_done(&names);
	take(state, &next);
	return 0;
}
