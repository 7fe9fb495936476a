/*
 * How threads of ours that are not ordinary ones come to be.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "core/measure_internal.h"

#define STACK_BYTES (64ul * 1024)

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

static int prepare(pthread_attr_t *attr, const struct measure_spawn *spawn)
{
	struct sched_param param = {.sched_priority = (int)spawn->priority};
	long minimum = sysconf(_SC_THREAD_STACK_MIN);
	/* The minimum grows with the vector registers and with thread-local data. */
	size_t bytes = minimum > 0 && (size_t)minimum > STACK_BYTES / 2
			       ? (size_t)minimum + STACK_BYTES
			       : STACK_BYTES;
	int err = pthread_attr_setstacksize(attr, bytes);

	/* The kernel's mask is an array of unsigned long, as ours is (host_set_affinity). */
	if (!err)
		err = pthread_attr_setaffinity_np(attr, sizeof(spawn->cpus->bits),
						  (const cpu_set_t *)spawn->cpus->bits);
	if (!err)
		err = pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
	if (!err)
		err = pthread_attr_setschedpolicy(attr, kernel_policy(spawn->policy));
	if (!err)
		err = pthread_attr_setschedparam(attr, &param);
	return err;
}

/* Affinity and policy are in force before the thread's first instruction: glibc holds it until the
 * kernel took both, and fails otherwise. */
int measure_spawn(const struct measure_spawn *spawn, pthread_t *ret)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	err = prepare(&attr, spawn);
	if (!err) {
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &before);
		err = pthread_create(ret, &attr, spawn->run, spawn->arg);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	(void)pthread_attr_destroy(&attr);
	return -err;
}
