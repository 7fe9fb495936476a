/*
 * A plan: the ordered steps of one change, each with the value it found and the value it wishes.
 * Made by a knob, shown as the preview, sent to the guard, executed by core/change. Values are
 * single-line text in the form the step's class compares.
 *
 * A plan owns its steps: plan_init() (or {0}), plan_add*(), plan_done(). Never copied by
 * assignment: plan_copy(), plan_move(). Steps are read as plan->steps[i].field; a pointer to one is
 * good until the next plan_add*().
 */
#ifndef JT_CORE_PLAN_H
#define JT_CORE_PLAN_H

#include "core/cpuset.h"
#include "core/step.h"

#define PLAN_MAX_STEPS 4096
#define PLAN_OBJECT_MAX 512 /* of an object's name and of an identity, NUL included */
#define PLAN_VALUE_MAX 4096
#define PLAN_TITLE_MAX 128

/* The texts are the plan's, never NULL. */
struct plan_step {
	const struct step_class *class;
	const char *object, *identity, *old_value, *new_value;
	bool is_later; /* by plan_add_later(): identity is "" and old_value what is expected */
	/* Set by the planner after adding: as STEP_OPTIONAL, for this step (one of many interrupts
	 * that turns out to be managed). */
	bool is_optional;
	uint32_t object_hash; /* plan.c's */
};

struct plan {
	char title[PLAN_TITLE_MAX]; /* for people: "irq 41 -> cpu 0" */
	struct cpuset affected;	    /* CPUs whose latency it touches: the effect strip's scope */
	unsigned n_steps;
	struct plan_step *steps;
};

void plan_init(struct plan *plan);
void plan_done(struct plan *plan); /* frees what it owns; {0} and twice are fine */
struct plan *plan_new(void);
void plan_free(struct plan *plan); /* NULL is fine */
void plan_freep(struct plan **plan);
/* What plan had is freed. */
void plan_copy(struct plan *plan, const struct plan *from);
void plan_move(struct plan *plan, struct plan *from); /* from is empty afterwards */
/* Appends copies of the texts of from, unchecked: for undo files and tests. -E2BIG. */
int plan_append(struct plan *plan, const struct plan_step *from) _must_check_;
/* The last step of that class and object; NULL: none. */
const struct plan_step *plan_find(const struct plan *plan, const struct step_class *class,
				  const char *object);
/* True: a and b touch an object in common. */
bool plan_overlaps(const struct plan *a, const struct plan *b);
/* Appends to the title, ", " between parts; cut when too long. */
void plan_title_add(struct plan *plan, const char *fmt, ...) _printf_(2, 3);
/* Reads old value and identity through the host, checks the wish with the class, appends the step.
 * On failure nothing is appended and why says, in words, object, reason and what to do; on success
 * why is "" or a warning. -EEXIST: the plan has this object already, -E2BIG: too many steps. */
int plan_add(struct plan *plan, struct host *host, const struct step_class *class,
	     const char *object, const char *new_value, char *why, size_t why_size) _must_check_;
/* For an object that an earlier step of the same plan makes (a file of a cgroup just made), or
 * whose value an earlier step changes (also the same object again): nothing is read now. At its
 * turn it must show expected_old, and the class's check() is asked. Undone, an object that has gone
 * is nothing: the step that made it is undone after it. Errors and why as plan_add(). */
int plan_add_later(struct plan *plan, const struct step_class *class, const char *object,
		   const char *expected_old, const char *new_value, char *why,
		   size_t why_size) _must_check_;
/* True: a step's class has one of the flags. */
bool plan_has(const struct plan *plan, unsigned flags);
/* True: every object has its wished value already, there is nothing to apply. */
bool plan_changes_nothing(const struct plan *plan);
/* The path a step will write, "/" in front, for the preview; for what is no file, what it is. */
int plan_step_path(const struct plan_step *step, char *buf, size_t size);
/* Compares two values as the class does; negative errno when one of them does not parse. 1 equal, 0
 * not. */
int step_values_equal(const struct step_class *class, const char *a, const char *b);
/* What the step's object shows now, in the class's form: for people who want to know whether a kept
 * value is still there. A counted thing that came in part, and a step whose value a later step of
 * the same plan changed again, differ from new_value too. */
int step_present(struct host *host, const struct plan_step *step, char *buf,
		 size_t size) _must_check_;
/* What the kernel shows, reduced to the class's form: CPU list canonical, bracketed word, number.
 */
int step_normalise(const struct step_class *class, const char *text, char *buf, size_t size);

#endif
