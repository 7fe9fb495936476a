/* Guard, sleeper and the outside commands on a scratch host. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/guard.h"
#include "probes/probes.h"

#define WAIT_MS 20000 /* far more than anything takes: only a hang runs into it */

/* A class whose steps take their time, so that there is something to cancel. */
static int slow_path(const char *object, char *buf, size_t size)
{
	if (strcmp(object, "slow:a") != 0 && strcmp(object, "slow:b") != 0)
		return -EINVAL;
	(void)snprintf(buf, size, "proc/slow_%c", object[5]);
	return 0;
}

static int slow_identity(struct host *host, const char *object, char *buf, size_t size)
{
	(void)host;
	(void)object;
	(void)usleep(100000);
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

static const struct step_class slow_class = {.name = "slow",
					     .compare = STEP_U64,
					     .flags = STEP_SLOW,
					     .path = slow_path,
					     .identity = slow_identity};

static const struct step_class *const classes[] = {&step_class_irq_affinity, &step_class_hugepages,
						   &slow_class, NULL};

struct fixture {
	char base[64], tree[96], run[96];
	struct guard_options options;
	struct guard *guard;
	struct guard_event event;
	struct plan plan;
	char why[256];
};

static int open_scratch(void *arg, struct host **ret)
{
	return host_open_scratch(arg, ret);
}

static void put(const char *base, const char *path, const char *text)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", base, path);
	for (char *slash = strchr(full + strlen(base) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
}

static const char affinity[] = "proc/irq/40/smp_affinity_list";
static const char pages[] = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";

static bool shows(const struct fixture *f, const char *path, const char *wanted)
{
	char full[512], text[64] = "";

	(void)snprintf(full, sizeof(full), "%s/%s", f->tree, path);
	FILE *file = fopen(full, "r");
	assert_non_null(file);
	(void)!fgets(text, sizeof(text), file);
	(void)fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, wanted);
}

static void expect(const struct fixture *f, const char *path, const char *wanted)
{
	if (!shows(f, path, wanted))
		fail_msg("%s does not show %s", path, wanted);
}

static bool comes_to_show(const struct fixture *f, const char *path, const char *wanted)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (shows(f, path, wanted))
			return true;
		(void)usleep(10000);
	}
	return false;
}

static bool has_file(const struct fixture *f, const char *name)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", f->run, name);
	return access(full, F_OK) == 0;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->base, sizeof(f->base), "/tmp/test_guard.XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	(void)snprintf(f->tree, sizeof(f->tree), "%s/tree", f->base);
	(void)snprintf(f->run, sizeof(f->run), "%s/run", f->base);
	(void)mkdir(f->tree, 0700);
	put(f->tree, affinity, "0-1");
	put(f->tree, pages, "0");
	put(f->tree, "proc/slow_a", "1");
	put(f->tree, "proc/slow_b", "1");
	put(f->tree, "proc/irq/40/effective_affinity_list", "0");
	put(f->tree, "proc/irq/41/smp_affinity_list", "0-1");
	put(f->tree, "sys/kernel/irq/40/actions", "eth0");
	put(f->tree, "sys/devices/system/cpu/online", "0-1");
	put(f->tree, "proc/sys/kernel/random/boot_id", "aaaa-bbbb");
	f->options = (struct guard_options){.run_dir = f->run,
					    .classes = classes,
					    .open_host = open_scratch,
					    .open_host_arg = f->tree,
					    .is_quiet = true};
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int result;

	guard_close(f->guard);
	result = nftw(f->base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return result;
}

/* The next event; false: none any more. */
static bool next_event(struct fixture *f)
{
	for (;;) {
		int got = guard_receive(f->guard, &f->event);

		if (got)
			return got > 0;
		struct pollfd poll_fd = {.fd = guard_fd(f->guard), .events = POLLIN};
		if (poll(&poll_fd, 1, WAIT_MS) == 0)
			fail_msg("the guard does not answer");
	}
}

static void wait_state(struct fixture *f, enum guard_state state)
{
	while (next_event(f)) {
		if (f->event.type == GUARD_EVENT_STATE && f->event.state == state)
			return;
	}
	fail_msg("state %d never came", state);
}

static void wait_transaction(struct fixture *f, uint64_t id, enum transaction_state state)
{
	while (next_event(f)) {
		if (f->event.type != GUARD_EVENT_TRANSACTION || (id && f->event.id != id))
			continue;
		if (f->event.transaction == state)
			return;
		if (f->event.transaction == TRANSACTION_REFUSED)
			fail_msg("refused: %s", f->event.text);
	}
	fail_msg("transaction state %d never came", state);
}

static void start(struct fixture *f)
{
	int err = guard_start(&f->options, &f->guard, f->why, sizeof(f->why));

	if (err)
		fail_msg("guard_start: %s", f->why);
	wait_state(f, GUARD_READY);
}

static void make_plan(struct fixture *f, const struct step_class *class, const char *object,
		      const char *value)
{
	struct host *host;

	assert_int_equal(host_open_scratch(f->tree, &host), 0);
	if (plan_add(&f->plan, host, class, object, value, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
	host_close(host);
}

/* One transaction of one step; its id. */
static uint64_t apply(struct fixture *f, const struct step_class *class, const char *object,
		      const char *value, uint64_t revert_after_ns)
{
	uint64_t request;

	plan_init(&f->plan);
	make_plan(f, class, object, value);
	assert_int_equal(guard_apply(f->guard, &f->plan, revert_after_ns, &request), 0);
	wait_transaction(f, 0, TRANSACTION_TRIAL);
	assert_int_equal(f->event.request, request);
	assert_true(f->event.report.steps[0].result == CHANGE_EXACT ||
		    f->event.report.steps[0].result == CHANGE_PENDING);
	return f->event.id;
}

static void test_undo(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	expect(f, affinity, "0");
	assert_true(f->event.deadline_boottime_ns > 0);
	assert_true(f->event.end_ns >= f->event.start_ns && f->event.start_ns > 0);
	assert_true(has_file(f, "trial-1.undo"));
	assert_int_equal(guard_undo(f->guard, id), 0);
	wait_transaction(f, id, TRANSACTION_REVERTED);
	expect(f, affinity, "0-1");
	guard_close(f->guard);
	f->guard = NULL;
	assert_false(has_file(f, "trial-1.undo"));
	assert_false(has_file(f, "guard.sock"));
}

static void test_close(void **state)
{
	struct fixture *f = *state;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	(void)apply(f, &step_class_hugepages, "node:0/2048kB", "8", 0);
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, affinity, "0-1");
	expect(f, pages, "0");
	assert_false(has_file(f, "trial-1.undo") || has_file(f, "trial-2.undo"));
}

static void count_outcome(void *arg, const struct guard_event *event)
{
	unsigned *counts = arg;

	counts[event->transaction]++;
}

static void test_keep(void **state)
{
	struct fixture *f = *state;
	unsigned counts[TRANSACTION_RESIDUE + 1] = {0};

	start(f);
	uint64_t id = apply(f, &step_class_hugepages, "node:0/2048kB", "8", 0);
	assert_int_equal(guard_keep(f->guard, id), 0);
	wait_transaction(f, id, TRANSACTION_KEPT);
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, pages, "8");
	assert_true(has_file(f, "kept-1.undo"));

	/* It survives restore, and goes by name, with no instance alive. */
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)), 0);
	expect(f, pages, "8");
	assert_int_equal(
		guard_command_undo(&f->options, 9, false, NULL, NULL, f->why, sizeof(f->why)),
		-ENOENT);
	assert_int_equal(guard_command_undo(&f->options, id, false, count_outcome, counts, f->why,
					    sizeof(f->why)),
			 0);
	assert_int_equal(counts[TRANSACTION_REVERTED], 1);
	expect(f, pages, "0");
	assert_false(has_file(f, "kept-1.undo"));
}

static void test_locked(void **state)
{
	struct fixture *f = *state;
	struct guard *first;
	pid_t guard_pid, sleeper_pid;

	start(f);
	first = f->guard;
	guard_pids(first, &guard_pid, &sleeper_pid);
	assert_int_equal(guard_start(&f->options, &f->guard, f->why, sizeof(f->why)), 0);
	wait_state(f, GUARD_LOCKED);
	char holder[32];
	(void)snprintf(holder, sizeof(holder), "%d", (int)guard_pid);
	assert_non_null(strstr(f->event.text, holder));
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)),
			 -EBUSY);
	guard_close(f->guard);
	f->guard = first;
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 50 * NSEC_PER_MSEC);
	uint64_t stays = apply(f, &step_class_hugepages, "node:0/2048kB", "8", 0);
	wait_transaction(f, id, TRANSACTION_REVERTED);
	expect(f, affinity, "0-1");
	expect(f, pages, "8");
	assert_true(stays > id);
}

/* Two trials on one object: the lower one cannot go without the upper one. */
static void test_stack(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t lower = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	uint64_t upper = apply(f, &step_class_irq_affinity, "irq:40", "1", 0);
	assert_int_equal(guard_keep(f->guard, upper), 0);
	do {
		assert_true(next_event(f));
	} while (f->event.type != GUARD_EVENT_TRANSACTION);
	assert_int_equal(f->event.transaction, TRANSACTION_REFUSED);
	assert_int_equal(guard_undo(f->guard, lower), 0);
	wait_transaction(f, upper, TRANSACTION_REVERTED);
	wait_transaction(f, lower, TRANSACTION_REVERTED);
	expect(f, affinity, "0-1");
}

static void test_foreign(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t id = apply(f, &step_class_hugepages, "node:0/2048kB", "8", 0);
	put(f->tree, pages, "100");
	assert_int_equal(guard_undo(f->guard, id), 0);
	wait_transaction(f, id, TRANSACTION_RESIDUE);
	assert_int_equal(f->event.report.steps[0].result, CHANGE_FOREIGN);
	expect(f, pages, "100");
	assert_false(has_file(f, "trial-1.undo"));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t request;

	start(f);
	plan_init(&f->plan);
	make_plan(f, &step_class_hugepages, "node:0/2048kB", "8");
	put(f->tree, pages, "3"); /* somebody was quicker than the user */
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	do {
		assert_true(next_event(f));
	} while (f->event.transaction != TRANSACTION_REFUSED);
	assert_int_equal(f->event.report.steps[0].error, -ESTALE);
	expect(f, pages, "3");
	assert_false(has_file(f, "trial-1.undo"));
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	uint64_t request;

	start(f);
	plan_init(&f->plan);
	make_plan(f, &slow_class, "slow:a", "2");
	make_plan(f, &slow_class, "slow:b", "2");
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	wait_transaction(f, 0, TRANSACTION_APPLYING);
	assert_int_equal(guard_cancel(f->guard), 0);
	do {
		assert_true(next_event(f));
	} while (f->event.transaction != TRANSACTION_REFUSED);
	expect(f, "proc/slow_a", "1");
	expect(f, "proc/slow_b", "1");
}

/* The program ends while a slow change runs. */
static void test_close_while_applying(void **state)
{
	struct fixture *f = *state;
	uint64_t request;

	start(f);
	plan_init(&f->plan);
	make_plan(f, &slow_class, "slow:a", "2");
	make_plan(f, &slow_class, "slow:b", "2");
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	assert_true(comes_to_show(f, "proc/slow_a", "2"));
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, "proc/slow_a", "1");
	expect(f, "proc/slow_b", "1");
}

static void test_guard_killed(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;
	uint64_t request;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "1", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	assert_int_equal(kill(guard_pid, SIGKILL), 0);
	wait_state(f, GUARD_LOST);
	assert_false(next_event(f));
	assert_int_equal(guard_fd(f->guard), -1);
	assert_true(guard_apply(f->guard, &f->plan, 0, &request) < 0);
	assert_true(comes_to_show(f, affinity, "0-1"));
	guard_close(f->guard); /* waits for the sleeper */
	f->guard = NULL;
	assert_false(has_file(f, "trial-1.undo") || has_file(f, "trial-2.undo"));
}

static void test_sleeper_killed(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;
	uint64_t request;

	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	assert_int_equal(kill(sleeper_pid, SIGKILL), 0);
	wait_state(f, GUARD_LOST);
	wait_transaction(f, id, TRANSACTION_REVERTED);
	expect(f, affinity, "0-1");
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	do {
		assert_true(next_event(f));
	} while (f->event.transaction != TRANSACTION_REFUSED);
	expect(f, affinity, "0-1");
}

/* A stopped guard oversleeps: the sleeper wakes it, or kills it, 5 s after the deadline. */
static void test_guard_stopped(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 300 * NSEC_PER_MSEC);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	assert_int_equal(kill(guard_pid, SIGSTOP), 0);
	(void)usleep(600000);
	expect(f, affinity, "0");
	assert_true(comes_to_show(f, affinity, "0-1"));
}

/* Starts a guard, applies one trial, detaches and ends; by exit or by kill -9. */
static void run_set(struct fixture *f, const char *value, uint64_t revert_after_ns)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		start(f);
		(void)apply(f, &step_class_irq_affinity, "irq:40", value, revert_after_ns);
		if (guard_detach(f->guard))
			_exit(1);
		guard_close(f->guard);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_detached(void **state)
{
	struct fixture *f = *state;
	struct guard_status status;
	unsigned counts[TRANSACTION_RESIDUE + 1] = {0};

	run_set(f, "0", 0);
	expect(f, affinity, "0");
	assert_int_equal(guard_status_read(&f->options, &status), 0);
	assert_true(status.is_locked && status.holder > 0);
	assert_int_equal(status.n_transactions, 1);
	assert_int_equal(status.transactions[0].state, TRANSACTION_TRIAL);
	assert_true(status.transactions[0].deadline_boottime_ns > 0);
	guard_status_done(&status);

	/* Another one joins it: its trial stacks, and outlives its client. */
	assert_int_equal(guard_attach(&f->options, &f->guard, f->why, sizeof(f->why)), 0);
	wait_state(f, GUARD_READY);
	(void)apply(f, &step_class_hugepages, "node:0/2048kB", "8", 0);
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, pages, "8");

	assert_int_equal(
		guard_command_keep(&f->options, 2, count_outcome, counts, f->why, sizeof(f->why)),
		0);
	assert_int_equal(counts[TRANSACTION_KEPT], 1);
	assert_int_equal(guard_command_keep(&f->options, 7, NULL, NULL, f->why, sizeof(f->why)),
			 -ENOENT);
	assert_int_equal(guard_command_undo(&f->options, 0, true, count_outcome, counts, f->why,
					    sizeof(f->why)),
			 0);
	assert_int_equal(counts[TRANSACTION_REVERTED], 2);
	expect(f, affinity, "0-1");
	expect(f, pages, "0");
	/* With nothing open the guard leaves. */
	for (int i = 0; i < WAIT_MS / 10; i++) {
		assert_int_equal(guard_status_read(&f->options, &status), 0);
		bool is_locked = status.is_locked;
		guard_status_done(&status);
		if (!is_locked)
			return;
		(void)usleep(10000);
	}
	fail_msg("the guard stays");
}

static void test_detached_deadline(void **state)
{
	struct fixture *f = *state;

	run_set(f, "0", 500 * NSEC_PER_MSEC);
	expect(f, affinity, "0");
	assert_true(comes_to_show(f, affinity, "0-1"));
	for (int i = 0; i < WAIT_MS / 10 && has_file(f, "guard.sock"); i++)
		(void)usleep(10000);
	assert_false(has_file(f, "guard.sock"));
}

/* Everything dies at once; the next start takes it back before anything else. */
static void test_next_start(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;

	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	/* Stopped first: none of them may act on the other's death. */
	(void)kill(guard_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGKILL);
	(void)kill(guard_pid, SIGKILL);
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, affinity, "0");
	assert_true(has_file(f, "trial-1.undo"));

	assert_int_equal(guard_start(&f->options, &f->guard, f->why, sizeof(f->why)), 0);
	wait_state(f, GUARD_RECOVERING);
	wait_transaction(f, id, TRANSACTION_REVERTED);
	wait_state(f, GUARD_READY);
	expect(f, affinity, "0-1");
}

static void test_other_boot(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	(void)kill(guard_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGKILL);
	(void)kill(guard_pid, SIGKILL);
	guard_close(f->guard);
	f->guard = NULL;
	put(f->tree, "proc/sys/kernel/random/boot_id", "cccc-dddd");
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)), 0);
	expect(f, affinity, "0"); /* another machine's value, as far as we know */
	assert_true(has_file(f, "old-1.undo"));
	assert_false(has_file(f, "trial-1.undo"));
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	unsigned counts[TRANSACTION_RESIDUE + 1] = {0};

	assert_int_equal(mkdir(f->run, 0700), 0);
	put(f->run, "trial-3.undo", "jittertop-undo 1");
	put(f->run, "tmp-4.undo", "half");
	assert_int_equal(
		guard_command_restore(&f->options, count_outcome, counts, f->why, sizeof(f->why)),
		1);
	assert_int_equal(counts[TRANSACTION_RESIDUE], 1);
	assert_true(has_file(f, "trial-3.undo"));
	assert_false(has_file(f, "tmp-4.undo"));
	/* It does not stand in the way of new changes, and its number is not used again. */
	start(f);
	assert_int_equal(apply(f, &step_class_irq_affinity, "irq:40", "0", 0), 4);
}

static void test_bad_run_dir(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->run, 0700), 0);
	assert_int_equal(chmod(f->run, 0770), 0);
	assert_int_equal(guard_start(&f->options, &f->guard, f->why, sizeof(f->why)), -EPERM);
	f->guard = NULL;
	assert_int_equal(rmdir(f->run), 0);
	assert_int_equal(symlink("/tmp", f->run), 0);
	assert_true(guard_start(&f->options, &f->guard, f->why, sizeof(f->why)) < 0);
	f->guard = NULL;
}

static void start_and_report(struct fixture *f, int go_fd, int report_fd)
{
	char c = '?';

	(void)!read(go_fd, &c, 1); /* end of file: all at once */
	if (guard_start(&f->options, &f->guard, f->why, sizeof(f->why)))
		_exit(1);
	for (c = '?'; c == '?' && next_event(f);) {
		if (f->event.type == GUARD_EVENT_STATE && f->event.state == GUARD_READY)
			c = 'r';
		if (f->event.type == GUARD_EVENT_STATE && f->event.state == GUARD_LOCKED)
			c = 'l';
	}
	(void)!write(report_fd, &c, 1);
	(void)sleep(60); /* holds what it has until it is killed */
	_exit(0);
}

static void test_many_starts(void **state)
{
	enum { N = 24 };
	struct fixture *f = *state;
	int go[2], report[2];
	unsigned n_ready = 0, n_locked = 0;
	pid_t pids[N];

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(report), 0);
	for (int i = 0; i < N; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			(void)close(go[1]);
			start_and_report(f, go[0], report[1]);
		}
	}
	(void)close(go[1]);
	for (int i = 0; i < N; i++) {
		char c = 0;

		assert_int_equal(read(report[0], &c, 1), 1);
		n_ready += c == 'r';
		n_locked += c == 'l';
	}
	for (int i = 0; i < N; i++) {
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
	(void)close(go[0]);
	(void)close(report[0]);
	(void)close(report[1]);
	assert_int_equal(n_ready, 1);
	assert_int_equal(n_locked, N - 1);
	/* All of them end. */
	for (int i = 0; i < WAIT_MS / 10 && has_file(f, "guard.sock"); i++)
		(void)usleep(10000);
	assert_false(has_file(f, "guard.sock"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_undo),
		TEST(test_close),
		TEST(test_keep),
		TEST(test_locked),
		TEST(test_deadline),
		TEST(test_stack),
		TEST(test_foreign),
		TEST(test_refused),
		TEST(test_cancel),
		TEST(test_close_while_applying),
		TEST(test_guard_killed),
		TEST(test_sleeper_killed),
		TEST(test_guard_stopped),
		TEST(test_detached),
		TEST(test_detached_deadline),
		TEST(test_next_start),
		TEST(test_other_boot),
		TEST(test_damaged),
		TEST(test_bad_run_dir),
		TEST(test_many_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
