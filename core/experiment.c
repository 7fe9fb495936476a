#include "core/experiment.h"

#include <stdio.h>
#include <string.h>

struct span {
	uint64_t from_ns, to_ns;
};

void experiment_side_set(struct experiment_side *side, const struct histogram *sum,
			 uint64_t covered_ns)
{
	memset(side, 0, sizeof(*side));
	side->samples = sum->total;
	side->covered_ns = covered_ns;
	side->has_p50 = histogram_quantile(sum, 0.5, &side->p50_ns);
	side->has_p99 = histogram_quantile(sum, 0.99, &side->p99_ns);
	side->has_p99_9 = histogram_quantile(sum, 0.999, &side->p99_9_ns);
	side->max_ns = sum->total ? sum->max_ns : 0;
}

/* One side: all affected CPUs, windows that lie wholly inside. The CPUs measure side by side, so
 * the time covered is that of the CPU that covered most, not their sum. */
static void look(const struct experiment *experiment, const struct history *history,
		 const char *metric, struct span span, struct experiment_side *ret)
{
	struct histogram sum;
	uint64_t most_ns = 0;

	histogram_zero(&sum);
	memset(ret, 0, sizeof(*ret));
	if (span.from_ns >= span.to_ns)
		return;
	for (unsigned cpu = cpuset_next(&experiment->cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&experiment->cpus, cpu + 1)) {
		uint64_t covered_ns = 0;
		char key[32];

		(void)snprintf(key, sizeof(key), "cpu:%u", cpu);
		(void)history_histogram(history, key, metric, span.from_ns, span.to_ns, &sum,
					&covered_ns);
		if (covered_ns > most_ns)
			most_ns = covered_ns;
	}
	experiment_side_set(ret, &sum, most_ns);
}

void experiment_evaluate(const struct experiment *experiment, const struct history *history,
			 const char *metric, uint64_t now_ns, struct experiment_result *ret)
{
	uint64_t start_ns = experiment->apply_start_ns;
	uint64_t end_ns = experiment->end_ns ? experiment->end_ns : now_ns;
	/* Still being applied: everything since its start is the change itself. */
	uint64_t settled_ns =
		experiment->apply_end_ns ? experiment->apply_end_ns + EXPERIMENT_SETTLE_NS : end_ns;
	struct span before = {
		.from_ns =
			start_ns > EXPERIMENT_BASELINE_NS ? start_ns - EXPERIMENT_BASELINE_NS : 0,
		.to_ns = start_ns,
	};
	struct span after = {.from_ns = settled_ns, .to_ns = end_ns};

	look(experiment, history, metric, before, &ret->before);
	look(experiment, history, metric, after, &ret->after);
	if (settled_ns > end_ns)
		settled_ns = end_ns;
	ret->discarded_ns = settled_ns > start_ns ? settled_ns - start_ns : 0;
	ret->verdict = EXPERIMENT_NOT_JUDGED;
}
