/*
 * Reading a captured tree with hwloc.
 *
 * hwloc opens files by itself and follows symlinks, so a crafted capture could make it read this
 * machine's files, hang on a FIFO or crash. It therefore runs in a child process that has the
 * capture as its root directory (in a user namespace of its own when we are not root), and hands
 * back XML through a pipe, within a time limit. Where a chroot is not allowed, the tree is walked
 * first and hwloc only reads it when no symlink and no special file in it could lead elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/host_internal.h"

#define CPU_SECONDS_MAX 10u
#define XML_MAX ((size_t)128 * 1024 * 1024)
#define WALK_MAX_ENTRIES 2000000u
#define WALK_MAX_DEPTH 40u
#define FILE_SIZE_MAX ((off_t)16 * 1024 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_HUGE_SHADOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_HUGE_SHADOW 1
#endif
#endif
#ifndef HAS_HUGE_SHADOW
#define HAS_HUGE_SHADOW 0
#endif

/*
 * A target is harmless when it is "../" at most as often as the link is deep, then names only. A
 * ".." behind a name is refused: the name may itself be a link to somewhere less deep.
 */
static bool is_inside(const char *target, unsigned depth)
{
	unsigned ups = 0;

	if (*target == '/')
		return false;
	while (!strncmp(target, "../", 3) || !strcmp(target, "..")) {
		ups++;
		target += strlen(target) > 2 ? 3 : 2;
	}
	if (ups > depth)
		return false;
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && !strncmp(target, "..", 2))
			return false;
		target += len;
		target += *target == '/';
	}
	return true;
}

static bool is_harmless_link(int dir_fd, const char *name, unsigned depth)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return is_inside(target, depth);
}

static bool is_harmless_tree(int dir_fd, unsigned depth, unsigned *left);

static bool is_harmless_entry(int dir_fd, const char *name, unsigned depth, unsigned *left)
{
	struct stat st;

	if (!(*left)-- || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISREG(st.st_mode))
		return true;
	if (S_ISLNK(st.st_mode))
		return is_harmless_link(dir_fd, name, depth);
	if (!S_ISDIR(st.st_mode) || depth >= WALK_MAX_DEPTH)
		return false;

	_cleanup_(fd_closep) int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* What we cannot list, hwloc can still open by name. */
	return fd >= 0 && is_harmless_tree(fd, depth + 1, left);
}

static bool is_harmless_tree(int dir_fd, unsigned depth, unsigned *left)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool is_harmless = dir != NULL;

	if (!dir) {
		fd_closep(&fd);
		return false;
	}
	while (is_harmless) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry) {
			is_harmless = errno == 0;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			is_harmless = is_harmless_entry(fd, entry->d_name, depth, left);
	}
	(void)closedir(dir);
	return is_harmless;
}

bool host_confine_is_harmless(int root_fd)
{
	unsigned left = WALK_MAX_ENTRIES;

	return is_harmless_tree(root_fd, 0, &left);
}

/* --- the child --- */

/* All that the child could still do to this machine goes, except reading a capture that belongs to
 * somebody else. Failure is fine: this is the second fence. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	data[0].effective = data[0].permitted = 1u << CAP_DAC_READ_SEARCH;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)syscall(SYS_capset, &header, data);
}

/* The tree seen through a detached mount on which device nodes do not open. Only root can have made
 * such nodes, and as root this works from Linux 5.12 on; without it the tree is used as it is. */
static int open_without_devices(int root_fd)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
	};
	int fd = (int)syscall(SYS_open_tree, root_fd, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		int r = -errno;

		fd_closep(&fd);
		return r;
	}
	return fd;
}

static int confine(int root_fd)
{
	_cleanup_(fd_closep) int tree = open_without_devices(root_fd);

	if (fchdir(tree >= 0 ? tree : root_fd) < 0)
		return -errno;
	if (chroot(".") == 0)
		return 0;
	if (unshare(CLONE_NEWUSER) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}

static void limit_resources(void)
{
	static const struct rlimit none = {0, 0}, cpu = {CPU_SECONDS_MAX, CPU_SECONDS_MAX},
				   data = {(rlim_t)2 << 30, (rlim_t)2 << 30};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	if (!HAS_HUGE_SHADOW)
		(void)setrlimit(RLIMIT_DATA, &data);
}

/* hwloc complains on stderr about what it finds strange; the screen is not the place for it. All
 * other descriptors go, the pipe becomes fd 3 and the root fd 4. */
static int keep_only(int pipe_fd, int root_fd)
{
	int null_fd = open("/dev/null", O_RDWR);
	/* Out of the way first: any of them may be 0 to 4. */
	int pipe_copy = fcntl(pipe_fd, F_DUPFD, 10), root_copy = fcntl(root_fd, F_DUPFD, 10);

	if (null_fd < 0 || pipe_copy < 0 || root_copy < 0)
		return -errno;
	null_fd = fcntl(null_fd, F_DUPFD, 10);
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(null_fd, fd) < 0)
			return -errno;
	}
	if (dup2(pipe_copy, 3) < 0 || dup2(root_copy, 4) < 0)
		return -errno;
	(void)syscall(SYS_close_range, 5u, ~0u, 0u);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* hwloc waits for ever at a FIFO and reads whatever it opens to the end. Links stay in the root. */
static int check_file(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, 0) < 0 || S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size > FILE_SIZE_MAX ? -EFBIG : 0;
}

static int check_files_of(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir)))
		r = entry->d_type == DT_DIR ? 0 : check_file(dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return r;
}

/* The files every topology begins with, so that a trap among them is known at once; for all others
 * there is the time limit. */
static int check_first_files(void)
{
	static const char *const files[] = {"proc/cpuinfo", "proc/meminfo", "proc/mounts",
					    "proc/stat",    "proc/version", "proc/cmdline"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = check_file(AT_FDCWD, files[i]);
	if (r == 0)
		r = check_files_of("sys/devices/system/cpu");
	return r < 0 ? r : check_files_of("sys/devices/system/node");
}

static int load_and_send(int out_fd)
{
	hwloc_topology_t topology;
	char *xml;
	int len;
	int r = host_topology_new(&topology);

	if (r < 0)
		return r;
	if (hwloc_topology_load(topology) < 0)
		return errno ? -errno : -EIO;
	if (hwloc_topology_export_xmlbuffer(topology, &xml, &len, 0) < 0)
		return errno ? -errno : -EIO;
	return write_all(out_fd, xml, (size_t)len);
}

/* Returns the exit status: an errno that fits, 0 when the XML has been sent. */
static int child_main(int out_fd, int root_fd)
{
	hwloc_topology_t first;

	limit_resources();
	if (keep_only(out_fd, root_fd) < 0)
		return EMFILE;
	/* Whatever the user exported for lstopo (HWLOC_XMLFILE, HWLOC_THISSYSTEM) is not for us.
	 * "/." is a root that is not "/": hwloc then knows that this is another machine, and asks
	 * this one nothing (no CPUID, no sched_getaffinity). */
	if (clearenv() < 0 || setenv("HWLOC_FSROOT", "/.", 1) < 0 ||
	    setenv("HWLOC_THISSYSTEM", "0", 1) < 0 || setenv("HWLOC_HIDE_ERRORS", "2", 1) < 0 ||
	    setenv("HWLOC_COMPONENTS", "linux,stop", 1) < 0)
		return ENOMEM;
	/* Plugins are looked for once, by the first topology of a process: while / is still this
	 * machine's, or a capture could bring its own. It is never destroyed for that reason. */
	if (hwloc_topology_init(&first) < 0)
		return ENOMEM;
	if (confine(4) < 0) {
		if (fchdir(4) < 0 || !host_confine_is_harmless(4))
			return EPERM;
		(void)setenv("HWLOC_FSROOT", ".", 1);
	}
	(void)close(4);
	drop_capabilities();

	int r = check_first_files();
	if (r == 0)
		r = load_and_send(3);
	return r < 0 ? (-r & 0x7f) : 0;
}

/* --- the parent --- */

static int remaining_ms(const struct timespec *end)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ms =
		(int64_t)(end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

/* Everything the child sends until it closes the pipe. */
static int receive(int fd, const struct timespec *end, char **ret_bytes, size_t *ret_len)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		int r = poll(&waiting, 1, remaining_ms(end));

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		if (size - len < 65536) {
			size = size ? 2 * size : 131072;
			bytes = xrealloc(bytes, size);
		}

		ssize_t n = read(fd, bytes + len, size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (len > XML_MAX)
			return -EFBIG;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	bytes = NULL;
	return 0;
}

/* Where SIGCHLD is ignored (inherited from who started us) children vanish unwaited: their number
 * is then not ours any more, and what was received has to speak for itself. */
static int reap(pid_t pid, bool is_late)
{
	int status;

	if (is_late && waitpid(pid, &status, WNOHANG) == 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return errno == ECHILD ? 0 : -errno;
	}
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	return -EIO; /* crashed on what it read */
}

int host_confine_topology(int root_fd, unsigned timeout_ms, char **ret_xml, size_t *ret_len)
{
	_cleanup_(freep) char *xml = NULL;
	size_t len = 0;
	struct timespec end;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_(fd_closep) int in = fds[0];
	_cleanup_(fd_closep) int out = fds[1];

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec +=
		(long)(timeout_ms % 1000) * 1000000; /* may pass a second: remaining_ms() copes */

	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(child_main(out, root_fd));
	fd_closep(&out);
	out = -1;

	int r = receive(in, &end, &xml, &len);
	int status = reap(pid, r < 0);
	if (r < 0)
		return r;
	if (status < 0)
		return status;
	/* hwloc's export ends in a NUL, which its import wants to see. */
	if (!len || xml[len - 1] != '\0')
		return -EIO;
	*ret_xml = xml;
	*ret_len = len;
	xml = NULL;
	return 0;
}
