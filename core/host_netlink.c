/*
 * Every reply, live or from a file, is first a list of whole messages in one buffer and is judged
 * there: what is live differs from what is replayed in where the bytes come from only.
 */
#include "core/host_netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/host_internal.h"

#define DUMP_TRIES 3u
#define FAMILIES_MAX 8u
#define WHY_SIZE 320u
#define PACKET_MAX ((size_t)1024 * 1024)

struct family {
	char name[GENL_NAMSIZ];
	int id;
};

/* Messages one behind the other, each padded to NLMSG_ALIGN. */
struct reply {
	char *bytes;
	size_t len, room;
};

struct host_netlink {
	struct nl_sock *route, *generic; /* NULL: not open (any more) */
	struct family families[FAMILIES_MAX];
	unsigned n_families;
	struct reply reply;
	char *packet; /* one datagram */
	size_t packet_room;
	char why[WHY_SIZE];
};

void host_netlink_free(struct host_netlink *netlink)
{
	if (!netlink)
		return;
	nl_socket_free(netlink->route);
	nl_socket_free(netlink->generic);
	free(netlink->reply.bytes);
	free(netlink->packet);
	free(netlink);
}

static struct host_netlink *state_of(struct host *host)
{
	if (!host->netlink)
		host->netlink = xcalloc(1, sizeof(*host->netlink));
	return host->netlink;
}

const char *host_netlink_why(const struct host *host)
{
	return host->netlink ? host->netlink->why : "";
}

static bool is_route(const struct host_netlink_request *request)
{
	return !strcmp(request->family, "route");
}

static int _printf_(4, 5)
	fail(struct host_netlink *netlink, const struct host_netlink_request *request, int err,
	     const char *fmt, ...)
{
	int n = snprintf(netlink->why, sizeof(netlink->why), "netlink %s %s%s%s: ", request->family,
			 request->name, request->device ? " " : "",
			 request->device ? request->device : "");
	va_list ap;

	if (n < 0 || (size_t)n >= sizeof(netlink->why))
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(netlink->why + n, sizeof(netlink->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return err;
}

static const char *words(int err)
{
	const char *text = strerrordesc_np(abs(err));

	return text ? text : "unknown error";
}

static int fail_errno(struct host_netlink *netlink, const struct host_netlink_request *request,
		      int err)
{
	return fail(netlink, request, err, "%s", words(err));
}

/* --- the reply's buffer --- */

static void reply_add(struct reply *reply, const void *bytes, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);

	if (reply->len + padded > reply->room) {
		reply->room = 2 * (reply->len + padded);
		reply->bytes = xrealloc(reply->bytes, reply->room);
	}
	memcpy(reply->bytes + reply->len, bytes, len);
	memset(reply->bytes + reply->len + len, 0, padded - len);
	reply->len += padded;
}

static bool ends_reply(const struct nlmsghdr *message)
{
	return message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR ||
	       message->nlmsg_type == NLMSG_OVERRUN;
}

/* --- live --- */

/* Answers to a request that was given up must not be taken for those to the next one. */
static void close_socket(struct host_netlink *netlink, const struct host_netlink_request *request)
{
	struct nl_sock **sock = is_route(request) ? &netlink->route : &netlink->generic;

	nl_socket_free(*sock);
	*sock = NULL;
}

static int open_socket(struct host_netlink *netlink, const struct host_netlink_request *request,
		       struct nl_sock **ret)
{
	struct nl_sock **sock = is_route(request) ? &netlink->route : &netlink->generic;
	int on = 1;

	if (*sock) {
		*ret = *sock;
		return 0;
	}
	*sock = nl_socket_alloc();
	if (!*sock)
		return fail_errno(netlink, request, -ENOMEM);
	errno = 0;
	if (nl_connect(*sock, is_route(request) ? NETLINK_ROUTE : NETLINK_GENERIC) < 0) {
		int err = errno ? -errno : -EIO;

		close_socket(netlink, request);
		return fail(netlink, request, err, "no netlink socket: %s", words(err));
	}

	/* Kernels before 4.12 do not know of extended acks: then there is no text. */
	int fd = nl_socket_get_fd(*sock);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*ret = *sock;
	return 0;
}

/* One datagram of the kernel's. -EMSGSIZE: longer than any should be. */
static ssize_t receive(struct host_netlink *netlink, int fd)
{
	/* Its length first: a reply about hundreds of VFs is long, and what does not fit is lost.
	 */
	ssize_t len = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	if ((size_t)len > PACKET_MAX)
		return -EMSGSIZE;
	if ((size_t)len > netlink->packet_room) {
		netlink->packet_room = (size_t)len < 32768 ? 32768 : (size_t)len;
		netlink->packet = xrealloc(netlink->packet, netlink->packet_room);
	}

	struct sockaddr_nl from = {0};
	struct iovec iov = {netlink->packet, netlink->packet_room};
	struct msghdr header = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};

	len = recvmsg(fd, &header, MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	if (header.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return from.nl_pid == 0 ? len : 0; /* anybody may send to a netlink socket */
}

/* Adds the messages of one datagram that answer seq. 1: that was the last one. */
static int take_packet(struct host_netlink *netlink, size_t len, uint32_t seq)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)netlink->packet;
	int rest = (int)len;

	for (; nlmsg_ok(message, rest); message = nlmsg_next(message, &rest)) {
		if (message->nlmsg_seq != seq || message->nlmsg_type == NLMSG_NOOP)
			continue;
		reply_add(&netlink->reply, message, message->nlmsg_len);
		if (netlink->reply.len > HOST_NETLINK_BYTES_MAX)
			return -E2BIG;
		if (ends_reply(message))
			return 1;
	}
	return rest > 0 ? -EBADMSG : 0;
}

static int collect(struct host *host, struct host_netlink *netlink, int fd, uint32_t seq)
{
	uint64_t deadline_ns = host_now_ns(host) + HOST_NETLINK_TIMEOUT_NS;

	netlink->reply.len = 0;
	for (;;) {
		int r = host_wait(host, fd, POLLIN, deadline_ns);
		if (r < 0)
			return r;

		ssize_t len = receive(netlink, fd);
		if (len == -EAGAIN || len == -EINTR)
			continue;
		if (len < 0)
			return (int)len;
		r = take_packet(netlink, (size_t)len, seq);
		if (r)
			return r < 0 ? r : 0;
	}
}

static int fail_collect(struct host_netlink *netlink, const struct host_netlink_request *request,
			int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return fail(netlink, request, err, "no complete answer within %d ms",
			    (int)(HOST_NETLINK_TIMEOUT_NS / NSEC_PER_MSEC));
	case -ECANCELED:
		return fail(netlink, request, err, "interrupted");
	case -EMSGSIZE:
		return fail(netlink, request, err, "the answer was cut off");
	case -EBADMSG:
		return fail(netlink, request, err, "the answer makes no sense");
	case -ENOBUFS:
		return fail(netlink, request, err, "the kernel dropped a part of the answer");
	case -E2BIG:
		return fail(netlink, request, err, "the answer is longer than %zu MiB",
			    HOST_NETLINK_BYTES_MAX >> 20);
	}
	return fail_errno(netlink, request, err);
}

static struct nl_msg *build(const struct host_netlink_request *request, int type)
{
	/* An ack ends the answer to a plain request, as NLMSG_DONE ends a dump. */
	int flags = NLM_F_REQUEST | (request->is_dump ? NLM_F_DUMP : NLM_F_ACK);
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	struct genlmsghdr generic = {.cmd = (uint8_t)request->command, .version = 1};
	int r = 0;

	if (!msg)
		return NULL;
	if (is_route(request))
		r = nlmsg_append(msg, (void *)(uintptr_t)request->header, request->header_len,
				 NLMSG_ALIGNTO);
	else
		r = nlmsg_append(msg, &generic, sizeof(generic), NLMSG_ALIGNTO);
	if (r == 0 && request->attributes) {
		struct nlmsghdr *from = nlmsg_hdr((struct nl_msg *)(uintptr_t)request->attributes);

		r = nlmsg_append(msg, nlmsg_data(from), (size_t)nlmsg_datalen(from), NLMSG_ALIGNTO);
	}
	if (r == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* Sends and collects once. */
static int ask(struct host *host, const struct host_netlink_request *request, int type)
{
	struct host_netlink *netlink = state_of(host);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nl_sock *sock = NULL;
	int r = open_socket(netlink, request, &sock);
	if (r < 0)
		return r;

	struct nl_msg *msg = build(request, type);
	if (!msg)
		return fail_errno(netlink, request, -ENOMEM);
	nl_complete_msg(sock, msg);

	const struct nlmsghdr *header = nlmsg_hdr(msg);
	uint32_t seq = header->nlmsg_seq;
	ssize_t n = sendto(nl_socket_get_fd(sock), header, header->nlmsg_len, 0,
			   (const struct sockaddr *)&kernel, sizeof(kernel));
	r = n < 0 ? -errno : 0;
	nlmsg_free(msg);
	if (r < 0) {
		close_socket(netlink, request);
		return fail_errno(netlink, request, r);
	}
	r = collect(host, netlink, nl_socket_get_fd(sock), seq);
	if (r < 0) {
		close_socket(netlink, request);
		return fail_collect(netlink, request, r);
	}
	return 0;
}

/* --- what the messages say --- */

/* The kernel's own words, in the attributes behind an error: "" or text. */
static const char *ack_text(const struct nlmsghdr *message, size_t skip)
{
	const struct nlattr *attr;
	int len = nlmsg_datalen(message);

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || len < 0 || (size_t)len < skip)
		return "";
	attr = nla_find((const struct nlattr *)((const char *)nlmsg_data(message) + skip),
			len - (int)skip, NLMSGERR_ATTR_MSG);
	if (!attr || nla_len(attr) < 1 || !memchr(nla_data(attr), '\0', (size_t)nla_len(attr)))
		return "";
	return nla_data(attr);
}

/* 0 or the negative errno an ERROR or DONE message carries. *ret_text: the kernel's words. */
static int message_error(const struct nlmsghdr *message, const char **ret_text)
{
	int err = 0, len = nlmsg_datalen(message);
	size_t skip = sizeof(int);

	if (message->nlmsg_type == NLMSG_OVERRUN)
		return -ENOBUFS;
	if (len < (int)sizeof(int)) /* a DONE may be empty */
		return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&err, nlmsg_data(message), sizeof(err));
	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = nlmsg_data(message);

		if (len < (int)sizeof(*error))
			return -EBADMSG;
		skip = sizeof(*error);
		if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > NLMSG_HDRLEN)
			skip += NLMSG_ALIGN(error->msg.nlmsg_len - NLMSG_HDRLEN);
	}
	*ret_text = ack_text(message, skip);
	return err > 0 || err < -4095 ? -EBADMSG : err;
}

/* Whole, well formed and without an error? 1: yes, though the dump was disturbed. */
static int judge(struct host_netlink *netlink, const struct host_netlink_request *request)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)netlink->reply.bytes;
	int rest = (int)netlink->reply.len, is_disturbed = 0;

	for (; rest > 0 && nlmsg_ok(message, rest); message = nlmsg_next(message, &rest)) {
		const char *text = "";

		is_disturbed |= message->nlmsg_flags & NLM_F_DUMP_INTR ? 1 : 0;
		if (!ends_reply(message))
			continue;

		int err = message_error(message, &text);
		if (err == -EBADMSG || err == -ENOBUFS)
			return fail_collect(netlink, request, err);
		if (err < 0 && *text)
			return fail(netlink, request, err, "%s: %s", words(err), text);
		return err < 0 ? fail_errno(netlink, request, err) : is_disturbed;
	}
	return fail(netlink, request, rest > 0 ? -EMSGSIZE : -EBADMSG, "%s",
		    rest > 0 ? "the answer was cut off" : "the answer has no end");
}

static int deliver(struct host_netlink *netlink, const struct host_netlink_request *request,
		   host_netlink_fn *fn, void *data)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)netlink->reply.bytes;
	int rest = (int)netlink->reply.len;
	size_t header_len = is_route(request) ? request->header_len : GENL_HDRLEN;

	for (; rest > 0 && nlmsg_ok(message, rest); message = nlmsg_next(message, &rest)) {
		if (ends_reply(message))
			return 0;
		if (nlmsg_datalen(message) < (int)header_len)
			return fail_collect(netlink, request, -EBADMSG);

		struct host_netlink_message out = {
			.command = message->nlmsg_type,
			.attributes = nlmsg_attrdata(message, (int)header_len),
			.attributes_len = nlmsg_attrlen(message, (int)header_len),
		};
		if (is_route(request)) {
			out.header = nlmsg_data(message);
		} else {
			const struct genlmsghdr *generic = nlmsg_data(message);

			out.command = generic->cmd;
		}
		int r = fn(data, &out);
		if (r == -EBADMSG)
			return fail_collect(netlink, request, r);
		if (r < 0)
			return fail_errno(netlink, request, r);
	}
	return 0;
}

/* --- recording and replaying --- */

static int reply_path(const struct host_netlink_request *request, char *path, size_t size)
{
	int n = snprintf(path, size, "netlink/%s/%s%s%s", request->family, request->name,
			 request->device ? "@" : "", request->device ? request->device : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* One message a line. What is cut off or nonsense goes as it is into the last line. */
static char *to_hex(const char *bytes, size_t len, size_t *ret_len)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = xcalloc(1, 3 * len + 2);
	size_t n = 0;

	while (len) {
		struct nlmsghdr message = {0}; /* a copy: a test's bytes lie anywhere */
		size_t part = len, step;

		if (len >= NLMSG_HDRLEN)
			memcpy(&message, bytes, NLMSG_HDRLEN);
		if (message.nlmsg_len >= NLMSG_HDRLEN && message.nlmsg_len <= len)
			part = message.nlmsg_len;
		for (size_t i = 0; i < part; i++) {
			hex[n++] = digits[(unsigned char)bytes[i] >> 4];
			hex[n++] = digits[(unsigned char)bytes[i] & 15];
		}
		hex[n++] = '\n';
		step = NLMSG_ALIGN(part) < len ? NLMSG_ALIGN(part) : len;
		bytes += step;
		len -= step;
	}
	*ret_len = n;
	return hex;
}

static void save(struct host *host, const struct host_netlink_request *request, int result)
{
	char path[HOST_PATH_MAX];
	size_t len;

	if (reply_path(request, path, sizeof(path)) < 0)
		return;
	if (result < 0) {
		host_record_file(host, path, NULL, result);
		return;
	}
	_cleanup_(freep) char *hex =
		to_hex(host->netlink->reply.bytes, host->netlink->reply.len, &len);
	host_record_extra(host, path, hex, len);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of one line of hexadecimal digits, in place; -EINVAL. */
static ssize_t from_hex(char *text, size_t len)
{
	if (len % 2)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		text[i] = (char)(high << 4 | low);
	}
	return (ssize_t)(len / 2);
}

static int load(struct host_netlink *netlink, const char *text)
{
	_cleanup_(freep) char *copy = xstrdup(text);

	netlink->reply.len = 0;
	for (char *line = copy, *end; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');

		ssize_t n = from_hex(line, (size_t)(end - line));
		if (n < 0)
			return (int)n;
		reply_add(&netlink->reply, line, (size_t)n);
		if (netlink->reply.len > HOST_NETLINK_BYTES_MAX)
			return -E2BIG;
	}
	return 0;
}

static int replay(struct host *host, const struct host_netlink_request *request)
{
	struct host_netlink *netlink = state_of(host);
	struct host_file *file = NULL;
	char path[HOST_PATH_MAX];
	const char *text;
	int r = reply_path(request, path, sizeof(path));

	if (r == 0) {
		ssize_t n = host_file_readf(host, &file, &text, "%s", path);

		r = n < 0 ? (int)n : load(netlink, text);
	}
	host_file_close(file);
	if (errno_is_absent(-r))
		return fail(netlink, request, r, "not in this capture");
	if (r == -EINVAL)
		return fail(netlink, request, r, "%s: no hexadecimal digits", path);
	return r < 0 ? fail_collect(netlink, request, r) : 0;
}

void host_fake_netlink(struct host *host, const char *family, const char *name, const char *device,
		       const void *bytes, size_t len)
{
	struct host_netlink_request request = {.family = family, .name = name, .device = device};
	char path[HOST_PATH_MAX];
	size_t hex_len;
	_cleanup_(freep) char *hex = to_hex(bytes, len, &hex_len);

	if (reply_path(&request, path, sizeof(path)) < 0)
		abort();
	host_fake_file(host, path, hex);
}

/* --- families --- */

static int take_family(void *data, const struct host_netlink_message *message)
{
	const struct nlattr *id =
		nla_find(message->attributes, message->attributes_len, CTRL_ATTR_FAMILY_ID);

	if (!id || nla_len(id) < (int)sizeof(uint16_t))
		return -EBADMSG;
	*(int *)data = nla_get_u16(id);
	return 0;
}

static int find_family(struct host *host, const struct host_netlink_request *request, int *ret)
{
	struct host_netlink *netlink = state_of(host);
	struct host_netlink_request get = {
		.family = "nlctrl",
		.name = "getfamily",
		.command = CTRL_CMD_GETFAMILY,
		.device = request->family,
	};
	int id = 0;

	for (unsigned i = 0; i < netlink->n_families; i++) {
		if (!strcmp(netlink->families[i].name, request->family)) {
			*ret = netlink->families[i].id;
			return 0;
		}
	}

	struct nl_msg *attributes = nlmsg_alloc();
	if (!attributes)
		return fail_errno(netlink, request, -ENOMEM);
	int r = nla_put_string(attributes, CTRL_ATTR_FAMILY_NAME, request->family);
	get.attributes = attributes;
	r = r < 0 ? fail_errno(netlink, request, -ENOMEM) : ask(host, &get, GENL_ID_CTRL);
	nlmsg_free(attributes);
	if (r == 0)
		r = judge(netlink, &get);
	if (r >= 0)
		r = deliver(netlink, &get, take_family, &id);
	if (r == -ENOENT)
		return fail(netlink, request, r, "this kernel has no such family");
	if (r < 0)
		return r;
	if (netlink->n_families < FAMILIES_MAX) {
		struct family *family = &netlink->families[netlink->n_families++];

		(void)snprintf(family->name, sizeof(family->name), "%s", request->family);
		family->id = id;
	}
	*ret = id;
	return 0;
}

/* A dump that was disturbed by what came or went in between is asked for again. */
static int ask_all(struct host *host, const struct host_netlink_request *request)
{
	int type = request->command, r = 0;

	if (!is_route(request))
		r = find_family(host, request, &type);
	for (unsigned i = 0; r >= 0 && i < DUMP_TRIES; i++) {
		r = ask(host, request, type);
		if (r < 0)
			break;
		r = judge(host->netlink, request);
		if (r <= 0)
			break;
	}
	if (host->record) {
		bool has_reply = r >= 0 || host->netlink->reply.len;

		save(host, request, has_reply ? 0 : r);
	}
	return r;
}

static int ignore_message(void *data, const struct host_netlink_message *message)
{
	(void)data;
	(void)message;
	return 0;
}

int host_netlink_set(struct host *host, const struct host_netlink_request *request)
{
	int r = ask_all(host, request);

	if (r >= 0)
		r = deliver(host->netlink, request, ignore_message, NULL);
	return r < 0 ? r : 0;
}

/* Commands that change something go through host_write_netlink(). Route's come in groups of four:
 * new, delete, get, set (linux/rtnetlink.h); generic ones are told by their name, which the
 * recording needs anyhow. */
static bool is_reading(const struct host_netlink_request *request)
{
	size_t len = strlen(request->name);

	if (is_route(request))
		return (request->command & 3) == 2;
	return request->is_dump || (len >= 3 && !strcmp(request->name + len - 3, "get"));
}

int host_netlink(struct host *host, const struct host_netlink_request *request, host_netlink_fn *fn,
		 void *data)
{
	int is_disturbed;

	if (!is_reading(request))
		return fail(state_of(host), request, -EPERM, "changes something: refused");
	if (host_is_this_machine(host)) {
		is_disturbed = ask_all(host, request);
	} else {
		is_disturbed = replay(host, request);
		if (is_disturbed == 0)
			is_disturbed = judge(host->netlink, request);
	}
	if (is_disturbed < 0)
		return is_disturbed;

	int r = deliver(host->netlink, request, fn, data);
	return r < 0 ? r : is_disturbed;
}
