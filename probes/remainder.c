/*
 * What is left on CPUs that are set apart, by name: the threads that may run there although they
 * are not what the CPUs are kept for, the interrupts and soft interrupts that arrive (their rates
 * say whether they still do), and the boot options without which the rest cannot go
 * (Documentation/admin-guide/kernel-per-CPU-kthreads.rst, kernel-parameters.txt).
 *
 * No rows where no CPU is isolated. Walks all threads and reads all of /proc/interrupts: asked for
 * only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/probe.h"
#include "core/text.h"
#include "probes/cmdline.h"
#include "probes/columns.h"
#include "probes/cpus.h"
#include "probes/isolation_internal.h"
#include "probes/knob_cgroup.h"
#include "probes/knob_irq.h"
#include "probes/read.h"
#include "probes/task_scan.h"

#define SYS_CPU "sys/devices/system/cpu"

enum remainder_metric { WHAT, CPUS, EVENTS, RUN, WHY, REMEDY, METRICS };
static const struct metric metrics[] = {
	[WHAT] = {"what", METRIC_TEXT, UNIT_NONE,
		  "thread, kernel thread, interrupt, softirq or boot option", NULL},
	[CPUS] = {"cpus", METRIC_CPUSET, UNIT_NONE, "The isolated CPUs it disturbs or may", NULL},
	[EVENTS] = {"events", METRIC_COUNTER, UNIT_COUNT, "Interrupts that arrived there", "rate"},
	[RUN] = {"run_ns", METRIC_COUNTER, UNIT_NS, "Processor time of the thread", "run"},
	[WHY] = {"why", METRIC_TEXT, UNIT_NONE, "Why it is there", NULL},
	[REMEDY] = {"remedy", METRIC_TEXT, UNIT_NONE, "What would take it away", NULL},
};
static const struct metric_set sets[] = {{"remainder", metrics, METRICS}};

struct remainder_state {
	struct cpus cpus;
	struct host_file *interrupts, *softirqs;
	struct columns columns;
};

struct remainder {
	struct host *host;
	struct sample *out;
	struct cpuset isolated, online;
	uint64_t tick_ns;
	bool has_managed;
};

/* --- which CPUs --- */

static void read_isolated(struct host *host, struct cpuset *ret)
{
	struct isolation_groups groups = {0};

	if (cpus_read_list(host, SYS_CPU "/isolated", ret))
		cpuset_zero(ret);
	isolation_walk(&groups, host);
	for (unsigned i = 0; i < groups.n; i++) {
		/* Our own also where it balances within itself. */
		if (groups.at[i]->is_isolated || strstr(groups.at[i]->text, CGROUP_OWN))
			cpuset_or(ret, &groups.at[i]->cpus);
	}
	isolation_groups_done(&groups);
}

/* --- threads --- */

static int emit_task(void *arg, const struct task_seen *task)
{
	struct remainder *left = arg;
	struct cpuset common = task->allowed;
	bool is_kernel = task_is_kernel(task);
	bool is_bound = task->flags & TASK_NO_SETAFFINITY;

	cpuset_and(&common, &left->isolated);
	/* A user's thread that may run nowhere else is what the CPUs are kept for. */
	if (cpuset_is_empty(&common) ||
	    (!is_kernel && cpuset_is_subset(&task->allowed, &left->isolated)))
		return 0;

	struct sample_row *row =
		sample_row(left->out, 0, NULL, task->comm, "remainder:task:%u", task->tid);

	sample_text(left->out, row, WHAT, is_kernel ? "kernel thread" : "thread");
	sample_cpus(left->out, row, CPUS, &common);
	sample_u64(row, RUN, task->ticks * left->tick_ns);
	sample_text(left->out, row, WHY,
		    is_bound	? "bound to its CPU by the kernel"
		    : is_kernel ? "nobody moved it"
				: "may run here and elsewhere");
	sample_text(left->out, row, REMEDY,
		    !strncmp(task->comm, "rcu", 3)	   ? "rcu_nocbs= at boot"
		    : !strncmp(task->comm, "ksoftirqd", 9) ? "fewer soft interrupts on this CPU"
		    : !strncmp(task->comm, "kworker", 7)   ? "less work queued from this CPU"
		    : is_bound				   ? "none: it runs on demand only"
		    : is_kernel				   ? "isolate@cpus, thread_affinity"
							   : "isolate@cpus again");
	return 0;
}

/* --- interrupts and soft interrupts, a line each --- */

struct line {
	char label[32];
	uint64_t count; /* on isolated CPUs */
	struct cpuset cpus;
	const char *rest;
};

/* "  30:   5 0   IR-PCI-MSI 3-edge eth0-0". False: fewer numbers than CPUs ("ERR:"). */
static bool take_line(const struct remainder *left, const struct columns *columns,
		      struct scan *scan, struct line *ret)
{
	const char *word;
	size_t len;

	if (scan_word(scan, &word, &len) || len < 2 || len > sizeof(ret->label) ||
	    word[len - 1] != ':')
		return false;
	(void)snprintf(ret->label, sizeof(ret->label), "%.*s", (int)len - 1, word);
	ret->count = 0;
	cpuset_zero(&ret->cpus);
	for (unsigned i = 0; i < columns->n; i++) {
		uint64_t count;

		if (scan_u64(scan, &count))
			return false;
		if (!count || columns->cpus[i] >= CPUSET_MAX ||
		    !cpuset_has(&left->isolated, columns->cpus[i]))
			continue;
		ret->count += count;
		cpuset_add(&ret->cpus, columns->cpus[i]);
	}
	ret->rest = scan->at;
	return true;
}

static const struct cause {
	const char *label, *why, *remedy;
} causes[] = {
	{"LOC", "the tick, and timers that were armed here", "nohz_full= at boot"},
	{"RES", "tasks here are woken by other CPUs", "fewer wakeups from outside"},
	{"CAL", "other CPUs ask for work to be done here", "nohz_full= at boot spares some"},
	{"TLB", "a process that runs here and elsewhere changes its memory",
	 "keep its threads on these CPUs"},
	{"IWI", "work from interrupts, sent to this CPU", "nohz_full= at boot spares some"},
	{"NMI", "the watchdog or performance counters", "watchdog_cpumask, nmi_watchdog=0"},
	{"PMI", "performance counters", "nmi_watchdog=0"},
	{"MCP", "machine checks are polled for", "mce check_interval"},
	{"TIMER", "timers that were armed here", "nohz_full= at boot"},
	{"SCHED", "load balancing looks at this CPU", "an isolated set, nohz_full= at boot"},
	{"RCU", "RCU callbacks of this CPU", "rcu_nocbs= at boot"},
	{"HRTIMER", "high resolution timers of tasks here", "none: it is their own"},
	{"NET_RX", "packets are worked on here", "irq_affinity and rps_cpus of the interface"},
	{"NET_TX", "packets are sent from here", "xps_cpus of the interface"},
	{"BLOCK", "disk requests end here", "rq_affinity, irq_affinity of the device"},
};

static void emit_line(struct remainder *left, const struct line *line, bool is_softirq)
{
	bool is_number = line->label[0] >= '0' && line->label[0] <= '9';
	const char *why = "a device interrupts this CPU",
		   *remedy = "irq_affinity, isolate@cpus/rest";
	char name[96];
	size_t len = strcspn(line->rest, "\n"), from = len;

	if (!line->count)
		return;
	while (is_number && from > 0 && line->rest[from - 1] != ' ')
		from--;
	if (is_number) {
		(void)text_sanitise(line->rest + from, len - from, name, sizeof(name));
		if (irq_is_probably_managed(name)) {
			left->has_managed = true;
			why = "managed by the kernel: a queue of this CPU's own";
			remedy = "isolcpus=managed_irq at boot";
		}
	} else {
		(void)snprintf(name, sizeof(name), "%s", line->label);
		why = "counted by the kernel for this CPU";
		remedy = "none known";
	}
	for (size_t i = 0; i < ARRAY_SIZE(causes) && !is_number; i++) {
		if (strcmp(causes[i].label, line->label) != 0)
			continue;
		why = causes[i].why;
		remedy = causes[i].remedy;
	}

	struct sample_row *row = sample_row(left->out, 0, NULL, name, "remainder:%s:%s",
					    is_softirq ? "softirq" : "irq", line->label);

	sample_text(left->out, row, WHAT, is_softirq ? "softirq" : "interrupt");
	sample_cpus(left->out, row, CPUS, &line->cpus);
	sample_u64(row, EVENTS, line->count);
	sample_text(left->out, row, WHY, why);
	sample_text(left->out, row, REMEDY, remedy);
}

static void emit_table(struct remainder *left, struct remainder_state *state,
		       struct host_file **file, const char *path, bool is_softirq)
{
	const char *text;
	ssize_t n = host_file_readf(left->host, file, &text, "%s", path);
	struct scan scan = {text};

	if (n < 0) {
		(void)read_note(left->out, (int)n, path);
		return;
	}
	if (columns_read(&state->columns, &scan)) {
		(void)read_note(left->out, -EINVAL, path);
		return;
	}
	while (scan_next_line(&scan)) {
		struct line line;

		if (take_line(left, &state->columns, &scan, &line))
			emit_line(left, &line, is_softirq);
	}
}

/* --- boot options --- */

static void emit_option(struct remainder *left, const char *option, const struct cpuset *cpus,
			const char *why)
{
	char list[512], name[560];

	if (cpuset_format_list(cpus, list, sizeof(list)) < 0)
		(void)snprintf(list, sizeof(list), "...");
	(void)snprintf(name, sizeof(name), "%s%s", option, list);

	struct sample_row *row = sample_row(left->out, 0, NULL, name, "remainder:boot:%.*s",
					    (int)strcspn(option, "="), option);

	sample_text(left->out, row, WHAT, "boot option");
	sample_cpus(left->out, row, CPUS, &left->isolated);
	sample_text(left->out, row, WHY, why);
	sample_text(left->out, row, REMEDY, "add it to the kernel command line and reboot");
}

static void emit_options(struct remainder *left)
{
	struct cpuset nohz_full, nocbs, keep = left->online;
	char text[8192], value[2048];

	if (cpus_read_list(left->host, SYS_CPU "/nohz_full", &nohz_full))
		cpuset_zero(&nohz_full);
	if (host_read(left->host, "proc/cmdline", text, sizeof(text)) < 0)
		*text = '\0';
	nocbs = nohz_full;
	if (cmdline_value(text, "rcu_nocbs", value, sizeof(value)) &&
	    !cmdline_cpus(value, CPUSET_MAX, &nocbs))
		cpuset_or(&nocbs, &nohz_full);
	cpuset_andnot(&keep, &left->isolated);
	if (!cpuset_is_subset(&left->isolated, &nohz_full))
		emit_option(left, "nohz_full=", &left->isolated,
			    "the tick stops while one task runs, RCU and unbound work stay away");
	if (!cpuset_is_subset(&left->isolated, &nocbs))
		emit_option(left, "rcu_nocbs=", &left->isolated,
			    "RCU callbacks run in threads on other CPUs (nohz_full= implies it)");
	if (!cmdline_value(text, "irqaffinity", value, sizeof(value)))
		emit_option(left, "irqaffinity=", &keep,
			    "interrupts come up on the other CPUs from the start");
	if (left->has_managed)
		emit_option(left, "isolcpus=managed_irq,", &left->isolated,
			    "managed interrupts stay away while another CPU can take them");
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct remainder_state *state = data;
	_cleanup_(freep) struct remainder *left = xcalloc(1, sizeof(*left));
	long hz = sysconf(_SC_CLK_TCK);
	int err = cpus_online(&state->cpus, host, &left->online);

	if (err)
		return read_fail(out, err, SYS_CPU);
	left->host = host;
	left->out = out;
	left->tick_ns = NSEC_PER_SEC / (uint64_t)(hz > 0 ? hz : 100);
	read_isolated(host, &left->isolated);
	cpuset_and(&left->isolated, &left->online);
	if (cpuset_is_empty(&left->isolated))
		return 0;
	err = task_scan(host, emit_task, left);
	if (err)
		(void)read_note(out, err, "proc");
	emit_table(left, state, &state->interrupts, "proc/interrupts", false);
	emit_table(left, state, &state->softirqs, "proc/softirqs", true);
	emit_options(left);
	return 0;
}

static void close_state(void *data)
{
	struct remainder_state *state = data;

	cpus_done(&state->cpus);
	host_file_close(state->interrupts);
	host_file_close(state->softirqs);
	columns_done(&state->columns);
}

const struct probe probe_remainder = {
	.name = "remainder",
	.summary = "What still runs on isolated CPUs or interrupts them",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct remainder_state),
	.sample = sample,
	.close = close_state,
};
