/*
 * Kills and injects errors at every system call of guard, sleeper and program, and looks at the
 * host afterwards (safety.md section 6).
 *
 *   crash_driver HARNESS DIR [--stride N] [--double-stride N] [--expect-bad] [--scene FILE]
 *
 * A run of the harness is traced; a point is the n-th system call stop (entry and exit both count)
 * of one role, counted from its fork. What is wrong afterwards is "bad":
 *   - a value that is neither wholly old nor (kept file present) wholly new,
 *   - anything needing `restore` although only one process was killed,
 *   - a run that does not end.
 * With a scene (crash_host.h) the host is this machine's kernel, and it lies, too: each write to
 * one of the values is said to have worked and was not done.
 *
 * Every N-th point is tried, and of pairs of points as many as N = 1 gives when --double-stride
 * is 1. Prints one line of figures; exit status 1 when something is bad (with
 * --expect-bad: when nothing is, for a harness that was broken on purpose; stops at the first).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/crash_host.h"

#if !defined(__x86_64__)
#error "the error injection knows x86-64 registers only: add yours to inject_entry()"
#endif

#define MAX_TASKS 64
#define HANG_SECONDS 20

/* OTHER: whatever guard or sleeper start. They should not: such a child lives on when they are
 * killed. */
enum { PROGRAM, GUARD, SLEEPER, ROLE_ALL, OTHER, UNKNOWN };
static const char *const role_names[] = {"program", "guard", "sleeper", "all"};

struct task {
	pid_t tid, pid;
	int role; /* UNKNOWN until its parent's event says */
	bool is_stopped, in_syscall, is_injected;
};

/* One run: what is to happen, and what was seen. */
struct run {
	const char *mode;
	int role;	 /* whose stops are counted; ROLE_ALL: the guard's, all are killed */
	unsigned n;	 /* act at this stop, from 1; 0: never */
	int error;	 /* inject this instead of killing; 0: kill */
	bool is_lie;	 /* points are writes to values: not done, said to be */
	int second_role; /* UNKNOWN: none. Killed at its second_n-th stop after the first */
	unsigned second_n;
	/* seen */
	struct task tasks[MAX_TASKS];
	unsigned n_tasks, n_forks;
	unsigned stops[OTHER + 1], second_stops;
	bool is_acted, is_second_acted, is_hung;
	long injected_call;
	long injected_result;
	int exit_status; /* of the program; -1: killed */
};

struct figures {
	unsigned points, doubles, injected, lies, bad;
};

static const char *harness;
static bool is_bad_expected;
static volatile sig_atomic_t is_alarmed;

/* --- tracing --- */

static void on_alarm(int number)
{
	(void)number;
	is_alarmed = 1;
}

static void set_alarm(unsigned seconds)
{
	const struct itimerval timer = {.it_value = {.tv_sec = seconds},
					.it_interval = {.tv_usec = seconds ? 100000 : 0}};

	is_alarmed = 0;
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static struct task *find_task(struct run *run, pid_t tid)
{
	for (unsigned i = 0; i < run->n_tasks; i++) {
		if (run->tasks[i].tid == tid)
			return &run->tasks[i];
	}
	if (run->n_tasks == MAX_TASKS)
		die("too many tasks");
	run->tasks[run->n_tasks] = (struct task){.tid = tid, .pid = tid, .role = UNKNOWN};
	return &run->tasks[run->n_tasks++];
}

static void drop_task(struct run *run, const struct task *task)
{
	run->n_tasks--;
	run->tasks[task - run->tasks] = run->tasks[run->n_tasks];
}

static void kill_role(const struct run *run, int role)
{
	for (unsigned i = 0; i < run->n_tasks; i++) {
		const struct task *task = &run->tasks[i];

		if (task->tid == task->pid && (role == ROLE_ALL || task->role == role))
			(void)kill(task->pid, SIGKILL);
	}
}

static void resume(const struct run *run, struct task *task, int number)
{
	int counted = run->role == ROLE_ALL ? GUARD : run->role;
	/* Only those are stopped at every call whose calls are counted; n 0, the rehearsal: all. */
	bool is_counting = !run->n || task->is_injected ||
			   (task->role == counted && !run->is_acted) ||
			   (task->role == run->second_role && !run->is_second_acted);

	task->is_stopped = false;
	(void)ptrace(is_counting ? PTRACE_SYSCALL : PTRACE_CONT, task->tid, NULL,
		     (void *)(uintptr_t)number);
}

/* Not to be faked: ends, which cannot fail, and the C library's own locks, which the kernel does
 * not refuse to wake and which hang when it is made to look so. */
static bool is_exempt(long number)
{
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn ||
	       number == SYS_futex;
}

/* The call is replaced by none; the result is set at its exit. */
static void inject_entry(struct run *run, struct task *task)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) < 0 || is_exempt((long)regs.orig_rax))
		return;
	run->injected_call = (long)regs.orig_rax;
	/* A write says its length, the other calls 0. */
	run->injected_result = !run->is_lie		    ? -run->error
			       : regs.orig_rax == SYS_write ? (long)regs.rdx
							    : 0;
	regs.orig_rax = (unsigned long long)-1;
	(void)ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
	task->is_injected = true;
}

static void inject_exit(const struct run *run, struct task *task)
{
	struct user_regs_struct regs;

	task->is_injected = false;
	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) < 0)
		return;
	regs.rax = (unsigned long long)(long long)run->injected_result;
	(void)ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
}

/* A write(2) to one of the values, or a setting of another thread. */
static bool is_value_write(const struct task *task)
{
	struct user_regs_struct regs;
	char link[64], path[512];

	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) < 0)
		return false;
	if (regs.orig_rax == SYS_sched_setaffinity)
		return regs.rdi != 0;
	if (regs.orig_rax != SYS_write)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", task->pid, (int)regs.rdi);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	return crash_host_has(path);
}

/* Faked calls count at their entry only. */
static bool is_point(const struct run *run, const struct task *task)
{
	if (!run->error && !run->is_lie)
		return true;
	return task->in_syscall && (!run->is_lie || is_value_write(task));
}

static void on_syscall(struct run *run, struct task *task)
{
	int counted = run->role == ROLE_ALL ? GUARD : run->role;

	task->in_syscall = !task->in_syscall;
	if (task->is_injected && !task->in_syscall)
		inject_exit(run, task);
	if (task->role == UNKNOWN ||
	    (task->role == PROGRAM && run->n_forks == 0 && strcmp(run->mode, "restore") != 0))
		return;
	if (!is_point(run, task))
		return;
	run->stops[task->role]++;
	if (!run->is_acted && task->role == counted && run->stops[counted] == run->n) {
		run->is_acted = true;
		if (!run->error && !run->is_lie)
			kill_role(run, run->role);
		else
			inject_entry(run, task);
		return;
	}
	if (run->is_acted && !run->is_second_acted && task->role == run->second_role &&
	    ++run->second_stops == run->second_n) {
		run->is_second_acted = true;
		kill_role(run, run->second_role);
	}
}

static void on_fork(struct run *run, const struct task *parent, int event)
{
	unsigned long child_tid = 0;
	int role = parent->role;
	pid_t pid = parent->pid;

	(void)ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &child_tid);
	struct task *child = find_task(run, (pid_t)child_tid);
	if (event == PTRACE_EVENT_CLONE) {
		child->pid = pid;
	} else {
		role = role == PROGRAM && run->n_forks < 2 ? GUARD + (int)run->n_forks
		       : role == PROGRAM		   ? PROGRAM
							   : OTHER;
		run->n_forks++;
	}
	child->role = role;
	if (child->is_stopped)
		resume(run, child, 0);
}

/* Born in the moment its parent was killed with all the others: nobody will tell whose it is, and
 * it would wait for that for ever. */
static bool is_orphan(const struct run *run)
{
	return run->is_acted && run->role == ROLE_ALL && !run->error && !run->is_lie;
}

static void on_stop(struct run *run, struct task *task, int status)
{
	const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int number = WSTOPSIG(status), event = status >> 16;
	pid_t tid = task->tid;

	task->is_stopped = true;
	if (number == (SIGTRAP | 0x80)) {
		on_syscall(run, task);
		number = 0;
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		   event == PTRACE_EVENT_CLONE) {
		on_fork(run, task, event);
		number = 0;
	} else if (event) {
		number = 0;
	} else if (number == SIGSTOP || number == SIGTRAP) {
		if (task->role == PROGRAM)
			(void)ptrace(PTRACE_SETOPTIONS, tid, NULL, (void *)(uintptr_t)options);
		else if (task->role == UNKNOWN && !is_orphan(run))
			return; /* its parent's event has not come yet */
		else if (task->role == UNKNOWN)
			(void)kill(tid, SIGKILL);
		number = 0;
	}
	resume(run, find_task(run, tid), number);
}

static pid_t start_harness(const char *mode)
{
	const char *argv[CRASH_MAX_SETS + 5] = {harness, crash_host_tree(), crash_host_run_dir(),
						mode};
	union {
		const char **in;
		char *const *out;
	} words = {.in = argv};

	for (unsigned i = 0; crash_host_sets()[i]; i++)
		argv[4 + i] = crash_host_sets()[i];
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	int null = open("/dev/null", O_RDWR);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	(void)raise(SIGSTOP);
	(void)execv(harness, words.out);
	_exit(127);
}

/* Until no process of the run is left. */
static void trace(struct run *run)
{
	run->exit_status = -1;
	set_alarm(HANG_SECONDS);
	pid_t program = start_harness(run->mode);
	find_task(run, program)->role = PROGRAM;
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno == ECHILD)
			break;
		if (is_alarmed) {
			run->is_hung = true;
			kill_role(run, ROLE_ALL);
		}
		if (tid < 0)
			continue;
		struct task *task = find_task(run, tid);
		if (WIFSTOPPED(status)) {
			on_stop(run, task, status);
			continue;
		}
		if (tid == program && WIFEXITED(status))
			run->exit_status = WEXITSTATUS(status);
		drop_task(run, task);
	}
	set_alarm(0);
}

static void restore(void)
{
	struct run run = {.mode = "restore", .role = PROGRAM, .second_role = UNKNOWN};

	run.n = 1000000; /* never reached: only counted */
	trace(&run);
}

/* --- the tests --- */

static void report_bad(struct figures *figures, const struct run *run, const char *what)
{
	figures->bad++;
	if (figures->bad > 10)
		return;
	printf("bad: %s: %s killed at %u", run->mode, role_names[run->role], run->n);
	if (run->is_lie)
		printf(" (instead: the write was not done)");
	else if (run->error)
		printf(" (instead: %s from call %ld)", strerrorname_np(run->error),
		       run->injected_call);
	if (run->second_role != UNKNOWN)
		printf(", then %s at %u", role_names[run->second_role], run->second_n);
	printf(": %s;", what);
	crash_host_print();
}

/* One run from a clean host. False: the point lies behind the run's end. */
static bool try_point(struct figures *figures, struct run *run)
{
	if (is_bad_expected && figures->bad)
		return false; /* found: the rest need not be tried */
	if (!crash_host_reset())
		report_bad(figures, run, "(before) the old values could not be brought back");
	trace(run);
	if (run->is_hung)
		report_bad(figures, run, "did not end");
	if (!run->is_acted && !run->is_hung)
		return false;
	if (run->role == ROLE_ALL || run->second_role != UNKNOWN) {
		restore();
		if (!crash_host_is_settled())
			report_bad(figures, run, "left changed after restore");
		return true;
	}
	if (run->error || run->is_lie) {
		/* An error may leave a file for `restore`, never a change without one. */
		if (!crash_host_is_old() && !crash_host_count("trial-") &&
		    !crash_host_count("kept-"))
			report_bad(figures, run, "changed without an undo file");
		restore();
	}
	if (!crash_host_is_settled())
		report_bad(figures, run, "left changed");
	return true;
}

static void kill_everywhere(struct figures *figures, const char *mode, int role, unsigned stride)
{
	for (unsigned n = 1;; n += stride) {
		struct run run = {.mode = mode, .role = role, .n = n, .second_role = UNKNOWN};

		if (!try_point(figures, &run))
			return;
		figures->points++;
	}
}

/* The guard, then the sleeper while it recovers. */
static void kill_twice(struct figures *figures, const char *mode, unsigned stride,
		       unsigned second_stride)
{
	for (unsigned n = 1;; n += stride) {
		for (unsigned m = 1;; m += second_stride) {
			struct run run = {.mode = mode,
					  .role = GUARD,
					  .n = n,
					  .second_role = SLEEPER,
					  .second_n = m};
			bool is_inside = try_point(figures, &run);

			if (!is_inside && m == 1)
				return;
			if (!run.is_second_acted)
				break;
			figures->doubles++;
		}
	}
}

/* All at once, then `restore` at its m-th stop, then `restore` again. */
static void kill_restore(struct figures *figures, const char *mode, unsigned stride,
			 unsigned second_stride)
{
	for (unsigned n = 1;; n += stride) {
		for (unsigned m = 1;; m += second_stride) {
			struct run first = {
				.mode = mode, .role = ROLE_ALL, .n = n, .second_role = UNKNOWN};
			struct run second = {
				.mode = "restore", .role = PROGRAM, .n = m, .second_role = UNKNOWN};

			if (is_bad_expected && figures->bad)
				return;
			(void)crash_host_reset();
			trace(&first);
			if (!first.is_acted)
				return;
			trace(&second);
			restore();
			if (!crash_host_is_settled()) {
				report_bad(figures, &first, "left changed by two restores");
				report_bad(figures, &second, "(the second)");
			}
			if (!second.is_acted)
				break;
			figures->doubles++;
		}
	}
}

static void inject_everywhere(struct figures *figures, const char *mode, int role, unsigned stride)
{
	static const int errors[] = {ENOSPC, EIO, EPERM, EINTR, ENOMEM, EMFILE, EROFS, EBUSY};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		for (unsigned n = 1 + (unsigned)i % stride;; n += stride) {
			/* Other errors at other points when not all can be tried. */
			struct run run = {.mode = mode,
					  .role = role,
					  .n = n,
					  .error = errors[i],
					  .second_role = UNKNOWN};

			if (!try_point(figures, &run))
				break;
			figures->injected++;
		}
	}
}

/* Without a kill the harness does what its mode says: otherwise every test above is empty. */
static bool rehearse(const char *mode, bool is_kept)
{
	struct run run = {.mode = mode, .role = GUARD, .second_role = UNKNOWN};

	(void)crash_host_reset();
	trace(&run);
	bool is_fine = !run.is_hung && run.exit_status == 0 && crash_host_is_settled() &&
		       crash_host_count("kept-") == is_kept;
	printf("%s: %u program, %u guard, %u sleeper stops%s\n", mode, run.stops[PROGRAM],
	       run.stops[GUARD], run.stops[SLEEPER], is_fine ? "" : ": DOES NOT WORK");
	/* A clean end leaves the lock and what was kept. */
	if (is_fine && crash_host_count("") != 1u + is_kept) {
		printf("%s: leaves more than the lock behind\n", mode);
		is_fine = false;
	}
	return is_fine;
}

/* Every write to a value: said to be done, and was not. What was then not taken back must have an
 * undo file. */
static void lie_everywhere(struct figures *figures, const char *mode)
{
	for (unsigned n = 1;; n++) {
		struct run run = {.mode = mode,
				  .role = GUARD,
				  .n = n,
				  .is_lie = true,
				  .second_role = UNKNOWN};

		if (!try_point(figures, &run))
			return;
		figures->lies++;
	}
}

static void test_all(struct figures *figures, unsigned stride, unsigned pairs)
{
	static const char *const modes[] = {"trial", "keep"};

	if (!strcmp(crash_host_tree(), "live")) {
		lie_everywhere(figures, "trial");
		lie_everywhere(figures, "close");
	}
	if (is_bad_expected) /* most likely there */
		kill_everywhere(figures, "trial", GUARD, stride);
	for (size_t i = 0; i < 2; i++) {
		for (int role = PROGRAM; role <= ROLE_ALL; role++)
			kill_everywhere(figures, modes[i], role, stride);
	}
	kill_everywhere(figures, "close", GUARD, stride);
	kill_everywhere(figures, "deadline", GUARD, 2 * stride);
	kill_twice(figures, "trial", 37 * pairs, 4 + pairs);
	kill_restore(figures, "trial", 53 * pairs, 6 + pairs);
	kill_restore(figures, "keep", 97 * pairs, 8 + pairs);
	inject_everywhere(figures, "trial", GUARD, stride);
	inject_everywhere(figures, "keep", GUARD, 3 * stride);
}

int main(int argc, char **argv)
{
	struct figures figures = {0};
	unsigned stride = 1, pairs = 0;
	const char *scene = NULL;

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "--expect-bad"))
			is_bad_expected = true;
		else if (!strcmp(argv[i], "--stride") && i + 1 < argc)
			stride = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--double-stride") && i + 1 < argc)
			pairs = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--scene") && i + 1 < argc)
			scene = argv[++i];
		else
			return 2;
	}
	if (!stride)
		return 2;
	harness = argv[1];
	crash_host_open(argv[2], scene);
	(void)setenv("CRASH_TREE", crash_host_tree(), 1);
	(void)setenv("CRASH_RUN", crash_host_run_dir(), 1);
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	struct sigaction action = {.sa_handler = on_alarm};
	(void)sigaction(SIGALRM, &action, NULL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);

	bool is_working =
		is_bad_expected || (rehearse("trial", false) && rehearse("keep", true) &&
				    rehearse("close", false) && rehearse("deadline", false));
	if (is_working)
		test_all(&figures, stride, pairs ? pairs : stride);
	if (!crash_host_reset())
		report_bad(&figures, &(struct run){.mode = "end", .second_role = UNKNOWN},
			   "the old values could not be brought back");
	printf("points %u, double crashes %u, injected %u, lies %u, bad %u\n", figures.points,
	       figures.doubles, figures.injected, figures.lies, figures.bad);
	if (is_bad_expected)
		return figures.bad ? 0 : 1;
	return is_working && !figures.bad ? 0 : 1;
}
