/*
 * The host handle: the only door through which anything reads the machine.
 *
 * Kinds: live (this machine), captured (--root DIR: the same code on another root; writes are
 * refused and nothing outside DIR is read, absolute symlinks included: openat2(RESOLVE_IN_ROOT)),
 * synthetic (an hwloc description, no files), fake (an in-memory tree for tests that can return any
 * errno) and scratch (a directory that plays the live machine and may be written: crash tests
 * only). Recording (jittertop capture) is a live host that also saves every byte that was read.
 *
 * Paths are relative to the root and have no leading slash: "proc/stat". Readers return the number
 * of bytes read or a negative errno; -ENOENT and its kin mean the host does not have it
 * (errno_is_absent), -EACCES/-EPERM that we may not (errno_is_denied), -EFBIG that the file is
 * larger than the buffer (never truncated silently), -EILSEQ that it contains NUL bytes. Text is
 * NUL-terminated and one trailing newline is removed.
 *
 * Thread rule: a host is used by one thread at a time, except the clocks. Open hosts before threads
 * start: a captured host runs hwloc confined in a child process when it is opened.
 */
#ifndef JT_CORE_HOST_H
#define JT_CORE_HOST_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/cpuset.h"
#include "core/util.h"

struct host;
struct hwloc_topology;
struct measure;

enum host_kind { HOST_LIVE, HOST_CAPTURED, HOST_SYNTHETIC, HOST_FAKE, HOST_SCRATCH };

int host_open_live(struct host **ret) _must_check_;
int host_open_captured(const char *dir, struct host **ret) _must_check_;
/* -E2BIG: more than CPUSET_MAX CPUs; -ERANGE: too long or too many levels; -EINVAL: hwloc does not
 * understand it. */
int host_open_synthetic(const char *description, struct host **ret) _must_check_;
int host_open_fake(struct host **ret) _must_check_;
int host_open_scratch(const char *dir, struct host **ret) _must_check_;
void host_close(struct host *host); /* NULL is fine */

enum host_kind host_kind(const struct host *host);
bool host_is_this_machine(
	const struct host *host); /* live: threads, clocks and syscalls speak of it too */

/* From now on every file, link and directory listing read is also saved below dir (created, must be
 * empty), and what hwloc needs is copied at once: dir is then a root for host_open_captured().
 * -ENOTEMPTY, -EEXIST (no directory), -EOPNOTSUPP for a host without files. Reads of the same path
 * overwrite each other: the last one stays. A read never fails because it could not be saved. */
int host_record(struct host *host, const char *dir) _must_check_;
struct host_record_summary {
	uint64_t n_files, n_links, size_bytes; /* files that hold what was read */
	const char *const *denied;	       /* paths that exist and may not be read */
	size_t n_denied;
	int error; /* the first failure to save: negative errno and path; 0: none */
	const char *error_path;
};
/* NULL when the host does not record. Valid until the next read. */
const struct host_record_summary *host_record_summary(const struct host *host);

/* --- one-shot reading: small files into the caller's buffer with one read --- */
ssize_t host_read(struct host *host, const char *path, char *buf, size_t size);
ssize_t host_readf(struct host *host, char *buf, size_t size, const char *fmt, ...) _printf_(4, 5);
/* The bytes as they are, NULs included (proc/PID/cmdline), and one NUL behind them. */
ssize_t host_read_bytesf(struct host *host, char *buf, size_t size, const char *fmt, ...)
	_printf_(4, 5);
/* The same, never recorded: to see whether it is one that matters, where what others keep in theirs
 * (all processes' command lines) is no business of whoever gets the recording. */
ssize_t host_peek_bytesf(struct host *host, char *buf, size_t size, const char *fmt, ...)
	_printf_(4, 5);
int host_read_u64f(struct host *host, uint64_t *ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
int host_read_i64f(struct host *host, int64_t *ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
int host_read_cpulistf(struct host *host, struct cpuset *ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
/* The target text of a symlink, not followed. */
ssize_t host_readlinkf(struct host *host, char *buf, size_t size, const char *fmt, ...)
	_printf_(4, 5);
bool host_existsf(struct host *host, const char *fmt, ...) _printf_(2, 3);
/* True: nobody may write the file, by its mode (sysfs and sysctl files that only show). The live
 * machine only: elsewhere modes mean nothing and the answer is false; a fake host's file is read
 * only when it has fake/read-only/PATH. */
bool host_is_read_onlyf(struct host *host, const char *fmt, ...) _printf_(2, 3);
/* Sorted (natural_compare) entry names without "." and "..". Free with host_names_done(). */
struct host_names {
	char **names;
	size_t n;
};
int host_listf(struct host *host, struct host_names *ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
void host_names_done(struct host_names *names);
/* The directories in a directory (no links to some), sorted by name (strcmp), with what tells one
 * from another that had the name before. Free with host_dirs_done(). */
struct host_dir {
	char *name;
	uint64_t inode;
};
struct host_dirs {
	struct host_dir *at;
	size_t n;
};
int host_list_dirsf(struct host *host, struct host_dirs *ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
void host_dirs_done(struct host_dirs *dirs);

/* Eight bytes at an offset of a device file (dev/cpu/0/msr), as the machine orders them. Recorded
 * as text in PATH@OFFSET (hexadecimal: dev/cpu/0/msr@34), which is where captured and fake hosts
 * have it. */
int host_read_device_u64f(struct host *host, uint64_t *ret, uint64_t offset, const char *fmt, ...)
	_printf_(4, 5) _must_check_;

/* --- files read every tick: the fd stays open and is pread, the buffer grows and is reused --- */
struct host_file;
int host_file_openf(struct host *host, struct host_file **ret, const char *fmt, ...)
	_printf_(3, 4) _must_check_;
/* The whole content; *ret_text belongs to the file and lives until the next read. When the object
 * behind the fd has gone (-ENODEV, -ESRCH, -ENOENT, -EIO) the file is reopened once. Returns the
 * length or a negative errno. */
ssize_t host_file_read(struct host_file *file, const char **ret_text);
void host_file_close(struct host_file *file);
/* Opens on first use and reads: *file may point to NULL. The usual way in a probe. */
ssize_t host_file_readf(struct host *host, struct host_file **file, const char **ret_text,
			const char *fmt, ...) _printf_(4, 5);

/* --- endless files (tracefs trace_pipe): the live machine and scratch hosts only, -EOPNOTSUPP
 * elsewhere. An fd for non-blocking reads, the caller's to close; nothing of it is recorded. --- */
int host_stream_openf(struct host *host, int *ret_fd, const char *fmt, ...)
	_printf_(3, 4) _must_check_;

/* --- clocks, ns. A captured host's clock is the real one: rates of a capture are therefore "none"
 * --- */
uint64_t host_now_ns(const struct host *host);	    /* CLOCK_MONOTONIC */
uint64_t host_boottime_ns(const struct host *host); /* CLOCK_BOOTTIME */
uint64_t host_wall_ns(const struct host *host);	    /* CLOCK_REALTIME */

/* --- topology: loads it anew (hotplug); the caller destroys it with hwloc_topology_destroy().
 * Live: this machine with INCLUDE_DISALLOWED; captured: what the confined child exported;
 * synthetic: from the description; fake: -ENODATA. No I/O objects (host_topology.c says why).
 * hwloc needs sys/devices/system/cpu: -EINVAL where a capture has none; -EPERM where it could not
 * be confined, -ETIMEDOUT or -EIO where it hung or crashed. --- */
int host_topology(struct host *host, struct hwloc_topology **ret) _must_check_;
/* NUMA distance by libnuma on the live host, else from node%u/distance. -ENOENT when unknown. */
int host_node_distance(struct host *host, unsigned from, unsigned to, unsigned *ret) _must_check_;

/* --- ending a wait. host_interrupt() may be called from any thread, after host_interruptible()
 * (before the host's thread starts): from then on every door of this host that waits, and every
 * read, fails with -ECANCELED. For good: there is nothing to do but to close the host. --- */
int host_interruptible(struct host *host) _must_check_;
void host_interrupt(struct host *host);

/* --- threads, of the live machine (-EROFS on captured and synthetic hosts; host_write.h says what
 * fake and scratch ones do). host_set_affinity() is for threads of this program; those of others
 * are changed by the guard only, through host_write.h. --- */
int host_set_affinity(struct host *host, pid_t tid,
		      const struct cpuset *cpus) _must_check_; /* tid 0: the caller */
int host_get_affinity(struct host *host, pid_t tid, struct cpuset *ret) _must_check_;
struct host_schedule {
	int policy;	/* SCHED_OTHER 0, SCHED_FIFO 1, SCHED_RR 2, SCHED_BATCH 3, SCHED_IDLE 5 */
	int priority;	/* 1 to 99 of FIFO and RR, otherwise 0 */
	int nice;	/* -20 to 19, where the policy has it, otherwise 0 */
	uint64_t flags; /* SCHED_FLAG_*: reset on fork */
};
int host_read_schedule(struct host *host, pid_t tid, struct host_schedule *ret) _must_check_;

/* PM QoS: the smallest wake-up latency (us) that anybody asks for; 2000000000: nobody does. Fake
 * and captured hosts: dev/cpu_dma_latency@0 as decimal text (recorded so). */
int host_read_latency(struct host *host, int32_t *ret) _must_check_;

/* The measuring threads this host carries, or NULL; owned by the caller (see measure.h). */
void host_attach_measure(struct host *host, struct measure *measure);
struct measure *host_measure(const struct host *host);

/* --- fake hosts --- */
void host_fake_file(struct host *host, const char *path,
		    const char *content); /* parents appear by themselves */
void host_fake_bytes(struct host *host, const char *path, const char *bytes, size_t len);
void host_fake_link(struct host *host, const char *path, const char *target);
void host_fake_remove(struct host *host, const char *path);
void host_fake_error(struct host *host, const char *path,
		     int err); /* every access returns -err; 0 clears */
void host_fake_error_at(struct host *host, unsigned nth_call,
			int err); /* the nth host call from now, from 1; 0 cancels */
void host_fake_clock(struct host *host, uint64_t now_ns);

#endif
