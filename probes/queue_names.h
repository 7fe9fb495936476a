/*
 * Private to probes/: what drivers call their per-queue counters in the statistics of ethtool -S.
 *
 * There is no rule for these names, only habits. They are kept as a table of shapes
 * ("rx_queue_#_*"), each with the drivers it was read from and the words that stand for packets,
 * bytes, drops and errors there. A word that is in no table is QUEUE_OTHER: it belongs to its queue
 * but is none of the four. Nothing is guessed: a name with a number in it that fits no shape is
 * QUEUE_NAME_UNKNOWN.
 *
 * Calling sequence: queue_stats_clear(), queue_stats_take() for every counter in the driver's order
 * (vmxnet3 says the queue's number once, as a counter before those of the queue), then read rx[]
 * and tx[]; queue_stats_done() at last.
 */
#ifndef JT_PROBES_QUEUE_NAMES_H
#define JT_PROBES_QUEUE_NAMES_H

#include <stdbool.h>

#include "core/util.h"

#define QUEUE_MAX 4096u /* per direction; more is not believed */

enum queue_direction {
	QUEUE_RX,
	QUEUE_TX,
	QUEUE_PAIR /* a counter of the interrupt that serves both */
};

enum queue_counter { QUEUE_PACKETS, QUEUE_BYTES, QUEUE_DROPS, QUEUE_ERRORS, QUEUE_OTHER };
#define QUEUE_COUNTERS 4u /* those that are summed: all but QUEUE_OTHER */

enum queue_name_result {
	QUEUE_NAME_TOTAL,   /* of the whole device, a priority, a traffic class, a size ... */
	QUEUE_NAME_QUEUE,   /* *ret is set */
	QUEUE_NAME_SECTION, /* *ret's direction is set; its value is the index of the following */
	QUEUE_NAME_UNKNOWN, /* has a number that may be a queue's */
};

struct queue_name {
	enum queue_direction direction;
	unsigned index;
	enum queue_counter counter;
};

/* driver may be NULL: shapes that only some drivers mean as queues are then not used. section: the
 * direction and index of the section that is open, or NULL. */
enum queue_name_result queue_name_parse(const char *driver, const char *name,
					const struct queue_name *section, struct queue_name *ret);

struct queue_counters {
	bool is_known; /* some counter named it */
	bool has[QUEUE_COUNTERS];
	uint64_t values[QUEUE_COUNTERS];
	unsigned n_names;
};

struct queue_stats {
	struct queue_counters *rx, *tx; /* by index */
	unsigned n_rx, n_tx;		/* largest known index + 1 */
	unsigned n_queue, n_total, n_unknown;
	char first_unknown[64];
	bool has_section;
	struct queue_name section;
	unsigned room_rx, room_tx;
};

void queue_stats_clear(struct queue_stats *stats); /* keeps memory */
enum queue_name_result queue_stats_take(struct queue_stats *stats, const char *driver,
					const char *name, uint64_t value);
void queue_stats_done(struct queue_stats *stats);

#endif
