#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/surface.h"
#include "tui/widget.h"

static void expect_row(const struct surface *surface, int y, const char *want)
{
	_cleanup_(freep) char *row = surface_row_text(surface, y);

	assert_string_equal(row, want);
}

static void test_clipping(void **state)
{
	struct surface s;
	struct pane all, part;

	(void)state;
	surface_init(&s, 10, 3, false);
	all = surface_pane(&s);
	part = pane_sub(&all, 3, 1, 4, 1);
	assert_int_equal(pane_text(&part, -2, 0, ROLE_TEXT, "abcdefgh"), 6);
	expect_row(&s, 0, "");
	expect_row(&s, 1, "   cdef");
	expect_row(&s, 2, "");
	pane_put(&part, 0, 1, 'x', ROLE_TEXT);
	pane_put(&part, 4, 0, 'x', ROLE_TEXT);
	pane_put(&all, 10, 2, 'x', ROLE_TEXT);
	pane_put(&all, 0, 3, 'x', ROLE_TEXT);
	expect_row(&s, 2, "");
	/* Panes never leave their parent. */
	part = pane_sub(&part, 2, 0, 100, 100);
	assert_int_equal(part.width, 2);
	assert_int_equal(part.height, 1);
	part = pane_sub(&all, 50, 50, 5, 5);
	assert_int_equal(part.width, 0);
	part = pane_sub(&all, 2, 1, -1, -1);
	assert_int_equal(part.width, 8);
	assert_int_equal(part.height, 2);
	surface_done(&s);
}

/* Whatever came in: no control, no zero-width and no invalid byte reaches a cell. */
static void test_hostile_text(void **state)
{
	struct surface s;
	struct pane all;

	(void)state;
	surface_init(&s, 40, 1, false);
	all = surface_pane(&s);
	(void)pane_text(&all, 0, 0, ROLE_TEXT,
			"a\033[2Jb\nc\r\x7f"
			"d\xff"
			"e\xe2\x80\xae"
			"f\xcc\x81"
			"g\xc2\x9bh\xc0\xaf");
	expect_row(&s, 0, "a?[2Jb?c??d?e?f?g?h??");
	surface_done(&s);
}

static void test_wide_characters(void **state)
{
	struct surface s;
	struct pane all;

	(void)state;
	surface_init(&s, 5, 1, false);
	all = surface_pane(&s);
	assert_int_equal(pane_text(&all, 0, 0, ROLE_TEXT, "\xe6\xbc\xa2\xe5\xad\x97"), 4);
	expect_row(&s, 0, "\xe6\xbc\xa2\xe5\xad\x97");
	/* Half of one overwritten: the other half goes too. */
	pane_put(&all, 1, 0, 'x', ROLE_TEXT);
	expect_row(&s, 0, " x\xe5\xad\x97");
	/* No room for the right half at the edge. */
	(void)pane_text(&all, 4, 0, ROLE_TEXT, "\xe6\xbc\xa2");
	assert_int_equal(s.cells[4].character, ' ');
	surface_done(&s);
}

static void test_ellipsis_and_alignment(void **state)
{
	struct surface s;
	struct pane all;

	(void)state;
	surface_init(&s, 12, 3, true);
	all = surface_pane(&s);
	pane_text_in(&all, 0, 0, 6, ROLE_TEXT, "abcdefgh");
	pane_text_in(&all, 0, 1, 8, ROLE_TEXT, "abcdefgh");
	pane_text_right(&all, 0, 2, 8, ROLE_TEXT, "abc");
	expect_row(&s, 0, "abcde~");
	expect_row(&s, 1, "abcdefgh");
	expect_row(&s, 2, "     abc");
	surface_done(&s);
}

static void test_ascii(void **state)
{
	struct surface s;
	struct pane all;
	const float points[] = {0, 50, 100};

	(void)state;
	surface_init(&s, 20, 2, true);
	all = surface_pane(&s);
	(void)pane_text(&all, 0, 0, ROLE_TEXT, "\xe2\x94\x80\xe2\x94\x82\xe2\x94\x8c\xc3\xa9");
	expect_row(&s, 0, "-|+?");
	widget_spark(&all, 0, 1, 3, points, 3, 0, NULL);
	for (int i = 0; i < 40; i++)
		assert_true(s.cells[i].character >= 0x20 && s.cells[i].character < 0x7f);
	surface_done(&s);
}

static void test_bar(void **state)
{
	const struct bar_part parts[] = {{0.5, ROLE_BAR_USER, '|'}, {0.25, ROLE_BAR_IRQ, 'i'}};
	const struct bar_part odd[] = {{__builtin_nan(""), ROLE_BAR_USER, '|'},
				       {-1, ROLE_BAR_IRQ, 'i'},
				       {7, ROLE_BAR_STEAL, '!'}};
	struct surface s;
	struct pane all;

	(void)state;
	surface_init(&s, 10, 2, false);
	all = surface_pane(&s);
	widget_bar(&all, 0, 0, 10, parts, ARRAY_SIZE(parts));
	expect_row(&s, 0, "[||||ii  ]");
	widget_bar(&all, 0, 1, 10, odd, ARRAY_SIZE(odd));
	expect_row(&s, 1, "[!!!!!!!!]");
	surface_done(&s);
}

static void test_equal(void **state)
{
	struct surface a, b;
	struct pane pane;

	(void)state;
	surface_init(&a, 4, 2, false);
	surface_init(&b, 4, 2, false);
	pane = surface_pane(&b);
	assert_true(surface_equal(&a, &b));
	pane_put(&pane, 1, 1, ' ', ROLE_ERROR);
	assert_false(surface_equal(&a, &b));
	surface_resize(&b, 2, 4);
	assert_false(surface_equal(&a, &b));
	surface_done(&a);
	surface_done(&b);
}

static void test_utf8(void **state)
{
	static const uint32_t good[] = {0x24,  0xa2,  0x20ac, 0x10348,
					0x7ff, 0x800, 0xffff, 0x10ffff};
	static const char *const bad[] = {"\x80",	  "\xc1\x81",	      "\xe0\x80\x80",
					  "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
					  "\xe2\x82",	  "\xf0\x9f"};
	char buf[5];
	uint32_t c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		unsigned n = utf8_encode(good[i], buf);

		assert_int_equal(utf8_decode(buf, &c), n);
		assert_int_equal(c, good[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(utf8_decode(bad[i], &c), 1);
		assert_int_equal(c, 0xfffd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clipping),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_wide_characters),
		cmocka_unit_test(test_ellipsis_and_alignment),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_utf8),
	};

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
