/*
 * One machine as a whole onto a set of CPUs. The value says how:
 *
 *   2-5                      vCPUs on CPU 2-5; the other threads (emulator, iothreads, vhost) on
 *                            what is left of the list; when nothing is, on the CPUs outside it
 *   vcpus:2-5/others:0-1     the same with a place of their own for the others
 *   all                      every thread on all CPUs its control group allows: unpinned
 *
 * With at least as many CPUs as vCPUs each gets one of its own, in the order of vm_order_cpus();
 * with fewer they all share the list. Threads that QEMU starts and ends as it needs them (workers,
 * migration) are left alone: they inherit the place of the thread that starts them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/knob.h"
#include "probes/knob_thread.h"
#include "probes/knob_vm.h"

struct places {
	bool is_all;
	struct cpuset vcpus, others;
	unsigned n_order;
	unsigned order[CPUSET_MAX];
};

/* --- the value --- */

static int parse_list(const char *text, size_t len, struct cpuset *ret)
{
	_cleanup_(freep) char *list = xasprintf("%.*s", (int)len, text);
	int err = cpuset_parse_list(list, ret);

	return err ? err : cpuset_is_empty(ret) ? -EINVAL : 0;
}

/* "vcpus:2-5/others:0-1" in either order, a blank for the slash is as good. */
static int parse_named(const char *value, struct cpuset *vcpus, struct cpuset *others)
{
	bool has_vcpus = false;

	cpuset_zero(others);
	for (const char *at = value; *at;) {
		size_t len = strcspn(at, "/ ");
		int err = -EINVAL;

		if (!strncmp(at, "vcpus:", 6) && !has_vcpus) {
			err = parse_list(at + 6, len - 6, vcpus);
			has_vcpus = true;
		} else if (!strncmp(at, "others:", 7) && cpuset_is_empty(others)) {
			err = parse_list(at + 7, len - 7, others);
		}
		if (err)
			return err;
		at += len;
		at += *at == '/' || *at == ' ';
	}
	return has_vcpus ? 0 : -EINVAL;
}

/* Where the other threads go when nothing was said. */
static void choose_others(struct host *host, const struct cpuset *online, struct places *places,
			  unsigned n_vcpus)
{
	struct cpuset isolated;

	places->others = places->vcpus;
	if (places->n_order < n_vcpus)
		return; /* the whole machine shares the list */
	for (unsigned i = 0; i < n_vcpus; i++)
		cpuset_remove(&places->others, places->order[i]);
	if (!cpuset_is_empty(&places->others))
		return;
	places->others = *online;
	cpuset_andnot(&places->others, &places->vcpus);
	vm_read_isolated(host, &isolated);

	struct cpuset housekeeping = places->others;

	cpuset_andnot(&housekeeping, &isolated);
	if (!cpuset_is_empty(&housekeeping))
		places->others = housekeeping;
	if (cpuset_is_empty(&places->others))
		places->others = places->vcpus;
}

static int parse_places(struct host *host, const struct vm_scene *scene, const struct vm *vm,
			const char *value, struct places *ret, char *why, size_t why_size)
{
	unsigned n_vcpus = vm_count_vcpus(vm);
	int err;

	ret->is_all = !strcmp(value, "all");
	if (ret->is_all)
		return 0;
	cpuset_zero(&ret->others);
	err = strchr(value, ':') ? parse_named(value, &ret->vcpus, &ret->others)
				 : parse_list(value, strlen(value), &ret->vcpus);
	if (err) {
		(void)snprintf(why, why_size,
			       "\"%.64s\" is no place for a machine: a CPU list such as 2-5, "
			       "vcpus:2-5/others:0-1, or all",
			       value);
		return err;
	}
	ret->n_order = vm_order_cpus(host, &ret->vcpus, vm->config.guest_threads > 1, ret->order);
	if (cpuset_is_empty(&ret->others))
		choose_others(host, &scene->state.facts.online, ret, n_vcpus);
	return 0;
}

/* --- the plan --- */

static bool is_left_alone(const struct vm_thread *thread)
{
	return thread->role == VM_WORKER || thread->role == VM_MIGRATION;
}

static int add_thread(struct host *host, const struct vm *vm, const struct vm_thread *thread,
		      const struct cpuset *cpus, struct plan *ret, char *why, size_t why_size)
{
	_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);
	pid_t process = vm_thread_process(vm, thread);
	struct cpuset allowed;

	if (!cpus) {
		int err = thread_read_allowed(host, process, thread->tid, &allowed);

		if (err)
			return err;
		cpus = &allowed;
	}
	if (cpuset_format_list(cpus, list, CPUSET_TEXT_MAX) < 0)
		return -EFBIG;

	int err = thread_plan(ret, host, &step_class_thread_affinity, process, thread->tid, list,
			      why, why_size);

	if (err == -EINVAL && vm->config.is_libvirt) {
		size_t len = strlen(why);

		(void)snprintf(why + len, why_size - len,
			       " (libvirt gives each vCPU a group of its own: virsh vcpupin and "
			       "emulatorpin change both)");
	}
	return err;
}

/* vCPUs in the order of their numbers; those without one come last. */
static int compare_vcpus(const void *a, const void *b)
{
	const struct vm_thread *x = *(const struct vm_thread *const *)a;
	const struct vm_thread *y = *(const struct vm_thread *const *)b;
	unsigned left = x->index < 0 ? UINT32_MAX : (unsigned)x->index;
	unsigned right = y->index < 0 ? UINT32_MAX : (unsigned)y->index;

	return left < right ? -1 : left > right;
}

static int add_vcpus(struct host *host, const struct vm *vm, const struct places *places,
		     struct plan *ret, char *why, size_t why_size)
{
	_cleanup_(freep) const struct vm_thread **vcpus =
		xcalloc(vm->n_threads + 1, sizeof(*vcpus));
	unsigned n = 0;

	for (unsigned i = 0; i < vm->n_threads; i++) {
		if (vm->threads[i].role == VM_VCPU)
			vcpus[n++] = &vm->threads[i];
	}
	qsort(vcpus, n, sizeof(*vcpus), compare_vcpus);
	for (unsigned i = 0; i < n; i++) {
		const struct cpuset *cpus = places->is_all ? NULL : &places->vcpus;
		struct cpuset one;

		if (!places->is_all && places->n_order >= n) {
			cpuset_zero(&one);
			cpuset_add(&one, places->order[i]);
			cpus = &one;
		}

		int err = add_thread(host, vm, vcpus[i], cpus, ret, why, why_size);

		if (err)
			return err;
	}
	return 0;
}

static int add_others(struct host *host, const struct vm *vm, const struct places *places,
		      struct plan *ret, char *why, size_t why_size)
{
	for (unsigned i = 0; i < vm->n_threads; i++) {
		const struct vm_thread *thread = &vm->threads[i];

		if (thread->role == VM_VCPU || is_left_alone(thread))
			continue;

		int err = add_thread(host, vm, thread, places->is_all ? NULL : &places->others, ret,
				     why, why_size);

		if (err)
			return err;
	}
	return 0;
}

/* Which threads are vCPUs must be known, or they would be treated as the others. */
static int check_known(const struct vm *vm, const char *target, char *why, size_t why_size)
{
	if (vm_count_vcpus(vm) > 0)
		return 0;
	(void)snprintf(why, why_size,
		       "%.64s: nothing tells which of its threads are vCPUs: start QEMU with -name "
		       "NAME,debug-threads=on, or mount debugfs",
		       target);
	return -EOPNOTSUPP;
}

static void say_place(const struct vm *vm, const struct places *places, char *why, size_t why_size)
{
	unsigned n = vm_count_vcpus(vm);

	why[0] = '\0';
	if (!places->is_all && places->n_order < n)
		(void)snprintf(
			why, why_size,
			"%u vCPUs share %u CPUs: each waits for the others when all are busy", n,
			places->n_order);
}

static int plan_machine(struct host *host, struct vm_scene *scene, const char *target,
			const char *value, struct plan *ret, char *why, size_t why_size)
{
	struct vm *vm = vm_scene_find(scene, target, why, why_size);
	char name[128];

	if (!vm)
		return -ENOENT;

	_cleanup_(freep) struct places *places = xcalloc(1, sizeof(*places));
	int err = check_known(vm, target, why, why_size);

	if (!err)
		err = parse_places(host, scene, vm, value, places, why, why_size);
	if (!err)
		err = add_vcpus(host, vm, places, ret, why, why_size);
	if (!err)
		err = add_others(host, vm, places, ret, why, why_size);
	if (err)
		return err;
	vm_print_name(vm, name, sizeof(name));
	plan_title_add(ret, "vm %.40s -> cpu %.60s", name, value);
	say_place(vm, places, why, why_size);
	return 0;
}

static int pin_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	struct vm_scene *scene = xcalloc(1, sizeof(*scene));
	int err = vm_scene_read(scene, host);

	why[0] = '\0';
	if (err)
		(void)snprintf(why, why_size, "%.64s: /proc: %s", target, strerror(-err));
	else
		err = plan_machine(host, scene, target, value, ret, why, why_size);
	if (err && !why[0])
		(void)snprintf(why, why_size, "%.64s: %s", target, strerror(-err));
	vm_scene_done(scene);
	free(scene);
	return err;
}

/* --- targets --- */

/* All CPUs that its vCPUs may use, and whether each has one of its own. */
static void describe(const struct vm *vm, const struct cpuset *online, char *buf, size_t size)
{
	struct cpuset vcpus, others;

	cpuset_zero(&vcpus);
	cpuset_zero(&others);
	for (unsigned i = 0; i < vm->n_threads; i++) {
		const struct vm_thread *thread = &vm->threads[i];

		if (thread->affinity && !is_left_alone(thread))
			cpuset_or(thread->role == VM_VCPU ? &vcpus : &others, thread->affinity);
	}
	cpuset_and(&vcpus, online);
	cpuset_and(&others, online);
	if (cpuset_equal(&vcpus, online) && cpuset_equal(&others, online)) {
		(void)snprintf(buf, size, "all");
		return;
	}

	char list[2][PLAN_VALUE_MAX / 2 - 16];

	if (cpuset_format_list(&vcpus, list[0], sizeof(list[0])) < 0 ||
	    cpuset_format_list(&others, list[1], sizeof(list[1])) < 0)
		(void)snprintf(buf, size, "(long lists)");
	else
		(void)snprintf(buf, size, "vcpus:%s/others:%s", list[0], list[1]);
}

static int pin_targets(struct host *host, struct knob_targets *ret)
{
	struct vm_scene *scene = xcalloc(1, sizeof(*scene));
	char choices[256], cpus[160];
	int err = vm_scene_read(scene, host);

	thread_cpu_choices(host, cpus, sizeof(cpus));
	(void)snprintf(choices, sizeof(choices), "%s, vcpus:LIST/others:LIST, all", cpus);
	for (unsigned i = 0; !err && i < scene->state.n; i++) {
		struct vm *vm = scene->state.vms[i];
		char key[64], name[128], value[PLAN_VALUE_MAX], why[256] = "";

		(void)snprintf(key, sizeof(key), "vm:%s", vm->key);
		vm_print_name(vm, name, sizeof(name));
		describe(vm, &scene->state.facts.online, value, sizeof(value));
		(void)!check_known(vm, key, why, sizeof(why));
		knob_targets_add(ret, key, name, why[0] ? NULL : value, choices,
				 why[0] ? why : NULL);
	}
	vm_scene_done(scene);
	free(scene);
	return err;
}

const struct knob knob_vm_pin = {
	.name = "vm_pin",
	.family = "machines",
	.summary = "one machine onto CPUs: each vCPU on its own, the other threads beside them",
	.cost = "Free; a vCPU that shares its CPU waits for it. Undone by setting each thread's "
		"old "
		"CPUs.",
	.risk = KNOB_FREE,
	.none_key = "vm:*",
	.none = "no virtual machine is seen here",
	.targets = pin_targets,
	.plan = pin_plan,
	.owner = vm_owner,
};
