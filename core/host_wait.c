/* Waiting for a descriptor with a deadline, and ending such a wait from another thread. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/host_internal.h"

static uint64_t monotonic_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

int host_interruptible(struct host *host)
{
	if (host->interrupt_fd >= 0)
		return 0;
	host->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return host->interrupt_fd < 0 ? -errno : 0;
}

void host_interrupt(struct host *host)
{
	uint64_t one = 1;

	atomic_store(&host->is_interrupted, true);
	if (host->interrupt_fd >= 0)
		(void)!write(host->interrupt_fd, &one, sizeof(one));
}

int host_wait_many(const struct host *host, struct pollfd *fds, size_t n, uint64_t deadline_ns)
{
	fds[n] = (struct pollfd){.fd = host->interrupt_fd, .events = POLLIN}; /* -1 is skipped */
	for (;;) {
		uint64_t now_ns = monotonic_ns();
		uint64_t left = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
		struct timespec timeout = {
			.tv_sec = (time_t)(left / NSEC_PER_SEC),
			.tv_nsec = (long)(left % NSEC_PER_SEC),
		};
		int ready = ppoll(fds, n + 1, &timeout, NULL);

		if (atomic_load(&host->is_interrupted))
			return -ECANCELED;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0)
			return 0;
		if (!left)
			return -ETIMEDOUT;
	}
}

int host_wait(const struct host *host, int fd, short events, uint64_t deadline_ns)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events}};

	return host_wait_many(host, fds, 1, deadline_ns);
}
