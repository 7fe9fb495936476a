/*
 * The rows of one machine: itself, its vCPUs, its other threads, its devices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/vm_internal.h"

enum vm_metric {
	V_PID,
	V_UUID,
	V_STATE,
	V_MONITOR,
	V_MONITOR_PATH,
	V_QEMU_VERSION,
	V_MACHINE,
	V_ACCEL,
	V_LIBVIRT,
	V_VCPUS,
	V_MEMORY,
	V_BACKEND,
	V_PAGE,
	V_POLICY,
	V_NODES,
	V_PRESENT,
	V_HUGETLB,
	V_THP,
	V_BALLOON,
	V_EXITS,
	V_HALT_NS_OK,
	V_HALT_NS_FAIL,
	V_HALT_OK,
	V_HALT_FAIL,
	V_WAKEUPS,
	V_CPU_NS,
	V_DELAY_NS,
	V_CGROUP,
	V_COMM,
	V_FLAGS,
	V_WHY
};
static const struct metric vm_metrics[] = {
	{"pid", METRIC_GAUGE, UNIT_NONE, "Process", "pid"},
	{"uuid", METRIC_TEXT, UNIT_NONE, "UUID it was given", NULL},
	{"state", METRIC_TEXT, UNIT_NONE, "running, paused, ... as its monitor says", "state"},
	{"monitor", METRIC_TEXT, UNIT_NONE,
	 "ok, busy (serves libvirt or another client), none, denied, or what is wrong with it",
	 "monitor"},
	{"monitor_path", METRIC_TEXT, UNIT_NONE, "Its socket, in the process's mount namespace",
	 NULL},
	{"qemu_version", METRIC_TEXT, UNIT_NONE, "Version of QEMU", "qemu"},
	{"machine", METRIC_TEXT, UNIT_NONE, "Machine type", NULL},
	{"accel", METRIC_TEXT, UNIT_NONE, "kvm, or tcg (emulated)", "accel"},
	{"libvirt", METRIC_BOOL, UNIT_NONE, "Started by libvirt, which holds its monitor", NULL},
	{"vcpus", METRIC_GAUGE, UNIT_COUNT, "vCPUs", "vcpus"},
	{"memory_bytes", METRIC_GAUGE, UNIT_BYTES, "Memory of the guest", "memory"},
	{"memory_backend", METRIC_TEXT, UNIT_NONE, "What its memory is made of", NULL},
	{"memory_page_bytes", METRIC_GAUGE, UNIT_BYTES, "Size of the pages that hold it", "page"},
	{"memory_policy", METRIC_TEXT, UNIT_NONE, "NUMA policy of its memory", NULL},
	{"memory_nodes", METRIC_CPUSET, UNIT_NONE,
	 "NUMA nodes it really lies on (with a hundredth of it at least); read once a minute",
	 "nodes"},
	{"memory_present_bytes", METRIC_GAUGE, UNIT_BYTES, "What of it is present on the host",
	 NULL},
	{"memory_hugetlb_bytes", METRIC_GAUGE, UNIT_BYTES, "Present in huge pages of a pool", NULL},
	{"memory_thp_bytes", METRIC_GAUGE, UNIT_BYTES, "Present in transparent huge pages", NULL},
	{"balloon_bytes", METRIC_GAUGE, UNIT_BYTES, "What the balloon leaves the guest", NULL},
	{"exits", METRIC_COUNTER, UNIT_COUNT,
	 "Exits of all vCPUs from the guest; QEMU is asked every 2 s, before 8.1 every 10 s, since "
	 "asking makes its vCPUs leave the guest",
	 "exits/s"},
	{"halt_poll_success_ns", METRIC_COUNTER, UNIT_NS,
	 "Polling for a wakeup before sleeping, in time", NULL},
	{"halt_poll_fail_ns", METRIC_COUNTER, UNIT_NS, "Polling for a wakeup, in vain", NULL},
	{"halt_successful_poll", METRIC_COUNTER, UNIT_COUNT, "Polls that saw the wakeup", NULL},
	{"halt_attempted_poll", METRIC_COUNTER, UNIT_COUNT, "Polls", NULL},
	{"halt_wakeup", METRIC_COUNTER, UNIT_COUNT, "Wakeups from sleep", NULL},
	{"cpu_ns", METRIC_COUNTER, UNIT_NS, "CPU time of the process (10 ms steps)", "cpu"},
	{"run_delay_ns", METRIC_COUNTER, UNIT_NS, "Time its vCPUs were ready and did not run",
	 "delay"},
	{"cgroup", METRIC_TEXT, UNIT_NONE, "Its control group", NULL},
	{"comm", METRIC_TEXT, UNIT_NONE, "Name of the process", NULL},
	{"flags", METRIC_TEXT, UNIT_NONE,
	 "unpinned, shared, siblings, node, vf-node (vCPUs); pages (memory)", "flags"},
	{"flags_text", METRIC_TEXT, UNIT_NONE, "What the flags mean", NULL},
};

enum thread_metric {
	T_TID,
	T_ROLE,
	T_INDEX,
	T_HOW,
	T_CPU,
	T_AFFINITY,
	T_PINNED,
	T_POLICY,
	T_PRIORITY,
	T_CPU_NS,
	T_DELAY_NS,
	T_SWITCHES,
	T_INVOLUNTARY,
	T_EXITS,
	T_HALT_NS_OK,
	T_HALT_NS_FAIL,
	T_REASONS,
	T_COMM,
	T_FLAGS,
	T_WHY
};
static const struct metric thread_metrics[] = {
	{"tid", METRIC_GAUGE, UNIT_NONE, "Thread", "tid"},
	{"role", METRIC_TEXT, UNIT_NONE,
	 "vcpu, iothread, emulator, vhost, worker, monitor, migration, other; unnamed: this QEMU "
	 "does not name its threads (debug-threads=on)",
	 "role"},
	{"index", METRIC_GAUGE, UNIT_NONE, "Number of the vCPU", NULL},
	{"how", METRIC_TEXT, UNIT_NONE, "Where the role came from: name, qmp, kvm", NULL},
	{"cpu", METRIC_GAUGE, UNIT_NONE, "CPU it ran on last", "cpu"},
	{"affinity", METRIC_CPUSET, UNIT_NONE, "CPUs it may run on", "affinity"},
	{"pinned", METRIC_BOOL, UNIT_NONE, "May not run on all CPUs that PID 1 may", "pinned"},
	{"policy", METRIC_TEXT, UNIT_NONE, "Scheduling policy", "policy"},
	{"priority", METRIC_GAUGE, UNIT_NONE, "Real-time priority", "prio"},
	{"cpu_ns", METRIC_COUNTER, UNIT_NS, "CPU time", "cpu%"},
	{"run_delay_ns", METRIC_COUNTER, UNIT_NS, "Time it was ready and did not run", "delay"},
	{"switches", METRIC_COUNTER, UNIT_COUNT, "Times it gave up its CPU", "switch/s"},
	{"involuntary_switches", METRIC_COUNTER, UNIT_COUNT, "Times its CPU was taken from it",
	 "taken/s"},
	{"exits", METRIC_COUNTER, UNIT_COUNT, "Exits from the guest", "exits/s"},
	{"halt_poll_success_ns", METRIC_COUNTER, UNIT_NS,
	 "Polling for a wakeup before sleeping, in time", NULL},
	{"halt_poll_fail_ns", METRIC_COUNTER, UNIT_NS, "Polling for a wakeup, in vain", NULL},
	{"exit_reasons", METRIC_TEXT, UNIT_NONE, "The most frequent reasons of its exits",
	 "reasons"},
	{"comm", METRIC_TEXT, UNIT_NONE, "Name of the thread", NULL},
	{"flags", METRIC_TEXT, UNIT_NONE, "unpinned, shared, siblings, node, vf-node", "flags"},
	{"flags_text", METRIC_TEXT, UNIT_NONE, "What the flags mean", NULL},
};

enum device_metric {
	D_TYPE,
	D_KIND,
	D_MODEL,
	D_BACKEND,
	D_ADDRESS,
	D_DRIVER,
	D_NODE,
	D_IOTHREAD,
	D_PLUGGED
};
static const struct metric device_metrics[] = {
	{"type", METRIC_TEXT, UNIT_NONE, "nic, disk, scsi, balloon, vsock, fs, device", "type"},
	{"device_kind", METRIC_TEXT, UNIT_NONE,
	 "virtio, vhost-net, vhost, vhost-user, vhost-vdpa, vfio, emulated, unknown", "kind"},
	{"model", METRIC_TEXT, UNIT_NONE, "QEMU's device model", "model"},
	{"backend", METRIC_TEXT, UNIT_NONE, "What it is on the host: interface, file, socket",
	 "backend"},
	{"pci_address", METRIC_TEXT, UNIT_NONE, "vfio: address of the host's device", "pci"},
	{"driver", METRIC_TEXT, UNIT_NONE, "vfio: its driver on the host", "driver"},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "vfio: NUMA node of the host's device", "node"},
	{"iothread", METRIC_TEXT, UNIT_NONE, "Thread that serves it", NULL},
	{"plugged", METRIC_BOOL, UNIT_NONE,
	 "Plugged in later: the monitor lists it (asked every 30 s), the command line does not",
	 "plugged"},
};

const struct metric_set vm_sets[VM_SETS] = {
	[VM_SET_VM] = {"vm", vm_metrics, ARRAY_SIZE(vm_metrics)},
	[VM_SET_VCPU] = {"vcpu", thread_metrics, ARRAY_SIZE(thread_metrics)},
	[VM_SET_THREAD] = {"thread", thread_metrics, ARRAY_SIZE(thread_metrics)},
	[VM_SET_DEVICE] = {"vmdevice", device_metrics, ARRAY_SIZE(device_metrics)},
};

static void put_text(struct sample *out, struct sample_row *row, unsigned metric, const char *text)
{
	if (text && *text)
		sample_text(out, row, metric, text);
}

static void put_flags(struct sample *out, struct sample_row *row, unsigned words,
		      unsigned sentences, unsigned flags)
{
	char text[640];

	sample_text(out, row, words, vm_flag_words(flags, text, sizeof(text)));
	sample_text(out, row, sentences, vm_flag_sentences(flags, text, sizeof(text)));
}

/* --- the machine --- */

static const char *monitor_text(const struct vm *vm)
{
	if (vm->qmp)
		return vm->qmp->text;
	/* Its socket is a descriptor, and we may not see where it is bound. */
	if (vm->config.monitor_fd >= 0)
		return "denied";
	if (vm->config.has_far_monitor)
		return "none (QMP on no unix socket)";
	return vm->config.has_human_monitor ? "none (only one for people)" : "none";
}

static const char *accel_of(const struct vm *vm)
{
	if (vm->is_kvm || (vm->qmp && vm->qmp->is_kvm))
		return "kvm";
	if (vm->are_fds_known || (vm->qmp && vm->qmp->answers[QMP_KVM].state == QMP_ANSWERED))
		return !vm->config.accel[0] || strstr(vm->config.accel, "tcg") ||
				       strstr(vm->config.accel, "kvm")
			       ? "tcg"
			       : vm->config.accel;
	return vm->config.accel[0] ? vm->config.accel : "tcg";
}

/* What was true when its monitor still answered need not be so now. */
static bool is_fresh(const struct qmp_machine *qmp, enum qmp_command command,
		     const struct sample *out)
{
	return out->time_ns < qmp->answers[command].values_ns + VM_ANSWER_OLD_NS;
}

static void put_qmp(struct vm *vm, struct sample *out, struct sample_row *row)
{
	const struct qmp_machine *qmp = vm->qmp;
	char version[96];

	if (!qmp)
		return;
	if (is_fresh(qmp, QMP_STATUS, out))
		put_text(out, row, V_STATE, qmp->status);
	if (qmp->answers[QMP_VERSION].values_ns) {
		(void)snprintf(version, sizeof(version), "%u.%u.%u", qmp->version[0],
			       qmp->version[1], qmp->version[2]);
		sample_text(out, row, V_QEMU_VERSION, version);
	}
	if (qmp->balloon_bytes.is_set && is_fresh(qmp, QMP_BALLOON, out))
		sample_u64(row, V_BALLOON, qmp->balloon_bytes.value);
}

/* "bind:0", as numa_maps says it, of the backend that its monitor or its command line names. */
static const char *policy_of(const struct vm *vm, char *buf, size_t size)
{
	const struct qmp_memdev *memdev =
		vm->qmp && vm->qmp->memdevs.n ? &vm->qmp->memdevs.at[0] : NULL;
	char nodes[128];

	if (!memdev)
		(void)snprintf(buf, size, "%s", vm->config.policy);
	else if (cpuset_is_empty(&memdev->nodes) ||
		 cpuset_format_list(&memdev->nodes, nodes, sizeof(nodes)) < 0)
		(void)snprintf(buf, size, "%s", memdev->policy);
	else
		(void)snprintf(buf, size, "%s:%s", memdev->policy, nodes);
	return buf;
}

static void put_memory(struct vm *vm, struct sample *out, struct sample_row *row)
{
	const struct vm_memory *memory = &vm->memory;
	const struct vm_config *config = &vm->config;
	uint64_t bytes = config->memory_bytes;
	char policy[160];

	if (vm->qmp && vm->qmp->base_bytes.is_set)
		bytes = vm->qmp->base_bytes.value +
			(vm->qmp->plugged_bytes.is_set ? vm->qmp->plugged_bytes.value : 0);
	if (bytes)
		sample_u64(row, V_MEMORY, bytes);
	sample_text(out, row, V_BACKEND,
		    config->backend[0]	      ? config->backend
		    : config->backend_path[0] ? "file"
					      : "anonymous");
	if (memory->is_known) {
		sample_u64(row, V_PAGE, memory->page_bytes);
		sample_text(out, row, V_POLICY, memory->policy);
		sample_cpus(out, row, V_NODES, &memory->nodes);
		sample_u64(row, V_PRESENT, memory->bytes);
		sample_u64(row, V_HUGETLB, memory->hugetlb_bytes);
		sample_u64(row, V_THP, memory->thp_bytes);
		return;
	}
	if (config->backend_page_bytes)
		sample_u64(row, V_PAGE, config->backend_page_bytes);
	put_text(out, row, V_POLICY, policy_of(vm, policy, sizeof(policy)));
	if (memory->error)
		sample_errno(row, V_NODES, memory->error);
}

/* Its rate goes from answer to answer: a monitor is asked more rarely than the probe runs. */
static void put_counter(struct vm *vm, struct host *host, int index, enum vm_counter counter,
			struct sample *out, struct sample_row *row, unsigned metric)
{
	uint64_t value, read_ns;

	if (!vm_counter(vm, host, index, counter, &value, &read_ns))
		return;
	sample_u64(row, metric, value);
	if (read_ns)
		sample_read_at(out, row, metric, read_ns);
}

static void put_counters(struct vm *vm, struct host *host, struct sample *out,
			 struct sample_row *row)
{
	static const unsigned metrics[VM_COUNTERS] = {
		[VM_EXITS] = V_EXITS,
		[VM_HALT_NS_OK] = V_HALT_NS_OK,
		[VM_HALT_NS_FAIL] = V_HALT_NS_FAIL,
		[VM_HALT_OK] = V_HALT_OK,
		[VM_HALT_FAIL] = V_HALT_FAIL,
		[VM_WAKEUPS] = V_WAKEUPS,
	};
	uint64_t delay_ns = 0;
	bool has_delay = false;

	for (unsigned i = 0; i < VM_COUNTERS; i++)
		put_counter(vm, host, -1, (enum vm_counter)i, out, row, metrics[i]);
	sample_u64(row, V_CPU_NS, vm->cpu_ticks * (NSEC_PER_SEC / 100));
	for (unsigned i = 0; i < vm->n_threads; i++) {
		if (vm->threads[i].role != VM_VCPU || !vm->threads[i].has_schedstat)
			continue;
		has_delay = true;
		delay_ns += vm->threads[i].run_delay_ns;
	}
	if (has_delay)
		sample_u64(row, V_DELAY_NS, delay_ns);
}

static unsigned count_vcpus(const struct vm *vm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < vm->n_threads; i++)
		n += vm->threads[i].role == VM_VCPU;
	if (!n && vm->qmp)
		n = vm->qmp->cpus.n;
	return n ? n : vm->config.vcpus;
}

static void emit_vm(struct vm *vm, struct host *host, struct sample *out)
{
	const struct vm_config *config = &vm->config;
	const char *name = config->name[0] ? config->name : vm->qmp ? vm->qmp->name : "";
	const char *uuid = config->uuid[0] ? config->uuid : vm->qmp ? vm->qmp->uuid : "";
	struct sample_row *row =
		sample_row(out, VM_SET_VM, NULL, *name ? name : vm->comm, "vm:%s", vm->key);

	sample_u64(row, V_PID, (uint64_t)vm->pid);
	put_text(out, row, V_UUID, uuid);
	sample_text(out, row, V_MONITOR, monitor_text(vm));
	put_text(out, row, V_MONITOR_PATH, vm->monitor);
	put_qmp(vm, out, row);
	put_text(out, row, V_MACHINE, config->machine);
	sample_text(out, row, V_ACCEL, accel_of(vm));
	sample_bool(row, V_LIBVIRT, config->is_libvirt);
	if (count_vcpus(vm))
		sample_u64(row, V_VCPUS, count_vcpus(vm));
	put_memory(vm, out, row);
	put_counters(vm, host, out, row);
	if (vm->cgroup_error)
		sample_errno(row, V_CGROUP, vm->cgroup_error);
	else
		put_text(out, row, V_CGROUP, vm->cgroup);
	sample_text(out, row, V_COMM, vm->comm);
	put_flags(out, row, V_FLAGS, V_WHY, vm->flags);
}

/* --- threads --- */

static const char *role_text(enum vm_role role)
{
	switch (role) {
	case VM_VCPU:
		return "vcpu";
	case VM_IOTHREAD:
		return "iothread";
	case VM_EMULATOR:
		return "emulator";
	case VM_VHOST_THREAD:
		return "vhost";
	case VM_WORKER:
		return "worker";
	case VM_MONITOR:
		return "monitor";
	case VM_MIGRATION:
		return "migration";
	case VM_OTHER:
		return "other";
	case VM_UNNAMED:
		return "unnamed";
	}
	return "other";
}

static void put_thread(struct vm *vm, const struct vm_thread *thread, struct sample *out,
		       struct sample_row *row)
{
	row->identity = thread->stat.start;
	sample_u64(row, T_TID, (uint64_t)thread->tid);
	sample_text(out, row, T_ROLE, role_text(thread->role));
	if (thread->index >= 0)
		sample_u64(row, T_INDEX, (uint64_t)thread->index);
	sample_text(out, row, T_HOW, thread->how);
	sample_u64(row, T_CPU, thread->stat.cpu);
	if (thread->affinity) {
		sample_cpus(out, row, T_AFFINITY, thread->affinity);
		sample_bool(row, T_PINNED, thread->is_pinned);
	}
	put_text(out, row, T_POLICY, task_policy_name(thread->stat.policy));
	sample_u64(row, T_PRIORITY, thread->stat.priority);
	sample_u64(row, T_CPU_NS, thread->cpu_ns);
	if (thread->has_schedstat)
		sample_u64(row, T_DELAY_NS, thread->run_delay_ns);
	if (thread->has_status) {
		sample_u64(row, T_SWITCHES, thread->switches);
		sample_u64(row, T_INVOLUNTARY, thread->involuntary);
	}
	put_text(out, row, T_COMM, thread->comm);
	put_flags(out, row, T_FLAGS, T_WHY, thread->flags);
	(void)vm;
}

static void emit_vcpu(struct vm *vm, struct host *host, const struct vm_thread *thread,
		      const char *parent, struct sample *out)
{
	_cleanup_(freep) char *name = thread->index >= 0 ? xasprintf("vCPU %d", thread->index)
							 : xasprintf("vCPU ? (%d)", thread->tid);
	_cleanup_(freep) char *id = thread->index >= 0 ? xasprintf("%d", thread->index)
						       : xasprintf("tid-%d", thread->tid);
	struct sample_row *row =
		sample_row(out, VM_SET_VCPU, parent, name, "vcpu:%s/%s", vm->key, id);

	put_thread(vm, thread, out, row);
	if (thread->index < 0)
		return;
	put_counter(vm, host, thread->index, VM_EXITS, out, row, T_EXITS);
	put_counter(vm, host, thread->index, VM_HALT_NS_OK, out, row, T_HALT_NS_OK);
	put_counter(vm, host, thread->index, VM_HALT_NS_FAIL, out, row, T_HALT_NS_FAIL);
	if ((unsigned)thread->index < vm->n_reasons)
		put_text(out, row, T_REASONS, vm->reasons[thread->index].text);
}

static void emit_threads(struct vm *vm, struct host *host, const char *parent, struct sample *out)
{
	for (unsigned i = 0; i < vm->n_threads; i++) {
		const struct vm_thread *thread = &vm->threads[i];
		const char *name = thread->label[0] ? thread->label : thread->comm;

		if (thread->role == VM_VCPU)
			emit_vcpu(vm, host, thread, parent, out);
		else
			put_thread(vm, thread, out,
				   sample_row(out, VM_SET_THREAD, parent, *name ? name : NULL,
					      "thread:%s/%d", vm->key, (int)thread->tid));
	}
}

/* --- devices --- */

static const char *type_text(enum vm_device_type type)
{
	switch (type) {
	case VM_NIC:
		return "nic";
	case VM_DISK:
		return "disk";
	case VM_SCSI:
		return "scsi";
	case VM_BALLOON:
		return "balloon";
	case VM_VSOCK:
		return "vsock";
	case VM_FS:
		return "fs";
	case VM_PASSED:
		return "device";
	}
	return "device";
}

static const char *kind_text(enum vm_device_kind kind)
{
	switch (kind) {
	case VM_VIRTIO:
		return "virtio";
	case VM_VHOST_NET:
		return "vhost-net";
	case VM_VHOST:
		return "vhost";
	case VM_VHOST_USER:
		return "vhost-user";
	case VM_VHOST_VDPA:
		return "vhost-vdpa";
	case VM_VFIO:
		return "vfio";
	case VM_EMULATED:
		return "emulated";
	case VM_UNKNOWN_KIND:
		return "unknown";
	}
	return "emulated";
}

/* A device that was passed through is what its PCI class says. */
static enum vm_device_type type_of(struct host *host, const struct vm_device *device)
{
	char class[32];
	uint64_t number;

	if (device->type != VM_PASSED || !device->address[0] || strchr(device->address, '/') ||
	    host_readf(host, class, sizeof(class), "sys/bus/pci/devices/%s/class",
		       device->address) < 0 ||
	    parse_hex_u64(class, &number) < 0)
		return device->type;
	return number >> 16 == 2 ? VM_NIC : number >> 16 == 1 ? VM_DISK : VM_PASSED;
}

static void put_host_device(struct host *host, struct sample *out, struct sample_row *row,
			    const char *address)
{
	int node = vm_node_of_device(host, address);
	char target[256];

	sample_text(out, row, D_ADDRESS, address);
	if (node >= 0)
		sample_u64(row, D_NODE, (uint64_t)node);
	if (strchr(address, '/') || host_readlinkf(host, target, sizeof(target),
						   "sys/bus/pci/devices/%s/driver", address) < 0)
		return;

	const char *slash = strrchr(target, '/');

	sample_text(out, row, D_DRIVER, slash ? slash + 1 : target);
}

static void emit_device(struct vm *vm, struct host *host, const struct vm_device *device,
			const char *parent, struct sample *out)
{
	enum vm_device_kind kind = device->kind;
	struct sample_row *row = sample_row(out, VM_SET_DEVICE, parent, device->id,
					    "vmdevice:%s/%s", vm->key, device->id);

	/* vhost=on is the default of some, and of descriptors that libvirt hands over. */
	if (device->type == VM_NIC && kind == VM_VIRTIO && vm->n_vhost_fds &&
	    !strncmp(device->backend, "tap", 3))
		kind = VM_VHOST_NET;
	sample_text(out, row, D_TYPE, type_text(type_of(host, device)));
	sample_text(out, row, D_KIND, kind_text(kind));
	put_text(out, row, D_MODEL, device->driver);
	put_text(out, row, D_BACKEND, device->backend);
	put_text(out, row, D_IOTHREAD, device->iothread);
	sample_bool(row, D_PLUGGED, device->is_plugged);
	if (device->address[0])
		put_host_device(host, out, row, device->address);
}

void vm_emit(struct vm *vm, struct host *host, struct sample *out)
{
	_cleanup_(freep) char *parent = xasprintf("vm:%s", vm->key);

	emit_vm(vm, host, out);
	emit_threads(vm, host, parent, out);
	for (unsigned i = 0; i < vm->n_devices; i++)
		emit_device(vm, host, &vm->devices[i], parent, out);
}
