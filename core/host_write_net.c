/* The doors to other interfaces than files: netlink, the ethtool ioctl, unix sockets. */
#include <errno.h>
#include <linux/ethtool.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "core/host_internal.h"
#include "core/host_netlink.h"
#include "core/host_unix.h"
#include "core/host_write.h"

int host_write_netlink(struct host *host, const struct host_netlink_request *request)
{
	int err = host_check_armed(host);

	if (err || host->kind == HOST_LIVE)
		return err ? err : host_netlink_set(host, request);

	char name[HOST_PATH_MAX];
	const struct nlmsghdr *message =
		request->attributes ? nlmsg_hdr((struct nl_msg *)(uintptr_t)request->attributes)
				    : NULL;

	(void)snprintf(name, sizeof(name), "%s/%s%s%s", request->family, request->name,
		       request->device ? "@" : "", request->device ? request->device : "");
	return host_fake_request(host, "netlink", name, message ? nlmsg_data(message) : NULL,
				 message ? (size_t)nlmsg_datalen(message) : 0);
}

int host_write_ioctl_ethtool(struct host *host, const char *ifname, void *buf, size_t size)
{
	static const uint32_t setters[] = {
		ETHTOOL_SCOALESCE,  ETHTOOL_SRINGPARAM,	 ETHTOOL_SCHANNELS,   ETHTOOL_SPFLAGS,
		ETHTOOL_SRXFHINDIR, ETHTOOL_SRSSH,	 ETHTOOL_SPAUSEPARAM, ETHTOOL_SFEATURES,
		ETHTOOL_STUNABLE,   ETHTOOL_SRXCLSRLINS, ETHTOOL_SRXCLSRLDEL,
	};
	int err = host_check_armed(host);
	uint32_t command;
	bool is_known = false;

	if (err)
		return err;
	if (size < sizeof(command))
		return -EINVAL;
	memcpy(&command, buf, sizeof(command));
	for (size_t i = 0; i < ARRAY_SIZE(setters); i++)
		is_known |= setters[i] == command;
	if (!is_known)
		return -EINVAL;
	return host->kind == HOST_LIVE ? host_ethtool_ioctl(host, ifname, buf)
				       : host_fake_request(host, "ethtool", ifname, buf, size);
}

ssize_t host_write_unix(struct host *host, const char *path,
			const struct host_unix_options *options, const char *request, char *reply,
			size_t size)
{
	struct host_unix *socket = NULL;
	const char *text = "";
	int err = host_check_armed(host);

	if (!err && host->kind != HOST_LIVE) {
		err = host_fake_request(host, "unix", path, request, strlen(request));
		if (err == -EOPNOTSUPP)
			err = 0;
	}
	if (!err)
		err = host_unix_connectf(host, options, &socket, "%s", path);
	if (err)
		return err;

	ssize_t len = host_unix_ask(socket, request, &text);
	/* Some daemons take a setting without a word and close (irqbalance). */
	if (size == 0 && (len == -ECONNRESET || len == -EPIPE))
		len = 0;
	if (len >= 0 && size > 0 && (size_t)len >= size)
		len = -EFBIG;
	else if (len >= 0 && size > 0)
		memcpy(reply, text, (size_t)len + 1);
	host_unix_close(socket);
	return len;
}
