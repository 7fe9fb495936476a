#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/guard_internal.h"

#define JOB_STACK_BYTES (512u * 1024)

static int interrupt_signal(void)
{
	return SIGRTMIN + 3;
}

static void ignore_signal(int number)
{
	(void)number;
}

/*
 * Allocating huge pages stops at the first pending signal (mm/hugetlb.c, set_max_huge_pages): the
 * one way to end it. A handler that does nothing, without SA_RESTART; blocked everywhere but in the
 * job thread.
 */
void guard_job_prepare_signals(void)
{
	struct sigaction action = {.sa_handler = ignore_signal};
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(interrupt_signal(), &action, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, interrupt_signal());
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int on_progress(void *arg, unsigned step, const char *text)
{
	struct guard_job *job = arg;

	(void)text;
	atomic_store(&job->step, step);
	return atomic_load(&job->is_cancelled);
}

static void unblock_interrupt(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, interrupt_signal());
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/*
 * Quick jobs keep the guard's realtime priority, so that a hogged machine is restored. Slow ones do
 * not: compacting memory for seconds above the measuring threads would be the very jitter that this
 * program looks for. Done by the thread itself: a failing pthread_attr_setschedpolicy() would cost
 * the thread.
 */
static void enter_thread(const struct guard_job *job)
{
	const struct sched_param normal = {0};

	if (plan_has(&job->plan, STEP_SLOW))
		(void)sched_setscheduler(0, SCHED_OTHER, &normal);
	if (job->is_apply)
		unblock_interrupt();
}

static void *run_job(void *arg)
{
	struct guard_job *job = arg;
	const uint64_t one = 1;

	if (job->has_thread)
		enter_thread(job);
	if (job->is_apply) {
		guard_store_apply(job->store, &job->header, &job->plan, on_progress, job,
				  &job->result, &job->has_file);
	} else {
		guard_store_undo(job->store, &job->header, &job->plan, &job->applied, on_progress,
				 job, &job->result, &job->has_file);
	}
	for (unsigned i = 0; i < 8 && write(job->done_fd, &one, sizeof(one)) < 0; i++)
		continue;
	return NULL;
}

static int create_thread(struct guard_job *job)
{
	pthread_attr_t attributes;
	int err = pthread_attr_init(&attributes);

	if (err)
		return err;
	(void)pthread_attr_setstacksize(&attributes, JOB_STACK_BYTES);
	job->has_thread = true;
	err = pthread_create(&job->thread, &attributes, run_job, job);
	(void)pthread_attr_destroy(&attributes);
	if (err)
		job->has_thread = false;
	return err;
}

/* Without a thread the job runs here and now: taking back must not depend on free memory. */
int guard_job_start(struct guard_job *job)
{
	job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (job->done_fd >= 0 && create_thread(job) == 0)
		return 1;
	(void)run_job(job);
	return 0;
}

void guard_job_cancel(struct guard_job *job)
{
	if (!job->is_apply || atomic_exchange(&job->is_cancelled, true))
		return;
	if (job->has_thread)
		(void)pthread_kill(job->thread, interrupt_signal());
}

void guard_job_join(struct guard_job *job)
{
	if (job->has_thread)
		(void)pthread_join(job->thread, NULL);
	job->has_thread = false;
	fd_closep(&job->done_fd);
	job->done_fd = -1;
}
