/*
 * How many descriptors an interface's rings have and how many queues it has
 * (Documentation/networking/ethtool-netlink.rst, RINGS_SET and CHANNELS_SET). "nic:IFNAME", one
 * value for all of them: each request may take the interface down and up.
 *
 * Many drivers make queues and interrupts anew. Of what is lost, what has a name that comes back is
 * saved by steps in front of the change and put back after it was taken back: RPS and XPS of the
 * queues that go, affinities of the interrupts.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/knob_nic_internal.h"
#include "probes/saved.h"

#define RING(member) (offsetof(struct ethtool_ringparam, member) + 1)
#define CHANNEL(member) (offsetof(struct ethtool_channels, member) + 1)

static const struct nic_param ring_params[] = {
	{"rx", ETHTOOL_A_RINGS_RX, false, ETHTOOL_A_RINGS_RX_MAX, RING(rx_pending),
	 RING(rx_max_pending)},
	{"rx-mini", ETHTOOL_A_RINGS_RX_MINI, false, ETHTOOL_A_RINGS_RX_MINI_MAX,
	 RING(rx_mini_pending), RING(rx_mini_max_pending)},
	{"rx-jumbo", ETHTOOL_A_RINGS_RX_JUMBO, false, ETHTOOL_A_RINGS_RX_JUMBO_MAX,
	 RING(rx_jumbo_pending), RING(rx_jumbo_max_pending)},
	{"tx", ETHTOOL_A_RINGS_TX, false, ETHTOOL_A_RINGS_TX_MAX, RING(tx_pending),
	 RING(tx_max_pending)},
};

static const struct nic_params ring_table = {
	.get = {"rings-get", ETHTOOL_MSG_RINGS_GET, ETHTOOL_A_RINGS_MAX, 0},
	.set = {"rings-set", ETHTOOL_MSG_RINGS_SET, 0, 0},
	.params = ring_params,
	.n_params = ARRAY_SIZE(ring_params),
	.is_whole = true,
	.ioctl_get = ETHTOOL_GRINGPARAM,
	.ioctl_set = ETHTOOL_SRINGPARAM,
	.ioctl_size = sizeof(struct ethtool_ringparam),
	.what = "rings",
};

enum { RX, TX, OTHER, COMBINED };
static const struct nic_param channel_params[] = {
	[RX] = {"rx", ETHTOOL_A_CHANNELS_RX_COUNT, false, ETHTOOL_A_CHANNELS_RX_MAX,
		CHANNEL(rx_count), CHANNEL(max_rx)},
	[TX] = {"tx", ETHTOOL_A_CHANNELS_TX_COUNT, false, ETHTOOL_A_CHANNELS_TX_MAX,
		CHANNEL(tx_count), CHANNEL(max_tx)},
	[OTHER] = {"other", ETHTOOL_A_CHANNELS_OTHER_COUNT, false, ETHTOOL_A_CHANNELS_OTHER_MAX,
		   CHANNEL(other_count), CHANNEL(max_other)},
	[COMBINED] = {"combined", ETHTOOL_A_CHANNELS_COMBINED_COUNT, false,
		      ETHTOOL_A_CHANNELS_COMBINED_MAX, CHANNEL(combined_count),
		      CHANNEL(max_combined)},
};

static const struct nic_params channel_table = {
	.get = {"channels-get", ETHTOOL_MSG_CHANNELS_GET, ETHTOOL_A_CHANNELS_MAX, 0},
	.set = {"channels-set", ETHTOOL_MSG_CHANNELS_SET, 0, 0},
	.params = channel_params,
	.n_params = ARRAY_SIZE(channel_params),
	.is_whole = true,
	.ioctl_get = ETHTOOL_GCHANNELS,
	.ioctl_set = ETHTOOL_SCHANNELS,
	.ioctl_size = sizeof(struct ethtool_channels),
	.what = "channels",
};

/* --- what goes with queues and interrupts --- */

struct saving {
	struct host *host;
	const char *ifname;
	struct plan *plan;
	char *why;
	size_t why_size;
};

static bool is_unset(const char *mask)
{
	return mask[strspn(mask, "0,")] == '\0';
}

/* Nothing is worth a step where nothing was set. Unreadable: XPS of single-queue devices. */
static int save_file(const struct saving *s, enum saved_kind kind, const char *queue,
		     const char *file)
{
	char value[PLAN_VALUE_MAX];

	if (host_readf(s->host, value, sizeof(value), KNOB_NIC_SYS "/%s/queues/%s/%s", s->ifname,
		       queue, file) < 0 ||
	    is_unset(value))
		return 0;
	return saved_addf(s->plan, s->host, kind, s->why, s->why_size, "%s/%s", s->ifname, queue);
}

/* Queues from keep_rx and keep_tx on go. */
static int save_queues(const struct saving *s, unsigned keep_rx, unsigned keep_tx)
{
	struct host_names names;
	int err = 0;

	if (host_listf(s->host, &names, KNOB_NIC_SYS "/%s/queues", s->ifname) < 0)
		return 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		const char *name = names.names[i];
		bool is_tx = !strncmp(name, "tx-", 3);
		uint64_t index;

		if ((!is_tx && strncmp(name, "rx-", 3) != 0) || parse_u64(name + 3, &index) < 0 ||
		    index < (is_tx ? keep_tx : keep_rx))
			continue;
		if (is_tx) {
			err = save_file(s, SAVED_XPS, name, "xps_cpus");
		} else {
			err = save_file(s, SAVED_RPS, name, "rps_cpus");
			if (!err)
				err = save_file(s, SAVED_RPS_FLOWS, name, "rps_flow_cnt");
		}
	}
	host_names_done(&names);
	return err;
}

static bool is_same(struct host *host, const struct cpuset *set, const char *irq, const char *file)
{
	char text[PLAN_VALUE_MAX];
	struct cpuset other;

	if ((irq ? host_readf(host, text, sizeof(text), "proc/irq/%s/%s", irq, file)
		 : host_readf(host, text, sizeof(text), "proc/irq/%s", file)) < 0)
		return false;
	return !cpuset_parse_mask(text, &other) && cpuset_equal(set, &other);
}

/* Only those that are neither where all new ones go nor where the driver wants them. */
static int save_irqs(const struct saving *s)
{
	struct host_names names;
	int err = 0;

	if (nic_irqs(s->host, s->ifname, &names) < 0)
		return 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		struct cpuset set;

		if (host_read_cpulistf(s->host, &set, "proc/irq/%s/smp_affinity_list",
				       names.names[i]) < 0 ||
		    is_same(s->host, &set, NULL, "default_smp_affinity") ||
		    is_same(s->host, &set, names.names[i], "affinity_hint"))
			continue;
		err = saved_addf(s->plan, s->host, SAVED_IRQ, s->why, s->why_size, "irq:%s",
				 names.names[i]);
	}
	host_names_done(&names);
	return err;
}

/* --- rings --- */

static int rings_path(const char *object, char *buf, size_t size)
{
	return nic_params_path(&ring_table, object, buf, size);
}

static ssize_t rings_read(struct host *host, const char *object, char *buf, size_t size)
{
	return nic_params_read(&ring_table, host, object, buf, size);
}

static int rings_write(struct host *host, const char *object, const char *value)
{
	return nic_params_write(&ring_table, host, object, value);
}

static int rings_check(struct host *host, const char *object, const char *value, char *why,
		       size_t why_size)
{
	return nic_params_check(&ring_table, host, object, value, why, why_size);
}

extern const struct step_class step_class_nic_rings;
const struct step_class step_class_nic_rings = {
	.name = "nic_rings",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE | STEP_SLOW,
	.path = rings_path,
	.identity = nic_object_identity,
	.read = rings_read,
	.write = rings_write,
	.check = rings_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static int rings_targets(struct host *host, struct knob_targets *ret)
{
	return nic_params_targets(&ring_table, host, ret);
}

static int rings_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		      char *why, size_t why_size)
{
	struct nic_object nic;
	int err = 0;

	if (!nic_object_parse(target, "nic:", &nic)) {
		const struct saving saving = {host, nic.ifname, ret, why, why_size};

		err = save_irqs(&saving);
	}
	if (!err)
		err = nic_params_plan(&ring_table, &step_class_nic_rings, host, target, value, ret,
				      why, why_size);
	if (!err)
		nic_why_add(why, why_size,
			    "many drivers take the interface down and up for it: packets are lost, "
			    "interrupts may be made anew with the default affinity");
	return err;
}

const struct knob knob_nic_rings = {
	.name = "nic_rings",
	.family = "nic",
	.summary = "descriptors of a NIC's receive and transmit rings",
	.cost = "Large: fewer losses in bursts, longer queues and colder caches. Packets are lost "
		"while it changes, when undone again.",
	.risk = KNOB_DISRUPTIVE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = rings_targets,
	.plan = rings_plan,
};

/* --- channels --- */

static int channels_path(const char *object, char *buf, size_t size)
{
	return nic_params_path(&channel_table, object, buf, size);
}

static ssize_t channels_read(struct host *host, const char *object, char *buf, size_t size)
{
	return nic_params_read(&channel_table, host, object, buf, size);
}

static int channels_write(struct host *host, const char *object, const char *value)
{
	return nic_params_write(&channel_table, host, object, value);
}

static int channels_check(struct host *host, const char *object, const char *value, char *why,
			  size_t why_size)
{
	struct nic_values now, wish;
	struct nic_object nic;
	int err = nic_params_check(&channel_table, host, object, value, why, why_size);

	if (err || nic_object_parse(object, "nic:", &nic) ||
	    nic_params_get(host, &channel_table, nic.ifname, &now) ||
	    nic_params_merge(&channel_table, &now, object, value, &wish, why, why_size))
		return err;
	/* net/ethtool/channels.c: at least one queue in each direction. */
	if (wish.values[COMBINED] + wish.values[RX] == 0 ||
	    wish.values[COMBINED] + wish.values[TX] == 0) {
		(void)snprintf(why, why_size,
			       "%s: no queue would be left to %s by: rx or tx plus combined must "
			       "be at least 1",
			       object,
			       wish.values[COMBINED] + wish.values[RX] ? "send" : "receive");
		return -EINVAL;
	}
	return 0;
}

extern const struct step_class step_class_nic_channels;
const struct step_class step_class_nic_channels = {
	.name = "nic_channels",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE | STEP_SLOW,
	.path = channels_path,
	.identity = nic_object_identity,
	.read = channels_read,
	.write = channels_write,
	.check = channels_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static int channels_targets(struct host *host, struct knob_targets *ret)
{
	return nic_params_targets(&channel_table, host, ret);
}

static int channels_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	struct nic_values now, wish;
	struct nic_object nic;

	if (!nic_object_parse(target, "nic:", &nic) && !nic.part[0] &&
	    !nic_params_get(host, &channel_table, nic.ifname, &now) &&
	    !nic_params_merge(&channel_table, &now, target, value, &wish, why, why_size)) {
		const struct saving saving = {host, nic.ifname, ret, why, why_size};
		int err = save_queues(&saving, wish.values[COMBINED] + wish.values[RX],
				      wish.values[COMBINED] + wish.values[TX]);

		if (!err)
			err = save_irqs(&saving);
		if (err)
			return err;
	}
	int err = nic_params_plan(&channel_table, &step_class_nic_channels, host, target, value,
				  ret, why, why_size);

	if (!err)
		nic_why_add(why, why_size,
			    "the interface may go down and up: packets are lost, interrupts are "
			    "made anew, the RSS table and per-queue settings may be reset");
	return err;
}

const struct knob knob_nic_channels = {
	.name = "nic_channels",
	.family = "nic",
	.summary = "queues of a NIC: receiving, sending, both in one",
	.cost = "Packets are lost while it changes, when undone again. RPS, XPS and interrupt "
		"affinities are put back where their names come back; other per-queue settings "
		"are not.",
	.risk = KNOB_DISRUPTIVE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = channels_targets,
	.plan = channels_plan,
};
