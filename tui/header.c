/* The first line: which machine, how large, how long up, what we cost, and what must not be missed.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/ui_internal.h"

static int draw_right(const struct frame *frame, const struct pane *pane)
{
	int x = pane->width;
	char text[96];

	if (frame->snap && pane->width >= 50) {
		time_t s = (time_t)(frame->snap->wall_ns / NSEC_PER_SEC);
		struct tm tm;

		/* Minutes: seconds would send bytes every second. */
		if (localtime_r(&s, &tm) && strftime(text, sizeof(text), "%H:%M", &tm) > 0) {
			x -= 5;
			(void)pane_text(pane, x, 0, ROLE_TEXT, text);
		}
	}
	const char *flags[] = {frame->is_paused ? "PAUSED" : "",
			       frame->source[0] ? frame->source : "",
			       frame->why_no_change && !frame->source[0] ? "READ-ONLY" : ""};

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!flags[i][0])
			continue;
		snprintf(text, sizeof(text), "%s", flags[i]);
		if (i == 2 && pane->width >= 120)
			snprintf(text, sizeof(text), "READ-ONLY (%.40s)", frame->why_no_change);
		x -= text_columns(text) + 1;
		(void)pane_text(pane, x, 0, ROLE_WARNING, text);
	}
	return x;
}

static void add_cores(const struct machine *m, struct flow *flow)
{
	if (m->n_cores == 0)
		flow_field(flow, "", ROLE_TEXT, "%u cpus", m->n_cpus);
	else if (m->n_packages > 1 && m->n_cores % m->n_packages == 0)
		flow_field(flow, "", ROLE_TEXT, "%ux%u cores%s", m->n_packages,
			   m->n_cores / m->n_packages, m->is_smt ? " SMT" : "");
	else
		flow_field(flow, "", ROLE_TEXT, "%u core%s%s", m->n_cores,
			   m->n_cores == 1 ? "" : "s", m->is_smt ? " SMT" : "");
}

static void add_text(const struct entity *host, const char *metric, enum role role,
		     struct flow *flow)
{
	const char *text = entity_text(host, metric);

	if (text && text[0])
		flow_field(flow, "", role, "%s", text);
}

static double two_digits(double n)
{
	double unit = n < 100 ? 1 : pow(10, floor(log10(n)) - 1);

	return round(n / unit) * unit;
}

/* The UI and the sampler disturb what is measured: there is no other CPU for them. */
static bool is_shared(const struct frame *frame)
{
	return frame->measuring && frame->measuring->state == MEASURING_ON &&
	       frame->measuring->is_shared;
}

void header_draw(const struct frame *frame, const struct pane *pane)
{
	int right = draw_right(frame, pane);
	struct pane left = pane_sub(pane, 0, 0, right > 1 ? right - 1 : 0, 1);
	struct flow flow = {.pane = &left, .max_lines = 1};
	const struct entity *host = frame->snap ? snapshot_find(frame->snap, "host") : NULL;
	char text[32];
	uint64_t n;

	flow_field(&flow, "", ROLE_TITLE, "jittertop");
	if (!frame->snap)
		return;
	add_text(host, "hostname", ROLE_STRONG, &flow);
	add_text(host, "kernel_release", ROLE_TEXT, &flow);
	if (left.width >= 60)
		add_text(host, "preemption", ROLE_TEXT, &flow);
	if (frame->machine)
		add_cores(frame->machine, &flow);
	if (!isnan(frame->self_share))
		flow_field(&flow, "self", ROLE_TEXT, "%.1f%%%s", frame->self_share * 100,
			   is_shared(frame) && pane->width >= 120 ? " on measured cpus" : "");
	if (entity_u64(host, "memory_total_bytes", &n))
		flow_field(&flow, "", ROLE_TEXT, "%s", format_bytes(n, text, sizeof(text)));
	if (entity_u64(host, "uptime_ns", &n))
		flow_field(&flow, "up", ROLE_TEXT, "%s", format_duration(n, text, sizeof(text)));
	/* What measuring costs an idle machine: its CPUs are woken. Two digits, or it flickers. */
	if (!isnan(frame->self_wakeups_hz))
		flow_field(&flow, "wakes", ROLE_TEXT, "%s/s",
			   format_count(two_digits(frame->self_wakeups_hz), text, sizeof(text)));
}
