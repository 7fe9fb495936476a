/*
 * What this session changed: one entry per transaction, fed from the guard's events, evaluated
 * against the history. Plain data for the effect strip and the effect view; it sends nothing.
 */
#ifndef JT_TUI_SESSION_H
#define JT_TUI_SESSION_H

#include "core/experiment.h"
#include "core/guard.h"

struct session_change {
	uint64_t request, id;
	char title[PLAN_TITLE_MAX];
	enum transaction_state state;
	uint64_t deadline_boottime_ns;
	uint64_t applied_wall_ns;
	bool is_lasting; /* partial or pending: text says it */
	char text[256];	 /* what the guard said last: refusal, residue, progress */
	struct experiment experiment;
	struct experiment_result result;
};

struct session {
	struct session_change *changes; /* oldest first */
	unsigned n_changes;
	enum guard_state guard;
	char guard_text[256]; /* why it is absent, who holds the lock */
};

void session_init(struct session *session, enum guard_state guard, const char *text);
void session_done(struct session *session);
/* False: a trial that goes on, only its deadline moved. Asked before session_handle(). */
bool session_is_news(const struct session *session, const struct guard_event *event);
/* online: the scope of a change that names no CPUs. */
void session_handle(struct session *session, const struct guard_event *event,
		    const struct cpuset *online, uint64_t wall_ns);
void session_evaluate(struct session *session, const struct history *history, uint64_t now_ns);
/* The newest change that is a trial (or being applied); NULL: none. */
const struct session_change *session_open_trial(const struct session *session);
/* The newest that can be taken back (being applied, else trial, else kept); NULL: none. */
const struct session_change *session_undoable(const struct session *session);
/* The newest of all that changed something; NULL: none. */
const struct session_change *session_latest(const struct session *session);

/* "cpu 0-1", or "24 cpus" when the list is long. */
const char *session_scope(const struct session_change *change, char *buf, size_t size);

#endif
