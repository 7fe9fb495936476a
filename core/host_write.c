/* Files of the host are written here; the other doors are in host_write_*.c. See host_write.h for
 * who may come here. */
#include "core/host_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/host_internal.h"

void host_arm(struct host *host)
{
	host->is_armed = true;
}

int host_check_armed(const struct host *host)
{
	switch (host->kind) {
	case HOST_LIVE:
		return host->is_armed ? 0 : -EPERM;
	case HOST_FAKE:
	case HOST_SCRATCH:
		return 0;
	case HOST_CAPTURED:
	case HOST_SYNTHETIC:
		return -EROFS;
	}
	return -EROFS;
}

static int write_once(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return -errno;
	/* Never continued: a knob takes a value by one write or not at all. */
	return (size_t)n == len ? 0 : -EIO;
}

/* O_NOFOLLOW is not used: parts of sysfs are reached through links (class/net/eth0), and a setting
 * is never a link itself. No O_TRUNC: knobs ignore it at best. */
static int write_live(struct host *host, const char *path, const char *text)
{
	_cleanup_(fd_closep) int fd =
		host_dir_open_path(host, path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);

	return fd < 0 ? fd : write_once(fd, text);
}

/* "a/b/c" -> "a/b"; "c" -> "." */
int host_path_split(const char *path, char *dir, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	if (slash && !slash[1])
		return -EINVAL;
	(void)snprintf(dir, HOST_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1,
		       slash ? path : ".");
	*ret_name = slash ? slash + 1 : path;
	return 0;
}

/*
 * A scratch file changes as a real knob does: at one system call, wholly. Written in place it would
 * not: killed between O_TRUNC and write(2), or between write(2) and ftruncate(2), it would show a
 * value that no kernel ever shows. So: a new file, one write(2), rename over the old one. Readers
 * that keep the old file open notice (host_dir.c, is_replaced()).
 */
static int write_scratch(struct host *host, const char *path, const char *text)
{
	static const char tmp[] = ".host_write.tmp";
	char dir[HOST_PATH_MAX];
	const char *name;
	struct stat st;

	int r = host_path_split(path, dir, &name);
	if (r < 0)
		return r;

	/* Existence, type and permission are those of the file that is there. */
	_cleanup_(fd_closep) int old =
		host_dir_open_path(host, path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
	if (old < 0)
		return old;
	if (fstat(old, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;

	_cleanup_(fd_closep) int dir_fd = host_dir_open_path(host, dir, O_PATH | O_DIRECTORY);
	if (dir_fd < 0)
		return dir_fd;
	_cleanup_(fd_closep) int fd =
		openat(host->root_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		       st.st_mode & 0777);
	if (fd < 0)
		return -errno;
	r = write_once(fd, text);
	if (r >= 0 && renameat(host->root_fd, tmp, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(host->root_fd, tmp, 0);
	return r;
}

int host_write(struct host *host, const char *path, const char *text)
{
	if (!host_is_safe_path(path))
		return -EINVAL;
	int err = host_check_armed(host);
	if (err)
		return err;
	/* write(2) of nothing never reaches the kernel's handler (fs/read_write.c); an empty line
	 * does. */
	if (!*text)
		text = "\n";
	switch (host->kind) {
	case HOST_LIVE:
		return write_live(host, path, text);
	case HOST_SCRATCH:
		return write_scratch(host, path, text);
	case HOST_FAKE:
		return host_fake_write(host, path, text);
	case HOST_CAPTURED:
	case HOST_SYNTHETIC:
		return -EROFS;
	}
	return -EROFS;
}
