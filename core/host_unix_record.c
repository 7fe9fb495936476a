/*
 * What the peers of unix sockets said, as files of a recording:
 * unix/SOCKET-PATH/peer (a process id), greeting, ask-REQUEST; further replies to a request are
 * ask-REQUEST+1 and so on. Requests are names with all but letters, digits and ",.-_" as %XX; very
 * long ones are their hash.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/host_internal.h"
#include "core/parse.h"

#define NAME_ROOM 160u

static void name_of_request(const char *request, char *buf, size_t size)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789,.-_";
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
	size_t n = 0;
	bool is_long = false;

	for (const char *p = request; *p; p++) {
		unsigned char c = (unsigned char)*p;

		hash = (hash ^ c) * UINT64_C(1099511628211);
		is_long |= n + 4 > size;
		if (!is_long)
			n += (size_t)(strchr(plain, c) ? snprintf(buf + n, size - n, "%c", c)
						       : snprintf(buf + n, size - n, "%%%02X", c));
	}
	if (is_long)
		(void)snprintf(buf, size, "%%%016" PRIx64, hash);
}

/* buf: HOST_PATH_MAX. -ENAMETOOLONG. */
static int path_of(const char *path, const char *request, unsigned nth, char *buf)
{
	char name[NAME_ROOM] = "greeting", more[16] = "";

	if (request)
		name_of_request(request, name, sizeof(name));
	if (nth)
		(void)snprintf(more, sizeof(more), "+%u", nth);

	/* The prefix keeps "." and "..", and "greeting" and "peer" apart from requests. */
	int len = snprintf(buf, HOST_PATH_MAX, "unix/%s/%s%s%s", path, request ? "ask-" : "", name,
			   more);

	return len > 0 && (unsigned)len < HOST_PATH_MAX ? 0 : -ENAMETOOLONG;
}

void host_record_unix(struct host *host, const char *path, const char *request, unsigned nth,
		      const char *reply, size_t len)
{
	char file[HOST_PATH_MAX];

	if (path_of(path, request, nth, file) == 0)
		host_record_extra(host, file, reply, len);
}

void host_record_unix_peer(struct host *host, const char *path, pid_t peer)
{
	char file[HOST_PATH_MAX], text[16];
	int len = snprintf(file, sizeof(file), "unix/%s/peer", path);

	if (len < 0 || (size_t)len >= sizeof(file))
		return;
	len = snprintf(text, sizeof(text), "%d\n", (int)peer);
	host_record_extra(host, file, text, (size_t)len);
}

ssize_t host_replay_unix(struct host *host, const char *path, const char *request, unsigned nth,
			 char *buf, size_t size)
{
	char file[HOST_PATH_MAX];
	int r = path_of(path, request, nth, file);

	if (r < 0)
		return r;

	ssize_t n = host->ops->read(host, file, buf, size);

	return n == -ENOENT || n == -ENOTDIR ? -ENODATA : n;
}

int host_replay_unix_peer(struct host *host, const char *path, pid_t *ret_peer)
{
	uint64_t pid;
	int r = host_read_u64f(host, &pid, "unix/%s/peer", path);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? -ENODATA : r;
	if (pid > INT32_MAX)
		return -EINVAL;
	*ret_peer = (pid_t)pid;
	return 0;
}
