/*
 * A probe reads one subsystem into a sample: one const struct in one file of probes/, one line in
 * probes/probes.def. It reads through the host handle only, keeps what it needs between runs (open
 * files, the previous identity of things) in its own state, and knows nothing of views.
 */
#ifndef JT_CORE_PROBE_H
#define JT_CORE_PROBE_H

#include "core/host.h"
#include "core/sample.h"

/*
 * The metrics a probe contributes to one kind of entity. Several probes may contribute to one kind:
 * either each its own metrics, or, where each lists entities of its own (queues of the kernel,
 * queues of DPDK), all the very same array of metrics.
 */
struct metric_set {
	const char *kind; /* "cpu" */
	const struct metric *metrics;
	unsigned n_metrics;
};

enum probe_flags {
	/* Runs only while a view, a recorder or snapshot --json asks for one of its kinds
	   (sampler_want). */
	PROBE_ON_DEMAND = 1 << 0,
	/* May wait for a peer (netlink, QMP, a unix socket) or walk long lists (/proc): runs in the
	   sampler's second thread, with a host handle of its own (sampler.h). It must not need
	   what is attached to the first one (host_measure()). */
	PROBE_SLOW = 1 << 1,
	/* Its rows add to what other probes list: one whose entity none of them lists (any more:
	 * this probe may run more rarely than they do) is left out. Where none of them has anything
	 * to say, not even carried over, the rows stand for themselves. */
	PROBE_ADDS = 1 << 2,
};

struct probe {
	const char *name;    /* "irq" */
	const char *summary; /* one line */
	const struct metric_set *sets;
	unsigned n_sets;
	unsigned flags;
	uint64_t period_ns; /* at most this often; 0: every tick */
	size_t state_size;  /* zeroed before open() */
	int (*open)(void *state,
		    struct host *host); /* may be NULL; a failure is the probe's status */
	/* 0, or a negative errno after sample_errorf(). Must cope with a changed machine at every
	 * run. */
	int (*sample)(void *state, struct host *host, struct sample *out);
	void (*close)(void *state); /* may be NULL; frees files, not the state */
};

#endif
