/* The knob side of knobs that are plain files: which objects there are, and plans. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/knob_file_internal.h"
#include "probes/owner.h"

/* --- every object --- */

struct walk {
	struct host *host;
	int (*visit)(void *arg, const struct knob_file_parts *parts);
	void *arg;
	int denied; /* a directory that may not be read */
};

/* pattern: what is left below directory. */
static int walk(struct walk *w, const char *directory, const char *pattern,
		const struct knob_file_parts *parts)
{
	size_t wildcard = strcspn(pattern, "#*"), start = wildcard, end;
	struct host_names names;
	int result = 0;

	if (!pattern[wildcard])
		return w->visit(w->arg, parts);
	while (start > 0 && pattern[start - 1] != '/')
		start--;
	end = start + strcspn(pattern + start, "/");
	/* The slash at the end is no part of the directory's name. */
	_cleanup_(freep) char *below =
		xasprintf("%s%.*s", directory, (int)start - (start > 0), pattern);
	int err = host_listf(w->host, &names, "%s", below);
	if (err) {
		if (!errno_is_absent(-err))
			w->denied = err;
		return 0;
	}
	for (size_t i = 0; i < names.n && !result; i++) {
		struct knob_file_parts more = *parts;

		if (knob_file_match(pattern + start, end - start, names.names[i], &more))
			continue;
		_cleanup_(freep) char *inside = xasprintf("%s/%s", below, names.names[i]);
		result = walk(w, inside, pattern + end, &more);
	}
	host_names_done(&names);
	return result;
}

int knob_file_each(const struct knob_file *file, struct host *host,
		   int (*visit)(void *arg, const struct knob_file_parts *parts), void *arg)
{
	struct walk w = {.host = host, .visit = visit, .arg = arg};
	const struct knob_file_parts none = {0};
	int result = walk(&w, "", file->path, &none);

	return result ? result : w.denied;
}

/* --- targets --- */

/* Cuts word out of "a|b|c". */
static void drop_word(char *words, const char *word)
{
	size_t len = strlen(word);

	for (char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
		if (strncmp(at, word, len) != 0 || (at[len] && at[len] != '|'))
			continue;
		if (at[len])
			memmove(at, at + len + 1, strlen(at + len + 1) + 1);
		else
			at[at > words ? -1 : 0] = '\0';
		return;
	}
}

/* What may be typed, for people. */
static void describe_choices(const struct knob_file *file, struct host *host,
			     const struct knob_file_parts *parts, char *buf, size_t size)
{
	const char *unit = file->unit ? file->unit : "", *blank = file->unit ? " " : "";
	const char *hint = file->hint ? file->hint : "", *comma = file->hint ? ", " : "";
	char list[256] = "";
	struct cpuset possible;

	if (!knob_file_words(file, host, parts, buf, size) && buf[0]) {
		if (file->not_offered)
			drop_word(buf, file->not_offered);
		return;
	}
	switch (file->compare) {
	case STEP_CPULIST:
	case STEP_CPUMASK:
		if (!cpus_possible(host, &possible))
			(void)cpuset_format_list(&possible, list, sizeof(list));
		(void)snprintf(buf, size, "CPU %s%s%s%s%s",
			       file->compare == STEP_CPULIST ? "list" : "mask, or list:LIST",
			       list[0] ? file->compare == STEP_CPULIST ? " of " : ", of " : "",
			       list, comma, hint);
		return;
	case STEP_U64:
	case STEP_I64:
		if (file->min || file->max)
			(void)snprintf(buf, size, "%lld to %lld%s%s%s%s", (long long)file->min,
				       (long long)file->max, blank, unit, comma, hint);
		else
			(void)snprintf(buf, size, "a number%s%s%s%s", file->unit ? " of " : "",
				       unit, comma, hint);
		return;
	case STEP_WORD:
	case STEP_TEXT:
		(void)snprintf(buf, size, "%s", file->hint ? file->hint : "one word");
		return;
	}
}

struct listing {
	const struct knob_file *file;
	struct host *host;
	struct knob_targets *targets;
	const struct knob_file_parts *parts;
	const char *common; /* the value all of them have; NULL: not the same */
	int error;	    /* why the last one that is not listed is not */
};

static void describe_value(const struct knob_file *file, const char *text, char *value,
			   size_t value_size, char *name, size_t name_size)
{
	struct cpuset set;

	if (step_normalise(file->step_class, text, value, value_size))
		(void)text_sanitise(text, strlen(text), value, value_size);
	if (file->compare == STEP_CPUMASK && !knob_file_cpus(file, value, &set)) {
		char list[160];

		if (cpuset_format_list(&set, list, sizeof(list)) >= 0)
			(void)snprintf(name, name_size, "CPUs %s", list);
	}
}

static int list_one(void *arg, const struct knob_file_parts *parts)
{
	struct listing *l = arg;
	char key[PLAN_OBJECT_MAX], path[512] = "/", choices[1024] = "", why[256];
	char text[PLAN_VALUE_MAX], value[PLAN_VALUE_MAX] = "";
	ssize_t len = knob_file_read_parts(l->file, l->host, parts, text, sizeof(text));

	if (len < 0 && errno_is_absent((int)-len)) {
		l->error = l->error ? l->error : (int)len;
		return 0;
	}
	if (knob_file_expand(l->file->key, parts, key, sizeof(key)) ||
	    knob_file_expand(l->file->path, parts, path + 1, sizeof(path) - 1))
		return 0;
	if (len < 0) {
		l->error = (int)len;
		knob_file_why_unreadable(l->file, l->host, (int)len, why, sizeof(why));
		knob_targets_add(l->targets, key, path, NULL, "", why);
		return 0;
	}
	describe_value(l->file, text, value, sizeof(value), path, sizeof(path));
	describe_choices(l->file, l->host, parts, choices, sizeof(choices));
	knob_targets_add(l->targets, key, path, value, choices,
			 knob_file_why_fixed(l->file, l->host, parts));
	return 0;
}

/* The name of all of them: "cpu:*". */
static void star_pattern(const char *pattern, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s", pattern);
	for (char *c = buf; *c; c++) {
		if (*c == '#')
			*c = '*';
	}
}

static void add_all(const struct knob_file *file, const struct knob_targets *found,
		    struct knob_targets *ret)
{
	const struct knob_target *first = &found->targets[0];
	const char *value = first->value;
	char key[PLAN_OBJECT_MAX], name[64];
	bool is_same = true;

	for (unsigned i = 0; i < found->n_targets; i++) {
		const struct knob_target *target = &found->targets[i];

		if (target->locked || !target->value)
			return;
		is_same = is_same && !strcmp(target->value, value);
	}
	star_pattern(file->key, key, sizeof(key));
	(void)snprintf(name, sizeof(name), "all %u of them", found->n_targets);
	knob_targets_add(ret, key, name, is_same ? value : "(mixed)", first->choices, NULL);
}

int knob_file_targets(const struct knob_file *file, struct host *host, struct knob_targets *ret)
{
	struct knob_targets found = {.arena = ret->arena};
	struct listing listing = {.file = file, .host = host, .targets = &found};
	int err = knob_file_each(file, host, list_one, &listing);

	if (found.n_targets == 0) {
		char key[PLAN_OBJECT_MAX], path[512], why[256];

		if (!err)
			err = listing.error ? listing.error : -ENOENT;
		star_pattern(file->key, key, sizeof(key));
		path[0] = '/';
		star_pattern(file->path, path + 1, sizeof(path) - 1);
		knob_file_why_unreadable(file, host, err, why, sizeof(why));
		knob_targets_add(ret, key, path, NULL, "", why);
		return 0;
	}
	if (file->has_all && found.n_targets > 1)
		add_all(file, &found, ret);
	for (unsigned i = 0; i < found.n_targets; i++) {
		const struct knob_target *at = &found.targets[i];

		knob_targets_add(ret, at->key, at->name, at->value, at->choices, at->locked);
	}
	return 0;
}

int knob_file_owner(const struct knob_file *file, struct host *host, char *buf, size_t size)
{
	return file->owners && owner_describe(host, file->owners, buf, size) > 0;
}

/* --- plans --- */

static void add_online(struct host *host, struct cpuset *affected)
{
	struct cpus cpus = {0};
	struct cpuset set;

	if (!cpus_online(&cpus, host, &set))
		cpuset_or(affected, &set);
	cpus_done(&cpus);
}

/* "0-3,8" or "0 1 2 3". */
static int read_cpu_file(struct host *host, const char *pattern,
			 const struct knob_file_parts *parts, struct cpuset *ret)
{
	char path[512], text[PLAN_VALUE_MAX];
	int err = knob_file_expand(pattern, parts, path, sizeof(path));
	ssize_t len = err ? err : host_read(host, path, text, sizeof(text));

	if (len < 0)
		return (int)len;
	while (len > 0 && strchr(" \n", text[len - 1]))
		text[--len] = '\0';
	for (char *c = text; *c; c++) {
		if (*c == ' ')
			*c = ',';
	}
	return cpuset_parse_list(text, ret);
}

static void add_affected(const struct knob_file *file, struct host *host,
			 const struct knob_file_parts *parts, const struct plan_step *step,
			 struct cpuset *affected)
{
	struct cpuset set;
	uint64_t cpu;

	switch (file->affects) {
	case KNOB_FILE_ALL_CPUS:
		break;
	case KNOB_FILE_THIS_CPU:
		if (!parse_u64(parts->text[0], &cpu) && cpu < CPUSET_MAX) {
			cpuset_add(affected, (unsigned)cpu);
			return;
		}
		break;
	case KNOB_FILE_CPU_FILE:
		if (!read_cpu_file(host, file->affects_path, parts, &set) &&
		    !cpuset_is_empty(&set)) {
			cpuset_or(affected, &set);
			return;
		}
		break;
	case KNOB_FILE_OLD_OR_NEW:
		if (!knob_file_cpus(file, step->old_value, &set))
			cpuset_or(affected, &set);
		if (!knob_file_cpus(file, step->new_value, &set))
			cpuset_or(affected, &set);
		return;
	}
	add_online(host, affected);
}

struct planning {
	const struct knob_file *file;
	struct host *host;
	const char *value;
	struct plan *plan;
	char *why;
	size_t why_size;
	struct knob_file_parts wish; /* lists and shell patterns */
	unsigned n_matches;
	char warning[256];
};

static int plan_one(struct planning *p, const struct knob_file_parts *parts)
{
	const struct knob_file *file = p->file;
	char object[PLAN_OBJECT_MAX], text[PLAN_VALUE_MAX], reason[256];
	int err = knob_file_expand(file->key, parts, object, sizeof(object));

	if (err)
		return err;
	ssize_t len = knob_file_read_parts(file, p->host, parts, text, sizeof(text));
	if (len < 0) {
		knob_file_why_unreadable(file, p->host, (int)len, reason, sizeof(reason));
		(void)snprintf(p->why, p->why_size, "%s: %s", object, reason);
		return (int)len;
	}
	if (file->plan_before)
		err = file->plan_before(p->host, parts, p->value, p->plan, p->why, p->why_size);
	if (!err)
		err = plan_add(p->plan, p->host, file->step_class, object, p->value, p->why,
			       p->why_size);
	if (err)
		return err;
	if (p->why_size && p->why[0])
		(void)snprintf(p->warning, sizeof(p->warning), "%s", p->why);
	add_affected(file, p->host, parts, &p->plan->steps[p->plan->n_steps - 1],
		     &p->plan->affected);
	if (file->plan_after)
		err = file->plan_after(p->host, parts, p->value, p->plan, p->why, p->why_size);
	return err;
}

static bool matches_part(char kind, const char *wish, const char *text)
{
	struct cpuset numbers;
	uint64_t number;

	if (kind == '*')
		return fnmatch(wish, text, 0) == 0;
	if (!strcmp(wish, "*") || !strcmp(wish, text))
		return true;
	return !cpuset_parse_list(wish, &numbers) && !parse_u64(text, &number) &&
	       number < CPUSET_MAX && cpuset_has(&numbers, (unsigned)number);
}

static int plan_match(void *arg, const struct knob_file_parts *parts)
{
	struct planning *p = arg;
	const char *kind = p->file->key;
	char text[PLAN_VALUE_MAX];

	for (unsigned i = 0; i < parts->n; i++, kind++) {
		kind += strcspn(kind, "#*");
		if (!matches_part(*kind, p->wish.text[i], parts->text[i]))
			return 0;
	}
	/* Of objects found by a pattern, those without the file are not meant. */
	ssize_t len = knob_file_read_parts(p->file, p->host, parts, text, sizeof(text));
	if (len < 0 && errno_is_absent((int)-len))
		return 0;
	p->n_matches++;
	return plan_one(p, parts);
}

/* The parts of a target that stands for several: "cpu:0-3", "nic:e*". */
static int parse_wish(const char *pattern, const char *target, struct knob_file_parts *ret)
{
	for (; *pattern; pattern++) {
		char stop[] = {pattern[1], '\0'};

		if (*pattern != '#' && *pattern != '*') {
			if (*pattern != *target++)
				return -EINVAL;
			continue;
		}
		size_t len = pattern[1] ? strcspn(target, stop) : strlen(target);
		if (len == 0 || len >= KNOB_FILE_NAME_MAX || ret->n == KNOB_FILE_PARTS)
			return -EINVAL;
		memcpy(ret->text[ret->n], target, len);
		ret->text[ret->n++][len] = '\0';
		target += len;
	}
	return *target ? -EINVAL : 0;
}

static int plan_several(struct planning *p, const char *target)
{
	int err = parse_wish(p->file->key, target, &p->wish);

	if (!err)
		err = knob_file_each(p->file, p->host, plan_match, p);
	else
		(void)snprintf(p->why, p->why_size,
			       "%.64s: no such thing for %s: `jittertop knobs %s` lists what there "
			       "is",
			       target, p->file->name, p->file->name);
	if (err || p->n_matches)
		return err;
	struct knob_targets targets = {.arena = arena_new(0)};
	(void)!knob_file_targets(p->file, p->host, &targets);
	const struct knob_target *first = targets.n_targets ? &targets.targets[0] : NULL;
	(void)snprintf(p->why, p->why_size, "%.64s: %s", target,
		       first && first->locked ? first->locked : "nothing here is meant by it");
	arena_free(targets.arena);
	return -ENOENT;
}

static int list_to_mask(const char *list, char *buf, size_t size)
{
	struct cpuset set;
	unsigned n_bits = 1;
	int err = cpuset_parse_list(list, &set);

	if (err)
		return err;
	for (unsigned cpu = cpuset_next(&set, 0); cpu < CPUSET_MAX;
	     cpu = cpuset_next(&set, cpu + 1))
		n_bits = cpu + 1;
	int len = cpuset_format_mask(&set, n_bits, buf, size);
	return len < 0 ? len : 0;
}

int knob_file_plan(const struct knob_file *file, struct host *host, const char *target,
		   const char *value, struct plan *ret, char *why, size_t why_size)
{
	struct planning p = {.file = file,
			     .host = host,
			     .value = value,
			     .plan = ret,
			     .why = why,
			     .why_size = why_size};
	struct knob_file_parts parts;
	unsigned first = ret->n_steps;
	char mask[PLAN_VALUE_MAX];

	if (why_size > 0)
		why[0] = '\0';
	if (file->compare == STEP_CPUMASK && !strncmp(value, "list:", 5)) {
		if (list_to_mask(value + 5, mask, sizeof(mask))) {
			(void)snprintf(why, why_size, "%.64s: %.64s is no CPU list such as 0-3,8",
				       target, value + 5);
			return -EINVAL;
		}
		p.value = mask;
	}
	int err = knob_file_parse(file, target, &parts) ? plan_several(&p, target)
							: plan_one(&p, &parts);
	if (err)
		return err;
	if (why_size > 0)
		(void)snprintf(why, why_size, "%s", p.warning);
	const char *what = strcmp(target, "host") ? target : "";
	const char *old = ret->n_steps == first + 1 ? ret->steps[first].old_value : "";
	plan_title_add(ret, "%.40s%s%.40s %.20s%s-> %.40s", file->name, what[0] ? " " : "", what,
		       old, old[0] ? " " : "", ret->steps[ret->n_steps - 1].new_value);
	return 0;
}
