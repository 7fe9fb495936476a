/*
 * Pools of huge pages: of the host and of every node, every size
 * (Documentation/admin-guide/mm/hugetlbpage.rst). The pools are looked for again every 5 s, their
 * numbers stay open.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define SYS_NODE "sys/devices/system/node"
#define SYS_HUGE "sys/kernel/mm/hugepages"
#define LIST_PERIOD_NS (5 * NSEC_PER_SEC)
#define ALL_NODES (-1)

enum pool_metric { POOL_SIZE, POOL_TOTAL, POOL_FREE, POOL_RESERVED, POOL_SURPLUS };
static const struct metric pool_metrics[] = {
	{"page_size_bytes", METRIC_GAUGE, UNIT_BYTES, "Size of one page", "page"},
	{"total_pages", METRIC_GAUGE, UNIT_COUNT, "Pages in the pool", "total"},
	{"free_pages", METRIC_GAUGE, UNIT_COUNT, "Pages nobody holds", "free"},
	{"reserved_pages", METRIC_GAUGE, UNIT_COUNT, "Free pages promised to mappings (host only)",
	 "reserved"},
	{"surplus_pages", METRIC_GAUGE, UNIT_COUNT, "Pages above the set number", "surplus"},
};

static const struct metric_set sets[] = {{"hugepool", pool_metrics, ARRAY_SIZE(pool_metrics)}};

/* Nodes have no reservations: those are counted for the whole host. */
static const struct {
	enum pool_metric metric;
	const char *name;
	bool is_host_only;
} numbers[] = {
	{POOL_TOTAL, "nr_hugepages", false},
	{POOL_FREE, "free_hugepages", false},
	{POOL_SURPLUS, "surplus_hugepages", false},
	{POOL_RESERVED, "resv_hugepages", true},
};

struct pool {
	int node; /* or ALL_NODES */
	unsigned size_kb;
	struct host_file *files[ARRAY_SIZE(numbers)];
};

struct hugepages_state {
	struct pool *pools;
	unsigned n_pools, room;
	uint64_t listed_ns;
	int error; /* of the listing */
};

static void close_pools(struct hugepages_state *state)
{
	for (unsigned i = 0; i < state->n_pools; i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(numbers); j++)
			host_file_close(state->pools[i].files[j]);
	}
	state->n_pools = 0;
}

static void pool_dir(int node, char *buf, size_t size)
{
	if (node == ALL_NODES)
		(void)snprintf(buf, size, SYS_HUGE);
	else
		(void)snprintf(buf, size, SYS_NODE "/node%d/hugepages", node);
}

static bool pool_size(const char *name, unsigned *ret_kb)
{
	char word[32];
	size_t len = strlen(name);

	if (len >= sizeof(word) || len < 3 || strcmp(name + len - 2, "kB"))
		return false;
	memcpy(word, name, len - 2);
	word[len - 2] = '\0';
	return read_numbered(word, "hugepages-", ret_kb) && *ret_kb;
}

static void add_pool(struct hugepages_state *state, int node, unsigned size_kb)
{
	if (state->n_pools == state->room) {
		state->room = state->room ? 2 * state->room : 16;
		state->pools = xrealloc(state->pools, state->room * sizeof(*state->pools));
	}
	state->pools[state->n_pools++] = (struct pool){.node = node, .size_kb = size_kb};
}

static int list_pools(struct hugepages_state *state, struct host *host, int node)
{
	struct host_names names = {0};
	char dir[64];

	pool_dir(node, dir, sizeof(dir));

	int r = host_listf(host, &names, "%s", dir);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		unsigned size_kb;

		if (pool_size(names.names[i], &size_kb))
			add_pool(state, node, size_kb);
	}
	host_names_done(&names);
	return 0;
}

/* Pools come with nodes; sizes can be added by modules on some architectures. Rare: all anew. */
static void list_all(struct hugepages_state *state, struct host *host, uint64_t now_ns)
{
	struct host_names names = {0};

	if (state->listed_ns && now_ns - state->listed_ns < LIST_PERIOD_NS)
		return;
	state->listed_ns = now_ns ? now_ns : 1;
	close_pools(state);
	state->error = list_pools(state, host, ALL_NODES);
	if (host_listf(host, &names, SYS_NODE) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		unsigned node;

		if (read_numbered(names.names[i], "node", &node))
			(void)list_pools(state, host, (int)node);
	}
	host_names_done(&names);
}

static void read_pool(struct pool *pool, struct host *host, struct sample *out)
{
	bool is_host = pool->node == ALL_NODES;
	char dir[64], path[192], parent[32] = "host", who[16] = "all";

	if (!is_host) {
		(void)snprintf(parent, sizeof(parent), "node:%d", pool->node);
		(void)snprintf(who, sizeof(who), "%d", pool->node);
	}
	struct sample_row *row =
		sample_row(out, 0, parent, NULL, "hugepool:%s/%ukB", who, pool->size_kb);

	sample_u64(row, POOL_SIZE, (uint64_t)pool->size_kb * 1024);
	pool_dir(pool->node, dir, sizeof(dir));
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i].is_host_only && !is_host)
			continue;
		(void)snprintf(path, sizeof(path), "%s/hugepages-%ukB/%s", dir, pool->size_kb,
			       numbers[i].name);
		read_kept_u64(host, &pool->files[i], out, row, numbers[i].metric, path);
	}
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct hugepages_state *state = data;

	list_all(state, host, out->time_ns);
	for (unsigned i = 0; i < state->n_pools; i++)
		read_pool(&state->pools[i], host, out);
	if (state->n_pools == 0)
		return read_fail(out, state->error < 0 ? state->error : -ENOENT, SYS_HUGE);
	read_note(out, state->error, SYS_HUGE);
	return 0;
}

static void close_state(void *data)
{
	struct hugepages_state *state = data;

	close_pools(state);
	free(state->pools);
}

const struct probe probe_hugepages = {
	.name = "hugepages",
	.summary = "Huge page pools per node and size",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct hugepages_state),
	.sample = sample,
	.close = close_state,
};
