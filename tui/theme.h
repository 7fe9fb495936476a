/*
 * Themes: a map from roles to styles. The code names roles only; a theme file names colours:
 *
 *   role = foreground [background] [bold|underline|reverse|dim ...]
 *
 * A colour is "default", a name (black red green yellow blue magenta cyan white, bright-red ...),
 * 0 to 255, or #rrggbb. A role that a file does not set looks like its "text". The built-in theme
 * (roles.def) needs no file. Nothing here knows curses; term.c turns styles into what the terminal
 * can do.
 */
#ifndef JT_TUI_THEME_H
#define JT_TUI_THEME_H

#include "core/util.h"

enum role {
#define ROLE(symbol, name, style) ROLE_##symbol,
#include "tui/roles.def"
#undef ROLE
	ROLE_COUNT
};

enum style_attribute {
	STYLE_BOLD = 1 << 0,
	STYLE_UNDERLINE = 1 << 1,
	STYLE_REVERSE = 1 << 2,
	STYLE_DIM = 1 << 3,
};

#define COLOR_UNSET (-1)    /* the terminal's own */
#define COLOR_RGB (1 << 24) /* flag: the low 24 bits are rrggbb; else 0 to 255 */

struct style {
	int foreground, background; /* COLOR_UNSET, 0 to 255, or COLOR_RGB | rrggbb */
	unsigned attributes;
};

struct theme {
	char name[32];
	struct style styles[ROLE_COUNT];
};

const char *role_name(enum role role);
void theme_builtin(struct theme *ret);
/* Attributes only, no colours: what NO_COLOR and a terminal without colours get when the mono theme
 * is not installed. */
void theme_builtin_mono(struct theme *ret);
/* "244", "black 117 bold". -EINVAL with why. */
int style_parse(const char *text, struct style *ret, char *why, size_t why_size) _must_check_;
/* The text of a theme file. -EINVAL: why is "FILE: line N: what". *ret is untouched on failure. */
int theme_parse(const char *text, const char *file, struct theme *ret, char *why,
		size_t why_size) _must_check_;
/* Looks for NAME.theme in config_dir/themes (may be NULL), then in the installed folder. -ENOENT:
 * no such theme; why says where it was looked for. "default" and "mono" exist without files. */
int theme_load(const char *config_dir, const char *name, struct theme *ret, char *why,
	       size_t why_size) _must_check_;
/* The name of the n-th theme of the installed folder and config_dir in alphabetical order, or NULL
 * when there are fewer. The caller frees it. */
char *theme_name_after(const char *config_dir, const char *name);

/* What a terminal of n_colors shows for a colour: an index below n_colors, or COLOR_UNSET. */
int color_degrade(int color, int n_colors);

#endif
