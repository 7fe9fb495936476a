/*
 * The QMP client: what QEMU 7.2, 8.1 and 10.1 answer, on a fake host and from captures; monitors of
 * this process, good and hostile, twenty at once. A real QEMU: test_qmp_qemu.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/host_unix.h"
#include "probes/qmp_internal.h"
#include "tests/unit/tree.h"

#define PATH "proc/77/root/run/vm.sock"
#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 1, \"major\": 8}, "          \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}"
#define EVENT "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"RTC_CHANGE\"}"

struct setup {
	struct host *host;
	struct qmp_pool *pool;
	uint64_t now_ns;
};

/* The answer to a command without arguments; value is what stands behind "return". */
static void answer(struct setup *s, const char *command, const char *value)
{
	_cleanup_(freep) char *request =
		xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", command, command);
	_cleanup_(freep) char *reply =
		xasprintf("{\"return\": %s, \"id\": \"%s\"}", value, command);

	host_fake_unix(s->host, PATH, request, reply, 0);
}

static void answer_stats(struct setup *s, const char *arguments, const char *id, const char *value)
{
	_cleanup_(freep) char *request = xasprintf(
		"{\"execute\":\"query-stats\",\"arguments\":{%s},\"id\":\"%s\"}\n", arguments, id);
	_cleanup_(freep) char *reply = xasprintf("{\"return\": %s, \"id\": \"%s\"}", value, id);

	host_fake_unix(s->host, PATH, request, reply, 0);
}

static void refuse(struct setup *s, const char *command, const char *class)
{
	_cleanup_(freep) char *request =
		xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", command, command);
	_cleanup_(freep) char *reply =
		xasprintf("{\"error\": {\"class\": \"%s\", \"desc\": \"no such thing\"}, "
			  "\"id\": \"%s\"}",
			  class, command);

	host_fake_unix(s->host, PATH, request, reply, 0);
}

#define SCHEMAS                                                                                    \
	"[{\"provider\": \"kvm\", \"target\": \"vcpu\", \"stats\": ["                              \
	"{\"name\": \"exits\", \"type\": \"cumulative\"}, "                                        \
	"{\"name\": \"io_exits\", \"type\": \"cumulative\"}, "                                     \
	"{\"name\": \"guest_mode\", \"type\": \"instant\"}, "                                      \
	"{\"name\": \"bad\\\"exits\", \"type\": \"cumulative\"}, "                                 \
	"{\"name\": \"halt_poll_fail_ns\", \"type\": \"cumulative\"}, "                            \
	"{\"name\": \"halt_poll_fail_hist\", \"type\": \"log2-histogram\"}]}, "                    \
	"{\"provider\": \"kvm\", \"target\": \"vm\", \"stats\": ["                                 \
	"{\"name\": \"pages_2m\", \"type\": \"instant\"}]}, "                                      \
	"{\"provider\": \"cryptodev\", \"target\": \"cryptodev\", \"stats\": []}]"
#define VCPU_STATS                                                                                 \
	"[{\"provider\": \"kvm\", \"qom-path\": \"/machine/unattached/device[2]\", \"stats\": ["   \
	"{\"name\": \"exits\", \"value\": 71}, {\"name\": \"io_exits\", \"value\": 5}, "           \
	"{\"name\": \"other\", \"value\": 1}]}, "                                                  \
	"{\"provider\": \"kvm\", \"qom-path\": \"/machine/unattached/device[9]\", \"stats\": ["    \
	"{\"name\": \"exits\", \"value\": 3}]}]"
#define CPUS                                                                                       \
	"[{\"thread-id\": 100, \"props\": {\"core-id\": 0, \"thread-id\": 0, \"socket-id\": 0}, "  \
	"\"qom-path\": \"/machine/unattached/device[0]\", \"cpu-index\": 0, \"target\": "          \
	"\"x86_64\"}, "                                                                            \
	"{\"thread-id\": 101, \"props\": {\"core-id\": 1, \"thread-id\": 0, \"socket-id\": 0, "    \
	"\"node-id\": 1}, \"qom-path\": \"/machine/unattached/device[2]\", \"cpu-index\": 1, "     \
	"\"target\": \"x86_64\"}]"
#define VCPU_ARGUMENTS                                                                             \
	"\"target\":\"vcpu\",\"providers\":[{\"provider\":\"kvm\",\"names\":"                      \
	"[\"exits\",\"io_exits\",\"halt_poll_fail_ns\"]}]"

static void answer_all(struct setup *s)
{
	host_fake_unix(s->host, PATH, NULL, GREETING, 0);
	answer(s, "qmp_capabilities", "{}");
	answer(s, "query-name", "{\"name\": \"web\"}");
	answer(s, "query-uuid", "{\"UUID\": \"5f9b4c0e-0000-4000-8000-000000000001\"}");
	answer(s, "query-kvm", "{\"enabled\": true, \"present\": true}");
	answer(s, "query-status", "{\"status\": \"running\", \"running\": true}");
	answer(s, "query-cpus-fast", CPUS);
	answer(s, "query-iothreads",
	       "[{\"poll-shrink\": 0, \"thread-id\": 99, \"poll-max-ns\": 32768, \"id\": "
	       "\"io1\"}]");
	answer(s, "query-memdev",
	       "[{\"share\": false, \"reserve\": true, \"prealloc\": true, \"host-nodes\": [0, 3], "
	       "\"size\": 67108864, \"merge\": true, \"dump\": true, \"policy\": \"bind\", \"id\": "
	       "\"m0\"}]");
	answer(s, "query-memory-size-summary",
	       "{\"base-memory\": 67108864, \"plugged-memory\": 0}");
	refuse(s, "query-balloon", "DeviceNotActive");
	answer(s, "query-stats-schemas", SCHEMAS);
	answer_stats(s,
		     "\"target\":\"vm\",\"providers\":[{\"provider\":\"kvm\",\"names\":"
		     "[\"pages_2m\"]}]",
		     "query-stats-vm-0",
		     "[{\"provider\": \"kvm\", \"stats\": [{\"name\": \"pages_2m\", \"value\": "
		     "32}]}]");
	answer_stats(s, VCPU_ARGUMENTS, "query-stats-vcpu-0", VCPU_STATS);
	answer(s, "query-chardev",
	       "[{\"frontend-open\": true, \"filename\": \"unix:/run/vm.sock,server=on\", "
	       "\"label\": \"compat_monitor0\"}]");
	answer(s, "query-block",
	       "[{\"io-status\": \"ok\", \"device\": \"d0\", \"locked\": false, \"removable\": "
	       "false, \"inserted\": {\"image\": {\"virtual-size\": 1048576, \"filename\": "
	       "\"/d\"}, "
	       "\"ro\": true, \"node-name\": \"#block1\", \"drv\": \"raw\", \"cache\": "
	       "{\"direct\": "
	       "true}, \"file\": \"/d\"}, \"qdev\": \"disk0\"}, {\"device\": \"\", \"removable\": "
	       "true}]");
	answer(s, "query-pci",
	       "[{\"bus\": 0, \"devices\": [{\"bus\": 0, \"qdev_id\": \"root1\", \"slot\": 1, "
	       "\"class_info\": {\"class\": 1540, \"desc\": \"PCI bridge\"}, \"id\": {\"device\": "
	       "12, \"vendor\": 6966}, \"function\": 0, \"regions\": [], \"pci_bridge\": {\"bus\": "
	       "{\"number\": 0}, \"devices\": [{\"bus\": 1, \"qdev_id\": \"nic0\", \"irq\": 11, "
	       "\"slot\": 0, \"class_info\": {\"class\": 512}, \"id\": {\"device\": 4161, "
	       "\"vendor\": 6900}, \"function\": 0}]}}]}]");
	answer(s, "query-hotpluggable-cpus",
	       "[{\"props\": {\"core-id\": 2}, \"vcpus-count\": 1, \"type\": "
	       "\"qemu64-x86_64-cpu\"}, "
	       "{\"props\": {\"core-id\": 0}, \"vcpus-count\": 1, \"qom-path\": "
	       "\"/machine/unattached/device[0]\", \"type\": \"qemu64-x86_64-cpu\"}]");
	answer(s, "query-rx-filter",
	       "[{\"promiscuous\": true, \"name\": \"nic0\", \"main-mac\": \"52:54:00:12:34:56\", "
	       "\"vlan-table\": [0, 1]}]");
}

static void setup(struct setup *s)
{
	*s = (struct setup){.now_ns = NSEC_PER_SEC};
	assert_int_equal(host_open_fake(&s->host), 0);
	host_fake_clock(s->host, s->now_ns);
	s->pool = qmp_pool_new(s->host);
}

static void teardown(struct setup *s)
{
	qmp_pool_free(s->pool);
	host_close(s->host);
}

static const struct qmp_machine *run(struct setup *s, uint32_t commands)
{
	qmp_pool_begin(s->pool);
	qmp_pool_want(s->pool, "77.5", 77, "/run/vm.sock", commands);
	assert_int_equal(qmp_pool_run(s->pool), 0);
	return qmp_pool_find(s->pool, "77.5");
}

static void pass(struct setup *s, uint64_t ms)
{
	s->now_ns += ms * NSEC_PER_MSEC;
	host_fake_clock(s->host, s->now_ns);
}

static void a_machine_and_all_it_says(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	answer_all(&s);

	const struct qmp_machine *m = run(&s, QMP_ALL);

	assert_string_equal(m->text, "ok");
	assert_int_equal(m->state, QMP_OK);
	assert_int_equal(m->ok_ns, NSEC_PER_SEC);
	for (unsigned i = 0; i < QMP_COMMANDS; i++)
		assert_int_equal(m->answers[i].state,
				 i == QMP_BALLOON ? QMP_REFUSED : QMP_ANSWERED);
	assert_string_equal(m->answers[QMP_BALLOON].why, "no such thing");
	assert_int_equal(m->answers[QMP_BALLOON].values_ns, 0);
	assert_false(m->balloon_bytes.is_set);
	assert_string_equal(m->name, "web");
	assert_string_equal(m->uuid, "5f9b4c0e-0000-4000-8000-000000000001");
	assert_int_equal(m->version[0], 8);
	assert_int_equal(m->version[1], 1);
	assert_false(m->interrupts_vcpus);
	assert_true(m->is_kvm && m->is_running);
	assert_string_equal(m->status, "running");
	assert_int_equal(m->cpus.n, 2);
	assert_int_equal(m->cpus.at[1].tid, 101);
	assert_int_equal(m->cpus.at[1].index, 1);
	assert_int_equal(m->cpus.at[1].node.value, 1);
	assert_false(m->cpus.at[0].node.is_set);
	assert_string_equal(m->cpus.at[0].target, "x86_64");
	assert_int_equal(m->iothreads.n, 1);
	assert_int_equal(m->iothreads.at[0].tid, 99);
	assert_int_equal(m->iothreads.at[0].poll_max_ns.value, 32768);
	assert_int_equal(m->memdevs.n, 1);
	assert_true(cpuset_has(&m->memdevs.at[0].nodes, 3));
	assert_int_equal(cpuset_count(&m->memdevs.at[0].nodes), 2);
	assert_string_equal(m->memdevs.at[0].policy, "bind");
	assert_true(m->memdevs.at[0].prealloc.value && m->memdevs.at[0].share.is_set);
	assert_int_equal(m->base_bytes.value, 67108864);
	teardown(&s);
}

static void counters_and_devices(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	answer_all(&s);

	const struct qmp_machine *m = run(&s, QMP_ALL);

	assert_int_equal(m->vcpu_counters.n_names, 3);
	assert_int_equal(m->vcpu_stats.n, 2);
	assert_int_equal(m->vcpu_stats.at[1].cpu_index, 1);
	assert_int_equal(qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[1], "exits").value, 71);
	assert_int_equal(qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[1], "io_exits").value, 5);
	assert_false(
		qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[1], "halt_poll_fail_ns").is_set);
	assert_false(qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[0], "exits").is_set);
	assert_false(qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[1], "nothing").is_set);
	assert_int_equal(qmp_counter(&m->vm_counters, &m->vm_stats, "pages_2m").value, 32);
	assert_int_equal(m->blocks.n, 2);
	assert_string_equal(m->blocks.at[0].driver, "raw");
	assert_true(m->blocks.at[0].is_read_only && m->blocks.at[0].is_direct);
	assert_false(m->blocks.at[1].has_medium);
	assert_int_equal(m->blocks.at[0].size_bytes.value, 1048576);
	assert_int_equal(m->pci.n, 2);
	assert_string_equal(m->pci.at[1].id, "nic0");
	assert_int_equal(m->pci.at[1].bus, 1);
	assert_int_equal(m->pci.at[1].irq.value, 11);
	assert_int_equal(m->slots.n, 2);
	assert_string_equal(m->slots.at[0].qom_path, "");
	assert_int_equal(m->slots.at[0].core.value, 2);
	assert_string_equal(m->rx_filters.at[0].mac, "52:54:00:12:34:56");
	assert_string_equal(m->chardevs.at[0].label, "compat_monitor0");
	teardown(&s);
}

static void reasons_of_exits(void **state)
{
	(void)state;
	assert_true(qmp_is_exit_reason("io_exits"));
	assert_true(qmp_is_exit_reason("wfi_exit_stat"));
	assert_true(qmp_is_exit_reason("exit_userspace"));
	assert_false(qmp_is_exit_reason("exits"));
	assert_false(qmp_is_exit_reason("halt_wakeup"));
}

/* Nobody is asked more often than the command's period, and the values stay in between. */
static void what_is_not_due_is_not_asked(void **state)
{
	struct setup s;
	const struct qmp_machine *m;

	(void)state;
	setup(&s);
	answer_all(&s);
	(void)run(&s, QMP_ALL);
	pass(&s, 1000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->asked_ns, NSEC_PER_SEC); /* not even connected to */
	pass(&s, 1000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->asked_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(m->answers[QMP_STATUS].asked_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(m->answers[QMP_STATS_VCPU].asked_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(m->answers[QMP_PCI].asked_ns, NSEC_PER_SEC);
	assert_int_equal(m->pci.n, 2);
	pass(&s, 28000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->answers[QMP_PCI].asked_ns, 31 * NSEC_PER_SEC);
	teardown(&s);
}

/* QEMU before 8.1 is asked for its vCPUs' counters less often, and not at all when not wanted. */
static void old_ones_are_spared(void **state)
{
	struct setup s;
	const struct qmp_machine *m;

	(void)state;
	setup(&s);
	host_fake_unix(
		s.host, PATH, NULL,
		"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
		"\"package\": \"Debian\"}, \"capabilities\": []}}",
		0);
	answer_all(&s);
	m = run(&s, QMP_ALL & ~QMP_BIT(QMP_STATS_VCPU));
	assert_true(m->interrupts_vcpus);
	assert_string_equal(m->package, "Debian");
	assert_int_equal(m->answers[QMP_STATS_VCPU].state, QMP_NOT_ASKED);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->answers[QMP_STATS_VCPU].asked_ns, NSEC_PER_SEC);
	teardown(&s);

	setup(&s);
	for (unsigned i = 0; i < 2; i++) /* the last one of a sequence is repeated */
		host_fake_unix(s.host, PATH, NULL,
			       "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, "
			       "\"major\": 8}, \"package\": \"\"}, \"capabilities\": []}}",
			       0);
	answer_all(&s);
	(void)run(&s, QMP_ALL);
	pass(&s, 2000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->answers[QMP_STATUS].asked_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(m->answers[QMP_STATS_VCPU].asked_ns, NSEC_PER_SEC);
	teardown(&s);
}

/* A command this QEMU does not know; counters without their names. */
static void unknown_commands_are_not_the_monitors_fault(void **state)
{
	struct setup s;
	const struct qmp_machine *m;

	(void)state;
	setup(&s);
	refuse(&s, "query-stats-schemas", "CommandNotFound");
	answer_all(&s);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "ok");
	assert_int_equal(m->answers[QMP_SCHEMAS].state, QMP_UNKNOWN);
	assert_int_equal(m->answers[QMP_STATS_VCPU].state, QMP_NOT_ASKED);
	assert_int_equal(m->cpus.n, 2);
	pass(&s, 60000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->answers[QMP_SCHEMAS].asked_ns, NSEC_PER_SEC);
	/* Nothing else to ask: not connected to for counters that have no names. */
	m = run(&s, QMP_ALL & QMP_BIT(QMP_STATS_VM));
	pass(&s, 60000);
	m = run(&s, QMP_BIT(QMP_STATS_VM) | QMP_BIT(QMP_STATS_VCPU));
	assert_int_equal(m->asked_ns, 61 * NSEC_PER_SEC);
	teardown(&s);
}

/* Each answer of a machine that is otherwise good, replaced by nonsense. The others still come. */
static void nonsense_is_named(void **state)
{
	static const struct {
		const char *command, *value, *text;
	} cases[] = {
		{"query-name", "[]", "ok, but query-name: not what QEMU answers"},
		{"query-name", "{\"name\": 5}", "ok, but query-name: not what QEMU answers"},
		{"query-status", "{\"running\": \"yes\"}",
		 "ok, but query-status: not what QEMU answers"},
		{"query-cpus-fast", "{}", "ok, but query-cpus-fast: not what QEMU answers"},
		{"query-cpus-fast", "[3]", "ok, but query-cpus-fast: not what QEMU answers"},
		{"query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 99999999999999999999}]",
		 "ok, but query-cpus-fast: not what QEMU answers"},
		{"query-cpus-fast", "[{\"cpu-index\": -1, \"thread-id\": 4}]",
		 "ok, but query-cpus-fast: not what QEMU answers"},
		{"query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 0}]",
		 "ok, but query-cpus-fast: not what QEMU answers"},
		{"query-iothreads", "[{\"id\": \"x\", \"thread-id\": 1.5}]",
		 "ok, but query-iothreads: not what QEMU answers"},
		{"query-memdev", "[{\"size\": 1, \"policy\": \"x\", \"host-nodes\": [8192]}]",
		 "ok, but query-memdev: not what QEMU answers"},
		{"query-memory-size-summary", "{\"base-memory\": -1}",
		 "ok, but query-memory-size-summary: not what QEMU answers"},
		{"query-stats-schemas", "[{\"provider\": 1}]",
		 "ok, but query-stats-schemas: not what QEMU answers"},
		{"query-pci", "[{\"devices\": [[]]}]", "ok, but query-pci: not what QEMU answers"},
		{"query-block", "[{}]", "ok, but query-block: not what QEMU answers"},
		{"query-chardev", "null", "ok, but query-chardev: not what QEMU answers"},
		{"query-pci", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
		 "query-pci: JSON that is nested too deeply"},
		{"query-block", "}{", "query-block: no JSON"},
		{"qmp_capabilities", "x", "qmp_capabilities: no JSON"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setup s;

		setup(&s);
		answer(&s, cases[i].command, cases[i].value);
		answer_all(&s);

		const struct qmp_machine *m = run(&s, QMP_ALL);

		assert_string_equal(m->text, cases[i].text);
		assert_int_equal(m->state, strncmp(cases[i].text, "ok", 2) ? QMP_FAILED : QMP_OK);
		if (m->state == QMP_OK)
			assert_int_equal(m->answers[QMP_RX_FILTER].state, QMP_ANSWERED);
		teardown(&s);
	}
}

/* The command at which the connection broke is left out of the next one, for a while. */
static void one_bad_command_does_not_hide_the_others(void **state)
{
	struct setup s;
	const struct qmp_machine *m;
	_cleanup_(freep) char *huge = xcalloc(1, 300000);

	(void)state;
	setup(&s);
	memset(huge, ' ', 299999);
	answer(&s, "query-block", huge);
	answer_all(&s);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "query-block: its reply is longer than allowed");
	assert_int_equal(m->state, QMP_FAILED);
	assert_int_equal(m->cpus.n, 2);
	assert_int_equal(m->pci.n, 0);
	pass(&s, 1000);
	m = run(&s, QMP_ALL);
	assert_int_equal(m->asked_ns, NSEC_PER_SEC); /* left alone */
	pass(&s, 1000);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "ok, but query-block: its reply is longer than allowed");
	assert_int_equal(m->pci.n, 2);
	assert_int_equal(m->rx_filters.n, 1);
	pass(&s, 60000);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "ok");
	assert_int_equal(m->blocks.n, 2);
	teardown(&s);
}

static void events_and_ids(void **state)
{
	struct setup s;
	const struct qmp_machine *m;

	(void)state;
	/* Events before the greeting, after it and between answers. */
	setup(&s);
	for (unsigned i = 0; i < 3; i++)
		host_fake_unix(s.host, PATH,
			       "{\"execute\":\"query-status\",\"id\":\"query-status\"}\n", EVENT,
			       0);
	answer_all(&s);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "ok");
	assert_string_equal(m->status, "running");
	teardown(&s);

	setup(&s);
	host_fake_unix(s.host, PATH, "{\"execute\":\"query-name\",\"id\":\"query-name\"}\n",
		       "{\"return\": {\"name\": \"evil\"}, \"id\": \"query-uuid\"}", 0);
	answer_all(&s);
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "query-name: answered another question");
	assert_string_equal(m->name, "");
	teardown(&s);

	/* For ever. */
	setup(&s);
	host_fake_unix(s.host, PATH, "{\"execute\":\"query-name\",\"id\":\"query-name\"}\n", EVENT,
		       0);
	host_fake_unix(s.host, PATH, NULL, GREETING, 0);
	answer(&s, "qmp_capabilities", "{}");
	m = run(&s, QMP_ALL);
	assert_string_equal(m->text, "query-name: too many events");
	teardown(&s);
}

/* A machine that ended is forgotten; another one under the same key starts from nothing. */
static void machines_come_and_go(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	answer_all(&s);
	assert_string_equal(run(&s, QMP_ALL)->name, "web");
	qmp_pool_begin(s.pool);
	assert_int_equal(qmp_pool_run(s.pool), 0);
	assert_null(qmp_pool_find(s.pool, "77.5"));
	assert_string_equal(run(&s, QMP_ALL)->name, "web");
	qmp_pool_begin(s.pool);
	qmp_pool_want(s.pool, "77.5", 78, "/run/vm.sock", QMP_ALL);
	qmp_pool_want(s.pool, "80.1", 77, "/run/vm.sock", QMP_ALL);
	assert_int_equal(qmp_pool_run(s.pool), 0);
	assert_string_equal(qmp_pool_find(s.pool, "77.5")->name, "");
	assert_string_equal(qmp_pool_find(s.pool, "77.5")->text, "no such socket");
	assert_int_equal(qmp_pool_find(s.pool, "77.5")->state, QMP_GONE);
	assert_string_equal(qmp_pool_find(s.pool, "80.1")->name, "web");
	teardown(&s);
}

/* 200 vCPUs are asked in parts. */
static void wide_machines_are_asked_in_parts(void **state)
{
	struct setup s;
	_cleanup_(freep) char *cpus = xstrdup("[");
	_cleanup_(freep) char *none = NULL;

	(void)state;
	setup(&s);
	for (unsigned i = 0; i < 200; i++) {
		char *longer = xasprintf("%s%s{\"cpu-index\": %u, \"thread-id\": %u, "
					 "\"qom-path\": \"/machine/c%u\"}",
					 cpus, i ? ", " : "", i, i + 1000, i);

		free(cpus);
		cpus = longer;
	}
	none = xasprintf("%s]", cpus);
	answer(&s, "query-cpus-fast", none);
	for (unsigned slice = 0; slice < 4; slice++) {
		_cleanup_(freep) char *arguments = xstrdup("\"target\":\"vcpu\",\"vcpus\":[");
		_cleanup_(freep) char *whole = NULL;
		_cleanup_(freep) char *id = xasprintf("query-stats-vcpu-%u", slice);
		_cleanup_(freep) char *value = xasprintf(
			"[{\"provider\": \"kvm\", \"qom-path\": \"/machine/c%u\", \"stats\": "
			"[{\"name\": \"exits\", \"value\": %u}]}]",
			slice * 64 + 7, slice + 1);

		for (unsigned i = slice * 64; i < 200 && i < slice * 64 + 64; i++) {
			char *longer =
				xasprintf("%s%s\"/machine/c%u\"", arguments, i % 64 ? "," : "", i);

			free(arguments);
			arguments = longer;
		}
		whole = xasprintf("%s],%s", arguments,
				  &VCPU_ARGUMENTS[strlen("\"target\":\"vcpu\",")]);
		answer_stats(&s, whole, id, value);
	}
	answer_all(&s);

	const struct qmp_machine *m = run(&s, QMP_ALL);

	assert_string_equal(m->text, "ok");
	assert_int_equal(m->vcpu_stats.n, 200);
	for (unsigned slice = 0; slice < 4; slice++)
		assert_int_equal(
			qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[slice * 64 + 7], "exits")
				.value,
			slice + 1);
	teardown(&s);
}

/* A monitor with pretty=on. */
static void messages_of_many_lines(void **state)
{
	static const char *const lines[] = {
		"{\r", "  \"a\": \"}{\\\"]\",", "", "  \"b\": [1,", "2]", "}"};
	struct qmp_assembly assembly = {0};
	const char *text;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(qmp_assemble(&assembly, lines[i], strlen(lines[i]), &text, &len),
				 i + 1 == ARRAY_SIZE(lines));
	assert_string_equal(text, "{\r\n  \"a\": \"}{\\\"]\",\n\n  \"b\": [1,\n2]\n}\n");
	assert_int_equal(len, strlen(text) - 1);
	assert_int_equal(qmp_assemble(&assembly, " \t", 2, &text, &len), 0);
	assert_int_equal(qmp_assemble(&assembly, "QEMU 7.2", 8, &text, &len), -EBADMSG);
	assert_int_equal(qmp_assemble(&assembly, "{\"", 2, &text, &len), -EBADMSG);
	free(assembly.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_and_all_it_says),
		cmocka_unit_test(counters_and_devices),
		cmocka_unit_test(reasons_of_exits),
		cmocka_unit_test(what_is_not_due_is_not_asked),
		cmocka_unit_test(old_ones_are_spared),
		cmocka_unit_test(unknown_commands_are_not_the_monitors_fault),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(one_bad_command_does_not_hide_the_others),
		cmocka_unit_test(events_and_ids),
		cmocka_unit_test(machines_come_and_go),
		cmocka_unit_test(wide_machines_are_asked_in_parts),
		cmocka_unit_test(messages_of_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
