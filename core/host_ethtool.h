/*
 * The ethtool ioctl through the host handle, for what generic netlink does not give: statistics by
 * name, driver information, and drivers or kernels without the netlink commands. Read only: a
 * command that is not on the list of reading ones is refused with -EROFS.
 *
 * Live hosts ask the kernel; recording saves below ethtool/: "ethtool/stats@IFNAME" in the form
 * that ethtool -S prints ("     rx_packets: 12"), "ethtool/COMMAND@IFNAME" in hexadecimal. Every
 * other kind of host answers from these files, so that text of `ethtool -S` can stand in.
 *
 * Errors: -ENOENT not in this capture, -EOPNOTSUPP the driver does not do it, -ENODEV no such
 * interface, -EPERM denied, -EINVAL a recorded file that is not of the form, -E2BIG more than
 * HOST_ETHTOOL_STATS_MAX.
 */
#ifndef JT_CORE_HOST_ETHTOOL_H
#define JT_CORE_HOST_ETHTOOL_H

#include "core/host.h"

#define HOST_ETHTOOL_STATS_MAX 65536u
#define HOST_ETHTOOL_NAME_MAX 32u /* ETH_GSTRING_LEN */

struct host_ethtool_stat {
	char name[HOST_ETHTOOL_NAME_MAX + 1]; /* as the driver says it: untrusted text */
	uint64_t value;
};

/* In the driver's order. */
struct host_ethtool_stats {
	struct host_ethtool_stat *stats;
	size_t n;
};

/* Free with host_ethtool_stats_done(). */
int host_ethtool_stats(struct host *host, const char *ifname,
		       struct host_ethtool_stats *ret) _must_check_;
void host_ethtool_stats_done(struct host_ethtool_stats *stats); /* {0} is fine */

/* One struct ethtool_* of linux/ethtool.h: buf begins with the command (a uint32_t, as the ioctl
 * wants it) and what the command asks to be filled in, and has size bytes. Returns the number of
 * bytes that a recording had (live: size) or a negative errno. */
ssize_t host_ethtool_get(struct host *host, const char *ifname, void *buf, size_t size);

#endif
