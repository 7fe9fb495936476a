/*
 * Private to the isolate knob: one plan out of several parts.
 *
 *   knob_isolate.c        targets, values, the order of the parts
 *   knob_isolate_check.c  what must be known before: refusals and notes
 *   knob_isolate_v2.c     the set: a cpuset partition
 *   knob_isolate_v1.c     the set: an exclusive cpuset, and one for everything else
 *   knob_isolate_rest.c   interrupts, workqueues, RPS, watchdog, irqbalance, threads' own masks
 */
#ifndef JT_PROBES_KNOB_ISOLATE_INTERNAL_H
#define JT_PROBES_KNOB_ISOLATE_INTERNAL_H

#include "core/knob.h"
#include "probes/knob_cgroup.h"

#define ISOLATE_GROUP "jittertop-isolated"
#define ISOLATE_OTHERS "jittertop-others" /* version 1: everything else */

enum isolate_part {
	ISOLATE_SET = 1 << 0,  /* the control group: keeps the scheduler away */
	ISOLATE_REST = 1 << 1, /* interrupts and kernel work */
};

/* Names of some, and how many there are: "ksoftirqd/2, migration/2 and 12 more". */
struct isolate_count {
	unsigned n;
	char names[120];
};

struct isolate {
	struct host *host;
	struct plan *plan;
	unsigned parts;	  /* isolate_part */
	bool is_balanced; /* "root": the scheduler balances within the set */
	unsigned pid;	  /* moves into the set; 0: none */
	unsigned own_pid; /* jittertop itself */
	struct cpuset wanted;
	/* what the host has */
	struct cpuset online, isolcpus, nohz_full;
	struct cpuset keep; /* online and not wanted */
	struct cgroup_place place;
	/* what is said beside the steps */
	char notes[2048];
	char *why; /* the caller's, for refusals */
	size_t why_size;
};

/* Refuses: words into why; returns err. */
int isolate_refuse(struct isolate *isolate, int err, const char *fmt, ...) _printf_(3, 4);
void isolate_note(struct isolate *isolate, const char *fmt, ...) _printf_(2, 3);
void isolate_count_add(struct isolate_count *count, const char *name);
/* "3 kernel threads (a, b and 1 more)" */
void isolate_count_text(const struct isolate_count *count, const char *what, char *buf,
			size_t size);
/* The set without the wanted CPUs, as text; false: it has none of them. -> empty: *ret is "". */
bool isolate_without(const struct isolate *isolate, const struct cpuset *set, char *buf,
		     size_t size);

/* Adds a step; one that its host refuses later does not fail the plan. An object that cannot even
 * be read now is a note, not an error. */
int isolate_try(struct isolate *isolate, const struct step_class *class, const char *object,
		const char *value);
/* Adds a step without which isolation makes no sense. */
int isolate_must(struct isolate *isolate, const struct step_class *class, const char *object,
		 const char *value);
int isolate_later(struct isolate *isolate, const struct step_class *class, const char *object,
		  const char *expected, const char *value);

int isolate_check(struct isolate *isolate);
int isolate_plan_rest(struct isolate *isolate);
int isolate_plan_threads(struct isolate *isolate);
int isolate_plan_v2(struct isolate *isolate);
int isolate_plan_v1(struct isolate *isolate);
int isolate_release(struct isolate *isolate);
/* The CPUs of jittertop's set on this host now; empty: there is none. */
int isolate_present(struct host *host, const struct cgroup_place *place, struct cpuset *ret);

extern const struct step_class step_class_task_affinity;

#endif
