#include "core/metric.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(name + len - n, suffix, n) == 0;
}

const char *metric_rate_name(const struct metric *metric, char *buf, size_t size)
{
	size_t len = strlen(metric->name);

	assert(size > 0);
	if (ends_with(metric->name, len, "_ns"))
		(void)snprintf(buf, size, "%.*s_share", (int)(len - strlen("_ns")), metric->name);
	else if (ends_with(metric->name, len, "_bytes"))
		(void)snprintf(buf, size, "%s_per_s", metric->name);
	else
		(void)snprintf(buf, size, "%s_hz", metric->name);
	return buf;
}

const struct per_cpu_cell *per_cpu_cell(const struct per_cpu *vector, unsigned cpu)
{
	unsigned low = 0, high = vector ? vector->n : 0;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (vector->cells[middle].cpu == cpu)
			return &vector->cells[middle];
		if (vector->cells[middle].cpu < cpu)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
