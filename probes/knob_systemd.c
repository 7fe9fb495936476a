/* Resource settings of systemd's units: knob_systemd.h. */
#include "probes/knob_systemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/text.h"

#define USEC_PER_SEC 1000000u
#define DEFAULT_WEIGHT "100"
#define MIN_QUOTA_US 1000u /* cgroup-v2.rst: of a period; systemd gives no less either */

/* Where systemd mounts version 2, and knob_cgroup's place v2. */
#define MOUNT "sys/fs/cgroup"

static const char *const files[HOST_BUS_PROPERTIES] = {
	[HOST_BUS_CPUS] = "cpuset.cpus",
	[HOST_BUS_NODES] = "cpuset.mems",
	[HOST_BUS_QUOTA] = "cpu.max",
	[HOST_BUS_WEIGHT] = "cpu.weight",
};

struct object {
	char unit[HOST_BUS_UNIT_MAX];
	enum host_bus_property property;
};

static bool is_list(enum host_bus_property property)
{
	return property == HOST_BUS_CPUS || property == HOST_BUS_NODES;
}

static int parse_object(const char *text, struct object *ret)
{
	static const char prefix[] = "unit:";
	const char *slash = strchr(text, '/');
	const char *unit = text + strlen(prefix);

	if (strncmp(text, prefix, strlen(prefix)) != 0 || !slash ||
	    (size_t)(slash - unit) >= sizeof(ret->unit))
		return -EINVAL;
	(void)snprintf(ret->unit, sizeof(ret->unit), "%.*s", (int)(slash - unit), unit);
	for (unsigned i = 0; i < HOST_BUS_PROPERTIES; i++) {
		if (!files[i] ||
		    strcmp(slash + 1, host_bus_property_name((enum host_bus_property)i)) != 0)
			continue;
		ret->property = (enum host_bus_property)i;
		return host_bus_is_unit(ret->unit) ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static int unit_path(const char *text, char *buf, size_t size)
{
	struct object object;
	int err = parse_object(text, &object);

	if (err)
		return err;
	return snprintf(buf, size, "systemd unit %s: %s", object.unit,
			host_bus_property_name(object.property)) < (int)size
		       ? 0
		       : -ENOSPC;
}

/* A unit that was started anew has forgotten what was set at run time. */
static int unit_identity(struct host *host, const char *text, char *buf, size_t size)
{
	char id[64];
	struct object object;
	int err = parse_object(text, &object);

	if (!err)
		err = host_bus_read(host, object.unit, HOST_BUS_INVOCATION, id, sizeof(id));
	if (err)
		return err;
	return snprintf(buf, size, "invocation-%s", id) < (int)size ? 0 : -ENOSPC;
}

static ssize_t unit_read(struct host *host, const char *text, char *buf, size_t size)
{
	struct object object;
	int err = parse_object(text, &object);

	if (!err)
		err = host_bus_read(host, object.unit, object.property, buf, size);
	return err ? err : (ssize_t)strlen(buf);
}

/* --- the kernel's file --- */

/* Where the unit's group is: "/a.slice/b.service". */
static int read_group(struct host *host, const char *unit, char *buf, size_t size)
{
	int err = host_bus_read(host, unit, HOST_BUS_GROUP, buf, size);

	if (!err && (*buf != '/' || !buf[1] || strstr(buf, "/../")))
		err = -ENOENT;
	return err;
}

/* "50000 100000" as systemd counts: us in a second. -EINVAL: not a whole number of them. */
static int quota_per_second(const char *text, uint64_t *ret, uint64_t *ret_period)
{
	struct scan scan = {text};
	const char *word;
	uint64_t quota;
	size_t len;

	if (scan_u64(&scan, &quota) || scan_u64(&scan, ret_period) ||
	    !scan_word(&scan, &word, &len) || !*ret_period || quota < MIN_QUOTA_US ||
	    quota > UINT64_MAX / USEC_PER_SEC || quota * USEC_PER_SEC % *ret_period)
		return -EINVAL;
	*ret = quota * USEC_PER_SEC / *ret_period;
	return 0;
}

/* What the kernel's file says, in the words of the property; a unit's "nothing set" is written as
 * the kernel's default. */
static int in_units_words(enum host_bus_property property, const char *text, char *buf, size_t size)
{
	uint64_t number, period;
	int n = -EINVAL;

	if (is_list(property)) {
		struct cpuset set;

		n = cpuset_parse_list(text, &set);
		n = n ? n : cpuset_format_list(&set, buf, size);
		return n < 0 ? n : 0;
	}
	if (property == HOST_BUS_WEIGHT)
		n = parse_u64(text, &number)
			    ? -EINVAL
			    : snprintf(buf, size, "%llu", (unsigned long long)number);
	else if (!strncmp(text, "max", 3))
		n = snprintf(buf, size, "infinity");
	else if (!quota_per_second(text, &number, &period))
		n = snprintf(buf, size, "%llu", (unsigned long long)number);
	return n < 0 ? n : (size_t)n < size ? 0 : -ENOSPC;
}

static int read_kernel(struct host *host, const char *group, enum host_bus_property property,
		       char *buf, size_t size)
{
	char text[PLAN_VALUE_MAX];
	ssize_t n = host_readf(host, text, sizeof(text), MOUNT "%s/%s", group, files[property]);

	return n < 0 ? (int)n : in_units_words(property, text, buf, size);
}

/* The kernel's value; systemd's own "nothing set" when that is what the kernel's default means. */
static int unit_effective(struct host *host, const char *text, char *buf, size_t size)
{
	char group[PLAN_OBJECT_MAX];
	struct object object;
	int err = parse_object(text, &object);

	if (!err)
		err = read_group(host, object.unit, group, sizeof(group));
	if (!err)
		err = read_kernel(host, group, object.property, buf, size);
	if (!err && object.property == HOST_BUS_WEIGHT && !strcmp(buf, DEFAULT_WEIGHT))
		err = host_bus_read(host, object.unit, object.property, buf, size);
	return err;
}

/* --- writing --- */

/* Out of the kernel's file first: should we be killed in between, systemd's record still shows our
 * value, and undoing does both again. */
static int forget_list(struct host *host, const struct object *object)
{
	char group[PLAN_OBJECT_MAX], path[PLAN_OBJECT_MAX + 64];
	int err = read_group(host, object->unit, group, sizeof(group));

	if (err)
		return err;
	(void)snprintf(path, sizeof(path), MOUNT "%s/%s", group, files[object->property]);
	err = host_write(host, path, "");
	/* Without the controller there is no file, and nothing in force. */
	return errno_is_absent(-err) ? 0 : err;
}

static int unit_write(struct host *host, const char *text, const char *value)
{
	struct object object;
	int err = parse_object(text, &object);

	if (!err && is_list(object.property) && !*value)
		err = forget_list(host, &object);
	return err ? err : host_write_bus(host, object.unit, object.property, value);
}

static int unit_check(struct host *host, const char *text, const char *value, char *why,
		      size_t why_size)
{
	struct cpuset wish, online;
	struct object object;
	uint64_t number;
	const char *wanted = NULL;

	if (parse_object(text, &object))
		return -EINVAL;
	if (is_list(object.property)) {
		if (cpuset_parse_list(value, &wish))
			wanted = "a list such as 0-3,8";
		else if (!host_read_cpulistf(host, &online, "%s",
					     object.property == HOST_BUS_CPUS
						     ? "sys/devices/system/cpu/online"
						     : "sys/devices/system/node/online") &&
			 !cpuset_is_subset(&wish, &online))
			wanted = "online as a whole: choose among those that are";
	} else if (object.property == HOST_BUS_QUOTA) {
		if (strcmp(value, "infinity") != 0 && (parse_u64(value, &number) || !number))
			wanted = "infinity or microseconds in a second";
	} else if (strcmp(value, "unset") != 0 && (parse_u64(value, &number) || number > 10000)) {
		wanted = "unset or 1 to 10000";
	}
	if (!wanted)
		return 0;
	(void)snprintf(why, why_size, "%.100s: \"%.64s\" is not %s", text, value, wanted);
	return -EINVAL;
}

static const char *unit_explain(int err)
{
	return host_bus_reason(-err);
}

static int unit_shell(const char *text, const char *value, char *buf, size_t size)
{
	struct object object;
	const char *name, *given = value;
	char percent[32];
	uint64_t number;
	int err = parse_object(text, &object);

	if (err)
		return err;
	name = host_bus_property_name(object.property);
	if (!strcmp(value, "infinity") || !strcmp(value, "unset"))
		given = "";
	if (object.property == HOST_BUS_QUOTA) {
		name = "CPUQuota"; /* of a CPU, to 0.01 % */
		if (*given && !parse_u64(value, &number)) {
			(void)snprintf(percent, sizeof(percent), "%llu.%02llu%%",
				       (unsigned long long)number / 10000,
				       (unsigned long long)number / 100 % 100);
			given = percent;
		}
	}
	return snprintf(buf, size, "systemctl set-property --runtime -- '%s' '%s=%s'", object.unit,
			name, given) < (int)size
		       ? 0
		       : -ENOSPC;
}

const struct step_class step_class_systemd_unit = {
	.name = "systemd_unit",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE | STEP_LAGGING,
	.path = unit_path,
	.identity = unit_identity,
	.read = unit_read,
	.write = unit_write,
	.effective = unit_effective,
	.check = unit_check,
	.explain = unit_explain,
	.shell = unit_shell,
};

/* --- planning --- */

int systemd_check(struct host *host, char *why, size_t why_size)
{
	int err = host_bus_ping(host);

	if (err)
		(void)snprintf(why, why_size, "%s",
			       err == -EOPNOTSUPP ? "only a running systemd can be asked"
						  : host_bus_reason(err));
	return err;
}

static int refuse(char *why, size_t why_size, int err, const char *unit, const char *words)
{
	(void)snprintf(why, why_size, "%.100s: %s", unit, words);
	return err;
}

/* Undoing brings back systemd's record; a file that says something else would be lost. */
static int check_record(struct host *host, const char *unit, const char *group,
			enum host_bus_property property, char *why, size_t why_size)
{
	_cleanup_(freep) char *record = xcalloc(1, PLAN_VALUE_MAX);
	_cleanup_(freep) char *kernel = xcalloc(1, PLAN_VALUE_MAX);
	char its_group[PLAN_OBJECT_MAX], shown[128];
	int err = host_bus_read(host, unit, HOST_BUS_GROUP, its_group, sizeof(its_group));

	if (err)
		return refuse(why, why_size, err, unit, host_bus_reason(err));
	if (*its_group != '/' || strcmp(its_group + 1, group) != 0)
		return refuse(
			why, why_size, -EPERM, unit,
			"the group of this name is not the unit's: another systemd (a user's, "
			"a container's) made it");
	err = host_bus_read(host, unit, property, record, PLAN_VALUE_MAX);
	if (err)
		return refuse(why, why_size, err, unit, host_bus_reason(err));
	err = read_kernel(host, its_group, property, kernel, PLAN_VALUE_MAX);
	if (errno_is_absent(-err))
		return 0;
	if (err)
		return refuse(why, why_size, err, unit,
			      "what the kernel has for it is not readable");
	if (!strcmp(record, "unset") && !strcmp(kernel, DEFAULT_WEIGHT))
		return 0;
	if (!strcmp(record, kernel))
		return 0;
	(void)text_sanitise(kernel, strlen(kernel), shown, sizeof(shown));
	(void)snprintf(why, why_size,
		       "%.64s: its %s holds \"%.48s\", systemd's %s is \"%.48s\": somebody wrote "
		       "past systemd: put one of them right first",
		       unit, files[property], shown, host_bus_property_name(property), record);
	return -EBUSY;
}

/* In the words of the property. */
static int wish(struct host *host, const char *group, enum host_bus_property property,
		const char *value, char *buf, size_t size)
{
	uint64_t quota, period, its_period;
	char now[64];
	struct scan scan = {now};
	const char *word;
	size_t len;

	if (property != HOST_BUS_QUOTA || !strcmp(value, "max"))
		return in_units_words(property, value, buf, size);
	if (quota_per_second(value, &quota, &period))
		return -EINVAL;
	/* systemd keeps the period, and lengthens it where the quota would be below 1 ms. */
	if (host_readf(host, now, sizeof(now), MOUNT "/%s/cpu.max", group) < 0)
		its_period = 100000;
	else if (scan_word(&scan, &word, &len) || scan_u64(&scan, &its_period))
		return -EINVAL;
	return period == its_period ? in_units_words(property, value, buf, size) : -ERANGE;
}

int systemd_plan(struct host *host, const char *unit, const char *group,
		 enum host_bus_property property, const char *value, struct plan *ret, char *why,
		 size_t why_size)
{
	_cleanup_(freep) char *text = xcalloc(1, PLAN_VALUE_MAX);
	char object[HOST_BUS_UNIT_MAX + 64];
	int err;

	if (!host_bus_is_unit(unit))
		return refuse(why, why_size, -EINVAL, unit, "not a slice, scope or service");
	err = wish(host, group, property, value, text, PLAN_VALUE_MAX);
	if (err == -ERANGE)
		return refuse(why, why_size, -EINVAL, unit,
			      "systemd keeps the period: give the one that it has (the second "
			      "number, 100000 if there is none)");
	if (err || (property == HOST_BUS_WEIGHT && !strcmp(text, "0")))
		return refuse(why, why_size, -EINVAL, unit,
			      is_list(property)		   ? "a list such as 0-3,8"
			      : property == HOST_BUS_QUOTA ? "\"max\", or microseconds (1000 and "
							     "more) and their period, a whole "
							     "number of microseconds in a second: "
							     "\"50000 100000\""
							   : "1 to 10000");
	err = check_record(host, unit, group, property, why, why_size);
	if (err)
		return err;
	(void)snprintf(object, sizeof(object), "unit:%s/%s", unit,
		       host_bus_property_name(property));
	return plan_add(ret, host, &step_class_systemd_unit, object, text, why, why_size);
}
