/*
 * Who holds huge pages: processes whose status says HugetlbPages, then their numa_maps for sizes
 * and nodes. A walk over all of /proc, so on demand only, rarely, and not at all while every pool
 * is entirely free. Bounded: at most MAX_HOLDERS rows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define SYS_HUGE "sys/kernel/mm/hugepages"
#define MAX_HOLDERS 256

enum holder_metric { HOLDER_PID, HOLDER_TOTAL, HOLDER_2M, HOLDER_1G, HOLDER_OTHER, HOLDER_NODES };
static const struct metric holder_metrics[] = {
	{"pid", METRIC_GAUGE, UNIT_NONE, "Process", "pid"},
	{"total_bytes", METRIC_GAUGE, UNIT_BYTES,
	 "Huge pages mapped and present (private and shared)", "total"},
	{"in_2048kb_pages_bytes", METRIC_GAUGE, UNIT_BYTES, "In pages of 2 MiB", "2 MiB"},
	{"in_1048576kb_pages_bytes", METRIC_GAUGE, UNIT_BYTES, "In pages of 1 GiB", "1 GiB"},
	{"in_other_pages_bytes", METRIC_GAUGE, UNIT_BYTES, "In pages of other sizes", NULL},
	{"nodes", METRIC_TEXT, UNIT_NONE, "Bytes in MiB by node: 0:128 1:64", "MiB by node"},
};

static const struct metric_set sets[] = {
	{"hugeholder", holder_metrics, ARRAY_SIZE(holder_metrics)}};

enum { MAX_NODES = 64 };

struct holding {
	uint64_t by_size[3]; /* bytes in 2 MiB, 1 GiB, other pages */
	uint64_t by_node[MAX_NODES];
};

static bool some_pool_is_used(struct host *host)
{
	struct host_names names = {0};
	bool is_used = false;

	if (host_listf(host, &names, SYS_HUGE) < 0)
		return false;
	for (size_t i = 0; i < names.n && !is_used; i++) {
		uint64_t total = 0, unused = 0;

		if (host_read_u64f(host, &total, SYS_HUGE "/%s/nr_hugepages", names.names[i]) ==
			    0 &&
		    host_read_u64f(host, &unused, SYS_HUGE "/%s/free_hugepages", names.names[i]) ==
			    0)
			is_used = total > unused;
	}
	host_names_done(&names);
	return is_used;
}

/* The value of a line of proc/PID/status; NULL when there is none. */
static const char *status_value(const char *text, const char *key, size_t *ret_len)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		struct key_value pair;

		line += *line == '\n';
		if (strncmp(line, key, n) ||
		    parse_key_value(line, strcspn(line, "\n"), ':', &pair) < 0 || pair.key_len != n)
			continue;
		*ret_len = pair.value_len;
		return pair.value;
	}
	return NULL;
}

static bool span_number(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, ret) == 0;
}

struct mapping {
	bool is_huge;
	uint64_t page_kb, pages[MAX_NODES];
};

/* "huge", "N0=12" (pages on node 0), "kernelpagesize_kB=2048"; the rest does not matter. */
static void mapping_word(struct mapping *mapping, const char *word, size_t len)
{
	static const char page_size[] = "kernelpagesize_kB=";
	const char *equals = memchr(word, '=', len);
	uint64_t node, pages;

	if (len == 4 && !memcmp(word, "huge", 4)) {
		mapping->is_huge = true;
		return;
	}
	if (!equals)
		return;

	size_t before = (size_t)(equals - word), after = len - before - 1;

	if (*word == 'N' && span_number(word + 1, before - 1, &node) && node < MAX_NODES &&
	    span_number(equals + 1, after, &pages))
		mapping->pages[node] = pages;
	else if (before == sizeof(page_size) - 2 && !memcmp(word, page_size, before + 1))
		(void)span_number(equals + 1, after, &mapping->page_kb);
}

/* "7f.. default file=... huge dirty=2 N0=1 N1=1 kernelpagesize_kB=2048" */
static void add_mapping(const char *line, struct holding *holding)
{
	struct mapping mapping = {0};
	struct scan scan = {line};
	const char *word;
	size_t len;

	while (scan_word(&scan, &word, &len) == 0)
		mapping_word(&mapping, word, len);
	if (!mapping.is_huge)
		return;
	for (unsigned i = 0; i < MAX_NODES; i++) {
		uint64_t bytes = mapping.pages[i] * mapping.page_kb * 1024;
		unsigned size = mapping.page_kb == 2048 ? 0 : mapping.page_kb == 1048576 ? 1 : 2;

		holding->by_size[size] += bytes;
		holding->by_node[i] += bytes;
	}
}

static int read_maps(struct host *host, const char *pid, struct holding *ret)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "proc/%s/numa_maps", pid);

	*ret = (struct holding){0};
	struct scan scan = {n < 0 ? "" : text};

	do {
		add_mapping(scan.at, ret);
	} while (scan_next_line(&scan));
	host_file_close(file);
	return n < 0 ? (int)n : 0;
}

static void emit(struct sample *out, const char *pid, const char *comm, uint64_t total,
		 const struct holding *holding, int maps_error)
{
	struct sample_row *row = sample_row(out, 0, "host", comm, "hugeholder:%s", pid);
	char nodes[MAX_NODES * 28];
	size_t used = 0;
	uint64_t number;

	if (parse_u64(pid, &number) == 0)
		sample_u64(row, HOLDER_PID, number);
	sample_u64(row, HOLDER_TOTAL, total);
	for (unsigned i = 0; i < 3; i++) {
		if (maps_error < 0)
			sample_errno(row, HOLDER_2M + i, maps_error);
		else
			sample_u64(row, HOLDER_2M + i, holding->by_size[i]);
	}
	if (maps_error < 0) {
		sample_errno(row, HOLDER_NODES, maps_error);
		return;
	}
	nodes[0] = '\0';
	for (unsigned i = 0; i < MAX_NODES; i++) {
		if (holding->by_node[i])
			used += (size_t)snprintf(nodes + used, sizeof(nodes) - used, "%s%u:%llu",
						 used ? " " : "", i,
						 (unsigned long long)holding->by_node[i] >> 20);
	}
	sample_text(out, row, HOLDER_NODES, nodes);
}

/* A process that ended meanwhile is no error. True: it holds some. */
static bool read_process(struct host *host, const char *pid, struct sample *out)
{
	char status[8192], comm[64] = "";
	struct holding holding;
	uint64_t bytes = 0;
	size_t len;

	if (host_readf(host, status, sizeof(status), "proc/%s/status", pid) < 0)
		return false;

	const char *value = status_value(status, "HugetlbPages", &len);

	if (!value || parse_kb(value, len, &bytes) < 0 || !bytes)
		return false;
	value = status_value(status, "Name", &len);
	if (value && len < sizeof(comm)) {
		memcpy(comm, value, len);
		comm[len] = '\0';
	}
	int r = read_maps(host, pid, &holding);

	read_notef(out, r, "proc/%s/numa_maps", pid);
	emit(out, pid, comm, bytes, &holding, r);
	return true;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct host_names names = {0};
	unsigned n = 0;

	(void)data;
	if (!some_pool_is_used(host))
		return 0;

	int r = host_listf(host, &names, "proc");

	if (r < 0)
		return read_fail(out, r, "proc");
	for (size_t i = 0; i < names.n && n < MAX_HOLDERS; i++) {
		if (names.names[i][0] >= '1' && names.names[i][0] <= '9')
			n += read_process(host, names.names[i], out);
	}
	if (n == MAX_HOLDERS && !out->error)
		sample_errorf(out, "only the first %u processes are shown", n);
	host_names_done(&names);
	return 0;
}

const struct probe probe_hugeholder = {
	.name = "hugeholder",
	.summary = "Processes that hold huge pages",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = 5 * NSEC_PER_SEC,
	.sample = sample,
};
