/*
 * The rows of the knobs view: what a filter leaves, branches, order, summaries, the cursor over a
 * new listing; choices that are words; and what tens of thousands of targets cost (printed, not
 * judged: the machine is shared).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/screens/scene.h"
#include "tui/knob_tree.h"
#include "tui/ui_internal.h"

struct fixture {
	struct scene scene;
	struct knob_tree tree;
};

static int set_up(void **state)
{
	static const struct scene_options machine = {1, 2, 1, 4, 2, .is_measured = true};
	struct fixture *f = xcalloc(1, sizeof(*f));

	scene_init(&f->scene, &machine);
	knob_tree_init(&f->tree);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	knob_tree_done(&f->tree);
	scene_done(&f->scene);
	free(f);
	return 0;
}

static const struct knob_list *list_of(struct fixture *f)
{
	return &f->scene.knobs;
}

/* Names of the rows, " " between; targets without their knob. */
static void assert_rows(struct fixture *f, const char *want)
{
	char text[1024] = "";
	size_t n = 0;

	knob_tree_build(&f->tree, list_of(f));
	for (unsigned i = 0; i < f->tree.n_rows; i++) {
		const struct knob_row *row = &f->tree.rows[i];
		const struct knob *knob = list_of(f)->items[row->item].knob;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
				      row->type == KNOB_ROW_FAMILY ? knob_tree_family(knob)
				      : row->type == KNOB_ROW_TARGET
					      ? knob_tree_target(list_of(f), row)->key
					      : knob->name);
	}
	assert_string_equal(text, want);
}

static void test_filter(void **state)
{
	struct fixture *f = *state;

	knob_tree_set_filter(&f->tree, "turbo");
	assert_rows(f, "power no_turbo");
	knob_tree_set_filter(&f->tree, "power schedutil"); /* no value, no name */
	assert_rows(f, "");
	knob_tree_set_filter(&f->tree, "EAGERLY"); /* of the summary */
	assert_rows(f, "memory swappiness");
	knob_tree_set_filter(&f->tree, "irq rx-1");
	assert_rows(f, "irq irq_affinity irq:41");
	knob_tree_set_filter(&f->tree, "boot");
	assert_rows(f, "boot nohz_full");
	knob_tree_set_filter(&f->tree, "@cpu:4");
	assert_rows(f, "power governor policy:4");
	knob_tree_set_filter(&f->tree, "@nic:eth0");
	assert_rows(f, "nic rps_cpus nic_channels");
}

static void test_what_belongs_to_what(void **state)
{
	(void)state;
	assert_true(knob_target_is_of("cpu:3", "cpu:3"));
	assert_true(knob_target_is_of("cstate:3/1", "cpu:3"));
	assert_true(knob_target_is_of("node:0/2048kB", "hugepool:0/2048kB"));
	assert_true(knob_target_is_of("vcpu:12.9/0", "vm:12.9"));
	assert_false(knob_target_is_of("cpu:31", "cpu:3"));
	assert_false(knob_target_is_of("irq:3", "cpu:3"));
	assert_false(knob_target_is_of("cpu:*", "cpu:3"));
	assert_false(knob_target_is_of("host", "cpu:3"));
}

static void test_branches_and_order(void **state)
{
	struct fixture *f = *state;

	knob_tree_set_filter(&f->tree, "irq");
	assert_rows(f, "irq irq_affinity irq:9 irq:40 irq:41");
	f->tree.table.cursor = 3;
	assert_true(knob_tree_command(&f->tree, list_of(f), COMMAND_LEFT)); /* to its knob */
	assert_rows(f, "irq irq_affinity");
	assert_int_equal(f->tree.table.cursor, 1);
	assert_true(knob_tree_command(&f->tree, list_of(f), COMMAND_LEFT));
	assert_rows(f, "irq");
	assert_true(knob_tree_search(&f->tree, list_of(f), "rx-0", 0));
	assert_string_equal(knob_tree_target(list_of(f), knob_tree_row(&f->tree))->key, "irq:40");
	(void)knob_tree_command(&f->tree, list_of(f), COMMAND_SORT_RIGHT);
	(void)knob_tree_command(&f->tree, list_of(f), COMMAND_INVERT);
	assert_rows(f, "irq irq_affinity irq:41 irq:40 irq:9");
	assert_string_equal(knob_tree_target(list_of(f), knob_tree_row(&f->tree))->key, "irq:40");
}

static void test_cursor_stays_over_a_new_listing(void **state)
{
	struct fixture *f = *state;

	assert_true(knob_tree_show(&f->tree, list_of(f), "governor", "policy:7"));
	f->scene.knobs.seq++;
	f->tree.table.cursor = 0; /* rows are others now */
	knob_tree_build(&f->tree, list_of(f));
	assert_string_equal(knob_tree_target(list_of(f), knob_tree_row(&f->tree))->key, "policy:7");
}

static void test_summary(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(knob_tree_summary(&f->tree, list_of(f), 0), "0-7 x2, 3 x1");
	/* What stands for all is not counted. */
	assert_string_equal(knob_tree_summary(&f->tree, list_of(f), 2),
			    "performance x4, powersave x12");
}

static void test_choices(void **state)
{
	char word[32];

	(void)state;
	assert_int_equal(choice_count("a|b|c"), 3);
	assert_int_equal(choice_count("us: 0|1|40"), 3);
	assert_string_equal(choice_at("us: 0|1|40", 2, word, sizeof(word)), "40");
	assert_string_equal(choice_at("a|b", 2, word, sizeof(word)), "");
	assert_int_equal(choice_find("on|off", "off"), 1);
	assert_int_equal(choice_find("on|off", "of"), -1);
	assert_int_equal(choice_count("0 to 200"), 0);
	assert_int_equal(choice_count("off|0 to 200"), 0);
	assert_int_equal(choice_count("CPU list of 0-7"), 0);
	assert_int_equal(choice_count("a||b"), 0);
	assert_int_equal(choice_count(""), 0);
}

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* 1,024 CPUs, 40 targets each: what a listing costs, and what a frame does. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	struct knob_targets *targets = &f->scene.knobs.items[2].targets;
	struct surface surface;
	struct ui ui;
	char key[32];
	double start, build, draw;

	for (unsigned i = 0; i < 40 * 1024; i++) {
		snprintf(key, sizeof(key), "cstate:%u/%u", i / 40, i % 40);
		knob_targets_add(targets, key, "disable", i % 3 ? "0" : "1", "0|1", NULL);
	}
	f->tree.mode = TREE_OPEN;
	start = now_ms();
	knob_tree_build(&f->tree, list_of(f));
	build = now_ms() - start;
	assert_true(f->tree.n_rows > 40 * 1024);
	ui_init(&ui);
	surface_init(&surface, 160, 50, false);
	ui_select_view(&ui, (unsigned)view_by_name("knobs"));
	ui_draw(&ui, &f->scene.frame, &surface);
	start = now_ms();
	for (unsigned i = 0; i < 100; i++)
		ui_draw(&ui, &f->scene.frame, &surface);
	draw = (now_ms() - start) / 100;
	print_message("%u rows: made in %.1f ms after a listing, a frame %.2f ms\n", f->tree.n_rows,
		      build, draw);
	surface_done(&surface);
	ui_done(&ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down),
		cmocka_unit_test(test_what_belongs_to_what),
		cmocka_unit_test_setup_teardown(test_branches_and_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cursor_stays_over_a_new_listing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_summary, set_up, tear_down),
		cmocka_unit_test(test_choices),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
