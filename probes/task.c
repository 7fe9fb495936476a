/*
 * The threads of containers, where they run and may run: four small files each, so on demand only,
 * and bounded. Those of virtual machines are kind thread (vm.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "core/task_cpus.h"
#include "core/task_stat.h"
#include "probes/container_internal.h"
#include "probes/read.h"

#define TASKS_MAX 4096u
#define TASKS_PER_GROUP 512u
#define NS_PER_TICK (NSEC_PER_SEC / 100) /* USER_HZ, part of the ABI */

enum task_metric {
	T_PID,
	T_TID,
	T_COMM,
	T_STATE,
	T_CPU,
	T_AFFINITY,
	T_POLICY,
	T_PRIORITY,
	T_CPU_NS,
	T_RUN_DELAY_NS,
	T_SWITCHES,
	T_INVOLUNTARY,
};
static const struct metric task_metrics[] = {
	{"pid", METRIC_GAUGE, UNIT_NONE, "Its process", "pid"},
	{"tid", METRIC_GAUGE, UNIT_NONE, "Thread", "tid"},
	{"comm", METRIC_TEXT, UNIT_NONE, "Its name", "name"},
	{"state", METRIC_TEXT, UNIT_NONE, "R, S, D, ... as ps shows it", "state"},
	{"cpu", METRIC_GAUGE, UNIT_NONE, "CPU it ran on last", "cpu"},
	{"affinity", METRIC_CPUSET, UNIT_NONE, "CPUs it may run on", "cpus"},
	{"policy", METRIC_TEXT, UNIT_NONE, "other, fifo, rr, batch, idle, deadline, ext", "policy"},
	{"priority", METRIC_GAUGE, UNIT_NONE, "Real-time priority; 0: none", "prio"},
	{"cpu_ns", METRIC_COUNTER, UNIT_NS, "CPU time used", "cpu share"},
	{"run_delay_ns", METRIC_COUNTER, UNIT_NS, "Time it waited for a CPU (schedstat)", "delay"},
	{"switches", METRIC_COUNTER, UNIT_COUNT, "Voluntary context switches", NULL},
	{"involuntary_switches", METRIC_COUNTER, UNIT_COUNT, "Involuntary context switches", NULL},
};
static const struct metric_set sets[] = {{"task", task_metrics, ARRAY_SIZE(task_metrics)}};

struct task_state {
	struct cgroup_tree tree;
};

struct task_run {
	struct host *host;
	struct sample *out;
	unsigned n;
	bool is_cut;
};

/* A "Key:\tvalue" line of proc/TID/status. */
static bool status_text(const char *status, const char *key, char *buf, size_t size)
{
	const char *line = strstr(status, key);
	size_t len = line ? strcspn(line + strlen(key), "\n") : size;

	if (len >= size)
		return false;
	memcpy(buf, line + strlen(key), len);
	buf[len] = '\0';
	return true;
}

static void put_status_u64(struct sample_row *row, enum task_metric metric, const char *status,
			   const char *key)
{
	char text[24];
	uint64_t value;

	if (status_text(status, key, text, sizeof(text)) && parse_u64(text, &value) == 0)
		sample_u64(row, metric, value);
}

static void put_status(struct task_run *run, struct sample_row *row, uint64_t tid)
{
	char status[16384];
	struct cpuset cpus;
	ssize_t n = host_readf(run->host, status, sizeof(status), "proc/%u/task/%u/status",
			       (unsigned)tid, (unsigned)tid);

	if (n < 0) {
		sample_errno(row, T_AFFINITY, (int)n);
		return;
	}
	put_status_u64(row, T_PID, status, "\nTgid:\t");
	put_status_u64(row, T_SWITCHES, status, "\nvoluntary_ctxt_switches:\t");
	put_status_u64(row, T_INVOLUNTARY, status, "\nnonvoluntary_ctxt_switches:\t");
	if (task_cpus_parse(status, &cpus) == 0)
		sample_cpus(run->out, row, T_AFFINITY, &cpus);
}

static void put_field(struct sample_row *row, enum task_metric metric, const struct task_stat *stat,
		      enum task_stat_field field)
{
	if (task_stat_has(stat, field))
		sample_u64(row, metric, stat->fields[field]);
}

static void put_stat(struct task_run *run, struct sample_row *row, const struct task_stat *stat)
{
	uint64_t user = stat->fields[TASK_STAT_USER_TICKS];
	uint64_t system = stat->fields[TASK_STAT_SYSTEM_TICKS];
	const char *policy = task_policy_name(stat->fields[TASK_STAT_POLICY]);
	const char state[] = {stat->state, '\0'};

	if (stat->state)
		sample_text(run->out, row, T_STATE, state);
	put_field(row, T_CPU, stat, TASK_STAT_CPU);
	put_field(row, T_PRIORITY, stat, TASK_STAT_PRIORITY);
	if (task_stat_has(stat, TASK_STAT_POLICY) && policy)
		sample_text(run->out, row, T_POLICY, policy);
	if (task_stat_has(stat, TASK_STAT_USER_TICKS) &&
	    task_stat_has(stat, TASK_STAT_SYSTEM_TICKS) && user < UINT64_MAX / NS_PER_TICK / 2 &&
	    system < UINT64_MAX / NS_PER_TICK / 2)
		sample_u64(row, T_CPU_NS, (user + system) * NS_PER_TICK);
}

/* "CPU-TIME DELAY SLICES", in ns: finer than the ticks of stat, where the kernel has it. */
static void put_schedstat(struct task_run *run, struct sample_row *row, uint64_t tid)
{
	char text[128];
	uint64_t cpu_ns, delay_ns;
	struct scan scan = {text};

	if (host_readf(run->host, text, sizeof(text), "proc/%u/task/%u/schedstat", (unsigned)tid,
		       (unsigned)tid) < 0 ||
	    scan_u64(&scan, &cpu_ns) < 0 || scan_u64(&scan, &delay_ns) < 0)
		return;
	sample_u64(row, T_CPU_NS, cpu_ns);
	sample_u64(row, T_RUN_DELAY_NS, delay_ns);
}

/* The thread's own files: those of proc/TID speak of the whole process. */
static void emit(struct task_run *run, const char *parent, uint64_t tid)
{
	char text[1024], comm[64];
	struct task_stat stat;

	if (host_readf(run->host, text, sizeof(text), "proc/%u/task/%u/stat", (unsigned)tid,
		       (unsigned)tid) < 0 ||
	    task_stat_parse(text, &stat) < 0 || stat.comm_len >= sizeof(comm) ||
	    !task_stat_has(&stat, TASK_STAT_START))
		return;
	(void)snprintf(comm, sizeof(comm), "%.*s", (int)stat.comm_len, stat.comm);

	struct sample_row *row =
		sample_row(run->out, 0, parent, comm, "task:%u.%llu", (unsigned)tid,
			   (unsigned long long)stat.fields[TASK_STAT_START]);

	run->n++;
	sample_u64(row, T_TID, tid);
	sample_text(run->out, row, T_COMM, comm);
	put_stat(run, row, &stat);
	put_schedstat(run, row, tid);
	put_status(run, row, tid);
}

static void list_tasks(struct task_run *run, const struct cgroup_tree *tree,
		       const struct cgroup_node *node)
{
	int where = cgroup_tree_anywhere(tree, node);
	char dir[1024], key[CONTAINER_KEY_MAX];
	struct host_file *file = NULL;
	const char *text;
	unsigned n = 0;
	uint64_t tid;

	if (where < 0 || !cgroup_directory(&tree->mounts.at[where], node->path, dir, sizeof(dir)))
		return;

	ssize_t len = host_file_readf(run->host, &file, &text, "%s/%s", dir,
				      cgroup_tree_is_v2(tree, where) ? "cgroup.threads" : "tasks");

	container_key(node, key, sizeof(key));
	if (len < 0)
		read_note(run->out, (int)len, dir);
	for (struct scan scan = {len < 0 ? "" : text}; *scan.at;) {
		if (n == TASKS_PER_GROUP || run->n == TASKS_MAX) {
			run->is_cut = true;
			break;
		}
		if (scan_u64(&scan, &tid) == 0 && tid && tid <= INT32_MAX) {
			emit(run, key, tid);
			n++;
		}
		if (!scan_next_line(&scan))
			break;
	}
	host_file_close(file);
}

/* A container, or a group that it made below its own. */
static bool is_in_container(const struct cgroup_node *node)
{
	for (; node; node = node->parent) {
		if (node->name.role == CGROUP_ROLE_CONTAINER)
			return true;
	}
	return false;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct task_state *state = data;
	struct task_run run = {.host = host, .out = out};
	int r = cgroup_tree_update(&state->tree, host, out);

	if (r < 0)
		return r;
	container_files_mark_tasks(host, &state->tree);
	for (struct cgroup_node *node = state->tree.root; node; node = cgroup_tree_next(node)) {
		if (is_in_container(node))
			list_tasks(&run, &state->tree, node);
	}
	if (run.is_cut && !out->error)
		sample_errorf(out, "more threads than are shown");
	return 0;
}

static void close_state(void *data)
{
	struct task_state *state = data;

	cgroup_tree_done(&state->tree);
}

const struct probe probe_task = {
	.name = "task",
	.summary = "Threads of containers",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct task_state),
	.sample = sample,
	.close = close_state,
};
