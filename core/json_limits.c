#include "core/json_limits.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

struct counter {
	const char *text;
	size_t len, at;
	unsigned tokens, depth;
	char open[JSON_LIMIT_DEPTH]; /* the bracket that closes each level */
};

/* Past the closing quote. */
static int skip_string(struct counter *counter)
{
	for (size_t i = counter->at + 1; i < counter->len; i++) {
		if (counter->text[i] == '\\') {
			i++;
		} else if (counter->text[i] == '"') {
			counter->at = i + 1;
			return 0;
		}
	}
	return -EBADMSG;
}

/* A number, true, false, null, or junk that json-c will refuse: up to what may follow it. */
static void skip_word(struct counter *counter)
{
	while (counter->at < counter->len &&
	       !strchr(" \t\r\n,:[]{}\"'/", counter->text[counter->at]))
		counter->at++;
}

static int open_level(struct counter *counter, char closing)
{
	if (counter->depth == JSON_LIMIT_DEPTH)
		return -ELOOP;
	counter->open[counter->depth++] = closing;
	counter->at++;
	return 0;
}

static int close_level(struct counter *counter, char closing)
{
	if (!counter->depth || counter->open[--counter->depth] != closing)
		return -EBADMSG;
	counter->at++;
	return 0;
}

static int count_token(struct counter *counter)
{
	return ++counter->tokens > JSON_LIMIT_TOKENS ? -E2BIG : 0;
}

/* Comments and single quotes, which json-c can take, would hide brackets or quotes from the count:
 * refused here, wherever they stand outside a string. */
static int step(struct counter *counter)
{
	int r;

	switch (counter->text[counter->at]) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case ',':
	case ':':
		counter->at++;
		return 0;
	case ']':
	case '}':
		return close_level(counter, counter->text[counter->at]);
	case '/':
	case '\'':
	case '\0':
		return -EBADMSG;
	}
	r = count_token(counter);
	if (r < 0)
		return r;
	switch (counter->text[counter->at]) {
	case '"':
		return skip_string(counter);
	case '[':
		return open_level(counter, ']');
	case '{':
		return open_level(counter, '}');
	}
	skip_word(counter);
	return 0;
}

int json_limits_check(const char *text, size_t len)
{
	struct counter counter = {.text = text, .len = len};

	if (len > JSON_LIMIT_BYTES)
		return -EFBIG;
	while (counter.at < len) {
		int r = step(&counter);

		if (r < 0)
			return r;
	}
	return counter.depth || !counter.tokens ? -EBADMSG : 0;
}

static void free_tokener(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

int json_limits_parse(const char *text, size_t len, struct json_object **ret)
{
	while (len && !text[len - 1])
		len--;

	int r = json_limits_check(text, len);

	if (r < 0)
		return r;

	/* One more than we allow: a scalar at the deepest level is a level of json-c's. */
	_cleanup_(free_tokener) struct json_tokener *tokener =
		json_tokener_new_ex((int)JSON_LIMIT_DEPTH + 1);

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);

	struct json_object *object = json_tokener_parse_ex(tokener, text, (int)len);

	/* A number at the very end is over only when something follows. */
	if (!object && json_tokener_get_error(tokener) == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "\n", 1);
		if (json_tokener_get_error(tokener) != json_tokener_success) {
			(void)json_object_put(object);
			return -EBADMSG;
		}
	} else if (json_tokener_get_error(tokener) != json_tokener_success ||
		   json_tokener_get_parse_end(tokener) < len) {
		(void)json_object_put(object);
		return -EBADMSG;
	}
	*ret = object;
	return 0;
}

const char *json_limits_reason(int err)
{
	switch (-err) {
	case EFBIG:
		return "JSON that is longer than allowed";
	case E2BIG:
		return "JSON of too many parts";
	case ELOOP:
		return "JSON that is nested too deeply";
	case EBADMSG:
		return "no JSON";
	}
	return strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error";
}
