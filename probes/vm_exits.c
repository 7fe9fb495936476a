/*
 * How often, and why, vCPUs left their guest: from QMP's query-stats (7.1), else from KVM's
 * debugfs, which has sums over the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/vm_internal.h"

#define REASONS_SHOWN 4u

static const char *const names[VM_COUNTERS] = {
	[VM_EXITS] = "exits",
	[VM_HALT_NS_OK] = "halt_poll_success_ns",
	[VM_HALT_NS_FAIL] = "halt_poll_fail_ns",
	[VM_HALT_OK] = "halt_successful_poll",
	[VM_HALT_FAIL] = "halt_attempted_poll",
	[VM_WAKEUPS] = "halt_wakeup",
};

static bool count_qmp(const struct qmp_machine *qmp, int index, const char *name, uint64_t *ret)
{
	bool is_found = false;

	*ret = 0;
	for (unsigned i = 0; qmp && i < qmp->vcpu_stats.n; i++) {
		const struct qmp_stats *stats = &qmp->vcpu_stats.at[i];

		if (index >= 0 && stats->cpu_index != (uint32_t)index)
			continue;

		struct qmp_number number = qmp_counter(&qmp->vcpu_counters, stats, name);

		if (number.is_set) {
			*ret += number.value;
			is_found = true;
		}
	}
	return is_found;
}

bool vm_counter(struct vm *vm, struct host *host, int index, enum vm_counter counter, uint64_t *ret,
		uint64_t *ret_ns)
{
	*ret_ns = 0;
	if (vm->has_counters && count_qmp(vm->qmp, index, names[counter], ret)) {
		*ret_ns = vm->qmp->answers[QMP_STATS_VCPU].values_ns;
		return true;
	}
	if (index >= 0 || vm->kvm_fd < 0)
		return false;
	return host_read_u64f(host, ret, "sys/kernel/debug/kvm/%d-%d/%s", (int)vm->pid, vm->kvm_fd,
			      names[counter]) == 0;
}

/* "io_exits" is io, "exit_mmio" is mmio, "signal_exits" is signal. */
static void add_reason(char *text, size_t size, const char *name, double rate)
{
	size_t len = strlen(text), name_len = strlen(name);

	if (name_len > 6 && !strcmp(name + name_len - 6, "_exits"))
		name_len -= 6;
	if (len < size)
		(void)snprintf(text + len, size - len, "%s%.*s %.0f/s", len ? ", " : "",
			       (int)name_len, name, rate);
}

static void write_reasons(const struct qmp_machine *qmp, struct vm_reasons *reasons,
			  const struct qmp_stats *stats, double seconds)
{
	uint64_t grown[QMP_COUNTERS_MAX] = {0};

	for (unsigned i = 0; i < qmp->vcpu_counters.n_names; i++) {
		uint64_t now = stats->values[i].is_set ? stats->values[i].value : 0;

		if (qmp_is_exit_reason(qmp->vcpu_counters.names[i]) && now > reasons->before[i])
			grown[i] = now - reasons->before[i];
		reasons->before[i] = now;
	}
	reasons->text[0] = '\0';
	for (unsigned n = 0; n < REASONS_SHOWN && reasons->has_before; n++) {
		unsigned most = 0;

		for (unsigned i = 1; i < QMP_COUNTERS_MAX; i++)
			most = grown[i] > grown[most] ? i : most;
		if (!grown[most])
			break;
		add_reason(reasons->text, sizeof(reasons->text), qmp->vcpu_counters.names[most],
			   (double)grown[most] / seconds);
		grown[most] = 0;
	}
	reasons->has_before = true;
}

void vm_read_reasons(struct vm *vm, uint64_t now_ns)
{
	const struct qmp_machine *qmp = vm->qmp;
	uint64_t values_ns = qmp ? qmp->answers[QMP_STATS_VCPU].values_ns : 0;

	vm->has_counters = values_ns && now_ns < values_ns + VM_ANSWER_OLD_NS;
	if (!vm->has_counters)
		vm->n_reasons = 0;
	if (!values_ns || values_ns == vm->exits_ns)
		return;

	double seconds = (double)(values_ns - vm->exits_ns) / (double)NSEC_PER_SEC;

	for (unsigned i = 0; i < qmp->vcpu_stats.n; i++) {
		const struct qmp_stats *stats = &qmp->vcpu_stats.at[i];
		unsigned index = stats->cpu_index;

		if (index >= VM_THREADS_MAX)
			continue;
		if (index >= vm->n_reasons) {
			vm->reasons = xrealloc(vm->reasons, (index + 1) * sizeof(*vm->reasons));
			memset(vm->reasons + vm->n_reasons, 0,
			       (index + 1 - vm->n_reasons) * sizeof(*vm->reasons));
			vm->n_reasons = index + 1;
		}
		write_reasons(qmp, &vm->reasons[index], stats, seconds);
	}
	vm->exits_ns = values_ns;
}
