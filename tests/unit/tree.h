/*
 * A temporary directory with files for a test: tree_new() makes it, tree_file() and tree_link()
 * fill it (parents appear by themselves), tree_free() removes it with everything in it.
 */
#ifndef JT_TESTS_UNIT_TREE_H
#define JT_TESTS_UNIT_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util.h"

struct tree {
	char dir[64];
};

static inline void tree_check(int is_ok, const char *what)
{
	if (is_ok)
		return;
	perror(what);
	abort();
}

static inline struct tree *tree_new(void)
{
	struct tree *tree = xcalloc(1, sizeof(*tree));

	(void)snprintf(tree->dir, sizeof(tree->dir), "/tmp/jt-test-XXXXXX");
	tree_check(mkdtemp(tree->dir) != NULL, tree->dir);
	/* A test may look at it as another user. */
	tree_check(chmod(tree->dir, 0755) == 0, tree->dir);
	return tree;
}

/* Absolute path of path in the tree; the caller frees it. */
static inline char *tree_path(const struct tree *tree, const char *path)
{
	return xasprintf("%s/%s", tree->dir, path);
}

static inline void tree_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
}

static inline void tree_bytes(const struct tree *tree, const char *path, const void *bytes,
			      size_t len)
{
	_cleanup_(freep) char *whole = tree_path(tree, path);

	tree_parents(whole);
	_cleanup_(fd_closep) int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	tree_check(fd >= 0, whole);
	tree_check(write(fd, bytes, len) == (ssize_t)len, whole);
}

static inline void tree_file(const struct tree *tree, const char *path, const char *text)
{
	tree_bytes(tree, path, text, strlen(text));
}

static inline void tree_link(const struct tree *tree, const char *path, const char *target)
{
	_cleanup_(freep) char *whole = tree_path(tree, path);

	tree_parents(whole);
	tree_check(symlink(target, whole) == 0, whole);
}

static inline int tree_remove_entry(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tree_free(struct tree *tree)
{
	(void)nftw(tree->dir, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(tree);
}

#endif
