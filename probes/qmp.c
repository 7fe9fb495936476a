#include "probes/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/host_unix.h"
#include "core/json_limits.h"
#include "probes/qmp_internal.h"

/* Connections at one time; each may hold JSON_LIMIT_BYTES and a little more. */
#define SESSIONS_MAX 64u
/* A command that got no usable answer, and one this QEMU does not have. */
#define NONSENSE_NS (60 * NSEC_PER_SEC)
#define UNKNOWN_NS (600 * NSEC_PER_SEC)
/* A little less than it says, so that a tick that comes early still counts. */
#define OFTEN_NS (1750 * NSEC_PER_MSEC)
#define SOMETIMES_NS (9750 * NSEC_PER_MSEC)
#define RARELY_NS (29750 * NSEC_PER_MSEC)

static const struct {
	const char *name;
	uint64_t period_ns;
} commands[] = {
	[QMP_NAME] = {"query-name", RARELY_NS},
	[QMP_UUID] = {"query-uuid", RARELY_NS},
	[QMP_VERSION] = {"query-version", RARELY_NS},
	[QMP_KVM] = {"query-kvm", RARELY_NS},
	[QMP_STATUS] = {"query-status", OFTEN_NS},
	[QMP_CPUS] = {"query-cpus-fast", OFTEN_NS},
	[QMP_IOTHREADS] = {"query-iothreads", RARELY_NS},
	[QMP_MEMDEV] = {"query-memdev", RARELY_NS},
	[QMP_MEMORY] = {"query-memory-size-summary", RARELY_NS},
	[QMP_BALLOON] = {"query-balloon", OFTEN_NS},
	[QMP_SCHEMAS] = {"query-stats-schemas", UNKNOWN_NS},
	[QMP_STATS_VM] = {"query-stats", OFTEN_NS},
	[QMP_STATS_VCPU] = {"query-stats", OFTEN_NS},
	[QMP_CHARDEVS] = {"query-chardev", RARELY_NS},
	[QMP_BLOCK] = {"query-block", RARELY_NS},
	[QMP_PCI] = {"query-pci", RARELY_NS},
	[QMP_HOTPLUGGABLE] = {"query-hotpluggable-cpus", RARELY_NS},
	[QMP_RX_FILTER] = {"query-rx-filter", RARELY_NS},
};

const char *qmp_command_name(enum qmp_command command)
{
	return command < QMP_COMMANDS ? commands[command].name : "";
}

/* --- the pool --- */

struct qmp_pool *qmp_pool_new(struct host *host)
{
	struct qmp_pool *pool = xcalloc(1, sizeof(*pool));

	pool->host = host;
	return pool;
}

static void free_monitor(struct qmp_monitor *monitor)
{
	qmp_session_end(monitor);
	qmp_machine_done(&monitor->machine);
	free(monitor->machine.key);
	free(monitor->machine.path);
	free(monitor);
}

void qmp_pool_free(struct qmp_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->n; i++)
		free_monitor(pool->monitors[i]);
	free(pool);
}

void qmp_pool_begin(struct qmp_pool *pool)
{
	for (unsigned i = 0; i < pool->n; i++)
		pool->monitors[i]->is_listed = false;
}

static struct qmp_monitor *find(const struct qmp_pool *pool, const char *key)
{
	for (unsigned i = 0; i < pool->n; i++) {
		if (!strcmp(pool->monitors[i]->machine.key, key))
			return pool->monitors[i];
	}
	return NULL;
}

static void start_anew(struct qmp_monitor *monitor, const char *key, pid_t pid, const char *path)
{
	*monitor = (struct qmp_monitor){.machine = {.pid = pid}};
	monitor->machine.key = xstrdup(key);
	monitor->machine.path = xstrdup(path);
	(void)snprintf(monitor->machine.text, sizeof(monitor->machine.text), "not asked yet");
}

void qmp_pool_want(struct qmp_pool *pool, const char *key, pid_t pid, const char *path,
		   uint32_t wanted)
{
	struct qmp_monitor *monitor = find(pool, key);

	path += strspn(path, "/");
	if (monitor && (monitor->machine.pid != pid || strcmp(monitor->machine.path, path) != 0)) {
		qmp_machine_done(&monitor->machine);
		free(monitor->machine.key);
		free(monitor->machine.path);
		start_anew(monitor, key, pid, path);
	}
	if (!monitor) {
		if (pool->n == QMP_MACHINES_MAX)
			return;
		monitor = xcalloc(1, sizeof(*monitor));
		start_anew(monitor, key, pid, path);
		pool->monitors[pool->n++] = monitor;
	}
	monitor->is_listed = true;
	monitor->wanted = wanted;
}

const struct qmp_machine *qmp_pool_find(const struct qmp_pool *pool, const char *key)
{
	const struct qmp_monitor *monitor = find(pool, key);

	return monitor ? &monitor->machine : NULL;
}

static void forget_unlisted(struct qmp_pool *pool)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pool->n; i++) {
		if (pool->monitors[i]->is_listed)
			pool->monitors[n++] = pool->monitors[i];
		else
			free_monitor(pool->monitors[i]);
	}
	pool->n = n;
}

/* --- what is due --- */

static uint64_t period_of(const struct qmp_machine *machine, enum qmp_command command)
{
	uint64_t period = commands[command].period_ns;

	switch (machine->answers[command].state) {
	case QMP_UNKNOWN:
		return UNKNOWN_NS;
	case QMP_NONSENSE:
		return period > NONSENSE_NS ? period : NONSENSE_NS;
	case QMP_NOT_ASKED:
	case QMP_ANSWERED:
	case QMP_REFUSED:
		break;
	}
	return command == QMP_STATS_VCPU && machine->interrupts_vcpus ? SOMETIMES_NS : period;
}

static uint32_t due_commands(const struct qmp_monitor *monitor, uint64_t now_ns)
{
	uint32_t due = 0;

	for (unsigned i = 0; i < QMP_COMMANDS; i++) {
		enum qmp_command command = (enum qmp_command)i;
		uint64_t asked_ns = monitor->machine.answers[i].asked_ns;

		if ((monitor->wanted & QMP_BIT(command)) &&
		    (!asked_ns || now_ns - asked_ns >= period_of(&monitor->machine, command)))
			due |= QMP_BIT(command);
	}
	/* Counters need their names first. */
	if (!(due & QMP_BIT(QMP_SCHEMAS)) && !monitor->machine.vm_counters.n_names)
		due &= ~QMP_BIT(QMP_STATS_VM);
	if (!(due & QMP_BIT(QMP_SCHEMAS)) && !monitor->machine.vcpu_counters.n_names)
		due &= ~QMP_BIT(QMP_STATS_VCPU);
	return due;
}

/* --- a run --- */

struct run {
	struct qmp_monitor
		*waiting[QMP_MACHINES_MAX]; /* in the order in which they are to be asked */
	unsigned n_waiting, next;
	struct qmp_monitor *open[SESSIONS_MAX];
	unsigned n_open;
};

/* Those that answered well first, so that nobody keeps them waiting; then who waited longest. */
static int compare(const void *a, const void *b)
{
	const struct qmp_monitor *x = *(struct qmp_monitor *const *)a,
				 *y = *(struct qmp_monitor *const *)b;
	bool x_ok = x->machine.state == QMP_OK, y_ok = y->machine.state == QMP_OK;

	if (x_ok != y_ok)
		return x_ok ? -1 : 1;
	return (x->machine.asked_ns > y->machine.asked_ns) -
	       (x->machine.asked_ns < y->machine.asked_ns);
}

static void choose(struct qmp_pool *pool, struct run *run)
{
	for (unsigned i = 0; i < pool->n; i++) {
		struct qmp_monitor *monitor = pool->monitors[i];

		if (monitor->retry_ns > pool->now_ns)
			continue;
		monitor->due = due_commands(monitor, pool->now_ns);
		if (monitor->due)
			run->waiting[run->n_waiting++] = monitor;
	}
	qsort(run->waiting, run->n_waiting, sizeof(struct qmp_monitor *), compare);
}

static int open_more(struct qmp_pool *pool, struct run *run)
{
	while (run->next < run->n_waiting && run->n_open < SESSIONS_MAX) {
		struct qmp_monitor *monitor = run->waiting[run->next++];
		int r = qmp_session_start(pool, monitor);

		if (r < 0)
			return r;
		if (monitor->socket)
			run->open[run->n_open++] = monitor;
	}
	return 0;
}

/* One line of each. *ret_is_quiet: nobody has any more. */
static int step_all(struct qmp_pool *pool, struct run *run, bool *ret_is_quiet)
{
	unsigned n = 0;

	*ret_is_quiet = true;
	for (unsigned i = 0; i < run->n_open; i++) {
		int r = qmp_session_step(pool, run->open[i]);

		if (r < 0)
			return r;
		if (!run->open[i]->socket)
			continue;
		*ret_is_quiet &= !run->open[i]->has_more;
		run->open[n++] = run->open[i];
	}
	run->n_open = n;
	return 0;
}

static int wait_for_any(struct qmp_pool *pool, const struct run *run, uint64_t deadline_ns)
{
	struct host_unix *sockets[SESSIONS_MAX];

	for (unsigned i = 0; i < run->n_open; i++)
		sockets[i] = run->open[i]->socket;
	return host_unix_wait(pool->host, sockets, run->n_open, deadline_ns);
}

static int run_all(struct qmp_pool *pool, struct run *run)
{
	uint64_t deadline_ns = pool->now_ns + QMP_RUN_NS;

	for (;;) {
		bool is_quiet;
		int r = open_more(pool, run);

		if (r < 0 || !run->n_open)
			return r;
		r = step_all(pool, run, &is_quiet);
		if (r == 0 && host_now_ns(pool->host) >= deadline_ns)
			return 0;
		if (r == 0 && is_quiet && run->n_open)
			r = wait_for_any(pool, run, deadline_ns);
		if (r < 0)
			return r;
	}
}

int qmp_pool_run(struct qmp_pool *pool)
{
	_cleanup_(freep) struct run *run = xcalloc(1, sizeof(*run));

	forget_unlisted(pool);
	pool->now_ns = host_now_ns(pool->host);
	choose(pool, run);

	int r = run_all(pool, run);

	/* Who answered each question in time, but all of them too slowly. */
	for (unsigned i = 0; i < pool->n; i++) {
		if (!pool->monitors[i]->socket)
			continue;
		if (r < 0)
			qmp_session_end(pool->monitors[i]);
		else
			qmp_session_break(pool, pool->monitors[i],
					  "no time was left for its answer");
	}
	return r;
}
