/*
 * The sampler's second thread. Everything it touches is its own or const (probes), so that a thread
 * stuck in the kernel can be left behind: the last of the two owners, the thread and the sampler,
 * frees the worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "core/sampler_internal.h"

struct slot {
	struct runner runner; /* the thread's */
	atomic_uint asked;    /* bits of enum worker_ask; 0: nothing to do */
	/* Samples change hands here and belong to whoever took them out. */
	_Atomic(struct sample *) finished; /* worker -> sampler */
	_Atomic(struct sample *) spare;	   /* back, to be filled again */
};

struct worker {
	struct host *host;
	struct slot *slots;
	unsigned n_slots;
	atomic_bool is_stopping;
	atomic_bool has_news;
	atomic_uint owners;
	int wake_fd; /* eventfd: sampler -> worker */
	int news_fd; /* eventfd: worker -> sampler; a duplicate, it may outlive the sampler's */
	int done_fd; /* eventfd: the thread ends */
	pthread_t thread;
};

static void free_worker(struct worker *worker)
{
	for (unsigned i = 0; i < worker->n_slots; i++) {
		struct slot *slot = &worker->slots[i];

		runner_done(&slot->runner);
		sample_free(atomic_load(&slot->finished));
		sample_free(atomic_load(&slot->spare));
	}
	free(worker->slots);
	host_close(worker->host);
	fd_closep(&worker->wake_fd);
	fd_closep(&worker->news_fd);
	fd_closep(&worker->done_fd);
	free(worker);
}

static void disown(struct worker *worker)
{
	if (atomic_fetch_sub(&worker->owners, 1) == 1)
		free_worker(worker);
}

/* --- the thread --- */

static void run_slot(struct worker *worker, struct slot *slot, unsigned asked)
{
	struct sample *sample = atomic_exchange(&slot->spare, NULL);

	if (!sample)
		sample = sample_new(slot->runner.probe);
	runner_run(&slot->runner, worker->host, sample, asked & WORKER_THOROUGH);
	/* What comes back was not taken in time. */
	sample = atomic_exchange(&slot->finished, sample);
	if (sample)
		sample_free(atomic_exchange(&slot->spare, sample));
	if (asked & WORKER_SOON) {
		atomic_store(&worker->has_news, true);
		sampler_raise_fd(worker->news_fd);
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	sampler_plain_thread("jt-slow");
	while (!atomic_load(&worker->is_stopping)) {
		bool is_idle = true;

		for (unsigned i = 0; i < worker->n_slots; i++) {
			struct slot *slot = &worker->slots[i];
			unsigned asked = atomic_exchange(&slot->asked, 0);

			if (!asked || atomic_load(&worker->is_stopping))
				continue;
			run_slot(worker, slot, asked);
			is_idle = false;
		}
		if (is_idle) {
			struct pollfd pollfd = {.fd = worker->wake_fd, .events = POLLIN};

			(void)poll(&pollfd, 1, -1);
			sampler_clear_fd(worker->wake_fd);
		}
	}
	sampler_raise_fd(worker->done_fd);
	disown(worker);
	return NULL;
}

/* --- start and end --- */

static int open_fds(struct worker *worker, int news_fd)
{
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->news_fd = fcntl(news_fd, F_DUPFD_CLOEXEC, 3);
	return worker->wake_fd < 0 || worker->done_fd < 0 || worker->news_fd < 0 ? -errno : 0;
}

static int open_all(struct worker *worker, int news_fd)
{
	int r = open_fds(worker, news_fd);

	if (r >= 0)
		r = host_open_live(&worker->host);
	if (r >= 0)
		r = host_interruptible(worker->host);
	return r;
}

int worker_start(const struct probe *const *probes, unsigned n_probes, int news_fd,
		 struct worker **ret)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));

	worker->slots = xcalloc(n_probes, sizeof(*worker->slots));
	worker->n_slots = n_probes;
	worker->wake_fd = worker->done_fd = worker->news_fd = -1;
	atomic_init(&worker->owners, 2);
	for (unsigned i = 0; i < n_probes; i++)
		runner_init(&worker->slots[i].runner, probes[i]);

	int r = open_all(worker, news_fd);

	if (r >= 0)
		r = sampler_start_thread(&worker->thread, worker_main, worker);
	if (r < 0) {
		free_worker(worker);
		return r;
	}
	*ret = worker;
	return 0;
}

void worker_stop(struct worker *worker)
{
	if (!worker)
		return;

	struct pollfd pollfd = {.fd = worker->done_fd, .events = POLLIN};

	atomic_store(&worker->is_stopping, true);
	host_interrupt(worker->host);
	sampler_raise_fd(worker->wake_fd);
	/* Doors have ended their waits and reads fail from now on. What remains is one system call
	 * that the kernel does not finish; it must not keep the user from his prompt. */
	if (poll(&pollfd, 1, WORKER_STOP_MS) == 1)
		(void)pthread_join(worker->thread, NULL);
	else
		(void)pthread_detach(worker->thread);
	disown(worker);
}

pthread_t worker_thread(const struct worker *worker)
{
	return worker->thread;
}

/* --- the sampler thread's side --- */

void worker_ask(struct worker *worker, unsigned probe, unsigned ask)
{
	(void)atomic_fetch_or(&worker->slots[probe].asked, ask);
	sampler_raise_fd(worker->wake_fd);
}

struct sample *worker_take(struct worker *worker, unsigned probe)
{
	return atomic_exchange(&worker->slots[probe].finished, NULL);
}

void worker_give_back(struct worker *worker, unsigned probe, struct sample *sample)
{
	sample_free(atomic_exchange(&worker->slots[probe].spare, sample));
}

bool worker_has_news(struct worker *worker)
{
	return atomic_exchange(&worker->has_news, false);
}
