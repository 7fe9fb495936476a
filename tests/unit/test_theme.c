#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tui/theme.h"

static void test_style(void **state)
{
	struct style s;
	char why[128] = "";

	(void)state;
	assert_int_equal(style_parse("bright-red #102030 bold underline", &s, why, sizeof(why)), 0);
	assert_int_equal(s.foreground, 9);
	assert_int_equal(s.background, COLOR_RGB | 0x102030);
	assert_int_equal(s.attributes, STYLE_BOLD | STYLE_UNDERLINE);
	assert_int_equal(style_parse("255", &s, why, sizeof(why)), 0);
	assert_int_equal(s.foreground, 255);
	assert_int_equal(s.background, COLOR_UNSET);
	assert_int_equal(s.attributes, 0);
}

static void test_bad_styles(void **state)
{
	static const char *const bad[] = {"",	     "  ",	"256",	   "-1",    "#12345",
					  "#0x1234", "#12345g", "reddish", "1 2 3", "1 2 bolt"};
	struct style s = {7, 8, 9};
	char why[128];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		why[0] = 0;
		assert_int_equal(style_parse(bad[i], &s, why, sizeof(why)), -EINVAL);
		assert_true(why[0] != 0);
		assert_int_equal(s.foreground, 7); /* untouched */
	}
}

/* One line that says file, line number and what. */
static void test_broken_theme(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"# fine\ntext = 7\nheat.0 = purplish\n",
		 "x.theme: line 3: \"purplish\" is no colour (name, 0-255, #rrggbb, default)"},
		{"text = 7\nnosuchrole = 3\n", "x.theme: line 2: \"nosuchrole\" is no role"},
		{"text = 7\n\njunk\n", "x.theme: line 3: not \"role = colour\""},
		{"[colors]\ntext = 7\n",
		 "x.theme: line 2: sections are not used in themes ([colors])"},
		{"text =\n", "x.theme: line 1: no colour given"},
	};
	struct theme theme = {.name = "before"};
	char why[256];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(theme_parse(cases[i].text, "x.theme", &theme, why, sizeof(why)),
				 -EINVAL);
		assert_string_equal(why, cases[i].want);
		assert_string_equal(theme.name, "before");
	}
}

static void test_missing_roles_look_like_text(void **state)
{
	struct theme theme;
	char why[256];

	(void)state;
	assert_int_equal(
		theme_parse("title = 3\ntext = 5 6\n", "dir/some.theme", &theme, why, sizeof(why)),
		0);
	assert_string_equal(theme.name, "some");
	assert_int_equal(theme.styles[ROLE_TITLE].foreground, 3);
	assert_int_equal(theme.styles[ROLE_HEAT_3].foreground, 5);
	assert_int_equal(theme.styles[ROLE_HEAT_3].background, 6);
}

static char *source_theme(const char *name)
{
	const char *dir = getenv("JT_SRCDIR");
	_cleanup_(freep) char *path = xasprintf("%s/themes/%s.theme", dir ? dir : ".", name);
	char *text = xcalloc(1, 65536);
	FILE *f = fopen(path, "re");

	if (!f) {
		free(text);
		return NULL;
	}
	(void)!fread(text, 1, 65535, f);
	(void)fclose(f);
	return text;
}

static void compare_with_builtin(const char *name, void (*builtin)(struct theme *))
{
	_cleanup_(freep) char *text = source_theme(name);
	struct theme file, compiled;
	char why[256] = "";

	if (!text) {
		print_message("skip: themes/ not found (JT_SRCDIR names the source tree)\n");
		skip();
	}
	if (theme_parse(text, name, &file, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	builtin(&compiled);
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const struct style *a = &file.styles[i], *b = &compiled.styles[i];

		if (a->foreground != b->foreground || a->background != b->background ||
		    a->attributes != b->attributes)
			fail_msg("%s.theme and the built-in one differ in %s", name,
				 role_name((enum role)i));
	}
}

static void test_default_theme_is_the_builtin(void **state)
{
	(void)state;
	compare_with_builtin("default", theme_builtin);
}

static void test_mono_theme_is_the_builtin(void **state)
{
	(void)state;
	compare_with_builtin("mono", theme_builtin_mono);
}

static void test_load(void **state)
{
	char dir[] = "/tmp/jt-theme-XXXXXX", why[256] = "";
	_cleanup_(freep) char *themes = NULL, *file = NULL, *next = NULL;
	struct theme theme;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	themes = xasprintf("%s/themes", dir);
	file = xasprintf("%s/zz-mine.theme", themes);
	assert_int_equal(mkdir(themes, 0700), 0);
	f = fopen(file, "we");
	assert_non_null(f);
	(void)fputs("text = 3\n", f);
	(void)fclose(f);
	assert_int_equal(theme_load(dir, "zz-mine", &theme, why, sizeof(why)), 0);
	assert_int_equal(theme.styles[ROLE_TEXT].foreground, 3);
	next = theme_name_after(dir, "mono");
	assert_non_null(next);
	assert_true(strcmp(next, "mono") > 0);
	assert_int_equal(theme_load(dir, "zz-other", &theme, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "zz-other"));
	assert_int_equal(theme_load(dir, "../x", &theme, why, sizeof(why)), -EINVAL);
	(void)unlink(file);
	(void)rmdir(themes);
	(void)rmdir(dir);
	/* These two never depend on files. */
	assert_int_equal(theme_load("/nonexistent", "default", &theme, why, sizeof(why)), 0);
	assert_int_equal(theme_load("/nonexistent", "mono", &theme, why, sizeof(why)), 0);
}

static void test_degrade(void **state)
{
	(void)state;
	assert_int_equal(color_degrade(COLOR_UNSET, 256), COLOR_UNSET);
	assert_int_equal(color_degrade(200, 256), 200);
	assert_int_equal(color_degrade(COLOR_RGB | 0xff0000, 256), 196);
	assert_int_equal(color_degrade(COLOR_RGB | 0xff0000, 16), 9);
	assert_int_equal(color_degrade(196, 8), 1);
	assert_int_equal(color_degrade(231, 8), 7);
	assert_int_equal(color_degrade(3, 2), COLOR_UNSET);
	for (int c = 0; c < 256; c++) {
		assert_in_range(color_degrade(c, 8), 0, 7);
		assert_in_range(color_degrade(c, 16), 0, 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_style),
		cmocka_unit_test(test_bad_styles),
		cmocka_unit_test(test_broken_theme),
		cmocka_unit_test(test_missing_roles_look_like_text),
		cmocka_unit_test(test_default_theme_is_the_builtin),
		cmocka_unit_test(test_mono_theme_is_the_builtin),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_degrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
