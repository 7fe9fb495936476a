#include "core/culprit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define MIN_TICKS 8u  /* to say anything at all */
#define MIN_SPIKES 3u /* chance explains one or two of anything */
#define MIN_QUIET 4u
/* Fewer cannot show that nothing moved: the test could hardly have named anything. */
#define MIN_TICKS_FOR_NOTHING 30u
#define MIN_SHARE 0.25
/* A spike is this many times the quiet quarter, and that much above it. */
#define SPIKE_TIMES 3
#define SPIKE_NS 20e3
/* Raised: so much more than the quiet ticks have in the middle. */
#define RAISED_TIMES 1.5
#define RAISED_HZ 5
#define RAISED_SHARE 0.05
/* For all counters of a CPU together. */
#define CHANCE 0.01
#define SHIFTS_BETTER 0.02
/* What a single burst must show instead. */
#define BURST_SHARE 0.9

/* The ticks that count: both the latency and the counter are known. */
struct course {
	unsigned n, n_spikes;
	bool is_spike[CULPRIT_TICKS];
	float rates[CULPRIT_TICKS];
	bool is_raised[CULPRIT_TICKS];
};

static int compare_floats(const void *pa, const void *pb)
{
	float a = *(const float *)pa, b = *(const float *)pb;

	return a < b ? -1 : a > b;
}

static void sort_floats(float *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare_floats);
}

static void select_ticks(const float *latency_ns, unsigned n_ticks, double threshold_ns,
			 const float *rates, struct course *ret)
{
	ret->n = ret->n_spikes = 0;
	for (unsigned i = 0; i < n_ticks; i++) {
		if (isnan(latency_ns[i]) || isnan(rates[i]))
			continue;
		ret->is_spike[ret->n] = latency_ns[i] > threshold_ns;
		ret->n_spikes += ret->is_spike[ret->n];
		ret->rates[ret->n++] = rates[i];
	}
}

/* Well above the middle of the quiet ticks, and among the highest of all: as many as there are
 * spikes, and a tenth of the others. */
static void mark_raised(struct course *course, bool is_share)
{
	float quiet[CULPRIT_TICKS], all[CULPRIT_TICKS];
	unsigned n_quiet = 0, n_high;
	double limit;

	for (unsigned i = 0; i < course->n; i++) {
		all[i] = course->rates[i];
		if (!course->is_spike[i])
			quiet[n_quiet++] = course->rates[i];
	}
	sort_floats(quiet, n_quiet);
	sort_floats(all, course->n);
	limit = RAISED_TIMES * quiet[n_quiet / 2] + (is_share ? RAISED_SHARE : RAISED_HZ);
	n_high = course->n_spikes + n_quiet / 10;
	limit = fmax(limit, all[course->n - 1 - n_high]);
	for (unsigned i = 0; i < course->n; i++)
		course->is_raised[i] = course->rates[i] > limit;
}

static double log_choose(unsigned n, unsigned k)
{
	return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* How probable it is that at least hits of the marked ones lie among the drawn ones, by chance. */
static double chance_of(unsigned n, unsigned n_marked, unsigned n_drawn, unsigned hits)
{
	unsigned most = n_marked < n_drawn ? n_marked : n_drawn;
	double sum = 0;

	for (unsigned k = hits; k <= most; k++) {
		if (n_drawn - k <= n - n_marked)
			sum += exp(log_choose(n_marked, k) + log_choose(n - n_marked, n_drawn - k) -
				   log_choose(n, n_drawn));
	}
	return sum;
}

static unsigned count_hits(const struct course *course, unsigned shift)
{
	unsigned hits = 0;

	for (unsigned i = 0; i < course->n; i++)
		hits += course->is_spike[i] && course->is_raised[(i + shift) % course->n];
	return hits;
}

static unsigned count(const bool *flags, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += flags[i];
	return sum;
}

static double mean_run(const bool *flags, unsigned n)
{
	unsigned runs = 0;

	for (unsigned i = 0; i < n; i++)
		runs += flags[i] && (i == 0 || !flags[i - 1]);
	return runs ? (double)count(flags, n) / runs : 1;
}

/* Both come in bursts, whose ticks are one event rather than many: the test counts in units of the
 * mean burst. */
static double burst_chance(const struct course *course, unsigned n_raised, unsigned hits)
{
	double unit = sqrt(mean_run(course->is_spike, course->n) *
			   mean_run(course->is_raised, course->n));

	return chance_of((unsigned)lround(course->n / unit), (unsigned)lround(n_raised / unit),
			 (unsigned)lround(course->n_spikes / unit), (unsigned)(hits / unit));
}

/* Other times at which the same course would fit better than now, and as well. */
static void count_shifts(const struct course *course, unsigned hits, unsigned *ret_better,
			 unsigned *ret_equal)
{
	*ret_better = *ret_equal = 0;
	for (unsigned shift = 1; shift < course->n; shift++) {
		unsigned n = count_hits(course, shift);

		*ret_better += n > hits;
		*ret_equal += n == hits;
	}
}

static bool is_no_chance(const struct course *course, unsigned n_counters, double share)
{
	unsigned hits = count_hits(course, 0), better, equal;
	unsigned n_raised = count(course->is_raised, course->n);

	if (chance_of(course->n, n_raised, course->n_spikes, hits) * n_counters > CHANCE)
		return false;
	count_shifts(course, hits, &better, &equal);
	if (better > SHIFTS_BETTER * course->n)
		return false;
	/* One burst cannot be told from chance by counting: then it must fit to the tick. */
	return burst_chance(course, n_raised, hits) * n_counters <= CHANCE ||
	       (better + equal == 0 && share >= BURST_SHARE);
}

static void fill_means(const struct course *course, struct culprit *ret)
{
	double spikes = 0, quiet = 0;

	for (unsigned i = 0; i < course->n; i++) {
		if (course->is_spike[i])
			spikes += course->rates[i];
		else
			quiet += course->rates[i];
	}
	ret->spike_rate = spikes / course->n_spikes;
	ret->quiet_rate = quiet / (course->n - course->n_spikes);
}

static bool moved_with(struct course *course, const struct culprit_counter *counter,
		       unsigned n_counters, struct culprit *ret)
{
	unsigned n_quiet = course->n - course->n_spikes, hits;

	if (course->n_spikes < MIN_SPIKES || n_quiet < MIN_QUIET)
		return false;
	mark_raised(course, counter->is_share);
	hits = count_hits(course, 0);
	ret->share = (double)hits / course->n_spikes -
		     (double)(count(course->is_raised, course->n) - hits) / n_quiet;
	if (ret->share < MIN_SHARE || !is_no_chance(course, n_counters, ret->share))
		return false;
	fill_means(course, ret);
	memcpy(ret->name, counter->name, sizeof(ret->name));
	ret->class = counter->class;
	ret->is_share = counter->is_share;
	return true;
}

/* Higher shares first; of about equal ones what names most. */
static bool ranks_before(const struct culprit *a, const struct culprit *b)
{
	long x = lround(a->share * 10), y = lround(b->share * 10);

	if (x != y)
		return x > y;
	if (a->class != b->class)
		return a->class < b->class;
	return a->share > b->share;
}

static void insert(struct culprits *ret, const struct culprit *culprit)
{
	unsigned at = ret->n < CULPRIT_MAX ? ret->n++ : CULPRIT_MAX;

	for (; at > 0 && ranks_before(culprit, &ret->list[at - 1]); at--) {
		if (at < CULPRIT_MAX)
			ret->list[at] = ret->list[at - 1];
	}
	if (at < CULPRIT_MAX)
		ret->list[at] = *culprit;
}

static bool has_class(const struct culprits *culprits, enum culprit_class class)
{
	for (unsigned i = 0; i < culprits->n; i++) {
		if (culprits->list[i].class == class)
			return true;
	}
	return false;
}

/* A sum says nothing more when one of its parts is named. */
static void drop_sums(struct culprits *culprits)
{
	bool has_irq = has_class(culprits, CULPRIT_IRQ);
	bool has_softirq = has_class(culprits, CULPRIT_SOFTIRQ);
	unsigned n = 0;

	for (unsigned i = 0; i < culprits->n; i++) {
		enum culprit_class class = culprits->list[i].class;

		if ((class == CULPRIT_IRQ_SUM && has_irq) ||
		    (class == CULPRIT_SOFTIRQ_SUM && has_softirq))
			continue;
		culprits->list[n++] = culprits->list[i];
	}
	culprits->n = n;
}

/* False: nothing to judge. */
static bool find_spikes(const float *latency_ns, unsigned n_ticks, struct culprits *ret)
{
	float known[CULPRIT_TICKS];
	double quiet;

	for (unsigned i = 0; i < n_ticks; i++) {
		if (!isnan(latency_ns[i]))
			known[ret->n_ticks++] = latency_ns[i];
	}
	if (ret->n_ticks < MIN_TICKS)
		return false;
	sort_floats(known, ret->n_ticks);
	quiet = known[ret->n_ticks / 4];
	ret->quiet_ns = (uint64_t)quiet;
	ret->threshold_ns = (uint64_t)fmax(SPIKE_TIMES * quiet, quiet + SPIKE_NS);
	for (unsigned i = 0; i < ret->n_ticks; i++)
		ret->n_spikes += known[i] > (double)ret->threshold_ns;
	ret->verdict = ret->n_spikes == 0	    ? CULPRIT_CALM
		       : ret->n_spikes < MIN_SPIKES ? CULPRIT_TOO_FEW
						    : CULPRIT_NOT_SEEN;
	return ret->verdict == CULPRIT_NOT_SEEN;
}

void culprit_judge(const float *latency_ns, unsigned n_ticks,
		   const struct culprit_counter *counters, unsigned n_counters,
		   struct culprits *ret)
{
	*ret = (struct culprits){.verdict = CULPRIT_UNKNOWN};
	if (n_ticks > CULPRIT_TICKS) { /* the newest */
		latency_ns += n_ticks - CULPRIT_TICKS;
		n_ticks = CULPRIT_TICKS;
	}
	if (!find_spikes(latency_ns, n_ticks, ret))
		return;
	for (unsigned i = 0; i < n_counters; i++) {
		struct culprit found = {0};
		struct course course;

		select_ticks(latency_ns, n_ticks, (double)ret->threshold_ns, counters[i].rates,
			     &course);
		if (moved_with(&course, &counters[i], n_counters, &found))
			insert(ret, &found);
	}
	drop_sums(ret);
	if (ret->n)
		ret->verdict = CULPRIT_FOUND;
	else if (ret->n_ticks < MIN_TICKS_FOR_NOTHING)
		ret->verdict = CULPRIT_TOO_FEW;
}

/* --- from a history --- */

static const struct {
	const char *metric, *name;
	enum culprit_class class;
	bool is_share;
} cpu_counters[] = {
	{"softirq_hi", "softirq hi", CULPRIT_SOFTIRQ, false},
	{"softirq_timer", "softirq timer", CULPRIT_SOFTIRQ, false},
	{"softirq_net_tx", "softirq net_tx", CULPRIT_SOFTIRQ, false},
	{"softirq_net_rx", "softirq net_rx", CULPRIT_SOFTIRQ, false},
	{"softirq_block", "softirq block", CULPRIT_SOFTIRQ, false},
	{"softirq_irq_poll", "softirq irq_poll", CULPRIT_SOFTIRQ, false},
	{"softirq_tasklet", "softirq tasklet", CULPRIT_SOFTIRQ, false},
	{"softirq_sched", "softirq sched", CULPRIT_SOFTIRQ, false},
	{"softirq_hrtimer", "softirq hrtimer", CULPRIT_SOFTIRQ, false},
	{"softirq_rcu", "softirq rcu", CULPRIT_SOFTIRQ, false},
	{"softirqs", "softirqs", CULPRIT_SOFTIRQ_SUM, false},
	{"irqs", "device interrupts", CULPRIT_IRQ_SUM, false},
	{"local_irqs", "local interrupts", CULPRIT_IRQ_SUM, false},
	{"steal_ns", "steal (hypervisor)", CULPRIT_STEAL, true},
	{"user_ns", "user time", CULPRIT_TIME, true},
	{"system_ns", "kernel time", CULPRIT_TIME, true},
	{"guest_ns", "guest time", CULPRIT_TIME, true},
	{"switches", "switches", CULPRIT_SWITCHES, false},
};

/* n points of the newest ticks to the right end of n_ticks; whether any of them is not zero. */
static bool align(float *points, unsigned n, unsigned n_ticks)
{
	bool has_moved = false;

	memmove(points + n_ticks - n, points, n * sizeof(*points));
	for (unsigned i = 0; i < n_ticks - n; i++)
		points[i] = NAN;
	for (unsigned i = n_ticks - n; i < n_ticks; i++)
		has_moved = has_moved || points[i] > 0;
	return has_moved;
}

static unsigned add_cpu_counters(const struct history *history, const char *key, unsigned n_ticks,
				 struct culprit_counter *counters)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(cpu_counters); i++) {
		struct culprit_counter *c = &counters[n];
		unsigned points =
			history_series(history, key, cpu_counters[i].metric, c->rates, n_ticks);

		if (!align(c->rates, points, n_ticks))
			continue;
		(void)snprintf(c->name, sizeof(c->name), "%s", cpu_counters[i].name);
		c->class = cpu_counters[i].class;
		c->is_share = cpu_counters[i].is_share;
		n++;
	}
	return n;
}

static unsigned add_irqs(const struct history *history, const struct snapshot *snap, unsigned cpu,
			 unsigned n_ticks, struct culprit_counter *counters, unsigned n)
{
	const struct snapshot_table *irqs = snapshot_table(snap, "irq");

	for (unsigned i = 0; irqs && i < irqs->n_entities && n < CULPRIT_MAX_COUNTERS; i++) {
		const struct entity *e = &irqs->entities[i];
		const struct per_cpu_cell *cell = per_cpu_cell(entity_per_cpu(e, "per_cpu"), cpu);
		struct culprit_counter *c = &counters[n];
		const char *number = strchr(e->key, ':');
		unsigned points;

		if (!cell || cell->count == 0 || !number) /* never there since boot */
			continue;
		points = history_cpu_series(history, e->key, "per_cpu", cpu, c->rates, n_ticks);
		if (!align(c->rates, points, n_ticks))
			continue;
		(void)snprintf(c->name, sizeof(c->name), "irq %.12s %.30s", number + 1,
			       e->name ? e->name : "");
		c->class = CULPRIT_IRQ;
		c->is_share = false;
		n++;
	}
	return n;
}

void culprit_of_cpu(const struct history *history, const struct snapshot *snap,
		    const char *latency_metric, unsigned cpu, struct culprits *ret)
{
	_cleanup_(freep) struct culprit_counter *counters =
		xcalloc(CULPRIT_MAX_COUNTERS, sizeof(*counters));
	float latency_ns[CULPRIT_TICKS];
	char key[24];
	unsigned n_ticks, n;

	(void)snprintf(key, sizeof(key), "cpu:%u", cpu);
	n_ticks = history_series(history, key, latency_metric, latency_ns, CULPRIT_TICKS);
	n = add_cpu_counters(history, key, n_ticks, counters);
	n = add_irqs(history, snap, cpu, n_ticks, counters, n);
	culprit_judge(latency_ns, n_ticks, counters, n, ret);
}
