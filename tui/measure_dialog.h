/*
 * The dialog of measuring: which CPUs, engine, interval, policy, priority; start, stop, reset. What
 * is in force comes with the frame (struct measuring), what is wished goes out as an action.
 */
#ifndef JT_TUI_MEASURE_DIALOG_H
#define JT_TUI_MEASURE_DIALOG_H

#include "tui/cpulist_dialog.h"
#include "tui/measuring.h"

/* In the order of the screen. */
enum measure_field {
	MEASURE_CPUS,
	MEASURE_ENGINE,
	MEASURE_INTERVAL,
	MEASURE_SPIN,
	MEASURE_THRESHOLD,
	MEASURE_POLICY,
	MEASURE_PRIORITY,
	MEASURE_FORCED,
	MEASURE_START,
	MEASURE_STOP,
	MEASURE_RESET,
	MEASURE_CHECK,
	MEASURE_FIELDS,
};

struct ui_measure {
	enum measure_field field;
	const struct engine *engine;
	enum measure_policy policy;
	bool is_forced;
	struct ui_input inputs[MEASURE_PRIORITY + 1]; /* of the fields that are typed */
	char error[256];
	bool is_listing; /* the check list of CPUs is open on top */
	struct cpulist_dialog cpulist;
	struct measuring_wish wish; /* what the action points to */
};

#endif
