/* PM QoS, Documentation/power/pm_qos_interface.rst: read by anybody, held through host_write.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/host_internal.h"
#include "core/host_write.h"

static const char device[] = "dev/cpu_dma_latency", recorded[] = "dev/cpu_dma_latency@0";

/* PM_QOS_CPU_LATENCY_DEFAULT_VALUE, include/linux/pm_qos.h */
#define NOBODY_ASKS 2000000000

/* The device counts each open file as a request, one without a wish as long as nothing is written:
 * reading changes nothing. */
static int read_device(const struct host *host, int32_t *ret)
{
	_cleanup_(fd_closep) int fd = host_dir_open_path(host, device, O_RDONLY | O_NONBLOCK);
	int32_t value;

	if (fd < 0)
		return fd;
	ssize_t n = read(fd, &value, sizeof(value));
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(value))
		return -EIO;
	*ret = value;
	return 0;
}

static int read_recorded(struct host *host, int32_t *ret)
{
	int64_t value = NOBODY_ASKS;
	int err = host_read_i64f(host, &value, "%s", recorded);
	bool is_held = host->held_latency_us >= 0;

	if (err && !(is_held && errno_is_absent(-err)))
		return err;
	if (value < 0 || value > INT32_MAX)
		return -EINVAL;
	*ret = is_held && host->held_latency_us < value ? host->held_latency_us : (int32_t)value;
	return 0;
}

int host_read_latency(struct host *host, int32_t *ret)
{
	char text[16];

	if (!host_is_this_machine(host))
		return read_recorded(host, ret);

	int err = read_device(host, ret);
	if (host->record && err) {
		host_record_file(host, recorded, NULL, err);
	} else if (host->record) {
		int len = snprintf(text, sizeof(text), "%d\n", (int)*ret);

		host_record_extra(host, recorded, text, (size_t)len);
	}
	return err;
}

bool host_is_holding(const struct host *host)
{
	return host->latency_fd >= 0 || host->held_latency_us >= 0;
}

int host_hold_latency(struct host *host, int32_t latency_us)
{
	int err = host_check_armed(host);

	if (err)
		return err;
	if (latency_us < -1)
		return -EINVAL;
	if (host->kind != HOST_LIVE) {
		host->held_latency_us = latency_us;
		return 0;
	}
	if (latency_us < 0) {
		fd_closep(&host->latency_fd);
		host->latency_fd = -1;
		return 0;
	}
	/* A held one is changed by another write to it. */
	_cleanup_(fd_closep) int fd = -1;
	if (host->latency_fd < 0) {
		fd = host_dir_open_path(host, device, O_RDWR | O_NONBLOCK);
		if (fd < 0)
			return fd;
	}
	ssize_t n = write(fd >= 0 ? fd : host->latency_fd, &latency_us, sizeof(latency_us));
	if (n != (ssize_t)sizeof(latency_us))
		return n < 0 ? -errno : -EIO;
	if (fd >= 0)
		host->latency_fd = fd;
	fd = -1;
	return 0;
}
