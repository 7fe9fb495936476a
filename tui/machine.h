/*
 * The machine as the host view shows it: a digest of one snapshot and the history, made once per
 * snapshot so that drawing is cheap: CPUs in display order (node, L3 group, core, number), their
 * shares of time, their latency of the last 10 s and of the last 3 s, which CPU is the worst now
 * and what moved with its spikes.
 *
 * It borrows from the snapshot: it must not outlive it.
 */
#ifndef JT_TUI_MACHINE_H
#define JT_TUI_MACHINE_H

#include <stdbool.h>

#include "core/culprit.h"
#include "core/history.h"
#include "core/snapshot.h"
#include "tui/guests.h"

#define MACHINE_WINDOW_NS (10 * NSEC_PER_SEC)
/* What "now" is: a disturbance shows within a second, and is gone three seconds after its end. */
#define MACHINE_RECENT_NS (3 * NSEC_PER_SEC)
#define MACHINE_NO_ID (-1)
#define MACHINE_HEAT_LEVELS 8

struct machine_latency {
	uint64_t samples;
	bool has_p50, has_p99, has_p99_9;
	uint64_t p50_ns, p99_ns, p99_9_ns;
	uint64_t min_ns, max_ns; /* only with samples */
	uint64_t third_ns;	 /* the third longest: what CPUs are ranked by; 0: fewer */
};

struct machine_cpu {
	const struct entity *entity;
	unsigned number;
	bool is_online, is_isolated, is_nohz_full;
	bool has_vcpu;		     /* a pinned vCPU may run there; kind vcpu was asked for */
	int package, node, l3, core; /* MACHINE_NO_ID: unknown */
	/* Shares of time, 0 to 1; NAN: no rate. busy is everything but idle and iowait. */
	double busy, user, system, irq, softirq, steal, guest, idle;
	struct machine_latency latency; /* of MACHINE_WINDOW_NS */
	struct machine_latency recent;	/* of MACHINE_RECENT_NS */
};

/* A run of machine.cpus. */
struct machine_group {
	int id; /* of the L3 or the node; MACHINE_NO_ID */
	unsigned first, n;
};

struct machine_node {
	struct machine_group cpus;
	const struct entity *entity; /* NULL: CPUs of no known node */
	unsigned first_l3, n_l3;
};

struct machine {
	unsigned n_cpus, n_nodes, n_l3s;
	struct machine_cpu *cpus;
	struct machine_node *nodes; /* nodes without CPUs are listed last */
	struct machine_group *l3s;
	unsigned n_online, n_measured, n_isolated, n_nohz_full, n_packages, n_cores;
	unsigned n_with_vcpu;
	bool is_smt;
	unsigned largest_number;
	/* Of kind cpu: the histograms of latency (or gaps) and their longest, by the engine that
	 * measures. Static. */
	const char *window_metric, *max_metric;
	struct machine_latency all; /* all measured CPUs together */
	int busiest;		    /* index of the CPU with the highest busy share; -1: no rates */
	/* Index of the CPU with the highest third longest wakeup: one stray wakeup makes no worst
	 * CPU, a few within three seconds do. -1: none. */
	int worst;
	bool is_worst_recent;	  /* by the short window; else that one is empty */
	struct culprits culprits; /* of the worst */
	struct guests *guests;	  /* never NULL; empty unless kind vcpu was asked for */
};

/* The figures of a histogram. */
void machine_latency_set(struct machine_latency *latency, const struct histogram *h);

/* history may be NULL. */
struct machine *machine_new(const struct snapshot *snap, const struct history *history);
void machine_free(struct machine *machine);
/* Index into cpus, -1: no such CPU. */
int machine_find(const struct machine *machine, unsigned number);

/* 0 to 7; the thresholds are the same for every CPU and host, so that two screens compare. */
unsigned heat_level(uint64_t latency_ns);
/* The level of a busy share, for cells without measuring. */
unsigned heat_level_share(double share);
char heat_glyph(unsigned level);
const char *heat_legend(void); /* of the latency glyphs */

#endif
