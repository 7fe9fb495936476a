/*
 * Scheduler, timers, watchdogs and what else wakes up CPUs that should be quiet, one file each
 * (Documentation/admin-guide/sysctl/kernel.rst, scheduler/sched-rt-group.rst,
 * admin-guide/kernel-per-CPU-kthreads.rst).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/knob_file.h"
#include "probes/owner.h"

#define KERNEL "proc/sys/kernel"
#define SCHED "sys/kernel/debug/sched"
#define BACK "Undone by writing the old value back."
#define NO_SYSCTL "this kernel has none (CONFIG_SYSCTL)"
#define KERNEL_ENOTSUPP 524 /* include/linux/errno.h; not for user space, but it gets out */

/* --- real-time throttling --- */

static int check_rt_runtime(struct host *host, const struct knob_file_parts *parts,
			    const char *value, char *why, size_t why_size)
{
	int64_t wish, period;

	(void)parts;
	if (parse_i64(value, &wish) || host_read_i64f(host, &period, KERNEL "/sched_rt_period_us"))
		return 0;
	if (wish > period) {
		(void)snprintf(why, why_size,
			       "%lld us is more than the period of %lld us: say "
			       "at most that, or -1",
			       (long long)wish, (long long)period);
		return -ERANGE;
	}
	if (wish == -1 || wish == period)
		(void)snprintf(why, why_size,
			       "a real-time thread that spins then keeps its CPU for good, with "
			       "ksoftirqd, kworkers and perhaps sshd behind it%s",
			       host_existsf(host, SCHED "/fair_server")
				       ? "; the pause itself comes from the fair server here: set "
					 "fair_server_runtime too"
				       : "");
	return 0;
}

KNOB_FILE_DEFINE(
	sched_rt_runtime_us, "scheduler", KNOB_DISRUPTIVE, STEP_I64, 0,
	"how much of sched_rt_period_us real-time threads may run",
	"-1: never paused, and nothing else runs beside one that spins: it can lock up the host. "
	"Since Linux 6.12 the fair server pauses them (fair_server_runtime). " BACK,
	.key = "host", .path = KERNEL "/sched_rt_runtime_us", .min = -1, .max = INT32_MAX,
	.unit = "us", .hint = "-1: no limit", .absent = NO_SYSCTL, .check = check_rt_runtime,
	.errors = (const struct knob_file_error[]){{EINVAL,
						    "more than the period, or less than what "
						    "cgroups have been given (cpu.rt_runtime_us, "
						    "CONFIG_RT_GROUP_SCHED)"},
						   {EBUSY, "SCHED_DEADLINE threads were promised "
							   "more than that: end them first"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	sched_rt_period_us, "scheduler", KNOB_FREE, STEP_U64, 0,
	"the period of real-time throttling",
	"Together with sched_rt_runtime_us: the pause comes once per period. " BACK, .key = "host",
	.path = KERNEL "/sched_rt_period_us", .min = 1, .max = INT32_MAX, .unit = "us",
	.absent = NO_SYSCTL,
	.errors = (const struct knob_file_error[]){{EINVAL, "less than sched_rt_runtime_us, or "
							    "cgroups' real-time shares would not "
							    "fit"},
						   {EBUSY, "SCHED_DEADLINE threads were promised "
							   "more than that: end them first"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL);

static int check_fair_server(struct host *host, const struct knob_file_parts *parts,
			     const char *value, char *why, size_t why_size)
{
	uint64_t period, wish;

	if (parse_u64(value, &wish))
		return 0;
	if (!host_read_u64f(host, &period, SCHED "/fair_server/cpu%s/period", parts->text[0]) &&
	    wish > period) {
		(void)snprintf(why, why_size,
			       "cpu:%s: %llu is more than its period of %llu ns: say at most that",
			       parts->text[0], (unsigned long long)wish,
			       (unsigned long long)period);
		return -ERANGE;
	}
	if (wish == 0)
		(void)snprintf(why, why_size,
			       "without it a real-time thread that spins on CPU %s keeps it for "
			       "good: kworkers, RCU callbacks and sshd there wait for ever",
			       parts->text[0]);
	return 0;
}

KNOB_FILE_DEFINE(
	fair_server_runtime, "scheduler", KNOB_DISRUPTIVE, STEP_U64, 0,
	"what the fair server takes from real-time threads of a CPU, per period (1 s)",
	"0: no pause of real-time threads, and nothing else ever runs beside one that spins. " BACK,
	.key = "cpu:#", .path = SCHED "/fair_server/cpu#/runtime", .unit = "ns", .hint = "0: never",
	.has_all = true, .affects = KNOB_FILE_THIS_CPU,
	.absent = "this kernel has no fair server (Linux 6.12), or hides debugfs",
	.check = check_fair_server,
	.errors = (const struct knob_file_error[]){{EINVAL, "more than its period"},
						   {EBUSY, "SCHED_DEADLINE threads leave no room "
							   "for it on this CPU"},
						   {0, NULL}});

/* --- the scheduler's own --- */

KNOB_FILE_DEFINE(
	sched_preempt, "scheduler", KNOB_FREE, STEP_WORD, 0, "where the kernel can be preempted",
	"full: lower latency, some throughput; voluntary and none: long system calls delay "
	"others. " BACK,
	.key = "host", .path = SCHED "/preempt",
	.absent = "this kernel has none (CONFIG_PREEMPT_DYNAMIC; a PREEMPT_RT kernel is always "
		  "full)",
	.errors = (const struct knob_file_error[]){{EINVAL, "this kernel has no such mode"},
						   {0, NULL}});

KNOB_FILE_DEFINE(sched_base_slice_ns, "scheduler", KNOB_FREE, STEP_U64, 0,
		 "how long an ordinary thread runs before another one's turn",
		 "Shorter: less waiting, more switches. " BACK, .key = "host",
		 .path = SCHED "/base_slice_ns", .unit = "ns",
		 .absent = "this kernel has none (Linux 6.6)");

KNOB_FILE_DEFINE(sched_migration_cost_ns, "scheduler", KNOB_FREE, STEP_U64, 0,
		 "how long a thread that ran counts as cache hot and is not moved",
		 "Longer: fewer migrations, less even load. " BACK, .key = "host",
		 .path = SCHED "/migration_cost_ns", .unit = "ns",
		 .absent = "this kernel has none (Linux 5.13, CONFIG_SMP)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(sched_nr_migrate, "scheduler", KNOB_FREE, STEP_U64, 0,
		 "how many threads load balancing moves at once, with interrupts off",
		 "Fewer: shorter stretches without interrupts. " BACK, .key = "host",
		 .path = SCHED "/nr_migrate", .unit = "threads",
		 .absent = "this kernel has none (Linux 5.13, CONFIG_SMP)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(sched_autogroup, "scheduler", KNOB_FREE, STEP_U64, 0,
		 "whether each session gets an equal share of the CPUs",
		 "0: nice levels count between sessions again. Groups that exist stay. " BACK,
		 .key = "host", .path = KERNEL "/sched_autogroup_enabled", .words = "0|1",
		 .absent = "this kernel has none (CONFIG_SCHED_AUTOGROUP)",
		 .owners = OWNERS_SYSCTL);

/* --- timers, RCU --- */

KNOB_FILE_DEFINE(
	timer_migration, "timers", KNOB_FREE, STEP_U64, 0,
	"whether timers of an idle CPU go to one that is awake",
	"0: they fire where they were armed, and stay off others' CPUs. Armed ones stay where they "
	"are. " BACK,
	.key = "host", .path = KERNEL "/timer_migration", .words = "0|1",
	.absent = "this kernel has none (CONFIG_SMP and CONFIG_NO_HZ_COMMON)",
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(rcu_normal, "timers", KNOB_FREE, STEP_U64, 0,
		 "1: expedited RCU grace periods become normal ones",
		 "Normal ones send no interrupts to busy CPUs but take longer. " BACK,
		 .key = "host", .path = "sys/kernel/rcu_normal", .words = "0|1",
		 .absent = "this kernel has none (CONFIG_TINY_RCU)",
		 .fixed = "this kernel has it fixed: rcupdate.rcu_normal=1 on its command line",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(rcu_expedited, "timers", KNOB_FREE, STEP_U64, 0,
		 "1: RCU grace periods are hurried, by interrupts to all busy CPUs",
		 "Quicker for who waits, jitter for everybody else. " BACK, .key = "host",
		 .path = "sys/kernel/rcu_expedited", .words = "0|1",
		 .absent = "this kernel has none (CONFIG_TINY_RCU)", .owners = OWNERS_SYSCTL);

/* --- watchdogs --- */

#define NO_WATCHDOG "this kernel has none (CONFIG_LOCKUP_DETECTOR)"

KNOB_FILE_DEFINE(watchdog, "watchdogs", KNOB_FREE, STEP_U64, 0,
		 "both lockup detectors at once: a timer per CPU every few seconds",
		 "0: a CPU that hangs is not noticed by the kernel. " BACK, .key = "host",
		 .path = KERNEL "/watchdog", .words = "0|1", .absent = NO_WATCHDOG,
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	nmi_watchdog, "watchdogs", KNOB_FREE, STEP_U64, 0,
	"hard lockup detector: a performance counter's NMI on every CPU",
	"0: no NMIs, one counter more for perf; a CPU that hangs with interrupts off is not "
	"noticed. " BACK,
	.key = "host", .path = KERNEL "/nmi_watchdog", .words = "0|1",
	.absent = "this kernel has none (CONFIG_HARDLOCKUP_DETECTOR)",
	.fixed = "there is no performance counter for it here (a virtual machine), so it is off",
	.errors = (const struct knob_file_error[]){{KERNEL_ENOTSUPP,
						    "there is no performance counter for it here"},
						   {EOPNOTSUPP,
						    "there is no performance counter for it here"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(soft_watchdog, "watchdogs", KNOB_FREE, STEP_U64, 0,
		 "soft lockup detector: a timer and the stopper thread of every CPU",
		 "0: fewer wakeups of the highest priority; a CPU that does not schedule is not "
		 "noticed. " BACK,
		 .key = "host", .path = KERNEL "/soft_watchdog", .words = "0|1",
		 .absent = "this kernel has none (CONFIG_SOFTLOCKUP_DETECTOR)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(watchdog_thresh, "watchdogs", KNOB_FREE, STEP_U64, 0,
		 "how long a CPU may hang before it is reported; its timer comes 5 times as often",
		 "Longer: fewer wakeups, later reports. " BACK, .key = "host",
		 .path = KERNEL "/watchdog_thresh", .max = 60, .unit = "s", .hint = "0: off",
		 .absent = NO_WATCHDOG, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(watchdog_cpumask, "watchdogs", KNOB_FREE, STEP_CPULIST, 0,
		 "the CPUs that the lockup detectors watch and disturb",
		 "The others hang unnoticed. At boot: all but those of nohz_full. " BACK,
		 .key = "host", .path = KERNEL "/watchdog_cpumask", .affects = KNOB_FILE_OLD_OR_NEW,
		 .absent = NO_WATCHDOG, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(hung_task_timeout_secs, "watchdogs", KNOB_FREE, STEP_U64, 0,
		 "how long a task may sleep uninterruptibly before khungtaskd reports it",
		 "khungtaskd walks over all tasks that often. " BACK, .key = "host",
		 .path = KERNEL "/hung_task_timeout_secs", .unit = "s", .hint = "0: never",
		 .absent = "this kernel has none (CONFIG_DETECT_HUNG_TASK)",
		 .owners = OWNERS_SYSCTL);

#define MCE "sys/devices/system/machinecheck/machinecheck0"
#define NO_MCE "this machine shows no machine checks (not x86, or a virtual machine without them)"

KNOB_FILE_DEFINE(
	mce_check_interval, "watchdogs", KNOB_PARTIAL, STEP_U64, 0,
	"how often all CPUs poll for corrected hardware errors",
	"0: no polling: corrected memory errors are no longer counted, nor seen to grow. " BACK,
	.key = "host", .path = MCE "/check_interval", .unit = "s", .hint = "0: never",
	.absent = NO_MCE, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(mce_ignore_ce, "watchdogs", KNOB_PARTIAL, STEP_U64, 0,
		 "1: corrected hardware errors are neither polled for nor interrupt",
		 "Hides memory that is about to fail. " BACK, .key = "host",
		 .path = MCE "/ignore_ce", .words = "0|1", .absent = NO_MCE,
		 .owners = OWNERS_SYSCTL);

/* Four numbers; the first is the one that costs time (Documentation/core-api/printk-basics.rst). */
static int check_printk(struct host *host, const struct knob_file_parts *parts, const char *value,
			char *why, size_t why_size)
{
	struct scan scan = {value};
	uint64_t number;
	unsigned n = 0;
	int err = 0;

	(void)host;
	(void)parts;
	while ((err = scan_u64(&scan, &number)) == 0)
		n++;
	if (err == -ENODATA && n == 4)
		return 0;
	(void)snprintf(why, why_size, "it is four numbers such as 4 4 1 7, not %.64s", value);
	return -EINVAL;
}

KNOB_FILE_DEFINE(
	printk, "watchdogs", KNOB_FREE, STEP_TEXT, 0,
	"which kernel messages go to the console: a serial one keeps a CPU busy for milliseconds",
	"Fewer on the console; all stay in dmesg. " BACK, .key = "host", .path = KERNEL "/printk",
	.hint = "four numbers, the first: only messages below it are printed",
	.absent = "this kernel has none (CONFIG_PRINTK)", .check = check_printk,
	.owners = OWNERS_SYSCTL);

/* --- where kernel work runs --- */

#define WORKQUEUE "sys/devices/virtual/workqueue"

/* What is written is kept apart from what results after the isolated CPUs are taken out
 * (cpumask_requested, Linux 6.7; Documentation/core-api/workqueue.rst). */
KNOB_FILE_DEFINE(
	workqueue_cpumask, "scheduler", KNOB_FREE, STEP_CPUMASK, 0,
	"the CPUs that unbound workqueues may use",
	"Off the CPUs that should be quiet. Undone by writing the mask back that was asked for "
	"before, isolated CPUs included.",
	.key = "host", .path = WORKQUEUE "/cpumask", .read_path = WORKQUEUE "/cpumask_requested",
	.affects = KNOB_FILE_OLD_OR_NEW, .absent = "this kernel has none (CONFIG_SYSFS)",
	.errors = (const struct knob_file_error[]){{EINVAL, "none of its CPUs may be used: name "
							    "one that is online and not isolated"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(workqueue_queue_cpumask, "scheduler", KNOB_FREE, STEP_CPUMASK, 0,
		 "the CPUs that one unbound workqueue may use (within workqueue_cpumask)",
		 "Work of that queue moves. " BACK, .key = "workqueue:*",
		 .path = WORKQUEUE "/*/cpumask", .affects = KNOB_FILE_OLD_OR_NEW,
		 .absent = "this kernel shows no queue of its own (WQ_SYSFS)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(default_smp_affinity, "irq", KNOB_FREE, STEP_CPUMASK, 0,
		 "the CPUs given to interrupts that appear from now on",
		 "Those that are there stay where they are: irq_affinity. " BACK, .key = "host",
		 .path = "proc/irq/default_smp_affinity", .affects = KNOB_FILE_OLD_OR_NEW,
		 .absent = "this kernel has none (CONFIG_SMP)",
		 .errors = (const struct knob_file_error[]){{EINVAL, "none of its CPUs is online"},
							    {0, NULL}},
		 .owners = OWNERS_IRQ);

KNOB_FILE_DEFINE(
	clocksource, "timers", KNOB_PARTIAL, STEP_WORD, 0, "the clock the kernel reads",
	"tsc takes 20 ns; hpet and acpi_pm a microsecond and a bus access, for every reader. Time "
	"may be off by a little at the switch. " BACK,
	.key = "host", .path = "sys/devices/system/clocksource/clocksource0/current_clocksource",
	.choices_path = "sys/devices/system/clocksource/clocksource0/available_clocksource",
	.absent = "this kernel lists no clocks to choose from", .owners = OWNERS_SYSCTL);
