/*
 * What the files of a control group say, of either version (Documentation/admin-guide/cgroup-v1 and
 * cgroup-v2.rst). Files that are not there because their controller is not enabled for the group
 * leave the value absent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/container_internal.h"
#include "probes/read.h"

/* Limits of v1 that mean none: PAGE_COUNTER_MAX in bytes, rounded down to pages of any size. */
#define NO_LIMIT (UINT64_C(1) << 62)

/* Names that had to be made visible may look like others: the inode tells them apart. */
void container_key(const struct cgroup_node *node, char *buf, size_t size)
{
	if (text_is_clean(node->path, strlen(node->path)))
		(void)snprintf(buf, size, "container:/%s", node->path);
	else
		(void)snprintf(buf, size, "container:/%s#%llu", node->path,
			       (unsigned long long)node->identity);
}

static void free_text(struct container *container, enum container_metric metric)
{
	struct value *value = &container->values[metric];
	enum metric_type type = container_metrics[metric].type;

	if ((type == METRIC_TEXT || type == METRIC_CPUSET) && value->state == VALUE_OK)
		free((char *)(uintptr_t)value->text);
	*value = (struct value){0};
}

void container_set_u64(struct container *container, enum container_metric metric, uint64_t value)
{
	container->values[metric] = (struct value){.state = VALUE_OK, .u64 = value};
}

void container_set_f64(struct container *container, enum container_metric metric, double value)
{
	container->values[metric] =
		(struct value){.state = VALUE_OK, .is_float = true, .f64 = value};
}

void container_set_text(struct container *container, enum container_metric metric, const char *text)
{
	char *copy = xstrdup(text);

	free_text(container, metric);
	container->values[metric] = (struct value){.state = VALUE_OK, .text = copy};
}

void container_set_errno(struct container *container, enum container_metric metric, int err)
{
	free_text(container, metric);
	if (!err || errno_is_absent(-err))
		return;
	container->values[metric].state = errno_is_denied(-err) ? VALUE_DENIED : VALUE_FAULT;
}

ssize_t container_read(struct container_run *run, enum cgroup_controller controller,
		       const char *v1_name, const char *v2_name, char *buf, size_t size)
{
	const struct cgroup_tree *tree = &run->state->tree;
	int where = cgroup_tree_where(tree, run->node, controller);
	const char *name = cgroup_tree_is_v2(tree, where) ? v2_name : v1_name;
	char dir[1024];

	if (where < 0 || !name)
		return -ENOENT;
	if (!cgroup_directory(&tree->mounts.at[where], run->node->path, dir, sizeof(dir)))
		return -ENOENT;

	ssize_t n = host_readf(run->host, buf, size, "%s/%s", dir, name);

	read_notef(run->out, (int)(n < 0 ? n : 0), "%s/%s", dir, name);
	return n;
}

static bool is_v2(const struct container_run *run, enum cgroup_controller controller)
{
	const struct cgroup_tree *tree = &run->state->tree;

	return cgroup_tree_is_v2(tree, cgroup_tree_where(tree, run->node, controller));
}

static int span_u64(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (!len || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, ret);
}

/* The number behind a key of "key number" lines. -ENOENT: no such line. */
static int keyed(const char *text, const char *key, uint64_t *ret)
{
	struct scan scan = {text};
	const char *word;
	size_t len;

	do {
		if (scan_word(&scan, &word, &len) == 0 && len == strlen(key) &&
		    !memcmp(word, key, len))
			return scan_u64(&scan, ret);
	} while (scan_next_line(&scan));
	return -ENOENT;
}

static void set_keyed(struct container *container, enum container_metric metric, const char *text,
		      const char *key, uint64_t unit)
{
	uint64_t value = 0;
	int r = keyed(text, key, &value);

	if (r == 0 && value > UINT64_MAX / unit)
		r = -ERANGE;
	if (r < 0)
		container_set_errno(container, metric, r);
	else
		container_set_u64(container, metric, value * unit);
}

/* --- every run --- */

static void read_throttling(struct container_run *run, const char *text, bool is_v2_file)
{
	struct container *container = run->container;

	set_keyed(container, C_PERIODS, text, "nr_periods", 1);
	set_keyed(container, C_THROTTLED, text, "nr_throttled", 1);
	set_keyed(container, C_THROTTLED_NS, text, is_v2_file ? "throttled_usec" : "throttled_time",
		  is_v2_file ? NSEC_PER_USEC : 1);
}

static void no_throttling(struct container *container, int err)
{
	container_set_errno(container, C_PERIODS, err);
	container_set_errno(container, C_THROTTLED, err);
	container_set_errno(container, C_THROTTLED_NS, err);
}

/* How many of the periods since the last run ended early. */
static void watch_throttling(struct container *container)
{
	const struct value *periods = &container->values[C_PERIODS];
	const struct value *throttled = &container->values[C_THROTTLED];
	bool is_known = periods->state == VALUE_OK && throttled->state == VALUE_OK;
	bool is_older = is_known && container->periods && periods->u64 > container->periods &&
			throttled->u64 >= container->throttled;

	container->throttled_share = is_older ? (double)(throttled->u64 - container->throttled) /
							(double)(periods->u64 - container->periods)
				     : is_known && periods->u64 == container->periods ? 0.0
										      : -1.0;
	container->periods = is_known ? periods->u64 : 0;
	container->throttled = is_known ? throttled->u64 : 0;
}

void container_read_counters(struct container_run *run)
{
	struct container *container = run->container;
	bool has_v2_usage = is_v2(run, CGROUP_CPUACCT), has_v2_stat = is_v2(run, CGROUP_CPU);
	char text[4096];
	ssize_t n = container_read(run, CGROUP_CPUACCT, "cpuacct.usage", "cpu.stat", text,
				   sizeof(text));
	uint64_t usage_ns;

	if (n < 0)
		container_set_errno(container, C_CPU_NS, (int)n);
	else if (has_v2_usage)
		set_keyed(container, C_CPU_NS, text, "usage_usec", NSEC_PER_USEC);
	else if (parse_u64(text, &usage_ns) == 0)
		container_set_u64(container, C_CPU_NS, usage_ns);
	else
		container_set_errno(container, C_CPU_NS, -EINVAL);

	/* Without a quota nothing is throttled, and the figures of v1 stand still. */
	if (!has_v2_stat && container->details_ns && !container->has_quota) {
		watch_throttling(container);
		return;
	}
	if (!has_v2_stat || !has_v2_usage)
		n = container_read(run, CGROUP_CPU, "cpu.stat", "cpu.stat", text, sizeof(text));
	if (n < 0)
		no_throttling(container, (int)n);
	else
		read_throttling(run, text, has_v2_stat);
	watch_throttling(container);
}

/* --- now and then --- */

static void read_number(struct container_run *run, enum container_metric metric,
			enum cgroup_controller controller, const char *v1_name, const char *v2_name)
{
	char text[64];
	uint64_t value;
	ssize_t n = container_read(run, controller, v1_name, v2_name, text, sizeof(text));
	int r = n < 0 ? (int)n : 0;

	/* No limit, no number. */
	if (r == 0 && !strcmp(text, "max"))
		r = -ENOENT;
	if (r == 0)
		r = parse_u64(text, &value);
	if (r == 0 && metric == C_MEMORY_MAX && value >= NO_LIMIT)
		r = -ENOENT;
	if (r < 0)
		container_set_errno(run->container, metric, r);
	else
		container_set_u64(run->container, metric, value);
}

/* "50000 100000", "max 100000". */
static int parse_quota(const char *text, double *ret_cpus)
{
	struct scan scan = {text};
	const char *word;
	size_t len;
	uint64_t quota = 0, period;
	int r = scan_word(&scan, &word, &len);

	if (r < 0)
		return -EINVAL;

	bool is_max = len == 3 && !memcmp(word, "max", 3);

	if ((!is_max && span_u64(word, len, &quota) < 0) || scan_u64(&scan, &period) < 0 || !period)
		return -EINVAL;
	*ret_cpus = is_max ? -1.0 : (double)quota / (double)period;
	return 0;
}

/* In v2's words, for v1 too. */
static ssize_t quota_text(struct container_run *run, char *buf, size_t size)
{
	char quota[32], period[32];

	if (is_v2(run, CGROUP_CPU))
		return container_read(run, CGROUP_CPU, NULL, "cpu.max", buf, size);

	ssize_t n = container_read(run, CGROUP_CPU, "cpu.cfs_quota_us", NULL, quota, sizeof(quota));

	if (n < 0)
		return n;
	n = container_read(run, CGROUP_CPU, "cpu.cfs_period_us", NULL, period, sizeof(period));
	if (n < 0)
		return n;
	return snprintf(buf, size, "%s %s", *quota == '-' ? "max" : quota, period);
}

static void read_quota(struct container_run *run)
{
	struct container *container = run->container;
	char text[80];
	ssize_t n = quota_text(run, text, sizeof(text));
	double cpus = -1.0;
	int r = n < 0 ? (int)n : parse_quota(text, &cpus);

	container->has_quota = r == 0 && cpus >= 0.0;
	if (r < 0)
		container_set_errno(container, C_CPU_MAX, r);
	else
		container_set_text(container, C_CPU_MAX, text);
	if (container->has_quota)
		container_set_f64(container, C_CPU_QUOTA, cpus);
	else
		container_set_errno(container, C_CPU_QUOTA, r);
}

static void read_cpuset(struct container_run *run, enum container_metric metric,
			const char *v1_name, const char *v2_name)
{
	_cleanup_(freep) char *text = xcalloc(1, CPUSET_TEXT_MAX);
	struct cpuset cpus;
	ssize_t n = container_read(run, CGROUP_CPUSET, v1_name, v2_name, text, CPUSET_TEXT_MAX);
	int r = n < 0 ? (int)n : cpuset_parse_list(read_trim(text), &cpus);

	if (r == 0 && cpuset_format_list(&cpus, text, CPUSET_TEXT_MAX) < 0)
		r = -EINVAL;
	if (r < 0)
		container_set_errno(run->container, metric, r);
	else
		container_set_text(run->container, metric, text);
}

/* "some avg10=1.50 ..." */
static void read_pressure(struct container_run *run, enum container_metric metric, const char *name)
{
	static const char begin[] = "some avg10=";
	char text[512], number[24];
	double value;
	ssize_t n = container_read(run, CGROUP_UNIFIED, NULL, name, text, sizeof(text));
	int r = n < 0 ? (int)n : -EINVAL;

	if (n >= 0 && !strncmp(text, begin, sizeof(begin) - 1)) {
		size_t len = strcspn(text + sizeof(begin) - 1, " \n");

		if (len < sizeof(number)) {
			memcpy(number, text + sizeof(begin) - 1, len);
			number[len] = '\0';
			r = parse_f64(number, &value);
		}
	}
	if (r < 0)
		container_set_errno(run->container, metric, r);
	else
		container_set_f64(run->container, metric, value);
}

/* The sizes of huge pages as the names of files say them: 2048 kB is 2MB (hugetlb_cgroup.c). */
static void know_page_sizes(struct container_run *run)
{
	struct container_state *state = run->state;
	struct host_names names = {0};

	if (state->are_page_sizes_known && !run->out->is_thorough)
		return;
	state->are_page_sizes_known = true;
	state->n_page_sizes = 0;
	if (host_listf(run->host, &names, "sys/kernel/mm/hugepages") < 0)
		return;
	state->page_sizes = xrealloc(state->page_sizes, (names.n + 1) * sizeof(*state->page_sizes));
	for (size_t i = 0; i < names.n; i++) {
		uint64_t kib = 0;
		const char *digits = names.names[i] + strcspn(names.names[i], "0123456789");
		size_t len = strspn(digits, "0123456789");

		if (span_u64(digits, len, &kib) < 0 || strcmp(digits + len, "kB") != 0)
			continue;

		bool is_gib = kib >= 1u << 20, is_mib = kib >= 1u << 10;

		(void)snprintf(state->page_sizes[state->n_page_sizes++], 16, "%u%s",
			       (unsigned)(is_gib   ? kib >> 20
					  : is_mib ? kib >> 10
						   : kib),
			       is_gib	? "GB"
			       : is_mib ? "MB"
					: "KB");
	}
	host_names_done(&names);
}

static void read_hugetlb(struct container_run *run)
{
	uint64_t sum = 0;
	bool is_known = false;
	int error = 0;

	know_page_sizes(run);
	for (unsigned i = 0; i < run->state->n_page_sizes; i++) {
		char v1[64], v2[64], text[32];
		uint64_t value;

		(void)snprintf(v1, sizeof(v1), "hugetlb.%s.usage_in_bytes",
			       run->state->page_sizes[i]);
		(void)snprintf(v2, sizeof(v2), "hugetlb.%s.current", run->state->page_sizes[i]);

		ssize_t n = container_read(run, CGROUP_HUGETLB, v1, v2, text, sizeof(text));
		int r = n < 0 ? (int)n : parse_u64(text, &value);

		if (r < 0) {
			error = r;
			continue;
		}
		is_known = true;
		sum += value;
	}
	if (is_known)
		container_set_u64(run->container, C_HUGETLB, sum);
	else
		container_set_errno(run->container, C_HUGETLB, error);
}

/* running, frozen or empty. An engine's own word is better: it is put in its place later. */
static void read_state(struct container_run *run)
{
	char text[512];
	uint64_t value;
	bool is_v2_file = is_v2(run, CGROUP_FREEZER);
	ssize_t n = container_read(run, CGROUP_FREEZER, "freezer.state", "cgroup.events", text,
				   sizeof(text));

	if (n < 0) {
		container_set_errno(run->container, C_STATE, (int)n);
		return;
	}
	if (is_v2_file ? keyed(text, "frozen", &value) == 0 && value == 1 : !strcmp(text, "FROZEN"))
		container_set_text(run->container, C_STATE, "frozen");
	else if (is_v2_file && keyed(text, "populated", &value) == 0 && !value)
		container_set_text(run->container, C_STATE, "empty");
	else
		container_set_text(run->container, C_STATE, "running");
}

void container_read_details(struct container_run *run)
{
	read_quota(run);
	read_number(run, C_CPU_WEIGHT, CGROUP_CPU, NULL, "cpu.weight");
	read_number(run, C_CPU_SHARES, CGROUP_CPU, "cpu.shares", NULL);
	read_cpuset(run, C_CPUSET_CPUS, "cpuset.cpus", "cpuset.cpus");
	read_cpuset(run, C_CPUSET_EFFECTIVE, "cpuset.effective_cpus", "cpuset.cpus.effective");
	read_cpuset(run, C_CPUSET_MEMS, "cpuset.mems", "cpuset.mems");
	read_cpuset(run, C_MEMS_EFFECTIVE, "cpuset.effective_mems", "cpuset.mems.effective");
	read_number(run, C_MEMORY, CGROUP_MEMORY, "memory.usage_in_bytes", "memory.current");
	read_number(run, C_MEMORY_MAX, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max");
	read_hugetlb(run);
	read_number(run, C_PIDS, CGROUP_PIDS, "pids.current", "pids.current");
	read_number(run, C_PIDS_MAX, CGROUP_PIDS, "pids.max", "pids.max");
	read_pressure(run, C_PSI_CPU, "cpu.pressure");
	read_pressure(run, C_PSI_MEMORY, "memory.pressure");
	read_pressure(run, C_PSI_IO, "io.pressure");
	read_state(run);
}
