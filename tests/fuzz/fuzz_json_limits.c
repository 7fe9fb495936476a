/* JSON of peers: what passes the count is small for json-c, and what json-c takes is one value. */
#include <assert.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/json_limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned depth_of(struct json_object *json)
{
	unsigned deepest = 0, depth;

	if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value)
		{
			(void)key;
			depth = depth_of(value);
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	if (!json_object_is_type(json, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(json); i++) {
		depth = depth_of(json_object_array_get_idx(json, i));
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *json = NULL;
	int r = json_limits_parse((const char *)data, size, &json);

	assert(r == 0 || json_limits_reason(r));
	if (r == 0)
		assert(depth_of(json) <= JSON_LIMIT_DEPTH);
	(void)json_object_put(json);
	return 0;
}
