#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/guard_internal.h"

#define GUARD_PRIORITY 50 /* above every measuring thread, beside the threaded interrupts */
#define LOCK_PATIENCE_MS 300
#define JOB_POLL_MS 250

static const char socket_name[] = "guard.sock";

/* --- what guard and sleeper have in common --- */

static void ignore_signals(void)
{
	static const int ignored[] = {SIGHUP,  SIGINT,	SIGTERM, SIGPIPE, SIGQUIT,
				      SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM, SIGUSR1,
				      SIGUSR2, SIGXCPU, SIGXFSZ, SIGPWR,  SIGWINCH};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	/* The program may have handlers for its terminal; they are not ours. */
	static const int defaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGCHLD, SIGSYS};
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		(void)signal(defaults[i], SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Stdio to /dev/null and everything else closed but fds[0..n). */
static void close_others(const int *fds, unsigned n)
{
	int sorted[4];
	unsigned from = 3;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++) {
		if (null >= 0)
			(void)dup2(null, i);
		else
			(void)close(i);
	}
	memcpy(sorted, fds, n * sizeof(*fds));
	qsort(sorted, n, sizeof(*sorted), compare_fds);
	for (unsigned i = 0; i < n; i++) {
		if (sorted[i] < 3)
			continue;
		if ((unsigned)sorted[i] > from)
			(void)close_range(from, (unsigned)sorted[i] - 1, 0);
		from = (unsigned)sorted[i] + 1;
	}
	(void)close_range(from, ~0u, 0);
}

static void write_own(const char *path, const char *text)
{
	_cleanup_(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, text, strlen(text));
}

/* Future pages only where there is no limit to run into: under one, malloc would fail later. */
static void lock_memory(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	else
		(void)mlockall(MCL_CURRENT);
}

void guard_process_harden(const char *name, const int *fds, unsigned n)
{
	const struct sched_param priority = {.sched_priority = GUARD_PRIORITY};

	(void)setsid();
	ignore_signals();
	close_others(fds, n);
	(void)!chdir("/");
	(void)prctl(PR_SET_NAME, name);
	(void)prctl(PR_SET_PDEATHSIG, 0);
	lock_memory();
	write_own("/proc/self/oom_score_adj", "-1000");
	(void)sched_setscheduler(0, SCHED_FIFO, &priority);
}

/* --- sending --- */

static int origin_fd(const struct guard_process *guard, const struct guard_origin *origin)
{
	if (origin->slot < 0)
		return guard->program_fd;
	const struct guard_client *client = &guard->clients[origin->slot];
	return client->serial == origin->serial ? client->fd : -1;
}

void guard_process_answer(struct guard_process *guard, const struct guard_origin *origin,
			  struct guard_event *event)
{
	int fd = origin_fd(guard, origin);

	event->request = origin->request;
	if (fd >= 0)
		(void)!wire_send_event(fd, event);
}

/* To whoever asked, and to the program whose screen shows it. A reader who does not read loses
 * events; the guard never waits for anybody. */
void guard_process_send(struct guard_process *guard, const struct guard_origin *origin,
			struct guard_event *event)
{
	guard_process_answer(guard, origin, event);
	if (origin->slot < 0 || guard->program_fd < 0)
		return;
	event->request = 0;
	(void)!wire_send_event(guard->program_fd, event);
}

void guard_process_done(struct guard_process *guard, const struct guard_origin *origin, int result,
			const char *text)
{
	struct wire_done done = {.request = origin->request, .result = result};
	int fd = origin_fd(guard, origin);

	(void)snprintf(done.text, sizeof(done.text), "%s", text);
	if (fd >= 0)
		(void)!wire_send_done(fd, &done);
}

static void send_state(struct guard_process *guard, int fd, enum guard_state state,
		       const char *text)
{
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

	event->type = GUARD_EVENT_STATE;
	event->state = state;
	(void)snprintf(event->text, sizeof(event->text), "%s", text);
	if (fd >= 0)
		(void)!wire_send_event(fd, event);
	(void)guard;
}

static void set_state(struct guard_process *guard, enum guard_state state, const char *text)
{
	guard->state = state;
	(void)snprintf(guard->state_text, sizeof(guard->state_text), "%s", text);
	send_state(guard, guard->program_fd, state, text);
}

static void tell_sleeper(struct guard_process *guard, enum wire_sleeper_type type,
			 uint64_t deadline_ns)
{
	const struct wire_sleeper message = {.type = type, .deadline_boottime_ns = deadline_ns};

	if (guard->sleeper_fd >= 0)
		(void)!send(guard->sleeper_fd, &message, sizeof(message),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- deadlines --- */

/*
 * The sleeper need not hear of every key press, only in time: an earlier deadline at once, a later
 * one when the old one is near.
 */
void guard_process_update_sleeper(struct guard_process *guard)
{
	uint64_t now = guard_boottime_ns(), deadline = guard_stack_deadline(guard);

	if (guard->job && now - guard->job->start_ns < GUARD_JOB_MAX_NS &&
	    (!deadline || deadline < now + GUARD_JOB_PATIENCE_NS))
		deadline = now + GUARD_JOB_PATIENCE_NS;
	uint64_t told = guard->told_ns;
	if (deadline == told || (told && deadline > told && told > now + GUARD_JOB_PATIENCE_NS / 2))
		return;
	guard->told_ns = deadline;
	tell_sleeper(guard, WIRE_SLEEPER_DEADLINE, deadline);
}

/* Armed late on purpose: a deadline that moved on is looked at when the old one passes. */
static void arm_timer(struct guard_process *guard)
{
	uint64_t deadline = guard_stack_deadline(guard);

	/* One that passed while a job runs is seen when that is over (the pump): the timer would
	 * fire all the while. */
	if (guard->job && deadline <= guard_boottime_ns())
		return;
	if (!deadline || guard->timer_fd < 0 || (guard->armed_ns && guard->armed_ns <= deadline))
		return;
	const struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
						     .tv_nsec = (long)(deadline % NSEC_PER_SEC)}};
	if (timerfd_settime(guard->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
		guard->armed_ns = deadline;
}

static void on_timer(struct guard_process *guard)
{
	uint64_t ticks;

	(void)!read(guard->timer_fd, &ticks, sizeof(ticks));
	guard->armed_ns = 0;
}

/* --- receiving --- */

/* One message from fd. 0: handled; negative: that end has gone, or talks nonsense. */
static int receive(struct guard_process *guard, int fd, struct guard_origin *origin)
{
	_cleanup_(freep) char *bytes = NULL;
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct wire_request request;
	ssize_t len = wire_receive(fd, MSG_DONTWAIT, &bytes);

	/* ECONNRESET: the other end closed with something unread, and comes before what it had sent
	 * (a detach): read on until the end. */
	if (len < 0)
		return len == -EAGAIN || len == -EINTR || len == -ENOMEM || len == -ECONNRESET
			       ? 0
			       : (int)len;
	if (len == 0)
		return -EPIPE;
	if (wire_parse_request(bytes, (size_t)len, guard->options->classes, &request, plan))
		return -EBADMSG;
	origin->request = request.request;
	guard_stack_request(guard, origin, &request, plan);
	return 0;
}

static void on_program(struct guard_process *guard)
{
	struct guard_origin origin = {.slot = -1};

	if (!receive(guard, guard->program_fd, &origin))
		return;
	fd_closep(&guard->program_fd);
	guard->program_fd = -1;
	guard->is_closing = true;
}

static void on_sleeper(struct guard_process *guard)
{
	char ignored[16];
	ssize_t len = recv(guard->sleeper_fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	if (len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	fd_closep(&guard->sleeper_fd);
	guard->sleeper_fd = -1;
	guard->is_sleeper_lost = true;
	if (guard->state == GUARD_READY) {
		send_state(guard, guard->program_fd, GUARD_LOST,
			   "the sleeper died: every trial is taken back and nothing more can be "
			   "changed: start jittertop again");
		guard_log(guard->options, "the sleeper died: taking back every trial");
	}
}

static void on_connect(struct guard_process *guard)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	_cleanup_(fd_closep) int fd =
		accept4(guard->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.uid != geteuid())
		return;
	for (int i = 0; i < GUARD_MAX_CLIENTS; i++) {
		if (guard->clients[i].fd >= 0)
			continue;
		wire_grow_buffers(fd);
		guard->clients[i].fd = fd;
		guard->clients[i].serial = ++guard->next_serial;
		guard->clients[i].pid = peer.pid;
		send_state(guard, fd, guard->state, guard->state_text);
		fd = -1;
		return;
	}
}

static void on_client(struct guard_process *guard, int slot)
{
	struct guard_client *client = &guard->clients[slot];
	struct guard_origin origin = {.slot = slot, .serial = client->serial};

	if (!receive(guard, client->fd, &origin))
		return;
	fd_closep(&client->fd);
	client->fd = -1;
	client->serial = 0;
}

/* --- start and end --- */

/*
 * Bound through /proc/self/fd, because the path of a run directory may be longer than sun_path.
 * Without the socket everything works but other commands' status, keep and undo.
 */
static int listen_control(struct guard_process *guard)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)unlinkat(guard->store.dirfd, socket_name, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
		       guard->store.dirfd, socket_name);
	mode_t mask = umask(0177);
	int err = bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (err < 0 || listen(fd, 8) < 0)
		return -1;
	int result = fd;
	fd = -1;
	return result;
}

static void on_recovered(void *arg, const struct guard_event *event)
{
	struct guard_process *guard = arg;
	_cleanup_(guard_event_freep) struct guard_event *copy = guard_event_new();

	guard_event_copy(copy, event);
	guard_process_send(guard, &(struct guard_origin){.slot = -1}, copy);
}

/* The lock, then what a dead instance left, then ready. Otherwise the state says why not. */
static void take_charge(struct guard_process *guard)
{
	char why[256];
	pid_t holder = 0;
	int err = guard_store_open(&guard->store, guard->options, true, why, sizeof(why));

	if (err) {
		set_state(guard, GUARD_ABSENT, why);
		return;
	}
	err = guard_store_lock(&guard->store, LOCK_PATIENCE_MS, &holder);
	if (err == -EBUSY) {
		(void)snprintf(why, sizeof(why),
			       "another jittertop (pid %d) is in charge of the knobs: read only",
			       (int)holder);
		set_state(guard, GUARD_LOCKED, why);
		return;
	}
	if (err) {
		(void)snprintf(why, sizeof(why), "the lock cannot be taken: %s", strerror(-err));
		set_state(guard, GUARD_ABSENT, why);
		return;
	}
	tell_sleeper(guard, WIRE_SLEEPER_GO, 0);
	set_state(guard, GUARD_RECOVERING, "");
	err = guard_store_prepare(&guard->store, why, sizeof(why));
	if (err) {
		set_state(guard, GUARD_ABSENT, why);
		return;
	}
	err = guard_store_recover(&guard->store, on_recovered, guard);
	if (err < 0) {
		(void)snprintf(why, sizeof(why), "the run directory cannot be read: %s",
			       strerror(-err));
		set_state(guard, GUARD_ABSENT, why);
		return;
	}
	if (guard->store.is_read_only) {
		set_state(guard, GUARD_ABSENT,
			  "the run directory is read-only, so that no undo file can be written: "
			  "mount it writable");
		return;
	}
	if (guard_open_host(guard->options, &guard->peek))
		guard->peek = NULL;
	guard->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	guard->listen_fd = listen_control(guard);
	set_state(guard, GUARD_READY, err ? "something is left to be undone by hand" : "");
}

/* The sleeper first, while the lock is held: it must not mistake a clean end for a death. */
static void leave(struct guard_process *guard)
{
	tell_sleeper(guard, WIRE_SLEEPER_BYE, 0);
	if (guard->sleeper_fd >= 0) {
		struct pollfd poll_fd = {.fd = guard->sleeper_fd, .events = POLLIN};

		(void)poll(&poll_fd, 1, 2000);
	}
	if (guard->listen_fd >= 0)
		(void)unlinkat(guard->store.dirfd, socket_name, 0);
	host_close(guard->peek);
	guard_stack_free(guard);
	guard_store_close(&guard->store);
}

/* --- the loop --- */

enum { POLL_PROGRAM, POLL_SLEEPER, POLL_LISTEN, POLL_TIMER, POLL_JOB, POLL_CLIENTS };

static void wait_and_handle(struct guard_process *guard)
{
	struct pollfd fds[POLL_CLIENTS + GUARD_MAX_CLIENTS] = {
		[POLL_PROGRAM] = {.fd = guard->program_fd},
		[POLL_SLEEPER] = {.fd = guard->sleeper_fd},
		[POLL_LISTEN] = {.fd = guard->listen_fd},
		[POLL_TIMER] = {.fd = guard->timer_fd},
		[POLL_JOB] = {.fd = guard->job ? guard->job->done_fd : -1},
	};
	int timeout = guard->job ? JOB_POLL_MS : guard->timer_fd < 0 ? 1000 : -1;

	for (int i = 0; i < GUARD_MAX_CLIENTS; i++)
		fds[POLL_CLIENTS + i].fd = guard->clients[i].fd;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i].events = POLLIN;
	int n = poll(fds, ARRAY_SIZE(fds), timeout);
	if (n <= 0) {
		guard_stack_progress(guard);
		return;
	}
	if (fds[POLL_JOB].revents)
		guard_stack_job_done(guard);
	if (fds[POLL_SLEEPER].revents)
		on_sleeper(guard);
	if (fds[POLL_PROGRAM].revents)
		on_program(guard);
	if (fds[POLL_TIMER].revents)
		on_timer(guard);
	for (int i = 0; i < GUARD_MAX_CLIENTS; i++) {
		if (fds[POLL_CLIENTS + i].revents && guard->clients[i].fd >= 0)
			on_client(guard, i);
	}
	if (fds[POLL_LISTEN].revents)
		on_connect(guard);
}

void guard_process_run(const struct guard_options *options, const struct guard_who *who,
		       int program_fd, int sleeper_fd)
{
	const int fds[] = {program_fd, sleeper_fd};
	struct guard_process guard = {
		.options = options,
		.store = {.dirfd = -1, .lock_fd = -1},
		.program_fd = program_fd,
		.sleeper_fd = sleeper_fd,
		.listen_fd = -1,
		.timer_fd = -1,
		.who_pid = who->pid,
	};

	memcpy(guard.who_user, who->user, sizeof(guard.who_user));
	for (int i = 0; i < GUARD_MAX_CLIENTS; i++)
		guard.clients[i].fd = -1;
	guard_process_harden("jt-guard", fds, ARRAY_SIZE(fds));
	guard_job_prepare_signals();
	if (!options->open_host)
		guard_scope_enter("guard");
	take_charge(&guard);
	for (;;) {
		guard_stack_pump(&guard);
		if (guard.is_closing && (guard.state != GUARD_READY || guard_stack_is_idle(&guard)))
			break;
		guard_process_update_sleeper(&guard);
		arm_timer(&guard);
		wait_and_handle(&guard);
	}
	leave(&guard);
	_exit(0);
}
