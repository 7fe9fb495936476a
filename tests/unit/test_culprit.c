#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/culprit.h"

#define N_COUNTERS 24u

/* A made-up CPU: latency and counters per tick. Deterministic: an LCG of its own. */
struct world {
	uint64_t seed;
	unsigned n;
	float latency_ns[CULPRIT_TICKS];
	struct culprit_counter counters[N_COUNTERS];
	struct culprits found;
};

static double uniform(struct world *w)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(w->seed >> 11) / 9007199254740992.0;
}

/* Heavy-tailed noise around 1; stickiness makes bursts: the next value is like the last one. */
static void noise(struct world *w, float *ret, double scale, double stickiness)
{
	double x = exp(2 * uniform(w) - 1);

	for (unsigned i = 0; i < w->n; i++) {
		if (uniform(w) > stickiness) {
			x = exp(2 * uniform(w) - 1);
			if (uniform(w) < 0.1)
				x *= 8;
		}
		ret[i] = (float)(scale * x);
	}
}

static struct world *world_new(unsigned n, uint64_t seed, double stickiness)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->seed = seed * 7919 + 1;
	w->n = n;
	noise(w, w->latency_ns, 40e3, stickiness);
	for (unsigned i = 0; i < N_COUNTERS; i++) {
		(void)snprintf(w->counters[i].name, CULPRIT_NAME_MAX, "irq %u", i);
		w->counters[i].class = CULPRIT_IRQ;
		noise(w, w->counters[i].rates, 10 << i % 8, stickiness);
	}
	return w;
}

static void judge(struct world *w)
{
	culprit_judge(w->latency_ns, w->n, w->counters, N_COUNTERS, &w->found);
}

/* Latency is calm, but in every tick of which hit() says so. */
static void calm(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++)
		w->latency_ns[i] = (float)(30e3 + 20e3 * uniform(w));
}

static void a_planted_culprit_is_named(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct world *w = world_new(60, seed, 0);
		struct culprit_counter *irq = &w->counters[seed % N_COUNTERS];
		unsigned n_spikes = 0;

		calm(w);
		for (unsigned i = 0; i < w->n; i++) {
			bool is_hit = i >= 6 && (i % 20 == 7 || uniform(w) < 0.1);

			irq->rates[i] = (float)(50 + 20 * uniform(w));
			if (!is_hit)
				continue;
			w->latency_ns[i] = 412e3f;
			irq->rates[i] = 9000;
			n_spikes++;
		}
		judge(w);
		assert_true(n_spikes >= 3);
		assert_int_equal(w->found.verdict, CULPRIT_FOUND);
		assert_int_equal(w->found.n_spikes, n_spikes);
		assert_string_equal(w->found.list[0].name, irq->name);
		assert_true(w->found.list[0].share > 0.9);
		assert_true(fabs(w->found.list[0].spike_rate - 9000) < 1);
		assert_in_range(w->found.list[0].quiet_rate, 50, 70);
		free(w);
	}
}

/* One burst, still going on, as of a task that was started: the counter rose at the same time. */
static void a_burst_has_its_culprit(void **state)
{
	struct world *w = world_new(60, 5, 0);

	(void)state;
	calm(w);
	for (unsigned i = 52; i < w->n; i++) {
		w->latency_ns[i] = 3e6f;
		w->counters[3].rates[i] = (float)(800 + 100 * uniform(w));
	}
	for (unsigned i = 0; i < 52; i++)
		w->counters[3].rates[i] = (float)(40 * uniform(w));
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_FOUND);
	assert_string_equal(w->found.list[0].name, "irq 3");
	free(w);
}

/* Two that share the spikes, one of them in two of three. */
static void shares_are_of_the_spikes(void **state)
{
	struct world *w = world_new(CULPRIT_TICKS, 11, 0);
	unsigned n = 0;

	(void)state;
	calm(w);
	for (unsigned i = 0; i < w->n; i++) {
		w->counters[0].rates[i] = w->counters[1].rates[i] = 10;
		if (i % 5 || i == 0)
			continue;
		w->latency_ns[i] = 900e3f;
		w->counters[n++ % 3 == 2 ? 1 : 0].rates[i] = 4000;
	}
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_FOUND);
	assert_true(w->found.n >= 2);
	assert_string_equal(w->found.list[0].name, "irq 0");
	assert_true(fabs(w->found.list[0].share - 0.67) < 0.05);
	assert_string_equal(w->found.list[1].name, "irq 1");
	assert_true(fabs(w->found.list[1].share - 0.33) < 0.05);
	free(w);
}

/* Latency and counters that have nothing to do with each other: at most one history in twenty may
 * name somebody, however bursty both are. */
static void chance_names_nobody(void **state)
{
	static const double stickiness[] = {0, 0.5, 0.8, 0.9, 0.95};
	unsigned worst = 0;

	(void)state;
	for (unsigned s = 0; s < ARRAY_SIZE(stickiness); s++) {
		unsigned named = 0, spiky = 0;

		for (uint64_t seed = 1; seed <= 400; seed++) {
			struct world *w =
				world_new(seed % 2 ? 60 : CULPRIT_TICKS, seed, stickiness[s]);

			judge(w);
			spiky += w->found.n_spikes >= 3;
			named += w->found.verdict == CULPRIT_FOUND;
			free(w);
		}
		print_message(
			"stickiness %.2f: %u of 400 histories with spikes, %u name somebody\n",
			stickiness[s], spiky, named);
		assert_true(spiky > 200);
		worst = named > worst ? named : worst;
	}
	assert_true(worst <= 20);
}

static void nothing_moved_is_said(void **state)
{
	struct world *w = world_new(60, 3, 0);

	(void)state;
	calm(w);
	for (unsigned i = 4; i < w->n; i += 7)
		w->latency_ns[i] = 500e3f;
	for (unsigned c = 0; c < N_COUNTERS; c++) {
		for (unsigned i = 0; i < w->n; i++)
			w->counters[c].rates[i] = 100;
	}
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_NOT_SEEN);
	assert_int_equal(w->found.n_spikes, 8);
	w->n = 25; /* 3 spikes: too little to say that nothing did */
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_TOO_FEW);
	free(w);
}

static void too_little_says_nothing(void **state)
{
	struct world *w = world_new(7, 3, 0);

	(void)state;
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_UNKNOWN);
	w->n = 60;
	calm(w);
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_CALM);
	w->latency_ns[20] = w->latency_ns[40] = 2e6f;
	w->counters[0].rates[20] = w->counters[0].rates[40] = 1e6f;
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_TOO_FEW);
	assert_int_equal(w->found.n_spikes, 2);
	for (unsigned i = 0; i < w->n; i++)
		w->latency_ns[i] = NAN;
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_UNKNOWN);
	culprit_judge(w->latency_ns, 0, NULL, 0, &w->found);
	assert_int_equal(w->found.verdict, CULPRIT_UNKNOWN);
	free(w);
}

/* Ticks in which a counter was not read count neither way, and a sum is left out when one of its
 * parts is named. */
static void gaps_and_sums(void **state)
{
	struct world *w = world_new(80, 9, 0);

	(void)state;
	calm(w);
	w->counters[1].class = CULPRIT_IRQ_SUM;
	w->counters[2].class = CULPRIT_SOFTIRQ_SUM;
	for (unsigned i = 0; i < w->n; i++) {
		bool is_hit = i % 6 == 3;

		if (is_hit)
			w->latency_ns[i] = 700e3f;
		for (unsigned c = 0; c < 3; c++)
			w->counters[c].rates[i] = is_hit ? 5000 : 20;
		if (i % 4 == 0)
			w->counters[0].rates[i] = NAN;
	}
	judge(w);
	assert_int_equal(w->found.verdict, CULPRIT_FOUND);
	assert_int_equal(w->found.n, 2);
	assert_string_equal(w->found.list[0].name, "irq 0");
	assert_string_equal(w->found.list[1].name, "irq 2");
	free(w);
}

/* --- through snapshots and a history --- */

enum { IRQ_PER_CPU, CPU_MAX, CPU_SWITCHES };
static const struct metric irq_metrics[] = {{.name = "per_cpu", .type = METRIC_PER_CPU}};
static const struct metric cpu_metrics[] = {{.name = "wakeup_max_ns", .type = METRIC_GAUGE},
					    {.name = "switches", .type = METRIC_COUNTER}};
static const struct metric_set sets[] = {{"irq", irq_metrics, 1}, {"cpu", cpu_metrics, 2}};
static const struct probe probe = {.name = "made-up", .sets = sets, .n_sets = 2};
static const struct probe *const probes[] = {&probe};
static const struct history_metric kept[] = {CULPRIT_HISTORY};

static void put_tick(struct sample *sample, unsigned tick, uint64_t *counts)
{
	bool is_hit = tick % 8 == 5;
	struct sample_row *row;

	sample_reset(sample);
	sample->time_ns = tick * NSEC_PER_SEC;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		row = sample_row(sample, 1, NULL, NULL, "cpu:%u", cpu);
		sample_u64(row, 0, cpu == 1 && is_hit ? 600000 : 20000);
		sample_u64(row, 1, tick * 300);
	}
	/* irq 41 hits cpu 1 in those ticks, irq 42 hits cpu 0 then. */
	for (unsigned i = 0; i < 2; i++) {
		counts[i] += is_hit ? 3000 : 30;
		row = sample_row(sample, 0, NULL, i ? "eth0-rx-2" : "eth0-rx-1", "irq:%u", 41 + i);
		sample_per_cpu(sample, row, 0, 1,
			       &(struct per_cpu_cell){.cpu = 1 - i, .count = counts[i]}, 1);
	}
	sample_finish(sample, 0);
}

static void an_interrupt_is_named_by_cpu(void **state)
{
	struct schema *schema = schema_new(probes, 1);
	struct history *history = history_new(kept, ARRAY_SIZE(kept));
	struct sample *sample = sample_new(&probe);
	const struct snapshot *snap = NULL;
	struct culprits found;
	uint64_t counts[2] = {0};

	(void)state;
	for (unsigned tick = 1; tick <= 100; tick++) {
		const struct snapshot *prev = snap;

		put_tick(sample, tick, counts);
		snap = snapshot_build(schema, prev, &sample, 1, tick * NSEC_PER_SEC, 0);
		snapshot_unref(prev);
		history_feed(history, snap);
	}
	culprit_of_cpu(history, snap, "wakeup_max_ns", 1, &found);
	assert_int_equal(found.verdict, CULPRIT_FOUND);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.list[0].name, "irq 41 eth0-rx-1");
	assert_true(found.list[0].share > 0.99);
	culprit_of_cpu(history, snap, "wakeup_max_ns", 0, &found);
	assert_int_equal(found.verdict, CULPRIT_CALM);
	culprit_of_cpu(history, snap, "wakeup_max_ns", 7, &found);
	assert_int_equal(found.verdict, CULPRIT_UNKNOWN);
	snapshot_unref(snap);
	sample_free(sample);
	history_free(history);
	schema_free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_planted_culprit_is_named),
		cmocka_unit_test(a_burst_has_its_culprit),
		cmocka_unit_test(shares_are_of_the_spikes),
		cmocka_unit_test(chance_names_nobody),
		cmocka_unit_test(nothing_moved_is_said),
		cmocka_unit_test(too_little_says_nothing),
		cmocka_unit_test(gaps_and_sums),
		cmocka_unit_test(an_interrupt_is_named_by_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
