#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void test_natural_compare(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
		{"cpu2", "cpu10", -1},
		{"cpu:2", "cpu:10", -1},
		{"cpu10", "cpu10", 0},
		{"", "", 0},
		{"", "a", -1},
		{"a", "a0", -1},
		{"a1b2", "a1b10", -1},
		{"a2b1", "a10b0", -1},
		{"9", "10", -1},
		{"0", "00", -1}, /* equal as numbers, different as names: still an order */
		{"a01", "a1", -1},
		{"a01b", "a1c", -1},
		{"99999999999999999999998", "99999999999999999999999", -1},
		{"irq", "irq1", -1},
		{"\xff", "a", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int forth = natural_compare(cases[i].a, cases[i].b);
		int back = natural_compare(cases[i].b, cases[i].a);

		if (sign(forth) != cases[i].order || sign(back) != -cases[i].order)
			fail_msg("'%s' against '%s': %d and back %d", cases[i].a, cases[i].b, forth,
				 back);
	}
}

static void test_errno_classes(void **state)
{
	(void)state;
	assert_true(errno_is_absent(ENOENT));
	assert_true(errno_is_absent(ENODEV));
	assert_true(errno_is_absent(EOPNOTSUPP));
	assert_false(errno_is_absent(EIO));
	assert_false(errno_is_absent(EACCES));
	assert_false(errno_is_absent(-ENOENT));
	assert_true(errno_is_denied(EACCES));
	assert_true(errno_is_denied(EPERM));
	assert_false(errno_is_denied(EROFS));
	assert_false(errno_is_denied(0));
}

static void test_alloc(void **state)
{
	(void)state;

	_cleanup_(freep) char *zeroed = xcalloc(3, 7);
	for (size_t i = 0; i < 21; i++)
		assert_int_equal(zeroed[i], 0);
	_cleanup_(freep) char *nothing = xcalloc(0, 0);
	assert_non_null(nothing);
	zeroed = xrealloc(zeroed, 100);
	_cleanup_(freep) char *text = xasprintf("%s-%d", "irq", 41);
	assert_string_equal(text, "irq-41");
	_cleanup_(freep) char *copy = xstrdup(text);
	assert_string_equal(copy, text);
	assert_ptr_not_equal(copy, text);
}

static void test_fd_closep(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1;

	(void)state;
	assert_true(fd >= 0);
	errno = EXDEV;
	fd_closep(&none);
	fd_closep(&fd);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	errno = EXDEV;
	fd_closep(&fd); /* fails with EBADF inside */
	assert_int_equal(errno, EXDEV);
}

/* The published test vectors of FNV-1a. */
static void test_text_hash(void **state)
{
	(void)state;
	assert_true(text_hash("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(text_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(text_hash("foobarx", 6) == UINT64_C(0x85944171f73967e8));
	assert_true(text_hash("\xff", 1) != text_hash("\x7f", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_natural_compare), cmocka_unit_test(test_errno_classes),
		cmocka_unit_test(test_alloc),		cmocka_unit_test(test_fd_closep),
		cmocka_unit_test(test_text_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
