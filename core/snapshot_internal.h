/*
 * What a snapshot carries beyond its public face: reference count, the key index, and what the next
 * snapshot_build() must know about this one. Shared by snapshot.c and snapshot_build.c only.
 */
#ifndef JT_CORE_SNAPSHOT_INTERNAL_H
#define JT_CORE_SNAPSHOT_INTERNAL_H

#include <stdatomic.h>

#include "core/schema_internal.h"

/* Open addressing over all entities of all kinds; a slot is 8 bytes. */
#define SLOT_KIND_SHIFT 24u
#define SLOT_INDEX_MASK ((1u << SLOT_KIND_SHIFT) - 1u)

struct slot {
	uint32_t hash;
	uint32_t ref; /* kind << SLOT_KIND_SHIFT | index + 1; 0: free */
};

struct key_index {
	struct slot *slots;
	uint32_t mask;
	uint32_t n;
};

struct snapshot_full {
	struct snapshot snap; /* first: a const struct snapshot * is one of these */
	atomic_uint refs;
	struct arena *arena; /* holds this struct too */
	struct snapshot_table *tables;
	struct probe_status *probes;
	uint64_t *good_ns; /* by probe: time of the values it has here; 0: none */
	uint64_t **listed; /* by kind, by entity: the probes whose rows (or carried rows) list it */
	struct key_index index;
};

static inline const struct snapshot_full *snapshot_full(const struct snapshot *snap)
{
	return (const struct snapshot_full *)snap;
}

static inline unsigned slot_kind(const struct slot *slot)
{
	return slot->ref >> SLOT_KIND_SHIFT;
}

static inline unsigned slot_entity(const struct slot *slot)
{
	return (slot->ref & SLOT_INDEX_MASK) - 1u;
}

#endif
