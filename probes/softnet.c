/*
 * Packets the network stack handled per CPU (/proc/net/softnet_stat), and the settings of that
 * work.
 *
 * Every line is one online CPU (net/core/net-procfs.c, softnet_seq_show). Which one, the 13th
 * column says since linux 5.10. Before that there are 10 columns, 11 since 3.11, and a line's
 * number only counts the online CPUs: such lines are joined with the list of online CPUs, and only
 * when there are as many of the one as of the other. The counters are 32 bits wide and wrap within
 * an hour at a million packets per second: they are continued in 64 bits here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define PATH "proc/net/softnet_stat"
#define SYSCTL "proc/sys/net/core/"
/* A reading older than this may have wrapped unseen: start again from what the kernel says. */
#define WRAP_NS (600 * NSEC_PER_SEC)

enum set { SET_CPU, SET_HOST };

enum cpu_metric {
	CPU_PACKETS,
	CPU_DROPS,
	CPU_SQUEEZED,
	CPU_RPS,
	CPU_FLOW_LIMITED,
	CPU_BACKLOG,
	CPU_COUNTERS = CPU_BACKLOG
};
static const struct metric cpu_metrics[] = {
	{"softnet_packets", METRIC_COUNTER, UNIT_COUNT, "Packets the network stack received here",
	 NULL},
	{"softnet_drops", METRIC_COUNTER, UNIT_COUNT,
	 "Packets lost because this CPU's backlog was full (netdev_max_backlog)", NULL},
	{"softnet_squeezed", METRIC_COUNTER, UNIT_COUNT,
	 "Times polling stopped with work left (netdev_budget, netdev_budget_usecs)", NULL},
	{"softnet_rps", METRIC_COUNTER, UNIT_COUNT,
	 "Times another CPU woke this one for packets (RPS)", NULL},
	{"softnet_flow_limited", METRIC_COUNTER, UNIT_COUNT,
	 "Packets dropped because one flow filled the backlog", NULL},
	{"softnet_backlog", METRIC_GAUGE, UNIT_COUNT, "Packets waiting in this CPU's backlog",
	 NULL},
};

enum host_metric { HOST_FIRST };
static const struct metric host_metrics[] = {
	{"net_busy_poll_us", METRIC_GAUGE, UNIT_NONE,
	 "Microseconds poll() and select() spin for packets; 0: off", NULL},
	{"net_busy_read_us", METRIC_GAUGE, UNIT_NONE,
	 "Microseconds read() spins for packets; 0: off", NULL},
	{"netdev_budget", METRIC_GAUGE, UNIT_COUNT, "Packets per run of the receive softirq", NULL},
	{"netdev_budget_us", METRIC_GAUGE, UNIT_NONE, "Microseconds per run of it", NULL},
	{"net_dev_weight", METRIC_GAUGE, UNIT_COUNT, "Packets per poll of a backlog", NULL},
	{"netdev_max_backlog", METRIC_GAUGE, UNIT_COUNT, "Packets that may wait per CPU", NULL},
	{"rps_sock_flow_entries", METRIC_GAUGE, UNIT_COUNT,
	 "Flows that receive flow steering knows; 0: off", NULL},
};
static const char *const sysctls[] = {
	SYSCTL "busy_poll",
	SYSCTL "busy_read",
	SYSCTL "netdev_budget",
	SYSCTL "netdev_budget_usecs",
	SYSCTL "dev_weight",
	SYSCTL "netdev_max_backlog",
	SYSCTL "rps_sock_flow_entries",
};
_Static_assert(ARRAY_SIZE(sysctls) == ARRAY_SIZE(host_metrics), "a path per metric");

static const struct metric_set sets[] = {
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
};

/* A 32-bit counter continued in 64 bits. */
struct wide {
	uint32_t last;
	uint64_t value;
};

struct softnet_cpu {
	bool is_known;
	struct wide counters[CPU_COUNTERS];
};

struct softnet_state {
	struct host_file *file, *sysctls[ARRAY_SIZE(sysctls)];
	struct cpus cpus;
	struct softnet_cpu *seen; /* by CPU number, CPUSET_MAX of them */
	uint64_t last_ns;
};

/* Where each metric stands; the columns between were for hardware long gone. */
enum column { COL_RPS = 9, COL_FLOW_LIMIT = 10, COL_BACKLOG = 11, COL_CPU = 12, COLUMNS = 13 };
static const unsigned columns[CPU_COUNTERS] = {
	[CPU_PACKETS] = 0,
	[CPU_DROPS] = 1,
	[CPU_SQUEEZED] = 2,
	[CPU_RPS] = COL_RPS,
	[CPU_FLOW_LIMITED] = COL_FLOW_LIMIT,
};

struct line {
	uint32_t values[COLUMNS];
	unsigned n; /* columns, those beyond ours counted too */
};

static int open_state(void *data, struct host *host)
{
	struct softnet_state *state = data;

	(void)host;
	state->seen = xcalloc(CPUSET_MAX, sizeof(*state->seen));
	return 0;
}

/* Words of exactly eight hexadecimal digits. */
static int parse_line(struct scan *scan, struct line *ret)
{
	const char *word;
	size_t len;

	ret->n = 0;
	while (scan_word(scan, &word, &len) == 0) {
		char digits[9];
		uint64_t value;

		if (len != 8)
			return -EINVAL;
		memcpy(digits, word, len);
		digits[len] = '\0';
		if (digits[1] == 'x' || parse_hex_u64(digits, &value) < 0)
			return -EINVAL;
		if (ret->n < COLUMNS)
			ret->values[ret->n] = (uint32_t)value;
		ret->n++;
	}
	return ret->n >= 3 ? 0 : -EINVAL;
}

static unsigned count_lines(const char *text)
{
	unsigned n = *text != '\0';

	for (; *text; text++)
		n += *text == '\n' && text[1];
	return n;
}

static void widen(struct wide *wide, uint32_t now, bool is_continued)
{
	if (is_continued)
		wide->value += (uint32_t)(now - wide->last); /* modulo 2^32: a wrap is a step */
	else
		wide->value = now;
	wide->last = now;
}

static void emit(struct softnet_state *state, struct sample *out, unsigned cpu,
		 const struct line *line, bool is_recent)
{
	struct softnet_cpu *seen = &state->seen[cpu];
	struct sample_row *row = sample_row(out, SET_CPU, NULL, NULL, "cpu:%u", cpu);

	for (unsigned m = 0; m < CPU_COUNTERS; m++) {
		if (columns[m] >= line->n)
			continue;
		widen(&seen->counters[m], line->values[columns[m]], seen->is_known && is_recent);
		sample_u64(row, m, seen->counters[m].value);
	}
	seen->is_known = true;
	if (line->n > COL_BACKLOG)
		sample_u64(row, CPU_BACKLOG, line->values[COL_BACKLOG]);
}

/* The CPU of line number i, or a negative errno. */
static int cpu_of(const struct line *line, const struct cpuset *online, bool is_online_known,
		  unsigned *next)
{
	if (line->n > COL_CPU)
		return line->values[COL_CPU] < CPUSET_MAX ? (int)line->values[COL_CPU] : -ERANGE;
	if (!is_online_known)
		return -ENODATA;

	unsigned cpu = cpuset_next(online, *next);

	*next = cpu + 1;
	return cpu < CPUSET_MAX ? (int)cpu : -ENODATA;
}

static int parse(struct softnet_state *state, struct host *host, struct sample *out,
		 const char *text)
{
	bool is_recent = state->last_ns && out->time_ns - state->last_ns < WRAP_NS;
	struct cpuset online;
	bool is_online_known = cpus_online(&state->cpus, host, &online) == 0 &&
			       cpuset_count(&online) == count_lines(text);
	struct scan scan = {text};
	unsigned next = 0, good = 0;
	int error = -EINVAL;

	do {
		struct line line;
		int cpu = parse_line(&scan, &line);

		if (cpu == 0)
			cpu = cpu_of(&line, &online, is_online_known, &next);
		if (cpu >= 0) {
			emit(state, out, (unsigned)cpu, &line, is_recent);
			good++;
		} else {
			error = cpu;
		}
	} while (scan_next_line(&scan) && *scan.at);
	state->last_ns = out->time_ns ? out->time_ns : 1;
	if (good == count_lines(text) && good)
		return 0;
	if (error == -ENODATA) {
		sample_errorf(out,
			      "%s: does not name its CPUs (linux before 5.10), and its lines "
			      "are not as many as CPUs are online",
			      PATH);
		return good ? 0 : -EINVAL;
	}
	read_fail(out, error, PATH);
	return good ? 0 : error;
}

static void read_sysctls(struct softnet_state *state, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");

	for (unsigned i = 0; i < ARRAY_SIZE(sysctls); i++)
		read_kept_u64(host, &state->sysctls[i], out, row, HOST_FIRST + i, sysctls[i]);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct softnet_state *state = data;
	const char *text;
	ssize_t n = host_file_readf(host, &state->file, &text, PATH);

	read_sysctls(state, host, out);
	return n < 0 ? read_fail(out, (int)n, PATH) : parse(state, host, out, text);
}

static void close_state(void *data)
{
	struct softnet_state *state = data;

	host_file_close(state->file);
	for (unsigned i = 0; i < ARRAY_SIZE(sysctls); i++)
		host_file_close(state->sysctls[i]);
	cpus_done(&state->cpus);
	free(state->seen);
}

const struct probe probe_softnet = {
	.name = "softnet",
	.summary = "Packets the network stack handled per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct softnet_state),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
