/*
 * How one NAPI instance of an interface is polled, where the kernel sets them one by one: napi-set
 * of the "netdev" generic netlink family (Linux 6.13, Documentation/netlink/specs/netdev.yaml).
 * "napi:IFNAME/ID/PARAM". An instance is known again by its interface, its number and its
 * interrupt: a driver that makes its queues anew makes new ones.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "probes/knob_nic_internal.h"
#include "probes/netdev.h"

enum { CMD_NAPI_SET = 14 };
enum { ATTR_ID = 2, ATTR_DEFER = 5, ATTR_FLUSH = 6, ATTR_SUSPEND = 7, ATTR_THREADED = 8 };

static const struct {
	const char *name, *choices;
	int attribute;
	uint64_t max;
} params[NETDEV_NAPI_PARAMS] = {
	[NETDEV_NAPI_DEFER] = {"defer-hard-irqs", "0 to 2147483647 empty polls", ATTR_DEFER,
			       INT32_MAX},
	[NETDEV_NAPI_FLUSH] = {"gro-flush-timeout", "ns, 0: not beyond the poll", ATTR_FLUSH,
			       UINT64_MAX},
	[NETDEV_NAPI_SUSPEND] = {"irq-suspend-timeout", "ns, 0: never", ATTR_SUSPEND, UINT64_MAX},
	[NETDEV_NAPI_THREADED] = {"threaded", "0|1", ATTR_THREADED, 1},
};

struct napi_object {
	char ifname[IFNAMSIZ];
	uint32_t id;
	unsigned param;
};

static int parse_object(const char *object, struct napi_object *ret)
{
	static const char prefix[] = "napi:";
	struct nic_object nic;
	char head[IFNAMSIZ + 32];
	const char *slash = strrchr(object, '/');
	uint64_t id;

	if (!slash || (size_t)(slash - object) >= sizeof(head))
		return -EINVAL;
	(void)snprintf(head, sizeof(head), "%.*s", (int)(slash - object), object);
	int err = nic_object_parse(head, prefix, &nic);
	if (err || parse_u64(nic.part, &id) < 0 || id > UINT32_MAX ||
	    (nic.part[0] == '0' && nic.part[1]))
		return -EINVAL;
	for (unsigned i = 0; i < NETDEV_NAPI_PARAMS; i++) {
		if (strcmp(params[i].name, slash + 1) != 0)
			continue;
		(void)snprintf(ret->ifname, sizeof(ret->ifname), "%s", nic.ifname);
		ret->id = (uint32_t)id;
		ret->param = i;
		return 0;
	}
	return -EINVAL;
}

/* -ENOENT: there is none of this number on this interface. */
static int find_napi(struct host *host, const struct napi_object *object, struct netdev_napi *ret)
{
	struct netdev_napis napis = {0};
	uint64_t ifindex;
	int err = host_read_u64f(host, &ifindex, KNOB_NIC_SYS "/%s/ifindex", object->ifname);

	if (!err)
		err = netdev_napis(host, &napis);
	if (err < 0)
		return err;
	err = -ENOENT;
	for (size_t i = 0; i < napis.n; i++) {
		if (napis.at[i].id != object->id || napis.at[i].ifindex != ifindex)
			continue;
		*ret = napis.at[i];
		err = 0;
	}
	netdev_napis_done(&napis);
	return err;
}

static int napi_path(const char *object, char *buf, size_t size)
{
	struct napi_object napi;
	int err = parse_object(object, &napi);

	if (err)
		return err;
	int len = snprintf(buf, size, "netdev napi %s %u %s", napi.ifname, napi.id,
			   params[napi.param].name);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int napi_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char interface[96];
	struct napi_object parsed;
	struct netdev_napi napi;
	int err = parse_object(object, &parsed);

	if (!err)
		err = nic_identity(host, parsed.ifname, interface, sizeof(interface));
	if (!err)
		err = find_napi(host, &parsed, &napi);
	if (err)
		return err;
	int len = napi.has_irq ? snprintf(buf, size, "%s/irq:%u", interface, napi.irq)
			       : snprintf(buf, size, "%s", interface);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static ssize_t napi_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct napi_object parsed;
	struct netdev_napi napi;
	int err = parse_object(object, &parsed);

	if (!err)
		err = find_napi(host, &parsed, &napi);
	if (!err && !napi.has_params[parsed.param])
		err = -EOPNOTSUPP;
	return err ? err
		   : snprintf(buf, size, "%llu", (unsigned long long)napi.params[parsed.param]);
}

static int napi_write(struct host *host, const char *object, const char *value)
{
	struct nl_msg *attributes = nlmsg_alloc();
	struct napi_object napi;
	struct host_netlink_request request = {
		.family = "netdev",
		.name = "napi-set",
		.command = CMD_NAPI_SET,
		.attributes = attributes,
	};
	uint64_t number;
	int err = parse_object(object, &napi);

	if (!err)
		err = parse_u64(value, &number);
	if (!err) {
		int attribute = params[napi.param].attribute;

		request.device = napi.ifname;
		err = attributes ? nla_put_u32(attributes, ATTR_ID, napi.id) : -ENOMEM;
		/* The kernel's "uint" may have 4 or 8 bytes. */
		if (!err && number <= UINT32_MAX)
			err = nla_put_u32(attributes, attribute, (uint32_t)number);
		else if (!err)
			err = nla_put_u64(attributes, attribute, number);
		err = err < 0 ? -ENOMEM : host_write_netlink(host, &request);
	}
	nlmsg_free(attributes);
	return err;
}

static int napi_check(struct host *host, const char *object, const char *value, char *why,
		      size_t why_size)
{
	struct napi_object napi;
	uint64_t number;

	(void)host;
	if (parse_object(object, &napi) || parse_u64(value, &number))
		return -EINVAL;
	if (number > params[napi.param].max) {
		(void)snprintf(why, why_size, "%s: %s is too much: %s", object, value,
			       params[napi.param].choices);
		return -ERANGE;
	}
	return 0;
}

static const char *napi_explain(int err)
{
	switch (err) {
	case ENOENT:
		return "the NAPI instance has gone: the driver made its queues anew";
	case EOPNOTSUPP:
		return "this kernel cannot set it for one NAPI instance";
	default:
		return nic_explain(err);
	}
}

extern const struct step_class step_class_napi;
const struct step_class step_class_napi = {
	.name = "napi",
	.compare = STEP_U64,
	.flags = STEP_NOT_A_FILE,
	.path = napi_path,
	.identity = napi_identity,
	.read = napi_read,
	.write = napi_write,
	.check = napi_check,
	.explain = napi_explain,
	.said = host_netlink_why,
};

struct listing {
	struct knob_targets *targets;
	struct netdev_napis napis;
	struct ssh_path ssh;
	int err;
};

static void add_napi(struct listing *listing, const struct netdev_napi *napi, const char *ifname,
		     const char *carries)
{
	char key[PLAN_OBJECT_MAX], name[256], value[24];
	int len = snprintf(name, sizeof(name), "%s", carries);

	if (napi->has_irq)
		(void)snprintf(name + len, sizeof(name) - (size_t)len, "%sirq %u", len ? ", " : "",
			       napi->irq);
	for (unsigned i = 0; i < NETDEV_NAPI_PARAMS; i++) {
		if (!napi->has_params[i])
			continue;
		(void)snprintf(key, sizeof(key), "napi:%s/%u/%s", ifname, napi->id, params[i].name);
		(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)napi->params[i]);
		knob_targets_add(listing->targets, key, name, value, params[i].choices, NULL);
	}
}

static void list_one(void *arg, struct host *host, const char *ifname)
{
	struct listing *listing = arg;
	char key[PLAN_OBJECT_MAX], name[160];
	uint64_t ifindex = 0;
	bool has_any = false;

	nic_target_name(host, &listing->ssh, ifname, name, sizeof(name));
	(void)!host_read_u64f(host, &ifindex, KNOB_NIC_SYS "/%s/ifindex", ifname);
	for (size_t i = 0; i < listing->napis.n; i++) {
		const struct netdev_napi *napi = &listing->napis.at[i];

		if (napi->ifindex != ifindex || !napi->has_params[NETDEV_NAPI_DEFER])
			continue;
		add_napi(listing, napi, ifname, name);
		has_any = true;
	}
	if (has_any)
		return;
	(void)snprintf(key, sizeof(key), "napi:%s", ifname);
	knob_targets_add(listing->targets, key, name, NULL, "",
			 listing->err < 0   ? nic_locked(listing->err)
			 : listing->napis.n ? "no NAPI instance of it is known: it is down, or its "
					      "driver does not tell"
					    : "this kernel knows no NAPI instance of any "
					      "interface that is up");
}

static int napi_targets(struct host *host, struct knob_targets *ret)
{
	struct listing listing = {.targets = ret};

	ssh_path_read(host, &listing.ssh);
	listing.err = netdev_napis(host, &listing.napis);
	int err = nic_each(host, list_one, &listing);
	netdev_napis_done(&listing.napis);
	return err;
}

static int napi_plan(struct host *host, const char *target, const char *value, struct plan *ret,
		     char *why, size_t why_size)
{
	struct napi_object parsed;
	struct netdev_napi napi;
	struct cpuset cpus;
	int err = plan_add(ret, host, &step_class_napi, target, value, why, why_size);

	if (err)
		return err;
	(void)!parse_object(target, &parsed);
	if (!find_napi(host, &parsed, &napi) && napi.has_irq &&
	    !host_read_cpulistf(host, &cpus, "proc/irq/%u/effective_affinity_list", napi.irq))
		cpuset_or(&ret->affected, &cpus);
	else
		nic_affected(host, parsed.ifname, &ret->affected);
	plan_title_add(ret, "%.60s %.24s", target, value);
	nic_warn(host, parsed.ifname, why, why_size, NULL);
	return 0;
}

const struct knob knob_napi = {
	.name = "napi",
	.family = "nic",
	.summary = "how one NAPI instance (one queue's polling) defers interrupts",
	.cost = "Longer: fewer interrupts, later packets. A driver that makes its queues anew "
		"forgets it. Undone by setting the old number.",
	.risk = KNOB_FREE,
	.none_key = "nic:*",
	.none = "no network interface is seen here",
	.targets = napi_targets,
	.plan = napi_plan,
};
