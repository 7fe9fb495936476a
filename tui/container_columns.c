/* The columns of the container view, and what is flagged about a container. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view_container_internal.h"

enum {
	COL_NAME,
	COL_ENGINE,
	COL_BUSY,
	COL_THROTTLED,
	COL_MAX,
	COL_CPUSET,
	COL_MEMORY,
	COL_FLAGS,
	COL_PSI,
	COL_STATE,
	COL_PIDS,
	COL_IMAGE,
	COL_MEMORY_MAX,
	COL_HUGE,
	COL_MEMS,
	COL_PSI_MEMORY,
	COL_PSI_IO,
	COL_WEIGHT,
	COL_REALTIME,
	COL_POD,
};

const struct table_column container_columns[CONTAINER_COLUMNS] = {
	[COL_NAME] = {.title = "container", .min_width = 18, .max_width = 36},
	[COL_ENGINE] = {.title = "engine", .min_width = 7, .max_width = 10, .priority = 4},
	[COL_BUSY] = {.title = "cpu%", .min_width = 4, .max_width = 6, .is_right = true},
	[COL_THROTTLED] =
		{.title = "thr%", .min_width = 4, .max_width = 5, .priority = 1, .is_right = true},
	[COL_MAX] =
		{.title = "max", .min_width = 4, .max_width = 6, .priority = 5, .is_right = true},
	[COL_CPUSET] = {.title = "cpuset", .min_width = 6, .max_width = 14, .priority = 2},
	[COL_MEMORY] = {.title = "memory",
			.min_width = 7,
			.max_width = 9,
			.priority = 3,
			.is_right = true},
	[COL_FLAGS] = {.title = "flags", .min_width = 15, .max_width = 24, .priority = 1},
	[COL_PSI] =
		{.title = "psi%", .min_width = 4, .max_width = 6, .priority = 6, .is_right = true},
	[COL_STATE] = {.title = "state", .min_width = 7, .max_width = 10, .priority = 7},
	[COL_PIDS] =
		{.title = "pids", .min_width = 4, .max_width = 6, .priority = 8, .is_right = true},
	[COL_IMAGE] = {.title = "image", .min_width = 12, .max_width = 40, .priority = 9},
	[COL_MEMORY_MAX] = {.title = "limit",
			    .min_width = 7,
			    .max_width = 9,
			    .priority = 10,
			    .is_right = true},
	[COL_HUGE] =
		{.title = "huge", .min_width = 7, .max_width = 9, .priority = 11, .is_right = true},
	[COL_MEMS] = {.title = "mems", .min_width = 4, .max_width = 8, .priority = 12},
	[COL_PSI_MEMORY] =
		{.title = "mem%", .min_width = 4, .max_width = 6, .priority = 13, .is_right = true},
	[COL_PSI_IO] =
		{.title = "io%", .min_width = 4, .max_width = 6, .priority = 14, .is_right = true},
	[COL_WEIGHT] = {.title = "weight",
			.min_width = 6,
			.max_width = 6,
			.priority = 15,
			.is_right = true},
	[COL_REALTIME] =
		{.title = "rt", .min_width = 3, .max_width = 4, .priority = 16, .is_right = true},
	[COL_POD] = {.title = "pod", .min_width = 8, .max_width = 30, .priority = 17},
};

bool container_is_task(const struct entity *e)
{
	return strcmp(e->kind->name, "task") == 0;
}

bool container_is_real(const struct entity *e)
{
	static const char *const roles[] = {"container", "pod", "vm"};
	const char *engine = entity_text(e, "engine"), *role = entity_text(e, "role");

	for (unsigned i = 0; role && i < ARRAY_SIZE(roles); i++) {
		if (strcmp(role, roles[i]) == 0)
			return true;
	}
	return !role && engine && *engine && strcmp(engine, "systemd") != 0 &&
	       strcmp(engine, "cgroup") != 0;
}

/* The last part of the path serves where nobody gave a name. */
void container_name(void *arg, const struct entity *e, struct table_cell *ret)
{
	const char *colon = strchr(e->key, ':'), *path = colon ? colon + 1 : e->key;
	const char *slash = strrchr(path, '/'), *name = e->name;

	(void)arg;
	if (!name || !*name || strcmp(name, e->key) == 0)
		name = slash && slash[1] ? slash + 1 : *path ? path : "/";
	snprintf(ret->text, sizeof(ret->text), "%.250s", name);
	if (container_is_task(e) && colon)
		snprintf(ret->text, sizeof(ret->text), "%.200s %.*s", e->name ? e->name : "task",
			 (int)strcspn(path, "."), path);
	ret->role = container_is_real(e) ? ROLE_STRONG : ROLE_VALUE;
}

/* --- flags --- */

double container_throttled(const struct entity *e)
{
	double periods = entity_rate(e, "periods"), throttled = entity_rate(e, "throttled");

	return periods > 0 ? throttled / periods : NAN;
}

/* The probe judges, by what it read at one time; the words are its own. */
static const struct {
	const char *flag, *word;
} flags[CONTAINER_FLAGS] = {
	[CONTAINER_THROTTLED] = {"throttled", "throt"},
	[CONTAINER_CUT] = {"cpuset-cut", "cut"},
	[CONTAINER_FALLBACK] = {"cpuset-fallback", "fallb"},
	[CONTAINER_EMPTY] = {"cpuset-empty", "nocpu"},
	[CONTAINER_REALTIME] = {"rt", "rt"},
};

unsigned container_flags(const struct entity *e)
{
	const char *at = container_is_task(e) ? NULL : entity_text(e, "flags");
	unsigned set = 0;

	while (at && *at) {
		size_t n = strcspn(at, " ");

		for (unsigned i = 0; i < CONTAINER_FLAGS; i++) {
			if (strlen(flags[i].flag) == n && strncmp(at, flags[i].flag, n) == 0)
				set |= 1u << i;
		}
		at += n + (at[n] == ' ');
	}
	return set;
}

const char *container_flag_word(enum container_flag flag)
{
	return flags[flag].word;
}

const char *container_flag_sentence(const struct entity *e, enum container_flag flag, char *buf,
				    size_t size)
{
	const char *wanted = entity_text(e, "cpuset_cpus");
	const char *got = entity_text(e, "cpuset_effective");
	double share = container_throttled(e);
	uint64_t n = 0;

	wanted = wanted ? wanted : "?";
	got = got ? got : "?";
	switch (flag) {
	case CONTAINER_THROTTLED:
		if (isnan(share))
			snprintf(buf, size, "its CPU quota stopped it since the last reading");
		else
			snprintf(buf, size, "its CPU quota stopped it in %.0f %% of the periods",
				 share * 100);
		break;
	case CONTAINER_CUT:
		snprintf(buf, size,
			 "given CPUs %s, it gets %s: the rest is offline or not its parent's",
			 wanted, got);
		break;
	case CONTAINER_FALLBACK:
		snprintf(buf, size, "none of its CPUs %s is left: it runs on its parent's, %s",
			 wanted, got);
		break;
	case CONTAINER_EMPTY:
		snprintf(buf, size, "its cpuset is empty: no task can be put there");
		break;
	case CONTAINER_REALTIME:
		(void)entity_u64(e, "rt_threads", &n);
		snprintf(buf, size, "%llu real-time threads: nothing else runs where they do",
			 (unsigned long long)n);
		break;
	case CONTAINER_FLAGS:
		buf[0] = 0;
		break;
	}
	return buf;
}

static void flags_cell(const struct entity *e, struct table_cell *ret)
{
	unsigned set = container_flags(e);
	size_t n = 0;

	ret->text[0] = 0;
	for (unsigned i = 0; i < CONTAINER_FLAGS; i++) {
		if (set & 1u << i)
			n += (size_t)snprintf(ret->text + n, sizeof(ret->text) - n, "%s%s",
					      n ? " " : "",
					      container_flag_word((enum container_flag)i));
	}
	ret->role = set & ~(1u << CONTAINER_REALTIME) ? ROLE_WARNING : ROLE_VALUE;
}

/* --- cells --- */

static void absent(struct table_cell *ret)
{
	snprintf(ret->text, sizeof(ret->text), "-");
	ret->role = ROLE_VALUE_ABSENT;
}

static void text_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	ret->role = entity_format(e, metric, ret->text, sizeof(ret->text));
	if (!ret->text[0])
		absent(ret);
}

static void share_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	double share = entity_rate(e, metric);

	if (isnan(share))
		text_cell(e, metric, ret);
	else
		snprintf(ret->text, sizeof(ret->text), "%.*f", share > 0 && share < 0.0995 ? 1 : 0,
			 share * 100);
}

static void throttled_cell(const struct entity *e, struct table_cell *ret)
{
	double share = container_throttled(e);

	if (isnan(share)) {
		absent(ret);
		return;
	}
	snprintf(ret->text, sizeof(ret->text), "%.0f", share * 100);
	ret->role = share > 0 ? ROLE_WARNING : ROLE_VALUE;
}

/* The title says per cent. */
static void percent_cell(const struct entity *e, const char *metric, struct table_cell *ret)
{
	const struct value *v = entity_value(e, metric);
	double value = v->is_float ? v->f64 : (double)v->u64;

	if (v->state != VALUE_OK) {
		text_cell(e, metric, ret);
		return;
	}
	snprintf(ret->text, sizeof(ret->text), value > 0 && value < 9.95 ? "%.1f" : "%.0f", value);
}

/* Of how many CPUs' time it may take; the kernel's own word where there is no limit. */
static void max_cell(const struct entity *e, struct table_cell *ret)
{
	const struct value *v = entity_value(e, "cpu_quota");
	const char *text = entity_text(e, "cpu_max");

	if (v->state == VALUE_OK && v->is_float && !isnan(v->f64))
		snprintf(ret->text, sizeof(ret->text), "%.3g", v->f64);
	else if (text && strncmp(text, "max", 3) == 0)
		snprintf(ret->text, sizeof(ret->text), "max");
	else
		text_cell(e, "cpu_max", ret);
}

/* A thread stands in the same columns where they fit. */
static void task_cell(const struct entity *e, unsigned column, struct table_cell *ret)
{
	const char *policy = entity_text(e, "policy");
	uint64_t cpu;

	ret->text[0] = 0;
	if (column == COL_BUSY)
		share_cell(e, "cpu_ns", ret);
	else if (column == COL_CPUSET)
		text_cell(e, "affinity", ret);
	else if (column == COL_STATE)
		text_cell(e, "state", ret);
	else if (column == COL_ENGINE && policy)
		snprintf(ret->text, sizeof(ret->text), "%s", policy);
	else if (column == COL_FLAGS && entity_u64(e, "cpu", &cpu))
		snprintf(ret->text, sizeof(ret->text), "on cpu %llu", (unsigned long long)cpu);
}

static const char *const texts[CONTAINER_COLUMNS] = {
	[COL_ENGINE] = "engine",
	[COL_CPUSET] = "cpuset_effective",
	[COL_MEMORY] = "memory_bytes",
	[COL_STATE] = "state",
	[COL_PIDS] = "pids",
	[COL_IMAGE] = "image",
	[COL_MEMORY_MAX] = "memory_max_bytes",
	[COL_HUGE] = "hugetlb_bytes",
	[COL_MEMS] = "mems_effective",
	[COL_WEIGHT] = "cpu_weight",
	[COL_REALTIME] = "rt_threads",
	[COL_POD] = "pod",
};
static const char *const percents[CONTAINER_COLUMNS] = {
	[COL_PSI] = "psi_cpu", [COL_PSI_MEMORY] = "psi_memory", [COL_PSI_IO] = "psi_io"};

void container_cell(void *arg, const struct entity *e, unsigned column, struct table_cell *ret)
{
	(void)arg;
	if (container_is_task(e))
		task_cell(e, column, ret);
	else if (column == COL_WEIGHT && entity_value(e, "cpu_weight")->state == VALUE_ABSENT)
		text_cell(e, "cpu_shares", ret); /* cgroup v1 */
	else if (texts[column])
		text_cell(e, texts[column], ret);
	else if (percents[column])
		percent_cell(e, percents[column], ret);
	else if (column == COL_BUSY)
		share_cell(e, "cpu_ns", ret);
	else if (column == COL_THROTTLED)
		throttled_cell(e, ret);
	else if (column == COL_MAX)
		max_cell(e, ret);
	else if (column == COL_FLAGS)
		flags_cell(e, ret);
}

void container_order(void *arg, const struct entity *e, unsigned column, struct tree_key *ret)
{
	const char *metric = texts[column] ? texts[column] : percents[column];
	int m = metric ? kind_metric(e->kind, metric) : -1;

	(void)arg;
	if (column == COL_BUSY)
		ret->number = entity_rate(e, "cpu_ns");
	else if (column == COL_THROTTLED)
		ret->number = container_throttled(e);
	else if (column == COL_FLAGS) /* flagged ones first */
		ret->number = -(double)container_flags(e);
	else if (column == COL_MAX)
		ret->number = entity_value(e, "cpu_quota")->state == VALUE_OK
				      ? entity_value(e, "cpu_quota")->f64
				      : NAN;
	else if (column == COL_NAME)
		ret->text = e->name ? e->name : e->key;
	else if (m >= 0 && (e->kind->metrics[m]->type == METRIC_TEXT ||
			    e->kind->metrics[m]->type == METRIC_CPUSET))
		ret->text = entity_text(e, metric);
	else if (m >= 0)
		ret->number = metric_order(e->kind->metrics[m], &e->values[m], e->rates[m]);
}
