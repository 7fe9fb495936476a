/*
 * Which processes have a telemetry socket: the runtime directories of root, of every user, and the
 * last resort of both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "probes/dpdk_internal.h"
#include "probes/read.h"

#define SOCKET_NAME "dpdk_telemetry.v2"

void dpdk_process_free(struct dpdk_process *process)
{
	host_unix_close(process->socket);
	dpdk_lcores_free(process->lcores, process->n_lcores);
	free(process->path);
	free(process->prefix);
	free(process);
}

static void note_socket(struct dpdk_state *state, const char *path, const char *prefix)
{
	for (unsigned i = 0; i < state->n; i++) {
		if (!strcmp(state->processes[i]->path, path)) {
			state->processes[i]->is_listed = true;
			return;
		}
	}
	if (state->n == DPDK_PROCESSES_MAX) {
		state->is_cut = true;
		return;
	}

	struct dpdk_process *process = xcalloc(1, sizeof(*process));

	process->path = xstrdup(path);
	process->prefix = xstrdup(prefix);
	process->is_listed = true;
	state->processes[state->n++] = process;
}

/* DIR/PREFIX/dpdk_telemetry.v2 and, of processes that share a prefix, ...v2:N. where: "" or "@who".
 */
static int find_in(struct dpdk_state *state, struct host *host, const char *dir, const char *where)
{
	struct host_names prefixes = {0}, names = {0};
	int r = host_listf(host, &prefixes, "%s", dir);

	if (r < 0)
		return r;
	for (size_t i = 0; i < prefixes.n; i++) {
		const char *prefix = prefixes.names[i];

		if (host_listf(host, &names, "%s/%s", dir, prefix) < 0)
			continue;
		for (size_t k = 0; k < names.n; k++) {
			const char *more = names.names[k] + sizeof(SOCKET_NAME) - 1;

			if (strncmp(names.names[k], SOCKET_NAME, sizeof(SOCKET_NAME) - 1) != 0 ||
			    (*more && *more != ':'))
				continue;

			_cleanup_(freep) char *path =
				xasprintf("%s/%s/%s", dir, prefix, names.names[k]);
			_cleanup_(freep) char *key = xasprintf("%s%s%s", prefix, more, where);

			note_socket(state, path, key);
		}
		host_names_done(&names);
	}
	host_names_done(&prefixes);
	return 0;
}

static void drop_unlisted(struct dpdk_state *state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < state->n; i++) {
		if (state->processes[i]->is_listed)
			state->processes[n++] = state->processes[i];
		else
			dpdk_process_free(state->processes[i]);
	}
	state->n = n;
}

/* RUNTIME_DIR of EAL (lib/eal/unix/eal_filesystem.c): root's, those of the users, the last resort.
 */
int dpdk_find(struct dpdk_state *state, struct host *host, struct sample *out)
{
	struct host_names users = {0};

	for (unsigned i = 0; i < state->n; i++)
		state->processes[i]->is_listed = false;
	state->is_cut = false;

	int r = find_in(state, host, "run/dpdk", "");

	(void)find_in(state, host, "tmp/dpdk", "@tmp");
	if (host_listf(host, &users, "run/user") == 0) {
		for (size_t i = 0; i < users.n; i++) {
			_cleanup_(freep) char *dir = xasprintf("run/user/%s/dpdk", users.names[i]);
			_cleanup_(freep) char *where = xasprintf("@%s", users.names[i]);

			(void)find_in(state, host, dir, where);
		}
		host_names_done(&users);
	}
	drop_unlisted(state);
	if (r < 0 && !errno_is_absent(-r))
		read_notef(out, r, "run/dpdk");
	return r < 0 && errno_is_denied(-r) && !state->n ? r : 0;
}
