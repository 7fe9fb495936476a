/* text_sanitise(): what comes out is clean, fits, and is a prefix of what a larger buffer gets. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *in = size ? (const char *)data : "";
	size_t room = 10 * size + 1, small_room = size / 2 + 1; /* an escape is 10 bytes at most */
	_cleanup_(freep) char *out = xcalloc(1, room), *small = xcalloc(1, small_room);
	size_t n = text_sanitise(in, size, out, room);

	assert(n < room && n == strlen(out) && text_is_clean(out, n));
	for (size_t i = 0; i < n; i++)
		assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	assert(text_is_clean(in, size) == (n == size && !memcmp(in, out, n)));

	size_t n_small = text_sanitise(in, size, small, small_room);
	assert(n_small < small_room && !memcmp(small, out, n_small) && !small[n_small]);
	assert(text_is_clean(small, n_small));
	return 0;
}
