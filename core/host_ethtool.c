#include "core/host_ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/host_internal.h"
#include "core/parse.h"

/* Drivers have been seen to write more values than they announced. */
#define STATS_SLACK 1024u
#define STATS_TEXT "stats"

/* The commands that only read, and their names in a recording. Anything else is refused. */
static const struct {
	uint32_t command;
	const char *name;
} readers[] = {
	{ETHTOOL_GDRVINFO, "drvinfo"},	   {ETHTOOL_GLINK, "link"},
	{ETHTOOL_GCOALESCE, "coalesce"},   {ETHTOOL_GRINGPARAM, "ringparam"},
	{ETHTOOL_GCHANNELS, "channels"},   {ETHTOOL_GPFLAGS, "private-flags"},
	{ETHTOOL_GRXFHINDIR, "rxfhindir"}, {ETHTOOL_GRSSH, "rss"},
	{ETHTOOL_GRXRINGS, "rxrings"},	   {ETHTOOL_GPAUSEPARAM, "pauseparam"},
};

static const char *reader_name(uint32_t command)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (readers[i].command == command)
			return readers[i].name;
	}
	return NULL;
}

/* --- live --- */

int host_ethtool_ioctl(struct host *host, const char *ifname, void *data)
{
	struct ifreq request = {0};

	if (strlen(ifname) >= sizeof(request.ifr_name))
		return -ENODEV;
	if (host->ethtool_fd < 0) {
		/* Any socket will do; this family is there without IPv4, too. */
		host->ethtool_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
		if (host->ethtool_fd < 0)
			return -errno;
	}
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	request.ifr_data = data;
	return ioctl(host->ethtool_fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static int count_live(struct host *host, const char *ifname, uint32_t *ret)
{
	/* One set is asked for: the kernel writes one count behind the head. */
	union {
		struct ethtool_sset_info info;
		unsigned char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << ETH_SS_STATS}};
	int r = host_ethtool_ioctl(host, ifname, &set);

	if (r < 0)
		return r;
	*ret = set.info.sset_mask ? set.info.data[0] : 0;
	return 0;
}

static int stats_live(struct host *host, const char *ifname, struct host_ethtool_stats *ret)
{
	uint32_t n = 0;
	int r = count_live(host, ifname, &n);

	if (r < 0)
		return r;
	if (n > HOST_ETHTOOL_STATS_MAX)
		return -E2BIG;

	size_t room = n + STATS_SLACK;
	_cleanup_(freep) struct ethtool_gstrings *names =
		xcalloc(1, sizeof(*names) + room * ETH_GSTRING_LEN);
	_cleanup_(freep) struct ethtool_stats *values =
		xcalloc(1, sizeof(*values) + room * sizeof(uint64_t));

	*names = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = n};
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = n;
	if (n) {
		r = host_ethtool_ioctl(host, ifname, names);
		if (r == 0)
			r = host_ethtool_ioctl(host, ifname, values);
		if (r < 0)
			return r;
		/* Its queues changed in between: names and values no longer belong together. */
		if (names->len != n || values->n_stats != n)
			return -EAGAIN;
	}
	ret->stats = xcalloc(n ? n : 1, sizeof(*ret->stats));
	ret->n = n;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(ret->stats[i].name, names->data + (size_t)i * ETH_GSTRING_LEN,
		       ETH_GSTRING_LEN);
		ret->stats[i].value = values->data[i];
	}
	return 0;
}

/* --- recording --- */

static int file_path(char *path, size_t size, const char *name, const char *ifname)
{
	int n = snprintf(path, size, "ethtool/%s@%s", name, ifname);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* A name with a line break would be two lines. */
static void put_name(FILE *text, const char *name)
{
	for (; *name; name++)
		(void)putc(*name == '\n' ? ' ' : *name, text);
}

static void save_stats(struct host *host, const char *ifname,
		       const struct host_ethtool_stats *stats, int result)
{
	char path[HOST_PATH_MAX];
	char *text = NULL;
	size_t len = 0;

	if (file_path(path, sizeof(path), STATS_TEXT, ifname) < 0)
		return;
	if (result < 0) {
		host_record_file(host, path, NULL, result);
		return;
	}

	FILE *stream = open_memstream(&text, &len);
	if (!stream)
		abort();
	(void)fputs("NIC statistics:\n", stream);
	for (size_t i = 0; i < stats->n; i++) {
		(void)fputs("     ", stream);
		put_name(stream, stats->stats[i].name);
		(void)fprintf(stream, ": %llu\n", (unsigned long long)stats->stats[i].value);
	}
	if (fclose(stream) != 0)
		abort();
	host_record_extra(host, path, text, len);
	free(text);
}

static void save_bytes(struct host *host, const char *name, const char *ifname,
		       const unsigned char *bytes, size_t size, int result)
{
	static const char digits[] = "0123456789abcdef";
	char path[HOST_PATH_MAX];

	if (file_path(path, sizeof(path), name, ifname) < 0)
		return;
	if (result < 0) {
		host_record_file(host, path, NULL, result);
		return;
	}
	_cleanup_(freep) char *hex = xcalloc(1, 2 * size + 1);
	for (size_t i = 0; i < size; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * size] = '\n';
	host_record_extra(host, path, hex, 2 * size + 1);
}

/* --- replaying --- */

/* "     [3]: rx_ucast_packets: 12": the number is behind the last colon. */
static int take_line(const char *line, size_t len, struct host_ethtool_stat *ret)
{
	const char *colon = memrchr(line, ':', len);
	char number[32];

	while (len && *line == ' ') {
		line++;
		len--;
	}
	if (!colon || colon < line)
		return -EINVAL;

	size_t name_len = (size_t)(colon - line), skip = name_len + 1;
	while (skip < len && line[skip] == ' ')
		skip++;
	if (!name_len || name_len > HOST_ETHTOOL_NAME_MAX || len - skip >= sizeof(number))
		return -EINVAL;
	memcpy(ret->name, line, name_len);
	ret->name[name_len] = '\0';
	memcpy(number, line + skip, len - skip);
	number[len - skip] = '\0';
	return parse_u64(number, &ret->value);
}

static int parse_stats(const char *text, struct host_ethtool_stats *ret)
{
	struct host_ethtool_stats stats = {0};
	size_t room = 0;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		/* What ethtool prints above. */
		if (line == text && end > line && end[-1] == ':')
			continue;
		if (stats.n == room) {
			room = room ? 2 * room : 64;
			stats.stats = xrealloc(stats.stats, room * sizeof(*stats.stats));
		}
		int r = stats.n == HOST_ETHTOOL_STATS_MAX
				? -E2BIG
				: take_line(line, (size_t)(end - line), &stats.stats[stats.n]);
		if (r < 0) {
			free(stats.stats);
			return r;
		}
		stats.n++;
	}
	*ret = stats;
	return 0;
}

static int stats_replayed(struct host *host, const char *ifname, struct host_ethtool_stats *ret)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "ethtool/" STATS_TEXT "@%s", ifname);
	int r = n < 0 ? (int)n : parse_stats(text, ret);

	host_file_close(file);
	return r;
}

static ssize_t get_replayed(struct host *host, const char *name, const char *ifname,
			    unsigned char *buf, size_t size)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "ethtool/%s@%s", name, ifname);

	if (n % 2)
		n = n < 0 ? n : -EINVAL;
	for (ssize_t i = 0; i < n / 2; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		uint64_t byte;

		if (!strchr("0123456789abcdef", pair[0]) || parse_hex_u64(pair, &byte) < 0) {
			n = -EINVAL;
			break;
		}
		if ((size_t)i < size)
			buf[i] = (unsigned char)byte;
	}
	host_file_close(file);
	if (n < 0)
		return n;
	return (size_t)n / 2 < size ? n / 2 : (ssize_t)size;
}

/* --- the door --- */

int host_ethtool_stats(struct host *host, const char *ifname, struct host_ethtool_stats *ret)
{
	struct host_ethtool_stats stats = {0};
	int r;

	if (!host_is_this_machine(host)) {
		r = stats_replayed(host, ifname, &stats);
	} else {
		r = stats_live(host, ifname, &stats);
		if (host->record)
			save_stats(host, ifname, &stats, r);
	}
	if (r < 0)
		return r;
	*ret = stats;
	return 0;
}

void host_ethtool_stats_done(struct host_ethtool_stats *stats)
{
	free(stats->stats);
	*stats = (struct host_ethtool_stats){0};
}

ssize_t host_ethtool_get(struct host *host, const char *ifname, void *buf, size_t size)
{
	uint32_t command;

	if (size < sizeof(command))
		return -EINVAL;
	memcpy(&command, buf, sizeof(command));

	const char *name = reader_name(command);
	if (!name)
		return -EROFS;
	if (!host_is_this_machine(host))
		return get_replayed(host, name, ifname, buf, size);

	int r = host_ethtool_ioctl(host, ifname, buf);
	if (host->record)
		save_bytes(host, name, ifname, buf, size, r);
	return r < 0 ? r : (ssize_t)size;
}
