/*
 * Recording: what is read is saved below a directory that later serves as a captured root.
 *
 * A path is saved where it really leads: every symlink on the way is saved as a symlink, so that
 * the capture has the shape of the original however it is walked. Nothing is written through a
 * symlink.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/host_internal.h"

#define DENIED_MAX 1000u
#define COPY_FILE_MAX ((size_t)1024 * 1024)
#define COPY_DEPTH_MAX 10u

struct saved {
	char *path;
	uint64_t size_bytes;
};

struct host_record {
	int dir_fd;
	void *saved; /* tsearch() tree of struct saved */
	char **denied;
	char *error_path;
	struct host_record_summary summary;
};

static void saved_free(void *node)
{
	struct saved *saved = node;

	free(saved->path);
	free(saved);
}

void host_record_free(struct host_record *record)
{
	if (!record)
		return;
	fd_closep(&record->dir_fd);
	tdestroy(record->saved, saved_free);
	for (size_t i = 0; i < record->summary.n_denied; i++)
		free(record->denied[i]);
	free(record->denied);
	free(record->error_path);
	free(record);
}

const struct host_record_summary *host_record_summary(const struct host *host)
{
	struct host_record *record = host->record;

	if (!record)
		return NULL;
	record->summary.denied = (const char *const *)record->denied;
	record->summary.error_path = record->error_path;
	return &record->summary;
}

static void note_error(struct host_record *record, int err, const char *path)
{
	if (err >= 0 || record->summary.error)
		return;
	record->summary.error = err;
	record->error_path = xstrdup(path);
}

static void note_denied(struct host_record *record, const char *path)
{
	size_t n = record->summary.n_denied;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(record->denied[i], path))
			return;
	}
	if (n == DENIED_MAX)
		return;
	record->denied = xrealloc(record->denied, (n + 1) * sizeof(*record->denied));
	record->denied[n] = xstrdup(path);
	record->summary.n_denied++;
}

static int compare_saved(const void *a, const void *b)
{
	return strcmp(((const struct saved *)a)->path, ((const struct saved *)b)->path);
}

static void note_saved(struct host_record *record, const char *path, uint64_t size_bytes)
{
	struct saved *saved = xcalloc(1, sizeof(*saved));

	saved->path = xstrdup(path);

	struct saved **found = tsearch(saved, &record->saved, compare_saved);
	if (!found)
		abort();
	if (*found == saved)
		record->summary.n_files++;
	else
		saved_free(saved);
	record->summary.size_bytes += size_bytes - (*found)->size_bytes;
	(*found)->size_bytes = size_bytes;
}

/* Opens the directory that path lies in, making what is missing, and points *ret_name at its last
 * part. path is free of symlinks; should one have got in since, O_NOFOLLOW stops here. */
static int open_parent(const struct host_record *record, const char *path, const char **ret_name)
{
	_cleanup_(fd_closep) int fd = fcntl(record->dir_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	for (size_t len; path[len = strcspn(path, "/")]; path += len + 1) {
		char part[NAME_MAX + 1];

		if (len >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(fd, part, 0755) < 0 && errno != EEXIST)
			return -errno;

		int next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		fd_closep(&fd);
		fd = next;
	}
	*ret_name = path;

	int taken = fd;
	fd = -1;
	return taken;
}

static int save_dir(const struct host_record *record, const char *path)
{
	const char *name;
	_cleanup_(fd_closep) int dir = open_parent(record, path, &name);

	if (dir < 0)
		return dir;
	return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Something is there under this name; its content was not read (yet). */
static int save_placeholder(const struct host_record *record, const char *path, mode_t mode)
{
	const char *name;
	_cleanup_(fd_closep) int dir = open_parent(record, path, &name);
	if (dir < 0)
		return dir;

	_cleanup_(fd_closep) int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	return fd < 0 && errno != EEXIST ? -errno : 0;
}

static int save_file(struct host_record *record, const char *path, const char *bytes, size_t len)
{
	const char *name;
	_cleanup_(fd_closep) int dir = open_parent(record, path, &name);
	if (dir < 0)
		return dir;

	_cleanup_(fd_closep) int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	note_saved(record, path, len);
	return 0;
}

/*
 * The text of an absolute link is turned into "../../..." so that tools which know nothing of
 * captured roots stay inside as well. In proc the text is what is read (exe, cwd, ns/net) and no
 * probe goes through it: kept as it is.
 */
static int link_text(const char *path, const char *target, char *buf, size_t size)
{
	size_t n = 0;

	if (*target != '/' || !strncmp(path, "proc/", 5))
		return snprintf(buf, size, "%s", target) < (int)size ? 0 : -ENAMETOOLONG;
	for (const char *p = strchr(path, '/'); p && n + 4 < size; p = strchr(p + 1, '/')) {
		memcpy(buf + n, "../", 3);
		n += 3;
	}
	/* At the top of the tree "/x" is "x"; "/" itself is ".". */
	int len = snprintf(buf + n, size - n, "%s", target[1] ? target + 1 : ".");
	return len < (int)(size - n) ? 0 : -ENAMETOOLONG;
}

static int save_link(struct host_record *record, const char *path, const char *target)
{
	char text[2 * PATH_MAX], old[2 * PATH_MAX];
	const char *name;
	int r = link_text(path, target, text, sizeof(text));
	if (r < 0)
		return r;

	_cleanup_(fd_closep) int dir = open_parent(record, path, &name);
	if (dir < 0)
		return dir;

	ssize_t n = readlinkat(dir, name, old, sizeof(old) - 1);
	if (n >= 0) {
		old[n] = '\0';
		if (!strcmp(old, text))
			return 0;
		/* It points elsewhere now (a device was renamed): the last reading stays. */
		if (unlinkat(dir, name, 0) < 0)
			return -errno;
	}
	if (symlinkat(text, dir, name) < 0)
		return -errno;
	record->summary.n_links += n < 0;
	return 0;
}

static ssize_t read_link(struct host *host, const char *path, char *buf, size_t size)
{
	ssize_t n = host->ops->readlink(host, path, buf, size - 1);

	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

/*
 * Where path really lies, in place; saves the links on the way, the last part's only where it is to
 * be followed. -ENOLINK: the way leads through a magic link of proc (PID/root, PID/fd/N), whose
 * text is no path in this tree.
 */
static int resolve(struct host *host, char *path, bool is_last_followed)
{
	unsigned links = 0;

	for (size_t i = 0;; i++) {
		bool is_end = !path[i];
		char target[PATH_MAX], saved = path[i];

		if ((saved && saved != '/') || (is_end && !is_last_followed)) {
			if (is_end)
				return 0;
			continue;
		}
		path[i] = '\0';
		ssize_t n = read_link(host, path, target, sizeof(target));
		if (n >= 0) {
			if (!strncmp(path, "proc/", 5) && strchr(path + 5, '/') && !is_end)
				return -ENOLINK;
			int r = save_link(host->record, path, target);
			if (r < 0)
				return r;
			if (++links > HOST_LINKS_MAX)
				return -ELOOP;
		}
		path[i] = saved;
		if (n >= 0) {
			int r = host_path_follow(path, i, target);
			if (r < 0)
				return r;
			i = (size_t)-1;
			continue;
		}
		if (is_end)
			return 0;
	}
}

/* S_IFMT bits of what lies at path, itself; 0: nothing. */
static mode_t type_of(const struct host *host, const char *path)
{
	struct stat st;
	_cleanup_(fd_closep) int fd = host_dir_open_path(host, path, O_PATH | O_NOFOLLOW);

	return fd < 0 || fstat(fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

/* A name and its kind, without content. path is resolved but for its last part. */
static int save_entry(struct host *host, const char *path)
{
	char target[PATH_MAX];

	switch (type_of(host, path)) {
	case S_IFDIR:
		return save_dir(host->record, path);
	case S_IFLNK:
		if (read_link(host, path, target, sizeof(target)) < 0)
			return 0;
		return save_link(host->record, path, target);
	default: /* mode_t is no enum: files, and whatever else a tree may hold */
		return save_placeholder(host->record, path, 0644);
	}
}

void host_record_file(struct host *host, const char *path, const char *bytes, ssize_t result)
{
	char real[HOST_PATH_MAX];
	bool is_denied = result < 0 && errno_is_denied((int)-result);

	if (is_denied)
		note_denied(host->record, path);
	if (result < 0 && !is_denied)
		return;
	(void)snprintf(real, sizeof(real), "%s", path);

	int r = resolve(host, real, true);
	if (r >= 0 && is_denied)
		r = save_placeholder(host->record, real, 0); /* denied there as well, to a user */
	else if (r >= 0)
		r = save_file(host->record, real, bytes, (size_t)result);
	note_error(host->record, r, path);
}

void host_record_extra(struct host *host, const char *path, const char *bytes, size_t len)
{
	note_error(host->record, save_file(host->record, path, bytes, len), path);
}

void host_record_link(struct host *host, const char *path)
{
	char real[HOST_PATH_MAX];

	(void)snprintf(real, sizeof(real), "%s", path);

	int r = resolve(host, real, false);
	note_error(host->record, r < 0 ? r : save_entry(host, real), path);
}

void host_record_entry(struct host *host, const char *path, int result)
{
	char real[HOST_PATH_MAX];

	if (result < 0)
		return;
	(void)snprintf(real, sizeof(real), "%s", path);

	int r = resolve(host, real, true);
	note_error(host->record, r < 0 ? r : save_entry(host, real), path);
}

/* What was listed, without its entries: resolved into real. False: it could not be. */
static bool record_listed(struct host *host, const char *path, int result, char *real)
{
	if (result < 0) {
		if (errno_is_denied(-result))
			note_denied(host->record, path);
		return false;
	}
	(void)snprintf(real, HOST_PATH_MAX, "%s", path);

	int r = resolve(host, real, true);
	r = r < 0 ? r : save_dir(host->record, real);
	note_error(host->record, r, path);
	return r >= 0;
}

void host_record_list(struct host *host, const char *path, const struct host_names *names,
		      int result)
{
	char real[HOST_PATH_MAX], entry[HOST_PATH_MAX];

	if (!record_listed(host, path, result, real))
		return;
	for (size_t i = 0; i < names->n; i++) {
		int len = snprintf(entry, sizeof(entry), "%s/%s", real, names->names[i]);

		if (len > 0 && (size_t)len < sizeof(entry))
			note_error(host->record, save_entry(host, entry), entry);
	}
}

void host_record_dirs(struct host *host, const char *path, const struct host_dirs *dirs, int result)
{
	char real[HOST_PATH_MAX], entry[HOST_PATH_MAX];

	if (!record_listed(host, path, result, real))
		return;
	for (size_t i = 0; i < dirs->n; i++) {
		int len = snprintf(entry, sizeof(entry), "%s/%s", real, dirs->at[i].name);

		if (len > 0 && (size_t)len < sizeof(entry))
			note_error(host->record, save_dir(host->record, entry), entry);
	}
}

/* --- what hwloc reads, since hwloc does not ask us --- */

/* Not needed by hwloc: addresses, what a probe reads (and thereby records) itself, links out of the
 * subtree. */
static bool is_skipped(const char *name)
{
	static const char *const skipped[] = {
		"power",     "crash_notes", "crash_notes_size", "uevent",	"hotplug",
		"microcode", "subsystem",   "driver",		"cpuidle",	"firmware_node",
		"modalias",  "acpi_cppc",   "thermal_throttle", "smt",		"vulnerabilities",
		"probe",     "release",	    "physical_node",	"intel_pstate",
	};

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (!strcmp(name, skipped[i]))
			return true;
	}
	/* Tens of thousands of them on a large host: gather tools leave them out as well. */
	return !strncmp(name, "memory", 6) && name[6] >= '0' && name[6] <= '9';
}

static void copy_file(struct host *host, const char *path, char *buf)
{
	ssize_t n = host->ops->read(host, path, buf, COPY_FILE_MAX);

	if (n >= 0)
		host_record_file(host, path, buf, n);
}

static void copy_tree(struct host *host, const char *path, char *buf, unsigned depth)
{
	struct host_names names = {0};

	if (depth > COPY_DEPTH_MAX || host->ops->list(host, path, &names) < 0) {
		host_names_done(&names);
		return;
	}
	host_record_entry(host, path, 0);
	for (size_t i = 0; i < names.n; i++) {
		char entry[HOST_PATH_MAX];
		int len = snprintf(entry, sizeof(entry), "%s/%s", path, names.names[i]);

		if (is_skipped(names.names[i]) || len < 0 || (size_t)len >= sizeof(entry))
			continue;

		mode_t type = type_of(host, entry);
		if (type == S_IFDIR)
			copy_tree(host, entry, buf, depth + 1);
		else if (type == S_IFREG)
			copy_file(host, entry, buf);
		else if (type == S_IFLNK)
			host_record_link(host, entry);
	}
	host_names_done(&names);
}

/* hwloc takes the architecture, by which it reads proc/cpuinfo, from this file of its own in a
 * captured root (hwloc-gather-topology writes it), else from the machine that looks at it. */
static void save_architecture(struct host *host)
{
	struct utsname name;
	char text[128];

	if (!host_is_this_machine(host) || uname(&name) < 0)
		return;

	int len = snprintf(text, sizeof(text), "Architecture: %s\n", name.machine);
	note_error(host->record,
		   save_file(host->record, "proc/hwloc-nofile-info", text, (size_t)len),
		   "proc/hwloc-nofile-info");
}

static void copy_for_hwloc(struct host *host)
{
	static const char *const trees[] = {
		"sys/devices/system/cpu",
		"sys/devices/system/node",
		"sys/kernel/mm/hugepages",
	};
	static const char *const files[] = {
		"proc/cpuinfo",
		"proc/meminfo",
		"proc/stat",
		"sys/devices/cpu_core/cpus",
		"sys/devices/cpu_atom/cpus",
	};
	_cleanup_(freep) char *buf = xcalloc(1, COPY_FILE_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		copy_tree(host, trees[i], buf, 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		copy_file(host, files[i], buf);
	save_architecture(host);
}

static int is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir) {
		int r = -errno;

		fd_closep(&fd);
		return r;
	}
	while (n < 3 && readdir(dir))
		n++;
	(void)closedir(dir);
	return n < 3; /* "." and ".." */
}

int host_record(struct host *host, const char *dir)
{
	if (host->root_fd < 0 || host->record)
		return -EOPNOTSUPP;
	/* Names, addresses and command lines are in it: for its owner only. */
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;

	_cleanup_(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR ? -EEXIST : -errno;

	int r = is_empty(fd);
	if (r <= 0)
		return r < 0 ? r : -ENOTEMPTY;

	host->record = xcalloc(1, sizeof(*host->record));
	host->record->dir_fd = fd;
	fd = -1;
	copy_for_hwloc(host);
	return host->record->summary.error;
}
