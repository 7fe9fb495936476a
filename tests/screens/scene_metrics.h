/*
 * The kinds and metrics of the hand-made machine of scene.c, under the names that the real probes
 * give them: that is all views see. Tables of one program: included by scene.c only.
 */
#ifndef JT_TESTS_SCREENS_SCENE_METRICS_H
#define JT_TESTS_SCREENS_SCENE_METRICS_H

#include "core/probe.h"

enum {
	SET_HOST,
	SET_PACKAGE,
	SET_NODE,
	SET_CORE,
	SET_CPU,
	SET_IRQ,
	SET_ARCH,
	SET_NIC,
	SET_POOL,
	SET_QUEUE,
	SET_VF,
	SET_DPDK,
	SET_PORT,
	SET_LCORE,
	SETS
};

enum {
	HOST_NAME,
	HOST_RELEASE,
	HOST_PREEMPTION,
	HOST_MEMORY,
	HOST_AVAILABLE,
	HOST_UPTIME,
	HOST_ISOLCPUS,
	HOST_LOCKDOWN,
	HOST_CLOCKSOURCE,
	HOST_PRESSURE,
	HOST_ENGINE,
	HOST_ONLINE,
};
static const struct metric host_metrics[] = {
	[HOST_NAME] = {"hostname", METRIC_TEXT, UNIT_NONE, "", "host"},
	[HOST_RELEASE] = {"kernel_release", METRIC_TEXT, UNIT_NONE, "", "kernel"},
	[HOST_PREEMPTION] = {"preemption", METRIC_TEXT, UNIT_NONE, "", NULL},
	[HOST_MEMORY] = {"memory_total_bytes", METRIC_GAUGE, UNIT_BYTES, "", "memory"},
	[HOST_AVAILABLE] = {"memory_available_bytes", METRIC_GAUGE, UNIT_BYTES, "", NULL},
	[HOST_UPTIME] = {"uptime_ns", METRIC_GAUGE, UNIT_NS, "", NULL},
	[HOST_ISOLCPUS] = {"isolcpus", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[HOST_LOCKDOWN] = {"lockdown", METRIC_TEXT, UNIT_NONE, "", NULL},
	[HOST_CLOCKSOURCE] = {"clocksource", METRIC_TEXT, UNIT_NONE, "", NULL},
	[HOST_PRESSURE] = {"pressure_cpu_some_avg10_percent", METRIC_GAUGE, UNIT_PERCENT, "", NULL},
	[HOST_ENGINE] = {"measure_engine", METRIC_TEXT, UNIT_NONE, "", NULL},
	[HOST_ONLINE] = {"cpus_online", METRIC_CPUSET, UNIT_NONE, "", NULL},
};

static const struct metric cpus_metric[] = {{"cpus", METRIC_CPUSET, UNIT_NONE, "", "cpus"}};

enum { NODE_TOTAL, NODE_FREE, NODE_DISTANCES };
static const struct metric node_metrics[] = {
	[NODE_TOTAL] = {"memory_total_bytes", METRIC_GAUGE, UNIT_BYTES, "", "total"},
	[NODE_FREE] = {"memory_free_bytes", METRIC_GAUGE, UNIT_BYTES, "", "free"},
	[NODE_DISTANCES] = {"distances", METRIC_TEXT, UNIT_NONE, "", "distances"},
};

enum {
	CPU_ONLINE,
	CPU_PACKAGE,
	CPU_NODE,
	CPU_L3,
	CPU_CORE,
	CPU_ISOLATED,
	CPU_USER,
	CPU_SYSTEM,
	CPU_SOFTIRQ,
	CPU_STEAL,
	CPU_IDLE,
	CPU_SWITCHES,
	CPU_IRQS,
	CPU_NET_RX,
	CPU_SOFTNET,
	CPU_SOFTNET_DROPS,
	CPU_SOFTNET_SQUEEZED,
	CPU_WINDOW,
	CPU_P99,
	CPU_MAX,
	CPU_NOISE_WINDOW,
	CPU_NOISE_MAX,
	CPU_NOISE_WORST,
	CPU_NOISE_PERCENT,
	CPU_NOISE_GAPS,
};
static const struct metric cpu_metrics[] = {
	[CPU_ONLINE] = {"online", METRIC_BOOL, UNIT_NONE, "", "online"},
	[CPU_PACKAGE] = {"package_id", METRIC_GAUGE, UNIT_NONE, "", "package"},
	[CPU_NODE] = {"node_id", METRIC_GAUGE, UNIT_NONE, "", "node"},
	[CPU_L3] = {"l3_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[CPU_CORE] = {"core_id", METRIC_GAUGE, UNIT_NONE, "", "core"},
	[CPU_ISOLATED] = {"isolated", METRIC_BOOL, UNIT_NONE, "", "isolated"},
	[CPU_USER] = {"user_ns", METRIC_COUNTER, UNIT_NS, "", "user"},
	[CPU_SYSTEM] = {"system_ns", METRIC_COUNTER, UNIT_NS, "", "system"},
	[CPU_SOFTIRQ] = {"softirq_ns", METRIC_COUNTER, UNIT_NS, "", "softirq"},
	[CPU_STEAL] = {"steal_ns", METRIC_COUNTER, UNIT_NS, "", "steal"},
	[CPU_IDLE] = {"idle_ns", METRIC_COUNTER, UNIT_NS, "", "idle"},
	[CPU_SWITCHES] = {"switches", METRIC_COUNTER, UNIT_COUNT, "", "switches"},
	[CPU_IRQS] = {"irqs", METRIC_COUNTER, UNIT_COUNT, "", "irqs"},
	[CPU_SOFTNET] = {"softnet_packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[CPU_SOFTNET_DROPS] = {"softnet_drops", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[CPU_SOFTNET_SQUEEZED] = {"softnet_squeezed", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[CPU_NET_RX] = {"softirq_net_rx", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[CPU_WINDOW] = {"wakeup_window", METRIC_HISTOGRAM, UNIT_NS, "", NULL},
	[CPU_P99] = {"wakeup_p99_ns", METRIC_GAUGE, UNIT_NS, "", "p99"},
	[CPU_MAX] = {"wakeup_max_ns", METRIC_GAUGE, UNIT_NS, "", NULL},
	[CPU_NOISE_WINDOW] = {"noise_window", METRIC_HISTOGRAM, UNIT_NS, "", NULL},
	[CPU_NOISE_MAX] = {"noise_max_ns", METRIC_GAUGE, UNIT_NS, "", NULL},
	[CPU_NOISE_WORST] = {"noise_worst_ns", METRIC_GAUGE, UNIT_NS, "", NULL},
	[CPU_NOISE_PERCENT] = {"noise_percent", METRIC_GAUGE, UNIT_PERCENT, "", NULL},
	[CPU_NOISE_GAPS] = {"noise_gaps", METRIC_COUNTER, UNIT_COUNT, "", NULL},
};

enum {
	IRQ_COUNT,
	IRQ_AFFINITY,
	IRQ_EFFECTIVE,
	IRQ_CHIP,
	IRQ_PENDING,
	IRQ_PER_CPU,
	IRQ_MANAGED,
	IRQ_NODE,
	IRQ_THREADS,
	IRQ_THREAD_PID,
	IRQ_POLICY,
	IRQ_PRIORITY
};
static const struct metric irq_metrics[] = {
	[IRQ_COUNT] = {"count", METRIC_COUNTER, UNIT_COUNT, "", "rate"},
	[IRQ_AFFINITY] = {"affinity", METRIC_CPUSET, UNIT_NONE, "", "affinity"},
	[IRQ_EFFECTIVE] = {"effective", METRIC_CPUSET, UNIT_NONE, "", "effective"},
	[IRQ_CHIP] = {"chip", METRIC_TEXT, UNIT_NONE, "", "chip"},
	[IRQ_PENDING] = {"pending", METRIC_BOOL, UNIT_NONE, "", "pending"},
	[IRQ_PER_CPU] = {"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "", "top cpus"},
	[IRQ_MANAGED] = {"managed", METRIC_TEXT, UNIT_NONE, "", "managed"},
	[IRQ_NODE] = {"node_id", METRIC_GAUGE, UNIT_NONE, "", "node"},
	[IRQ_THREADS] = {"threads", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[IRQ_THREAD_PID] = {"thread_pid", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[IRQ_POLICY] = {"thread_policy", METRIC_TEXT, UNIT_NONE, "", NULL},
	[IRQ_PRIORITY] = {"thread_priority", METRIC_GAUGE, UNIT_NONE, "", "thread"},
};

enum { ARCH_COUNT, ARCH_PER_CPU, ARCH_DESCRIPTION };
static const struct metric arch_metrics[] = {
	[ARCH_COUNT] = {"count", METRIC_COUNTER, UNIT_COUNT, "", "rate"},
	[ARCH_PER_CPU] = {"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "", "top cpus"},
	[ARCH_DESCRIPTION] = {"description", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum {
	NIC_DRIVER,
	NIC_NODE,
	NIC_SPEED,
	NIC_STATE,
	NIC_PCI,
	NIC_RX_PACKETS,
	NIC_TX_PACKETS,
	NIC_RX_BYTES,
	NIC_RX_MISSED,
	NIC_RING,
	NIC_RING_MAX,
	NIC_ADAPTIVE,
	NIC_COALESCE,
	NIC_FEATURES,
};
static const struct metric nic_metrics[] = {
	[NIC_DRIVER] = {"driver", METRIC_TEXT, UNIT_NONE, "", "driver"},
	[NIC_NODE] = {"node_id", METRIC_GAUGE, UNIT_NONE, "", "node"},
	[NIC_SPEED] = {"speed_bits_per_s", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[NIC_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "", NULL},
	[NIC_PCI] = {"pci_address", METRIC_TEXT, UNIT_NONE, "", NULL},
	[NIC_RX_PACKETS] = {"rx_packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[NIC_TX_PACKETS] = {"tx_packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[NIC_RX_BYTES] = {"rx_bytes", METRIC_COUNTER, UNIT_BYTES, "", NULL},
	[NIC_RX_MISSED] = {"rx_missed", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[NIC_RING] = {"ring_rx", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[NIC_RING_MAX] = {"ring_rx_max", METRIC_GAUGE, UNIT_COUNT, "", NULL},
	[NIC_ADAPTIVE] = {"adaptive_rx", METRIC_BOOL, UNIT_NONE, "", NULL},
	[NIC_COALESCE] = {"coalesce_rx_ns", METRIC_GAUGE, UNIT_NS, "", NULL},
	[NIC_FEATURES] = {"features", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum {
	QUEUE_DIRECTION,
	QUEUE_PACKETS,
	QUEUE_BYTES,
	QUEUE_DROPS,
	QUEUE_NAPI,
	QUEUE_IRQ,
	QUEUE_CPUS,
	QUEUE_HOW,
	QUEUE_RPS,
	QUEUE_SOURCE
};
static const struct metric queue_metrics[] = {
	[QUEUE_DIRECTION] = {"direction", METRIC_TEXT, UNIT_NONE, "", NULL},
	[QUEUE_PACKETS] = {"packets", METRIC_COUNTER, UNIT_COUNT, "", "packets"},
	[QUEUE_BYTES] = {"bytes", METRIC_COUNTER, UNIT_BYTES, "", "bytes"},
	[QUEUE_DROPS] = {"drops", METRIC_COUNTER, UNIT_COUNT, "", "drops"},
	[QUEUE_NAPI] = {"napi_id", METRIC_GAUGE, UNIT_NONE, "", NULL},
	[QUEUE_IRQ] = {"irq", METRIC_GAUGE, UNIT_NONE, "", "irq"},
	[QUEUE_CPUS] = {"irq_cpus", METRIC_CPUSET, UNIT_NONE, "", "cpus"},
	[QUEUE_HOW] = {"how", METRIC_TEXT, UNIT_NONE, "", NULL},
	[QUEUE_RPS] = {"rps_cpus", METRIC_CPUSET, UNIT_NONE, "", NULL},
	[QUEUE_SOURCE] = {"source", METRIC_TEXT, UNIT_NONE, "", NULL},
};

enum { VF_MAC, VF_LINK, VF_DRIVER };
static const struct metric vf_metrics[] = {
	[VF_MAC] = {"mac", METRIC_TEXT, UNIT_NONE, "", "mac"},
	[VF_LINK] = {"link_state", METRIC_TEXT, UNIT_NONE, "", "link"},
	[VF_DRIVER] = {"driver", METRIC_TEXT, UNIT_NONE, "", "driver"},
};

enum { PORT_DEVICE, PORT_LINK, PORT_RX, PORT_TX, PORT_MISSED };
static const struct metric port_metrics[] = {
	[PORT_DEVICE] = {"device", METRIC_TEXT, UNIT_NONE, "", "device"},
	[PORT_LINK] = {"link", METRIC_TEXT, UNIT_NONE, "", "link"},
	[PORT_RX] = {"rx_packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[PORT_TX] = {"tx_packets", METRIC_COUNTER, UNIT_COUNT, "", NULL},
	[PORT_MISSED] = {"rx_missed", METRIC_COUNTER, UNIT_COUNT, "", NULL},
};

enum { DPDK_STATE };
static const struct metric dpdk_metrics[] = {
	[DPDK_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "", "state"},
};

enum { LCORE_ROLE, LCORE_CPUS };
static const struct metric lcore_metrics[] = {
	[LCORE_ROLE] = {"role", METRIC_TEXT, UNIT_NONE, "", "role"},
	[LCORE_CPUS] = {"cpus", METRIC_CPUSET, UNIT_NONE, "", "cpus"},
};

enum { POOL_SIZE, POOL_TOTAL, POOL_FREE, POOL_RESERVED, POOL_SURPLUS };
static const struct metric pool_metrics[] = {
	[POOL_SIZE] = {"page_size_bytes", METRIC_GAUGE, UNIT_BYTES, "", "size"},
	[POOL_TOTAL] = {"total_pages", METRIC_GAUGE, UNIT_COUNT, "", "total"},
	[POOL_FREE] = {"free_pages", METRIC_GAUGE, UNIT_COUNT, "", "free"},
	[POOL_RESERVED] = {"reserved_pages", METRIC_GAUGE, UNIT_COUNT, "", "reserved"},
	[POOL_SURPLUS] = {"surplus_pages", METRIC_GAUGE, UNIT_COUNT, "", "surplus"},
};

#define SET(name, array)                                                                           \
	{                                                                                          \
		name, array, ARRAY_SIZE(array)                                                     \
	}
static const struct metric_set sets[SETS] = {
	[SET_HOST] = SET("host", host_metrics),	     [SET_PACKAGE] = SET("package", cpus_metric),
	[SET_NODE] = SET("node", node_metrics),	     [SET_CORE] = SET("core", cpus_metric),
	[SET_CPU] = SET("cpu", cpu_metrics),	     [SET_IRQ] = SET("irq", irq_metrics),
	[SET_NIC] = SET("nic", nic_metrics),	     [SET_POOL] = SET("hugepool", pool_metrics),
	[SET_QUEUE] = SET("queue", queue_metrics),   [SET_VF] = SET("vf", vf_metrics),
	[SET_DPDK] = SET("dpdk", dpdk_metrics),	     [SET_LCORE] = SET("lcore", lcore_metrics),
	[SET_PORT] = SET("dpdk_port", port_metrics), [SET_ARCH] = SET("irq_arch", arch_metrics),
};

#endif
