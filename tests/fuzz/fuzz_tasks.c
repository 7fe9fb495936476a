/* A task's stat and status files, and what they say of the CPUs that others have. */
#include "core/measure_choice.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/10/task/10/stat", "proc/10/task/10/status",
					    "proc/10/task/11/stat", "proc/10/task/11/status",
					    "proc/cpuinfo"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));
	struct measure_taken taken;
	struct cpuset online = {0};

	/* The task's own files, with either of them sound. */
	host_fake_file(host, "proc/10/task/11/status", "Cpus_allowed_list:\t2\n");
	host_fake_file(host, "proc/10/task/11/stat",
		       "11 (CPU 0/KVM) S 1 1 1 0 -1 0 107 55 0 1 5 3 5 2 -5 0 13 0 24 5400 5306 "
		       "18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 5 1 0 0\n");
	for (unsigned cpu = 0; cpu < 8; cpu++)
		cpuset_add(&online, cpu);
	if (!measure_find_taken(host, &online, 1, &taken)) {
		assert(cpuset_is_subset(&taken.cpus, &online));
		assert(cpuset_count(&taken.cpus) == taken.n_reasons);
		for (unsigned i = 0; i < taken.n_reasons; i++)
			assert(strlen(taken.reasons[i].text) < MEASURE_WHY_MAX);
		measure_taken_done(&taken);
	}
	host_fake_file(host, "sys/devices/system/cpu/online", "0-3");
	probe_run(&probe_smi, host);
	host_close(host);
	return 0;
}
