/*
 * jittertop capture DIR: saves what the probes and the knobs read of this machine below DIR, so
 * that `jittertop --root DIR` shows the same machine elsewhere. Two passes one second apart: a
 * probe may read other files when it has a previous reading to compare with.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/sampler.h"
#include "core/text.h"
#include "tui/cmd.h"

#define DENIED_SHOWN 20u

static void sleep_second(void)
{
	struct timespec left = {.tv_sec = 1};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

static const char *why_not(int err)
{
	switch (err) {
	case -ENOTEMPTY:
		return "it is not empty: name a new or an empty directory";
	case -EEXIST:
		return "it exists and is no directory";
	case -EOPNOTSUPP:
		return "this host has no files to capture";
	default: /* an errno, not an enum */
		return strerror(-err);
	}
}

static void run_probes(const struct context *context)
{
	struct sampler *sampler =
		sampler_new(context->host, context->schema, context->registry->probes,
			    context->registry->n_probes);

	snapshot_unref(sampler_run_once(sampler, true));
	sleep_second();
	snapshot_unref(sampler_run_once(sampler, true));
	sampler_free(sampler);
}

/* What they list is what `--root DIR knobs` shows. */
static void list_knobs(const struct context *context)
{
	for (const struct knob *const *at = context->registry->knobs; *at; at++) {
		struct arena *arena = arena_new(0);
		struct knob_targets targets = {.arena = arena};

		(void)knob_list(*at, context->host, &targets);
		arena_free(arena);
	}
}

static void print_denied(const struct host_record_summary *summary)
{
	if (!summary->n_denied)
		return;
	printf("not saved, because this user may not read it (run it as root for a complete "
	       "one):\n");
	for (size_t i = 0; i < summary->n_denied && i < DENIED_SHOWN; i++) {
		char path[1024];

		(void)text_sanitise(summary->denied[i], strlen(summary->denied[i]), path,
				    sizeof(path));
		printf("  %s\n", path);
	}
	if (summary->n_denied > DENIED_SHOWN)
		printf("  and %zu more\n", summary->n_denied - DENIED_SHOWN);
}

int cmd_capture(struct context *context)
{
	if (context->argc != 2 || context->argv[1][0] == '-')
		return cmd_usage("capture", "give one directory: jittertop capture DIR");

	const char *dir = context->argv[1];
	int r = host_record(context->host, dir);
	if (r < 0)
		return cmd_error(dir, "cannot capture into it: %s", why_not(r));
	run_probes(context);
	list_knobs(context);

	const struct host_record_summary *summary = host_record_summary(context->host);
	if (summary->error)
		return cmd_error(dir, "the capture is incomplete: %s: %s", summary->error_path,
				 strerror(-summary->error));

	char shown[1024];
	(void)text_sanitise(dir, strlen(dir), shown, sizeof(shown));
	printf("saved %" PRIu64 " files (%" PRIu64 " bytes) and %" PRIu64
	       " links below %s; look at them with: jittertop --root %s\n",
	       summary->n_files, summary->size_bytes, summary->n_links, shown, shown);
	print_denied(summary);
	printf("It holds the kernel command line, names of processes, interfaces, interrupts and "
	       "control groups, and MAC addresses: look through it before you give it away.\n");
	return EXIT_DONE;
}
