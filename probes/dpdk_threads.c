/*
 * The lcores of a process whose telemetry does not list them (before DPDK 23.03): EAL names its
 * threads "lcore-worker-N" ("lcore-slave-N" before 20.11, "rte-worker-N" in 22.11, "dpdk-workerN"
 * later), and runs the main lcore, whose number nothing tells, in the thread that started it, which
 * is the first one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_cpus.h"
#include "probes/dpdk_internal.h"
#include "probes/read.h"

#define THREADS_MAX 2048u
#define COMM_MAX 15u /* TASK_COMM_LEN without its NUL: a longer name has lost its last digits */

void dpdk_lcores_free(struct dpdk_lcore *lcores, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(lcores[i].cpus);
	free(lcores);
}

static bool is_worker(const char *comm, unsigned *ret_id)
{
	return read_numbered(comm, "rte-worker-", ret_id) ||
	       read_numbered(comm, "lcore-worker-", ret_id) ||
	       read_numbered(comm, "dpdk-worker", ret_id) ||
	       read_numbered(comm, "lcore-slave-", ret_id);
}

static struct cpuset *read_cpus(struct host *host, pid_t pid, const char *tid)
{
	char status[8192];

	if (host_readf(host, status, sizeof(status), "proc/%d/task/%s/status", (int)pid, tid) < 0)
		return NULL;

	struct cpuset *cpus = xcalloc(1, sizeof(*cpus));

	if (task_cpus_parse(status, cpus) < 0) {
		free(cpus);
		return NULL;
	}
	return cpus;
}

/* False: a thread of another sort, or gone. */
static bool read_thread(struct host *host, pid_t pid, const char *tid, struct dpdk_lcore *ret)
{
	char comm[64];
	uint64_t number;
	unsigned id = 0;

	*ret = (struct dpdk_lcore){0};
	if (parse_u64(tid, &number) < 0)
		return false;
	ret->is_main = number == (uint64_t)pid;
	if (host_readf(host, comm, sizeof(comm), "proc/%d/task/%s/comm", (int)pid, tid) < 0 ||
	    (!is_worker(comm, &id) && !ret->is_main))
		return false;
	ret->id = id;
	ret->has_id = !ret->is_main && strlen(comm) < COMM_MAX;
	ret->tid = (struct dpdk_number){.is_set = true, .value = number};
	(void)snprintf(ret->role, sizeof(ret->role), ret->is_main ? "main" : "worker");
	ret->cpus = read_cpus(host, pid, tid);
	return true;
}

int dpdk_threads_read(struct host *host, pid_t pid, struct dpdk_lcore **ret_lcores, unsigned *ret_n)
{
	struct host_names tids = {0};
	int r = host_listf(host, &tids, "proc/%d/task", (int)pid);

	if (r < 0)
		return r;

	struct dpdk_lcore *lcores = xcalloc(DPDK_LCORES_MAX, sizeof(*lcores));
	unsigned n = 0;

	for (size_t i = 0; i < tids.n && i < THREADS_MAX && n < DPDK_LCORES_MAX; i++)
		n += read_thread(host, pid, tids.names[i], &lcores[n]);
	host_names_done(&tids);
	*ret_lcores = lcores;
	*ret_n = n;
	return 0;
}
