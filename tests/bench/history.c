/*
 * history CPUS [SECONDS]: what the history and the digest of a machine with that many CPUs cost,
 * all measured at 1 kHz: bytes after SECONDS (default 900, a snapshot a second), CPU time of
 * feeding one snapshot and of the digest that every frame is drawn from (worst CPU and its culprits
 * included). The latencies are made up, as wide as those of a virtual machine: about 100 different
 * buckets a second.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tui/machine.h"

enum {
	WINDOW,
	WAKEUP_MAX,
	IRQS,
	LOCAL,
	SOFTIRQS,
	NET_RX,
	TIMER,
	RCU,
	SCHED,
	SWITCHES,
	USER,
	STEAL
};
static const struct metric cpu_metrics[] = {
	[WINDOW] = {.name = "wakeup_window", .type = METRIC_HISTOGRAM},
	[WAKEUP_MAX] = {.name = "wakeup_max_ns", .type = METRIC_GAUGE},
	[IRQS] = {.name = "irqs", .type = METRIC_COUNTER},
	[LOCAL] = {.name = "local_irqs", .type = METRIC_COUNTER},
	[SOFTIRQS] = {.name = "softirqs", .type = METRIC_COUNTER},
	[NET_RX] = {.name = "softirq_net_rx", .type = METRIC_COUNTER},
	[TIMER] = {.name = "softirq_timer", .type = METRIC_COUNTER},
	[RCU] = {.name = "softirq_rcu", .type = METRIC_COUNTER},
	[SCHED] = {.name = "softirq_sched", .type = METRIC_COUNTER},
	[SWITCHES] = {.name = "switches", .type = METRIC_COUNTER},
	[USER] = {.name = "user_ns", .type = METRIC_COUNTER, .unit = UNIT_NS},
	[STEAL] = {.name = "steal_ns", .type = METRIC_COUNTER, .unit = UNIT_NS},
};
static const struct metric irq_metrics[] = {{.name = "per_cpu", .type = METRIC_PER_CPU}};
static const struct metric_set sets[] = {{"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)},
					 {"irq", irq_metrics, 1}};
static const struct probe probe = {.name = "made-up", .sets = sets, .n_sets = ARRAY_SIZE(sets)};
static const struct probe *const probes[] = {&probe};
static const struct history_metric kept[] = {
	{"cpu", "wakeup_window", 960}, {"cpu", "idle_ns", 240}, CULPRIT_HISTORY};

struct bench {
	struct sample *sample;
	struct histogram window;
	uint64_t seed;
	unsigned n_cpus;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static double uniform(struct bench *b)
{
	b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(b->seed >> 11) / 9007199254740992.0;
}

static void put_cpu(struct bench *b, unsigned cpu, uint64_t second)
{
	struct sample_row *row = sample_row(b->sample, 0, NULL, NULL, "cpu:%u", cpu);
	struct histogram *h = &b->window;

	histogram_zero(h);
	for (unsigned i = 0; i < 1000; i++)
		histogram_count(h, (uint64_t)(15e3 * exp(1.4 * uniform(b) * uniform(b))));
	histogram_count(h, (uint64_t)(60e3 * exp(2 * uniform(b))));
	h->start_ns = (second - 1) * NSEC_PER_SEC;
	h->end_ns = second * NSEC_PER_SEC;
	sample_histogram(b->sample, row, WINDOW, h);
	sample_u64(row, WAKEUP_MAX, h->max_ns);
	for (unsigned m = IRQS; m <= STEAL; m++)
		sample_u64(row, m, second * (cpu % 7 + m) * 100);
}

/* A device interrupt for each CPU, and fifteen kinds that all CPUs have. */
static void put_irqs(struct bench *b, struct per_cpu_cell *cells, uint64_t second)
{
	for (unsigned i = 0; i < b->n_cpus + 15; i++) {
		struct sample_row *row = sample_row(b->sample, 1, NULL, NULL, "irq:%u", i);
		bool is_device = i < b->n_cpus;

		for (unsigned c = 0; c < b->n_cpus; c++)
			cells[c] = (struct per_cpu_cell){.cpu = c, .count = second * (c % 5 + 1)};
		sample_per_cpu(b->sample, row, 0, 1, is_device ? cells + i : cells,
			       is_device ? 1 : b->n_cpus);
	}
}

static const struct snapshot *take(struct bench *b, const struct schema *schema,
				   const struct snapshot *prev, struct per_cpu_cell *cells,
				   uint64_t second)
{
	const struct snapshot *snap;

	sample_reset(b->sample);
	b->sample->time_ns = second * NSEC_PER_SEC;
	for (unsigned cpu = 0; cpu < b->n_cpus; cpu++)
		put_cpu(b, cpu, second);
	put_irqs(b, cells, second);
	sample_finish(b->sample, 0);
	snap = snapshot_build(schema, prev, &b->sample, 1, second * NSEC_PER_SEC, 0);
	snapshot_unref(prev);
	return snap;
}

int main(int argc, char **argv)
{
	struct bench b = {.n_cpus = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, .seed = 1};
	unsigned long seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 900;
	uint64_t feed_ns = 0, digest_ns = 0, n_digests = 0, start_ns;
	const struct snapshot *snap = NULL;

	if (b.n_cpus == 0 || b.n_cpus > 8192 || seconds == 0 || seconds > 100000) {
		fputs("usage: history CPUS [SECONDS]\n", stderr);
		return 2;
	}

	struct schema *schema = schema_new(probes, 1);
	struct history *history = history_new(kept, ARRAY_SIZE(kept));
	struct per_cpu_cell *cells = xcalloc(b.n_cpus, sizeof(*cells));

	b.sample = sample_new(&probe);
	for (unsigned long s = 1; s <= seconds; s++) {
		snap = take(&b, schema, snap, cells, s);
		start_ns = cpu_ns();
		history_feed(history, snap);
		feed_ns += cpu_ns() - start_ns;
		if (s % 50)
			continue;
		start_ns = cpu_ns();
		machine_free(machine_new(snap, history));
		digest_ns += cpu_ns() - start_ns;
		n_digests++;
	}
	printf("history_bytes=%zu history_mib=%.1f feed_cpu_ms=%.3f digest_cpu_ms=%.3f\n",
	       history_bytes(history), (double)history_bytes(history) / (1 << 20),
	       (double)feed_ns / (double)seconds / 1e6,
	       n_digests ? (double)digest_ns / (double)n_digests / 1e6 : 0.0);
	snapshot_unref(snap);
	history_free(history);
	sample_free(b.sample);
	schema_free(schema);
	free(cells);
	return 0;
}
