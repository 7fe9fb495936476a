/*
 * Private to probes/: the tree of all control groups of a host, joined over the hierarchies by path
 * and brought up to date run by run.
 *
 * Calling sequence: zeroed storage, cgroup_tree_update() in every run, cgroup_tree_next() from
 * tree->root on (parents before their children, siblings by name), cgroup_tree_done() at last.
 * The owner hangs what he knows of a group on node->data; free_data is called for it when the group
 * has gone or another one has taken its path (known by the inode of its directory).
 *
 * Cost: the hierarchy of the CPU accounting is walked in every run; with many groups the others
 * take turns, and the groups that are only there are asked for by name. A group that was removed is
 * therefore gone after the next update, whatever their number.
 */
#ifndef JT_PROBES_CGROUP_TREE_H
#define JT_PROBES_CGROUP_TREE_H

#include "core/sample.h"
#include "probes/cgroup.h"

#define CGROUP_NODES_MAX 8192u
#define CGROUP_DEPTH_MAX 24u

struct cgroup_node {
	struct cgroup_node *parent, *children, *next;
	char *path;
	const char *base;			 /* the last part of path */
	uint64_t inodes[CGROUP_HIERARCHIES_MAX]; /* by hierarchy; 0: not there */
	uint64_t identity;			 /* tells it from another group of the same path */
	struct cgroup_name name;
	void *data;
};

struct cgroup_tree {
	struct cgroup_mounts mounts;
	uint64_t mounts_ns;	  /* when they were read; 0: never */
	struct cgroup_node *root; /* NULL: no control groups here */
	unsigned n;
	unsigned primary, turn; /* hierarchies */
	bool is_cut;		/* there are more groups, or deeper ones */
	void (*free_data)(void *data);
};

/* Absent without control groups; errors are noted in out. */
int cgroup_tree_update(struct cgroup_tree *tree, struct host *host,
		       struct sample *out) _must_check_;
void cgroup_tree_done(struct cgroup_tree *tree);

struct cgroup_node *cgroup_tree_next(const struct cgroup_node *node); /* NULL: the last one */
/* The hierarchy in which a controller speaks of the group, version 1 first; -1: in none. */
int cgroup_tree_where(const struct cgroup_tree *tree, const struct cgroup_node *node,
		      enum cgroup_controller controller);
/* Any hierarchy with the group in it: its processes are the same in all, or nearly. */
int cgroup_tree_anywhere(const struct cgroup_tree *tree, const struct cgroup_node *node);
bool cgroup_tree_is_v2(const struct cgroup_tree *tree, int hierarchy);

#endif
