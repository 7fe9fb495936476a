#include "tui/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "core/text.h"

/* What the user or the host gave us ends up in messages: nothing of it may steer the terminal. */
static void print_error(const char *what, const char *fmt, va_list ap) _printf_(2, 0);
static void print_error(const char *what, const char *fmt, va_list ap)
{
	char clean_what[256], clean_why[1024];
	_cleanup_(freep) char *why = xvasprintf(fmt, ap);

	text_sanitise(what, strlen(what), clean_what, sizeof(clean_what));
	text_sanitise(why, strlen(why), clean_why, sizeof(clean_why));
	fprintf(stderr, "jittertop: %s: %s\n", clean_what, clean_why);
}

int cmd_error(const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(what, fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int cmd_usage(const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(what, fmt, ap);
	va_end(ap);
	return EXIT_USAGE;
}

int cmd_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_DONE;

	int status = cmd_error("output", "cannot write: %s", strerror(errno));
	/* Said once: what could not be written is dropped, so that a later flush does not fail
	 * again. */
	__fpurge(stdout);
	clearerr(stdout);
	return status;
}
