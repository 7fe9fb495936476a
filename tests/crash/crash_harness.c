/*
 * The program under the crash driver: a guard on a scratch host. It speaks through the public
 * headers only.
 *
 *   crash_harness TREE RUNDIR trial|keep|close|deadline|restore
 *
 * trial: apply, undo. keep: apply, keep. close: apply, end without a word. deadline: apply, wait.
 * restore: what `jittertop restore` does. Exit status 0: done; 1: refused or lost.
 *
 * Built a second time with CRASH_MUTATION and -Wl,--wrap it breaks the rules of safety.md on
 * purpose: the driver must then find something.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/guard.h"
#include "probes/probes.h"
#include "tests/crash/crash_classes.h"

static const struct step_class *const classes[] = {
	&step_class_irq_affinity,
	&step_class_hugepages,
	&class_group,
	&class_file,
	&class_thread,
	&class_mask,
	NULL,
};

static int open_scratch(void *arg, struct host **ret)
{
	return host_open_scratch(arg, ret);
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

static bool make_plan(const char *tree, struct plan *plan)
{
	struct host *host;
	char why[256];

	plan_init(plan);
	if (host_open_scratch(tree, &host))
		return false;
	int err = knob_irq_affinity.plan(host, "irq:40", "0", plan, why, sizeof(why));
	if (!err)
		err = knob_hugepages.plan(host, "node:0/2048kB", "8", plan, why, sizeof(why));
	if (!err)
		err = add_scratch_steps(plan, host, why, sizeof(why));
	host_close(host);
	if (err)
		(void)fprintf(stderr, "crash_harness: %s\n", why);
	return !err;
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

	if (argc != 4)
		return 2;
	struct guard_options options = {
		.run_dir = argv[2],
		.classes = classes,
		.open_host = open_scratch,
		.open_host_arg = argv[1],
		.is_quiet = true,
	};
	if (!strcmp(argv[3], "restore"))
		return guard_command_restore(&options, NULL, NULL, why, sizeof(why)) ? 1 : 0;
	if (!make_plan(argv[1], plan))
		return 1;
	struct guard *guard;
	if (guard_start(&options, &guard, why, sizeof(why)))
		return 1;
	bool is_done = run(guard, plan, argv[3]);
	guard_close(guard);
	return is_done ? 0 : 1;
}

#ifdef CRASH_MUTATION
/* -Wl,--wrap=undo_write: the host is written before its undo file is. */
int __real_undo_write(int dirfd, const struct undo_header *header, const struct plan *plan);
int __wrap_undo_write(int dirfd, const struct undo_header *header, const struct plan *plan);

static void write_now(const char *tree, const struct plan *plan, unsigned i)
{
	char path[512], full[1024], temporary[1024];

	if (plan_step_path(&plan->steps[i], path, sizeof(path)) || plan->steps[i].is_later ||
	    plan->steps[i].class->write)
		return;
	(void)snprintf(full, sizeof(full), "%s%s", tree, path);
	(void)snprintf(temporary, sizeof(temporary), "%s/.mutant", tree);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)!write(fd, plan->steps[i].new_value, strlen(plan->steps[i].new_value));
	(void)close(fd);
	(void)rename(temporary, full);
}

int __wrap_undo_write(int dirfd, const struct undo_header *header, const struct plan *plan)
{
	for (unsigned i = 0; i < plan->n_steps; i++)
		write_now(getenv("CRASH_TREE"), plan, i);
	return __real_undo_write(dirfd, header, plan);
}

/* -Wl,--wrap=change_undo: the undo file goes before the values are back. */
int __real_change_undo(struct host *host, const struct plan *plan, change_progress_fn *progress,
		       void *arg, struct change_report *ret);
int __wrap_change_undo(struct host *host, const struct plan *plan, change_progress_fn *progress,
		       void *arg, struct change_report *ret);

int __wrap_change_undo(struct host *host, const struct plan *plan, change_progress_fn *progress,
		       void *arg, struct change_report *ret)
{
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/trial-1.undo", getenv("CRASH_RUN"));
	(void)unlink(path);
	return __real_change_undo(host, plan, progress, arg, ret);
}
#endif
