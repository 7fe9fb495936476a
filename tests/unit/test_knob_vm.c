/* Machines as a whole, and one vCPU: who goes where, and where real time is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "probes/probes.h"
#include "tests/unit/thread_fixture.h"

#define BOUND 0x04200040u

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report report;
	char why[512];
};

/* 8 CPUs on two nodes, hardware threads N and N + 4 of one core. */
static void add_cpus(struct host *host)
{
	host_fake_file(host, "sys/devices/system/cpu/online", "0-7\n");
	host_fake_file(host, "sys/devices/system/cpu/possible", "0-7\n");
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		char path[96], text[16];

		(void)snprintf(path, sizeof(path),
			       "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
		(void)snprintf(text, sizeof(text), "%u,%u\n", cpu % 4, cpu % 4 + 4);
		host_fake_file(host, path, text);
	}
	host_fake_file(host, "sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
	host_fake_file(host, "sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
}

static void add_machine(struct host *host, int pid, const char *words, size_t len)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	host_fake_bytes(host, path, words, len);
	(void)snprintf(path, sizeof(path), "proc/%d/exe", pid);
	host_fake_link(host, path, "/usr/bin/qemu-system-x86_64");
	fake_thread(host,
		    (struct fake_thread){
			    .pid = pid, .tid = pid, .start = 7, .comm = "qemu", .cpus = "0-7"});
	static const char *const names[] = {"call_rcu", "IO io0", "CPU 1/KVM", "CPU 0/KVM",
					    "worker"};
	for (int i = 0; i < 5; i++)
		fake_thread(host, (struct fake_thread){.pid = pid,
						       .tid = pid + 1 + i,
						       .start = 8,
						       .comm = names[i],
						       .cpus = "0-7"});
}

static const char web[] =
	"qemu-system-x86_64\0-name\0guest=web,debug-threads=on\0-smp\0002\0-machine\0q35";
static const char smt[] = "qemu-system-x86_64\0-name\0guest=smt,debug-threads=on\0-smp\0"
			  "2,threads=2\0-machine\0q35";

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	plan_init(&f->plan);
	*state = f;
	int err = host_open_fake(&f->host);
	add_cpus(f->host);
	add_machine(f->host, 100, web, sizeof(web));
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

static const char *planned(struct fixture *f, const char *object)
{
	for (unsigned i = 0; i < f->plan.n_steps; i++) {
		if (!strcmp(f->plan.steps[i].object, object))
			return f->plan.steps[i].new_value;
	}
	return "none";
}

static void test_pin_one_to_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "2-3"), 0);
	assert_string_equal(f->why, "");
	assert_string_equal(planned(f, "thread:100/104"), "2"); /* vCPU 0 */
	assert_string_equal(planned(f, "thread:100/103"), "3"); /* vCPU 1 */
	/* Nothing of the list is left: the others go elsewhere. */
	assert_string_equal(planned(f, "thread:100/100"), "0-1,4-7");
	assert_string_equal(planned(f, "thread:100/102"), "0-1,4-7");
	assert_string_equal(planned(f, "thread:100/105"), "none"); /* a worker */
	assert_int_equal(f->plan.n_steps, 5);
	assert_string_equal(f->plan.title, "vm web -> cpu 2-3");
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	/* By the name of its row, too. */
	assert_int_equal(plan(f, &knob_vm_pin, "vm:100.7", "2-3"), 0);
}

/* One thread of each core first; the rest of the list is for the others. */
static void test_pin_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "0,1,4-5"), 0);
	assert_string_equal(planned(f, "thread:100/104"), "0");
	assert_string_equal(planned(f, "thread:100/103"), "1");
	assert_string_equal(planned(f, "thread:100/100"), "4-5");
	/* A guest that knows its threads has them on one core. */
	add_machine(f->host, 200, smt, sizeof(smt));
	assert_int_equal(plan(f, &knob_vm_pin, "vm:smt", "0,1,4-5"), 0);
	assert_string_equal(planned(f, "thread:200/204"), "0");
	assert_string_equal(planned(f, "thread:200/203"), "4");
	assert_string_equal(planned(f, "thread:200/200"), "1,5");
	/* Node by node. */
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "1,2,5"), 0);
	assert_string_equal(planned(f, "thread:100/104"), "1");
	assert_string_equal(planned(f, "thread:100/103"), "5");
}

static void test_pin_places(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "vcpus:2-3/others:0"), 0);
	assert_string_equal(planned(f, "thread:100/100"), "0");
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "others:1 vcpus:2-3"), 0);
	assert_string_equal(planned(f, "thread:100/100"), "1");
	/* Housekeeping CPUs rather than isolated ones. */
	host_fake_file(f->host, "sys/devices/system/cpu/isolated", "2-7\n");
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "2-3"), 0);
	assert_string_equal(planned(f, "thread:100/100"), "0-1");
	/* Fewer CPUs than vCPUs: all share them. */
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "5"), 0);
	assert_string_equal(planned(f, "thread:100/104"), "5");
	assert_string_equal(planned(f, "thread:100/100"), "5");
	assert_non_null(strstr(f->why, "2 vCPUs share 1"));
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "all"), 0);
	assert_string_equal(planned(f, "thread:100/104"), "0-7");
}

static void test_pin_refused(void **state)
{
	static const char *const wrong[] = {"",
					    "x",
					    "vcpus:",
					    "others:1",
					    "vcpus:1/vcpus:2",
					    "vcpus:1,others:2",
					    "1-",
					    "vcpus:1/others:9x",
					    "vcpus:1/2"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(plan(f, &knob_vm_pin, "vm:web", wrong[i]), -EINVAL);
		assert_non_null(strstr(f->why, "vcpus:2-5/others:0-1"));
	}
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "8-9"), -EINVAL);
	assert_non_null(strstr(f->why, "not online"));
	assert_int_equal(plan(f, &knob_vm_pin, "vm:none", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_vm_pin, "vm:100.8", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_vm_pin, "web", "1"), -ENOENT);
	add_machine(f->host, 300, web, sizeof(web));
	assert_int_equal(plan(f, &knob_vm_pin, "vm:web", "1"), -ENOENT);
	assert_non_null(strstr(f->why, "2 machines have this name"));
}

static void test_targets(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(knob_vm_pin.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 1);
	assert_string_equal(f->targets.targets[0].key, "vm:100.7");
	assert_string_equal(f->targets.targets[0].name, "web");
	assert_string_equal(f->targets.targets[0].value, "all");
	f->targets.n_targets = 0;
	assert_int_equal(knob_vcpu_policy.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 2);
	assert_string_equal(f->targets.targets[0].key, "vcpu:100.7/1");
	assert_string_equal(f->targets.targets[0].value, "other:0");
}

/* Nothing tells which threads are vCPUs. */
static void test_unnamed(void **state)
{
	static const char words[] = "qemu-system-x86_64\0-name\0old\0-machine\0pc";
	struct fixture *f = *state;

	add_machine(f->host, 400, words, sizeof(words));
	for (int tid = 401; tid < 406; tid++)
		fake_thread(f->host, (struct fake_thread){
					     .pid = 400, .tid = tid, .start = 8, .comm = "qemu"});
	assert_int_equal(plan(f, &knob_vm_pin, "vm:old", "1"), -EOPNOTSUPP);
	assert_non_null(strstr(f->why, "debug-threads=on"));
	assert_int_equal(plan(f, &knob_vcpu_affinity, "vcpu:old/0", "1"), -ENOENT);
}

static void test_vcpu(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_vcpu_affinity, "vcpu:100.7/0", "3"), 0);
	assert_string_equal(planned(f, "thread:100/104"), "3");
	assert_string_equal(f->plan.title, "web vcpu 0 -> 3");
	assert_int_equal(plan(f, &knob_vcpu_affinity, "vcpu:web/1", "3"), 0);
	assert_string_equal(planned(f, "thread:100/103"), "3");
	assert_int_equal(plan(f, &knob_vcpu_affinity, "vcpu:web/2", "3"), -ENOENT);
	assert_int_equal(plan(f, &knob_vcpu_affinity, "vcpu:web", "3"), -ENOENT);
	assert_int_equal(plan(f, &knob_vcpu_affinity, "thread:100/104", "3"), -ENOENT);
}

/* Real time only where it can starve nobody. */
static void test_vcpu_realtime(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_vcpu_policy, "vcpu:web/0", "fifo:1"), -EPERM);
	assert_non_null(strstr(f->why, "pin it first"));
	fake_thread(f->host,
		    (struct fake_thread){
			    .pid = 100, .tid = 104, .start = 8, .comm = "CPU 0/KVM", .cpus = "3"});
	assert_int_equal(plan(f, &knob_vcpu_policy, "vcpu:web/0", "fifo:1"), -EPERM);
	assert_non_null(strstr(f->why, "CPU 3 is a housekeeping CPU"));
	host_fake_file(f->host, "sys/devices/system/cpu/isolated", "2-3\n");
	fake_thread(f->host, (struct fake_thread){.pid = 30,
						  .tid = 30,
						  .start = 1,
						  .flags = BOUND,
						  .comm = "ksoftirqd/3",
						  .cpus = "3"});
	fake_thread(f->host, (struct fake_thread){.pid = 31,
						  .tid = 31,
						  .start = 1,
						  .flags = BOUND,
						  .comm = "ksoftirqd/2",
						  .cpus = "2"});
	assert_int_equal(plan(f, &knob_vcpu_policy, "vcpu:web/0", "fifo:1"), -EPERM);
	assert_non_null(strstr(f->why, "kthread_priority@kthread:ksoftirqd/3=fifo:2"));
	/* Nothing is starved by a policy that is not real time. */
	assert_int_equal(plan(f, &knob_vcpu_policy, "vcpu:web/0", "batch:0"), 0);
	/* In the same change, as it says. */
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:ksoftirqd/3", "fifo:2"), 0);
	assert_int_equal(knob_vcpu_policy.plan(f->host, "vcpu:web/0", "fifo:1", &f->plan, f->why,
					       sizeof(f->why)),
			 0);
	assert_int_equal(f->plan.n_steps, 2);
	/* The same priority is not above it. */
	assert_int_equal(plan(f, &knob_kthread_priority, "kthread:ksoftirqd/3", "fifo:2"), 0);
	assert_int_equal(knob_vcpu_policy.plan(f->host, "vcpu:web/0", "fifo:2", &f->plan, f->why,
					       sizeof(f->why)),
			 -EPERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pin_one_to_one), TEST(test_pin_order),     TEST(test_pin_places),
		TEST(test_pin_refused),	   TEST(test_targets),	     TEST(test_unnamed),
		TEST(test_vcpu),	   TEST(test_vcpu_realtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
