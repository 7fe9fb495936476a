/*
 * Real QEMUs that start and end every half a second while the sampler runs: no row of a machine in
 * a run of the probe that began after its end, no descriptor lost, and (printed) how long rows
 * outlive their machines.
 *
 * JT_CHURN_SECONDS: how long (6).
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probe_fixture.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define MACHINES_MAX 512u
#define PERIOD_NS (NSEC_PER_SEC / 2)

struct machine {
	pid_t pid;
	uint64_t end_ns; /* when it was reaped; 0: it runs */
	bool was_seen;
};

struct test {
	struct fixture f;
	char dir[64];
	struct machine machines[MACHINES_MAX];
	unsigned n;
	unsigned rows, n_fds_first, n_fds_last;
	uint64_t longest_ns;
};

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void start_machine(struct test *test)
{
	char name[64], monitor[128];
	pid_t parent = getpid();

	(void)snprintf(name, sizeof(name), "jt-live-%u,debug-threads=on", test->n);
	(void)snprintf(monitor, sizeof(monitor), "unix:%s/%u,server=on,wait=off", test->dir,
		       test->n);

	pid_t pid = fork();

	if (pid == 0) {
		/* Whatever becomes of the test, its machines end with it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);

		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)!nice(19);
		execl(QEMU, QEMU, "-name", name, "-machine", "pc", "-accel",
		      access("/dev/kvm", W_OK) == 0 ? "kvm" : "tcg", "-m", "4", "-smp", "2",
		      "-nodefaults", "-display", "none", "-qmp", monitor, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	test->machines[test->n++] = (struct machine){.pid = pid};
}

static void end_machine(struct test *test, unsigned i)
{
	struct machine *machine = &test->machines[i];

	if (machine->end_ns)
		return;
	(void)kill(machine->pid, SIGKILL);
	(void)waitpid(machine->pid, NULL, 0);
	machine->end_ns = host_now_ns(test->f.host);
}

static void check_row(struct test *test, const struct snapshot *snap, uint64_t pid)
{
	uint64_t run_ns = snap->probes[0].time_ns;

	for (unsigned i = 0; i < test->n; i++) {
		struct machine *machine = &test->machines[i];

		if ((uint64_t)machine->pid != pid)
			continue;
		machine->was_seen = true;
		test->rows++;
		if (!machine->end_ns)
			continue;
		if (run_ns > machine->end_ns)
			fail_msg("a row of machine %u, which had ended before it was looked for",
				 i);
		if (host_now_ns(test->f.host) - machine->end_ns > test->longest_ns)
			test->longest_ns = host_now_ns(test->f.host) - machine->end_ns;
	}
}

static void take_snapshot(struct test *test)
{
	const struct snapshot *snap = sampler_take(test->f.sampler);

	if (!snap)
		return;

	const struct snapshot_table *table = snapshot_table(snap, "vm");
	uint64_t pid;

	assert_int_not_equal(snap->probes[0].status, SAMPLE_FAULT);
	for (unsigned i = 0; i < table->n_entities; i++) {
		if (entity_u64(&table->entities[i], "pid", &pid))
			check_row(test, snap, pid);
	}
	snapshot_unref(snap);
}

static void run(struct test *test, unsigned seconds)
{
	const struct timespec pause = {.tv_nsec = 20 * (long)NSEC_PER_MSEC};
	uint64_t now_ns = host_now_ns(test->f.host), end_ns = now_ns + seconds * NSEC_PER_SEC;
	uint64_t next_ns = now_ns;

	while (now_ns < end_ns) {
		if (now_ns >= next_ns && test->n < MACHINES_MAX) {
			start_machine(test);
			/* Two and a half periods of the probe long. */
			if (test->n > 5)
				end_machine(test, test->n - 6);
			next_ns += PERIOD_NS;
		}
		(void)nanosleep(&pause, NULL);
		take_snapshot(test);
		now_ns = host_now_ns(test->f.host);
	}
	for (unsigned i = 0; i < test->n; i++)
		end_machine(test, i);
	/* Until a run that began after the last one's end. */
	for (unsigned i = 0; i < 200; i++) {
		(void)nanosleep(&pause, NULL);
		take_snapshot(test);
	}
}

static void machines_that_come_and_go(void **state)
{
	extern const struct probe probe_vm;
	static const struct probe *const probes[] = {&probe_vm};
	const char *text = getenv("JT_CHURN_SECONDS");
	struct test *test = xcalloc(1, sizeof(*test));
	unsigned seconds = text ? (unsigned)atoi(text) : 6, seen = 0;
	struct host *host = NULL;

	(void)state;
	if (access(QEMU, X_OK) < 0) {
		free(test);
		skip();
	}
	(void)snprintf(test->dir, sizeof(test->dir), "/tmp/jt-test-XXXXXX");
	assert_non_null(mkdtemp(test->dir));
	assert_int_equal(host_open_live(&host), 0);
	fixture_init(&test->f, host, probes, 1);
	sampler_want(test->f.sampler, UINT64_MAX);
	assert_int_equal(sampler_start(test->f.sampler, NSEC_PER_SEC / 4), 0);
	run(test, 2);
	test->n_fds_first = count_fds();
	run(test, seconds);
	test->n_fds_last = count_fds();
	for (unsigned i = 0; i < test->n; i++) {
		_cleanup_(freep) char *path = xasprintf("%s/%u", test->dir, i);

		seen += test->machines[i].was_seen;
		(void)unlink(path);
	}
	(void)rmdir(test->dir);
	print_message("%u machines, %u of them seen in %u rows; a row outlived its machine by "
		      "%.0f ms at most; descriptors %u, then %u\n",
		      test->n, seen, test->rows, (double)test->longest_ns / 1e6, test->n_fds_first,
		      test->n_fds_last);
	assert_true(seen > 0);
	assert_true(test->n_fds_last <= test->n_fds_first + 2);
	fixture_done(&test->f);
	free(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_that_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
