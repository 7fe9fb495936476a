/*
 * Measuring as the screen shows it: plain data, copied by the dashboard whenever measuring was
 * started or stopped. The threads themselves belong to the sampler thread, which starts, reads and
 * stops them; nothing here calls into them.
 */
#ifndef JT_TUI_MEASURING_H
#define JT_TUI_MEASURING_H

#include "core/measure.h"

enum measuring_state {
	MEASURING_NEVER,    /* impossible here: why says it */
	MEASURING_OFF,	    /* not started, stopped, or could not be started: why */
	MEASURING_CHANGING, /* being started or stopped; the rest is as it was before */
	MEASURING_ON,
};

/* What a user may choose. */
struct measuring_wish {
	const struct engine *engine;
	struct measure_options options; /* .cpus empty: every CPU this program may use */
};

#define MEASURING_MAX_LEFT_OUT 8

struct measuring {
	enum measuring_state state;
	char why[256];		    /* it does not measure */
	struct measuring_wish wish; /* what is in force, or was last */
	struct cpuset cpus;	    /* whose threads run */
	struct cpuset own;	    /* where the rest of this program runs */
	bool is_shared;		    /* own CPUs are measured too: there are no others to use */
	unsigned n_fallen_back;	    /* CPUs that got no real-time priority */
	/* CPUs that are not measured although they might be, the first of them with the reason. */
	unsigned n_left_out;
	struct measuring_left_out {
		unsigned cpu;
		char why[120];
	} left_out[MEASURING_MAX_LEFT_OUT];
};

/* "wakeup on cpu 0-1 every 1.0 ms, fifo 2", "off: ..."; buf is returned. */
const char *measuring_text(const struct measuring *now, char *buf, size_t size);
const char *measuring_policy_name(enum measure_policy policy);

#endif
