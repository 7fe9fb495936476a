#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/sampler_internal.h"

void runner_init(struct runner *runner, const struct probe *probe)
{
	*runner = (struct runner){.probe = probe, .state = xcalloc(1, probe->state_size)};
}

void runner_done(struct runner *runner)
{
	if (runner->is_open && runner->probe->close)
		runner->probe->close(runner->state);
	free(runner->state);
	*runner = (struct runner){0};
}

/* A failed open is tried again at every run: what was missing may have come. */
static int open_probe(struct runner *runner, struct host *host)
{
	if (runner->is_open)
		return 0;
	memset(runner->state, 0, runner->probe->state_size);

	int result = runner->probe->open ? runner->probe->open(runner->state, host) : 0;

	runner->is_open = result >= 0;
	return result;
}

/* The clock goes on over a captured machine whose counters stand still: at one and the same time
 * they have no rate, instead of a false zero. */
static uint64_t time_of_run(struct runner *runner, const struct host *host)
{
	enum host_kind kind = host_kind(host);

	if (!runner->first_ns)
		runner->first_ns = host_now_ns(host);
	return kind == HOST_CAPTURED || kind == HOST_SYNTHETIC ? runner->first_ns
							       : host_now_ns(host);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void runner_run(struct runner *runner, struct host *host, struct sample *sample, bool is_thorough)
{
	uint64_t start = own_cpu_ns();

	sample_reset(sample);
	sample->is_thorough = is_thorough;
	sample->time_ns = time_of_run(runner, host);

	int result = open_probe(runner, host);

	if (result >= 0)
		result = runner->probe->sample(runner->state, host, sample);
	sample_finish(sample, result);
	sample->cost_ns = own_cpu_ns() - start;
}

void sampler_raise_fd(int fd)
{
	uint64_t one = 1;

	/* Non-blocking; a full counter is as readable as any. */
	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

void sampler_clear_fd(int fd)
{
	uint64_t n;

	if (fd >= 0)
		(void)!read(fd, &n, sizeof(n));
}

int sampler_start_thread(pthread_t *thread, void *(*main)(void *), void *arg)
{
	/* Signals are the UI thread's. */
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);

	int result = pthread_create(thread, NULL, main, arg);

	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -result;
}

void sampler_plain_thread(const char *name)
{
	struct sched_param param = {0};

	(void)pthread_setname_np(pthread_self(), name);
	/* Started under chrt the program would sample at its real-time priority. */
	(void)pthread_setschedparam(pthread_self(), SCHED_OTHER, &param);
}
