/* What the tests of the power knobs share: a fake_power machine, plans, expectations. */
#ifndef JT_TESTS_UNIT_POWER_FIXTURE_H
#define JT_TESTS_UNIT_POWER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/change.h"
#include "probes/probes.h"
#include "tests/unit/fake_power.h"

struct fixture {
	struct host *host;
	struct arena *arena;
	struct knob_targets targets;
	struct plan plan;
	struct change_report *report;
	struct fake_power power;
	char why[512];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new(0);
	f->targets.arena = f->arena;
	f->report = xcalloc(1, sizeof(*f->report));
	plan_done(&f->plan);
	*state = f;
	int err = host_open_fake(&f->host);
	if (!err)
		power_set_up(&f->power, f->host);
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	host_close(f->host);
	arena_free(f->arena);
	plan_done(&f->plan);
	change_report_freep(&f->report);
	free(f);
	return 0;
}

/* Adds to the plan. */
static int add(struct fixture *f, const struct knob *knob, const char *target, const char *value)
{
	f->why[0] = '\0';
	return knob->plan(f->host, target, value, &f->plan, f->why, sizeof(f->why));
}

/* A plan of its own. */
__attribute__((unused)) static int plan(struct fixture *f, const struct knob *knob,
					const char *target, const char *value)
{
	plan_done(&f->plan);
	return add(f, knob, target, value);
}

static void assert_why(const struct fixture *f, const char *part)
{
	if (!strstr(f->why, part))
		fail_msg("\"%s\" does not say \"%s\"", f->why, part);
}

__attribute__((unused)) static void apply(struct fixture *f)
{
	int err = change_apply(f->host, &f->plan, NULL, NULL, f->report);

	for (unsigned i = 0; err && i < f->report->n_steps; i++) {
		if (f->report->steps[i].result == CHANGE_REFUSED)
			fail_msg("%s: %s", f->plan.steps[i].object, f->report->steps[i].why);
	}
	assert_int_equal(err, 0);
}

__attribute__((unused)) static void undo(struct fixture *f)
{
	int err = change_undo(f->host, &f->plan, NULL, NULL, f->report);

	for (unsigned i = 0; err && i < f->report->n_steps; i++) {
		if (f->report->steps[i].why[0])
			fail_msg("%s: %s", f->plan.steps[i].object, f->report->steps[i].why);
	}
	assert_int_equal(err, 0);
}

/* The first refusal of applying, in words. */
__attribute__((unused)) static const char *apply_refused(struct fixture *f, int wanted)
{
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, f->report), wanted);
	for (unsigned i = 0; i < f->report->n_steps; i++) {
		if (f->report->steps[i].result == CHANGE_REFUSED)
			return f->report->steps[i].why;
	}
	return "";
}

__attribute__((format(printf, 3, 4))) static void expect(struct fixture *f, const char *value,
							 const char *fmt, ...)
{
	char path[256], text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	power_get(f->host, text, sizeof(text), path);
	if (strcmp(text, value) != 0)
		fail_msg("%s: %s, not %s", path, text, value);
}

__attribute__((unused)) static const struct knob_target *
find_target(struct fixture *f, const struct knob *knob, const char *key)
{
	f->targets.n_targets = 0;
	assert_int_equal(knob->targets(f->host, &f->targets), 0);
	for (unsigned i = 0; i < f->targets.n_targets; i++) {
		if (!strcmp(f->targets.targets[i].key, key))
			return &f->targets.targets[i];
	}
	fail_msg("no target %s", key);
	return NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
