#define NCURSES_WIDECHAR 1

#include "tui/term.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define PAIRS_MAX 250
#define ESCAPE_DELAY_MS 25
#define STALL_MS 500

struct terminal {
	SCREEN *screen;
	struct theme theme;
	struct surface shown; /* what the terminal shows */
	bool is_shown_valid;
	bool has_color, has_mouse;
	int n_colors;
	struct {
		int foreground, background;
	} pairs[PAIRS_MAX];
	int n_pairs; /* used ones; pair numbers start at 1 */
	chtype role_attributes[ROLE_COUNT];
	short role_pairs[ROLE_COUNT];
};

/*
 * What a signal handler needs to leave a usable terminal behind: the one piece of mutable
 * file-scope state besides the curses screen. Set before the handlers are installed.
 */
static struct {
	struct termios saved;
	char leave[160];
	size_t leave_len;
	volatile sig_atomic_t is_armed;
	volatile sig_atomic_t is_ended; /* an ending signal came while a frame was being sent */
} fatal;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
/* SIGQUIT: Ctrl-\ dumps core as everywhere, but not onto a raw terminal. */
static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

static void on_fatal_signal(int signal)
{
	if (fatal.is_armed) {
		fatal.is_armed = 0;
		(void)!write(STDOUT_FILENO, fatal.leave, fatal.leave_len);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &fatal.saved);
	}
	/* SA_RESETHAND: the default action ends us, with a core dump where that is wanted. */
	(void)raise(signal);
}

/*
 * SIGTERM and its like come through the event loop, except while a frame is being written: a
 * stalled line (Ctrl-S, a dead connection) blocks that write for ever, and curses goes on after
 * EINTR. Then there is nothing to draw an end on: leave at once, the guard takes the trials back as
 * after any death of ours.
 */
static void on_ending_signal(int signal)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	fatal.is_ended = 1;
	if (poll(&p, 1, STALL_MS) > 0)
		return; /* it moves: the loop ends us properly */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &fatal.saved);
	_exit(128 + signal);
}

static void add_capability(const char *name)
{
	const char *text = tigetstr((char *)(uintptr_t)name);
	size_t n;

	if (!text || text == (const char *)-1)
		return;
	n = strlen(text);
	if (fatal.leave_len + n >= sizeof(fatal.leave))
		return;
	memcpy(fatal.leave + fatal.leave_len, text, n);
	fatal.leave_len += n;
}

static void arm_fatal_signals(void)
{
	static const char mouse_off[] = "\033[?1006l\033[?1000l";
	struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction ending = {.sa_handler = on_ending_signal};

	fatal.leave_len = 0;
	if (tigetstr((char *)(uintptr_t) "kmous") != NULL) {
		memcpy(fatal.leave, mouse_off, sizeof(mouse_off) - 1);
		fatal.leave_len = sizeof(mouse_off) - 1;
	}
	add_capability("sgr0");
	add_capability("rmkx");
	add_capability("cnorm");
	add_capability("rmcup");
	fatal.is_armed = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		(void)sigaction(fatal_signals[i], &action, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		struct sigaction before;

		/* What nohup ignores stays ignored. */
		if (sigaction(ending_signals[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			(void)sigaction(ending_signals[i], &ending, NULL);
	}
}

static void disarm_fatal_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	fatal.is_armed = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		(void)sigaction(fatal_signals[i], &action, NULL);
}

int term_check(char *why, size_t why_size)
{
	const char *name = getenv("TERM");
	int err = 0;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		snprintf(why, why_size,
			 "%s is not a terminal: use `jittertop snapshot` for output in a pipe or "
			 "file",
			 isatty(STDOUT_FILENO) ? "standard input" : "standard output");
		return -ENOTTY;
	}
	if (!name || !name[0]) {
		snprintf(why, why_size, "TERM is not set: try TERM=xterm-256color");
		return -EINVAL;
	}
	if (setupterm((char *)(uintptr_t)name, STDOUT_FILENO, &err) != OK) {
		snprintf(
			why, why_size,
			"the terminal type \"%.60s\" is %s: try TERM=xterm or install its terminfo "
			"entry",
			name, err == 1 ? "a hardcopy one" : "unknown here");
		return -EINVAL;
	}
	bool can_move = cursor_address != NULL;

	/* newterm() reads the entry again. */
	(void)del_curterm(cur_term);
	if (!can_move) {
		snprintf(why, why_size,
			 "the terminal type \"%.60s\" cannot move its cursor: try TERM=xterm",
			 name);
		return -EINVAL;
	}
	return 0;
}

bool term_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void set_modes(struct terminal *term, bool has_mouse)
{
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)leaveok(stdscr, FALSE);
	(void)curs_set(0);
	if (has_colors() && start_color() == OK) {
		term->has_color = true;
		term->n_colors = COLORS;
		(void)use_default_colors();
	}
	term_set_mouse(term, has_mouse);
}

int term_open(bool has_mouse, struct terminal **ret, char *why, size_t why_size)
{
	struct terminal *term = xcalloc(1, sizeof(*term));

	if (tcgetattr(STDIN_FILENO, &fatal.saved) < 0) {
		snprintf(why, why_size, "cannot read its settings: %s", strerror(errno));
		free(term);
		return -EIO;
	}
	(void)set_escdelay(ESCAPE_DELAY_MS);
	/* newterm() and not initscr(): that one exits by itself when it fails. */
	term->screen = newterm(NULL, stdout, stdin);
	if (!term->screen) {
		snprintf(why, why_size, "curses cannot use this terminal");
		free(term);
		return -EIO;
	}
	set_modes(term, has_mouse);
	arm_fatal_signals();
	*ret = term;
	return 0;
}

static bool is_writable(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLOUT);
}

static void let_ending_signals_in(sigset_t *ret_before)
{
	sigset_t ending;

	(void)sigemptyset(&ending);
	for (unsigned i = 0; i < ARRAY_SIZE(ending_signals); i++)
		(void)sigaddset(&ending, ending_signals[i]);
	(void)pthread_sigmask(SIG_UNBLOCK, &ending, ret_before);
}

void term_close(struct terminal *term)
{
	sigset_t before;

	if (!term)
		return;
	/* endwin() writes and drains: on a stalled or dead line that would block for ever. */
	if (is_writable()) {
		let_ending_signals_in(&before);
		term_set_mouse(term, false);
		(void)endwin();
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	} else {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &fatal.saved);
	}
	disarm_fatal_signals();
	delscreen(term->screen);
	surface_done(&term->shown);
	free(term);
}

int term_fd(const struct terminal *term)
{
	(void)term;
	return STDIN_FILENO;
}

/* The number of a pair of colours; 0, the terminal's own, when there are no more. */
static short pair_of(struct terminal *term, int foreground, int background)
{
	int limit = COLOR_PAIRS - 1 < PAIRS_MAX ? COLOR_PAIRS - 1 : PAIRS_MAX;

	if (!term->has_color || (foreground == COLOR_UNSET && background == COLOR_UNSET))
		return 0;
	for (int i = 0; i < term->n_pairs; i++) {
		if (term->pairs[i].foreground == foreground &&
		    term->pairs[i].background == background)
			return (short)(i + 1);
	}
	if (term->n_pairs >= limit ||
	    init_extended_pair(term->n_pairs + 1, foreground, background) == ERR)
		return 0;
	term->pairs[term->n_pairs].foreground = foreground;
	term->pairs[term->n_pairs].background = background;
	return (short)++term->n_pairs;
}

static chtype curses_attributes(unsigned attributes)
{
	return (attributes & STYLE_BOLD ? A_BOLD : 0) |
	       (attributes & STYLE_UNDERLINE ? A_UNDERLINE : 0) |
	       (attributes & STYLE_REVERSE ? A_REVERSE : 0) | (attributes & STYLE_DIM ? A_DIM : 0);
}

void term_set_theme(struct terminal *term, const struct theme *theme)
{
	term->theme = *theme;
	term->n_pairs = 0;
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const struct style *s = &theme->styles[i];
		int fg = color_degrade(s->foreground, term->n_colors);
		int bg = color_degrade(s->background, term->n_colors);
		unsigned attributes = s->attributes;

		/* Where there is no colour a background must still be seen. */
		if (!term->has_color && s->background != COLOR_UNSET && i != ROLE_DIALOG &&
		    i != ROLE_OLD && i != ROLE_NEW && i != ROLE_DIALOG_TITLE &&
		    i != ROLE_DIALOG_ERROR)
			attributes |= STYLE_REVERSE;
		/* With 8 colours many shades fall together: same on same would be invisible. */
		if (fg != COLOR_UNSET && fg == bg)
			fg = bg == COLOR_BLACK ? COLOR_WHITE : COLOR_BLACK;
		term->role_attributes[i] = curses_attributes(attributes);
		term->role_pairs[i] = pair_of(term, fg, bg);
	}
	term_redraw(term);
}

void term_redraw(struct terminal *term)
{
	term->is_shown_valid = false;
}

void term_resize(struct terminal *term, int *ret_width, int *ret_height)
{
	struct winsize size = {0};
	int width = COLS, height = LINES;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		width = size.ws_col;
		height = size.ws_row;
	}
	if (width != COLS || height != LINES) {
		(void)resizeterm(height, width);
		term_redraw(term);
	}
	*ret_width = COLS;
	*ret_height = LINES;
}

static void put_cell(const struct terminal *term, int x, int y, const struct cell *cell)
{
	wchar_t text[2] = {(wchar_t)cell->character, 0};
	cchar_t c;

	(void)setcchar(&c, text,
		       term->role_attributes[cell->role] | curses_attributes(cell->attributes),
		       term->role_pairs[cell->role], NULL);
	/* ERR for the last cell of the last line only says that the cursor could not move on. */
	(void)mvadd_wch(y, x, &c);
}

/* Sends what curses found to differ; ending signals get through meanwhile. */
static int send_frame(void)
{
	sigset_t before;
	int r;

	let_ending_signals_in(&before);
	r = refresh();
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == ERR ? -EIO : 0;
}

int term_flush(struct terminal *term, const struct surface *surface)
{
	bool is_all = !term->is_shown_valid || term->shown.width != surface->width ||
		      term->shown.height != surface->height;

	if (!is_all && surface_equal(&term->shown, surface))
		return 0;
	if (!is_writable())
		return -EAGAIN;
	if (is_all) {
		surface_done(&term->shown);
		surface_init(&term->shown, surface->width, surface->height, surface->is_ascii);
		(void)clear();
	}
	for (int i = 0; i < surface->width * surface->height; i++) {
		const struct cell *a = &surface->cells[i], *b = &term->shown.cells[i];

		if (a->character == 0 || (!is_all && a->character == b->character &&
					  a->role == b->role && a->attributes == b->attributes))
			continue;
		put_cell(term, i % surface->width, i / surface->width, a);
	}
	memcpy(term->shown.cells, surface->cells,
	       (size_t)surface->width * (size_t)surface->height * sizeof(*surface->cells));
	term->is_shown_valid = true;
	return send_frame();
}

bool term_was_ended(const struct terminal *term)
{
	(void)term;
	return fatal.is_ended;
}

static uint32_t translate(int key)
{
	static const struct {
		int curses;
		uint32_t code;
	} keys[] = {
		{KEY_UP, KEYCODE_UP},	      {KEY_DOWN, KEYCODE_DOWN},
		{KEY_LEFT, KEYCODE_LEFT},     {KEY_RIGHT, KEYCODE_RIGHT},
		{KEY_PPAGE, KEYCODE_PAGE_UP}, {KEY_NPAGE, KEYCODE_PAGE_DOWN},
		{KEY_HOME, KEYCODE_HOME},     {KEY_END, KEYCODE_END},
		{KEY_DC, KEYCODE_DELETE},     {KEY_BTAB, KEYCODE_BACKTAB},
		{KEY_ENTER, KEYCODE_ENTER},   {KEY_BACKSPACE, KEYCODE_BACKSPACE},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].curses == key)
			return keys[i].code;
	}
	if (key >= KEY_F(1) && key <= KEY_F(12))
		return KEYCODE_F1 + (uint32_t)(key - KEY_F(1));
	return 0;
}

static bool take_mouse(struct key *ret)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return false;
	ret->x = event.x;
	ret->y = event.y;
	if (event.bstate & BUTTON4_PRESSED)
		ret->code = KEYCODE_WHEEL_UP;
	else if (event.bstate & BUTTON5_PRESSED)
		ret->code = KEYCODE_WHEEL_DOWN;
	else if (event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED))
		ret->code = KEYCODE_MOUSE_CLICK;
	else
		return false;
	return true;
}

int term_key(struct terminal *term, struct key *ret)
{
	wint_t c;

	(void)term;
	for (;;) {
		int r = get_wch(&c);

		*ret = (struct key){0};
		if (r == ERR)
			return 0;
		if (r == KEY_CODE_YES && c == KEY_MOUSE) {
			if (take_mouse(ret))
				return 1;
			continue;
		}
		if (r == KEY_CODE_YES)
			ret->code = translate((int)c);
		else
			ret->code = c == '\n'	? KEYCODE_ENTER
				    : c == 0x08 ? KEYCODE_BACKSPACE
						: (uint32_t)c;
		if (ret->code)
			return 1;
	}
}

bool term_is_gone(const struct terminal *term)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int n = 0;

	(void)term;
	if (poll(&p, 1, 0) <= 0)
		return false;
	if (p.revents & (POLLHUP | POLLERR | POLLNVAL))
		return true;
	/* Readable with nothing to read is the end of file (curses hides both it and EIO). */
	return (p.revents & POLLIN) && (ioctl(STDIN_FILENO, FIONREAD, &n) < 0 || n == 0);
}

void term_set_mouse(struct terminal *term, bool is_on)
{
	term->has_mouse = is_on;
	(void)mouseinterval(0);
	(void)mousemask(
		is_on ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0,
		NULL);
}

void term_suspend(struct terminal *term)
{
	(void)term;
	if (is_writable())
		(void)endwin();
}

void term_resume(struct terminal *term)
{
	(void)refresh(); /* curses enters its mode again */
	term_redraw(term);
}
