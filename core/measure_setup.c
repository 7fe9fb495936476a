/*
 * What is decided before a measuring thread starts: options, CPUs, and whether real-time threads
 * may be started at all. The only part of measuring that uses the host.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/host.h"
#include "core/measure_internal.h"
#include "core/parse.h"

#define MIN_INTERVAL_NS (100 * NSEC_PER_USEC)
#define MAX_INTERVAL_NS NSEC_PER_SEC
/* A spinning thread's share of the CPU: far enough from real-time throttling (95 % by default) and
 * from what makes the watch end a thread. */
#define MAX_SPIN_PERCENT 80

static int fill_spin(const struct engine *engine, struct measure_options *options)
{
	uint64_t most = options->interval_ns / 100 * MAX_SPIN_PERCENT;

	if (!engine->spin_ns) {
		options->spin_ns = options->threshold_ns = 0;
		return 0;
	}
	if (!options->spin_ns)
		options->spin_ns =
			engine->spin_ns < most ? engine->spin_ns : options->interval_ns / 4;
	if (!options->threshold_ns)
		options->threshold_ns = engine->threshold_ns;
	if (most > ENGINE_LONGEST_RUN_NS)
		most = ENGINE_LONGEST_RUN_NS;
	return options->spin_ns > most || options->threshold_ns > NSEC_PER_SEC ? -EINVAL : 0;
}

static int fill_options(const struct engine *engine, const struct measure_options *options,
			struct measure_options *ret)
{
	*ret = *options;
	if (!ret->interval_ns)
		ret->interval_ns = engine->interval_ns;
	if (ret->interval_ns < MIN_INTERVAL_NS || ret->interval_ns > MAX_INTERVAL_NS)
		return -EINVAL;
	if (ret->policy == MEASURE_DEFAULT)
		ret->policy = engine->policy;
	if (ret->policy == MEASURE_OTHER)
		ret->priority = 0;
	else if (!ret->priority)
		ret->priority = engine->priority;
	if (ret->priority > 99)
		return -EINVAL;
	return fill_spin(engine, ret);
}

static int online_from_directories(struct host *host, struct cpuset *ret)
{
	struct host_names names = {0};
	int result = host_listf(host, &names, "sys/devices/system/cpu");

	if (result < 0)
		return result;
	cpuset_zero(ret);
	for (size_t i = 0; i < names.n; i++) {
		uint64_t cpu, is_online;

		if (strncmp(names.names[i], "cpu", 3) || parse_u64(names.names[i] + 3, &cpu) ||
		    cpu >= CPUSET_MAX)
			continue;
		/* A CPU that cannot be taken offline has no such file. */
		if (host_read_u64f(host, &is_online, "sys/devices/system/cpu/cpu%u/online",
				   (unsigned)cpu) ||
		    is_online)
			cpuset_add(ret, (unsigned)cpu);
	}
	host_names_done(&names);
	return cpuset_is_empty(ret) ? -ENOENT : 0;
}

static int read_online(struct host *host, struct cpuset *ret)
{
	if (!host_read_cpulistf(host, ret, "sys/devices/system/cpu/online"))
		return 0;
	return online_from_directories(host, ret);
}

/*
 * No wish: what this process may run on, as it was started (taskset, a container's cpuset). Its
 * affinity never names an offline CPU, so when it was not restricted at all, CPUs that come online
 * later are welcome, too.
 */
static void choose_eligible(struct measure_setup *setup)
{
	const struct measure_options *options = &setup->options;

	setup->eligible = cpuset_is_empty(&options->cpus) ? options->allowed : options->cpus;
	if (!cpuset_is_empty(&options->cpus) || !cpuset_is_subset(&setup->online, &setup->eligible))
		return;
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++)
		cpuset_add(&setup->eligible, cpu);
}

/* Only a yes to CPUs that were named is one: "measure everything" is no wish to disturb a VM. */
static void leave_out_taken(struct host *host, struct measure_setup *setup)
{
	const struct measure_options *options = &setup->options;

	if (options->is_forced && !cpuset_is_empty(&options->cpus))
		return;

	int result = measure_find_taken(host, &setup->online, getpid(), &setup->taken);

	if (result < 0) {
		(void)snprintf(setup->note, sizeof(setup->note),
			       "cannot see which CPUs have real-time or vCPU tasks (/proc: %s)",
			       strerror(-result));
		return;
	}
	cpuset_and(&setup->taken.cpus, &setup->eligible);
	cpuset_andnot(&setup->eligible, &setup->taken.cpus);
}

/*
 * With real-time throttling off nothing but our own watch stands between a fault of ours and a
 * host that hangs, so it takes a word to start real-time threads then.
 */
static void check_throttling(struct host *host, struct measure_setup *setup)
{
	struct measure_options *options = &setup->options;
	int64_t runtime_us;

	if (options->policy == MEASURE_OTHER ||
	    host_read_i64f(host, &runtime_us, "proc/sys/kernel/sched_rt_runtime_us") ||
	    runtime_us >= 0)
		return;
	setup->is_unthrottled = true;
	if (options->is_forced) {
		(void)snprintf(setup->note, sizeof(setup->note),
			       "real-time throttling is off (sched_rt_runtime_us is -1): real-time "
			       "threads were started because it was asked for");
		return;
	}
	options->policy = MEASURE_OTHER;
	options->priority = 0;
}

int measure_prepare(struct host *host, const struct engine *engine,
		    const struct measure_options *options, struct measure_setup *ret)
{
	struct measure_setup setup = {.engine = engine};
	int result = fill_options(engine, options, &setup.options);

	if (!result && engine->needs_named_cpus && cpuset_is_empty(&options->cpus))
		result = -EDESTADDRREQ;
	if (!result)
		result = read_online(host, &setup.online);
	if (result)
		return result;
	if (cpuset_is_empty(&setup.options.allowed)) {
		result = host_get_affinity(host, 0, &setup.options.allowed);
		if (result < 0)
			return result;
	}
	choose_eligible(&setup);
	leave_out_taken(host, &setup);
	check_throttling(host, &setup);
	*ret = setup;
	return 0;
}
