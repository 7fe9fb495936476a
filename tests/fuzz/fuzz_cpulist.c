/* cpuset_parse_list(): what is taken comes out canonical and is taken again as the same set. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpuset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[CPUSET_TEXT_MAX];
	_cleanup_(freep) char *in = xcalloc(1, size + 1);
	struct cpuset set, again;

	memcpy(in, data, size);
	int r = cpuset_parse_list(in, &set);
	assert(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0)
		return 0;

	int len = cpuset_format_list(&set, text, sizeof(text));
	assert(len >= 0 && (size_t)len == strlen(text));
	assert(cpuset_parse_list(text, &again) == 0 && cpuset_equal(&set, &again));
	return 0;
}
