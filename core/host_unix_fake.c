/* The unix sockets of fake hosts: what a test said they answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_internal.h"
#include "core/host_unix.h"

struct answer {
	char *request; /* NULL: the greeting */
	char *reply;   /* NULL: -err */
	int err;
	bool is_used;
	struct answer *next;
};

struct host_fake_socket {
	char *path;
	pid_t peer;
	struct answer *answers; /* in the order given */
	struct host_fake_socket *next;
};

void host_fake_sockets_free(struct host_fake_socket *sockets)
{
	while (sockets) {
		struct host_fake_socket *next = sockets->next;

		while (sockets->answers) {
			struct answer *rest = sockets->answers->next;

			free(sockets->answers->request);
			free(sockets->answers->reply);
			free(sockets->answers);
			sockets->answers = rest;
		}
		free(sockets->path);
		free(sockets);
		sockets = next;
	}
}

static struct host_fake_socket *find(const struct host *host, const char *path)
{
	struct host_fake_socket *socket = host->fake_sockets;

	while (socket && strcmp(socket->path, path) != 0)
		socket = socket->next;
	return socket;
}

static struct host_fake_socket *find_or_add(struct host *host, const char *path)
{
	struct host_fake_socket *socket = find(host, path);

	if (socket)
		return socket;
	socket = xcalloc(1, sizeof(*socket));
	socket->path = xstrdup(path);
	socket->next = host->fake_sockets;
	host->fake_sockets = socket;
	return socket;
}

void host_fake_unix(struct host *host, const char *path, const char *request, const char *reply,
		    int err)
{
	struct answer **end = &find_or_add(host, path)->answers;
	struct answer *answer = xcalloc(1, sizeof(*answer));

	while (*end)
		end = &(*end)->next;
	*end = answer;
	answer->request = request ? xstrdup(request) : NULL;
	answer->reply = reply ? xstrdup(reply) : NULL;
	answer->err = abs(err);
}

void host_fake_unix_peer(struct host *host, const char *path, pid_t pid)
{
	find_or_add(host, path)->peer = pid;
}

int host_fake_unix_connect(struct host *host, const char *path, pid_t *ret_peer)
{
	const struct host_fake_socket *socket = find(host, path);

	if (!socket)
		return -ENOENT;
	*ret_peer = socket->peer;
	return 0;
}

static bool is_for(const struct answer *answer, const char *request)
{
	return request ? answer->request && !strcmp(answer->request, request) : !answer->request;
}

ssize_t host_fake_unix_ask(struct host *host, const char *path, const char *request, char *buf,
			   size_t size)
{
	const struct host_fake_socket *socket = find(host, path);
	struct answer *found = NULL;

	/* The first one that was not given yet, else the last one again. */
	for (struct answer *a = socket ? socket->answers : NULL; a; a = a->next) {
		if (!is_for(a, request))
			continue;
		found = a;
		if (!a->is_used)
			break;
	}
	if (!found) /* a peer that does not know the question says nothing */
		return -ETIMEDOUT;
	if (found->reply && strlen(found->reply) > size)
		return -EFBIG; /* asked again with more room */
	found->is_used = true;
	if (!found->reply)
		return -found->err;
	memcpy(buf, found->reply, strlen(found->reply));
	return (ssize_t)strlen(found->reply);
}
