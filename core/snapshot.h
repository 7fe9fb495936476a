/*
 * A snapshot: the latest samples of all probes joined by entity key, with rates against the
 * previous snapshot and the tree of parents. Immutable once built, in one arena, reference counted
 * so that the UI thread and the sampler thread may both hold it.
 *
 * Rates: from each sample's own timestamps; a probe that did not run in this tick keeps its values
 * and rates; a counter that went backwards, a new entity, or a state other than VALUE_OK on either
 * side has no rate (NAN). Entities are joined by key, never by index; an entity whose name changed
 * is another thing under an old number (IRQs) and starts without rates, as does a value the probe
 * restarted. A METRIC_PER_CPU is joined by CPU in the same way, its rates are in its cells.
 *
 * Several probes may list one entity. The first in the probes' order decides its place and, where
 * it gives one, its name; the first parent given counts. An entity lives as long as one probe lists
 * it.
 *
 * A probe that failed in its last run (its rows are then ignored, whatever the failure):
 * - it had worked before: the values of its last good run stay as VALUE_STALE without rates, and
 * the entities it listed stay, for SNAPSHOT_STALE_NS beyond its period (PROBE_SLOW: twice that);
 * - from the start, or for longer than that: its values of entities that others list are
 *   VALUE_DENIED or VALUE_FAULT, or VALUE_ABSENT when the host does not have the thing; entities
 *   that it alone listed are gone.
 * In both cases its probe_status says why. A probe that is not asked for (NULL, SAMPLE_NONE) leaves
 * VALUE_ABSENT.
 */
#ifndef JT_CORE_SNAPSHOT_H
#define JT_CORE_SNAPSHOT_H

#include "core/probe.h"

#define SNAPSHOT_STALE_NS (10 * NSEC_PER_SEC)

/* All kinds and their metrics, collected once from the probes; outlives every snapshot. */
struct schema;
struct kind {
	const char *name;
	unsigned index; /* into schema and snapshot tables */
	unsigned n_metrics;
	const struct metric *const *metrics;
};
struct schema *schema_new(const struct probe *const *probes, unsigned n_probes);
void schema_free(struct schema *schema);
unsigned schema_n_kinds(const struct schema *schema);
const struct kind *schema_kind_at(const struct schema *schema, unsigned index);
const struct kind *schema_kind(const struct schema *schema,
			       const char *name);	    /* NULL: no such kind */
int kind_metric(const struct kind *kind, const char *name); /* index, -1: none */

struct entity {
	const struct kind *kind;
	const char *key, *name;
	const struct entity *parent; /* NULL: a root */
	uint64_t identity;	     /* sample_row's, 0: none */
	const struct value *values;  /* by metric index of the kind */
	const double *rates; /* counters: per second, of time (UNIT_NS): ns per ns; NAN: none */
};

struct probe_status {
	const struct probe *probe;
	enum sample_status status;
	const char *error; /* NULL: none */
	uint64_t time_ns;  /* of its last run, CLOCK_MONOTONIC; 0: never ran */
	uint64_t cost_ns;  /* CPU time of that run */
};

struct snapshot_table {
	const struct kind *kind;
	const struct entity *entities; /* in the order the probes listed them */
	unsigned n_entities;
};

struct snapshot {
	uint64_t seq; /* from 1 */
	uint64_t time_ns, wall_ns;
	uint64_t self_cpu_ns;  /* CPU time of this whole process so far */
	uint64_t self_wakeups; /* voluntary context switches of this process so far */
	const struct schema *schema;
	const struct probe_status *probes;
	unsigned n_probes;
	const struct snapshot_table *tables; /* by kind index */
};

/* samples[i] is the latest one of the schema's probe i, or NULL. prev may be NULL, else it is the
 * last one built from the same schema. Nothing of samples is kept. Returns with one reference. */
struct snapshot *snapshot_build(const struct schema *schema, const struct snapshot *prev,
				struct sample *const *samples, unsigned n_samples, uint64_t now_ns,
				uint64_t wall_ns);
const struct snapshot *snapshot_ref(const struct snapshot *snap);
void snapshot_unref(const struct snapshot *snap); /* NULL is fine; thread-safe */
void snapshot_unrefp(const struct snapshot **snap);

const struct snapshot_table *snapshot_table(const struct snapshot *snap,
					    const char *kind); /* NULL: no such kind */
const struct entity *snapshot_find(const struct snapshot *snap, const char *key); /* NULL: none */
/* The value, or a static VALUE_ABSENT one. Never NULL. entity may be NULL. */
const struct value *entity_value(const struct entity *entity, const char *metric);
bool entity_u64(const struct entity *entity, const char *metric,
		uint64_t *ret); /* true: OK or stale */
const char *entity_text(const struct entity *entity,
			const char *metric);			     /* NULL unless OK or stale */
double entity_rate(const struct entity *entity, const char *metric); /* NAN: none */
/* NULL unless OK or stale. */
const struct per_cpu *entity_per_cpu(const struct entity *entity, const char *metric);

#endif
