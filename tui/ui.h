/*
 * The whole user interface without terminal, clock, host or guard: views and dialogs, fed with keys
 * and frames. It draws a surface and hands out actions; dashboard.c carries them out. So every
 * screen and every key can be tested with a hand-made snapshot.
 *
 * Calling sequence: ui_init(), ui_draw() whenever something changed, ui_key() per key, ui_planned()
 * when a plan that ui_key() asked for is there, ui_done().
 */
#ifndef JT_TUI_UI_H
#define JT_TUI_UI_H

#include "tui/cpulist_dialog.h"
#include "tui/input.h"
#include "tui/measure_dialog.h"
#include "tui/reference_dialog.h"
#include "tui/view.h"

enum ui_action_type {
	ACTION_NONE,
	ACTION_QUIT,
	ACTION_PLAN,  /* knob, target, value: ui_planned() is expected */
	ACTION_APPLY, /* plan: the ui's, until the next call */
	ACTION_KEEP,  /* id */
	ACTION_UNDO,  /* id */
	ACTION_UNDO_ALL,
	ACTION_PAUSE,
	ACTION_FASTER,
	ACTION_SLOWER,
	ACTION_THEME,
	ACTION_REDRAW,
	ACTION_MOUSE,
	ACTION_MEASURE, /* wish: start, or start anew */
	ACTION_MEASURE_STOP,
	ACTION_MEASURE_RESET,
	ACTION_CHECK, /* wish: its cpus only */
	ACTION_CHECK_CANCEL,
};

struct ui_action {
	enum ui_action_type type;
	const struct knob *knob;
	char target[PLAN_OBJECT_MAX];
	const char *const
		*more; /* further targets of the same plan; the ui's, until the next call */
	unsigned n_more;
	char value[PLAN_VALUE_MAX];
	const struct plan *plan;
	const struct measuring_wish *wish; /* the ui's, until the next call */
	uint64_t id;
};

enum ui_mode {
	MODE_NORMAL,
	MODE_HELP,
	MODE_SEARCH,
	MODE_FILTER,
	MODE_EDIT,
	MODE_PLANNING,
	MODE_PREVIEW,
	MODE_MEASURE,
	MODE_CHECK
};

enum edit_type { EDIT_LINE, EDIT_WORDS, EDIT_CPUS };

struct ui_edit {
	const struct knob *knob;
	enum edit_type type;
	char target[PLAN_OBJECT_MAX];
	char **more; /* further targets that get the same value, owned */
	unsigned n_more;
	char name[96], old_value[PLAN_VALUE_MAX], choices[1024];
	char error[512];
	struct ui_input input;	    /* LINE */
	unsigned at, top;	    /* WORDS: the chosen one */
	bool is_mask;		    /* CPUS: the knob takes "list:0-3" */
	struct cpulist_dialog cpus; /* CPUS */
};

struct ui {
	unsigned view; /* index into view_registry */
	unsigned back; /* 1 + the view the last jump (UI_GOTO) came from; 0: none */
	void **states; /* by view */
	enum ui_mode mode;
	/* Where a jump leads that is not read yet, since this snapshot; "": nowhere. */
	char pending[UI_KEY_MAX];
	uint64_t pending_since;
	char message[256]; /* replaces the bottom bar until the next key */
	enum role message_role;
	struct ui_edit edit;
	struct plan *plan;	 /* MODE_PREVIEW */
	char note[512];		 /* of the plan: a warning, who else writes the value */
	struct ui_input confirm; /* a disruptive change: the target's name */
	struct ui_measure measure;
	struct ui_check check;
	struct ui_input needle; /* of the search, or the filter being typed */
	struct ui_tags tags;
	int help_top;
	struct pane view_pane, tabs_pane; /* of the last draw, for clicks */
	bool is_preview_whole;		  /* there was room for the preview at the last draw */
	bool is_preview_read;		  /* all of it but the single steps has been on screen */
	unsigned preview_top, preview_page, preview_n; /* lines or steps */
};

void ui_init(struct ui *ui);
void ui_done(struct ui *ui);
void ui_draw(struct ui *ui, const struct frame *frame, struct surface *surface);
void ui_key(struct ui *ui, const struct frame *frame, const struct key *key, struct ui_action *ret);
/* The answer to ACTION_PLAN: 0 and a plan, or a negative errno and why in words. With
 * 0 why is "" or what the user should know first. The plan is copied. */
void ui_planned(struct ui *ui, int result, const struct plan *plan, const char *why);
/* What was asked of measuring is refused: for the dialog, if it is open. */
void ui_refused(struct ui *ui, const char *why);
void ui_message(struct ui *ui, enum role role, const char *fmt, ...) _printf_(3, 4);
void ui_select_view(struct ui *ui, unsigned view);
/* Blank-separated kinds the current view wants sampled. */
const char *ui_kinds(const struct ui *ui);

#endif
