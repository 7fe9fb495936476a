#include "tests/screens/scene_guests.h"

#include <stdio.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

enum { SET_VM, SET_VCPU, SET_THREAD, SET_DEVICE, SET_CONTAINER, SET_TASK, SETS };

enum {
	VM_PID,
	VM_STATE,
	VM_MONITOR,
	VM_QEMU,
	VM_ACCEL,
	VM_VCPUS,
	VM_MEMORY,
	VM_BACKEND,
	VM_PAGE,
	VM_NODES,
	VM_EXITS,
	VM_POLL_OK,
	VM_POLL_LOST,
	VM_CPU,
	VM_DELAY,
	VM_CGROUP,
};
static const struct metric vm_metrics[] = {
	[VM_PID] = {"pid", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[VM_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "", NULL},
	[VM_MONITOR] = {"monitor", METRIC_TEXT, UNIT_NONE, "", NULL},
	[VM_QEMU] = {"qemu_version", METRIC_TEXT, UNIT_NONE, "", NULL},
	[VM_ACCEL] = {"accel", METRIC_TEXT, UNIT_NONE, "", NULL},
	[VM_VCPUS] = {"vcpus", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[VM_MEMORY] = {"memory_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL},
	[VM_BACKEND] = {"memory_backend", METRIC_TEXT, UNIT_NONE, "", NULL},
	[VM_PAGE] = {"memory_page_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL},
	[VM_NODES] = {"memory_nodes", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[VM_EXITS] = {"exits", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[VM_POLL_OK] = {"halt_poll_success_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[VM_POLL_LOST] = {"halt_poll_fail_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[VM_CPU] = {"cpu_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[VM_DELAY] = {"run_delay_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[VM_CGROUP] = {"cgroup", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum {
	T_TID,
	T_ROLE,
	T_COMM,
	T_CPU,
	T_AFFINITY,
	T_PINNED,
	T_POLICY,
	T_PRIORITY,
	T_CPU_NS,
	T_DELAY,
	T_SWITCHES,
	T_INVOLUNTARY,
	T_EXITS,
	T_REASONS,
};
static const struct metric thread_metrics[] = {
	[T_TID] = {"tid", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[T_ROLE] = {"role", METRIC_TEXT, UNIT_NONE, "", NULL},
	[T_COMM] = {"comm", METRIC_TEXT, UNIT_NONE, "", NULL},
	[T_CPU] = {"cpu", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[T_AFFINITY] = {"affinity", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[T_PINNED] = {"pinned", METRIC_BOOL, UNIT_NONE, "", NULL},
	[T_POLICY] = {"policy", METRIC_TEXT, UNIT_NONE, "", NULL},
	[T_PRIORITY] = {"priority", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[T_CPU_NS] = {"cpu_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[T_DELAY] = {"run_delay_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[T_SWITCHES] = {"switches", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[T_INVOLUNTARY] = {"involuntary_switches", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[T_EXITS] = {"exits", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[T_REASONS] = {"exit_reasons", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum { D_TYPE, D_KIND, D_PCI, D_DRIVER, D_NODE };
static const struct metric device_metrics[] = {
	[D_TYPE] = {"type", METRIC_TEXT, UNIT_NONE, "", NULL},
	[D_KIND] = {"device_kind", METRIC_TEXT, UNIT_NONE, "", NULL},
	[D_PCI] = {"pci_address", METRIC_TEXT, UNIT_NONE, "", NULL},
	[D_DRIVER] = {"driver", METRIC_TEXT, UNIT_NONE, "", NULL},
	[D_NODE] = {"node_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
};

enum {
	C_ENGINE,
	C_ROLE,
	C_ID,
	C_IMAGE,
	C_POD,
	C_STATE,
	C_PID,
	C_CPU,
	C_THROTTLED,
	C_PERIODS,
	C_PSI,
	C_MAX,
	C_QUOTA,
	C_WEIGHT,
	C_CPUS,
	C_EFFECTIVE,
	C_MEMORY,
	C_MEMORY_MAX,
	C_PIDS,
	C_NAMESPACES,
	C_CAPABILITIES,
	C_SECCOMP,
	C_REALTIME,
	C_INTERFACES,
	C_FLAGS,
};
static const struct metric container_metrics[] = {
	[C_ENGINE] = {"engine", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_ROLE] = {"role", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_ID] = {"id", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_IMAGE] = {"image", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_POD] = {"pod", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_PID] = {"pid", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[C_CPU] = {"cpu_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
	[C_THROTTLED] = {"throttled", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[C_PERIODS] = {"periods", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[C_PSI] = {"psi_cpu", METRIC_GAUGE, UNIT_PERCENT, "", NULL},
	[C_MAX] = {"cpu_max", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_QUOTA] = {"cpu_quota", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[C_WEIGHT] = {"cpu_weight", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[C_CPUS] = {"cpuset_cpus", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[C_EFFECTIVE] = {"cpuset_effective", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[C_MEMORY] = {"memory_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL},
	[C_MEMORY_MAX] = {"memory_max_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL},
	[C_PIDS] = {"pids", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[C_NAMESPACES] = {"namespaces", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_CAPABILITIES] = {"capabilities", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_SECCOMP] = {"seccomp", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_REALTIME] = {"rt_threads", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[C_INTERFACES] = {"interfaces", METRIC_TEXT, UNIT_NONE, "", NULL},
	[C_FLAGS] = {"flags", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum { TASK_STATE, TASK_CPU, TASK_AFFINITY, TASK_POLICY, TASK_CPU_NS };
static const struct metric task_metrics[] = {
	[TASK_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "", NULL},
	[TASK_CPU] = {"cpu", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[TASK_AFFINITY] = {"affinity", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[TASK_POLICY] = {"policy", METRIC_TEXT, UNIT_NONE, "", NULL},
	[TASK_CPU_NS] = {"cpu_ns", METRIC_COUNTER, UNIT_NS, "", NULL},
};

#define SET(name, array)                                                                           \
	{                                                                                          \
		name, array, ARRAY_SIZE(array)                                                     \
	}
static const struct metric_set sets[SETS] = {
	[SET_VM] = SET("vm", vm_metrics),
	[SET_VCPU] = SET("vcpu", thread_metrics),
	[SET_THREAD] = SET("thread", thread_metrics),
	[SET_DEVICE] = SET("vmdevice", device_metrics),
	[SET_CONTAINER] = SET("container", container_metrics),
	[SET_TASK] = SET("task", task_metrics),
};

const struct probe scene_guests_probe = {.name = "scene_guests",
					 .summary = "hand-made machines and containers",
					 .sets = sets,
					 .n_sets = SETS};

struct vm_of {
	const char *key, *name, *state, *monitor, *nodes, *cgroup;
	uint64_t page;
	unsigned vcpus, busy; /* per cent of a CPU */
};

static void add_vm(struct sample *s, const struct vm_of *vm, unsigned tick)
{
	struct sample_row *row = sample_row(s, SET_VM, NULL, vm->name, "vm:%s", vm->key);
	uint64_t t = tick * NSEC_PER_SEC / 100;

	sample_u64(row, VM_PID, 4711);
	sample_text(s, row, VM_STATE, vm->state);
	sample_text(s, row, VM_MONITOR, vm->monitor);
	sample_text(s, row, VM_QEMU, "9.2.1");
	sample_text(s, row, VM_ACCEL, "kvm");
	sample_u64(row, VM_VCPUS, vm->vcpus);
	sample_u64(row, VM_MEMORY, 8 * GIB);
	sample_text(s, row, VM_BACKEND, "memory-backend-memfd");
	sample_u64(row, VM_PAGE, vm->page);
	sample_text(s, row, VM_NODES, vm->nodes);
	sample_u64(row, VM_EXITS, tick * 210 * vm->busy);
	sample_u64(row, VM_POLL_OK, t * 3);
	sample_u64(row, VM_POLL_LOST, t * 9);
	sample_u64(row, VM_CPU, t * vm->busy);
	sample_u64(row, VM_DELAY, t * 2);
	sample_text(s, row, VM_CGROUP, vm->cgroup);
}

struct thread_of {
	const char *comm, *role, *affinity, *policy;
	unsigned tid, cpu, priority, busy;
	bool is_pinned;
};

static void fill_thread(struct sample *s, struct sample_row *row, const struct thread_of *of,
			unsigned tick)
{
	uint64_t t = tick * NSEC_PER_SEC / 100;

	sample_u64(row, T_TID, of->tid);
	sample_text(s, row, T_ROLE, of->role);
	sample_text(s, row, T_COMM, of->comm);
	sample_u64(row, T_CPU, of->cpu);
	sample_text(s, row, T_AFFINITY, of->affinity);
	sample_bool(row, T_PINNED, of->is_pinned);
	sample_text(s, row, T_POLICY, of->policy);
	sample_u64(row, T_PRIORITY, of->priority);
	sample_u64(row, T_CPU_NS, t * of->busy);
	sample_u64(row, T_DELAY, t * (of->cpu % 3));
	sample_u64(row, T_SWITCHES, tick * 900);
	sample_u64(row, T_INVOLUNTARY, tick * 4 * of->cpu);
}

static void add_vcpu(struct sample *s, const char *vm, unsigned index, const struct thread_of *of,
		     unsigned tick)
{
	char parent[64];
	struct sample_row *row;

	snprintf(parent, sizeof(parent), "vm:%s", vm);
	row = sample_row(s, SET_VCPU, parent, NULL, "vcpu:%s/%u", vm, index);
	fill_thread(s, row, of, tick);
	sample_u64(row, T_EXITS, tick * 210 * of->busy);
	sample_text(s, row, T_REASONS, "halt 61%, io 22%, msr 9%");
}

static void add_thread(struct sample *s, const char *vm, const struct thread_of *of, unsigned tick)
{
	char parent[64];

	snprintf(parent, sizeof(parent), "vm:%s", vm);
	fill_thread(s, sample_row(s, SET_THREAD, parent, of->comm, "thread:%s/%u", vm, of->tid), of,
		    tick);
}

static void add_device(struct sample *s, const char *id, const char *type, const char *kind,
		       const char *pci, const char *driver)
{
	struct sample_row *row =
		sample_row(s, SET_DEVICE, "vm:4711.100", id, "vmdevice:4711.100/%s", id);

	sample_text(s, row, D_TYPE, type);
	sample_text(s, row, D_KIND, kind);
	sample_text(s, row, D_DRIVER, driver);
	if (!pci)
		return;
	sample_text(s, row, D_PCI, pci);
	sample_u64(row, D_NODE, 1);
}

/* rt-1: pinned, on both threads of a core, one of them with network interrupts, its VF far away.
 * The other floats, in small pages, with a monitor that somebody else holds. */
static void add_machines(struct sample *s, unsigned tick)
{
	static const struct vm_of rt = {.key = "4711.100",
					.name = "rt-1",
					.state = "running",
					.monitor = "ok",
					.nodes = "0",
					.cgroup = "/machine.slice/machine-qemu-1.scope/libvirt",
					.page = GIB,
					.vcpus = 2,
					.busy = 120};
	/* Wide characters take two columns each. */
	static const struct vm_of db = {.key = "812.77",
					.name = "\xe6\x95\xb0\xe6\x8d\xae-db",
					.state = "paused",
					.monitor = "busy",
					.nodes = "0-1",
					.cgroup = "/system.slice/db.service",
					.page = 4096,
					.vcpus = 2,
					.busy = 3};

	add_vm(s, &rt, tick);
	add_vcpu(s, rt.key, 0,
		 &(struct thread_of){"CPU 0/KVM", "vcpu", "3", "fifo", 4713, 3, 1, 98, true}, tick);
	add_vcpu(s, rt.key, 1,
		 &(struct thread_of){"CPU 1/KVM", "vcpu", "11", "fifo", 4714, 11, 1, 22, true},
		 tick);
	add_thread(s, rt.key,
		   &(struct thread_of){"IO iothread0", "iothread", "0-1", "other", 4712, 1, 0, 4,
				       true},
		   tick);
	add_thread(s, rt.key,
		   &(struct thread_of){"qemu-system-x86", "emulator", "0-15", "other", 4711, 0, 0,
				       0, false},
		   tick);
	add_thread(
		s, rt.key,
		&(struct thread_of){"vhost-4711", "vhost", "0-15", "other", 4720, 2, 0, 7, false},
		tick);
	add_device(s, "net0", "nic", "vfio", "0000:af:02.1", "vfio-pci");
	add_device(s, "disk0", "disk", "virtio", NULL, "virtio-blk-pci");
	add_device(s, "vga", "display", "emulated", NULL, "VGA");
	add_vm(s, &db, tick);
	add_vcpu(s, db.key, 0,
		 &(struct thread_of){"CPU 0/KVM", "vcpu", "0-15", "other", 814, 6, 0, 2, false},
		 tick);
	add_vcpu(s, db.key, 1,
		 &(struct thread_of){"CPU 1/KVM", "vcpu", "0-15", "other", 815, 7, 0, 1, false},
		 tick);
}

struct container_of {
	const char *path, *parent, *name, *engine, *image;
	unsigned busy, throttled; /* per cent of a CPU; of ten periods a second */
	const char *wanted, *effective;
	unsigned rt_threads;
	const char *flags; /* as the probe writes them */
};

static void add_container(struct sample *s, const struct container_of *of, unsigned tick)
{
	struct sample_row *row =
		sample_row(s, SET_CONTAINER, of->parent, of->name, "container:%s", of->path);

	sample_text(s, row, C_ENGINE, of->engine);
	sample_text(s, row, C_ROLE,
		    of->image				? "container"
		    : strcmp(of->engine, "cri") == 0	? "pod"
		    : strcmp(of->engine, "docker") == 0 ? "container"
							: "group");
	sample_text(s, row, C_FLAGS, of->flags ? of->flags : "");
	sample_u64(row, C_CPU, tick * NSEC_PER_SEC / 100 * of->busy);
	sample_f64(row, C_PSI, of->throttled ? 12.5 : 0);
	sample_text(s, row, C_CPUS, of->wanted);
	sample_text(s, row, C_EFFECTIVE, of->effective);
	sample_u64(row, C_MEMORY, (64 + of->busy) * MIB);
	sample_u64(row, C_PIDS, 3 + of->busy);
	sample_u64(row, C_REALTIME, of->rt_threads);
	sample_u64(row, C_WEIGHT, 100);
	if (!of->image)
		return;
	sample_text(s, row, C_ID, "8f3c51d0a7be");
	sample_text(s, row, C_IMAGE, of->image);
	sample_text(s, row, C_STATE, "running");
	sample_u64(row, C_PID, 9001);
	sample_u64(row, C_MEMORY_MAX, 512 * MIB);
	sample_text(s, row, C_NAMESPACES, "mnt uts ipc pid net cgroup");
	sample_text(s, row, C_CAPABILITIES, "chown dac_override net_bind_service sys_nice");
	sample_text(s, row, C_SECCOMP, "filter");
	sample_text(s, row, C_INTERFACES, "lo eth0");
	if (!of->throttled) {
		sample_text(s, row, C_MAX, "max 100000");
		return;
	}
	sample_text(s, row, C_MAX, "150000 100000");
	sample_f64(row, C_QUOTA, 1.5);
	sample_u64(row, C_PERIODS, tick * 10);
	sample_u64(row, C_THROTTLED, tick * of->throttled);
}

static void add_task(struct sample *s, const char *parent, const char *comm, unsigned pid,
		     const char *policy, unsigned cpu, unsigned tick)
{
	struct sample_row *row = sample_row(s, SET_TASK, parent, comm, "task:%u.5000", pid);

	sample_text(s, row, TASK_STATE, "S");
	sample_u64(row, TASK_CPU, cpu);
	sample_text(s, row, TASK_AFFINITY, "2-3");
	sample_text(s, row, TASK_POLICY, policy);
	sample_u64(row, TASK_CPU_NS, tick * NSEC_PER_SEC / 100 * cpu);
}

#define SLICE "/kubepods.slice/kubepods-burstable.slice"
#define POD SLICE "/pod1.slice"

static void add_containers(struct sample *s, unsigned tick)
{
	static const struct container_of all[] = {
		{"/", NULL, "/", "cgroup", NULL, 70, 0, "0-15", "0-15", 0, NULL},
		{"/docker", "container:/", "docker", "cgroup", NULL, 60, 0, "", "0-15", 0, NULL},
		{"/docker/8f3c", "container:/docker", "web", "docker", "nginx:1.27", 55, 4,
		 "2-3,20", "2-3", 2, "throttled cpuset-cut rt"},
		{"/docker/99aa", "container:/docker",
		 "\xe6\xb5\x8b\xe8\xaf\x95-\xe5\xae\xb9\xe5\x99\xa8", "docker", "busybox", 5, 0, "",
		 "0-15", 0, NULL},
		{"/kubepods.slice", "container:/", NULL, "systemd", NULL, 1, 0, "", "0-15", 0,
		 NULL},
		{SLICE, "container:/kubepods.slice", NULL, "systemd", NULL, 1, 0, "", "0-15", 0,
		 NULL},
		{POD, "container:" SLICE, "trader-7", "cri", NULL, 1, 0, "", "0-15", 0, NULL},
		{POD "/cri-containerd-5e.scope", "container:" POD, "app", "containerd", "reg/app:3",
		 1, 0, "20-21", "0-15", 0, "cpuset-fallback"},
		{"/machine.slice", "container:/", NULL, "systemd", NULL, 1, 0, "", "0-15", 0, NULL},
		{"/machine.slice/machine-qemu-1.scope", "container:/machine.slice", NULL, "systemd",
		 NULL, 1, 0, "", "0-15", 0, NULL},
		{"/system.slice", "container:/", NULL, "systemd", NULL, 3, 0, "", "0-15", 0, NULL},
		{"/system.slice/db.service", "container:/system.slice", NULL, "systemd", NULL, 3, 0,
		 "", "0-15", 0, NULL},
		{"/system.slice/cron.service", "container:/system.slice", NULL, "systemd", NULL, 0,
		 0, "", "0-15", 0, NULL},
		{"/system.slice/ssh.service", "container:/system.slice", NULL, "systemd", NULL, 0,
		 0, "", "0-15", 0, NULL},
		{"/old", "container:/", NULL, "cgroup", NULL, 0, 0, "", "", 0, "cpuset-empty"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		add_container(s, &all[i], tick);
	add_task(s, "container:/docker/8f3c", "nginx", 9001, "other", 2, tick);
	add_task(s, "container:/docker/8f3c", "nginx", 9002, "fifo", 3, tick);
	add_task(s, "container:/docker/99aa", "sleep", 9100, "other", 1, tick);
}

static void add_more(struct sample *s, unsigned n, unsigned tick)
{
	for (unsigned i = 0; i < n; i++) {
		char key[32], name[32], path[48], pin[16];
		struct vm_of vm = {.key = key,
				   .name = name,
				   .state = "running",
				   .monitor = "ok",
				   .nodes = "0",
				   .cgroup = path,
				   .page = 2 * MIB,
				   .vcpus = 2,
				   .busy = i % 100};
		struct container_of group = {.path = path,
					     .parent = "container:/system.slice",
					     .engine = i % 4 ? "systemd" : "docker",
					     .busy = i % 7,
					     .wanted = "",
					     .effective = "0-15"};

		snprintf(key, sizeof(key), "%u.9", 10000 + i);
		snprintf(name, sizeof(name), "more-%u", i);
		snprintf(path, sizeof(path), "/system.slice/more-%u.scope", i);
		snprintf(pin, sizeof(pin), "%u", i % 16);
		add_vm(s, &vm, tick);
		for (unsigned v = 0; v < 2; v++)
			add_vcpu(s, key, v,
				 &(struct thread_of){"CPU/KVM", "vcpu", pin, "other",
						     20000 + 2 * i + v, i % 16, 0, i % 100, true},
				 tick);
		add_container(s, &group, tick);
	}
}

void scene_guests_fill(struct sample *s, unsigned tick, unsigned n_more)
{
	add_machines(s, tick);
	add_containers(s, tick);
	add_more(s, n_more, tick);
}
