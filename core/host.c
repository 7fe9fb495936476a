#include "core/host.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/host_internal.h"
#include "core/parse.h"

struct host *host_new(enum host_kind kind, const struct host_ops *ops)
{
	struct host *host = xcalloc(1, sizeof(*host));

	host->kind = kind;
	host->ops = ops;
	host->root_fd = -1;
	host->interrupt_fd = -1;
	host->ethtool_fd = -1;
	host->latency_fd = -1;
	host->held_latency_us = -1;
	return host;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	host_record_free(host->record);
	host_fake_free(host->fake);
	host_fake_sockets_free(host->fake_sockets);
	host_netlink_free(host->netlink);
	fd_closep(&host->ethtool_fd);
	fd_closep(&host->latency_fd);
	fd_closep(&host->root_fd);
	fd_closep(&host->interrupt_fd);
	free(host->topology_xml);
	free(host->synthetic);
	free(host);
}

enum host_kind host_kind(const struct host *host)
{
	return host->kind;
}

bool host_is_this_machine(const struct host *host)
{
	return host->kind == HOST_LIVE;
}

/* Raw bytes to text: one trailing newline goes, a NUL comes, NULs inside are refused. */
static ssize_t finish_text(char *buf, size_t size, ssize_t n)
{
	if (n < 0)
		return n;
	if (n && buf[n - 1] == '\n')
		n--;
	if ((size_t)n == size)
		return -EFBIG;
	if (memchr(buf, '\0', (size_t)n))
		return -EILSEQ;
	buf[n] = '\0';
	return n;
}

static ssize_t read_text(struct host *host, const char *path, char *buf, size_t size)
{
	if (!size)
		return -EINVAL;

	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;

	ssize_t n = host->ops->read(host, path, buf, size);
	if (host->record)
		host_record_file(host, path, buf, n);
	return finish_text(buf, size, n);
}

ssize_t host_readf(struct host *host, char *buf, size_t size, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	return r < 0 ? r : read_text(host, path, buf, size);
}

static ssize_t read_bytes(struct host *host, bool is_recorded, const char *path, char *buf,
			  size_t size)
{
	if (!size)
		return -EINVAL;
	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;

	ssize_t n = host->ops->read(host, path, buf, size);
	if (host->record && is_recorded)
		host_record_file(host, path, buf, n);
	if (n >= 0 && (size_t)n == size)
		return -EFBIG;
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

ssize_t host_read_bytesf(struct host *host, char *buf, size_t size, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	return r < 0 ? r : read_bytes(host, true, path, buf, size);
}

ssize_t host_peek_bytesf(struct host *host, char *buf, size_t size, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	return r < 0 ? r : read_bytes(host, false, path, buf, size);
}

ssize_t host_read(struct host *host, const char *path, char *buf, size_t size)
{
	return host_readf(host, buf, size, "%s", path);
}

int host_read_u64f(struct host *host, uint64_t *ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX], text[64];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	ssize_t n = read_text(host, path, text, sizeof(text));
	return n < 0 ? (int)n : parse_u64(text, ret);
}

int host_read_i64f(struct host *host, int64_t *ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX], text[64];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	ssize_t n = read_text(host, path, text, sizeof(text));
	return n < 0 ? (int)n : parse_i64(text, ret);
}

int host_read_cpulistf(struct host *host, struct cpuset *ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	/* Nearly every list is short; the longest possible one is not worth 48 KiB of stack. */
	char text[1024];
	ssize_t n = read_text(host, path, text, sizeof(text));
	if (n != -EFBIG)
		return n < 0 ? (int)n : cpuset_parse_list(text, ret);

	_cleanup_(freep) char *long_text = xcalloc(1, CPUSET_TEXT_MAX);
	n = read_text(host, path, long_text, CPUSET_TEXT_MAX);
	return n < 0 ? (int)n : cpuset_parse_list(long_text, ret);
}

ssize_t host_readlinkf(struct host *host, char *buf, size_t size, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	if (!size)
		return -EINVAL;

	ssize_t n = host->ops->readlink(host, path, buf, size);
	if (host->record && n >= 0)
		host_record_link(host, path);
	if (n < 0)
		return n;
	if ((size_t)n >= size)
		return -EFBIG;
	buf[n] = '\0';
	return n;
}

bool host_existsf(struct host *host, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return false;
	r = host->ops->exists(host, path);
	if (host->record)
		host_record_entry(host, path, r);
	return r >= 0;
}

bool host_is_read_onlyf(struct host *host, const char *fmt, ...)
{
	char path[HOST_PATH_MAX], mark[HOST_PATH_MAX + sizeof("fake/read-only/")];
	struct stat st;
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return false;
	if (host->kind == HOST_FAKE) {
		(void)snprintf(mark, sizeof(mark), "fake/read-only/%s", path);
		return host->ops->exists(host, mark) >= 0;
	}
	return host->kind == HOST_LIVE && !fstatat(host->root_fd, path, &st, 0) &&
	       (st.st_mode & 0222) == 0;
}

void host_names_add(struct host_names *names, const char *name)
{
	/* Room doubles at powers of two; no separate count of the room is needed. */
	if (!(names->n & (names->n - 1)))
		names->names = xrealloc(names->names,
					(names->n ? 2 * names->n : 1) * sizeof(*names->names));
	names->names[names->n++] = xstrdup(name);
}

void host_names_done(struct host_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct host_names){0};
}

static int compare_names(const void *a, const void *b)
{
	return natural_compare(*(char *const *)a, *(char *const *)b);
}

int host_listf(struct host *host, struct host_names *ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;

	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;

	struct host_names names = {0};
	r = host->ops->list(host, path, &names);
	if (host->record)
		host_record_list(host, path, &names, r);
	if (r < 0) {
		host_names_done(&names);
		return r;
	}
	if (names.n)
		qsort(names.names, names.n, sizeof(*names.names), compare_names);
	*ret = names;
	return 0;
}

static int file_open(struct host *host, struct host_file **ret, const char *path)
{
	struct host_file *file = xcalloc(1, sizeof(*file));

	file->host = host;
	file->path = xstrdup(path);
	file->fd = -1;

	int r = host->ops->file_open(file);
	if (r < 0) {
		if (host->record)
			host_record_file(host, path, NULL, r);
		host_file_close(file);
		return r;
	}
	*ret = file;
	return 0;
}

int host_file_openf(struct host *host, struct host_file **ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	return r < 0 ? r : file_open(host, ret, path);
}

ssize_t host_file_read(struct host_file *file, const char **ret_text)
{
	struct host *host = file->host;

	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;

	ssize_t n = host->ops->file_read(file);

	if (host->record)
		host_record_file(host, file->path, file->buf, n);
	if (n < 0)
		return n;
	n = finish_text(file->buf, file->size, n);
	if (n >= 0)
		*ret_text = file->buf;
	return n;
}

void host_file_close(struct host_file *file)
{
	if (!file)
		return;
	fd_closep(&file->fd);
	free(file->buf);
	free(file->path);
	free(file);
}

ssize_t host_file_readf(struct host *host, struct host_file **file, const char **ret_text,
			const char *fmt, ...)
{
	if (!*file) {
		char path[HOST_PATH_MAX];
		va_list ap;

		va_start(ap, fmt);
		int r = host_vpath(path, fmt, ap);
		va_end(ap);
		if (r >= 0)
			r = file_open(host, file, path);
		if (r < 0)
			return r;
	}
	return host_file_read(*file, ret_text);
}

int host_stream_openf(struct host *host, int *ret_fd, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	if (host->kind != HOST_LIVE && host->kind != HOST_SCRATCH)
		return -EOPNOTSUPP;

	int fd = host_dir_open_path(host, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static uint64_t clock_ns(const struct host *host, clockid_t clock)
{
	struct timespec ts;

	if (host->kind == HOST_FAKE)
		return host_fake_now_ns(host);
	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t host_now_ns(const struct host *host)
{
	return clock_ns(host, CLOCK_MONOTONIC);
}

uint64_t host_boottime_ns(const struct host *host)
{
	return clock_ns(host, CLOCK_BOOTTIME);
}

uint64_t host_wall_ns(const struct host *host)
{
	return clock_ns(host, CLOCK_REALTIME);
}

int host_topology(struct host *host, struct hwloc_topology **ret)
{
	return host->ops->topology(host, ret);
}

void host_attach_measure(struct host *host, struct measure *measure)
{
	host->measure = measure;
}

struct measure *host_measure(const struct host *host)
{
	return host->measure;
}
