/* What engines say in JSON, in replies and in their state files: types and lengths checked. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_limits.h"
#include "probes/container_internal.h"

#define TEXT_LEN_MAX 512u

void container_facts_done(struct container_facts *facts)
{
	free(facts->name);
	free(facts->image);
	free(facts->pod);
	free(facts->namespace);
	free(facts->state);
	*facts = (struct container_facts){0};
}

static void put_object(struct json_object **object)
{
	(void)json_object_put(*object);
}

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value;

	if (!object || !json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

/* NULL: none, empty, or far too long. Borrowed. */
static const char *text_of(struct json_object *value)
{
	if (!value || !json_object_is_type(value, json_type_string))
		return NULL;

	const char *text = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);

	return len && len <= TEXT_LEN_MAX && strlen(text) == len ? text : NULL;
}

static const char *member_text(struct json_object *object, const char *key)
{
	return text_of(member(object, key, json_type_string));
}

static void take_text(char **to, const char *text)
{
	if (!text || *to)
		return;
	*to = xstrdup(text);
}

/* docker's names begin with a slash. */
static void take_name(struct container_facts *facts, const char *name)
{
	if (name && *name == '/')
		name++;
	take_text(&facts->name, name && *name ? name : NULL);
}

static void take_pid(struct container_facts *facts, struct json_object *value)
{
	int64_t pid = value ? json_object_get_int64(value) : 0;

	if (pid > 0 && pid <= INT32_MAX)
		facts->pid = (pid_t)pid;
}

/* The kubelet's own words, where docker or a CRI runtime was given them. */
static void take_labels(struct container_facts *facts, struct json_object *labels)
{
	static const char *const pods[] = {"io.kubernetes.pod.name",
					   "io.kubernetes.cri.sandbox-name"};
	static const char *const namespaces[] = {"io.kubernetes.pod.namespace",
						 "io.kubernetes.cri.sandbox-namespace"};

	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		take_text(&facts->pod, member_text(labels, pods[i]));
		take_text(&facts->namespace, member_text(labels, namespaces[i]));
	}
}

/* --- lists of the engines' APIs --- */

static void take_listed(struct json_object *object, struct container_facts *facts)
{
	struct json_object *names = member(object, "Names", json_type_array);
	struct json_object *labels = member(object, "Labels", json_type_object);

	if (names && json_object_array_length(names))
		take_name(facts, text_of(json_object_array_get_idx(names, 0)));
	take_text(&facts->image, member_text(object, "Image"));
	take_text(&facts->state, member_text(object, "State"));
	take_text(&facts->pod, member_text(object, "PodName")); /* podman */
	take_pid(facts, member(object, "Pid", json_type_int));	/* podman */
	take_labels(facts, labels);
}

int container_json_list(const char *text, size_t len, struct container_wanted *wanted, unsigned n)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;
	if (!json_object_is_type(root, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(root); i++) {
		struct json_object *object = json_object_array_get_idx(root, i);
		const char *id = member_text(object, "Id");

		for (unsigned w = 0; id && w < n; w++) {
			if (strcmp(id, wanted[w].id) != 0 || wanted[w].is_found)
				continue;
			container_facts_done(wanted[w].facts);
			take_listed(object, wanted[w].facts);
			/* Without a name it says nothing, and the state files may. */
			wanted[w].is_found = wanted[w].facts->name != NULL;
			if (!wanted[w].is_found)
				container_facts_done(wanted[w].facts);
		}
	}
	return 0;
}

/* --- state files --- */

static bool is_true(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

int container_json_docker(const char *text, size_t len, struct container_facts *ret)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;

	struct json_object *config = member(root, "Config", json_type_object);
	struct json_object *state = member(root, "State", json_type_object);

	if (!config || !state || !member_text(root, "Name"))
		return -EPROTO;
	take_name(ret, member_text(root, "Name"));
	take_text(&ret->image, member_text(config, "Image"));
	take_labels(ret, member(config, "Labels", json_type_object));
	take_pid(ret, member(state, "Pid", json_type_int));
	take_text(&ret->state, is_true(state, "Paused")	      ? "paused"
			       : is_true(state, "Restarting") ? "restarting"
			       : is_true(state, "Running")    ? "running"
							      : "exited");
	ret->engine = CGROUP_ENGINE_DOCKER;
	return 0;
}

int container_json_oci(const char *text, size_t len, struct container_facts *ret)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;
	if (!member_text(root, "ociVersion"))
		return -EPROTO;

	struct json_object *notes = member(root, "annotations", json_type_object);
	const char *type = member_text(notes, "io.kubernetes.cri.container-type");

	/* The sandbox holds a pod's namespaces and has no name of its own. */
	take_text(&ret->name, type && !strcmp(type, "sandbox")
				      ? "(sandbox)"
				      : member_text(notes, "io.kubernetes.cri.container-name"));
	take_text(&ret->name, member_text(notes, "io.kubernetes.container.name"));
	take_text(&ret->name, member_text(notes, "nerdctl/name"));
	take_text(&ret->image, member_text(notes, "io.kubernetes.cri.image-name"));
	take_text(&ret->image, member_text(notes, "io.kubernetes.cri-o.ImageName"));
	take_labels(ret, notes);
	return 0;
}

/* The metadata is JSON in a string. */
static void take_metadata(struct container_facts *facts, struct json_object *object)
{
	struct json_object *quoted = member(object, "metadata", json_type_string);
	_cleanup_(put_object) struct json_object *metadata = NULL;

	if (!quoted || json_limits_parse(json_object_get_string(quoted),
					 (size_t)json_object_get_string_len(quoted), &metadata) < 0)
		return;
	take_text(&facts->image, member_text(metadata, "image-name"));
	take_text(&facts->pod, member_text(metadata, "pod-name"));
	take_text(&facts->namespace, member_text(metadata, "namespace"));
	take_text(&facts->name, member_text(metadata, "name"));
}

int container_json_storage(const char *text, size_t len, const char *id,
			   struct container_facts *ret)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;
	if (!json_object_is_type(root, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(root); i++) {
		struct json_object *object = json_object_array_get_idx(root, i);
		struct json_object *names = member(object, "names", json_type_array);
		const char *this = member_text(object, "id");

		if (!this || strcmp(this, id) != 0)
			continue;
		if (names && json_object_array_length(names))
			take_name(ret, text_of(json_object_array_get_idx(names, 0)));
		take_metadata(ret, object);
		return 0;
	}
	return -ENODATA;
}

int container_json_daemon(const char *text, size_t len, struct container_daemon *daemon)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;
	if (!json_object_is_type(root, json_type_object))
		return -EPROTO;

	struct json_object *hosts = member(root, "hosts", json_type_array);

	for (size_t i = 0; hosts && i < json_object_array_length(hosts); i++) {
		const char *socket = text_of(json_object_array_get_idx(hosts, i));

		if (socket)
			container_texts_add_socket(&daemon->sockets, socket);
	}

	const char *data_root = member_text(root, "data-root");
	const char *graph = member_text(root, "graph");

	if (data_root || graph)
		container_texts_add_path(&daemon->roots, data_root ? data_root : graph);
	return 0;
}

static int take_list(struct json_object *root, const char *key, char *buf, size_t size)
{
	const char *text = member_text(root, key);
	int n = snprintf(buf, size, "%s", text ? text : "");

	return n < 0 || (size_t)n >= size ? -EPROTO : 0;
}

/* Absent is 0, as docker leaves out or writes. */
static int64_t take_number(struct json_object *root, const char *key)
{
	struct json_object *value = member(root, key, json_type_int);

	return value ? json_object_get_int64(value) : 0;
}

static uint64_t take_count(struct json_object *root, const char *key)
{
	int64_t value = take_number(root, key);

	return value > 0 ? (uint64_t)value : 0;
}

int container_json_limits(const char *text, size_t len, struct container_limits *ret)
{
	_cleanup_(put_object) struct json_object *root = NULL;
	struct container_limits limits;
	int r = json_limits_parse(text, len, &root);

	if (r < 0)
		return r;
	if (!json_object_is_type(root, json_type_object))
		return -EPROTO;
	r = take_list(root, "CpusetCpus", limits.cpus, sizeof(limits.cpus));
	if (r == 0)
		r = take_list(root, "CpusetMems", limits.mems, sizeof(limits.mems));
	if (r < 0)
		return r;
	limits.nano_cpus = take_count(root, "NanoCpus");
	limits.period_us = take_count(root, "CpuPeriod");
	limits.shares = take_count(root, "CpuShares");
	limits.quota_us = take_number(root, "CpuQuota");
	*ret = limits;
	return 0;
}
