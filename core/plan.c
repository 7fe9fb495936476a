#include "core/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/plan_internal.h"

#define FIRST_ROOM 4u

void plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
}

void plan_done(struct plan *plan)
{
	/* The texts of a step are one block, which begins with the object. */
	for (unsigned i = 0; i < plan->n_steps; i++)
		free((void *)(uintptr_t)plan->steps[i].object);
	free(plan->steps);
	plan_init(plan);
}

struct plan *plan_new(void)
{
	return xcalloc(1, sizeof(struct plan));
}

void plan_free(struct plan *plan)
{
	if (plan)
		plan_done(plan);
	free(plan);
}

void plan_freep(struct plan **plan)
{
	plan_free(*plan);
}

/* FNV-1a. Told apart by it: nearly all of the thousands of objects a plan is searched for. */
static uint32_t hash_of(const char *text)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
	return hash;
}

static const char *put_text(char **at, const char *text)
{
	char *start = *at;
	size_t size = strlen(text) + 1;

	memcpy(start, text, size);
	*at += size;
	return start;
}

int plan_append(struct plan *plan, const struct plan_step *from)
{
	unsigned n = plan->n_steps;
	char *at = xcalloc(1, strlen(from->object) + strlen(from->identity) +
				      strlen(from->old_value) + strlen(from->new_value) + 4);

	if (n == PLAN_MAX_STEPS) {
		free(at);
		return -E2BIG;
	}
	/* Room for a power of two, whose next one it is when it is full. */
	if (n == 0 || (n >= FIRST_ROOM && (n & (n - 1)) == 0))
		plan->steps =
			xrealloc(plan->steps, (n ? 2 * n : FIRST_ROOM) * sizeof(*plan->steps));

	struct plan_step *step = &plan->steps[n];
	step->class = from->class;
	step->object = put_text(&at, from->object);
	step->identity = put_text(&at, from->identity);
	step->old_value = put_text(&at, from->old_value);
	step->new_value = put_text(&at, from->new_value);
	step->is_later = from->is_later;
	step->is_optional = from->is_optional;
	step->object_hash = hash_of(step->object);
	plan->n_steps++;
	return 0;
}

void plan_copy(struct plan *plan, const struct plan *from)
{
	struct plan copy = {.affected = from->affected};

	memcpy(copy.title, from->title, sizeof(copy.title));
	for (unsigned i = 0; i < from->n_steps; i++)
		(void)!plan_append(&copy, &from->steps[i]);
	plan_done(plan);
	*plan = copy;
}

void plan_move(struct plan *plan, struct plan *from)
{
	plan_done(plan);
	*plan = *from;
	plan_init(from);
}

void plan_title_add(struct plan *plan, const char *fmt, ...)
{
	char part[PLAN_TITLE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(part, sizeof(part), fmt, ap);
	va_end(ap);
	size_t len = strlen(plan->title);
	(void)snprintf(plan->title + len, sizeof(plan->title) - len, "%s%s", len ? ", " : "", part);
}

/* Copies text without blanks and newlines around it. -ENOSPC: too long. */
static int copy_trimmed(const char *text, size_t len, char *buf, size_t size)
{
	static const char blanks[] = " \t\n";

	while (len > 0 && strchr(blanks, text[0])) {
		text++;
		len--;
	}
	while (len > 0 && strchr(blanks, text[len - 1]))
		len--;
	if (len >= size)
		return -ENOSPC;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return 0;
}

static int normalise_u64(const char *text, char *buf, size_t size)
{
	uint64_t value;
	int err = parse_u64(text, &value);

	if (err)
		return err;
	int len = snprintf(buf, size, "%llu", (unsigned long long)value);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int normalise_cpulist(const char *text, char *buf, size_t size)
{
	struct cpuset set;
	int err = cpuset_parse_list(text, &set);

	if (err)
		return err;
	int len = cpuset_format_list(&set, buf, size);
	return len < 0 ? len : 0;
}

static int normalise_i64(const char *text, char *buf, size_t size)
{
	int64_t value;
	int err = parse_i64(text, &value);

	if (err)
		return err;
	int len = snprintf(buf, size, "%lld", (long long)value);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

static int normalise_cpumask(const char *text, char *buf, size_t size)
{
	struct cpuset set;
	int err = *text ? cpuset_parse_mask(text, &set) : -EINVAL;
	unsigned n_bits = 1;

	if (err)
		return err;
	for (unsigned cpu = cpuset_next(&set, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&set, cpu + 1))
		n_bits = cpu + 1;
	int len = cpuset_format_mask(&set, n_bits, buf, size);
	return len < 0 ? len : 0;
}

static int normalise_text(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		bool is_blank = *c == ' ' || *c == '\t';

		if (*c == '\n')
			return -EINVAL;
		if (is_blank && n > 0 && buf[n - 1] == ' ')
			continue;
		if (n + 1 >= size)
			return -ENOSPC;
		buf[n++] = is_blank ? ' ' : *c;
	}
	buf[n] = '\0';
	return 0;
}

static int normalise_word(const char *text, char *buf, size_t size)
{
	const char *open = strchr(text, '[');
	const char *from = open ? open + 1 : text;
	const char *end = open ? strchr(from, ']') : from + strlen(from);

	if (!end || end == from)
		return -EINVAL;
	size_t len = (size_t)(end - from);
	if (len >= size)
		return -ENOSPC;
	if (strcspn(from, " \t\n[") < len)
		return -EINVAL;
	memmove(buf, from, len);
	buf[len] = '\0';
	return 0;
}

int step_normalise(const struct step_class *class, const char *text, char *buf, size_t size)
{
	char trimmed[PLAN_VALUE_MAX * 2];
	int err = copy_trimmed(text, strlen(text), trimmed, sizeof(trimmed));

	if (err)
		return err;
	switch (class->compare) {
	case STEP_U64:
		return normalise_u64(trimmed, buf, size);
	case STEP_CPULIST:
		return normalise_cpulist(trimmed, buf, size);
	case STEP_WORD:
		return normalise_word(trimmed, buf, size);
	case STEP_I64:
		return normalise_i64(trimmed, buf, size);
	case STEP_CPUMASK:
		return normalise_cpumask(trimmed, buf, size);
	case STEP_TEXT:
		return normalise_text(trimmed, buf, size);
	}
	return -EINVAL;
}

int step_values_equal(const struct step_class *class, const char *a, const char *b)
{
	char normal_a[PLAN_VALUE_MAX], normal_b[PLAN_VALUE_MAX];
	int err = step_normalise(class, a, normal_a, sizeof(normal_a));

	if (!err)
		err = step_normalise(class, b, normal_b, sizeof(normal_b));
	return err ? err : strcmp(normal_a, normal_b) == 0;
}

int step_read(struct host *host, const struct step_class *class, const char *object, char *buf,
	      size_t size)
{
	char path[STEP_PATH_MAX], text[PLAN_VALUE_MAX], trimmed[PLAN_VALUE_MAX];
	int err = class->path(object, path, sizeof(path));

	if (err)
		return err;
	ssize_t len = class->read ? class->read(host, object, text, sizeof(text))
				  : host_read(host, path, text, sizeof(text));
	if (len < 0)
		return (int)len;
	err = step_normalise(class, text, buf, size);
	if (err || class->compare == STEP_WORD || class->compare == STEP_CPUMASK ||
	    class->compare == STEP_TEXT)
		return err;
	err = copy_trimmed(text, strlen(text), trimmed, sizeof(trimmed));
	if (err)
		return err;
	return strcmp(trimmed, buf) ? -EILSEQ : 0;
}

int step_present(struct host *host, const struct plan_step *step, char *buf, size_t size)
{
	int err = step_read(host, step->class, step->object, buf, size);

	return err == -EILSEQ ? 0 : err;
}

const char *step_explain(const struct step_class *class, int err)
{
	const char *text = class->explain ? class->explain(-err) : NULL;

	return text ? text : strerror(-err);
}

bool plan_has(const struct plan *plan, unsigned flags)
{
	for (unsigned i = 0; i < plan->n_steps; i++) {
		if (plan->steps[i].class->flags & flags)
			return true;
	}
	return false;
}

bool plan_changes_nothing(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step_values_equal(step->class, step->old_value, step->new_value) != 1)
			return false;
	}
	return true;
}

int plan_step_path(const struct plan_step *step, char *buf, size_t size)
{
	if (size < 2)
		return -ENOSPC;
	if (step->class->flags & STEP_NOT_A_FILE)
		return step->class->path(step->object, buf, size);
	buf[0] = '/';
	return step->class->path(step->object, buf + 1, size - 1);
}

static bool is_same_object(const struct plan_step *a, const struct plan_step *b)
{
	return a->object_hash == b->object_hash && a->class == b->class &&
	       !strcmp(a->object, b->object);
}

bool plan_overlaps(const struct plan *a, const struct plan *b)
{
	for (unsigned i = 0; i < a->n_steps; i++) {
		for (unsigned k = 0; k < b->n_steps; k++) {
			if (is_same_object(&a->steps[i], &b->steps[k]))
				return true;
		}
	}
	return false;
}

const struct plan_step *plan_find(const struct plan *plan, const struct step_class *class,
				  const char *object)
{
	const struct plan_step wanted = {
		.class = class, .object = object, .object_hash = hash_of(object)};

	for (unsigned i = plan->n_steps; i-- > 0;) {
		if (is_same_object(&plan->steps[i], &wanted))
			return &plan->steps[i];
	}
	return NULL;
}

static bool has_object(const struct plan *plan, const struct plan_step *step)
{
	for (unsigned i = 0; i < plan->n_steps; i++) {
		if (is_same_object(&plan->steps[i], step))
			return true;
	}
	return false;
}

/* A step that is being made, with room for its texts. */
struct draft {
	struct plan_step step;
	char identity[PLAN_OBJECT_MAX];
	char old_value[PLAN_VALUE_MAX], new_value[PLAN_VALUE_MAX];
};

/* Identity and present value into step. */
static int read_present(struct draft *draft, struct host *host, char *why, size_t why_size)
{
	const struct plan_step *step = &draft->step;
	const struct step_class *class = step->class;
	int err = class->identity(host, step->object, draft->identity, sizeof(draft->identity));

	if (err) {
		(void)snprintf(why, why_size, "%s: %s: `jittertop knobs` lists what there is",
			       step->object,
			       errno_is_absent(-err) ? "there is none on this host"
						     : strerror(-err));
		return err;
	}
	err = step_read(host, class, step->object, draft->old_value, sizeof(draft->old_value));
	if (!err)
		return 0;
	if (err == -EILSEQ)
		(void)snprintf(why, why_size,
			       "%s: its present value cannot be put back exactly as it is "
			       "(reads as %s): it is left alone",
			       step->object, step->old_value);
	else if (err == -EFBIG || err == -ENOSPC)
		(void)snprintf(why, why_size, "%s: its present value is longer than %d bytes",
			       step->object, PLAN_VALUE_MAX - 1);
	else
		(void)snprintf(why, why_size, "%s: the present value cannot be read: %s",
			       step->object, strerror(-err));
	return err;
}

/* A value into buf in the class's form. */
static int take_value(const struct plan_step *step, const char *value, char *buf, size_t size,
		      char *why, size_t why_size)
{
	static const char *const wanted[] = {
		[STEP_U64] = "a whole number",
		[STEP_CPULIST] = "a CPU list such as 0-3,8",
		[STEP_WORD] = "one word",
		[STEP_I64] = "a whole number, perhaps negative",
		[STEP_CPUMASK] = "a CPU mask such as ff or 1,00000000",
		[STEP_TEXT] = "one line of text",
	};
	int err = step_normalise(step->class, value, buf, size);

	if (err)
		(void)snprintf(why, why_size, "%s: \"%.64s\" is not %s", step->object, value,
			       wanted[step->class->compare]);
	return err;
}

static int check_wish(struct draft *draft, struct host *host, const char *new_value, char *why,
		      size_t why_size)
{
	const struct plan_step *step = &draft->step;
	int err = take_value(step, new_value, draft->new_value, sizeof(draft->new_value), why,
			     why_size);

	if (err || !step->class->check)
		return err;
	return step->class->check(host, step->object, draft->new_value, why, why_size);
}

static void draft_begin(struct draft *draft, const struct step_class *class, const char *object)
{
	draft->identity[0] = draft->old_value[0] = draft->new_value[0] = '\0';
	draft->step = (struct plan_step){.class = class,
					 .object = object,
					 .identity = draft->identity,
					 .old_value = draft->old_value,
					 .new_value = draft->new_value,
					 .object_hash = hash_of(object)};
}

static int check_object(const struct plan *plan, const struct step_class *class, const char *object,
			char *why, size_t why_size)
{
	char path[STEP_PATH_MAX];

	if (why_size > 0)
		why[0] = '\0';
	if (plan->n_steps == PLAN_MAX_STEPS) {
		(void)snprintf(why, why_size, "more than %d steps: use several changes",
			       PLAN_MAX_STEPS);
		return -E2BIG;
	}
	if (strlen(object) >= PLAN_OBJECT_MAX || class->path(object, path, sizeof(path))) {
		(void)snprintf(why, why_size, "%.64s: no such thing for %s: see `jittertop knobs`",
			       object, class->name);
		return -EINVAL;
	}
	return 0;
}

int plan_add(struct plan *plan, struct host *host, const struct step_class *class,
	     const char *object, const char *new_value, char *why, size_t why_size)
{
	struct draft draft;
	int err = check_object(plan, class, object, why, why_size);

	if (err)
		return err;
	draft_begin(&draft, class, object);
	if (has_object(plan, &draft.step)) {
		(void)snprintf(why, why_size, "%s is set twice in one change", object);
		return -EEXIST;
	}
	err = read_present(&draft, host, why, why_size);
	if (!err)
		err = check_wish(&draft, host, new_value, why, why_size);
	return err ? err : plan_append(plan, &draft.step);
}

int plan_add_later(struct plan *plan, const struct step_class *class, const char *object,
		   const char *expected_old, const char *new_value, char *why, size_t why_size)
{
	struct draft draft;
	int err = check_object(plan, class, object, why, why_size);

	if (err)
		return err;
	draft_begin(&draft, class, object);
	draft.step.is_later = true;
	err = take_value(&draft.step, expected_old, draft.old_value, sizeof(draft.old_value), why,
			 why_size);
	if (!err)
		err = take_value(&draft.step, new_value, draft.new_value, sizeof(draft.new_value),
				 why, why_size);
	return err ? err : plan_append(plan, &draft.step);
}
