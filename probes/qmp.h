/*
 * QMP, the monitor protocol of QEMU: a pool of monitors asked together, for the vm probe (which is
 * PROBE_SLOW). A monitor serves one client: each run connects, asks what is due, and leaves.
 *
 * Calling sequence: qmp_pool_new() once. In each run of the probe: qmp_pool_begin(),
 * qmp_pool_want() for each machine that exists now (others are forgotten), qmp_pool_run(), then
 * qmp_pool_find() by the same key. What that returns belongs to the pool and stays as it is until
 * the next qmp_pool_begin(). Keys are the caller's own ("PID.STARTTIME"): a machine whose key,
 * process or path changed is a new one, of which nothing is known.
 *
 * qmp_pool_run() waits: at most QMP_RUN_NS in all, however many peers are silent, slow or endless;
 * each answer must be there within QMP_ANSWER_NS. Machines that answered well come first. What is
 * not due is not asked: status, CPUs and counters every 2 s, the rest every 30 s (qmp.c has the
 * list); monitors that failed or were busy are left alone for 2 s, then longer, up to a minute.
 * Their state and old answers stay. A command that broke the connection is left out for a while, so
 * that the others get their answers. There may be up to QMP_MACHINES_MAX machines.
 *
 * Everything here was said by a peer that may lie: numbers are in the range of their type, lists
 * are cut (is_cut), text is cut, valid as to length only and still to be sanitised (sample_text()
 * does). Thread ids are those of the PID namespace that QEMU runs in (NSpid of
 * /proc/PID/task/TID/status where it is not ours), and may be of threads that are gone or of
 * somebody else: compare with /proc/PID/task.
 */
#ifndef JT_PROBES_QMP_H
#define JT_PROBES_QMP_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/cpuset.h"
#include "core/util.h"

struct host;

#define QMP_MACHINES_MAX 1024u
#define QMP_RUN_NS (1200 * NSEC_PER_MSEC)
#define QMP_ANSWER_NS (500 * NSEC_PER_MSEC)

/* In the order in which they are asked: answers that may be long, and break the limits, last. */
enum qmp_command {
	QMP_NAME,
	QMP_UUID,
	QMP_VERSION,
	QMP_KVM,
	QMP_STATUS,
	QMP_CPUS,
	QMP_IOTHREADS,
	QMP_MEMDEV,
	QMP_MEMORY,
	QMP_BALLOON,
	QMP_SCHEMAS, /* which counters there are; QMP_STATS_* need it */
	QMP_STATS_VM,
	QMP_STATS_VCPU, /* needs QMP_CPUS as well */
	QMP_CHARDEVS,
	QMP_BLOCK,
	QMP_PCI,
	QMP_HOTPLUGGABLE,
	QMP_RX_FILTER,
	QMP_COMMANDS
};
#define QMP_BIT(command) (1u << (command))
#define QMP_ALL (QMP_BIT(QMP_COMMANDS) - 1)
const char *qmp_command_name(enum qmp_command command); /* "query-name" */

enum qmp_answer_state {
	QMP_NOT_ASKED, /* not yet, or it needs another answer that is missing */
	QMP_ANSWERED,
	QMP_UNKNOWN,  /* CommandNotFound: this QEMU is too old or built without */
	QMP_REFUSED,  /* another error: why has its text (no balloon: DeviceNotActive) */
	QMP_NONSENSE, /* no answer to this question, or beyond a limit: why says what */
};

struct qmp_answer {
	enum qmp_answer_state state;
	uint64_t asked_ns;  /* host_now_ns() of the run that reached this state; 0: never */
	uint64_t values_ns; /* and when the values were read; 0: there are none */
	char why[96];	    /* "" when answered */
};

enum qmp_monitor_state {
	QMP_WAITING, /* not reached yet */
	QMP_OK,
	QMP_BUSY,   /* serves another client: accepted no connection, or did not greet */
	QMP_DENIED, /* we may not connect */
	QMP_GONE,   /* no such socket, or nobody listens */
	QMP_FAILED, /* text says what is wrong with it */
};

struct qmp_number {
	bool is_set;
	uint64_t value;
};

struct qmp_cpu {
	uint32_t index;
	pid_t tid;
	char target[16];   /* "x86_64"; of old QEMUs the arch: "x86" */
	char qom_path[96]; /* "/machine/unattached/device[0]" */
	char state[24];	   /* s390x only: "stopped" */
	struct qmp_number socket, die, cluster, core, thread, node; /* of the guest's topology */
};

struct qmp_iothread {
	char id[64];
	pid_t tid;
	struct qmp_number poll_max_ns;
};

struct qmp_memdev {
	char id[64]; /* "": the machine's own memory */
	uint64_t size_bytes;
	char policy[16];     /* default, preferred, bind, interleave */
	struct cpuset nodes; /* host-nodes */
	struct qmp_number prealloc, share, reserve, merge; /* 0 or 1 */
};

struct qmp_chardev {
	char label[64], filename[128];
	bool is_open;
};

struct qmp_block {
	char device[64], node[64], driver[32], file[160], io_status[16];
	char qdev[128]; /* id or QOM path of the guest's device */
	bool has_medium, is_read_only, is_direct;
	struct qmp_number size_bytes;
};

struct qmp_pci {
	uint32_t bus, slot, function, class, vendor, device; /* as the guest sees it */
	struct qmp_number irq;
	char id[64]; /* the device's id= ; "": has none */
	char desc[48];
};

struct qmp_slot {		     /* query-hotpluggable-cpus */
	char type[64], qom_path[96]; /* qom_path "": empty slot */
	uint32_t vcpus;
	struct qmp_number socket, die, cluster, core, thread, node;
};

struct qmp_rx_filter {
	char name[64], mac[24];
	bool is_promiscuous;
};

/* Counters by name: names are the machine's (n_names), values of each vCPU stand in their order.
 * Only cumulative ones of the kvm provider: exits and their reasons, halt polling, and what else
 * tells why a guest left its CPU. */
#define QMP_COUNTERS_MAX 40u
struct qmp_counters {
	unsigned n_names;
	char names[QMP_COUNTERS_MAX][32];
};
struct qmp_stats {
	uint32_t cpu_index; /* of struct qmp_cpu */
	struct qmp_number values[QMP_COUNTERS_MAX];
};

#define QMP_LIST(type)                                                                             \
	struct {                                                                                   \
		unsigned n;                                                                        \
		bool is_cut; /* there were more */                                                 \
		struct type *at;                                                                   \
	}

struct qmp_machine {
	char *key;
	pid_t pid;
	char *path;

	enum qmp_monitor_state state;
	char text[160];	   /* "ok", "busy", "query-name: did not answer in time" */
	uint64_t ok_ns;	   /* when it last was asked to the end; 0: never */
	uint64_t asked_ns; /* when it was last connected to; 0: never */
	pid_t peer;	   /* who made the socket listen, as the kernel says; 0: unknown. libvirt
			    * hands a socket of its own to QEMU: then it is libvirt's process */
	struct qmp_answer answers[QMP_COMMANDS];

	/* Values of the answers; zero, "" and empty until values_ns is set. */
	char name[128], uuid[40];
	char status[24];     /* "running", "paused", ... */
	uint32_t version[3]; /* 8, 1, 0 */
	char package[64];
	/* QEMU before 8.1 makes each vCPU leave the guest to read its counters (measured with 7.2);
	 * QMP_STATS_VCPU is then asked every 10 s only. Without that bit: not at all. */
	bool interrupts_vcpus;
	bool is_running, has_kvm, is_kvm;
	struct qmp_number base_bytes, plugged_bytes, balloon_bytes;
	QMP_LIST(qmp_cpu) cpus;
	QMP_LIST(qmp_iothread) iothreads;
	QMP_LIST(qmp_memdev) memdevs;
	QMP_LIST(qmp_chardev) chardevs;
	QMP_LIST(qmp_block) blocks;
	QMP_LIST(qmp_pci) pci;
	bool is_pci_partial; /* some bridge has no bus number yet: what is behind it is missing */
	QMP_LIST(qmp_slot) slots;
	QMP_LIST(qmp_rx_filter) rx_filters;
	struct qmp_counters vcpu_counters, vm_counters;
	struct qmp_stats vm_stats;
	QMP_LIST(qmp_stats) vcpu_stats;
};

/* A counter by its name ("exits", "halt_poll_success_ns"); not set when the machine has none. */
struct qmp_number qmp_counter(const struct qmp_counters *counters, const struct qmp_stats *stats,
			      const char *name);
/* Whether a counter counts one reason of leaving the guest ("io_exits", "exit_userspace"); their
 * sum and other things are not. */
bool qmp_is_exit_reason(const char *name);

struct qmp_pool;
struct qmp_pool *qmp_pool_new(struct host *host);
void qmp_pool_free(struct qmp_pool *pool); /* NULL is fine */
void qmp_pool_begin(struct qmp_pool *pool);
/* path: in the mount namespace of process pid, with or without the leading slash; no part of it may
 * be a symbolic link. commands: QMP_BIT()s. pid 0: the host's own namespace. */
void qmp_pool_want(struct qmp_pool *pool, const char *key, pid_t pid, const char *path,
		   uint32_t commands);
/* 0, or -ECANCELED (host_interrupt()); what single machines have to say is theirs. */
int qmp_pool_run(struct qmp_pool *pool) _must_check_;
const struct qmp_machine *qmp_pool_find(const struct qmp_pool *pool, const char *key); /* or NULL */

#endif
