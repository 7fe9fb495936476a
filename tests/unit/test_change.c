/* Knobs that lie and hosts that change under us, on a fake host (safety.md section 6). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "core/plan_internal.h"

static int x_path(const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "x/%s", object) < 0 ? -EINVAL : 0;
}

static int x_identity(struct host *host, const char *object, char *buf, size_t size)
{
	ssize_t len = host_readf(host, buf, size, "id/%s", object);

	return len < 0 ? (int)len : 0;
}

static int x_effective(struct host *host, const char *object, char *buf, size_t size)
{
	ssize_t len = host_readf(host, buf, size, "effective/%s", object);

	return len < 0 ? (int)len : 0;
}

static const struct step_class plain = {
	.name = "plain", .compare = STEP_WORD, .path = x_path, .identity = x_identity};
static const struct step_class count = {.name = "count",
					.compare = STEP_U64,
					.flags = STEP_COUNTED,
					.path = x_path,
					.identity = x_identity};
/* What is in use is no part of its value but of effective(). */
static const struct step_class pool = {.name = "pool",
				       .compare = STEP_U64,
				       .flags = STEP_COUNTED,
				       .path = x_path,
				       .identity = x_identity,
				       .effective = x_effective};
static const struct step_class lagging = {.name = "lagging",
					  .compare = STEP_CPULIST,
					  .flags = STEP_LAGGING,
					  .path = x_path,
					  .identity = x_identity,
					  .effective = x_effective};

static const struct step_class saved = {.name = "saved",
					.compare = STEP_WORD,
					.flags = STEP_RESTORED,
					.path = x_path,
					.identity = x_identity};

static const struct step_class deferred = {.name = "deferred",
					   .compare = STEP_WORD,
					   .flags = STEP_DEFERRED,
					   .path = x_path,
					   .identity = x_identity};

static const char *x_said(const struct host *host)
{
	return host ? "no \x1b queues" : "";
}

static const struct step_class optional = {.name = "optional",
					   .compare = STEP_WORD,
					   .flags = STEP_OPTIONAL,
					   .path = x_path,
					   .identity = x_identity,
					   .said = x_said};

struct fixture {
	struct host *host;
	struct plan plan;
	struct change_report report;
	unsigned n_progress, stop_at;
};

static void put(struct fixture *f, const char *object, const char *value)
{
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "x/%s", object);
	(void)snprintf(text, sizeof(text), "%s\n", value);
	host_fake_file(f->host, path, text);
}

static void expect(struct fixture *f, const char *object, const char *value)
{
	char text[64];

	assert_true(host_readf(f->host, text, sizeof(text), "x/%s", object) >= 0);
	assert_string_equal(text, value);
}

static void add(struct fixture *f, const struct step_class *class, const char *object,
		const char *old_value, const char *new_value)
{
	char path[64], why[256];

	put(f, object, old_value);
	(void)snprintf(path, sizeof(path), "id/%s", object);
	host_fake_file(f->host, path, "me\n");
	int err = plan_add(&f->plan, f->host, class, object, new_value, why, sizeof(why));
	if (err)
		fail_msg("%s", why);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	*state = f;
	return host_open_fake(&f->host);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	free(f);
	return 0;
}

static int apply(struct fixture *f)
{
	return change_apply(f->host, &f->plan, NULL, NULL, &f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, &f->report);
}

static void test_exact(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "[one] two", "two");
	put(f, "a", "one");
	add(f, &count, "b", "0", "8");
	assert_int_equal(change_check(f->host, &f->plan, &f->report), 0);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(f->report.steps[1].result, CHANGE_EXACT);
	expect(f, "a", "two");
	expect(f, "b", "8");
	assert_int_equal(undo(f), 0);
	expect(f, "a", "one");
	expect(f, "b", "0");
	/* Again: there is nothing left to do. */
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
}

/* The write succeeds, the value is another one: only reading back tells. */
static void test_lying(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	host_fake_write_becomes(f->host, 2, "three", 0);
	assert_int_equal(apply(f), -EIO);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_non_null(strstr(f->report.steps[1].why, "three"));
	expect(f, "a", "one");
	expect(f, "b", "one");
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	host_fake_write_becomes(f->host, 2, NULL, EPERM);
	assert_int_equal(apply(f), -EPERM);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOT_RUN);
	assert_int_equal(f->report.steps[1].error, -EPERM);
	expect(f, "a", "one");
	expect(f, "b", "one");
}

static void test_partial(void **state)
{
	struct fixture *f = *state;

	add(f, &count, "a", "2", "10");
	host_fake_write_becomes(f->host, 1, "5", 0);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_PARTIAL);
	assert_string_equal(f->report.steps[0].kept_value, "5");
	assert_int_equal(undo(f), 0); /* between old and ours is ours */
	expect(f, "a", "2");
}

static void test_none_to_be_had(void **state)
{
	struct fixture *f = *state;

	add(f, &count, "a", "2", "10");
	host_fake_write_becomes(f->host, 1, "2", 0);
	assert_int_equal(apply(f), -ENOMEM);
	expect(f, "a", "2");
}

/* In use: the count stays up and falls later, on its own. Undo must say the old count again. */
static void test_shrink_in_use(void **state)
{
	struct fixture *f = *state;

	add(f, &count, "a", "10", "4");
	host_fake_write_becomes(f->host, 1, "10", 0);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_PENDING);
	host_fake_write_becomes(f->host, 1, "10", 0);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
}

static void test_undo_pending(void **state)
{
	struct fixture *f = *state;

	add(f, &count, "a", "0", "8");
	assert_int_equal(apply(f), 0);
	host_fake_write_becomes(f->host, 1, "3", 0);
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_PENDING);
}

/* Where those in use can be told apart a count that stays is a lie: tried again, and then said. */
static void test_undo_not_done(void **state)
{
	struct fixture *f = *state;

	add(f, &pool, "a", "0", "8");
	host_fake_file(f->host, "effective/a", "0\n");
	assert_int_equal(apply(f), 0);
	host_fake_write_becomes(f->host, 1, "8", 0);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(apply(f), 0);
	for (unsigned i = 1; i <= 4; i++)
		host_fake_write_becomes(f->host, i, "8", 0);
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_PARTIAL);
	assert_non_null(strstr(f->report.steps[0].why, "8 are left"));
}

static void test_foreign(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	add(f, &plain, "c", "one", "two");
	assert_int_equal(apply(f), 0);
	put(f, "b", "theirs");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[1].result, CHANGE_FOREIGN);
	expect(f, "a", "one");
	expect(f, "b", "theirs");
	expect(f, "c", "one");
}

/* Somebody wrote between preview and apply. */
static void test_changed_before(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	put(f, "b", "theirs");
	assert_int_equal(change_check(f->host, &f->plan, &f->report), -ESTALE);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOT_RUN);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_int_equal(apply(f), -ESTALE);
	expect(f, "a", "one");
	expect(f, "b", "theirs");
}

static void test_other_object(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	assert_int_equal(apply(f), 0);
	host_fake_file(f->host, "id/a", "another\n");
	host_fake_remove(f->host, "id/b");
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_GONE);
	assert_int_equal(f->report.steps[1].result, CHANGE_GONE);
	expect(f, "a", "two");
	assert_int_equal(apply(f), -ESTALE);
}

static void test_retry(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	assert_int_equal(apply(f), 0);
	host_fake_write_becomes(f->host, 1, NULL, EBUSY);
	host_fake_write_becomes(f->host, 2, NULL, EBUSY);
	assert_int_equal(undo(f), 0);
	expect(f, "a", "one");
	expect(f, "b", "one");
}

/* One step cannot be undone: the others are all the same. */
static void test_residue(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	assert_int_equal(apply(f), 0);
	for (unsigned i = 1; i <= 4; i++)
		host_fake_write_becomes(f->host, i, NULL, EIO);
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	expect(f, "a", "one");
}

/* A host that shows another value than was written back is not fought. */
static void test_undo_lied_to(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	assert_int_equal(apply(f), 0);
	host_fake_write_becomes(f->host, 1, "three", 0);
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[0].result, CHANGE_REFUSED);
	expect(f, "a", "three");
}

static void test_lagging(void **state)
{
	struct fixture *f = *state;

	add(f, &lagging, "a", "0-1", "0");
	add(f, &lagging, "b", "0-1", "0");
	add(f, &lagging, "c", "0-1", "0");
	host_fake_file(f->host, "effective/a", "0\n");
	host_fake_file(f->host, "effective/b", "1\n");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(f->report.steps[1].result, CHANGE_PENDING);
	assert_int_equal(f->report.steps[2].result, CHANGE_EXACT); /* no such file: nothing lags */
	assert_int_equal(undo(f), 0);
}

static int stop(void *arg, unsigned step, const char *text)
{
	struct fixture *f = arg;

	(void)step;
	(void)text;
	return ++f->n_progress == f->stop_at;
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &plain, "b", "one", "two");
	for (f->stop_at = 1; f->stop_at <= 4; f->stop_at++) {
		f->n_progress = 0;
		assert_int_equal(change_apply(f->host, &f->plan, stop, f, &f->report), -ECANCELED);
		expect(f, "a", "one");
		expect(f, "b", "one");
	}
	f->n_progress = 0;
	f->stop_at = 0;
	assert_int_equal(change_apply(f->host, &f->plan, stop, f, &f->report), 0);
	f->stop_at = 1; /* undoing is not to be stopped */
	f->n_progress = 0;
	assert_int_equal(change_undo(f->host, &f->plan, stop, f, &f->report), 0);
	expect(f, "a", "one");
}

/* Every host call of apply fails once: the old values are back, or an undo brings them. */
static void test_any_call_fails(void **state)
{
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	add(f, &count, "b", "0", "8");
	for (unsigned n = 1; n < 40; n++) {
		host_fake_error_at(f->host, n, EIO);
		int err = apply(f);
		host_fake_error_at(f->host, 0, 0);
		if (err) {
			expect(f, "a", "one");
			expect(f, "b", "0");
		}
		assert_int_equal(undo(f), 0);
		expect(f, "a", "one");
		expect(f, "b", "0");
	}
}

/* A host that behaves: what is written to b takes a along. */
static int takes_along(void *arg, struct host *host, const char *path, const char *text)
{
	const char *becomes = arg;

	if (!strcmp(path, "x/b") && !strcmp(text, "off"))
		host_fake_file(host, "x/a", becomes);
	return 0;
}

static int takes_along_and_refuses(void *arg, struct host *host, const char *path, const char *text)
{
	(void)takes_along(arg, host, path, text);
	return strcmp(path, "x/b") ? 0 : -EBUSY;
}

/* Saved first, written back last, whatever it has become; and left alone where nothing happened. */
static void test_restored(void **state)
{
	struct fixture *f = *state;
	char becomes[] = "anything\n";

	add(f, &saved, "a", "mine", "mine");
	add(f, &plain, "b", "on", "off");
	host_fake_on_write(f->host, takes_along, becomes);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	expect(f, "a", "anything");
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	expect(f, "a", "mine");
	expect(f, "b", "on");
	/* Died before anything was destroyed. */
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_NOTHING);
	/* The destroying step refused: what it had done already is mended. */
	host_fake_on_write(f->host, takes_along_and_refuses, becomes);
	assert_int_equal(apply(f), -EBUSY);
	expect(f, "a", "mine");
}

static int refuses_b(void *arg, struct host *host, const char *path, const char *text)
{
	(void)arg;
	(void)host;
	(void)text;
	return strcmp(path, "x/b") ? 0 : -EBUSY;
}

/* Nothing was destroyed when applying ended: a value of somebody else's is not written over. */
static void test_restored_foreign(void **state)
{
	struct fixture *f = *state;
	struct change_report undone = {0};

	add(f, &saved, "a", "mine", "mine");
	add(f, &plain, "c", "one", "two");
	add(f, &plain, "b", "on", "off");
	f->plan.steps[1].is_optional = true;
	put(f, "c", "three"); /* left out */
	f->stop_at = 5;	      /* before b */
	assert_int_equal(change_apply(f->host, &f->plan, stop, f, &f->report), -ECANCELED);
	expect(f, "c", "three");
	put(f, "a", "theirs");
	assert_int_equal(change_undo_applied(f->host, &f->plan, &f->report, NULL, NULL, &undone),
			 0);
	expect(f, "a", "theirs");
	expect(f, "c", "three");
	assert_int_equal(undone.steps[0].result, CHANGE_NOTHING);
	assert_int_equal(undone.steps[1].result, CHANGE_NOTHING);
	/* A write that was refused may have destroyed it. */
	put(f, "a", "mine");
	host_fake_on_write(f->host, refuses_b, NULL);
	assert_int_equal(apply(f), -EBUSY);
	put(f, "a", "default");
	assert_int_equal(change_undo_applied(f->host, &f->plan, &f->report, NULL, NULL, &undone),
			 0);
	expect(f, "a", "mine");
	change_report_done(&undone);
}

/* Left out when the user cancels: what is there is not ours. */
static void test_cancel_beside_foreign(void **state)
{
	static const char *const theirs[] = {"three", "two"};
	struct fixture *f = *state;

	add(f, &plain, "a", "one", "two");
	f->plan.steps[0].is_optional = true;
	f->stop_at = 2; /* after the step */
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++) {
		put(f, "a", theirs[i]);
		f->n_progress = 0;
		assert_int_equal(change_apply(f->host, &f->plan, stop, f, &f->report), -ECANCELED);
		expect(f, "a", theirs[i]);
	}
}

static int rounds_and_refuses(void *arg, struct host *host, const char *path, const char *text)
{
	(void)arg;
	if (strcmp(text, "two") != 0)
		return -EBUSY;
	host_fake_file(host, path, "three\n");
	return 1;
}

/* A rounded value that could not be taken back is ours still at the next attempt. */
static void test_left_by_failure(void **state)
{
	struct fixture *f = *state;
	struct change_report undone = {0}, again = {0};

	add(f, &plain, "b", "one", "two");
	host_fake_on_write(f->host, rounds_and_refuses, NULL);
	assert_int_equal(apply(f), -EIO);
	expect(f, "b", "three");
	assert_int_equal(change_undo_applied(f->host, &f->plan, &f->report, NULL, NULL, &undone),
			 1);
	assert_int_equal(undone.steps[0].result, CHANGE_REFUSED);
	host_fake_on_write(f->host, NULL, NULL);
	assert_int_equal(change_undo_applied(f->host, &f->plan, &undone, NULL, NULL, &again), 0);
	expect(f, "b", "one");
	change_report_done(&undone);
	change_report_done(&again);
}

static int accepts_for_later(void *arg, struct host *host, const char *path, const char *text)
{
	unsigned *n_writes = arg;

	(void)host;
	(void)path;
	(void)text;
	(*n_writes)++;
	return 1;
}

/* Shown only later: the old value is written though it is shown already. */
static void test_deferred(void **state)
{
	struct fixture *f = *state;
	unsigned n_writes = 0;

	add(f, &deferred, "a", "one", "two");
	host_fake_on_write(f->host, accepts_for_later, &n_writes);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_PENDING);
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(n_writes, 2);
}

/* One of many is refused or has gone: the others are changed, and undone. */
static void test_optional(void **state)
{
	struct fixture *f = *state;

	add(f, &optional, "a", "one", "two");
	add(f, &optional, "b", "one", "two");
	add(f, &optional, "c", "one", "two");
	host_fake_write_becomes(f->host, 2, NULL, EPERM);
	host_fake_remove(f->host, "id/c");
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[0].result, CHANGE_EXACT);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_string_equal(f->report.steps[1].why,
			    "/x/b: Operation not permitted (no \\e queues)");
	assert_int_equal(f->report.steps[2].result, CHANGE_NOTHING);
	expect(f, "a", "two");
	expect(f, "b", "one");
	assert_int_equal(undo(f), 0);
	expect(f, "a", "one");
	assert_int_equal(f->report.steps[1].result, CHANGE_NOTHING);
}

/* Refused by half: what it left is not the old value, and all is taken back. */
static void test_optional_lies(void **state)
{
	struct fixture *f = *state;

	add(f, &optional, "a", "one", "two");
	add(f, &optional, "b", "one", "two");
	host_fake_write_becomes(f->host, 2, "three\n", 0);
	assert_int_equal(apply(f), -EIO);
	expect(f, "a", "one");
	expect(f, "b", "one");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#ifdef CHANGE_MUTATION
/*
 * -Wl,--wrap=step_read,--wrap=host_write: what was written is believed, never read back. This test
 * must then fail (tests/unit/test_change_unread in Makefile.am).
 */

#include "tests/unit/unread.h"

/* What a failing run prints is not shown: it would be taken for a failure. */
static int judge(const struct CMUnitTest *tests, size_t n)
{
	int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);

	(void)dup2(null, 1);
	(void)dup2(null, 2);
	int n_failed = _cmocka_run_group_tests("broken", tests, n, NULL, NULL);
	(void)fflush(NULL);
	(void)dup2(out, 1);
	(void)dup2(err, 2);
	(void)close(null);
	(void)close(out);
	(void)close(err);
	printf("%s: without reading back %d tests fail\n", n_failed > 0 ? "ok" : "FAIL", n_failed);
	return n_failed > 0 ? 0 : 1;
}
#else
static int judge(const struct CMUnitTest *tests, size_t n)
{
	return _cmocka_run_group_tests("change", tests, n, NULL, NULL);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_optional),
		TEST(test_optional_lies),
		TEST(test_restored),
		TEST(test_exact),
		TEST(test_lying),
		TEST(test_refused),
		TEST(test_partial),
		TEST(test_none_to_be_had),
		TEST(test_shrink_in_use),
		TEST(test_undo_pending),
		TEST(test_foreign),
		TEST(test_changed_before),
		TEST(test_other_object),
		TEST(test_retry),
		TEST(test_residue),
		TEST(test_undo_lied_to),
		TEST(test_lagging),
		TEST(test_cancel),
		TEST(test_any_call_fails),
		TEST(test_deferred),
		TEST(test_left_by_failure),
		TEST(test_restored_foreign),
		TEST(test_cancel_beside_foreign),
		TEST(test_undo_not_done),
	};

	return judge(tests, ARRAY_SIZE(tests));
}
