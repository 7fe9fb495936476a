/*
 * Starting, stopping and reading the measuring threads.
 *
 * Memory per measured CPU: 24 KiB locked (one page of counts, 20 KiB of stack; of a mapping of
 * 64 KiB), 7 KiB for the window's start, and the kernel's task and stack (about 24 KiB): for 1,024
 * CPUs 31 MiB in user space, of which 24 MiB locked, and 24 MiB in the kernel.
 *
 * Real-time throttling (sched_rt_runtime_us) does not matter: these threads run for microseconds
 * per interval. /dev/cpu_dma_latency is not touched: what the CPU's idle states do to wakeups is
 * part of what is measured.
 */
#include "core/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/host.h"
#include "core/measure_internal.h"
#include "core/measure_watch.h"

/* A thread that was ended as a runaway is started again, in case it was the machine that stood
 * still while it ran (a paused VM), but not for ever. */
#define MAX_RUNAWAYS 3
#define RUNAWAY_PAUSE_NS (10 * NSEC_PER_SEC)

struct measure {
	struct measure_setup setup;
	uint64_t base_ns; /* instants are base + offset of the CPU + n * interval */
	struct measure_slots slots;
	struct watch *watch;
};

static struct measure_slot *slot_of(const struct measure *measure, unsigned cpu)
{
	return measure_slot_of(&measure->slots, cpu);
}

static int create(struct measure_slot *slot, enum measure_policy policy, unsigned priority)
{
	struct cpuset cpus = {0};
	struct measure_spawn spawn = {
		.cpus = &cpus,
		.policy = policy,
		.priority = priority,
		.run = measure_thread,
		.arg = slot,
	};

	cpuset_add(&cpus, slot->cpu);
	/* Before it runs: the thread or the watch may replace them. */
	atomic_store(&slot->policy, (int)policy);
	atomic_store(&slot->priority, priority);
	atomic_store(&slot->is_running, true);

	int result = measure_spawn(&spawn, &slot->thread);

	if (result)
		atomic_store(&slot->is_running, false);
	else
		slot->has_thread = true;
	return result;
}

static int start_thread(struct measure *measure, struct measure_slot *slot)
{
	const struct measure_options *options = &measure->setup.options;
	bool is_demoted = measure->setup.is_unthrottled && options->policy == MEASURE_OTHER;

	/* Before it runs: the thread may replace it by the reason of its own end. */
	atomic_store(&slot->error, is_demoted ? -ECANCELED : 0);

	int result = create(slot, options->policy, options->priority);

	/* RLIMIT_RTPRIO, seccomp, or a real-time group without a budget (RT_GROUP_SCHED). */
	if (result == -EPERM && options->policy != MEASURE_OTHER) {
		atomic_store(&slot->error, -EPERM);
		result = create(slot, MEASURE_OTHER, 0);
	}
	if (result) {
		atomic_store(&slot->error, result);
		slot->is_given_up = true;
	}
	return result;
}

static struct measure_slot *add_slot(struct measure *measure, unsigned cpu)
{
	void *block = mmap(NULL, sizeof(struct measure_block), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		abort();

	struct measure_slot *slot = xcalloc(1, sizeof(*slot));

	slot->block = block;
	slot->engine = measure->setup.engine;
	slot->base_ns = measure->base_ns;
	slot->interval_ns = measure->setup.options.interval_ns;
	slot->spin_ns = measure->setup.options.spin_ns;
	slot->threshold_ns = measure->setup.options.threshold_ns;
	slot->cpu = cpu;
	histogram_zero(&slot->before);
	slot->window_start_ns = measure_now_ns();
	atomic_store(&slot->policy, (int)MEASURE_OTHER);
	atomic_store_explicit(&measure->slots.by_cpu[cpu], slot, memory_order_release);
	atomic_fetch_or(&measure->slots.has[cpu / 64], UINT64_C(1) << cpu % 64);
	return slot;
}

/* Joins a thread that has ended. */
static void reap(struct measure_slot *slot)
{
	if (!slot->has_thread || atomic_load(&slot->is_running) ||
	    pthread_tryjoin_np(slot->thread, NULL))
		return;
	slot->has_thread = false;
	if (atomic_load(&slot->error) != -ETIME)
		return;
	slot->retry_ns = measure_now_ns() + RUNAWAY_PAUSE_NS;
	if (++slot->n_runaways >= MAX_RUNAWAYS)
		slot->is_given_up = true;
}

static int sync_cpu(struct measure *measure, unsigned cpu, bool is_online)
{
	struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot) {
		if (!is_online)
			return 0;
		slot = add_slot(measure, cpu);
	}
	reap(slot);
	if (!is_online) {
		/* It has noticed or will at its next wakeup; a sleeping thread on a CPU that is
		 * back in time goes on. */
		slot->is_given_up = false;
		slot->n_runaways = 0;
		return 0;
	}
	if (slot->has_thread || slot->is_given_up || slot->is_left_out ||
	    (slot->n_runaways && measure_now_ns() < slot->retry_ns))
		return 0;
	return start_thread(measure, slot);
}

/* The first error, when there was one. */
static int sync_all(struct measure *measure, const struct cpuset *online)
{
	struct cpuset cpus = *online, known;
	int first = 0;

	cpuset_and(&cpus, &measure->setup.eligible);
	measure_cpus(measure, &known);
	cpuset_or(&cpus, &known);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1)) {
		int result = sync_cpu(measure, cpu, cpuset_has(online, cpu));
		if (result && !first)
			first = result;
	}
	return first;
}

void measure_sync_online(struct measure *measure, const struct cpuset *online)
{
	(void)sync_all(measure, online);
}

static bool is_any_running(const struct measure *measure)
{
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		const struct measure_slot *slot = slot_of(measure, cpu);
		if (slot && slot->has_thread)
			return true;
	}
	return false;
}

/* A CPU that was asked for by name and is not there deserves an answer, too. */
static void note_missing(struct measure *measure)
{
	const struct measure_setup *setup = &measure->setup;

	for (unsigned cpu = cpuset_next(&setup->options.cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&setup->options.cpus, cpu + 1)) {
		if (!cpuset_has(&setup->online, cpu))
			atomic_store(&add_slot(measure, cpu)->error, -ENODEV);
	}
}

static void note_left_out(struct measure *measure)
{
	const struct cpuset *cpus = &measure->setup.taken.cpus;

	for (unsigned cpu = cpuset_next(cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(cpus, cpu + 1)) {
		struct measure_slot *slot = add_slot(measure, cpu);

		slot->is_left_out = true;
		atomic_store(&slot->error, -EBUSY);
	}
}

/* A body that spins may use its share, and half a CPU more than it should; one that only looks at
 * the clock after each sleep needs a few percent. */
static unsigned allowed_share(const struct measure_options *options)
{
	unsigned share = 50 + (unsigned)(options->spin_ns * 100 / options->interval_ns);

	return share < 95 ? share : 95;
}

static int start(struct measure *measure)
{
	struct measure_setup *setup = &measure->setup;
	struct watch_options watch = {
		.slots = &measure->slots,
		.measured = &setup->eligible,
		.allowed = &setup->options.allowed,
		.priority = setup->options.priority,
		.allowed_share = allowed_share(&setup->options),
	};
	int result = watch_start(&watch, &measure->watch);

	if (result)
		return result;
	measure_lock_code(setup->engine);
	note_missing(measure);
	note_left_out(measure);
	result = sync_all(measure, &setup->online);
	if (is_any_running(measure) || !cpuset_is_empty(&setup->taken.cpus))
		return 0;
	return result ? result : -ENODEV;
}

int measure_start(struct host *host, const struct engine *engine,
		  const struct measure_options *options, struct measure **ret)
{
	if (!engine->run || !host_is_this_machine(host))
		return -EOPNOTSUPP;

	struct measure *measure = xcalloc(1, sizeof(*measure));
	int result = measure_prepare(host, engine, options, &measure->setup);

	measure->base_ns = measure_now_ns();
	if (!result)
		result = start(measure);
	if (result) {
		measure_stop(measure);
		return result;
	}
	*ret = measure;
	return 0;
}

void measure_stop(struct measure *measure)
{
	if (!measure)
		return;
	/* All at once, so that all of them need one interval together. */
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		const struct measure_slot *slot = slot_of(measure, cpu);
		if (slot && slot->has_thread)
			atomic_store(&slot->block->stop, true);
	}
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		struct measure_slot *slot = slot_of(measure, cpu);
		if (!slot)
			continue;
		if (slot->has_thread)
			(void)pthread_join(slot->thread, NULL);
		(void)munmap(slot->block, sizeof(*slot->block));
	}
	/* It still looks at the slots until now: a thread to be joined may be a runaway. */
	watch_stop(measure->watch);
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++)
		free(slot_of(measure, cpu));
	measure_taken_done(&measure->setup.taken);
	free(measure);
}

const struct engine *measure_engine(const struct measure *measure)
{
	return measure->setup.engine;
}

uint64_t measure_started_ns(const struct measure *measure)
{
	return measure->base_ns;
}

uint64_t measure_interval_ns(const struct measure *measure)
{
	return measure->setup.options.interval_ns;
}

const struct measure_options *measure_get_options(const struct measure *measure)
{
	return &measure->setup.options;
}

void measure_left_out(const struct measure *measure, struct cpuset *ret)
{
	*ret = measure->setup.taken.cpus;
}

const char *measure_note(const struct measure *measure)
{
	return measure->setup.note[0] ? measure->setup.note : NULL;
}

const char *measure_why(const struct measure *measure, unsigned cpu)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot)
		return NULL;
	switch (atomic_load(&slot->error)) {
	case 0:
		return NULL;
	case -EBUSY:
		if (slot->is_left_out)
			return measure_taken_why(&measure->setup.taken, cpu)->text;
		break;
	case -EPERM:
		return "no permission for real-time priority: measured as an ordinary task";
	case -ECANCELED:
		return "real-time throttling is off: measured as an ordinary task";
	case -ENODEV:
		return "not online, or taken away while it was measured";
	case -ETIME:
		return "its thread did not sleep and was ended";
	}
	return "no thread could be started";
}

void measure_cpus(const struct measure *measure, struct cpuset *ret)
{
	measure_slots_cpus(&measure->slots, ret);
}

bool measure_cpu_info(const struct measure *measure, unsigned cpu, struct measure_cpu *ret)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot)
		return false;

	int tid = atomic_load(&slot->tid);
	uint64_t now_ns = 0;

	if (tid)
		(void)measure_thread_time_ns(tid, &now_ns);
	*ret = (struct measure_cpu){
		.cpu = cpu,
		.is_running = atomic_load(&slot->is_running),
		.is_locked = atomic_load(&slot->block->is_locked),
		.policy = (enum measure_policy)atomic_load(&slot->policy),
		.priority = atomic_load(&slot->priority),
		.error = atomic_load(&slot->error),
		.overruns = atomic_load(&slot->block->overruns),
		.cpu_time_ns = atomic_load(&slot->cpu_time_ns) + now_ns,
		.spun_ns = atomic_load(&slot->block->noise.spun_ns),
		.noise_ns = atomic_load(&slot->block->noise.noise_ns),
		.gaps = atomic_load(&slot->block->noise.gaps),
	};
	return true;
}

bool measure_read(const struct measure *measure, unsigned cpu, struct histogram *ret)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot)
		return false;
	histogram_live_copy(&slot->block->live, ret);
	return true;
}

uint64_t measure_samples(const struct measure *measure, unsigned cpu)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	return slot ? histogram_live_samples(&slot->block->live) : 0;
}

bool measure_max_ns(const struct measure *measure, unsigned cpu, uint64_t *ret)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot || !histogram_live_samples(&slot->block->live))
		return false;
	*ret = atomic_load_explicit(&slot->block->live.max_ns, memory_order_acquire);
	return true;
}

bool measure_window(struct measure *measure, unsigned cpu, uint64_t now_ns, struct histogram *ret)
{
	struct measure_slot *slot = slot_of(measure, cpu);
	struct histogram now;
	uint64_t min_ns, max_ns;

	if (!slot)
		return false;
	histogram_live_window(&slot->block->live, &now, &min_ns, &max_ns);
	histogram_difference(&now, &slot->before, ret);
	/* They fit unless the copy was disturbed to the last (histogram_live_copy). */
	if (ret->total && histogram_bucket(min_ns) == histogram_bucket(ret->min_ns))
		ret->min_ns = min_ns;
	if (ret->total && histogram_bucket(max_ns) == histogram_bucket(ret->max_ns))
		ret->max_ns = max_ns;
	ret->start_ns = slot->window_start_ns;
	ret->end_ns = now_ns;
	slot->before = now;
	slot->window_start_ns = now_ns;
	return true;
}
