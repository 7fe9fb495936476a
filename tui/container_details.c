/* The lower pane of the container view: the selected row in full, and its flags in words. */
#include <stdio.h>
#include <string.h>

#include "tui/view_container_internal.h"

static void add(struct flow *flow, const struct entity *e, const char *label, const char *metric)
{
	char text[480];
	enum role role = entity_format(e, metric, text, sizeof(text));

	if (role != ROLE_VALUE_ABSENT && text[0])
		flow_field(flow, label, role, "%s", text);
}

static void container_fields(struct flow *flow, const struct entity *e)
{
	static const struct {
		const char *label, *metric;
	} fields[] = {
		{"", "role"},
		{"engine", "engine"},
		{"state", "state"},
		{"image", "image"},
		{"pod", "pod"},
		{"namespace", "namespace"},
		{"pid", "pid"},
		{"tasks", "tasks"},
		{"rt threads", "rt_threads"},
		{"cpu", "cpu_ns"},
		{"throttled", "throttled_ns"},
		{"cpu.max", "cpu_max"},
		{"weight", "cpu_weight"},
		{"shares", "cpu_shares"},
		{"cpus", "cpuset_cpus"},
		{"effective", "cpuset_effective"},
		{"mems", "cpuset_mems"},
		{"effective", "mems_effective"},
		{"memory", "memory_bytes"},
		{"limit", "memory_max_bytes"},
		{"huge", "hugetlb_bytes"},
		{"pids", "pids"},
		{"limit", "pids_max"},
		{"psi cpu", "psi_cpu"},
		{"memory", "psi_memory"},
		{"io", "psi_io"},
		{"own", "namespaces"},
		{"interfaces", "interfaces"},
		{"seccomp", "seccomp"},
		{"no_new_privs", "no_new_privs"},
		{"caps", "capabilities"},
		{"id", "id"},
		{"said by", "source"},
		{"may get caps", "capabilities_bounding"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		add(flow, e, fields[i].label, fields[i].metric);
}

static void all_fields(struct flow *flow, const struct entity *e)
{
	for (unsigned i = 0; i < e->kind->n_metrics; i++)
		add(flow, e, e->kind->metrics[i]->name, e->kind->metrics[i]->name);
}

void container_details(const struct container_view *state, const struct entity *e,
		       const struct pane *pane)
{
	unsigned flags = container_flags(e);
	int rest = pane->height - __builtin_popcount(flags), y;
	struct flow flow = {.pane = pane, .indent = 2, .max_lines = rest > 2 ? rest : 2};
	char text[200];

	flow_field(&flow, "", ROLE_STRONG, "%.200s",
		   strchr(e->key, ':') ? strchr(e->key, ':') + 1 : e->key);
	if (container_is_task(e))
		all_fields(&flow, e);
	else
		container_fields(&flow, e);
	if (!container_is_task(e) && schema_kind(state->frame->snap->schema, "task"))
		flow_field(&flow, "", ROLE_DIM, "d: %s its tasks",
			   state->tasks_of && strcmp(state->tasks_of, e->key) == 0 ? "without"
										   : "with");
	y = flow_lines(&flow);
	for (unsigned i = 0; i < CONTAINER_FLAGS && y < pane->height; i++) {
		int x;

		if (!(flags & 1u << i))
			continue;
		x = pane_text(pane, 0, y, ROLE_WARNING,
			      container_flag_word((enum container_flag)i));
		(void)pane_text(
			pane, x + 1, y++, ROLE_TEXT,
			container_flag_sentence(e, (enum container_flag)i, text, sizeof(text)));
	}
}
