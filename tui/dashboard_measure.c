/*
 * Starting, restarting and stopping the measuring threads, and keeping our own threads off the CPUs
 * they measure. The sampler thread does it, as it alone uses the host and reads the threads'
 * figures: here are the orders it gets, and what is made of what it reports back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/dashboard_internal.h"

enum order {
	ORDER_START, /* also: anew, with other options */
	ORDER_STOP,
	ORDER_LOOK, /* CPUs came or went */
};

struct measure_job {
	struct sampler_job job; /* first: jobs come back as their sampler_job */
	enum order order;
	struct measuring_wish wish;
	int result;
	struct measuring now; /* filled in by the run */
};

/* --- in the sampler thread --- */

static void say_why_not(int result, char *why, size_t size)
{
	if (result == -EBUSY)
		snprintf(why, size,
			 "every CPU runs a real-time or a pinned vCPU thread: name them and tick "
			 "\"anyway\"");
	else if (result == -EDESTADDRREQ)
		snprintf(why, size, "this engine takes much of a CPU: name the CPUs it may have");
	else if (result == -ENODEV)
		snprintf(why, size, "none of these CPUs is online");
	else if (result == -EINVAL)
		snprintf(why, size, "the engine refuses these options");
	else
		snprintf(why, size, "%s", strerror(-result));
}

static int start_threads(struct host *host, const struct measuring_wish *wish)
{
	struct measure *measure;
	int r = measure_start(host, wish->engine, &wish->options, &measure);

	if (r == 0)
		host_attach_measure(host, measure);
	return r;
}

static void stop_threads(struct host *host)
{
	struct measure *measure = host_measure(host);

	host_attach_measure(host, NULL);
	measure_stop(measure);
}

static void note_left_out(const struct measure *measure, struct measuring *now)
{
	_cleanup_(freep) struct cpuset *cpus = xcalloc(1, sizeof(*cpus));

	measure_left_out(measure, cpus);
	now->n_left_out = cpuset_count(cpus);
	for (unsigned cpu = cpuset_next(cpus, 0), i = 0;
	     cpu < CPUSET_MAX && i < MEASURING_MAX_LEFT_OUT; cpu = cpuset_next(cpus, cpu + 1)) {
		struct measuring_left_out *out = &now->left_out[i++];
		const char *why = measure_why(measure, cpu);

		out->cpu = cpu;
		(void)text_sanitise(why ? why : "", why ? strlen(why) : 0, out->why,
				    sizeof(out->why));
	}
}

static void note_threads(const struct measure *measure, struct measuring *now)
{
	_cleanup_(freep) struct cpuset *cpus = xcalloc(1, sizeof(*cpus));

	now->state = MEASURING_ON;
	now->wish.engine = measure_engine(measure);
	now->wish.options = *measure_get_options(measure);
	measure_cpus(measure, cpus);
	for (unsigned cpu = cpuset_next(cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(cpus, cpu + 1)) {
		struct measure_cpu info;

		if (!measure_cpu_info(measure, cpu, &info) || !info.is_running)
			continue;
		cpuset_add(&now->cpus, cpu);
		now->n_fallen_back +=
			now->wish.options.policy != MEASURE_OTHER && info.policy == MEASURE_OTHER;
	}
	note_left_out(measure, now);
}

static void run_measure(struct sampler_job *sampler_job, struct host *host,
			const struct snapshot *snap)
{
	struct measure_job *job = (struct measure_job *)sampler_job;
	struct measuring *now = &job->now;
	struct measuring_wish before = {0};

	(void)snap;
	if (host_measure(host) && job->order != ORDER_LOOK) {
		before.engine = measure_engine(host_measure(host));
		before.options = *measure_get_options(host_measure(host));
		stop_threads(host);
	}
	if (job->order == ORDER_START) {
		job->result = start_threads(host, &job->wish);
		if (job->result < 0)
			say_why_not(job->result, now->why, sizeof(now->why));
		/* A mistyped wish must not end what was running well. */
		if (job->result < 0 && before.engine)
			(void)!start_threads(host, &before);
	}
	now->state = MEASURING_OFF;
	if (host_measure(host))
		note_threads(host_measure(host), now);
}

/* --- in the UI thread --- */

static void submit(struct dashboard *d, struct measure_job *job)
{
	if (d->measuring_job) {
		/* One at a time; of those that wait only the last counts. */
		free(d->measuring_next);
		d->measuring_next = job;
		return;
	}
	d->measuring_job = job;
	d->measuring.state = MEASURING_CHANGING;
	sampler_submit(d->sampler, &job->job);
}

static struct measure_job *new_job(enum order order)
{
	struct measure_job *job = xcalloc(1, sizeof(*job));

	job->job.run = run_measure;
	job->order = order;
	return job;
}

void dashboard_measure(struct dashboard *d, const struct measuring_wish *wish)
{
	struct measure_job *job = new_job(ORDER_START);

	job->wish = *wish;
	job->wish.options.allowed = d->allowed;
	submit(d, job);
}

void dashboard_measure_stop(struct dashboard *d, const char *why)
{
	snprintf(d->why_stopped, sizeof(d->why_stopped), "%s", why);
	submit(d, new_job(ORDER_STOP));
}

bool dashboard_measure_suspend(struct dashboard *d)
{
	if (d->is_suspending)
		return false;
	if (d->measuring.state != MEASURING_ON)
		return true;
	d->is_suspending = true;
	dashboard_measure_stop(d, "this program was suspended");
	return false;
}

void dashboard_measure_look(struct dashboard *d)
{
	if (d->measuring.state == MEASURING_ON)
		submit(d, new_job(ORDER_LOOK));
}

/* The figures so far are forgotten: the totals, and the threads' own counts. */
void dashboard_measure_reset(struct dashboard *d)
{
	history_reset(d->history, host_now_ns(d->context->host));
	if (d->measuring.state == MEASURING_ON)
		dashboard_measure(d, &d->measuring.wish);
	ui_message(&d->ui, ROLE_TEXT, "the figures count from now on");
}

static int move_to(struct dashboard *d, const struct cpuset *cpus)
{
	/* The kernel's mask is an array of unsigned long, as ours is where long has 64 bits. */
	int r = pthread_setaffinity_np(pthread_self(), sizeof(cpus->bits),
				       (const cpu_set_t *)cpus->bits);

	return r ? -r : sampler_set_affinity(d->sampler, cpus);
}

/*
 * Off the measured CPUs where there are others, back home otherwise. CPUs that this program was
 * kept from by whoever started it stay out of reach, and isolated ones: they are worse to disturb
 * than measured ones.
 */
static void keep_off(struct dashboard *d)
{
	struct measuring *now = &d->measuring;
	struct cpuset shared;

	now->own = d->home;
	cpuset_andnot(&now->own, &now->cpus);
	/* What is left may be offline. */
	if (cpuset_is_empty(&now->own) || move_to(d, &now->own) < 0) {
		now->own = d->home;
		(void)!move_to(d, &d->home);
	}
	shared = now->own;
	cpuset_and(&shared, &now->cpus);
	now->is_shared = !cpuset_is_empty(&shared);
}

static void take_state(struct dashboard *d, const struct measure_job *job)
{
	struct measuring before = d->measuring;

	d->measuring = job->now;
	keep_off(d);
	if (job->order != ORDER_LOOK)
		d->measuring_since_ns = host_now_ns(d->context->host);
	if (job->now.state == MEASURING_ON)
		return;
	/* What was chosen last stays chosen in the dialog. */
	d->measuring.wish = job->order == ORDER_START ? job->wish : before.wish;
	if (job->result < 0)
		snprintf(d->measuring.why, sizeof(d->measuring.why), "not measured: %.200s",
			 job->now.why);
	else
		snprintf(d->measuring.why, sizeof(d->measuring.why), "not measured: %.100s",
			 d->why_stopped);
}

bool dashboard_take_measured(struct dashboard *d, struct sampler_job *done)
{
	struct measure_job *job = d->measuring_job;

	if (!job || done != &job->job)
		return false;
	take_state(d, job);
	if (job->result < 0)
		ui_refused(&d->ui, job->now.why);
	d->measuring_job = NULL;
	free(job);
	job = d->measuring_next;
	d->measuring_next = NULL;
	if (job) {
		submit(d, job);
		return true;
	}
	if (d->is_suspending) {
		d->is_suspending = false;
		dashboard_suspend(d);
		dashboard_measure(d, &d->measuring.wish);
		return true;
	}
	dashboard_check_measured(d);
	return true;
}

void dashboard_drop_measured(struct dashboard *d)
{
	free(d->measuring_job);
	free(d->measuring_next);
	d->measuring_job = NULL;
	d->measuring_next = NULL;
	stop_threads(d->context->host);
}

/* --- the start --- */

void dashboard_init_measuring(struct dashboard *d)
{
	struct host *host = d->context->host;
	struct cpuset *isolated;

	d->measuring.state = MEASURING_OFF;
	d->measuring.wish.engine = &engine_wakeup;
	if (!host_is_this_machine(host)) {
		d->measuring.state = MEASURING_NEVER;
		snprintf(d->measuring.why, sizeof(d->measuring.why),
			 "not measured: this is not the live machine");
		return;
	}
	snprintf(d->measuring.why, sizeof(d->measuring.why), "not measured (--no-measure)");
	if (host_get_affinity(host, 0, &d->allowed) < 0)
		return;
	/* UI and sampler stay off isolated CPUs when there are others. */
	d->home = d->allowed;
	isolated = xcalloc(1, sizeof(*isolated));
	if (host_read_cpulistf(host, isolated, "sys/devices/system/cpu/isolated") >= 0)
		cpuset_andnot(&d->home, isolated);
	free(isolated);
	if (cpuset_is_empty(&d->home))
		d->home = d->allowed;
	if (!cpuset_equal(&d->home, &d->allowed))
		(void)!host_set_affinity(host, 0, &d->home); /* staying is no error */
	d->measuring.own = d->home;
}
