#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/dashboard_internal.h"

struct list_job {
	struct sampler_job job; /* first: jobs come back as their sampler_job */
	const struct knob *const *knobs;
	struct knob_list *list;
};

struct plan_job {
	struct sampler_job job;
	const struct knob *knob;
	char target[PLAN_OBJECT_MAX], value[PLAN_VALUE_MAX];
	int result;
	struct plan plan;
	char why[512];
};

static void plan_job_free(struct plan_job *job)
{
	if (job)
		plan_done(&job->plan);
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

static void run_list(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	struct list_job *self = (struct list_job *)job;
	struct knob_list *list = self->list;

	(void)snap;
	for (unsigned i = 0; i < list->n_items; i++) {
		struct knob_list_item *item = &list->items[i];

		item->knob = self->knobs[i];
		item->targets.arena = list->arena;
		item->error = item->knob->targets(host, &item->targets);
	}
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
	d->listing = job;
	sampler_submit(d->sampler, &job->job);
}

static void run_plan(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	struct plan_job *self = (struct plan_job *)job;

	(void)snap;
	self->result = self->knob->plan(host, self->target, self->value, &self->plan, self->why,
					sizeof(self->why));
	size_t len = strlen(self->why);
	char owner[256];
	if (self->result == 0 && self->knob->owner &&
	    self->knob->owner(host, self->target, owner, sizeof(owner)) == 1)
		snprintf(self->why + len, sizeof(self->why) - len, "%s%s", len ? "; " : "", owner);
}

void dashboard_plan(struct dashboard *d, const struct knob *knob, const char *target,
		    const char *value)
{
	struct plan_job *job;

	if (d->planning) /* an answer the user gave up waiting for */
		return;
	job = xcalloc(1, sizeof(*job));
	job->job.run = run_plan;
	job->knob = knob;
	memcpy(job->target, target, strnlen(target, sizeof(job->target) - 1));
	memcpy(job->value, value, strnlen(value, sizeof(job->value) - 1));
	d->planning = job;
	sampler_submit(d->sampler, &job->job);
}

void dashboard_take_jobs(struct dashboard *d)
{
	struct sampler_job *job;

	while ((job = sampler_job_done(d->sampler))) {
		d->is_dirty = true;
		if (dashboard_take_measured(d, job))
			continue;
		if (d->listing && job == &d->listing->job) {
			list_free(d->knobs);
			d->knobs = d->listing->list;
			free(d->listing);
			d->listing = NULL;
			if (d->is_list_stale)
				dashboard_list_knobs(d);
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
	d->listing = NULL;
	d->planning = NULL;
	d->knobs = NULL;
}
