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

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/host.h"
#include "core/measure_internal.h"
#include "core/parse.h"

#define MIN_INTERVAL_NS (100 * NSEC_PER_USEC)
#define MAX_INTERVAL_NS NSEC_PER_SEC
#define STACK_BYTES (64ul * 1024)

struct measure {
	const struct engine *engine;
	struct measure_options options; /* defaults filled in */
	uint64_t base_ns;		/* instants are base + offset of the CPU + n * interval */
	/* CPUs that may get a thread when they are or come online. */
	struct cpuset eligible;
	/* By CPU number; appear once, stay until the end. Written by the synchronising thread. */
	_Atomic(struct measure_slot *) slots[CPUSET_MAX];
	_Atomic uint64_t has_slot[CPUSET_WORDS]; /* which of them there are, as a cpuset */
};

static struct measure_slot *slot_of(const struct measure *measure, unsigned cpu)
{
	if (cpu >= CPUSET_MAX)
		return NULL;
	return atomic_load_explicit(&measure->slots[cpu], memory_order_acquire);
}

static int kernel_policy(enum measure_policy policy)
{
	switch (policy) {
	case MEASURE_FIFO:
		return SCHED_FIFO;
	case MEASURE_RR:
		return SCHED_RR;
	case MEASURE_OTHER:
	case MEASURE_DEFAULT:
		return SCHED_OTHER;
	}
	return SCHED_OTHER;
}

static int set_affinity(pthread_attr_t *attr, unsigned cpu)
{
	cpu_set_t *cpus = CPU_ALLOC(CPUSET_MAX);
	size_t size = CPU_ALLOC_SIZE(CPUSET_MAX);

	if (!cpus)
		return ENOMEM;
	CPU_ZERO_S(size, cpus);
	CPU_SET_S(cpu, size, cpus);

	int err = pthread_attr_setaffinity_np(attr, size, cpus);

	CPU_FREE(cpus);
	return err;
}

static int prepare(pthread_attr_t *attr, unsigned cpu, enum measure_policy policy,
		   unsigned priority)
{
	struct sched_param param = {.sched_priority = (int)priority};
	long minimum = sysconf(_SC_THREAD_STACK_MIN);
	/* The minimum grows with the vector registers and with thread-local data. */
	size_t bytes = minimum > 0 && (size_t)minimum > STACK_BYTES / 2
			       ? (size_t)minimum + STACK_BYTES
			       : STACK_BYTES;
	int err = pthread_attr_setstacksize(attr, bytes);

	if (!err)
		err = set_affinity(attr, cpu);
	if (!err)
		err = pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
	if (!err)
		err = pthread_attr_setschedpolicy(attr, kernel_policy(policy));
	if (!err)
		err = pthread_attr_setschedparam(attr, &param);
	return err;
}

/* Affinity and policy are in force before the thread's first instruction: glibc holds it until the
 * kernel took both, and fails otherwise. */
static int create(struct measure_slot *slot, enum measure_policy policy, unsigned priority)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	err = prepare(&attr, slot->cpu, policy, priority);
	if (!err) {
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &before);
		atomic_store(&slot->is_running, true);
		err = pthread_create(&slot->thread, &attr, measure_thread, slot);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	(void)pthread_attr_destroy(&attr);
	if (err) {
		atomic_store(&slot->is_running, false);
		return -err;
	}
	slot->has_thread = true;
	atomic_store(&slot->policy, (int)policy);
	atomic_store(&slot->priority, priority);
	return 0;
}

static int start_thread(struct measure *measure, struct measure_slot *slot)
{
	const struct measure_options *options = &measure->options;

	/* Before it runs: the thread may replace it by the reason of its own end. */
	atomic_store(&slot->error, 0);

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
	slot->engine = measure->engine;
	slot->base_ns = measure->base_ns;
	slot->interval_ns = measure->options.interval_ns;
	slot->spin_ns = measure->options.spin_ns;
	slot->threshold_ns = measure->options.threshold_ns;
	slot->cpu = cpu;
	histogram_zero(&slot->before);
	slot->window_start_ns = measure_now_ns();
	atomic_store(&slot->policy, (int)MEASURE_OTHER);
	atomic_store_explicit(&measure->slots[cpu], slot, memory_order_release);
	atomic_fetch_or(&measure->has_slot[cpu / 64], UINT64_C(1) << cpu % 64);
	return slot;
}

/* Joins a thread that has ended by itself. */
static void reap(struct measure_slot *slot)
{
	if (slot->has_thread && !atomic_load(&slot->is_running) &&
	    !pthread_tryjoin_np(slot->thread, NULL))
		slot->has_thread = false;
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
		return 0;
	}
	if (slot->has_thread || slot->is_given_up)
		return 0;
	return start_thread(measure, slot);
}

/* The first error, when there was one. */
static int sync_all(struct measure *measure, const struct cpuset *online)
{
	struct cpuset cpus = *online, known;
	int first = 0;

	cpuset_and(&cpus, &measure->eligible);
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

static int online_from_directories(struct host *host, struct cpuset *ret)
{
	struct host_names names = {0};
	int result = host_listf(host, &names, "sys/devices/system/cpu");

	if (result < 0)
		return result;
	cpuset_zero(ret);
	for (size_t i = 0; i < names.n; i++) {
		uint64_t cpu, is_online;

		if (strncmp(names.names[i], "cpu", 3) || parse_u64(names.names[i] + 3, &cpu) ||
		    cpu >= CPUSET_MAX)
			continue;
		/* A CPU that cannot be taken offline has no such file. */
		if (host_read_u64f(host, &is_online, "sys/devices/system/cpu/cpu%u/online",
				   (unsigned)cpu) ||
		    is_online)
			cpuset_add(ret, (unsigned)cpu);
	}
	host_names_done(&names);
	return cpuset_is_empty(ret) ? -ENOENT : 0;
}

static int read_online(struct host *host, struct cpuset *ret)
{
	if (!host_read_cpulistf(host, ret, "sys/devices/system/cpu/online"))
		return 0;
	return online_from_directories(host, ret);
}

/*
 * No wish: what this process may run on, as it was started (taskset, a container's cpuset). Its
 * affinity never names an offline CPU, so when it was not restricted at all, CPUs that come online
 * later are welcome, too.
 */
static int choose_cpus(struct measure *measure, struct host *host, const struct cpuset *online)
{
	measure->eligible = measure->options.cpus;
	if (!cpuset_is_empty(&measure->eligible))
		return 0;

	measure->eligible = measure->options.allowed;
	if (cpuset_is_empty(&measure->eligible)) {
		int result = host_get_affinity(host, 0, &measure->eligible);

		if (result < 0)
			return result;
	}
	if (cpuset_is_subset(online, &measure->eligible)) {
		for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++)
			cpuset_add(&measure->eligible, cpu);
	}
	return 0;
}

static int fill_spin(const struct engine *engine, struct measure_options *options)
{
	uint64_t most = options->interval_ns / 10 * 9;

	if (!engine->spin_ns) {
		options->spin_ns = options->threshold_ns = 0;
		return 0;
	}
	if (!options->spin_ns)
		options->spin_ns =
			engine->spin_ns < most ? engine->spin_ns : options->interval_ns / 4;
	if (!options->threshold_ns)
		options->threshold_ns = engine->threshold_ns;
	if (most > ENGINE_LONGEST_RUN_NS)
		most = ENGINE_LONGEST_RUN_NS;
	return options->spin_ns > most || options->threshold_ns > NSEC_PER_SEC ? -EINVAL : 0;
}

static int fill_options(const struct engine *engine, const struct measure_options *options,
			struct measure_options *ret)
{
	*ret = *options;
	if (!ret->interval_ns)
		ret->interval_ns = engine->interval_ns;
	if (ret->interval_ns < MIN_INTERVAL_NS || ret->interval_ns > MAX_INTERVAL_NS)
		return -EINVAL;
	if (ret->policy == MEASURE_DEFAULT)
		ret->policy = engine->policy;
	if (ret->policy == MEASURE_OTHER)
		ret->priority = 0;
	else if (!ret->priority)
		ret->priority = engine->priority;
	if (ret->priority > 99)
		return -EINVAL;
	return fill_spin(engine, ret);
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
static void note_missing(struct measure *measure, const struct cpuset *online)
{
	for (unsigned cpu = cpuset_next(&measure->options.cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&measure->options.cpus, cpu + 1)) {
		if (!cpuset_has(online, cpu))
			atomic_store(&add_slot(measure, cpu)->error, -ENODEV);
	}
}

int measure_start(struct host *host, const struct engine *engine,
		  const struct measure_options *options, struct measure **ret)
{
	struct measure_options filled;
	struct cpuset online;
	if (!engine->run)
		return -EOPNOTSUPP;

	int result = fill_options(engine, options, &filled);

	if (result)
		return result;
	if (engine->needs_named_cpus && cpuset_is_empty(&filled.cpus))
		return -EDESTADDRREQ;
	if (!host_is_this_machine(host))
		return -EOPNOTSUPP;
	result = read_online(host, &online);
	if (result)
		return result;

	struct measure *measure = xcalloc(1, sizeof(*measure));

	measure->engine = engine;
	measure->options = filled;
	measure->base_ns = host_now_ns(host);
	result = choose_cpus(measure, host, &online);
	if (!result) {
		measure_lock_code(engine);
		note_missing(measure, &online);
		result = sync_all(measure, &online);
		if (is_any_running(measure)) {
			*ret = measure;
			return 0;
		}
	}
	measure_stop(measure);
	return result ? result : -ENODEV;
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
		free(slot);
	}
	free(measure);
}

const struct engine *measure_engine(const struct measure *measure)
{
	return measure->engine;
}

uint64_t measure_interval_ns(const struct measure *measure)
{
	return measure->options.interval_ns;
}

const struct measure_options *measure_get_options(const struct measure *measure)
{
	return &measure->options;
}

void measure_left_out(const struct measure *measure, struct cpuset *ret)
{
	(void)measure;
	cpuset_zero(ret);
}

const char *measure_why(const struct measure *measure, unsigned cpu)
{
	struct measure_cpu info;

	if (!measure_cpu_info(measure, cpu, &info))
		return NULL;
	switch (info.error) {
	case 0:
		return NULL;
	case -EPERM:
		return "no permission for real-time priority: measured as an ordinary task";
	case -ENODEV:
		return "not online, or taken away while it was measured";
	}
	return "cannot be measured";
}

void measure_cpus(const struct measure *measure, struct cpuset *ret)
{
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		ret->bits[i] = atomic_load(&measure->has_slot[i]);
}

bool measure_cpu_info(const struct measure *measure, unsigned cpu, struct measure_cpu *ret)
{
	const struct measure_slot *slot = slot_of(measure, cpu);

	if (!slot)
		return false;
	*ret = (struct measure_cpu){
		.cpu = cpu,
		.is_running = atomic_load(&slot->is_running),
		.is_locked = atomic_load(&slot->block->is_locked),
		.policy = (enum measure_policy)atomic_load(&slot->policy),
		.priority = atomic_load(&slot->priority),
		.error = atomic_load(&slot->error),
		.overruns = atomic_load(&slot->block->overruns),
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
