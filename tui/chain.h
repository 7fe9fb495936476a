/*
 * The chain from a queue to the CPU it disturbs: queue -> interrupt -> CPUs -> what these CPUs are
 * for, joined over one snapshot, with flags for what is usually wrong with it.
 *
 * Calling sequence: chains_new(snap), chains_find(chains, queue), chains_free(). It borrows from
 * the snapshot: it must not outlive it. No flag is a guess: what is not known raises none.
 */
#ifndef JT_TUI_CHAIN_H
#define JT_TUI_CHAIN_H

#include <stdbool.h>

#include "tui/children.h"

enum chain_flag {
	CHAIN_ISOLATED, /* its CPU is isolated */
	CHAIN_NOHZ,	/* its CPU is nohz_full */
	CHAIN_VCPU,	/* a pinned vCPU runs on its CPU */
	CHAIN_NODE,	/* its CPU is on another NUMA node than the device */
	CHAIN_SHARED,	/* another busy queue's interrupt goes to the same CPU */
	CHAIN_RING,	/* packets are lost while the ring could be larger */
	CHAIN_PENDING,	/* the interrupt is not yet where it was sent */
	CHAIN_ADAPTIVE, /* the device changes its coalescing by itself */
	CHAIN_FLAGS
};

/* Packets per second from which on a queue counts as busy. */
#define CHAIN_BUSY_HZ 1000.0

struct chain {
	const struct entity *queue, *parent; /* parent: interface or DPDK port; NULL: unknown */
	const struct entity *irq;	     /* NULL: unknown */
	const char *cpus;		     /* of the interrupt, a list; NULL: unknown */
	int cpu;			     /* the first of them, -1: unknown */
	unsigned n_cpus;
	unsigned flags;		   /* bit set over enum chain_flag */
	int at_cpu[CHAIN_FLAGS];   /* the first CPU a flag is about, -1: about none */
	const struct entity *vcpu; /* the one that CHAIN_VCPU is about */
};

struct chains {
	struct chain *at; /* in the order of the kind's table */
	unsigned n;
	struct children *queues; /* by interface or port */
};

struct chains *chains_new(const struct snapshot *snap);
void chains_free(struct chains *chains); /* NULL is fine */
/* NULL: not an entity of kind queue of that snapshot. */
const struct chain *chains_find(const struct chains *chains, const struct snapshot *snap,
				const struct entity *queue);
/* All flags of the queues of one parent. */
unsigned chains_flags_below(const struct chains *chains, const struct entity *parent);

const char *chain_word(enum chain_flag flag); /* one short word */
/* "isol node"; "" without flags. */
const char *chain_words(unsigned flags, char *buf, size_t size);
/* What it means and what to look at; buf is returned. */
const char *chain_sentence(const struct chain *chain, enum chain_flag flag, char *buf, size_t size);

#endif
