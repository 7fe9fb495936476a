#include "tui/measure_dialog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "tui/ui_internal.h"

#define MIN_INTERVAL_NS (100 * NSEC_PER_USEC)
#define MAX_INTERVAL_NS NSEC_PER_SEC
#define EMPTY_MEANS "every CPU this program may use"

static const enum measure_policy policies[] = {MEASURE_FIFO, MEASURE_RR, MEASURE_OTHER};

const char *measuring_policy_name(enum measure_policy policy)
{
	switch (policy) {
	case MEASURE_DEFAULT:
		return "the engine's own policy";
	case MEASURE_FIFO:
		return "fifo";
	case MEASURE_RR:
		return "rr";
	case MEASURE_OTHER:
		return "other";
	}
	return "?";
}

static bool is_typed(enum measure_field field)
{
	return field == MEASURE_CPUS || field == MEASURE_INTERVAL || field == MEASURE_SPIN ||
	       field == MEASURE_THRESHOLD || field == MEASURE_PRIORITY;
}

static bool is_button(enum measure_field field)
{
	return field >= MEASURE_START;
}

static bool is_shown(const struct ui_measure *m, enum measure_field field)
{
	if (field == MEASURE_SPIN || field == MEASURE_THRESHOLD)
		return m->engine->spin_ns > 0;
	return field != MEASURE_PRIORITY || m->policy != MEASURE_OTHER;
}

/* --- filling in --- */

/* Such that it can be typed again: exact, in the largest unit that divides it. */
static void set_duration(struct ui_input *input, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"s", NSEC_PER_SEC}, {"ms", NSEC_PER_MSEC}, {"us", NSEC_PER_USEC}, {"ns", 1}};
	char text[32];
	unsigned i = 0;

	while (ns % units[i].ns)
		i++;
	snprintf(text, sizeof(text), "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
	input_set(input, text);
}

/* What the engine does when nobody chooses; options may be NULL. */
static void fill_in(struct ui_measure *m, const struct measure_options *options)
{
	const struct engine *e = m->engine;
	const struct measure_options none = {0}, *o = options ? options : &none;
	unsigned priority = o->priority ? o->priority : e->priority;
	char text[16];

	set_duration(&m->inputs[MEASURE_INTERVAL],
		     o->interval_ns ? o->interval_ns : e->interval_ns);
	set_duration(&m->inputs[MEASURE_SPIN], o->spin_ns ? o->spin_ns : e->spin_ns);
	set_duration(&m->inputs[MEASURE_THRESHOLD],
		     o->threshold_ns ? o->threshold_ns : e->threshold_ns);
	m->policy = o->policy != MEASURE_DEFAULT ? o->policy : e->policy;
	snprintf(text, sizeof(text), "%u", priority ? priority : 1);
	input_set(&m->inputs[MEASURE_PRIORITY], text);
}

void measure_dialog_open(struct ui *ui, const struct frame *frame)
{
	struct ui_measure *m = &ui->measure;
	const struct measuring *now = frame->measuring;
	char list[PLAN_VALUE_MAX] = "";

	*m = (struct ui_measure){.engine = &engine_wakeup};
	if (now && now->wish.engine) {
		m->engine = now->wish.engine;
		m->is_forced = now->wish.options.is_forced;
		if (cpuset_format_list(&now->wish.options.cpus, list, sizeof(list)) < 0)
			list[0] = 0;
	}
	fill_in(m, now ? &now->wish.options : NULL);
	input_set(&m->inputs[MEASURE_CPUS], list);
	ui->mode = MODE_MEASURE;
}

/* --- what was typed --- */

static bool read_duration(struct ui_measure *m, enum measure_field field, uint64_t least,
			  uint64_t most, uint64_t *ret)
{
	static const char *const names[] = {[MEASURE_INTERVAL] = "interval",
					    [MEASURE_SPIN] = "spin time",
					    [MEASURE_THRESHOLD] = "threshold"};
	char from[24], to[24];

	if (parse_duration_ns(m->inputs[field].text, ret) == 0 && *ret >= least && *ret <= most)
		return true;
	snprintf(m->error, sizeof(m->error), "%s: \"%.40s\" is not %s to %s, as in 500us",
		 names[field], m->inputs[field].text, format_ns(least, from, sizeof(from)),
		 format_ns(most, to, sizeof(to)));
	m->field = field;
	return false;
}

static bool read_cpus(struct ui_measure *m, struct cpuset *ret)
{
	const char *wrong = NULL;

	if (cpuset_parse_list(m->inputs[MEASURE_CPUS].text, ret) < 0)
		wrong = "cpus: not a CPU list: it looks like 0-3,8";
	else if (cpuset_is_empty(ret) && m->engine->needs_named_cpus)
		wrong = "this engine takes much of a CPU: name the CPUs it may have";
	else if (cpuset_is_empty(ret) && m->is_forced)
		wrong = "CPUs that are measured against advice must be named";
	if (!wrong)
		return true;
	snprintf(m->error, sizeof(m->error), "%s", wrong);
	m->field = MEASURE_CPUS;
	return false;
}

static bool read_priority(struct ui_measure *m, unsigned *ret)
{
	uint64_t n;

	*ret = 0;
	if (m->policy == MEASURE_OTHER)
		return true;
	if (parse_u64(m->inputs[MEASURE_PRIORITY].text, &n) == 0 && n >= 1 && n <= 99) {
		*ret = (unsigned)n;
		return true;
	}
	snprintf(m->error, sizeof(m->error), "priority: 1 to 99");
	m->field = MEASURE_PRIORITY;
	return false;
}

static bool read_spin(struct ui_measure *m, struct measure_options *o)
{
	uint64_t most = o->interval_ns * 9 / 10;

	if (!m->engine->spin_ns)
		return true;
	if (most > ENGINE_LONGEST_RUN_NS)
		most = ENGINE_LONGEST_RUN_NS;
	return read_duration(m, MEASURE_SPIN, NSEC_PER_USEC, most, &o->spin_ns) &&
	       read_duration(m, MEASURE_THRESHOLD, 100, NSEC_PER_SEC, &o->threshold_ns);
}

static bool read_wish(struct ui_measure *m)
{
	struct measure_options *o = &m->wish.options;

	m->wish = (struct measuring_wish){
		.engine = m->engine,
		.options = {.policy = m->policy, .is_forced = m->is_forced},
	};
	return read_cpus(m, &o->cpus) &&
	       read_duration(m, MEASURE_INTERVAL, MIN_INTERVAL_NS, MAX_INTERVAL_NS,
			     &o->interval_ns) &&
	       read_spin(m, o) && read_priority(m, &o->priority);
}

/* --- keys --- */

static void move(struct ui_measure *m, int step)
{
	int at = (int)m->field;

	do
		at = (at + step + MEASURE_FIELDS) % MEASURE_FIELDS;
	while (!is_shown(m, (enum measure_field)at));
	m->field = (enum measure_field)at;
}

/* The next engine with threads of ours: references run for a bounded time, see the check. */
static void next_engine(struct ui_measure *m, int step)
{
	unsigned n = 0, at = 0;

	while (engine_at(n)) {
		if (engine_at(n) == m->engine)
			at = n;
		n++;
	}
	do
		at = (at + (step < 0 ? n - 1 : 1)) % n;
	while (!engine_at(at)->run);
	m->engine = engine_at(at);
	fill_in(m, NULL);
}

static void change(struct ui_measure *m, int step)
{
	unsigned at = 0;

	if (m->field == MEASURE_ENGINE) {
		next_engine(m, step);
	} else if (m->field == MEASURE_FORCED) {
		m->is_forced = !m->is_forced;
	} else if (m->field == MEASURE_POLICY) {
		while (policies[at] != m->policy)
			at++;
		m->policy = policies[(at + (step < 0 ? ARRAY_SIZE(policies) - 1 : 1)) %
				     ARRAY_SIZE(policies)];
	}
}

static void press(struct ui *ui, const struct frame *frame, struct ui_action *ret)
{
	struct ui_measure *m = &ui->measure;
	const struct measuring *now = frame->measuring;

	m->error[0] = 0;
	if (!now || now->state == MEASURING_NEVER) {
		snprintf(m->error, sizeof(m->error), "%s", now ? now->why : "not measured here");
	} else if (m->field == MEASURE_CHECK) {
		check_dialog_open(ui, frame);
	} else if (m->field == MEASURE_STOP) {
		ret->type = ACTION_MEASURE_STOP;
	} else if (m->field == MEASURE_RESET) {
		ret->type = ACTION_MEASURE_RESET;
	} else if (read_wish(m)) {
		ret->type = ACTION_MEASURE;
		ret->wish = &m->wish;
	}
}

static void list_key(struct ui_measure *m, const struct frame *frame, uint32_t key)
{
	enum cpulist_result r = cpulist_key(&m->cpulist, frame->machine, key);

	if (r == CPULIST_OPEN)
		return;
	if (r == CPULIST_TAKEN)
		input_set(&m->inputs[MEASURE_CPUS], m->cpulist.input.text);
	m->is_listing = false;
}

static bool is_character(enum measure_field field, uint32_t key)
{
	static const char *const allowed[MEASURE_FIELDS] = {
		[MEASURE_CPUS] = "0123456789,-:/",  [MEASURE_INTERVAL] = "0123456789.nums",
		[MEASURE_SPIN] = "0123456789.nums", [MEASURE_THRESHOLD] = "0123456789.nums",
		[MEASURE_PRIORITY] = "0123456789",
	};

	/* Other keys that an input line knows (cursor, delete) are no characters. */
	return key < 0x20 || key >= 0x7f || strchr(allowed[field], (int)key);
}

static void field_key(struct ui_measure *m, uint32_t key)
{
	if (key == ' ' && m->field == MEASURE_CPUS) {
		m->is_listing = true;
		cpulist_open(&m->cpulist, "CPUs to measure", EMPTY_MEANS,
			     m->inputs[MEASURE_CPUS].text);
	} else if (is_typed(m->field)) {
		if (is_character(m->field, key) && input_key(&m->inputs[m->field], key))
			m->error[0] = 0;
	} else if (is_button(m->field)) {
		if (key == KEYCODE_LEFT || key == KEYCODE_RIGHT)
			move(m, key == KEYCODE_LEFT ? -1 : 1);
	} else if (key == ' ' || key == KEYCODE_RIGHT || key == KEYCODE_LEFT) {
		change(m, key == KEYCODE_LEFT ? -1 : 1);
		m->error[0] = 0;
	}
}

void measure_dialog_key(struct ui *ui, const struct frame *frame, const struct key *key,
			struct ui_action *ret)
{
	struct ui_measure *m = &ui->measure;

	if (m->is_listing)
		list_key(m, frame, key->code);
	else if (key->code == KEYCODE_ESC)
		ui->mode = MODE_NORMAL;
	else if (key->code == KEYCODE_ENTER || (key->code == ' ' && is_button(m->field)))
		press(ui, frame, ret);
	else if (key->code == KEYCODE_UP || key->code == KEYCODE_BACKTAB)
		move(m, -1);
	else if (key->code == KEYCODE_DOWN || key->code == KEYCODE_TAB)
		move(m, 1);
	else
		field_key(m, key->code);
}

/* --- drawing --- */

static const char *list_text(const struct cpuset *cpus, char *buf, size_t size)
{
	if (cpuset_is_empty(cpus))
		snprintf(buf, size, "no cpu");
	else if (cpuset_format_list(cpus, buf, size) < 0)
		snprintf(buf, size, "%u cpus", cpuset_count(cpus));
	return buf;
}

const char *measuring_text(const struct measuring *now, char *buf, size_t size)
{
	const struct measure_options *o = &now->wish.options;
	char list[40], interval[24], priority[16] = "";

	if (now->state != MEASURING_ON)
		snprintf(buf, size, "%s%s",
			 now->state == MEASURING_CHANGING ? "changing ..." : "off: ",
			 now->state == MEASURING_CHANGING ? "" : now->why);
	else {
		if (o->policy == MEASURE_FIFO || o->policy == MEASURE_RR)
			snprintf(priority, sizeof(priority), " %u", o->priority);
		snprintf(buf, size, "%s on cpu %s every %s, %s%s", now->wish.engine->name,
			 list_text(&now->cpus, list, sizeof(list)),
			 format_ns(o->interval_ns, interval, sizeof(interval)),
			 measuring_policy_name(o->policy), priority);
	}
	return buf;
}

static int draw_state(const struct measuring *now, const struct pane *in)
{
	char text[400], list[40];
	int y;

	(void)pane_text(in, 0, 0, ROLE_DIALOG_TITLE, "now");
	pane_text_in(in, 11, 0, in->width - 11, ROLE_DIALOG,
		     now ? measuring_text(now, text, sizeof(text)) : "not measured here");
	y = 1;
	if (!now || now->state != MEASURING_ON)
		return y;
	if (now->n_fallen_back)
		(void)pane_printf(in, 11, y++, ROLE_DIALOG_ERROR,
				  "%u of them got no real-time priority: ordinary tasks",
				  now->n_fallen_back);
	if (now->is_shared)
		snprintf(text, sizeof(text),
			 "this program itself runs on them too: no other CPU left");
	else
		snprintf(text, sizeof(text), "this program itself keeps to cpu %s",
			 list_text(&now->own, list, sizeof(list)));
	pane_text_in(in, 11, y++, in->width - 11, ROLE_DIALOG, text);
	return y;
}

static int draw_choice(const struct pane *in, int x, int y, enum role role, bool is_chosen,
		       const char *name)
{
	return pane_printf(in, x, y, is_chosen ? role : ROLE_DIALOG, is_chosen ? "[%s]" : " %s ",
			   name);
}

static void draw_value(const struct ui_measure *m, enum measure_field field, const struct pane *in,
		       int y)
{
	enum role role = field == m->field ? ROLE_INPUT : ROLE_DIALOG;
	int x = 11;

	if (field == MEASURE_ENGINE) {
		for (unsigned i = 0; engine_at(i); i++) {
			if (engine_at(i)->run)
				x = draw_choice(in, x, y, role, engine_at(i) == m->engine,
						engine_at(i)->name);
		}
		pane_text_in(in, x + 1, y, in->width - x - 1, ROLE_DIALOG, m->engine->summary);
	} else if (field == MEASURE_POLICY) {
		for (unsigned i = 0; i < ARRAY_SIZE(policies); i++)
			x = draw_choice(in, x, y, role, policies[i] == m->policy,
					measuring_policy_name(policies[i]));
	} else if (field == MEASURE_FORCED) {
		(void)pane_printf(in, x, y, role,
				  "[%c] also with real-time or vCPU threads there or throttling "
				  "off",
				  m->is_forced ? 'x' : ' ');
	} else if (field == m->field) {
		input_draw(&m->inputs[field], in, x, y, field == MEASURE_CPUS ? 30 : 10);
	} else {
		(void)pane_text(in, x, y, ROLE_DIALOG, m->inputs[field].text);
	}
	if (field == MEASURE_CPUS) {
		pane_text_in(in, 42, y, in->width - 42, ROLE_DIALOG,
			     m->inputs[field].text[0] ? "Space: check list"
						      : "every one it may use; Space: list");
	}
}

static int draw_fields(const struct ui_measure *m, const struct pane *in, int y)
{
	static const char *const labels[] = {"cpus",	  "engine", "interval", "spin",
					     "threshold", "policy", "priority", "anyway"};

	for (unsigned i = MEASURE_CPUS; i < MEASURE_START; i++) {
		enum measure_field field = (enum measure_field)i;

		if (!is_shown(m, field))
			continue;
		(void)pane_text(in, 0, y, field == m->field ? ROLE_DIALOG_TITLE : ROLE_DIALOG,
				field == m->field ? ">" : " ");
		(void)pane_text(in, 1, y, field == m->field ? ROLE_DIALOG_TITLE : ROLE_DIALOG,
				labels[i]);
		draw_value(m, field, in, y++);
	}
	return y;
}

static int draw_left_out(const struct measuring *now, const struct pane *in, int y, unsigned most)
{
	for (unsigned i = 0; now && i < now->n_left_out && i < ARRAY_SIZE(now->left_out); i++) {
		char text[200];

		if (i == most) {
			(void)pane_printf(in, 11, y++, ROLE_DIALOG, "and %u more",
					  now->n_left_out - i);
			break;
		}
		snprintf(text, sizeof(text), "cpu %u is left out: %s", now->left_out[i].cpu,
			 now->left_out[i].why);
		pane_text_in(in, 0, y++, in->width, ROLE_DIALOG, text);
	}
	return y;
}

static void draw_buttons(const struct ui_measure *m, const struct frame *frame,
			 const struct pane *in, int y)
{
	bool is_on = frame->measuring && frame->measuring->state == MEASURING_ON;
	const char *const names[] = {is_on ? "Apply" : "Start", "Stop", "Reset figures",
				     "Check against cyclictest"};
	int x = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		bool is_here = m->field == MEASURE_START + i;

		x = pane_printf(in, x, y, is_here ? ROLE_INPUT : ROLE_DIALOG,
				is_here ? "[>%s<]" : "[ %s ]", names[i]);
		x++;
	}
}

void measure_dialog_draw(struct ui *ui, const struct frame *frame, const struct pane *pane)
{
	struct ui_measure *m = &ui->measure;
	int width = pane->width < 78 ? pane->width : 78, y;
	int error_lines = widget_paragraph(NULL, 0, ROLE_TEXT, m->error, width - 4);
	const struct pane nowhere = pane_sub(pane, 0, 0, 0, 0);
	int lines = draw_state(frame->measuring, &nowhere) + 1;
	struct pane in;

	lines = draw_fields(m, &nowhere, lines);
	lines = draw_left_out(frame->measuring, &nowhere, lines, 3) + error_lines + 1;
	in = widget_box(pane, width, lines + 4, "measuring");
	y = draw_state(frame->measuring, &in) + 1;
	y = draw_fields(m, &in, y);
	y = draw_left_out(frame->measuring, &in, y, 3);
	(void)widget_paragraph(&in, y, ROLE_DIALOG_ERROR, m->error, in.width);
	draw_buttons(m, frame, &in, in.height - 2);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE,
		     "Up Down field   Space Left Right choose   Enter do it   Esc close");
	if (m->is_listing)
		cpulist_draw(&m->cpulist, frame->machine, pane);
}
