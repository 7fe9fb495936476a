/* Directories that are objects: cgroups and resctrl groups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/host_internal.h"
#include "core/host_write.h"

#define DIRECTORY_MODE 0755

/* --- live --- */

/* Nowhere else does making a directory make anything but a directory. */
static int check_file_system(int dirfd)
{
	struct statfs fs;

	/* An O_PATH fd will do since Linux 3.12. */
	if (fstatfs(dirfd, &fs) < 0)
		return -errno;
	return fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC ||
			       fs.f_type == RDTGROUP_SUPER_MAGIC
		       ? 0
		       : -EPERM;
}

static int open_parent(const struct host *host, const char *path, const char **ret_name)
{
	char dir[HOST_PATH_MAX];
	int r = host_path_split(path, dir, ret_name);

	return r < 0 ? r : host_dir_open_path(host, dir, O_PATH | O_DIRECTORY);
}

static int make_live(const struct host *host, const char *path)
{
	const char *name;
	_cleanup_(fd_closep) int parent = open_parent(host, path, &name);

	if (parent < 0)
		return parent;
	int err = check_file_system(parent);
	if (err)
		return err;
	if (mkdirat(parent, name, DIRECTORY_MODE) < 0)
		return -errno;
	/* Our umask hides it from others' tools otherwise. */
	(void)!fchmodat(parent, name, DIRECTORY_MODE, 0);
	return 0;
}

static int remove_live(const struct host *host, const char *path)
{
	const char *name;
	_cleanup_(fd_closep) int parent = open_parent(host, path, &name);

	if (parent < 0)
		return parent;
	int err = check_file_system(parent);
	if (err)
		return err;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* --- scratch: made aside and put in place by one rename, as the kernel's appear at once --- */

static const char aside[] = ".host_write.dir", template_path[] = "fake/template";

/* Calls fn for every regular file in dirfd; 1: there is a directory in it. */
static int each_file(int dirfd, int (*fn)(int dirfd, const char *name, void *arg), void *arg)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	bool has_directory = false;

	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (const struct dirent *entry; !err && (entry = readdir(dir));) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			has_directory = true;
		else if (fn)
			err = fn(dirfd, entry->d_name, arg);
	}
	(void)closedir(dir);
	return err ? err : has_directory;
}

static int remove_file(int dirfd, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

static void remove_aside(const struct host *host)
{
	_cleanup_(fd_closep) int dir =
		openat(host->root_fd, aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return;
	(void)each_file(dir, remove_file, NULL);
	(void)unlinkat(host->root_fd, aside, AT_REMOVEDIR);
}

static int copy_file(int from, const char *name, void *arg)
{
	char bytes[4096];
	_cleanup_(fd_closep) int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(fd_closep) int out =
		openat(*(const int *)arg, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (in < 0 || out < 0)
		return -errno;
	ssize_t n = read(in, bytes, sizeof(bytes));
	return n < 0 || write(out, bytes, (size_t)n) != n ? -EIO : 0;
}

static int fill_aside(const struct host *host)
{
	if (mkdirat(host->root_fd, aside, DIRECTORY_MODE) < 0)
		return -errno;

	_cleanup_(fd_closep) int from =
		host_dir_open_path(host, template_path, O_RDONLY | O_DIRECTORY);
	if (from == -ENOENT)
		return 0;
	_cleanup_(fd_closep) int to =
		openat(host->root_fd, aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0)
		return -EIO;
	int r = each_file(from, copy_file, &to);
	return r < 0 ? r : 0;
}

static int make_scratch(const struct host *host, const char *path)
{
	const char *name;
	_cleanup_(fd_closep) int parent = open_parent(host, path, &name);

	if (parent < 0)
		return parent;
	remove_aside(host);
	int err = fill_aside(host);
	if (!err && renameat2(host->root_fd, aside, parent, name, RENAME_NOREPLACE) < 0)
		err = -errno;
	if (err)
		remove_aside(host);
	return err;
}

/* True: tasks are in it. */
static bool is_populated(int dirfd, const char *name)
{
	char byte;
	_cleanup_(fd_closep) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && read(fd, &byte, 1) == 1 && byte != '\n';
}

static int remove_scratch(const struct host *host, const char *path)
{
	const char *name;
	_cleanup_(fd_closep) int parent = open_parent(host, path, &name);

	if (parent < 0)
		return parent;
	_cleanup_(fd_closep) int dir =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	int r = each_file(dir, NULL, NULL);
	if (r)
		return r < 0 ? r : -EBUSY;
	if (is_populated(dir, "cgroup.procs") || is_populated(dir, "tasks"))
		return -EBUSY;
	remove_aside(host);
	if (renameat(parent, name, host->root_fd, aside) < 0)
		return -errno;
	remove_aside(host);
	return 0;
}

/* --- the doors --- */

int host_make_directory(struct host *host, const char *path)
{
	int err = host_check_armed(host);

	if (err || !host_is_safe_path(path))
		return err ? err : -EINVAL;
	if (host->kind == HOST_FAKE)
		return host_fake_make_directory(host, path);
	return host->kind == HOST_LIVE ? make_live(host, path) : make_scratch(host, path);
}

int host_remove_directory(struct host *host, const char *path)
{
	int err = host_check_armed(host);

	if (err || !host_is_safe_path(path))
		return err ? err : -EINVAL;
	if (host->kind == HOST_FAKE)
		return host_fake_remove_directory(host, path);
	return host->kind == HOST_LIVE ? remove_live(host, path) : remove_scratch(host, path);
}
