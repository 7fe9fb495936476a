/*
 * The rows of the knobs view: families, their knobs, their targets, in branches that open and
 * close, filtered and sorted. tree.h does the same for entities of a snapshot; a knob is none.
 *
 * Calling sequence: knob_tree_init(); knob_tree_build() before anything that looks at rows (it does
 * nothing while list and choices are the same, so that tens of thousands of targets cost a pass
 * when they were listed anew, not with every frame); knob_tree_done(). Rows borrow from the list.
 */
#ifndef JT_TUI_KNOB_TREE_H
#define JT_TUI_KNOB_TREE_H

#include "tui/tree.h"
#include "tui/view.h"

enum knob_row_type {
	KNOB_ROW_FAMILY,
	KNOB_ROW_KNOB,	/* none or several targets */
	KNOB_ROW_ONE,	/* a knob with the one target it has */
	KNOB_ROW_TARGET /* of the knob above */
};

struct knob_row {
	enum knob_row_type type;
	bool is_open;
	unsigned item;	 /* index into the list; a family's first */
	unsigned target; /* ONE, TARGET */
	unsigned n;	 /* knobs of a family, targets of a knob: those the filter lets pass */
};

enum knob_column {
	KNOB_COLUMN_NAME,
	KNOB_COLUMN_VALUE,
	KNOB_COLUMN_LABEL,
	KNOB_COLUMN_CLASS,
	KNOB_COLUMN_OWNER,
	KNOB_COLUMN_CHOICES,
	KNOB_COLUMNS
};

struct knob_tree {
	struct table_state table;
	enum tree_mode mode;
	/* Blank-separated words, each somewhere in family, knob, target, name or value; or
	 * "@cpu:3": what belongs to an entity. "": all. */
	char filter[128];
	char **toggled; /* branches that are not as mode says */
	unsigned n_toggled;
	struct knob_row *rows;
	unsigned n_rows, room;
	uint64_t built_of; /* number of the list; 0: build anew */
	/* Where the cursor is: a family alone, a knob, a target of it. */
	const char *family;
	const struct knob *knob;
	char target[PLAN_OBJECT_MAX];
	/* By item of the list: "a x8, b x4"; NULL: not made yet. */
	char **summaries;
	unsigned n_summaries;
	uint64_t summaries_of;
};

void knob_tree_init(struct knob_tree *tree);
void knob_tree_done(struct knob_tree *tree);
void knob_tree_build(struct knob_tree *tree, const struct knob_list *list);
void knob_tree_set_filter(struct knob_tree *tree, const char *filter);
/* NULL: no row. */
const struct knob_row *knob_tree_row(const struct knob_tree *tree);
/* NULL: a family, or a knob without targets or with several. */
const struct knob_target *knob_tree_target(const struct knob_list *list,
					   const struct knob_row *row);
const char *knob_tree_family(const struct knob *knob);
/* What the values of a knob's targets are, in a few words. */
const char *knob_tree_summary(struct knob_tree *tree, const struct knob_list *list, unsigned item);
/* Moving, sorting, opening and closing. False: not one of these commands. */
bool knob_tree_command(struct knob_tree *tree, const struct knob_list *list, enum command command);
void knob_tree_toggle(struct knob_tree *tree, const struct knob_list *list,
		      const struct knob_row *row);
void knob_tree_click(struct knob_tree *tree, const struct knob_list *list, int y);
/* As struct view's search(): also in closed branches, which open. */
bool knob_tree_search(struct knob_tree *tree, const struct knob_list *list, const char *needle,
		      int direction);
/* Puts the cursor on a knob, or a target of it. */
bool knob_tree_show(struct knob_tree *tree, const struct knob_list *list, const char *knob,
		    const char *target);

/* "cpu:3" and "policy:3", "cstate:3/1", "cpu:3/x": does the target belong to the entity? */
bool knob_target_is_of(const char *target, const char *entity);

#endif
