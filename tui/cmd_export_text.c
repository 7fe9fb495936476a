/* Settings as a shell script, as a systemd unit and as a tuned profile. */
#include <stdio.h>
#include <string.h>

#include "tui/cmd_export.h"

/* For a shell: '...', quotes inside as '\''. */
static void quote(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	buf[n++] = '\'';
	for (; *text && n + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(buf + n, "'\\''", 4);
			n += 4;
		} else {
			buf[n++] = *text;
		}
	}
	buf[n++] = '\'';
	buf[n] = '\0';
}

/* What is no file is done by a program that every host has, or not at all. */
static bool command_of(const struct export_step *step, const char *value, char *buf, size_t size)
{
	return step->class->shell && !step->class->shell(step->object, value, buf, size);
}

static bool is_exportable(const struct export_step *step)
{
	char text[1024];

	return step->path[0] || command_of(step, step->new_value, text, sizeof(text));
}

/* The test that tells the object from another one that has its name by then; "" for none. */
static void guard_of(const struct export_step *step, char *buf, size_t size)
{
	if (!step->class->shell_guard ||
	    step->class->shell_guard(step->object, step->identity, buf, size))
		buf[0] = '\0';
}

/* --- sh --- */

static const char sh_head[] =
	"set -u\n"
	"failed=0\n"
	"\n"
	"# shows FILE: its value; of a file with choices, the one in brackets\n"
	"shows() {\n"
	"\tsed 's/.*\\[\\([^]]*\\)\\].*/\\1/' \"$1\"\n"
	"}\n"
	"\n"
	"# put FILE VALUE: one write\n"
	"put() {\n"
	"\tif ! printf '%s' \"$2\" >\"$1\"; then\n"
	"\t\techo \"$1: cannot write $2\" >&2\n"
	"\t\tfailed=1\n"
	"\tfi\n"
	"}\n"
	"\n"
	"# back FILE OLD NEW: only what still shows our value is taken back\n"
	"back() {\n"
	"\tcase $(shows \"$1\") in\n"
	"\t\"$3\") put \"$1\" \"$2\" ;;\n"
	"\t\"$2\") ;;\n"
	"\t*) echo \"$1: has $(shows \"$1\") now, set by somebody else: left alone\" >&2 && "
	"failed=1 ;;\n"
	"\tesac\n"
	"}\n";

static const char sh_run[] = "\n"
			     "# run COMMAND...: for what is no file\n"
			     "run() {\n"
			     "\t\"$@\" || failed=1\n"
			     "}\n";

static void sh_step(const struct export_step *step, bool is_undo)
{
	char path[600], old_value[PLAN_VALUE_MAX + 16], new_value[PLAN_VALUE_MAX + 16];
	char guard[512], command[1024];
	const char *value = is_undo ? step->old_value : step->new_value;

	guard_of(step, guard, sizeof(guard));
	if (!is_exportable(step)) {
		printf("\t# not from a shell: %s %s = %s\n", step->class->name, step->object,
		       value);
		return;
	}
	printf("\t");
	if (guard[0])
		printf("if %s; then ", guard);
	quote(step->path, path, sizeof(path));
	quote(step->old_value, old_value, sizeof(old_value));
	quote(step->new_value, new_value, sizeof(new_value));
	if (command_of(step, value, command, sizeof(command)))
		printf("run %s", command);
	else if (is_undo)
		printf("back %s %s %s", path, old_value, new_value);
	else
		printf("put %s %s", path, new_value);
	quote(step->object, path, sizeof(path));
	if (guard[0])
		printf("; else echo %s': is another one now: skipped' >&2; fi", path);
	printf("\n");
}

static bool has_commands(const struct export_list *list)
{
	char text[1024];

	for (size_t i = 0; i < list->n_steps; i++) {
		if (command_of(&list->steps[i], list->steps[i].new_value, text, sizeof(text)))
			return true;
	}
	return false;
}

void export_sh(const struct export_list *list, const char *hostname)
{
	printf("#!/bin/sh\n# Settings made with jittertop on %s.\n"
	       "# usage: sh THIS apply (or start) | undo (or stop)\n",
	       hostname);
	fputs(sh_head, stdout);
	if (has_commands(list))
		fputs(sh_run, stdout);
	printf("\napply() {\n\t:\n");
	for (size_t i = 0; i < list->n_steps; i++)
		sh_step(&list->steps[i], false);
	printf("}\n\nundo() {\n\t:\n");
	for (size_t i = list->n_steps; i-- > 0;)
		sh_step(&list->steps[i], true);
	fputs("}\n\ncase ${1:-} in\napply | start) apply ;;\nundo | stop) undo ;;\n"
	      "*) echo \"usage: $0 apply|undo\" >&2 && exit 2 ;;\nesac\nexit $failed\n",
	      stdout);
}

/* --- systemd --- */

/* A word of ExecStart=: quoted, and what systemd would expand doubled (systemd.service(5), COMMAND
 * LINES). */
static void print_unit_word(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '%' || *text == '$')
			putchar(*text);
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void unit_step(const struct export_step *step, const char *key, const char *value)
{
	char path[600], quoted[PLAN_VALUE_MAX + 16], guard[512], command[1024];
	char line[PLAN_VALUE_MAX + 3072];
	size_t n = 0;

	if (!is_exportable(step)) {
		printf("# not from a unit: %s %s = %s\n", step->class->name, step->object, value);
		return;
	}
	guard_of(step, guard, sizeof(guard));
	if (guard[0])
		n = (size_t)snprintf(line, sizeof(line), "! %s || ", guard);
	quote(step->path, path, sizeof(path));
	quote(value, quoted, sizeof(quoted));
	if (command_of(step, value, command, sizeof(command)))
		(void)snprintf(line + n, sizeof(line) - n, "%s", command);
	else
		(void)snprintf(line + n, sizeof(line) - n, "printf %%s %s >%s", quoted, path);
	printf("%s=/bin/sh -c ", key);
	print_unit_word(line);
	printf("\n");
}

void export_systemd(const struct export_list *list, const char *hostname)
{
	printf("# Settings made with jittertop on %s: "
	       "/etc/systemd/system/jittertop-settings.service\n"
	       "[Unit]\n"
	       "Description=Latency settings made with jittertop\n"
	       "After=systemd-sysctl.service systemd-modules-load.service\n"
	       "\n[Service]\nType=oneshot\nRemainAfterExit=yes\n",
	       hostname);
	for (size_t i = 0; i < list->n_steps; i++)
		unit_step(&list->steps[i], "ExecStart", list->steps[i].new_value);
	for (size_t i = list->n_steps; i-- > 0;)
		unit_step(&list->steps[i], "ExecStop", list->steps[i].old_value);
	printf("\n[Install]\nWantedBy=multi-user.target\n");
}

/* --- tuned --- */

bool export_sysctl_name(const struct export_step *step, char *buf, size_t size)
{
	static const char sysctl[] = "/proc/sys/";

	if (!starts_with(step->path, sysctl))
		return false;
	int n = snprintf(buf, size, "%s", step->path + strlen(sysctl));
	for (char *c = buf; *c; c++)
		*c = (char)(*c == '/' ? '.' : *c == '.' ? '/' : *c);
	return n > 0 && (size_t)n < size;
}

void export_tuned(const struct export_list *list, const char *hostname)
{
	char name[sizeof(list->steps->path)];
	size_t n_rest = 0;

	printf("# Settings made with jittertop on %s: /etc/tuned/jittertop/tuned.conf\n"
	       "[main]\nsummary=Latency settings made with jittertop\n\n[sysctl]\n",
	       hostname);
	for (size_t i = 0; i < list->n_steps; i++) {
		const struct export_step *step = &list->steps[i];

		if (export_sysctl_name(step, name, sizeof(name)))
			printf("%s=%s\n", name, step->new_value);
	}
	printf("\n[sysfs]\n");
	for (size_t i = 0; i < list->n_steps; i++) {
		const struct export_step *step = &list->steps[i];

		if (starts_with(step->path, "/sys/"))
			printf("%s=%s\n", step->path, step->new_value);
		else if (!export_sysctl_name(step, name, sizeof(name)))
			n_rest++;
	}
	if (n_rest == 0)
		return;
	printf("\n# tuned has no plugin for the other %zu: make script.sh beside this file with\n"
	       "# `jittertop export --format sh` and chmod +x\n"
	       "[script]\nscript=${i:PROFILE_DIR}/script.sh\n",
	       n_rest);
}
