/*
 * A surface: the grid of cells a frame is drawn into; a pane: a clipped window on it. Views and
 * widgets draw into panes only, so nothing can leave its area, and nothing here knows a terminal.
 *
 * Text is UTF-8; what could move a terminal's cursor or disturb its cells (controls, invalid bytes,
 * zero-width characters) becomes '?', whatever came in. On an ASCII surface lines, blocks and
 * sparkline characters become ASCII look-alikes. Coordinates may be outside: such cells are
 * dropped.
 */
#ifndef JT_TUI_SURFACE_H
#define JT_TUI_SURFACE_H

#include <stdbool.h>

#include "tui/theme.h"

struct cell {
	uint32_t character; /* 0: right half of a wide character */
	uint8_t role;	    /* enum role */
	uint8_t attributes; /* enum style_attribute, on top of the role's own */
};

struct surface {
	int width, height;
	bool is_ascii;
	struct cell *cells;
};

void surface_init(struct surface *surface, int width, int height, bool is_ascii);
void surface_done(struct surface *surface);
/* Other size: contents are lost. */
void surface_resize(struct surface *surface, int width, int height);
void surface_clear(struct surface *surface);
bool surface_equal(const struct surface *a, const struct surface *b);
/* Row y as UTF-8 without trailing blanks, for golden files. The caller frees it. */
char *surface_row_text(const struct surface *surface, int y);

struct pane {
	struct surface *surface;
	int x, y, width, height; /* inside the surface, always */
};

struct pane surface_pane(struct surface *surface);
/* A window of pane, clipped to it. Negative width or height: up to that many cells from the far
 * edge (-1: to the edge). */
struct pane pane_sub(const struct pane *pane, int x, int y, int width, int height);
void pane_put(const struct pane *pane, int x, int y, uint32_t character, enum role role);
void pane_fill(const struct pane *pane, enum role role);
/* Adds attributes and replaces the role of a whole row: the cursor line of a table. */
void pane_highlight(const struct pane *pane, int y, enum role role);
/* Draws text; returns the column after it, also when that lies outside. */
int pane_text(const struct pane *pane, int x, int y, enum role role, const char *text);
int pane_printf(const struct pane *pane, int x, int y, enum role role, const char *fmt, ...)
	_printf_(5, 6);
/* Text in exactly width columns; cut text ends in an ellipsis. */
void pane_text_in(const struct pane *pane, int x, int y, int width, enum role role,
		  const char *text);
void pane_text_right(const struct pane *pane, int x, int y, int width, enum role role,
		     const char *text);

/* Decodes one character; returns the bytes used (1 for an invalid byte, *ret then is U+FFFD). */
unsigned utf8_decode(const char *text, uint32_t *ret);
/* Encodes into buf[5]; returns the length. */
unsigned utf8_encode(uint32_t character, char *buf);
/* Columns text takes when drawn. */
int text_columns(const char *text);

#endif
