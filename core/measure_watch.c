#include "core/measure_watch.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PERIOD_NS (50 * NSEC_PER_MSEC)
/* A thread that starts to run away just after a look is seen to be hot at the second look after
 * that, and ended at the third at the latest: 150 ms. */
#define HOT_NS (80 * NSEC_PER_MSEC)
#define RTTIME_US 1000000ul

struct watch {
	const struct measure_slots *slots;
	unsigned allowed_share;
	uint64_t last_ns;
	sem_t stop;
	pthread_t thread;
};

/* Runs in the runaway thread itself. */
static void escape(int number, siginfo_t *info, void *context)
{
	struct measure_slot *slot = info->si_value.sival_ptr;

	(void)number;
	(void)context;
	/* From this process only, and still inside the body it was meant for. */
	if (info->si_code != SI_QUEUE || info->si_pid != getpid() || !slot ||
	    atomic_load(&slot->tid) != gettid())
		return;
	siglongjmp(slot->escape, 1);
}

static int install(void)
{
	struct sigaction action = {.sa_sigaction = escape, .sa_flags = SA_SIGINFO | SA_RESTART};

	(void)sigfillset(&action.sa_mask);
	return sigaction(WATCH_SIGNAL, &action, NULL) ? -errno : 0;
}

/* The last line. The hard limit stays, so that children may have theirs back. */
static void limit_realtime(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RTTIME, &limit))
		return;
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= RTTIME_US)
		return;
	limit.rlim_cur = RTTIME_US;
	(void)setrlimit(RLIMIT_RTTIME, &limit);
}

static void end_runaway(struct measure_slot *slot, int tid)
{
	struct sched_param none = {0};
	siginfo_t info;

	(void)sched_setscheduler(tid, SCHED_IDLE, &none);
	atomic_store(&slot->policy, (int)MEASURE_OTHER);
	atomic_store(&slot->priority, 0);
	memset(&info, 0, sizeof(info));
	info.si_signo = WATCH_SIGNAL;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = slot;
	/* By number: should the thread have just ended, nobody gets it. */
	(void)syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, WATCH_SIGNAL, &info);
}

static void look_at(struct watch *watch, struct measure_slot *slot, uint64_t wall_ns)
{
	int tid = atomic_load(&slot->tid);
	uint64_t cpu_ns;

	if (!tid || !measure_thread_time_ns(tid, &cpu_ns)) {
		slot->watched_tid = 0;
		return;
	}
	if (slot->watched_tid != tid) {
		/* A new thread: what it used so far it used since the last look. */
		slot->watched_tid = tid;
		slot->watched_cpu_ns = 0;
		slot->hot_ns = 0;
	}

	uint64_t used_ns = cpu_ns - slot->watched_cpu_ns;

	slot->watched_cpu_ns = cpu_ns;
	if (used_ns * 100 <= wall_ns * watch->allowed_share) {
		slot->hot_ns = 0;
		return;
	}
	slot->hot_ns += used_ns;
	if (slot->hot_ns >= HOT_NS)
		end_runaway(slot, tid);
}

static void look(struct watch *watch)
{
	uint64_t now_ns = measure_now_ns(), wall_ns = now_ns - watch->last_ns;
	struct cpuset cpus;

	watch->last_ns = now_ns;
	measure_slots_cpus(watch->slots, &cpus);
	for (unsigned cpu = cpuset_next(&cpus, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&cpus, cpu + 1))
		look_at(watch, measure_slot_of(watch->slots, cpu), wall_ns);
}

static void *watch_run(void *arg)
{
	struct watch *watch = arg;

	(void)prctl(PR_SET_NAME, "jt-watch");
	for (;;) {
		uint64_t until_ns = measure_now_ns() + PERIOD_NS;
		struct timespec until = {
			.tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
			.tv_nsec = (long)(until_ns % NSEC_PER_SEC),
		};

		if (!sem_clockwait(&watch->stop, CLOCK_MONOTONIC, &until))
			return NULL;
		look(watch);
	}
}

/* Off the measured CPUs where there are others. */
static void choose(const struct watch_options *options, struct cpuset *ret)
{
	*ret = *options->allowed;
	cpuset_andnot(ret, options->measured);
	if (cpuset_is_empty(ret))
		*ret = *options->allowed;
}

static int spawn(struct watch *watch, const struct watch_options *options)
{
	struct cpuset cpus;
	struct measure_spawn request = {
		.cpus = &cpus,
		.policy = options->priority ? MEASURE_FIFO : MEASURE_OTHER,
		.priority = options->priority < 99 ? options->priority + 1 : 99,
		.run = watch_run,
		.arg = watch,
	};

	choose(options, &cpus);
	if (!options->priority)
		request.priority = 0;

	int result = measure_spawn(&request, &watch->thread);

	/* Then the measuring threads may not be real-time either. */
	if (result == -EPERM && options->priority) {
		request.policy = MEASURE_OTHER;
		request.priority = 0;
		result = measure_spawn(&request, &watch->thread);
	}
	return result;
}

int watch_start(const struct watch_options *options, struct watch **ret)
{
	int result = install();

	if (result)
		return result;
	if (options->priority)
		limit_realtime();

	struct watch *watch = xcalloc(1, sizeof(*watch));

	watch->slots = options->slots;
	watch->allowed_share = options->allowed_share;
	watch->last_ns = measure_now_ns();
	(void)sem_init(&watch->stop, 0, 0);
	result = spawn(watch, options);
	if (result) {
		(void)sem_destroy(&watch->stop);
		free(watch);
		return result;
	}
	*ret = watch;
	return 0;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	(void)sem_post(&watch->stop);
	(void)pthread_join(watch->thread, NULL);
	(void)sem_destroy(&watch->stop);
	free(watch);
}
