/*
 * The check against cyclictest: our figures of the last 10 s, then 10 s of cyclictest on the same
 * CPUs with our threads there stopped, then ours again as they were. The child runs beside the
 * event loop and dies with this thread.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/reference.h"
#include "tui/dashboard_internal.h"

struct check_run {
	struct reference_check data; /* what the screen shows */
	struct host *host;	     /* the sampler has the other one */
	struct reference *reference; /* while it runs */
	sd_event_source *source;
	/* How it was before the check. */
	struct measuring_wish before;
	bool was_on, is_changed;
	bool is_waiting;	    /* for an order to measuring that was under way before */
	struct measure_options ran; /* what our threads really ran with */
};

const struct reference_check *dashboard_check_data(const struct dashboard *d)
{
	return d->check ? &d->check->data : NULL;
}

/* --- the end --- */

/* Ours again as it was; not when nothing was changed. */
static void restore(struct dashboard *d)
{
	struct check_run *run = d->check;

	if (run->is_changed && run->was_on)
		dashboard_measure(d, &run->before);
	else if (run->is_changed)
		dashboard_measure_stop(d, "stopped, m starts it");
	run->is_changed = false;
}

static void end_reference(struct check_run *run)
{
	sd_event_source_disable_unref(run->source);
	run->source = NULL;
	reference_free(run->reference);
	run->reference = NULL;
}

static void fail(struct dashboard *d, const char *what, const char *why)
{
	struct check_run *run = d->check;

	end_reference(run);
	run->data.phase = CHECK_FAILED;
	snprintf(run->data.why, sizeof(run->data.why), "%.50s%.200s", what, why);
	restore(d);
}

static void drop(struct dashboard *d)
{
	if (!d->check)
		return;
	end_reference(d->check);
	host_close(d->check->host);
	free(d->check);
	d->check = NULL;
}

void dashboard_check_cancel(struct dashboard *d)
{
	if (!d->check)
		return;
	end_reference(d->check);
	restore(d);
	drop(d);
	ui_message(&d->ui, ROLE_TEXT, "the check was cancelled");
}

void dashboard_drop_check(struct dashboard *d)
{
	drop(d);
}

/* --- the second half: theirs --- */

static void note_conditions(struct dashboard *d, const struct reference_result *result)
{
	struct reference_check *data = &d->check->data;
	char interval[24];

	snprintf(data->theirs.name, sizeof(data->theirs.name), "%s", result->engine->name);
	snprintf(data->theirs.how, sizeof(data->theirs.how), "%.40s, %s %u, every %s",
		 result->version, measuring_policy_name(result->policy), result->priority,
		 format_ns(result->interval_ns, interval, sizeof(interval)));
	snprintf(data->command, sizeof(data->command), "%s", result->command);
	snprintf(data->confounders, sizeof(data->confounders),
		 "%s.\nOne after the other, not at once: the load may have changed between.\n"
		 "/dev/cpu_dma_latency was left alone in both: idle states as they are.%s%s",
		 data->theirs.how,
		 result->resolution_ns >= 500 ? "\nIt cuts its values to whole microseconds." : "",
		 result->policy == MEASURE_OTHER
			 ? "\nBoth ran as ordinary tasks, without real-time priority."
			 : "");
}

static void take_result(struct dashboard *d)
{
	struct reference_check *data = &d->check->data;
	const struct reference_result *result = reference_result(d->check->reference);

	if (!result || result->error) {
		fail(d, "cyclictest: ", result ? result->error : "no result");
		return;
	}
	histogram_zero(&data->theirs.histogram);
	for (unsigned i = 0; i < result->n_cpus; i++)
		histogram_add(&data->theirs.histogram, &result->cpus[i].histogram);
	data->resolution_ns = result->resolution_ns;
	data->distance =
		check_distance(&data->ours.histogram, &data->theirs.histogram, data->resolution_ns);
	note_conditions(d, result);
	end_reference(d->check);
	data->phase = CHECK_DONE;
	restore(d);
}

static int on_reference(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct dashboard *d = arg;

	(void)source;
	(void)fd;
	(void)revents;
	reference_step(d->check->reference);
	if (reference_is_done(d->check->reference))
		take_result(d);
	d->is_dirty = true;
	return 0;
}

static void start_reference(struct dashboard *d)
{
	struct check_run *run = d->check;
	struct reference_options options;
	int r;

	reference_options_init(&options);
	options.cpus = run->data.cpus;
	options.duration_ns = CHECK_DURATION_NS;
	options.interval_ns = run->ran.interval_ns;
	options.policy = run->ran.policy;
	options.priority = run->ran.priority;
	options.allowed = d->home;
	r = reference_start(run->host, &engine_cyclictest, &options, &run->reference, run->data.why,
			    sizeof(run->data.why));
	if (r < 0) {
		char why[sizeof(run->data.why)];

		snprintf(why, sizeof(why), "%s", run->data.why[0] ? run->data.why : strerror(-r));
		run->reference = NULL;
		fail(d, "cyclictest: ", why);
		return;
	}
	run->data.phase = CHECK_REFERENCE;
	run->data.start_ns = host_now_ns(d->context->host);
	r = sd_event_add_io(d->events, &run->source, reference_fd(run->reference), EPOLLIN,
			    on_reference, d);
	if (r < 0)
		fail(d, "the event loop: ", strerror(-r));
}

/* --- the first half: ours --- */

/* Our threads leave these CPUs; those on others go on. */
static void pause_ours(struct dashboard *d)
{
	struct check_run *run = d->check;
	struct measuring_wish rest = d->measuring.wish;

	run->data.phase = CHECK_PAUSING;
	run->is_changed = true;
	run->ran = d->measuring.wish.options;
	if (d->measuring.n_fallen_back) {
		run->ran.policy = MEASURE_OTHER;
		run->ran.priority = 0;
	}
	rest.options.cpus = d->measuring.cpus;
	cpuset_andnot(&rest.options.cpus, &run->data.cpus);
	if (cpuset_is_empty(&rest.options.cpus))
		dashboard_measure_stop(d, "cyclictest runs");
	else
		dashboard_measure(d, &rest);
}

/* Adds up what the history holds; false: some CPU has not been measured that long. */
static bool collect_ours(struct dashboard *d, uint64_t now_ns)
{
	struct reference_check *data = &d->check->data;
	/* Columns count when they lie wholly within: one more at the edge. */
	uint64_t back_ns = CHECK_DURATION_NS + 2 * d->options.period_ns;
	uint64_t from_ns = d->measuring_since_ns;
	bool is_enough = true;

	if (now_ns > from_ns + back_ns)
		from_ns = now_ns - back_ns;
	histogram_zero(&data->ours.histogram);
	for (unsigned cpu = cpuset_next(&data->cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&data->cpus, cpu + 1)) {
		char key[16];
		uint64_t covered_ns = 0;

		snprintf(key, sizeof(key), "cpu:%u", cpu);
		(void)history_histogram(d->history, key, "wakeup_window", from_ns, now_ns,
					&data->ours.histogram, &covered_ns);
		is_enough &= covered_ns >= CHECK_DURATION_NS - NSEC_PER_SEC / 2;
	}
	return is_enough;
}

void dashboard_check_tick(struct dashboard *d)
{
	struct check_run *run = d->check;
	uint64_t now_ns = host_now_ns(d->context->host);
	uint64_t patience_ns = 2 * CHECK_DURATION_NS + 3 * d->options.period_ns;

	if (!run || run->data.phase != CHECK_OURS || run->is_waiting ||
	    d->measuring.state != MEASURING_ON)
		return;
	if (!cpuset_is_subset(&run->data.cpus, &d->measuring.cpus))
		fail(d, "", "our own engine does not measure all of these CPUs: m says why");
	else if (collect_ours(d, now_ns))
		pause_ours(d);
	else if (now_ns - run->data.start_ns > patience_ns)
		fail(d, "", "our own figures did not come");
}

static void name_ours(struct dashboard *d, const struct measuring_wish *wish)
{
	snprintf(d->check->data.ours.name, sizeof(d->check->data.ours.name), "%s",
		 wish->engine->name);
}

static const char *why_no_check(struct dashboard *d, char *why, size_t size)
{
	int r = host_open_live(&d->check->host);

	if (r < 0) {
		snprintf(why, size, "cannot open the host: %s", strerror(-r));
		return why;
	}
	r = reference_check(d->check->host, &engine_cyclictest, why, size);
	if (r < 0)
		return why[0] ? why : strerror(-r);
	if (!cpuset_is_subset(&d->check->data.cpus, &d->online))
		return "not all of these CPUs are online";
	return NULL;
}

/* Our threads are settled: what there is now is what will be again afterwards. */
static void begin(struct dashboard *d)
{
	struct check_run *run = d->check;
	struct measuring_wish wish = {.engine = &engine_wakeup};

	run->is_waiting = false;
	run->before = d->measuring.wish;
	run->was_on = d->measuring.state == MEASURING_ON;
	name_ours(d, &wish);
	if (run->was_on && run->before.engine == &engine_wakeup &&
	    cpuset_is_subset(&run->data.cpus, &d->measuring.cpus)) {
		dashboard_check_tick(d); /* maybe there is enough already */
		return;
	}
	if (run->before.engine == &engine_wakeup)
		wish.options = run->before.options;
	wish.options.cpus = run->data.cpus;
	run->is_changed = true;
	dashboard_measure(d, &wish);
}

void dashboard_check_measured(struct dashboard *d)
{
	struct check_run *run = d->check;

	if (!run)
		return;
	if (run->data.phase == CHECK_PAUSING) {
		start_reference(d);
	} else if (run->data.phase == CHECK_OURS && run->is_waiting) {
		begin(d);
	} else if (run->data.phase == CHECK_OURS) {
		if (d->measuring.state != MEASURING_ON)
			fail(d, "our own engine does not run: ", d->measuring.why);
		else
			run->data.start_ns = host_now_ns(d->context->host);
	}
}

void dashboard_check(struct dashboard *d, const struct cpuset *cpus)
{
	struct check_run *run;
	char why[256] = "";
	const char *refused;

	if (check_is_running(dashboard_check_data(d)))
		return;
	drop(d);
	run = d->check = xcalloc(1, sizeof(*run));
	run->data.cpus = *cpus;
	run->data.distance = NAN;
	run->data.start_ns = host_now_ns(d->context->host);
	refused = why_no_check(d, why, sizeof(why));
	if (refused) {
		fail(d, "", refused);
		return;
	}
	run->data.phase = CHECK_OURS;
	run->is_waiting = true;
	if (d->measuring.state != MEASURING_CHANGING)
		begin(d);
}
