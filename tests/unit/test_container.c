/* The probe of containers on made-up hosts: values of both versions, processes, flags, threads. */
#include <errno.h>
#include <linux/capability.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/container_internal.h"
#include "tests/unit/container_fixture.h"

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

/* --- threads --- */

static void test_tasks(void **state)
{
	static const char dir[] = "proc/711/task/711", other[] = "proc/712/task/712";
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_task);
	host_fake_file(f.host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(&f, V2 SCOPE, "cgroup.threads", "711\n712\n713");
	put(&f, V2 SCOPE "/inner", "cgroup.threads", "");
	put(&f, V2 "system.slice/x.service", "cgroup.threads", "5"); /* no container */
	put(&f, "proc/5/task/5", "stat", "5 (x) S 1");
	put(&f, dir, "stat",
	    "711 (a) (b) R 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 99 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
	    "0 17 3 40 1 0 0 0");
	put(&f, dir, "status",
	    "Name:\tx\nTgid:\t700\nCpus_allowed_list:\t0,2-3\nvoluntary_ctxt_switches:\t8\n"
	    "nonvoluntary_ctxt_switches:\t9\n");
	put(&f, other, "stat",
	    "712 (c) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 98 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
	    "17 "
	    "1 0 0 0 0 0");
	put(&f, other, "schedstat", "1234567 89 3");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "task"), 2); /* 713 has ended */
	assert_string_equal(snapshot_find(f.snap, "task:711.99")->name, "a) (b");
	assert_int_equal(fixture_u64(&f, "task:711.99", "pid"), 700);
	assert_int_equal(fixture_u64(&f, "task:711.99", "tid"), 711);
	assert_string_equal(fixture_text(&f, "task:711.99", "state"), "R");
	assert_int_equal(fixture_u64(&f, "task:711.99", "cpu"), 3);
	assert_string_equal(fixture_text(&f, "task:711.99", "affinity"), "0,2-3");
	assert_string_equal(fixture_text(&f, "task:711.99", "policy"), "fifo");
	assert_int_equal(fixture_u64(&f, "task:711.99", "priority"), 40);
	assert_int_equal(fixture_u64(&f, "task:711.99", "cpu_ns"), 2 * NSEC_PER_SEC);
	assert_int_equal(fixture_state(&f, "task:711.99", "run_delay_ns"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "task:711.99", "involuntary_switches"), 9);
	assert_int_equal(fixture_u64(&f, "task:712.98", "cpu_ns"), 1234567);
	assert_int_equal(fixture_u64(&f, "task:712.98", "run_delay_ns"), 89);
	assert_string_equal(fixture_text(&f, "task:712.98", "policy"), "other");
	assert_int_equal(fixture_state(&f, "task:712.98", "affinity"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_many_tasks(void **state)
{
	static char list[16 * 600];
	struct fixture f;
	char dir[64], stat[256];
	size_t used = 0;

	(void)state;
	fixture_fake(&f, &probe_task);
	host_fake_file(f.host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	for (unsigned tid = 100; tid < 700; tid++) {
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%u\n", tid);
		(void)snprintf(dir, sizeof(dir), "proc/%u/task/%u", tid, tid);
		(void)snprintf(stat, sizeof(stat),
			       "%u (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0", tid);
		put(&f, dir, "stat", stat);
	}
	put(&f, V2 SCOPE, "cgroup.threads", list);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "task"), 512);
	assert_string_equal(fixture_error(&f), "more threads than are shown");
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
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_many_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
