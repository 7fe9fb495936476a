#include "probes/cgroup_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/read.h"

#define MOUNTS_PERIOD_NS (30 * NSEC_PER_SEC)
#define WALK_ALL_MAX 1024u /* directories listed in a run before hierarchies take turns */

struct walk {
	struct cgroup_tree *tree;
	struct host *host;
	struct sample *out;
	unsigned hierarchy;
};

static void free_data(const struct cgroup_tree *tree, struct cgroup_node *node)
{
	if (node->data && tree->free_data)
		tree->free_data(node->data);
	node->data = NULL;
}

static void free_node(struct cgroup_tree *tree, struct cgroup_node *node)
{
	while (node->children) {
		struct cgroup_node *child = node->children;

		node->children = child->next;
		free_node(tree, child);
	}
	free_data(tree, node);
	free(node->path);
	free(node);
	tree->n--;
}

static struct cgroup_node *new_node(struct cgroup_tree *tree, struct cgroup_node *parent,
				    const char *base)
{
	struct cgroup_node *node = xcalloc(1, sizeof(*node));

	node->parent = parent;
	node->path =
		parent && *parent->path ? xasprintf("%s/%s", parent->path, base) : xstrdup(base);
	node->base = node->path + strlen(node->path) - strlen(base);
	cgroup_classify(node->path, &node->name);
	tree->n++;
	return node;
}

static bool is_anywhere(const struct cgroup_node *node)
{
	for (unsigned h = 0; h < CGROUP_HIERARCHIES_MAX; h++) {
		if (node->inodes[h])
			return true;
	}
	return false;
}

/* It is not in that hierarchy, and so nothing below it is. */
static void leave(struct cgroup_node *node, unsigned hierarchy)
{
	if (!node->inodes[hierarchy])
		return;
	node->inodes[hierarchy] = 0;
	for (struct cgroup_node *child = node->children; child; child = child->next)
		leave(child, hierarchy);
}

static void enter(struct walk *walk, struct cgroup_node *node, uint64_t inode)
{
	uint64_t *known = &node->inodes[walk->hierarchy];

	if (*known && *known != inode) {
		/* Removed and made again between two runs: nothing of it is known any more. */
		free_data(walk->tree, node);
		node->identity = 0;
	}
	*known = inode;
}

static bool has_room(const struct walk *walk, const struct cgroup_node *parent, const char *base)
{
	return walk->tree->n < CGROUP_NODES_MAX &&
	       strlen(parent->path) + 1 + strlen(base) < CGROUP_PATH_MAX;
}

static void walk_below(struct walk *walk, struct cgroup_node *node, unsigned depth);

/* Both lists are sorted: one pass over them joins them. */
static void join_children(struct walk *walk, struct cgroup_node *node, const struct host_dirs *dirs,
			  unsigned depth)
{
	struct cgroup_node **at = &node->children;

	for (size_t i = 0; i < dirs->n; i++) {
		const char *name = dirs->at[i].name;

		for (; *at && strcmp((*at)->base, name) < 0; at = &(*at)->next)
			leave(*at, walk->hierarchy);
		if (!*at || strcmp((*at)->base, name) != 0) {
			if (!has_room(walk, node, name)) {
				walk->tree->is_cut = true;
				continue;
			}

			struct cgroup_node *child = new_node(walk->tree, node, name);

			child->next = *at;
			*at = child;
		}

		struct cgroup_node *child = *at;

		/* An inode of 0 would mean that it is not there. */
		enter(walk, child, dirs->at[i].inode ? dirs->at[i].inode : 1);
		walk_below(walk, child, depth + 1);
		at = &child->next;
	}
	for (; *at; at = &(*at)->next)
		leave(*at, walk->hierarchy);
}

static void walk_below(struct walk *walk, struct cgroup_node *node, unsigned depth)
{
	struct host_dirs dirs = {0};
	char dir[1024];

	if (depth > CGROUP_DEPTH_MAX) {
		walk->tree->is_cut = true;
		return;
	}
	if (!cgroup_directory(&walk->tree->mounts.at[walk->hierarchy], node->path, dir,
			      sizeof(dir)))
		return;

	int r = host_list_dirsf(walk->host, &dirs, "%s", dir);

	if (r < 0) {
		read_note(walk->out, r, dir);
		if (errno_is_absent(-r))
			leave(node, walk->hierarchy);
		return;
	}
	join_children(walk, node, &dirs, depth);
	host_dirs_done(&dirs);
}

/* The root of the tree is the root of the hierarchies; what is mounted may lie below it. */
static void walk_hierarchy(struct walk *walk)
{
	struct cgroup_tree *tree = walk->tree;
	const char *mounted = tree->mounts.at[walk->hierarchy].root;
	struct cgroup_node *node = tree->root;

	enter(walk, node, 1);
	while (*mounted) {
		size_t len = strcspn(mounted, "/");
		_cleanup_(freep) char *base = xcalloc(1, len + 1);
		struct cgroup_node **at = &node->children;

		memcpy(base, mounted, len);
		while (*at && strcmp((*at)->base, base) < 0)
			at = &(*at)->next;
		if (!*at || strcmp((*at)->base, base) != 0) {
			struct cgroup_node *child = new_node(tree, node, base);

			child->next = *at;
			*at = child;
		}
		node = *at;
		enter(walk, node, 1);
		mounted += len;
		mounted += *mounted == '/';
	}
	walk_below(walk, node, 0);
}

/* Groups that the walks of this run did not pass are asked for one by one. walked: bit set over the
 * hierarchies. */
static void check_others(struct walk *walk, struct cgroup_node *node, unsigned walked)
{
	const struct cgroup_tree *tree = walk->tree;
	char dir[1024];

	if (node->inodes[tree->primary])
		return;
	for (unsigned h = 0; h < tree->mounts.n; h++) {
		if (walked & 1u << h || !node->inodes[h])
			continue;
		if (!cgroup_directory(&tree->mounts.at[h], node->path, dir, sizeof(dir)) ||
		    !host_existsf(walk->host, "%s", dir))
			leave(node, h);
	}
}

static void sweep(struct walk *walk, struct cgroup_node *node, unsigned walked)
{
	struct cgroup_node **at = &node->children;

	while (*at) {
		struct cgroup_node *child = *at;

		check_others(walk, child, walked);
		if (!is_anywhere(child)) {
			*at = child->next;
			free_node(walk->tree, child);
			continue;
		}
		if (!child->identity) {
			int where = cgroup_tree_anywhere(walk->tree, child);

			child->identity = where < 0 ? 0 : child->inodes[where];
		}
		sweep(walk, child, walked);
		at = &child->next;
	}
}

static void choose_primary(struct cgroup_tree *tree)
{
	static const enum cgroup_controller order[] = {
		CGROUP_CPUACCT, CGROUP_CPU,    CGROUP_UNIFIED, CGROUP_MEMORY, CGROUP_SYSTEMD,
		CGROUP_PIDS,	CGROUP_CPUSET, CGROUP_FREEZER, CGROUP_HUGETLB};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (tree->mounts.by_controller[order[i]] >= 0) {
			tree->primary = (unsigned)tree->mounts.by_controller[order[i]];
			return;
		}
	}
}

static bool is_same(const struct cgroup_mounts *a, const struct cgroup_mounts *b)
{
	bool is_same = a->n == b->n;

	for (unsigned i = 0; is_same && i < a->n; i++)
		is_same = a->at[i].controllers == b->at[i].controllers &&
			  !strcmp(a->at[i].mount, b->at[i].mount) &&
			  !strcmp(a->at[i].root, b->at[i].root);
	return is_same;
}

static void drop_nodes(struct cgroup_tree *tree)
{
	if (tree->root)
		free_node(tree, tree->root);
	tree->root = NULL;
}

/* Mounts hardly change, and their list is long on a host with many containers. */
static int refresh_mounts(struct cgroup_tree *tree, struct host *host, struct sample *out)
{
	struct cgroup_mounts mounts = {0};

	if (tree->root && !out->is_thorough && out->time_ns - tree->mounts_ns < MOUNTS_PERIOD_NS)
		return 0;

	int r = cgroup_mounts_read(host, &mounts);

	if (r < 0)
		return read_fail(out, r, "proc/self/mountinfo");
	tree->mounts_ns = out->time_ns;
	if (tree->root && is_same(&mounts, &tree->mounts)) {
		cgroup_mounts_done(&mounts);
		return 0;
	}
	drop_nodes(tree);
	cgroup_mounts_done(&tree->mounts);
	tree->mounts = mounts;
	if (!mounts.n) {
		sample_errorf(out, "no control groups are mounted");
		return -ENOENT;
	}
	choose_primary(tree);
	tree->root = new_node(tree, NULL, "");
	tree->root->identity = 1;
	return 0;
}

int cgroup_tree_update(struct cgroup_tree *tree, struct host *host, struct sample *out)
{
	struct walk walk = {.tree = tree, .host = host, .out = out};
	int r = refresh_mounts(tree, host, out);

	if (r < 0)
		return r;
	tree->is_cut = false;
	tree->turn = (tree->turn + 1) % tree->mounts.n;

	bool is_all = out->is_thorough || tree->n <= 1 || tree->n * tree->mounts.n <= WALK_ALL_MAX;
	unsigned walked = 0;

	for (unsigned h = 0; h < tree->mounts.n; h++) {
		if (!is_all && h != tree->primary && h != tree->turn)
			continue;
		walk.hierarchy = h;
		walk_hierarchy(&walk);
		walked |= 1u << h;
	}
	sweep(&walk, tree->root, walked);
	return 0;
}

void cgroup_tree_done(struct cgroup_tree *tree)
{
	drop_nodes(tree);
	cgroup_mounts_done(&tree->mounts);
}

struct cgroup_node *cgroup_tree_next(const struct cgroup_node *node)
{
	if (node->children)
		return node->children;
	while (node && !node->next)
		node = node->parent;
	return node ? node->next : NULL;
}

int cgroup_tree_where(const struct cgroup_tree *tree, const struct cgroup_node *node,
		      enum cgroup_controller controller)
{
	int h = tree->mounts.by_controller[controller];

	if (h < 0)
		h = tree->mounts.by_controller[CGROUP_UNIFIED];
	return h >= 0 && node->inodes[h] ? h : -1;
}

int cgroup_tree_anywhere(const struct cgroup_tree *tree, const struct cgroup_node *node)
{
	if (node->inodes[tree->primary])
		return (int)tree->primary;
	for (unsigned h = 0; h < tree->mounts.n; h++) {
		if (node->inodes[h])
			return (int)h;
	}
	return -1;
}

bool cgroup_tree_is_v2(const struct cgroup_tree *tree, int hierarchy)
{
	return hierarchy >= 0 && tree->mounts.at[hierarchy].controllers & 1u << CGROUP_UNIFIED;
}
