/*
 * The timerlat tracer on a scratch host: a tree that looks like tracefs, whose trace_pipes are
 * FIFOs that the test writes. The kernel of a build machine rarely has this tracer.
 */
#include "tests/unit/guard_fixture.h"

#include <sys/prctl.h>

#include "core/reference_internal.h"
#include "tui/cmd.h"

#define TRACING "sys/kernel/tracing/"
#define SAMPLE                                                                                     \
	" <idle>-0 [000] d.h1 54.1: #1 context irq timer_latency 932 ns\n"                         \
	" <...>-867 [000] .... 54.2: #1 context thread timer_latency %u ns\n"

static const struct step_class *const all_classes[] = {
	&step_class_tracing, &step_class_tracing_cpus, &step_class_tracing_number, NULL};

static const struct {
	const char *path, *text;
} settings[] = {
	{TRACING "osnoise/cpus", "0-7"},	   {TRACING "osnoise/timerlat_period_us", "1000"},
	{TRACING "osnoise/stop_tracing_us", "40"}, {TRACING "osnoise/stop_tracing_total_us", "50"},
	{TRACING "osnoise/print_stack", "3"},	   {TRACING "tracing_on", "0"},
	{TRACING "current_tracer", "nop"},
};

static void make_pipe(const struct fixture *f, unsigned cpu)
{
	char path[512], dir[64];

	(void)snprintf(dir, sizeof(dir), TRACING "per_cpu/cpu%u/stats", cpu);
	put(f->tree, dir, "entries: 0\noverrun: 0");
	(void)snprintf(path, sizeof(path), "%s/" TRACING "per_cpu/cpu%u/trace_pipe", f->tree, cpu);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static int set_up_tracing(void **state)
{
	if (set_up(state))
		return -1;

	struct fixture *f = *state;
	f->options.classes = all_classes;
	put(f->tree, TRACING "available_tracers", "timerlat osnoise hwlat function nop");
	put(f->tree, TRACING "events/enable", "0");
	put(f->tree, TRACING "osnoise/options", "NO_OSNOISE_PREEMPT_DISABLE OSNOISE_WORKLOAD");
	put(f->tree, TRACING "instances/other/current_tracer", "function");
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		put(f->tree, settings[i].path, settings[i].text);
	make_pipe(f, 0);
	make_pipe(f, 1);
	return 0;
}

static void expect_as_before(const struct fixture *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++) {
		if (!comes_to_show(f, settings[i].path, settings[i].text))
			fail_msg("%s does not show %s", settings[i].path, settings[i].text);
	}
}

static int make_tracing_plan(struct fixture *f)
{
	struct reference_options options;
	struct host *host;

	reference_options_init(&options);
	options.interval_ns = 2 * NSEC_PER_MSEC;
	cpuset_add(&options.cpus, 0);
	cpuset_add(&options.cpus, 1);
	assert_int_equal(host_open_scratch(f->tree, &host), 0);
	int err = reference_plan(host, &engine_timerlat, &options, all_classes, &f->plan, f->why,
				 sizeof(f->why));
	host_close(host);
	return err;
}

static void expect_refusal(struct fixture *f, const char *path, const char *text, int err,
			   const char *words)
{
	char before[512] = "", full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", f->tree, path);
	FILE *file = fopen(full, "r");
	if (file) {
		(void)!fgets(before, sizeof(before), file);
		(void)fclose(file);
	}
	put(f->tree, path, text);
	assert_int_equal(make_tracing_plan(f), err);
	if (!strstr(f->why, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", path, f->why, words);
	before[strcspn(before, "\n")] = '\0';
	if (before[0])
		put(f->tree, path, before);
	else
		assert_int_equal(unlink(full), 0);
}

static void test_plan(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(make_tracing_plan(f), 0);
	assert_int_equal(f->plan.n_steps, 7);
	assert_string_equal(f->plan.steps[0].new_value, "0-1");
	assert_string_equal(f->plan.steps[1].new_value, "2000");
	/* Last, so that it is undone first. */
	assert_string_equal(f->plan.steps[6].object, "current_tracer");
	assert_string_equal(f->plan.steps[6].new_value, "timerlat");
	assert_true(cpuset_has(&f->plan.affected, 1));
}

/* Somebody else's trace is left alone; what is missing is said. */
static void test_refusals(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f, TRACING "current_tracer", "function", -EBUSY, "current_tracer");
	expect_refusal(f, TRACING "events/enable", "X", -EBUSY, "events");
	expect_refusal(f, TRACING "osnoise/options", "NO_OSNOISE_WORKLOAD", -EBUSY, "WORKLOAD");
	expect_refusal(f, TRACING "instances/other/current_tracer", "osnoise", -EBUSY, "instance");
	expect_refusal(f, TRACING "per_cpu/cpu1/stats", "entries: 7", -EBUSY, "entries");
	expect_refusal(f, TRACING "available_tracers", "hwlat function nop", -ENOENT,
		       "CONFIG_TIMERLAT_TRACER");
	assert_int_equal(make_tracing_plan(f), 0);

	char path[512];
	(void)snprintf(path, sizeof(path), "%s/" TRACING "available_tracers", f->tree);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(make_tracing_plan(f), -ENOENT);
	assert_non_null(strstr(f->why, "not mounted"));
}

/* The classes set what the plan sets, and nothing else of tracefs. */
static void test_classes(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	char buf[128];

	assert_int_equal(step_class_tracing.path("tracing_on", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(step_class_tracing.path("../x", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(step_class_tracing_number.path("set_ftrace_pid", buf, sizeof(buf)),
			 -EINVAL);
	assert_int_equal(host_open_scratch(f->tree, &host), 0);
	plan_done(&f->plan);
	assert_int_equal(plan_add(&f->plan, host, &step_class_tracing, "current_tracer", "function",
				  f->why, sizeof(f->why)),
			 -EINVAL);
	host_close(host);
}

/* --- the whole command --- */

static pid_t run_probe(struct fixture *f, const char *duration, const char *output)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;

	char probe[] = "probe", engine[] = "--engine", timerlat[] = "timerlat", cpus[] = "-c",
	     list[] = "0-1", json[] = "--json", option[] = "-D", time[32], force[] = "--force";
	char *argv[] = {probe, engine, timerlat, cpus, list, json, option, time, force, NULL};
	struct registry registry = {.classes = all_classes};
	struct context context = {.registry = &registry, .argc = 9, .argv = argv};

	(void)snprintf(time, sizeof(time), "%s", duration);
	context.guard = f->options;
	if (!freopen(output, "w", stdout) || host_open_scratch(f->tree, &context.host))
		_exit(99);
	int status = cmd_probe(&context);
	host_close(context.host);
	_exit(status);
}

/* Writes samples to the FIFO of a CPU; waits for its reader. */
static int feed(const struct fixture *f, unsigned cpu, unsigned n, unsigned first_ns)
{
	char path[512], line[256];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/" TRACING "per_cpu/cpu%u/trace_pipe", f->tree, cpu);
	for (int i = 0; i < WAIT_MS / 10 && fd < 0; i++) {
		fd = open(path, O_WRONLY | O_NONBLOCK);
		(void)usleep(10000);
	}
	assert_true(fd >= 0);
	for (unsigned i = 0; i < n; i++) {
		int len = snprintf(line, sizeof(line), SAMPLE, first_ns + i);

		/* In two pieces: a line may come in parts. */
		assert_int_equal(write(fd, line, 30), 30);
		assert_int_equal(write(fd, line + 30, (size_t)len - 30), len - 30);
	}
	assert_int_equal(write(fd, "CPU:0 [LOST 5 EVENTS]\n", 22), 22);
	return fd;
}

static void read_output(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	buf[fread(buf, 1, size - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
}

static void test_run(void **state)
{
	struct fixture *f = *state;
	char output[512], text[8192];
	int status;

	(void)snprintf(output, sizeof(output), "%s/output", f->base);
	pid_t pid = run_probe(f, "4s", output);
	int first = feed(f, 0, 100, 5000), second = feed(f, 1, 20, 70000);

	/* While it runs the tracer is set. */
	expect(f, TRACING "current_tracer", "timerlat");
	expect(f, TRACING "osnoise/cpus", "0-1");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(first);
	(void)close(second);
	expect_as_before(f);
	read_output(output, text, sizeof(text));
	assert_non_null(strstr(text, "\"engine\":\"timerlat\""));
	assert_non_null(strstr(text, "\"cpu\":0,\"samples\":100,\"min_ns\":5000"));
	assert_non_null(strstr(text, "\"max_ns\":5099"));
	assert_non_null(strstr(text, "\"cpu\":1,\"samples\":20,\"min_ns\":70000"));
	assert_non_null(strstr(text, "\"lost\":5"));
	assert_non_null(strstr(text, "\"policy\":\"fifo\",\"priority\":95"));
}

static void end_early(struct fixture *f, int number, int expected)
{
	char output[512];
	int status;

	(void)snprintf(output, sizeof(output), "%s/output", f->base);
	pid_t pid = run_probe(f, "1h", output);
	int first = feed(f, 0, 10, 5000), second = feed(f, 1, 10, 5000);

	expect(f, TRACING "current_tracer", "timerlat");
	assert_int_equal(kill(pid, number), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (number == SIGKILL)
		assert_true(WIFSIGNALED(status));
	else
		assert_int_equal(WEXITSTATUS(status), expected);
	expect_as_before(f);
	(void)close(first);
	(void)close(second);
}

static void test_interrupted(void **state)
{
	end_early(*state, SIGINT, 0);
}

static void test_terminated(void **state)
{
	end_early(*state, SIGTERM, 1);
}

/* Nobody is left to clean up but the guard. */
static void test_killed(void **state)
{
	end_early(*state, SIGKILL, 0);
}

#define TRACING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_tracing, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRACING_TEST(test_plan),	TRACING_TEST(test_refusals),
		TRACING_TEST(test_classes),	TRACING_TEST(test_run),
		TRACING_TEST(test_interrupted), TRACING_TEST(test_terminated),
		TRACING_TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
