#include "core/host_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/host_internal.h"

#define DEFAULT_TIMEOUT_NS NSEC_PER_SEC
#define DEFAULT_REPLY_MAX ((size_t)256 * 1024)
#define FIRST_ROOM ((size_t)4096)
/* A listener whose queue is full has no event to wait for. */
#define RETRY_NS (20 * NSEC_PER_MSEC)

struct host_unix {
	struct host *host;
	struct host_unix_options options;
	char path[HOST_PATH_MAX]; /* with the way into a process's namespace */
	int fd;			  /* -1: captured and fake hosts */
	char *request;		  /* the last one; NULL: none yet, what comes is a greeting */
	unsigned n_replies;	  /* to it */
	size_t sent;		  /* bytes of it */
	uint64_t deadline_ns;	  /* of the present ask */
	pid_t peer;
	char *buf; /* room for size bytes */
	size_t size;
	size_t len;  /* bytes received */
	size_t used; /* of these, the ones of replies that were handed out (lines) */
};

/* The kernel's time, also in tests whose host has a clock of its own. */
static uint64_t now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- finding it --- */

static bool is_live(const struct host *host)
{
	return host->kind == HOST_LIVE || host->kind == HOST_SCRATCH;
}

/* One part after another, none of them a link, so that what lies below a directory of another user
 * cannot send us to a socket of somebody else. */
static int walk(int from, const char *path, int *ret)
{
	_cleanup_(fd_closep) int at = fcntl(from, F_DUPFD_CLOEXEC, 3);
	struct stat st;

	if (at < 0)
		return -errno;
	while (*path) {
		char part[NAME_MAX + 1];
		size_t len = strcspn(path, "/");

		if (len >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, len);
		part[len] = '\0';
		path += len;
		path += *path == '/';
		if (!len)
			continue;

		int next = openat(at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (next < 0)
			return -errno;
		fd_closep(&at);
		at = next;
		if (fstat(at, &st) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode))
			return -ELOOP;
	}
	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	*ret = at;
	at = -1;
	return 0;
}

static int find(const struct host_unix *socket, const char *path, int *ret)
{
	const struct host *host = socket->host;
	char root[64];

	if (!socket->options.in_pid)
		return walk(host->root_fd, path, ret);
	if (host->kind != HOST_LIVE)
		return -EOPNOTSUPP;
	(void)snprintf(root, sizeof(root), "proc/%d/root", (int)socket->options.in_pid);

	_cleanup_(fd_closep) int fd = host_dir_open_path(host, root, O_PATH | O_DIRECTORY);

	return fd < 0 ? fd : walk(fd, path, ret);
}

/* --- connecting --- */

static int pause_before_retry(const struct host_unix *socket, uint64_t deadline_ns)
{
	uint64_t again_ns = now_ns() + RETRY_NS;

	if (again_ns >= deadline_ns)
		return -EAGAIN;

	int r = host_wait(socket->host, -1, 0, again_ns);

	return r == -ETIMEDOUT ? 0 : r;
}

/* By the descriptor that was looked at: the name may lead elsewhere by now. */
static int connect_fd(struct host_unix *socket, int found)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t deadline_ns = now_ns() + socket->options.timeout_ns;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", found);
	while (connect(socket->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		if (r == -EAGAIN && !socket->options.is_one_of_many)
			r = pause_before_retry(socket, deadline_ns);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

static int connect_live(struct host_unix *s, const char *path)
{
	int type = s->options.framing == HOST_UNIX_MESSAGES ? SOCK_SEQPACKET : SOCK_STREAM;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	_cleanup_(fd_closep) int found = -1;
	int r = find(s, path, &found);

	if (r < 0)
		return r;
	s->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	r = connect_fd(s, found);
	if (r < 0)
		return r;
	if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0)
		s->peer = peer.pid;
	return 0;
}

static int connect_any(struct host_unix *socket, const char *path)
{
	const struct host *host = socket->host;

	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;
	if (is_live(host)) {
		int r = connect_live(socket, path);

		if (r >= 0 && host->record)
			host_record_unix_peer(socket->host, socket->path, socket->peer);
		return r;
	}
	switch (host->kind) {
	case HOST_CAPTURED:
		return host_replay_unix_peer(socket->host, socket->path, &socket->peer);
	case HOST_FAKE:
		return host_fake_unix_connect(socket->host, socket->path, &socket->peer);
	case HOST_LIVE:
	case HOST_SCRATCH:
	case HOST_SYNTHETIC:
		break;
	}
	return -EOPNOTSUPP;
}

int host_unix_connectf(struct host *host, const struct host_unix_options *options,
		       struct host_unix **ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	struct host_unix *socket = xcalloc(1, sizeof(*socket));
	int len = options->in_pid ? snprintf(socket->path, sizeof(socket->path), "proc/%d/root/%s",
					     (int)options->in_pid, path)
				  : snprintf(socket->path, sizeof(socket->path), "%s", path);

	socket->host = host;
	socket->options = *options;
	socket->options.timeout_ns = options->timeout_ns ? options->timeout_ns : DEFAULT_TIMEOUT_NS;
	socket->options.reply_max = options->reply_max ? options->reply_max : DEFAULT_REPLY_MAX;
	socket->fd = -1;
	r = (size_t)len < sizeof(socket->path) ? connect_any(socket, path) : -ENAMETOOLONG;
	if (r < 0) {
		host_unix_close(socket);
		return r;
	}
	*ret = socket;
	return 0;
}

pid_t host_unix_peer(const struct host_unix *socket)
{
	return socket->peer;
}

void host_unix_close(struct host_unix *socket)
{
	if (!socket)
		return;
	fd_closep(&socket->fd);
	free(socket->request);
	free(socket->buf);
	free(socket);
}

/* --- sending --- */

static ssize_t send_once(const struct host_unix *socket, const char *bytes, size_t len)
{
	union {
		char room[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control = {0};
	struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (socket->options.sends_credentials) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);

		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_CREDENTIALS;
		head->cmsg_len = CMSG_LEN(sizeof(self));
		memcpy(CMSG_DATA(head), &self, sizeof(self));
	}

	ssize_t n = sendmsg(socket->fd, &message, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

/* What is left of the request. -EAGAIN: not all of it could go yet. */
static int send_rest(struct host_unix *socket)
{
	size_t len = socket->request ? strlen(socket->request) : 0;

	while (socket->sent < len) {
		ssize_t n = send_once(socket, socket->request + socket->sent, len - socket->sent);

		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0)
			socket->sent += (size_t)n;
	}
	return 0;
}

/* --- receiving: what is there. -EAGAIN: not yet a whole reply. --- */

static void make_room(struct host_unix *socket, size_t at_least)
{
	size_t size = socket->size ? socket->size : FIRST_ROOM;

	while (size < at_least)
		size *= 2;
	if (size == socket->size)
		return;
	socket->buf = xrealloc(socket->buf, size);
	socket->size = size;
}

/* recv() without a control buffer: descriptors that come along are closed by the kernel. */
static ssize_t receive_once(const struct host_unix *socket, void *to, size_t size, int flags)
{
	ssize_t n;

	do {
		n = recv(socket->fd, to, size, flags);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The length is asked first, so that a message needs no more memory than it has. */
static ssize_t receive_message(struct host_unix *socket)
{
	ssize_t n = receive_once(socket, NULL, 0, MSG_PEEK | MSG_TRUNC);

	if (n >= 0 && (size_t)n > socket->options.reply_max)
		return -EFBIG;
	if (n >= 0) {
		make_room(socket, (size_t)n + 1);
		n = receive_once(socket, socket->buf, socket->size - 1, 0);
	}
	if (n == 0)
		return -ECONNRESET;
	if (n > 0)
		socket->len = (size_t)n;
	return n;
}

/* Some more bytes behind those that are there. 0: the peer closed. */
static ssize_t receive_more(struct host_unix *socket)
{
	make_room(socket, socket->len + FIRST_ROOM / 4);

	ssize_t n =
		receive_once(socket, socket->buf + socket->len, socket->size - socket->len - 1, 0);

	if (n > 0)
		socket->len += (size_t)n;
	return n;
}

/* At least a whole line is in buf; the reply is its first one. */
static ssize_t receive_line(struct host_unix *socket)
{
	size_t seen = 0;

	if (socket->used) {
		memmove(socket->buf, socket->buf + socket->used, socket->len - socket->used);
		socket->len -= socket->used;
		socket->used = 0;
	}
	for (;;) {
		char *end = socket->len > seen
				    ? memchr(socket->buf + seen, '\n', socket->len - seen)
				    : NULL;
		size_t len = end ? (size_t)(end - socket->buf) : socket->len;

		if (len > socket->options.reply_max)
			return -EFBIG;
		if (end) {
			socket->used = len + 1;
			return (ssize_t)(len - (len && end[-1] == '\r'));
		}
		seen = socket->len;

		ssize_t n = receive_more(socket);
		if (n <= 0)
			return n < 0 ? n : -ECONNRESET;
	}
}

static ssize_t receive_all(struct host_unix *socket)
{
	for (;;) {
		ssize_t n = receive_more(socket);

		if (n < 0)
			return n;
		if (socket->len > socket->options.reply_max)
			return -EFBIG;
		if (!n)
			return (ssize_t)socket->len;
	}
}

static ssize_t receive(struct host_unix *socket)
{
	switch (socket->options.framing) {
	case HOST_UNIX_MESSAGES:
		return receive_message(socket);
	case HOST_UNIX_LINES:
		return receive_line(socket);
	case HOST_UNIX_UNTIL_CLOSE:
		return receive_all(socket);
	}
	return -EINVAL;
}

/* --- asking --- */

static ssize_t ask_replay(struct host_unix *socket)
{
	struct host *host = socket->host;
	size_t max = socket->options.reply_max;

	make_room(socket, FIRST_ROOM);
	for (;;) {
		ssize_t n = host->kind == HOST_FAKE
				    ? host_fake_unix_ask(host, socket->path, socket->request,
							 socket->buf, socket->size - 1)
				    : host_replay_unix(host, socket->path, socket->request,
						       socket->n_replies, socket->buf,
						       socket->size - 1);

		if (n != -EFBIG)
			return n > 0 && (size_t)n > max ? -EFBIG : n;
		if (socket->size > max)
			return -EFBIG;
		make_room(socket, socket->size + 1);
	}
}

void host_unix_begin(struct host_unix *socket, const char *request)
{
	if (request) {
		free(socket->request);
		socket->request = xstrdup(request);
		socket->n_replies = 0;
		socket->sent = 0;
	}
	socket->deadline_ns = now_ns() + socket->options.timeout_ns;
}

static ssize_t take_live(struct host_unix *socket)
{
	int r = send_rest(socket);
	ssize_t n = r < 0 ? r : receive(socket);

	/* What came too late but is there counts: it was we who did not look. */
	return n == -EAGAIN && now_ns() >= socket->deadline_ns ? -ETIMEDOUT : n;
}

ssize_t host_unix_take(struct host_unix *socket, const char **ret_reply)
{
	struct host *host = socket->host;
	ssize_t n = socket->fd >= 0 ? take_live(socket) : ask_replay(socket);

	if (n < 0)
		return n;
	if (host->record)
		host_record_unix(host, socket->path, socket->request, socket->n_replies,
				 socket->buf, (size_t)n);
	socket->n_replies++;
	socket->buf[n] = '\0';
	*ret_reply = socket->buf;
	return n;
}

static short awaited(const struct host_unix *socket)
{
	return socket->request && socket->request[socket->sent] ? POLLOUT : POLLIN;
}

ssize_t host_unix_ask(struct host_unix *socket, const char *request, const char **ret_reply)
{
	host_unix_begin(socket, request);
	for (;;) {
		ssize_t n = host_unix_take(socket, ret_reply);

		if (n != -EAGAIN)
			return n;

		int r = host_wait(socket->host, socket->fd, awaited(socket), socket->deadline_ns);
		if (r < 0)
			return r;
	}
}

size_t host_unix_pending(const struct host_unix *socket)
{
	return socket->len - socket->used;
}

int host_unix_wait(struct host *host, struct host_unix *const *sockets, size_t n,
		   uint64_t deadline_ns)
{
	_cleanup_(freep) struct pollfd *fds = xcalloc(n + 1, sizeof(*fds));

	for (size_t i = 0; i < n; i++) {
		if (sockets[i]->fd < 0)
			return 0;
		fds[i] = (struct pollfd){.fd = sockets[i]->fd, .events = awaited(sockets[i])};
		if (sockets[i]->deadline_ns < deadline_ns)
			deadline_ns = sockets[i]->deadline_ns;
	}

	int r = host_wait_many(host, fds, n, deadline_ns);

	/* Whose deadline it was, host_unix_take() says. */
	return r == -ETIMEDOUT ? 0 : r;
}

const char *host_unix_reason(int err)
{
	switch (-err) {
	case ENOENT:
		return "no such socket";
	case ECONNREFUSED:
		return "nobody listens there";
	case EAGAIN:
		return "accepts no more connections";
	case EPROTOTYPE:
		return "is a socket of another type";
	case ENOTSOCK:
		return "is no socket";
	case ELOOP:
		return "a symbolic link is on the way";
	case ETIMEDOUT:
		return "did not answer in time";
	case EFBIG:
		return "its reply is longer than allowed";
	case ECONNRESET:
	case EPIPE:
		return "closed the connection";
	case ENODATA:
		return "was not recorded";
	case ECANCELED:
		return "interrupted";
	default: /* any other errno */
		return strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error";
	}
}
