/*
 * The number of persistent huge pages of one size on one node
 * (Documentation/admin-guide/mm/hugetlbpage.rst). Named "node:N/SIZEkB"; "all/SIZEkB" on a kernel
 * without NUMA: the global file spreads over all nodes and could not be restored node by node.
 *
 * The kernel is silent about shortfall: the write returns its full length and simply stops at the
 * first page that cannot be allocated (or at a pending signal), so the count is read back.
 *
 * "512+compact" compacts the node's memory before more pages are asked for: a class of its own,
 * hugepages_compact, whose value, reading and undo are those of hugepages. Compacting is one shot:
 * pages of processes have moved and stay where they are, which nobody sees and nothing takes back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/knob.h"
#include "core/parse.h"
#include "core/step.h"
#include "probes/cpus.h"
#include "probes/owner.h"

struct pool {
	bool is_global;
	unsigned node;
	uint64_t size_kb;
};

/* A number in its one spelling, ended by end. */
static int cut_number(const char **at, const char *end, uint64_t *ret)
{
	char digits[24];
	const char *stop = strstr(*at, end);

	if (!stop || (size_t)(stop - *at) >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, *at, (size_t)(stop - *at));
	digits[stop - *at] = '\0';
	if (parse_u64(digits, ret) || (digits[0] == '0' && digits[1]))
		return -EINVAL;
	*at = stop + strlen(end);
	return 0;
}

static int parse_object(const char *object, struct pool *ret)
{
	struct pool pool = {.is_global = !strncmp(object, "all/", 4)};
	const char *at = object + (pool.is_global ? 4 : 5);
	uint64_t node = 0;

	if (!pool.is_global &&
	    (strncmp(object, "node:", 5) != 0 || cut_number(&at, "/", &node) || node > 65535))
		return -EINVAL;
	if (cut_number(&at, "kB", &pool.size_kb) || *at || pool.size_kb == 0)
		return -EINVAL;
	pool.node = (unsigned)node;
	*ret = pool;
	return 0;
}

static int pool_directory(const struct pool *pool, char *buf, size_t size)
{
	unsigned long long kb = pool->size_kb;
	int len = pool->is_global
			  ? snprintf(buf, size, "sys/kernel/mm/hugepages/hugepages-%llukB", kb)
			  : snprintf(buf, size,
				     "sys/devices/system/node/node%u/hugepages/hugepages-%llukB",
				     pool->node, kb);

	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int pages_path(const char *object, char *buf, size_t size)
{
	static const char file[] = "/nr_hugepages";
	struct pool pool;
	int err = parse_object(object, &pool);

	if (!err)
		err = pool_directory(&pool, buf, size);
	if (err)
		return err;
	size_t len = strlen(buf);
	if (len + sizeof(file) > size)
		return -ENOSPC;
	memcpy(buf + len, file, sizeof(file));
	return 0;
}

/* A pool is what its name says: node and size. */
static int pages_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[256], present[64];
	int err = pages_path(object, path, sizeof(path));

	if (err)
		return err;
	/* Read and not asked for: a passing error is not absence. */
	ssize_t len = host_read(host, path, present, sizeof(present));
	if (len < 0)
		return (int)len;
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

/* "MemTotal:" of the node, or of the machine, in bytes. */
static int read_memory(struct host *host, const struct pool *pool, const char *key, uint64_t *ret)
{
	char text[8192];
	ssize_t len = pool->is_global
			      ? host_readf(host, text, sizeof(text), "proc/meminfo")
			      : host_readf(host, text, sizeof(text),
					   "sys/devices/system/node/node%u/meminfo", pool->node);

	if (len < 0)
		return (int)len;
	const char *at = strstr(text, key);
	if (!at)
		return -ENOENT;
	at += strlen(key);
	at += strspn(at, " \t");
	return parse_kb(at, strcspn(at, "\n"), ret);
}

/*
 * nr_hugepages shows surplus pages too, but a write sets the persistent ones only (mm/hugetlb.c,
 * set_max_huge_pages): what is written, compared and put back is the persistent count.
 */
static ssize_t pages_read(struct host *host, const char *object, char *buf, size_t size)
{
	char directory[256];
	uint64_t all, surplus = 0;
	struct pool pool;
	int err = parse_object(object, &pool);

	if (!err)
		err = pool_directory(&pool, directory, sizeof(directory));
	if (!err)
		err = host_read_u64f(host, &all, "%s/nr_hugepages", directory);
	if (err)
		return err;
	err = host_read_u64f(host, &surplus, "%s/surplus_hugepages", directory);
	if (err && !errno_is_absent(-err))
		return err;
	return snprintf(buf, size, "%llu", (unsigned long long)(all > surplus ? all - surplus : 0));
}

/* All of them: as long as some are surplus, a smaller count is accepted but not yet reached. */
static int pages_effective(struct host *host, const char *object, char *buf, size_t size)
{
	char path[256];
	int err = pages_path(object, path, sizeof(path));
	ssize_t len = err ? err : host_read(host, path, buf, size);

	return len < 0 ? (int)len : 0;
}

#define MIB(bytes) ((unsigned long long)((bytes) >> 20))

/*
 * While pages are surplus, any write changes how many of them stay (mm/hugetlb.c turns surplus
 * pages into persistent ones and back), so that what was there before is more than the one number
 * that is put back.
 */
static int check_surplus(struct host *host, const char *object, const struct pool *pool, char *why,
			 size_t why_size)
{
	char directory[256];
	uint64_t surplus;

	if (pool_directory(pool, directory, sizeof(directory)) ||
	    host_read_u64f(host, &surplus, "%s/surplus_hugepages", directory) || surplus == 0)
		return 0;
	(void)snprintf(why, why_size,
		       "%s: %llu of its pages are surplus, in use beyond the count: it could not "
		       "be put back exactly: change it when they are released",
		       object, (unsigned long long)surplus);
	return -EBUSY;
}

static int pages_check(struct host *host, const char *object, const char *value, char *why,
		       size_t why_size)
{
	char path[256];
	uint64_t wish, now = 0, total, free_bytes;
	struct pool pool;

	if (parse_object(object, &pool) || parse_u64(value, &wish) ||
	    pages_path(object, path, sizeof(path)))
		return -EINVAL;
	int err = check_surplus(host, object, &pool, why, why_size);
	if (err)
		return err;
	if (read_memory(host, &pool, "MemTotal:", &total))
		return 0; /* the kernel stops where memory does */
	if (wish > (total >> 10) / pool.size_kb) {
		(void)snprintf(why, why_size,
			       "%s: %llu pages of %llu kB are more than its memory (%llu MiB): at "
			       "most %llu",
			       object, (unsigned long long)wish, (unsigned long long)pool.size_kb,
			       MIB(total), (unsigned long long)((total >> 10) / pool.size_kb));
		return -ERANGE;
	}
	if (host_read_u64f(host, &now, "%s", path) || wish <= now ||
	    read_memory(host, &pool, "MemFree:", &free_bytes))
		return 0;
	uint64_t more = (wish - now) * pool.size_kb << 10;
	if (more > free_bytes)
		(void)snprintf(why, why_size,
			       "%s: needs %llu MiB more and %llu MiB are free now: others lose "
			       "cache or are swapped out, and fewer pages may come of it",
			       object, MIB(more), MIB(free_bytes));
	return 0;
}

static const char *pages_explain(int err)
{
	switch (err) {
	case EINVAL:
		return "the kernel cannot allocate pages of this size while it runs: reserve them "
		       "on its command line";
	case EINTR:
		return "interrupted";
	case ENOMEM:
		return "memory is full or fragmented: free some or ask for less";
	case EACCES:
	case EPERM:
		return "only root may change huge pages";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_hugepages = {
	.name = "hugepages",
	.compare = STEP_U64,
	.flags = STEP_COUNTED | STEP_SLOW | STEP_LAGGING,
	.path = pages_path,
	.identity = pages_identity,
	.read = pages_read,
	.effective = pages_effective,
	.check = pages_check,
	.explain = pages_explain,
};

/* Write only; Documentation/ABI/stable/sysfs-devices-node, admin-guide/sysctl/vm.rst. */
static void compact_path(const struct pool *pool, char *buf, size_t size)
{
	if (pool->is_global)
		(void)snprintf(buf, size, "proc/sys/vm/compact_memory");
	else
		(void)snprintf(buf, size, "sys/devices/system/node/node%u/compact", pool->node);
}

static int compact_check(struct host *host, const char *object, const char *value, char *why,
			 size_t why_size)
{
	char path[64];
	struct pool pool;

	if (parse_object(object, &pool))
		return -EINVAL;
	compact_path(&pool, path, sizeof(path));
	if (!host_existsf(host, "%s", path)) {
		(void)snprintf(
			why, why_size,
			"%s: this kernel cannot be told to compact (CONFIG_COMPACTION): leave "
			"out +compact",
			object);
		return -EOPNOTSUPP;
	}
	int err = pages_check(host, object, value, why, why_size);
	if (!err && !why[0])
		(void)snprintf(why, why_size,
			       "%s: memory is compacted first: it may take seconds, and pages of "
			       "processes move; that is not taken back",
			       object);
	return err;
}

/* An undo gives pages back, or asks for no more than there were: nothing is compacted for it unless
 * pages were lost meanwhile. That compacting was refused or interrupted is no reason not to try. */
static int compact_write(struct host *host, const char *object, const char *value)
{
	char path[256], now[32];
	uint64_t count, wish;
	struct pool pool;
	int err = parse_object(object, &pool);

	if (err)
		return err;
	if (pages_read(host, object, now, sizeof(now)) > 0 && !parse_u64(now, &count) &&
	    !parse_u64(value, &wish) && wish > count) {
		compact_path(&pool, path, sizeof(path));
		(void)!host_write(host, path, "1");
	}
	err = pages_path(object, path, sizeof(path));
	return err ? err : host_write(host, path, value);
}

const struct step_class step_class_hugepages_compact = {
	.name = "hugepages_compact",
	.compare = STEP_U64,
	.flags = STEP_COUNTED | STEP_SLOW | STEP_LAGGING,
	.path = pages_path,
	.identity = pages_identity,
	.read = pages_read,
	.write = compact_write,
	.effective = pages_effective,
	.check = compact_check,
	.explain = pages_explain,
};

static void add_target(struct host *host, struct knob_targets *ret, const struct pool *pool)
{
	char key[64], name[64], value[24], directory[256];
	uint64_t count;

	if (pool_directory(pool, directory, sizeof(directory)))
		return;
	int err = host_read_u64f(host, &count, "%s/nr_hugepages", directory);
	if (err && errno_is_absent(-err))
		return;
	(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)(err ? 0 : count));
	if (pool->is_global)
		(void)snprintf(key, sizeof(key), "all/%llukB", (unsigned long long)pool->size_kb);
	else
		(void)snprintf(key, sizeof(key), "node:%u/%llukB", pool->node,
			       (unsigned long long)pool->size_kb);
	(void)snprintf(name, sizeof(name), "huge pages of %llu kB",
		       (unsigned long long)pool->size_kb);
	knob_targets_add(ret, key, name, err ? NULL : value, "number of pages, or 512+compact",
			 err ? strerror(-err) : NULL);
}

/* Every size of one node, or of the machine. */
static void add_sizes(struct host *host, struct knob_targets *ret, struct pool *pool)
{
	struct host_names names;
	int err = pool->is_global
			  ? host_listf(host, &names, "sys/kernel/mm/hugepages")
			  : host_listf(host, &names, "sys/devices/system/node/node%u/hugepages",
				       pool->node);

	if (err)
		return;
	for (size_t i = 0; i < names.n; i++) {
		static const char prefix[] = "hugepages-";
		const char *at = names.names[i];

		if (strncmp(at, prefix, strlen(prefix)) != 0)
			continue;
		at += strlen(prefix);
		if (!cut_number(&at, "kB", &pool->size_kb) && !*at)
			add_target(host, ret, pool);
	}
	host_names_done(&names);
}

static bool has_node_pools(struct host *host)
{
	struct host_names names;
	bool has_any = false;

	if (host_listf(host, &names, "sys/devices/system/node"))
		return false;
	for (size_t i = 0; i < names.n && !has_any; i++)
		has_any =
			!strncmp(names.names[i], "node", 4) &&
			host_existsf(host, "sys/devices/system/node/%s/hugepages", names.names[i]);
	host_names_done(&names);
	return has_any;
}

static int pages_targets(struct host *host, struct knob_targets *ret)
{
	struct host_names names;

	if (!has_node_pools(host)) {
		struct pool pool = {.is_global = true};

		add_sizes(host, ret, &pool);
		return 0;
	}
	int err = host_listf(host, &names, "sys/devices/system/node");
	if (err)
		return err;
	for (size_t i = 0; i < names.n; i++) {
		struct pool pool = {0};
		uint64_t node;

		if (strncmp(names.names[i], "node", 4) != 0 ||
		    parse_u64(names.names[i] + 4, &node) || node > 65535)
			continue;
		pool.node = (unsigned)node;
		add_sizes(host, ret, &pool);
	}
	host_names_done(&names);
	return 0;
}

static void add_affected(struct host *host, const struct pool *pool, struct cpuset *affected)
{
	struct cpus cpus = {0};
	struct cpuset set;

	if (pool->is_global ||
	    host_read_cpulistf(host, &set, "sys/devices/system/node/node%u/cpulist", pool->node) ||
	    cpuset_is_empty(&set)) {
		int err = cpus_online(&cpus, host, &set);

		cpus_done(&cpus);
		if (err)
			return;
	}
	cpuset_or(affected, &set);
}

static int pages_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		      char *why, size_t why_size)
{
	struct pool pool;

	if (!parse_object(target, &pool) && pool.is_global && has_node_pools(host)) {
		(void)snprintf(
			why, why_size,
			"%s: name the node (node:0/%llukB): a count over all nodes cannot be "
			"taken back node by node",
			target, (unsigned long long)pool.size_kb);
		return -EINVAL;
	}
	static const char suffix[] = "+compact";
	size_t len = strlen(value), cut = sizeof(suffix) - 1;
	bool is_compacted = len > cut && !strcmp(value + len - cut, suffix);
	_cleanup_(freep) char *count =
		xasprintf("%.*s", (int)(is_compacted ? len - cut : len), value);
	int err = plan_add(ret, host,
			   is_compacted ? &step_class_hugepages_compact : &step_class_hugepages,
			   target, count, why, why_size);
	if (err)
		return err;
	add_affected(host, &pool, &ret->affected);
	const struct plan_step *step = &ret->steps[ret->n_steps - 1];
	plan_title_add(ret, "%.40s %.20s -> %.20s pages%s", target, step->old_value,
		       step->new_value, is_compacted ? ", compacting" : "");
	return 0;
}

static int pages_owner(struct host *host, const char *target, char *buf, size_t size)
{
	(void)target;
	return owner_describe(host, OWNERS_SYSCTL | OWNER_BIT(OWNER_KUBELET), buf, size) > 0;
}

const struct knob knob_hugepages = {
	.name = "hugepages",
	.family = "memory",
	.summary = "persistent huge pages of one size on one node",
	.cost = "Takes memory from everybody else and may take seconds; fewer than asked for may "
		"come: 512+compact compacts memory first. Taken back as they become unused.",
	.risk = KNOB_PARTIAL,
	.targets = pages_targets,
	.plan = pages_plan,
	.owner = pages_owner,
};
