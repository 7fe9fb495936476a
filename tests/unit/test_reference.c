#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/reference_internal.h"
#include "tests/unit/tree.h"

#define WAIT_MS 60000 /* only a hang runs into it */

/* --- the parsers, with what the real programs wrote --- */

static char *read_sample(const char *name, size_t *ret_len)
{
	const char *srcdir = getenv("JT_SRCDIR");
	_cleanup_(freep) char *path =
		xasprintf("%s/tests/fuzz/corpus/fuzz_reference/%s", srcdir ? srcdir : ".", name);
	FILE *file = fopen(path, "r");
	char *text = xcalloc(1, 65536);

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	*ret_len = fread(text, 1, 65535, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

struct parsed {
	struct reference_setup setup;
	struct reference_cpu cpus[2];
	uint64_t duration_ns;
	char version[32], why[128];
};

static struct parsed *new_parsed(const struct engine *engine, unsigned first, unsigned n,
				 uint64_t unit_ns, uint64_t limit_ns)
{
	struct parsed *p = xcalloc(1, sizeof(*p));

	p->setup = (struct reference_setup){
		.engine = engine, .unit_ns = unit_ns, .limit_ns = limit_ns};
	for (unsigned i = 0; i < n; i++) {
		cpuset_add(&p->setup.options.cpus, first + i);
		p->cpus[i].cpu = first + i;
		histogram_zero(&p->cpus[i].histogram);
	}
	return p;
}

static int parse(struct parsed *p, char *json, size_t len, char *text, size_t text_len)
{
	const struct reference_output output = {
		.json = json, .json_len = len, .text = text, .text_len = text_len};

	return p->setup.engine->reference->parse(&p->setup, &output, p->cpus, &p->duration_ns,
						 p->version, sizeof(p->version), p->why,
						 sizeof(p->why));
}

static int parse_text(struct parsed *p, const char *json)
{
	_cleanup_(freep) char *copy = xstrdup(json);

	return parse(p, copy, strlen(copy), NULL, 0);
}

static uint64_t count_from(const struct histogram *h, uint64_t ns)
{
	uint64_t n = 0;

	for (unsigned i = histogram_bucket(ns); i < HISTOGRAM_BUCKETS; i++)
		n += h->counts[i];
	return n;
}

static void test_cyclictest_ns(void **state)
{
	size_t len, text_len;
	_cleanup_(freep) char *json = read_sample("cyclictest-ns.json", &len);
	_cleanup_(freep) char *text = read_sample("cyclictest-ns.txt", &text_len);
	_cleanup_(freep) struct parsed *p =
		new_parsed(&engine_cyclictest, 0, 2, 1, 30 * NSEC_PER_USEC);

	(void)state;
	assert_int_equal(parse(p, json, len, text, text_len), 0);
	assert_string_equal(p->version, "rt-tests 2.40");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->cpus[i].histogram.total, 200);
		/* Every value above the histogram is among the spikes. */
		assert_int_equal(p->cpus[i].above, 0);
	}
	assert_int_equal(p->cpus[0].histogram.min_ns, 15646);
	assert_int_equal(p->cpus[0].histogram.max_ns, 95948);
	assert_int_equal(p->cpus[1].histogram.max_ns, 86582);
	assert_int_equal(count_from(&p->cpus[1].histogram, 31 * NSEC_PER_USEC), 35);
}

/* More values above the histogram than spikes were kept: they are counted, and said. */
static void test_cyclictest_us(void **state)
{
	size_t len, text_len;
	_cleanup_(freep) char *json = read_sample("cyclictest-us.json", &len);
	_cleanup_(freep) char *text = read_sample("cyclictest-us.txt", &text_len);
	_cleanup_(freep) struct parsed *p =
		new_parsed(&engine_cyclictest, 0, 2, NSEC_PER_USEC, 60 * NSEC_PER_USEC);

	(void)state;
	assert_int_equal(parse(p, json, len, text, text_len), 0);
	assert_int_equal(p->cpus[0].histogram.total, 988);
	assert_int_equal(p->cpus[0].histogram.max_ns, 3390000);
	assert_int_equal(p->cpus[0].above, 953);
	assert_int_equal(p->cpus[1].above, 994);
	assert_true(count_from(&p->cpus[0].histogram, 60 * NSEC_PER_USEC) >= 953);
}

static void test_oslat(void **state)
{
	size_t len;
	_cleanup_(freep) char *json = read_sample("oslat.json", &len);
	_cleanup_(freep) struct parsed *p =
		new_parsed(&engine_oslat, 0, 2, NSEC_PER_USEC, 1024 * NSEC_PER_USEC);

	(void)state;
	assert_int_equal(parse(p, json, len, NULL, 0), 0);
	assert_int_equal(p->cpus[0].histogram.total, 52805842);
	assert_int_equal(p->cpus[1].histogram.max_ns, 4300000);
	assert_int_equal(p->cpus[0].histogram.min_ns, 1000);
	assert_int_equal(p->cpus[0].above, 231);
	assert_true(p->duration_ns > NSEC_PER_SEC);
}

static void test_oslat_overflow(void **state)
{
	size_t len;
	_cleanup_(freep) char *json = read_sample("oslat-overflow.json", &len);
	_cleanup_(freep) struct parsed *p =
		new_parsed(&engine_oslat, 1, 1, NSEC_PER_USEC, 32 * NSEC_PER_USEC);

	(void)state;
	assert_int_equal(parse(p, json, len, NULL, 0), 0);
	assert_int_equal(p->cpus[0].histogram.total, 48321365);
	assert_int_equal(p->cpus[0].histogram.max_ns, 1051000);
	assert_int_equal(p->cpus[0].above, 121);
}

/* Every beginning of a real output is refused, with a reason. */
static void test_truncated(void **state)
{
	static const char *const names[] = {"cyclictest-us.json", "oslat-overflow.json"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		size_t len;
		_cleanup_(freep) char *json = read_sample(names[i], &len);

		while (len && json[len - 1] != '}')
			len--;
		for (size_t n = 0; n < len; n++) {
			_cleanup_(freep) struct parsed *p =
				new_parsed(i ? &engine_oslat : &engine_cyclictest, i, 2 - i,
					   NSEC_PER_USEC, (i ? 32 : 60) * NSEC_PER_USEC);

			assert_int_equal(parse(p, json, n, NULL, 0), -EBADMSG);
			assert_true(p->why[0]);
		}
	}
}

#define THREAD(histogram, cycles, min, max, cpu)                                                   \
	"{\"return_code\":0,\"thread\":{\"0\":{\"histogram\":{" histogram "},\"cycles\":" cycles   \
	",\"min\":" min ",\"max\":" max ",\"cpu\":" cpu "}}}"

static void test_lies(void **state)
{
	static const struct {
		const char *json;
		int result;
	} rows[] = {
		{THREAD("\"5\":3", "3", "5", "5", "0"), 0},
		{THREAD("\"5\":3", "4", "5", "90", "0"), 0},
		{THREAD("", "0", "0", "0", "0"), 0},
		{THREAD("\"5\":3", "2", "5", "5", "0"), -EBADMSG},    /* more than it measured */
		{THREAD("\"5\":3", "4", "5", "5", "0"), -EBADMSG},    /* one is nowhere */
		{THREAD("\"5\":3", "3", "6", "6", "0"), -EBADMSG},    /* below the minimum */
		{THREAD("\"5\":3", "3", "1", "4", "0"), -EBADMSG},    /* above the maximum */
		{THREAD("\"5\":3", "3", "5", "5", "1"), -EBADMSG},    /* another CPU */
		{THREAD("\"60\":3", "3", "60", "60", "0"), -EBADMSG}, /* beyond its own limit */
		{THREAD("\"5\":-3", "3", "5", "5", "0"), -EBADMSG},
		{THREAD("\"5\":3.0", "3", "5", "5", "0"), -EBADMSG},
		{THREAD("\"x\":3", "3", "5", "5", "0"), -EBADMSG},
		{THREAD("\"18446744073709551615\":3", "3", "5", "5", "0"), -EBADMSG},
		{THREAD("\"5\":3", "3", "5", "99999999999999", "0"), -EBADMSG},
		{THREAD("\"5\":3", "3", "5", "5", "0") "{}", -EBADMSG},
		{"{\"return_code\":1,\"thread\":{}}", -EBADMSG},
		{"{\"return_code\":0,\"thread\":{}}", -EBADMSG},
		{"{\"return_code\":0,\"thread\":[]}", -EBADMSG},
		{"[]", -EBADMSG},
		{"", -EBADMSG},
		{"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", -EBADMSG},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(freep) struct parsed *p =
			new_parsed(&engine_cyclictest, 0, 1, NSEC_PER_USEC, 60 * NSEC_PER_USEC);

		if (parse_text(p, rows[i].json) != rows[i].result)
			fail_msg("row %u: not %d: %s", i, rows[i].result, p->why);
	}
}

static void test_too_many_tokens(void **state)
{
	_cleanup_(freep) struct parsed *p =
		new_parsed(&engine_oslat, 0, 1, NSEC_PER_USEC, NSEC_PER_MSEC);
	_cleanup_(freep) char *bomb = xcalloc(1, 2000001);

	(void)state;
	for (unsigned i = 0; i < 2000000; i += 2)
		memcpy(bomb + i, "[,", 2);
	assert_int_equal(parse_text(p, bomb), -EBADMSG);
	assert_non_null(strstr(p->why, "too large"));
}

static void test_spike_lines(void **state)
{
	static const struct {
		const char *line;
		bool is_spike;
		uint64_t thread, value;
	} rows[] = {
		{"T: 0 Spike:   26470: TS:  12371290971", true, 0, 26470},
		{"T:12 Spike: 5: TS: 1", true, 12, 5},
		{"T: 0 Spike:   26470: TS", false, 0, 0},
		{"T: x Spike:   26470: TS:  1", false, 0, 0},
		{"T: 0 Spike:   -6470: TS:  1", false, 0, 0},
		{"spikes = 1992", false, 0, 0},
		{"TS:", false, 0, 0},
		{"", false, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t thread = 0, value = 0;

		assert_int_equal(
			reference_parse_spike(rows[i].line, strlen(rows[i].line), &thread, &value),
			rows[i].is_spike);
		assert_int_equal(thread, rows[i].thread);
		assert_int_equal(value, rows[i].value);
	}
}

static void test_timerlat_lines(void **state)
{
	static const struct {
		const char *line;
		bool is_line, is_lost;
		enum reference_context context;
		uint64_t value;
	} rows[] = {
		{" <idle>-0  [000] d.h1  54.029328: #1  context  irq timer_latency  932 ns", true,
		 false, REFERENCE_IRQ, 932},
		{" <...>-867 [000] ....  54.029339: #1  context thread timer_latency 11700 ns",
		 true, false, REFERENCE_THREAD, 11700},
		{"CPU:3 [LOST 12 EVENTS]", true, true, REFERENCE_IRQ, 12},
		/* A task may call itself what it likes. */
		{"#1 context irq timer_latency 5 ns-9 [000] .... 5.0: #7 context thread "
		 "timer_latency 8 ns",
		 true, false, REFERENCE_THREAD, 8},
		{"1: #1 context thread timer_latency 5 ns-9 [000] 5.0: #7", false, false,
		 REFERENCE_IRQ, 0},
		{"context thread timer_latency 11700 ns", false, false, REFERENCE_IRQ, 0},
		{"# tracer: timerlat", false, false, REFERENCE_IRQ, 0},
		{"a 5.0: #7 context thread timer_latency -8 ns", false, false, REFERENCE_IRQ, 0},
		{"a 5.0: #7 context other timer_latency 8 ns", false, false, REFERENCE_IRQ, 0},
		{"", false, false, REFERENCE_IRQ, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reference_trace_line line = {0};

		assert_int_equal(
			reference_parse_timerlat(rows[i].line, strlen(rows[i].line), &line),
			rows[i].is_line);
		assert_int_equal(line.is_lost, rows[i].is_lost);
		assert_int_equal(line.context, rows[i].context);
		assert_int_equal(line.value, rows[i].value);
	}
}

/* --- programs that behave badly --- */

struct bench {
	struct tree *tree;
	struct host *host;
	char *path;
	struct reference_engine kind;
	struct engine engine;
	struct reference_options options;
	struct reference *reference;
	char why[256];
};

static int set_up(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct cpuset mine;

	if (host_open_live(&b->host) || host_get_affinity(b->host, 0, &mine))
		return -1;
	b->tree = tree_new();
	b->path = tree_path(b->tree, "program");
	b->kind = *engine_cyclictest.reference;
	b->kind.program = b->path;
	b->kind.grace_ns = 300 * NSEC_PER_MSEC;
	b->engine = engine_cyclictest;
	b->engine.reference = &b->kind;
	reference_options_init(&b->options);
	cpuset_add(&b->options.cpus, cpuset_next(&mine, 0));
	b->options.duration_ns = NSEC_PER_SEC;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	reference_free(b->reference);
	host_close(b->host);
	tree_free(b->tree);
	free(b->path);
	free(b);
	return 0;
}

static void put_program(struct bench *b, const char *body)
{
	_cleanup_(freep) char *text = xasprintf("#!/bin/sh\n%s\n", body);

	tree_file(b->tree, "program", text);
	assert_int_equal(chmod(b->path, 0755), 0);
}

static void start(struct bench *b)
{
	if (reference_start(b->host, &b->engine, &b->options, &b->reference, b->why,
			    sizeof(b->why)))
		fail_msg("%s", b->why);
}

static const struct reference_result *wait_for_result(struct bench *b)
{
	while (!reference_is_done(b->reference)) {
		struct pollfd fd = {.fd = reference_fd(b->reference), .events = POLLIN};

		assert_null(reference_result(b->reference));
		if (poll(&fd, 1, WAIT_MS) == 0)
			fail_msg("the run does not end");
		reference_step(b->reference);
	}
	return reference_result(b->reference);
}

static void expect_error(struct bench *b, const char *program, const char *words)
{
	put_program(b, program);
	start(b);

	const struct reference_result *result = wait_for_result(b);

	assert_int_equal(result->n_cpus, 0);
	if (!result->error || !strstr(result->error, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", program,
			 result->error ? result->error : "(nothing)", words);
	reference_free(b->reference);
	b->reference = NULL;
}

static void test_bad_programs(void **state)
{
	struct bench *b = *state;

	expect_error(b, "echo garbage >&3", "not the JSON it should be");
	expect_error(b, ":", "wrote no result");
	expect_error(b, "echo 'no permission' >&2; exit 1", "ended with status 1: no permission");
	expect_error(b, "kill -SEGV $$", "was ended by signal 11");
	expect_error(b, "printf 'a\\033[2Jb\\n' >&2; exit 2", "\\e[2Jb");
	expect_error(b, "exec head -c 100000000 /dev/zero", "wrote more than 16 MiB");
	expect_error(b, "exec head -c 100000000 /dev/zero >/proc/self/fd/3",
		     "wrote more than 16 MiB");
}

/* Neither its time nor SIGINT impresses it. */
static void test_hangs(void **state)
{
	struct bench *b = *state;

	expect_error(b, "trap '' INT TERM HUP; while :; do sleep 1; done",
		     "did not end in time, was ended by signal 9");
}

static void test_environment(void **state)
{
	struct bench *b = *state;

	assert_int_equal(setenv("JT_SECRET", "1", 1), 0);
	expect_error(b, "env >&2; pwd >&2; cat >&2; ls /proc/self/fd | tr '\\n' ' ' >&2; exit 3",
		     "status 3: 0 1 2 3 4");
	expect_error(b, "[ -z \"$JT_SECRET$HOME$TERM\" ] && exit 7", "status 7");
}

static pid_t read_pid(const struct bench *b, const char *name)
{
	_cleanup_(freep) char *path = tree_path(b->tree, name);
	char text[32] = "";

	for (int i = 0; i < WAIT_MS / 10; i++) {
		FILE *file = fopen(path, "r");

		if (file) {
			(void)!fgets(text, sizeof(text), file);
			(void)fclose(file);
			if (strchr(text, '\n'))
				return (pid_t)strtol(text, NULL, 10);
		}
		(void)usleep(10000);
	}
	fail_msg("%s never came", path);
	return 0;
}

/* The process is gone, or dead and waiting for somebody else to reap it. */
static bool is_dead(pid_t pid)
{
	char path[64], state = 'R';

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return true;
	for (char line[256]; fgets(line, sizeof(line), file);) {
		if (!strncmp(line, "State:\t", 7))
			state = line[7];
	}
	(void)fclose(file);
	return state == 'Z' || state == 'X';
}

static void wait_until_dead(pid_t pid)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (is_dead(pid))
			return;
		(void)usleep(10000);
	}
	fail_msg("process %d lives on", pid);
}

static char *with_grandchild(const struct bench *b, const char *rest)
{
	return xasprintf("sleep 1000 & echo $! >%s/grandchild.new\n"
			 "mv %s/grandchild.new %s/grandchild\n%s",
			 b->tree->dir, b->tree->dir, b->tree->dir, rest);
}

static void test_grandchild(void **state)
{
	struct bench *b = *state;
	_cleanup_(freep) char *ends = with_grandchild(b, "exit 1");
	_cleanup_(freep) char *stays = with_grandchild(b, "wait");

	expect_error(b, ends, "status 1");
	wait_until_dead(read_pid(b, "grandchild"));

	_cleanup_(freep) char *path = tree_path(b->tree, "grandchild");
	assert_int_equal(unlink(path), 0);
	put_program(b, stays);
	start(b);
	pid_t grandchild = read_pid(b, "grandchild");
	pid_t child = reference_pid(b->reference);

	assert_false(is_dead(grandchild));
	reference_free(b->reference);
	b->reference = NULL;
	wait_until_dead(grandchild);
	assert_true(is_dead(child));
	assert_int_equal(waitpid(child, NULL, WNOHANG), -1); /* reaped */
}

/* Whoever started it dies without a word: so does it. */
static void test_parent_killed(void **state)
{
	struct bench *b = *state;
	pid_t program;
	int status;

	put_program(b, "exec sleep 1000");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);

	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		if (reference_start(b->host, &b->engine, &b->options, &b->reference, b->why,
				    sizeof(b->why)))
			_exit(1);
		program = reference_pid(b->reference);
		(void)!write(fds[1], &program, sizeof(program));
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(fds[0], &program, sizeof(program)), sizeof(program));
	assert_int_equal(kill(program, 0), 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(waitpid(program, &status, 0), program); /* ours now */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int try_start(struct bench *b)
{
	int err = reference_start(b->host, &b->engine, &b->options, &b->reference, b->why,
				  sizeof(b->why));

	assert_true(!err || b->why[0]);
	return err;
}

static void test_refusals(void **state)
{
	struct bench *b = *state;

	assert_int_equal(try_start(b), -ENOENT);
	assert_non_null(strstr(b->why, "install rt-tests"));
	assert_int_equal(reference_check(b->host, &b->engine, b->why, sizeof(b->why)), -ENOENT);
	put_program(b, "exit 0");
	assert_int_equal(chmod(b->path, 0644), 0);
	assert_int_equal(try_start(b), -EACCES);
	if (geteuid() == 0) {
		assert_int_equal(chmod(b->path, 0775), 0);
		assert_int_equal(try_start(b), -EPERM);
		assert_int_equal(chmod(b->path, 0755), 0);
		assert_int_equal(chown(b->path, 65534, 0), 0);
		assert_int_equal(try_start(b), -EPERM);
		assert_int_equal(chown(b->path, 0, 0), 0);
	}
	assert_int_equal(chmod(b->path, 0755), 0);
	cpuset_add(&b->options.cpus, CPUSET_MAX - 1);
	assert_int_equal(try_start(b), -ENODEV);
	cpuset_zero(&b->options.cpus);
	assert_int_equal(try_start(b), -EINVAL);
	assert_int_equal(reference_check(b->host, &engine_wakeup, b->why, sizeof(b->why)),
			 -EOPNOTSUPP);
}

/* It spins: a machine without a CPU left for anybody else is a machine that has stopped. */
static void test_oslat_leaves_a_cpu(void **state)
{
	struct bench *b = *state;

	put_program(b, "echo started >&2; exit 1");
	b->kind = *engine_oslat.reference;
	b->kind.program = b->path;
	assert_int_equal(
		host_read_cpulistf(b->host, &b->options.cpus, "sys/devices/system/cpu/online"), 0);
	b->options.policy = MEASURE_FIFO;
	assert_int_equal(try_start(b), -EPERM);
	assert_non_null(strstr(b->why, "leave out a CPU"));
	b->options.policy = MEASURE_RR;
	assert_int_equal(try_start(b), -EINVAL);
	b->options.policy = MEASURE_OTHER;
	start(b);
	assert_non_null(strstr(wait_for_result(b)->error, "started"));
}

/* --- the real ones --- */

static void run_real(struct bench *b, const struct engine *engine)
{
	if (access(engine->reference->program, X_OK) < 0 || geteuid() != 0) {
		print_message("%s is not here or may not run\n", engine->name);
		return;
	}
	b->engine = *engine;
	start(b);

	const struct reference_result *result = wait_for_result(b);

	if (result->error)
		fail_msg("%s", result->error);
	assert_int_equal(result->n_cpus, 1);
	assert_true(result->cpus[0].histogram.total > 10);
	assert_true(result->cpus[0].histogram.min_ns <= result->cpus[0].histogram.max_ns);
	assert_int_equal(strncmp(result->command, engine->reference->program,
				 strlen(engine->reference->program)),
			 0);
	assert_non_null(strstr(result->version, "rt-tests"));
}

static void test_real_cyclictest(void **state)
{
	run_real(*state, &engine_cyclictest);
}

static void test_real_oslat(void **state)
{
	run_real(*state, &engine_oslat);
}

/* ^C after a while: what there is until then is the result. */
static void test_stop(void **state)
{
	struct bench *b = *state;

	if (access("/usr/bin/cyclictest", X_OK) < 0 || geteuid() != 0)
		skip();
	b->engine = engine_cyclictest;
	b->options.duration_ns = 3600 * NSEC_PER_SEC;
	start(b);
	(void)usleep(1500000);
	reference_step(b->reference);
	assert_false(reference_is_done(b->reference));
	reference_stop(b->reference);

	const struct reference_result *result = wait_for_result(b);

	if (result->error)
		fail_msg("%s", result->error);
	assert_true(result->cpus[0].histogram.total > 0);
	assert_true(result->duration_ns < 3600 * NSEC_PER_SEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cyclictest_ns),
		cmocka_unit_test(test_cyclictest_us),
		cmocka_unit_test(test_oslat),
		cmocka_unit_test(test_oslat_overflow),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_too_many_tokens),
		cmocka_unit_test(test_spike_lines),
		cmocka_unit_test(test_timerlat_lines),
		TEST(test_bad_programs),
		TEST(test_hangs),
		TEST(test_environment),
		TEST(test_grandchild),
		TEST(test_parent_killed),
		TEST(test_refusals),
		TEST(test_oslat_leaves_a_cpu),
		TEST(test_real_cyclictest),
		TEST(test_real_oslat),
		TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
