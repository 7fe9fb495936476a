/* PM QoS: the one that the guard holds, and the one per CPU. */
#include "tests/unit/power_fixture.h"

#define DEVICE "dev/cpu_dma_latency@0" /* as a recording names it */
#define RESUME POWER_CPU "/cpu%u/power/pm_qos_resume_latency_us"

static int32_t in_force(struct fixture *f)
{
	int32_t us = -1;

	assert_int_equal(host_read_latency(f->host, &us), 0);
	return us;
}

static void test_held(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "2000000000", DEVICE);
	assert_string_equal(find_target(f, &knob_cpu_latency, "host")->value, "none");
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "20"), 0);
	assert_string_equal(f->plan.steps[0].old_value, "none");
	assert_int_equal(cpuset_count(&f->plan.affected), 4);
	assert_true(plan_has(&f->plan, STEP_HELD));
	apply(f);
	assert_int_equal(in_force(f), 20);
	undo(f);
	assert_int_equal(in_force(f), 2000000000);
	/* The guard died, and with it the hold: nothing is left to do, or to complain of. */
	undo(f);
	assert_int_equal(plan(f, &knob_governor, "policy:0", "performance"), 0);
	assert_false(plan_has(&f->plan, STEP_HELD));
}

/* Others ask and stop asking meanwhile: ours goes all the same, theirs is not ours to judge. */
static void test_others_come_and_go(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "50", DEVICE);
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "20"), 0);
	apply(f);
	power_put(f->host, "5", DEVICE);
	undo(f);
	power_put(f->host, "2000000000", DEVICE);
	assert_int_equal(in_force(f), 2000000000);
	power_put(f->host, "50", DEVICE);
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "20"), 0);
	apply(f);
	power_put(f->host, "2000000000", DEVICE);
	assert_int_equal(in_force(f), 20);
	undo(f);
	assert_int_equal(in_force(f), 2000000000);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"none", "-1", "2000000000", "99999999999", "0x10",
					  "10us", ""};
	struct fixture *f = *state;

	power_put(f->host, "2000000000", DEVICE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (plan(f, &knob_cpu_latency, "host", bad[i]) != -EINVAL)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(plan(f, &knob_cpu_latency, "cpu:0", "10"), -EINVAL);
	/* Nothing would change: said, with who holds it. */
	power_put(f->host, "10", DEVICE);
	host_fake_link(f->host, "proc/412/fd/7", "/dev/cpu_dma_latency");
	host_fake_link(f->host, "proc/412/fd/8", "/dev/null");
	power_put(f->host, "tuned\x1b", "proc/412/comm");
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "10"), -EBUSY);
	assert_why(f, "10 us is in force");
	assert_why(f, "(pid 412)");
	assert_null(strchr(f->why, '\x1b'));
	assert_int_equal(knob_cpu_latency.owner(f->host, "host", f->why, sizeof(f->why)), 1);
	assert_why(f, "(pid 412)");
	host_fake_remove(f->host, "proc/412");
	assert_int_equal(knob_cpu_latency.owner(f->host, "host", f->why, sizeof(f->why)), 0);
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "11"), -EBUSY);
	assert_why(f, "cannot be seen");
	assert_int_equal(plan(f, &knob_cpu_latency, "host", "9"), 0);
}

static void test_locked(void **state)
{
	struct fixture *f = *state;

	assert_non_null(
		strstr(find_target(f, &knob_cpu_latency, "host")->locked, "no /dev/cpu_dma"));
	power_put(f->host, "10", DEVICE);
	host_fake_error(f->host, DEVICE, EACCES);
	assert_non_null(strstr(find_target(f, &knob_cpu_latency, "host")->locked, "root"));
	assert_null(f->targets.targets[0].value);
}

static void test_per_cpu(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(find_target(f, &knob_resume_latency, "cpu:2")->value, "0");
	assert_int_equal(plan(f, &knob_resume_latency, "cpu:2-3", "n/a"), 0);
	assert_string_equal(f->why, "");
	apply(f);
	expect(f, "n/a", RESUME, 3u);
	undo(f);
	expect(f, "0", RESUME, 3u);
	assert_int_equal(plan(f, &knob_resume_latency, "cpu:2", "-5"), -EINVAL);
	assert_int_equal(plan(f, &knob_resume_latency, "cpu:2", "2147483647"), -EINVAL);
	assert_why(f, "n/a");
	/* One request for all programs: somebody else's is said before it is overwritten. */
	power_put(f->host, "30", RESUME, 2u);
	assert_int_equal(plan(f, &knob_resume_latency, "cpu:2", "20"), 0);
	assert_why(f, "asked for 30 already");
	f->power.refuse_err = EINVAL;
	f->power.refuse_path = "pm_qos";
	assert_non_null(strstr(apply_refused(f, -EINVAL), "number of us"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_held),    TEST(test_others_come_and_go),
		TEST(test_refused), TEST(test_locked),
		TEST(test_per_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
