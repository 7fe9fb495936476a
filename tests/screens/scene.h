/*
 * A hand-made machine for screen and ui tests: snapshots built through the sample API, a history
 * fed with twelve of them, an empty session. Nothing in it depends on the host it runs on, nor on
 * time.
 */
#ifndef JT_TESTS_SCREENS_SCENE_H
#define JT_TESTS_SCREENS_SCENE_H

#include "tui/ui.h"

struct scene_options {
	unsigned packages, nodes, l3s, cores, threads; /* nodes per package, l3s per node, ... */
	bool is_measured;
	bool has_network; /* queues, VFs, a second interface, a DPDK port */
	bool is_spinning; /* the last CPU alone is measured, by the spin engine */
	bool is_hogged;	  /* a task of user mode has CPU 0 for itself */
	bool has_guests;  /* scene_guests.h: virtual machines and containers */
	unsigned n_more_guests;
};

struct scene {
	struct schema *schema;
	const struct snapshot *snap;
	struct history *history;
	struct machine *machine;
	struct session session;
	struct measuring measuring;
	struct reference_check *check;
	struct knob_list knobs;
	struct arena *arena;
	struct frame frame;
};

void scene_init(struct scene *scene, const struct scene_options *options);
void scene_done(struct scene *scene);
/* Of scene_init(). */
void scene_add_knobs(struct scene *scene);
void scene_add_spinning(struct scene *scene);
void scene_add_measuring(struct scene *scene, bool is_measured);
/* A trial of irq 41 that moved it, 23 s ago. */
void scene_add_trial(struct scene *scene);

/* A check of cpus 0-1 that has come this far. */
void scene_add_check(struct scene *scene, enum check_phase phase);

#endif
