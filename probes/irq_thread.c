/*
 * Handler threads of interrupts: kernel threads named "irq/NUMBER-ACTION" (kernel/irq/manage.c).
 * The children of kthreadd are all kernel threads there are; a list of all processes serves where
 * the kernel cannot tell them (CONFIG_PROC_CHILDREN).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/irq_internal.h"
#include "probes/read.h"

#define LIST_PERIOD_NS (10 * NSEC_PER_SEC)
#define CHILDREN "proc/2/task/2/children"
#define SHARE 32 /* threads whose priority is read again in a run */

struct pids {
	unsigned *at;
	unsigned n, room;
};

static void add_pid(struct pids *pids, uint64_t pid)
{
	if (pid == 0 || pid > INT32_MAX)
		return;
	if (pids->n == pids->room) {
		pids->room = pids->room ? 2 * pids->room : 256;
		pids->at = xrealloc(pids->at, pids->room * sizeof(*pids->at));
	}
	pids->at[pids->n++] = (unsigned)pid;
}

static int compare_pids(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

static void list_children(const char *text, struct pids *pids)
{
	struct scan scan = {text};
	uint64_t pid;

	while (scan_u64(&scan, &pid) == 0)
		add_pid(pids, pid);
}

static int list_processes(struct host *host, struct pids *pids)
{
	struct host_names names = {0};
	int r = host_listf(host, &names, "proc");
	unsigned pid;

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		if (read_numbered(names.names[i], "", &pid))
			add_pid(pids, pid);
	}
	host_names_done(&names);
	return r;
}

static int list_pids(struct irq_threads *threads, struct host *host, struct pids *pids)
{
	const char *text;
	ssize_t n = host_file_readf(host, &threads->children, &text, CHILDREN);
	int r = n < 0 ? list_processes(host, pids) : 0;

	if (n >= 0)
		list_children(text, pids);
	if (pids->n)
		qsort(pids->at, pids->n, sizeof(*pids->at), compare_pids);
	return r;
}

/* "irq/41-eth0-rx", "irq/41-s-eth0". */
static bool irq_of_name(const char *comm, unsigned *ret)
{
	uint64_t number;
	char digits[16];
	size_t n;

	if (strncmp(comm, "irq/", 4) != 0)
		return false;
	n = strspn(comm + 4, "0123456789");
	if (n == 0 || n > 8 || comm[4 + n] != '-')
		return false;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)n, comm + 4);
	if (parse_u64(digits, &number) < 0)
		return false;
	*ret = (unsigned)number;
	return true;
}

static bool read_stat(struct irq_thread *thread, struct host *host)
{
	char text[1024];
	struct task_stat stat;

	if (host_readf(host, text, sizeof(text), "proc/%u/stat", thread->pid) < 0 ||
	    task_stat_parse(text, &stat) < 0 || !irq_of_name(stat.comm, &thread->irq))
		return false;

	uint64_t priority = stat.fields[TASK_STAT_PRIORITY];
	uint64_t policy = stat.fields[TASK_STAT_POLICY];

	if (!task_stat_has(&stat, TASK_STAT_PRIORITY) || !task_stat_has(&stat, TASK_STAT_POLICY) ||
	    priority > 99 || policy > 255)
		return false;
	thread->priority = (unsigned)priority;
	thread->policy = (unsigned)policy;
	return true;
}

static bool is_irq_thread(struct irq_threads *threads, struct host *host, unsigned pid)
{
	char comm[64];
	unsigned irq;

	if (host_readf(host, comm, sizeof(comm), "proc/%u/comm", pid) < 0)
		return false;
	threads->has_names = true;
	return irq_of_name(comm, &irq);
}

static bool is_known_other(const struct irq_threads *threads, unsigned pid)
{
	return threads->n_others && bsearch(&pid, threads->others, threads->n_others,
					    sizeof(*threads->others), compare_pids);
}

/* All lists are in order of the pids. */
static void look_at(struct irq_threads *threads, struct host *host, const struct pids *pids)
{
	unsigned *others = xcalloc(pids->n + 1, sizeof(*others)), n_others = 0, n = 0;
	struct irq_thread *at = xcalloc(pids->n + 1, sizeof(*at));

	for (unsigned i = 0; i < pids->n; i++) {
		unsigned pid = pids->at[i];

		if (is_known_other(threads, pid) || !is_irq_thread(threads, host, pid)) {
			others[n_others++] = pid;
			continue;
		}
		at[n] = (struct irq_thread){.pid = pid};
		if (read_stat(&at[n], host))
			n++;
	}
	free(threads->others);
	free(threads->at);
	threads->others = others;
	threads->n_others = n_others;
	threads->at = at;
	threads->n = n;
}

static void list_threads(struct irq_threads *threads, struct host *host)
{
	struct pids pids = {0};

	threads->error = list_pids(threads, host, &pids);
	if (threads->error == 0)
		look_at(threads, host, &pids);
	/* A capture without processes does not say that there was none. */
	if (threads->error == 0 && !threads->has_names)
		threads->error = -ENOENT;
	free(pids.at);
}

void irq_threads_read(struct irq_threads *threads, struct irq_table *table, struct host *host,
		      struct sample *out)
{
	if (!threads->listed_ns || out->is_thorough ||
	    out->time_ns - threads->listed_ns >= LIST_PERIOD_NS) {
		threads->listed_ns = out->time_ns ? out->time_ns : 1;
		list_threads(threads, host);
	} else {
		for (unsigned i = 0; i < SHARE && i < threads->n; i++)
			(void)read_stat(&threads->at[threads->next++ % threads->n], host);
	}
	for (unsigned i = 0; i < table->n; i++)
		table->at[i]->n_threads = 0;
	for (unsigned i = 0; i < threads->n; i++) {
		struct irq *irq = irq_find(table, threads->at[i].irq);

		if (irq && irq->n_threads++ == 0)
			irq->thread = &threads->at[i];
	}
}

void irq_threads_done(struct irq_threads *threads)
{
	host_file_close(threads->children);
	free(threads->at);
	free(threads->others);
}
