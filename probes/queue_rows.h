/*
 * Private to probes/: the metrics of kind "queue", one array for every probe that lists queues (of
 * the kernel's interfaces, of DPDK's ports): the schema takes the same array as one set of metrics.
 * Keys: queue:IFNAME/rx-N, queue:dpdk/PREFIX/PORT/rx-N; parents: the interface or port.
 *
 * In a probe: {"queue", queue_row_metrics, QUEUE_ROW_COUNT} among its sets, then sample_u64(row,
 * QUEUE_ROW_PACKETS, n). What is not set is absent.
 */
#ifndef JT_PROBES_QUEUE_ROWS_H
#define JT_PROBES_QUEUE_ROWS_H

#include "core/metric.h"

enum queue_row_metric {
	QUEUE_ROW_DIRECTION,
	QUEUE_ROW_INDEX,
	QUEUE_ROW_PACKETS,
	QUEUE_ROW_BYTES,
	QUEUE_ROW_DROPS,
	QUEUE_ROW_ERRORS,
	QUEUE_ROW_NAPI_ID,
	QUEUE_ROW_IRQ,
	QUEUE_ROW_IRQ_CPUS,
	QUEUE_ROW_HOW,
	QUEUE_ROW_RPS_CPUS,
	QUEUE_ROW_XPS_CPUS,
	QUEUE_ROW_SOURCE,
	QUEUE_ROW_COUNT
};
extern const struct metric queue_row_metrics[QUEUE_ROW_COUNT];

#endif
