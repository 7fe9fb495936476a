/*
 * Names and images from the engines: docker's API and podman's over their unix sockets, and where
 * nobody answers, their state files.
 *
 * An engine is asked only about containers whose groups are there, by their ids, some at a time,
 * and then left alone about them for a while. A peer may be hostile, slow or silent: each question
 * has its time, and a socket that failed is not tried again for longer and longer. A user's own
 * engine is asked about groups below that user's slice and about no others, because it could say
 * anything of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/json_limits.h"
#include "core/parse.h"
#include "probes/container_internal.h"
#include "probes/read.h"

#define BATCH 32u /* ids of one question: some 3 KiB of answer each */
#define ASK_NS (NSEC_PER_SEC / 2)
#define RUN_NS NSEC_PER_SEC	     /* for all questions of a run */
#define AGAIN_NS (30 * NSEC_PER_SEC) /* a container may be renamed */
#define SOON_NS (2 * NSEC_PER_SEC)
#define FIRST_PAUSE_NS (5 * NSEC_PER_SEC)
#define LONGEST_PAUSE_NS (60 * NSEC_PER_SEC)
#define SEARCH_NS (10 * NSEC_PER_SEC)
#define FILES_PER_RUN 64u
#define SOCKETS_MAX 64u

struct socket {
	char *path;
	unsigned user_uid; /* whose engine; 0: the host's */
	bool is_podman;
	bool is_listed;
	uint64_t retry_ns, pause_ns;
	char state[160]; /* why it could not be asked; "" */
};

struct container_engines {
	struct socket sockets[SOCKETS_MAX];
	unsigned n_sockets;
	unsigned turn; /* of the socket that is asked first */
	struct container_texts data_roots;
	uint64_t searched_ns; /* 0: never */
};

/* --- where they listen --- */

static void list_socket(struct container_engines *engines, const char *path, unsigned user_uid)
{
	for (unsigned i = 0; i < engines->n_sockets; i++) {
		if (!strcmp(engines->sockets[i].path, path)) {
			engines->sockets[i].is_listed = true;
			return;
		}
	}
	if (engines->n_sockets == SOCKETS_MAX)
		return;
	engines->sockets[engines->n_sockets++] = (struct socket){
		.path = xstrdup(path),
		.user_uid = user_uid,
		.is_podman = strstr(path, "podman") != NULL,
		.is_listed = true,
	};
}

static void find_daemons(struct container_state *state, struct host *host)
{
	struct container_engines *engines = state->engines;
	struct container_daemon found = {0};

	container_daemons_find(state, host, &found);
	for (unsigned i = 0; i < found.sockets.n; i++)
		list_socket(engines, found.sockets.at[i], 0);
	for (unsigned i = 0; i < found.roots.n; i++)
		container_texts_add(&engines->data_roots, found.roots.at[i]);
	container_daemon_done(&found);
}

static void find_users(struct container_engines *engines, struct host *host)
{
	struct host_dirs users = {0};

	if (host_list_dirsf(host, &users, "run/user") < 0)
		return;
	for (size_t i = 0; i < users.n; i++) {
		_cleanup_(freep) char *podman =
			xasprintf("run/user/%s/podman/podman.sock", users.at[i].name);
		_cleanup_(freep) char *docker =
			xasprintf("run/user/%s/docker.sock", users.at[i].name);
		uint64_t uid;

		if (parse_u64(users.at[i].name, &uid) < 0 || !uid || uid >= UINT32_MAX)
			continue;
		if (host_existsf(host, "%s", podman))
			list_socket(engines, podman, (unsigned)uid);
		if (host_existsf(host, "%s", docker))
			list_socket(engines, docker, (unsigned)uid);
	}
	host_dirs_done(&users);
}

static void drop_unlisted(struct container_engines *engines)
{
	unsigned n = 0;

	for (unsigned i = 0; i < engines->n_sockets; i++) {
		if (engines->sockets[i].is_listed)
			engines->sockets[n++] = engines->sockets[i];
		else
			free(engines->sockets[i].path);
	}
	engines->n_sockets = n;
}

static void search(struct container_state *state, struct host *host, const struct sample *out)
{
	static const char *const usual[] = {"run/docker.sock", "run/podman/podman.sock"};
	struct container_engines *engines = state->engines;

	if (engines->searched_ns && !out->is_thorough &&
	    out->time_ns - engines->searched_ns < SEARCH_NS)
		return;
	engines->searched_ns = out->time_ns ? out->time_ns : 1;
	for (unsigned i = 0; i < engines->n_sockets; i++)
		engines->sockets[i].is_listed = false;
	container_texts_done(&engines->data_roots);
	container_texts_add(&engines->data_roots, "var/lib/docker");
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (host_existsf(host, "%s", usual[i]))
			list_socket(engines, usual[i], 0);
	}
	find_daemons(state, host);
	find_users(engines, host);
	drop_unlisted(engines);
}

/* --- asking one --- */

static void fail(struct socket *socket, const struct sample *out, const char *why, unsigned status)
{
	char more[32] = "";

	if (status)
		(void)snprintf(more, sizeof(more), " (status %u)", status);
	(void)snprintf(socket->state, sizeof(socket->state), "%s%s", why, more);
	socket->pause_ns = socket->pause_ns ? 2 * socket->pause_ns : FIRST_PAUSE_NS;
	if (socket->pause_ns > LONGEST_PAUSE_NS)
		socket->pause_ns = LONGEST_PAUSE_NS;
	socket->retry_ns = out->time_ns + socket->pause_ns;
}

/* GET .../containers/json?all=1&filters={"id":["ID",...]} */
static char *request_for(const struct socket *socket, const struct container_wanted *wanted,
			 unsigned n)
{
	size_t size = 512 + n * 80, used = 0;
	char *text = xcalloc(1, size);

	used = (size_t)snprintf(text, size,
				"GET %s/containers/json?all=true&filters=%%7B%%22id%%22%%3A%%5B",
				socket->is_podman ? "/v4.0.0/libpod" : "");
	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%%22%s%%22", i ? "%2C" : "",
					 wanted[i].id);
	(void)snprintf(text + used, size - used,
		       "%%5D%%7D HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	return text;
}

static int ask(struct socket *socket, struct host *host, const struct sample *out,
	       struct container_wanted *wanted, unsigned n)
{
	static const struct host_unix_options options = {
		.framing = HOST_UNIX_UNTIL_CLOSE,
		.timeout_ns = ASK_NS,
		.reply_max = JSON_LIMIT_BYTES + (size_t)8 * 1024,
	};
	_cleanup_(freep) char *request = request_for(socket, wanted, n);
	struct host_unix *connection = NULL;
	const char *reply, *body;
	unsigned status = 0;
	size_t len;
	int r = host_unix_connectf(host, &options, &connection, "%s", socket->path);
	ssize_t got = r < 0 ? r : host_unix_ask(connection, request, &reply);

	if (got < 0) {
		fail(socket, out, host_unix_reason((int)got), 0);
		host_unix_close(connection);
		return (int)got;
	}
	r = container_http_body(reply, (size_t)got, &body, &len, &status);
	if (r < 0) {
		fail(socket, out, r == -EPROTO ? "not what HTTP answers" : "refused", status);
	} else {
		r = container_json_list(body, len, wanted, n);
		if (r < 0)
			fail(socket, out,
			     r == -EPROTO ? "not a list of containers" : json_limits_reason(r), 0);
	}
	host_unix_close(connection);
	if (r == 0) {
		socket->state[0] = '\0';
		socket->pause_ns = socket->retry_ns = 0;
	}
	return r;
}

/* --- who is to be asked about --- */

static bool may_be(const struct socket *socket, const struct cgroup_node *node)
{
	const struct cgroup_name *name = &node->name;

	if (socket->user_uid != name->user_uid)
		return false;
	switch (name->engine) {
	case CGROUP_ENGINE_DOCKER:
		return !socket->is_podman;
	case CGROUP_ENGINE_PODMAN:
		return socket->is_podman;
	case CGROUP_ENGINE_NONE: /* an identifier below a parent of the user's choice */
	case CGROUP_ENGINE_CRI:	 /* the kubelet with docker, cgroupfs driver */
		return true;
	case CGROUP_ENGINE_SYSTEMD:
	case CGROUP_ENGINE_CONTAINERD:
	case CGROUP_ENGINE_CRIO:
	case CGROUP_ENGINE_LXC:
	case CGROUP_ENGINE_NSPAWN:
	case CGROUP_ENGINE_LIBVIRT:
		return false;
	}
	return false;
}

static bool is_due(const struct cgroup_node *node, const struct sample *out)
{
	const struct container *container = node->data;

	return container && node->name.role == CGROUP_ROLE_CONTAINER && node->name.id[0] &&
	       (!container->asked_ns || out->is_thorough ||
		out->time_ns - container->asked_ns >= AGAIN_NS);
}

static void take_answers(const struct socket *socket, struct container **containers,
			 const struct container_wanted *wanted, unsigned n,
			 const struct sample *out)
{
	for (unsigned i = 0; i < n; i++) {
		if (!wanted[i].is_found)
			continue;
		containers[i]->asked_ns = out->time_ns ? out->time_ns : 1;
		containers[i]->source = socket->is_podman ? "podman API" : "docker API";
		containers[i]->facts.engine =
			socket->is_podman ? CGROUP_ENGINE_PODMAN : CGROUP_ENGINE_DOCKER;
	}
}

static void ask_socket(struct container_state *state, struct socket *socket, struct host *host,
		       const struct sample *out, uint64_t end_ns)
{
	struct container_wanted wanted[BATCH];
	struct container *containers[BATCH];
	unsigned n = 0;

	for (struct cgroup_node *node = state->tree.root; node; node = cgroup_tree_next(node)) {
		if (!is_due(node, out) || !may_be(socket, node))
			continue;

		struct container *container = node->data;

		if (container->source && container->asked_ns == out->time_ns)
			continue; /* another socket has just told */
		containers[n] = container;
		wanted[n++] =
			(struct container_wanted){.id = node->name.id, .facts = &container->facts};
		if (n < BATCH)
			continue;
		if (host_now_ns(host) > end_ns || ask(socket, host, out, wanted, n) < 0)
			return;
		take_answers(socket, containers, wanted, n, out);
		n = 0;
	}
	if (n && host_now_ns(host) <= end_ns && ask(socket, host, out, wanted, n) == 0)
		take_answers(socket, containers, wanted, n, out);
}

/* --- state files --- */

static int read_docker(const struct container_engines *engines, struct host *host, const char *id,
		       struct container_facts *ret)
{
	int r = -ENOENT;

	for (unsigned i = 0; i < engines->data_roots.n && r < 0; i++)
		r = container_files_docker(host, engines->data_roots.at[i], id, ret);
	return r;
}

static void read_files(const struct container_engines *engines, struct host *host,
		       struct cgroup_node *node, struct sample *out)
{
	struct container *container = node->data;
	struct container_facts facts = {0};
	enum cgroup_engine engine = node->name.engine;
	const char *id = node->name.id, *source = "docker files";
	bool is_open = engine == CGROUP_ENGINE_NONE || engine == CGROUP_ENGINE_CRI;
	int r = -ENOENT;

	/* Whatever lies in the host's directories says nothing of a user's containers. */
	if (node->name.user_uid)
		return;
	if (is_open || engine == CGROUP_ENGINE_DOCKER)
		r = read_docker(engines, host, id, &facts);
	if (r < 0 &&
	    (is_open || engine == CGROUP_ENGINE_CONTAINERD || engine == CGROUP_ENGINE_DOCKER)) {
		container_facts_done(&facts);
		source = "containerd files";
		r = container_files_containerd(host, id, &facts);
	}
	if (r < 0 && (is_open || engine == CGROUP_ENGINE_PODMAN || engine == CGROUP_ENGINE_CRIO)) {
		container_facts_done(&facts);
		source = "storage files";
		r = container_files_storage(host, id, &facts);
	}
	if (r < 0) {
		container_facts_done(&facts);
		if (r != -ENODATA && !errno_is_absent(-r))
			read_notef(out, r, "state files of %.12s", id);
		return;
	}
	container_facts_done(&container->facts);
	container->facts = facts;
	container->source = source;
}

static void ask_files(struct container_state *state, struct host *host, struct sample *out)
{
	unsigned left = out->is_thorough ? CGROUP_NODES_MAX : FILES_PER_RUN;
	uint64_t asked_ns = out->time_ns ? out->time_ns : 1;

	/* Sockets that this run did not reach may know more, soon. */
	if (state->engines->turn && asked_ns > AGAIN_NS)
		asked_ns -= AGAIN_NS - SOON_NS;

	for (struct cgroup_node *node = state->tree.root; node && left;
	     node = cgroup_tree_next(node)) {
		struct container *container = node->data;

		if (!is_due(node, out) || container->asked_ns == out->time_ns)
			continue;
		read_files(state->engines, host, node, out);
		container->asked_ns = asked_ns;
		left--;
	}
}

/* Silent ones use up the run's time: the next run begins with the one that it did not reach. */
static void ask_sockets(struct container_state *state, struct host *host, struct sample *out,
			uint64_t end_ns)
{
	struct container_engines *engines = state->engines;
	unsigned first = engines->turn, n = engines->n_sockets;

	engines->turn = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (first + i) % n;
		struct socket *socket = &engines->sockets[at];

		if (host_now_ns(host) > end_ns) {
			engines->turn = at;
			break;
		}
		if (!socket->retry_ns || out->time_ns >= socket->retry_ns || out->is_thorough)
			ask_socket(state, socket, host, out, end_ns);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct socket *socket = &engines->sockets[i];

		if (socket->state[0] && !out->error)
			sample_errorf(out, "%s: %s", socket->path, socket->state);
	}
}

void container_engines_ask(struct container_state *state, struct host *host, struct sample *out)
{
	uint64_t end_ns = host_now_ns(host) + RUN_NS;
	bool is_any_due = false;

	for (struct cgroup_node *node = state->tree.root; node && !is_any_due;
	     node = cgroup_tree_next(node))
		is_any_due = is_due(node, out);
	if (!is_any_due)
		return;
	if (!state->engines)
		state->engines = xcalloc(1, sizeof(*state->engines));
	search(state, host, out);
	ask_sockets(state, host, out, end_ns);
	ask_files(state, host, out);
}

void container_engines_free(struct container_engines *engines)
{
	if (!engines)
		return;
	for (unsigned i = 0; i < engines->n_sockets; i++)
		free(engines->sockets[i].path);
	container_texts_done(&engines->data_roots);
	free(engines);
}
