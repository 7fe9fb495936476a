/* The network stack's work per CPU, for the nic view. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_nic_internal.h"

static const struct {
	struct table_column column;
	const char *metric;
} columns[] = {
	{{.title = "cpu", .min_width = 5, .max_width = 10}, NULL},
	{{.title = "packets/s", .min_width = 9, .max_width = 9, .is_right = true},
	 "softnet_packets"},
	{{.title = "drop/s", .min_width = 6, .max_width = 8, .is_right = true}, "softnet_drops"},
	{{.title = "squeeze/s", .min_width = 9, .max_width = 9, .priority = 1, .is_right = true},
	 "softnet_squeezed"},
	{{.title = "backlog", .min_width = 7, .max_width = 8, .priority = 2, .is_right = true},
	 "softnet_backlog"},
	{{.title = "rps/s", .min_width = 6, .max_width = 8, .priority = 3, .is_right = true},
	 "softnet_rps"},
	{{.title = "flow/s", .min_width = 6, .max_width = 8, .priority = 5, .is_right = true},
	 "softnet_flow_limited"},
	{{.title = "net_rx/s", .min_width = 8, .max_width = 8, .priority = 4, .is_right = true},
	 "softirq_net_rx"},
	{{.title = "net_tx/s", .min_width = 8, .max_width = 8, .priority = 6, .is_right = true},
	 "softirq_net_tx"},
};

unsigned nic_softnet_rows(const struct frame *frame)
{
	return frame->machine ? frame->machine->n_cpus : 0;
}

const struct entity *nic_softnet_at(const struct frame *frame, unsigned row)
{
	return row < nic_softnet_rows(frame) ? frame->machine->cpus[row].entity : NULL;
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct frame *frame = arg;
	const struct machine_cpu *cpu = &frame->machine->cpus[row];
	const char *metric = columns[column].metric;
	double rate;

	if (!metric) {
		snprintf(ret->text, sizeof(ret->text), "%u%s", cpu->number,
			 cpu->is_isolated    ? " isol"
			 : cpu->is_nohz_full ? " nohz"
					     : "");
		ret->role = ROLE_STRONG;
		return;
	}
	if (strcmp(metric, "softnet_backlog") == 0) {
		ret->role = entity_format(cpu->entity, metric, ret->text, sizeof(ret->text));
		return;
	}
	rate = entity_rate(cpu->entity, metric);
	if (isnan(rate)) {
		snprintf(ret->text, sizeof(ret->text), "-");
		ret->role = ROLE_VALUE_ABSENT;
		return;
	}
	format_count(rate, ret->text, sizeof(ret->text));
	if (rate > 0 && (column == 2 || column == 3))
		ret->role = ROLE_WARNING;
}

/* The settings behind drops and squeezes. */
static int draw_settings(const struct frame *frame, const struct pane *pane, int y)
{
	static const char *const metrics[][2] = {
		{"budget", "netdev_budget"},
		{"budget us", "netdev_budget_us"},
		{"max backlog", "netdev_max_backlog"},
		{"weight", "net_dev_weight"},
		{"busy poll us", "net_busy_poll_us"},
		{"busy read us", "net_busy_read_us"},
		{"rps flows", "rps_sock_flow_entries"},
	};
	const struct entity *host = snapshot_find(frame->snap, "host");
	struct flow flow = {.pane = pane, .y = y, .first_y = y, .max_lines = 2};

	for (unsigned i = 0; i < ARRAY_SIZE(metrics); i++) {
		char text[64];
		enum role role = entity_format(host, metrics[i][1], text, sizeof(text));

		flow_field(&flow, metrics[i][0], role, "%s", text);
	}
	return flow_lines(&flow);
}

void nic_softnet_draw(struct nic_view *state, const struct frame *frame, const struct pane *pane)
{
	struct table_column list[ARRAY_SIZE(columns)];
	struct table table = {list, ARRAY_SIZE(columns),      nic_softnet_rows(frame),
			      cell, (void *)(uintptr_t)frame, "no cpu found on this host"};
	int settings = pane->height >= 8 ? 2 : 0;
	struct pane area = pane_sub(pane, 0, 0, pane->width, pane->height - settings);

	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++)
		list[i] = columns[i].column;
	state->table_y = 0;
	state->softnet.sort_column = -1;
	table_draw(&area, &table, &state->softnet);
	if (settings)
		(void)draw_settings(frame, pane, pane->height - settings);
}
