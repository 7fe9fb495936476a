#include "tui/machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"

#define SLACK_NS (200 * NSEC_PER_MSEC)

static const uint64_t heat_from_ns[MACHINE_HEAT_LEVELS] = {
	0, 10000, 20000, 50000, 100000, 300000, 1000000, 10000000,
};

unsigned heat_level(uint64_t latency_ns)
{
	unsigned level = 0;

	while (level + 1 < MACHINE_HEAT_LEVELS && latency_ns >= heat_from_ns[level + 1])
		level++;
	return level;
}

unsigned heat_level_share(double share)
{
	int level = isnan(share) ? 0 : (int)(share * MACHINE_HEAT_LEVELS);

	return level < 0 ? 0 : level > 7 ? 7 : (unsigned)level;
}

char heat_glyph(unsigned level)
{
	return "..::##@@"[level < MACHINE_HEAT_LEVELS ? level : 7];
}

const char *heat_legend(void)
{
	return ".<20us :<100us #<1ms @>=1ms";
}

/* Metric indices, looked up once per snapshot instead of once per CPU. */
enum cpu_metric {
	ONLINE,
	PACKAGE,
	NODE,
	L3,
	CORE,
	ISOLATED,
	NOHZ_FULL,
	USER,
	NICE,
	SYSTEM,
	IDLE,
	IOWAIT,
	IRQ,
	SOFTIRQ,
	STEAL,
	GUEST,
	GUEST_NICE,
	CPU_METRICS
};

static const char *const cpu_metric_names[CPU_METRICS] = {
	"online",    "package_id", "node_id",  "l3_id",	    "core_id",	     "isolated",
	"nohz_full", "user_ns",	   "nice_ns",  "system_ns", "idle_ns",	     "iowait_ns",
	"irq_ns",    "softirq_ns", "steal_ns", "guest_ns",  "guest_nice_ns",
};

static int id_of(const struct entity *entity, int metric)
{
	const struct value *v = metric >= 0 ? &entity->values[metric] : NULL;
	double n;

	if (!v || (v->state != VALUE_OK && v->state != VALUE_STALE))
		return MACHINE_NO_ID;
	n = v->is_float ? v->f64 : (double)v->u64;
	return n < 0 || n > 1e9 ? MACHINE_NO_ID : (int)n;
}

static bool flag_of(const struct entity *entity, int metric, bool otherwise)
{
	int n = id_of(entity, metric);

	return n == MACHINE_NO_ID ? otherwise : n != 0;
}

static double share_of(const struct entity *entity, int metric)
{
	return metric >= 0 ? entity->rates[metric] : NAN;
}

/* Sum of what is known; NAN only when nothing is. */
static double plus(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

static void fill_shares(struct machine_cpu *cpu, const int *index)
{
	const struct entity *e = cpu->entity;
	double guest = plus(share_of(e, index[GUEST]), share_of(e, index[GUEST_NICE]));
	double user = plus(share_of(e, index[USER]), share_of(e, index[NICE]));

	cpu->guest = guest;
	/* The kernel counts guest time in user time too (Documentation/filesystems/proc.rst). */
	cpu->user = isnan(guest) ? user : fmax(user - guest, 0);
	cpu->system = share_of(e, index[SYSTEM]);
	cpu->irq = share_of(e, index[IRQ]);
	cpu->softirq = share_of(e, index[SOFTIRQ]);
	cpu->steal = share_of(e, index[STEAL]);
	cpu->idle = plus(share_of(e, index[IDLE]), share_of(e, index[IOWAIT]));
	cpu->busy = plus(plus(plus(user, cpu->system), plus(cpu->irq, cpu->softirq)), cpu->steal);
	if (!isnan(cpu->busy))
		cpu->busy = fmin(fmax(cpu->busy, 0), 1);
}

void machine_latency_set(struct machine_latency *latency, const struct histogram *h)
{
	static const double quantiles[] = {0.5, 0.99, 0.999};
	uint64_t ns[ARRAY_SIZE(quantiles)];

	*latency = (struct machine_latency){.samples = h->total};
	if (h->total == 0)
		return;
	histogram_quantiles(h, quantiles, ARRAY_SIZE(quantiles), ns);
	latency->has_p50 = ns[0] > 0;
	latency->p50_ns = ns[0];
	latency->has_p99 = ns[1] > 0;
	latency->p99_ns = ns[1];
	latency->has_p99_9 = ns[2] > 0;
	latency->p99_9_ns = ns[2];
	latency->min_ns = h->min_ns;
	latency->max_ns = h->max_ns;
	latency->third_ns = histogram_nth_largest(h, 3);
}

static int compare_ids(int a, int b)
{
	/* Unknown ids last: MACHINE_NO_ID is -1, the largest unsigned. */
	return (unsigned)a < (unsigned)b ? -1 : a != b;
}

static int compare_cpus(const void *pa, const void *pb)
{
	const struct machine_cpu *a = pa, *b = pb;
	int r = compare_ids(a->node, b->node);

	r = r ? r : compare_ids(a->package, b->package);
	r = r ? r : compare_ids(a->l3, b->l3);
	r = r ? r : compare_ids(a->core, b->core);
	return r ? r : compare_ids((int)a->number, (int)b->number);
}

static bool key_number(const char *key, unsigned *ret)
{
	const char *colon = strchr(key, ':');
	uint64_t n;

	if (!colon || parse_u64(colon + 1, &n) < 0 || n > 1000000)
		return false;
	*ret = (unsigned)n;
	return true;
}

/* Where the window starts: with a whole column. The newest counts however long it is (a slow
 * refresh), and a tick that came late does not push one out. */
static uint64_t window_start(const struct history_column *columns, unsigned n, uint64_t now_ns,
			     uint64_t window_ns)
{
	uint64_t start_ns = columns[0].start_ns;

	for (unsigned i = 1; i < n && columns[i].start_ns + window_ns + SLACK_NS >= now_ns; i++)
		start_ns = columns[i].start_ns;
	return start_ns;
}

/* Both windows in one go: the short one is part of the long one. */
static void add_latencies(struct machine_cpu *cpu, const char *metric,
			  const struct history *history, uint64_t now_ns, struct histogram *one,
			  struct histogram *all)
{
	const char *key = cpu->entity->key;
	uint64_t past_ns = now_ns > MACHINE_WINDOW_NS ? now_ns - MACHINE_WINDOW_NS : 0;
	struct history_column columns[16];
	unsigned n = history_columns(history, key, metric, past_ns, columns, ARRAY_SIZE(columns));
	uint64_t short_ns, long_ns;

	if (n == 0)
		return;
	short_ns = window_start(columns, n, now_ns, MACHINE_RECENT_NS);
	long_ns = window_start(columns, n, now_ns, MACHINE_WINDOW_NS);
	histogram_zero(one);
	(void)history_histogram(history, key, metric, short_ns, UINT64_MAX, one, NULL);
	machine_latency_set(&cpu->recent, one);
	(void)history_histogram(history, key, metric, long_ns, short_ns, one, NULL);
	machine_latency_set(&cpu->latency, one);
	histogram_add(all, one);
}

static void fill_cpus(struct machine *m, const struct snapshot_table *table,
		      const struct history *history, uint64_t now_ns)
{
	_cleanup_(freep) struct histogram *one = xcalloc(1, sizeof(*one));
	_cleanup_(freep) struct histogram *all = xcalloc(1, sizeof(*all));
	int index[CPU_METRICS];

	histogram_zero(all);
	for (unsigned i = 0; i < CPU_METRICS; i++)
		index[i] = kind_metric(table->kind, cpu_metric_names[i]);
	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *e = &table->entities[i];
		struct machine_cpu *cpu = &m->cpus[m->n_cpus];

		if (!key_number(e->key, &cpu->number))
			continue;
		m->n_cpus++;
		cpu->entity = e;
		cpu->is_online = flag_of(e, index[ONLINE], true);
		cpu->is_isolated = flag_of(e, index[ISOLATED], false);
		cpu->is_nohz_full = flag_of(e, index[NOHZ_FULL], false);
		cpu->package = id_of(e, index[PACKAGE]);
		cpu->node = id_of(e, index[NODE]);
		cpu->l3 = id_of(e, index[L3]);
		cpu->core = id_of(e, index[CORE]);
		fill_shares(cpu, index);
		if (history)
			add_latencies(cpu, m->window_metric, history, now_ns, one, all);
	}
	machine_latency_set(&m->all, all);
}

static unsigned count_entities(const struct snapshot *snap, const char *kind)
{
	const struct snapshot_table *table = snapshot_table(snap, kind);

	return table ? table->n_entities : 0;
}

static void add_totals(struct machine *m)
{
	m->busiest = -1;
	for (unsigned i = 0; i < m->n_cpus; i++) {
		const struct machine_cpu *cpu = &m->cpus[i];
		m->n_online += cpu->is_online;
		m->n_isolated += cpu->is_isolated;
		m->n_nohz_full += cpu->is_nohz_full;
		m->n_measured += cpu->latency.samples > 0;
		if (cpu->number > m->largest_number)
			m->largest_number = cpu->number;
		if (!isnan(cpu->busy) && (m->busiest < 0 || cpu->busy > m->cpus[m->busiest].busy))
			m->busiest = (int)i;
	}
}

static int find_worst(const struct machine *m, bool is_recent)
{
	uint64_t worst_ns = 0;
	int worst = -1;

	for (unsigned i = 0; i < m->n_cpus; i++) {
		const struct machine_latency *l =
			is_recent ? &m->cpus[i].recent : &m->cpus[i].latency;

		if (l->third_ns > worst_ns) {
			worst_ns = l->third_ns;
			worst = (int)i;
		}
	}
	return worst;
}

static void add_worst(struct machine *m, const struct snapshot *snap, const struct history *history)
{
	m->worst = find_worst(m, true);
	m->is_worst_recent = m->worst >= 0;
	if (m->worst < 0)
		m->worst = find_worst(m, false);
	if (m->worst >= 0 && history)
		culprit_of_cpu(history, snap, m->max_metric, m->cpus[m->worst].number,
			       &m->culprits);
}

/* Cuts the sorted CPUs into runs of equal node, and within each of equal (package, L3). */
static void build_groups(struct machine *m, const struct snapshot *snap)
{
	for (unsigned i = 0; i < m->n_cpus; i++) {
		const struct machine_cpu *cpu = &m->cpus[i], *prev = i ? cpu - 1 : NULL;
		bool is_new_node = !prev || prev->node != cpu->node;
		struct machine_node *node;

		if (is_new_node) {
			char key[32];

			snprintf(key, sizeof(key), "node:%d", cpu->node);
			m->nodes[m->n_nodes++] = (struct machine_node){
				.cpus = {cpu->node, i, 0},
				.entity = cpu->node >= 0 ? snapshot_find(snap, key) : NULL,
				.first_l3 = m->n_l3s,
			};
		}
		node = &m->nodes[m->n_nodes - 1];
		if (is_new_node || prev->l3 != cpu->l3 || prev->package != cpu->package) {
			m->l3s[m->n_l3s++] = (struct machine_group){cpu->l3, i, 0};
			node->n_l3++;
		}
		node->cpus.n++;
		m->l3s[m->n_l3s - 1].n++;
	}
}

static void add_empty_nodes(struct machine *m, const struct snapshot_table *table)
{
	for (unsigned i = 0; table && i < table->n_entities; i++) {
		const struct entity *e = &table->entities[i];
		bool is_listed = false;
		unsigned number;

		if (!key_number(e->key, &number))
			continue;
		for (unsigned k = 0; k < m->n_nodes && !is_listed; k++)
			is_listed = m->nodes[k].entity == e;
		if (!is_listed)
			m->nodes[m->n_nodes++] = (struct machine_node){
				.cpus = {(int)number, m->n_cpus, 0},
				.entity = e,
				.first_l3 = m->n_l3s,
			};
	}
}

static void name_metrics(struct machine *m, const struct snapshot *snap)
{
	const char *engine = entity_text(snapshot_find(snap, "host"), "measure_engine");
	bool is_spin = engine && strcmp(engine, "spin") == 0;

	m->window_metric = is_spin ? "noise_window" : "wakeup_window";
	m->max_metric = is_spin ? "noise_max_ns" : "wakeup_max_ns";
}

static void add_guests(struct machine *m, const struct snapshot *snap)
{
	struct cpuset pinned;

	m->guests = guests_new(snap);
	guests_pinned_cpus(m->guests, &pinned);
	for (unsigned i = 0; i < m->n_cpus; i++) {
		m->cpus[i].has_vcpu = cpuset_has(&pinned, m->cpus[i].number);
		m->n_with_vcpu += m->cpus[i].has_vcpu;
	}
}

struct machine *machine_new(const struct snapshot *snap, const struct history *history)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	const struct snapshot_table *cpus = snapshot_table(snap, "cpu");
	unsigned n = cpus ? cpus->n_entities : 0;

	name_metrics(m, snap);
	m->cpus = xcalloc(n + 1, sizeof(*m->cpus));
	m->l3s = xcalloc(n + 1, sizeof(*m->l3s));
	m->nodes = xcalloc(n + count_entities(snap, "node") + 1, sizeof(*m->nodes));
	if (cpus)
		fill_cpus(m, cpus, history, snap->time_ns);
	qsort(m->cpus, m->n_cpus, sizeof(*m->cpus), compare_cpus);
	add_totals(m);
	add_guests(m, snap);
	add_worst(m, snap, history);
	build_groups(m, snap);
	add_empty_nodes(m, snapshot_table(snap, "node"));
	m->n_packages = count_entities(snap, "package");
	m->n_cores = count_entities(snap, "core");
	/* Cores are those of online CPUs: an offline CPU is not a second thread of one. */
	m->is_smt = m->n_cores > 0 && m->n_online > m->n_cores;
	return m;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	free(machine->cpus);
	free(machine->nodes);
	free(machine->l3s);
	guests_free(machine->guests);
	free(machine);
}

int machine_find(const struct machine *machine, unsigned number)
{
	for (unsigned i = 0; i < machine->n_cpus; i++) {
		if (machine->cpus[i].number == number)
			return (int)i;
	}
	return -1;
}
