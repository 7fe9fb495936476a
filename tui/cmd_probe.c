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
#include "tui/cmd.h"
#include "tui/cmd_probe_internal.h"

#define WHAT "probe"
#define DEFAULT_DURATION_NS (10 * NSEC_PER_SEC)
/* The first wakeup of a thread is up to an interval away and not counted: with these on top, 10 s
 * at 1 kHz are the 10,000 samples that p99.9 needs. */
#define WARM_UP_INTERVALS 2

struct options {
	struct measure_options measure;
	uint64_t duration_ns;
	uint64_t fail_above_ns; /* 0: no threshold */
	bool is_json;
};

enum { OPTION_ENGINE = 256, OPTION_JSON, OPTION_FAIL_ABOVE };

static const struct option long_options[] = {
	{"cpus", required_argument, NULL, 'c'},
	{"duration", required_argument, NULL, 'D'},
	{"interval", required_argument, NULL, 'i'},
	{"priority", required_argument, NULL, 'p'},
	{"engine", required_argument, NULL, OPTION_ENGINE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"fail-above", required_argument, NULL, OPTION_FAIL_ABOVE},
	{0},
};

static int take_duration(const char *option, const char *text, uint64_t min_ns, uint64_t max_ns,
			 const char *range, uint64_t *ret_ns)
{
	uint64_t ns;

	if (parse_duration_ns(text, &ns))
		return cmd_usage(WHAT, "%s %s: not a duration; write 10s, 1ms or 200us", option,
				 text);
	if (ns < min_ns || ns > max_ns)
		return cmd_usage(WHAT, "%s %s: out of range: %s", option, text, range);
	*ret_ns = ns;
	return EXIT_DONE;
}

static int take_cpus(const char *text, struct cpuset *ret)
{
	struct cpuset cpus;

	if (cpuset_parse_list(text, &cpus) || cpuset_is_empty(&cpus))
		return cmd_usage(WHAT, "-c %s: not a list of CPUs; write 0-3,8", text);
	*ret = cpus;
	return EXIT_DONE;
}

static int take_priority(const char *text, struct measure_options *ret)
{
	uint64_t priority;

	if (parse_u64(text, &priority) || priority > 99)
		return cmd_usage(
			WHAT, "-p %s: 1 to 99 for SCHED_FIFO, 0 for an ordinary task (SCHED_OTHER)",
			text);
	ret->policy = priority ? MEASURE_FIFO : MEASURE_OTHER;
	ret->priority = (unsigned)priority;
	return EXIT_DONE;
}

static int take_engine(const char *text)
{
	static const char *const later[] = {"spin", "cyclictest", "oslat", "timerlat"};

	if (!strcmp(text, engine_wakeup.name))
		return EXIT_DONE;
	for (unsigned i = 0; i < ARRAY_SIZE(later); i++) {
		if (!strcmp(text, later[i]))
			return cmd_usage(WHAT,
					 "--engine %s: not available yet; this version has wakeup",
					 text);
	}
	return cmd_usage(WHAT, "--engine %s: no such engine; this version has wakeup", text);
}

static int take_option(int option, struct options *ret)
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
	case OPTION_ENGINE:
		return take_engine(optarg);
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

static int parse_options(const struct context *context, struct options *ret)
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
			return cmd_usage(WHAT, "%s needs a value", word);
		if (option == '?')
			return cmd_usage(WHAT,
					 "%s is no option; probe [-c CPUS] [-D DUR] [-i INTERVAL] "
					 "[-p PRIO] [--engine wakeup] [--json] [--fail-above DUR]",
					 word);

		int status = take_option(option, ret);

		if (status)
			return status;
	}
	if (optind < context->argc)
		return cmd_usage(WHAT, "%s: takes no words", context->argv[optind]);
	return EXIT_DONE;
}

/* --- confounders --- */

struct steal {
	uint64_t stolen, all; /* clock ticks of the whole machine since boot */
};

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guest time is part of
 * user already (proc(5)). */
static bool read_steal(struct host *host, struct steal *ret)
{
	struct host_file *file = NULL;
	const char *text, *word;
	struct steal steal = {0};
	size_t len;
	unsigned n = 0;

	if (host_file_readf(host, &file, &text, "proc/stat") < 0) {
		host_file_close(file);
		return false;
	}

	struct scan scan = {text};

	if (!scan_word(&scan, &word, &len) && len == 3 && !memcmp(word, "cpu", 3)) {
		uint64_t ticks;
		for (; n < 8 && !scan_u64(&scan, &ticks); n++) {
			steal.all += ticks;
			steal.stolen = ticks; /* the eighth stays */
		}
	}
	host_file_close(file);
	if (n < 8)
		return false;
	*ret = steal;
	return true;
}

static double read_load(struct host *host)
{
	char text[128];
	double load;

	if (host_read(host, "proc/loadavg", text, sizeof(text)) < 0)
		return -1;
	text[strcspn(text, " ")] = '\0';
	return parse_f64(text, &load) ? -1 : load;
}

static double steal_share(const struct steal *before, const struct steal *after)
{
	if (after->all <= before->all || after->stolen < before->stolen)
		return after->all == before->all ? 0 : -1;
	return (double)(after->stolen - before->stolen) / (double)(after->all - before->all);
}

/* --- the run --- */

/* The signal that ended it early, or zero. */
static int wait_for_end(uint64_t duration_ns, const sigset_t *signals, const struct host *host)
{
	uint64_t end_ns = host_now_ns(host) + duration_ns;

	for (;;) {
		uint64_t now_ns = host_now_ns(host);
		if (now_ns >= end_ns)
			return 0;

		struct timespec left = {
			.tv_sec = (time_t)((end_ns - now_ns) / NSEC_PER_SEC),
			.tv_nsec = (long)((end_ns - now_ns) % NSEC_PER_SEC),
		};

		/* A first ^C ends the measurement, what there is gets printed. */
		int number = sigtimedwait(signals, NULL, &left);
		if (number > 0)
			return number;
	}
}

static void collect(const struct measure *measure, struct probe_result *ret)
{
	struct cpuset cpus;
	unsigned n = 0;

	measure_cpus(measure, &cpus);
	ret->n_cpus = cpuset_count(&cpus);
	ret->cpus = xcalloc(ret->n_cpus, sizeof(*ret->cpus));
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1), n++) {
		(void)measure_cpu_info(measure, cpu, &ret->cpus[n].info);
		(void)measure_read(measure, cpu, &ret->cpus[n].histogram);
	}
	ret->engine = measure_engine(measure);
	ret->interval_ns = measure_interval_ns(measure);
}

static void take_signals(sigset_t *ret)
{
	struct sigaction hangup;

	(void)sigemptyset(ret);
	(void)sigaddset(ret, SIGINT);
	(void)sigaddset(ret, SIGTERM);
	/* A blocked signal stays pending even when it is ignored: nohup must go on meaning it. */
	if (sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
		(void)sigaddset(ret, SIGHUP);
}

static int measure_for(struct host *host, const struct options *options, struct probe_result *ret)
{
	struct steal before = {0}, after = {0};
	struct measure *measure;
	sigset_t signals, blocked;

	take_signals(&signals);
	(void)pthread_sigmask(SIG_BLOCK, &signals, &blocked);

	bool has_steal = read_steal(host, &before);
	uint64_t start_ns = host_now_ns(host);
	int result = measure_start(host, &engine_wakeup, &options->measure, &measure);

	if (!result) {
		uint64_t warm_up_ns = WARM_UP_INTERVALS * measure_interval_ns(measure);
		uint64_t elapsed_ns;

		ret->ended_by = wait_for_end(options->duration_ns + warm_up_ns, &signals, host);
		elapsed_ns = host_now_ns(host) - start_ns;
		ret->duration_ns = elapsed_ns > warm_up_ns ? elapsed_ns - warm_up_ns : 0;
		collect(measure, ret);
		measure_stop(measure);
		has_steal = has_steal && read_steal(host, &after);
		ret->steal_share = has_steal ? steal_share(&before, &after) : -1;
		ret->load_1 = read_load(host);
	}
	(void)pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	return result;
}

/* What a reader of the table must know to read it right goes to stderr. */
static void warn(const struct probe_result *result)
{
	bool is_told = false;

	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct measure_cpu *info = &result->cpus[i].info;
		const char *why = probe_cpu_error(info);

		if (!why)
			continue;
		if (!info->is_running)
			(void)cmd_error(WHAT, "cpu %u: %s", info->cpu, why);
		else if (!is_told)
			(void)cmd_error(WHAT,
					"%s (SCHED_OTHER): run as root, with CAP_SYS_NICE, or "
					"with a real-time limit (ulimit -r)",
					why);
		is_told |= info->is_running;
	}
}

/* Isolated CPUs are outside the affinity a process starts with: measuring them disturbs whoever
 * they are kept for, so it takes a word. */
static void warn_left_out(struct host *host, const struct options *options,
			  const struct probe_result *result)
{
	struct cpuset online;
	char list[256];

	if (!cpuset_is_empty(&options->measure.cpus) ||
	    host_read_cpulistf(host, &online, "sys/devices/system/cpu/online"))
		return;
	for (unsigned i = 0; i < result->n_cpus; i++)
		cpuset_remove(&online, result->cpus[i].info.cpu);
	if (!cpuset_is_empty(&online) && cpuset_format_list(&online, list, sizeof(list)) > 0)
		(void)cmd_error(WHAT,
				"cpus %s are outside this process's affinity (isolated?) and were "
				"not measured: name them with -c",
				list);
}

static const char *signal_name(int number)
{
	return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

/* Fewer samples than asked for see fewer maxima: that must not pass unseen. */
static void warn_early_end(const struct options *options, const struct probe_result *result)
{
	if (result->ended_by)
		(void)cmd_error(WHAT, "ended after %.1f s of %.10g s (%s)",
				(double)result->duration_ns / 1e9,
				(double)options->duration_ns / 1e9, signal_name(result->ended_by));
}

static int judge(const struct options *options, const struct probe_result *result)
{
	bool is_complete = true;

	for (unsigned i = 0; i < result->n_cpus; i++) {
		const struct histogram *h = &result->cpus[i].histogram;

		if (options->fail_above_ns && h->total && h->max_ns > options->fail_above_ns)
			return EXIT_THRESHOLD;
		is_complete = is_complete && result->cpus[i].info.is_running;
	}
	/* ^C is the user's own wish; whoever sends the others did not let it finish. */
	if (result->ended_by && result->ended_by != SIGINT)
		return EXIT_FAILED;
	return is_complete ? EXIT_DONE : EXIT_FAILED;
}

int cmd_probe(struct context *context)
{
	struct options options = {.duration_ns = DEFAULT_DURATION_NS};
	struct probe_result result = {0};
	int status = parse_options(context, &options);

	if (status)
		return status;

	int err = measure_for(context->host, &options, &result);

	if (err)
		return cmd_error(WHAT, "cannot measure: %s",
				 err == -ENODEV	  ? "none of these CPUs is online"
				 : err == -EINVAL ? "none of these CPUs is in this process's cpuset"
						  : strerror(-err));
	warn(&result);
	warn_left_out(context->host, &options, &result);
	warn_early_end(&options, &result);
	if (options.is_json)
		probe_print_json(&result);
	else
		probe_print_text(&result);
	status = judge(&options, &result);
	free(result.cpus);

	int flushed = cmd_flush();

	return flushed ? flushed : status;
}
