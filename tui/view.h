/*
 * A view turns a frame (snapshot, digest, session) and its own state into cells, and commands into
 * state or a request. It reads neither host nor clock and knows no terminal: time comes with the
 * frame.
 *
 * Adding a view is one file that defines a const struct view and one line in views.def.
 */
#ifndef JT_TUI_VIEW_H
#define JT_TUI_VIEW_H

#include "core/knob.h"
#include "tui/format.h"
#include "tui/keys.h"
#include "tui/machine.h"
#include "tui/measuring.h"
#include "tui/reference_check.h"
#include "tui/session.h"
#include "tui/widget.h"

/* The knobs with their targets, as a job in the sampler listed them. */
struct knob_list {
	struct arena *arena;
	struct knob_list_item {
		const struct knob *knob;
		struct knob_targets targets;
		int error;	   /* negative errno of targets() */
		const char *owner; /* who else writes its first target; NULL: nobody known */
	} * items;
	unsigned n_items;
	uint64_t seq; /* another one with every listing, from 1 on */
};

/* What is tagged, whichever view shows it. */
struct ui_tags {
	struct cpuset cpus;
};

/* All a view may draw from. */
struct frame {
	const struct snapshot *snap;   /* NULL: none yet; the frame around the view says so */
	const struct machine *machine; /* NULL with snap */
	const struct history *history; /* NULL: no sparklines */
	const struct session *session;
	const struct knob_list *knobs;	     /* NULL: not listed yet */
	struct ui_tags *tags;		     /* the ui's; the one thing here a command may change */
	const struct measuring *measuring;   /* NULL: as if never */
	const struct reference_check *check; /* NULL: none was started */
	uint64_t now_ns, boottime_ns;
	double self_share;	/* CPU time of this program per time; NAN: unknown */
	double self_wakeups_hz; /* how often it wakes, all threads; NAN: unknown */
	uint64_t period_ns;
	const char *source;	      /* "", "captured", "synthetic" */
	const char *why_no_change;    /* NULL: knobs may be changed */
	const char *why_not_measured; /* NULL: wakeup latency is measured */
	bool is_paused;
};

enum ui_request_type {
	UI_NONE,
	UI_EDIT,    /* knob and target, more */
	UI_CPUS,    /* the same, by a list of CPUs */
	UI_STEP,    /* the same, to the next of its choices (step 1) or the previous (-1) */
	UI_SET,	    /* the same, to value */
	UI_KNOBS,   /* key: the knobs of that entity */
	UI_UNDO,    /* id */
	UI_MESSAGE, /* text */
	UI_GOTO,    /* key: ui.c shows the view that selects entities of its kind, there */
};

/* Keys hold paths of control groups. */
#define UI_KEY_MAX 1024

struct ui_request {
	enum ui_request_type type;
	const char *knob;	      /* static */
	char target[PLAN_OBJECT_MAX]; /* key of a knob's target */
	const char *const *more;      /* further targets of the knob, the view's until it returns */
	unsigned n_more;
	int step;
	char value[PLAN_VALUE_MAX];
	uint64_t id;
	char text[256];
	char key[UI_KEY_MAX]; /* of an entity */
};

struct view {
	const char *name; /* also for --view */
	char key;	  /* '0' to '9' */
	const char *summary;
	const char *kinds;     /* blank-separated kinds to ask on-demand probes for; "*": the view's
				  wants() says */
	enum command hints[8]; /* commands shown in the bottom bar, COMMAND_NONE ends */
	size_t state_size;     /* zeroed before init() */
	void (*init)(const struct view *view, void *state);
	/* May adjust scroll positions in state to the pane's size, nothing else. */
	void (*draw)(const struct view *view, void *state, const struct frame *frame,
		     const struct pane *pane);
	/* Returns false for a command the view does not use. */
	bool (*command)(const struct view *view, void *state, const struct frame *frame,
			enum command command, struct ui_request *ret);
	/* Moves to the next (1) or previous (-1) row that contains needle, or stays at one (0).
	 * NULL: no search here. */
	bool (*search)(const struct view *view, void *state, const struct frame *frame,
		       const char *needle, int direction);
	/* A click at (x, y) of the pane last drawn. NULL: not used. */
	void (*click)(const struct view *view, void *state, const struct frame *frame, int x,
		      int y);
	/* Puts the cursor on the entity with this key, which is of a kind in selects. False: it is
	 * not there. Both NULL: no other view can jump here. */
	const char *selects; /* blank-separated kinds; "*": any */
	bool (*select)(const struct view *view, void *state, const struct frame *frame,
		       const char *key);
	/* The kind wanted now, when kinds is "*". */
	const char *(*wants)(const struct view *view, const void *state);
	/* Shows only rows that have it; "": all. Returns what is in force; filter NULL only asks.
	 * NULL: no filter here. */
	const char *(*filter)(const struct view *view, void *state, const char *filter);
	void (*done)(void *state); /* frees what state owns, not itself; may be NULL */
};

extern const struct view *const view_registry[];
extern const unsigned view_count;
/* Index in the registry, -1: none. */
int view_by_name(const char *name);
int view_by_key(uint32_t key);
/* The view that can select an entity of this key's kind ("irq:41"): the first that names the kind,
 * else one that takes any; -1: none. */
int view_by_entity(const char *key);

/* --- parts several views use --- */

/* The knob that edits an entity of that kind, and the target it has there. False: none. */
bool view_knob_of(const struct entity *entity, const char **ret_knob, char *ret_target,
		  size_t size);
/* The knobs of an entity, or those of a CPU. */
void view_show_knobs(const char *key, struct ui_request *ret);
/* Asks for the CPUs of a target. now: the value it has, for targets the knob plans without listing
 * them; "" else. */
void view_edit_cpus(const char *knob, const char *target, const char *now, struct ui_request *ret);
/* Space, i and K on a CPU: the tag, isolating or releasing (the tagged ones, else this one), its
 * knobs. False: another command. */
bool view_cpu_command(const struct frame *frame, unsigned cpu, enum command command,
		      struct ui_request *ret);
/* Cursor keys of lists and tables. */
bool table_command(struct table_state *state, unsigned n_rows, enum command command);
/* Case-insensitive for ASCII. */
bool text_contains(const char *text, const char *needle);
/* The longest wakeup of each second, oldest first, the newest last; returns how many. */
unsigned view_max_series(const struct frame *frame, const char *key, float *ret_points,
			 unsigned max);
/* The value of metric as text with its role; "-" when the entity has none. */
enum role entity_format(const struct entity *entity, const char *metric, char *buf, size_t size);

#endif
