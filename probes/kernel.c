/*
 * The kernel line: version, preemption model, command line, clock source, lockdown. All of it is
 * static or nearly so, hence the long period.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/probe.h"
#include "probes/cmdline.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define SYS_CLOCK "sys/devices/system/clocksource/clocksource0"

enum host_metric {
	HOST_NAME,
	HOST_RELEASE,
	HOST_PREEMPTION,
	HOST_COMMAND_LINE,
	HOST_IRQAFFINITY,
	HOST_ISOLCPUS_FLAGS,
	HOST_HUGEPAGES,
	HOST_MITIGATIONS,
	HOST_CLOCKSOURCE,
	HOST_CLOCKSOURCES,
	HOST_LOCKDOWN
};
static const struct metric host_metrics[] = {
	{"hostname", METRIC_TEXT, UNIT_NONE, "Host name", NULL},
	{"kernel_release", METRIC_TEXT, UNIT_NONE, "Kernel release", NULL},
	{"preemption", METRIC_TEXT, UNIT_NONE, "Preemption model", NULL},
	{"command_line", METRIC_TEXT, UNIT_NONE, "Kernel command line", NULL},
	{"irqaffinity", METRIC_CPUSET, UNIT_NONE, "irqaffinity= of the command line", NULL},
	{"isolcpus_flags", METRIC_TEXT, UNIT_NONE, "Flags of isolcpus=: domain, nohz, managed_irq",
	 NULL},
	{"boot_hugepages", METRIC_TEXT, UNIT_NONE, "Huge page parameters of the command line",
	 NULL},
	{"mitigations", METRIC_TEXT, UNIT_NONE, "mitigations= of the command line; empty: default",
	 NULL},
	{"clocksource", METRIC_TEXT, UNIT_NONE, "Clock source in use", NULL},
	{"clocksources", METRIC_TEXT, UNIT_NONE, "Clock sources available", NULL},
	{"lockdown", METRIC_TEXT, UNIT_NONE, "Kernel lockdown: none, integrity, confidentiality",
	 NULL},
};

static const struct metric_set sets[] = {{"host", host_metrics, ARRAY_SIZE(host_metrics)}};

/* The third word of "Linux version 6.1.0-18-amd64 (builder@...) ... #1 SMP ...". */
static bool release_of(const char *version, char *buf, size_t size)
{
	static const char prefix[] = "Linux version ";

	if (strncmp(version, prefix, sizeof(prefix) - 1))
		return false;
	version += sizeof(prefix) - 1;

	size_t n = strcspn(version, " \n");

	if (!n || n >= size)
		return false;
	memcpy(buf, version, n);
	buf[n] = '\0';
	return true;
}

/* The build says what is possible, debugfs what is chosen (lockdown and non-root cannot read it),
 * the command line what was asked for. sched/preempt: "none voluntary (full)". */
static void dynamic_mode(struct host *host, const char *command_line, char *buf, size_t size)
{
	char text[128], value[32];
	const char *open, *end;

	buf[0] = '\0';
	if (host_read(host, "sys/kernel/debug/sched/preempt", text, sizeof(text)) > 0 &&
	    (open = strchr(text, '(')) && (end = strchr(open, ')')))
		(void)snprintf(buf, size, " (%.*s)", (int)(end - open - 1), open + 1);
	else if (cmdline_value(command_line, "preempt", value, sizeof(value)))
		(void)snprintf(buf, size, " (%s)", value);
}

/*
 * The words behind "#1 SMP" (UTS_VERSION: number, flags, time of the build), or NULL when the text
 * may end within the flags. A flag that is missing says "not preemptible", so a cut text must not
 * pass for one without flags.
 */
static const char *version_flags(const char *version)
{
	static const char *const flags[] = {"SMP ", "PREEMPT_DYNAMIC", "PREEMPT_RT", "PREEMPT RT"};
	const char *at = strstr(version, " #");

	if (!at || at[2] < '0' || at[2] > '9')
		return NULL;
	at += 1 + strcspn(at + 1, " ");
	if (!strncmp(at, " SMP ", 5))
		at += 4;
	if (!at[0] || !at[1])
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		size_t len = strlen(at + 1);

		if (len < strlen(flags[i]) && !strncmp(flags[i], at + 1, len))
			return NULL;
	}
	return at;
}

/* False: unknown. */
static bool preemption_of(struct host *host, const char *version, const char *command_line,
			  char *buf, size_t size)
{
	uint64_t is_realtime = 0;
	const char *flags = version_flags(version);
	char mode[64];

	if (host_read_u64f(host, &is_realtime, "sys/kernel/realtime") < 0)
		is_realtime = 0; /* only RT kernels have the file */
	if (is_realtime) {
		(void)snprintf(buf, size, "PREEMPT_RT");
		return true;
	}
	if (!flags)
		return false;
	if (strstr(flags, " PREEMPT_RT") || strstr(flags, " PREEMPT RT")) {
		(void)snprintf(buf, size, "PREEMPT_RT");
	} else if (strstr(flags, " PREEMPT_DYNAMIC")) {
		dynamic_mode(host, command_line, mode, sizeof(mode));
		(void)snprintf(buf, size, "PREEMPT_DYNAMIC%s", mode);
	} else if (strstr(flags, " PREEMPT")) {
		(void)snprintf(buf, size, "PREEMPT");
	} else {
		(void)snprintf(buf, size, "voluntary/none");
	}
	return true;
}

static void read_version(struct host *host, struct sample *out, struct sample_row *row,
			 const char *command_line)
{
	char version[1024], release[256], preemption[128];
	ssize_t n = host_read(host, "proc/version", version, sizeof(version));

	if (n > 0 && release_of(version, release, sizeof(release))) {
		sample_text(out, row, HOST_RELEASE, release);
		if (preemption_of(host, version, command_line, preemption, sizeof(preemption))) {
			sample_text(out, row, HOST_PREEMPTION, preemption);
		} else {
			sample_errno(row, HOST_PREEMPTION, -EINVAL);
			if (!out->error)
				sample_errorf(out, "proc/version: cut short, preemption unknown");
		}
		return;
	}
	int r = read_note(out, n < 0 ? (int)n : -EINVAL, "proc/version");

	sample_errno(row, HOST_PREEMPTION, r);
	if (host_read(host, "proc/sys/kernel/osrelease", release, sizeof(release)) > 0)
		sample_text(out, row, HOST_RELEASE, release);
	else
		sample_errno(row, HOST_RELEASE, r);
}

static void set_hugepages(struct sample *out, struct sample_row *row, const char *text)
{
	char name[64], value[128], list[1024] = "";
	size_t used = 0;

	while (cmdline_next(&text, name, sizeof(name), value, sizeof(value))) {
		if (strcmp(name, "hugepages") && strcmp(name, "hugepagesz") &&
		    strcmp(name, "default_hugepagesz"))
			continue;
		int n = snprintf(list + used, sizeof(list) - used, "%s%s=%s", used ? " " : "", name,
				 value);

		if (n < 0 || used + (size_t)n >= sizeof(list))
			break;
		used += (size_t)n;
	}
	sample_text(out, row, HOST_HUGEPAGES, list);
}

static void parse_command_line(struct host *host, struct sample *out, struct sample_row *row,
			       const char *text)
{
	char value[2048], flags[256];
	struct cpuset set, possible;
	unsigned n_cpus = 0;

	if (cpus_possible(host, &possible) == 0) {
		for (unsigned c = cpuset_next(&possible, 0); c < CPUSET_MAX;
		     c = cpuset_next(&possible, c + 1))
			n_cpus = c + 1;
	}
	sample_text(out, row, HOST_COMMAND_LINE, text);
	sample_text(out, row, HOST_MITIGATIONS,
		    cmdline_value(text, "mitigations", value, sizeof(value)) ? value : "");
	set_hugepages(out, row, text);
	sample_text(out, row, HOST_IRQAFFINITY, "");
	if (cmdline_value(text, "irqaffinity", value, sizeof(value))) {
		int r = cmdline_cpus(value, n_cpus, &set);

		if (r == 0)
			sample_cpus(out, row, HOST_IRQAFFINITY, &set);
		else
			sample_errno(row, HOST_IRQAFFINITY, r);
	}
	flags[0] = '\0';
	if (cmdline_value(text, "isolcpus", value, sizeof(value)) &&
	    cmdline_isolcpus(value, n_cpus, flags, sizeof(flags), &set) < 0 && !out->error)
		sample_errorf(out, "proc/cmdline: isolcpus=%s: not understood", value);
	sample_text(out, row, HOST_ISOLCPUS_FLAGS, flags);
}

static void read_choice_of(struct host *host, struct sample *out, struct sample_row *row,
			   unsigned metric, const char *path)
{
	char text[256], word[64];
	ssize_t n = host_read(host, path, text, sizeof(text));

	if (n < 0) {
		sample_errno(row, metric, read_note(out, (int)n, path));
		return;
	}
	read_choice(text, word, sizeof(word));
	sample_text(out, row, metric, word);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, 0, NULL, NULL, "host");
	char command_line[8192] = "";
	ssize_t n = host_read(host, "proc/cmdline", command_line, sizeof(command_line));

	(void)data;
	if (n >= 0) {
		parse_command_line(host, out, row, command_line);
	} else {
		int r = read_note(out, (int)n, "proc/cmdline");

		command_line[0] = '\0';
		for (unsigned metric = HOST_COMMAND_LINE; metric <= HOST_MITIGATIONS; metric++)
			sample_errno(row, metric, r);
	}
	read_version(host, out, row, command_line);
	read_textf(host, out, row, HOST_NAME, "proc/sys/kernel/hostname");
	read_textf(host, out, row, HOST_CLOCKSOURCE, SYS_CLOCK "/current_clocksource");
	read_textf(host, out, row, HOST_CLOCKSOURCES, SYS_CLOCK "/available_clocksource");
	read_choice_of(host, out, row, HOST_LOCKDOWN, "sys/kernel/security/lockdown");
	return 0;
}

const struct probe probe_kernel = {
	.name = "kernel",
	.summary = "Kernel version, preemption, command line, clock source, lockdown",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.period_ns = 5 * NSEC_PER_SEC,
	.sample = sample,
};
