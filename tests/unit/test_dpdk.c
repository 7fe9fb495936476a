/*
 * The dpdk probe: what a real dpdk-testpmd (22.11) and newer versions answer, on a fake host; and
 * telemetry peers of this process, good and hostile, twenty at once. The real program itself:
 * tests/captures/dpdk.sh.
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

#include "core/host_unix.h"
#include "tests/unit/probe_fixture.h"
#include "tests/unit/tree.h"

#define PATH "run/dpdk/rte/dpdk_telemetry.v2"
#define GREETING "{\"version\":\"DPDK 24.11.0\",\"pid\":4242,\"max_output_len\":16384}"
#define INFO                                                                                       \
	"{\"/ethdev/info\":{\"name\":\"0000:01:00.0\",\"nb_rx_queues\":2,\"nb_tx_queues\":1,"      \
	"\"port_id\":3,\"mtu\":1500,\"mac_addr\":\"02:00:00:00:00:01\",\"dev_started\":1,"         \
	"\"numa_node\":1}}"
#define STATS                                                                                      \
	"{\"/ethdev/stats\":{\"ipackets\":30,\"opackets\":12,\"ibytes\":3000,\"obytes\":1200,"     \
	"\"imissed\":7,\"ierrors\":1,\"oerrors\":2,\"rx_nombuf\":5,\"q_ipackets\":[10,20,0,0],"    \
	"\"q_opackets\":[12,0],\"q_ibytes\":[1000,2000],\"q_obytes\":[1200],\"q_errors\":[1,0]}}"
#define XSTATS                                                                                     \
	"{\"/ethdev/xstats\":{\"rx_good_packets\":31,\"rx_q0_packets\":11,\"rx_q0_bytes\":1100,"   \
	"\"rx_q0_errors\":1,\"rx_q1_good_packets\":20,\"rx_q1_drop_total\":4,\"rx_q7_packets\":9," \
	"\"tx_q0packets\":13,\"rx_q0_size_64_packets\":5,\"rx_qx_packets\":1}}"

static void put_port(struct host *host, const char *stats, const char *xstats)
{
	host_fake_unix(host, PATH, "/ethdev/list", "{\"/ethdev/list\":[3]}", 0);
	host_fake_unix(host, PATH, "/ethdev/info,3", INFO, 0);
	host_fake_unix(host, PATH, "/ethdev/link_status,3",
		       "{\"/ethdev/link_status\":{\"status\":\"UP\",\"speed\":10000}}", 0);
	host_fake_unix(host, PATH, "/ethdev/stats,3", stats, 0);
	host_fake_unix(host, PATH, "/ethdev/xstats,3", xstats, 0);
}

static void put_lcores(struct host *host)
{
	host_fake_unix(host, PATH, "/eal/lcore/list", "{\"/eal/lcore/list\":[0,5]}", 0);
	host_fake_unix(host, PATH, "/eal/lcore/info,0",
		       "{\"/eal/lcore/info\":{\"lcore_id\":0,\"socket\":0,\"role\":\"RTE\","
		       "\"cpuset\":[2]}}",
		       0);
	host_fake_unix(host, PATH, "/eal/lcore/info,5",
		       "{\"/eal/lcore/info\":{\"lcore_id\":5,\"socket\":1,\"role\":\"SERVICE\","
		       "\"cpuset\":[4,5,6,8191]}}",
		       0);
	host_fake_unix(host, PATH, "/eal/lcore/usage",
		       "{\"/eal/lcore/usage\":{\"lcore_ids\":[5,9],\"total_cycles\":[1000,1],"
		       "\"busy_cycles\":[400,1]}}",
		       0);
}

/* A process at PATH that greets; what it answers is the test's. */
static void start_fake(struct fixture *f)
{
	fixture_fake(f, &probe_dpdk);
	host_fake_file(f->host, PATH, "");
	host_fake_file(f->host, "proc/77/comm", "ovs-vswitchd");
	host_fake_unix(f->host, PATH, NULL, GREETING, 0);
	host_fake_unix_peer(f->host, PATH, 77);
}

static void a_process_with_ports_queues_and_lcores(void **state)
{
	struct fixture f;

	(void)state;
	start_fake(&f);
	put_port(f.host, STATS, XSTATS);
	put_lcores(f.host);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_u64(&f, "dpdk:rte", "pid"), 77);
	assert_string_equal(fixture_text(&f, "dpdk:rte", "comm"), "ovs-vswitchd");
	assert_string_equal(fixture_text(&f, "dpdk:rte", "version"), "DPDK 24.11.0");
	assert_string_equal(fixture_text(&f, "dpdk:rte", "state"), "ok");
	assert_int_equal(fixture_u64(&f, "dpdk:rte", "ports"), 1);
	assert_int_equal(fixture_u64(&f, "dpdk:rte", "lcores"), 2);

	assert_string_equal(fixture_text(&f, "dpdk_port:rte/3", "device"), "0000:01:00.0");
	assert_string_equal(snapshot_find(f.snap, "dpdk_port:rte/3")->parent->key, "dpdk:rte");
	assert_string_equal(fixture_text(&f, "dpdk_port:rte/3", "link"), "UP");
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "speed_bits_per_s"), 10000000000);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "started"), 1);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "node_id"), 1);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "queues_rx"), 2);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "rx_packets"), 30);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "tx_bytes"), 1200);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "rx_missed"), 7);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "rx_no_buffers"), 5);
	assert_int_equal(fixture_u64(&f, "dpdk_port:rte/3", "tx_errors"), 2);

	assert_int_equal(fixture_count(&f, "queue"), 3);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-0", "packets"), 11);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-0", "bytes"), 1100);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-0", "errors"), 1);
	assert_int_equal(fixture_state(&f, "queue:dpdk/rte/3/rx-0", "drops"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-1", "packets"), 20);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-1", "drops"), 4);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-1", "bytes"), 2000);
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/tx-0", "packets"), 13);
	assert_string_equal(fixture_text(&f, "queue:dpdk/rte/3/tx-0", "direction"), "tx");
	assert_string_equal(fixture_text(&f, "queue:dpdk/rte/3/tx-0", "source"), "xstats");
	assert_string_equal(snapshot_find(f.snap, "queue:dpdk/rte/3/rx-1")->parent->key,
			    "dpdk_port:rte/3");

	assert_int_equal(fixture_count(&f, "lcore"), 2);
	assert_string_equal(fixture_text(&f, "lcore:rte/5", "cpus"), "4-6,8191");
	assert_string_equal(fixture_text(&f, "lcore:rte/5", "role"), "SERVICE");
	assert_int_equal(fixture_u64(&f, "lcore:rte/5", "busy_cycles"), 400);
	assert_int_equal(fixture_u64(&f, "lcore:rte/5", "total_cycles"), 1000);
	assert_int_equal(fixture_state(&f, "lcore:rte/0", "busy_cycles"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "lcore:rte/0", "source"), "telemetry");
	fixture_done(&f);
}

/* Without xstats the first queues are counted in the totals. */
static void queues_without_xstats(void **state)
{
	struct fixture f;

	(void)state;
	start_fake(&f);
	put_port(f.host, STATS, "{\"/ethdev/xstats\":null}");
	put_lcores(f.host);
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "dpdk:rte", "state"), "ok");
	assert_int_equal(fixture_u64(&f, "queue:dpdk/rte/3/rx-1", "packets"), 20);
	assert_string_equal(fixture_text(&f, "queue:dpdk/rte/3/rx-1", "source"), "stats");
	fixture_done(&f);
}

static void lcores_of_old_versions_are_threads(void **state)
{
	static const struct {
		const char *tid, *comm, *cpus;
	} threads[] = {
		{"77", "dpdk-testpmd", "0"},	{"78", "eal-intr-thread", "0"},
		{"79", "rte-worker-1", "1"},	{"80", "lcore-slave-7", "2-3"},
		{"81", "lcore-worker-9", "4"},	{"82", "dpdk-worker12", "5"},
		{"83", "lcore-worker-10", "6"}, /* or one of 100 to 109 */
	};
	struct fixture f;

	(void)state;
	start_fake(&f);
	put_port(f.host, STATS, XSTATS);
	host_fake_unix(f.host, PATH, "/eal/lcore/list", "{\"/eal/lcore/list\":null}", 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		_cleanup_(freep) char *comm = xasprintf("proc/77/task/%s/comm", threads[i].tid);
		_cleanup_(freep) char *status = xasprintf("proc/77/task/%s/status", threads[i].tid);
		_cleanup_(freep) char *text =
			xasprintf("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\nMems:\t1",
				  threads[i].cpus);

		host_fake_file(f.host, comm, threads[i].comm);
		host_fake_file(f.host, status, text);
	}
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "dpdk:rte", "state"), "ok");
	assert_int_equal(fixture_count(&f, "lcore"), 6);
	assert_string_equal(fixture_text(&f, "lcore:rte/main", "cpus"), "0");
	assert_string_equal(fixture_text(&f, "lcore:rte/main", "role"), "main");
	assert_int_equal(fixture_state(&f, "lcore:rte/main", "id"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "lcore:rte/1", "cpus"), "1");
	assert_int_equal(fixture_u64(&f, "lcore:rte/1", "tid"), 79);
	assert_string_equal(fixture_text(&f, "lcore:rte/7", "cpus"), "2-3");
	assert_string_equal(fixture_text(&f, "lcore:rte/9", "source"), "threads");
	assert_string_equal(fixture_text(&f, "lcore:rte/12", "cpus"), "5");
	assert_string_equal(fixture_text(&f, "lcore:rte/tid-83", "cpus"), "6");
	fixture_done(&f);
}

static void sockets_of_users_and_of_one_prefix(void **state)
{
	static const char *const paths[] = {
		"run/dpdk/a/dpdk_telemetry.v2",
		"run/dpdk/a/dpdk_telemetry.v2:1",
		"run/user/1000/dpdk/b/dpdk_telemetry.v2",
		"tmp/dpdk/c/dpdk_telemetry.v2",
	};
	static const char *const keys[] = {"dpdk:a", "dpdk:a:1", "dpdk:b@1000", "dpdk:c@tmp"};
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_dpdk);
	host_fake_file(f.host, "run/dpdk/a/dpdk_telemetry.v1", "");
	host_fake_file(f.host, "run/dpdk/a/config", "");
	host_fake_file(f.host, "run/dpdk/a/dpdk_telemetry.v23", "");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		host_fake_file(f.host, paths[i], "");
		host_fake_unix(f.host, paths[i], NULL, GREETING, 0);
		host_fake_unix(f.host, paths[i], "/ethdev/list", "{\"/ethdev/list\":[]}", 0);
		host_fake_unix(f.host, paths[i], "/eal/lcore/list", "{\"/eal/lcore/list\":[]}", 0);
		host_fake_unix(f.host, paths[i], "/eal/lcore/usage", "{\"/eal/lcore/usage\":null}",
			       0);
	}
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "dpdk"), 4);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_string_equal(fixture_text(&f, keys[i], "state"), "ok");
	/* One ends. */
	host_fake_remove(f.host, paths[0]);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "dpdk"), 3);
	fixture_done(&f);
}

static void hosts_without_dpdk_have_nothing_to_say(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_dpdk);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_int_equal(fixture_count(&f, "dpdk"), 0);
	host_fake_file(f.host, "run/dpdk/rte/config", "");
	host_fake_error(f.host, "run/dpdk", EACCES);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_DENIED);
	assert_non_null(strstr(fixture_error(&f), "run/dpdk"));
	fixture_done(&f);
}

/* Each answer of a process that is otherwise good, replaced by nonsense: it says which and why. */
static void nonsense_is_named(void **state)
{
	static const struct {
		const char *request, *reply, *state;
	} cases[] = {
		{NULL, "hello", "greeting: no JSON"},
		{NULL, "{}", "greeting: not DPDK's telemetry"},
		{NULL, "[1]", "greeting: not DPDK's telemetry"},
		{NULL, NULL, "greeting: did not answer in time"},
		{"/ethdev/list", "{\"/other\":[1]}", "/ethdev/list: not what DPDK answers"},
		{"/ethdev/list", "{\"/ethdev/list\":[-1]}", "/ethdev/list: not what DPDK answers"},
		{"/ethdev/list", "{\"/ethdev/list\":[70000]}",
		 "/ethdev/list: not what DPDK answers"},
		{"/ethdev/list", "{\"/ethdev/list\":{}}", "/ethdev/list: not what DPDK answers"},
		{"/ethdev/info,3", "{\"/ethdev/info\":[]}", "/ethdev/info: not what DPDK answers"},
		{"/ethdev/info,3", "{\"/ethdev/info\":{\"nb_rx_queues\":99999999}}",
		 "/ethdev/info: not what DPDK answers"},
		{"/ethdev/stats,3", "[[[[[[[[[[[[[[[[[[[[[[[",
		 "/ethdev/stats: JSON that is nested too deeply"},
		{"/ethdev/xstats,3", NULL, "/ethdev/xstats,3: did not answer in time"},
		{"/eal/lcore/list", "nul", "/eal/lcore/list: no JSON"},
		{"/eal/lcore/info,5", "{\"/eal/lcore/info\":{\"cpuset\":[8192]}}",
		 "/eal/lcore/info: not what DPDK answers"},
		{"/eal/lcore/usage", "{\"/eal/lcore/usage\":{}}",
		 "/eal/lcore/usage: not what DPDK answers"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		fixture_fake(&f, &probe_dpdk);
		host_fake_file(f.host, PATH, "");
		/* The first answer given to a request is the first one asked for. */
		if (cases[i].reply || cases[i].request || i == 3)
			host_fake_unix(f.host, PATH, cases[i].request, cases[i].reply, ETIMEDOUT);
		host_fake_unix(f.host, PATH, NULL, GREETING, 0);
		put_port(f.host, STATS, XSTATS);
		put_lcores(f.host);
		fixture_run(&f);
		assert_string_equal(fixture_text(&f, "dpdk:rte", "state"), cases[i].state);
		assert_int_equal(fixture_status(&f), SAMPLE_OK);
		assert_non_null(strstr(fixture_error(&f), cases[i].state));
		fixture_done(&f);
	}
}

/* Left alone for a while, longer each time; asked at once after a change and when it is time. */
static void a_failed_process_is_left_alone(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_dpdk);
	host_fake_file(f.host, PATH, "");
	host_fake_unix(f.host, PATH, NULL, NULL, ETIMEDOUT);
	host_fake_unix(f.host, PATH, NULL, GREETING, 0);
	put_port(f.host, STATS, XSTATS);
	put_lcores(f.host);
	sampler_want(f.sampler, UINT64_MAX);
	for (unsigned second = 1; second <= 7; second += 2) {
		host_fake_clock(f.host, second * NSEC_PER_SEC);
		snapshot_unref(f.snap);
		f.snap = sampler_run_once(f.sampler, false);
		assert_string_equal(fixture_text(&f, "dpdk:rte", "state"),
				    second < 6 ? "greeting: did not answer in time" : "ok");
	}
	fixture_done(&f);
}

/* What it says of itself reaches no terminal as it is. */
static void names_are_sanitised(void **state)
{
	struct fixture f;
	static const char path[] = "run/dpdk/a\x1b[2Jb/dpdk_telemetry.v2";

	(void)state;
	fixture_fake(&f, &probe_dpdk);
	host_fake_file(f.host, path, "");
	host_fake_unix(f.host, path, NULL,
		       "{\"version\":\"\\u001b]0;x\\u0007\",\"pid\":1,\"max_output_len\":1}", 0);
	host_fake_unix(f.host, path, "/ethdev/list", "{\"/ethdev/list\":[0]}", 0);
	host_fake_unix(f.host, path, "/ethdev/info,0",
		       "{\"/ethdev/info\":{\"name\":\"\\u202eevil\",\"nb_rx_queues\":1}}", 0);
	host_fake_unix(f.host, path, "/ethdev/link_status,0", "{\"/ethdev/link_status\":null}", 0);
	host_fake_unix(f.host, path, "/ethdev/stats,0", "{\"/ethdev/stats\":null}", 0);
	host_fake_unix(f.host, path, "/ethdev/xstats,0", "{\"/ethdev/xstats\":null}", 0);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "dpdk_port"), 1);

	const struct entity *port = snapshot_table(f.snap, "dpdk_port")->entities;

	assert_null(strchr(port->key, '\x1b'));
	assert_null(strstr(port->name, "\xe2\x80\xae"));
	assert_non_null(port->parent); /* the same name in key and parent */
	assert_null(strchr(fixture_text(&f, port->parent->key, "version"), '\x1b'));
	fixture_done(&f);
}

/* --- real sockets --- */

enum manner {
	GOOD,
	SILENT,	 /* accepts, says nothing */
	ABSENT,	 /* a socket file that nobody serves */
	NO_JSON, /* greets with nonsense */
	BOMB,	 /* answers with a great many objects */
	DEEP,	 /* ... very deep ones */
	LARGE,	 /* ... a very long text */
	LIAR,	 /* ... huge numbers of queues */
	CLOSER,	 /* closes after the greeting */
	SLOW,	 /* answers everything, but after a while */
	N_MANNERS
};
#define N_PEERS 20

struct peer {
	int fd;
	enum manner manner;
	atomic_bool *is_stopping;
	pthread_t thread;
};

static char *repeated(const char *piece, size_t n)
{
	size_t len = strlen(piece);
	char *text = xcalloc(1, n * len + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, piece, len);
	return text;
}

static char *good_answer(const char *request)
{
	static const struct {
		const char *request, *reply;
	} answers[] = {
		{"/ethdev/list", "{\"/ethdev/list\":[3]}"},
		{"/ethdev/info,3", INFO},
		{"/ethdev/link_status,3", "{\"/ethdev/link_status\":{\"status\":\"UP\"}}"},
		{"/ethdev/stats,3", STATS},
		{"/ethdev/xstats,3", XSTATS},
		{"/eal/lcore/list", "{\"/eal/lcore/list\":[0]}"},
		{"/eal/lcore/info,0", "{\"/eal/lcore/info\":{\"cpuset\":[1],\"role\":\"RTE\"}}"},
		{"/eal/lcore/usage", "{\"/eal/lcore/usage\":null}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (!strcmp(request, answers[i].request))
			return xstrdup(answers[i].reply);
	}
	return xstrdup("{\"/\":null}");
}

static char *answer_of(const struct peer *peer, const char *request)
{
	switch (peer->manner) {
	case BOMB:
		return repeated("{},", 60000);
	case DEEP:
		return repeated("[", 100000);
	case LARGE:
		return repeated("\"xxxxxxxxxxxxxxxxxxxxxxxxxx", 7000);
	case LIAR:
		if (!strcmp(request, "/ethdev/list"))
			return xstrdup("{\"/ethdev/list\":[3,4,5,6]}");
		return xstrdup("{\"/ethdev/info\":{\"nb_rx_queues\":18446744073709551615}}");
	case SLOW:
		(void)poll(NULL, 0, 200);
		return good_answer(request);
	case GOOD:
	case SILENT:
	case ABSENT:
	case NO_JSON:
	case CLOSER:
	case N_MANNERS:
		break;
	}
	return good_answer(request);
}

static void serve(const struct peer *peer, int fd)
{
	const char *greeting = peer->manner == NO_JSON ? "SSH-2.0-x" : GREETING;

	if (peer->manner != SILENT)
		(void)send(fd, greeting, strlen(greeting), MSG_NOSIGNAL);
	while (!atomic_load(peer->is_stopping) && peer->manner != CLOSER) {
		char request[256] = "";
		ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

		if (n < 0 && errno == EAGAIN) /* the limit set below: look whether to end */
			continue;
		if (n <= 0)
			return;
		if (peer->manner == SILENT)
			continue;

		_cleanup_(freep) char *answer = answer_of(peer, request);

		(void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	}
}

static void *peer_main(void *arg)
{
	struct peer *peer = arg;

	while (!atomic_load(peer->is_stopping)) {
		struct timeval limit = {.tv_usec = 20000};
		int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		serve(peer, fd);
		(void)close(fd);
	}
	return NULL;
}

static void start_peer(const struct tree *tree, struct peer *peer, unsigned number)
{
	_cleanup_(freep) char *file = xasprintf("run/dpdk/p%02u/config", number);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	tree_file(tree, file, "");
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "%s/run/dpdk/p%02u/dpdk_telemetry.v2", tree->dir, number);
	peer->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	if (peer->manner == ABSENT)
		return;
	if (listen(peer->fd, 8) < 0 || pthread_create(&peer->thread, NULL, peer_main, peer))
		abort();
}

static void stop_peers(struct peer *peers, unsigned n, atomic_bool *is_stopping)
{
	atomic_store(is_stopping, true);
	for (unsigned i = 0; i < n; i++) {
		(void)shutdown(peers[i].fd, SHUT_RDWR);
		if (peers[i].manner != ABSENT)
			(void)pthread_join(peers[i].thread, NULL);
		(void)close(peers[i].fd);
	}
}

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

static const char *state_of(const struct fixture *f, unsigned number)
{
	_cleanup_(freep) char *key = xasprintf("dpdk:p%02u", number);

	return fixture_text(f, key, "state");
}

/* The states of all but the good ones, after every one of them was asked. */
static const char *const expected[N_MANNERS] = {
	[GOOD] = "ok",
	[SILENT] = "greeting: did not answer in time",
	[ABSENT] = "nobody listens there",
	[NO_JSON] = "greeting: no JSON",
	[BOMB] = "/ethdev/list: JSON of too many parts",
	[DEEP] = "/ethdev/list: JSON that is nested too deeply",
	[LARGE] = "/ethdev/list: no JSON",
	[LIAR] = "/ethdev/info: not what DPDK answers",
	[CLOSER] = "/ethdev/list: closed the connection",
	[SLOW] = "", /* whatever: it takes longer than a process may */
};

static void twenty_peers_at_once(void **state)
{
	struct tree *tree = tree_new();
	struct peer peers[N_PEERS];
	atomic_bool is_stopping = false;
	struct host *host = NULL;
	const struct probe *const probe = &probe_dpdk;
	struct fixture f;
	unsigned n_right = 0, n_fds = open_fds();

	(void)state;
	for (unsigned i = 0; i < N_PEERS; i++) {
		peers[i] = (struct peer){.manner = (enum manner)(i % N_MANNERS),
					 .is_stopping = &is_stopping};
		start_peer(tree, &peers[i], i);
	}
	assert_int_equal(host_open_scratch(tree->dir, &host), 0);
	fixture_init(&f, host, &probe, 1);
	sampler_want(f.sampler, UINT64_MAX);

	uint64_t before_kb = rss_kb();

	/* A run is bounded: not everyone's turn comes in the first one. */
	for (unsigned run = 0; run < 8 && n_right < N_PEERS; run++) {
		snapshot_unref(f.snap);
		f.snap = sampler_run_once(f.sampler, true);
		assert_int_equal(f.snap->probes[0].status, SAMPLE_OK);
		assert_int_equal(fixture_count(&f, "dpdk"), N_PEERS);
		n_right = 0;
		for (unsigned i = 0; i < N_PEERS; i++)
			n_right += strstr(state_of(&f, i), expected[i % N_MANNERS]) != NULL;
	}
	for (unsigned i = 0; i < N_PEERS; i++) {
		if (expected[i % N_MANNERS][0])
			assert_string_equal(state_of(&f, i), expected[i % N_MANNERS]);
	}
	assert_string_equal(fixture_text(&f, "lcore:p10/0", "cpus"), "1");
	assert_int_equal(fixture_u64(&f, "queue:dpdk/p00/3/rx-0", "packets"), 11);
	assert_int_equal(fixture_u64(&f, "dpdk:p00", "pid"), getpid());
	print_message("memory: %u KiB more at most\n", (unsigned)(rss_kb() - before_kb));
	assert_true(rss_kb() - before_kb < 128 * 1024);
	fixture_done(&f);
	stop_peers(peers, N_PEERS, &is_stopping);
	tree_free(tree);
	assert_int_equal(open_fds(), n_fds);
}

/* The process behind a kept connection is replaced: noticed, and asked in the same run. */
static void a_restarted_process_is_asked_at_once(void **state)
{
	struct tree *tree = tree_new();
	struct peer peer = {.manner = GOOD};
	atomic_bool is_stopping = false;
	struct host *host = NULL;
	const struct probe *const probe = &probe_dpdk;
	struct fixture f;
	_cleanup_(freep) char *path = tree_path(tree, "run/dpdk/p00/dpdk_telemetry.v2");

	(void)state;
	peer.is_stopping = &is_stopping;
	start_peer(tree, &peer, 0);
	assert_int_equal(host_open_scratch(tree->dir, &host), 0);
	fixture_init(&f, host, &probe, 1);
	fixture_run(&f);
	assert_string_equal(state_of(&f, 0), "ok");
	for (unsigned i = 0; i < 3; i++) {
		stop_peers(&peer, 1, &is_stopping);
		if (i == 1) {
			fixture_run(&f);
			assert_string_equal(state_of(&f, 0), "nobody listens there");
		}
		atomic_store(&is_stopping, false);
		assert_int_equal(unlink(path), 0);
		start_peer(tree, &peer, 0);
		fixture_run(&f);
		assert_string_equal(state_of(&f, 0), "ok");
	}
	fixture_done(&f);
	stop_peers(&peer, 1, &is_stopping);
	tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_with_ports_queues_and_lcores),
		cmocka_unit_test(queues_without_xstats),
		cmocka_unit_test(lcores_of_old_versions_are_threads),
		cmocka_unit_test(sockets_of_users_and_of_one_prefix),
		cmocka_unit_test(hosts_without_dpdk_have_nothing_to_say),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(a_failed_process_is_left_alone),
		cmocka_unit_test(names_are_sanitised),
		cmocka_unit_test(twenty_peers_at_once),
		cmocka_unit_test(a_restarted_process_is_asked_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
