/*
 * Where systemd runs, ending an SSH session kills what is left in its scope (KillUserProcesses=, or
 * an administrator's loginctl). Guard and sleeper therefore ask for a transient scope of their own.
 * Best effort: without systemd or its bus nothing is lost but that. Not tested on the machine this
 * was written on, which has no systemd.
 */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/guard_internal.h"

#define SCOPE_TIMEOUT_USEC 500000

static int fill_properties(sd_bus_message *message, const char *name)
{
	char description[64];

	(void)snprintf(description, sizeof(description), "jittertop %s", name);
	int err = sd_bus_message_open_container(message, 'a', "(sv)");
	if (err >= 0)
		err = sd_bus_message_append(message, "(sv)", "PIDs", "au", 1, (uint32_t)getpid());
	if (err >= 0)
		err = sd_bus_message_append(message, "(sv)", "Description", "s", description);
	if (err >= 0)
		err = sd_bus_message_append(message, "(sv)", "CollectMode", "s",
					    "inactive-or-failed");
	if (err >= 0)
		err = sd_bus_message_close_container(message);
	return err;
}

static int start_unit(sd_bus *bus, const char *name)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	char unit[64];

	(void)snprintf(unit, sizeof(unit), "jittertop-%s-%d.scope", name, (int)getpid());
	int err = sd_bus_message_new_method_call(
		bus, &message, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "StartTransientUnit");
	if (err >= 0)
		err = sd_bus_message_append(message, "ss", unit, "fail");
	if (err >= 0)
		err = fill_properties(message, name);
	if (err >= 0)
		err = sd_bus_message_append(message, "a(sa(sv))", 0);
	if (err < 0)
		return err;
	return sd_bus_call(bus, message, SCOPE_TIMEOUT_USEC, NULL, NULL);
}

void guard_scope_enter(const char *name)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

	if (sd_booted() <= 0 || sd_bus_open_system(&bus) < 0)
		return;
	(void)sd_bus_set_method_call_timeout(bus, SCOPE_TIMEOUT_USEC);
	(void)start_unit(bus, name);
}
