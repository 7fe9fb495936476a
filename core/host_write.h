/*
 * The doors through which the host is changed. They are reachable from core/change*.c and from the
 * write() of step classes (probes/knob_*.c) alone (make check looks at the symbols), and on a live
 * host they refuse with -EPERM until host_arm() was called, which guard, sleeper and `restore` do
 * once they hold the lock: nothing else can change this machine, whatever it calls.
 *
 * All return 0 or a negative errno: -EPERM not armed, -EROFS a captured or synthetic host, or what
 * the kernel said.
 *
 * Fake and scratch hosts (tests) need no arming. There the settings of a thread are the files
 *   fake/thread/TID/affinity   "0-3"
 *   fake/thread/TID/schedule   "POLICY PRIORITY NICE FLAGS", numbers: "1 50 0 0"
 * which the test makes and host_get_affinity() and host_read_schedule() read; a missing one is
 * -ESRCH.
 */
#ifndef JT_CORE_HOST_WRITE_H
#define JT_CORE_HOST_WRITE_H

#include "core/host.h"
#include "core/host_bus.h"

struct host_netlink_request;
struct host_unix_options;

void host_arm(struct host *host);

/* One open(O_WRONLY) that follows no link in the last part, one write(2) of the whole text, no
 * newline added beyond the one given (an empty text is written as an empty line). -EIO: a short
 * write. A scratch host's file is replaced at one system call (rename), so that it never shows a
 * half-written value, as no knob does. */
int host_write(struct host *host, const char *path, const char *text) _must_check_;

/*
 * Directories of cgroup and resctrl file systems: making one makes an object with its files,
 * removing it removes them. Live: -EPERM on any other file system. On fake and scratch hosts a new
 * directory gets a copy of every file that lies directly in fake/template, where there is such a
 * directory, and removing it works as the kernel does it: -EBUSY while it has directories or a
 * cgroup.procs or tasks file that is not empty. -EEXIST, -ENOENT.
 */
int host_make_directory(struct host *host, const char *path) _must_check_;
int host_remove_directory(struct host *host, const char *path) _must_check_;

/*
 * The settings of one thread. -ESRCH: it has gone (also when it went, and its number was given to
 * another thread, while the door was at it). The caller compares the identity (start time) of the
 * object before; core/change.c does and looks again afterwards.
 */
int host_write_affinity(struct host *host, pid_t tid, const struct cpuset *cpus) _must_check_;
/* SCHED_DEADLINE and sched_ext, which have more to set than this: -EOPNOTSUPP, both ways. */
int host_write_schedule(struct host *host, pid_t tid,
			const struct host_schedule *schedule) _must_check_;

/* A command that changes something, acknowledged by the kernel; host_netlink_why() says in words
 * what went wrong. */
int host_write_netlink(struct host *host, const struct host_netlink_request *request) _must_check_;
/* A struct ethtool_* of linux/ethtool.h that begins with one of the ETHTOOL_S* commands known to
 * host_write_net.c (-EINVAL: another one). The kernel may write into buf. */
int host_write_ioctl_ethtool(struct host *host, const char *ifname, void *buf,
			     size_t size) _must_check_;
/* One request to a daemon's socket (see host_unix.h; the path is relative to the root). reply, of
 * size bytes, is what it said, NUL-terminated; size 0: no answer is waited for beyond the peer's
 * taking it. Its length, or a negative errno: host_unix_reason(). */
ssize_t host_write_unix(struct host *host, const char *path,
			const struct host_unix_options *options, const char *request, char *reply,
			size_t size) _must_check_;

/* One property of a unit, through systemd and until the next boot only (SetUnitProperties with
 * runtime = true), so that its record and the control group agree; values and errors: host_bus.h.
 * systemd writes the control group a moment after its answer. -EINVAL: a property that only shows.
 */
int host_write_bus(struct host *host, const char *unit, enum host_bus_property property,
		   const char *value) _must_check_;

/* PM QoS: asks that no CPU needs longer than this to wake (us, 0 and more), by an fd of
 * /dev/cpu_dma_latency that the host holds until it is closed
 * (Documentation/power/pm_qos_interface.rst). -1: gives it back. */
int host_hold_latency(struct host *host, int32_t latency_us) _must_check_;
/* This handle holds something: what STEP_HELD steps set lives on. */
bool host_is_holding(const struct host *host);

/* --- fake hosts --- */
/* What the nth write from now (1: the next) does instead: a knob that lies. NULL text: refused with
 * err. Counts the writes of files and of thread settings. */
void host_fake_write_becomes(struct host *host, unsigned nth_write, const char *text, int err);
/* Fake hosts that behave: called with every write to a file that is there, before it is done. 0: it
 * is done; 1: the callback did what there was to do (host_fake_file()); negative errno: refused. */
typedef int host_fake_write_fn(void *arg, struct host *host, const char *path, const char *text);
void host_fake_on_write(struct host *host, host_fake_write_fn *fn, void *arg);
/* What the other doors do: kind "netlink", "ethtool" or "unix"; name "ethtool/rings-set@eth0" (as a
 * recording names it), "eth0", the path; bytes the attributes, the struct, the request. Its result
 * is the door's; it may change the fake host. Without a function: -EOPNOTSUPP (unix: what
 * host_fake_unix() said). */
typedef int host_fake_request_fn(void *arg, struct host *host, const char *kind, const char *name,
				 const void *bytes, size_t len);
void host_fake_on_request(struct host *host, host_fake_request_fn *fn, void *arg);

#endif
