/*
 * What one probe read in one run: rows of raw values, its own monotonic timestamp, a status.
 *
 * Calling sequence (in a probe): row = sample_row(out, set, parent, name, "cpu:%u", cpu), then
 * sample_u64(row, METRIC, value) and friends. Values that are not set stay VALUE_ABSENT. Strings
 * are copied (text through the sanitiser) into the sample's arena. A probe that cannot read its
 * subject at all returns a negative errno from sample() after sample_errorf(); a single unreadable
 * value is sample_errno(row, METRIC, err). No rates, no logging.
 */
#ifndef JT_CORE_SAMPLE_H
#define JT_CORE_SAMPLE_H

#include "core/arena.h"
#include "core/cpuset.h"
#include "core/metric.h"

struct probe;
struct histogram;

enum sample_status { SAMPLE_NONE, SAMPLE_OK, SAMPLE_ABSENT, SAMPLE_DENIED, SAMPLE_FAULT };

struct sample_row {
	const char *key;    /* "cpu:5": kind, colon, identity; stable over the life of the thing */
	const char *name;   /* for people; NULL: the key serves */
	const char *parent; /* key of the parent entity, NULL: none, or another probe says */
	/* What tells this thing from another one under the same key and name (an ifindex): where
	 * it changes there are no rates. 0: key and name do. Set it after sample_row(). */
	uint64_t identity;
	unsigned n_values;
	struct value *values; /* by index into the set's metrics */
};

struct sample_table {
	struct sample_row *rows;
	unsigned n_rows, room;
};

struct sample {
	const struct probe *probe;
	struct arena *arena;
	uint64_t time_ns; /* host_now_ns() when the probe's run began */
	uint64_t cost_ns; /* CPU time of the run */
	/* Set by the sampler: somebody has just changed the host, or wants everything. A probe that
	 * spreads its reading over several runs to stay cheap reads all of it now. */
	bool is_thorough;
	enum sample_status status;
	const char *error; /* one line: file and reason; may be set with SAMPLE_OK (partly read) */
	struct sample_table *tables; /* by index into probe->sets */
};

struct sample *sample_new(const struct probe *probe);
void sample_free(struct sample *sample);
/* Empties it for the next run; memory is kept. */
void sample_reset(struct sample *sample);
/* Sets status and error from what probe->sample() returned (0 or negative errno). */
void sample_finish(struct sample *sample, int result);

/* Appends a row. It lives until the next sample_row() for the same set, so fill it at once. Listing
 * a key twice is one entity with the later row's values. */
struct sample_row *sample_row(struct sample *sample, unsigned set, const char *parent,
			      const char *name, const char *key_format, ...) _printf_(5, 6);
void sample_u64(struct sample_row *row, unsigned metric, uint64_t value);
void sample_f64(struct sample_row *row, unsigned metric, double value);
void sample_bool(struct sample_row *row, unsigned metric, bool value);
void sample_text(struct sample *sample, struct sample_row *row, unsigned metric, const char *text);
void sample_cpus(struct sample *sample, struct sample_row *row, unsigned metric,
		 const struct cpuset *cpus);
void sample_histogram(struct sample *sample, struct sample_row *row, unsigned metric,
		      const struct histogram *window);
/* cells in ascending order of their CPUs (rates are ignored). scope: see struct per_cpu. */
void sample_per_cpu(struct sample *sample, struct sample_row *row, unsigned metric, uint32_t scope,
		    const struct per_cpu_cell *cells, unsigned n);
/* After the value was set: it counts something else than the last time (another device under an old
 * number, a sum over other CPUs), so a difference to before would be no rate. */
void sample_restart(struct sample_row *row, unsigned metric);
/* After the value was set: it is an answer of some time ago (of a peer that is asked more rarely
 * than the probe runs), read at read_ns. Its rate is that from answer to answer, and stands in
 * between. */
void sample_read_at(struct sample *sample, struct sample_row *row, unsigned metric,
		    uint64_t read_ns);
/* err positive or negative: absent, denied or fault, as errno_is_*() sort it. */
void sample_errno(struct sample_row *row, unsigned metric, int err);
void sample_errorf(struct sample *sample, const char *fmt, ...) _printf_(2, 3);

#endif
