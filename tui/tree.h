/*
 * Rows for the table widget that form a tree: entities of some kinds under their parents, in any
 * depth, with branches that open and close, siblings sorted by a column, a cursor that stays with
 * its entity, search through closed branches and a jump to an entity.
 *
 * Calling sequence: tree_init(); tree_build() at the start of every draw and command (it does
 * nothing while snapshot and choices are the same); tree_draw(), tree_command(), tree_search(),
 * tree_show(), tree_click(); tree_done(). An entity that is_shown() leaves out stands for nothing:
 * what is below it hangs on the next one above that is shown.
 *
 * The tree owns its rows; they borrow from the snapshot and are good until the next call. Cost: one
 * pass over the entities and one sort by keys taken once, never a comparison of every row with
 * every other.
 */
#ifndef JT_TUI_TREE_H
#define JT_TUI_TREE_H

#include "tui/view.h"

struct tree_row {
	const struct entity *entity;
	unsigned depth, n_children;
	bool is_open; /* as the user or opens() has it, with n_children */
};

/* What a row is sorted by: text, else number; neither (NULL and NAN): last. */
struct tree_key {
	double number;
	const char *text; /* lives as long as the snapshot */
};

struct tree_ops {
	const char *kinds; /* blank-separated, in the order they stand among siblings */
	const struct table_column *columns;
	unsigned n_columns;
	const char *empty;					  /* shown without rows */
	bool (*is_shown)(void *arg, const struct entity *entity); /* NULL: all are */
	/* Whether a branch is open when nobody said. */
	bool (*opens)(void *arg, const struct entity *entity, unsigned n_children);
	void (*order)(void *arg, const struct entity *entity, unsigned column,
		      struct tree_key *ret);
	/* All but the tree's own first column. */
	void (*cell)(void *arg, const struct entity *entity, unsigned column,
		     struct table_cell *ret);
	/* The text of the first column, without the indent. */
	void (*name)(void *arg, const struct entity *entity, struct table_cell *ret);
};

enum tree_mode { TREE_AUTO, TREE_OPEN, TREE_CLOSED };

struct tree {
	struct table_state table;
	enum tree_mode mode;
	char **toggled; /* keys of branches that are not as mode says */
	unsigned n_toggled;
	char *cursor_key; /* NULL: the first row */
	struct tree_row *rows;
	unsigned n_rows, room;
	const struct snapshot *built_of; /* with this number; NULL: build anew */
	uint64_t built_seq;
};

void tree_init(struct tree *tree); /* of zeroed storage */
void tree_done(struct tree *tree);
void tree_build(struct tree *tree, const struct tree_ops *ops, void *arg,
		const struct snapshot *snap);
/* What is_shown() or opens() answer has changed. */
void tree_outdate(struct tree *tree);
/* The row under the cursor; NULL: there is none. */
const struct tree_row *tree_row(const struct tree *tree);
void tree_draw(struct tree *tree, const struct tree_ops *ops, void *arg, const struct pane *pane);
/* Moving, sorting, opening and closing. False: not one of these commands. */
bool tree_command(struct tree *tree, const struct tree_ops *ops, enum command command);
void tree_toggle(struct tree *tree, const char *key);
/* As struct view's search(). */
bool tree_search(struct tree *tree, const struct tree_ops *ops, void *arg,
		 const struct snapshot *snap, const char *needle, int direction);
/* Puts the cursor on an entity and opens what it is in. False: it is not in the tree. */
bool tree_show(struct tree *tree, const struct tree_ops *ops, void *arg,
	       const struct snapshot *snap, const char *key);
/* A click on line y of the pane last drawn. */
void tree_click(struct tree *tree, int y);
/* Lines for a pane about the selected row, by the height there is: as many as are left beside the
 * table, at least a few where the table stays useful, never more than most; 0: no room. */
int tree_details_height(const struct tree *tree, int height, int most);

#endif
