#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/format.h"
#include "tui/widget.h"

#define LABELS 6 /* columns of the counts at the left */

/* The next of 1, 2, 5, 10 ... at or above ns, or at or below it. */
static uint64_t round_step(uint64_t ns, bool is_up)
{
	static const unsigned steps[] = {1, 2, 5, 10};
	uint64_t unit = 1;

	while (unit <= ns / 10)
		unit *= 10;
	for (unsigned i = 0; is_up && i < ARRAY_SIZE(steps); i++) {
		if (steps[i] * unit >= ns)
			return steps[i] * unit;
	}
	for (unsigned i = ARRAY_SIZE(steps); i-- > 0;) {
		if (steps[i] * unit <= ns)
			return steps[i] * unit;
	}
	return unit;
}

bool histogram_span(const struct histogram *h, uint64_t *ret_low_ns, uint64_t *ret_high_ns)
{
	uint64_t low, high;

	if (h->total == 0)
		return false;
	low = round_step(h->min_ns > 100 ? h->min_ns : 100, false);
	high = round_step(h->max_ns > low ? h->max_ns + 1 : low + 1, true);
	/* A single value is no axis. */
	if (high < 5 * low)
		high = 5 * low;
	*ret_low_ns = low;
	*ret_high_ns = high;
	return true;
}

/* Where on an axis of n bins. */
static double place(double ns, uint64_t low_ns, uint64_t high_ns, unsigned n)
{
	return n * log(fmax(ns, 1) / (double)low_ns) / log((double)high_ns / (double)low_ns);
}

void histogram_bins(const struct histogram *h, uint64_t low_ns, uint64_t high_ns, unsigned n,
		    double *ret_counts)
{
	for (unsigned i = 0; i < n; i++)
		ret_counts[i] = 0;
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		double from, to;

		if (h->counts[b] == 0)
			continue;
		/* Nothing lies beyond min and max: without this the first and the last bucket would
		 * show samples that are not there. */
		from = fmax((double)histogram_bucket_from(b), (double)h->min_ns);
		to = fmin((double)histogram_bucket_to(b), (double)h->max_ns + 1);
		from = fmin(fmax(place(from, low_ns, high_ns, n), 0), n - 1e-6);
		to = fmin(fmax(place(to, low_ns, high_ns, n), from + 1e-9), n);
		for (unsigned i = (unsigned)from; i < n && i < to; i++)
			ret_counts[i] += (double)h->counts[b] * (fmin(to, i + 1) - fmax(from, i)) /
					 (to - from);
	}
}

int histogram_height(double count, double top, int max)
{
	int height;

	if (count <= 0 || max < 1)
		return 0;
	/* From one sample (the lowest dot) to the top. */
	height = top <= 1 ? max : 1 + (int)lround((max - 1) * log(fmax(count, 1)) / log(top));
	return height > max ? max : height;
}

static double largest(const double *counts, unsigned n)
{
	double top = 0;

	for (unsigned i = 0; i < n; i++)
		top = fmax(top, counts[i]);
	return top;
}

/* Two columns and four rows of dots in a character: Unicode, block "Braille Patterns". */
static uint32_t braille(int left, int right)
{
	static const unsigned columns[2][4] = {{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}};
	uint32_t c = 0x2800;

	for (int i = 0; i < 4; i++) {
		c += i < left ? columns[0][i] : 0;
		c += i < right ? columns[1][i] : 0;
	}
	return c;
}

struct plot {
	const struct pane *pane;
	int x, width, rows;
	uint64_t low_ns, high_ns;
	unsigned (*level_of)(uint64_t ns);
};

static enum role role_at(const struct plot *plot, int column)
{
	double ratio = log((double)plot->high_ns / (double)plot->low_ns);
	double ns = (double)plot->low_ns * exp(ratio * (column + 0.5) / plot->width);

	return (enum role)(ROLE_HEAT_0 + plot->level_of((uint64_t)ns));
}

static void draw_bars(const struct plot *plot, const struct histogram *h)
{
	bool is_ascii = plot->pane->surface->is_ascii;
	unsigned per_cell = is_ascii ? 1 : 2, n = (unsigned)plot->width * per_cell;
	int dots = is_ascii ? 2 : 4;
	_cleanup_(freep) double *counts = xcalloc(n, sizeof(*counts));
	double top;

	histogram_bins(h, plot->low_ns, plot->high_ns, n, counts);
	top = largest(counts, n);
	for (int x = 0; x < plot->width; x++) {
		int left = histogram_height(counts[(unsigned)x * per_cell], top, plot->rows * dots);
		int right = histogram_height(counts[(unsigned)x * per_cell + per_cell - 1], top,
					     plot->rows * dots);

		for (int row = 0; row < plot->rows; row++) {
			int y = plot->rows - 1 - row, a = left - row * dots, b = right - row * dots;

			if (a <= 0 && b <= 0)
				break;
			pane_put(plot->pane, plot->x + x, y,
				 !is_ascii   ? braille(a, b)
				 : a >= dots ? '#'
					     : '.',
				 role_at(plot, x));
		}
	}
	/* The counts the highest bar and one dot stand for, of a bin. */
	char text[16];

	pane_text_right(plot->pane, 0, 0, LABELS - 1, ROLE_DIM,
			format_count(ceil(top), text, sizeof(text)));
	if (plot->rows > 2)
		pane_text_right(plot->pane, 0, plot->rows - 1, LABELS - 1, ROLE_DIM, "1");
	if (plot->rows > 4)
		pane_text_right(plot->pane, 0, plot->rows / 2, LABELS - 1, ROLE_DIM,
				format_count(ceil(sqrt(top)), text, sizeof(text)));
}

static int column_of(const struct plot *plot, uint64_t ns)
{
	int x = (int)place((double)ns, plot->low_ns, plot->high_ns, (unsigned)plot->width);

	return x < 0 ? 0 : x >= plot->width ? plot->width - 1 : x;
}

static void draw_marks(const struct plot *plot, const struct histogram_mark *marks, unsigned n)
{
	int used = -1; /* the last column that is taken */

	for (unsigned i = 0; i < n; i++) {
		int at = column_of(plot, marks[i].ns);
		int width = text_columns(marks[i].label) + 1;

		if (marks[i].ns == 0)
			continue;
		if (at > used) /* else it stands under the mark before it */
			pane_put(plot->pane, plot->x + at, plot->rows, '^', ROLE_MARK);
		if (at > used && at + width <= plot->width) {
			(void)pane_text(plot->pane, plot->x + at + 1, plot->rows, ROLE_LABEL,
					marks[i].label);
			used = at + width;
		} else if (at - width > used) { /* at the right edge: before the mark */
			(void)pane_text(plot->pane, plot->x + at - width + 1, plot->rows,
					ROLE_LABEL, marks[i].label);
			used = at;
		}
	}
}

static void draw_latencies(const struct plot *plot)
{
	static const unsigned steps[] = {1, 2, 5};
	int used = -1;

	for (uint64_t unit = 1; unit <= plot->high_ns; unit *= 10) {
		for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
			uint64_t ns = unit * steps[i];
			int at = column_of(plot, ns);
			char text[24] = "|";

			if (ns < plot->low_ns || ns > plot->high_ns)
				continue;
			(void)format_ns_short(ns, text + 1, sizeof(text) - 1);
			if (at <= used || at + text_columns(text) > plot->width)
				continue;
			(void)pane_text(plot->pane, plot->x + at, plot->rows + 1, ROLE_DIM, text);
			used = at + text_columns(text);
		}
	}
}

void widget_histogram(const struct pane *pane, const struct histogram *h,
		      const struct histogram_mark *marks, unsigned n_marks,
		      unsigned (*level_of)(uint64_t ns))
{
	struct plot plot = {.pane = pane,
			    .x = LABELS,
			    .width = pane->width - LABELS,
			    .rows = pane->height - 2,
			    .level_of = level_of};

	if (plot.width < 8 || plot.rows < 1)
		return;
	if (!histogram_span(h, &plot.low_ns, &plot.high_ns)) {
		(void)pane_text(pane, 0, 0, ROLE_DIM, "no samples");
		return;
	}
	draw_bars(&plot, h);
	draw_marks(&plot, marks, n_marks);
	draw_latencies(&plot);
}
