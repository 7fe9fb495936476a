#include "core/sampler.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "core/sampler_internal.h"

#define NO_SLOT UINT_MAX
#define MIN_PERIOD_NS (10 * NSEC_PER_MSEC)
/* A slow probe's very first sample is waited for so long in silence. */
#define FIRST_WAIT_NS (2 * NSEC_PER_SEC)
/* Two ticks closer than this give rates of nothing: a kick waits that long. */
#define MIN_KICK_GAP_NS (50 * NSEC_PER_MSEC)

/* One probe's seat: when it runs and what it said. Touched by the running thread only. */
struct seat {
	const struct probe *probe;
	struct runner runner; /* not used while the worker runs the probe */
	bool has_run;	      /* or was asked for */
	uint64_t due_ns;      /* host clock, as below */
	uint64_t left_ns;     /* on demand: since when nobody asks for it; 0: it is asked for */
	uint64_t kinds;	      /* bit set of the kinds it contributes to */
	struct sample *sample;
	/* Of probes in the worker. */
	unsigned slot;	      /* its number there; NO_SLOT: not there */
	uint64_t asked_ns;    /* since when a sample is waited for; 0: none is */
	bool has_sample;      /* sample is a finished one that may be shown */
	struct sample *delay; /* what is shown instead when that takes too long */
};

struct sampler {
	struct host *host;
	const struct schema *schema;
	struct seat *seats;
	unsigned n_seats;
	struct worker *worker;	       /* NULL: every probe runs in the one thread */
	struct sample **samples;       /* by seat: what the next snapshot is built from */
	const struct snapshot *latest; /* the chain of rates; the running thread's */

	atomic_uint_fast64_t want;
	_Atomic(const struct snapshot *) published;
	atomic_bool is_stopping;
	atomic_bool is_kicked; /* tick soon, whatever the probes' periods */
	atomic_bool is_wanted; /* tick soon: a new kind is asked for */
	atomic_uint_fast64_t period_ns;
	int ready_fd; /* eventfd: sampler -> reader */
	int wake_fd;  /* eventfd: anyone -> sampler */
	bool is_started;
	pthread_t thread;

	pthread_mutex_t lock; /* the two queues below */
	struct sampler_job *todo, **todo_end;
	struct sampler_job *done, **done_end;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {0};

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- probes --- */

static uint64_t kinds_of(const struct schema *schema, const struct probe *probe)
{
	uint64_t kinds = 0;

	for (unsigned i = 0; i < probe->n_sets; i++)
		kinds |= UINT64_C(1) << schema_kind(schema, probe->sets[i].kind)->index;
	return kinds;
}

struct sampler *sampler_new(struct host *host, const struct schema *schema,
			    const struct probe *const *probes, unsigned n_probes)
{
	struct sampler *sampler = xcalloc(1, sizeof(*sampler));

	sampler->host = host;
	sampler->schema = schema;
	sampler->n_seats = n_probes;
	sampler->seats = xcalloc(n_probes, sizeof(*sampler->seats));
	sampler->samples = xcalloc(n_probes, sizeof(struct sample *));
	sampler->ready_fd = -1;
	sampler->wake_fd = -1;
	sampler->todo_end = &sampler->todo;
	sampler->done_end = &sampler->done;
	(void)pthread_mutex_init(&sampler->lock, NULL);
	for (unsigned i = 0; i < n_probes; i++) {
		struct seat *seat = &sampler->seats[i];

		seat->probe = probes[i];
		seat->slot = NO_SLOT;
		runner_init(&seat->runner, probes[i]);
		seat->kinds = kinds_of(schema, probes[i]);
		seat->sample = sample_new(probes[i]);
	}
	return sampler;
}

/* Counted from when it was due, so that the times do not creep; a run out of turn (a kick) or one
 * that came far too late starts anew. */
static void set_due(struct seat *seat, uint64_t now_ns)
{
	seat->has_run = true;
	if (seat->due_ns > now_ns || seat->due_ns + seat->probe->period_ns <= now_ns)
		seat->due_ns = now_ns;
	seat->due_ns += seat->probe->period_ns;
}

/* --- probes in the worker --- */

static void ask_worker(struct sampler *sampler, struct seat *seat, uint64_t now_ns,
		       bool is_thorough)
{
	unsigned ask = WORKER_DUE;

	/* It is being read: no more runs than one can be finished. After a change the one under way
	 * may have seen what was before. */
	if (seat->asked_ns && !is_thorough)
		return;
	if (is_thorough)
		ask |= WORKER_SOON | WORKER_THOROUGH;
	if (!seat->has_sample)
		ask |= WORKER_SOON;
	if (!seat->asked_ns)
		seat->asked_ns = now_ns ? now_ns : 1;
	worker_ask(sampler->worker, seat->slot, ask);
}

static void take_from_worker(struct sampler *sampler, struct seat *seat)
{
	struct sample *sample = worker_take(sampler->worker, seat->slot);

	if (!sample)
		return;
	worker_give_back(sampler->worker, seat->slot, seat->sample);
	seat->sample = sample;
	seat->has_sample = true;
	seat->asked_ns = 0;
}

/* What the next snapshot shows of it: the last sample, until it is so old that it must not pass for
 * the present any more (snapshot.h). */
static struct sample *shown_of(struct seat *seat, uint64_t now_ns)
{
	uint64_t waited_ns =
		seat->asked_ns && now_ns > seat->asked_ns ? now_ns - seat->asked_ns : 0;
	bool is_late = seat->has_sample ? seat->sample->time_ns + seat->probe->period_ns +
							  SNAPSHOT_STALE_NS <
						  now_ns
					: waited_ns >= FIRST_WAIT_NS;

	if (!waited_ns || !is_late)
		return seat->has_sample ? seat->sample : NULL;
	if (!seat->delay)
		seat->delay = sample_new(seat->probe);
	sample_reset(seat->delay);
	seat->delay->time_ns = seat->asked_ns;
	sample_errorf(seat->delay, "still reading since %llu s",
		      (unsigned long long)(waited_ns / NSEC_PER_SEC));
	sample_finish(seat->delay, -ETIMEDOUT);
	return seat->delay;
}

/* --- ticks --- */

enum tick {
	TICK_DUE,    /* probes whose period is over */
	TICK_WANTED, /* whatever the period, but on-demand probes only when asked for */
	TICK_ALL,
};

static bool is_asked_for(const struct sampler *sampler, const struct seat *seat)
{
	return !(seat->probe->flags & PROBE_ON_DEMAND) ||
	       (seat->kinds & atomic_load(&sampler->want));
}

static void run_seat(struct sampler *sampler, unsigned i, bool is_thorough)
{
	struct seat *seat = &sampler->seats[i];

	runner_run(&seat->runner, sampler->host, seat->sample, is_thorough);
	sampler->samples[i] = seat->sample;
}

static void visit_slow(struct sampler *sampler, unsigned i, bool is_due, bool is_thorough,
		       uint64_t now_ns)
{
	struct seat *seat = &sampler->seats[i];

	take_from_worker(sampler, seat);
	if (is_due)
		ask_worker(sampler, seat, now_ns, is_thorough);
	sampler->samples[i] = shown_of(seat, now_ns);
}

static void visit_seat(struct sampler *sampler, unsigned i, enum tick tick, uint64_t now_ns,
		       uint64_t slack_ns)
{
	struct seat *seat = &sampler->seats[i];
	bool is_asked = tick == TICK_ALL || is_asked_for(sampler, seat);

	/* A tick a little before a probe's time must not cost it a whole tick. */
	if (slack_ns > seat->probe->period_ns / 8)
		slack_ns = seat->probe->period_ns / 8;

	if (is_asked)
		seat->left_ns = 0;
	else if (!seat->left_ns)
		seat->left_ns = now_ns ? now_ns : 1;

	bool is_due = is_asked &&
		      (tick != TICK_DUE || !seat->has_run || now_ns + slack_ns >= seat->due_ns);

	if (seat->slot != NO_SLOT)
		visit_slow(sampler, i, is_due, tick != TICK_DUE, now_ns);
	else if (is_due)
		run_seat(sampler, i, tick != TICK_DUE);
	if (is_due)
		set_due(seat, now_ns);
	/* Nobody looks: keep what is there for a quick return, then forget it. */
	if (seat->left_ns && now_ns - seat->left_ns > SNAPSHOT_STALE_NS) {
		seat->has_sample = false;
		sampler->samples[i] = NULL;
	}
}

/* False: told to stop meanwhile, there is no new snapshot. */
static bool run_tick(struct sampler *sampler, enum tick tick, uint64_t slack_ns)
{
	uint64_t now_ns = host_now_ns(sampler->host);
	const struct snapshot *last = sampler->latest;

	for (unsigned i = 0; i < sampler->n_seats; i++) {
		if (atomic_load(&sampler->is_stopping))
			return false;
		visit_seat(sampler, i, tick, now_ns, slack_ns);
	}
	sampler->latest = snapshot_build(sampler->schema, last, sampler->samples, sampler->n_seats,
					 now_ns, host_wall_ns(sampler->host));
	snapshot_unref(last);
	return true;
}

const struct snapshot *sampler_run_once(struct sampler *sampler, bool all)
{
	assert(!sampler->is_started);
	(void)run_tick(sampler, all ? TICK_ALL : TICK_DUE, 0);
	return snapshot_ref(sampler->latest);
}

/* --- the thread --- */

static void publish(struct sampler *sampler)
{
	const struct snapshot *mine = snapshot_ref(sampler->latest);

	/* What comes back was not taken in time. */
	snapshot_unref(atomic_exchange(&sampler->published, mine));
	sampler_raise_fd(sampler->ready_fd);
}

static struct sampler_job *next_job(struct sampler *sampler)
{
	(void)pthread_mutex_lock(&sampler->lock);

	struct sampler_job *job = sampler->todo;

	if (job) {
		sampler->todo = job->next;
		if (!sampler->todo)
			sampler->todo_end = &sampler->todo;
		job->next = NULL;
	}
	(void)pthread_mutex_unlock(&sampler->lock);
	return job;
}

static void run_jobs(struct sampler *sampler)
{
	struct sampler_job *job;

	while (!atomic_load(&sampler->is_stopping) && (job = next_job(sampler))) {
		job->run(job, sampler->host, sampler->latest);
		(void)pthread_mutex_lock(&sampler->lock);
		*sampler->done_end = job;
		sampler->done_end = &job->next;
		(void)pthread_mutex_unlock(&sampler->lock);
		sampler_raise_fd(sampler->ready_fd);
	}
}

/* When to tick: on a fixed grid of CLOCK_MONOTONIC, plus kicks between. */
struct schedule {
	uint64_t period_ns;
	uint64_t next_ns; /* on the grid */
	uint64_t last_ns; /* when the last tick began; 0: none yet */
};

static void follow_period(struct schedule *schedule, uint64_t period_ns)
{
	if (schedule->period_ns == period_ns)
		return;
	schedule->period_ns = period_ns;
	schedule->next_ns = schedule->last_ns ? schedule->last_ns + period_ns : 0;
}

static uint64_t deadline_of(const struct schedule *schedule, bool is_early)
{
	uint64_t gap = schedule->period_ns / 2;

	if (gap > MIN_KICK_GAP_NS)
		gap = MIN_KICK_GAP_NS;

	uint64_t soonest = schedule->last_ns ? schedule->last_ns + gap : 0;

	return is_early || schedule->next_ns < soonest ? soonest : schedule->next_ns;
}

static void tick_now(struct sampler *sampler, struct schedule *schedule, uint64_t now_ns)
{
	bool is_kicked = atomic_exchange(&sampler->is_kicked, false);

	(void)atomic_exchange(&sampler->is_wanted, false);
	schedule->last_ns = now_ns;
	if (!schedule->next_ns)
		schedule->next_ns = now_ns;
	/* Ticks that were missed are missed: catching up would only add load. */
	if (schedule->next_ns <= now_ns)
		schedule->next_ns += ((now_ns - schedule->next_ns) / schedule->period_ns + 1) *
				     schedule->period_ns;
	if (run_tick(sampler, is_kicked ? TICK_WANTED : TICK_DUE, schedule->period_ns / 4))
		publish(sampler);
}

static void wait_until(const struct sampler *sampler, uint64_t deadline_ns, uint64_t now_ns)
{
	struct pollfd pollfd = {.fd = sampler->wake_fd, .events = POLLIN};
	uint64_t left = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(left / NSEC_PER_SEC),
		.tv_nsec = (long)(left % NSEC_PER_SEC),
	};

	if (ppoll(&pollfd, 1, &timeout, NULL) > 0)
		sampler_clear_fd(sampler->wake_fd);
}

static void *sampler_main(void *arg)
{
	struct sampler *sampler = arg;
	struct schedule schedule = {0};
	bool has_news = false;

	sampler_plain_thread("jt-sampler");
	while (!atomic_load(&sampler->is_stopping)) {
		has_news |= sampler->worker && worker_has_news(sampler->worker);

		bool is_early = has_news || atomic_load(&sampler->is_kicked) ||
				atomic_load(&sampler->is_wanted);

		follow_period(&schedule, atomic_load(&sampler->period_ns));

		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		uint64_t deadline_ns = deadline_of(&schedule, is_early);

		if (now_ns >= deadline_ns) {
			tick_now(sampler, &schedule, now_ns);
			has_news = false;
		} else {
			wait_until(sampler, deadline_ns, now_ns);
		}
		run_jobs(sampler);
	}
	return NULL;
}

static int open_fds(struct sampler *sampler)
{
	sampler->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sampler->ready_fd < 0)
		return -errno;
	sampler->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sampler->wake_fd < 0)
		return -errno;
	return 0;
}

/* A captured or fake host is one of a kind, and a recording one must see every byte: then there is
 * no worker, the slow probes are run like the others. */
static int start_worker(struct sampler *sampler)
{
	_cleanup_(freep) const struct probe **slow = xcalloc(sampler->n_seats, sizeof(*slow));
	unsigned n = 0;

	if (!host_is_this_machine(sampler->host) || host_record_summary(sampler->host))
		return 0;
	for (unsigned i = 0; i < sampler->n_seats; i++) {
		if (sampler->seats[i].probe->flags & PROBE_SLOW)
			slow[n++] = sampler->seats[i].probe;
	}
	if (!n)
		return 0;

	int result = worker_start(slow, n, sampler->wake_fd, &sampler->worker);

	if (result < 0)
		return result;
	n = 0;
	for (unsigned i = 0; i < sampler->n_seats; i++) {
		if (sampler->seats[i].probe->flags & PROBE_SLOW)
			sampler->seats[i].slot = n++;
	}
	return 0;
}

int sampler_start(struct sampler *sampler, uint64_t period_ns)
{
	assert(!sampler->is_started);
	atomic_store(&sampler->period_ns, period_ns > MIN_PERIOD_NS ? period_ns : MIN_PERIOD_NS);

	int result = open_fds(sampler);

	if (result < 0)
		return result;

	result = start_worker(sampler);
	if (result < 0)
		return result;
	result = sampler_start_thread(&sampler->thread, sampler_main, sampler);
	sampler->is_started = result == 0;
	return result;
}

int sampler_set_affinity(struct sampler *sampler, const struct cpuset *cpus)
{
	/* The kernel's mask is an array of unsigned long, as ours is where long has 64 bits. */
	const cpu_set_t *set = (const cpu_set_t *)cpus->bits;

	if (!sampler->is_started)
		return -ESRCH;

	int result = pthread_setaffinity_np(sampler->thread, sizeof(cpus->bits), set);

	if (!result && sampler->worker)
		result = pthread_setaffinity_np(worker_thread(sampler->worker), sizeof(cpus->bits),
						set);
	return -result;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	atomic_store(&sampler->is_stopping, true);
	sampler_raise_fd(sampler->wake_fd);
	if (sampler->is_started)
		(void)pthread_join(sampler->thread, NULL);
	worker_stop(sampler->worker);
	for (unsigned i = 0; i < sampler->n_seats; i++) {
		runner_done(&sampler->seats[i].runner);
		sample_free(sampler->seats[i].sample);
		sample_free(sampler->seats[i].delay);
	}
	snapshot_unref(atomic_load(&sampler->published));
	snapshot_unref(sampler->latest);
	fd_closep(&sampler->ready_fd);
	fd_closep(&sampler->wake_fd);
	(void)pthread_mutex_destroy(&sampler->lock);
	free(sampler->seats);
	free(sampler->samples);
	free(sampler);
}

/* --- the reader's side --- */

int sampler_fd(const struct sampler *sampler)
{
	return sampler->ready_fd;
}

/* Both readers clear the one eventfd; what the other one has not fetched yet is raised again. */
static void raise_if_more(struct sampler *sampler)
{
	(void)pthread_mutex_lock(&sampler->lock);

	bool is_more = sampler->done != NULL;

	(void)pthread_mutex_unlock(&sampler->lock);
	if (is_more || atomic_load(&sampler->published))
		sampler_raise_fd(sampler->ready_fd);
}

const struct snapshot *sampler_take(struct sampler *sampler)
{
	sampler_clear_fd(sampler->ready_fd);

	const struct snapshot *snap = atomic_exchange(&sampler->published, NULL);

	raise_if_more(sampler);
	return snap;
}

struct sampler_job *sampler_job_done(struct sampler *sampler)
{
	sampler_clear_fd(sampler->ready_fd);
	(void)pthread_mutex_lock(&sampler->lock);

	struct sampler_job *job = sampler->done;

	if (job) {
		sampler->done = job->next;
		if (!sampler->done)
			sampler->done_end = &sampler->done;
		job->next = NULL;
	}
	(void)pthread_mutex_unlock(&sampler->lock);
	raise_if_more(sampler);
	return job;
}

void sampler_set_period(struct sampler *sampler, uint64_t period_ns)
{
	atomic_store(&sampler->period_ns, period_ns > MIN_PERIOD_NS ? period_ns : MIN_PERIOD_NS);
	sampler_raise_fd(sampler->wake_fd);
}

void sampler_want(struct sampler *sampler, uint64_t kind_mask)
{
	uint64_t before = atomic_exchange(&sampler->want, kind_mask);

	/* Whoever opens a view waits for it: not for the next tick as well. */
	if (kind_mask & ~before) {
		atomic_store(&sampler->is_wanted, true);
		sampler_raise_fd(sampler->wake_fd);
	}
}

void sampler_kick(struct sampler *sampler)
{
	atomic_store(&sampler->is_kicked, true);
	sampler_raise_fd(sampler->wake_fd);
}

void sampler_submit(struct sampler *sampler, struct sampler_job *job)
{
	job->next = NULL;
	(void)pthread_mutex_lock(&sampler->lock);
	*sampler->todo_end = job;
	sampler->todo_end = &job->next;
	(void)pthread_mutex_unlock(&sampler->lock);
	sampler_raise_fd(sampler->wake_fd);
}
