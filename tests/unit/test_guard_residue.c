/* What did not come back, and run directories that leave no room: no file, no number. */
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/guard_fixture.h"

static void stop(struct fixture *f)
{
	guard_close(f->guard);
	f->guard = NULL;
}

/* irq:40 is a trial's "0", then somebody else's "1", then taken back as far as that goes. */
static void leave_residue(struct fixture *f)
{
	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	put(f->tree, affinity, "1");
	assert_int_equal(guard_undo(f->guard, id), 0);
	wait_transaction(f, id, TRANSACTION_RESIDUE);
	assert_non_null(strstr(f->event.text, "somebody else"));
	expect(f, affinity, "1");
	assert_false(has_file(f, "trial-1.undo"));
	assert_true(has_file(f, "residue-1.undo"));
}

static enum transaction_state listed_state(const struct fixture *f)
{
	struct guard_status status;

	assert_int_equal(guard_status_read(&f->options, &status), 0);
	assert_int_equal(status.n_transactions, 1);
	assert_non_null(status.transactions[0].plan);
	assert_true(status.transactions[0].set_wall_s > 0);
	enum transaction_state state = status.transactions[0].state;
	guard_status_done(&status);
	return state;
}

static int undo_one(struct fixture *f, uint64_t id, unsigned *counts)
{
	memset(counts, 0, (TRANSACTION_RESIDUE + 1) * sizeof(*counts));
	return guard_command_undo(&f->options, id, false, count_outcome, counts, f->why,
				  sizeof(f->why));
}

/* Listed, not replayed by the next start; the user's `undo 1` looks again and ends it. */
static void test_seen_by_user(void **state)
{
	struct fixture *f = *state;
	unsigned counts[TRANSACTION_RESIDUE + 1];

	leave_residue(f);
	assert_int_equal(listed_state(f), TRANSACTION_RESIDUE);
	stop(f);
	put(f->tree, affinity, "0"); /* what we had set, but somebody else's by now */
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)), 0);
	expect(f, affinity, "0");
	assert_int_equal(listed_state(f), TRANSACTION_RESIDUE);
	put(f->tree, affinity, "1");
	assert_int_equal(undo_one(f, 1, counts), 1);
	assert_int_equal(counts[TRANSACTION_RESIDUE], 1);
	expect(f, affinity, "1");
	assert_false(has_file(f, "residue-1.undo"));
	assert_int_equal(undo_one(f, 1, counts), -ENOENT);
	/* Its number is not given again. */
	start(f);
	assert_int_equal(apply(f, &step_class_irq_affinity, "irq:41", "0", 0), 2);
}

/* Put back by hand; the living guard is asked. */
static void test_put_back(void **state)
{
	struct fixture *f = *state;
	unsigned counts[TRANSACTION_RESIDUE + 1];

	leave_residue(f);
	put(f->tree, affinity, "0-1");
	assert_int_equal(undo_one(f, 1, counts), 0);
	assert_int_equal(counts[TRANSACTION_REVERTED], 1);
	assert_false(has_file(f, "residue-1.undo"));
	expect(f, affinity, "0-1");
}

static void test_other_boot(void **state)
{
	struct fixture *f = *state;

	leave_residue(f);
	stop(f);
	put(f->tree, "proc/sys/kernel/random/boot_id", "cccc-dddd");
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)), 0);
	assert_false(has_file(f, "residue-1.undo"));
	assert_true(has_file(f, "old-1.undo"));
}

static void test_no_number_left(void **state)
{
	struct fixture *f = *state;
	uint64_t request;

	assert_int_equal(mkdir(f->run, 0700), 0);
	put(f->run, "trial-4294967295.undo", "jittertop-undo 1");
	start(f);
	make_plan(f, &step_class_irq_affinity, "irq:40", "0");
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	do
		assert_true(next_event(f));
	while (f->event.type != GUARD_EVENT_TRANSACTION);
	assert_int_equal(f->event.transaction, TRANSACTION_REFUSED);
	assert_non_null(strstr(f->event.text, "4294967295"));
	expect(f, affinity, "0-1");
}

/* A key press moves the deadline; what the trial is made of does not come again. */
static void test_notice_is_short(void **state)
{
	struct fixture *f = *state;

	start(f);
	uint64_t id = apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	assert_int_equal(f->event.plan.n_steps, 1);
	uint64_t deadline_ns = f->event.deadline_boottime_ns;
	assert_int_equal(guard_touch(f->guard), 0);
	wait_transaction(f, id, TRANSACTION_TRIAL);
	assert_int_equal(f->event.plan.n_steps, 0);
	assert_int_equal(f->event.report.n_steps, 0);
	assert_true(f->event.deadline_boottime_ns > deadline_ns);
}

/* In a mount namespace of its own: 0 when the values came back and the words say what to do. */
static int restore_read_only(struct fixture *f)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(f->run, f->run, NULL, MS_BIND, NULL) ||
	    mount(NULL, f->run, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return 77;
	if (guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)) != -EROFS)
		return 1;
	return strstr(f->why, "read-only") && shows(f, affinity, "0-1") ? 0 : 2;
}

static void test_read_only_run_directory(void **state)
{
	struct fixture *f = *state;
	pid_t guard_pid, sleeper_pid;
	int status;

	start(f);
	(void)apply(f, &step_class_irq_affinity, "irq:40", "0", 0);
	guard_pids(f->guard, &guard_pid, &sleeper_pid);
	(void)kill(guard_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGSTOP);
	(void)kill(sleeper_pid, SIGKILL);
	(void)kill(guard_pid, SIGKILL);
	stop(f);
	pid_t pid = fork();
	if (pid == 0)
		_exit(restore_read_only(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not root: no mount namespace */
	assert_int_equal(WEXITSTATUS(status), 0);
	/* Writable again: the file goes. */
	assert_true(has_file(f, "trial-1.undo"));
	assert_int_equal(guard_command_restore(&f->options, NULL, NULL, f->why, sizeof(f->why)), 0);
	assert_false(has_file(f, "trial-1.undo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_seen_by_user),    TEST(test_put_back),
		TEST(test_other_boot),	    TEST(test_no_number_left),
		TEST(test_notice_is_short), TEST(test_read_only_run_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
