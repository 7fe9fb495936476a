/*
 * Option values of QEMU's command line (util/qemu-option.c, util/keyval.c): key=value with commas
 * between, or JSON since 6.0.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "core/parse.h"
#include "probes/vm_internal.h"

static void add(struct vm_options *options, const char *key, size_t key_len, const char *value)
{
	if (options->n == VM_PAIRS_MAX)
		return;

	struct vm_pair *pair = &options->at[options->n++];

	pair->key = xasprintf("%.*s", (int)key_len, key);
	pair->value = xstrdup(value);
}

/* Copies up to the comma that ends it into value; returns behind that comma, or the end. */
static const char *cut_value(const char *at, char *value)
{
	for (; *at; at++) {
		if (*at == ',' && at[1] != ',')
			break;
		at += *at == ',';
		*value++ = *at;
	}
	*value = '\0';
	return *at ? at + 1 : at;
}

static void read_words(const char *text, const char *first, struct vm_options *ret)
{
	_cleanup_(freep) char *value = xcalloc(1, strlen(text) + 1);
	const char *at = text;

	while (*at) {
		size_t key_len = strcspn(at, "=,");
		bool is_alone = at[key_len] != '=';

		if (is_alone && at == text && first) {
			at = cut_value(at, value);
			add(ret, first, strlen(first), value);
		} else if (is_alone) {
			bool is_no = !strncmp(at, "no", 2) && key_len > 2;

			add(ret, at + 2 * is_no, key_len - 2 * is_no, is_no ? "off" : "on");
			at += key_len + (at[key_len] == ',');
		} else {
			const char *key = at;

			at = cut_value(at + key_len + 1, value);
			add(ret, key, key_len, value);
		}
	}
}

/* "file": {"driver": "file"} is file.driver=file. Lists do not matter to us. */
static void flatten(struct json_object *object, const char *prefix, struct vm_options *ret)
{
	json_object_object_foreach(object, name, value)
	{
		_cleanup_(freep) char *key = xasprintf("%s%s", prefix, name);

		switch (json_object_get_type(value)) {
		case json_type_object: {
			_cleanup_(freep) char *deeper = xasprintf("%s.", key);

			flatten(value, deeper, ret);
			break;
		}
		case json_type_boolean:
			add(ret, key, strlen(key), json_object_get_boolean(value) ? "on" : "off");
			break;
		case json_type_array: /* host-nodes: [0] */
		case json_type_null:
		case json_type_double:
		case json_type_int:
		case json_type_string:
			add(ret, key, strlen(key), json_object_get_string(value));
			break;
		}
	}
}

void vm_options_read(const char *text, const char *first, struct vm_options *ret)
{
	struct json_object *object = NULL;

	ret->n = 0;
	if (*text != '{') {
		read_words(text, first, ret);
		return;
	}
	if (json_limits_parse(text, strlen(text), &object) < 0)
		return;
	if (json_object_is_type(object, json_type_object))
		flatten(object, "", ret);
	json_object_put(object);
}

void vm_options_done(struct vm_options *options)
{
	for (unsigned i = 0; i < options->n; i++) {
		free(options->at[i].key);
		free(options->at[i].value);
	}
	options->n = 0;
}

/* The last one counts, as in QEMU. */
const char *vm_option(const struct vm_options *options, const char *key)
{
	for (unsigned i = options->n; i-- > 0;) {
		if (!strcmp(options->at[i].key, key))
			return options->at[i].value;
	}
	return NULL;
}

/* A letter's power of 1024; -1: no unit. */
static int power_of(char unit)
{
	static const char letters[] = "bkmgtpe";
	const char *at = unit ? strchr(letters, unit | 0x20) : NULL;

	return at ? (int)(at - letters) : -1;
}

bool vm_option_size(const char *text, uint64_t unit_bytes, uint64_t *ret)
{
	char number[32];
	size_t len = strspn(text, "0123456789.");
	double value;

	if (!len || len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	if (parse_f64(number, &value) < 0)
		return false;
	text += len;
	if (*text) {
		int power = power_of(*text);

		/* "16GiB" is not QEMU's, "16GB" neither: only the letter. */
		if (power < 0 || text[1])
			return false;
		unit_bytes = UINT64_C(1) << (10 * power);
	}
	value *= (double)unit_bytes;
	if (value >= 9.0e18)
		return false;
	*ret = (uint64_t)value;
	return true;
}
