#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_limits.h"

static int parse(const char *text)
{
	struct json_object *json = NULL;
	int r = json_limits_parse(text, strlen(text), &json);

	(void)json_object_put(json);
	return r;
}

/* piece, repeated n times, between two texts. */
static char *repeat(const char *first, const char *piece, size_t n, const char *last)
{
	size_t len = strlen(piece);
	char *text = xcalloc(1, strlen(first) + n * len + strlen(last) + 1);
	char *at = text;

	memcpy(at, first, strlen(first));
	at += strlen(first);
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(at, piece, len);
	memcpy(at, last, strlen(last));
	return text;
}

static void good_messages_are_parsed(void **state)
{
	static const char text[] = "{\"/ethdev/list\": [0, 1], \"n\": 18446744073709551615, "
				   "\"t\": \"a \\\"] \\\\\", \"x\": {\"y\": null}}\n";
	struct json_object *json = NULL, *value = NULL;

	(void)state;
	assert_int_equal(json_limits_parse(text, sizeof(text) - 1, &json), 0);
	assert_true(json_object_object_get_ex(json, "n", &value));
	assert_true(json_object_get_uint64(value) == UINT64_MAX);
	assert_true(json_object_object_get_ex(json, "t", &value));
	assert_string_equal(json_object_get_string(value), "a \"] \\");
	(void)json_object_put(json);
	/* With the NUL of the peer's string. */
	json = NULL;
	assert_int_equal(json_limits_parse(text, sizeof(text), &json), 0);
	(void)json_object_put(json);
	assert_int_equal(parse("[]"), 0);
	assert_int_equal(parse("7"), 0);
	assert_int_equal(parse("-7"), 0);
	assert_int_equal(parse("null"), 0);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"\n",
		"{",
		"}",
		"[}",
		"{\"a\":1",
		"\"open",
		"[1] [2]",
		"{} junk",
		"[1,]",
		"{\"a\":}",
		"{\"a\" 1}",
		"/**/[]",
		"[/*]*/1]",
		"{'a': 1}",
		"nul",
		"\"a\\",
		"{\"a\":\\1}",
		"[\"a\"\"",
		"\x1b[2J",
		"HTTP/1.1 200 OK",
		"--",
		"[NaN,]",
		"[1/*\"*/,{},\"]",
		"[1'\"',\"]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i]), -EBADMSG);
	assert_int_equal(json_limits_check("[\0]", 3), -EBADMSG);
	assert_string_equal(json_limits_reason(-EBADMSG), "no JSON");
}

static void limits_hold_exactly(void **state)
{
	(void)state;

	/* Tokens: the array and its members. */
	_cleanup_(freep) char *most = repeat("[0", ",0", JSON_LIMIT_TOKENS - 2, "]");
	_cleanup_(freep) char *more = repeat("[0", ",0", JSON_LIMIT_TOKENS - 1, "]");

	assert_int_equal(parse(most), 0);
	assert_int_equal(parse(more), -E2BIG);

	_cleanup_(freep) char *deep = repeat("", "[", JSON_LIMIT_DEPTH, "]]]]]]]]]]]]]]]]");
	_cleanup_(freep) char *deeper = repeat("[", "[", JSON_LIMIT_DEPTH, "]]]]]]]]]]]]]]]]]");

	assert_int_equal(parse(deep), 0);
	assert_int_equal(parse(deeper), -ELOOP);

	_cleanup_(freep) char *long_text = repeat("\"", "a", JSON_LIMIT_BYTES - 2, "\"");
	_cleanup_(freep) char *longer = repeat("\"", "a", JSON_LIMIT_BYTES - 1, "\"");

	assert_int_equal(parse(long_text), 0);
	assert_int_equal(parse(longer), -EFBIG);
}

/* What the limits are for: the largest number of objects that passes stays small. */
static void memory_is_bounded(void **state)
{
	_cleanup_(freep) char *bomb = repeat("[{}", ",{}", 1 << 18, "]");
	_cleanup_(freep) char *fits = repeat("[{}", ",{}", JSON_LIMIT_TOKENS - 2, "]");
	struct json_object *json = NULL;

	(void)state;
	assert_int_equal(json_limits_check(bomb, strlen(bomb)), -EFBIG);
	bomb[JSON_LIMIT_BYTES - 1] = '\0';
	assert_int_equal(json_limits_check(bomb, strlen(bomb)), -E2BIG);
	assert_int_equal(json_limits_parse(fits, strlen(fits), &json), 0);
	assert_int_equal(json_object_array_length(json), JSON_LIMIT_TOKENS - 1);
	(void)json_object_put(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_messages_are_parsed),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(limits_hold_exactly),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
