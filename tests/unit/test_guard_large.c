/* Plans beyond a datagram: 4096 steps and long values through guard, wire and undo file. */
#include "tests/unit/guard_fixture.h"

static void add_steps(struct fixture *f, unsigned n)
{
	struct host *host;
	char path[64], object[64], value[64];

	assert_int_equal(host_open_scratch(f->tree, &host), 0);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "proc/irq/%u/smp_affinity_list", 1000 + i);
		put(f->tree, path, "0-1");
		(void)snprintf(path, sizeof(path), "proc/irq/%u/effective_affinity_list", 1000 + i);
		put(f->tree, path, "0");
		(void)snprintf(object, sizeof(object), "irq:%u", 1000 + i);
		(void)snprintf(value, sizeof(value), "0");
		if (plan_add(&f->plan, host, &step_class_irq_affinity, object, value, f->why,
			     sizeof(f->why)))
			fail_msg("%s", f->why);
	}
	host_close(host);
}

/* Until the transaction is in the wanted state. */
static void until(struct fixture *f, enum transaction_state wanted)
{
	while (next_event(f)) {
		if (f->event.type == GUARD_EVENT_TRANSACTION && f->event.transaction == wanted)
			return;
	}
	fail_msg("it never came to be %s", transaction_state_name(wanted));
}

static void run(struct fixture *f, unsigned n)
{
	uint64_t request;

	add_steps(f, n);
	start(f);
	assert_int_equal(guard_apply(f->guard, &f->plan, 0, &request), 0);
	until(f, TRANSACTION_TRIAL);
	assert_int_equal(f->event.plan.n_steps, n);
	assert_int_equal(f->event.report.n_steps, n);
	assert_int_equal(f->event.report.steps[n - 1].result, CHANGE_EXACT);
	assert_string_equal(f->event.report.steps[n - 1].kept_value, "0");
	expect(f, "proc/irq/1000/smp_affinity_list", "0");
	printf("apply  %u steps: %.1f ms\n", n,
	       (double)(f->event.end_ns - f->event.start_ns) / 1e6);
	assert_int_equal(guard_undo(f->guard, f->event.id), 0);
	until(f, TRANSACTION_REVERTED);
	assert_string_equal(f->event.plan.steps[n - 1].new_value, "0");
	expect(f, "proc/irq/1000/smp_affinity_list", "0-1");
	printf("revert %u steps: %.1f ms\n", n,
	       (double)(f->event.end_ns - f->event.start_ns) / 1e6);
}

static void test_few(void **state)
{
	run(*state, 32);
}

static void test_most(void **state)
{
	run(*state, PLAN_MAX_STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_few, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_most, set_up, tear_down),
	};

	return _cmocka_run_group_tests("guard_large", tests, ARRAY_SIZE(tests), NULL, NULL);
}
