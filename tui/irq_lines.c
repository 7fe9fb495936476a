/* The lines around the interrupts: who else moves them, and all about the selected one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_irq_internal.h"

static double total_rate(const struct irq_view *state)
{
	double sum = 0;
	bool is_known = false;

	for (unsigned i = 0; i < state->n_rows - state->n_arch; i++) {
		double rate = entity_rate(state->rows[i], "count");

		if (isnan(rate))
			continue;
		sum += rate;
		is_known = true;
	}
	return is_known ? sum : (double)NAN;
}

static unsigned count_pending(const struct irq_view *state)
{
	unsigned n = 0;
	uint64_t pending;

	for (unsigned i = 0; i < state->n_rows; i++)
		n += entity_u64(state->rows[i], "pending", &pending) && pending;
	return n;
}

/* "not running" rather than nothing. */
static void add_daemon(struct flow *flow, const struct entity *host, const char *label,
		       const char *metric, const char *more)
{
	char text[128];
	enum role role = entity_format(host, metric, text, sizeof(text));
	const char *extra = entity_text(host, more);

	if (!text[0])
		flow_field(flow, label, ROLE_VALUE, "not running");
	else if (extra && extra[0])
		flow_field(flow, label, ROLE_WARNING, "%s (%s)", text, extra);
	else
		flow_field(flow, label, role == ROLE_VALUE ? ROLE_WARNING : role, "%s", text);
}

void irq_summary_line(const struct irq_view *state, const struct frame *frame,
		      const struct pane *pane, int y)
{
	const struct entity *host = snapshot_find(frame->snap, "host");
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = 1};
	unsigned pending = count_pending(state);
	double rate = total_rate(state);
	char number[32];

	flow_field(&flow, "interrupts", ROLE_VALUE, "%u", state->n_rows - state->n_arch);
	flow_field(&flow, "all", ROLE_VALUE, "%s%s",
		   isnan(rate) ? "-" : format_count(rate, number, sizeof(number)),
		   isnan(rate) ? "" : "/s");
	if (pending)
		flow_field(&flow, "pending", ROLE_WARNING, "%u", pending);
	add_daemon(&flow, host, "irqbalance", "irqbalance", "irqbalance_banned");
	add_daemon(&flow, host, "tuned", "tuned", "tuned_profile");

	char text[128];
	enum role role = entity_format(host, "default_irq_affinity", text, sizeof(text));

	flow_field(&flow, "new ones to", role, "%s", text);
}

static void add(struct flow *flow, const struct entity *irq, const char *label, const char *metric)
{
	char text[256];
	enum role role = entity_format(irq, metric, text, sizeof(text));

	flow_field(flow, label, role, "%s", text[0] ? text : "none");
}

static void add_thread(struct flow *flow, const struct entity *irq)
{
	uint64_t threads = 0, pid = 0, priority = 0;
	const char *policy = entity_text(irq, "thread_policy");

	if (!entity_u64(irq, "threads", &threads) || !entity_u64(irq, "thread_pid", &pid)) {
		add(flow, irq, "threads", "threads");
		return;
	}
	(void)entity_u64(irq, "thread_priority", &priority);
	flow_field(flow, "thread", ROLE_VALUE, "%u %s %u", (unsigned)pid, policy ? policy : "-",
		   (unsigned)priority);
	if (threads > 1)
		flow_field(flow, "threads", ROLE_VALUE, "%u", (unsigned)threads);
}

void irq_detail_lines(const struct frame *frame, const struct entity *irq, const struct pane *pane,
		      int y)
{
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = 2, .indent = 2};
	const char *colon = strchr(irq->key, ':');
	const char *managed = entity_text(irq, "managed");
	const char *why = entity_text(snapshot_find(frame->snap, "host"), "irq_managed_why");

	flow_field(&flow, "", ROLE_STRONG, "%s %s", colon ? colon + 1 : irq->key,
		   strcmp(irq->name, irq->key) ? irq->name : "");
	if (irq_is_arch(irq)) {
		add(&flow, irq, "", "description");
		add(&flow, irq, "by cpu", "per_cpu");
		return;
	}
	add(&flow, irq, "requested", "affinity");
	add(&flow, irq, "effective", "effective");
	add(&flow, irq, "hint", "affinity_hint");
	add(&flow, irq, "by cpu", "per_cpu");
	add_thread(&flow, irq);
	add(&flow, irq, "hwirq", "hwirq");
	add(&flow, irq, "chip", "chip");
	add(&flow, irq, "managed", "managed");
	if (why && managed && strcmp(managed, "unknown") == 0)
		flow_field(&flow, "", ROLE_DIM, "%s", why);
}
