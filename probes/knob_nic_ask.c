#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/knob_nic_internal.h"

/* --- names --- */

/* dev_valid_name() of net/core/dev.c. */
static bool is_valid_name(const char *name, size_t len)
{
	if (len == 0 || len >= IFNAMSIZ || (len == 1 && name[0] == '.') ||
	    (len == 2 && !memcmp(name, "..", 2)))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (strchr("/: \t\n\v\f\r", name[i]))
			return false;
	}
	return true;
}

int nic_object_parse(const char *object, const char *prefix, struct nic_object *ret)
{
	size_t skip = strlen(prefix);

	if (strncmp(object, prefix, skip) != 0)
		return -EINVAL;

	const char *name = object + skip, *end = strchrnul(name, '/');
	const char *part = *end ? end + 1 : end;
	if (!is_valid_name(name, (size_t)(end - name)) || (*end && !*part) ||
	    strlen(part) >= sizeof(ret->part) || strpbrk(part, "/\n"))
		return -EINVAL;
	(void)snprintf(ret->ifname, sizeof(ret->ifname), "%.*s", (int)(end - name), name);
	(void)snprintf(ret->part, sizeof(ret->part), "%s", part);
	return 0;
}

int nic_identity(struct host *host, const char *ifname, char *buf, size_t size)
{
	uint64_t ifindex;
	char netns[64];
	int err = host_read_u64f(host, &ifindex, KNOB_NIC_SYS "/%s/ifindex", ifname);

	if (err)
		return err;
	ssize_t n = host_readlinkf(host, netns, sizeof(netns), "proc/self/ns/net");
	int len = snprintf(buf, size, "%llu%s%s", (unsigned long long)ifindex, n > 0 ? "@" : "",
			   n > 0 ? netns : "");
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

int nic_object_identity(struct host *host, const char *object, char *buf, size_t size)
{
	struct nic_object nic;
	int err = nic_object_parse(object, "nic:", &nic);

	return err ? err : nic_identity(host, nic.ifname, buf, size);
}

int nic_each(struct host *host, nic_each_fn *fn, void *arg)
{
	struct host_names names;
	int err = host_listf(host, &names, KNOB_NIC_SYS);

	if (err)
		return errno_is_absent(-err) ? 0 : err;
	for (size_t i = 0; i < names.n; i++) {
		/* bonding_masters is a file. */
		if (is_valid_name(names.names[i], strlen(names.names[i])) &&
		    host_existsf(host, KNOB_NIC_SYS "/%s/ifindex", names.names[i]))
			fn(arg, host, names.names[i]);
	}
	host_names_done(&names);
	return 0;
}

void nic_target_name(struct host *host, const struct ssh_path *ssh, const char *ifname, char *buf,
		     size_t size)
{
	char link[256], driver[64] = "", carries[160];
	ssize_t n =
		host_readlinkf(host, link, sizeof(link), KNOB_NIC_SYS "/%s/device/driver", ifname);
	const char *slash = n > 0 ? strrchr(link, '/') : NULL;

	if (slash)
		(void)text_sanitise(slash + 1, strlen(slash + 1), driver, sizeof(driver));
	bool is_ours = ssh_path_text(ssh, ifname, carries, sizeof(carries));
	(void)snprintf(buf, size, "%s%s%s", driver, is_ours && driver[0] ? ", " : "", carries);
}

/* --- requests --- */

struct asking {
	const char *ifname;
	const struct nic_command *command;
	nic_take_fn *take;
	void *data;
	bool is_taken;
};

static int take_message(void *data, const struct host_netlink_message *message)
{
	struct asking *asking = data;
	struct nlattr *attributes[NIC_ATTRIBUTES_MAX + 1], *header[ETHTOOL_A_HEADER_MAX + 1];

	/* The header is attribute 1 of every reply of this family. */
	if (asking->command->max > NIC_ATTRIBUTES_MAX ||
	    nla_parse(attributes, asking->command->max, message->attributes,
		      message->attributes_len, NULL) < 0 ||
	    !attributes[1] ||
	    nla_parse_nested(header, ETHTOOL_A_HEADER_MAX, attributes[1], NULL) < 0)
		return -EBADMSG;
	if (header[ETHTOOL_A_HEADER_DEV_NAME] &&
	    nla_strcmp(header[ETHTOOL_A_HEADER_DEV_NAME], asking->ifname) != 0)
		return 0;
	asking->is_taken = true;
	return asking->take(asking->data, attributes);
}

/* ifname NULL: of none. ifindex 0: unknown. The kernel refuses when the two do not fit. */
static int put_header(struct nl_msg *attributes, const char *ifname, uint32_t ifindex,
		      uint32_t flags)
{
	struct nlattr *header = nla_nest_start(attributes, 1);

	if (!header ||
	    (ifindex && nla_put_u32(attributes, ETHTOOL_A_HEADER_DEV_INDEX, ifindex) < 0) ||
	    (ifname && nla_put_string(attributes, ETHTOOL_A_HEADER_DEV_NAME, ifname) < 0) ||
	    (flags && nla_put_u32(attributes, ETHTOOL_A_HEADER_FLAGS, flags) < 0))
		return -ENOMEM;
	return nla_nest_end_keep_empty(attributes, header) < 0 ? -ENOMEM : 0;
}

static int ask(struct host *host, struct asking *asking, bool is_dump)
{
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "ethtool",
		.name = asking->command->name,
		.command = asking->command->command,
		.is_dump = is_dump,
		.device = is_dump ? NULL : asking->ifname,
		.attributes = attributes,
	};
	int err = -ENOMEM;

	if (attributes &&
	    !put_header(attributes, is_dump ? NULL : asking->ifname, 0, asking->command->flags))
		err = host_netlink(host, &request, take_message, asking);
	nlmsg_free(attributes);
	return err < 0 ? err : 0;
}

int nic_get(struct host *host, const struct nic_command *command, const char *ifname,
	    nic_take_fn *take, void *data)
{
	struct asking asking = {.ifname = ifname, .command = command, .take = take, .data = data};
	int err = ask(host, &asking, false);

	/* Captures hold what the probes asked for: dumps. */
	if (err == -ENOENT && !host_is_this_machine(host))
		err = ask(host, &asking, true);
	return err || asking.is_taken ? err : -ENODATA;
}

int nic_set(struct host *host, const struct nic_command *command, const char *ifname,
	    nic_put_fn *put, const void *data)
{
	struct nl_msg *attributes = nlmsg_alloc();
	struct host_netlink_request request = {
		.family = "ethtool",
		.name = command->name,
		.command = command->command,
		.device = ifname,
		.attributes = attributes,
	};
	uint64_t ifindex;
	int err = host_read_u64f(host, &ifindex, KNOB_NIC_SYS "/%s/ifindex", ifname);

	if (!err && ifindex > UINT32_MAX)
		err = -ERANGE;
	if (!err && !attributes)
		err = -ENOMEM;
	if (!err)
		err = put_header(attributes, ifname, (uint32_t)ifindex, command->flags);
	if (!err)
		err = put(attributes, data);
	if (!err)
		err = host_write_netlink(host, &request);
	nlmsg_free(attributes);
	return err;
}

const char *nic_explain(int err)
{
	switch (err) {
	case EOPNOTSUPP:
		return "the driver of this interface cannot do this";
	case EINVAL:
		return "the driver does not take this value or this combination";
	case ERANGE:
		return "more or less than the driver can do";
	case EBUSY:
		return "the interface is in use in a way that forbids it (AF_XDP sockets, flow "
		       "rules, traffic classes): end that first";
	case ENETDOWN:
		return "only while the interface is up";
	case ENODEV:
		return "the interface has gone or is another one now";
	case ENOMEM:
		return "no memory for the new queues or rings: ask for less";
	case EPERM:
	case EACCES:
		return "only with CAP_NET_ADMIN in the interface's network namespace";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const char *nic_locked(int err)
{
	switch (-err) {
	case EOPNOTSUPP:
	case ENODATA:
		return "the driver of this interface cannot do this";
	case ENOENT:
		return "this kernel cannot do this, or the capture does not have it";
	default:
		return nic_explain(-err) ? nic_explain(-err) : strerror(-err);
	}
}

/* --- what a plan says --- */

int nic_irqs(struct host *host, const char *ifname, struct host_names *ret)
{
	static const char net[] = "/net/", up[] = "../../devices/";
	char link[480];
	ssize_t n = host_readlinkf(host, link, sizeof(link), KNOB_NIC_SYS "/%s", ifname);
	char *end = n > 0 ? strstr(link, net) : NULL;

	if (!end || strncmp(link, up, strlen(up)) != 0)
		return host_listf(host, ret, KNOB_NIC_SYS "/%s/device/msi_irqs", ifname);
	*end = '\0';
	if (!host_listf(host, ret, "sys/%s/msi_irqs", link + strlen("../../")))
		return 0;
	/* Below virtio the vectors are those of the PCI device above. */
	end = strrchr(link, '/');
	*end = '\0';
	return host_listf(host, ret, "sys/%s/msi_irqs", link + strlen("../../"));
}

void nic_affected(struct host *host, const char *ifname, struct cpuset *affected)
{
	struct cpus cpus = {0};
	struct host_names names = {0};
	struct cpuset set;
	bool has_any = false;

	if (nic_irqs(host, ifname, &names) < 0)
		names.n = 0;
	for (size_t i = 0; i < names.n; i++) {
		if (host_read_cpulistf(host, &set, "proc/irq/%s/effective_affinity_list",
				       names.names[i]) < 0)
			continue;
		cpuset_or(affected, &set);
		has_any |= !cpuset_is_empty(&set);
	}
	host_names_done(&names);
	if (has_any)
		return;
	if (!cpus_online(&cpus, host, &set))
		cpuset_or(affected, &set);
	cpus_done(&cpus);
}

void nic_why_add(char *why, size_t why_size, const char *fmt, ...)
{
	size_t len = why_size ? strlen(why) : 0;
	va_list ap;

	if (len && len + 3 < why_size)
		len += (size_t)snprintf(why + len, why_size - len, "; ");
	if (len >= why_size)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why + len, why_size - len, fmt, ap);
	va_end(ap);
}

void nic_warn(struct host *host, const char *ifname, char *why, size_t why_size, const char *what)
{
	struct ssh_path ssh;
	char carries[160];

	ssh_path_read(host, &ssh);
	if (ssh_path_text(&ssh, ifname, carries, sizeof(carries)))
		nic_why_add(why, why_size,
			    "%s %s: if it is cut, the change is taken back at its deadline", ifname,
			    carries);
	if (what)
		nic_why_add(why, why_size, "%s", what);
}
