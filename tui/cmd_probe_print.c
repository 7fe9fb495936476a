/*
 * The result of `jittertop probe` as a table and as the JSON object of the command-line contract.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tui/cmd_probe_internal.h"

static const struct {
	const char *title, *field;
	double share;
} quantiles[] = {
	{"p50", "p50_ns", 0.5},
	{"p99", "p99_ns", 0.99},
	{"p99.9", "p99_9_ns", 0.999},
	{"p99.99", "p99_99_ns", 0.9999},
};

bool probe_common_policy(const struct probe_result *result, enum measure_policy *ret_policy,
			 unsigned *ret_priority)
{
	const struct measure_cpu *first = NULL;

	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct measure_cpu *info = &result->cpus[i].info;

		if (!result->cpus[i].histogram.total && !info->is_running)
			continue;
		if (!first)
			first = info;
		if (info->policy != first->policy || info->priority != first->priority)
			return false;
	}
	if (!first)
		return false;
	*ret_policy = first->policy;
	*ret_priority = first->priority;
	return true;
}

const char *probe_policy_name(enum measure_policy policy)
{
	switch (policy) {
	case MEASURE_FIFO:
		return "fifo";
	case MEASURE_RR:
		return "rr";
	case MEASURE_OTHER:
	case MEASURE_DEFAULT:
		return "other";
	}
	return "?";
}

static double noise_share(const struct probe_cpu *cpu)
{
	return cpu->info.spun_ns ? (double)cpu->info.noise_ns / (double)cpu->info.spun_ns : -1;
}

/* --- text: at most 80 columns --- */

static void print_us(bool has_value, uint64_t ns)
{
	if (has_value)
		printf(" %8.1f", (double)ns / 1000.0);
	else
		printf(" %8s", "-");
}

static void print_row(const struct probe_result *result, const struct probe_cpu *cpu)
{
	const struct histogram *h = &cpu->histogram;

	printf("%4u", cpu->info.cpu);
	print_us(h->total, h->min_ns);
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++) {
		uint64_t ns = 0;
		bool has_value = histogram_quantile(h, quantiles[i].share, &ns);

		print_us(has_value, ns);
	}
	print_us(h->total, h->max_ns);
	printf(" %11llu", (unsigned long long)h->total);
	if (result->spin_ns && cpu->info.spun_ns)
		printf(" %8.4f%%\n", noise_share(cpu) * 100);
	else if (!result->spin_ns && cpu->has_overruns)
		printf(" %9llu\n", (unsigned long long)cpu->info.overruns);
	else
		printf(" %9s\n", "-");
}

static void print_title(const struct probe_result *result)
{
	enum measure_policy policy;
	unsigned priority;

	if (result->spin_ns)
		printf("%s: gaps from %.10g us in us, %.10g of every %.10g us for %.1f s, ",
		       result->engine->name, (double)result->threshold_ns / 1000.0,
		       (double)result->spin_ns / 1000.0, (double)result->interval_ns / 1000.0,
		       (double)result->duration_ns / 1e9);
	else if (result->interval_ns)
		printf("%s latency in us, every %.10g us for %.1f s, ", result->engine->name,
		       (double)result->interval_ns / 1000.0, (double)result->duration_ns / 1e9);
	else
		printf("%s: passes of its loop in us, for %.1f s, ", result->engine->name,
		       (double)result->duration_ns / 1e9);
	if (!probe_common_policy(result, &policy, &priority))
		printf("policies differ (see --json)\n");
	else if (policy == MEASURE_OTHER)
		printf("SCHED_OTHER\n");
	else
		printf("SCHED_%s %u\n", policy == MEASURE_FIFO ? "FIFO" : "RR", priority);
}

/* "performance", "performance and others", "unknown" */
static const char *common_governor(const struct probe_facts *facts, bool *ret_differ)
{
	const char *first = NULL;

	*ret_differ = false;
	for (unsigned i = 0; i < facts->n_cpus; i++) {
		const char *governor = facts->cpus[i].governor;

		if (!first)
			first = governor;
		*ret_differ |= strcmp(first, governor) != 0;
	}
	return first && first[0] ? first : "none";
}

static const struct probe_idle_state *deepest(const struct probe_cpu_facts *cpu)
{
	const struct probe_idle_state *found = NULL;

	for (unsigned i = 0; i < cpu->n_idle_states; i++) {
		if (cpu->idle_states[i].is_allowed)
			found = &cpu->idle_states[i];
	}
	return found;
}

static void print_facts(const struct probe_result *result)
{
	const struct probe_facts *facts = &result->facts;
	const struct probe_idle_state *idle = facts->n_cpus ? deepest(&facts->cpus[0]) : NULL;
	bool do_differ;
	const char *governor = common_governor(facts, &do_differ);

	printf("preemption %s, governor %s%s, idle down to %s",
	       facts->preemption[0] ? facts->preemption : "unknown", governor,
	       do_differ ? " and others" : "", idle ? idle->name : "unknown");
	if (idle)
		printf(" (%llu us)", (unsigned long long)idle->exit_latency_us);
	printf("\n");
	if (facts->load_1 >= 0)
		printf("load %.2f, ", facts->load_1);
	if (facts->steal_share >= 0)
		printf("steal %.2f%%, ", facts->steal_share * 100);
	if (result->holds_dma_latency)
		printf("/dev/cpu_dma_latency held at 0 by the reference\n");
	else if (facts->n_holders)
		printf("/dev/cpu_dma_latency held by %s (%llu)%s\n", facts->holders[0].command,
		       (unsigned long long)facts->holders[0].pid,
		       facts->n_holders > 1 ? " and others" : "");
	else
		printf("/dev/cpu_dma_latency %s\n",
		       facts->are_holders_known ? "not held" : "unknown");
}

static void print_notes(const struct probe_result *result)
{
	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct probe_cpu *cpu = &result->cpus[i];

		if (cpu->above)
			printf("cpu %u: %llu values above %.10g us were not told apart: quantiles "
			       "up there are \"at least\"\n",
			       cpu->info.cpu, (unsigned long long)cpu->above,
			       (double)result->limit_ns / 1000.0);
		if (cpu->lost)
			printf("cpu %u: %llu samples were lost\n", cpu->info.cpu,
			       (unsigned long long)cpu->lost);
	}
	if (result->command)
		printf("run: %s%s%s\n", result->command, result->version ? "; " : "",
		       result->version ? result->version : "");
}

void probe_print_text(const struct probe_result *result)
{
	bool is_spinning = result->spin_ns != 0;

	print_title(result);
	printf("%4s %8s", "cpu", "min");
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++)
		printf(" %8s", quantiles[i].title);
	printf(" %8s %11s %9s\n", "max", is_spinning ? "gaps" : "samples",
	       is_spinning ? "noise" : "overruns");
	for (unsigned i = 0; i < result->n_cpus; i++)
		print_row(result, &result->cpus[i]);
	print_facts(result);
	print_notes(result);
}

/* --- JSON --- */

static void put(struct json_object *object, const char *name, struct json_object *value)
{
	(void)json_object_object_add(object, name, value);
}

static struct json_object *number(bool has_value, uint64_t value)
{
	return has_value ? json_object_new_int64((int64_t)value) : NULL;
}

static struct json_object *signed_number(bool has_value, int64_t value)
{
	return has_value ? json_object_new_int64(value) : NULL;
}

/* Negative: not known. Rounded, because nobody wants 0.28999999999999998 in a log. */
static struct json_object *rounded(double value, int decimals)
{
	char text[64];

	if (value < 0)
		return NULL;
	(void)snprintf(text, sizeof(text), "%.*f", decimals, value);
	return json_object_new_double_s(value, text);
}

static struct json_object *text_or_null(const char *text)
{
	return text && text[0] ? json_object_new_string(text) : NULL;
}

static struct json_object *buckets(const struct histogram *h)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->counts[i])
			continue;

		struct json_object *bucket = json_object_new_object();
		/* The overflow bucket has no upper end but the maximum. */
		uint64_t to = i + 1 < HISTOGRAM_BUCKETS ? histogram_bucket_to(i) : h->max_ns + 1;

		put(bucket, "from_ns", number(true, histogram_bucket_from(i)));
		put(bucket, "to_ns", number(true, to));
		put(bucket, "count", number(true, h->counts[i]));
		(void)json_object_array_add(list, bucket);
	}
	return list;
}

static void put_spin(struct json_object *object, const struct probe_cpu *cpu)
{
	put(object, "spun_ns", number(true, cpu->info.spun_ns));
	put(object, "noise_ns", number(true, cpu->info.noise_ns));
	put(object, "noise_share", rounded(noise_share(cpu), 9));
	put(object, "gaps", number(true, cpu->info.gaps));
}

static struct json_object *cpu_json(const struct probe_result *result, const struct probe_cpu *cpu)
{
	const struct histogram *h = &cpu->histogram;
	struct json_object *object = json_object_new_object();

	put(object, "cpu", number(true, cpu->info.cpu));
	put(object, "samples", number(true, h->total));
	put(object, "min_ns", number(h->total, h->min_ns));
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++) {
		uint64_t ns = 0;
		bool has_value = histogram_quantile(h, quantiles[i].share, &ns);

		put(object, quantiles[i].field, number(has_value, ns));
	}
	put(object, "max_ns", number(h->total, h->max_ns));
	put(object, "policy", json_object_new_string(probe_policy_name(cpu->info.policy)));
	put(object, "priority", number(true, cpu->info.priority));
	put(object, "overruns", number(cpu->has_overruns, cpu->info.overruns));
	put(object, "memory_locked",
	    result->command ? NULL : json_object_new_boolean(cpu->info.is_locked));
	if (result->spin_ns)
		put_spin(object, cpu);
	if (result->engine->reference) {
		put(object, "above_limit", number(true, cpu->above));
		put(object, "lost", number(true, cpu->lost));
	}
	put(object, "error", text_or_null(cpu->why));
	put(object, "histogram", buckets(h));
	return object;
}

static struct json_object *idle_states(const struct probe_cpu_facts *cpu)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < cpu->n_idle_states; i++) {
		const struct probe_idle_state *state = &cpu->idle_states[i];
		struct json_object *object = json_object_new_object();

		put(object, "name", json_object_new_string(state->name));
		put(object, "exit_latency_us", number(true, state->exit_latency_us));
		put(object, "allowed", json_object_new_boolean(state->is_allowed));
		(void)json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *cpu_facts(const struct probe_cpu_facts *cpu)
{
	struct json_object *object = json_object_new_object();
	const struct probe_idle_state *idle = deepest(cpu);

	put(object, "cpu", number(true, cpu->cpu));
	put(object, "governor", text_or_null(cpu->governor));
	put(object, "idle_states", cpu->n_idle_states ? idle_states(cpu) : NULL);
	put(object, "deepest_idle_state", text_or_null(idle ? idle->name : NULL));
	put(object, "pm_qos_resume_latency_us", text_or_null(cpu->resume_latency));
	put(object, "smi_count", number(cpu->has_smi, cpu->smi));
	return object;
}

static struct json_object *holders(const struct probe_facts *facts)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < facts->n_holders && i < PROBE_HOLDERS; i++) {
		struct json_object *object = json_object_new_object();

		put(object, "pid", number(true, facts->holders[i].pid));
		put(object, "command", json_object_new_string(facts->holders[i].command));
		(void)json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *confounders(const struct probe_result *result)
{
	const struct probe_facts *facts = &result->facts;
	struct json_object *object = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	bool is_held = result->holds_dma_latency || facts->n_holders;

	put(object, "load_1", rounded(facts->load_1, 2));
	put(object, "steal_share", rounded(facts->steal_share, 6));
	/* Held at 0, as cyclictest does by default, it keeps CPUs out of deep idle states; we never
	 * do. */
	put(object, "cpu_dma_latency_held",
	    is_held || facts->are_holders_known ? json_object_new_boolean(is_held) : NULL);
	put(object, "cpu_dma_latency_holders", facts->are_holders_known ? holders(facts) : NULL);
	put(object, "cpu_dma_latency_held_by_engine",
	    json_object_new_boolean(result->holds_dma_latency));
	put(object, "preemption", text_or_null(facts->preemption));
	put(object, "rt_runtime_us", signed_number(facts->has_rt_throttling, facts->rt_runtime_us));
	put(object, "rt_period_us", signed_number(facts->has_rt_throttling, facts->rt_period_us));
	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct probe_cpu_facts *cpu =
			probe_facts_cpu(facts, result->cpus[i].info.cpu);

		if (cpu)
			(void)json_object_array_add(cpus, cpu_facts(cpu));
	}
	put(object, "cpus", cpus);
	return object;
}

static struct json_object *reference_json(const struct probe_result *result)
{
	struct json_object *object = json_object_new_object();

	put(object, "command", text_or_null(result->command));
	put(object, "version", text_or_null(result->version));
	put(object, "resolution_ns", number(true, result->resolution_ns));
	put(object, "limit_ns", number(result->limit_ns, result->limit_ns));
	return object;
}

void probe_print_json(const struct probe_result *result)
{
	struct json_object *root = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	enum measure_policy policy = MEASURE_OTHER;
	unsigned priority = 0;
	bool has_common = probe_common_policy(result, &policy, &priority);

	for (unsigned i = 0; i < result->n_cpus; i++)
		(void)json_object_array_add(cpus, cpu_json(result, &result->cpus[i]));
	put(root, "version", json_object_new_int(1));
	put(root, "engine", json_object_new_string(result->engine->name));
	put(root, "interval_ns", number(result->interval_ns, result->interval_ns));
	put(root, "policy", text_or_null(has_common ? probe_policy_name(policy) : "mixed"));
	put(root, "priority", number(has_common, priority));
	put(root, "duration_ns", number(true, result->duration_ns));
	if (result->spin_ns) {
		put(root, "spin_ns", number(true, result->spin_ns));
		put(root, "threshold_ns", number(true, result->threshold_ns));
	}
	if (result->engine->reference)
		put(root, "reference", reference_json(result));
	put(root, "confounders", confounders(result));
	put(root, "cpus", cpus);
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
