/*
 * Offloads of a NIC (Documentation/networking/netdev-features.rst) and its driver's private flags:
 * sets of named bits (Documentation/networking/ethtool-netlink.rst, FEATURES_SET, PRIVFLAGS_SET).
 * "nic:IFNAME/gro", "nic:IFNAME/FLAG".
 *
 * A feature has three states: on, off, and "requested": asked for, but the driver does not have it
 * on now, since it depends on another one. That one comes back when the other one does, so that it
 * is not the same as off.
 */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "probes/knob_nic_internal.h"

#define FLAGS_MAX 64u

/* --- bit sets with names --- */

enum bit_state { BIT_ABSENT, BIT_OFF, BIT_ON };

/* One entry of a set. *ret_name borrows. False: damaged. */
static bool take_bit(struct nlattr *entry, bool is_list, const char **ret_name, bool *ret_on)
{
	struct nlattr *bit[ETHTOOL_A_BITSET_BIT_MAX + 1];

	if (nla_parse_nested(bit, ETHTOOL_A_BITSET_BIT_MAX, entry, NULL) < 0 ||
	    !bit[ETHTOOL_A_BITSET_BIT_NAME] || nla_len(bit[ETHTOOL_A_BITSET_BIT_NAME]) < 1)
		return false;
	*ret_name = nla_data(bit[ETHTOOL_A_BITSET_BIT_NAME]);
	*ret_on = is_list || bit[ETHTOOL_A_BITSET_BIT_VALUE] != NULL;
	return memchr(*ret_name, '\0', (size_t)nla_len(bit[ETHTOOL_A_BITSET_BIT_NAME])) != NULL;
}

typedef void bit_fn(void *arg, const char *name, bool is_on);

static int each_bit(struct nlattr *set, bit_fn *fn, void *arg)
{
	struct nlattr *parts[ETHTOOL_A_BITSET_MAX + 1], *entry;
	int rest;

	if (!set)
		return 0;
	if (nla_parse_nested(parts, ETHTOOL_A_BITSET_MAX, set, NULL) < 0)
		return -EBADMSG;
	if (!parts[ETHTOOL_A_BITSET_BITS])
		return parts[ETHTOOL_A_BITSET_VALUE] ? -ENODATA : 0; /* a capture: no names */
	nla_for_each_nested(entry, parts[ETHTOOL_A_BITSET_BITS], rest)
	{
		const char *name;
		bool is_on;

		if (!take_bit(entry, parts[ETHTOOL_A_BITSET_NOMASK] != NULL, &name, &is_on))
			return -EBADMSG;
		fn(arg, name, is_on);
	}
	return 0;
}

struct wish {
	const char *name;
	int attribute;
	bool is_on;
};

static int put_wish(struct nl_msg *attributes, const void *data)
{
	const struct wish *wish = data;
	struct nlattr *set = nla_nest_start(attributes, wish->attribute);
	struct nlattr *bits = set ? nla_nest_start(attributes, ETHTOOL_A_BITSET_BITS) : NULL;
	struct nlattr *bit = bits ? nla_nest_start(attributes, ETHTOOL_A_BITSET_BITS_BIT) : NULL;

	if (!bit || nla_put_string(attributes, ETHTOOL_A_BITSET_BIT_NAME, wish->name) < 0 ||
	    (wish->is_on && nla_put_flag(attributes, ETHTOOL_A_BITSET_BIT_VALUE) < 0))
		return -ENOMEM;
	nla_nest_end(attributes, bit);
	nla_nest_end(attributes, bits);
	nla_nest_end(attributes, set);
	return 0;
}

/* --- features --- */

/* Those that latency depends on, as nic_ethtool.c and most people call them, and as the kernel. */
static const struct {
	const char *ours, *kernel;
} names[] = {
	{"gro", "rx-gro"},
	{"gro-hw", "rx-gro-hw"},
	{"gro-list", "rx-gro-list"},
	{"udp-gro", "rx-udp-gro-forwarding"},
	{"lro", "rx-lro"},
	{"gso", "tx-generic-segmentation"},
	{"tso", "tx-tcp-segmentation"},
	{"tso6", "tx-tcp6-segmentation"},
	{"uso", "tx-udp-segmentation"},
	{"ntuple", "rx-ntuple-filter"},
	{"rxhash", "rx-hashing"},
	{"hw-tc", "hw-tc-offload"},
	{"nocache-copy", "tx-nocache-copy"},
};

struct features {
	enum bit_state changeable[ARRAY_SIZE(names)], fixed[ARRAY_SIZE(names)],
		wanted[ARRAY_SIZE(names)], active[ARRAY_SIZE(names)];
};

static int find_feature(const char *ours)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].ours, ours))
			return (int)i;
	}
	return -EINVAL;
}

static void note_feature(void *arg, const char *name, bool is_on)
{
	enum bit_state *states = arg;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].kernel, name))
			states[i] = is_on ? BIT_ON : BIT_OFF;
	}
}

static int take_features(void *data, struct nlattr *const *attributes)
{
	struct features *features = data;
	int err = each_bit(attributes[ETHTOOL_A_FEATURES_HW], note_feature, features->changeable);

	if (!err)
		err = each_bit(attributes[ETHTOOL_A_FEATURES_WANTED], note_feature,
			       features->wanted);
	if (!err)
		err = each_bit(attributes[ETHTOOL_A_FEATURES_ACTIVE], note_feature,
			       features->active);
	if (!err)
		err = each_bit(attributes[ETHTOOL_A_FEATURES_NOCHANGE], note_feature,
			       features->fixed);
	return err;
}

static int get_features(struct host *host, const char *ifname, struct features *ret)
{
	static const struct nic_command get = {"features-get", ETHTOOL_MSG_FEATURES_GET,
					       ETHTOOL_A_FEATURES_MAX, 0};

	*ret = (struct features){0};
	return nic_get(host, &get, ifname, take_features, ret);
}

static const char *feature_value(const struct features *features, int i)
{
	if (features->active[i] == BIT_ON)
		return "on";
	return features->wanted[i] == BIT_ON ? "requested" : "off";
}

static bool is_fixed(const struct features *features, int i)
{
	return features->changeable[i] != BIT_ON || features->fixed[i] == BIT_ON;
}

static int parse_feature(const char *object, struct nic_object *ret, int *ret_feature)
{
	int err = nic_object_parse(object, "nic:", ret);

	if (err)
		return err;
	*ret_feature = find_feature(ret->part);
	return *ret_feature < 0 ? -EINVAL : 0;
}

static int feature_path(const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	int i, err = parse_feature(object, &nic, &i);

	if (err)
		return err;
	int len = snprintf(buf, size, "ethtool feature %s %s", nic.ifname, names[i].kernel);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static ssize_t feature_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	struct features features;
	int i, err = parse_feature(object, &nic, &i);

	if (!err)
		err = get_features(host, nic.ifname, &features);
	if (!err && features.changeable[i] == BIT_ABSENT)
		err = -EOPNOTSUPP;
	return err ? err : snprintf(buf, size, "%s", feature_value(&features, i));
}

static int feature_write(struct host *host, const char *object, const char *value)
{
	static const struct nic_command set = {"features-set", ETHTOOL_MSG_FEATURES_SET, 0,
					       ETHTOOL_FLAG_OMIT_REPLY};
	struct nic_object nic;
	int i, err = parse_feature(object, &nic, &i);

	if (err)
		return err;
	struct wish wish = {.name = names[i].kernel,
			    .attribute = ETHTOOL_A_FEATURES_WANTED,
			    .is_on = strcmp(value, "off") != 0};
	return nic_set(host, &set, nic.ifname, put_wish, &wish);
}

static int feature_check(struct host *host, const char *object, const char *value, char *why,
			 size_t why_size)
{
	struct nic_object nic;
	struct features features;
	int i, err = parse_feature(object, &nic, &i);

	if (!err)
		err = get_features(host, nic.ifname, &features);
	if (err) {
		(void)snprintf(why, why_size, "%s: %s", object, nic_locked(err));
		return err;
	}
	const char *now = feature_value(&features, i);
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0 && strcmp(value, now) != 0) {
		(void)snprintf(why, why_size, "%s: \"%.32s\" is not on or off", object, value);
		return -EINVAL;
	}
	if (is_fixed(&features, i) && strcmp(value, now) != 0) {
		(void)snprintf(why, why_size,
			       "%s: %s is fixed by the driver or the kind of interface", object,
			       names[i].kernel);
		return -EOPNOTSUPP;
	}
	if (!strcmp(value, "on") && !strcmp(now, "requested")) {
		(void)snprintf(why, why_size,
			       "%s: it is asked for already and the driver keeps it off: it "
			       "depends on another feature",
			       object);
		return -EBUSY;
	}
	return 0;
}

extern const struct step_class step_class_nic_offload;
const struct step_class step_class_nic_offload = {
	.name = "nic_offload",
	.compare = STEP_WORD,
	.flags = STEP_NOT_A_FILE,
	.path = feature_path,
	.identity = nic_object_identity,
	.read = feature_read,
	.write = feature_write,
	.check = feature_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

struct listing {
	struct knob_targets *targets;
	struct ssh_path ssh;
};

static void list_features(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	char key[PLAN_OBJECT_MAX], name[256], full[320];
	struct features features;
	int err = get_features(host, ifname, &features);

	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	if (err) {
		(void)snprintf(key, sizeof(key), "nic:%s", ifname);
		knob_targets_add(listing->targets, key, name, NULL, "", nic_locked(err));
	}
	for (size_t i = 0; !err && i < ARRAY_SIZE(names); i++) {
		if (features.changeable[i] == BIT_ABSENT)
			continue; /* this kernel has no such feature */
		(void)snprintf(key, sizeof(key), "nic:%s/%s", ifname, names[i].ours);
		(void)snprintf(full, sizeof(full), "%s%s%s", names[i].kernel, name[0] ? ", " : "",
			       name);
		knob_targets_add(
			listing->targets, key, full, feature_value(&features, (int)i), "on|off",
			is_fixed(&features, (int)i) ? "fixed by the driver or the kind of interface"
						    : NULL);
	}
}

static int feature_targets(struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.targets = ret};

	ssh_path_read(host, &listing.ssh);
	return nic_each(host, list_features, &listing);
}

static int feature_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			char *why, size_t why_size)
{
	struct nic_object nic;
	int err = plan_add(ret, host, &step_class_nic_offload, target, value, why, why_size);

	if (err)
		return err;
	(void)!nic_object_parse(target, "nic:", &nic);
	nic_affected(host, nic.ifname, &ret->affected);
	plan_title_add(ret, "%.40s %.16s", target, value);
	nic_warn(host, nic.ifname, why, why_size, NULL);
	return 0;
}

const struct knob knob_nic_offload = {
	.name = "nic_offload",
	.family = "nic",
	.summary = "offloads of a NIC that gather, cut or steer packets",
	.cost = "Gathering (gro, lro) saves CPU and makes the first packet wait. Some drivers "
		"reset "
		"the device for it. Undone by asking for the old state; what depends on a feature "
		"goes and comes with it.",
	.risk = KNOB_FREE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = feature_targets,
	.plan = feature_plan,
};

/* --- private flags --- */

struct flags {
	unsigned n;
	struct {
		char name[KNOB_NIC_PART_MAX];
		bool is_on;
	} at[FLAGS_MAX];
};

static void note_flag(void *arg, const char *name, bool is_on)
{
	struct flags *flags = arg;

	/* A name that is no word could not be a target. */
	if (flags->n == FLAGS_MAX || strlen(name) >= KNOB_NIC_PART_MAX || !*name ||
	    strpbrk(name, "/=, \t\n") || !text_is_clean(name, strlen(name)))
		return;
	(void)snprintf(flags->at[flags->n].name, KNOB_NIC_PART_MAX, "%s", name);
	flags->at[flags->n++].is_on = is_on;
}

static int take_flags(void *data, struct nlattr *const *attributes)
{
	return each_bit(attributes[ETHTOOL_A_PRIVFLAGS_FLAGS], note_flag, data);
}

static int get_flags(struct host *host, const char *ifname, struct flags *ret)
{
	static const struct nic_command get = {"privflags-get", ETHTOOL_MSG_PRIVFLAGS_GET,
					       ETHTOOL_A_PRIVFLAGS_MAX, 0};

	ret->n = 0;
	return nic_get(host, &get, ifname, take_flags, ret);
}

static int flag_path(const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (err || !nic.part[0])
		return -EINVAL;
	int len = snprintf(buf, size, "ethtool private flag %s %s", nic.ifname, nic.part);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static ssize_t flag_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	struct flags flags;
	int err = nic_object_parse(object, "nic:", &nic);

	if (!err)
		err = get_flags(host, nic.ifname, &flags);
	for (unsigned i = 0; !err && i < flags.n; i++) {
		if (!strcmp(flags.at[i].name, nic.part))
			return snprintf(buf, size, "%s", flags.at[i].is_on ? "on" : "off");
	}
	return err ? err : -EOPNOTSUPP;
}

static int flag_write(struct host *host, const char *object, const char *value)
{
	static const struct nic_command set = {"privflags-set", ETHTOOL_MSG_PRIVFLAGS_SET, 0, 0};
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (err)
		return err;
	struct wish wish = {.name = nic.part,
			    .attribute = ETHTOOL_A_PRIVFLAGS_FLAGS,
			    .is_on = strcmp(value, "off") != 0};
	return nic_set(host, &set, nic.ifname, put_wish, &wish);
}

static int flag_check(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	(void)host;
	if (!strcmp(value, "on") || !strcmp(value, "off"))
		return 0;
	(void)snprintf(why, why_size, "%s: \"%.32s\" is not on or off", object, value);
	return -EINVAL;
}

extern const struct step_class step_class_nic_private_flag;
const struct step_class step_class_nic_private_flag = {
	.name = "nic_private_flag",
	.compare = STEP_WORD,
	.flags = STEP_NOT_A_FILE,
	.path = flag_path,
	.identity = nic_object_identity,
	.read = flag_read,
	.write = flag_write,
	.check = flag_check,
	.explain = nic_explain,
	.said = host_netlink_why,
};

static void list_flags(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	char key[PLAN_OBJECT_MAX], name[256];
	struct flags flags;
	int err = get_flags(host, ifname, &flags);

	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	for (unsigned i = 0; !err && i < flags.n; i++) {
		(void)snprintf(key, sizeof(key), "nic:%s/%s", ifname, flags.at[i].name);
		knob_targets_add(listing->targets, key, name, flags.at[i].is_on ? "on" : "off",
				 "on|off", NULL);
	}
	if (err || flags.n == 0) {
		(void)snprintf(key, sizeof(key), "nic:%s", ifname);
		knob_targets_add(listing->targets, key, name, NULL, "",
				 err && err != -EOPNOTSUPP && err != -ENODATA
					 ? nic_locked(err)
					 : "its driver has no private flags");
	}
}

static int flag_targets(struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.targets = ret};

	ssh_path_read(host, &listing.ssh);
	return nic_each(host, list_flags, &listing);
}

static int flag_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		     char *why, size_t why_size)
{
	struct nic_object nic;
	int err = plan_add(ret, host, &step_class_nic_private_flag, target, value, why, why_size);

	if (err)
		return err;
	(void)!nic_object_parse(target, "nic:", &nic);
	nic_affected(host, nic.ifname, &ret->affected);
	plan_title_add(ret, "%.40s %.16s", target, value);
	nic_warn(host, nic.ifname, why, why_size,
		 "what it does is the driver's secret: it may reset the device");
	return 0;
}

const struct knob knob_nic_private_flag = {
	.name = "nic_private_flag",
	.family = "nic",
	.summary = "switches of a NIC's driver that only its documentation explains",
	.cost = "Some reset the device: packets are lost. Undone by setting the old state.",
	.risk = KNOB_DISRUPTIVE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = flag_targets,
	.plan = flag_plan,
};
