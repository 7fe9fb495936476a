/*
 * Golden screens: a hand-made machine is drawn by the ui, sent through curses into a pty, read by a
 * terminal emulator, and the text that stands on its screen is compared with a file in this folder.
 * JT_UPDATE_SCREENS=1 writes the files instead; look at them before committing.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/screens/emulator.h"
#include "tests/screens/scene.h"
#include "tui/term.h"

struct screen {
	const char *name; /* of the golden file; NULL: only must not crash */
	int columns, rows;
	struct scene_options machine;
	const char *view;
	const char *keys; /* typed before the last frame */
	bool has_trial, is_ascii, is_read_only;
	bool has_check;
	enum check_phase check;
	const char *term;
};

/* packages, nodes of each, L3 groups of each, cores of each, threads of each */
#define SHAPE(p, n, l, c, t) .packages = (p), .nodes = (n), .l3s = (l), .cores = (c), .threads = (t)
#define SMALL                                                                                      \
	{                                                                                          \
		SHAPE(1, 1, 1, 2, 1), .is_measured = true                                          \
	}
#define LARGE                                                                                      \
	{                                                                                          \
		SHAPE(2, 1, 2, 28, 2), .is_measured = true                                         \
	} /* 224 CPUs */
#define HUGE                                                                                       \
	{                                                                                          \
		SHAPE(8, 2, 4, 8, 2), .is_measured = true                                          \
	} /* 1,024 CPUs */

#define NETWORK                                                                                    \
	{                                                                                          \
		SHAPE(1, 2, 1, 4, 2), .is_measured = true, .has_network = true                     \
	}

#define GUESTS                                                                                     \
	{                                                                                          \
		1, 2, 1, 4, 2, .is_measured = true, .has_network = true, .has_guests = true        \
	}

#define SCREEN(file, width, height, of, shown, typed)                                              \
	{                                                                                          \
		.name = file, .columns = width, .rows = height, .machine = of, .view = shown,      \
		.keys = typed                                                                      \
	}

static const struct screen screens[] = {
	{.name = "host-2-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "",
	 .has_trial = false},
	{.name = "host-2-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "",
	 .has_trial = true},
	{.name = "host-16-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "host",
	 .keys = "jj",
	 .has_trial = true},
	SCREEN("host-224-80x24", 80, 24, LARGE, "host", "G"),
	{.name = "host-224-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = LARGE,
	 .view = "host",
	 .keys = "l",
	 .has_trial = true},
	SCREEN("host-1024-80x24", 80, 24, HUGE, "host", "G"),
	SCREEN("host-1024-160x50", 160, 50, HUGE, "host", ""),
	{.name = "host-unmeasured-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 1, 1, 8, 1)},
	 .view = "host",
	 .keys = ""},
	{.name = "host-ascii-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "",
	 .is_ascii = true},
	SCREEN("jitter-2-80x24", 80, 24, SMALL, "jitter", ""),
	{.name = "jitter-2-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = SMALL,
	 .view = "jitter",
	 .keys = "j",
	 .has_trial = true},
	{.name = "jitter-hog-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {1, 1, 1, 4, 1, true, .is_hogged = true},
	 .view = "jitter",
	 .keys = ""},
	{.name = "jitter-spin-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {1, 1, 1, 4, 1, true, .is_spinning = true},
	 .view = "jitter",
	 .keys = "G"},
	{.name = "jitter-spin-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {1, 1, 1, 4, 1, true, .is_spinning = true},
	 .view = "jitter",
	 .keys = "G"},
	{.name = "jitter-16-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "jitter",
	 .keys = "v jj "},
	{.name = "jitter-16-culprits-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "jitter",
	 .keys = "vvjjj"},
	{.name = "jitter-16-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "jitter",
	 .keys = "jj j ",
	 .has_trial = true},
	SCREEN("jitter-1024-80x24", 80, 24, HUGE, "jitter", "ssss"),
	SCREEN("jitter-1024-160x50", 160, 50, HUGE, "jitter", "wyz/3\r"),
	{.name = "jitter-ascii-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "jitter",
	 .keys = "jv",
	 .is_ascii = true},
	{.name = "jitter-ascii-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "jitter",
	 .keys = "",
	 .is_ascii = true},
	{.name = "jitter-40x10",
	 .columns = 40,
	 .rows = 10,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "jitter",
	 .keys = ""},
	SCREEN("jitter-20x5", 20, 5, LARGE, "jitter", ""),
	{.name = "jitter-unmeasured-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 1, 1, 8, 1)},
	 .view = "jitter",
	 .keys = ""},
	{.name = "jitter-mono-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "jitter",
	 .keys = "",
	 .term = "vt100"},
	SCREEN("irq-80x24", 80, 24, SMALL, "irq", ""),
	{.name = "irq-own-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {SHAPE(2, 1, 2, 4, 2), .is_measured = true},
	 .view = "irq",
	 .keys = "oj"},
	SCREEN("irq-matrix-80x24", 80, 24, SMALL, "irq", "oxll"),
	SCREEN("irq-1024-160x50", 160, 50, HUGE, "irq", ""),
	SCREEN("irq-matrix-1024-80x24", 80, 24, HUGE, "irq",
	       "xlllllllllllllllllllllllllllllllllllllllllllllllllll"),
	SCREEN("irq-follow-80x24", 80, 24, SMALL, "irq", "/rx-1\rf"),
	SCREEN("irq-follow-back-80x24", 80, 24, SMALL, "irq", "/rx-1\rf\033"),
	SCREEN("irq-edit-80x24", 80, 24, SMALL, "irq", "/rx-1\re"),
	SCREEN("irq-locked-80x24", 80, 24, SMALL, "irq", "/acpi\re"),
	{.name = "irq-read-only-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "irq",
	 .keys = "e",
	 .is_read_only = true},
	SCREEN("nic-80x24", 80, 24, NETWORK, "nic", "jj"),
	SCREEN("nic-160x50", 160, 50, NETWORK, "nic", ""),
	SCREEN("nic-40x10", 40, 10, NETWORK, "nic", "jj"),
	SCREEN("nic-dpdk-80x24", 80, 24, NETWORK, "nic", "G"),
	SCREEN("nic-lcore-80x24", 80, 24, NETWORK, "nic", "Gkkf"),
	SCREEN("nic-softnet-80x24", 80, 24, NETWORK, "nic", "p"),
	SCREEN("nic-closed-80x24", 80, 24, NETWORK, "nic", "tts"),
	SCREEN("vm-80x24", 80, 24, GUESTS, "vm", ""),
	SCREEN("vm-160x50", 160, 50, GUESTS, "vm", ""),
	SCREEN("vm-40x10", 40, 10, GUESTS, "vm", "j"),
	SCREEN("vm-vcpu-80x24", 80, 24, GUESTS, "vm", "j"),
	SCREEN("vm-vcpu-160x50", 160, 50, GUESTS, "vm", "j"),
	SCREEN("vm-closed-80x24", 80, 24, GUESTS, "vm", "ttj"),
	SCREEN("vm-follow-80x24", 80, 24, GUESTS, "vm", "jf"),
	SCREEN("vm-cgroup-80x24", 80, 24, GUESTS, "vm", "f"),
	SCREEN("vm-device-160x50", 160, 50, GUESTS, "vm", "/net0\r"),
	SCREEN("host-vcpu-follow-80x24", 80, 24, GUESTS, "host", "jjjf"),
	SCREEN("host-vcpu-80x24", 80, 24, GUESTS, "host", "jjj"),
	SCREEN("irq-vcpu-80x24", 80, 24, GUESTS, "irq", "xll"),
	SCREEN("container-80x24", 80, 24, GUESTS, "container", "j"),
	SCREEN("container-160x50", 160, 50, GUESTS, "container", "j"),
	SCREEN("container-40x10", 40, 10, GUESTS, "container", "j"),
	SCREEN("container-all-80x24", 80, 24, GUESTS, "container", "o"),
	SCREEN("container-tasks-80x24", 80, 24, GUESTS, "container", "jd"),
	SCREEN("container-tasks-160x50", 160, 50, GUESTS, "container", "jd"),
	SCREEN("vm-none-80x24", 80, 24, SMALL, "vm", ""),
	SCREEN("container-none-80x24", 80, 24, SMALL, "container", ""),
	{.name = "memory-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(2, 1, 1, 4, 1), .is_measured = true},
	 .view = "memory",
	 .keys = "j"},
	{.name = "memory-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {SHAPE(2, 1, 1, 4, 1), .is_measured = true},
	 .view = "memory",
	 .keys = ""},
	SCREEN("knobs-80x24", 80, 24, SMALL, "knobs", ""),
	SCREEN("knobs-160x50", 160, 50, GUESTS, "knobs", "/governor\r"),
	SCREEN("knobs-40x10", 40, 10, SMALL, "knobs", "jj"),
	SCREEN("knobs-filter-80x24", 80, 24, GUESTS, "knobs", "\\power save\rjj"),
	SCREEN("knobs-entity-80x24", 80, 24, GUESTS, "knobs", "\\@cpu:4\rG"),
	SCREEN("knobs-boot-80x24", 80, 24, SMALL, "knobs", "G"),
	SCREEN("knobs-words-80x24", 80, 24, GUESTS, "knobs", "/governor\re"),
	SCREEN("knobs-mask-80x24", 80, 24, SMALL, "knobs", "/rps\re"),
	SCREEN("knobs-number-80x24", 80, 24, SMALL, "knobs", "/swappi\re"),
	SCREEN("irq-tags-80x24", 80, 24, SMALL, "irq", "/rx-0\r  "),
	SCREEN("irq-tagged-80x24", 80, 24, GUESTS, "irq", "/rx-1\r a"),
	SCREEN("host-tags-80x24", 80, 24, GUESTS, "host", "l  "),
	SCREEN("host-isolate-80x24", 80, 24, GUESTS, "host", "l  i"),
	SCREEN("host-knobs-80x24", 80, 24, GUESTS, "host", "llK"),
	SCREEN("nic-cpus-80x24", 80, 24, NETWORK, "nic", "a"),
	SCREEN("preview-many-80x24", 80, 24, GUESTS, "jitter", " i"),
	SCREEN("preview-many-160x50", 160, 50, GUESTS, "jitter", " i"),
	SCREEN("preview-many-40x10", 40, 10, GUESTS, "jitter", " i"),
	SCREEN("preview-name-80x24", 80, 24, SMALL, "knobs", "/channels\re\1774\reth"),
	SCREEN("knobs-step-80x24", 80, 24, GUESTS, "knobs", "/policy:1\r]"),
	{.name = "effect-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "effect",
	 .keys = "",
	 .has_trial = true},
	{.name = "effect-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = SMALL,
	 .view = "effect",
	 .keys = "",
	 .has_trial = true},
	SCREEN("table-80x24", 80, 24, SMALL, "table", ""),
	{.name = "table-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = {SHAPE(2, 1, 2, 4, 2), .is_measured = true},
	 .view = "table",
	 .keys = "ssssss"},
	SCREEN("help-80x24", 80, 24, SMALL, "host", "?"),
	{.name = "host-20x5",
	 .columns = 20,
	 .rows = 5,
	 .machine = LARGE,
	 .view = "host",
	 .keys = "",
	 .has_trial = true},
	{.name = "host-8-colors-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "",
	 .term = "xterm"},
	{.name = "measure-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "host",
	 .keys = "m0-3"},
	SCREEN("measure-spin-160x50", 160, 50, SMALL, "host", "m\t \r"),
	{.name = "measure-list-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = {SHAPE(1, 2, 1, 4, 2), .is_measured = true},
	 .view = "host",
	 .keys = "m jj j "},
	SCREEN("check-ask-80x24", 80, 24, SMALL, "host", "C"),
	{.name = "check-runs-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "C",
	 .has_check = true,
	 .check = CHECK_REFERENCE},
	{.name = "check-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "C",
	 .has_check = true,
	 .check = CHECK_DONE},
	{.name = "check-160x50",
	 .columns = 160,
	 .rows = 50,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "C",
	 .has_check = true,
	 .check = CHECK_DONE},
	{.name = "check-failed-80x24",
	 .columns = 80,
	 .rows = 24,
	 .machine = SMALL,
	 .view = "host",
	 .keys = "C",
	 .has_check = true,
	 .check = CHECK_FAILED},
	SCREEN("irq-preview-80x24", 80, 24, SMALL, "irq", "/rx-1\re\1770\r"),
};

static int fake_path(const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "sys/%s", object) < 0 ? -EINVAL : 0;
}

static int fake_irq_path(const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "proc/irq/%s/smp_affinity_list", object + 4) < 0 ? -EINVAL : 0;
}

static const struct step_class fake_irq = {
	.name = "irq_affinity", .compare = STEP_CPULIST, .path = fake_irq_path};
static const struct step_class fake_task = {
	.name = "task_cgroup", .compare = STEP_TEXT, .path = fake_path};
static const struct step_class fake_other = {
	.name = "file", .compare = STEP_TEXT, .path = fake_path};

static void add_step(struct plan *plan, const struct step_class *class, const char *object,
		     const char *old_value, const char *new_value)
{
	assert_int_equal(plan_append(plan, &(struct plan_step){.class = class,
							       .object = object,
							       .identity = "",
							       .old_value = old_value,
							       .new_value = new_value}),
			 0);
}

/* Many steps of two classes. */
static void plan_isolation(struct plan *plan)
{
	char object[32];

	for (unsigned i = 0; i < 212; i++) {
		snprintf(object, sizeof(object), "thread:%u/%u", 1000 + i, 1000 + i);
		add_step(plan, &fake_task, object, "/", "/jittertop-rest");
	}
	for (unsigned i = 40; i < 48; i++) {
		snprintf(object, sizeof(object), "irq:%u", i);
		add_step(plan, &fake_irq, object, "0-7", i % 2 ? "0-2" : "3");
	}
}

/* What the sampler's job would have answered. */
static void answer(struct ui *ui, const struct ui_action *action)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	bool is_irq = strncmp(action->target, "irq:", 4) == 0;

	snprintf(plan->title, sizeof(plan->title),
		 is_irq ? "%s%.16s -> cpu %.16s" : "%s%.60s: %.16s", is_irq ? "irq " : "",
		 action->target + (is_irq ? 4 : 0), action->value);
	if (strcmp(action->knob->name, "isolate") == 0)
		plan_isolation(plan);
	else
		add_step(plan, is_irq ? &fake_irq : &fake_other, action->target, "3",
			 action->value);
	for (unsigned i = 0; i < action->n_more; i++)
		add_step(plan, &fake_irq, action->more[i], "0-7", action->value);
	cpuset_add(&plan->affected, 0);
	cpuset_add(&plan->affected, 3);
	ui_planned(ui, 0, plan, "");
}

static void send_keys(struct ui *ui, const struct frame *frame, const char *keys)
{
	for (; *keys; keys++) {
		struct key key = {.code = (unsigned char)*keys};
		struct ui_action action;

		ui_key(ui, frame, &key, &action);
		if (action.type == ACTION_PLAN)
			answer(ui, &action);
	}
}

static void draw_scene(const struct screen *screen, struct surface *surface)
{
	struct scene scene;
	struct ui ui;

	scene_init(&scene, &screen->machine);
	if (screen->has_trial)
		scene_add_trial(&scene);
	if (screen->has_check)
		scene_add_check(&scene, screen->check);
	if (screen->is_read_only)
		scene.frame.why_no_change = "needs root";
	ui_init(&ui);
	ui_select_view(&ui, (unsigned)view_by_name(screen->view));
	/* As in the program: commands may rely on what was drawn before. */
	ui_draw(&ui, &scene.frame, surface);
	send_keys(&ui, &scene.frame, screen->keys);
	ui_draw(&ui, &scene.frame, surface);
	ui_done(&ui);
	scene_done(&scene);
}

/* In the child, whose terminal is the pty. */
static int show(const struct screen *screen)
{
	struct surface surface;
	struct terminal *term;
	struct theme theme;
	char why[256];

	(void)setenv("TERM", screen->term ? screen->term : "xterm-256color", 1);
	if (term_check(why, sizeof(why)) < 0 || term_open(true, &term, why, sizeof(why)) < 0)
		return 77;
	theme_builtin(&theme);
	term_set_theme(term, &theme);
	surface_init(&surface, screen->columns, screen->rows, screen->is_ascii);
	/* A first frame, then the wanted one: the differences are tested too. */
	if (term_flush(term, &surface) < 0)
		return 2;
	draw_scene(screen, &surface);
	if (term_flush(term, &surface) < 0)
		return 3;
	surface_done(&surface);
	return 0; /* without term_close(): the screen stays as it is */
}

static char *run_screen(const struct screen *screen, int *ret_status)
{
	struct winsize size = {.ws_col = (unsigned short)screen->columns,
			       .ws_row = (unsigned short)screen->rows};
	struct emulator *emulator = emulator_new(screen->columns, screen->rows);
	char buf[4096], *text;
	ssize_t n;
	int fd;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(show(screen));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		emulator_feed(emulator, buf, (size_t)n);
	(void)close(fd);
	assert_int_equal(waitpid(pid, ret_status, 0), pid);
	text = emulator_text(emulator);
	emulator_free(emulator);
	return text;
}

static char *read_text(const char *path)
{
	char *text = xcalloc(1, 65536);
	FILE *f = fopen(path, "re");

	if (f) {
		(void)!fread(text, 1, 65535, f);
		(void)fclose(f);
	}
	return text;
}

static void print_difference(const char *want, const char *got)
{
	for (unsigned line = 1; *want || *got; line++) {
		size_t a = strcspn(want, "\n"), b = strcspn(got, "\n");

		if (a != b || memcmp(want, got, a) != 0)
			print_error("line %u\n  want |%.*s|\n  got  |%.*s|\n", line, (int)a, want,
				    (int)b, got);
		want += a + (want[a] != 0);
		got += b + (got[b] != 0);
	}
}

static void test_screen(void **state)
{
	const struct screen *screen = *state;
	const char *dir = getenv("JT_SRCDIR");
	_cleanup_(freep) char *path = xasprintf("%s/tests/screens/%s.txt", dir ? dir : ".",
						screen->name ? screen->name : "");
	_cleanup_(freep) char *got = NULL, *want = NULL;
	int status;

	got = run_screen(screen, &status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skip: terminfo has no entry for the terminal of this screen\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	if (getenv("JT_UPDATE_SCREENS")) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		(void)fputs(got, f);
		(void)fclose(f);
		return;
	}
	want = read_text(path);
	if (strcmp(want, got) != 0)
		print_difference(want, got);
	assert_string_equal(want, got);
}

/* Every view and dialog at every small size: clipped, never outside, never a crash. */
static void test_all_sizes(void **state)
{
	static const char *const keys[] = {"",
					   "?",
					   "e",
					   "/x\r",
					   "G",
					   "jkhl",
					   "m\t ",
					   "m ",
					   "C",
					   "tjs/rx-1\rp",
					   "odjjf",
					   "/governor\re",
					   "/policy:1\r]]",
					   "\\@cpu:3",
					   "/rps\re"};
	static const struct scene_options machine = {2,
						     1,
						     2,
						     10,
						     2,
						     .is_measured = true,
						     .has_network = true,
						     .has_guests = true,
						     .n_more_guests = 3};
	struct scene scene;

	(void)state;
	scene_init(&scene, &machine);
	scene_add_trial(&scene);
	for (int width = 1; width <= 170; width += width < 24 ? 1 : 29) {
		for (int height = 1; height <= 52; height += height < 12 ? 1 : 7) {
			struct surface surface;

			surface_init(&surface, width, height, width % 2);
			for (unsigned v = 0; v < view_count * ARRAY_SIZE(keys); v++) {
				struct ui ui;

				ui_init(&ui);
				ui_select_view(&ui, v % view_count);
				ui_draw(&ui, &scene.frame, &surface);
				send_keys(&ui, &scene.frame, keys[v / view_count]);
				ui_draw(&ui, &scene.frame, &surface);
				ui_done(&ui);
			}
			surface_done(&surface);
		}
	}
	scene_done(&scene);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(screens) + 1];
	union {
		const struct screen *in;
		void *out;
	} arg;

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)setenv("TZ", "UTC", 1);
	for (unsigned i = 0; i < ARRAY_SIZE(screens); i++) {
		arg.in = &screens[i];
		tests[i] = (struct CMUnitTest){screens[i].name, test_screen, NULL, NULL, arg.out};
	}
	tests[ARRAY_SIZE(screens)] = (struct CMUnitTest)cmocka_unit_test(test_all_sizes);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
