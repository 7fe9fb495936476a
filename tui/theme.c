#include "tui/theme.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/parse.h"

#define THEME_FILE_MAX 65536

static const struct {
	const char *name, *style;
} roles[ROLE_COUNT] = {
#define ROLE(symbol, role, text) [ROLE_##symbol] = {role, text},
#include "tui/roles.def"
#undef ROLE
};

static const char *const color_names[] = {
	"black",	"red",		 "green",	"yellow",	  "blue",
	"magenta",	"cyan",		 "white",	"bright-black",	  "bright-red",
	"bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan",
	"bright-white",
};

static const struct {
	const char *name;
	unsigned attribute;
} attribute_names[] = {
	{"bold", STYLE_BOLD},
	{"underline", STYLE_UNDERLINE},
	{"reverse", STYLE_REVERSE},
	{"dim", STYLE_DIM},
};

const char *role_name(enum role role)
{
	return roles[role].name;
}

static bool parse_color(const char *word, int *ret)
{
	uint64_t n;

	if (strcmp(word, "default") == 0) {
		*ret = COLOR_UNSET;
		return true;
	}
	if (word[0] == '#') {
		if (strlen(word) != 7 || strncmp(word + 1, "0x", 2) == 0 ||
		    parse_hex_u64(word + 1, &n) < 0)
			return false;
		*ret = COLOR_RGB | (int)n;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(color_names); i++) {
		if (strcmp(word, color_names[i]) == 0) {
			*ret = (int)i;
			return true;
		}
	}
	if (parse_u64(word, &n) < 0 || n > 255)
		return false;
	*ret = (int)n;
	return true;
}

static unsigned parse_attribute(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(attribute_names); i++) {
		if (strcmp(word, attribute_names[i].name) == 0)
			return attribute_names[i].attribute;
	}
	return 0;
}

int style_parse(const char *text, struct style *ret, char *why, size_t why_size)
{
	struct style style = {COLOR_UNSET, COLOR_UNSET, 0};
	_cleanup_(freep) char *copy = xstrdup(text);
	unsigned n_colors = 0, n_words = 0;
	char *save = NULL;

	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		unsigned attribute = parse_attribute(w);
		int color;

		n_words++;
		if (attribute) {
			style.attributes |= attribute;
			continue;
		}
		if (n_colors == 2 || !parse_color(w, &color)) {
			snprintf(why, why_size,
				 n_colors == 2 ? "\"%.40s\" is no attribute (bold, underline, "
						 "reverse, dim)"
					       : "\"%.40s\" is no colour (name, 0-255, #rrggbb, "
						 "default)",
				 w);
			return -EINVAL;
		}
		*(n_colors++ == 0 ? &style.foreground : &style.background) = color;
	}
	if (n_words == 0) {
		snprintf(why, why_size, "no colour given");
		return -EINVAL;
	}
	*ret = style;
	return 0;
}

struct parse_state {
	struct theme *theme;
	bool is_set[ROLE_COUNT];
	char why[128]; /* of the first bad line */
};

/* inih calls this per "name = value"; 0 makes ini_parse() return that line's number. */
static int parse_entry(void *arg, const char *section, const char *name, const char *value)
{
	struct parse_state *state = arg;
	char *why = state->why[0] ? (char[128]){0} : state->why;

	if (section[0]) {
		snprintf(why, sizeof(state->why), "sections are not used in themes ([%.40s])",
			 section);
		return 0;
	}
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (strcmp(name, roles[i].name) != 0)
			continue;
		state->is_set[i] = true;
		return style_parse(value, &state->theme->styles[i], why, sizeof(state->why)) == 0;
	}
	snprintf(why, sizeof(state->why), "\"%.40s\" is no role", name);
	return 0;
}

static void set_name(struct theme *theme, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t len = strcspn(base, ".");

	snprintf(theme->name, sizeof(theme->name), "%.*s", (int)(len < 31 ? len : 31), base);
}

int theme_parse(const char *text, const char *file, struct theme *ret, char *why, size_t why_size)
{
	struct theme theme = {.styles[ROLE_TEXT] = {COLOR_UNSET, COLOR_UNSET, 0}};
	struct parse_state state = {.theme = &theme};
	int line = ini_parse_string(text, parse_entry, &state);

	if (line != 0) {
		snprintf(why, why_size, "%s: line %d: %s", file, line > 0 ? line : 0,
			 state.why[0] ? state.why : "not \"role = colour\"");
		return -EINVAL;
	}
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!state.is_set[i])
			theme.styles[i] = theme.styles[ROLE_TEXT];
	}
	set_name(&theme, file);
	*ret = theme;
	return 0;
}

void theme_builtin(struct theme *ret)
{
	char why[128];

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "default");
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		/* A typo in roles.def is our bug; the unit test finds it. */
		if (style_parse(roles[i].style, &ret->styles[i], why, sizeof(why)) < 0)
			abort();
	}
}

void theme_builtin_mono(struct theme *ret)
{
	struct theme color;

	theme_builtin(&color);
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "mono");
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		ret->styles[i] =
			(struct style){COLOR_UNSET, COLOR_UNSET, color.styles[i].attributes};
		/* What had a background of its own must still stand out. */
		if (color.styles[i].background != COLOR_UNSET && i != ROLE_DIALOG && i != ROLE_OLD)
			ret->styles[i].attributes |= STYLE_REVERSE;
	}
	ret->styles[ROLE_DIALOG_TITLE].attributes = STYLE_BOLD;
	ret->styles[ROLE_DIALOG_ERROR].attributes = STYLE_BOLD;
	ret->styles[ROLE_NEW].attributes = STYLE_BOLD;
	ret->styles[ROLE_INPUT].attributes = STYLE_UNDERLINE;
}

/* A theme is our own configuration, not the host: it is read here and not through a host handle. */
static int read_theme(const char *path, struct theme *ret, char *why, size_t why_size)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *text = xcalloc(1, THEME_FILE_MAX + 1);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, THEME_FILE_MAX + 1);
	if (n < 0)
		return -errno;
	if (n > THEME_FILE_MAX || memchr(text, 0, (size_t)n)) {
		snprintf(why, why_size, "%s: no theme file (too large, or binary)", path);
		return -EINVAL;
	}
	text[n] = 0;
	return theme_parse(text, path, ret, why, why_size);
}

int theme_load(const char *config_dir, const char *name, struct theme *ret, char *why,
	       size_t why_size)
{
	const char *const dirs[] = {config_dir, JT_THEMEDIR};

	if (!name[0] || strchr(name, '/') || name[0] == '.') {
		snprintf(why, why_size, "\"%s\" is no name of a theme", name);
		return -EINVAL;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_(freep) char *path = NULL;
		int r;

		if (!dirs[i])
			continue;
		path = xasprintf("%s%s/%s.theme", dirs[i], i == 0 ? "/themes" : "", name);
		r = read_theme(path, ret, why, why_size);
		if (r == -EINVAL || r == 0)
			return r;
		/* setpriv and su without a dash leave the other user's HOME: as if none was there.
		 */
		if (r != -ENOENT && r != -ENOTDIR && r != -EACCES) {
			snprintf(why, why_size, "%s: %s", path, strerror(-r));
			return r;
		}
	}
	if (strcmp(name, "default") == 0 || strcmp(name, "mono") == 0) {
		if (name[0] == 'd')
			theme_builtin(ret);
		else
			theme_builtin_mono(ret);
		return 0;
	}
	snprintf(why, why_size, "there is no theme \"%s\" in %s%s%s", name,
		 config_dir ? config_dir : "", config_dir ? "/themes or " : "", JT_THEMEDIR);
	return -ENOENT;
}

/* Keeps in *best the smallest theme name of dir that is greater than after. */
static void scan_names(const char *dir, const char *after, char **best)
{
	DIR *d = opendir(dir);

	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		size_t len = strlen(e->d_name);

		if (len < 7 || strcmp(e->d_name + len - 6, ".theme") != 0 || e->d_name[0] == '.')
			continue;
		e->d_name[len - 6] = 0;
		if (strcmp(e->d_name, after) <= 0 || (*best && strcmp(e->d_name, *best) >= 0))
			continue;
		free(*best);
		*best = xstrdup(e->d_name);
	}
	(void)closedir(d);
}

char *theme_name_after(const char *config_dir, const char *name)
{
	_cleanup_(freep) char *own = config_dir ? xasprintf("%s/themes", config_dir) : NULL;
	char *best = NULL;

	if (own)
		scan_names(own, name, &best);
	scan_names(JT_THEMEDIR, name, &best);
	return best;
}

static int cube_level(int v)
{
	return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static void color_rgb(int color, int ret[3])
{
	static const uint32_t base[16] = {
		0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
		0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};
	static const int level[6] = {0, 95, 135, 175, 215, 255};
	uint32_t rgb;

	if (color & COLOR_RGB) {
		rgb = (uint32_t)color & 0xffffff;
	} else if (color < 16) {
		rgb = base[color];
	} else if (color < 232) {
		color -= 16;
		rgb = (uint32_t)(level[color / 36] << 16 | level[color / 6 % 6] << 8 |
				 level[color % 6]);
	} else {
		rgb = (uint32_t)(8 + (color - 232) * 10) * 0x010101;
	}
	ret[0] = (int)(rgb >> 16 & 255);
	ret[1] = (int)(rgb >> 8 & 255);
	ret[2] = (int)(rgb & 255);
}

/* Nearest of the first n basic colours by squared distance. */
static int nearest_basic(const int rgb[3], int n)
{
	int best = 0, best_distance = 1 << 30;

	for (int i = 0; i < n; i++) {
		int c[3], distance = 0;

		color_rgb(i, c);
		for (unsigned k = 0; k < 3; k++)
			distance += (c[k] - rgb[k]) * (c[k] - rgb[k]);
		if (distance < best_distance) {
			best_distance = distance;
			best = i;
		}
	}
	return best;
}

int color_degrade(int color, int n_colors)
{
	int rgb[3];

	if (color == COLOR_UNSET || n_colors < 8)
		return COLOR_UNSET;
	if (!(color & COLOR_RGB) && color < n_colors)
		return color;
	color_rgb(color, rgb);
	if (n_colors >= 256)
		return 16 + 36 * cube_level(rgb[0]) + 6 * cube_level(rgb[1]) + cube_level(rgb[2]);
	return nearest_basic(rgb, n_colors >= 16 ? 16 : 8);
}
