/*
 * What root's other commands do: through the control socket when a guard lives, otherwise by taking
 * the lock and doing it here. Whoever gets the lock undoes the trials of the dead first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard_internal.h"

#define LOCK_PATIENCE_MS 500
#define LIST_PATIENCE_S 2
#define WORK_PATIENCE_S 30 /* progress comes several times a second */

/* --- status --- */

static void add_transaction(struct guard_status *status, const struct guard_store *store,
			    const struct undo_entry *entry)
{
	struct guard_transaction *mine;
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	_cleanup_(freep) struct undo_header *header = xcalloc(1, sizeof(*header));
	enum undo_kind kind = undo_kind_of(entry->is_kept, entry->is_residue);
	int err = undo_read(store->dirfd, entry->id, kind, store->options->classes, header, plan);

	if (err == -ENOENT)
		return; /* done with since the listing */
	status->transactions = xrealloc(
		status->transactions, (status->n_transactions + 1) * sizeof(*status->transactions));
	mine = &status->transactions[status->n_transactions++];
	memset(mine, 0, sizeof(*mine));
	mine->id = entry->id;
	mine->state = err || entry->is_residue ? TRANSACTION_RESIDUE
		      : entry->is_kept	       ? TRANSACTION_KEPT
					       : TRANSACTION_TRIAL;
	if (err)
		return;
	mine->deadline_boottime_ns =
		mine->state != TRANSACTION_TRIAL ? 0 : header->deadline_boottime_ns;
	mine->set_wall_s = undo_time(store->dirfd, entry->id, kind);
	mine->header = header;
	mine->plan = plan;
	header = NULL;
	plan = NULL;
}

/* The living guard knows the deadline as it is now; the file has the one of the beginning. */
static void update_transaction(void *arg, const struct guard_event *event)
{
	struct guard_status *status = arg;

	for (size_t i = 0; i < status->n_transactions; i++) {
		struct guard_transaction *mine = &status->transactions[i];

		if (mine->id != event->id)
			continue;
		mine->deadline_boottime_ns = event->deadline_boottime_ns;
		/* Its file is a trial's still, for another attempt. */
		if (event->transaction == TRANSACTION_RESIDUE)
			mine->state = TRANSACTION_RESIDUE;
	}
}

static void ask_guard(const struct guard_options *options, struct guard_status *status)
{
	struct guard *guard;
	struct wire_request request = {.type = WIRE_LIST};
	struct wire_done done;
	char why[8];

	if (guard_attach(options, &guard, why, sizeof(why)))
		return;
	guard_set_patience(guard, LIST_PATIENCE_S);
	if (!guard_send(guard, &request, NULL))
		status->is_silent = guard_wait_done(guard, request.request, update_transaction,
						    status, &done) == -ETIMEDOUT;
	guard_close(guard);
}

static int read_status(const struct guard_options *options, bool may_ask, struct guard_status *ret)
{
	struct guard_store store;
	struct undo_list list;
	struct guard_status status = {0};
	char why[8];
	int err = guard_store_open(&store, options, false, why, sizeof(why));

	if (err == -ENOENT) {
		*ret = status;
		return 0;
	}
	if (err)
		return err;
	status.is_locked = guard_store_is_locked(&store, &status.holder);
	err = undo_list(store.dirfd, &list);
	if (!err) {
		for (size_t i = 0; i < list.n; i++)
			add_transaction(&status, &store, &list.entries[i]);
		undo_list_done(&list);
		if (may_ask && status.is_locked && status.n_transactions)
			ask_guard(options, &status);
		*ret = status;
	}
	guard_store_close(&store);
	return err;
}

int guard_status_read(const struct guard_options *options, struct guard_status *ret)
{
	return read_status(options, true, ret);
}

int guard_status_read_files(const struct guard_options *options, struct guard_status *ret)
{
	return read_status(options, false, ret);
}

void guard_status_done(struct guard_status *status)
{
	for (size_t i = 0; i < status->n_transactions; i++) {
		free(status->transactions[i].header);
		plan_free(status->transactions[i].plan);
	}
	free(status->transactions);
	*status = (struct guard_status){0};
}

/* --- by the living guard --- */

struct forward {
	guard_outcome_fn *fn;
	void *arg;
};

static void forward_outcome(void *arg, const struct guard_event *event)
{
	const struct forward *forward = arg;

	/* A refused request is told by the return value. */
	if (event->transaction != TRANSACTION_APPLYING && event->plan.n_steps > 0 && forward->fn)
		forward->fn(forward->arg, event);
}

/* -ECONNREFUSED: no guard lives (or it left before it answered). */
static int by_guard(const struct guard_options *options, struct wire_request *request,
		    guard_outcome_fn *fn, void *arg, char *why, size_t why_size)
{
	struct forward forward = {fn, arg};
	struct wire_done done = {0};
	struct guard *guard;

	if (guard_attach(options, &guard, why, why_size))
		return -ECONNREFUSED;
	guard_set_patience(guard, WORK_PATIENCE_S);
	int err = guard_send(guard, request, NULL);
	if (!err)
		err = guard_wait_done(guard, request->request, forward_outcome, &forward, &done);
	guard_close(guard);
	if (err == -ETIMEDOUT) {
		(void)snprintf(why, why_size,
			       "the guard does not answer: is it stopped? See "
			       "`jittertop status`");
		return err;
	}
	if (err)
		return -ECONNREFUSED;
	(void)snprintf(why, why_size, "%s", done.text);
	return done.result;
}

/* --- without one --- */

static int open_locked(const struct guard_options *options, struct guard_store *store, char *why,
		       size_t why_size)
{
	pid_t holder = 0;
	int err = guard_store_open(store, options, true, why, why_size);

	if (err)
		return err;
	err = guard_store_lock(store, LOCK_PATIENCE_MS, &holder);
	if (err == -EBUSY)
		(void)snprintf(
			why, why_size,
			"jittertop (pid %d) is in charge of the knobs: undo there, or end it",
			(int)holder);
	else if (err)
		(void)snprintf(why, why_size, "the lock cannot be taken: %s", strerror(-err));
	else
		err = guard_store_prepare(store, why, why_size);
	if (err)
		guard_store_close(store);
	return err;
}

struct seen {
	guard_outcome_fn *fn;
	void *arg;
	uint64_t wanted;
	bool has_wanted, has_any;
};

static void see_outcome(void *arg, const struct guard_event *event)
{
	struct seen *seen = arg;

	seen->has_any = true;
	seen->has_wanted |= event->id == seen->wanted;
	if (seen->fn)
		seen->fn(seen->arg, event);
}

/* A kept transaction after it that touches the same; 0: none. */
static uint64_t later_overlap(struct guard_store *store, const struct undo_list *list, size_t at,
			      const struct plan *plan)
{
	_cleanup_(plan_freep) struct plan *other = plan_new();
	struct undo_header header;

	for (size_t i = at + 1; i < list->n; i++) {
		if (list->entries[i].is_kept &&
		    !guard_store_read(store, list->entries[i].id, UNDO_KEPT, &header, other) &&
		    plan_overlaps(plan, other))
			return list->entries[i].id;
	}
	return 0;
}

static int undo_kept(struct guard_store *store, const struct undo_list *list, size_t at,
		     struct seen *seen, char *why, size_t why_size)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	struct undo_header header;
	bool has_file;
	uint64_t id = list->entries[at].id;
	int err = guard_store_read(
		store, id, undo_kind_of(list->entries[at].is_kept, list->entries[at].is_residue),
		&header, plan);

	if (err) {
		(void)snprintf(
			why, why_size, "transaction %llu: its undo file %s", (unsigned long long)id,
			err == -EBADMSG ? "is damaged: read it and undo by hand" : strerror(-err));
		return err;
	}
	uint64_t other = later_overlap(store, list, at, plan);
	if (other) {
		(void)snprintf(why, why_size,
			       "transaction %llu, kept, changed the same after it: undo that one "
			       "first",
			       (unsigned long long)other);
		return -EBUSY;
	}
	guard_store_undo(store, &header, plan, NULL, NULL, NULL, event, &has_file);
	see_outcome(seen, event);
	return event->transaction != TRANSACTION_REVERTED;
}

static int undo_kept_ones(struct guard_store *store, uint64_t id, bool is_all, struct seen *seen,
			  char *why, size_t why_size)
{
	struct undo_list list;
	int result = 0, err = undo_list(store->dirfd, &list);

	if (err) {
		(void)snprintf(why, why_size, "the run directory cannot be read: %s",
			       strerror(-err));
		return err;
	}
	for (size_t i = list.n; i-- > 0;) {
		const struct undo_entry *entry = &list.entries[i];

		if (id ? entry->id != id || (!entry->is_kept && !entry->is_residue)
		       : !entry->is_kept)
			continue;
		err = undo_kept(store, &list, i, seen, why, why_size);
		if (err)
			result = err < 0 || result < 0 ? (err < 0 ? err : result) : 1;
		if (!is_all)
			break;
	}
	undo_list_done(&list);
	return result;
}

static int undo_here(const struct guard_options *options, uint64_t id, bool is_all,
		     struct seen *seen, char *why, size_t why_size)
{
	struct guard_store store;
	int err = open_locked(options, &store, why, why_size);

	if (err)
		return err;
	int result = guard_store_recover(&store, see_outcome, seen);
	bool is_enough = !is_all && (id ? seen->has_wanted : seen->has_any);
	if (result >= 0 && !is_enough) {
		err = undo_kept_ones(&store, id, is_all, seen, why, why_size);
		result = err ? err : result;
	}
	guard_store_close(&store);
	if (result >= 0 && !is_all && !(id ? seen->has_wanted : seen->has_any)) {
		(void)snprintf(why, why_size, "there is nothing to undo: see `jittertop status`");
		return -ENOENT;
	}
	return result;
}

int guard_command_undo(const struct guard_options *options, uint64_t id, bool is_all,
		       guard_outcome_fn *fn, void *arg, char *why, size_t why_size)
{
	struct wire_request request = {
		.type = is_all ? WIRE_UNDO_ALL : WIRE_UNDO, .id = id, .with_kept = true};
	struct seen seen = {.fn = fn, .arg = arg, .wanted = id};
	int err = by_guard(options, &request, fn, arg, why, why_size);

	return err == -ECONNREFUSED ? undo_here(options, id, is_all, &seen, why, why_size) : err;
}

int guard_command_keep(const struct guard_options *options, uint64_t id, guard_outcome_fn *fn,
		       void *arg, char *why, size_t why_size)
{
	struct wire_request request = {.type = WIRE_KEEP, .id = id};
	int err = by_guard(options, &request, fn, arg, why, why_size);

	if (err == -ECONNREFUSED) {
		(void)snprintf(why, why_size,
			       "no trial is open: it was taken back, or its guard died: "
			       "`jittertop status` and `jittertop restore`");
		return -ENOENT;
	}
	return err;
}

int guard_command_restore(const struct guard_options *options, guard_outcome_fn *fn, void *arg,
			  char *why, size_t why_size)
{
	struct guard_store store;
	int err = open_locked(options, &store, why, why_size);

	if (err)
		return err;
	err = guard_store_recover(&store, fn, arg);
	if (err < 0)
		(void)snprintf(why, why_size, "the run directory cannot be read: %s",
			       strerror(-err));
	if (err >= 0 && store.is_read_only) {
		(void)snprintf(why, why_size,
			       "%s is read-only: values were put back, but their undo files stay: "
			       "mount it writable and run `jittertop restore` again",
			       options->run_dir ? options->run_dir : JT_RUNDIR);
		err = -EROFS;
	}
	guard_store_close(&store);
	return err;
}
