/*
 * What is usually wrong with where a machine runs: the one judgement, which the views take over
 * (tui/guests.c adds whom it is about, and interrupts, whose rates another probe counts). No flag
 * is a guess: what is not known raises none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/vm_internal.h"

static const struct {
	const char *word, *sentence;
} texts[VM_FLAGS] = {
	[VM_FLAG_UNPINNED] =
		{"unpinned",
		 "a vCPU may run on every CPU that ordinary tasks may: the scheduler moves it"},
	[VM_FLAG_SHARED] = {"shared", "two vCPUs are pinned to one CPU: only one of them can run"},
	[VM_FLAG_SIBLINGS] = {"siblings",
			      "two vCPUs are pinned to hardware threads of one core, which the "
			      "guest takes for cores"},
	[VM_FLAG_NODE] = {"node", "a vCPU may run on another NUMA node than the memory lies on"},
	[VM_FLAG_VF] = {"vf-node",
			"a vCPU may run on another NUMA node than a device passed through"},
	[VM_FLAG_PAGES] = {"pages", "the memory is not in huge pages"},
};

const char *vm_flag_words(unsigned flags, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (unsigned i = 0; i < VM_FLAGS && len < size; i++) {
		if (flags & 1u << i)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? " " : "",
						texts[i].word);
	}
	return buf;
}

const char *vm_flag_sentences(unsigned flags, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (unsigned i = 0; i < VM_FLAGS && len < size; i++) {
		if (flags & 1u << i)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "; " : "",
						texts[i].sentence);
	}
	return buf;
}

/* Which vCPU has a CPU for itself. */
struct owner {
	struct vm *vm;
	struct vm_thread *thread;
};

/* Whether it may run on a CPU that is known to be on none of these nodes. */
static bool is_away(const struct vm_host_facts *facts, const struct vm_thread *thread,
		    const struct cpuset *nodes)
{
	struct cpuset near, far = *thread->affinity, known;

	cpuset_zero(&near);
	cpuset_zero(&known);
	for (unsigned node = 0; node < VM_NODES_MAX; node++) {
		if (!facts->cpus_of_node[node])
			continue;
		cpuset_or(&known, facts->cpus_of_node[node]);
		if (cpuset_has(nodes, node))
			cpuset_or(&near, facts->cpus_of_node[node]);
	}
	cpuset_and(&far, &known);
	cpuset_andnot(&far, &near);
	/* A node without CPUs is near to nobody. */
	return !cpuset_is_empty(&near) && !cpuset_is_empty(&far);
}

static void look_at_vcpu(const struct vm_host_facts *facts, struct host *host, struct vm *vm,
			 struct vm_thread *thread)
{
	if (!thread->is_pinned) {
		/* With one CPU there is nothing to choose. */
		if (cpuset_count(&facts->online) > 1)
			thread->flags |= 1u << VM_FLAG_UNPINNED;
		return;
	}
	if (vm->memory.is_known && is_away(facts, thread, &vm->memory.nodes))
		thread->flags |= 1u << VM_FLAG_NODE;
	for (unsigned i = 0; facts->n_nodes > 1 && i < vm->n_devices; i++) {
		int node = vm_node_of_device(host, vm->devices[i].address);
		struct cpuset nodes;

		if (node < 0)
			continue;
		cpuset_zero(&nodes);
		cpuset_add(&nodes, (unsigned)node);
		if (is_away(facts, thread, &nodes))
			thread->flags |= 1u << VM_FLAG_VF;
	}
}

static void look_at_neighbours(struct vm_host_facts *facts, struct host *host, struct owner *owners,
			       struct vm *vm, struct vm_thread *thread)
{
	if (!thread->is_pinned || cpuset_count(thread->affinity) != 1)
		return;

	unsigned cpu = cpuset_next(thread->affinity, 0);
	const struct cpuset *siblings = vm_siblings(facts, host, cpu);

	if (owners[cpu].thread) {
		thread->flags |= 1u << VM_FLAG_SHARED;
		owners[cpu].thread->flags |= 1u << VM_FLAG_SHARED;
		return;
	}
	owners[cpu] = (struct owner){vm, thread};
	for (unsigned i = cpuset_next(siblings, 0); i < CPUSET_MAX;
	     i = cpuset_next(siblings, i + 1)) {
		/* A guest that knows of threads has them where they should be. */
		if (i == cpu || !owners[i].thread ||
		    (owners[i].vm == vm && vm->config.guest_threads > 1))
			continue;
		thread->flags |= 1u << VM_FLAG_SIBLINGS;
		owners[i].thread->flags |= 1u << VM_FLAG_SIBLINGS;
	}
}

static bool has_small_pages(const struct vm_memory *memory)
{
	return memory->is_known && memory->bytes && memory->page_bytes < 1024 * 1024 &&
	       (memory->thp_bytes + memory->hugetlb_bytes) * 2 < memory->bytes;
}

void vm_find_flags(struct vm_state *state, struct host *host)
{
	struct owner *owners = xcalloc(CPUSET_MAX, sizeof(*owners));
	struct vm_host_facts *facts = &state->facts;

	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];

		for (unsigned t = 0; t < vm->n_threads; t++) {
			struct vm_thread *thread = &vm->threads[t];

			if (thread->role != VM_VCPU || !thread->affinity)
				continue;
			look_at_vcpu(facts, host, vm, thread);
			look_at_neighbours(facts, host, owners, vm, thread);
		}
	}
	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];

		vm->flags = has_small_pages(&vm->memory) ? 1u << VM_FLAG_PAGES : 0;
		for (unsigned t = 0; t < vm->n_threads; t++)
			vm->flags |= vm->threads[t].flags;
	}
	free(owners);
}
