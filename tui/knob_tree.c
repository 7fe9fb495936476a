#include "tui/knob_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Knobs with more targets are closed until somebody opens them. */
#define AUTO_TARGETS 3
#define AUTO_FILTERED 40
#define MAX_FAMILIES 64
#define MAX_WORDS 8

/* --- what passes the filter --- */

struct filter {
	const char *entity; /* NULL: words */
	char text[128];
	const char *words[MAX_WORDS];
	unsigned n_words;
};

static void filter_init(struct filter *filter, const char *text)
{
	char *save = NULL;

	*filter = (struct filter){.entity = text[0] == '@' ? text + 1 : NULL};
	snprintf(filter->text, sizeof(filter->text), "%s", text);
	for (char *w = strtok_r(filter->text, " ", &save); w && filter->n_words < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		filter->words[filter->n_words++] = w;
}

/* Kinds of targets that belong to an entity of another kind by having its name in front. */
static const struct {
	const char *entity, *targets;
} related[] = {
	{"cpu", " policy cstate "}, {"nic", " queue napi vf netns "}, {"vm", " vcpu thread "},
	{"hugepool", " node "},	    {"container", " cgroup "},
};

static bool is_related(const char *target, size_t n_target, const char *entity, size_t n_entity)
{
	char word[40];

	if (n_target == n_entity && strncmp(target, entity, n_target) == 0)
		return true;
	snprintf(word, sizeof(word), " %.*s ", (int)n_target, target);
	for (unsigned i = 0; i < ARRAY_SIZE(related); i++) {
		if (strlen(related[i].entity) == n_entity &&
		    strncmp(related[i].entity, entity, n_entity) == 0)
			return strstr(related[i].targets, word) != NULL;
	}
	return false;
}

bool knob_target_is_of(const char *target, const char *entity)
{
	size_t t = strcspn(target, ":"), e = strcspn(entity, ":"), n;

	if (!target[t] || !entity[e] || !is_related(target, t, entity, e))
		return false;
	target += t + 1;
	entity += e + 1;
	n = strlen(entity);
	return strncmp(target, entity, n) == 0 && (target[n] == 0 || target[n] == '/');
}

static bool knob_has(const struct knob *knob, const char *word)
{
	return text_contains(knob->name, word) || text_contains(knob_tree_family(knob), word) ||
	       text_contains(knob->summary, word);
}

static bool target_has(const struct knob_target *t, const char *word)
{
	return text_contains(t->key, word) || (t->name && text_contains(t->name, word)) ||
	       (t->value && text_contains(t->value, word));
}

/* target NULL: the knob alone. */
static bool passes(const struct filter *filter, const struct knob *knob,
		   const struct knob_target *target)
{
	if (filter->entity)
		return target && knob_target_is_of(target->key, filter->entity);
	for (unsigned i = 0; i < filter->n_words; i++) {
		if (!knob_has(knob, filter->words[i]) &&
		    !(target && target_has(target, filter->words[i])))
			return false;
	}
	return true;
}

/* --- order --- */

const char *knob_tree_family(const struct knob *knob)
{
	return knob->is_boot_only ? "boot" : knob->family;
}

/* Boot-only settings are the last family: nothing can be done about them now. */
static unsigned list_families(const struct knob_list *list, const char **ret)
{
	bool has_boot = false;
	unsigned n = 0, at;

	for (unsigned i = 0; i < list->n_items; i++) {
		const char *family = knob_tree_family(list->items[i].knob);

		has_boot |= list->items[i].knob->is_boot_only;
		for (at = 0; at < n && strcmp(ret[at], family) != 0; at++)
			;
		if (at == n && n < MAX_FAMILIES - 1 && !list->items[i].knob->is_boot_only)
			ret[n++] = family;
	}
	if (has_boot)
		ret[n++] = "boot";
	return n;
}

struct order {
	struct knob_tree *tree;
	const struct knob_list *list;
	unsigned item; /* of targets */
};

static const char *item_text(struct knob_tree *tree, const struct knob_list *list, unsigned item)
{
	const struct knob *knob = list->items[item].knob;

	switch (tree->table.sort_column) {
	case KNOB_COLUMN_VALUE:
		return knob_tree_summary(tree, list, item);
	case KNOB_COLUMN_CLASS:
		return knob_risk_name(knob->risk);
	case KNOB_COLUMN_OWNER:
		return list->items[item].owner ? list->items[item].owner : "~";
	default:
		return knob->name;
	}
}

static int compare_items(const void *a, const void *b, void *arg)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	const struct order *o = arg;
	int r = natural_compare(item_text(o->tree, o->list, x), item_text(o->tree, o->list, y));

	r = o->tree->table.is_descending ? -r : r;
	return r ? r : x < y ? -1 : x > y;
}

static const char *target_text(const struct knob_target *t, int column)
{
	switch (column) {
	case KNOB_COLUMN_VALUE:
		return t->value;
	case KNOB_COLUMN_LABEL:
		return t->name;
	case KNOB_COLUMN_CHOICES:
		return t->locked ? t->locked : t->choices;
	default:
		return t->key;
	}
}

/* Those without a value are last either way. */
static int compare_targets(const void *a, const void *b, void *arg)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	const struct order *o = arg;
	const struct knob_target *targets = o->list->items[o->item].targets.targets;
	const char *s = target_text(&targets[x], o->tree->table.sort_column);
	const char *t = target_text(&targets[y], o->tree->table.sort_column);
	int r;

	if (!s || !t) {
		r = (s == NULL) - (t == NULL);
	} else {
		r = natural_compare(s, t);
		r = o->tree->table.is_descending ? -r : r;
	}
	return r ? r : x < y ? -1 : x > y;
}

/* --- branches --- */

static char *branch_key(const struct knob_list *list, const struct knob_row *row)
{
	const struct knob *knob = list->items[row->item].knob;

	return row->type == KNOB_ROW_FAMILY ? xasprintf("family %s", knob_tree_family(knob))
					    : xstrdup(knob->name);
}

static int find_toggled(const struct knob_tree *tree, const char *key)
{
	for (unsigned i = 0; i < tree->n_toggled; i++) {
		if (strcmp(tree->toggled[i], key) == 0)
			return (int)i;
	}
	return -1;
}

static void toggle_key(struct knob_tree *tree, const char *key)
{
	int at = find_toggled(tree, key);

	tree->built_of = 0;
	if (at >= 0) {
		free(tree->toggled[at]);
		tree->toggled[at] = tree->toggled[--tree->n_toggled];
		return;
	}
	tree->toggled = xrealloc(tree->toggled, (tree->n_toggled + 1) * sizeof(*tree->toggled));
	tree->toggled[tree->n_toggled++] = xstrdup(key);
}

static void forget_toggled(struct knob_tree *tree)
{
	for (unsigned i = 0; i < tree->n_toggled; i++)
		free(tree->toggled[i]);
	tree->n_toggled = 0;
	tree->built_of = 0;
}

static bool is_open(const struct knob_tree *tree, const struct knob_list *list,
		    const struct knob_row *row)
{
	_cleanup_(freep) char *key = branch_key(list, row);
	unsigned most = tree->filter[0] ? AUTO_FILTERED : AUTO_TARGETS;
	bool as_usual =
		tree->mode == TREE_OPEN ||
		(tree->mode == TREE_AUTO && (row->type == KNOB_ROW_FAMILY || row->n <= most));

	return row->n && as_usual != (find_toggled(tree, key) >= 0);
}

/* --- rows --- */

static void add_row(struct knob_tree *tree, const struct knob_row *row)
{
	if (tree->n_rows == tree->room) {
		tree->room = tree->room ? 2 * tree->room : 256;
		tree->rows = xrealloc(tree->rows, tree->room * sizeof(*tree->rows));
	}
	tree->rows[tree->n_rows++] = *row;
}

struct build {
	struct knob_tree *tree;
	const struct knob_list *list;
	struct filter filter;
	unsigned *targets; /* of one knob: those that pass */
	bool is_all;	   /* whatever is closed */
};

/* Returns how many pass. */
static unsigned pick_targets(struct build *b, unsigned item)
{
	const struct knob_list_item *it = &b->list->items[item];
	struct order order = {b->tree, b->list, item};
	bool by_knob = passes(&b->filter, it->knob, NULL);
	unsigned n = 0;

	for (unsigned t = 0; t < it->targets.n_targets; t++) {
		if (by_knob || passes(&b->filter, it->knob, &it->targets.targets[t]))
			b->targets[n++] = t;
	}
	if (b->tree->table.sort_column >= 0 && n > 1)
		qsort_r(b->targets, n, sizeof(*b->targets), compare_targets, &order);
	return n;
}

/* False: the filter keeps it back. */
static bool add_knob(struct build *b, unsigned item)
{
	const struct knob_list_item *it = &b->list->items[item];
	unsigned n = pick_targets(b, item);
	struct knob_row row = {.type = KNOB_ROW_KNOB, .item = item, .n = n};

	if (n == 0 && !passes(&b->filter, it->knob, NULL))
		return false;
	if (it->targets.n_targets == 1 && n == 1)
		row = (struct knob_row){.type = KNOB_ROW_ONE, .item = item, .target = 0};
	else
		row.is_open = is_open(b->tree, b->list, &row);
	add_row(b->tree, &row);
	for (unsigned t = 0; t < n && row.type == KNOB_ROW_KNOB && (row.is_open || b->is_all); t++)
		add_row(b->tree, &(struct knob_row){.type = KNOB_ROW_TARGET,
						    .item = item,
						    .target = b->targets[t]});
	return true;
}

static void add_family(struct build *b, const char *family)
{
	unsigned *items = xcalloc(b->list->n_items + 1, sizeof(*items)), n = 0;
	struct order order = {b->tree, b->list, 0};
	unsigned head = b->tree->n_rows, shown = 0;
	struct knob_row row = {.type = KNOB_ROW_FAMILY, .n = 1};

	for (unsigned i = 0; i < b->list->n_items; i++) {
		if (strcmp(knob_tree_family(b->list->items[i].knob), family) == 0)
			items[n++] = i;
	}
	row.item = items[0];
	row.is_open = is_open(b->tree, b->list, &row);
	if (b->tree->table.sort_column >= 0)
		qsort_r(items, n, sizeof(*items), compare_items, &order);
	add_row(b->tree, &row);
	for (unsigned i = 0; i < n; i++)
		shown += add_knob(b, items[i]);
	free(items);
	b->tree->rows[head].n = shown;
	/* A closed one still counts what it holds. */
	if (shown == 0)
		b->tree->n_rows = head;
	else if (!row.is_open && !b->is_all)
		b->tree->n_rows = head + 1;
}

static void build(struct knob_tree *tree, const struct knob_list *list, bool is_all)
{
	const char *families[MAX_FAMILIES];
	struct build b = {.tree = tree, .list = list, .is_all = is_all};
	unsigned n = list_families(list, families), most = 0;

	for (unsigned i = 0; i < list->n_items; i++) {
		if (list->items[i].targets.n_targets > most)
			most = list->items[i].targets.n_targets;
	}
	filter_init(&b.filter, tree->filter);
	b.targets = xcalloc(most + 1, sizeof(*b.targets));
	tree->n_rows = 0;
	for (unsigned i = 0; i < n; i++)
		add_family(&b, families[i]);
	free(b.targets);
	tree->built_of = 0;
}

/* --- the cursor --- */

static bool is_cursor(const struct knob_tree *tree, const struct knob_list *list,
		      const struct knob_row *row)
{
	const struct knob_list_item *item = &list->items[row->item];

	if (row->type == KNOB_ROW_FAMILY)
		return !tree->knob && strcmp(knob_tree_family(item->knob), tree->family) == 0;
	if (item->knob != tree->knob)
		return false;
	return row->type != KNOB_ROW_TARGET ||
	       strcmp(item->targets.targets[row->target].key, tree->target) == 0;
}

/* The last that fits: a target comes after its knob. */
static void find_cursor(struct knob_tree *tree, const struct knob_list *list)
{
	for (unsigned i = 0; tree->family && i < tree->n_rows; i++) {
		const struct knob_row *row = &tree->rows[i];

		if (!is_cursor(tree, list, row))
			continue;
		tree->table.cursor = i;
		if (row->type != KNOB_ROW_KNOB || !tree->target[0])
			break;
	}
	if (tree->table.cursor >= tree->n_rows)
		tree->table.cursor = tree->n_rows ? tree->n_rows - 1 : 0;
}

static void remember(struct knob_tree *tree, const struct knob_list *list)
{
	const struct knob_row *row = knob_tree_row(tree);

	if (!row)
		return;
	tree->family = knob_tree_family(list->items[row->item].knob);
	tree->knob = row->type == KNOB_ROW_FAMILY ? NULL : list->items[row->item].knob;
	snprintf(tree->target, sizeof(tree->target), "%s",
		 row->type == KNOB_ROW_TARGET
			 ? list->items[row->item].targets.targets[row->target].key
			 : "");
}

void knob_tree_build(struct knob_tree *tree, const struct knob_list *list)
{
	if (tree->built_of == list->seq)
		return;
	build(tree, list, false);
	tree->built_of = list->seq;
	find_cursor(tree, list);
}

void knob_tree_init(struct knob_tree *tree)
{
	tree->table.sort_column = -1;
}

static void drop_summaries(struct knob_tree *tree)
{
	for (unsigned i = 0; i < tree->n_summaries; i++)
		free(tree->summaries[i]);
	free(tree->summaries);
	tree->summaries = NULL;
	tree->n_summaries = 0;
}

void knob_tree_done(struct knob_tree *tree)
{
	forget_toggled(tree);
	drop_summaries(tree);
	free(tree->toggled);
	free(tree->rows);
}

void knob_tree_set_filter(struct knob_tree *tree, const char *filter)
{
	if (strcmp(tree->filter, filter) == 0)
		return;
	snprintf(tree->filter, sizeof(tree->filter), "%s", filter);
	tree->built_of = 0;
}

const struct knob_row *knob_tree_row(const struct knob_tree *tree)
{
	return tree->table.cursor < tree->n_rows ? &tree->rows[tree->table.cursor] : NULL;
}

const struct knob_target *knob_tree_target(const struct knob_list *list, const struct knob_row *row)
{
	return row && row->type >= KNOB_ROW_ONE
		       ? &list->items[row->item].targets.targets[row->target]
		       : NULL;
}

/* --- values in a few words --- */

#define MAX_DISTINCT 4

static bool stands_for_all(const struct knob_target *target)
{
	return strchr(target->key, '*') != NULL;
}

static char *make_summary(const struct knob_targets *targets)
{
	struct {
		const char *value;
		unsigned n;
	} seen[MAX_DISTINCT];
	unsigned n = 0, others = 0, none = 0, at;
	char text[256] = "";
	size_t len = 0;

	for (unsigned i = 0; i < targets->n_targets; i++) {
		const struct knob_target *t = &targets->targets[i];

		if (stands_for_all(t))
			continue;
		none += !t->value;
		for (at = 0; t->value && at < n && strcmp(seen[at].value, t->value) != 0; at++)
			;
		if (!t->value)
			continue;
		if (at < n)
			seen[at].n++;
		else if (n < MAX_DISTINCT)
			seen[n].value = t->value, seen[n++].n = 1;
		else
			others++;
	}
	for (at = 0; at < n && len < sizeof(text); at++) {
		const char *value = seen[at].value[0] ? seen[at].value : "\"\"";

		len += (size_t)snprintf(text + len, sizeof(text) - len,
					n == 1 && !others && !none ? "%s%.48s" : "%s%.48s x%u",
					at ? ", " : "", value, seen[at].n);
	}
	if (others && len < sizeof(text))
		(void)snprintf(text + len, sizeof(text) - len, ", %u others", others);
	return xstrdup(text);
}

const char *knob_tree_summary(struct knob_tree *tree, const struct knob_list *list, unsigned item)
{
	if (tree->summaries_of != list->seq || tree->n_summaries != list->n_items) {
		drop_summaries(tree);
		tree->summaries = xcalloc(list->n_items + 1, sizeof(*tree->summaries));
		tree->n_summaries = list->n_items;
		tree->summaries_of = list->seq;
	}
	if (!tree->summaries[item])
		tree->summaries[item] = make_summary(&list->items[item].targets);
	return tree->summaries[item];
}

/* --- commands --- */

void knob_tree_toggle(struct knob_tree *tree, const struct knob_list *list,
		      const struct knob_row *row)
{
	_cleanup_(freep) char *key = branch_key(list, row);

	toggle_key(tree, key);
}

static void sort_command(struct knob_tree *tree, enum command command)
{
	int at = tree->table.sort_column;

	tree->built_of = 0;
	if (command == COMMAND_INVERT) {
		tree->table.is_descending = !tree->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	/* -1 between the ends: the natural order comes back. */
	tree->table.sort_column = at >= KNOB_COLUMNS ? -1 : at < -1 ? KNOB_COLUMNS - 1 : at;
	tree->table.is_descending = false;
}

/* Left closes: from a target its knob, from a closed knob its family. */
static void branch_command(struct knob_tree *tree, const struct knob_list *list, bool is_closing)
{
	unsigned at = tree->table.cursor;
	enum knob_row_type type;

	if (at >= tree->n_rows)
		return;
	type = tree->rows[at].type;
	if (is_closing && type != KNOB_ROW_FAMILY && !tree->rows[at].is_open) {
		while (at > 0 && tree->rows[at].type != KNOB_ROW_FAMILY &&
		       !(type == KNOB_ROW_TARGET && tree->rows[at].type == KNOB_ROW_KNOB))
			at--;
	}
	tree->table.cursor = at;
	remember(tree, list);
	if (tree->rows[at].n && tree->rows[at].is_open == is_closing)
		knob_tree_toggle(tree, list, &tree->rows[at]);
}

bool knob_tree_command(struct knob_tree *tree, const struct knob_list *list, enum command command)
{
	knob_tree_build(tree, list);
	if (command == COMMAND_TREE) {
		tree->mode = tree->mode == TREE_OPEN ? TREE_CLOSED : TREE_OPEN;
		remember(tree, list);
		forget_toggled(tree);
	} else if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
		   command == COMMAND_INVERT) {
		remember(tree, list);
		sort_command(tree, command);
	} else if (command == COMMAND_LEFT || command == COMMAND_RIGHT) {
		branch_command(tree, list, command == COMMAND_LEFT);
	} else if (table_command(&tree->table, tree->n_rows, command)) {
		remember(tree, list);
	} else {
		return false;
	}
	knob_tree_build(tree, list);
	return true;
}

void knob_tree_click(struct knob_tree *tree, const struct knob_list *list, int y)
{
	unsigned row = tree->table.top + (unsigned)(y - 1);

	if (y < 1 || y > (int)tree->table.page || row >= tree->n_rows)
		return;
	knob_tree_build(tree, list);
	tree->table.cursor = row < tree->n_rows ? row : tree->n_rows ? tree->n_rows - 1 : 0;
	remember(tree, list);
}

/* Of rows that include those of closed branches. */
static void reveal(struct knob_tree *tree, const struct knob_list *list, unsigned row)
{
	unsigned at = row;

	tree->table.cursor = row;
	remember(tree, list);
	if (tree->rows[row].type == KNOB_ROW_TARGET) {
		while (tree->rows[at].type == KNOB_ROW_TARGET)
			at--;
		if (!tree->rows[at].is_open)
			knob_tree_toggle(tree, list, &tree->rows[at]);
	}
	while (tree->rows[at].type != KNOB_ROW_FAMILY)
		at--;
	if (!tree->rows[at].is_open && at != row)
		knob_tree_toggle(tree, list, &tree->rows[at]);
}

static bool row_contains(const struct knob_list *list, const struct knob_row *row,
			 const char *needle)
{
	const struct knob *knob = list->items[row->item].knob;
	const struct knob_target *target = knob_tree_target(list, row);

	if (target && target_has(target, needle))
		return true;
	if (row->type == KNOB_ROW_FAMILY)
		return text_contains(knob_tree_family(knob), needle);
	return row->type != KNOB_ROW_TARGET &&
	       (text_contains(knob->name, needle) || text_contains(knob->summary, needle));
}

bool knob_tree_search(struct knob_tree *tree, const struct knob_list *list, const char *needle,
		      int direction)
{
	bool is_found = false;
	unsigned at, step;

	knob_tree_build(tree, list);
	remember(tree, list);
	build(tree, list, true);
	find_cursor(tree, list);
	step = direction < 0 ? tree->n_rows - 1 : 1;
	at = tree->table.cursor + (direction ? step : 0);
	for (unsigned i = 0; i < tree->n_rows && !is_found; i++, at += step) {
		is_found = row_contains(list, &tree->rows[at % tree->n_rows], needle);
		if (is_found)
			reveal(tree, list, at % tree->n_rows);
	}
	knob_tree_build(tree, list);
	return is_found;
}

bool knob_tree_show(struct knob_tree *tree, const struct knob_list *list, const char *knob,
		    const char *target)
{
	bool is_found = false;

	build(tree, list, true);
	for (unsigned i = 0; i < tree->n_rows && !is_found; i++) {
		const struct knob_row *row = &tree->rows[i];
		const struct knob_target *t = knob_tree_target(list, row);

		is_found = row->type != KNOB_ROW_FAMILY &&
			   strcmp(list->items[row->item].knob->name, knob) == 0 &&
			   (!target || (t && strcmp(t->key, target) == 0));
		if (is_found)
			reveal(tree, list, i);
	}
	knob_tree_build(tree, list);
	return is_found;
}
