/* The dashboard: dashboard.c (options, start, end), dashboard_loop.c (events), dashboard_jobs.c. */
#ifndef JT_TUI_DASHBOARD_INTERNAL_H
#define JT_TUI_DASHBOARD_INTERNAL_H

#include <systemd/sd-event.h>

#include "core/guard.h"
#include "core/host.h"
#include "core/measure.h"
#include "core/sampler.h"
#include "tui/cmd.h"
#include "tui/term.h"
#include "tui/ui.h"

struct dashboard_options {
	uint64_t period_ns;
	uint64_t revert_after_ns; /* of every trial, exactly; 0: 120 s without a key */
	const char *theme, *view;
	bool is_ascii, has_measure, has_mouse;
};

struct check_run;
struct knob_owners;
struct list_job;
struct measure_job;
struct plan_job;

struct dashboard {
	struct context *context;
	struct dashboard_options options;
	char *config_dir; /* NULL: none */

	struct guard *guard; /* NULL: absent */
	struct guard_event *event_room;
	char why_no_guard[256];
	uint64_t touched_ns; /* last guard_touch() */

	struct measuring measuring;
	struct measure_job *measuring_job;  /* under way */
	struct measure_job *measuring_next; /* waits for it */
	uint64_t measuring_since_ns;	    /* with these options */
	char why_stopped[120];
	bool is_suspending;    /* as soon as nothing measures */
	struct cpuset allowed; /* what this program was started with */
	struct cpuset home;    /* of these: where it runs when nothing is measured */
	struct check_run *check;
	struct sampler *sampler;
	struct history *history;
	const struct snapshot *latest; /* newest taken */
	const struct snapshot *shown;  /* on screen: another one while paused */
	struct machine *machine;       /* of shown */
	struct cpuset online;
	double self_share, self_wakeups_hz;

	struct knob_list *knobs;
	uint64_t list_seq, listed_ns;
	struct knob_owners *owners;
	struct list_job *listing;  /* under way */
	struct plan_job *planning; /* under way */
	bool is_list_stale;

	struct terminal *term;
	struct theme theme;
	struct surface surface;
	struct ui ui;
	struct session session;
	bool is_paused;

	sd_event *events;
	sd_event_source *countdown;
	bool is_dirty, is_quitting;
};

/* dashboard_loop.c */
int dashboard_add_sources(struct dashboard *d);
int dashboard_run(struct dashboard *d);
void dashboard_frame(struct dashboard *d, struct frame *ret);
void dashboard_draw(struct dashboard *d);
/* Kinds of the current view, for the on-demand probes. */
void dashboard_want(struct dashboard *d);

/* dashboard_actions.c */
void dashboard_act(struct dashboard *d, const struct ui_action *action);
int dashboard_load_theme(struct dashboard *d, const char *name, char *why, size_t why_size);
/* NULL: changes are possible. */
const char *dashboard_why_no_change(const struct dashboard *d);

/* dashboard_measure.c */
/* Before any thread is started, after the guard was forked: reads and sets our affinity. */
void dashboard_init_measuring(struct dashboard *d);
/* Starts, or stops and starts anew. Refusals come as ui_refused(). */
void dashboard_measure(struct dashboard *d, const struct measuring_wish *wish);
void dashboard_measure_stop(struct dashboard *d, const char *why);
void dashboard_measure_reset(struct dashboard *d);
/* Before this program is stopped (Ctrl-Z): the time it stands still is no latency of the machine.
 * True: nothing measures, go ahead; false: dashboard_suspend() is called when that is so. */
bool dashboard_measure_suspend(struct dashboard *d);
/* CPUs came or went: asks which threads run. */
void dashboard_measure_look(struct dashboard *d);
/* A finished job of the sampler; false: not one of measuring. */
bool dashboard_take_measured(struct dashboard *d, struct sampler_job *done);
void dashboard_drop_measured(struct dashboard *d); /* after the sampler has ended */

/* dashboard_loop.c */
/* Stops this program until somebody continues it. */
void dashboard_suspend(struct dashboard *d);

/* dashboard_check.c */
void dashboard_check(struct dashboard *d, const struct cpuset *cpus);
void dashboard_check_cancel(struct dashboard *d);
void dashboard_check_tick(struct dashboard *d);	    /* a snapshot was taken */
void dashboard_check_measured(struct dashboard *d); /* measuring started or stopped */
const struct reference_check *dashboard_check_data(const struct dashboard *d);
void dashboard_drop_check(struct dashboard *d);

/* dashboard_jobs.c: work for the sampler thread, which alone reads the host */
void dashboard_list_knobs(struct dashboard *d);
/* Only when the list is some seconds old. */
void dashboard_refresh_knobs(struct dashboard *d);
void dashboard_plan(struct dashboard *d, const struct ui_action *action);
void dashboard_take_jobs(struct dashboard *d);
void dashboard_drop_jobs(struct dashboard *d); /* after the sampler has ended */

#endif
