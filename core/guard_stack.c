#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard_internal.h"
#include "core/plan_internal.h"

/* --- the list of open transactions --- */

struct guard_entry *guard_stack_find(const struct guard_process *guard, uint64_t id)
{
	for (unsigned i = 0; i < guard->n_entries; i++) {
		if (guard->entries[i]->header.id == id)
			return guard->entries[i];
	}
	return NULL;
}

struct guard_entry *guard_stack_newest_trial(const struct guard_process *guard)
{
	for (unsigned i = guard->n_entries; i-- > 0;) {
		if (!guard->entries[i]->header.is_kept)
			return guard->entries[i];
	}
	return NULL;
}

void guard_entry_free(struct guard_entry *entry)
{
	guard_event_done(&entry->applied);
	free(entry);
}

static void job_free(struct guard_job *job)
{
	plan_done(&job->plan);
	change_report_done(&job->applied);
	guard_event_done(&job->result);
	free(job);
}

void guard_queued_free(struct guard_queued *queued)
{
	plan_done(&queued->plan);
	free(queued);
}

/* Takes entry, keeps the order of ids. */
void guard_stack_insert(struct guard_process *guard, struct guard_entry *entry)
{
	unsigned i = guard->n_entries++;

	while (i > 0 && guard->entries[i - 1]->header.id > entry->header.id) {
		guard->entries[i] = guard->entries[i - 1];
		i--;
	}
	guard->entries[i] = entry;
}

void guard_stack_drop(struct guard_process *guard, struct guard_entry *entry)
{
	unsigned i = 0;

	while (i < guard->n_entries && guard->entries[i] != entry)
		i++;
	if (i == guard->n_entries)
		return;
	guard->n_entries--;
	memmove(&guard->entries[i], &guard->entries[i + 1],
		(guard->n_entries - i) * sizeof(guard->entries[0]));
	guard_entry_free(entry);
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
uint64_t guard_stack_entry_deadline(const struct guard_process *guard,
				    const struct guard_entry *entry)
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
void guard_stack_want_back(struct guard_process *guard, struct guard_entry *entry)
{
	bool is_found = false;

	entry->is_wanted_back = true;
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *later = guard->entries[i];

		if (later == entry)
			is_found = true;
		else if (is_found && !later->is_wanted_back && !later->header.is_kept &&
			 plan_overlaps(&later->applied.plan, &entry->applied.plan))
			guard_stack_want_back(guard, later);
	}
}

/* --- answers --- */

void guard_stack_refuse(struct guard_process *guard, const struct guard_origin *origin, uint64_t id,
			int err, const char *text)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

	event->type = GUARD_EVENT_TRANSACTION;
	event->state = guard->state;
	event->id = id;
	event->transaction = TRANSACTION_REFUSED;
	(void)snprintf(event->text, sizeof(event->text), "%s", text);
	/* Nothing happened: the screen of another program is not the place to say so. */
	guard_process_answer(guard, origin, event);
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

/* --- the next thing to do --- */

/* The program is lost, or the sleeper: everything that is not kept goes back. */
static bool is_loss(const struct guard_process *guard)
{
	return guard->is_sleeper_lost || (guard->is_closing && !guard->is_detached);
}

static bool is_due(const struct guard_process *guard)
{
	uint64_t deadline = guard_stack_deadline(guard);

	return deadline && deadline <= guard_boottime_ns();
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
			guard_stack_want_back(guard, entry);
	}
}

void guard_stack_start_job(struct guard_process *guard, struct guard_job *job)
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
	change_report_copy(&job->applied, &entry->applied.report);
	guard_stack_start_job(guard, job);
	return true;
}

static void drop_queue(struct guard_process *guard)
{
	for (unsigned i = 0; i < guard->n_queue; i++)
		guard_queued_free(guard->queue[i]);
	guard->n_queue = 0;
}

void guard_stack_pump(struct guard_process *guard)
{
	while (guard->state == GUARD_READY) {
		if (guard->job) {
			/* What waits to go back does not wait for a slow write. */
			if (is_loss(guard) || is_due(guard))
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
		guard_request_do(guard, queued);
		guard_queued_free(queued);
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
		guard_stack_insert(guard, entry);
		event->deadline_boottime_ns = guard_stack_entry_deadline(guard, entry);
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
	struct guard_entry *entry = guard_stack_find(guard, job->header.id);

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
	if (job->has_file && !entry->header.is_kept && !entry->header.is_residue) {
		entry->is_residue = true;
		entry->is_wanted_back = false;
		entry->applied.transaction = TRANSACTION_RESIDUE;
		return;
	}
	guard_stack_drop(guard, entry);
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
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	event->type = GUARD_EVENT_TRANSACTION;
	event->state = guard->state;
	event->transaction = TRANSACTION_TRIAL;
	for (unsigned i = 0; i < guard->n_entries; i++) {
		struct guard_entry *entry = guard->entries[i];

		if (entry->header.is_kept || entry->exact_deadline_ns || entry->is_residue)
			continue;
		entry->applied.deadline_boottime_ns = guard_stack_entry_deadline(guard, entry);
		/* The deadline only: a plan of thousands of steps is not sent every second. */
		event->id = entry->header.id;
		event->deadline_boottime_ns = entry->applied.deadline_boottime_ns;
		memcpy(event->text, entry->applied.text, sizeof(event->text));
		guard_process_send(guard, &entry->origin, event);
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
		guard_entry_free(guard->entries[i]);
	guard->n_entries = 0;
}
