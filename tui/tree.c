#include "tui/tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper rows are not indented further: there would be no room for their names. */
#define DEEPEST_INDENT 8

struct node {
	const struct entity *entity;
	unsigned place; /* natural order */
	struct tree_key key;
	struct node *parent, *first_child, *next;
	unsigned n_children, depth;
};

struct nodes {
	struct node *at;
	unsigned n, n_kinds;
	struct {
		const struct snapshot_table *table;
		unsigned first; /* node of the table's first entity */
	} kinds[16];
	struct node *roots;
};

void tree_init(struct tree *tree)
{
	tree->table.sort_column = -1;
}

void tree_done(struct tree *tree)
{
	for (unsigned i = 0; i < tree->n_toggled; i++)
		free(tree->toggled[i]);
	free(tree->toggled);
	free(tree->cursor_key);
	free(tree->rows);
}

void tree_outdate(struct tree *tree)
{
	tree->built_of = NULL;
}

static int find_toggled(const struct tree *tree, const char *key)
{
	for (unsigned i = 0; i < tree->n_toggled; i++) {
		if (strcmp(tree->toggled[i], key) == 0)
			return (int)i;
	}
	return -1;
}

void tree_toggle(struct tree *tree, const char *key)
{
	int at = find_toggled(tree, key);

	tree_outdate(tree);
	if (at >= 0) {
		free(tree->toggled[at]);
		tree->toggled[at] = tree->toggled[--tree->n_toggled];
		return;
	}
	tree->toggled = xrealloc(tree->toggled, (tree->n_toggled + 1) * sizeof(*tree->toggled));
	tree->toggled[tree->n_toggled++] = xstrdup(key);
}

static bool is_open(const struct tree *tree, const struct tree_ops *ops, void *arg,
		    const struct node *node)
{
	bool as_usual =
		tree->mode == TREE_OPEN ||
		(tree->mode == TREE_AUTO && ops->opens(arg, node->entity, node->n_children));

	return node->n_children && as_usual != (find_toggled(tree, node->entity->key) >= 0);
}

/* The tables of ops->kinds, one after another. */
static void list_kinds(struct nodes *nodes, const struct tree_ops *ops, const struct snapshot *snap)
{
	char name[32];

	for (const char *at = ops->kinds; *at && nodes->n_kinds < ARRAY_SIZE(nodes->kinds);) {
		size_t length = strcspn(at, " ");
		const struct snapshot_table *table;

		snprintf(name, sizeof(name), "%.*s", (int)length, at);
		table = snapshot_table(snap, name);
		if (table) {
			nodes->kinds[nodes->n_kinds].table = table;
			nodes->kinds[nodes->n_kinds++].first = nodes->n;
			nodes->n += table->n_entities;
		}
		at += length + (at[length] == ' ');
	}
}

/* NULL: not of the tree's kinds, or not shown. */
static struct node *node_of(const struct nodes *nodes, const struct entity *entity)
{
	for (unsigned i = 0; i < nodes->n_kinds; i++) {
		const struct snapshot_table *table = nodes->kinds[i].table;
		struct node *node;

		if (table->kind != entity->kind)
			continue;
		node = &nodes->at[nodes->kinds[i].first + (entity - table->entities)];
		return node->entity ? node : NULL;
	}
	return NULL;
}

static void fill_nodes(struct nodes *nodes, const struct tree *tree, const struct tree_ops *ops,
		       void *arg)
{
	for (unsigned k = 0; k < nodes->n_kinds; k++) {
		const struct snapshot_table *table = nodes->kinds[k].table;

		for (unsigned i = 0; i < table->n_entities; i++) {
			const struct entity *e = &table->entities[i];
			struct node *node = &nodes->at[nodes->kinds[k].first + i];

			node->place = nodes->kinds[k].first + i;
			if (ops->is_shown && !ops->is_shown(arg, e))
				continue;
			node->entity = e;
			node->key.number = NAN;
			if (tree->table.sort_column >= 0)
				ops->order(arg, e, (unsigned)tree->table.sort_column, &node->key);
		}
	}
}

/* The nearest one above that is shown. The snapshot has no loops of parents. */
static void find_parents(struct nodes *nodes)
{
	for (unsigned i = 0; i < nodes->n; i++) {
		struct node *node = &nodes->at[i];
		const struct entity *up = node->entity ? node->entity->parent : NULL;

		for (; up && !node->parent; up = up->parent)
			node->parent = node_of(nodes, up);
		if (node->parent)
			node->parent->n_children++;
	}
}

static bool has_key(const struct tree_key *key)
{
	return key->text || !isnan(key->number);
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	const struct tree *tree = arg;
	int r = 0;

	if (!has_key(&x->key) || !has_key(&y->key)) {
		r = has_key(&y->key) - has_key(&x->key);
	} else {
		if (x->key.text && y->key.text)
			r = natural_compare(x->key.text, y->key.text);
		else
			r = x->key.number < y->key.number ? -1 : x->key.number > y->key.number;
		r = tree->table.is_descending ? -r : r;
	}
	return r ? r : x->place < y->place ? -1 : x->place > y->place;
}

/* All shown nodes sorted at once, then each put at the end of its parent's list. */
static void link_nodes(struct nodes *nodes, struct tree *tree)
{
	struct node **order = xcalloc(nodes->n + 1, sizeof(struct node *));
	unsigned n = 0;

	for (unsigned i = 0; i < nodes->n; i++) {
		if (nodes->at[i].entity)
			order[n++] = &nodes->at[i];
	}
	qsort_r(order, n, sizeof(struct node *), compare, tree);
	/* Backwards: each becomes the first of those already there. */
	while (n > 0) {
		struct node *node = order[--n];
		struct node **list = node->parent ? &node->parent->first_child : &nodes->roots;

		node->next = *list;
		*list = node;
	}
	free(order);
}

static void add_row(struct tree *tree, const struct tree_row *row)
{
	if (tree->n_rows == tree->room) {
		tree->room = tree->room ? 2 * tree->room : 64;
		tree->rows = xrealloc(tree->rows, tree->room * sizeof(*tree->rows));
	}
	tree->rows[tree->n_rows++] = *row;
}

/* Parents before children, without recursion: control groups nest as deep as anybody likes. */
static void emit_rows(struct tree *tree, const struct tree_ops *ops, void *arg,
		      const struct nodes *nodes, bool is_all)
{
	struct node *at = nodes->roots;

	tree->n_rows = 0;
	while (at) {
		struct tree_row row = {at->entity, at->parent ? at->parent->depth + 1 : 0,
				       at->n_children, is_open(tree, ops, arg, at)};

		at->depth = row.depth;
		add_row(tree, &row);
		if ((row.is_open || is_all) && at->first_child) {
			at = at->first_child;
			continue;
		}
		while (at && !at->next)
			at = at->parent;
		at = at ? at->next : NULL;
	}
}

static void build(struct tree *tree, const struct tree_ops *ops, void *arg,
		  const struct snapshot *snap, bool is_all)
{
	struct nodes nodes = {0};

	list_kinds(&nodes, ops, snap);
	nodes.at = xcalloc(nodes.n + 1, sizeof(*nodes.at));
	fill_nodes(&nodes, tree, ops, arg);
	find_parents(&nodes);
	link_nodes(&nodes, tree);
	emit_rows(tree, ops, arg, &nodes, is_all);
	free(nodes.at);
	tree->built_of = NULL;
}

static int find_row(const struct tree *tree, const char *key)
{
	for (unsigned i = 0; key && i < tree->n_rows; i++) {
		if (strcmp(tree->rows[i].entity->key, key) == 0)
			return (int)i;
	}
	return -1;
}

static void set_cursor(struct tree *tree, const char *key)
{
	char *copy = key ? xstrdup(key) : NULL;

	free(tree->cursor_key);
	tree->cursor_key = copy;
}

static void remember_cursor(struct tree *tree)
{
	const struct tree_row *row = tree_row(tree);

	if (row)
		set_cursor(tree, row->entity->key);
}

void tree_build(struct tree *tree, const struct tree_ops *ops, void *arg,
		const struct snapshot *snap)
{
	int at;

	if (tree->built_of == snap && tree->built_seq == snap->seq)
		return;
	build(tree, ops, arg, snap, false);
	tree->built_of = snap;
	tree->built_seq = snap->seq;
	at = find_row(tree, tree->cursor_key);
	if (at >= 0)
		tree->table.cursor = (unsigned)at;
	if (tree->table.cursor >= tree->n_rows)
		tree->table.cursor = tree->n_rows ? tree->n_rows - 1 : 0;
}

const struct tree_row *tree_row(const struct tree *tree)
{
	return tree->table.cursor < tree->n_rows ? &tree->rows[tree->table.cursor] : NULL;
}

struct cells {
	const struct tree *tree;
	const struct tree_ops *ops;
	void *arg;
};

static void name_cell(const struct cells *cells, const struct tree_row *row, struct table_cell *ret)
{
	unsigned indent = row->depth < DEEPEST_INDENT ? row->depth : DEEPEST_INDENT;
	struct table_cell name = {.role = row->n_children ? ROLE_STRONG : ROLE_VALUE};

	cells->ops->name(cells->arg, row->entity, &name);
	snprintf(ret->text, sizeof(ret->text), "%*s%c %.200s", (int)(2 * indent), "",
		 !row->n_children ? ' '
		 : row->is_open	  ? '-'
				  : '+',
		 name.text);
	ret->role = name.role;
}

static void cell(void *arg, unsigned row, unsigned column, struct table_cell *ret)
{
	const struct cells *cells = arg;

	if (column == 0)
		name_cell(cells, &cells->tree->rows[row], ret);
	else
		cells->ops->cell(cells->arg, cells->tree->rows[row].entity, column, ret);
}

void tree_draw(struct tree *tree, const struct tree_ops *ops, void *arg, const struct pane *pane)
{
	struct table_column columns[TABLE_MAX_COLUMNS];
	struct cells cells = {tree, ops, arg};
	struct table table = {columns, ops->n_columns, tree->n_rows, cell, &cells, ops->empty};

	memcpy(columns, ops->columns, ops->n_columns * sizeof(*columns));
	if (tree->table.sort_column >= 0)
		columns[tree->table.sort_column].is_sort = true;
	table_draw(pane, &table, &tree->table);
}

static void sort_command(struct tree *tree, const struct tree_ops *ops, enum command command)
{
	int at = tree->table.sort_column, n = (int)ops->n_columns;

	tree_outdate(tree);
	remember_cursor(tree);
	if (command == COMMAND_INVERT) {
		tree->table.is_descending = !tree->table.is_descending;
		return;
	}
	at += command == COMMAND_SORT_RIGHT ? 1 : -1;
	/* -1 between the ends: the natural order comes back. */
	tree->table.sort_column = at = at >= n ? -1 : at < -1 ? n - 1 : at;
	tree->table.is_descending = at >= 0 && ops->columns[at].is_right;
}

/* Left closes: from a leaf, the branch it is in. */
static void branch_command(struct tree *tree, bool is_closing)
{
	unsigned at = tree->table.cursor, depth;

	if (at >= tree->n_rows)
		return;
	depth = tree->rows[at].depth;
	if (is_closing && !tree->rows[at].is_open) {
		while (at > 0 && tree->rows[at].depth >= depth && depth > 0)
			at--;
	}
	if (tree->rows[at].n_children && tree->rows[at].is_open == is_closing)
		tree_toggle(tree, tree->rows[at].entity->key);
	tree->table.cursor = at;
	remember_cursor(tree);
}

bool tree_command(struct tree *tree, const struct tree_ops *ops, enum command command)
{
	if (command == COMMAND_TREE) {
		for (unsigned i = 0; i < tree->n_toggled; i++)
			free(tree->toggled[i]);
		tree->n_toggled = 0;
		tree->mode = tree->mode == TREE_OPEN ? TREE_CLOSED : TREE_OPEN;
		remember_cursor(tree);
		tree_outdate(tree);
		return true;
	}
	if (command == COMMAND_SORT_LEFT || command == COMMAND_SORT_RIGHT ||
	    command == COMMAND_INVERT) {
		sort_command(tree, ops, command);
		return true;
	}
	if (command == COMMAND_LEFT || command == COMMAND_RIGHT) {
		branch_command(tree, command == COMMAND_LEFT);
		return true;
	}
	if (!table_command(&tree->table, tree->n_rows, command))
		return false;
	remember_cursor(tree);
	return true;
}

static bool row_contains(const struct cells *cells, unsigned row, const char *needle)
{
	if (text_contains(cells->tree->rows[row].entity->key, needle))
		return true;
	for (unsigned i = 0; i < cells->ops->n_columns; i++) {
		struct table_cell text = {.role = ROLE_VALUE};

		if (i == 0)
			cells->ops->name(cells->arg, cells->tree->rows[row].entity, &text);
		else
			cells->ops->cell(cells->arg, cells->tree->rows[row].entity, i, &text);
		if (text_contains(text.text, needle))
			return true;
	}
	return false;
}

/* Of rows that include those of closed branches: opens what row is in. */
static void reveal(struct tree *tree, unsigned row)
{
	unsigned depth = tree->rows[row].depth;

	set_cursor(tree, tree->rows[row].entity->key);
	for (unsigned i = row; i > 0 && depth > 0; i--) {
		const struct tree_row *up = &tree->rows[i - 1];

		if (up->depth >= depth)
			continue;
		depth = up->depth;
		if (!up->is_open)
			tree_toggle(tree, up->entity->key);
	}
}

bool tree_search(struct tree *tree, const struct tree_ops *ops, void *arg,
		 const struct snapshot *snap, const char *needle, int direction)
{
	struct cells cells = {tree, ops, arg};
	unsigned at, step;
	bool is_found = false;

	tree_build(tree, ops, arg, snap);
	remember_cursor(tree);
	build(tree, ops, arg, snap, true);
	step = direction < 0 ? tree->n_rows - 1 : 1;
	at = find_row(tree, tree->cursor_key) >= 0 ? (unsigned)find_row(tree, tree->cursor_key) : 0;
	at += direction ? step : 0;
	for (unsigned i = 0; i < tree->n_rows && !is_found; i++, at += step) {
		is_found = row_contains(&cells, at % tree->n_rows, needle);
		if (is_found)
			reveal(tree, at % tree->n_rows);
	}
	tree_build(tree, ops, arg, snap);
	return is_found;
}

bool tree_show(struct tree *tree, const struct tree_ops *ops, void *arg,
	       const struct snapshot *snap, const char *key)
{
	int at;

	build(tree, ops, arg, snap, true);
	at = find_row(tree, key);
	if (at >= 0)
		reveal(tree, (unsigned)at);
	tree_build(tree, ops, arg, snap);
	return at >= 0;
}

void tree_click(struct tree *tree, int y)
{
	unsigned row = tree->table.top + (unsigned)(y - 1);

	if (y < 1 || y > (int)tree->table.page)
		return;
	/* Rows of the frame on screen may be gone by now: the row's number is what was meant. */
	set_cursor(tree, NULL);
	tree->table.cursor = row < tree->n_rows ? row : tree->n_rows ? tree->n_rows - 1 : 0;
}

int tree_details_height(const struct tree *tree, int height, int most)
{
	int spare = height - 2 - (int)tree->n_rows;
	int least = height >= 30 ? 10 : height >= 16 ? 7 : height >= 12 ? 4 : height >= 8 ? 2 : 0;

	if (tree->n_rows == 0)
		return 0;
	return spare > most ? most : spare > least ? spare : least;
}
