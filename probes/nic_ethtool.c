/*
 * Rings, channels, coalescing, features, private flags and RSS from the ethtool family: one dump a
 * command whatever the number of interfaces. Where a dump fails because of one of them, the others
 * are asked one by one; where the kernel has no such family, by the older ioctl.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_ethtool.h"
#include "probes/nic_internal.h"

/* Asked one by one at most so many: what is there in hardware comes first. */
#define SINGLE_MAX 64u
#define FEATURES_MAX 256u
#define RSS_ENTRIES_MAX 65536u

/* Since Linux 6.2, and not in the headers of the distributions we build on. */
enum { MSG_RSS_GET = ETHTOOL_MSG_PSE_SET + 1 };
enum { RSS_HEADER = 1, RSS_INDIR = 4, RSS_HKEY = 5, RSS_MAX = 5 };

/* One number of a reply. */
struct field {
	uint8_t attribute;
	uint8_t detail; /* enum nic_detail */
	uint16_t scale; /* us to ns */
};

struct command {
	const char *name;
	uint16_t command;
	uint32_t flags; /* ETHTOOL_FLAG_* of the request */
	unsigned max;	/* highest attribute */
	const struct field *fields;
	unsigned n_fields;
	void (*take)(struct nic_device *device, struct nlattr *const *attributes,
		     const struct command *command, void *names);
};

static const struct field ring_fields[] = {
	{ETHTOOL_A_RINGS_RX, DETAIL_RING_RX, 1},
	{ETHTOOL_A_RINGS_RX_MAX, DETAIL_RING_RX_MAX, 1},
	{ETHTOOL_A_RINGS_TX, DETAIL_RING_TX, 1},
	{ETHTOOL_A_RINGS_TX_MAX, DETAIL_RING_TX_MAX, 1},
};
static const struct field channel_fields[] = {
	{ETHTOOL_A_CHANNELS_RX_COUNT, DETAIL_CHANNELS_RX, 1},
	{ETHTOOL_A_CHANNELS_RX_MAX, DETAIL_CHANNELS_RX_MAX, 1},
	{ETHTOOL_A_CHANNELS_TX_COUNT, DETAIL_CHANNELS_TX, 1},
	{ETHTOOL_A_CHANNELS_TX_MAX, DETAIL_CHANNELS_TX_MAX, 1},
	{ETHTOOL_A_CHANNELS_COMBINED_COUNT, DETAIL_CHANNELS_COMBINED, 1},
	{ETHTOOL_A_CHANNELS_COMBINED_MAX, DETAIL_CHANNELS_COMBINED_MAX, 1},
};
static const struct field coalesce_fields[] = {
	{ETHTOOL_A_COALESCE_RX_USECS, DETAIL_COALESCE_RX_NS, 1000},
	{ETHTOOL_A_COALESCE_RX_MAX_FRAMES, DETAIL_COALESCE_RX_FRAMES, 1},
	{ETHTOOL_A_COALESCE_TX_USECS, DETAIL_COALESCE_TX_NS, 1000},
	{ETHTOOL_A_COALESCE_TX_MAX_FRAMES, DETAIL_COALESCE_TX_FRAMES, 1},
	{ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, DETAIL_ADAPTIVE_RX, 1},
	{ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, DETAIL_ADAPTIVE_TX, 1},
};
/* Filled by hand: listed for the errors. */
static const struct field rss_fields[] = {
	{0, DETAIL_RSS_ENTRIES, 1},
	{0, DETAIL_RSS_QUEUES, 1},
	{0, DETAIL_RSS_KEY, 1},
};

/* --- taking replies apart --- */

static void set_detail(struct nic_device *device, enum nic_detail detail, uint64_t value)
{
	device->details[detail] = value;
	device->has_detail[detail] = true;
}

static void take_numbers(struct nic_device *device, struct nlattr *const *attributes,
			 const struct command *command, void *names)
{
	(void)names;
	for (unsigned i = 0; i < command->n_fields; i++) {
		const struct field *field = &command->fields[i];
		const struct nlattr *attr = attributes[field->attribute];

		if (attr && nla_len(attr) == 1)
			set_detail(device, field->detail, nla_get_u8(attr));
		else if (attr && nla_len(attr) == (int)sizeof(uint32_t))
			set_detail(device, field->detail,
				   (uint64_t)nla_get_u32(attr) * field->scale);
	}
}

static void add_word(char *text, size_t size, const char *word, size_t len)
{
	size_t n = strlen(text);

	if (n + len + 2 <= size)
		(void)snprintf(text + n, size - n, "%s%.*s", n ? " " : "", (int)len, word);
}

/* The features people tune: the kernel's name (ethtool -k shows them under other names), ours. */
static const struct {
	const char *kernel, *ours;
} features[] = {
	{"rx-gro", "gro"},
	{"rx-gro-hw", "gro-hw"},
	{"rx-gro-list", "gro-list"},
	{"rx-udp-gro-forwarding", "udp-gro"},
	{"rx-lro", "lro"},
	{"tx-tcp-segmentation", "tso"},
	{"tx-udp-segmentation", "uso"},
	{"tx-generic-segmentation", "gso"},
	{"rx-hashing", "rxhash"},
	{"rx-ntuple-filter", "ntuple"},
	{"hw-tc-offload", "hw-tc"},
};

/* The bit numbers of the features above, which differ between kernels; FEATURES_MAX: unknown. */
struct feature_bits {
	uint16_t bits[ARRAY_SIZE(features)];
};

static void take_feature_name(struct feature_bits *bits, struct nlattr *entry)
{
	struct nlattr *string[ETHTOOL_A_STRING_MAX + 1];

	if (nla_parse_nested(string, ETHTOOL_A_STRING_MAX, entry, NULL) < 0 ||
	    !string[ETHTOOL_A_STRING_INDEX] || !string[ETHTOOL_A_STRING_VALUE] ||
	    nla_len(string[ETHTOOL_A_STRING_INDEX]) < (int)sizeof(uint32_t))
		return;

	uint32_t index = nla_get_u32(string[ETHTOOL_A_STRING_INDEX]);
	const char *name = nla_data(string[ETHTOOL_A_STRING_VALUE]);
	size_t len = strnlen(name, (size_t)nla_len(string[ETHTOOL_A_STRING_VALUE]));

	for (unsigned i = 0; i < ARRAY_SIZE(features) && index < FEATURES_MAX; i++) {
		if (strlen(features[i].kernel) == len && !memcmp(features[i].kernel, name, len))
			bits->bits[i] = (uint16_t)index;
	}
}

/* Nest in nest in nest: sets, a set, its strings, a string. */
static int take_feature_names(void *data, const struct host_netlink_message *message)
{
	struct nlattr *sets =
		nla_find(message->attributes, message->attributes_len, ETHTOOL_A_STRSET_STRINGSETS);
	struct nlattr *set, *string;
	int rest, rest_strings;

	if (!sets)
		return 0;
	nla_for_each_nested(set, sets, rest)
	{
		struct nlattr *strings =
			nla_find(nla_data(set), nla_len(set), ETHTOOL_A_STRINGSET_STRINGS);

		if (!strings)
			continue;
		nla_for_each_nested(string, strings, rest_strings) take_feature_name(data, string);
	}
	return 0;
}

static bool has_bit(const struct nlattr *bitset, unsigned bit)
{
	size_t word = bit / 32;
	uint32_t value;

	if (!bitset || bit >= FEATURES_MAX || (size_t)nla_len(bitset) < (word + 1) * sizeof(value))
		return false;
	memcpy(&value, (const char *)nla_data(bitset) + word * sizeof(value), sizeof(value));
	return value >> (bit % 32) & 1;
}

static void take_features(struct nic_device *device, struct nlattr *const *attributes,
			  const struct command *command, void *names)
{
	const struct feature_bits *bits = names;
	struct nlattr *set[ETHTOOL_A_BITSET_MAX + 1];

	(void)command;
	if (!attributes[ETHTOOL_A_FEATURES_ACTIVE] ||
	    nla_parse_nested(set, ETHTOOL_A_BITSET_MAX, attributes[ETHTOOL_A_FEATURES_ACTIVE],
			     NULL) < 0 ||
	    !set[ETHTOOL_A_BITSET_VALUE])
		return;
	device->has_features = true;
	device->features[0] = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		if (has_bit(set[ETHTOOL_A_BITSET_VALUE], bits->bits[i]))
			add_word(device->features, sizeof(device->features), features[i].ours,
				 strlen(features[i].ours));
	}
}

static void take_private_flags(struct nic_device *device, struct nlattr *const *attributes,
			       const struct command *command, void *names)
{
	struct nlattr *set[ETHTOOL_A_BITSET_MAX + 1], *bit[ETHTOOL_A_BITSET_BIT_MAX + 1], *entry;
	int rest;

	(void)command;
	(void)names;
	if (!attributes[ETHTOOL_A_PRIVFLAGS_FLAGS] ||
	    nla_parse_nested(set, ETHTOOL_A_BITSET_MAX, attributes[ETHTOOL_A_PRIVFLAGS_FLAGS],
			     NULL) < 0 ||
	    !set[ETHTOOL_A_BITSET_BITS])
		return;
	device->has_private_flags = true;
	device->private_flags[0] = '\0';
	nla_for_each_nested(entry, set[ETHTOOL_A_BITSET_BITS], rest)
	{
		if (nla_parse_nested(bit, ETHTOOL_A_BITSET_BIT_MAX, entry, NULL) < 0 ||
		    !bit[ETHTOOL_A_BITSET_BIT_NAME] || !bit[ETHTOOL_A_BITSET_BIT_VALUE])
			continue;

		const char *name = nla_data(bit[ETHTOOL_A_BITSET_BIT_NAME]);
		add_word(device->private_flags, sizeof(device->private_flags), name,
			 strnlen(name, (size_t)nla_len(bit[ETHTOOL_A_BITSET_BIT_NAME])));
	}
}

static unsigned count_queues(const uint32_t *entries, size_t n)
{
	unsigned char seen[RSS_ENTRIES_MAX / 8] = {0};
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		if (entries[i] >= RSS_ENTRIES_MAX || seen[entries[i] / 8] >> (entries[i] % 8) & 1)
			continue;
		seen[entries[i] / 8] |= (unsigned char)(1 << (entries[i] % 8));
		count++;
	}
	return count;
}

static void take_rss(struct nic_device *device, struct nlattr *const *attributes,
		     const struct command *command, void *names)
{
	(void)command;
	(void)names;
	if (attributes[RSS_INDIR]) {
		size_t n = (size_t)nla_len(attributes[RSS_INDIR]) / sizeof(uint32_t);

		set_detail(device, DETAIL_RSS_ENTRIES, n);
		set_detail(device, DETAIL_RSS_QUEUES,
			   count_queues(nla_data(attributes[RSS_INDIR]), n));
	}
	set_detail(device, DETAIL_RSS_KEY, attributes[RSS_HKEY] != NULL);
}

enum command_index {
	COMMAND_RINGS,
	COMMAND_CHANNELS,
	COMMAND_COALESCE,
	COMMAND_FEATURES,
	COMMAND_PRIVATE_FLAGS
};
static const struct command commands[] = {
	[COMMAND_RINGS] = {"rings-get", ETHTOOL_MSG_RINGS_GET, 0, ETHTOOL_A_RINGS_MAX, ring_fields,
			   ARRAY_SIZE(ring_fields), take_numbers},
	[COMMAND_CHANNELS] = {"channels-get", ETHTOOL_MSG_CHANNELS_GET, 0, ETHTOOL_A_CHANNELS_MAX,
			      channel_fields, ARRAY_SIZE(channel_fields), take_numbers},
	[COMMAND_COALESCE] = {"coalesce-get", ETHTOOL_MSG_COALESCE_GET, 0, ETHTOOL_A_COALESCE_MAX,
			      coalesce_fields, ARRAY_SIZE(coalesce_fields), take_numbers},
	[COMMAND_FEATURES] = {"features-get", ETHTOOL_MSG_FEATURES_GET,
			      ETHTOOL_FLAG_COMPACT_BITSETS, ETHTOOL_A_FEATURES_MAX, NULL, 0,
			      take_features},
	[COMMAND_PRIVATE_FLAGS] = {"privflags-get", ETHTOOL_MSG_PRIVFLAGS_GET, 0,
				   ETHTOOL_A_PRIVFLAGS_MAX, NULL, 0, take_private_flags},
};
static const struct command rss_command = {
	"rss-get", MSG_RSS_GET, 0, RSS_MAX, rss_fields, ARRAY_SIZE(rss_fields), take_rss,
};

/* --- asking --- */

struct reader {
	struct nic_devices *devices;
	struct host *host;
	struct sample *out;
	struct feature_bits bits;
	const struct command *command;
};

/* Every reply of this family begins with whom it is about, as attribute 1. */
static int take(void *data, const struct host_netlink_message *message)
{
	struct reader *reader = data;
	struct nlattr *attributes[64], *header[ETHTOOL_A_HEADER_MAX + 1];
	char name[IFNAMSIZ];

	if (nla_parse(attributes, (int)reader->command->max, message->attributes,
		      message->attributes_len, NULL) < 0 ||
	    !attributes[1] ||
	    nla_parse_nested(header, ETHTOOL_A_HEADER_MAX, attributes[1], NULL) < 0 ||
	    !header[ETHTOOL_A_HEADER_DEV_INDEX] || !header[ETHTOOL_A_HEADER_DEV_NAME] ||
	    nla_len(header[ETHTOOL_A_HEADER_DEV_INDEX]) < (int)sizeof(uint32_t))
		return -EBADMSG;
	(void)nla_strlcpy(name, header[ETHTOOL_A_HEADER_DEV_NAME], sizeof(name));

	/* One that came since the links were listed has its turn in the next run. */
	struct nic_device *device = nic_devices_find(
		reader->devices, nla_get_u32(header[ETHTOOL_A_HEADER_DEV_INDEX]), name);
	if (device)
		reader->command->take(device, attributes, reader->command, &reader->bits);
	return 0;
}

static void note(struct reader *reader, int err)
{
	if (err < 0 && !errno_is_absent(-err) && !reader->out->error)
		sample_errorf(reader->out, "%s", host_netlink_why(reader->host));
}

static int put_header(struct nl_msg *attributes, const char *name, uint32_t flags)
{
	struct nlattr *header = nla_nest_start(attributes, 1);

	if (!header || (name && nla_put_string(attributes, ETHTOOL_A_HEADER_DEV_NAME, name) < 0) ||
	    (flags && nla_put_u32(attributes, ETHTOOL_A_HEADER_FLAGS, flags) < 0))
		return -ENOMEM;
	/* An empty nest would be taken back, and some commands want theirs. */
	return nla_nest_end_keep_empty(attributes, header) < 0 ? -ENOMEM : 0;
}

/* name NULL: all in one dump. */
static int ask(struct reader *reader, const struct command *command, const char *name)
{
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "ethtool",
		.name = command->name,
		.command = command->command,
		.is_dump = !name,
		.device = name,
		.attributes = attributes,
	};
	int r = -ENOMEM;

	reader->command = command;
	if (attributes && put_header(attributes, name, command->flags) == 0)
		r = host_netlink(reader->host, &request, take, reader);
	nlmsg_free(attributes);
	return r;
}

static void set_error(struct nic_device *device, const struct command *command, int err)
{
	for (unsigned i = 0; i < command->n_fields && !errno_is_absent(-err); i++)
		device->detail_errors[command->fields[i].detail] = err;
}

static void ask_each(struct reader *reader, const struct command *command)
{
	unsigned asked = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < reader->devices->n; i++) {
			struct nic_device *device = reader->devices->at[i];

			if (device->has_device != (pass == 0) || asked++ >= SINGLE_MAX)
				continue;

			int r = ask(reader, command, device->name);
			if (r == -ENODEV) /* gone since */
				continue;
			note(reader, r);
			set_error(device, command, r);
		}
	}
}

static void read_feature_bits(struct reader *reader)
{
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "ethtool",
		.name = "strset-get",
		.command = ETHTOOL_MSG_STRSET_GET,
		.device = "features",
		.attributes = attributes,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		reader->bits.bits[i] = FEATURES_MAX;

	struct nlattr *sets = attributes && put_header(attributes, NULL, 0) == 0
				      ? nla_nest_start(attributes, ETHTOOL_A_STRSET_STRINGSETS)
				      : NULL;
	struct nlattr *set =
		sets ? nla_nest_start(attributes, ETHTOOL_A_STRINGSETS_STRINGSET) : NULL;
	if (set && nla_put_u32(attributes, ETHTOOL_A_STRINGSET_ID, ETH_SS_FEATURES) == 0) {
		nla_nest_end(attributes, set);
		nla_nest_end(attributes, sets);
		note(reader,
		     host_netlink(reader->host, &request, take_feature_names, &reader->bits));
	}
	nlmsg_free(attributes);
}

/* --- kernels before 5.6, whose commands came one by one until 5.13; without the family --- */

/* missing: bit set over enum command_index. */
static void read_by_ioctl(struct nic_device *device, struct host *host, unsigned missing)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_coalesce coalesce = {.cmd = ETHTOOL_GCOALESCE};

	if (missing & 1u << COMMAND_RINGS &&
	    host_ethtool_get(host, device->name, &ring, sizeof(ring)) == (ssize_t)sizeof(ring)) {
		set_detail(device, DETAIL_RING_RX, ring.rx_pending);
		set_detail(device, DETAIL_RING_RX_MAX, ring.rx_max_pending);
		set_detail(device, DETAIL_RING_TX, ring.tx_pending);
		set_detail(device, DETAIL_RING_TX_MAX, ring.tx_max_pending);
	}
	if (missing & 1u << COMMAND_CHANNELS &&
	    host_ethtool_get(host, device->name, &channels, sizeof(channels)) ==
		    (ssize_t)sizeof(channels)) {
		set_detail(device, DETAIL_CHANNELS_RX, channels.rx_count);
		set_detail(device, DETAIL_CHANNELS_RX_MAX, channels.max_rx);
		set_detail(device, DETAIL_CHANNELS_TX, channels.tx_count);
		set_detail(device, DETAIL_CHANNELS_TX_MAX, channels.max_tx);
		set_detail(device, DETAIL_CHANNELS_COMBINED, channels.combined_count);
		set_detail(device, DETAIL_CHANNELS_COMBINED_MAX, channels.max_combined);
	}
	if (missing & 1u << COMMAND_COALESCE &&
	    host_ethtool_get(host, device->name, &coalesce, sizeof(coalesce)) ==
		    (ssize_t)sizeof(coalesce)) {
		set_detail(device, DETAIL_COALESCE_RX_NS,
			   coalesce.rx_coalesce_usecs * UINT64_C(1000));
		set_detail(device, DETAIL_COALESCE_RX_FRAMES, coalesce.rx_max_coalesced_frames);
		set_detail(device, DETAIL_COALESCE_TX_NS,
			   coalesce.tx_coalesce_usecs * UINT64_C(1000));
		set_detail(device, DETAIL_COALESCE_TX_FRAMES, coalesce.tx_max_coalesced_frames);
		set_detail(device, DETAIL_ADAPTIVE_RX, coalesce.use_adaptive_rx_coalesce != 0);
		set_detail(device, DETAIL_ADAPTIVE_TX, coalesce.use_adaptive_tx_coalesce != 0);
	}
}

/* The indirection table and the size of the key, for kernels before 6.2. */
static void read_rss_by_ioctl(struct nic_device *device, struct host *host)
{
	struct ethtool_rxfh size = {.cmd = ETHTOOL_GRSSH};

	if (host_ethtool_get(host, device->name, &size, sizeof(size)) != (ssize_t)sizeof(size) ||
	    size.indir_size > RSS_ENTRIES_MAX || size.key_size > RSS_ENTRIES_MAX)
		return;

	size_t bytes = sizeof(size) + size.indir_size * sizeof(uint32_t) + size.key_size;
	_cleanup_(freep) struct ethtool_rxfh *rxfh = xcalloc(1, bytes);

	*rxfh = (struct ethtool_rxfh){
		.cmd = ETHTOOL_GRSSH, .indir_size = size.indir_size, .key_size = size.key_size};
	if (host_ethtool_get(host, device->name, rxfh, bytes) != (ssize_t)bytes)
		return;
	if (size.indir_size) {
		set_detail(device, DETAIL_RSS_ENTRIES, size.indir_size);
		set_detail(device, DETAIL_RSS_QUEUES,
			   count_queues(rxfh->rss_config, size.indir_size));
	}
	set_detail(device, DETAIL_RSS_KEY, size.key_size != 0);
}

/* Dumps of it came late (6.11), and only a device that spreads its packets has it. */
static void read_rss(struct reader *reader)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < reader->devices->n && asked < SINGLE_MAX; i++) {
		struct nic_device *device = reader->devices->at[i];

		if (!device->has_device)
			continue;
		asked++;

		int r = ask(reader, &rss_command, device->name);
		if (r == -EOPNOTSUPP || r == -ENOENT) {
			read_rss_by_ioctl(device, reader->host);
		} else if (r < 0 && r != -ENODEV) {
			note(reader, r);
			set_error(device, &rss_command, r);
		}
	}
}

void nic_ethtool_read(struct nic_devices *devices, struct host *host, struct sample *out)
{
	struct reader reader = {.devices = devices, .host = host, .out = out};
	unsigned missing = 0;

	for (unsigned i = 0; i < devices->n; i++) {
		struct nic_device *device = devices->at[i];

		memset(device->has_detail, 0, sizeof(device->has_detail));
		memset(device->detail_errors, 0, sizeof(device->detail_errors));
		device->has_features = device->has_private_flags = false;
	}
	read_feature_bits(&reader);
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		int r = ask(&reader, &commands[i], NULL);

		/* No such family or, live, no such command: a dump passes over the devices that do
		 * not have it. Recordings may lack one command. */
		if (r == -ENOENT || r == -EOPNOTSUPP)
			missing |= 1u << i;
		else if (r < 0)
			ask_each(&reader, &commands[i]);
	}
	for (unsigned i = 0; i < devices->n && i < SINGLE_MAX && missing; i++)
		read_by_ioctl(devices->at[i], host, missing);
	read_rss(&reader);
}
