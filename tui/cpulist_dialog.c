#include "tui/cpulist_dialog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/keys.h"
#include "tui/view.h"

/* A line of the check list: a run of machine->cpus. */
struct row {
	enum { ROW_MACHINE, ROW_NODE, ROW_L3, ROW_CORE, ROW_CPU } type;
	unsigned first, n;
	int id, indent;
};

/* --- the rows --- */

static bool begins(const struct machine *m, unsigned i, unsigned type)
{
	const struct machine_cpu *cpu = &m->cpus[i], *last = i ? cpu - 1 : NULL;
	bool is_new = !last || cpu->node != last->node;

	if (type >= ROW_L3)
		is_new |= !last || cpu->l3 != last->l3 || cpu->package != last->package;
	if (type >= ROW_CORE)
		is_new |= !last || cpu->core != last->core;
	return is_new;
}

static unsigned run_length(const struct machine *m, unsigned i, unsigned type)
{
	unsigned n = 1;

	while (i + n < m->n_cpus && !begins(m, i + n, type))
		n++;
	return n;
}

static int id_of(const struct machine_cpu *cpu, unsigned type)
{
	return type == ROW_NODE ? cpu->node : type == ROW_L3 ? cpu->l3 : cpu->core;
}

/* A level that has one group in the whole machine, or groups of one, would say nothing. */
static bool has_level(const struct machine *m, unsigned type)
{
	if (type == ROW_NODE)
		return m->n_nodes > 1;
	if (type == ROW_L3)
		return m->n_l3s > 1 && m->n_l3s > m->n_nodes;
	return m->is_smt;
}

/* The caller frees the array. */
static struct row *make_rows(const struct machine *m, unsigned *ret_n)
{
	struct row *rows = xcalloc((m ? 4 * (size_t)m->n_cpus : 0) + 1, sizeof(*rows));
	unsigned n = 0;

	if (m && m->n_cpus)
		rows[n++] = (struct row){.type = ROW_MACHINE, .n = m->n_cpus};
	for (unsigned i = 0; m && i < m->n_cpus; i++) {
		int indent = 1;

		for (unsigned type = ROW_NODE; type <= ROW_CORE; type++) {
			if (!has_level(m, type))
				continue;
			if (begins(m, i, type))
				rows[n++] = (struct row){.type = type,
							 .first = i,
							 .n = run_length(m, i, type),
							 .id = id_of(&m->cpus[i], type),
							 .indent = indent};
			indent++;
		}
		rows[n++] = (struct row){.type = ROW_CPU,
					 .first = i,
					 .n = 1,
					 .id = (int)m->cpus[i].number,
					 .indent = indent};
	}
	*ret_n = n;
	return rows;
}

static void count_row(const struct cpulist_dialog *dialog, const struct machine *m,
		      const struct row *row, unsigned *ret_checked, unsigned *ret_online)
{
	*ret_checked = *ret_online = 0;
	for (unsigned i = row->first; i < row->first + row->n; i++) {
		if (!m->cpus[i].is_online && row->type != ROW_CPU)
			continue;
		++*ret_online;
		*ret_checked += cpuset_has(&dialog->cpus, m->cpus[i].number);
	}
}

/* --- keys --- */

static void take_text(struct cpulist_dialog *dialog)
{
	_cleanup_(freep) struct cpuset *set = xcalloc(1, sizeof(*set));
	int r = cpuset_parse_list(dialog->input.text, set);

	dialog->error[0] = 0;
	if (r == -ERANGE)
		snprintf(dialog->error, sizeof(dialog->error), "no CPU has a number of %u or more",
			 CPUSET_MAX);
	else if (r < 0)
		snprintf(dialog->error, sizeof(dialog->error),
			 "not a CPU list yet: it looks like 0-3,8");
	else
		dialog->cpus = *set;
}

/* A group with some CPUs checked becomes all checked, then none. Offline CPUs only one by one. */
static void toggle(struct cpulist_dialog *dialog, const struct machine *m, const struct row *row)
{
	_cleanup_(freep) struct cpuset *set = xcalloc(1, sizeof(*set));
	char text[PLAN_VALUE_MAX];
	unsigned checked, online;

	*set = dialog->cpus;
	count_row(dialog, m, row, &checked, &online);
	for (unsigned i = row->first; i < row->first + row->n; i++) {
		if (!m->cpus[i].is_online && row->type != ROW_CPU)
			continue;
		if (checked == online)
			cpuset_remove(set, m->cpus[i].number);
		else
			cpuset_add(set, m->cpus[i].number);
	}
	if (cpuset_format_list(set, text, sizeof(text)) < 0) {
		snprintf(dialog->error, sizeof(dialog->error),
			 "the list would be too long: type it, strides too (0-1023:1/2)");
		return;
	}
	dialog->cpus = *set;
	dialog->error[0] = 0;
	input_set(&dialog->input, text);
}

static bool move(struct cpulist_dialog *dialog, unsigned n_rows, uint32_t key)
{
	struct table_state state = {.cursor = dialog->cursor, .page = dialog->page};
	enum command command = command_of_key(key);

	/* The cursor keys of a line of input stay with it. */
	if (key == KEYCODE_LEFT || key == KEYCODE_RIGHT)
		return false;
	if (key == KEYCODE_WHEEL_UP || key == KEYCODE_WHEEL_DOWN)
		command = key == KEYCODE_WHEEL_UP ? COMMAND_UP : COMMAND_DOWN;
	if (!table_command(&state, n_rows, command))
		return false;
	dialog->cursor = state.cursor;
	return true;
}

static enum cpulist_result enter(struct cpulist_dialog *dialog)
{
	take_text(dialog);
	if (!dialog->error[0] && !dialog->empty_means[0] && cpuset_is_empty(&dialog->cpus))
		snprintf(dialog->error, sizeof(dialog->error), "no CPU is chosen");
	return dialog->error[0] ? CPULIST_OPEN : CPULIST_TAKEN;
}

static bool is_list_character(uint32_t key)
{
	return (key >= '0' && key <= '9') || key == ',' || key == '-' || key == ':' || key == '/';
}

enum cpulist_result cpulist_key(struct cpulist_dialog *dialog, const struct machine *machine,
				uint32_t key)
{
	_cleanup_(freep) struct row *rows = NULL;
	unsigned n_rows;

	if (key == KEYCODE_ESC)
		return CPULIST_DROPPED;
	if (key == KEYCODE_ENTER)
		return enter(dialog);
	rows = make_rows(machine, &n_rows);
	if (key == ' ') {
		if (dialog->cursor < n_rows)
			toggle(dialog, machine, &rows[dialog->cursor]);
	} else if (is_list_character(key)) {
		(void)input_key(&dialog->input, key);
		take_text(dialog);
	} else if (!move(dialog, n_rows, key) && (key < 0x20 || key >= 0x7f)) {
		if (input_key(&dialog->input, key))
			take_text(dialog);
	}
	return CPULIST_OPEN;
}

void cpulist_open(struct cpulist_dialog *dialog, const char *title, const char *empty_means,
		  const char *text)
{
	*dialog = (struct cpulist_dialog){0};
	snprintf(dialog->title, sizeof(dialog->title), "%s", title);
	snprintf(dialog->empty_means, sizeof(dialog->empty_means), "%s", empty_means);
	input_set(&dialog->input, text);
	take_text(dialog);
}

/* --- drawing --- */

static void draw_latency(const struct machine_cpu *cpu, const struct pane *pane, int x, int y,
			 enum role role)
{
	const struct machine_latency *l = &cpu->latency;
	char text[24];

	if (l->has_p99)
		(void)pane_printf(pane, x, y, role, "p99 %s",
				  format_ns(l->p99_ns, text, sizeof(text)));
}

static void draw_row(const struct cpulist_dialog *dialog, const struct machine *m,
		     const struct row *row, const struct pane *pane, int y, enum role role)
{
	static const char *const names[] = {"machine", "node", "L3", "core", "cpu"};
	const struct machine_cpu *cpu = &m->cpus[row->first];
	unsigned checked, online;
	int x = 2 * row->indent + 2;

	count_row(dialog, m, row, &checked, &online);
	x = pane_text(pane, x, y, role,
		      checked == 0	  ? "[ ] "
		      : checked == online ? "[x] "
					  : "[-] ");
	if (row->type == ROW_MACHINE || row->id == MACHINE_NO_ID)
		x = pane_printf(pane, x, y, role, "%s", names[row->type]);
	else
		x = pane_printf(pane, x, y, role, "%s %d", names[row->type], row->id);
	if (row->type != ROW_CPU) {
		(void)pane_printf(pane, x, y, role, "  %u of %u", checked, online);
		return;
	}
	x = 2 * row->indent + 16;
	draw_latency(cpu, pane, x, y, role);
	(void)pane_printf(pane, x + 14, y, role, "%s%s%s", cpu->is_online ? "" : "offline ",
			  cpu->is_isolated ? "isolated " : "",
			  cpu->is_nohz_full ? "nohz_full" : "");
}

static void scroll(struct cpulist_dialog *dialog, unsigned n_rows, unsigned page)
{
	dialog->page = page ? page : 1;
	if (dialog->cursor >= n_rows)
		dialog->cursor = n_rows ? n_rows - 1 : 0;
	if (dialog->top > dialog->cursor)
		dialog->top = dialog->cursor;
	if (dialog->cursor >= dialog->top + dialog->page)
		dialog->top = dialog->cursor - dialog->page + 1;
}

static void draw_list(struct cpulist_dialog *dialog, const struct machine *m,
		      const struct row *rows, unsigned n_rows, const struct pane *pane)
{
	scroll(dialog, n_rows, pane->height > 0 ? (unsigned)pane->height : 1);
	for (int y = 0; y < pane->height && dialog->top + (unsigned)y < n_rows; y++) {
		unsigned i = dialog->top + (unsigned)y;
		enum role role = i == dialog->cursor ? ROLE_TABLE_CURSOR : ROLE_DIALOG;

		if (i == dialog->cursor)
			pane_highlight(pane, y, role);
		draw_row(dialog, m, &rows[i], pane, y, role);
		/* The cursor must be seen without colour, too. */
		if (i == dialog->cursor)
			(void)pane_put(pane, 0, y, '>', role);
	}
}

void cpulist_draw(struct cpulist_dialog *dialog, const struct machine *machine,
		  const struct pane *pane)
{
	unsigned n_rows;
	_cleanup_(freep) struct row *rows = make_rows(machine, &n_rows);
	int width = pane->width < 64 ? pane->width : 64;
	int n_error = dialog->error[0]
			      ? widget_paragraph(NULL, 0, ROLE_TEXT, dialog->error, width - 4)
			      : 1;
	struct pane in = widget_box(pane, width, (int)(n_rows < 60 ? n_rows : 60) + 5 + n_error,
				    dialog->title);
	struct pane list, error;

	(void)pane_text(&in, 0, 0, ROLE_DIALOG, "cpus");
	input_draw(&dialog->input, &in, 6, 0, in.width - 6);
	/* A long reason leaves two lines of the list, and the line of keys. */
	n_error = n_error > in.height - 5 ? in.height - 5 : n_error;
	n_error = n_error < 1 ? 1 : n_error;
	list = pane_sub(&in, 0, 1 + n_error, in.width, in.height - 3 - n_error);
	error = pane_sub(&in, 0, 1, in.width, n_error);
	if (dialog->error[0])
		(void)widget_paragraph(&error, 0, ROLE_DIALOG_ERROR, dialog->error, in.width);
	else if (cpuset_is_empty(&dialog->cpus) && dialog->empty_means[0])
		(void)pane_printf(&in, 6, 1, ROLE_DIALOG, "empty: %s", dialog->empty_means);
	else
		(void)pane_printf(&in, 6, 1, ROLE_DIALOG, "%u chosen", cpuset_count(&dialog->cpus));
	if (in.height > 4)
		draw_list(dialog, machine, rows, n_rows, &list);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE,
		     in.width < 58 ? "Space toggle  Enter take  Esc drop"
				   : "Space toggles, digits type   Enter take it   Esc drop it");
}
