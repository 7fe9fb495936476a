/*
 * Rules of safety.md broken on purpose, one per program: the linker puts a function of this file in
 * the place of one of jittertop's (-Wl,--wrap), and the crash driver must find that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/change.h"
#include "core/host_write.h"
#include "core/plan_internal.h"
#include "core/undo.h"

#if defined(MUTATION_UNWRITTEN)

/* The host is written before its undo file is. Scratch hosts only. */
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

#elif defined(MUTATION_FORGOTTEN)

/* The undo file goes before the values are back. */
int __real_change_undo_applied(struct host *host, const struct plan *plan,
			       const struct change_report *applied, change_progress_fn *progress,
			       void *arg, struct change_report *ret);
int __wrap_change_undo_applied(struct host *host, const struct plan *plan,
			       const struct change_report *applied, change_progress_fn *progress,
			       void *arg, struct change_report *ret);

int __wrap_change_undo_applied(struct host *host, const struct plan *plan,
			       const struct change_report *applied, change_progress_fn *progress,
			       void *arg, struct change_report *ret)
{
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/trial-1.undo", getenv("CRASH_RUN"));
	(void)unlink(path);
	return __real_change_undo_applied(host, plan, applied, progress, arg, ret);
}

#elif defined(MUTATION_ORPHAN)

/*
 * A child writes, as a program that is called would, and is slow. When the guard is killed
 * meanwhile the lock is free at once, and the child writes after the revert.
 */
int __real_host_write(struct host *host, const char *path, const char *text);
int __wrap_host_write(struct host *host, const char *path, const char *text);

/* As if it had been executed: lock, sockets and the run directory are close-on-exec. The host's own
 * directories stay, it needs them to write. */
static void close_all(void)
{
	struct stat run, st;

	if (stat(getenv("CRASH_RUN"), &run) < 0)
		_exit(1);
	for (int fd = 3; fd < 1024; fd++) {
		if (fstat(fd, &st) == 0 && (!S_ISDIR(st.st_mode) || st.st_ino == run.st_ino))
			(void)close(fd);
	}
}

int __wrap_host_write(struct host *host, const char *path, const char *text)
{
	const struct timespec slow = {.tv_nsec = 10000000}, slower = {.tv_nsec = 500000000};
	int status = 0;
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		close_all();
		(void)nanosleep(&slow, NULL);
		/* On a busy machine the revert takes its time: not before it. */
		if (getppid() != parent)
			(void)nanosleep(&slower, NULL);
		_exit(__real_host_write(host, path, text) ? 1 : 0);
	}
	/* System calls to be killed at, as many as a driver that tries each ninth must meet. */
	for (unsigned i = 0; i < 10; i++)
		(void)syscall(SYS_getppid);
	(void)waitpid(child, &status, 0);
	return status ? -EIO : 0;
}

#elif defined(MUTATION_UNREAD)

#include "tests/unit/unread.h"

#else
#error "which mutation?"
#endif
