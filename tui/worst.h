/* "Worst now", the line above the effect strip, and the words of what disturbed a CPU. */
#ifndef JT_TUI_WORST_H
#define JT_TUI_WORST_H

#include "tui/view.h"

/* pane: one line. */
void worst_draw(const struct frame *frame, const struct pane *pane);
/* One sentence; buf is returned. */
const char *culprit_verdict_text(const struct culprits *found, char *buf, size_t size);

#endif
