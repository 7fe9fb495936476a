/*
 * What `jittertop export` turns into text: the settings in force, each once, with the value before
 * the first change and after the last one.
 */
#ifndef JT_TUI_CMD_EXPORT_H
#define JT_TUI_CMD_EXPORT_H

#include "core/plan.h"

struct export_step {
	const struct step_class *class;
	const char *object, *identity;
	const char *old_value, *new_value; /* never equal */
	char path[512]; /* with "/" in front; "" for what is no file of the host's */
};

/* The order in which they were made; everything belongs to whoever made the list. */
struct export_list {
	struct export_step *steps;
	size_t n_steps;
};

/* "/proc/sys/net/core/busy_poll" as sysctl(8) names it: a dot in a name (an interface) and the
 * slash change places. False: no sysctl, or longer than size. */
bool export_sysctl_name(const struct export_step *step, char *buf, size_t size);

/* Everything below prints to stdout. */
void export_sh(const struct export_list *list, const char *hostname);
void export_systemd(const struct export_list *list, const char *hostname);
/* What tuned has no plugin for is left to a script beside the profile: said in comments. */
void export_tuned(const struct export_list *list, const char *hostname);
/* One line of words for the kernel command line. Returns how many settings have none: they are
 * named on stderr. */
size_t export_cmdline(const struct export_list *list);

#endif
