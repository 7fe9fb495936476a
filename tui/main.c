/*
 * The composition root: the only file that sees the registry of probes/. Makes the process safe,
 * parses the options that hold everywhere, opens the host and calls one command.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/host.h"
#include "probes/probes.h"
#include "tui/cmd.h"

struct options {
	const char *root, *topology;
	bool is_read_only, is_no_color, is_help, is_version;
};

struct command {
	const char *name;
	int (*run)(struct context *context);
	bool needs_this_machine; /* makes no sense on a captured or synthetic host */
	const char *usage;
};

/* Kept in the order in which --help shows them. */
static const struct command commands[] = {
	{"snapshot", cmd_snapshot, false, "snapshot [--json] [-d SECONDS]"},
	{"probe", cmd_probe, true,
	 "probe [-c CPUS] [-D DUR] [-i INTERVAL] [-p PRIO] [--policy fifo|rr|other]\n"
	 "             [--engine wakeup|spin|cyclictest|oslat|timerlat] [--spin DUR]\n"
	 "             [--threshold DUR] [--force] [--json] [--fail-above DUR]"},
	{"knobs", cmd_knobs, false, "knobs [PATTERN] [--json]"},
	{"set", cmd_set, true,
	 "set KNOB@TARGET=VALUE ... [--dry-run] [--measure DUR] [--revert-after DUR | --keep] "
	 "[--confirm TARGET] "
	 "[--json]"},
	{"status", cmd_status, true, "status [--json]"},
	{"keep", cmd_keep, true, "keep ID"},
	{"undo", cmd_undo, true, "undo [ID | --all]"},
	{"restore", cmd_restore, true, "restore"},
	{"export", cmd_export, true, "export [--format sh|systemd|tuned|cmdline|json]"},
	{"capture", cmd_capture, true, "capture DIR"},
};

static void print_help(void)
{
	printf("usage: jittertop [options]            the dashboard\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("       jittertop %s\n", commands[i].usage);
	fputs("\n"
	      "everywhere:    --root DIR       a captured machine instead of this one (read only)\n"
	      "               --topology TEXT  an hwloc synthetic machine (read only)\n"
	      "               --read-only      change nothing, start no guard\n"
	      "               --no-color       as NO_COLOR=1\n"
	      "               --version, --help\n"
	      "dashboard:     -d, --delay SECONDS   refresh period (default 1)\n"
	      "               --revert-after DUR    trials end then, keys or not (default: 2 min "
	      "without a key)\n"
	      "               --theme NAME, --ascii, --view NAME, --no-measure, --no-mouse\n"
	      "\n"
	      "exit status: 0 done, 1 failed, 2 usage, 3 threshold exceeded, 4 partly applied or "
	      "undo incomplete\n",
	      stdout);
}

/*
 * Descriptors 0-2 must be open: otherwise the first file opened would become somebody's stdout. A
 * stdout that was closed is opened for reading, so that what cannot be printed is an error.
 */
static void open_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) < 0)
			abort();
	}
}

/* Probes keep files open, one per interface for example: a login's soft limit is often 1024. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* without it more rows say "Too many open files" */
}

static bool is_plain_text(const char *s)
{
	if (strlen(s) > 512)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	}
	return true;
}

/*
 * Only these variables survive, and only as plain text: TERMINFO, LD_*, HWLOC_* and the rest would
 * let the invoking user of sudo steer libraries that run as root.
 */
static void rebuild_environment(void)
{
	static const char *const kept[] = {
		"TERM",		  "LANG",      "LC_ALL",   "LC_CTYPE", "LC_NUMERIC",
		"COLORTERM",	  "NO_COLOR",  "HOME",	   "USER",     "XDG_CONFIG_HOME",
		"SSH_CONNECTION", "SUDO_USER", "SUDO_UID",
	};
	char *values[ARRAY_SIZE(kept)];

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *value = getenv(kept[i]);

		values[i] = value && is_plain_text(value) ? xstrdup(value) : NULL;
	}
	/* Under sudo without -H both name the invoking user's files: root does not read those. */
	bool is_foreign = geteuid() == 0 && values[ARRAY_SIZE(kept) - 1] != NULL;

	if (clearenv())
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		bool is_config = !strcmp(kept[i], "HOME") || !strcmp(kept[i], "XDG_CONFIG_HOME");

		if (values[i] && !(is_foreign && is_config))
			(void)setenv(kept[i], values[i], 1);
		free(values[i]);
	}
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

/* 1: argv[*i] is option name and *ret its value, 0: it is not, -1: its value is missing. */
static int take_value(const char *name, int argc, char **argv, int *i, const char **ret)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len))
		return 0;
	if (argv[*i][len] == '=') {
		*ret = argv[*i] + len + 1;
		return 1;
	}
	if (argv[*i][len])
		return 0;
	if (*i + 1 >= argc)
		return -1;
	*ret = argv[++*i];
	return 1;
}

static bool take_flag(struct options *options, const char *word)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--read-only", &options->is_read_only}, {"--no-color", &options->is_no_color},
		{"--help", &options->is_help},		 {"-h", &options->is_help},
		{"--version", &options->is_version},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!strcmp(word, flags[i].name)) {
			*flags[i].flag = true;
			return true;
		}
	}
	return false;
}

/* Takes the options that hold everywhere out of argv, wherever they stand. Returns the new argc or
 * -1. */
static int take_options(int argc, char **argv, struct options *options)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			while (i < argc)
				argv[n++] = argv[i++];
			break;
		}
		if (take_flag(options, argv[i]))
			continue;

		int root = take_value("--root", argc, argv, &i, &options->root);
		int topology =
			root ? 0 : take_value("--topology", argc, argv, &i, &options->topology);

		if (root < 0 || topology < 0) {
			(void)cmd_usage(argv[i], "needs a value");
			return -1;
		}
		if (!root && !topology)
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/*
 * The dashboard takes no words, so a command's name behind its options means that the order is
 * wrong. NULL: all is well.
 */
static const struct command *find_late_command(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const struct command *command = find_command(argv[i]);

		/* "--theme status" is a value that happens to be such a name. */
		if (command && strcmp(argv[i - 1], "--theme") && strcmp(argv[i - 1], "--view"))
			return command;
	}
	return NULL;
}

/* Says the line as it should have been: the options that came first go behind the name. */
static int refuse_late_command(const struct command *command, int argc, char **argv)
{
	char line[512];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s", command->name);
	bool is_skipped = false;

	for (int i = 1; i < argc && n < sizeof(line); i++) {
		if (!strcmp(argv[i], "--"))
			continue;
		if (!is_skipped && !strcmp(argv[i], command->name))
			is_skipped = true;
		else
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s", argv[i]);
	}
	return cmd_usage(command->name, "put the command first: jittertop %s", line);
}

static int open_host(const struct options *options, struct host **ret)
{
	if (options->root) {
		int err = host_open_captured(options->root, ret);
		return err < 0 ? cmd_error(options->root[0] ? options->root : "--root",
					   "cannot open this captured root: %s", strerror(-err))
			       : 0;
	}
	if (options->topology) {
		int err = host_open_synthetic(options->topology, ret);
		if (err == -E2BIG)
			return cmd_error("--topology", "more than %u CPUs", CPUSET_MAX);
		if (err == -ERANGE)
			return cmd_error("--topology", "too long or too many levels");
		return err < 0 ? cmd_error("--topology",
					   "hwloc does not understand '%s': try 'pack:2 numa:1 "
					   "l3:2 core:4 pu:2'",
					   options->topology)
			       : 0;
	}

	int err = host_open_live(ret);
	return err < 0 ? cmd_error("this machine", "cannot open: %s", strerror(-err)) : 0;
}

static const char *why_read_only(const struct options *options)
{
	if (options->root)
		return "a captured machine cannot be changed";
	if (options->topology)
		return "a synthetic machine cannot be changed";
	if (options->is_read_only)
		return "started with --read-only";
	if (geteuid() != 0)
		return "needs root";
	return NULL;
}

static int run(const struct command *command, const struct options *options, int argc, char **argv)
{
	const struct registry registry = {
		.probes = probe_registry,
		.n_probes = probe_registry_count,
		.knobs = knob_registry,
		.classes = step_class_registry,
	};
	struct context context = {
		.registry = &registry,
		.guard = {.classes = step_class_registry},
		.why_read_only = why_read_only(options),
		.is_color = !options->is_no_color && !getenv("NO_COLOR"),
		.argc = argc,
		.argv = argv,
	};

	context.is_read_only = context.why_read_only != NULL;
	if (command && command->needs_this_machine && (options->root || options->topology))
		return cmd_usage(command->name,
				 "works on this machine only, not with --root or --topology");

	int status = open_host(options, &context.host);
	if (status)
		return status;
	context.schema = schema_new(registry.probes, registry.n_probes);
	status = command ? command->run(&context) : cmd_dashboard(&context);
	schema_free(context.schema);
	host_close(context.host);
	return status;
}

int main(int argc, char **argv)
{
	open_stdio();
	rebuild_environment();
	umask(077);
	raise_file_limit();

	struct options options = {0};
	argc = take_options(argc, argv, &options);
	if (argc < 0)
		return EXIT_USAGE;
	if (options.is_help) {
		print_help();
		return cmd_flush();
	}
	if (options.is_version) {
		printf("jittertop %s\n", PACKAGE_VERSION);
		return cmd_flush();
	}
	if (options.root && options.topology)
		return cmd_usage("--topology", "cannot be given together with --root");
	if (argc < 2 || argv[1][0] == '-') {
		const struct command *late = find_late_command(argc, argv);

		return late ? refuse_late_command(late, argc, argv)
			    : run(NULL, &options, argc, argv);
	}

	const struct command *command = find_command(argv[1]);
	if (!command)
		return cmd_usage(argv[1], "is no command; jittertop --help lists them");

	int status = run(command, &options, argc - 1, argv + 1);
	int flushed = cmd_flush();
	return status ? status : flushed;
}
