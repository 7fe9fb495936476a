#include "tests/screens/emulator.h"

#include <stdlib.h>
#include <string.h>
#include <vterm.h>

#include "core/util.h"
#include "tui/surface.h"

struct emulator {
	VTerm *vt;
	VTermScreen *screen;
	bool is_alternate, is_cursor_visible;
};

static int on_property(VTermProp property, VTermValue *value, void *arg)
{
	struct emulator *emulator = arg;

	if (property == VTERM_PROP_ALTSCREEN)
		emulator->is_alternate = value->boolean;
	else if (property == VTERM_PROP_CURSORVISIBLE)
		emulator->is_cursor_visible = value->boolean;
	return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

struct emulator *emulator_new(int columns, int rows)
{
	struct emulator *emulator = xcalloc(1, sizeof(*emulator));

	emulator->is_cursor_visible = true;
	emulator->vt = vterm_new(rows, columns);
	vterm_set_utf8(emulator->vt, 1);
	emulator->screen = vterm_obtain_screen(emulator->vt);
	vterm_screen_set_callbacks(emulator->screen, &callbacks, emulator);
	vterm_screen_enable_altscreen(emulator->screen, 1);
	vterm_screen_reset(emulator->screen, 1);
	return emulator;
}

void emulator_free(struct emulator *emulator)
{
	if (!emulator)
		return;
	vterm_free(emulator->vt);
	free(emulator);
}

void emulator_feed(struct emulator *emulator, const char *bytes, size_t n)
{
	(void)vterm_input_write(emulator->vt, bytes, n);
}

void emulator_resize(struct emulator *emulator, int columns, int rows)
{
	vterm_set_size(emulator->vt, rows, columns);
}

static size_t row_text(const struct emulator *emulator, int y, int columns, char *out)
{
	size_t n = 0, end = 0;

	for (int x = 0; x < columns; x++) {
		VTermScreenCell cell;

		if (!vterm_screen_get_cell(emulator->screen, (VTermPos){y, x}, &cell))
			continue;
		if (cell.chars[0] == (uint32_t)-1) /* right half of a wide character */
			continue;
		n += utf8_encode(cell.chars[0] ? cell.chars[0] : ' ', out + n);
		if (cell.chars[0] && cell.chars[0] != ' ')
			end = n;
	}
	return end;
}

char *emulator_text(const struct emulator *emulator)
{
	int rows, columns;
	char *text;
	size_t n = 0;

	vterm_get_size(emulator->vt, &rows, &columns);
	text = xcalloc((size_t)rows * ((size_t)columns * 4 + 1) + 1, 1);
	for (int y = 0; y < rows; y++) {
		n += row_text(emulator, y, columns, text + n);
		text[n++] = '\n';
	}
	text[n] = 0;
	return text;
}

bool emulator_shows(const struct emulator *emulator, const char *text)
{
	_cleanup_(freep) char *all = emulator_text(emulator);

	return strstr(all, text) != NULL;
}

bool emulator_in_alternate_screen(const struct emulator *emulator)
{
	return emulator->is_alternate;
}

bool emulator_cursor_is_visible(const struct emulator *emulator)
{
	return emulator->is_cursor_visible;
}
