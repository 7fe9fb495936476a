/* Messages of a QMP monitor: put together from lines, parsed, and told apart. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "probes/qmp_internal.h"

/* Only as deep as brackets go; whether they match is json_limits' business. */
static void count_brackets(struct qmp_assembly *a, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (a->is_escaped) {
			a->is_escaped = false;
		} else if (a->is_in_string) {
			a->is_escaped = c == '\\';
			a->is_in_string = c != '"';
		} else if (c == '"') {
			a->is_in_string = true;
		} else if (c == '{' || c == '[') {
			a->depth++;
		} else if ((c == '}' || c == ']') && a->depth) {
			a->depth--;
		}
	}
}

static void append(struct qmp_assembly *a, const char *line, size_t len)
{
	if (a->len + len + 2 > a->size) {
		a->size = 2 * a->size + len + 2;
		a->text = xrealloc(a->text, a->size);
	}
	memcpy(a->text + a->len, line, len);
	a->len += len;
	a->text[a->len++] = '\n';
	a->text[a->len] = '\0';
}

int qmp_assemble(struct qmp_assembly *a, const char *line, size_t len, const char **ret_text,
		 size_t *ret_len)
{
	bool is_first = a->depth == 0;
	size_t blank = strspn(line, " \t\r");

	if (is_first) {
		a->len = 0;
		if (blank >= len)
			return 0;
		if (line[blank] != '{')
			return -EBADMSG;
	}
	if (a->len + len > JSON_LIMIT_BYTES)
		return -EFBIG;
	count_brackets(a, line, len);
	/* JSON has no line break within a string. */
	if (a->is_in_string || a->is_escaped)
		return -EBADMSG;
	if (is_first && a->depth == 0) {
		*ret_text = line;
		*ret_len = len;
		return 1;
	}
	append(a, line, len);
	if (a->depth)
		return 0;
	*ret_text = a->text;
	*ret_len = a->len - 1;
	return 1;
}

static int read_error(struct qmp_message *message, struct json_object *error)
{
	if (!json_object_is_type(qmp_member(error, "class"), json_type_string))
		return -EPROTO;
	message->kind = QMP_ERROR;
	qmp_member_text(error, "class", message->error_class, sizeof(message->error_class));
	qmp_member_text(error, "desc", message->error_desc, sizeof(message->error_desc));
	return 0;
}

int qmp_message_parse(const char *text, size_t len, struct qmp_message *ret)
{
	struct json_object *error;
	int r;

	*ret = (struct qmp_message){0};
	r = json_limits_parse(text, len, &ret->root);
	if (r < 0)
		return r;
	if (!json_object_is_type(ret->root, json_type_object))
		return -EPROTO;
	qmp_member_text(ret->root, "id", ret->id, sizeof(ret->id));
	if (json_object_object_get_ex(ret->root, "error", &error))
		return read_error(ret, error);
	if (json_object_object_get_ex(ret->root, "return", &ret->value)) {
		ret->kind = QMP_RETURN;
		return 0;
	}
	if (json_object_object_get_ex(ret->root, "QMP", &ret->value)) {
		ret->kind = QMP_GREETING;
		return json_object_is_type(ret->value, json_type_object) ? 0 : -EPROTO;
	}
	ret->kind = QMP_EVENT;
	return json_object_is_type(qmp_member(ret->root, "event"), json_type_string) ? 0 : -EPROTO;
}

void qmp_message_done(struct qmp_message *message)
{
	(void)json_object_put(message->root);
	message->root = message->value = NULL;
}

/* --- values --- */

struct json_object *qmp_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, key, &value);
	return value;
}

struct qmp_number qmp_member_number(struct json_object *object, const char *key)
{
	struct json_object *value = qmp_member(object, key);
	uint64_t number =
		json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : 0;

	/* Nothing counts below zero, and json-c makes the largest number of all that are larger. */
	if (!json_object_is_type(value, json_type_int) || number == UINT64_MAX ||
	    (number == 0 && json_object_get_int64(value) < 0))
		return (struct qmp_number){0};
	return (struct qmp_number){.is_set = true, .value = number};
}

int qmp_member_u32(struct json_object *object, const char *key, uint32_t *ret)
{
	struct qmp_number number = qmp_member_number(object, key);

	if (!number.is_set || number.value > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)number.value;
	return 0;
}

int qmp_member_tid(struct json_object *object, const char *key, pid_t *ret)
{
	struct qmp_number number = qmp_member_number(object, key);

	if (!number.is_set || !number.value || number.value > INT32_MAX)
		return -ERANGE;
	*ret = (pid_t)number.value;
	return 0;
}

struct qmp_number qmp_member_bool(struct json_object *object, const char *key)
{
	struct json_object *value = qmp_member(object, key);

	return (struct qmp_number){
		.is_set = json_object_is_type(value, json_type_boolean),
		.value = json_object_is_type(value, json_type_boolean) &&
			 json_object_get_boolean(value),
	};
}

bool qmp_member_is_true(struct json_object *object, const char *key)
{
	return qmp_member_bool(object, key).value;
}

void qmp_member_text(struct json_object *object, const char *key, char *buf, size_t size)
{
	struct json_object *value = qmp_member(object, key);

	if (json_object_is_type(value, json_type_string))
		(void)snprintf(buf, size, "%s", json_object_get_string(value));
}

bool qmp_is_plain(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789/[]-._#:@";

	return *text && !text[strspn(text, plain)];
}

int qmp_read_list(struct json_object *value, size_t size, unsigned max,
		  int (*read)(void *item, struct json_object *from), void **ret_at, unsigned *ret_n,
		  bool *ret_is_cut)
{
	if (!json_object_is_type(value, json_type_array))
		return -EPROTO;

	size_t n = json_object_array_length(value);
	_cleanup_(freep) char *at = NULL;

	*ret_is_cut = n > max;
	n = n > max ? max : n;
	at = xcalloc(n ? n : 1, size);
	for (size_t i = 0; i < n; i++) {
		struct json_object *from = json_object_array_get_idx(value, i);
		int r = json_object_is_type(from, json_type_object) ? read(at + i * size, from)
								    : -EPROTO;

		if (r < 0)
			return r;
	}
	*ret_n = (unsigned)n;
	*ret_at = at;
	at = NULL;
	return 0;
}
