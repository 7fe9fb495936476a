/*
 * Processes that use DPDK: their ports, queues and lcores, as their telemetry v2 sockets tell
 * (https://doc.dpdk.org/guides/howto/telemetry.html). Read only.
 *
 * A peer may be hostile, slow or silent: each question, each process and each run has its time, and
 * a process that failed is left alone for a while, longer each time. A connection is kept from run
 * to run: DPDK makes a thread for every new one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/json_limits.h"
#include "core/probe.h"
#include "probes/dpdk_internal.h"
#include "probes/queue_rows.h"
#include "probes/read.h"

#define ROWS_MAX 8192u /* queues of one process */
#define ASK_NS (NSEC_PER_SEC / 2)
#define PROCESS_NS NSEC_PER_SEC
#define RUN_NS (4 * NSEC_PER_SEC)
#define FIRST_PAUSE_NS (5 * NSEC_PER_SEC)
#define LONGEST_PAUSE_NS (60 * NSEC_PER_SEC)
#define LCORES_PERIOD_NS (10 * NSEC_PER_SEC)

enum dpdk_set { SET_PROCESS, SET_PORT, SET_QUEUE, SET_LCORE };

enum process_metric { P_PID, P_COMM, P_VERSION, P_STATE, P_PORTS, P_LCORES, P_SOCKET };
static const struct metric process_metrics[] = {
	{"pid", METRIC_GAUGE, UNIT_NONE, "Process that made the socket", "pid"},
	{"comm", METRIC_TEXT, UNIT_NONE, "Its name", "process"},
	{"version", METRIC_TEXT, UNIT_NONE, "DPDK version", "version"},
	{"state", METRIC_TEXT, UNIT_NONE, "ok, or why its telemetry could not be read", "state"},
	{"ports", METRIC_GAUGE, UNIT_COUNT, "Ports", "ports"},
	{"lcores", METRIC_GAUGE, UNIT_COUNT, "Lcores", "lcores"},
	{"socket", METRIC_TEXT, UNIT_NONE, "Its telemetry socket", NULL},
};

enum port_metric {
	PORT_NAME,
	PORT_STARTED,
	PORT_LINK,
	PORT_SPEED,
	PORT_MTU,
	PORT_MAC,
	PORT_NODE,
	PORT_QUEUES_RX,
	PORT_QUEUES_TX,
	PORT_RX_PACKETS,
	PORT_TX_PACKETS,
	PORT_RX_BYTES,
	PORT_TX_BYTES,
	PORT_RX_MISSED,
	PORT_RX_NO_BUFFERS,
	PORT_RX_ERRORS,
	PORT_TX_ERRORS
};
static const struct metric port_metrics[] = {
	{"device", METRIC_TEXT, UNIT_NONE, "Device: PCI address or virtual device", "device"},
	{"started", METRIC_BOOL, UNIT_NONE, "Started by the application", "started"},
	{"link", METRIC_TEXT, UNIT_NONE, "UP or DOWN", "link"},
	{"speed_bits_per_s", METRIC_GAUGE, UNIT_NONE, "Link speed", "speed"},
	{"mtu", METRIC_GAUGE, UNIT_NONE, "Largest packet", NULL},
	{"mac", METRIC_TEXT, UNIT_NONE, "Hardware address", NULL},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node of the device", "node"},
	{"queues_rx", METRIC_GAUGE, UNIT_COUNT, "Receive queues", "rx"},
	{"queues_tx", METRIC_GAUGE, UNIT_COUNT, "Transmit queues", "tx"},
	{"rx_packets", METRIC_COUNTER, UNIT_COUNT, "Packets received", "rx/s"},
	{"tx_packets", METRIC_COUNTER, UNIT_COUNT, "Packets sent", "tx/s"},
	{"rx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes received", "rx bytes"},
	{"tx_bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes sent", "tx bytes"},
	{"rx_missed", METRIC_COUNTER, UNIT_COUNT,
	 "Dropped by the device: nobody took them out of the ring in time", "missed/s"},
	{"rx_no_buffers", METRIC_COUNTER, UNIT_COUNT, "Failures to get a buffer", NULL},
	{"rx_errors", METRIC_COUNTER, UNIT_COUNT, "Receive errors", NULL},
	{"tx_errors", METRIC_COUNTER, UNIT_COUNT, "Transmit errors", NULL},
};

enum lcore_metric { L_ID, L_ROLE, L_CPUS, L_NODE, L_TID, L_BUSY, L_TOTAL, L_SOURCE };
static const struct metric lcore_metrics[] = {
	{"id", METRIC_GAUGE, UNIT_NONE, "Number in the application; the main one's may be unknown",
	 "lcore"},
	{"role", METRIC_TEXT, UNIT_NONE, "RTE, SERVICE, NON_EAL; main, worker (from threads)",
	 "role"},
	{"cpus", METRIC_CPUSET, UNIT_NONE, "CPUs it may run on", "cpus"},
	{"node_id", METRIC_GAUGE, UNIT_NONE, "NUMA node", "node"},
	{"tid", METRIC_GAUGE, UNIT_NONE, "Thread", NULL},
	{"busy_cycles", METRIC_COUNTER, UNIT_COUNT, "Cycles with work, where the application tells",
	 "busy/s"},
	{"total_cycles", METRIC_COUNTER, UNIT_COUNT, "All cycles, where the application tells",
	 "cycles/s"},
	{"source", METRIC_TEXT, UNIT_NONE, "telemetry, or threads (by their names)", NULL},
};

static const struct metric_set sets[] = {
	[SET_PROCESS] = {"dpdk", process_metrics, ARRAY_SIZE(process_metrics)},
	[SET_PORT] = {"dpdk_port", port_metrics, ARRAY_SIZE(port_metrics)},
	[SET_QUEUE] = {"queue", queue_row_metrics, QUEUE_ROW_COUNT},
	[SET_LCORE] = {"lcore", lcore_metrics, ARRAY_SIZE(lcore_metrics)},
};

/* One run over one process. */
struct visit {
	struct host *host;
	struct sample *out;
	struct dpdk_process *process;
	uint64_t end_ns;
	unsigned n_rows;
	bool is_kept; /* the connection is an earlier run's and was not used yet */
};

static void put_number(struct sample_row *row, unsigned metric, struct dpdk_number number)
{
	if (number.is_set)
		sample_u64(row, metric, number.value);
}

static void put_text(struct sample *out, struct sample_row *row, unsigned metric, const char *text)
{
	if (*text)
		sample_text(out, row, metric, text);
}

/* --- talking to one --- */

static void fail(struct visit *visit, const char *what, const char *why)
{
	struct dpdk_process *process = visit->process;

	if (!process->state[0])
		(void)snprintf(process->state, sizeof(process->state), "%s%s%s", what,
			       *what ? ": " : "", why);
	host_unix_close(process->socket);
	process->socket = NULL;
	process->pause_ns = process->pause_ns ? 2 * process->pause_ns : FIRST_PAUSE_NS;
	if (process->pause_ns > LONGEST_PAUSE_NS)
		process->pause_ns = LONGEST_PAUSE_NS;
	process->retry_ns = visit->out->time_ns + process->pause_ns;
}

static int connect_process(struct visit *visit)
{
	static const struct host_unix_options options = {
		.framing = HOST_UNIX_MESSAGES, .timeout_ns = ASK_NS, .reply_max = JSON_LIMIT_BYTES};
	struct dpdk_process *process = visit->process;
	const char *reply;

	int r = host_unix_connectf(visit->host, &options, &process->socket, "%s", process->path);

	if (r < 0) {
		fail(visit, "", host_unix_reason(r));
		/* Left behind by one that ended: asking is cheap, and another may start. */
		if (r == -ECONNREFUSED || r == -ENOENT)
			process->pause_ns = process->retry_ns = 0;
		return r;
	}

	ssize_t n = host_unix_ask(process->socket, NULL, &reply);

	if (n < 0) {
		fail(visit, "greeting", host_unix_reason((int)n));
		return (int)n;
	}
	r = dpdk_parse_greeting(reply, (size_t)n, &process->greeting);
	if (r < 0) {
		fail(visit, "greeting",
		     r == -EPROTO ? "not DPDK's telemetry" : json_limits_reason(r));
		return r;
	}
	process->pid = host_unix_peer(process->socket);
	if (!process->pid && process->greeting.pid.value <= INT32_MAX)
		process->pid = (pid_t)process->greeting.pid.value;
	return 0;
}

/* Asks "/command" or "/command,NUMBER" (number < 0: none). A connection kept from an earlier run
 * may be one to a process that has been replaced since: once more, then. */
static ssize_t ask(struct visit *visit, const char *command, int number, const char **ret_reply)
{
	struct dpdk_process *process = visit->process;
	char request[64], more[16] = "";

	if (host_now_ns(visit->host) > visit->end_ns) {
		fail(visit, command, "too slow, the rest is left out");
		return -ETIMEDOUT;
	}
	if (number >= 0)
		(void)snprintf(more, sizeof(more), ",%d", number);
	(void)snprintf(request, sizeof(request), "%s%s", command, more);

	ssize_t n = host_unix_ask(process->socket, request, ret_reply);

	if ((n == -ECONNRESET || n == -EPIPE) && visit->is_kept) {
		host_unix_close(process->socket);
		process->socket = NULL;
		process->lcores_ns = 0;

		int r = connect_process(visit);

		if (r < 0)
			return r;
		n = host_unix_ask(process->socket, request, ret_reply);
	}
	visit->is_kept = false;
	if (n < 0)
		fail(visit, request, host_unix_reason((int)n));
	return n;
}

/* After a parser: true when the reply was understood. Nonsense ends the visit; null is no answer.
 */
static bool is_understood(struct visit *visit, const char *command, int result)
{
	if (result < 0 && result != -ENODATA)
		fail(visit, command,
		     result == -EPROTO ? "not what DPDK answers" : json_limits_reason(result));
	return result == 0;
}

/* --- ports and queues --- */

static int ask_port(struct visit *visit, uint32_t id, struct dpdk_port *port)
{
	static const struct {
		const char *command;
		int (*parse)(const char *reply, size_t len, struct dpdk_port *port);
	} questions[] = {
		{"/ethdev/info", dpdk_parse_port},
		{"/ethdev/link_status", dpdk_parse_link},
		{"/ethdev/stats", dpdk_parse_stats},
		{"/ethdev/xstats", dpdk_parse_xstats},
	};

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const char *reply;
		ssize_t n = ask(visit, questions[i].command, (int)id, &reply);

		if (n < 0)
			return (int)n;

		int r = questions[i].parse(reply, (size_t)n, port);

		if (!is_understood(visit, questions[i].command, r) && r != -ENODATA)
			return r;
	}
	return 0;
}

static void emit_port(struct visit *visit, uint32_t id, const struct dpdk_port *port)
{
	struct sample *out = visit->out;
	const struct dpdk_process *process = visit->process;
	_cleanup_(freep) char *parent = xasprintf("dpdk:%s", process->prefix);
	struct sample_row *row =
		sample_row(out, SET_PORT, parent, port->name[0] ? port->name : NULL,
			   "dpdk_port:%s/%u", process->prefix, id);

	put_text(out, row, PORT_NAME, port->name);
	if (port->is_started.is_set)
		sample_bool(row, PORT_STARTED, port->is_started.value != 0);
	put_text(out, row, PORT_LINK, port->link);
	if (port->speed_mbit.is_set && port->speed_mbit.value < UINT32_MAX)
		sample_u64(row, PORT_SPEED, port->speed_mbit.value * 1000000);
	put_number(row, PORT_MTU, port->mtu);
	put_text(out, row, PORT_MAC, port->mac);
	put_number(row, PORT_NODE, port->node);
	sample_u64(row, PORT_QUEUES_RX, port->n_queues[DPDK_RX]);
	sample_u64(row, PORT_QUEUES_TX, port->n_queues[DPDK_TX]);
	put_number(row, PORT_RX_PACKETS, port->rx_packets);
	put_number(row, PORT_TX_PACKETS, port->tx_packets);
	put_number(row, PORT_RX_BYTES, port->rx_bytes);
	put_number(row, PORT_TX_BYTES, port->tx_bytes);
	put_number(row, PORT_RX_MISSED, port->rx_missed);
	put_number(row, PORT_RX_NO_BUFFERS, port->rx_no_buffers);
	put_number(row, PORT_RX_ERRORS, port->rx_errors);
	put_number(row, PORT_TX_ERRORS, port->tx_errors);
}

static void emit_queues(struct visit *visit, uint32_t id, const struct dpdk_port *port,
			enum dpdk_direction direction)
{
	static const unsigned metric_of[DPDK_COUNTERS] = {
		[DPDK_PACKETS] = QUEUE_ROW_PACKETS,
		[DPDK_BYTES] = QUEUE_ROW_BYTES,
		[DPDK_DROPS] = QUEUE_ROW_DROPS,
		[DPDK_ERRORS] = QUEUE_ROW_ERRORS,
	};
	const struct dpdk_process *process = visit->process;
	const char *name = direction == DPDK_RX ? "rx" : "tx";
	_cleanup_(freep) char *parent = xasprintf("dpdk_port:%s/%u", process->prefix, id);

	for (unsigned i = 0; i < port->n_queues[direction] && visit->n_rows < ROWS_MAX; i++) {
		const struct dpdk_queue *queue = &port->queues[direction][i];
		char short_name[16];

		(void)snprintf(short_name, sizeof(short_name), "%s-%u", name, i);

		struct sample_row *row =
			sample_row(visit->out, SET_QUEUE, parent, short_name,
				   "queue:dpdk/%s/%u/%s-%u", process->prefix, id, name, i);

		visit->n_rows++;
		sample_text(visit->out, row, QUEUE_ROW_DIRECTION, name);
		sample_u64(row, QUEUE_ROW_INDEX, i);
		for (unsigned c = 0; c < DPDK_COUNTERS; c++)
			put_number(row, metric_of[c], queue->counters[c]);
		if (queue->source)
			sample_text(visit->out, row, QUEUE_ROW_SOURCE, queue->source);
	}
}

/* The number of ports, or -1: it did not say. */
static int read_ports(struct visit *visit)
{
	struct dpdk_ids ids = {0};
	const char *reply;
	ssize_t n = ask(visit, "/ethdev/list", -1, &reply);

	if (n < 0 || !is_understood(visit, "/ethdev/list",
				    dpdk_parse_ids(reply, (size_t)n, "/ethdev/list", &ids)))
		return -1;
	for (unsigned i = 0; i < ids.n && i < DPDK_PORTS_MAX; i++) {
		struct dpdk_port port = {0};
		int r = ask_port(visit, ids.at[i], &port);

		if (r == 0) {
			emit_port(visit, ids.at[i], &port);
			emit_queues(visit, ids.at[i], &port, DPDK_RX);
			emit_queues(visit, ids.at[i], &port, DPDK_TX);
		}
		dpdk_port_done(&port);
		if (r < 0)
			return -1;
	}
	if ((ids.n > DPDK_PORTS_MAX || visit->n_rows == ROWS_MAX) && !visit->out->error)
		sample_errorf(visit->out, "%s: more ports or queues than are shown",
			      visit->process->path);
	return (int)ids.n;
}

/* --- lcores --- */

static int take_lcores(struct visit *visit, const struct dpdk_ids *ids)
{
	struct dpdk_process *process = visit->process;

	process->lcores = xcalloc(ids->n, sizeof(*process->lcores));
	process->n_lcores = ids->n;
	for (unsigned i = 0; i < ids->n; i++) {
		struct dpdk_lcore *lcore = &process->lcores[i];
		const char *reply;

		lcore->has_id = true;
		lcore->id = ids->at[i];

		ssize_t n = ask(visit, "/eal/lcore/info", (int)lcore->id, &reply);

		if (n < 0)
			return (int)n;

		int r = dpdk_parse_lcore(reply, (size_t)n, lcore);

		if (!is_understood(visit, "/eal/lcore/info", r) && r != -ENODATA)
			return r;
	}
	return 0;
}

/* Which there are and where they may run changes rarely: not asked one by one in every run. */
static int refresh_lcores(struct visit *visit)
{
	struct dpdk_process *process = visit->process;
	struct dpdk_ids ids = {0};
	const char *reply;
	uint64_t now_ns = visit->out->time_ns;

	if (process->lcores_ns && now_ns - process->lcores_ns < LCORES_PERIOD_NS &&
	    !visit->out->is_thorough)
		return 0;

	ssize_t n = ask(visit, "/eal/lcore/list", -1, &reply);

	if (n < 0)
		return (int)n;

	int r = dpdk_parse_ids(reply, (size_t)n, "/eal/lcore/list", &ids);

	if (!is_understood(visit, "/eal/lcore/list", r) && r != -ENODATA)
		return r;
	dpdk_lcores_free(process->lcores, process->n_lcores);
	process->lcores = NULL;
	process->n_lcores = 0;
	process->are_threads = r == -ENODATA;
	if (!process->are_threads)
		r = take_lcores(visit, &ids);
	else if (process->pid) /* none of its threads to be seen: no lcores, that is no failure */
		(void)!dpdk_threads_read(visit->host, process->pid, &process->lcores,
					 &process->n_lcores);
	process->lcores_ns = now_ns ? now_ns : 1;
	return process->are_threads ? 0 : r;
}

static void emit_lcore(struct visit *visit, const struct dpdk_lcore *lcore)
{
	struct sample *out = visit->out;
	const struct dpdk_process *process = visit->process;
	_cleanup_(freep) char *parent = xasprintf("dpdk:%s", process->prefix);
	char id[32] = "main";

	if (lcore->has_id)
		(void)snprintf(id, sizeof(id), "%u", lcore->id);
	else if (!lcore->is_main)
		(void)snprintf(id, sizeof(id), "tid-%u", (unsigned)lcore->tid.value);

	struct sample_row *row =
		sample_row(out, SET_LCORE, parent, NULL, "lcore:%s/%s", process->prefix, id);

	if (lcore->has_id)
		sample_u64(row, L_ID, lcore->id);
	put_text(out, row, L_ROLE, lcore->role);
	if (lcore->cpus)
		sample_cpus(out, row, L_CPUS, lcore->cpus);
	put_number(row, L_NODE, lcore->node);
	put_number(row, L_TID, lcore->tid);
	put_number(row, L_BUSY, lcore->busy_cycles);
	put_number(row, L_TOTAL, lcore->total_cycles);
	sample_text(out, row, L_SOURCE, process->are_threads ? "threads" : "telemetry");
}

static bool read_lcores(struct visit *visit)
{
	struct dpdk_process *process = visit->process;

	if (refresh_lcores(visit) < 0)
		return false;
	if (!process->are_threads) {
		const char *reply;
		ssize_t n = ask(visit, "/eal/lcore/usage", -1, &reply);

		if (n < 0)
			return false;

		int r = dpdk_parse_usage(reply, (size_t)n, process->lcores, process->n_lcores);

		if (!is_understood(visit, "/eal/lcore/usage", r) && r != -ENODATA)
			return false;
	}
	for (unsigned i = 0; i < process->n_lcores; i++)
		emit_lcore(visit, &process->lcores[i]);
	return true;
}

/* --- a run --- */

static void emit_process(struct visit *visit, int n_ports, bool has_lcores)
{
	struct sample *out = visit->out;
	const struct dpdk_process *process = visit->process;
	char comm[64] = "";

	if (process->pid &&
	    host_readf(visit->host, comm, sizeof(comm), "proc/%d/comm", (int)process->pid) < 0)
		comm[0] = '\0';

	struct sample_row *row = sample_row(out, SET_PROCESS, "host", comm[0] ? comm : NULL,
					    "dpdk:%s", process->prefix);

	if (process->pid)
		sample_u64(row, P_PID, (uint64_t)process->pid);
	put_text(out, row, P_COMM, comm);
	put_text(out, row, P_VERSION, process->greeting.version);
	sample_text(out, row, P_STATE, process->state[0] ? process->state : "ok");
	if (n_ports >= 0)
		sample_u64(row, P_PORTS, (uint64_t)n_ports);
	if (has_lcores)
		sample_u64(row, P_LCORES, process->n_lcores);
	sample_text(out, row, P_SOCKET, process->path);
	if (process->state[0] && !out->error)
		sample_errorf(out, "%s: %s", process->path, process->state);
}

/* True: it is connected and may be asked. */
static bool begin_visit(struct visit *visit)
{
	struct dpdk_process *process = visit->process;

	process->state[0] = '\0';
	visit->is_kept = process->socket != NULL;
	if (process->socket)
		return true;
	process->lcores_ns = 0;
	return connect_process(visit) == 0;
}

static void visit_process(struct visit *visit)
{
	struct dpdk_process *process = visit->process;
	int n_ports = -1;
	bool has_lcores = false;

	if ((process->retry_ns <= visit->out->time_ns || visit->out->is_thorough) &&
	    begin_visit(visit)) {
		n_ports = read_ports(visit);
		has_lcores = process->socket && read_lcores(visit);
		if (process->socket)
			process->pause_ns = process->retry_ns = 0;
	}
	emit_process(visit, n_ports, has_lcores);
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct dpdk_state *state = data;
	uint64_t end_ns = host_now_ns(host) + RUN_NS;
	unsigned first = state->first;
	int r = dpdk_find(state, host, out);

	if (r < 0)
		return r;
	state->first = 0;
	for (unsigned i = 0; i < state->n; i++) {
		unsigned k = (first + i) % state->n;
		uint64_t now_ns = host_now_ns(host);
		struct visit visit = {.host = host,
				      .out = out,
				      .process = state->processes[k],
				      .end_ns = now_ns + PROCESS_NS};

		if (now_ns <= end_ns) {
			visit_process(&visit);
			continue;
		}
		if (!state->first)
			state->first = k;
		if (!visit.process->state[0])
			(void)snprintf(visit.process->state, sizeof(visit.process->state),
				       "not asked: others took too long");
		emit_process(&visit, -1, false);
	}
	if (state->is_cut && !out->error)
		sample_errorf(out, "only %u processes are shown", DPDK_PROCESSES_MAX);
	return 0;
}

static void close_state(void *data)
{
	struct dpdk_state *state = data;

	for (unsigned i = 0; i < state->n; i++)
		dpdk_process_free(state->processes[i]);
}

const struct probe probe_dpdk = {
	.name = "dpdk",
	.summary = "Ports, queues and lcores of DPDK processes",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ON_DEMAND | PROBE_SLOW,
	.period_ns = 2 * NSEC_PER_SEC,
	.state_size = sizeof(struct dpdk_state),
	.sample = sample,
	.close = close_state,
};
