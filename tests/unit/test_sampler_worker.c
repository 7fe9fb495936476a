/* The sampler's second thread: probes that wait for somebody, and what goes on meanwhile. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "core/sampler.h"

/*
 * "quick" runs in the sampler thread, the others are PROBE_SLOW: "block" waits until the test lets
 * it go, "peer" for a peer that never answers. What they saw is the file's only state.
 */
static struct {
	atomic_uint quick_runs, block_runs, block_begun, block_thorough, closed;
	atomic_bool is_blocking;
	sem_t let_go;
	_Atomic(struct host *) quick_host, block_host;
	atomic_ulong quick_thread, block_thread;
	atomic_int block_result, peer_result;
	atomic_bool peer_is_asking;
	char peer_path[108];
} seen;

static const struct metric metrics[] = {
	{.name = "count", .type = METRIC_COUNTER, .unit = UNIT_COUNT}};
static const struct metric_set quick_sets[] = {{"cpu", metrics, 1}};
static const struct metric_set block_sets[] = {{"holder", metrics, 1}};
static const struct metric_set peer_sets[] = {{"peer", metrics, 1}};

static int quick_sample(void *state, struct host *host, struct sample *out)
{
	(void)state;
	atomic_store(&seen.quick_host, host);
	atomic_store(&seen.quick_thread, (unsigned long)pthread_self());
	sample_u64(sample_row(out, 0, NULL, NULL, "cpu:0"), 0,
		   atomic_fetch_add(&seen.quick_runs, 1));
	return 0;
}

static int block_sample(void *state, struct host *host, struct sample *out)
{
	uint64_t *runs = state; /* not atomic: one thread only, says the contract (TSan looks) */

	atomic_store(&seen.block_host, host);
	atomic_store(&seen.block_thread, (unsigned long)pthread_self());
	atomic_fetch_add(&seen.block_thorough, out->is_thorough);
	atomic_fetch_add(&seen.block_begun, 1);
	while (atomic_load(&seen.is_blocking) && sem_wait(&seen.let_go) < 0)
		;
	++*runs;
	atomic_fetch_add(&seen.block_runs, 1);
	if (atomic_load(&seen.block_result))
		return atomic_load(&seen.block_result);
	sample_u64(sample_row(out, 0, NULL, "a name", "holder:0"), 0, *runs * 10);
	return 0;
}

static void block_close(void *state)
{
	(void)state;
	atomic_fetch_add(&seen.closed, 1);
}

static int peer_sample(void *state, struct host *host, struct sample *out)
{
	struct host_unix_options options = {.timeout_ns = 3600 * NSEC_PER_SEC};
	struct host_unix *socket = NULL;
	const char *reply;

	(void)state;
	(void)out;

	int r = host_unix_connectf(host, &options, &socket, "%s", seen.peer_path);

	if (r == 0) {
		atomic_store(&seen.peer_is_asking, true);
		r = (int)host_unix_ask(socket, "hello", &reply);
	}
	host_unix_close(socket);
	atomic_store(&seen.peer_result, r);
	return r < 0 ? r : 0;
}

static const struct probe quick = {
	.name = "quick", .sets = quick_sets, .n_sets = 1, .sample = quick_sample};
static const struct probe block = {.name = "block",
				   .sets = block_sets,
				   .n_sets = 1,
				   .flags = PROBE_SLOW,
				   .state_size = sizeof(uint64_t),
				   .sample = block_sample,
				   .close = block_close};
static const struct probe demand = {.name = "demand",
				    .sets = block_sets,
				    .n_sets = 1,
				    .flags = PROBE_SLOW | PROBE_ON_DEMAND,
				    .period_ns = 3600 * NSEC_PER_SEC,
				    .state_size = sizeof(uint64_t),
				    .sample = block_sample,
				    .close = block_close};
static const struct probe peer = {
	.name = "peer", .sets = peer_sets, .n_sets = 1, .flags = PROBE_SLOW, .sample = peer_sample};
static const struct probe *const both[] = {&quick, &block};
static const struct probe *const on_demand[] = {&quick, &demand};
static const struct probe *const with_peer[] = {&peer, &quick, &block};

struct fixture {
	struct host *host;
	struct schema *schema;
	struct sampler *sampler;
	const struct snapshot *snap;
};

static int setup(void **state)
{
	*state = xcalloc(1, sizeof(struct fixture));
	memset(&seen, 0, sizeof(seen));
	return sem_init(&seen.let_go, 0, 0);
}

static void begin(struct fixture *f, const struct probe *const *probes, unsigned n)
{
	f->schema = schema_new(probes, n);
	if (!f->host && host_open_live(&f->host) < 0)
		abort();
	f->sampler = sampler_new(f->host, f->schema, probes, n);
}

static void let_go(void)
{
	atomic_store(&seen.is_blocking, false);
	(void)sem_post(&seen.let_go);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	let_go();
	sampler_free(f->sampler);
	snapshot_unref(f->snap);
	schema_free(f->schema);
	host_close(f->host);
	(void)sem_destroy(&seen.let_go);
	freep(state);
	return 0;
}

/* Far beyond anything a loaded machine needs: only a hang gets there. */
#define PATIENCE_MS 30000

static void next_snapshot(struct fixture *f)
{
	const struct snapshot *snap = NULL;

	while (!snap) {
		struct pollfd pollfd = {.fd = sampler_fd(f->sampler), .events = POLLIN};

		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
		snap = sampler_take(f->sampler);
	}
	snapshot_unref(f->snap);
	f->snap = snap;
}

static void wait_until(const atomic_uint *counter, unsigned at_least)
{
	for (unsigned i = 0; i < PATIENCE_MS && atomic_load(counter) < at_least; i++)
		(void)poll(NULL, 0, 1);
	assert_true(atomic_load(counter) >= at_least);
}

static uint64_t count_of(const struct fixture *f, const char *key)
{
	uint64_t value = UINT64_MAX;

	(void)entity_u64(snapshot_find(f->snap, key), "count", &value);
	return value;
}

struct flag_job {
	struct sampler_job job;
	struct host *host;
};

static void note_host(struct sampler_job *job, struct host *host, const struct snapshot *snap)
{
	(void)snap;
	((struct flag_job *)job)->host = host;
}

static void a_stuck_probe_delays_nobody(void **state)
{
	struct fixture *f = *state;
	struct flag_job job = {.job = {.run = note_host}};

	begin(f, both, 2);
	atomic_store(&seen.is_blocking, true);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	wait_until(&seen.block_begun, 1);

	for (unsigned i = 0; i < 20; i++) {
		next_snapshot(f);
		assert_non_null(snapshot_find(f->snap, "cpu:0"));
		assert_null(snapshot_find(f->snap, "holder:0"));
	}
	assert_true(atomic_load(&seen.quick_runs) >= 20);
	assert_int_equal(atomic_load(&seen.block_begun), 1); /* not asked again and again */

	sampler_submit(f->sampler, &job.job);
	while (!sampler_job_done(f->sampler))
		(void)poll(NULL, 0, 1);
	assert_ptr_equal(job.host, f->host);

	/* In the end the user is told what he waits for. */
	while (!f->snap->probes[1].error)
		next_snapshot(f);
	assert_int_equal(f->snap->probes[1].status, SAMPLE_FAULT);
	assert_non_null(strstr(f->snap->probes[1].error, "still reading since "));
	assert_int_equal(f->snap->probes[0].status, SAMPLE_OK);

	let_go();
	while (!snapshot_find(f->snap, "holder:0"))
		next_snapshot(f);
	assert_int_equal(f->snap->probes[1].status, SAMPLE_OK);
	assert_null(f->snap->probes[1].error);
	assert_string_equal(snapshot_find(f->snap, "holder:0")->name, "a name");
}

static void it_has_a_thread_and_a_host_of_its_own(void **state)
{
	struct fixture *f = *state;
	char name[16] = "";

	begin(f, both, 2);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	wait_until(&seen.block_runs, 3);
	assert_ptr_equal(atomic_load(&seen.quick_host), f->host);
	assert_ptr_not_equal(atomic_load(&seen.block_host), f->host);
	assert_true(host_is_this_machine(atomic_load(&seen.block_host)));
	assert_true(atomic_load(&seen.block_thread) != atomic_load(&seen.quick_thread));
	assert_int_equal(
		pthread_getname_np((pthread_t)atomic_load(&seen.block_thread), name, sizeof(name)),
		0);
	assert_string_equal(name, "jt-slow");
	/* Counters of a probe in the worker have rates, by its own timestamps. */
	do {
		next_snapshot(f);
	} while (!(entity_rate(snapshot_find(f->snap, "holder:0"), "count") > 0));
}

/* A view was opened: the user waits for the sample, not for the next tick after it. */
static void the_first_sample_is_shown_at_once(void **state)
{
	struct fixture *f = *state;

	begin(f, on_demand, 2);
	atomic_store(&seen.is_blocking, true);
	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	assert_int_equal(atomic_load(&seen.block_begun), 0); /* nobody asks for it */
	sampler_want(f->sampler, UINT64_MAX);
	next_snapshot(f);
	wait_until(&seen.block_begun, 1);
	assert_null(snapshot_find(f->snap, "holder:0"));
	let_go();
	next_snapshot(f);
	assert_int_equal(count_of(f, "holder:0"), 10);
	assert_int_equal(atomic_load(&seen.block_thorough), 0);
}

/* After a change what is being read may be from before it: it is read once more, thoroughly. */
static void kicks_reach_it(void **state)
{
	struct fixture *f = *state;

	begin(f, on_demand, 2);
	sampler_want(f->sampler, UINT64_MAX);
	atomic_store(&seen.is_blocking, true);
	assert_int_equal(sampler_start(f->sampler, 3600 * NSEC_PER_SEC), 0);
	next_snapshot(f);
	wait_until(&seen.block_begun, 1);
	sampler_kick(f->sampler);
	next_snapshot(f);
	assert_int_equal(atomic_load(&seen.block_begun), 1);
	let_go();
	wait_until(&seen.block_runs, 2);
	assert_int_equal(atomic_load(&seen.block_thorough), 1);
	while (count_of(f, "holder:0") != 20)
		next_snapshot(f);
	sampler_kick(f->sampler);
	while (count_of(f, "holder:0") != 30)
		next_snapshot(f);
	assert_int_equal(atomic_load(&seen.block_thorough), 2);
}

static void its_failures_are_its_status(void **state)
{
	struct fixture *f = *state;

	begin(f, both, 2);
	atomic_store(&seen.block_result, -EACCES);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	do {
		next_snapshot(f);
	} while (f->snap->probes[1].status == SAMPLE_NONE);
	assert_int_equal(f->snap->probes[1].status, SAMPLE_DENIED);
	assert_int_equal(f->snap->probes[0].status, SAMPLE_OK);
}

/* Takes the time that snapshot.h gives an old value: 10 s. */
static void old_values_turn_stale(void **state)
{
	struct fixture *f = *state;
	const struct entity *entity;

	begin(f, both, 2);
	assert_int_equal(sampler_start(f->sampler, 100 * NSEC_PER_MSEC), 0);
	do {
		next_snapshot(f);
	} while (!snapshot_find(f->snap, "holder:0"));
	atomic_store(&seen.is_blocking, true);
	wait_until(&seen.block_begun, atomic_load(&seen.block_runs) + 1);
	/* The blocked run may be the one after the last that was shown. */
	do {
		next_snapshot(f);
		entity = snapshot_find(f->snap, "holder:0");
		assert_non_null(entity);
		if (entity_value(entity, "count")->state == VALUE_OK)
			assert_int_equal(f->snap->probes[1].status, SAMPLE_OK);
	} while (entity_value(entity, "count")->state == VALUE_OK);
	assert_int_equal(entity_value(entity, "count")->state, VALUE_STALE);
	assert_int_equal(f->snap->probes[1].status, SAMPLE_FAULT);
	assert_non_null(strstr(f->snap->probes[1].error, "still reading since "));
	let_go();
	do {
		next_snapshot(f);
	} while (entity_value(snapshot_find(f->snap, "holder:0"), "count")->state != VALUE_OK);
}

static void elsewhere_it_runs_with_the_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(host_open_fake(&f->host), 0);
	begin(f, both, 2);
	f->snap = sampler_run_once(f->sampler, true);
	assert_int_equal(count_of(f, "holder:0"), 10);
	assert_true(pthread_equal((pthread_t)atomic_load(&seen.block_thread), pthread_self()));
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	next_snapshot(f);
	assert_true(count_of(f, "holder:0") >= 20);
	assert_true(atomic_load(&seen.block_thread) == atomic_load(&seen.quick_thread));
	assert_ptr_equal(atomic_load(&seen.block_host), f->host);
}

static void once_runs_it_inline_on_this_machine_too(void **state)
{
	struct fixture *f = *state;

	begin(f, both, 2);
	f->snap = sampler_run_once(f->sampler, true);
	assert_int_equal(count_of(f, "holder:0"), 10);
	assert_ptr_equal(atomic_load(&seen.block_host), f->host);
}

static void affinity_is_for_both_threads(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) struct cpuset *cpus = xcalloc(1, sizeof(*cpus));
	unsigned cpu = (unsigned)sched_getcpu();
	cpu_set_t set;

	begin(f, both, 2);
	cpuset_add(cpus, cpu);
	assert_int_equal(sampler_set_affinity(f->sampler, cpus), -ESRCH);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	wait_until(&seen.block_runs, 1);
	wait_until(&seen.quick_runs, 1);
	assert_int_equal(sampler_set_affinity(f->sampler, cpus), 0);
	for (unsigned i = 0; i < 2; i++) {
		unsigned long thread = atomic_load(i ? &seen.block_thread : &seen.quick_thread);

		CPU_ZERO(&set);
		assert_int_equal(pthread_getaffinity_np((pthread_t)thread, sizeof(set), &set), 0);
		assert_int_equal(CPU_COUNT(&set), 1);
		assert_true(CPU_ISSET(cpu, &set));
	}
	cpuset_zero(cpus);
	assert_int_equal(sampler_set_affinity(f->sampler, cpus), -EINVAL);
}

/* --- the end --- */

static int silent_listener(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/jt-silent-%d",
		       (int)getpid());
	(void)unlink(address.sun_path);
	(void)snprintf(seen.peer_path, sizeof(seen.peer_path), "%s", address.sun_path + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		abort();
	return fd;
}

static void quitting_ends_a_wait_for_a_peer(void **state)
{
	struct fixture *f = *state;
	char path[120];
	_cleanup_(fd_closep) int fd = silent_listener();

	assert_true(fd >= 0);
	begin(f, with_peer, 3);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	for (unsigned i = 0; i < PATIENCE_MS && !atomic_load(&seen.peer_is_asking); i++)
		(void)poll(NULL, 0, 1);
	assert_true(atomic_load(&seen.peer_is_asking));
	sampler_free(f->sampler); /* its own timeout is an hour */
	f->sampler = NULL;
	(void)snprintf(path, sizeof(path), "/%s", seen.peer_path);
	(void)unlink(path);
	assert_int_equal(atomic_load(&seen.peer_result), -ECANCELED);
}

/* Stuck where nothing reaches it: left behind, and gone when it comes back (LeakSanitizer looks).
 */
static void quitting_leaves_a_stuck_one_behind(void **state)
{
	struct fixture *f = *state;

	begin(f, both, 2);
	atomic_store(&seen.is_blocking, true);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	wait_until(&seen.block_begun, 1);
	next_snapshot(f);
	sampler_free(f->sampler);
	f->sampler = NULL;
	assert_int_equal(atomic_load(&seen.block_runs), 0);
	assert_int_equal(atomic_load(&seen.closed), 0);
	let_go();
	wait_until(&seen.closed, 1);
	assert_int_equal(atomic_load(&seen.block_runs), 1);
	(void)poll(NULL, 0, 50); /* the last of it is freed after the close */
}

static void quitting_closes_the_probe(void **state)
{
	struct fixture *f = *state;

	begin(f, both, 2);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	wait_until(&seen.block_runs, 2);
	sampler_free(f->sampler);
	f->sampler = NULL;
	assert_int_equal(atomic_load(&seen.closed), 1);
}

/* For ThreadSanitizer: handing over while everything else happens. */
static void everything_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	begin(f, both, 2);
	assert_int_equal(sampler_start(f->sampler, 10 * NSEC_PER_MSEC), 0);
	for (unsigned i = 0; i < 60; i++) {
		atomic_store(&seen.block_result, i % 11 == 0 ? -EIO : 0);
		sampler_want(f->sampler, i % 3 ? UINT64_MAX : 0);
		if (i % 4 == 0)
			sampler_kick(f->sampler);
		next_snapshot(f);
		assert_true(f->snap->seq > last);
		last = f->snap->seq;
	}
	assert_true(atomic_load(&seen.block_runs) > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_stuck_probe_delays_nobody),
		TEST(it_has_a_thread_and_a_host_of_its_own),
		TEST(the_first_sample_is_shown_at_once),
		TEST(kicks_reach_it),
		TEST(its_failures_are_its_status),
		TEST(old_values_turn_stale),
		TEST(elsewhere_it_runs_with_the_others),
		TEST(once_runs_it_inline_on_this_machine_too),
		TEST(affinity_is_for_both_threads),
		TEST(quitting_ends_a_wait_for_a_peer),
		TEST(quitting_leaves_a_stuck_one_behind),
		TEST(quitting_closes_the_probe),
		TEST(everything_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
