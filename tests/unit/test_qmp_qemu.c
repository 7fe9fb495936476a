/*
 * The QMP client and two real QEMU machines, started here (package qemu-system-x86; with KVM where
 * it works, else emulated): what they answer is what /proc says of them; a monitor that serves
 * somebody else; a machine that ends.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/host.h"
#include "probes/qmp.h"
#include "tests/unit/tree.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define N_MACHINES 2u

struct setup {
	struct tree *tree;
	struct host *host;
	struct qmp_pool *pool;
	pid_t pids[N_MACHINES];
	char *sockets[N_MACHINES];
	unsigned round;
};

static void exec_qemu(const struct setup *s, unsigned number)
{
	char name[64], monitor[128];
	const char *const args[] = {QEMU,
				    "-accel",
				    "kvm",
				    "-accel",
				    "tcg",
				    "-M",
				    "q35,memory-backend=m0",
				    "-smp",
				    "2",
				    "-m",
				    "64",
				    "-name",
				    name,
				    "-uuid",
				    "5f9b4c0e-0000-4000-8000-000000000001",
				    "-object",
				    "memory-backend-ram,id=m0,size=64M,prealloc=on",
				    "-object",
				    "iothread,id=io1",
				    "-drive",
				    "if=none,id=d0,file=null-co://,format=raw,size=1M",
				    "-device",
				    "virtio-blk-pci,id=disk0,drive=d0,iothread=io1",
				    "-display",
				    "none",
				    "-nodefaults",
				    "-boot",
				    "menu=on,splash-time=60000",
				    "-qmp",
				    monitor,
				    NULL};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(name, sizeof(name), "jt-qmp-%u,debug-threads=on", number);
	(void)snprintf(monitor, sizeof(monitor), "unix:%s,server=on,wait=off", s->sockets[number]);
	(void)freopen("/dev/null", "w", stderr);
	(void)execv(QEMU, (char *const *)(uintptr_t)args);
	_exit(127);
}

static const struct qmp_machine *ask(struct setup *s, unsigned number)
{
	_cleanup_(freep) char *key = xasprintf("%d.%u", (int)s->pids[number], ++s->round);

	qmp_pool_begin(s->pool);
	qmp_pool_want(s->pool, key, s->pids[number], s->sockets[number], QMP_ALL);
	assert_int_equal(qmp_pool_run(s->pool), 0);
	return qmp_pool_find(s->pool, key);
}

/* Until it says text (""): whatever; machines take a while to start, and ours to get a CPU. */
static const struct qmp_machine *ask_until(struct setup *s, unsigned number, const char *text)
{
	const struct qmp_machine *m = NULL;

	for (unsigned i = 0; i < 100; i++) {
		m = ask(s, number);
		if (!strcmp(m->text, text))
			return m;
		(void)poll(NULL, 0, 50);
	}
	return m;
}

static int start_machines(void **state)
{
	struct setup *s = xcalloc(1, sizeof(*s));

	*state = s;
	if (access(QEMU, X_OK) < 0)
		return 0;
	s->tree = tree_new();
	if (host_open_live(&s->host) < 0)
		return -1;
	s->pool = qmp_pool_new(s->host);
	for (unsigned i = 0; i < N_MACHINES; i++) {
		_cleanup_(freep) char *name = xasprintf("qmp-%u.sock", i);

		s->sockets[i] = tree_path(s->tree, name);
		s->pids[i] = fork();
		if (s->pids[i] == 0)
			exec_qemu(s, i);
	}
	return 0;
}

static void stop_machine(struct setup *s, unsigned number)
{
	if (s->pids[number] <= 0)
		return;
	(void)kill(s->pids[number], SIGKILL);
	(void)waitpid(s->pids[number], NULL, 0);
	s->pids[number] = 0;
}

static int stop_machines(void **state)
{
	struct setup *s = *state;

	for (unsigned i = 0; i < N_MACHINES; i++) {
		stop_machine(s, i);
		free(s->sockets[i]);
	}
	qmp_pool_free(s->pool);
	host_close(s->host);
	if (s->tree)
		tree_free(s->tree);
	free(s);
	return 0;
}

static bool is_absent(const struct setup *s)
{
	if (!s->tree)
		print_message("SKIP: no " QEMU "\n");
	return !s->tree;
}

/* Of /proc/PID/task/TID. */
static void assert_thread(const struct setup *s, unsigned number, pid_t tid, const char *comm)
{
	char text[64] = "";

	assert_true(host_readf(s->host, text, sizeof(text), "proc/%d/task/%d/comm",
			       (int)s->pids[number], (int)tid) > 0);
	assert_memory_equal(text, comm, strlen(comm));
}

static void they_say_what_proc_says(void **state)
{
	struct setup *s = *state;

	if (is_absent(s))
		skip();
	for (unsigned i = 0; i < N_MACHINES; i++) {
		const struct qmp_machine *m = ask_until(s, i, "ok");
		_cleanup_(freep) char *name = xasprintf("jt-qmp-%u", i);

		assert_string_equal(m->text, "ok");
		assert_string_equal(m->name, name);
		assert_string_equal(m->uuid, "5f9b4c0e-0000-4000-8000-000000000001");
		assert_string_equal(m->status, "running");
		assert_int_equal(m->peer, s->pids[i]);
		assert_true(m->version[0] >= 5);
		assert_int_equal(m->cpus.n, 2);
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			_cleanup_(freep) char *comm =
				xasprintf("CPU %u/%s", cpu, m->is_kvm ? "KVM" : "TCG");

			assert_int_equal(m->cpus.at[cpu].index, cpu);
			assert_string_equal(m->cpus.at[cpu].target, "x86_64");
			/* Emulated vCPUs may share one thread. */
			assert_thread(s, i, m->cpus.at[cpu].tid, m->is_kvm ? comm : "");
		}
		assert_int_equal(m->iothreads.n, 1);
		assert_string_equal(m->iothreads.at[0].id, "io1");
		assert_thread(s, i, m->iothreads.at[0].tid, "IO io1");
		assert_int_equal(m->memdevs.n, 1);
		assert_string_equal(m->memdevs.at[0].id, "m0");
		assert_int_equal(m->memdevs.at[0].size_bytes, 64 << 20);
		assert_true(m->memdevs.at[0].prealloc.value);
		assert_int_equal(m->base_bytes.value, 64 << 20);
		assert_int_equal(m->blocks.n, 1);
		assert_string_equal(m->blocks.at[0].device, "d0");
		assert_true(m->pci.n >= 2);
		assert_int_equal(m->slots.n, 2);
		assert_int_equal(m->answers[QMP_BALLOON].state, QMP_REFUSED);
	}
}

static uint64_t exits_of(const struct qmp_machine *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->vcpu_stats.n; i++)
		sum += qmp_counter(&m->vcpu_counters, &m->vcpu_stats.at[i], "exits").value;
	return sum;
}

/* The firmware waits for a key. */
static void exits_move(void **state)
{
	struct setup *s = *state;
	const struct qmp_machine *m;
	uint64_t first, last;

	if (is_absent(s))
		skip();
	m = ask_until(s, 0, "ok");
	if (!m->is_kvm || m->answers[QMP_SCHEMAS].state != QMP_ANSWERED) {
		print_message("SKIP: without KVM, or QEMU before 7.1\n");
		skip();
	}
	assert_int_equal(m->answers[QMP_STATS_VCPU].state, QMP_ANSWERED);
	assert_int_equal(m->vcpu_stats.n, 2);
	first = last = exits_of(m);
	for (unsigned i = 0; i < 100 && last == first; i++) {
		(void)poll(NULL, 0, 50);
		last = exits_of(ask_until(s, 0, "ok"));
	}
	assert_true(last > first);
	m = ask_until(s, 0, "ok");
	assert_true(qmp_counter(&m->vcpu_counters, m->vcpu_stats.at, "io_exits").is_set);
	assert_true(qmp_counter(&m->vcpu_counters, m->vcpu_stats.at, "halt_poll_fail_ns").is_set);
}

/* While somebody else is served, and after he left. We left each time, or this would be us. */
static void a_monitor_serves_one_client(void **state)
{
	struct setup *s = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char greeting[8];
	const struct qmp_machine *m;

	if (is_absent(s))
		skip();
	(void)ask_until(s, 1, "ok");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->sockets[1]);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(recv(fd, greeting, sizeof(greeting), 0) > 0);
	for (unsigned i = 0; i < 4; i++) {
		m = ask(s, 1);
		assert_int_equal(m->state, QMP_BUSY);
		assert_memory_equal(m->text, "busy", 4);
	}
	assert_int_equal(close(fd), 0);
	m = ask_until(s, 1, "ok");
	assert_string_equal(m->text, "ok");
	assert_string_equal(m->name, "jt-qmp-1");
}

static void a_machine_that_ended(void **state)
{
	struct setup *s = *state;
	const struct qmp_machine *m;
	pid_t pid = s->pids[0];

	if (is_absent(s))
		skip();
	stop_machine(s, 0);
	s->pids[0] = pid;
	m = ask(s, 0);
	s->pids[0] = 0;
	assert_int_equal(m->state, QMP_GONE);
	assert_string_equal(m->name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_say_what_proc_says),
		cmocka_unit_test(exits_move),
		cmocka_unit_test(a_monitor_serves_one_client),
		cmocka_unit_test(a_machine_that_ended),
	};

	return cmocka_run_group_tests(tests, start_machines, stop_machines);
}
