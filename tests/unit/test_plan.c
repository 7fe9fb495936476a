#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"

static int word_path(const char *object, char *buf, size_t size)
{
	if (strncmp(object, "word:", 5) != 0)
		return -EINVAL;
	(void)snprintf(buf, size, "sys/%s", object + 5);
	return 0;
}

static int no_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char path[128], text[64];
	int err = word_path(object, path, sizeof(path));

	if (err)
		return err;
	(void)size;
	buf[0] = '\0';
	ssize_t len = host_read(host, path, text, sizeof(text));
	return len < 0 ? (int)len : 0;
}

static const struct step_class word_class = {
	.name = "word", .compare = STEP_WORD, .path = word_path, .identity = no_identity};
static const struct step_class number_class = {
	.name = "number", .compare = STEP_U64, .path = word_path, .identity = no_identity};
static const struct step_class list_class = {
	.name = "list", .compare = STEP_CPULIST, .path = word_path, .identity = no_identity};

static const struct step_class signed_class = {
	.name = "signed", .compare = STEP_I64, .path = word_path, .identity = no_identity};
static const struct step_class mask_class = {
	.name = "mask", .compare = STEP_CPUMASK, .path = word_path, .identity = no_identity};
static const struct step_class text_class = {
	.name = "text", .compare = STEP_TEXT, .path = word_path, .identity = no_identity};

static void check_normal(const struct step_class *class, const char *in, const char *out)
{
	char buf[PLAN_VALUE_MAX];
	int err = step_normalise(class, in, buf, sizeof(buf));

	if (!out) {
		if (!err)
			fail_msg("'%s' is taken as '%s'", in, buf);
		return;
	}
	if (err)
		fail_msg("'%s' is refused: %d", in, err);
	assert_string_equal(buf, out);
}

static void test_normalise(void **state)
{
	(void)state;
	check_normal(&number_class, " 12\n", "12");
	check_normal(&number_class, "007", "7");
	check_normal(&number_class, "-1", NULL);
	check_normal(&number_class, "1 2", NULL);
	check_normal(&number_class, "", NULL);
	check_normal(&list_class, "2,0-1", "0-2");
	check_normal(&list_class, "a", NULL);
	check_normal(&word_class, "always [madvise] never", "madvise");
	check_normal(&word_class, "powersave\n", "powersave");
	check_normal(&word_class, "two words", NULL);
	check_normal(&word_class, "[]", NULL);
	check_normal(&word_class, "[open", NULL);
	check_normal(&word_class, "", NULL);
	check_normal(&signed_class, "-1\n", "-1");
	check_normal(&signed_class, "07", "7");
	check_normal(&signed_class, "--1", NULL);
	check_normal(&mask_class, "00000000,000000ff\n", "ff");
	check_normal(&mask_class, "1,00000000", "1,00000000");
	check_normal(&mask_class, "0", "0");
	check_normal(&mask_class, "", NULL);
	check_normal(&mask_class, "0-3", NULL);
	check_normal(&text_class, " max \t 100000\n", "max 100000");
	check_normal(&text_class, "", "");
	check_normal(&text_class, "one\ntwo", NULL);
}

static void test_equal(void **state)
{
	(void)state;
	assert_int_equal(step_values_equal(&list_class, "0,1", "0-1"), 1);
	assert_int_equal(step_values_equal(&list_class, "0", "1"), 0);
	assert_int_equal(step_values_equal(&word_class, "a [b]", "b"), 1);
	assert_true(step_values_equal(&number_class, "x", "1") < 0);
}

static void test_too_long(void **state)
{
	char text[PLAN_VALUE_MAX * 2], buf[PLAN_VALUE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(step_normalise(&word_class, text, buf, sizeof(buf)) < 0);
	text[PLAN_VALUE_MAX - 1] = '\0';
	assert_int_equal(step_normalise(&word_class, text, buf, sizeof(buf)), 0);
}

static void test_add(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	char why[256], path[128];
	struct host *host;

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	host_fake_file(host, "sys/number", "5\n");
	host_fake_file(host, "sys/odd", "005\n");
	host_fake_file(host, "sys/word", "[on] off\n");
	assert_int_equal(plan_add(plan, host, &number_class, "word:number", "6", why, sizeof(why)),
			 0);
	assert_string_equal(plan->steps[0].old_value, "5");
	assert_string_equal(plan->steps[0].new_value, "6");
	assert_int_equal(plan_step_path(&plan->steps[0], path, sizeof(path)), 0);
	assert_string_equal(path, "/sys/number");
	assert_int_equal(plan_add(plan, host, &word_class, "word:word", "off", why, sizeof(why)),
			 0);
	assert_string_equal(plan->steps[1].old_value, "on");

	/* Twice, what could not be put back, what is not there, nonsense: nothing is appended. */
	assert_int_equal(plan_add(plan, host, &number_class, "word:number", "7", why, sizeof(why)),
			 -EEXIST);
	assert_int_equal(plan_add(plan, host, &number_class, "word:odd", "6", why, sizeof(why)),
			 -EILSEQ);
	assert_int_equal(plan_add(plan, host, &number_class, "word:none", "6", why, sizeof(why)),
			 -ENOENT);
	assert_non_null(strstr(why, "word:none"));
	assert_int_equal(plan_add(plan, host, &number_class, "other", "6", why, sizeof(why)),
			 -EINVAL);
	assert_true(plan_add(plan, host, &list_class, "word:odd", "x", why, sizeof(why)) < 0);
	assert_int_equal(plan->n_steps, 2);
	host_close(host);
}

static void test_full(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	char why[256], name[32], object[32];
	struct host *host;

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	for (unsigned i = 0; i <= PLAN_MAX_STEPS; i++) {
		(void)snprintf(name, sizeof(name), "sys/n%u", i);
		(void)snprintf(object, sizeof(object), "word:n%u", i);
		host_fake_file(host, name, "1\n");
		int err = plan_add(plan, host, &number_class, object, "2", why, sizeof(why));
		assert_int_equal(err, i < PLAN_MAX_STEPS ? 0 : -E2BIG);
	}
	host_close(host);
}

static void test_nothing(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	char why[256];
	struct host *host;

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	host_fake_file(host, "sys/list", "0-1\n");
	host_fake_file(host, "sys/number", "5\n");
	assert_int_equal(plan_add(plan, host, &list_class, "word:list", "1,0", why, sizeof(why)),
			 0);
	assert_true(plan_changes_nothing(plan));
	assert_int_equal(plan_add(plan, host, &number_class, "word:number", "6", why, sizeof(why)),
			 0);
	assert_false(plan_changes_nothing(plan));
	host_close(host);
}

static void test_title(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();

	(void)state;
	plan_title_add(plan, "irq %d", 1);
	plan_title_add(plan, "irq %d", 2);
	assert_string_equal(plan->title, "irq 1, irq 2");
	for (int i = 0; i < 40; i++)
		plan_title_add(plan, "a long part of a title");
	assert_true(strlen(plan->title) < PLAN_TITLE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalise), cmocka_unit_test(test_equal),
		cmocka_unit_test(test_too_long),  cmocka_unit_test(test_add),
		cmocka_unit_test(test_full),	  cmocka_unit_test(test_title),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
