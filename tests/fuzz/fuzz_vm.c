/* A QEMU whose command line, threads and memory map are the input. */
#include "core/knob.h"
#include "core/plan.h"
#include "probes/probes.h"
#include "probes/vm_internal.h"
#include "tests/fuzz/probe_input.h"
#include "tests/unit/thread_fixture.h"

#define STAT_REST                                                                                  \
	" S 1 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 " \
	"0"
#define STAT "7 (qemu-system-x86)" STAT_REST
#define STATUS "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0\n"

static void check_options(const char *text)
{
	struct vm_options options;
	uint64_t size;

	vm_options_read(text, "first", &options);
	assert(options.n <= VM_PAIRS_MAX);
	for (unsigned i = 0; i < options.n; i++)
		assert(vm_option(&options, options.at[i].key));
	vm_options_done(&options);
	(void)vm_option_size(text, 1, &size);
}

static void check_memory(const char *text)
{
	struct vm_memory memory;

	vm_parse_numa_maps(text, "/dev/hugepages", &memory);
	vm_parse_smaps(text, &memory);
	assert(cpuset_next(&memory.nodes, VM_NODES_MAX) == CPUSET_MAX);
}

/* The place of a machine of two vCPUs, as somebody typed it: refused in words, or a plan. */
static void check_pin(const char *value)
{
	static const char cmdline[] = "qemu\0-name\0first,debug-threads=on\0-machine\0q35";
	static const char *const names[] = {"qemu", "CPU 0/KVM", "CPU 1/KVM"};
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct host *host = NULL;
	char why[256] = "";

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	host_fake_file(host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_file(host, "sys/devices/system/cpu/possible", "0-3\n");
	host_fake_bytes(host, "proc/7/cmdline", cmdline, sizeof(cmdline));
	host_fake_link(host, "proc/7/exe", "/usr/bin/qemu-system-x86_64");
	for (int i = 0; i < 3; i++)
		fake_thread(host, (struct fake_thread){
					  .pid = 7, .tid = 7 + i, .start = 7, .comm = names[i]});

	int err = knob_vm_pin.plan(host, "vm:first", value, plan, why, sizeof(why));

	assert(err == 0 ? plan->n_steps > 0 : why[0] != '\0');
	host_close(host);
}

/* The input is a command line, and, in text, everything else that a process may choose. */
static void run(const uint8_t *data, size_t size, const char *text, const char *stat)
{
	static const char *const files[] = {
		"proc/7/task/8/stat",	 "proc/7/task/7/status",
		"proc/7/task/8/status",	 "proc/7/task/8/schedstat",
		"proc/7/cgroup",	 "proc/7/numa_maps",
		"proc/7/smaps",		 "proc/7/net/unix",
		"proc/7/task/8/syscall",
	};
	struct host *host = NULL;

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	host_fake_bytes(host, "proc/7/cmdline", (const char *)data, size);
	host_fake_link(host, "proc/7/exe", "/usr/bin/qemu-system-x86_64");
	host_fake_link(host, "proc/7/fd/3", text);
	host_fake_file(host, "proc/7/stat", stat);
	host_fake_file(host, "proc/7/task/7/stat", STAT);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		host_fake_file(host, files[i], text);
	probe_run(&probe_vm, host);
	host_close(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char plain[] = "qemu\0-m\0"
				    "64\0-fda";
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	check_options(text);
	check_memory(text);
	check_pin(text);
	run(data, size, text, STAT);
	run((const uint8_t *)plain, sizeof(plain), text, text);
	free(text);
	return 0;
}
