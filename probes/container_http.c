/*
 * One whole HTTP reply. Engines are asked in HTTP/1.0 with "Connection: close", so that the end of
 * the reply is the end of the connection and nothing comes in chunks. Strict, because the peer may
 * be anybody who can bind a socket there.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/parse.h"
#include "probes/container_internal.h"

#define HEADERS_MAX 64u
#define HEADER_LINE_MAX 4096u

/* The length of the line at text without its CRLF; *ret_next behind it. */
static int line_length(const char *text, size_t len, size_t *ret_len, size_t *ret_next)
{
	const char *newline = memchr(text, '\n', len < HEADER_LINE_MAX ? len : HEADER_LINE_MAX);

	if (!newline || newline == text || newline[-1] != '\r')
		return -EPROTO;
	*ret_len = (size_t)(newline - text) - 1;
	*ret_next = (size_t)(newline - text) + 1;
	return memchr(text, '\0', *ret_len) ? -EPROTO : 0;
}

/* "HTTP/1.1 200 OK" */
static int parse_status(const char *line, size_t len, unsigned *ret)
{
	unsigned status = 0;

	if (len < 12 || (strncmp(line, "HTTP/1.0 ", 9) && strncmp(line, "HTTP/1.1 ", 9)) ||
	    (len > 12 && line[12] != ' '))
		return -EPROTO;
	for (unsigned i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EPROTO;
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	*ret = status;
	return 0;
}

static bool is_header(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[n] == ':' && !strncasecmp(line, name, n);
}

static int parse_length(const char *line, size_t len, uint64_t *ret)
{
	const char *value = memchr(line, ':', len);
	char number[24];

	value++;
	while (value < line + len && (*value == ' ' || *value == '\t'))
		value++;

	size_t n = (size_t)(line + len - value);

	while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		n--;
	if (!n || n >= sizeof(number))
		return -EPROTO;
	memcpy(number, value, n);
	number[n] = '\0';
	return parse_u64(number, ret) < 0 ? -EPROTO : 0;
}

/* Where the body begins, behind the empty line. */
static int parse_head(const char *reply, size_t len, size_t *ret_body, unsigned *ret_status,
		      uint64_t *ret_length, bool *ret_has_length)
{
	size_t at = 0, n, next;

	for (unsigned i = 0; i <= HEADERS_MAX; i++, at += next) {
		const char *line = reply + at;
		int r = line_length(line, len - at, &n, &next);

		if (r == 0 && i == 0)
			r = parse_status(line, n, ret_status);
		if (r < 0)
			return r;
		if (!n) {
			*ret_body = at + next;
			return 0;
		}
		if (i == 0)
			continue;
		if (!memchr(line, ':', n) || is_header(line, n, "Transfer-Encoding"))
			return -EPROTO;
		if (!is_header(line, n, "Content-Length"))
			continue;
		if (*ret_has_length || parse_length(line, n, ret_length) < 0)
			return -EPROTO;
		*ret_has_length = true;
	}
	return -EPROTO;
}

int container_http_body(const char *reply, size_t len, const char **ret_body, size_t *ret_len,
			unsigned *ret_status)
{
	uint64_t length = 0;
	bool has_length = false;
	unsigned status = 0;
	size_t body = 0;
	int r = parse_head(reply, len, &body, &status, &length, &has_length);

	if (r < 0)
		return r;
	if (has_length && length != len - body)
		return -EPROTO;
	*ret_status = status;
	if (status != 200)
		return -EREMOTEIO;
	*ret_body = reply + body;
	*ret_len = len - body;
	return 0;
}
