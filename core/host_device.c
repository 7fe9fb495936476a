/*
 * Device files that are read at an offset. Other hosts than the live one have what a recording kept
 * of them: one text file per offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/host_internal.h"

static int read_device(const struct host *host, const char *path, uint64_t offset, uint64_t *ret)
{
	_cleanup_(fd_closep) int fd = host_dir_open_path(host, path, O_RDONLY | O_NONBLOCK);
	uint64_t value;

	if (fd < 0)
		return fd;

	ssize_t n = pread(fd, &value, sizeof(value), (off_t)offset);

	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(value))
		return -EIO;
	*ret = value;
	return 0;
}

int host_read_device_u64f(struct host *host, uint64_t *ret, uint64_t offset, const char *fmt, ...)
{
	char path[HOST_PATH_MAX], text[32];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	_cleanup_(freep) char *kept = xasprintf("%s@%llx", path, (unsigned long long)offset);

	if (!host_is_this_machine(host))
		return host_read_u64f(host, ret, "%s", kept);
	r = read_device(host, path, offset, ret);
	if (r == 0 && host->record) {
		int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)*ret);

		host_record_extra(host, kept, text, (size_t)len);
	}
	return r;
}
