/*
 * Private to probes/: machines as knobs see them: found anew for every question, by /proc alone (a
 * monitor is never asked: who plans a change wants no peer's word for which thread is which).
 */
#ifndef JT_PROBES_KNOB_VM_H
#define JT_PROBES_KNOB_VM_H

#include "core/plan.h"
#include "probes/vm_internal.h"

/* Zeroed storage of the caller; done even after a failure. */
struct vm_scene {
	struct vm_state state;
};
int vm_scene_read(struct vm_scene *scene, struct host *host) _must_check_;
void vm_scene_done(struct vm_scene *scene);

/* "vm:PID.START" as rows are named, or "vm:NAME". NULL with the reason in why. */
struct vm *vm_scene_find(struct vm_scene *scene, const char *target, char *why, size_t why_size);
/* "vcpu:PID.START/N", "vcpu:NAME/N", or /tid-TID for one whose number is not known. */
struct vm_thread *vm_scene_find_vcpu(struct vm_scene *scene, const char *target, struct vm **ret_vm,
				     char *why, size_t why_size);
/* The process a thread's files are below: a vhost thread of the kernel is its own. */
pid_t vm_thread_process(const struct vm *vm, const struct vm_thread *thread);
unsigned vm_count_vcpus(const struct vm *vm);
/* For people: its name, or its program's. Sanitised. */
void vm_print_name(const struct vm *vm, char *buf, size_t size);

/*
 * The CPUs of set in the order in which vCPUs are to be put on them: node by node; hardware threads
 * of one core next to each other when the guest knows of such threads, else one of each core first
 * and the second ones after all of them. Returns their number; ret has room for CPUSET_MAX.
 */
unsigned vm_order_cpus(struct host *host, const struct cpuset *set, bool guest_has_threads,
		       unsigned *ret);
/* CPUs that the kernel keeps clear: isolcpus, nohz_full, isolated partitions. */
void vm_read_isolated(struct host *host, struct cpuset *ret);

/* Who else writes its threads' CPUs, in one line, and how to have him do it. 0: nobody known. */
int vm_owner(struct host *host, const char *target, char *buf, size_t size);

#endif
