/*
 * ptyrun [-w WARMUP] [-t SECONDS] [-s COLSxROWS] [-o FILE] COMMAND...
 *
 * Runs a full-screen program on a terminal of exactly the given size and prints one line of
 * figures:
 *
 *   first_frame_ms  from exec to the end of the first burst of output (silence of 30 ms after it)
 *   cpu_ms_per_s    CPU time per second of the whole process tree, after the warm-up
 *   bytes_per_s     bytes sent to the terminal per second, after the warm-up
 *   start_cpu_ms    CPU time of the warm-up
 *   processes       in the tree at the end
 *
 * The tree includes processes that made themselves sessions of their own (jittertop's guard and
 * sleeper): this process is their subreaper. At the end the program gets SIGTERM; what is left
 * after 5 s is killed by pid.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TREE_MAX 256
#define FRAME_SILENCE_NS 30000000
#define FRAME_BYTES_MIN 500

struct run {
	double warmup_s, measure_s;
	struct winsize size;
	FILE *copy; /* of all output, for looking at; may be NULL */
	int fd;
	pid_t child;
	uint64_t start_ns, last_byte_ns, first_frame_ns;
	uint64_t bytes;
	bool is_ended;
};

struct tree {
	pid_t pids[TREE_MAX];
	unsigned n;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	char *end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	int parent = -1;

	(void)fclose(file);
	if (end)
		parent = (int)strtol(end + 3, NULL, 10);
	return parent;
}

static bool tree_has(const struct tree *tree, pid_t pid)
{
	for (unsigned i = 0; i < tree->n; i++) {
		if (tree->pids[i] == pid)
			return true;
	}
	return false;
}

/* Every descendant of this process: repeated passes until nobody is new. */
static void tree_find(struct tree *ret)
{
	ret->n = 0;
	for (unsigned before = UINT32_MAX; before != ret->n;) {
		DIR *dir = opendir("/proc");

		before = ret->n;
		if (!dir)
			return;
		for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
			pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
			pid_t parent = pid > 0 ? parent_of(pid) : -1;

			if (parent > 0 && (parent == getpid() || tree_has(ret, parent)) &&
			    !tree_has(ret, pid) && ret->n < TREE_MAX)
				ret->pids[ret->n++] = pid;
		}
		(void)closedir(dir);
	}
}

/* Whole processes, exited threads included, to the nanosecond. */
static uint64_t tree_cpu_ns(const struct tree *tree)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < tree->n; i++) {
		clockid_t id;
		struct timespec ts;

		if (!clock_getcpuclockid(tree->pids[i], &id) && !clock_gettime(id, &ts))
			sum += (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return sum;
}

/* Takes in what the program writes until the given time. */
static void pump(struct run *run, uint64_t until_ns)
{
	char buf[65536];

	for (uint64_t now = now_ns(); now < until_ns && !run->is_ended; now = now_ns()) {
		struct pollfd pfd = {.fd = run->fd, .events = POLLIN};
		uint64_t wait_ms = (until_ns - now) / 1000000 + 1;

		if (!run->first_frame_ns && wait_ms > 5)
			wait_ms = 5;
		if (poll(&pfd, 1, (int)wait_ms) > 0) {
			ssize_t n = read(run->fd, buf, sizeof(buf));

			run->is_ended = n <= 0;
			if (n > 0) {
				run->bytes += (uint64_t)n;
				run->last_byte_ns = now_ns();
				if (run->copy)
					(void)fwrite(buf, 1, (size_t)n, run->copy);
			}
		} else if (!run->first_frame_ns && run->bytes >= FRAME_BYTES_MIN &&
			   now_ns() - run->last_byte_ns > FRAME_SILENCE_NS) {
			run->first_frame_ns = run->last_byte_ns;
		}
	}
}

static int start(struct run *run, char **argv)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	run->start_ns = now_ns();
	run->child = forkpty(&run->fd, NULL, NULL, &run->size);
	if (run->child < 0)
		return -errno;
	if (run->child == 0) {
		(void)setenv("TERM", "xterm-256color", 1);
		(void)unsetenv("LINES");
		(void)unsetenv("COLUMNS");
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	return 0;
}

/* TERM, then KILL by pid: nothing that this program started stays. */
static void stop(struct run *run)
{
	uint64_t deadline = now_ns() + 5000000000;

	(void)kill(run->child, SIGTERM);
	for (;;) {
		struct tree tree;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		tree_find(&tree);
		if (tree.n == 0)
			return;
		if (now_ns() > deadline) {
			fprintf(stderr, "ptyrun: %u processes ignored SIGTERM\n", tree.n);
			for (unsigned i = 0; i < tree.n; i++)
				(void)kill(tree.pids[i], SIGKILL);
			deadline += 1000000000;
		}
		run->is_ended = false;
		pump(run, now_ns() + 20000000);
		if (run->is_ended)
			(void)usleep(20000);
	}
}

static int measure(struct run *run)
{
	struct tree tree;

	pump(run, run->start_ns + (uint64_t)(run->warmup_s * 1e9));
	tree_find(&tree);
	uint64_t cpu_ns = tree_cpu_ns(&tree), bytes = run->bytes, from_ns = now_ns();

	pump(run, from_ns + (uint64_t)(run->measure_s * 1e9));
	if (run->is_ended) {
		fprintf(stderr, "ptyrun: the program ended by itself after %llu bytes\n",
			(unsigned long long)run->bytes);
		return 1;
	}
	tree_find(&tree);
	double seconds = (double)(now_ns() - from_ns) / 1e9;
	/* Signed: a process that ended in between took its time with it. */
	double cpu_ms = (double)(int64_t)(tree_cpu_ns(&tree) - cpu_ns) / 1e6;
	double frame_ms =
		run->first_frame_ns ? (double)(run->first_frame_ns - run->start_ns) / 1e6 : -1;

	printf("first_frame_ms=%.1f cpu_ms_per_s=%.2f bytes_per_s=%.0f start_cpu_ms=%.1f "
	       "processes=%u\n",
	       frame_ms, cpu_ms / seconds, (double)(run->bytes - bytes) / seconds,
	       (double)cpu_ns / 1e6, tree.n);
	return 0;
}

static int usage(void)
{
	fputs("usage: ptyrun [-w WARMUP] [-t SECONDS] [-s COLSxROWS] [-o FILE] COMMAND...\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct run run = {.warmup_s = 3, .measure_s = 10, .size = {.ws_col = 160, .ws_row = 50}};

	for (int opt; (opt = getopt(argc, argv, "+w:t:s:o:")) != -1;) {
		char *end = NULL;

		if (opt == 'w') {
			run.warmup_s = strtod(optarg, &end);
		} else if (opt == 't') {
			run.measure_s = strtod(optarg, &end);
		} else if (opt == 's') {
			run.size.ws_col = (unsigned short)strtoul(optarg, &end, 10);
			run.size.ws_row =
				*end == 'x' ? (unsigned short)strtoul(end + 1, &end, 10) : 0;
		} else if (opt == 'o') {
			run.copy = fopen(optarg, "we");
		} else {
			return usage();
		}
		if (end && *end)
			return usage();
	}
	if (optind >= argc || !run.size.ws_row || !run.size.ws_col)
		return usage();

	int err = start(&run, argv + optind);
	if (err < 0) {
		fprintf(stderr, "ptyrun: no terminal: %s\n", strerror(-err));
		return 1;
	}
	int status = measure(&run);

	stop(&run);
	if (run.copy)
		(void)fclose(run.copy);
	return status;
}
