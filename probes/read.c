#include "probes/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"

#define PATH_SIZE 320

const char *read_reason(int err)
{
	/* What these mean for a file that was read but not understood; libc speaks of arguments,
	 * characters and connections. */
	switch (err) {
	case -EINVAL:
		return "not in the expected format";
	case -ERANGE:
		return "a number out of range";
	case -EILSEQ:
		return "contains NUL bytes";
	case -EFBIG:
		return "larger than expected";
	case -ETIMEDOUT:
		return "took too long";
	}
	const char *text = strerrordesc_np(-err);

	return text ? text : "unknown error";
}

int read_fail(struct sample *out, int err, const char *path)
{
	if (!out->error)
		sample_errorf(out, "%s: %s", path, read_reason(err));
	return err;
}

int read_note(struct sample *out, int err, const char *path)
{
	if (err < 0 && !errno_is_absent(-err))
		read_fail(out, err, path);
	return err;
}

int read_notef(struct sample *out, int err, const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list ap;

	if (err >= 0 || errno_is_absent(-err) || out->error)
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_note(out, err, path);
}

static void set_failed(struct sample *out, struct sample_row *row, unsigned metric, int err,
		       const char *path)
{
	read_note(out, err, path);
	sample_errno(row, metric, err);
}

static void set_u64(struct sample *out, struct sample_row *row, unsigned metric, const char *text,
		    const char *path)
{
	uint64_t value;
	int r = parse_u64(text, &value);

	if (r < 0)
		set_failed(out, row, metric, r, path);
	else
		sample_u64(row, metric, value);
}

void read_textf(struct host *host, struct sample *out, struct sample_row *row, unsigned metric,
		const char *fmt, ...)
{
	char path[PATH_SIZE], buf[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);

	ssize_t n = host_read(host, path, buf, sizeof(buf));

	if (n < 0)
		set_failed(out, row, metric, (int)n, path);
	else
		sample_text(out, row, metric, read_trim(buf));
}

void read_u64f(struct host *host, struct sample *out, struct sample_row *row, unsigned metric,
	       const char *fmt, ...)
{
	char path[PATH_SIZE], buf[64];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);

	ssize_t n = host_read(host, path, buf, sizeof(buf));

	if (n < 0)
		set_failed(out, row, metric, (int)n, path);
	else
		set_u64(out, row, metric, buf, path);
}

void read_kept_u64(struct host *host, struct host_file **file, struct sample *out,
		   struct sample_row *row, unsigned metric, const char *path)
{
	const char *text;
	ssize_t n = host_file_readf(host, file, &text, "%s", path);

	if (n < 0)
		set_failed(out, row, metric, (int)n, path);
	else
		set_u64(out, row, metric, text, path);
}

void read_choice(const char *text, char *buf, size_t size)
{
	const char *open = strchr(text, '[');
	const char *end = open ? strchr(open, ']') : NULL;
	size_t n = end ? (size_t)(end - open - 1) : strlen(text);

	if (n >= size)
		n = size - 1;
	memcpy(buf, end ? open + 1 : text, n);
	buf[n] = '\0';
}

void read_kept_choice(struct host *host, struct host_file **file, struct sample *out,
		      struct sample_row *row, unsigned metric, const char *path)
{
	const char *text;
	char word[64];
	ssize_t n = host_file_readf(host, file, &text, "%s", path);

	if (n < 0) {
		set_failed(out, row, metric, (int)n, path);
		return;
	}
	read_choice(text, word, sizeof(word));
	sample_text(out, row, metric, word);
}

int read_numbered(const char *name, const char *prefix, unsigned *ret)
{
	size_t n = strlen(prefix);
	uint64_t number;

	if (strncmp(name, prefix, n) || parse_u64(name + n, &number) < 0 || number > INT32_MAX)
		return 0;
	*ret = (unsigned)number;
	return 1;
}

char *read_trim(char *text)
{
	size_t n = strlen(text);

	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\n'))
		text[--n] = '\0';
	return text;
}
