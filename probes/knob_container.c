/*
 * CPU limits of containers and other control groups, through whoever keeps a record of them.
 *
 * docker's containers: its API (knob_docker.h). systemd's units: its bus (knob_systemd.h). Groups
 * of nobody: their files (knob_cgroup.h). All others are locked, with the command that changes them
 * so that it lasts: the kubelet writes its pods' every 10 s, podman and libvirt at their own
 * commands, and systemd, where its bus is not there, at daemon-reload.
 *
 * A target is named as its row is, "container:/PATH", or by at least 12 digits of its id,
 * "container:ID".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/knob.h"
#include "core/parse.h"
#include "core/text.h"
#include "probes/cgroup_tree.h"
#include "probes/container_internal.h"
#include "probes/knob_cgroup.h"
#include "probes/knob_docker.h"
#include "probes/knob_systemd.h"
#include "probes/read.h"

#define SHORT_ID 12u

extern const struct probe probe_container;

struct use {
	enum cgroup_controller controller;
	enum docker_field field;
	const char *v1, *v2; /* files */
	const char *choices;
	const char *option;   /* of `docker update` and `podman update` */
	const char *property; /* of systemd, for people */
	enum host_bus_property bus;
	const char *title;
};

static const struct use cpus_use = {CGROUP_CPUSET, DOCKER_CPUS,	  "cpuset.cpus",
				    "cpuset.cpus", "CPU list",	  "cpuset-cpus",
				    "AllowedCPUs", HOST_BUS_CPUS, "cpu"};
static const struct use mems_use = {CGROUP_CPUSET,	  DOCKER_MEMS,	   "cpuset.mems",
				    "cpuset.mems",	  "list of nodes", "cpuset-mems",
				    "AllowedMemoryNodes", HOST_BUS_NODES,  "node"};
static const struct use quota_use = {CGROUP_CPU,
				     DOCKER_QUOTA,
				     "cpu.cfs_quota_us",
				     "cpu.max",
				     "\"max\", or microseconds and their period: \"50000 100000\"",
				     "cpu-quota",
				     "CPUQuota",
				     HOST_BUS_QUOTA,
				     "quota"};
static const struct use weight_use = {CGROUP_CPU,
				      DOCKER_SHARES,
				      "cpu.shares",
				      "cpu.weight",
				      "1 to 10000 (cgroup v2); shares, 2 to 262144 (v1, docker)",
				      "cpu-shares",
				      "CPUWeight",
				      HOST_BUS_WEIGHT,
				      "weight"};

/* --- which groups there are --- */

struct scene {
	struct cgroup_tree tree;
	struct sample *out;
};

static int scene_read(struct scene *scene, struct host *host)
{
	scene->out = sample_new(&probe_container);
	return cgroup_tree_update(&scene->tree, host, scene->out);
}

static void scene_done(struct scene *scene)
{
	cgroup_tree_done(&scene->tree);
	sample_free(scene->out);
}

/* A group whose name holds what a screen cannot show is known by the number behind it. */
static bool is_target(const struct cgroup_node *node, const char *target)
{
	static const char prefix[] = "container:";
	const char *name = target + strlen(prefix), *hash = strrchr(target, '#');
	char key[CONTAINER_KEY_MAX];
	uint64_t identity;

	if (strncmp(target, prefix, strlen(prefix)) != 0)
		return false;
	container_key(node, key, sizeof(key));
	if (!strcmp(key, target))
		return true;
	if (strlen(name) >= SHORT_ID && !strncmp(node->name.id, name, strlen(name)))
		return node->name.role == CGROUP_ROLE_CONTAINER;
	return hash && !parse_u64(hash + 1, &identity) && identity == node->identity &&
	       !text_is_clean(node->path, strlen(node->path));
}

static struct cgroup_node *find(const struct scene *scene, const char *target, char *why,
				size_t why_size)
{
	for (struct cgroup_node *node = scene->tree.root; node; node = cgroup_tree_next(node)) {
		if (node->parent && is_target(node, target))
			return node;
	}
	(void)snprintf(why, why_size,
		       "%.64s: no such control group: it has gone, or see "
		       "`jittertop knobs`",
		       target);
	return NULL;
}

/* --- who keeps it --- */

static bool is_dockers(struct host *host, const struct cgroup_node *node)
{
	return !node->name.user_uid &&
	       (node->name.engine == CGROUP_ENGINE_DOCKER ||
		node->name.engine == CGROUP_ENGINE_NONE) &&
	       node->name.role == CGROUP_ROLE_CONTAINER && docker_knows(host, node->name.id);
}

static void say_name(const struct cgroup_node *node, char *buf, size_t size)
{
	const char *name = node->name.id[0]	? node->name.id
			   : node->name.name[0] ? node->name.name
						: node->base;

	(void)text_sanitise(name, strlen(name), buf, size);
	if (node->name.id[0] && size > SHORT_ID)
		buf[SHORT_ID] = '\0';
}

/* A unit of the host's systemd, set through its bus. Version 1 has other properties. */
static bool is_units(struct host *host, const struct cgroup_node *node, const struct use *use)
{
	struct cgroup_place place;
	char why[256];

	return node->name.engine == CGROUP_ENGINE_SYSTEMD && !node->name.pod_uid[0] &&
	       host_bus_is_unit(node->base) && text_is_clean(node->path, strlen(node->path)) &&
	       !cgroup_place_find(host, use->controller, &place, why, sizeof(why)) && place.is_v2;
}

/* Why its files are not to be written by us; false: they are. */
static bool is_locked(const struct cgroup_node *node, const struct use *use, char *why, size_t size)
{
	char name[160];

	say_name(node, name, sizeof(name));
	if (!text_is_clean(node->path, strlen(node->path))) {
		(void)snprintf(why, size, "its name cannot be shown as it is: change it by hand");
		return true;
	}
	if (node->name.pod_uid[0]) {
		(void)snprintf(why, size,
			       "the kubelet rewrites it every 10 s: set the pod's CPU requests and "
			       "limits, whole CPUs with its static CPU manager policy");
		return true;
	}
	switch (node->name.engine) {
	case CGROUP_ENGINE_SYSTEMD:
	case CGROUP_ENGINE_NSPAWN:
		(void)snprintf(why, size,
			       "systemd writes it again at daemon-reload: systemctl set-property "
			       "--runtime %.100s %s=...",
			       node->base, use->property);
		return true;
	case CGROUP_ENGINE_DOCKER:
		(void)snprintf(why, size,
			       "docker keeps a record of it, which was not found: docker update "
			       "--%s ... %.64s",
			       use->option, name);
		return true;
	case CGROUP_ENGINE_PODMAN:
		(void)snprintf(why, size,
			       "podman keeps a record of it: podman update --%s ... %.64s",
			       use->option, name);
		return true;
	case CGROUP_ENGINE_CRIO:
	case CGROUP_ENGINE_CRI:
		(void)snprintf(why, size,
			       "the kubelet rewrites it every 10 s: set the pod's CPU requests and "
			       "limits");
		return true;
	case CGROUP_ENGINE_LIBVIRT:
		(void)snprintf(
			why, size,
			"libvirt rewrites it at its own commands: virsh vcpupin, emulatorpin "
			"or schedinfo %.64s",
			name);
		return true;
	case CGROUP_ENGINE_NONE:
	case CGROUP_ENGINE_CONTAINERD:
	case CGROUP_ENGINE_LXC:
		return false;
	}
	return false;
}

/* --- files --- */

static const struct step_class *file_class(const struct use *use)
{
	return use->controller == CGROUP_CPUSET ? &step_class_cgroup_cpus : &step_class_cgroup_file;
}

static const char *file_of(const struct use *use, const struct cgroup_place *place)
{
	const char *name = place->is_v2 ? use->v2 : use->v1;

	/* Without "cpuset." where the mount has it so. */
	return place->is_bare && use->controller == CGROUP_CPUSET ? strchr(name, '.') + 1 : name;
}

static int add_file(struct host *host, const struct use *use, const struct cgroup_place *place,
		    const struct cgroup_node *node, const char *file, const char *value,
		    struct plan *ret, char *why, size_t why_size)
{
	char object[CGROUP_OBJECT_MAX];

	if (cgroup_object(place, node->path, file, object, sizeof(object)) ||
	    strlen(object) >= PLAN_OBJECT_MAX) {
		(void)snprintf(why, why_size, "%.64s...: its path is longer than %u bytes",
			       node->path, PLAN_OBJECT_MAX - 64);
		return -ENAMETOOLONG;
	}
	return plan_add(ret, host, file_class(use), object, value, why, why_size);
}

/* Version 1 has two files for a quota: no limit is -1 in the first. */
static int plan_v1_quota(struct host *host, const struct cgroup_place *place,
			 const struct cgroup_node *node, const char *value, struct plan *ret,
			 char *why, size_t why_size)
{
	struct scan scan = {value};
	uint64_t quota, period;
	char text[24];

	if (!strcmp(value, "max"))
		return add_file(host, &quota_use, place, node, "cpu.cfs_quota_us", "-1", ret, why,
				why_size);
	if (scan_u64(&scan, &quota) || scan_u64(&scan, &period)) {
		(void)snprintf(why, why_size, "\"%.48s\": %s", value, quota_use.choices);
		return -EINVAL;
	}
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)period);
	int err = add_file(host, &quota_use, place, node, "cpu.cfs_period_us", text, ret, why,
			   why_size);
	if (err)
		return err;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)quota);
	return add_file(host, &quota_use, place, node, "cpu.cfs_quota_us", text, ret, why,
			why_size);
}

static int plan_files(struct host *host, const struct use *use, const struct cgroup_node *node,
		      const char *value, struct plan *ret, char *why, size_t why_size)
{
	struct cgroup_place place;
	int err = cgroup_place_find(host, use->controller, &place, why, why_size);

	if (err)
		return err;
	if (use == &quota_use && !place.is_v2)
		return plan_v1_quota(host, &place, node, value, ret, why, why_size);
	return add_file(host, use, &place, node, file_of(use, &place), value, ret, why, why_size);
}

/* In the words of the knob; -ENOENT: this group has no such file. */
static int read_files(struct host *host, const struct use *use, const struct cgroup_node *node,
		      char *buf, size_t size)
{
	struct cgroup_place place;
	char directory[CGROUP_OBJECT_MAX], why[256];
	uint64_t period;
	int err = cgroup_place_find(host, use->controller, &place, why, sizeof(why));

	if (err)
		return err;
	if (snprintf(directory, sizeof(directory), "%s/%s", place.directory, node->path) >=
	    (int)sizeof(directory))
		return -ENAMETOOLONG;
	ssize_t n = host_readf(host, buf, size, "%s/%s", directory, file_of(use, &place));
	if (n < 0)
		return (int)n;
	if (use != &quota_use || place.is_v2)
		return 0;
	if (*buf == '-') {
		(void)snprintf(buf, size, "max");
		return 0;
	}
	err = host_read_u64f(host, &period, "%s/cpu.cfs_period_us", directory);
	if (!err)
		(void)snprintf(buf + n, size - (size_t)n, " %llu", (unsigned long long)period);
	return err;
}

/* --- plans --- */

/* "1,0" is what docker would keep as it is: the class compares canonical text. */
static int plan_docker(struct host *host, const struct use *use, const struct cgroup_node *node,
		       const char *value, struct plan *ret, char *why, size_t why_size)
{
	char object[128], list[PLAN_VALUE_MAX];
	struct cpuset set;

	docker_object(node->name.id, use->field, object, sizeof(object));
	if (use->controller == CGROUP_CPUSET && *value && !cpuset_parse_list(value, &set) &&
	    cpuset_format_list(&set, list, sizeof(list)) > 0)
		value = list;
	return plan_add(ret, host, &step_class_docker_limit, object, value, why, why_size);
}

static void add_affected(struct host *host, const struct cgroup_node *node, const char *value,
			 const struct use *use, struct plan *ret)
{
	char text[PLAN_VALUE_MAX];
	struct cpuset set;

	if (!read_files(host, &cpus_use, node, text, sizeof(text)) &&
	    !cpuset_parse_list(read_trim(text), &set))
		cpuset_or(&ret->affected, &set);
	if (use == &cpus_use && !cpuset_parse_list(value, &set))
		cpuset_or(&ret->affected, &set);
}

static int plan_node(struct host *host, const struct use *use, const struct cgroup_node *node,
		     const char *value, struct plan *ret, char *why, size_t why_size)
{
	char name[160], reason[384], said[128] = "";
	int err;

	say_name(node, name, sizeof(name));
	if (is_dockers(host, node)) {
		err = plan_docker(host, use, node, value, ret, why, why_size);
	} else if (is_units(host, node, use) && !systemd_check(host, said, sizeof(said))) {
		err = systemd_plan(host, node->base, node->path, use->bus, value, ret, why,
				   why_size);
	} else if (is_locked(node, use, reason, sizeof(reason))) {
		(void)snprintf(why, why_size, "%.40s: %s%s%s%s", name, reason, *said ? " (" : "",
			       said, *said ? ")" : "");
		err = -EPERM;
	} else {
		err = plan_files(host, use, node, value, ret, why, why_size);
	}
	if (err)
		return err;
	add_affected(host, node, value, use, ret);
	plan_title_add(ret, "%.40s -> %s %.40s", name, use->title, value);
	return 0;
}

static int plan_use(struct host *host, const struct use *use, const char *target, const char *value,
		    struct plan *ret, char *why, size_t why_size)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));
	int err = scene_read(scene, host);

	why[0] = '\0';
	if (err) {
		(void)snprintf(why, why_size, "%.64s: control groups: %s", target, strerror(-err));
	} else {
		const struct cgroup_node *node = find(scene, target, why, why_size);

		err = node ? plan_node(host, use, node, value, ret, why, why_size) : -ENOENT;
	}
	scene_done(scene);
	free(scene);
	return err;
}

/* --- targets --- */

static bool is_listed(const struct cgroup_node *node)
{
	return node->parent && node->name.role != CGROUP_ROLE_HELPER &&
	       node->name.role != CGROUP_ROLE_UNIT;
}

static void add_target(struct host *host, struct knob_targets *ret, const struct use *use,
		       const struct cgroup_node *node, bool has_bus)
{
	char key[CONTAINER_KEY_MAX], shown[CONTAINER_KEY_MAX], name[160], why[384] = "";
	char object[128], value[PLAN_VALUE_MAX];
	int err = read_files(host, use, node, value, sizeof(value));

	if (err && errno_is_absent(-err))
		return;
	if (is_dockers(host, node)) {
		docker_object(node->name.id, use->field, object, sizeof(object));
		ssize_t n = step_class_docker_limit.read(host, object, value, sizeof(value));
		err = n < 0 ? (int)n : 0;
	} else if (!has_bus || !is_units(host, node, use)) {
		(void)is_locked(node, use, why, sizeof(why));
	}
	if (err)
		(void)snprintf(why, sizeof(why), "%s", strerror(-err));
	say_name(node, name, sizeof(name));
	container_key(node, key, sizeof(key));
	(void)text_sanitise(key, strlen(key), shown, sizeof(shown));
	knob_targets_add(ret, shown, name, err ? NULL : read_trim(value), use->choices,
			 why[0] ? why : NULL);
}

static int add_targets(struct host *host, struct knob_targets *ret, const struct use *use)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));
	int err = scene_read(scene, host);
	char why[128];
	/* Asked once: a bus that does not answer costs its whole time limit. */
	bool has_bus = !systemd_check(host, why, sizeof(why));

	for (const struct cgroup_node *node = err ? NULL : scene->tree.root; node;
	     node = cgroup_tree_next(node)) {
		if (is_listed(node))
			add_target(host, ret, use, node, has_bus);
	}
	scene_done(scene);
	free(scene);
	return errno_is_absent(-err) ? 0 : err;
}

#define CONTAINER_KNOB(symbol, its_use, its_summary)                                               \
	static int symbol##_targets(struct host *host, struct knob_targets *ret)                   \
	{                                                                                          \
		return add_targets(host, ret, its_use);                                            \
	}                                                                                          \
	static int symbol##_plan(struct host *host, const char *target, const char *value,         \
				 struct plan *ret, char *why, size_t why_size)                     \
	{                                                                                          \
		return plan_use(host, its_use, target, value, ret, why, why_size);                 \
	}                                                                                          \
	extern const struct knob knob_##symbol;                                                    \
	const struct knob knob_##symbol = {                                                        \
		.name = #symbol,                                                                   \
		.family = "containers",                                                            \
		.summary = its_summary,                                                            \
		.cost = "Its threads wait for each other in less. Undone through whoever keeps "   \
			"the record; docker then shows \"all\" as a list, -1 or 1024 where it "    \
			"showed nothing.",                                                         \
		.risk = KNOB_FREE,                                                                 \
		.none_key = "container:*",                                                         \
		.none = "no container or control group is seen here",                              \
		.targets = symbol##_targets,                                                       \
		.plan = symbol##_plan,                                                             \
	}

CONTAINER_KNOB(container_cpus, &cpus_use, "CPUs that a container may use");
CONTAINER_KNOB(container_mems, &mems_use, "memory nodes that a container may use");
CONTAINER_KNOB(container_cpu_max, &quota_use, "CPU time that a container may use in a period");
CONTAINER_KNOB(container_weight, &weight_use, "a container's share of CPU time among others");
