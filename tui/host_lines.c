/* The lines around the CPUs: node headers, the selected CPU, kernel, pressure, the worst CPU. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_host_internal.h"

static const struct entity *host_entity(const struct frame *frame)
{
	return snapshot_find(frame->snap, "host");
}

/* --- nodes --- */

static void add_huge_pages(const struct frame *frame, const struct machine_node *node,
			   struct flow *flow)
{
	const struct snapshot_table *pools = snapshot_table(frame->snap, "hugepool");

	for (unsigned i = 0; pools && node->entity && i < pools->n_entities; i++) {
		const struct entity *e = &pools->entities[i];
		uint64_t size, total, free_pages;
		char text[24];
		size_t blank;

		if (e->parent != node->entity || !entity_u64(e, "page_size_bytes", &size) ||
		    !entity_u64(e, "total_pages", &total) || total == 0)
			continue;
		format_bytes(size, text, sizeof(text));
		/* "2 MiB" as people say it: 2M. */
		blank = strcspn(text, " ");
		text[blank] = text[blank] ? text[blank + 1] : 0;
		text[blank + (text[blank] != 0)] = 0;
		if (!entity_u64(e, "free_pages", &free_pages))
			free_pages = 0;
		flow_field(flow, "huge", ROLE_VALUE, "%s %llu free %llu", text,
			   (unsigned long long)total, (unsigned long long)free_pages);
	}
}

static void add_nics(const struct frame *frame, const struct machine_node *node, struct flow *flow)
{
	const struct snapshot_table *nics = snapshot_table(frame->snap, "nic");

	for (unsigned i = 0; nics && i < nics->n_entities; i++) {
		const struct entity *e = &nics->entities[i];
		const struct value *v = entity_value(e, "node_id");
		double id = v->state != VALUE_OK ? -1 : v->is_float ? v->f64 : (double)v->u64;
		const char *driver = entity_text(e, "driver");
		uint64_t speed;

		/* On a machine of one node every device is at that node. Software devices have no
		 * driver link and are left out. */
		if (frame->machine->n_nodes == 1 ? !driver || !driver[0] : (int)id != node->cpus.id)
			continue;
		if (id < 0 && frame->machine->n_nodes > 1)
			continue;
		if (entity_u64(e, "speed_bits_per_s", &speed) && speed)
			flow_field(flow, "nic", ROLE_VALUE, "%s %.3gG", e->name,
				   (double)speed / 1e9);
		else
			flow_field(flow, "nic", ROLE_VALUE, "%s", e->name);
	}
}

void host_node_line(const struct frame *frame, const struct machine_node *node,
		    const struct pane *pane, int x, int y, int width)
{
	char total[24], available[24];
	struct pane line;
	struct flow flow;
	uint64_t n, m;

	if (y < 0 || y >= pane->height)
		return;
	line = pane_sub(pane, x, y, width, 1);
	flow = (struct flow){.pane = &line, .max_lines = 1};
	if (node->cpus.id == MACHINE_NO_ID)
		flow_field(&flow, "", ROLE_STRONG, "no known node");
	else
		flow_field(&flow, "", ROLE_STRONG, "node %d%s", node->cpus.id,
			   node->cpus.n == 0 ? " (no cpus)" : "");
	if (entity_u64(node->entity, "memory_total_bytes", &n)) {
		format_bytes(n, total, sizeof(total));
		if (width >= 44 && entity_u64(node->entity, "memory_free_bytes", &m))
			flow_field(&flow, "", ROLE_VALUE, "%s (free %s)", total,
				   format_bytes(m, available, sizeof(available)));
		else
			flow_field(&flow, "", ROLE_VALUE, "%s", total);
	}
	add_huge_pages(frame, node, &flow);
	if (frame->machine->n_nodes > 1 && entity_text(node->entity, "distances"))
		flow_field(&flow, "dist", ROLE_VALUE, "%s", entity_text(node->entity, "distances"));
	add_nics(frame, node, &flow);
}

/* --- the selected CPU --- */

static void add_share(struct flow *flow, const char *label, double share)
{
	if (isnan(share))
		flow_field(flow, label, ROLE_VALUE_ABSENT, "-");
	else
		flow_field(flow, label, ROLE_VALUE, "%.0f%%", share * 100);
}

static void add_metric(struct flow *flow, const struct entity *entity, const char *label,
		       const char *metric)
{
	char text[128];
	enum role role = entity_format(entity, metric, text, sizeof(text));

	flow_field(flow, label, role, "%s", text[0] ? text : "-");
}

static void add_ns(struct flow *flow, const char *label, bool has, uint64_t ns)
{
	char text[24];

	if (has)
		flow_field(flow, label, (enum role)(ROLE_HEAT_0 + heat_level(ns)), "%s",
			   format_ns(ns, text, sizeof(text)));
	else
		flow_field(flow, label, ROLE_VALUE_ABSENT, "-");
}

/* Rounded so that the line does not change with every frame, yet never to zero. */
static double round_samples(uint64_t n)
{
	uint64_t step = n >= 1000 ? 1000 : n >= 100 ? 100 : 1;

	return (double)((n + step / 2) / step * step);
}

static void add_latency(const struct frame *frame, const struct machine_cpu *cpu, struct flow *flow)
{
	const char *policy = entity_text(cpu->entity, "wakeup_policy");
	const struct machine_latency *l = &cpu->latency;
	char text[24];

	if (frame->why_not_measured) /* the legend and the strip say why */
		return;
	add_ns(flow, "p50", l->has_p50, l->p50_ns);
	add_ns(flow, "p99", l->has_p99, l->p99_ns);
	add_ns(flow, "max", l->samples > 0, l->max_ns);
	flow_field(flow, "", ROLE_DIM, "(%s samples in 10 s%s%s)",
		   format_count(round_samples(l->samples), text, sizeof(text)), policy ? ", " : "",
		   policy ? policy : "");
}

static void add_place(const struct machine_cpu *cpu, struct flow *flow)
{
	const char *isolation = entity_text(cpu->entity, "isolation");

	add_metric(flow, cpu->entity, "siblings", "siblings");
	if (cpu->package != MACHINE_NO_ID)
		flow_field(flow, "package", ROLE_VALUE, "%d", cpu->package);
	if (cpu->core != MACHINE_NO_ID)
		flow_field(flow, "core", ROLE_VALUE, "%d", cpu->core);
	if (cpu->node != MACHINE_NO_ID)
		flow_field(flow, "node", ROLE_VALUE, "%d", cpu->node);
	if (cpu->l3 != MACHINE_NO_ID)
		flow_field(flow, "L3", ROLE_VALUE, "%d", cpu->l3);
	if (cpu->is_isolated || (isolation && isolation[0]))
		flow_field(flow, "isolated", ROLE_MARK, "%s",
			   isolation && isolation[0] ? isolation : "yes");
	if (cpu->is_nohz_full)
		flow_field(flow, "", ROLE_MARK, "nohz_full");
}

#define VCPUS_NAMED 3

/* "web-1/0": pinned ones first. */
static void add_vcpus(const struct frame *frame, unsigned number, struct flow *flow)
{
	for (unsigned n = 0; n <= VCPUS_NAMED; n++) {
		const struct guest_vcpu *v = guests_on_cpu(frame->machine->guests, number, n);
		const struct entity *vm = v ? v->vcpu->parent : NULL;
		const char *slash = v ? strrchr(v->vcpu->key, '/') : NULL;

		if (!v)
			return;
		if (n == VCPUS_NAMED)
			flow_field(flow, "", ROLE_DIM, "and more (f)");
		else
			flow_field(flow, n ? "" : "vCPUs", v->is_pinned ? ROLE_MARK : ROLE_VALUE,
				   "%.40s/%s", vm && vm->name ? vm->name : "?",
				   slash ? slash + 1 : "?");
	}
}

int host_detail_lines(const struct frame *frame, unsigned index, const struct pane *pane, int y,
		      int max)
{
	const struct machine_cpu *cpu = &frame->machine->cpus[index];
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = max, .indent = 7};

	flow_field(&flow, "", ROLE_STRONG, "cpu %u", cpu->number);
	flow.x = flow.x < 7 ? 7 : flow.x;
	if (!cpu->is_online) {
		flow_field(&flow, "", ROLE_OFFLINE, "offline");
		add_place(cpu, &flow);
		return flow_lines(&flow);
	}
	add_share(&flow, "user", cpu->user);
	add_share(&flow, "system", cpu->system);
	add_share(&flow, "irq", cpu->irq);
	add_share(&flow, "softirq", cpu->softirq);
	add_share(&flow, "steal", cpu->steal);
	add_share(&flow, "guest", cpu->guest);
	add_share(&flow, "idle", cpu->idle);
	add_latency(frame, cpu, &flow);
	add_vcpus(frame, cpu->number, &flow);
	add_metric(&flow, cpu->entity, "switches", "switches");
	add_metric(&flow, cpu->entity, "irqs", "irqs");
	add_metric(&flow, cpu->entity, "local", "local_irqs");
	add_metric(&flow, cpu->entity, "softirqs", "softirqs");
	add_metric(&flow, cpu->entity, "freq", "freq_hz");
	add_metric(&flow, cpu->entity, "governor", "governor");
	add_place(cpu, &flow);
	return flow_lines(&flow);
}

/* --- kernel and pressure --- */

int host_kernel_lines(const struct frame *frame, const struct pane *pane, int y, int max)
{
	static const struct {
		const char *label, *metric;
	} fields[] = {
		{"isolcpus", "isolcpus"},	 {"nohz_full", "nohz_full"},
		{"rcu_nocbs", "rcu_nocbs"},	 {"irqaffinity", "irqaffinity"},
		{"hugepages", "boot_hugepages"}, {"clocksource", "clocksource"},
		{"lockdown", "lockdown"},	 {"mitigations", "mitigations"},
	};
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = max, .indent = 7};
	const struct entity *host = host_entity(frame);

	flow_field(&flow, "", ROLE_STRONG, "kernel");
	flow.x = 7;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		add_metric(&flow, host, fields[i].label, fields[i].metric);
	return flow_lines(&flow);
}

int host_pressure_lines(const struct frame *frame, const struct pane *pane, int y, int max)
{
	static const struct {
		const char *label, *metric;
	} fields[] = {
		{"cpu", "pressure_cpu_some_avg10_percent"},
		{"memory", "pressure_memory_some_avg10_percent"},
		{"io", "pressure_io_some_avg10_percent"},
		{"irq", "pressure_irq_full_avg10_percent"},
	};
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = max, .indent = 10};
	const struct entity *host = host_entity(frame);

	flow_field(&flow, "", ROLE_STRONG, "pressure");
	flow.x = 10;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		char text[32];
		enum role role = entity_format(host, fields[i].metric, text, sizeof(text));
		double v = entity_value(host, fields[i].metric)->f64;

		/* Whole percent: tenths change every second and say nothing. */
		if (role == ROLE_VALUE && entity_value(host, fields[i].metric)->is_float)
			snprintf(text, sizeof(text), v > 0 && v < 1 ? "<1%%" : "%.0f%%", v);
		flow_field(&flow, fields[i].label, role, "%s", text);
	}
	add_metric(&flow, host, "running", "running");
	add_metric(&flow, host, "blocked", "blocked");
	return flow_lines(&flow);
}

void host_legend_line(const struct frame *frame, const struct pane *pane, int y, bool has_glyphs)
{
	const struct machine *m = frame->machine;
	int x = 0;

	if (!frame->why_not_measured)
		x = pane_printf(pane, x, y, ROLE_DIM, "%s%s",
				has_glyphs ? "p99 in 10 s " : "p99 of the wakeup latency of 10 s",
				has_glyphs ? heat_legend() : "");
	else
		x = pane_printf(pane, x, y, ROLE_DIM, "busy share%s",
				has_glyphs ? ": .<25% :<50% #<75% @>=75%" : "");
	if (m->n_isolated)
		x = pane_text(pane, x + 2, y, ROLE_MARK, "i isolated");
	if (m->n_nohz_full)
		x = pane_text(pane, x + 2, y, ROLE_MARK, "n nohz_full");
	if (m->n_with_vcpu)
		x = pane_text(pane, x + 2, y, ROLE_MARK,
			      m->n_isolated + m->n_nohz_full ? "v V pinned vCPU" : "v pinned vCPU");
	if (m->n_online < m->n_cpus)
		x = pane_text(pane, x + 2, y, ROLE_OFFLINE, "x offline");
	(void)pane_text(pane, x + 2, y, ROLE_HEAT_NONE,
			frame->why_not_measured ? "- unknown" : "- ? too few samples");
}
