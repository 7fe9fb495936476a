/* Memory settings that are one file each (Documentation/admin-guide/sysctl/vm.rst). */
#include "probes/knob_file.h"

KNOB_FILE_DEFINE(swappiness, "memory", KNOB_FREE, STEP_U64, 0,
		 "how readily memory of processes is swapped out rather than file cache dropped",
		 "Low: the cache goes first; 0 swaps only when memory is nearly out. Undone by "
		 "writing the old number back.",
		 .key = "host", .path = "proc/sys/vm/swappiness", .max = 200,
		 .absent = "this kernel has none (CONFIG_SYSCTL)");

KNOB_FILE_DEFINE(
	stat_interval, "memory", KNOB_FREE, STEP_U64, 0,
	"how often each CPU folds its memory counters (kworker vmstat_update)",
	"Longer: fewer wakeups of idle and isolated CPUs, coarser memory figures. Undone by "
	"writing the old number back.",
	.key = "host", .path = "proc/sys/vm/stat_interval", .min = 1, .max = 86400, .unit = "s",
	.absent = "this kernel has none (CONFIG_SMP)");
