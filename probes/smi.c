/*
 * System management interrupts: the firmware takes the CPU, no kernel sees it. Intel counts them in
 * MSR_SMI_COUNT (0x34, Intel SDM volume 4), which /dev/cpu/N/msr shows to root where the msr module
 * is loaded.
 *
 * Reading a register of another CPU interrupts that CPU, which would disturb what is measured.
 * Since an SMI stops all CPUs of a package, one CPU of each is read: the lowest, which is the last
 * one anybody isolates.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/probe.h"
#include "probes/cpus.h"
#include "probes/read.h"

#define MSR_SMI_COUNT 0x34
#define MAX_PACKAGES 64

enum { SMI_COUNT };
static const struct metric cpu_metrics[] = {
	[SMI_COUNT] = {.name = "smi_count",
		       .type = METRIC_COUNTER,
		       .unit = UNIT_COUNT,
		       .help = "System management interrupts; read on one CPU of each package"},
};

static const struct metric_set sets[] = {{"cpu", cpu_metrics, ARRAY_SIZE(cpu_metrics)}};

struct smi {
	struct cpus cpus;
	bool is_intel;
};

/* The vendor of the first processor: x86 kernels put it second. */
static bool is_intel(struct host *host)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "proc/cpuinfo");
	bool result = false;

	if (n > 0) {
		const char *vendor = strstr(text, "vendor_id");

		if (vendor) {
			size_t len = strcspn(vendor, "\n");
			const char *name = memchr(vendor, ':', len);

			name = name ? name + 1 + strspn(name + 1, " \t") : vendor + len;
			result = !strncmp(name, "GenuineIntel", 12) && name + 12 == vendor + len;
		}
	}
	host_file_close(file);
	return result;
}

static int open_state(void *state, struct host *host)
{
	struct smi *smi = state;

	smi->is_intel = is_intel(host);
	return 0;
}

/* False: another CPU of its package was read already. */
static bool is_first(struct host *host, unsigned cpu, uint64_t *seen, unsigned *n_seen)
{
	int64_t package;

	if (host_read_i64f(host, &package,
			   "sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu))
		package = -1;
	for (unsigned i = 0; i < *n_seen; i++) {
		if (seen[i] == (uint64_t)package)
			return false;
	}
	if (*n_seen == MAX_PACKAGES)
		return false;
	seen[(*n_seen)++] = (uint64_t)package;
	return true;
}

static int read_cpu(struct host *host, struct sample *out, unsigned cpu)
{
	uint64_t count;
	int result = host_read_device_u64f(host, &count, MSR_SMI_COUNT, "dev/cpu/%u/msr", cpu);
	struct sample_row *row = sample_row(out, 0, NULL, NULL, "cpu:%u", cpu);

	if (result)
		sample_errno(row, SMI_COUNT, result);
	else
		sample_u64(row, SMI_COUNT, count);
	return result;
}

static int sample(void *state, struct host *host, struct sample *out)
{
	struct smi *smi = state;
	uint64_t seen[MAX_PACKAGES];
	unsigned n_seen = 0, n_read = 0;
	struct cpuset online;
	int first = 0;

	if (!smi->is_intel) {
		sample_errorf(out, "no counter of system management interrupts (Intel has one)");
		return -EOPNOTSUPP;
	}

	int result = cpus_online(&smi->cpus, host, &online);

	if (result < 0)
		return read_fail(out, result, "sys/devices/system/cpu/online");
	for (unsigned cpu = cpuset_next(&online, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&online, cpu + 1)) {
		if (!is_first(host, cpu, seen, &n_seen))
			continue;
		result = read_cpu(host, out, cpu);
		if (!result)
			n_read++;
		else if (!first)
			first = result;
	}
	if (n_read || !first)
		return 0;
	sample_errorf(out, "dev/cpu/0/msr: %s%s", read_reason(first),
		      errno_is_absent(-first) ? " (modprobe msr)" : "");
	return first;
}

static void close_state(void *state)
{
	struct smi *smi = state;

	cpus_done(&smi->cpus);
}

const struct probe probe_smi = {
	.name = "smi",
	.summary = "System management interrupts (Intel, with the msr module)",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_ADDS,
	.period_ns = NSEC_PER_SEC,
	.state_size = sizeof(struct smi),
	.open = open_state,
	.sample = sample,
	.close = close_state,
};
