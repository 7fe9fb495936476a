/* What the screen believes of the changes, from the guard's events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tui/session.h"

struct fixture {
	struct session session;
	struct cpuset online;
	struct guard_event event;
};

static void feed(struct fixture *f, uint64_t request, enum transaction_state state)
{
	f->event = (struct guard_event){.type = GUARD_EVENT_TRANSACTION,
					.request = request,
					.id = 7,
					.transaction = state,
					.deadline_boottime_ns = 100,
					.start_ns = 10,
					.end_ns = 20};
	session_handle(&f->session, &f->event, &f->online, 0);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	session_init(&f->session, GUARD_READY, NULL);
	feed(f, 1, TRANSACTION_APPLYING);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	session_done(&f->session);
	free(f);
	return 0;
}

/* The host has the new value still: the countdown must not vanish. */
static void test_refused_keep_leaves_the_trial(void **state)
{
	struct fixture *f = *state;

	feed(f, 1, TRANSACTION_TRIAL);
	feed(f, 2, TRANSACTION_REFUSED);
	const struct session_change *trial = session_open_trial(&f->session);
	assert_non_null(trial);
	assert_int_equal(trial->id, 7);
	assert_int_equal(trial->deadline_boottime_ns, 100);
	assert_int_equal(f->session.n_changes, 1);
}

static void test_refused_apply(void **state)
{
	struct fixture *f = *state;

	feed(f, 1, TRANSACTION_REFUSED);
	assert_null(session_open_trial(&f->session));
	assert_int_equal(session_latest(&f->session)->state, TRANSACTION_REFUSED);
}

/* A moved deadline must not wipe the message that a refusal has just put there. */
static void test_news(void **state)
{
	struct fixture *f = *state;

	f->event.transaction = TRANSACTION_TRIAL;
	assert_true(session_is_news(&f->session, &f->event));
	feed(f, 1, TRANSACTION_TRIAL);
	assert_false(session_is_news(&f->session, &f->event));
	f->event.transaction = TRANSACTION_REVERTED;
	assert_true(session_is_news(&f->session, &f->event));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_keep_leaves_the_trial),
		TEST(test_refused_apply),
		TEST(test_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
