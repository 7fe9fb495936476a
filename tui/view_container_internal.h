/*
 * Shared by the parts of the container view: view_container.c (rows, keys), container_columns.c
 * (cells, order, flags), container_details.c (the lower pane).
 */
#ifndef JT_TUI_VIEW_CONTAINER_INTERNAL_H
#define JT_TUI_VIEW_CONTAINER_INTERNAL_H

#include "tui/tree.h"

struct container_view {
	struct tree tree;
	const struct frame *frame; /* of the call that is running */
	bool has_all;		   /* services and idle control groups are rows too */
	char *tasks_of;		   /* key of the container whose tasks are rows; NULL: none */
	/* What was busy or flagged once stays: rows that come and go with every tick cannot be
	 * read. Hashes of keys, sorted. */
	uint64_t *seen;
	unsigned n_seen, seen_room;
	/* By entity of the container table: shown; of the snapshot with this number. */
	bool *shown;
	const struct snapshot *shown_of;
	uint64_t shown_seq;
	unsigned n_hidden;
};

enum container_flag {
	CONTAINER_THROTTLED, /* its quota stopped it since the last reading */
	CONTAINER_CUT,	     /* it does not get all CPUs it was given */
	CONTAINER_FALLBACK,  /* it gets none of them, but its parent's */
	CONTAINER_EMPTY,     /* it has no CPU at all */
	CONTAINER_REALTIME,  /* it has real-time threads */
	CONTAINER_FLAGS
};

/* --- container_columns.c --- */
enum { CONTAINER_COLUMNS = 20 };
extern const struct table_column container_columns[CONTAINER_COLUMNS];
void container_name(void *arg, const struct entity *e, struct table_cell *ret);
void container_cell(void *arg, const struct entity *e, unsigned column, struct table_cell *ret);
void container_order(void *arg, const struct entity *e, unsigned column, struct tree_key *ret);
bool container_is_task(const struct entity *e);
/* A container of an engine: not a service, a slice or a control group of no known owner. */
bool container_is_real(const struct entity *e);
/* Share of the periods in which the quota ran out; NAN: no quota, or unknown. */
double container_throttled(const struct entity *e);
unsigned container_flags(const struct entity *e);
const char *container_flag_word(enum container_flag flag);
const char *container_flag_sentence(const struct entity *e, enum container_flag flag, char *buf,
				    size_t size);

/* --- container_details.c --- */
void container_details(const struct container_view *state, const struct entity *e,
		       const struct pane *pane);

#endif
