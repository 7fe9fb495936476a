#include "tui/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void session_init(struct session *session, enum guard_state guard, const char *text)
{
	*session = (struct session){.guard = guard};
	snprintf(session->guard_text, sizeof(session->guard_text), "%s", text ? text : "");
}

void session_done(struct session *session)
{
	free(session->changes);
	session->changes = NULL;
	session->n_changes = 0;
}

static struct session_change *find(struct session *session, uint64_t request, uint64_t id)
{
	for (unsigned i = session->n_changes; i-- > 0;) {
		struct session_change *c = &session->changes[i];

		if ((id && c->id == id) || (request && c->request == request))
			return c;
	}
	return NULL;
}

static struct session_change *add(struct session *session, const struct guard_event *event)
{
	struct session_change *c;

	session->changes =
		xrealloc(session->changes, (session->n_changes + 1) * sizeof(*session->changes));
	c = &session->changes[session->n_changes++];
	*c = (struct session_change){.request = event->request, .id = event->id};
	snprintf(c->title, sizeof(c->title), "%s", event->plan.title);
	return c;
}

/* The first step that did not come out exactly, in words. */
static void take_report(struct session_change *c, const struct change_report *report)
{
	c->is_lasting = false;
	for (unsigned i = 0; i < report->n_steps && i < PLAN_MAX_STEPS; i++) {
		const struct change_step_report *step = &report->steps[i];

		if (step->result == CHANGE_EXACT || step->result == CHANGE_NOTHING ||
		    step->result == CHANGE_NOT_RUN)
			continue;
		c->is_lasting = true;
		if (!c->text[0])
			snprintf(c->text, sizeof(c->text), "%s%s%.200s",
				 change_result_name(step->result), step->why[0] ? ": " : "",
				 step->why);
		return;
	}
}

static void begin_experiment(struct session_change *c, const struct guard_event *event,
			     const struct cpuset *online, uint64_t wall_ns)
{
	c->experiment.cpus =
		cpuset_is_empty(&event->plan.affected) ? *online : event->plan.affected;
	c->experiment.apply_start_ns = event->start_ns;
	c->experiment.apply_end_ns = event->end_ns;
	c->applied_wall_ns = wall_ns;
}

static void handle_transaction(struct session *session, const struct guard_event *event,
			       const struct cpuset *online, uint64_t wall_ns)
{
	struct session_change *c = find(session, event->request, event->id);

	/* A refused keep or undo changes nothing about a trial that stays. */
	if (c && event->transaction == TRANSACTION_REFUSED && c->state != TRANSACTION_APPLYING)
		return;
	if (!c)
		c = add(session, event);
	if (event->id)
		c->id = event->id;
	c->state = event->transaction;
	c->deadline_boottime_ns = event->deadline_boottime_ns;
	/* Only the deadline of a known trial. */
	if (event->transaction == TRANSACTION_TRIAL && event->plan.n_steps == 0)
		return;
	snprintf(c->text, sizeof(c->text), "%s", event->text);
	switch (event->transaction) {
	case TRANSACTION_APPLYING:
		return;
	case TRANSACTION_TRIAL:
		/* Later events of a trial only move its deadline. */
		if (c->experiment.apply_end_ns == 0)
			begin_experiment(c, event, online, wall_ns);
		break;
	case TRANSACTION_KEPT:
		if (c->experiment.apply_end_ns == 0)
			begin_experiment(c, event, online, wall_ns);
		return;
	case TRANSACTION_REVERTED:
	case TRANSACTION_RESIDUE:
		if (c->experiment.apply_end_ns && !c->experiment.end_ns)
			c->experiment.end_ns = event->start_ns;
		break;
	case TRANSACTION_REFUSED:
		break;
	}
	take_report(c, &event->report);
}

bool session_is_news(const struct session *session, const struct guard_event *event)
{
	if (event->type != GUARD_EVENT_TRANSACTION || event->transaction != TRANSACTION_TRIAL)
		return true;
	for (unsigned i = session->n_changes; i-- > 0;) {
		if (session->changes[i].id == event->id)
			return session->changes[i].state != TRANSACTION_TRIAL;
	}
	return true;
}

void session_handle(struct session *session, const struct guard_event *event,
		    const struct cpuset *online, uint64_t wall_ns)
{
	struct session_change *c;

	switch (event->type) {
	case GUARD_EVENT_STATE:
		session->guard = event->state;
		snprintf(session->guard_text, sizeof(session->guard_text), "%s", event->text);
		return;
	case GUARD_EVENT_PROGRESS:
		c = find(session, event->request, event->id);
		if (c)
			snprintf(c->text, sizeof(c->text), "%s", event->text);
		return;
	case GUARD_EVENT_TRANSACTION:
		handle_transaction(session, event, online, wall_ns);
		return;
	}
}

void session_evaluate(struct session *session, const struct history *history, uint64_t now_ns)
{
	for (unsigned i = 0; i < session->n_changes; i++) {
		struct session_change *c = &session->changes[i];
		bool is_closed =
			c->experiment.end_ns && now_ns > c->experiment.end_ns + 2 * NSEC_PER_SEC;

		/* A closed window does not change any more, and its history may be gone. */
		if (c->experiment.apply_end_ns == 0 || (is_closed && c->result.after.samples))
			continue;
		experiment_evaluate(&c->experiment, history, "wakeup_window", now_ns, &c->result);
	}
}

static const struct session_change *newest(const struct session *session, unsigned states)
{
	for (unsigned i = session->n_changes; i-- > 0;) {
		if (states & 1u << session->changes[i].state)
			return &session->changes[i];
	}
	return NULL;
}

const struct session_change *session_open_trial(const struct session *session)
{
	return newest(session, 1u << TRANSACTION_TRIAL);
}

const struct session_change *session_undoable(const struct session *session)
{
	const struct session_change *trial = session_open_trial(session);

	const struct session_change *applying = newest(session, 1u << TRANSACTION_APPLYING);

	/* What is being applied is newer than any trial: taking it back cancels it. */
	if (applying && applying->id)
		return applying;
	return trial ? trial : newest(session, 1u << TRANSACTION_KEPT);
}

const struct session_change *session_latest(const struct session *session)
{
	return newest(session, ~0u);
}

const char *session_scope(const struct session_change *change, char *buf, size_t size)
{
	char list[24];

	if (cpuset_format_list(&change->experiment.cpus, list, sizeof(list)) < 0)
		snprintf(buf, size, "%u cpus", cpuset_count(&change->experiment.cpus));
	else
		snprintf(buf, size, "cpu %s", list[0] ? list : "-");
	return buf;
}
