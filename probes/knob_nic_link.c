/*
 * What a NIC agrees on with the other end of its cable: pause frames and Energy Efficient Ethernet
 * (Documentation/networking/ethtool-netlink.rst, PAUSE_SET and EEE_SET). A sleeping link needs
 * microseconds to wake; paused traffic waits for somebody else's congestion. Changing either may
 * renegotiate the link: down for seconds.
 */
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <stddef.h>

#include "probes/knob_nic_internal.h"

#define OFFSET(member) (offsetof(struct ethtool_pauseparam, member) + 1)

static const struct nic_param pause_params[] = {
	{"autoneg", ETHTOOL_A_PAUSE_AUTONEG, true, 0, OFFSET(autoneg), 0},
	{"rx", ETHTOOL_A_PAUSE_RX, true, 0, OFFSET(rx_pause), 0},
	{"tx", ETHTOOL_A_PAUSE_TX, true, 0, OFFSET(tx_pause), 0},
};

static const struct nic_params pause_table = {
	.get = {"pause-get", ETHTOOL_MSG_PAUSE_GET, ETHTOOL_A_PAUSE_MAX, 0},
	.set = {"pause-set", ETHTOOL_MSG_PAUSE_SET, 0, 0},
	.params = pause_params,
	.n_params = ARRAY_SIZE(pause_params),
	.is_whole = true,
	.ioctl_get = ETHTOOL_GPAUSEPARAM,
	.ioctl_set = ETHTOOL_SPAUSEPARAM,
	.ioctl_size = sizeof(struct ethtool_pauseparam),
	.what = "pause frames",
};

static const struct nic_param eee_params[] = {
	{"eee", ETHTOOL_A_EEE_ENABLED, true, 0, 0, 0},
	{"tx-lpi", ETHTOOL_A_EEE_TX_LPI_ENABLED, true, 0, 0, 0},
	{"tx-timer", ETHTOOL_A_EEE_TX_LPI_TIMER, false, 0, 0, 0},
};

static const struct nic_params eee_table = {
	.get = {"eee-get", ETHTOOL_MSG_EEE_GET, ETHTOOL_A_EEE_MAX, 0},
	.set = {"eee-set", ETHTOOL_MSG_EEE_SET, 0, 0},
	.params = eee_params,
	.n_params = ARRAY_SIZE(eee_params),
	.is_whole = true,
	.what = "energy efficient ethernet",
};

static const char flap[] = "the link may go down and be negotiated anew: seconds without packets";

/* --- pause frames --- */

static int pause_path(const char *object, char *buf, size_t size)
{
	return nic_params_path(&pause_table, object, buf, size);
}

static ssize_t pause_read(struct host *host, const char *object, char *buf, size_t size)
{
	return nic_params_read(&pause_table, host, object, buf, size);
}

static int pause_write(struct host *host, const char *object, const char *value)
{
	return nic_params_write(&pause_table, host, object, value);
}

static int pause_check(struct host *host, const char *object, const char *value, char *why,
		       size_t why_size)
{
	return nic_params_check(&pause_table, host, object, value, why, why_size);
}

extern const struct step_class step_class_nic_pause;
const struct step_class step_class_nic_pause = {
	.name = "nic_pause",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE,
	.path = pause_path,
	.identity = nic_object_identity,
	.read = pause_read,
	.write = pause_write,
	.check = pause_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static int pause_targets(struct host *host, struct knob_targets *ret)
{
	return nic_params_targets(&pause_table, host, ret);
}

static int pause_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		      char *why, size_t why_size)
{
	int err = nic_params_plan(&pause_table, &step_class_nic_pause, host, target, value, ret,
				  why, why_size);

	if (!err)
		nic_why_add(why, why_size, "%s", flap);
	return err;
}

const struct knob knob_nic_pause = {
	.name = "nic_pause",
	.family = "nic",
	.summary = "pause frames: whether an interface stops, and is stopped by, its neighbour",
	.cost = "Off: no waiting for somebody else's congestion, but losses when buffers are full. "
		"The link may be negotiated anew, when undone again.",
	.risk = KNOB_DISRUPTIVE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = pause_targets,
	.plan = pause_plan,
};

/* --- energy efficient ethernet --- */

static int eee_path(const char *object, char *buf, size_t size)
{
	return nic_params_path(&eee_table, object, buf, size);
}

static ssize_t eee_read(struct host *host, const char *object, char *buf, size_t size)
{
	return nic_params_read(&eee_table, host, object, buf, size);
}

static int eee_write(struct host *host, const char *object, const char *value)
{
	return nic_params_write(&eee_table, host, object, value);
}

static int eee_check(struct host *host, const char *object, const char *value, char *why,
		     size_t why_size)
{
	return nic_params_check(&eee_table, host, object, value, why, why_size);
}

extern const struct step_class step_class_nic_eee;
const struct step_class step_class_nic_eee = {
	.name = "nic_eee",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE,
	.path = eee_path,
	.identity = nic_object_identity,
	.read = eee_read,
	.write = eee_write,
	.check = eee_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static int eee_targets(struct host *host, struct knob_targets *ret)
{
	return nic_params_targets(&eee_table, host, ret);
}

static int eee_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	int err = nic_params_plan(&eee_table, &step_class_nic_eee, host, target, value, ret, why,
				  why_size);

	if (!err)
		nic_why_add(why, why_size, "%s", flap);
	return err;
}

const struct knob knob_nic_eee = {
	.name = "nic_eee",
	.family = "nic",
	.summary = "Energy Efficient Ethernet: whether an idle link sleeps",
	.cost = "Off: no microseconds to wake the link, a little more power. The link may be "
		"negotiated anew, when undone again.",
	.risk = KNOB_DISRUPTIVE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = eee_targets,
	.plan = eee_plan,
};
