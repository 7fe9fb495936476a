/*
 * Which docker engines run here: each dockerd's sockets and data root, as its command line and its
 * configuration file say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "core/parse.h"
#include "probes/container_internal.h"

#define USUAL_CONFIGURATION "etc/docker/daemon.json"

void container_texts_add(struct container_texts *texts, const char *text)
{
	for (unsigned i = 0; i < texts->n; i++) {
		if (!strcmp(texts->at[i], text))
			return;
	}
	texts->at = xrealloc(texts->at, (texts->n + 1) * sizeof(*texts->at));
	texts->at[texts->n++] = xstrdup(text);
}

void container_texts_done(struct container_texts *texts)
{
	for (unsigned i = 0; i < texts->n; i++)
		free(texts->at[i]);
	free(texts->at);
	*texts = (struct container_texts){0};
}

/* "unix:///run/x.sock" is a socket at "run/x.sock"; "unix://" alone is the usual one, which is
 * looked for anyway. */
void container_texts_add_socket(struct container_texts *texts, const char *text)
{
	static const char scheme[] = "unix:///";

	if (!strncmp(text, scheme, sizeof(scheme) - 1) && text[sizeof(scheme) - 1])
		container_texts_add(texts, text + sizeof(scheme) - 1);
}

/* An absolute path, "/var/lib/x". */
void container_texts_add_path(struct container_texts *texts, const char *text)
{
	if (text[0] == '/' && text[1])
		container_texts_add(texts, text + 1);
}

/* The value of "--name=value", "--name value", "-x value", "-x=value", "-xvalue", or NULL. */
static const char *option_value(const char *argument, const char *name, const char *next)
{
	size_t n = strlen(name);

	if (strncmp(argument, name, n) != 0)
		return NULL;
	if (argument[n] == '=')
		return argument + n + 1;
	if (!argument[n])
		return next;
	return name[1] == '-' ? NULL : argument + n;
}

void container_dockerd_arguments(const char *cmdline, size_t len, struct container_daemon *daemon)
{
	static const struct {
		const char *name;
		enum { SOCKET, ROOT, CONFIGURATION } type;
	} options[] = {
		{"-H", SOCKET}, {"--host", SOCKET}, {"--data-root", ROOT},
		{"-g", ROOT},	{"--graph", ROOT},  {"--config-file", CONFIGURATION},
	};

	for (size_t at = 0; at < len; at += strlen(cmdline + at) + 1) {
		size_t behind = at + strlen(cmdline + at) + 1;
		const char *next = behind < len ? cmdline + behind : "";

		for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
			const char *value = option_value(cmdline + at, options[i].name, next);

			if (!value)
				continue;
			switch (options[i].type) {
			case SOCKET:
				container_texts_add_socket(&daemon->sockets, value);
				break;
			case ROOT:
				container_texts_add_path(&daemon->roots, value);
				break;
			case CONFIGURATION:
				container_texts_add_path(&daemon->configurations, value);
				break;
			}
		}
	}
}

void container_daemon_done(struct container_daemon *daemon)
{
	container_texts_done(&daemon->sockets);
	container_texts_done(&daemon->roots);
	container_texts_done(&daemon->configurations);
}

/* Root's, and with the host's view of the files: one in a container speaks of other paths, and
 * anybody can call his program dockerd. */
static bool is_trusted(const struct container_state *state, struct host *host, const char *pid)
{
	char status[8192], link[64];
	const char *uid;

	if (host_readf(host, status, sizeof(status), "proc/%s/status", pid) < 0)
		return false;
	uid = strstr(status, "\nUid:\t");
	return uid && !strncmp(uid + 6, "0\t0\t0\t", 6) && state->host_namespaces[2] &&
	       host_readlinkf(host, link, sizeof(link), "proc/%s/ns/mnt", pid) > 0 &&
	       !strcmp(link, state->host_namespaces[2]);
}

/* Never recorded: it may hold passwords of proxies and of log servers. A daemon that cannot read
 * its file would not run, so that ours is not worth a word. */
static void read_configuration(struct host *host, const char *path, struct container_daemon *daemon)
{
	_cleanup_(freep) char *text = xcalloc(1, JSON_LIMIT_BYTES + 1);
	ssize_t n = host_peek_bytesf(host, text, JSON_LIMIT_BYTES + 1, "%s", path);

	if (n > 0)
		(void)!container_json_daemon(text, (size_t)n, daemon);
}

void container_daemons_find(struct container_state *state, struct host *host,
			    struct container_daemon *ret)
{
	struct host_dirs processes = {0};
	char comm[32], cmdline[8192];

	if (host_list_dirsf(host, &processes, "proc") < 0)
		return;
	for (size_t i = 0; i < processes.n; i++) {
		const char *pid = processes.at[i].name;

		/* What else runs here is nothing for a recording. */
		if (*pid < '1' || *pid > '9' ||
		    host_peek_bytesf(host, comm, sizeof(comm), "proc/%s/comm", pid) < 0 ||
		    strncmp(comm, "dockerd", 7) != 0 ||
		    host_readf(host, comm, sizeof(comm), "proc/%s/comm", pid) < 0 ||
		    strcmp(comm, "dockerd") != 0 || !is_trusted(state, host, pid))
			continue;

		ssize_t n =
			host_read_bytesf(host, cmdline, sizeof(cmdline), "proc/%s/cmdline", pid);

		if (n <= 0)
			continue;

		unsigned n_before = ret->configurations.n;

		container_dockerd_arguments(cmdline, (size_t)n, ret);
		if (ret->configurations.n == n_before)
			container_texts_add(&ret->configurations, USUAL_CONFIGURATION);
	}
	host_dirs_done(&processes);
	for (unsigned i = 0; i < ret->configurations.n; i++)
		read_configuration(host, ret->configurations.at[i], ret);
}
