/* The effect view: what this session changed, newest first, before and since. */
#include <stdio.h>
#include <time.h>

#include "tui/view.h"

struct effect_view {
	struct table_state table;
};

enum column { TIME, STATE, WHAT, SCOPE, P50, P99, MAX, WINDOW, NOTE };

static const struct table_column columns[] = {
	[TIME] = {.title = "time", .min_width = 8, .max_width = 8, .priority = 6},
	[STATE] = {.title = "state", .min_width = 8, .max_width = 8},
	[WHAT] = {.title = "what", .min_width = 16, .max_width = 40},
	[SCOPE] = {.title = "scope", .min_width = 7, .max_width = 16, .priority = 5},
	[P50] = {.title = "p50 before -> since", .min_width = 12, .max_width = 20, .priority = 4},
	[P99] = {.title = "p99 before -> since", .min_width = 12, .max_width = 20, .priority = 1},
	[MAX] = {.title = "max before -> since", .min_width = 12, .max_width = 20, .priority = 2},
	[WINDOW] = {.title = "windows", .min_width = 8, .max_width = 14, .priority = 7},
	[NOTE] = {.title = "note", .min_width = 10, .max_width = 100, .priority = 3},
};

static void pair(bool has_a, uint64_t a, bool has_b, uint64_t b, struct table_cell *ret)
{
	char x[24] = "-", y[24] = "-";

	if (has_a)
		format_ns(a, x, sizeof(x));
	if (has_b)
		format_ns(b, y, sizeof(y));
	snprintf(ret->text, sizeof(ret->text), "%s -> %s", x, y);
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct session *session = arg;
	const struct session_change *c = &session->changes[session->n_changes - 1 - row];
	const struct experiment_side *a = &c->result.before, *b = &c->result.after;
	time_t s = (time_t)(c->applied_wall_ns / NSEC_PER_SEC);
	struct tm tm;

	switch ((enum column)column) {
	case TIME:
		if (c->applied_wall_ns && localtime_r(&s, &tm))
			(void)strftime(ret->text, sizeof(ret->text), "%H:%M:%S", &tm);
		return;
	case STATE:
		snprintf(ret->text, sizeof(ret->text), "%s", transaction_state_name(c->state));
		ret->role = c->state == TRANSACTION_TRIAL ? ROLE_WARNING
			    : c->state == TRANSACTION_REFUSED || c->state == TRANSACTION_RESIDUE
				    ? ROLE_ERROR
				    : ROLE_VALUE;
		return;
	case WHAT:
		snprintf(ret->text, sizeof(ret->text), "%s", c->title);
		ret->role = ROLE_STRONG;
		return;
	case SCOPE:
		session_scope(c, ret->text, sizeof(ret->text));
		return;
	case P50:
		pair(a->has_p50, a->p50_ns, b->has_p50, b->p50_ns, ret);
		return;
	case P99:
		pair(a->has_p99, a->p99_ns, b->has_p99, b->p99_ns, ret);
		return;
	case MAX:
		pair(a->samples > 0, a->max_ns, b->samples > 0, b->max_ns, ret);
		return;
	case WINDOW:
		snprintf(ret->text, sizeof(ret->text), "%.0f / %.0f s", (double)a->covered_ns / 1e9,
			 (double)b->covered_ns / 1e9);
		return;
	case NOTE:
		snprintf(ret->text, sizeof(ret->text), "%s", c->text[0] ? c->text : "not judged");
		ret->role = ROLE_DIM;
		return;
	}
}

static void effect_draw(const struct view *view, void *arg, const struct frame *frame,
			const struct pane *pane)
{
	struct effect_view *state = arg;
	struct table table = {
		columns,
		ARRAY_SIZE(columns),
		frame->session->n_changes,
		cell,
		(void *)(uintptr_t)frame->session,
		"Nothing was changed in this session. Choose a row in the irq, memory or knobs "
		"view "
		"and press e: a preview shows what would be written, Enter there starts a trial.",
	};

	(void)view;
	state->table.sort_column = -1;
	table_draw(pane, &table, &state->table);
}

static bool effect_command(const struct view *view, void *arg, const struct frame *frame,
			   enum command command, struct ui_request *ret)
{
	struct effect_view *state = arg;

	(void)view;
	(void)ret;
	return table_command(&state->table, frame->session->n_changes, command);
}

extern const struct view view_effect;

const struct view view_effect = {
	.name = "effect",
	.key = '9',
	.summary = "what this session changed, before and since",
	.kinds = "",
	.hints = {COMMAND_KEEP, COMMAND_UNDO, COMMAND_UNDO_ALL},
	.state_size = sizeof(struct effect_view),
	.draw = effect_draw,
	.command = effect_command,
};
