/* What program and clients ask for: queued, and done one after the other by the stack's pump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard_internal.h"

static int refuse_apply(struct guard_process *guard, const struct guard_queued *queued)
{
	char text[256];

	if (guard->is_sleeper_lost) {
		guard_stack_refuse(
			guard, &queued->origin, 0, -EOWNERDEAD,
			"the sleeper has died, nobody would take a change back if the guard died "
			"too: start jittertop again");
		return -EOWNERDEAD;
	}
	if (queued->origin.slot >= 0 && guard->program_fd >= 0 && !guard->is_detached) {
		(void)snprintf(text, sizeof(text),
			       "jittertop (pid %d) is in charge of the knobs: change them there or "
			       "end it",
			       (int)guard->who_pid);
		guard_stack_refuse(guard, &queued->origin, 0, -EBUSY, text);
		return -EBUSY;
	}
	if (guard->n_entries + 2 >= GUARD_MAX_OPEN) {
		guard_stack_refuse(guard, &queued->origin, 0, -ENOSPC,
				   "too many open trials: keep or undo some");
		return -ENOSPC;
	}
	return 0;
}

static pid_t who_asked(const struct guard_process *guard, const struct guard_origin *origin)
{
	return origin->slot >= 0 ? guard->clients[origin->slot].pid : guard->who_pid;
}

static void do_apply(struct guard_process *guard, struct guard_queued *queued)
{
	uint64_t id;

	if (refuse_apply(guard, queued))
		return;
	int err = guard_store_next_id(&guard->store, &id);
	if (err) {
		guard_stack_refuse(guard, &queued->origin, 0, err,
				   err == -EOVERFLOW
					   ? "no number is left: the run directory has a file "
					     "with 4294967295 in its name: remove it"
					   : "the run directory cannot be read");
		return;
	}

	struct guard_job *job = xcalloc(1, sizeof(*job));
	uint64_t now = guard_boottime_ns();
	job->is_apply = true;
	job->origin = queued->origin;
	job->revert_after_ns = queued->request.revert_after_ns;
	plan_move(&job->plan, &queued->plan);
	job->header = (struct undo_header){
		.id = id,
		.who_pid = who_asked(guard, &queued->origin),
		.deadline_boottime_ns = now + (job->revert_after_ns ? job->revert_after_ns
								    : GUARD_DEFAULT_DEADLINE_NS),
	};
	memcpy(job->header.boot_id, guard->store.boot_id, sizeof(job->header.boot_id));
	memcpy(job->header.who_user, guard->who_user, sizeof(job->header.who_user));
	guard->last_touch_ns = now;

	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	event->type = GUARD_EVENT_TRANSACTION;
	event->state = guard->state;
	event->id = id;
	event->transaction = TRANSACTION_APPLYING;
	event->deadline_boottime_ns = job->header.deadline_boottime_ns;
	event->start_ns = guard_monotonic_ns();
	plan_copy(&event->plan, &job->plan);
	guard_process_send(guard, &job->origin, event);
	guard_stack_start_job(guard, job);
}

static void do_keep(struct guard_process *guard, const struct guard_queued *queued)
{
	struct guard_entry *entry = guard_stack_find(guard, queued->request.id);
	char text[256];

	if (!entry || entry->header.is_kept) {
		guard_stack_refuse(guard, &queued->origin, queued->request.id, -ENOENT,
				   "there is no such trial: it was taken back or kept already");
		return;
	}
	bool is_held = plan_has(&entry->applied.plan, STEP_HELD);
	if (is_held && (guard->program_fd < 0 || guard->is_detached)) {
		guard_stack_refuse(
			guard, &queued->origin, queued->request.id, -EOPNOTSUPP,
			"it lasts only as long as a jittertop runs that holds it: change and keep "
			"it "
			"in the dashboard");
		return;
	}
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *earlier = guard->entries[i];

		if (earlier == entry)
			break;
		if (!plan_overlaps(&earlier->applied.plan, &entry->applied.plan))
			continue;
		(void)snprintf(text, sizeof(text),
			       "transaction %llu changed the same before it and is a trial still: "
			       "keep that one first",
			       (unsigned long long)earlier->header.id);
		guard_stack_refuse(guard, &queued->origin, queued->request.id, -EBUSY, text);
		return;
	}
	int err = undo_keep(guard->store.dirfd, entry->header.id);
	if (err) {
		(void)snprintf(text, sizeof(text), "it stays a trial: %s", strerror(-err));
		guard_stack_refuse(guard, &queued->origin, queued->request.id, err, text);
		return;
	}
	entry->applied.transaction = TRANSACTION_KEPT;
	entry->applied.deadline_boottime_ns = 0;
	if (is_held)
		(void)snprintf(entry->applied.text, sizeof(entry->applied.text),
			       "kept until this jittertop ends: it holds the setting");
	guard_process_send(guard, &queued->origin, &entry->applied);
	guard_process_done(guard, &queued->origin, 0, "");
	guard_stack_drop(guard, entry);
}

/* A kept transaction, or residue, as an entry that is wanted back. */
static int load(struct guard_process *guard, uint64_t id, enum undo_kind kind)
{
	struct guard_entry *entry = xcalloc(1, sizeof(*entry));
	int err = guard_store_read(&guard->store, id, kind, &entry->header, &entry->applied.plan);

	if (!err && guard->n_entries + 1 >= GUARD_MAX_OPEN)
		err = -ENOSPC;
	if (err) {
		guard_entry_free(entry);
		return err;
	}
	entry->origin.slot = -1;
	entry->applied.id = id;
	guard_stack_insert(guard, entry);
	guard_stack_want_back(guard, entry);
	return 0;
}

/* A kept transaction that came later and changed the same object; 0: none. */
static uint64_t later_kept(struct guard_process *guard, const struct plan *plan, uint64_t id)
{
	_cleanup_(plan_freep) struct plan *other = plan_new();
	struct undo_header header;
	struct undo_list list;
	uint64_t found = 0;

	if (undo_list(guard->store.dirfd, &list))
		return 0;
	for (size_t i = list.n; i-- > 0 && list.entries[i].id > id;) {
		if (list.entries[i].is_kept &&
		    !guard_store_read(&guard->store, list.entries[i].id, UNDO_KEPT, &header,
				      other) &&
		    plan_overlaps(plan, other))
			found = list.entries[i].id;
	}
	undo_list_done(&list);
	return found;
}

static uint64_t newest_kept(struct guard_process *guard)
{
	struct undo_list list;
	uint64_t id = 0;

	if (undo_list(guard->store.dirfd, &list))
		return 0;
	for (size_t i = 0; i < list.n; i++) {
		if (list.entries[i].is_kept)
			id = list.entries[i].id;
	}
	undo_list_done(&list);
	return id;
}

/* 0: marked. Otherwise text says why not. */
static int want_one_back(struct guard_process *guard, uint64_t *id, char *text, size_t size)
{
	struct guard_entry *entry =
		*id ? guard_stack_find(guard, *id) : guard_stack_newest_trial(guard);
	int err = 0;

	if (!entry) {
		if (!*id)
			*id = newest_kept(guard);
		err = *id ? load(guard, *id, UNDO_KEPT) : -ENOENT;
		if (err == -ENOENT && *id)
			err = load(guard, *id, UNDO_RESIDUE);
		entry = err ? NULL : guard_stack_find(guard, *id);
	}
	if (!entry) {
		(void)snprintf(text, size, "%s",
			       err == -ENOENT ? "there is nothing to undo: see `jittertop status`"
			       : err == -EBADMSG
				       ? "its undo file is damaged: read it and undo by hand"
				       : strerror(-err));
		return err;
	}
	*id = entry->header.id;
	uint64_t other = later_kept(guard, &entry->applied.plan, *id);
	if (other) {
		(void)snprintf(text, size,
			       "transaction %llu, kept, changed the same after it: undo that one "
			       "first",
			       (unsigned long long)other);
		if (entry->header.is_kept || entry->header.is_residue)
			guard_stack_drop(guard, entry);
		return -EBUSY;
	}
	guard_stack_want_back(guard, entry);
	return 0;
}

static void want_all_back(struct guard_process *guard, bool with_kept)
{
	struct undo_list list;

	for (unsigned i = 0; i < guard->n_entries; i++)
		guard->entries[i]->is_wanted_back = true;
	if (!with_kept || undo_list(guard->store.dirfd, &list))
		return;
	for (size_t i = 0; i < list.n; i++) {
		if (list.entries[i].is_kept && !guard_stack_find(guard, list.entries[i].id))
			(void)load(guard, list.entries[i].id, UNDO_KEPT);
	}
	undo_list_done(&list);
}

static void do_undo(struct guard_process *guard, const struct guard_queued *queued)
{
	char text[256];
	uint64_t id = queued->request.id;

	if (queued->request.type == WIRE_UNDO_ALL) {
		want_all_back(guard, queued->request.with_kept);
	} else {
		int err = want_one_back(guard, &id, text, sizeof(text));

		if (err) {
			guard_stack_refuse(guard, &queued->origin, id, err, text);
			return;
		}
	}
	guard->has_current = true;
	guard->current = queued->origin;
	guard->current_result = 0;
}

static void do_list(struct guard_process *guard, const struct guard_queued *queued)
{
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *entry = guard->entries[i];

		entry->applied.deadline_boottime_ns = guard_stack_entry_deadline(guard, entry);
		guard_process_send(guard, &queued->origin, &entry->applied);
	}
	guard_process_done(guard, &queued->origin, 0, "");
}

void guard_request_do(struct guard_process *guard, struct guard_queued *queued)
{
	switch (queued->request.type) {
	case WIRE_APPLY:
		do_apply(guard, queued);
		return;
	case WIRE_KEEP:
		do_keep(guard, queued);
		return;
	case WIRE_UNDO:
	case WIRE_UNDO_ALL:
		do_undo(guard, queued);
		return;
	case WIRE_LIST:
		do_list(guard, queued);
		return;
	case WIRE_CANCEL:
	case WIRE_TOUCH:
	case WIRE_DETACH:
	case WIRE_CLOSE:
		return;
	}
}

static void enqueue(struct guard_process *guard, const struct guard_origin *origin,
		    const struct wire_request *request, struct plan *plan)
{
	/* Taking back what is being applied means: stop applying it. */
	if (guard->job && guard->job->is_apply &&
	    ((request->type == WIRE_UNDO &&
	      (request->id == 0 || request->id == guard->job->header.id)) ||
	     request->type == WIRE_UNDO_ALL))
		guard_job_cancel(guard->job);
	if (guard->n_queue == GUARD_MAX_QUEUE) {
		guard_stack_refuse(guard, origin, request->id, -EBUSY, "too many requests at once");
		return;
	}
	struct guard_queued *queued = xcalloc(1, sizeof(*queued));
	queued->origin = *origin;
	queued->request = *request;
	if (request->type == WIRE_APPLY)
		plan_move(&queued->plan, plan);
	guard->queue[guard->n_queue++] = queued;
}

void guard_stack_request(struct guard_process *guard, const struct guard_origin *origin,
			 const struct wire_request *request, struct plan *plan)
{
	bool is_program = origin->slot < 0;

	switch (request->type) {
	case WIRE_TOUCH:
		if (is_program) {
			guard->last_touch_ns = guard_boottime_ns();
			guard_stack_notice_deadlines(guard);
		}
		return;
	case WIRE_CANCEL:
		if (guard->job)
			guard_job_cancel(guard->job);
		return;
	case WIRE_DETACH:
		guard->is_detached |= is_program;
		guard_process_done(guard, origin, 0, "");
		return;
	case WIRE_CLOSE:
		guard->is_closing |= is_program;
		return;
	case WIRE_APPLY:
	case WIRE_KEEP:
	case WIRE_UNDO:
	case WIRE_UNDO_ALL:
	case WIRE_LIST:
		if (guard->state == GUARD_READY)
			enqueue(guard, origin, request, plan);
		else
			guard_stack_refuse(guard, origin, request->id, -EROFS, guard->state_text);
		return;
	}
}
