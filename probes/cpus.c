#include "probes/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/read.h"

#define SYS_CPU "sys/devices/system/cpu"

int cpus_read_list(struct host *host, const char *path, struct cpuset *ret)
{
	_cleanup_(freep) char *buf = xcalloc(1, CPUSET_TEXT_MAX);
	ssize_t n = host_read(host, path, buf, CPUSET_TEXT_MAX);

	if (n < 0)
		return (int)n;
	read_trim(buf);
	if (!strcmp(buf, "(null)"))
		buf[0] = '\0';
	return cpuset_parse_list(buf, ret);
}

/* cpuN directories; the ones that are switched off are left out when only_online. */
static int from_directories(struct host *host, bool only_online, struct cpuset *ret)
{
	struct host_names names = {0};
	struct cpuset set;
	int r = host_listf(host, &names, SYS_CPU);

	if (r < 0)
		return r;
	cpuset_zero(&set);
	for (size_t i = 0; i < names.n; i++) {
		unsigned cpu;
		uint64_t online = 1;

		if (!read_numbered(names.names[i], "cpu", &cpu) || cpu >= CPUSET_MAX)
			continue;
		if (only_online &&
		    host_read_u64f(host, &online, SYS_CPU "/cpu%u/online", cpu) == 0 && !online)
			continue;
		cpuset_add(&set, cpu);
	}
	host_names_done(&names);
	if (cpuset_is_empty(&set))
		return -ENOENT;
	*ret = set;
	return 0;
}

/* The number in "cpu12 ..." (proc/stat), "processor : 12" or "processor 12: ..." (proc/cpuinfo). */
static bool line_cpu(const char *line, const char *word, unsigned *ret)
{
	size_t n = strlen(word);
	unsigned long number;
	char *end;

	if (strncmp(line, word, n))
		return false;
	line += n;
	if (!strcmp(word, "processor"))
		line += strspn(line, " \t:");
	if (!isdigit((unsigned char)*line))
		return false;
	number = strtoul(line, &end, 10);
	if (number >= CPUSET_MAX)
		return false;
	*ret = (unsigned)number;
	return true;
}

static int from_lines(struct host *host, const char *path, const char *word, struct cpuset *ret)
{
	struct host_file *file = NULL;
	const char *text;
	struct cpuset set;
	ssize_t n = host_file_readf(host, &file, &text, "%s", path);

	cpuset_zero(&set);
	for (const char *at = n < 0 ? NULL : text; at; at = strchr(at, '\n')) {
		unsigned cpu;

		at += *at == '\n';
		if (line_cpu(at, word, &cpu))
			cpuset_add(&set, cpu);
	}
	host_file_close(file);
	if (n < 0)
		return (int)n;
	if (cpuset_is_empty(&set))
		return -ENOENT;
	*ret = set;
	return 0;
}

static int from_proc(struct host *host, struct cpuset *ret)
{
	int r = from_lines(host, "proc/stat", "cpu", ret);

	return r < 0 ? from_lines(host, "proc/cpuinfo", "processor", ret) : r;
}

/* A described machine has no files at all: its CPUs are those of the description. */
static int from_description(struct host *host, struct cpuset *ret)
{
	struct hwloc_topology *topology;
	int r = host_topology(host, &topology);

	if (r < 0)
		return r;

	hwloc_const_cpuset_t bits = hwloc_topology_get_topology_cpuset(topology);

	cpuset_zero(ret);
	for (int c = hwloc_bitmap_first(bits); c >= 0 && c < (int)CPUSET_MAX;
	     c = hwloc_bitmap_next(bits, c))
		cpuset_add(ret, (unsigned)c);
	hwloc_topology_destroy(topology);
	return cpuset_is_empty(ret) ? -ENOENT : 0;
}

static int online_fallback(struct cpus *cpus, struct host *host, struct cpuset *ret)
{
	if (cpus->fallback) {
		*ret = *cpus->fallback;
		return 0;
	}
	bool is_described = host_kind(host) == HOST_SYNTHETIC;
	int r = is_described ? from_description(host, ret) : from_directories(host, true, ret);

	if (r < 0 && !is_described)
		r = from_proc(host, ret);
	if (r == 0 && (is_described || host_kind(host) == HOST_CAPTURED)) {
		cpus->fallback = xcalloc(1, sizeof(*cpus->fallback));
		*cpus->fallback = *ret;
	}
	return r;
}

int cpus_online(struct cpus *cpus, struct host *host, struct cpuset *ret)
{
	const char *text;

	if (!cpus->fallback) {
		ssize_t n = host_file_readf(host, &cpus->list, &text, SYS_CPU "/online");

		int r = n < 0 ? (int)n : cpuset_parse_list(text, ret);

		if (r == 0 && cpuset_is_empty(ret))
			r = -EINVAL;
		cpus->list_error = r;
		if (r == 0)
			return 0;
	}
	return online_fallback(cpus, host, ret);
}

void cpus_done(struct cpus *cpus)
{
	host_file_close(cpus->list);
	free(cpus->fallback);
	*cpus = (struct cpus){0};
}

int cpus_present(struct host *host, const struct cpuset *online, struct cpuset *ret)
{
	struct cpuset set;
	int r = cpus_read_list(host, SYS_CPU "/present", &set);

	if (r < 0 || cpuset_is_empty(&set))
		r = from_directories(host, false, &set);
	if (r < 0)
		cpuset_zero(&set);
	cpuset_or(&set, online);
	*ret = set;
	return cpuset_is_empty(&set) ? -ENOENT : 0;
}

int cpus_possible(struct host *host, struct cpuset *ret)
{
	return cpus_read_list(host, SYS_CPU "/possible", ret);
}
