/* The kernel command line: parameters, isolcpus, and the probes that use them; mount tables. */
#include "probes/cmdline.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

static void walk(const char *text)
{
	char name[16], value[16], flags[16];
	const char *at = text;
	struct cpuset set;

	while (cmdline_next(&at, name, sizeof(name), value, sizeof(value))) {
		assert(at > text && at <= text + strlen(text));
		assert(strlen(name) < sizeof(name) && strlen(value) < sizeof(value));
		if (cmdline_isolcpus(value, 8, flags, sizeof(flags), &set) == 0)
			assert(strlen(flags) < sizeof(flags));
	}
	if (cmdline_value(text, "isolcpus", value, sizeof(value)))
		assert(strlen(value) < sizeof(value));
	(void)!cmdline_isolcpus(text, 8, flags, sizeof(flags), &set);
	(void)!cmdline_cpus(text, 0, &set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/cmdline", "proc/mounts", "proc/version",
					    "sys/kernel/security/lockdown"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));
	_cleanup_(freep) char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	walk(text);
	host_fake_file(host, "sys/devices/system/cpu/online", "0-3");
	probe_run(&probe_kernel, host);
	probe_run(&probe_isolation, host);
	host_close(host);
	return 0;
}
