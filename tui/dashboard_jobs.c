#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/dashboard_internal.h"

/* A sampler that listed tens of thousands of targets in one go would miss its ticks: it does as
 * much as this at a time. */
#define SLICE_NS (20 * NSEC_PER_MSEC)
#define LIST_EVERY_NS (3 * NSEC_PER_SEC)

struct list_job {
	struct sampler_job job; /* first: jobs come back as their sampler_job */
	const struct knob *const *knobs;
	struct knob_list *list;
	unsigned next;
	struct knob_owners *owners; /* the dashboard's, ours while we run */
};

/* Who else writes a knob is asked for one knob with every slice, in turn: it may mean looking at
 * every process. */
struct knob_owners {
	char **texts; /* by knob; NULL: nobody known */
	unsigned n, next;
};

struct plan_job {
	struct sampler_job job;
	const struct knob *knob;
	char target[PLAN_OBJECT_MAX], value[PLAN_VALUE_MAX];
	char **more; /* further targets that get the value */
	unsigned n_more;
	int result;
	struct plan plan;
	char why[512];
};

static void plan_job_free(struct plan_job *job)
{
	if (!job)
		return;
	plan_done(&job->plan);
	for (unsigned i = 0; i < job->n_more; i++)
		free(job->more[i]);
	free(job->more);
	free(job);
}

static void list_free(struct knob_list *list)
{
	if (!list)
		return;
	arena_free(list->arena);
	free(list->items);
	free(list);
}

static void ask_owner(struct knob_owners *owners, const struct knob_list *list, struct host *host)
{
	const struct knob_list_item *item = NULL;
	char text[512];

	for (unsigned i = 0; i < list->n_items && !item; i++) {
		unsigned at = (owners->next + i) % list->n_items;

		if (!list->items[at].knob->owner || !list->items[at].targets.n_targets)
			continue;
		item = &list->items[at];
		owners->next = at + 1;
	}
	if (!item)
		return;
	char **ret = &owners->texts[item - list->items];

	free(*ret);
	*ret = item->knob->owner(host, item->targets.targets[0].key, text, sizeof(text)) == 1
		       ? xstrdup(text)
		       : NULL;
}

static void run_list(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	struct list_job *self = (struct list_job *)job;
	struct knob_list *list = self->list;

	uint64_t start_ns = host_now_ns(host);

	(void)snap;
	do {
		struct knob_list_item *item = &list->items[self->next];

		if (self->next == list->n_items)
			break;
		item->knob = self->knobs[self->next++];
		item->targets.arena = list->arena;
		item->error = knob_list(item->knob, host, &item->targets);
	} while (host_now_ns(host) - start_ns < SLICE_NS);
	if (self->next == list->n_items)
		ask_owner(self->owners, list, host);
}

void dashboard_list_knobs(struct dashboard *d)
{
	const struct knob *const *knobs = d->context->registry->knobs;
	struct list_job *job;

	if (d->listing) {
		d->is_list_stale = true; /* once more when that one is done */
		return;
	}
	d->is_list_stale = false;
	job = xcalloc(1, sizeof(*job));
	job->job.run = run_list;
	job->knobs = knobs;
	job->list = xcalloc(1, sizeof(*job->list));
	job->list->arena = arena_new(0);
	while (knobs[job->list->n_items])
		job->list->n_items++;
	job->list->items = xcalloc(job->list->n_items + 1, sizeof(*job->list->items));
	job->list->seq = ++d->list_seq;
	if (!d->owners) {
		d->owners = xcalloc(1, sizeof(*d->owners));
		d->owners->n = job->list->n_items;
		d->owners->texts = xcalloc(d->owners->n + 1, sizeof(*d->owners->texts));
	}
	job->owners = d->owners;
	d->listing = job;
	sampler_submit(d->sampler, &job->job);
}

static void run_plan(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	struct plan_job *self = (struct plan_job *)job;

	(void)snap;
	self->result = self->knob->plan(host, self->target, self->value, &self->plan, self->why,
					sizeof(self->why));
	for (unsigned i = 0; i < self->n_more && self->result == 0; i++)
		self->result = self->knob->plan(host, self->more[i], self->value, &self->plan,
						self->why, sizeof(self->why));
	size_t len = strlen(self->why);
	char owner[256];
	if (self->result == 0 && self->knob->owner &&
	    self->knob->owner(host, self->target, owner, sizeof(owner)) == 1)
		snprintf(self->why + len, sizeof(self->why) - len, "%s%s", len ? "; " : "", owner);
}

void dashboard_plan(struct dashboard *d, const struct ui_action *action)
{
	struct plan_job *job;

	if (d->planning) /* an answer the user gave up waiting for */
		return;
	job = xcalloc(1, sizeof(*job));
	job->job.run = run_plan;
	job->knob = action->knob;
	memcpy(job->target, action->target, sizeof(job->target));
	memcpy(job->value, action->value, sizeof(job->value));
	job->more = xcalloc(action->n_more + 1, sizeof(*job->more));
	for (unsigned i = 0; i < action->n_more; i++)
		job->more[job->n_more++] = xstrdup(action->more[i]);
	d->planning = job;
	sampler_submit(d->sampler, &job->job);
}

static void take_list(struct dashboard *d)
{
	struct list_job *job = d->listing;

	if (job->next < job->list->n_items) {
		sampler_submit(d->sampler, &job->job);
		return;
	}
	for (unsigned i = 0; i < job->list->n_items; i++) {
		const char *text = d->owners->texts[i];

		job->list->items[i].owner = text ? arena_strdup(job->list->arena, text) : NULL;
	}
	list_free(d->knobs);
	d->knobs = job->list;
	d->listed_ns = host_now_ns(d->context->host);
	free(job);
	d->listing = NULL;
	if (d->is_list_stale)
		dashboard_list_knobs(d);
}

void dashboard_refresh_knobs(struct dashboard *d)
{
	if (!d->listing &&
	    (!d->knobs || host_now_ns(d->context->host) - d->listed_ns >= LIST_EVERY_NS))
		dashboard_list_knobs(d);
}

void dashboard_take_jobs(struct dashboard *d)
{
	struct sampler_job *job;

	while ((job = sampler_job_done(d->sampler))) {
		d->is_dirty = true;
		if (dashboard_take_measured(d, job))
			continue;
		if (d->listing && job == &d->listing->job) {
			take_list(d);
		} else if (d->planning && job == &d->planning->job) {
			ui_planned(&d->ui, d->planning->result, &d->planning->plan,
				   d->planning->why);
			plan_job_free(d->planning);
			d->planning = NULL;
		}
	}
}

void dashboard_drop_jobs(struct dashboard *d)
{
	if (d->listing)
		list_free(d->listing->list);
	free(d->listing);
	plan_job_free(d->planning);
	list_free(d->knobs);
	for (unsigned i = 0; d->owners && i < d->owners->n; i++)
		free(d->owners->texts[i]);
	if (d->owners)
		free(d->owners->texts);
	free(d->owners);
	d->owners = NULL;
	d->listing = NULL;
	d->planning = NULL;
	d->knobs = NULL;
}
