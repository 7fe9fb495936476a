/*
 * One line of proc/PID/stat or proc/PID/task/TID/stat (proc_pid_stat(5)), read once for all who
 * ask: who starts, measures, or runs real-time threads.
 *
 * "PID (comm) S ...": comm may hold blanks and parentheses, the last one ends it. Fields are
 * numbered from 1 as in proc(5).
 */
#ifndef JT_CORE_TASK_STAT_H
#define JT_CORE_TASK_STAT_H

#include <stdbool.h>

#include "core/util.h"

enum task_stat_field {
	TASK_STAT_PARENT = 4,
	TASK_STAT_FLAGS = 9, /* PF_* of include/linux/sched.h */
	TASK_STAT_USER_TICKS = 14,
	TASK_STAT_SYSTEM_TICKS = 15,
	TASK_STAT_START = 22, /* clock ticks since boot: with the number it names a task for good */
	TASK_STAT_CPU = 39,   /* where it ran last */
	TASK_STAT_PRIORITY = 40, /* real-time priority */
	TASK_STAT_POLICY = 41,	 /* include/uapi/linux/sched.h: task_policy_name() */
	TASK_STAT_LAST = TASK_STAT_POLICY
};

#define TASK_KTHREAD UINT64_C(0x00200000) /* PF_KTHREAD */

struct task_stat {
	const char *comm; /* into the text; unsanitised */
	size_t comm_len;
	char state; /* "R", "S" ...; 0: none */
	/* Which fields are there as plain numbers, as a bit set; the others are 0 below. */
	uint64_t has;
	bool is_whole; /* all fields to the last one were there, whatever they held */
	uint64_t fields[TASK_STAT_LAST + 1];
};

/* -EINVAL: no comm in parentheses. *ret borrows from text. */
int task_stat_parse(const char *text, struct task_stat *ret) _must_check_;
static inline bool task_stat_has(const struct task_stat *stat, enum task_stat_field field)
{
	return stat->has >> field & 1;
}

/* "fifo"; NULL: no such policy. */
const char *task_policy_name(uint64_t policy);

#endif
