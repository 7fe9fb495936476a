/*
 * What only the kernel command line can set (Documentation/admin-guide/kernel-parameters.txt): each
 * parameter is a knob of its own that shows what it is now, what it would give and the words to
 * add, and that refuses to be set with those words.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/knob.h"
#include "core/text.h"
#include "probes/cmdline.h"

#define CMDLINE_MAX (64u * 1024) /* COMMAND_LINE_SIZE is 2048 on x86; boot configs add to it */

struct boot_row {
	const char *parameter; /* as the kernel reads it */
	const char *prefix;    /* what goes in front of a value the user types; NULL: takes none */
	const char *words;     /* to add, with a place for the value: "nohz_full=LIST" */
	const char *path;      /* a file that shows what came of it; NULL: none */
};

/* "given" for a parameter without a value; what the file shows where the command line is silent. */
static int boot_value(const struct boot_row *row, struct host *host, char *buf, size_t size)
{
	_cleanup_(freep) char *text = xcalloc(1, CMDLINE_MAX);
	char value[1024], shown[1024] = "", clean[1024] = "";
	ssize_t len = host_read(host, "proc/cmdline", text, CMDLINE_MAX);

	if (len < 0)
		return (int)len;
	if (cmdline_value(text, row->parameter, value, sizeof(value))) {
		(void)text_sanitise(value[0] ? value : "given", strlen(value[0] ? value : "given"),
				    buf, size);
		return 0;
	}
	if (row->path && host_read(host, row->path, shown, sizeof(shown)) > 0 &&
	    strcmp(shown, "(null)") != 0)
		(void)text_sanitise(shown, strcspn(shown, "\n"), clean, sizeof(clean));
	(void)snprintf(buf, size, clean[0] ? "not given (now %s)" : "not given", clean);
	return 0;
}

static int boot_targets(const struct boot_row *row, struct host *host, struct knob_targets *ret)
{
	char value[1200], locked[256];
	int err = boot_value(row, host, value, sizeof(value));

	(void)snprintf(locked, sizeof(locked),
		       "only at boot: add %s to the kernel command line (GRUB_CMDLINE_LINUX in "
		       "/etc/default/grub, then update-grub) and reboot",
		       row->words);
	knob_targets_add(ret, "host", row->parameter, err ? NULL : value, row->words, locked);
	return 0;
}

static int boot_plan(const struct boot_row *row, const char *target, const char *value, char *why,
		     size_t why_size)
{
	char clean[256];

	if (strcmp(target, "host") != 0) {
		(void)snprintf(why, why_size, "%.64s: no such thing: there is one of it, \"host\"",
			       target);
		return -EINVAL;
	}
	(void)text_sanitise(value, strlen(value), clean, sizeof(clean));
	/* A value with words of its own (isolcpus=nohz,2-3) needs none of ours. */
	bool has_words =
		(clean[0] >= 'a' && clean[0] <= 'z') || (clean[0] >= 'A' && clean[0] <= 'Z');

	if (row->prefix && clean[0])
		(void)snprintf(why, why_size,
			       "only at boot: add %s%s%.200s to the kernel command line and reboot",
			       has_words ? row->parameter : row->prefix, has_words ? "=" : "",
			       clean);
	else
		(void)snprintf(why, why_size,
			       "only at boot: add %s to the kernel command line and reboot",
			       row->words);
	return -EPERM;
}

#define BOOT_KNOB(symbol, summary_, gives, ...)                                                    \
	static const struct boot_row symbol##_row = {__VA_ARGS__};                                 \
	static int symbol##_targets(struct host *host, struct knob_targets *ret)                   \
	{                                                                                          \
		return boot_targets(&symbol##_row, host, ret);                                     \
	}                                                                                          \
	static int symbol##_plan(struct host *host, const char *target, const char *value,         \
				 struct plan *ret, char *why, size_t why_size)                     \
	{                                                                                          \
		(void)host;                                                                        \
		(void)ret;                                                                         \
		return boot_plan(&symbol##_row, target, value, why, why_size);                     \
	}                                                                                          \
	extern const struct knob knob_##symbol;                                                    \
	const struct knob knob_##symbol = {                                                        \
		.name = #symbol,                                                                   \
		.family = "boot",                                                                  \
		.summary = summary_,                                                               \
		.cost = gives,                                                                     \
		.risk = KNOB_DISRUPTIVE,                                                           \
		.is_boot_only = true,                                                              \
		.targets = symbol##_targets,                                                       \
		.plan = symbol##_plan,                                                             \
	}

#define CPU "sys/devices/system/cpu"

BOOT_KNOB(boot_isolcpus, "CPUs outside the scheduler's load balancing since boot",
	  "No thread is put there that did not ask; managed interrupts stay away where they can. A "
	  "cpuset partition does most of it at run time.",
	  .parameter = "isolcpus", .prefix = "isolcpus=managed_irq,domain,",
	  .words = "isolcpus=managed_irq,domain,LIST", .path = CPU "/isolated");
BOOT_KNOB(
	boot_nohz_full, "CPUs without a tick while one thread runs",
	"No timer interrupt (but one per second) on a CPU with one runnable thread; RCU callbacks "
	"go elsewhere too. System calls get slower. CONFIG_NO_HZ_FULL.",
	.parameter = "nohz_full", .prefix = "nohz_full=", .words = "nohz_full=LIST",
	.path = CPU "/nohz_full");
BOOT_KNOB(boot_rcu_nocbs, "CPUs whose RCU callbacks run in threads that can be moved",
	  "No RCU softirq work there; the rcuo threads may be pinned to other CPUs. nohz_full= "
	  "implies it. CONFIG_RCU_NOCB_CPU.",
	  .parameter = "rcu_nocbs", .prefix = "rcu_nocbs=", .words = "rcu_nocbs=LIST");
BOOT_KNOB(boot_rcu_nocb_poll, "whether rcuo threads poll instead of being woken",
	  "CPUs that queue callbacks do not have to wake them; the threads wake up all the time.",
	  .parameter = "rcu_nocb_poll", .words = "rcu_nocb_poll");
BOOT_KNOB(boot_irqaffinity, "CPUs that interrupts get by default, from boot on",
	  "Also those that appear before default_smp_affinity can be set.",
	  .parameter = "irqaffinity", .prefix = "irqaffinity=", .words = "irqaffinity=LIST",
	  .path = "proc/irq/default_smp_affinity");
BOOT_KNOB(
	boot_kthread_cpus, "CPUs that kernel threads may use from boot on",
	"Only kernels that carry this patch (Ubuntu real-time); elsewhere it is ignored: pin them "
	"at run time.",
	.parameter = "kthread_cpus", .prefix = "kthread_cpus=", .words = "kthread_cpus=LIST");
BOOT_KNOB(boot_skew_tick, "whether the ticks of the CPUs are spread over the period",
	  "1: CPUs do not fight for locks in the same microsecond; costs some power.",
	  .parameter = "skew_tick", .prefix = "skew_tick=", .words = "skew_tick=1");
BOOT_KNOB(boot_idle, "what idle CPUs do",
	  "poll: they never sleep, the quickest wakeup there is; heat, no turbo, and the other SMT "
	  "thread is slowed. Idle states can be limited at run time instead (idle_state).",
	  .parameter = "idle", .prefix = "idle=", .words = "idle=poll",
	  .path = CPU "/cpuidle/current_driver");
BOOT_KNOB(boot_intel_idle_max_cstate, "deepest idle state intel_idle uses",
	  "1: wakes up within some us; 0: intel_idle is off and ACPI's states are used.",
	  .parameter = "intel_idle.max_cstate",
	  .prefix = "intel_idle.max_cstate=", .words = "intel_idle.max_cstate=1",
	  .path = "sys/module/intel_idle/parameters/max_cstate");
BOOT_KNOB(boot_processor_max_cstate, "deepest idle state of ACPI's idle driver",
	  "1: wakes up within some us, where intel_idle is not used.",
	  .parameter = "processor.max_cstate",
	  .prefix = "processor.max_cstate=", .words = "processor.max_cstate=1",
	  .path = "sys/module/processor/parameters/max_cstate");
BOOT_KNOB(boot_mitigations, "workarounds for CPU vulnerabilities",
	  "off: quicker system calls and VM exits; anybody who runs code here may read others' "
	  "memory.",
	  .parameter = "mitigations", .prefix = "mitigations=", .words = "mitigations=off");
BOOT_KNOB(boot_tsc, "whether the kernel checks and trusts the TSC",
	  "reliable: no watchdog timer that compares clocks, and no fall back to hpet by mistake; "
	  "a TSC that does go wrong is not noticed.",
	  .parameter = "tsc", .prefix = "tsc=", .words = "tsc=reliable",
	  .path = "sys/devices/system/clocksource/clocksource0/current_clocksource");
BOOT_KNOB(boot_nosmt, "whether SMT threads stay off from boot on",
	  "No noise from the other thread of a core, half the CPUs. At run time: smt.",
	  .parameter = "nosmt", .words = "nosmt", .path = CPU "/smt/control");
BOOT_KNOB(boot_default_hugepagesz, "size of huge pages that programs get when they name none",
	  "1G: guests and DPDK use 1 GiB pages without being told.",
	  .parameter = "default_hugepagesz",
	  .prefix = "default_hugepagesz=", .words = "default_hugepagesz=1G");
BOOT_KNOB(boot_hugepages, "huge pages reserved before memory is fragmented",
	  "The only sure way to 1 GiB pages. hugepages=0:8,1:8 gives counts per node (Linux 5.16).",
	  .parameter = "hugepages",
	  .prefix = "hugepagesz=1G hugepages=", .words = "hugepagesz=1G hugepages=COUNT");
BOOT_KNOB(boot_intel_iommu, "Intel's IOMMU, needed to give devices to guests (VFIO)",
	  "on: devices can be assigned and interrupts remapped.", .parameter = "intel_iommu",
	  .prefix = "intel_iommu=", .words = "intel_iommu=on");
BOOT_KNOB(boot_iommu, "whether the host's own devices go through the IOMMU",
	  "pt: the host's DMA is not translated, which saves time; assigned devices still are.",
	  .parameter = "iommu", .prefix = "iommu=", .words = "iommu=pt");
BOOT_KNOB(boot_rcutree_kthread_prio, "real-time priority of the RCU threads",
	  "Above the application's threads, or RCU starves and memory runs out behind one that "
	  "spins.",
	  .parameter = "rcutree.kthread_prio",
	  .prefix = "rcutree.kthread_prio=", .words = "rcutree.kthread_prio=N",
	  .path = "sys/module/rcutree/parameters/kthread_prio");
BOOT_KNOB(boot_nohz_full_patience_delay,
	  "how long RCU waits before it interrupts a CPU of nohz_full (Linux 6.12)",
	  "ms, up to 1000: fewer interrupts of quiet CPUs, longer grace periods.",
	  .parameter = "rcutree.nohz_full_patience_delay",
	  .prefix = "rcutree.nohz_full_patience_delay=",
	  .words = "rcutree.nohz_full_patience_delay=1000",
	  .path = "sys/module/rcutree/parameters/nohz_full_patience_delay");
BOOT_KNOB(
	boot_threadirqs, "whether interrupt handlers run in threads",
	"They get priorities and affinities of their own; some throughput. PREEMPT_RT always does.",
	.parameter = "threadirqs", .words = "threadirqs");
BOOT_KNOB(boot_preempt, "where the kernel can be preempted, from boot on",
	  "full: lower latency. At run time: sched_preempt. CONFIG_PREEMPT_DYNAMIC.",
	  .parameter = "preempt", .prefix = "preempt=", .words = "preempt=full");
BOOT_KNOB(boot_nosoftlockup, "whether the soft lockup detector starts",
	  "No watchdog timer on any CPU. At run time: soft_watchdog.", .parameter = "nosoftlockup",
	  .words = "nosoftlockup", .path = "proc/sys/kernel/soft_watchdog");
BOOT_KNOB(boot_audit, "auditing of system calls",
	  "0: no check at every system call; nothing is audited.", .parameter = "audit",
	  .prefix = "audit=", .words = "audit=0");
BOOT_KNOB(
	boot_pcie_aspm, "power saving of PCI Express links",
	"off: the kernel leaves what the firmware set; the policy can be set at run time "
	"(/sys/module/pcie_aspm/parameters/policy). A link that sleeps takes microseconds to wake.",
	.parameter = "pcie_aspm", .prefix = "pcie_aspm=", .words = "pcie_aspm=off",
	.path = "sys/module/pcie_aspm/parameters/policy");
BOOT_KNOB(boot_kvm_lapic_timer_advance, "whether guests' timers fire a little early (kvm)",
	  "The exit's own time is made up for; the vCPU thread waits the rest out. Before Linux "
	  "6.12: kvm.lapic_timer_advance_ns.",
	  .parameter = "kvm.lapic_timer_advance",
	  .prefix = "kvm.lapic_timer_advance=", .words = "kvm.lapic_timer_advance=Y",
	  .path = "sys/module/kvm/parameters/lapic_timer_advance");
BOOT_KNOB(boot_kvm_kvmclock_periodic_sync, "whether all vCPUs are interrupted to sync kvmclock",
	  "N: no kick of every vCPU each 300 s; clocks may differ a little where the TSC is not "
	  "steady.",
	  .parameter = "kvm.kvmclock_periodic_sync",
	  .prefix = "kvm.kvmclock_periodic_sync=", .words = "kvm.kvmclock_periodic_sync=N",
	  .path = "sys/module/kvm/parameters/kvmclock_periodic_sync");
BOOT_KNOB(boot_kvm_intel_ple_gap, "whether a guest that spins is made to exit (kvm_intel)",
	  "0: no exits of spinning vCPUs, right when each has a CPU of its own.",
	  .parameter = "kvm_intel.ple_gap",
	  .prefix = "kvm_intel.ple_gap=", .words = "kvm_intel.ple_gap=0",
	  .path = "sys/module/kvm_intel/parameters/ple_gap");
BOOT_KNOB(boot_kvm_intel_preemption_timer, "whether guests' timers use the VMX preemption timer",
	  "N: they are the host's timers, which can fire on another CPU (kvm_pi_inject_timer).",
	  .parameter = "kvm_intel.preemption_timer",
	  .prefix = "kvm_intel.preemption_timer=", .words = "kvm_intel.preemption_timer=N",
	  .path = "sys/module/kvm_intel/parameters/preemption_timer");
BOOT_KNOB(boot_kvm_intel_enable_apicv, "virtual APIC in hardware (kvm_intel)",
	  "Y: interrupts reach guests without an exit.", .parameter = "kvm_intel.enable_apicv",
	  .prefix = "kvm_intel.enable_apicv=", .words = "kvm_intel.enable_apicv=Y",
	  .path = "sys/module/kvm_intel/parameters/enable_apicv");
BOOT_KNOB(boot_kvm_amd_avic, "virtual APIC in hardware (kvm_amd)",
	  "1: interrupts reach guests without an exit.", .parameter = "kvm_amd.avic",
	  .prefix = "kvm_amd.avic=", .words = "kvm_amd.avic=1",
	  .path = "sys/module/kvm_amd/parameters/avic");
