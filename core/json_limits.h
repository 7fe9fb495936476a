/*
 * JSON from peers that may be hostile (DPDK telemetry, QMP, engines): counted before json-c sees
 * it. json-c turns 1 MiB of "{}," into 266 MiB of objects, so a message has a limit in bytes, in
 * tokens (values, keys and the brackets that open) and in depth.
 *
 * json_limits_parse() is the only way in which such text becomes a json_object; the caller owns it
 * and calls json_object_put(). Text that says one key twice keeps the last. Errors: -EFBIG too many
 * bytes, -E2BIG too many tokens, -ELOOP too deep, -EBADMSG no JSON (or more than one value);
 * json_limits_reason() puts them into words.
 */
#ifndef JT_CORE_JSON_LIMITS_H
#define JT_CORE_JSON_LIMITS_H

#include "core/util.h"

struct json_object;

#define JSON_LIMIT_BYTES ((size_t)256 * 1024)
#define JSON_LIMIT_TOKENS 20000u
#define JSON_LIMIT_DEPTH 16u

/* Counts only: 0 when text is within the limits and its brackets match. */
int json_limits_check(const char *text, size_t len) _must_check_;
/* NUL bytes at the end are not counted as text: some peers send their string's. */
int json_limits_parse(const char *text, size_t len, struct json_object **ret) _must_check_;
/* err: negative. "JSON that is nested too deeply". */
const char *json_limits_reason(int err);

#endif
