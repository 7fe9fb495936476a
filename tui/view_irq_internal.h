/*
 * Shared by the parts of the interrupt view: view_irq.c (state and keys), irq_columns.c (the
 * table), irq_matrix.c (interrupts by CPUs) and irq_lines.c (the lines around them). Table and
 * matrix show the same rows side by side.
 */
#ifndef JT_TUI_VIEW_IRQ_INTERNAL_H
#define JT_TUI_VIEW_IRQ_INTERNAL_H

#include "tui/view.h"

/* What the user asked for; AUTO: both where the screen has room, else the table. */
enum irq_shape { IRQ_AUTO, IRQ_TABLE, IRQ_MATRIX };

struct irq_view {
	struct table_state table;
	enum irq_shape shape;
	bool has_arch; /* the CPUs' own interrupts follow */
	/* The cursor stays with its interrupt, not with its row, once the user put it there. */
	bool is_chosen;
	char cursor_key[64];
	const struct entity **rows;
	unsigned n_rows, n_arch, room; /* the last n_arch rows are the CPUs' own */
	bool has_cpu;		       /* a column of the matrix is selected */
	unsigned cpu;
	unsigned first_cell; /* first column of the matrix shown */
	char **tags;	     /* keys of interrupts */
	unsigned n_tags;
	int table_y;  /* of the last draw, for clicks */
	bool is_both; /* the last draw had table and matrix */
};

/* --- irq_columns.c --- */
unsigned irq_n_columns(void);
void irq_columns(const struct irq_view *state, struct table_column *ret_columns);
void irq_cell(const struct frame *frame, const struct entity *irq, unsigned column,
	      struct table_cell *ret);
void irq_sort(struct irq_view *state);
/* Numbers are most useful largest first. */
bool irq_column_descends(unsigned column);
#define IRQ_COLUMN_RATE 2

/* Isolated or nohz_full: interrupts should not go there. */
bool irq_is_shielded(const struct machine_cpu *cpu);
/* The CPU of that number, or NULL. */
const struct machine_cpu *irq_cpu(const struct frame *frame, unsigned number);
bool irq_is_arch(const struct entity *irq);
/* False: the entity does not say. */
bool irq_cpus(const struct entity *irq, const char *metric, struct cpuset *ret);

/* --- irq_matrix.c --- */
/* Columns it takes to show all CPUs, with as much air between them as width has room for. */
int irq_matrix_width(const struct machine *machine, int width);
/* Marks on line 0, CPU numbers on line 1, rows from state->table.top on from line 2. */
void irq_matrix_draw(struct irq_view *state, const struct frame *frame, const struct pane *pane);
void irq_matrix_legend(const struct frame *frame, const struct pane *pane, int y);

/* --- irq_lines.c --- */
void irq_summary_line(const struct irq_view *state, const struct frame *frame,
		      const struct pane *pane, int y);
/* Two lines about one interrupt. */
void irq_detail_lines(const struct frame *frame, const struct entity *irq, const struct pane *pane,
		      int y);

#endif
