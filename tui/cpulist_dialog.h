/*
 * A CPU list, edited in two ways at once: typed as text, or ticked in the topology as a check list
 * (machine, node, L3 group, core, CPU). It knows nothing of what the list is for.
 *
 * Calling sequence: cpulist_open(), then cpulist_draw() and cpulist_key() until that returns
 * something else than CPULIST_OPEN; the list is then in .input.text, its set in .cpus.
 */
#ifndef JT_TUI_CPULIST_DIALOG_H
#define JT_TUI_CPULIST_DIALOG_H

#include "core/cpuset.h"
#include "tui/input.h"
#include "tui/machine.h"
#include "tui/widget.h"

struct cpulist_dialog {
	char title[96];
	char empty_means[64]; /* what an empty list stands for; "": it is refused */
	struct ui_input input;
	struct cpuset cpus; /* of the text, or of its last form that was a list */
	char error[512];
	unsigned cursor, top, page;
};

enum cpulist_result { CPULIST_OPEN, CPULIST_TAKEN, CPULIST_DROPPED };

/* text: the list to begin with. */
void cpulist_open(struct cpulist_dialog *dialog, const char *title, const char *empty_means,
		  const char *text);
/* machine may be NULL: then there is only the text. */
enum cpulist_result cpulist_key(struct cpulist_dialog *dialog, const struct machine *machine,
				uint32_t key);
void cpulist_draw(struct cpulist_dialog *dialog, const struct machine *machine,
		  const struct pane *pane);

#endif
