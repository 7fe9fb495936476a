#include "tui/children.h"

#include <stdlib.h>

struct children {
	const struct entity **at; /* by parent, then by place in the table */
	unsigned n;
};

/* Pointers of several blocks: as numbers, they have an order. */
static int compare_pointers(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return x < y ? -1 : x > y;
}

static int compare(const void *a, const void *b)
{
	const struct entity *x = *(const struct entity *const *)a;
	const struct entity *y = *(const struct entity *const *)b;
	int r = compare_pointers(x->parent, y->parent);

	return r ? r : compare_pointers(x, y);
}

struct children *children_new(const struct snapshot *snap, const char *kind)
{
	const struct snapshot_table *table = snapshot_table(snap, kind);
	struct children *children = xcalloc(1, sizeof(*children));

	if (!table || table->n_entities == 0)
		return children;
	children->n = table->n_entities;
	children->at = xcalloc(children->n, sizeof(*children->at));
	for (unsigned i = 0; i < children->n; i++)
		children->at[i] = &table->entities[i];
	qsort(children->at, children->n, sizeof(*children->at), compare);
	return children;
}

void children_free(struct children *children)
{
	if (children)
		free(children->at);
	free(children);
}

const struct entity *const *children_of(const struct children *children,
					const struct entity *parent, unsigned *ret_n)
{
	unsigned low = 0, high = children->n, first;

	*ret_n = 0;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (compare_pointers(children->at[middle]->parent, parent) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	first = low;
	while (low < children->n && children->at[low]->parent == parent)
		low++;
	*ret_n = low - first;
	return *ret_n ? children->at + first : NULL;
}
