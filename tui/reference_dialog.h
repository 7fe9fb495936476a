/* The dialog of the check against cyclictest: on which CPUs, how far it is, what came out. */
#ifndef JT_TUI_REFERENCE_DIALOG_H
#define JT_TUI_REFERENCE_DIALOG_H

#include "tui/cpulist_dialog.h"
#include "tui/measuring.h"

struct ui_check {
	bool is_asking; /* which CPUs; else: progress or result */
	struct ui_input cpus;
	char error[160];
	bool is_listing; /* the check list of CPUs is open on top */
	struct cpulist_dialog cpulist;
	struct measuring_wish wish; /* what the action points to */
};

#endif
