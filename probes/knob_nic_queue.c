/*
 * Where packets of a queue are worked on: RPS, RFS and XPS
 * (Documentation/networking/scaling.rst), and how a whole interface is polled
 * (Documentation/networking/napi.rst): files of sysfs, one per queue or interface.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/knob_file.h"
#include "probes/knob_nic_internal.h"

#define IDENTITY KNOB_NIC_SYS "/*/ifindex"

static const struct knob_file_error steering_errors[] = {
	{EINVAL, "none of these CPUs may do it: on an isolated host only housekeeping CPUs, and "
		 "only CPUs that exist"},
	{ENOENT, "the interface has one queue only: there is nothing to choose"},
	{0, NULL},
};
static const struct knob_file_error polling_errors[] = {
	{EOPNOTSUPP, "this interface has no NAPI: it is not polled"},
	{EINVAL, "more than this kernel takes"},
	{0, NULL},
};

static int warn_ssh(struct host *host, const struct knob_file_parts *parts, const char *value,
		    char *why, size_t why_size)
{
	(void)value;
	if (why_size)
		why[0] = '\0';
	nic_warn(host, parts->text[0], why, why_size, NULL);
	return 0;
}

/* net/core/net-sysfs.c, store_rps_dev_flow_table_cnt(). */
static int check_flows(struct host *host, const struct knob_file_parts *parts, const char *value,
		       char *why, size_t why_size)
{
	uint64_t count, next = 1;

	if (parse_u64(value, &count) < 0)
		return -EINVAL;
	while (next < count && next < UINT64_C(1) << 40)
		next *= 2;
	if (count && next != count) {
		(void)snprintf(why, why_size,
			       "queue:%s/rx-%s: the kernel rounds to powers of two: say %llu",
			       parts->text[0], parts->text[1], (unsigned long long)next);
		return -EINVAL;
	}
	return warn_ssh(host, parts, value, why, why_size);
}

KNOB_FILE_DEFINE(
	rps_cpus, "nic", KNOB_FREE, STEP_CPUMASK, 0,
	"CPUs that a receive queue's packets are worked on (RPS); none: where they came",
	"Moves softirq work by interprocessor interrupts, which cost latency and spare the "
	"interrupted CPU. Undone by writing the old mask back.",
	.key = "queue:*/rx-#", .path = KNOB_NIC_SYS "/*/queues/rx-#/rps_cpus", .has_all = true,
	.may_be_empty = true, .absent = "this kernel has none (CONFIG_RPS)",
	.errors = steering_errors, .affects = KNOB_FILE_OLD_OR_NEW, .identity_path = IDENTITY,
	.check = warn_ssh);

KNOB_FILE_DEFINE(
	rps_flow_cnt, "nic", KNOB_FREE, STEP_U64, 0,
	"flows of a receive queue that are steered to the CPU of their reader (RFS)",
	"Works only with net.core.rps_sock_flow_entries above 0. Undone by writing the old "
	"number back.",
	.key = "queue:*/rx-#", .path = KNOB_NIC_SYS "/*/queues/rx-#/rps_flow_cnt", .has_all = true,
	.max = 1 << 29, .hint = "0: none; powers of two",
	.absent = "this kernel has none (CONFIG_RPS)", .errors = steering_errors,
	.identity_path = IDENTITY, .check = check_flows);

KNOB_FILE_DEFINE(
	xps_cpus, "nic", KNOB_FREE, STEP_CPUMASK, 0,
	"CPUs whose packets a transmit queue sends (XPS); none: by hash",
	"Keeps a sender on its own queue and interrupt. Drivers set it too when the number "
	"of queues changes. Undone by writing the old mask back.",
	.key = "queue:*/tx-#", .path = KNOB_NIC_SYS "/*/queues/tx-#/xps_cpus", .has_all = true,
	.may_be_empty = true, .absent = "no interface with several queues (CONFIG_XPS)",
	.errors = steering_errors, .affects = KNOB_FILE_OLD_OR_NEW, .identity_path = IDENTITY,
	.check = warn_ssh);

KNOB_FILE_DEFINE(xps_rxqs, "nic", KNOB_FREE, STEP_CPUMASK, 0,
		 "receive queues whose flows a transmit queue answers (XPS), as a mask",
		 "Goes before xps_cpus. Undone by writing the old mask back.",
		 .key = "queue:*/tx-#", .path = KNOB_NIC_SYS "/*/queues/tx-#/xps_rxqs",
		 .has_all = true, .may_be_empty = true,
		 .absent = "no interface with several queues (CONFIG_XPS)",
		 .errors = steering_errors, .identity_path = IDENTITY, .check = warn_ssh);

KNOB_FILE_DEFINE(napi_threaded, "nic", KNOB_FREE, STEP_U64, 0,
		 "whether an interface is polled by threads (napi/IFNAME-ID) or in softirqs",
		 "Threads can be pinned and given priorities, and cost a switch more per poll. "
		 "Undone by writing the old value back; the threads end.",
		 .key = "nic:*", .path = KNOB_NIC_SYS "/*/threaded", .words = "0|1",
		 .absent = "this kernel has none (Linux 5.12 and newer)", .errors = polling_errors,
		 .identity_path = IDENTITY, .check = warn_ssh);

KNOB_FILE_DEFINE(gro_flush_timeout, "nic", KNOB_FREE, STEP_U64, 0,
		 "how long received packets may wait to be merged, and polling be put off",
		 "Longer: fewer interrupts, later packets; with napi_defer_hard_irqs it replaces "
		 "interrupts. Sets all NAPIs of the interface alike. Undone by writing the old "
		 "number back.",
		 .key = "nic:*", .path = KNOB_NIC_SYS "/*/gro_flush_timeout", .max = INT32_MAX,
		 .unit = "ns", .hint = "0: not beyond the poll",
		 .absent = "this kernel has none (Linux 3.19 and newer)", .errors = polling_errors,
		 .identity_path = IDENTITY, .check = warn_ssh);

KNOB_FILE_DEFINE(napi_defer_hard_irqs, "nic", KNOB_FREE, STEP_U64, 0,
		 "how many empty polls before an interface's interrupts are switched on again",
		 "With gro_flush_timeout: polling by a timer instead of interrupts. Sets all NAPIs "
		 "of the interface alike. Undone by writing the old number back.",
		 .key = "nic:*", .path = KNOB_NIC_SYS "/*/napi_defer_hard_irqs", .max = INT32_MAX,
		 .hint = "0: at once", .absent = "this kernel has none (Linux 5.8 and newer)",
		 .errors = polling_errors, .identity_path = IDENTITY, .check = warn_ssh);
