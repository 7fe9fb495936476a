/* Paths as text: checking what callers ask for, following links by hand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_internal.h"

bool host_is_safe_path(const char *path)
{
	if (!*path || *path == '/' || strlen(path) >= HOST_PATH_MAX)
		return false;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return false;
		path += len;
		path += *path == '/';
	}
	return true;
}

int host_vpath(char *path, const char *fmt, va_list ap)
{
	int len = vsnprintf(path, HOST_PATH_MAX, fmt, ap);

	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= HOST_PATH_MAX)
		return -ENAMETOOLONG;
	return host_is_safe_path(path) ? 0 : -EINVAL;
}

/* Appends the parts of text to path (out bytes long, HOST_PATH_MAX of room) without "." and "..".
 */
static int append_folded(char *path, size_t out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "/");

		if (len == 2 && !strncmp(text, "..", 2)) {
			while (out && path[--out] != '/')
				;
		} else if (len && !(len == 1 && *text == '.')) {
			if (out + len + 2 > HOST_PATH_MAX)
				return -ENAMETOOLONG;
			if (out)
				path[out++] = '/';
			memcpy(path + out, text, len);
			out += len;
		}
		text += len;
		text += *text == '/';
	}
	path[out] = '\0';
	return 0;
}

int host_path_follow(char *path, size_t len, const char *target)
{
	char rest[HOST_PATH_MAX];
	size_t out = len;

	(void)snprintf(rest, sizeof(rest), "%s", path + len);
	while (out && path[out - 1] != '/')
		out--;
	out -= out > 0; /* the slash */
	if (*target == '/')
		out = 0;

	int r = append_folded(path, out, target);
	return r < 0 ? r : append_folded(path, strlen(path), rest);
}
