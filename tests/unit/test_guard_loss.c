/* Guard, sleeper or program lost, stopped or detached, and what restore finds. */
#include "tests/unit/guard_fixture.h"

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

/* Guard and sleeper dead, the program alive: it takes everything back at once. */
static void test_program_left_alone(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	(void)kill(guard_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGKILL);
	(void)kill(guard_pid, SIGKILL);
	wait_state(f, GUARD_LOST);
	assert_true(comes_to_show(f, affinity, "0-1"));
	guard_close(f->guard);
	f->guard = NULL;
	assert_false(has_file(f, "trial-1.undo"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guard_killed),
		TEST(test_sleeper_killed),
		TEST(test_guard_stopped),
		TEST(test_detached),
		TEST(test_detached_deadline),
		TEST(test_next_start),
		TEST(test_program_left_alone),
		TEST(test_other_boot),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
