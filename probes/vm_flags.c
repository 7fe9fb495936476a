/*
 * What is usually wrong with where a machine runs. No flag is a guess: what is not known raises
 * none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/vm_internal.h"

static const struct {
	const char *word, *sentence;
} texts[VM_FLAGS] = {
	[VM_FLAG_UNPINNED] = {"unpinned", "a vCPU may run on every CPU: the scheduler moves it"},
	[VM_FLAG_SHARED] = {"shared", "two vCPUs are pinned to one CPU: only one of them can run"},
	[VM_FLAG_SIBLINGS] = {"siblings",
			      "two vCPUs are pinned to hardware threads of one core, which the "
			      "guest takes for cores"},
	[VM_FLAG_NODE] = {"node", "a vCPU is pinned to another NUMA node than the memory lies on"},
	[VM_FLAG_VF] = {"vf-node",
			"a vCPU is pinned to another NUMA node than a device passed through"},
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

static bool overlap(const struct cpuset *a, const struct cpuset *b)
{
	for (unsigned i = 0; i < CPUSET_WORDS; i++) {
		if (a->bits[i] & b->bits[i])
			return true;
	}
	return false;
}

static bool is_away_from_node(const struct vm_host_facts *facts, const struct vm_thread *thread,
			      unsigned node)
{
	return facts->n_nodes > 1 && node < VM_NODES_MAX && facts->cpus_of_node[node] &&
	       !cpuset_is_empty(facts->cpus_of_node[node]) &&
	       !overlap(facts->cpus_of_node[node], thread->affinity);
}

/* On none of the nodes that its memory lies on. */
static bool is_away_from_memory(const struct vm_host_facts *facts, const struct vm_memory *memory,
				const struct vm_thread *thread)
{
	bool is_away = memory->is_known && !cpuset_is_empty(&memory->nodes);

	for (unsigned node = cpuset_next(&memory->nodes, 0); node < VM_NODES_MAX;
	     node = cpuset_next(&memory->nodes, node + 1))
		is_away &= is_away_from_node(facts, thread, node);
	return is_away;
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
	if (is_away_from_memory(facts, &vm->memory, thread))
		thread->flags |= 1u << VM_FLAG_NODE;
	for (unsigned i = 0; facts->n_nodes > 1 && i < vm->n_devices; i++) {
		int node = vm_node_of_device(host, vm->devices[i].address);

		if (node >= 0 && is_away_from_node(facts, thread, (unsigned)node))
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
