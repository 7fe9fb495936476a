/*
 * One vCPU: its CPUs and its policy. A vCPU that runs SCHED_FIFO never leaves its CPU to anything
 * below it, and a guest that spins spins for ever: so only on CPUs that nothing else needs, and not
 * above the kernel threads that its own timers, packets and RCU callbacks wait for
 * (realtime-virtual-host of tuned raises those first, and so do we ask for it).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/knob.h"
#include "probes/cgroup.h"
#include "probes/knob_thread.h"
#include "probes/knob_vm.h"

struct vcpu {
	struct vm *vm;
	struct vm_thread *thread;
	const char *target;
};

/* --- is real time safe there? --- */

/* A group that has its CPUs for itself: partition of version 2, cpu_exclusive of version 1. */
static bool has_own_cpus(struct host *host, const struct vcpu *vcpu)
{
	char path[CGROUP_PATH_MAX], text[64];
	struct cgroup_mounts mounts = {0};
	bool is_own = false;

	if (cgroup_mounts_read(host, &mounts) < 0)
		return false;
	int v1 = mounts.by_controller[CGROUP_CPUSET];
	int where = v1 >= 0 ? v1 : mounts.by_controller[CGROUP_UNIFIED];
	if (where >= 0 && !thread_read_group(host, vcpu->vm->pid, vcpu->thread->tid,
					     v1 >= 0 ? "cpuset" : "", path, sizeof(path))) {
		for (char *slash = path; *path && !is_own && slash;) {
			char directory[1024];

			if (cgroup_directory(&mounts.at[where], path, directory,
					     sizeof(directory)) &&
			    host_readf(host, text, sizeof(text), "%s/%s", directory,
				       v1 >= 0 ? "cpuset.cpu_exclusive"
					       : "cpuset.cpus.partition") >= 0)
				is_own = !strcmp(text, "1") || !strcmp(text, "isolated") ||
					 !strcmp(text, "root");
			slash = strrchr(path, '/');
			if (slash)
				*slash = '\0';
		}
	}
	cgroup_mounts_done(&mounts);
	return is_own;
}

/* Priority that the kernel thread will have when the plan's turn is at us; 0: not real time. */
static unsigned priority_in_plan(const struct plan *plan, const struct thread_facts *facts)
{
	char object[64];
	unsigned policy, priority = facts->priority;

	thread_object(facts->pid, facts->tid, object, sizeof(object));
	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->class == &step_class_thread_policy && !strcmp(step->object, object))
			(void)!thread_policy_parse(step->new_value, &policy, &priority);
	}
	return priority;
}

/* The per-CPU kernel threads that must run before a vCPU does; NULL: a name of another kind. */
static const char *served_cpu(const char *comm)
{
	static const char *const names[] = {"ksoftirqd/", "ktimers/", "ktimersd/", "rcuc/"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(comm, names[i], strlen(names[i])))
			return comm + strlen(names[i]);
	}
	return NULL;
}

static int check_starved(struct host *host, const struct vcpu *vcpu, const struct cpuset *cpus,
			 unsigned priority, const struct plan *plan, char *why, size_t why_size)
{
	struct thread_list list;
	int err = thread_list(host, THREAD_KERNEL, &list);

	if (err)
		return 0;
	for (unsigned i = 0; i < list.n && !err; i++) {
		const struct thread_facts *facts = &list.at[i];
		const char *number = served_cpu(facts->comm);
		struct cpuset one;

		if (!number || cpuset_parse_list(number, &one) || !cpuset_is_subset(&one, cpus) ||
		    priority_in_plan(plan, facts) > priority)
			continue;
		(void)snprintf(why, why_size,
			       "%.48s: at priority %u it would starve %s, which its CPU's softirqs "
			       "and RCU need: raise that first, in the same change: "
			       "kthread_priority@kthread:%s=fifo:%u",
			       vcpu->target, priority, facts->comm, facts->comm, priority + 1);
		err = -EPERM;
	}
	thread_list_done(&list);
	return err;
}

/* CPUs it will run on: as planned, else as they are. */
static void cpus_in_plan(struct host *host, const struct vcpu *vcpu, const struct plan *plan,
			 struct cpuset *ret)
{
	char object[64];

	cpuset_zero(ret);
	(void)!thread_read_affinity(host, vcpu->vm->pid, vcpu->thread->tid, ret);
	thread_object(vcpu->vm->pid, vcpu->thread->tid, object, sizeof(object));
	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->class == &step_class_thread_affinity && !strcmp(step->object, object))
			(void)!cpuset_parse_list(step->new_value, ret);
	}
}

static int check_realtime(struct host *host, const struct vm_scene *scene, const struct vcpu *vcpu,
			  unsigned priority, const struct plan *plan, char *why, size_t why_size)
{
	struct cpuset cpus, isolated, shared;
	char list[128];

	cpus_in_plan(host, vcpu, plan, &cpus);
	if (cpuset_is_subset(&scene->state.facts.online, &cpus)) {
		(void)snprintf(why, why_size,
			       "%.48s: may run on every CPU, and real time would starve whatever "
			       "it meets: pin it first (vcpu_affinity, vm_pin)",
			       vcpu->target);
		return -EPERM;
	}
	vm_read_isolated(host, &isolated);
	shared = cpus;
	cpuset_andnot(&shared, &isolated);
	if (!cpuset_is_empty(&shared) && !has_own_cpus(host, vcpu)) {
		if (cpuset_format_list(&shared, list, sizeof(list)) < 0)
			(void)snprintf(list, sizeof(list), "(many)");
		(void)snprintf(why, why_size,
			       "%.48s: CPU %.64s is a housekeeping CPU: a guest that spins in real "
			       "time would lock out what else needs it: isolate it first, or pin "
			       "the vCPU to isolated CPUs",
			       vcpu->target, list);
		return -EPERM;
	}
	return check_starved(host, vcpu, &cpus, priority, plan, why, why_size);
}

/* --- plans --- */

typedef int plan_vcpu_fn(struct host *host, const struct vm_scene *scene, const struct vcpu *vcpu,
			 const char *value, struct plan *ret, char *why, size_t why_size);

static int plan_with(struct host *host, plan_vcpu_fn *fn, const char *target, const char *value,
		     struct plan *ret, char *why, size_t why_size)
{
	struct vm_scene *scene = xcalloc(1, sizeof(*scene));
	struct vcpu vcpu = {.target = target};
	int err = vm_scene_read(scene, host);

	why[0] = '\0';
	if (err) {
		(void)snprintf(why, why_size, "%.64s: /proc: %s", target, strerror(-err));
	} else {
		vcpu.thread = vm_scene_find_vcpu(scene, target, &vcpu.vm, why, why_size);
		err = vcpu.thread ? fn(host, scene, &vcpu, value, ret, why, why_size) : -ENOENT;
	}
	if (!err) {
		char name[128];

		vm_print_name(vcpu.vm, name, sizeof(name));
		plan_title_add(ret, "%.40s vcpu %d -> %.40s", name, vcpu.thread->index, value);
	}
	vm_scene_done(scene);
	free(scene);
	return err;
}

static int plan_affinity(struct host *host, const struct vm_scene *scene, const struct vcpu *vcpu,
			 const char *value, struct plan *ret, char *why, size_t why_size)
{
	(void)scene;
	return thread_plan(ret, host, &step_class_thread_affinity, vcpu->vm->pid, vcpu->thread->tid,
			   value, why, why_size);
}

static int plan_policy(struct host *host, const struct vm_scene *scene, const struct vcpu *vcpu,
		       const char *value, struct plan *ret, char *why, size_t why_size)
{
	unsigned policy, priority = 0;

	/* A word that is no policy is refused by the class. */
	if (!thread_policy_parse(value, &policy, &priority) && priority > 0) {
		int err = check_realtime(host, scene, vcpu, priority, ret, why, why_size);

		if (err)
			return err;
	}
	return thread_plan(ret, host, &step_class_thread_policy, vcpu->vm->pid, vcpu->thread->tid,
			   value, why, why_size);
}

static int affinity_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	return plan_with(host, plan_affinity, target, value, ret, why, why_size);
}

static int policy_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		       char *why, size_t why_size)
{
	return plan_with(host, plan_policy, target, value, ret, why, why_size);
}

/* --- targets --- */

static void add_vcpu(struct host *host, struct knob_targets *ret, const struct step_class *class,
		     const struct vm *vm, const struct vm_thread *thread, const char *choices)
{
	char object[64], key[96], name[192], machine[128], value[PLAN_VALUE_MAX];

	thread_object(vm->pid, thread->tid, object, sizeof(object));
	ssize_t len = class->read(host, object, value, sizeof(value));
	if (len == -ENOENT)
		return;
	(void)snprintf(key, sizeof(key), thread->index >= 0 ? "vcpu:%s/%d" : "vcpu:%s/tid-%d",
		       vm->key, thread->index >= 0 ? thread->index : (int)thread->tid);
	vm_print_name(vm, machine, sizeof(machine));
	if (thread->index >= 0)
		(void)snprintf(name, sizeof(name), "%s vCPU %d", machine, thread->index);
	else
		(void)snprintf(name, sizeof(name), "%s vCPU ?", machine);
	knob_targets_add(ret, key, name, len < 0 ? NULL : value, choices,
			 len < 0 ? strerror((int)-len) : NULL);
}

static int add_targets(struct host *host, struct knob_targets *ret, const struct step_class *class,
		       const char *choices)
{
	struct vm_scene *scene = xcalloc(1, sizeof(*scene));
	int err = vm_scene_read(scene, host);

	for (unsigned i = 0; !err && i < scene->state.n; i++) {
		const struct vm *vm = scene->state.vms[i];

		for (unsigned t = 0; t < vm->n_threads; t++) {
			if (vm->threads[t].role == VM_VCPU)
				add_vcpu(host, ret, class, vm, &vm->threads[t], choices);
		}
	}
	vm_scene_done(scene);
	free(scene);
	return err;
}

static int affinity_targets(struct host *host, struct knob_targets *ret)
{
	char choices[160];

	thread_cpu_choices(host, choices, sizeof(choices));
	return add_targets(host, ret, &step_class_thread_affinity, choices);
}

static int policy_targets(struct host *host, struct knob_targets *ret)
{
	return add_targets(host, ret, &step_class_thread_policy, THREAD_POLICY_CHOICES);
}

const struct knob knob_vcpu_affinity = {
	.name = "vcpu_affinity",
	.family = "machines",
	.summary = "CPUs that one vCPU may run on",
	.cost = "Free. Undone by setting the old CPUs.",
	.risk = KNOB_FREE,
	.none_key = "vcpu:*",
	.none = "no virtual machine is seen here",
	.targets = affinity_targets,
	.plan = affinity_plan,
	.owner = vm_owner,
};

const struct knob knob_vcpu_policy = {
	.name = "vcpu_policy",
	.family = "machines",
	.summary = "scheduling policy of one vCPU; real time on isolated CPUs only",
	.cost = "A real-time vCPU that spins starves everything below it on its CPU. Undone by "
		"setting the old policy.",
	.risk = KNOB_FREE,
	.none_key = "vcpu:*",
	.none = "no virtual machine is seen here",
	.targets = policy_targets,
	.plan = policy_plan,
	.owner = vm_owner,
};
