/* The knobs' targets, plans and checks on fake hosts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "probes/probes.h"

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	char why[512];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	*state = f;
	return host_open_fake(&f->host);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	host_close(f->host);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void add_irq(struct fixture *f, unsigned irq, const char *actions, const char *cpus)
{
	char path[64], text[128];

	(void)snprintf(path, sizeof(path), "proc/irq/%u/smp_affinity_list", irq);
	(void)snprintf(text, sizeof(text), "%s\n", cpus);
	host_fake_file(f->host, path, text);
	(void)snprintf(path, sizeof(path), "proc/irq/%u/effective_affinity_list", irq);
	host_fake_file(f->host, path, "1\n");
	(void)snprintf(path, sizeof(path), "sys/kernel/irq/%u/chip_name", irq);
	host_fake_file(f->host, path, "PCI-MSIX-0000:00:03.0\n");
	(void)snprintf(path, sizeof(path), "sys/kernel/irq/%u/hwirq", irq);
	host_fake_file(f->host, path, "1\n");
	(void)snprintf(path, sizeof(path), "sys/kernel/irq/%u/actions", irq);
	(void)snprintf(text, sizeof(text), "%s\n", actions);
	host_fake_file(f->host, path, text);
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
}

static int plan(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

static void test_irq_targets(void **state)
{
	struct fixture *f = *state;

	add_irq(f, 9, "", "0-3"); /* nobody handles it */
	add_irq(f, 40, "eth0-rx-0", "0-3");
	add_irq(f, 41, "nvme0q1", "1");
	add_irq(f, 42, "evil\x1b[2J", "0-3");
	assert_int_equal(knob_irq_affinity.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 3);
	assert_string_equal(f->targets.targets[0].key, "irq:40");
	assert_string_equal(f->targets.targets[0].name, "eth0-rx-0");
	assert_string_equal(f->targets.targets[0].value, "0-3");
	assert_null(f->targets.targets[0].locked);
	assert_null(strstr(f->targets.targets[0].choices, "managed"));
	assert_non_null(strstr(f->targets.targets[1].choices, "managed"));
	assert_null(strchr(f->targets.targets[2].name, '\x1b'));
}

static void test_irq_plan(void **state)
{
	struct fixture *f = *state;

	add_irq(f, 40, "eth0 rx", "0-3");
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", "3,2"), 0);
	assert_string_equal(f->why, "");
	assert_string_equal(f->plan.steps[0].new_value, "2-3");
	assert_string_equal(f->plan.steps[0].identity, "PCI-MSIX-0000:00:03.0/1/eth0_rx");
	assert_string_equal(f->plan.title, "irq 40 -> cpu 2-3");
	/* Where it was delivered, and where it goes. */
	assert_int_equal(cpuset_count(&f->plan.affected), 3);
	assert_true(cpuset_has(&f->plan.affected, 1));
}

static void test_irq_refused(void **state)
{
	struct fixture *f = *state;

	add_irq(f, 40, "eth0", "0-3");
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:99", "1"), -ENOENT);
	assert_non_null(strstr(f->why, "irq:99"));
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", ""), -EINVAL);
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", "9"), -EINVAL);
	assert_non_null(strstr(f->why, "online"));
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", "0-"), -EINVAL);
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:040", "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:../1", "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_irq_affinity, "40", "0"), -EINVAL);
	assert_int_equal(f->plan.n_steps, 0);
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", "0,7"), 0);
	assert_non_null(strstr(f->why, "7")); /* a warning */
}

/* The number alone is not the interrupt. */
static void test_irq_identity(void **state)
{
	struct fixture *f = *state;
	_cleanup_(change_report_freep) struct change_report *report = xcalloc(1, sizeof(*report));

	add_irq(f, 40, "eth0", "0-3");
	assert_int_equal(plan(f, &knob_irq_affinity, "irq:40", "0"), 0);
	assert_int_equal(change_check(f->host, &f->plan, report), 0);
	add_irq(f, 40, "eth1", "0-3");
	assert_int_equal(change_check(f->host, &f->plan, report), -ESTALE);
	/* A passing error is not absence. */
	host_fake_error(f->host, "proc/irq/40/smp_affinity_list", EIO);
	assert_int_equal(change_check(f->host, &f->plan, report), -EIO);
	assert_int_equal(report->steps[0].result, CHANGE_REFUSED);
}

static void add_node(struct fixture *f, unsigned node, const char *pages)
{
	char path[128], text[128];

	(void)snprintf(path, sizeof(path),
		       "sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages",
		       node);
	host_fake_file(f->host, path, pages);
	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/meminfo", node);
	(void)snprintf(text, sizeof(text),
		       "Node %u MemTotal:       1024000 kB\nNode %u MemFree:    102400 kB\n", node,
		       node);
	host_fake_file(f->host, path, text);
	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
	host_fake_file(f->host, path, node ? "2-3\n" : "0-1\n");
}

static void test_pages(void **state)
{
	struct fixture *f = *state;

	add_node(f, 0, "4\n");
	add_node(f, 2, "0\n");
	assert_int_equal(knob_hugepages.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 2);
	assert_string_equal(f->targets.targets[0].key, "node:0/2048kB");
	assert_string_equal(f->targets.targets[0].value, "4");
	assert_string_equal(f->targets.targets[1].key, "node:2/2048kB");

	assert_int_equal(plan(f, &knob_hugepages, "node:2/2048kB", "10"), 0);
	assert_string_equal(f->why, "");
	assert_int_equal(cpuset_count(&f->plan.affected), 2);
	assert_true(cpuset_has(&f->plan.affected, 2));
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "100"), 0);
	assert_non_null(strstr(f->why, "MiB")); /* more than is free: a warning */
	assert_string_equal(f->plan.title,
			    "node:2/2048kB 0 -> 10 pages, node:0/2048kB 4 -> 100 pages");
}

static void test_pages_refused(void **state)
{
	struct fixture *f = *state;

	add_node(f, 0, "4\n");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "501"), -ERANGE);
	assert_non_null(strstr(f->why, "500"));
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "18446744073709551615"),
			 -ERANGE);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "-1"), -EINVAL);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/4kB", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_hugepages, "node:1/2048kB", "1"), -ENOENT);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/../2048kB", "1"), -EINVAL);
	assert_int_equal(plan(f, &knob_hugepages, "all/2048kB", "1"), -EINVAL);
	assert_non_null(strstr(f->why, "node"));
	assert_int_equal(f->plan.n_steps, 0);
}

/* What nr_hugepages shows is then no value that a write would bring back. */
static void test_pages_surplus(void **state)
{
	static const char surplus[] =
		"sys/devices/system/node/node0/hugepages/hugepages-2048kB/surplus_hugepages";
	struct fixture *f = *state;

	add_node(f, 0, "4\n");
	host_fake_file(f->host, surplus, "4\n");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "10"), -EBUSY);
	assert_non_null(strstr(f->why, "4 of its pages are surplus"));
	host_fake_file(f->host, surplus, "0\n");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "10"), 0);
}

/* Pages beyond the count (overcommit) that came while the trial ran are not ours and no foreign
 * value: the persistent count is put back, and what is still in use is said. */
static void test_pages_surplus_later(void **state)
{
	static const char directory[] = "sys/devices/system/node/node0/hugepages/hugepages-2048kB";
	struct fixture *f = *state;
	_cleanup_(change_report_done) struct change_report report = {0};
	char path[128], shown[32];

	add_node(f, 0, "0\n");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "4"), 0);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &report), 0);
	assert_int_equal(report.steps[0].result, CHANGE_EXACT);
	(void)snprintf(path, sizeof(path), "%s/surplus_hugepages", directory);
	host_fake_file(f->host, path, "4\n");
	(void)snprintf(path, sizeof(path), "%s/nr_hugepages", directory);
	host_fake_file(f->host, path, "8\n");
	/* The kernel shows 0 persistent and 8 surplus pages after a write of 0; the fake host shows
	 * what was written, so that is 0 of both: written, and not left as somebody else's. */
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &report), 0);
	assert_int_equal(report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(host_read(f->host, path, shown, sizeof(shown)), 1);
	assert_string_equal(shown, "0");
	/* In use still: nothing but that is left. */
	host_fake_file(f->host, path, "3\n");
	(void)snprintf(path, sizeof(path), "%s/surplus_hugepages", directory);
	host_fake_file(f->host, path, "3\n");
	assert_int_equal(
		step_class_hugepages.effective(f->host, "node:0/2048kB", shown, sizeof(shown)), 0);
	assert_string_equal(shown, "3");
}

static void test_pages_without_nodes(void **state)
{
	struct fixture *f = *state;

	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	assert_int_equal(knob_hugepages.targets(f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 2);
	assert_string_equal(f->targets.targets[0].key, "all/2048kB");
	assert_int_equal(plan(f, &knob_hugepages, "all/2048kB", "3"), 0);
	assert_int_equal(cpuset_count(&f->plan.affected), 4);
}

/* A host with neither: no targets, no noise. */
static void test_nothing(void **state)
{
	struct fixture *f = *state;

	(void)knob_irq_affinity.targets(f->host, &f->targets);
	(void)knob_hugepages.targets(f->host, &f->targets);
	assert_int_equal(f->targets.n_targets, 0);
}

/* ... but no knob is invisible. */
static void test_nothing_is_said(void **state)
{
	struct fixture *f = *state;

	(void)knob_list(&knob_irq_affinity, f->host, &f->targets);
	(void)knob_list(&knob_vm_pin, f->host, &f->targets);
	assert_int_equal(f->targets.n_targets, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_null(f->targets.targets[i].value);
		assert_non_null(f->targets.targets[i].locked);
	}
	assert_string_equal(f->targets.targets[1].key, "vm:*");
	assert_string_equal(f->targets.targets[1].locked, "no virtual machine is seen here");
	/* Where there are some, nothing is added. */
	f->targets.n_targets = 0;
	add_irq(f, 40, "eth0-rx-0", "0-3");
	assert_int_equal(knob_list(&knob_irq_affinity, f->host, &f->targets), 0);
	assert_int_equal(f->targets.n_targets, 1);
	assert_null(f->targets.targets[0].locked);
}

/* Every errno the kernel documents for a move is said in words. */
struct write_log {
	char paths[512];
	int compact_error;
};

static int log_write(void *arg, struct host *host, const char *path, const char *text)
{
	struct write_log *log = arg;
	size_t len = strlen(log->paths);

	(void)host;
	(void)snprintf(log->paths + len, sizeof(log->paths) - len, "%s=%s;", strrchr(path, '/') + 1,
		       text);
	return strstr(path, "compact") ? log->compact_error : 0;
}

/* More pages: memory is compacted before; fewer, and the undo: not. */
static void test_pages_compact(void **state)
{
	struct fixture *f = *state;
	_cleanup_(change_report_done) struct change_report report = {0};
	struct write_log log = {.compact_error = -EINTR};

	add_node(f, 0, "4\n");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "8+compact"), -EOPNOTSUPP);
	assert_non_null(strstr(f->why, "CONFIG_COMPACTION"));
	host_fake_file(f->host, "sys/devices/system/node/node0/compact", "");
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "+compact"), -EINVAL);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "501+compact"), -ERANGE);
	assert_int_equal(plan(f, &knob_hugepages, "node:0/2048kB", "8+compact"), 0);
	assert_non_null(strstr(f->why, "compacted first"));
	assert_ptr_equal(f->plan.steps[0].class, &step_class_hugepages_compact);
	assert_string_equal(f->plan.steps[0].new_value, "8");
	assert_string_equal(f->plan.title, "node:0/2048kB 4 -> 8 pages, compacting");
	host_fake_on_write(f->host, log_write, &log);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &report), 0);
	assert_string_equal(log.paths, "compact=1;nr_hugepages=8;");
	log.paths[0] = '\0';
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &report), 0);
	assert_string_equal(log.paths, "nr_hugepages=4;");
}

static void test_explain(void **state)
{
	static const int errors[] = {EIO, EPERM, ENOSPC, EBUSY, EINVAL, EOVERFLOW, ENOENT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_non_null(step_class_irq_affinity.explain(errors[i]));
	assert_null(step_class_irq_affinity.explain(EXDEV));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_irq_targets),
		TEST(test_irq_plan),
		TEST(test_irq_refused),
		TEST(test_irq_identity),
		TEST(test_pages),
		TEST(test_pages_refused),
		TEST(test_pages_surplus),
		TEST(test_pages_surplus_later),
		TEST(test_pages_without_nodes),
		TEST(test_pages_compact),
		TEST(test_nothing),
		TEST(test_nothing_is_said),
		TEST(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
