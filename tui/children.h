/*
 * The entities of one kind by parent: views draw trees of many interfaces with many queues, and
 * looking through all of them for each parent would cost the product of both.
 *
 * Calling sequence: children_new(snap, kind), children_of() as often as wanted, children_free(). It
 * borrows from the snapshot and must not outlive it.
 */
#ifndef JT_TUI_CHILDREN_H
#define JT_TUI_CHILDREN_H

#include "core/snapshot.h"

struct children;

struct children *children_new(const struct snapshot *snap, const char *kind);
void children_free(struct children *children); /* NULL is fine */
/* In the order of their table. NULL and 0: none. parent NULL: those without one. */
const struct entity *const *children_of(const struct children *children,
					const struct entity *parent, unsigned *ret_n);

#endif
