/*
 * The bus door: the resource settings that systemd keeps for its units
 * (org.freedesktop.systemd1(5), systemd.resource-control(5)), read here and set, at run time only,
 * by host_write_bus() of host_write.h. Nobody else talks to a bus about units.
 *
 * Values are text in one form:
 *   HOST_BUS_CPUS, _NODES   a list; "" none set
 *   HOST_BUS_QUOTA          us of CPU time in a second, 1 and more; "infinity"
 *   HOST_BUS_WEIGHT         1 to 10000, 0 idle; "unset"
 *   HOST_BUS_GROUP          control group, "/system.slice/cron.service"; "" none. Read only
 *   HOST_BUS_INVOCATION     32 hexadecimal digits, another at every start of the unit; "" none.
 *                           Read only
 *
 * Each call opens a connection (systemd's own socket, which root may use without a bus daemon, else
 * the system bus), asks and closes, all in HOST_BUS_TIMEOUT_NS whatever the peer does. A unit that
 * is not loaded is not loaded for it (-ENOENT). Live and scratch hosts; nothing is recorded.
 * Captured and synthetic ones: -EOPNOTSUPP. Fake hosts have values in the files
 * fake/bus/UNIT/PROPERTY ("fake/bus/cron.service/AllowedCPUs"), where writes go too after
 * host_fake_on_request()'s function (kind "bus", name "UNIT/PROPERTY", bytes the value) let them;
 * host_fake_error() of fake/bus makes the bus fail.
 *
 * Errors, which host_bus_reason() puts into words: -ENOTCONN no socket or nobody behind it,
 * -EACCES, -EPERM, -ENOENT no such unit, -EOPNOTSUPP this systemd has no such property, -EINVAL it
 * does not take the value (or not a unit's name), -ETIMEDOUT, -ECONNRESET closed on us, -EBADMSG an
 * answer of another type than it should be, -ECANCELED host_interrupt(), -EREMOTEIO any other
 * refusal.
 */
#ifndef JT_CORE_HOST_BUS_H
#define JT_CORE_HOST_BUS_H

#include "core/host.h"

#define HOST_BUS_TIMEOUT_NS (2 * NSEC_PER_SEC)
#define HOST_BUS_UNIT_MAX 256u /* of a unit's name, NUL included (unit-def.h: 255) */

enum host_bus_property {
	HOST_BUS_CPUS,
	HOST_BUS_NODES,
	HOST_BUS_QUOTA,
	HOST_BUS_WEIGHT,
	HOST_BUS_GROUP,
	HOST_BUS_INVOCATION,
	HOST_BUS_PROPERTIES
};

/* systemd's word for it: "AllowedCPUs". */
const char *host_bus_property_name(enum host_bus_property property);
/* A name of a slice, a scope or a service: the units that have these properties here. */
bool host_bus_is_unit(const char *name);
/* 0, or a negative errno. -EFBIG: the value is longer than size. */
int host_bus_read(struct host *host, const char *unit, enum host_bus_property property, char *buf,
		  size_t size) _must_check_;
/* 0: systemd answers. */
int host_bus_ping(struct host *host) _must_check_;
/* err: negative. "did not answer in 2 s". */
const char *host_bus_reason(int err);

#endif
