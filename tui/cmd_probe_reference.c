/*
 * jittertop probe with a reference: a child process, or a tracer that the guard sets for the run.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/host.h"
#include "core/measure_choice.h"
#include "core/reference.h"
#include "tui/cmd_probe_internal.h"

/* What was set is taken back by the guard even if we never say so. */
#define REVERT_MARGIN_NS (30 * NSEC_PER_SEC)

static int refuse_taken(const struct measure_taken *taken, bool is_named, struct cpuset *cpus)
{
	for (unsigned i = 0; i < taken->n_reasons; i++) {
		unsigned cpu = taken->reasons[i].cpu;

		if (!cpuset_has(cpus, cpu))
			continue;
		cpuset_remove(cpus, cpu);
		(void)cmd_error(PROBE, "cpu %u is not measured: %s: -c %u --force does", cpu,
				taken->reasons[i].text, cpu);
	}
	if (!cpuset_is_empty(cpus))
		return EXIT_DONE;
	return cmd_error(PROBE, "cannot measure: %s",
			 is_named ? "other tasks have these CPUs" : "other tasks have every CPU");
}

/* Those named, or all this process may use; without those that real-time or pinned vCPU tasks have.
 */
static int choose_cpus(struct host *host, const struct probe_options *options, struct cpuset *ret)
{
	bool is_named = !cpuset_is_empty(&options->measure.cpus);
	struct measure_taken taken = {0};
	struct cpuset online, mine;
	int err = host_read_cpulistf(host, &online, "sys/devices/system/cpu/online");

	if (err)
		return cmd_error(PROBE, "cannot measure: the CPUs cannot be read: %s",
				 strerror(-err));
	if (!is_named && options->engine->needs_named_cpus)
		return cmd_error(PROBE,
				 "cannot measure: %s takes its CPUs whole: name them with -c",
				 options->engine->name);
	*ret = options->measure.cpus;
	if (!is_named) {
		*ret = online;
		if (!host_get_affinity(host, 0, &mine))
			cpuset_and(ret, &mine);
	}
	if (options->measure.is_forced)
		return EXIT_DONE;
	if (measure_find_taken(host, &online, getpid(), &taken))
		return EXIT_DONE;
	int status = refuse_taken(&taken, is_named, ret);
	measure_taken_done(&taken);
	return status;
}

/* --- what must be set for a tracer --- */

struct setting {
	struct guard *guard;
	uint64_t id; /* the trial */
};

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

static int start_guard(struct context *context, struct guard_event *event, struct guard **ret)
{
	char why[256] = "";

	if (context->is_read_only)
		return cmd_error(PROBE, "the tracer must be set for the run: %s",
				 context->why_read_only);
	if (guard_start(&context->guard, ret, why, sizeof(why)))
		return cmd_error(PROBE, "%s", why);
	do {
		if (wait_event(*ret, event) < 0)
			return cmd_error(PROBE, "the guard has gone");
	} while (event->type != GUARD_EVENT_STATE || event->state == GUARD_RECOVERING);
	return event->state == GUARD_READY ? EXIT_DONE : cmd_error(PROBE, "%s", event->text);
}

/* Waits for the trial's own word; EXIT_DONE: it is in the wanted state. */
static int wait_transaction(const struct setting *setting, uint64_t request,
			    enum transaction_state wanted, struct guard_event *event)
{
	for (;;) {
		if (wait_event(setting->guard, event) < 0)
			return cmd_error(PROBE, "the guard has gone");
		if (event->type != GUARD_EVENT_TRANSACTION ||
		    event->transaction == TRANSACTION_APPLYING ||
		    (request ? event->request != request : event->id != setting->id))
			continue;
		if (event->transaction == wanted)
			return EXIT_DONE;
		/* A trial's new deadline comes as an event of its own. */
		if (event->transaction != TRANSACTION_TRIAL)
			return cmd_error(PROBE, "%s: %s", event->plan.title, event->text);
	}
}

static int apply(struct context *context, const struct plan *plan, uint64_t duration_ns,
		 struct setting *ret)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	uint64_t request;
	int status = start_guard(context, event, &ret->guard);

	if (status)
		return status;
	if (guard_apply(ret->guard, plan, duration_ns + REVERT_MARGIN_NS, &request))
		return cmd_error(PROBE, "the guard has gone");
	status = wait_transaction(ret, request, TRANSACTION_TRIAL, event);
	ret->id = event->id;
	return status;
}

/* False: something did not come back, and it has been said. */
static bool take_back(struct setting *setting)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	bool is_back = true;

	if (setting->guard && setting->id)
		is_back = !guard_undo(setting->guard, setting->id) &&
			  !wait_transaction(setting, 0, TRANSACTION_REVERTED, event);
	guard_close(setting->guard);
	return is_back;
}

/* --- the run --- */

/* The signal that ended it early, or zero. */
static int wait_for_end(struct probe_wait *wait, const struct host *host,
			struct reference *reference)
{
	int ended_by = 0;

	while (!reference_is_done(reference)) {
		uint64_t now_ns = host_now_ns(host), elapsed_ns, total_ns, worst_ns = 0;
		unsigned cpu = 0;

		reference_progress(reference, &elapsed_ns, &total_ns);
		(void)reference_worst(reference, &cpu, &worst_ns);
		probe_wait_show(wait, now_ns, elapsed_ns, total_ns, worst_ns, cpu);

		int number = probe_wait_for(wait, reference_fd(reference), now_ns,
					    now_ns + NSEC_PER_SEC);
		if (number > 0) {
			/* The second one does not wait for it to finish its sentence. */
			if (ended_by)
				return number;
			ended_by = number;
			reference_stop(reference);
		}
		reference_step(reference);
	}
	return ended_by;
}

static void collect(const struct reference_result *from, struct probe_result *ret)
{
	ret->interval_ns = from->interval_ns;
	ret->duration_ns = from->duration_ns;
	ret->holds_dma_latency = from->holds_dma_latency;
	ret->resolution_ns = from->resolution_ns;
	ret->limit_ns = from->limit_ns;
	ret->command = from->command ? xstrdup(from->command) : NULL;
	ret->version = from->version[0] ? xstrdup(from->version) : NULL;
	ret->error = from->error ? xstrdup(from->error) : NULL;
	ret->n_cpus = from->n_cpus;
	ret->cpus = xcalloc(from->n_cpus + 1, sizeof(*ret->cpus));
	for (unsigned i = 0; i < from->n_cpus; i++) {
		const struct reference_cpu *cpu = &from->cpus[i];

		ret->cpus[i] = (struct probe_cpu){
			.info = {.cpu = cpu->cpu,
				 .is_running = true,
				 .is_locked = true,
				 .policy = from->policy,
				 .priority = from->priority},
			.histogram = cpu->histogram,
			.above = cpu->above,
			.lost = cpu->lost,
		};
		if (!cpu->histogram.total)
			ret->cpus[i].why = xstrdup("it gave no sample");
	}
}

static int run(struct context *context, const struct reference_options *options,
	       struct probe_result *ret)
{
	struct reference *reference = NULL;
	struct probe_wait wait;
	char why[256] = "";
	int err = probe_wait_open(&wait, ret->engine->name);

	if (err)
		return cmd_error(PROBE, "%s", strerror(-err));
	probe_facts_begin(context->host, &options->cpus, &ret->facts);
	err = reference_start(context->host, ret->engine, options, &reference, why, sizeof(why));
	if (!err) {
		ret->ended_by = wait_for_end(&wait, context->host, reference);
		if (reference_result(reference))
			collect(reference_result(reference), ret);
		else
			ret->error = xstrdup("it was killed before it said anything");
		probe_facts_end(context->host, &ret->facts);
	}
	reference_free(reference);
	probe_wait_close(&wait);
	if (err)
		return cmd_error(PROBE, "cannot measure: %s", why);
	return ret->error ? cmd_error(PROBE, "%s", ret->error) : EXIT_DONE;
}

int probe_run_reference(struct context *context, const struct probe_options *options,
			struct probe_result *ret)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct reference_options wish;
	struct setting setting = {0};
	char why[256] = "";

	ret->engine = options->engine;
	reference_options_init(&wish);
	wish.duration_ns = options->duration_ns;
	wish.interval_ns = options->measure.interval_ns;
	wish.policy = options->measure.policy;
	wish.priority = options->measure.priority;
	wish.is_forced = options->measure.is_forced;
	/* Before the CPUs: a reference that is not there must not be blamed on them. */
	if (reference_check(context->host, options->engine, why, sizeof(why)))
		return cmd_error(PROBE, "cannot measure: %s", why);

	int status = choose_cpus(context->host, options, &wish.cpus);
	if (status)
		return status;
	if (reference_plan(context->host, options->engine, &wish, context->guard.classes, plan, why,
			   sizeof(why)))
		return cmd_error(PROBE, "cannot measure: %s", why);
	if (plan->n_steps)
		status = apply(context, plan, wish.duration_ns, &setting);
	if (!status)
		status = run(context, &wish, ret);
	ret->is_residue = !take_back(&setting);
	return status && ret->is_residue ? EXIT_PARTIAL : status;
}
