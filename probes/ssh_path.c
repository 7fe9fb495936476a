#include "probes/ssh_path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "core/host_netlink.h"
#include "core/parse.h"
#include "core/task_stat.h"
#include "core/text.h"

#define SYS_NET "sys/class/net"
#define ANCESTORS_MAX 32u
#define ENVIRON_MAX 65536u
#define STAT_MAX 1024u

struct address {
	int family; /* 0: none */
	unsigned char bytes[16];
	size_t len;
};

struct connection {
	struct address client, local;
	char scope[IFNAMSIZ]; /* of a link-local address: the interface itself */
};

/* "fe80::1%eth0", "::ffff:192.0.2.1" (as IPv4), "192.0.2.1". */
static bool parse_address(const char *text, size_t len, struct address *ret, char *scope)
{
	char copy[INET6_ADDRSTRLEN + IFNAMSIZ + 1];
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	char *percent = strchr(copy, '%');
	if (percent) {
		*percent = '\0';
		if (scope && strlen(percent + 1) < IFNAMSIZ)
			(void)snprintf(scope, IFNAMSIZ, "%s", percent + 1);
	}
	if (inet_pton(AF_INET, copy, ret->bytes) == 1) {
		ret->family = AF_INET;
		ret->len = 4;
		return true;
	}
	if (inet_pton(AF_INET6, copy, ret->bytes) != 1)
		return false;
	ret->family = AF_INET6;
	ret->len = 16;
	if (!memcmp(ret->bytes, mapped, sizeof(mapped))) {
		memmove(ret->bytes, ret->bytes + sizeof(mapped), 4);
		ret->family = AF_INET;
		ret->len = 4;
	}
	return true;
}

/* "CLIENT PORT SERVER PORT" */
static bool parse_connection(const char *text, struct connection *ret)
{
	struct scan scan = {text};
	const char *words[4];
	size_t lens[4];

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (scan_word(&scan, &words[i], &lens[i]) < 0)
			return false;
	}
	*ret = (struct connection){0};
	return parse_address(words[0], lens[0], &ret->client, NULL) &&
	       parse_address(words[2], lens[2], &ret->local, ret->scope);
}

static bool from_environment(struct host *host, uint64_t pid, char *buf, struct connection *ret)
{
	static const char name[] = "SSH_CONNECTION=";
	ssize_t n = host_peek_bytesf(host, buf, ENVIRON_MAX, "proc/%llu/environ",
				     (unsigned long long)pid);

	for (const char *at = buf; n > 0 && at < buf + n; at += strlen(at) + 1) {
		if (!strncmp(at, name, strlen(name)))
			return parse_connection(at + strlen(name), ret);
	}
	return false;
}

/* One address of proc/net/tcp: 32-bit words in the machine's order, in hexadecimal. */
static bool parse_hex_address(const char *text, size_t len, struct address *ret)
{
	size_t digits = len;
	const char *colon = memchr(text, ':', len);

	*ret = (struct address){0};
	if (colon)
		digits = (size_t)(colon - text);
	if (digits != 8 && digits != 32)
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		char word[9] = {0};
		uint64_t value;

		memcpy(word, text + 8 * i, 8);
		if (parse_hex_u64(word, &value) < 0)
			return false;
		uint32_t bytes = (uint32_t)value;
		memcpy(ret->bytes + 4 * i, &bytes, sizeof(bytes));
	}
	ret->len = digits / 2;
	ret->family = ret->len == 4 ? AF_INET : AF_INET6;

	char canonical[INET6_ADDRSTRLEN];
	return inet_ntop(ret->family, ret->bytes, canonical, sizeof(canonical)) &&
	       parse_address(canonical, strlen(canonical), ret, NULL);
}

/* "sl local remote state queues timer retransmits uid timeout inode": words 1, 2, 3 and 9. */
static bool take_socket(const char *line, uint64_t inode, struct connection *ret)
{
	struct scan scan = {line};
	const char *word, *local = NULL, *remote = NULL;
	size_t len, local_len = 0, remote_len = 0;

	for (unsigned i = 0; i <= 9; i++) {
		if (scan_word(&scan, &word, &len) < 0)
			return false;
		if (i == 1) {
			local = word;
			local_len = len;
		} else if (i == 2) {
			remote = word;
			remote_len = len;
		} else if (i == 3 && (len != 2 || memcmp(word, "01", 2) != 0)) {
			return false; /* not established: it listens */
		}
	}

	char number[24];
	uint64_t value;
	if (len >= sizeof(number))
		return false;
	memcpy(number, word, len);
	number[len] = '\0';
	return !parse_u64(number, &value) && value == inode &&
	       parse_hex_address(local, local_len, &ret->local) &&
	       parse_hex_address(remote, remote_len, &ret->client);
}

static bool find_socket(struct host *host, uint64_t inode, struct connection *ret)
{
	static const char *const files[] = {"tcp", "tcp6"};
	bool is_found = false;

	for (size_t i = 0; i < ARRAY_SIZE(files) && !is_found; i++) {
		struct host_file *file = NULL;
		const char *text;
		ssize_t n = host_file_readf(host, &file, &text, "proc/net/%s", files[i]);
		struct scan scan = {n > 0 ? text : ""};

		while (!is_found && scan_next_line(&scan))
			is_found = take_socket(scan.at, inode, ret);
		host_file_close(file);
	}
	return is_found;
}

static bool from_socket(struct host *host, uint64_t pid, struct connection *ret)
{
	struct host_names names;
	char target[64];
	bool is_found = false;

	if (host_listf(host, &names, "proc/%llu/fd", (unsigned long long)pid) < 0)
		return false;
	for (size_t i = 0; i < names.n && !is_found; i++) {
		static const char prefix[] = "socket:[";
		uint64_t inode;
		ssize_t n = host_readlinkf(host, target, sizeof(target), "proc/%llu/fd/%s",
					   (unsigned long long)pid, names.names[i]);

		if (n < (ssize_t)sizeof(prefix) || strncmp(target, prefix, strlen(prefix)) != 0)
			continue;
		target[n - 1] = '\0';
		is_found = !parse_u64(target + strlen(prefix), &inode) &&
			   find_socket(host, inode, ret);
	}
	host_names_done(&names);
	return is_found;
}

static bool find_connection(struct host *host, struct connection *ret)
{
	_cleanup_(freep) char *buf = xcalloc(1, ENVIRON_MAX);
	char self[24], text[STAT_MAX];
	struct task_stat stat;
	uint64_t pid;

	if (host_readlinkf(host, self, sizeof(self), "proc/self") < 0 || parse_u64(self, &pid) < 0)
		return false;
	for (unsigned i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (from_environment(host, pid, buf, ret))
			return true;
		if (host_readf(host, text, sizeof(text), "proc/%llu/stat",
			       (unsigned long long)pid) < 0 ||
		    task_stat_parse(text, &stat) < 0)
			return false;
		/* Since 9.8 a session has a program of its own, sshd-session. */
		if (!strncmp(stat.comm, "sshd", 4) && from_socket(host, pid, ret))
			return true;
		pid = stat.fields[TASK_STAT_PARENT];
	}
	return false;
}

/* --- addresses to interfaces --- */

static void add(struct ssh_path *path, const char *name, const char *above)
{
	for (unsigned i = 0; i < path->n; i++) {
		if (!strcmp(path->at[i].name, name))
			return;
	}
	if (path->n == SSH_PATH_MAX || strlen(name) >= IFNAMSIZ)
		return;
	(void)snprintf(path->at[path->n].name, IFNAMSIZ, "%s", name);
	(void)snprintf(path->at[path->n].above, IFNAMSIZ, "%s", above);
	path->n++;
}

struct lookup {
	const struct address *address;
	uint32_t ifindex; /* 0: not found */
};

static int take_address(void *data, const struct host_netlink_message *message)
{
	struct lookup *lookup = data;
	const struct ifaddrmsg *header = message->header;
	static const int attributes[] = {IFA_LOCAL, IFA_ADDRESS};

	if (header->ifa_family != lookup->address->family)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct nlattr *attr =
			nla_find(message->attributes, message->attributes_len, attributes[i]);

		if (!attr || (size_t)nla_len(attr) != lookup->address->len)
			continue;
		if (!memcmp(nla_data(attr), lookup->address->bytes, lookup->address->len))
			lookup->ifindex = header->ifa_index;
		return 0;
	}
	return 0;
}

static int take_route(void *data, const struct host_netlink_message *message)
{
	struct lookup *lookup = data;
	const struct nlattr *attr = nla_find(message->attributes, message->attributes_len, RTA_OIF);

	if (attr && nla_len(attr) == (int)sizeof(uint32_t))
		lookup->ifindex = nla_get_u32(attr);
	return 0;
}

static uint32_t owner_of(struct host *host, const struct address *address)
{
	struct lookup lookup = {.address = address};
	struct ifaddrmsg header = {0};
	struct host_netlink_request request = {
		.family = "route",
		.name = "getaddr",
		.command = RTM_GETADDR,
		.is_dump = true,
		.header = &header,
		.header_len = sizeof(header),
	};

	return host_netlink(host, &request, take_address, &lookup) < 0 ? 0 : lookup.ifindex;
}

static uint32_t route_to(struct host *host, const struct address *address)
{
	struct lookup lookup = {.address = address};
	struct rtmsg header = {
		.rtm_family = (unsigned char)address->family,
		.rtm_dst_len = (unsigned char)(8 * address->len),
	};
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "route",
		.name = "route-get",
		.command = RTM_GETROUTE,
		.header = &header,
		.header_len = sizeof(header),
		.attributes = attributes,
	};
	int r = attributes ? nla_put(attributes, RTA_DST, (int)address->len, address->bytes)
			   : -ENOMEM;

	if (r == 0)
		r = host_netlink(host, &request, take_route, &lookup);
	nlmsg_free(attributes);
	return r < 0 ? 0 : lookup.ifindex;
}

static void add_index(struct host *host, struct ssh_path *path, uint32_t ifindex)
{
	struct host_names names;

	if (!ifindex || host_listf(host, &names, SYS_NET) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t index;

		if (!host_read_u64f(host, &index, SYS_NET "/%s/ifindex", names.names[i]) &&
		    index == ifindex)
			add(path, names.names[i], "");
	}
	host_names_done(&names);
}

/* --- what is below --- */

static const char *lower_name(const char *entry)
{
	static const char prefix[] = "lower_";

	return strncmp(entry, prefix, strlen(prefix)) ? NULL : entry + strlen(prefix);
}

static bool leads_to_hardware(struct host *host, const char *name)
{
	struct host_names names;
	bool leads = host_existsf(host, SYS_NET "/%s/device", name);

	if (leads || host_listf(host, &names, SYS_NET "/%s", name) < 0)
		return leads;
	for (size_t i = 0; i < names.n; i++)
		leads |= lower_name(names.names[i]) != NULL;
	host_names_done(&names);
	return leads;
}

static void add_lowers(struct host *host, struct ssh_path *path, const char *name)
{
	struct host_names names;
	bool is_bridge = host_existsf(host, SYS_NET "/%s/bridge", name), has_hardware = false;

	if (host_listf(host, &names, SYS_NET "/%s", name) < 0)
		return;
	for (size_t i = 0; is_bridge && i < names.n; i++) {
		const char *lower = lower_name(names.names[i]);

		has_hardware |= lower && leads_to_hardware(host, lower);
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *lower = lower_name(names.names[i]);

		if (lower && (!has_hardware || leads_to_hardware(host, lower)))
			add(path, lower, name);
	}
	host_names_done(&names);

	/* A VF's packets pass its PF. */
	if (host_listf(host, &names, SYS_NET "/%s/device/physfn/net", name) < 0)
		return;
	for (size_t i = 0; i < names.n; i++)
		add(path, names.names[i], name);
	host_names_done(&names);
}

void ssh_path_read(struct host *host, struct ssh_path *ret)
{
	struct connection connection = {0};

	*ret = (struct ssh_path){0};
	if (!find_connection(host, &connection) ||
	    !inet_ntop(connection.client.family, connection.client.bytes, ret->client,
		       sizeof(ret->client)))
		return;
	if (connection.scope[0])
		add(ret, connection.scope, "");
	else
		add_index(host, ret, owner_of(host, &connection.local));
	add_index(host, ret, route_to(host, &connection.client));
	for (unsigned i = 0; i < ret->n; i++) {
		char name[IFNAMSIZ];

		(void)snprintf(name, sizeof(name), "%s", ret->at[i].name);
		add_lowers(host, ret, name);
	}
}

bool ssh_path_text(const struct ssh_path *path, const char *ifname, char *buf, size_t size)
{
	if (size)
		buf[0] = '\0';
	for (unsigned i = 0; i < path->n; i++) {
		char above[4 * IFNAMSIZ];

		if (strcmp(path->at[i].name, ifname) != 0)
			continue;
		(void)text_sanitise(path->at[i].above, strlen(path->at[i].above), above,
				    sizeof(above));
		(void)snprintf(buf, size, "carries your SSH connection from %s%s%s%s", path->client,
			       above[0] ? " (below " : "", above, above[0] ? ")" : "");
		return true;
	}
	return false;
}
