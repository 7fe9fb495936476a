#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/sampler.h"

/*
 * Fake probes that count how often they were opened, run and closed. The counters are the file's
 * only state: probes are const and their own state is the sampler's.
 */
enum { EVERY, SLOW, DEMAND, BROKEN, N_PROBES };

static struct {
	atomic_uint opened, run, closed;
	atomic_int open_result, result;
	atomic_uint delay_ms;
} seen[N_PROBES];

struct fake_state {
	uint64_t canary; /* zero at open */
	unsigned runs;
};

static int fake_open(struct fake_state *state, unsigned probe)
{
	atomic_fetch_add(&seen[probe].opened, 1);
	if (state->canary) /* not an assertion of cmocka's: this may be the other thread */
		abort();
	state->canary = 42;
	return atomic_load(&seen[probe].open_result);
}

static int fake_sample(struct fake_state *state, struct sample *out, unsigned probe)
{
	struct timespec delay = {.tv_nsec = (long)atomic_load(&seen[probe].delay_ms) * 1000000};

	atomic_fetch_add(&seen[probe].run, 1);
	if (delay.tv_nsec)
		(void)nanosleep(&delay, NULL);
	if (atomic_load(&seen[probe].result))
		return atomic_load(&seen[probe].result);
	state->runs++;
	for (unsigned i = 0; i < 10; i++)
		sample_u64(sample_row(out, 0, NULL, NULL, "%s:%u", out->probe->sets[0].kind, i), 0,
			   (uint64_t)state->runs * 10);
	return 0;
}

#define FAKE(symbol, index, kind_name, flag, period)                                               \
	static int symbol##_open(void *state, struct host *host)                                   \
	{                                                                                          \
		(void)host;                                                                        \
		return fake_open(state, index);                                                    \
	}                                                                                          \
	static int symbol##_sample(void *state, struct host *host, struct sample *out)             \
	{                                                                                          \
		(void)host;                                                                        \
		return fake_sample(state, out, index);                                             \
	}                                                                                          \
	static void symbol##_close(void *state)                                                    \
	{                                                                                          \
		if (((struct fake_state *)state)->canary != 42)                                    \
			abort();                                                                   \
		atomic_fetch_add(&seen[index].closed, 1);                                          \
	}                                                                                          \
	static const struct metric symbol##_metrics[] = {                                          \
		{.name = "count", .type = METRIC_COUNTER, .unit = UNIT_COUNT}};                    \
	static const struct metric_set symbol##_sets[] = {                                         \
		{.kind = kind_name, .metrics = symbol##_metrics, .n_metrics = 1}};                 \
	static const struct probe symbol = {                                                       \
		.name = #symbol,                                                                   \
		.sets = symbol##_sets,                                                             \
		.n_sets = 1,                                                                       \
		.flags = flag,                                                                     \
		.period_ns = period,                                                               \
		.state_size = sizeof(struct fake_state),                                           \
		.open = symbol##_open,                                                             \
		.sample = symbol##_sample,                                                         \
		.close = symbol##_close,                                                           \
	}

FAKE(every, EVERY, "cpu", 0, 0);
FAKE(slow, SLOW, "node", 0, 5 * NSEC_PER_SEC);
FAKE(demand, DEMAND, "holder", PROBE_ON_DEMAND, 0);
FAKE(broken, BROKEN, "nic", 0, 0);

static const struct probe *const probes[N_PROBES] = {&every, &slow, &demand, &broken};

struct fixture {
	struct host *host;
	struct schema *schema;
	struct sampler *sampler;
	const struct snapshot *snap;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	for (unsigned i = 0; i < N_PROBES; i++) {
		atomic_store(&seen[i].opened, 0);
		atomic_store(&seen[i].run, 0);
		atomic_store(&seen[i].closed, 0);
		atomic_store(&seen[i].open_result, 0);
		atomic_store(&seen[i].result, 0);
		atomic_store(&seen[i].delay_ms, 0);
	}
	*state = f;
	f->schema = schema_new(probes, N_PROBES);
	if (host_open_fake(&f->host) < 0)
		return -1;
	f->sampler = sampler_new(f->host, f->schema, probes, N_PROBES);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sampler_free(f->sampler);
	snapshot_unref(f->snap);
	schema_free(f->schema);
	host_close(f->host);
	freep(state);
	return 0;
}

static unsigned runs(unsigned probe)
{
	return atomic_load(&seen[probe].run);
}

/* --- in the calling thread --- */

static void run_at(struct fixture *f, uint64_t now_ns, bool all)
{
	host_fake_clock(f->host, now_ns);
	snapshot_unref(f->snap);
	f->snap = sampler_run_once(f->sampler, all);
	assert_non_null(f->snap);
	assert_true(f->snap->time_ns == now_ns);
}

static void periods_are_kept(void **state)
{
	struct fixture *f = *state;
	uint64_t start = 1000 * NSEC_PER_SEC;

	assert_int_equal(atomic_load(&seen[EVERY].opened), 0); /* lazily */
	for (unsigned i = 0; i <= 10; i++)
		run_at(f, start + i * NSEC_PER_SEC, false);
	assert_int_equal(runs(EVERY), 11);
	assert_int_equal(runs(SLOW), 3); /* at 0, 5 and 10 s */
	assert_int_equal(runs(DEMAND), 0);
	assert_int_equal(f->snap->seq, 11);
	assert_int_equal(atomic_load(&seen[EVERY].opened), 1);
	/* Long pause: once, not as often as it was missed. */
	run_at(f, start + 60 * NSEC_PER_SEC, false);
	run_at(f, start + 61 * NSEC_PER_SEC, false);
	assert_int_equal(runs(SLOW), 4);
}

static void all_means_all(void **state)
{
	struct fixture *f = *state;

	run_at(f, NSEC_PER_SEC, true);
	run_at(f, 2 * NSEC_PER_SEC, true);
	for (unsigned i = 0; i < N_PROBES; i++)
		assert_int_equal(runs(i), 2);
	assert_true(entity_rate(snapshot_find(f->snap, "holder:3"), "count") == 10.0);
	assert_true(entity_rate(snapshot_find(f->snap, "node:3"), "count") == 10.0);
}

static void a_run_out_of_turn_starts_the_period_anew(void **state)
{
	struct fixture *f = *state;

	run_at(f, 1 * NSEC_PER_SEC, false);
	run_at(f, 3 * NSEC_PER_SEC, true);
	assert_int_equal(runs(SLOW), 2);
	run_at(f, 7 * NSEC_PER_SEC, false);
	assert_int_equal(runs(SLOW), 2);
	run_at(f, 8 * NSEC_PER_SEC, false);
	assert_int_equal(runs(SLOW), 3);
}

static void on_demand_runs_while_wanted(void **state)
{
	struct fixture *f = *state;
	uint64_t mask = UINT64_C(1) << schema_kind(f->schema, "holder")->index;

	run_at(f, 1 * NSEC_PER_SEC, false);
	assert_null(snapshot_find(f->snap, "holder:0"));
	sampler_want(f->sampler, mask);
	run_at(f, 2 * NSEC_PER_SEC, false);
	run_at(f, 3 * NSEC_PER_SEC, false);
	assert_int_equal(runs(DEMAND), 2);
	assert_non_null(snapshot_find(f->snap, "holder:0"));
	/* No longer: its last values stay a while, then go. */
	sampler_want(f->sampler, 0);
	run_at(f, 4 * NSEC_PER_SEC, false);
	run_at(f, 13 * NSEC_PER_SEC, false);
	assert_non_null(snapshot_find(f->snap, "holder:0"));
	run_at(f, 15 * NSEC_PER_SEC, false);
	assert_null(snapshot_find(f->snap, "holder:0"));
	assert_int_equal(runs(DEMAND), 2);
	sampler_want(f->sampler, mask);
	run_at(f, 16 * NSEC_PER_SEC, false);
	assert_non_null(snapshot_find(f->snap, "holder:0"));
	assert_true(isnan(entity_rate(snapshot_find(f->snap, "holder:0"), "count")));
}

static void failures_stay_with_their_probe(void **state)
{
	struct fixture *f = *state;

	atomic_store(&seen[BROKEN].result, -EIO);
	atomic_store(&seen[SLOW].open_result, -EACCES);
	run_at(f, NSEC_PER_SEC, true);
	assert_int_equal(f->snap->probes[BROKEN].status, SAMPLE_FAULT);
	assert_non_null(f->snap->probes[BROKEN].error);
	assert_int_equal(f->snap->probes[SLOW].status, SAMPLE_DENIED);
	assert_int_equal(f->snap->probes[EVERY].status, SAMPLE_OK);
	assert_non_null(snapshot_find(f->snap, "cpu:9"));
	assert_int_equal(runs(SLOW), 0); /* never without an open one */
	/* What was denied may be allowed later: open is tried again, on zeroed state. */
	atomic_store(&seen[SLOW].open_result, 0);
	atomic_store(&seen[BROKEN].result, 0);
	run_at(f, 2 * NSEC_PER_SEC, true);
	assert_int_equal(f->snap->probes[SLOW].status, SAMPLE_OK);
	assert_int_equal(f->snap->probes[BROKEN].status, SAMPLE_OK);
	assert_int_equal(atomic_load(&seen[SLOW].opened), 2);
	assert_int_equal(atomic_load(&seen[BROKEN].opened), 1);
}

static void what_was_opened_is_closed(void **state)
{
	struct fixture *f = *state;

	atomic_store(&seen[SLOW].open_result, -ENOENT);
	run_at(f, NSEC_PER_SEC, false);
	sampler_free(f->sampler);
	f->sampler = NULL;
	assert_int_equal(atomic_load(&seen[EVERY].closed), 1);
	assert_int_equal(atomic_load(&seen[SLOW].closed), 0);
	assert_int_equal(atomic_load(&seen[DEMAND].closed), 0);
	/* The caller's snapshot lives on. */
	assert_non_null(snapshot_find(f->snap, "cpu:9"));
}

/* --- the thread --- */

static uint64_t real_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Far beyond anything a loaded machine needs: only a hang gets there. */
#define PATIENCE_MS 30000

static bool wait_ready(const struct fixture *f)
{
	struct pollfd pollfd = {.fd = sampler_fd(f->sampler), .events = POLLIN};

	return poll(&pollfd, 1, PATIENCE_MS) == 1;
}

static void next_snapshot(struct fixture *f)
{
	const struct snapshot *snap = NULL;

	while (!snap) {
		assert_true(wait_ready(f));
		snap = sampler_take(f->sampler);
	}
	snapshot_unref(f->snap);
	f->snap = snap;
}

static void snapshots_arrive_in_order(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	assert_null(sampler_take(f->sampler));
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	for (unsigned i = 0; i < 20; i++) {
		const struct entity *entity;

		next_snapshot(f);
		assert_true(f->snap->seq > last);
		last = f->snap->seq;
		entity = snapshot_find(f->snap, "cpu:9");
		assert_non_null(entity);
		assert_true(entity_value(entity, "count")->u64 == 10 * f->snap->seq);
	}
	assert_true(runs(SLOW) >= 1);
}

static void untaken_snapshots_are_replaced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	while (runs(EVERY) < 10)
		(void)poll(NULL, 0, 5);
	next_snapshot(f);
	assert_true(f->snap->seq >= 9);
}

static void taking_clears_the_descriptor(void **state)
{
	struct fixture *f = *state;
	struct pollfd pollfd;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	assert_null(sampler_take(f->sampler));
	pollfd = (struct pollfd){.fd = sampler_fd(f->sampler), .events = POLLIN};
	assert_int_equal(poll(&pollfd, 1, 0), 0);
}

static void kicks_tick_now_whatever_the_period(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	for (unsigned i = 2; i < 5; i++) {
		sampler_kick(f->sampler);
		next_snapshot(f);
		assert_int_equal(f->snap->seq, i);
		assert_int_equal(runs(SLOW), i);
	}
	assert_int_equal(runs(DEMAND), 0);
}

static void wanting_a_new_kind_ticks_soon(void **state)
{
	struct fixture *f = *state;
	uint64_t mask = UINT64_C(1) << schema_kind(f->schema, "holder")->index;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	sampler_want(f->sampler, mask);
	next_snapshot(f);
	assert_non_null(snapshot_find(f->snap, "holder:0"));
	assert_int_equal(runs(SLOW), 1); /* not a kick: its period holds */
	/* Nothing new: no tick. */
	sampler_want(f->sampler, mask);
	sampler_want(f->sampler, 0);
	(void)poll(NULL, 0, 150);
	assert_null(sampler_take(f->sampler));
}

static void a_shorter_period_holds_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	sampler_set_period(f->sampler, 0); /* the smallest there is: 10 ms */
	for (unsigned i = 0; i < 5; i++)
		next_snapshot(f);
	sampler_set_period(f->sampler, 3600 * NSEC_PER_SEC);
	/* At most a tick under way and one that was due; then silence. */
	(void)poll(NULL, 0, 100);
	(void)sampler_take(f->sampler);

	unsigned before = runs(EVERY);

	(void)poll(NULL, 0, 100);
	assert_int_equal(runs(EVERY), before);
}

/* N ticks at a period take N - 1 periods, however long each of them works: the grid does not creep.
 */
static void ticks_do_not_creep(void **state)
{
	struct fixture *f = *state;
	enum { TICKS = 11, PERIOD_MS = 40 };
	uint64_t early = 0, start_ns = real_ns();

	atomic_store(&seen[EVERY].delay_ms, 15);
	assert_int_equal(sampler_start(f->sampler, PERIOD_MS * NSEC_PER_MSEC), 0);
	for (unsigned i = 0; i < TICKS; i++) {
		next_snapshot(f);
		/* Never before its place on the grid, whatever the load of this machine. */
		if (real_ns() < start_ns + (f->snap->seq - 1) * PERIOD_MS * NSEC_PER_MSEC)
			early++;
	}
	assert_int_equal(early, 0);
}

/* --- jobs --- */

struct test_job {
	struct sampler_job job;
	struct host *host;
	pthread_t thread;
	uint64_t seq;
	unsigned runs;
};

static void run_test_job(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	struct test_job *test = job->data;

	test->host = host;
	test->thread = pthread_self();
	test->seq = snap ? snap->seq : 0;
	test->runs++;
}

static struct test_job *finished_job(struct fixture *f)
{
	struct sampler_job *job;

	while (!(job = sampler_job_done(f->sampler)))
		assert_true(wait_ready(f));
	return job->data;
}

static void jobs_run_in_the_thread_and_come_back_in_order(void **state)
{
	struct fixture *f = *state;
	struct test_job jobs[20] = {0};

	assert_null(sampler_job_done(f->sampler));
	assert_int_equal(sampler_start(f->sampler, 20 * NSEC_PER_MSEC), 0);
	next_snapshot(f);
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i].job = (struct sampler_job){.run = run_test_job, .data = &jobs[i]};
		sampler_submit(f->sampler, &jobs[i].job);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		assert_ptr_equal(finished_job(f), &jobs[i]);
		assert_int_equal(jobs[i].runs, 1);
		assert_ptr_equal(jobs[i].host, f->host);
		assert_true(jobs[i].seq >= 1);
		assert_false(pthread_equal(jobs[i].thread, pthread_self()));
	}
}

static void idle_job(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	(void)job;
	(void)host;
	(void)snap;
}

static void raise_flag(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	(void)host;
	(void)snap;
	atomic_store((atomic_bool *)job->data, true);
}

static bool is_ready_now(const struct fixture *f)
{
	struct pollfd pollfd = {.fd = sampler_fd(f->sampler), .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

/* Returns when a snapshot and at least the first job wait to be fetched. */
static void make_both_wait(struct fixture *f, struct sampler_job *first, struct sampler_job *second)
{
	unsigned before = runs(EVERY);
	atomic_bool flag = false;

	*first = (struct sampler_job){.run = idle_job};
	*second = (struct sampler_job){.run = raise_flag, .data = &flag};
	sampler_kick(f->sampler);
	while (runs(EVERY) == before)
		(void)poll(NULL, 0, 1);
	/* Jobs run after the tick, and the second one after the first has come back. */
	sampler_submit(f->sampler, first);
	sampler_submit(f->sampler, second);
	while (!atomic_load(&flag))
		(void)poll(NULL, 0, 1);
}

/* Snapshots and jobs share one descriptor: fetching the one must not hide the other. */
static void no_wakeup_is_lost(void **state)
{
	struct fixture *f = *state;
	struct sampler_job first, second, *job = NULL;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	for (unsigned i = 0; i < 4; i++) {
		const struct snapshot *snap;

		make_both_wait(f, &first, &second);
		if (i % 2) {
			assert_ptr_equal(sampler_job_done(f->sampler), &first);
			assert_true(is_ready_now(f));
			snap = sampler_take(f->sampler);
		} else {
			snap = sampler_take(f->sampler);
			assert_true(is_ready_now(f));
			assert_ptr_equal(sampler_job_done(f->sampler), &first);
		}
		assert_non_null(snap);
		snapshot_unref(snap);
		while (!(job = sampler_job_done(f->sampler)))
			assert_true(wait_ready(f));
		assert_ptr_equal(job, &second);
		assert_null(sampler_job_done(f->sampler));
	}
}

static void jobs_before_the_start_wait(void **state)
{
	struct fixture *f = *state;
	struct test_job job = {.job = {.run = run_test_job}};

	job.job.data = &job;
	sampler_submit(f->sampler, &job.job);
	assert_null(sampler_job_done(f->sampler));
	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	assert_ptr_equal(finished_job(f), &job);
	assert_int_equal(job.seq, 1);
}

/* --- the end --- */

static void stopping_a_busy_sampler(void **state)
{
	struct fixture *f = *state;
	struct sampler_job jobs[50];

	atomic_store(&seen[EVERY].delay_ms, 20);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	while (!runs(EVERY))
		(void)poll(NULL, 0, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct sampler_job){.run = idle_job};
		sampler_submit(f->sampler, &jobs[i]);
	}
	sampler_kick(f->sampler);
	sampler_free(f->sampler); /* in the middle of a tick, a job or a wait */
	f->sampler = NULL;

	unsigned ended = runs(EVERY);

	(void)poll(NULL, 0, 50);
	assert_int_equal(runs(EVERY), ended);
	assert_int_equal(atomic_load(&seen[EVERY].closed), 1);
}

static void stopping_a_sleeping_sampler_does_not_wait_for_its_tick(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	sampler_free(f->sampler); /* a hang here is the test's time limit */
	f->sampler = NULL;
}

static void the_thread_is_quiet_and_plain(void **state)
{
	struct fixture *f = *state;
	struct test_job job = {.job = {.run = run_test_job}};
	char name[16] = "";
	struct sched_param param;
	int policy = -1;
	sigset_t before, now;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	job.job.data = &job;
	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&now, SIGTERM));
	sampler_submit(f->sampler, &job.job);
	assert_ptr_equal(finished_job(f), &job);
	assert_int_equal(pthread_getname_np(job.thread, name, sizeof(name)), 0);
	assert_string_equal(name, "jt-sampler");
	assert_int_equal(pthread_getschedparam(job.thread, &policy, &param), 0);
	assert_int_equal(policy, SCHED_OTHER);
}

/* Everything at once, for ThreadSanitizer: a reader that takes and frees, jobs, kicks, periods. */
static void everything_at_once(void **state)
{
	struct fixture *f = *state;
	struct test_job job = {.job = {.run = run_test_job}};
	uint64_t last = 0;
	bool is_out = false;

	job.job.data = &job;
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	for (unsigned i = 0; i < 60; i++) {
		atomic_store(&seen[BROKEN].result, i % 7 == 0 ? -EIO : 0);
		sampler_want(f->sampler, i % 3 ? UINT64_MAX : 0);
		sampler_set_period(f->sampler, (10 + i % 4) * NSEC_PER_MSEC);
		if (i % 5 == 0)
			sampler_kick(f->sampler);
		if (!is_out) {
			sampler_submit(f->sampler, &job.job);
			is_out = true;
		}
		assert_true(wait_ready(f));

		const struct snapshot *snap = sampler_take(f->sampler);

		if (snap) {
			assert_true(snap->seq > last);
			last = snap->seq;
			assert_non_null(snapshot_find(snap, "cpu:0"));
			snapshot_unref(f->snap);
			f->snap = snap;
		}
		if (sampler_job_done(f->sampler))
			is_out = false;
	}
	assert_true(last > 0);
	/* The job is on this stack: the sampler must be gone before it. */
	sampler_free(f->sampler);
	f->sampler = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(periods_are_kept),
		TEST(all_means_all),
		TEST(a_run_out_of_turn_starts_the_period_anew),
		TEST(on_demand_runs_while_wanted),
		TEST(failures_stay_with_their_probe),
		TEST(what_was_opened_is_closed),
		TEST(snapshots_arrive_in_order),
		TEST(untaken_snapshots_are_replaced),
		TEST(taking_clears_the_descriptor),
		TEST(kicks_tick_now_whatever_the_period),
		TEST(wanting_a_new_kind_ticks_soon),
		TEST(a_shorter_period_holds_at_once),
		TEST(ticks_do_not_creep),
		TEST(jobs_run_in_the_thread_and_come_back_in_order),
		TEST(no_wakeup_is_lost),
		TEST(jobs_before_the_start_wait),
		TEST(stopping_a_busy_sampler),
		TEST(stopping_a_sleeping_sampler_does_not_wait_for_its_tick),
		TEST(the_thread_is_quiet_and_plain),
		TEST(everything_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
