/*
 * Shared by the parts of the vm view: view_vm.c (rows, keys), vm_columns.c (cells and order),
 * vm_details.c (the lower pane).
 */
#ifndef JT_TUI_VIEW_VM_INTERNAL_H
#define JT_TUI_VIEW_VM_INTERNAL_H

#include "tui/tree.h"

struct vm_view {
	struct tree tree;
	bool has_emulated;	   /* devices that QEMU plays are rows too */
	const struct frame *frame; /* of the call that is running */
};

/* --- vm_columns.c --- */
enum { VM_COLUMNS = 17 };
extern const struct table_column vm_columns[VM_COLUMNS];
void vm_name(void *arg, const struct entity *e, struct table_cell *ret);
void vm_cell(void *arg, const struct entity *e, unsigned column, struct table_cell *ret);
void vm_order(void *arg, const struct entity *e, unsigned column, struct tree_key *ret);
bool vm_is_kind(const struct entity *e, const char *kind);
/* Part of the key after "kind:PID.START/": the number of a vCPU, a tid, a device. */
const char *vm_part(const struct entity *e);
/* For people; NULL never. */
const char *vm_entity_name(const struct entity *e);
/* "fifo 1", "other"; "" when unknown. */
const char *vm_sched(const struct entity *e, char *buf, size_t size);

/* --- vm_details.c --- */
void vm_details(const struct vm_view *state, const struct entity *e, const struct pane *pane);

#endif
