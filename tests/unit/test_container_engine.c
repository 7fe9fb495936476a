/* What engines say of containers: over HTTP, in state files; and what hostile ones say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "probes/container_internal.h"
#include "tests/unit/container_fixture.h"

/* --- HTTP --- */

static int http(const char *reply, size_t len, unsigned *status)
{
	const char *body = NULL;
	size_t n = 0;
	int r = container_http_body(reply, len, &body, &n, status);

	return r < 0 ? r : (int)n;
}

static void test_http(void **state)
{
	static const struct {
		const char *reply;
		int result;
	} cases[] = {
		{"HTTP/1.0 200 OK\r\n\r\n[]", 2},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 2},
		{"HTTP/1.1 200 OK\r\ncontent-length:2 \r\nA: b\r\n\r\n[]", 2},
		{"HTTP/1.0 200\r\n\r\n", 0},
		{"HTTP/1.0 404 Not Found\r\n\r\n{}", -EREMOTEIO},
		{"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[]", -EPROTO}, /* cut off */
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\r\nContent-Length: -2\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\r\nContent-Length:\r\n\r\n[]", -EPROTO},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		 -EPROTO},
		{"HTTP/2.0 200 OK\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 20x OK\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 2000 OK\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\n\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\r\nno colon\r\n\r\n[]", -EPROTO},
		{"HTTP/1.0 200 OK\r\nA: b", -EPROTO},
		{"HTTP/1.0 200 OK\r\n", -EPROTO},
		{"\r\n\r\n", -EPROTO},
		{"[]", -EPROTO},
		{"", -EPROTO},
	};
	unsigned status;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = http(cases[i].reply, strlen(cases[i].reply), &status);

		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].reply, r);
	}
	assert_int_equal(http("HTTP/1.0 500 no\r\n\r\n", 19, &status), -EREMOTEIO);
	assert_int_equal(status, 500);
}

static void test_http_limits(void **state)
{
	size_t size = (size_t)1024 * 1024;
	_cleanup_(freep) char *reply = xcalloc(1, size);
	size_t used = (size_t)snprintf(reply, size, "HTTP/1.0 200 OK\r\n");
	unsigned status;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		used += (size_t)snprintf(reply + used, size - used, "A: b\r\n");
	used += (size_t)snprintf(reply + used, size - used, "\r\n[]");
	assert_int_equal(http(reply, used, &status), -EPROTO); /* too many headers */
	memset(reply + 20, 'a', size - 20);
	assert_int_equal(http(reply, size, &status), -EPROTO); /* a line without end */
}

/* --- engines --- */

#define API                                                                                        \
	"GET /containers/json?all=true&filters=%7B%22id%22%3A%5B%22" ID                            \
	"%22%5D%7D HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static void answer(struct fixture *f, const char *body)
{
	_cleanup_(freep) char *reply =
		xasprintf("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n%s", body);

	host_fake_file(f->host, "run/docker.sock", "");
	host_fake_unix(f->host, "run/docker.sock", API, reply, 0);
}

static void test_docker_api(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	answer(&f, "[{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"Image\":\"nginx:1\",\"State\":"
		   "\"running\",\"Labels\":{\"io.kubernetes.pod.name\":\"front\","
		   "\"io.kubernetes.pod.namespace\":\"shop\"}}]\n");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_string_equal(fixture_text(&f, DOCKER, "name"), "web");
	assert_string_equal(snapshot_find(f.snap, DOCKER)->name, "web");
	assert_string_equal(fixture_text(&f, DOCKER, "image"), "nginx:1");
	assert_string_equal(fixture_text(&f, DOCKER, "pod"), "front");
	assert_string_equal(fixture_text(&f, DOCKER, "namespace"), "shop");
	assert_string_equal(fixture_text(&f, DOCKER, "source"), "docker API");
	fixture_done(&f);
}

/* Whatever the peer says, there is the row, by its group's name, and a reason. */
static void test_docker_nonsense(void **state)
{
	static const struct {
		const char *body, *reason;
	} cases[] = {
		{"{}", "not a list of containers"},
		{"[", "no JSON"},
		{"[{\"Id\":5},{\"Id\":\"" ID "\",\"Names\":\"x\",\"Image\":\"y\",\"Pid\":\"1\"}]",
		 ""},
		{"[{\"Id\":\"" ID "\",\"Names\":[7],\"Labels\":[1],\"Pid\":1e99}]", ""},
		{"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "nested too deeply"},
		{"[{\"Id\":\"another\",\"Names\":[\"/theirs\"]}]", ""},
		{"[]", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		setup_v2(&f);
		answer(&f, cases[i].body);
		fixture_run(&f);
		assert_string_equal(fixture_text(&f, DOCKER, "name"), "f4d3b90bea15");
		assert_int_equal(fixture_state(&f, DOCKER, "image"), VALUE_ABSENT);
		if (!strstr(fixture_error(&f), cases[i].reason) ||
		    (!*cases[i].reason && *fixture_error(&f)))
			fail_msg("%s: %s", cases[i].body, fixture_error(&f));
		fixture_done(&f);
	}
}

static void test_docker_silent(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	host_fake_file(f.host, "run/docker.sock", "");
	host_fake_unix(f.host, "run/docker.sock", API, NULL, ETIMEDOUT);
	host_fake_file(f.host, "var/lib/docker/containers/" ID "/config.v2.json",
		       "{\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx\"},\"State\":{\"Running\":"
		       "true,\"Pid\":812}}");
	fixture_run(&f);
	assert_non_null(strstr(fixture_error(&f), "run/docker.sock: did not answer in time"));
	assert_string_equal(fixture_text(&f, DOCKER, "name"), "web");
	assert_string_equal(fixture_text(&f, DOCKER, "source"), "docker files");
	assert_int_equal(fixture_u64(&f, DOCKER, "pid"), 812); /* docker knows better */
	fixture_done(&f);
}

/* An answer without a name is none: its files are better. */
static void test_nameless_answer(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	answer(&f, "[{\"Id\":\"" ID "\",\"Names\":{\"a\":1},\"Image\":\"evil\"}]");
	host_fake_file(f.host, "var/lib/docker/containers/" ID "/config.v2.json",
		       "{\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx\"},\"State\":{}}");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, DOCKER, "name"), "web");
	assert_string_equal(fixture_text(&f, DOCKER, "image"), "nginx");
	assert_string_equal(fixture_text(&f, DOCKER, "source"), "docker files");
	fixture_done(&f);
}

/* An engine of a user's own speaks of his containers, and of no others. */
static void test_user_engine(void **state)
{
	static const char user[] =
		"user.slice/user-1000.slice/user@1000.service/libpod-" ID ".scope";
	static const char podman[] =
		"GET /v4.0.0/libpod/containers/json?all=true&filters=%7B%22id%22%3A%5B%22" ID
		"%22%5D%7D HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	static const char reply[] = "HTTP/1.1 200 OK\r\n\r\n[{\"Id\":\"" ID
				    "\",\"Names\":[\"mine\"],\"Image\":\"x\",\"Pid\":1}]";
	_cleanup_(freep) char *dir = xasprintf(V2 "%s", user);
	_cleanup_(freep) char *key = xasprintf("container:/%s", user);
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, dir, "cpu.stat", "usage_usec 1");
	put(&f, V2 "machine.slice/libpod-" ID ".scope", "cpu.stat", "usage_usec 1");
	host_fake_file(f.host, "run/user/1000/podman/podman.sock", "");
	host_fake_unix(f.host, "run/user/1000/podman/podman.sock", podman, reply, 0);
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, key, "name"), "mine");
	assert_string_equal(fixture_text(&f, key, "source"), "podman API");
	assert_string_equal(
		fixture_text(&f, "container:/machine.slice/libpod-" ID ".scope", "name"),
		"f4d3b90bea15");
	assert_string_equal(fixture_text(&f, DOCKER, "name"), "f4d3b90bea15");
	fixture_done(&f);
}

static void test_dockerd_arguments(void **state)
{
	static const char cmdline[] =
		"/usr/bin/dockerd\0-H\0unix:///run/a.sock\0--host=unix:///b\0-H=unix:///e\0"
		"-Hunix:///d\0-Hx\0-H\0tcp://1:2\0-H\0unix://\0--host-gateway-ip=unix:///no\0"
		"--data-root\0/data\0--graph=/g\0--config-file\0/c.json\0-H";
	static const char *const sockets[] = {"run/a.sock", "b", "e", "d"};
	struct container_daemon daemon = {0};

	(void)state;
	container_dockerd_arguments(cmdline, sizeof(cmdline), &daemon);
	assert_int_equal(daemon.sockets.n, ARRAY_SIZE(sockets));
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		assert_string_equal(daemon.sockets.at[i], sockets[i]);
	assert_int_equal(daemon.roots.n, 2);
	assert_string_equal(daemon.roots.at[0], "data");
	assert_string_equal(daemon.roots.at[1], "g");
	assert_int_equal(daemon.configurations.n, 1);
	assert_string_equal(daemon.configurations.at[0], "c.json");
	container_daemon_done(&daemon);
}

static void test_daemon_json(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *socket, *root; /* the first ones; NULL: none */
	} cases[] = {
		{"{}", 0, NULL, NULL},
		{"{\"hosts\":[\"tcp://0:1\",\"fd://\",7,null,\"unix:///x/d.sock\"],"
		 "\"data-root\":\"/x/data\",\"graph\":\"/old\"}",
		 0, "x/d.sock", "x/data"},
		{"{\"graph\":\"/old\"}", 0, NULL, "old"},
		{"{\"hosts\":\"unix:///x\",\"data-root\":[\"/y\"]}", 0, NULL, NULL},
		{"{\"data-root\":\"relative\"}", 0, NULL, NULL},
		{"[\"hosts\"]", -EPROTO, NULL, NULL},
		{"{\"hosts\":", -EBADMSG, NULL, NULL},
		{"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", -ELOOP, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct container_daemon daemon = {0};
		int r = container_json_daemon(cases[i].text, strlen(cases[i].text), &daemon);

		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].text, r);
		assert_int_equal(daemon.sockets.n, cases[i].socket ? 1 : 0);
		assert_int_equal(daemon.roots.n, cases[i].root ? 1 : 0);
		if (cases[i].socket)
			assert_string_equal(daemon.sockets.at[0], cases[i].socket);
		if (cases[i].root)
			assert_string_equal(daemon.roots.at[0], cases[i].root);
		container_daemon_done(&daemon);
	}
}

static void put_dockerd(struct fixture *f, const char *cmdline, size_t len)
{
	host_fake_file(f->host, "proc/900/comm", "dockerd");
	host_fake_bytes(f->host, "proc/900/cmdline", cmdline, len);
	host_fake_file(f->host, "proc/900/status", "Name:\tdockerd\nUid:\t0\t0\t0\t0\n");
	host_fake_link(f->host, "proc/900/ns/mnt", "mnt:[1]");
}

/* Sockets and data root of the usual file, or of the one that the command line names. */
static void test_configuration_file(void **state)
{
	static const char plain[] = "dockerd";
	static const char named[] = "dockerd\0--config-file=/opt/d.json";

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool is_usual = i % 2 == 0, is_there = i < 2;
		struct fixture f;

		setup_v2(&f);
		put_dockerd(&f, is_usual ? plain : named, is_usual ? sizeof(plain) : sizeof(named));
		/* With the last two it is in the other place. */
		host_fake_file(f.host,
			       is_usual == is_there ? "etc/docker/daemon.json" : "opt/d.json",
			       "{\"hosts\":[\"unix:///x/d.sock\"],\"data-root\":\"/x/data\"}");
		host_fake_unix(f.host, "x/d.sock", API, NULL, ECONNREFUSED);
		host_fake_file(f.host, "x/data/containers/" ID "/config.v2.json",
			       "{\"Name\":\"/web\",\"Config\":{},\"State\":{}}");
		fixture_run(&f);
		assert_string_equal(fixture_text(&f, DOCKER, "name"),
				    is_there ? "web" : "f4d3b90bea15");
		assert_true(!strncmp(fixture_error(&f), "x/d.sock: ", 10) == is_there);
		fixture_done(&f);
	}
}

/* Found by its command line, believed when it is root's and sees the host's files. */
static void test_own_dockerd(void **state)
{
	static const char cmdline[] = "dockerd\0--data-root=/x/data\0-H\0unix:///x/d.sock";

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct fixture f;

		setup_v2(&f);
		host_fake_file(f.host, "proc/900/comm", "dockerd");
		host_fake_bytes(f.host, "proc/900/cmdline", cmdline, sizeof(cmdline));
		host_fake_file(f.host, "proc/900/status",
			       i == 1 ? "Name:\tdockerd\nUid:\t0\t1000\t0\t0\n"
				      : "Name:\tdockerd\nUid:\t0\t0\t0\t0\n");
		host_fake_link(f.host, "proc/900/ns/mnt", i == 2 ? "mnt:[77]" : "mnt:[1]");
		host_fake_file(f.host, "x/data/containers/" ID "/config.v2.json",
			       "{\"Name\":\"/web\",\"Config\":{},\"State\":{}}");
		fixture_run(&f);
		assert_string_equal(fixture_text(&f, DOCKER, "name"), i ? "f4d3b90bea15" : "web");
		fixture_done(&f);
	}
}

static void test_cri_files(void **state)
{
	static const char pod[] = "kubepods.slice/kubepods-pod43e1c477_180a.slice";
	_cleanup_(freep) char *dir = xasprintf(V2 "%s/cri-containerd-" ID ".scope", pod);
	_cleanup_(freep) char *pod_key = xasprintf("container:/%s", pod);
	_cleanup_(freep) char *key = xasprintf("%s/cri-containerd-" ID ".scope", pod_key);
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, dir, "cpu.stat", "usage_usec 1");
	host_fake_file(f.host,
		       "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
		       "{\"ociVersion\":\"1.0.2\",\"annotations\":{"
		       "\"io.kubernetes.cri.container-name\":\"app\","
		       "\"io.kubernetes.cri.image-name\":\"reg/app:1\","
		       "\"io.kubernetes.cri.sandbox-name\":\"front-1\","
		       "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, key, "engine"), "containerd");
	assert_string_equal(fixture_text(&f, key, "name"), "app");
	assert_string_equal(fixture_text(&f, key, "image"), "reg/app:1");
	assert_string_equal(fixture_text(&f, key, "pod"), "front-1");
	assert_string_equal(fixture_text(&f, key, "namespace"), "shop");
	assert_string_equal(fixture_text(&f, pod_key, "role"), "pod");
	assert_string_equal(fixture_text(&f, pod_key, "name"), "front-1");
	fixture_done(&f);
}

/* ctr's own names for containers: their groups look like anybody's. */
static void test_ctr_tasks(void **state)
{
#define TASKS "run/containerd/io.containerd.runtime.v2.task/"
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, V2 "default/web one", "cpu.stat", "usage_usec 1");
	put(&f, V2 "default/other", "cpu.stat", "usage_usec 1");
	put(&f, V2 "default/web one/below", "cpu.stat", "usage_usec 1");
	host_fake_file(f.host, TASKS "default/web one/config.json", "{\"ociVersion\":\"1.1.0\"}");
	host_fake_file(f.host, TASKS "default/gone/config.json", "{\"ociVersion\":\"1.1.0\"}");
	host_fake_file(f.host, TASKS "absent/other/config.json", "{\"ociVersion\":\"1.1.0\"}");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "container:/default/web one", "engine"), "containerd");
	assert_string_equal(fixture_text(&f, "container:/default/web one", "role"), "container");
	assert_string_equal(fixture_text(&f, "container:/default/web one", "name"), "web one");
	assert_string_equal(fixture_text(&f, "container:/default/web one", "source"),
			    "containerd files");
	assert_string_equal(fixture_text(&f, "container:/default/web one/below", "role"), "group");
	assert_string_equal(fixture_text(&f, "container:/default/other", "role"), "group");
	assert_null(snapshot_find(f.snap, "container:/default/gone"));
	fixture_done(&f);
#undef TASKS
}

static void test_storage_files(void **state)
{
	static const char key[] = "container:/machine.slice/libpod-" ID ".scope";
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, V2 "machine.slice/libpod-" ID ".scope", "cpu.stat", "usage_usec 1");
	host_fake_file(
		f.host, "var/lib/containers/storage/overlay-containers/containers.json",
		"[{\"id\":\"0\",\"names\":[\"no\"]},{\"id\":\"" ID
		"\",\"names\":[\"db\"],\"metadata\":\"{\\\"image-name\\\":\\\"pg:15\\\"}\"}]");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, key, "name"), "db");
	assert_string_equal(fixture_text(&f, key, "image"), "pg:15");
	assert_string_equal(fixture_text(&f, key, "source"), "storage files");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_limits),
		cmocka_unit_test(test_docker_api),
		cmocka_unit_test(test_docker_nonsense),
		cmocka_unit_test(test_docker_silent),
		cmocka_unit_test(test_nameless_answer),
		cmocka_unit_test(test_user_engine),
		cmocka_unit_test(test_dockerd_arguments),
		cmocka_unit_test(test_daemon_json),
		cmocka_unit_test(test_own_dockerd),
		cmocka_unit_test(test_configuration_file),
		cmocka_unit_test(test_cri_files),
		cmocka_unit_test(test_ctr_tasks),
		cmocka_unit_test(test_storage_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
