/*
 * What snapshot_build() knows of the schema beyond the public kinds: which columns of a kind come
 * from which probe, and which of them need more than a plain copy. Built once, read-only after.
 */
#ifndef JT_CORE_SCHEMA_INTERNAL_H
#define JT_CORE_SCHEMA_INTERNAL_H

#include "core/snapshot.h"

#define SCHEMA_MAX_PROBES 64u /* a bit each in an entity's "listed by" word */
#define SCHEMA_MAX_KINDS 64u  /* a bit each in sampler_want() */

/* One metric set of one probe: metrics base to base + n - 1 of the kind. */
struct schema_column {
	unsigned probe, set;
	unsigned base, n;
	bool is_shared;	  /* another probe fills the same metrics, of other entities */
	bool is_addition; /* PROBE_ADDS */
	/* Indices inside the set, so that a row is one memcpy and four short lists. */
	uint16_t *counters, *texts, *histograms, *vectors;
	unsigned n_counters, n_texts, n_histograms, n_vectors;
};

struct schema_kind {
	struct kind kind;	       /* first: a const struct kind * is one of these */
	const struct metric **metrics; /* what kind.metrics points to */
	struct schema_column *columns; /* in the order of the probes */
	unsigned n_columns;
	uint16_t *by_name; /* open addressing: metric index + 1, 0 free */
	unsigned mask;	   /* of by_name */
};

struct schema {
	const struct probe *const *probes;
	unsigned n_probes;
	struct schema_kind *kinds;
	unsigned n_kinds;
};

uint32_t key_hash(const char *key);

#endif
