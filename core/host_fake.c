/*
 * Hosts without files: the in-memory tree of the tests, and the synthetic host that has a topology
 * only (an empty tree).
 */
#include <errno.h>
#include <hwloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_internal.h"
#include "core/host_write.h"

#define LYING_WRITES_MAX 16u

enum node_kind { NODE_DIR, NODE_FILE, NODE_LINK, NODE_NOTHING };

struct node {
	char *path;
	enum node_kind kind; /* NODE_NOTHING: only carries an error */
	char *text;	     /* content or target */
	size_t len;	     /* of text, which may hold NULs */
	uint64_t inode;	     /* which of those that had the path */
	int err;	     /* positive; 0: none */
};

/* What the nth write becomes; nth counts down, 0: unused. */
struct lying_write {
	unsigned nth;
	char *text; /* NULL: refused with err */
	int err;
};

struct host_fake {
	struct node *nodes; /* sorted by path (strcmp) */
	size_t n, room;
	unsigned error_in; /* calls until error_err is returned; 0: never */
	int error_err;
	uint64_t last_inode;
	_Atomic uint64_t now_ns; /* clocks may be read from any thread */
	struct lying_write lies[LYING_WRITES_MAX];
	host_fake_write_fn *on_write;
	void *on_write_arg;
	host_fake_request_fn *request_fn; /* NULL: none */
	void *request_arg;
};

void host_fake_free(struct host_fake *fake)
{
	if (!fake)
		return;
	for (size_t i = 0; i < fake->n; i++) {
		free(fake->nodes[i].path);
		free(fake->nodes[i].text);
	}
	for (size_t i = 0; i < LYING_WRITES_MAX; i++)
		free(fake->lies[i].text);
	free(fake->nodes);
	free(fake);
}

/* Index of path, or where it would be inserted. */
static size_t position(const struct host_fake *fake, const char *path, bool *ret_is_there)
{
	size_t low = 0, high = fake->n;

	*ret_is_there = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(fake->nodes[mid].path, path);

		if (order == 0) {
			*ret_is_there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct node *find(const struct host_fake *fake, const char *path)
{
	bool is_there;
	size_t i = position(fake, path, &is_there);

	return is_there ? &fake->nodes[i] : NULL;
}

static struct node *put(struct host_fake *fake, const char *path, enum node_kind kind)
{
	bool is_there;
	size_t i = position(fake, path, &is_there);

	if (is_there) {
		if (fake->nodes[i].kind == NODE_NOTHING || kind != NODE_DIR)
			fake->nodes[i].kind = kind;
		return &fake->nodes[i];
	}
	if (fake->n == fake->room) {
		fake->room = fake->room ? 2 * fake->room : 64;
		fake->nodes = xrealloc(fake->nodes, fake->room * sizeof(*fake->nodes));
	}
	memmove(&fake->nodes[i + 1], &fake->nodes[i], (fake->n - i) * sizeof(*fake->nodes));
	fake->n++;
	fake->nodes[i] =
		(struct node){.path = xstrdup(path), .kind = kind, .inode = ++fake->last_inode};
	return &fake->nodes[i];
}

static void put_parents(struct host_fake *fake, const char *path)
{
	_cleanup_(freep) char *parent = xstrdup(path);

	for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
		*slash = '\0';
		(void)put(fake, parent, NODE_DIR);
	}
}

static void set_content(struct node *node, const char *bytes, size_t len)
{
	char *copy = xcalloc(1, len + 1);

	memcpy(copy, bytes, len); /* bytes may be node->text */
	free(node->text);
	node->text = copy;
	node->len = len;
}

static void put_content(struct host *host, const char *path, enum node_kind kind, const char *bytes,
			size_t len)
{
	put_parents(host->fake, path);
	set_content(put(host->fake, path, kind), bytes, len);
}

void host_fake_file(struct host *host, const char *path, const char *content)
{
	put_content(host, path, NODE_FILE, content, strlen(content));
}

void host_fake_bytes(struct host *host, const char *path, const char *bytes, size_t len)
{
	put_content(host, path, NODE_FILE, bytes, len);
}

void host_fake_link(struct host *host, const char *path, const char *target)
{
	put_content(host, path, NODE_LINK, target, strlen(target));
}

void host_fake_remove(struct host *host, const char *path)
{
	struct host_fake *fake = host->fake;
	size_t len = strlen(path), kept = 0;

	for (size_t i = 0; i < fake->n; i++) {
		struct node *node = &fake->nodes[i];

		if (!strncmp(node->path, path, len) &&
		    (node->path[len] == '\0' || node->path[len] == '/')) {
			free(node->path);
			free(node->text);
			continue;
		}
		fake->nodes[kept++] = *node;
	}
	fake->n = kept;
}

void host_fake_error(struct host *host, const char *path, int err)
{
	struct node *node = find(host->fake, path);

	if (!node)
		node = put(host->fake, path, NODE_NOTHING);
	node->err = abs(err);
}

void host_fake_error_at(struct host *host, unsigned nth_call, int err)
{
	host->fake->error_in = nth_call;
	host->fake->error_err = abs(err);
}

void host_fake_clock(struct host *host, uint64_t now_ns)
{
	atomic_store(&host->fake->now_ns, now_ns);
}

uint64_t host_fake_now_ns(const struct host *host)
{
	return atomic_load(&host->fake->now_ns);
}

/* Every access counts as one call, also one that finds nothing. */
static int count_call(struct host_fake *fake)
{
	if (!fake->error_in || --fake->error_in)
		return 0;
	return -fake->error_err;
}

/* Resolves links in place (the last one only where wanted) and finds the node. */
static int resolve(const struct host_fake *fake, char *path, bool is_last_followed,
		   struct node **ret)
{
	unsigned links = 0;

	for (size_t i = 0;; i++) {
		bool is_end = !path[i];

		if (path[i] && path[i] != '/')
			continue;

		char saved = path[i];
		path[i] = '\0';
		struct node *node = find(fake, path);
		path[i] = saved;
		if (node && node->err)
			return -node->err;
		if (node && node->kind == NODE_LINK && (!is_end || is_last_followed)) {
			if (++links > HOST_LINKS_MAX)
				return -ELOOP;
			int r = host_path_follow(path, i, node->text);
			if (r < 0)
				return r;
			i = (size_t)-1;
			continue;
		}
		if (i && (!node || node->kind == NODE_NOTHING))
			return -ENOENT;
		if (!is_end && node && node->kind == NODE_FILE)
			return -ENOTDIR;
		if (is_end) {
			*ret = node;
			return node ? 0 : -ENOENT;
		}
	}
}

static int lookup(struct host *host, const char *path, bool is_last_followed, struct node **ret)
{
	char resolved[HOST_PATH_MAX];
	int r = count_call(host->fake);

	if (r < 0)
		return r;
	(void)snprintf(resolved, sizeof(resolved), "%s", path);
	return resolve(host->fake, resolved, is_last_followed, ret);
}

static int lookup_file(struct host *host, const char *path, struct node **ret)
{
	struct node *node;
	int r = lookup(host, path, true, &node);

	if (r < 0)
		return r;
	if (node->kind != NODE_FILE)
		return -EISDIR;
	*ret = node;
	return 0;
}

static ssize_t fake_read(struct host *host, const char *path, char *buf, size_t size)
{
	struct node *node;
	int r = lookup_file(host, path, &node);

	if (r < 0)
		return r;

	size_t len = node->len;
	if (len > size)
		return -EFBIG;
	memcpy(buf, node->text, len);
	return (ssize_t)len;
}

static ssize_t fake_readlink(struct host *host, const char *path, char *buf, size_t size)
{
	struct node *node;
	int r = lookup(host, path, false, &node);

	if (r < 0)
		return r;
	if (node->kind != NODE_LINK)
		return -EINVAL;

	size_t len = strnlen(node->text, size);
	memcpy(buf, node->text, len);
	return (ssize_t)len;
}

static int fake_exists(struct host *host, const char *path)
{
	struct node *node;

	return lookup(host, path, true, &node);
}

/* Calls add for everything in the directory. */
static int each_entry(struct host *host, const char *path,
		      void (*add)(void *list, const struct node *node, const char *name),
		      void *list)
{
	const struct host_fake *fake = host->fake;
	char resolved[HOST_PATH_MAX];
	struct node *dir;
	int r = count_call(host->fake);

	if (r < 0)
		return r;
	(void)snprintf(resolved, sizeof(resolved), "%s", path);
	r = resolve(fake, resolved, true, &dir);
	if (r < 0)
		return r;
	if (dir->kind != NODE_DIR)
		return -ENOTDIR;

	/* Everything below comes behind "dir" in order, though not always right behind it: "a-b"
	 * sorts between "a" and "a/". */
	size_t len = strlen(resolved);
	for (size_t i = (size_t)(dir - fake->nodes) + 1; i < fake->n; i++) {
		const struct node *node = &fake->nodes[i];

		if (strncmp(node->path, resolved, len) != 0)
			break;
		if (node->path[len] == '/' && !strchr(node->path + len + 1, '/') &&
		    node->kind != NODE_NOTHING)
			add(list, node, node->path + len + 1);
	}
	return 0;
}

static void add_name(void *list, const struct node *node, const char *name)
{
	(void)node;
	host_names_add(list, name);
}

static void add_dir(void *list, const struct node *node, const char *name)
{
	if (node->kind == NODE_DIR)
		host_dirs_add(list, name, node->inode);
}

static int fake_list(struct host *host, const char *path, struct host_names *names)
{
	return each_entry(host, path, add_name, names);
}

static int fake_list_dirs(struct host *host, const char *path, struct host_dirs *dirs)
{
	return each_entry(host, path, add_dir, dirs);
}

static int fake_file_open(struct host_file *file)
{
	struct node *node;

	return lookup_file(file->host, file->path, &node);
}

static ssize_t fake_file_read(struct host_file *file)
{
	struct node *node;
	int r = lookup_file(file->host, file->path, &node);

	if (r < 0)
		return r;

	size_t len = node->len;
	host_file_grow(file, len + 1);
	memcpy(file->buf, node->text, len);
	return (ssize_t)len;
}

/* Takes the lie whose turn it is out of the table. */
static struct lying_write next_lie(struct host_fake *fake)
{
	struct lying_write due = {0};

	for (size_t i = 0; i < LYING_WRITES_MAX; i++) {
		struct lying_write *lie = &fake->lies[i];

		if (!lie->nth || --lie->nth)
			continue;
		free(due.text);
		due = *lie;
		due.nth = 1;
		*lie = (struct lying_write){0};
	}
	return due;
}

int host_fake_write(struct host *host, const char *path, const char *text)
{
	struct node *node;
	struct lying_write lie = next_lie(host->fake);
	_cleanup_(freep) char *lie_text = lie.text;
	int r = lookup_file(host, path, &node);

	if (r < 0)
		return r;
	if (lie.nth && !lie_text)
		return -lie.err;
	if (host->fake->on_write) {
		r = host->fake->on_write(host->fake->on_write_arg, host, path, text);
		if (r)
			return r < 0 ? r : 0;
		/* The callback may have made files: the nodes have moved. */
		r = lookup_file(host, path, &node);
		if (r < 0)
			return r;
	}

	const char *kept = lie_text ? lie_text : text;

	set_content(node, kept, strlen(kept));
	return 0;
}

/* Files of fake/template appear in it. */
int host_fake_make_directory(struct host *host, const char *path)
{
	static const char template_path[] = "fake/template/";
	struct host_fake *fake = host->fake;
	char parent[HOST_PATH_MAX], file[HOST_PATH_MAX];
	const char *name;
	struct node *node;
	int r = host_path_split(path, parent, &name);

	if (r >= 0)
		r = lookup(host, parent, true, &node);
	if (r < 0)
		return r;
	if (node->kind != NODE_DIR)
		return -ENOTDIR;
	node = find(fake, path);
	if (node && node->err)
		return -node->err;
	if (node && node->kind != NODE_NOTHING)
		return -EEXIST;
	(void)put(fake, path, NODE_DIR);
	for (size_t i = 0; i < fake->n; i++) {
		const struct node *from = &fake->nodes[i];

		if (from->kind != NODE_FILE ||
		    strncmp(from->path, template_path, strlen(template_path)) != 0 ||
		    strchr(from->path + strlen(template_path), '/'))
			continue;
		_cleanup_(freep) char *text = xstrdup(from->text);
		(void)snprintf(file, sizeof(file), "%s/%s", path,
			       from->path + strlen(template_path));
		host_fake_file(host, file, text);
	}
	return 0;
}

static bool is_populated(const struct host_fake *fake, const char *path, const char *file)
{
	char whole[HOST_PATH_MAX];

	(void)snprintf(whole, sizeof(whole), "%s/%s", path, file);
	const struct node *node = find(fake, whole);
	return node && node->kind == NODE_FILE && node->len > strspn(node->text, "\n");
}

int host_fake_remove_directory(struct host *host, const char *path)
{
	struct host_fake *fake = host->fake;
	struct node *node;
	size_t len = strlen(path);
	int r = lookup(host, path, false, &node);

	if (r < 0)
		return r;
	if (node->kind != NODE_DIR)
		return -ENOTDIR;
	for (size_t i = 0; i < fake->n; i++) {
		const struct node *inner = &fake->nodes[i];

		if (inner->kind == NODE_DIR && !strncmp(inner->path, path, len) &&
		    inner->path[len] == '/')
			return -EBUSY;
	}
	if (is_populated(fake, path, "cgroup.procs") || is_populated(fake, path, "tasks"))
		return -EBUSY;
	host_fake_remove(host, path);
	return 0;
}

int host_fake_request(struct host *host, const char *kind, const char *name, const void *bytes,
		      size_t len)
{
	struct host_fake *fake = host->fake;

	if (!fake || !fake->request_fn)
		return -EOPNOTSUPP;
	int r = count_call(fake);
	return r < 0 ? r : fake->request_fn(fake->request_arg, host, kind, name, bytes, len);
}

void host_fake_on_request(struct host *host, host_fake_request_fn *fn, void *arg)
{
	host->fake->request_fn = fn;
	host->fake->request_arg = arg;
}

void host_fake_write_becomes(struct host *host, unsigned nth_write, const char *text, int err)
{
	for (size_t i = 0; i < LYING_WRITES_MAX; i++) {
		struct lying_write *lie = &host->fake->lies[i];

		if (lie->nth)
			continue;
		lie->nth = nth_write;
		lie->text = text ? xstrdup(text) : NULL;
		lie->err = abs(err);
		return;
	}
	abort(); /* a test that lies this often wants a larger table */
}

void host_fake_on_write(struct host *host, host_fake_write_fn *fn, void *arg)
{
	host->fake->on_write = fn;
	host->fake->on_write_arg = arg;
}

static const struct host_ops fake_ops = {
	.read = fake_read,
	.readlink = fake_readlink,
	.exists = fake_exists,
	.list = fake_list,
	.list_dirs = fake_list_dirs,
	.file_open = fake_file_open,
	.file_read = fake_file_read,
	.topology = host_topology_none,
};

static const struct host_ops synthetic_ops = {
	.read = fake_read,
	.readlink = fake_readlink,
	.exists = fake_exists,
	.list = fake_list,
	.list_dirs = fake_list_dirs,
	.file_open = fake_file_open,
	.file_read = fake_file_read,
	.topology = host_topology_synthetic,
};

int host_open_fake(struct host **ret)
{
	struct host *host = host_new(HOST_FAKE, &fake_ops);

	host->fake = xcalloc(1, sizeof(*host->fake));
	*ret = host;
	return 0;
}

int host_open_synthetic(const char *description, struct host **ret)
{
	hwloc_topology_t topology;
	int r = host_topology_check_size(description);

	if (r < 0)
		return r;

	struct host *host = host_new(HOST_SYNTHETIC, &synthetic_ops);

	host->fake = xcalloc(1, sizeof(*host->fake));
	host->synthetic = xstrdup(description);

	r = host_topology_synthetic(host, &topology);
	if (r < 0) {
		host_close(host);
		return -EINVAL;
	}
	hwloc_topology_destroy(topology);
	*ret = host;
	return 0;
}
