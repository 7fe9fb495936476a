/*
 * Which CPUs are measured, and why others are not: measuring must not make the host worse, so CPUs
 * given to a real-time task or to a pinned vCPU are left out unless the user says yes.
 *
 * What counts, of every task of every process but our own, another jittertop's measuring threads
 * and the kernel's own threads:
 *  - real-time tasks (FIFO, RR, DEADLINE) of any program,
 *  - vCPU threads by their name ("CPU 3/KVM", "vcpu3", "fc_vcpu 3", "crosvm_vcpu3"), and every
 *    thread of a qemu that does not name its vCPUs,
 * provided that the task is bound: it is pinned as task_cpus_is_pinned() has it (core/task_cpus.h,
 * the same word as in the views), and
 *  - it may use one CPU only, or threads of one core: a pinned vCPU;
 *  - or it is real-time and may use others than those (isolated ones), or at most half of them: a
 *    shield of CPUs that somebody gave it, on any of which a thread of ours could delay it.
 * So a vCPU that floats in its NUMA node or in a set of isolated CPUs keeps none of them from being
 * measured (a real-time one does), nor does a daemon such as multipathd, RR 99 on all CPUs.
 *
 * Uses the host handle only: one stat file per task, a status file and a topology file
 * more for those that count.
 */
#ifndef JT_CORE_MEASURE_CHOICE_H
#define JT_CORE_MEASURE_CHOICE_H

#include <sys/types.h>

#include "core/cpuset.h"

struct host;

#define MEASURE_WHY_MAX 160

/* Why one CPU is left out. */
struct measure_reason {
	unsigned cpu;
	unsigned n_tasks;
	/* "CPU 3/KVM 4242 (vCPU, SCHED_FIFO 1) is bound to 3", sanitised. */
	char text[MEASURE_WHY_MAX];
};

struct measure_taken {
	struct cpuset cpus;
	struct measure_reason *reasons; /* one per CPU of cpus, ascending */
	unsigned n_reasons;
};

/* Looks at every task but those of process `self`. Tasks that end meanwhile are no error; -ENOENT
 * or the like: this host has no list of tasks. Free with measure_taken_done(). */
int measure_find_taken(struct host *host, const struct cpuset *online, pid_t self,
		       struct measure_taken *ret) _must_check_;
void measure_taken_done(struct measure_taken *taken);
/* NULL: the CPU is not taken. */
const struct measure_reason *measure_taken_why(const struct measure_taken *taken, unsigned cpu);

#endif
