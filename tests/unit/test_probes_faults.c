/*
 * Every probe on a machine with one broken file at a time: missing, EIO, EACCES, garbage, empty,
 * cut anywhere. No probe may crash, none may take another down, and the one that reads the file
 * says which file and why.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_machine.h"
#include "tests/unit/probe_fixture.h"
#include "tests/unit/tree.h"

static const struct probe *const probes[] = {
	&probe_topology, &probe_kernel,	    &probe_isolation, &probe_cpu,    &probe_schedstat,
	&probe_softirq,	 &probe_softnet,    &probe_irq,	      &probe_memory, &probe_hugepages,
	&probe_pressure, &probe_nic,	    &probe_napi,      &probe_queue,  &probe_cpufreq,
	&probe_cpuidle,	 &probe_hugeholder,
};

static void start(struct fixture *f)
{
	struct host *host = NULL;

	assert_int_equal(host_open_fake(&host), 0);
	fake_machine_put(host);
	fixture_init(f, host, probes, ARRAY_SIZE(probes));
}

static const struct probe_status *status_of(const struct fixture *f, const char *probe)
{
	for (unsigned i = 0; i < f->snap->n_probes; i++) {
		if (!strcmp(f->snap->probes[i].probe->name, probe))
			return &f->snap->probes[i];
	}
	fail_msg("no probe %s", probe);
	return NULL;
}

/* A probe that fails says why, whatever it was. */
static void check_reasons(const struct fixture *f)
{
	for (unsigned i = 0; i < f->snap->n_probes; i++) {
		if (f->snap->probes[i].status != SAMPLE_OK)
			assert_non_null(f->snap->probes[i].error);
	}
}

/* All other probes are as they are on the healthy machine. */
static void check_others(const struct fixture *f, const char *probe)
{
	for (unsigned i = 0; i < f->snap->n_probes; i++) {
		if (probe && strcmp(f->snap->probes[i].probe->name, probe))
			assert_int_equal(f->snap->probes[i].status, SAMPLE_OK);
	}
}

static void test_healthy(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	fixture_run(&f);
	for (unsigned i = 0; i < f.snap->n_probes; i++) {
		if (f.snap->probes[i].status != SAMPLE_OK || f.snap->probes[i].error)
			fail_msg("%s: %s", f.snap->probes[i].probe->name, f.snap->probes[i].error);
	}
	fixture_done(&f);
}

static void break_file(const struct fake_file *file, int err, const char *reason)
{
	struct fixture f;

	start(&f);
	host_fake_error(f.host, file->path, err);
	fixture_run(&f);
	check_reasons(&f);
	/* A failing list of CPUs has substitutes, so nobody fails outright. */
	check_others(&f, file->probe);
	if (file->probe) {
		const char *error = status_of(&f, file->probe)->error;

		if (!error || !strstr(error, file->path) || !strstr(error, reason))
			fail_msg("%s: %s says \"%s\"", file->path, file->probe, error ? error : "");
	}
	/* And it recovers. */
	host_fake_error(f.host, file->path, 0);
	host_fake_clock(f.host, 60 * NSEC_PER_SEC);
	fixture_run(&f);
	check_others(&f, "none");
	fixture_done(&f);
}

static void test_errors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fake_machine); i++) {
		break_file(&fake_machine[i], EIO, "Input/output error");
		break_file(&fake_machine[i], EACCES, "Permission denied");
	}
}

static void run_with(const struct fake_file *file, const char *content)
{
	struct fixture f;

	start(&f);
	if (content)
		host_fake_file(f.host, file->path, content);
	else
		host_fake_remove(f.host, file->path);
	fixture_run(&f);
	check_reasons(&f);
	/* "8191" is a proper list of CPUs: what the others say of such a machine is right. */
	if (file != &fake_machine[0])
		check_others(&f, file->probe);
	fixture_run(&f);
	fixture_done(&f);
}

static void test_missing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fake_machine); i++)
		run_with(&fake_machine[i], NULL);
}

static void test_garbage(void **state)
{
	static const char *const garbage[] = {
		"",
		"\n",
		":",
		"-1",
		"99999999999999999999999",
		"\x1b[31m\xff\xfe",
		"cpu",
		"cpu0",
		"cpu999999999999 1 2 3 4",
		"CPU0 CPU1",
		"CPU8192",
		"CPU99999999999",
		"   CPU0\n 1: 18446744073709551616 x",
		"version",
		"0-8191",
		"8191",
		"8192",
		"[",
		"]",
		"some avg10= total=",
		"Node 0 MemTotal: 99999999999999999999 kB",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fake_machine); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(garbage); j++)
			run_with(&fake_machine[i], garbage[j]);
	}
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fake_machine); i++) {
		_cleanup_(freep) char *text = xstrdup(fake_machine[i].content);

		/* From the end: the same copy serves all lengths. */
		for (size_t n = strlen(text); n-- > 0;) {
			text[n] = '\0';
			run_with(&fake_machine[i], text);
		}
	}
}

/* Whatever call it is that fails. */
static void test_nth_call(void **state)
{
	static const int errors[] = {EIO, ENOENT, EACCES, ENODEV, ESRCH, EFBIG};

	(void)state;
	for (unsigned nth = 1; nth < 400; nth++) {
		struct fixture f;

		start(&f);
		host_fake_error_at(f.host, nth, errors[nth % ARRAY_SIZE(errors)]);
		fixture_run(&f);
		check_reasons(&f);
		fixture_run(&f);
		fixture_done(&f);
	}
}

static void test_empty_host(void **state)
{
	struct host *host = NULL;
	struct fixture f;

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	fixture_init(&f, host, probes, ARRAY_SIZE(probes));
	fixture_run(&f);
	check_reasons(&f);
	assert_int_equal(fixture_count(&f, "cpu"), 0);
	fixture_done(&f);
}

/* One probe on the made-up machine with one file of other content. */
static void start_with(struct fixture *f, const struct probe *probe, const char *path,
		       const char *content)
{
	fixture_fake(f, probe);
	fake_machine_put(f->host);
	host_fake_file(f->host, path, content);
	fixture_run(f);
}

static void assert_error(const struct fixture *f, const char *path, const char *reason)
{
	if (!strstr(fixture_error(f), path) || !strstr(fixture_error(f), reason))
		fail_msg("\"%s\" lacks \"%s\", \"%s\"", fixture_error(f), path, reason);
}

/* What stands behind the cut is missing, so no sum is known. */
static void test_cut_interrupts(void **state)
{
	struct fixture f;

	(void)state;
	start_with(&f, &probe_irq, "proc/interrupts",
		   "   CPU0 CPU1\n  9: 11 0 IO-APIC 9-fasteoi acpi\n 10: 0 22 IO");
	assert_int_equal(fixture_state(&f, "cpu:0", "local_irqs"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "cpu:0", "irqs"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "irq:9", "count"), 11);
	assert_error(&f, "proc/interrupts", "cut short");
	fixture_done(&f);
	start_with(&f, &probe_irq, "proc/interrupts",
		   "   CPU0 CPU1\n  9: 11 0 IO-APIC 9-fasteoi acpi\nNMI: 1 1\nLOC: 70");
	assert_int_equal(fixture_state(&f, "cpu:0", "local_irqs"), VALUE_ABSENT);
	assert_int_equal(fixture_u64(&f, "cpu:0", "irqs"), 11);
	assert_error(&f, "proc/interrupts", "not understood");
	fixture_done(&f);
}

static void test_cut_version(void **state)
{
	static const struct {
		const char *text, *preemption;
	} cases[] = {
		{"Linux version 6.1.0 (a@b) (gcc", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT_R", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT R", NULL},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT RT Mon", "PREEMPT_RT"},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT Mon", "PREEMPT"},
		{"Linux version 6.1.0 (a@b) (gcc) #40-Ubuntu SMP Mon Jan 1", "voluntary/none"},
		{"Linux version 6.1.0 (a@b) (gcc) #1 Mon", "voluntary/none"},
		{"Linux version 6.1.0 (a@b) (gcc) #1 SMP PREEMPT_DYNAMIC @0", "PREEMPT_DYNAMIC"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		start_with(&f, &probe_kernel, "proc/version", cases[i].text);
		assert_string_equal(fixture_text(&f, "host", "kernel_release"), "6.1.0");
		if (cases[i].preemption) {
			assert_string_equal(fixture_text(&f, "host", "preemption"),
					    cases[i].preemption);
			assert_string_equal(fixture_error(&f), "");
		} else {
			assert_int_equal(fixture_state(&f, "host", "preemption"), VALUE_FAULT);
			assert_error(&f, "proc/version", "cut short");
		}
		fixture_done(&f);
	}
}

static void test_empty_affinity(void **state)
{
	struct fixture f;

	(void)state;
	start_with(&f, &probe_irq, "proc/irq/10/smp_affinity_list", "");
	assert_int_equal(fixture_state(&f, "irq:10", "affinity"), VALUE_FAULT);
	assert_int_equal(fixture_state(&f, "irq:10", "pending"), VALUE_ABSENT);
	assert_error(&f, "proc/irq/10/smp_affinity_list", "");
	fixture_done(&f);
	start_with(&f, &probe_irq, "proc/irq/11/smp_affinity", "0");
	assert_int_equal(fixture_state(&f, "irq:11", "affinity"), VALUE_FAULT);
	assert_error(&f, "proc/irq/11/smp_affinity", "");
	fixture_done(&f);
	/* Not started yet: nothing is in effect. */
	start_with(&f, &probe_irq, "proc/irq/10/effective_affinity_list", "");
	assert_string_equal(fixture_text(&f, "irq:10", "effective"), "");
	assert_int_equal(fixture_u64(&f, "irq:10", "pending"), 0);
	assert_string_equal(fixture_error(&f), "");
	fixture_done(&f);
}

/* Values that nobody misses at once: a fault in them is said all the same. */
static void test_metadata(void **state)
{
	static const struct {
		const struct probe *probe;
		const char *path, *content, *key, *metric;
		enum value_state state;
	} cases[] = {
		{&probe_irq, "sys/kernel/irq/11/chip_name", "\x1b[31m", "irq:11", "chip",
		 VALUE_FAULT},
		{&probe_irq, "sys/kernel/irq/11/hwirq", "x", "irq:11", "hwirq", VALUE_FAULT},
		{&probe_irq, "sys/kernel/irq/11/type", "-5", "irq:11", "type", VALUE_FAULT},
		{&probe_irq, "proc/irq/9/node", "node", "irq:9", "node_id", VALUE_FAULT},
		{&probe_topology, NODE_DIR "/node0/distance", "10 20 30", "node:0", "distances",
		 VALUE_ABSENT},
		{&probe_topology, NODE_DIR "/node0/distance", "10", "node:0", "distances",
		 VALUE_ABSENT},
		{&probe_topology, NODE_DIR "/node0/distance", "10 x", "node:0", "distances",
		 VALUE_ABSENT},
		{&probe_topology, CPU_DIR "/cpu0/cpu_capacity", "fast", "cpu:0", "capacity",
		 VALUE_ABSENT},
		{&probe_cpuidle, CPU_DIR "/cpu0/cpuidle/state0/disable", "off", "cstate:0/0",
		 "disabled", VALUE_FAULT},
		{&probe_nic, "sys/class/net/eth0/device/numa_node", "a", "nic:eth0", "node_id",
		 VALUE_FAULT},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		start_with(&f, cases[i].probe, cases[i].path, cases[i].content);
		assert_int_equal(fixture_status(&f), SAMPLE_OK);
		assert_int_equal(fixture_state(&f, cases[i].key, cases[i].metric), cases[i].state);
		assert_error(&f, cases[i].path, "not in the expected format");
		fixture_done(&f);
	}
}

/* What the kernel itself writes for "none" is no fault. */
static void test_metadata_none(void **state)
{
	static const struct {
		const char *path, *content;
	} cases[] = {
		{"sys/kernel/irq/11/chip_name", ""},
		{"sys/kernel/irq/11/hwirq", ""},
		{"sys/kernel/irq/11/hwirq", "18446744073709551615"},
		{"proc/irq/9/node", "-1"},
	};
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		start_with(&f, &probe_irq, cases[i].path, cases[i].content);
		assert_string_equal(fixture_error(&f), "");
		fixture_done(&f);
	}
	start_with(&f, &probe_topology, CPU_DIR "/cpu0/cpu_capacity", "1024");
	assert_int_equal(fixture_u64(&f, "cpu:0", "capacity"), 1024);
	fixture_done(&f);
}

/* A recovered file is read again although nothing else about its interrupt changed. */
static void test_metadata_recovers(void **state)
{
	struct fixture f;

	(void)state;
	start_with(&f, &probe_irq, "proc/irq/9/node", "?");
	host_fake_file(f.host, "proc/irq/9/node", "0");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "irq:9", "node_id"), 0);
	assert_string_equal(fixture_error(&f), "");
	fixture_done(&f);
}

/* Not an argument, a character or a connection: what a reader of the file can act upon. */
static void test_reasons(void **state)
{
	static const struct {
		int err;
		const char *words;
	} cases[] = {
		{EINVAL, "not in the expected format"},
		{EILSEQ, "contains NUL bytes"},
		{EFBIG, "larger than expected"},
		{EIO, "Input/output error"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		fixture_fake(&f, &probe_softirq);
		fake_machine_put(f.host);
		host_fake_error(f.host, "proc/softirqs", cases[i].err);
		fixture_run(&f);
		assert_error(&f, "proc/softirqs", cases[i].words);
		fixture_done(&f);
	}
}

static void test_negative_ids(void **state)
{
	struct fixture f;

	(void)state;
	start_with(&f, &probe_topology, CPU_DIR "/cpu2/topology/core_id", "-5");
	assert_true(fixture_f64(&f, "cpu:2", "core_id") == -1);
	assert_non_null(snapshot_find(f.snap, "core:0.1")); /* counted, as an id is missing */
	fixture_done(&f);
	start_with(&f, &probe_topology, CPU_DIR "/cpu2/topology/core_id", "4294967291");
	assert_true(fixture_f64(&f, "cpu:2", "core_id") == -1);
	fixture_done(&f);
}

/* hwloc reads the same files and takes whatever is there for a number. */
static void test_captured_garbage(void **state)
{
	static const char *const files[][2] = {
		{CPU_DIR "/online", "0-1"},
		{CPU_DIR "/present", "0-1"},
		{CPU_DIR "/possible", "0-1"},
		{CPU_DIR "/cpu0/topology/physical_package_id", "0"},
		{CPU_DIR "/cpu0/topology/core_id", "0"},
		{CPU_DIR "/cpu0/topology/core_siblings", "3"},
		{CPU_DIR "/cpu0/topology/thread_siblings", "1"},
		{CPU_DIR "/cpu0/cpu_capacity", "1024"},
		{CPU_DIR "/cpu1/topology/physical_package_id", "0"},
		{CPU_DIR "/cpu1/topology/core_id", "-5"},
		{CPU_DIR "/cpu1/topology/core_siblings", "3"},
		{CPU_DIR "/cpu1/topology/thread_siblings", "2"},
	};
	static const char *const capacities[] = {"1024", "512", "lots"};
	struct host *host = NULL;
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(capacities); i++) {
		const struct probe *probe = &probe_topology;
		struct tree *tree = tree_new();

		for (unsigned j = 0; j < ARRAY_SIZE(files); j++)
			tree_file(tree, files[j][0], files[j][1]);
		tree_file(tree, CPU_DIR "/cpu1/cpu_capacity", capacities[i]);
		assert_int_equal(host_open_captured(tree->dir, &host), 0);
		fixture_init(&f, host, &probe, 1);
		fixture_run(&f);
		tree_free(tree);
		assert_int_equal(fixture_state(&f, "cpu:1", "core_type"),
				 i == 1 ? VALUE_OK : VALUE_ABSENT);
		assert_true(fixture_f64(&f, "cpu:1", "core_id") == -1);
		assert_non_null(snapshot_find(f.snap, "core:0.1"));
		if (i == 2)
			assert_error(&f, "cpu1/cpu_capacity", "not in the expected format");
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),		  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_missing),		  cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_nth_call),	  cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_empty_host),	  cmocka_unit_test(test_cut_interrupts),
		cmocka_unit_test(test_cut_version),	  cmocka_unit_test(test_empty_affinity),
		cmocka_unit_test(test_metadata),	  cmocka_unit_test(test_metadata_none),
		cmocka_unit_test(test_metadata_recovers), cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_negative_ids),	  cmocka_unit_test(test_captured_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
