/*
 * A terminal emulator for tests: libvterm fed with what a program wrote to its pty.
 */
#ifndef JT_TESTS_SCREENS_EMULATOR_H
#define JT_TESTS_SCREENS_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct emulator;

struct emulator *emulator_new(int columns, int rows);
void emulator_free(struct emulator *emulator);
void emulator_feed(struct emulator *emulator, const char *bytes, size_t n);
void emulator_resize(struct emulator *emulator, int columns, int rows);
/* All rows without trailing blanks, each ended by a newline. The caller frees it. */
char *emulator_text(const struct emulator *emulator);
bool emulator_shows(const struct emulator *emulator, const char *text);
bool emulator_in_alternate_screen(const struct emulator *emulator);
bool emulator_cursor_is_visible(const struct emulator *emulator);

#endif
