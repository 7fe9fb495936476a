/* queue_stats_take(): lines of the input as counter names, each as its own value too. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "probes/queue_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const drivers[] = {NULL, "veth", "mlx5_core", "mana"};
	_cleanup_(freep) char *text = xcalloc(1, size + 1);
	struct queue_stats stats = {0};
	unsigned n = 0;
	char *rest = NULL;

	memcpy(text, data, size);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *driver = drivers[strlen(line) % ARRAY_SIZE(drivers)];

		(void)queue_stats_take(&stats, driver, line, (uint64_t)(rest ? *rest : 0));
		n++;
	}
	assert(stats.n_queue + stats.n_total + stats.n_unknown == n);
	assert(stats.n_rx <= QUEUE_MAX && stats.n_tx <= QUEUE_MAX);
	assert(strlen(stats.first_unknown) < sizeof(stats.first_unknown));
	queue_stats_done(&stats);
	return 0;
}
