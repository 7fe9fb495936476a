/*
 * Private to the NIC knobs (probes/knob_nic_*.c): names of interfaces, requests of the "ethtool"
 * generic netlink family (Documentation/networking/ethtool-netlink.rst), and what a change of an
 * interface must say.
 *
 * Objects are "nic:IFNAME" or "nic:IFNAME/PART" (a parameter, a feature), queues are
 * "queue:IFNAME/rx-N". An object is known again by the interface's index and its network namespace:
 * names are used again, indexes of one namespace for long not.
 */
#ifndef JT_PROBES_KNOB_NIC_INTERNAL_H
#define JT_PROBES_KNOB_NIC_INTERNAL_H

#include <net/if.h>

#include "core/host_netlink.h"
#include "core/knob.h"
#include "probes/ssh_path.h"

#define KNOB_NIC_SYS "sys/class/net"
#define KNOB_NIC_PART_MAX 64u

struct nlattr;

/* --- names (knob_nic_ask.c) --- */

struct nic_object {
	char ifname[IFNAMSIZ];
	char part[KNOB_NIC_PART_MAX]; /* "": none */
};

/* prefix: "nic:" or "queue:". -EINVAL: not of the form, or no name an interface can have. */
int nic_object_parse(const char *object, const char *prefix, struct nic_object *ret) _must_check_;
/* "IFINDEX" or "IFINDEX@net:[INODE]". */
int nic_identity(struct host *host, const char *ifname, char *buf, size_t size) _must_check_;
/* step_class.identity of objects "nic:...". */
int nic_object_identity(struct host *host, const char *object, char *buf, size_t size);

/* Calls fn for each interface of the host. */
typedef void nic_each_fn(void *arg, struct host *host, const char *ifname);
int nic_each(struct host *host, nic_each_fn *fn, void *arg) _must_check_;
/* The name for people: driver, and the SSH connection where it carries it. */
void nic_target_name(struct host *host, const struct ssh_path *ssh, const char *ifname, char *buf,
		     size_t size);

/* --- requests (knob_nic_ask.c) --- */

struct nic_command {
	const char *name; /* "rings-get" */
	uint8_t command;  /* ETHTOOL_MSG_* */
	uint8_t max;	  /* highest attribute of the reply that is looked at */
	uint32_t flags;	  /* ETHTOOL_FLAG_* of the request */
};
#define NIC_ATTRIBUTES_MAX 63u

/* attributes[0..command->max], those missing are NULL. */
typedef int nic_take_fn(void *data, struct nlattr *const *attributes);
/* What the driver says of one interface: the interface's own request or, in a capture, its part of
 * the dump. -ENODATA: nothing. Errors as host_netlink(). */
int nic_get(struct host *host, const struct nic_command *command, const char *ifname,
	    nic_take_fn *take, void *data) _must_check_;

/* Adds the attributes of what is to be set; -ENOMEM. */
typedef int nic_put_fn(struct nl_msg *attributes, const void *data);
int nic_set(struct host *host, const struct nic_command *command, const char *ifname,
	    nic_put_fn *put, const void *data) _must_check_;

/* step_class.explain of what goes through ethtool. */
const char *nic_explain(int err);
/* Why an interface cannot be asked or set, for knob_target.locked. */
const char *nic_locked(int err);

/* --- what a plan says (knob_nic_ask.c) --- */

/* The numbers of its message-signalled interrupts, as names; free with host_names_done(). -ENOENT:
 * it has none. */
int nic_irqs(struct host *host, const char *ifname, struct host_names *ret) _must_check_;
/* The CPUs that interrupts of the interface go to, or all online ones where that is not known. */
void nic_affected(struct host *host, const char *ifname, struct cpuset *affected);
/* Appends "; "-joined to why what the change may do to the user's connection and what else. */
void nic_warn(struct host *host, const char *ifname, char *why, size_t why_size, const char *what);
void nic_why_add(char *why, size_t why_size, const char *fmt, ...) _printf_(3, 4);

/* --- tables of numbers and switches (knob_nic_params.c) --- */

struct nic_param {
	const char *name; /* as ethtool(8) calls it: "rx-usecs" */
	uint8_t attribute;
	bool is_switch;	       /* "on" or "off", else a number */
	uint8_t max_attribute; /* 0: the driver does not tell */
	/* In the structure of the older ioctl: offset of the uint32_t plus 1; 0: not there. */
	uint16_t offset, max_offset;
};

struct nic_params {
	struct nic_command get, set;
	const struct nic_param *params;
	unsigned n_params;
	/* One value for the whole interface ("rx 256 tx 256"), set by one request, instead of one
	 * per parameter. */
	bool is_whole;
	uint32_t ioctl_get, ioctl_set; /* 0: none */
	size_t ioctl_size;
	const char *what; /* "coalescing": for words */
};

#define NIC_PARAMS_MAX 24u
struct nic_values {
	bool has[NIC_PARAMS_MAX], has_max[NIC_PARAMS_MAX];
	uint32_t values[NIC_PARAMS_MAX], max[NIC_PARAMS_MAX];
};

int nic_params_get(struct host *host, const struct nic_params *table, const char *ifname,
		   struct nic_values *ret) _must_check_;
/* For the step class of a table. */
int nic_params_path(const struct nic_params *table, const char *object, char *buf, size_t size);
ssize_t nic_params_read(const struct nic_params *table, struct host *host, const char *object,
			char *buf, size_t size);
int nic_params_write(const struct nic_params *table, struct host *host, const char *object,
		     const char *value);
int nic_params_check(const struct nic_params *table, struct host *host, const char *object,
		     const char *value, char *why, size_t why_size);
/* For its knob. The plan's value may name only some of the parameters of a whole. */
int nic_params_targets(const struct nic_params *table, struct host *host, struct knob_targets *ret);
int nic_params_plan(const struct nic_params *table, const struct step_class *class,
		    struct host *host, const char *target, const char *value, struct plan *ret,
		    char *why, size_t why_size);
/* Whole tables: the value text with the named parameters replaced. -EINVAL: why says. */
int nic_params_merge(const struct nic_params *table, const struct nic_values *now,
		     const char *target, const char *value, struct nic_values *ret, char *why,
		     size_t why_size);

#endif
