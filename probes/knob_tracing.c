/*
 * The kernel's tracer settings that a run of the timerlat tracer needs (core/reference_timerlat.c):
 * step classes for the guard, not a knob of the user's. They are global: an object is a file below
 * /sys/kernel/tracing, by name (Documentation/trace/timerlat-tracer.rst, osnoise-tracer.rst).
 *
 * Setting a tracer enlarges the trace buffers of every CPU from their 7 KB at boot to 1.4 MB
 * (buffer_size_kb); they stay so. Nothing else remains after the undo.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/step.h"

#define TRACING "sys/kernel/tracing"

static int make_path(const char *const *objects, const char *object, char *buf, size_t size)
{
	for (; *objects; objects++) {
		if (!strcmp(*objects, object)) {
			int len = snprintf(buf, size, "%s/%s", TRACING, object);

			return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
		}
	}
	return -EINVAL;
}

static int word_path(const char *object, char *buf, size_t size)
{
	static const char *const objects[] = {"current_tracer", NULL};

	return make_path(objects, object, buf, size);
}

static int number_path(const char *object, char *buf, size_t size)
{
	static const char *const objects[] = {
		"osnoise/print_stack",
		"osnoise/stop_tracing_total_us",
		"osnoise/stop_tracing_us",
		"osnoise/timerlat_period_us",
		"tracing_on",
		NULL,
	};

	return make_path(objects, object, buf, size);
}

static int cpus_path(const char *object, char *buf, size_t size)
{
	static const char *const objects[] = {"osnoise/cpus", NULL};

	return make_path(objects, object, buf, size);
}

/* There is one of each. Whether it is there is read, not asked for: an error that passes is not
 * absence, and what is taken for absent is never taken back. */
static int identity(struct host *host, const char *object, char *buf, size_t size)
{
	char text[1024];
	ssize_t len = host_readf(host, text, sizeof(text), TRACING "/%s", object);

	if (len < 0 && len != -EFBIG)
		return (int)len;
	return snprintf(buf, size, "%s", "") < 0 ? -ENOSPC : 0;
}

/* Only what the plan sets and "nop", which it puts back. */
static int check_word(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	(void)host;
	if (!strcmp(value, "nop") || !strcmp(value, "timerlat"))
		return 0;
	(void)snprintf(why, why_size, "%s: only timerlat is ever set", object);
	return -EINVAL;
}

static const char *explain(int err)
{
	switch (err) {
	case EBUSY:
		return "somebody else is tracing";
	case EINVAL:
		return "the kernel does not take this value: out of its range, or no such tracer";
	case EACCES:
	case EPERM:
		return "only root may set tracers, and not under lockdown";
	default:
		return NULL;
	}
}

const struct step_class step_class_tracing = {
	.name = "tracing",
	.compare = STEP_WORD,
	.path = word_path,
	.identity = identity,
	.check = check_word,
	.explain = explain,
};

const struct step_class step_class_tracing_cpus = {
	.name = "tracing_cpus",
	.compare = STEP_CPULIST,
	.path = cpus_path,
	.identity = identity,
	.explain = explain,
};

const struct step_class step_class_tracing_number = {
	.name = "tracing_number",
	.compare = STEP_U64,
	.path = number_path,
	.identity = identity,
	.explain = explain,
};
