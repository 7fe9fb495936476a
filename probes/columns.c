#include "probes/columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpuset.h"

static int column_cpu(const char *word, size_t len, unsigned *ret)
{
	unsigned cpu = 0;

	if (len < 4 || len > 8 || memcmp(word, "CPU", 3))
		return -EINVAL;
	for (size_t i = 3; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return -EINVAL;
		cpu = cpu * 10 + (unsigned)(word[i] - '0');
	}
	if (cpu >= CPUSET_MAX)
		return -ERANGE;
	*ret = cpu;
	return 0;
}

int columns_read(struct columns *columns, struct scan *scan)
{
	const char *word;
	size_t len;

	struct cpuset seen;

	columns->n = 0;
	columns->is_sorted = true;
	cpuset_zero(&seen);
	while (scan_word(scan, &word, &len) == 0) {
		if (columns->n == columns->room) {
			columns->room = columns->room ? 2 * columns->room : 64;
			columns->cpus =
				xrealloc(columns->cpus, columns->room * sizeof(*columns->cpus));
		}
		int r = column_cpu(word, len, &columns->cpus[columns->n]);

		if (r < 0)
			return r;

		unsigned cpu = columns->cpus[columns->n];

		if (cpuset_has(&seen, cpu))
			return -EINVAL;
		cpuset_add(&seen, cpu);
		columns->is_sorted &= columns->n == 0 || columns->cpus[columns->n - 1] < cpu;
		columns->n++;
	}
	return columns->n ? 0 : -EINVAL;
}

void columns_done(struct columns *columns)
{
	free(columns->cpus);
	*columns = (struct columns){0};
}
