/*
 * What disturbed this CPU: which counters moved there in the ticks in which its latency spiked, and
 * not in the quiet ones. A correlation of counters that are read anyway, no proof of cause; whoever
 * shows it must say so.
 *
 * The latency of a tick is its longest wakeup (or gap, where the spin engine measures). A tick is a
 * spike when that is far above the quiet quarter of the ticks. A counter is named only when
 *  - it was raised in spike ticks more often than chance explains (Fisher's exact test, with the
 *    number of counters looked at taken into account);
 *  - no more than a few of all shifts in time of the same course fit better: latency and counters
 *    come in bursts, and two bursts may overlap by chance;
 *  - and that still holds with a burst counted once; or else the burst and the counter's begin and
 *    end in the same ticks.
 * tests/unit/test_culprit.c counts how often chance names somebody nevertheless.
 * Its share is the part of the spikes in which it was raised, less what the quiet ticks have of it.
 *
 * Pure and bounded: CULPRIT_TICKS points of at most CULPRIT_MAX_COUNTERS counters.
 */
#ifndef JT_CORE_CULPRIT_H
#define JT_CORE_CULPRIT_H

#include "core/history.h"

#define CULPRIT_TICKS 120u
#define CULPRIT_MAX_COUNTERS 192u
#define CULPRIT_MAX 6u
#define CULPRIT_NAME_MAX 48u

/* In the order in which equals are named: what names most comes first. */
enum culprit_class {
	CULPRIT_IRQ,
	CULPRIT_SOFTIRQ,
	CULPRIT_STEAL,
	CULPRIT_TIME, /* tasks in user mode, kernel, guests */
	CULPRIT_SWITCHES,
	CULPRIT_IRQ_SUM,     /* left out when an interrupt is named */
	CULPRIT_SOFTIRQ_SUM, /* left out when a kind is named */
};

struct culprit_counter {
	char name[CULPRIT_NAME_MAX];
	enum culprit_class class;
	bool is_share; /* of time, 0 to 1; else events per second */
	float rates[CULPRIT_TICKS];
};

struct culprit {
	char name[CULPRIT_NAME_MAX];
	enum culprit_class class;
	bool is_share;
	double share;		       /* 0 to 1 */
	double spike_rate, quiet_rate; /* means */
};

enum culprit_verdict {
	CULPRIT_UNKNOWN,  /* not measured, or too few ticks yet */
	CULPRIT_CALM,	  /* no spikes */
	CULPRIT_TOO_FEW,  /* spikes, but too few to tell */
	CULPRIT_NOT_SEEN, /* spikes, and nothing that we count moved with them */
	CULPRIT_FOUND,
};

struct culprits {
	enum culprit_verdict verdict;
	unsigned n_ticks, n_spikes; /* judged */
	uint64_t quiet_ns;	    /* what the quiet quarter of the ticks stays below */
	uint64_t threshold_ns;	    /* a tick with a longer wakeup is a spike */
	unsigned n;
	struct culprit list[CULPRIT_MAX]; /* highest share first */
};

/* For the table of history_new(): the counters looked at, besides the latency of the tick. */
#define CULPRIT_HISTORY                                                                            \
	{"cpu", "wakeup_max_ns", CULPRIT_TICKS}, {"cpu", "noise_max_ns", CULPRIT_TICKS},           \
		{"cpu", "irqs", CULPRIT_TICKS}, {"cpu", "local_irqs", CULPRIT_TICKS},              \
		{"cpu", "softirqs", CULPRIT_TICKS}, {"cpu", "softirq_hi", CULPRIT_TICKS},          \
		{"cpu", "softirq_timer", CULPRIT_TICKS}, {"cpu", "softirq_net_tx", CULPRIT_TICKS}, \
		{"cpu", "softirq_net_rx", CULPRIT_TICKS}, {"cpu", "softirq_block", CULPRIT_TICKS}, \
		{"cpu", "softirq_irq_poll", CULPRIT_TICKS},                                        \
		{"cpu", "softirq_tasklet", CULPRIT_TICKS},                                         \
		{"cpu", "softirq_sched", CULPRIT_TICKS},                                           \
		{"cpu", "softirq_hrtimer", CULPRIT_TICKS}, {"cpu", "softirq_rcu", CULPRIT_TICKS},  \
		{"cpu", "switches", CULPRIT_TICKS}, {"cpu", "steal_ns", CULPRIT_TICKS},            \
		{"cpu", "user_ns", CULPRIT_TICKS}, {"cpu", "system_ns", CULPRIT_TICKS},            \
		{"cpu", "guest_ns", CULPRIT_TICKS},                                                \
	{                                                                                          \
		"irq", "per_cpu", CULPRIT_TICKS                                                    \
	}

/* latency_ns: one per tick, oldest first; NAN: not measured then. The counters' rates are of the
 * same ticks. */
void culprit_judge(const float *latency_ns, unsigned n_ticks,
		   const struct culprit_counter *counters, unsigned n_counters,
		   struct culprits *ret);
/* The same from a history that keeps CULPRIT_HISTORY; latency_metric: wakeup_max_ns or
 * noise_max_ns. */
void culprit_of_cpu(const struct history *history, const struct snapshot *snap,
		    const char *latency_metric, unsigned cpu, struct culprits *ret);

#endif
