/*
 * Inside the host handle: what host.c (dispatch), host_path.c, host_dirs.c, host_dir.c (files below
 * a root directory), host_fake.c, host_record.c, host_topology.c, host_confine.c, host_wait.c,
 * host_unix*.c and host_write.c share. Nobody else includes this.
 */
#ifndef JT_CORE_HOST_INTERNAL_H
#define JT_CORE_HOST_INTERNAL_H

#include <stdatomic.h>

#include "core/host.h"

/* Longest path a caller may ask for, and deepest chain of symlinks (as the kernel's MAXSYMLINKS).
 */
#define HOST_PATH_MAX 1024u
#define HOST_LINKS_MAX 40u
/* A file larger than this is refused: /proc/interrupts of 8192 CPUs and 2000 interrupts fits. */
#define HOST_FILE_MAX ((size_t)256 * 1024 * 1024)

struct host_fake;
struct host_fake_socket;
struct host_netlink;
struct host_netlink_request;
struct host_record;

struct host_file {
	struct host *host;
	char *path;
	int fd;	   /* -1: a fake host's file, or closed after an error */
	char *buf; /* room for size bytes; grows, never shrinks */
	size_t size;
};

/* What differs between kinds. Paths have been checked. Results are bytes or 0, or -errno. */
struct host_ops {
	/* Raw bytes; -EFBIG when there are more than size. */
	ssize_t (*read)(struct host *host, const char *path, char *buf, size_t size);
	ssize_t (*readlink)(struct host *host, const char *path, char *buf, size_t size);
	int (*exists)(struct host *host, const char *path);
	/* Unsorted; appended with host_names_add(). */
	int (*list)(struct host *host, const char *path, struct host_names *names);
	/* Unsorted; appended with host_dirs_add(). */
	int (*list_dirs)(struct host *host, const char *path, struct host_dirs *dirs);
	int (*file_open)(struct host_file *file);
	/* Raw bytes into file->buf, with room for a NUL behind them. */
	ssize_t (*file_read)(struct host_file *file);
	int (*topology)(struct host *host, struct hwloc_topology **ret);
};

struct host {
	const struct host_ops *ops;
	enum host_kind kind;
	int root_fd; /* O_PATH directory; -1: no files */
	char *synthetic;
	/* What the confined child exported, or why there is nothing (negative errno). */
	char *topology_xml;
	size_t topology_xml_len;
	int topology_error;
	struct host_fake *fake;
	struct host_fake_socket *fake_sockets;
	struct host_record *record;   /* NULL: not recording */
	struct host_netlink *netlink; /* NULL: never asked */
	int ethtool_fd;		      /* -1: not open */
	struct measure *measure;
	bool is_armed;		 /* may be written: host_write.h */
	int latency_fd;		 /* PM QoS request; -1: none */
	int32_t held_latency_us; /* fake and scratch hosts: what they would hold; -1: nothing */
	int interrupt_fd;	 /* eventfd; -1: not interruptible */
	atomic_bool is_interrupted;
};

struct host *host_new(enum host_kind kind, const struct host_ops *ops);
void host_names_add(struct host_names *names, const char *name);
void host_dirs_add(struct host_dirs *dirs, const char *name, uint64_t inode);
/* For doors that wait (sockets): until fd is ready for events (POLLIN, POLLOUT; an error counts as
 * ready), at most until deadline_ns of CLOCK_MONOTONIC. 0: ready; -ETIMEDOUT; -ECANCELED:
 * host_interrupt(). Blocks nowhere else: the fd is non-blocking. */
int host_wait(const struct host *host, int fd, short events, uint64_t deadline_ns) _must_check_;
/* For any of several; fds has room for one more behind its n. */
struct pollfd;
int host_wait_many(const struct host *host, struct pollfd *fds, size_t n,
		   uint64_t deadline_ns) _must_check_;
/* host_path.c */
/* A path made of names that a guest or a capture chose must not climb: ".." is refused outright. */
bool host_is_safe_path(const char *path);
/* Formats into path (HOST_PATH_MAX bytes) and checks it. */
int host_vpath(char *path, const char *fmt, va_list ap) _printf_(2, 0);
/* The first len bytes of path (HOST_PATH_MAX) name a symlink in a directory without any; path
 * becomes where it leads, inside the root, with what followed. */
int host_path_follow(char *path, size_t len, const char *target);

/* host_dir.c */
int host_dir_open_path(const struct host *host, const char *path, int flags);
void host_file_grow(struct host_file *file, size_t at_least);

/* host_fake.c */
void host_fake_free(struct host_fake *fake);
int host_fake_write(struct host *host, const char *path, const char *text);
int host_fake_make_directory(struct host *host, const char *path);
int host_fake_remove_directory(struct host *host, const char *path);
/* -EOPNOTSUPP: the test has no function for it. */
int host_fake_request(struct host *host, const char *kind, const char *name, const void *bytes,
		      size_t len);
uint64_t host_fake_now_ns(const struct host *host);

/* host_unix_fake.c */
void host_fake_sockets_free(struct host_fake_socket *sockets); /* a list */
/* 0: there is such a socket; *ret_peer as the test said. */
int host_fake_unix_connect(struct host *host, const char *path, pid_t *ret_peer);
/* request NULL: the greeting. -EFBIG: more than size. */
ssize_t host_fake_unix_ask(struct host *host, const char *path, const char *request, char *buf,
			   size_t size);
/* host_write.c */
int host_check_armed(const struct host *host); /* 0; -EPERM; -EROFS */
/* "a/b/c" -> "a/b" (HOST_PATH_MAX bytes) and "c"; "c" -> ".". -EINVAL: ends in a slash. */
int host_path_split(const char *path, char *dir, const char **ret_name);

/* host_ethtool.c: the ioctl, whatever its command. */
int host_ethtool_ioctl(struct host *host, const char *ifname, void *data);

/* host_netlink.c: without the check that it only reads. */
int host_netlink_set(struct host *host, const struct host_netlink_request *request);
void host_netlink_free(struct host_netlink *netlink);

/* host_record.c. Failures to save are kept in the summary, they never fail the read. */
void host_record_free(struct host_record *record);
void host_record_file(struct host *host, const char *path, const char *bytes, ssize_t result);
void host_record_link(struct host *host, const char *path);
void host_record_entry(struct host *host, const char *path, int result);
void host_record_list(struct host *host, const char *path, const struct host_names *names,
		      int result);
void host_record_dirs(struct host *host, const char *path, const struct host_dirs *dirs,
		      int result);

/* A file that is no part of the machine's tree. */
void host_record_extra(struct host *host, const char *path, const char *bytes, size_t len);

/* host_unix_record.c: what peers said, below unix/ of the recording. request NULL: unasked;
 * nth: how many replies to the same request came before. */
void host_record_unix(struct host *host, const char *path, const char *request, unsigned nth,
		      const char *reply, size_t len);
void host_record_unix_peer(struct host *host, const char *path, pid_t peer);
/* -ENODATA: not recorded. -EFBIG: more than size. */
ssize_t host_replay_unix(struct host *host, const char *path, const char *request, unsigned nth,
			 char *buf, size_t size);
int host_replay_unix_peer(struct host *host, const char *path, pid_t *ret_peer);

/* host_topology.c */
int host_topology_live(struct host *host, struct hwloc_topology **ret);
int host_topology_xml(struct host *host, struct hwloc_topology **ret);
/* -E2BIG: more than CPUSET_MAX CPUs. -ERANGE: too long, or far too many objects for so many. */
int host_topology_check_size(const char *description) _must_check_;
int host_topology_synthetic(struct host *host, struct hwloc_topology **ret);
int host_topology_none(struct host *host, struct hwloc_topology **ret);
int host_topology_new(struct hwloc_topology **ret); /* initialised with our filters and flags */

/* host_confine.c: hwloc's view of the tree below root_fd, as XML with its NUL, read by a confined
 * child that has timeout_ms. */
int host_confine_topology(int root_fd, unsigned timeout_ms, char **ret_xml, size_t *ret_len);
/* No symlink and no special file in the tree can lead out of it. */
bool host_confine_is_harmless(int root_fd);

#endif
