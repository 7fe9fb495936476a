/*
 * Private to the dpdk probe: what the replies of a telemetry v2 socket say (dpdk_json.c), where
 * the sockets are (dpdk_find.c), and the lcores of processes too old to tell (dpdk_threads.c). The
 * peer is untrusted: numbers and lengths are checked, text is cut and still to be sanitised
 * (sample_text() does).
 *
 * The parsers return 0, -ENODATA where the peer does not know the answer (null), -EPROTO for JSON
 * of another shape, and what json_limits_parse() returns. Outputs are filled as far as understood.
 */
#ifndef JT_PROBES_DPDK_INTERNAL_H
#define JT_PROBES_DPDK_INTERNAL_H

#include "core/cpuset.h"
#include "core/host.h"
#include "core/sample.h"

struct host_unix;

#define DPDK_PROCESSES_MAX 64u
#define DPDK_PORTS_MAX 256u
#define DPDK_LCORES_MAX 512u
#define DPDK_QUEUES_MAX 1024u /* per port and direction, as RTE_MAX_QUEUES_PER_PORT */

struct dpdk_number {
	bool is_set;
	uint64_t value;
};

struct dpdk_greeting {
	char version[64];
	struct dpdk_number pid; /* in the peer's PID namespace */
};

struct dpdk_ids {
	unsigned n;
	uint32_t at[DPDK_LCORES_MAX];
	bool is_cut; /* there were more */
};

enum dpdk_direction { DPDK_RX, DPDK_TX };
enum dpdk_counter { DPDK_PACKETS, DPDK_BYTES, DPDK_DROPS, DPDK_ERRORS, DPDK_COUNTERS };

struct dpdk_queue {
	struct dpdk_number counters[DPDK_COUNTERS];
	const char *source; /* "xstats", "stats"; NULL: no counters */
};

/* Zeroed by its owner before the first parser; dpdk_port_done() at last. */
struct dpdk_port {
	char name[64], mac[32], link[16];
	struct dpdk_number mtu, node, is_started, speed_mbit;
	struct dpdk_number rx_packets, tx_packets, rx_bytes, tx_bytes, rx_missed, rx_errors,
		tx_errors, rx_no_buffers;
	unsigned n_queues[2]; /* by direction; queues[d] has as many */
	struct dpdk_queue *queues[2];
};

struct dpdk_lcore {
	bool is_main; /* the process's first thread (from threads) */
	bool has_id;  /* from threads: not of the main one, and not where the name was cut off */
	uint32_t id;
	char role[24];
	struct dpdk_number node, tid, busy_cycles, total_cycles;
	struct cpuset *cpus; /* NULL: not known */
};

int dpdk_parse_greeting(const char *reply, size_t len, struct dpdk_greeting *ret) _must_check_;
/* command: "/ethdev/list", as it stands in the reply. */
int dpdk_parse_ids(const char *reply, size_t len, const char *command,
		   struct dpdk_ids *ret) _must_check_;
int dpdk_parse_port(const char *reply, size_t len, struct dpdk_port *port) _must_check_;
int dpdk_parse_link(const char *reply, size_t len, struct dpdk_port *port) _must_check_;
/* Totals, and the first 16 queues where DPDK counts them there. */
int dpdk_parse_stats(const char *reply, size_t len, struct dpdk_port *port) _must_check_;
/* Every queue, by the names that DPDK and its drivers give them. */
int dpdk_parse_xstats(const char *reply, size_t len, struct dpdk_port *port) _must_check_;
void dpdk_port_done(struct dpdk_port *port);
int dpdk_parse_lcore(const char *reply, size_t len, struct dpdk_lcore *lcore) _must_check_;
/* Cycles of the lcores in the list; others are ignored. */
int dpdk_parse_usage(const char *reply, size_t len, struct dpdk_lcore *lcores,
		     unsigned n) _must_check_;

struct dpdk_process {
	char *path;   /* of its socket, below the root */
	char *prefix; /* in keys */
	struct host_unix *socket;
	struct dpdk_greeting greeting;
	pid_t pid; /* 0: unknown */
	char state[160];
	bool is_listed;	    /* in the present run */
	uint64_t retry_ns;  /* not before; 0: at any time */
	uint64_t pause_ns;  /* the last one */
	uint64_t lcores_ns; /* when they were read; 0: never */
	bool are_threads;
	struct dpdk_lcore *lcores;
	unsigned n_lcores;
};

struct dpdk_state {
	struct dpdk_process *processes[DPDK_PROCESSES_MAX];
	unsigned n;
	unsigned first; /* begins the next run: whoever had to wait in the last one */
	bool is_cut;	/* there are more sockets */
};

/* Brings the list up to date (dpdk_find.c); processes that stayed keep what is known of them. */
int dpdk_find(struct dpdk_state *state, struct host *host, struct sample *out) _must_check_;
void dpdk_process_free(struct dpdk_process *process);

/* By the names EAL gives its threads. The caller frees the list with dpdk_lcores_free(). */
int dpdk_threads_read(struct host *host, pid_t pid, struct dpdk_lcore **ret_lcores,
		      unsigned *ret_n) _must_check_;
void dpdk_lcores_free(struct dpdk_lcore *lcores, unsigned n);

#endif
