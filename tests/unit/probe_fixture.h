/*
 * For the tests of probes: a host, some probes and the latest snapshot. Static functions, because
 * each test is one program.
 */
#ifndef JT_TESTS_UNIT_PROBE_FIXTURE_H
#define JT_TESTS_UNIT_PROBE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sampler.h"
#include "probes/probes.h"

#define FIXTURE_PROBES_MAX 32

struct fixture {
	struct host *host;
	struct schema *schema;
	struct sampler *sampler;
	const struct probe *probes[FIXTURE_PROBES_MAX];
	unsigned n_probes;
	const struct snapshot *snap;
};

__attribute__((unused)) static void fixture_init(struct fixture *f, struct host *host,
						 const struct probe *const *probes, unsigned n)
{
	*f = (struct fixture){.host = host, .n_probes = n};
	for (unsigned i = 0; i < n; i++)
		f->probes[i] = probes[i];
	f->schema = schema_new(f->probes, n);
	f->sampler = sampler_new(host, f->schema, f->probes, n);
}

/* Every probe of the fixture, whatever its period. */
__attribute__((unused)) static void fixture_run(struct fixture *f)
{
	snapshot_unref(f->snap);
	f->snap = sampler_run_once(f->sampler, true);
}

__attribute__((unused)) static void fixture_done(struct fixture *f)
{
	snapshot_unref(f->snap);
	sampler_free(f->sampler);
	schema_free(f->schema);
	host_close(f->host);
	*f = (struct fixture){0};
}

/* A fake host with one probe, not yet run. */
__attribute__((unused)) static void fixture_fake(struct fixture *f, const struct probe *probe)
{
	struct host *host = NULL;

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	fixture_init(f, host, &probe, 1);
}

__attribute__((unused)) static uint64_t fixture_u64(const struct fixture *f, const char *key,
						    const char *metric)
{
	uint64_t value = UINT64_MAX;

	(void)entity_u64(snapshot_find(f->snap, key), metric, &value);
	return value;
}

__attribute__((unused)) static const char *fixture_text(const struct fixture *f, const char *key,
							const char *metric)
{
	const char *text = entity_text(snapshot_find(f->snap, key), metric);

	return text ? text : "(none)";
}

__attribute__((unused)) static enum value_state fixture_state(const struct fixture *f,
							      const char *key, const char *metric)
{
	return (enum value_state)entity_value(snapshot_find(f->snap, key), metric)->state;
}

__attribute__((unused)) static double fixture_f64(const struct fixture *f, const char *key,
						  const char *metric)
{
	const struct value *value = entity_value(snapshot_find(f->snap, key), metric);

	return value->is_float ? value->f64 : (double)value->u64;
}

__attribute__((unused)) static unsigned fixture_count(const struct fixture *f, const char *kind)
{
	const struct snapshot_table *table = snapshot_table(f->snap, kind);

	return table ? table->n_entities : 0;
}

__attribute__((unused)) static const char *fixture_error(const struct fixture *f)
{
	return f->snap->probes[0].error ? f->snap->probes[0].error : "";
}

__attribute__((unused)) static enum sample_status fixture_status(const struct fixture *f)
{
	return f->snap->probes[0].status;
}

#endif
