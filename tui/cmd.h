/*
 * The commands of the command line. main.c parses the options everywhere, opens the host, and calls
 * one of these with the words after the command's name. Each returns the exit status of the
 * contract (enum exit_status) and prints its own errors with cmd_error().
 */
#ifndef JT_TUI_CMD_H
#define JT_TUI_CMD_H

#include <stdbool.h>

#include "core/guard.h"
#include "core/knob.h"
#include "core/snapshot.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_THRESHOLD = 3,
	EXIT_PARTIAL = 4
};

/* What --revert-after takes, here and in the dashboard. */
#define CMD_MIN_REVERT_NS (100 * NSEC_PER_MSEC)
#define CMD_MAX_REVERT_NS (7 * 24 * 3600 * NSEC_PER_SEC)

/* Handed down by the composition root: nobody else sees the registry of probes/. */
struct registry {
	const struct probe *const *probes;
	unsigned n_probes;
	const struct knob *const *knobs;	 /* NULL-terminated */
	const struct step_class *const *classes; /* NULL-terminated */
};

struct context {
	const struct registry *registry;
	struct host *host; /* open, not yet used by a thread */
	struct schema *schema;
	struct guard_options guard; /* classes filled in */
	bool is_read_only; /* --read-only, --root, --topology, or not root: see why_read_only */
	const char *why_read_only; /* NULL when it may write */
	bool is_color;
	int argc; /* of the command: argv[0] is its name */
	char **argv;
};

/* "jittertop: what: why" on stderr; returns EXIT_FAILED so that `return cmd_error(...)` reads well.
 */
int cmd_error(const char *what, const char *fmt, ...) _printf_(2, 3);
int cmd_usage(const char *what, const char *fmt, ...)
	_printf_(2, 3); /* the same, returns EXIT_USAGE */

/* Flushes stdout: EXIT_DONE, or EXIT_FAILED with its message when the output could not be written
 * (full disk, closed pipe). */
int cmd_flush(void);

int cmd_dashboard(struct context *context); /* tui/dashboard.c */
int cmd_snapshot(struct context *context);
int cmd_probe(struct context *context);
int cmd_knobs(struct context *context);
int cmd_set(struct context *context);
int cmd_status(struct context *context);
int cmd_undo(struct context *context);
int cmd_keep(struct context *context);
int cmd_restore(struct context *context);
int cmd_capture(struct context *context);
int cmd_export(struct context *context);

#endif
