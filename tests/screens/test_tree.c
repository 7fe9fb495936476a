/*
 * The tree widget on made-up machines and control groups: order, branches, hidden rows, search and
 * jumps; and what a draw costs with many of them (printed, not judged: the machine is shared).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/screens/scene.h"
#include "tui/tree.h"

static void name(void *arg, const struct entity *e, struct table_cell *ret)
{
	(void)arg;
	snprintf(ret->text, sizeof(ret->text), "%.200s", e->key);
}

static void cell(void *arg, const struct entity *e, unsigned column, struct table_cell *ret)
{
	(void)arg;
	(void)column;
	ret->role = entity_format(e, "cpu_ns", ret->text, sizeof(ret->text));
}

static void order(void *arg, const struct entity *e, unsigned column, struct tree_key *ret)
{
	(void)arg;
	if (column == 1)
		ret->number = entity_rate(e, "cpu_ns");
	else
		ret->text = e->key;
}

static bool opens(void *arg, const struct entity *e, unsigned n_children)
{
	(void)arg;
	(void)n_children;
	return strstr(e->key, "docker") != NULL;
}

static bool ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Leaves out the root and the pod's slice: what they hold moves up. */
static bool is_shown(void *arg, const struct entity *e)
{
	(void)arg;
	return strcmp(e->key, "container:/") != 0 && !ends_with(e->key, "burstable.slice") &&
	       strcmp(e->kind->name, "task") != 0;
}

static const struct table_column columns[] = {{.title = "name", .min_width = 10, .max_width = 40},
					      {.title = "cpu", .min_width = 4, .is_right = true}};
static const struct tree_ops ops = {.kinds = "container task",
				    .columns = columns,
				    .n_columns = 2,
				    .is_shown = is_shown,
				    .opens = opens,
				    .order = order,
				    .cell = cell,
				    .name = name};

static void setup(struct scene *scene, struct tree *tree)
{
	static const struct scene_options options = {1, 1, 1, 2, 1, .has_guests = true};

	scene_init(scene, &options);
	*tree = (struct tree){0};
	tree_init(tree);
	tree_build(tree, &ops, NULL, scene->snap);
}

static void done(struct scene *scene, struct tree *tree)
{
	tree_done(tree);
	scene_done(scene);
}

static void check_row(const struct tree *tree, unsigned row, const char *key, unsigned depth)
{
	assert_true(row < tree->n_rows);
	assert_string_equal(tree->rows[row].entity->key, key);
	assert_int_equal(tree->rows[row].depth, depth);
}

static void test_order(void **state)
{
	struct scene scene;
	struct tree tree;

	(void)state;
	setup(&scene, &tree);
	check_row(&tree, 0, "container:/docker", 0);
	check_row(&tree, 1, "container:/docker/8f3c", 1);
	check_row(&tree, 2, "container:/docker/99aa", 1);
	check_row(&tree, 3, "container:/kubepods.slice", 0);
	assert_false(tree.rows[3].is_open);
	assert_true(tree.rows[3].n_children > 0);
	/* By share, the largest first; children stay below their parent. */
	assert_true(tree_command(&tree, &ops, COMMAND_SORT_RIGHT));
	assert_true(tree_command(&tree, &ops, COMMAND_SORT_RIGHT));
	assert_true(tree.table.is_descending);
	tree_build(&tree, &ops, NULL, scene.snap);
	check_row(&tree, 1, "container:/docker/8f3c", 1);
	assert_string_equal(tree.rows[3].entity->key, "container:/system.slice");
	assert_true(tree_command(&tree, &ops, COMMAND_INVERT));
	tree_build(&tree, &ops, NULL, scene.snap);
	check_row(&tree, 0, "container:/old", 0);
	/* The cursor went with its row. */
	assert_string_equal(tree_row(&tree)->entity->key, "container:/docker");
	done(&scene, &tree);
}

static void test_branches(void **state)
{
	struct scene scene;
	struct tree tree;
	unsigned n;

	(void)state;
	setup(&scene, &tree);
	n = tree.n_rows;
	/* Left on a child goes to its branch and closes it. */
	tree_command(&tree, &ops, COMMAND_DOWN);
	tree_command(&tree, &ops, COMMAND_LEFT);
	tree_build(&tree, &ops, NULL, scene.snap);
	assert_string_equal(tree_row(&tree)->entity->key, "container:/docker");
	assert_int_equal(tree.n_rows, n - 2);
	tree_command(&tree, &ops, COMMAND_RIGHT);
	tree_build(&tree, &ops, NULL, scene.snap);
	assert_int_equal(tree.n_rows, n);
	tree_command(&tree, &ops, COMMAND_TREE);
	tree_build(&tree, &ops, NULL, scene.snap);
	assert_true(tree.n_rows > n);
	tree_command(&tree, &ops, COMMAND_TREE);
	tree_build(&tree, &ops, NULL, scene.snap);
	for (unsigned i = 0; i < tree.n_rows; i++)
		assert_int_equal(tree.rows[i].depth, 0);
	done(&scene, &tree);
}

static void test_search(void **state)
{
	struct scene scene;
	struct tree tree;
	unsigned n;

	(void)state;
	setup(&scene, &tree);
	n = tree.n_rows;
	assert_false(tree_search(&tree, &ops, NULL, scene.snap, "nowhere", 0));
	assert_int_equal(tree.n_rows, n);
	/* In a closed branch: it opens, the others stay. */
	assert_true(tree_search(&tree, &ops, NULL, scene.snap, "CRON", 0));
	assert_string_equal(tree_row(&tree)->entity->key, "container:/system.slice/cron.service");
	assert_true(tree_search(&tree, &ops, NULL, scene.snap, ".service", 1));
	assert_string_equal(tree_row(&tree)->entity->key, "container:/system.slice/ssh.service");
	assert_true(tree_search(&tree, &ops, NULL, scene.snap, ".service", -1));
	assert_string_equal(tree_row(&tree)->entity->key, "container:/system.slice/cron.service");
	assert_true(tree_show(&tree, &ops, NULL, scene.snap, "container:/docker/99aa"));
	assert_string_equal(tree_row(&tree)->entity->key, "container:/docker/99aa");
	assert_false(tree_show(&tree, &ops, NULL, scene.snap, "container:/"));
	done(&scene, &tree);
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The container and the vm view with their keys: no answer may be lost among so many. */
static void test_many(void **state)
{
	static const struct scene_options options = {
		1, 2, 1, 4, 2, .has_guests = true, .n_more_guests = 2000};
	struct scene scene;
	struct surface surface;
	struct ui ui;
	double start;

	(void)state;
	scene_init(&scene, &options);
	surface_init(&surface, 160, 50, false);
	ui_init(&ui);
	start = seconds();
	machine_free(machine_new(scene.snap, NULL));
	print_message("2,004 machines, 4,004 vCPUs: digest with all joins %.1f ms\n",
		      (seconds() - start) * 1e3);
	for (int v = 0; v < 2; v++) {
		const char *view = v ? "container" : "vm";
		struct ui_action action;

		ui_select_view(&ui, (unsigned)view_by_name(view));
		start = seconds();
		ui_draw(&ui, &scene.frame, &surface);
		print_message("%s: first draw %.1f ms", view, (seconds() - start) * 1e3);
		start = seconds();
		for (unsigned i = 0; i < 20; i++) {
			ui_key(&ui, &scene.frame, &(struct key){.code = 'j'}, &action);
			ui_draw(&ui, &scene.frame, &surface);
		}
		print_message(", a key and the next %.1f ms", (seconds() - start) * 1e3 / 20);
		start = seconds();
		ui_key(&ui, &scene.frame, &(struct key){.code = 's'}, &action);
		ui_draw(&ui, &scene.frame, &surface);
		print_message(", sorted %.1f ms\n", (seconds() - start) * 1e3);
	}
	ui_done(&ui);
	surface_done(&surface);
	scene_done(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
