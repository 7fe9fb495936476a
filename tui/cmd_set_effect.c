#include "tui/cmd_set_effect.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "core/measure.h"

/* Three decimals of a microsecond would be noise. */
#define TEXT_MAX 24

static void sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
				.tv_nsec = (long)(ns % NSEC_PER_SEC)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

int effect_open(struct effect *effect, struct host *host, const struct plan *plan,
		uint64_t window_ns)
{
	struct measure_options options = {.cpus = plan->affected};
	struct cpuset usable;

	/* What is measured is what may be: an affected CPU can be offline or isolated. */
	if (host_get_affinity(host, 0, &usable) == 0)
		cpuset_and(&options.cpus, &usable);
	int err = measure_start(host, &engine_wakeup, &options, &effect->measure);
	if (err < 0)
		return err;
	measure_cpus(effect->measure, &effect->cpus);
	effect->window_ns = window_ns;
	return 0;
}

/* Sums the window since the last call over the CPUs. */
static void take(struct effect *effect, const struct host *host, struct experiment_side *ret)
{
	struct histogram sum, window;
	uint64_t covered_ns = 0, now_ns = host_now_ns(host);

	histogram_zero(&sum);
	for (unsigned cpu = cpuset_next(&effect->cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&effect->cpus, cpu + 1)) {
		if (!measure_window(effect->measure, cpu, now_ns, &window))
			continue;
		histogram_add(&sum, &window);
		if (window.end_ns - window.start_ns > covered_ns)
			covered_ns = window.end_ns - window.start_ns;
	}
	experiment_side_set(ret, &sum, covered_ns);
}

static void measure_side(struct effect *effect, const struct host *host,
			 struct experiment_side *ret)
{
	take(effect, host, ret); /* what went before belongs to neither side */
	sleep_ns(effect->window_ns);
	take(effect, host, ret);
}

void effect_before(struct effect *effect, const struct host *host)
{
	measure_side(effect, host, &effect->result.before);
	effect->before_end_ns = host_now_ns(host);
}

void effect_after(struct effect *effect, const struct host *host)
{
	sleep_ns(EXPERIMENT_SETTLE_NS);
	effect->result.discarded_ns = host_now_ns(host) - effect->before_end_ns;
	measure_side(effect, host, &effect->result.after);
}

void effect_close(struct effect *effect)
{
	measure_stop(effect->measure);
	effect->measure = NULL;
}

static void add_figure(struct json_object *object, const char *key, bool is_known, uint64_t ns)
{
	json_object_object_add(object, key, is_known ? json_object_new_uint64(ns) : NULL);
}

static struct json_object *side_json(const struct experiment_side *side)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "samples", json_object_new_uint64(side->samples));
	json_object_object_add(object, "covered_ns", json_object_new_uint64(side->covered_ns));
	add_figure(object, "p50_ns", side->has_p50, side->p50_ns);
	add_figure(object, "p99_ns", side->has_p99, side->p99_ns);
	add_figure(object, "p99_9_ns", side->has_p99_9, side->p99_9_ns);
	add_figure(object, "max_ns", side->samples > 0, side->max_ns);
	return object;
}

struct json_object *effect_json(const struct effect *effect)
{
	struct json_object *object = json_object_new_object();
	char list[CPUSET_TEXT_MAX];

	if (!effect->result.before.samples)
		return object;
	(void)cpuset_format_list(&effect->cpus, list, sizeof(list));
	json_object_object_add(object, "cpus", json_object_new_string(list));
	json_object_object_add(object, "before", side_json(&effect->result.before));
	json_object_object_add(object, "after", side_json(&effect->result.after));
	json_object_object_add(object, "discarded_ns",
			       json_object_new_uint64(effect->result.discarded_ns));
	json_object_object_add(object, "verdict", json_object_new_string("not judged"));
	return object;
}

static const char *figure(char *buf, bool is_known, uint64_t ns)
{
	if (is_known)
		(void)snprintf(buf, TEXT_MAX, "%.1f", (double)ns / (double)NSEC_PER_USEC);
	else
		(void)snprintf(buf, TEXT_MAX, "-");
	return buf;
}

static void print_side(const char *name, const struct experiment_side *side)
{
	char p50[TEXT_MAX], p99[TEXT_MAX], p99_9[TEXT_MAX], max[TEXT_MAX];

	printf("  %-7s %10s %10s %10s %10s %10llu\n", name,
	       figure(p50, side->has_p50, side->p50_ns), figure(p99, side->has_p99, side->p99_ns),
	       figure(p99_9, side->has_p99_9, side->p99_9_ns),
	       figure(max, side->samples > 0, side->max_ns), (unsigned long long)side->samples);
}

void effect_print(const struct effect *effect)
{
	char list[CPUSET_TEXT_MAX];

	if (!effect->result.before.samples)
		return;
	(void)cpuset_format_list(&effect->cpus, list, sizeof(list));
	printf("wakeup latency in us, cpus %s, not judged (%.1f s between the windows discarded)\n",
	       list, (double)effect->result.discarded_ns / (double)NSEC_PER_SEC);
	printf("  %-7s %10s %10s %10s %10s %10s\n", "", "p50", "p99", "p99.9", "max", "samples");
	print_side("before", &effect->result.before);
	print_side("after", &effect->result.after);
}
