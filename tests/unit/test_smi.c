#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probe_fixture.h"
#include "tests/unit/tree.h"

#define INTEL "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
#define CPU_DIR "sys/devices/system/cpu"

/* Two packages of two CPUs. */
static void start(struct fixture *f, const char *cpuinfo)
{
	static const char *const packages[] = {"0", "0", "1", "1"};
	char path[96];

	fixture_fake(f, &probe_smi);
	host_fake_file(f->host, "proc/cpuinfo", cpuinfo);
	host_fake_file(f->host, CPU_DIR "/online", "0-3\n");
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		(void)snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/physical_package_id",
			       cpu);
		host_fake_file(f->host, path, packages[cpu]);
		(void)snprintf(path, sizeof(path), "dev/cpu/%u/msr@34", cpu);
		host_fake_file(f->host, path, cpu < 2 ? "1234\n" : "5\n");
	}
}

static void test_one_cpu_of_each_package(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, INTEL);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "cpu:0", "smi_count"), 1234);
	assert_int_equal(fixture_u64(&f, "cpu:2", "smi_count"), 5);
	/* A reading would interrupt them. */
	assert_null(snapshot_find(f.snap, "cpu:1"));
	assert_null(snapshot_find(f.snap, "cpu:3"));
	assert_int_equal(f.snap->probes[0].status, SAMPLE_OK);
	/* The CPU that was read went offline. */
	host_fake_file(f.host, CPU_DIR "/online", "1-3\n");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "cpu:1", "smi_count"), 1234);
	fixture_done(&f);
}

static void test_other_processors(void **state)
{
	static const char *const others[] = {
		"processor\t: 0\nvendor_id\t: AuthenticAMD\n",
		"processor\t: 0\nvendor_id\t: GenuineIntelX\n",
		"processor\t: 0\nvendor_id\n",
		"processor\t: 0\nBogoMIPS\t: 50.00\n",
		"",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		struct fixture f;

		start(&f, others[i]);
		fixture_run(&f);
		assert_int_equal(f.snap->probes[0].status, SAMPLE_ABSENT);
		assert_non_null(strstr(f.snap->probes[0].error, "Intel"));
		assert_null(snapshot_find(f.snap, "cpu:0"));
		fixture_done(&f);
	}
}

static void test_not_readable(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, INTEL);
	host_fake_error(f.host, "dev/cpu/0/msr@34", ENOENT);
	host_fake_error(f.host, "dev/cpu/2/msr@34", ENOENT);
	fixture_run(&f);
	assert_int_equal(f.snap->probes[0].status, SAMPLE_ABSENT);
	assert_non_null(strstr(f.snap->probes[0].error, "modprobe msr"));
	host_fake_error(f.host, "dev/cpu/0/msr@34", EPERM);
	fixture_run(&f);
	assert_int_equal(f.snap->probes[0].status, SAMPLE_DENIED);
	assert_null(strstr(f.snap->probes[0].error, "modprobe"));
	/* One of two: what there is is shown. */
	host_fake_error(f.host, "dev/cpu/2/msr@34", 0);
	fixture_run(&f);
	assert_int_equal(f.snap->probes[0].status, SAMPLE_OK);
	assert_int_equal(fixture_state(&f, "cpu:0", "smi_count"), VALUE_DENIED);
	assert_int_equal(fixture_u64(&f, "cpu:2", "smi_count"), 5);
	fixture_done(&f);
}

/* The door itself, on a file of this machine that can be read at an offset, and its recording. */
static void test_device_is_read_and_recorded(void **state)
{
	struct host *live, *captured;
	struct tree *tree = tree_new();
	uint64_t zero = 1, again = 1;

	(void)state;
	assert_int_equal(host_open_live(&live), 0);
	assert_int_equal(host_record(live, tree->dir), 0);
	assert_int_equal(host_read_device_u64f(live, &zero, 0x34, "dev/%s", "zero"), 0);
	assert_int_equal(zero, 0);
	assert_int_equal(host_read_device_u64f(live, &zero, 0x34, "dev/null"), -EIO);
	assert_int_equal(host_read_device_u64f(live, &zero, 0x34, "dev/no-such"), -ENOENT);
	host_close(live);
	assert_int_equal(host_open_captured(tree->dir, &captured), 0);
	assert_int_equal(host_read_device_u64f(captured, &again, 0x34, "dev/zero"), 0);
	assert_int_equal(again, 0);
	assert_int_equal(host_read_device_u64f(captured, &again, 0x35, "dev/zero"), -ENOENT);
	host_close(captured);
	tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_cpu_of_each_package),
		cmocka_unit_test(test_other_processors),
		cmocka_unit_test(test_not_readable),
		cmocka_unit_test(test_device_is_read_and_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
