#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard_internal.h"
#include "core/plan_internal.h"

/* --- the list of open transactions --- */

static struct guard_entry *find_entry(const struct guard_process *guard, uint64_t id)
{
	for (unsigned i = 0; i < guard->n_entries; i++) {
		if (guard->entries[i]->header.id == id)
			return guard->entries[i];
	}
	return NULL;
}

static struct guard_entry *newest_trial(const struct guard_process *guard)
{
	for (unsigned i = guard->n_entries; i-- > 0;) {
		if (!guard->entries[i]->header.is_kept)
			return guard->entries[i];
	}
	return NULL;
}

static void entry_free(struct guard_entry *entry)
{
	guard_event_done(&entry->applied);
	free(entry);
}

static void job_free(struct guard_job *job)
{
	plan_done(&job->plan);
	guard_event_done(&job->result);
	free(job);
}

static void queued_free(struct guard_queued *queued)
{
	plan_done(&queued->plan);
	free(queued);
}

/* Takes entry, keeps the order of ids. */
static void insert_entry(struct guard_process *guard, struct guard_entry *entry)
{
	unsigned i = guard->n_entries++;

	while (i > 0 && guard->entries[i - 1]->header.id > entry->header.id) {
		guard->entries[i] = guard->entries[i - 1];
		i--;
	}
	guard->entries[i] = entry;
}

static void drop_entry(struct guard_process *guard, struct guard_entry *entry)
{
	unsigned i = 0;

	while (i < guard->n_entries && guard->entries[i] != entry)
		i++;
	if (i == guard->n_entries)
		return;
	guard->n_entries--;
	memmove(&guard->entries[i], &guard->entries[i + 1],
		(guard->n_entries - i) * sizeof(guard->entries[0]));
	entry_free(entry);
}

static uint64_t own_deadline(const struct guard_process *guard, const struct guard_entry *entry)
{
	/* One that is being taken back has none any more, or the timer would fire all the while. */
	if (entry->header.is_kept || entry->is_residue || entry->is_wanted_back)
		return 0;
	return entry->exact_deadline_ns ? entry->exact_deadline_ns
					: guard->last_touch_ns + GUARD_DEFAULT_DEADLINE_NS;
}

/* When it goes back: an earlier trial of the same object takes it along. One pass over the stack,
 * for a walk from each to all before it doubles with every trial. */
static uint64_t entry_deadline(const struct guard_process *guard, const struct guard_entry *entry)
{
	uint64_t deadlines[GUARD_MAX_OPEN];

	for (unsigned i = 0; i < guard->n_entries; i++) {
		const struct guard_entry *mine = guard->entries[i];

		deadlines[i] = own_deadline(guard, mine);
		for (unsigned k = 0; k < i && deadlines[i]; k++) {
			if (deadlines[k] && deadlines[k] < deadlines[i] &&
			    plan_overlaps(&guard->entries[k]->applied.plan, &mine->applied.plan))
				deadlines[i] = deadlines[k];
		}
		if (mine == entry)
			return deadlines[i];
	}
	return 0;
}

/* The first of all: what is taken along changes nothing about it. */
uint64_t guard_stack_deadline(const struct guard_process *guard)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < guard->n_entries; i++) {
		uint64_t mine = own_deadline(guard, guard->entries[i]);

		if (mine && (!first || mine < first))
			first = mine;
	}
	return first;
}

/* To go back too: every later trial on the same object, or the old value could not be put back
 * under it. */
static void want_back(struct guard_process *guard, struct guard_entry *entry)
{
	bool is_found = false;

	entry->is_wanted_back = true;
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *later = guard->entries[i];

		if (later == entry)
			is_found = true;
		else if (is_found && !later->is_wanted_back && !later->header.is_kept &&
			 plan_overlaps(&later->applied.plan, &entry->applied.plan))
			want_back(guard, later);
	}
}

/* --- answers --- */

static void refuse(struct guard_process *guard, const struct guard_origin *origin, uint64_t id,
		   int err, const char *text)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

	event->type = GUARD_EVENT_TRANSACTION;
	event->state = guard->state;
	event->id = id;
	event->transaction = TRANSACTION_REFUSED;
	(void)snprintf(event->text, sizeof(event->text), "%s", text);
	guard_process_send(guard, origin, event);
	guard_process_done(guard, origin, err, text);
}

static bool is_trial_open(const struct guard_process *guard)
{
	for (unsigned i = 0; i < guard->n_entries; i++) {
		if (!guard->entries[i]->header.is_kept && !guard->entries[i]->is_residue)
			return true;
	}
	return false;
}

bool guard_stack_is_idle(const struct guard_process *guard)
{
	return !guard->job && guard->n_queue == 0 && !guard->has_current && !is_trial_open(guard);
}

/* --- requests --- */

static int refuse_apply(struct guard_process *guard, const struct guard_queued *queued)
{
	char text[256];

	if (guard->is_sleeper_lost) {
		refuse(guard, &queued->origin, 0, -EOWNERDEAD,
		       "the sleeper has died, nobody would take a change back if the guard died "
		       "too: start jittertop again");
		return -EOWNERDEAD;
	}
	if (queued->origin.slot >= 0 && guard->program_fd >= 0 && !guard->is_detached) {
		(void)snprintf(text, sizeof(text),
			       "jittertop (pid %d) is in charge of the knobs: change them there or "
			       "end it",
			       (int)guard->who_pid);
		refuse(guard, &queued->origin, 0, -EBUSY, text);
		return -EBUSY;
	}
	if (guard->n_entries + 2 >= GUARD_MAX_OPEN) {
		refuse(guard, &queued->origin, 0, -ENOSPC,
		       "too many open trials: keep or undo some");
		return -ENOSPC;
	}
	return 0;
}

static void start_job(struct guard_process *guard, struct guard_job *job)
{
	job->store = &guard->store;
	job->start_ns = guard_boottime_ns();
	guard->job = job;
	/* Before the first write: a guard that is stopped in the midst of it must not be waited for
	 * for ever. */
	guard_process_update_sleeper(guard);
	if (!guard_job_start(job))
		guard_stack_job_done(guard);
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
		refuse(guard, &queued->origin, 0, err, "the run directory cannot be read");
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
	start_job(guard, job);
}

static void do_keep(struct guard_process *guard, const struct guard_queued *queued)
{
	struct guard_entry *entry = find_entry(guard, queued->request.id);
	char text[256];

	if (!entry || entry->header.is_kept) {
		refuse(guard, &queued->origin, queued->request.id, -ENOENT,
		       "there is no such trial: it was taken back or kept already");
		return;
	}
	bool is_held = plan_has(&entry->applied.plan, STEP_HELD);
	if (is_held && (guard->program_fd < 0 || guard->is_detached)) {
		refuse(guard, &queued->origin, queued->request.id, -EOPNOTSUPP,
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
		refuse(guard, &queued->origin, queued->request.id, -EBUSY, text);
		return;
	}
	int err = undo_keep(guard->store.dirfd, entry->header.id);
	if (err) {
		(void)snprintf(text, sizeof(text), "it stays a trial: %s", strerror(-err));
		refuse(guard, &queued->origin, queued->request.id, err, text);
		return;
	}
	entry->applied.transaction = TRANSACTION_KEPT;
	entry->applied.deadline_boottime_ns = 0;
	if (is_held)
		(void)snprintf(entry->applied.text, sizeof(entry->applied.text),
			       "kept until this jittertop ends: it holds the setting");
	guard_process_send(guard, &queued->origin, &entry->applied);
	guard_process_done(guard, &queued->origin, 0, "");
	drop_entry(guard, entry);
}

/* A kept transaction as an entry that is wanted back. */
static int load_kept(struct guard_process *guard, uint64_t id)
{
	struct guard_entry *entry = xcalloc(1, sizeof(*entry));
	int err = guard_store_read(&guard->store, id, true, &entry->header, &entry->applied.plan);

	if (!err && guard->n_entries + 1 >= GUARD_MAX_OPEN)
		err = -ENOSPC;
	if (err) {
		entry_free(entry);
		return err;
	}
	entry->origin.slot = -1;
	entry->applied.id = id;
	insert_entry(guard, entry);
	want_back(guard, entry);
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
		    !guard_store_read(&guard->store, list.entries[i].id, true, &header, other) &&
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
	struct guard_entry *entry = *id ? find_entry(guard, *id) : newest_trial(guard);
	int err = 0;

	if (!entry) {
		if (!*id)
			*id = newest_kept(guard);
		err = *id ? load_kept(guard, *id) : -ENOENT;
		entry = err ? NULL : find_entry(guard, *id);
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
		if (entry->header.is_kept)
			drop_entry(guard, entry);
		return -EBUSY;
	}
	want_back(guard, entry);
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
		if (list.entries[i].is_kept && !find_entry(guard, list.entries[i].id))
			(void)load_kept(guard, list.entries[i].id);
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
			refuse(guard, &queued->origin, id, err, text);
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

		entry->applied.deadline_boottime_ns = entry_deadline(guard, entry);
		guard_process_send(guard, &queued->origin, &entry->applied);
	}
	guard_process_done(guard, &queued->origin, 0, "");
}

static void do_queued(struct guard_process *guard, struct guard_queued *queued)
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
		refuse(guard, origin, request->id, -EBUSY, "too many requests at once");
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
			refuse(guard, origin, request->id, -EROFS, guard->state_text);
		return;
	}
}

/* --- the next thing to do --- */

/* The program is lost, or the sleeper: everything that is not kept goes back. */
static bool is_loss(const struct guard_process *guard)
{
	return guard->is_sleeper_lost || (guard->is_closing && !guard->is_detached);
}

static void want_due_back(struct guard_process *guard)
{
	uint64_t now = guard_boottime_ns();
	bool is_lost = is_loss(guard);

	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *entry = guard->entries[i];
		uint64_t deadline = own_deadline(guard, entry);

		if (!entry->header.is_kept && !entry->is_residue && !entry->is_wanted_back &&
		    (is_lost || (deadline && deadline <= now)))
			want_back(guard, entry);
	}
}

/* Starts taking back the newest entry that is wanted back. False: there is none. */
static bool undo_next(struct guard_process *guard)
{
	struct guard_entry *entry = NULL;

	for (unsigned i = guard->n_entries; i-- > 0 && !entry;) {
		if (guard->entries[i]->is_wanted_back)
			entry = guard->entries[i];
	}
	if (!entry)
		return false;
	struct guard_job *job = xcalloc(1, sizeof(*job));
	job->origin = entry->origin;
	job->header = entry->header;
	plan_copy(&job->plan, &entry->applied.plan);
	start_job(guard, job);
	return true;
}

static void drop_queue(struct guard_process *guard)
{
	for (unsigned i = 0; i < guard->n_queue; i++)
		queued_free(guard->queue[i]);
	guard->n_queue = 0;
}

void guard_stack_pump(struct guard_process *guard)
{
	while (guard->state == GUARD_READY) {
		if (guard->job) {
			if (is_loss(guard))
				guard_job_cancel(guard->job);
			return;
		}
		want_due_back(guard);
		if (undo_next(guard))
			continue;
		if (guard->has_current) {
			guard->has_current = false;
			guard_process_done(guard, &guard->current, guard->current_result, "");
			continue;
		}
		if (guard->is_closing && !guard->is_detached)
			drop_queue(guard);
		if (guard->n_queue == 0)
			return;
		struct guard_queued *queued = guard->queue[0];
		guard->n_queue--;
		memmove(&guard->queue[0], &guard->queue[1],
			guard->n_queue * sizeof(guard->queue[0]));
		do_queued(guard, queued);
		queued_free(queued);
	}
}

/* --- results --- */

static void file_applied(struct guard_process *guard, struct guard_job *job)
{
	struct guard_event *event = &job->result;

	if (job->has_file) {
		struct guard_entry *entry = xcalloc(1, sizeof(*entry));

		entry->header = job->header;
		entry->origin = job->origin;
		entry->is_residue = event->transaction == TRANSACTION_RESIDUE;
		/* Exactly so long after the change was made, not after it was asked for. */
		if (job->revert_after_ns)
			entry->exact_deadline_ns = guard_boottime_ns() + job->revert_after_ns;
		guard->last_touch_ns = guard_boottime_ns();
		guard_event_copy(&entry->applied, event);
		insert_entry(guard, entry);
		event->deadline_boottime_ns = entry_deadline(guard, entry);
		entry->applied.deadline_boottime_ns = event->deadline_boottime_ns;
	}
	guard_process_send(guard, &job->origin, event);
	int result = event->transaction == TRANSACTION_TRIAL	 ? 0
		     : event->transaction == TRANSACTION_RESIDUE ? 1
								 : -ECANCELED;
	guard_process_done(guard, &job->origin, result, event->text);
}

static void file_undone(struct guard_process *guard, struct guard_job *job)
{
	struct guard_entry *entry = find_entry(guard, job->header.id);

	if (job->result.transaction != TRANSACTION_REVERTED)
		guard->current_result = 1;
	guard_process_send(guard, &job->origin, &job->result);
	/* Whoever asked may be another one than whoever applied. */
	if (guard->has_current &&
	    (guard->current.slot != job->origin.slot ||
	     guard->current.serial != job->origin.serial) &&
	    guard->current.slot >= 0)
		guard_process_send(guard, &guard->current, &job->result);
	if (!entry)
		return;
	if (job->has_file && !entry->header.is_kept) {
		entry->is_residue = true;
		entry->is_wanted_back = false;
		entry->applied.transaction = TRANSACTION_RESIDUE;
		return;
	}
	drop_entry(guard, entry);
}

void guard_stack_job_done(struct guard_process *guard)
{
	struct guard_job *job = guard->job;

	guard_job_join(job);
	guard->job = NULL;
	if (job->is_apply)
		file_applied(guard, job);
	else
		file_undone(guard, job);
	job_free(job);
}

/* --- what the program is told meanwhile --- */

/* The user was there: tells the new deadline, at most once a second. */
void guard_stack_notice_deadlines(struct guard_process *guard)
{
	uint64_t now = guard_boottime_ns();

	if (now - guard->last_notice_ns < NSEC_PER_SEC)
		return;
	guard->last_notice_ns = now;
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *entry = guard->entries[i];

		if (entry->header.is_kept || entry->exact_deadline_ns || entry->is_residue)
			continue;
		entry->applied.deadline_boottime_ns = entry_deadline(guard, entry);
		guard_process_send(guard, &entry->origin, &entry->applied);
	}
}

void guard_stack_progress(struct guard_process *guard)
{
	struct guard_job *job = guard->job;
	char now[PLAN_VALUE_MAX];

	if (!job || !guard->peek)
		return;
	unsigned at = atomic_load(&job->step);
	const struct plan_step *step = &job->plan.steps[at < job->plan.n_steps ? at : 0];
	if (!(step->class->flags & STEP_SLOW) ||
	    step_read(guard->peek, step->class, step->object, now, sizeof(now)))
		return;
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	event->type = GUARD_EVENT_PROGRESS;
	event->state = guard->state;
	event->id = job->header.id;
	event->transaction = TRANSACTION_APPLYING;
	(void)snprintf(event->text, sizeof(event->text), "%s %.64s: %.32s of %.32s",
		       step->class->name, step->object, now,
		       job->is_apply ? step->new_value : step->old_value);
	guard_process_send(guard, &job->origin, event);
}

void guard_stack_free(struct guard_process *guard)
{
	drop_queue(guard);
	for (unsigned i = 0; i < guard->n_entries; i++)
		entry_free(guard->entries[i]);
	guard->n_entries = 0;
}
