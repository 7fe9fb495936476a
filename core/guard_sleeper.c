#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/guard_internal.h"

#define LOCK_PATIENCE_MS 200
#define RECOVERY_ATTEMPTS 5
#define CONTINUE_MS 500

struct sleeper {
	const struct guard_options *options;
	int guard_fd, guard_pidfd;
	bool has_go; /* the guard has held the lock */
	uint64_t deadline_ns;
};

static void sleep_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&ts, NULL);
}

static int signal_guard(const struct sleeper *sleeper, int number)
{
	return (int)syscall(SYS_pidfd_send_signal, sleeper->guard_pidfd, number, NULL, 0);
}

/* One message. False: the guard's end is closed: it is dead, or about to be. */
static bool hear(struct sleeper *sleeper)
{
	struct wire_sleeper message;
	ssize_t len = recv(sleeper->guard_fd, &message, sizeof(message), MSG_DONTWAIT);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOMEM;
	if (len == 0)
		return false;
	if ((size_t)len != sizeof(message))
		return true;
	if (message.type == WIRE_SLEEPER_BYE)
		_exit(0);
	sleeper->has_go |= message.type == WIRE_SLEEPER_GO;
	if (message.type == WIRE_SLEEPER_DEADLINE)
		sleeper->deadline_ns = message.deadline_boottime_ns;
	return true;
}

/* Milliseconds until the guard has overslept; -1: never; 0: now. */
static int patience_ms(const struct sleeper *sleeper)
{
	uint64_t now = guard_boottime_ns(), end = sleeper->deadline_ns + GUARD_GRACE_NS;

	if (!sleeper->deadline_ns)
		return -1;
	if (end <= now)
		return 0;
	/* poll() does not count suspended time: look at the clock again every minute. */
	uint64_t ms = (end - now) / NSEC_PER_MSEC + 1;
	return ms > 60000 ? 60000 : (int)ms;
}

/*
 * The lock is held long past the deadline: the guard is stopped or stuck. Let it go on, for it may
 * take everything back itself; what does not answer then is killed, by pidfd, never by number.
 */
static void end_guard(struct sleeper *sleeper)
{
	struct pollfd poll_fd = {.fd = sleeper->guard_fd, .events = POLLIN};

	(void)signal_guard(sleeper, SIGCONT);
	if (poll(&poll_fd, 1, CONTINUE_MS) > 0)
		return;
	guard_log(sleeper->options, "the guard did not take back its trials in time: killing it");
	(void)signal_guard(sleeper, SIGKILL);
	sleeper->deadline_ns = 0;
}

static void watch(struct sleeper *sleeper)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = sleeper->guard_fd, .events = POLLIN};
		int n = poll(&poll_fd, 1, patience_ms(sleeper));

		if (n > 0 && !hear(sleeper))
			return;
		if (n == 0 && patience_ms(sleeper) == 0)
			end_guard(sleeper);
	}
}

/* The kernel frees the lock before it reports the death. */
static void wait_for_death(const struct sleeper *sleeper)
{
	struct pollfd poll_fd = {.fd = sleeper->guard_pidfd, .events = POLLIN};

	while (poll(&poll_fd, 1, 1000) == 0)
		continue;
}

static bool has_trials(const struct guard_store *store)
{
	struct undo_list list;
	bool has_any = false;

	if (undo_list(store->dirfd, &list))
		return true;
	for (size_t i = 0; i < list.n; i++)
		has_any |= !list.entries[i].is_kept && !list.entries[i].is_residue;
	undo_list_done(&list);
	return has_any;
}

/*
 * 0: nothing is left to do. Another instance that got the lock first undoes what it finds; it is
 * waited for only while there is something.
 */
static int take_lock(const struct sleeper *sleeper, struct guard_store *store)
{
	for (;;) {
		int err = guard_store_lock(store, LOCK_PATIENCE_MS, NULL);

		if (!err)
			return 1;
		if (!sleeper->has_go || !has_trials(store))
			return 0;
	}
}

static int recover(const struct sleeper *sleeper)
{
	struct guard_store store;
	char why[256];
	int err = guard_store_open(&store, sleeper->options, false, why, sizeof(why));

	if (err)
		return err == -ENOENT ? 0 : err;
	err = take_lock(sleeper, &store);
	if (err > 0) {
		err = guard_store_prepare(&store, why, sizeof(why));
		if (!err)
			err = guard_store_recover(&store, NULL, NULL);
	}
	guard_store_close(&store);
	return err;
}

void guard_sleeper_run(const struct guard_options *options, int guard_fd, int guard_pidfd)
{
	const int fds[] = {guard_fd, guard_pidfd};
	struct sleeper sleeper = {
		.options = options, .guard_fd = guard_fd, .guard_pidfd = guard_pidfd};

	guard_process_harden("jt-sleeper", fds, ARRAY_SIZE(fds));
	if (!options->open_host)
		guard_scope_enter("sleeper");
	watch(&sleeper);
	wait_for_death(&sleeper);
	for (unsigned i = 0; i < RECOVERY_ATTEMPTS; i++) {
		if (recover(&sleeper) >= 0)
			_exit(0);
		sleep_ms(50);
	}
	guard_log(options, "trials of a dead guard could not be taken back: run jittertop restore");
	_exit(1);
}
