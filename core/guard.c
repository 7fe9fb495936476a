#include "core/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/guard_internal.h"
#include "core/text.h"

struct guard {
	int fd;			      /* -1: the guard has gone */
	pid_t guard_pid, sleeper_pid; /* 0: not our children */
	struct guard_options options;
	uint64_t next_request;
	bool is_detached;
	bool is_lost_told;
	char *run_dir; /* absolute: guard and sleeper live in the root directory */
};

static struct guard *guard_new(const struct guard_options *options, int fd)
{
	struct guard *guard = xcalloc(1, sizeof(*guard));

	guard->fd = fd;
	guard->options = *options;
	wire_grow_buffers(fd);
	return guard;
}

static void learn_who(struct guard_who *who)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *entry = name ? NULL : getpwuid(getuid());

	if (!name)
		name = entry ? entry->pw_name : "unknown";
	who->pid = getpid();
	(void)text_sanitise(name, strlen(name), who->user, sizeof(who->user));
}

struct pairs {
	int program[2], sleeper[2];
};

static void pairs_close(struct pairs *pairs)
{
	for (int i = 0; i < 2; i++) {
		fd_closep(&pairs->program[i]);
		fd_closep(&pairs->sleeper[i]);
	}
}

static int pairs_open(struct pairs *pairs)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, pairs->program) < 0 ||
	    socketpair(AF_UNIX, type, 0, pairs->sleeper) < 0)
		return -errno;
	wire_grow_buffers(pairs->program[1]);
	return 0;
}

/* Both are children of the program, so that the sleeper's hold on the guard (the pidfd) is taken
 * while the guard cannot have been reaped. */
static int fork_both(struct guard *guard, struct pairs *pairs)
{
	struct guard_who who = {0};

	learn_who(&who);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		guard_process_run(&guard->options, &who, pairs->program[1], pairs->sleeper[0]);
	guard->guard_pid = pid;

	_cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		guard_sleeper_run(&guard->options, pairs->sleeper[1], pidfd);
	guard->sleeper_pid = pid;
	return 0;
}

static int check_run_dir(const struct guard_options *options, char *why, size_t why_size)
{
	struct guard_store store;
	int err;

	if (!options->open_host && geteuid() != 0) {
		(void)snprintf(why, why_size, "only root may change the host: use sudo");
		return -EPERM;
	}
	err = guard_store_open(&store, options, true, why, why_size);
	if (!err)
		guard_store_close(&store);
	return err;
}

int guard_start(const struct guard_options *options, struct guard **ret, char *why, size_t why_size)
{
	_cleanup_(pairs_close) struct pairs pairs = {{-1, -1}, {-1, -1}};
	int err = check_run_dir(options, why, why_size);

	if (err)
		return err;
	err = pairs_open(&pairs);
	if (err) {
		(void)snprintf(why, why_size, "no sockets for the guard: %s", strerror(-err));
		return err;
	}
	struct guard *guard = guard_new(options, pairs.program[0]);
	pairs.program[0] = -1;
	guard->run_dir = realpath(options->run_dir ? options->run_dir : JT_RUNDIR, NULL);
	guard->options.run_dir = guard->run_dir;
	err = fork_both(guard, &pairs);
	pairs_close(&pairs);
	pairs = (struct pairs){{-1, -1}, {-1, -1}};
	if (err) {
		(void)snprintf(why, why_size, "the guard cannot be started: %s", strerror(-err));
		guard_close(guard);
		return err;
	}
	*ret = guard;
	return 0;
}

int guard_connect(const struct guard_options *options)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct guard_store store;
	char why[8];
	int err = guard_store_open(&store, options, false, why, sizeof(why));

	if (err)
		return err;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/guard.sock",
		       store.dirfd);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		err = -errno;
		fd_closep(&fd);
		fd = err;
	}
	guard_store_close(&store);
	return fd;
}

int guard_attach(const struct guard_options *options, struct guard **ret, char *why,
		 size_t why_size)
{
	int fd = guard_connect(options);

	if (fd < 0) {
		(void)snprintf(why, why_size, "no guard answers: %s", strerror(-fd));
		return fd;
	}
	*ret = guard_new(options, fd);
	return 0;
}

int guard_fd(const struct guard *guard)
{
	return guard->fd;
}

void guard_pids(const struct guard *guard, pid_t *ret_guard, pid_t *ret_sleeper)
{
	*ret_guard = guard->guard_pid;
	*ret_sleeper = guard->sleeper_pid;
}

/*
 * Guard and sleeper may both have been killed. What they left is not left to the next start when
 * somebody lives who can take it back: this process takes the lock, as the sleeper would; the lock
 * says whether somebody else is at it (-EBUSY).
 */
static int restore_after_loss(struct guard *guard)
{
	char why[256];

	if (!guard->guard_pid || guard->is_detached)
		return -EBUSY;
	return guard_command_restore(&guard->options, NULL, NULL, why, sizeof(why));
}

static const char *after_loss_text(int restored)
{
	if (restored == 0)
		return "the guard died: every trial was taken back; start jittertop again to "
		       "change anything";
	if (restored > 0)
		return "the guard died: not everything could be taken back: see `jittertop "
		       "status`";
	return "the guard died: the sleeper takes every trial back; start jittertop again to "
	       "change anything";
}

static int tell_lost(struct guard *guard, struct guard_event *ret)
{
	fd_closep(&guard->fd);
	guard->fd = -1;
	if (guard->is_lost_told)
		return -EPIPE;
	guard->is_lost_told = true;
	guard_event_done(ret);
	ret->type = GUARD_EVENT_STATE;
	ret->state = GUARD_LOST;
	(void)snprintf(ret->text, sizeof(ret->text), "%s",
		       after_loss_text(restore_after_loss(guard)));
	return 1;
}

/* 1: an event, 2: a done, 0: nothing waits, negative: no guard. */
static int receive_reply(struct guard *guard, struct guard_event *ret_event,
			 struct wire_done *ret_done, int flags)
{
	for (;;) {
		_cleanup_(freep) char *bytes = NULL;
		ssize_t len = guard->fd < 0 ? 0 : wire_receive(guard->fd, flags, &bytes);

		if (len == -EINTR || len == -EBADMSG)
			continue;
		if (len == -EAGAIN || len == -ENOMEM)
			return 0;
		if (len <= 0)
			return -EPIPE;
		int kind = wire_parse_reply(bytes, (size_t)len, guard->options.classes, ret_event,
					    ret_done);
		if (kind > 0)
			return kind;
	}
}

int guard_receive(struct guard *guard, struct guard_event *ret)
{
	struct wire_done done;

	for (;;) {
		int kind = receive_reply(guard, ret, &done, MSG_DONTWAIT);

		if (kind < 0)
			return tell_lost(guard, ret);
		if (kind == 0)
			return 0;
		if (kind == 2)
			continue;
		if (ret->type == GUARD_EVENT_STATE && ret->state == GUARD_LOST)
			guard->is_lost_told = true;
		return 1;
	}
}

void guard_set_patience(struct guard *guard, unsigned seconds)
{
	const struct timeval patience = {.tv_sec = seconds};

	(void)setsockopt(guard->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

int guard_wait_done(struct guard *guard, uint64_t request, guard_outcome_fn *fn, void *arg,
		    struct wire_done *ret)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

	for (;;) {
		int kind = receive_reply(guard, event, ret, 0);

		if (kind <= 0)
			return kind ? kind : -ETIMEDOUT;
		if (kind == 2 && ret->request == request)
			return 0;
		if (kind == 1 && event->type == GUARD_EVENT_TRANSACTION && fn)
			fn(arg, event);
	}
}

int guard_send(struct guard *guard, struct wire_request *request, const struct plan *plan)
{
	if (guard->fd < 0)
		return -EPIPE;
	request->request = ++guard->next_request;
	return wire_send_request(guard->fd, request, plan);
}

int guard_apply(struct guard *guard, const struct plan *plan, uint64_t revert_after_ns,
		uint64_t *ret_request)
{
	struct wire_request request = {.type = WIRE_APPLY, .revert_after_ns = revert_after_ns};

	if (plan->n_steps == 0)
		return -EINVAL;
	int err = guard_send(guard, &request, plan);
	if (!err)
		*ret_request = request.request;
	return err;
}

int guard_keep(struct guard *guard, uint64_t id)
{
	return guard_send(guard, &(struct wire_request){.type = WIRE_KEEP, .id = id}, NULL);
}

int guard_undo(struct guard *guard, uint64_t id)
{
	return guard_send(guard, &(struct wire_request){.type = WIRE_UNDO, .id = id}, NULL);
}

int guard_undo_all(struct guard *guard, bool with_kept)
{
	return guard_send(
		guard, &(struct wire_request){.type = WIRE_UNDO_ALL, .with_kept = with_kept}, NULL);
}

int guard_cancel(struct guard *guard)
{
	return guard_send(guard, &(struct wire_request){.type = WIRE_CANCEL}, NULL);
}

int guard_touch(struct guard *guard)
{
	return guard_send(guard, &(struct wire_request){.type = WIRE_TOUCH}, NULL);
}

int guard_detach(struct guard *guard)
{
	struct wire_request request = {.type = WIRE_DETACH};
	struct wire_done done;
	int err = guard_send(guard, &request, NULL);

	/* Answered: whoever says that the trial stays must know it. */
	if (!err)
		err = guard_wait_done(guard, request.request, NULL, NULL, &done);
	if (!err)
		guard->is_detached = true;
	return err;
}

static void reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

void guard_close(struct guard *guard)
{
	bool is_lost = guard && guard->is_lost_told;

	if (!guard)
		return;
	if (guard->guard_pid && !guard->is_detached) {
		struct wire_done done;
		_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

		(void)!guard_send(guard, &(struct wire_request){.type = WIRE_CLOSE}, NULL);
		/* The socket's end is the guard's: until then it reverts. */
		while (receive_reply(guard, event, &done, 0) > 0)
			continue;
		fd_closep(&guard->fd);
		guard->fd = -1;
		reap(guard->guard_pid);
		reap(guard->sleeper_pid);
		if (is_lost)
			(void)!restore_after_loss(guard);
	}
	fd_closep(&guard->fd);
	free(guard->run_dir);
	free(guard);
}
