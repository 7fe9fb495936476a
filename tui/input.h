/* A line of input: text and cursor, for the dialogs and the search. */
#ifndef JT_TUI_INPUT_H
#define JT_TUI_INPUT_H

#include "core/plan.h"
#include "tui/surface.h"

struct ui_input {
	char text[PLAN_VALUE_MAX];
	unsigned at; /* byte offset of the cursor; the text is printable ASCII */
};

void input_set(struct ui_input *input, const char *text);
/* False: the key is not one of an input line. */
bool input_key(struct ui_input *input, uint32_t key);
void input_draw(const struct ui_input *input, const struct pane *pane, int x, int y, int width);

#endif
