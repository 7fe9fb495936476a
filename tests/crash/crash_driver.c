/*
 * Kills and injects errors at every system call of guard, sleeper and program, and looks at the
 * host afterwards (safety.md section 6).
 *
 *   crash_driver HARNESS DIR [--quick] [--expect-bad]
 *
 * A run of the harness is traced; a point is the n-th system call stop (entry and exit both count)
 * of one role, counted from its fork. What is wrong afterwards is "bad":
 *   - a value that is neither wholly old nor (kept file present) wholly new,
 *   - anything needing `restore` although only one process was killed,
 *   - a run that does not end.
 * Prints one line of figures; exit status 1 when something is bad (with --expect-bad: when nothing
 * is, for the harness that was broken on purpose; stops at the first).
 */
#include <dirent.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "the error injection knows x86-64 registers only: add yours to inject_entry()"
#endif

#define MAX_TASKS 64
#define HANG_SECONDS 20
#define ROLE_ALL 3

enum { PROGRAM, GUARD, SLEEPER, UNKNOWN };
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
	int second_role; /* UNKNOWN: none. Killed at its second_n-th stop after the first */
	unsigned second_n;
	/* seen */
	struct task tasks[MAX_TASKS];
	unsigned n_tasks, n_forks;
	unsigned stops[4], second_stops;
	bool is_acted, is_second_acted, is_hung;
	long injected_call;
	int exit_status; /* of the program; -1: killed */
};

struct figures {
	unsigned points, doubles, injected, bad;
};

static const char *harness, *tree, *run_dir;
static bool is_bad_expected;
static volatile sig_atomic_t is_alarmed;

static const struct {
	const char *path, *old, *new;
} values[] = {
	{"proc/irq/40/smp_affinity_list", "0-1", "0"},
	{"sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "0", "8"},
	{"fake/thread/7/affinity", "0-1", "1"},
	{"rps_cpus", "3", "1"},
};

static const char *const constants[][2] = {
	{"proc/irq/40/effective_affinity_list", "0"},
	{"proc/sys/kernel/random/boot_id", "00000000-1111-2222-3333-444444444444"},
	{"proc/meminfo", "MemTotal:        4000000 kB\nMemFree:         3000000 kB"},
	{"sys/kernel/irq/40/chip_name", "PCI-MSIX-0000:00:04.0"},
	{"sys/kernel/irq/40/hwirq", "0"},
	{"sys/kernel/irq/40/actions", "virtio3-config"},
	{"sys/devices/system/cpu/online", "0-1"},
	{"start/7", "1000"},
	{"fake/template/cpus", ""},
	{"fake/template/cgroup.procs", ""},
	{"cg/cpus", "0-1"},
	{"sys/devices/system/node/node0/cpulist", "0-1"},
	{"sys/devices/system/node/node0/meminfo",
	 "Node 0 MemTotal:        4000000 kB\nNode 0 MemFree:         3000000 kB"},
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* --- the host on disk --- */

static void put(const char *path, const char *text)
{
	char full[1024];

	(void)snprintf(full, sizeof(full), "%s/%s", tree, path);
	for (char *slash = strchr(full + strlen(tree) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		die(full);
}

static bool shows(const char *path, const char *text)
{
	char full[1024], now[128] = "";

	(void)snprintf(full, sizeof(full), "%s/%s", tree, path);
	FILE *file = fopen(full, "r");
	if (!file || !fgets(now, sizeof(now), file))
		now[0] = '\0';
	if (file)
		(void)fclose(file);
	now[strcspn(now, "\n")] = '\0';
	return strcmp(now, text) == 0;
}

/* Calls for every entry of the run directory; counts those that start with prefix, removes all when
 * is_removing. */
static unsigned scan_run_dir(const char *prefix, bool is_removing)
{
	DIR *dir = opendir(run_dir);
	unsigned n = 0;

	if (!dir)
		return 0;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			n++;
		if (is_removing)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
	return n;
}

/* The group that a transaction makes, with its file. */
static const char group[] = "cg/mine", group_file[] = "cg/mine/cpus";

static bool has_group(void)
{
	char full[1024];

	(void)snprintf(full, sizeof(full), "%s/%s", tree, group);
	return access(full, F_OK) == 0;
}

static void remove_group(void)
{
	static const char *const files[] = {"cpus", "cgroup.procs"};
	char full[1024];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(full, sizeof(full), "%s/%s/%s", tree, group, files[i]);
		(void)unlink(full);
	}
	(void)snprintf(full, sizeof(full), "%s/%s", tree, group);
	(void)rmdir(full);
}

static void reset_host(void)
{
	(void)scan_run_dir("", true);
	remove_group();
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		put(values[i].path, values[i].old);
}

static bool all_old(void)
{
	bool is_old = !has_group();

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		is_old &= shows(values[i].path, values[i].old);
	return is_old;
}

static bool all_new(void)
{
	bool is_new = shows(group_file, "1");

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		is_new &= shows(values[i].path, values[i].new);
	return is_new;
}

/* Old, or kept whole, and no trial left over. */
static bool is_settled(void)
{
	if (scan_run_dir("trial-", false))
		return false;
	return scan_run_dir("kept-", false) ? all_new() : all_old();
}

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
	regs.rax = (unsigned long long)(long long)-run->error;
	(void)ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
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
	if (run->error && !task->in_syscall)
		return; /* errors are injected at entries only: those are the points then */
	run->stops[task->role]++;
	if (!run->is_acted && task->role == counted && run->stops[counted] == run->n) {
		run->is_acted = true;
		if (!run->error)
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
		role = role == PROGRAM && run->n_forks < 2 ? GUARD + (int)run->n_forks : role;
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
	return run->is_acted && run->role == ROLE_ALL && !run->error;
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
	(void)execl(harness, harness, tree, run_dir, mode, (char *)NULL);
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
	if (run->error)
		printf(" (instead: %s from call %ld)", strerrorname_np(run->error),
		       run->injected_call);
	if (run->second_role != UNKNOWN)
		printf(", then %s at %u", role_names[run->second_role], run->second_n);
	printf(": %s; irq %s, pages %s, %u trial, %u kept\n", what,
	       shows(values[0].path, values[0].old) ? "old" : "changed",
	       shows(values[1].path, values[1].old) ? "old" : "changed",
	       scan_run_dir("trial-", false), scan_run_dir("kept-", false));
}

/* One run from a clean host. False: the point lies behind the run's end. */
static bool try_point(struct figures *figures, struct run *run)
{
	if (is_bad_expected && figures->bad)
		return false; /* found: the rest need not be tried */
	reset_host();
	trace(run);
	if (run->is_hung)
		report_bad(figures, run, "did not end");
	if (!run->is_acted && !run->is_hung)
		return false;
	if (run->role == ROLE_ALL || run->second_role != UNKNOWN) {
		restore();
		if (!is_settled())
			report_bad(figures, run, "left changed after restore");
		return true;
	}
	if (run->error) {
		/* An error may leave a file for `restore`, never a change without one. */
		if (!all_old() && !scan_run_dir("trial-", false) && !scan_run_dir("kept-", false))
			report_bad(figures, run, "changed without an undo file");
		restore();
	}
	if (!is_settled())
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
			reset_host();
			trace(&first);
			if (!first.is_acted)
				return;
			trace(&second);
			restore();
			if (!is_settled()) {
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

	reset_host();
	trace(&run);
	bool is_fine = !run.is_hung && run.exit_status == 0 && is_settled() &&
		       scan_run_dir("kept-", false) == is_kept;
	printf("%s: %u program, %u guard, %u sleeper stops%s\n", mode, run.stops[PROGRAM],
	       run.stops[GUARD], run.stops[SLEEPER], is_fine ? "" : ": DOES NOT WORK");
	/* A clean end leaves the lock and what was kept. */
	if (is_fine && scan_run_dir("", false) != 1u + is_kept) {
		printf("%s: leaves more than the lock behind\n", mode);
		is_fine = false;
	}
	return is_fine;
}

static void test_all(struct figures *figures, unsigned stride)
{
	static const char *const modes[] = {"trial", "keep"};

	for (size_t i = 0; i < 2; i++) {
		for (int role = PROGRAM; role <= ROLE_ALL; role++)
			kill_everywhere(figures, modes[i], role, stride);
	}
	kill_everywhere(figures, "close", GUARD, stride);
	kill_everywhere(figures, "deadline", GUARD, 2 * stride);
	kill_twice(figures, "trial", 37 * stride, 4 + stride);
	kill_restore(figures, "trial", 53 * stride, 6 + stride);
	kill_restore(figures, "keep", 97 * stride, 8 + stride);
	inject_everywhere(figures, "trial", GUARD, stride);
	inject_everywhere(figures, "keep", GUARD, 3 * stride);
}

int main(int argc, char **argv)
{
	struct figures figures = {0};
	bool is_quick = false;
	char tree_path[512], run_path[512];

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++) {
		is_quick |= !strcmp(argv[i], "--quick");
		is_bad_expected |= !strcmp(argv[i], "--expect-bad");
	}
	harness = argv[1];
	(void)snprintf(tree_path, sizeof(tree_path), "%s/tree", argv[2]);
	(void)snprintf(run_path, sizeof(run_path), "%s/run", argv[2]);
	tree = tree_path;
	run_dir = run_path;
	(void)mkdir(tree, 0700);
	(void)setenv("CRASH_TREE", tree, 1);
	(void)setenv("CRASH_RUN", run_dir, 1);
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++)
		put(constants[i][0], constants[i][1]);
	struct sigaction action = {.sa_handler = on_alarm};
	(void)sigaction(SIGALRM, &action, NULL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);

	bool is_working =
		is_bad_expected || (rehearse("trial", false) && rehearse("keep", true) &&
				    rehearse("close", false) && rehearse("deadline", false));
	if (is_working)
		test_all(&figures, is_bad_expected ? 9 : is_quick ? 19 : 1);
	printf("points %u, double crashes %u, injected %u, bad %u\n", figures.points,
	       figures.doubles, figures.injected, figures.bad);
	if (is_bad_expected)
		return figures.bad ? 0 : 1;
	return is_working && !figures.bad ? 0 : 1;
}
