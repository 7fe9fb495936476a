#include <assert.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/histogram.h"
#include "core/snapshot_internal.h"

#define FIRST_SLOTS 256u
#define FIRST_CHUNK (64u * 1024)
#define NO_RECORD UINT32_MAX
#define MAX_ANCESTORS 32u /* deeper than any tree of a machine: then it is a loop */

/* Where the values of one probe come from in this snapshot. */
enum source {
	SOURCE_NONE,   /* never ran, or is not asked for: absent */
	SOURCE_SAMPLE, /* a good sample, of this tick or of an earlier one */
	SOURCE_CARRY,  /* failed after it had worked: the previous snapshot's values, stale */
	SOURCE_FAILED, /* failed for too long or from the start: the values say how */
};

/* An entity while the rows of its kind are being joined. */
struct record {
	const char *key, *name, *parent; /* borrowed from a sample or from prev */
	const struct entity *prev;
	uint64_t listed, identity;
	uint32_t hash;
};

struct build {
	const struct schema *schema;
	const struct snapshot_full *prev; /* may be NULL */
	struct sample *const *samples;
	struct snapshot_full *full;
	struct arena *arena;
	enum source *sources;  /* by probe */
	const char ***parents; /* by kind, by entity: parent keys */

	/* The kind at hand. */
	const struct schema_kind *kind;
	struct record *records;
	unsigned n_records, room;
	unsigned prev_hint; /* where prev's table is expected to go on */
	bool is_complete;   /* all entities are listed: what comes now adds to them */
	uint32_t **maps;    /* by column: row of the sample -> record or NO_RECORD */
	struct entity *entities;
	struct value *values; /* all entities' values in one block, likewise the rates */
	double *rates;
};

/* --- key index --- */

static void index_put(struct key_index *index, struct slot slot)
{
	uint32_t at = slot.hash & index->mask;

	while (index->slots[at].ref)
		at = (at + 1) & index->mask;
	index->slots[at] = slot;
}

static void index_size(struct arena *arena, struct key_index *index, uint32_t size)
{
	struct slot *old = index->slots;
	uint32_t n_old = old ? index->mask + 1 : 0;

	index->slots = arena_alloc(arena, size * sizeof(*index->slots));
	index->mask = size - 1;
	for (uint32_t i = 0; i < n_old; i++) {
		if (old[i].ref)
			index_put(index, old[i]);
	}
}

static void index_add(struct build *build, uint32_t hash, unsigned entity)
{
	struct key_index *index = &build->full->index;

	assert(entity < SLOT_INDEX_MASK);
	if (2 * (index->n + 1) > index->mask)
		index_size(build->arena, index, 2 * (index->mask + 1));
	index->n++;
	index_put(index, (struct slot){
				 .hash = hash,
				 .ref = build->kind->kind.index << SLOT_KIND_SHIFT | (entity + 1),
			 });
}

static int index_get(const struct build *build, uint32_t hash, const char *key)
{
	const struct key_index *index = &build->full->index;

	for (uint32_t at = hash & index->mask; index->slots[at].ref; at = (at + 1) & index->mask) {
		const struct slot *slot = &index->slots[at];

		if (slot->hash == hash && slot_kind(slot) == build->kind->kind.index &&
		    strcmp(build->records[slot_entity(slot)].key, key) == 0)
			return (int)slot_entity(slot);
	}
	return -1;
}

/* --- joining rows to records --- */

static const struct entity *prev_entity(struct build *build, const char *key)
{
	if (!build->prev)
		return NULL;

	const struct snapshot_table *table = &build->prev->tables[build->kind->kind.index];

	const struct entity *entity = NULL;

	/* Machines rarely change between two ticks: the same place holds the same thing. */
	if (build->prev_hint < table->n_entities &&
	    strcmp(table->entities[build->prev_hint].key, key) == 0)
		entity = &table->entities[build->prev_hint];
	else
		entity = snapshot_find(&build->prev->snap, key);
	if (!entity || entity->kind != &build->kind->kind)
		return NULL;
	build->prev_hint = (unsigned)(entity - table->entities) + 1;
	return entity;
}

static unsigned add_record(struct build *build, const char *key, uint32_t hash)
{
	if (build->n_records == build->room) {
		struct record *old = build->records;

		build->room *= 2;
		build->records = arena_alloc(build->arena, build->room * sizeof(*build->records));
		memcpy(build->records, old, build->n_records * sizeof(*old));
	}

	unsigned i = build->n_records++;

	build->records[i] = (struct record){
		.key = key,
		.hash = hash,
		.prev = prev_entity(build, key),
	};
	index_add(build, hash, i);
	return i;
}

/*
 * The record of key, new if need be and allowed, else NO_RECORD. *hint is where the previous row's
 * successor is expected.
 */
static uint32_t place(struct build *build, unsigned *hint, const char *key)
{
	int found = -1;

	if (*hint < build->n_records && strcmp(build->records[*hint].key, key) == 0) {
		found = (int)*hint;
	} else {
		uint32_t hash = key_hash(key);

		found = index_get(build, hash, key);
		if (found < 0 && build->is_complete)
			return NO_RECORD;
		if (found < 0)
			found = (int)add_record(build, key, hash);
	}
	*hint = (unsigned)found + 1;
	return (uint32_t)found;
}

static void claim(struct build *build, uint32_t at, unsigned probe, const char *name,
		  const char *parent, uint64_t identity)
{
	if (at == NO_RECORD)
		return;

	struct record *record = &build->records[at];

	record->listed |= UINT64_C(1) << probe;
	if (!record->name)
		record->name = name;
	if (!record->parent)
		record->parent = parent;
	if (!record->identity)
		record->identity = identity;
}

static uint32_t *join_sample(struct build *build, const struct schema_column *column)
{
	const struct sample_table *table = &build->samples[column->probe]->tables[column->set];
	uint32_t *map = arena_alloc(build->arena, table->n_rows * sizeof(*map));
	unsigned hint = 0;

	for (unsigned i = 0; i < table->n_rows; i++) {
		const struct sample_row *row = &table->rows[i];

		map[i] = place(build, &hint, row->key);
		claim(build, map[i], column->probe, row->name, row->parent, row->identity);
	}
	return map;
}

static void join_carried(struct build *build, const struct schema_column *column)
{
	unsigned k = build->kind->kind.index, hint = 0;
	const struct snapshot_table *table = &build->prev->tables[k];

	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *entity = &table->entities[i];

		if (!(build->prev->listed[k][i] & UINT64_C(1) << column->probe))
			continue;
		claim(build, place(build, &hint, entity->key), column->probe, entity->name,
		      entity->parent ? entity->parent->key : NULL, entity->identity);
	}
}

/* --- values --- */

static void keep_vectors(struct build *build, const struct schema_column *column,
			 struct value *values)
{
	for (unsigned i = 0; i < column->n_vectors; i++) {
		struct value *value = &values[column->vectors[i]];

		if (!value->per_cpu)
			continue;

		size_t size = sizeof(*value->per_cpu) +
			      value->per_cpu->n * sizeof(value->per_cpu->cells[0]);
		struct per_cpu *copy = arena_alloc(build->arena, size);

		memcpy(copy, value->per_cpu, size);
		for (unsigned c = 0; c < copy->n; c++)
			copy->cells[c].rate = (double)NAN;
		value->per_cpu = copy;
	}
}

/* What lies outside the values themselves is copied into the snapshot. */
static void keep_strings(struct build *build, const struct schema_column *column,
			 struct value *values)
{
	for (unsigned i = 0; i < column->n_texts; i++) {
		struct value *value = &values[column->texts[i]];

		if (value->text && (value->state == VALUE_OK || value->state == VALUE_STALE))
			value->text = arena_strdup(build->arena, value->text);
	}
	for (unsigned i = 0; i < column->n_histograms; i++) {
		struct value *value = &values[column->histograms[i]];

		if (!value->histogram)
			continue;

		size_t size = sizeof(*value->histogram) +
			      value->histogram->n * sizeof(value->histogram->cells[0]);
		struct histogram_column *copy = arena_alloc(build->arena, size);

		memcpy(copy, value->histogram, size);
		value->histogram = copy;
	}
	keep_vectors(build, column, values);
}

static double rate_of(const struct value *before, const struct value *now, double elapsed)
{
	if (before->state != VALUE_OK || now->state != VALUE_OK || now->is_restarted ||
	    before->is_float != now->is_float)
		return (double)NAN;
	if (now->is_float)
		return now->f64 >= before->f64 ? (now->f64 - before->f64) / elapsed : (double)NAN;
	return now->u64 >= before->u64 ? (double)(now->u64 - before->u64) / elapsed : (double)NAN;
}

/* Ages are whole milliseconds: those of one reading may differ by one. */
#define SAME_READING_NS (2.5 * NSEC_PER_MSEC)

/* From reading to reading, which may be older than their samples. */
static double between(const struct value *before, uint64_t before_ns, const struct value *now,
		      uint64_t now_ns)
{
	return (double)(now_ns - before_ns) +
	       ((double)before->age_ms - (double)now->age_ms) * (double)NSEC_PER_MSEC;
}

/* elapsed_s 0: the probe did not run since, its rates stand. */
static void rate_cells(const struct per_cpu *before, struct per_cpu *now, double elapsed_s)
{
	unsigned b = 0;

	for (unsigned i = 0; i < now->n; i++) {
		struct per_cpu_cell *cell = &now->cells[i];

		while (b < before->n && before->cells[b].cpu < cell->cpu)
			b++;

		bool is_there = b < before->n && before->cells[b].cpu == cell->cpu;
		uint64_t then = is_there ? before->cells[b].count : 0;

		if (elapsed_s == 0)
			cell->rate = is_there ? before->cells[b].rate : (double)NAN;
		else if ((is_there || before->scope == now->scope) && cell->count >= then)
			cell->rate = (double)(cell->count - then) / elapsed_s;
	}
}

static void rate_vectors(const struct schema_column *column, const struct entity *before,
			 const struct value *values, double elapsed_s)
{
	for (unsigned i = 0; i < column->n_vectors; i++) {
		unsigned m = column->vectors[i];
		const struct value *then = &before->values[column->base + m], *now = &values[m];

		/* The vector is of this very build: not const before it is handed out. */
		if (then->state == VALUE_OK && now->state == VALUE_OK &&
		    (!now->is_restarted || elapsed_s == 0))
			rate_cells(then->per_cpu, (struct per_cpu *)(uintptr_t)now->per_cpu,
				   elapsed_s);
	}
}

/* before: the entity in prev, known to be the same thing. */
static void fill_rates(const struct build *build, const struct schema_column *column,
		       const struct entity *before, const struct value *values, double *rates)
{
	uint64_t then = build->prev->good_ns[column->probe];
	uint64_t now = build->samples[column->probe]->time_ns;

	if (now == then) { /* it did not run since: its rates stand */
		memcpy(rates, before->rates + column->base, column->n * sizeof(*rates));
		rate_vectors(column, before, values, 0);
		return;
	}
	if (!then || now < then)
		return;

	rate_vectors(column, before, values, (double)(now - then) / 1e9);
	for (unsigned i = 0; i < column->n_counters; i++) {
		unsigned m = column->counters[i];
		const struct value *last = &before->values[column->base + m];
		double elapsed_ns = between(last, then, &values[m], now);

		if (elapsed_ns < SAME_READING_NS && values[m].age_ms) {
			rates[m] = before->rates[column->base + m];
			continue;
		}

		const struct metric *metric = build->kind->metrics[column->base + m];
		double elapsed = metric->unit == UNIT_NS ? elapsed_ns : elapsed_ns / 1e9;

		rates[m] = rate_of(last, &values[m], elapsed);
	}
}

static void fill_from_sample(struct build *build, const struct schema_column *column,
			     const uint32_t *map)
{
	const struct sample_table *rows = &build->samples[column->probe]->tables[column->set];

	for (unsigned i = 0; i < rows->n_rows; i++) {
		if (map[i] == NO_RECORD)
			continue;

		size_t at = (size_t)map[i] * build->kind->kind.n_metrics + column->base;
		const struct entity *before = build->records[map[i]].prev;

		memcpy(build->values + at, rows->rows[i].values,
		       column->n * sizeof(*build->values));
		keep_strings(build, column, build->values + at);
		/* IRQ numbers and interface names are used again: another name or identity is
		 * another thing. */
		if (before && before->identity == build->entities[map[i]].identity &&
		    strcmp(before->name, build->entities[map[i]].name) == 0)
			fill_rates(build, column, before, build->values + at, build->rates + at);
	}
}

static void fill_carried(struct build *build, const struct schema_column *column)
{
	const struct snapshot_table *table = &build->prev->tables[build->kind->kind.index];

	for (unsigned i = 0; i < build->n_records; i++) {
		const struct entity *before = build->records[i].prev;
		struct value *values =
			build->values + (size_t)i * build->kind->kind.n_metrics + column->base;

		if (!before || !(build->prev->listed[table->kind->index][before - table->entities] &
				 UINT64_C(1) << column->probe))
			continue;
		memcpy(values, before->values + column->base, column->n * sizeof(*values));
		for (unsigned m = 0; m < column->n; m++) {
			if (values[m].state == VALUE_OK)
				values[m].state = VALUE_STALE;
		}
		keep_strings(build, column, values);
	}
}

static void fill_failed(struct build *build, const struct schema_column *column)
{
	enum value_state state = VALUE_ABSENT;

	/* What others list is theirs alone, values and all. */
	if (column->is_shared)
		return;
	switch (build->samples[column->probe]->status) {
	case SAMPLE_NONE:
	case SAMPLE_OK:
	case SAMPLE_ABSENT:
		return;
	case SAMPLE_DENIED:
		state = VALUE_DENIED;
		break;
	case SAMPLE_FAULT:
		state = VALUE_FAULT;
		break;
	}
	for (unsigned i = 0; i < build->n_records; i++) {
		struct value *values =
			build->values + (size_t)i * build->kind->kind.n_metrics + column->base;

		for (unsigned m = 0; m < column->n; m++)
			values[m].state = (uint8_t)state;
	}
}

/* --- one kind --- */

/* The columns that list entities, or (is_addition) those that add to them. True: there were some.
 */
static bool join_columns(struct build *build, bool is_addition)
{
	const struct schema_kind *kind = build->kind;
	bool is_any = false;

	for (unsigned c = 0; c < kind->n_columns; c++) {
		const struct schema_column *column = &kind->columns[c];

		if (column->is_addition != is_addition)
			continue;
		switch (build->sources[column->probe]) {
		case SOURCE_SAMPLE:
			build->maps[c] = join_sample(build, column);
			is_any = true;
			break;
		case SOURCE_CARRY:
			join_carried(build, column);
			is_any = true;
			break;
		case SOURCE_NONE:
		case SOURCE_FAILED:
			break;
		}
	}
	return is_any;
}

static void join_kind(struct build *build)
{
	const struct schema_kind *kind = build->kind;
	unsigned room = build->prev ? build->prev->tables[kind->kind.index].n_entities + 8 : 64;

	build->n_records = 0;
	build->prev_hint = 0;
	build->room = room;
	build->records = arena_alloc(build->arena, room * sizeof(*build->records));
	build->maps = arena_alloc(build->arena, kind->n_columns * sizeof(*build->maps));
	build->is_complete = false;
	build->is_complete = join_columns(build, false);
	(void)join_columns(build, true);
}

static void make_entities(struct build *build)
{
	const struct kind *kind = &build->kind->kind;
	struct snapshot_full *full = build->full;
	size_t n = build->n_records, n_values = n * kind->n_metrics;

	build->entities = arena_alloc(build->arena, n * sizeof(*build->entities));
	build->values = arena_alloc(build->arena, n_values * sizeof(*build->values));
	build->rates = arena_alloc(build->arena, n_values * sizeof(*build->rates));
	full->listed[kind->index] = arena_alloc(build->arena, n * sizeof(uint64_t));
	build->parents[kind->index] = arena_alloc(build->arena, n * sizeof(char *));
	for (size_t i = 0; i < n_values; i++)
		build->rates[i] = (double)NAN;
	for (size_t i = 0; i < n; i++) {
		const struct record *record = &build->records[i];
		const char *key = arena_strdup(build->arena, record->key);

		build->entities[i] = (struct entity){
			.kind = kind,
			.key = key,
			.name = record->name ? arena_strdup(build->arena, record->name) : key,
			.identity = record->identity,
			.values = build->values + i * kind->n_metrics,
			.rates = build->rates + i * kind->n_metrics,
		};
		full->listed[kind->index][i] = record->listed;
		build->parents[kind->index][i] = record->parent;
	}
	full->tables[kind->index] = (struct snapshot_table){
		.kind = kind,
		.entities = build->entities,
		.n_entities = build->n_records,
	};
}

static void build_kind(struct build *build, const struct schema_kind *kind)
{
	build->kind = kind;
	join_kind(build);
	make_entities(build);
	for (unsigned c = 0; c < kind->n_columns; c++) {
		const struct schema_column *column = &kind->columns[c];

		switch (build->sources[column->probe]) {
		case SOURCE_SAMPLE:
			fill_from_sample(build, column, build->maps[c]);
			break;
		case SOURCE_CARRY:
			fill_carried(build, column);
			break;
		case SOURCE_FAILED:
			fill_failed(build, column);
			break;
		case SOURCE_NONE:
			break;
		}
	}
}

/* --- the tree --- */

static void link_kind(struct build *build, unsigned k)
{
	const struct snapshot_table *table = &build->full->tables[k];
	/* Entities of this very build: not const before it is handed out. */
	struct entity *entities = (struct entity *)(uintptr_t)table->entities;

	for (unsigned i = 0; i < table->n_entities; i++) {
		const char *key = build->parents[k][i];

		if (!key)
			continue;
		/* Brothers follow each other. */
		if (i > 0 && entities[i - 1].parent &&
		    strcmp(entities[i - 1].parent->key, key) == 0)
			entities[i].parent = entities[i - 1].parent;
		else
			entities[i].parent = snapshot_find(&build->full->snap, key);
	}
}

/* Views walk up the tree: a loop of parents, from whatever nonsense a machine tells, is cut. */
static void cut_loops(struct build *build, unsigned k)
{
	const struct snapshot_table *table = &build->full->tables[k];
	struct entity *entities = (struct entity *)(uintptr_t)table->entities;

	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *up = entities[i].parent;
		unsigned n = 0;

		while (up && n++ < MAX_ANCESTORS)
			up = up->parent;
		if (up)
			entities[i].parent = NULL;
	}
}

/* --- the whole --- */

static enum source source_of(const struct build *build, unsigned probe)
{
	const struct sample *sample = build->samples[probe];

	if (!sample || sample->status == SAMPLE_NONE)
		return SOURCE_NONE;
	if (sample->status == SAMPLE_OK)
		return SOURCE_SAMPLE;

	uint64_t good = build->prev ? build->prev->good_ns[probe] : 0;
	const struct probe *what = build->schema->probes[probe];
	uint64_t keep = what->period_ns + SNAPSHOT_STALE_NS;

	/* A slow one is first called late when it is as old as that (sampler.h). */
	if (what->flags & PROBE_SLOW)
		keep *= 2;

	return good && build->full->snap.time_ns <= good + keep ? SOURCE_CARRY : SOURCE_FAILED;
}

static void take_probe(struct build *build, unsigned p)
{
	const struct sample *sample = build->samples[p];
	struct probe_status *status = &build->full->probes[p];

	build->sources[p] = source_of(build, p);
	status->probe = build->schema->probes[p];
	if (!sample || sample->status == SAMPLE_NONE)
		return;
	status->status = sample->status;
	status->error = sample->error ? arena_strdup(build->arena, sample->error) : NULL;
	status->time_ns = sample->time_ns;
	status->cost_ns = sample->cost_ns;
	if (sample->status == SAMPLE_OK)
		build->full->good_ns[p] = sample->time_ns;
	else if (build->prev)
		build->full->good_ns[p] = build->prev->good_ns[p];
}

static void take_own_cost(struct snapshot *snap)
{
	struct timespec cpu = {0};
	struct rusage usage = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrusage(RUSAGE_SELF, &usage);
	snap->self_cpu_ns = (uint64_t)cpu.tv_sec * NSEC_PER_SEC + (uint64_t)cpu.tv_nsec;
	snap->self_wakeups = (uint64_t)usage.ru_nvcsw;
}

/* One chunk that holds it all when the machine did not change: one malloc, one free. */
static struct snapshot_full *full_new(const struct schema *schema, const struct snapshot_full *prev)
{
	size_t used = prev ? arena_used_bytes(prev->arena) : 0;
	struct arena *arena = arena_new(used ? used + used / 8 : FIRST_CHUNK);
	struct snapshot_full *full = arena_alloc(arena, sizeof(*full));

	full->arena = arena;
	atomic_init(&full->refs, 1);
	full->tables = arena_alloc(arena, schema->n_kinds * sizeof(*full->tables));
	full->probes = arena_alloc(arena, schema->n_probes * sizeof(*full->probes));
	full->good_ns = arena_alloc(arena, schema->n_probes * sizeof(*full->good_ns));
	full->listed = arena_alloc(arena, schema->n_kinds * sizeof(*full->listed));
	index_size(arena, &full->index, prev ? prev->index.mask + 1 : FIRST_SLOTS);
	full->snap = (struct snapshot){
		.seq = prev ? prev->snap.seq + 1 : 1,
		.schema = schema,
		.probes = full->probes,
		.n_probes = schema->n_probes,
		.tables = full->tables,
	};
	return full;
}

struct snapshot *snapshot_build(const struct schema *schema, const struct snapshot *prev,
				struct sample *const *samples, unsigned n_samples, uint64_t now_ns,
				uint64_t wall_ns)
{
	assert(n_samples == schema->n_probes);
	assert(!prev || prev->schema == schema);

	const struct snapshot_full *before = prev ? snapshot_full(prev) : NULL;
	struct snapshot_full *full = full_new(schema, before);
	struct build build = {
		.schema = schema,
		.prev = before,
		.samples = samples,
		.full = full,
		.arena = full->arena,
	};

	full->snap.time_ns = now_ns;
	full->snap.wall_ns = wall_ns;
	build.sources = arena_alloc(full->arena, n_samples * sizeof(*build.sources));
	build.parents = arena_alloc(full->arena, schema->n_kinds * sizeof(*build.parents));
	for (unsigned p = 0; p < n_samples; p++)
		take_probe(&build, p);
	for (unsigned k = 0; k < schema->n_kinds; k++)
		build_kind(&build, &schema->kinds[k]);
	for (unsigned k = 0; k < schema->n_kinds; k++)
		link_kind(&build, k);
	for (unsigned k = 0; k < schema->n_kinds; k++)
		cut_loops(&build, k);
	take_own_cost(&full->snap);
	return &full->snap;
}
