#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"

static int is_zero(const unsigned char *p, size_t n)
{
	while (n--) {
		if (*p++)
			return 0;
	}
	return 1;
}

static void test_aligned_zeroed_apart(void **state)
{
	struct arena *arena = arena_new(256);
	unsigned char *last = NULL;

	(void)state;
	for (size_t bytes = 1; bytes < 600; bytes++) {
		unsigned char *p = arena_alloc(arena, bytes);

		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(is_zero(p, bytes));
		assert_ptr_not_equal(p, last);
		memset(p, 0xa5, bytes);
		last = p;
	}
	arena_free(arena);
	arena_free(NULL);
}

/* What one allocation holds does not change when others are made. */
static void test_contents_stay(void **state)
{
	struct arena *arena = arena_new(128);
	char *texts[300];

	(void)state;
	for (int i = 0; i < 300; i++)
		texts[i] = arena_printf(arena, "text %d of %d", i, 300);
	for (int i = 0; i < 300; i++) {
		_cleanup_(freep) char *expected = xasprintf("text %d of %d", i, 300);
		assert_string_equal(texts[i], expected);
	}
	arena_free(arena);
}

static void test_strings(void **state)
{
	struct arena *arena = arena_new(0);
	char long_text[2000];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strdup(arena, "abc"), "abc");
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(arena, "ab", 10), "ab");
	/* Longer than the buffer that arena_printf() tries first. */
	assert_string_equal(arena_printf(arena, "%s", long_text), long_text);
	assert_string_equal(arena_printf(arena, "%.255s", long_text), long_text + 2000 - 256);
	assert_string_equal(arena_printf(arena, "%.256s", long_text), long_text + 2000 - 257);
	arena_free(arena);
}

/* Reset gives zeroed memory again, and the same chunks: use does not grow from round to round. */
static void test_reset(void **state)
{
	struct arena *arena = arena_new(1024);
	void *first = NULL, *big = NULL;

	(void)state;
	assert_int_equal(arena_used_bytes(arena), 0);
	for (int round = 0; round < 50; round++) {
		unsigned char *p = arena_alloc(arena, 100);
		unsigned char *q = arena_alloc(arena, 5000);

		if (!round) {
			first = p;
			big = q;
		}
		assert_ptr_equal(p, first);
		assert_ptr_equal(q, big);
		assert_true(is_zero(p, 100) && is_zero(q, 5000));
		memset(p, 0xff, 100);
		memset(q, 0xff, 5000);
		assert_true(arena_used_bytes(arena) >= 5100);
		arena_reset(arena);
		assert_int_equal(arena_used_bytes(arena), 0);
	}
	arena_free(arena);
}

/* After a reset a chunk that is too small for the first request is passed over, not lost. */
static void test_reset_small_chunk_first(void **state)
{
	struct arena *arena = arena_new(64);

	(void)state;
	for (int round = 0; round < 20; round++) {
		unsigned char *small = arena_alloc(arena, 48), *large = arena_alloc(arena, 400);

		memset(small, 1, 48);
		memset(large, 2, 400);
		assert_int_equal(small[47], 1);
		arena_reset(arena);
		large = arena_alloc(arena, 400);
		small = arena_alloc(arena, 48);
		assert_true(is_zero(large, 400) && is_zero(small, 48));
		arena_reset(arena);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned_zeroed_apart),
		cmocka_unit_test(test_contents_stay),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_small_chunk_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
