/*
 * Shared by the parts of the nic view: view_nic.c (rows, keys), nic_columns.c (the tree's cells and
 * order), nic_details.c (the lower pane), nic_softnet.c (network work per CPU instead of the tree).
 */
#ifndef JT_TUI_VIEW_NIC_INTERNAL_H
#define JT_TUI_VIEW_NIC_INTERNAL_H

#include "tui/chain.h"
#include "tui/view.h"

struct nic_row {
	const struct entity *entity;
	bool is_child, has_children, is_open;
};

#define NIC_KEY_MAX 320 /* a DPDK prefix is the name of a directory */

enum nic_tree { NIC_TREE_AUTO, NIC_TREE_OPEN, NIC_TREE_CLOSED };

struct nic_view {
	struct table_state table, softnet;
	bool is_softnet;
	enum nic_tree tree;
	char (*toggled)[NIC_KEY_MAX]; /* keys of roots that are not as tree says */
	unsigned n_toggled;
	char cursor_key[NIC_KEY_MAX]; /* the cursor stays with its entity */
	struct nic_row *rows;
	unsigned n_rows, room;
	struct chains *chains;	       /* of the snapshot with this number */
	struct children *vfs, *lcores; /* likewise */
	const struct snapshot *chains_of;
	uint64_t chains_seq;
	int table_y; /* of the last draw, for clicks */
};

/* --- nic_columns.c --- */
enum { NIC_COLUMNS = 14 };
void nic_columns(const struct nic_view *state, struct table_column *ret);
void nic_cell(const struct nic_view *state, const struct frame *frame, const struct nic_row *row,
	      unsigned column, struct table_cell *ret);
/* Below 0: a before b in the order of column; children and roots are only compared among
 * themselves. */
int nic_compare(const struct nic_view *state, const struct frame *frame, const struct entity *a,
		const struct entity *b, int column);
bool nic_column_descends(unsigned column);

/* --- nic_details.c --- */
/* Returns the lines used. */
int nic_details(const struct nic_view *state, const struct frame *frame, const struct nic_row *row,
		const struct pane *pane);

/* --- nic_softnet.c --- */
void nic_softnet_draw(struct nic_view *state, const struct frame *frame, const struct pane *pane);
unsigned nic_softnet_rows(const struct frame *frame);
const struct entity *nic_softnet_at(const struct frame *frame, unsigned row);

#endif
