/* What a process that owns irqbalance's socket may answer; what procfs says of handler threads. */
#include "core/host_unix.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"etc/tuned/active_profile",
					    "run/tuned/tuned.pid",
					    "proc/2/task/2/children",
					    "proc/7/comm",
					    "proc/7/stat",
					    "proc/irq/9/affinity_hint",
					    "sys/kernel/debug/irq/irqs/9",
					    "run/irqbalance/irqbalance1.sock"};
	struct host *host = probe_host(data, size, paths, ARRAY_SIZE(paths));
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	host_fake_unix(host, "run/irqbalance/irqbalance1.sock", "setup", text, 0);
	free(text);
	probe_run(&probe_irqbalance, host);
	host_fake_file(host, "proc/interrupts", " CPU0\n 9: 1 MSI 1-edge a\nNMI: 0 x\n");
	host_fake_file(host, "proc/2/task/2/children", "7");
	probe_run(&probe_irq, host);
	host_fake_file(host, "proc/7/comm", "irq/9-a");
	probe_run(&probe_irq, host);
	host_close(host);
	return 0;
}
