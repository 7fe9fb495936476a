/* NIC knobs on fake hosts: an interface that answers ethtool netlink, takes what is set and refuses
 * as drivers do. */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_netlink.h"
#include "core/host_write.h"
#include "probes/probes.h"
#include "tests/unit/netlink_fixture.h"

#define PARAMS 32u

/* One command's numbers, by attribute; 0 is "not there". */
struct group {
	const char *get, *set;
	uint8_t command;
	uint32_t values[PARAMS];
	bool has[PARAMS];
};

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report *report;
	struct group groups[3];
	char why[512];
	unsigned n_sets;
	int refuse; /* positive errno */
	bool has_feature_on, has_feature_wanted;
	unsigned bad_headers;
	bool is_said; /* refused with words */
};

enum { COALESCE, RINGS, CHANNELS };

static struct nl_msg *reply_header(void)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *nest = nla_nest_start(msg, 1);

	assert_int_equal(nla_put_u32(msg, ETHTOOL_A_HEADER_DEV_INDEX, 2), 0);
	assert_int_equal(nla_put_string(msg, ETHTOOL_A_HEADER_DEV_NAME, "eth0"), 0);
	nla_nest_end(msg, nest);
	return msg;
}

static void answer(struct fixture *f, const char *name, uint8_t command, struct nl_msg *msg)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));

	stream_genl(stream, command, 0, msg);
	stream_error(stream, 0, NULL);
	host_fake_netlink(f->host, "ethtool", name, "eth0", stream->bytes, stream->len);
	free(stream);
}

static void refuse_get(struct fixture *f, const char *name, int err, const char *text)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));

	stream_error(stream, err, text);
	host_fake_netlink(f->host, "ethtool", name, "eth0", stream->bytes, stream->len);
	free(stream);
}

static bool is_switch(const struct group *group, unsigned attribute)
{
	return group->command == ETHTOOL_MSG_COALESCE_GET_REPLY &&
	       (attribute == ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX ||
		attribute == ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX);
}

static void show(struct fixture *f, const struct group *group)
{
	struct nl_msg *msg = reply_header();

	for (unsigned i = 2; i < PARAMS; i++) {
		if (!group->has[i])
			continue;
		assert_int_equal(is_switch(group, i)
					 ? nla_put_u8(msg, (int)i, (uint8_t)group->values[i])
					 : nla_put_u32(msg, (int)i, group->values[i]),
				 0);
	}
	answer(f, group->get, group->command, msg);
}

static void put_bit(struct nl_msg *msg, const char *name, bool has_value)
{
	struct nlattr *bit = nla_nest_start(msg, ETHTOOL_A_BITSET_BITS_BIT);

	assert_int_equal(nla_put_string(msg, ETHTOOL_A_BITSET_BIT_NAME, name), 0);
	if (has_value)
		assert_int_equal(nla_put_flag(msg, ETHTOOL_A_BITSET_BIT_VALUE), 0);
	nla_nest_end(msg, bit);
}

static void put_set(struct nl_msg *msg, int attribute, bool is_list, const char *const *names,
		    const bool *values, unsigned n)
{
	struct nlattr *set = nla_nest_start(msg, attribute), *bits;

	if (is_list)
		assert_int_equal(nla_put_flag(msg, ETHTOOL_A_BITSET_NOMASK), 0);
	bits = nla_nest_start(msg, ETHTOOL_A_BITSET_BITS);
	for (unsigned i = 0; i < n; i++) {
		if (!is_list || values[i])
			put_bit(msg, names[i], !is_list && values[i]);
	}
	nla_nest_end_keep_empty(msg, bits);
	nla_nest_end_keep_empty(msg, set);
}

/* rx-gro can be switched, rx-lro is fixed off, rx-gro-hw waits for something else. */
static void show_features(struct fixture *f)
{
	static const char *const names[] = {"rx-gro", "rx-lro", "rx-gro-hw"};
	static const bool changeable[] = {true, false, true}, none[] = {false, false, false};
	const bool wanted[] = {f->has_feature_wanted, false, true};
	const bool active[] = {f->has_feature_on, false, false};
	struct nl_msg *msg = reply_header();

	put_set(msg, ETHTOOL_A_FEATURES_HW, false, names, changeable, 3);
	put_set(msg, ETHTOOL_A_FEATURES_WANTED, true, names, wanted, 3);
	put_set(msg, ETHTOOL_A_FEATURES_ACTIVE, true, names, active, 3);
	put_set(msg, ETHTOOL_A_FEATURES_NOCHANGE, true, names, none, 3);
	answer(f, "features-get", ETHTOOL_MSG_FEATURES_GET_REPLY, msg);
}

static void check_header(struct fixture *f, struct nlattr *attributes, int len)
{
	struct nlattr *nest = nla_find(attributes, len, 1), *header[ETHTOOL_A_HEADER_MAX + 1];

	if (!nest || nla_parse_nested(header, ETHTOOL_A_HEADER_MAX, nest, NULL) < 0 ||
	    !header[ETHTOOL_A_HEADER_DEV_INDEX] ||
	    nla_get_u32(header[ETHTOOL_A_HEADER_DEV_INDEX]) != 2 ||
	    nla_strcmp(header[ETHTOOL_A_HEADER_DEV_NAME], "eth0") != 0)
		f->bad_headers++;
}

static int ignore(void *data, const struct host_netlink_message *message)
{
	(void)data;
	(void)message;
	return 0;
}

/* The kernel's own words come with the refusal. */
static int say(struct fixture *f)
{
	struct host_netlink_request request = {
		.family = "ethtool", .name = "refused-get", .device = "eth0"};

	refuse_get(f, "refused-get", -f->refuse, "requested channel count exceeds maximum");
	return host_netlink(f->host, &request, ignore, NULL);
}

static int on_request(void *arg, struct host *host, const char *kind, const char *name,
		      const void *bytes, size_t len)
{
	struct fixture *f = arg;
	struct nlattr *attributes = (struct nlattr *)(uintptr_t)bytes, *attr;
	int rest;

	(void)host;
	assert_string_equal(kind, "netlink");
	f->n_sets++;
	if (f->refuse && f->is_said)
		return say(f);
	if (f->refuse)
		return -f->refuse;
	check_header(f, attributes, (int)len);
	if (!strcmp(name, "ethtool/features-set@eth0")) {
		struct nlattr *set = nla_find(attributes, (int)len, ETHTOOL_A_FEATURES_WANTED);
		struct nlattr *bits = nla_find(nla_data(set), nla_len(set), ETHTOOL_A_BITSET_BITS);
		struct nlattr *bit = nla_data(bits);

		f->has_feature_on = f->has_feature_wanted =
			nla_find(nla_data(bit), nla_len(bit), ETHTOOL_A_BITSET_BIT_VALUE) != NULL;
		show_features(f);
		return 0;
	}
	for (unsigned g = 0; g < ARRAY_SIZE(f->groups); g++) {
		char full[64];

		(void)snprintf(full, sizeof(full), "ethtool/%s@eth0", f->groups[g].set);
		if (strcmp(full, name) != 0)
			continue;
		nla_for_each_attr(attr, attributes, (int)len, rest)
		{
			int type = nla_type(attr);

			if (type == 1)
				continue;
			assert_true(f->groups[g].has[type]);
			f->groups[g].values[type] =
				nla_len(attr) == 1 ? nla_get_u8(attr) : nla_get_u32(attr);
		}
		show(f, &f->groups[g]);
		return 0;
	}
	return -EOPNOTSUPP;
}

static void give(struct group *group, unsigned attribute, uint32_t value)
{
	group->has[attribute] = true;
	group->values[attribute] = value;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	f->report = xcalloc(1, sizeof(*f->report));
	plan_init(&f->plan);
	f->groups[COALESCE] = (struct group){.get = "coalesce-get",
					     .set = "coalesce-set",
					     .command = ETHTOOL_MSG_COALESCE_GET_REPLY};
	give(&f->groups[COALESCE], ETHTOOL_A_COALESCE_RX_USECS, 50);
	give(&f->groups[COALESCE], ETHTOOL_A_COALESCE_TX_USECS, 60);
	give(&f->groups[COALESCE], ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, 1);
	f->groups[RINGS] = (struct group){
		.get = "rings-get", .set = "rings-set", .command = ETHTOOL_MSG_RINGS_GET_REPLY};
	give(&f->groups[RINGS], ETHTOOL_A_RINGS_RX, 256);
	give(&f->groups[RINGS], ETHTOOL_A_RINGS_RX_MAX, 1024);
	give(&f->groups[RINGS], ETHTOOL_A_RINGS_TX, 256);
	give(&f->groups[RINGS], ETHTOOL_A_RINGS_TX_MAX, 1024);
	f->groups[CHANNELS] = (struct group){.get = "channels-get",
					     .set = "channels-set",
					     .command = ETHTOOL_MSG_CHANNELS_GET_REPLY};
	give(&f->groups[CHANNELS], ETHTOOL_A_CHANNELS_COMBINED_COUNT, 4);
	give(&f->groups[CHANNELS], ETHTOOL_A_CHANNELS_COMBINED_MAX, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(f->groups); i++)
		show(f, &f->groups[i]);
	f->has_feature_on = f->has_feature_wanted = true;
	show_features(f);
	host_fake_file(f->host, "sys/class/net/eth0/ifindex", "2\n");
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_on_request(f->host, on_request, f);
	*state = f;
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	change_report_done(f->report);
	host_close(f->host);
	arena_free(f->arena);
	free(f->report);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static int apply(struct fixture *f)
{
	return change_apply(f->host, &f->plan, NULL, NULL, f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, f->report);
}

static void test_targets(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(knob_nic_coalesce.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 3);
	assert_string_equal(f->targets.targets[0].key, "nic:eth0/adaptive-rx");
	assert_string_equal(f->targets.targets[0].value, "on");
	assert_string_equal(f->targets.targets[1].key, "nic:eth0/rx-usecs");
	assert_string_equal(f->targets.targets[1].value, "50");
	f->targets.n_targets = 0;
	assert_int_equal(knob_nic_rings.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 1);
	assert_string_equal(f->targets.targets[0].value, "rx 256 tx 256");
	assert_string_equal(f->targets.targets[0].choices, "rx 0 to 1024, tx 0 to 1024");
	f->targets.n_targets = 0;
	assert_int_equal(knob_nic_offload.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 3);
	assert_string_equal(f->targets.targets[0].key, "nic:eth0/gro");
	assert_null(f->targets.targets[0].locked);
	assert_string_equal(f->targets.targets[1].key, "nic:eth0/gro-hw");
	assert_string_equal(f->targets.targets[1].value, "requested");
	assert_non_null(f->targets.targets[2].locked);
}

/* What cannot be is there, and says why. */
static void test_locked(void **state)
{
	struct fixture *f = *state;

	refuse_get(f, "coalesce-get", -EOPNOTSUPP, NULL);
	host_fake_error(f->host, "ethtool/coalesce@eth0", EOPNOTSUPP);
	assert_int_equal(knob_nic_coalesce.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 1);
	assert_string_equal(f->targets.targets[0].key, "nic:eth0");
	assert_null(f->targets.targets[0].value);
	assert_non_null(strstr(f->targets.targets[0].locked, "cannot do this"));
	assert_int_equal(plan(f, &knob_nic_coalesce, "nic:eth0/rx-usecs", "8"), -EOPNOTSUPP);
	assert_string_equal(f->why,
			    "nic:eth0/rx-usecs: the driver of this interface cannot do this");
}

static void test_coalesce(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_coalesce, "nic:eth0/rx-usecs", "8"), 0);
	assert_non_null(strstr(f->why, "adaptive-rx is on and overrides it"));
	assert_string_equal(f->plan.steps[0].old_value, "50");
	assert_string_equal(f->plan.steps[0].identity, "2");
	assert_int_equal(cpuset_count(&f->plan.affected), 4);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->n_sets, 1);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_RX_USECS], 8);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_TX_USECS], 60);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_RX_USECS], 50);
	assert_int_equal(f->bad_headers, 0);
}

/* Switched off in the same change, adaptive coalescing no longer overrides. */
static void test_coalesce_adaptive(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_coalesce, "nic:eth0/adaptive-rx", "0"), 0);
	assert_string_equal(f->plan.steps[0].new_value, "off");
	assert_int_equal(plan(f, &knob_nic_coalesce, "nic:eth0/rx-usecs", "8"), 0);
	assert_null(strstr(f->why, "overrides"));
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX], 0);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX], 1);
}

static void test_refused_in_words(void **state)
{
	static const struct {
		const struct knob *knob;
		const char *target, *value;
		int err;
		const char *words;
	} rows[] = {
		{&knob_nic_coalesce, "nic:eth0/rx-usecs", "fast", -EINVAL, "a number"},
		{&knob_nic_coalesce, "nic:eth0/adaptive-rx", "2", -EINVAL, "on or off"},
		{&knob_nic_coalesce, "nic:eth0/tx-frames", "2", -EOPNOTSUPP, "driver"},
		{&knob_nic_coalesce, "nic:eth0/nonsense", "2", -EINVAL, "no such thing"},
		{&knob_nic_coalesce, "nic:../eth0/rx-usecs", "2", -EINVAL, "no such thing"},
		{&knob_nic_coalesce, "nic:eth0/rx-usecs/x", "2", -EINVAL, "no such thing"},
		{&knob_nic_coalesce, "eth0", "2", -EINVAL, "no such thing"},
		{&knob_nic_coalesce, "nic:eth9/rx-usecs", "2", -ENOENT, "nic:eth9"},
		{&knob_nic_rings, "nic:eth0", "rx 2048", -ERANGE, "at most 1024"},
		{&knob_nic_rings, "nic:eth0", "rx", -EINVAL, "NAME NUMBER"},
		{&knob_nic_rings, "nic:eth0", "", -EINVAL, "NAME NUMBER"},
		{&knob_nic_rings, "nic:eth0", "rx-mini 5", -EINVAL, "it has rx, tx"},
		{&knob_nic_rings, "nic:eth0/rx", "5", -EINVAL, "no such thing"},
		{&knob_nic_channels, "nic:eth0", "combined 0", -EINVAL, "no queue would be left"},
		{&knob_nic_channels, "nic:eth0", "combined 9", -ERANGE, "at most 8"},
		{&knob_nic_offload, "nic:eth0/lro", "on", -EOPNOTSUPP, "fixed"},
		{&knob_nic_offload, "nic:eth0/gro-hw", "on", -EBUSY, "depends on another"},
		{&knob_nic_offload, "nic:eth0/gro", "maybe", -EINVAL, "on or off"},
		{&knob_nic_offload, "nic:eth0/warp", "on", -EINVAL, "no such thing"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(plan(f, rows[i].knob, rows[i].target, rows[i].value), rows[i].err);
		if (!strstr(f->why, rows[i].words))
			fail_msg("%s %s: \"%s\" does not say \"%s\"", rows[i].target, rows[i].value,
				 f->why, rows[i].words);
		assert_int_equal(f->plan.n_steps, 0);
	}
	assert_int_equal(f->n_sets, 0);
}

static void test_rings(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_rings, "nic:eth0", "rx=512"), 0);
	assert_string_equal(f->plan.steps[0].new_value, "rx 512 tx 256");
	assert_non_null(strstr(f->why, "down and up"));
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->groups[RINGS].values[ETHTOOL_A_RINGS_RX], 512);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->groups[RINGS].values[ETHTOOL_A_RINGS_RX], 256);
	assert_int_equal(f->n_sets, 2);
}

/* Queues that go take RPS and XPS along; nobody wrote them, undo puts them back. */
static void test_channels_restore(void **state)
{
	static const char rps[] = "sys/class/net/eth0/queues/rx-3/rps_cpus";
	struct fixture *f = *state;
	char text[32];

	host_fake_file(f->host, "sys/class/net/eth0/queues/rx-0/rps_cpus", "c\n");
	host_fake_file(f->host, "sys/class/net/eth0/queues/rx-2/rps_cpus", "0\n");
	host_fake_file(f->host, rps, "3\n");
	host_fake_file(f->host, "sys/class/net/eth0/queues/tx-3/xps_cpus", "8\n");
	assert_int_equal(plan(f, &knob_nic_channels, "nic:eth0", "combined 2"), 0);
	assert_int_equal(f->plan.n_steps, 3); /* rx-0 stays, rx-2 had none */
	assert_string_equal(f->plan.steps[0].object, "rps/eth0/rx-3");
	assert_string_equal(f->plan.steps[1].object, "xps/eth0/tx-3");
	assert_string_equal(f->plan.steps[2].new_value, "combined 2");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->groups[CHANNELS].values[ETHTOOL_A_CHANNELS_COMBINED_COUNT], 2);
	host_fake_file(f->host, rps, "0\n"); /* as the kernel makes it */
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->groups[CHANNELS].values[ETHTOOL_A_CHANNELS_COMBINED_COUNT], 4);
	assert_true(host_read(f->host, rps, text, sizeof(text)) > 0);
	assert_string_equal(text, "3");
}

static void test_offload(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_offload, "nic:eth0/gro", "off"), 0);
	assert_int_equal(apply(f), 0);
	assert_false(f->has_feature_wanted);
	assert_int_equal(undo(f), 0);
	assert_true(f->has_feature_on);
	assert_int_equal(f->bad_headers, 0);
}

/* A driver that refuses, or rounds: told as it is, and everything before is taken back. */
static void test_driver_refuses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_nic_coalesce, "nic:eth0/tx-usecs", "9"), 0);
	f->refuse = EBUSY;
	assert_int_equal(apply(f), -EBUSY);
	assert_non_null(strstr(f->report->steps[0].why, "in use"));
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_TX_USECS], 60);
	f->is_said = true;
	assert_int_equal(apply(f), -EBUSY);
	assert_non_null(strstr(f->report->steps[0].why, "channel count exceeds maximum"));
	/* Another interface of this name. */
	f->refuse = 0;
	host_fake_file(f->host, "sys/class/net/eth0/ifindex", "7\n");
	assert_true(apply(f) < 0);
	assert_int_equal(f->groups[COALESCE].values[ETHTOOL_A_COALESCE_TX_USECS], 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_locked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_coalesce, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_coalesce_adaptive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_in_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_channels_restore, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_driver_refuses, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
