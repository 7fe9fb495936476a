/*
 * The child that runs a reference program, and what makes sure that it does not outlive us.
 *
 * Three memory files take what it writes: 1 and 2 are its standard output and error, 3 is where its
 * JSON goes. RLIMIT_FSIZE bounds them in the kernel (a program that goes on writing dies by
 * SIGXFSZ), so nobody has to drain a pipe in time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/reference_internal.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Standard input is an empty one. */
enum { IN, OUT, ERRORS, JSON, N_FILES };
#define EXIT_NOT_STARTED 126

struct reference_child {
	pid_t pid;
	int pidfd;
	int files[N_FILES];
	bool is_ended;
	bool is_status_known; /* false: somebody else's SIG_IGN of SIGCHLD made it vanish */
	siginfo_t status;
};

int reference_child_check(const char *path, char *why, size_t why_size)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		int err = -errno;

		(void)snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0) {
		(void)snprintf(why, why_size, "%s is not a program", path);
		return -EACCES;
	}
	/* Whoever may write it would be root through us. */
	if (geteuid() == 0 && (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))) {
		(void)snprintf(why, why_size,
			       "%s can be changed by others than root: not run as root", path);
		return -EPERM;
	}
	return 0;
}

/* --- the child: only calls that are safe between fork and exec in a process with threads --- */

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* Ignored signals (nohup) stay ignored over an exec: SIGINT must end it. Some numbers
	 * cannot be set. */
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit(void)
{
	static const struct rlimit none = {0, 0},
				   size = {REFERENCE_OUTPUT_MAX, REFERENCE_OUTPUT_MAX};
	struct rlimit realtime;

	/* Ours is for threads that sleep (measure_watch.c); oslat never does. */
	if (!getrlimit(RLIMIT_RTTIME, &realtime)) {
		realtime.rlim_cur = realtime.rlim_max;
		(void)setrlimit(RLIMIT_RTTIME, &realtime);
	}
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_FSIZE, &size);
	(void)umask(077);
	/* It gains nothing by a set-user-ID bit, which would also undo PR_SET_PDEATHSIG. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void run(const struct reference_child *child, pid_t parent,
		const struct reference_words *words, const struct cpuset *cpus)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *const environment[] = {path, locale, NULL};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* We may have died before that: then our parent is somebody else already. */
	if (getppid() != parent)
		_exit(EXIT_NOT_STARTED);
	(void)setpgid(0, 0);
	limit();
	/* The program asks for its affinity and drops CPUs that are not in it. */
	(void)sched_setaffinity(0, sizeof(cpus->bits), (const cpu_set_t *)cpus->bits);
	for (int i = 0; i < N_FILES; i++) {
		if (dup2(child->files[i], i) < 0)
			_exit(EXIT_NOT_STARTED);
	}
	(void)syscall(SYS_close_range, (unsigned)N_FILES, ~0u, 0u);
	if (chdir("/") < 0)
		_exit(EXIT_NOT_STARTED);
	reset_signals();
	(void)execve(words->words[0], words->words, environment);
	_exit(EXIT_NOT_STARTED);
}

/* --- the parent --- */

/* Above the numbers the child gives them, so that none overwrites another. */
static int memory_file(const char *name)
{
	_cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	return high < 0 ? -errno : high;
}

static int prepare(struct reference_child *child)
{
	static const char *const names[N_FILES] = {"in", "out", "errors", "json"};

	for (int i = 0; i < N_FILES; i++) {
		child->files[i] = memory_file(names[i]);
		if (child->files[i] < 0)
			return child->files[i];
	}
	return 0;
}

int reference_child_start(const struct reference_words *words, const struct cpuset *cpus,
			  struct reference_child **ret)
{
	struct reference_child *child = xcalloc(1, sizeof(*child));
	pid_t self = getpid();

	child->is_ended = true;
	child->pidfd = -1;
	for (int i = 0; i < N_FILES; i++)
		child->files[i] = -1;

	int err = prepare(child);
	if (!err) {
		child->pid = fork();
		if (child->pid == 0)
			run(child, self, words, cpus);
		err = child->pid < 0 ? -errno : 0;
	}
	if (err) {
		reference_child_free(child);
		return err;
	}
	/* Again, so that the group exists whichever of the two runs first. */
	(void)setpgid(child->pid, child->pid);
	child->is_ended = false;
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0) {
		err = -errno;
		(void)kill(child->pid, SIGKILL); /* not reaped yet: the number is its own */
		(void)waitpid(child->pid, NULL, 0);
		child->is_ended = true;
		reference_child_free(child);
		return err;
	}
	*ret = child;
	return 0;
}

int reference_child_fd(const struct reference_child *child)
{
	return child->pidfd;
}

pid_t reference_child_pid(const struct reference_child *child)
{
	return child->pid;
}

void reference_child_signal(struct reference_child *child, int number)
{
	if (!child->is_ended)
		(void)syscall(SYS_pidfd_send_signal, child->pidfd, number, NULL, 0);
}

static int wait_for(const struct reference_child *child, int options, siginfo_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, ret, WEXITED | options) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return ret->si_pid ? 1 : 0;
}

/*
 * Looked at first without reaping: as long as the dead leader is not reaped nobody else can have
 * its number, and the group that is killed is the one we made.
 */
static bool finish(struct reference_child *child, int options)
{
	int ended = wait_for(child, WNOWAIT | options, &child->status);

	if (ended == 0)
		return false;
	if (ended > 0) {
		(void)kill(-child->pid, SIGKILL);
		child->is_status_known = wait_for(child, 0, &child->status) > 0;
	}
	child->is_ended = true;
	return true;
}

bool reference_child_has_ended(struct reference_child *child)
{
	return child->is_ended || finish(child, WNOHANG);
}

void reference_child_verdict(const struct reference_child *child, char *buf, size_t size)
{
	int status = child->status.si_status;

	(void)snprintf(buf, size, "%s", "");
	if (!child->is_status_known)
		return;
	if (child->status.si_code != CLD_EXITED && status == SIGXFSZ)
		(void)snprintf(buf, size, "wrote more than %zu MiB", REFERENCE_OUTPUT_MAX >> 20);
	else if (child->status.si_code != CLD_EXITED)
		(void)snprintf(buf, size, "was ended by signal %d", status);
	else if (status == EXIT_NOT_STARTED)
		(void)snprintf(buf, size, "could not be started");
	else if (status)
		(void)snprintf(buf, size, "ended with status %d", status);
}

/* The whole content; too long cannot be, and is cut all the same. */
static char *content(int fd, size_t *ret_len)
{
	struct stat st = {0};

	(void)fstat(fd, &st);

	size_t size = st.st_size < 0				  ? 0
		      : (size_t)st.st_size > REFERENCE_OUTPUT_MAX ? REFERENCE_OUTPUT_MAX
								  : (size_t)st.st_size;
	char *text = xcalloc(1, size + 1);
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return text;
}

void reference_child_output(const struct reference_child *child, struct reference_output *ret)
{
	ret->json = content(child->files[JSON], &ret->json_len);
	ret->text = content(child->files[OUT], &ret->text_len);
	ret->errors = content(child->files[ERRORS], &ret->errors_len);
}

void reference_output_done(struct reference_output *output)
{
	free(output->json);
	free(output->text);
	free(output->errors);
	memset(output, 0, sizeof(*output));
}

void reference_child_free(struct reference_child *child)
{
	if (!child)
		return;
	if (!child->is_ended) {
		reference_child_signal(child, SIGKILL);
		(void)finish(child, 0);
	}
	for (int i = 0; i < N_FILES; i++)
		fd_closep(&child->files[i]);
	fd_closep(&child->pidfd);
	free(child);
}
