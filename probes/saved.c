#include "probes/saved.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"

extern const struct step_class step_class_irq_affinity;

struct kind {
	const char *name;
	const char *pattern; /* of the object: # is a number, * one name, ** names with slashes */
	const char *path;    /* the same marks in the same order */
	const struct step_class *class; /* has path and identity; NULL: the two above */
};

static const struct kind kinds[] = {
	[SAVED_GOVERNOR] = {"governor", "policy:#", SYS_CPU "/cpufreq/policy#/scaling_governor",
			    NULL},
	[SAVED_EPP] = {"epp", "policy:#", SYS_CPU "/cpufreq/policy#/energy_performance_preference",
		       NULL},
	[SAVED_MIN_FREQ] = {"min_freq", "policy:#", SYS_CPU "/cpufreq/policy#/scaling_min_freq",
			    NULL},
	[SAVED_MAX_FREQ] = {"max_freq", "policy:#", SYS_CPU "/cpufreq/policy#/scaling_max_freq",
			    NULL},
	[SAVED_BOOST] = {"boost", "policy:#", SYS_CPU "/cpufreq/policy#/boost", NULL},
	[SAVED_NO_TURBO] = {"no_turbo", "intel_pstate", SYS_CPU "/intel_pstate/no_turbo", NULL},
	[SAVED_MIN_PERF] = {"min_perf", "intel_pstate", SYS_CPU "/intel_pstate/min_perf_pct", NULL},
	[SAVED_MAX_PERF] = {"max_perf", "intel_pstate", SYS_CPU "/intel_pstate/max_perf_pct", NULL},
	[SAVED_EPB] = {"epb", "cpu:#", SYS_CPU "/cpu#/power/energy_perf_bias", NULL},
	[SAVED_RESUME_LATENCY] = {"resume_latency", "cpu:#",
				  SYS_CPU "/cpu#/power/pm_qos_resume_latency_us", NULL},
	[SAVED_IDLE_STATE] = {"idle_state", "cstate:#/#", SYS_CPU "/cpu#/cpuidle/state#/disable",
			      NULL},
	[SAVED_ONLINE] = {"online", "cpu:#", SYS_CPU "/cpu#/online", NULL},
	[SAVED_IRQ] = {"irq", NULL, NULL, &step_class_irq_affinity},
	[SAVED_XPS] = {"xps", "*/tx-#", "sys/class/net/*/queues/tx-#/xps_cpus", NULL},
	[SAVED_RPS] = {"rps", "*/rx-#", "sys/class/net/*/queues/rx-#/rps_cpus", NULL},
	[SAVED_RPS_FLOWS] = {"rps_flows", "*/rx-#", "sys/class/net/*/queues/rx-#/rps_flow_cnt",
			     NULL},
	[SAVED_CPUSET] = {"cpuset", "**", "sys/fs/cgroup/cpuset/**/cpuset.cpus", NULL},
	[SAVED_PARTITION] = {"partition", "**", "sys/fs/cgroup/**/cpuset.cpus.partition", NULL},
};

/* "epp/policy:3": the kind, and its object behind the slash. */
static const struct kind *find_kind(const char *object, const char **ret_rest)
{
	const char *slash = strchr(object, '/');

	for (size_t i = 0; slash && i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].name);

		if ((size_t)(slash - object) == len && !strncmp(object, kinds[i].name, len)) {
			*ret_rest = slash + 1;
			return &kinds[i];
		}
	}
	return NULL;
}

/* Length of the part at text that a mark stands for. 0: it does not fit. */
static size_t mark_length(const char *mark, const char *text)
{
	uint64_t number;
	char digits[12];

	if (*mark == '*')
		return mark[1] == '*' ? strlen(text) : strcspn(text, "/");
	size_t len = strspn(text, "0123456789");
	if (len == 0 || len >= sizeof(digits) || (text[0] == '0' && len > 1))
		return 0;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return parse_u64(digits, &number) ? 0 : len;
}

static bool is_mark(const char *at)
{
	return *at == '#' || *at == '*';
}

static bool append(char *buf, size_t size, size_t *len, const char *text, size_t n)
{
	if (*len + n >= size)
		return false;
	memcpy(buf + *len, text, n);
	*len += n;
	buf[*len] = '\0';
	return true;
}

/* Up to two marks of pattern, found in object and put into path. */
static int fill_path(const struct kind *kind, const char *object, char *buf, size_t size)
{
	const char *parts[2] = {"", ""};
	size_t lengths[2] = {0, 0}, n = 0, len = 0;
	const char *at = kind->pattern;

	for (; *at; at++) {
		if (!is_mark(at)) {
			if (*object++ != *at)
				return -EINVAL;
			continue;
		}
		lengths[n] = mark_length(at, object);
		if (n == ARRAY_SIZE(parts) || lengths[n] == 0)
			return -EINVAL;
		parts[n] = object;
		object += lengths[n++];
		at += at[0] == '*' && at[1] == '*';
	}
	if (*object)
		return -EINVAL;
	n = 0;
	for (at = kind->path; *at; at++) {
		bool is_part = is_mark(at);

		if (!append(buf, size, &len, is_part ? parts[n] : at, is_part ? lengths[n] : 1))
			return -ENOSPC;
		if (is_part) {
			n++;
			at += at[0] == '*' && at[1] == '*';
		}
	}
	return 0;
}

static int saved_path(const char *object, char *buf, size_t size)
{
	const char *rest;
	const struct kind *kind = find_kind(object, &rest);

	if (!kind)
		return -EINVAL;
	return kind->class ? kind->class->path(rest, buf, size) : fill_path(kind, rest, buf, size);
}

/* An interface's name may be another one's by then. */
static int interface_identity(struct host *host, const char *rest, char *buf, size_t size)
{
	ssize_t len = host_readf(host, buf, size, "sys/class/net/%.*s/ifindex",
				 (int)strcspn(rest, "/"), rest);

	return len < 0 ? (int)len : 0;
}

static int saved_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[512], present[PLAN_VALUE_MAX];
	const char *rest;
	const struct kind *kind = find_kind(object, &rest);
	int err = saved_path(object, path, sizeof(path));

	if (err)
		return err;
	if (kind->class)
		return kind->class->identity(host, rest, buf, size);
	/* Read and not asked for: a passing error is not absence. */
	ssize_t len = host_read(host, path, present, sizeof(present));
	if (len < 0)
		return (int)len;
	if (kind == &kinds[SAVED_XPS] || kind == &kinds[SAVED_RPS] ||
	    kind == &kinds[SAVED_RPS_FLOWS])
		return interface_identity(host, rest, buf, size);
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

static const char *saved_explain(int err)
{
	switch (err) {
	case EBUSY:
		return "the kernel does not take it in this state: write it back by hand when that "
		       "has passed";
	case ENODEV:
	case ENOENT:
		return "it did not come back";
	default:
		return NULL;
	}
}

const struct step_class step_class_saved = {
	.name = "saved",
	.compare = STEP_TEXT,
	.flags = STEP_RESTORED,
	.path = saved_path,
	.identity = saved_identity,
	.explain = saved_explain,
};

/* The plan sets this file itself: that step's undo puts it back. */
static bool is_set(const struct plan *plan, const char *path)
{
	char other[512];

	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->class != &step_class_saved &&
		    !step->class->path(step->object, other, sizeof(other)) && !strcmp(other, path))
			return true;
	}
	return false;
}

int saved_addf(struct plan *plan, struct host *host, enum saved_kind kind, char *why,
	       size_t why_size, const char *fmt, ...)
{
	char object[PLAN_OBJECT_MAX], path[512], value[PLAN_VALUE_MAX];
	va_list ap;
	int len = snprintf(object, sizeof(object), "%s/", kinds[kind].name);

	va_start(ap, fmt);
	int more = vsnprintf(object + len, sizeof(object) - (size_t)len, fmt, ap);
	va_end(ap);
	if (more < 0 || (size_t)(len + more) >= sizeof(object)) {
		(void)snprintf(why, why_size, "%.64s...: a name too long to be saved", object);
		return -ENAMETOOLONG;
	}
	int err = saved_path(object, path, sizeof(path));
	if (err)
		return err;
	if (is_set(plan, path))
		return 0;
	ssize_t read = host_read(host, path, value, sizeof(value));
	if (read == -EBUSY || (read < 0 && errno_is_absent((int)-read)))
		return 0;
	if (read < 0) {
		(void)snprintf(why, why_size,
			       "/%s cannot be read (%s), so that it could not be put back", path,
			       strerror((int)-read));
		return (int)read;
	}
	err = plan_add(plan, host, &step_class_saved, object, read_trim(value), why, why_size);
	return err == -EEXIST ? 0 : err;
}

int saved_add_policy(struct plan *plan, struct host *host, unsigned policy, char *why,
		     size_t why_size)
{
	static const enum saved_kind in_order[] = {SAVED_EPP, SAVED_BOOST, SAVED_MIN_FREQ,
						   SAVED_MAX_FREQ, SAVED_GOVERNOR};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(in_order) && !err; i++)
		err = saved_addf(plan, host, in_order[i], why, why_size, "policy:%u", policy);
	return err;
}
