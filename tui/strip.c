/* The effect strip: what the latest change did to the latency, in sight in every view. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui_internal.h"

/* "12 -> 9 us": the unit once when it is the same. */
static void add_pair(struct flow *flow, const char *label, bool has_a, uint64_t a, bool has_b,
		     uint64_t b)
{
	char before[24] = "-", after[24] = "-", *blank, *unit;

	if (has_a)
		format_ns(a, before, sizeof(before));
	if (has_b)
		format_ns(b, after, sizeof(after));
	blank = strchr(before, ' ');
	unit = strchr(after, ' ');
	if (blank && unit && strcmp(blank, unit) == 0)
		*blank = 0;
	flow_field(flow, label, ROLE_STRIP, "%s -> %s", before, after);
}

static void add_single(struct flow *flow, const char *label, bool has, uint64_t ns)
{
	char text[24] = "-";

	flow_field(flow, label, has ? ROLE_STRIP : ROLE_VALUE_ABSENT, "%s",
		   has ? format_ns(ns, text, sizeof(text)) : text);
}

static void draw_nothing(const struct frame *frame, const struct pane *pane)
{
	struct flow flow = {.pane = pane, .indent = 8, .max_lines = 1};

	flow_field(&flow, "effect:", ROLE_DIM, "no change yet");
	if (frame->machine && !frame->why_not_measured) {
		const struct machine_latency *all = &frame->machine->all;

		flow_field(&flow, "", ROLE_DIM, "all cpus, 10 s:");
		flow.x--;
		add_single(&flow, "p50", all->has_p50, all->p50_ns);
		add_single(&flow, "p99", all->has_p99, all->p99_ns);
		add_single(&flow, "max", all->samples > 0, all->max_ns);
	} else if (frame->why_not_measured) {
		flow_field(&flow, "latency", ROLE_DIM, "%s", frame->why_not_measured);
	}
	if (frame->why_no_change)
		pane_text_in(pane, 8, 1, pane->width - 8, ROLE_DIM, frame->why_no_change);
	else
		pane_text_in(pane, 8, 1, pane->width - 8, ROLE_DIM,
			     "e on a row of irq, memory or knobs changes a value as a trial");
}

/* Right end of the first line: state, countdown, keys. Returns where it starts. */
static int draw_state(const struct frame *frame, const struct session_change *c,
		      const struct pane *pane)
{
	char text[96];
	enum role role = ROLE_STRIP;
	int n;

	if (c->state == TRANSACTION_TRIAL && frame->session->guard == GUARD_LOST) {
		/* Nobody here counts down any more, and no key reaches anybody. */
		snprintf(text, sizeof(text), " guard died: see `jittertop status` ");
		role = ROLE_ERROR;
	} else if (c->state == TRANSACTION_TRIAL) {
		uint64_t left = c->deadline_boottime_ns > frame->boottime_ns
					? c->deadline_boottime_ns - frame->boottime_ns
					: 0;

		snprintf(text, sizeof(text), " trial %" PRIu64 " s  c keep  u undo ",
			 (left + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
		role = ROLE_TRIAL;
	} else if (c->state == TRANSACTION_APPLYING && frame->session->guard != GUARD_LOST) {
		snprintf(text, sizeof(text), " applying  u cancel ");
		role = ROLE_TRIAL;
	} else if (c->state == TRANSACTION_KEPT && frame->session->guard == GUARD_LOST) {
		snprintf(text, sizeof(text), " kept; guard died: see `jittertop status` ");
		role = ROLE_ERROR;
	} else if (c->state == TRANSACTION_KEPT) {
		snprintf(text, sizeof(text), " kept  u undo ");
	} else {
		snprintf(text, sizeof(text), " %s ", transaction_state_name(c->state));
		if (c->state == TRANSACTION_REFUSED || c->state == TRANSACTION_RESIDUE)
			role = ROLE_ERROR;
	}
	n = text_columns(text);
	if (n > pane->width)
		n = pane->width;
	pane_text_in(pane, pane->width - n, 0, n, role, text);
	return pane->width - n;
}

/* How long the two windows are, without the time the change itself took. */
static void add_windows(struct flow *flow, const struct experiment_side *before,
			const struct experiment_side *since, bool is_long)
{
	flow_field(flow, "", ROLE_DIM,
		   is_long ? "(%.0f s before / %.0f s since)" : "(%.0f s / %.0f s)",
		   (double)before->covered_ns / 1e9, (double)since->covered_ns / 1e9);
}

static void draw_change(const struct frame *frame, const struct session_change *c,
			const struct pane *pane)
{
	const struct experiment_side *a = &c->result.before, *b = &c->result.after;
	int right = draw_state(frame, c, pane);
	struct pane first = pane_sub(pane, 0, 0, right > 0 ? right - 1 : 0, 1);
	struct pane second = pane_sub(pane, 0, 1, pane->width, 1);
	struct flow flow = {.pane = &first, .max_lines = 1};
	char scope[32];

	flow_field(&flow, "effect:", ROLE_STRONG, "%s", c->title);
	if (c->experiment.apply_end_ns == 0 || c->state == TRANSACTION_REFUSED) {
		pane_text_in(&second, 8, 0, second.width - 8,
			     c->state == TRANSACTION_REFUSED ? ROLE_ERROR : ROLE_DIM, c->text);
		return;
	}
	flow_field(&flow, "", ROLE_STRIP, "%s", session_scope(c, scope, sizeof(scope)));
	/* One line when it is wide, else the figures are the second line. */
	if (pane->height > 1) {
		add_windows(&flow, a, b, false);
		flow = (struct flow){.pane = &second, .x = 8, .indent = 8, .max_lines = 1};
	}
	if (pane->height > 1 && c->is_lasting && c->text[0])
		flow_field(&flow, "", ROLE_WARNING, "%s", c->text);
	add_pair(&flow, "p50", a->has_p50, a->p50_ns, b->has_p50, b->p50_ns);
	add_pair(&flow, "p99", a->has_p99, a->p99_ns, b->has_p99, b->p99_ns);
	add_pair(&flow, "max", a->samples > 0, a->max_ns, b->samples > 0, b->max_ns);
	if (pane->height == 1)
		add_windows(&flow, a, b, true);
	flow_field(&flow, "", ROLE_VERDICT_NONE, "not judged");
}

void strip_draw(const struct frame *frame, const struct pane *pane)
{
	const struct session_change *c = session_latest(frame->session);

	if (c)
		draw_change(frame, c, pane);
	else
		draw_nothing(frame, pane);
}
