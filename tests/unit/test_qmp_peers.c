/*
 * The QMP client and monitors of this process on real sockets: good ones among hostile ones, twenty
 * at once; who is asked how often; interrupting a run.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "core/host.h"
#include "probes/qmp.h"
#include "tests/unit/tree.h"

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 1, \"major\": 8}, "          \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define EVENT "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\r\n"
#define MIB ((size_t)1024 * 1024)

enum manner {
	GOOD,
	PRETTY,	       /* good, many lines to an answer */
	CHATTY,	       /* good, events between its answers */
	SILENT,	       /* accepts, says nothing */
	DRIPPING,      /* a byte now and then */
	ENDLESS,       /* a line without an end */
	BRACES,	       /* many objects */
	NESTED,	       /* 1 MiB of brackets */
	WRONG_TYPES,   /* answers of other shapes */
	HUGE_NUMBERS,  /* ... out of every range */
	WRONG_IDS,     /* answers to other questions */
	FLOODING,      /* events for ever */
	CLOSING,       /* ends in the middle of an answer */
	HANGING_UP,    /* ends at once */
	HUMAN,	       /* a monitor for people */
	NEVER_ACCEPTS, /* the kernel has our connection, nobody takes it */
	FULL,	       /* not even that */
	ABSENT,	       /* a socket file without anybody */
	N_MANNERS
};
#define N_PEERS 20u

static const struct {
	enum qmp_monitor_state state;
	const char *text;
} expected[N_MANNERS] = {
	[GOOD] = {QMP_OK, "ok"},
	[PRETTY] = {QMP_OK, "ok"},
	[CHATTY] = {QMP_OK, "ok"},
	[SILENT] = {QMP_BUSY, "busy: did not greet"},
	[DRIPPING] = {QMP_FAILED, "greeting: did not answer in time"},
	[ENDLESS] = {QMP_FAILED, "query-name: its reply is longer than allowed"},
	[BRACES] = {QMP_FAILED, "query-name: JSON of too many parts"},
	[NESTED] = {QMP_FAILED, "query-name: its reply is longer than allowed"},
	[WRONG_TYPES] = {QMP_OK, "ok, but query-name: not what QEMU answers"},
	[HUGE_NUMBERS] = {QMP_OK, "ok, but query-cpus-fast: not what QEMU answers"},
	[WRONG_IDS] = {QMP_FAILED, "qmp_capabilities: answered another question"},
	[FLOODING] = {QMP_FAILED, "query-name: too many events"},
	[CLOSING] = {QMP_FAILED, "query-name: closed the connection"},
	[HANGING_UP] = {QMP_FAILED, "greeting: closed the connection"},
	[HUMAN] = {QMP_FAILED, "greeting: no JSON"},
	[NEVER_ACCEPTS] = {QMP_BUSY, "busy: did not greet"},
	[FULL] = {QMP_BUSY, "busy: accepts no more connections"},
	[ABSENT] = {QMP_GONE, "nobody listens there"},
};

struct peer {
	int fd;
	int filler; /* FULL: the connection that takes the place; -1 */
	enum manner manner;
	atomic_bool *is_stopping;
	atomic_uint n_accepted;
	struct host *interrupts; /* NULL, or the host whose run it ends */
	pthread_t thread;
};

/* --- what peers say --- */

static bool is_over(const struct peer *peer)
{
	return atomic_load(peer->is_stopping);
}

/* False: the client has gone, or the test is over. */
static bool say_bytes(const struct peer *peer, int fd, const char *text, size_t len)
{
	while (len && !is_over(peer)) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return !len;
}

static bool say(const struct peer *peer, int fd, const char *text)
{
	return say_bytes(peer, fd, text, strlen(text));
}

static bool say_repeated(const struct peer *peer, int fd, const char *piece, size_t bytes)
{
	size_t len = strlen(piece), n = bytes / len;
	_cleanup_(freep) char *text = xcalloc(n + 1, len);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, piece, len);
	return say_bytes(peer, fd, text, n * len);
}

static const char *good_value(const char *command)
{
	static const struct {
		const char *command, *value;
	} values[] = {
		{"qmp_capabilities", "{}"},
		{"query-name", "{\"name\": \"good\"}"},
		{"query-status", "{\"status\": \"running\", \"running\": true}"},
		{"query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 4711}]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (!strcmp(command, values[i].command))
			return values[i].value;
	}
	return NULL;
}

static bool answer_well(const struct peer *peer, int fd, const char *command)
{
	const char *value = good_value(command);
	const char *space = peer->manner == PRETTY ? "\r\n    " : " ";
	_cleanup_(freep) char *text =
		value ? xasprintf("{%s\"return\": %s,%s\"id\": \"%s\"}\r\n", space, value, space,
				  command)
		      : xasprintf("{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}, "
				  "\"id\": \"%s\"}\r\n",
				  command);

	return say(peer, fd, text);
}

static bool say_value(const struct peer *peer, int fd, const char *command, const char *value)
{
	_cleanup_(freep) char *text =
		xasprintf("{\"return\": %s, \"id\": \"%s\"}\r\n", value, command);

	return say(peer, fd, text);
}

static bool say_events(const struct peer *peer, int fd)
{
	while (say(peer, fd, EVENT))
		;
	return false;
}

/* After qmp_capabilities, which even the hostile ones answer well. */
static bool answer(const struct peer *peer, int fd, const char *command)
{
	switch (peer->manner) {
	case CHATTY:
		return say(peer, fd, EVENT EVENT) && answer_well(peer, fd, command);
	case ENDLESS:
		return say_repeated(peer, fd, "{\"return\": \"", MIB);
	case BRACES:
		return say(peer, fd, "{\"return\": [") && say_repeated(peer, fd, "{},", MIB / 5) &&
		       say(peer, fd, "{}]}\r\n");
	case NESTED:
		return say_repeated(peer, fd, "{\"a\":[", MIB) && say(peer, fd, "\r\n");
	case WRONG_TYPES:
		return say_value(peer, fd, command, "[[\"x\", null, true, 1.5]]");
	case HUGE_NUMBERS:
		if (strcmp(command, "query-cpus-fast") != 0)
			return answer_well(peer, fd, command);
		return say_value(peer, fd, command,
				 "[{\"cpu-index\": 123456789012345678901234567890, "
				 "\"thread-id\": -9223372036854775808}]");
	case WRONG_IDS:
		return say_value(peer, fd, "somebody-else", "{}");
	case FLOODING:
		return say_events(peer, fd);
	case CLOSING:
		(void)say(peer, fd, "{\"return\": {\"na");
		return false;
	case GOOD:
	case PRETTY:
	case SILENT:
	case DRIPPING:
	case HANGING_UP:
	case HUMAN:
	case NEVER_ACCEPTS:
	case FULL:
	case ABSENT:
	case N_MANNERS:
		break;
	}
	return answer_well(peer, fd, command);
}

static bool greet(const struct peer *peer, int fd)
{
	switch (peer->manner) {
	case SILENT:
		return true;
	case DRIPPING:
		while (say_bytes(peer, fd, "{", 1))
			(void)poll(NULL, 0, 30);
		return false;
	case HANGING_UP:
		return false;
	case HUMAN:
		return say(peer, fd, "QEMU 7.2.0 monitor - type 'help' for more information\r\n");
	default: /* all others */
		return say(peer, fd, GREETING);
	}
}

static void serve(const struct peer *peer, int fd)
{
	char request[4096] = "", command[64];

	if (!greet(peer, fd))
		return;
	while (!is_over(peer)) {
		ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

		if (n < 0 && errno == EAGAIN) /* the limit set below: look whether to end */
			continue;
		if (n <= 0)
			return;
		request[n] = '\0';
		if (peer->manner == SILENT ||
		    sscanf(request, "{\"execute\":\"%63[^\"]", command) != 1)
			continue;

		bool is_first = !strcmp(command, "qmp_capabilities");

		if (is_first && peer->manner != WRONG_IDS ? !answer_well(peer, fd, command)
							  : !answer(peer, fd, command))
			return;
	}
}

static void *peer_main(void *arg)
{
	struct peer *peer = arg;

	while (!is_over(peer)) {
		struct timeval limit = {.tv_usec = 20000};
		int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		atomic_fetch_add(&peer->n_accepted, 1);
		if (peer->interrupts)
			host_interrupt(peer->interrupts);
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		serve(peer, fd);
		(void)close(fd);
	}
	return NULL;
}

static bool has_thread(const struct peer *peer)
{
	return peer->manner < NEVER_ACCEPTS;
}

static void start_peer(const struct tree *tree, struct peer *peer, unsigned number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/p%02u", tree->dir, number);
	peer->filler = -1;
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	if (peer->manner == ABSENT)
		return;
	if (listen(peer->fd, peer->manner == FULL ? 0 : 8) < 0)
		abort();
	if (peer->manner == FULL) {
		peer->filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(peer->filler, (struct sockaddr *)&address, sizeof(address)) < 0)
			abort();
	}
	if (has_thread(peer) && pthread_create(&peer->thread, NULL, peer_main, peer))
		abort();
}

static void stop_peers(struct peer *peers, unsigned n)
{
	atomic_store(peers[0].is_stopping, true);
	for (unsigned i = 0; i < n; i++) {
		(void)shutdown(peers[i].fd, SHUT_RDWR);
		if (has_thread(&peers[i]))
			(void)pthread_join(peers[i].thread, NULL);
		(void)close(peers[i].fd);
		fd_closep(&peers[i].filler);
	}
}

/* --- tests --- */

static uint64_t rss_kb(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss;
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

struct setup {
	struct tree *tree;
	struct host *host;
	struct qmp_pool *pool;
	struct peer peers[N_PEERS];
	unsigned n;
	atomic_bool is_stopping;
};

static void setup(struct setup *s, const enum manner *manners, unsigned n)
{
	*s = (struct setup){.tree = tree_new(), .n = n};
	assert_int_equal(host_open_scratch(s->tree->dir, &s->host), 0);
	s->pool = qmp_pool_new(s->host);
	for (unsigned i = 0; i < n; i++) {
		s->peers[i].manner = manners[i];
		s->peers[i].is_stopping = &s->is_stopping;
		start_peer(s->tree, &s->peers[i], i);
	}
}

static void teardown(struct setup *s)
{
	qmp_pool_free(s->pool);
	stop_peers(s->peers, s->n); /* one of them interrupts the host */
	host_close(s->host);
	tree_free(s->tree);
}

static const struct qmp_machine *machine_of(struct setup *s, unsigned number, unsigned round)
{
	_cleanup_(freep) char *key = xasprintf("%u.%u", number, round);

	return qmp_pool_find(s->pool, key);
}

/* Another round: other keys, so that all are new and asked again. */
static int run(struct setup *s, unsigned round)
{
	qmp_pool_begin(s->pool);
	for (unsigned i = 0; i < s->n; i++) {
		_cleanup_(freep) char *key = xasprintf("%u.%u", i, round);
		_cleanup_(freep) char *path = xasprintf("/p%02u", i);

		qmp_pool_want(s->pool, key, 0, path, QMP_ALL);
	}
	return qmp_pool_run(s->pool);
}

static unsigned count_right(struct setup *s, unsigned round)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++) {
		const struct qmp_machine *m = machine_of(s, i, round);

		n += !strcmp(m->text, expected[s->peers[i].manner].text);
	}
	return n;
}

/* One run has a turn for every one of them, and each says what is wrong with it. */
static void twenty_at_once(void **state)
{
	enum manner manners[N_PEERS];
	struct setup s;
	unsigned n_fds = open_fds(), round = 0;
	uint64_t before_kb;

	(void)state;
	for (unsigned i = 0; i < N_PEERS; i++)
		manners[i] = i < N_MANNERS ? (enum manner)(N_MANNERS - 1 - i) : GOOD;
	setup(&s, manners, N_PEERS);
	before_kb = rss_kb();
	/* Others may take our CPU for so long that a good one is late: not five times. */
	do {
		assert_int_equal(run(&s, ++round), 0);
		for (unsigned i = 0; i < N_PEERS; i++) {
			const struct qmp_machine *m = machine_of(&s, i, round);

			assert_int_not_equal(m->state, QMP_WAITING);
			assert_int_equal(m->asked_ns, machine_of(&s, 0, round)->asked_ns);
		}
	} while (count_right(&s, round) < N_PEERS && round < 5);
	for (unsigned i = 0; i < N_PEERS; i++) {
		const struct qmp_machine *m = machine_of(&s, i, round);

		assert_string_equal(m->text, expected[manners[i]].text);
		assert_int_equal(m->state, expected[manners[i]].state);
		if (manners[i] != GOOD && manners[i] != PRETTY && manners[i] != CHATTY)
			continue;
		assert_string_equal(m->name, "good");
		assert_int_equal(m->cpus.at[0].tid, 4711);
		assert_int_equal(m->peer, getpid());
	}
	print_message("rounds: %u, memory: %u KiB more at most\n", round,
		      (unsigned)(rss_kb() - before_kb));
	assert_true(rss_kb() - before_kb < 64 * 1024);
	teardown(&s);
	assert_int_equal(open_fds(), n_fds);
}

/* However often the pool is run: nobody is asked again before his time, hostile ones included, and
 * nobody waits for them. */
static void nobody_is_asked_too_often(void **state)
{
	static const enum manner manners[] = {GOOD, SILENT, BRACES, CLOSING, GOOD, DRIPPING};
	struct setup s;

	(void)state;
	setup(&s, manners, ARRAY_SIZE(manners));

	uint64_t start_ns = host_now_ns(s.host);

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(run(&s, 1), 0);

	uint64_t periods = (host_now_ns(s.host) - start_ns) / (1750 * NSEC_PER_MSEC);

	for (unsigned i = 0; i < s.n; i++) {
		assert_true(atomic_load(&s.peers[i].n_accepted) >= 1);
		assert_true(atomic_load(&s.peers[i].n_accepted) <= 1 + periods);
	}
	teardown(&s);
}

static void a_run_can_be_interrupted(void **state)
{
	static const enum manner manners[] = {SILENT, SILENT};
	struct setup s;
	unsigned n_fds = open_fds();

	(void)state;
	setup(&s, manners, 1);
	assert_int_equal(host_interruptible(s.host), 0);
	s.peers[1] = (struct peer){
		.manner = SILENT, .is_stopping = &s.is_stopping, .interrupts = s.host};
	start_peer(s.tree, &s.peers[1], 1);
	s.n = 2;
	assert_int_equal(run(&s, 1), -ECANCELED);
	assert_int_not_equal(machine_of(&s, 0, 1)->state, QMP_BUSY);
	assert_int_equal(run(&s, 2), -ECANCELED);
	teardown(&s);
	assert_int_equal(open_fds(), n_fds);
}

/* Sockets that are not what they seem: a file, a link on the way, a path too long. */
static void paths_that_lead_elsewhere(void **state)
{
	static const enum manner manners[] = {GOOD};
	struct setup s;
	static const struct {
		const char *path, *text;
		enum qmp_monitor_state state;
	} cases[] = {
		{"/file", "is no socket", QMP_FAILED},
		{"/link", "a symbolic link is on the way", QMP_FAILED},
		{"/missing", "no such socket", QMP_GONE},
		{"/file/x", "Not a directory", QMP_GONE},
		{"/var/run/p00", "ok", QMP_OK}, /* the one link that is followed */
	};

	(void)state;
	setup(&s, manners, 1);
	tree_file(s.tree, "file", "");
	tree_file(s.tree, "var/x", "");
	tree_file(s.tree, "run/x", "");
	tree_link(s.tree, "link", "p00");
	tree_link(s.tree, "var/run", "../run");

	_cleanup_(freep) char *from = tree_path(s.tree, "p00");
	_cleanup_(freep) char *to = tree_path(s.tree, "run/p00");

	assert_int_equal(rename(from, to), 0);
	qmp_pool_begin(s.pool);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		qmp_pool_want(s.pool, cases[i].path, 0, cases[i].path, QMP_ALL);
	assert_int_equal(qmp_pool_run(s.pool), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(qmp_pool_find(s.pool, cases[i].path)->text, cases[i].text);
		assert_int_equal(qmp_pool_find(s.pool, cases[i].path)->state, cases[i].state);
	}
	teardown(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_at_once),
		cmocka_unit_test(nobody_is_asked_too_often),
		cmocka_unit_test(a_run_can_be_interrupted),
		cmocka_unit_test(paths_that_lead_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
