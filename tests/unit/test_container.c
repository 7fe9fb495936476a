/* The probe of containers on made-up hosts: values of both versions, processes, engines, flags. */
#include <errno.h>
#include <linux/capability.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "probes/container_internal.h"
#include "tests/unit/probe_fixture.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"
#define DOCKER "container:/system.slice/docker-" ID ".scope"
#define V2 "sys/fs/cgroup/"
#define V1 "sys/fs/cgroup/"
#define SCOPE "system.slice/docker-" ID ".scope"

static void put(struct fixture *f, const char *dir, const char *name, const char *text)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);

	host_fake_file(f->host, path, text);
}

static void put_process(struct fixture *f, unsigned pid, const char *policy, unsigned start)
{
	_cleanup_(freep) char *dir = xasprintf("proc/%u", pid);
	_cleanup_(freep) char *stat = xasprintf(
		"%u (a) b) c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 17 1 0 %s 0 0 0",
		pid, start, policy);

	put(f, dir, "stat", stat);
}

static void put_namespaces(struct fixture *f, const char *pid, const char *net)
{
	_cleanup_(freep) char *mnt_path = xasprintf("proc/%s/ns/mnt", pid);
	_cleanup_(freep) char *net_path = xasprintf("proc/%s/ns/net", pid);

	host_fake_link(f->host, mnt_path, "mnt:[1]");
	host_fake_link(f->host, net_path, net);
}

/* One docker container on a host of version 2. */
static void setup_v2(struct fixture *f)
{
	static const char dir[] = V2 SCOPE;

	fixture_fake(f, &probe_container);
	host_fake_file(f->host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	host_fake_file(f->host, "proc/sys/kernel/cap_last_cap", "40");
	put_namespaces(f, "1", "net:[1]");
	put(f, dir, "cpu.stat",
	    "usage_usec 5000000\nuser_usec 1\nsystem_usec 2\nnr_periods 100\nnr_throttled 10\n"
	    "throttled_usec 7000\nnr_bursts 0");
	put(f, dir, "cpu.max", "150000 100000");
	put(f, dir, "cpu.weight", "79");
	put(f, dir, "cpu.pressure",
	    "some avg10=12.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=1");
	put(f, dir, "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=9");
	put(f, dir, "cpuset.cpus", "0-3");
	put(f, dir, "cpuset.cpus.effective", "0-3");
	put(f, dir, "cpuset.mems", "");
	put(f, dir, "cpuset.mems.effective", "0");
	put(f, dir, "memory.current", "1048576");
	put(f, dir, "memory.max", "max");
	put(f, dir, "pids.current", "3");
	put(f, dir, "pids.max", "max");
	put(f, dir, "cgroup.events", "populated 1\nfrozen 0");
	put(f, dir, "cgroup.procs", "812\n711");
	put(f, dir, "cgroup.threads", "812\n711\n712");
	put(f, dir, "hugetlb.2MB.current", "4194304");
	put(f, dir, "hugetlb.1GB.current", "1073741824");
	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1");
	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1");
	put(f, V2 "system.slice", "cgroup.threads", "");
	put(f, "sys/fs/cgroup", "cgroup.threads", "");
	put_process(f, 711, "0", 100);
	put_process(f, 712, "1", 101);
	put_process(f, 812, "0", 102);
	put_namespaces(f, "711", "net:[2]");
	put(f, "proc/711", "net/dev",
	    "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n");
	put(f, "proc/711", "status",
	    "Name:\tsh\nCapEff:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n"
	    "Seccomp:\t2\nSeccomp_filters:\t1");
}

static void test_v2(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "container"), 3);
	assert_string_equal(snapshot_find(f.snap, DOCKER)->parent->key, "container:/system.slice");
	assert_string_equal(snapshot_find(f.snap, DOCKER)->parent->parent->key, "container:/");
	assert_string_equal(fixture_text(&f, DOCKER, "engine"), "docker");
	assert_string_equal(fixture_text(&f, DOCKER, "role"), "container");
	assert_string_equal(fixture_text(&f, DOCKER, "name"), "f4d3b90bea15");
	assert_string_equal(fixture_text(&f, DOCKER, "state"), "running");
	assert_int_equal(fixture_u64(&f, DOCKER, "cpu_ns"), 5 * NSEC_PER_SEC);
	assert_int_equal(fixture_u64(&f, DOCKER, "periods"), 100);
	assert_int_equal(fixture_u64(&f, DOCKER, "throttled"), 10);
	assert_int_equal(fixture_u64(&f, DOCKER, "throttled_ns"), 7 * NSEC_PER_MSEC);
	assert_string_equal(fixture_text(&f, DOCKER, "cpu_max"), "150000 100000");
	assert_true(fabs(fixture_f64(&f, DOCKER, "cpu_quota") - 1.5) < 1e-9);
	assert_int_equal(fixture_u64(&f, DOCKER, "cpu_weight"), 79);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_shares"), VALUE_ABSENT);
	assert_true(fabs(fixture_f64(&f, DOCKER, "psi_cpu") - 12.5) < 1e-9);
	assert_true(fixture_f64(&f, DOCKER, "psi_memory") == 0.0);
	assert_int_equal(fixture_state(&f, DOCKER, "psi_io"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, DOCKER, "cpuset_cpus"), "0-3");
	assert_string_equal(fixture_text(&f, DOCKER, "cpuset_effective"), "0-3");
	assert_string_equal(fixture_text(&f, DOCKER, "cpuset_mems"), "");
	assert_string_equal(fixture_text(&f, DOCKER, "mems_effective"), "0");
	assert_int_equal(fixture_u64(&f, DOCKER, "memory_bytes"), 1048576);
	assert_int_equal(fixture_state(&f, DOCKER, "memory_max_bytes"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, DOCKER, "hugetlb_bytes"), (1u << 30) + (4u << 20));
	assert_int_equal(fixture_u64(&f, DOCKER, "pids"), 3);
	assert_int_equal(fixture_state(&f, DOCKER, "pids_max"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_process(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, DOCKER, "pid"), 711);
	assert_int_equal(fixture_u64(&f, DOCKER, "tasks"), 3);
	assert_int_equal(fixture_u64(&f, DOCKER, "rt_threads"), 1);
	assert_int_equal(fixture_u64(&f, "container:/system.slice", "rt_threads"), 1);
	assert_string_equal(fixture_text(&f, DOCKER, "namespaces"), "net");
	assert_string_equal(fixture_text(&f, DOCKER, "interfaces"), "lo eth0");
	assert_string_equal(fixture_text(&f, DOCKER, "capabilities"),
			    "chown dac_override fowner fsetid kill setgid setuid setpcap "
			    "net_bind_service net_raw sys_chroot mknod audit_write setfcap");
	assert_string_equal(fixture_text(&f, DOCKER, "capabilities_bounding"), "all");
	assert_string_equal(fixture_text(&f, DOCKER, "seccomp"), "filter");
	assert_int_equal(fixture_u64(&f, DOCKER, "no_new_privs"), 1);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "rt");

	/* Not permitted is another thing than not there. */
	host_fake_error(f.host, "proc/711/ns/net", EACCES);
	fixture_run(&f);
	assert_int_equal(fixture_state(&f, DOCKER, "namespaces"), VALUE_DENIED);
	/* All processes gone. */
	put(&f, V2 SCOPE, "cgroup.procs", "");
	put(&f, V2 SCOPE, "cgroup.threads", "");
	put(&f, V2 SCOPE, "cgroup.events", "populated 0\nfrozen 0");
	fixture_run(&f);
	assert_int_equal(fixture_state(&f, DOCKER, "pid"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, DOCKER, "capabilities"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, DOCKER, "namespaces"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, DOCKER, "rt_threads"), 0);
	assert_string_equal(fixture_text(&f, DOCKER, "state"), "empty");
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "");
	fixture_done(&f);
}

/* Threads whose files a recording does not have: how many are real-time is then not known. */
static void test_unseen_threads(void **state)
{
	struct fixture f;

	(void)state;
	setup_v2(&f);
	host_fake_remove(f.host, "proc/711");
	host_fake_remove(f.host, "proc/712");
	host_fake_remove(f.host, "proc/812");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, DOCKER, "tasks"), 3);
	assert_int_equal(fixture_state(&f, DOCKER, "rt_threads"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "container:/", "rt_threads"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_capabilities(void **state)
{
	const uint64_t all = (UINT64_C(1) << 41) - 1;
	char text[1024];

	(void)state;
	/* Against the kernel's own table, where a name and its number can be compared. */
	assert_int_equal(container_cap_number("chown"), CAP_CHOWN);
	assert_int_equal(container_cap_number("net_admin"), CAP_NET_ADMIN);
	assert_int_equal(container_cap_number("sys_nice"), CAP_SYS_NICE);
	assert_int_equal(container_cap_number("checkpoint_restore"), CAP_LAST_CAP);
	assert_int_equal(container_cap_number("none_such"), -1);
	container_capabilities(0, all, text, sizeof(text));
	assert_string_equal(text, "none");
	container_capabilities(all, all, text, sizeof(text));
	assert_string_equal(text, "all");
	container_capabilities(all & ~(UINT64_C(1) << CAP_SYS_MODULE), all, text, sizeof(text));
	assert_string_equal(text, "all but sys_module");
	container_capabilities(UINT64_C(1) << CAP_BPF | UINT64_C(1) << 50, UINT64_MAX, text,
			       sizeof(text));
	assert_string_equal(text, "bpf cap_50");
	container_capabilities(UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_CHOWN, all, text, 6);
	assert_string_equal(text, "chown"); /* cut between words */
}

/* Rates, throttling, and another group under an old path. */
static void test_second_run(void **state)
{
	static const char dir[] = V2 SCOPE;
	struct fixture f;

	(void)state;
	setup_v2(&f);
	fixture_run(&f);
	assert_true(isnan(entity_rate(snapshot_find(f.snap, DOCKER), "cpu_ns")));
	host_fake_clock(f.host, 3 * NSEC_PER_SEC);
	put(&f, dir, "cpu.stat",
	    "usage_usec 6000000\nnr_periods 120\nnr_throttled 15\nthrottled_usec 9000");
	fixture_run(&f);
	assert_true(fabs(entity_rate(snapshot_find(f.snap, DOCKER), "cpu_ns") - 0.5) < 1e-9);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "throttled rt");
	host_fake_clock(f.host, 4 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "rt"); /* no more */

	host_fake_remove(f.host, V2 SCOPE);
	put(&f, dir, "cpu.stat", "usage_usec 90000000");
	host_fake_clock(f.host, 5 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, DOCKER, "cpu_ns"), 90 * NSEC_PER_SEC);
	assert_true(isnan(entity_rate(snapshot_find(f.snap, DOCKER), "cpu_ns")));
	assert_int_equal(fixture_state(&f, DOCKER, "pid"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_max"), VALUE_ABSENT);
	host_fake_remove(f.host, V2 SCOPE);
	fixture_run(&f);
	assert_null(snapshot_find(f.snap, DOCKER));
	fixture_done(&f);
}

static void test_faults(void **state)
{
	static const char dir[] = V2 SCOPE;
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, dir, "cpu.max", "many 100000");
	put(&f, dir, "cpu.weight", "99999999999999999999999");
	put(&f, dir, "cpuset.cpus", "0-");
	put(&f, dir, "cpu.pressure", "none avg10=1");
	put(&f, dir, "cpu.stat", "usage_usec 18446744073709551615\nnr_periods x");
	host_fake_error(f.host, V2 SCOPE "/memory.current", EACCES);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_max"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_quota"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_weight"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "cpuset_cpus"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "psi_cpu"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "cpu_ns"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "periods"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, DOCKER, "throttled"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, DOCKER, "memory_bytes"), VALUE_DENIED);
	assert_non_null(strstr(fixture_error(&f), "memory.current"));
	fixture_done(&f);
}

static void test_cpuset_flags(void **state)
{
	static const char dir[] = V2 SCOPE;
	struct fixture f;

	(void)state;
	setup_v2(&f);
	put(&f, dir, "cgroup.threads", "");
	put(&f, dir, "cpuset.cpus", "8-9");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "cpuset-fallback");
	put(&f, dir, "cpuset.cpus", "2-9");
	put(&f, dir, "cpuset.cpus.effective", "2-3");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "cpuset-cut");
	put(&f, dir, "cpuset.cpus", "");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, DOCKER, "flags"), "");
	fixture_done(&f);
}

/* Version 1 for the controllers, version 2 for pressure: what systemd calls hybrid. */
static void test_hybrid(void **state)
{
	static const char cpu[] = V1 "cpu,cpuacct/docker/" ID, set[] = V1 "cpuset/docker/" ID;
	static const char memory[] = V1 "memory/docker/" ID, v2[] = V1 "unified/docker/" ID;
	static const char key[] = "container:/docker/" ID;
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_container);
	host_fake_file(f.host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		       "1 2 0:2 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
		       "1 2 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		       "1 2 0:4 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
		       "1 2 0:5 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put(&f, cpu, "cpuacct.usage", "123456789");
	put(&f, cpu, "cpu.stat", "nr_periods 4\nnr_throttled 1\nthrottled_time 5555");
	put(&f, cpu, "cpu.cfs_quota_us", "50000");
	put(&f, cpu, "cpu.cfs_period_us", "100000");
	put(&f, cpu, "cpu.shares", "512");
	put(&f, set, "cpuset.cpus", "");
	put(&f, set, "cpuset.effective_cpus", "");
	put(&f, memory, "memory.usage_in_bytes", "77");
	put(&f, memory, "memory.limit_in_bytes", "9223372036854771712");
	put(&f, v2, "cpu.pressure", "some avg10=3.00 avg60=0.00 avg300=0.00 total=9");
	host_fake_file(f.host, V1 "freezer/docker/" ID "/freezer.state", "FROZEN");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "container"), 3);
	assert_int_equal(fixture_u64(&f, key, "cpu_ns"), 123456789);
	assert_int_equal(fixture_u64(&f, key, "throttled_ns"), 5555);
	assert_string_equal(fixture_text(&f, key, "cpu_max"), "50000 100000");
	assert_true(fabs(fixture_f64(&f, key, "cpu_quota") - 0.5) < 1e-9);
	assert_int_equal(fixture_u64(&f, key, "cpu_shares"), 512);
	assert_int_equal(fixture_state(&f, key, "cpu_weight"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, key, "memory_bytes"), 77);
	assert_int_equal(fixture_state(&f, key, "memory_max_bytes"), VALUE_ABSENT);
	assert_true(fabs(fixture_f64(&f, key, "psi_cpu") - 3.0) < 1e-9);
	assert_string_equal(fixture_text(&f, key, "state"), "paused");
	assert_string_equal(fixture_text(&f, key, "flags"), "cpuset-empty");
	put(&f, cpu, "cpu.cfs_quota_us", "-1");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, key, "cpu_max"), "max 100000");
	assert_int_equal(fixture_state(&f, key, "cpu_quota"), VALUE_ABSENT);
	fixture_done(&f);
}

/* Names with what must not reach a terminal; two that look alike are two. */
static void test_hostile_names(void **state)
{
	struct fixture f;
	const struct snapshot_table *table;
	unsigned n_escaped = 0;

	(void)state;
	fixture_fake(&f, &probe_container);
	host_fake_file(f.host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(&f, V2 "a\033[2J\xe2\x80\xae\xff.scope", "cpu.stat", "usage_usec 1");
	put(&f, V2 "a\\e[2J\\u202e\\xff.scope", "cpu.stat", "usage_usec 2");
	put(&f, V2 "a\nb%s%n/c", "cpu.stat", "usage_usec 3");
	fixture_run(&f);
	table = snapshot_table(f.snap, "container");
	assert_int_equal(table->n_entities, 5);
	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *entity = &table->entities[i];

		for (const char *at = entity->key; *at; at++)
			assert_true(*at >= ' ' && *at < 127);
		for (const char *at = entity->name; *at; at++)
			assert_true(*at >= ' ' && *at < 127);
		n_escaped += strstr(entity->key, "a\\e[2J") != NULL;
	}
	assert_int_equal(n_escaped, 2);
	fixture_done(&f);
}

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
		{"[{\"Id\":5},{\"Id\":\"" ID "\",\"Names\":\"x\",\"Image\":[],\"Pid\":\"1\"}]", ""},
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
	static const char cmdline[] = "/usr/bin/dockerd\0-H\0unix:///run/a.sock\0--host=unix:///b\0"
				      "-Hx\0-H\0tcp://1:2\0--data-root\0/data\0--graph=/g\0-H";
	struct container_texts sockets = {0}, roots = {0};

	(void)state;
	container_dockerd_arguments(cmdline, sizeof(cmdline), &sockets, &roots);
	assert_int_equal(sockets.n, 2);
	assert_string_equal(sockets.at[0], "run/a.sock");
	assert_string_equal(sockets.at[1], "b");
	assert_int_equal(roots.n, 2);
	assert_string_equal(roots.at[0], "data");
	assert_string_equal(roots.at[1], "g");
	container_texts_done(&sockets);
	container_texts_done(&roots);
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

/* More groups than a run reads details of: all have their counters at once, the others follow, and
 * what is too old says so. */
static void test_turns(void **state)
{
	struct fixture f;
	char dir[64], key[64];
	unsigned n_absent = 0;

	(void)state;
	fixture_fake(&f, &probe_container);
	host_fake_file(f.host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	for (unsigned i = 0; i < 199; i++) {
		(void)snprintf(dir, sizeof(dir), V2 "g%u", i);
		put(&f, dir, "cpu.stat", "usage_usec 7");
		put(&f, dir, "memory.current", "5");
	}
	for (unsigned run = 1; run <= 4; run++) {
		host_fake_clock(f.host, run * 2 * NSEC_PER_SEC);
		snapshot_unref(f.snap);
		f.snap = sampler_run_once(f.sampler, false);
		n_absent = 0;
		for (unsigned i = 0; i < 199; i++) {
			(void)snprintf(key, sizeof(key), "container:/g%u", i);
			assert_int_equal(fixture_u64(&f, key, "cpu_ns"), 7000);
			n_absent += fixture_state(&f, key, "memory_bytes") == VALUE_ABSENT;
		}
		assert_int_equal(n_absent, run >= 4 ? 0 : 200 - 64 * run);
	}
	host_fake_clock(f.host, 30 * NSEC_PER_SEC);
	snapshot_unref(f.snap);
	f.snap = sampler_run_once(f.sampler, false);
	n_absent = 0;
	for (unsigned i = 0; i < 199; i++) {
		(void)snprintf(key, sizeof(key), "container:/g%u", i);
		n_absent += fixture_state(&f, key, "memory_bytes") == VALUE_STALE;
		assert_int_equal(fixture_state(&f, key, "cpu_ns"), VALUE_OK);
	}
	assert_int_equal(n_absent, 199 - 64); /* the root had its second turn before */
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_unseen_threads),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_second_run),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_cpuset_flags),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_limits),
		cmocka_unit_test(test_docker_api),
		cmocka_unit_test(test_docker_nonsense),
		cmocka_unit_test(test_docker_silent),
		cmocka_unit_test(test_user_engine),
		cmocka_unit_test(test_dockerd_arguments),
		cmocka_unit_test(test_own_dockerd),
		cmocka_unit_test(test_cri_files),
		cmocka_unit_test(test_storage_files),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
