/* Names of control groups, mount tables, and a group whose every file holds the input. */
#include <stdio.h>

#include "probes/cgroup.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"
#define GROUP "sys/fs/cgroup/docker/" ID "/"

static void classify(const char *text)
{
	struct cgroup_name name;

	cgroup_classify(text, &name);
	assert(strlen(name.id) == 64 || !*name.id);
	assert(*cgroup_engine_word(name.engine) && *cgroup_role_word(name.role));
	assert(name.role != CGROUP_ROLE_POD || *name.pod_uid || *name.id);
}

static void mounts(const char *text)
{
	struct cgroup_mounts mounts;
	char dir[256];

	cgroup_mounts_parse(text, &mounts);
	for (unsigned i = 0; i < mounts.n; i++)
		(void)!cgroup_directory(&mounts.at[i], "a/b", dir, sizeof(dir));
	cgroup_mounts_done(&mounts);
}

static void values(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {
		GROUP "cpu.stat",
		GROUP "cpuacct.usage",
		GROUP "cpu.max",
		GROUP "cpu.cfs_quota_us",
		GROUP "cpu.cfs_period_us",
		GROUP "cpu.weight",
		GROUP "cpu.pressure",
		GROUP "cpuset.cpus",
		GROUP "cpuset.cpus.effective",
		GROUP "memory.current",
		GROUP "memory.max",
		GROUP "hugetlb.2MB.current",
		GROUP "cgroup.events",
		GROUP "freezer.state",
		GROUP "cgroup.procs",
		GROUP "cgroup.threads",
		GROUP "tasks",
		"proc/7/stat",
		"proc/7/task/7/stat",
		"proc/7/task/7/status",
		"proc/7/task/7/schedstat",
		"proc/7/status",
		"proc/7/net/dev",
	};
	static const char *const tables[] = {
		"1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"1 2 0:1 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu,cpuacct,cpuset,freezer\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));

		host_fake_file(host, "proc/self/mountinfo", tables[i]);
		host_fake_file(host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1");
		probe_run(&probe_container, host);
		/* Processes that are there. */
		host_fake_file(host, GROUP "cgroup.procs", "7");
		host_fake_link(host, "proc/1/ns/net", "net:[1]");
		host_fake_link(host, "proc/7/ns/net", "net:[2]");
		probe_run(&probe_container, host);
		host_fake_file(host, GROUP "cgroup.threads", "7");
		host_fake_file(host, GROUP "tasks", "7");
		probe_run(&probe_task, host);
		host_close(host);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	classify(text);
	mounts(text);
	values(data, size);
	free(text);
	return 0;
}
