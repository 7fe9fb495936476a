#include "tui/keys.h"

#include <stdio.h>
#include <string.h>

#include "tui/surface.h"

static const struct binding bindings[COMMAND_COUNT] = {
#define BINDING(symbol, label, group, help, ...)                                                   \
	[COMMAND_##symbol] = {COMMAND_##symbol, label, group, help, {__VA_ARGS__}},
#include "tui/keys.def"
#undef BINDING
};

static const struct {
	uint32_t key;
	const char *name;
} names[] = {
	{KEYCODE_TAB, "Tab"},
	{KEYCODE_CTRL_L, "Ctrl-L"},
	{KEYCODE_ENTER, "Enter"},
	{KEYCODE_CTRL_U, "Ctrl-U"},
	{KEYCODE_ESC, "Esc"},
	{KEYCODE_BACKSPACE, "Backspace"},
	{KEYCODE_UP, "Up"},
	{KEYCODE_DOWN, "Down"},
	{KEYCODE_LEFT, "Left"},
	{KEYCODE_RIGHT, "Right"},
	{KEYCODE_PAGE_UP, "PgUp"},
	{KEYCODE_PAGE_DOWN, "PgDn"},
	{KEYCODE_SPACE, "Space"},
	{KEYCODE_HOME, "Home"},
	{KEYCODE_END, "End"},
	{KEYCODE_DELETE, "Del"},
	{KEYCODE_BACKTAB, "Shift-Tab"},
};

const struct binding *binding_of(enum command command)
{
	return &bindings[command];
}

enum command command_of_key(uint32_t key)
{
	for (unsigned i = 1; i < COMMAND_COUNT; i++) {
		for (const uint32_t *k = bindings[i].keys; *k; k++) {
			if (*k == key)
				return bindings[i].command;
		}
	}
	return COMMAND_NONE;
}

const char *key_label(uint32_t key, char *buf, size_t size)
{
	char utf8[5];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].key == key) {
			snprintf(buf, size, "%s", names[i].name);
			return buf;
		}
	}
	if (key >= KEYCODE_F1 && key <= KEYCODE_F12) {
		snprintf(buf, size, "F%u", key - KEYCODE_F1 + 1);
		return buf;
	}
	utf8_encode(key < 0x110000 ? key : '?', utf8);
	snprintf(buf, size, "%s", utf8);
	return buf;
}

const char *binding_keys(const struct binding *binding, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	if (binding->command == COMMAND_VIEW) {
		snprintf(buf, size, "0-9");
		return buf;
	}
	for (const uint32_t *k = binding->keys; *k && n < size; k++) {
		char name[16];

		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "",
				      key_label(*k, name, sizeof(name)));
	}
	return buf;
}
