/* The dialogs of measuring: keys in, actions and text out, on a hand-made machine. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/screens/scene.h"

struct fixture {
	struct scene scene;
	struct ui ui;
	struct surface surface;
	struct ui_action action;
};

static int set_up(void **state)
{
	static const struct scene_options machine = {.packages = 1,
						     .nodes = 2,
						     .l3s = 1,
						     .cores = 4,
						     .threads = 2,
						     .is_measured = true}; /* 16 CPUs, 5 offline */
	struct fixture *f = xcalloc(1, sizeof(*f));

	scene_init(&f->scene, &machine);
	ui_init(&f->ui);
	surface_init(&f->surface, 80, 24, true);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	surface_done(&f->surface);
	ui_done(&f->ui);
	scene_done(&f->scene);
	free(f);
	return 0;
}

static void press(struct fixture *f, uint32_t code)
{
	struct key key = {.code = code};

	ui_draw(&f->ui, &f->scene.frame, &f->surface);
	ui_key(&f->ui, &f->scene.frame, &key, &f->action);
	ui_draw(&f->ui, &f->scene.frame, &f->surface);
}

static void type(struct fixture *f, const char *keys)
{
	for (; *keys; keys++)
		press(f, (unsigned char)*keys);
}

static bool shows(struct fixture *f, const char *text)
{
	bool found = false;

	for (int y = 0; y < f->surface.height && !found; y++) {
		_cleanup_(freep) char *row = surface_row_text(&f->surface, y);

		found = strstr(row, text) != NULL;
	}
	return found;
}

/* Moves down to a field by its place. */
static void go_to(struct fixture *f, enum measure_field field)
{
	for (unsigned i = 0; i < MEASURE_FIELDS && f->ui.measure.field != field; i++)
		press(f, KEYCODE_DOWN);
	assert_int_equal(f->ui.measure.field, field);
}

static void assert_list(const struct cpuset *cpus, const char *want)
{
	char list[128];

	assert_true(cpuset_format_list(cpus, list, sizeof(list)) >= 0);
	assert_string_equal(list, want);
}

/* --- settings --- */

static void test_what_is_in_force_is_shown(void **state)
{
	struct fixture *f = *state;

	type(f, "m");
	assert_true(shows(f, "wakeup on cpu 0,2-4,6-15 every 1.0 ms, fifo 2"));
	assert_true(shows(f, "keeps to cpu 1"));
	assert_true(shows(f, "cpu 1 is left out: qemu-system-x86 12345"));
	f->scene.measuring.is_shared = true;
	f->scene.measuring.n_fallen_back = 3;
	press(f, KEYCODE_DOWN);
	assert_true(shows(f, "no other CPU left"));
	assert_true(shows(f, "3 of them got no real-time priority"));
}

static void test_apply(void **state)
{
	struct fixture *f = *state;
	const struct measure_options *o;

	type(f, "m0-3,8");
	go_to(f, MEASURE_INTERVAL);
	press(f, KEYCODE_CTRL_U);
	type(f, "250us");
	go_to(f, MEASURE_POLICY);
	press(f, KEYCODE_RIGHT);
	go_to(f, MEASURE_PRIORITY);
	press(f, KEYCODE_CTRL_U);
	type(f, "30\r");
	assert_int_equal(f->action.type, ACTION_MEASURE);
	o = &f->action.wish->options;
	assert_ptr_equal(f->action.wish->engine, &engine_wakeup);
	assert_list(&o->cpus, "0-3,8");
	assert_int_equal(o->interval_ns, 250000);
	assert_int_equal(o->policy, MEASURE_RR);
	assert_int_equal(o->priority, 30);
	assert_false(o->is_forced);
	assert_int_equal(f->ui.mode, MODE_MEASURE); /* stays, to show what came of it */
	press(f, KEYCODE_ESC);
	assert_int_equal(f->ui.mode, MODE_NORMAL);
}

/* Nothing goes out, and the words name the field. */
static void assert_refused(struct fixture *f, const char *why)
{
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->action.type, ACTION_NONE);
	assert_true(shows(f, why));
}

static void test_nonsense_is_refused(void **state)
{
	struct fixture *f = *state;

	type(f, "m3-1");
	assert_refused(f, "not a CPU list");
	press(f, KEYCODE_CTRL_U);
	go_to(f, MEASURE_INTERVAL);
	press(f, KEYCODE_CTRL_U);
	type(f, "99us");
	assert_refused(f, "interval: \"99us\" is not 100 us to 1.0 s");
	press(f, KEYCODE_CTRL_U);
	type(f, "1.5s");
	assert_refused(f, "interval:");
	press(f, KEYCODE_CTRL_U);
	type(f, "2ms");
	go_to(f, MEASURE_PRIORITY);
	type(f, "00");
	assert_refused(f, "priority: 1 to 99");
	press(f, KEYCODE_BACKSPACE);
	press(f, KEYCODE_ENTER); /* 20 */
	assert_int_equal(f->action.type, ACTION_MEASURE);
	assert_int_equal(f->action.wish->options.priority, 20);
}

/* Against advice only on CPUs that were named. */
static void test_forced_needs_names(void **state)
{
	struct fixture *f = *state;

	type(f, "m");
	go_to(f, MEASURE_FORCED);
	type(f, " ");
	assert_refused(f, "must be named");
	assert_int_equal(f->ui.measure.field, MEASURE_CPUS);
	type(f, "1\r");
	assert_int_equal(f->action.type, ACTION_MEASURE);
	assert_true(f->action.wish->options.is_forced);
}

static void test_spin(void **state)
{
	struct fixture *f = *state;

	type(f, "m");
	assert_false(shows(f, "threshold"));
	go_to(f, MEASURE_ENGINE);
	type(f, " ");
	assert_true(shows(f, "[spin]"));
	assert_true(shows(f, "threshold"));
	assert_refused(f, "name the CPUs");
	type(f, "2");
	go_to(f, MEASURE_SPIN);
	press(f, KEYCODE_CTRL_U);
	type(f, "19ms");
	assert_refused(f, "spin time:"); /* more than 90 % of the interval */
	press(f, KEYCODE_CTRL_U);
	type(f, "4ms\r");
	assert_int_equal(f->action.type, ACTION_MEASURE);
	assert_ptr_equal(f->action.wish->engine, &engine_spin);
	assert_int_equal(f->action.wish->options.spin_ns, 4 * NSEC_PER_MSEC);
	assert_int_equal(f->action.wish->options.policy, engine_spin.policy);
}

static void test_buttons(void **state)
{
	struct fixture *f = *state;

	type(f, "m");
	go_to(f, MEASURE_STOP);
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->action.type, ACTION_MEASURE_STOP);
	press(f, KEYCODE_RIGHT);
	type(f, " ");
	assert_int_equal(f->action.type, ACTION_MEASURE_RESET);
	press(f, KEYCODE_RIGHT);
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->ui.mode, MODE_CHECK);
}

static void test_refusal_of_the_host(void **state)
{
	struct fixture *f = *state;

	type(f, "m");
	ui_refused(&f->ui, "none of these CPUs is online");
	ui_draw(&f->ui, &f->scene.frame, &f->surface);
	assert_true(shows(f, "none of these CPUs is online"));
	press(f, KEYCODE_ESC);
	ui_refused(&f->ui, "none of these");
	assert_string_equal(f->ui.message, "none of these");
}

static void test_where_nothing_is_measured(void **state)
{
	struct fixture *f = *state;

	f->scene.measuring = (struct measuring){.state = MEASURING_NEVER,
						.why = "not measured: this is not the live "
						       "machine"};
	type(f, "C");
	assert_int_equal(f->ui.mode, MODE_NORMAL);
	assert_true(shows(f, "not the live machine"));
	type(f, "m");
	assert_true(shows(f, "not the live machine"));
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->action.type, ACTION_NONE);
	f->scene.measuring.state = MEASURING_OFF; /* as with --no-measure: it can be started */
	f->scene.measuring.wish.engine = &engine_wakeup;
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->action.type, ACTION_MEASURE);
	assert_true(cpuset_is_empty(&f->action.wish->options.cpus));
}

/* --- the CPU list --- */

static void test_list_in_the_dialog(void **state)
{
	struct fixture *f = *state;

	type(f, "m ");
	assert_true(shows(f, "empty: every CPU this program may use"));
	type(f, " "); /* the machine: all that are online */
	assert_true(shows(f, "15 chosen"));
	type(f, "j "); /* node 0 out again */
	assert_list(&f->ui.measure.cpulist.cpus, "4,6-7,12-15");
	assert_true(shows(f, "[-] machine"));
	press(f, KEYCODE_ENTER);
	assert_false(f->ui.measure.is_listing);
	assert_string_equal(f->ui.measure.inputs[MEASURE_CPUS].text, "4,6-7,12-15");
	type(f, " ");
	press(f, KEYCODE_CTRL_U);
	press(f, KEYCODE_ESC); /* dropped */
	assert_string_equal(f->ui.measure.inputs[MEASURE_CPUS].text, "4,6-7,12-15");
}

static void test_list_rows(void **state)
{
	struct fixture *f = *state;
	struct cpulist_dialog list;
	const struct machine *m = f->scene.machine;

	cpulist_open(&list, "title", "", "0,8");
	assert_int_equal(cpulist_key(&list, m, 'j'), CPULIST_OPEN);
	(void)cpulist_key(&list, m, 'j'); /* machine, node 0, core 0 */
	(void)cpulist_key(&list, m, ' '); /* all checked: none */
	assert_string_equal(list.input.text, "");
	assert_int_equal(cpulist_key(&list, m, KEYCODE_ENTER), CPULIST_OPEN); /* empty */
	assert_true(list.error[0]);
	(void)cpulist_key(&list, m, ' ');
	assert_string_equal(list.input.text, "0,8");
	(void)cpulist_key(&list, m, KEYCODE_DOWN);
	(void)cpulist_key(&list, m, KEYCODE_DOWN); /* cpu 8 of core 0 */
	(void)cpulist_key(&list, m, ' ');
	assert_string_equal(list.input.text, "0");
	assert_int_equal(cpulist_key(&list, m, KEYCODE_ENTER), CPULIST_TAKEN);
	assert_list(&list.cpus, "0");
}

/* An offline CPU is not part of its group, but may be chosen by itself. */
static void test_list_offline(void **state)
{
	struct fixture *f = *state;
	struct cpulist_dialog list;

	cpulist_open(&list, "title", "", "4");
	(void)cpulist_key(&list, f->scene.machine, ' ');
	assert_list(&list.cpus, "0-4,6-15");
	(void)cpulist_key(&list, f->scene.machine, ' ');
	assert_true(cpuset_is_empty(&list.cpus));
	(void)cpulist_key(&list, f->scene.machine, '5');
	assert_list(&list.cpus, "5");
	(void)cpulist_key(&list, f->scene.machine, ' ');
	assert_list(&list.cpus, "0-15");
}

static void test_list_typed(void **state)
{
	struct cpulist_dialog list;

	(void)state;
	cpulist_open(&list, "title", "", "");
	for (const char *k = "1-3,q6x"; *k; k++)
		(void)cpulist_key(&list, NULL, (unsigned char)*k);
	assert_string_equal(list.input.text, "1-3,6");
	assert_list(&list.cpus, "1-3,6");
	(void)cpulist_key(&list, NULL, '-');
	assert_int_equal(cpulist_key(&list, NULL, KEYCODE_ENTER), CPULIST_OPEN);
	assert_true(list.error[0]);
	assert_list(&list.cpus, "1-3,6"); /* of the last text that was a list */
	(void)cpulist_key(&list, NULL, KEYCODE_BACKSPACE);
	assert_int_equal(cpulist_key(&list, NULL, KEYCODE_ENTER), CPULIST_TAKEN);
	assert_int_equal(cpulist_key(&list, NULL, ' '), CPULIST_OPEN); /* no rows: no effect */
}

/* --- the check --- */

static void test_check(void **state)
{
	struct fixture *f = *state;

	type(f, "C");
	assert_string_equal(f->ui.check.cpus.text, "0,2-4,6-15"); /* the measured ones */
	press(f, KEYCODE_CTRL_U);
	press(f, KEYCODE_ENTER);
	assert_int_equal(f->action.type, ACTION_NONE);
	assert_true(shows(f, "on which CPUs?"));
	type(f, "2-3\r");
	assert_int_equal(f->action.type, ACTION_CHECK);
	assert_list(&f->action.wish->options.cpus, "2-3");
	scene_add_check(&f->scene, CHECK_REFERENCE);
	ui_draw(&f->ui, &f->scene.frame, &f->surface);
	assert_true(shows(f, "2 of 2: cyclictest runs"));
	press(f, KEYCODE_ENTER); /* no second one */
	assert_int_equal(f->action.type, ACTION_NONE);
	press(f, KEYCODE_ESC);
	assert_int_equal(f->action.type, ACTION_CHECK_CANCEL);
	assert_int_equal(f->ui.mode, MODE_NORMAL);
}

static void test_check_result(void **state)
{
	struct fixture *f = *state;

	scene_add_check(&f->scene, CHECK_DONE);
	type(f, "C");
	assert_true(shows(f, "Kolmogorov-Smirnov"));
	assert_true(shows(f, "20000"));
	press(f, KEYCODE_ESC); /* closes, cancels nothing */
	assert_int_equal(f->action.type, ACTION_NONE);
	type(f, "C\r"); /* again */
	assert_true(f->ui.check.is_asking);
}

static void test_distance(void **state)
{
	struct histogram a, b;

	(void)state;
	histogram_zero(&a);
	histogram_zero(&b);
	assert_true(isnan(check_distance(&a, &b, 1)));
	for (unsigned i = 0; i < 1000; i++) {
		histogram_count(&a, 4000 + i * 10);
		histogram_count(&b, (4000 + i * 10) / 1000 * 1000); /* the same, cut */
	}
	assert_true(check_distance(&a, &a, 1) < 1e-9);
	assert_true(check_distance(&a, &b, 1000) < 0.02);
	assert_true(check_distance(&a, &b, 1) > 0.05); /* the cut taken for a difference */
	histogram_zero(&b);
	for (unsigned i = 0; i < 500; i++) {
		histogram_count(&b, 4000 + i * 20);
		histogram_count(&b, 400000);
	}
	assert_true(fabs(check_distance(&a, &b, 1) - 0.5) < 0.02);
	assert_true(fabs(check_distance_by_chance(10000, 10000) - 0.0192) < 0.0001);
}

/* What was cut to whole microseconds is spread over them again: no comb. */
static void test_bins(void **state)
{
	struct histogram h;
	double counts[24], sum = 0;

	(void)state;
	histogram_zero(&h);
	for (unsigned i = 0; i < 9000; i++)
		histogram_count(&h, 1000 + i % 9 * 1000);
	check_bins(&h, 1000, 1000, 10000, 24, counts);
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		assert_true(counts[i] > 50);
		sum += counts[i];
	}
	assert_true(fabs(sum - 9000) < 1e-3);
	check_bins(&h, 1, 1000, 10000, 24, counts);
	assert_true(counts[2] < 1); /* taken as exact there are gaps */
	histogram_zero(&h);
	histogram_count(&h, 20 * NSEC_PER_SEC);
	check_bins(&h, 1, 1000, 10000, 24, counts);
	assert_true(counts[23] == 1); /* the overflow is not lost */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_in_force_is_shown),
		TEST(test_apply),
		TEST(test_nonsense_is_refused),
		TEST(test_forced_needs_names),
		TEST(test_spin),
		TEST(test_buttons),
		TEST(test_refusal_of_the_host),
		TEST(test_where_nothing_is_measured),
		TEST(test_list_in_the_dialog),
		TEST(test_list_rows),
		TEST(test_list_offline),
		TEST(test_list_typed),
		TEST(test_check),
		TEST(test_check_result),
		TEST(test_distance),
		TEST(test_bins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
