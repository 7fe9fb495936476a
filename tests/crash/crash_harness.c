/*
 * The program under the crash driver: a guard on a scratch host, or on this machine (TREE "live").
 * It speaks through the public headers only.
 *
 *   crash_harness TREE RUNDIR trial|keep|close|deadline|restore ASSIGNMENT...
 *
 * ASSIGNMENT: KNOB@TARGET=VALUE. Besides jittertop's knobs there are test_sysctl (a sysctl that
 * each network namespace has for itself) and test_cpuset, whose target is PLACE/PID/GROUP and whose
 * value is a CPU list: makes the control group, gives it these CPUs and memory node 0, and moves
 * the process into it.
 *
 * trial: apply, undo. keep: apply, keep. close: apply, end without a word. deadline: apply, wait.
 * restore: what `jittertop restore` does. Exit status 0: done; 1: refused or lost.
 *
 * Built again with crash_mutations.c it breaks the rules of safety.md on purpose: the driver must
 * then find something.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/guard.h"
#include "probes/knob_cgroup.h"
#include "probes/knob_file.h"
#include "probes/probes.h"
#include "tests/crash/crash_classes.h"

KNOB_FILE_DEFINE(test_sysctl, "test", KNOB_FREE, STEP_U64, 0, "a sysctl of a network namespace", "",
		 .key = "host", .path = "proc/sys/net/ipv4/tcp_fin_timeout", .min = 1, .max = 3600,
		 .absent = "no IPv4 here");

/* Of one group: made, filled, entered; taken back in reverse. */
static int plan_cpuset(struct host *host, const char *target, const char *value, struct plan *plan,
		       char *why, size_t size)
{
	char place[64], group[256], object[512];
	unsigned pid;

	if (sscanf(target, "%63[^/]/%u%255s", place, &pid, group) != 3)
		return -EINVAL;
	(void)snprintf(object, sizeof(object), "%s:%s", place, group);
	int err = plan_add(plan, host, &step_class_cgroup, object, "present", why, size);
	if (!err) {
		(void)snprintf(object, sizeof(object), "%s:%s:cpuset.cpus", place, group);
		err = plan_add_later(plan, &step_class_cgroup_cpus, object, "", value, why, size);
	}
	if (!err) {
		(void)snprintf(object, sizeof(object), "%s:%s:cpuset.mems", place, group);
		err = plan_add_later(plan, &step_class_cgroup_cpus, object, "", "0", why, size);
	}
	if (!err) {
		(void)snprintf(object, sizeof(object), "%s/%u", place, pid);
		err = plan_add(plan, host, &step_class_task_cgroup, object, group, why, size);
	}
	return err;
}

static int no_targets(struct host *host, struct knob_targets *ret)
{
	(void)host;
	(void)ret;
	return 0;
}

static const struct knob knob_test_cpuset = {.name = "test_cpuset",
					     .family = "test",
					     .summary = "a control group of its own",
					     .targets = no_targets,
					     .plan = plan_cpuset};

/* What crash_classes.h adds on the scratch host. */
static int plan_scratch(struct host *host, const char *target, const char *value, struct plan *plan,
			char *why, size_t size)
{
	(void)target;
	(void)value;
	return add_scratch_steps(plan, host, why, size);
}

static const struct knob knob_test_scratch = {.name = "test_scratch",
					      .family = "test",
					      .summary = "the classes of the test",
					      .targets = no_targets,
					      .plan = plan_scratch};

static int open_host(void *arg, struct host **ret)
{
	return !strcmp(arg, "live") ? host_open_live(ret) : host_open_scratch(arg, ret);
}

/* Until an event of the wanted kind; false: the guard is gone or says no. */
static bool wait_for(struct guard *guard, struct guard_event *event, enum guard_state state,
		     enum transaction_state transaction)
{
	for (;;) {
		int got = guard_receive(guard, event);

		if (got < 0)
			return false;
		if (got == 0) {
			struct pollfd poll_fd = {.fd = guard_fd(guard), .events = POLLIN};

			(void)poll(&poll_fd, 1, -1);
			continue;
		}
		if (event->type == GUARD_EVENT_STATE) {
			if (event->state == state)
				return true;
			if (event->state != GUARD_RECOVERING && event->state != GUARD_READY)
				return false;
		}
		if (event->type != GUARD_EVENT_TRANSACTION || event->request == 0)
			continue;
		if (event->transaction == transaction && state == GUARD_ABSENT)
			return true;
		if (event->transaction != TRANSACTION_APPLYING &&
		    event->transaction != TRANSACTION_TRIAL)
			return false;
	}
}

static const struct knob *find_knob(const char *name)
{
	static const struct knob *const own[] = {&knob_test_sysctl, &knob_test_cpuset,
						 &knob_test_scratch, NULL};
	const struct knob *const *lists[] = {own, knob_registry};

	for (unsigned i = 0; i < 2; i++) {
		for (const struct knob *const *knob = lists[i]; *knob; knob++) {
			if (!strcmp((*knob)->name, name))
				return *knob;
		}
	}
	return NULL;
}

/* KNOB@TARGET=VALUE */
static int plan_assignment(struct host *host, const char *text, struct plan *plan)
{
	char name[64], target[512], value[256], why[256] = "";

	if (sscanf(text, "%63[^@]@%511[^=]=%255s", name, target, value) != 3)
		return -EINVAL;
	const struct knob *knob = find_knob(name);
	int err = knob ? knob->plan(host, target, value, plan, why, sizeof(why)) : -ENOENT;

	if (err)
		(void)fprintf(stderr, "crash_harness: %s: %s: %s\n", text, strerror(-err), why);
	return err;
}

static bool make_plan(char *tree, char *const *assignments, struct plan *plan)
{
	struct host *host;
	int err = 0;

	plan_init(plan);
	if (open_host(tree, &host))
		return false;
	for (; *assignments && !err; assignments++)
		err = plan_assignment(host, *assignments, plan);
	host_close(host);
	return !err && plan->n_steps > 0;
}

/* jittertop's and our own. */
static const struct step_class *const *all_classes(void)
{
	static const struct step_class *classes[512] = {&step_class_test_sysctl, &class_group,
							&class_file, &class_thread, &class_mask};
	unsigned n = 5;

	for (unsigned i = 0; step_class_registry[i] && n < 511; i++)
		classes[n++] = step_class_registry[i];
	return classes;
}

static bool run(struct guard *guard, const struct plan *plan, const char *mode)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	uint64_t request, revert_after = strcmp(mode, "deadline") ? 0 : 20 * NSEC_PER_MSEC;

	if (!wait_for(guard, event, GUARD_READY, TRANSACTION_APPLYING) ||
	    guard_apply(guard, plan, revert_after, &request) ||
	    !wait_for(guard, event, GUARD_ABSENT, TRANSACTION_TRIAL))
		return false;
	if (!strcmp(mode, "trial"))
		return !guard_undo(guard, event->id) &&
		       wait_for(guard, event, GUARD_ABSENT, TRANSACTION_REVERTED);
	if (!strcmp(mode, "keep"))
		return !guard_keep(guard, event->id) &&
		       wait_for(guard, event, GUARD_ABSENT, TRANSACTION_KEPT);
	if (!strcmp(mode, "deadline"))
		return wait_for(guard, event, GUARD_ABSENT, TRANSACTION_REVERTED);
	return true;
}

int main(int argc, char **argv)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	char why[256] = "";

	if (argc < 4)
		return 2;
	struct guard_options options = {
		.run_dir = argv[2],
		.classes = all_classes(),
		.open_host = open_host,
		.open_host_arg = argv[1],
		.is_quiet = true,
	};
	if (!strcmp(argv[3], "restore"))
		return guard_command_restore(&options, NULL, NULL, why, sizeof(why)) ? 1 : 0;
	if (!make_plan(argv[1], argv + 4, plan))
		return 1;
	struct guard *guard;
	if (guard_start(&options, &guard, why, sizeof(why)))
		return 1;
	bool is_done = run(guard, plan, argv[3]);
	guard_close(guard);
	return is_done ? 0 : 1;
}
