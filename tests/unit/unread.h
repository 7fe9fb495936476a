/*
 * A mutation: -Wl,--wrap=step_read,--wrap=host_write: what was written is believed, never read
 * back. Included by the one source of a program that must then fail.
 */
#ifndef JT_TESTS_UNIT_UNREAD_H
#define JT_TESTS_UNIT_UNREAD_H

#include <stdio.h>

#include "core/host_write.h"
#include "core/plan_internal.h"

int __real_step_read(struct host *host, const struct step_class *class, const char *object,
		     char *buf, size_t size);
int __wrap_step_read(struct host *host, const struct step_class *class, const char *object,
		     char *buf, size_t size);
int __real_host_write(struct host *host, const char *path, const char *text);
int __wrap_host_write(struct host *host, const char *path, const char *text);

static char believed[PLAN_VALUE_MAX];

int __wrap_host_write(struct host *host, const char *path, const char *text)
{
	(void)snprintf(believed, sizeof(believed), "%s", text);
	return __real_host_write(host, path, text);
}

int __wrap_step_read(struct host *host, const struct step_class *class, const char *object,
		     char *buf, size_t size)
{
	if (!believed[0])
		return __real_step_read(host, class, object, buf, size);
	(void)snprintf(buf, size, "%s", believed);
	believed[0] = '\0';
	return 0;
}

#endif
