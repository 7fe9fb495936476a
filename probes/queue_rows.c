#include "probes/queue_rows.h"

const struct metric queue_row_metrics[QUEUE_ROW_COUNT] = {
	{"direction", METRIC_TEXT, UNIT_NONE, "rx or tx", "dir"},
	{"index", METRIC_GAUGE, UNIT_NONE, "Number of the queue", "queue"},
	{"packets", METRIC_COUNTER, UNIT_COUNT, "Packets", "packets/s"},
	{"bytes", METRIC_COUNTER, UNIT_BYTES, "Bytes", "bytes/s"},
	{"drops", METRIC_COUNTER, UNIT_COUNT, "Packets dropped", "drops/s"},
	{"errors", METRIC_COUNTER, UNIT_COUNT, "Packets with an error", "errors/s"},
	{"napi_id", METRIC_GAUGE, UNIT_NONE, "NAPI instance that serves it", NULL},
	{"irq", METRIC_GAUGE, UNIT_NONE, "Interrupt that announces its packets", "irq"},
	{"irq_cpus", METRIC_CPUSET, UNIT_NONE, "CPUs that interrupt goes to", "cpus"},
	{"how", METRIC_TEXT, UNIT_NONE, "How the interrupt was found", NULL},
	{"rps_cpus", METRIC_CPUSET, UNIT_NONE, "CPUs received packets are spread to", NULL},
	{"xps_cpus", METRIC_CPUSET, UNIT_NONE, "CPUs that send through it", NULL},
	{"source", METRIC_TEXT, UNIT_NONE, "Where its counters come from", NULL},
};
