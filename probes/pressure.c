/*
 * Pressure stall information of the host (Documentation/accounting/psi.rst). Kernels without it, or
 * with psi=0 (the files open, reading says EOPNOTSUPP), have it absent; "irq" has only a "full"
 * line and exists since linux 6.1 with CONFIG_IRQ_TIME_ACCOUNTING.
 */
#include <errno.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

/* Per resource: some average, some total, full average, full total. */
#define RESOURCE(name, words)                                                                      \
	{"pressure_" name "_some_avg10_percent", METRIC_GAUGE, UNIT_PERCENT,                       \
	 "Share of 10 s in which some task waited for " words, NULL},                              \
		{"pressure_" name "_some_ns", METRIC_COUNTER, UNIT_NS,                             \
		 "Time some task waited for " words, NULL},                                        \
		{"pressure_" name "_full_avg10_percent", METRIC_GAUGE, UNIT_PERCENT,               \
		 "Share of 10 s in which every task waited for " words, NULL},                     \
	{                                                                                          \
		"pressure_" name "_full_ns", METRIC_COUNTER, UNIT_NS,                              \
			"Time every task waited for " words, NULL                                  \
	}
enum { PER_RESOURCE = 4, N_RESOURCES = 4 };
static const struct metric host_metrics[] = {
	RESOURCE("cpu", "a CPU"),
	RESOURCE("memory", "memory"),
	RESOURCE("io", "I/O"),
	RESOURCE("irq", "interrupt handlers"),
};
static const char *const paths[N_RESOURCES] = {
	"proc/pressure/cpu",
	"proc/pressure/memory",
	"proc/pressure/io",
	"proc/pressure/irq",
};

static const struct metric_set sets[] = {{"host", host_metrics, ARRAY_SIZE(host_metrics)}};

struct pressure_state {
	struct host_file *files[N_RESOURCES];
};

/* The text behind key, up to the next blank, into buf. */
static int word_after(const char *line, const char *key, char *buf, size_t size)
{
	const char *end = strchrnul(line, '\n');
	const char *at = strstr(line, key);

	if (!at || at > end)
		return -EINVAL;
	at += strlen(key);

	size_t len = strcspn(at, " \n");

	if (len >= size)
		return -EINVAL;
	memcpy(buf, at, len);
	buf[len] = '\0';
	return 0;
}

/* "some avg10=0.46 avg60=0.70 avg300=0.20 total=4290144" (us) */
static int parse_line(const char *text, const char *which, struct sample_row *row, unsigned metric)
{
	const char *line = text;
	char buf[32];
	double average;
	uint64_t total_us;

	while (line && strncmp(line, which, strlen(which))) {
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	if (!line)
		return -ENODEV; /* irq has no "some", cpu had no "full" before linux 5.13 */
	if (word_after(line, " avg10=", buf, sizeof(buf)) < 0 || parse_f64(buf, &average) < 0)
		return -EINVAL;
	if (word_after(line, " total=", buf, sizeof(buf)) < 0 || parse_u64(buf, &total_us) < 0)
		return -EINVAL;
	if (total_us > UINT64_MAX / NSEC_PER_USEC)
		return -ERANGE;
	sample_f64(row, metric, average);
	sample_u64(row, metric + 1, total_us * NSEC_PER_USEC);
	return 0;
}

static int read_resource(struct host *host, struct host_file **file, struct sample_row *row,
			 unsigned resource)
{
	static const char *const lines[] = {"some ", "full "};
	unsigned found = 0;
	const char *text;
	ssize_t n = host_file_readf(host, file, &text, "%s", paths[resource]);
	int error = 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned metric = resource * PER_RESOURCE + 2 * i;
		int r = n < 0 ? (int)n : parse_line(text, lines[i], row, metric);

		if (r == 0) {
			found++;
			continue;
		}
		sample_errno(row, metric, r);
		sample_errno(row, metric + 1, r);
		if (r != -ENODEV || n < 0)
			error = r;
	}
	/* Neither line: this is not a pressure file. */
	return found || error ? error : -EINVAL;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct pressure_state *state = data;
	struct sample_row *row = sample_row(out, 0, NULL, NULL, "host");
	unsigned good = 0;
	int error = 0;

	for (unsigned i = 0; i < N_RESOURCES; i++) {
		int r = read_resource(host, &state->files[i], row, i);

		read_note(out, r, paths[i]);
		if (r == 0)
			good++;
		else if (!error || errno_is_absent(-error))
			error = r;
	}
	return good ? 0 : read_fail(out, error, "proc/pressure");
}

static void close_state(void *data)
{
	struct pressure_state *state = data;

	for (unsigned i = 0; i < N_RESOURCES; i++)
		host_file_close(state->files[i]);
}

const struct probe probe_pressure = {
	.name = "pressure",
	.summary = "Pressure stall information",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct pressure_state),
	.sample = sample,
	.close = close_state,
};
