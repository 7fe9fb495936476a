/* /proc/interrupts and /proc/softirqs, small and large machines. */
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"proc/interrupts", "proc/softirqs",
					    "proc/irq/9/smp_affinity_list",
					    "proc/irq/9/effective_affinity"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));

	probe_run(&probe_irq, host);
	probe_run(&probe_irq_arch, host);
	probe_run(&probe_softirq, host);
	/* The same text as what a large machine reads. */
	host_fake_file(host, "sys/devices/system/cpu/possible", "0-99");
	host_fake_link(host, "sys/kernel/irq/none", "nowhere");
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	host_fake_file(host, "proc/stat", text);
	host_fake_file(host, "sys/kernel/irq/1/per_cpu_count", text);
	host_fake_file(host, "sys/kernel/irq/1/actions", text);
	free(text);
	probe_run(&probe_irq, host);
	host_close(host);
	return 0;
}
