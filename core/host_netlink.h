/*
 * Netlink through the host handle: one request, or one dump, and all of its reply.
 *
 * Calling sequence: fill a struct host_netlink_request (attributes in a libnl message made with
 * nlmsg_alloc() and nla_put_*(): only its attributes count, the header is put here), call
 * host_netlink(). The whole reply is received first, then each message goes to the caller's
 * function, so that a dump that had to start again is seen once. Nobody else opens netlink sockets;
 * probes take attributes apart with libnl's nla_*() and build them with the same.
 *
 * Live hosts ask the kernel: sockets belong to the host, are opened at first use in the network
 * namespace of the thread that asks, and stay open. The reply is bounded in time and size whatever
 * the kernel does. Recording saves it below netlink/: "netlink/FAMILY/NAME" or
 * "netlink/FAMILY/NAME@DEVICE", one message a line in hexadecimal, errors included. Every other
 * kind of host answers from these files.
 *
 * Errors: a negative errno, in words by host_netlink_why() (what was asked, what went wrong, and
 * the kernel's own text, its extended ack, where it gave one):
 *   -EPERM a command that is no dump and whose name does not end in "get" (host_write.h is for
 *   those), or denied as -EACCES;
 *   -ENOENT no such generic family in this kernel, or not in this capture; -EOPNOTSUPP, -ENODEV and
 *   others as the kernel said; -ETIMEDOUT no complete reply in time;
 *   -EMSGSIZE a message was cut off; -EBADMSG nonsense; -E2BIG more than HOST_NETLINK_BYTES_MAX;
 *   -ENOBUFS the kernel dropped a part; -ECANCELED host_interrupt().
 */
#ifndef JT_CORE_HOST_NETLINK_H
#define JT_CORE_HOST_NETLINK_H

#include <stdbool.h>

#include "core/host.h"

struct nl_msg;
struct nlattr;

#define HOST_NETLINK_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define HOST_NETLINK_TIMEOUT_NS NSEC_PER_SEC

struct host_netlink_request {
	const char *family; /* "route", or the name of a generic family: "ethtool", "netdev" */
	const char *name;   /* of the command: "rings-get"; for errors and the file's name */
	uint16_t command;   /* route: message type (RTM_GETLINK); generic: command */
	bool is_dump;
	const char *device; /* what it is about; NULL: the whole host */
	/* Fixed header before the attributes. Route only (struct ifinfomsg); a generic header is
	 * made here. */
	const void *header;
	size_t header_len;
	const struct nl_msg *attributes; /* NULL: none */
};

/* One message of the reply. Everything lives until the function returns. */
struct host_netlink_message {
	uint16_t command;   /* as in the request */
	const void *header; /* route: the fixed header of header_len bytes; generic: NULL */
	struct nlattr *attributes;
	int attributes_len;
};

/* A negative result ends the reading with that error. */
typedef int host_netlink_fn(void *data, const struct host_netlink_message *message);

/* 0; 1: all was read, but things came or went each time the dump was tried, so that some may be
 * missing or listed twice; or a negative errno. */
int host_netlink(struct host *host, const struct host_netlink_request *request, host_netlink_fn *fn,
		 void *data) _must_check_;
/* One line about the last failure, sanitised by whoever shows it. "" when there was none. */
const char *host_netlink_why(const struct host *host);

/* --- fake hosts: the reply (messages one behind the other, as the kernel sends them) --- */
void host_fake_netlink(struct host *host, const char *family, const char *name, const char *device,
		       const void *bytes, size_t len);

#endif
