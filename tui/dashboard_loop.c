/*
 * The event loop of the UI thread: keys, snapshots, guard events, signals. It waits here only, and
 * draws after everything that waited has been handled, so that a storm of keys or resizes costs one
 * frame.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tui/dashboard_internal.h"

#define TOUCH_EVERY_NS NSEC_PER_SEC
#define MAX_EVENTS_PER_FRAME 64

static bool is_measured(const struct dashboard *d)
{
	return d->measuring.state == MEASURING_ON || d->measuring.state == MEASURING_CHANGING;
}

void dashboard_frame(struct dashboard *d, struct frame *ret)
{
	static const char *const sources[] = {
		[HOST_LIVE] = "",     [HOST_CAPTURED] = "CAPTURED", [HOST_SYNTHETIC] = "SYNTHETIC",
		[HOST_FAKE] = "FAKE", [HOST_SCRATCH] = "SCRATCH",
	};

	*ret = (struct frame){
		.snap = d->shown,
		.machine = d->machine,
		.history = d->history,
		.session = &d->session,
		.knobs = d->knobs,
		.now_ns = host_now_ns(d->context->host),
		.boottime_ns = host_boottime_ns(d->context->host),
		.self_share = d->self_share,
		.self_wakeups_hz = d->self_wakeups_hz,
		.period_ns = d->options.period_ns,
		.source = sources[host_kind(d->context->host)],
		.why_no_change = dashboard_why_no_change(d),
		.why_not_measured = is_measured(d) ? NULL : d->measuring.why,
		.measuring = &d->measuring,
		.check = dashboard_check_data(d),
		.is_paused = d->is_paused,
	};
}

/* A countdown needs a frame per second; ticks give them unless they are slower. */
static void arm_countdown(struct dashboard *d, const struct frame *frame)
{
	bool is_wanted = session_open_trial(frame->session) &&
			 (d->is_paused || d->options.period_ns > NSEC_PER_SEC);

	if (is_wanted)
		(void)sd_event_source_set_time(d->countdown,
					       (frame->now_ns + NSEC_PER_SEC) / NSEC_PER_USEC);
	(void)sd_event_source_set_enabled(d->countdown,
					  is_wanted ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void dashboard_draw(struct dashboard *d)
{
	struct frame frame;
	int width, height;

	dashboard_frame(d, &frame);
	term_resize(d->term, &width, &height);
	if (width != d->surface.width || height != d->surface.height)
		surface_resize(&d->surface, width, height);
	ui_draw(&d->ui, &frame, &d->surface);
	/* A line that takes nothing now gets the next frame. */
	d->is_dirty = false;
	(void)term_flush(d->term, &d->surface);
	d->is_quitting |= term_was_ended(d->term);
	if (d->countdown)
		arm_countdown(d, &frame);
}

void dashboard_want(struct dashboard *d)
{
	_cleanup_(freep) char *kinds = xstrdup(ui_kinds(&d->ui));
	uint64_t mask = 0;
	char *save = NULL;

	for (char *w = strtok_r(kinds, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		const struct kind *kind = schema_kind(d->context->schema, w);

		if (kind && kind->index < 64)
			mask |= UINT64_C(1) << kind->index;
	}
	sampler_want(d->sampler, mask);
}

/* --- snapshots --- */

/* A figure that flickers is not read, and costs bytes. */
static void smooth(double *figure, double now)
{
	*figure = isnan(*figure) ? now : *figure * 0.8 + now * 0.2;
}

static void update_self(struct dashboard *d, const struct snapshot *snap)
{
	const struct snapshot *prev = d->latest;

	/* The first interval holds the start: topology, opening every file. */
	if (!prev || prev->seq < 2 || snap->time_ns <= prev->time_ns ||
	    snap->self_cpu_ns < prev->self_cpu_ns)
		return;
	double passed_ns = (double)(snap->time_ns - prev->time_ns);

	smooth(&d->self_share, (double)(snap->self_cpu_ns - prev->self_cpu_ns) / passed_ns);
	smooth(&d->self_wakeups_hz,
	       (double)(snap->self_wakeups - prev->self_wakeups) * 1e9 / passed_ns);
}

static void show(struct dashboard *d)
{
	const struct snapshot *old = d->shown;
	struct cpuset online = d->online;

	d->shown = snapshot_ref(d->latest);
	machine_free(d->machine);
	d->machine = machine_new(d->shown, is_measured(d) ? d->history : NULL);
	cpuset_zero(&d->online);
	for (unsigned i = 0; i < d->machine->n_cpus; i++) {
		if (d->machine->cpus[i].is_online && d->machine->cpus[i].number < CPUSET_MAX)
			cpuset_add(&d->online, d->machine->cpus[i].number);
	}
	if (!cpuset_equal(&online, &d->online))
		dashboard_measure_look(d);
	snapshot_unref(old);
}

static void take_snapshot(struct dashboard *d)
{
	const struct snapshot *snap = sampler_take(d->sampler);

	if (!snap)
		return;
	update_self(d, snap);
	history_feed(d->history, snap);
	snapshot_unref(d->latest);
	d->latest = snap;
	session_evaluate(&d->session, d->history, snap->time_ns);
	if (!d->is_paused || !d->shown)
		show(d);
	d->is_dirty = true;
	dashboard_check_tick(d);
	/* Values of knobs are read anew while they are on screen, and once at the start. */
	if (!d->knobs || strcmp(view_registry[d->ui.view]->name, "knobs") == 0)
		dashboard_refresh_knobs(d);
}

static int on_sampler(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct dashboard *d = arg;

	(void)source;
	(void)fd;
	(void)revents;
	take_snapshot(d);
	dashboard_take_jobs(d);
	return 0;
}

/* --- the guard --- */

static void tell(struct dashboard *d, const struct guard_event *e)
{
	if (e->type != GUARD_EVENT_TRANSACTION)
		return;
	if (e->transaction == TRANSACTION_REFUSED || e->transaction == TRANSACTION_RESIDUE)
		ui_message(&d->ui, ROLE_ERROR, "%.100s %s: %s", e->plan.title,
			   transaction_state_name(e->transaction), e->text);
	else if (e->transaction != TRANSACTION_APPLYING)
		d->ui.message[0] = 0; /* "applying ..." is over: the strip says the rest */
}

static int on_guard(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct dashboard *d = arg;
	int r;

	(void)fd;
	(void)revents;
	while ((r = guard_receive(d->guard, d->event_room)) > 0) {
		bool is_news = session_is_news(&d->session, d->event_room);

		session_handle(&d->session, d->event_room, &d->online,
			       host_wall_ns(d->context->host));
		if (is_news)
			tell(d, d->event_room);
		d->is_dirty = true;
		if (d->event_room->type == GUARD_EVENT_TRANSACTION) {
			history_cut(d->history, host_now_ns(d->context->host));
			sampler_kick(d->sampler);
			dashboard_list_knobs(d);
		}
	}
	if (r < 0) {
		d->session.guard = GUARD_LOST;
		d->is_dirty = true;
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	return 0;
}

/* --- the terminal --- */

static void touch_guard(struct dashboard *d)
{
	uint64_t now = host_now_ns(d->context->host);

	if (!d->guard || !session_open_trial(&d->session) || now - d->touched_ns < TOUCH_EVERY_NS)
		return;
	d->touched_ns = now;
	(void)guard_touch(d->guard);
}

static int on_terminal(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct dashboard *d = arg;
	struct key key;

	(void)source;
	(void)fd;
	/* A lost terminal: nobody is there to see the end. EPOLLIN with nothing to read too, as
	 * curses would hide that and we would spin. */
	if ((revents & (EPOLLHUP | EPOLLERR)) || term_is_gone(d->term)) {
		d->is_quitting = true;
		return 0;
	}
	while (!d->is_quitting && term_key(d->term, &key) > 0) {
		struct ui_action action;
		struct frame frame;

		dashboard_frame(d, &frame);
		ui_key(&d->ui, &frame, &key, &action);
		dashboard_act(d, &action);
		dashboard_want(d);
		touch_guard(d);
	}
	d->is_dirty = true;
	return 0;
}

/* The kernel's own stop, not SIGSTOP: it is ignored where no shell could continue us (ssh -t). */
static void stop_by_default(void)
{
	sigset_t stop, before;

	(void)signal(SIGTSTP, SIG_DFL); /* curses has put a handler of its own there */
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTSTP);
	(void)raise(SIGTSTP);
	(void)pthread_sigmask(SIG_UNBLOCK, &stop, &before);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void dashboard_suspend(struct dashboard *d)
{
	term_suspend(d->term);
	stop_by_default();
	term_resume(d->term);
	d->is_dirty = true;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct dashboard *d = arg;

	(void)source;
	if (info->ssi_signo == SIGTSTP) {
		if (dashboard_measure_suspend(d))
			dashboard_suspend(d);
	} else if (info->ssi_signo != SIGWINCH) {
		d->is_quitting = true;
	}
	d->is_dirty = true;
	return 0;
}

static int on_countdown(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	((struct dashboard *)arg)->is_dirty = true;
	return 0;
}

int dashboard_add_sources(struct dashboard *d)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
	int r = sd_event_new(&d->events);

	if (r < 0)
		return r;
	r = sd_event_add_io(d->events, NULL, term_fd(d->term), EPOLLIN, on_terminal, d);
	if (r >= 0)
		r = sd_event_add_io(d->events, NULL, sampler_fd(d->sampler), EPOLLIN, on_sampler,
				    d);
	if (r >= 0 && d->guard)
		r = sd_event_add_io(d->events, NULL, guard_fd(d->guard), EPOLLIN, on_guard, d);
	for (unsigned i = 0; i < ARRAY_SIZE(signals) && r >= 0; i++)
		r = sd_event_add_signal(d->events, NULL, signals[i], on_signal, d);
	if (r >= 0)
		r = sd_event_add_time(d->events, &d->countdown, CLOCK_MONOTONIC, UINT64_MAX, 0,
				      on_countdown, d);
	return r < 0 ? r : 0;
}

int dashboard_run(struct dashboard *d)
{
	int r = 0;

	while (!d->is_quitting && r >= 0) {
		r = sd_event_run(d->events, UINT64_MAX);
		for (unsigned i = 0; i < MAX_EVENTS_PER_FRAME && r > 0 && !d->is_quitting; i++)
			r = sd_event_run(d->events, 0);
		if (d->is_dirty && !d->is_quitting)
			dashboard_draw(d);
	}
	return r < 0 ? r : 0;
}
