/*
 * vms DIR RUNS: what the vm probe costs on the captured root DIR: CPU time of the first run, of the
 * usual one (each a second after the other) and of one that reads everything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/host.h"
#include "core/parse.h"
#include "core/sampler.h"
#include "probes/probes.h"

struct figures {
	double cost_ms;
	unsigned n_vms, n_threads, n_ok;
};

static struct figures run(struct sampler *sampler, bool all)
{
	const struct snapshot *snap = sampler_run_once(sampler, all);
	const struct snapshot_table *vms = snapshot_table(snap, "vm");
	struct figures figures = {
		.cost_ms = (double)snap->probes[0].cost_ns / 1e6,
		.n_vms = vms->n_entities,
		.n_threads = snapshot_table(snap, "vcpu")->n_entities +
			     snapshot_table(snap, "thread")->n_entities,
	};

	for (unsigned i = 0; i < vms->n_entities; i++) {
		const char *monitor = entity_text(&vms->entities[i], "monitor");

		figures.n_ok += monitor && !strcmp(monitor, "ok");
	}
	snapshot_unref(snap);
	return figures;
}

int main(int argc, char **argv)
{
	extern const struct probe probe_vm;
	static const struct probe *const probes[] = {&probe_vm};
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 10000000};
	struct host *host;
	uint64_t runs;

	if (argc != 3 || parse_u64(argv[2], &runs) < 0 || !runs) {
		(void)fputs("usage: vms DIR RUNS\n", stderr);
		return 2;
	}

	int r = host_open_captured(argv[1], &host);

	if (r < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
		return 1;
	}

	struct schema *schema = schema_new(probes, 1);
	struct sampler *sampler = sampler_new(host, schema, probes, 1);
	double usual_ms = 0;

	sampler_want(sampler, UINT64_MAX);

	struct figures first = run(sampler, false), last = first;

	for (uint64_t i = 0; i < runs; i++) {
		(void)nanosleep(&second, NULL);
		last = run(sampler, false);
		usual_ms += last.cost_ms / (double)runs;
	}

	struct figures full = run(sampler, true);

	(void)printf("vms=%u threads=%u monitors_ok=%u first_ms=%.2f usual_ms=%.2f full_ms=%.2f\n",
		     last.n_vms, last.n_threads, last.n_ok, first.cost_ms, usual_ms, full.cost_ms);
	sampler_free(sampler);
	schema_free(schema);
	host_close(host);
	return 0;
}
