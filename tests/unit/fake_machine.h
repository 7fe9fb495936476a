/* A small made-up machine for the tests of probes: 4 CPUs, of which CPU 3 is offline, 2 cores, 1
 * package, nodes 0 and 2 (2 without CPUs), 3 interrupts, huge pages with a holder, one NIC. */
#ifndef JT_TESTS_UNIT_FAKE_MACHINE_H
#define JT_TESTS_UNIT_FAKE_MACHINE_H

#include "core/host.h"

struct fake_file {
	const char *path, *content;
	/* The probe whose error must name the file when it is faulty; NULL: the file has a
	 * substitute, or what needs it stays silent. */
	const char *probe;
};

#define CPU_DIR "sys/devices/system/cpu"
#define NODE_DIR "sys/devices/system/node"
#define HUGE_DIR "sys/kernel/mm/hugepages/hugepages-2048kB"
#define NODE_HUGE_DIR NODE_DIR "/node0/hugepages/hugepages-2048kB"

static const struct fake_file fake_machine[] = {
	{CPU_DIR "/online", "0-2", "topology"},
	{CPU_DIR "/present", "0-3", NULL},
	{CPU_DIR "/possible", "0-7", NULL},
	{CPU_DIR "/isolated", "2", "isolation"},
	{CPU_DIR "/nohz_full", "(null)", "isolation"},
	{CPU_DIR "/cpu0/topology/physical_package_id", "0", NULL},
	{CPU_DIR "/cpu0/topology/core_id", "0", NULL},
	{CPU_DIR "/cpu0/topology/core_siblings_list", "0-2", NULL},
	{CPU_DIR "/cpu0/topology/thread_siblings_list", "0-1", NULL},
	{CPU_DIR "/cpu1/topology/physical_package_id", "0", NULL},
	{CPU_DIR "/cpu1/topology/core_id", "0", NULL},
	{CPU_DIR "/cpu1/topology/core_siblings_list", "0-2", NULL},
	{CPU_DIR "/cpu1/topology/thread_siblings_list", "0-1", NULL},
	{CPU_DIR "/cpu2/topology/physical_package_id", "0", NULL},
	{CPU_DIR "/cpu2/topology/core_id", "1", NULL},
	{CPU_DIR "/cpu2/topology/core_siblings_list", "0-2", NULL},
	{CPU_DIR "/cpu2/topology/thread_siblings_list", "2", NULL},
	{CPU_DIR "/cpu0/cpu_capacity", "1024", "topology"},
	{CPU_DIR "/cpu1/cpu_capacity", "1024", "topology"},
	{CPU_DIR "/cpu2/cpu_capacity", "1024", "topology"},
	{CPU_DIR "/cpu3/online", "0", NULL},
	{CPU_DIR "/cpu0/cpufreq/scaling_driver", "acpi-cpufreq", "cpufreq"},
	{CPU_DIR "/cpu0/cpufreq/scaling_cur_freq", "2400000", "cpufreq"},
	{CPU_DIR "/cpu0/cpufreq/scaling_min_freq", "800000", "cpufreq"},
	{CPU_DIR "/cpu0/cpufreq/scaling_max_freq", "3600000", "cpufreq"},
	{CPU_DIR "/cpu0/cpufreq/scaling_governor", "schedutil", NULL},
	{CPU_DIR "/cpu2/cpufreq/scaling_driver", "acpi-cpufreq", NULL},
	{CPU_DIR "/cpu2/cpufreq/scaling_cur_freq", "2500000", NULL},
	{CPU_DIR "/cpu0/cpuidle/state0/name", "POLL", NULL},
	{CPU_DIR "/cpu0/cpuidle/state0/time", "12", "cpuidle"},
	{CPU_DIR "/cpu0/cpuidle/state0/usage", "3", "cpuidle"},
	{CPU_DIR "/cpu0/cpuidle/state0/latency", "1", "cpuidle"},
	{CPU_DIR "/cpu0/cpuidle/state0/disable", "0", "cpuidle"},
	{NODE_DIR "/online", "0,2", NULL},
	{NODE_DIR "/node0/cpulist", "0-3", NULL},
	{NODE_DIR "/node0/distance", "10 20", "topology"},
	{NODE_DIR "/node0/meminfo", "Node 0 MemTotal:  1000 kB\nNode 0 MemFree:  400 kB", "memory"},
	{NODE_DIR "/node2/cpulist", "", NULL},
	{NODE_DIR "/node2/distance", "20 10", "topology"},
	{NODE_DIR "/node2/meminfo", "Node 2 MemTotal:  500 kB\nNode 2 MemFree:  500 kB", "memory"},
	{HUGE_DIR "/nr_hugepages", "8", "hugepages"},
	{HUGE_DIR "/free_hugepages", "6", "hugepages"},
	{HUGE_DIR "/resv_hugepages", "1", "hugepages"},
	{HUGE_DIR "/surplus_hugepages", "0", "hugepages"},
	{NODE_HUGE_DIR "/nr_hugepages", "8", "hugepages"},
	{NODE_HUGE_DIR "/free_hugepages", "6", "hugepages"},
	{NODE_HUGE_DIR "/surplus_hugepages", "0", "hugepages"},
	{"proc/42/status", "Name:\tqemu\nHugetlbPages:\t    4096 kB", NULL},
	{"proc/42/numa_maps",
	 "7f0000000000 default file=/dev/hugepages/a huge dirty=2 N0=2 kernelpagesize_kB=2048\n"
	 "7f1000000000 default heap anon=3 N0=3 kernelpagesize_kB=4",
	 "hugeholder"},
	{"proc/stat",
	 "cpu  600 0 300 9000 0 0 0 0 0 0\n"
	 "cpu0 100 1 50 3000 4 5 6 7 8 9\n"
	 "cpu1 200 0 100 3000 0 0 0 0 0 0\n"
	 "cpu2 300 0 150 3000 0 0 0 0 0 0\n"
	 "intr 66 0 0 0 0 0 0 0 0 0 11 22 33\nctxt 1000\nbtime 1\nprocesses 77\n"
	 "procs_running 2\nprocs_blocked 1\nsoftirq 50 1 2",
	 "cpu"},
	{"proc/loadavg", "0.50 0.25 0.10 1/100 1234", "cpu"},
	{"proc/uptime", "100.25 300.00", "cpu"},
	{"proc/schedstat",
	 "version 17\ntimestamp 1\n"
	 "cpu0 0 0 0 0 0 0 1000 200 30\ndomain0 MC 3 0 0 0\n"
	 "cpu1 0 0 0 0 0 0 2000 300 40\n"
	 "cpu2 0 0 0 0 0 0 3000 400 50",
	 "schedstat"},
	{"proc/softirqs",
	 "                    CPU0       CPU1       CPU2\n"
	 "          HI:          1          2          3\n"
	 "       TIMER:         10         20         30\n"
	 "         RCU:        100        200        300",
	 "softirq"},
	{"proc/net/softnet_stat",
	 "00000010 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 "
	 "00000003 00000000 00000000 00000000 00000000 00000000\n"
	 "000000ff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
	 "00000000 00000000 00000005 00000002 00000000 00000000",
	 "softnet"},
	{"proc/sys/net/core/netdev_budget", "300", "softnet"},
	{"proc/interrupts",
	 "           CPU0       CPU1       CPU2\n"
	 "  9:         11          0          0   IO-APIC   9-fasteoi   acpi\n"
	 " 10:          0         22          0  PCI-MSIX-0000:00:03.0   1-edge      eth0-rx-0\n"
	 " 11:          0          0         33  PCI-MSIX-0000:00:03.0   2-edge\n"
	 "LOC:         70         80         90   Local timer interrupts\n"
	 "ERR:          5\nMIS:          6",
	 "irq"},
	{"proc/irq/default_smp_affinity", "f", "irq"},
	{"proc/irq/9/smp_affinity_list", "0-3", "irq"},
	{"proc/irq/9/effective_affinity_list", "0", "irq"},
	{"proc/irq/9/node", "0", "irq"},
	{"proc/irq/10/smp_affinity_list", "2", "irq"},
	{"proc/irq/10/effective_affinity_list", "1", "irq"},
	{"proc/irq/11/smp_affinity", "4", NULL},
	{"sys/kernel/irq/11/actions", "", "irq"},
	{"sys/kernel/irq/11/chip_name", "PCI-MSIX-0000:00:03.0", "irq"},
	{"sys/kernel/irq/11/hwirq", "2", "irq"},
	{"sys/kernel/irq/11/type", "edge", "irq"},
	{"proc/meminfo", "MemTotal:   2000 kB\nMemFree:   900 kB\nMemAvailable:  1500 kB",
	 "memory"},
	{"sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never", "memory"},
	{"sys/kernel/mm/transparent_hugepage/defrag", "always defer [madvise] never", "memory"},
	{"sys/kernel/mm/ksm/run", "0", "memory"},
	{"sys/kernel/mm/ksm/pages_sharing", "17", "memory"},
	{"proc/sys/kernel/numa_balancing", "1", "memory"},
	{"proc/pressure/cpu",
	 "some avg10=1.50 avg60=0.00 avg300=0.00 total=1000\n"
	 "full avg10=0.00 avg60=0.00 avg300=0.00 total=0",
	 "pressure"},
	{"proc/pressure/irq", "full avg10=0.25 avg60=0.00 avg300=0.00 total=7", "pressure"},
	{"proc/version", "Linux version 6.1.0-rt (a@b) (gcc) #1 SMP PREEMPT_RT Mon", "kernel"},
	{"proc/cmdline", "quiet isolcpus=nohz,domain,2 irqaffinity=0-1 hugepagesz=1G hugepages=2",
	 "kernel"},
	{"proc/sys/kernel/hostname", "fake", "kernel"},
	{"sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc", "kernel"},
	{"sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet ",
	 "kernel"},
	{"sys/kernel/security/lockdown", "none [integrity] confidentiality", "kernel"},
	{"proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0", NULL},
	{"sys/fs/cgroup/cgroup.subtree_control", "cpuset cpu memory", "isolation"},
	{"sys/fs/cgroup/rt.slice/cpuset.cpus.partition", "isolated", "isolation"},
	{"sys/fs/cgroup/rt.slice/cpuset.cpus.effective", "1", "isolation"},
	{"sys/class/net/eth0/operstate", "up", "nic"},
	{"sys/class/net/eth0/mtu", "1500", "nic"},
	{"sys/class/net/eth0/address", "02:00:00:00:00:01", "nic"},
	{"sys/class/net/eth0/device/numa_node", "0", "nic"},
	{"sys/class/net/eth0/gro_flush_timeout", "0", "napi"},
	{"sys/class/net/eth0/threaded", "0", "napi"},
	{"sys/class/net/eth0/napi_defer_hard_irqs", "0", "napi"},
	{"sys/class/net/eth0/queues/rx-0/rps_cpus", "0", NULL},
};

__attribute__((unused)) static void fake_machine_put(struct host *host)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fake_machine); i++)
		host_fake_file(host, fake_machine[i].path, fake_machine[i].content);
	host_fake_link(host, "sys/class/net/eth0/device/driver", "../../../../bus/pci/drivers/igb");
	host_fake_clock(host, NSEC_PER_SEC);
}

#endif
