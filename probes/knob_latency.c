/*
 * PM QoS: how long a CPU may take to wake (Documentation/power/pm_qos_interface.rst,
 * Documentation/admin-guide/pm/cpuidle.rst).
 *
 * cpu_latency, for all CPUs: a number written to /dev/cpu_dma_latency counts as long as the file
 * stays open, so the guard holds it open, and undoing, or the guard's death, is closing it. The
 * least of all that are held is in force; reading shows that one, as a binary s32
 * (kernel/power/qos.c; a text of other than four bytes would be taken for hexadecimal, so that no
 * text is ever written).
 *
 * resume_latency, per CPU: one file each, whose request all of user space shares.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/text.h"
#include "probes/knob_file.h"
#include "probes/owner.h"

#define DEVICE "dev/cpu_dma_latency"
#define SYS_CPU "sys/devices/system/cpu"
#define NO_LIMIT_US 2000000000 /* PM_QOS_CPU_LATENCY_DEFAULT_VALUE, include/linux/pm_qos.h */
#define OBJECT "host"

/* --- for all CPUs --- */

static int latency_path(const char *object, char *buf, size_t size)
{
	if (strcmp(object, OBJECT) != 0)
		return -EINVAL;
	int len = snprintf(buf, size, "/" DEVICE " held open, latency in us");
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int latency_identity(struct host *host, const char *object, char *buf, size_t size)
{
	int32_t now;
	int err = strcmp(object, OBJECT) ? -EINVAL : host_read_latency(host, &now);

	if (!err && size > 0)
		buf[0] = '\0';
	return err;
}

static ssize_t format_latency(int32_t us, char *buf, size_t size)
{
	int len = us == NO_LIMIT_US ? snprintf(buf, size, "none") : snprintf(buf, size, "%d", us);

	return len < 0 || (size_t)len >= size ? -EFBIG : len;
}

static ssize_t latency_read(struct host *host, const char *object, char *buf, size_t size)
{
	int32_t now;
	int err = strcmp(object, OBJECT) ? -EINVAL : host_read_latency(host, &now);

	return err ? err : format_latency(now, buf, size);
}

static int parse_latency(const char *value, int32_t *ret_us)
{
	uint64_t us;

	if (!strcmp(value, "none")) {
		*ret_us = NO_LIMIT_US;
		return 0;
	}
	if (parse_u64(value, &us) || us >= NO_LIMIT_US)
		return -EINVAL;
	*ret_us = (int32_t)us;
	return 0;
}

/* "": let go. */
static int latency_write(struct host *host, const char *object, const char *value)
{
	int32_t wish = -1;
	int err = strcmp(object, OBJECT) ? -EINVAL : 0;

	if (!err && value[0])
		err = parse_latency(value, &wish);
	return err ? err : host_hold_latency(host, wish);
}

/* "tuned (412), qemu (977)": who has the device open. We are not among them: nobody holds it yet
 * when this is asked, or the guard does and is named. */
static void find_holders(struct host *host, char *buf, size_t size)
{
	struct host_names pids, fds;
	char link[64], comm[64], name[96];
	uint64_t number;

	buf[0] = '\0';
	if (host_listf(host, &pids, "proc"))
		return;
	for (size_t i = 0; i < pids.n; i++) {
		bool has_it = false;

		if (parse_u64(pids.names[i], &number) ||
		    host_listf(host, &fds, "proc/%s/fd", pids.names[i]))
			continue;
		for (size_t j = 0; j < fds.n && !has_it; j++)
			has_it = host_readlinkf(host, link, sizeof(link), "proc/%s/fd/%s",
						pids.names[i], fds.names[j]) > 0 &&
				 !strcmp(link, "/" DEVICE);
		host_names_done(&fds);
		if (!has_it)
			continue;
		ssize_t len = host_readf(host, comm, sizeof(comm), "proc/%s/comm", pids.names[i]);
		(void)text_sanitise(len > 0 ? comm : "?", len > 0 ? (size_t)len : 1, name,
				    sizeof(name));
		size_t at = strlen(buf);
		(void)snprintf(buf + at, size - at, "%s%.40s (pid %s)", at ? ", " : "", name,
			       pids.names[i]);
	}
	host_names_done(&pids);
}

static int latency_check(struct host *host, const char *object, const char *value, char *why,
			 size_t why_size)
{
	char holders[160];
	int32_t wish, now;

	if (parse_latency(value, &wish) || wish == NO_LIMIT_US) {
		(void)snprintf(why, why_size,
			       "%s: \"%.32s\" is not a latency in us, 0 to %d: undo gives it back",
			       object, value, NO_LIMIT_US - 1);
		return -EINVAL;
	}
	int err = host_read_latency(host, &now);
	if (err || wish < now)
		return err;
	find_holders(host, holders, sizeof(holders));
	(void)snprintf(why, why_size,
		       "%s: %d us is in force, held by %s, and the least of all counts: %d us "
		       "would change "
		       "nothing",
		       object, now, holders[0] ? holders : "somebody who cannot be seen", wish);
	return -EBUSY;
}

static const char *latency_explain(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "this kernel has no /dev/cpu_dma_latency, or the container does not show it";
	case EACCES:
	case EPERM:
		return "only root may";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_cpu_latency = {
	.name = "cpu_latency",
	.compare = STEP_WORD,
	.flags = STEP_HELD | STEP_NOT_A_FILE,
	.path = latency_path,
	.identity = latency_identity,
	.read = latency_read,
	.write = latency_write,
	.check = latency_check,
	.explain = latency_explain,
};

static int latency_targets(struct host *host, struct knob_targets *ret)
{
	char value[24], locked[160];
	int32_t now;
	int err = host_read_latency(host, &now);

	if (!err)
		err = format_latency(now, value, sizeof(value)) < 0 ? -EFBIG : 0;
	if (err) {
		const char *text = latency_explain(-err);

		(void)snprintf(locked, sizeof(locked), "%s", text ? text : strerror(-err));
	}
	knob_targets_add(ret, OBJECT, "all CPUs", err ? NULL : value, "us, 0 and more",
			 err ? locked : NULL);
	return 0;
}

static int latency_owner(struct host *host, const char *target, char *buf, size_t size)
{
	char holders[160];

	(void)target;
	find_holders(host, holders, sizeof(holders));
	if (!holders[0])
		return 0;
	(void)snprintf(buf, size, "held open by %s: the least of all counts", holders);
	return 1;
}

static int latency_plan(struct host *host, const char *target, const char *value, struct plan *ret,
			char *why, size_t why_size)
{
	struct cpuset online;
	int err = plan_add(ret, host, &step_class_cpu_latency, target, value, why, why_size);

	if (err)
		return err;
	if (!host_read_cpulistf(host, &online, SYS_CPU "/online"))
		cpuset_or(&ret->affected, &online);
	plan_title_add(ret, "every CPU awake within %.16s us", value);
	return 0;
}

const struct knob knob_cpu_latency = {
	.name = "cpu_latency",
	.family = "power",
	.summary = "longest time any CPU may take to wake (PM QoS, /dev/cpu_dma_latency)",
	.cost = "No deep idle states: more power, less turbo; 0 keeps idle CPUs spinning. Held by "
		"the "
		"guard, so it "
		"lasts as long as that: undone by letting go.",
	.risk = KNOB_FREE,
	.targets = latency_targets,
	.plan = latency_plan,
	.owner = latency_owner,
};

/* --- per CPU --- */

static int check_resume(struct host *host, const struct knob_file_parts *parts, const char *value,
			char *why, size_t why_size)
{
	char now[32];
	uint64_t us;

	if (strcmp(value, "n/a") != 0 && (parse_u64(value, &us) || us >= INT32_MAX)) {
		(void)snprintf(why, why_size,
			       "cpu:%s: \"%.32s\" is not a latency in us, 0 (any will do) or n/a "
			       "(none at all)",
			       parts->text[0], value);
		return -EINVAL;
	}
	if (host_readf(host, now, sizeof(now), SYS_CPU "/cpu%s/power/pm_qos_resume_latency_us",
		       parts->text[0]) > 0 &&
	    strcmp(now, "0") != 0 && strcmp(now, value) != 0)
		(void)snprintf(why, why_size,
			       "cpu:%s: somebody has asked for %.24s already, and all programs "
			       "share this one "
			       "request: tuned writes it (option pm_qos_resume_latency_us), and "
			       "others may",
			       parts->text[0], now);
	return 0;
}

static const struct knob_file_error resume_errors[] = {
	{EINVAL, "the kernel takes a number of us below 2^31-1, or n/a"},
	{0, NULL},
};

KNOB_FILE_DEFINE(resume_latency, "power", KNOB_FREE, STEP_WORD, 0,
		 "longest time a CPU may take to wake (PM QoS per CPU)",
		 "Less: faster wake-ups, more power; n/a: it spins instead of idling. All programs "
		 "share this one "
		 "request. Undone by writing the old value.",
		 .key = "cpu:#", .path = SYS_CPU "/cpu#/power/pm_qos_resume_latency_us",
		 .unit = "us", .hint = "0: any, n/a: none at all", .has_all = true,
		 .owners = OWNER_BIT(OWNER_TUNED),
		 .absent = "this kernel has no PM QoS per CPU (CONFIG_PM)", .errors = resume_errors,
		 .affects = KNOB_FILE_THIS_CPU, .check = check_resume);
