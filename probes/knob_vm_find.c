/* Finding machines and the order of CPUs for them: see knob_vm.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/task_stat.h"
#include "core/text.h"
#include "probes/knob_vm.h"
#include "probes/read.h"

int vm_scene_read(struct vm_scene *scene, struct host *host)
{
	struct vm_state *state = &scene->state;
	struct sample *out = sample_new(&probe_vm);
	unsigned n = 0;
	int err = vm_find(state, host, out);

	sample_free(out);
	if (err)
		return err;
	(void)!cpus_online(&state->facts.cpus, host, &state->facts.online);
	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];

		vm_read_facts(vm, host);
		if (vm_read_threads(vm, host, state) < 0)
			vm_free(vm);
		else
			state->vms[n++] = vm;
	}
	state->n = n;
	return 0;
}

void vm_scene_done(struct vm_scene *scene)
{
	probe_vm.close(&scene->state);
}

/* --- by name --- */

struct vm *vm_scene_find(struct vm_scene *scene, const char *target, char *why, size_t why_size)
{
	const char *name = !strncmp(target, "vm:", 3) ? target + 3 : "";
	struct vm *found = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < scene->state.n; i++) {
		struct vm *vm = scene->state.vms[i];

		if (!strcmp(vm->key, name))
			return vm;
		if (vm->config.name[0] && !strcmp(vm->config.name, name)) {
			found = vm;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n > 1)
		(void)snprintf(why, why_size,
			       "%.64s: %u machines have this name: say which, as vm:%s", target, n,
			       found->key);
	else
		(void)snprintf(why, why_size,
			       "%.64s: no such machine: it has gone, or see `jittertop knobs`",
			       target);
	return NULL;
}

struct vm_thread *vm_scene_find_vcpu(struct vm_scene *scene, const char *target, struct vm **ret_vm,
				     char *why, size_t why_size)
{
	char machine[PLAN_OBJECT_MAX];
	const char *slash = strrchr(target, '/');

	if (strncmp(target, "vcpu:", 5) != 0 || !slash || strlen(target) >= sizeof(machine)) {
		(void)snprintf(why, why_size, "%.64s: name a vCPU as vcpu:MACHINE/NUMBER", target);
		return NULL;
	}
	(void)snprintf(machine, sizeof(machine), "vm:%.*s", (int)(slash - target - 5), target + 5);

	struct vm *vm = vm_scene_find(scene, machine, why, why_size);

	for (unsigned i = 0; vm && i < vm->n_threads; i++) {
		struct vm_thread *thread = &vm->threads[i];
		char id[24];

		(void)snprintf(id, sizeof(id), thread->index >= 0 ? "%d" : "tid-%d",
			       thread->index >= 0 ? thread->index : (int)thread->tid);
		if (thread->role == VM_VCPU && !strcmp(id, slash + 1)) {
			*ret_vm = vm;
			return thread;
		}
	}
	if (vm)
		(void)snprintf(why, why_size,
			       "%.64s: %.48s has no such vCPU, or nothing tells "
			       "which thread it is: start QEMU with -name NAME,debug-threads=on",
			       target, machine);
	return NULL;
}

pid_t vm_thread_process(const struct vm *vm, const struct vm_thread *thread)
{
	return thread->stat.flags & TASK_KTHREAD ? thread->tid : vm->pid;
}

unsigned vm_count_vcpus(const struct vm *vm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < vm->n_threads; i++)
		n += vm->threads[i].role == VM_VCPU;
	return n;
}

void vm_print_name(const struct vm *vm, char *buf, size_t size)
{
	const char *name = vm->config.name[0] ? vm->config.name : vm->comm;

	(void)text_sanitise(name, strlen(name), buf, size);
}

/* --- CPUs --- */

static void read_siblings(struct host *host, unsigned cpu, const struct cpuset *set,
			  struct cpuset *ret)
{
	if (host_read_cpulistf(host, ret,
			       "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu))
		cpuset_zero(ret);
	cpuset_add(ret, cpu);
	cpuset_and(ret, set);
}

static void order_node(struct host *host, struct cpuset *left, bool keeps_cores, unsigned *ret,
		       unsigned *n)
{
	while (!cpuset_is_empty(left)) {
		struct cpuset now = *left, core;

		/* Once through: one thread of each core, or all of them. */
		for (unsigned cpu = cpuset_next(&now, 0); cpu < CPUSET_MAX;
		     cpu = cpuset_next(&now, cpu + 1)) {
			read_siblings(host, cpu, &now, &core);
			cpuset_andnot(&now, &core);
			for (unsigned c = cpuset_next(&core, 0); c < CPUSET_MAX;
			     c = keeps_cores ? cpuset_next(&core, c + 1) : CPUSET_MAX) {
				ret[(*n)++] = c;
				cpuset_remove(left, c);
			}
		}
	}
}

unsigned vm_order_cpus(struct host *host, const struct cpuset *set, bool guest_has_threads,
		       unsigned *ret)
{
	struct cpuset left = *set, node_cpus;
	struct host_names names = {0};
	unsigned n = 0, node;

	if (host_listf(host, &names, "sys/devices/system/node") < 0)
		names = (struct host_names){0};
	for (size_t i = 0; i < names.n; i++) {
		if (!read_numbered(names.names[i], "node", &node) ||
		    host_read_cpulistf(host, &node_cpus, "sys/devices/system/node/node%u/cpulist",
				       node))
			continue;
		cpuset_and(&node_cpus, &left);
		cpuset_andnot(&left, &node_cpus);
		order_node(host, &node_cpus, guest_has_threads, ret, &n);
	}
	host_names_done(&names);
	order_node(host, &left, guest_has_threads, ret, &n);
	return n;
}

void vm_read_isolated(struct host *host, struct cpuset *ret)
{
	static const char *const lists[] = {
		"sys/devices/system/cpu/isolated",
		"sys/devices/system/cpu/nohz_full",
		"sys/fs/cgroup/cpuset.cpus.isolated",
	};
	struct cpuset set;

	cpuset_zero(ret);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (!cpus_read_list(host, lists[i], &set))
			cpuset_or(ret, &set);
	}
}

/* --- owners --- */

static int libvirt_line(const struct vm *vm, const char *command, char *buf, size_t size)
{
	char name[128];

	vm_print_name(vm, name, sizeof(name));
	return snprintf(buf, size,
			"libvirt made this machine and sets its threads' CPUs again at its own "
			"commands and at the next start: to last, %s %.64s ...",
			command, name);
}

int vm_owner(struct host *host, const char *target, char *buf, size_t size)
{
	struct vm_scene *scene = xcalloc(1, sizeof(*scene));
	struct vm *vm = NULL;
	char why[256];
	int len = 0;

	if (!vm_scene_read(scene, host)) {
		if (!strncmp(target, "vcpu:", 5))
			(void)vm_scene_find_vcpu(scene, target, &vm, why, sizeof(why));
		else
			vm = vm_scene_find(scene, target, why, sizeof(why));
		if (vm && vm->config.is_libvirt)
			len = libvirt_line(vm, "virsh vcpupin / emulatorpin / iothreadpin", buf,
					   size);
	}
	vm_scene_done(scene);
	free(scene);
	return len > 0 && (size_t)len < size ? len : 0;
}
