/*
 * The files in which engines keep what they know: the way when nobody answers on a socket, and the
 * only one on a captured machine. Identifiers are hexadecimal or the names of directories in
 * containerd's own, so that they can be part of a path.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "core/parse.h"
#include "probes/container_internal.h"

#define TASKS_DIR "run/containerd/io.containerd.runtime.v2.task"

/* Whole; -EFBIG beyond what JSON may have. The caller frees it. */
static ssize_t read_json(struct host *host, const char *path, char **ret)
{
	_cleanup_(freep) char *text = xcalloc(1, JSON_LIMIT_BYTES + 1);
	ssize_t n = host_read(host, path, text, JSON_LIMIT_BYTES + 1);

	if (n < 0)
		return n;
	*ret = text;
	text = NULL;
	return n;
}

static int parse_oci(struct host *host, const char *path, struct container_facts *ret)
{
	_cleanup_(freep) char *text = NULL;
	ssize_t n = read_json(host, path, &text);

	return n < 0 ? (int)n : container_json_oci(text, (size_t)n, ret);
}

int container_files_docker(struct host *host, const char *data_root, const char *id,
			   struct container_facts *ret)
{
	/* config.json was what config.v2.json is now, until docker 1.10. */
	static const char *const files[] = {"config.v2.json", "config.json"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(freep) char *path =
			xasprintf("%s/containers/%s/%s", data_root, id, files[i]);
		_cleanup_(freep) char *text = NULL;
		ssize_t n = read_json(host, path, &text);

		if (n >= 0)
			return container_json_docker(text, (size_t)n, ret);
		if (r == -ENOENT)
			r = (int)n;
	}
	return r;
}

int container_files_containerd(struct host *host, const char *id, struct container_facts *ret)
{
	struct host_dirs namespaces = {0};
	int r = host_list_dirsf(host, &namespaces, TASKS_DIR);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < namespaces.n && r < 0; i++) {
		const char *namespace = namespaces.at[i].name;
		_cleanup_(freep) char *path =
			xasprintf(TASKS_DIR "/%s/%s/config.json", namespace, id);
		uint64_t pid;

		r = parse_oci(host, path, ret);
		if (r < 0)
			continue;
		if (host_read_u64f(host, &pid, TASKS_DIR "/%s/%s/init.pid", namespace, id) == 0 &&
		    pid <= INT32_MAX)
			ret->pid = (pid_t)pid;
		/* docker's own containers are tasks of its containerd, and docker knows more. */
		if (strcmp(namespace, "moby") != 0)
			ret->engine = CGROUP_ENGINE_CONTAINERD;
	}
	host_dirs_done(&namespaces);
	return r;
}

static struct cgroup_node *child_of(const struct cgroup_node *node, const char *base)
{
	struct cgroup_node *child = node ? node->children : NULL;

	while (child && strcmp(child->base, base) != 0)
		child = child->next;
	return child;
}

/* ctr puts a container that is called x in namespace y into /y/x (oci.WithDefaultSpec). */
static void mark_task(const struct cgroup_node *namespace, const char *id)
{
	struct cgroup_node *node = child_of(namespace, id);

	if (!node || node->name.engine != CGROUP_ENGINE_NONE ||
	    node->name.role != CGROUP_ROLE_GROUP || strlen(id) >= sizeof(node->name.id))
		return;
	node->name.engine = CGROUP_ENGINE_CONTAINERD;
	node->name.role = CGROUP_ROLE_CONTAINER;
	(void)snprintf(node->name.id, sizeof(node->name.id), "%s", id);
}

void container_files_mark_tasks(struct host *host, struct cgroup_tree *tree)
{
	struct host_dirs namespaces = {0};

	if (host_list_dirsf(host, &namespaces, TASKS_DIR) < 0)
		return;
	for (size_t i = 0; i < namespaces.n; i++) {
		const struct cgroup_node *group = child_of(tree->root, namespaces.at[i].name);
		struct host_dirs tasks = {0};

		if (!group ||
		    host_list_dirsf(host, &tasks, TASKS_DIR "/%s", namespaces.at[i].name) < 0)
			continue;
		for (size_t t = 0; t < tasks.n; t++)
			mark_task(group, tasks.at[t].name);
		host_dirs_done(&tasks);
	}
	host_dirs_done(&namespaces);
}

/* containers/storage: podman's and CRI-O's. */
int container_files_storage(struct host *host, const char *id, struct container_facts *ret)
{
	static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(drivers) && r < 0; i++) {
		_cleanup_(freep) char *config =
			xasprintf("run/containers/storage/%s-containers/%s/userdata/config.json",
				  drivers[i], id);
		_cleanup_(freep) char *list = xasprintf(
			"var/lib/containers/storage/%s-containers/containers.json", drivers[i]);
		_cleanup_(freep) char *text = NULL;
		ssize_t n = read_json(host, list, &text);

		/* CRI-O's annotations first: its names in the list are made up of several. */
		bool has_config = parse_oci(host, config, ret) == 0;

		if (n >= 0)
			r = container_json_storage(text, (size_t)n, id, ret);
		else if (r == -ENOENT)
			r = (int)n;
		if (has_config && (ret->name || ret->image))
			r = 0;
	}
	return r;
}
