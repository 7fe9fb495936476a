/*
 * Keys and commands. A key is a Unicode character or one of the codes below; keys.def maps keys to
 * commands. The terminal's own names for keys stay in term.c.
 */
#ifndef JT_TUI_KEYS_H
#define JT_TUI_KEYS_H

#include "core/util.h"

enum keycode {
	KEYCODE_TAB = 0x09,
	KEYCODE_CTRL_L = 0x0c,
	KEYCODE_ENTER = 0x0d,
	KEYCODE_CTRL_U = 0x15,
	KEYCODE_ESC = 0x1b,
	KEYCODE_SPACE = 0x20,
	KEYCODE_BACKSPACE = 0x7f,
	KEYCODE_UP = 0x200000, /* beyond Unicode from here on */
	KEYCODE_DOWN,
	KEYCODE_LEFT,
	KEYCODE_RIGHT,
	KEYCODE_PAGE_UP,
	KEYCODE_PAGE_DOWN,
	KEYCODE_HOME,
	KEYCODE_END,
	KEYCODE_DELETE,
	KEYCODE_BACKTAB,
	KEYCODE_MOUSE_CLICK, /* struct key has x and y */
	KEYCODE_WHEEL_UP,
	KEYCODE_WHEEL_DOWN,
	KEYCODE_F1, /* F1 to F12 in order */
	KEYCODE_F2,
	KEYCODE_F3,
	KEYCODE_F4,
	KEYCODE_F5,
	KEYCODE_F6,
	KEYCODE_F7,
	KEYCODE_F8,
	KEYCODE_F9,
	KEYCODE_F10,
	KEYCODE_F11,
	KEYCODE_F12,
};

struct key {
	uint32_t code;
	int x, y; /* of the mouse */
};

enum command {
	COMMAND_NONE,
#define BINDING(symbol, label, group, help, ...) COMMAND_##symbol,
#include "tui/keys.def"
#undef BINDING
	COMMAND_COUNT
};

#define BINDING_MAX_KEYS 10

struct binding {
	enum command command;
	const char *label, *group, *help;
	uint32_t keys[BINDING_MAX_KEYS + 1]; /* 0 ends */
};

/* By command; [COMMAND_NONE] is empty. */
const struct binding *binding_of(enum command command);
enum command command_of_key(uint32_t key);
/* "q", "F10", "PgUp"; buf is returned. */
const char *key_label(uint32_t key, char *buf, size_t size);
/* All keys of a binding: "q F10". Series of digits are shortened: "0-9". */
const char *binding_keys(const struct binding *binding, char *buf, size_t size);

#endif
