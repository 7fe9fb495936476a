/* Numbers and switches that an ethtool command gets and sets: one per step, or all in one. */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_ethtool.h"
#include "core/host_write.h"
#include "core/parse.h"
#include "probes/knob_nic_internal.h"

/* --- reading --- */

struct taking {
	const struct nic_params *table;
	struct nic_values *values;
};

static bool take_number(const struct nlattr *attr, uint32_t *ret)
{
	if (attr && nla_len(attr) == 1)
		*ret = nla_get_u8(attr);
	else if (attr && nla_len(attr) == (int)sizeof(uint32_t))
		*ret = nla_get_u32(attr);
	else
		return false;
	return true;
}

static int take(void *data, struct nlattr *const *attributes)
{
	struct taking *taking = data;
	struct nic_values *values = taking->values;

	for (unsigned i = 0; i < taking->table->n_params; i++) {
		const struct nic_param *param = &taking->table->params[i];

		values->has[i] = take_number(attributes[param->attribute], &values->values[i]);
		if (param->max_attribute)
			values->has_max[i] =
				take_number(attributes[param->max_attribute], &values->max[i]);
	}
	return 0;
}

static uint32_t word_at(const unsigned char *bytes, uint16_t offset)
{
	uint32_t value;

	memcpy(&value, bytes + offset - 1, sizeof(value));
	return value;
}

/* Before Linux 5.6, and drivers without the newer way. What the driver does not use reads as 0. */
static int get_by_ioctl(struct host *host, const struct nic_params *table, const char *ifname,
			struct nic_values *ret, unsigned char *bytes)
{
	memset(bytes, 0, table->ioctl_size);
	memcpy(bytes, &table->ioctl_get, sizeof(table->ioctl_get));

	ssize_t n = host_ethtool_get(host, ifname, bytes, table->ioctl_size);
	if (n < 0)
		return (int)n;
	if ((size_t)n < table->ioctl_size)
		return -ENODATA;
	for (unsigned i = 0; i < table->n_params; i++) {
		const struct nic_param *param = &table->params[i];

		ret->has[i] = param->offset != 0;
		ret->has_max[i] = param->max_offset != 0;
		if (ret->has[i])
			ret->values[i] = word_at(bytes, param->offset);
		if (ret->has_max[i])
			ret->max[i] = word_at(bytes, param->max_offset);
		/* Unlike the newer way it shows rings and channels that there cannot be. */
		if (ret->has_max[i] && ret->max[i] == 0)
			ret->has[i] = false;
	}
	return 0;
}

static bool needs_ioctl(const struct nic_params *table, int err)
{
	return table->ioctl_get && (err == -EOPNOTSUPP || err == -ENOENT);
}

int nic_params_get(struct host *host, const struct nic_params *table, const char *ifname,
		   struct nic_values *ret)
{
	struct taking taking = {.table = table, .values = ret};

	*ret = (struct nic_values){0};
	int err = nic_get(host, &table->get, ifname, take, &taking);
	if (!needs_ioctl(table, err))
		return err;

	_cleanup_(freep) unsigned char *bytes = xcalloc(1, table->ioctl_size);
	int ioctl_err = get_by_ioctl(host, table, ifname, ret, bytes);
	return ioctl_err == -ENOENT ? err : ioctl_err;
}

/* --- values as text --- */

static void format_one(const struct nic_param *param, uint32_t value, char *buf, size_t size)
{
	if (param->is_switch)
		(void)snprintf(buf, size, "%s", value ? "on" : "off");
	else
		(void)snprintf(buf, size, "%u", value);
}

static int parse_one(const struct nic_param *param, const char *text, uint32_t *ret)
{
	uint64_t value;

	if (param->is_switch) {
		bool is_on = !strcmp(text, "on") || !strcmp(text, "1");

		if (!is_on && strcmp(text, "off") != 0 && strcmp(text, "0") != 0)
			return -EINVAL;
		*ret = is_on;
		return 0;
	}
	if (parse_u64(text, &value) < 0 || value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

static const struct nic_param *find_param(const struct nic_params *table, const char *name,
					  unsigned *ret)
{
	for (unsigned i = 0; i < table->n_params; i++) {
		if (!strcmp(table->params[i].name, name)) {
			*ret = i;
			return &table->params[i];
		}
	}
	return NULL;
}

static void format_all(const struct nic_params *table, const struct nic_values *values, char *buf,
		       size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < table->n_params; i++) {
		char number[16];

		if (!values->has[i] || len >= size)
			continue;
		format_one(&table->params[i], values->values[i], number, sizeof(number));
		len += (size_t)snprintf(buf + len, size - len, "%s%s %s", len ? " " : "",
					table->params[i].name, number);
	}
}

static void names_of(const struct nic_params *table, const struct nic_values *values, char *buf,
		     size_t size)
{
	size_t len = 0;

	(void)snprintf(buf, size, "none");
	for (unsigned i = 0; i < table->n_params && len < size; i++) {
		if (values->has[i])
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "",
						table->params[i].name);
	}
}

static int check_max(const struct nic_params *table, const struct nic_values *now, unsigned i,
		     uint32_t value, const char *target, char *why, size_t why_size)
{
	if (!now->has_max[i] || value <= now->max[i])
		return 0;
	(void)snprintf(why, why_size, "%s: %s %u is more than the device has: at most %u", target,
		       table->params[i].name, value, now->max[i]);
	return -ERANGE;
}

/* "rx 4 tx 2", "rx=4,tx=2". */
static const char separators[] = " ,=";

int nic_params_merge(const struct nic_params *table, const struct nic_values *now,
		     const char *target, const char *value, struct nic_values *ret, char *why,
		     size_t why_size)
{
	char words[2 * NIC_PARAMS_MAX][KNOB_NIC_PART_MAX], names[160];
	unsigned n = 0;

	*ret = *now;
	names_of(table, now, names, sizeof(names));
	for (const char *at = value + strspn(value, separators); *at && n < ARRAY_SIZE(words);) {
		size_t len = strcspn(at, separators);

		(void)snprintf(words[n++], sizeof(words[0]), "%.*s", (int)len, at);
		at += len;
		at += strspn(at, separators);
	}
	if (n == 0 || n % 2) {
		(void)snprintf(why, why_size,
			       "%s: \"%.64s\" is not of the form \"NAME NUMBER ...\" with names "
			       "out of %s",
			       target, value, names);
		return -EINVAL;
	}
	for (unsigned at = 0; at < n; at += 2) {
		unsigned i = 0;
		const struct nic_param *param = find_param(table, words[at], &i);

		if (!param || !now->has[i]) {
			(void)snprintf(why, why_size, "%s: the interface has no %.32s: it has %s",
				       target, words[at], names);
			return -EINVAL;
		}
		if (parse_one(param, words[at + 1], &ret->values[i]) < 0) {
			(void)snprintf(why, why_size, "%s: %s: \"%.32s\" is not %s", target,
				       param->name, words[at + 1],
				       param->is_switch ? "on or off" : "a number");
			return -EINVAL;
		}
		int err = check_max(table, now, i, ret->values[i], target, why, why_size);
		if (err)
			return err;
	}
	return 0;
}

/* --- the step class --- */

static int parse_object(const struct nic_params *table, const char *object, struct nic_object *ret,
			unsigned *ret_param)
{
	unsigned i = 0;
	int err = nic_object_parse(object, "nic:", ret);

	if (err)
		return err;
	if (table->is_whole ? ret->part[0] != '\0' : !find_param(table, ret->part, &i))
		return -EINVAL;
	*ret_param = i;
	return 0;
}

int nic_params_path(const struct nic_params *table, const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	unsigned i;
	int err = parse_object(table, object, &nic, &i);

	if (err)
		return err;
	int len = snprintf(buf, size, "ethtool %s %s%s%s", table->what, nic.ifname,
			   nic.part[0] ? " " : "", nic.part);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

ssize_t nic_params_read(const struct nic_params *table, struct host *host, const char *object,
			char *buf, size_t size)
{
	struct nic_object nic;
	struct nic_values values;
	unsigned i;
	int err = parse_object(table, object, &nic, &i);

	if (!err)
		err = nic_params_get(host, table, nic.ifname, &values);
	if (err)
		return err;
	if (table->is_whole)
		format_all(table, &values, buf, size);
	else if (!values.has[i])
		return -EOPNOTSUPP;
	else
		format_one(&table->params[i], values.values[i], buf, size);
	return (ssize_t)strlen(buf);
}

struct setting {
	const struct nic_params *table;
	struct nic_values values; /* has: to be set */
};

static int put(struct nl_msg *attributes, const void *data)
{
	const struct setting *setting = data;

	for (unsigned i = 0; i < setting->table->n_params; i++) {
		const struct nic_param *param = &setting->table->params[i];
		uint32_t value = setting->values.values[i];

		if (!setting->values.has[i])
			continue;
		int err = param->is_switch
				  ? nla_put_u8(attributes, param->attribute, (uint8_t)value)
				  : nla_put_u32(attributes, param->attribute, value);
		if (err < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Reads all, replaces what is to be set, writes all: the older way knows no single parameters. */
static int set_by_ioctl(struct host *host, const struct setting *setting, const char *ifname)
{
	const struct nic_params *table = setting->table;
	_cleanup_(freep) unsigned char *bytes = xcalloc(1, table->ioctl_size);
	struct nic_values now;
	int err = get_by_ioctl(host, table, ifname, &now, bytes);

	if (err)
		return err;
	memcpy(bytes, &table->ioctl_set, sizeof(table->ioctl_set));
	for (unsigned i = 0; i < table->n_params; i++) {
		if (setting->values.has[i] && table->params[i].offset)
			memcpy(bytes + table->params[i].offset - 1, &setting->values.values[i],
			       sizeof(uint32_t));
	}
	return host_write_ioctl_ethtool(host, ifname, bytes, table->ioctl_size);
}

int nic_params_write(const struct nic_params *table, struct host *host, const char *object,
		     const char *value)
{
	struct setting setting = {.table = table};
	struct nic_values now, wish;
	struct nic_object nic;
	char why[256];
	unsigned i;
	int err = parse_object(table, object, &nic, &i);

	if (!err)
		err = nic_params_get(host, table, nic.ifname, &now);
	if (err)
		return err;
	if (table->is_whole) {
		err = nic_params_merge(table, &now, object, value, &wish, why, sizeof(why));
		for (unsigned p = 0; p < table->n_params; p++) {
			setting.values.has[p] = now.has[p] && wish.values[p] != now.values[p];
			setting.values.values[p] = wish.values[p];
		}
	} else {
		setting.values.has[i] = true;
		err = parse_one(&table->params[i], value, &setting.values.values[i]);
	}
	if (err)
		return err;
	err = nic_set(host, &table->set, nic.ifname, put, &setting);
	if (needs_ioctl(table, err) && !set_by_ioctl(host, &setting, nic.ifname))
		return 0;
	return err;
}

int nic_params_check(const struct nic_params *table, struct host *host, const char *object,
		     const char *value, char *why, size_t why_size)
{
	struct nic_values now, wish;
	struct nic_object nic;
	char canonical[PLAN_VALUE_MAX] = "";
	uint32_t number;
	unsigned i;
	int err = parse_object(table, object, &nic, &i);

	if (!err)
		err = nic_params_get(host, table, nic.ifname, &now);
	if (err) {
		(void)snprintf(why, why_size, "%s: %s", object, nic_locked(err));
		return err;
	}
	if (table->is_whole) {
		err = nic_params_merge(table, &now, object, value, &wish, why, why_size);
		if (!err)
			format_all(table, &wish, canonical, sizeof(canonical));
	} else {
		err = parse_one(&table->params[i], value, &number);
		if (!err) {
			format_one(&table->params[i], number, canonical, sizeof(canonical));
			err = check_max(table, &now, i, number, object, why, why_size);
			if (err)
				return err;
		}
	}
	if (!err && strcmp(canonical, value) != 0)
		err = -EINVAL;
	if (err && !why[0])
		(void)snprintf(why, why_size, "%s: \"%.64s\" is not %s", object, value,
			       table->is_whole		    ? "what the interface shows"
			       : table->params[i].is_switch ? "on or off"
							    : "a number");
	return err;
}

/* --- the knob --- */

struct listing {
	const struct nic_params *table;
	struct knob_targets *targets;
	struct ssh_path ssh;
};

static void choices_of(const struct nic_params *table, const struct nic_values *values, unsigned i,
		       char *buf, size_t size)
{
	if (table->params[i].is_switch)
		(void)snprintf(buf, size, "on|off");
	else if (values->has_max[i])
		(void)snprintf(buf, size, "0 to %u", values->max[i]);
	else
		(void)snprintf(buf, size, "number");
}

static void add_whole(struct listing *listing, const struct nic_values *values, const char *key,
		      const char *name)
{
	char choices[256] = "", value[PLAN_VALUE_MAX], one[32];
	size_t len = 0;

	for (unsigned i = 0; i < listing->table->n_params && len < sizeof(choices); i++) {
		if (!values->has[i])
			continue;
		choices_of(listing->table, values, i, one, sizeof(one));
		len += (size_t)snprintf(choices + len, sizeof(choices) - len, "%s%s %s",
					len ? ", " : "", listing->table->params[i].name, one);
	}
	format_all(listing->table, values, value, sizeof(value));
	knob_targets_add(listing->targets, key, name, len ? value : NULL, choices,
			 len ? NULL : nic_locked(-EOPNOTSUPP));
}

static void list_one(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	const struct nic_params *table = listing->table;
	char key[PLAN_OBJECT_MAX], name[256], choices[64], value[32];
	struct nic_values values;
	unsigned n = 0;
	int err = nic_params_get(host, table, ifname, &values);

	(void)snprintf(key, sizeof(key), "nic:%s", ifname);
	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	if (!err && table->is_whole) {
		add_whole(listing, &values, key, name);
		return;
	}
	for (unsigned i = 0; !err && i < table->n_params; i++) {
		if (!values.has[i])
			continue;
		(void)snprintf(key, sizeof(key), "nic:%s/%s", ifname, table->params[i].name);
		choices_of(table, &values, i, choices, sizeof(choices));
		format_one(&table->params[i], values.values[i], value, sizeof(value));
		knob_targets_add(listing->targets, key, name, value, choices, NULL);
		n++;
	}
	if (n == 0)
		knob_targets_add(listing->targets, key, name, NULL, "",
				 nic_locked(err ? err : -EOPNOTSUPP));
}

int nic_params_targets(const struct nic_params *table, struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.table = table, .targets = ret};

	ssh_path_read(host, &listing.ssh);
	return nic_each(host, list_one, &listing);
}

int nic_params_plan(const struct nic_params *table, const struct step_class *class,
		    struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	struct nic_values now, wish;
	struct nic_object nic;
	char text[PLAN_VALUE_MAX];
	uint32_t number;
	unsigned i = 0;
	int err = nic_object_parse(target, "nic:", &nic);

	(void)snprintf(text, sizeof(text), "%s", value);
	/* What is no target at all plan_add() says. */
	if (!err && !parse_object(table, target, &nic, &i)) {
		err = nic_params_get(host, table, nic.ifname, &now);
		if (!err && !table->is_whole && !now.has[i])
			err = -EOPNOTSUPP;
		if (err) {
			(void)snprintf(why, why_size, "%s: %s", target, nic_locked(err));
			return err;
		}
		if (table->is_whole) {
			err = nic_params_merge(table, &now, target, value, &wish, why, why_size);
			if (err)
				return err;
			format_all(table, &wish, text, sizeof(text));
		} else if (!parse_one(&table->params[i], value, &number)) {
			format_one(&table->params[i], number, text, sizeof(text));
		}
	}
	err = plan_add(ret, host, class, target, text, why, why_size);
	if (err)
		return err;
	nic_affected(host, nic.ifname, &ret->affected);
	plan_title_add(ret, "%.40s %.60s", target, text);
	nic_warn(host, nic.ifname, why, why_size, NULL);
	return 0;
}
