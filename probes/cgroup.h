/*
 * Private to probes/: control groups of version 1, 2 and both at once: where they are mounted
 * (cgroup_mounts_read), what the name of one says (cgroup_classify), and the tree of all of them
 * (cgroup_tree.h).
 *
 * A group is known by its path from the root of its hierarchy, without a leading slash, "" for the
 * root itself. The same path in two hierarchies is the same group. Names come from whoever may make
 * groups, containers included: nothing here trusts them.
 */
#ifndef JT_PROBES_CGROUP_H
#define JT_PROBES_CGROUP_H

#include <stdbool.h>

#include "core/host.h"

#define CGROUP_PATH_MAX 768u	  /* bytes; deeper groups are left out */
#define CGROUP_HIERARCHIES_MAX 8u /* of those we read */

/* --- names (cgroup_name.c) --- */

enum cgroup_engine {
	CGROUP_ENGINE_NONE,
	CGROUP_ENGINE_SYSTEMD,
	CGROUP_ENGINE_DOCKER,
	CGROUP_ENGINE_PODMAN,
	CGROUP_ENGINE_CONTAINERD,
	CGROUP_ENGINE_CRIO,
	CGROUP_ENGINE_CRI, /* Kubernetes, by which runtime the name does not say */
	CGROUP_ENGINE_LXC,
	CGROUP_ENGINE_NSPAWN,
	CGROUP_ENGINE_LIBVIRT,
};

enum cgroup_role {
	CGROUP_ROLE_GROUP,
	CGROUP_ROLE_CONTAINER,
	CGROUP_ROLE_POD,
	CGROUP_ROLE_HELPER, /* an engine's own process beside a container */
	CGROUP_ROLE_VM,
	CGROUP_ROLE_SLICE,
	CGROUP_ROLE_SERVICE,
	CGROUP_ROLE_SCOPE,
	CGROUP_ROLE_UNIT, /* of systemd, another one */
};

struct cgroup_name {
	enum cgroup_engine engine;
	enum cgroup_role role;
	char id[65];	   /* of a container or pod, hexadecimal; "" */
	char name[128];	   /* what the path says: a machine's name, a unit, the last part */
	char pod_uid[64];  /* of the pod it is or belongs to, with dashes; "" */
	unsigned user_uid; /* below user-UID.slice: a user's own engine may speak of it; else 0 */
};

/* Never fails: what is not recognised is a group of no engine. */
void cgroup_classify(const char *path, struct cgroup_name *ret);
const char *cgroup_engine_word(enum cgroup_engine engine);
const char *cgroup_role_word(enum cgroup_role role);
/* systemd's "\x2d" as what it stands for; cut to size. */
void cgroup_unescape(const char *text, size_t len, char *buf, size_t size);

/* --- mounts (cgroup_mounts.c) --- */

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_HUGETLB,
	CGROUP_PIDS,
	CGROUP_FREEZER,
	CGROUP_SYSTEMD, /* name=systemd: no controller, but every unit is there */
	CGROUP_UNIFIED, /* version 2, whatever its controllers */
	CGROUP_CONTROLLERS
};

struct cgroup_hierarchy {
	char *mount;	      /* below the root, no leading slash */
	char *root;	      /* which group is mounted there: "" or a path */
	unsigned controllers; /* bit set over enum cgroup_controller */
};

struct cgroup_mounts {
	struct cgroup_hierarchy at[CGROUP_HIERARCHIES_MAX];
	unsigned n;
	int by_controller[CGROUP_CONTROLLERS]; /* index, -1: in none. Version 2: not known here */
};

/* text: proc/self/mountinfo or (older captures) proc/mounts. Of several mounts of a hierarchy the
 * one that shows most of it counts, then the one below sys/fs/cgroup. */
void cgroup_mounts_parse(const char *text, struct cgroup_mounts *ret);
int cgroup_mounts_read(struct host *host, struct cgroup_mounts *ret) _must_check_;
void cgroup_mounts_done(struct cgroup_mounts *mounts);
/* The directory of a group in a hierarchy. False: not visible through this mount, or too long. */
bool cgroup_directory(const struct cgroup_hierarchy *hierarchy, const char *path, char *buf,
		      size_t size);

#endif
