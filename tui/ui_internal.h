/* The parts of the user interface: ui.c (keys), ui_draw.c (frame), and one file per dialog. */
#ifndef JT_TUI_UI_INTERNAL_H
#define JT_TUI_UI_INTERNAL_H

#include "tui/ui.h"

/* header.c */
void header_draw(const struct frame *frame, const struct pane *pane);
/* strip.c: the effect strip; pane is one or two lines high. */
void strip_draw(const struct frame *frame, const struct pane *pane);
/* edit.c */
/* Opens the dialog for a target, or leaves a message why not. */
void edit_open(struct ui *ui, const struct frame *frame, const char *knob, const char *target);
void edit_key(struct ui *ui, const struct key *key, struct ui_action *ret);
void edit_draw(const struct ui *ui, const struct pane *pane);
void input_set(struct ui_input *input, const char *text);
/* False: the key is not one of an input line. */
bool input_key(struct ui_input *input, uint32_t key);
void input_draw(const struct ui_input *input, const struct pane *pane, int x, int y, int width);
/* preview.c */
void preview_key(struct ui *ui, const struct key *key, struct ui_action *ret);
void preview_draw(struct ui *ui, const struct pane *pane);
/* ui_draw.c: the tab of view i on a screen of this width; its columns are returned. */
int ui_tab_text(const struct ui *ui, unsigned i, int width, char *buf, size_t size);
/* help.c */
void help_key(struct ui *ui, const struct key *key);
void help_draw(struct ui *ui, const struct pane *pane);

#endif
