/*
 * `jittertop` without a command: options, start and end. The order of starting matters: the guard
 * first (it forks), then the sampler, then the terminal, and when the first frame stands, the
 * measuring threads.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "tui/dashboard_internal.h"

static const struct history_metric history_metrics[] = {
	{"cpu", "wakeup_window", 960}, /* columns of 0.95 s and more: 15 minutes at least */
	{"cpu", "noise_window", 960},
	{"cpu", "idle_ns", 240},
	CULPRIT_HISTORY,
};

/* --- options --- */

static int take_delay(const char *text, struct dashboard_options *options)
{
	uint64_t ns;

	if (parse_duration_ns(text, &ns) < 0 || ns < 100 * NSEC_PER_MSEC ||
	    ns > 3600 * NSEC_PER_SEC)
		return cmd_usage("--delay",
				 "\"%s\" is no period: 0.1 to 3600 seconds, for example "
				 "-d 2",
				 text);
	options->period_ns = ns;
	return 0;
}

static int take_revert_after(const char *text, struct dashboard_options *options)
{
	uint64_t ns;

	if (parse_duration_ns(text, &ns) < 0 || ns < CMD_MIN_REVERT_NS || ns > CMD_MAX_REVERT_NS)
		return cmd_usage("--revert-after", "%s: say 30s, 500ms, 2min, at most 168h", text);
	options->revert_after_ns = ns;
	return 0;
}

static int take_view(const char *text, struct dashboard_options *options)
{
	if (view_by_name(text) < 0)
		return cmd_usage("--view",
				 "there is no view \"%s\": host jitter irq nic memory knobs "
				 "effect table",
				 text);
	options->view = text;
	return 0;
}

/* An option with a value: "--name value", "--name=value". 1: it is this one. */
static int match_value(const char *name, int argc, char **argv, int *i, const char **ret)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], name, n) == 0 && argv[*i][n] == '=') {
		*ret = argv[*i] + n + 1;
		return 1;
	}
	if (strcmp(argv[*i], name) != 0)
		return 0;
	*ret = *i + 1 < argc ? argv[++*i] : NULL;
	return 1;
}

static int take_option(int argc, char **argv, int *i, struct dashboard_options *options)
{
	const char *word = argv[*i], *value = NULL;
	bool is_delay = false;

	if (strcmp(word, "--ascii") == 0) {
		options->is_ascii = true;
		return 0;
	}
	if (strcmp(word, "--no-measure") == 0) {
		options->has_measure = false;
		return 0;
	}
	if (strcmp(word, "--no-mouse") == 0) {
		options->has_mouse = false;
		return 0;
	}
	if (strncmp(word, "-d", 2) == 0 && word[2] && word[2] != '=') /* -d2 */
		return take_delay(word + 2, options);
	is_delay = match_value("-d", argc, argv, i, &value) ||
		   match_value("--delay", argc, argv, i, &value);
	if (is_delay)
		return value ? take_delay(value, options) : cmd_usage(word, "needs a value");
	if (match_value("--view", argc, argv, i, &value))
		return value ? take_view(value, options) : cmd_usage(word, "needs a value");
	if (match_value("--revert-after", argc, argv, i, &value))
		return value ? take_revert_after(value, options) : cmd_usage(word, "needs a value");
	if (match_value("--theme", argc, argv, i, &value)) {
		options->theme = value;
		return value ? 0 : cmd_usage(word, "needs a value");
	}
	return cmd_usage(word, "is no option of the dashboard; jittertop --help lists them");
}

static int parse_options(struct context *context, struct dashboard_options *ret)
{
	*ret = (struct dashboard_options){
		.period_ns = NSEC_PER_SEC, .has_measure = true, .has_mouse = true};
	for (int i = 1; i < context->argc; i++) {
		int status = take_option(context->argc, context->argv, &i, ret);

		if (status)
			return status;
	}
	return 0;
}

static char *find_config_dir(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && config[0] == '/')
		return xasprintf("%s/jittertop", config);
	return home && home[0] == '/' ? xasprintf("%s/.config/jittertop", home) : NULL;
}

/* --- start --- */

static void start_guard(struct dashboard *d)
{
	enum guard_state state = GUARD_ABSENT;

	if (!d->context->is_read_only) {
		int r = guard_start(&d->context->guard, &d->guard, d->why_no_guard,
				    sizeof(d->why_no_guard));

		if (r < 0 && !d->why_no_guard[0])
			snprintf(d->why_no_guard, sizeof(d->why_no_guard), "no guard: %s",
				 strerror(-r));
		/* What it really is comes as its first event. */
		state = r < 0 ? GUARD_ABSENT : GUARD_RECOVERING;
	}
	session_init(&d->session, state, d->why_no_guard);
	d->event_room = guard_event_new();
}

/* Blocked in every thread: they arrive through the event loop only. After the guard was forked,
 * which handles its own. */
static void block_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
	sigset_t set;

	(void)sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&set, signals[i]);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int start_terminal(struct dashboard *d)
{
	char why[256] = "";
	const char *theme = d->options.theme	   ? d->options.theme
			    : d->context->is_color ? "default"
						   : "mono";
	int r = term_open(d->options.has_mouse, &d->term, why, sizeof(why));

	if (r < 0)
		return cmd_error("terminal", "%s", why);
	if (dashboard_load_theme(d, theme, why, sizeof(why)) < 0)
		ui_message(&d->ui, ROLE_ERROR, "%s", why);
	surface_init(&d->surface, 1, 1, d->options.is_ascii || !term_is_utf8());
	return 0;
}

static int start(struct dashboard *d)
{
	int r;

	start_guard(d);
	block_signals();
	dashboard_init_measuring(d);
	d->history = history_new(history_metrics, ARRAY_SIZE(history_metrics));
	d->sampler = sampler_new(d->context->host, d->context->schema, d->context->registry->probes,
				 d->context->registry->n_probes);
	ui_init(&d->ui);
	if (d->options.view)
		ui_select_view(&d->ui, (unsigned)view_by_name(d->options.view));
	dashboard_want(d);
	r = sampler_start(d->sampler, d->options.period_ns);
	if (r < 0)
		return cmd_error("sampler", "cannot start its thread: %s", strerror(-r));
	r = start_terminal(d);
	if (r)
		return r;
	dashboard_draw(d); /* at once: the first snapshot follows within milliseconds */
	/* After the first frame: it looks at every task of the machine before it starts. */
	if (d->options.has_measure && d->measuring.state != MEASURING_NEVER)
		dashboard_measure(d, &d->measuring.wish);
	r = dashboard_add_sources(d);
	return r < 0 ? cmd_error("event loop", "%s", strerror(-r)) : 0;
}

/* --- end --- */

static void stop(struct dashboard *d)
{
	/* The terminal first: whoever waits for the prompt gets it; then the trials. */
	term_close(d->term);
	guard_close(d->guard);
	sd_event_source_unref(d->countdown);
	dashboard_drop_check(d);
	sd_event_unref(d->events);
	sampler_free(d->sampler);
	dashboard_drop_jobs(d);
	dashboard_drop_measured(d);
	machine_free(d->machine);
	snapshot_unref(d->shown);
	snapshot_unref(d->latest);
	history_free(d->history);
	if (d->ui.states)
		ui_done(&d->ui);
	session_done(&d->session);
	surface_done(&d->surface);
	guard_event_free(d->event_room);
	free(d->config_dir);
}

int cmd_dashboard(struct context *context)
{
	struct dashboard d = {.context = context, .self_share = NAN, .self_wakeups_hz = NAN};
	char why[256] = "";
	int status = parse_options(context, &d.options);

	if (status)
		return status;
	(void)setlocale(LC_CTYPE, "");
	/* Before the guard and the measuring threads exist: nothing to take down. */
	if (term_check(why, sizeof(why)) < 0)
		return cmd_error("terminal", "%s", why);
	d.config_dir = find_config_dir();
	status = start(&d);
	if (!status) {
		int r = dashboard_run(&d);

		status = r < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	stop(&d);
	return status;
}
