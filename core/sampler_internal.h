/*
 * Inside the sampler: running one probe (sampler_probe.c) and the second thread that runs the slow
 * ones (sampler_worker.c). Nobody else includes this.
 */
#ifndef JT_CORE_SAMPLER_INTERNAL_H
#define JT_CORE_SAMPLER_INTERNAL_H

#include <pthread.h>

#include "core/probe.h"

/* A probe and its state: touched by one thread only, the one that runs it. */
struct runner {
	const struct probe *probe;
	void *state;
	bool is_open;
	uint64_t first_ns; /* its first run, host clock; 0: none yet */
};
void runner_init(struct runner *runner, const struct probe *probe);
void runner_done(struct runner *runner); /* closes the probe */
/* Opens the probe when need be and fills the sample with what it says. */
void runner_run(struct runner *runner, struct host *host, struct sample *sample, bool is_thorough);

/* For both threads: an eventfd is raised and cleared; a plain thread that gets no signals. */
void sampler_raise_fd(int fd);
void sampler_clear_fd(int fd);
int sampler_start_thread(pthread_t *thread, void *(*main)(void *), void *arg) _must_check_;
void sampler_plain_thread(const char *name); /* called by the thread itself */

/*
 * The worker: its thread has the runners of the slow probes and a live host of its own. The sampler
 * thread asks it for a sample, goes on, and takes the sample when it is there. Probe numbers are
 * indices into the probes given to worker_start().
 */
struct worker;
/* news_fd (borrowed; an eventfd) is raised when a sample that was asked for as WORKER_SOON is
 * there. */
int worker_start(const struct probe *const *probes, unsigned n_probes, int news_fd,
		 struct worker **ret) _must_check_;
/* Ends every wait of its host, then waits at most WORKER_STOP_MS. A thread that is stuck in the
 * kernel longer than that is left behind with all that is its own. NULL is fine. */
#define WORKER_STOP_MS 2000
void worker_stop(struct worker *worker);
pthread_t worker_thread(const struct worker *worker);

enum worker_ask {
	WORKER_DUE = 1 << 0,
	WORKER_SOON = 1 << 1,	  /* somebody waits for it: say when it is there */
	WORKER_THOROUGH = 1 << 2, /* as sample.is_thorough */
};
/* Asked again before its run has begun: one run. Asked while it runs: another run. */
void worker_ask(struct worker *worker, unsigned probe, unsigned ask);
/* The newest finished sample, or NULL. The caller owns it until it gives it back. */
struct sample *worker_take(struct worker *worker, unsigned probe);
void worker_give_back(struct worker *worker, unsigned probe, struct sample *sample);
/* True once after each WORKER_SOON sample that was finished. */
bool worker_has_news(struct worker *worker);

#endif
