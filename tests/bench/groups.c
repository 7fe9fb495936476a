/*
 * groups N live|tree: N control groups, made in every hierarchy of this machine and removed again
 * (root), or in a made-up tree of version 2 with containers; prints the CPU time that the probe of
 * containers takes in a run, when all is new, in the ordinary way, and thoroughly.
 */
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "probes/cgroup.h"
#include "probes/probes.h"
#include "tests/unit/tree.h"

#define RUNS 20u

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static double run(void *state, struct host *host, struct sample *out, bool is_thorough)
{
	uint64_t start_ns = cpu_ns();

	sample_reset(out);
	out->is_thorough = is_thorough;
	out->time_ns = host_now_ns(host);
	sample_finish(out, probe_container.sample(state, host, out));
	return (double)(cpu_ns() - start_ns) / 1e6;
}

static void measure(struct host *host)
{
	void *state = xcalloc(1, probe_container.state_size);
	struct sample *out = sample_new(&probe_container);
	double first, ordinary = 0, thorough;

	(void)probe_container.open(state, host);
	first = run(state, host, out, false);
	for (unsigned i = 0; i < RUNS; i++)
		ordinary += run(state, host, out, false);
	thorough = run(state, host, out, true);
	printf("rows=%u first_cpu_ms=%.3f ordinary_cpu_ms=%.3f thorough_cpu_ms=%.3f\n",
	       out->tables[0].n_rows, first, ordinary / RUNS, thorough);
	probe_container.close(state);
	free(state);
	sample_free(out);
}

static void make_tree(const struct tree *tree, unsigned n)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{"cpu.stat", "usage_usec 1\nnr_periods 2\nnr_throttled 1\nthrottled_usec 5"},
		{"cpu.max", "50000 100000"},
		{"cpu.weight", "100"},
		{"cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"},
		{"memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"},
		{"io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"},
		{"cpuset.cpus", "0-3"},
		{"cpuset.cpus.effective", "0-3"},
		{"memory.current", "4096"},
		{"memory.max", "max"},
		{"pids.current", "1"},
		{"pids.max", "max"},
		{"cgroup.events", "populated 1\nfrozen 0"},
		{"cgroup.procs", ""},
		{"cgroup.threads", ""},
	};

	tree_file(tree, "proc/self/mountinfo",
		  "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	tree_file(tree, "sys/fs/cgroup/cpu.stat", "usage_usec 1");
	for (unsigned i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
			_cleanup_(freep) char *path =
				xasprintf("sys/fs/cgroup/system.slice/docker-%064x.scope/%s", i,
					  files[k].name);

			tree_file(tree, path, files[k].text);
		}
	}
}

/* make: mkdir() or rmdir() of N groups in every hierarchy. */
static void each_group(struct host *host, unsigned n, bool is_made)
{
	struct cgroup_mounts mounts = {0};

	(void)!cgroup_mounts_read(host, &mounts);
	for (unsigned h = 0; h < mounts.n; h++) {
		_cleanup_(freep) char *base =
			xasprintf("/%s/jt-bench-%d", mounts.at[h].mount, (int)getpid());

		if (is_made)
			(void)mkdir(base, 0755);
		for (unsigned i = 0; i < n; i++) {
			_cleanup_(freep) char *dir = xasprintf("%s/g%u", base, i);

			(void)!(is_made ? mkdir(dir, 0755) : rmdir(dir));
		}
		if (!is_made)
			(void)rmdir(base);
	}
	cgroup_mounts_done(&mounts);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 3 ? strtoul(argv[1], NULL, 10) : ULONG_MAX;
	struct host *host = NULL;

	if (n > 8000) {
		fputs("usage: groups N live|tree\n", stderr);
		return 2;
	}
	if (!strcmp(argv[2], "live")) {
		(void)signal(SIGINT, SIG_IGN); /* what is made is removed */
		if (geteuid() != 0 || host_open_live(&host) < 0) {
			fputs("making control groups needs root\n", stderr);
			return 1;
		}
		each_group(host, (unsigned)n, true);
		measure(host);
		each_group(host, (unsigned)n, false);
		host_close(host);
		return 0;
	}

	struct tree *tree = tree_new();

	make_tree(tree, (unsigned)n);
	if (host_open_captured(tree->dir, &host) < 0) {
		tree_free(tree);
		fputs("cannot open the tree\n", stderr);
		return 1;
	}
	measure(host);
	host_close(host);
	tree_free(tree);
	return 0;
}
