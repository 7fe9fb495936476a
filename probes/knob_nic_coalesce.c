/*
 * When a NIC interrupts: how long it waits and how many frames it gathers first
 * (Documentation/networking/ethtool-netlink.rst, COALESCE_SET). "nic:IFNAME/rx-usecs".
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "probes/knob_nic_internal.h"

#define OFFSET(member) (offsetof(struct ethtool_coalesce, member) + 1)

static const struct nic_param params[] = {
	{"adaptive-rx", ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, true, 0,
	 OFFSET(use_adaptive_rx_coalesce), 0},
	{"adaptive-tx", ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, true, 0,
	 OFFSET(use_adaptive_tx_coalesce), 0},
	{"rx-usecs", ETHTOOL_A_COALESCE_RX_USECS, false, 0, OFFSET(rx_coalesce_usecs), 0},
	{"rx-frames", ETHTOOL_A_COALESCE_RX_MAX_FRAMES, false, 0, OFFSET(rx_max_coalesced_frames),
	 0},
	{"rx-usecs-irq", ETHTOOL_A_COALESCE_RX_USECS_IRQ, false, 0, OFFSET(rx_coalesce_usecs_irq),
	 0},
	{"rx-frames-irq", ETHTOOL_A_COALESCE_RX_MAX_FRAMES_IRQ, false, 0,
	 OFFSET(rx_max_coalesced_frames_irq), 0},
	{"tx-usecs", ETHTOOL_A_COALESCE_TX_USECS, false, 0, OFFSET(tx_coalesce_usecs), 0},
	{"tx-frames", ETHTOOL_A_COALESCE_TX_MAX_FRAMES, false, 0, OFFSET(tx_max_coalesced_frames),
	 0},
	{"tx-usecs-irq", ETHTOOL_A_COALESCE_TX_USECS_IRQ, false, 0, OFFSET(tx_coalesce_usecs_irq),
	 0},
	{"tx-frames-irq", ETHTOOL_A_COALESCE_TX_MAX_FRAMES_IRQ, false, 0,
	 OFFSET(tx_max_coalesced_frames_irq), 0},
	{"stats-block-usecs", ETHTOOL_A_COALESCE_STATS_BLOCK_USECS, false, 0,
	 OFFSET(stats_block_coalesce_usecs), 0},
	{"cqe-mode-rx", ETHTOOL_A_COALESCE_USE_CQE_MODE_RX, true, 0, 0, 0},
	{"cqe-mode-tx", ETHTOOL_A_COALESCE_USE_CQE_MODE_TX, true, 0, 0, 0},
};

static const struct nic_params table = {
	.get = {"coalesce-get", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_A_COALESCE_MAX, 0},
	.set = {"coalesce-set", ETHTOOL_MSG_COALESCE_SET, 0, 0},
	.params = params,
	.n_params = ARRAY_SIZE(params),
	.ioctl_get = ETHTOOL_GCOALESCE,
	.ioctl_set = ETHTOOL_SCOALESCE,
	.ioctl_size = sizeof(struct ethtool_coalesce),
	.what = "coalescing",
};

static int coalesce_path(const char *object, char *buf, size_t size)
{
	return nic_params_path(&table, object, buf, size);
}

static ssize_t coalesce_read(struct host *host, const char *object, char *buf, size_t size)
{
	return nic_params_read(&table, host, object, buf, size);
}

static int coalesce_write(struct host *host, const char *object, const char *value)
{
	return nic_params_write(&table, host, object, value);
}

static int coalesce_check(struct host *host, const char *object, const char *value, char *why,
			  size_t why_size)
{
	return nic_params_check(&table, host, object, value, why, why_size);
}

extern const struct step_class step_class_nic_coalesce;
const struct step_class step_class_nic_coalesce = {
	.name = "nic_coalesce",
	.compare = STEP_WORD,
	.flags = STEP_NOT_A_FILE,
	.path = coalesce_path,
	.identity = nic_object_identity,
	.read = coalesce_read,
	.write = coalesce_write,
	.check = coalesce_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static int coalesce_targets(struct host *host, struct knob_targets *ret)
{
	return nic_params_targets(&table, host, ret);
}

/* Index of the adaptive switch that overrides the parameter; -1: none. */
static int overridden_by(const char *part)
{
	if (!strcmp(part, "rx-usecs") || !strcmp(part, "rx-frames"))
		return 0;
	return !strcmp(part, "tx-usecs") || !strcmp(part, "tx-frames") ? 1 : -1;
}

/* The same plan may have switched it off already. */
static bool is_switched_off(const struct plan *plan, const char *ifname, const char *name)
{
	char object[PLAN_OBJECT_MAX];

	(void)snprintf(object, sizeof(object), "nic:%s/%s", ifname, name);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->class == &step_class_nic_coalesce && !strcmp(step->object, object))
			return !strcmp(step->new_value, "off");
	}
	return false;
}

static int coalesce_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	struct nic_values now;
	struct nic_object nic;
	int err = nic_params_plan(&table, &step_class_nic_coalesce, host, target, value, ret, why,
				  why_size);

	if (err || nic_object_parse(target, "nic:", &nic))
		return err;
	int adaptive = overridden_by(nic.part);
	if (adaptive >= 0 && !nic_params_get(host, &table, nic.ifname, &now) && now.has[adaptive] &&
	    now.values[adaptive] && !is_switched_off(ret, nic.ifname, params[adaptive].name))
		nic_why_add(why, why_size,
			    "%s: %s is on and overrides it: set nic_coalesce@nic:%s/%s=off first",
			    target, params[adaptive].name, nic.ifname, params[adaptive].name);
	return 0;
}

const struct knob knob_nic_coalesce = {
	.name = "nic_coalesce",
	.family = "nic",
	.summary = "how long a NIC gathers packets before it interrupts",
	.cost = "Less waiting: lower latency, more interrupts and CPU. Some drivers round. Undone "
		"by setting the old value.",
	.risk = KNOB_FREE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = coalesce_targets,
	.plan = coalesce_plan,
};
