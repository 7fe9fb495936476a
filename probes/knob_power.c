/*
 * Frequency and energy: what a CPU frequency policy, the pstate drivers, the uncore and the
 * platform firmware may choose (Documentation/admin-guide/pm/cpufreq.rst, intel_pstate.rst,
 * amd-pstate.rst, intel_uncore_frequency_scaling.rst).
 *
 * One setting overwrites another here: the governor "performance" of a driver that leaves the
 * choice to the hardware sets the energy preference too, and another driver mode makes all policies
 * anew. What is overwritten is saved before (saved.h). Undone is then the governor first and the
 * preference after it: under "performance" the drivers refuse any other preference with EBUSY.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/knob_file.h"
#include "probes/owner.h"
#include "probes/read.h"
#include "probes/saved.h"

#define SYS_CPU "sys/devices/system/cpu"
#define POLICY SYS_CPU "/cpufreq/policy#"
#define PSTATE SYS_CPU "/intel_pstate"
#define UNCORE SYS_CPU "/intel_uncore_frequency"

static const char no_cpufreq[] =
	"no CPU frequency driver with policies is at work here (in a virtual machine: the host "
	"decides)";
static const char no_intel_pstate[] = "the driver intel_pstate is not at work here";

static const struct knob_file_error policy_errors[] = {
	{EBUSY, "the policy has no CPU online, or its governor decides this alone: governor "
		"performance leaves no other energy preference: change the governor first"},
	{EAGAIN, "the frequency driver is being changed: try again"},
	{EINVAL, "the driver does not know this value (a governor may be a module that is not "
		 "there)"},
	{ENODEV, "the frequency driver has gone"},
	{0, NULL},
};

/* --- a policy's governor, preference and limits --- */

static int governor_before(struct host *host, const struct knob_file_parts *parts,
			   const char *value, struct plan *ret, char *why, size_t why_size)
{
	(void)value;
	return saved_addf(ret, host, SAVED_EPP, why, why_size, "policy:%s", parts->text[0]);
}

KNOB_FILE_DEFINE(governor, "power", KNOB_FREE, STEP_WORD, 0,
		 "who chooses the frequency of a policy's CPUs",
		 "performance: no ramp-up after idle, more power and heat. Undone by writing the "
		 "old governor, "
		 "then the energy preference it had.",
		 .key = "policy:#", .path = POLICY "/scaling_governor",
		 .choices_path = POLICY "/scaling_available_governors", .has_all = true,
		 .owners = OWNERS_POWER, .absent = no_cpufreq, .errors = policy_errors,
		 .affects = KNOB_FILE_CPU_FILE, .affects_path = POLICY "/affected_cpus",
		 .plan_before = governor_before);

/* The governor that the same change has for the policy before; NULL: none. */
static const char *planned_governor(const struct plan *plan, const char *policy)
{
	char object[64];

	(void)snprintf(object, sizeof(object), "policy:%.40s", policy);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		if (plan->steps[i].class == &step_class_governor &&
		    !strcmp(plan->steps[i].object, object))
			return plan->steps[i].new_value;
	}
	return NULL;
}

static int epp_before(struct host *host, const struct knob_file_parts *parts, const char *value,
		      struct plan *ret, char *why, size_t why_size)
{
	const char *governor = planned_governor(ret, parts->text[0]);

	(void)host;
	(void)value;
	if (!governor)
		return 0;
	(void)snprintf(
		why, why_size,
		"policy:%s: the same change sets its governor (%.20s) before, which changes the "
		"energy preference by itself: name epp before governor, or make it a change of "
		"its own afterwards",
		parts->text[0], governor);
	return -EBUSY;
}

static int check_epp(struct host *host, const struct knob_file_parts *parts, const char *value,
		     char *why, size_t why_size)
{
	char governor[32];

	/* Taken, and shown as the word or number it stands for. */
	if (!strcmp(value, "default")) {
		(void)snprintf(
			why, why_size,
			"policy:%s: the kernel shows \"default\" as the preference it stands for: "
			"name that one",
			parts->text[0]);
		return -EINVAL;
	}
	ssize_t len = host_readf(host, governor, sizeof(governor),
				 SYS_CPU "/cpufreq/policy%s/scaling_governor", parts->text[0]);
	if (len < 0 || strcmp(read_trim(governor), "performance") != 0 ||
	    !strcmp(value, "performance"))
		return 0;
	(void)snprintf(why, why_size,
		       "policy:%s: its governor is performance, which leaves no other energy "
		       "preference: set governor@policy:%s first",
		       parts->text[0], parts->text[0]);
	return -EBUSY;
}

KNOB_FILE_DEFINE(
	epp, "power", KNOB_FREE, STEP_WORD, 0,
	"energy performance preference: how eagerly the hardware raises the frequency",
	"performance: faster ramp-up, more power. Undone by writing the old preference.",
	.key = "policy:#", .path = POLICY "/energy_performance_preference",
	.choices_path = POLICY "/energy_performance_available_preferences",
	.not_offered = "default", .has_all = true, .owners = OWNERS_POWER,
	.absent = "no frequency driver here has an energy preference (intel_pstate and amd_pstate, "
		  "active, on hardware with HWP or CPPC)",
	.errors = policy_errors, .affects = KNOB_FILE_CPU_FILE,
	.affects_path = POLICY "/affected_cpus", .check = check_epp, .plan_before = epp_before);

/* The limits in files low and high of a directory. */
static int check_between(struct host *host, const char *object, const char *dir, const char *low,
			 const char *high, const char *value, char *why, size_t why_size)
{
	uint64_t wish, from, to;

	if (parse_u64(value, &wish) || host_read_u64f(host, &from, "%s/%s", dir, low) ||
	    host_read_u64f(host, &to, "%s/%s", dir, high) || (wish >= from && wish <= to))
		return 0;
	(void)snprintf(why, why_size, "%.64s: %llu kHz is not what it can do: choose %llu to %llu",
		       object, (unsigned long long)wish, (unsigned long long)from,
		       (unsigned long long)to);
	return -ERANGE;
}

/* The kernel takes a minimum above the maximum and shows the maximum (QoS, drivers/cpufreq). */
static int freq_check(struct host *host, const struct knob_file_parts *parts, const char *value,
		      bool is_min, char *why, size_t why_size)
{
	const char *other = is_min ? "scaling_max_freq" : "scaling_min_freq";
	char dir[128], object[64];
	uint64_t wish, limit;

	(void)snprintf(object, sizeof(object), "policy:%.32s", parts->text[0]);
	(void)snprintf(dir, sizeof(dir), SYS_CPU "/cpufreq/policy%.32s", parts->text[0]);
	int err = check_between(host, object, dir, "cpuinfo_min_freq", "cpuinfo_max_freq", value,
				why, why_size);
	if (err || parse_u64(value, &wish) || host_read_u64f(host, &limit, "%s/%s", dir, other))
		return err;
	if (is_min ? wish > limit : wish < limit)
		(void)snprintf(
			why, why_size,
			"%s: %s is %llu kHz now: change that first, or the kernel cuts this one",
			object, other, (unsigned long long)limit);
	return 0;
}

static int check_min_freq(struct host *host, const struct knob_file_parts *parts, const char *value,
			  char *why, size_t why_size)
{
	return freq_check(host, parts, value, true, why, why_size);
}

static int check_max_freq(struct host *host, const struct knob_file_parts *parts, const char *value,
			  char *why, size_t why_size)
{
	return freq_check(host, parts, value, false, why, why_size);
}

KNOB_FILE_DEFINE(min_freq, "power", KNOB_FREE, STEP_U64, 0, "lowest frequency of a policy's CPUs",
		 "Higher: no slow start after idle, more power. Undone by writing the old limit.",
		 .key = "policy:#", .path = POLICY "/scaling_min_freq", .unit = "kHz",
		 .has_all = true, .owners = OWNERS_POWER, .absent = no_cpufreq,
		 .errors = policy_errors, .affects = KNOB_FILE_CPU_FILE,
		 .affects_path = POLICY "/affected_cpus", .check = check_min_freq);

KNOB_FILE_DEFINE(max_freq, "power", KNOB_FREE, STEP_U64, 0, "highest frequency of a policy's CPUs",
		 "Lower: less power and heat, everything slower; equal to the lowest: no frequency "
		 "changes at all. Undone by writing the old limit.",
		 .key = "policy:#", .path = POLICY "/scaling_max_freq", .unit = "kHz",
		 .has_all = true, .owners = OWNERS_POWER, .absent = no_cpufreq,
		 .errors = policy_errors, .affects = KNOB_FILE_CPU_FILE,
		 .affects_path = POLICY "/affected_cpus", .check = check_max_freq);

KNOB_FILE_DEFINE(epb, "power", KNOB_FREE, STEP_U64, 0,
		 "energy performance bias of a CPU (Intel): 0 performance to 15 power saving",
		 "Lower: more power. Undone by writing the old number.", .key = "cpu:#",
		 .path = SYS_CPU "/cpu#/power/energy_perf_bias", .min = 0, .max = 15,
		 .has_all = true, .owners = OWNERS_POWER,
		 .absent = "no CPU here has it (Intel, MSR_IA32_ENERGY_PERF_BIAS)",
		 .affects = KNOB_FILE_THIS_CPU);

/* --- turbo, boost --- */

static const struct knob_file_error turbo_errors[] = {
	{EPERM,
	 "the firmware has switched turbo off, or the CPU has none: look into the BIOS setup"},
	{EAGAIN, "the driver is off or being changed: try again"},
	{EINVAL, "the driver cannot switch it"},
	{EOPNOTSUPP, "this CPU or its firmware has no boost to switch"},
	{0, NULL},
};

KNOB_FILE_DEFINE(no_turbo, "power", KNOB_FREE, STEP_U64, 0, "turbo frequencies off (intel_pstate)",
		 "1: steadier frequency, lower peak. Undone by writing the old value.",
		 .key = "host", .path = PSTATE "/no_turbo", .words = "0|1", .owners = OWNERS_POWER,
		 .absent = no_intel_pstate, .errors = turbo_errors);

KNOB_FILE_DEFINE(boost, "power", KNOB_FREE, STEP_U64, 0, "boost frequencies of all policies",
		 "0: steadier frequency, lower peak. Undone by writing the old value.",
		 .key = "host", .path = SYS_CPU "/cpufreq/boost", .words = "0|1",
		 .owners = OWNERS_POWER,
		 .absent = "the frequency driver has no switch for boost (intel_pstate: no_turbo)",
		 .errors = turbo_errors);

KNOB_FILE_DEFINE(policy_boost, "power", KNOB_FREE, STEP_U64, 0, "boost frequencies of one policy",
		 "0: steadier frequency, lower peak. Undone by writing the old value.",
		 .key = "policy:#", .path = POLICY "/boost", .words = "0|1", .has_all = true,
		 .owners = OWNERS_POWER, .absent = "the frequency driver has no switch per policy",
		 .errors = turbo_errors, .affects = KNOB_FILE_CPU_FILE,
		 .affects_path = POLICY "/affected_cpus");

/* --- the drivers themselves --- */

static const struct knob_file_error driver_errors[] = {
	{EBUSY, "hardware that manages its frequencies (HWP) cannot be left to another driver"},
	{EINVAL, "the driver cannot work in this mode here"},
	{ENODEV, "the driver cannot work in this mode on this hardware"},
	{EPERM, "only root may change the driver's mode"},
	{0, NULL},
};

static int driver_before(struct host *host, const struct knob_file_parts *parts, const char *value,
			 struct plan *ret, char *why, size_t why_size)
{
	static const enum saved_kind kinds[] = {SAVED_NO_TURBO, SAVED_MIN_PERF, SAVED_MAX_PERF};
	struct host_names names;
	int err = host_listf(host, &names, SYS_CPU "/cpufreq");

	(void)parts;
	(void)value;
	if (err)
		return errno_is_absent(-err) ? 0 : err;
	for (size_t i = 0; i < names.n && !err; i++) {
		unsigned number;

		if (read_numbered(names.names[i], "policy", &number))
			err = saved_add_policy(ret, host, number, why, why_size);
	}
	host_names_done(&names);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
		err = saved_addf(ret, host, kinds[i], why, why_size, "intel_pstate");
	return err;
}

KNOB_FILE_DEFINE(intel_pstate_status, "power", KNOB_PARTIAL, STEP_WORD, STEP_SLOW,
		 "mode of the driver intel_pstate",
		 "All policies are made anew with their defaults. Undone: the old mode, then "
		 "governor, limits "
		 "and energy preference of each policy as they were.",
		 .key = "host", .path = PSTATE "/status", .words = "active|passive",
		 .owners = OWNERS_POWER, .absent = no_intel_pstate, .errors = driver_errors,
		 .plan_before = driver_before);

KNOB_FILE_DEFINE(amd_pstate_status, "power", KNOB_PARTIAL, STEP_WORD, STEP_SLOW,
		 "mode of the driver amd_pstate",
		 "All policies are made anew with their defaults. Undone: the old mode, then "
		 "governor, limits "
		 "and energy preference of each policy as they were.",
		 .key = "host", .path = SYS_CPU "/amd_pstate/status",
		 .words = "active|passive|guided", .owners = OWNERS_POWER,
		 .absent = "the driver amd_pstate is not at work here", .errors = driver_errors,
		 .plan_before = driver_before);

KNOB_FILE_DEFINE(min_perf_pct, "power", KNOB_FREE, STEP_U64, 0,
		 "lowest performance intel_pstate may choose, in % of the highest",
		 "Higher: no slow start after idle, more power. Undone by writing the old number.",
		 .key = "host", .path = PSTATE "/min_perf_pct", .min = 0, .max = 100, .unit = "%",
		 .owners = OWNERS_POWER, .absent = no_intel_pstate, .errors = turbo_errors);

KNOB_FILE_DEFINE(max_perf_pct, "power", KNOB_FREE, STEP_U64, 0,
		 "highest performance intel_pstate may choose, in % of the highest",
		 "Lower: less power, everything slower. Undone by writing the old number.",
		 .key = "host", .path = PSTATE "/max_perf_pct", .min = 0, .max = 100, .unit = "%",
		 .owners = OWNERS_POWER, .absent = no_intel_pstate, .errors = turbo_errors);

/* --- uncore, platform --- */

static int check_uncore(struct host *host, const struct knob_file_parts *parts, const char *value,
			char *why, size_t why_size)
{
	char dir[128], object[96];

	(void)snprintf(object, sizeof(object), "uncore:%s", parts->text[0]);
	(void)snprintf(dir, sizeof(dir), UNCORE "/%s", parts->text[0]);
	return check_between(host, object, dir, "initial_min_freq_khz", "initial_max_freq_khz",
			     value, why, why_size);
}

#define NO_UNCORE "no uncore frequency control here (Intel, module intel_uncore_frequency)"

KNOB_FILE_DEFINE(
	uncore_min_freq, "power", KNOB_FREE, STEP_U64, 0,
	"lowest frequency of a package's mesh, caches and memory controllers",
	"Equal to the highest: no slow memory after idle, more power. Undone by writing the old "
	"limit.",
	.key = "uncore:*", .path = UNCORE "/*/min_freq_khz", .unit = "kHz", .has_all = true,
	.owners = OWNERS_POWER, .absent = NO_UNCORE, .check = check_uncore);

KNOB_FILE_DEFINE(uncore_max_freq, "power", KNOB_FREE, STEP_U64, 0,
		 "highest frequency of a package's mesh, caches and memory controllers",
		 "Lower: less power, slower memory. Undone by writing the old limit.",
		 .key = "uncore:*", .path = UNCORE "/*/max_freq_khz", .unit = "kHz",
		 .has_all = true, .owners = OWNERS_POWER, .absent = NO_UNCORE,
		 .check = check_uncore);

static const struct knob_file_error profile_errors[] = {
	{EOPNOTSUPP, "the firmware has no such profile"},
	{ENODEV, "the firmware's driver has gone"},
	{EINVAL, "the firmware has no such profile"},
	{0, NULL},
};

KNOB_FILE_DEFINE(platform_profile, "power", KNOB_FREE, STEP_WORD, 0,
		 "the firmware's balance of power, noise and speed",
		 "performance: more power and heat. Undone by writing the old profile.",
		 .key = "host", .path = "sys/firmware/acpi/platform_profile",
		 .choices_path = "sys/firmware/acpi/platform_profile_choices",
		 .owners = OWNERS_POWER, .absent = "the firmware offers no profiles (ACPI)",
		 .errors = profile_errors);
