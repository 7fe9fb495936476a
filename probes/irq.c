/*
 * Interrupts: counts and affinities of every one, sums per CPU. Joined by number; what a number
 * stands for is read again when its line changes. Affinities are read back at every run while there
 * are few interrupts, so that a change shows what the kernel kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "core/task_stat.h"
#include "probes/cpus.h"
#include "probes/irq_internal.h"
#include "probes/read.h"

enum set { SET_IRQ, SET_CPU, SET_HOST };

enum irq_metric {
	IRQ_COUNT,
	IRQ_AFFINITY,
	IRQ_EFFECTIVE,
	IRQ_PENDING,
	IRQ_NODE,
	IRQ_CHIP,
	IRQ_HWIRQ,
	IRQ_TYPE,
	IRQ_PER_CPU,
	IRQ_HINT,
	IRQ_MANAGED,
	IRQ_THREADS,
	IRQ_THREAD_PID,
	IRQ_THREAD_POLICY,
	IRQ_THREAD_PRIORITY,
};
static const struct metric irq_metrics[] = {
	{"count", METRIC_COUNTER, UNIT_COUNT, "Interrupts since boot, all CPUs", "count"},
	{"affinity", METRIC_CPUSET, UNIT_NONE, "CPUs asked for (smp_affinity)", "affinity"},
	{"effective", METRIC_CPUSET, UNIT_NONE, "CPUs it is delivered to", "effective"},
	{"pending", METRIC_BOOL, UNIT_NONE,
	 "Not yet where asked for: some lines move at their next interrupt only", "pending"},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node of the device; -1: none", "node"},
	{"chip", METRIC_TEXT, UNIT_NONE, "Interrupt controller", "chip"},
	{"hwirq", METRIC_GAUGE, UNIT_NONE, "Number at its controller", NULL},
	{"type", METRIC_TEXT, UNIT_NONE, "edge or level", "type"},
	{"per_cpu", METRIC_PER_CPU, UNIT_COUNT, "Interrupts since boot by CPU", "top cpus"},
	{"affinity_hint", METRIC_CPUSET, UNIT_NONE, "CPUs its driver would like; empty: none",
	 NULL},
	{"managed", METRIC_TEXT, UNIT_NONE,
	 "The kernel sets its affinity, nobody else can: yes, no or unknown", "managed"},
	{"threads", METRIC_GAUGE, UNIT_COUNT, "Kernel threads that handle it", NULL},
	{"thread_pid", METRIC_GAUGE, UNIT_NONE, "The first of them", NULL},
	{"thread_policy", METRIC_TEXT, UNIT_NONE, "Its scheduling policy", NULL},
	{"thread_priority", METRIC_GAUGE, UNIT_NONE, "Its real-time priority", "thread"},
};

enum cpu_metric { CPU_IRQS, CPU_LOCAL };
static const struct metric cpu_metrics[] = {
	{"irqs", METRIC_COUNTER, UNIT_COUNT, "Device interrupts", "irqs"},
	{"local_irqs", METRIC_COUNTER, UNIT_COUNT,
	 "The CPU's own: timer, rescheduling, function calls ... (not with more than 64 CPUs)",
	 "local irqs"},
};

enum host_metric { HOST_DEFAULT_AFFINITY, HOST_MANAGED_WHY };
static const struct metric host_metrics[] = {
	{"default_irq_affinity", METRIC_CPUSET, UNIT_NONE, "CPUs new interrupts may use", NULL},
	{"irq_managed_why", METRIC_TEXT, UNIT_NONE,
	 "Why it is unknown of interrupts whether they are managed", NULL},
};

static const struct metric_set sets[] = {
	[SET_IRQ] = {"irq", irq_metrics, ARRAY_SIZE(irq_metrics)},
	[SET_CPU] = {"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
};

struct irq_state {
	bool is_large;
	struct irq_table table;
	struct columns columns;
	struct irq_sums sums;
	struct irq_large large;
	struct irq_threads threads;
	struct host_file *interrupts, *default_affinity;
};

static int open_state(void *data, struct host *host)
{
	struct irq_state *state = data;
	struct cpus cpus = {0};
	struct cpuset online;

	state->sums.device = xcalloc(CPUSET_MAX, sizeof(uint64_t));
	state->sums.local = xcalloc(CPUSET_MAX, sizeof(uint64_t));
	state->sums.row = xcalloc(CPUSET_MAX, sizeof(uint64_t));
	if (cpus_possible(host, &state->large.possible) < 0 &&
	    (cpus_online(&cpus, host, &online) < 0 ||
	     cpus_present(host, &online, &state->large.possible) < 0))
		cpuset_zero(&state->large.possible);
	cpus_done(&cpus);
	/* per_cpu_count exists since linux 4.9; without it the text is all there is. */
	state->is_large = cpuset_count(&state->large.possible) > IRQ_TEXT_MAX_CPUS &&
			  host_existsf(host, SYS_IRQ);
	return 0;
}

static int read_text(struct irq_state *state, struct host *host, struct sample *out)
{
	const char *text;
	struct irq_text_faults faults = {0};
	ssize_t n = host_file_readf(host, &state->interrupts, &text, "proc/interrupts");
	int r = n < 0 ? (int)n
		      : irq_parse_text(&state->table, host, &state->columns, &state->sums, text,
				       &faults);

	if (r < 0)
		return read_fail(out, r, "proc/interrupts");
	if (faults.n_bad && !out->error)
		sample_errorf(out, "proc/interrupts: %u lines not understood", faults.n_bad);
	if (faults.is_cut && !out->error)
		sample_errorf(out, "proc/interrupts: cut short, its last lines are missing");
	irq_forget_unseen(&state->table);
	return 0;
}

static void set_list(struct sample *out, struct sample_row *row, unsigned metric,
		     const struct irq_list *list)
{
	if (list->error < 0)
		sample_errno(row, metric, list->error);
	else if (list->text)
		sample_text(out, row, metric, list->text);
}

static void set_fact_error(struct sample_row *row, unsigned metric, int err)
{
	if (err < 0)
		sample_errno(row, metric, err);
}

static void emit_thread(const struct irq_threads *threads, struct sample *out,
			struct sample_row *row, const struct irq *irq)
{
	if (threads->error < 0) {
		sample_errno(row, IRQ_THREADS, threads->error);
		return;
	}
	sample_u64(row, IRQ_THREADS, irq->n_threads);
	if (!irq->n_threads)
		return;

	const char *policy = task_policy_name(irq->thread->policy);

	sample_u64(row, IRQ_THREAD_PID, irq->thread->pid);
	sample_text(out, row, IRQ_THREAD_POLICY, policy ? policy : "unknown");
	sample_u64(row, IRQ_THREAD_PRIORITY, irq->thread->priority);
}

static void emit_managed(struct sample *out, struct sample_row *row, const struct irq *irq)
{
	static const char *const names[] = {[IRQ_MANAGED_UNKNOWN] = "unknown",
					    [IRQ_MANAGED_NO] = "no",
					    [IRQ_MANAGED_YES] = "yes"};

	sample_text(out, row, IRQ_MANAGED, names[irq->managed]);
}

/* Once for all of them: the reason is nearly always the same. */
static void emit_managed_why(const struct irq_table *table, struct sample *out,
			     struct sample_row *host)
{
	char why[160];

	for (unsigned i = 0; i < table->n; i++) {
		const struct irq *irq = table->at[i];

		if (irq->managed != IRQ_MANAGED_UNKNOWN)
			continue;
		(void)snprintf(why, sizeof(why),
			       "only a write would tell: sys/kernel/debug/irq/irqs/%u: %s",
			       irq->number, read_reason(irq->managed_error));
		sample_text(out, host, HOST_MANAGED_WHY, why);
		return;
	}
}

static void emit_counts(const struct irq_state *state, struct sample *out, struct sample_row *row,
			const struct irq *irq)
{
	sample_u64(row, IRQ_COUNT, irq->count);
	if (irq->has_cells && !irq->is_late)
		sample_per_cpu(out, row, IRQ_PER_CPU, state->sums.scope, irq->cells, irq->n_cells);
	if (irq->is_new || irq->is_rebased)
		sample_restart(row, IRQ_COUNT);
	if (irq->is_new)
		sample_restart(row, IRQ_PER_CPU);
}

static void emit_irq(const struct irq_state *state, struct sample *out, const struct irq *irq)
{
	struct sample_row *row =
		sample_row(out, SET_IRQ, "host", irq->actions, "irq:%u", irq->number);

	emit_counts(state, out, row, irq);
	set_list(out, row, IRQ_AFFINITY, &irq->affinity);
	set_list(out, row, IRQ_EFFECTIVE, &irq->effective);
	if (irq->affinity.text && irq->effective.text && !irq->affinity.error &&
	    !irq->effective.error)
		sample_bool(row, IRQ_PENDING, irq->is_pending);
	irq_note_facts(irq, out);
	set_fact_error(row, IRQ_CHIP, irq->fact_errors[IRQ_FACT_CHIP]);
	set_fact_error(row, IRQ_TYPE, irq->fact_errors[IRQ_FACT_TYPE]);
	set_fact_error(row, IRQ_HWIRQ, irq->fact_errors[IRQ_FACT_HWIRQ]);
	set_fact_error(row, IRQ_NODE, irq->fact_errors[IRQ_FACT_NODE]);
	if (irq->has_node && irq->node >= 0)
		sample_u64(row, IRQ_NODE, (uint64_t)irq->node);
	else if (irq->has_node)
		sample_f64(row, IRQ_NODE, -1);
	if (irq->chip)
		sample_text(out, row, IRQ_CHIP, irq->chip);
	if (irq->hwirq >= 0)
		sample_u64(row, IRQ_HWIRQ, (uint64_t)irq->hwirq);
	if (irq->type)
		sample_text(out, row, IRQ_TYPE, irq->type);
	if (irq->hint)
		sample_text(out, row, IRQ_HINT, irq->hint);
	else
		set_fact_error(row, IRQ_HINT, irq->hint_error);
	emit_managed(out, row, irq);
	emit_thread(&state->threads, out, row, irq);
}

static void emit_cpus(const struct irq_sums *sums, struct sample *out)
{
	for (unsigned c = cpuset_next(&sums->cpus, 0); c < CPUSET_MAX;
	     c = cpuset_next(&sums->cpus, c + 1)) {
		struct sample_row *row = sample_row(out, SET_CPU, NULL, NULL, "cpu:%u", c);

		if (sums->has_device)
			sample_u64(row, CPU_IRQS, sums->device[c]);
		if (sums->has_local)
			sample_u64(row, CPU_LOCAL, sums->local[c]);
	}
}

static void read_host(struct irq_state *state, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");
	const char *text;
	struct cpuset set;
	ssize_t n = host_file_readf(host, &state->default_affinity, &text,
				    PROC_IRQ "/default_smp_affinity");
	int r = n < 0 ? (int)n : cpuset_parse_mask(text, &set);

	if (r == 0)
		sample_cpus(out, row, HOST_DEFAULT_AFFINITY, &set);
	else
		sample_errno(row, HOST_DEFAULT_AFFINITY,
			     read_note(out, r, PROC_IRQ "/default_smp_affinity"));
	emit_managed_why(&state->table, out, row);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct irq_state *state = data;
	struct irq_sums *sums = &state->sums;

	sums->cpus_before = sums->cpus;
	cpuset_zero(&sums->cpus);
	for (unsigned i = 0; i < state->table.n; i++)
		state->table.at[i]->is_new = false;

	int r = state->is_large ? irq_read_large(&state->large, &state->table, host, sums, out)
				: read_text(state, host, out);

	if (r < 0)
		return r;
	irq_read_affinities(&state->table, host, out);
	irq_read_rare(&state->table, host, out);
	irq_threads_read(&state->threads, &state->table, host, out);
	read_host(state, host, out);
	for (unsigned i = 0; i < state->table.n; i++)
		emit_irq(state, out, state->table.at[i]);
	emit_cpus(sums, out);
	return 0;
}

static void close_state(void *data)
{
	struct irq_state *state = data;

	irq_table_done(&state->table);
	columns_done(&state->columns);
	irq_large_done(&state->large);
	irq_threads_done(&state->threads);
	host_file_close(state->interrupts);
	host_file_close(state->default_affinity);
	free(state->sums.device);
	free(state->sums.local);
	free(state->sums.row);
}

const struct probe probe_irq = {
	.name = "irq",
	.summary = "Interrupts, their affinities, sums per CPU",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct irq_state),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
