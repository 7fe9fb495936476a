/* theme_parse(): any text gives a whole theme or one line of why, never half of either. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/theme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xcalloc(1, size + 1);
	struct theme theme = {.name = "untouched"};
	char why[256] = "";

	memcpy(text, data, size);
	int r = theme_parse(text, "fuzz.theme", &theme, why, sizeof(why));
	assert(r == 0 || r == -EINVAL);
	if (r < 0) {
		assert(strcmp(theme.name, "untouched") == 0);
		assert(strncmp(why, "fuzz.theme: line ", 17) == 0);
		return 0;
	}
	assert(strcmp(theme.name, "fuzz") == 0);
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		int colors[] = {theme.styles[i].foreground, theme.styles[i].background};

		for (unsigned k = 0; k < 2; k++) {
			int c = color_degrade(colors[k], 256);

			assert(c == COLOR_UNSET || (c >= 0 && c < 256));
		}
	}
	return 0;
}
