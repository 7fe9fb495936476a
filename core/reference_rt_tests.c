/*
 * cyclictest and oslat of rt-tests as engines: their command lines.
 */
#include "core/reference_internal.h"

/* cyclictest keeps one counter for each value up to its -h, locked in memory (8 bytes). In
 * nanoseconds that is 8 MB a CPU for the first millisecond; with more CPUs or samples than that is
 * good for it counts microseconds. */
#define FINE_LIMIT_NS NSEC_PER_MSEC
#define FINE_CPUS_MAX 16u
#define FINE_SAMPLES_MAX 250000u
#define COARSE_LIMIT_NS (20 * NSEC_PER_MSEC)
#define SPIKES_MAX 10000u
#define OSLAT_BUCKETS 1024u

static uint64_t n_samples(const struct reference_setup *setup)
{
	return setup->seconds * NSEC_PER_SEC / setup->options.interval_ns + 1;
}

static void prepare_cyclictest(struct reference_setup *setup)
{
	unsigned n = cpuset_count(&setup->options.cpus);
	bool is_fine = n <= FINE_CPUS_MAX && n_samples(setup) <= FINE_SAMPLES_MAX / n;

	setup->unit_ns = is_fine ? 1 : NSEC_PER_USEC;
	setup->limit_ns = is_fine ? FINE_LIMIT_NS : COARSE_LIMIT_NS;
}

static void word_cpus(struct reference_words *words, const char *option, const struct cpuset *cpus)
{
	_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);

	(void)cpuset_format_list(cpus, list, CPUSET_TEXT_MAX);
	reference_word(words, "%s", option);
	reference_word(words, "%s", list);
}

static void command_cyclictest(const struct reference_setup *setup, struct reference_words *ret)
{
	const struct reference_options *options = &setup->options;
	uint64_t limit = setup->limit_ns / setup->unit_ns, spikes = n_samples(setup);

	reference_word(ret, "-q");
	reference_word(ret, "-m");
	reference_word(ret, "-t");
	reference_word(ret, "%u", cpuset_count(&options->cpus));
	word_cpus(ret, "-a", &options->cpus);
	if (!cpuset_is_empty(&setup->housekeeping))
		reference_word(ret, "--mainaffinity=%u", cpuset_next(&setup->housekeeping, 0));
	reference_word(ret, "-i");
	reference_word(ret, "%llu", (unsigned long long)(options->interval_ns / NSEC_PER_USEC));
	if (options->policy != MEASURE_OTHER) {
		reference_word(ret, "-p");
		reference_word(ret, "%u", options->priority);
	}
	reference_word(ret, "--policy=%s",
		       options->policy == MEASURE_OTHER ? "other"
		       : options->policy == MEASURE_RR	? "rr"
							: "fifo");
	reference_word(ret, "-D");
	reference_word(ret, "%llu", (unsigned long long)setup->seconds);
	if (setup->unit_ns == 1)
		reference_word(ret, "-N");
	reference_word(ret, "-h");
	reference_word(ret, "%llu", (unsigned long long)limit);
	/* What the histogram cannot hold, value by value: "above" the trigger, so one less. */
	reference_word(ret, "--spike=%llu", (unsigned long long)(limit - 1));
	reference_word(ret, "--spike-nodes=%llu",
		       (unsigned long long)(spikes < SPIKES_MAX ? spikes : SPIKES_MAX));
	reference_word(ret, "--histfile=/dev/null");
	reference_word(ret, "--json=%s", REFERENCE_JSON_PATH);
	if (options->keeps_idle_states)
		reference_word(ret, "--default-system");
}

static const struct reference_engine reference_cyclictest = {
	.program = "/usr/bin/cyclictest",
	.missing = "install rt-tests",
	.has_interval = true,
	.can_hold_dma_latency = true,
	.policy = MEASURE_FIFO,
	.priority = 2,
	.prepare = prepare_cyclictest,
	.command = command_cyclictest,
	.parse = reference_parse_cyclictest,
};

const struct engine engine_cyclictest = {
	.name = "cyclictest",
	.summary = "the reference for wakeup: cyclictest of rt-tests, for a bounded time",
	.reference = &reference_cyclictest,
};

static void prepare_oslat(struct reference_setup *setup)
{
	setup->unit_ns = NSEC_PER_USEC;
	setup->limit_ns = OSLAT_BUCKETS * NSEC_PER_USEC;
}

static void command_oslat(const struct reference_setup *setup, struct reference_words *ret)
{
	const struct reference_options *options = &setup->options;
	const struct cpuset *quiet =
		cpuset_is_empty(&setup->housekeeping) ? &options->cpus : &setup->housekeeping;

	reference_word(ret, "-q");
	word_cpus(ret, "-c", &options->cpus);
	reference_word(ret, "-C");
	reference_word(ret, "%u", cpuset_next(quiet, 0));
	if (options->policy != MEASURE_OTHER) {
		reference_word(ret, "-f");
		reference_word(ret, "%u", options->priority);
	}
	reference_word(ret, "-b");
	reference_word(ret, "%u", OSLAT_BUCKETS);
	reference_word(ret, "-D");
	reference_word(ret, "%llu", (unsigned long long)setup->seconds);
	reference_word(ret, "--json=%s", REFERENCE_JSON_PATH);
}

/* As an ordinary task unless the user says otherwise: it never sleeps. */
static const struct reference_engine reference_oslat = {
	.program = "/usr/bin/oslat",
	.missing = "install rt-tests",
	.spins = true,
	.policy = MEASURE_OTHER,
	.priority = 1,
	.prepare = prepare_oslat,
	.command = command_oslat,
	.parse = reference_parse_oslat,
};

const struct engine engine_oslat = {
	.name = "oslat",
	.summary = "the reference for spin: oslat of rt-tests polls the clock without a pause",
	.reference = &reference_oslat,
	.needs_named_cpus = true,
};
