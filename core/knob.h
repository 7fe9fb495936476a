/*
 * A knob: a named setting. It lists its targets with their present values, and plans a change. It
 * never writes. One const struct in the file of the subsystem it belongs to, one line in
 * probes/probes.def.
 */
#ifndef JT_CORE_KNOB_H
#define JT_CORE_KNOB_H

#include "core/arena.h"
#include "core/plan.h"

enum knob_risk { KNOB_FREE, KNOB_PARTIAL, KNOB_DISRUPTIVE }; /* safety.md section 4 */
const char *knob_risk_name(enum knob_risk risk);	     /* "free", "partial", "disruptive" */

struct knob_target {
	const char *key;     /* entity or sub-object: "irq:36", "node:0/2048kB" */
	const char *name;    /* for people: "virtio2-input.0" */
	const char *value;   /* now, normalised; NULL: unreadable, see locked */
	const char *choices; /* "CPU list of 0-7", "number of pages", "a|b|c" */
	const char *locked;  /* NULL, or why it cannot be changed, in words */
};

struct knob_targets {
	struct arena *arena; /* owns every string; the caller's */
	struct knob_target *targets;
	unsigned n_targets;
};

struct knob {
	const char *name;    /* "irq_affinity" */
	const char *family;  /* "irq", "memory" */
	const char *summary; /* one line */
	const char *cost;    /* what it costs and how it is undone, one or two lines */
	enum knob_risk risk; /* KNOB_DISRUPTIVE: the user types the target's name, and it is alone
				in its transaction */
	/* Hosts may have nothing it is for: the key ("vm:*") and the reason ("no virtual machine
	 * runs here") of the one locked row that knob_list() then shows. NULL: general words. */
	const char *none_key, *none;
	/* Set on the kernel's command line only: targets show the value now, choices is the text to
	 * add there, cost says what it gives; plan() refuses with that text. */
	bool is_boot_only;
	int (*targets)(struct host *host, struct knob_targets *ret);
	/* Reads the present state through host and fills plan. On failure why says object, reason,
	 * what to do. */
	int (*plan)(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size);
	/* Who else writes this value, in one line: "irqbalance (pid 412) writes it every 10 s: ban
	 * it there". 1: buf says who; 0: nobody known. Shown before the write and when a kept value
	 * changes later. May be slow (it asks daemons' files). NULL: nobody ever. */
	int (*owner)(struct host *host, const char *target, char *buf, size_t size);
};

/* What people are shown: the targets, or, so that no knob is ever invisible, one locked row that
 * says why there are none. What a captured machine does not hold is said to be missing there. The
 * error of targets(), which that row tells, too. */
int knob_list(const struct knob *knob, struct host *host, struct knob_targets *ret);
void knob_targets_add(struct knob_targets *targets, const char *key, const char *name,
		      const char *value, const char *choices, const char *locked);

#endif
