/*
 * Virtual machines joined with what their vCPUs share a CPU with: CPUs, cores and nodes, network
 * interrupts, the devices given to them, each other. Made once per snapshot (struct machine has
 * it), with flags for what usually costs a vCPU its time.
 *
 * Calling sequence: guests_new(snap), guests_vcpu(), guests_vm(), guests_free(). It borrows from
 * the snapshot. The vm probe judges (metric "flags"); here it is said whom a flag is about, and
 * interrupts are added. No flag is a guess: what is not known raises none, and where a vCPU may run
 * anywhere it only says that. Cost: linear in vCPUs, devices and CPUs.
 */
#ifndef JT_TUI_GUESTS_H
#define JT_TUI_GUESTS_H

#include <stdbool.h>

#include "core/cpuset.h"
#include "core/snapshot.h"

enum guest_flag {
	GUEST_UNPINNED, /* may run on every online CPU */
	GUEST_SHARED,	/* another vCPU is pinned to the same CPU alone */
	GUEST_SIBLING,	/* another vCPU is pinned to the other thread of its core */
	GUEST_NODE,	/* may run on another NUMA node than its memory */
	GUEST_DEVICE,	/* may run on another NUMA node than a device given to it */
	GUEST_IRQ,	/* may run on a CPU that network interrupts come to */
	GUEST_PAGES,	/* of the machine: its memory is not in huge pages */
	GUEST_FLAGS
};

/* Interrupts of a network queue per second from which on a CPU counts as taking them. */
#define GUEST_IRQ_HZ 10.0

struct guest_vcpu {
	const struct entity *vcpu;
	bool is_pinned;				 /* to some CPUs */
	int cpu;				 /* last ran there; -1: unknown */
	int home_cpu;				 /* pinned to this one alone; else -1 */
	unsigned flags;				 /* bit set over enum guest_flag */
	int at_cpu[GUEST_FLAGS];		 /* a CPU the flag is about; -1: none */
	const struct entity *other[GUEST_FLAGS]; /* vCPU, device or interrupt it is about */
};

struct guest_vm {
	const struct entity *vm;
	unsigned n_vcpus, n_pinned;
	unsigned flags, flags_below; /* its own; those of its vCPUs */
};

struct guests {
	struct guest_vcpu *vcpus; /* in the order of the kind's table */
	struct guest_vm *vms;
	unsigned n_vcpus, n_vms;
	const struct entity *first_vcpu, *first_vm; /* where the tables begin */
};

struct guests *guests_new(const struct snapshot *snap);
void guests_free(struct guests *guests); /* NULL is fine */
/* NULL: not an entity of that kind. */
const struct guest_vcpu *guests_vcpu(const struct guests *guests, const struct entity *entity);
const struct guest_vm *guests_vm(const struct guests *guests, const struct entity *entity);
/* The n-th of the vCPUs that are pinned to this CPU alone, or else ran there last; NULL: fewer. */
const struct guest_vcpu *guests_on_cpu(const struct guests *guests, unsigned cpu, unsigned n);
/* CPUs that pinned vCPUs may run on. */
void guests_pinned_cpus(const struct guests *guests, struct cpuset *ret);
/* The VF or interface behind a vmdevice's PCI address; NULL: unknown. */
const struct entity *guests_device(const struct snapshot *snap, const struct entity *device);

const char *guest_word(enum guest_flag flag); /* one short word */
const char *guest_words(unsigned flags, char *buf, size_t size);
/* What it means; vcpu: whose flag, NULL for a flag of the machine. buf is returned. */
const char *guest_sentence(const struct guest_vm *vm, const struct guest_vcpu *vcpu,
			   enum guest_flag flag, char *buf, size_t size);

#endif
