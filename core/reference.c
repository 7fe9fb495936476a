/*
 * One run of a reference: options, refusals, the clock, and the result.
 */
#include "core/reference.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/reference_internal.h"
#include "core/text.h"

#define DEFAULT_DURATION_NS (10 * NSEC_PER_SEC)
#define DEFAULT_INTERVAL_NS NSEC_PER_MSEC
#define SECONDS_MAX (366u * 86400u)
/* What a program may take beyond its duration (oslat warms up for a second, threads start one by
 * one), and after SIGINT, before the next, harder word. */
#define GRACE_NS (5 * NSEC_PER_SEC)
#define GRACE_PER_CPU_NS (20 * NSEC_PER_MSEC)
#define MERCY_NS (2 * NSEC_PER_SEC)
#define TRACE_TICK_NS (50 * NSEC_PER_MSEC)

/* What the deadline means when it comes. */
enum stage { STAGE_RUNS, STAGE_INTERRUPTED, STAGE_KILLED, STAGE_DONE };

struct reference {
	struct reference_setup setup;
	struct host *host; /* borrowed: its clock, and the tracer's files */
	struct reference_child *child;
	struct reference_trace *trace;
	enum stage stage;
	bool is_ended_early, is_late;
	uint64_t start_ns, deadline_ns;
	int epoll_fd, timer_fd;
	struct reference_result result;
	struct reference_cpu *cpus;
	char *command;
	char version[32], error[256];
};

void reference_options_init(struct reference_options *options)
{
	memset(options, 0, sizeof(*options));
	options->duration_ns = DEFAULT_DURATION_NS;
	options->keeps_idle_states = true;
}

void reference_word(struct reference_words *words, const char *fmt, ...)
{
	va_list ap;

	if (words->n == REFERENCE_WORDS_MAX)
		abort(); /* our own table is too short */
	va_start(ap, fmt);
	words->words[words->n++] = xvasprintf(fmt, ap);
	va_end(ap);
}

void reference_words_done(struct reference_words *words)
{
	for (unsigned i = 0; i < words->n; i++)
		free(words->words[i]);
	memset(words, 0, sizeof(*words));
}

void reference_count(struct histogram *h, uint64_t ns, uint64_t n)
{
	if (!n)
		return;
	h->counts[histogram_bucket(ns)] += n;
	h->total += n;
	h->sum_ns += ns * n;
	h->min_ns = ns < h->min_ns ? ns : h->min_ns;
	h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

/* --- before the start --- */

int reference_check(struct host *host, const struct engine *engine, char *why, size_t why_size)
{
	const struct reference_engine *kind = engine->reference;

	if (!kind) {
		(void)snprintf(why, why_size, "%s is no reference", engine->name);
		return -EOPNOTSUPP;
	}
	if (!kind->program)
		return reference_trace_check(host, why, why_size);
	if (!host_is_this_machine(host)) {
		(void)snprintf(why, why_size, "this is not the live machine");
		return -EOPNOTSUPP;
	}

	int err = reference_child_check(kind->program, why, why_size);
	if (errno_is_absent(-err))
		(void)snprintf(why, why_size, "%s is not there: %s", kind->program, kind->missing);
	return err;
}

static int refuse(int err, char *why, size_t why_size, const char *fmt, ...) _printf_(4, 5);
static int refuse(int err, char *why, size_t why_size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, why_size, fmt, ap);
	va_end(ap);
	return err;
}

static int check_options(const struct reference_setup *setup, const struct cpuset *online,
			 char *why, size_t why_size)
{
	const struct reference_options *options = &setup->options;

	if (cpuset_is_empty(&options->cpus))
		return refuse(-EINVAL, why, why_size, "no CPU to measure");
	if (!cpuset_is_subset(&options->cpus, online))
		return refuse(-ENODEV, why, why_size, "not all of these CPUs are online");
	if (!options->duration_ns || setup->seconds > SECONDS_MAX)
		return refuse(-EINVAL, why, why_size, "the duration is out of range");
	if (options->interval_ns < 10 * NSEC_PER_USEC || options->interval_ns > NSEC_PER_SEC)
		return refuse(-EINVAL, why, why_size, "the interval is out of range");
	if (setup->engine->reference->is_priority_fixed &&
	    (options->policy != setup->engine->reference->policy ||
	     options->priority != setup->engine->reference->priority))
		return refuse(-EINVAL, why, why_size,
			      "%s has a policy and a priority of its own (SCHED_FIFO %u)",
			      setup->engine->name, setup->engine->reference->priority);
	if (options->priority > 99)
		return refuse(-EINVAL, why, why_size, "the priority is out of range");
	return 0;
}

static void fill_in(struct reference_setup *setup)
{
	struct reference_options *options = &setup->options;
	const struct reference_engine *kind = setup->engine->reference;

	if (options->policy == MEASURE_DEFAULT)
		options->policy = kind->policy;
	if (options->policy == MEASURE_OTHER)
		options->priority = 0;
	else if (!options->priority)
		options->priority = kind->priority;
	if (!options->interval_ns)
		options->interval_ns = DEFAULT_INTERVAL_NS;
	setup->seconds =
		options->duration_ns / NSEC_PER_SEC + (options->duration_ns % NSEC_PER_SEC ? 1 : 0);
}

/* A run must not take the machine away from everybody else. */
static int check_danger(struct host *host, const struct reference_setup *setup, char *why,
			size_t why_size)
{
	const struct reference_engine *kind = setup->engine->reference;
	int64_t runtime_us;

	if (setup->options.policy == MEASURE_OTHER)
		return 0;
	if (kind->spins && setup->options.policy == MEASURE_RR)
		return refuse(-EINVAL, why, why_size, "%s knows fifo and other only",
			      setup->engine->name);
	if (kind->spins && cpuset_is_empty(&setup->housekeeping))
		return refuse(-EPERM, why, why_size,
			      "%s never sleeps: at real-time priority on every CPU it would stop "
			      "this machine: leave out a CPU, or run it as an ordinary task",
			      setup->engine->name);
	if (!setup->options.is_forced &&
	    !host_read_i64f(host, &runtime_us, "proc/sys/kernel/sched_rt_runtime_us") &&
	    runtime_us < 0)
		return refuse(-EPERM, why, why_size,
			      "real-time throttling is off (sched_rt_runtime_us is -1): nothing "
			      "would stop a runaway: force it, or run it as an ordinary task");
	return 0;
}

static int set_up(struct host *host, const struct engine *engine,
		  const struct reference_options *options, struct reference_setup *ret, char *why,
		  size_t why_size)
{
	struct reference_setup setup = {.engine = engine, .options = *options};
	struct cpuset online, allowed = options->allowed;
	int err = reference_check(host, engine, why, why_size);

	if (err)
		return err;
	fill_in(&setup);
	err = host_read_cpulistf(host, &online, "sys/devices/system/cpu/online");
	if (err)
		return refuse(err, why, why_size, "the CPUs that are online cannot be read: %s",
			      strerror(-err));
	err = check_options(&setup, &online, why, why_size);
	if (err)
		return err;
	if (cpuset_is_empty(&allowed) && host_get_affinity(host, 0, &allowed))
		allowed = online;
	setup.housekeeping = online;
	cpuset_andnot(&setup.housekeeping, &setup.options.cpus);
	cpuset_and(&setup.housekeeping, &allowed);
	err = check_danger(host, &setup, why, why_size);
	if (err)
		return err;
	if (engine->reference->prepare)
		engine->reference->prepare(&setup);
	*ret = setup;
	return 0;
}

int reference_plan(struct host *host, const struct engine *engine,
		   const struct reference_options *options, const struct step_class *const *classes,
		   struct plan *ret, char *why, size_t why_size)
{
	struct reference_setup setup;
	int err = set_up(host, engine, options, &setup, why, why_size);

	if (err)
		return err;
	plan_init(ret);
	return engine->reference->program
		       ? 0
		       : reference_trace_plan(host, &setup, classes, ret, why, why_size);
}

/* --- the start --- */

static char *join(const struct reference_words *words)
{
	char *line = xstrdup(words->words[0]);

	for (unsigned i = 1; i < words->n; i++) {
		char *longer = xasprintf("%s %s", line, words->words[i]);

		free(line);
		line = longer;
	}
	return line;
}

static int start_program(struct reference *reference)
{
	const struct reference_setup *setup = &reference->setup;
	const struct reference_engine *kind = setup->engine->reference;
	struct cpuset usable = setup->options.cpus;
	struct reference_words words = {0};

	cpuset_or(&usable, &setup->housekeeping);
	reference_word(&words, "%s", kind->program);
	kind->command(setup, &words);
	reference->command = join(&words);
	int err = reference_child_start(&words, &usable, &reference->child);
	reference_words_done(&words);
	return err;
}

static int add_to_epoll(const struct reference *reference, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(reference->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* The timer fires at the deadline; of a trace often, because samples wait to be read. */
static int set_deadline(struct reference *reference, uint64_t deadline_ns)
{
	struct itimerspec at = {0};
	uint64_t now_ns = host_now_ns(reference->host);
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 1;

	reference->deadline_ns = deadline_ns;
	if (reference->trace)
		left_ns = TRACE_TICK_NS;
	at.it_value.tv_sec = (time_t)(left_ns / NSEC_PER_SEC);
	at.it_value.tv_nsec = (long)(left_ns % NSEC_PER_SEC);
	/* Again and again: a clock that is a little early must not end in silence. */
	at.it_interval.tv_nsec = (long)TRACE_TICK_NS;
	return timerfd_settime(reference->timer_fd, 0, &at, NULL) < 0 ? -errno : 0;
}

static int watch(struct reference *reference)
{
	const struct reference_setup *setup = &reference->setup;
	uint64_t grace_ns = setup->engine->reference->grace_ns;
	uint64_t duration_ns = setup->seconds * NSEC_PER_SEC + (grace_ns ? grace_ns : GRACE_NS) +
			       GRACE_PER_CPU_NS * cpuset_count(&setup->options.cpus);
	int err;

	reference->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	reference->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (reference->epoll_fd < 0 || reference->timer_fd < 0)
		return -errno;
	err = add_to_epoll(reference, reference->timer_fd);
	if (!err && reference->child)
		err = add_to_epoll(reference, reference_child_fd(reference->child));
	if (reference->trace)
		duration_ns = setup->options.duration_ns;
	return err ? err : set_deadline(reference, reference->start_ns + duration_ns);
}

static void new_cpus(struct reference *reference)
{
	const struct cpuset *cpus = &reference->setup.options.cpus;
	unsigned n = 0;

	reference->cpus = xcalloc(cpuset_count(cpus), sizeof(*reference->cpus));
	for (unsigned cpu = cpuset_next(cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(cpus, cpu + 1), n++) {
		reference->cpus[n].cpu = cpu;
		histogram_zero(&reference->cpus[n].histogram);
	}
}

int reference_start(struct host *host, const struct engine *engine,
		    const struct reference_options *options, struct reference **ret, char *why,
		    size_t why_size)
{
	struct reference *reference = xcalloc(1, sizeof(*reference));
	int err = set_up(host, engine, options, &reference->setup, why, why_size);

	reference->host = host;
	reference->epoll_fd = reference->timer_fd = -1;
	reference->start_ns = host_now_ns(host);
	if (!err) {
		new_cpus(reference);
		if (engine->reference->program)
			err = start_program(reference);
		else
			err = reference_trace_open(host, &reference->setup, reference->cpus,
						   &reference->trace, why, why_size);
		if (!err)
			err = watch(reference);
		if (err && (engine->reference->program || reference->trace))
			(void)snprintf(why, why_size, "%s cannot be started: %s", engine->name,
				       strerror(-err));
	}
	if (err) {
		reference_free(reference);
		return err;
	}
	*ret = reference;
	return 0;
}

int reference_fd(const struct reference *reference)
{
	return reference->epoll_fd;
}

/* --- while it runs --- */

static void say(struct reference *reference, const char *text)
{
	(void)text_sanitise(text, strlen(text), reference->error, sizeof(reference->error));
}

/* The last line of what it complained about. */
static void last_line(const char *text, size_t len, char *buf, size_t size)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;

	size_t from = len;
	while (from && text[from - 1] != '\n')
		from--;
	(void)text_sanitise(text + from, len - from, buf, size);
}

static void explain(struct reference *reference, const struct reference_output *output,
		    const char *verdict, const char *why)
{
	char line[160], text[512];

	last_line(output->errors, output->errors_len, line, sizeof(line));
	if (!line[0])
		last_line(output->text, output->text_len, line, sizeof(line));
	(void)snprintf(text, sizeof(text), "%s %s%s%s%s", reference->setup.engine->name,
		       reference->is_late ? "did not end in time, "
		       : verdict[0]	  ? ""
					  : "left nothing to use: ",
		       verdict[0] ? verdict : why, line[0] ? ": " : "", line);
	say(reference, text);
}

static void finish_program(struct reference *reference)
{
	const struct reference_engine *kind = reference->setup.engine->reference;
	struct reference_output output;
	char verdict[96], why[128] = "";
	uint64_t elapsed_ns = host_now_ns(reference->host) - reference->start_ns;

	if (reference->is_ended_early && elapsed_ns < reference->result.duration_ns)
		reference->result.duration_ns = elapsed_ns;
	reference_child_verdict(reference->child, verdict, sizeof(verdict));
	reference_child_output(reference->child, &output);
	if (verdict[0] ||
	    kind->parse(&reference->setup, &output, reference->cpus, &reference->result.duration_ns,
			reference->version, sizeof(reference->version), why, sizeof(why))) {
		explain(reference, &output, verdict, why);
		reference->result.n_cpus = 0;
	}
	reference_output_done(&output);
}

static void finish(struct reference *reference)
{
	const struct reference_options *options = &reference->setup.options;
	struct reference_result *result = &reference->result;

	*result = (struct reference_result){
		.engine = reference->setup.engine,
		.interval_ns =
			reference->setup.engine->reference->has_interval ? options->interval_ns : 0,
		.duration_ns = reference->setup.seconds * NSEC_PER_SEC,
		.policy = options->policy,
		.priority = options->priority,
		.holds_dma_latency = !options->keeps_idle_states &&
				     reference->setup.engine->reference->can_hold_dma_latency,
		.resolution_ns = reference->setup.unit_ns,
		.limit_ns = reference->setup.limit_ns,
		.command = reference->command,
		.cpus = reference->cpus,
		.n_cpus = cpuset_count(&options->cpus),
	};
	if (reference->child)
		finish_program(reference);
	else
		result->duration_ns = host_now_ns(reference->host) - reference->start_ns;
	result->version = reference->version;
	result->error = reference->error[0] ? reference->error : NULL;
	reference->stage = STAGE_DONE;
}

static void step_child(struct reference *reference)
{
	if (reference_child_has_ended(reference->child)) {
		finish(reference);
		return;
	}

	uint64_t now_ns = host_now_ns(reference->host);
	if (now_ns < reference->deadline_ns)
		return;
	if (reference->stage == STAGE_RUNS) {
		reference->stage = STAGE_INTERRUPTED;
		reference->is_late = true;
		reference_child_signal(reference->child, SIGINT);
		(void)set_deadline(reference, now_ns + MERCY_NS);
	} else if (reference->stage == STAGE_INTERRUPTED) {
		reference->stage = STAGE_KILLED;
		reference->is_late = true;
		reference_child_signal(reference->child, SIGKILL);
	}
}

static void step_trace(struct reference *reference)
{
	char text[128];
	int err = reference_trace_read(reference->trace);

	if (err) {
		(void)snprintf(text, sizeof(text), "the tracer went away: %s", strerror(-err));
		say(reference, text);
	}
	if (err || host_now_ns(reference->host) >= reference->deadline_ns)
		finish(reference);
}

void reference_step(struct reference *reference)
{
	uint64_t n_ticks;

	(void)!read(reference->timer_fd, &n_ticks, sizeof(n_ticks));
	if (reference->stage == STAGE_DONE)
		return;
	if (reference->child)
		step_child(reference);
	else
		step_trace(reference);
}

void reference_stop(struct reference *reference)
{
	if (reference->stage != STAGE_RUNS)
		return;
	reference->is_ended_early = true;
	if (reference->trace) {
		reference->deadline_ns = 0;
		return;
	}
	reference->stage = STAGE_INTERRUPTED;
	reference_child_signal(reference->child, SIGINT);
	(void)set_deadline(reference, host_now_ns(reference->host) + MERCY_NS);
}

pid_t reference_pid(const struct reference *reference)
{
	return reference->child ? reference_child_pid(reference->child) : 0;
}

bool reference_is_done(const struct reference *reference)
{
	return reference->stage == STAGE_DONE;
}

void reference_progress(const struct reference *reference, uint64_t *ret_elapsed_ns,
			uint64_t *ret_total_ns)
{
	*ret_elapsed_ns = host_now_ns(reference->host) - reference->start_ns;
	*ret_total_ns = reference->child ? reference->setup.seconds * NSEC_PER_SEC
					 : reference->setup.options.duration_ns;
}

bool reference_worst(const struct reference *reference, unsigned *ret_cpu, uint64_t *ret_ns)
{
	unsigned n = cpuset_count(&reference->setup.options.cpus);
	const struct reference_cpu *worst = NULL;

	for (unsigned i = 0; i < n; i++) {
		const struct reference_cpu *cpu = &reference->cpus[i];

		if (cpu->histogram.total &&
		    (!worst || cpu->histogram.max_ns > worst->histogram.max_ns))
			worst = cpu;
	}
	if (!worst)
		return false;
	*ret_cpu = worst->cpu;
	*ret_ns = worst->histogram.max_ns;
	return true;
}

const struct reference_result *reference_result(const struct reference *reference)
{
	return reference->stage == STAGE_DONE ? &reference->result : NULL;
}

void reference_free(struct reference *reference)
{
	if (!reference)
		return;
	reference_child_free(reference->child);
	reference_trace_close(reference->trace);
	fd_closep(&reference->epoll_fd);
	fd_closep(&reference->timer_fd);
	free(reference->cpus);
	free(reference->command);
	free(reference);
}
