/*
 * Which receive queues a NIC spreads packets over: its RSS indirection table
 * (Documentation/networking/scaling.rst). "nic:IFNAME". The hash key and function are not touched.
 *
 * "default" is a state of its own: a table that somebody set keeps the kernel from reducing the
 * number of queues, only the request for the default (a table of size 0) ends that
 * (net/ethtool/ioctl.c, ethtool_set_rxfh_indir(), IFF_RXFH_CONFIGURED). The kernel does not show
 * it: a table that looks like the default one is taken for it.
 *
 * Values: "default"; "equal N", queues 0 to N - 1 in turn; "queues LIST", these in turn;
 * "table Q*N,Q*N,...", any other one.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_ethtool.h"
#include "core/host_write.h"
#include "core/parse.h"
#include "probes/knob_nic_internal.h"

#define ENTRIES_MAX 65536u

static const char is_default[] = "default", equal[] = "equal ", queues[] = "queues ",
		  explicit_table[] = "table ";

struct table {
	struct ethtool_rxfh_indir *indir; /* as the ioctl wants it */
	unsigned n, rings;		  /* rings 0: unknown */
};

static void table_done(struct table *table)
{
	free(table->indir);
}

static int read_table(struct host *host, const char *ifname, struct table *ret)
{
	struct ethtool_rxfh_indir head = {.cmd = ETHTOOL_GRXFHINDIR};
	struct ethtool_rxnfc rings = {.cmd = ETHTOOL_GRXRINGS};
	ssize_t n = host_ethtool_get(host, ifname, &head, sizeof(head));

	*ret = (struct table){0};
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(head) || head.size > ENTRIES_MAX)
		return -EBADMSG;
	if (head.size == 0)
		return -EOPNOTSUPP;

	size_t size = sizeof(head) + head.size * sizeof(head.ring_index[0]);
	ret->indir = xcalloc(1, size);
	ret->indir->cmd = ETHTOOL_GRXFHINDIR;
	ret->indir->size = ret->n = head.size;
	n = host_ethtool_get(host, ifname, ret->indir, size);
	if (n >= 0 && ((size_t)n < size || ret->indir->size != head.size))
		n = -EBADMSG;
	if (n < 0) {
		table_done(ret);
		ret->indir = NULL;
		return (int)n;
	}
	if (host_ethtool_get(host, ifname, &rings, sizeof(rings)) == (ssize_t)sizeof(rings) &&
	    rings.data <= ENTRIES_MAX)
		ret->rings = (unsigned)rings.data;
	return 0;
}

/* --- values --- */

static bool is_in_turn(const struct table *table, unsigned n)
{
	for (unsigned i = 0; n && i < table->n; i++) {
		if (table->indir->ring_index[i] != i % n)
			return false;
	}
	return n != 0;
}

/* The members of set in turn. */
static void fill(struct table *table, const struct cpuset *set)
{
	unsigned at = cpuset_next(set, 0);

	for (unsigned i = 0; i < table->n; i++) {
		table->indir->ring_index[i] = at;
		at = cpuset_next(set, at + 1);
		if (at >= CPUSET_MAX)
			at = cpuset_next(set, 0);
	}
}

static bool is_of(const struct table *table, struct cpuset *ret)
{
	struct table copy = *table;

	cpuset_zero(ret);
	for (unsigned i = 0; i < table->n; i++) {
		if (table->indir->ring_index[i] >= CPUSET_MAX)
			return false;
		cpuset_add(ret, table->indir->ring_index[i]);
	}

	size_t size = sizeof(*copy.indir) + copy.n * sizeof(copy.indir->ring_index[0]);
	_cleanup_(freep) struct ethtool_rxfh_indir *filled = xcalloc(1, size);
	copy.indir = filled;
	copy.indir->cmd = table->indir->cmd;
	copy.indir->size = table->n;
	fill(&copy, ret);
	return !memcmp(copy.indir, table->indir, size);
}

static int format_runs(const struct table *table, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%s", explicit_table);

	for (unsigned i = 0, run; i < table->n && len < size; i += run) {
		uint32_t queue = table->indir->ring_index[i];

		for (run = 1; i + run < table->n && table->indir->ring_index[i + run] == queue;)
			run++;
		len += (size_t)snprintf(buf + len, size - len, "%s%u*%u", i ? "," : "", queue, run);
	}
	return len < size ? 0 : -EFBIG;
}

static int format_table(const struct table *table, char *buf, size_t size)
{
	struct cpuset set;
	char list[PLAN_VALUE_MAX / 2];
	unsigned n;

	if (is_in_turn(table, table->rings)) {
		(void)snprintf(buf, size, "%s", is_default);
		return 0;
	}
	if (!is_of(table, &set) || cpuset_format_list(&set, list, sizeof(list)) < 0)
		return format_runs(table, buf, size);
	n = cpuset_count(&set);
	if (is_in_turn(table, n))
		(void)snprintf(buf, size, "%s%u", equal, n);
	else
		(void)snprintf(buf, size, "%s%s", queues, list);
	return 0;
}

static int parse_runs(const char *text, struct table *table)
{
	unsigned n = 0;

	while (*text) {
		char word[32];
		size_t len = strcspn(text, ",");
		uint64_t queue, run;

		if (len >= sizeof(word))
			return -EINVAL;
		(void)snprintf(word, sizeof(word), "%.*s", (int)len, text);
		char *star = strchr(word, '*');
		if (!star)
			return -EINVAL;
		*star = '\0';
		if (parse_u64(word, &queue) || parse_u64(star + 1, &run) || queue > ENTRIES_MAX ||
		    run > table->n - n)
			return -EINVAL;
		for (; run > 0; run--)
			table->indir->ring_index[n++] = (uint32_t)queue;
		text += len;
		text += *text == ',';
	}
	return n == table->n ? 0 : -EINVAL;
}

/* table has its size, and gets its entries. */
static int parse_value(const char *value, struct table *table)
{
	struct cpuset set;
	uint64_t n;

	if (!strncmp(value, explicit_table, strlen(explicit_table)))
		return parse_runs(value + strlen(explicit_table), table);
	cpuset_zero(&set);
	if (!strncmp(value, queues, strlen(queues))) {
		if (cpuset_parse_list(value + strlen(queues), &set))
			return -EINVAL;
	} else if (!strcmp(value, is_default)) {
		n = table->rings ? table->rings : 1;
		for (unsigned i = 0; i < n && i < CPUSET_MAX; i++)
			cpuset_add(&set, i);
	} else {
		if (strncmp(value, equal, strlen(equal)) != 0 ||
		    parse_u64(value + strlen(equal), &n) || n > CPUSET_MAX)
			return -EINVAL;
		for (unsigned i = 0; i < n; i++)
			cpuset_add(&set, i);
	}
	if (cpuset_is_empty(&set))
		return -EINVAL;
	fill(table, &set);
	return 0;
}

/* --- the step class --- */

static int rss_path(const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (err || nic.part[0])
		return -EINVAL;
	int len = snprintf(buf, size, "ethtool RSS table %s", nic.ifname);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static ssize_t rss_read(struct host *host, const char *object, char *buf, size_t size)
{
	_cleanup_(table_done) struct table table = {0};
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (!err)
		err = read_table(host, nic.ifname, &table);
	if (!err)
		err = format_table(&table, buf, size);
	return err ? err : (ssize_t)strlen(buf);
}

static int rss_write(struct host *host, const char *object, const char *value)
{
	_cleanup_(table_done) struct table table = {0};
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (!err)
		err = read_table(host, nic.ifname, &table);
	if (!err)
		err = parse_value(value, &table);
	if (err)
		return err;
	size_t size = sizeof(*table.indir) + table.n * sizeof(table.indir->ring_index[0]);
	table.indir->cmd = ETHTOOL_SRXFHINDIR;
	if (!strcmp(value, is_default)) {
		table.indir->size = 0;
		size = sizeof(*table.indir);
	}
	return host_write_ioctl_ethtool(host, nic.ifname, table.indir, size);
}

static int rss_check(struct host *host, const char *object, const char *value, char *why,
		     size_t why_size)
{
	_cleanup_(table_done) struct table table = {0};
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	if (!err)
		err = read_table(host, nic.ifname, &table);
	if (err) {
		(void)snprintf(why, why_size, "%s: %s", object, nic_locked(err));
		return err;
	}
	if (parse_value(value, &table)) {
		(void)snprintf(why, why_size,
			       "%s: \"%.64s\" is not \"default\", \"equal N\" or \"queues LIST\"",
			       object, value);
		return -EINVAL;
	}
	for (unsigned i = 0; table.rings && i < table.n; i++) {
		if (table.indir->ring_index[i] < table.rings)
			continue;
		(void)snprintf(why, why_size, "%s: there is no queue %u: it has 0 to %u", object,
			       table.indir->ring_index[i], table.rings - 1);
		return -ERANGE;
	}
	return 0;
}

extern const struct step_class step_class_nic_rss;
const struct step_class step_class_nic_rss = {
	.name = "nic_rss",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE,
	.path = rss_path,
	.identity = nic_object_identity,
	.read = rss_read,
	.write = rss_write,
	.check = rss_check,
	.explain = nic_explain,
};

/* --- the knob --- */

struct listing {
	struct knob_targets *targets;
	struct ssh_path ssh;
};

static void list_one(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	_cleanup_(table_done) struct table table = {0};
	char key[PLAN_OBJECT_MAX], name[256], choices[96], value[PLAN_VALUE_MAX];
	int err = read_table(host, ifname, &table);

	if (!err)
		err = format_table(&table, value, sizeof(value));
	(void)snprintf(key, sizeof(key), "nic:%s", ifname);
	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	(void)snprintf(choices, sizeof(choices), "default, equal N, queues LIST (of %u queues)",
		       table.rings);
	knob_targets_add(listing->targets, key, name, err ? NULL : value, err ? "" : choices,
			 err ? nic_locked(err) : NULL);
}

static int rss_targets(struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.targets = ret};

	ssh_path_read(host, &listing.ssh);
	return nic_each(host, list_one, &listing);
}

/* As it will read: "equal 4" of four queues is the default. */
static int canonical(struct host *host, const char *ifname, const char *value, char *buf,
		     size_t size)
{
	_cleanup_(table_done) struct table table = {0};
	int err = read_table(host, ifname, &table);

	if (!err)
		err = parse_value(value, &table);
	return err ? err : format_table(&table, buf, size);
}

static int rss_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size)
{
	char text[PLAN_VALUE_MAX];
	struct nic_object nic;

	if (nic_object_parse(target, "nic:", &nic) ||
	    canonical(host, nic.ifname, value, text, sizeof(text)))
		(void)snprintf(text, sizeof(text), "%s", value); /* plan_add() says what is wrong */
	int err = plan_add(ret, host, &step_class_nic_rss, target, text, why, why_size);
	if (err)
		return err;

	const struct plan_step *step = &ret->steps[ret->n_steps - 1];
	nic_affected(host, nic.ifname, &ret->affected);
	plan_title_add(ret, "%.40s RSS %.60s", target, text);
	nic_warn(host, nic.ifname, why, why_size, NULL);
	if (strcmp(step->old_value, is_default) != 0 || strcmp(text, is_default) != 0)
		nic_why_add(why, why_size,
			    "with a table of one's own the kernel may refuse fewer channels until "
			    "it is set to default");
	return 0;
}

const struct knob knob_nic_rss = {
	.name = "nic_rss",
	.family = "nic",
	.summary = "receive queues that a NIC spreads packets over (RSS table)",
	.cost = "Flows move to other queues once, some packets out of order; key and hash stay. "
		"Undone by the old table, or by asking for the default where it was that.",
	.risk = KNOB_FREE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = rss_targets,
	.plan = rss_plan,
};
