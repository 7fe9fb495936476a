/*
 * Published files of /proc and /sys with the numbers their publishers expect (shared captures,
 * INDEX.md sections 4 to 6): parsing, sums per CPU, rates between two snapshots of one machine in
 * which a CPU goes away.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/captures/unpack.h"
#include "tests/unit/probe_fixture.h"

static bool is_missing(void)
{
	char folder[PATH_MAX];

	return !captures_folder(folder, sizeof(folder));
}

/* The captured file as path of a fake host, one probe run. */
static void run_file(struct fixture *f, const struct probe *probe, const char *path,
		     const char *captured)
{
	_cleanup_(freep) char *text = captures_read(captured);

	assert_non_null(text);
	fixture_fake(f, probe);
	host_fake_file(f->host, path, text);
	fixture_run(f);
	assert_int_equal(fixture_status(f), SAMPLE_OK);
}

/* The archive as a captured host; the caller removes dir. */
static void run_archive(struct fixture *f, const struct probe *probe, const char *archive,
			char *dir, size_t size)
{
	struct host *host = NULL;

	assert_true(captures_unpack(archive, dir, size));
	assert_int_equal(host_open_captured(dir, &host), 0);
	fixture_init(f, host, &probe, 1);
	fixture_run(f);
}

/* A CPU without a cell counted nothing. */
static uint64_t count_at(const struct fixture *f, const char *key, unsigned cpu)
{
	const struct per_cpu *vector = entity_per_cpu(snapshot_find(f->snap, key), "per_cpu");
	const struct per_cpu_cell *cell = per_cpu_cell(vector, cpu);

	assert_non_null(vector);
	return cell ? cell->count : 0;
}

/* What the interrupts say of the CPUs is what the sums of the CPUs say. */
static void assert_sums(const struct fixture *f)
{
	const struct snapshot_table *irqs = snapshot_table(f->snap, "irq");
	const struct snapshot_table *cpus = snapshot_table(f->snap, "cpu");

	for (unsigned c = 0; c < cpus->n_entities; c++) {
		unsigned cpu = (unsigned)strtoul(cpus->entities[c].key + 4, NULL, 10);
		uint64_t sum = 0, wanted;

		for (unsigned i = 0; i < irqs->n_entities; i++)
			sum += count_at(f, irqs->entities[i].key, cpu);
		if (entity_u64(&cpus->entities[c], "irqs", &wanted))
			assert_int_equal(sum, wanted);
		else
			assert_int_equal(sum, 0); /* offline */
	}
}

static void test_interrupts_8cpu(void **state)
{
	/* kernel.percpu.intr of 857-8cpu-x86_64.expected.txt: all rows with a column per CPU. */
	static const uint64_t sums[] = {26111240, 7662936, 20042205, 6568091,
					19451440, 6189188, 19095407, 6657317};
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_file(&f, &probe_irq, "proc/interrupts", "proc/pcp/interrupts-8cpu-x86_64");
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_count(&f, "irq"), 19);
	for (unsigned c = 0; c < ARRAY_SIZE(sums); c++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "cpu:%u", c);
		assert_int_equal(fixture_u64(&f, key, "irqs") + fixture_u64(&f, key, "local_irqs"),
				 sums[c]);
	}
	assert_int_equal(fixture_u64(&f, "irq:29", "count"), 4736146);
	assert_string_equal(snapshot_find(f.snap, "irq:29")->name, "enp0s25");
	assert_string_equal(fixture_text(&f, "irq:0", "chip"), "IR-IO-APIC");
	assert_int_equal(fixture_u64(&f, "irq:0", "hwirq"), 2);
	assert_string_equal(fixture_text(&f, "irq:0", "type"), "edge");
	/* kernel.percpu.interrupts of 886-interrupts-8cpu-x86_64.expected.txt. */
	assert_int_equal(count_at(&f, "irq:0", 0), 38);
	assert_int_equal(count_at(&f, "irq:9", 4), 206);
	assert_int_equal(count_at(&f, "irq:23", 1), 3);
	assert_int_equal(count_at(&f, "irq:27", 6), 59367);
	assert_int_equal(count_at(&f, "irq:31", 2), 97997);
	assert_int_equal(count_at(&f, "irq:34", 7), 59);
	fixture_done(&f);
	run_file(&f, &probe_irq_arch, "proc/interrupts", "proc/pcp/interrupts-8cpu-x86_64");
	assert_int_equal(fixture_count(&f, "irq_arch"), 19);
	assert_int_equal(fixture_u64(&f, "irq_arch:LOC", "count"), 95861098);
	assert_int_equal(count_at(&f, "irq_arch:RES", 0), 448998);
	assert_int_equal(count_at(&f, "irq_arch:SPU", 4), 0);
	assert_int_equal(count_at(&f, "irq_arch:MCP", 2), 2525);
	fixture_done(&f);
}

static void test_interrupts_other(void **state)
{
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_file(&f, &probe_irq, "proc/interrupts", "proc/pcp/interrupts-1cpu-i686");
	assert_int_equal(fixture_count(&f, "irq"), 11);
	assert_int_equal(fixture_u64(&f, "irq:15", "count"), 578269);
	fixture_done(&f);
	run_file(&f, &probe_irq, "proc/interrupts", "proc/pcp/interrupts-2cpu-s390x");
	assert_int_equal(fixture_count(&f, "irq"), 0);
	assert_int_equal(fixture_u64(&f, "cpu:1", "local_irqs"), 57022 + 33457);
	fixture_done(&f);
	run_file(&f, &probe_irq, "proc/interrupts", "proc/insights/interrupts-8cpu-noname.txt");
	assert_int_equal(fixture_count(&f, "irq"), 19);
	assert_int_equal(fixture_u64(&f, "irq:28", "count"), 4038519);
	assert_string_equal(snapshot_find(f.snap, "irq:28")->name, "xhci_hcd");
	/* IRQ 30 has a chip and a trigger but no action. */
	assert_string_equal(snapshot_find(f.snap, "irq:30")->name, "irq:30");
	fixture_done(&f);
}

static uint64_t total(const struct fixture *f, const char *metric)
{
	const struct snapshot_table *table = snapshot_table(f->snap, "cpu");
	uint64_t sum = 0, value;

	for (unsigned i = 0; i < table->n_entities; i++) {
		assert_true(entity_u64(&table->entities[i], metric, &value));
		sum += value;
	}
	return sum;
}

static void test_softirqs(void **state)
{
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_file(&f, &probe_softirq, "proc/softirqs", "proc/pcp/softirqs-8cpu-x86_64");
	assert_int_equal(total(&f, "softirq_hi"), 18);
	assert_int_equal(total(&f, "softirq_timer"), 159955154);
	assert_int_equal(total(&f, "softirq_net_rx"), 5317658);
	assert_int_equal(total(&f, "softirq_irq_poll"), 0); /* BLOCK_IOPOLL in this file */
	assert_int_equal(total(&f, "softirq_sched"), 54779294);
	assert_int_equal(total(&f, "softirq_rcu"), 24690715);
	assert_int_equal(fixture_u64(&f, "cpu:7", "softirq_timer"), 12521062);
	fixture_done(&f);
	run_file(&f, &probe_softirq, "proc/softirqs", "proc/pcp/softirqs-1cpu-i686");
	assert_int_equal(total(&f, "softirq_rcu"), 9479358);
	assert_int_equal(total(&f, "softirq_hrtimer"), 6675);
	fixture_done(&f);
}

static void test_stat(void **state)
{
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_file(&f, &probe_cpu, "proc/stat", "proc/insights/stat-8cpu.txt");
	assert_int_equal(fixture_count(&f, "cpu"), 8);
	assert_int_equal(fixture_u64(&f, "host", "interrupts"), 21359029);
	assert_int_equal(fixture_u64(&f, "host", "context_switches"), 17852681);
	assert_int_equal(fixture_u64(&f, "host", "forks"), 19212);
	assert_int_equal(fixture_u64(&f, "host", "softirqs"), 11867930);
	assert_true(fixture_u64(&f, "cpu:0", "steal_ns") > 0);
	fixture_done(&f);
}

static void test_pressure(void **state)
{
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_archive(&f, &probe_pressure, "proc/pcp/pressure-root-001.tgz", dir, sizeof(dir));
	captures_remove(dir);
	assert_true(fixture_f64(&f, "host", "pressure_cpu_some_avg10_percent") == 2.04);
	assert_true(fixture_f64(&f, "host", "pressure_io_full_avg10_percent") == 7.59);
	assert_true(fixture_f64(&f, "host", "pressure_memory_some_avg10_percent") == 70.24);
	assert_int_equal(fixture_state(&f, "host", "pressure_irq_full_ns"), VALUE_ABSENT);
	fixture_done(&f);
}

static void test_hugepages(void **state)
{
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_archive(&f, &probe_hugepages, "proc/pcp/sysfs-hugepages-003.tgz", dir, sizeof(dir));
	captures_remove(dir);
	assert_string_equal(fixture_error(&f), "");
	assert_int_equal(fixture_u64(&f, "hugepool:all/64kB", "page_size_bytes"), 65536);
	assert_int_equal(fixture_state(&f, "hugepool:all/32768kB", "total_pages"), VALUE_OK);
	assert_int_equal(fixture_state(&f, "hugepool:all/1048576kB", "free_pages"), VALUE_OK);
	assert_non_null(snapshot_find(f.snap, "hugepool:0/2048kB"));
	fixture_done(&f);
}

static void test_frequencies(void **state)
{
	static const unsigned mhz[] = {912, 912, 912, 912, 702, 702, 2208, 2208};
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_archive(&f, &probe_cpufreq, "proc/pcp/sysfs-cpufreq-scaling-001.tgz", dir, sizeof(dir));
	captures_remove(dir);
	for (unsigned c = 0; c < ARRAY_SIZE(mhz); c++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "cpu:%u", c);
		assert_int_equal(fixture_u64(&f, key, "freq_hz") / 1000000, mhz[c]);
	}
	fixture_done(&f);
}

/* A whole host: interrupts with affinities from proc/irq, no sys/kernel/irq. */
static void test_whole_host(void **state)
{
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	run_archive(&f, &probe_irq, "host/nto-worker2-32cpu.tgz", dir, sizeof(dir));
	captures_remove(dir);
	assert_int_equal(fixture_count(&f, "irq"), 233);
	assert_int_equal(fixture_u64(&f, "irq:80", "count"), 58084);
	assert_sums(&f);
	assert_string_equal(snapshot_find(f.snap, "irq:80")->name, "eno3-TxRx-4");
	assert_int_equal(fixture_state(&f, "irq:80", "affinity"), VALUE_OK);
	assert_int_equal(fixture_state(&f, "irq:80", "effective"), VALUE_OK);
	assert_int_equal(fixture_state(&f, "irq:80", "node_id"), VALUE_OK);
	assert_int_equal(fixture_u64(&f, "irq:80", "pending"), 0);
	fixture_done(&f);
}

/* node_exporter-expected-metrics.txt: node_interrupts_total. */
static void test_exporter(void **state)
{
	struct host *host = NULL;
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	assert_true(captures_unpack("fixtures/node_exporter-fixtures.tar.xz", dir, sizeof(dir)));
	_cleanup_(freep) char *root = xasprintf("%s/node_exporter-fixtures/proc", dir);
	_cleanup_(freep) char *x86_path = xasprintf("%s/interrupts", root);
	_cleanup_(freep) char *arm_path = xasprintf("%s/interrupts_aarch64", root);
	_cleanup_(freep) char *x86 = captures_read(x86_path), *arm = captures_read(arm_path);

	captures_remove(dir);
	assert_non_null(x86);
	assert_non_null(arm);
	assert_int_equal(host_open_fake(&host), 0);
	fixture_init(&f, host, (const struct probe *const[]){&probe_irq, &probe_irq_arch}, 2);
	host_fake_file(host, "proc/interrupts", x86);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "irq"), 15);
	assert_int_equal(fixture_count(&f, "irq_arch"), 15);
	assert_int_equal(fixture_u64(&f, "irq:46", "count"), 43539055);
	assert_int_equal(count_at(&f, "irq:9", 1), 2320);
	assert_int_equal(count_at(&f, "irq_arch:LOC", 0), 174326351);
	assert_int_equal(fixture_u64(&f, "irq_arch:LOC", "count"), 609476365);
	assert_sums(&f);
	/* Another machine: 8 CPUs, names with blanks, totals beyond 32 bits. */
	host_fake_file(host, "proc/interrupts", arm);
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "irq"), 51);
	assert_int_equal(fixture_count(&f, "irq_arch"), 8);
	assert_int_equal(fixture_u64(&f, "irq:10", "count"), UINT64_C(26767542953));
	assert_string_equal(snapshot_find(f.snap, "irq:10")->name, "arch_timer");
	assert_sums(&f);
	fixture_done(&f);
}

static void put_root(struct fixture *f, const char *dir, const char *root)
{
	static const char *const files[] = {"proc/stat", "proc/interrupts", "proc/softirqs"};

	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(freep) char *path =
			xasprintf("%s/sysstat-roots-1-2/%s/%s", dir, root, files[i]);
		_cleanup_(freep) char *text = captures_read(path);

		/* The second snapshot has only some of the files. */
		if (text)
			host_fake_file(f->host, files[i], text);
	}
}

/* sysstat prints two digits. */
static void assert_rate(const struct fixture *f, const char *key, const char *metric, double rate)
{
	double ours = entity_rate(snapshot_find(f->snap, key), metric);

	if (isnan(ours) || fabs(ours - rate) > 0.006)
		fail_msg("%s %s: %f, sysstat says %.2f", key, metric, ours, rate);
}

static void assert_cell(const struct fixture *f, const char *key, unsigned cpu, double rate)
{
	const struct per_cpu_cell *cell =
		per_cpu_cell(entity_per_cpu(snapshot_find(f->snap, key), "per_cpu"), cpu);

	assert_non_null(cell);
	if (isnan(cell->rate) || fabs(cell->rate - rate) > 0.006)
		fail_msg("%s cpu %u: %f, sysstat says %.2f", key, cpu, cell->rate, rate);
}

/* Uptime 7192.55 and 7223.72; CPU 8 is there in the first snapshot only. */
static void test_rates(void **state)
{
	const struct probe *const probes[] = {&probe_irq, &probe_softirq, &probe_cpu};
	struct host *host = NULL;
	char dir[PATH_MAX];
	struct fixture f;

	(void)state;
	if (is_missing())
		skip();
	assert_true(captures_unpack("series/sysstat-roots-1-2.tar.xz", dir, sizeof(dir)));
	assert_int_equal(host_open_fake(&host), 0);
	fixture_init(&f, host, probes, ARRAY_SIZE(probes));
	put_root(&f, dir, "root1");
	host_fake_clock(host, UINT64_C(7192550000000));
	fixture_run(&f);
	assert_int_equal(fixture_state(&f, "cpu:8", "idle_ns"), VALUE_OK);
	assert_int_equal(fixture_state(&f, "cpu:8", "irqs"), VALUE_OK);
	put_root(&f, dir, "root2");
	host_fake_clock(host, UINT64_C(7223720000000));
	fixture_run(&f);
	captures_remove(dir);
	/* proc/softirqs of the second snapshot still has its column; the other two files do not. */
	assert_int_equal(fixture_state(&f, "cpu:8", "idle_ns"), VALUE_ABSENT);
	assert_int_equal(fixture_state(&f, "cpu:8", "irqs"), VALUE_ABSENT);
	assert_rate(&f, "host", "interrupts", 35525.06);
	assert_rate(&f, "irq:23", "count", 35.03);
	assert_rate(&f, "irq:33", "count", 15.11);
	/* "12:53:20 CPU 0/s 8/s ..." of the expected text. */
	assert_cell(&f, "irq:23", 4, 35.03);
	assert_cell(&f, "irq:19", 4, 25.92);
	assert_cell(&f, "irq:24", 2, 10.39);
	assert_sums(&f);
	assert_rate(&f, "cpu:0", "softirq_timer", 13.09);
	assert_rate(&f, "cpu:4", "softirq_tasklet", 19.44);
	assert_rate(&f, "cpu:7", "softirq_rcu", 12.32);
	/* The shares are of the ticks that were counted, not of the clock: compare the ratio. */
	double nice = entity_rate(snapshot_find(f.snap, "cpu:3"), "nice_ns");
	double idle = entity_rate(snapshot_find(f.snap, "cpu:0"), "idle_ns");

	assert_true(nice > 0.95 && nice < 1.05);
	assert_true(idle > 0.90 && idle < 0.98);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupts_8cpu), cmocka_unit_test(test_interrupts_other),
		cmocka_unit_test(test_softirqs),	cmocka_unit_test(test_stat),
		cmocka_unit_test(test_pressure),	cmocka_unit_test(test_hugepages),
		cmocka_unit_test(test_frequencies),	cmocka_unit_test(test_whole_host),
		cmocka_unit_test(test_exporter),	cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
