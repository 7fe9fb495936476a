#include "core/task_cpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"

int task_cpus_parse(const char *status, struct cpuset *ret)
{
	static const char key[] = "Cpus_allowed_list:";
	const char *line = status;

	/* At the beginning of a line: the name of a task is free text above it. */
	while (line && strncmp(line, key, sizeof(key) - 1) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -EINVAL;
	line += sizeof(key) - 1;
	line += strspn(line, " \t");

	_cleanup_(freep) char *list = xasprintf("%.*s", (int)strcspn(line, "\n"), line);

	return cpuset_parse_list(list, ret);
}

int task_cpus_read(struct host *host, uint64_t pid, uint64_t tid, struct cpuset *ret)
{
	struct host_file *file = NULL;
	const char *text;
	/* A kept file, for its buffer that grows: the list of a large machine has no bound. */
	ssize_t n = host_file_readf(host, &file, &text, "proc/%llu/task/%llu/status",
				    (unsigned long long)pid, (unsigned long long)tid);
	int result = n < 0 ? (int)n : task_cpus_parse(text, ret);

	host_file_close(file);
	return result;
}

void task_cpus_ordinary(struct host *host, const struct cpuset *online, struct cpuset *ret)
{
	if (task_cpus_read(host, 1, 1, ret) < 0)
		*ret = *online;
	cpuset_and(ret, online);
	if (cpuset_is_empty(ret))
		*ret = *online;
}

bool task_cpus_is_pinned(const struct cpuset *ordinary, const struct cpuset *allowed)
{
	return !cpuset_is_subset(ordinary, allowed);
}
