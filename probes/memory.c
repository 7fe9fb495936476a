/*
 * Memory of the host and of every node, transparent huge pages, KSM, NUMA balancing. The files stay
 * open: a run is one pread per file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define SYS_NODE "sys/devices/system/node"
#define SYS_MM "sys/kernel/mm"
#define LIST_PERIOD_NS (5 * NSEC_PER_SEC) /* how often new nodes are looked for */

enum set { SET_HOST, SET_NODE };

enum host_metric {
	HOST_TOTAL,
	HOST_FREE,
	HOST_AVAILABLE,
	HOST_THP_ENABLED,
	HOST_THP_DEFRAG,
	HOST_KSM_RUN,
	HOST_KSM_SHARING,
	HOST_NUMA_BALANCING
};
static const struct metric host_metrics[] = {
	{"memory_total_bytes", METRIC_GAUGE, UNIT_BYTES, "Memory the kernel manages", NULL},
	{"memory_free_bytes", METRIC_GAUGE, UNIT_BYTES, "Unused memory", NULL},
	{"memory_available_bytes", METRIC_GAUGE, UNIT_BYTES,
	 "Memory available without swapping (the kernel's estimate)", NULL},
	{"thp_enabled", METRIC_TEXT, UNIT_NONE, "Transparent huge pages: always, madvise, never",
	 NULL},
	{"thp_defrag", METRIC_TEXT, UNIT_NONE, "When a page fault stalls to build a huge page",
	 NULL},
	{"ksm_run", METRIC_TEXT, UNIT_NONE, "Same-page merging: 0 stopped, 1 running, 2 unmerged",
	 NULL},
	{"ksm_pages_sharing", METRIC_GAUGE, UNIT_COUNT, "Pages saved by merging", NULL},
	{"numa_balancing", METRIC_TEXT, UNIT_NONE,
	 "Automatic NUMA balancing: 0 off, 1 on, 2 tiering", NULL},
};

enum node_metric { NODE_TOTAL, NODE_FREE };
static const struct metric node_metrics[] = {
	{"memory_total_bytes", METRIC_GAUGE, UNIT_BYTES, "Memory of the node", "memory"},
	{"memory_free_bytes", METRIC_GAUGE, UNIT_BYTES, "Unused memory of the node", "free"},
};

static const struct metric_set sets[] = {
	[SET_HOST] = {"host", host_metrics, ARRAY_SIZE(host_metrics)},
	[SET_NODE] = {"node", node_metrics, ARRAY_SIZE(node_metrics)},
};

struct node {
	unsigned id;
	struct host_file *meminfo;
};

struct memory_state {
	struct host_file *meminfo, *thp_enabled, *thp_defrag, *ksm_run, *ksm_sharing, *balancing;
	struct node *nodes;
	unsigned n_nodes;
	uint64_t listed_ns;
};

struct field {
	const char *key;
	unsigned metric;
};

/* "Key: 12 kB" lines; a node's begin with "Node 0 ". Sets what it knows, counts what it set. */
static unsigned parse_meminfo(struct sample_row *row, const char *text, const struct field *fields,
			      unsigned n_fields, bool is_node)
{
	unsigned n = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		struct key_value pair;
		uint64_t bytes;

		line += *line == '\n';
		if (is_node && !strncmp(line, "Node ", 5)) {
			line += 5;
			line += strspn(line, "0123456789");
			line += strspn(line, " ");
		}
		if (parse_key_value(line, strcspn(line, "\n"), ':', &pair) < 0)
			continue;
		for (unsigned i = 0; i < n_fields; i++) {
			if (strlen(fields[i].key) != pair.key_len ||
			    memcmp(fields[i].key, pair.key, pair.key_len))
				continue;
			if (parse_kb(pair.value, pair.value_len, &bytes) < 0) {
				sample_errno(row, fields[i].metric, EINVAL);
				continue;
			}
			sample_u64(row, fields[i].metric, bytes);
			n++;
		}
		if (n == n_fields)
			break; /* they are the first lines of forty */
	}
	return n;
}

static void close_nodes(struct memory_state *state)
{
	for (unsigned i = 0; i < state->n_nodes; i++)
		host_file_close(state->nodes[i].meminfo);
	free(state->nodes);
	state->nodes = NULL;
	state->n_nodes = 0;
}

static bool same_nodes(const struct memory_state *state, const unsigned *ids, unsigned n)
{
	bool is_same = n == state->n_nodes;

	for (unsigned i = 0; is_same && i < n; i++)
		is_same = state->nodes[i].id == ids[i];
	return is_same;
}

static void list_nodes(struct memory_state *state, struct host *host, uint64_t now_ns)
{
	struct host_names names = {0};

	if (state->listed_ns && now_ns - state->listed_ns < LIST_PERIOD_NS)
		return;
	state->listed_ns = now_ns ? now_ns : 1;
	if (host_listf(host, &names, SYS_NODE) < 0) {
		close_nodes(state);
		return;
	}
	_cleanup_(freep) unsigned *ids = xcalloc(names.n, sizeof(*ids));
	unsigned n = 0;

	for (size_t i = 0; i < names.n; i++)
		n += (unsigned)read_numbered(names.names[i], "node", &ids[n]);
	host_names_done(&names);
	if (same_nodes(state, ids, n))
		return;
	close_nodes(state);
	state->nodes = xcalloc(n, sizeof(*state->nodes));
	state->n_nodes = n;
	for (unsigned i = 0; i < n; i++)
		state->nodes[i].id = ids[i];
}

static void read_node(struct node *node, struct host *host, struct sample *out)
{
	static const struct field fields[] = {{"MemTotal", NODE_TOTAL}, {"MemFree", NODE_FREE}};
	struct sample_row *row = sample_row(out, SET_NODE, NULL, NULL, "node:%u", node->id);
	const char *text;
	ssize_t n =
		host_file_readf(host, &node->meminfo, &text, SYS_NODE "/node%u/meminfo", node->id);
	int r = n < 0 ? (int)n : 0;

	if (r == 0 && parse_meminfo(row, text, fields, ARRAY_SIZE(fields), true) < 2)
		r = -EINVAL;
	if (r < 0) {
		read_notef(out, r, SYS_NODE "/node%u/meminfo", node->id);
		sample_errno(row, NODE_TOTAL, r);
		sample_errno(row, NODE_FREE, r);
	}
}

static int read_host(struct memory_state *state, struct host *host, struct sample_row *row)
{
	static const struct field fields[] = {
		{"MemTotal", HOST_TOTAL},
		{"MemFree", HOST_FREE},
		{"MemAvailable", HOST_AVAILABLE}, /* since linux 3.14 */
	};
	const char *text;
	ssize_t n = host_file_readf(host, &state->meminfo, &text, "proc/meminfo");

	if (n < 0)
		return (int)n;
	return parse_meminfo(row, text, fields, ARRAY_SIZE(fields), false) >= 2 ? 0 : -EINVAL;
}

static void read_text(struct host *host, struct host_file **file, struct sample *out,
		      struct sample_row *row, unsigned metric, const char *path)
{
	read_kept_choice(host, file, out, row, metric, path); /* no brackets: the text itself */
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct memory_state *state = data;
	struct sample_row *row = sample_row(out, SET_HOST, NULL, NULL, "host");
	int r = read_host(state, host, row);

	read_text(host, &state->thp_enabled, out, row, HOST_THP_ENABLED,
		  SYS_MM "/transparent_hugepage/enabled");
	read_text(host, &state->thp_defrag, out, row, HOST_THP_DEFRAG,
		  SYS_MM "/transparent_hugepage/defrag");
	read_text(host, &state->ksm_run, out, row, HOST_KSM_RUN, SYS_MM "/ksm/run");
	read_kept_u64(host, &state->ksm_sharing, out, row, HOST_KSM_SHARING,
		      SYS_MM "/ksm/pages_sharing");
	read_text(host, &state->balancing, out, row, HOST_NUMA_BALANCING,
		  "proc/sys/kernel/numa_balancing");
	list_nodes(state, host, out->time_ns);
	for (unsigned i = 0; i < state->n_nodes; i++)
		read_node(&state->nodes[i], host, out);
	return r < 0 ? read_fail(out, r, "proc/meminfo") : 0;
}

static void close_state(void *data)
{
	struct memory_state *state = data;

	close_nodes(state);
	host_file_close(state->meminfo);
	host_file_close(state->thp_enabled);
	host_file_close(state->thp_defrag);
	host_file_close(state->ksm_run);
	host_file_close(state->ksm_sharing);
	host_file_close(state->balancing);
}

const struct probe probe_memory = {
	.name = "memory",
	.summary = "Memory per node, transparent huge pages, KSM, NUMA balancing",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.state_size = sizeof(struct memory_state),
	.sample = sample,
	.close = close_state,
};
