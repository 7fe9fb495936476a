/* The number, duration, key-value and line parsers: outputs stay untouched on failure, and the
 * cursor always gets to the end of the text without going past it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK UINT64_C(0x5a5a5a5a5a5a5a5a)

static void check_u64(int (*parse)(const char *text, uint64_t *ret), const char *in)
{
	uint64_t n = MARK;
	int r = parse(in, &n);

	assert(r == 0 || ((r == -EINVAL || r == -ERANGE) && n == MARK));
}

static void check_numbers(const char *in)
{
	int64_t i = 42;
	double d = 42;

	check_u64(parse_u64, in);
	check_u64(parse_hex_u64, in);
	check_u64(parse_duration_ns, in);
	if (parse_i64(in, &i) < 0)
		assert(i == 42);
	if (parse_f64(in, &d) < 0)
		assert(d == 42);
	else
		assert(d == d && d < 1e20 && d > -1e20);
}

static void check_lines(const char *in, size_t len)
{
	struct scan scan = {.at = in};
	size_t n_lines = 0;

	do {
		const char *word, *before = scan.at;
		size_t word_len;
		uint64_t n = MARK;
		int r;

		while ((r = scan_u64(&scan, &n)) != -ENODATA) {
			if (r < 0 && scan_word(&scan, &word, &word_len) < 0)
				break;
			assert(r == 0 || (word_len && word + word_len <= in + len));
			assert(scan.at > before && scan.at <= in + len);
			before = scan.at;
		}
		assert(!*scan.at || *scan.at == '\n');
		n_lines++;
	} while (scan_next_line(&scan));
	assert(n_lines <= len + 1 && scan.at == in + len);
}

static void check_pairs(const uint8_t *data, size_t size)
{
	/* Not NUL-terminated: exactly size bytes may be looked at. */
	const char *line = (const char *)data;
	struct key_value kv;
	uint64_t bytes = MARK;

	if (parse_key_value(line, size, ':', &kv) == 0) {
		assert(kv.key_len && kv.key >= line && kv.key + kv.key_len <= line + size);
		assert(kv.value >= line && kv.value + kv.value_len <= line + size);
	}
	if (parse_kb(line, size, &bytes) < 0)
		assert(bytes == MARK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *in = xcalloc(1, size + 1);

	if (size)
		memcpy(in, data, size);
	check_numbers(in);
	check_lines(in, strlen(in));
	if (size)
		check_pairs(data, size);
	return 0;
}
