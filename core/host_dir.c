/*
 * Hosts that are a directory tree: live ("/"), captured and scratch.
 *
 * A captured tree is untrusted: it may hold absolute symlinks, FIFOs, device nodes, endless files.
 * Every path is resolved by openat2(RESOLVE_IN_ROOT), and only regular files are opened for
 * reading.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/host_internal.h"

#define FIRST_BUFFER ((size_t)4096)
#define TOPOLOGY_TIMEOUT_MS 3000u

/* Resolution inside the root may have to be tried again while something is being renamed or mounted
 * (openat2(2): EAGAIN). */
static int open_in_root(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};

	for (unsigned tries = 0; tries < 16; tries++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* The live root is "/" itself: openat() resolves the same, follows /proc's magic links as the user
 * would, and works where openat2 is missing or filtered. */
static int open_live(int root_fd, const char *path, int flags)
{
	int fd = openat(root_fd, path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int host_dir_open_path(const struct host *host, const char *path, int flags)
{
	/* openat2() refuses O_PATH with flags that mean nothing to it. */
	flags |= flags & O_PATH ? 0 : O_NOCTTY;
	return host->kind == HOST_LIVE ? open_live(host->root_fd, path, flags)
				       : open_in_root(host->root_fd, path, flags);
}

/*
 * For reading. Opening a device node can have effects and opening a FIFO can hang, so the file is
 * looked at before it is opened; the second look catches one that was exchanged in between.
 */
static int open_file(const struct host *host, const char *path)
{
	struct stat before, now;

	if (host->kind == HOST_LIVE)
		return host_dir_open_path(host, path, O_RDONLY);

	_cleanup_(fd_closep) int look = host_dir_open_path(host, path, O_PATH);
	if (look < 0)
		return look;
	if (fstat(look, &before) < 0)
		return -errno;
	if (S_ISDIR(before.st_mode))
		return -EISDIR;
	if (!S_ISREG(before.st_mode))
		return -EINVAL;

	_cleanup_(fd_closep) int fd = host_dir_open_path(host, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &now) < 0)
		return -errno;
	if (!S_ISREG(now.st_mode) || now.st_dev != before.st_dev || now.st_ino != before.st_ino)
		return -EINVAL;

	int taken = fd;
	fd = -1;
	return taken;
}

/*
 * True when a short read of n bytes means that the file is over. /proc's seq files return about a
 * page at a time however large the buffer is, so only an empty read ends them. An attribute of
 * sysfs is produced in one piece; binary ones (cpumap, cpulist since 5.15) come in pieces of a page
 * (fs/kernfs/file.c).
 */
static bool is_over(const struct host *host, const char *path, size_t n)
{
	return host->kind == HOST_LIVE && n < 4096 &&
	       (!strncmp(path, "sys/devices/", 12) || !strncmp(path, "sys/class/", 10) ||
		!strncmp(path, "sys/bus/", 8) || !strncmp(path, "sys/kernel/irq/", 15) ||
		!strncmp(path, "sys/kernel/mm/", 14));
}

static ssize_t pread_again(int fd, char *buf, size_t size, size_t offset)
{
	for (;;) {
		ssize_t n = pread(fd, buf, size, (off_t)offset);

		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
	}
}

/* Fills buf from *got on. 1: the file is over; 0: buf is full. */
static int fill(const struct host_file *file, size_t *got)
{
	while (*got < file->size) {
		ssize_t n = pread_again(file->fd, file->buf + *got, file->size - *got, *got);

		if (n < 0)
			return (int)n;
		*got += (size_t)n;
		if (!n || (*got < file->size && is_over(file->host, file->path, *got)))
			return 1;
	}
	return 0;
}

static ssize_t dir_read(struct host *host, const char *path, char *buf, size_t size)
{
	_cleanup_(fd_closep) int fd = open_file(host, path);
	if (fd < 0)
		return fd;

	/* fill() only borrows the path. */
	struct host_file file = {
		.host = host, .path = (char *)(uintptr_t)path, .fd = fd, .buf = buf, .size = size};
	size_t got = 0;
	int r = fill(&file, &got);
	if (r < 0)
		return r;
	if (r == 1)
		return (ssize_t)got;

	/* Full: exactly, or too large? */
	char more;
	ssize_t n = pread_again(fd, &more, 1, got);
	if (n < 0)
		return n;
	return n ? -EFBIG : (ssize_t)got;
}

static ssize_t dir_readlink(struct host *host, const char *path, char *buf, size_t size)
{
	ssize_t n;

	if (host->kind == HOST_LIVE) {
		n = readlinkat(host->root_fd, path, buf, size);
		return n < 0 ? -errno : n;
	}

	_cleanup_(fd_closep) int fd = host_dir_open_path(host, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;

	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* readlinkat() of "" says ENOENT for what is no link; the live way says EINVAL. */
	if (!S_ISLNK(st.st_mode))
		return -EINVAL;
	n = readlinkat(fd, "", buf, size);
	return n < 0 ? -errno : n;
}

static int dir_exists(struct host *host, const char *path)
{
	if (host->kind == HOST_LIVE)
		return faccessat(host->root_fd, path, F_OK, 0) < 0 ? -errno : 0;

	_cleanup_(fd_closep) int fd = host_dir_open_path(host, path, O_PATH);
	return fd < 0 ? fd : 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int open_dir(const struct host *host, const char *path, DIR **ret)
{
	int fd = host_dir_open_path(host, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;

	DIR *dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;

		fd_closep(&fd);
		return r;
	}
	*ret = dir;
	return 0;
}

/* File systems that do not say what an entry is are asked. */
static bool is_directory(DIR *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int dir_list_dirs(struct host *host, const char *path, struct host_dirs *dirs)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	int r = open_dir(host, path, &dir);

	if (r < 0)
		return r;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return -errno;
		if (is_directory(dir, entry) && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			host_dirs_add(dirs, entry->d_name, entry->d_ino);
	}
}

static int dir_list(struct host *host, const char *path, struct host_names *names)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	int r = open_dir(host, path, &dir);

	if (r < 0)
		return r;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			host_names_add(names, entry->d_name);
	}
}

static int dir_file_open(struct host_file *file)
{
	file->fd = open_file(file->host, file->path);
	return file->fd < 0 ? file->fd : 0;
}

void host_file_grow(struct host_file *file, size_t at_least)
{
	size_t size = file->size ? file->size : FIRST_BUFFER;

	while (size < at_least)
		size *= 2;
	if (size == file->size)
		return;
	file->buf = xrealloc(file->buf, size);
	file->size = size;
}

static ssize_t read_whole(struct host_file *file)
{
	size_t got = 0;

	host_file_grow(file, FIRST_BUFFER);
	for (;;) {
		size_t before = got;
		int r = fill(file, &got);

		if (r < 0)
			return r;
		/* Binary junk, or a sparse file that would go on for ever: stop early. */
		if (memchr(file->buf + before, '\0', got - before))
			return -EILSEQ;
		if (r == 1)
			break;
		if (got >= HOST_FILE_MAX)
			return -EFBIG;
		host_file_grow(file, 2 * file->size);
	}
	host_file_grow(file, got + 1);
	return (ssize_t)got;
}

/* The object behind the fd has gone: -ENODEV from sysfs, -ESRCH from /proc/PID, -EIO from a removed
 * entry of /proc (fs/proc/inode.c: use_pde() fails). It may be back under the same name. */
static bool is_gone(int err)
{
	return err == -ENODEV || err == -ESRCH || err == -ENOENT || err == -EIO;
}

/* Scratch files are replaced by host_write(), see there: an unlinked one is an old value. */
static bool is_replaced(const struct host_file *file)
{
	struct stat st;

	return file->host->kind == HOST_SCRATCH && fstat(file->fd, &st) == 0 && !st.st_nlink;
}

static ssize_t dir_file_read(struct host_file *file)
{
	if (file->fd >= 0 && !is_replaced(file)) {
		ssize_t n = read_whole(file);

		if (n >= 0 || !is_gone((int)n))
			return n;
	}
	fd_closep(&file->fd);
	file->fd = open_file(file->host, file->path);
	if (file->fd < 0) {
		int r = file->fd;

		file->fd = -1;
		return r;
	}
	return read_whole(file);
}

static const struct host_ops live_ops = {
	.read = dir_read,
	.readlink = dir_readlink,
	.exists = dir_exists,
	.list = dir_list,
	.list_dirs = dir_list_dirs,
	.file_open = dir_file_open,
	.file_read = dir_file_read,
	.topology = host_topology_live,
};

static const struct host_ops captured_ops = {
	.read = dir_read,
	.readlink = dir_readlink,
	.exists = dir_exists,
	.list = dir_list,
	.list_dirs = dir_list_dirs,
	.file_open = dir_file_open,
	.file_read = dir_file_read,
	.topology = host_topology_xml,
};

static int open_root(const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int host_open_live(struct host **ret)
{
	/* hwloc would complain on stderr, which may be a screen, about what it finds strange. */
	(void)setenv("HWLOC_HIDE_ERRORS", "2", 0);

	int fd = open_root("/");
	if (fd < 0)
		return fd;

	struct host *host = host_new(HOST_LIVE, &live_ops);
	host->root_fd = fd;
	*ret = host;
	return 0;
}

static int open_tree(const char *dir, enum host_kind kind, struct host **ret)
{
	_cleanup_(fd_closep) int fd = open_root(dir);
	if (fd < 0)
		return fd;

	/* Without openat2 (Linux 5.6) nothing keeps reads inside the tree: -ENOSYS. */
	_cleanup_(fd_closep) int probe = open_in_root(fd, ".", O_PATH | O_DIRECTORY);
	if (probe < 0)
		return probe;

	struct host *host = host_new(kind, &captured_ops);
	host->root_fd = fd;
	fd = -1;
	*ret = host;
	return 0;
}

int host_open_captured(const char *dir, struct host **ret)
{
	struct host *host;
	int r = open_tree(dir, HOST_CAPTURED, &host);

	if (r < 0)
		return r;
	host->topology_error = host_confine_topology(host->root_fd, TOPOLOGY_TIMEOUT_MS,
						     &host->topology_xml, &host->topology_xml_len);
	*ret = host;
	return 0;
}

int host_open_scratch(const char *dir, struct host **ret)
{
	struct host *host;
	int r = open_tree(dir, HOST_SCRATCH, &host);

	if (r < 0)
		return r;
	host->topology_error = -ENODATA;
	*ret = host;
	return 0;
}
