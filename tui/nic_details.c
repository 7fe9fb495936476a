/* The lower pane of the nic view: what is known of the selected row, and its flags in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_nic_internal.h"

static void add(struct flow *flow, const struct entity *e, const char *label, const char *metric)
{
	char text[200];
	enum role role = entity_format(e, metric, text, sizeof(text));

	if (role != ROLE_VALUE_ABSENT && text[0])
		flow_field(flow, label, role, "%s", text);
}

/* "512/4096" */
static void add_of(struct flow *flow, const struct entity *e, const char *label, const char *metric,
		   const char *metric_max)
{
	uint64_t now, max;

	if (!entity_u64(e, metric, &now))
		return;
	if (entity_u64(e, metric_max, &max))
		flow_field(flow, label, now < max ? ROLE_VALUE : ROLE_STRONG, "%llu/%llu",
			   (unsigned long long)now, (unsigned long long)max);
	else
		flow_field(flow, label, ROLE_VALUE, "%llu", (unsigned long long)now);
}

static void interface_fields(struct flow *flow, const struct entity *e)
{
	add(flow, e, "kind", "nic_kind");
	add(flow, e, "driver", "driver");
	add(flow, e, "pci", "pci_address");
	add(flow, e, "node", "node_id");
	add_of(flow, e, "ring rx", "ring_rx", "ring_rx_max");
	add_of(flow, e, "tx", "ring_tx", "ring_tx_max");
	add_of(flow, e, "channels", "channels_combined", "channels_combined_max");
	add_of(flow, e, "rx", "channels_rx", "channels_rx_max");
	add_of(flow, e, "tx", "channels_tx", "channels_tx_max");
	add(flow, e, "coalesce rx", "coalesce_rx_ns");
	add(flow, e, "frames", "coalesce_rx_frames");
	add(flow, e, "tx", "coalesce_tx_ns");
	add(flow, e, "frames", "coalesce_tx_frames");
	add(flow, e, "adaptive rx", "adaptive_rx");
	add(flow, e, "tx", "adaptive_tx");
	add(flow, e, "rss queues", "rss_queues");
	add(flow, e, "entries", "rss_entries");
	add(flow, e, "threaded", "napi_threaded");
	add(flow, e, "gro flush", "gro_flush_timeout_ns");
	add(flow, e, "defer irqs", "napi_defer_hard_irqs");
	add(flow, e, "xdp", "xdp");
	add(flow, e, "mtu", "mtu");
	add(flow, e, "mac", "mac");
	add(flow, e, "master", "master");
	add(flow, e, "lower", "lower");
	add(flow, e, "missed", "rx_missed");
	add(flow, e, "features", "features");
	add(flow, e, "private", "private_flags");
	add(flow, e, "firmware", "firmware");
}

static void queue_fields(struct flow *flow, const struct chain *chain)
{
	char text[96];
	uint64_t irq;
	bool is_polled = chain->parent && strcmp(chain->parent->kind->name, "dpdk_port") == 0;

	if (is_polled)
		flow_field(flow, "", ROLE_VALUE, "polled by lcores, without interrupts");
	else if (entity_u64(chain->queue, "irq", &irq))
		flow_field(flow, "irq", ROLE_VALUE, "%llu %s", (unsigned long long)irq,
			   chain->irq && chain->irq->name ? chain->irq->name : "");
	else
		flow_field(flow, "irq", ROLE_VALUE_ABSENT, "unknown");
	add(flow, chain->queue, "known by", "how");
	if (!is_polled)
		flow_field(flow, "cpu", chain->cpus ? ROLE_VALUE : ROLE_VALUE_ABSENT, "%s",
			   chain->cpus ? chain->cpus : "unknown");
	if (chain->irq && !isnan(entity_rate(chain->irq, "count")))
		flow_field(flow, "irq/s", ROLE_VALUE, "%s",
			   format_count(entity_rate(chain->irq, "count"), text, sizeof(text)));
	add(flow, chain->queue, "napi", "napi_id");
	add(flow, chain->queue, "rps", "rps_cpus");
	add(flow, chain->queue, "xps", "xps_cpus");
	add(flow, chain->queue, "errors", "errors");
	add(flow, chain->queue, "counted by", "source");
	if (chain->irq || chain->cpu >= 0)
		flow_field(flow, "", ROLE_DIM, "%s%s", chain->irq ? "f: its interrupt" : "",
			   chain->cpu < 0 ? ""
			   : chain->irq	  ? ", Enter: its CPU"
					  : "Enter: its CPU");
}

/* VFs and DPDK ports: every metric that has a value. */
static void all_fields(struct flow *flow, const struct entity *e)
{
	for (unsigned i = 0; i < e->kind->n_metrics; i++) {
		const struct metric *m = e->kind->metrics[i];

		if (e->values[i].state != VALUE_ABSENT)
			add(flow, e, m->name, m->name);
	}
}

static int draw_flags(const struct chain *chain, const struct pane *pane, int y)
{
	char text[160];

	for (unsigned i = 0; i < CHAIN_FLAGS && y < pane->height; i++) {
		int x;

		if (!(chain->flags & 1u << i))
			continue;
		x = pane_text(pane, 0, y, ROLE_WARNING, chain_word((enum chain_flag)i));
		(void)pane_text(pane, x + 1, y++, ROLE_TEXT,
				chain_sentence(chain, (enum chain_flag)i, text, sizeof(text)));
	}
	return y;
}

/* One line per flag that some queue has, with the first of them. */
static int draw_flags_below(const struct nic_view *state, const struct frame *frame,
			    const struct entity *parent, const struct pane *pane, int y)
{
	char text[160];
	unsigned n_queues;
	const struct entity *const *queues = children_of(state->chains->queues, parent, &n_queues);

	for (unsigned i = 0; i < CHAIN_FLAGS && y < pane->height; i++) {
		const struct chain *first = NULL;
		unsigned n = 0;

		for (unsigned k = 0; k < n_queues; k++) {
			const struct chain *c = chains_find(state->chains, frame->snap, queues[k]);

			if (!(c->flags & 1u << i))
				continue;
			first = first ? first : c;
			n++;
		}
		if (!first)
			continue;
		chain_sentence(first, (enum chain_flag)i, text, sizeof(text));
		(void)pane_printf(
			pane,
			pane_text(pane, 0, y, ROLE_WARNING, chain_word((enum chain_flag)i)) + 1, y,
			ROLE_TEXT, "%s%s: %s%s", n > 1 ? "" : "queue ",
			first->queue->name ? first->queue->name : "", text,
			n > 1 ? " (and others)" : "");
		y++;
	}
	return y;
}

int nic_details(const struct nic_view *state, const struct frame *frame, const struct nic_row *row,
		const struct pane *pane)
{
	const struct entity *e = row->entity;
	const struct chain *chain = chains_find(state->chains, frame->snap, e);
	struct flow flow = {.pane = pane, .indent = 2, .max_lines = pane->height};

	flow_field(&flow, "", ROLE_STRONG, "%s",
		   strchr(e->key, ':') ? strchr(e->key, ':') + 1 : e->key);
	if (chain)
		queue_fields(&flow, chain);
	else if (strcmp(e->kind->name, "nic") == 0)
		interface_fields(&flow, e);
	else
		all_fields(&flow, e);
	return chain ? draw_flags(chain, pane, flow_lines(&flow))
		     : draw_flags_below(state, frame, e, pane, flow_lines(&flow));
}
