/* What the user asked for: guard requests, period, theme. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/dashboard_internal.h"

#define PERIOD_MIN_NS (100 * NSEC_PER_MSEC)
#define PERIOD_MAX_NS (60 * NSEC_PER_SEC)

const char *dashboard_why_no_change(const struct dashboard *d)
{
	if (d->context->why_read_only)
		return d->context->why_read_only;
	if (!d->guard)
		return d->why_no_guard[0] ? d->why_no_guard : "there is no guard process";
	switch (d->session.guard) {
	case GUARD_READY:
		return NULL;
	case GUARD_ABSENT:
		return d->session.guard_text[0] ? d->session.guard_text
						: "there is no guard process";
	case GUARD_LOCKED:
		return d->session.guard_text[0] ? d->session.guard_text
						: "another jittertop holds the lock";
	case GUARD_RECOVERING:
		return "the guard still looks for what an instance that died left behind";
	case GUARD_LOST:
		return "the guard process died: its sleeper takes everything back";
	}
	return NULL;
}

int dashboard_load_theme(struct dashboard *d, const char *name, char *why, size_t why_size)
{
	int r = theme_load(d->config_dir, name, &d->theme, why, why_size);

	if (r < 0 && d->theme.name[0] == 0)
		theme_builtin(&d->theme);
	if (d->term)
		term_set_theme(d->term, &d->theme);
	return r;
}

/* After the last theme comes the first again; themes that do not load are passed over. */
static void next_theme(struct dashboard *d)
{
	char why[256] = "";
	_cleanup_(freep) char *name = theme_name_after(d->config_dir, d->theme.name);

	if (!name)
		name = theme_name_after(d->config_dir, "");
	if (!name)
		name = xstrdup("default");
	if (dashboard_load_theme(d, name, why, sizeof(why)) < 0)
		ui_message(&d->ui, ROLE_ERROR, "%s", why);
	else
		ui_message(&d->ui, ROLE_TEXT, "theme %s", d->theme.name);
	/* A broken one must not end the round. */
	snprintf(d->theme.name, sizeof(d->theme.name), "%s", name);
}

static void change_period(struct dashboard *d, bool is_faster)
{
	uint64_t p = d->options.period_ns;

	p = is_faster ? p / 2 : p * 2;
	p = p < PERIOD_MIN_NS ? PERIOD_MIN_NS : p > PERIOD_MAX_NS ? PERIOD_MAX_NS : p;
	d->options.period_ns = p;
	sampler_set_period(d->sampler, p);
	ui_message(&d->ui, ROLE_TEXT, "refresh every %.3g s", (double)p / 1e9);
}

/* Newest first, as they would be taken back on loss. Only what this session changed. */
static int undo_all(struct dashboard *d)
{
	int first_error = guard_undo_all(d->guard, false);

	for (unsigned i = d->session.n_changes; i-- > 0;) {
		const struct session_change *c = &d->session.changes[i];
		int r = c->state == TRANSACTION_KEPT ? guard_undo(d->guard, c->id) : 0;

		first_error = first_error ? first_error : r;
	}
	return first_error;
}

static void ask_guard(struct dashboard *d, const struct ui_action *action)
{
	uint64_t request;
	int r = -ENOTCONN;

	if (!d->guard) {
		ui_message(&d->ui, ROLE_WARNING, "nothing can be changed: %s",
			   dashboard_why_no_change(d));
		return;
	}
	if (action->type == ACTION_APPLY)
		r = guard_apply(d->guard, action->plan, d->options.revert_after_ns, &request);
	else if (action->type == ACTION_KEEP)
		r = guard_keep(d->guard, action->id);
	else if (action->type == ACTION_UNDO)
		r = guard_undo(d->guard, action->id);
	else
		r = undo_all(d);
	if (r < 0)
		ui_message(&d->ui, ROLE_ERROR, "the guard took no request: %s", strerror(-r));
	else
		ui_message(&d->ui, ROLE_TEXT, "%s ...",
			   action->type == ACTION_APPLY	 ? "applying"
			   : action->type == ACTION_KEEP ? "keeping"
							 : "taking back");
}

static void change_measuring(struct dashboard *d, const struct ui_action *action)
{
	if (check_is_running(dashboard_check_data(d)))
		ui_refused(&d->ui, "the check against cyclictest is running: C shows it");
	else if (action->type == ACTION_MEASURE)
		dashboard_measure(d, action->wish);
	else if (action->type == ACTION_MEASURE_STOP)
		dashboard_measure_stop(d, "stopped, m starts it");
	else
		dashboard_measure_reset(d);
}

void dashboard_act(struct dashboard *d, const struct ui_action *action)
{
	switch (action->type) {
	case ACTION_NONE:
		return;
	case ACTION_QUIT:
		d->is_quitting = true;
		return;
	case ACTION_PLAN:
		dashboard_plan(d, action);
		return;
	case ACTION_APPLY:
	case ACTION_KEEP:
	case ACTION_UNDO:
	case ACTION_UNDO_ALL:
		ask_guard(d, action);
		return;
	case ACTION_PAUSE:
		d->is_paused = !d->is_paused;
		return;
	case ACTION_FASTER:
	case ACTION_SLOWER:
		change_period(d, action->type == ACTION_FASTER);
		return;
	case ACTION_THEME:
		next_theme(d);
		return;
	case ACTION_MEASURE:
	case ACTION_MEASURE_STOP:
	case ACTION_MEASURE_RESET:
		change_measuring(d, action);
		return;
	case ACTION_CHECK:
		dashboard_check(d, &action->wish->options.cpus);
		return;
	case ACTION_CHECK_CANCEL:
		dashboard_check_cancel(d);
		return;
	case ACTION_REDRAW:
		term_redraw(d->term);
		return;
	case ACTION_MOUSE:
		d->options.has_mouse = !d->options.has_mouse;
		term_set_mouse(d->term, d->options.has_mouse);
		ui_message(&d->ui, ROLE_TEXT, "mouse %s", d->options.has_mouse ? "on" : "off");
		return;
	}
}
