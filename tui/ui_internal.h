/* The parts of the user interface: ui.c (keys), ui_draw.c (frame), and one file per dialog. */
#ifndef JT_TUI_UI_INTERNAL_H
#define JT_TUI_UI_INTERNAL_H

#include "tui/ui.h"

/* ui.c: ends a jump to what was not read yet, once it is. */
void ui_arrive(struct ui *ui, const struct frame *frame);
/* header.c */
void header_draw(const struct frame *frame, const struct pane *pane);
/* strip.c: the effect strip; pane is one or two lines high. */
void strip_draw(const struct frame *frame, const struct pane *pane);
/* edit.c */
/* What UI_EDIT, UI_CPUS, UI_STEP and UI_SET ask for: a dialog, or at once the plan, or a message
 * why not. */
void edit_open(struct ui *ui, const struct frame *frame, const struct ui_request *request,
	       struct ui_action *ret);
/* Plans the choice after (1) or before (-1) the one planned last. False: it has no choices. */
bool edit_step(struct ui *ui, int step, struct ui_action *ret);
void edit_refused(struct ui *ui, const char *why);
void edit_key(struct ui *ui, const struct frame *frame, const struct key *key,
	      struct ui_action *ret);
void edit_draw(struct ui *ui, const struct frame *frame, const struct pane *pane);
void edit_done(struct ui *ui);
/* edit_words.c: choices like "a|b|c", also "us: 0|1". How many; 0: they are no words. */
unsigned choice_count(const char *choices);
/* "" beyond the last. */
const char *choice_at(const char *choices, unsigned i, char *buf, size_t size);
/* -1: value is none of them. */
int choice_find(const char *choices, const char *value);
/* preview.c */
void preview_key(struct ui *ui, const struct key *key, struct ui_action *ret);
void preview_draw(struct ui *ui, const struct pane *pane);
/* ui_draw.c: the tab of view i on a screen of this width; its columns are returned. */
int ui_tab_text(const struct ui *ui, unsigned i, int width, char *buf, size_t size);
/* measure_dialog.c */
void measure_dialog_open(struct ui *ui, const struct frame *frame);
void measure_dialog_key(struct ui *ui, const struct frame *frame, const struct key *key,
			struct ui_action *ret);
void measure_dialog_draw(struct ui *ui, const struct frame *frame, const struct pane *pane);
/* reference_dialog.c */
void check_dialog_open(struct ui *ui, const struct frame *frame);
void check_dialog_key(struct ui *ui, const struct frame *frame, const struct key *key,
		      struct ui_action *ret);
void check_dialog_draw(struct ui *ui, const struct frame *frame, const struct pane *pane);
/* help.c */
void help_key(struct ui *ui, const struct key *key);
void help_draw(struct ui *ui, const struct pane *pane);

#endif
