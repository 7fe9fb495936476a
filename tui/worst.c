/*
 * "Worst now": the CPU with the worst latency of the last seconds, and what moved with its spikes.
 * One line in every view. Beside it the busiest CPU when it stands out; without measuring it alone.
 */
#include <math.h>
#include <stdio.h>

#include "tui/ui_internal.h"
#include "tui/worst.h"

#define BUSY_SHARE 0.8 /* of its time, and */
#define BUSY_TIMES 1.5 /* as much as the others have on average */

/* --- what stands out against the other CPUs, now --- */

static const struct {
	const char *metric, *label;
} suspects[] = {
	{"irqs", "device irqs"},      {"local_irqs", "local irqs"}, {"softirq_net_rx", "net_rx"},
	{"softirq_net_tx", "net_tx"}, {"softirq_block", "block"},   {"softirq_timer", "timer"},
	{"softirq_rcu", "rcu"},	      {"softirq_sched", "sched"},   {"softirq_tasklet", "tasklet"},
	{"switches", "switches"},
};

/* Mean of a rate over the other CPUs; 0 when nobody knows. */
static double others_rate(const struct machine *m, int metric, unsigned except)
{
	double sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_cpus; i++) {
		double rate = m->cpus[i].entity->rates[metric];

		if (i == except || isnan(rate))
			continue;
		sum += rate;
		n++;
	}
	return n ? sum / n : 0;
}

struct suspicion {
	unsigned suspect;
	double rate, others, score;
};

/* The three event counters that stand out most on that CPU against the others. */
static unsigned find_suspects(const struct machine *m, unsigned cpu, struct suspicion ret[3])
{
	const struct entity *e = m->cpus[cpu].entity;
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(suspects); i++) {
		int metric = kind_metric(e->kind, suspects[i].metric);
		struct suspicion s = {.suspect = i};
		unsigned at;

		if (metric < 0 || isnan(e->rates[metric]) || e->rates[metric] < 5)
			continue;
		s.rate = e->rates[metric];
		s.others = others_rate(m, metric, cpu);
		s.score = (s.rate - s.others) / (s.others + 20);
		if (s.score < 0.2)
			continue;
		for (at = n < 3 ? n++ : 3; at > 0 && ret[at - 1].score < s.score; at--) {
			if (at < 3)
				ret[at] = ret[at - 1];
		}
		if (at < 3)
			ret[at] = s;
	}
	return n;
}

static bool add_suspects(const struct machine *m, unsigned cpu, struct flow *flow)
{
	struct suspicion found[3];
	unsigned n = find_suspects(m, cpu, found);

	for (unsigned i = 0; i < n; i++) {
		char label[48], rate[24], others[24];

		snprintf(label, sizeof(label), "%s%s", i == 0 ? "above others: " : "",
			 suspects[found[i].suspect].label);
		flow_field(flow, label, ROLE_WARNING, "%s/s (%s/s)",
			   format_count(found[i].rate, rate, sizeof(rate)),
			   format_count(found[i].others, others, sizeof(others)));
	}
	return n > 0;
}

/* --- what moved with the spikes --- */

const char *culprit_verdict_text(const struct culprits *found, char *buf, size_t size)
{
	switch (found->verdict) {
	case CULPRIT_UNKNOWN:
		snprintf(buf, size, "not measured, or too few ticks yet to say what disturbs it");
		break;
	case CULPRIT_CALM:
		snprintf(buf, size, "no spikes in %u ticks", found->n_ticks);
		break;
	case CULPRIT_TOO_FEW:
		snprintf(buf, size, "%u spike%s in %u ticks: too few to name anything",
			 found->n_spikes, found->n_spikes == 1 ? "" : "s", found->n_ticks);
		break;
	case CULPRIT_NOT_SEEN:
		snprintf(
			buf, size,
			"no counter moved with its %u spikes (real-time task, interrupts off, SMI, "
			"hypervisor?)",
			found->n_spikes);
		break;
	case CULPRIT_FOUND:
		snprintf(buf, size, "moved with its %u spikes", found->n_spikes);
		break;
	}
	return buf;
}

static void add_culprits(const struct culprits *found, struct flow *flow)
{
	char text[128];

	for (unsigned i = 0; i < found->n && i < 3; i++)
		flow_field(flow, "", ROLE_WARNING, "%s %.0f%%", found->list[i].name,
			   found->list[i].share * 100);
	flow_field(flow, "", ROLE_DIM, "%s", culprit_verdict_text(found, text, sizeof(text)));
}

static void add_figure(struct flow *flow, const char *label, bool has, uint64_t ns)
{
	char text[24];

	if (has)
		flow_field(flow, label, (enum role)(ROLE_HEAT_0 + heat_level(ns)), "%s",
			   format_ns(ns, text, sizeof(text)));
}

/*
 * A CPU that is far busier than the others. An ordinary task, however busy, hardly delays a
 * real-time wakeup, so that latency alone would not lead to it.
 */
static bool stands_out(const struct machine *m)
{
	double sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; m->busiest >= 0 && i < m->n_cpus; i++) {
		if ((int)i == m->busiest || isnan(m->cpus[i].busy))
			continue;
		sum += m->cpus[i].busy;
		n++;
	}
	return n && m->cpus[m->busiest].busy >= BUSY_SHARE &&
	       m->cpus[m->busiest].busy * n >= BUSY_TIMES * sum;
}

static void add_busiest(const struct machine *m, struct flow *flow)
{
	const struct machine_cpu *cpu;

	if (!stands_out(m))
		return;
	cpu = &m->cpus[m->busiest];
	if (m->busiest == m->worst)
		flow_field(flow, "busy", ROLE_WARNING, "%.0f%%", cpu->busy * 100);
	else
		flow_field(flow, "busiest:", ROLE_WARNING, "cpu %u %.0f%%", cpu->number,
			   cpu->busy * 100);
}

static void draw_busiest(const struct machine *m, struct flow *flow)
{
	const struct machine_cpu *cpu;

	flow_field(flow, "", ROLE_STRONG, "busiest now:");
	flow->x--;
	if (m->busiest < 0) {
		flow_field(flow, "", ROLE_DIM, "no rates (yet)");
		return;
	}
	cpu = &m->cpus[m->busiest];
	flow_field(flow, "", ROLE_STRONG, "cpu %u", cpu->number);
	flow_field(flow, "busy", ROLE_VALUE, "%.0f%%", cpu->busy * 100);
	if (!add_suspects(m, (unsigned)m->busiest, flow))
		flow_field(flow, "", ROLE_DIM, "no counter stands out there");
}

static void draw_worst(const struct machine *m, struct flow *flow)
{
	const struct machine_latency *l;
	const struct machine_cpu *cpu;

	flow_field(flow, "", ROLE_STRONG, "worst now:");
	flow->x--;
	if (m->worst < 0) {
		flow_field(flow, "", ROLE_DIM, "not enough samples yet");
		return;
	}
	cpu = &m->cpus[m->worst];
	l = m->is_worst_recent ? &cpu->recent : &cpu->latency;
	flow_field(flow, "", ROLE_STRONG, "cpu %u", cpu->number);
	add_figure(flow, "p99", l->has_p99, l->p99_ns);
	add_figure(flow, "max", true, l->max_ns);
	flow->x--;
	flow_field(flow, "", ROLE_DIM, m->is_worst_recent ? "in 3 s" : "in 10 s");
	if (cpu->steal >= 0.005)
		flow_field(flow, "steal", ROLE_WARNING, "%.0f%%", cpu->steal * 100);
	add_busiest(m, flow);
	if (m->culprits.verdict == CULPRIT_FOUND || !add_suspects(m, (unsigned)m->worst, flow))
		add_culprits(&m->culprits, flow);
}

void worst_draw(const struct frame *frame, const struct pane *pane)
{
	struct flow flow = {.pane = pane, .max_lines = 1};

	if (!frame->machine || pane->height < 1)
		return;
	if (frame->why_not_measured)
		draw_busiest(frame->machine, &flow);
	else
		draw_worst(frame->machine, &flow);
}
