/*
 * Virtual machines without libvirt: QEMU's processes from /proc, joined with what their monitors
 * say. Read only; a machine whose monitor cannot be reached is shown with the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "core/task_cpus.h"
#include "probes/read.h"
#include "probes/vm_internal.h"

#define FACTS_PERIOD_NS (15 * NSEC_PER_SEC)
#define NODES_PERIOD_NS (30 * NSEC_PER_SEC)
#define MEMORY_PERIOD_NS (60 * NSEC_PER_SEC)
#define MEMORY_FIRST_NS (2 * NSEC_PER_SEC) /* a young machine has hardly any yet */
#define MEMORY_RUN_NS (200 * NSEC_PER_MSEC)

/* Not query-rx-filter: it lists 4096 VLANs of every interface, 24 KiB each, and five of them are
 * more than an answer may be. Not query-hotpluggable-cpus: empty slots take nobody's time. */
static const uint32_t commands =
	QMP_BIT(QMP_NAME) | QMP_BIT(QMP_UUID) | QMP_BIT(QMP_VERSION) | QMP_BIT(QMP_KVM) |
	QMP_BIT(QMP_STATUS) | QMP_BIT(QMP_CPUS) | QMP_BIT(QMP_IOTHREADS) | QMP_BIT(QMP_MEMORY) |
	QMP_BIT(QMP_BALLOON) | QMP_BIT(QMP_SCHEMAS) | QMP_BIT(QMP_STATS_VM) |
	QMP_BIT(QMP_STATS_VCPU) | QMP_BIT(QMP_MEMDEV) | QMP_BIT(QMP_BLOCK) | QMP_BIT(QMP_PCI);

/* --- the host --- */

static void forget_host(struct vm_host_facts *facts)
{
	for (unsigned i = 0; i < VM_NODES_MAX; i++) {
		free(facts->cpus_of_node[i]);
		facts->cpus_of_node[i] = NULL;
	}
	for (unsigned i = 0; facts->siblings && i < CPUSET_MAX; i++) {
		free(facts->siblings[i]);
		facts->siblings[i] = NULL;
	}
	facts->n_nodes = 0;
}

static void read_host(struct vm_host_facts *facts, struct host *host, uint64_t now_ns)
{
	struct host_names names = {0};

	cpuset_zero(&facts->online);
	(void)!cpus_online(&facts->cpus, host, &facts->online);
	task_cpus_ordinary(host, &facts->online, &facts->ordinary);
	if (facts->read_ns && now_ns - facts->read_ns < NODES_PERIOD_NS)
		return;
	forget_host(facts);
	facts->read_ns = now_ns ? now_ns : 1;
	if (host_listf(host, &names, "sys/devices/system/node") < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		struct cpuset *set = xcalloc(1, sizeof(*set));
		unsigned node;

		if (read_numbered(names.names[i], "node", &node) && node < VM_NODES_MAX &&
		    host_read_cpulistf(host, set, "sys/devices/system/node/node%u/cpulist", node) ==
			    0) {
			facts->cpus_of_node[node] = set;
			facts->n_nodes++;
		} else {
			free(set);
		}
	}
	host_names_done(&names);
}

/* --- a run --- */

static bool is_due(uint64_t last_ns, uint64_t period_ns, const struct sample *out)
{
	return !last_ns || out->is_thorough || out->time_ns - last_ns >= period_ns;
}

static int ask_monitors(struct vm_state *state, struct host *host, struct sample *out)
{
	if (!state->pool)
		state->pool = qmp_pool_new(host);
	qmp_pool_begin(state->pool);
	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];

		vm->qmp = NULL;
		if (is_due(vm->facts_ns, FACTS_PERIOD_NS, out)) {
			vm_read_facts(vm, host);
			vm->facts_ns = out->time_ns ? out->time_ns : 1;
		}
		if (vm->monitor[0])
			qmp_pool_want(state->pool, vm->key, vm->pid, vm->monitor, commands);
	}

	int r = qmp_pool_run(state->pool);

	for (unsigned i = 0; r == 0 && i < state->n; i++)
		state->vms[i]->qmp = qmp_pool_find(state->pool, state->vms[i]->key);
	return r;
}

/* Those that ended while monitors were asked are gone. */
static void read_threads(struct vm_state *state, struct host *host, uint64_t now_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];

		if (vm_read_threads(vm, host, state) < 0) {
			vm_free(vm);
			continue;
		}
		for (unsigned t = 0; t < vm->n_threads; t++) {
			struct vm_thread *thread = &vm->threads[t];

			thread->is_pinned =
				thread->affinity &&
				task_cpus_is_pinned(&state->facts.ordinary, thread->affinity);
		}
		vm_join_devices(vm, host);
		vm_read_reasons(vm, now_ns);
		state->vms[n++] = vm;
	}
	state->n = n;
}

/* Rarely, the more so the longer it took: the kernel holds the machine's memory map meanwhile. */
static void read_memory(struct vm_state *state, struct host *host, const struct sample *out)
{
	uint64_t end_ns = host_now_ns(host) + MEMORY_RUN_NS;

	for (unsigned i = 0; i < state->n; i++) {
		struct vm *vm = state->vms[i];
		uint64_t start_ns = host_now_ns(host);

		if (!vm->memory_ns)
			vm->memory_ns = out->time_ns + MEMORY_FIRST_NS;
		if ((vm->memory_ns > out->time_ns && !out->is_thorough) || start_ns > end_ns)
			continue;
		vm_read_memory(host, vm->pid, &vm->config, &vm->memory);
		vm->memory_ns =
			out->time_ns + MEMORY_PERIOD_NS + 1000 * (host_now_ns(host) - start_ns);
	}
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct vm_state *state = data;
	int r = vm_find(state, host, out);

	if (r < 0)
		return r;
	read_host(&state->facts, host, out->time_ns);
	r = ask_monitors(state, host, out);
	if (r < 0) {
		sample_errorf(out, "monitors: %s", strerror(-r));
		return r;
	}
	read_threads(state, host, out->time_ns);
	read_memory(state, host, out);
	vm_find_flags(state, host);
	for (unsigned i = 0; i < state->n; i++)
		vm_emit(state->vms[i], host, out);
	if (state->is_cut && !out->error)
		sample_errorf(out, "only %u machines are shown", VM_MAX);
	return 0;
}

static void close_state(void *data)
{
	struct vm_state *state = data;

	for (unsigned i = 0; i < state->n; i++)
		vm_free(state->vms[i]);
	free(state->vms);
	free(state->seen);
	free(state->kthreads);
	qmp_pool_free(state->pool);
	forget_host(&state->facts);
	free(state->facts.siblings);
	cpus_done(&state->facts.cpus);
}

const struct probe probe_vm = {
	.name = "vm",
	.summary = "Virtual machines: their vCPUs, threads, memory and devices",
	.sets = vm_sets,
	.n_sets = VM_SETS,
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	/* A machine that ended is to be gone within 2 s. */
	.period_ns = NSEC_PER_SEC,
	.state_size = sizeof(struct vm_state),
	.sample = sample,
	.close = close_state,
};
