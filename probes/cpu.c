/*
 * Where CPU time goes (/proc/stat), load and uptime: three reads per run, the files stay open.
 * Format: Documentation/filesystems/proc.rst, "1.7 Miscellaneous kernel statistics".
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define STAT "proc/stat"

enum set { SET_HOST, SET_CPU };

enum cpu_metric { CPU_USER, CPU_GUEST_NICE = 9, CPU_FIELDS };
static const struct metric cpu_metrics[] = {
	{"user_ns", METRIC_COUNTER, UNIT_NS, "Time in user mode (guests included)", "user"},
	{"nice_ns", METRIC_COUNTER, UNIT_NS, "Time in user mode at low priority", "nice"},
	{"system_ns", METRIC_COUNTER, UNIT_NS, "Time in the kernel", "system"},
	{"idle_ns", METRIC_COUNTER, UNIT_NS, "Time idle", "idle"},
	{"iowait_ns", METRIC_COUNTER, UNIT_NS, "Time idle while a task waits for its disk",
	 "iowait"},
	{"irq_ns", METRIC_COUNTER, UNIT_NS, "Time in interrupt handlers", "irq"},
	{"softirq_ns", METRIC_COUNTER, UNIT_NS, "Time in soft interrupts", "softirq"},
	{"steal_ns", METRIC_COUNTER, UNIT_NS, "Time the hypervisor gave to others", "steal"},
	{"guest_ns", METRIC_COUNTER, UNIT_NS, "Time running guests", "guest"},
	{"guest_nice_ns", METRIC_COUNTER, UNIT_NS, "Time running guests at low priority", NULL},
};

enum host_metric {
	HOST_SWITCHES,
	HOST_FORKS,
	HOST_RUNNING,
	HOST_BLOCKED,
	HOST_INTERRUPTS,
	HOST_SOFTIRQS,
	HOST_LOAD_1,
	HOST_LOAD_5,
	HOST_LOAD_15,
	HOST_UPTIME
};
static const struct metric host_metrics[] = {
	{"context_switches", METRIC_COUNTER, UNIT_COUNT, "Context switches", NULL},
	{"forks", METRIC_COUNTER, UNIT_COUNT, "Processes and threads started", NULL},
	{"running", METRIC_GAUGE, UNIT_COUNT, "Tasks running or ready to run", NULL},
	{"blocked", METRIC_GAUGE, UNIT_COUNT, "Tasks waiting for I/O", NULL},
	{"interrupts", METRIC_COUNTER, UNIT_COUNT, "Interrupts of all kinds", NULL},
	{"softirqs", METRIC_COUNTER, UNIT_COUNT, "Soft interrupts", NULL},
	{"load_1", METRIC_GAUGE, UNIT_NONE, "Load average of 1 minute", NULL},
	{"load_5", METRIC_GAUGE, UNIT_NONE, "Load average of 5 minutes", NULL},
	{"load_15", METRIC_GAUGE, UNIT_NONE, "Load average of 15 minutes", NULL},
	{"uptime_ns", METRIC_GAUGE, UNIT_NS, "Time since boot", NULL},
};

static const struct metric_set sets[] = {
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
};

struct cpu_state {
	struct host_file *stat, *load, *uptime;
	uint64_t tick_ns;
};

static int open_state(void *data, struct host *host)
{
	struct cpu_state *state = data;
	/* A capture does not say its USER_HZ; it is 100 on every architecture but alpha and ia64.
	 */
	long hz = host_is_this_machine(host) ? sysconf(_SC_CLK_TCK) : 100;

	state->tick_ns = NSEC_PER_SEC / (hz > 0 ? (uint64_t)hz : 100);
	return 0;
}

/* "cpu12 4 numbers or more": older kernels have fewer fields, newer ones may add some. */
static int cpu_line(struct cpu_state *state, struct sample *out, struct scan *scan)
{
	uint64_t cpu, ticks[CPU_FIELDS];
	unsigned n = 0;
	int r = scan_u64(scan, &cpu);

	if (r < 0 || cpu >= CPUSET_MAX)
		return -EINVAL;
	while (n < CPU_FIELDS && (r = scan_u64(scan, &ticks[n])) == 0)
		n++;
	if (n < 4 || (n < CPU_FIELDS && r != -ENODATA))
		return -EINVAL;

	struct sample_row *row = sample_row(out, SET_CPU, NULL, NULL, "cpu:%u", (unsigned)cpu);

	for (unsigned i = 0; i < n; i++)
		sample_u64(row, CPU_USER + i, ticks[i] * state->tick_ns);
	return 0;
}

static const struct {
	const char *word;
	enum host_metric metric;
} totals[] = {
	{"intr ", HOST_INTERRUPTS},	  {"ctxt ", HOST_SWITCHES},
	{"processes ", HOST_FORKS},	  {"procs_running ", HOST_RUNNING},
	{"procs_blocked ", HOST_BLOCKED}, {"softirq ", HOST_SOFTIRQS},
};

static int total_line(struct sample_row *host, struct scan *scan)
{
	for (unsigned i = 0; i < ARRAY_SIZE(totals); i++) {
		size_t n = strlen(totals[i].word);
		uint64_t value;

		if (strncmp(scan->at, totals[i].word, n))
			continue;
		scan->at += n;

		int r = scan_u64(scan, &value);

		if (r == 0)
			sample_u64(host, totals[i].metric, value);
		else
			sample_errno(host, totals[i].metric, r);
		return r == 0 ? 0 : -EINVAL;
	}
	return 0; /* a line of a newer kernel */
}

static int parse_stat(struct cpu_state *state, struct sample *out, struct sample_row *host,
		      const char *text)
{
	struct scan scan = {text};
	unsigned n_cpus = 0, bad = 0;

	do {
		if (!strncmp(scan.at, "cpu", 3) && isdigit((unsigned char)scan.at[3])) {
			scan.at += 3;
			if (cpu_line(state, out, &scan) < 0)
				bad++;
			else
				n_cpus++;
		} else if (total_line(host, &scan) < 0) {
			bad++;
		}
	} while (scan_next_line(&scan));
	if (bad && !out->error)
		sample_errorf(out, STAT ": %u lines not understood", bad);
	return n_cpus ? 0 : -EINVAL;
}

static void read_load(struct cpu_state *state, struct host *host, struct sample *out,
		      struct sample_row *row)
{
	const char *text, *word;
	size_t len;
	ssize_t n = host_file_readf(host, &state->load, &text, "proc/loadavg");
	struct scan scan = {n < 0 ? "" : text};

	for (unsigned metric = HOST_LOAD_1; metric <= HOST_LOAD_15; metric++) {
		char number[24];
		double load;
		int r = n < 0 ? (int)n : scan_word(&scan, &word, &len);

		if (r == 0 && len >= sizeof(number))
			r = -EINVAL;
		if (r == 0) {
			memcpy(number, word, len);
			number[len] = '\0';
			r = parse_f64(number, &load);
		}
		if (r == 0)
			sample_f64(row, metric, load);
		else
			sample_errno(row, metric, read_note(out, r, "proc/loadavg"));
	}
}

static void read_uptime(struct cpu_state *state, struct host *host, struct sample *out,
			struct sample_row *row)
{
	const char *text;
	double seconds;
	char number[32];

	if (host_is_this_machine(host)) {
		if (!state->uptime) /* once, so that a recording has it */
			(void)host_file_readf(host, &state->uptime, &text, "proc/uptime");
		sample_u64(row, HOST_UPTIME, host_boottime_ns(host));
		return;
	}
	ssize_t n = host_file_readf(host, &state->uptime, &text, "proc/uptime");
	int r = n < 0 ? (int)n : 0;

	if (r == 0) {
		size_t len = strcspn(text, " ");

		if (len >= sizeof(number))
			len = 0;
		memcpy(number, text, len);
		number[len] = '\0';
		r = parse_f64(number, &seconds);
	}
	if (r == 0 && seconds >= 0 && seconds < 1e10)
		sample_u64(row, HOST_UPTIME, (uint64_t)(seconds * 1e9));
	else
		sample_errno(row, HOST_UPTIME, read_note(out, r < 0 ? r : -ERANGE, "proc/uptime"));
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct cpu_state *state = data;
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");
	const char *text;
	ssize_t n = host_file_readf(host, &state->stat, &text, STAT);

	read_load(state, host, out, row);
	read_uptime(state, host, out, row);
	if (n < 0)
		return read_fail(out, (int)n, STAT);

	int r = parse_stat(state, out, row, text);

	return r < 0 ? read_fail(out, r, STAT) : 0;
}

static void close_state(void *data)
{
	struct cpu_state *state = data;

	host_file_close(state->stat);
	host_file_close(state->load);
	host_file_close(state->uptime);
}

const struct probe probe_cpu = {
	.name = "cpu",
	.summary = "Where CPU time goes, switches, load",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct cpu_state),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
