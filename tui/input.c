#include "tui/input.h"

#include <stdio.h>
#include <string.h>

#include "tui/keys.h"

void input_set(struct ui_input *input, const char *text)
{
	snprintf(input->text, sizeof(input->text), "%s", text);
	input->at = (unsigned)strlen(input->text);
}

static void input_insert(struct ui_input *input, char c)
{
	size_t len = strlen(input->text);

	if (len + 1 >= sizeof(input->text))
		return;
	memmove(input->text + input->at + 1, input->text + input->at, len - input->at + 1);
	input->text[input->at++] = c;
}

static void input_remove(struct ui_input *input, unsigned at)
{
	size_t len = strlen(input->text);

	if (at < len)
		memmove(input->text + at, input->text + at + 1, len - at);
}

bool input_key(struct ui_input *input, uint32_t key)
{
	unsigned len = (unsigned)strlen(input->text);

	if (key >= 0x20 && key < 0x7f)
		input_insert(input, (char)key);
	else if (key == KEYCODE_BACKSPACE && input->at > 0)
		input_remove(input, --input->at);
	else if (key == KEYCODE_DELETE)
		input_remove(input, input->at);
	else if (key == KEYCODE_LEFT)
		input->at -= input->at > 0;
	else if (key == KEYCODE_RIGHT)
		input->at += input->at < len;
	else if (key == KEYCODE_HOME)
		input->at = 0;
	else if (key == KEYCODE_END)
		input->at = len;
	else if (key == KEYCODE_CTRL_U)
		input_set(input, "");
	else
		return key == KEYCODE_BACKSPACE;
	return true;
}

void input_draw(const struct ui_input *input, const struct pane *pane, int x, int y, int width)
{
	unsigned len = (unsigned)strlen(input->text);
	unsigned from =
		input->at >= (unsigned)width && width > 0 ? input->at - (unsigned)width + 1 : 0;

	for (int i = 0; i < width; i++) {
		unsigned at = from + (unsigned)i;
		char c = at < len ? input->text[at] : ' ';
		struct pane one = pane_sub(pane, x + i, y, 1, 1);

		pane_put(&one, 0, 0, (unsigned char)c, ROLE_INPUT);
		if (at == input->at && one.width && one.height)
			one.surface->cells[one.y * one.surface->width + one.x].attributes |=
				STYLE_REVERSE;
	}
}
