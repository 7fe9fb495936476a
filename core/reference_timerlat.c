/*
 * The kernel's timerlat tracer (Documentation/trace/timerlat-tracer.rst, Linux 5.14): a kernel
 * thread per CPU at SCHED_FIFO 95 sleeps for a period; the tracer says how late the timer's
 * interrupt came and how late the thread ran. Lines of per_cpu/cpuN/trace_pipe:
 *
 *   timerlat/1-867  [001] ....  54.029339: #1  context thread timer_latency  11700 ns
 *
 * Its settings belong to the whole machine, so they go through the guard as a plan (classes in
 * probes/knob_tracing.c) with current_tracer last: undone in reverse order, the tracer stops first.
 * The top-level trace is used and not an instance: an instance would be a directory to make and
 * remove, its settings would be the same global ones, and Linux 5.14 has none for this tracer. In
 * return nobody else's trace may be in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/parse.h"
#include "core/reference_internal.h"

#define TRACING "sys/kernel/tracing"
#define TRACER "timerlat"
#define TIMERLAT_PRIORITY 95u
#define LINE_MAX_BYTES 1024u
#define READS_MAX 64u /* of one CPU in one go: the screen must not wait */
#define INSTANCES_MAX 256u

static bool has_word(const char *text, const char *word)
{
	struct scan scan = {text};
	const char *found;
	size_t len;

	while (!scan_word(&scan, &found, &len)) {
		if (len == strlen(word) && !memcmp(found, word, len))
			return true;
	}
	return false;
}

int reference_trace_check(struct host *host, char *why, size_t why_size)
{
	char tracers[1024];
	ssize_t len = host_read(host, TRACING "/available_tracers", tracers, sizeof(tracers));

	if (len == -EACCES || len == -EPERM) {
		(void)snprintf(why, why_size, "only root may use the kernel's tracers");
		return (int)len;
	}
	if (len == -ENOENT || len == -ENOTDIR) {
		(void)snprintf(why, why_size,
			       host_existsf(host, TRACING)
				       ? "tracefs is not mounted: mount -t tracefs tracefs "
					 "/sys/kernel/tracing"
				       : "this kernel has no tracefs (CONFIG_FTRACE)");
		return (int)len;
	}
	if (len < 0) {
		(void)snprintf(why, why_size, "/%s/available_tracers: %s", TRACING,
			       strerror((int)-len));
		return (int)len;
	}
	if (!has_word(tracers, TRACER)) {
		(void)snprintf(why, why_size,
			       "this kernel has no timerlat tracer (CONFIG_TIMERLAT_TRACER)");
		return -ENOENT;
	}
	return 0;
}

/* --- is the trace free? --- */

static int busy(char *why, size_t why_size, const char *what)
{
	(void)snprintf(why, why_size, "somebody else is tracing: %s", what);
	return -EBUSY;
}

static int check_instances(struct host *host, char *why, size_t why_size)
{
	struct host_names names;
	bool is_used = false;

	if (host_listf(host, &names, TRACING "/instances"))
		return 0; /* older than instances */
	for (size_t i = 0; i < names.n && i < INSTANCES_MAX; i++) {
		char tracer[64];

		if (host_readf(host, tracer, sizeof(tracer), TRACING "/instances/%s/current_tracer",
			       names.names[i]) >= 0)
			is_used |= !strcmp(tracer, "osnoise") || !strcmp(tracer, TRACER);
	}
	host_names_done(&names);
	return is_used ? busy(why, why_size, "an instance has the osnoise or timerlat tracer") : 0;
}

/* What lies in the buffer would be lost when the tracer starts. */
static int check_buffers(struct host *host, const struct cpuset *cpus, char *why, size_t why_size)
{
	for (unsigned cpu = cpuset_next(cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(cpus, cpu + 1)) {
		char text[1024];
		uint64_t n;

		if (host_readf(host, text, sizeof(text), TRACING "/per_cpu/cpu%u/stats", cpu) < 0)
			continue;

		struct scan scan = {text};
		const char *word;
		size_t len;
		if (!scan_word(&scan, &word, &len) && len == 8 && !memcmp(word, "entries:", 8) &&
		    !scan_u64(&scan, &n) && n)
			return busy(why, why_size,
				    "the trace holds entries: save them, then clear it with "
				    "echo > /sys/kernel/tracing/trace");
	}
	return 0;
}

static int check_free(struct host *host, const struct cpuset *cpus, char *why, size_t why_size)
{
	char text[1024];
	ssize_t len = host_read(host, TRACING "/current_tracer", text, sizeof(text));

	if (len < 0) {
		(void)snprintf(why, why_size, "/%s/current_tracer: %s", TRACING,
			       strerror((int)-len));
		return (int)len;
	}
	if (strcmp(text, "nop") != 0)
		return busy(why, why_size, "current_tracer is not nop");
	if (host_read(host, TRACING "/events/enable", text, sizeof(text)) >= 0 &&
	    strcmp(text, "0") != 0)
		return busy(why, why_size, "events are enabled");
	if (host_read(host, TRACING "/osnoise/options", text, sizeof(text)) >= 0 &&
	    has_word(text, "NO_OSNOISE_WORKLOAD"))
		return busy(why, why_size, "osnoise/options says NO_OSNOISE_WORKLOAD");

	int err = check_instances(host, why, why_size);
	return err ? err : check_buffers(host, cpus, why, why_size);
}

/* --- the plan --- */

static const struct step_class *find_class(const struct step_class *const *classes,
					   const char *name)
{
	for (; *classes; classes++) {
		if (!strcmp((*classes)->name, name))
			return *classes;
	}
	return NULL;
}

struct wish {
	const char *class, *object, *value;
	bool is_optional; /* not in every kernel that has the tracer */
};

static int add_wish(struct host *host, const struct step_class *const *classes,
		    const struct wish *wish, struct plan *ret, char *why, size_t why_size)
{
	const struct step_class *class = find_class(classes, wish->class);

	if (!class) {
		(void)snprintf(why, why_size, "there is no step class %s", wish->class);
		return -EOPNOTSUPP;
	}
	if (wish->is_optional && !host_existsf(host, TRACING "/%s", wish->object))
		return 0;
	return plan_add(ret, host, class, wish->object, wish->value, why, why_size);
}

int reference_trace_plan(struct host *host, const struct reference_setup *setup,
			 const struct step_class *const *classes, struct plan *ret, char *why,
			 size_t why_size)
{
	_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);
	char period[32];
	int err = check_free(host, &setup->options.cpus, why, why_size);

	if (err)
		return err;
	(void)cpuset_format_list(&setup->options.cpus, list, CPUSET_TEXT_MAX);
	(void)snprintf(period, sizeof(period), "%llu",
		       (unsigned long long)(setup->options.interval_ns / NSEC_PER_USEC));

	const struct wish wishes[] = {
		{"tracing_cpus", "osnoise/cpus", list, false},
		{"tracing_number", "osnoise/timerlat_period_us", period, false},
		/* A threshold that somebody left would stop the trace in the middle. */
		{"tracing_number", "osnoise/stop_tracing_us", "0", false},
		{"tracing_number", "osnoise/stop_tracing_total_us", "0", false},
		{"tracing_number", "osnoise/print_stack", "0", true},
		{"tracing_number", "tracing_on", "1", false},
		{"tracing", "current_tracer", TRACER, false},
	};

	for (unsigned i = 0; !err && i < ARRAY_SIZE(wishes); i++)
		err = add_wish(host, classes, &wishes[i], ret, why, why_size);
	if (!err) {
		cpuset_or(&ret->affected, &setup->options.cpus);
		plan_title_add(ret, "timerlat tracer on cpu %.64s", list);
	}
	return err;
}

/* --- the samples --- */

/* The word that ends at *end, which moves in front of it. */
static bool last_word(const char *line, size_t *end, const char **ret_word, size_t *ret_len)
{
	size_t to = *end;

	while (to && line[to - 1] == ' ')
		to--;
	size_t from = to;
	while (from && line[from - 1] != ' ')
		from--;
	*end = from;
	*ret_word = line + from;
	*ret_len = to - from;
	return to > from;
}

static bool take_number(const char *word, size_t len, uint64_t *ret)
{
	char text[24];

	if (!len || len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	return !parse_u64(text, ret);
}

static bool is_word(const char *word, size_t len, const char *wanted)
{
	return len == strlen(wanted) && !memcmp(word, wanted, len);
}

static bool take_context(const char *word, size_t len, enum reference_context *ret)
{
	static const char *const names[] = {
		[REFERENCE_IRQ] = "irq",
		[REFERENCE_THREAD] = "thread",
		[REFERENCE_USER_RETURN] = "user-ret",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (is_word(word, len, names[i])) {
			*ret = (enum reference_context)i;
			return true;
		}
	}
	return false;
}

/* "CPU:1 [LOST 12 EVENTS]" */
static bool parse_lost(const char *line, size_t len, struct reference_trace_line *ret)
{
	struct reference_trace_line found = {.is_lost = true};
	const char *word;
	size_t n, end = len;

	if (len < 4 || memcmp(line, "CPU:", 4) || !last_word(line, &end, &word, &n) ||
	    !is_word(word, n, "EVENTS]") || !last_word(line, &end, &word, &n) ||
	    !take_number(word, n, &found.value) || !last_word(line, &end, &word, &n) ||
	    !is_word(word, n, "[LOST"))
		return false;
	*ret = found;
	return true;
}

/* From the end: what stands in front is the task's name, which a task chooses. */
bool reference_parse_timerlat(const char *line, size_t len, struct reference_trace_line *ret)
{
	struct reference_trace_line found = {0};
	const char *word;
	size_t n, end = len;

	if (parse_lost(line, len, ret))
		return true;
	if (!last_word(line, &end, &word, &n) || !is_word(word, n, "ns") ||
	    !last_word(line, &end, &word, &n) || !take_number(word, n, &found.value) ||
	    !last_word(line, &end, &word, &n) || !is_word(word, n, "timer_latency") ||
	    !last_word(line, &end, &word, &n) || !take_context(word, n, &found.context) ||
	    !last_word(line, &end, &word, &n) || !is_word(word, n, "context") ||
	    !last_word(line, &end, &word, &n) || n < 2 || word[0] != '#' ||
	    !take_number(word + 1, n - 1, &found.sequence) || !last_word(line, &end, &word, &n) ||
	    word[n - 1] != ':' || found.value > 1000 * NSEC_PER_SEC)
		return false;
	*ret = found;
	return true;
}

struct trace_cpu {
	int fd;
	size_t len;
	char text[16384];
};

struct reference_trace {
	struct reference_cpu *cpus; /* the reference's */
	unsigned n;
	struct trace_cpu *pipes;
};

int reference_trace_open(struct host *host, const struct reference_setup *setup,
			 struct reference_cpu *cpus, struct reference_trace **ret, char *why,
			 size_t why_size)
{
	struct reference_trace *trace = xcalloc(1, sizeof(*trace));
	int err = 0;

	trace->cpus = cpus;
	trace->n = cpuset_count(&setup->options.cpus);
	trace->pipes = xcalloc(trace->n, sizeof(*trace->pipes));
	for (unsigned i = 0; i < trace->n; i++)
		trace->pipes[i].fd = -1;
	for (unsigned i = 0; !err && i < trace->n; i++)
		err = host_stream_openf(host, &trace->pipes[i].fd,
					TRACING "/per_cpu/cpu%u/trace_pipe", cpus[i].cpu);
	if (err) {
		(void)snprintf(why, why_size, "the trace cannot be read: %s", strerror(-err));
		reference_trace_close(trace);
		return err;
	}
	*ret = trace;
	return 0;
}

static void take_line(struct reference_cpu *cpu, const char *line, size_t len)
{
	struct reference_trace_line found;

	if (!reference_parse_timerlat(line, len, &found))
		return;
	if (found.is_lost)
		cpu->lost += found.value;
	else if (found.context == REFERENCE_THREAD)
		histogram_count(&cpu->histogram, found.value);
}

/* Whole lines are taken, the rest waits. A line too long for the buffer is none of ours. */
static void take_lines(struct trace_cpu *pipe, struct reference_cpu *cpu)
{
	char *from = pipe->text, *end = pipe->text + pipe->len, *newline;

	while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
		take_line(cpu, from, (size_t)(newline - from));
		from = newline + 1;
	}
	pipe->len = (size_t)(end - from);
	if (pipe->len > LINE_MAX_BYTES)
		pipe->len = 0;
	memmove(pipe->text, from, pipe->len);
}

int reference_trace_read(struct reference_trace *trace)
{
	for (unsigned i = 0; i < trace->n; i++) {
		struct trace_cpu *pipe = &trace->pipes[i];

		for (unsigned reads = 0; reads < READS_MAX; reads++) {
			ssize_t n = read(pipe->fd, pipe->text + pipe->len,
					 sizeof(pipe->text) - pipe->len);

			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return -errno;
			if (n <= 0)
				break;
			pipe->len += (size_t)n;
			take_lines(pipe, &trace->cpus[i]);
		}
	}
	return 0;
}

void reference_trace_close(struct reference_trace *trace)
{
	if (!trace)
		return;
	for (unsigned i = 0; i < trace->n; i++)
		fd_closep(&trace->pipes[i].fd);
	free(trace->pipes);
	free(trace);
}

static void prepare(struct reference_setup *setup)
{
	setup->unit_ns = 1;
}

static const struct reference_engine reference_timerlat = {
	.has_interval = true,
	.policy = MEASURE_FIFO,
	.priority = TIMERLAT_PRIORITY,
	.is_priority_fixed = true,
	.prepare = prepare,
};

const struct engine engine_timerlat = {
	.name = TRACER,
	.summary = "the kernel's own: its timerlat tracer, where it is built in",
	.reference = &reference_timerlat,
};
