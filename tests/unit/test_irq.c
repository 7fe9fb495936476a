/*
 * Interrupts: counts by CPU and their rates on small and large machines, numbers that change
 * hands, CPUs that come and go, handler threads, the CPUs' own interrupts, irqbalance and tuned.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "tests/unit/probe_fixture.h"

#define CPU_DIR "sys/devices/system/cpu"

static void start(struct fixture *f, const struct probe *probe)
{
	fixture_fake(f, probe);
	host_fake_file(f->host, CPU_DIR "/possible", "0-9");
	host_fake_file(f->host, CPU_DIR "/online", "0-9");
}

/* A second later. */
static void tick(struct fixture *f, const char *path, const char *text)
{
	uint64_t now = f->snap ? f->snap->time_ns : 0;

	if (path)
		host_fake_file(f->host, path, text);
	host_fake_clock(f->host, now + NSEC_PER_SEC);
	snapshot_unref(f->snap);
	f->snap = sampler_run_once(f->sampler, false);
}

static const struct per_cpu *vector(const struct fixture *f, const char *key)
{
	return entity_per_cpu(snapshot_find(f->snap, key), "per_cpu");
}

static uint64_t count_at(const struct fixture *f, const char *key, unsigned cpu)
{
	const struct per_cpu_cell *cell = per_cpu_cell(vector(f, key), cpu);

	return cell ? cell->count : UINT64_MAX;
}

static double rate_at(const struct fixture *f, const char *key, unsigned cpu)
{
	const struct per_cpu_cell *cell = per_cpu_cell(vector(f, key), cpu);

	return cell ? cell->rate : -1;
}

static double rate(const struct fixture *f, const char *key)
{
	return entity_rate(snapshot_find(f->snap, key), "count");
}

#define TEXT(rows) rows "NMI: 0 0 0 Non-maskable interrupts\n"

static void counts_by_cpu(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU2 CPU9\n 9: 5 0 7 IO-APIC 9-fasteoi acpi\n 10: 0 0 0 MSI 1-edge x\n"));
	assert_int_equal(vector(&f, "irq:9")->n, 2);
	assert_int_equal(count_at(&f, "irq:9", 0), 5);
	assert_int_equal(count_at(&f, "irq:9", 9), 7);
	assert_int_equal(vector(&f, "irq:10")->n, 0);
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU2 CPU9\n 9: 5 4 17 IO-APIC 9-fasteoi acpi\n 10: 0 3 0 MSI 1-edge x\n"));
	assert_true(rate(&f, "irq:9") == 14);
	assert_true(rate_at(&f, "irq:9", 0) == 0);
	assert_true(rate_at(&f, "irq:9", 2) == 4);
	assert_true(rate_at(&f, "irq:9", 9) == 10);
	assert_true(rate_at(&f, "irq:10", 2) == 3);
	/* A header in any order; a CPU named twice is no table. */
	tick(&f, "proc/interrupts", TEXT(" CPU9 CPU0 CPU2\n 9: 17 6 4 IO-APIC 9-fasteoi acpi\n"));
	assert_true(rate_at(&f, "irq:9", 0) == 1);
	assert_true(rate(&f, "irq:9") == 1);
	tick(&f, "proc/interrupts", TEXT(" CPU9 CPU9 CPU2\n 9: 17 6 4 IO-APIC 9-fasteoi acpi\n"));
	assert_int_equal(fixture_status(&f), SAMPLE_FAULT);
	fixture_done(&f);
}

static void cpus_that_come_and_go_shift_nothing(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU1 CPU2\n 1: 100 50 10 MSI 1-edge a\n 2: 10 0 10 MSI 2-edge b\n"));
	/* CPU 1 goes: the total of the one loses 50, the other's had nothing there. */
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU2\n 1: 160 11 MSI 1-edge a\n 2: 13 10 MSI 2-edge b\n"));
	assert_true(isnan(rate(&f, "irq:1")));
	assert_true(rate_at(&f, "irq:1", 0) == 60);
	assert_true(rate_at(&f, "irq:1", 2) == 1);
	assert_int_equal(count_at(&f, "irq:1", 1), UINT64_MAX);
	assert_true(rate(&f, "irq:2") == 3);
	/* It comes back with its 50 and 3 more. */
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU1 CPU2\n 1: 160 53 12 MSI 1-edge a\n 2: 14 0 10 MSI 2-edge b\n"));
	assert_true(isnan(rate(&f, "irq:1")));
	assert_true(isnan(rate_at(&f, "irq:1", 1)));
	assert_true(rate_at(&f, "irq:1", 2) == 1);
	assert_true(rate(&f, "irq:2") == 1);
	tick(&f, "proc/interrupts",
	     TEXT(" CPU0 CPU1 CPU2\n 1: 160 54 12 MSI 1-edge a\n 2: 14 0 10 MSI 2-edge b\n"));
	assert_true(rate(&f, "irq:1") == 1);
	assert_true(rate_at(&f, "irq:1", 1) == 1);
	fixture_done(&f);
}

static void numbers_that_change_hands_have_no_rate(void **state)
{
	/* hwirq, chip, action: any of them makes another interrupt of it. */
	static const char *const tails[] = {"MSI 7-edge a", "MSI 8-edge a", "MSIX 8-edge a",
					    "MSIX 8-edge b", "MSIX 8-edge b"};
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	for (unsigned i = 0; i < ARRAY_SIZE(tails); i++) {
		_cleanup_(freep) char *text =
			xasprintf(" CPU0\n 1: %u %s\n 2: %u MSI 1-edge c\nNMI: 0 x\n", 100 * i + 5,
				  tails[i], 10 * i);

		tick(&f, "proc/interrupts", text);
		if (i > 0)
			assert_true(rate(&f, "irq:2") == 10);
		if (i == 4)
			assert_true(rate(&f, "irq:1") == 100 && rate_at(&f, "irq:1", 0) == 100);
		else
			assert_true(isnan(rate(&f, "irq:1")) && isnan(rate_at(&f, "irq:1", 0)));
	}
	/* One goes, one comes between the two: nobody gets another's rate. */
	tick(&f, "proc/interrupts", " CPU0\n 2: 41 MSI 1-edge c\n 3: 900 MSI 3-edge d\nNMI: 0 x\n");
	assert_null(snapshot_find(f.snap, "irq:1"));
	assert_true(rate(&f, "irq:2") == 1);
	assert_true(isnan(rate(&f, "irq:3")));
	fixture_done(&f);
}

static void counters_wrap_at_32_bits(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	tick(&f, "proc/interrupts", " CPU0 CPU1\n 1: 4294967290 5 MSI 1-edge a\nNMI: 0 0 x\n");
	tick(&f, "proc/interrupts", " CPU0 CPU1\n 1: 4 9 MSI 1-edge a\nNMI: 0 0 x\n");
	assert_true(isnan(rate(&f, "irq:1")));
	assert_true(isnan(rate_at(&f, "irq:1", 0)));
	assert_true(rate_at(&f, "irq:1", 1) == 4);
	fixture_done(&f);
}

static void put_stat(struct fixture *f, unsigned pid, const char *comm, unsigned priority,
		     unsigned policy)
{
	_cleanup_(freep) char *path = xasprintf("proc/%u/stat", pid);
	_cleanup_(freep) char *name = xasprintf("proc/%u/comm", pid);
	_cleanup_(freep) char *text =
		xasprintf("%u (%s) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 -51 0 1 0 24 0 0 "
			  "18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 0 %u %u 0 0 0",
			  pid, comm, priority, policy);

	host_fake_file(f->host, path, text);
	host_fake_file(f->host, name, comm);
}

static void handler_threads_have_pid_and_priority(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	put_stat(&f, 50, "irq/9-acpi", 50, 1);
	put_stat(&f, 51, "irq/10-s-nv) m (x", 7, 2);
	put_stat(&f, 52, "irq/9-shared", 50, 1);
	put_stat(&f, 53, "irq_work/9", 0, 0);
	host_fake_file(f.host, "proc/2/task/2/children", "3 50 51 52 53 ");
	tick(&f, "proc/interrupts",
	     " CPU0\n 9: 1 MSI 1-edge acpi\n 10: 1 MSI 2-edge n\n 11: 1 MSI 3-edge m\nNMI: 0 x\n");
	assert_int_equal(fixture_u64(&f, "irq:9", "threads"), 2);
	assert_int_equal(fixture_u64(&f, "irq:9", "thread_pid"), 50);
	assert_string_equal(fixture_text(&f, "irq:9", "thread_policy"), "fifo");
	assert_int_equal(fixture_u64(&f, "irq:9", "thread_priority"), 50);
	assert_int_equal(fixture_u64(&f, "irq:10", "thread_pid"), 51);
	assert_string_equal(fixture_text(&f, "irq:10", "thread_policy"), "rr");
	assert_int_equal(fixture_u64(&f, "irq:11", "threads"), 0);
	assert_int_equal(fixture_state(&f, "irq:11", "thread_pid"), VALUE_ABSENT);
	/* chrt shows at the next run, a thread that ended at the next list. */
	put_stat(&f, 50, "irq/9-acpi", 90, 1);
	host_fake_file(f.host, "proc/2/task/2/children", "3 51 52 53");
	tick(&f, NULL, NULL);
	assert_int_equal(fixture_u64(&f, "irq:9", "thread_priority"), 90);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "irq:9", "threads"), 1);
	assert_int_equal(fixture_u64(&f, "irq:9", "thread_pid"), 52);
	fixture_done(&f);
}

/* Without CONFIG_PROC_CHILDREN, or where it is not for us. */
static void threads_without_list_of_children(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	put_stat(&f, 77, "irq/9-acpi", 50, 1);
	tick(&f, "proc/interrupts", " CPU0\n 9: 1 MSI 1-edge acpi\nNMI: 0 x\n");
	assert_int_equal(fixture_u64(&f, "irq:9", "thread_pid"), 77);
	host_fake_error(f.host, "proc/2/task/2/children", EACCES);
	put_stat(&f, 77, "bash", 0, 0);
	host_fake_remove(f.host, "proc/77/stat");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "irq:9", "threads"), 0);
	fixture_done(&f);
	/* A capture that has no processes, or not their names. */
	start(&f, &probe_irq);
	host_fake_file(f.host, "proc/77/status", "");
	tick(&f, "proc/interrupts", " CPU0\n 9: 1 MSI 1-edge acpi\nNMI: 0 x\n");
	assert_int_equal(fixture_state(&f, "irq:9", "threads"), VALUE_ABSENT);
	fixture_done(&f);
}

static void hints_and_managed(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq);
	host_fake_file(f.host, "proc/irq/9/affinity_hint", "00000003");
	host_fake_file(f.host, "proc/irq/10/affinity_hint", "0");
	host_fake_file(f.host, "proc/irq/11/affinity_hint", "zz");
	host_fake_file(f.host, "sys/kernel/debug/irq/irqs/9",
		       "handler:  handle_edge_irq\ndstate:   0x39600200\n"
		       "            IRQD_ACTIVATED\n            IRQD_AFFINITY_MANAGED\n");
	host_fake_file(f.host, "sys/kernel/debug/irq/irqs/10",
		       "handler:  handle_edge_irq\ndstate:   0x39600200\n IRQD_ACTIVATED\n");
	host_fake_error(f.host, "sys/kernel/debug/irq/irqs/11", EACCES);
	tick(&f, "proc/interrupts",
	     " CPU0\n 9: 1 M 1-edge a\n 10: 1 M 2-edge b\n 11: 1 M 3-edge c\n 12: 1 M 4-edge d\n"
	     "NMI: 0 x\n");
	assert_string_equal(fixture_text(&f, "irq:9", "affinity_hint"), "0-1");
	assert_string_equal(fixture_text(&f, "irq:10", "affinity_hint"), "");
	assert_int_equal(fixture_state(&f, "irq:11", "affinity_hint"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, "irq:12", "affinity_hint"), VALUE_ABSENT);
	assert_string_equal(fixture_text(&f, "irq:9", "managed"), "yes");
	assert_string_equal(fixture_text(&f, "irq:10", "managed"), "no");
	assert_string_equal(fixture_text(&f, "irq:11", "managed"), "unknown");
	assert_non_null(
		strstr(fixture_text(&f, "host", "irq_managed_why"), "irqs/11: Permission denied"));
	assert_string_equal(fixture_text(&f, "irq:12", "managed"), "unknown");
	fixture_done(&f);
}

/* --- large machines: proc/stat and per_cpu_count --- */

#define LARGE_CPUS 100u

static void put_counts(struct fixture *f, unsigned irq, unsigned cpu, unsigned count, unsigned rest)
{
	_cleanup_(freep) char *path = xasprintf("sys/kernel/irq/%u/per_cpu_count", irq);
	char text[LARGE_CPUS * 12] = "";

	for (unsigned c = 0; c < LARGE_CPUS; c++) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%u", c ? "," : "",
			       c == cpu ? count : rest);
	}
	host_fake_file(f->host, path, text);
}

static void start_large(struct fixture *f)
{
	fixture_fake(f, &probe_irq);
	host_fake_file(f->host, CPU_DIR "/possible", "0-99");
	host_fake_file(f->host, CPU_DIR "/online", "0-99");
	host_fake_file(f->host, "sys/kernel/irq/1/actions", "eth0-rx");
	host_fake_file(f->host, "proc/irq/1/effective_affinity_list", "70");
	put_counts(f, 1, 70, 33, 0);
}

static void large_machines_count_by_cpu_too(void **state)
{
	struct fixture f;

	(void)state;
	start_large(&f);
	tick(&f, "proc/stat", "intr 33 0 33 0");
	assert_int_equal(vector(&f, "irq:1")->n, 1);
	assert_int_equal(count_at(&f, "irq:1", 70), 33);
	/* Effectively at one CPU as before: the total tells, its file is not read. */
	host_fake_error(f.host, "sys/kernel/irq/1/per_cpu_count", EIO);
	tick(&f, "proc/stat", "intr 43 0 43 0");
	assert_true(rate_at(&f, "irq:1", 70) == 10);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 43);
	/* Moved to CPU 5: what came meanwhile came to both, and only its own file knows. */
	host_fake_error(f.host, "sys/kernel/irq/1/per_cpu_count", 0);
	host_fake_file(f.host, "proc/irq/1/effective_affinity_list", "5");
	put_counts(&f, 1, 70, 45, 0);
	tick(&f, "proc/stat", "intr 45 0 45 0");
	assert_true(rate_at(&f, "irq:1", 70) == 2);
	assert_int_equal(count_at(&f, "irq:1", 5), UINT64_MAX);
	tick(&f, "proc/stat", "intr 49 0 49 0");
	assert_true(rate_at(&f, "irq:1", 5) == 4);
	assert_true(rate_at(&f, "irq:1", 70) == 0);
	assert_int_equal(fixture_u64(&f, "cpu:5", "irqs"), 4);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 45);
	fixture_done(&f);
}

/* The kernel's total was read before the counts: no interrupt counts twice. */
static void large_counts_catch_up_with_the_total(void **state)
{
	struct fixture f;

	(void)state;
	start_large(&f);
	put_counts(&f, 1, 70, 40, 0);
	tick(&f, "proc/stat", "intr 33 0 33 0");
	tick(&f, "proc/stat", "intr 38 0 38 0");
	assert_int_equal(count_at(&f, "irq:1", 70), 40);
	tick(&f, "proc/stat", "intr 44 0 44 0");
	assert_int_equal(count_at(&f, "irq:1", 70), 44);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 44);
	/* Counted from the start: another device has the number now. */
	host_fake_file(f.host, "sys/kernel/irq/1/actions", "nvme");
	put_counts(&f, 1, 3, 2, 0);
	tick(&f, "proc/stat", "intr 2 0 2 0");
	assert_string_equal(snapshot_find(f.snap, "irq:1")->name, "nvme");
	assert_int_equal(count_at(&f, "irq:1", 3), 2);
	assert_true(isnan(rate_at(&f, "irq:1", 3)));
	assert_true(isnan(rate(&f, "irq:1")));
	assert_int_equal(fixture_u64(&f, "cpu:3", "irqs"), 2);
	assert_int_equal(fixture_u64(&f, "cpu:70", "irqs"), 44);
	fixture_done(&f);
}

static unsigned put_many(struct fixture *f, unsigned round)
{
	char text[1024] = "intr 1";

	for (unsigned irq = 0; irq < 50; irq++) {
		size_t len = strlen(text);
		_cleanup_(freep) char *path = xasprintf("sys/kernel/irq/%u/actions", irq);

		host_fake_file(f->host, path, "spread");
		put_counts(f, irq, 0, round + 1, 1);
		(void)snprintf(text + len, sizeof(text) - len, " %u", 100 + round);
	}
	tick(f, "proc/stat", text);

	unsigned n = 0;

	for (unsigned irq = 0; irq < 50; irq++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "irq:%u", irq);
		n += vector(f, key) && count_at(f, key, 0) == round + 1;
	}
	return n;
}

/* Fifty that go to all CPUs, of which 32 are read in a run: those that wait show no counts rather
 * than old ones, and nobody waits for ever. */
static void large_machines_take_turns(void **state)
{
	struct fixture f;
	bool was_read[50] = {false};

	(void)state;
	fixture_fake(&f, &probe_irq);
	host_fake_file(f.host, CPU_DIR "/possible", "0-99");
	assert_int_equal(put_many(&f, 0), 50);
	for (unsigned round = 1; round <= 2; round++) {
		assert_int_equal(put_many(&f, round), 32);
		for (unsigned irq = 0; irq < 50; irq++) {
			char key[16];

			(void)snprintf(key, sizeof(key), "irq:%u", irq);
			was_read[irq] |= vector(&f, key) != NULL;
			if (!vector(&f, key))
				assert_int_equal(fixture_state(&f, key, "per_cpu"), VALUE_ABSENT);
		}
	}
	for (unsigned irq = 0; irq < 50; irq++)
		assert_true(was_read[irq]);
	fixture_done(&f);
}

/* --- the CPUs' own --- */

static void cpus_own_interrupts(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irq_arch);
	host_fake_file(f.host, "proc/interrupts",
		       " CPU0 CPU3\n 9: 1 x broken\nLOC: 100 200   Local timer interrupts\n"
		       "ERR: 4\nIPI0:4294967295 6 Rescheduling interrupts\nBAD2: 1\n");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "irq_arch"), 3);
	assert_string_equal(fixture_text(&f, "irq_arch:LOC", "description"),
			    "Local timer interrupts");
	assert_string_equal(snapshot_find(f.snap, "irq_arch:LOC")->name, "LOC");
	assert_int_equal(fixture_u64(&f, "irq_arch:LOC", "count"), 300);
	assert_int_equal(count_at(&f, "irq_arch:LOC", 3), 200);
	assert_int_equal(fixture_u64(&f, "irq_arch:ERR", "count"), 4);
	assert_null(vector(&f, "irq_arch:ERR"));
	assert_int_equal(count_at(&f, "irq_arch:IPI0", 0), UINT32_MAX);
	assert_string_equal(fixture_error(&f), "proc/interrupts: BAD2: not understood");
	/* CPU 3 goes. */
	host_fake_clock(f.host, 3 * NSEC_PER_SEC);
	host_fake_file(f.host, "proc/interrupts",
		       " CPU0\nLOC: 500   Local timer interrupts\nERR: 6\n");
	fixture_run(&f);
	assert_true(rate_at(&f, "irq_arch:LOC", 0) == 200);
	assert_true(isnan(rate(&f, "irq_arch:LOC")));
	assert_true(rate(&f, "irq_arch:ERR") == 1);
	assert_string_equal(fixture_error(&f), "");
	host_fake_error(f.host, "proc/interrupts", EACCES);
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_DENIED);
	fixture_done(&f);
}

/* --- irqbalance and tuned --- */

#define SOCKET "run/irqbalance/irqbalance77.sock"

static void balancer_tells_what_it_leaves_alone(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &probe_irqbalance);
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "host", "irqbalance"), "");
	assert_string_equal(fixture_text(&f, "host", "tuned"), "");
	assert_int_equal(fixture_state(&f, "host", "tuned_profile"), VALUE_ABSENT);
	/* As irqbalance 1.9 answers. */
	host_fake_file(f.host, SOCKET, "");
	host_fake_unix(f.host, SOCKET, "setup",
		       "SLEEP 10 IRQ 41 LOAD 3 DIFF 0 CLASS 5 IRQ 9 LOAD 0 DIFF 0 CLASS 0 "
		       "BANNED 00000001,0000000c",
		       0);
	host_fake_file(f.host, "run/tuned/tuned.pid", "123");
	host_fake_file(f.host, "proc/123/comm", "tuned");
	host_fake_file(f.host, "etc/tuned/active_profile", "realtime-virtual-host");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_string_equal(fixture_text(&f, "host", "irqbalance"), "running");
	assert_int_equal(fixture_u64(&f, "host", "irqbalance_pid"), 77);
	assert_string_equal(fixture_text(&f, "host", "irqbalance_banned"), "2-3,32");
	assert_string_equal(fixture_text(&f, "host", "irqbalance_banned_irqs"), "41 9");
	assert_int_equal(fixture_u64(&f, "host", "irqbalance_interval_ns"), 10 * NSEC_PER_SEC);
	assert_string_equal(fixture_text(&f, "host", "tuned"), "running");
	assert_string_equal(fixture_text(&f, "host", "tuned_profile"), "realtime-virtual-host");
	/* The number went to another process. */
	host_fake_file(f.host, "proc/123/comm", "sshd");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "host", "tuned"), "");
	fixture_done(&f);
}

static void balancers_that_do_not_answer(void **state)
{
	static const struct {
		const char *reply;
		int err;
		const char *running;
		enum value_state running_state, banned;
		const char *words;
	} cases[] = {
		{NULL, ECONNREFUSED, "", VALUE_OK, VALUE_ABSENT, ""},
		{NULL, EACCES, "(none)", VALUE_DENIED, VALUE_DENIED, SOCKET ": "},
		{NULL, ETIMEDOUT, "running", VALUE_OK, VALUE_FAULT, SOCKET ": "},
		{"", 0, "running", VALUE_OK, VALUE_FAULT, "not as expected"},
		{"SLEEP", 0, "running", VALUE_OK, VALUE_FAULT, "not as expected"},
		{"SLEEP x BANNED 0", 0, "running", VALUE_OK, VALUE_FAULT, "not as expected"},
		{"SLEEP 1 BANNED xyz", 0, "running", VALUE_OK, VALUE_FAULT, "not as expected"},
		{"SLEEP 1 BANNED ", 0, "running", VALUE_OK, VALUE_OK, ""},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		start(&f, &probe_irqbalance);
		host_fake_file(f.host, SOCKET, "");
		host_fake_unix(f.host, SOCKET, "setup", cases[i].reply, cases[i].err);
		fixture_run(&f);
		assert_int_equal(fixture_status(&f), SAMPLE_OK);
		assert_int_equal(fixture_state(&f, "host", "irqbalance"), cases[i].running_state);
		assert_string_equal(fixture_text(&f, "host", "irqbalance"), cases[i].running);
		assert_int_equal(fixture_state(&f, "host", "irqbalance_banned"), cases[i].banned);
		if (cases[i].words[0])
			assert_non_null(strstr(fixture_error(&f), cases[i].words));
		else
			assert_string_equal(fixture_error(&f), "");
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_by_cpu),
		cmocka_unit_test(cpus_that_come_and_go_shift_nothing),
		cmocka_unit_test(numbers_that_change_hands_have_no_rate),
		cmocka_unit_test(counters_wrap_at_32_bits),
		cmocka_unit_test(handler_threads_have_pid_and_priority),
		cmocka_unit_test(threads_without_list_of_children),
		cmocka_unit_test(hints_and_managed),
		cmocka_unit_test(large_machines_count_by_cpu_too),
		cmocka_unit_test(large_counts_catch_up_with_the_total),
		cmocka_unit_test(large_machines_take_turns),
		cmocka_unit_test(cpus_own_interrupts),
		cmocka_unit_test(balancer_tells_what_it_leaves_alone),
		cmocka_unit_test(balancers_that_do_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
