/* Kept values that somebody changed, and what is left of what was taken back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "tui/contested.h"

static int file_path(const char *object, char *buf, size_t size)
{
	(void)snprintf(buf, size, "sys/%s", object);
	return 0;
}

static int file_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "sys/%s", object);
	ssize_t len = host_read(host, path, text, sizeof(text));
	if (len < 0)
		return (int)len;
	(void)snprintf(buf, size, "it");
	return 0;
}

static const struct step_class file_class = {
	.name = "file", .compare = STEP_U64, .path = file_path, .identity = file_identity};
static const struct step_class count_class = {.name = "count",
					      .compare = STEP_U64,
					      .flags = STEP_COUNTED,
					      .path = file_path,
					      .identity = file_identity};

static int daemon_writes(struct host *host, const char *target, char *buf, size_t size)
{
	(void)host;
	return snprintf(buf, size, "a daemon writes %s", target) > 0;
}

static const struct knob file_knob = {.name = "file", .owner = daemon_writes};
static const struct knob other_knob = {.name = "other", .owner = daemon_writes};
static const struct knob *const knobs[] = {&other_knob, &file_knob, NULL};
static const struct knob *const strangers[] = {&other_knob, NULL};

struct fixture {
	struct host *host;
	struct plan plans[2];
	struct guard_transaction transactions[2];
	struct guard_status status;
	char now[64], why[256];
};

static void add(struct plan *plan, const struct step_class *class, const char *old, const char *new)
{
	const struct plan_step step = {.class = class,
				       .object = "a",
				       .identity = "it",
				       .old_value = old,
				       .new_value = new};

	assert_int_equal(plan_append(plan, &step), 0);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	assert_int_equal(host_open_fake(&f->host), 0);
	for (unsigned i = 0; i < 2; i++)
		f->transactions[i] = (struct guard_transaction){
			.id = i + 1, .state = TRANSACTION_KEPT, .plan = &f->plans[i]};
	f->status = (struct guard_status){.transactions = f->transactions, .n_transactions = 1};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++)
		plan_done(&f->plans[i]);
	host_close(f->host);
	free(f);
	return 0;
}

static bool is_contested(struct fixture *f)
{
	return contested_step(f->host, &f->status, &f->transactions[0], &f->plans[0].steps[0],
			      f->now, sizeof(f->now));
}

static void test_contested(void **state)
{
	struct fixture *f = *state;

	add(&f->plans[0], &file_class, "1", "5");
	host_fake_file(f->host, "sys/a", "5\n");
	assert_false(is_contested(f));
	host_fake_file(f->host, "sys/a", "7\n");
	assert_true(is_contested(f));
	assert_string_equal(f->now, "7");
	f->transactions[0].state = TRANSACTION_TRIAL;
	assert_false(is_contested(f));
	/* Changed again by us. */
	f->transactions[0].state = TRANSACTION_KEPT;
	add(&f->plans[1], &file_class, "5", "7");
	f->status.n_transactions = 2;
	assert_false(is_contested(f));
	/* Which was taken back since, but for what others did. */
	f->transactions[1].state = TRANSACTION_RESIDUE;
	assert_true(is_contested(f));
}

static void test_counts_and_absent(void **state)
{
	struct fixture *f = *state;

	add(&f->plans[0], &count_class, "1", "5");
	host_fake_file(f->host, "sys/a", "4\n");
	assert_false(is_contested(f));
	plan_done(&f->plans[0]);
	add(&f->plans[0], &file_class, "1", "5");
	assert_true(is_contested(f));
	host_fake_remove(f->host, "sys/a");
	assert_false(is_contested(f));
}

static bool is_left(struct fixture *f)
{
	return contested_residue(f->host, &f->plans[0].steps[0], f->why, sizeof(f->why));
}

static void test_residue(void **state)
{
	struct fixture *f = *state;

	add(&f->plans[0], &file_class, "1", "5");
	host_fake_file(f->host, "sys/a", "7\n");
	assert_true(is_left(f));
	assert_string_equal(f->why, "a is 7, was 1 before (we set 5)");
	host_fake_file(f->host, "sys/a", "1\n");
	assert_false(is_left(f));
	host_fake_remove(f->host, "sys/a");
	assert_true(is_left(f));
	assert_non_null(strstr(f->why, "has gone"));
}

static void test_owner(void **state)
{
	struct fixture *f = *state;

	add(&f->plans[0], &file_class, "1", "5");
	assert_true(contested_owner(f->host, knobs, &f->plans[0].steps[0], f->why, sizeof(f->why)));
	assert_string_equal(f->why, "a daemon writes a");
	assert_false(
		contested_owner(f->host, strangers, &f->plans[0].steps[0], f->why, sizeof(f->why)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_contested),
		TEST(test_counts_and_absent),
		TEST(test_residue),
		TEST(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
