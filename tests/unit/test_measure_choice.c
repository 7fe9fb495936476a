#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/measure_choice.h"

#define KTHREAD 0x200000u
#define SELF 77

enum { OTHER = 0, FIFO = 1, RR = 2, DEADLINE = 6 };

struct fixture {
	struct host *host;
	struct cpuset online;
	struct measure_taken taken;
};

struct spec {
	unsigned pid, tid;
	const char *comm;
	unsigned flags, priority, policy;
	const char *allowed;
};

static void put_task(struct host *host, const struct spec *spec)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "proc/%u/task/%u/stat", spec->pid, spec->tid);
	(void)snprintf(text, sizeof(text),
		       "%u (%s) S 1 1 1 0 -1 %u 107 55 0 1 5 3 5 2 -5 0 13 0 24 5400 5306 "
		       "18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 %u %u 0 0 0 0 0\n",
		       spec->tid, spec->comm, spec->flags, spec->priority, spec->policy);
	host_fake_file(host, path, text);
	(void)snprintf(path, sizeof(path), "proc/%u/task/%u/status", spec->pid, spec->tid);
	(void)snprintf(text, sizeof(text),
		       "Name:\t%s\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\nMems_allowed:\t1\n",
		       spec->comm, spec->allowed);
	host_fake_file(host, path, text);
}

static void set_machine(struct fixture *f, const char *online, const char *ordinary)
{
	struct spec init = {.pid = 1, .tid = 1, .comm = "systemd", .allowed = ordinary};

	assert_int_equal(cpuset_parse_list(online, &f->online), 0);
	put_task(f->host, &init);
	host_fake_file(f->host, "proc/stat", "cpu 1 2 3 4\n");
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	if (host_open_fake(&f->host))
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	measure_taken_done(&f->taken);
	host_close(f->host);
	freep(state);
	return 0;
}

static void check_taken(struct fixture *f, const char *want)
{
	char list[64];

	measure_taken_done(&f->taken);
	assert_int_equal(measure_find_taken(f->host, &f->online, SELF, &f->taken), 0);
	assert_true(cpuset_format_list(&f->taken.cpus, list, sizeof(list)) >= 0);
	assert_string_equal(list, want);
	assert_int_equal(f->taken.n_reasons, cpuset_count(&f->taken.cpus));
}

static void check_why(const struct fixture *f, unsigned cpu, const char *want)
{
	const struct measure_reason *reason = measure_taken_why(&f->taken, cpu);

	assert_non_null(reason);
	assert_int_equal(reason->cpu, cpu);
	assert_string_equal(reason->text, want);
}

static void test_nobody(void **state)
{
	struct fixture *f = *state;
	struct spec shell = {.pid = 20, .tid = 20, .comm = "bash", .allowed = "3"};

	set_machine(f, "0-7", "0-7");
	put_task(f->host, &shell); /* bound, but ordinary */
	check_taken(f, "");
	assert_null(measure_taken_why(&f->taken, 3));
}

static void test_realtime(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		/* As it ships: every CPU is its own, so none is. */
		{10, 10, "multipathd", 0x400100, 99, RR, "0-7"},
		{11, 11, "odd (name) 7 x", 0, 50, FIFO, "2"},
		{12, 12, "main", 0, 0, OTHER, "0-7"},
		{12, 13, "worker", 0, 1, RR, "4-5"},
		{14, 14, "control", 0, 0, DEADLINE, "7"},
	};

	set_machine(f, "0-7", "0-7");
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		put_task(f->host, &tasks[i]);
	check_taken(f, "2,4-5,7");
	check_why(f, 2, "odd (name) 7 x 11 (real-time task, SCHED_FIFO 50) is bound to 2");
	check_why(f, 4, "worker 13 (real-time task, SCHED_RR 1) is bound to 4-5");
	check_why(f, 7, "control 14 (real-time task, SCHED_DEADLINE) is bound to 7");
}

/* The kernel's own threads and ours do not count. */
static void test_whom_we_ignore(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		{18, 18, "migration/1", KTHREAD | 0x40, 99, FIFO, "1"},
		{40, 40, "irq/41-eth0", KTHREAD, 50, FIFO, "0"},
		{SELF, SELF, "jittertop", 0, 0, OTHER, "0-1"},
		{SELF, 78, "mine", 0, 2, FIFO, "0"},
		{90, 90, "jittertop", 0, 0, OTHER, "0-1"},
		{90, 91, "jt-wake/1", 0, 2, FIFO, "1"},
	};

	set_machine(f, "0-1", "0-1");
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		put_task(f->host, &tasks[i]);
	check_taken(f, "");
	/* With another program's number they would. */
	assert_int_equal(measure_find_taken(f->host, &f->online, 1, &f->taken), 0);
	assert_true(cpuset_has(&f->taken.cpus, 0));
	assert_false(cpuset_has(&f->taken.cpus, 1));
}

static void test_vcpus(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		{100, 100, "qemu-system-x86", 0, 0, OTHER, "6-7"},
		{100, 101, "IO mon_iothread", 0, 0, OTHER, "6-7"},
		{100, 102, "CPU 0/KVM", 0, 0, OTHER, "2"},
		{100, 103, "CPU 1/KVM", 0, 1, FIFO, "3"},
		{100, 104, "vnc_worker", 0, 0, OTHER, "6-7"},
		/* A VM that floats: no CPU is its own. */
		{200, 200, "qemu-kvm", 0, 0, OTHER, "0-15"},
		{200, 201, "CPU 0/KVM", 0, 0, OTHER, "0-15"},
		{200, 202, "CPU 1/KVM", 0, 0, OTHER, "1-15"},
		{300, 300, "cloud-hyperviso", 0, 0, OTHER, "0-15"},
		{300, 301, "vcpu0", 0, 0, OTHER, "9"},
	};

	set_machine(f, "0-15", "0-15");
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		put_task(f->host, &tasks[i]);
	check_taken(f, "2-3,9");
	check_why(f, 2, "CPU 0/KVM 102 (vCPU, not real-time) is bound to 2");
	check_why(f, 3, "CPU 1/KVM 103 (vCPU, SCHED_FIFO 1) is bound to 3");
	check_why(f, 9, "vcpu0 301 (vCPU, not real-time) is bound to 9");
}

static void set_siblings(struct fixture *f, unsigned n_cpus, unsigned n_cores)
{
	for (unsigned cpu = 0; cpu < n_cpus; cpu++) {
		char path[80], text[24];

		(void)snprintf(path, sizeof(path),
			       "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
		(void)snprintf(text, sizeof(text), "%u,%u\n", cpu % n_cores,
			       cpu % n_cores + n_cores);
		host_fake_file(f->host, path, text);
	}
}

/* Pinned is who may use one core at most; libvirt's usual placement is a NUMA node. */
static void test_floating_vcpus(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		{100, 100, "qemu-system-x86", 0, 0, OTHER, "0-3,8-11"},
		{100, 101, "CPU 0/KVM", 0, 0, OTHER, "0-3,8-11"},
		{100, 102, "CPU 1/KVM", 0, 0, OTHER, "5-6"},
		{200, 200, "CPU 0/KVM", 0, 0, OTHER, "7,15"},
	};
	const struct spec realtime = {300, 300, "CPU 0/KVM", 0, 1, FIFO, "0-3,8-11"};

	set_machine(f, "0-15", "0-15");
	set_siblings(f, 16, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		put_task(f->host, &tasks[i]);
	check_taken(f, "7,15");
	check_why(f, 15, "CPU 0/KVM 200 (vCPU, not real-time) is bound to 7,15");
	put_task(f->host, &realtime);
	check_taken(f, "0-3,7-11,15");
}

/* Without debug-threads=on all threads of a qemu have its name. */
static void test_vcpus_without_names(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		{100, 100, "qemu-system-aar", 0, 0, OTHER, "0-7"},
		{100, 101, "qemu-system-aar", 0, 0, OTHER, "4"},
		{100, 102, "qemu-system-aar", 0, 0, OTHER, "5"},
		{100, 103, "worker", 0, 0, OTHER, "5"},
		{101, 101, "qemu-img", 0, 0, OTHER, "1"},
	};

	set_machine(f, "0-7", "0-7");
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		put_task(f->host, &tasks[i]);
	check_taken(f, "4-5");
	check_why(f, 5, "qemu-system-aar 102 (vCPU, not real-time) is bound to 5, 1 more");
}

/* isolcpus=4-7: what everybody gets is no sign of being bound, what only one gets is. */
static void test_isolated(void **state)
{
	struct fixture *f = *state;
	const struct spec tasks[] = {
		{10, 10, "multipathd", 0, 99, RR, "0-3"},  {11, 11, "corosync", 0, 99, RR, "0-7"},
		{12, 12, "CPU 0/KVM", 0, 0, OTHER, "4-7"}, {13, 13, "mostly", 0, 5, RR, "0-2"},
		{14, 14, "CPU 1/KVM", 0, 1, FIFO, "4-7"},
	};

	set_machine(f, "0-7", "0-3");
	put_task(f->host, &tasks[0]);
	put_task(f->host, &tasks[1]);
	put_task(f->host, &tasks[3]);
	check_taken(f, "");
	/* It floats among them, unless it is real-time. */
	put_task(f->host, &tasks[2]);
	check_taken(f, "");
	put_task(f->host, &tasks[4]);
	check_taken(f, "4-7");
}

static void test_offline_cpus_do_not_count(void **state)
{
	struct fixture *f = *state;
	/* Bound to 2 of 4 online CPUs, and to all of those that are not. */
	const struct spec task = {10, 10, "control", 0, 5, FIFO, "2-31"};

	set_machine(f, "0-3", "0-31");
	put_task(f->host, &task);
	check_taken(f, "2-3");
}

static void test_one_cpu(void **state)
{
	struct fixture *f = *state;
	const struct spec task = {10, 10, "multipathd", 0, 99, RR, "0"};

	set_machine(f, "0", "0");
	put_task(f->host, &task);
	check_taken(f, "");
}

/* Tasks that end while we look, and files that nobody understands. */
static void test_faults(void **state)
{
	struct fixture *f = *state;
	const struct spec gone = {10, 10, "gone", 0, 99, FIFO, "1"};
	const struct spec stays = {11, 11, "stays", 0, 99, FIFO, "2"};

	set_machine(f, "0-7", "0-7");
	put_task(f->host, &gone);
	put_task(f->host, &stays);
	host_fake_error(f->host, "proc/10/task/10/status", ESRCH);
	check_taken(f, "2");
	host_fake_error(f->host, "proc/10/task/10/stat", ESRCH);
	check_taken(f, "2");
	host_fake_error(f->host, "proc/10/task/10/status", 0);
	host_fake_error(f->host, "proc/10/task/10/stat", 0);
	check_taken(f, "1-2");
	host_fake_file(f->host, "proc/10/task/10/stat", "10 (gone S 1\n");
	check_taken(f, "2");
	host_fake_file(f->host, "proc/10/task/10/stat", "10 (gone) S 1\n");
	check_taken(f, "2");
	/* Who cannot see PID 1 takes every online CPU for ordinary. */
	host_fake_error(f->host, "proc/1/task/1/status", EACCES);
	check_taken(f, "2");
	host_fake_error(f->host, "proc", EACCES);
	measure_taken_done(&f->taken);
	assert_int_equal(measure_find_taken(f->host, &f->online, SELF, &f->taken), -EACCES);
}

static void test_names_are_sanitised(void **state)
{
	struct fixture *f = *state;
	const struct spec task = {10, 10, "a\033[31mb\n", 0, 99, FIFO, "1"};

	set_machine(f, "0-3", "0-3");
	put_task(f->host, &task);
	check_taken(f, "1");
	assert_null(strchr(measure_taken_why(&f->taken, 1)->text, '\033'));
	assert_null(strchr(measure_taken_why(&f->taken, 1)->text, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_realtime, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whom_we_ignore, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vcpus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_floating_vcpus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vcpus_without_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_isolated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offline_cpus_do_not_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_cpu, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_are_sanitised, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
