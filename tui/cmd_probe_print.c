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

const char *probe_cpu_error(const struct measure_cpu *info)
{
	if (!info->error)
		return NULL;
	if (info->is_running)
		return "no permission for real-time priority: measured as an ordinary task";
	if (info->error == -ENODEV)
		return "not online, or taken away while it was measured";
	if (info->error == -EINVAL)
		return "not in the cpuset of this process";
	return strerror(-info->error);
}

/* --- text --- */

static void print_us(bool has_value, uint64_t ns)
{
	if (has_value)
		printf(" %10.1f", (double)ns / 1000.0);
	else
		printf(" %10s", "-");
}

static void print_row(const struct probe_cpu *cpu)
{
	const struct histogram *h = &cpu->histogram;

	printf("%5u", cpu->info.cpu);
	print_us(h->total, h->min_ns);
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++) {
		uint64_t ns = 0;
		bool has_value = histogram_quantile(h, quantiles[i].share, &ns);

		print_us(has_value, ns);
	}
	print_us(h->total, h->max_ns);
	printf(" %10llu %9llu\n", (unsigned long long)h->total,
	       (unsigned long long)cpu->info.overruns);
}

void probe_print_text(const struct probe_result *result)
{
	enum measure_policy policy;
	unsigned priority;

	printf("%s latency in us, every %.10g us for %.1f s, ", result->engine->name,
	       (double)result->interval_ns / 1000.0, (double)result->duration_ns / 1e9);
	if (!probe_common_policy(result, &policy, &priority))
		printf("policies differ (see --json)\n");
	else if (policy == MEASURE_OTHER)
		printf("SCHED_OTHER\n");
	else
		printf("SCHED_%s priority %u\n", policy == MEASURE_FIFO ? "FIFO" : "RR", priority);
	printf("%5s %10s", "cpu", "min");
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++)
		printf(" %10s", quantiles[i].title);
	printf(" %10s %10s %9s\n", "max", "samples", "overruns");
	for (unsigned i = 0; i < result->n_cpus; i++)
		print_row(&result->cpus[i]);
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
	return text ? json_object_new_string(text) : NULL;
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

static struct json_object *cpu_json(const struct probe_cpu *cpu)
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
	put(object, "overruns", number(true, cpu->info.overruns));
	put(object, "memory_locked", json_object_new_boolean(cpu->info.is_locked));
	put(object, "error", text_or_null(probe_cpu_error(&cpu->info)));
	put(object, "histogram", buckets(h));
	return object;
}

static struct json_object *confounders(const struct probe_result *result)
{
	struct json_object *object = json_object_new_object();

	put(object, "load_1", rounded(result->load_1, 2));
	put(object, "steal_share", rounded(result->steal_share, 6));
	/* cyclictest holds it at 0 by default, which keeps CPUs out of deep idle states; we never
	 * do. */
	put(object, "cpu_dma_latency_held", json_object_new_boolean(false));
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
		(void)json_object_array_add(cpus, cpu_json(&result->cpus[i]));
	put(root, "version", json_object_new_int(1));
	put(root, "engine", json_object_new_string(result->engine->name));
	put(root, "interval_ns", number(true, result->interval_ns));
	put(root, "policy", text_or_null(has_common ? probe_policy_name(policy) : "mixed"));
	put(root, "priority", number(has_common, priority));
	put(root, "duration_ns", number(true, result->duration_ns));
	put(root, "confounders", confounders(result));
	put(root, "cpus", cpus);
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
