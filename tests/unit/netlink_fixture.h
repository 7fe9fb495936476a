/*
 * For tests of what speaks netlink: a reply put together message by message, as the kernel would
 * send it, for host_fake_netlink(). Static functions, because each test is one program.
 */
#ifndef JT_TESTS_UNIT_NETLINK_FIXTURE_H
#define JT_TESTS_UNIT_NETLINK_FIXTURE_H

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX 65536u

struct stream {
	char bytes[STREAM_MAX];
	size_t len;
};

__attribute__((unused)) static void stream_add(struct stream *stream, struct nl_msg *msg)
{
	const struct nlmsghdr *header = nlmsg_hdr(msg);

	if (stream->len + NLMSG_ALIGN(header->nlmsg_len) > STREAM_MAX)
		abort();
	memcpy(stream->bytes + stream->len, header, header->nlmsg_len);
	stream->len += NLMSG_ALIGN(header->nlmsg_len);
	nlmsg_free(msg);
}

__attribute__((unused)) static struct nl_msg *stream_message(int type, int flags,
							     const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, len, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

/* attributes: their bytes are those of a libnl message without header; NULL: none. Freed. */
__attribute__((unused)) static void stream_genl(struct stream *stream, uint8_t command, int flags,
						struct nl_msg *attributes)
{
	struct genlmsghdr header = {.cmd = command, .version = 1};
	struct nl_msg *msg = stream_message(30, flags, &header, sizeof(header));

	if (attributes) {
		struct nlmsghdr *from = nlmsg_hdr(attributes);

		if (nlmsg_append(msg, nlmsg_data(from), (size_t)nlmsg_datalen(from),
				 NLMSG_ALIGNTO) < 0)
			abort();
		nlmsg_free(attributes);
	}
	stream_add(stream, msg);
}

/* A generic message of u32 attributes: type, value, type, value, ..., 0. */
__attribute__((unused)) static void stream_genl_u32(struct stream *stream, uint8_t command,
						    const uint32_t *pairs)
{
	struct nl_msg *attributes = nlmsg_alloc();

	for (; pairs[0]; pairs += 2) {
		if (nla_put_u32(attributes, (int)pairs[0], pairs[1]) < 0)
			abort();
	}
	stream_genl(stream, command, 0, attributes);
}

static void stream_end(struct stream *stream, int type, int err, const void *payload, size_t len,
		       const char *text)
{
	int flags = text ? NLM_F_ACK_TLVS | NLM_F_CAPPED : NLM_F_CAPPED;
	struct nl_msg *msg = stream_message(type, flags, &err, sizeof(err));

	if (nlmsg_append(msg, (void *)(uintptr_t)payload, len, NLMSG_ALIGNTO) < 0 ||
	    (text && nla_put_string(msg, NLMSGERR_ATTR_MSG, text) < 0))
		abort();
	stream_add(stream, msg);
}

__attribute__((unused)) static void stream_done(struct stream *stream, int err, const char *text)
{
	stream_end(stream, NLMSG_DONE, err, NULL, 0, text);
}

/* 0: the ack that ends the answer to a plain request. */
__attribute__((unused)) static void stream_error(struct stream *stream, int err, const char *text)
{
	struct nlmsghdr asked = {.nlmsg_len = NLMSG_HDRLEN};

	stream_end(stream, NLMSG_ERROR, err, &asked, sizeof(asked), text);
}

__attribute__((unused)) static void stream_overrun(struct stream *stream)
{
	stream_end(stream, NLMSG_OVERRUN, 0, NULL, 0, NULL);
}

#endif
