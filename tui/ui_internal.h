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
/* Opens the dialog for a target, or leaves a message why not. */
void edit_open(struct ui *ui, const struct frame *frame, const char *knob, const char *target);
void edit_key(struct ui *ui, const struct key *key, struct ui_action *ret);
void edit_draw(const struct ui *ui, const struct pane *pane);
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
