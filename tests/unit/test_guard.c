/* Transactions through the guard, on a scratch host. */
#include "tests/unit/guard_fixture.h"

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

/* Somebody tidies the run directory: still only one writer, and the trial goes at its end. */
static void test_lock_file_removed(void **state)
{
	struct fixture *f = *state;
	struct guard *first;
	char path[160];

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	(void)snprintf(path, sizeof(path), "%s/lock", f->run);
	assert_int_equal(unlink(path), 0);
	first = f->guard;
	assert_int_equal(guard_start(&f->options, &f->guard, f->why, sizeof(f->why)), 0);
	wait_state(f, GUARD_LOCKED);
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, affinity, "0");
	assert_true(has_file(f, "trial-1.undo"));
	guard_close(first);
	expect(f, affinity, "0-1");
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

/* What the user is told of the upper trial is when it really goes: with the lower one. */
static void test_stack_deadline(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t lower = apply(f, &step_class_irq_affinity, "irq:40", "0", 300 * NSEC_PER_MSEC);
	uint64_t deadline = f->event.deadline_boottime_ns;
	uint64_t upper = apply(f, &step_class_irq_affinity, "irq:40", "1", 0);
	assert_int_equal(f->event.deadline_boottime_ns, deadline);
	wait_transaction(f, upper, TRANSACTION_REVERTED);
	wait_transaction(f, lower, TRANSACTION_REVERTED);
	expect(f, affinity, "0-1");
}

/* A deep stack on one object: telling when each goes must not double with every trial. */
static void test_deep_stack(void **state)
{
	struct fixture *f = *state;
	uint64_t first = 0;
	char value[16];

	start(f);
	for (unsigned i = 1; i <= 48; i++) {
		(void)snprintf(value, sizeof(value), "%u", i);
		uint64_t id = apply(f, &step_class_hugepages, "node:0/2048kB", value, 0);
		first = first ? first : id;
	}
	assert_int_equal(guard_undo(f->guard, first), 0);
	wait_transaction(f, first, TRANSACTION_REVERTED);
	expect(f, pages, "0");
}

/* `keep 1` must never mean another change than the 1 that was shown, in any later instance. */
static void test_ids_are_not_used_again(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	for (int i = 0; i < 3; i++) {
		start(f);
		uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
		assert_true(id > last);
		last = id;
		assert_int_equal(guard_undo(f->guard, id), 0);
		wait_transaction(f, id, TRANSACTION_REVERTED);
		guard_close(f->guard);
		f->guard = NULL;
	}
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
	plan_done(&f->plan);
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
	plan_done(&f->plan);
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

/* A deadline passes while a slow change runs: that one is cancelled, or the first would wait. */
static void test_deadline_while_applying(void **state)
{
	struct fixture *f = *state;
	struct plan first = {0};
	uint64_t one, two;

	start(f);
	make_plan(f, &slow_class, "slow:a", "2");
	plan_move(&first, &f->plan);
	make_plan(f, &slow_class, "slow:b", "2");
	for (unsigned i = 2; i < 52; i++) {
		char from[16], to[16];

		(void)snprintf(from, sizeof(from), "%u", i);
		(void)snprintf(to, sizeof(to), "%u", i + 1);
		assert_int_equal(plan_add_later(&f->plan, &slow_class, "slow:b", from, to, f->why,
						sizeof(f->why)),
				 0);
	}
	assert_int_equal(guard_apply(f->guard, &first, 1000000, &one), 0);
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &two), 0);
	plan_done(&first);
	do {
		assert_true(next_event(f));
		assert_false(f->event.request == two && f->event.transaction == TRANSACTION_TRIAL);
	} while (f->event.request != two || f->event.transaction != TRANSACTION_REFUSED);
	wait_transaction(f, 1, TRANSACTION_REVERTED);
	expect(f, "proc/slow_a", "1");
	expect(f, "proc/slow_b", "1");
}

/* The program ends while a slow change runs. */
static void test_close_while_applying(void **state)
{
	struct fixture *f = *state;
	uint64_t request;

	start(f);
	plan_done(&f->plan);
	make_plan(f, &slow_class, "slow:a", "2");
	make_plan(f, &slow_class, "slow:b", "2");
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	assert_true(comes_to_show(f, "proc/slow_a", "2"));
	guard_close(f->guard);
	f->guard = NULL;
	expect(f, "proc/slow_a", "1");
	expect(f, "proc/slow_b", "1");
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
		TEST(test_deadline_while_applying),
		TEST(test_close_while_applying),
		TEST(test_bad_run_dir),
		TEST(test_many_starts),
		TEST(test_stack_deadline),
		TEST(test_lock_file_removed),
		TEST(test_deep_stack),
		TEST(test_ids_are_not_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
