/* The unix socket door: good peers, hostile ones, recordings and scripts. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "tests/unit/tree.h"

#define SOCKET "run/peer.sock"

/* What the peer does with a connection, in a thread of its own. */
enum manner {
	ECHOES,	   /* greets, then answers "re: REQUEST" */
	SILENT,	   /* accepts, says nothing */
	DEAF,	   /* greets and never reads */
	TRICKLE,   /* a byte now and then, for ever */
	ENDLESS,   /* as fast as it can */
	HALF,	   /* half a reply, then closes */
	CLOSES,	   /* at once */
	CREDENTIAL /* says who asked, as SCM_CREDENTIALS tells it */
};

struct peer {
	int fd;
	int type;
	enum manner manner;
	atomic_bool is_stopping;
	pthread_t thread;
};

struct fixture {
	struct tree *tree;
	struct host *host;
	struct peer peer;
	bool has_peer;
};

static bool say(int fd, const char *text, size_t len)
{
	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void serve_credential(int fd)
{
	char text[64], request[64], control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = {.iov_base = request, .iov_len = sizeof(request)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct ucred who = {0};

	if (recvmsg(fd, &message, 0) <= 0)
		return;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head;
	     head = CMSG_NXTHDR(&message, head)) {
		if (head->cmsg_type == SCM_CREDENTIALS)
			memcpy(&who, CMSG_DATA(head), sizeof(who));
	}
	(void)snprintf(text, sizeof(text), "pid %d uid %u", (int)who.pid, (unsigned)who.uid);
	(void)say(fd, text, strlen(text));
}

static void serve_echo(const struct peer *peer, int fd)
{
	char buf[4096] = "re: ";

	if (!say(fd, peer->type == SOCK_STREAM ? "hello\r\n" : "hello",
		 5 + 2 * (peer->type == SOCK_STREAM)))
		return;
	for (;;) {
		ssize_t n = recv(fd, buf + 4, sizeof(buf) - 4, 0);

		if (n <= 0 || !say(fd, buf, (size_t)n + 4))
			return;
	}
}

static void serve(struct peer *peer, int fd)
{
	static const char much[60000] = {[0 ... sizeof(much) - 1] = 'x'};

	switch (peer->manner) {
	case ECHOES:
		serve_echo(peer, fd);
		break;
	case CREDENTIAL:
		serve_credential(fd);
		break;
	case HALF:
		(void)say(fd, "half of", 7);
		break;
	case CLOSES:
		break;
	case DEAF:
		(void)say(fd, "hello\n", 6);
		while (!atomic_load(&peer->is_stopping))
			(void)poll(NULL, 0, 5);
		break;
	case SILENT:
		while (!atomic_load(&peer->is_stopping))
			(void)poll(NULL, 0, 5);
		break;
	case TRICKLE:
		while (!atomic_load(&peer->is_stopping) && say(fd, "x", 1))
			(void)poll(NULL, 0, 5);
		break;
	case ENDLESS:
		while (!atomic_load(&peer->is_stopping) && say(fd, much, sizeof(much)))
			;
		break;
	}
}

static void *peer_main(void *arg)
{
	struct peer *peer = arg;

	while (!atomic_load(&peer->is_stopping)) {
		int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (peer->manner == SILENT || peer->manner == DEAF || peer->manner == ENDLESS) {
			/* A full buffer must not keep the thread from ending. */
			struct timeval limit = {.tv_usec = 100000};

			(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		}
		serve(peer, fd);
		(void)close(fd);
	}
	return NULL;
}

static int bind_at(const struct fixture *f, const char *path, int type, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->tree->dir, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (backlog >= 0 && listen(fd, backlog) < 0))
		abort();
	return fd;
}

static void start_peer(struct fixture *f, int type, enum manner manner)
{
	int yes = 1;

	f->peer = (struct peer){.fd = bind_at(f, SOCKET, type, 8), .type = type, .manner = manner};
	if (manner == CREDENTIAL)
		(void)setsockopt(f->peer.fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
	f->has_peer = true;
	if (pthread_create(&f->peer.thread, NULL, peer_main, &f->peer))
		abort();
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->tree = tree_new();
	tree_file(f->tree, "run/file", "no socket");
	*state = f;
	return host_open_scratch(f->tree->dir, &f->host);
}

static void stop_peer(struct fixture *f)
{
	if (!f->has_peer)
		return;
	atomic_store(&f->peer.is_stopping, true);
	(void)shutdown(f->peer.fd, SHUT_RDWR);
	(void)pthread_join(f->peer.thread, NULL);
	(void)close(f->peer.fd);
	f->has_peer = false;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stop_peer(f);
	host_close(f->host);
	tree_free(f->tree);
	freep(state);
	return 0;
}

static const struct host_unix_options messages = {.framing = HOST_UNIX_MESSAGES,
						  .timeout_ns = 300 * NSEC_PER_MSEC};
static const struct host_unix_options lines = {.framing = HOST_UNIX_LINES,
					       .timeout_ns = 300 * NSEC_PER_MSEC};
static const struct host_unix_options until_close = {.framing = HOST_UNIX_UNTIL_CLOSE,
						     .timeout_ns = 300 * NSEC_PER_MSEC};
/* For peers that do answer: whatever this machine's load, the answer counts. */
static const struct host_unix_options patient = {.framing = HOST_UNIX_MESSAGES,
						 .timeout_ns = 30 * NSEC_PER_SEC};
static const struct host_unix_options patient_lines = {.framing = HOST_UNIX_LINES,
						       .timeout_ns = 30 * NSEC_PER_SEC};
static const struct host_unix_options patient_close = {.framing = HOST_UNIX_UNTIL_CLOSE,
						       .timeout_ns = 30 * NSEC_PER_SEC,
						       .sends_credentials = true};

static int try_connect(struct host *host, const struct host_unix_options *options, const char *path)
{
	struct host_unix *socket = NULL;
	int r = host_unix_connectf(host, options, &socket, "%s", path);

	host_unix_close(socket);
	return r;
}

static ssize_t ask_once(struct host *host, const struct host_unix_options *options,
			const char *request)
{
	struct host_unix *socket = NULL;
	const char *reply;
	int r = host_unix_connectf(host, options, &socket, SOCKET);

	if (r < 0)
		return r;

	ssize_t n = host_unix_ask(socket, request, &reply);

	host_unix_close(socket);
	return n;
}

static void expect(struct host_unix *socket, const char *request, const char *reply)
{
	const char *text = NULL;

	assert_int_equal(host_unix_ask(socket, request, &text), strlen(reply));
	assert_string_equal(text, reply);
}

static void messages_are_asked_and_answered(void **state)
{
	struct fixture *f = *state;
	struct host_unix *socket = NULL;

	start_peer(f, SOCK_SEQPACKET, ECHOES);
	assert_int_equal(host_unix_connectf(f->host, &patient, &socket, SOCKET), 0);
	assert_int_equal(host_unix_peer(socket), getpid());
	expect(socket, NULL, "hello");
	expect(socket, "/info", "re: /info");
	expect(socket, "/ethdev/list", "re: /ethdev/list");
	host_unix_close(socket);
}

static void lines_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct host_unix *socket = NULL;

	start_peer(f, SOCK_STREAM, ECHOES);
	assert_int_equal(host_unix_connectf(f->host, &patient_lines, &socket, SOCKET), 0);
	expect(socket, NULL, "hello"); /* and neither CR nor LF */
	expect(socket, "one\ntwo\nthree\n", "re: one");
	expect(socket, NULL, "two");
	expect(socket, NULL, "three");
	expect(socket, "four\n", "re: four");
	expect(socket, "\n", "re: ");
	host_unix_close(socket);
}

static void replies_until_the_peer_closes(void **state)
{
	struct fixture *f = *state;
	struct host_unix *socket = NULL;
	char who[64];

	start_peer(f, SOCK_STREAM, CREDENTIAL);
	assert_int_equal(host_unix_connectf(f->host, &patient_close, &socket, SOCKET), 0);
	(void)snprintf(who, sizeof(who), "pid %d uid %u", (int)getpid(), (unsigned)geteuid());
	expect(socket, "setup", who);
	host_unix_close(socket);
}

static void paths_that_are_no_peer(void **state)
{
	struct fixture *f = *state;
	int fd = bind_at(f, "run/left", SOCK_SEQPACKET, -1);

	(void)close(fd);
	assert_int_equal(try_connect(f->host, &messages, "run/left"), -ECONNREFUSED);
	assert_int_equal(try_connect(f->host, &messages, "run/absent"), -ENOENT);
	assert_int_equal(try_connect(f->host, &messages, "run/file"), -ENOTSOCK);
	assert_int_equal(try_connect(f->host, &messages, "run"), -ENOTSOCK);
	assert_int_equal(try_connect(f->host, &messages, "run/file/x"), -ENOTDIR);
	assert_int_equal(try_connect(f->host, &messages, "../x"), -EINVAL);
	assert_int_equal(try_connect(f->host, &messages, "/run/left"), -EINVAL);
	start_peer(f, SOCK_STREAM, ECHOES);
	assert_int_equal(try_connect(f->host, &messages, SOCKET), -EPROTOTYPE);
}

/* Whoever owns a directory on the way must not send us elsewhere. */
static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;

	start_peer(f, SOCK_SEQPACKET, ECHOES);
	tree_link(f->tree, "run/link", "peer.sock");
	tree_link(f->tree, "user", "run");
	tree_link(f->tree, "abs", "/");
	assert_int_equal(try_connect(f->host, &messages, SOCKET), 0);
	assert_int_equal(try_connect(f->host, &messages, "run/link"), -ELOOP);
	assert_int_equal(try_connect(f->host, &messages, "user/peer.sock"), -ELOOP);
	assert_int_equal(try_connect(f->host, &messages, "abs/run/x"), -ELOOP);
}

static void a_full_queue_is_waited_for_and_given_up(void **state)
{
	struct fixture *f = *state;
	_cleanup_(fd_closep) int fd = bind_at(f, SOCKET, SOCK_STREAM, 0);
	struct host_unix *kept[8] = {0};
	unsigned n = 0;
	int r = 0;

	assert_true(fd >= 0);
	while (n < ARRAY_SIZE(kept) && r == 0) {
		r = host_unix_connectf(f->host, &lines, &kept[n], SOCKET);
		n += r == 0;
	}
	for (unsigned i = 0; i < n; i++)
		host_unix_close(kept[i]);
	assert_int_equal(r, -EAGAIN);
	assert_true(n >= 1);
}

static void peers_that_do_not_answer(void **state)
{
	struct fixture *f = *state;

	start_peer(f, SOCK_SEQPACKET, SILENT);
	assert_int_equal(ask_once(f->host, &messages, "x"), -ETIMEDOUT);
}

/* Every byte comes before its own time is over, and the reply never ends. */
static void bytes_that_trickle_share_one_deadline(void **state)
{
	struct fixture *f = *state;

	start_peer(f, SOCK_STREAM, TRICKLE);
	assert_int_equal(ask_once(f->host, &lines, NULL), -ETIMEDOUT);
	assert_int_equal(ask_once(f->host, &until_close, NULL), -ETIMEDOUT);
}

static void a_peer_that_never_reads(void **state)
{
	struct fixture *f = *state;
	struct host_unix *socket = NULL;
	_cleanup_(freep) char *large = xcalloc(1, 4 << 20);
	const char *reply;

	memset(large, 'x', (4 << 20) - 1);
	start_peer(f, SOCK_STREAM, DEAF);
	assert_int_equal(host_unix_connectf(f->host, &lines, &socket, SOCKET), 0);
	assert_int_equal(host_unix_ask(socket, large, &reply), -ETIMEDOUT);
	host_unix_close(socket);
}

static void endless_replies_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct host_unix_options options = patient_lines;

	start_peer(f, SOCK_STREAM, ENDLESS);
	assert_int_equal(ask_once(f->host, &options, NULL), -EFBIG);
	options.framing = HOST_UNIX_UNTIL_CLOSE;
	assert_int_equal(ask_once(f->host, &options, NULL), -EFBIG);
	stop_peer(f);
	tree_free(f->tree);
	host_close(f->host);
	f->tree = tree_new();
	tree_file(f->tree, "run/file", "");
	assert_int_equal(host_open_scratch(f->tree->dir, &f->host), 0);
	start_peer(f, SOCK_SEQPACKET, ENDLESS);
	options = patient;
	options.reply_max = 59999;
	assert_int_equal(ask_once(f->host, &options, NULL), -EFBIG);
	options.reply_max = 60000;
	assert_int_equal(ask_once(f->host, &options, NULL), 60000);
}

static void peers_that_close(void **state)
{
	struct fixture *f = *state;

	start_peer(f, SOCK_STREAM, HALF);
	assert_int_equal(ask_once(f->host, &patient_lines, NULL), -ECONNRESET);
	assert_int_equal(ask_once(f->host, &patient_close, NULL), 7);
	stop_peer(f);
}

static void a_message_peer_that_closes(void **state)
{
	struct fixture *f = *state;

	start_peer(f, SOCK_SEQPACKET, CLOSES);
	assert_int_equal(ask_once(f->host, &patient, NULL), -ECONNRESET);
}

static void *interrupt_main(void *arg)
{
	(void)poll(NULL, 0, 50);
	host_interrupt(arg);
	return NULL;
}

static void an_interrupt_ends_it(void **state)
{
	struct fixture *f = *state;
	struct host_unix_options options = {.timeout_ns = 3600 * NSEC_PER_SEC};
	pthread_t thread;
	char text[16];

	start_peer(f, SOCK_SEQPACKET, SILENT);
	assert_int_equal(host_interruptible(f->host), 0);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_main, f->host), 0);
	assert_int_equal(ask_once(f->host, &options, "x"), -ECANCELED);
	(void)pthread_join(thread, NULL);
	assert_int_equal(host_read(f->host, "run/file", text, sizeof(text)), -ECANCELED);
	assert_int_equal(try_connect(f->host, &messages, SOCKET), -ECANCELED);
}

/* --- in the mount namespace of a process: ours is one --- */

static void by_way_of_a_process(void **state)
{
	struct fixture *f = *state;
	struct host *live = NULL;
	struct host_unix *socket = NULL;
	struct host_unix_options options = patient;

	start_peer(f, SOCK_SEQPACKET, ECHOES);
	assert_int_equal(host_open_live(&live), 0);
	options.in_pid = getpid();
	assert_int_equal(
		host_unix_connectf(live, &options, &socket, "%s/" SOCKET, f->tree->dir + 1), 0);
	expect(socket, NULL, "hello");
	host_unix_close(socket);
	options.in_pid = INT32_MAX;
	assert_int_equal(
		host_unix_connectf(live, &options, &socket, "%s/" SOCKET, f->tree->dir + 1),
		-ENOENT);
	host_close(live);
}

/* --- hosts without peers --- */

static void what_was_recorded_is_replayed(void **state)
{
	struct fixture *f = *state;
	struct tree *to = tree_new();
	_cleanup_(freep) char *dir = tree_path(to, "capture");
	struct host_unix *socket = NULL;
	struct host *copy = NULL;
	const char *reply;
	static const char long_request[] =
		"{\"execute\": \"a request that is far longer than the name of a file should be, "
		"so "
		"that it is known by its hash only, and that goes on and on and on for a while\"}";
	_cleanup_(freep) char *long_reply = xasprintf("re: %s", long_request);

	start_peer(f, SOCK_SEQPACKET, ECHOES);
	assert_int_equal(host_record(f->host, dir), 0);
	assert_int_equal(host_unix_connectf(f->host, &patient, &socket, SOCKET), 0);
	expect(socket, NULL, "hello");
	expect(socket, "/a/..,1", "re: /a/..,1");
	expect(socket, "..", "re: ..");
	expect(socket, long_request, long_reply);
	host_unix_close(socket);
	assert_int_equal(host_record_summary(f->host)->error, 0);
	stop_peer(f);

	socket = NULL;
	assert_int_equal(host_open_captured(dir, &copy), 0);
	assert_int_equal(host_unix_connectf(copy, &patient, &socket, SOCKET), 0);
	assert_int_equal(host_unix_peer(socket), getpid());
	expect(socket, NULL, "hello");
	expect(socket, "..", "re: ..");
	expect(socket, "/a/..,1", "re: /a/..,1");
	expect(socket, long_request, long_reply);
	assert_int_equal(host_unix_ask(socket, "other", &reply), -ENODATA);
	host_unix_close(socket);
	assert_int_equal(try_connect(copy, &messages, "run/other"), -ENODATA);
	host_close(copy);
	tree_free(to);
}

static void fakes_say_what_the_test_said(void **state)
{
	struct fixture *f = *state;
	struct host *fake = NULL, *synthetic = NULL;
	struct host_unix *socket = NULL;
	const char *reply;

	(void)f;
	assert_int_equal(host_open_fake(&fake), 0);
	host_fake_unix(fake, SOCKET, NULL, "hi", 0);
	host_fake_unix(fake, SOCKET, "a", "1", 0);
	host_fake_unix(fake, SOCKET, "a", NULL, EPIPE);
	host_fake_unix(fake, SOCKET, "a", "3", 0);
	host_fake_unix_peer(fake, SOCKET, 77);
	assert_int_equal(try_connect(fake, &messages, "run/x"), -ENOENT);
	assert_int_equal(host_unix_connectf(fake, &messages, &socket, SOCKET), 0);
	assert_int_equal(host_unix_peer(socket), 77);
	expect(socket, NULL, "hi");
	expect(socket, "a", "1");
	assert_int_equal(host_unix_ask(socket, "a", &reply), -EPIPE);
	expect(socket, "a", "3");
	expect(socket, "a", "3");
	assert_int_equal(host_unix_ask(socket, "b", &reply), -ETIMEDOUT);
	host_unix_close(socket);
	host_close(fake);

	assert_int_equal(host_open_synthetic("pu:2", &synthetic), 0);
	assert_int_equal(try_connect(synthetic, &messages, SOCKET), -EOPNOTSUPP);
	host_close(synthetic);
	assert_string_equal(host_unix_reason(-ETIMEDOUT), "did not answer in time");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(messages_are_asked_and_answered),
		TEST(lines_are_told_apart),
		TEST(replies_until_the_peer_closes),
		TEST(paths_that_are_no_peer),
		TEST(links_are_not_followed),
		TEST(a_full_queue_is_waited_for_and_given_up),
		TEST(peers_that_do_not_answer),
		TEST(bytes_that_trickle_share_one_deadline),
		TEST(a_peer_that_never_reads),
		TEST(endless_replies_are_bounded),
		TEST(peers_that_close),
		TEST(a_message_peer_that_closes),
		TEST(an_interrupt_ends_it),
		TEST(by_way_of_a_process),
		TEST(what_was_recorded_is_replayed),
		TEST(fakes_say_what_the_test_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
