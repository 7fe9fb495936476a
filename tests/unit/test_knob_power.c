/* Frequency, energy and idle knobs on a machine that behaves (fake_power.h). */
#include "tests/unit/power_fixture.h"

#define POLICY POWER_CPU "/cpufreq/policy%u/"

static void test_targets(void **state)
{
	struct fixture *f = *state;
	const struct knob_target *target = find_target(f, &knob_governor, "policy:2");

	assert_string_equal(target->value, "powersave");
	assert_string_equal(target->choices, "performance|powersave");
	assert_null(target->locked);
	assert_int_equal(f->targets.n_targets, 5); /* and policy:* */
	assert_string_equal(find_target(f, &knob_epb, "cpu:1")->value, "6");
	assert_string_equal(find_target(f, &knob_idle_state, "cstate:3/2")->value, "0");
	assert_string_equal(find_target(f, &knob_idle_latency, "cpu:3")->value, "133");
	assert_string_equal(find_target(f, &knob_idle_latency, "cpu:3")->choices, "us: 0|2|133");
	assert_string_equal(find_target(f, &knob_idle_latency, "cpu:*")->value, "133");
	/* What this machine does not have is a row too, with the reason. */
	assert_int_equal(knob_platform_profile.targets(f->host, &f->targets), 0);
	assert_non_null(strstr(f->targets.targets[f->targets.n_targets - 1].locked, "firmware"));
	assert_int_equal(knob_amd_pstate_status.targets(f->host, &f->targets), 0);
	assert_non_null(strstr(f->targets.targets[f->targets.n_targets - 1].locked, "amd_pstate"));
}

static const struct knob *const all_of_them[] = {
	&knob_governor,
	&knob_epp,
	&knob_min_freq,
	&knob_max_freq,
	&knob_epb,
	&knob_no_turbo,
	&knob_boost,
	&knob_policy_boost,
	&knob_intel_pstate_status,
	&knob_amd_pstate_status,
	&knob_min_perf_pct,
	&knob_max_perf_pct,
	&knob_uncore_min_freq,
	&knob_uncore_max_freq,
	&knob_platform_profile,
	&knob_idle_state,
	&knob_idle_latency,
	&knob_idle_governor,
	&knob_smt,
	&knob_cpu_online,
};

/* A machine without any of it (most virtual ones): every knob says so in one locked row. */
static void test_nothing(void **state)
{
	struct fixture *f = *state;
	struct host *bare;

	assert_int_equal(host_open_fake(&bare), 0);
	power_put(bare, "0-1", POWER_CPU "/online");
	for (size_t i = 0; i < ARRAY_SIZE(all_of_them); i++) {
		f->targets.n_targets = 0;
		assert_int_equal(all_of_them[i]->targets(bare, &f->targets), 0);
		assert_int_equal(f->targets.n_targets, 1);
		assert_true(strlen(f->targets.targets[0].locked) > 20);
	}
	host_close(bare);
}

/* The governor takes the preference along; back comes the governor first, then the preference. */
static void test_governor_and_epp(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "balance_power", POLICY "energy_performance_preference", 1u);
	assert_int_equal(plan(f, &knob_governor, "policy:*", "performance"), 0);
	assert_int_equal(f->plan.n_steps, 8);
	apply(f);
	expect(f, "performance", POLICY "scaling_governor", 1u);
	expect(f, "performance", POLICY "energy_performance_preference", 1u);
	undo(f);
	expect(f, "powersave", POLICY "scaling_governor", 1u);
	expect(f, "balance_power", POLICY "energy_performance_preference", 1u);
	expect(f, "balance_performance", POLICY "energy_performance_preference", 3u);
	assert_int_equal(cpuset_count(&f->plan.affected), 4);
}

/* Crashed behind any step, undone by the next instance. */
static void test_crash_anywhere(void **state)
{
	struct fixture *f = *state;

	for (int behind = 0; behind < 2; behind++) {
		assert_int_equal(plan(f, &knob_governor, "policy:0", "performance"), 0);
		if (behind)
			apply(f);
		undo(f);
		expect(f, "powersave", POLICY "scaling_governor", 0u);
		expect(f, "balance_performance", POLICY "energy_performance_preference", 0u);
	}
}

static void test_epp_refused(void **state)
{
	struct fixture *f = *state;

	struct arena *arena = arena_new(0);
	struct knob_targets targets = {.arena = arena};

	/* Not offered, since it is refused. */
	assert_int_equal(knob_epp.targets(f->host, &targets), 0);
	assert_int_not_equal(targets.n_targets, 0);
	for (unsigned i = 0; i < targets.n_targets; i++)
		assert_string_equal(targets.targets[i].choices,
				    "performance|balance_performance|balance_power|power");
	arena_free(arena);
	assert_int_equal(plan(f, &knob_epp, "policy:0", "default"), -EINVAL);
	assert_why(f, "name that one");
	/* In one change, in the order that cannot be undone. */
	assert_int_equal(plan(f, &knob_governor, "policy:0", "performance"), 0);
	assert_int_equal(add(f, &knob_epp, "policy:0", "performance"), -EBUSY);
	assert_why(f, "name epp before governor");
	/* And in the one that can. */
	assert_int_equal(plan(f, &knob_epp, "policy:0", "performance"), 0);
	assert_int_equal(add(f, &knob_governor, "policy:0", "performance"), 0);
	assert_int_equal(f->plan.n_steps, 2);
	apply(f);
	undo(f);
	expect(f, "balance_performance", POLICY "energy_performance_preference", 0u);
	/* Under performance. */
	power_put(f->host, "performance", POLICY "scaling_governor", 0u);
	power_put(f->host, "performance", POLICY "energy_performance_preference", 0u);
	assert_int_equal(plan(f, &knob_epp, "policy:0", "power"), -EBUSY);
	assert_why(f, "set governor@policy:0 first");
	/* The kernel says so itself when the governor changes between check and write. */
	power_put(f->host, "powersave", POLICY "scaling_governor", 0u);
	assert_int_equal(plan(f, &knob_epp, "policy:0", "power"), 0);
	f->power.refuse_err = EBUSY;
	f->power.refuse_path = "energy_performance_preference";
	assert_non_null(strstr(apply_refused(f, -EBUSY), "change the governor first"));
	f->power.refuse_err = EAGAIN;
	assert_non_null(strstr(apply_refused(f, -EAGAIN), "try again"));
}

static void test_governor_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_governor, "policy:0", "schedutil"), -EINVAL);
	assert_why(f, "powersave");
	assert_int_equal(plan(f, &knob_governor, "policy:7", "powersave"), -ENOENT);
	assert_int_equal(plan(f, &knob_governor, "policy:../0", "powersave"), -ENOENT);
	/* A module that went away. */
	power_put(f->host, "performance powersave ondemand", POLICY "scaling_available_governors",
		  0u);
	assert_int_equal(plan(f, &knob_governor, "policy:0", "ondemand"), 0);
	assert_non_null(strstr(apply_refused(f, -EINVAL), "module"));
	expect(f, "powersave", POLICY "scaling_governor", 0u);
}

static void test_frequencies(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_min_freq, "policy:0", "700000"), -ERANGE);
	assert_why(f, "800000 to 3600000");
	assert_int_equal(plan(f, &knob_max_freq, "policy:0", "2000000"), 0);
	assert_string_equal(f->why, "");
	apply(f);
	assert_int_equal(plan(f, &knob_min_freq, "policy:0", "2500000"), 0);
	assert_why(f, "scaling_max_freq is 2000000 kHz now");
	assert_int_equal(plan(f, &knob_min_freq, "policy:1-2", "3600000"), 0);
	assert_int_equal(f->plan.n_steps, 2);
	apply(f);
	expect(f, "3600000", POLICY "scaling_min_freq", 2u);
	undo(f);
	expect(f, "800000", POLICY "scaling_min_freq", 2u);
}

static void test_turbo(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_no_turbo, "host", "2"), -EINVAL);
	assert_int_equal(plan(f, &knob_no_turbo, "host", "1"), 0);
	f->power.is_turbo_locked = true;
	assert_non_null(strstr(apply_refused(f, -EPERM), "BIOS"));
	f->power.is_turbo_locked = false;
	apply(f);
	undo(f);
	expect(f, "0", POWER_CPU "/intel_pstate/no_turbo");
	power_put(f->host, "1", POWER_CPU "/cpufreq/boost");
	assert_int_equal(plan(f, &knob_boost, "host", "0"), 0);
	f->power.refuse_err = EINVAL;
	f->power.refuse_path = "boost";
	assert_non_null(strstr(apply_refused(f, -EINVAL), "cannot switch it"));
}

/* All policies are made anew: every one of their settings comes back, in the right order. */
static void test_driver_mode(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "power", POLICY "energy_performance_preference", 0u);
	power_put(f->host, "1200000", POLICY "scaling_min_freq", 1u);
	power_put(f->host, "performance", POLICY "scaling_governor", 2u);
	power_put(f->host, "performance", POLICY "energy_performance_preference", 2u);
	assert_int_equal(plan(f, &knob_intel_pstate_status, "host", "passive"), 0);
	apply(f);
	expect(f, "performance", POLICY "energy_performance_preference", 0u);
	undo(f);
	expect(f, "power", POLICY "energy_performance_preference", 0u);
	expect(f, "1200000", POLICY "scaling_min_freq", 1u);
	expect(f, "performance", POLICY "scaling_governor", 2u);
	expect(f, "performance", POLICY "energy_performance_preference", 2u);
	expect(f, "active", POWER_CPU "/intel_pstate/status");
	/* "off" would leave the machine without a driver: not offered. */
	assert_int_equal(plan(f, &knob_intel_pstate_status, "host", "off"), -EINVAL);
}

static void test_uncore(void **state)
{
	static const char dir[] = POWER_CPU "/intel_uncore_frequency/package_00_die_00";
	struct fixture *f = *state;

	power_put(f->host, "800000", "%s/min_freq_khz", dir);
	power_put(f->host, "2400000", "%s/max_freq_khz", dir);
	power_put(f->host, "800000", "%s/initial_min_freq_khz", dir);
	power_put(f->host, "2400000", "%s/initial_max_freq_khz", dir);
	assert_int_equal(plan(f, &knob_uncore_min_freq, "uncore:package_00_die_00", "2500000"),
			 -ERANGE);
	assert_int_equal(plan(f, &knob_uncore_min_freq, "uncore:package_00_die_00", "2400000"), 0);
	apply(f);
	expect(f, "2400000", "%s/min_freq_khz", dir);
	undo(f);
	expect(f, "800000", "%s/min_freq_khz", dir);
}

static void test_idle_state(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, &knob_idle_state, "cstate:0-1/2", "1"), 0);
	assert_string_equal(f->why, "");
	assert_int_equal(f->plan.n_steps, 2);
	apply(f);
	expect(f, "1", POWER_CPU "/cpu1/cpuidle/state2/disable");
	undo(f);
	expect(f, "0", POWER_CPU "/cpu1/cpuidle/state2/disable");
	power_put(f->host, "ladder", POWER_CPU "/cpuidle/current_governor");
	assert_int_equal(plan(f, &knob_idle_state, "cstate:0/1", "1"), 0);
	assert_why(f, "none of the deeper states");
	f->power.refuse_err = EPERM;
	f->power.refuse_path = "disable";
	assert_non_null(strstr(apply_refused(f, -EPERM), "CAP_SYS_ADMIN"));
}

static void test_idle_latency(void **state)
{
	struct fixture *f = *state;

	power_put(f->host, "1", POWER_CPU "/cpu2/cpuidle/state1/disable");
	assert_int_equal(plan(f, &knob_idle_latency, "cpu:1-2", "2"), 0);
	apply(f);
	expect(f, "0", POWER_CPU "/cpu2/cpuidle/state1/disable"); /* on again */
	expect(f, "1", POWER_CPU "/cpu2/cpuidle/state2/disable");
	expect(f, "1", POWER_CPU "/cpu1/cpuidle/state2/disable");
	expect(f, "0", POWER_CPU "/cpu3/cpuidle/state2/disable");
	assert_string_equal(find_target(f, &knob_idle_latency, "cpu:1")->value, "2");
	assert_string_equal(find_target(f, &knob_idle_latency, "cpu:*")->value, "(mixed)");
	assert_int_equal(cpuset_count(&f->plan.affected), 2);
	undo(f);
	expect(f, "1", POWER_CPU "/cpu2/cpuidle/state1/disable");
	expect(f, "0", POWER_CPU "/cpu2/cpuidle/state2/disable");
	assert_int_equal(plan(f, &knob_idle_latency, "cpu:*", "0"), 0);
	assert_int_equal(f->plan.n_steps, 12);
	assert_int_equal(plan(f, &knob_idle_latency, "cpu:9", "0"), -ENOENT);
	assert_int_equal(plan(f, &knob_idle_latency, "cpu:", "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_idle_latency, "3", "0"), -EINVAL);
	assert_int_equal(plan(f, &knob_idle_latency, "cpu:0", "deep"), -EINVAL);
	assert_why(f, "microseconds");
}

/* A forged undo file can name listed files only. */
static void test_saved_objects(void **state)
{
	static const char *const bad[] = {
		"epp/policy:../0",     "epp/policy:01", "epp/policy:0x",  "epp/policy:", "irq/../1",
		"xps/a/b/tx-0",	       "xps/eth0/tx-",	"nonsense/cpu:0", "epp",	 "",
		"no_turbo/intel_pstat"};
	static const char *const good[][2] = {
		{"epp/policy:12", POWER_CPU "/cpufreq/policy12/energy_performance_preference"},
		{"idle_state/cstate:3/1", POWER_CPU "/cpu3/cpuidle/state1/disable"},
		{"irq/irq:40", "proc/irq/40/smp_affinity_list"},
		{"xps/eth0/tx-3", "sys/class/net/eth0/queues/tx-3/xps_cpus"},
		{"cpuset/a/b", "sys/fs/cgroup/cpuset/a/b/cpuset.cpus"},
		{"partition/rt.slice", "sys/fs/cgroup/rt.slice/cpuset.cpus.partition"},
	};
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!step_class_saved.path(bad[i], path, sizeof(path)))
			fail_msg("%s: %s", bad[i], path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(step_class_saved.path(good[i][0], path, sizeof(path)), 0);
		assert_string_equal(path, good[i][1]);
	}
	assert_int_equal(step_class_saved.path("epp/policy:12", path, 20), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_targets),	   TEST(test_nothing),	   TEST(test_governor_and_epp),
		TEST(test_crash_anywhere), TEST(test_epp_refused), TEST(test_governor_refused),
		TEST(test_frequencies),	   TEST(test_turbo),	   TEST(test_driver_mode),
		TEST(test_uncore),	   TEST(test_idle_state),  TEST(test_idle_latency),
		TEST(test_saved_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
