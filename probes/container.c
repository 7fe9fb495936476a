/*
 * Containers, and the control groups they are: every group of the host is a row, joined over the
 * hierarchies of both versions by its path, with what its files, its first process and its engine
 * say.
 *
 * Cost: the counters of every group are read in every run; everything else only of a tenth of the
 * groups (of all, up to 64), the ones that were read longest ago. Values older than
 * SNAPSHOT_STALE_NS say so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "core/snapshot.h"
#include "probes/container_internal.h"
#include "probes/read.h"

#define DETAILS_PER_RUN 64u
#define THREADS_PER_RUN 4096u

const struct metric container_metrics[CONTAINER_METRICS] = {
	[C_ENGINE] =
		{"engine", METRIC_TEXT, UNIT_NONE,
		 "docker, podman, containerd, crio, cri, lxc, nspawn, libvirt, systemd; cgroup: "
		 "none of them",
		 "engine"},
	[C_ROLE] = {"role", METRIC_TEXT, UNIT_NONE,
		    "container, pod, helper, vm, slice, service, scope, unit, group", "role"},
	[C_ID] = {"id", METRIC_TEXT, UNIT_NONE, "The engine's identifier", NULL},
	[C_NAME] = {"name", METRIC_TEXT, UNIT_NONE, "The engine's name for it", "name"},
	[C_IMAGE] = {"image", METRIC_TEXT, UNIT_NONE, "Image it was made from", "image"},
	[C_POD] = {"pod", METRIC_TEXT, UNIT_NONE, "Kubernetes pod: its name, or its uid", NULL},
	[C_NAMESPACE] = {"namespace", METRIC_TEXT, UNIT_NONE, "Kubernetes namespace", NULL},
	[C_SOURCE] = {"source", METRIC_TEXT, UNIT_NONE, "Who said name and image", NULL},
	[C_STATE] = {"state", METRIC_TEXT, UNIT_NONE, "running, paused (frozen), empty", "state"},
	[C_PID] = {"pid", METRIC_GAUGE, UNIT_NONE, "Its first process", "pid"},
	[C_TASKS] = {"tasks", METRIC_GAUGE, UNIT_COUNT, "Threads in the group itself", "tasks"},
	[C_CPU_NS] = {"cpu_ns", METRIC_COUNTER, UNIT_NS, "CPU time used, groups below included",
		      "cpu"},
	[C_PERIODS] = {"periods", METRIC_COUNTER, UNIT_COUNT, "Periods of its quota", NULL},
	[C_THROTTLED] = {"throttled", METRIC_COUNTER, UNIT_COUNT,
			 "Periods in which the quota was used up", NULL},
	[C_THROTTLED_NS] = {"throttled_ns", METRIC_COUNTER, UNIT_NS,
			    "Time its CPUs' run queues waited for the next period", "throttled"},
	[C_PSI_CPU] = {"psi_cpu", METRIC_GAUGE, UNIT_PERCENT,
		       "Share of 10 s in which some task waited for a CPU", "psi cpu"},
	[C_PSI_MEMORY] = {"psi_memory", METRIC_GAUGE, UNIT_PERCENT,
			  "Share of 10 s in which some task waited for memory", NULL},
	[C_PSI_IO] = {"psi_io", METRIC_GAUGE, UNIT_PERCENT,
		      "Share of 10 s in which some task waited for I/O", NULL},
	[C_CPU_MAX] = {"cpu_max", METRIC_TEXT, UNIT_NONE, "Quota and period in us; max: no quota",
		       NULL},
	[C_CPU_QUOTA] = {"cpu_quota", METRIC_GAUGE, UNIT_NONE, "Quota in CPUs", "quota"},
	[C_CPU_WEIGHT] = {"cpu_weight", METRIC_GAUGE, UNIT_NONE, "1 to 10000 (version 2)", NULL},
	[C_CPU_SHARES] = {"cpu_shares", METRIC_GAUGE, UNIT_NONE, "1024: the usual (version 1)",
			  NULL},
	[C_CPUSET_CPUS] = {"cpuset_cpus", METRIC_CPUSET, UNIT_NONE, "CPUs asked for", NULL},
	[C_CPUSET_EFFECTIVE] = {"cpuset_effective", METRIC_CPUSET, UNIT_NONE, "CPUs it may use",
				"cpus"},
	[C_CPUSET_MEMS] = {"cpuset_mems", METRIC_CPUSET, UNIT_NONE, "Memory nodes asked for", NULL},
	[C_MEMS_EFFECTIVE] = {"mems_effective", METRIC_CPUSET, UNIT_NONE, "Memory nodes it may use",
			      NULL},
	[C_MEMORY] = {"memory_bytes", METRIC_GAUGE, UNIT_BYTES, "Memory charged to it", "memory"},
	[C_MEMORY_MAX] = {"memory_max_bytes", METRIC_GAUGE, UNIT_BYTES, "Its limit", NULL},
	[C_HUGETLB] = {"hugetlb_bytes", METRIC_GAUGE, UNIT_BYTES, "Huge pages (hugetlb) in use",
		       NULL},
	[C_PIDS] = {"pids", METRIC_GAUGE, UNIT_COUNT, "Threads, groups below included", "pids"},
	[C_PIDS_MAX] = {"pids_max", METRIC_GAUGE, UNIT_COUNT, "Its limit", NULL},
	[C_NAMESPACES] = {"namespaces", METRIC_TEXT, UNIT_NONE,
			  "Namespaces of its own, not the host's", NULL},
	[C_CAPABILITIES] = {"capabilities", METRIC_TEXT, UNIT_NONE,
			    "Effective capabilities of its first process", NULL},
	[C_CAPABILITIES_BOUNDING] = {"capabilities_bounding", METRIC_TEXT, UNIT_NONE,
				     "Capabilities it can get at most", NULL},
	[C_SECCOMP] = {"seccomp", METRIC_TEXT, UNIT_NONE, "off, strict, filter", NULL},
	[C_NO_NEW_PRIVS] = {"no_new_privs", METRIC_BOOL, UNIT_NONE, "No gain by set-uid programs",
			    NULL},
	[C_RT_THREADS] = {"rt_threads", METRIC_GAUGE, UNIT_COUNT,
			  "Real-time threads (FIFO, RR, DEADLINE), groups below included", "rt"},
	[C_INTERFACES] = {"interfaces", METRIC_TEXT, UNIT_NONE,
			  "Network interfaces in its own namespace", NULL},
	[C_FLAGS] = {"flags", METRIC_TEXT, UNIT_NONE,
		     "throttled, cpuset-empty, cpuset-fallback, cpuset-cut, rt", "flags"},
};

static const struct metric_set sets[] = {{"container", container_metrics, CONTAINER_METRICS}};

static void free_container(void *data)
{
	struct container *container = data;

	for (unsigned m = 0; m < CONTAINER_METRICS; m++)
		container_set_errno(container, (enum container_metric)m, 0);
	container_facts_done(&container->facts);
	free(container);
}

/* --- flags --- */

static bool parse_set(const struct container *container, enum container_metric metric,
		      struct cpuset *ret)
{
	const struct value *value = &container->values[metric];

	return value->state == VALUE_OK && cpuset_parse_list(value->text, ret) == 0;
}

/* What became of the CPUs that were asked for (kernel/cgroup/cpuset.c): none of them left, and the
 * parent's are used instead; some of them left; or, with version 1, none were ever given. */
static const char *cpuset_flag(const struct container_run *run)
{
	const struct container *container = run->container;
	const struct cgroup_tree *tree = &run->state->tree;
	int where = cgroup_tree_where(tree, run->node, CGROUP_CPUSET);
	struct cpuset asked, effective;

	if (!run->node->parent || !parse_set(container, C_CPUSET_CPUS, &asked))
		return "";
	if (cpuset_is_empty(&asked))
		return cgroup_tree_is_v2(tree, where) ? "" : " cpuset-empty";
	if (!parse_set(container, C_CPUSET_EFFECTIVE, &effective) ||
	    cpuset_equal(&asked, &effective))
		return "";
	cpuset_and(&asked, &effective);
	return cpuset_is_empty(&asked) ? " cpuset-fallback" : " cpuset-cut";
}

static void set_flags(struct container_run *run)
{
	const struct container *container = run->container;
	const struct value *rt = &container->values[C_RT_THREADS];
	bool is_rt = rt->state == VALUE_OK && rt->u64 && run->node->parent;
	char text[80];
	int n = snprintf(text, sizeof(text), "%s%s%s",
			 container->throttled_share > 0.0 ? " throttled" : "",
			 container->details_ns ? cpuset_flag(run) : "", is_rt ? " rt" : "");

	container_set_text(run->container, C_FLAGS, n > 0 ? text + 1 : "");
}

/* --- rows --- */

static void set_or_clear(struct container *container, enum container_metric metric,
			 const char *text)
{
	if (text && *text)
		container_set_text(container, metric, text);
	else
		container_set_errno(container, metric, 0);
}

/* A pod's name is what its containers say it is. */
static const struct container_facts *pod_facts(const struct cgroup_node *node)
{
	for (const struct cgroup_node *child = node->children; child; child = child->next) {
		const struct container *container = child->data;

		if (container && container->facts.pod)
			return &container->facts;
	}
	return NULL;
}

static const char *name_of(const struct cgroup_node *node, const struct container *container,
			   char *buf, size_t size)
{
	const struct container_facts *pod =
		node->name.role == CGROUP_ROLE_POD ? pod_facts(node) : NULL;

	if (pod)
		return pod->pod;
	if (container->facts.name)
		return container->facts.name;
	if (strlen(node->name.id) != 64 || node->name.role == CGROUP_ROLE_POD)
		return node->name.name;
	(void)snprintf(buf, size, "%.12s", node->name.id); /* as the engines cut it */
	return buf;
}

static void set_identity(struct cgroup_node *node)
{
	struct container *container = node->data;
	const struct container_facts *facts = &container->facts;
	const struct container_facts *pod =
		node->name.role == CGROUP_ROLE_POD ? pod_facts(node) : NULL;
	enum cgroup_engine engine = facts->engine ? facts->engine : node->name.engine;
	const char *named_pod = pod ? pod->pod : facts->pod;
	char name[16];

	container_set_text(container, C_ENGINE, cgroup_engine_word(engine));
	container_set_text(container, C_ROLE, cgroup_role_word(node->name.role));
	container_set_text(container, C_NAME, name_of(node, container, name, sizeof(name)));
	set_or_clear(container, C_ID, node->name.id);
	set_or_clear(container, C_IMAGE, facts->image);
	set_or_clear(container, C_POD, named_pod ? named_pod : node->name.pod_uid);
	set_or_clear(container, C_NAMESPACE, pod ? pod->namespace : facts->namespace);
	set_or_clear(container, C_SOURCE, container->source);
}

/* Real-time threads of the group and of all below; negative: not all of them were looked at. */
static int64_t sum_rt_threads(struct cgroup_node *node)
{
	struct container *container = node->data;
	int64_t sum = container->has_threads ? (int64_t)container->rt_threads : -1;

	for (struct cgroup_node *child = node->children; child; child = child->next) {
		int64_t below = sum_rt_threads(child);

		sum = sum < 0 || below < 0 ? -1 : sum + below;
	}
	if (sum < 0)
		container_set_errno(container, C_RT_THREADS, 0);
	else
		container_set_u64(container, C_RT_THREADS, (uint64_t)sum);
	return sum;
}

static bool is_of_this_run(unsigned metric)
{
	switch ((enum container_metric)metric) {
	case C_CPU_NS:
	case C_PERIODS:
	case C_THROTTLED:
	case C_THROTTLED_NS:
	case C_ENGINE:
	case C_ROLE:
	case C_ID:
	case C_NAME:
	case C_IMAGE:
	case C_POD:
	case C_NAMESPACE:
	case C_SOURCE:
	case C_FLAGS:
		return true;
	case C_STATE:
	case C_PID:
	case C_TASKS:
	case C_PSI_CPU:
	case C_PSI_MEMORY:
	case C_PSI_IO:
	case C_CPU_MAX:
	case C_CPU_QUOTA:
	case C_CPU_WEIGHT:
	case C_CPU_SHARES:
	case C_CPUSET_CPUS:
	case C_CPUSET_EFFECTIVE:
	case C_CPUSET_MEMS:
	case C_MEMS_EFFECTIVE:
	case C_MEMORY:
	case C_MEMORY_MAX:
	case C_HUGETLB:
	case C_PIDS:
	case C_PIDS_MAX:
	case C_NAMESPACES:
	case C_CAPABILITIES:
	case C_CAPABILITIES_BOUNDING:
	case C_SECCOMP:
	case C_NO_NEW_PRIVS:
	case C_RT_THREADS:
	case C_INTERFACES:
	case CONTAINER_METRICS:
		return false;
	}
	return false;
}

static void emit(struct container_run *run)
{
	struct container *container = run->container;
	const struct cgroup_node *node = run->node;
	char key[CONTAINER_KEY_MAX], parent[CONTAINER_KEY_MAX];
	bool is_old = run->out->time_ns - container->details_ns > SNAPSHOT_STALE_NS;

	container_key(node, key, sizeof(key));
	if (node->parent)
		container_key(node->parent, parent, sizeof(parent));

	struct sample_row *row = sample_row(run->out, 0, node->parent ? parent : NULL,
					    container->values[C_NAME].text, "%s", key);

	row->identity = node->identity;
	for (unsigned m = 0; m < CONTAINER_METRICS; m++) {
		const struct value *value = &container->values[m];
		enum metric_type type = container_metrics[m].type;

		if (value->state == VALUE_OK && (type == METRIC_TEXT || type == METRIC_CPUSET))
			sample_text(run->out, row, m, value->text);
		else
			row->values[m] = *value;
		if (is_old && value->state == VALUE_OK && !is_of_this_run(m))
			row->values[m].state = VALUE_STALE;
	}
}

/* --- one run --- */

struct turn {
	struct cgroup_node *node;
	uint64_t details_ns;
	unsigned position; /* in the tree: a fixed order among equals */
};

static int compare_turns(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->details_ns != y->details_ns)
		return x->details_ns < y->details_ns ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* The group's own state is of this moment; the engine's word is the substitute. */
static void read_state(struct container *container)
{
	const struct value *state = &container->values[C_STATE];

	if (state->state != VALUE_OK && container->facts.state)
		container_set_text(container, C_STATE, container->facts.state);
	else if (state->state == VALUE_OK && !strcmp(state->text, "frozen"))
		container_set_text(container, C_STATE, "paused");
}

static void read_details(struct container_run *run)
{
	struct container_state *state = run->state;
	struct turn *turns = xcalloc(state->tree.n, sizeof(*turns));
	unsigned n = 0, most = state->tree.n / 10;

	if (most < DETAILS_PER_RUN)
		most = DETAILS_PER_RUN;
	for (struct cgroup_node *node = state->tree.root; node; node = cgroup_tree_next(node)) {
		const struct container *container = node->data;

		turns[n] = (struct turn){node, container->details_ns, n};
		n++;
	}
	qsort(turns, n, sizeof(*turns), compare_turns);
	if (run->out->is_thorough || most > n)
		most = n;
	for (unsigned i = 0; i < most; i++) {
		run->node = turns[i].node;
		run->container = run->node->data;
		container_read_details(run);
		container_read_process(run);
		read_state(run->container);
		run->container->details_ns = run->out->time_ns ? run->out->time_ns : 1;
	}
	free(turns);
}

static void each_group(struct container_run *run, void (*visit)(struct container_run *run))
{
	for (struct cgroup_node *node = run->state->tree.root; node;
	     node = cgroup_tree_next(node)) {
		run->node = node;
		run->container = node->data;
		visit(run);
	}
}

static void visit_counters(struct container_run *run)
{
	if (!run->node->data) {
		run->container = xcalloc(1, sizeof(*run->container));
		run->node->data = run->container;
	}
	container_read_counters(run);
}

static void visit_row(struct container_run *run)
{
	set_identity(run->node);
	set_flags(run);
	emit(run);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct container_state *state = data;
	struct container_run run = {.state = state, .host = host, .out = out};

	state->tree.free_data = free_container;

	int r = cgroup_tree_update(&state->tree, host, out);

	if (r < 0)
		return r;
	state->threads_left = out->is_thorough ? 16 * THREADS_PER_RUN : THREADS_PER_RUN;
	container_files_mark_tasks(host, &state->tree);
	each_group(&run, visit_counters);
	container_engines_ask(state, host, out);
	read_details(&run);
	(void)sum_rt_threads(state->tree.root);
	each_group(&run, visit_row);
	if (state->tree.is_cut && !out->error)
		sample_errorf(out, "more control groups, or deeper ones, than are shown");
	return 0;
}

static int open_state(void *data, struct host *host)
{
	container_process_open(data, host);
	return 0;
}

static void close_state(void *data)
{
	struct container_state *state = data;

	container_engines_free(state->engines);
	cgroup_tree_done(&state->tree);
	container_process_close(state);
	free(state->page_sizes);
}

const struct probe probe_container = {
	.name = "container",
	.summary = "Containers and control groups",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_SLOW,
	.period_ns = NSEC_PER_SEC,
	.state_size = sizeof(struct container_state),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
