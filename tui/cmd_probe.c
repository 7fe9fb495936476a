/*
 * jittertop probe: measures for a while without a screen and prints the distribution per CPU.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/parse.h"
#include "tui/cmd_probe_internal.h"

#define DEFAULT_DURATION_NS (10 * NSEC_PER_SEC)

enum {
	OPTION_ENGINE = 256,
	OPTION_JSON,
	OPTION_FAIL_ABOVE,
	OPTION_FORCE,
	OPTION_POLICY,
	OPTION_SPIN,
	OPTION_THRESHOLD,
};

static const struct option long_options[] = {
	{"cpus", required_argument, NULL, 'c'},
	{"duration", required_argument, NULL, 'D'},
	{"interval", required_argument, NULL, 'i'},
	{"priority", required_argument, NULL, 'p'},
	{"policy", required_argument, NULL, OPTION_POLICY},
	{"engine", required_argument, NULL, OPTION_ENGINE},
	{"spin", required_argument, NULL, OPTION_SPIN},
	{"threshold", required_argument, NULL, OPTION_THRESHOLD},
	{"force", no_argument, NULL, OPTION_FORCE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"fail-above", required_argument, NULL, OPTION_FAIL_ABOVE},
	{0},
};

static int take_duration(const char *option, const char *text, uint64_t min_ns, uint64_t max_ns,
			 const char *range, uint64_t *ret_ns)
{
	uint64_t ns;

	if (parse_duration_ns(text, &ns))
		return cmd_usage(PROBE, "%s %s: not a duration; write 10s, 1ms or 200us", option,
				 text);
	if (ns < min_ns || ns > max_ns)
		return cmd_usage(PROBE, "%s %s: out of range: %s", option, text, range);
	*ret_ns = ns;
	return EXIT_DONE;
}

static int take_cpus(const char *text, struct cpuset *ret)
{
	struct cpuset cpus;

	if (cpuset_parse_list(text, &cpus) || cpuset_is_empty(&cpus))
		return cmd_usage(PROBE, "-c %s: not a list of CPUs; write 0-3,8", text);
	*ret = cpus;
	return EXIT_DONE;
}

static int take_priority(const char *text, struct measure_options *ret)
{
	uint64_t priority;

	if (parse_u64(text, &priority) || priority > 99)
		return cmd_usage(
			PROBE,
			"-p %s: 1 to 99 for SCHED_FIFO, 0 for an ordinary task (SCHED_OTHER)",
			text);
	if (!priority)
		ret->policy = MEASURE_OTHER;
	else if (ret->policy == MEASURE_DEFAULT)
		ret->policy = MEASURE_FIFO;
	ret->priority = (unsigned)priority;
	return EXIT_DONE;
}

static int take_policy(const char *text, struct measure_options *ret)
{
	static const struct {
		const char *name;
		enum measure_policy policy;
	} policies[] = {
		{"fifo", MEASURE_FIFO},
		{"rr", MEASURE_RR},
		{"other", MEASURE_OTHER},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		if (!strcmp(text, policies[i].name)) {
			ret->policy = policies[i].policy;
			return EXIT_DONE;
		}
	}
	return cmd_usage(PROBE, "--policy %s: fifo, rr or other", text);
}

static int take_engine(const char *text, const struct engine **ret)
{
	const struct engine *engine = engine_by_name(text), *each;
	char names[256] = "";

	if (engine) {
		*ret = engine;
		return EXIT_DONE;
	}
	for (unsigned i = 0; (each = engine_at(i)); i++) {
		size_t len = strlen(names);

		(void)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", each->name);
	}
	return cmd_usage(PROBE, "--engine %s: no such engine; there are %s", text, names);
}

static int take_option(int option, struct probe_options *ret)
{
	switch (option) {
	case 'c':
		return take_cpus(optarg, &ret->measure.cpus);
	case 'D':
		return take_duration("-D", optarg, 1, 366 * 86400 * NSEC_PER_SEC,
				     "more than 0, at most 8784h", &ret->duration_ns);
	case 'i':
		return take_duration("-i", optarg, 100 * NSEC_PER_USEC, NSEC_PER_SEC, "100us to 1s",
				     &ret->measure.interval_ns);
	case 'p':
		return take_priority(optarg, &ret->measure);
	case OPTION_POLICY:
		return take_policy(optarg, &ret->measure);
	case OPTION_ENGINE:
		return take_engine(optarg, &ret->engine);
	case OPTION_SPIN:
		return take_duration("--spin", optarg, NSEC_PER_USEC, NSEC_PER_SEC,
				     "1us to 90 % of the interval", &ret->measure.spin_ns);
	case OPTION_THRESHOLD:
		return take_duration("--threshold", optarg, 1, NSEC_PER_SEC, "1ns to 1s",
				     &ret->measure.threshold_ns);
	case OPTION_FORCE:
		ret->measure.is_forced = true;
		return EXIT_DONE;
	case OPTION_JSON:
		ret->is_json = true;
		return EXIT_DONE;
	case OPTION_FAIL_ABOVE:
		return take_duration("--fail-above", optarg, 1, UINT64_MAX, "more than 0",
				     &ret->fail_above_ns);
	default:
		return EXIT_USAGE;
	}
}

/* What does not go together. */
static int check_options(const struct probe_options *options)
{
	const struct measure_options *measure = &options->measure;

	if (measure->policy == MEASURE_OTHER && measure->priority)
		return cmd_usage(PROBE, "-p %u: an ordinary task has no priority",
				 measure->priority);
	if ((measure->spin_ns || measure->threshold_ns) && !options->engine->spin_ns)
		return cmd_usage(PROBE, "--spin and --threshold belong to --engine spin");
	return EXIT_DONE;
}

static int parse_options(const struct context *context, struct probe_options *ret)
{
	int option;

	optind = 0; /* glibc: start anew; main has parsed before */
	opterr = 0;
	while ((option = getopt_long(context->argc, context->argv, ":c:D:i:p:", long_options,
				     NULL)) >= 0) {
		/* Within "-xD" optind has not moved on yet: only optopt says which letter it was.
		 */
		const char letter[] = {'-', (char)optopt, '\0'};
		bool is_letter = option == '?' && optopt > 0 && optopt < OPTION_ENGINE;
		const char *word = is_letter ? letter : context->argv[optind - 1];

		if (option == ':')
			return cmd_usage(PROBE, "%s needs a value", word);
		if (option == '?')
			return cmd_usage(PROBE,
					 "%s is no option; probe [-c CPUS] [-D DUR] [-i INTERVAL] "
					 "[-p PRIO] [--policy fifo|rr|other] [--engine NAME] "
					 "[--spin DUR] [--threshold DUR] [--force] [--json] "
					 "[--fail-above DUR]",
					 word);

		int status = take_option(option, ret);

		if (status)
			return status;
	}
	if (optind < context->argc)
		return cmd_usage(PROBE, "%s: takes no words", context->argv[optind]);
	return check_options(ret);
}

/* What a reader of the table must know to read it right goes to stderr. */
static void warn(const struct probe_result *result)
{
	bool is_told = false;

	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct measure_cpu *info = &result->cpus[i].info;
		const char *why = result->cpus[i].why;

		if (!why)
			continue;
		if (!info->is_running || result->engine->reference)
			(void)cmd_error(PROBE, "cpu %u: %s", info->cpu, why);
		else if (!is_told)
			(void)cmd_error(PROBE,
					"%s (SCHED_OTHER): run as root, with CAP_SYS_NICE, or "
					"with a real-time limit (ulimit -r)",
					why);
		is_told |= info->is_running;
	}
}

static const char *signal_name(int number)
{
	return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

/* Fewer samples than asked for see fewer maxima: that must not pass unseen. */
static void warn_early_end(const struct probe_options *options, const struct probe_result *result)
{
	if (result->ended_by)
		(void)cmd_error(PROBE, "ended after %.1f s of %.10g s (%s)",
				(double)result->duration_ns / 1e9,
				(double)options->duration_ns / 1e9, signal_name(result->ended_by));
}

static int judge(const struct probe_options *options, const struct probe_result *result)
{
	bool is_complete = true;

	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct histogram *h = &result->cpus[i].histogram;

		if (options->fail_above_ns && h->total && h->max_ns > options->fail_above_ns)
			return EXIT_THRESHOLD;
		is_complete = is_complete && result->cpus[i].info.is_running &&
			      (h->total || !result->engine->reference);
	}
	/* ^C is the user's own wish; whoever sends the others did not let it finish. */
	if (result->ended_by && result->ended_by != SIGINT)
		return EXIT_FAILED;
	return is_complete ? EXIT_DONE : EXIT_FAILED;
}

static int finish(const struct probe_options *options, const struct probe_result *result)
{
	warn(result);
	warn_early_end(options, result);
	if (options->is_json)
		probe_print_json(result);
	else
		probe_print_text(result);

	int status = judge(options, result), flushed = cmd_flush();

	if (result->is_residue)
		return EXIT_PARTIAL;
	return flushed ? flushed : status;
}

void probe_result_done(struct probe_result *result)
{
	for (unsigned i = 0; i < result->n_cpus; i++)
		free(result->cpus[i].why);
	free(result->cpus);
	free(result->facts.cpus);
	free(result->command);
	free(result->version);
	free(result->error);
}

int cmd_probe(struct context *context)
{
	struct probe_options options = {
		.engine = &engine_wakeup,
		.duration_ns = DEFAULT_DURATION_NS,
	};
	struct probe_result result = {0};
	int status = parse_options(context, &options);

	if (status)
		return status;
	status = options.engine->reference ? probe_run_reference(context, &options, &result)
					   : probe_run_threads(context, &options, &result);
	if (!status)
		status = finish(&options, &result);
	probe_result_done(&result);
	return status;
}
