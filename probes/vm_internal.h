/*
 * Private to the vm probe: what a QEMU's command line says (vm_cmdline.c, vm_options.c), which
 * processes are virtual machines (vm_find.c), what /proc says of their threads (vm_threads.c) and
 * memory (vm_memory.c), what their devices are on the host (vm_devices.c), the joining of all that
 * with QMP into rows (vm_rows.c), and what is usually wrong with it (vm_flags.c).
 *
 * A command line was chosen by whoever started the process: text is cut, lists are bounded, and all
 * of it is still to be sanitised (sample_text() and sample_row() do).
 */
#ifndef JT_PROBES_VM_INTERNAL_H
#define JT_PROBES_VM_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/cpuset.h"
#include "core/host.h"
#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/qmp.h"

#define VM_MAX 2048u
#define VM_DEVICES_MAX 256u
#define VM_THREADS_MAX 4096u
#define VM_CMDLINE_MAX ((size_t)2 * 1024 * 1024) /* MAX_ARG_STRLEN times a few: ARG_MAX */

/* --- options of QEMU: "driver=virtio-net-pci,id=n0" or the same as JSON --- */

#define VM_PAIRS_MAX 64u
struct vm_pair {
	char *key, *value;
};
struct vm_options {
	unsigned n;
	struct vm_pair at[VM_PAIRS_MAX];
};
/* first: the key of a first value without one ("driver"). ",," is a comma in a value, "on" the
 * value of a word alone, "off" that of one with "no" before it. Always to be freed with
 * vm_options_done(). */
void vm_options_read(const char *text, const char *first, struct vm_options *ret);
void vm_options_done(struct vm_options *options);
const char *vm_option(const struct vm_options *options, const char *key); /* NULL: not given */
/* "2G", "1.5G", "4194304k"; without unit: unit_bytes each. False: no size. */
bool vm_option_size(const char *text, uint64_t unit_bytes, uint64_t *ret);

/* --- the command line --- */

enum vm_device_type { VM_NIC, VM_DISK, VM_SCSI, VM_BALLOON, VM_VSOCK, VM_FS, VM_PASSED };
enum vm_device_kind {
	VM_VIRTIO,
	VM_VHOST_NET,
	VM_VHOST,
	VM_VHOST_USER,
	VM_VHOST_VDPA,
	VM_VFIO,
	VM_EMULATED,
	VM_UNKNOWN_KIND
};
struct vm_device {
	enum vm_device_type type;
	enum vm_device_kind kind;
	char id[64];	   /* its own, or "#3" */
	char driver[48];   /* QEMU's model: virtio-net-pci */
	char address[32];  /* vfio: of the host's device, "0000:01:00.1" */
	char backend[160]; /* netdev or file */
	char iothread[64];
	bool is_plugged; /* later: only the monitor knows it */
};

struct vm_config {
	char name[128], uuid[40], accel[24], machine[64];
	bool names_threads, is_libvirt, has_machine, has_arguments;
	bool is_not_a_machine;	/* -machine none, -version: asks QEMU for its abilities */
	bool is_strict;		/* nothing in it but options that QEMU has */
	char monitor[256];	/* path of a QMP socket that listens; "" */
	int monitor_fd;		/* of a socket that it was given by its parent; -1 */
	bool has_human_monitor; /* some other monitor */
	bool has_far_monitor;	/* QMP, but on no unix socket: TCP, stdio */
	uint64_t memory_bytes;
	unsigned vcpus, guest_threads; /* 0: not said */
	char backend[48], backend_path[160], policy[16];
	bool is_shared;
	uint64_t backend_page_bytes; /* hugetlbsize= */
	unsigned n_devices;
	struct vm_device *devices;
};
/* bytes: words that end with NUL each. Always to be freed with vm_config_done(). -EINVAL: no words.
 */
int vm_config_read(const char *bytes, size_t len, struct vm_config *ret) _must_check_;
void vm_config_done(struct vm_config *config);
/* Of a path or name: qemu-system-x86_64, qemu-kvm, kvm, also as distributions wrap them. */
bool vm_is_qemu_name(const char *path);

/* --- threads --- */

enum vm_role {
	VM_VCPU,
	VM_IOTHREAD,
	VM_EMULATOR,
	VM_VHOST_THREAD,
	VM_WORKER,
	VM_MONITOR,
	VM_MIGRATION,
	VM_OTHER,
	VM_UNNAMED /* this QEMU does not name its threads, and nothing else tells */
};
struct vm_stat { /* proc/PID/stat */
	char comm[64];
	char state;
	uint64_t parent, flags, start, cpu_ticks, cpu, priority, policy;
};
int vm_parse_stat(const char *text, struct vm_stat *ret) _must_check_;

/* A vCPU's counters of the answer before, and what became of the difference. */
struct vm_reasons {
	uint64_t before[QMP_COUNTERS_MAX];
	bool has_before;
	char text[160]; /* "io 120/s, hlt 80/s"; "" */
};

struct vm_thread {
	pid_t tid, ns_tid; /* as its own PID namespace numbers it */
	enum vm_role role;
	int index;	 /* of a vCPU; -1: unknown */
	const char *how; /* where the role came from: name, qmp, kvm */
	char comm[64];	 /* raw */
	char label[64];	 /* of an iothread: its id */
	struct vm_stat stat;
	bool has_schedstat, has_status, is_pinned;
	uint64_t cpu_ns, run_delay_ns, switches, involuntary;
	struct cpuset *affinity; /* NULL: unknown */
	unsigned flags;
};

/* --- memory: where it really lies, read rarely --- */

#define VM_NODES_MAX 64u
#define VM_MAPPINGS_MAX 32u
struct vm_memory {
	bool is_known;
	int error; /* negative errno of numa_maps */
	char policy[32];
	uint64_t page_bytes, bytes, by_node[VM_NODES_MAX], hugetlb_bytes, thp_bytes;
	struct cpuset nodes; /* with at least a hundredth of it */
	unsigned n_starts;
	uint64_t starts[VM_MAPPINGS_MAX]; /* addresses of the mappings that it is */
};
/* Of numa_maps: the guest's memory is what lies in path, or the largest anonymous mapping. */
void vm_parse_numa_maps(const char *text, const char *path, struct vm_memory *ret);
/* Huge pages of the mappings that numa_maps named. */
void vm_parse_smaps(const char *text, struct vm_memory *memory);
void vm_read_memory(struct host *host, pid_t pid, const struct vm_config *config,
		    struct vm_memory *ret);

/* --- one machine --- */

#define VM_VFIO_GROUPS_MAX 64u

struct vm {
	pid_t pid;
	uint64_t start; /* ticks since boot */
	char comm[64];
	char key[48]; /* "PID.START" */
	bool is_listed, is_kvm;
	struct vm_config config;
	char monitor[520]; /* what QMP is asked at; "" */
	char cgroup[256];
	int cgroup_error;
	int kvm_fd;	    /* number of its kvm-vm descriptor; -1 */
	bool are_fds_known; /* else we may not look */
	unsigned n_vhost_fds;
	unsigned n_vfio_groups, vfio_groups[VM_VFIO_GROUPS_MAX]; /* that it holds */
	uint64_t facts_ns;  /* when fds and cgroup were read; 0: never */
	uint64_t memory_ns; /* not before */
	struct vm_memory memory;
	uint64_t cpu_ticks;
	unsigned n_threads;
	struct vm_thread *threads;
	unsigned flags;
	const struct qmp_machine *qmp; /* of this run; NULL: nobody to ask */
	bool are_devices_joined;
	uint64_t pci_ns, block_ns; /* of the answers that devices were joined with */
	unsigned n_devices;
	struct vm_device *devices;
	struct vm_reasons *reasons; /* why vCPUs left their guest, by their index */
	unsigned n_reasons;
	uint64_t exits_ns; /* of the answer that reasons are from */
	bool has_counters; /* an answer with counters that is not too old to be shown */
};

/* Processes that are no machines, so that their command line is not read in every run. */
struct vm_seen {
	pid_t pid;
	uint64_t start;
	char comm[16];
	bool is_listed;
};
struct vm_kthread { /* vhost-PID of kernels before 6.4 */
	pid_t tid, owner;
};

struct vm_host_facts {
	struct cpus cpus;
	struct cpuset online, ordinary; /* core/task_cpus.h */
	uint64_t read_ns;		/* nodes; 0: never */
	unsigned n_nodes;
	struct cpuset *cpus_of_node[VM_NODES_MAX];
	struct cpuset **siblings; /* by CPU, CPUSET_MAX; read when asked for */
};
const struct cpuset *vm_siblings(struct vm_host_facts *facts, struct host *host, unsigned cpu);
int vm_node_of_device(struct host *host, const char *address); /* -1: unknown */

struct vm_state {
	unsigned n, n_seen, n_kthreads;
	struct vm **vms; /* by PID */
	struct vm_seen *seen;
	struct vm_kthread *kthreads;
	bool is_cut;
	struct qmp_pool *pool;
	struct vm_host_facts facts;
};

/* Brings the list up to date; machines that stayed keep what is known of them. */
int vm_find(struct vm_state *state, struct host *host, struct sample *out) _must_check_;
void vm_free(struct vm *vm);
/* What changes rarely: descriptors, control group, where the monitor is. */
void vm_read_facts(struct vm *vm, struct host *host);
/* Threads, with their roles by name and by what QMP and KVM say. -ESRCH: it is gone. */
int vm_read_threads(struct vm *vm, struct host *host, const struct vm_state *state) _must_check_;
void vm_threads_done(struct vm *vm);

/* --- devices --- */

/* The command line's, without those that the monitor says were unplugged, and those that were
 * plugged in; when the monitor has answered anew. */
void vm_join_devices(struct vm *vm, struct host *host);

/* --- exits --- */

#define VM_COUNTERS 6u
enum vm_counter { VM_EXITS, VM_HALT_NS_OK, VM_HALT_NS_FAIL, VM_HALT_OK, VM_HALT_FAIL, VM_WAKEUPS };
/* What a monitor said is shown for that long when it says no more: three times its slowest period
 * of counters. */
#define VM_ANSWER_OLD_NS (30 * NSEC_PER_SEC)
/* Brings the reasons up to date when QMP has answered anew. */
void vm_read_reasons(struct vm *vm, uint64_t now_ns);
/* Of one vCPU (index < 0: the sum over all, or KVM's debugfs), and when it was read (0: now).
 * False: nobody tells. */
bool vm_counter(struct vm *vm, struct host *host, int index, enum vm_counter counter, uint64_t *ret,
		uint64_t *ret_ns);

/* --- rows --- */

extern const struct probe probe_vm;

enum vm_set { VM_SET_VM, VM_SET_VCPU, VM_SET_THREAD, VM_SET_DEVICE, VM_SETS };
extern const struct metric_set vm_sets[VM_SETS];
void vm_emit(struct vm *vm, struct host *host, struct sample *out);

/* --- flags --- */

enum vm_flag {
	VM_FLAG_UNPINNED, /* a vCPU that may run on all CPUs */
	VM_FLAG_SHARED,	  /* two vCPUs on one CPU */
	VM_FLAG_SIBLINGS, /* two vCPUs on hardware threads of one core that are none to the guest */
	VM_FLAG_NODE,	  /* vCPU may run on another node than its memory */
	VM_FLAG_VF,	  /* vCPU may run on another node than a device passed through */
	VM_FLAG_PAGES,	  /* memory not in huge pages */
	VM_FLAGS
};
/* Sets flags of all machines and vCPUs; threads must have been read. */
void vm_find_flags(struct vm_state *state, struct host *host);
/* "unpinned node"; "" without flags. */
const char *vm_flag_words(unsigned flags, char *buf, size_t size);
/* One sentence for each flag. */
const char *vm_flag_sentences(unsigned flags, char *buf, size_t size);

#endif
