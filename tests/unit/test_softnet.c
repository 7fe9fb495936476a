/*
 * softnet_stat: joined by the CPU column where there is one, else by the online CPUs or not at all;
 * counters that wrap at 32 bits go on.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/captures/unpack.h"
#include "tests/unit/probe_fixture.h"

#define PATH "proc/net/softnet_stat"
#define ONLINE "sys/devices/system/cpu/online"
#define ZEROES "00000000 00000000 00000000 00000000 00000000 00000000 "

static const char two_of_four[] = "00000010 00000001 00000002 " ZEROES
				  "00000003 00000004 00000005 00000001 00000000 00000000\n"
				  "00000020 00000000 00000000 " ZEROES
				  "00000000 00000000 00000000 00000003 00000000 00000000\n";

static void test_columns(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH, two_of_four);
	host_fake_file(f.host, "proc/sys/net/core/netdev_budget_usecs", "8000");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_packets"), 16);
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_drops"), 1);
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_squeezed"), 2);
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_rps"), 3);
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_flow_limited"), 4);
	assert_int_equal(fixture_u64(&f, "cpu:1", "softnet_backlog"), 5);
	assert_int_equal(fixture_u64(&f, "cpu:3", "softnet_packets"), 32);
	assert_null(snapshot_find(f.snap, "cpu:0"));
	assert_int_equal(fixture_u64(&f, "host", "netdev_budget_us"), 8000);
	assert_int_equal(fixture_state(&f, "host", "net_busy_poll_us"), VALUE_ABSENT);
	fixture_done(&f);
}

/* A packet counter just below 2^32 goes on counting, and its rate is that of the packets. */
static void test_wrap(void **state)
{
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH,
		       "fffffff0 00000000 00000000 " ZEROES "00000000 00000000 00000000 00000000");
	fixture_run(&f);
	host_fake_file(f.host, PATH,
		       "00000010 00000000 00000000 " ZEROES "00000000 00000000 00000000 00000000");
	host_fake_clock(f.host, 2 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_packets"), UINT64_C(0x100000010));
	assert_true(entity_rate(snapshot_find(f.snap, "cpu:0"), "softnet_packets") == 32);
	/* Nobody looked for an hour: it may have wrapped several times. No made-up number. */
	host_fake_clock(f.host, 4000 * NSEC_PER_SEC);
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_packets"), 0x10);
	assert_true(isnan(entity_rate(snapshot_find(f.snap, "cpu:0"), "softnet_packets")));
	fixture_done(&f);
}

/* Old kernels: the nth line is the nth online CPU, not CPU n. */
static void test_old(void **state)
{
	static const char old[] = "0000000a 00000000 00000001 " ZEROES "00000000\n"
				  "0000000b 00000000 00000002 " ZEROES "00000000\n";
	struct fixture f;

	(void)state;
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH, old);
	host_fake_file(f.host, ONLINE, "0,7");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_packets"), 10);
	assert_int_equal(fixture_u64(&f, "cpu:7", "softnet_packets"), 11);
	assert_int_equal(fixture_u64(&f, "cpu:7", "softnet_squeezed"), 2);
	assert_int_equal(fixture_state(&f, "cpu:7", "softnet_flow_limited"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "cpu:7", "softnet_backlog"), VALUE_ABSENT);
	fixture_done(&f);

	/* Three CPUs online and two lines: nothing is assigned, and it is said why. */
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH, old);
	host_fake_file(f.host, ONLINE, "0-2");
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_FAULT);
	assert_non_null(strstr(fixture_error(&f), "does not name its CPUs"));
	assert_int_equal(fixture_count(&f, "cpu"), 0);
	fixture_done(&f);
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"hello",
		"0000001",
		"00000001 00000002",
		"00000001 00000002 0x000003",
		"00000001 00000002 -0000003",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fixture f;

		fixture_fake(&f, &probe_softnet);
		host_fake_file(f.host, PATH, texts[i]);
		host_fake_file(f.host, ONLINE, "0");
		fixture_run(&f);
		assert_int_equal(fixture_status(&f), SAMPLE_FAULT);
		assert_non_null(strstr(fixture_error(&f), PATH));
		fixture_done(&f);
	}
}

/* INDEX.md section 5: drops 18, 255, 0, 1; time_squeeze 1 to 4; received_rps 5 to 8. */
static void test_captures(void **state)
{
	static const uint64_t drops[] = {18, 255, 0, 1};
	_cleanup_(freep) char *ten = NULL, *eleven = NULL;
	char folder[256], key[16];
	struct fixture f;

	(void)state;
	if (!captures_folder(folder, sizeof(folder)))
		skip();
	ten = captures_read("proc/insights/softnet_stat-10col.txt");
	eleven = captures_read("proc/insights/softnet_stat-11col.txt");
	assert_non_null(ten);
	assert_non_null(eleven);
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH, ten);
	host_fake_file(f.host, ONLINE, "0-3");
	fixture_run(&f);
	assert_string_equal(fixture_error(&f), "");
	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(key, sizeof(key), "cpu:%u", i);
		assert_int_equal(fixture_u64(&f, key, "softnet_drops"), drops[i]);
		assert_int_equal(fixture_u64(&f, key, "softnet_squeezed"), i + 1);
		assert_int_equal(fixture_u64(&f, key, "softnet_rps"), i + 5);
	}
	fixture_done(&f);
	fixture_fake(&f, &probe_softnet);
	host_fake_file(f.host, PATH, eleven);
	host_fake_file(f.host, ONLINE, "0");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_drops"), 254);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_squeezed"), 18);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_rps"), 2);
	assert_int_equal(fixture_u64(&f, "cpu:0", "softnet_flow_limited"), 1);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),	 cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_old),	 cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
