/*
 * The unix socket door: asking a daemon of the host (DPDK telemetry, irqbalance, later QMP) over a
 * socket that is found by its path.
 *
 * Calling sequence: host_unix_connect(), host_unix_ask() once per request (request NULL: just wait
 * for what the peer says next, such as a greeting), host_unix_close(). Whoever opened it closes it.
 * Probes that use this are PROBE_SLOW: a peer may be hostile, slow, endless or silent. Therefore
 * connecting and each ask have timeout_ns in all, however many pieces the reply comes in; a reply
 * longer than reply_max is an error; descriptors that a peer sends along are dropped by the kernel.
 *
 * The path is relative to the host's root and no part of it may be a symbolic link (-ELOOP): give
 * the real one ("run/...", not "var/run/..."). With in_pid it is a path of that process's mount
 * namespace. Works on live and scratch hosts; a recording host saves each reply below DIR/unix/,
 * captured hosts answer from there, fake hosts say what host_fake_unix() told them; synthetic ones
 * -EOPNOTSUPP.
 *
 * Errors, which host_unix_reason() puts into words: -ENOENT no such path, -ECONNREFUSED nobody
 * listens, -EAGAIN the peer's queue of connections stayed full, -EPROTOTYPE the other socket type,
 * -ENOTSOCK, -ELOOP, -EACCES, -ETIMEDOUT, -EFBIG too long a reply, -ECONNRESET or -EPIPE closed,
 * -ENODATA not in the recording, -ECANCELED host_interrupt(). After an error of host_unix_ask()
 * the connection is good for closing only.
 */
#ifndef JT_CORE_HOST_UNIX_H
#define JT_CORE_HOST_UNIX_H

#include "core/host.h"

/* How the end of a reply is found, and with it the socket's type. */
enum host_unix_framing {
	HOST_UNIX_MESSAGES,    /* SOCK_SEQPACKET: a reply is a message */
	HOST_UNIX_LINES,       /* SOCK_STREAM: a reply is a line; its newline (and CR) is removed */
	HOST_UNIX_UNTIL_CLOSE, /* SOCK_STREAM: a reply is all until the peer closes; one ask */
};

struct host_unix_options {
	enum host_unix_framing framing;
	pid_t in_pid;		/* 0: the host's own mount namespace */
	bool is_one_of_many;	/* connecting does not wait either: -EAGAIN at once */
	bool sends_credentials; /* SCM_CREDENTIALS with every request, as irqbalance wants it */
	uint64_t timeout_ns;	/* for connecting, and for each ask; 0: 1 s */
	size_t reply_max;	/* bytes; 0: 256 KiB */
};

struct host_unix;
int host_unix_connectf(struct host *host, const struct host_unix_options *options,
		       struct host_unix **ret, const char *fmt, ...) _printf_(4, 5) _must_check_;
/* The reply, NUL-terminated behind its bytes (it may hold NULs itself); it belongs to the socket
 * and lives until the next ask. Returns its length or a negative errno. The request is sent as it
 * stands: a line's newline is the caller's. */
ssize_t host_unix_ask(struct host_unix *socket, const char *request,
		      const char **ret_reply) _must_check_;

/* The same for several sockets at once: host_unix_begin() each, then host_unix_take() each until it
 * returns something else than -EAGAIN, with host_unix_wait() in between. Nothing but that one
 * waits: until one of the sockets has something, the first of their asks is late (its take says
 * -ETIMEDOUT), or deadline_ns of CLOCK_MONOTONIC. Further replies to one request: take again, the
 * deadline stays that of the request. */
void host_unix_begin(struct host_unix *socket, const char *request);
ssize_t host_unix_take(struct host_unix *socket, const char **ret_reply) _must_check_;
int host_unix_wait(struct host *host, struct host_unix *const *sockets, size_t n,
		   uint64_t deadline_ns) _must_check_;	  /* 0, -ECANCELED */
size_t host_unix_pending(const struct host_unix *socket); /* bytes of a reply not yet whole */

/* The process that made the peer's socket (SO_PEERCRED), in our PID namespace; 0: unknown. */
pid_t host_unix_peer(const struct host_unix *socket);
void host_unix_close(struct host_unix *socket); /* NULL is fine */

/* err: negative. "did not answer in time". */
const char *host_unix_reason(int err);

/* --- fake hosts: what a socket answers. request NULL: its greeting. The same request given again
 * makes a sequence, whose last reply repeats; reply NULL: fails with -err. A path without any
 * greeting or request does not exist. --- */
void host_fake_unix(struct host *host, const char *path, const char *request, const char *reply,
		    int err);
void host_fake_unix_peer(struct host *host, const char *path, pid_t pid);

#endif
