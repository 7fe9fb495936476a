/* CPU limits of control groups: docker's by its API, nobody's by their files, all others locked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_unix.h"
#include "core/host_write.h"
#include "probes/probes.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"
#define V2 "sys/fs/cgroup/"
#define RECORD "var/lib/docker/containers/" ID "/hostconfig.json"
#define TARGET "container:" ID

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report report;
	unsigned n_requests, status;
	char request[1024];
	char why[512];
};

/* docker: keeps what it is told, says what it is to say. */
static int docker(void *arg, struct host *host, const char *kind, const char *name,
		  const void *bytes, size_t len)
{
	struct fixture *f = arg;
	char reply[160];

	assert_string_equal(kind, "unix");
	(void)snprintf(f->request, sizeof(f->request), "%.*s", (int)len, (const char *)bytes);
	f->n_requests++;
	if (f->status == 200)
		host_fake_file(host, RECORD, strstr(f->request, "\r\n\r\n") + 4);
	(void)snprintf(reply, sizeof(reply), "HTTP/1.0 %u X\r\nContent-Length: 2\r\n\r\n{}",
		       f->status);
	host_fake_unix(host, name, f->request, reply, 0);
	return 0;
}

static void put_group(struct fixture *f, const char *group, const char *cpus)
{
	static const char *const files[][2] = {{"cpu.max", "max 100000"},
					       {"cpu.weight", "100"},
					       {"cpu.stat", "usage_usec 1"},
					       {"cpuset.mems", ""}};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(freep) char *path = xasprintf(V2 "%s/%s", group, files[i][0]);

		host_fake_file(f->host, path, files[i][1]);
	}

	_cleanup_(freep) char *path = xasprintf(V2 "%s/cpuset.cpus", group);

	host_fake_file(f->host, path, cpus);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	f->status = 200;
	plan_init(&f->plan);
	*state = f;
	int err = host_open_fake(&f->host);
	host_fake_on_request(f->host, docker, f);
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(f->host, "sys/devices/system/node/online", "0-1\n");
	host_fake_file(f->host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	host_fake_file(f->host, V2 "cgroup.controllers", "cpuset cpu io memory\n");
	put_group(f, "system.slice/docker-" ID ".scope", "");
	host_fake_file(f->host, RECORD, "{\"CpusetCpus\":\"\",\"NanoCpus\":0,\"Binds\":[\"/\"]}");
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	change_report_done(&f->report);
	plan_done(&f->plan);
	host_close(f->host);
	arena_free(f->arena);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	plan_done(&f->plan);
	plan_init(&f->plan);
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static int apply(struct fixture *f)
{
	return change_apply(f->host, &f->plan, NULL, NULL, &f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, &f->report);
}

static void assert_body(struct fixture *f, const char *want)
{
	assert_string_equal(strstr(f->request, "\r\n\r\n") + 4, want);
}

static void test_docker_cpus(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "2,1"), 0);
	assert_string_equal(f->plan.steps[0].object, "docker:" ID "/cpus");
	assert_string_equal(f->plan.steps[0].old_value, "all");
	assert_string_equal(f->plan.steps[0].new_value, "1-2");
	assert_int_equal(apply(f), 0);
	assert_int_equal(strncmp(f->request, "POST /containers/" ID "/update HTTP/1.0\r\n", 60), 0);
	assert_body(f, "{\"CpusetCpus\":\"1-2\"}");
	assert_int_equal(undo(f), 0);
	/* docker cannot forget: all there are. */
	assert_body(f, "{\"CpusetCpus\":\"0-3\"}");
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(plan(f, &knob_container_mems, TARGET, "1"), 0);
	assert_int_equal(apply(f), 0);
	assert_body(f, "{\"CpusetMems\":\"1\"}");
	/* A part of its id is enough, as is its row's key. */
	assert_int_equal(plan(f, &knob_container_cpus, "container:f4d3b90bea15", "1"), 0);
	assert_int_equal(
		plan(f, &knob_container_cpus, "container:/system.slice/docker-" ID ".scope", "1"),
		0);
	assert_int_equal(plan(f, &knob_container_cpus, "container:f4d3", "1"), -ENOENT);
}

static void test_docker_quota(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_cpu_max, TARGET, "50000 100000"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "max");
	assert_int_equal(apply(f), 0);
	assert_body(f, "{\"CpuQuota\":50000}"); /* never the period */
	assert_int_equal(undo(f), 0);
	assert_body(f, "{\"CpuQuota\":-1}");
	/* --cpus: the other way to say it, and docker takes only the one it has. */
	host_fake_file(f->host, RECORD, "{\"NanoCpus\":300000000}");
	assert_int_equal(plan(f, &knob_container_cpu_max, TARGET, "50000 100000"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "30000 100000");
	assert_int_equal(apply(f), 0);
	assert_body(f, "{\"NanoCpus\":500000000}");
	assert_int_equal(undo(f), 0);
	assert_body(f, "{\"NanoCpus\":300000000}");
	assert_int_equal(plan(f, &knob_container_cpu_max, TARGET, "max"), -EINVAL);
	assert_non_null(strstr(f->why, "--cpus"));
	assert_int_equal(plan(f, &knob_container_weight, TARGET, "512"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "1024");
	assert_int_equal(apply(f), 0);
	assert_body(f, "{\"CpuShares\":512}");
}

static void test_docker_refused(void **state)
{
	static const char *const quotas[] = {
		"", "x", "50000", "999 100000", "50000 100000 1", "50000 200000", "-1"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(quotas); i++)
		assert_int_equal(plan(f, &knob_container_cpu_max, TARGET, quotas[i]), -EINVAL);
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "4"), -EINVAL);
	assert_non_null(strstr(f->why, "not online"));
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, ""), -EINVAL);
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "1\"}"), -EINVAL);
	assert_int_equal(plan(f, &knob_container_weight, TARGET, "1"), -EINVAL);
	/* docker says no: nothing is changed, and the reason is said. */
	f->status = 409;
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "1"), 0);
	assert_int_equal(apply(f), -EBUSY);
	assert_non_null(strstr(f->report.steps[0].why, "docker refuses"));
	f->status = 404;
	assert_int_equal(apply(f), -ECONNREFUSED);
}

/* Removed during the trial: nothing to take back. Another's value: left alone. */
static void test_docker_meanwhile(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "1"), 0);
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, RECORD, "{\"CpusetCpus\":\"3\"}");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_FOREIGN);
	host_fake_remove(f->host, "var/lib/docker/containers/" ID);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	assert_int_equal(f->n_requests, 1);
}

static void test_files(void **state)
{
	struct fixture *f = *state;

	put_group(f, "batch", "0-3");
	assert_int_equal(plan(f, &knob_container_cpu_max, "container:/batch", "20000 50000"), 0);
	assert_string_equal(f->plan.steps[0].object, "v2:/batch:cpu.max");
	assert_int_equal(plan(f, &knob_container_cpus, "container:/batch", "1"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "0-3");
	assert_true(cpuset_has(&f->plan.affected, 2));
	assert_int_equal(plan(f, &knob_container_weight, "container:/batch", "10001"), -EINVAL);
	assert_int_equal(plan(f, &knob_container_weight, "container:/none", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_container_weight, "container:/", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_container_weight, "container:/batch/..", "1"), -ENOENT);
}

/* Whoever writes it again is named, and the command that lasts. */
static void test_locked(void **state)
{
	static const struct {
		const char *group, *why;
	} groups[] = {
		{"system.slice/cron.service",
		 "systemctl set-property --runtime cron.service AllowedCPUs="},
		{"kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice",
		 "kubelet rewrites it every 10 s"},
		{"machine.slice/libpod-" ID ".scope", "podman update --cpuset-cpus"},
		{"machine.slice/machine-qemu\\x2d1\\x2dweb.scope", "virsh vcpupin"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		_cleanup_(freep) char *target = xasprintf("container:/%s", groups[i].group);

		put_group(f, groups[i].group, "0-3");
		assert_int_equal(plan(f, &knob_container_cpus, target, "1"), -EPERM);
		assert_non_null(strstr(f->why, groups[i].why));
	}
	assert_int_equal(knob_container_cpus.targets(f->host, &f->targets), 0);
	unsigned n_open = 0;
	for (unsigned i = 0; i < f->targets.n_targets; i++)
		n_open += !f->targets.targets[i].locked;
	assert_true(f->targets.n_targets >= 5);
	assert_int_equal(n_open, 1);
}

/* A docker container without a record is nobody's to write, either. */
static void test_no_record(void **state)
{
	struct fixture *f = *state;

	host_fake_remove(f->host, "var/lib/docker");
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "1"), -EPERM);
	assert_non_null(strstr(f->why, "docker update --cpuset-cpus"));
	host_fake_file(f->host, RECORD, "[]");
	assert_int_equal(plan(f, &knob_container_cpus, TARGET, "1"), -EPERM);
}

/* A name that no screen can show is listed by what it shows, and refused in words. */
static void test_odd_name(void **state)
{
	struct fixture *f = *state;
	const char *key = NULL;

	put_group(f, "evil\x1b[2J", "0-3");
	assert_int_equal(knob_container_cpus.targets(f->host, &f->targets), 0);
	for (unsigned i = 0; i < f->targets.n_targets; i++) {
		assert_null(strchr(f->targets.targets[i].key, '\x1b'));
		if (strstr(f->targets.targets[i].key, "evil"))
			key = f->targets.targets[i].key;
	}
	assert_non_null(key);
	assert_int_equal(plan(f, &knob_container_cpus, key, "1"), -EPERM);
	assert_non_null(strstr(f->why, "cannot be shown"));
	assert_null(strchr(f->why, '\x1b'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_docker_cpus),	     TEST(test_docker_quota), TEST(test_docker_refused),
		TEST(test_docker_meanwhile), TEST(test_files),	      TEST(test_locked),
		TEST(test_no_record),	     TEST(test_odd_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
