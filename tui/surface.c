#include "tui/surface.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static const struct {
	uint32_t from, to;
	char ascii;
} look_alikes[] = {
	{0x2026, 0x2026, '~'}, /* ellipsis */
	{0x2500, 0x2501, '-'}, {0x2502, 0x2503, '|'}, {0x250c, 0x254b, '+'}, {0x2581, 0x2581, '_'},
	{0x2582, 0x2582, '.'}, {0x2583, 0x2583, ':'}, {0x2584, 0x2584, '-'}, {0x2585, 0x2585, '='},
	{0x2586, 0x2586, '+'}, {0x2587, 0x2587, '*'}, {0x2588, 0x2588, '#'}, {0x2589, 0x258f, '#'},
	{0x2591, 0x2593, '#'}, {0x2801, 0x28ff, '#'}, {0x2192, 0x2192, '>'}, {0x2190, 0x2190, '<'},
	{0x2191, 0x2191, '^'}, {0x2193, 0x2193, 'v'}, {0x00b5, 0x00b5, 'u'}, {0x00b7, 0x00b7, '.'},
	{0x25b2, 0x25b2, '^'}, {0x25bc, 0x25bc, 'v'},
};

unsigned utf8_decode(const char *text, uint32_t *ret)
{
	const unsigned char *s = (const unsigned char *)text;
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	uint32_t c;

	*ret = 0xfffd;
	if (n == 0 || s[0] > 0xf4)
		return 1;
	c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*ret = c;
	return n;
}

unsigned utf8_encode(uint32_t c, char *buf)
{
	unsigned n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (unsigned i = n; i-- > 1; c >>= 6)
		buf[i] = (char)(0x80 | (c & 0x3f));
	buf[0] = (char)(lead[n] | c);
	buf[n] = 0;
	return n;
}

/* Columns of a character, 0 for what must never reach a terminal. */
static int columns(uint32_t c)
{
	int n;

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (c < 0xa0 || c == 0xfffd)
		return 0;
	n = wcwidth((wchar_t)c);
	/* In the C locale wcwidth() knows nothing above 0x7f; our own drawing characters are
	 * narrow. */
	if (n < 0 && (c == 0xb5 || c == 0xb7 || (c >= 0x2190 && c < 0x2600) ||
		      (c >= 0x2800 && c < 0x2900) || c == 0x2026))
		return 1;
	return n == 1 || n == 2 ? n : 0;
}

int text_columns(const char *text)
{
	int n = 0;
	uint32_t c;

	for (; *text; text += utf8_decode(text, &c)) {
		int w;

		utf8_decode(text, &c);
		w = columns(c);
		n += w ? w : 1;
	}
	return n;
}

void surface_init(struct surface *surface, int width, int height, bool is_ascii)
{
	*surface = (struct surface){.is_ascii = is_ascii};
	surface_resize(surface, width, height);
}

void surface_done(struct surface *surface)
{
	free(surface->cells);
	*surface = (struct surface){0};
}

void surface_resize(struct surface *surface, int width, int height)
{
	free(surface->cells);
	surface->width = width > 0 ? width : 1;
	surface->height = height > 0 ? height : 1;
	surface->cells =
		xcalloc((size_t)surface->width * (size_t)surface->height, sizeof(*surface->cells));
	surface_clear(surface);
}

void surface_clear(struct surface *surface)
{
	for (int i = 0; i < surface->width * surface->height; i++)
		surface->cells[i] = (struct cell){' ', ROLE_TEXT, 0};
}

bool surface_equal(const struct surface *a, const struct surface *b)
{
	if (a->width != b->width || a->height != b->height)
		return false;
	for (int i = 0; i < a->width * a->height; i++) {
		const struct cell *p = &a->cells[i], *q = &b->cells[i];

		if (p->character != q->character || p->role != q->role ||
		    p->attributes != q->attributes)
			return false;
	}
	return true;
}

char *surface_row_text(const struct surface *surface, int y)
{
	char *text = xcalloc((size_t)surface->width * 4 + 1, 1);
	size_t n = 0, end = 0;

	for (int x = 0; x < surface->width; x++) {
		uint32_t c = surface->cells[y * surface->width + x].character;

		if (c == 0)
			continue;
		n += utf8_encode(c, text + n);
		if (c != ' ')
			end = n;
	}
	text[end] = 0;
	return text;
}

struct pane surface_pane(struct surface *surface)
{
	return (struct pane){surface, 0, 0, surface->width, surface->height};
}

static int clip(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

struct pane pane_sub(const struct pane *pane, int x, int y, int width, int height)
{
	int left = clip(x, 0, pane->width), top = clip(y, 0, pane->height);
	int right = width < 0 ? pane->width + width + 1 : x + width;
	int bottom = height < 0 ? pane->height + height + 1 : y + height;

	right = clip(right, left, pane->width);
	bottom = clip(bottom, top, pane->height);
	return (struct pane){pane->surface, pane->x + left, pane->y + top, right - left,
			     bottom - top};
}

static struct cell *cell_at(const struct pane *pane, int x, int y)
{
	if (x < 0 || y < 0 || x >= pane->width || y >= pane->height)
		return NULL;
	return &pane->surface->cells[(pane->y + y) * pane->surface->width + pane->x + x];
}

static uint32_t to_ascii(uint32_t c)
{
	if (c < 0x7f)
		return c;
	for (unsigned i = 0; i < ARRAY_SIZE(look_alikes); i++) {
		if (c >= look_alikes[i].from && c <= look_alikes[i].to)
			return (unsigned char)look_alikes[i].ascii;
	}
	return '?';
}

/* Overwriting one half of a wide character leaves no half behind. */
static void split_wide(const struct pane *pane, int x, int y)
{
	int at = pane->x + x;
	struct cell *row = &pane->surface->cells[(pane->y + y) * pane->surface->width];

	if (row[at].character == 0 && at > 0)
		row[at - 1].character = ' ';
	if (at + 1 < pane->surface->width && row[at + 1].character == 0)
		row[at + 1].character = ' ';
}

void pane_put(const struct pane *pane, int x, int y, uint32_t c, enum role role)
{
	struct cell *cell = cell_at(pane, x, y), *right;

	if (!cell)
		return;
	if (pane->surface->is_ascii)
		c = to_ascii(c);
	split_wide(pane, x, y);
	*cell = (struct cell){c, (uint8_t)role, 0};
	if (columns(c) == 0) {
		cell->character = '?';
	} else if (columns(c) == 2) {
		right = cell_at(pane, x + 1, y);
		if (!right) {
			cell->character = ' ';
			return;
		}
		split_wide(pane, x + 1, y);
		*right = (struct cell){0, (uint8_t)role, 0};
		cell->character = c;
	}
}

void pane_fill(const struct pane *pane, enum role role)
{
	for (int y = 0; y < pane->height; y++) {
		for (int x = 0; x < pane->width; x++)
			pane_put(pane, x, y, ' ', role);
	}
}

void pane_highlight(const struct pane *pane, int y, enum role role)
{
	for (int x = 0; x < pane->width; x++) {
		struct cell *cell = cell_at(pane, x, y);

		if (cell)
			cell->role = (uint8_t)role;
	}
}

int pane_text(const struct pane *pane, int x, int y, enum role role, const char *text)
{
	while (*text) {
		uint32_t c;
		int n;

		text += utf8_decode(text, &c);
		pane_put(pane, x, y, c, role);
		n = pane->surface->is_ascii ? 1 : columns(c);
		x += n ? n : 1;
	}
	return x;
}

int pane_printf(const struct pane *pane, int x, int y, enum role role, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return pane_text(pane, x, y, role, text);
}

void pane_text_in(const struct pane *pane, int x, int y, int width, enum role role,
		  const char *text)
{
	struct pane area = pane_sub(pane, x, y, width > 0 ? width : 0, 1);
	int end;

	if (x < 0 || y < 0 || y >= pane->height)
		return;
	end = pane_text(&area, 0, 0, role, text);
	if (end > width && area.width == width && width > 0)
		pane_put(&area, width - 1, 0, 0x2026, role);
}

void pane_text_right(const struct pane *pane, int x, int y, int width, enum role role,
		     const char *text)
{
	int n = text_columns(text);

	if (n >= width)
		pane_text_in(pane, x, y, width, role, text);
	else
		(void)pane_text(pane, x + width - n, y, role, text);
}
