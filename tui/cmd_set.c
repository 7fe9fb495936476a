/*
 * jittertop set KNOB[@TARGET]=VALUE ... [--dry-run] [--measure DUR] [--revert-after DUR | --keep]
 *               [--confirm TARGET] [--json]
 *
 * All assignments are one transaction. Without --keep the guard stays behind and takes the trial
 * back at the deadline, unless `jittertop keep` comes first.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/parse.h"
#include "tui/cmd_change_internal.h"
#include "tui/cmd_set_effect.h"

#define MIN_MEASURE_NS (500 * NSEC_PER_MSEC)
#define MAX_MEASURE_NS (3600 * NSEC_PER_SEC)

struct options {
	bool is_json, is_dry_run, is_keep;
	bool is_answered;	  /* the JSON object was printed */
	uint64_t revert_after_ns; /* 0: the default */
	uint64_t measure_ns;	  /* 0: not measured */
	const char *confirmed;	  /* --confirm; NULL: not given */
	const struct knob *disruptive;
	char disruptive_target[PLAN_OBJECT_MAX];
	unsigned n_assignments;
	struct effect effect;
	char why[768]; /* what refuse() said, for the JSON */
};

static int refuse(struct options *options, int status, const char *what, const char *fmt, ...)
	_printf_(4, 5);

/* Says why on stderr as every command does, and remembers it. Returns status. */
static int refuse(struct options *options, int status, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(options->why, sizeof(options->why), fmt, ap);
	va_end(ap);
	(void)cmd_error(what, "%s", options->why);
	return status;
}

static const struct knob *find_knob(const struct context *context, const char *name, size_t len)
{
	for (const struct knob *const *at = context->registry->knobs; *at; at++) {
		if (strlen((*at)->name) == len && !strncmp((*at)->name, name, len))
			return *at;
	}
	return NULL;
}

/* The target when it was left out: the only one there is. */
static int only_target(const struct context *context, struct options *options,
		       const struct knob *knob, char *buf, size_t size)
{
	struct arena *arena = arena_new(0);
	struct knob_targets targets = {.arena = arena};
	int status = EXIT_DONE;

	if (knob->targets(context->host, &targets) || targets.n_targets != 1)
		status = refuse(options, EXIT_USAGE, knob->name,
				"say which one: %s@TARGET=VALUE; `jittertop knobs %s` lists them",
				knob->name, knob->name);
	else
		(void)snprintf(buf, size, "%s", targets.targets[0].key);
	arena_free(arena);
	return status;
}

static int add_assignment(const struct context *context, struct options *options, const char *word,
			  struct plan *plan)
{
	char target[PLAN_OBJECT_MAX] = "", why[512] = "";
	const char *equals = strchr(word, '='), *at = strchr(word, '@');

	if (!equals || (at && at > equals))
		at = NULL;
	size_t name_len = (size_t)((at ? at : equals ? equals : word) - word);
	const struct knob *knob = name_len ? find_knob(context, word, name_len) : NULL;
	if (!equals)
		return refuse(options, EXIT_USAGE, "set", "%s: say KNOB@TARGET=VALUE", word);
	if (!knob)
		return refuse(options, EXIT_USAGE, "set",
			      "%.*s: no such knob: `jittertop knobs` lists them", (int)name_len,
			      word);
	if (at) {
		size_t len = (size_t)(equals - at - 1);

		if (len == 0 || len >= sizeof(target))
			return refuse(options, EXIT_USAGE, "set", "%s: bad target", word);
		memcpy(target, at + 1, len);
		target[len] = '\0';
	} else {
		int status = only_target(context, options, knob, target, sizeof(target));

		if (status != EXIT_DONE)
			return status;
	}
	options->n_assignments++;
	if (knob->risk == KNOB_DISRUPTIVE) {
		options->disruptive = knob;
		memcpy(options->disruptive_target, target, sizeof(target));
	}
	int err = knob->plan(context->host, target, equals + 1, plan, why, sizeof(why));
	if (err == -EINVAL || err == -ENOENT || err == -EEXIST)
		return refuse(options, EXIT_USAGE, knob->name, "%s", why[0] ? why : strerror(-err));
	if (err)
		return refuse(options, EXIT_FAILED, knob->name, "%s",
			      why[0] ? why : strerror(-err));
	if (why[0])
		(void)cmd_error("note", "%s", why);
	if (knob->owner && knob->owner(context->host, target, why, sizeof(why)) == 1)
		(void)cmd_error("note", "%s: %s", target, why);
	return EXIT_DONE;
}

/* The text of "--name TEXT" or "--name=TEXT"; NULL: another word. */
static const char *option_text(const struct context *context, const char *name, int *i)
{
	const char *word = context->argv[*i];
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return NULL;
	if (word[len] == '=')
		return word + len + 1;
	if (word[len])
		return NULL;
	return *i + 1 < context->argc ? context->argv[++*i] : "";
}

static int parse_revert_after(const char *text, struct options *options)
{
	uint64_t ns;

	if (!text[0])
		return refuse(options, EXIT_USAGE, "set", "--revert-after needs a value: say 30s");
	if (parse_duration_ns(text, &ns) || ns < CMD_MIN_REVERT_NS || ns > CMD_MAX_REVERT_NS)
		return refuse(options, EXIT_USAGE, "set",
			      "--revert-after %s: say 30s, 500ms, 2min, at most 168h", text);
	options->revert_after_ns = ns;
	return EXIT_DONE;
}

static int parse_measure(const char *text, struct options *options)
{
	uint64_t ns;

	if (!text[0])
		return refuse(options, EXIT_USAGE, "set", "--measure needs a value: say 10s");
	if (parse_duration_ns(text, &ns) || ns < MIN_MEASURE_NS || ns > MAX_MEASURE_NS)
		return refuse(options, EXIT_USAGE, "set",
			      "--measure %s: say 10s, at least 500ms, at most 1h", text);
	options->measure_ns = ns;
	return EXIT_DONE;
}

/* What may cut connections or stop guests is not set by the way. */
static int check_disruptive(struct options *options)
{
	const struct knob *knob = options->disruptive;

	if (!knob)
		return EXIT_DONE;
	if (options->n_assignments > 1)
		return refuse(options, EXIT_USAGE, knob->name,
			      "is disruptive: set it alone, in a change of its own");
	if (!options->is_dry_run &&
	    (!options->confirmed || strcmp(options->confirmed, options->disruptive_target) != 0))
		return refuse(options, EXIT_USAGE, knob->name, "is disruptive: %s Say --confirm %s",
			      knob->cost, options->disruptive_target);
	return EXIT_DONE;
}

/* The options together. */
static int check_options(struct options *options, const struct plan *plan)
{
	uint64_t trial_ns =
		options->revert_after_ns ? options->revert_after_ns : GUARD_DEFAULT_DEADLINE_NS;

	if (plan->n_steps == 0)
		return refuse(options, EXIT_USAGE, "set", "say what: KNOB@TARGET=VALUE");
	if (options->is_keep && options->revert_after_ns)
		return refuse(options, EXIT_USAGE, "set",
			      "--keep and --revert-after exclude each other");
	if (options->measure_ns && !options->is_keep &&
	    trial_ns < options->measure_ns + 2 * EXPERIMENT_SETTLE_NS)
		return refuse(options, EXIT_USAGE, "set",
			      "--measure: the trial would be over before its second window: give a "
			      "longer --revert-after");
	if (options->is_keep && !options->is_dry_run && plan_has(plan, STEP_HELD))
		return refuse(options, EXIT_FAILED, "set",
			      "--keep: this setting lasts only as long as a jittertop runs that "
			      "holds it: keep it in the dashboard, or use --revert-after");
	return check_disruptive(options);
}

static int parse_words(const struct context *context, struct options *options, struct plan *plan)
{
	for (int i = 1; i < context->argc; i++) {
		const char *word = context->argv[i];
		const char *text = option_text(context, "--revert-after", &i);
		const char *measure = text ? NULL : option_text(context, "--measure", &i);
		const char *confirm =
			text || measure ? NULL : option_text(context, "--confirm", &i);
		int status = EXIT_DONE;

		if (text)
			status = parse_revert_after(text, options);
		else if (measure)
			status = parse_measure(measure, options);
		else if (confirm)
			options->confirmed = confirm;
		else if (!strcmp(word, "--json"))
			options->is_json = true;
		else if (!strcmp(word, "--dry-run"))
			options->is_dry_run = true;
		else if (!strcmp(word, "--keep"))
			options->is_keep = true;
		else if (word[0] == '-')
			status = refuse(options, EXIT_USAGE, "set",
					"%s: unknown; it takes --dry-run, --measure DUR, "
					"--revert-after DUR, --keep, --confirm TARGET and "
					"--json",
					word);
		else
			status = add_assignment(context, options, word, plan);
		if (status != EXIT_DONE)
			return status;
	}
	return check_options(options, plan);
}

/* --- output --- */

static int print_json(struct options *options, uint64_t id, const char *state,
		      const struct plan *plan, const struct change_report *report,
		      const char *error)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_int(1));
	json_object_object_add(object, "transaction", id ? json_object_new_uint64(id) : NULL);
	json_object_object_add(object, "state", json_object_new_string(state));
	json_object_object_add(object, "steps", change_steps_json(plan, report));
	json_object_object_add(object, "error",
			       error && error[0] ? json_object_new_string(error) : NULL);
	json_object_object_add(object, "effect", effect_json(&options->effect));
	options->is_answered = true;
	return change_print_json(object);
}

/* A trial of nothing would still have to be kept or taken back. */
static int print_unchanged(struct options *options, const struct plan *plan)
{
	if (options->is_json)
		return print_json(options, 0, "unchanged", plan, NULL, NULL);
	printf("already so: nothing to change\n");
	return cmd_flush();
}

/* The open trial that made the first object of plan what it is; 0: none. */
static uint64_t trial_of(const struct context *context, const struct plan *plan)
{
	struct guard_status status;
	uint64_t id = 0;

	if (guard_status_read(&context->guard, &status))
		return 0;
	for (size_t i = 0; i < status.n_transactions && !id; i++) {
		const struct guard_transaction *mine = &status.transactions[i];

		for (unsigned k = 0; mine->plan && k < mine->plan->n_steps; k++) {
			const struct plan_step *step = &mine->plan->steps[k];

			if (mine->state == TRANSACTION_TRIAL &&
			    step->class == plan->steps[0].class &&
			    !strcmp(step->object, plan->steps[0].object))
				id = mine->id;
		}
	}
	guard_status_done(&status);
	return id;
}

static int print_unchanged_now(const struct context *context, struct options *options,
			       const struct plan *plan)
{
	uint64_t trial = trial_of(context, plan);

	if (trial)
		return refuse(options, EXIT_FAILED, "set",
			      "already so, but only until trial %llu is taken back: "
			      "`jittertop keep %llu` keeps it",
			      (unsigned long long)trial, (unsigned long long)trial);
	return print_unchanged(options, plan);
}

static int print_dry_run(struct options *options, const struct plan *plan)
{
	if (options->is_json)
		return print_json(options, 0, "dry_run", plan, NULL, NULL);
	if (plan_changes_nothing(plan))
		return print_unchanged(options, plan);
	printf("would write (nothing is written):\n");
	change_print_steps(plan, NULL);
	return cmd_flush();
}

static int print_result(const struct context *context, struct options *options,
			const struct plan *plan, const struct guard_event *event)
{
	bool is_done =
		event->transaction == TRANSACTION_TRIAL || event->transaction == TRANSACTION_KEPT;
	char left[32];

	if (options->is_json)
		return print_json(options, event->id, transaction_state_name(event->transaction),
				  plan, &event->report, is_done ? NULL : event->text);
	if (is_done) {
		printf("transaction %llu: %s: %s\n", (unsigned long long)event->id,
		       transaction_state_name(event->transaction), plan->title);
		change_print_steps(plan, &event->report);
		effect_print(&options->effect);
	}
	if (event->transaction == TRANSACTION_TRIAL) {
		uint64_t now = host_boottime_ns(context->host);
		uint64_t deadline = event->deadline_boottime_ns;

		change_format_seconds(deadline > now ? deadline - now : 0, left, sizeof(left));
		printf("taken back in %s; `jittertop keep %llu` keeps it, `jittertop undo %llu` "
		       "takes it back now\n",
		       left, (unsigned long long)event->id, (unsigned long long)event->id);
	}
	return cmd_flush();
}

/* --- doing it --- */

/* Waits for the next event. Negative: the guard is gone. */
static int wait_event(struct guard *guard, struct guard_event *event)
{
	for (;;) {
		int got = guard_receive(guard, event);

		if (got)
			return got;
		struct pollfd poll_fd = {.fd = guard_fd(guard), .events = POLLIN};
		(void)poll(&poll_fd, 1, -1);
	}
}

/* Until the guard says whether it is in charge. */
static enum guard_state wait_state(struct guard *guard, struct guard_event *event)
{
	for (;;) {
		if (wait_event(guard, event) < 0)
			return GUARD_LOST;
		if (event->type == GUARD_EVENT_STATE && event->state != GUARD_RECOVERING)
			return event->state;
	}
}

/* A guard of our own, or the one that an earlier `set` left behind. */
static int open_guard(const struct context *context, struct options *options,
		      struct guard_event *event, struct guard **ret, bool *ret_is_own)
{
	char why[256] = "", holder[256];
	struct guard *guard = NULL;

	if (guard_start(&context->guard, &guard, why, sizeof(why)))
		return refuse(options, EXIT_FAILED, "set", "%s", why);
	enum guard_state state = wait_state(guard, event);
	if (state == GUARD_READY) {
		/* A damaged undo file, or something that did not come back. */
		if (event->text[0])
			(void)cmd_error("note", "%s: see `jittertop status`", event->text);
		*ret = guard;
		*ret_is_own = true;
		return EXIT_DONE;
	}
	memcpy(holder, event->text, sizeof(holder));
	guard_close(guard);
	if (state != GUARD_LOCKED)
		return refuse(options, EXIT_FAILED, "set", "%s", holder);
	if (guard_attach(&context->guard, &guard, why, sizeof(why)))
		return refuse(options, EXIT_FAILED, "set", "%s", holder);
	if (wait_state(guard, event) != GUARD_READY) {
		guard_close(guard);
		return refuse(options, EXIT_FAILED, "set", "%s", holder);
	}
	*ret = guard;
	*ret_is_own = false;
	return EXIT_DONE;
}

/* A slow write, on the terminal of whoever waits for it: one line that is written over. */
static void show_progress(const struct guard_event *event, bool is_own)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (event->type == GUARD_EVENT_PROGRESS)
		(void)fprintf(stderr, "\r%.100s%s\033[K", event->text,
			      is_own ? " (Ctrl-C takes it back)" : "");
	else if (event->type == GUARD_EVENT_TRANSACTION &&
		 event->transaction != TRANSACTION_APPLYING)
		(void)fprintf(stderr, "\r\033[K");
}

/* The transaction's own next event that is not "applying". */
static int wait_transaction(struct guard *guard, bool is_own, uint64_t request,
			    struct guard_event *event)
{
	for (;;) {
		int got = wait_event(guard, event);

		if (got < 0)
			return got;
		show_progress(event, is_own);
		if (event->type == GUARD_EVENT_TRANSACTION && event->request == request &&
		    event->transaction != TRANSACTION_APPLYING)
			return 0;
		if (event->type == GUARD_EVENT_STATE && event->state == GUARD_LOST)
			return -EPIPE;
	}
}

static int keep_transaction(struct guard *guard, struct guard_event *event)
{
	uint64_t id = event->id;
	int err = guard_keep(guard, id);

	while (!err) {
		err = wait_event(guard, event) < 0 ? -EPIPE : 0;
		if (!err && event->type == GUARD_EVENT_TRANSACTION && event->id == id &&
		    (event->transaction == TRANSACTION_KEPT ||
		     event->transaction == TRANSACTION_REFUSED))
			return event->transaction == TRANSACTION_KEPT ? 0 : -ECANCELED;
	}
	return err;
}

static int apply(const struct context *context, struct options *options, struct plan *plan,
		 struct guard *guard, bool is_own)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	uint64_t request;
	int err = guard_apply(guard, plan, options->revert_after_ns, &request);

	if (!err)
		err = wait_transaction(guard, is_own, request, event);
	if (err == -EFBIG)
		return refuse(options, EXIT_FAILED, "set",
			      "too large for one change: use several: nothing was written");
	if (err)
		return refuse(options, EXIT_FAILED, "set",
			      "the guard is gone (%s): what was written is taken back: "
			      "see `jittertop status`",
			      strerror(-err));
	int status = event->transaction == TRANSACTION_TRIAL	 ? change_apply_status(event)
		     : event->transaction == TRANSACTION_RESIDUE ? EXIT_PARTIAL
								 : EXIT_FAILED;
	bool is_trial = event->transaction == TRANSACTION_TRIAL;
	if (is_trial && options->effect.measure)
		effect_after(&options->effect, context->host);
	uint64_t id = event->id;
	if (is_trial && options->is_keep && keep_transaction(guard, event)) {
		/* A guard that serves others too does not take it back by our end. */
		(void)!guard_undo(guard, id);
		return refuse(options, EXIT_FAILED, "set", "not kept, so it is taken back: %s",
			      event->text);
	}
	/* Before anything is printed: a full disk or a closed pipe must not end the trial. */
	if (is_trial && !options->is_keep && is_own && guard_detach(guard))
		return refuse(options, EXIT_FAILED, "set",
			      "the guard is gone: what was written is taken back");
	int output = print_result(context, options, plan, event);
	if (event->transaction != TRANSACTION_TRIAL && event->transaction != TRANSACTION_KEPT)
		(void)refuse(options, EXIT_FAILED, "set", "%s", event->text);
	return status != EXIT_DONE ? status : output;
}

static int run(const struct context *context, struct options *options, struct plan *plan)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	struct guard *guard = NULL;
	bool is_own = false;
	int status = parse_words(context, options, plan);

	if (status != EXIT_DONE)
		return status;
	if (options->is_dry_run)
		return print_dry_run(options, plan);
	if (context->is_read_only)
		return refuse(options, EXIT_FAILED, "set", "%s",
			      context->why_read_only ? context->why_read_only : "read only");
	if (plan_changes_nothing(plan))
		return print_unchanged_now(context, options, plan);
	status = open_guard(context, options, event, &guard, &is_own);
	if (status != EXIT_DONE)
		return status;
	if (options->measure_ns) {
		int err = effect_open(&options->effect, context->host, plan, options->measure_ns);

		if (err < 0) {
			guard_close(guard);
			return refuse(options, EXIT_FAILED, "set", "--measure: cannot measure: %s",
				      strerror(-err));
		}
		effect_before(&options->effect, context->host);
	}
	status = apply(context, options, plan, guard, is_own);
	effect_close(&options->effect);
	guard_close(guard);
	return status;
}

/* A script that asked for JSON gets its object whatever went wrong, options in any order. */
static bool asks_for_json(const struct context *context)
{
	for (int i = 1; i < context->argc; i++) {
		if (!strcmp(context->argv[i], "--json"))
			return true;
	}
	return false;
}

int cmd_set(struct context *context)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct options options = {.is_json = asks_for_json(context)};

	int status = run(context, &options, plan);
	if (options.is_json && !options.is_answered)
		(void)print_json(&options, 0, "refused", plan, NULL, options.why);
	return status;
}
