/*
 * tick HOW WHAT TICKS: HOW WHAT is --root DIR, --topology TEXT or --live "".
 *
 * Builds TICKS snapshots as the sampler thread does, and prints the CPU time of one: of a tick in
 * which only the probes without a period of their own run, and of one in which every probe runs,
 * those on demand too (the dearest tick there is). Instructions of the latter are the difference of
 * two runs under callgrind (tests/bench/run.sh).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/host.h"
#include "core/sampler.h"
#include "probes/probes.h"

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int open_host(const char *how, const char *what, struct host **ret)
{
	if (!strcmp(how, "--root"))
		return host_open_captured(what, ret);
	if (!strcmp(how, "--topology"))
		return host_open_synthetic(what, ret);
	return strcmp(how, "--live") ? -EINVAL : host_open_live(ret);
}

static uint64_t tick(struct sampler *sampler, bool all)
{
	uint64_t start_ns = cpu_ns();
	const struct snapshot *snap = sampler_run_once(sampler, all);

	snapshot_unref(snap);
	return cpu_ns() - start_ns;
}

static void run(struct host *host, unsigned n_ticks)
{
	struct schema *schema = schema_new(probe_registry, probe_registry_count);
	struct sampler *sampler = sampler_new(host, schema, probe_registry, probe_registry_count);
	uint64_t first_ns = tick(sampler, true), due_ns = 0, full_ns = 0;

	for (unsigned i = 0; i < n_ticks; i++)
		due_ns += tick(sampler, false);
	for (unsigned i = 0; i < n_ticks; i++)
		full_ns += tick(sampler, true);
	printf("first_tick_cpu_ms=%.3f short_tick_cpu_ms=%.3f full_tick_cpu_ms=%.3f\n",
	       (double)first_ns / 1e6, (double)due_ns / n_ticks / 1e6,
	       (double)full_ns / n_ticks / 1e6);
	sampler_free(sampler);
	schema_free(schema);
}

int main(int argc, char **argv)
{
	struct host *host = NULL;
	unsigned long n_ticks = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (n_ticks == 0 || n_ticks > 100000) {
		fputs("usage: tick --root DIR | --topology TEXT | --live X TICKS\n", stderr);
		return 2;
	}
	int err = open_host(argv[1], argv[2], &host);
	if (err < 0) {
		fprintf(stderr, "tick: %s: %s\n", argv[2], strerror(-err));
		return 1;
	}
	run(host, (unsigned)n_ticks);
	host_close(host);
	return 0;
}
