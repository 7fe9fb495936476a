#include "tui/reference_dialog.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui_internal.h"

/* --- asking --- */

static void ask(struct ui *ui, const struct frame *frame)
{
	struct ui_check *c = &ui->check;
	char list[PLAN_VALUE_MAX] = "";

	*c = (struct ui_check){.is_asking = true};
	if (frame->measuring && cpuset_format_list(&frame->measuring->cpus, list, sizeof(list)) < 0)
		list[0] = 0;
	input_set(&c->cpus, list);
}

void check_dialog_open(struct ui *ui, const struct frame *frame)
{
	if (!frame->measuring || frame->measuring->state == MEASURING_NEVER) {
		ui_message(ui, ROLE_WARNING, "no check here: %s",
			   frame->measuring ? frame->measuring->why : "nothing is measured");
		return;
	}
	ask(ui, frame);
	ui->check.is_asking = !frame->check;
	ui->mode = MODE_CHECK;
}

static void begin(struct ui_check *c, struct ui_action *ret)
{
	struct cpuset *cpus = &c->wish.options.cpus;

	c->wish = (struct measuring_wish){0};
	if (cpuset_parse_list(c->cpus.text, cpus) < 0) {
		snprintf(c->error, sizeof(c->error), "not a CPU list: it looks like 0-3,8");
		return;
	}
	if (cpuset_is_empty(cpus)) {
		snprintf(c->error, sizeof(c->error), "on which CPUs? Space shows them");
		return;
	}
	c->is_asking = false;
	ret->type = ACTION_CHECK;
	ret->wish = &c->wish;
}

static void ask_key(struct ui *ui, const struct frame *frame, uint32_t key, struct ui_action *ret)
{
	struct ui_check *c = &ui->check;

	if (c->is_listing) {
		enum cpulist_result r = cpulist_key(&c->cpulist, frame->machine, key);

		c->is_listing = r == CPULIST_OPEN;
		if (r == CPULIST_TAKEN)
			input_set(&c->cpus, c->cpulist.input.text);
	} else if (key == KEYCODE_ESC) {
		ui->mode = MODE_NORMAL;
	} else if (key == KEYCODE_ENTER) {
		begin(c, ret);
	} else if (key == ' ') {
		c->is_listing = true;
		cpulist_open(&c->cpulist, "CPUs to check", "", c->cpus.text);
	} else if (input_key(&c->cpus, key)) {
		c->error[0] = 0;
	}
}

void check_dialog_key(struct ui *ui, const struct frame *frame, const struct key *key,
		      struct ui_action *ret)
{
	struct ui_check *c = &ui->check;

	if (c->is_asking) {
		ask_key(ui, frame, key->code, ret);
	} else if (key->code == KEYCODE_ESC) {
		if (check_is_running(frame->check))
			ret->type = ACTION_CHECK_CANCEL;
		ui->mode = MODE_NORMAL;
	} else if (key->code == KEYCODE_ENTER && !check_is_running(frame->check)) {
		ask(ui, frame);
	}
}

static void draw_asking(struct ui_check *c, const struct frame *frame, const struct pane *pane)
{
	struct pane in = widget_box(pane, 70, 12, "check against cyclictest");
	int y = 0;

	(void)pane_text(&in, 0, y, ROLE_DIALOG, "cpus");
	input_draw(&c->cpus, &in, 6, y, 30);
	pane_text_in(&in, 38, y, in.width - 38, ROLE_DIALOG, "Space: check list");
	y += 2;
	(void)widget_paragraph(
		&in, y, ROLE_DIALOG,
		"Our figures of the last 10 s are compared with 10 s of cyclictest on the same "
		"CPUs, with the same interval, policy and priority. Our threads there stop for "
		"that time: both at once would disturb each other.",
		in.width);
	pane_text_in(&in, 0, in.height - 3, in.width, ROLE_DIALOG_ERROR, c->error);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE,
		     "Enter start   Space choose CPUs   Esc close");
	if (c->is_listing)
		cpulist_draw(&c->cpulist, frame->machine, pane);
}

/* --- under way --- */

static void draw_progress(const struct reference_check *check, const struct frame *frame,
			  const struct pane *pane)
{
	struct pane in = widget_box(pane, 70, 9, "check against cyclictest");
	uint64_t passed = frame->now_ns > check->start_ns ? frame->now_ns - check->start_ns : 0;
	double share = (double)passed / (double)CHECK_DURATION_NS;
	const struct bar_part part = {
		.share = share > 1 ? 1 : share, .role = ROLE_BAR_USER, .mark = '|'};
	char list[64];
	static const char *const texts[] = {
		[CHECK_OURS] = "1 of 2: our own figures",
		[CHECK_PAUSING] = "our threads stop",
		[CHECK_REFERENCE] = "2 of 2: cyclictest runs",
		[CHECK_DONE] = "",
		[CHECK_FAILED] = "",
	};

	if (cpuset_format_list(&check->cpus, list, sizeof(list)) < 0)
		snprintf(list, sizeof(list), "%u cpus", cpuset_count(&check->cpus));
	(void)pane_printf(&in, 0, 0, ROLE_DIALOG, "cpu %s", list);
	(void)pane_text(&in, 0, 2, ROLE_DIALOG, texts[check->phase]);
	if (check->phase != CHECK_PAUSING) {
		widget_bar(&in, 0, 3, in.width - 12, &part, 1);
		(void)pane_printf(&in, in.width - 11, 3, ROLE_DIALOG, "%2.0f of %.0f s",
				  fmin((double)passed, (double)CHECK_DURATION_NS) / 1e9,
				  (double)CHECK_DURATION_NS / 1e9);
	}
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE,
		     "Esc cancels: what runs is ended");
}

/* --- the result --- */

static void put_quantile(const struct pane *in, int x, int y, const struct histogram *h, double q)
{
	char text[24] = "-";
	uint64_t ns;

	if (histogram_quantile(h, q, &ns))
		format_ns(ns, text, sizeof(text));
	pane_text_right(in, x, y, 9, ROLE_DIALOG, text);
}

static void draw_side(const struct check_side *side, const struct pane *in, int y)
{
	const struct histogram *h = &side->histogram;
	static const double quantiles[] = {0.5, 0.99, 0.999, 1};
	char text[24] = "-";

	pane_text_in(in, 0, y, 11, ROLE_DIALOG, side->name);
	if (h->total)
		format_ns(h->min_ns, text, sizeof(text));
	pane_text_right(in, 11, y, 9, ROLE_DIALOG, text);
	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++)
		put_quantile(in, 20 + 9 * (int)i, y, h, quantiles[i]);
	snprintf(text, sizeof(text), "%" PRIu64, h->total);
	pane_text_right(in, 56, y, 10, ROLE_DIALOG, text);
}

static int draw_table(const struct reference_check *check, const struct pane *in, int y)
{
	static const char *const titles[] = {"min", "p50", "p99", "p99.9", "max"};
	char list[64];

	if (cpuset_format_list(&check->cpus, list, sizeof(list)) < 0)
		snprintf(list, sizeof(list), "%u cpus", cpuset_count(&check->cpus));
	pane_text_in(in, 0, y, 11, ROLE_DIALOG_TITLE, "");
	(void)pane_printf(in, 0, y, ROLE_DIALOG_TITLE, "cpu %.7s", list);
	for (unsigned i = 0; i < ARRAY_SIZE(titles); i++)
		pane_text_right(in, 11 + 9 * (int)i, y, 9, ROLE_DIALOG_TITLE, titles[i]);
	pane_text_right(in, 56, y++, 10, ROLE_DIALOG_TITLE, "samples");
	draw_side(&check->ours, in, y++);
	draw_side(&check->theirs, in, y++);
	return y;
}

static int draw_distance(const struct reference_check *check, const struct pane *in, int y)
{
	double chance = check_distance_by_chance(check->ours.histogram.total,
						 check->theirs.histogram.total);

	if (isnan(check->distance))
		return y;
	(void)pane_printf(in, 0, y, ROLE_DIALOG_TITLE, "Kolmogorov-Smirnov distance %.3f",
			  check->distance);
	(void)pane_printf(in, 36, y, ROLE_DIALOG, "(0 same, 1 apart; chance alone %.3f)", chance);
	return y + 1;
}

/* Lines of text, each with its own wrapping. */
static int draw_confounders(const struct reference_check *check, const struct pane *in, int y)
{
	return y + widget_paragraph(in, y, ROLE_DIALOG, check->confounders, in->width);
}

static void draw_axis(const struct pane *pane, uint64_t low, uint64_t high)
{
	int free_from = 0, width = pane->width;

	for (uint64_t unit = 100; unit <= high; unit *= 10) {
		for (unsigned i = 0; i < 3; i++) {
			uint64_t ns = unit * (i * i + 1); /* 1, 2, 5 */
			char text[24] = "|";
			int x;

			if (ns < low || ns > high)
				continue;
			x = (int)(width * log((double)ns / (double)low) /
				  log((double)high / (double)low));
			(void)format_ns_short(ns, text + 1, sizeof(text) - 1);
			if (x < free_from || x + text_columns(text) > width)
				continue;
			free_from = pane_text(pane, x, pane->height - 1, ROLE_DIALOG, text) + 1;
		}
	}
}

/* Ours as bars, theirs as a line of dots, on one axis: log latency, log share. */
static void draw_chart(const struct reference_check *check, const struct pane *pane)
{
	unsigned n = pane->width > 2 ? (unsigned)pane->width : 0;
	_cleanup_(freep) struct histogram *both = xcalloc(1, sizeof(*both));
	_cleanup_(freep) double *ours = xcalloc(n + 1, sizeof(*ours));
	_cleanup_(freep) double *theirs = xcalloc(n + 1, sizeof(*theirs));
	double scale = (double)check->ours.histogram.total / (double)check->theirs.histogram.total;
	double top = 1;
	uint64_t low, high;
	int rows = pane->height - 2;

	*both = check->ours.histogram;
	histogram_add(both, &check->theirs.histogram);
	if (!n || !check->ours.histogram.total || !check->theirs.histogram.total ||
	    !histogram_span(both, &low, &high))
		return;
	check_bins(&check->ours.histogram, 1, low, high, n, ours);
	check_bins(&check->theirs.histogram, check->resolution_ns, low, high, n, theirs);
	for (unsigned i = 0; i < n; i++)
		top = fmax(top, fmax(ours[i], theirs[i] * scale));
	(void)pane_printf(pane, 0, 0, ROLE_DIALOG, "# %s   o %s   (log scales)", check->ours.name,
			  check->theirs.name);
	for (unsigned i = 0; i < n; i++) {
		int a = histogram_height(ours[i], top, rows);
		int b = histogram_height(theirs[i] * scale, top, rows);

		for (int y = 1; y <= a; y++)
			pane_put(pane, (int)i, rows + 1 - y, '#', ROLE_OLD);
		if (b > 0)
			pane_put(pane, (int)i, rows + 1 - b, 'o', ROLE_NEW);
	}
	draw_axis(pane, low, high);
}

static void draw_result(const struct reference_check *check, const struct pane *pane)
{
	int width = pane->width < 78 ? pane->width : pane->width < 120 ? pane->width - 2 : 116;
	struct pane in = widget_box(pane, width, pane->height, "check against cyclictest");
	int notes = widget_paragraph(NULL, 0, ROLE_TEXT, check->confounders, in.width), y;

	y = draw_table(check, &in, 0);
	y = draw_distance(check, &in, y);
	if (in.height - 1 - notes - y > 4) {
		struct pane chart = pane_sub(&in, 0, y, in.width, in.height - 1 - notes - y);

		draw_chart(check, &chart);
		y += chart.height;
	}
	(void)draw_confounders(check, &in, y);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE, "Enter again   Esc close");
}

static void draw_failed(const struct reference_check *check, const struct pane *pane)
{
	struct pane in = widget_box(pane, 70, 9, "check against cyclictest");

	(void)widget_paragraph(&in, 0, ROLE_DIALOG_ERROR, check->why, in.width);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE, "Enter again   Esc close");
}

void check_dialog_draw(struct ui *ui, const struct frame *frame, const struct pane *pane)
{
	const struct reference_check *check = frame->check;

	if (ui->check.is_asking || !check)
		draw_asking(&ui->check, frame, pane);
	else if (check_is_running(check))
		draw_progress(check, frame, pane);
	else if (check->phase == CHECK_DONE)
		draw_result(check, pane);
	else
		draw_failed(check, pane);
}
