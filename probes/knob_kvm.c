/* Settings of KVM and of the network stack as a whole, one file each
 * (Documentation/virt/kvm/halt-polling.rst, admin-guide/sysctl/net.rst). */
#include <errno.h>
#include <stdio.h>

#include "core/parse.h"
#include "probes/knob_file.h"
#include "probes/owner.h"

#define KVM "sys/module/kvm/parameters"
#define NO_KVM "kvm is not loaded: modprobe kvm_intel or kvm_amd"
#define FIXED "this kernel has it fixed while kvm is loaded: kvm.NAME=VALUE on its command line"
#define BACK "Undone by writing the old value back."

KNOB_FILE_DEFINE(
	kvm_halt_poll_ns, "kvm", KNOB_FREE, STEP_U64, 0,
	"how long a vCPU that halts keeps polling before its thread sleeps",
	"Longer: quicker wakeups of guests, CPU time of the host burnt. VMs that set their own "
	"(KVM_CAP_HALT_POLL) ignore it. " BACK,
	.key = "host", .path = KVM "/halt_poll_ns", .max = UINT32_MAX, .unit = "ns",
	.hint = "0: sleeps at once", .absent = NO_KVM, .fixed = FIXED, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(kvm_halt_poll_ns_grow, "kvm", KNOB_FREE, STEP_U64, 0,
		 "by which factor halt polling gets longer when it was too short",
		 "0: it does not grow. " BACK, .key = "host", .path = KVM "/halt_poll_ns_grow",
		 .max = UINT32_MAX, .absent = NO_KVM, .fixed = FIXED, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(kvm_halt_poll_ns_grow_start, "kvm", KNOB_FREE, STEP_U64, 0,
		 "how long the first halt polling is", BACK, .key = "host",
		 .path = KVM "/halt_poll_ns_grow_start", .max = UINT32_MAX, .unit = "ns",
		 .absent = NO_KVM, .fixed = FIXED, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(kvm_halt_poll_ns_shrink, "kvm", KNOB_FREE, STEP_U64, 0,
		 "by which divisor halt polling gets shorter when nothing came",
		 "0: back to nothing at once. " BACK, .key = "host",
		 .path = KVM "/halt_poll_ns_shrink", .max = UINT32_MAX, .absent = NO_KVM,
		 .fixed = FIXED, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(kvm_nx_huge_pages, "kvm", KNOB_PARTIAL, STEP_WORD, 0,
		 "whether guests' executable huge pages are split (against iTLB multihit)",
		 "Y: exits and TLB misses when guests run code from huge pages. N on a CPU with "
		 "the fault: a "
		 "guest can hang the host. All guests' page tables are built anew. " BACK,
		 .key = "host", .path = KVM "/nx_huge_pages", .words = "Y|N", .absent = NO_KVM,
		 .fixed = FIXED,
		 .errors = (const struct knob_file_error[]){
			 {EPERM, "kvm was loaded with nx_huge_pages=never"}, {0, NULL}});

KNOB_FILE_DEFINE(kvm_pi_inject_timer, "kvm", KNOB_FREE, STEP_I64, 0,
		 "whether guests' timer interrupts are posted from housekeeping CPUs (-1: where "
		 "mwait or hlt "
		 "is the guest's and the host has nohz_full)",
		 "1: no exit of the vCPU for its own timer. " BACK, .key = "host",
		 .path = KVM "/pi_inject_timer", .words = "-1|0|1", .absent = NO_KVM,
		 .fixed = FIXED);

/* --- the network stack --- */

#define CORE "proc/sys/net/core"
#define NO_CORE "this kernel, or this network namespace, has none"

KNOB_FILE_DEFINE(
	net_busy_poll, "net", KNOB_FREE, STEP_U64, 0,
	"how long poll() and select() busy-wait for packets (Documentation/networking/napi.rst)",
	"Lower latency for CPU time; 50 is usual. " BACK, .key = "host", .path = CORE "/busy_poll",
	.max = INT32_MAX, .unit = "us", .hint = "0: never", .absent = NO_CORE,
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	net_busy_read, "net", KNOB_FREE, STEP_U64, 0,
	"how long reads of new sockets busy-wait for packets",
	"Lower latency for CPU time; 50 is usual. Sockets that are open keep what they have. " BACK,
	.key = "host", .path = CORE "/busy_read", .max = INT32_MAX, .unit = "us",
	.hint = "0: never", .absent = NO_CORE, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(netdev_budget, "net", KNOB_FREE, STEP_U64, 0,
		 "how many packets one run of the receive softirq may take",
		 "Fewer: others get the CPU sooner; more: fewer time squeezes under load. " BACK,
		 .key = "host", .path = CORE "/netdev_budget", .min = 1, .max = INT32_MAX,
		 .unit = "packets", .absent = NO_CORE, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	netdev_budget_usecs, "net", KNOB_FREE, STEP_U64, 0,
	"how long one run of the receive softirq may last",
	"Shorter: others get the CPU sooner; longer: fewer time squeezes under load. " BACK,
	.key = "host", .path = CORE "/netdev_budget_usecs", .max = INT32_MAX, .unit = "us",
	.absent = NO_CORE, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(net_dev_weight, "net", KNOB_FREE, STEP_U64, 0,
		 "how many packets of the backlog (RPS, veth) are taken in one go",
		 "Fewer: queues take turns sooner. " BACK, .key = "host",
		 .path = CORE "/dev_weight", .min = 1, .max = INT32_MAX, .unit = "packets",
		 .absent = NO_CORE, .owners = OWNERS_SYSCTL);

/* The kernel rounds up (rps_sock_flow_sysctl(), net/core/sysctl_net_core.c). */
static int check_flow_entries(struct host *host, const struct knob_file_parts *parts,
			      const char *value, char *why, size_t why_size)
{
	uint64_t wish;

	(void)host;
	(void)parts;
	if (parse_u64(value, &wish) || (wish & (wish - 1)) == 0)
		return 0;
	uint64_t power = 1;
	while (power < wish)
		power <<= 1;
	(void)snprintf(why, why_size, "the kernel rounds up to a power of two: say %llu",
		       (unsigned long long)power);
	return -EINVAL;
}

KNOB_FILE_DEFINE(rps_sock_flow_entries, "net", KNOB_FREE, STEP_U64, 0,
		 "how many flows receive flow steering remembers (with rps_flow_cnt of the queues)",
		 "Packets follow the thread that reads them; 0 switches it off. " BACK,
		 .key = "host", .path = CORE "/rps_sock_flow_entries", .max = 1 << 29,
		 .unit = "flows", .hint = "0: off, a power of two", .absent = NO_CORE,
		 .check = check_flow_entries, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	net_rps_default_mask, "net", KNOB_FREE, STEP_CPUMASK, 0,
	"the CPUs that receive packet steering of new interfaces uses, in this network namespace",
	"Interfaces that are there keep what they have (rps_cpus of their queues); 0 is "
	"none. " BACK,
	.key = "host", .path = CORE "/rps_default_mask", .may_be_empty = true,
	.affects = KNOB_FILE_OLD_OR_NEW, .absent = "this kernel has none (CONFIG_RPS, Linux 6.3)",
	.errors = (const struct knob_file_error[]){{EINVAL, "none of its CPUs may be used: name "
							    "one that is not isolated"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL);
